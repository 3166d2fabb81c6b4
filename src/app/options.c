#include "options.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "multihead/base/memory.h"
#include "multihead/base/text.h"
#include "text_file.h"

typedef enum {
    TYPE_TEXT,   /* char *                                    */
    TYPE_TEXTS,  /* text_list: takes words up to the next --  */
    TYPE_SIZE,   /* size_t                                    */
    TYPE_REAL,   /* double                                    */
    TYPE_SWITCH, /* bool: yes or no                           */
    TYPE_FLAG,   /* bool: no value                            */
    TYPE_CHOICE, /* size_t: place among the choices           */
    TYPE_WIDTHS, /* width_list: 32,64 or none                 */
    TYPE_ROWS    /* mh_slice: A:B                             */
} option_type;

typedef struct {
    const char *name;
    option_type type;
    unsigned commands;
    size_t place; /* in options */
    const char *initial;
    const char *value; /* how help calls it; choices separated by | */
    const char *help;
    double least;      /* of a number               */
    bool makes_no_difference; /* to what is learned: a run may go on with another value */
} option;

#define AT(field) offsetof(options, field)

enum {
    DATA = COMMAND_TRAIN | COMMAND_EVALUATE | COMMAND_PREDICT,
    GENERATED = DATA | COMMAND_GENERATE,
    MODEL = COMMAND_TRAIN | COMMAND_BENCH,
    ALL_RUNNING = DATA | COMMAND_BENCH
};

