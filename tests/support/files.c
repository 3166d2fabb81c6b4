#include "files.h"

#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { NAMES = 256, NAMES_BYTES = 16384, AWAIT_SECONDS = 30 };

bool file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

static FILE *open_file(const char *path, const char *mode)
{
    FILE *file = fopen(path, mode);

    cr_assert(file != NULL, "cannot open %s", path);
    return file;
}

bool files_are_same(const char *a, const char *b)
{
    if (!file_exists(a) || !file_exists(b))
        return false;
    FILE *first = open_file(a, "rb"), *second = open_file(b, "rb");
    int left, right;

    do {
        left = getc(first);
        right = getc(second);
    } while (left == right && left != EOF);
    fclose(first);
    fclose(second);
    return left == right;
}

/* ---- names ---- */

static char names[NAMES_BYTES];

const char *names_in(const char *folder)
{
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, NULL, alphasort);
    size_t used = 0;

    names[0] = '\0';
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;

        if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
            used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", used > 0 ? " " : "", name);
        cr_assert(used < sizeof names);
        free(entries[i]);
    }
    free(entries);
    return names;
}

static char found[NAMES][256];
static size_t found_count;

static int keep_name(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)info;
    (void)type;
    if (where->level == 0)
        return 0;
    cr_assert(found_count < NAMES);
    snprintf(found[found_count++], sizeof found[0], "%s", path);
    return 0;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(a, b);
}

const char *names_below(void)
{
    size_t used = 0;

    found_count = 0;
    nftw(".", keep_name, 8, FTW_PHYS);
    qsort(found, found_count, sizeof found[0], compare_names);
    names[0] = '\0';
    for (size_t i = 0; i < found_count; i++) {
        used += (size_t)snprintf(names + used, sizeof names - used, "%s\n", found[i]);
        cr_assert(used < sizeof names);
    }
    return names;
}

/* ---- making and awaiting ---- */

void await_file(const char *path)
{
    const struct timespec pause = {.tv_nsec = 2000000};

    for (size_t i = 0; i < AWAIT_SECONDS * 500 && !file_exists(path); i++)
        nanosleep(&pause, NULL);
    cr_assert(file_exists(path), "no %s after %d s", path, AWAIT_SECONDS);
}

void write_text(const char *path, const char *text)
{
    FILE *file = open_file(path, "w");

    cr_assert(fputs(text, file) >= 0);
    fclose(file);
}

void copy_file(const char *from, const char *to, size_t bytes_at_most)
{
    FILE *source = open_file(from, "rb"), *target = open_file(to, "wb");

    for (int byte; bytes_at_most > 0 && (byte = getc(source)) != EOF; bytes_at_most--)
        putc(byte, target);
    fclose(source);
    fclose(target);
}

bool has_program(const char *name)
{
    char folders[4096], path[4400];
    const char *all = getenv("PATH");

    snprintf(folders, sizeof folders, "%s", all != NULL ? all : "");
    for (char *rest = folders, *folder; (folder = strsep(&rest, ":")) != NULL;) {
        snprintf(path, sizeof path, "%s/%s", folder, name);
        if (access(path, X_OK) == 0)
            return true;
    }
    return false;
}

/* ---- runs ---- */

void expect_same_models(const char *a, const char *b)
{
    char first[64], second[64];

    snprintf(first, sizeof first, "outputs/%s/model.h5", a);
    snprintf(second, sizeof second, "outputs/%s/model.h5", b);
    EXPECT_SAME_FILE(first, second);
}

void expect_other_models(const char *a, const char *b)
{
    char first[64], second[64];

    snprintf(first, sizeof first, "outputs/%s/model.h5", a);
    snprintf(second, sizeof second, "outputs/%s/model.h5", b);
    EXPECT_FILE(first);
    EXPECT_FILE(second);
    cr_expect(!files_are_same(first, second), "%s and %s are the same", a, b);
}

/* ---- CSV ---- */

static size_t split(char *line, char fields[CSV_COLUMNS][CSV_FIELD_BYTES])
{
    size_t count = 0;

    line[strcspn(line, "\n")] = '\0';
    for (char *rest = line, *field; (field = strsep(&rest, ",")) != NULL; count++) {
        cr_assert(count < CSV_COLUMNS);
        snprintf(fields[count], CSV_FIELD_BYTES, "%s", field);
    }
    return count;
}

const csv *read_csv(const char *path)
{
    static csv tables[2];
    static size_t calls;
    csv *table = &tables[calls++ % 2];
    char line[4096];
    FILE *file = open_file(path, "r");

    memset(table, 0, sizeof *table);
    cr_assert(fgets(line, sizeof line, file) != NULL, "%s is empty", path);
    table->columns = split(line, table->name);
    while (fgets(line, sizeof line, file) != NULL) {
        cr_assert(table->lines < CSV_LINES);
        size_t fields = split(line, table->field[table->lines++]);
        cr_assert(fields == table->columns, "%s: line %zu has %zu fields, the header %zu", path, table->lines,
                  fields, table->columns);
    }
    fclose(file);
    return table;
}

double csv_number(const csv *table, size_t line, const char *name)
{
    size_t column = 0;
    char *end = NULL;

    cr_assert(line < table->lines, "there are only %zu lines", table->lines);
    while (column < table->columns && strcmp(table->name[column], name) != 0)
        column++;
    cr_assert(column < table->columns, "there is no column %s", name);
    double value = strtod(table->field[line][column], &end);
    cr_assert(end != table->field[line][column] && *end == '\0', "%s is no number",
              table->field[line][column]);
    return value;
}

static bool is_of_time(const char *name)
{
    return strstr(name, "seconds") != NULL || strstr(name, "per_s") != NULL;
}

bool histories_are_same(const char *a, const char *b)
{
    const csv *first = read_csv(a), *second = read_csv(b);

    if (first->columns != second->columns || first->lines != second->lines ||
        memcmp(first->name, second->name, sizeof first->name) != 0)
        return false;
    for (size_t line = 0; line < first->lines; line++)
        for (size_t column = 0; column < first->columns; column++)
            if (!is_of_time(first->name[column]) &&
                strcmp(first->field[line][column], second->field[line][column]) != 0)
                return false;
    return true;
}
