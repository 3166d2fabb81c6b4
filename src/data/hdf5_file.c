#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hdf5_parts.h"
#include "multihead/base/log.h"
#include "multihead/base/memory.h"
#include "multihead/base/whole_file.h"
#include "multihead/data/seal.h"

void mh_hdf5_version(char *version, size_t bytes)
{
    HDF5_ALONE;
    unsigned major = 0, minor = 0, release = 0;

    H5get_libversion(&major, &minor, &release);
    snprintf(version, bytes, "%u.%u.%u", major, minor, release);
}

/* ---- locks ---- */

static void warn_of_locks(const char *path, int reason)
{
    static bool is_said = false;

    if (!is_said)
        mh_log_warning("%s: the file system refuses locks (%s); going on without", path, strerror(reason));
    is_said = true;
}

/*
 * HDF5 locks what it opens, and fails where the file system knows no locks. So they are tried first: a lock that
 * somebody else holds is respected, a refused one is done without. What the user says in HDF5_USE_FILE_LOCKING wins.
 *
 *   operation   LOCK_SH to read, LOCK_EX to write
 */
static mh_status choose_locking(const char *path, int descriptor, int operation, hid_t access)
{
    if (getenv("HDF5_USE_FILE_LOCKING") != NULL)
        return MH_OK;
    if (flock(descriptor, operation | LOCK_NB) == 0) {
        flock(descriptor, LOCK_UN);
        return MH_OK;
    }
    if (errno == EWOULDBLOCK)
        return MH_FAIL(MH_ERR_IO, "%s: another program has it open, and has locked it", path);
    warn_of_locks(path, errno);
    H5Pset_file_locking(access, false, true);
    return MH_OK;
}

/* ---- opening ---- */

static mh_status create_file(const char *path, mh_hdf5_file **out)
{
    mh_status status = MH_OK;

    MH_TRY(mh_memory_new(sizeof **out, out));
    (*out)->id = H5I_INVALID_HID;
    status = mh_memory_text(path, &(*out)->path);
cleanup:
    return status;
}

static mh_status expect_file(const char *path, struct stat *info)
{
    if (stat(path, info) != 0)
        return MH_FAIL(MH_ERR_IO, "%s: cannot be read: %s", path, strerror(errno));
    if (!S_ISREG(info->st_mode))
        return MH_FAIL(MH_ERR_FORMAT, "%s: is not a file but %s", path,
                       S_ISDIR(info->st_mode) ? "a folder" : "something else");
    return MH_OK;
}

/* Looks at its first bytes only. */
static mh_status expect_hdf5(const char *path)
{
    htri_t is_hdf5 = H5Fis_hdf5(path);

    if (is_hdf5 < 0)
        return MH_FAIL(MH_ERR_IO, "%s: cannot be read: %s", path, hdf5_reason());
    if (!is_hdf5)
        return MH_FAIL(MH_ERR_FORMAT, "%s: is not an HDF5 file", path);
    return MH_OK;
}

static mh_status open_id(mh_hdf5_file *file)
{
    mh_status status = MH_OK;
    const char *path = file->path;
    int descriptor = -1;
    struct stat info;
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);

    MH_TRY(expect_file(path, &info));
    descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
        status = MH_FAIL(MH_ERR_IO, "%s: cannot be read: %s", path, strerror(errno));
        goto cleanup;
    }
    file->bytes = (uint64_t)info.st_size;
    MH_TRY(choose_locking(path, descriptor, LOCK_SH, access));
    MH_TRY(expect_hdf5(path));
    file->id = H5Fopen(path, H5F_ACC_RDONLY, access);
    if (file->id < 0)
        status = MH_FAIL(MH_ERR_IO, "%s: HDF5 cannot open it, it may be cut off or damaged: %s", path,
                         hdf5_reason());
cleanup:
    H5Pclose(access);
    if (descriptor >= 0)
        close(descriptor);
    return status;
}

mh_status mh_hdf5_file_open(const char *path, mh_hdf5_file **out)
{
    HDF5_ALONE;
    mh_status status = MH_OK;
    mh_hdf5_file *file = NULL;

    MH_TRY(create_file(path, &file));
    MH_TRY(hdf5_readers_create(&file->readers));
    MH_TRY(open_id(file));
cleanup:
    if (status != MH_OK) {
        mh_hdf5_file_close(file);
        file = NULL;
    }
    *out = file;
    return status;
}

/* Says what a file is that should have a seal. HDF5 parses none of it: it may be a damaged one of ours. */
static mh_status refuse_unsealed(const char *path)
{
    mh_status status = MH_OK;
    struct stat info;

    MH_TRY(expect_file(path, &info));
    MH_TRY(expect_hdf5(path));
    status = MH_FAIL(MH_ERR_FORMAT,
                     "%s: is not sealed: its end is cut off, or another program has changed it", path);
cleanup:
    return status;
}

static mh_status open_after_check(const char *path, bool needs_seal, mh_hdf5_file **out)
{
    mh_status status = MH_OK;
    mh_seal_report report = {0};

    *out = NULL;
    MH_TRY(mh_seal_check(path, 0, 1, &report));
    MH_TRY(mh_seal_judge(path, &report));
    if (needs_seal && report.state != MH_SEAL_WHOLE)
        return refuse_unsealed(path);
    MH_TRY(mh_hdf5_file_open(path, out));
    if (report.state != MH_SEAL_WHOLE)
        status = mh_hdf5_file_compare(*out);
cleanup:
    if (status != MH_OK) {
        mh_hdf5_file_close(*out);
        *out = NULL;
    }
    return status;
}

