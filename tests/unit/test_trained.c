#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <hdf5.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "data_file.h"
#include "expect.h"
#include "multihead/base/memory.h"
#include "multihead/training/trained.h"
#include "scratch.h"
#include "toy.h"

TestSuite(trained, .init = scratch_make, .fini = scratch_remove);

enum { INPUTS = 3, HEADS = 3 };

static const size_t classes[HEADS] = {2, 4, 2};
static const size_t hidden[] = {5, 6};

static mh_trained create(mh_head_kind kind, mh_head_activation activation, size_t layers)
{
    const mh_trained_config config = {
        .hidden = hidden, .hidden_layers = layers, .heads = kind, .activation = activation};
    mh_schema schema = toy_schema(INPUTS, HEADS, classes);
    mh_trained trained;

    MUST(mh_schema_names_create(INPUTS, &schema.feature_names));
    MUST(mh_schema_names_create(HEADS, &schema.label_names));
    for (size_t i = 0; i < INPUTS; i++)
        MUST(mh_memory_text(i == 1 ? "wind" : "", &schema.feature_names[i]));
    for (size_t h = 0; h < HEADS; h++)
        MUST(mh_memory_text(h == 2 ? "rain" : "sun", &schema.label_names[h]));
    MUST(mh_trained_create(&schema, &config, &trained));
    mh_model_initialize(trained.model, MH_INITIAL_PYTORCH, 1);
    for (size_t i = 0; i < mh_trained_rates(&trained); i++)
        trained.base_rates[i] = 1.0 / (3.0 + (double)i);
    mh_schema_clear(&schema);
    return trained;
}

static void expect_same(const mh_trained *a, const mh_trained *b)
{
    const mh_layout *layout = mh_model_layout(a->model);
    const mh_heads *first = mh_model_heads(a->model), *second = mh_model_heads(b->model);
    const float *parameters = mh_model_parameters(a->model);

    cr_assert(eq(sz, mh_model_layout(b->model)->count, layout->count));
    EXPECT_SAME_BITS(parameters, mh_model_parameters(b->model), layout->count);
    cr_assert(eq(sz, mh_model_hidden_layers(b->model), mh_model_hidden_layers(a->model)));
    for (size_t i = 0; i < mh_model_hidden_layers(a->model); i++)
        cr_expect(eq(sz, mh_model_hidden(b->model, i), mh_model_hidden(a->model, i)));
    cr_expect(second->activation == first->activation);
    for (size_t h = 0; h < HEADS; h++) {
        cr_expect(second->head[h].is_binary == first->head[h].is_binary);
        cr_expect(eq(sz, second->head[h].classes, first->head[h].classes));
        cr_expect(eq(sz, b->schema.classes[h], classes[h]));
        cr_expect(strcmp(b->schema.label_names[h], a->schema.label_names[h]) == 0);
    }
    for (size_t i = 0; i < INPUTS; i++)
        cr_expect(strcmp(b->schema.feature_names[i], a->schema.feature_names[i]) == 0);
    cr_expect(b->schema.class_names == NULL);
    EXPECT_SAME_BITS(a->base_rates, b->base_rates, mh_trained_rates(a));
    EXPECT_SAME_BITS(&a->fold, &b->fold, 1);
}

static void expect_round_trip(mh_head_kind kind, mh_head_activation activation, size_t layers)
{
    mh_trained saved = create(kind, activation, layers), loaded;
    const char *path = scratch_path("model.h5");

    MUST(mh_trained_save(&saved, path));
    MUST(mh_trained_load(path, &loaded));
    expect_same(&saved, &loaded);
    mh_trained_clear(&saved);
    mh_trained_clear(&loaded);
}

Test(trained, comes_back_as_it_was_saved)
{
    expect_round_trip(MH_HEADS_AUTO, MH_HEAD_ACTIVATION_NONE, 2);
    expect_round_trip(MH_HEADS_SOFTMAX, MH_HEAD_ACTIVATION_SIGMOID, 1);
    expect_round_trip(MH_HEADS_AUTO, MH_HEAD_ACTIVATION_NONE, 0);
}

