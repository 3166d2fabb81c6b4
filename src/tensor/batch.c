#include "multihead/tensor/batch.h"

#include <assert.h>

mh_batch mh_batch_slice(const mh_batch *batch, size_t first, size_t rows)
{
    mh_batch slice = *batch;

    assert(first <= batch->rows);
    slice.rows = rows < batch->rows - first ? rows : batch->rows - first;
    slice.first = batch->first + first;
    slice.features = batch->features + first * batch->inputs;
    if (batch->labels != NULL)
        slice.labels = batch->labels + first * batch->heads;
    return slice;
}
