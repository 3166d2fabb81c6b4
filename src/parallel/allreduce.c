#include "multihead/parallel/allreduce.h"

#include <assert.h>
#include <limits.h>
#include <string.h>

#include "communicator_mpi.h"
#include "multihead/base/memory.h"
#include "sum_tree.h"

/* A pair of subtrees whose values meet between ranks: value[into] += value[from]. */
typedef struct {
    size_t into, from;
} meeting;

struct mh_allreduce {
    size_t count;
    size_t rank, ranks;
    mh_span hosted;
    sum_tree tree;

    /* Inside this rank: a stack of vectors, the sums of what has been written so far. */
    size_t *merges; /* [hosted] after this leaf, the topmost two become one so many times */
    size_t height;  /* the stack's largest                                                */
    float **stack;  /* [height] of [count]                                                */
    size_t top;     /* vectors on the stack                                               */
    size_t written; /* leaves given out                                                   */

    /* Between ranks. */
    size_t meetings;
    meeting *meeting; /* [meetings] in the tree's order                                   */
    mh_span *piece;   /* [ranks] elements of the vector that each rank adds               */
    float **value;    /* [subtrees] this rank's piece of each subtree's sum               */
    float *received;  /* memory of the values of other ranks                              */
    MPI_Request *request;
    int *gather_count, *gather_first; /* [ranks] the pieces as MPI wants them               */
    double *header;                   /* [1 + most_subtrees] this rank's status and losses               */
    double *headers;                  /* [ranks x (1 + most_subtrees)]                                    */
    double *losses;                   /* [subtrees]                                                      */
};

enum { PIECE_ALIGNMENT = 16 /* floats: a cache line */, TAG_PIECE = 100 };

mh_span mh_allreduce_hosted(size_t replicas, size_t rank, size_t ranks)
{
    return sum_tree_hosted(replicas, rank, ranks);
}

/* ---- plans ---- */

static mh_status plan_local(mh_allreduce *a)
{
    mh_status status = MH_OK;
    size_t top = 0;

    MH_TRY(mh_memory_array(a->hosted.count, sizeof *a->merges, &a->merges));
    for (size_t i = 0; i < a->tree.nodes; i++) {
        const sum_node *node = &a->tree.node[i];

        if (node->first >= a->hosted.first && node->end <= mh_span_end(a->hosted))
            a->merges[node->end - 1 - a->hosted.first]++;
    }
    for (size_t leaf = 0; leaf < a->hosted.count; leaf++) {
        top++;
        a->height = top > a->height ? top : a->height;
        top -= a->merges[leaf];
    }
    MH_TRY(mh_memory_array(a->height, sizeof *a->stack, &a->stack));
    for (size_t i = 0; i < a->height; i++)
        MH_TRY(mh_memory_array(a->count, sizeof *a->stack[i], &a->stack[i]));
cleanup:
    return status;
}

static mh_status plan_pieces(mh_allreduce *a)
{
    mh_status status = MH_OK;
    size_t blocks = (a->count + PIECE_ALIGNMENT - 1) / PIECE_ALIGNMENT;

    MH_TRY(mh_memory_array(a->ranks, sizeof *a->piece, &a->piece));
    MH_TRY(mh_memory_array(a->ranks, sizeof *a->gather_count, &a->gather_count));
    MH_TRY(mh_memory_array(a->ranks, sizeof *a->gather_first, &a->gather_first));
    for (size_t rank = 0; rank < a->ranks; rank++) {
        mh_span block = mh_span_part(blocks, rank, a->ranks);
        size_t first = block.first * PIECE_ALIGNMENT, end = mh_span_end(block) * PIECE_ALIGNMENT;

        first = first < a->count ? first : a->count;
        end = end < a->count ? end : a->count;
        a->piece[rank] = (mh_span){first, end - first};
        a->gather_first[rank] = (int)first;
        a->gather_count[rank] = (int)(end - first);
    }
cleanup:
    return status;
}

static mh_status plan_meetings(mh_allreduce *a)
{
    mh_status status = MH_OK;
    size_t own_piece = a->piece[a->rank].count;
    size_t own_subtrees = 0;
    float *next = NULL;

    MH_TRY(mh_memory_array(a->tree.subtrees, sizeof *a->meeting, &a->meeting));
    for (size_t i = 0; i < a->tree.nodes; i++) {
        const sum_node *node = &a->tree.node[i];

        if (!sum_tree_is_local(&a->tree, node))
            a->meeting[a->meetings++] = (meeting){sum_tree_subtree_at(&a->tree, node->first),
                                                  sum_tree_subtree_at(&a->tree, node->middle)};
    }
    MH_TRY(mh_memory_array(a->tree.subtrees, sizeof *a->value, &a->value));
    MH_TRY(mh_memory_array(a->tree.subtrees, own_piece * sizeof *a->received, &a->received));
    next = a->received;
    for (size_t i = 0; i < a->tree.subtrees; i++) {
        const sum_subtree *subtree = &a->tree.subtree[i];

        if (subtree->owner == a->rank) {
            a->value[i] = a->stack[subtree->index] + a->piece[a->rank].first;
            own_subtrees++;
        } else {
            a->value[i] = next;
            next += own_piece;
        }
    }
    MH_TRY(mh_memory_array(a->tree.subtrees + own_subtrees * a->ranks, sizeof *a->request, &a->request));
cleanup:
    return status;
}

