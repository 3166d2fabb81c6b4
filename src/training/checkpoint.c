#include "multihead/training/checkpoint.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "multihead/base/log.h"
#include "multihead/base/memory.h"

static mh_status write_position(mh_hdf5_file *file, const mh_position *position)
{
    mh_status status = MH_OK;
    const int64_t epoch = (int64_t)position->epoch, batch = (int64_t)position->batch;
    const int64_t step = (int64_t)position->step;

    MH_TRY(mh_hdf5_file_set_integers(file, "/", "epoch", 1, &epoch));
    MH_TRY(mh_hdf5_file_set_integers(file, "/", "batch", 1, &batch));
    MH_TRY(mh_hdf5_file_set_integers(file, "/", "step", 1, &step));
    MH_TRY(mh_hdf5_file_set_doubles(file, "/", "seconds", 1, &position->seconds));
cleanup:
    return status;
}

static mh_status read_position(const mh_hdf5_file *file, mh_position *position)
{
    mh_status status = MH_OK;
    int64_t epoch = 0, batch = 0, step = 0;

    if (!mh_hdf5_file_has_attribute(file, "/", "epoch"))
        return MH_FAIL(MH_ERR_FORMAT, "%s: is not a checkpoint (those are in <run>/checkpoints/)",
                       mh_hdf5_file_path(file));
    MH_TRY(mh_hdf5_file_get_integers(file, "/", "epoch", 1, &epoch));
    MH_TRY(mh_hdf5_file_get_integers(file, "/", "batch", 1, &batch));
    MH_TRY(mh_hdf5_file_get_integers(file, "/", "step", 1, &step));
    MH_TRY(mh_hdf5_file_get_doubles(file, "/", "seconds", 1, &position->seconds));
    position->epoch = (size_t)epoch;
    position->batch = (size_t)batch;
    position->step = (uint64_t)step;
cleanup:
    return status;
}

mh_status mh_checkpoint_save(const char *folder, const mh_trained *trained, mh_adam *adam,
                             const mh_position *position, const double *head_loss, const char *options,
                             const char *history)
{
    mh_status status = MH_OK;
    mh_hdf5_file *file = NULL;
    const mh_layout *layout = mh_model_layout(trained->model);
    size_t heads = trained->schema.heads;
    char path[MH_CHECKPOINT_PATH_BYTES];

    snprintf(path, sizeof path, "%s/epoch-%06zu.h5", folder, position->epoch);
    MH_TRY(mh_hdf5_file_create(path, &file));
    MH_TRY(mh_trained_write(trained, file));
    MH_TRY(mh_trained_write_vector(layout, file, "first_moment", mh_adam_first_moment(adam)));
    MH_TRY(mh_trained_write_vector(layout, file, "second_moment", mh_adam_second_moment(adam)));
    MH_TRY(write_position(file, position));
    MH_TRY(mh_hdf5_file_add(file, "head_loss", MH_FLOAT64, heads, 0));
    MH_TRY(mh_hdf5_file_write(file, "head_loss", (mh_span){0, heads}, MH_FLOAT64, head_loss));
    MH_TRY(mh_hdf5_file_set_texts(file, "/", "options", 1, (char *const[]){(char *)options}));
    MH_TRY(mh_hdf5_file_set_texts(file, "/", "history", 1, (char *const[]){(char *)history}));
    MH_TRY(mh_hdf5_file_commit(file));
cleanup:
    mh_hdf5_file_close(file);
    return status;
}

mh_status mh_checkpoint_load(const char *path, mh_trained *trained, mh_adam *adam, mh_position *position,
                             double *head_loss, char **history)
{
    mh_status status = MH_OK;
    mh_hdf5_file *file = NULL;
    const mh_layout *layout = mh_model_layout(trained->model);

    *history = NULL;
    MH_TRY(mh_hdf5_file_open(path, &file));
    MH_TRY(read_position(file, position));
    MH_TRY(mh_hdf5_file_read(file, "head_loss", (mh_span){0, trained->schema.heads}, MH_FLOAT64, head_loss));
    MH_TRY(mh_hdf5_file_get_texts(file, "/", "history", 1, history));
    MH_TRY(mh_trained_read_vector(layout, file, "model", mh_model_parameters(trained->model)));
    MH_TRY(mh_trained_read_vector(layout, file, "first_moment", mh_adam_first_moment(adam)));
    MH_TRY(mh_trained_read_vector(layout, file, "second_moment", mh_adam_second_moment(adam)));
    mh_adam_set_steps(adam, position->step);
cleanup:
    if (status != MH_OK) {
        mh_memory_free(*history);
        *history = NULL;
    }
    mh_hdf5_file_close(file);
    return status;
}

mh_status mh_checkpoint_load_options(const char *path, char **options)
{
    mh_status status = MH_OK;
    mh_hdf5_file *file = NULL;
    mh_position position;

    *options = NULL;
    MH_TRY(mh_hdf5_file_open(path, &file));
    MH_TRY(read_position(file, &position));
    MH_TRY(mh_hdf5_file_get_texts(file, "/", "options", 1, options));
cleanup:
    mh_hdf5_file_close(file);
    return status;
}

/* ---- folders ---- */

static int is_checkpoint(const struct dirent *entry)
{
    size_t epoch = 0;
    int length = 0;

    return sscanf(entry->d_name, "epoch-%zu.h5%n", &epoch, &length) == 1 && entry->d_name[length] == '\0' &&
           length > 0;
}

/* By epoch, newest first: longer numbers are larger ones, equally long ones compare as texts. */
static int newest_first(const struct dirent **a, const struct dirent **b)
{
    size_t first = strlen((*a)->d_name), second = strlen((*b)->d_name);

    if (first != second)
        return first < second ? 1 : -1;
    return strcmp((*b)->d_name, (*a)->d_name);
}

static int list_checkpoints(const char *folder, struct dirent ***entries)
{
    int count = scandir(folder, entries, is_checkpoint, newest_first);

    if (count < 0)
        *entries = NULL;
    return count < 0 ? 0 : count;
}

static void free_list(struct dirent **entries, int count)
{
    for (int i = 0; i < count; i++)
        free(entries[i]);
    free(entries);
}

void mh_checkpoint_newest(const char *folder, char path[MH_CHECKPOINT_PATH_BYTES])
{
    struct dirent **entries = NULL;
    int count = list_checkpoints(folder, &entries);
    bool is_found = false;

    for (int i = 0; i < count && !is_found; i++) {
        char *options = NULL;

        snprintf(path, MH_CHECKPOINT_PATH_BYTES, "%s/%s", folder, entries[i]->d_name);
        is_found = mh_checkpoint_load_options(path, &options) == MH_OK;
        mh_memory_free(options);
        if (!is_found)
            mh_log_warning("skipped a checkpoint: %s", mh_status_message());
    }
    if (!is_found)
        path[0] = '\0';
    free_list(entries, count);
}

void mh_checkpoint_prune(const char *folder, size_t keep)
{
    struct dirent **entries = NULL;
    int count = list_checkpoints(folder, &entries);
    char path[MH_CHECKPOINT_PATH_BYTES];

    for (int i = (int)keep; i < count; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        unlink(path);
    }
    free_list(entries, count);
}
