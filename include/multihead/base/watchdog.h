#ifndef MULTIHEAD_BASE_WATCHDOG_H
#define MULTIHEAD_BASE_WATCHDOG_H

#include "multihead/base/status.h"

/**
 * Watches this process from a thread of its own: when base/phase has seen no sign of life for `seconds`, it says so
 * in one line, with rank, host and what the process was at, waits a second, in which the other ranks can say theirs,
 * and ends the process with exit code 1, upon which the launcher ends the job. 0 seconds: nobody watches.
 *
 * Time counts only while the process runs: one that is stopped and continued, or sleeps with its laptop, is not found
 * silent for that. Fails with MH_ERR_MEMORY where the system gives no thread. One at a time.
 */
mh_status mh_watchdog_start(double seconds);

/** Ends the watch; fine without one. */
void mh_watchdog_stop(void);

#endif
