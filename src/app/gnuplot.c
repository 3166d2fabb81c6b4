#include "gnuplot.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "multihead/base/memory.h"

extern char **environ;

enum { PATH_BYTES = 4200 };

void gnuplot_quote(const char *text, char *out, size_t bytes)
{
    size_t used = 0;

    /* '' stands for '. */
    out[used++] = '\'';
    for (; *text != '\0' && used + 3 < bytes; text++) {
        if (*text == '\'')
            out[used++] = '\'';
        out[used++] = *text;
    }
    out[used++] = '\'';
    out[used] = '\0';
}

static mh_status run(char *script)
{
    char *arguments[] = {"gnuplot", "-e", script, NULL};
    posix_spawn_file_actions_t actions;
    pid_t child = 0;
    int result = 0;

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    int error = posix_spawnp(&child, "gnuplot", &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (error != 0)
        return MH_FAIL(MH_ERR_IO, "gnuplot cannot be run (%s)", strerror(error));
    while (waitpid(child, &result, 0) < 0 && errno == EINTR)
        ;
    if (!WIFEXITED(result) || WEXITSTATUS(result) != 0)
        return MH_FAIL(MH_ERR_IO, "gnuplot failed");
    return MH_OK;
}

mh_status gnuplot_run(const char *script, const char *png)
{
    mh_status status = MH_OK;
    char partial[PATH_BYTES], quoted[PATH_BYTES + 100];
    char *whole = NULL;
    size_t bytes = strlen(script) + sizeof quoted + 40;

    snprintf(partial, sizeof partial, "%s.partial", png);
    gnuplot_quote(partial, quoted, sizeof quoted);
    MH_TRY(mh_memory_array(bytes, 1, &whole));
    snprintf(whole, bytes, "set output %s; %s; set output", quoted, script);
    MH_TRY(run(whole));
    if (rename(partial, png) != 0)
        status = MH_FAIL(MH_ERR_IO, "%s: cannot be written: %s", png, strerror(errno));
cleanup:
    mh_memory_free(whole);
    if (status != MH_OK)
        unlink(partial);
    return status;
}