static const option table[] = {
    {"model", TYPE_TEXT, COMMAND_EVALUATE | COMMAND_PREDICT, AT(model), NULL, "FILE", "model.h5 or a checkpoint", 0, 0},
    {"data", TYPE_TEXTS, DATA, AT(data), NULL, "PATH...",
     "HDF5 files, folders of shards or globs; several are one data set", 0, 0},
    {"rows", TYPE_ROWS, GENERATED, AT(rows), ":", "A:B", "only these rows, as a Python slice: :9900, -100:", 0, 0},
    {"features-name", TYPE_TEXT, DATA, AT(features_name), NULL, "NAME", "dataset of the features (features, x or X)",
     0, 0},
    {"labels-name", TYPE_TEXT, DATA, AT(labels_name), NULL, "NAME", "dataset of the labels (labels, y or Y)", 0, 0},

    {"output", TYPE_TEXT, COMMAND_GENERATE, AT(output), NULL, "PATH", "file to write; with --shards, a folder", 0, 0},
    {"shards", TYPE_SIZE, COMMAND_GENERATE, AT(shards), "0", "K", "write K files into a folder", 0, 0},
    {"generate", TYPE_FLAG, DATA, AT(generate), NULL, NULL,
     "make the rows in memory instead of reading files; takes the next options", 0, 0},
    {"samples", TYPE_SIZE, GENERATED, AT(samples), "10000", "N", "rows there are", 1, 0},
    {"features", TYPE_SIZE, GENERATED | COMMAND_BENCH, AT(features), "12", "N", "columns of features", 1, 0},
    {"labels", TYPE_SIZE, GENERATED | COMMAND_BENCH, AT(labels), "5", "N", "labels, each with a head of its own", 1, 0},
    {"mean-labels", TYPE_REAL, GENERATED, AT(mean_labels), "2", "X", "mean number of labels of a row", 0, 0},
    {"length", TYPE_REAL, GENERATED, AT(length), "50", "X", "mean sum of a row's features", 0, 0},
    {"no-unlabeled", TYPE_FLAG, GENERATED, AT(no_unlabeled), NULL, NULL, "no row without any label", 0, 0},
    {"categories", TYPE_SIZE, GENERATED | COMMAND_BENCH, AT(categories), "2", "K",
     "classes of each label; more than 2: rowwise only", 2, 0},
    {"method", TYPE_CHOICE, GENERATED, AT(method), "sklearn", "sklearn|rowwise",
     "sklearn: the rows of make_multilabel_classification; rowwise: row i from (seed, i) alone", 0, 0},
    {"seed", TYPE_SIZE, COMMAND_GENERATE, AT(data_seed), "1", "N", "of the rows (random_state)", 0, 0},
    {"data-seed", TYPE_SIZE, DATA, AT(data_seed), "1", "N", "of the generated rows", 0, 0},

    {"hidden", TYPE_WIDTHS, MODEL, AT(hidden), "32,64,128,256", "N,N,...", "widths of the trunk's layers, or none", 0,
     0},
    {"heads", TYPE_CHOICE, MODEL, AT(heads), "auto", "auto|binary|softmax",
     "auto: binary for two classes, softmax for more", 0, 0},
    {"head-activation", TYPE_CHOICE, COMMAND_TRAIN, AT(head_activation), "none", "none|sigmoid",
     "sigmoid: before the softmax, as the tutorial has it (costs accuracy)", 0, 0},
    {"init", TYPE_TEXT, COMMAND_TRAIN, AT(init), NULL, "FILE", "start from /model/<name> of this HDF5 file", 0, 0},

    {"epochs", TYPE_SIZE, COMMAND_TRAIN, AT(epochs), "100", "N", "passes over the rows", 1, 0},
    {"batch-size", TYPE_SIZE, MODEL, AT(batch_size), "1024", "N", "rows of a step, over all ranks", 1, 0},
    {"shuffle", TYPE_SWITCH, COMMAND_TRAIN, AT(shuffle), "no", "yes|no", "each epoch, inside each replica", 0, 0},
    {"learning-rate", TYPE_REAL, COMMAND_TRAIN, AT(learning_rate), "0.001", "X", "of Adam", 0, 0},
    {"weight-decay", TYPE_REAL, COMMAND_TRAIN, AT(weight_decay), "0", "X", "decoupled, as in AdamW", 0, 0},
    {"seed", TYPE_SIZE, COMMAND_TRAIN, AT(seed), "1", "N", "of the first weights and the shuffle", 0, 0},
    {"replicas", TYPE_SIZE, MODEL, AT(replicas), "0", "N",
     "parts of the data that the sum is made of; 0: 8, or the ranks when those are more", 0, 0},
    {"threads", TYPE_SIZE, ALL_RUNNING, AT(threads), "1", "N", "BLAS threads of each rank", 1, 0},

    {"run", TYPE_TEXT, COMMAND_TRAIN, AT(run), "run", "NAME", "folder of this run, under --output", 0, 1},
    {"output", TYPE_TEXT, COMMAND_TRAIN, AT(output), "outputs", "FOLDER", "where runs are kept", 0, 1},
    {"resume", TYPE_TEXT, COMMAND_TRAIN, AT(resume), "auto", "auto|none|FILE",
     "auto: from the newest checkpoint of the run; none: afresh, over what is there", 0, 1},
    {"checkpoint-every", TYPE_SIZE, COMMAND_TRAIN, AT(checkpoint_every), "10", "N", "epochs; 0: never", 0, 1},
    {"keep", TYPE_SIZE, COMMAND_TRAIN, AT(keep), "2", "N", "newest checkpoints", 1, 1},
    {"config", TYPE_TEXT, COMMAND_TRAIN, AT(config), NULL, "FILE", "take options from here, such as a run's options.ini",
     0, 1},
    {"progress", TYPE_SWITCH, COMMAND_TRAIN, AT(progress), "yes", "yes|no", "show how far it is", 0, 1},

    {"output", TYPE_TEXT, COMMAND_PREDICT, AT(output), NULL, "FILE", "write predictions to FILE.h5 or FILE.csv", 0, 0},
    {"json", TYPE_TEXT, COMMAND_EVALUATE | COMMAND_BENCH, AT(json), NULL, "FILE", "write the numbers as JSON; - is stdout",
     0, 0},
    {"steps", TYPE_SIZE, COMMAND_BENCH, AT(steps), "0", "N", "steps to measure; 0: as many as take two seconds", 0, 0},
};

enum { OPTIONS = sizeof table / sizeof table[0] };
_Static_assert(OPTIONS <= 64, "options.given has a bit for each");

static void *place(options *o, const option *entry)
{
    return (char *)o + entry->place;
}

static const void *const_place(const options *o, const option *entry)
{
    return (const char *)o + entry->place;
}

/* ---- finding ---- */

static const option *find(unsigned command, const char *name, size_t length)
{
    for (size_t i = 0; i < OPTIONS; i++)
        if ((table[i].commands & command) != 0 && strlen(table[i].name) == length &&
            strncmp(table[i].name, name, length) == 0)
            return &table[i];
    return NULL;
}

