#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "data_file.h"
#include "expect.h"
#include "multihead/base/memory.h"
#include "multihead/training/predictor.h"
#include "scratch.h"
#include "toy.h"

TestSuite(ensemble, .init = scratch_make, .fini = scratch_remove);

/* Two blocks and a bit. */
enum { ROWS = 8300, INPUTS = 3, HEADS = 2, COLUMNS = 4, MEMBERS = 3 };

static const size_t classes[HEADS] = {2, 3};
static const size_t widths[MEMBERS] = {7, 11, 5};

/* What a member is made of; 0 is the usual. */
typedef struct {
    size_t inputs, heads, classes;
    mh_head_kind kind;
    const char *label;
    mh_fold fold;
    float threshold;
} member;

static mh_trained create(size_t seed, const member *m)
{
    const mh_trained_config config = {
        .hidden = &widths[seed % MEMBERS], .hidden_layers = 1, .heads = m->kind};
    mh_schema schema = toy_schema(m->inputs > 0 ? m->inputs : INPUTS, m->heads > 0 ? m->heads : HEADS,
                                  (const size_t[]){2, m->classes > 0 ? m->classes : 3, 2});
    mh_trained trained;

    if (m->label != NULL) {
        MUST(mh_schema_names_create(HEADS, &schema.label_names));
        MUST(mh_memory_text("sun", &schema.label_names[0]));
        MUST(mh_memory_text(m->label, &schema.label_names[1]));
    }
    MUST(mh_trained_create(&schema, &config, &trained));
    mh_model_initialize(trained.model, MH_INITIAL_PYTORCH, seed);
    for (size_t i = 0; i < mh_trained_rates(&trained); i++)
        trained.base_rates[i] = 0.1 * (double)(seed + 1) + 0.01 * (double)i;
    if (m->threshold > 0)
        MUST(mh_trained_set_threshold(&trained, m->threshold));
    trained.fold = m->fold;
    mh_schema_clear(&schema);
    return trained;
}

static char *save(size_t seed, const member *m)
{
    static char path[MEMBERS + 2][256];
    static size_t saved = 0;
    char *own = path[saved++ % (MEMBERS + 2)], name[32];
    mh_trained trained = create(seed, m);

    snprintf(name, sizeof name, "model-%zu.h5", saved);
    snprintf(own, sizeof path[0], "%s", scratch_path(name));
    MUST(mh_trained_save(&trained, own));
    mh_trained_clear(&trained);
    return own;
}

static mh_ensemble load(size_t count, char *const *paths)
{
    mh_ensemble ensemble;

    MUST(mh_ensemble_load(paths, count, &ensemble));
    return ensemble;
}

static mh_dataset *open_rows(size_t rows)
{
    static char path[256];
    mh_schema schema = toy_schema(INPUTS, HEADS, classes);
    mh_batch batch = toy_batch(&schema, rows);

    snprintf(path, sizeof path, "%s", data_file_of("rows.h5", &batch));
    toy_batch_free(&batch);
    mh_schema_clear(&schema);
    return data_file_open(path);
}

/* What is said of all rows, by any number of ranks one after another. */
typedef struct {
    float probabilities[ROWS * COLUMNS];
    float logits[ROWS * COLUMNS];
    mh_label predictions[ROWS * HEADS];
    bool has_logits;
} outcome;

static outcome *predict(const mh_ensemble *ensemble, mh_dataset *dataset, size_t ranks)
{
    outcome *out = calloc(1, sizeof *out);

    cr_assert(out != NULL);
    MUST(mh_dataset_expect(dataset, &ensemble->common.schema));
    for (size_t rank = 0; rank < ranks; rank++) {
        mh_predictor *predictor = NULL;
        mh_prediction p;

        MUST(mh_predictor_create(ensemble, dataset, rank, ranks, &predictor));
        for (size_t round = 0; round < mh_predictor_rounds(predictor); round++) {
            MUST(mh_predictor_next(predictor, &p));
            size_t at = p.first_row * COLUMNS, count = p.batch.rows * COLUMNS;

            if (p.batch.rows == 0)
                continue;
            memcpy(out->probabilities + at, p.probabilities, count * sizeof(float));
            out->has_logits = p.logits != NULL;
            if (p.logits != NULL)
                memcpy(out->logits + at, p.logits, count * sizeof(float));
            memcpy(out->predictions + p.first_row * HEADS, p.predictions,
                   p.batch.rows * HEADS * sizeof(mh_label));
        }
        mh_predictor_destroy(predictor);
    }
    return out;
}

