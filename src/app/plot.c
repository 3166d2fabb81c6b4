#include "plot.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* A text in gnuplot's single quotes, where '' stands for '. */
static void quote(const char *text, char *out, size_t bytes)
{
    size_t used = 0;

    out[used++] = '\'';
    for (; *text != '\0' && used + 3 < bytes; text++) {
        if (*text == '\'')
            out[used++] = '\'';
        out[used++] = *text;
    }
    out[used++] = '\'';
    out[used] = '\0';
}

static mh_status run_gnuplot(char *script)
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

mh_status plot_loss(const char *history, const char *title, double base_loss, const char *png)
{
    mh_status status = MH_OK;
    char script[16384], data[4200], name[400], partial[4200], partial_quoted[4300];

    snprintf(partial, sizeof partial, "%s.partial", png);
    quote(history, data, sizeof data);
    quote(title, name, sizeof name);
    quote(partial, partial_quoted, sizeof partial_quoted);
    snprintf(
        script, sizeof script,
        "set terminal pngcairo size 960,600 font 'DejaVu Sans,12'; set output %s; "
        "set datafile separator ','; set title %s noenhanced font ',14'; "
        "set xlabel 'epoch'; set ylabel 'loss (mean over heads)'; "
        "set border 3 lc rgb '#555555'; set tics nomirror; set grid lc rgb '#dddddd'; "
        "set key top right; set yrange [0:*]; "
        "base = %.17g; "
        "plot base with lines dt 2 lw 1.5 lc rgb '#888888' title sprintf('base rates: %%.4f', base), "
        "%s using 'epoch':'train_loss' with linespoints pt 7 ps 0.4 lw 2 lc rgb '#1f77b4' title 'train'; "
        "set output",
        partial_quoted, name, base_loss, data);
    MH_TRY(run_gnuplot(script));
    if (rename(partial, png) != 0)
        status = MH_FAIL(MH_ERR_IO, "%s: cannot be written: %s", png, strerror(errno));
cleanup:
    if (status != MH_OK)
        unlink(partial);
    return status;
}
