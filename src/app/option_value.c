#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "byte_size.h"
#include "duration.h"
#include "multihead/base/memory.h"
#include "multihead/base/text.h"
#include "option_table.h"

/* ---- reading ---- */

static mh_status bad_value(const option *entry, const char *text, const char *expected)
{
    return MH_FAIL(MH_ERR_USAGE, "--%s %s: expected %s", entry->name, text, expected);
}

static mh_status set_size(const option *entry, const char *text, size_t *out)
{
    char *end = NULL;
    char expected[64];

    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || (double)value < entry->least) {
        snprintf(expected, sizeof expected, "a whole number from %g", entry->least);
        return bad_value(entry, text, expected);
    }
    *out = value;
    return MH_OK;
}

static mh_status set_real(const option *entry, const char *text, double *out)
{
    char *end = NULL;
    double value = strtod(text, &end);

    if (end == text || *end != '\0' || !isfinite(value) || value < entry->least)
        return bad_value(entry, text, "a number that is not negative");
    *out = value;
    return MH_OK;
}

static mh_status set_switch(const option *entry, const char *text, bool *out)
{
    if (strcmp(text, "yes") != 0 && strcmp(text, "no") != 0)
        return bad_value(entry, text, "yes or no");
    *out = strcmp(text, "yes") == 0;
    return MH_OK;
}

static mh_status set_choice(const option *entry, const char *text, size_t *out)
{
    size_t place_of_choice = 0;
    const char *choice = entry->value;

    while (choice != NULL) {
        size_t length = strcspn(choice, "|");

        if (strlen(text) == length && strncmp(text, choice, length) == 0) {
            *out = place_of_choice;
            return MH_OK;
        }
        place_of_choice++;
        choice = choice[length] == '|' ? choice + length + 1 : NULL;
    }
    return bad_value(entry, text, entry->value);
}

static mh_status set_widths(const option *entry, const char *text, width_list *out)
{
    mh_status status = MH_OK;
    size_t count = 1;

    mh_memory_free(out->width);
    *out = (width_list){0};
    if (strcmp(text, "none") == 0)
        return MH_OK;
    for (const char *comma = strchr(text, ','); comma != NULL; comma = strchr(comma + 1, ','))
        count++;
    MH_TRY(mh_memory_array(count, sizeof *out->width, &out->width));
    for (const char *number = text; out->count < count; number = strchr(number, ',') + 1) {
        char *end = NULL;
        unsigned long long width = strtoull(number, &end, 10);

        if (*number < '0' || *number > '9' || (*end != ',' && *end != '\0') || width == 0)
            return bad_value(entry, text, "widths such as 32,64,128,256, or none");
        out->width[out->count++] = width;
        if (*end == '\0')
            break;
    }
cleanup:
    return status;
}

static mh_status set_shares(const option *entry, const char *text, share_list *out)
{
    const char *at = text;

    for (out->count = 0; out->count < sizeof out->share / sizeof out->share[0];) {
        char *end = NULL;
        double share = strtod(at, &end);

        if (end == at || (*end != ',' && *end != '\0') || !(share >= 0 && share < 1))
            break;
        out->share[out->count++] = share;
        if (*end == '\0')
            return MH_OK;
        at = end + 1;
    }
    return bad_value(entry, text, "a share from 0 to below 1, or several such as 0.5,0.2");
}

static bool parse_bound(const char *text, const char *end, bool *is_there, int64_t *out)
{
    char *stop = NULL;

    *is_there = text != end;
    if (!*is_there)
        return true;
    errno = 0;
    *out = strtoll(text, &stop, 10);
    return stop == end && errno == 0 && strchr("-0123456789", text[0]) != NULL;
}

static mh_status set_rows(const option *entry, const char *text, mh_slice *out)
{
    const char *colon = strchr(text, ':');

    *out = (mh_slice){0};
    if (colon == NULL || !parse_bound(text, colon, &out->has_first, &out->first) ||
        !parse_bound(colon + 1, text + strlen(text), &out->has_last, &out->last))
        return bad_value(entry, text, "a Python slice such as :9900, 100:200 or -100:");
    return MH_OK;
}

static mh_status set_bytes(const option *entry, const char *text, size_t *out)
{
    if (!byte_size_parse(text, out))
        return bad_value(entry, text, "bytes, or K, M, G or T of them such as 64M; 0: as many as there are");
    return MH_OK;
}

static mh_status set_duration(const option *entry, const char *text, double *out)
{
    if (!duration_parse(text, out))
        return bad_value(entry, text, "a time: seconds, or such as 90s, 10min, 24h, 1:30:00; 0 for none");
    return MH_OK;
}

static mh_status set_interval(const option *entry, const char *text, mh_interval *out)
{
    if (!interval_parse(text, out))
        return bad_value(entry, text, "epochs such as 5, steps such as 200steps, or time such as 10min");
    return MH_OK;
}

