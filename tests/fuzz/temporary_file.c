#include "temporary_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

temporary_file temporary_file_create(const void *data, size_t size)
{
    const char *folder = getenv("TMPDIR");
    temporary_file file;

    snprintf(file.path, sizeof file.path, "%s/multihead-fuzz-XXXXXX", folder != NULL ? folder : "/tmp");
    file.descriptor = mkstemp(file.path);
    if (file.descriptor < 0 || write(file.descriptor, data, size) != (ssize_t)size)
        abort();
    return file;
}

void temporary_file_close(temporary_file *file)
{
    close(file->descriptor);
    unlink(file->path);
}
