#include "multihead/parallel/communicator.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "communicator_mpi.h"
#include "multihead/base/crash.h"
#include "multihead/base/log.h"

static struct mh_comm world, alone;

/* ---- beginning and end ---- */

/* Nobody is left to agree with. */
static void end_job(MPI_Comm *handle, int *error, ...)
{
    char text[MPI_MAX_ERROR_STRING] = "", phase[256];
    int length = 0;

    mh_crash_disarm();
    MPI_Error_string(*error, text, &length);
    mh_log_last_words("MPI failed while ", mh_phase_describe(phase, sizeof phase), ": ", text, NULL);
    MPI_Abort(*handle, EXIT_FAILURE);
}

/* The rank that a launcher gave this process; NULL without one. */
static const char *launch_rank(void)
{
    static const char *const names[] = {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "SLURM_PROCID"};
    const char *rank = NULL;

    for (size_t i = 0; i < sizeof names / sizeof names[0] && rank == NULL; i++)
        rank = getenv(names[i]);
    return rank;
}

/* The number in a variable of the environment, 0 where there is none. */
static size_t number_of(const char *variable)
{
    const char *value = getenv(variable);

    return value != NULL ? strtoull(value, NULL, 10) : 0;
}

/*
 * A process without a launcher has nobody to talk to, so Open MPI need not start a daemon for it, nor look for networks:
 * 0.3 s of each command. Isolated ones would also share a session folder in /tmp, and remove it under each other.
 * Settings of the user's own win; other MPIs do not know these.
 */
static void start_alone(void)
{
    setenv("OMPI_MCA_ess_singleton_isolated", "1", 0);
    setenv("OMPI_MCA_orte_create_session_dirs", "0", 0);
    setenv("OMPI_MCA_pml", "ob1", 0);
    setenv("OMPI_MCA_btl", "self", 0);
}

/* Open MPI's mpirun says how many ranks there are, and how many of them are here. */
static bool are_on_one_host(void)
{
    size_t ranks = number_of("OMPI_COMM_WORLD_SIZE");

    return ranks > 1 && number_of("OMPI_COMM_WORLD_LOCAL_SIZE") == ranks;
}

/* Ranks of one host need no network either, and do not look for one: 0.2 s of each command. */
static void start_on_one_host(void)
{
    setenv("OMPI_MCA_pml", "ob1", 0);
    setenv("OMPI_MCA_btl", "self,vader,tcp", 0);
}

const mh_comm *mh_comm_initialize(int *argc, char ***argv)
{
    MPI_Errhandler handler;

    if (launch_rank() == NULL)
        start_alone();
    else if (are_on_one_host())
        start_on_one_host();
    MPI_Init(argc, argv);
    world.handle = MPI_COMM_WORLD;
    MPI_Comm_create_errhandler(end_job, &handler);
    MPI_Comm_set_errhandler(world.handle, handler);
    MPI_Comm_set_errhandler(MPI_COMM_SELF, handler);
    MPI_Errhandler_free(&handler);
    MPI_Comm_rank(world.handle, &world.rank);
    MPI_Comm_size(world.handle, &world.ranks);
    alone = (struct mh_comm){.handle = MPI_COMM_SELF, .rank = 0, .ranks = 1};
    return &world;
}

const mh_comm *mh_comm_alone(void)
{
    return &alone;
}

void mh_comm_finalize(const mh_comm *comm)
{
    (void)comm;
    const char *before = wait_begin();

    MPI_Finalize();
    wait_end(before);
}

/*
 * mpirun of Open MPI goes first: it says 1 where a single process is meant, also inside of a step of Slurm's. Not
 * SLURM_NTASKS: a job script has it too, and may start one process.
 */
