#ifndef MULTIHEAD_TESTS_PROCESS_H
#define MULTIHEAD_TESTS_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

/** Whether a process is gone, or only waits for its parent to hear of its end. */
bool process_has_ended(pid_t process);

#endif
