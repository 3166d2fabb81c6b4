#ifndef MULTIHEAD_DATA_SURVEY_H
#define MULTIHEAD_DATA_SURVEY_H

#include "multihead/data/dataset.h"

/* What the features of a data set are like, from up to 4096 rows out of all of it. */
typedef struct {
    size_t rows;           /* looked at                               */
    size_t binary_columns; /* those that hold nothing but 0 and 1     */
    double zeros;          /* share of features that are 0            */
} mh_survey;

/** Reads blocks of rows, evenly spaced. Needs no other rank. Fails as reading does. */
mh_status mh_survey_dataset(mh_dataset *dataset, mh_survey *out);

#endif
