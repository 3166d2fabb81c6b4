#ifndef MULTIHEAD_DATA_SPLIT_H
#define MULTIHEAD_DATA_SPLIT_H

#include <stddef.h>
#include <stdint.h>

#include "multihead/base/status.h"
#include "multihead/data/dataset.h"

enum { MH_SPLIT_GROUPS_MAX = 255 };

/**
 * Deals the selected rows of a data set into groups, such as folds, so that every label has its share of positive
 * rows in every group as far as that goes. Positive is class 1 where a head has two classes, and each of the
 * classes where it has more; missing labels count for nothing.
 *
 *   shares   [groups] of the rows, not negative; only their proportions matter: 1, 1, 1 is three folds
 *   group    out: [rows] 0..groups-1. Sizes are the shares rounded (largest remainders first); a group that
 *            comes to less than one row may be empty
 *
 * A function of the rows, the shares and the seed. Reads labels only, twice where the files do not tell of more
 * than two classes. Holds up to 12 bytes for each positive, 12 for each row and 4 for each label and group. Needs no
 * other rank. Fails as reading does; data sets without labels are dealt by size alone.
 *
 * Method: iterative stratification, Sechidis, Tsoumakas, Vlahavas, "On the stratification of multi-label data",
 * ECML PKDD 2011. Two things differ: labels are taken in the order of all their rows, not of those that are left,
 * and where groups lack as much of a label, the row's other labels decide.
 */
mh_status mh_split_assign(mh_dataset *dataset, const double *shares, size_t groups, uint64_t seed,
                          uint8_t *group);

/* One of several folds of equal shares. */
typedef struct {
    size_t index, count; /* 1..count, as people write it: fold 2 of 5 is group 1; count 0: none  */
    uint64_t seed;
    size_t rows; /* that were dealt: of other rows it would be another fold              */
} mh_fold;

/** Deals the rows into `count` folds of equal shares, fold 1 being group 0; count is at most MH_SPLIT_GROUPS_MAX. */
mh_status mh_split_folds(mh_dataset *dataset, size_t count, uint64_t seed, uint8_t *group);

/* Lists of rows, ascending, as mh_dataset_pick takes them; the caller frees them (mh_memory_free). */

/** The rows of one group, of group [rows]. */
mh_status mh_split_rows_in(const uint8_t *group, size_t rows, size_t which, size_t **out, size_t *count);

/** The rows of all other groups. */
mh_status mh_split_rows_outside(const uint8_t *group, size_t rows, size_t which, size_t **out, size_t *count);

#endif
