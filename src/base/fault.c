#include "multihead/base/fault.h"

#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

static mh_fault_kind planned = MH_FAULT_NONE;
static uint64_t planned_step;
static bool is_due = false; /* the step has come */

static const char *const names[] = {"none",        "exit",      "abort",   "kill",
                                    "hang",        "slow",      "nan",     "read-error",
                                    "write-error", "disk-full", "bitflip", "out-of-memory"};

void mh_fault_plan(mh_fault_kind kind, uint64_t step)
{
    planned = kind;
    planned_step = step;
    is_due = false;
}

static void hang(void)
{
    for (;;)
        pause();
}

void mh_fault_before_step(uint64_t step)
{
    if (planned == MH_FAULT_NONE || step < planned_step)
        return;
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
