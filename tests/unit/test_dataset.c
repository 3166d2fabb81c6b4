#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdio.h>

#include "data_file.h"
#include "expect.h"
#include "fixture_file.h"
#include "multihead/base/memory.h"
#include "multihead/base/phase.h"
#include "scratch.h"
#include "toy.h"

TestSuite(dataset, .init = scratch_make, .fini = scratch_remove);

enum { INPUTS = 2, HEADS = 3, MOST_ROWS = 1024 };

static float features[MOST_ROWS * INPUTS];
static mh_label labels[MOST_ROWS * HEADS];

/* Rows `first`, first + 1, ... of a data set whose feature [row][column] is 10 row + column, labels 0, 1, 0,
 * ... */
static const char *write_rows(const char *name, const char *x, const char *y, size_t first, size_t rows)
{
    float values[MOST_ROWS * INPUTS];
    uint8_t classes[MOST_ROWS * HEADS];
    mh_hdf5_file *file = data_file_start(name);

    for (size_t i = 0; i < rows * INPUTS; i++)
        values[i] = (float)(10 * (first + i / INPUTS) + i % INPUTS);
    for (size_t i = 0; i < rows * HEADS; i++)
        classes[i] = (uint8_t)((first * HEADS + i) % 2);
    data_file_put(file, x, MH_FLOAT32, rows, INPUTS, values);
    data_file_put(file, y, MH_UINT8, rows, HEADS, classes);
    return data_file_finish(file);
}

static mh_dataset *open_paths(size_t count, char *const *paths)
{
    mh_dataset_config config = {.paths = paths, .path_count = count};
    mh_dataset *dataset = NULL;

    MUST(mh_dataset_open(&config, &dataset));
    return dataset;
}

/* All that is selected are rows first..first+rows-1 as write_rows makes them. */
static void expect_rows(mh_dataset *dataset, size_t first, size_t rows)
{
    size_t wrong = 0;

    cr_assert(eq(sz, mh_dataset_rows(dataset), rows));
    cr_expect(eq(sz, mh_dataset_first_row(dataset), first));
    MUST(mh_dataset_read(dataset, (mh_span){0, rows}, features, labels));
    for (size_t i = 0; i < rows * INPUTS; i++)
        wrong += features[i] != (float)(10 * (first + i / INPUTS) + i % INPUTS);
    for (size_t i = 0; i < rows * HEADS; i++)
        wrong += labels[i] != (first * HEADS + i) % 2;
    cr_expect(zero(sz, wrong));
}

static void expect_refused(const char *path, mh_status code, const char *words)
{
    mh_dataset_config config = {.paths = (char *const[]){(char *)path}, .path_count = 1};
    mh_dataset *dataset = (mh_dataset *)&config; /* anything but NULL */

    EXPECT_FAILURE(mh_dataset_open(&config, &dataset), code, words);
    cr_expect(dataset == NULL);
}

/* ---- files ---- */

Test(dataset, one_file)
{
    mh_dataset *dataset = data_file_open(write_rows("a.h5", "features", "labels", 0, 5));

    expect_rows(dataset, 0, 5);
    cr_expect(eq(sz, mh_dataset_schema(dataset)->inputs, INPUTS));
    cr_expect(eq(sz, mh_dataset_schema(dataset)->heads, HEADS));
    cr_expect(eq(sz, mh_dataset_schema(dataset)->classes[0], 0)); /* the file does not tell */
    cr_expect(strcmp(mh_dataset_name(dataset), scratch_path("a.h5")) == 0);
    mh_dataset_close(dataset);
    mh_dataset_close(NULL);
}

/* A file of links is small, whatever they lead to. */
Test(dataset, links_lead_to_other_files)
{
    write_rows("rows.h5", "features", "labels", 0, MOST_ROWS);
    fixture_write_link(scratch_path("links.h5"), "features", "rows.h5");
    fixture_write_link(scratch_path("links.h5"), "labels", "rows.h5");

    mh_dataset *dataset = data_file_open(scratch_path("links.h5"));

    expect_rows(dataset, 0, MOST_ROWS);
    mh_dataset_close(dataset);
}

