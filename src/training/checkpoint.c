#include "multihead/training/checkpoint.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "multihead/base/log.h"
#include "multihead/base/memory.h"

/* Whole numbers of a position, as attributes of the file. */
enum { COUNTS = 6 };

static const char *const count_names[COUNTS] = {"epoch", "batch",       "step",
                                                "stage", "stage_epoch", "best_epoch"};

static mh_status write_position(mh_hdf5_file *file, const mh_position *position)
{
    mh_status status = MH_OK;
    const int64_t counts[COUNTS] = {(int64_t)position->epoch,       (int64_t)position->batch,
                                    (int64_t)position->step,        (int64_t)position->stage,
                                    (int64_t)position->stage_epoch, (int64_t)position->best_epoch};

    for (size_t i = 0; i < COUNTS; i++)
        MH_TRY(mh_hdf5_file_set_integers(file, "/", count_names[i], 1, &counts[i]));
    MH_TRY(mh_hdf5_file_set_doubles(file, "/", "seconds", 1, &position->seconds));
    MH_TRY(mh_hdf5_file_set_doubles(file, "/", "best_loss", 1, &position->best_loss));
cleanup:
    return status;
}

static mh_status read_position(const mh_hdf5_file *file, mh_position *position)
{
    mh_status status = MH_OK;
    int64_t counts[COUNTS] = {0};

    if (!mh_hdf5_file_has_attribute(file, "/", "epoch"))
        return MH_FAIL(MH_ERR_FORMAT, "%s: is not a checkpoint (those are in <run>/checkpoints/)",
                       mh_hdf5_file_path(file));
    for (size_t i = 0; i < COUNTS; i++)
        MH_TRY(mh_hdf5_file_get_integers(file, "/", count_names[i], 1, &counts[i]));
    MH_TRY(mh_hdf5_file_get_doubles(file, "/", "seconds", 1, &position->seconds));
    MH_TRY(mh_hdf5_file_get_doubles(file, "/", "best_loss", 1, &position->best_loss));
    position->epoch = (size_t)counts[0];
    position->batch = (size_t)counts[1];
    position->step = (uint64_t)counts[2];
    position->stage = (size_t)counts[3];
    position->stage_epoch = (size_t)counts[4];
    position->best_epoch = (size_t)counts[5];
cleanup:
    return status;
}

mh_status mh_checkpoint_save(const char *folder, const mh_training_state *state, const char *options,
                             const char *history)
{
    mh_status status = MH_OK;
    mh_hdf5_file *file = NULL;
    const mh_layout *layout = mh_model_layout(state->trained->model);
    size_t heads = state->trained->schema.heads;
    char path[MH_CHECKPOINT_PATH_BYTES];

    snprintf(path, sizeof path, "%s/epoch-%06zu.h5", folder, state->position->epoch);
    MH_TRY(mh_hdf5_file_create(path, &file));
    MH_TRY(mh_trained_write(state->trained, file));
    MH_TRY(mh_trained_write_vector(layout, file, "first_moment", mh_adam_first_moment(state->adam)));
    MH_TRY(mh_trained_write_vector(layout, file, "second_moment", mh_adam_second_moment(state->adam)));
    if (state->best != NULL)
        MH_TRY(mh_trained_write_vector(layout, file, "best", state->best));
    if (state->average != NULL)
        MH_TRY(mh_trained_write_vector(layout, file, "average", state->average));
    MH_TRY(write_position(file, state->position));
    const int64_t adam_steps = (int64_t)mh_adam_steps(state->adam);
    MH_TRY(mh_hdf5_file_set_integers(file, "/", "adam_steps", 1, &adam_steps));
    MH_TRY(mh_hdf5_file_add(file, "head_loss", MH_FLOAT64, heads, 0));
    MH_TRY(mh_hdf5_file_write(file, "head_loss", (mh_span){0, heads}, MH_FLOAT64, state->head_loss));
    MH_TRY(mh_hdf5_file_set_texts(file, "/", "options", 1, (char *const[]){(char *)options}));
    MH_TRY(mh_hdf5_file_set_texts(file, "/", "history", 1, (char *const[]){(char *)history}));
    MH_TRY(mh_hdf5_file_commit(file));
cleanup:
    mh_hdf5_file_close(file);
    return status;
}

mh_status mh_checkpoint_load(const char *path, const mh_training_state *state, char **history)
{
    mh_status status = MH_OK;
    mh_hdf5_file *file = NULL;
    const mh_layout *layout = mh_model_layout(state->trained->model);
    mh_span heads = {0, state->trained->schema.heads};
    int64_t adam_steps = 0;

    *history = NULL;
    MH_TRY(mh_hdf5_file_open(path, &file));
    MH_TRY(read_position(file, state->position));
    MH_TRY(mh_hdf5_file_read(file, "head_loss", heads, MH_FLOAT64, state->head_loss));
    MH_TRY(mh_hdf5_file_get_texts(file, "/", "history", 1, history));
    MH_TRY(mh_trained_read_vector(layout, file, "model", mh_model_parameters(state->trained->model)));
    MH_TRY(mh_trained_read_vector(layout, file, "first_moment", mh_adam_first_moment(state->adam)));
    MH_TRY(mh_trained_read_vector(layout, file, "second_moment", mh_adam_second_moment(state->adam)));
    if (state->best != NULL)
        MH_TRY(mh_trained_read_vector(layout, file, "best", state->best));
    if (state->average != NULL)
        MH_TRY(mh_trained_read_vector(layout, file, "average", state->average));
    MH_TRY(mh_hdf5_file_get_integers(file, "/", "adam_steps", 1, &adam_steps));
    mh_adam_set_steps(state->adam, (uint64_t)adam_steps);
cleanup:
    if (status != MH_OK) {
        mh_memory_free(*history);
        *history = NULL;
    }
    mh_hdf5_file_close(file);
    return status;
}

mh_status mh_checkpoint_load_stage(const char *path, size_t *stage, char **history)
{
    mh_status status = MH_OK;
    mh_hdf5_file *file = NULL;
    mh_position position = {0};

    *history = NULL;
    MH_TRY(mh_hdf5_file_open(path, &file));
    MH_TRY(read_position(file, &position));
    MH_TRY(mh_hdf5_file_get_texts(file, "/", "history", 1, history));
    *stage = position.stage;
cleanup:
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
