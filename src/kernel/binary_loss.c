#include "head_lanes.h"
#include "loops.h"
#include "terms.h"

/*
 * As many heads at a time as there are lanes, and of a block of rows all heads before the next block: so what a block's
 * labels take stays in L2 while they are read a few heads at a time.
 */
enum { BLOCK = 32 };

/* Some heads of some rows. */
typedef struct {
    const mh_heads_loss *loss;
    shape_numbers numbers;
    size_t row, rows;
    size_t head, heads; /* LANES of them, or what is left */
} part;

/* Of [heads] numbers; 1 where there are none. */
INLINE vector load_factors(const float *factors, const part *p)
{
    float some[LANES];

    for (size_t i = 0; i < LANES; i++)
        some[i] = factors != NULL && i < p->heads ? factors[p->head + i] : 1.0f;
    return load(some);
}

/* All but the part are constants wherever it is called. */
INLINE void run_rows(const part *p, const mh_loss_shape_kind kind, const bool is_weighted,
                     const bool is_whole)
{
    const mh_heads_loss *l = p->loss;
    size_t step = l->logits.width, heads = l->logits.columns;
    const float *z = mh_panels_element(&l->logits, p->row, p->head);
    size_t at = (size_t)(z - l->logits.values), label = p->row * heads + p->head,
           labels = l->logits.rows * heads;
    vector weight = load_factors(l->weights, p), positive = load_factors(l->positive_weights, p);
    vector_bits is_head = first_lanes(p->heads);
    head_sums sums = sums_from(l->loss + p->head, p->heads);
    vector slope_sums = same(0);

    for (size_t row = 0; row < p->rows; row++, z += step, at += step, label += heads) {
        vector_bits y = load_labels(l->labels + label, labels - label);
        vector_bits is_known = is_head & (y != UINT16_MAX), is_positive = y == 1;
        term t = binary_term(kind, &p->numbers, is_whole ? load(z) : load_some(z, p->heads), is_positive);

        if (is_weighted) {
            vector own = choose(is_positive, positive, same(1));

            t.loss *= own;
            t.slope *= weight * own;
        }
        add_row(&sums, where(is_known, t.loss));
        sums.known -= (vector_words)is_known;
        if (l->slopes == NULL)
            continue;
        t.slope = where(is_known, t.slope);
        slope_sums += t.slope;
        if (is_whole)
            store(l->slopes + at, t.slope);
        else
            store_some(l->slopes + at, p->heads, t.slope);
    }
    store_sums(&sums, p->heads, l->loss + p->head, l->known + p->head);
    if (l->slope_sums != NULL)
        add_some(l->slope_sums + p->head, p->heads, slope_sums);
}

/* The columns that fill up a panel may be read and written; what is behind a row may not. */
INLINE void run(const part *p, const mh_loss_shape_kind kind, const bool is_weighted)
{
    if (p->heads == LANES || p->loss->logits.width == MH_PANEL)
        run_rows(p, kind, is_weighted, true);
    else
        run_rows(p, kind, is_weighted, false);
}

/* A function for each, so that what one of them needs in registers is not in the others' way. */
static void run_cross_entropy(const part *p)
{
    run(p, MH_SHAPE_CROSS_ENTROPY, false);
}

static void run_weighted_cross_entropy(const part *p)
{
    run(p, MH_SHAPE_CROSS_ENTROPY, true);
}

static void run_focal(const part *p)
{
    run(p, MH_SHAPE_FOCAL, true);
}

static void run_asymmetric(const part *p)
{
    run(p, MH_SHAPE_ASYMMETRIC, true);
}

void KERNEL(binary_loss)(const mh_heads_loss *loss)
{
    size_t rows = loss->logits.rows, heads = loss->logits.columns;
    bool is_weighted = loss->weights != NULL || loss->positive_weights != NULL;
    part p = {.loss = loss, .numbers = numbers_of(&loss->shape)};
    void (*run_part)(const part *p) = loss->shape.kind == MH_SHAPE_FOCAL        ? run_focal
                                      : loss->shape.kind == MH_SHAPE_ASYMMETRIC ? run_asymmetric
                                      : is_weighted                             ? run_weighted_cross_entropy
                                                                                : run_cross_entropy;

    for (p.row = 0; p.row < rows; p.row += BLOCK) {
        p.rows = rows - p.row < BLOCK ? rows - p.row : BLOCK;
        for (p.head = 0; p.head < heads; p.head += LANES) {
            p.heads = heads - p.head < LANES ? heads - p.head : LANES;
            run_part(&p);
        }
    }
}
