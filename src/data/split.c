#include "multihead/data/split.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "multihead/base/memory.h"
#include "multihead/base/phase.h"
#include "multihead/base/random.h"

enum { BLOCK_LABELS = 1 << 20 }; /* labels that are read at a time, or one row */

static const uint8_t nowhere = UINT8_MAX;

/* A label is a pair of head and class here, numbered head by head; who has which, by row and by label. */
typedef struct {
    size_t rows, heads;
    size_t labels;
    size_t *classes; /* [heads] two, until a row says more                            */
    size_t *first;   /* [heads] number of the head's first label                      */

    size_t count, room; /* of label_of                                                */
    size_t *row_end;    /* [rows] where a row's labels end, and those of the next begin  */
    uint32_t *label_of; /* [count] labels, row by row                                 */

    size_t *label_end; /* [labels] where a label's rows end                           */
    uint32_t *row_of;  /* [count] rows, label by label, in random order               */
} positives;

static void clear(positives *p)
{
    mh_memory_free(p->classes);
    mh_memory_free(p->first);
    mh_memory_free(p->row_end);
    mh_memory_free(p->label_of);
    mh_memory_free(p->label_end);
    mh_memory_free(p->row_of);
}

/* ---- the labels of each row ---- */

static mh_status create(mh_dataset *dataset, positives *p)
{
    mh_status status = MH_OK;
    const mh_schema *schema = mh_dataset_schema(dataset);

    p->rows = mh_dataset_rows(dataset);
    p->heads = schema->heads;
    if (p->rows > UINT32_MAX)
        return MH_FAIL(MH_ERR_FORMAT, "%s: more than %u rows cannot be dealt into groups",
                       mh_dataset_name(dataset), UINT32_MAX);
    MH_TRY(mh_memory_array(p->heads, sizeof *p->classes, &p->classes));
    MH_TRY(mh_memory_array(p->heads, sizeof *p->first, &p->first));
    MH_TRY(mh_memory_array(p->rows, sizeof *p->row_end, &p->row_end));
    for (size_t h = 0; h < p->heads; h++)
        p->classes[h] = schema->classes[h] > 2 ? schema->classes[h] : 2;
cleanup:
    return status;
}

static mh_status number_labels(positives *p)
{
    p->labels = 0;
    for (size_t h = 0; h < p->heads; h++) {
        p->first[h] = p->labels;
        p->labels += p->classes[h] == 2 ? 1 : p->classes[h];
    }
    if (p->labels > UINT32_MAX)
        return MH_FAIL(MH_ERR_MEMORY, "no memory for the classes of all labels, %zu together", p->labels);
    return MH_OK;
}

static mh_status make_room(positives *p, size_t more)
{
    mh_status status = MH_OK;
    size_t room = 2 * (p->count + more);
    uint32_t *longer = NULL;

    if (p->count + more <= p->room)
        return MH_OK;
    MH_TRY(mh_memory_array(room, sizeof *longer, &longer));
    if (p->count > 0)
        memcpy(longer, p->label_of, p->count * sizeof *longer);
    mh_memory_free(p->label_of);
    p->label_of = longer;
    p->room = room;
cleanup:
    return status;
}

/* Returns whether a class turned up that was not known. */
static bool add_row(positives *p, size_t row, const mh_label *labels)
{
    bool is_news = false;

    for (size_t h = 0; h < p->heads; h++) {
        mh_label label = labels[h];

        if (label == MH_LABEL_MISSING || (label == 0 && p->classes[h] == 2))
            continue;
        if (label >= p->classes[h]) {
            p->classes[h] = (size_t)label + 1;
            is_news = true;
        }
        p->label_of[p->count++] = (uint32_t)(p->first[h] + (p->classes[h] == 2 ? 0 : label));
    }
    p->row_end[row] = p->count;
    return is_news;
}

static mh_status read_once(mh_dataset *dataset, positives *p, size_t block_rows, mh_label *block,
                           bool *is_news)
{
    mh_status status = MH_OK;

    *is_news = false;
    p->count = 0;
    MH_TRY(number_labels(p));
    for (size_t first = 0; first < p->rows; first += block_rows) {
        size_t count = p->rows - first < block_rows ? p->rows - first : block_rows;

        MH_TRY(mh_dataset_read_labels(dataset, (mh_span){first, count}, block));
        for (size_t i = 0; i < count; i++) {
            MH_TRY(make_room(p, p->heads));
            *is_news = add_row(p, first + i, block + i * p->heads) || *is_news;
        }
    }
cleanup:
    return status;
}

/* Again from the start when a head has more classes than was known, since then class 0 counts too. */
static mh_status read_positives(mh_dataset *dataset, positives *p)
{
    mh_status status = MH_OK;
    mh_label *block = NULL;
    bool is_news = true;

    MH_TRY(create(dataset, p));
    if (p->heads == 0)
        return MH_OK;
    size_t block_rows = p->heads < BLOCK_LABELS ? BLOCK_LABELS / p->heads : 1;
    MH_TRY(mh_memory_array(block_rows, p->heads * sizeof *block, &block));
    while (is_news)
        MH_TRY(read_once(dataset, p, block_rows, block, &is_news));
cleanup:
    mh_memory_free(block);
    return status;
}

