#include "heads_case.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#include "expect.h"

enum { ULPS = 6, GUARD = 64 };

static const mh_loss_config cross_entropy;

static const struct {
    mh_head_kind kind;
    size_t heads;
    size_t classes[HEADS_MOST];
} mixes[HEADS_MIXES] = {
    {MH_HEADS_SOFTMAX, 1, {2}},
    {MH_HEADS_SOFTMAX, 1, {100}},
    {MH_HEADS_SOFTMAX, 10, {3, 3, 3, 3, 3, 3, 3, 3, 3, 3}},
    {MH_HEADS_AUTO, 3, {2, 3, 2}},
    {MH_HEADS_AUTO, 7, {17, 2, 2, 7, 100, 2, 3}},
    {MH_HEADS_SOFTMAX, 35, {2, 3, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3,
                            2, 3, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3, 7}},
};

const size_t heads_row_counts[HEADS_ROW_COUNTS] = {1, 7, 8, 16, 33};

heads_case heads_case_start(size_t mix, mh_head_activation activation, size_t rows, double size)
{
    heads_case c = {.rows = rows, .config = &cross_entropy};
    size_t heads = mixes[mix].heads;

    c.schema = toy_schema(1, heads, mixes[mix].classes);
    MUST(mh_heads_create(&c.schema, mixes[mix].kind, activation, &c.heads));
    c.columns = c.heads.columns;
    c.batch = toy_batch(&c.schema, rows);
    c.logits = calloc(rows * c.columns, sizeof *c.logits);
    c.memory = calloc(mh_panels_floats(rows, c.columns) + GUARD, sizeof *c.memory);
    c.slopes = calloc(mh_panels_floats(rows, c.columns) + GUARD, sizeof *c.slopes);
    c.slope_sums = calloc(c.columns + GUARD, sizeof *c.slope_sums);
    c.scratch = calloc(mh_heads_scratch(&c.heads) + GUARD, sizeof *c.scratch);
    c.expected = calloc(rows * c.columns, sizeof *c.expected);
    cr_assert(c.logits != NULL && c.memory != NULL && c.slopes != NULL && c.slope_sums != NULL &&
              c.scratch != NULL && c.expected != NULL);
    for (size_t i = 0; i < rows * c.columns; i++)
        c.logits[i] = (float)(size * toy_number(i));
    c.oracle = toy_tally(heads);
    c.tally = toy_tally(heads);
    return c;
}

void heads_case_end(heads_case *c)
{
    toy_tally_free(&c->oracle);
    toy_tally_free(&c->tally);
    toy_batch_free(&c->batch);
    mh_heads_clear(&c->heads);
    mh_schema_clear(&c->schema);
    free(c->logits);
    free(c->memory);
    free(c->slopes);
    free(c->slope_sums);
    free(c->scratch);
    free(c->expected);
}

mh_panels heads_case_lay_out(const heads_case *c, float *memory, bool in_panels)
{
    mh_panels panels = in_panels ? mh_panels_of(memory, c->rows, c->columns)
                                 : mh_panels_of_rows(memory, c->rows, c->columns);

    for (size_t i = 0; i < mh_panels_floats(c->rows, c->columns) + GUARD; i++)
        memory[i] = NAN;
    mh_panels_fill(&panels, c->logits);
    return panels;
}

mh_head_columns heads_case_columns(const heads_case *c)
{
    return (mh_head_columns){.count = c->heads.count,
                             .first = c->heads.first,
                             .has_sigmoid = c->heads.activation == MH_HEAD_ACTIVATION_SIGMOID,
                             .scratch = c->scratch};
}

/* How far apart the scores of a head are. */
static double spread_of(const heads_case *c, size_t row, size_t h)
{
    mh_span own = c->heads.head[h].columns;
    const float *z = c->logits + row * c->columns + own.first;
    double least = (double)z[0], most = (double)z[0];

    if (c->heads.activation == MH_HEAD_ACTIVATION_SIGMOID && own.count > 1)
        return 1.0;
    for (size_t k = 1; k < own.count; k++) {
        least = fmin(least, (double)z[k]);
        most = fmax(most, (double)z[k]);
    }
    return own.count == 1 ? fabs(least) : most - least;
}

/* The smallest float32 numbers have no more digits than they have. */
bool heads_case_is_near(const heads_case *c, size_t row, size_t h, double value, double expected)
{
    double ulps = (double)ULPS + 0.5 * ((double)c->heads.head[h].columns.count + spread_of(c, row, h));
    double relative = ulps * (1.0 + (double)c->config->gamma) * 0x1p-23;

    return value == expected || fabs(value - expected) <= relative * fabs(expected) + 8 * 0x1p-149;
}

void heads_case_expect_guards(const heads_case *c, const float *memory, bool in_panels)
{
    size_t used = in_panels ? mh_panels_floats(c->rows, c->columns) : c->rows * c->columns;

    for (size_t i = 0; i < GUARD; i++) {
        cr_expect(isnan(memory[used + i]), "%zu behind %zu rows of %zu", i, c->rows, c->columns);
        cr_expect(c->scratch[mh_heads_scratch(&c->heads) + i] == 0.0f);
        cr_expect(c->slope_sums[c->columns + i] == 0.0f);
    }
}