Test(dataset, several_files_follow_one_another)
{
    write_rows("b.h5", "features", "labels", 0, 5);
    write_rows("a.h5", "features", "labels", 5, 0);
    write_rows("c.h5", "features", "labels", 5, 7);

    char *const paths[] = {(char *)scratch_path("b.h5"), (char *)scratch_path("a.h5"),
                           (char *)scratch_path("c.h5")};
    mh_dataset *dataset = open_paths(3, paths);

    expect_rows(dataset, 0, 12);
    cr_expect(eq(sz, mh_dataset_files(dataset), 3));
    mh_dataset_close(dataset);
}

Test(dataset, folder_and_glob_are_read_by_name)
{
    scratch_folder("shards");
    write_rows("shards/2.h5", "features", "labels", 4, 3);
    write_rows("shards/1.h5", "features", "labels", 0, 4);

    mh_dataset *folder = data_file_open(scratch_path("shards"));
    mh_dataset *glob = data_file_open(scratch_path("shards/?.h5"));

    expect_rows(folder, 0, 7);
    expect_rows(glob, 0, 7);
    mh_dataset_close(folder);
    mh_dataset_close(glob);
}

Test(dataset, any_rows_can_be_read_in_any_order)
{
    write_rows("a.h5", "features", "labels", 0, 5);
    write_rows("b.h5", "features", "labels", 5, 5);

    char *const paths[] = {(char *)scratch_path("a.h5"), (char *)scratch_path("b.h5")};
    mh_dataset *dataset = open_paths(2, paths);

    MUST(mh_dataset_read(dataset, (mh_span){8, 2}, features, labels));
    cr_expect(features[0] == 80.0f && features[3] == 91.0f);
    MUST(mh_dataset_read(dataset, (mh_span){3, 4}, features, labels));
    cr_expect(features[0] == 30.0f && features[7] == 61.0f);
    MUST(mh_dataset_read(dataset, (mh_span){0, 1}, features, NULL));
    cr_expect(features[1] == 1.0f);
    mh_dataset_close(dataset);
}

Test(dataset, other_names_are_found)
{
    mh_dataset *small = data_file_open(write_rows("small.h5", "x", "y", 0, 3));
    mh_dataset *large = data_file_open(write_rows("large.h5", "X", "Y", 0, 3));

    expect_rows(small, 0, 3);
    expect_rows(large, 0, 3);
    mh_dataset_close(small);
    mh_dataset_close(large);
}

/* Shards of one data set from two hands. */
Test(dataset, files_may_use_different_names)
{
    write_rows("a.h5", "features", "labels", 0, 3);
    write_rows("b.h5", "x", "y", 3, 3);

    char *const paths[] = {(char *)scratch_path("a.h5"), (char *)scratch_path("b.h5")};
    mh_dataset *dataset = open_paths(2, paths);

    expect_rows(dataset, 0, 6);
    mh_dataset_close(dataset);
}

Test(dataset, names_can_be_told)
{
    const char *path = write_rows("a.h5", "train/inputs", "train/tags", 0, 3);
    mh_dataset_config config = {.paths = (char *const[]){(char *)path},
                                .path_count = 1,
                                .features_name = "train/inputs",
                                .labels_name = "train/tags"};
    mh_dataset *dataset = NULL;

    MUST(mh_dataset_open(&config, &dataset));
    expect_rows(dataset, 0, 3);
    mh_dataset_close(dataset);
    config.labels_name = "train/nothing";
    EXPECT_FAILURE(mh_dataset_open(&config, &dataset), MH_ERR_FORMAT, "there is no /train/nothing");
}

/* ---- slices, as Python's ---- */

/* ---- signs of life ---- */

