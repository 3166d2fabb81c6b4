#include "multihead/base/fault.h"

#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include "multihead/base/log.h"

/* Read by the thread that writes files, too. */
static _Atomic mh_fault_kind planned = MH_FAULT_NONE;
static uint64_t planned_step;
static atomic_bool is_due = false; /* the step has come */

static const char *const names[] = {"none",        "exit",      "abort",   "kill",
                                    "hang",        "slow",      "nan",     "read-error",
                                    "write-error", "disk-full", "bitflip", "out-of-memory"};

void mh_fault_plan(mh_fault_kind kind, uint64_t step)
{
    planned = kind;
    planned_step = step;
    is_due = false;
}

static bool is_about_files(mh_fault_kind kind)
{
    return kind == MH_FAULT_WRITE_ERROR || kind == MH_FAULT_DISK_FULL || kind == MH_FAULT_BITFLIP;
}

static void hang(void)
{
    for (;;)
        pause();
}

/* A run that goes on behind the step has it behind: only what concerns files waits for the next one. */
static bool has_come(uint64_t step)
{
    return is_about_files(planned) ? step >= planned_step : step == planned_step;
}

void mh_fault_before_step(uint64_t step)
{
    if (planned == MH_FAULT_NONE || is_due || !has_come(step))
        return;
    mh_log_rank("--inject: %s before step %" PRIu64, names[planned], step);
    is_due = true;
    if (mh_fault_take(MH_FAULT_EXIT))
        exit(EXIT_FAILURE);
    if (mh_fault_take(MH_FAULT_ABORT))
        abort();
    if (mh_fault_take(MH_FAULT_KILL))
        raise(SIGKILL);
    if (mh_fault_take(MH_FAULT_HANG))
        hang();
    if (mh_fault_take(MH_FAULT_SLOW))
        sleep(1);
}

bool mh_fault_take(mh_fault_kind kind)
{
    if (planned != kind || !is_due)
        return false;
    if (kind != MH_FAULT_DISK_FULL)
        planned = MH_FAULT_NONE;
    return true;
}

const char *mh_fault_name(mh_fault_kind kind)
{
    return (size_t)kind < sizeof names / sizeof names[0] ? names[kind] : NULL;
}
