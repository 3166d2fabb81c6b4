#ifndef MULTIHEAD_SRC_APP_PRESET_H
#define MULTIHEAD_SRC_APP_PRESET_H

#include "multihead/data/survey.h"
#include "multihead/parallel/communicator.h"
#include "options.h"

/* What --preset tabular is guided by. */
typedef struct {
    size_t rows, inputs, heads;
    mh_survey survey;
} preset_facts;

/**
 * Fills in the options that --preset tabular chooses from the data, but for those that the user gave, and tells
 * what it chose and why. Does nothing for the tutorial's preset. Collective over comm; fails on all ranks together.
 */
mh_status preset_apply(const mh_comm *comm, options *options);

/** The choices for data like that, on options that know what was given; for tests. */
mh_status preset_choose(const preset_facts *facts, options *options);

#endif
