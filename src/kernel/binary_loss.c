#include "loops.h"
#include "terms.h"

/*
 * As many heads at a time as there are lanes, and of a block of rows all heads before the next block: so what a block's
 * labels take stays in L2 while they are read a few heads at a time.
 */
enum { BLOCK = 32 };

typedef uint16_t vector_labels __attribute__((vector_size(2 * LANES)));

/* Some heads of some rows. */
typedef struct {
    const mh_binary_loss *loss;
    shape_numbers numbers;
    size_t row, rows;
    size_t head, heads; /* LANES of them, or what is left */
} part;

INLINE vector_bits widened_labels(const uint16_t *from)
{
#if defined(__AVX512F__)
    return (vector_bits)_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)from));
#elif defined(__AVX2__) && defined(__FMA__)
    return (vector_bits)_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)from));
#else
    vector_labels labels;

    memcpy(&labels, from, sizeof labels);
    return __builtin_convertvector(labels, vector_bits);
#endif
}

/* `available` labels may be read. */
INLINE vector_bits load_labels(const uint16_t *from, size_t available)
{
    uint16_t some[LANES] = {0};

    if (available >= LANES)
        return widened_labels(from);
    for (size_t i = 0; i < available; i++)
        some[i] = from[i];
    return widened_labels(some);
}

/* Of [heads] numbers; 1 where there are none. */
INLINE vector load_factors(const float *factors, const part *p)
{
    float some[LANES];

    for (size_t i = 0; i < LANES; i++)
        some[i] = factors != NULL && i < p->heads ? factors[p->head + i] : 1.0f;
    return load(some);
}

typedef struct {
    double_vector low, high;
    vector_words known;
} sums;

static void add_sums(const part *p, const sums *s)
{
    double loss[LANES];
    unsigned known[LANES];

    memcpy(loss, &s->low, sizeof s->low);
    memcpy(loss + LANES / 2, &s->high, sizeof s->high);
    memcpy(known, &s->known, sizeof known);
    for (size_t i = 0; i < p->heads; i++) {
        p->loss->loss[p->head + i] = loss[i];
        p->loss->known[p->head + i] += known[i];
    }
}

static sums start_sums(const part *p)
{
    double loss[LANES] = {0};
    sums s = {.known = {0}};

    memcpy(loss, p->loss->loss + p->head, p->heads * sizeof *loss);
    memcpy(&s.low, loss, sizeof s.low);
    memcpy(&s.high, loss + LANES / 2, sizeof s.high);
    return s;
}

/* All but the part are constants wherever it is called. */
INLINE void run_rows(const part *p, const mh_loss_shape_kind kind, const bool is_weighted,
                     const bool is_whole)
{
    const mh_binary_loss *l = p->loss;
    size_t step = l->logits.width, heads = l->logits.columns;
    const float *z = mh_panels_element(&l->logits, p->row, p->head);
    float *slopes = l->slopes + (z - l->logits.values);
    size_t label = p->row * heads + p->head, labels = l->logits.rows * heads;
    vector weight = load_factors(l->weights, p), positive = load_factors(l->positive_weights, p);
    vector_bits is_head;
    sums s = start_sums(p);

    for (int i = 0; i < LANES; i++)
        is_head[i] = i < (int)p->heads ? -1 : 0;
    for (size_t row = 0; row < p->rows; row++, z += step, slopes += step, label += heads) {
        vector_bits y = load_labels(l->labels + label, labels - label);
        vector_bits is_known = is_head & (y != UINT16_MAX), is_positive = y == 1;
        term t = binary_term(kind, &p->numbers, is_whole ? load(z) : load_some(z, p->heads), is_positive);

        if (is_weighted) {
            vector own = choose(is_positive, positive, same(1));

            t.loss *= own;
            t.slope *= weight * own;
        }
        t.loss = (vector)((vector_bits)t.loss & is_known);
        t.slope = (vector)((vector_bits)t.slope & is_known);
        s.low += widened_low(t.loss);
        s.high += widened_high(t.loss);
        s.known -= (vector_words)is_known;
        if (is_whole)
            store(slopes, t.slope);
        else
            memcpy(slopes, &t.slope, p->heads * sizeof *slopes);
    }
    add_sums(p, &s);
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

void KERNEL(binary_loss)(const mh_binary_loss *loss)
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