/* What a failure, a crash or a watchdog tells; when it is done, it is back to what it is a part of. */
Test(dataset, reading_is_a_phase_with_signs_of_life)
{
    mh_dataset *dataset = data_file_open(write_rows("a.h5", "features", "labels", 0, 10));

    mh_phase_enter("evaluating");
    uint64_t before = mh_phase_beats();
    expect_rows(dataset, 0, 10);
    cr_expect(mh_phase_beats() >= before + 3, "for features and labels");
    cr_expect(strcmp(mh_phase_name(), "evaluating") == 0, "%s", mh_phase_name());
    mh_dataset_close(dataset);
}

Test(dataset, a_failure_to_read_stays_the_phase)
{
    float bad[INPUTS] = {NAN, 0};
    uint8_t classes[HEADS] = {0};
    mh_hdf5_file *file = data_file_start("a.h5");

    data_file_put(file, "features", MH_FLOAT32, 1, INPUTS, bad);
    data_file_put(file, "labels", MH_UINT8, 1, HEADS, classes);
    mh_dataset *dataset = data_file_open(data_file_finish(file));

    mh_phase_enter("evaluating");
    cr_expect(mh_dataset_read(dataset, (mh_span){0, 1}, features, labels) == MH_ERR_FORMAT);
    cr_expect(strcmp(mh_phase_name(), "reading rows") == 0, "%s", mh_phase_name());
    mh_dataset_close(dataset);
}

/* scikit-learn's rows come in turn: who wants the last ones makes all before them. */
Test(dataset, skipping_rows_shows_signs_of_life)
{
    const mh_generator_config generator = {.samples = 1000,
                                           .features = INPUTS,
                                           .labels = HEADS,
                                           .mean_labels = 2,
                                           .length = 50,
                                           .allow_unlabeled = true,
                                           .categories = 2,
                                           .seed = 1};
    const mh_dataset_config config = {.generator = &generator};
    mh_dataset *dataset = NULL;

    MUST(mh_dataset_open(&config, &dataset));
    uint64_t before = mh_phase_beats();
    MUST(mh_dataset_read(dataset, (mh_span){999, 1}, features, labels));
    cr_expect(mh_phase_beats() >= before + 1000);
    mh_dataset_close(dataset);
}

static mh_slice slice(bool has_first, int64_t first, bool has_last, int64_t last)
{
    return (mh_slice){.has_first = has_first, .has_last = has_last, .first = first, .last = last};
}

Test(dataset, slices_are_pythons)
{
    const struct {
        mh_slice slice;
        size_t first, rows;
    } cases[] = {
        {slice(false, 0, false, 0), 0, 10}, {slice(true, 3, false, 0), 3, 7},
        {slice(false, 0, true, 3), 0, 3},   {slice(true, -3, false, 0), 7, 3},
        {slice(false, 0, true, -3), 0, 7},  {slice(true, 2, true, 5), 2, 3},
        {slice(true, -5, true, -2), 5, 3},  {slice(true, -100, true, 100), 0, 10},
        {slice(true, 9, true, 10), 9, 1},
    };
    mh_dataset *dataset = data_file_open(write_rows("a.h5", "features", "labels", 0, 10));

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        MUST(mh_dataset_select(dataset, &cases[i].slice));
        expect_rows(dataset, cases[i].first, cases[i].rows);
    }
    mh_dataset_close(dataset);
}

Test(dataset, slice_without_rows_is_refused)
{
    const mh_slice cases[] = {slice(true, 5, true, 5), slice(true, 10, false, 0), slice(true, 7, true, -5),
                              slice(false, 0, true, -10), slice(true, 100, true, 200)};
    mh_dataset *dataset = data_file_open(write_rows("a.h5", "features", "labels", 0, 10));

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        EXPECT_FAILURE(mh_dataset_select(dataset, &cases[i]), MH_ERR_FORMAT, "there are 10 rows");
    mh_dataset_close(dataset);
}

/* ---- labels ---- */