mh_status mh_allreduce_create(size_t count, size_t replicas, size_t rank, size_t ranks, mh_allreduce **out)
{
    mh_status status = MH_OK;
    mh_allreduce *a = NULL;

    *out = NULL;
    if (replicas < ranks)
        return MH_FAIL(MH_ERR_USAGE, "--replicas %zu is less than the number of ranks, %zu", replicas, ranks);
    if (count > INT_MAX)
        return MH_FAIL(MH_ERR_USAGE, "the model has %zu parameters, more than %d", count, INT_MAX);
    MH_TRY(mh_memory_new(sizeof *a, &a));
    a->count = count;
    a->rank = rank;
    a->ranks = ranks;
    a->hosted = sum_tree_hosted(replicas, rank, ranks);
    MH_TRY(sum_tree_create(replicas, ranks, &a->tree));
    MH_TRY(plan_local(a));
    MH_TRY(plan_pieces(a));
    MH_TRY(plan_meetings(a));
    size_t header = 1 + a->tree.most_subtrees;
    MH_TRY(mh_memory_array(header, sizeof *a->header, &a->header));
    MH_TRY(mh_memory_array(ranks, header * sizeof *a->headers, &a->headers));
    MH_TRY(mh_memory_array(a->tree.subtrees, sizeof *a->losses, &a->losses));
cleanup:
    if (status != MH_OK) {
        mh_allreduce_destroy(a);
        a = NULL;
    }
    *out = a;
    return status;
}

void mh_allreduce_destroy(mh_allreduce *a)
{
    if (a == NULL)
        return;
    for (size_t i = 0; a->stack != NULL && i < a->height; i++)
        mh_memory_free(a->stack[i]);
    mh_memory_free(a->stack);
    mh_memory_free(a->merges);
    mh_memory_free(a->meeting);
    mh_memory_free(a->piece);
    mh_memory_free(a->value);
    mh_memory_free(a->received);
    mh_memory_free(a->request);
    mh_memory_free(a->gather_count);
    mh_memory_free(a->gather_first);
    mh_memory_free(a->header);
    mh_memory_free(a->headers);
    mh_memory_free(a->losses);
    sum_tree_clear(&a->tree);
    mh_memory_free(a);
}

/* ---- inside a rank ---- */

static void add_vector(size_t count, float *restrict into, const float *restrict from)
{
    for (size_t i = 0; i < count; i++)
        into[i] += from[i];
}

void mh_allreduce_start(mh_allreduce *a)
{
    a->top = 0;
    a->written = 0;
}

/* Adds what the last leaf completes. */
static void merge(mh_allreduce *a)
{
    if (a->written == 0)
        return;
    for (size_t i = 0; i < a->merges[a->written - 1]; i++) {
        a->top--;
        add_vector(a->count, a->stack[a->top - 1], a->stack[a->top]);
    }
}

float *mh_allreduce_leaf(mh_allreduce *a)
{
    assert(a->written < a->hosted.count);
    merge(a);
    a->written++;
    return a->stack[a->top++];
}

/* The same steps on rows of doubles: values [hosted x count] become [own subtrees x count], in place. */
static size_t merge_doubles(const size_t *merges, size_t hosted, size_t count, double *values)
{
    size_t top = 0;

    for (size_t leaf = 0; leaf < hosted; leaf++) {
        if (top != leaf)
            memcpy(values + top * count, values + leaf * count, count * sizeof *values);
        top++;
        for (size_t i = 0; i < merges[leaf]; i++) {
            top--;
            for (size_t k = 0; k < count; k++)
                values[(top - 1) * count + k] += values[top * count + k];
        }
    }
    return top;
}

/* ---- between ranks ---- */

