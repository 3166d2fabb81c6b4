#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "multihead/parallel/scaling.h"

/* Numbers that a hand can do: a message inside a host costs 1 s and 0.001 s a byte, between hosts 10 s and 0.01. */
static mh_scaling by_hand(size_t ranks_per_host)
{
    return (mh_scaling){.inside = mh_link_line(1, 0.001),
                        .between = mh_link_line(10, 0.01),
                        .link_ranks = ranks_per_host,
                        .ranks_per_host = ranks_per_host,
                        .fixed = 7,
                        .leaf = 3,
                        .row = 0.5,
                        .add_element = 0.01,
                        .elements = 1000,
                        .replicas = 8};
}

/* Sums of a few doubles. */
static const double TOLERANCE = 1e-9;

#define EXPECT_SECONDS(value, expected) cr_expect(epsilon_eq(dbl, (value), (expected), TOLERANCE))

/* ---- one message ---- */

Test(scaling, a_line_costs_latency_and_bytes)
{
    mh_link link = mh_link_line(2e-6, 1e-9);

    EXPECT_SECONDS(mh_link_latency(&link), 2e-6);
    cr_expect(epsilon_eq(dbl, mh_link_byte_seconds(&link), 1e-9, 1e-18));
    EXPECT_SECONDS(mh_link_seconds(&link, 0), 2e-6);
    EXPECT_SECONDS(mh_link_seconds(&link, 1000), 3e-6);
    EXPECT_SECONDS(mh_link_seconds(&link, 1e9), 1 + 2e-6);
}

Test(scaling, a_curve_goes_through_its_points_and_on_as_large_messages_do)
{
    mh_link link = {0};

    mh_link_add(&link, 8, 1);
    mh_link_add(&link, MH_LINK_LARGE, 5);      /* announced first        */
    mh_link_add(&link, 2 * MH_LINK_LARGE, 7);  /* 2 for each so many     */
    mh_link_add(&link, 4 * MH_LINK_LARGE, 11); /* the same               */
    mh_link_add(&link, 8 * MH_LINK_LARGE, 99); /* a neighbour was at work */
    EXPECT_SECONDS(mh_link_latency(&link), 1);
    EXPECT_SECONDS(mh_link_seconds(&link, 1), 1);
    EXPECT_SECONDS(mh_link_seconds(&link, MH_LINK_LARGE), 5);
    EXPECT_SECONDS(mh_link_seconds(&link, 1.5 * MH_LINK_LARGE), 6);
    cr_expect(lt(dbl, mh_link_byte_seconds(&link) * MH_LINK_LARGE, 22), "one point of five decides");
}

Test(scaling, a_message_does_not_get_faster_with_its_bytes)
{
    mh_link link = {0};

    mh_link_add(&link, 8, 4);
    mh_link_add(&link, 64, 3);
    mh_link_add(&link, 512, 6);
    EXPECT_SECONDS(mh_link_seconds(&link, 64), 4);
}

/* ---- the sum ---- */

Test(scaling, one_rank_sends_nothing)
{
    mh_scaling s = by_hand(2);
    mh_traffic traffic = mh_scaling_traffic(&s, 1);

    EXPECT_SECONDS(mh_scaling_sum_seconds(&s, 1), 0);
    EXPECT_SECONDS(traffic.messages_inside + traffic.messages_between + traffic.bytes_inside, 0);
}

/* A half each way, 2000 bytes: 2 (1 + 2); the status: 1 + 0.008; 500 additions: 5. */
Test(scaling, two_ranks_of_a_host_hand_each_other_a_half_twice)
{
    mh_scaling s = by_hand(2);
    mh_traffic traffic = mh_scaling_traffic(&s, 2);

    EXPECT_SECONDS(mh_scaling_sum_seconds(&s, 2), 6 + 1.008 + 5);
    EXPECT_SECONDS(traffic.messages_inside, 2);
    EXPECT_SECONDS(traffic.messages_between, 0);
    EXPECT_SECONDS(traffic.bytes_inside, 4000);
}

/* Then a quarter, 1000 bytes, between hosts: 2 (10 + 10); the status: 10 + 0.08; 750 additions. */
Test(scaling, neighbours_come_first_and_hosts_meet_with_what_is_left)
{
    mh_scaling s = by_hand(2);
    mh_traffic traffic = mh_scaling_traffic(&s, 4);

    EXPECT_SECONDS(mh_scaling_sum_seconds(&s, 4), 6 + 1.008 + 40 + 10.08 + 7.5);
    EXPECT_SECONDS(traffic.bytes_inside, 4000);
    EXPECT_SECONDS(traffic.bytes_between, 2000);
}

/* 8 replicas over 3 ranks: a third to each of the others at once, there and back, and the status twice. */
Test(scaling, ranks_that_replicas_do_not_suit_write_to_all_others)
{
    mh_scaling s = by_hand(3);
    mh_traffic traffic = mh_scaling_traffic(&s, 3);

    EXPECT_SECONDS(traffic.messages_inside, 4);
    EXPECT_SECONDS(traffic.messages_between, 0);
    EXPECT_SECONDS(mh_scaling_sum_seconds(&s, 3), 2 * (1 + 8.0 / 3) + 2 * 1.008 + 20.0 / 3);

    traffic = mh_scaling_traffic(&s, 6);
    EXPECT_SECONDS(traffic.messages_inside, 4);
    EXPECT_SECONDS(traffic.messages_between, 6);
}