static mh_status set_warmup(const option *entry, const char *text, mh_interval *out)
{
    if (!warmup_parse(text, out))
        return bad_value(entry, text, "steps such as 100, or epochs such as 5epochs");
    return MH_OK;
}

mh_status option_set(const option *entry, char *text, options *o)
{
    void *at = option_place(o, entry);

    if (text[0] == '\0')
        return MH_FAIL(MH_ERR_USAGE, "--%s needs a value that is not empty", entry->name);
    switch (entry->type) {
    case TYPE_TEXT:
        *(char **)at = text;
        return MH_OK;
    case TYPE_TEXTS: {
        text_list *list = at;

        list->text[list->count++] = text;
        return MH_OK;
    }
    case TYPE_SIZE:
        return set_size(entry, text, at);
    case TYPE_REAL:
        return set_real(entry, text, at);
    case TYPE_SWITCH:
    case TYPE_FLAG:
        return set_switch(entry, text, at);
    case TYPE_CHOICE:
        return set_choice(entry, text, at);
    case TYPE_WIDTHS:
        return set_widths(entry, text, at);
    case TYPE_SHARES:
        return set_shares(entry, text, at);
    case TYPE_ROWS:
        return set_rows(entry, text, at);
    case TYPE_BYTES:
        return set_bytes(entry, text, at);
    case TYPE_DURATION:
        return set_duration(entry, text, at);
    case TYPE_INTERVAL:
        return set_interval(entry, text, at);
    case TYPE_WARMUP:
        return set_warmup(entry, text, at);
    }
    return MH_OK;
}

/* ---- printing ---- */

static void print_choice(const option *entry, size_t place_of_choice, FILE *out)
{
    const char *choice = entry->value;

    while (place_of_choice-- > 0)
        choice = strchr(choice, '|') + 1;
    fprintf(out, "%.*s", (int)strcspn(choice, "|"), choice);
}

static void print_rows(const mh_slice *rows, FILE *out)
{
    if (rows->has_first)
        fprintf(out, "%lld", (long long)rows->first);
    fputc(':', out);
    if (rows->has_last)
        fprintf(out, "%lld", (long long)rows->last);
}

static void print_widths(const width_list *widths, FILE *out)
{
    if (widths->count == 0)
        fputs("none", out);
    for (size_t i = 0; i < widths->count; i++)
        fprintf(out, "%s%zu", i > 0 ? "," : "", widths->width[i]);
}

static void print_shares(const share_list *shares, FILE *out)
{
    char number[MH_TEXT_BYTES];

    for (size_t i = 0; i < shares->count; i++)
        fprintf(out, "%s%s", i > 0 ? "," : "", mh_text_number(shares->share[i], number));
}

static void print_interval(const mh_interval *interval, FILE *out)
{
    static const char *const units[] = {"", "steps", "s"};
    char number[MH_TEXT_BYTES];

    fprintf(out, "%s%s", mh_text_number(interval->every, number), units[interval->unit]);
}

static void print_warmup(const mh_interval *warmup, FILE *out)
{
    char number[MH_TEXT_BYTES];

    fprintf(out, "%s%s", mh_text_number(warmup->every, number),
            warmup->unit == MH_INTERVAL_EPOCHS ? "epochs" : "");
}

void option_print(const option *entry, const options *o, FILE *out)
{
    const void *at = option_const_place(o, entry);
    char number[MH_TEXT_BYTES];

    switch (entry->type) {
    case TYPE_TEXT:
        fputs(*(char *const *)at, out);
        break;
    case TYPE_SIZE:
        fprintf(out, "%zu", *(const size_t *)at);
        break;
    case TYPE_REAL:
    case TYPE_DURATION:
        fputs(mh_text_number(*(const double *)at, number), out);
        break;
    case TYPE_SWITCH:
    case TYPE_FLAG:
        fputs(*(const bool *)at ? "yes" : "no", out);
        break;
    case TYPE_CHOICE:
        print_choice(entry, *(const size_t *)at, out);
        break;
    case TYPE_WIDTHS:
        print_widths(at, out);
        break;
    case TYPE_SHARES:
        print_shares(at, out);
        break;
    case TYPE_ROWS:
        print_rows(at, out);
        break;
    case TYPE_BYTES:
        byte_size_print(*(const size_t *)at, out);
        break;
    case TYPE_INTERVAL:
        print_interval(at, out);
        break;
    case TYPE_WARMUP:
        print_warmup(at, out);
        break;
    case TYPE_TEXTS:
        break; /* has a line for each text */
    }
}

bool option_say(const option *entry, const options *o, char *text, size_t bytes)
{
    char value[128] = "";
    FILE *stream = fmemopen(value, sizeof value - 1, "w");

    if (stream == NULL)
        return false;
    option_print(entry, o, stream);
    fclose(stream);
    snprintf(text, bytes, "--%s %s", entry->name, value);
    return entry->initial == NULL || strcmp(value, entry->initial) != 0;
}
