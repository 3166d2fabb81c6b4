#include "multihead/data/file_list.h"

#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "multihead/base/memory.h"

static mh_status add(mh_file_list *list, const char *path)
{
    mh_status status = MH_OK;
    char **longer = NULL;

    /* Doubling at powers of two keeps the growth linear without another number to carry along. */
    if ((list->count & (list->count - 1)) == 0) {
        MH_TRY(mh_memory_array(list->count == 0 ? 1 : 2 * list->count, sizeof *longer, &longer));
        if (list->count > 0)
            memcpy(longer, list->path, list->count * sizeof *longer);
        mh_memory_free(list->path);
        list->path = longer;
    }
    MH_TRY(mh_memory_text(path, &list->path[list->count]));
    list->count++;
cleanup:
    return status;
}

/* glob sorts by name, byte by byte in the C locale, the same on every rank. */
static mh_status add_matches(mh_file_list *list, const char *pattern)
{
    mh_status status = MH_OK;
    glob_t matches = {0};

    if (glob(pattern, 0, NULL, &matches) == 0)
        for (size_t i = 0; i < matches.gl_pathc && status == MH_OK; i++)
            status = add(list, matches.gl_pathv[i]);
    globfree(&matches);
    return status;
}

static int is_visible_hdf5(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');

    return entry->d_name[0] != '.' && dot != NULL && (strcmp(dot, ".h5") == 0 || strcmp(dot, ".hdf5") == 0);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* Not through glob: a folder may be named "run[1]". */
static mh_status add_folder(mh_file_list *list, const char *folder)
{
    mh_status status = MH_OK;
    char path[4096];
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, is_visible_hdf5, by_name);

    if (count < 0)
        return MH_FAIL(MH_ERR_IO, "%s: %s", folder, strerror(errno));
    if (count == 0)
        status = MH_FAIL(MH_ERR_IO, "%s: there is no .h5 or .hdf5 file in this folder", folder);
    for (int i = 0; i < count && status == MH_OK; i++) {
        if (snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name) >= (int)sizeof path)
            status = MH_FAIL(MH_ERR_IO, "%s: the path is too long", folder);
        else
            status = add(list, path);
    }
    for (int i = 0; i < count; i++)
        free(entries[i]);
    free(entries);
    return status;
}

static mh_status add_path(mh_file_list *list, const char *path, bool opens_folders)
{
    mh_status status = MH_OK;
    struct stat info;
    size_t before = list->count;

    if (stat(path, &info) == 0)
        return opens_folders && S_ISDIR(info.st_mode) ? add_folder(list, path) : add(list, path);

    int reason = errno;
    MH_TRY(add_matches(list, path));
    if (list->count == before)
        status = MH_FAIL(MH_ERR_IO, "%s: %s", path,
                         strpbrk(path, "*?[") != NULL ? "no file matches" : strerror(reason));
cleanup:
    return status;
}

static mh_status create(char *const *paths, size_t count, bool opens_folders, mh_file_list *out)
{
    mh_status status = MH_OK;

    *out = (mh_file_list){0};
    for (size_t i = 0; i < count; i++)
        MH_TRY(add_path(out, paths[i], opens_folders));
cleanup:
    if (status != MH_OK)
        mh_file_list_clear(out);
    return status;
}

mh_status mh_file_list_match(char *const *paths, size_t count, mh_file_list *out)
{
    return create(paths, count, false, out);
}

mh_status mh_file_list_create(char *const *paths, size_t count, mh_file_list *out)
{
    return create(paths, count, true, out);
}

void mh_file_list_clear(mh_file_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        mh_memory_free(list->path[i]);
    mh_memory_free(list->path);
    *list = (mh_file_list){0};
}
