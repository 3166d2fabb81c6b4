#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdlib.h>

#include "expect.h"
#include "ranks.h"
#include "scratch.h"
#include "toy.h"
#include "training_run.h"

/* All that training can do, at once: dropout, a linear path, averaging, clipping, weights, a schedule. */

TestSuite(recipe, .init = start_mpi_with_scratch, .fini = stop_mpi_with_scratch, .timeout = MPI_TEST_SECONDS);

enum { EPOCHS = 5 };

static const double head_weights[RUN_HEADS] = {1.0, 2.0, 0.5};
static const float positive_weights[RUN_HEADS] = {3.0f, 1.0f, 0.75f};

typedef struct {
    mh_trained_config model;
    mh_trainer_config trainer;
} recipe;

static recipe full_recipe(void)
{
    recipe r = {training_run_model(), training_run_config()};

    r.model.has_linear_path = true;
    r.model.dropout = 0.25f;
    r.model.input_dropout = 0.125f;
    r.model.loss = (mh_loss_config){.positive_weight = positive_weights};
    r.trainer.epochs = EPOCHS;
    r.trainer.shuffles = true;
    r.trainer.schedule =
        (mh_schedule){.kind = MH_SCHEDULE_COSINE, .rate = 0.05, .epochs = EPOCHS, .warmup_steps = 4};
    r.trainer.adam.weight_decay = 0.1;
    r.trainer.spares_biases = true;
    r.trainer.linear_path_rate = 0.3;
    r.trainer.average_decay = 0.9;
    r.trainer.clip_norm = 0.1;
    r.trainer.head_weights = head_weights;
    return r;
}

static void run_recipe(training_run *run, const mh_comm *comm, const recipe *r, bool validates)
{
    training_run_start(run, comm, &r->model, &r->trainer, validates);
    MUST(mh_trainer_run(comm, run->trainer));
}

/* ---- bits ---- */

static void expect_same_bits_as_one_rank(const recipe *r, bool validates)
{
    training_run shared, single;

    run_recipe(&shared, world, r, validates);
    run_recipe(&single, alone, r, validates);
    training_run_expect_same(&shared, &single);
    training_run_end(&shared);
    training_run_end(&single);
}

Test(recipe, learns_the_same_bits_on_any_number_of_ranks)
{
    recipe r = full_recipe();

    expect_same_bits_as_one_rank(&r, false);
    r.trainer.patience = 9;
    expect_same_bits_as_one_rank(&r, true);
    r.trainer.adam.rule = MH_ADAM_LAMB;
    expect_same_bits_as_one_rank(&r, true);
}

static bool is_same_model(const recipe *a, const recipe *b)
{
    training_run first, second;

    run_recipe(&first, alone, a, false);
    run_recipe(&second, alone, b, false);

    bool is_same = memcmp(mh_model_parameters(first.trained.model), mh_model_parameters(second.trained.model),
                          mh_model_layout(first.trained.model)->count * sizeof(float)) == 0;

    training_run_end(&first);
    training_run_end(&second);
    return is_same;
}

