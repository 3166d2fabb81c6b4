#ifndef MULTIHEAD_TENSOR_BATCH_H
#define MULTIHEAD_TENSOR_BATCH_H

#include <stddef.h>
#include <stdint.h>

/* A class index of a head, 0..classes-1. Two bytes serve every head, so there is one type of label, not two. */
typedef uint16_t mh_label;

enum {
    MH_LABEL_MISSING = UINT16_MAX, /* not known: counts nowhere           */
    MH_CLASSES_MAX = UINT16_MAX    /* largest number of classes of a head */
};

/* Which random numbers a pass over a batch draws (dropout): a function of these and of a row's place in it. */
typedef struct {
    uint64_t seed;
    uint64_t step;
    uint32_t replica; /* whose part of the global batch it is */
} mh_draw;

/* Rows of a data set, borrowed from whoever holds them. Plain data: a slice of a batch is a batch. */
typedef struct {
    size_t rows;            /* may be 0                                                               */
    size_t inputs;          /* columns of features                                                    */
    size_t heads;           /* columns of labels                                                      */
    const float *features;  /* [rows x inputs]                                                        */
    const mh_label *labels; /* [rows x heads], NULL where none are known                              */
    const float *weights;   /* [heads] factor of each head's loss, NULL for 1: see mh_model_gradient  */
    size_t first;           /* of a slice: the rows before it in the whole                            */
    const mh_draw *draw;    /* NULL: without dropout                                                  */
} mh_batch;

/** Rows first..first+rows-1 of `batch`, cut at its end. */
mh_batch mh_batch_slice(const mh_batch *batch, size_t first, size_t rows);

#endif
