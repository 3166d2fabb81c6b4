#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "multihead/data/dataset.h"
#include "multihead/data/hdf5_file.h"
#include "multihead/data/seal.h"
#include "multihead/data/survey.h"
#include "promise.h"
#include "recipe.h"

/*
 * What libFuzzer calls: the bytes are a recipe for a data set, and whatever is in it, reading says what is wrong or gives
 * rows that keep the promises of dataset.h. The first byte chooses what it begins as and how it is opened, the second
 * how it is read. Damaged files are fuzz_raw's.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BLOCK_ELEMENTS = 1 << 16, BLOCKS = 4, PIECE_ELEMENTS = 1000 };

/* Bits of the first byte, above those of recipe_choose_proof. */
enum { IS_FROM_NOTHING = 4, IS_NAMED = 8, IS_FIRST = 16, IS_BETWEEN = 32 };

/* Bits of the second one. */
enum { IS_EXPECTED = 1, IS_TOLD = 2, IS_PICKED = 4, IS_LABELS_ONLY = 8, IS_IN_PIECES = 16 };

/* What verify does. */
static void compare(const char *path)
{
    mh_hdf5_file *file = NULL;

    if (promise_is_kept(mh_hdf5_file_open_whole(path, &file)))
        promise_is_kept(mh_hdf5_file_compare(file));
    mh_hdf5_file_close(file);
}

static void check_rows(const mh_schema *schema, size_t rows, const float *features, const mh_label *labels)
{
    for (size_t i = 0; features != NULL && i < rows * schema->inputs; i++)
        if (!isfinite(features[i]))
            abort();
    for (size_t i = 0; i < rows * schema->heads; i++) {
        size_t classes = schema->classes[i % schema->heads];

        if (labels[i] != MH_LABEL_MISSING && classes != 0 && labels[i] >= classes)
            abort();
    }
}

static void read_block(mh_dataset *dataset, mh_span rows, bool is_labels_only)
{
    const mh_schema *schema = mh_dataset_schema(dataset);
    float *features = malloc(rows.count * schema->inputs * sizeof *features);
    mh_label *labels = malloc(rows.count * schema->heads * sizeof *labels + 1);

    if (features == NULL || labels == NULL)
        abort();
    if (is_labels_only) {
        if (promise_is_kept(mh_dataset_read_labels(dataset, rows, labels)))
            check_rows(schema, rows.count, NULL, labels);
    } else if (promise_is_kept(mh_dataset_read(dataset, rows, features, labels))) {
        check_rows(schema, rows.count, features, labels);
    }
    free(features);
    free(labels);
}

/* All rows, or four blocks of very many. */
static void read_rows(mh_dataset *dataset, bool is_labels_only)
{
    const mh_schema *schema = mh_dataset_schema(dataset);
    size_t widest = schema->inputs > schema->heads ? schema->inputs : schema->heads;
    size_t block = widest < BLOCK_ELEMENTS ? BLOCK_ELEMENTS / widest : 1;
    size_t blocks = mh_dataset_rows(dataset) <= block ? 1 : BLOCKS;

    for (size_t i = 0; i < blocks; i++) {
        mh_span rows = mh_span_part(mh_dataset_rows(dataset), i, blocks);

        rows.count = rows.count < block ? rows.count : block;
        if (rows.count > 0)
            read_block(dataset, rows, is_labels_only);
    }
}

static void expect_model(mh_dataset *dataset)
{
    our_run run;

    our_run_create(&run);
    promise_is_kept(mh_dataset_expect(dataset, &run.trained.schema));
    our_run_clear(&run);
}

static void pick_rows(mh_dataset *dataset)
{
    const mh_slice slice = {.has_first = true, .first = 1};
    const size_t rows[2] = {0, 2};

    if (promise_is_kept(mh_dataset_select(dataset, &slice)))
        promise_is_kept(mh_dataset_pick(dataset, rows, mh_dataset_rows(dataset) > rows[1] ? 2 : 1));
}

static void look_at(mh_dataset *dataset, unsigned how)
{
    const mh_schema *schema = mh_dataset_schema(dataset);
    mh_survey survey;

    promise_texts(schema->feature_names, schema->inputs);
    promise_texts(schema->label_names, schema->heads);
    promise_texts(schema->class_names, schema->heads);
    if (promise_is_kept(mh_survey_dataset(dataset, &survey)) && survey.binary_columns > schema->inputs)
        abort();
    if (how & IS_EXPECTED)
        expect_model(dataset);
    if ((how & IS_TOLD) && schema->heads == HEADS)
        mh_dataset_tell_classes(dataset, (const size_t[HEADS]){2, 3});
    if (how & IS_PICKED)
        pick_rows(dataset);
    read_rows(dataset, (how & IS_LABELS_ONLY) && schema->heads > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    recipe recipe = {data, data + size};
    unsigned opened = recipe_take(&recipe), read = recipe_take(&recipe);
    const our_file *ours = our_data_set();
    temporary_file file =
        recipe_cook(&recipe, opened & IS_FROM_NOTHING ? NULL : ours, recipe_choose_proof(opened));
    temporary_file other = temporary_file_create(ours->bytes, ours->size);
    mh_dataset_config config = {.paths = (char *const[]){file.path, other.path, file.path}, .path_count = 1};
    mh_dataset *dataset = NULL;

    if (opened & IS_FIRST)
        config.path_count = 2;
    if (opened & IS_BETWEEN)
        config.path_count = 3;
    if (opened & IS_NAMED)
        config.features_name = config.labels_name = "x";
    mh_hdf5_file_limit_call(read & IS_IN_PIECES ? PIECE_ELEMENTS : 0);
    compare(file.path);
    if (promise_is_kept(mh_seal_expect(file.path, 0, 1, NULL)) &&
        promise_is_kept(mh_dataset_open(&config, &dataset)))
        look_at(dataset, read);
    mh_dataset_close(dataset);
    promise_all_is_closed();
    temporary_file_close(&file);
    temporary_file_close(&other);
    return 0;
}
