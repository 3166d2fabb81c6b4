#include "column_list.h"

#include <stdio.h>
#include <string.h>

#include "multihead/base/memory.h"
#include "multihead/base/text.h"

enum { NAMES_BYTES = 300 };

static const char *read_number(const char *text, size_t *out)
{
    size_t value = 0;

    if (*text < '0' || *text > '9')
        return NULL;
    for (; *text >= '0' && *text <= '9'; text++)
        value = value > MH_TEXT_COLUMNS_MAX ? value : value * 10 + (size_t)(*text - '0');
    *out = value;
    return text;
}

/* "7", "2-13" or "20-"; false for anything else, which is a name. */
static bool read_range(const char *text, size_t columns, size_t *first, size_t *last)
{
    const char *end = read_number(text, first);

    if (end == NULL)
        return false;
    *last = *first;
    if (*end == '-') {
        *last = columns;
        if (*++end != '\0')
            end = read_number(end, last);
    }
    return end != NULL && *end == '\0';
}

static void list_names(const mh_text_header *header, char names[NAMES_BYTES])
{
    char excerpt[MH_TEXT_BYTES];
    size_t used = 0;

    names[0] = '\0';
    for (size_t i = 0; i < header->columns; i++) {
        const char *name = mh_text_excerpt(header->column[i].name, excerpt);

        if (used + strlen(name) + 8 > NAMES_BYTES) {
            snprintf(names + used, NAMES_BYTES - used, ", ...");
            return;
        }
        used += (size_t)snprintf(names + used, NAMES_BYTES - used, "%s%s", i > 0 ? ", " : "", name);
    }
}

static mh_status mark_name(const char *option, const char *name, const char *path,
                           const mh_text_header *header, bool *marked)
{
    char names[NAMES_BYTES];
    size_t found = 0, at = 0;

    for (size_t i = 0; i < header->columns; i++) {
        if (strcmp(header->column[i].name, name) == 0) {
            found++;
            at = i;
        }
    }
    if (found > 1)
        return MH_FAIL(MH_ERR_USAGE, "%s %s: %s has %zu columns of that name; say which by number", option,
                       name, path, found);
    if (found == 0) {
        list_names(header, names);
        return MH_FAIL(MH_ERR_USAGE, "%s %s: %s has no such column; it has 1 to %zu: %s", option, name, path,
                       header->columns, names);
    }
    marked[at] = true;
    return MH_OK;
}

static mh_status mark_item(const char *option, const char *item, bool is_quoted, const char *path,
                           const mh_text_header *header, bool *marked)
{
    size_t first = 0, last = 0;

    if (item[0] == '\0')
        return MH_FAIL(MH_ERR_USAGE, "%s: expected numbers from 1, ranges and names, such as 2-13,id",
                       option);
    if (is_quoted || !read_range(item, header->columns, &first, &last))
        return mark_name(option, item, path, header, marked);
    if (first < 1 || last < first || last > header->columns)
        return MH_FAIL(MH_ERR_USAGE, "%s %s: %s has the columns 1 to %zu", option, item, path,
                       header->columns);
    for (size_t i = first - 1; i < last; i++)
        marked[i] = true;
    return MH_OK;
}

mh_status column_list_mark(const char *option, const char *text, const char *path,
                           const mh_text_header *header, bool *marked)
{
    mh_status status = MH_OK;
    char *copy = NULL;

    MH_TRY(mh_memory_text(text, &copy));
    for (char *at = copy, *next = NULL; at != NULL; at = next) {
        bool is_quoted = *at == '"' || *at == '\'';
        char *end = is_quoted ? strchr(at + 1, *at) : NULL;

        if (end != NULL) {
            *end = '\0';
            at++;
            next = end[1] == ',' ? end + 2 : NULL;
        } else {
            next = strchr(at, ',');
            if (next != NULL)
                *next++ = '\0';
        }
        MH_TRY(mark_item(option, at, end != NULL, path, header, marked));
    }
cleanup:
    mh_memory_free(copy);
    return status;
}
