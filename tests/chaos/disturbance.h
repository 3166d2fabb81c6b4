#ifndef MULTIHEAD_TESTS_CHAOS_DISTURBANCE_H
#define MULTIHEAD_TESTS_CHAOS_DISTURBANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "program.h"

/* What may happen to a job: chosen at random, done, and what the program promises then. */

/** Numbers that follow from a seed, so that a failure can be had again. */
typedef struct {
    uint64_t state;
} chance;

/** 0..count-1 */
size_t chance_below(chance *chance, size_t count);

typedef enum {
    NOTHING,
    SIGNAL_A_RANK,       /* a user, or the system                         */
    SIGNAL_ALL_RANKS,    /* scancel                                       */
    SIGNAL_THE_LAUNCHER, /* the user at the terminal; a batch script      */
    KILL_A_RANK,         /* memory is short                               */
    KILL_THE_LAUNCHER,   /* the node where mpirun ran is gone             */
    KILL_ALL,            /* power is gone                                 */
    SIGNAL_THEN_KILL,    /* not enough grace: in the middle of the saving */
    INJECT,              /* by --inject, in a step                        */
    LIMIT_TIME,          /* by --time-limit                               */
    DISTURBANCES
} disturbance_kind;

typedef struct {
    disturbance_kind kind;
    int signal;              /* SIGUSR1, SIGTERM or SIGINT                                   */
    bool comes_twice;        /* the signal                                                   */
    bool awaits_training;    /* the delay counts from the first step, not from the beginning */
    double delay_seconds;    /* until it happens                                             */
    double patience_seconds; /* until it is killed, where it is                              */
    size_t rank;             /* that is meant                                                */
    char options[96];        /* of the command line, for what the program does itself        */
    char text[160];          /* all of that, for messages                                    */
} disturbance;

/** `next_step`..`last_step` are those that the run has before it, and `training_seconds` what it may take for them. */
disturbance disturbance_choose(chance *chance, int ranks, size_t next_step, size_t last_step,
                               double training_seconds);

/** Whether it comes from outside, and not from what the program was told at its start. */
bool disturbance_is_struck(const disturbance *disturbance);

/** Waits for the moment, of a program that was just started; `run` is its folder. */
void disturbance_await(const disturbance *disturbance, const program *program, const char *run);

/** Does it. `ranks` are the processes that are ranks by then. */
void disturbance_strike(const disturbance *disturbance, const program *program, const pid_t *ranks,
                        size_t count);

/** Whether the program may have ended so. Without a word on what it has to leave behind. */
bool disturbance_allows(const disturbance *disturbance, int ranks, int exit_code);

#endif
