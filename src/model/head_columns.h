#ifndef MULTIHEAD_SRC_MODEL_HEAD_COLUMNS_H
#define MULTIHEAD_SRC_MODEL_HEAD_COLUMNS_H

#include "multihead/kernel/loss.h"
#include "multihead/model/head.h"

/* Heads as the kernels want them. */
static inline mh_head_columns head_columns(const mh_heads *heads, float *scratch)
{
    return (mh_head_columns){.count = heads->count,
                             .first = heads->first,
                             .has_sigmoid = heads->activation == MH_HEAD_ACTIVATION_SIGMOID,
                             .scratch = scratch};
}

/* Then lanes can be heads, without scratch memory. */
static inline bool all_are_binary(const mh_heads *heads)
{
    return heads->columns == heads->count;
}

#endif
