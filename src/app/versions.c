#include "versions.h"

#include <stdio.h>
#include <string.h>

#include "multihead/base/log.h"
#include "multihead/data/hdf5_file.h"
#include "multihead/parallel/communicator.h"
#include "multihead/tensor/matrix.h"

void versions_describe(char *text, size_t bytes)
{
    char mpi[128], hdf5[32];

    mh_comm_library(mpi, sizeof mpi);
    mh_hdf5_version(hdf5, sizeof hdf5);
    snprintf(text, bytes,
             "multihead %s\n  MPI      %s\n  BLAS     %s (kernel %s)\n  HDF5     %s\n  kernels  %s\n",
             MULTIHEAD_VERSION, mpi, mh_matrix_library(), mh_matrix_kernel(), hdf5,
             mh_kernel_uses_blas() ? "openblas" : mh_kernel_now()->name);
}

/* The first line of `now` that is not a line of `before`; its length, 0 where there is none. */
static int find_new_line(const char *now, const char *before, const char **line)
{
    char text[256];

    *line = now + strspn(now, " ");
    while (**line != '\0') {
        int length = (int)strcspn(*line, "\n");

        snprintf(text, sizeof text, "%.*s\n", length, *line);
        if (strstr(before, text) == NULL)
            return length;
        *line += length;
        *line += strspn(*line, "\n ");
    }
    return 0;
}

void versions_compare(const char *checkpoint, const char *before, const char *now)
{
    const char *line = NULL, *line_before = NULL;
    int length = find_new_line(now, before, &line);
    int length_before = find_new_line(before, now, &line_before);

    if (length > 0 || length_before > 0)
        mh_log_warning(
            "%s was made with \"%.*s\", this is \"%.*s\": the last digits may differ from those of a run "
            "that was never stopped",
            checkpoint, length_before, line_before, length, line);
}
