#ifndef MULTIHEAD_BASE_CLOCK_H
#define MULTIHEAD_BASE_CLOCK_H

/** Seconds on a clock that only goes forward; its zero means nothing. */
double mh_clock_seconds(void);

#endif
