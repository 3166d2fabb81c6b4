#include "value_order.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "multihead/base/memory.h"
#include "multihead/base/number.h"

/* ---- yes and no ---- */

/* 1 for yes, 0 for no, -1 for anything else. */
static int truth(const char *text)
{
    static const char *const no[] = {"0", "f", "false", "no", "n"};
    static const char *const yes[] = {"1", "t", "true", "yes", "y"};

    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++) {
        if (strcasecmp(text, yes[i]) == 0)
            return 1;
        if (strcasecmp(text, no[i]) == 0)
            return 0;
    }
    return -1;
}

bool value_order_is_yes_no(const mh_value_set *values)
{
    size_t count = mh_value_set_count(values);
    int first = count > 0 ? truth(mh_value_set_text(values, 0)) : -1;
    int second = count > 1 ? truth(mh_value_set_text(values, 1)) : 1 - first;

    return count >= 1 && count <= 2 && first >= 0 && second >= 0 && first != second;
}

mh_status value_order_truths(const mh_value_set *values, uint32_t **place)
{
    mh_status status = MH_OK;
    size_t count = mh_value_set_count(values);

    MH_TRY(mh_memory_array(count, sizeof **place, place));
    for (size_t i = 0; i < count; i++)
        (*place)[i] = truth(mh_value_set_text(values, i)) == 1;
cleanup:
    return status;
}

/* ---- sorting ---- */

typedef struct {
    size_t id;
    const char *text;
    double number; /* 0 unless all of them are numbers */
} value;

static int compare_values(const void *a, const void *b)
{
    const value *first = a, *second = b;

    if (first->number != second->number)
        return first->number < second->number ? -1 : 1;
    return strcmp(first->text, second->text);
}

static mh_status sort_values(const mh_value_set *values, value **out, bool *are_numbers)
{
    mh_status status = MH_OK;
    size_t count = mh_value_set_count(values);
    value *sorted = NULL;

    MH_TRY(mh_memory_array(count, sizeof *sorted, &sorted));
    *are_numbers = true;
    for (size_t i = 0; i < count; i++) {
        sorted[i] = (value){.id = i, .text = mh_value_set_text(values, i)};
        const char *end = mh_number_read(sorted[i].text, &sorted[i].number);
        *are_numbers = *are_numbers && end != NULL && *end == '\0';
    }
    for (size_t i = 0; i < count && !*are_numbers; i++)
        sorted[i].number = 0;
    qsort(sorted, count, sizeof *sorted, compare_values);
cleanup:
    *out = sorted;
    return status;
}

mh_status value_order_places(const mh_value_set *values, mh_column_kind kind, uint32_t **place)
{
    mh_status status = MH_OK;
    value *sorted = NULL;
    size_t count = mh_value_set_count(values);
    bool are_numbers = false;

    MH_TRY(mh_memory_array(count, sizeof **place, place));
    MH_TRY(sort_values(values, &sorted, &are_numbers));
    for (size_t i = 0; i < count; i++) {
        if (kind == MH_COLUMN_NOMINAL)
            (*place)[i] = (uint32_t)i;
        else
            (*place)[sorted[i].id] = (uint32_t)i;
    }
cleanup:
    mh_memory_free(sorted);
    return status;
}

/* ---- classes ---- */

/*
 * Whole numbers from 0 are classes already, also where some between them never occur. Few numbers far apart are names
 * rather.
 */
static bool are_classes(const value *sorted, size_t count)
{
    double least = sorted[0].number, most = sorted[count - 1].number;
    bool begins = least == 0 || (least == 1 && most == 1);

    return begins && most < MH_CLASSES_MAX && (most < 100 || most < 2 * (double)count);
}

/* In sorted order, or numbers as they are: then true. 1 and 1.0 are one class. */
static bool place_sorted(const value *sorted, size_t count, bool are_numbers, uint32_t *place,
                         size_t *classes)
{
    bool as_they_are = are_numbers && count > 0 && are_classes(sorted, count);
    uint32_t next = 0;

    for (size_t i = 0; i < count; i++) {
        bool is_same = i > 0 && are_numbers && sorted[i].number == sorted[i - 1].number;

        place[sorted[i].id] = as_they_are ? (uint32_t)sorted[i].number : is_same ? next - 1 : next++;
        if (place[sorted[i].id] >= *classes)
            *classes = place[sorted[i].id] + 1;
    }
    return as_they_are;
}

/* A | between the names; one inside a name becomes a /, or it would be two. A class without a name has its
 * number. */
static mh_status join_names(const mh_value_set *values, const uint32_t *place, size_t classes, char **out)
{
    mh_status status = MH_OK;
    const char **name = NULL;
    size_t bytes = 1, used = 0;

    MH_TRY(mh_memory_array(classes, sizeof *name, &name));
    for (size_t i = mh_value_set_count(values); i-- > 0;)
        name[place[i]] = mh_value_set_text(values, i);
    for (size_t c = 0; c < classes; c++)
        bytes += (name[c] != NULL ? strlen(name[c]) : 20) + 1;
    MH_TRY(mh_memory_new(bytes, out));
    for (size_t c = 0; c < classes; c++) {
        size_t first = used + (c > 0);

        used += name[c] != NULL
                    ? (size_t)snprintf(*out + used, bytes - used, "%s%s", c > 0 ? "|" : "", name[c])
                    : (size_t)snprintf(*out + used, bytes - used, "%s%zu", c > 0 ? "|" : "", c);
        for (size_t i = first; i < used; i++)
            if ((*out)[i] == '|')
                (*out)[i] = '/';
    }
cleanup:
    mh_memory_free(name);
    return status;
}

mh_status value_order_classes(const mh_value_set *values, mh_column_kind kind, uint32_t **place,
                              size_t *classes, char **class_names)
{
    mh_status status = MH_OK;
    size_t count = mh_value_set_count(values);
    value *sorted = NULL;
    bool are_numbers = false, as_they_are = false;

    *classes = 2; /* a label that is the same everywhere is still a yes-no question */
    if (value_order_is_yes_no(values)) {
        MH_TRY(value_order_truths(values, place));
    } else if (kind == MH_COLUMN_NOMINAL) {
        MH_TRY(value_order_places(values, kind, place));
        *classes = count > 2 ? count : 2;
    } else {
        MH_TRY(mh_memory_array(count, sizeof **place, place));
        MH_TRY(sort_values(values, &sorted, &are_numbers));
        as_they_are = place_sorted(sorted, count, are_numbers, *place, classes);
    }
    if (*classes > MH_CLASSES_MAX) {
        status = MH_FAIL(MH_ERR_FORMAT, "a label of %zu classes is too much: at most %d", *classes,
                         MH_CLASSES_MAX);
        goto cleanup;
    }
    MH_TRY(join_names(as_they_are ? NULL : values, *place, *classes, class_names));
cleanup:
    mh_memory_free(sorted);
    return status;
}