/* Tells all ranks how this one fared, and sums the losses; the price is one small message each way. */
static mh_status exchange_headers(const mh_comm *comm, mh_allreduce *a, mh_status mine, double *loss)
{
    size_t length = 1 + a->tree.most_subtrees;
    bool has_failed = false;

    a->header[0] = (double)mine;
    size_t own = merge_doubles(a->merges, a->hosted.count, 1, loss);
    memcpy(a->header + 1, loss, own * sizeof *loss);
    MPI_Allgather(a->header, (int)length, MPI_DOUBLE, a->headers, (int)length, MPI_DOUBLE, comm->handle);
    for (size_t rank = 0; rank < a->ranks; rank++)
        has_failed = has_failed || a->headers[rank * length] != (double)MH_OK;
    if (has_failed)
        return mh_comm_agree(comm, mine);

    for (size_t i = 0; i < a->tree.subtrees; i++)
        a->losses[i] = a->headers[a->tree.subtree[i].owner * length + 1 + a->tree.subtree[i].index];
    for (size_t i = 0; i < a->meetings; i++)
        a->losses[a->meeting[i].into] += a->losses[a->meeting[i].from];
    loss[0] = a->losses[0];
    return MH_OK;
}

/* Sends each rank its piece of this rank's subtrees, and receives this rank's piece of the others'. */
static void exchange_pieces(const mh_comm *comm, mh_allreduce *a)
{
    int requests = 0;

    for (size_t i = 0; i < a->tree.subtrees; i++) {
        const sum_subtree *subtree = &a->tree.subtree[i];

        if (subtree->owner != a->rank)
            MPI_Irecv(a->value[i], (int)a->piece[a->rank].count, MPI_FLOAT, (int)subtree->owner,
                      TAG_PIECE + (int)subtree->index, comm->handle, &a->request[requests++]);
    }
    for (size_t turn = 1; turn < a->ranks; turn++) {
        size_t to = (a->rank + turn) % a->ranks; /* each rank begins with another one */

        for (size_t own = 0; own < a->top; own++)
            MPI_Isend(a->stack[own] + a->piece[to].first, (int)a->piece[to].count, MPI_FLOAT, (int)to,
                      TAG_PIECE + (int)own, comm->handle, &a->request[requests++]);
    }
    MPI_Waitall(requests, a->request, MPI_STATUSES_IGNORE);
}

mh_status mh_allreduce_finish(const mh_comm *comm, mh_allreduce *a, mh_status mine, double *loss)
{
    mh_status status = MH_OK;

    MH_TRY(exchange_headers(comm, a, mine, loss));
    assert(a->written == a->hosted.count);
    merge(a);
    if (a->ranks == 1)
        return MH_OK;

    mh_span piece = a->piece[a->rank];
    exchange_pieces(comm, a);
    for (size_t i = 0; i < a->meetings; i++)
        add_vector(piece.count, a->value[a->meeting[i].into], a->value[a->meeting[i].from]);
    if (a->value[0] != a->stack[0] + piece.first)
        memcpy(a->stack[0] + piece.first, a->value[0], piece.count * sizeof(float));
    MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, a->stack[0], a->gather_count, a->gather_first,
                   MPI_FLOAT, comm->handle);
cleanup:
    return status;
}

const float *mh_allreduce_sum(const mh_allreduce *a)
{
    return a->stack[0];
}

/* A plan for vectors of no elements is all that the tree's order takes. */
mh_status mh_allreduce_doubles(const mh_comm *comm, size_t replicas, size_t count, double *values)
{
    mh_status status = MH_OK;
    mh_allreduce *a = NULL;
    double *mine = NULL, *all = NULL;
    size_t rank = mh_comm_rank(comm), ranks = mh_comm_ranks(comm);

    status = mh_allreduce_create(0, replicas, rank, ranks, &a);
    size_t length = status == MH_OK ? a->tree.most_subtrees * count : 0;
    if (status == MH_OK)
        status = mh_memory_array(length, sizeof *mine, &mine);
    if (status == MH_OK)
        status = mh_memory_array(ranks, length * sizeof *all, &all);
    MH_TRY(mh_comm_agree(comm, status));

    size_t own = merge_doubles(a->merges, a->hosted.count, count, values);
    memcpy(mine, values, own * count * sizeof *mine);
    mh_comm_gather_all(comm, mine, length * sizeof *mine, all);
    for (size_t i = 0; i < a->meetings; i++) {
        const sum_subtree *into = &a->tree.subtree[a->meeting[i].into];
        const sum_subtree *from = &a->tree.subtree[a->meeting[i].from];

        for (size_t k = 0; k < count; k++)
            all[into->owner * length + into->index * count + k] +=
                all[from->owner * length + from->index * count + k];
    }
    memcpy(values, all, count * sizeof *values);
cleanup:
    mh_memory_free(mine);
    mh_memory_free(all);
    mh_allreduce_destroy(a);
    return status;
}