/* ---- averages ---- */

Test(ensemble, one_model_has_its_own_bits)
{
    char *path = save(1, &(member){.threshold = 0.3f});
    mh_ensemble loaded = load(1, &path);
    mh_trained trained;
    MUST(mh_trained_load(path, &trained));
    mh_ensemble single = mh_ensemble_of(&trained);
    mh_dataset *dataset = open_rows(ROWS);
    outcome *a = predict(&loaded, dataset, 1), *b = predict(&single, dataset, 2);

    cr_expect(a->has_logits && b->has_logits);
    EXPECT_SAME_BITS(a, b, 1);
    EXPECT_SAME_BITS(loaded.common.base_rates, trained.base_rates, mh_trained_rates(&trained));
    free(a);
    free(b);
    mh_ensemble_clear(&loaded);
    mh_trained_clear(&trained);
    mh_dataset_close(dataset);
}

Test(ensemble, probabilities_are_means_rounded_once)
{
    char *paths[MEMBERS];
    outcome *alone[MEMBERS];
    mh_dataset *dataset = open_rows(ROWS);
    size_t wrong = 0;

    for (size_t m = 0; m < MEMBERS; m++) {
        paths[m] = save(m, &(member){0});
        mh_ensemble single = load(1, &paths[m]);
        alone[m] = predict(&single, dataset, 1);
        mh_ensemble_clear(&single);
    }
    mh_ensemble all = load(MEMBERS, paths);
    outcome *together = predict(&all, dataset, 1);

    cr_expect(together->has_logits == false);
    for (size_t i = 0; i < ROWS * COLUMNS; i++) {
        double sum = 0;

        for (size_t m = 0; m < MEMBERS; m++)
            sum += (double)alone[m]->probabilities[i];
        wrong += together->probabilities[i] != (float)(sum / MEMBERS);
    }
    for (size_t row = 0; row < ROWS; row++)
        wrong += together->predictions[row * HEADS] != (together->probabilities[row * COLUMNS] > 0.5f);
    cr_expect(zero(sz, wrong));
    for (size_t ranks = 2; ranks <= 4; ranks++) {
        outcome *shared = predict(&all, dataset, ranks);

        EXPECT_SAME_BITS(shared, together, 1);
        free(shared);
    }
    for (size_t m = 0; m < MEMBERS; m++)
        free(alone[m]);
    free(together);
    mh_ensemble_clear(&all);
    mh_dataset_close(dataset);
}

Test(ensemble, rates_and_thresholds_are_means)
{
    char *paths[] = {save(1, &(member){.threshold = 0.2f}), save(3, &(member){0})};
    mh_ensemble e = load(2, paths);

    for (size_t i = 0; i < 5; i++)
        cr_expect(epsilon_eq(dbl, e.common.base_rates[i], 0.3 + 0.01 * (double)i, 1e-12));
    cr_expect(e.common.thresholds != NULL);
    cr_expect(epsilon_eq(flt, e.common.thresholds[0], 0.35f, 1e-6f)); /* without one: one half */
    mh_ensemble_clear(&e);
}

/* ---- agreement ---- */

static void expect_refused(const member *other, const char *words)
{
    char *paths[] = {save(1, &(member){.label = "rain"}), save(2, other)};
    mh_ensemble e;

    EXPECT_FAILURE(mh_ensemble_load(paths, 2, &e), MH_ERR_FORMAT, words);
    EXPECT_SAYS(paths[0]);
    EXPECT_SAYS(paths[1]);
}

Test(ensemble, models_that_answer_other_questions_are_named)
{
    expect_refused(&(member){.inputs = 4}, "takes 4 features");
    expect_refused(&(member){.heads = 3}, "has 3 heads");
    expect_refused(&(member){.classes = 4}, "has 4 classes at head 2");
    expect_refused(&(member){.kind = MH_HEADS_SOFTMAX}, "softmax head 1");
    expect_refused(&(member){.label = "snow"}, "\"snow\" as label 2");
}