/* A file with one column of features and these labels. */
static const char *write_labels(const char *name, mh_element element, size_t rows, size_t columns,
                                const void *values, const char *attribute, size_t count,
                                const int64_t *numbers)
{
    const float zeros[MOST_ROWS] = {0};
    mh_hdf5_file *file = data_file_start(name);

    data_file_put(file, "features", MH_FLOAT32, rows, 1, zeros);
    data_file_put(file, "labels", element, rows, columns, values);
    if (attribute != NULL)
        MUST(mh_hdf5_file_set_integers(file, "labels", attribute, count, numbers));
    return data_file_finish(file);
}

static void expect_labels(const char *path, size_t count, const mh_label *expected)
{
    mh_dataset *dataset = data_file_open(path);

    MUST(mh_dataset_read(dataset, (mh_span){0, mh_dataset_rows(dataset)}, features, labels));
    EXPECT_SAME_BITS(labels, expected, count);
    mh_dataset_close(dataset);
}

Test(dataset, one_dimension_of_labels_is_one_head)
{
    const char *path = write_labels("a.h5", MH_UINT8, 4, 0, "\0\1\2\1", NULL, 0, NULL);
    mh_dataset *dataset = data_file_open(path);

    cr_expect(eq(sz, mh_dataset_schema(dataset)->heads, 1));
    mh_dataset_close(dataset);
    expect_labels(path, 4, (const mh_label[]){0, 1, 2, 1});
}

Test(dataset, negative_labels_are_missing)
{
    const int64_t values[] = {1, -1, 0, -9000000000, 1, 0};

    expect_labels(write_labels("a.h5", MH_INT64, 3, 2, values, NULL, 0, NULL), 6,
                  (const mh_label[]){1, MH_LABEL_MISSING, 0, MH_LABEL_MISSING, 1, 0});
}

Test(dataset, missing_value_is_missing)
{
    const int64_t missing = 255;

    expect_labels(write_labels("a.h5", MH_UINT8, 2, 2, "\1\377\377\0", "missing_value", 1, &missing), 4,
                  (const mh_label[]){1, MH_LABEL_MISSING, MH_LABEL_MISSING, 0});
}

Test(dataset, missing_value_may_be_any_number)
{
    const int64_t missing = INT64_C(5000000000), other[] = {1, 5000000000, 5000000001, 0};
    const int64_t labels[] = {1, 5000000000, -5000000000, 0};
    mh_label read[4];

    expect_labels(write_labels("a.h5", MH_INT64, 2, 2, labels, "missing_value", 1, &missing), 4,
                  (const mh_label[]){1, MH_LABEL_MISSING, MH_LABEL_MISSING, 0});

    mh_dataset *dataset =
        data_file_open(write_labels("b.h5", MH_INT64, 2, 2, other, "missing_value", 1, &missing));

    EXPECT_FAILURE(mh_dataset_read_labels(dataset, (mh_span){0, 2}, read), MH_ERR_FORMAT,
                   "row 1, column 0 is 5000000001");
    mh_dataset_close(dataset);
}

/* What h5py makes of a numpy array of bool. */
Test(dataset, booleans_are_labels)
{
    const char *path = scratch_path("a.h5");

    fixture_write_bools(path, "labels", 2, 2, (const int8_t[]){0, 1, 1, 0});
    fixture_write_bools(path, "features", 2, 1, (const int8_t[]){1, 0});
    expect_labels(path, 4, (const mh_label[]){0, 1, 1, 0});
    cr_expect(features[0] == 1.0f && features[1] == 0.0f);
}

Test(dataset, num_classes_is_known_and_checked)
{
    const int64_t classes[] = {2, 4};
    mh_dataset *dataset =
        data_file_open(write_labels("a.h5", MH_UINT8, 2, 2, "\1\3\1\4", "num_classes", 2, classes));

    cr_expect(eq(sz, mh_dataset_schema(dataset)->classes[0], 2));
    cr_expect(eq(sz, mh_dataset_schema(dataset)->classes[1], 4));
    MUST(mh_dataset_read(dataset, (mh_span){0, 1}, features, labels));
    EXPECT_FAILURE(mh_dataset_read(dataset, (mh_span){0, 2}, features, labels), MH_ERR_FORMAT,
                   "a.h5: /labels: row 1, column 1 is 4, expected a class from 0 to 3");
    mh_dataset_close(dataset);
}

