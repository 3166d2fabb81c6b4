#include "multihead/kernel/kernel.h"

size_t mh_leaves_merges(size_t leaves, size_t leaf)
{
    size_t merges = 0;

    while (leaves > 1) {
        size_t left = leaves - leaves / 2;

        if (leaf < left) {
            leaves = left;
            merges = 0; /* the sum on the right follows: the nodes above are not whole yet */
        } else {
            leaf -= left;
            leaves -= left;
            merges++;
        }
    }
    return merges;
}
