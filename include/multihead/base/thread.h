#ifndef MULTIHEAD_BASE_THREAD_H
#define MULTIHEAD_BASE_THREAD_H

/* A thread beside the one that does the work: signals do not reach it. */
typedef struct mh_thread mh_thread;

/** Runs `work`; NULL where the system gives no thread. To be joined. */
mh_thread *mh_thread_start(void (*work)(void *), void *argument);

/** Waits until it is done. NULL is fine. */
void mh_thread_join(mh_thread *thread);

/** Said by a thread itself: from now on it never takes a core from one that computes merely because it woke up. */
void mh_thread_step_back(void);

#endif