/* What changes nothing here would not be tested above. */
#define EXPECT_DIFFERENCE(assignment)                                                                        \
    do {                                                                                                     \
        recipe full = full_recipe(), r = full_recipe();                                                      \
        assignment;                                                                                          \
        cr_expect(is_same_model(&full, &r) == false, "%s makes no difference", #assignment);                 \
    } while (0)

Test(recipe, every_part_of_it_makes_a_difference)
{
    EXPECT_DIFFERENCE(r.model.dropout = 0);
    EXPECT_DIFFERENCE(r.model.input_dropout = 0);
    EXPECT_DIFFERENCE(r.model.loss.positive_weight = NULL);
    EXPECT_DIFFERENCE(r.trainer.shuffles = false);
    EXPECT_DIFFERENCE(r.trainer.seed = 2);
    EXPECT_DIFFERENCE(r.trainer.schedule.kind = MH_SCHEDULE_CONSTANT);
    EXPECT_DIFFERENCE(r.trainer.schedule.warmup_steps = 0);
    EXPECT_DIFFERENCE(r.trainer.warmup_epochs = 1);
    EXPECT_DIFFERENCE(r.trainer.adam.weight_decay = 0);
    EXPECT_DIFFERENCE(r.trainer.adam.rule = MH_ADAM_LAMB);
    EXPECT_DIFFERENCE(r.trainer.spares_biases = false);
    EXPECT_DIFFERENCE(r.trainer.linear_path_rate = 1);
    EXPECT_DIFFERENCE(r.trainer.average_decay = 0);
    EXPECT_DIFFERENCE(r.trainer.clip_norm = 0);
    EXPECT_DIFFERENCE(r.trainer.head_weights = NULL);
    EXPECT_DIFFERENCE(r.trainer.replicas = 6);
}

/* Stops after two epochs on one rank and goes on from its checkpoint on all of them. */
static void resume(training_run *resumed, recipe r, bool validates)
{
    training_run stopped;
    recipe until_epoch_2 = r;

    until_epoch_2.trainer.epochs = 2;
    until_epoch_2.trainer.checkpoint_every = (mh_interval){MH_INTERVAL_EPOCHS, 2};
    scratch_folder("checkpoints");
    until_epoch_2.trainer.folder = scratch_path("");
    run_recipe(&stopped, alone, &until_epoch_2, validates);
    training_run_end(&stopped);
    training_run_start(resumed, world, &r.model, &r.trainer, validates);
    MUST(mh_trainer_restore(resumed->trainer, scratch_path("checkpoints/step-000000006.h5")));
    MUST(mh_trainer_run(world, resumed->trainer));
}

static void expect_to_resume_bit_for_bit(const recipe *r)
{
    training_run whole, resumed;

    run_recipe(&whole, alone, r, false);
    resume(&resumed, *r, false);
    training_run_expect_same(&resumed, &whole);
    training_run_end(&whole);
    training_run_end(&resumed);
}

Test(recipe, resumes_on_other_ranks_bit_for_bit)
{
    recipe r = full_recipe();

    expect_to_resume_bit_for_bit(&r);
}

Test(recipe, with_lamb_resumes_on_other_ranks_bit_for_bit)
{
    recipe r = full_recipe();

    r.trainer.adam.rule = MH_ADAM_LAMB;
    expect_to_resume_bit_for_bit(&r);
}

/* A rate that soon makes it worse on other rows: the best epoch is before the checkpoint. */
Test(recipe, resuming_remembers_the_best_epoch)
{
    recipe r = full_recipe();
    training_run whole, resumed;

    r.trainer.patience = 9;
    r.trainer.schedule.rate = 0.5;
    r.trainer.schedule.warmup_steps = 0;
    r.trainer.clip_norm = 0;
    run_recipe(&whole, alone, &r, true);
    cr_assert(le(sz, mh_trainer_position(whole.trainer)->best_epoch, 2));
    cr_assert(eq(sz, mh_trainer_position(whole.trainer)->stage_epoch, EPOCHS));
    resume(&resumed, r, true);
    training_run_expect_same(&resumed, &whole);
    training_run_end(&whole);
    training_run_end(&resumed);
}

/* ---- one step, once more in double ---- */

enum { COLUMNS = 1 + 3 + 1 };

typedef struct {
    const mh_layout *layout;
    const double *p;
    double *gradient;
} reference;

/* Tensors are found by their names, so the reference does not share the model's idea of where they lie. */
static size_t place_of(const reference *r, const char *name)
{
    size_t t = 0;

    while (t < r->layout->tensors && strcmp(r->layout->tensor[t].name, name) != 0)
        t++;
    cr_assert(t < r->layout->tensors, "the model has no %s", name);
    return r->layout->tensor[t].span.first;
}

/* y += weight x */
static void multiply(const reference *r, const char *weight, size_t inputs, size_t outputs, const double *x,
                     double *y)
{
    const double *w = r->p + place_of(r, weight);

    for (size_t out = 0; out < outputs; out++)
        for (size_t in = 0; in < inputs; in++)
            y[out] += w[out * inputs + in] * x[in];
}

/* The gradient of that weight from dy, and dx += weight^T dy. */
static void multiply_back(const reference *r, const char *weight, size_t inputs, size_t outputs,
                          const double *x, const double *dy, double *dx)
{
    size_t place = place_of(r, weight);

    for (size_t out = 0; out < outputs; out++)
        for (size_t in = 0; in < inputs; in++) {
            r->gradient[place + out * inputs + in] += dy[out] * x[in];
            dx[in] += r->p[place + out * inputs + in] * dy[out];
        }
}

static void add_bias(const reference *r, const char *bias, size_t outputs, double *y)
{
    for (size_t out = 0; out < outputs; out++)
        y[out] += r->p[place_of(r, bias) + out];
}

static void add_bias_back(const reference *r, const char *bias, size_t outputs, const double *dy)
{
    for (size_t out = 0; out < outputs; out++)
        r->gradient[place_of(r, bias) + out] += dy[out];
}

static const char *const head_weight_names[] = {"out1.weight", "out2.weight", "out3.weight"};
static const char *const head_bias_names[] = {"out1.bias", "out2.bias", "out3.bias"};
static const size_t first_column[] = {0, 1, 4}, columns[] = {1, 3, 1};

/* Cross entropy of a row's label and its slopes, both times `weight`. */
static double head_loss(size_t h, const double *z, mh_label label, double weight, double *dz)
{
    if (columns[h] == 1) {
        double p = 1 / (1 + exp(-z[0]));

        dz[0] = weight * (p - (label == 1));
        return -weight * log(label == 1 ? p : 1 - p);
    }

    double sum = exp(z[0]) + exp(z[1]) + exp(z[2]);

    for (size_t c = 0; c < 3; c++)
        dz[c] = weight * (exp(z[c]) / sum - (c == label));
    return -weight * log(exp(z[label]) / sum);
}

/* Row weights [heads]: what the row's loss in each head counts in the batch's. Returns the row's part of the loss. */
static double add_row(const reference *r, const float *features, const mh_label *labels,
                      const double *weights)
{
    double x[RUN_INPUTS], y1[16] = {0}, y2[9] = {0}, z[COLUMNS] = {0}, loss = 0;
    double dx[RUN_INPUTS] = {0}, dy1[16] = {0}, dy2[9] = {0}, dz[COLUMNS] = {0};

    for (size_t i = 0; i < RUN_INPUTS; i++)
        x[i] = (double)features[i];
    add_bias(r, "fc1.bias", 16, y1);
    multiply(r, "fc1.weight", RUN_INPUTS, 16, x, y1);
    for (size_t i = 0; i < 16; i++)
        y1[i] = fmax(y1[i], 0);
    add_bias(r, "fc2.bias", 9, y2);
    multiply(r, "fc2.weight", 16, 9, y1, y2);
    for (size_t i = 0; i < 9; i++)
        y2[i] = fmax(y2[i], 0);
    multiply(r, "wide.weight", RUN_INPUTS, COLUMNS, x, z);
    for (size_t h = 0; h < RUN_HEADS; h++) {
        double *own = z + first_column[h], *slopes = dz + first_column[h];
        double positive = labels[h] == 1 ? (double)positive_weights[h] : 1.0;

        if (labels[h] == MH_LABEL_MISSING)
            continue;
        add_bias(r, head_bias_names[h], columns[h], own);
        multiply(r, head_weight_names[h], 9, columns[h], y2, own);
        loss += head_loss(h, own, labels[h], weights[h] * positive, slopes);
        add_bias_back(r, head_bias_names[h], columns[h], slopes);
        multiply_back(r, head_weight_names[h], 9, columns[h], y2, slopes, dy2);
    }
    multiply_back(r, "wide.weight", RUN_INPUTS, COLUMNS, x, dz, dx);
    for (size_t i = 0; i < 9; i++)
        dy2[i] *= y2[i] > 0;
    add_bias_back(r, "fc2.bias", 9, dy2);
    multiply_back(r, "fc2.weight", 16, 9, y1, dy2, dy1);
    for (size_t i = 0; i < 16; i++)
        dy1[i] *= y1[i] > 0;
    add_bias_back(r, "fc1.bias", 16, dy1);
    multiply_back(r, "fc1.weight", RUN_INPUTS, 16, x, dy1, dx);
    return loss;
}

/* Each head's loss is the mean over its known labels, the model's the weighted mean over heads. */
static double batch_loss(const reference *r, const mh_shard *shard)
{
    double weights[RUN_HEADS], loss = 0;

    for (size_t h = 0; h < RUN_HEADS; h++) {
        double known = 0;

        for (size_t row = 0; row < RUN_ROWS; row++)
            known += shard->labels[row * RUN_HEADS + h] != MH_LABEL_MISSING;
        weights[h] = head_weights[h] / (head_weights[0] + head_weights[1] + head_weights[2]) / known;
    }
    for (size_t row = 0; row < RUN_ROWS; row++)
        loss += add_row(r, shard->features + row * RUN_INPUTS, shard->labels + row * RUN_HEADS, weights);
    return loss;
}

static double length_of(const double *v, size_t count)
{
    double squares = 0;

    for (size_t i = 0; i < count; i++)
        squares += v[i] * v[i];
    return sqrt(squares);
}

/*
 * With rate 1 and epsilon 1 Adam's first step is g / (|g| + 1): it shows the gradient itself. Float32 sums over 53
 * rows, of numbers below 1; parameters are below 4.
 */
static void expect_the_step_in_double(double clip_norm)
{
    recipe r = {training_run_model(), training_run_config()};
    training_run run, single;
    double loss = 0;

    r.model.has_linear_path = true;
    r.model.loss.positive_weight = positive_weights;
    r.trainer.epochs = 1;
    r.trainer.batch_size = RUN_ROWS;
    r.trainer.schedule.rate = 1;
    r.trainer.adam.epsilon = 1;
    r.trainer.head_weights = head_weights;
    r.trainer.clip_norm = clip_norm;
    training_run_start(&run, world, &r.model, &r.trainer, false);
    training_run_start(&single, alone, &r.model, &r.trainer, false);

    size_t count = mh_model_layout(run.trained.model)->count;
    float *parameters = mh_model_parameters(run.trained.model);
    double *p = calloc(count, sizeof *p), *gradient = calloc(count, sizeof *gradient);
    const reference expected = {mh_model_layout(run.trained.model), p, gradient};

    cr_assert(p != NULL && gradient != NULL);
    toy_fill(parameters, count, 5); /* also those that start at 0 */
    for (size_t i = 0; i < count; i++)
        p[i] = (double)parameters[i];

    double expected_loss = batch_loss(&expected, &single.data.shard), length = length_of(gradient, count);
    double shorter = clip_norm > 0 ? fmin(1, clip_norm / length) : 1;

    if (clip_norm > 0)
        cr_assert(lt(dbl, shorter, 0.5));
    MUST(mh_trainer_run(world, run.trainer));
    for (size_t h = 0; h < RUN_HEADS; h++)
        loss += head_weights[h] * mh_trainer_head_loss(run.trainer)[h] / 3.5;
    cr_expect(epsilon_eq(dbl, loss, expected_loss, 1e-6));
    for (size_t i = 0; i < count; i++) {
        double g = shorter * gradient[i];

        cr_expect(epsilon_eq(dbl, (double)parameters[i], p[i] - g / (fabs(g) + 1), 1e-6), "parameter %zu", i);
    }
    free(p);
    free(gradient);
    training_run_end(&run);
    training_run_end(&single);
}

Test(recipe, takes_the_step_of_a_reference_in_double)
{
    expect_the_step_in_double(0);
}

Test(recipe, takes_the_shortened_step_of_a_reference_in_double)
{
    expect_the_step_in_double(0.05);
}
