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

/** What is in both of them. */
static inline mh_span mh_span_overlap(mh_span a, mh_span b)
{
    size_t first = a.first > b.first ? a.first : b.first;
    size_t end = mh_span_end(a) < mh_span_end(b) ? mh_span_end(a) : mh_span_end(b);

    return (mh_span){first, end > first ? end - first : 0};
}

/** The same, counted from `whole`'s first index on. */
static inline mh_span mh_span_within(mh_span whole, mh_span span)
{
    mh_span both = mh_span_overlap(whole, span);

    return (mh_span){both.count > 0 ? both.first - whole.first : 0, both.count};
}

#endif
