#include "multihead/tensor/span.h"

#include <assert.h>

mh_span mh_span_part(size_t total, size_t part, size_t parts)
{
    size_t base = total / parts;
    size_t larger = total % parts; /* parts that get one more */

    assert(part < parts);
    return (mh_span){part * base + (part < larger ? part : larger), base + (part < larger ? 1 : 0)};
}