Test(dataset, num_classes_must_make_sense)
{
    expect_refused(write_labels("a.h5", MH_UINT8, 1, 2, "\0\0", "num_classes", 2, (const int64_t[]){2, 0}),
                   MH_ERR_FORMAT, "num_classes");
    expect_refused(write_labels("b.h5", MH_UINT8, 1, 2, "\0\0", "num_classes", 1, (const int64_t[]){2}),
                   MH_ERR_FORMAT, "num_classes");
}

/* A label that is the same everywhere is still a yes-no question. */
Test(dataset, one_class_counts_as_two)
{
    mh_dataset *dataset =
        data_file_open(write_labels("a.h5", MH_UINT8, 1, 1, "\0", "num_classes", 1, (const int64_t[]){1}));

    cr_expect(eq(sz, mh_dataset_schema(dataset)->classes[0], 2));
    mh_dataset_close(dataset);
}

Test(dataset, labels_too_large_for_any_head_are_refused)
{
    const int64_t values[] = {MH_CLASSES_MAX};
    mh_dataset *dataset = data_file_open(write_labels("a.h5", MH_INT64, 1, 1, values, NULL, 0, NULL));

    EXPECT_FAILURE(mh_dataset_read(dataset, (mh_span){0, 1}, features, labels), MH_ERR_FORMAT,
                   "row 0, column 0 is 65535");
    mh_dataset_close(dataset);
}

Test(dataset, names_are_read)
{
    const char *path = scratch_path("a.h5");
    mh_hdf5_file *file = data_file_start("a.h5");

    data_file_put(file, "features", MH_FLOAT32, 1, 2, (const float[]){1, 2});
    data_file_put(file, "labels", MH_UINT8, 1, 1, "\0");
    MUST(mh_hdf5_file_set_texts(file, "features", "feature_names", 2, (char *const[]){"wind", "sun"}));
    MUST(mh_hdf5_file_set_texts(file, "labels", "label_names", 1, (char *const[]){"weather"}));
    MUST(mh_hdf5_file_set_texts(file, "labels", "class_names", 1, (char *const[]){"wet|dry"}));
    data_file_finish(file);

    mh_dataset *dataset = data_file_open(path);
    const mh_schema *schema = mh_dataset_schema(dataset);

    cr_expect(strcmp(schema->feature_names[1], "sun") == 0);
    cr_expect(strcmp(schema->label_names[0], "weather") == 0);
    cr_expect(strcmp(schema->class_names[0], "wet|dry") == 0);
    mh_dataset_close(dataset);
}

Test(dataset, no_labels_are_fine)
{
    mh_hdf5_file *file = data_file_start("a.h5");

    data_file_put(file, "features", MH_UINT8, 2, 1, "\3\4");

    mh_dataset *dataset = data_file_open(data_file_finish(file));

    cr_expect(zero(sz, mh_dataset_schema(dataset)->heads));
    labels[0] = 77;
    MUST(mh_dataset_read(dataset, (mh_span){0, 2}, features, labels));
    cr_expect(features[1] == 4.0f);
    cr_expect(labels[0] == 77); /* not touched */
    mh_dataset_close(dataset);
}

/* ---- what is expected of a model's data ---- */

