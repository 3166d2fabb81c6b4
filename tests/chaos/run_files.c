#include "run_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files.h"
#include "multihead/base/status.h"
#include "multihead/data/seal.h"

void expect_whole_file(const char *path, const char *when)
{
    bool is_sealed = false;

    if (!file_exists(path))
        return;
    mh_status status = mh_seal_expect(path, 0, 1, &is_sealed);
    cr_expect(status == MH_OK && is_sealed, "%s left a torn %s: %s", when, path,
              status != MH_OK ? mh_status_message() : "no seal");
}

/* The next name of a list that is not hidden; false at its end. */
static bool next_name(const char **names, char *name, size_t bytes)
{
    while (**names != '\0') {
        size_t length = strcspn(*names, " ");
        bool is_hidden = **names == '.';

        snprintf(name, bytes, "%.*s", (int)length, *names);
        *names += length;
        *names += **names == ' ';
        if (!is_hidden)
            return true;
    }
    return false;
}

size_t expect_whole_checkpoints(const char *run, const char *when)
{
    char folder[256], name[256], path[600];
    size_t newest = 0;

    snprintf(folder, sizeof folder, "%s/checkpoints", run);
    for (const char *names = names_in(folder); next_name(&names, name, sizeof name);) {
        size_t step = 0;
        int length = 0;

        cr_expect(sscanf(name, "step-%zu.h5%n", &step, &length) == 1 && name[length] == '\0',
                  "%s left a file %s", when, name);
        snprintf(path, sizeof path, "%s/%s", folder, name);
        expect_whole_file(path, when);
        newest = step > newest ? step : newest;
    }
    return newest;
}

void expect_no_partial(const char *run, const char *when)
{
    char folder[300];

    for (size_t i = 0; i < 2; i++) {
        snprintf(folder, sizeof folder, "%s%s", run, i == 0 ? "" : "/checkpoints");
        cr_expect(strstr(names_in(folder), ".partial") == NULL, "%s left half a file in %s: %s", when, folder,
                  names_in(folder));
    }
}

void expect_rising_seconds(const char *path)
{
    const csv *history = read_csv(path);

    for (size_t line = 1; line < history->lines; line++)
        cr_expect(csv_number(history, line, "seconds") >= csv_number(history, line - 1, "seconds"),
                  "%s: seconds fall in line %zu", path, line + 1);
}

size_t number_from(const char *variable, size_t otherwise)
{
    const char *text = getenv(variable);

    return text != NULL ? strtoull(text, NULL, 10) : otherwise;
}
