#include <criterion/criterion.h>
#include <hdf5.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"
#include "odd_files.h"
#include "program.h"

/*
 * Published text files against the HDF5 that others made of them. They are not part of the repository: they are looked
 * for in ../shared/data beside it, or where MULTIHEAD_SHARED_DATA says.
 */
TestSuite(import, .init = enter_folder, .fini = leave_folder, .timeout = 120);

static char folder[2048];

static void find_folder(void)
{
    const char *told = getenv("MULTIHEAD_SHARED_DATA");

    snprintf(folder, sizeof folder, "%s", told != NULL ? told : MULTIHEAD_SHARED_DATA);
    if (access(folder, R_OK) != 0)
        SKIP_TEST("there is no ../shared/data; MULTIHEAD_SHARED_DATA says where else");
}

/* ---- comparing ---- */

/* All texts of an attribute with a newline behind each; the caller frees. */
static char *texts_of(const char *path, const char *dataset, const char *attribute)
{
    char *all = calloc(1, 1 << 20);
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    hid_t id = H5Aopen_by_name(file, dataset, attribute, H5P_DEFAULT, H5P_DEFAULT);
    cr_assert(id >= 0, "%s: %s has no %s", path, dataset, attribute);
    hid_t space = H5Aget_space(id), type = H5Aget_type(id);
    size_t count = (size_t)H5Sget_simple_extent_npoints(space), used = 0;
    char **text = calloc(count, sizeof *text);

    cr_assert(H5Tis_variable_str(type) > 0 && H5Aread(id, type, text) >= 0);
    for (size_t i = 0; i < count; i++)
        used += (size_t)snprintf(all + used, (1 << 20) - used, "%s\n", text[i]);
    H5Dvlen_reclaim(type, space, H5P_DEFAULT, text);
    free(text);
    H5Tclose(type);
    H5Sclose(space);
    H5Aclose(id);
    H5Fclose(file);
    return all;
}

static void expect_same_texts(const char *ours, const char *theirs, const char *dataset,
                              const char *attribute)
{
    char *a = texts_of(ours, dataset, attribute), *b = texts_of(theirs, dataset, attribute);

    cr_expect(strcmp(a, b) == 0, "%s of %s: %s:\n%s\n%s:\n%s", attribute, dataset, ours, a, theirs, b);
    free(a);
    free(b);
}

/* The largest difference, of a float32 large number relative to it. */
static double difference(const char *ours, const char *theirs, const char *dataset)
{
    size_t rows = 0, columns = 0, their_rows = 0, their_columns = 0;
    double largest = 0;

    odd_file_extent(ours, dataset, &rows, &columns);
    odd_file_extent(theirs, dataset, &their_rows, &their_columns);
    cr_assert(rows == their_rows && columns == their_columns, "%s: %s is [%zu x %zu], not [%zu x %zu]", ours,
              dataset, rows, columns, their_rows, their_columns);
    double *a = calloc(rows * columns, sizeof *a), *b = calloc(rows * columns, sizeof *b);
    odd_file_read(ours, dataset, rows * columns, a);
    odd_file_read(theirs, dataset, rows * columns, b);
    for (size_t i = 0; i < rows * columns; i++)
        largest = fmax(largest, fabs(a[i] - b[i]) / fmax(1, fabs(b[i])));
    free(a);
    free(b);
    return largest;
}

static void expect_same_set(const char *ours, const char *name, bool has_names)
{
    char theirs[4096];

    snprintf(theirs, sizeof theirs, "%s/%s.h5", folder, name);
    cr_expect(difference(ours, theirs, "features") <= 1e-6, "%s: features differ by %g", name,
              difference(ours, theirs, "features"));
    cr_expect(difference(ours, theirs, "labels") == 0, "%s: labels differ", name);
    if (!has_names)
        return;
    expect_same_texts(ours, theirs, "features", "feature_names");
    expect_same_texts(ours, theirs, "labels", "label_names");
    expect_same_texts(ours, theirs, "labels", "class_names");
}

static void import_original(const char *files, const char *options)
{
    char command[4096], *words = strdup(files), *rest = words;
    size_t used = 0;

    for (char *word; (word = strsep(&rest, " ")) != NULL;)
        used += (size_t)snprintf(command + used, sizeof command - used, "%s/original/%s ", folder, word);
    free(words);
    outcome o = run_program(1, "import %s %s --output sets", command, options);
    MUST_EXIT(o, 0);
}

/* ---- the sets ---- */

