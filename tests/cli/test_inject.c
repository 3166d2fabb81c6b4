#include <criterion/criterion.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "files.h"
#include "program.h"

/* train --inject: each fault that it plans ends as DESIGN.md, 5, promises, and the run goes on behind it. */

TestSuite(inject, .init = enter_folder, .fini = leave_folder, .timeout = 240);

/* 8 steps an epoch: step 20 is the fourth of the third. */
#define SMALL                                                                                                \
    "--generate --method rowwise --samples 1999 --hidden 16,16 --batch-size 256 --epochs 8 "                 \
    "--checkpoint-every 1 --progress no"

enum { FAILURE_SECONDS = 5, STALL_SECONDS = 1 };

/* A rank of so many. */
typedef struct {
    int ranks, rank;
} place;

static const place everywhere[] = {{1, 0}, {2, 0}, {2, 1}, {4, 0}, {4, 3}};
enum { PLACES = sizeof everywhere / sizeof everywhere[0] };

static void train_reference(void)
{
    outcome o = run_program(1, "train " SMALL " --run unbroken");

    MUST_EXIT(o, 0);
}

static void expect_reference(const char *run)
{
    char path[64];

    snprintf(path, sizeof path, "outputs/%s/model.h5", run);
    EXPECT_SAME_FILE(path, "outputs/unbroken/model.h5");
    snprintf(path, sizeof path, "outputs/%s/history.csv", run);
    EXPECT_SAME_HISTORY(path, "outputs/unbroken/history.csv");
}

/* The log's last line is of the epoch before the fault. */
static double seconds_since_last_epoch(const char *run)
{
    char path[64];
    struct stat info;
    struct timespec now;

    snprintf(path, sizeof path, "outputs/%s/history.csv", run);
    cr_assert(stat(path, &info) == 0, "there is no %s", path);
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)(now.tv_sec - info.st_mtim.tv_sec) + 1e-9 * (double)(now.tv_nsec - info.st_mtim.tv_nsec);
}

static void expect_told(const outcome *o, const char *kind, const place *place)
{
    char words[64], rank[32] = "";

    if (place->ranks > 1)
        snprintf(rank, sizeof rank, "[rank %d] ", place->rank);
    snprintf(words, sizeof words, "%s--inject: %s before step 20", rank, kind);
    cr_expect(count_lines(o->err, words) == 1, "'%s' is not in:\n%s", words, o->err);
}

static outcome inject(const char *kind, const place *place, const char *run, const char *more)
{
    outcome o = run_program(place->ranks, "train " SMALL " --run %s --inject %s@rank=%d,step=20 %s", run,
                            kind, place->rank, more);

    expect_told(&o, kind, place);
    return o;
}

/* The same command without the fault, on one rank. */
static void expect_goes_on(const char *run)
{
    char path[64];

    snprintf(path, sizeof path, "outputs/%s/model.h5", run);
    EXPECT_NO_FILE(path);
    outcome o = run_program(1, "train " SMALL " --run %s", run);
    EXPECT_EXIT(o, 0);
    EXPECT_WORDS(o.err, "trains on");
    EXPECT_NO_WORDS(o.err, "skipped a checkpoint");
    expect_reference(run);
}

/* ---- what ends the job ---- */

/* On each rank; `words` is what the rank says, NULL where it cannot say anything any more. */
static void expect_failure(const char *kind, int exit_code, const char *words)
{
    train_reference();
    for (size_t i = 0; i < PLACES; i++) {
        const place *place = &everywhere[i];
        char run[32], rank[32];

        snprintf(run, sizeof run, "failed-%zu", i);
        snprintf(rank, sizeof rank, "rank %d ", place->rank);
        outcome o = inject(kind, place, run, "");
        double seconds = seconds_since_last_epoch(run);
        EXPECT_EXIT(o, exit_code);
        cr_expect(seconds < FAILURE_SECONDS, "%s of rank %d of %d took %.1f s", kind, place->rank,
                  place->ranks, seconds);
        cr_expect(count_lines(o.err, "multihead: ") == (words != NULL), "not one message:\n%s", o.err);
        if (words != NULL)
            EXPECT_WORDS(o.err, words);
        if (place->ranks > 1)
            EXPECT_WORDS(o.err, rank);
        expect_goes_on(run);
    }
}

Test(inject, exit_ends_all_ranks)
{
    expect_failure("exit", 1, "the process leaves in the middle of computing the gradient, step 20");
}

Test(inject, abort_ends_all_ranks)
{
    expect_failure("abort", 128 + SIGABRT, "aborted while computing the gradient, step 20");
}

