#include "bench_network.h"

#include <stdbool.h>
#include <string.h>

#include "bench_report.h"
#include "bench_subject.h"
#include "multihead/base/cpu.h"
#include "multihead/base/memory.h"
#include "multihead/parallel/allreduce.h"
#include "startup.h"

static mh_scaling scaling_of(const bench_study *s, const bench_cost *cost, size_t ranks_per_host,
                             double share)
{
    bool is_best = cost == &s->compute.best;
    mh_scaling scaling = {.inside = is_best ? s->network.best_inside : s->network.inside,
                          .between = is_best ? s->network.best_between : s->network.between,
                          .link_ranks = s->network.ranks_per_host,
                          .ranks_per_host = ranks_per_host,
                          .fixed = cost->fixed * share,
                          .leaf = cost->leaf * share,
                          .row = cost->row * share,
                          .add_element = cost->add_element * share,
                          .elements = s->compute.elements,
                          .replicas = s->compute.replicas};

    /* With one rank a host nothing was measured inside. */
    if (scaling.inside.points == 0)
        scaling.inside = scaling.between;
    return scaling;
}

static void conclude(bench_study *s)
{
    const options *o = s->options;
    const bench_compute *c = &s->compute;
    double share = (double)(s->network.ranks_per_machine * o->threads) / (double)s->cores;
    size_t now = s->network.ranks_per_host;

    s->share = share > 1 ? share : 1;
    s->planned = scaling_of(s, &c->median, o->ranks_per_host > 0 ? o->ranks_per_host : now, 1);
    s->here = scaling_of(s, &c->median, now, s->share);
    s->best = scaling_of(s, &c->best, now, s->share);
}

/* A sum as in a step, of nothing, by the program's own count. Collective. */
static mh_status count_traffic(const mh_comm *comm, bench_study *s)
{
    mh_status status = MH_OK;
    size_t rank = mh_comm_rank(comm), ranks = mh_comm_ranks(comm);
    size_t replicas = bench_replicas(s->options, ranks);
    size_t hosted = mh_allreduce_hosted(replicas, rank, ranks).count, leaves = 0;
    mh_allreduce *allreduce = NULL;
    double *losses = NULL;

    status = mh_allreduce_create(s->compute.elements, replicas, 1, rank, ranks, &allreduce);
    if (status == MH_OK)
        status = mh_memory_array(hosted, sizeof *losses, &losses);
    MH_TRY(mh_comm_agree(comm, status));
    mh_allreduce_start(allreduce);
    for (size_t r = 0; r < hosted; r += leaves)
        memset(mh_allreduce_next(allreduce, &leaves), 0, s->compute.elements * sizeof(float));
    MH_TRY(mh_allreduce_finish(comm, allreduce, MH_OK, NULL, losses));
    mh_allreduce_traffic(allreduce, &s->messages, &s->bytes);
    int64_t most[2] = {(int64_t)s->messages, (int64_t)s->bytes};
    mh_comm_max(comm, most, 2);
    s->messages = (uint64_t)most[0];
    s->bytes = (uint64_t)most[1];
cleanup:
    mh_allreduce_destroy(allreduce);
    mh_memory_free(losses);
    return status;
}

mh_status bench_network(const mh_comm *comm, const options *o)
{
    mh_status status = MH_OK;
    bool is_root = mh_comm_rank(comm) == 0;
    bench_study s = {.options = o, .cores = mh_cpu_host_cores()};

    MH_TRY(mh_network_measure(comm, &s.network));
    MH_TRY(bench_compute_measure(comm, o, s.network.place, s.cores, &s.compute));
    MH_TRY(count_traffic(comm, &s));
    conclude(&s);
    if (is_root && o->json != NULL)
        status = bench_report_write_json(&s);
    if (is_root && (o->json == NULL || strcmp(o->json, "-") != 0))
        bench_report_print(&s);
    startup_warn_of_kernel();
    status = mh_comm_agree(comm, status);
cleanup:
    return status;
}
