#include <criterion/criterion.h>
#include <fcntl.h>
#include <hdf5.h>
#include <math.h>
#include <signal.h>
#include <unistd.h>

#include "files.h"
#include "program.h"

/* --memory: rows that a rank does not hold are read again in each epoch. */

TestSuite(memory, .init = enter_folder, .fini = leave_folder, .timeout = 180);

enum { ROWS = 6000, INPUTS = 12 };

/* 58 bytes a row: eight times of what is allowed here, in windows of two batches. */
#define ROWS_OF_FILE "--data d.h5 --hidden 16,16 --batch-size 250 --epochs 4"
#define IN_WINDOWS   ROWS_OF_FILE " --shuffle yes --memory 42K"

static void make_rows(void)
{
    outcome o = run_program(
        1, "generate --method rowwise --samples %d --features %d --labels 5 --output d.h5", ROWS, INPUTS);

    MUST_EXIT(o, 0);
}

static outcome train(int ranks, const char *options, const char *run)
{
    return run_program(ranks, "train %s --progress no --run %s", options, run);
}

static void must_train(int ranks, const char *options, const char *run)
{
    outcome o = train(ranks, options, run);

    MUST_EXIT(o, 0);
}

/* ---- what is learned ---- */

Test(memory, without_a_shuffle_it_makes_no_difference)
{
    make_rows();
    must_train(1, ROWS_OF_FILE " --standardize yes", "held");
    must_train(1, ROWS_OF_FILE " --standardize yes --memory 42K", "streamed");
    expect_same_models("held", "streamed");
    EXPECT_SAME_HISTORY("outputs/held/history.csv", "outputs/streamed/history.csv");
}

/* Four ranks hold their rows with 100K, one does not. */
Test(memory, the_order_is_the_same_on_any_number_of_ranks)
{
    static const char options[] = ROWS_OF_FILE " --shuffle yes --memory 100K";

    make_rows();
    must_train(1, options, "one");
    must_train(2, options, "two");
    must_train(4, options, "four");
    expect_same_models("one", "two");
    expect_same_models("one", "four");
    must_train(1, ROWS_OF_FILE " --shuffle yes", "held");
    expect_other_models("one", "held");
}

Test(memory, generated_rows_are_streamed_as_well)
{
    static const char options[] =
        "--generate --method rowwise --samples 3000 --hidden 8 --epochs 2 --batch-size 128 --shuffle yes "
        "--memory 20K";

    must_train(1, options, "one");
    must_train(3, options, "three");
    expect_same_models("one", "three");
    outcome o = train(1, "--generate --samples 3000 --batch-size 128 --memory 20K", "sklearn");
    EXPECT_EXIT(o, 2);
    EXPECT_WORDS(o.err, "--method rowwise");
}

Test(memory, folds_are_streamed_as_well)
{
    static const char options[] =
        "--data d.h5 --hidden 8 --epochs 2 --batch-size 250 --shuffle yes --cross-validate 3 --memory 42K";

    make_rows();
    must_train(1, options, "one");
    must_train(2, options, "two");
    expect_same_models("one", "two");
}

/* ---- what is said ---- */

Test(memory, the_start_up_block_says_how_rows_are_held)
{
    make_rows();
    outcome o = train(1, IN_WINDOWS, "streamed");
    EXPECT_EXIT(o, 0);
    EXPECT_WORDS(o.err, "memory   streamed in 750 blocks of 8 rows, window 250 rows");
    o = train(1, ROWS_OF_FILE " --memory 1G", "held");
    EXPECT_EXIT(o, 0);
    EXPECT_WORDS(o.err, "memory   1.0 GiB a rank hold all rows");
    o = train(1, IN_WINDOWS " --validation-rows 2000:", "validated");
    EXPECT_EXIT(o, 0);
    EXPECT_WORDS(o.err, "warning: the rows to validate on are held in memory, 227 KiB a rank");
}

Test(memory, what_is_too_little_or_no_size_is_wrong_usage)
{
    static const char *const bad[] = {"64X", "-1", "M", "1.5G", "64MB", "99999999999T"};

    make_rows();
    outcome o = train(1, ROWS_OF_FILE " --memory 20K", "a");
    EXPECT_EXIT(o, 2);
    EXPECT_WORDS(o.err, "--memory: 20 KiB are too few to read a batch of 250 rows of 58 B");
    EXPECT_WORDS(o.err, "--memory 30K would do");
    o = train(2, ROWS_OF_FILE " --epochs 1 --memory 30K", "b");
    EXPECT_EXIT(o, 0);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        o = run_program(1, "train " ROWS_OF_FILE " --memory %s --run a", bad[i]);
        EXPECT_EXIT(o, 2);
        EXPECT_WORDS(o.err, "expected bytes, or K, M, G or T of them");
    }
}

/* ---- a run that goes on ---- */

/* In the middle of the second or third epoch of 24 steps: by the second checkpoint the first one is there. */
static void stop_in_an_epoch(int ranks, const char *run)
{
    outcome o = run_program(ranks,
                            "train " IN_WINDOWS " --checkpoint-every 31steps --inject exit@rank=0,step=63 "
                            "--progress no --run %s",
                            run);

    cr_assert(o.exit_code != 0, "it was not stopped; stderr:\n%s", o.err);
}

