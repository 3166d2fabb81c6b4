#include "text_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "multihead/base/memory.h"
#include "multihead/base/whole_file.h"

mh_status text_file_read(const char *path, char **out)
{
    mh_status status = MH_OK;
    struct stat info;
    FILE *file = fopen(path, "r");

    *out = NULL;
    if (file == NULL)
        return MH_FAIL(MH_ERR_IO, "%s: cannot be read: %s", path, strerror(errno));
    if (fstat(fileno(file), &info) != 0 || !S_ISREG(info.st_mode)) {
        status = MH_FAIL(MH_ERR_IO, "%s: is not a file", path);
        goto cleanup;
    }
    MH_TRY(mh_memory_new((size_t)info.st_size + 1, out));
    if (fread(*out, 1, (size_t)info.st_size, file) != (size_t)info.st_size)
        status = MH_FAIL(MH_ERR_IO, "%s: cannot be read", path);
cleanup:
    fclose(file);
    return status;
}

mh_status text_file_write(const char *path, const char *text)
{
    return mh_whole_file_write(path, text, strlen(text));
}
