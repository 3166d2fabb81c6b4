#include "history_file.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "multihead/base/memory.h"
#include "text_file.h"

static const size_t nowhere = SIZE_MAX;

/* Fields have no quotes in our own files. */
static size_t find_column(const char *header, const char *name)
{
    size_t column = 0;

    for (const char *at = header;; at += strcspn(at, ",\n") + 1, column++) {
        size_t length = strcspn(at, ",\r\n");

        if (strlen(name) == length && strncmp(at, name, length) == 0)
            return column;
        if (at[strcspn(at, ",\n")] != ',')
            return nowhere;
    }
}

/* The number in a column of a line; NaN for an empty field, false where there is something else or no field. */
static bool read_field(const char *line, size_t column, double *out)
{
    char *end = NULL;

    for (; column > 0; column--) {
        line += strcspn(line, ",\n");
        if (*line++ != ',')
            return false;
    }
    if (strcspn(line, ",\r\n") == 0) {
        *out = NAN;
        return true;
    }
    *out = strtod(line, &end);
    return end != line && strchr(",\r\n", *end) != NULL;
}

typedef struct {
    size_t epoch, train, validation, stage;
} columns;

static mh_status find_columns(const char *path, const char *header, columns *out)
{
    *out = (columns){find_column(header, "epoch"), find_column(header, "train_loss"),
                     find_column(header, "validation_loss"), find_column(header, "stage")};
    if (out->epoch == nowhere || out->train == nowhere)
        return MH_FAIL(MH_ERR_FORMAT, "%s: is no history of a run: there is no column %s", path,
                       out->epoch == nowhere ? "epoch" : "train_loss");
    return MH_OK;
}

/* A stage begins behind the epoch before its first line. */
static void add_stage(double stage, double epoch, history_summary *summary)
{
    if (!(stage > (double)summary->stages) || summary->stages == HISTORY_STAGES)
        return;
    summary->before[summary->stages++] = epoch - 1;
}

static bool add_line(const char *line, const columns *columns, history_summary *summary)
{
    double epoch = 0, train = 0, validation = NAN, stage = 0;

    if (!read_field(line, columns->epoch, &epoch) || !read_field(line, columns->train, &train) ||
        (columns->validation != nowhere && !read_field(line, columns->validation, &validation)) ||
        (columns->stage != nowhere && !read_field(line, columns->stage, &stage)))
        return false;
    summary->epochs++;
    add_stage(stage, epoch, summary);
    if (isfinite(validation) && (!summary->has_validation || validation < summary->best_loss)) {
        summary->has_validation = true;
        summary->best_epoch = epoch;
        summary->best_loss = validation;
    }
    return true;
}

mh_status history_file_read(const char *path, history_summary *out)
{
    mh_status status = MH_OK;
    char *text = NULL;
    columns columns;
    size_t number = 2;

    *out = (history_summary){0};
    MH_TRY(text_file_read(path, &text));
    MH_TRY(find_columns(path, text, &columns));
    for (const char *line = strchr(text, '\n'); line != NULL && line[1] != '\0'; number++) {
        if (!add_line(line + 1, &columns, out)) {
            status = MH_FAIL(MH_ERR_FORMAT, "%s: line %zu has no numbers under epoch and the losses", path,
                             number);
            goto cleanup;
        }
        line = strchr(line + 1, '\n');
    }
    if (out->epochs == 0)
        status = MH_FAIL(MH_ERR_FORMAT, "%s: there is no epoch in it yet", path);
cleanup:
    mh_memory_free(text);
    return status;
}