/* ---- the rows of each label ---- */

/* Fisher and Yates. */
static void shuffle(uint32_t *order, size_t rows, uint64_t seed)
{
    mh_random stream = mh_random_stream(seed, MH_RANDOM_SPLIT, 0, 0);

    for (size_t i = 0; i < rows; i++)
        order[i] = (uint32_t)i;
    for (size_t i = rows; i > 1; i--) {
        size_t other = mh_random_below(&stream, i, i);
        uint32_t row = order[i - 1];

        order[i - 1] = order[other];
        order[other] = row;
    }
}

static size_t row_first(const positives *p, size_t row)
{
    return row > 0 ? p->row_end[row - 1] : 0;
}

static size_t label_first(const positives *p, size_t label)
{
    return label > 0 ? p->label_end[label - 1] : 0;
}

static size_t label_rows(const positives *p, size_t label)
{
    return p->label_end[label] - label_first(p, label);
}

static mh_status list_rows(positives *p, const uint32_t *order)
{
    mh_status status = MH_OK;
    size_t before = 0;

    MH_TRY(mh_memory_array(p->labels, sizeof *p->label_end, &p->label_end));
    MH_TRY(mh_memory_array(p->count, sizeof *p->row_of, &p->row_of));
    for (size_t i = 0; i < p->count; i++)
        p->label_end[p->label_of[i]]++;
    for (size_t label = 0; label < p->labels; label++) {
        size_t count = p->label_end[label];

        p->label_end[label] = before; /* where it begins, until rows are there */
        before += count;
    }
    for (size_t i = 0; i < p->rows; i++)
        for (size_t j = row_first(p, order[i]); j < p->row_end[order[i]]; j++)
            p->row_of[p->label_end[p->label_of[j]]++] = order[i];
cleanup:
    return status;
}

/* ---- dealing ---- */

typedef struct {
    const positives *positives;
    size_t groups;
    double share[MH_SPLIT_GROUPS_MAX]; /* sum 1                                   */
    size_t left[MH_SPLIT_GROUPS_MAX];  /* rows that the group still takes         */
    uint32_t *taken;                   /* [labels x groups] of the label's rows   */
    mh_random ties;
    uint8_t *group;
} deal;

/* Whole rows for each group: the shares rounded down, and one more for those that lost most. */
static void size_groups(deal *d, const double *shares, size_t rows)
{
    double rest[MH_SPLIT_GROUPS_MAX], sum = 0.0;
    size_t dealt = 0;

    for (size_t g = 0; g < d->groups; g++)
        sum += shares[g];
    for (size_t g = 0; g < d->groups; g++) {
        double size = shares[g] / sum * (double)rows;

        d->share[g] = shares[g] / sum;
        d->left[g] = (size_t)size;
        rest[g] = size - floor(size);
        dealt += d->left[g];
    }
    for (; dealt < rows; dealt++) {
        size_t most = 0;

        for (size_t g = 1; g < d->groups; g++)
            most = rest[g] > rest[most] ? g : most;
        d->left[most]++;
        rest[most] = -1.0;
    }
}

/* Rows of a label that the group should have and has not. */
static double lack_of(const deal *d, size_t label, size_t group)
{
    double rows = (double)label_rows(d->positives, label);

    return d->share[group] * rows - (double)d->taken[label * d->groups + group];
}

/* The groups among `group` [count] that have the largest number; the list is shortened to them. */
static size_t keep_largest(const double *number, size_t *group, size_t count)
{
    double largest = -INFINITY;
    size_t kept = 0;

    for (size_t i = 0; i < count; i++)
        largest = number[group[i]] > largest ? number[group[i]] : largest;
    for (size_t i = 0; i < count; i++)
        if (number[group[i]] == largest)
            group[kept++] = group[i];
    return kept;
}

/* What each group lacks of all the row's labels, as parts of these, and of rows, which are a label that all have. */
static void sum_lacks(const deal *d, size_t row, const size_t *group, size_t count, double *sum)
{
    const positives *p = d->positives;

    for (size_t i = 0; i < count; i++)
        sum[group[i]] = (double)d->left[group[i]] / (double)p->rows;
    for (size_t j = row_first(p, row); j < p->row_end[row]; j++) {
        double part = 1.0 / (double)label_rows(p, p->label_of[j]);

        for (size_t i = 0; i < count; i++)
            sum[group[i]] += lack_of(d, p->label_of[j], group[i]) * part;
    }
}

/*
 * Of the groups that take rows the one that lacks most of `label`; among equals the one that lacks most of all that
 * the row has. Without that the common labels, which come last, would have to take what is left.
 */
