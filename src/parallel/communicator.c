#include "multihead/parallel/communicator.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "communicator_mpi.h"

static struct mh_comm world;

const mh_comm *mh_comm_initialize(int *argc, char ***argv)
{
    MPI_Init(argc, argv);
    world.handle = MPI_COMM_WORLD;
    MPI_Comm_rank(world.handle, &world.rank);
    MPI_Comm_size(world.handle, &world.ranks);
    return &world;
}

void mh_comm_finalize(const mh_comm *comm)
{
    (void)comm;
    MPI_Finalize();
}

size_t mh_comm_rank(const mh_comm *comm)
{
    return (size_t)comm->rank;
}

size_t mh_comm_ranks(const mh_comm *comm)
{
    return (size_t)comm->ranks;
}

mh_status mh_comm_agree(const mh_comm *comm, mh_status mine)
{
    struct {
        int status, rank;
    } worst = {(int)mine, comm->rank};
    int failed = mine != MH_OK;
    char message[MH_STATUS_MESSAGE_BYTES];
    char named[MH_STATUS_MESSAGE_BYTES];

    MPI_Allreduce(MPI_IN_PLACE, &worst, 1, MPI_2INT, MPI_MAXLOC, comm->handle);
    if (worst.status == MH_OK)
        return MH_OK;
    MPI_Allreduce(MPI_IN_PLACE, &failed, 1, MPI_INT, MPI_SUM, comm->handle);
    snprintf(message, sizeof message, "%s", mh_status_message());
    MPI_Bcast(message, sizeof message, MPI_CHAR, worst.rank, comm->handle);
    if (failed < comm->ranks)
        snprintf(named, sizeof named, "rank %d: %.900s", worst.rank, message);
    else
        snprintf(named, sizeof named, "%s", message);
    mh_status_set_message(named);
    return (mh_status)worst.status;
}

void mh_comm_barrier(const mh_comm *comm)
{
    MPI_Barrier(comm->handle);
}

/* Length of the next piece of `left` units. */
static int piece(size_t left)
{
    return left < MPI_PIECE ? (int)left : MPI_PIECE;
}

void mh_comm_broadcast(const mh_comm *comm, void *data, size_t bytes)
{
    for (size_t done = 0; done < bytes; done += (size_t)piece(bytes - done))
        MPI_Bcast((char *)data + done, piece(bytes - done), MPI_BYTE, 0, comm->handle);
}

static void reduce(const mh_comm *comm, int64_t *values, size_t count, MPI_Op operation)
{
    for (size_t done = 0; done < count; done += (size_t)piece(count - done))
        MPI_Allreduce(MPI_IN_PLACE, values + done, piece(count - done), MPI_INT64_T, operation, comm->handle);
}

void mh_comm_sum(const mh_comm *comm, int64_t *values, size_t count)
{
    reduce(comm, values, count, MPI_SUM);
}

void mh_comm_max(const mh_comm *comm, int64_t *values, size_t count)
{
    reduce(comm, values, count, MPI_MAX);
}

void mh_comm_gather_all(const mh_comm *comm, const void *mine, size_t bytes, void *out)
{
    /* The type carries the length, so that the number of bytes of all ranks may exceed an int. */
    MPI_Datatype block;

    assert(bytes <= MPI_PIECE);
    MPI_Type_contiguous((int)bytes, MPI_BYTE, &block);
    MPI_Type_commit(&block);
    MPI_Allgather(mine, 1, block, out, 1, block, comm->handle);
    MPI_Type_free(&block);
}

enum { TAG_HAND_TO_ROOT = 1, TAG_EXCHANGE = 2 };

void mh_comm_hand_to_root(const mh_comm *comm, size_t from, void *data, size_t bytes)
{
    if (from == 0 || (comm->rank != 0 && comm->rank != (int)from))
        return;
    for (size_t done = 0; done < bytes; done += (size_t)piece(bytes - done)) {
        if (comm->rank == 0)
            MPI_Recv((char *)data + done, piece(bytes - done), MPI_BYTE, (int)from, TAG_HAND_TO_ROOT,
                     comm->handle, MPI_STATUS_IGNORE);
        else
            MPI_Send((char *)data + done, piece(bytes - done), MPI_BYTE, 0, TAG_HAND_TO_ROOT, comm->handle);
    }
}

/* Sends to one rank while receiving from another; who has nothing left meets nobody. */
static void send_and_receive(const mh_comm *comm, int to, const char *out, size_t out_bytes, int from,
                             char *in, size_t in_bytes)
{
    for (size_t done = 0; done < out_bytes || done < in_bytes; done += MPI_PIECE) {
        bool sends = done < out_bytes, receives = done < in_bytes;

        MPI_Sendrecv(sends ? out + done : NULL, sends ? piece(out_bytes - done) : 0, MPI_BYTE,
                     sends ? to : MPI_PROC_NULL, TAG_EXCHANGE, receives ? in + done : NULL,
                     receives ? piece(in_bytes - done) : 0, MPI_BYTE, receives ? from : MPI_PROC_NULL,
                     TAG_EXCHANGE, comm->handle, MPI_STATUS_IGNORE);
    }
}

void mh_comm_exchange(const mh_comm *comm, const void *const *out, const size_t *out_bytes, void *const *in,
                      const size_t *in_bytes)
{
    /* In each turn everybody sends to one and receives from one, so nobody is waited for by many. */
    for (int turn = 0; turn < comm->ranks; turn++) {
        int to = (comm->rank + turn) % comm->ranks;
        int from = (comm->rank - turn + comm->ranks) % comm->ranks;

        send_and_receive(comm, to, out[to], out_bytes[to], from, in[from], in_bytes[from]);
    }
}

size_t mh_comm_hosts(const mh_comm *comm)
{
    MPI_Comm host;
    int rank_on_host = 0;

    /* Each host's first rank counts it. */
    MPI_Comm_split_type(comm->handle, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &host);
    MPI_Comm_rank(host, &rank_on_host);
    MPI_Comm_free(&host);
    int64_t hosts = rank_on_host == 0;
    mh_comm_sum(comm, &hosts, 1);
    return (size_t)hosts;
}

size_t mh_comm_launch_rank(void)
{
    static const char *const names[] = {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "SLURM_PROCID"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *value = getenv(names[i]);

        if (value != NULL)
            return strtoull(value, NULL, 10);
    }
    return 0;
}

void mh_comm_library(char *text, size_t bytes)
{
    char version[MPI_MAX_LIBRARY_VERSION_STRING];
    int length = 0;

    /* "Open MPI v4.1.4, package: ..." */
    MPI_Get_library_version(version, &length);
    version[strcspn(version, ",\n")] = '\0';
    snprintf(text, bytes, "%s", version);
}