/* Only the launcher can tell. */
Test(inject, kill_ends_all_ranks)
{
    expect_failure("kill", 128 + SIGKILL, NULL);
}

Test(inject, read_error_ends_all_ranks)
{
    expect_failure("read-error", 1, "the rows of batch 4 cannot be read: Input/output error");
}

Test(inject, out_of_memory_ends_all_ranks)
{
    expect_failure("out-of-memory", 1, "out of memory");
}

/* Found in the sum, where nobody knows any more whose it was: the fault's own line names the rank. */
Test(inject, nan_ends_all_ranks)
{
    expect_failure("nan", 1, "the gradient is not finite in epoch 3, batch 4");
}

Test(inject, hang_is_found_by_the_watchdog)
{
    train_reference();
    for (size_t i = 0; i < PLACES; i++) {
        const place *place = &everywhere[i];
        char run[32], more[64], words[160], rank[32] = "";

        snprintf(run, sizeof run, "hung-%zu", i);
        snprintf(more, sizeof more, "--stall-timeout %d", STALL_SECONDS);
        outcome o = inject("hang", place, run, more);
        double seconds = seconds_since_last_epoch(run);
        EXPECT_EXIT(o, 1);
        cr_expect(seconds < STALL_SECONDS + FAILURE_SECONDS, "rank %d of %d hung for %.1f s", place->rank,
                  place->ranks, seconds);
        /* Every rank says where it is; the one that hangs does not wait for others. */
        cr_expect(count_lines(o.err, "multihead: ") == (size_t)place->ranks, "stderr:\n%s", o.err);
        EXPECT_WORDS(o.err, "--stall-timeout): computing the gradient, step 20");
        if (place->ranks > 1) {
            snprintf(rank, sizeof rank, "multihead: rank %d on ", place->rank);
            cr_expect(count_lines(o.err, rank) == 1, "stderr:\n%s", o.err);
            snprintf(words, sizeof words, "%.100s", strstr(o.err, rank) != NULL ? strstr(o.err, rank) : "");
            cr_expect(strstr(words, "waiting") == NULL, "rank %d waits, so it does not hang: %s", place->rank,
                      words);
            EXPECT_WORDS(o.err, "--stall-timeout): waiting for the other ranks, step 20");
        }
        expect_goes_on(run);
    }
}

/* ---- what does not ---- */

Test(inject, a_slow_step_changes_nothing)
{
    train_reference();
    for (size_t i = 0; i < PLACES; i += 2) {
        char run[32], path[64];

        snprintf(run, sizeof run, "slow-%zu", i);
        outcome o = inject("slow", &everywhere[i], run, "--stall-timeout 30");
        EXPECT_EXIT(o, 0);
        expect_reference(run);
        snprintf(path, sizeof path, "outputs/%s/history.csv", run);
        cr_expect(csv_number(read_csv(path), 2, "seconds") >= 1, "the third epoch was not slow");
    }
}

Test(inject, nan_may_be_skipped_with_the_same_result_everywhere)
{
    train_reference();
    for (size_t i = 0; i < PLACES; i++) {
        char run[32], path[64];

        snprintf(run, sizeof run, "skipped-%zu", i);
        outcome o = inject("nan", &everywhere[i], run, "--on-nonfinite skip");
        EXPECT_EXIT(o, 0);
        cr_expect(count_lines(o.err, "warning: epoch ") == 1, "not one warning an epoch:\n%s", o.err);
        EXPECT_WORDS(o.err, "epoch 3: 1 of 8 batches were left out");
        snprintf(path, sizeof path, "outputs/%s/model.h5", run);
        EXPECT_SAME_FILE(path, "outputs/skipped-0/model.h5");
        snprintf(path, sizeof path, "outputs/%s/history.csv", run);
        EXPECT_SAME_HISTORY(path, "outputs/skipped-0/history.csv");
    }
    cr_expect(!files_are_same("outputs/skipped-0/model.h5", "outputs/unbroken/model.h5"),
              "nothing was skipped");
}

/* ---- files, which rank 0 writes ---- */

#define ALL_CHECKPOINTS                                                                                      \
    "step-000000008.h5 step-000000016.h5 step-000000024.h5 step-000000032.h5 step-000000040.h5 "             \
    "step-000000048.h5 step-000000056.h5 step-000000064.h5"

