#include "json_file.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text_file.h"

json_t *json_number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

mh_status json_file_write(const char *path, json_t *root)
{
    mh_status status = MH_OK;
    char *text = root != NULL ? json_dumps(root, JSON_INDENT(2)) : NULL;

    json_decref(root);
    if (text == NULL)
        return MH_FAIL(MH_ERR_MEMORY, "out of memory");
    if (strcmp(path, "-") != 0)
        status = text_file_write(path, text);
    else if (puts(text) == EOF || fflush(stdout) != 0)
        status = MH_FAIL(MH_ERR_IO, "stdout: cannot be written: %s", strerror(errno));
    free(text);
    return status;
}
