#include "multihead/training/history.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "multihead/base/clock.h"
#include "multihead/base/memory.h"
#include "multihead/base/text.h"

static const char HEADER[] = "epoch,step,learning_rate,train_loss,seconds,rows_per_s\n";

struct mh_history {
    char *path; /* NULL: writes nothing */
    FILE *file;
    double seconds_before; /* of training, when the clock was started */
    double started;
    double last_seconds; /* at the end of the epoch before */
};

static mh_status failed(const char *path)
{
    return MH_FAIL(MH_ERR_IO, "%s: cannot be written: %s", path, strerror(errno));
}

/* Copies the header and the lines of the first `epochs` epochs. */
static mh_status copy_lines(FILE *from, FILE *to, size_t epochs, const char *path)
{
    char line[4096];

    if (fgets(line, sizeof line, from) == NULL || strcmp(line, HEADER) != 0)
        return MH_FAIL(MH_ERR_FORMAT, "%s: is not the history of this run: the header differs", path);
    fputs(line, to);
    for (size_t epoch = 1; epoch <= epochs; epoch++) {
        if (fgets(line, sizeof line, from) == NULL || strtoull(line, NULL, 10) != epoch)
            return MH_FAIL(MH_ERR_FORMAT, "%s: the line of epoch %zu is missing, but there is a checkpoint of "
                                          "epoch %zu; --resume none starts afresh",
                           path, epoch, epochs);
        fputs(line, to);
    }
    return MH_OK;
}

/* The log up to `epochs`, put in place of the old one as a whole. */
static mh_status rewrite(const char *path, size_t epochs)
{
    mh_status status = MH_OK;
    char partial[4096];
    FILE *from = NULL, *to = NULL;

    snprintf(partial, sizeof partial, "%s.partial", path);
    to = fopen(partial, "w");
    if (to == NULL)
        return failed(path);
    if (epochs == 0) {
        fputs(HEADER, to);
    } else {
        from = fopen(path, "r");
        if (from == NULL)
            status = MH_FAIL(MH_ERR_IO, "%s: cannot be read: %s", path, strerror(errno));
        else
            status = copy_lines(from, to, epochs, path);
    }
    if (status == MH_OK && (fflush(to) != 0 || fsync(fileno(to)) != 0 || rename(partial, path) != 0))
        status = failed(path);
    if (from != NULL)
        fclose(from);
    fclose(to);
    if (status != MH_OK)
        unlink(partial);
    return status;
}

mh_status mh_history_open(const char *path, size_t epochs, double seconds, mh_history **out)
{
    mh_status status = MH_OK;
    mh_history *history = NULL;

    MH_TRY(mh_memory_new(sizeof *history, &history));
    history->seconds_before = history->last_seconds = seconds;
    history->started = mh_clock_seconds();
    if (path == NULL)
        goto cleanup;
    MH_TRY(mh_memory_text(path, &history->path));
    MH_TRY(rewrite(path, epochs));
    history->file = fopen(path, "a");
    if (history->file == NULL)
        status = failed(path);
cleanup:
    if (status != MH_OK) {
        mh_history_close(history);
        history = NULL;
    }
    *out = history;
    return status;
}

void mh_history_close(mh_history *history)
{
    if (history == NULL)
        return;
    if (history->file != NULL)
        fclose(history->file);
    mh_memory_free(history->path);
    mh_memory_free(history);
}

void mh_history_start(mh_history *history)
{
    history->started = mh_clock_seconds();
}

double mh_history_seconds(const mh_history *history)
{
    return history->seconds_before + mh_clock_seconds() - history->started;
}

mh_status mh_history_add(mh_history *history, const mh_history_line *line)
{
    char rate[MH_TEXT_BYTES], loss[MH_TEXT_BYTES];
    double seconds = mh_history_seconds(history);
    double epoch_seconds = seconds - history->last_seconds;

    history->last_seconds = seconds;
    if (history->file == NULL)
        return MH_OK;
    fprintf(history->file, "%zu,%llu,%s,%s,%.6f,%.0f\n", line->epoch, (unsigned long long)line->step,
            mh_text_number(line->learning_rate, rate), mh_text_number(line->train_loss, loss), seconds,
            epoch_seconds > 0 ? (double)line->rows / epoch_seconds : 0.0);
    return fflush(history->file) == 0 ? MH_OK : failed(history->path);
}
