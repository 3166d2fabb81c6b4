#include "child.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "multihead/base/clock.h"

void sleep_for(double seconds)
{
    struct timespec left = {(time_t)seconds, (long)(1e9 * (seconds - (double)(time_t)seconds))};

    while (nanosleep(&left, &left) != 0)
        continue;
}

child start_child(void (*work)(void))
{
    int ends[2];

    fflush(NULL);
    cr_assert(pipe(ends) == 0);
    child child = {.process = fork(), .err = ends[0], .started = mh_clock_seconds()};
    cr_assert(child.process >= 0);
    if (child.process == 0) {
        /* Criterion's children have handlers of its own for these. */
        for (int number = 1; number < NSIG; number++)
            signal(number, SIG_DFL);
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        alarm(CHILD_SECONDS);
        work();
        _exit(0);
    }
    close(ends[1]);
    return child;
}

child_end finish_child(child *child)
{
    child_end end = {0};
    size_t used = 0;
    ssize_t more = 0;
    int result = 0;

    while (used + 1 < sizeof end.err &&
           (more = read(child->err, end.err + used, sizeof end.err - 1 - used)) > 0)
        used += (size_t)more;
    close(child->err);
    waitpid(child->process, &result, 0);
    end.seconds = mh_clock_seconds() - child->started;
    end.exit_code = WIFEXITED(result) ? WEXITSTATUS(result) : 128 + WTERMSIG(result);
    cr_assert(end.exit_code != 128 + SIGALRM, "hung: no end after %d s", CHILD_SECONDS);
    return end;
}

child_end run_child(void (*work)(void))
{
    child child = start_child(work);

    return finish_child(&child);
}
