#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "data_source.h"
#include "folder.h"
#include "multihead/base/log.h"
#include "multihead/base/memory.h"
#include "multihead/base/phase.h"
#include "multihead/base/text.h"
#include "multihead/data/hdf5_file.h"

enum { BLOCK_ROWS = 8192, PATH_BYTES = 4096 };

mh_status command_generate_check(const options *o)
{
    if (o->output == NULL)
        return MH_FAIL(MH_ERR_USAGE, "say where to write: --output data/tutorial.h5");
    if (options_is_given(o, "shards") && o->shards == 0)
        return MH_FAIL(MH_ERR_USAGE, "--shards 0: expected the number of files, from 1");
    return MH_OK;
}

/* Rows of the selection that go into one file. */
static mh_span file_rows(const options *o, size_t rows, size_t file)
{
    return o->shards == 0 ? (mh_span){0, rows} : mh_span_part(rows, file, o->shards);
}

static void file_path(const options *o, size_t file, char path[PATH_BYTES])
{
    if (o->shards == 0)
        snprintf(path, PATH_BYTES, "%s", o->output);
    else
        snprintf(path, PATH_BYTES, "%s/shard-%05zu.h5", o->output, file);
}

static mh_status add_datasets(mh_hdf5_file *file, const mh_schema *schema, size_t rows)
{
    mh_status status = MH_OK;
    int64_t *classes = NULL;
    bool is_small = true;

    MH_TRY(mh_memory_array(schema->heads, sizeof *classes, &classes));
    for (size_t h = 0; h < schema->heads; h++) {
        classes[h] = (int64_t)schema->classes[h];
        is_small = is_small && classes[h] <= UINT8_MAX;
    }
    MH_TRY(mh_hdf5_file_add(file, "features", MH_FLOAT32, rows, schema->inputs));
    MH_TRY(mh_hdf5_file_add(file, "labels", is_small ? MH_UINT8 : MH_UINT16, rows, schema->heads));
    MH_TRY(mh_hdf5_file_set_integers(file, "labels", "num_classes", schema->heads, classes));
cleanup:
    mh_memory_free(classes);
    return status;
}

static mh_status write_file(mh_dataset *dataset, const char *path, mh_span rows, float *features,
                            mh_label *labels)
{
    mh_status status = MH_OK;
    mh_hdf5_file *file = NULL;

    MH_TRY(mh_hdf5_file_create(path, &file));
    MH_TRY(add_datasets(file, mh_dataset_schema(dataset), rows.count));
    for (size_t done = 0; done < rows.count; done += BLOCK_ROWS) {
        size_t count = rows.count - done < BLOCK_ROWS ? rows.count - done : BLOCK_ROWS;
        mh_span there = {done, count};

        MH_TRY(mh_dataset_read(dataset, (mh_span){rows.first + done, count}, features, labels));
        mh_phase_enter("writing rows");
        MH_TRY(mh_hdf5_file_write(file, "features", there, MH_FLOAT32, features));
        MH_TRY(mh_hdf5_file_write(file, "labels", there, MH_UINT16, labels));
    }
    MH_TRY(mh_hdf5_file_commit(file));
cleanup:
    mh_hdf5_file_close(file);
    return status;
}

/* Every rank writes its own files; without --shards there is one, and rank 0 writes it. */
static mh_status write_files(const options *o, mh_dataset *dataset, mh_span files)
{
    mh_status status = MH_OK;
    const mh_schema *schema = mh_dataset_schema(dataset);
    float *features = NULL;
    mh_label *labels = NULL;
    char path[PATH_BYTES];

    MH_TRY(mh_memory_array(BLOCK_ROWS, schema->inputs * sizeof *features, &features));
    MH_TRY(mh_memory_array(BLOCK_ROWS, schema->heads * sizeof *labels, &labels));
    for (size_t file = files.first; file < mh_span_end(files); file++) {
        file_path(o, file, path);
        MH_TRY(write_file(dataset, path, file_rows(o, mh_dataset_rows(dataset), file), features, labels));
    }
cleanup:
    mh_memory_free(features);
    mh_memory_free(labels);
    return status;
}

static mh_status open_source(const options *o, mh_dataset **out)
{
    mh_status status = MH_OK;
    mh_generator_config generator = data_source_generator(o);
    mh_dataset_config config = {.generator = &generator};

    MH_TRY(mh_dataset_open(&config, out));
    MH_TRY(mh_dataset_select(*out, &o->rows));
    if (o->shards > mh_dataset_rows(*out))
        status =
            MH_FAIL(MH_ERR_USAGE, "--shards %zu: there are only %zu rows", o->shards, mh_dataset_rows(*out));
cleanup:
    return status;
}

/* A folder of shards is one data set: files of an earlier one with more shards would become part of it. */
static mh_status check_leftovers(const options *o)
{
    mh_status status = MH_OK;
    DIR *folder = opendir(o->output);

    if (folder == NULL)
        return MH_FAIL(MH_ERR_IO, "%s: this folder cannot be read: %s", o->output, strerror(errno));
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        const char *dot = strrchr(entry->d_name, '.');
        size_t number = 0;
        bool is_data = dot != NULL && dot != entry->d_name && entry->d_name[0] != '.' &&
                       (strcmp(dot, ".h5") == 0 || strcmp(dot, ".hdf5") == 0);
        bool is_ours = sscanf(entry->d_name, "shard-%5zu.h5", &number) == 1 && number < o->shards;

        if (is_data && !is_ours)
            status = MH_FAIL(MH_ERR_IO,
                             "%s/%s would become part of these shards; remove it or take another folder",
                             o->output, entry->d_name);
    }
    closedir(folder);
    return status;
}

static mh_status make_folder(const options *o)
{
    mh_status status = MH_OK;

    if (o->shards == 0)
        return folder_make_for(o->output);
    MH_TRY(folder_make(o->output));
    MH_TRY(check_leftovers(o));
cleanup:
    return status;
}

mh_status command_generate(const mh_comm *comm, const options *o)
{
    mh_status status = MH_OK;
    mh_dataset *dataset = NULL;
    size_t rank = mh_comm_rank(comm), ranks = mh_comm_ranks(comm), files = o->shards == 0 ? 1 : o->shards;
    char rows[MH_TEXT_BYTES];

    MH_TRY(mh_comm_agree(comm, open_source(o, &dataset)));
    MH_TRY(mh_comm_agree(comm, rank == 0 ? make_folder(o) : MH_OK));
    MH_TRY(mh_comm_agree(comm, write_files(o, dataset, mh_span_part(files, rank, ranks))));
    mh_log_info("%s: %s rows, %zu features, %zu labels of %zu classes%s", o->output,
                mh_text_count(mh_dataset_rows(dataset), rows), o->features, o->labels, o->categories,
                o->shards == 0 ? "" : ", in shards");
cleanup:
    mh_dataset_close(dataset);
    return status;
}