Test(ensemble, models_without_names_fit_those_with_some)
{
    char *paths[] = {save(1, &(member){.label = "rain"}), save(2, &(member){0})};
    mh_ensemble e = load(2, paths);

    cr_expect(strcmp(e.common.schema.label_names[1], "rain") == 0);
    mh_ensemble_clear(&e);
}

/* ---- out of fold ---- */

static member of_fold(size_t index, size_t count, size_t rows)
{
    return (member){.fold = {.index = index, .count = count, .seed = 9, .rows = rows}};
}

/* By hand: each model alone over everything, and of that the rows of its fold. */
Test(ensemble, each_row_is_predicted_by_the_model_that_did_not_see_it)
{
    const size_t folds[MEMBERS] = {3, 1, 2}; /* names need not be in the order of folds */
    static uint8_t group[ROWS];
    char *paths[MEMBERS];
    outcome *alone[MEMBERS];
    mh_dataset *dataset = open_rows(ROWS);
    size_t wrong = 0;

    for (size_t m = 0; m < MEMBERS; m++) {
        member own = of_fold(folds[m], MEMBERS, ROWS);

        paths[m] = save(m, &own);
        mh_ensemble single = load(1, &paths[m]);
        alone[m] = predict(&single, dataset, 1);
        mh_ensemble_clear(&single);
    }
    MUST(mh_split_folds(dataset, MEMBERS, 9, group));

    mh_ensemble all = load(MEMBERS, paths);
    MUST(mh_ensemble_choose_out_of_fold(&all, dataset));
    for (size_t ranks = 1; ranks <= 3; ranks++) {
        outcome *out = predict(&all, dataset, ranks);

        cr_expect(out->has_logits);
        for (size_t row = 0; row < ROWS; row++) {
            const outcome *own = alone[group[row] == 2 ? 0 : group[row] == 0 ? 1 : 2];

            wrong += memcmp(out->probabilities + row * COLUMNS, own->probabilities + row * COLUMNS,
                            COLUMNS * sizeof(float)) != 0;
            wrong += memcmp(out->logits + row * COLUMNS, own->logits + row * COLUMNS,
                            COLUMNS * sizeof(float)) != 0;
            wrong += memcmp(out->predictions + row * HEADS, own->predictions + row * HEADS,
                            HEADS * sizeof(mh_label)) != 0;
        }
        free(out);
    }
    cr_expect(zero(sz, wrong));
    for (size_t m = 0; m < MEMBERS; m++)
        free(alone[m]);
    mh_ensemble_clear(&all);
    mh_dataset_close(dataset);
}

static void expect_no_folds(const member *a, const member *b, const char *words)
{
    char *paths[] = {save(1, a), save(2, b)};
    mh_ensemble e = load(2, paths);
    mh_dataset *dataset = open_rows(30);

    EXPECT_FAILURE(mh_ensemble_choose_out_of_fold(&e, dataset), MH_ERR_FORMAT, words);
    mh_dataset_close(dataset);
    mh_ensemble_clear(&e);
}

Test(ensemble, folds_must_be_all_there_and_of_these_rows)
{
    const member first = of_fold(1, 2, 30), second = of_fold(2, 2, 30), third = of_fold(3, 3, 30),
                 longer = of_fold(1, 2, 50), also_longer = of_fold(2, 2, 50), of_three = of_fold(1, 3, 30);
    member other_seed = second;

    other_seed.fold.seed = 10;
    expect_no_folds(&first, &(member){0}, "without --validation-fold");
    expect_no_folds(&first, &first, "both of fold 1");
    expect_no_folds(&of_three, &third, "no model of fold 2/3 is among the 2 given");
    expect_no_folds(&first, &third, "of 3 folds of 30 rows");
    expect_no_folds(&first, &other_seed, "seed 10");
    expect_no_folds(&first, &also_longer, "of 2 folds of 50 rows");
    expect_no_folds(&longer, &also_longer, "has 30");
}
