#include "multihead/parallel/placement.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "communicator_mpi.h"
#include "multihead/base/memory.h"

/* ---- one host ---- */

static size_t ranks_inside(const mh_placement_rank *rank, size_t ranks, const mh_cpu_set *cores)
{
    size_t inside = 0;

    for (size_t r = 0; r < ranks; r++)
        inside += mh_cpu_set_is_within(&rank[r].cores, cores);
    return inside;
}

mh_placement_host mh_placement_look(const mh_placement_rank *rank, size_t ranks, size_t threads)
{
    mh_placement_host host = {.ranks = ranks};

    for (size_t r = 0; r < ranks; r++) {
        size_t cores = mh_cpu_set_count(&rank[r].cores), inside = ranks_inside(rank, ranks, &rank[r].cores);

        /* The fullest one: more threads for each core than any before. */
        if (inside * threads > cores &&
            (host.crowd_ranks == 0 || inside * host.crowd_cores > host.crowd_ranks * cores)) {
            host.crowd_ranks = inside;
            host.crowd_cores = cores;
        }
        if (!rank[r].is_bound)
            continue;
        host.least_cores = host.bound == 0 || cores < host.least_cores ? cores : host.least_cores;
        host.most_cores = cores > host.most_cores ? cores : host.most_cores;
        host.bound++;
    }
    return host;
}

/* ---- all of them ---- */

static mh_placement_rank find_self(void)
{
    mh_placement_rank self = {.is_bound = mh_cpu_cores() < mh_cpu_host_cores()};

    mh_cpu_affinity(&self.cores);
    return self;
}

static void gather(const void *mine, size_t bytes, void *all, MPI_Comm handle)
{
    const char *before = wait_begin();

    MPI_Gather(mine, (int)bytes, MPI_BYTE, all, (int)bytes, MPI_BYTE, 0, handle);
    wait_end(before);
}

/* What the first rank of a host knows of it; nothing on its other ranks. */
static mh_placement_host look_at_host(MPI_Comm host, int rank_on_host, size_t ranks, size_t threads,
                                      mh_placement_rank *room)
{
    mh_placement_rank self = find_self();
    mh_placement_host found = {0};

    gather(&self, sizeof self, room, host);
    if (rank_on_host != 0)
        return found;
    found = mh_placement_look(room, ranks, threads);
    gethostname(found.name, sizeof found.name - 1);
    return found;
}

static void drop_empty(mh_placement *placement)
{
    for (size_t r = 0; r < placement->ranks; r++)
        if (placement->host[r].ranks > 0)
            placement->host[placement->hosts++] = placement->host[r];
}

mh_status mh_placement_gather(const mh_comm *comm, size_t threads, mh_placement *out)
{
    mh_status status = MH_OK;
    MPI_Comm host;
    int rank_on_host = 0, ranks_on_host = 0;
    mh_placement_rank *room = NULL;
    const char *before = wait_begin();

    *out = (mh_placement){.ranks = (size_t)comm->ranks, .threads = threads};
    MPI_Comm_split_type(comm->handle, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &host);
    MPI_Comm_rank(host, &rank_on_host);
    MPI_Comm_size(host, &ranks_on_host);
    wait_end(before);
    if (rank_on_host == 0)
        status = mh_memory_array((size_t)ranks_on_host, sizeof *room, &room);
    if (comm->rank == 0 && status == MH_OK)
        status = mh_memory_array(out->ranks, sizeof *out->host, &out->host);
    MH_TRY(mh_comm_agree(comm, status));

    mh_placement_host mine = look_at_host(host, rank_on_host, (size_t)ranks_on_host, threads, room);
    gather(&mine, sizeof mine, out->host, comm->handle);
    if (comm->rank == 0)
        drop_empty(out);
cleanup:
    MPI_Comm_free(&host);
    mh_memory_free(room);
    return status;
}

void mh_placement_clear(mh_placement *placement)
{
    mh_memory_free(placement->host);
    *placement = (mh_placement){0};
}