Test(dataset, other_columns_than_the_models_are_refused)
{
    mh_dataset *dataset = data_file_open(write_rows("a.h5", "features", "labels", 0, 3));
    mh_schema inputs = toy_schema(INPUTS + 1, HEADS, (const size_t[]){2, 2, 2});
    mh_schema heads = toy_schema(INPUTS, HEADS + 1, (const size_t[]){2, 2, 2, 2});
    mh_schema fits = toy_schema(INPUTS, HEADS, (const size_t[]){2, 2, 5});

    EXPECT_FAILURE(mh_dataset_expect(dataset, &inputs), MH_ERR_FORMAT,
                   "has 2 features, but the model takes 3");
    EXPECT_FAILURE(mh_dataset_expect(dataset, &heads), MH_ERR_FORMAT, "has 3 labels, but the model has 4");
    MUST(mh_dataset_expect(dataset, &fits));
    cr_expect(eq(sz, mh_dataset_schema(dataset)->classes[2], 5));
    mh_schema_clear(&inputs);
    mh_schema_clear(&heads);
    mh_schema_clear(&fits);
    mh_dataset_close(dataset);
}

/* Two features and some labels, all with names. */
static const char *write_named(const char *name, char *const feature_names[2], size_t count,
                               char *const *label_names, const mh_label *values)
{
    const float zeros[4] = {0};
    mh_hdf5_file *file = data_file_start(name);

    data_file_put(file, "features", MH_FLOAT32, 2, 2, zeros);
    data_file_put(file, "labels", MH_UINT16, 2, count, values);
    if (feature_names != NULL)
        MUST(mh_hdf5_file_set_texts(file, "features", "feature_names", 2, feature_names));
    if (label_names != NULL)
        MUST(mh_hdf5_file_set_texts(file, "labels", "label_names", count, label_names));
    return data_file_finish(file);
}

static char *const coordinates[] = {"x", "y"}, *const weather[] = {"sun", "rain", "wind"};

/* The schema of a model that was trained on three named labels. */
static mh_schema weather_model(void)
{
    mh_dataset *dataset = data_file_open(write_named("model.h5", coordinates, 3, weather, (mh_label[6]){0}));
    mh_schema schema;

    MUST(mh_schema_copy(mh_dataset_schema(dataset), &schema));
    for (size_t h = 0; h < 3; h++)
        schema.classes[h] = h == 2 ? 4 : 2;
    mh_dataset_close(dataset);
    return schema;
}

Test(dataset, labels_of_a_model_are_found_by_name)
{
    const mh_label missing = MH_LABEL_MISSING;
    mh_dataset *dataset = data_file_open(
        write_named("a.h5", coordinates, 2, (char *const[]){"wind", "sun"}, (mh_label[]){1, 0, 3, 1}));
    mh_schema model = weather_model();

    MUST(mh_dataset_expect(dataset, &model));
    cr_expect(eq(sz, mh_dataset_schema(dataset)->heads, 3));
    cr_expect(eq(sz, mh_dataset_labels(dataset), 2));
    cr_expect(mh_dataset_labels_are_matched(dataset));
    MUST(mh_dataset_read(dataset, (mh_span){0, 2}, features, labels));
    cr_expect(labels[0] == 0 && labels[1] == missing && labels[2] == 1);
    cr_expect(labels[3] == 1 && labels[4] == missing && labels[5] == 3);
    mh_schema_clear(&model);
    mh_dataset_close(dataset);
}

/* The message has the file's column, which is where a person will look. */
Test(dataset, labels_found_by_name_are_checked_against_their_own_classes)
{
    mh_dataset *dataset = data_file_open(
        write_named("a.h5", coordinates, 2, (char *const[]){"wind", "sun"}, (mh_label[]){3, 0, 3, 2}));
    mh_schema model = weather_model();

    MUST(mh_dataset_expect(dataset, &model));
    EXPECT_FAILURE(mh_dataset_read(dataset, (mh_span){0, 2}, features, labels), MH_ERR_FORMAT,
                   "row 1, column 1 is 2, expected a class from 0 to 1");
    mh_schema_clear(&model);
    mh_dataset_close(dataset);
}

Test(dataset, labels_in_the_models_order_need_no_names)
{
    mh_dataset *dataset = data_file_open(write_named("a.h5", NULL, 3, NULL, (mh_label[6]){0}));
    mh_schema model = weather_model();

    MUST(mh_dataset_expect(dataset, &model));
    cr_expect(false == mh_dataset_labels_are_matched(dataset));
    mh_schema_clear(&model);
    mh_dataset_close(dataset);
}

