#include "multihead/training/checkpoint_writer.h"

#include <stdatomic.h>
#include <stdio.h>

#include "multihead/base/clock.h"
#include "multihead/base/fault.h"
#include "multihead/base/memory.h"
#include "multihead/base/thread.h"
#include "multihead/base/whole_file.h"
#include "multihead/training/checkpoint_folder.h"

struct mh_checkpoint_writer {
    char *folder;
    size_t keep;
    mh_hdf5_image *image; /* the thread's while one is under way */

    /* The one under way, or the last one. */
    char path[MH_CHECKPOINT_PATH_BYTES];
    uint64_t kept_step;
    double started, seconds;
    bool is_pending;   /* its result was not asked for yet                        */
    mh_thread *thread; /* NULL where the system gave none: it is written already  */

    /* What the thread says; to be read once it is done. */
    atomic_bool is_done;
    mh_status status;
    char message[MH_STATUS_MESSAGE_BYTES]; /* a thread has its own */
};

mh_status mh_checkpoint_writer_create(const char *folder, size_t keep, mh_checkpoint_writer **out)
{
    mh_status status = MH_OK;
    mh_checkpoint_writer *w = NULL;

    MH_TRY(mh_memory_new(sizeof *w, &w));
    w->keep = keep;
    MH_TRY(mh_memory_text(folder, &w->folder));
cleanup:
    if (status != MH_OK) {
        mh_checkpoint_writer_destroy(w);
        w = NULL;
    }
    *out = w;
    return status;
}

void mh_checkpoint_writer_destroy(mh_checkpoint_writer *w)
{
    if (w == NULL)
        return;
    mh_checkpoint_writer_finish(w);
    if (w->folder != NULL)
        mh_whole_file_sweep(w->folder);
    mh_hdf5_image_destroy(w->image);
    mh_memory_free(w->folder);
    mh_memory_free(w);
}

/* ---- in the thread ---- */

static void write_image(void *argument)
{
    mh_checkpoint_writer *w = argument;
    size_t bytes = 0;
    const void *data = mh_hdf5_image_seal(w->image, &bytes);
    unsigned char *middle = (unsigned char *)data + bytes / 2;
    bool is_flipped = mh_fault_take(MH_FAULT_BITFLIP);

    if (is_flipped)
        *middle ^= 1;
    w->status = mh_whole_file_write(w->path, data, bytes);
    if (is_flipped)
        *middle ^= 1; /* on disk only */
    if (w->status == MH_OK)
        mh_checkpoint_prune(w->folder, w->keep, w->kept_step);
    else
        snprintf(w->message, sizeof w->message, "%s", mh_status_message());
    w->seconds = mh_clock_seconds() - w->started;
    atomic_store(&w->is_done, true);
}

static void write_behind(void *argument)
{
    mh_thread_step_back();
    write_image(argument);
}

/* ---- in the one that trains ---- */

void mh_checkpoint_writer_start(mh_checkpoint_writer *w, const mh_training_state *state,
                                const mh_checkpoint_texts *texts)
{
    mh_checkpoint_writer_finish(w);
    w->started = mh_clock_seconds();
    mh_checkpoint_path(w->folder, state->position->step, w->path);
    w->kept_step = state->kept->step;
    w->is_pending = true;
    w->status = mh_checkpoint_draw(state, texts, &w->image);
    snprintf(w->message, sizeof w->message, "%s", mh_status_message());
    atomic_store(&w->is_done, w->status != MH_OK);
    if (w->status != MH_OK)
        return;
    w->thread = mh_thread_start(write_behind, w);
    if (w->thread == NULL)
        write_image(w);
}

bool mh_checkpoint_writer_is_done(const mh_checkpoint_writer *w)
{
    return w->is_pending && atomic_load(&w->is_done);
}

mh_status mh_checkpoint_writer_finish(mh_checkpoint_writer *w)
{
    if (!w->is_pending)
        return MH_OK;
    mh_thread_join(w->thread);
    w->thread = NULL;
    w->is_pending = false;
    if (w->status != MH_OK)
        mh_status_set_message(w->message);
    return w->status;
}

double mh_checkpoint_writer_seconds(const mh_checkpoint_writer *w)
{
    return w->seconds;
}

const char *mh_checkpoint_writer_path(const mh_checkpoint_writer *w)
{
    return w->path;
}
