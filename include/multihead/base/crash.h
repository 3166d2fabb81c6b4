#ifndef MULTIHEAD_BASE_CRASH_H
#define MULTIHEAD_BASE_CRASH_H

/*
 * A process that dies of its own fault says so: one line with rank, host, what it was at and of what it died. Exit
 * status and core dump stay what they are without it. One that exits before its work is done, as a library may on its
 * own account, says so too, and its exit code is 1.
 */

/** From now on; after MPI has started, whose own handlers these replace. */
void mh_crash_install(void);

/** From now on the process may end as it likes; fine without install. */
void mh_crash_disarm(void);

/**
 * From now on, until it is called with NULL, this thread is in a library that reads the file `path`, of which nobody
 * knows whether it is whole. A crash is then the file's fault, not the program's: the message says so and the process
 * ends with exit code 1. `path` must stay where it is.
 */
void mh_crash_expect(const char *path);

#endif
