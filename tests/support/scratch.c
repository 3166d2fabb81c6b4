#include "scratch.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATHS = 64, PATH_BYTES = 256 };

static char folder[PATH_BYTES / 2];
static char paths[PATHS][PATH_BYTES];
static size_t used;

void scratch_make(void)
{
    const char *parent = getenv("TMPDIR");

    snprintf(folder, sizeof folder, "%s/multihead-test-XXXXXX", parent != NULL ? parent : "/tmp");
    cr_assert(mkdtemp(folder) != NULL, "cannot make %s", folder);
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)info;
    (void)type;
    (void)where;
    return remove(path);
}

void scratch_remove(void)
{
    nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

const char *scratch_path(const char *name)
{
    char path[PATH_BYTES];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    for (size_t i = 0; i < used; i++)
        if (strcmp(paths[i], path) == 0)
            return paths[i];
    cr_assert(used < PATHS);
    strcpy(paths[used], path);
    return paths[used++];
}

const char *scratch_folder(const char *name)
{
    const char *path = scratch_path(name);

    cr_assert(mkdir(path, 0777) == 0, "cannot make %s", path);
    return path;
}

void scratch_write(const char *name, const void *data, size_t bytes)
{
    FILE *file = fopen(scratch_path(name), "wb");

    cr_assert(file != NULL);
    cr_assert(fwrite(data, 1, bytes, file) == bytes);
    fclose(file);
}

char *scratch_read(const char *name, size_t *bytes)
{
    FILE *file = fopen(scratch_path(name), "rb");
    struct stat info;

    cr_assert(file != NULL, "there is no %s", name);
    cr_assert(fstat(fileno(file), &info) == 0);

    char *data = calloc((size_t)info.st_size + 1, 1);

    cr_assert(data != NULL);
    cr_assert(fread(data, 1, (size_t)info.st_size, file) == (size_t)info.st_size);
    fclose(file);
    if (bytes != NULL)
        *bytes = (size_t)info.st_size;
    return data;
}

size_t scratch_entries(void)
{
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, NULL, NULL);

    cr_assert(count >= 2);
    for (int i = 0; i < count; i++)
        free(entries[i]);
    free(entries);
    return (size_t)count - 2; /* without . and .. */
}
