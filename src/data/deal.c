#include "multihead/data/deal.h"

size_t mh_deal_batches(const mh_deal *deal)
{
    return (deal->rows + deal->batch_size - 1) / deal->batch_size;
}

/* Rows dealt out before global batch `batch`. */
static size_t dealt_before(const mh_deal *deal, size_t batch)
{
    return batch < mh_deal_batches(deal) ? batch * deal->batch_size : deal->rows;
}

size_t mh_deal_batch_rows(const mh_deal *deal, size_t batch)
{
    return dealt_before(deal, batch + 1) - dealt_before(deal, batch);
}

size_t mh_deal_part_rows_max(const mh_deal *deal, size_t batches)
{
    return (dealt_before(deal, batches) + deal->replicas - 1) / deal->replicas;
}

/* Of the first `dealt` rows, dealt in turn, those that went to `replica`. */
static size_t dealt_to(const mh_deal *deal, size_t dealt, size_t replica)
{
    return dealt / deal->replicas + (replica < dealt % deal->replicas ? 1 : 0);
}

mh_span mh_deal_part(const mh_deal *deal, mh_span batches, size_t replica)
{
    size_t first = dealt_to(deal, dealt_before(deal, batches.first), replica);
    size_t end = dealt_to(deal, dealt_before(deal, mh_span_end(batches)), replica);

    return (mh_span){first, end - first};
}

mh_span mh_deal_rows_of(size_t rows, size_t replicas, mh_span hosted)
{
    size_t first = mh_span_part(rows, hosted.first, replicas).first;
    size_t end = mh_span_end(mh_span_part(rows, mh_span_end(hosted) - 1, replicas));

    return (mh_span){first, end - first};
}
