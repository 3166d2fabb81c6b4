#include "multihead/parallel/network.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "communicator_mpi.h"
#include "multihead/base/clock.h"
#include "multihead/base/memory.h"

static const size_t message_bytes[] = {8, 4 << 10, 16 << 10, MH_LINK_LARGE, 256 << 10, 1 << 20, 4 << 20};

enum {
    SIZES = sizeof message_bytes / sizeof message_bytes[0],
    LARGEST = 4 << 20,
    SMALL = 4 << 10, /* bytes: such messages go in bursts, as a clock is not fine enough for one */
    BURST = 16,      /* exchanges                                                                */
    WARM_UP = 3,     /* exchanges: connections are made when they are first used                 */
    LEAST = 7,       /* samples of a size that are taken in a row                                */
    MOST = 30 * LEAST,
    TAG_NETWORK = 3
};

/* Of the samples of a size; and what is the longest that an exchange may take for a larger one to be tried. */
static const double SIZE_SECONDS = 0.15, PATIENCE_SECONDS = 0.2;

_Static_assert((int)SIZES <= (int)MH_LINK_POINTS, "a link has room for each");

/* ---- where ranks are ---- */

typedef struct {
    int first; /* rank of its host */
    int place; /* on its host      */
    char machine[64];
} location;

/* The same on all hosts that one kernel runs, be they containers or namespaces. */
static void name_machine(char *name, size_t bytes)
{
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "r");

    memset(name, 0, bytes);
    if (file == NULL || fgets(name, (int)bytes, file) == NULL)
        gethostname(name, bytes - 1);
    if (file != NULL)
        fclose(file);
}

static location locate(const mh_comm *comm)
{
    MPI_Comm host;
    location mine = {.first = comm->rank};
    const char *before = wait_begin();

    MPI_Comm_split_type(comm->handle, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &host);
    MPI_Comm_rank(host, &mine.place);
    MPI_Bcast(&mine.first, 1, MPI_INT, 0, host);
    MPI_Comm_free(&host);
    wait_end(before);
    name_machine(mine.machine, sizeof mine.machine);
    return mine;
}

/* Hosts are numbered in the order of their first ranks. */
static size_t host_of(const location *all, size_t rank)
{
    size_t host = 0;

    for (int r = 0; r < all[rank].first; r++)
        host += all[r].place == 0;
    return host;
}

static void count(const mh_comm *comm, const location *all, mh_network *n)
{
    const location *mine = &all[comm->rank];
    int64_t most[2] = {0, 0};

    n->ranks = (size_t)comm->ranks;
    n->hosts = n->place = 0;
    for (int r = 0; r < comm->ranks; r++) {
        bool is_here = strcmp(all[r].machine, mine->machine) == 0;

        n->hosts += all[r].place == 0;
        n->place += is_here && r < comm->rank;
        most[0] += all[r].first == mine->first;
        most[1] += is_here;
    }
    mh_comm_max(comm, most, 2);
    n->ranks_per_host = (size_t)most[0];
    n->ranks_per_machine = (size_t)most[1];
}

/* The neighbour on this host, or who has the same place on the neighbouring one; MPI_PROC_NULL where nobody has. */
static int partner(const mh_comm *comm, const location *all, bool is_inside)
{
    size_t own = host_of(all, (size_t)comm->rank), host = is_inside ? own : own ^ 1;
    int place = is_inside ? all[comm->rank].place ^ 1 : all[comm->rank].place;

    for (int r = 0; r < comm->ranks; r++)
        if (all[r].place == place && host_of(all, (size_t)r) == host)
            return r;
    return MPI_PROC_NULL;
}

/* ---- what a message costs ---- */

typedef struct {
    char *out, *in; /* [LARGEST] */
} buffers;

static void exchange(const mh_comm *comm, const buffers *b, int with, size_t bytes)
{
    MPI_Sendrecv(b->out, (int)bytes, MPI_BYTE, with, TAG_NETWORK, b->in, (int)bytes, MPI_BYTE, with,
                 TAG_NETWORK, comm->handle, MPI_STATUS_IGNORE);
}

