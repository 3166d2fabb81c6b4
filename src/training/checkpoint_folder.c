#include "multihead/training/checkpoint_folder.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "multihead/base/log.h"
#include "multihead/base/memory.h"
#include "multihead/base/whole_file.h"

void mh_checkpoint_path(const char *folder, uint64_t step, char path[MH_CHECKPOINT_PATH_BYTES])
{
    snprintf(path, MH_CHECKPOINT_PATH_BYTES, "%s/step-%09" PRIu64 ".h5", folder, step);
}

static bool parse_name(const char *name, uint64_t *step)
{
    int length = 0;

    return sscanf(name, "step-%" SCNu64 ".h5%n", step, &length) == 1 && length > 0 && name[length] == '\0';
}

static int is_checkpoint(const struct dirent *entry)
{
    uint64_t step = 0;

    return parse_name(entry->d_name, &step);
}

static uint64_t step_of(const struct dirent *entry)
{
    uint64_t step = 0;

    parse_name(entry->d_name, &step);
    return step;
}

static int newest_first(const struct dirent **a, const struct dirent **b)
{
    uint64_t first = step_of(*a), second = step_of(*b);

    return (first < second) - (first > second);
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

/* What is damaged is skipped. What cannot be read may be whole: a disk that comes back must find it where it was. */
mh_status mh_checkpoint_newest(const char *folder, char path[MH_CHECKPOINT_PATH_BYTES],
                               mh_checkpoint_head *head)
{
    mh_status status = MH_ERR_FORMAT;
    struct dirent **entries = NULL;

    errno = 0;
    int count = list_checkpoints(folder, &entries);
    if (count == 0 && errno != 0 && errno != ENOENT && errno != ENOTDIR)
        status = MH_FAIL(MH_ERR_IO, "%s: cannot be read: %s", folder, strerror(errno));
    for (int i = 0; i < count && status == MH_ERR_FORMAT; i++) {
        snprintf(path, MH_CHECKPOINT_PATH_BYTES, "%s/%s", folder, entries[i]->d_name);
        status = mh_checkpoint_load_head(path, head);
        if (status == MH_ERR_FORMAT)
            mh_log_warning("skipped a checkpoint: %s", mh_status_message());
    }
    free_list(entries, count);
    if (status != MH_ERR_FORMAT)
        return status;
    *head = (mh_checkpoint_head){.options = NULL};
    path[0] = '\0';
    return MH_OK;
}

void mh_checkpoint_set_aside(const char *folder)
{
    struct dirent **entries = NULL;
    int count = list_checkpoints(folder, &entries);
    char path[MH_CHECKPOINT_PATH_BYTES], aside[MH_CHECKPOINT_PATH_BYTES];

    for (int i = 0; i < count; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        if (snprintf(aside, sizeof aside, "%s.damaged", path) < (int)sizeof aside)
            rename(path, aside);
    }
    free_list(entries, count);
}

void mh_checkpoint_prune(const char *folder, size_t keep, uint64_t kept_step)
{
    struct dirent **entries = NULL;
    int count = list_checkpoints(folder, &entries);
    char path[MH_CHECKPOINT_PATH_BYTES];

    for (int i = (int)keep; i < count; i++) {
        if (kept_step != 0 && step_of(entries[i]) == kept_step)
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        mh_whole_file_retire(path);
    }
    free_list(entries, count);
}