static size_t choose_group(const deal *d, size_t row, const uint32_t *label)
{
    double lack[MH_SPLIT_GROUPS_MAX];
    size_t group[MH_SPLIT_GROUPS_MAX], count = 0;

    for (size_t g = 0; g < d->groups; g++)
        if (d->left[g] > 0)
            group[count++] = g;
    if (label != NULL) {
        for (size_t i = 0; i < count; i++)
            lack[group[i]] = lack_of(d, *label, group[i]);
        count = keep_largest(lack, group, count);
    }
    if (count > 1) {
        sum_lacks(d, row, group, count, lack);
        count = keep_largest(lack, group, count);
    }
    return group[count > 1 ? mh_random_below(&d->ties, row, count) : 0];
}

static void put_row(deal *d, size_t row, size_t group)
{
    const positives *p = d->positives;

    mh_phase_beat();
    d->group[row] = (uint8_t)group;
    d->left[group]--;
    for (size_t i = row_first(p, row); i < p->row_end[row]; i++)
        d->taken[p->label_of[i] * d->groups + group]++;
}

static void deal_label(deal *d, uint32_t label)
{
    const positives *p = d->positives;

    for (size_t i = label_first(p, label); i < p->label_end[label]; i++) {
        size_t row = p->row_of[i];

        if (d->group[row] == nowhere)
            put_row(d, row, choose_group(d, row, &label));
    }
}

typedef struct {
    size_t rows, label;
} rare;

static int by_rows(const void *a, const void *b)
{
    const rare *x = a, *y = b;

    if (x->rows != y->rows)
        return x->rows < y->rows ? -1 : 1;
    return x->label < y->label ? -1 : 1;
}

static mh_status deal_all(deal *d, const uint32_t *order)
{
    mh_status status = MH_OK;
    const positives *p = d->positives;
    rare *rarest = NULL;

    MH_TRY(mh_memory_array(p->labels, d->groups * sizeof *d->taken, &d->taken));
    MH_TRY(mh_memory_array(p->labels, sizeof *rarest, &rarest));
    for (size_t label = 0; label < p->labels; label++)
        rarest[label] = (rare){label_rows(p, label), label};
    qsort(rarest, p->labels, sizeof *rarest, by_rows);
    for (size_t i = 0; i < p->labels; i++)
        deal_label(d, (uint32_t)rarest[i].label);
    for (size_t i = 0; i < p->rows; i++)
        if (d->group[order[i]] == nowhere)
            put_row(d, order[i], choose_group(d, order[i], NULL));
cleanup:
    mh_memory_free(rarest);
    return status;
}

mh_status mh_split_assign(mh_dataset *dataset, const double *shares, size_t groups, uint64_t seed,
                          uint8_t *group)
{
    mh_status status = MH_OK;
    positives p = {0};
    deal d = {.positives = &p, .groups = groups, .group = group};
    uint32_t *order = NULL;
    const char *before = mh_phase_name();

    assert(groups > 0 && groups <= MH_SPLIT_GROUPS_MAX);
    MH_TRY(read_positives(dataset, &p));
    mh_phase_enter("splitting rows");
    MH_TRY(mh_memory_array(p.rows, sizeof *order, &order));
    shuffle(order, p.rows, seed);
    MH_TRY(list_rows(&p, order));
    size_groups(&d, shares, p.rows);
    d.ties = mh_random_stream(seed, MH_RANDOM_SPLIT, 0, 1);
    memset(group, nowhere, p.rows);
    MH_TRY(deal_all(&d, order));
    mh_phase_enter(before);
cleanup:
    mh_memory_free(d.taken);
    mh_memory_free(order);
    clear(&p);
    return status;
}

mh_status mh_split_folds(mh_dataset *dataset, size_t count, uint64_t seed, uint8_t *group)
{
    double shares[MH_SPLIT_GROUPS_MAX];

    assert(count <= MH_SPLIT_GROUPS_MAX);
    for (size_t g = 0; g < count; g++)
        shares[g] = 1.0;
    return mh_split_assign(dataset, shares, count, seed, group);
}

/* ---- lists ---- */

static mh_status list(const uint8_t *group, size_t rows, size_t which, bool is_inside, size_t **out,
                      size_t *count)
{
    mh_status status = MH_OK;
    size_t found = 0;

    for (size_t row = 0; row < rows; row++)
        found += (group[row] == which) == is_inside;
    MH_TRY(mh_memory_array(found, sizeof **out, out));
    *count = 0;
    for (size_t row = 0; row < rows; row++)
        if ((group[row] == which) == is_inside)
            (*out)[(*count)++] = row;
cleanup:
    return status;
}

mh_status mh_split_rows_in(const uint8_t *group, size_t rows, size_t which, size_t **out, size_t *count)
{
    return list(group, rows, which, true, out, count);
}

mh_status mh_split_rows_outside(const uint8_t *group, size_t rows, size_t which, size_t **out, size_t *count)
{
    return list(group, rows, which, false, out, count);
}
