#include "multihead/parallel/shared_work.h"

#include <stdatomic.h>

#include "communicator_mpi.h"
#include "host_memory.h"
#include "multihead/base/memory.h"

enum { CACHE_LINE = 64 };

/* A rank's part of a round. Each line is written at another time, or by others. */
typedef struct {
    _Alignas(CACHE_LINE) _Atomic size_t round; /* the last one that the rank has opened */
    size_t pieces;
    _Alignas(CACHE_LINE) _Atomic size_t taken; /* or more: who comes too late counts as well */
    _Alignas(CACHE_LINE) _Atomic size_t done;
} offer;

struct mh_shared_work {
    size_t rank, ranks;
    size_t round;
    size_t offers, bytes; /* of all offers, and of a rank's memory: in whole pages */
    host_memory *memory;
    offer *offer; /* [ranks], in there */
};

mh_status mh_shared_work_create(const mh_comm *comm, size_t bytes, mh_shared_work **out)
{
    mh_status status = MH_OK;
    mh_shared_work *w = NULL;
    int64_t most = (int64_t)bytes;

    *out = NULL;
    MH_TRY(mh_comm_agree(comm, mh_memory_new(sizeof *w, &w)));
    mh_comm_max(comm, &most, 1);
    w->rank = mh_comm_rank(comm);
    w->ranks = mh_comm_ranks(comm);
    w->offers = host_memory_pages(w->ranks * sizeof(offer));
    w->bytes = host_memory_pages((size_t)most);
    MH_TRY(host_memory_create(comm, w->offers + w->ranks * w->bytes, &w->memory));
    if (w->memory == NULL)
        goto cleanup;
    w->offer = host_memory_data(w->memory);
    *out = w;
    w = NULL;
cleanup:
    mh_shared_work_destroy(w);
    return status;
}

void mh_shared_work_destroy(mh_shared_work *work)
{
    if (work == NULL)
        return;
    host_memory_destroy(work->memory);
    mh_memory_free(work);
}

void *mh_shared_work_memory(const mh_shared_work *work, size_t rank)
{
    return (char *)host_memory_data(work->memory) + work->offers + rank * work->bytes;
}

void mh_shared_work_offer(mh_shared_work *work, size_t pieces)
{
    offer *own = &work->offer[work->rank];

    own->pieces = pieces;
    atomic_store_explicit(&own->taken, 0, memory_order_relaxed);
    atomic_store_explicit(&own->done, 0, memory_order_relaxed);
    work->round++;
    atomic_store_explicit(&own->round, work->round, memory_order_release);
}

static bool is_open(const mh_shared_work *work, const offer *offer)
{
    return atomic_load_explicit(&offer->round, memory_order_acquire) == work->round;
}

/* Looks before it takes, so that those who find nothing disturb nobody. */
static bool take_from(offer *offer, size_t *piece)
{
    if (atomic_load_explicit(&offer->taken, memory_order_relaxed) >= offer->pieces)
        return false;
    *piece = atomic_fetch_add_explicit(&offer->taken, 1, memory_order_relaxed);
    return *piece < offer->pieces;
}

/* Whether there is a piece; if not, whether there may still be one. */
static bool take_from_any(mh_shared_work *work, size_t *rank, size_t *piece, bool *may_come)
{
    *may_come = false;
    for (size_t i = 0; i < work->ranks; i++) {
        offer *next = &work->offer[(work->rank + i) % work->ranks];

        if (!is_open(work, next)) {
            *may_come = true;
        } else if (take_from(next, piece)) {
            *rank = (size_t)(next - work->offer);
            return true;
        }
    }
    return false;
}

static bool is_done(const offer *offer)
{
    return atomic_load_explicit(&offer->done, memory_order_acquire) == offer->pieces;
}

bool mh_shared_work_take(mh_shared_work *work, size_t *rank, size_t *piece)
{
    bool may_come = false, has_one = take_from_any(work, rank, piece, &may_come);

    if (has_one)
        return true;

    const char *before = wait_begin();

    for (size_t looks = 1; !has_one && (may_come || !is_done(&work->offer[work->rank])); looks++) {
        host_memory_rest(work->memory, looks);
        has_one = take_from_any(work, rank, piece, &may_come);
    }
    wait_end(before);
    return has_one;
}

void mh_shared_work_return(mh_shared_work *work, size_t rank)
{
    atomic_fetch_add_explicit(&work->offer[rank].done, 1, memory_order_release);
}
