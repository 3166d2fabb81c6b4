#include <criterion/criterion.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"
#include "odd_files.h"
#include "program.h"

TestSuite(verify, .init = enter_folder, .fini = leave_folder, .timeout = 180);

enum { ROWS = 60, HEADS = 2 };

static const size_t classes[HEADS] = {2, 3};

static outcome must_run(const char *arguments)
{
    outcome o = run_program(1, "%s", arguments);

    MUST_EXIT(o, 0);
    return o;
}

static size_t file_bytes(const char *path)
{
    struct stat info;

    cr_assert(stat(path, &info) == 0);
    return (size_t)info.st_size;
}

static void flip(const char *path, size_t place)
{
    char byte;
    int file = open(path, O_RDWR);

    cr_assert(file >= 0 && pread(file, &byte, 1, (off_t)place) == 1);
    byte ^= 1;
    cr_assert(pwrite(file, &byte, 1, (off_t)place) == 1);
    close(file);
}

/* One line on stdout with these words, and exit code 0. */
static void expect_whole(const char *path, const char *words)
{
    outcome o = run_program(1, "verify %s", path);

    EXPECT_EXIT(o, 0);
    cr_expect(count_lines(o.out, "") == 1, "stdout:\n%s", o.out);
    cr_expect(strncmp(o.out, path, strlen(path)) == 0, "stdout:\n%s", o.out);
    EXPECT_WORDS(o.out, words);
    cr_expect(o.err[0] == '\0', "stderr:\n%s", o.err);
}

static void expect_damaged(const char *path, const char *words)
{
    outcome o = run_program(1, "verify %s", path);

    EXPECT_EXIT(o, 1);
    cr_expect(count_lines(o.out, "") == 1, "stdout:\n%s", o.out);
    cr_expect(strncmp(o.out, path, strlen(path)) == 0, "stdout:\n%s", o.out);
    EXPECT_WORDS(o.out, words);
    EXPECT_WORDS(o.err, "is not whole");
}

/* ---- ours ---- */

Test(verify, files_of_ours_are_whole)
{
    must_run("generate --output d.h5 --samples 200");
    must_run("train --data d.h5 --hidden 4 --epochs 2 --run a");
    must_run("predict --model outputs/a --data d.h5 --output p.h5");
    write_text("t.csv", "a,b,c\n1,2,0\n3,4,1\n");
    must_run("import t.csv --label-columns 3 --output t.h5");
    expect_whole("d.h5", "data set, 200 rows, 12 features, 5 labels");
    expect_whole("outputs/a/model.h5", "model, 5 heads, 77 parameters");
    expect_whole("outputs/a/model.h5", "whole, checksums agree");
    expect_whole("p.h5", "predictions, 200 rows, 5 heads");
    expect_whole("t.h5", "data set, 2 rows, 2 features, 1 labels");
}

Test(verify, a_folder_is_all_the_files_in_it)
{
    must_run("generate --output shards --shards 3 --samples 200");
    must_run("train --data shards --hidden 4 --epochs 2 --run a --cross-validate 2");

    outcome o = run_program(2, "verify outputs shards/shard-00001.h5 'shards/*2.h5'");

    EXPECT_EXIT(o, 0);
    EXPECT_WORDS(o.out, "checkpoint, ");
    cr_expect(count_lines(o.out, "outputs/a/model.h5: model") == 1, "stdout:\n%s", o.out);
    cr_expect(count_lines(o.out, "outputs/a/folds/") == 2, "stdout:\n%s", o.out);
    cr_expect(count_lines(o.out, "outputs/a/checkpoints/") >= 1, "stdout:\n%s", o.out);
    cr_expect(count_lines(o.out, "shards/") == 2, "stdout:\n%s", o.out);
    flip("outputs/a/model.h5", 2000);
    flip("shards/shard-00001.h5", 2000);
    o = run_program(2, "verify outputs shards");
    EXPECT_EXIT(o, 1);
    cr_expect(count_lines(o.out, "outputs/a/model.h5: is damaged") == 1, "stdout:\n%s", o.out);
    cr_expect(count_lines(o.out, "shards/shard-00001.h5: is damaged") == 1, "stdout:\n%s", o.out);
    EXPECT_WORDS(o.err, "2 of ");
    EXPECT_WORDS(o.err, " files are not whole");
}

/* Places spread over the whole file: HDF5's structures, both datasets, checksums, seal. */
Test(verify, a_flipped_byte_is_found_wherever_it_is)
{
    enum { PLACES = 60 };
    size_t bytes;

    must_run("generate --output d.h5 --samples 200");
    bytes = file_bytes("d.h5");
    for (size_t i = 0; i < PLACES; i++) {
        size_t place = i < 16 ? bytes - 1 - i : i * bytes / PLACES; /* the last bytes are the magic */

        flip("d.h5", place);

        outcome o = run_program(1, "verify d.h5");

        cr_expect(1 == o.exit_code, "byte %zu: exit code %d:\n%s", place, o.exit_code, o.out);
        cr_expect(count_lines(o.out, "d.h5: is damaged: bytes ") == 1, "byte %zu:\n%s", place, o.out);
        flip("d.h5", place);
    }
    expect_whole("d.h5", "whole");
}

