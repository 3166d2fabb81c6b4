#include "multihead/base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* One failure is under way at a time; threads of one rank report theirs through their own copy. */
static _Thread_local char message[MH_STATUS_MESSAGE_BYTES];
static _Thread_local char origin[128];

mh_status mh_status_fail(mh_status code, const char *file, int line, const char *format, ...)
{
    char text[MH_STATUS_MESSAGE_BYTES];
    va_list arguments;

    /* Through a local copy: the arguments may hold the message that is about to be replaced. */
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    mh_status_set_message(text);

    const char *slash = strrchr(file, '/');
    snprintf(origin, sizeof origin, "%s:%d", slash != NULL ? slash + 1 : file, line);
    return code;
}

const char *mh_status_message(void)
{
    return message;
}

const char *mh_status_origin(void)
{
    return origin;
}

void mh_status_set_message(const char *text)
{
    snprintf(message, sizeof message, "%s", text);
}

int mh_status_exit_code(mh_status status)
{
    switch (status) {
    case MH_OK:
        return 0;
    case MH_STOPPED:
        return 75; /* sysexits.h: a temporary failure, try again */
    case MH_ERR_USAGE:
        return 2;
    default:
        return 1;
    }
}
