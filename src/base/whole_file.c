#include "multihead/base/whole_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "multihead/base/fault.h"
#include "multihead/base/phase.h"
#include "multihead/base/text.h"

static const char SUFFIX[] = ".partial";

enum { PIECE_BYTES = 64 << 20 }; /* each is a sign of life */

bool mh_whole_file_partial(const char *path, char partial[MH_WHOLE_FILE_PATH_BYTES])
{
    const char *slash = strrchr(path, '/');
    int folder = slash == NULL ? 0 : (int)(slash - path) + 1;
    int length =
        snprintf(partial, MH_WHOLE_FILE_PATH_BYTES, "%.*s.%s%s", folder, path, path + folder, SUFFIX);

    return length < MH_WHOLE_FILE_PATH_BYTES;
}

static mh_status cannot_write(const char *path)
{
    return MH_FAIL(MH_ERR_IO, "%s: cannot be written: %s", path, strerror(errno));
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
    char wanted[MH_TEXT_BYTES], free_bytes[MH_TEXT_BYTES];

    if (fstatvfs(descriptor, &volume) != 0)
        return MH_OK;
    uint64_t room = (uint64_t)volume.f_bavail * volume.f_frsize;
    if (room >= bytes)
        return MH_OK;
    return MH_FAIL(MH_ERR_IO, "%s: cannot be written: it needs %s and the disk has %s left", path,
                   mh_text_bytes(bytes, wanted), mh_text_bytes((size_t)room, free_bytes));
}

mh_status mh_whole_file_write(const char *path, const void *data, size_t bytes)
{
    mh_status status = MH_OK;
    char partial[MH_WHOLE_FILE_PATH_BYTES];
    int descriptor = -1;

    if (!mh_whole_file_partial(path, partial))
        return MH_FAIL(MH_ERR_IO, "%s: the path is too long", path);
    descriptor = open(partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (descriptor < 0)
        return cannot_write(path);
    MH_TRY(check_space(path, descriptor, bytes));
    if (!write_all(descriptor, data, bytes))
        status = cannot_write(path);
cleanup:
    if (close(descriptor) != 0 && status == MH_OK)
        status = cannot_write(path);
    if (status != MH_OK)
        unlink(partial);
    return status == MH_OK ? mh_whole_file_commit(partial, path) : status;
}

/* ---- committing ---- */

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

mh_status mh_whole_file_commit(const char *partial, const char *path)
{
    if (is_faulty() || sync_path(partial, O_RDONLY) != 0 || rename(partial, path) != 0) {
        mh_status status = cannot_write(path);

        unlink(partial);
        return status;
    }
    /* It is whole under its own name now; only a crash of the machine might still take the name away. */
    if (sync_folder_of(path) != 0)
        return cannot_write(path);
    return MH_OK;
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