static void must_go_on(int ranks, const char *options, const char *run)
{
    outcome o = train(ranks, options, run);

    MUST_EXIT(o, 0);
    EXPECT_WORDS(o.err, "trains on");
    expect_same_models(run, "unbroken");
}

Test(memory, a_run_goes_on_in_the_middle_of_an_epoch_on_other_ranks)
{
    make_rows();
    must_train(1, IN_WINDOWS, "unbroken");
    stop_in_an_epoch(1, "a");
    must_go_on(3, IN_WINDOWS, "a");
    EXPECT_SAME_HISTORY("outputs/a/history.csv", "outputs/unbroken/history.csv");
    stop_in_an_epoch(3, "b");
    must_go_on(1, IN_WINDOWS, "b");
}

Test(memory, another_size_is_refused_where_the_order_would_be_another_one)
{
    make_rows();
    must_train(1, IN_WINDOWS, "unbroken");
    stop_in_an_epoch(1, "a");
    outcome o = train(2, ROWS_OF_FILE " --shuffle yes --memory 80K", "a");
    EXPECT_EXIT(o, 2);
    EXPECT_WORDS(o.err, "was made with other options: memory 42K (now 80K)");
    o = train(1, ROWS_OF_FILE " --shuffle yes", "a");
    EXPECT_EXIT(o, 2);
    EXPECT_WORDS(o.err, "memory 42K (now 0)");
    must_go_on(2, ROWS_OF_FILE " --shuffle yes --memory 42500", "a"); /* the same windows */
}

Test(memory, a_signal_stops_it_and_the_same_command_goes_on)
{
    static const char options[] =
        "--data d.h5 --hidden 64,64 --batch-size 250 --epochs 60 --shuffle yes --memory 42K";

    make_rows();
    must_train(1, options, "unbroken");
    program program = start_program(1, "train %s --checkpoint-every 1 --progress no --run a", options);
    await_file("outputs/a/checkpoints/step-000000024.h5");
    signal_rank(&program, SIGTERM);
    outcome o = finish_program(&program);
    MUST_EXIT(o, 75);
    must_go_on(2, options, "a");
}

/* ---- what goes wrong ---- */

Test(memory, a_fault_of_one_rank_ends_all)
{
    static const char *const kinds[][2] = {{"read-error", "the rows of batch 8 cannot be read"},
                                           {"out-of-memory", "out of memory"}};

    make_rows();
    must_train(1, IN_WINDOWS, "unbroken");
    for (size_t i = 0; i < 2; i++) {
        outcome o =
            run_program(3, "train " IN_WINDOWS " --checkpoint-every 1 --inject %s@rank=1,step=32 --run a%zu",
                        kinds[i][0], i);
        char run[8];

        EXPECT_EXIT(o, 1);
        EXPECT_WORDS(o.err, "rank 1 ");
        EXPECT_WORDS(o.err, kinds[i][1]);
        snprintf(run, sizeof run, "a%zu", i);
        must_train(2, IN_WINDOWS, run);
        expect_same_models(run, "unbroken");
    }
}

/* Before training starts, as where rows are held. */
static void spoil_row(size_t row)
{
    hid_t file = H5Fopen("d.h5", H5F_ACC_RDONLY, H5P_DEFAULT),
          dataset = H5Dopen2(file, "features", H5P_DEFAULT);
    off_t place = (off_t)H5Dget_offset(dataset) + (off_t)(row * INPUTS * sizeof(float));
    float nan = NAN;

    H5Dclose(dataset);
    H5Fclose(file);
    int descriptor = open("d.h5", O_WRONLY);
    cr_assert(pwrite(descriptor, &nan, sizeof nan, place) == sizeof nan);
    close(descriptor);
}

/* The seal would find it at once: without one it is a file as others make them. */
static void unseal(void)
{
    hid_t file = H5Fopen("d.h5", H5F_ACC_RDWR, H5P_DEFAULT);

    H5Ldelete(file, "checksums", H5P_DEFAULT);
    H5Fclose(file);
}

Test(memory, a_bad_row_is_found_before_training_starts)
{
    make_rows();
    unseal();
    spoil_row(5000);
    outcome o = train(2, IN_WINDOWS, "a");
    EXPECT_EXIT(o, 1);
    EXPECT_WORDS(o.err, "d.h5: /features: row 5000, column 0 is not a number");
    EXPECT_NO_FILE("outputs/a/history.csv");
}

Test(memory, a_row_that_turns_bad_while_it_trains_ends_all_ranks)
{
    for (int ranks = 1; ranks <= 3; ranks += 2) {
        make_rows();
        unseal();
        program program = start_program(ranks,
                                        "train --data d.h5 --batch-size 250 --epochs 100000 --shuffle yes "
                                        "--memory 30K --checkpoint-every 1 --progress no --run a%d",
                                        ranks);
        char checkpoint[64];

        snprintf(checkpoint, sizeof checkpoint, "outputs/a%d/checkpoints/step-000000024.h5", ranks);
        await_file(checkpoint);
        spoil_row(5000);
        outcome o = finish_program(&program);
        EXPECT_EXIT(o, 1);
        cr_expect(count_lines(o.err, "multihead: ") == 1, "not one message:\n%s", o.err);
        EXPECT_WORDS(o.err, "d.h5: /features: row 5000, column 0 is not a number");
        if (ranks > 1)
            EXPECT_WORDS(o.err, "reading rows, step ");
    }
}