Test(verify, the_damaged_dataset_is_named)
{
    must_run("generate --output d.h5 --samples 1000");
    flip("d.h5", 20000); /* of 48,000 bytes of features */
    expect_damaged("d.h5", "bytes 0 to ");
    expect_damaged("d.h5", "; /features is not what was written");
}

Test(verify, a_file_cut_off_is_found_at_every_kind_of_length)
{
    must_run("generate --output d.h5 --samples 200");

    size_t bytes = file_bytes("d.h5");
    const size_t lengths[] = {0, 1, 100, 5000, bytes - 100, bytes - 48, bytes - 40, bytes - 8, bytes - 1};

    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        copy_file("d.h5", "cut.h5", lengths[i]);
        expect_damaged("cut.h5", "");
    }
    expect_damaged("cut.h5", "has checksums, but no seal behind its end");
}

Test(verify, a_damaged_data_set_is_not_used)
{
    must_run("generate --output d.h5 --samples 1000");
    must_run("generate --output v.h5 --samples 100");
    must_run("train --data d.h5 --hidden 4 --epochs 1 --run a");
    flip("v.h5", 3000);

    static const char *const commands[] = {
        "train --hidden 4 --epochs 1 --run b --data v.h5",
        "train --hidden 4 --epochs 1 --run b --data d.h5 --validation-data v.h5",
        "evaluate --model outputs/a --data d.h5 v.h5", "predict --model outputs/a --data v.h5",
        "inspect v.h5"};

    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        for (int ranks = 1; ranks <= 3; ranks += 2) {
            outcome o = run_program(ranks, "%s", commands[i]);

            EXPECT_EXIT(o, 1);
            cr_expect(count_lines(o.err, "multihead: ") == 1, "%s: not one message:\n%s", commands[i], o.err);
            EXPECT_WORDS(o.err, "v.h5: is damaged: bytes 0 to ");
            cr_expect(o.out[0] == '\0', "stdout:\n%s", o.out);
        }
    }
    cr_expect(!file_exists("outputs/b"));
}

Test(verify, a_damaged_model_is_not_used)
{
    must_run("generate --output d.h5 --samples 100");
    must_run("train --data d.h5 --hidden 4 --epochs 1 --run a");
    flip("outputs/a/model.h5", 3000);

    outcome o = run_program(2, "evaluate --model outputs/a --data d.h5");

    EXPECT_EXIT(o, 1);
    EXPECT_WORDS(o.err, "outputs/a/model.h5: is damaged: bytes 0 to ");
    o = run_program(1, "train --data d.h5 --hidden 4 --epochs 1 --run b --init outputs/a/model.h5");
    EXPECT_EXIT(o, 1);
    EXPECT_WORDS(o.err, "outputs/a/model.h5: is damaged: bytes 0 to ");
}

/* ---- others' ---- */

Test(verify, a_data_set_that_others_made_is_read_to_its_end)
{
    odd_file_add_rows("d.h5", ROWS, HEADS, classes, 10);
    expect_whole("d.h5", "d.h5: data set, 60 rows, 6 features, 2 labels, ");
    expect_whole("d.h5", "structure is sound, made elsewhere: no checksums");
}

Test(verify, what_training_would_find_is_found)
{
    double features[4] = {1, 2, 3, 0.0 / 0.0}, labels[2] = {0, 1};
    const int64_t two[1] = {2};

    odd_file_add("nan.h5", "features", AS_FLOAT32, 2, 2, features);
    odd_file_add("nan.h5", "labels", AS_INT8, 2, 1, labels);
    expect_damaged("nan.h5", "/features: row 1, column 1 is not a number");
    features[3] = 4;
    labels[1] = 7;
    odd_file_add("range.h5", "features", AS_FLOAT32, 2, 2, features);
    odd_file_add("range.h5", "labels", AS_INT8, 2, 1, labels);
    odd_file_set_integers("range.h5", "labels", "num_classes", 1, two);
    expect_damaged("range.h5", "/labels: row 1, column 0 is 7");
    write_text("text.h5", "a,b\n");
    expect_damaged("text.h5", "is not an HDF5 file");
}

/* ---- words ---- */

Test(verify, wants_something_to_look_at)
{
    outcome o = run_program(1, "verify");

    EXPECT_EXIT(o, 2);
    cr_assert(mkdir("empty", 0777) == 0);
    o = run_program(1, "verify empty");
    EXPECT_EXIT(o, 1);
    EXPECT_WORDS(o.err, "empty: there is no .h5 or .hdf5 file");
    o = run_program(2, "verify nowhere.h5");
    EXPECT_EXIT(o, 1);
    EXPECT_WORDS(o.out, "nowhere.h5: cannot be read: No such file");
}
