#ifndef MULTIHEAD_TESTS_FILES_H
#define MULTIHEAD_TESTS_FILES_H

#include <criterion/criterion.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a program left behind. */

bool file_exists(const char *path);

/** Byte for byte; false where one is missing. */
bool files_are_same(const char *a, const char *b);

/** Names in a folder, hidden ones too, sorted, with a space between; "" where there is no folder. Until the
 * next call. */
const char *names_in(const char *folder);

/** Everything under the folder we stand in, sorted. Until the next call. */
const char *names_below(void);

/** Waits until there is such a file; the test fails when there is none after a while. */
void await_file(const char *path);

void write_text(const char *path, const char *text);
/** The first bytes of a file, or all of it. */
#define WHOLE_FILE SIZE_MAX
void copy_file(const char *from, const char *to, size_t bytes_at_most);

/** Whether a program of this name is in $PATH. */
bool has_program(const char *name);

/** Of the runs outputs/<a> and outputs/<b>: that the models are there, and whether they are the same bits. */
void expect_same_models(const char *a, const char *b);
void expect_other_models(const char *a, const char *b);

/* ---- CSV: fields without quotes, numbers mostly ---- */

enum { CSV_COLUMNS = 64, CSV_LINES = 1024, CSV_FIELD_BYTES = 64 };

typedef struct {
    size_t columns, lines; /* lines below the header */
    char name[CSV_COLUMNS][CSV_FIELD_BYTES];
    char field[CSV_LINES][CSV_COLUMNS][CSV_FIELD_BYTES];
} csv;

/** Reads into a table of this file's own, one of two: so two of them can be compared. */
const csv *read_csv(const char *path);

/** The number in a line (from 0) and the column of that name. */
double csv_number(const csv *table, size_t line, const char *name);

/** The same lines, but for columns of time: seconds or per_s in their name. */
bool histories_are_same(const char *a, const char *b);

#define EXPECT_SAME_FILE(a, b)                                                                               \
    cr_expect(files_are_same((a), (b)), "%s and %s differ, or one is missing", (a), (b))
#define EXPECT_FILE(path)    cr_expect(file_exists(path), "there is no %s", (path))
#define EXPECT_NO_FILE(path) cr_expect(!file_exists(path), "there is a %s", (path))
#define EXPECT_NAMES(folder, names)                                                                          \
    cr_expect(strcmp(names_in(folder), (names)) == 0, "in %s: %s\nexpected: %s", (folder), names_in(folder), \
              (names))
#define EXPECT_SAME_HISTORY(a, b)                                                                            \
    cr_expect(histories_are_same((a), (b)), "%s and %s differ in more than time", (a), (b))

#endif