Test(trained, same_model_is_the_same_bytes)
{
    mh_trained trained = create(MH_HEADS_AUTO, MH_HEAD_ACTIVATION_NONE, 2);
    size_t bytes[2];

    MUST(mh_trained_save(&trained, scratch_path("a.h5")));
    scratch_folder("elsewhere");
    MUST(mh_trained_save(&trained, scratch_path("elsewhere/b.h5")));

    char *first = scratch_read("a.h5", &bytes[0]), *second = scratch_read("elsewhere/b.h5", &bytes[1]);

    cr_assert(eq(sz, bytes[0], bytes[1]));
    EXPECT_SAME_BITS(first, second, bytes[0]);
    free(first);
    free(second);
    mh_trained_clear(&trained);
}

/* load_state_dict needs nothing else. */
Test(trained, tensors_have_pytorchs_names_and_shapes)
{
    mh_trained trained = create(MH_HEADS_AUTO, MH_HEAD_ACTIVATION_NONE, 2);
    const char *path = scratch_path("model.h5");
    const struct {
        const char *name;
        size_t dimensions, rows, columns;
    } tensors[] = {{"model/fc1.weight", 2, 5, 3},  {"model/fc1.bias", 1, 5, 1},
                   {"model/fc2.weight", 2, 6, 5},  {"model/fc2.bias", 1, 6, 1},
                   {"model/out1.weight", 2, 1, 6}, {"model/out1.bias", 1, 1, 1},
                   {"model/out2.weight", 2, 4, 6}, {"model/out3.bias", 1, 1, 1}};
    mh_hdf5_file *file = NULL;

    MUST(mh_trained_save(&trained, path));
    MUST(mh_hdf5_file_open(path, &file));
    for (size_t i = 0; i < sizeof tensors / sizeof tensors[0]; i++) {
        mh_extent extent;

        MUST(mh_hdf5_file_extent(file, tensors[i].name, &extent));
        cr_expect(extent.kind == MH_KIND_FLOAT && extent.element_bytes == 4);
        cr_expect(extent.dimensions == tensors[i].dimensions && extent.rows == tensors[i].rows &&
                      extent.columns == tensors[i].columns,
                  "%s", tensors[i].name);
    }
    mh_hdf5_file_close(file);
    mh_trained_clear(&trained);
}

/* ---- weights from elsewhere ---- */

/* Writes every tensor as float64 (PyTorch may), but for `missing`, and with one more row for `longer`. */
static const char *write_state_dict(const mh_layout *layout, const char *missing, const char *longer)
{
    static const double values[64] = {0.5, 0.25, -1.0};
    mh_hdf5_file *file = data_file_start("state_dict.h5");

    for (size_t t = 0; t < layout->tensors; t++) {
        const mh_tensor *tensor = &layout->tensor[t];
        bool is_longer = longer != NULL && strcmp(tensor->name, longer) == 0;
        char name[64];

        if (missing != NULL && strcmp(tensor->name, missing) == 0)
            continue;
        snprintf(name, sizeof name, "model/%s", tensor->name);
        data_file_put(file, name, MH_FLOAT64, tensor->rows + is_longer, tensor->columns, values);
    }
    return data_file_finish(file);
}

Test(trained, knows_the_fold_it_was_not_trained_on)
{
    mh_trained saved = create(MH_HEADS_AUTO, MH_HEAD_ACTIVATION_NONE, 1), loaded;

    saved.fold = (mh_fold){.index = 5, .count = 5, .seed = UINT64_MAX - 3, .rows = 1500};
    MUST(mh_trained_save(&saved, scratch_path("fold.h5")));
    MUST(mh_trained_load(scratch_path("fold.h5"), &loaded));
    expect_same(&saved, &loaded);
    mh_trained_clear(&loaded);
    saved.fold.index = 6;
    MUST(mh_trained_save(&saved, scratch_path("fold.h5")));
    EXPECT_FAILURE(mh_trained_load(scratch_path("fold.h5"), &loaded), MH_ERR_FORMAT, "validation_fold");
    mh_trained_clear(&saved);
}

