#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "multihead/base/memory.h"
#include "multihead/training/history.h"
#include "promise.h"
#include "recipe.h"

/*
 * What libFuzzer calls: the bytes are a recipe for a model or a checkpoint, and whatever is in it, reading says what is
 * wrong or gives one that can be used. The first byte chooses what it begins as and whether it has a seal. Damaged files
 * are fuzz_raw's.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Bits of the first byte, above those of recipe_choose_proof; a model otherwise. */
enum { IS_CHECKPOINT = 4, IS_FROM_NOTHING = 8 };

enum { PREDICTED_ROWS = 2, STAGES = 3 };

/* ---- models ---- */

static void predict(const mh_trained *trained)
{
    const mh_heads *heads = mh_model_heads(trained->model);
    size_t inputs = trained->schema.inputs;
    float *features = calloc(PREDICTED_ROWS * inputs, sizeof *features);
    float *probabilities = calloc(PREDICTED_ROWS * heads->columns, sizeof *probabilities);
    float *scratch = calloc(mh_heads_scratch(heads) + 1, sizeof *scratch);
    mh_label *predictions = calloc(PREDICTED_ROWS * heads->count, sizeof *predictions);
    mh_batch batch = {.rows = PREDICTED_ROWS, .inputs = inputs, .heads = heads->count, .features = features};
    mh_workspace *workspace = NULL;

    if (features == NULL || probabilities == NULL || scratch == NULL || predictions == NULL ||
        !promise_is_kept(mh_workspace_create(trained->model, PREDICTED_ROWS, &workspace)))
        abort();
    mh_workspace_prepare(workspace, trained->model);
    if (trained->standardizer.inputs > 0)
        mh_standardizer_apply(&trained->standardizer, PREDICTED_ROWS, features);
    mh_heads_probabilities(heads, PREDICTED_ROWS, mh_model_logits(trained->model, &batch, workspace),
                           probabilities, scratch);
    mh_heads_predict(heads, PREDICTED_ROWS, probabilities, trained->thresholds, predictions);
    for (size_t i = 0; i < PREDICTED_ROWS * heads->count; i++)
        if (predictions[i] >= trained->schema.classes[i % heads->count])
            abort();
    mh_workspace_destroy(workspace);
    free(features);
    free(probabilities);
    free(scratch);
    free(predictions);
}

static void load_model(const char *path)
{
    mh_trained trained;

    if (!promise_is_kept(mh_trained_load(path, &trained)))
        return;
    promise_texts(trained.schema.feature_names, trained.schema.inputs);
    promise_texts(trained.schema.label_names, trained.schema.heads);
    promise_texts(trained.schema.class_names, trained.schema.heads);
    predict(&trained);
    mh_trained_clear(&trained);
}

static void load_parameters(const char *path)
{
    our_run run;

    our_run_create(&run);
    promise_is_kept(mh_trained_load_parameters(&run.trained, path));
    our_run_clear(&run);
}

/* ---- checkpoints ---- */

static void check_position(const mh_position *position)
{
    if (position->step > INT64_MAX || position->epoch > INT64_MAX || position->batch > INT64_MAX ||
        position->stage > INT64_MAX)
        abort();
}

static void check_history(const char *history)
{
    size_t epoch = 0;
    double loss = 0;

    promise_is_kept(mh_history_best_epoch(history, (mh_span){0, STAGES}, &epoch, &loss));
    if (epoch > strlen(history))
        abort();
}

static void load_run(const char *path)
{
    our_run run;
    char *history = NULL;

    our_run_create(&run);
    if (promise_is_kept(mh_checkpoint_load(path, &run.state, &history))) {
        check_position(&run.position);
        check_history(history);
    }
    mh_memory_free(history);
    our_run_clear(&run);
}

static void load_rest(const char *path)
{
    mh_checkpoint_head head;

    if (promise_is_kept(mh_checkpoint_load_head(path, &head))) {
        check_position(&head.position);
        check_history(head.history);
        promise_texts(&head.options, 1);
        promise_texts(&head.versions, 1);
    }
    mh_checkpoint_head_clear(&head);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    recipe recipe = {data, data + size};
    unsigned first = recipe_take(&recipe);
    const our_file *base = first & IS_CHECKPOINT ? our_checkpoint() : our_model();
    temporary_file file =
        recipe_cook(&recipe, first & IS_FROM_NOTHING ? NULL : base, recipe_choose_proof(first));

    load_model(file.path);
    load_parameters(file.path);
    load_run(file.path);
    load_rest(file.path);
    promise_all_is_closed();
    temporary_file_close(&file);
    return 0;
}
