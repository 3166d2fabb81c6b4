#include "columns.h"
#include "head_lanes.h"
#include "loops.h"
#include "softmax.h"

/*
 * Rows are in lanes, all columns of as many rows as there are lanes before the next rows. Labels come and losses go with
 * heads in lanes: as many heads as there are lanes at a time, transposed.
 */

/* One head of a block of rows. */
typedef struct {
    const shape_numbers *numbers;
    float *columns;        /* [classes][LANES] of logits, then of slopes */
    float *sigmoid_slopes; /* the same, of scores in the logits */
    size_t classes;
    vector_bits labels;
    float weight, positive_weight;
} head;

/* Each of them returns the losses and puts slopes in place of the logits. */
typedef vector head_function(const head *h);

INLINE vector_bits is_known(const head *h)
{
    return h->labels != UINT16_MAX;
}

/* The factor of the loss. */
INLINE vector positive_weight(const head *h)
{
    return choose(h->labels == 1, same(h->positive_weight), same(1));
}

INLINE vector binary(const head *h, const mh_loss_shape_kind kind)
{
    term t = binary_term(kind, h->numbers, load(h->columns), h->labels == 1);
    vector factor = positive_weight(h);

    store(h->columns, where(is_known(h), t.slope * (same(h->weight) * factor)));
    return where(is_known(h), t.loss * factor);
}

/*
 * Slopes of cross entropy: p of every class, less 1 for the label's, which is minus the sum of the other p. All of them
 * are exponentials over the sum, `scale`; those of focal differ by one factor.
 */
INLINE vector softmax(const head *h, const bool is_focal, const bool has_sigmoid)
{
    exponentials e = has_sigmoid
                         ? exponentials_of_sigmoids(h->columns, h->classes, h->labels, h->sigmoid_slopes)
                         : exponentials_of_logits(h->columns, h->classes, h->labels);
    vector scale = same(1) / (e.own + e.others), loss = minus_log_own(&e, scale), factor = positive_weight(h);

    if (is_focal) {
        exponent gamma = h->numbers->gamma;
        vector p = e.own * scale, rest = e.others * scale;
        vector focus = power(gamma, rest, gamma.whole < 0 ? vector_log(rest) : same(0));

        /* Where there is no rest there is no slope, and 0 / 0 is not 0; neither is 0 times an infinite loss. */
        scale = choose(e.others == same(0), same(0),
                       focus * ((rest + same(gamma.gamma) * where_positive(p, p * loss)) / e.others));
        loss *= focus;
    }
    scale *= same(h->weight) * factor;

    vector own_slope = -(e.others * scale);

    for (size_t c = 0; c < h->classes; c++) {
        vector slope = choose(h->labels == (int)c, own_slope, load(h->columns + c * LANES) * scale);

        if (has_sigmoid)
            slope *= load(h->sigmoid_slopes + c * LANES);
        store(h->columns + c * LANES, where(is_known(h), slope));
    }
    return where(is_known(h), loss * factor);
}

static vector binary_cross_entropy(const head *h)
{
    return binary(h, MH_SHAPE_CROSS_ENTROPY);
}

static vector binary_focal(const head *h)
{
    return binary(h, MH_SHAPE_FOCAL);
}

static vector binary_asymmetric(const head *h)
{
    return binary(h, MH_SHAPE_ASYMMETRIC);
}

static vector softmax_cross_entropy(const head *h)
{
    return softmax(h, false, false);
}

static vector softmax_focal(const head *h)
{
    return softmax(h, true, false);
}

static vector softmax_of_sigmoids(const head *h)
{
    return softmax(h, false, true);
}

typedef struct {
    const mh_head_columns *heads;
    const mh_heads_loss *loss;
    shape_numbers numbers;
    head_function *binary, *softmax;
    size_t row, rows; /* LANES of them, or what is left */
} block;

static head head_of(const block *b, size_t h, vector_bits labels)
{
    const mh_heads_loss *l = b->loss;
    size_t first = b->heads->first[h], columns = mh_panels_floats(LANES, l->logits.columns);

    return (head){.numbers = &b->numbers,
                  .columns = b->heads->scratch + first * LANES,
                  .sigmoid_slopes = b->heads->scratch + columns + first * LANES,
                  .classes = b->heads->first[h + 1] - first,
                  .labels = labels,
                  .weight = l->weights != NULL ? l->weights[h] : 1.0f,
                  .positive_weight = l->positive_weights != NULL ? l->positive_weights[h] : 1.0f};
}

/* As many heads as there are lanes, or what is left. */
static void run_heads(const block *b, size_t first, size_t heads)
{
    const mh_heads_loss *l = b->loss;
    size_t step = b->heads->count, label = b->row * step + first, labels = l->logits.rows * step;
    vector_bits is_head = first_lanes(heads);
    vector of_rows[LANES], losses[LANES];
    head_sums sums = sums_from(l->loss + first, heads);

    for (size_t i = 0; i < LANES; i++, label += step) {
        vector_bits missing = (vector_bits){0} + UINT16_MAX;
        vector_bits y = i < b->rows ? load_labels(l->labels + label, labels - label) : missing;

        sums.known -= (vector_words)(is_head & (y != missing));
        of_rows[i] = (vector)y;
        losses[i] = same(0);
    }
    transpose(of_rows);
    for (size_t i = 0; i < heads; i++) {
        head h = head_of(b, first + i, (vector_bits)of_rows[i]);

        losses[i] = h.classes == 1 ? b->binary(&h) : b->softmax(&h);
    }
    transpose(losses);
    for (size_t i = 0; i < LANES; i++)
        add_row(&sums, losses[i]);
    store_sums(&sums, heads, l->loss + first, l->known + first);
}

void KERNEL(heads_loss)(const mh_head_columns *heads, const mh_heads_loss *loss)
{
    mh_panels slopes = loss->logits;
    mh_loss_shape_kind kind = loss->shape.kind;
    block b = {.heads = heads,
               .loss = loss,
               .numbers = numbers_of(&loss->shape),
               .binary = kind == MH_SHAPE_FOCAL        ? binary_focal
                         : kind == MH_SHAPE_ASYMMETRIC ? binary_asymmetric
                                                       : binary_cross_entropy,
               .softmax = heads->has_sigmoid       ? softmax_of_sigmoids
                          : kind == MH_SHAPE_FOCAL ? softmax_focal
                                                   : softmax_cross_entropy};

    slopes.values = loss->slopes;
    for (b.row = 0; b.row < slopes.rows; b.row += LANES) {
        b.rows = slopes.rows - b.row < LANES ? slopes.rows - b.row : LANES;
        read_columns(&loss->logits, b.row, heads->scratch);
        for (size_t h = 0; h < heads->count; h += LANES)
            run_heads(&b, h, heads->count - h < LANES ? heads->count - h : LANES);
        if (loss->slopes != NULL)
            write_columns(heads->scratch, &slopes, b.row, loss->slope_sums);
    }
}