Test(trained, takes_weights_from_a_file_with_nothing_else)
{
    mh_trained trained = create(MH_HEADS_AUTO, MH_HEAD_ACTIVATION_NONE, 2);
    const mh_layout *layout = mh_model_layout(trained.model);

    MUST(mh_trained_load_parameters(&trained, write_state_dict(layout, NULL, NULL)));
    for (size_t t = 0; t < layout->tensors; t++)
        cr_expect(mh_model_parameters(trained.model)[layout->tensor[t].span.first] == 0.5f);
    mh_trained_clear(&trained);
}

Test(trained, names_the_tensor_that_is_missing)
{
    mh_trained trained = create(MH_HEADS_AUTO, MH_HEAD_ACTIVATION_NONE, 2);
    const char *path = write_state_dict(mh_model_layout(trained.model), "out2.bias", NULL);

    EXPECT_FAILURE(mh_trained_load_parameters(&trained, path), MH_ERR_FORMAT,
                   "state_dict.h5: there is no /model/out2.bias");
    mh_trained_clear(&trained);
}

Test(trained, names_the_tensor_of_another_shape)
{
    mh_trained trained = create(MH_HEADS_AUTO, MH_HEAD_ACTIVATION_NONE, 2);
    const char *path = write_state_dict(mh_model_layout(trained.model), NULL, "fc2.weight");

    EXPECT_FAILURE(mh_trained_load_parameters(&trained, path), MH_ERR_FORMAT,
                   "/model/fc2.weight is [7 x 5], this model needs floats [6 x 5]");
    mh_trained_clear(&trained);
}

Test(trained, refuses_files_that_are_no_models)
{
    mh_trained trained = create(MH_HEADS_AUTO, MH_HEAD_ACTIVATION_NONE, 2), loaded;
    const char *path = write_state_dict(mh_model_layout(trained.model), NULL, NULL);

    EXPECT_FAILURE(mh_trained_load(path, &loaded), MH_ERR_FORMAT, "is not a model of multihead");
    cr_expect(loaded.model == NULL);
    EXPECT_FAILURE(mh_trained_load(scratch_path("none.h5"), &loaded), MH_ERR_IO, "none.h5");
    mh_trained_clear(&trained);
}

/* Another number in a list of /model, as damage may leave it; the datasets and their checksums stay. */
static void change_attribute(const char *path, const char *attribute, int64_t value)
{
    int64_t values[8];
    hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    hid_t id = H5Aopen_by_name(file, "model", attribute, H5P_DEFAULT, H5P_DEFAULT), space = H5Aget_space(id);

    cr_assert(H5Aread(id, H5T_NATIVE_INT64, values) >= 0);
    H5Aclose(id);
    values[0] = value;
    cr_assert(H5Adelete_by_name(file, "model", attribute, H5P_DEFAULT) >= 0);
    id = H5Acreate_by_name(file, "model", attribute, H5T_STD_I64LE, space, H5P_DEFAULT, H5P_DEFAULT,
                           H5P_DEFAULT);
    cr_assert(H5Awrite(id, H5T_NATIVE_INT64, values) >= 0);
    H5Aclose(id);
    H5Sclose(space);
    cr_assert(H5Fclose(file) >= 0);
}

Test(trained, asks_for_no_more_memory_than_the_file_explains)
{
    mh_trained trained = create(MH_HEADS_AUTO, MH_HEAD_ACTIVATION_NONE, 2), loaded;
    const char *path = scratch_path("model.h5");

    MUST(mh_trained_save(&trained, path));
    change_attribute(path, "hidden", 1000000000);
    EXPECT_FAILURE(mh_trained_load(path, &loaded), MH_ERR_FORMAT,
                   "model.h5: the model says that it has 9000000042");
    MUST(mh_trained_save(&trained, path));
    change_attribute(path, "inputs", INT64_C(1) << 40);
    EXPECT_FAILURE(mh_trained_load(path, &loaded), MH_ERR_FORMAT,
                   "the model says that it has 1099511627776 inputs");
    MUST(mh_trained_save(&trained, path));
    change_attribute(path, "num_classes", INT64_C(1) << 62);
    EXPECT_FAILURE(mh_trained_load(path, &loaded), MH_ERR_FORMAT, "classes");
    mh_trained_clear(&trained);
}

