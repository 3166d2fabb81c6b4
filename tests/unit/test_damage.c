#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/redirect.h>
#include <fcntl.h>
#include <hdf5.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "data_file.h"
#include "expect.h"
#include "multihead/base/memory.h"
#include "multihead/data/seal.h"
#include "multihead/training/checkpoint_writer.h"
#include "scratch.h"
#include "toy.h"

/*
 * Each byte of small files flipped, and the files cut off at each length: what is read then is an error or the same
 * contents, and never something else.
 */

static void start(void)
{
    scratch_make();
    cr_redirect_stderr();
}

TestSuite(damage, .init = start, .fini = scratch_remove, .timeout = 150);

enum { INPUTS = 3, HEADS = 2, WIDTH = 4, ROWS = 40, HANG_SECONDS = 10 };

static const size_t classes[HEADS] = {2, 3};

/* ---- files ---- */

static mh_trained make_model(uint64_t seed)
{
    const size_t width = WIDTH;
    const mh_trained_config config = {.hidden = &width, .hidden_layers = 1};
    mh_schema schema = toy_schema(INPUTS, HEADS, classes);
    mh_trained trained;

    MUST(mh_trained_create(&schema, &config, &trained));
    toy_fill(mh_model_parameters(trained.model), mh_model_layout(trained.model)->count, seed);
    mh_schema_clear(&schema);
    return trained;
}

static size_t count_of(const mh_trained *trained)
{
    return mh_model_layout(trained->model)->count;
}

/* A checkpoint of a model with all its moments equal to its parameters; its name is step-000000010.h5. */
static mh_status transfer_checkpoint(mh_trained *trained, bool saves, char **history)
{
    mh_status status = MH_OK;
    const mh_adam_config config = {.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8};
    mh_position position = {.epoch = 1, .step = 10};
    double head_loss[HEADS] = {0.1, 0.2};
    double epoch_loss[HEADS] = {0};
    uint64_t row_checksum[1] = {0};
    mh_kept_checkpoint kept = {0};
    mh_adam *adam = NULL;
    mh_checkpoint_writer *writer = NULL;

    MUST(mh_adam_create(&config, count_of(trained), &adam));

    const mh_checkpoint_texts texts = {"epochs = 7\n", "", "epoch,step\n1,10\n"};
    mh_training_state state = {.trained = trained,
                               .adam = adam,
                               .position = &position,
                               .kept = &kept,
                               .head_loss = head_loss,
                               .replicas = 1,
                               .epoch_loss = epoch_loss,
                               .row_checksum = row_checksum};

    if (saves) {
        MUST(mh_checkpoint_writer_create(scratch_path(""), 1, &writer));
        mh_checkpoint_writer_start(writer, &state, &texts);
        status = mh_checkpoint_writer_finish(writer);
        mh_checkpoint_writer_destroy(writer);
    } else {
        status = mh_checkpoint_load(scratch_path("step-000000010.h5"), &state, history);
    }
    mh_adam_destroy(adam);
    return status;
}

static void make_data_set(const char *name)
{
    mh_schema schema = toy_schema(INPUTS, HEADS, classes);
    mh_batch batch = toy_batch(&schema, ROWS);

    data_file_of(name, &batch);
    toy_batch_free(&batch);
    mh_schema_clear(&schema);
}

/* ---- damage ---- */

/* Whether a file of that name is refused. What it gives otherwise is compared by the reader itself. */
typedef bool (*reader)(const char *name);

static size_t count_unnoticed_flips(const char *name, reader is_refused)
{
    size_t bytes = 0, unnoticed = 0;
    char *contents = scratch_read(name, &bytes);
    int file = open(scratch_path(name), O_WRONLY);

    for (size_t i = 0; i < bytes; i++) {
        char flipped = (char)(contents[i] ^ 1 << i % 8);

        cr_assert(pwrite(file, &flipped, 1, (off_t)i) == 1);
        unnoticed += !is_refused(name);
        cr_assert(pwrite(file, &contents[i], 1, (off_t)i) == 1);
    }
    close(file);
    free(contents);
    return unnoticed;
}

