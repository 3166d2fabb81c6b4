#ifndef MULTIHEAD_BASE_THREAD_H
#define MULTIHEAD_BASE_THREAD_H

#include <stdbool.h>
#include <stddef.h>

#include "multihead/base/status.h"

/*
 * A thread beside the one that does the work: signals that are sent to the process do not reach it, and what it is at
 * is not what the process is at (base/phase): it only shows that it gets on.
 */
typedef struct mh_thread mh_thread;

/** Runs `work`; NULL where the system gives no thread. To be joined. */
mh_thread *mh_thread_start(void (*work)(void *), void *argument);

/** Waits until it is done. NULL is fine. */
void mh_thread_join(mh_thread *thread);

/** Said by a thread itself: from now on it never takes a core from one that computes merely because it woke up. */
void mh_thread_step_back(void);

/* How many of something there are, for one thread to make and another one to take. */
typedef struct mh_supply mh_supply;

mh_status mh_supply_create(size_t count, mh_supply **out);
void mh_supply_destroy(mh_supply *supply);

/** One more. What the thread wrote before is seen by the one that takes it. */
void mh_supply_add(mh_supply *supply);

/** Takes one, and waits where there is none. */
void mh_supply_take(mh_supply *supply);

/** The same where there is one; false, without waiting, where there is none. */
bool mh_supply_try(mh_supply *supply);

/**
 * From here to the matching leave no other thread is between these two: for a library that has room for one thread at
 * a time. One may be in there several times.
 */
void mh_thread_enter_library(void);
void mh_thread_leave_library(void);

#endif
