#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "files.h"
#include "odd_files.h"
#include "program.h"

TestSuite(import, .init = enter_folder, .fini = leave_folder, .timeout = 120);

#define TOY_ARFF                                                                                             \
    "@relation 'toy: -C 2'\n@attribute sunny {0,1}\n@attribute warm {NO,YES}\n@attribute heat numeric\n"     \
    "@attribute colour {red,blue,green}\n@data\n1,YES,20,red\n0,NO,?,blue\n?,NO,10,green\n"

/* ---- what it makes ---- */

static void expect_values(const char *path, const char *dataset, size_t count, const double *expected)
{
    double values[64];

    odd_file_read(path, dataset, count, values);
    for (size_t i = 0; i < count; i++)
        cr_expect(values[i] == expected[i], "%s: element %zu of %s is %g, not %g", path, i, dataset,
                  values[i], expected[i]);
}

#define EXPECT_VALUES(path, dataset, ...)                                                                    \
    expect_values((path), (dataset), sizeof((double[]){__VA_ARGS__}) / sizeof(double),                       \
                  (const double[]){__VA_ARGS__})

Test(import, one_file_becomes_the_file_that_is_named)
{
    write_text("toy.arff", TOY_ARFF);
    for (int ranks = 1; ranks <= 3; ranks += 2) {
        outcome o = run_program(ranks, "import toy.arff --output new/folder/toy.h5");

        MUST_EXIT(o, 0);
        EXPECT_NAMES("new/folder", "toy.h5");
        EXPECT_VALUES("new/folder/toy.h5", "features", 20, 1, 0, 0, 15, 0, 1, 0, 10, 0, 0, 1);
        EXPECT_VALUES("new/folder/toy.h5", "labels", 1, 1, 0, 0, 255, 0);
    }
}

Test(import, says_what_it_made_as_inspect_does)
{
    write_text("toy.arff", TOY_ARFF);
    outcome made = run_program(3, "import toy.arff --output toy.h5");
    MUST_EXIT(made, 0);
    outcome seen = run_program(1, "inspect toy.h5");
    MUST_EXIT(seen, 0);
    cr_expect(strcmp(made.out, seen.out) == 0, "import:\n%s\ninspect:\n%s", made.out, seen.out);
    EXPECT_WORDS(made.out, "rows: 3");
    EXPECT_WORDS(made.out, "1 entries missing");
    EXPECT_WORDS(made.out, "sunny");
    EXPECT_WORDS(made.err, "1 missing numbers");
    EXPECT_WORDS(made.err, "1 columns of categories");
}

Test(import, several_files_become_a_folder)
{
    write_text("train.csv", "a,shade,y\n1,red,0\n2,blue,2\n3,green,1\n");
    write_text("test.csv", "a,shade,y\n,grey,0\n");
    outcome o = run_program(1, "import train.csv test.csv --label-columns y --output sets");
    MUST_EXIT(o, 0);
    EXPECT_NAMES("sets", "test.h5 train.h5");
    EXPECT_VALUES("sets/train.h5", "features", 1, 0, 0, 0, 1, 2, 1, 0, 0, 0, 3, 0, 1, 0, 0);
    EXPECT_VALUES("sets/test.h5", "features", 2, 0, 0, 1, 0);
    EXPECT_VALUES("sets/train.h5", "labels", 0, 2, 1);
    o = run_program(2, "train --data sets/train.h5 --epochs 1 --hidden 4 --batch-size 2 --replicas 2");
    MUST_EXIT(o, 0);
    o = run_program(1, "evaluate --model outputs/run/model.h5 --data sets/test.h5");
    EXPECT_EXIT(o, 0);
}

Test(import, gzipped_files_lose_both_extensions)
{
    write_text("rows.svm", "1,2 1:0.5 3:2\n 2:1\n");
    cr_assert(system("gzip -n rows.svm") == 0);
    cr_assert(mkdir("sets", 0777) == 0);
    outcome o =
        run_program(1, "import rows.svm.gz --output sets"); /* a folder that is there takes one file too */
    MUST_EXIT(o, 0);
    EXPECT_NAMES("sets", "rows.h5");
    EXPECT_VALUES("sets/rows.h5", "features", 0.5, 0, 2, 0, 1, 0);
    EXPECT_VALUES("sets/rows.h5", "labels", 1, 1, 0, 0);
    EXPECT_WORDS(o.err, "labels from 1 (--label-base)");
}

