#include "multihead/parallel/scaling.h"

#include <stdbool.h>

enum { ELEMENT_BYTES = 4, STATUS_BYTES = 8 };

/* ---- what is sent ---- */

/* Whether each rank holds one subtree of the sum, so that halving goes along the tree. */
static bool follows_tree(const mh_scaling *s, size_t ranks)
{
    return ranks >= s->replicas || ((ranks & (ranks - 1)) == 0 && s->replicas % ranks == 0);
}

/* A host's ranks are consecutive. Where they are no power of two, some of a distance's messages leave it: all count. */
static bool is_inside(const mh_scaling *s, size_t distance, size_t ranks)
{
    return 2 * distance <= s->ranks_per_host || ranks <= s->ranks_per_host;
}

/* Bytes that a rank sends to the one at this distance, of those elements that it is still in charge of. */
static double bytes_at(const mh_scaling *s, size_t distance, size_t ranks)
{
    double left = (double)s->elements / (double)distance;

    /* The last one of ranks that are no power of two: what is left over beside its own n/P. */
    return ELEMENT_BYTES * (2 * distance <= ranks ? left / 2 : left - (double)s->elements / (double)ranks);
}

static mh_traffic traffic_to_all(const mh_scaling *s, size_t ranks)
{
    size_t neighbours = (ranks < s->ranks_per_host ? ranks : s->ranks_per_host) - 1;
    double inside = (double)neighbours, between = (double)(ranks - 1 - neighbours);
    double piece = ELEMENT_BYTES * (double)s->elements / (double)ranks;

    return (mh_traffic){2 * inside, 2 * between, 2 * inside * piece, 2 * between * piece};
}

mh_traffic mh_scaling_traffic(const mh_scaling *s, size_t ranks)
{
    mh_traffic traffic = {0};

    if (!follows_tree(s, ranks))
        return traffic_to_all(s, ranks);
    for (size_t distance = 1; distance < ranks; distance *= 2) {
        bool inside = is_inside(s, distance, ranks);

        *(inside ? &traffic.messages_inside : &traffic.messages_between) += 2;
        *(inside ? &traffic.bytes_inside : &traffic.bytes_between) += 2 * bytes_at(s, distance, ranks);
    }
    return traffic;
}

/* ---- how long it takes ---- */

static double message_seconds(const mh_scaling *s, bool inside, double bytes)
{
    if (inside || s->between.points == 0)
        return mh_link_seconds(&s->inside, bytes);
    return mh_link_seconds(&s->between, bytes * (double)s->ranks_per_host / (double)s->link_ranks);
}

/* What is sent at once takes one latency. */
static double seconds_to_all(const mh_scaling *s, size_t ranks)
{
    mh_traffic traffic = traffic_to_all(s, ranks);
    double seconds = 0;

    if (traffic.messages_inside > 0)
        seconds += 2 * message_seconds(s, true, traffic.bytes_inside / 2);
    if (traffic.messages_between > 0)
        seconds += 2 * message_seconds(s, false, traffic.bytes_between / 2);
    return seconds;
}

double mh_scaling_sum_seconds(const mh_scaling *s, size_t ranks)
{
    double seconds = (double)s->elements * (double)(ranks - 1) / (double)ranks * s->add_element;

    if (!follows_tree(s, ranks))
        seconds += seconds_to_all(s, ranks);
    for (size_t distance = 1; distance < ranks; distance *= 2) {
        bool inside = is_inside(s, distance, ranks);

        if (follows_tree(s, ranks))
            seconds += 2 * message_seconds(s, inside, bytes_at(s, distance, ranks));
        seconds += message_seconds(s, inside, STATUS_BYTES);
    }
    return seconds;
}

double mh_scaling_compute_seconds(const mh_scaling *s, size_t ranks, double batch_rows)
{
    /* The rank with the most of them is waited for. */
    size_t leaves = ranks < s->replicas ? (s->replicas + ranks - 1) / ranks : 1;
    size_t replicas = ranks < s->replicas ? s->replicas : ranks;

    return s->fixed + (double)leaves * (s->leaf + batch_rows / (double)replicas * s->row);
}

double mh_scaling_step_seconds(const mh_scaling *s, size_t ranks, double batch_rows)
{
    return mh_scaling_compute_seconds(s, ranks, batch_rows) + mh_scaling_sum_seconds(s, ranks);
}

/* ---- what is left of it ---- */

double mh_scaling_strong_efficiency(const mh_scaling *s, size_t ranks, double batch_rows)
{
    double alone = mh_scaling_step_seconds(s, 1, batch_rows);

    return alone / ((double)ranks * mh_scaling_step_seconds(s, ranks, batch_rows));
}

double mh_scaling_weak_efficiency(const mh_scaling *s, size_t ranks, double rank_rows)
{
    double alone = mh_scaling_step_seconds(s, 1, rank_rows);

    return alone / mh_scaling_step_seconds(s, ranks, rank_rows * (double)ranks);
}
