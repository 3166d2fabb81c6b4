#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/redirect.h>
#include <stdlib.h>
#include <unistd.h>

#include "expect.h"
#include "multihead/base/fault.h"
#include "multihead/base/memory.h"
#include "multihead/base/whole_file.h"
#include "multihead/training/checkpoint_folder.h"
#include "multihead/training/checkpoint_writer.h"
#include "scratch.h"
#include "toy.h"

/* Folders with damaged checkpoints make warnings, which tests read. */
static void start(void)
{
    scratch_make();
    cr_redirect_stderr();
}

TestSuite(checkpoint, .init = start, .fini = scratch_remove);

enum { INPUTS = 3, HEADS = 2, REPLICAS = 3 };

static const size_t classes[HEADS] = {2, 3};

/* A run: what a checkpoint takes in and gives back. */
typedef struct {
    mh_trained trained;
    mh_adam *adam;
    size_t count;
    mh_position position;
    mh_kept_checkpoint kept;
    double head_loss[HEADS], epoch_loss[REPLICAS * HEADS];
    uint64_t row_checksum[REPLICAS];
    float *best;
} run;

static run run_start(size_t width)
{
    const mh_trained_config config = {.hidden = &width, .hidden_layers = 1};
    const mh_adam_config adam = {.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8};
    mh_schema schema = toy_schema(INPUTS, HEADS, classes);
    run r = {0};

    MUST(mh_trained_create(&schema, &config, &r.trained));
    r.count = mh_model_layout(r.trained.model)->count;
    MUST(mh_adam_create(&adam, r.count, &r.adam));
    MUST(mh_memory_array(r.count, sizeof *r.best, &r.best));
    mh_schema_clear(&schema);
    return r;
}

static void run_fill(run *r)
{
    toy_fill(mh_model_parameters(r->trained.model), r->count, 1);
    toy_fill(mh_adam_first_moment(r->adam), r->count, 2);
    toy_fill(mh_adam_second_moment(r->adam), r->count, 3);
    toy_fill(r->best, r->count, 4);
}

static void run_end(run *r)
{
    mh_trained_clear(&r->trained);
    mh_adam_destroy(r->adam);
    mh_memory_free(r->best);
}

static const double HEAD_LOSS[HEADS] = {0.1, 0.2};

static mh_training_state state_of(run *r)
{
    return (mh_training_state){.trained = &r->trained,
                               .adam = r->adam,
                               .position = &r->position,
                               .kept = &r->kept,
                               .head_loss = r->head_loss,
                               .best = r->best,
                               .replicas = REPLICAS,
                               .epoch_loss = r->epoch_loss,
                               .row_checksum = r->row_checksum};
}

static const char OPTIONS[] = "[training]\nepochs = 7\n", HISTORY[] = "epoch,step\n1,10\n";

static mh_status write_with(run *r, size_t keep)
{
    mh_training_state state = state_of(r);
    const mh_checkpoint_texts texts = {.options = OPTIONS, .versions = "multihead 1", .history = HISTORY};
    mh_checkpoint_writer *writer = NULL;

    MUST(mh_checkpoint_writer_create(scratch_path(""), keep, &writer));
    mh_checkpoint_writer_start(writer, &state, &texts);
    mh_status status = mh_checkpoint_writer_finish(writer);
    mh_checkpoint_writer_destroy(writer);
    return status;
}

static void save(run *r, size_t epoch)
{
    r->position = (mh_position){.epoch = epoch,
                                .batch = 4,
                                .skipped = 1,
                                .step = 10 * epoch,
                                .seconds = 0.1,
                                .rate = 0.01,
                                .stage = 1,
                                .stage_epoch = 2,
                                .best_epoch = 1,
                                .best_loss = 0.3};
    r->kept = (mh_kept_checkpoint){0, 0.4};
    mh_adam_set_steps(r->adam, 7);
    memcpy(r->head_loss, HEAD_LOSS, sizeof HEAD_LOSS);
    for (size_t i = 0; i < REPLICAS * HEADS; i++)
        r->epoch_loss[i] = 0.5 * (double)i;
    for (size_t i = 0; i < REPLICAS; i++)
        r->row_checksum[i] = UINT64_MAX - i;
    MUST(write_with(r, 99));
}

static void expect_newest(const char *name)
{
    char path[MH_CHECKPOINT_PATH_BYTES];
    mh_checkpoint_head head;
    const char *slash;

    MUST(mh_checkpoint_newest(scratch_path(""), path, &head));
    mh_checkpoint_head_clear(&head);
    slash = strrchr(path, '/');
    cr_expect(strcmp(slash != NULL ? slash + 1 : path, name) == 0, "'%s' instead of '%s'", path, name);
}

/* ---- one checkpoint ---- */