Test(import, every_form_may_be_named)
{
    static const char *const forms[][3] = {
        {"arff", "@relation 'r: -C 1'\\n@attribute y {0,1}\\n@attribute x real\\n@data\\n1,2\\n"},
        {"csv", "x,y\\n2,1\\n", "--label-columns y"},
        {"tsv", "x\\ty\\n2\\t1\\n", "--label-columns 2"},
        {"libsvm", "1 1:2\\n", "--label-base 1"},
        {"xc", "1 1 1\\n0 0:2\\n"}};

    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        char command[256];

        snprintf(command, sizeof command, "printf \"%s\" >anything", forms[i][1]);
        cr_assert(system(command) == 0);
        outcome o = run_program(1, "import anything --format %s %s --output a.h5", forms[i][0],
                                forms[i][2] != NULL ? forms[i][2] : "");
        EXPECT_EXIT(o, 0);
        EXPECT_VALUES("a.h5", "features", 2);
        EXPECT_VALUES("a.h5", "labels", 1);
    }
}

Test(import, a_set_without_labels_says_so)
{
    write_text("a.csv", "x,z\n2,1\n");
    outcome o = run_program(1, "import a.csv --output a.h5");
    EXPECT_EXIT(o, 0);
    EXPECT_WORDS(o.err, "warning: no column is a label (--label-columns)");
    EXPECT_WORDS(o.out, "no labels");
}

