#include "training_plan.h"

#include <stdio.h>
#include <string.h>

#include "data_source.h"
#include "multihead/base/memory.h"

/* ---- what the options say ---- */

static bool has_own_validation(const options *o)
{
    return o->validation_data.count > 0 || o->validation_rows.has_first || o->validation_rows.has_last;
}

static size_t candidates(const options *o)
{
    return o->dropout.count > o->input_dropout.count ? o->dropout.count : o->input_dropout.count;
}

/* "2/5"; false where it is none of that. */
static bool parse_fold(const char *text, size_t *index, size_t *count)
{
    int length = 0;

    return sscanf(text, "%zu/%zu%n", index, count, &length) == 2 && text[length] == '\0' && *index >= 1 &&
           *index <= *count && *count >= 2 && *count <= MH_SPLIT_GROUPS_MAX && strchr(text, '-') == NULL;
}

bool training_plan_validates(const options *o)
{
    return has_own_validation(o) || o->validation_fraction > 0 || o->validation_fold != NULL ||
           o->cross_validate > 0;
}

mh_status training_plan_check(const options *o)
{
    size_t index = 0, count = 0;
    size_t ways = (size_t)has_own_validation(o) + (o->validation_fraction > 0) +
                  (o->validation_fold != NULL) + (o->cross_validate > 0);

    if (ways > 1)
        return MH_FAIL(MH_ERR_USAGE, "--validation-data, --validation-fraction, --validation-fold and "
                                     "--cross-validate contradict each other: take one");
    if (o->validation_fraction >= 1)
        return MH_FAIL(MH_ERR_USAGE, "--validation-fraction %g: expected a share below 1",
                       o->validation_fraction);
    if (o->validation_fold != NULL && !parse_fold(o->validation_fold, &index, &count))
        return MH_FAIL(MH_ERR_USAGE, "--validation-fold %s: expected I/K, such as 1/5, with K from 2 to %d",
                       o->validation_fold, MH_SPLIT_GROUPS_MAX);
    if (o->cross_validate == 1 || o->cross_validate > MH_SPLIT_GROUPS_MAX)
        return MH_FAIL(MH_ERR_USAGE, "--cross-validate %zu: expected from 2 to %d folds", o->cross_validate,
                       MH_SPLIT_GROUPS_MAX);
    if (o->dropout.count > 1 && o->input_dropout.count > 1 && o->dropout.count != o->input_dropout.count)
        return MH_FAIL(MH_ERR_USAGE, "--dropout has %zu candidates and --input-dropout has %zu",
                       o->dropout.count, o->input_dropout.count);
    if (ways > 0 || o->preset == PRESET_TABULAR)
        return MH_OK;
    if (candidates(o) > 1)
        return MH_FAIL(MH_ERR_USAGE,
                       "several --dropout need rows to choose by: add --validation-fraction 0.1, or "
                       "--cross-validate 5");
    if (o->patience > 0 || o->refit || o->thresholds_objective > 0)
        return MH_FAIL(MH_ERR_USAGE,
                       "--%s needs rows to validate on: add --validation-fraction 0.1, or "
                       "--validation-data PATH",
                       o->patience > 0 ? "patience"
                       : o->refit      ? "refit"
                                       : "thresholds tune");
    return MH_OK;
}

/* ---- splitting ---- */

/* Groups of the split and their shares [MH_SPLIT_GROUPS_MAX]; 0 without a split. */
static size_t choose_groups(const options *o, training_plan *plan, double *shares)
{
    size_t index = 1, count = 0;

    if (o->validation_fraction > 0) {
        shares[0] = o->validation_fraction;
        shares[1] = 1.0 - o->validation_fraction;
        return 2;
    }
    if (o->validation_fold != NULL)
        parse_fold(o->validation_fold, &index, &count);
    else
        count = o->cross_validate;
    for (size_t i = 0; i < count; i++)
        shares[i] = 1.0;
    plan->first_left_out = index - 1;
    if (count > 0)
        plan->fold = (mh_fold){.index = index, .count = count, .seed = o->split_seed, .rows = plan->rows};
    return count;
}