Test(scaling, ranks_of_one_host_do_not_leave_it)
{
    mh_scaling s = by_hand(12);

    EXPECT_SECONDS(mh_scaling_traffic(&s, 12).messages_inside, 8);
    EXPECT_SECONDS(mh_scaling_traffic(&s, 12).messages_between, 0);
    EXPECT_SECONDS(mh_scaling_traffic(&s, 24).messages_inside, 6);
    EXPECT_SECONDS(mh_scaling_traffic(&s, 24).messages_between, 4);
}

/* The whole of what is not one's own, each way: no sum can do with less. */
Test(scaling, every_number_of_ranks_moves_the_least_bytes)
{
    mh_scaling s = by_hand(4);

    for (size_t ranks = 1; ranks <= 40; ranks++) {
        mh_traffic traffic = mh_scaling_traffic(&s, ranks);

        EXPECT_SECONDS(traffic.bytes_inside + traffic.bytes_between,
                       2.0 * 4 * 1000 * (double)(ranks - 1) / (double)ranks);
    }
}

/* Measured by 2 ranks a host, planned with 4: twice as many share the link. (1000/8 elements: 500 bytes as 1000.) */
Test(scaling, more_ranks_a_host_share_its_link)
{
    mh_scaling s = by_hand(4), few = by_hand(4);

    s.link_ranks = 2;
    EXPECT_SECONDS(mh_scaling_sum_seconds(&s, 4), mh_scaling_sum_seconds(&few, 4));
    EXPECT_SECONDS(mh_scaling_sum_seconds(&s, 8) - mh_scaling_sum_seconds(&few, 8), 2 * 5 + 0.08);
}

Test(scaling, an_unknown_link_between_hosts_is_taken_for_one_inside)
{
    mh_scaling s = by_hand(1), all_inside = by_hand(64);

    s.between.points = 0;
    EXPECT_SECONDS(mh_scaling_sum_seconds(&s, 64), mh_scaling_sum_seconds(&all_inside, 64));
}

/* ---- the step ---- */

/* 8 replicas: 7 + 8 (3 + 10/2) on one rank, 7 + 3 + 10/2 on eight, and half of that a replica on sixteen. */
Test(scaling, replicas_and_rows_are_shared_out)
{
    mh_scaling s = by_hand(2);

    EXPECT_SECONDS(mh_scaling_step_seconds(&s, 1, 80), 7 + 8 * 8.0);
    EXPECT_SECONDS(mh_scaling_compute_seconds(&s, 2, 80), 7 + 4 * 8.0);
    EXPECT_SECONDS(mh_scaling_compute_seconds(&s, 3, 80), 7 + 3 * 8.0);
    EXPECT_SECONDS(mh_scaling_compute_seconds(&s, 8, 80), 7 + 8.0);
    EXPECT_SECONDS(mh_scaling_compute_seconds(&s, 16, 80), 7 + 3 + 2.5);
    EXPECT_SECONDS(mh_scaling_step_seconds(&s, 16, 80),
                   mh_scaling_compute_seconds(&s, 16, 80) + mh_scaling_sum_seconds(&s, 16));
}

Test(scaling, one_rank_is_all_of_its_speed)
{
    mh_scaling s = by_hand(2);

    EXPECT_SECONDS(mh_scaling_strong_efficiency(&s, 1, 80), 1);
    EXPECT_SECONDS(mh_scaling_weak_efficiency(&s, 1, 80), 1);
}

/* Nothing but rows, and a network that costs nothing: all of the speed of all ranks. */
Test(scaling, what_costs_nothing_takes_nothing_away)
{
    mh_scaling s = by_hand(2);

    s.inside = s.between = mh_link_line(0, 0);
    s.fixed = s.leaf = s.add_element = 0;
    for (size_t ranks = 1; ranks <= 4096; ranks *= 2) {
        EXPECT_SECONDS(mh_scaling_strong_efficiency(&s, ranks, 65536), 1);
        EXPECT_SECONDS(mh_scaling_weak_efficiency(&s, ranks, 65536), 1);
    }
}

Test(scaling, more_ranks_sum_longer_and_are_used_less)
{
    mh_scaling s = by_hand(16);

    s.leaf = 0;
    for (size_t ranks = 2; ranks <= 4096; ranks *= 2) {
        cr_expect(lt(dbl, mh_scaling_sum_seconds(&s, ranks / 2), mh_scaling_sum_seconds(&s, ranks)));
        cr_expect(lt(dbl, mh_scaling_strong_efficiency(&s, ranks, 65536),
                     mh_scaling_strong_efficiency(&s, ranks / 2, 65536)));
        cr_expect(lt(dbl, mh_scaling_weak_efficiency(&s, ranks, 1024),
                     mh_scaling_weak_efficiency(&s, ranks / 2, 1024)));
    }
}

/* What more ranks cannot share is worth the less the slower the network is. */
Test(scaling, a_slower_network_makes_a_longer_step)
{
    mh_scaling fast = by_hand(2), slow = by_hand(2);

    slow.between = mh_link_line(10, 0.02);
    EXPECT_SECONDS(mh_scaling_step_seconds(&slow, 2, 80), mh_scaling_step_seconds(&fast, 2, 80));
    for (size_t ranks = 4; ranks <= 4096; ranks *= 2)
        cr_expect(
            lt(dbl, mh_scaling_step_seconds(&fast, ranks, 80), mh_scaling_step_seconds(&slow, ranks, 80)));
}