/* The checkpoint of step 16 or of step 24: training does not wait until one is written. */
Test(inject, write_error_costs_one_checkpoint)
{
    train_reference();
    for (size_t i = 0; i < PLACES; i++) {
        char run[32], path[64];
        bool is_hit = everywhere[i].rank == 0;

        snprintf(run, sizeof run, "error-%zu", i);
        outcome o = inject("write-error", &everywhere[i], run, "--keep 9");
        EXPECT_EXIT(o, 0);
        cr_expect(count_lines(o.err, "warning: no checkpoint, going on without: ") == is_hit, "stderr:\n%s",
                  o.err);
        cr_expect((strstr(o.err, "Input/output error") != NULL) == is_hit, "stderr:\n%s", o.err);
        cr_expect(count_lines(o.err, "warning: --inject: rank 0 alone writes files") == !is_hit,
                  "stderr:\n%s", o.err);
        snprintf(path, sizeof path, "outputs/%s/checkpoints", run);
        const char *names = names_in(path);
        size_t expected = strlen(ALL_CHECKPOINTS) - (is_hit ? strlen(" step-000000016.h5") : 0);
        cr_expect(strlen(names) == expected && strstr(names, "step-000000064.h5") != NULL, "%s", names);
        expect_reference(run);
    }
}

Test(inject, disk_full_costs_the_model_but_no_older_checkpoint)
{
    train_reference();
    for (size_t i = 0; i < PLACES; i += i == 0 ? 1 : 2) {
        char run[32], path[64];

        snprintf(run, sizeof run, "full-%zu", i);
        outcome o = inject("disk-full", &everywhere[i], run, "");
        EXPECT_EXIT(o, 1);
        cr_expect(count_lines(o.err, "warning: no checkpoint, going on without: ") >= 5, "stderr:\n%s",
                  o.err);
        cr_expect(count_lines(o.err, "multihead: ") == 1 &&
                      strstr(o.err, "/model.h5: cannot be written: No space") != NULL,
                  "stderr:\n%s", o.err);
        snprintf(path, sizeof path, "outputs/%s/checkpoints", run);
        EXPECT_WORDS(names_in(path), "step-000000008.h5");
        EXPECT_NO_WORDS(names_in(path), "partial");
        expect_goes_on(run);
    }
}

Test(inject, bitflip_is_found_when_the_checkpoint_is_read)
{
    train_reference();
    for (size_t i = 0; i < PLACES; i += i == 0 ? 1 : 2) {
        char run[32], path[64], words[96];

        /* At the first step, so that the first checkpoint is the next one; the only one, so that it is looked at. */
        snprintf(run, sizeof run, "flipped-%zu", i);
        outcome o =
            run_program(everywhere[i].ranks,
                        "train " SMALL " --run %s --inject bitflip@rank=0,step=1 --checkpoint-every 8", run);
        EXPECT_EXIT(o, 0);
        expect_reference(run);
        snprintf(path, sizeof path, "outputs/%s/model.h5", run);
        cr_assert(remove(path) == 0);

        o = run_program(everywhere[i].ranks, "train " SMALL " --run %s", run);
        EXPECT_EXIT(o, 0);
        snprintf(words, sizeof words,
                 "warning: skipped a checkpoint: outputs/%s/checkpoints/step-000000064.h5: ", run);
        cr_expect(count_lines(o.err, words) == 1, "stderr:\n%s", o.err);
        EXPECT_WORDS(o.err, "damaged");
        EXPECT_NO_WORDS(o.err, "trains on");
        expect_reference(run);
    }
}

/* ---- words ---- */

Test(inject, what_is_no_fault_is_refused)
{
    static const char *const words[] = {
        "fire",

        "kill@",   "kill@rank",   "kill@step=0",  "kill@rank=1x", "kill@rank=1,,step=2",
        "@rank=0", "kill,step=3", "kill@rank=-1", "kill@host=a",  "none"};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        outcome o = run_program(1, "train " SMALL " --inject %s", words[i]);

        EXPECT_EXIT(o, 2);
        EXPECT_WORDS(o.err, "KIND@rank=R,step=S");
    }
    EXPECT_NO_FILE("outputs");
}

Test(inject, a_rank_that_is_not_there_is_refused)
{
    for (int ranks = 1; ranks <= 2; ranks++) {
        outcome o = run_program(ranks, "train " SMALL " --inject kill@rank=2,step=1");

        EXPECT_EXIT(o, 2);
        EXPECT_WORDS(o.err, "there is no rank 2");
        cr_expect(count_lines(o.err, "multihead: ") == 1, "not one message:\n%s", o.err);
    }
    EXPECT_NO_FILE("outputs");
}
