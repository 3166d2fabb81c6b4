#include "options.h"

#include <stdio.h>
#include <string.h>

#include "multihead/base/clock.h"
#include "multihead/base/memory.h"
#include "option_table.h"
#include "text_file.h"

/* ---- the command line ---- */

static mh_status unknown_option(unsigned command, const char *word, size_t length)
{
    char name[64];

    snprintf(name, sizeof name, "%.*s", (int)length, word);
    const option *nearest = option_find_nearest(command, name);
    if (nearest != NULL)
        return MH_FAIL(MH_ERR_USAGE, "there is no option --%s; did you mean --%s?", name, nearest->name);
    return MH_FAIL(MH_ERR_USAGE, "there is no option --%s here; --help lists them", name);
}

static void mark_given(options *o, const option *entry)
{
    o->given[entry - option_table] = true;
}

/* A list begins anew where it is said again, so that the command line replaces a configuration. */
static mh_status set_words(const option *entry, int argc, char **argv, int *at, options *o)
{
    mh_status status = MH_OK;
    text_list *list = option_place(o, entry);
    int first = *at;

    list->count = 0;
    for (; *at < argc && strncmp(argv[*at], "--", 2) != 0; (*at)++)
        MH_TRY(option_set(entry, argv[*at], o));
    if (*at == first)
        status = MH_FAIL(MH_ERR_USAGE, "--%s needs a value: %s", entry->name, entry->value);
cleanup:
    return status;
}

static mh_status parse_option(int argc, char **argv, int *at, options *o)
{
    mh_status status = MH_OK;
    char *word = argv[(*at)++] + 2;
    size_t length = strcspn(word, "=");
    bool has_value = word[length] == '=';
    const option *entry = option_find(o->command, word, length);

    if (entry == NULL)
        return unknown_option(o->command, word, length);
    mark_given(o, entry);
    if (entry->type == TYPE_FLAG) {
        if (has_value)
            return MH_FAIL(MH_ERR_USAGE, "--%s takes no value", entry->name);
        *(bool *)option_place(o, entry) = true;
    } else if (has_value) {
        if (entry->type == TYPE_TEXTS)
            ((text_list *)option_place(o, entry))->count = 0;
        MH_TRY(option_set(entry, word + length + 1, o));
    } else if (entry->type == TYPE_TEXTS) {
        MH_TRY(set_words(entry, argc, argv, at, o));
    } else if (*at >= argc || strncmp(argv[*at], "--", 2) == 0) {
        status = MH_FAIL(MH_ERR_USAGE, "--%s needs a value: %s", entry->name, entry->value);
    } else {
        MH_TRY(option_set(entry, argv[(*at)++], o));
    }
cleanup:
    return status;
}

static mh_status parse_words(int argc, char **argv, options *o)
{
    mh_status status = MH_OK;

    for (int at = 0; at < argc;) {
        if (strncmp(argv[at], "--", 2) == 0) {
            MH_TRY(parse_option(argc, argv, &at, o));
        } else if ((o->command & TAKES_FILES) != 0) {
            o->files.text[o->files.count++] = argv[at++];
        } else {
            status = MH_FAIL(MH_ERR_USAGE, "\"%s\" belongs to no option; --help lists them", argv[at]);
            goto cleanup;
        }
    }
cleanup:
    return status;
}

/* ---- configuration files ---- */

static char *trim(char *text)
{
    text += strspn(text, " \t\r");
    size_t length = strlen(text);
    while (length > 0 && strchr(" \t\r", text[length - 1]) != NULL)
        text[--length] = '\0';
    return text;
}

/* `name = value`; comments begin with # or ;. Returns false for a line that says nothing. */
static bool split_line(char *line, char **name, char **value)
{
    char *equals = strchr(line, '=');

    *name = trim(line);
    *value = NULL;
    if ((*name)[0] == '\0' || strchr("#;[", (*name)[0]) != NULL)
        return false;
    if (equals != NULL) {
        *equals = '\0';
        *name = trim(line);
        *value = trim(equals + 1);
    }
    return true;
}

