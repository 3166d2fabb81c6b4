#include <stdio.h>
#include <stdlib.h>

#include "multihead/tensor/matrix.h"

/*
 * The tests' main is Criterion's, so what the program does first in its own main is done here: glibc hands
 * main's arguments to constructors too. A re-exec happens at most once, in the process that the user started:
 * it sets OPENBLAS_CORETYPE, which the process that Criterion makes for each test inherits, and there the
 * kernel is no longer weak. It comes before MPI_Init, and exec keeps the process id and the environment, so
 * mpiexec still sees the process that it launched.
 */
static __attribute__((constructor)) void choose_kernel(int argc, char **argv, char **environment)
{
    (void)argc;
    (void)environment;
    mh_matrix_choose_kernel(argv);
    if (mh_kernel_choose(getenv("MULTIHEAD_KERNELS")) != MH_OK) {
        fprintf(stderr, "%s\n", mh_status_message());
        exit(2);
    }
    mh_matrix_set_threads(1); /* the program's default, and the ranks of a test share few cores */
}
