#include "multihead/training/history.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "multihead/base/clock.h"
#include "multihead/base/log.h"
#include "multihead/base/memory.h"
#include "multihead/base/text.h"
#include "multihead/base/whole_file.h"

static const char HEADER[] = "epoch,step,learning_rate,train_loss,seconds,rows_per_s";

struct mh_history {
    char *path; /* NULL: writes nothing */
    mh_history_columns columns;
    int file;       /* -1: none */
    bool is_behind; /* the disk did not take the last lines: they are only in `text` */
    char *text;     /* all that the file is to hold                                  */
    size_t length, capacity;
    double seconds_before; /* of training, when the clock was started */
    double started;
    double last_seconds; /* at the end of the epoch before */
};

static mh_status append(mh_history *history, const char *text)
{
    mh_status status = MH_OK;
    size_t length = history->length + strlen(text);
    char *longer = NULL;

    if (length >= history->capacity) {
        MH_TRY(mh_memory_new(2 * length + 1, &longer));
        if (history->text != NULL)
            memcpy(longer, history->text, history->length);
        mh_memory_free(history->text);
        history->text = longer;
        history->capacity = 2 * length + 1;
    }
    memcpy(history->text + history->length, text, strlen(text) + 1);
    history->length = length;
cleanup:
    return status;
}

/* Puts the whole log in place of what is there; lines are then appended to it. */
static mh_status write_all(mh_history *history)
{
    mh_status status = MH_OK;

    if (history->file >= 0)
        close(history->file);
    history->file = -1;
    MH_TRY(mh_whole_file_write(history->path, history->text, history->length));
    history->file = open(history->path, O_WRONLY | O_APPEND | O_CLOEXEC);
    if (history->file < 0)
        status = MH_FAIL(MH_ERR_IO, "%s: cannot be written: %s", history->path, strerror(errno));
cleanup:
    return status;
}

/* Appends to the file; a line that does not fit is taken back as a whole. */
static mh_status write_line(mh_history *history, const char *line)
{
    size_t length = strlen(line);
    ssize_t written = write(history->file, line, length);

    if (written == (ssize_t)length)
        return MH_OK;
    int error = written < 0 ? errno : ENOSPC;
    if (written > 0 && ftruncate(history->file, (off_t)(history->length - length)) != 0)
        error = errno;
    return MH_FAIL(MH_ERR_IO, "%s: cannot be written: %s", history->path, strerror(error));
}

static mh_status append_header(mh_history *history)
{
    char header[256];

    snprintf(header, sizeof header, "%s%s%s\n", HEADER,
             history->columns.has_validation ? ",validation_loss" : "",
             history->columns.has_stages ? ",stage" : "");
    return append(history, header);
}

mh_status mh_history_open(const char *path, mh_history_columns columns, const char *earlier, double seconds,
                          mh_history **out)
{
    mh_status status = MH_OK;
    mh_history *history = NULL;

    MH_TRY(mh_memory_new(sizeof *history, &history));
    history->file = -1;
    history->seconds_before = history->last_seconds = seconds;
    history->started = mh_clock_seconds();
    history->columns = columns;
    MH_TRY(earlier != NULL ? append(history, earlier) : append_header(history));
    if (path == NULL)
        goto cleanup;
    MH_TRY(mh_memory_text(path, &history->path));
    MH_TRY(write_all(history)); /* in place of the old log */
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
    if (history->file >= 0)
        close(history->file);
    mh_memory_free(history->path);
    mh_memory_free(history->text);
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
    mh_status status = MH_OK;
    char rate[MH_TEXT_BYTES], loss[MH_TEXT_BYTES], validation[MH_TEXT_BYTES] = "", text[512];
    size_t used = 0;
    double seconds = mh_history_seconds(history);
    double epoch_seconds = seconds - history->last_seconds;

    history->last_seconds = seconds;
    if (history->path == NULL)
        return MH_OK;
    used = (size_t)snprintf(text, sizeof text, "%zu,%llu,%s,%s,%.6f,%.0f", line->epoch,
                            (unsigned long long)line->step, mh_text_number(line->learning_rate, rate),
                            mh_text_number(line->train_loss, loss), seconds,
                            epoch_seconds > 0 ? (double)line->rows / epoch_seconds : 0.0);
    if (line->has_validation)
        mh_text_number(line->validation_loss, validation);
    if (history->columns.has_validation)
        used += (size_t)snprintf(text + used, sizeof text - used, ",%s", validation);
    if (history->columns.has_stages)
        used += (size_t)snprintf(text + used, sizeof text - used, ",%zu", line->stage + 1);
    snprintf(text + used, sizeof text - used, "\n");
    MH_TRY(append(history, text));
    if ((history->is_behind ? write_all(history) : write_line(history, text)) == MH_OK) {
        history->is_behind = false;
    } else if (!history->is_behind) {
        history->is_behind = true;
        mh_log_warning("%s; its lines are kept, and written when there is room", mh_status_message());
    }
cleanup:
    return status;
}

