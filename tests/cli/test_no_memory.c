#include <criterion/criterion.h>
#include <stdlib.h>

#include "files.h"
#include "program.h"

/*
 * Memory runs out at every place in turn where the program asks for some (support/fail_malloc.c makes it so): a run
 * ends with one message, or does without, and what it leaves under a final name is whole.
 *
 * Some of the places, so that it is quick; ctest -L slow takes them all.
 */

static void enter_with_shim(void)
{
    enter_folder();
    setenv("LD_PRELOAD", MULTIHEAD_FAIL_MALLOC, 1);
    setenv("MH_FAIL_MALLOC_LOG", "log", 1);
}

TestSuite(no_memory, .init = enter_with_shim, .fini = leave_folder, .timeout = 1000,
          .disabled = !MULTIHEAD_CAN_PRELOAD);

enum { A_FEW = 24 };

static outcome train_without(int ranks, size_t call, const char *run)
{
    char number[32];

    snprintf(number, sizeof number, "%zu", call);
    setenv("MH_FAIL_MALLOC", number, 1);
    return run_program(
        ranks, "train --generate --samples 64 --hidden 4 --epochs 2 --batch-size 32 --replicas 2 --run %s",
        run);
}

/* How often the rank that the shim looks at asks. */
static size_t calls_of_a_run(int ranks)
{
    outcome o = train_without(ranks, 0, "whole");
    char digits[32] = "";

    MUST_EXIT(o, 0);
    FILE *file = fopen("log", "r");
    cr_assert(file != NULL && fgets(digits, sizeof digits, file) != NULL, "no allocation was counted");
    fclose(file);
    return strtoull(digits, NULL, 10);
}

/* Hidden names are those of files that are not whole. */
static void expect_no_half_files(size_t call)
{
    cr_expect(strstr(names_below(), "partial") == NULL, "after call %zu: %s", call, names_below());
    if (file_exists("outputs/a/model.h5"))
        cr_expect(files_are_same("outputs/a/model.h5", "outputs/whole/model.h5"), "after call %zu", call);
    for (int step = 2; step <= 4; step += 2) { /* an epoch is two */
        char path[64];

        snprintf(path, sizeof path, "outputs/a/checkpoints/step-%09d.h5", step);
        if (file_exists(path)) {
            outcome o = run_program(1, "inspect %s", path);

            cr_expect(o.exit_code == 0, "after call %zu, %s:\n%s", call, path, o.err);
        }
    }
}

static void expect_good_end(const outcome *o, size_t call)
{
    cr_expect(o->exit_code == 0 || o->exit_code == 1, "call %zu: exit code %d; stderr:\n%s", call,
              o->exit_code, o->err);
    cr_expect(count_lines(o->err, "multihead: ") == (size_t)o->exit_code, "call %zu; stderr:\n%s", call,
              o->err);
    if (o->exit_code == 0)
        cr_expect(files_are_same("outputs/a/model.h5", "outputs/whole/model.h5"), "call %zu", call);
}

static void fail_in_turn(int ranks, size_t few)
{
    size_t calls = calls_of_a_run(ranks);
    size_t stride = getenv("MULTIHEAD_EVERY_CALL") != NULL || calls < few ? 1 : calls / few, failures = 0;

    cr_assert(calls > 50, "only %zu calls", calls);
    for (size_t call = 1; call <= calls; call += stride) {
        outcome o = train_without(ranks, call, "a");

        failures += o.exit_code == 1;
        expect_good_end(&o, call);
        setenv("MH_FAIL_MALLOC", "0", 1);
        expect_no_half_files(call);
        cr_assert(system("rm -rf outputs/a") == 0);
    }
    cr_expect(failures > calls / stride / 2, "only %zu of %zu failed: were the right calls taken?", failures,
              calls / stride);
}

Test(no_memory, at_any_place_ends_a_run_with_one_message)
{
    fail_in_turn(1, A_FEW);
}

/* The others must not wait for it. */
Test(no_memory, on_one_rank_ends_all_with_one_message_that_names_it)
{
    setenv("MH_FAIL_MALLOC_RANK", "1", 1);
    fail_in_turn(2, A_FEW / 2);
}
