#include "counts.h"

#include <mpi.h>

/* In front of MPI's own functions, by its profiling interface. */

static int largest;

int largest_count(void)
{
    int result = largest;

    largest = 0;
    return result;
}

static void see(int count)
{
    largest = count > largest ? count : largest;
}

int MPI_Bcast(void *data, int count, MPI_Datatype type, int root, MPI_Comm comm)
{
    see(count);
    return PMPI_Bcast(data, count, type, root, comm);
}

int MPI_Allreduce(const void *from, void *to, int count, MPI_Datatype type, MPI_Op operation, MPI_Comm comm)
{
    see(count);
    return PMPI_Allreduce(from, to, count, type, operation, comm);
}

int MPI_Allgather(const void *from, int from_count, MPI_Datatype from_type, void *to, int to_count,
                  MPI_Datatype to_type, MPI_Comm comm)
{
    see(from_count);
    see(to_count);
    return PMPI_Allgather(from, from_count, from_type, to, to_count, to_type, comm);
}

int MPI_Allgatherv(const void *from, int from_count, MPI_Datatype from_type, void *to, const int *to_counts,
                   const int *to_first, MPI_Datatype to_type, MPI_Comm comm)
{
    int ranks = 0;

    PMPI_Comm_size(comm, &ranks);
    see(from_count);
    for (int rank = 0; rank < ranks; rank++) {
        see(to_counts[rank]);
        see(to_first[rank]);
    }
    return PMPI_Allgatherv(from, from_count, from_type, to, to_counts, to_first, to_type, comm);
}

int MPI_Send(const void *data, int count, MPI_Datatype type, int to, int tag, MPI_Comm comm)
{
    see(count);
    return PMPI_Send(data, count, type, to, tag, comm);
}

int MPI_Recv(void *data, int count, MPI_Datatype type, int from, int tag, MPI_Comm comm, MPI_Status *status)
{
    see(count);
    return PMPI_Recv(data, count, type, from, tag, comm, status);
}

int MPI_Isend(const void *data, int count, MPI_Datatype type, int to, int tag, MPI_Comm comm,
              MPI_Request *request)
{
    see(count);
    return PMPI_Isend(data, count, type, to, tag, comm, request);
}

int MPI_Irecv(void *data, int count, MPI_Datatype type, int from, int tag, MPI_Comm comm,
              MPI_Request *request)
{
    see(count);
    return PMPI_Irecv(data, count, type, from, tag, comm, request);
}

int MPI_Sendrecv(const void *out, int out_count, MPI_Datatype out_type, int to, int out_tag, void *in,
                 int in_count, MPI_Datatype in_type, int from, int in_tag, MPI_Comm comm, MPI_Status *status)
{
    see(out_count);
    see(in_count);
    return PMPI_Sendrecv(out, out_count, out_type, to, out_tag, in, in_count, in_type, from, in_tag, comm,
                         status);
}
