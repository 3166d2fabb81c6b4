#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "disturbance.h"
#include "files.h"
#include "process.h"
#include "run_files.h"

/*
 * Runs that are stopped at random moments in random ways and go on with another number of ranks, until they are
 * finished: each one's model and log are those of the run that was never stopped. Seeds CHAOS_FIRST and those that
 * follow, CHAOS_COUNT of them; tests/chaos/run.sh sets them. A seed chooses the ways and the ranks, but a moment of
 * the clock is never the same twice.
 */

enum {
    MOST_RANKS = 4,
    DISTURBED_ROUNDS = 5, /* then the run is left alone */
    /* A failure ends all ranks within 5 s, on a host that has nothing else to do. */
    END_SECONDS = 20,
    TEST_SECONDS = 3600
};

TestSuite(chaos, .init = enter_folder, .fini = leave_folder, .timeout = TEST_SECONDS);

/* One run on its way. */
typedef struct {
    const char *options; /* that what is learned depends on */
    size_t seed, last_step;
    double seconds; /* that training took when nobody disturbed it */
    chance chance;
    size_t rounds, stops, hung_launchers;
} run;

#define RUN_FOLDER       "outputs/stopped"
#define REFERENCE_FOLDER "outputs/unbroken"

/* ---- a round ---- */

/*
 * Ranks end in time, and so does their launcher. But where one dies while it introduces itself to mpirun, Open MPI
 * 4.1's mpirun may wait for it forever, with no rank left: nobody here can help that, so it is ended and counted.
 */
static void await_end(run *run, const program *program, const pid_t *ranks, size_t count, bool is_early,
                      double seconds, const char *when)
{
    cr_assert(await_processes(ranks, count, seconds), "%s: a rank is still there after %g s", when, seconds);
    if (await_processes(&program->process, 1, seconds))
        return;
    cr_expect(is_early && program->ranks > 1, "%s: the launcher is still there after %g s", when, seconds);
    kill(program->process, SIGKILL);
    run->hung_launchers++;
}

/* How often checkpoints are written, and how many are kept, is anybody's choice in each round. */
static program start_round(run *run, int ranks, const disturbance *disturbance)
{
    static const char *const intervals[] = {"1", "1", "3", "0", "7steps", "1steps", "0.05s"};
    const char *interval = intervals[chance_below(&run->chance, sizeof intervals / sizeof intervals[0])];

    return start_program(ranks, "train %s --run stopped --checkpoint-every %s --keep %zu %s", run->options,
                         interval, 1 + chance_below(&run->chance, 3), disturbance->options);
}

/*
 * 0: it began afresh. It may be a later step than the one that was there when the round before ended: a rank whose
 * launcher was killed lives on for a moment, and is waited for.
 */
static size_t step_gone_on_from(const char *err)
{
    static const char words[] = "from " RUN_FOLDER "/checkpoints/step-";
    const char *place = strstr(err, words);

    return place == NULL ? 0 : strtoull(place + strlen(words), NULL, 10);
}

static void judge(const disturbance *disturbance, int ranks, const outcome *o, size_t step_before,
                  const char *when)
{
    size_t newest = expect_whole_checkpoints(RUN_FOLDER, when);
    bool is_finished = file_exists(RUN_FOLDER "/model.h5");

    cr_expect(disturbance_allows(disturbance, ranks, o->exit_code), "%s ended with %d; stderr:\n%s", when,
              o->exit_code, o->err);
    cr_expect(strstr(o->err, "skipped a checkpoint") == NULL, "%s: stderr:\n%s", when, o->err);
    if (strstr(o->err, "multihead trains") != NULL)
        cr_expect(step_gone_on_from(o->err) >= step_before, "%s: it did not go on from step %zu; stderr:\n%s",
                  when, step_before, o->err);
    cr_expect(newest >= step_before, "%s: the checkpoint of step %zu is gone", when, step_before);
    if (o->exit_code == 0)
        cr_expect(is_finished, "%s: exit code 0 without a model; stderr:\n%s", when, o->err);
    if (is_finished)
        cr_expect(files_are_same(RUN_FOLDER "/model.h5", REFERENCE_FOLDER "/model.h5"), "%s: another model",
                  when);
    if (o->exit_code == 75) {
        cr_expect(newest > 0 && !is_finished && count_lines(o->err, "stopped by ") == 1, "%s: stderr:\n%s",
                  when, o->err);
        expect_no_partial(RUN_FOLDER, when);
    }
}

/* Whether the run is finished. */
static bool play_round(run *run)
{
    int ranks = 1 + (int)chance_below(&run->chance, MOST_RANKS);
    size_t step_before = expect_whole_checkpoints(RUN_FOLDER, "earlier rounds");
    disturbance disturbance = {.text = "nothing"};
    pid_t processes[PROGRAM_RANKS];
    char when[320];

    if (run->rounds < DISTURBED_ROUNDS && step_before < run->last_step)
        /* The first one comes early, so that each seed has one. */
        disturbance = disturbance_choose(&run->chance, ranks, step_before + 1, run->last_step,
                                         run->rounds == 0 ? 0.2 * run->seconds : run->seconds);
    snprintf(when, sizeof when, "seed %zu, round %zu, %d ranks, %s", run->seed, run->rounds + 1, ranks,
             disturbance.text);
    program program = start_round(run, ranks, &disturbance);
    bool is_early = disturbance_is_struck(&disturbance) && !disturbance.awaits_training;

    disturbance_await(&disturbance, &program, RUN_FOLDER);
    size_t count = program_ranks(&program, processes); /* they cannot be found when the launcher is gone */
    disturbance_strike(&disturbance, &program, processes, count);
    await_end(run, &program, processes, count, is_early,
              disturbance_is_struck(&disturbance) ? END_SECONDS : PROGRAM_SECONDS, when);
    outcome o = finish_program(&program);
    judge(&disturbance, ranks, &o, step_before, when);
    run->rounds++;
    run->stops += o.exit_code != 0;
    return o.exit_code == 0;
}