Test(trained, thresholds_are_kept)
{
    mh_trained trained = create(MH_HEADS_AUTO, MH_HEAD_ACTIVATION_NONE, 1), loaded;

    MUST(mh_trained_save(&trained, scratch_path("without.h5")));
    MUST(mh_trained_set_threshold(&trained, 0.5f));
    trained.thresholds[2] = 0.1f;
    MUST(mh_trained_save(&trained, scratch_path("with.h5")));
    MUST(mh_trained_load(scratch_path("without.h5"), &loaded));
    cr_expect(loaded.thresholds == NULL);
    mh_trained_clear(&loaded);
    MUST(mh_trained_load(scratch_path("with.h5"), &loaded));
    EXPECT_SAME_BITS(loaded.thresholds, trained.thresholds, HEADS);
    MUST(mh_trained_set_threshold(&loaded, 0.75f));
    cr_expect(loaded.thresholds[0] == 0.75f && loaded.thresholds[2] == 0.75f);
    mh_trained_clear(&loaded);
    mh_trained_clear(&trained);
}

/* ---- what is beside the tensors ---- */

Test(trained, a_linear_path_comes_back)
{
    const mh_trained_config config = {.hidden = hidden, .hidden_layers = 1, .has_linear_path = true};
    mh_schema schema = toy_schema(INPUTS, HEADS, classes);
    mh_trained saved, loaded;

    MUST(mh_trained_create(&schema, &config, &saved));
    toy_fill(mh_model_parameters(saved.model), mh_model_layout(saved.model)->count, 1);
    MUST(mh_trained_save(&saved, scratch_path("model.h5")));
    MUST(mh_trained_load(scratch_path("model.h5"), &loaded));
    cr_assert(mh_model_has_linear_path(loaded.model));
    cr_assert(eq(sz, mh_model_layout(loaded.model)->count, mh_model_layout(saved.model)->count));
    EXPECT_SAME_BITS(mh_model_parameters(loaded.model), mh_model_parameters(saved.model),
                     mh_model_layout(saved.model)->count);
    cr_expect(eq(sz, mh_model_linear_path(loaded.model).count, (1 + 4 + 1) * INPUTS));
    mh_trained_clear(&saved);
    mh_trained_clear(&loaded);
    mh_schema_clear(&schema);
}

Test(trained, without_a_linear_path_there_is_none_in_the_file)
{
    mh_trained saved = create(MH_HEADS_AUTO, MH_HEAD_ACTIVATION_NONE, 1), loaded;

    MUST(mh_trained_save(&saved, scratch_path("model.h5")));
    MUST(mh_trained_load(scratch_path("model.h5"), &loaded));
    cr_expect(mh_model_has_linear_path(loaded.model) == false);
    cr_expect(eq(sz, mh_model_linear_path(loaded.model).count, 0));
    mh_trained_clear(&saved);
    mh_trained_clear(&loaded);
}

Test(trained, a_standardizer_comes_back)
{
    mh_trained saved = create(MH_HEADS_AUTO, MH_HEAD_ACTIVATION_NONE, 1), loaded;

    MUST(mh_trained_save(&saved, scratch_path("without.h5")));
    MUST(mh_standardizer_create(INPUTS, &saved.standardizer));
    toy_fill(saved.standardizer.mean, INPUTS, 3);
    saved.standardizer.limit = 3.3f;
    for (size_t i = 0; i < INPUTS; i++)
        saved.standardizer.deviation[i] = 0.1f + (float)i;
    MUST(mh_trained_save(&saved, scratch_path("with.h5")));
    MUST(mh_trained_load(scratch_path("without.h5"), &loaded));
    cr_expect(eq(sz, loaded.standardizer.inputs, 0));
    mh_trained_clear(&loaded);
    MUST(mh_trained_load(scratch_path("with.h5"), &loaded));
    cr_assert(eq(sz, loaded.standardizer.inputs, INPUTS));
    EXPECT_SAME_BITS(loaded.standardizer.mean, saved.standardizer.mean, INPUTS);
    EXPECT_SAME_BITS(loaded.standardizer.deviation, saved.standardizer.deviation, INPUTS);
    cr_expect(loaded.standardizer.limit == 3.3f);
    mh_trained_clear(&loaded);
    mh_trained_clear(&saved);
}

