#include "multihead/base/whole_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "multihead/base/fault.h"
#include "multihead/base/phase.h"
#include "multihead/base/text.h"

static const char SUFFIX[] = ".partial";
static const char SPARE[] = ".spare.partial"; /* so that it is swept, too */

enum { PIECE_BYTES = 64 << 20 }; /* each is a sign of life */

bool mh_whole_file_partial(const char *path, char partial[MH_WHOLE_FILE_PATH_BYTES])
{
    const char *slash = strrchr(path, '/');
    int folder = slash == NULL ? 0 : (int)(slash - path) + 1;
    int length =
        snprintf(partial, MH_WHOLE_FILE_PATH_BYTES, "%.*s.%s%s", folder, path, path + folder, SUFFIX);

    return length < MH_WHOLE_FILE_PATH_BYTES;
}

static bool spare_of(const char *path, char spare[MH_WHOLE_FILE_PATH_BYTES])
{
    const char *slash = strrchr(path, '/');
    int folder = slash == NULL ? 0 : (int)(slash - path) + 1;

    return snprintf(spare, MH_WHOLE_FILE_PATH_BYTES, "%.*s%s", folder, path, SPARE) <
           MH_WHOLE_FILE_PATH_BYTES;
}

static mh_status cannot_write(const char *path)
{
    return MH_FAIL(MH_ERR_IO, "%s: cannot be written: %s", path, strerror(errno));
}

/* ---- under its own name ---- */

static int sync_path(const char *path, int flags)
{
    int descriptor = open(path, flags | O_CLOEXEC);

    if (descriptor < 0)
        return -1;
    int result = fsync(descriptor);
    /* Some file systems cannot sync a folder; the rename is then as safe as they make it. */
    if (result != 0 && (flags & O_DIRECTORY) != 0 && errno == EINVAL)
        result = 0;
    return close(descriptor) == 0 ? result : -1;
}

static int sync_folder_of(const char *path)
{
    char folder[MH_WHOLE_FILE_PATH_BYTES];
    const char *slash = strrchr(path, '/');

    snprintf(folder, sizeof folder, "%.*s", slash == NULL ? 1 : (int)(slash - path) + 1,
             slash == NULL ? "." : path);
    return sync_path(folder, O_RDONLY | O_DIRECTORY);
}

/* Of a file that is on disk under its partial name. */
static mh_status put_in_place(const char *partial, const char *path)
{
    if (rename(partial, path) != 0) {
        mh_status status = cannot_write(path);

        unlink(partial);
        return status;
    }
    /* It is whole under its own name now; only a crash of the machine might still take the name away. */
    return sync_folder_of(path) == 0 ? MH_OK : cannot_write(path);
}

/* ---- writing ---- */

/* Where a fault is tried out, the disk says what a bad one would. */
static bool is_faulty(void)
{
    if (mh_fault_take(MH_FAULT_DISK_FULL))
        errno = ENOSPC;
    else if (mh_fault_take(MH_FAULT_WRITE_ERROR))
        errno = EIO;
    else
        return false;
    return true;
}

static bool write_all(int descriptor, const char *data, size_t bytes)
{
    if (is_faulty())
        return false;
    while (bytes > 0) {
        ssize_t written = write(descriptor, data, bytes < PIECE_BYTES ? bytes : PIECE_BYTES);

        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return false;
        data += written;
        bytes -= (size_t)written;
        mh_phase_beat();
    }
    return true;
}

/* Quotas and other writers are not seen here: it only saves the trouble of writing in vain, where that is known. */
static mh_status check_space(const char *path, int descriptor, size_t bytes)
{
    struct statvfs volume;
    struct stat file; /* a spare one has room already */
    char wanted[MH_TEXT_BYTES], free_bytes[MH_TEXT_BYTES];

    if (fstatvfs(descriptor, &volume) != 0 || fstat(descriptor, &file) != 0)
        return MH_OK;
    uint64_t room = (uint64_t)volume.f_bavail * volume.f_frsize + (uint64_t)file.st_size;
    if (room >= bytes)
        return MH_OK;
    return MH_FAIL(MH_ERR_IO, "%s: cannot be written: it needs %s and the disk has %s left", path,
                   mh_text_bytes(bytes, wanted), mh_text_bytes((size_t)room, free_bytes));
}

/* The spare file of the folder becomes the partial one, where nobody else has it under another name (as backups do). */
static bool take_spare(const char *path, const char *partial)
{
    char spare[MH_WHOLE_FILE_PATH_BYTES];
    struct stat file;

    return spare_of(path, spare) && stat(spare, &file) == 0 && S_ISREG(file.st_mode) && file.st_nlink == 1 &&
           rename(spare, partial) == 0;
}

static int open_partial(const char *path, const char *partial)
{
    return open(partial, O_WRONLY | O_CREAT | O_CLOEXEC | (take_spare(path, partial) ? 0 : O_TRUNC), 0666);
}

/* A spare file may have been longer. */
static bool cut(int descriptor, size_t bytes)
{
    struct stat file;

    return fstat(descriptor, &file) == 0 &&
           (file.st_size <= (off_t)bytes || ftruncate(descriptor, (off_t)bytes) == 0);
}

mh_status mh_whole_file_write(const char *path, const void *data, size_t bytes)
{
    mh_status status = MH_OK;
    char partial[MH_WHOLE_FILE_PATH_BYTES];
    int descriptor = -1;

    if (!mh_whole_file_partial(path, partial))
        return MH_FAIL(MH_ERR_IO, "%s: the path is too long", path);
    descriptor = open_partial(path, partial);
    if (descriptor < 0)
        return cannot_write(path);
    MH_TRY(check_space(path, descriptor, bytes));
    if (!write_all(descriptor, data, bytes) || !cut(descriptor, bytes) || is_faulty() ||
        fdatasync(descriptor) != 0)
        status = cannot_write(path);
cleanup:
    if (close(descriptor) != 0 && status == MH_OK)
        status = cannot_write(path);
    if (status == MH_OK)
        return put_in_place(partial, path);
    unlink(partial);
    return status;
}

mh_status mh_whole_file_commit(const char *partial, const char *path)
{
    if (!is_faulty() && sync_path(partial, O_RDONLY) == 0)
        return put_in_place(partial, path);
    mh_status status = cannot_write(path);
    unlink(partial);
    return status;
}

void mh_whole_file_retire(const char *path)
{
    char spare[MH_WHOLE_FILE_PATH_BYTES];

    if (!spare_of(path, spare) || rename(path, spare) != 0)
        unlink(path);
}

void mh_whole_file_sweep(const char *folder)
{
    char path[MH_WHOLE_FILE_PATH_BYTES];
    DIR *entries = opendir(folder);

    if (entries == NULL)
        return;
    for (struct dirent *entry = readdir(entries); entry != NULL; entry = readdir(entries)) {
        size_t length = strlen(entry->d_name), suffix = sizeof SUFFIX - 1;

        if (entry->d_name[0] != '.' || length <= suffix ||
            strcmp(entry->d_name + length - suffix, SUFFIX) != 0)
            continue;
        if (snprintf(path, sizeof path, "%s/%s", folder, entry->d_name) < (int)sizeof path)
            unlink(path);
    }
    closedir(entries);
}