static run begin_run(const char *name, const char *options, size_t seed)
{
    run run = {.options = options, .seed = seed, .chance.state = seed};
    const csv *history = read_csv(REFERENCE_FOLDER "/history.csv");

    run.last_step = (size_t)csv_number(history, history->lines - 1, "step");
    run.seconds = csv_number(history, history->lines - 1, "seconds");
    for (; *name != '\0'; name++) /* configurations differ in what happens to them, too */
        run.chance.state = run.chance.state * 31 + (unsigned char)*name;
    return run;
}

static void stop_and_resume(const char *name, const char *options)
{
    size_t first = number_from("CHAOS_FIRST", 1), count = number_from("CHAOS_COUNT", 1), rounds = 0,
           stops = 0, hung = 0;
    outcome reference = run_program(1, "train %s --run unbroken", options);

    MUST_EXIT(reference, 0);
    for (size_t seed = first; seed < first + count; seed++) {
        run run = begin_run(name, options, seed);

        while (!play_round(&run))
            cr_assert(run.rounds <= DISTURBED_ROUNDS, "%s, seed %zu: an undisturbed round did not end it",
                      name, seed);
        EXPECT_SAME_FILE(RUN_FOLDER "/model.h5", REFERENCE_FOLDER "/model.h5");
        EXPECT_SAME_HISTORY(RUN_FOLDER "/history.csv", REFERENCE_FOLDER "/history.csv");
        expect_rising_seconds(RUN_FOLDER "/history.csv");
        expect_no_partial(RUN_FOLDER, "the run");
        rounds += run.rounds;
        stops += run.stops;
        hung += run.hung_launchers;
        cr_assert(system("rm -r " RUN_FOLDER) == 0);
    }
    fprintf(stderr, "%s: %zu seeds from %zu, %zu rounds, %zu of them stopped, %zu launchers hung\n", name,
            count, first, rounds, stops, hung);
}

/* ---- configurations: what a checkpoint has to remember differs ---- */

#define ROWS "--generate --method rowwise --samples 1999 --hidden 24,24 --batch-size 256 "

Test(chaos, plain)
{
    stop_and_resume("plain", ROWS "--epochs 60");
}

Test(chaos, shuffled)
{
    stop_and_resume("shuffled", ROWS "--epochs 60 --shuffle yes");
}

/* The number of labels that a batch knows differs from batch to batch. */
Test(chaos, missing_labels)
{
    FILE *file = fopen("data.csv", "w");
    chance chance = {7};

    cr_assert(file != NULL);
    fputs("a,b,c,first,second,third\n", file);
    for (size_t row = 0; row < 1501; row++) {
        for (size_t i = 0; i < 3; i++)
            fprintf(file, "%zu.%zu,", chance_below(&chance, 3), chance_below(&chance, 1000));
        for (size_t i = 0; i < 3; i++)
            fprintf(file, "%s%c",
                    chance_below(&chance, 4) == 0   ? ""
                    : chance_below(&chance, 3) == 0 ? "1"
                                                    : "0",
                    i < 2 ? ',' : '\n');
    }
    fclose(file);
    outcome o = run_program(1, "import data.csv --label-columns 4-6 --output data.h5");
    MUST_EXIT(o, 0);
    EXPECT_NO_WORDS(o.err, "warning");
    stop_and_resume("missing_labels",
                    "--data data.h5 --hidden 24,24 --batch-size 200 --epochs 60 --shuffle yes");
}

/* The best epoch's weights and how long ago that was; a second stage that takes as many epochs as were best. */
Test(chaos, validated)
{
    stop_and_resume("validated", ROWS
                    "--epochs 60 --shuffle yes --validation-fraction .2 --patience 3 --learning-rate 0.01");
}

Test(chaos, folds_and_average)
{
    stop_and_resume("folds_and_average",
                    ROWS "--epochs 12 --shuffle yes --cross-validate 3 --refit yes --average-decay .9");
}

Test(chaos, dropout)
{
    stop_and_resume("dropout", ROWS "--epochs 60 --shuffle yes --dropout 0.2 --input-dropout 0.1");
}

Test(chaos, softmax)
{
    stop_and_resume("softmax", ROWS "--epochs 60 --categories 3 --weight-decay 0.01");
}

Test(chaos, scheduled_and_clipped)
{
    stop_and_resume("scheduled_and_clipped",
                    ROWS "--epochs 60 --schedule cosine --warmup 20 --clip-norm 0.1");
}

Test(chaos, preset)
{
    stop_and_resume("preset",
                    "--generate --method rowwise --samples 601 --preset tabular --hidden 16 --epochs 12");
}

/* Batches in which some replicas have a row more than others, and the last one is short. */
Test(chaos, odd_rows)
{
    stop_and_resume("odd_rows",
                    "--generate --method rowwise --samples 1013 --hidden 17 --batch-size 101 --epochs 60 "
                    "--replicas 7 --shuffle yes");
}
