#ifndef MULTIHEAD_SRC_APP_TRAINING_RESULT_H
#define MULTIHEAD_SRC_APP_TRAINING_RESULT_H

#include "options.h"
#include "run_folder.h"
#include "training_stage.h"

/**
 * Ends a run: draws loss.png, writes model.h5, the mark of a finished one, and tells what came out. On rank 0.
 *
 *   position   where the run ended, with its best validation loss
 */
mh_status training_result_save(const options *options, const run_folder *folder, const training_stage *stage,
                               const mh_position *position);

#endif