Test(checkpoint, comes_back_as_it_was_saved)
{
    run saved = run_start(4), loaded = run_start(4);
    mh_training_state state = state_of(&loaded);
    char *history = NULL;
    mh_checkpoint_head head;

    run_fill(&saved);
    save(&saved, 3);
    MUST(mh_checkpoint_load(scratch_path("step-000000030.h5"), &state, &history));
    EXPECT_SAME_BITS(mh_model_parameters(saved.trained.model), mh_model_parameters(loaded.trained.model),
                     saved.count);
    EXPECT_SAME_BITS(mh_adam_first_moment(saved.adam), mh_adam_first_moment(loaded.adam), saved.count);
    EXPECT_SAME_BITS(mh_adam_second_moment(saved.adam), mh_adam_second_moment(loaded.adam), saved.count);
    EXPECT_SAME_BITS(saved.best, loaded.best, saved.count);
    cr_expect(eq(u64, mh_adam_steps(loaded.adam), 7));
    EXPECT_SAME_BITS(&saved.position, &loaded.position, 1);
    EXPECT_SAME_BITS(&saved.kept, &loaded.kept, 1);
    EXPECT_SAME_BITS(saved.head_loss, loaded.head_loss, HEADS);
    EXPECT_SAME_BITS(saved.epoch_loss, loaded.epoch_loss, REPLICAS * HEADS);
    EXPECT_SAME_BITS(saved.row_checksum, loaded.row_checksum, REPLICAS);
    cr_expect(strcmp(history, "epoch,step\n1,10\n") == 0);
    MUST(mh_checkpoint_load_head(scratch_path("step-000000030.h5"), &head));
    EXPECT_SAME_BITS(&saved.position, &head.position, 1);
    cr_expect(strcmp(head.history, history) == 0);
    cr_expect(strcmp(head.options, "[training]\nepochs = 7\n") == 0);
    mh_checkpoint_head_clear(&head);
    mh_memory_free(history);
    run_end(&saved);
    run_end(&loaded);
}

Test(checkpoint, is_a_model_too)
{
    run saved = run_start(4);
    mh_trained loaded;

    run_fill(&saved);
    save(&saved, 1);
    MUST(mh_trained_load(scratch_path("step-000000010.h5"), &loaded));
    EXPECT_SAME_BITS(mh_model_parameters(saved.trained.model), mh_model_parameters(loaded.model),
                     saved.count);
    mh_trained_clear(&loaded);
    run_end(&saved);
}

Test(checkpoint, of_another_model_is_refused)
{
    run saved = run_start(4), wider = run_start(5);
    mh_training_state state = state_of(&wider);
    char *history = NULL;

    save(&saved, 1);
    EXPECT_FAILURE(mh_checkpoint_load(scratch_path("step-000000010.h5"), &state, &history), MH_ERR_FORMAT,
                   "/model/fc1.weight is [4 x 3], this model needs floats [5 x 3]");
    cr_expect(history == NULL);
    run_end(&saved);
    run_end(&wider);
}

Test(checkpoint, model_alone_is_none)
{
    run saved = run_start(4);
    mh_checkpoint_head head;

    MUST(mh_trained_save(&saved.trained, scratch_path("model.h5")));
    EXPECT_FAILURE(mh_checkpoint_load_head(scratch_path("model.h5"), &head), MH_ERR_FORMAT,
                   "is not a checkpoint");
    cr_expect(head.options == NULL);
    run_end(&saved);
}

/* ---- a folder of them ---- */

Test(checkpoint, newest_has_the_highest_step)
{
    run r = run_start(4);

    expect_newest("");
    save(&r, 10);
    save(&r, 9);
    save(&r, 2);
    expect_newest("step-000000100.h5");
    save(&r, 1000000); /* one digit more than the others */
    expect_newest("step-010000000.h5");
    run_end(&r);
}

Test(checkpoint, newest_of_no_folder_is_none)
{
    char path[MH_CHECKPOINT_PATH_BYTES];
    mh_checkpoint_head head;

    MUST(mh_checkpoint_newest(scratch_path("nowhere"), path, &head));
    cr_expect(path[0] == '\0' && head.options == NULL);
}

/* A crash while the disk was full, and what an editor and an interrupted save leave. */
Test(checkpoint, newest_skips_what_is_damaged)
{
    run r = run_start(4);
    size_t bytes = 0;

    save(&r, 1);

    char *contents = scratch_read("step-000000010.h5", &bytes);

    scratch_write("step-000000020.h5", contents, bytes / 2);
    scratch_write("step-000000030.h5", "", 0);
    scratch_write("step-000000040.h5~", contents, bytes);
    scratch_write(".step-000000050.h5.partial", contents, bytes);
    scratch_write("model.h5", contents, bytes);
    expect_newest("step-000000010.h5");
    free(contents);
    run_end(&r);
}

/* A disk that fails for a while says nothing of what is on it. */
Test(checkpoint, newest_is_not_found_where_one_cannot_be_read)
{
    run r = run_start(4);
    char path[MH_CHECKPOINT_PATH_BYTES];
    mh_checkpoint_head head;

    save(&r, 1);
    cr_assert(symlink(scratch_path("step-000000020.h5"), scratch_path("step-000000020.h5")) == 0);
    EXPECT_FAILURE(mh_checkpoint_newest(scratch_path(""), path, &head), MH_ERR_IO,
                   "step-000000020.h5: cannot be read");
    cr_expect(head.options == NULL);
    run_end(&r);
}

