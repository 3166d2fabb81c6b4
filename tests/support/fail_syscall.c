#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * Loaded in front of the C library (LD_PRELOAD), counts the calls that change files under a folder, and makes the
 * n-th one fail. Only in the process of the program that is meant, not in a shell or gnuplot around it.
 *
 *   MH_FAIL_PROGRAM   name of the program
 *   MH_FAIL_UNDER     a part of the paths that count, such as outputs/run
 *   MH_FAIL_CALL      n, from 1
 *   MH_FAIL_HOW       kill: SIGKILL before the call; short: half of a write is done, other calls as ever;
 *                     ENOSPC, EIO: the call fails with that and has done nothing, but for close
 *   MH_FAIL_LASTS     yes: all that follow fail, too
 *   MH_FAIL_MARK      this file gets a line "CALL PATH" for the call that was the n-th
 */

enum { DESCRIPTORS = 1024, PATH_BYTES = 512 };

static char paths[DESCRIPTORS][PATH_BYTES]; /* of open files that count; "" for others */
static atomic_int calls;

/* The C library's own function of this name. */
#define REAL(name, ...) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))(__VA_ARGS__)

/* ---- what counts ---- */

static const char *setting(const char *name)
{
    const char *text = getenv(name);

    return text != NULL ? text : "";
}

static bool counts(const char *path)
{
    const char *under = setting("MH_FAIL_UNDER");

    return *under != '\0' && strstr(path, under) != NULL &&
           strcmp(program_invocation_short_name, setting("MH_FAIL_PROGRAM")) == 0;
}

static const char *path_of(int descriptor)
{
    return descriptor >= 0 && descriptor < DESCRIPTORS ? paths[descriptor] : "";
}

static void remember(int descriptor, const char *path)
{
    if (descriptor >= 0 && descriptor < DESCRIPTORS)
        snprintf(paths[descriptor], PATH_BYTES, "%s", path != NULL && counts(path) ? path : "");
}

/* ---- what happens ---- */

static void leave_mark(const char *call, const char *path)
{
    char line[PATH_BYTES + 32];
    int length = snprintf(line, sizeof line, "%s %s\n", call, path);
    int file = REAL(open, setting("MH_FAIL_MARK"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);

    if (file >= 0 && REAL(write, file, line, (size_t)length) == length)
        REAL(close, file);
}

/* Whether this call is one that goes wrong; errno is what it has to leave. */
static bool goes_wrong(const char *call, const char *path)
{
    int planned = atoi(setting("MH_FAIL_CALL")), number = 0;
    const char *how = setting("MH_FAIL_HOW");

    if (*path == '\0')
        return false;
    number = atomic_fetch_add(&calls, 1) + 1;
    if (number < planned || planned == 0 ||
        (number > planned && strcmp(setting("MH_FAIL_LASTS"), "yes") != 0))
        return false;
    if (number == planned)
        leave_mark(call, path);
    if (strcmp(how, "kill") == 0)
        raise(SIGKILL);
    errno = strcmp(how, "ENOSPC") == 0 ? ENOSPC : EIO;
    return true;
}

static bool is_short(void)
{
    return strcmp(setting("MH_FAIL_HOW"), "short") == 0;
}

/* A call that can only be done or not. */
static bool fails(const char *call, const char *path)
{
    return goes_wrong(call, path) && !is_short();
}

/* ---- the calls ---- */

static int open_with(const char *call, int folder, const char *path, int flags, mode_t mode)
{
    if (counts(path) && fails(call, path))
        return -1;
    int descriptor = REAL(openat, folder, path, flags, mode);
    remember(descriptor, path);
    return descriptor;
}

static mode_t mode_of(int flags, va_list list)
{
    return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(list, mode_t) : 0;
}

#define DEFINE_OPEN(name)                                                                                    \
    int name(const char *path, int flags, ...)                                                               \
    {                                                                                                        \
        va_list list;                                                                                        \
                                                                                                             \
        va_start(list, flags);                                                                               \
        mode_t mode = mode_of(flags, list);                                                                  \
        va_end(list);                                                                                        \
        return open_with("open", AT_FDCWD, path, flags, mode);                                               \
    }

#define DEFINE_OPENAT(name)                                                                                  \
    int name(int folder, const char *path, int flags, ...)                                                   \
    {                                                                                                        \
        va_list list;                                                                                        \
                                                                                                             \
        va_start(list, flags);                                                                               \
        mode_t mode = mode_of(flags, list);                                                                  \
        va_end(list);                                                                                        \
        return open_with("open", folder, path, flags, mode);                                                 \
    }

#define DEFINE_PWRITE(name, offset_type)                                                                     \
    ssize_t name(int descriptor, const void *data, size_t bytes, offset_type offset)                         \
    {                                                                                                        \
        if (goes_wrong("write", path_of(descriptor))) {                                                      \
            if (!is_short())                                                                                 \
                return -1;                                                                                   \
            bytes = (bytes + 1) / 2;                                                                         \
        }                                                                                                    \
        return REAL(name, descriptor, data, bytes, offset);                                                  \
    }

#define DEFINE_FTRUNCATE(name, offset_type)                                                                  \
    int name(int descriptor, offset_type bytes)                                                              \
    {                                                                                                        \
        return fails("ftruncate", path_of(descriptor)) ? -1 : REAL(name, descriptor, bytes);                 \
    }

DEFINE_OPEN(open)
DEFINE_OPEN(open64)
DEFINE_OPENAT(openat64)
DEFINE_PWRITE(pwrite, off_t)
DEFINE_PWRITE(pwrite64, off64_t)
DEFINE_FTRUNCATE(ftruncate, off_t)
DEFINE_FTRUNCATE(ftruncate64, off64_t)

ssize_t write(int descriptor, const void *data, size_t bytes)
{
    if (goes_wrong("write", path_of(descriptor))) {
        if (!is_short())
            return -1;
        bytes = (bytes + 1) / 2;
    }
    return REAL(write, descriptor, data, bytes);
}

int fsync(int descriptor)
{
    return fails("fsync", path_of(descriptor)) ? -1 : REAL(fsync, descriptor);
}

int fdatasync(int descriptor)
{
    return fails("fsync", path_of(descriptor)) ? -1 : REAL(fdatasync, descriptor);
}

/* One that fails has closed it all the same, as on Linux. */
int close(int descriptor)
{
    bool has_failed = fails("close", path_of(descriptor));
    int error = errno;

    remember(descriptor, NULL);
    int result = REAL(close, descriptor);
    if (!has_failed)
        return result;
    errno = error;
    return -1;
}

int rename(const char *from, const char *to)
{
    return counts(to) && fails("rename", to) ? -1 : REAL(rename, from, to);
}

int unlink(const char *path)
{
    return counts(path) && fails("unlink", path) ? -1 : REAL(unlink, path);
}

int mkdir(const char *path, mode_t mode)
{
    return counts(path) && fails("mkdir", path) ? -1 : REAL(mkdir, path, mode);
}
