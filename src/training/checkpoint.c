#include "multihead/training/checkpoint.h"

#include <string.h>

#include "multihead/base/memory.h"

/* ---- the parts that change ---- */

/* A dataset of the file and the memory it is copied from and to. */
typedef struct {
    const char *name;
    mh_element element;
    size_t rows, columns; /* columns 0: one dimension */
    void *data;
} part;

enum { PARTS = 16, HISTORY_BYTES_LEAST = 4096 };

/* The position as numbers of the file. */
typedef struct {
    int64_t count[9];
    double real[4];
} position_numbers;

static const char *const count_names[] = {"epoch",       "batch",      "skipped",   "step",      "stage",
                                          "stage_epoch", "best_epoch", "kept_step", "adam_steps"};
static const char *const real_names[] = {"seconds", "rate", "best_loss", "kept_loss"};

static position_numbers numbers_of(const mh_training_state *state)
{
    const mh_position *position = state->position;

    return (position_numbers){
        .count = {(int64_t)position->epoch, (int64_t)position->batch, (int64_t)position->skipped,
                  (int64_t)position->step, (int64_t)position->stage, (int64_t)position->stage_epoch,
                  (int64_t)position->best_epoch, (int64_t)state->kept->step,
                  (int64_t)mh_adam_steps(state->adam)},
        .real = {position->seconds, position->rate, position->best_loss, state->kept->loss}};
}

static mh_position position_of(const position_numbers *numbers)
{
    const int64_t *count = numbers->count;

    return (mh_position){.epoch = (size_t)count[0],
                         .batch = (size_t)count[1],
                         .skipped = (size_t)count[2],
                         .step = (uint64_t)count[3],
                         .stage = (size_t)count[4],
                         .stage_epoch = (size_t)count[5],
                         .best_epoch = (size_t)count[6],
                         .seconds = numbers->real[0],
                         .rate = numbers->real[1],
                         .best_loss = numbers->real[2]};
}

static size_t list_numbers(position_numbers *numbers, part *parts)
{
    size_t count = 0;

    for (size_t i = 0; i < sizeof count_names / sizeof count_names[0]; i++)
        parts[count++] = (part){count_names[i], MH_INT64, 1, 0, &numbers->count[i]};
    for (size_t i = 0; i < sizeof real_names / sizeof real_names[0]; i++)
        parts[count++] = (part){real_names[i], MH_FLOAT64, 1, 0, &numbers->real[i]};
    return count;
}

static size_t list_parts(const mh_training_state *state, position_numbers *numbers, part *parts)
{
    size_t heads = state->trained->schema.heads, count = list_numbers(numbers, parts);

    parts[count++] = (part){"head_loss", MH_FLOAT64, heads, 0, state->head_loss};
    parts[count++] = (part){"epoch_loss", MH_FLOAT64, state->replicas, heads, state->epoch_loss};
    parts[count++] = (part){"row_checksum", MH_INT64, state->replicas, 0, state->row_checksum};
    return count;
}

/* Vectors of the model's layout, a group for each. */
typedef struct {
    const char *group;
    float *data; /* NULL where this run has none */
} vector;

enum { VECTORS = 5 };

/* All of it. Parts point into it, so it stays where it is. */
typedef struct {
    position_numbers numbers;
    part part[PARTS];
    size_t parts;
    vector vector[VECTORS];
} contents;

static void list_contents(const mh_training_state *state, contents *c)
{
    const vector vectors[VECTORS] = {{"model", mh_model_parameters(state->trained->model)},
                                     {"first_moment", mh_adam_first_moment(state->adam)},
                                     {"second_moment", mh_adam_second_moment(state->adam)},
                                     {"best", state->best},
                                     {"average", state->average}};

    c->numbers = numbers_of(state);
    c->parts = list_parts(state, &c->numbers, c->part);
    memcpy(c->vector, vectors, sizeof vectors);
}

/* ---- writing ---- */

static mh_status add_parts(const mh_training_state *state, mh_hdf5_file *file)
{
    mh_status status = MH_OK;
    const mh_layout *layout = mh_model_layout(state->trained->model);
    contents c;

    list_contents(state, &c);
    for (size_t i = 0; i < c.parts; i++) {
        const part *part = &c.part[i];

        MH_TRY(mh_hdf5_file_add(file, part->name, part->element, part->rows, part->columns));
        MH_TRY(mh_hdf5_file_write(file, part->name, (mh_span){0, part->rows}, part->element, part->data));
    }
    for (size_t i = 1; i < VECTORS; i++) /* the model is there already */
        if (c.vector[i].data != NULL)
            MH_TRY(mh_trained_write_vector(layout, file, c.vector[i].group, c.vector[i].data));
cleanup:
    return status;
}

