#ifndef MULTIHEAD_SRC_APP_STARTUP_H
#define MULTIHEAD_SRC_APP_STARTUP_H

#include "multihead/parallel/communicator.h"
#include "options.h"
#include "run_folder.h"
#include "training_stage.h"

/**
 * Tells what is about to be trained, on what and where, in one block, and warns of what will make it slow. Collective
 * over comm; fails on all ranks together, with MH_ERR_MEMORY.
 */
mh_status startup_tell(const mh_comm *comm, const options *options, const run_folder *folder,
                       const training_plan *plan, const training_stage *stage);

/** One line for what the products are made with: our own kernels, or the BLAS library's. */
void startup_describe_kernel(char *text, size_t bytes);

/** Warns, on rank 0, where BLAS makes the products and its kernel is weaker than the CPU. */
void startup_warn_of_kernel(void);

#endif
