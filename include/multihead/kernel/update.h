#ifndef MULTIHEAD_KERNEL_UPDATE_H
#define MULTIHEAD_KERNEL_UPDATE_H

/*
 * Loops over the elements of parameters, gradients and moments. Their operations are additions, multiplications,
 * divisions and roots, each rounded by itself, so the bits are the same in every set of kernels.
 */

/* The numbers of a step of Adam that are the same for every parameter of a part. */
typedef struct {
    float scale; /* the gradient is scale * sum */
    float beta1, one_minus_beta1, beta2, one_minus_beta2;
    float correction; /* of the second moment's root, which began at 0 */
    float epsilon;
    float decay;     /* factor of the parameters                        */
    float step_size; /* with the correction of the first moment         */
} mh_adam_numbers;

#endif
