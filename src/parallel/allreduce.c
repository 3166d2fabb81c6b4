#include "multihead/parallel/allreduce.h"

#include <assert.h>
#include <stdint.h>
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
    size_t unit;       /* floats: what MPI counts in, more than 1 where an int could not count floats */
    size_t room;       /* count, up to whole units                                                    */
    MPI_Datatype type; /* of a unit                                                                   */
    size_t rank, ranks;
    mh_span hosted;
    sum_tree tree;

    /* Inside this rank: a stack of vectors, the sums of what has been written so far. */
    size_t *merges; /* [hosted] after this leaf, the topmost two become one so many times */
    size_t height;  /* the stack's largest                                                */
    float **stack;  /* [height] of [room], what is behind count means nothing             */
    size_t top;     /* vectors on the stack                                               */
    size_t written; /* leaves given out                                                   */

    /* Between ranks. */
    size_t meetings;
    meeting *meeting; /* [meetings] in the tree's order                                   */
    mh_span *piece;   /* [ranks] elements of the vector that each rank adds               */
    float **value;    /* [subtrees] this rank's piece of each subtree's sum               */
    float *received;  /* memory of the values of other ranks                              */
    MPI_Request *request;
    int *gather_count, *gather_first; /* [ranks] the pieces as MPI wants them, in units      */
    double *header;                   /* [HEADER + most_subtrees] this rank's status, request and losses */
    double *headers;                  /* [ranks x (HEADER + most_subtrees)]                               */
    double *losses;                   /* [subtrees]                                                      */
};

enum { PIECE_ALIGNMENT = 16 /* floats: a cache line */, TAG_PIECE = 100, HEADER = 2 };

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
        MH_TRY(mh_memory_array(a->room, sizeof *a->stack[i], &a->stack[i]));
cleanup:
    return status;
}

static size_t whole(size_t count, size_t unit)
{
    return (count + unit - 1) / unit;
}

/* Powers of 2, so that a cache line is whole units or the other way round. */
static void choose_unit(mh_allreduce *a)
{
    a->unit = 1;
    a->type = MPI_FLOAT;
    while (whole(a->count, a->unit) > mpi_piece())
        a->unit *= 2;
    a->room = whole(a->count, a->unit) * a->unit;
    if (a->unit == 1)
        return;
    MPI_Type_contiguous((int)a->unit, MPI_FLOAT, &a->type);
    MPI_Type_commit(&a->type);
}

