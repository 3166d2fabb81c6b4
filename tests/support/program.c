#include "program.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "scratch.h"

enum { COMMAND_BYTES = 8192 };

void enter_folder(void)
{
    scratch_make();
    cr_assert(chdir(scratch_path(".")) == 0);
}

void leave_folder(void)
{
    cr_assert(chdir("/") == 0);
    scratch_remove();
}

/* ---- starting ---- */

/* In the child, which never returns from it. */
static void become_program(const program *program, const char *command)
{
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM); /* a test that takes too long is killed, and nobody would stop this */
    dup2(fileno(program->out), STDOUT_FILENO);
    dup2(fileno(program->err), STDERR_FILENO);
    setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 1); /* containers */
    setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 1);
    setenv("OMPI_MCA_mpi_yield_when_idle", "1", 1); /* several tests share the cores */
    execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    _exit(127);
}

/* A laptop has fewer cores than ranks, and two tests at a time would be bound to the same core. */
static const char *mpirun_placement = "--oversubscribe --bind-to none";

void set_mpirun_placement(const char *options)
{
    mpirun_placement = options;
}

static program start(int ranks, const char *arguments)
{
    program program = {.ranks = ranks, .out = tmpfile(), .err = tmpfile()};
    char command[COMMAND_BYTES], launcher[512] = "";

    if (ranks > 1)
        snprintf(launcher, sizeof launcher, "%s -n %d %s ", MULTIHEAD_MPIRUN, ranks, mpirun_placement);
    int length = snprintf(command, sizeof command, "exec %s%s %s", launcher, MULTIHEAD_PROGRAM, arguments);
    cr_assert(program.out != NULL && program.err != NULL && length < COMMAND_BYTES);

    program.process = fork();
    cr_assert(program.process >= 0);
    if (program.process == 0)
        become_program(&program, command);
    setpgid(program.process, program.process); /* whoever is first */
    return program;
}

program start_program(int ranks, const char *format, ...)
{
    char arguments[COMMAND_BYTES];
    va_list list;

    va_start(list, format);
    vsnprintf(arguments, sizeof arguments, format, list);
    va_end(list);
    return start(ranks, arguments);
}

outcome run_program(int ranks, const char *format, ...)
{
    char arguments[COMMAND_BYTES];
    va_list list;

    va_start(list, format);
    vsnprintf(arguments, sizeof arguments, format, list);
    va_end(list);
    program program = start(ranks, arguments);
    return finish_program(&program);
}

/* ---- finishing ---- */

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static bool has_ended(pid_t process, int *result, double seconds)
{
    const struct timespec pause = {.tv_nsec = 2000000};
    double deadline = now() + seconds;

    do {
        pid_t ended = waitpid(process, result, WNOHANG);

        cr_assert(ended >= 0 || errno == EINTR);
        if (ended == process)
            return true;
        nanosleep(&pause, NULL);
    } while (now() < deadline);
    return false;
}

/* mpirun's ranks are in process groups of their own: asked to end, it ends them. */
static void stop(pid_t process, int *result)
{
    kill(-process, SIGTERM);
    if (!has_ended(process, result, 5)) {
        kill(-process, SIGKILL);
        waitpid(process, result, 0);
    }
}

static void read_back(FILE *file, char text[OUTCOME_BYTES])
{
    rewind(file);
    size_t bytes = fread(text, 1, OUTCOME_BYTES, file);
    cr_assert(bytes < OUTCOME_BYTES, "more output than the test has room for");
    text[bytes] = '\0';
    fclose(file);
}

outcome finish_program(program *program)
{
    outcome o = {0};
    int result = 0;
    bool is_in_time = has_ended(program->process, &result, PROGRAM_SECONDS);

    if (!is_in_time)
        stop(program->process, &result);
    read_back(program->out, o.out);
    read_back(program->err, o.err);
    cr_assert(is_in_time, "hung: no end after %d s; stderr:\n%s", PROGRAM_SECONDS, o.err);
    o.exit_code = WIFEXITED(result) ? WEXITSTATUS(result) : 128 + WTERMSIG(result);
    return o;
}

size_t program_ranks(const program *program, pid_t ranks[PROGRAM_RANKS])
{
    char path[64];
    size_t count = 0;

    if (program->ranks == 1) {
        ranks[0] = program->process;
        return 1;
    }
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", program->process, program->process);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return 0;
    while (count < PROGRAM_RANKS && fscanf(file, "%d", &ranks[count]) == 1)
        count++;
    fclose(file);
    return count;
}

void signal_rank(const program *program, int number)
{
    pid_t ranks[PROGRAM_RANKS];

    cr_assert(program_ranks(program, ranks) > 0, "mpirun has no ranks");
    kill(ranks[0], number);
}

void kill_program(const program *program)
{
    signal_rank(program, SIGKILL);
}

size_t count_lines(const char *text, const char *beginning)
{
    size_t count = 0;

    for (const char *line = text; line != NULL && *line != '\0'; line = strchr(line, '\n')) {
        line += *line == '\n';
        count += *line != '\0' && strncmp(line, beginning, strlen(beginning)) == 0;
    }
    return count;
}
