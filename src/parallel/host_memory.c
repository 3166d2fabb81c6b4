#include "host_memory.h"

#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "communicator_mpi.h"
#include "multihead/base/cpu.h"
#include "multihead/base/memory.h"

/* SPINS: about a millisecond. */
enum { CACHE_LINE = 64, PAGE = 4096, SPINS = 1 << 19 };

/* How often a rank has come: in a line of its own, which only that rank writes. */
typedef struct {
    _Alignas(CACHE_LINE) _Atomic uint64_t meetings;
} arrival;

struct host_memory {
    size_t rank, ranks;
    size_t spins; /* looks at what others write before the core is left to others */
    size_t bytes; /* of the mapping: arrivals, then the data */
    arrival *arrival;
    char *data;
};

/* Where the other ranks find rank 0's memory: a file without a name, which is gone with the last process that has it. */
typedef struct {
    int64_t process, descriptor;
    uint64_t token; /* in its first bytes: another process of that number, in a container, has another one */
} address;

size_t host_memory_pages(size_t bytes)
{
    return (bytes + PAGE - 1) / PAGE * PAGE;
}

static bool is_on_one_host(const mh_comm *comm)
{
    MPI_Comm host;
    int ranks = 0;

    MPI_Comm_split_type(comm->handle, MPI_COMM_TYPE_SHARED, comm->rank, MPI_INFO_NULL, &host);
    MPI_Comm_size(host, &ranks);
    MPI_Comm_free(&host);

    int64_t is_split = ranks != comm->ranks;
    mh_comm_max(comm, &is_split, 1);
    return is_split == 0;
}

static void *map(int descriptor, size_t bytes)
{
    void *mapping = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);

    return mapping == MAP_FAILED ? NULL : mapping;
}

static uint64_t token_of(int descriptor)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_nsec << 32 ^ (uint64_t)now.tv_sec << 16 ^ (uint64_t)getpid() ^
           (uint64_t)descriptor;
}

/* On rank 0. The descriptor stays open until the others have come, -1: there is none. */
static void *make(size_t bytes, address *out)
{
    uint64_t *mapping = NULL;
    int descriptor = memfd_create("multihead", MFD_CLOEXEC);

    *out = (address){getpid(), descriptor, 0};
    if (descriptor < 0)
        return NULL;
    if (ftruncate(descriptor, (off_t)bytes) == 0)
        mapping = map(descriptor, bytes);
    if (mapping != NULL) {
        out->token = token_of(descriptor);
        *mapping = out->token;
    }
    return mapping;
}

static void *find(size_t bytes, const address *at)
{
    char path[64];
    uint64_t *mapping = NULL;
    int descriptor = -1;

    snprintf(path, sizeof path, "/proc/%lld/fd/%lld", (long long)at->process, (long long)at->descriptor);
    if (at->descriptor >= 0)
        descriptor =
            open(path, O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK); /* whatever it is in a container */
    if (descriptor < 0)
        return NULL;
    if (lseek(descriptor, 0, SEEK_END) == (off_t)bytes)
        mapping = map(descriptor, bytes);
    close(descriptor);
    if (mapping != NULL && *mapping != at->token) {
        munmap(mapping, bytes);
        mapping = NULL;
    }
    return mapping;
}

/* NULL on all ranks unless all of them have it. */
static void *make_and_find(const mh_comm *comm, size_t bytes)
{
    address at = {.descriptor = -1};
    void *mapping = NULL;

    if (comm->rank == 0)
        mapping = make(bytes, &at);
    mh_comm_broadcast(comm, &at, sizeof at);
    if (comm->rank != 0)
        mapping = find(bytes, &at);

    int64_t is_missing = mapping == NULL;
    mh_comm_max(comm, &is_missing, 1);
    if (comm->rank == 0 && at.descriptor >= 0)
        close((int)at.descriptor);
    if (is_missing && mapping != NULL) {
        munmap(mapping, bytes);
        mapping = NULL;
    }
    return mapping;
}

mh_status host_memory_create(const mh_comm *comm, size_t bytes, host_memory **out)
{
    mh_status status = MH_OK;
    host_memory *memory = NULL;
    void *mapping = NULL;
    size_t arrivals = host_memory_pages((size_t)comm->ranks * sizeof(arrival));

    *out = NULL;
    MH_TRY(mh_comm_agree(comm, mh_memory_new(sizeof *memory, &memory)));
    memory->rank = (size_t)comm->rank;
    memory->ranks = (size_t)comm->ranks;
    memory->spins = mh_cpu_host_cores() >= memory->ranks ? SPINS : 0;
    memory->bytes = arrivals + host_memory_pages(bytes);
    if (comm->ranks > 1 && is_on_one_host(comm))
        mapping = make_and_find(comm, memory->bytes);
    if (mapping == NULL)
        goto cleanup;
    memory->arrival = mapping;
    memory->data = (char *)mapping + arrivals;
    if (comm->rank == 0)
        atomic_store(&memory->arrival[0].meetings, 0); /* it was the token, which all have seen */
    mh_comm_barrier(comm);
    *out = memory;
    memory = NULL;
cleanup:
    host_memory_destroy(memory);
    return status;
}

void host_memory_destroy(host_memory *memory)
{
    if (memory == NULL)
        return;
    if (memory->arrival != NULL)
        munmap(memory->arrival, memory->bytes);
    mh_memory_free(memory);
}

void *host_memory_data(const host_memory *memory)
{
    return memory->data;
}

/*
 * Ranks that have a core each come at about the same time, and who leaves its core may not get it back for milliseconds.
 * Where ranks share one, it is left to those that are still to come.
 */
void host_memory_rest(const host_memory *memory, size_t looks)
{
    if (looks > memory->spins)
        sched_yield();
}

static void wait_for(const host_memory *memory, size_t rank, uint64_t meetings)
{
    const arrival *other = &memory->arrival[rank];

    for (size_t looks = 1; atomic_load_explicit(&other->meetings, memory_order_acquire) < meetings; looks++)
        host_memory_rest(memory, looks);
}

void host_memory_meet(host_memory *memory)
{
    arrival *own = &memory->arrival[memory->rank];
    uint64_t meetings = atomic_load_explicit(&own->meetings, memory_order_relaxed) + 1;
    const char *before = wait_begin();

    atomic_store_explicit(&own->meetings, meetings, memory_order_release);
    for (size_t rank = 0; rank < memory->ranks; rank++)
        wait_for(memory, rank, meetings);
    wait_end(before);
}
