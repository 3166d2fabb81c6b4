#ifndef MULTIHEAD_BASE_CREW_H
#define MULTIHEAD_BASE_CREW_H

#include <stddef.h>

#include "multihead/base/status.h"

/*
 * Threads that do tasks beside the one that hands them out. That one takes tasks back when they are done, and does some
 * itself instead of waiting; so a crew of no threads works too, and on one core nobody waits for anybody.
 *
 * One thread, always the same, gives and takes. Which task is done when and by whom is left to chance: what comes out must
 * not depend on it.
 */
typedef struct mh_crew mh_crew;

/**
 *   threads   beside the caller; where the system gives fewer, it is fewer
 *   most      tasks that may be given and not taken back yet
 *   work      done with each task, by any of the threads: must not fail, nor ask for memory
 */
mh_status mh_crew_create(size_t threads, size_t most, void (*work)(void *task), mh_crew **out);

/** When all tasks have been taken back. NULL is fine. */
void mh_crew_destroy(mh_crew *crew);

void mh_crew_give(mh_crew *crew, void *task);

/** One of the tasks given, done; NULL when there is none left. */
void *mh_crew_take(mh_crew *crew);

#endif
