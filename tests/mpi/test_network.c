#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "expect.h"
#include "multihead/parallel/network.h"
#include "ranks.h"

TestSuite(network, .init = start_mpi, .fini = stop_mpi, .timeout = MPI_TEST_SECONDS);

/* As slow as a loaded machine can be, and no faster than light takes through it. */
static void expect_sane(const mh_link *link)
{
    cr_expect(ge(sz, link->points, 2));
    cr_expect(ge(dbl, mh_link_latency(link), 1e-9));
    cr_expect(lt(dbl, mh_link_latency(link), 1.0));
    cr_expect(ge(dbl, mh_link_byte_seconds(link), 0));
    cr_expect(lt(dbl, mh_link_byte_seconds(link), 1e-3));
    for (size_t i = 1; i < link->points; i++)
        cr_expect(ge(dbl, link->seconds[i], link->seconds[i - 1]));
}

Test(network, measures_messages_inside_a_host)
{
    mh_network network;

    MUST(mh_network_measure(world, &network));
    expect_sane(&network.inside);
    expect_sane(&network.best_inside);
    cr_expect(eq(sz, network.inside.points, network.best_inside.points));
    for (size_t i = 0; i < network.inside.points; i++)
        cr_expect(le(dbl, network.best_inside.seconds[i], network.inside.seconds[i]));
    cr_expect(eq(sz, network.between.points, 0));
}

Test(network, tells_where_ranks_are)
{
    mh_network network;
    size_t ranks = mh_comm_ranks(world);

    MUST(mh_network_measure(world, &network));
    cr_expect(eq(sz, network.ranks, ranks));
    cr_expect(eq(sz, network.hosts, 1));
    cr_expect(eq(sz, network.ranks_per_host, ranks));
    cr_expect(eq(sz, network.ranks_per_machine, ranks));
    cr_expect(eq(sz, network.place, mh_comm_rank(world)));
}

Test(network, is_the_same_to_all_ranks)
{
    mh_network network, all[8];

    MUST(mh_network_measure(world, &network));
    network.place = 0;
    mh_comm_gather_all(world, &network, sizeof network, all);
    for (size_t r = 1; r < mh_comm_ranks(world); r++)
        cr_expect(memcmp(&all[0], &all[r], sizeof network) == 0, "rank %zu has other numbers", r);
}

Test(network, one_rank_has_no_links)
{
    mh_network network;

    MUST(mh_network_measure(alone, &network));
    cr_expect(eq(sz, network.ranks, 1));
    cr_expect(eq(sz, network.inside.points, 0));
    cr_expect(eq(sz, network.between.points, 0));
}
