#include "our_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "multihead/data/hdf5_image.h"
#include "multihead/data/seal.h"

static const size_t classes[HEADS] = {2, 3};
static char *const feature_names[INPUTS] = {"x", "y", "z"};
static char *const label_names[HEADS] = {"a", "b"};
static char *const class_names[HEADS] = {"no,yes", "0,1,2"};

static void must(mh_status status)
{
    if (status == MH_OK)
        return;
    fprintf(stderr, "%s\n", mh_status_message());
    abort();
}

/* ---- a run ---- */

void our_run_create(our_run *run)
{
    const size_t width = WIDTH;
    const mh_trained_config config = {.hidden = &width, .hidden_layers = 1};
    const mh_adam_config adam = {.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8};
    mh_schema schema = {0};

    *run = (our_run){.position = {.epoch = 1, .step = 10}};
    must(mh_schema_create(INPUTS, HEADS, &schema));
    memcpy(schema.classes, classes, sizeof classes);
    must(mh_schema_names_copy(feature_names, INPUTS, &schema.feature_names));
    must(mh_schema_names_copy(label_names, HEADS, &schema.label_names));
    must(mh_schema_names_copy(class_names, HEADS, &schema.class_names));
    must(mh_trained_create(&schema, &config, &run->trained));
    mh_model_initialize(run->trained.model, MH_INITIAL_PYTORCH, 1);
    must(mh_adam_create(&adam, mh_model_layout(run->trained.model)->count, &run->adam));
    run->state = (mh_training_state){.trained = &run->trained,
                                     .adam = run->adam,
                                     .position = &run->position,
                                     .kept = &run->kept,
                                     .head_loss = run->head_loss,
                                     .replicas = REPLICAS,
                                     .epoch_loss = run->epoch_loss,
                                     .row_checksum = run->row_checksum};
    mh_schema_clear(&schema);
}

void our_run_clear(our_run *run)
{
    mh_adam_destroy(run->adam);
    mh_trained_clear(&run->trained);
}

/* ---- files ---- */

/* The image becomes the file's. */
static void keep(mh_hdf5_image *image, our_file *out)
{
    out->bytes = mh_hdf5_image_seal(image, &out->size);
    out->contents = out->size - mh_seal_bytes(1); /* they are less than a block */
}

static void put(mh_hdf5_file *file, const char *name, mh_element element, size_t rows, size_t columns,
                const void *data)
{
    must(mh_hdf5_file_add(file, name, element, rows, columns));
    must(mh_hdf5_file_write(file, name, (mh_span){0, rows}, element, data));
}

const our_file *our_data_set(void)
{
    static mh_hdf5_image *image;
    static our_file kept;
    const int64_t numbers[HEADS] = {2, 3}, missing = MH_LABEL_MISSING;
    float features[ROWS * INPUTS];
    mh_label labels[ROWS * HEADS];
    mh_hdf5_file *file = NULL;

    if (image != NULL)
        return &kept;
    for (size_t i = 0; i < ROWS * INPUTS; i++)
        features[i] = (float)i / 4;
    for (size_t i = 0; i < ROWS * HEADS; i++)
        labels[i] = i % 5 == 4 ? MH_LABEL_MISSING : (mh_label)(i % 2);
    must(mh_hdf5_file_create_in_memory("data set", &file));
    put(file, "features", MH_FLOAT32, ROWS, INPUTS, features);
    put(file, "labels", MH_UINT16, ROWS, HEADS, labels);
    must(mh_hdf5_file_set_integers(file, "labels", "missing_value", 1, &missing));
    must(mh_hdf5_file_set_integers(file, "labels", "num_classes", HEADS, numbers));
    must(mh_hdf5_file_set_texts(file, "labels", "label_names", HEADS, label_names));
    must(mh_hdf5_file_set_texts(file, "labels", "class_names", HEADS, class_names));
    must(mh_hdf5_file_set_texts(file, "features", "feature_names", INPUTS, feature_names));
    must(mh_hdf5_image_create(file, &image));
    mh_hdf5_file_close(file);
    keep(image, &kept);
    return &kept;
}

const our_file *our_model(void)
{
    static mh_hdf5_image *image;
    static our_file kept;
    mh_hdf5_file *file = NULL;
    our_run run;

    if (image != NULL)
        return &kept;
    our_run_create(&run);
    must(mh_standardizer_create(INPUTS, &run.trained.standardizer));
    must(mh_trained_set_threshold(&run.trained, 0.5f));
    run.trained.fold = (mh_fold){.index = 1, .count = 5, .seed = 1, .rows = 100};
    must(mh_hdf5_file_create_in_memory("model", &file));
    must(mh_trained_write(&run.trained, file));
    must(mh_hdf5_image_create(file, &image));
    mh_hdf5_file_close(file);
    keep(image, &kept);
    our_run_clear(&run);
    return &kept;
}

const our_file *our_checkpoint(void)
{
    static mh_hdf5_image *image;
    static our_file kept;
    const mh_checkpoint_texts texts = {"epochs = 7\n", "1.10.8",
                                       "epoch,step,learning_rate,train_loss,seconds,rows_per_s,"
                                       "validation_loss\n1,10,0.001,0.5,1.5,1000,0.625\n"};
    our_run run;

    if (image != NULL)
        return &kept;
    our_run_create(&run);
    must(mh_checkpoint_draw(&run.state, &texts, &image));
    keep(image, &kept);
    our_run_clear(&run);
    return &kept;
}
