#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "multihead/base/memory.h"
#include "option_table.h"

/* options.ini: what a run is made with, as a text that --config reads again. */

static void print_line(const option *entry, const options *o, FILE *out)
{
    const text_list *list = option_const_place(o, entry);

    if (entry->type == TYPE_TEXT && *(char *const *)option_const_place(o, entry) == NULL)
        return;
    for (size_t i = 0; i < (entry->type == TYPE_TEXTS ? list->count : 1); i++) {
        fprintf(out, "%s = ", entry->name);
        if (entry->type == TYPE_TEXTS)
            fputs(list->text[i], out);
        else
            option_print(entry, o, out);
        fputc('\n', out);
    }
}

/* Options of the generator are no part of a run that reads its rows. */
static bool is_told(const option *entry, const options *o, bool only_what_matters)
{
    return (entry->commands & o->command) != 0 && entry->place != offsetof(options, config) &&
           !(only_what_matters && entry->makes_no_difference) &&
           !((entry->commands & OF_GENERATOR) != 0 && !o->generate);
}

static mh_status describe(const options *o, bool only_what_matters, char **out)
{
    mh_status status = MH_OK;
    char *text = NULL;
    size_t bytes = 0;
    FILE *stream = open_memstream(&text, &bytes);

    *out = NULL;
    if (stream == NULL)
        return MH_FAIL(MH_ERR_MEMORY, "out of memory");
    for (size_t i = 0; i < option_count; i++)
        if (is_told(&option_table[i], o, only_what_matters))
            print_line(&option_table[i], o, stream);
    if (fclose(stream) != 0)
        status = MH_FAIL(MH_ERR_MEMORY, "out of memory");
    else
        status = mh_memory_text(text, out);
    free(text);
    return status;
}

mh_status options_describe(const options *o, char **out)
{
    return describe(o, false, out);
}

bool options_lookup(const char *description, const char *name, char *value, size_t bytes)
{
    size_t length = strlen(name), used = 0;
    bool is_there = false;

    value[0] = '\0';
    for (const char *line = description; line != NULL && *line != '\0';) {
        const char *end = line + strcspn(line, "\n");

        if (strncmp(line, name, length) == 0 && strncmp(line + length, " = ", 3) == 0) {
            const char *text = line + length + 3;

            /* The lines of a list are shown one after another. */
            used += (size_t)snprintf(value + used, bytes - used, "%s%.*s", is_there ? " " : "",
                                     (int)(end - text), text);
            used = used < bytes ? used : bytes - 1;
            is_there = true;
        }
        line = *end == '\n' ? end + 1 : end;
    }
    return is_there;
}

mh_status options_compare(const options *o, const char *description, char *differences, size_t bytes)
{
    mh_status status = MH_OK;
    char *mine = NULL;
    size_t used = 0;
    char before[512], now[512];

    differences[0] = '\0';
    MH_TRY(describe(o, true, &mine));
    for (size_t i = 0; i < option_count && used < bytes; i++) {
        if ((option_table[i].commands & o->command) == 0 || option_table[i].makes_no_difference)
            continue;
        if ((option_table[i].commands & BY_PRESET) != 0 && o->preset == PRESET_TABULAR && !o->given[i])
            continue; /* left to the preset, which chooses the same again */
        bool was_said = options_lookup(description, option_table[i].name, before, sizeof before);
        if (!was_said && option_table[i].initial != NULL && !option_say(&option_table[i], o, now, sizeof now))
            continue; /* younger than the description, and as it was before there was one */
        bool is_said = options_lookup(mine, option_table[i].name, now, sizeof now);
        if (strcmp(before, now) != 0)
            used += (size_t)snprintf(differences + used, bytes - used, "%s%s %s (now %s)",
                                     used > 0 ? ", " : "", option_table[i].name,
                                     was_said ? before : "not given", is_said ? now : "not given");
    }
cleanup:
    mh_memory_free(mine);
    return status;
}