/* The log grows: it gets room for twice of what there is, 0 behind its end. */
static mh_status add_history(const char *history, mh_hdf5_file *file)
{
    mh_status status = MH_OK;
    size_t length = strlen(history),
           bytes = 2 * length < HISTORY_BYTES_LEAST ? HISTORY_BYTES_LEAST : 2 * length;
    char *text = NULL;

    MH_TRY(mh_memory_array(bytes, 1, &text));
    memcpy(text, history, length);
    MH_TRY(mh_hdf5_file_add(file, "history", MH_UINT8, bytes, 0));
    MH_TRY(mh_hdf5_file_write(file, "history", (mh_span){0, bytes}, MH_UINT8, text));
cleanup:
    mh_memory_free(text);
    return status;
}

static mh_status create_image(const mh_training_state *state, const mh_checkpoint_texts *texts,
                              mh_hdf5_image **out)
{
    mh_status status = MH_OK;
    mh_hdf5_file *file = NULL;

    MH_TRY(mh_hdf5_file_create_in_memory("checkpoint", &file));
    MH_TRY(mh_trained_write(state->trained, file));
    MH_TRY(add_parts(state, file));
    MH_TRY(add_history(texts->history, file));
    MH_TRY(mh_hdf5_file_set_texts(file, "/", "options", 1, (char *const[]){(char *)texts->options}));
    MH_TRY(mh_hdf5_file_set_texts(file, "/", "versions", 1, (char *const[]){(char *)texts->versions}));
    MH_TRY(mh_hdf5_image_create(file, out));
cleanup:
    mh_hdf5_file_close(file);
    return status;
}

static size_t element_bytes(mh_element element)
{
    return element == MH_FLOAT32 ? sizeof(float) : sizeof(double); /* the parts have these and int64 only */
}

static void put_vector(const mh_layout *layout, const vector *vector, mh_hdf5_image *image)
{
    char name[MH_TRAINED_NAME_BYTES];

    for (size_t t = 0; t < layout->tensors; t++) {
        const mh_tensor *tensor = &layout->tensor[t];

        mh_trained_dataset_name(vector->group, tensor, name);
        mh_hdf5_image_put(image, name, vector->data + tensor->span.first, tensor->span.count * sizeof(float));
    }
}

static void put_parts(const mh_training_state *state, const char *history, mh_hdf5_image *image)
{
    const mh_layout *layout = mh_model_layout(state->trained->model);
    size_t room = 0;
    contents c;

    list_contents(state, &c);
    for (size_t i = 0; i < c.parts; i++) {
        const part *part = &c.part[i];
        size_t columns = part->columns == 0 ? 1 : part->columns;

        mh_hdf5_image_put(image, part->name, part->data, part->rows * columns * element_bytes(part->element));
    }
    for (size_t i = 0; i < VECTORS; i++)
        if (c.vector[i].data != NULL)
            put_vector(layout, &c.vector[i], image);
    memcpy(mh_hdf5_image_place(image, "history", &room), history, strlen(history)); /* the log only grows */
}

mh_status mh_checkpoint_draw(const mh_training_state *state, const mh_checkpoint_texts *texts,
                             mh_hdf5_image **image)
{
    size_t room = 0;

    if (*image != NULL)
        mh_hdf5_image_place(*image, "history", &room);
    if (room > strlen(texts->history)) {
        put_parts(state, texts->history, *image);
        return MH_OK;
    }
    mh_hdf5_image_destroy(*image);
    *image = NULL;
    return create_image(state, texts, image);
}

/* ---- reading ---- */

static mh_status read_part(const mh_hdf5_file *file, const part *part)
{
    mh_status status = MH_OK;
    mh_extent extent = {0};
    size_t columns = part->columns == 0 ? 1 : part->columns;

    MH_TRY(mh_hdf5_file_extent(file, part->name, &extent));
    if (extent.rows != part->rows || extent.columns != columns) {
        status =
            MH_FAIL(MH_ERR_FORMAT, "%s: /%s is [%zu x %zu], this run needs [%zu x %zu]",
                    mh_hdf5_file_path(file), part->name, extent.rows, extent.columns, part->rows, columns);
        goto cleanup;
    }
    MH_TRY(mh_hdf5_file_read(file, part->name, (mh_span){0, part->rows}, part->element, part->data));
cleanup:
    return status;
}

