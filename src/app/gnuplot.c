#include "gnuplot.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "multihead/base/whole_file.h"

extern char **environ;

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

/* `script` is what gnuplot reads as its standard input. */
static mh_status run(FILE *script)
{
    char *arguments[] = {"gnuplot", NULL};
    posix_spawn_file_actions_t actions;
    pid_t child = 0;
    int result = 0;

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, fileno(script), STDIN_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    int error = posix_spawnp(&child, "gnuplot", &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (error != 0)
        return MH_FAIL(MH_ERR_IO, "gnuplot cannot be run (%s): install it, Debian calls it gnuplot-nox",
                       strerror(error));
    while (waitpid(child, &result, 0) < 0 && errno == EINTR)
        ;
    if (!WIFEXITED(result) || WEXITSTATUS(result) != 0)
        return MH_FAIL(MH_ERR_IO, "gnuplot failed");
    return MH_OK;
}

/* In a file, since data in a script may be longer than an argument can be. */
static mh_status write_and_run(const char *script, const char *partial)
{
    mh_status status = MH_OK;
    char quoted[2 * MH_WHOLE_FILE_PATH_BYTES + 3]; /* every letter may be a quote */
    FILE *file = tmpfile();

    gnuplot_quote(partial, quoted, sizeof quoted);
    if (file == NULL || fprintf(file, "set output %s\n%s\nset output\n", quoted, script) < 0 ||
        fflush(file) != 0 || fseek(file, 0, SEEK_SET) != 0)
        status = MH_FAIL(MH_ERR_IO, "no script for gnuplot could be written: %s", strerror(errno));
    if (status == MH_OK)
        status = run(file);
    if (file != NULL)
        fclose(file);
    return status;
}

/* gnuplot itself only says that it failed. */
static mh_status expect_writable(const char *partial, const char *png)
{
    int file = open(partial, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);

    if (file < 0)
        return MH_FAIL(MH_ERR_IO, "%s: cannot be written: %s", png, strerror(errno));
    close(file);
    return MH_OK;
}

mh_status gnuplot_run(const char *script, const char *png)
{
    mh_status status = MH_OK;
    char partial[MH_WHOLE_FILE_PATH_BYTES];

    if (!mh_whole_file_partial(png, partial))
        return MH_FAIL(MH_ERR_IO, "%s: the path is too long", png);
    MH_TRY(expect_writable(partial, png));
    MH_TRY(write_and_run(script, partial));
    MH_TRY(mh_whole_file_commit(partial, png));
cleanup:
    if (status != MH_OK)
        unlink(partial);
    return status;
}
