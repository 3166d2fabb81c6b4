#ifndef MULTIHEAD_SRC_APP_INJECTION_H
#define MULTIHEAD_SRC_APP_INJECTION_H

#include "multihead/base/fault.h"
#include <stddef.h>

#include "multihead/base/status.h"

/* A fault that the user asked for: --inject KIND@rank=R,step=S. */
typedef struct {
    mh_fault_kind kind;
    size_t rank;
    uint64_t step; /* from 1 */
} injection;

/** MH_ERR_USAGE, saying what was expected. Rank 0 and step 1 where they are not said. */
mh_status injection_parse(const char *text, injection *out);

/** Plans it where this is the rank; says what will happen, and what will not. Needs no other rank. */
mh_status injection_plan(const injection *injection, size_t rank, size_t ranks);

#endif
