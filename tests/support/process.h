#ifndef MULTIHEAD_TESTS_PROCESS_H
#define MULTIHEAD_TESTS_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/** Whether a process is gone, or only waits for its parent to hear of its end. */
bool process_has_ended(pid_t process);

/** Waits until all of them have; false where that takes longer. None of them is asked for its exit code. */
bool await_processes(const pid_t *processes, size_t count, double seconds);

#endif