size_t mh_placement_share(const mh_comm *comm)
{
    enum { CORES = 64 * MH_CPU_SET_WORDS };
    MPI_Comm host;
    mh_cpu_set mine;
    uint32_t ranks[CORES] = {0}; /* that may use a core */
    double share = 0;
    const char *before = wait_begin();

    mh_cpu_affinity(&mine);
    for (size_t core = 0; core < CORES; core++)
        ranks[core] = mine.word[core / 64] >> core % 64 & 1;
    MPI_Comm_split_type(comm->handle, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &host);
    MPI_Allreduce(MPI_IN_PLACE, ranks, CORES, MPI_UINT32_T, MPI_SUM, host);
    MPI_Comm_free(&host);
    wait_end(before);
    for (size_t core = 0; core < CORES; core++)
        if ((mine.word[core / 64] >> core % 64 & 1) != 0)
            share += 1.0 / ranks[core];
    return share < 1 ? 1 : (size_t)(share + 1e-6); /* three thirds */
}

/* ---- telling ---- */

enum { HOSTS_LISTED = 8, HOSTS_OF_MANY = 3 };

typedef struct {
    char *text;
    size_t bytes, used;
} writer;

__attribute__((format(printf, 2, 3))) static void write_on(writer *w, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    w->used += (size_t)vsnprintf(w->text + w->used, w->bytes - w->used, format, arguments);
    va_end(arguments);
    w->used = w->used < w->bytes ? w->used : w->bytes - 1;
}

static const char *plural(size_t count)
{
    return count == 1 ? "" : "s";
}

/* "1", or "1 to 4" */
static void write_range(writer *w, size_t least, size_t most)
{
    write_on(w, "%zu", least);
    if (most > least)
        write_on(w, " to %zu", most);
}

static void write_hosts(writer *w, const mh_placement *p)
{
    size_t listed = p->hosts <= HOSTS_LISTED ? p->hosts : HOSTS_OF_MANY, least = p->ranks, most = 0;

    for (size_t h = 0; h < p->hosts; h++) {
        least = p->host[h].ranks < least ? p->host[h].ranks : least;
        most = p->host[h].ranks > most ? p->host[h].ranks : most;
        if (h < listed)
            write_on(w, "%s%s: %zu", h > 0 ? ", " : "", p->host[h].name, p->host[h].ranks);
    }
    if (listed == p->hosts)
        return;
    write_on(w, " and %zu more, ", p->hosts - listed);
    write_range(w, least, most);
    write_on(w, " each");
}

static void write_binding(writer *w, const mh_placement *p)
{
    size_t bound = 0, least = 0, most = 0;

    for (size_t h = 0; h < p->hosts; h++) {
        const mh_placement_host *host = &p->host[h];

        if (host->bound == 0)
            continue;
        least = bound == 0 || host->least_cores < least ? host->least_cores : least;
        most = host->most_cores > most ? host->most_cores : most;
        bound += host->bound;
    }
    if (bound == 0) {
        write_on(w, "not bound");
        return;
    }
    if (bound < p->ranks)
        write_on(w, "%zu of them ", bound);
    else if (p->ranks > 1)
        write_on(w, "each ");
    write_on(w, "bound to ");
    write_range(w, least, most);
    write_on(w, " core%s", plural(most));
}

void mh_placement_describe(const mh_placement *p, char *text, size_t bytes)
{
    writer w = {text, bytes, 0};

    write_on(&w, "%zu rank%s on %zu host%s (", p->ranks, plural(p->ranks), p->hosts, plural(p->hosts));
    write_hosts(&w, p);
    write_on(&w, "), ");
    write_binding(&w, p);
}

bool mh_placement_is_crowded(const mh_placement *p, char *text, size_t bytes)
{
    const mh_placement_host *first = NULL;
    size_t crowded = 0;
    writer w = {text, bytes, 0};

    text[0] = '\0';
    for (size_t h = 0; h < p->hosts; h++) {
        if (p->host[h].crowd_ranks == 0)
            continue;
        first = crowded == 0 ? &p->host[h] : first;
        crowded++;
    }
    if (first == NULL)
        return false;
    write_on(&w, "%s: %zu rank%s with %zu thread%s%s %zu core%s", first->name, first->crowd_ranks,
             plural(first->crowd_ranks), p->threads, plural(p->threads),
             first->crowd_ranks > 1 ? " each share" : " has", first->crowd_cores, plural(first->crowd_cores));
    if (crowded > 1)
        write_on(&w, ", and so it is on %zu more host%s", crowded - 1, plural(crowded - 1));
    return true;
}
