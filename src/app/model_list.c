#include "model_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "multihead/base/memory.h"

enum { PATH_BYTES = 4096 };

static bool has_file(const char *folder, const char *name)
{
    char path[PATH_BYTES];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    return access(path, F_OK) == 0;
}

/* A run's folder becomes its model. */
static mh_status open_folder(char **path)
{
    mh_status status = MH_OK;
    char model[PATH_BYTES], *own = NULL;
    struct stat info;
    size_t length = strlen(*path);

    if (stat(*path, &info) != 0 || !S_ISDIR(info.st_mode))
        return MH_OK;
    while (length > 1 && (*path)[length - 1] == '/')
        (*path)[--length] = '\0';
    if (!has_file(*path, "model.h5") && has_file(*path, "options.ini"))
        return MH_FAIL(
            MH_ERR_IO,
            "%s: this run is not finished: it has no model.h5 yet; a checkpoint of it can be named", *path);
    if (!has_file(*path, "model.h5"))
        return MH_FAIL(MH_ERR_IO, "%s: is no folder of a run: there is no model.h5", *path);
    snprintf(model, sizeof model, "%s/model.h5", *path);
    MH_TRY(mh_memory_text(model, &own));
    mh_memory_free(*path);
    *path = own;
cleanup:
    return status;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* However it is written: outputs/a, ./outputs/a/model.h5, a link. */
static bool is_same_file(const char *a, const char *b)
{
    struct stat first, second;

    return stat(a, &first) == 0 && stat(b, &second) == 0 && first.st_dev == second.st_dev &&
           first.st_ino == second.st_ino;
}

static void remove_repeats(mh_file_list *list)
{
    size_t kept = 0;

    for (size_t i = 0; i < list->count; i++) {
        bool is_new = true;

        for (size_t j = 0; j < kept; j++)
            is_new = is_new && !is_same_file(list->path[i], list->path[j]);
        if (is_new)
            list->path[kept++] = list->path[i];
        else
            mh_memory_free(list->path[i]);
    }
    list->count = kept;
}

mh_status model_list_create(const text_list *models, mh_file_list *out)
{
    mh_status status = MH_OK;

    MH_TRY(mh_file_list_match(models->text, models->count, out));
    for (size_t i = 0; i < out->count; i++)
        MH_TRY(open_folder(&out->path[i]));
    qsort(out->path, out->count, sizeof *out->path, by_name);
    remove_repeats(out);
cleanup:
    if (status != MH_OK)
        mh_file_list_clear(out);
    return status;
}
