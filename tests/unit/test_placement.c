#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <string.h>

#include "multihead/parallel/placement.h"

/* How ranks lie on made-up hosts; on this one see tests/cli. */

static mh_placement_rank on(size_t first, size_t count, bool is_bound)
{
    mh_placement_rank rank = {.is_bound = is_bound};

    for (size_t core = first; core < first + count; core++)
        mh_cpu_set_add(&rank.cores, core);
    return rank;
}

static void expect_crowd(mh_placement_host host, size_t ranks, size_t cores)
{
    cr_expect(eq(sz, host.crowd_ranks, ranks));
    cr_expect(eq(sz, host.crowd_cores, cores));
}

/* ---- one host ---- */

Test(placement, a_core_for_each_rank_is_no_crowd)
{
    enum { RANKS = 4 };
    mh_placement_rank unbound[RANKS], bound[RANKS], socket[RANKS];

    for (size_t r = 0; r < RANKS; r++) {
        unbound[r] = on(0, 4, false);
        bound[r] = on(100 + r, 1, true);
        socket[r] = on(r < 2 ? 0 : 64, 2, true); /* overlaps, and there is room */
    }
    expect_crowd(mh_placement_look(unbound, RANKS, 1), 0, 0);
    expect_crowd(mh_placement_look(bound, RANKS, 1), 0, 0);
    expect_crowd(mh_placement_look(socket, RANKS, 1), 0, 0);
}

Test(placement, more_threads_than_cores_are_a_crowd)
{
    const mh_placement_rank unbound[3] = {on(0, 2, false), on(0, 2, false), on(0, 2, false)};
    const mh_placement_rank bound[3] = {on(0, 2, true), on(2, 1, true), on(3, 4, true)};

    expect_crowd(mh_placement_look(unbound, 3, 1), 3, 2);
    expect_crowd(mh_placement_look(unbound, 2, 1), 0, 0);
    expect_crowd(mh_placement_look(unbound, 2, 2), 2, 2);
    expect_crowd(mh_placement_look(bound, 3, 2), 1, 1);
    expect_crowd(mh_placement_look(bound, 3, 1), 0, 0);
}

/* On a host with room for all, two that are bound to one core are two too many. */
Test(placement, ranks_on_the_same_core_are_a_crowd_also_among_others)
{
    const mh_placement_rank ranks[5] = {on(0, 8, false), on(0, 2, true), on(3, 1, true), on(3, 1, true),
                                        on(0, 2, true)};

    expect_crowd(mh_placement_look(ranks, 5, 1), 2, 1);
    expect_crowd(mh_placement_look(ranks, 3, 1), 0, 0);
}

Test(placement, the_fullest_cores_are_told)
{
    const mh_placement_rank ranks[7] = {on(0, 2, true), on(0, 2, true), on(0, 2, true), on(5, 1, true),
                                        on(5, 1, true), on(5, 1, true), on(0, 8, false)};

    expect_crowd(mh_placement_look(ranks, 7, 1), 3, 1);
}

Test(placement, bound_ranks_are_counted_with_their_cores)
{
    const mh_placement_rank ranks[3] = {on(0, 8, false), on(0, 1, true), on(4, 3, true)};
    mh_placement_host host = mh_placement_look(ranks, 3, 1);

    cr_expect(eq(sz, host.ranks, 3));
    cr_expect(eq(sz, host.bound, 2));
    cr_expect(eq(sz, host.least_cores, 1));
    cr_expect(eq(sz, host.most_cores, 3));
    host = mh_placement_look(ranks, 1, 1);
    cr_expect(eq(sz, host.bound, 0));
    cr_expect(eq(sz, host.most_cores, 0));
}

/* ---- telling ---- */

static mh_placement_host host_of(const char *name, size_t ranks, size_t bound, size_t cores)
{
    mh_placement_host host = {.ranks = ranks, .bound = bound, .least_cores = cores, .most_cores = cores};

    snprintf(host.name, sizeof host.name, "%s", name);
    return host;
}

static void expect_description(mh_placement_host *host, size_t hosts, const char *expected)
{
    mh_placement placement = {.threads = 1, .hosts = hosts, .host = host};
    char text[1024];

    for (size_t h = 0; h < hosts; h++)
        placement.ranks += host[h].ranks;
    mh_placement_describe(&placement, text, sizeof text);
    cr_expect(strcmp(text, expected) == 0, "%s", text);
}

