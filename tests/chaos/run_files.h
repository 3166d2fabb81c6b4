#ifndef MULTIHEAD_TESTS_CHAOS_RUN_FILES_H
#define MULTIHEAD_TESTS_CHAOS_RUN_FILES_H

#include <stddef.h>

/* What a run leaves in its folder, whenever and however it ends. `when` begins the messages. */

/** Every checkpoint is whole; returns the step of the newest one, 0: there is none. */
size_t expect_whole_checkpoints(const char *run, const char *when);

/** A file that the program seals is whole, where it is there at all. */
void expect_whole_file(const char *path, const char *when);

/** Nothing that was begun is there. */
void expect_no_partial(const char *run, const char *when);

/** `seconds` of a log rise, also where the run was stopped. */
void expect_rising_seconds(const char *history);

/** The number in an environment variable. */
size_t number_from(const char *variable, size_t otherwise);

#endif
