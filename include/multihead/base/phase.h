#ifndef MULTIHEAD_BASE_PHASE_H
#define MULTIHEAD_BASE_PHASE_H

#include <stddef.h>
#include <stdint.h>

/*
 * What this process is doing now, in the words that messages use: "reading rows", "waiting for the other ranks". Who
 * does something that takes long says so here, and says now and then that it goes on; a watchdog, a handler of a crash
 * or a failure that another rank has to be told about reads it, from any thread or signal handler.
 *
 * What is a part of something larger goes back to that when it is done (mh_phase_name before it began), and not when
 * it fails: then it is what the failure is told with.
 */

/** From now on this process does `what`: a text that stays where it is, such as a literal. A sign of life. */
void mh_phase_enter(const char *what);

/** Still at it, and getting on. From any thread. */
void mh_phase_beat(void);

/** Of the thread that calls it: what it enters from now on is not what the process is doing, but a sign of life. */
void mh_phase_stand_aside(void);

/** The step of training that is under way, from 1; 0 outside training. */
void mh_phase_set_step(uint64_t step);

/** Never NULL. */
const char *mh_phase_name(void);
uint64_t mh_phase_step(void);

/** Signs of life so far: who reads the same number twice knows that nothing happened in between. */
uint64_t mh_phase_beats(void);

/** "computing the gradient, step 17"; returns `text`. May be called in a signal handler. */
const char *mh_phase_describe(char *text, size_t bytes);

#endif