Test(placement, hosts_and_cores_are_described)
{
    mh_placement_host one = host_of("vm", 1, 0, 0), two[2] = {host_of("a", 4, 4, 1), host_of("b", 2, 2, 1)};

    expect_description(&one, 1, "1 rank on 1 host (vm: 1), not bound");
    one = host_of("vm", 1, 1, 4);
    expect_description(&one, 1, "1 rank on 1 host (vm: 1), bound to 4 cores");
    one = host_of("vm", 2, 2, 1);
    expect_description(&one, 1, "2 ranks on 1 host (vm: 2), each bound to 1 core");
    expect_description(two, 2, "6 ranks on 2 hosts (a: 4, b: 2), each bound to 1 core");
    two[1].most_cores = 8;
    expect_description(two, 2, "6 ranks on 2 hosts (a: 4, b: 2), each bound to 1 to 8 cores");
    two[0] = host_of("a", 4, 0, 0);
    two[1] = host_of("b", 2, 1, 2);
    expect_description(two, 2, "6 ranks on 2 hosts (a: 4, b: 2), 1 of them bound to 2 cores");
}

Test(placement, many_hosts_are_not_all_named)
{
    enum { HOSTS = 32 };
    mh_placement_host host[HOSTS];
    char name[16];

    for (size_t h = 0; h < HOSTS; h++) {
        snprintf(name, sizeof name, "n%zu", h + 1);
        host[h] = host_of(name, 128, 128, 1);
    }
    expect_description(host, 8,
                       "1024 ranks on 8 hosts (n1: 128, n2: 128, n3: 128, n4: 128, n5: 128, n6: 128, "
                       "n7: 128, n8: 128), each bound to 1 core");
    expect_description(host, 9,
                       "1152 ranks on 9 hosts (n1: 128, n2: 128, n3: 128 and 6 more, 128 each), "
                       "each bound to 1 core");
    host[HOSTS - 1].ranks = host[HOSTS - 1].bound = 100;
    expect_description(host, HOSTS,
                       "4068 ranks on 32 hosts (n1: 128, n2: 128, n3: 128 and 29 more, "
                       "100 to 128 each), each bound to 1 core");
}

/* Host names of any length: what there is no room for is cut. */
Test(placement, a_description_is_no_longer_than_its_room)
{
    mh_placement_host host = host_of("a.host.with.a.name.that.goes.on", 2, 0, 0);
    const mh_placement placement = {.ranks = 2, .hosts = 1, .host = &host};
    char text[64];

    for (size_t bytes = 1; bytes <= sizeof text; bytes++) {
        memset(text, 'x', sizeof text);
        mh_placement_describe(&placement, text, bytes);
        cr_expect(memchr(text, '\0', bytes) != NULL, "%zu", bytes);
        cr_expect(bytes == sizeof text || text[bytes] == 'x', "%zu", bytes);
    }
}

Test(placement, a_crowd_is_told_once_for_all_hosts)
{
    mh_placement_host host[4] = {host_of("a", 2, 0, 0), host_of("b", 2, 0, 0), host_of("c", 2, 0, 0),
                                 host_of("d", 2, 0, 0)};
    mh_placement placement = {.ranks = 8, .threads = 1, .hosts = 4, .host = host};
    char text[256];

    cr_expect(mh_placement_is_crowded(&placement, text, sizeof text) == false);
    cr_expect(text[0] == '\0');
    host[1].crowd_ranks = 2;
    host[1].crowd_cores = 1;
    cr_expect(mh_placement_is_crowded(&placement, text, sizeof text));
    cr_expect(strcmp(text, "b: 2 ranks with 1 thread each share 1 core") == 0, "%s", text);
    host[1].crowd_ranks = 1;
    host[2].crowd_ranks = host[3].crowd_ranks = 2;
    placement.threads = 4;
    host[1].crowd_cores = 2;
    cr_expect(mh_placement_is_crowded(&placement, text, sizeof text));
    cr_expect(strcmp(text, "b: 1 rank with 4 threads has 2 cores, and so it is on 2 more hosts") == 0, "%s",
              text);
}
