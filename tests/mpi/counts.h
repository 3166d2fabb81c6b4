#ifndef MULTIHEAD_TESTS_COUNTS_H
#define MULTIHEAD_TESTS_COUNTS_H

/**
 * The largest count or displacement that MPI was given since the last call: every message of the library goes through
 * counts.c on its way to MPI.
 */
int largest_count(void);

#endif
