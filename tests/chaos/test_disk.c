#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "files.h"
#include "program.h"
#include "run_files.h"

/*
 * A run whose n-th call that changes its folder is the last thing it does, or fails: for each n, until there is no
 * n-th call. Nothing torn has a final name, exit code and message are as promised, and the run goes on behind it as
 * if nothing had been. DISK_STRIDE takes every so many-th call only, which the tests of a build do; run.sh takes all.
 */

enum { TEST_SECONDS = 3600, DEFAULT_STRIDE = 41 };

TestSuite(disk, .init = enter_folder, .fini = leave_folder, .timeout = TEST_SECONDS,
          .disabled = !MULTIHEAD_CAN_PRELOAD);

/* 4 steps an epoch. */
#define SMALL                                                                                                \
    "--generate --method rowwise --samples 203 --hidden 4 --batch-size 64 --epochs 4 --checkpoint-every 1 "  \
    "--progress no "

#define RUN_FOLDER       "outputs/r"
#define REFERENCE_FOLDER "outputs/unbroken"

/* What goes wrong, and in what kind of run. */
typedef struct {
    const char *name, *options;
    const char *how, *lasts; /* see fail_syscall.c */
    bool is_resumed;         /* the calls are those of a run that goes on */
} trouble;

/* The call that it met. */
typedef struct {
    char call[16], path[512];
} met_call;

static bool read_mark(met_call *met)
{
    FILE *file = fopen("mark", "r");

    if (file == NULL)
        return false;
    cr_assert(fscanf(file, "%15s %511s", met->call, met->path) == 2);
    fclose(file);
    return true;
}

/* ---- a run that meets trouble ---- */

static void run_shell(const char *command)
{
    cr_assert(system(command) == 0, "failed: %s", command);
}

/* Killed behind the first epoch, and something of a checkpoint was left. */
static void make_half_a_run(const trouble *trouble)
{
    outcome o = run_program(1, "train " SMALL "%s --run half --inject kill@rank=0,step=10", trouble->options);

    MUST_EXIT(o, 128 + SIGKILL);
    write_text("outputs/half/checkpoints/.step-000000012.h5.partial", "half of it");
}

static void plan_failure(const char *how, const char *lasts, const char *under, size_t call)
{
    char number[32];

    snprintf(number, sizeof number, "%zu", call);
    remove("mark");
    setenv("LD_PRELOAD", MULTIHEAD_FAIL_SYSCALL, 1);
    setenv("MH_FAIL_PROGRAM", "multihead", 1);
    setenv("MH_FAIL_UNDER", under, 1);
    setenv("MH_FAIL_CALL", number, 1);
    setenv("MH_FAIL_HOW", how, 1);
    setenv("MH_FAIL_LASTS", lasts, 1);
    setenv("MH_FAIL_MARK", "mark", 1);
}

static outcome run_into(const trouble *trouble, size_t call)
{
    run_shell("rm -rf " RUN_FOLDER);
    if (trouble->is_resumed)
        run_shell("cp -r outputs/half " RUN_FOLDER);
    plan_failure(trouble->how, trouble->lasts, RUN_FOLDER, call);
    outcome o = run_program(1, "train " SMALL "%s --run r", trouble->options);
    unsetenv("LD_PRELOAD");
    return o;
}

/* ---- what is promised ---- */

static bool is_under(const met_call *met, const char *part)
{
    return strstr(met->path, part) != NULL;
}