mh_status mh_hdf5_file_open_whole(const char *path, mh_hdf5_file **out)
{
    HDF5_ALONE;
    return open_after_check(path, false, out);
}

mh_status mh_hdf5_file_open_sealed(const char *path, mh_hdf5_file **out)
{
    HDF5_ALONE;
    return open_after_check(path, true, out);
}

/* ---- creating ---- */

/* HDF5 1.8's format: it has room for attributes of more than 64 KiB (the names of many columns). */
static mh_status create_id(mh_hdf5_file *file, const char *place, hid_t access)
{
    hid_t properties = H5Pcreate(H5P_FILE_CREATE);

    H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_V18);
    H5Pset_obj_track_times(properties, false);
    file->id = H5Fcreate(place, H5F_ACC_TRUNC, properties, access);
    H5Pclose(properties);
    if (file->id < 0)
        return MH_FAIL(MH_ERR_IO, "%s: cannot be written: %s", file->path, hdf5_reason());
    return MH_OK;
}

mh_status mh_hdf5_file_create(const char *path, mh_hdf5_file **out)
{
    HDF5_ALONE;
    mh_status status = MH_OK;
    mh_hdf5_file *file = NULL;
    char partial[MH_WHOLE_FILE_PATH_BYTES];
    int probe = -1;
    hid_t access = H5I_INVALID_HID;

    MH_TRY(create_file(path, &file));
    if (!mh_whole_file_partial(path, partial)) {
        status = MH_FAIL(MH_ERR_IO, "%s: the path is too long", path);
        goto cleanup;
    }
    /* The system's own word on why a file cannot be written is better than HDF5's. */
    probe = open(partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (probe < 0) {
        status = MH_FAIL(MH_ERR_IO, "%s: cannot be written: %s", path, strerror(errno));
        goto cleanup;
    }
    MH_TRY(mh_memory_text(partial, &file->partial));
    access = H5Pcreate(H5P_FILE_ACCESS);
    MH_TRY(choose_locking(path, probe, LOCK_EX, access));
    MH_TRY(create_id(file, partial, access));
cleanup:
    if (access >= 0)
        H5Pclose(access);
    if (probe >= 0)
        close(probe);
    if (status != MH_OK) {
        mh_hdf5_file_close(file);
        file = NULL;
    }
    *out = file;
    return status;
}

mh_status mh_hdf5_file_create_in_memory(const char *path, mh_hdf5_file **out)
{
    HDF5_ALONE;
    mh_status status = MH_OK;
    mh_hdf5_file *file = NULL;
    hid_t access = H5I_INVALID_HID;
    static unsigned files;
    char place[64];

    MH_TRY(create_file(path, &file));
    /* HDF5 would read a file of that name first, and takes two of one name for the same: a name that nothing has. */
    snprintf(place, sizeof place, "/dev/null/%u", files++);
    access = H5Pcreate(H5P_FILE_ACCESS);
    MH_TRY(hdf5_memory_create(access, &file->memory));
    MH_TRY(create_id(file, place, access));
cleanup:
    if (access >= 0)
        H5Pclose(access);
    if (status != MH_OK) {
        mh_hdf5_file_close(file);
        file = NULL;
    }
    *out = file;
    return status;
}

/* ---- committing and closing ---- */

mh_status hdf5_close_id(mh_hdf5_file *file)
{
    hid_t id = file->id;

    file->id = H5I_INVALID_HID;
    if (H5Fclose(id) < 0)
        return MH_FAIL(MH_ERR_IO, "%s: cannot be written: %s", file->path, hdf5_reason());
    return MH_OK;
}

static mh_status commit_memory(mh_hdf5_file *file)
{
    mh_status status = MH_OK;
    size_t content_bytes = 0;

    MH_TRY(hdf5_memory_seal(file->memory, &content_bytes));
    MH_TRY(mh_whole_file_write(file->path, file->memory->bytes, file->memory->size));
cleanup:
    return status;
}

mh_status mh_hdf5_file_commit(mh_hdf5_file *file)
{
    HDF5_ALONE;
    mh_status status = MH_OK;

    MH_TRY(hdf5_write_checksums(file));
    MH_TRY(hdf5_close_id(file));
    if (file->memory != NULL)
        return commit_memory(file);
    MH_TRY(mh_seal_append(file->partial, file->path));
    status = mh_whole_file_commit(file->partial, file->path);
    mh_memory_free(file->partial);
    file->partial = NULL;
cleanup:
    return status;
}

void mh_hdf5_file_close(mh_hdf5_file *file)
{
    HDF5_ALONE;
    if (file == NULL)
        return;
    hdf5_readers_destroy(file->readers);
    if (file->id >= 0)
        H5Fclose(file->id);
    hdf5_memory_destroy(file->memory);
    if (file->partial != NULL)
        unlink(file->partial);
    hdf5_written_clear(file);
    mh_memory_free(file->partial);
    mh_memory_free(file->path);
    mh_memory_free(file);
}

const char *mh_hdf5_file_path(const mh_hdf5_file *file)
{
    return file->path;
}

uint64_t mh_hdf5_file_bytes(const mh_hdf5_file *file)
{
    return file->bytes;
}
