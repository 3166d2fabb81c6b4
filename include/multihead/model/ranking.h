#ifndef MULTIHEAD_MODEL_RANKING_H
#define MULTIHEAD_MODEL_RANKING_H

#include <stddef.h>
#include <stdint.h>

#include "multihead/tensor/batch.h"

/*
 * A label in a ranking: how probable it is found and whether it is there, in one word. The bits of a float32 in
 * [0, 1] are in the order of the numbers and at most 0x3f800000, so two bits are free for the truth.
 */
typedef uint32_t mh_mark;

typedef enum {
    MH_TRUTH_NEGATIVE,
    MH_TRUTH_POSITIVE, /* class 1                                            */
    MH_TRUTH_MISSING,
    MH_TRUTH_BROKEN /* the probability is none: whatever uses it is NaN    */
} mh_truth;

mh_mark mh_mark_of(float probability, mh_label label);
float mh_mark_probability(mh_mark mark);

static inline mh_truth mh_mark_truth(mh_mark mark)
{
    return (mh_truth)(mark & 3u);
}

/** How probable, as a whole number in the same order; 2^30 at most. */
static inline uint32_t mh_mark_place(mh_mark mark)
{
    return mark >> 2;
}

/** Sorts, the most probable first; equally probable ones stay in their order. scratch [count]. */
void mh_marks_sort(size_t count, mh_mark *marks, mh_mark *scratch);

enum { MH_CUTS = 3 }; /* P@k and nDCG@k are measured at so many k */

/** 1, 3 and 5. */
extern const size_t mh_cut[MH_CUTS];

/* How well one row's labels are ranked: scikit-learn's metrics of the same names. */
typedef struct {
    double average_precision; /* label_ranking_average_precision_score; 1 with no or only positive labels */
    double loss;              /* label_ranking_loss; 0 with no or only positive labels                    */
    size_t coverage;          /* coverage_error, from 1; 0 without positive labels                        */
    size_t hits[MH_CUTS];     /* positive labels among the first k, a lower label first among equals      */
    double ndcg[MH_CUTS];     /* ndcg_score of these k; 0 without positive labels                         */
} mh_row_ranking;

/** marks [count], 1 or more, sorted, none of them missing or broken. */
mh_row_ranking mh_rank_row(size_t count, const mh_mark *marks);

#endif