/* One failure of one call: only the model, and what the run cannot begin without, are worth an end. */
static void expect_promised_of_one(const met_call *met, const outcome *o, const char *when)
{
    char names[512];
    bool is_told = count_lines(o->err, "warning: no ") == 1 || count_lines(o->err, "warning: outputs/") == 1;

    if (is_under(met, "model.h5")) {
        cr_expect(o->exit_code == 1 && strstr(o->err, "model.h5: cannot be") != NULL, "%s ended with %d:\n%s",
                  when, o->exit_code, o->err);
    } else if (is_under(met, "/checkpoints/")) {
        snprintf(names, sizeof names, "%s", names_in(REFERENCE_FOLDER "/checkpoints"));
        cr_expect(o->exit_code == 0, "%s ended with %d:\n%s", when, o->exit_code, o->err);
        /* An old one that cannot be removed stays, and nothing is lost by it. */
        cr_expect(is_told || strcmp(met->call, "unlink") == 0 ||
                      strcmp(names_in(RUN_FOLDER "/checkpoints"), names) == 0,
                  "%s was not told:\n%s", when, o->err);
    } else if (is_under(met, ".loss.png") ||
               (is_under(met, "/history.csv") && strcmp(met->call, "write") == 0)) {
        cr_expect(o->exit_code == 0, "%s ended with %d:\n%s", when, o->exit_code, o->err);
        cr_expect(is_told || strcmp(met->call, "close") == 0, "%s was not told:\n%s", when, o->err);
    }
}

static void expect_promised(const trouble *trouble, const met_call *met, const outcome *o, const char *when)
{
    expect_whole_checkpoints(RUN_FOLDER, when);
    expect_whole_file(RUN_FOLDER "/model.h5", when);
    if (file_exists(RUN_FOLDER "/model.h5"))
        cr_expect(files_are_same(RUN_FOLDER "/model.h5", REFERENCE_FOLDER "/model.h5"), "%s: another model",
                  when);
    if (strcmp(trouble->how, "kill") == 0) {
        cr_expect(o->exit_code == 128 + SIGKILL, "%s ended with %d:\n%s", when, o->exit_code, o->err);
        return;
    }
    cr_expect(o->exit_code == 0 || o->exit_code == 1, "%s ended with %d:\n%s", when, o->exit_code, o->err);
    cr_expect(count_lines(o->err, "multihead: ") == (o->exit_code == 1), "%s: not one message:\n%s", when,
              o->err);
    if (o->exit_code == 0) {
        EXPECT_FILE(RUN_FOLDER "/model.h5");
        cr_expect(histories_are_same(RUN_FOLDER "/history.csv", REFERENCE_FOLDER "/history.csv"),
                  "%s: another log", when);
    }
    if (strcmp(trouble->how, "short") == 0)
        cr_expect(o->exit_code == 0, "%s ended with %d:\n%s", when, o->exit_code, o->err);
    else if (strcmp(trouble->lasts, "yes") != 0 && !trouble->is_resumed)
        expect_promised_of_one(met, o, when);
}

/* The same command when all is well again. */
static void expect_goes_on(const trouble *trouble, const char *when)
{
    outcome o = run_program(1, "train " SMALL "%s --run r", trouble->options);

    cr_expect(o.exit_code == 0, "after %s it ended with %d:\n%s", when, o.exit_code, o.err);
    cr_expect(strstr(o.err, "skipped a checkpoint") == NULL, "after %s:\n%s", when, o.err);
    cr_expect(files_are_same(RUN_FOLDER "/model.h5", REFERENCE_FOLDER "/model.h5"), "after %s: another model",
              when);
    cr_expect(histories_are_same(RUN_FOLDER "/history.csv", REFERENCE_FOLDER "/history.csv"),
              "after %s: another log", when);
    if (strstr(o.err, "is finished already") == NULL)
        expect_no_partial(RUN_FOLDER, when);
}

static void sweep(const trouble *trouble)
{
    size_t stride = number_from("DISK_STRIDE", DEFAULT_STRIDE), call = 1, count = 0;
    outcome o = run_program(1, "train " SMALL "%s --run unbroken", trouble->options);
    met_call met;
    char when[640];

    MUST_EXIT(o, 0);
    if (trouble->is_resumed)
        make_half_a_run(trouble);
    for (; o = run_into(trouble, call), read_mark(&met); call += stride) {
        snprintf(when, sizeof when, "%s at call %zu (%s of %s)", trouble->name, call, met.call, met.path);
        expect_promised(trouble, &met, &o, when);
        expect_goes_on(trouble, when);
        count++;
    }
    MUST_EXIT(o, 0);
    cr_expect(call > 40, "only %zu calls: the shim does not see them", call - 1);
    fprintf(stderr, "disk, %s: %zu calls met, up to the %zuth\n", trouble->name, count, call - stride);
}