static mh_status open_checkpoint(const char *path, mh_hdf5_file **out)
{
    mh_status status = MH_OK;

    MH_TRY(mh_hdf5_file_open_sealed(path, out));
    if (!mh_hdf5_file_has(*out, "adam_steps"))
        status = MH_FAIL(MH_ERR_FORMAT, "%s: is not a checkpoint (those are in <run>/checkpoints/)", path);
cleanup:
    return status;
}

static mh_status check_numbers(const mh_hdf5_file *file, const position_numbers *numbers)
{
    for (size_t i = 0; i < sizeof count_names / sizeof count_names[0]; i++)
        if (numbers->count[i] < 0)
            return MH_FAIL(MH_ERR_FORMAT, "%s: /%s is %lld, which is no count", mh_hdf5_file_path(file),
                           count_names[i], (long long)numbers->count[i]);
    return MH_OK;
}

static mh_status read_numbers(const mh_hdf5_file *file, position_numbers *numbers)
{
    mh_status status = MH_OK;
    part parts[PARTS];
    size_t count = list_numbers(numbers, parts);

    for (size_t i = 0; i < count; i++)
        MH_TRY(read_part(file, &parts[i]));
    MH_TRY(check_numbers(file, numbers));
cleanup:
    return status;
}

static mh_status read_history(const mh_hdf5_file *file, char **history)
{
    mh_status status = MH_OK;
    mh_extent extent = {0};

    MH_TRY(mh_hdf5_file_extent(file, "history", &extent));
    if (extent.dimensions != 1 || extent.rows > mh_hdf5_file_bytes(file)) { /* it could be in another one */
        status = MH_FAIL(MH_ERR_FORMAT, "%s: /history is [%zu x %zu], expected a text",
                         mh_hdf5_file_path(file), extent.rows, extent.columns);
        goto cleanup;
    }
    MH_TRY(mh_memory_new(extent.rows + 1, history));
    MH_TRY(mh_hdf5_file_read(file, "history", (mh_span){0, extent.rows}, MH_UINT8, *history));
cleanup:
    return status;
}

/* Where the run stands is kept back until all the rest has been read. */
static mh_status read_state(const mh_hdf5_file *file, const mh_training_state *state)
{
    mh_status status = MH_OK;
    const mh_layout *layout = mh_model_layout(state->trained->model);
    contents c;

    list_contents(state, &c);
    for (size_t i = 0; i < c.parts; i++)
        MH_TRY(read_part(file, &c.part[i]));
    MH_TRY(check_numbers(file, &c.numbers));
    for (size_t i = 0; i < VECTORS; i++)
        if (c.vector[i].data != NULL)
            MH_TRY(mh_trained_read_vector(layout, file, c.vector[i].group, c.vector[i].data));
    *state->position = position_of(&c.numbers);
    *state->kept = (mh_kept_checkpoint){(uint64_t)c.numbers.count[7], c.numbers.real[3]};
    mh_adam_set_steps(state->adam, (uint64_t)c.numbers.count[8]);
cleanup:
    return status;
}

mh_status mh_checkpoint_load(const char *path, const mh_training_state *state, char **history)
{
    mh_status status = MH_OK;
    mh_hdf5_file *file = NULL;

    *history = NULL;
    MH_TRY(open_checkpoint(path, &file));
    MH_TRY(read_history(file, history));
    MH_TRY(read_state(file, state));
cleanup:
    if (status != MH_OK) {
        mh_memory_free(*history);
        *history = NULL;
    }
    mh_hdf5_file_close(file);
    return status;
}

mh_status mh_checkpoint_load_head(const char *path, mh_checkpoint_head *head)
{
    mh_status status = MH_OK;
    mh_hdf5_file *file = NULL;
    position_numbers numbers;

    *head = (mh_checkpoint_head){.options = NULL};
    MH_TRY(open_checkpoint(path, &file));
    MH_TRY(read_numbers(file, &numbers));
    head->position = position_of(&numbers);
    MH_TRY(read_history(file, &head->history));
    MH_TRY(mh_hdf5_file_get_texts(file, "/", "options", 1, &head->options));
    MH_TRY(mh_hdf5_file_get_texts(file, "/", "versions", 1, &head->versions));
cleanup:
    if (status != MH_OK)
        mh_checkpoint_head_clear(head);
    mh_hdf5_file_close(file);
    return status;
}

void mh_checkpoint_head_clear(mh_checkpoint_head *head)
{
    mh_memory_free(head->options);
    mh_memory_free(head->versions);
    mh_memory_free(head->history);
    *head = (mh_checkpoint_head){.options = NULL};
}
