#include "run_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "byte_size.h"
#include "folder.h"
#include "multihead/base/memory.h"
#include "multihead/base/whole_file.h"
#include "multihead/training/checkpoint_folder.h"
#include "text_file.h"

enum { LOCK_TRIES = 50 /* of a tenth of a second */ };

void run_folder_path(const run_folder *folder, const char *name, char path[RUN_PATH_BYTES])
{
    snprintf(path, RUN_PATH_BYTES, "%s/%s", folder->folder, name);
}

static bool has_file(const run_folder *folder, const char *name)
{
    char path[RUN_PATH_BYTES];

    run_folder_path(folder, name, path);
    return access(path, F_OK) == 0;
}

/* ---- whose it is ---- */

/*
 * Two trainings in one folder would spoil each other's files. The lock lasts as long as the process, whatever ends it,
 * and is the folder's own: nothing is left. One that was killed a moment ago may still be on its way out, so it is
 * waited for before anybody looks at what it left. File systems that have no locks are trusted.
 */
static mh_status lock(const run_folder *folder)
{
    static bool is_ours = false;
    const struct timespec moment = {.tv_nsec = 100000000};
    int descriptor = is_ours ? -1 : open(folder->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    for (int tries = 0; descriptor >= 0 && !is_ours && tries < LOCK_TRIES; tries++) {
        is_ours = flock(descriptor, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
        if (!is_ours)
            nanosleep(&moment, NULL);
    }
    if (is_ours || descriptor < 0)
        return MH_OK; /* a folder that is not there is nobody's */
    close(descriptor);
    return MH_FAIL(MH_ERR_IO, "%s: another training is at work in this folder; take another --run, or end it",
                   folder->folder);
}

/* ---- looking ---- */

/* The run goes on only with what it began with; where the user leaves the replicas open, its own are meant. */
static mh_status compare(const options *o, run_folder *folder, const char *what, const char *description)
{
    mh_status status = MH_OK;
    options resolved = *o;
    char replicas[32], memory[32], differences[2048];

    if (options_lookup(description, "replicas", replicas, sizeof replicas) && o->replicas == 0)
        resolved.replicas = strtoull(replicas, NULL, 10);
    folder->replicas = resolved.replicas;
    if (!options_lookup(description, "memory", memory, sizeof memory) ||
        !byte_size_parse(memory, &folder->memory))
        folder->memory = 0; /* older than the option */
    MH_TRY(options_compare(&resolved, description, differences, sizeof differences));
    if (differences[0] != '\0')
        status = MH_FAIL(MH_ERR_USAGE,
                         "%s other options: %s; take another --run, or --resume none to start afresh", what,
                         differences);
cleanup:
    return status;
}

static mh_status examine_finished(const options *o, run_folder *folder)
{
    mh_status status = MH_OK;
    char path[RUN_PATH_BYTES], what[RUN_PATH_BYTES], *description = NULL;

    folder->state = RUN_IS_FINISHED;
    run_folder_path(folder, "options.ini", path);
    MH_TRY(text_file_read(path, &description));
    snprintf(what, sizeof what, "%s is finished, with", folder->folder);
    MH_TRY(compare(o, folder, what, description));
cleanup:
    mh_memory_free(description);
    return status;
}

static mh_status examine_stopped(const options *o, run_folder *folder, const mh_checkpoint_head *head)
{
    char what[RUN_PATH_BYTES];

    folder->state = RUN_IS_STOPPED;
    snprintf(what, sizeof what, "%s was made with", folder->checkpoint);
    return compare(o, folder, what, head->options);
}

/* The checkpoint that the user names, or the newest one of the run. */
static mh_status find_checkpoint(const options *o, run_folder *folder, mh_checkpoint_head *head)
{
    mh_status status = MH_OK;
    char checkpoints[RUN_PATH_BYTES];

    if (strcmp(o->resume, "auto") != 0) {
        snprintf(folder->checkpoint, sizeof folder->checkpoint, "%s", o->resume);
        return mh_checkpoint_load_head(folder->checkpoint, head);
    }
    run_folder_path(folder, "checkpoints", checkpoints);
    MH_TRY(mh_checkpoint_newest(checkpoints, folder->checkpoint, head));
cleanup:
    if (status != MH_OK)
        status = MH_FAIL(status, "%s; --resume none would start afresh and remove it", mh_status_message());
    return status;
}

mh_status run_folder_examine(const options *o, run_folder *out, mh_checkpoint_head *head)
{
    mh_status status = MH_OK;

    *out = (run_folder){.state = RUN_IS_NEW, .is_unwanted = strcmp(o->resume, "none") == 0};
    *head = (mh_checkpoint_head){.options = NULL};
    if (strlen(o->output) + strlen(o->run) + 2 > 3900)
        return MH_FAIL(MH_ERR_USAGE, "--output and --run are too long together");
    snprintf(out->folder, sizeof out->folder, "%s/%s", o->output, o->run);
    if (strcmp(o->resume, "auto") == 0 && has_file(out, "model.h5"))
        return examine_finished(o, out);
    MH_TRY(lock(out));
    if (out->is_unwanted)
        return MH_OK;
    MH_TRY(find_checkpoint(o, out, head));
    if (out->checkpoint[0] != '\0')
        MH_TRY(examine_stopped(o, out, head));
cleanup:
    return status;
}

/* ---- beginning ---- */

/* What says that the run is finished; a run that goes back to a checkpoint is not finished any more. */
static mh_status remove_marks(const run_folder *folder)
{
    static const char *const names[] = {"model.h5", "loss.png"};
    char path[RUN_PATH_BYTES];

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        run_folder_path(folder, names[i], path);
        if (unlink(path) != 0 && errno != ENOENT)
            return MH_FAIL(MH_ERR_IO, "%s: cannot be removed: %s", path, strerror(errno));
    }
    return MH_OK;
}

/* Checkpoints and the models of folds, which a new run has none of. Those it could not go on from are damaged. */
static void clear_away(const run_folder *folder)
{
    char path[RUN_PATH_BYTES];
    glob_t matches = {0};

    run_folder_path(folder, "checkpoints", path);
    if (folder->is_unwanted)
        mh_checkpoint_prune(path, 0, 0);
    else
        mh_checkpoint_set_aside(path);
    run_folder_path(folder, "folds/fold-*.h5", path);
    if (glob(path, 0, NULL, &matches) == 0)
        for (size_t i = 0; i < matches.gl_pathc; i++)
            unlink(matches.gl_pathv[i]);
    globfree(&matches);
}

mh_status run_folder_begin(const run_folder *folder, const char *description)
{
    mh_status status = MH_OK;
    char path[RUN_PATH_BYTES];

    run_folder_path(folder, "checkpoints", path);
    MH_TRY(folder_make(path));
    MH_TRY(lock(folder));
    mh_whole_file_sweep(path);
    mh_whole_file_sweep(folder->folder);
    MH_TRY(remove_marks(folder));
    if (folder->state == RUN_IS_NEW)
        clear_away(folder);
    run_folder_path(folder, "options.ini", path);
    MH_TRY(text_file_write(path, description));
cleanup:
    return status;
}
