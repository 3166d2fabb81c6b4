#include "multihead/training/ensemble.h"

#include <string.h>

#include "multihead/base/memory.h"

/* ---- one question ---- */

/* A member beside the first one, for messages. */
typedef struct {
    const char *path, *first_path;
    const mh_trained *member, *first;
} pair;

static mh_status compare_sizes(const pair *p)
{
    const mh_schema *a = &p->member->schema, *b = &p->first->schema;

    if (a->inputs != b->inputs)
        return MH_FAIL(MH_ERR_FORMAT, "%s takes %zu features, but %s takes %zu: they cannot be averaged",
                       p->path, a->inputs, p->first_path, b->inputs);
    if (a->heads != b->heads)
        return MH_FAIL(MH_ERR_FORMAT, "%s has %zu heads, but %s has %zu: they cannot be averaged", p->path,
                       a->heads, p->first_path, b->heads);
    for (size_t h = 0; h < a->heads; h++)
        if (a->classes[h] != b->classes[h])
            return MH_FAIL(MH_ERR_FORMAT,
                           "%s has %zu classes at head %zu, but %s has %zu: they cannot be averaged", p->path,
                           a->classes[h], h + 1, p->first_path, b->classes[h]);
    return MH_OK;
}

static mh_status compare_heads(const pair *p)
{
    const mh_heads *a = mh_model_heads(p->member->model), *b = mh_model_heads(p->first->model);

    for (size_t h = 0; h < a->count; h++)
        if (a->head[h].is_binary != b->head[h].is_binary)
            return MH_FAIL(MH_ERR_FORMAT,
                           "%s has a %s head %zu, but %s has a %s one: --heads must have been the same",
                           p->path, a->head[h].is_binary ? "binary" : "softmax", h + 1, p->first_path,
                           b->head[h].is_binary ? "binary" : "softmax");
    if (a->activation != b->activation)
        return MH_FAIL(MH_ERR_FORMAT, "%s and %s differ in --head-activation: they cannot be averaged",
                       p->path, p->first_path);
    return MH_OK;
}

static mh_status compare_names(const pair *p, const char *what, size_t count, char *const *a, char *const *b)
{
    for (size_t i = 0; a != NULL && b != NULL && i < count; i++)
        if (strcmp(a[i], b[i]) != 0)
            return MH_FAIL(MH_ERR_FORMAT, "%s has \"%s\" as %s %zu, but %s has \"%s\"", p->path, a[i], what,
                           i + 1, p->first_path, b[i]);
    return MH_OK;
}

static mh_status compare(const pair *p)
{
    mh_status status = MH_OK;
    const mh_schema *a = &p->member->schema, *b = &p->first->schema;

    MH_TRY(compare_sizes(p));
    MH_TRY(compare_heads(p));
    MH_TRY(compare_names(p, "feature", a->inputs, a->feature_names, b->feature_names));
    MH_TRY(compare_names(p, "label", a->heads, a->label_names, b->label_names));
    MH_TRY(compare_names(p, "classes of label", a->heads, a->class_names, b->class_names));
cleanup:
    return status;
}

/* ---- what they have in common ---- */

static mh_status average_rates(mh_ensemble *e)
{
    mh_status status = MH_OK;
    size_t rates = mh_trained_rates(&e->common);

    MH_TRY(mh_memory_array(rates, sizeof *e->common.base_rates, &e->common.base_rates));
    for (size_t i = 0; i < rates; i++) {
        for (size_t m = 0; m < e->count; m++)
            e->common.base_rates[i] += e->member[m].base_rates[i];
        e->common.base_rates[i] /= (double)e->count;
    }
cleanup:
    return status;
}

/* A member without thresholds takes the likeliest class: with two classes that is one half. */
static mh_status average_thresholds(mh_ensemble *e)
{
    mh_status status = MH_OK;
    size_t heads = e->common.schema.heads;
    bool has_some = false;

    for (size_t m = 0; m < e->count; m++)
        has_some = has_some || e->member[m].thresholds != NULL;
    if (!has_some)
        return MH_OK;
    MH_TRY(mh_memory_array(heads, sizeof *e->common.thresholds, &e->common.thresholds));
    for (size_t h = 0; h < heads; h++) {
        double sum = 0.0;

        for (size_t m = 0; m < e->count; m++)
            sum += e->member[m].thresholds != NULL ? (double)e->member[m].thresholds[h] : 0.5;
        e->common.thresholds[h] = (float)(sum / (double)e->count);
    }
cleanup:
    return status;
}

static mh_status average(mh_ensemble *e)
{
    mh_status status = MH_OK;

    e->common = e->member[0];
    if (e->count == 1)
        return MH_OK;
    e->common.base_rates = NULL;
    e->common.thresholds = NULL;
    e->common.fold = (mh_fold){0};
    MH_TRY(average_rates(e));
    MH_TRY(average_thresholds(e));
cleanup:
    return status;
}

