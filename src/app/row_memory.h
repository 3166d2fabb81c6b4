#ifndef MULTIHEAD_SRC_APP_ROW_MEMORY_H
#define MULTIHEAD_SRC_APP_ROW_MEMORY_H

#include "multihead/data/windows.h"
#include "run_folder.h"
#include "training_plan.h"

/* What --memory means for the rows of a stage. None of these needs another rank; all ranks find the same. */

/**
 * How its rows are cut into windows. MH_ERR_USAGE where --memory is too small for a batch, where the rows would have to
 * be made again and again from the first one on, and where a run that is stopped was shuffled in other windows: of this
 * stage, or of the one on all rows that is to come.
 *
 *   folder   of the run, NULL for a new one
 */
mh_status row_memory_plan(const options *options, const training_plan *plan, const run_folder *folder,
                          const mh_dataset *dataset, mh_windows *out);

/** Says how rows are held, for the start-up block, where --memory was given. */
void row_memory_tell(const options *options, const mh_windows *windows, const mh_deal *deal,
                     const mh_schema *schema);

/** Warns where the validation rows of a rank, which are always held, are more than --memory. */
void row_memory_warn_of_validation(const options *options, size_t rows, size_t ranks,
                                   const mh_schema *schema);

#endif
