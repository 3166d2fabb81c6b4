#ifndef MULTIHEAD_BASE_FAULT_H
#define MULTIHEAD_BASE_FAULT_H

#include <stdbool.h>
#include <stdint.h>

/*
 * One fault, planned on this rank for a step of training, so that what the program promises when things go wrong can
 * be tried out: train --inject KIND@rank=R,step=S. Without a plan nothing here does anything.
 */

typedef enum {
    MH_FAULT_NONE,
    MH_FAULT_EXIT,         /* the process leaves without a word to MPI             */
    MH_FAULT_ABORT,        /* SIGABRT, as a failing assertion raises               */
    MH_FAULT_KILL,         /* SIGKILL, as the system does when memory is short     */
    MH_FAULT_HANG,         /* never takes the step                                 */
    MH_FAULT_SLOW,         /* takes it a second later                              */
    MH_FAULT_NAN,          /* its gradient is not a number                         */
    MH_FAULT_READ_ERROR,   /* its rows cannot be read                              */
    MH_FAULT_WRITE_ERROR,  /* the next file cannot be written, EIO                 */
    MH_FAULT_DISK_FULL,    /* no file can be written from then on, ENOSPC          */
    MH_FAULT_BITFLIP,      /* one bit of the next checkpoint is another one on disk */
    MH_FAULT_OUT_OF_MEMORY /* an allocation fails                                  */
} mh_fault_kind;

/** Plans a fault of this rank for the step with number `step`, from 1. */
void mh_fault_plan(mh_fault_kind kind, uint64_t step);

/** Tells which step comes next, and lets the fault happen where it is one that needs nobody's help. */
void mh_fault_before_step(uint64_t step);

/** Whether a fault of this kind is due: true once, but a full disk stays full. */
bool mh_fault_take(mh_fault_kind kind);

/** "exit", "out-of-memory"; NULL behind the last one. From 1, as the enumeration has them. */
const char *mh_fault_name(mh_fault_kind kind);

#endif
