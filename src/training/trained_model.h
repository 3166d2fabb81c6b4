#ifndef MULTIHEAD_SRC_TRAINING_TRAINED_MODEL_H
#define MULTIHEAD_SRC_TRAINING_TRAINED_MODEL_H

#include "multihead/training/trained.h"

/** The model and room for the base rates of a `trained` whose schema is set; what it has is freed with it. */
mh_status mh_trained_create_model(const mh_heads *heads, const mh_trained_config *config,
                                  mh_trained *trained);

#endif