mh_status mh_ensemble_load(char *const *paths, size_t count, mh_ensemble *out)
{
    mh_status status = MH_OK;

    *out = (mh_ensemble){0};
    MH_TRY(mh_memory_array(count, sizeof *out->member, &out->member));
    out->count = count;
    MH_TRY(mh_schema_names_copy(paths, count, &out->path));
    for (size_t m = 0; m < count; m++) {
        const pair pair = {paths[m], paths[0], &out->member[m], &out->member[0]};

        MH_TRY(mh_trained_load(paths[m], &out->member[m]));
        MH_TRY(compare(&pair));
    }
    MH_TRY(average(out));
cleanup:
    if (status != MH_OK)
        mh_ensemble_clear(out);
    return status;
}

mh_status mh_ensemble_set_thresholds(mh_ensemble *e, const double *thresholds)
{
    mh_status status = MH_OK;
    mh_trained *owner = e->count == 1 ? &e->member[0] : &e->common;

    /* A single member's own arrays are the common ones. */
    MH_TRY(mh_trained_set_threshold(owner, 0.5f));
    for (size_t h = 0; h < owner->schema.heads; h++)
        owner->thresholds[h] = (float)thresholds[h];
    if (e->count == 1)
        e->common.thresholds = e->member[0].thresholds;
cleanup:
    return status;
}

void mh_ensemble_clear(mh_ensemble *e)
{
    if (e->count > 1) {
        mh_memory_free(e->common.base_rates);
        mh_memory_free(e->common.thresholds);
    }
    for (size_t m = 0; m < e->count; m++)
        mh_trained_clear(&e->member[m]);
    mh_schema_names_free(e->path, e->count);
    mh_memory_free(e->member);
    mh_memory_free(e->chosen);
    *e = (mh_ensemble){0};
}

mh_ensemble mh_ensemble_of(const mh_trained *trained)
{
    return (mh_ensemble){.count = 1, .member = (mh_trained *)trained, .common = *trained};
}

/* ---- out of fold ---- */

/* Whether all members are folds of the same rows dealt the same way. */
static mh_status expect_one_deal(const mh_ensemble *e, const mh_dataset *dataset)
{
    const mh_fold *first = &e->member[0].fold;

    for (size_t m = 0; m < e->count; m++) {
        const mh_fold *fold = &e->member[m].fold;

        if (fold->count == 0)
            return MH_FAIL(MH_ERR_FORMAT, "%s: was trained on all of its rows, without --validation-fold",
                           e->path[m]);
        if (fold->count != first->count || fold->seed != first->seed || fold->rows != first->rows)
            return MH_FAIL(MH_ERR_FORMAT,
                           "%s is of %zu folds of %zu rows dealt by seed %llu, but %s of %zu of %zu by %llu",
                           e->path[m], fold->count, fold->rows, (unsigned long long)fold->seed, e->path[0],
                           first->count, first->rows, (unsigned long long)first->seed);
    }
    if (first->rows != mh_dataset_rows(dataset))
        return MH_FAIL(MH_ERR_FORMAT,
                       "%s: is from %zu rows of which one fold was left out, but %s has %zu: take the same "
                       "--data and --rows",
                       e->path[0], first->rows, mh_dataset_name(dataset), mh_dataset_rows(dataset));
    return MH_OK;
}

/* member_of [folds]: group of mh_split_folds -> member */
static mh_status find_members(const mh_ensemble *e, uint8_t member_of[MH_SPLIT_GROUPS_MAX])
{
    const uint8_t nobody = UINT8_MAX;
    size_t folds = e->member[0].fold.count;

    memset(member_of, nobody, folds);
    for (size_t m = 0; m < e->count; m++) {
        uint8_t *member = &member_of[e->member[m].fold.index - 1];

        if (*member != nobody)
            return MH_FAIL(MH_ERR_FORMAT, "%s and %s are both of fold %zu", e->path[*member], e->path[m],
                           e->member[m].fold.index);
        *member = (uint8_t)m;
    }
    for (size_t fold = 0; fold < folds; fold++)
        if (member_of[fold] == nobody)
            return MH_FAIL(MH_ERR_FORMAT, "no model of fold %zu/%zu is among the %zu given", fold + 1, folds,
                           e->count);
    return MH_OK;
}

mh_status mh_ensemble_choose_out_of_fold(mh_ensemble *e, mh_dataset *dataset)
{
    mh_status status = MH_OK;
    size_t rows = mh_dataset_rows(dataset);
    uint8_t member_of[MH_SPLIT_GROUPS_MAX];

    MH_TRY(expect_one_deal(e, dataset));
    MH_TRY(find_members(e, member_of));
    MH_TRY(mh_memory_array(rows, sizeof *e->chosen, &e->chosen));
    MH_TRY(mh_split_folds(dataset, e->member[0].fold.count, e->member[0].fold.seed, e->chosen));
    for (size_t row = 0; row < rows; row++)
        e->chosen[row] = member_of[e->chosen[row]];
cleanup:
    return status;
}