/* Returns how many lengths gave the same contents. */
static size_t count_harmless_cuts(const char *name, reader is_refused)
{
    size_t bytes = 0, harmless = 0;

    free(scratch_read(name, &bytes));
    while (bytes-- > 0) {
        cr_assert(truncate(scratch_path(name), (off_t)bytes) == 0);
        harmless += !is_refused(name);
    }
    return harmless;
}

/* ---- models ---- */

static bool model_is_refused(const char *name)
{
    mh_trained loaded, expected;

    if (mh_trained_load(scratch_path(name), &loaded) != MH_OK)
        return true;
    expected = make_model(1);
    EXPECT_SAME_BITS(mh_model_parameters(loaded.model), mh_model_parameters(expected.model),
                     count_of(&expected));
    mh_trained_clear(&loaded);
    mh_trained_clear(&expected);
    return false;
}

static void save_model(const char *name)
{
    mh_trained trained = make_model(1);

    MUST(mh_trained_save(&trained, scratch_path(name)));
    mh_trained_clear(&trained);
    cr_assert(not(model_is_refused(name)));
}

Test(damage, every_flipped_byte_of_a_model_is_found)
{
    save_model("model.h5");
    cr_expect(zero(sz, count_unnoticed_flips("model.h5", model_is_refused)));
}

/* Without all of its seal it is a file as others write it, and its datasets have their own checksums. */
Test(damage, model_cut_off_is_refused_or_the_same)
{
    mh_seal_report report;

    save_model("model.h5");
    MUST(mh_seal_check(scratch_path("model.h5"), 0, 1, &report));
    cr_expect(eq(sz, count_harmless_cuts("model.h5", model_is_refused), mh_seal_bytes(report.content_bytes)));
}

/* ---- checkpoints ---- */

static bool checkpoint_is_refused(const char *name)
{
    mh_trained loaded = make_model(2), expected = make_model(1);
    char *history = NULL;
    bool is_refused = transfer_checkpoint(&loaded, false, &history) != MH_OK;

    cr_expect(strcmp(name, "step-000000010.h5") == 0);
    if (!is_refused)
        EXPECT_SAME_BITS(mh_model_parameters(loaded.model), mh_model_parameters(expected.model),
                         count_of(&expected));
    mh_memory_free(history);
    mh_trained_clear(&loaded);
    mh_trained_clear(&expected);
    return is_refused;
}

static void save_checkpoint(void)
{
    mh_trained trained = make_model(1);

    MUST(transfer_checkpoint(&trained, true, NULL));
    mh_trained_clear(&trained);
    cr_assert(not(checkpoint_is_refused("step-000000010.h5")));
}

Test(damage, every_flipped_byte_of_a_checkpoint_is_found)
{
    save_checkpoint();
    cr_expect(zero(sz, count_unnoticed_flips("step-000000010.h5", checkpoint_is_refused)));
}

Test(damage, checkpoint_cut_off_is_refused_at_every_length)
{
    save_checkpoint();
    cr_expect(zero(sz, count_harmless_cuts("step-000000010.h5", checkpoint_is_refused)));
}

/* ---- data sets ---- */

static bool is_same_data_set(const char *name)
{
    mh_schema schema = toy_schema(INPUTS, HEADS, classes);
    mh_batch batch = toy_batch(&schema, ROWS);
    mh_dataset_config config = {.paths = (char *const[]){(char *)scratch_path(name)}, .path_count = 1};
    mh_dataset *dataset = NULL;
    float features[ROWS * INPUTS];
    mh_label labels[ROWS * HEADS];
    bool is_same = false;

    if (mh_dataset_open(&config, &dataset) == MH_OK && mh_dataset_rows(dataset) == ROWS &&
        mh_dataset_schema(dataset)->inputs == INPUTS && mh_dataset_schema(dataset)->heads == HEADS &&
        mh_dataset_read(dataset, (mh_span){0, ROWS}, features, labels) == MH_OK)
        is_same = memcmp(features, batch.features, sizeof features) == 0 &&
                  memcmp(labels, batch.labels, sizeof labels) == 0;
    mh_dataset_close(dataset);
    toy_batch_free(&batch);
    mh_schema_clear(&schema);
    return is_same;
}

/* What train does: the seal first. */
static bool data_set_is_refused(const char *name)
{
    return mh_seal_expect(scratch_path(name), 0, 1, NULL) != MH_OK || !is_same_data_set(name);
}