mh_status mh_history_finish(mh_history *history)
{
    mh_status status = MH_OK;

    if (history->is_behind)
        MH_TRY(write_all(history));
    history->is_behind = false;
cleanup:
    return status;
}

const char *mh_history_text(const mh_history *history)
{
    return history->text;
}

/* ---- reading ---- */

/* The fields of a line that a choice of epochs needs; false where it is no line of the log or has no loss. */
static bool parse_line(const char *line, size_t loss_column, size_t stage_column, double *loss, size_t *stage)
{
    bool has_loss = false;

    *stage = 1;
    for (size_t column = 0; *line != '\0' && *line != '\n'; column++) {
        char *end = NULL;
        double value = strtod(line, &end);
        bool is_there = end != line;

        if (column == loss_column && is_there) {
            *loss = value;
            has_loss = true;
        }
        if (column == stage_column && is_there)
            *stage = (size_t)value;
        line += strcspn(line, ",\n");
        line += *line == ',';
    }
    return has_loss;
}

/* Place of a column in the header; as many as there are columns where it has no such. */
static size_t find_column(const char *header, const char *name)
{
    size_t column = 0, length = strlen(name);

    while (*header != '\0' && *header != '\n') {
        size_t field = strcspn(header, ",\n");

        if (field == length && strncmp(header, name, length) == 0)
            return column;
        header += field;
        header += *header == ',';
        column++;
    }
    return column;
}

static const char *next_line(const char *line)
{
    line += strcspn(line, "\n");
    return *line == '\n' ? line + 1 : line;
}

/* The losses of one stage, its last one from where it stopped on: curve [epochs]; returns how many there were. */
static size_t read_curve(const char *text, size_t stage, size_t epochs, double *curve)
{
    size_t loss_column = find_column(text, "validation_loss"), stage_column = find_column(text, "stage");
    size_t count = 0, of = 0;
    double loss = 0;

    for (const char *line = next_line(text); *line != '\0'; line = next_line(line))
        if (parse_line(line, loss_column, stage_column, &loss, &of) && of == stage && count < epochs)
            curve[count++] = loss;
    for (size_t epoch = count; epoch < epochs; epoch++)
        curve[epoch] = count > 0 ? curve[count - 1] : 0.0;
    return count;
}

/* Mean over curves [count x epochs] in one epoch. */
static double mean_loss(const double *curves, size_t count, size_t epochs, size_t epoch)
{
    double sum = 0;

    for (size_t k = 0; k < count; k++)
        sum += curves[k * epochs + epoch];
    return sum / (double)count;
}

/* Half a standard error of the mean difference between two epochs, each curve against itself; 0 for one curve. */
static double half_error(const double *curves, size_t count, size_t epochs, size_t a, size_t b)
{
    double mean = mean_loss(curves, count, epochs, a) - mean_loss(curves, count, epochs, b), squares = 0;

    for (size_t k = 0; k < count; k++) {
        double from_mean = curves[k * epochs + a] - curves[k * epochs + b] - mean;

        squares += from_mean * from_mean;
    }
    return count > 1 ? 0.5 * sqrt(squares / (double)(count - 1) / (double)count) : 0.0;
}

/* The lowest epoch's number from 1, or 0; then the first one that cannot be told from it. */
static size_t choose_epoch(const double *curves, size_t count, size_t epochs, size_t longest)
{
    size_t best = longest;

    for (size_t i = 0; i < longest; i++) {
        double loss = mean_loss(curves, count, epochs, i);

        if (isfinite(loss) && (best == longest || loss < mean_loss(curves, count, epochs, best)))
            best = i;
    }
    if (best == longest)
        return 0;
    for (size_t i = 0; i < best; i++) {
        double more = mean_loss(curves, count, epochs, i) - mean_loss(curves, count, epochs, best);

        if (isfinite(more) && more <= half_error(curves, count, epochs, i, best))
            return i + 1;
    }
    return best + 1;
}

mh_status mh_history_best_epoch(const char *text, mh_span stages, size_t *epoch, double *loss)
{
    mh_status status = MH_OK;
    double *curves = NULL;
    size_t epochs = 0, longest = 0;

    *epoch = 0;
    *loss = NAN;
    for (const char *line = text; *line != '\0'; line = next_line(line))
        epochs++; /* at most */
    MH_TRY(mh_memory_array(stages.count, epochs * sizeof *curves, &curves));
    for (size_t k = 0; k < stages.count; k++) {
        size_t count = read_curve(text, stages.first + k + 1, epochs, curves + k * epochs);

        longest = count > longest ? count : longest;
    }
    *epoch = choose_epoch(curves, stages.count, epochs, longest);
    if (*epoch > 0)
        *loss = mean_loss(curves, stages.count, epochs, *epoch - 1);
cleanup:
    mh_memory_free(curves);
    return status;
}
