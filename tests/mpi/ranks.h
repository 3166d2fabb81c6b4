#ifndef MULTIHEAD_TESTS_RANKS_H
#define MULTIHEAD_TESTS_RANKS_H

#include "multihead/parallel/communicator.h"

/*
 * MPI around one test: TestSuite(..., .init = start_mpi, .fini = stop_mpi). Criterion runs each test in a
 * process of its own and MPI starts once per launched rank, so a launch runs exactly one test (see
 * add_mpi_test).
 *
 * A test that fails on one rank with cr_assert leaves the others waiting; .timeout ends them.
 */
enum { MPI_TEST_SECONDS = 20 };

extern const mh_comm *world; /* all ranks of the launch                                            */
extern const mh_comm *alone; /* this rank and no other: what one rank would do, on each of them    */

/** "rank 1 on this-host, reading rows: a message", until the next call: what a failure of one rank looks like. */
const char *told_by(size_t rank, const char *phase, const char *message);

void start_mpi(void);
void stop_mpi(void);

/** The same with a scratch folder of this rank's own. */
void start_mpi_with_scratch(void);
void stop_mpi_with_scratch(void);

#endif
