#ifndef MULTIHEAD_TENSOR_SPAN_H
#define MULTIHEAD_TENSOR_SPAN_H

#include <stddef.h>

/* A piece of something that is counted: rows of a data set, elements of a flat vector, replicas. */
typedef struct {
    size_t first;
    size_t count;
} mh_span;

/** Part `part` of 0..total-1 cut into `parts`; sizes differ by one at most, the larger ones come first. */
mh_span mh_span_part(size_t total, size_t part, size_t parts);

/** First index behind the span. */
static inline size_t mh_span_end(mh_span span)
{
    return span.first + span.count;
}

#endif