Test(import, many_classes_get_wider_labels)
{
    char text[8192] = "x,y\n";

    for (int i = 0; i < 300; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%d,%d\n", i, i);
    snprintf(text + strlen(text), sizeof text - strlen(text), "1,?\n");
    write_text("a.csv", text);
    outcome o = run_program(1, "import a.csv --label-columns y --output a.h5");
    MUST_EXIT(o, 0);
    double labels[301];
    odd_file_read("a.h5", "labels", 301, labels);
    cr_expect(labels[299] == 299 && labels[300] == 65535, "%g %g", labels[299], labels[300]);
    EXPECT_WORDS(o.out, "1 entries missing");
}

/* ---- what it refuses ---- */

/*
 * On 1 and 3 ranks: this exit code, one message with these words, nothing on stdout, and no new name in the folder we
 * stand in or below, neither final nor partial.
 */
static void expect_refusal(int exit_code, const char *arguments, const char *words)
{
    char *before = strdup(names_below());

    for (int ranks = 1; ranks <= 3; ranks += 2) {
        outcome o = run_program(ranks, "import %s", arguments);

        EXPECT_EXIT(o, exit_code);
        cr_expect(count_lines(o.err, "multihead: ") == 1, "not one message on %d ranks:\n%s", ranks, o.err);
        cr_expect(ranks > 1 || count_lines(o.err, "") == 1, "more than one line:\n%s", o.err);
        cr_expect(o.out[0] == '\0', "stdout:\n%s", o.out);
        EXPECT_WORDS(o.err, words);
        cr_expect(strcmp(names_below(), before) == 0, "left behind on %d ranks:\n%s\nbefore:\n%s", ranks,
                  names_below(), before);
    }
    free(before);
}

Test(import, wrong_words_are_usage_errors)
{
    write_text("a.csv", "x,y\n2,1\n");
    expect_refusal(2, "", "say what to import");
    expect_refusal(2, "a.csv", "--output data/mine.h5");
    expect_refusal(2, "a.csv --output a.h5 --format xml", "auto|arff|csv|tsv|libsvm|xc");
    expect_refusal(2, "a.csv --output a.h5 --label-xml x --label-columns y", "give one of them");
    expect_refusal(2, "a.csv sub/a.csv --output sets", "would both become sets/a.h5");
    expect_refusal(2, "a.csv --output a.csv", "would replace the input a.csv");
    expect_refusal(2, "a.csv --output a.h5 --label-columns z", "no such column; it has 1 to 2: x, y");
    expect_refusal(2, "a.csv --output a.h5 --labels 3", "--features and --labels are for LibSVM");
    write_text("a.arff", "@relation r\n@attribute a real\n@data\n1\n");
    expect_refusal(2, "a.arff --output a.h5", "--label-xml FILE, or --label-columns");
}

Test(import, a_missing_file_is_named)
{
    write_text("a.csv", "x,y\n2,1\n");
    expect_refusal(1, "a.csv nowhere.csv --output sets", "nowhere.csv: cannot be read: No such file");
    expect_refusal(1, "a.csv --output a.h5 --label-xml nowhere.xml", "nowhere.xml: cannot be read");
    expect_refusal(1, "/ --output a.h5", "/: is not a file but a folder");
}

Test(import, bad_text_is_placed)
{
    write_text("good.csv", "x,y\n2,1\n");
    write_text("bad.csv", "x,y\n2,1\n3,abc\n");
    write_text("bad.arff", TOY_ARFF "1,YES,warm,red\n");
    write_text("bad.svm", "1 1:2\n1 1:2 x\n");
    write_text("bad.txt", "2 5 3\n0 1:1\n");
    write_text("open.csv", "x,y\n2,\"1\n3,4\n");
    expect_refusal(1, "bad.csv --output a.h5", "bad.csv: line 3, column 2: \"abc\" is not a number");
    expect_refusal(1, "good.csv bad.csv --output sets", "bad.csv: line 3, column 2: \"abc\" is not a number");
    expect_refusal(1, "bad.arff --output a.h5", "bad.arff: line 10, column 3: \"warm\" is not a number");
    expect_refusal(1, "bad.svm --output a.h5", "bad.svm: line 2, column 7: \"x\" is not index:value");
    expect_refusal(1, "bad.txt --output a.h5",
                   "bad.txt: has 1 rows, but the first line says that there are 2");
    expect_refusal(1, "open.csv --output a.h5", "open.csv: line 2, column 2: a quote that is not closed");
}

Test(import, what_is_no_text_is_refused)
{
    odd_file_add("set.h5", "features", AS_FLOAT32, 1, 1, (const double[]){1});
    expect_refusal(1, "set.h5 --output a.h5", "set.h5: is an HDF5 file");
    cr_assert(system("head -c 1000 /dev/zero >zeros.csv") == 0);
    expect_refusal(1, "zeros.csv --output a.h5", "line 1, column 1: a 0 byte");
    write_text("empty.csv", "");
    expect_refusal(1, "empty.csv --output a.h5", "is empty");
    write_text("header.csv", "x,y\n");
    expect_refusal(1, "header.csv --output a.h5", "there are no rows");
    cr_assert(system("seq 2 2 20000 | gzip -n | head -c 5000 >cut.csv.gz") == 0);
    expect_refusal(1, "cut.csv.gz --output a.h5", "cut off or damaged");
}

Test(import, a_place_that_cannot_be_written_is_named)
{
    write_text("a.csv", "x,y\n2,1\n");
    write_text("file", "");
    expect_refusal(1, "a.csv --output file/a.h5", "file");
    cr_assert(mkdir("sets", 0777) == 0 && mkdir("sets/b.h5", 0777) == 0);
    write_text("b.csv", "x,y\n2,1\n");
    expect_refusal(1, "a.csv b.csv --output sets", "sets/b.h5"); /* the first one is taken away again */
}

/* In KiB, of the largest child so far. */
static long peak_memory(void)
{
    struct rusage usage;

    cr_assert(getrusage(RUSAGE_CHILDREN, &usage) == 0);
    return usage.ru_maxrss;
}

/* Held in memory, a million of these rows would take 80 MB more than a thousand. */
Test(import, memory_does_not_grow_with_the_rows)
{
    cr_assert(
        system("yes '1,0 1:0.25 7:-3 20:1e-3' | head -1000000 >long.svm; head -1000 long.svm >short.svm") ==
        0);
    outcome o = run_program(1, "import short.svm --output short.h5");
    MUST_EXIT(o, 0);
    long before = peak_memory();
    o = run_program(1, "import long.svm --output long.h5");
    MUST_EXIT(o, 0);
    EXPECT_WORDS(o.out, "rows: 1,000,000");
#ifndef __SANITIZE_ADDRESS__ /* which keeps what is freed for a while */
    cr_expect(peak_memory() < before + 20000, "%ld KiB for a thousand rows, %ld for a million", before,
              peak_memory());
#else
    (void)before;
#endif
}
