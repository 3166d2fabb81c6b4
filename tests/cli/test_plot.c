#include <criterion/criterion.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"
#include "program.h"

static void enter(void)
{
    enter_folder();
    if (!has_program("gnuplot"))
        SKIP_TEST("there is no gnuplot");
}

TestSuite(plot, .init = enter, .fini = leave_folder, .timeout = 120);

/* A history whose validation loss, where it has one, is least in epoch 3. */
static void write_run(const char *folder, bool has_validation)
{
    static const char *const with = "epoch,step,learning_rate,train_loss,seconds,rows_per_s,validation_loss\n"
                                    "1,4,0.001,0.6,0.1,99,0.61\n2,8,0.001,0.5,0.2,99,\n"
                                    "3,12,0.001,0.4,0.3,99,0.45\n4,16,0.001,0.3,0.4,99,0.5\n";
    static const char *const without = "epoch,step,train_loss\n1,4,0.6\n2,8,0.5\n";
    char path[256];

    mkdir("outputs", 0777);
    mkdir(folder, 0777);
    snprintf(path, sizeof path, "%s/history.csv", folder);
    write_text(path, has_validation ? with : without);
}

static void expect_picture(const char *path)
{
    static const unsigned char png[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    unsigned char begins[24] = {0};
    struct stat info = {0};
    FILE *file = fopen(path, "rb");

    cr_assert(file != NULL, "there is no %s", path);
    cr_expect(fread(begins, 1, sizeof begins, file) == sizeof begins && memcmp(begins, png, 8) == 0,
              "%s is no PNG", path);
    cr_expect(begins[18] * 256 + begins[19] >= 900, "%s is narrow", path);
    cr_expect(fstat(fileno(file), &info) == 0 && info.st_size > 5000, "%s has hardly anything in it", path);
    fclose(file);
}

Test(plot, one_run_is_found_by_folder_history_or_name)
{
    static const char *const ways[] = {"outputs/a", "outputs/a/", "outputs/a/history.csv", "a"};

    write_run("outputs/a", true);
    for (size_t i = 0; i < 4; i++) {
        unlink("outputs/a/loss.png");
        outcome o = run_program(1 + (int)i % 2, "plot %s", ways[i]);
        EXPECT_EXIT(o, 0);
        EXPECT_WORDS(o.err, "outputs/a/loss.png");
        expect_picture("outputs/a/loss.png");
        EXPECT_NAMES("outputs/a", "history.csv loss.png");
    }
}

Test(plot, draws_what_train_left)
{
    outcome o = run_program(1, "train --generate --samples 300 --hidden 8 --epochs 1 --run \"it's one\"");
    MUST_EXIT(o, 0);
    expect_picture("outputs/it's one/loss.png");
    copy_file("outputs/it's one/loss.png", "train.png", WHOLE_FILE);
    o = run_program(1, "plot \"it's one\"");
    EXPECT_EXIT(o, 0);
    EXPECT_SAME_FILE("outputs/it's one/loss.png", "train.png");
}

Test(plot, several_runs_are_one_picture)
{
    char name[32];

    for (int i = 0; i < 12; i++) {
        snprintf(name, sizeof name, "outputs/run_%d", i);
        write_run(name, i % 2 == 0);
    }
    outcome o = run_program(1, "plot outputs/run_* --output all.png");
    EXPECT_EXIT(o, 0);
    expect_picture("all.png");
    o = run_program(1, "plot run_0 run_1 --output two.png --log-y");
    EXPECT_EXIT(o, 0);
    expect_picture("two.png");
    EXPECT_NAMES(".", "all.png outputs two.png");
    o = run_program(1, "plot run_0 run_1");
    EXPECT_EXIT(o, 2);
    EXPECT_WORDS(o.err, "--output");
    o = run_program(1, "plot");
    EXPECT_EXIT(o, 2);
    EXPECT_WORDS(o.err, "which runs");
}

/* One message, no picture and no half of one. */
static void expect_refusal(const char *what, const char *words)
{
    for (int ranks = 1; ranks <= 2; ranks++) {
        outcome o = run_program(ranks, "plot %s --output picture.png", what);

        EXPECT_EXIT(o, 1);
        EXPECT_WORDS(o.err, words);
        cr_expect(count_lines(o.err, "multihead: ") == 1, "not one message:\n%s", o.err);
        EXPECT_NO_FILE("picture.png");
        EXPECT_NO_FILE(".picture.png.partial");
    }
}

Test(plot, histories_with_nothing_to_draw_are_named)
{
    mkdir("empty", 0777);
    write_text("header.csv", "epoch,step,learning_rate,train_loss,seconds\n");
    write_text("nothing.csv", "");
    write_text("other.csv", "epoch,accuracy\n1,0.5\n");
    write_text("broken.csv", "epoch,train_loss\n1,0.5\n2,abc\n");
    write_text("short.csv", "epoch,train_loss\n1,0.5\n2");
    expect_refusal("nowhere", "neither a run nor a history here, nor a run outputs/nowhere");
    expect_refusal("empty", "empty: is no folder of a run: there is no history.csv");
    expect_refusal("header.csv", "header.csv: there is no epoch in it yet");
    expect_refusal("nothing.csv", "nothing.csv: is no history of a run: there is no column epoch");
    expect_refusal("other.csv", "other.csv: is no history of a run: there is no column train_loss");
    expect_refusal("broken.csv", "broken.csv: line 3");
    expect_refusal("short.csv", "short.csv: line 3");
}

Test(plot, a_picture_that_cannot_be_written_is_named)
{
    write_run("outputs/a", true);
    outcome o = run_program(1, "plot a --output nowhere/picture.png");
    EXPECT_EXIT(o, 1);
    EXPECT_WORDS(o.err, "nowhere/picture.png: cannot be written: No such file");
}

Test(plot, says_which_package_is_missing)
{
    char path[PATH_MAX];

    write_run("outputs/a", true);
    cr_assert(mkdir("bin", 0777) == 0 && symlink("/bin/true", "bin/ssh") == 0);
    cr_assert(setenv("PATH", realpath("bin", path), 1) == 0);
    outcome o = run_program(1, "plot a");
    EXPECT_EXIT(o, 1);
    EXPECT_WORDS(o.err, "gnuplot-nox");
    EXPECT_NAMES("outputs/a", "history.csv");
}