/* ---- troubles ---- */

Test(disk, killed_at_any_call)
{
    sweep(&(trouble){.name = "kill", .options = "", .how = "kill", .lasts = "no"});
}

Test(disk, killed_at_any_call_after_resuming)
{
    sweep(&(trouble){
        .name = "kill after resuming", .options = "", .how = "kill", .lasts = "no", .is_resumed = true});
}

/* Models of folds, and a stage that depends on all of them. */
Test(disk, killed_at_any_call_of_several_stages)
{
    sweep(&(trouble){.name = "kill with folds",
                     .options = "--cross-validate 2 --refit yes",
                     .how = "kill",
                     .lasts = "no"});
}

Test(disk, no_space_for_one_call)
{
    sweep(&(trouble){.name = "no space once", .options = "", .how = "ENOSPC", .lasts = "no"});
}

Test(disk, no_space_from_a_call_on)
{
    sweep(&(trouble){.name = "no space any more", .options = "", .how = "ENOSPC", .lasts = "yes"});
}

Test(disk, an_error_of_one_call)
{
    sweep(&(trouble){.name = "error once", .options = "", .how = "EIO", .lasts = "no"});
}

/* Of reading, too. */
Test(disk, an_error_of_one_call_after_resuming)
{
    sweep(&(trouble){
        .name = "error once after resuming", .options = "", .how = "EIO", .lasts = "no", .is_resumed = true});
}

Test(disk, errors_from_a_call_on_after_resuming)
{
    sweep(&(trouble){
        .name = "errors after resuming", .options = "", .how = "EIO", .lasts = "yes", .is_resumed = true});
}

Test(disk, half_of_a_write)
{
    sweep(&(trouble){.name = "short write", .options = "", .how = "short", .lasts = "no"});
}

Test(disk, only_halves_of_writes)
{
    sweep(&(trouble){.name = "short writes", .options = "", .how = "short", .lasts = "yes"});
}

/* ---- a data set, which HDF5 writes ---- */

#define GENERATE "generate --method rowwise --samples 20000 --output "

static void sweep_generate(const char *how)
{
    met_call met;
    outcome o = run_program(1, GENERATE "unbroken.h5");

    MUST_EXIT(o, 0);
    for (size_t call = 1;; call++) {
        run_shell("rm -rf made && mkdir made");
        plan_failure(how, "no", "made/", call);
        o = run_program(1, GENERATE "made/data.h5");
        unsetenv("LD_PRELOAD");
        if (!read_mark(&met)) {
            cr_expect(call > 20, "only %zu calls: the shim does not see them", call - 1);
            fprintf(stderr, "disk, generate, %s: %zu calls met, all\n", how, call - 1);
            return;
        }
        cr_expect(o.exit_code == 0 || o.exit_code == (strcmp(how, "kill") == 0 ? 128 + SIGKILL : 1),
                  "%s at call %zu (%s) ended with %d:\n%s", how, call, met.call, o.exit_code, o.err);
        cr_expect(o.exit_code != 0 || file_exists("made/data.h5"), "%s at call %zu (%s): no file", how, call,
                  met.call);
        if (file_exists("made/data.h5"))
            cr_expect(files_are_same("made/data.h5", "unbroken.h5"), "%s at call %zu (%s): another file", how,
                      call, met.call);
    }
}

Test(disk, a_data_set_is_whole_or_not_there)
{
    sweep_generate("ENOSPC");
    sweep_generate("EIO");
    sweep_generate("short");
    sweep_generate("kill");
}