static mh_status check_groups(const training_plan *plan, size_t groups, const char *name)
{
    size_t sizes[MH_SPLIT_GROUPS_MAX] = {0};

    for (size_t row = 0; row < plan->rows; row++)
        sizes[plan->group[row]]++;
    for (size_t i = 0; i < groups; i++)
        if (sizes[i] == 0)
            return MH_FAIL(MH_ERR_FORMAT, "%s: %zu rows are too few for such a validation part", name,
                           plan->rows);
    return MH_OK;
}

/* The largest label of each head, and one more; 2 at least. Reads all labels where the files do not tell. */
static mh_status count_classes(mh_dataset *dataset, size_t *classes)
{
    enum { BLOCK_LABELS = 1 << 18 };
    mh_status status = MH_OK;
    const mh_schema *schema = mh_dataset_schema(dataset);
    size_t heads = schema->heads, rows = mh_dataset_rows(dataset), block = BLOCK_LABELS / heads + 1;
    mh_label *labels = NULL;
    bool is_known = true;

    for (size_t h = 0; h < heads; h++) {
        classes[h] = schema->classes[h] < 2 ? 2 : schema->classes[h];
        is_known = is_known && schema->classes[h] > 0;
    }
    if (is_known)
        return MH_OK;
    MH_TRY(mh_memory_array(block, heads * sizeof *labels, &labels));
    for (size_t first = 0; first < rows; first += block) {
        size_t count = rows - first < block ? rows - first : block;

        MH_TRY(mh_dataset_read_labels(dataset, (mh_span){first, count}, labels));
        for (size_t i = 0; i < count * heads; i++)
            if (labels[i] != MH_LABEL_MISSING && labels[i] >= classes[i % heads])
                classes[i % heads] = (size_t)labels[i] + 1;
    }
cleanup:
    mh_memory_free(labels);
    return status;
}

/* On rank 0, which reads all labels, on behalf of the others. */
static mh_status split(const mh_comm *comm, const options *o, training_plan *plan)
{
    mh_status status = MH_OK;
    mh_dataset *dataset = NULL;
    double shares[MH_SPLIT_GROUPS_MAX];
    size_t groups = 0, heads = 0;
    bool is_root = mh_comm_rank(comm) == 0;

    status = data_source_open(o, &dataset);
    if (status == MH_OK) {
        plan->rows = mh_dataset_rows(dataset);
        heads = mh_dataset_schema(dataset)->heads;
        groups = choose_groups(o, plan, shares);
    }
    if (status == MH_OK && groups > 0)
        status = mh_memory_array(plan->rows, sizeof *plan->group, &plan->group);
    if (status == MH_OK && groups > 0)
        status = mh_memory_array(heads, sizeof *plan->classes, &plan->classes);
    if (status == MH_OK && groups > 0 && is_root)
        status = count_classes(dataset, plan->classes);
    if (status == MH_OK && groups > 0 && is_root)
        status = mh_split_assign(dataset, shares, groups, o->split_seed, plan->group);
    MH_TRY(mh_comm_agree(comm, status));
    if (groups > 0) {
        mh_comm_broadcast(comm, plan->group, plan->rows);
        mh_comm_broadcast(comm, plan->classes, heads * sizeof *plan->classes);
        MH_TRY(check_groups(plan, groups, mh_dataset_name(dataset)));
    }
cleanup:
    mh_dataset_close(dataset);
    return status;
}

mh_status training_plan_create(const mh_comm *comm, const options *o, training_plan *out)
{
    mh_status status = MH_OK;

    *out = (training_plan){0};
    MH_TRY(split(comm, o, out));
    out->candidates = candidates(o);
    out->folds = o->cross_validate > 0 ? o->cross_validate : 1;
    out->trials = training_plan_validates(o) ? out->candidates * out->folds : 0;
    out->refits = out->trials > 0 && (o->refit || o->cross_validate > 0);
    out->stages = out->trials > 0 ? out->trials + out->refits : 1;
cleanup:
    if (status != MH_OK)
        training_plan_clear(out);
    return status;
}