Test(damage, every_flipped_byte_of_a_data_set_is_found)
{
    make_data_set("d.h5");
    cr_assert(not(data_set_is_refused("d.h5")));
    cr_expect(zero(sz, count_unnoticed_flips("d.h5", data_set_is_refused)));
}

Test(damage, data_set_cut_off_is_refused_or_the_same)
{
    mh_seal_report report;

    make_data_set("d.h5");
    MUST(mh_seal_check(scratch_path("d.h5"), 0, 1, &report));
    cr_expect(eq(sz, count_harmless_cuts("d.h5", data_set_is_refused), mh_seal_bytes(report.content_bytes)));
}

/* ---- data sets that others made: there is nothing to check them against ---- */

typedef void (*choice)(hid_t properties);

static void choose_nothing(hid_t properties)
{
    (void)properties;
}

/* In small chunks, the last ones of which are not full. */
static void choose_packed(hid_t properties)
{
    const hsize_t chunk[2] = {16, 2};

    H5Pset_chunk(properties, 2, chunk);
    H5Pset_shuffle(properties);
    H5Pset_deflate(properties, 4);
}

static void put(hid_t file, const char *name, hid_t stored, hid_t memory, hsize_t columns, choice choose,
                const void *data)
{
    const hsize_t sizes[2] = {ROWS, columns};
    hid_t space = H5Screate_simple(2, sizes, NULL), properties = H5Pcreate(H5P_DATASET_CREATE);

    choose(properties);
    hid_t dataset = H5Dcreate2(file, name, stored, space, H5P_DEFAULT, properties, H5P_DEFAULT);

    cr_assert(H5Dwrite(dataset, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0);
    H5Dclose(dataset);
    H5Pclose(properties);
    H5Sclose(space);
}

static void make_foreign_data_set(const char *name, choice choose)
{
    mh_schema schema = toy_schema(INPUTS, HEADS, classes);
    mh_batch batch = toy_batch(&schema, ROWS);
    hid_t file = H5Fcreate(scratch_path(name), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);

    put(file, "features", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, INPUTS, choose, batch.features);
    put(file, "labels", H5T_STD_I8LE, H5T_NATIVE_UINT16, HEADS, choose, batch.labels);
    cr_assert(H5Fclose(file) >= 0);
    toy_batch_free(&batch);
    mh_schema_clear(&schema);
}

/* The signal that ended a process which read the file, 0 without one. */
static int signal_of_reading(const char *name)
{
    int result = 0;
    pid_t child = fork();

    cr_assert(child >= 0);
    if (child == 0) {
        signal(SIGALRM, SIG_DFL);
        alarm(HANG_SECONDS);
        _exit(is_same_data_set(name));
    }
    cr_assert(waitpid(child, &result, 0) == child);
    return WIFSIGNALED(result) ? WTERMSIG(result) : 0;
}

/*
 * HDF5 1.10 itself crashes at one of these bytes; what the program then says is not tested here. More than a few would be
 * ours.
 */
static void flip_bytes(choice choose, size_t step)
{
    size_t bytes = 0, hangs = 0, crashes = 0;

    make_foreign_data_set("d.h5", choose);
    cr_assert(is_same_data_set("d.h5"));

    char *contents = scratch_read("d.h5", &bytes);
    int file = open(scratch_path("d.h5"), O_WRONLY);

    for (size_t i = 0; i < bytes; i += step) {
        char flipped = (char)(contents[i] ^ 1 << i % 8);

        cr_assert(pwrite(file, &flipped, 1, (off_t)i) == 1);

        int ended_by = signal_of_reading("d.h5");

        hangs += ended_by == SIGALRM;
        crashes += ended_by != 0 && ended_by != SIGALRM;
        cr_assert(pwrite(file, &contents[i], 1, (off_t)i) == 1);
    }
    close(file);
    free(contents);
    cr_expect(zero(sz, hangs));
    cr_expect(le(sz, crashes, 3));
}

Test(damage, data_set_that_others_made_hangs_at_no_flipped_byte)
{
    flip_bytes(choose_nothing, 1);
}

/* Some bytes of a larger file; those of a chunk itself are all flipped in test_hdf5_chunks.c. */
Test(damage, packed_data_set_that_others_made_hangs_at_no_flipped_byte)
{
    flip_bytes(choose_packed, 3);
}
