#ifndef MULTIHEAD_SRC_PARALLEL_HOST_MEMORY_H
#define MULTIHEAD_SRC_PARALLEL_HOST_MEMORY_H

#include "multihead/parallel/communicator.h"

/* Memory that all ranks of a job see when they are on one host, and a place in it where they wait for each other. */
typedef struct host_memory host_memory;

/**
 * `bytes` zeroed bytes; a page belongs to the memory of the core that touches it first. *out is NULL where that cannot be
 * had: one rank, several hosts, a system that does not let one process see another's. That is no failure.
 *
 * Collective, and fails on all ranks together. Destroy is not collective, and leaves nothing behind on the host, as does
 * a process that is killed.
 */
mh_status host_memory_create(const mh_comm *comm, size_t bytes, host_memory **out);
void host_memory_destroy(host_memory *memory);

/** Bytes rounded up to whole pages. */
size_t host_memory_pages(size_t bytes);

/** Its first byte, at the beginning of a page. */
void *host_memory_data(const host_memory *memory);

/** Waits for all ranks: what each of them wrote before, all can read behind. Collective. */
void host_memory_meet(host_memory *memory);

/** Who has looked so many times for what another rank is to write leaves its core to others for a moment, if that is long. */
void host_memory_rest(const host_memory *memory, size_t looks);

#endif