/* How many letters have to be changed, put in or left out (Levenshtein 1966); for short words only. */
static size_t distance(const char *a, const char *b)
{
    size_t row[64], length = strlen(b);

    if (length >= 64)
        return SIZE_MAX;
    for (size_t j = 0; j <= length; j++)
        row[j] = j;
    for (size_t i = 0; a[i] != '\0'; i++) {
        size_t corner = row[0];

        row[0] = i + 1;
        for (size_t j = 0; j < length; j++) {
            size_t changed = corner + (a[i] != b[j]);
            size_t shorter = (row[j] < row[j + 1] ? row[j] : row[j + 1]) + 1;

            corner = row[j + 1];
            row[j + 1] = changed < shorter ? changed : shorter;
        }
    }
    return row[length];
}

static mh_status unknown_option(unsigned command, const char *word, size_t length)
{
    char name[64];
    const char *nearest = NULL;
    size_t least = 3; /* further off is no misprint */

    snprintf(name, sizeof name, "%.*s", (int)length, word);
    for (size_t i = 0; i < OPTIONS; i++) {
        size_t far = distance(name, table[i].name);

        if ((table[i].commands & command) != 0 && far < least) {
            least = far;
            nearest = table[i].name;
        }
    }
    if (nearest != NULL)
        return MH_FAIL(MH_ERR_USAGE, "there is no option --%s; did you mean --%s?", name, nearest);
    return MH_FAIL(MH_ERR_USAGE, "there is no option --%s here; --help lists them", name);
}

/* ---- values ---- */

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

static mh_status set_value(const option *entry, char *text, options *o)
{
    void *at = place(o, entry);

    switch (entry->type) {
    case TYPE_TEXT:
        if (text[0] == '\0')
            return bad_value(entry, text, "a value that is not empty");
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
    case TYPE_ROWS:
        return set_rows(entry, text, at);
    }
    return MH_OK;
}

/* ---- the command line ---- */

static void mark_given(options *o, const option *entry)
{
    o->given |= UINT64_C(1) << (entry - table);
}