static double sample(const mh_comm *comm, const buffers *b, int with, size_t bytes)
{
    size_t burst = bytes <= SMALL ? BURST : 1;
    double start = mh_clock_seconds();

    for (size_t i = 0; i < burst; i++)
        exchange(comm, b, with, bytes);
    return (mh_clock_seconds() - start) / (double)burst;
}

static int compare(const void *a, const void *b)
{
    double first = *(const double *)a, second = *(const double *)b;

    return (first > second) - (first < second);
}

static double to_seconds(int64_t picoseconds)
{
    return (double)picoseconds * 1e-12;
}

static int64_t to_picoseconds(double seconds)
{
    return (int64_t)(seconds * 1e12);
}

/* How long the slowest pair takes after a few turns, on all ranks. */
static double try_out(const mh_comm *comm, const buffers *b, int with, size_t bytes)
{
    int64_t longest = 0;

    for (size_t i = 0; i < WARM_UP; i++)
        longest = to_picoseconds(sample(comm, b, with, bytes));
    mh_comm_max(comm, &longest, 1);
    return to_seconds(longest);
}

/* A time of each pair's, its mean over pairs. */
static double mean(const mh_comm *comm, int with, double seconds)
{
    int64_t sum[2] = {0, 0};

    if (with != MPI_PROC_NULL) {
        sum[0] = to_picoseconds(seconds);
        sum[1] = 1;
    }
    mh_comm_sum(comm, sum, 2);
    return to_seconds(sum[0]) / (double)sum[1];
}

/*
 * Every pair takes as many samples, so all of them are busy throughout. Where others use the machine it may take much
 * longer than it did when it was tried out, so now and then they agree on whether it has been long enough.
 */
static size_t take_samples(const mh_comm *comm, const buffers *b, int with, size_t bytes,
                           double seconds[MOST])
{
    int64_t elapsed = 0;
    size_t samples = 0;

    mh_comm_barrier(comm);
    double start = mh_clock_seconds();
    while (samples < MOST && to_seconds(elapsed) < SIZE_SECONDS) {
        for (size_t i = 0; i < LEAST; i++)
            seconds[samples++] = sample(comm, b, with, bytes);
        elapsed = to_picoseconds(mh_clock_seconds() - start);
        mh_comm_max(comm, &elapsed, 1);
    }
    return samples;
}

static void measure_size(const mh_comm *comm, const buffers *b, int with, size_t bytes, mh_link *median,
                         mh_link *best)
{
    double seconds[MOST];
    size_t samples = take_samples(comm, b, with, bytes, seconds);

    qsort(seconds, samples, sizeof *seconds, compare);
    mh_link_add(median, (double)bytes, mean(comm, with, seconds[samples / 2]));
    mh_link_add(best, (double)bytes, mean(comm, with, seconds[0]));
}

static void measure(const mh_comm *comm, const buffers *b, int with, mh_link *median, mh_link *best)
{
    int64_t pairs = with != MPI_PROC_NULL;
    double usual = 0;

    mh_comm_sum(comm, &pairs, 1);
    for (size_t i = 0; pairs > 0 && i < SIZES && usual < PATIENCE_SECONDS; i++) {
        usual = try_out(comm, b, with, message_bytes[i]);
        measure_size(comm, b, with, message_bytes[i], median, best);
    }
}

mh_status mh_network_measure(const mh_comm *comm, mh_network *out)
{
    mh_status status = MH_OK;
    location mine = locate(comm), *all = NULL;
    buffers b = {NULL, NULL};

    *out = (mh_network){0};
    status = mh_memory_array((size_t)comm->ranks, sizeof *all, &all);
    if (status == MH_OK)
        status = mh_memory_new(LARGEST, &b.out);
    if (status == MH_OK)
        status = mh_memory_new(LARGEST, &b.in);
    MH_TRY(mh_comm_agree(comm, status));
    mh_comm_gather_all(comm, &mine, sizeof mine, all);
    count(comm, all, out);
    const char *before = wait_begin();
    measure(comm, &b, partner(comm, all, true), &out->inside, &out->best_inside);
    measure(comm, &b, partner(comm, all, false), &out->between, &out->best_between);
    wait_end(before);
cleanup:
    mh_memory_free(all);
    mh_memory_free(b.out);
    mh_memory_free(b.in);
    return status;
}