static void expect_mulan_set(const char *name)
{
    char files[256], xml[4096], file[256], set[256];
    static const char *const parts[] = {"train", "test"};

    find_folder();
    snprintf(files, sizeof files, "%s-train.arff %s-test.arff", name, name);
    snprintf(xml, sizeof xml, "--label-xml %s/original/%s.xml", folder, name);
    import_original(files, xml);
    for (size_t i = 0; i < 2; i++) {
        snprintf(file, sizeof file, "sets/%s-%s.h5", name, parts[i]);
        snprintf(set, sizeof set, "%s-%s", name, parts[i]);
        expect_same_set(file, set, true);
    }
}

Test(import, emotions_with_mulans_xml)
{
    expect_mulan_set("emotions");
}

Test(import, yeast_with_mulans_xml)
{
    expect_mulan_set("yeast");
}

Test(import, flags_with_mulans_xml)
{
    expect_mulan_set("flags");
}

Test(import, medical_whose_xml_wins_over_its_relation)
{
    expect_mulan_set("medical");
}

static void expect_meka_set(const char *name)
{
    char files[256], file[256], set[256];
    static const char *const parts[] = {"train", "test"};

    find_folder();
    snprintf(files, sizeof files, "%s-train.arff %s-test.arff", name, name);
    import_original(files, "");
    for (size_t i = 0; i < 2; i++) {
        snprintf(file, sizeof file, "sets/%s-%s.h5", name, parts[i]);
        snprintf(set, sizeof set, "%s-%s", name, parts[i]);
        expect_same_set(file, set, true);
    }
}

Test(import, thyroid_with_missing_values_and_mekas_count)
{
    expect_meka_set("thyroid");
}

Test(import, solar_flare_with_classes_that_never_occur)
{
    expect_meka_set("solar_flare");
}

Test(import, tox21_as_gzipped_csv)
{
    find_folder();
    import_original("tox21-ecfp-train.csv.gz tox21-ecfp-valid.csv.gz tox21-ecfp-test.csv.gz",
                    "--drop-columns mol_id --label-columns 2-13");
    expect_same_set("sets/tox21-ecfp-train.h5", "tox21-train", true);
    expect_same_set("sets/tox21-ecfp-valid.h5", "tox21-valid", true);
    expect_same_set("sets/tox21-ecfp-test.h5", "tox21-test", true);
}

Test(import, yeast_as_libsvm)
{
    find_folder();
    import_original("yeast_train.svm yeast_test.svm", "");
    expect_same_set("sets/yeast_train.h5", "yeast-train", false);
    expect_same_set("sets/yeast_test.h5", "yeast-test", false);
}

/* Its four rows: a list out of order, a comment, a row without labels. */
Test(import, scikit_learns_own_file)
{
    static const double labels[] = {1, 1, 0, 0, 0, 1, 0, 0, 0, 0, 1, 1};
    static const struct {
        size_t row, feature;
        double value;
    } entries[] = {{0, 2, 2.5}, {0, 10, -5.2}, {0, 15, 1.5}, {1, 5, 1},
                   {1, 12, -3}, {2, 2, 3.5},   {2, 11, 26},  {3, 20, 27}};
    double features[80], expected[80] = {0}, values[12];

    find_folder();
    cr_assert(mkdir("sets", 0777) == 0);
    import_original("svmlight_multilabel.txt", "");
    odd_file_read("sets/svmlight_multilabel.h5", "features", 80, features);
    odd_file_read("sets/svmlight_multilabel.h5", "labels", 12, values);
    for (size_t i = 0; i < sizeof entries / sizeof entries[0]; i++)
        expected[entries[i].row * 20 + entries[i].feature - 1] = entries[i].value;
    for (size_t i = 0; i < 80; i++)
        cr_expect(fabs(features[i] - expected[i]) <= 1e-6, "feature %zu is %g", i, features[i]);
    for (size_t i = 0; i < 12; i++)
        cr_expect(values[i] == labels[i], "label %zu is %g", i, values[i]);
}

Test(import, music_with_every_label_missing)
{
    size_t rows = 0, labels = 0;
    double *values = calloc(592 * 6, sizeof *values);

    find_folder();
    import_original("Music.arff Music_missing_classes.arff", "");
    odd_file_extent("sets/Music_missing_classes.h5", "labels", &rows, &labels);
    cr_assert(rows == 592 && labels == 6);
    odd_file_read("sets/Music_missing_classes.h5", "labels", rows * labels, values);
    for (size_t i = 0; i < rows * labels; i++)
        cr_assert(values[i] == 255);
    cr_expect(difference("sets/Music.h5", "sets/Music_missing_classes.h5", "features") <= 1e-6);
    free(values);
}