Test(dataset, a_label_that_the_model_does_not_know_is_named)
{
    static char *const names[][2] = {{"sun", "fog"}, {"sun", "sun"}};
    mh_schema model = weather_model();

    for (size_t i = 0; i < 2; i++) {
        mh_dataset *dataset = data_file_open(write_named("a.h5", NULL, 2, names[i], (mh_label[4]){0}));

        EXPECT_FAILURE(mh_dataset_expect(dataset, &model), MH_ERR_FORMAT, "a.h5: label 2, ");
        EXPECT_SAYS(names[i][1]);
        mh_dataset_close(dataset);
    }
    mh_schema_clear(&model);
}

Test(dataset, fewer_labels_without_names_are_refused)
{
    mh_dataset *dataset = data_file_open(write_named("a.h5", NULL, 2, NULL, (mh_label[4]){0}));
    mh_schema model = weather_model();

    EXPECT_FAILURE(mh_dataset_expect(dataset, &model), MH_ERR_FORMAT,
                   "has 2 labels, but the model has 3 heads");
    EXPECT_SAYS("label_names");
    EXPECT_SAYS("predict");
    mh_schema_clear(&model);
    mh_dataset_close(dataset);
}

Test(dataset, features_in_another_order_are_refused)
{
    mh_dataset *dataset =
        data_file_open(write_named("a.h5", (char *const[]){"x", "z"}, 3, weather, (mh_label[6]){0}));
    mh_schema model = weather_model();

    EXPECT_FAILURE(mh_dataset_expect(dataset, &model), MH_ERR_FORMAT, "feature 2 is \"z\", not \"y\"");
    mh_schema_clear(&model);
    mh_dataset_close(dataset);
}

Test(dataset, files_of_other_names_are_refused)
{
    write_named("a.h5", coordinates, 3, weather, (mh_label[6]){0});
    write_named("b.h5", coordinates, 3, (char *const[]){"sun", "wind", "rain"}, (mh_label[6]){0});

    char *paths[] = {strdup(scratch_path("a.h5")), strdup(scratch_path("b.h5"))};
    mh_dataset_config config = {.paths = paths, .path_count = 2};
    mh_dataset *dataset = NULL;

    EXPECT_FAILURE(mh_dataset_open(&config, &dataset), MH_ERR_FORMAT, "b.h5: label 2 is \"wind\"");
    free(paths[0]);
    free(paths[1]);
}

/* ---- what is wrong is named ---- */

/* The row is the file's, which is where a person will look for it. */
static void expect_bad_number(double number, const char *words)
{
    const double values[] = {1, 2, 3, 4, 5, number};
    mh_hdf5_file *file = data_file_start("bad.h5");

    data_file_put(file, "features", MH_FLOAT64, 3, 2, values);
    data_file_put(file, "labels", MH_UINT8, 3, HEADS, "\0\0\0\0\0\0\0\0\0");
    data_file_finish(file);

    char *const paths[] = {(char *)scratch_path("good.h5"), (char *)scratch_path("bad.h5")};
    mh_dataset *dataset = open_paths(2, paths);

    EXPECT_FAILURE(mh_dataset_read(dataset, (mh_span){0, 5}, features, labels), MH_ERR_FORMAT,
                   "bad.h5: /features: row 2, column 1 is ");
    EXPECT_SAYS(words);
    mh_dataset_close(dataset);
}

Test(dataset, feature_that_is_no_number_is_named)
{
    write_rows("good.h5", "features", "labels", 0, 2);
    expect_bad_number((double)NAN, "not a number");
    expect_bad_number(-(double)INFINITY, "infinite");
    expect_bad_number(1e300, "too large");
}

Test(dataset, no_features_are_named)
{
    mh_hdf5_file *file = data_file_start("a.h5");

    data_file_put(file, "labels", MH_UINT8, 1, 1, "\0");
    expect_refused(data_file_finish(file), MH_ERR_FORMAT, "--features-name");
}