mh_status mh_comm_launch_check(const mh_comm *comm)
{
    static const char *const names[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"};
    char library[128];
    size_t i = 0;

    while (i < 2 && getenv(names[i]) == NULL)
        i++;
    if (comm->ranks > 1 || number_of(names[i]) <= 1)
        return MH_OK;
    mh_comm_library(library, sizeof library);
    return MH_FAIL(
        MH_ERR_IO,
        "%zu processes were started (%s) and do not know of each other: the launcher does not fit this "
        "program's MPI, %s. Use that MPI's mpirun%s; unset %s where each is meant to run alone",
        number_of(names[i]), names[i], library,
        i == 2 ? ", or srun --mpi=pmix (srun --mpi=list shows what there is)" : "", names[i]);
}

/*
 * Where mpirun starts its daemons as a step of Slurm's, one a host, rank 0 may have been started by one of them: then
 * the environment speaks of that step, and nothing is known of the job.
 */
static bool is_below_daemon(void)
{
    size_t daemons = number_of("SLURM_STEP_NUM_TASKS");

    return getenv("OMPI_COMM_WORLD_SIZE") != NULL && daemons > 0 &&
           daemons == number_of("SLURM_STEP_NUM_NODES");
}

bool mh_comm_launch_differs(const mh_comm *comm, char *text, size_t bytes)
{
    bool is_step = number_of("SLURM_STEP_NUM_TASKS") > 0;
    const char *name = is_step ? "SLURM_STEP_NUM_TASKS" : "SLURM_NTASKS";
    size_t tasks = number_of(name);

    text[0] = '\0';
    if (tasks == 0 || tasks == (size_t)comm->ranks || is_below_daemon())
        return false;
    snprintf(
        text, bytes,
        "%s is %zu, but the number of ranks is %d: mpirun without -n, or srun --mpi=pmix, starts as many as "
        "there is room for",
        name, tasks, comm->ranks);
    return true;
}

/* ---- ranks ---- */

size_t mh_comm_rank(const mh_comm *comm)
{
    return (size_t)comm->rank;
}

size_t mh_comm_ranks(const mh_comm *comm)
{
    return (size_t)comm->ranks;
}

/* This rank's message, and where it comes from. */
static void name_failure(char *named, size_t bytes)
{
    char phase[128];

    snprintf(named, bytes, "%s, %s: %.780s", mh_log_who(), mh_phase_describe(phase, sizeof phase),
             mh_status_message());
}

mh_status mh_comm_agree(const mh_comm *comm, mh_status mine)
{
    struct {
        int status, rank;
    } worst = {(int)mine, comm->rank};
    int failed = mine != MH_OK;
    char message[MH_STATUS_MESSAGE_BYTES];

    if (failed)
        name_failure(message, sizeof message);
    const char *before = wait_begin();

    MPI_Allreduce(MPI_IN_PLACE, &worst, 1, MPI_2INT, MPI_MAXLOC, comm->handle);
    if (worst.status != MH_OK) {
        MPI_Allreduce(MPI_IN_PLACE, &failed, 1, MPI_INT, MPI_SUM, comm->handle);
        if (failed == comm->ranks)
            snprintf(message, sizeof message, "%s", mh_status_message());
        MPI_Bcast(message, sizeof message, MPI_CHAR, worst.rank, comm->handle);
        mh_status_set_message(message);
    }
    wait_end(before);
    return (mh_status)worst.status;
}

void mh_comm_barrier(const mh_comm *comm)
{
    const char *before = wait_begin();

    MPI_Barrier(comm->handle);
    wait_end(before);
}

void mh_comm_barrier_asleep(const mh_comm *comm)
{
    const struct timespec nap = {.tv_nsec = 2000000};
    MPI_Request request;
    int is_over = 0;
    const char *before = wait_begin();

    MPI_Ibarrier(comm->handle, &request);
    for (MPI_Test(&request, &is_over, MPI_STATUS_IGNORE); !is_over;
         MPI_Test(&request, &is_over, MPI_STATUS_IGNORE))
        nanosleep(&nap, NULL);
    wait_end(before);
}

/* ---- pieces ---- */

/* Below 2^31 with room for rounding. */
enum { MPI_PIECE = 1 << 30 };

static size_t most_units = MPI_PIECE;

void mh_comm_limit_piece(size_t most)
{
    most_units = most == 0 || most > MPI_PIECE ? MPI_PIECE : most;
}

size_t mpi_piece(void)
{
    return most_units;
}

/* Length of the next piece of `left` units. */
static int piece(size_t left)
{
    return left < most_units ? (int)left : (int)most_units;
}

void mh_comm_broadcast(const mh_comm *comm, void *data, size_t bytes)
{
    const char *before = wait_begin();

    for (size_t done = 0; done < bytes; done += (size_t)piece(bytes - done))
        MPI_Bcast((char *)data + done, piece(bytes - done), MPI_BYTE, 0, comm->handle);
    wait_end(before);
}

static void reduce(const mh_comm *comm, int64_t *values, size_t count, MPI_Op operation)
{
    const char *before = wait_begin();

    for (size_t done = 0; done < count; done += (size_t)piece(count - done))
        MPI_Allreduce(MPI_IN_PLACE, values + done, piece(count - done), MPI_INT64_T, operation, comm->handle);
    wait_end(before);
}

void mh_comm_sum(const mh_comm *comm, int64_t *values, size_t count)
{
    reduce(comm, values, count, MPI_SUM);
}

void mh_comm_max(const mh_comm *comm, int64_t *values, size_t count)
{
    reduce(comm, values, count, MPI_MAX);
}

/* Each piece goes to its place in every rank's bytes: a type of its length that is as wide as all of them. */
static void gather_piece(const mh_comm *comm, const char *mine, int length, size_t bytes, char *out)
{
    MPI_Datatype contiguous, placed;

    MPI_Type_contiguous(length, MPI_BYTE, &contiguous);
    MPI_Type_create_resized(contiguous, 0, (MPI_Aint)bytes, &placed);
    MPI_Type_commit(&placed);
    MPI_Allgather(mine, length, MPI_BYTE, out, 1, placed, comm->handle);
    MPI_Type_free(&placed);
    MPI_Type_free(&contiguous);
}

void mh_comm_gather_all(const mh_comm *comm, const void *mine, size_t bytes, void *out)
{
    const char *before = wait_begin();

    for (size_t done = 0; done < bytes; done += (size_t)piece(bytes - done))
        gather_piece(comm, (const char *)mine + done, piece(bytes - done), bytes, (char *)out + done);
    wait_end(before);
}

enum { TAG_HAND_TO_ROOT = 1, TAG_EXCHANGE = 2 };

void mh_comm_hand_to_root(const mh_comm *comm, size_t from, void *data, size_t bytes)
{
    if (from == 0 || (comm->rank != 0 && comm->rank != (int)from))
        return;
    const char *before = wait_begin();

    for (size_t done = 0; done < bytes; done += (size_t)piece(bytes - done)) {
        if (comm->rank == 0)
            MPI_Recv((char *)data + done, piece(bytes - done), MPI_BYTE, (int)from, TAG_HAND_TO_ROOT,
                     comm->handle, MPI_STATUS_IGNORE);
        else
            MPI_Send((char *)data + done, piece(bytes - done), MPI_BYTE, 0, TAG_HAND_TO_ROOT, comm->handle);
    }
    wait_end(before);
}

/* Sends to one rank while receiving from another; who has nothing left meets nobody. */
static void send_and_receive(const mh_comm *comm, int to, const char *out, size_t out_bytes, int from,
                             char *in, size_t in_bytes)
{
    for (size_t done = 0; done < out_bytes || done < in_bytes; done += most_units) {
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
    const char *before = wait_begin();

    /* In each turn everybody sends to one and receives from one, so nobody is waited for by many. */
    for (int turn = 0; turn < comm->ranks; turn++) {
        int to = (comm->rank + turn) % comm->ranks;
        int from = (comm->rank - turn + comm->ranks) % comm->ranks;

        send_and_receive(comm, to, out[to], out_bytes[to], from, in[from], in_bytes[from]);
    }
    wait_end(before);
}

/* ---- where ---- */

size_t mh_comm_launch_rank(void)
{
    const char *rank = launch_rank();

    return rank != NULL ? strtoull(rank, NULL, 10) : 0;
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