void training_plan_clear(training_plan *plan)
{
    mh_memory_free(plan->group);
    mh_memory_free(plan->classes);
    *plan = (training_plan){0};
}

bool training_plan_is_refit(const training_plan *plan, size_t stage)
{
    return plan->refits && stage == plan->trials;
}

size_t training_plan_candidate(const training_plan *plan, size_t stage)
{
    return stage / plan->folds;
}

mh_span training_plan_trials(const training_plan *plan, size_t candidate)
{
    return (mh_span){candidate * plan->folds, plan->folds};
}

static double candidate_share(const share_list *shares, size_t candidate)
{
    return shares->share[candidate < shares->count ? candidate : 0];
}

double training_plan_dropout(const options *o, size_t candidate)
{
    return candidate_share(&o->dropout, candidate);
}

double training_plan_input_dropout(const options *o, size_t candidate)
{
    return candidate_share(&o->input_dropout, candidate);
}

/* ---- the rows of a stage ---- */

static mh_status pick(mh_dataset *dataset, const training_plan *plan, size_t left_out, bool is_inside)
{
    mh_status status = MH_OK;
    size_t *rows = NULL, count = 0;

    MH_TRY(is_inside ? mh_split_rows_in(plan->group, plan->rows, left_out, &rows, &count)
                     : mh_split_rows_outside(plan->group, plan->rows, left_out, &rows, &count));
    MH_TRY(mh_dataset_pick(dataset, rows, count));
cleanup:
    mh_memory_free(rows);
    return status;
}

/* All rows of the selection, with every class that they have. */
static mh_status open_all(const options *o, const training_plan *plan, mh_dataset **out)
{
    mh_status status = data_source_open(o, out);

    if (status == MH_OK && plan->classes != NULL)
        mh_dataset_tell_classes(*out, plan->classes);
    return status;
}

static mh_status open_validation(const options *o, const training_plan *plan, size_t stage, mh_dataset **out)
{
    mh_status status = MH_OK;

    if (has_own_validation(o))
        return data_source_open_validation(o, out);
    if (plan->group == NULL)
        return MH_OK;
    MH_TRY(open_all(o, plan, out));
    MH_TRY(pick(*out, plan, plan->first_left_out + stage % plan->folds, true));
cleanup:
    return status;
}

mh_status training_plan_open(const options *o, const training_plan *plan, size_t stage, mh_dataset **training,
                             mh_dataset **validation)
{
    mh_status status = MH_OK;
    bool is_refit = training_plan_is_refit(plan, stage);

    MH_TRY(open_all(o, plan, training));
    if (plan->group != NULL && !is_refit)
        MH_TRY(pick(*training, plan, plan->first_left_out + stage % plan->folds, false));
    if (validation != NULL && !is_refit)
        MH_TRY(open_validation(o, plan, stage, validation));
cleanup:
    return status;
}

mh_fold training_plan_fold(const training_plan *plan, size_t stage)
{
    mh_fold fold = plan->fold;

    if (fold.count == 0 || training_plan_is_refit(plan, stage))
        return (mh_fold){0};
    fold.index += stage % plan->folds;
    return fold;
}

const char *training_plan_title(const options *o, const training_plan *plan, size_t stage, char *text,
                                size_t bytes)
{
    size_t candidate = training_plan_candidate(plan, stage), used = 0;

    text[0] = '\0';
    if (plan->stages == 1)
        return text;
    if (training_plan_is_refit(plan, stage)) {
        snprintf(text, bytes, "all rows");
        return text;
    }
    if (plan->candidates > 1)
        used = (size_t)snprintf(text, bytes, "dropout %.2g%s", training_plan_dropout(o, candidate),
                                plan->folds > 1 ? ", " : "");
    if (plan->folds > 1)
        snprintf(text + used, bytes - used, "fold %zu/%zu", stage % plan->folds + 1, plan->folds);
    else if (plan->candidates == 1)
        snprintf(text, bytes, "validated");
    return text;
}
