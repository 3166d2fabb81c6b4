#include "folder.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { PATH_BYTES = 4096 };

mh_status folder_make(const char *path)
{
    char part[PATH_BYTES];
    size_t length = strlen(path);

    for (size_t end = 1; end <= length; end++) {
        if (path[end] != '/' && path[end] != '\0')
            continue;
        snprintf(part, sizeof part, "%.*s", (int)end, path);
        if (mkdir(part, 0777) != 0 && errno != EEXIST)
            return MH_FAIL(MH_ERR_IO, "%s: this folder cannot be made: %s", part, strerror(errno));
    }
    return MH_OK;
}

mh_status folder_make_for(const char *file)
{
    char folder[PATH_BYTES];
    const char *slash = strrchr(file, '/');

    if (slash == NULL || slash == file)
        return MH_OK;
    snprintf(folder, sizeof folder, "%.*s", (int)(slash - file), file);
    return folder_make(folder);
}