/* ---- biases at the base rates ---- */

/* Labels of 40 rows in head 0, of 100 in head 1, of 7 in head 2; how often each class comes: 10 of 40 are positive. */
static const int64_t known[HEADS] = {40, 100, 7};
static const double counts[] = {30, 10, 64, 20, 0, 16, 7, 0};

static mh_trained with_rates(mh_head_kind kind)
{
    mh_trained trained = create(kind, MH_HEAD_ACTIVATION_NONE, 1);
    size_t rate = 0;

    for (size_t h = 0; h < HEADS; h++)
        for (size_t c = 0; c < classes[h]; c++, rate++)
            trained.base_rates[rate] = counts[rate] / (double)known[h];
    mh_trained_start_at_base_rates(&trained, known);
    return trained;
}

/* Half a row more of each class, so that one which is never seen has odds too; a float32 holds 7 digits. */
Test(trained, binary_heads_start_at_the_log_odds)
{
    mh_trained trained = with_rates(MH_HEADS_AUTO);
    const float *bias = mh_model_head_biases(trained.model);

    cr_expect(epsilon_eq(dbl, (double)bias[0], log(10.5 / 30.5), 1e-6));
    cr_expect(epsilon_eq(dbl, (double)bias[5], log(0.5 / 7.5), 1e-6));
    mh_trained_clear(&trained);
}

/* Only differences matter to a softmax. */
Test(trained, softmax_heads_start_at_the_log_rates)
{
    mh_trained trained = with_rates(MH_HEADS_AUTO);
    const float *bias = mh_model_head_biases(trained.model) + 1;

    cr_expect(epsilon_eq(dbl, (double)(bias[1] - bias[0]), log(20.5 / 64.5), 1e-6));
    cr_expect(epsilon_eq(dbl, (double)(bias[2] - bias[0]), log(0.5 / 64.5), 1e-6));
    cr_expect(epsilon_eq(dbl, (double)(bias[3] - bias[0]), log(16.5 / 64.5), 1e-6));
    mh_trained_clear(&trained);
}

Test(trained, heads_of_two_classes_start_the_same_as_softmax)
{
    mh_trained binary = with_rates(MH_HEADS_AUTO), softmax = with_rates(MH_HEADS_SOFTMAX);
    const float *odds = mh_model_head_biases(binary.model), *logs = mh_model_head_biases(softmax.model);

    cr_expect(epsilon_eq(dbl, (double)(logs[1] - logs[0]), (double)odds[0], 1e-6));
    cr_expect(epsilon_eq(dbl, (double)(logs[7] - logs[6]), (double)odds[5], 1e-6));
    mh_trained_clear(&binary);
    mh_trained_clear(&softmax);
}

/* Nobody knows a label of these heads: every class is as likely. */
Test(trained, heads_without_labels_start_somewhere)
{
    const int64_t none[HEADS] = {0};
    mh_trained trained = create(MH_HEADS_AUTO, MH_HEAD_ACTIVATION_NONE, 1);

    for (size_t i = 0; i < mh_trained_rates(&trained); i++)
        trained.base_rates[i] = 0.0;
    mh_trained_start_at_base_rates(&trained, none);
    for (size_t i = 0; i < 6; i++)
        cr_expect(isfinite(mh_model_head_biases(trained.model)[i]), "bias %zu", i);
    cr_expect(mh_model_head_biases(trained.model)[0] == 0.0f);
    mh_trained_clear(&trained);
}

/* Weights of the heads and of the trunk stay as they were drawn. */
Test(trained, nothing_but_head_biases_starts_at_base_rates)
{
    mh_trained drawn = create(MH_HEADS_AUTO, MH_HEAD_ACTIVATION_NONE, 1), trained = with_rates(MH_HEADS_AUTO);
    size_t before = (size_t)(mh_model_head_biases(drawn.model) - mh_model_parameters(drawn.model));

    EXPECT_SAME_BITS(mh_model_parameters(drawn.model), mh_model_parameters(trained.model), before);
    cr_expect(mh_model_head_biases(drawn.model)[0] != mh_model_head_biases(trained.model)[0]);
    mh_trained_clear(&drawn);
    mh_trained_clear(&trained);
}