Test(dataset, labels_that_are_no_integers_are_refused)
{
    expect_refused(write_labels("a.h5", MH_FLOAT32, 1, 1, &(float){0}, NULL, 0, NULL), MH_ERR_FORMAT,
                   "/labels must hold integers");
}

Test(dataset, rows_must_match)
{
    mh_hdf5_file *file = data_file_start("a.h5");

    data_file_put(file, "features", MH_UINT8, 3, 1, "abc");
    data_file_put(file, "labels", MH_UINT8, 2, 1, "\0\0");
    expect_refused(data_file_finish(file), MH_ERR_FORMAT, "/features has 3 rows but /labels has 2");
}

Test(dataset, columns_of_all_files_must_match)
{
    write_rows("a.h5", "features", "labels", 0, 2);
    write_labels("b.h5", MH_UINT8, 1, 1, "\0", NULL, 0, NULL);

    char *const paths[] = {(char *)scratch_path("a.h5"), (char *)scratch_path("b.h5")};
    mh_dataset_config config = {.paths = paths, .path_count = 2};
    mh_dataset *dataset = NULL;

    EXPECT_FAILURE(mh_dataset_open(&config, &dataset), MH_ERR_FORMAT,
                   "b.h5: has 1 features and 1 labels, but");
    EXPECT_SAYS("a.h5 has 2 and 3");
}

Test(dataset, no_rows_at_all_are_refused)
{
    expect_refused(write_rows("a.h5", "features", "labels", 0, 0), MH_ERR_FORMAT, "there are no rows");
}

Test(dataset, files_that_are_none_are_refused)
{
    scratch_write("text.h5", "1,2,3", 5);
    expect_refused(scratch_path("text.h5"), MH_ERR_FORMAT, "is not an HDF5 file");
    expect_refused(scratch_path("none.h5"), MH_ERR_IO, "none.h5: No such file");
}

/* ---- the generator as a data set ---- */

Test(dataset, generated_rows_need_no_file)
{
    const mh_generator_config generator = {.method = MH_GENERATOR_ROWWISE,
                                           .samples = 100,
                                           .features = 2,
                                           .labels = 3,
                                           .categories = 4,
                                           .length = 5.0,
                                           .seed = 3};
    const mh_dataset_config config = {.generator = &generator};
    const mh_slice last = slice(true, -2, false, 0);
    float rows[2 * 2];
    mh_label known[2 * 3];
    mh_generator *reference = NULL;
    mh_dataset *dataset = NULL;

    MUST(mh_dataset_open(&config, &dataset));
    MUST(mh_generator_create(&generator, &reference));
    cr_expect(eq(sz, mh_dataset_schema(dataset)->classes[2], 4));
    MUST(mh_dataset_select(dataset, &last));
    MUST(mh_dataset_read(dataset, (mh_span){0, 2}, features, labels));
    MUST(mh_generator_rows(reference, 98, 2, rows, known));
    EXPECT_SAME_BITS(features, rows, 4);
    EXPECT_SAME_BITS(labels, known, 6);
    mh_generator_destroy(reference);
    mh_dataset_close(dataset);
}

/* Somebody writes another file in its place between opening and reading. */
Test(dataset, refuses_a_file_that_has_changed_its_shape)
{
    const float features[12] = {0};
    float read[4];
    mh_hdf5_file *file = data_file_start("a.h5");

    data_file_put(file, "features", MH_FLOAT32, 2, 2, features);

    const char *path = data_file_finish(file);
    mh_dataset *dataset = data_file_open(path);

    file = data_file_start("a.h5");
    data_file_put(file, "features", MH_FLOAT32, 2, 6, features);
    data_file_finish(file);
    EXPECT_FAILURE(mh_dataset_read(dataset, (mh_span){0, 2}, read, NULL), MH_ERR_IO,
                   "a.h5: has changed since it was opened: /features is [2 x 6], it was [2 x 2]");
    mh_dataset_close(dataset);
}
