#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "commands.h"
#include "file_check.h"
#include "multihead/base/memory.h"
#include "multihead/data/file_list.h"

enum { LINE_BYTES = 8192, DEEPEST = 16 };

mh_status command_verify_check(const options *o)
{
    if (o->files.count == 0)
        return MH_FAIL(
            MH_ERR_USAGE,
            "say what to verify: verify FILE..., a data set, model or checkpoint, or a folder of them");
    return MH_OK;
}

/* ---- folders ---- */

/* What nftw finds, which hands nothing through to its callback. */
static struct {
    size_t count, room;
    char **path;
    mh_status status;
} found;

static bool is_visible_hdf5(const char *path, const struct FTW *where)
{
    const char *dot = strrchr(path + where->base, '.');

    return path[where->base] != '.' && dot != NULL && (strcmp(dot, ".h5") == 0 || strcmp(dot, ".hdf5") == 0);
}

static int add_file(const char *path, const struct stat *info, int type, struct FTW *where)
{
    mh_status status = MH_OK;

    (void)info;
    if (type == FTW_D || !is_visible_hdf5(path, where))
        return 0;
    MH_TRY(mh_memory_reserve(found.count + 1, sizeof *found.path, &found.room, &found.path));
    MH_TRY(mh_memory_text(path, &found.path[found.count]));
    found.count++;
cleanup:
    found.status = status;
    return status != MH_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static mh_status add_folder(const char *folder)
{
    size_t before = found.count;

    found.status = MH_OK;
    nftw(folder, add_file, DEEPEST, 0);
    if (found.status == MH_OK && found.count == before)
        return MH_FAIL(MH_ERR_IO, "%s: there is no .h5 or .hdf5 file in this folder, or below", folder);
    if (found.count > before)
        qsort(found.path + before, found.count - before, sizeof *found.path, by_name);
    return found.status;
}

static mh_status add_path(const char *path)
{
    mh_status status = MH_OK;
    struct stat info;

    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode))
        return add_folder(path);
    MH_TRY(mh_memory_reserve(found.count + 1, sizeof *found.path, &found.room, &found.path));
    MH_TRY(mh_memory_text(path, &found.path[found.count]));
    found.count++;
cleanup:
    return status;
}

/* Files themselves, folders with all that is in them: a run's with its checkpoints and folds. What names nothing is
 * looked at too, so that it has its line among the others. */
static mh_status find_files(char *const *words, size_t count)
{
    mh_status status = MH_OK;
    mh_file_list named = {0};

    for (size_t i = 0; i < count; i++) {
        if (mh_file_list_match(&words[i], 1, &named) != MH_OK)
            MH_TRY(add_path(words[i]));
        for (size_t k = 0; k < named.count; k++)
            MH_TRY(add_path(named.path[k]));
        mh_file_list_clear(&named);
    }
cleanup:
    mh_file_list_clear(&named);
    return status;
}

/* ---- on rank 0 ---- */

static mh_status verify_all(const options *o)
{
    mh_status status = MH_OK;
    size_t damaged = 0;
    char line[LINE_BYTES];

    MH_TRY(find_files(o->files.text, o->files.count));
    for (size_t i = 0; i < found.count; i++) {
        fflush(stdout);
        damaged += !file_check(found.path[i], line, sizeof line);
        puts(line);
    }
    if (damaged > 0 && found.count == 1)
        status = MH_FAIL(MH_ERR_FORMAT, "%s is not whole", found.path[0]);
    else if (damaged > 0)
        status = MH_FAIL(MH_ERR_FORMAT, "%zu of %zu files are not whole", damaged, found.count);
cleanup:
    for (size_t i = 0; i < found.count; i++)
        mh_memory_free(found.path[i]);
    mh_memory_free(found.path);
    return status;
}

mh_status command_verify(const mh_comm *comm, const options *o)
{
    return mh_comm_agree(comm, mh_comm_rank(comm) == 0 ? verify_all(o) : MH_OK);
}
