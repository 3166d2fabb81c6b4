#ifndef MULTIHEAD_BASE_LOG_H
#define MULTIHEAD_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Messages for the person at the terminal, all on stderr; results go to stdout and are not this module's.
 * A message that every rank has reason to say is said by rank 0.
 */

/** Tells the log who speaks. Until then the process is rank 0 of 1. */
void mh_log_setup(size_t rank, size_t ranks);

/** Whether this is rank 0, which speaks for all. */
bool mh_log_is_root(void);

/** "rank 1 on node7"; "" where there is one rank. May be called in a signal handler. */
const char *mh_log_who(void);

/** A line from rank 0; says nothing on the others. */
__attribute__((format(printf, 1, 2))) void mh_log_info(const char *format, ...);

/** The same, marked as a warning. */
__attribute__((format(printf, 1, 2))) void mh_log_warning(const char *format, ...);

/** The same, for why the program ends. */
__attribute__((format(printf, 1, 2))) void mh_log_error(const char *format, ...);

/** A line from whichever rank calls, marked `[rank 3]` when there are several. */
__attribute__((format(printf, 1, 2))) void mh_log_rank(const char *format, ...);

/**
 * "multihead: rank 1 on node7: " and the texts behind it, up to a NULL, as one line that no other rank's can come
 * between. For a process that is about to end, from any thread or signal handler: it allocates nothing.
 */
__attribute__((sentinel)) void mh_log_last_words(const char *text, ...);

/**
 * Shows `line` in place of the one shown before, on a terminal and on rank 0; the next message or
 * mh_log_status("") wipes it. Cut to the terminal's width.
 */
void mh_log_status(const char *line);

/** Columns of the terminal that stderr is, 0 when it is none. */
size_t mh_log_terminal_columns(void);

#endif
