#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "dataset_view.h"
#include "multihead/base/memory.h"
#include "multihead/base/text.h"
#include "multihead/data/file_list.h"
#include "multihead/data/hdf5_file.h"
#include "multihead/data/seal.h"
#include "multihead/training/checkpoint.h"
#include "text_file.h"

enum { PATH_BYTES = 4096, HEADS_SHOWN = 50 };

mh_status command_inspect_check(const options *o)
{
    if (o->files.count == 0)
        return MH_FAIL(MH_ERR_USAGE,
                       "say what to look at: inspect FILE, a data set, model, checkpoint or run folder");
    return MH_OK;
}

/* ---- models and checkpoints ---- */

static void print_heads(const mh_trained *trained)
{
    const mh_heads *heads = mh_model_heads(trained->model);
    const double *rates = trained->base_rates;
    char name[MH_LABEL_NAME_BYTES];

    printf("  %-24s %-8s %8s  %s%s\n", "head", "kind", "classes",
           trained->thresholds != NULL ? "threshold  " : "", "base rates of the classes");
    for (size_t h = 0; h < heads->count; h++) {
        const mh_head *head = &heads->head[h];

        if (h < HEADS_SHOWN) {
            printf("  %-24s %-8s %8zu ", mh_schema_label_name(&trained->schema, h, name),
                   head->is_binary ? "binary" : "softmax", head->classes);
            if (trained->thresholds != NULL)
                printf(" %9.4f ", (double)trained->thresholds[h]);
            for (size_t c = 0; c < head->classes && c < 8; c++)
                printf(" %.4f", rates[c]);
            puts(head->classes > 8 ? " ..." : "");
        }
        rates += head->classes;
    }
    if (heads->count > HEADS_SHOWN)
        printf("  ... and %zu more\n", heads->count - HEADS_SHOWN);
}

static void print_tensors(const mh_trained *trained)
{
    const mh_layout *layout = mh_model_layout(trained->model);
    char count[MH_TEXT_BYTES];

    printf("  parameters: %s\n", mh_text_count(layout->count, count));
    for (size_t t = 0; t < layout->tensors && t < HEADS_SHOWN; t++) {
        const mh_tensor *tensor = &layout->tensor[t];

        if (tensor->columns == 0)
            printf("    %-16s [%zu]\n", tensor->name, tensor->rows);
        else
            printf("    %-16s [%zu x %zu]\n", tensor->name, tensor->rows, tensor->columns);
    }
    if (layout->tensors > HEADS_SHOWN)
        printf("    ... and %zu more\n", layout->tensors - HEADS_SHOWN);
}

/* What else there is: how features go in, and whose rows were left out. */
static void print_rest(const mh_trained *trained)
{
    const mh_standardizer *standardizer = &trained->standardizer;
    size_t columns = 0;

    for (size_t i = 0; i < standardizer->inputs; i++)
        columns += standardizer->mean[i] != 0.0f || standardizer->deviation[i] != 1.0f;
    if (standardizer->inputs > 0)
        printf("  standardized: %zu of %zu features\n", columns, standardizer->inputs);
    if (standardizer->limit > 0)
        printf("  outliers: cut at %g deviations\n", (double)standardizer->limit);
    if (trained->fold.count > 0)
        printf("  not trained on: fold %zu of %zu, of %zu rows\n", trained->fold.index, trained->fold.count,
               trained->fold.rows);
    if (mh_model_heads(trained->model)->activation == MH_HEAD_ACTIVATION_SIGMOID)
        puts("  softmax heads take the sigmoid of their logits");
}

static mh_status inspect_model(const char *path)
{
    mh_status status = MH_OK;
    mh_trained trained = {0};
    mh_checkpoint_head head = {.options = NULL};
    bool is_checkpoint = mh_checkpoint_load_head(path, &head) == MH_OK;

    MH_TRY(mh_trained_load(path, &trained));
    printf("%s: %s\n  inputs: %zu\n", path, is_checkpoint ? "a checkpoint" : "a model",
           trained.schema.inputs);
    if (is_checkpoint)
        printf("  after step %llu: %zu epochs, and %zu batches of the next one\n",
               (unsigned long long)head.position.step, head.position.epoch, head.position.batch);
    print_tensors(&trained);
    print_heads(&trained);
    print_rest(&trained);
    if (is_checkpoint)
        printf("  made with:\n%s", head.options);
cleanup:
    mh_checkpoint_head_clear(&head);
    mh_trained_clear(&trained);
    return status;
}

/* ---- runs ---- */

/* The last line of a text that ends with a newline. */
static const char *last_line(const char *text)
{
    size_t length = strlen(text);

    while (length > 0 && text[length - 1] == '\n')
        length--;
    while (length > 0 && text[length - 1] != '\n')
        length--;
    return text + length;
}

static mh_status inspect_run(const char *folder)
{
    mh_status status = MH_OK;
    char path[PATH_BYTES], *history = NULL, *options = NULL;

    snprintf(path, sizeof path, "%s/model.h5", folder);
    printf("%s: a run, %s\n", folder, access(path, F_OK) == 0 ? "finished" : "not finished");
    snprintf(path, sizeof path, "%s/options.ini", folder);
    MH_TRY(text_file_read(path, &options));
    snprintf(path, sizeof path, "%s/history.csv", folder);
    if (text_file_read(path, &history) == MH_OK)
        printf("  %.*s\n  %s", (int)strcspn(history, "\n"), history, last_line(history));
    printf("made with:\n%s", options);
cleanup:
    mh_memory_free(history);
    mh_memory_free(options);
    return status;
}

/* ---- what is it? ---- */

static bool is_run(const char *path)
{
    char options[PATH_BYTES];

    snprintf(options, sizeof options, "%s/options.ini", path);
    return access(options, F_OK) == 0;
}

static bool is_model(const char *path)
{
    mh_hdf5_file *file = NULL;
    bool has_model = false;

    if (mh_hdf5_file_open(path, &file) == MH_OK)
        has_model = mh_hdf5_file_has_attribute(file, "model", "format");
    mh_hdf5_file_close(file);
    return has_model;
}

/* A file, or a data set of several. */
static mh_status inspect_files(char *path)
{
    mh_status status = MH_OK;
    mh_file_list files = {0};

    MH_TRY(mh_file_list_create(&path, 1, &files));
    for (size_t i = 0; i < files.count; i++)
        MH_TRY(mh_seal_expect(files.path[i], 0, 1, NULL));
    if (is_model(path))
        status = inspect_model(path);
    else
        status = dataset_view_print(path);
cleanup:
    mh_file_list_clear(&files);
    return status;
}

static mh_status inspect_all(const options *o)
{
    mh_status status = MH_OK;

    for (size_t i = 0; i < o->files.count; i++) {
        char *path = o->files.text[i];

        if (is_run(path))
            MH_TRY(inspect_run(path));
        else
            MH_TRY(inspect_files(path));
    }
cleanup:
    return status;
}

mh_status command_inspect(const mh_comm *comm, const options *o)
{
    return mh_comm_agree(comm, mh_comm_rank(comm) == 0 ? inspect_all(o) : MH_OK);
}
