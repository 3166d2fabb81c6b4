#include "multihead/base/log.h"

#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "multihead/base/text.h"

static size_t my_rank = 0;
static size_t all_ranks = 1;
static char who[128] = "";
static volatile sig_atomic_t status_is_shown = false;

void mh_log_setup(size_t rank, size_t ranks)
{
    char host[65] = "an unknown host";

    my_rank = rank;
    all_ranks = ranks;
    gethostname(host, sizeof host - 1);
    who[0] = '\0';
    if (ranks > 1)
        snprintf(who, sizeof who, "rank %zu on %s", rank, host);
}

bool mh_log_is_root(void)
{
    return my_rank == 0;
}

const char *mh_log_who(void)
{
    return who;
}

static void wipe_status(void)
{
    if (status_is_shown)
        fputs("\r\033[K", stderr);
    status_is_shown = false;
}

/* One write a line, so that lines of several ranks do not mix. */
static void say(const char *mark, const char *format, va_list arguments)
{
    char text[2048];
    size_t used = (size_t)snprintf(text, sizeof text, "%s", mark);

    vsnprintf(text + used, sizeof text - used, format, arguments);
    wipe_status();
    fprintf(stderr, "%s\n", text);
    fflush(stderr);
}

void mh_log_info(const char *format, ...)
{
    va_list arguments;

    if (my_rank != 0)
        return;
    va_start(arguments, format);
    say("", format, arguments);
    va_end(arguments);
}

void mh_log_warning(const char *format, ...)
{
    va_list arguments;

    if (my_rank != 0)
        return;
    va_start(arguments, format);
    say("warning: ", format, arguments);
    va_end(arguments);
}

void mh_log_error(const char *format, ...)
{
    va_list arguments;

    if (my_rank != 0)
        return;
    va_start(arguments, format);
    say("multihead: ", format, arguments);
    va_end(arguments);
}

void mh_log_rank(const char *format, ...)
{
    va_list arguments;
    char mark[32] = "";

    if (all_ranks > 1)
        snprintf(mark, sizeof mark, "[rank %zu] ", my_rank);
    va_start(arguments, format);
    say(mark, format, arguments);
    va_end(arguments);
}

void mh_log_last_words(const char *text, ...)
{
    char line[2048];
    size_t used = 0;
    va_list more;

    used =
        mh_text_append(line, sizeof line - 1, used, status_is_shown ? "\r\033[Kmultihead: " : "multihead: ");
    used = mh_text_append(line, sizeof line - 1, used, who);
    used = mh_text_append(line, sizeof line - 1, used, who[0] != '\0' ? ": " : "");
    va_start(more, text);
    for (; text != NULL; text = va_arg(more, const char *))
        used = mh_text_append(line, sizeof line - 1, used, text);
    va_end(more);
    line[used++] = '\n';
    ssize_t written = write(STDERR_FILENO, line, used);
    (void)written; /* nobody is left to be told */
}

size_t mh_log_terminal_columns(void)
{
    struct winsize window;
    const char *term = getenv("TERM");

    if (!isatty(STDERR_FILENO) || (term != NULL && strcmp(term, "dumb") == 0))
        return 0;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &window) != 0 || window.ws_col == 0)
        return 80;
    return window.ws_col;
}

void mh_log_status(const char *line)
{
    size_t columns = my_rank == 0 ? mh_log_terminal_columns() : 0;

    if (columns == 0)
        return;
    wipe_status();
    if (line[0] == '\0')
        return;
    fprintf(stderr, "\r%.*s", (int)columns - 1, line);
    fflush(stderr);
    status_is_shown = true;
}
