#ifndef MULTIHEAD_TENSOR_LAYOUT_H
#define MULTIHEAD_TENSOR_LAYOUT_H

#include <stddef.h>

#include "multihead/base/status.h"
#include "multihead/tensor/span.h"

enum { MH_TENSOR_NAME_BYTES = 32 };

/* A named tensor of the model and its place in the flat vector. */
typedef struct {
    char name[MH_TENSOR_NAME_BYTES]; /* PyTorch's: "fc1.weight", "out5.bias"          */
    size_t rows;                     /* outputs                                       */
    size_t columns;                  /* inputs; 0 for a vector [rows]                 */
    mh_span span;                    /* elements of the flat vector                   */
} mh_tensor;

/*
 * The tensors of a model one after another in one flat float32 vector [count]. Parameters, gradient and both
 * Adam moments share it. Tensors are stored without gaps, in the order in which they were added.
 */
typedef struct {
    size_t count; /* elements of the flat vector */
    size_t tensors;
    size_t capacity; /* of `tensor`                 */
    mh_tensor *tensor;
} mh_layout;

/** Room for `tensors` tensors. Free with mh_layout_clear. */
mh_status mh_layout_create(size_t tensors, mh_layout *out);
void mh_layout_clear(mh_layout *layout);

/** Appends a tensor named `stem``number`.`part` (fc, 1, weight; without a number for 0) and returns its first element. */
size_t mh_layout_add(mh_layout *layout, const char *stem, size_t number, const char *part, size_t rows,
                     size_t columns);

#endif