/* A list begins anew where it is said again, so that the command line replaces a configuration. */
static mh_status set_words(const option *entry, int argc, char **argv, int *at, options *o)
{
    mh_status status = MH_OK;
    text_list *list = place(o, entry);
    int first = *at;

    list->count = 0;
    for (; *at < argc && strncmp(argv[*at], "--", 2) != 0; (*at)++)
        MH_TRY(set_value(entry, argv[*at], o));
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
    const option *entry = find(o->command, word, length);

    if (entry == NULL)
        return unknown_option(o->command, word, length);
    mark_given(o, entry);
    if (entry->type == TYPE_FLAG) {
        if (has_value)
            return MH_FAIL(MH_ERR_USAGE, "--%s takes no value", entry->name);
        *(bool *)place(o, entry) = true;
    } else if (has_value) {
        if (entry->type == TYPE_TEXTS)
            ((text_list *)place(o, entry))->count = 0;
        MH_TRY(set_value(entry, word + length + 1, o));
    } else if (entry->type == TYPE_TEXTS) {
        MH_TRY(set_words(entry, argc, argv, at, o));
    } else if (*at >= argc) {
        status = MH_FAIL(MH_ERR_USAGE, "--%s needs a value: %s", entry->name, entry->value);
    } else {
        MH_TRY(set_value(entry, argv[(*at)++], o));
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
        } else if (o->command == COMMAND_INSPECT) {
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

    MH_TRY(text_file_read(path, &o->config_text));
    for (char *line = o->config_text, *next = NULL; line != NULL; line = next, number++) {
        char *name = NULL, *value = NULL;

        next = strchr(line, '\n');
        if (next != NULL)
            *next++ = '\0';
        if (!split_line(line, &name, &value))
            continue;
        const option *entry = find(o->command, name, strlen(name));
        if (entry == NULL || value == NULL) {
            status = MH_FAIL(MH_ERR_USAGE, "%s: line %zu: %s", path, number,
                             value == NULL ? "expected name = value" : "there is no such option");
            goto cleanup;
        }
        mark_given(o, entry);
        MH_TRY(set_value(entry, value, o));
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

/* Room for as many texts as there are words and lines. */
static mh_status make_room(int argc, const char *config, options *o)
{
    mh_status status = MH_OK;
    size_t words = (size_t)argc;
    char *text = NULL;

    if (config != NULL) {
        MH_TRY(text_file_read(config, &text));
        for (const char *c = text; *c != '\0'; c++)
            words += *c == '\n';
        words++;
    }
    MH_TRY(mh_memory_array(words, sizeof *o->data.text, &o->data.text));
    MH_TRY(mh_memory_array(words, sizeof *o->files.text, &o->files.text));
cleanup:
    mh_memory_free(text);
    return status;
}

static mh_status set_defaults(options *o)
{
    mh_status status = MH_OK;

    for (size_t i = 0; i < OPTIONS; i++)
        if ((table[i].commands & o->command) != 0 && table[i].initial != NULL)
            MH_TRY(set_value(&table[i], (char *)table[i].initial, o));
cleanup:
    return status;
}

mh_status options_parse(command command, int argc, char **argv, options *out)
{
    mh_status status = MH_OK;
    const char *config = (command & COMMAND_TRAIN) != 0 ? find_config(argc, argv) : NULL;

    *out = (options){.command = command};
    MH_TRY(make_room(argc, config, out));
    MH_TRY(set_defaults(out));
    if (config != NULL)
        MH_TRY(apply_config(config, out));
    MH_TRY(parse_words(argc, argv, out));
cleanup:
    return status;
}

void options_clear(options *o)
{
    mh_memory_free(o->data.text);
    mh_memory_free(o->files.text);
    mh_memory_free(o->hidden.width);
    mh_memory_free(o->config_text);
    *o = (options){0};
}

bool options_is_given(const options *o, const char *name)
{
    const option *entry = find(o->command, name, strlen(name));

    return entry != NULL && (o->given >> (entry - table) & 1) != 0;
}

const char *options_first_given(const options *o, const char *const *names)
{
    for (; *names != NULL; names++)
        if (options_is_given(o, *names))
            return *names;
    return NULL;
}

/* ---- saying them again ---- */

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

static void print_value(const option *entry, const options *o, FILE *out)
{
    const void *at = const_place(o, entry);
    char number[MH_TEXT_BYTES];

    switch (entry->type) {
    case TYPE_TEXT:
        fputs(*(char *const *)at, out);
        break;
    case TYPE_SIZE:
        fprintf(out, "%zu", *(const size_t *)at);
        break;
    case TYPE_REAL:
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
    case TYPE_ROWS:
        print_rows(at, out);
        break;
    case TYPE_TEXTS:
        break; /* has a line for each text */
    }
}

static void print_line(const option *entry, const options *o, FILE *out)
{
    const text_list *list = const_place(o, entry);

    if (entry->type == TYPE_TEXT && *(char *const *)const_place(o, entry) == NULL)
        return;
    for (size_t i = 0; i < (entry->type == TYPE_TEXTS ? list->count : 1); i++) {
        fprintf(out, "%s = ", entry->name);
        if (entry->type == TYPE_TEXTS)
            fputs(list->text[i], out);
        else
            print_value(entry, o, out);
        fputc('\n', out);
    }
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
    for (size_t i = 0; i < OPTIONS; i++)
        if ((table[i].commands & o->command) != 0 && table[i].place != AT(config) &&
            !(only_what_matters && table[i].makes_no_difference))
            print_line(&table[i], o, stream);
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
    for (size_t i = 0; i < OPTIONS && used < bytes; i++) {
        if ((table[i].commands & o->command) == 0 || table[i].makes_no_difference)
            continue;
        bool was_said = options_lookup(description, table[i].name, before, sizeof before);
        bool is_said = options_lookup(mine, table[i].name, now, sizeof now);
        if (strcmp(before, now) != 0)
            used += (size_t)snprintf(differences + used, bytes - used, "%s%s %s (now %s)", used > 0 ? ", " : "",
                                     table[i].name, was_said ? before : "not given", is_said ? now : "not given");
    }
cleanup:
    mh_memory_free(mine);
    return status;
}

void options_print_help(command command)
{
    char left[64];

    for (size_t i = 0; i < OPTIONS; i++) {
        const option *entry = &table[i];

        if ((entry->commands & command) == 0)
            continue;
        snprintf(left, sizeof left, "--%s%s%s", entry->name, entry->value != NULL ? " " : "",
                 entry->value != NULL ? entry->value : "");
        printf(strlen(left) <= 28 ? "  %-28s  %s" : "  %s\n                                %s", left, entry->help);
        if (entry->initial != NULL)
            printf(" [%s]", entry->initial);
        putchar('\n');
    }
}
