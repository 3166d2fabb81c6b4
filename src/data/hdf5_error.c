#include <stdio.h>
#include <string.h>

#include "hdf5_parts.h"

/* What HDF5 says of a call that failed. */

static herr_t keep_description(unsigned depth, const H5E_error2_t *error, void *out)
{
    (void)depth;
    snprintf(out, 512, "%s", error->desc);
    return 0;
}

const char *hdf5_reason(void)
{
    static const char quoted[] = "error message = '";
    static char text[512];

    snprintf(text, sizeof text, "unknown reason");
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_DOWNWARD, keep_description, text);
    char *words = strstr(text, quoted);
    if (words == NULL)
        return text;
    words += strlen(quoted);
    words[strcspn(words, "'")] = '\0';
    return words;
}
