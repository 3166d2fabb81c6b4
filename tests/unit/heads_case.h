#ifndef MULTIHEAD_TESTS_UNIT_HEADS_CASE_H
#define MULTIHEAD_TESTS_UNIT_HEADS_CASE_H

#include <stdbool.h>

#include "multihead/kernel/kernel.h"
#include "multihead/model/loss.h"
#include "toy.h"

/*
 * Heads with logits and labels, for what the kernels make of them against a reference in double.
 *
 * What is held: a term, a slope and a probability are right to 6 units of their own last place, however small they are,
 * and half a one more for each class, as the sum over classes is float32, and for each unit that logits of a head are apart,
 * as exp(z - largest) sees the rounding of the difference. A focal loss has the power gamma of that.
 */
typedef struct {
    size_t rows, columns;
    mh_schema schema;
    mh_heads heads;
    mh_batch batch;
    const mh_loss_config *config;
    float *logits;     /* [rows x columns] */
    float *memory;     /* as panels or row-major, and guards */
    float *slopes;     /* the same */
    float *slope_sums; /* [columns], and guards */
    float *scratch;
    double *expected;
    mh_tally oracle, tally;
} heads_case;

/* Mixes of heads: of one kind, of both kinds, more heads than any vector has lanes. */
enum {
    HEADS_MIXES = 6,
    HEADS_MIXED = 4 /* binary heads among softmax ones, with many classes */,
    HEADS_MOST = 40
};

/* Rows that fill a vector, and that do not. */
enum { HEADS_ROW_COUNTS = 5 };
extern const size_t heads_row_counts[HEADS_ROW_COUNTS];

/** Logits in [-size, size). */
heads_case heads_case_start(size_t mix, mh_head_activation activation, size_t rows, double size);
void heads_case_end(heads_case *c);

/** The logits in `memory` or `slopes`, which hold NaNs where they are not. */
mh_panels heads_case_lay_out(const heads_case *c, float *memory, bool in_panels);
mh_head_columns heads_case_columns(const heads_case *c);

/** Whether an element of a head of a row is as near to the expected one as said above. */
bool heads_case_is_near(const heads_case *c, size_t row, size_t h, double value, double expected);

/** Only the matrix was written, and of panels what fills them up. */
void heads_case_expect_guards(const heads_case *c, const float *memory, bool in_panels);

#endif