static mh_status apply_config(const char *path, options *o)
{
    mh_status status = MH_OK;
    size_t number = 1;

    for (char *line = o->config_text, *next = NULL; line != NULL; line = next, number++) {
        char *name = NULL, *value = NULL;

        next = strchr(line, '\n');
        if (next != NULL)
            *next++ = '\0';
        if (!split_line(line, &name, &value))
            continue;
        const option *entry = option_find(o->command, name, strlen(name));
        if (entry == NULL || value == NULL) {
            status = MH_FAIL(MH_ERR_USAGE, "%s: line %zu: %s", path, number,
                             value == NULL ? "expected name = value" : "there is no such option");
            goto cleanup;
        }
        mark_given(o, entry);
        MH_TRY(option_set(entry, value, o));
    }
cleanup:
    return status;
}

static const char *find_config(int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--config") == 0 && i + 1 < argc)
            return argv[i + 1];
        if (strncmp(argv[i], "--config=", 9) == 0)
            return argv[i] + 9;
    }
    return NULL;
}

/* Room for as many texts as there are words and lines, in every list that the command has. */
static mh_status create_lists(size_t words, options *o)
{
    mh_status status = MH_OK;

    MH_TRY(mh_memory_array(words, sizeof *o->files.text, &o->files.text));
    for (size_t i = 0; i < option_count; i++) {
        text_list *list = option_place(o, &option_table[i]);

        if (option_table[i].type == TYPE_TEXTS && (option_table[i].commands & o->command) != 0)
            MH_TRY(mh_memory_array(words, sizeof *list->text, &list->text));
    }
cleanup:
    return status;
}

static mh_status read_config(int argc, const char *config, options *o)
{
    mh_status status = MH_OK;
    size_t words = (size_t)argc;

    if (config != NULL) {
        MH_TRY(text_file_read(config, &o->config_text));
        for (const char *c = o->config_text; *c != '\0'; c++)
            words += *c == '\n';
        words++;
    }
    status = create_lists(words, o);
cleanup:
    return status;
}

static mh_status set_defaults(options *o)
{
    mh_status status = MH_OK;

    for (size_t i = 0; i < option_count; i++)
        if ((option_table[i].commands & o->command) != 0 && option_table[i].initial != NULL)
            MH_TRY(option_set(&option_table[i], (char *)option_table[i].initial, o));
cleanup:
    return status;
}

mh_status options_parse(command command, int argc, char **argv, options *out)
{
    mh_status status = MH_OK;
    const char *config = (command & COMMAND_TRAIN) != 0 ? find_config(argc, argv) : NULL;

    *out = (options){.command = command, .started = mh_clock_seconds()};
    MH_TRY(read_config(argc, config, out));
    MH_TRY(set_defaults(out));
    if (config != NULL)
        MH_TRY(apply_config(config, out));
    MH_TRY(parse_words(argc, argv, out));
cleanup:
    return status;
}

void options_clear(options *o)
{
    for (size_t i = 0; i < option_count; i++)
        if (option_table[i].type == TYPE_TEXTS && (option_table[i].commands & o->command) != 0)
            mh_memory_free(((text_list *)option_place(o, &option_table[i]))->text);
    mh_memory_free(o->files.text);
    mh_memory_free(o->hidden.width);
    mh_memory_free(o->config_text);
    *o = (options){0};
}

bool options_is_given(const options *o, const char *name)
{
    const option *entry = option_find(o->command, name, strlen(name));

    return entry != NULL && o->given[entry - option_table];
}

const char *options_first_given(const options *o, const char *const *names)
{
    for (; *names != NULL; names++)
        if (options_is_given(o, *names))
            return *names;
    return NULL;
}

const char *options_given_of_generator(const options *o)
{
    for (size_t i = 0; i < option_count; i++)
        if ((option_table[i].commands & OF_GENERATOR) != 0 && o->given[i])
            return option_table[i].name;
    return NULL;
}