Test(checkpoint, those_set_aside_are_kept_under_another_name)
{
    scratch_write("step-000000030.h5", "no", 2);
    mh_checkpoint_set_aside(scratch_path(""));
    expect_newest("");
    cr_expect(access(scratch_path("step-000000030.h5.damaged"), F_OK) == 0);
}

Test(checkpoint, newest_warns_of_what_it_skips)
{
    scratch_write("step-000000030.h5", "no", 2);
    expect_newest("");
    fflush(stderr);

    char text[512] = "";
    FILE *said = cr_get_redirected_stderr();

    cr_assert(fgets(text, sizeof text, said) != NULL);
    cr_expect(strstr(text, "warning: ") != NULL && strstr(text, "step-000000030.h5") != NULL, "%s", text);
}

Test(checkpoint, prune_keeps_the_newest)
{
    run r = run_start(4);

    for (size_t epoch = 1; epoch <= 5; epoch++)
        save(&r, epoch);
    scratch_write("notes.txt", "", 0);
    mh_checkpoint_prune(scratch_path(""), 2, 0);
    mh_whole_file_sweep(scratch_path("")); /* the one retired last */
    cr_expect(eq(sz, scratch_entries(), 3));
    cr_expect(access(scratch_path("step-000000050.h5"), F_OK) == 0);
    cr_expect(access(scratch_path("step-000000040.h5"), F_OK) == 0);
    cr_expect(access(scratch_path("notes.txt"), F_OK) == 0);
    mh_checkpoint_prune(scratch_path(""), 2, 0);
    mh_whole_file_sweep(scratch_path("")); /* the one retired last */
    cr_expect(eq(sz, scratch_entries(), 3));
    run_end(&r);
}

Test(checkpoint, prune_keeps_the_best_too)
{
    run r = run_start(4);

    for (size_t epoch = 1; epoch <= 5; epoch++)
        save(&r, epoch);
    mh_checkpoint_prune(scratch_path(""), 1, 20);
    mh_whole_file_sweep(scratch_path("")); /* the one retired last */
    cr_expect(eq(sz, scratch_entries(), 2));
    cr_expect(access(scratch_path("step-000000020.h5"), F_OK) == 0);
    cr_expect(access(scratch_path("step-000000050.h5"), F_OK) == 0);
    run_end(&r);
}

/* ---- writing while training goes on ---- */

/* The log outgrows the room that the file has for it, and the weights change under the writer. */
Test(checkpoint, a_writer_writes_what_was_there_when_it_was_told_to)
{
    run r = run_start(4), loaded = run_start(4);
    mh_training_state state = state_of(&r), into = state_of(&loaded);
    mh_checkpoint_writer *writer = NULL;
    char history[40000] = "", *back = NULL;
    float *parameters = mh_model_parameters(r.trained.model);

    MUST(mh_checkpoint_writer_create(scratch_path(""), 99, &writer));
    run_fill(&r);
    for (size_t step = 1; step <= 12; step++) {
        const mh_checkpoint_texts texts = {.options = OPTIONS, .versions = "", .history = history};

        memset(history + strlen(history), 'a', 3000);
        parameters[0] = (float)step;
        r.position.step = step;
        mh_checkpoint_writer_start(writer, &state, &texts);
        parameters[0] = -1;
        MUST(mh_checkpoint_writer_finish(writer));
        MUST(mh_checkpoint_load(mh_checkpoint_writer_path(writer), &into, &back));
        cr_expect(mh_model_parameters(loaded.trained.model)[0] == (float)step);
        cr_expect(strcmp(back, history) == 0, "the log of step %zu is another one", step);
        cr_expect(eq(u64, loaded.position.step, step));
        mh_memory_free(back);
    }
    mh_checkpoint_writer_destroy(writer);
    run_end(&r);
    run_end(&loaded);
}

Test(checkpoint, a_writer_says_how_it_went_and_tries_again)
{
    run r = run_start(4);

    r.position.step = 10;
    mh_fault_plan(MH_FAULT_WRITE_ERROR, 1);
    mh_fault_before_step(1);
    EXPECT_FAILURE(write_with(&r, 99), MH_ERR_IO, "step-000000010.h5: cannot be written: Input/output error");
    cr_expect(eq(sz, scratch_entries(), 0));
    MUST(write_with(&r, 99));
    cr_expect(eq(sz, scratch_entries(), 1));
    run_end(&r);
}

Test(checkpoint, a_bit_that_flips_on_its_way_to_disk_is_found)
{
    run r = run_start(4);
    mh_checkpoint_head head;

    r.position.step = 10;
    mh_fault_plan(MH_FAULT_BITFLIP, 1);
    mh_fault_before_step(1);
    MUST(write_with(&r, 99));
    EXPECT_FAILURE(mh_checkpoint_load_head(scratch_path("step-000000010.h5"), &head), MH_ERR_FORMAT,
                   "step-000000010.h5: is damaged");
    MUST(write_with(&r, 99));
    MUST(mh_checkpoint_load_head(scratch_path("step-000000010.h5"), &head));
    mh_checkpoint_head_clear(&head);
    run_end(&r);
}
