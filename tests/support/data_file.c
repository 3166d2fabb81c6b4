#include "data_file.h"

#include <criterion/criterion.h>
#include <stdio.h>

#include "expect.h"
#include "scratch.h"

mh_hdf5_file *data_file_start(const char *name)
{
    mh_hdf5_file *file = NULL;

    MUST(mh_hdf5_file_create(scratch_path(name), &file));
    return file;
}

void data_file_put(mh_hdf5_file *file, const char *name, mh_element element, size_t rows, size_t columns,
                   const void *data)
{
    MUST(mh_hdf5_file_add(file, name, element, rows, columns));
    if (rows > 0)
        MUST(mh_hdf5_file_write(file, name, (mh_span){0, rows}, element, data));
}

const char *data_file_finish(mh_hdf5_file *file)
{
    static char path[4096];

    snprintf(path, sizeof path, "%s", mh_hdf5_file_path(file));
    MUST(mh_hdf5_file_commit(file));
    mh_hdf5_file_close(file);
    return path;
}

const char *data_file_of(const char *name, const mh_batch *batch)
{
    const int64_t missing = MH_LABEL_MISSING;
    mh_hdf5_file *file = data_file_start(name);

    data_file_put(file, "features", MH_FLOAT32, batch->rows, batch->inputs, batch->features);
    data_file_put(file, "labels", MH_UINT16, batch->rows, batch->heads, batch->labels);
    MUST(mh_hdf5_file_set_integers(file, "labels", "missing_value", 1, &missing));
    return data_file_finish(file);
}

mh_dataset *data_file_open(const char *path)
{
    mh_dataset_config config = {.paths = (char *const[]){(char *)path}, .path_count = 1};
    mh_dataset *dataset = NULL;

    MUST(mh_dataset_open(&config, &dataset));
    return dataset;
}
