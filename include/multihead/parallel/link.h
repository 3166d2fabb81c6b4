#ifndef MULTIHEAD_PARALLEL_LINK_H
#define MULTIHEAD_PARALLEL_LINK_H

#include <stddef.h>

/*
 * How long two ranks take to hand each other a message: a curve through what was measured, since a message costs a
 * latency and a time for each byte, but not the same ones in all sizes (a large one is announced first, for instance).
 * Behind the last point goes on what a byte costs among the large ones.
 */

enum { MH_LINK_POINTS = 8, MH_LINK_LARGE = 1 << 16 /* bytes: from there on a message is a large one */ };

typedef struct {
    size_t points; /* 0: not known */
    double bytes[MH_LINK_POINTS], seconds[MH_LINK_POINTS];
} mh_link;

/** One more point, with more bytes than the last. A message does not get faster with its bytes: noise is cut off. */
void mh_link_add(mh_link *link, double bytes, double seconds);

/** The line alpha + beta * bytes. */
mh_link mh_link_line(double latency, double byte_seconds);

double mh_link_seconds(const mh_link *link, double bytes);

/** Alpha: of the smallest message. */
double mh_link_latency(const mh_link *link);

/** Beta: what a byte more costs in a large message; the median over each two of them (Theil, Sen). */
double mh_link_byte_seconds(const mh_link *link);

#endif
