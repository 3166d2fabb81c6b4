#include "multihead/parallel/link.h"

#include <assert.h>
#include <stdlib.h>

void mh_link_add(mh_link *link, double bytes, double seconds)
{
    size_t i = link->points++;

    assert(i < MH_LINK_POINTS && (i == 0 || bytes > link->bytes[i - 1]));
    link->bytes[i] = bytes;
    link->seconds[i] = i > 0 && seconds < link->seconds[i - 1] ? link->seconds[i - 1] : seconds;
}

mh_link mh_link_line(double latency, double byte_seconds)
{
    mh_link link = {0};

    mh_link_add(&link, 0, latency);
    mh_link_add(&link, MH_LINK_LARGE, latency + byte_seconds * MH_LINK_LARGE);
    return link;
}

static double slope(const mh_link *link, size_t from, size_t to)
{
    return (link->seconds[to] - link->seconds[from]) / (link->bytes[to] - link->bytes[from]);
}

double mh_link_seconds(const mh_link *link, double bytes)
{
    size_t i = 1, last = link->points - 1;

    assert(link->points > 0);
    if (last == 0 || bytes <= link->bytes[0])
        return link->seconds[0];
    if (bytes >= link->bytes[last])
        return link->seconds[last] + (bytes - link->bytes[last]) * mh_link_byte_seconds(link);
    while (link->bytes[i] < bytes)
        i++;
    return link->seconds[i - 1] + (bytes - link->bytes[i - 1]) * slope(link, i - 1, i);
}

double mh_link_latency(const mh_link *link)
{
    return link->seconds[0];
}

static int compare(const void *a, const void *b)
{
    double first = *(const double *)a, second = *(const double *)b;

    return (first > second) - (first < second);
}

double mh_link_byte_seconds(const mh_link *link)
{
    double slopes[MH_LINK_POINTS * MH_LINK_POINTS];
    size_t first = 0, count = 0, last = link->points - 1;

    if (last == 0)
        return 0;
    while (first < last && link->bytes[first] < MH_LINK_LARGE)
        first++;
    if (first == last)
        return slope(link, 0, last);
    for (size_t from = first; from < last; from++)
        for (size_t to = from + 1; to <= last; to++)
            slopes[count++] = slope(link, from, to);
    qsort(slopes, count, sizeof *slopes, compare);
    return slopes[count / 2];
}