static mh_status plan_pieces(mh_allreduce *a)
{
    mh_status status = MH_OK;
    size_t alignment = a->unit > PIECE_ALIGNMENT ? a->unit : PIECE_ALIGNMENT;
    size_t blocks = whole(a->room, alignment);

    MH_TRY(mh_memory_array(a->ranks, sizeof *a->piece, &a->piece));
    MH_TRY(mh_memory_array(a->ranks, sizeof *a->gather_count, &a->gather_count));
    MH_TRY(mh_memory_array(a->ranks, sizeof *a->gather_first, &a->gather_first));
    for (size_t rank = 0; rank < a->ranks; rank++) {
        mh_span block = mh_span_part(blocks, rank, a->ranks);
        size_t first = block.first * alignment, end = mh_span_end(block) * alignment;

        first = first < a->room ? first : a->room;
        end = end < a->room ? end : a->room;
        a->piece[rank] = (mh_span){first, end - first};
        a->gather_first[rank] = (int)(first / a->unit);
        a->gather_count[rank] = (int)((end - first) / a->unit);
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
    MH_TRY(mh_memory_new(sizeof *a, &a));
    a->count = count;
    a->rank = rank;
    a->ranks = ranks;
    a->hosted = sum_tree_hosted(replicas, rank, ranks);
    choose_unit(a);
    MH_TRY(sum_tree_create(replicas, ranks, &a->tree));
    MH_TRY(plan_local(a));
    MH_TRY(plan_pieces(a));
    MH_TRY(plan_meetings(a));
    size_t header = HEADER + a->tree.most_subtrees;
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
    if (a->unit > 1)
        MPI_Type_free(&a->type);
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
static mh_status exchange_headers(const mh_comm *comm, mh_allreduce *a, mh_status mine, int *request,
                                  double *loss)
{
    size_t length = HEADER + a->tree.most_subtrees;
    bool has_failed = false;
    double largest = 0;

    a->header[0] = (double)mine;
    a->header[1] = request != NULL ? (double)*request : 0;
    size_t own = merge_doubles(a->merges, a->hosted.count, 1, loss);
    memcpy(a->header + HEADER, loss, own * sizeof *loss);
    const char *before = wait_begin();
    MPI_Allgather(a->header, (int)length, MPI_DOUBLE, a->headers, (int)length, MPI_DOUBLE, comm->handle);
    wait_end(before);
    for (size_t rank = 0; rank < a->ranks; rank++) {
        const double *header = a->headers + rank * length;

        has_failed = has_failed || header[0] != (double)MH_OK;
        largest = header[1] > largest ? header[1] : largest;
    }
    if (request != NULL)
        *request = (int)largest;
    if (has_failed)
        return mh_comm_agree(comm, mine);

    for (size_t i = 0; i < a->tree.subtrees; i++)
        a->losses[i] = a->headers[a->tree.subtree[i].owner * length + HEADER + a->tree.subtree[i].index];
    for (size_t i = 0; i < a->meetings; i++)
        a->losses[a->meeting[i].into] += a->losses[a->meeting[i].from];
    loss[0] = a->losses[0];
    return MH_OK;
}

/* Sends each rank its piece of this rank's subtrees, and receives this rank's piece of the others'. */
static void exchange_pieces(const mh_comm *comm, mh_allreduce *a)
{
    int requests = 0;
    const char *before = wait_begin();

    for (size_t i = 0; i < a->tree.subtrees; i++) {
        const sum_subtree *subtree = &a->tree.subtree[i];

        if (subtree->owner != a->rank)
            MPI_Irecv(a->value[i], a->gather_count[a->rank], a->type, (int)subtree->owner,
                      TAG_PIECE + (int)subtree->index, comm->handle, &a->request[requests++]);
    }
    for (size_t turn = 1; turn < a->ranks; turn++) {
        size_t to = (a->rank + turn) % a->ranks; /* each rank begins with another one */

        for (size_t own = 0; own < a->top; own++)
            MPI_Isend(a->stack[own] + a->piece[to].first, a->gather_count[to], a->type, (int)to,
                      TAG_PIECE + (int)own, comm->handle, &a->request[requests++]);
    }
    MPI_Waitall(requests, a->request, MPI_STATUSES_IGNORE);
    wait_end(before);
}

static void gather_pieces(const mh_comm *comm, mh_allreduce *a)
{
    const char *before = wait_begin();

    MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, a->stack[0], a->gather_count, a->gather_first, a->type,
                   comm->handle);
    wait_end(before);
}

mh_status mh_allreduce_finish(const mh_comm *comm, mh_allreduce *a, mh_status mine, int *request,
                              double *loss)
{
    mh_status status = MH_OK;

    MH_TRY(exchange_headers(comm, a, mine, request, loss));
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
    gather_pieces(comm, a);
cleanup:
    return status;
}

const float *mh_allreduce_sum(const mh_allreduce *a)
{
    return a->stack[0];
}

/*
 * The largest of all bits but the sign: infinity's and NaN's are the largest there are. The maximum of integers is an
 * operation of whole vectors, and no compiler may think that it knows the answer.
 */
bool mh_allreduce_is_finite(const mh_allreduce *a)
{
    const uint32_t all_but_sign = 0x7fffffff, infinity = 0x7f800000;
    const float *sum = a->stack[0];
    uint32_t largest = 0;

    for (size_t i = 0; i < a->count; i++) {
        uint32_t bits;

        memcpy(&bits, &sum[i], sizeof bits);
        bits &= all_but_sign;
        largest = bits > largest ? bits : largest;
    }
    return largest < infinity;
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
