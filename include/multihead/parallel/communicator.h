#ifndef MULTIHEAD_PARALLEL_COMMUNICATOR_H
#define MULTIHEAD_PARALLEL_COMMUNICATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "multihead/base/status.h"

/*
 * The ranks of a job. Every function that takes an mh_comm is collective: all ranks must call it, and it waits
 * for them: meanwhile that is the process's phase (base/phase). MPI's own errors end the job, with a line that names
 * rank, host and phase. Counts may exceed what an int holds.
 */
typedef struct mh_comm mh_comm;

/** Starts MPI, also without mpirun (rank 0 of 1). The communicator lives until mh_comm_finalize. */
const mh_comm *mh_comm_initialize(int *argc, char ***argv);

/** This rank by itself, rank 0 of 1: to try on each rank what one rank would do alone. After mh_comm_initialize. */
const mh_comm *mh_comm_alone(void);

/** Ends MPI; no rank leaves before all have come. */
void mh_comm_finalize(const mh_comm *comm);

/**
 * Fails where the launcher has started several processes that do not know of each other, each of them rank 0 of 1: a
 * launcher of another MPI, or srun without PMI. Each would do all the work, and write the same files. Not collective.
 */
mh_status mh_comm_launch_check(const mh_comm *comm);

/**
 * Whether Slurm has made room for another number of ranks, in the step or, where it is not known, in the job; says so.
 * Of this rank's environment, and rank 0's is the one to ask: others may be below a daemon of mpirun's. Not collective.
 */
bool mh_comm_launch_differs(const mh_comm *comm, char *text, size_t bytes);

/* Not collective. */
size_t mh_comm_rank(const mh_comm *comm);
size_t mh_comm_ranks(const mh_comm *comm);

/**
 * The worst status of all ranks, on all ranks, with the message of the lowest rank that has it. `mine` is how
 * this rank fared. The message then begins with that rank's number, host and phase ("rank 1 on node7, reading rows: ")
 * as base/log and base/phase have them there, unless all ranks failed or there is one.
 */
mh_status mh_comm_agree(const mh_comm *comm, mh_status mine);

void mh_comm_barrier(const mh_comm *comm);

/**
 * The same for ranks that wait for long while others compute: it sleeps between two looks, some milliseconds at most,
 * where MPI's waiting would take a core from them.
 */
void mh_comm_barrier_asleep(const mh_comm *comm);

/** Copies rank 0's bytes to all ranks. */
void mh_comm_broadcast(const mh_comm *comm, void *data, size_t bytes);

/** Sums, or takes the maximum of, each element over ranks, in place. */
void mh_comm_sum(const mh_comm *comm, int64_t *values, size_t count);
void mh_comm_max(const mh_comm *comm, int64_t *values, size_t count);

/** Gathers `bytes` from each rank to all: out [ranks x bytes]. */
void mh_comm_gather_all(const mh_comm *comm, const void *mine, size_t bytes, void *out);

/**
 * Hands rank `from`'s bytes to rank 0; other ranks return at once. Rank 0 gives the memory to receive in (its
 * own bytes stay where they are); `bytes` must be the same on both.
 */
void mh_comm_hand_to_root(const mh_comm *comm, size_t from, void *data, size_t bytes);

/**
 * Every rank hands every rank, itself too, some bytes of its own: out[r] [out_bytes[r]] goes to rank r's
 * in[mine] [in_bytes[mine]], of the same length.
 */
void mh_comm_exchange(const mh_comm *comm, const void *const *out, const size_t *out_bytes, void *const *in,
                      const size_t *in_bytes);

/**
 * What one MPI call is given at most, in bytes, numbers or whatever it counts; more goes in pieces. 2^30, as MPI's
 * counts are ints; 0 stands for that. For tests, which have no such vectors. The same on all ranks; not collective.
 */
void mh_comm_limit_piece(size_t most);

/** This process's rank as the launcher tells it, 0 without one: for what is said before MPI starts. */
size_t mh_comm_launch_rank(void);

/** "Open MPI v4.1.4"; may be called before mh_comm_initialize. */
void mh_comm_library(char *text, size_t bytes);

#endif
