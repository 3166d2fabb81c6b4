#include <stdio.h>
#include <string.h>

#include "hdf5_parts.h"

/* What HDF5 says of a call that failed, and who may call it. */

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

/* ---- one thread at a time ---- */

/* Where the library knows threads, each of them has its own errors, and would print them. */
static void prepare(void)
{
    static bool is_open = false;
    static _Thread_local bool is_quiet = false;

    if (!is_open) {
        H5dont_atexit(); /* its end may abort where memory is short, after our last word */
        H5open();
    }
    if (!is_quiet)
        H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    is_open = is_quiet = true;
}

bool hdf5_enter(void)
{
    mh_thread_enter_library();
    prepare();
    return true;
}

void hdf5_leave(const bool *is_alone)
{
    (void)is_alone;
    mh_thread_leave_library();
}
