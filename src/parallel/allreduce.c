#include "multihead/parallel/allreduce.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "communicator_mpi.h"
#include "exchange.h"
#include "multihead/base/memory.h"
#include "multihead/kernel/kernel.h"
#include "shared_sum.h"
#include "sum_tree.h"

struct mh_allreduce {
    size_t count;
    size_t room; /* floats of a vector: count, and what MPI needs to count them */
    size_t rank, ranks;
    mh_span hosted;
    sum_tree tree;

    /* Inside this rank: a stack of vectors, the sums of what has been written so far. */
    size_t *merges; /* [hosted] after this leaf, the topmost two become one so many times */
    size_t together;
    size_t groups;  /* subtrees of as many leaves as are made together                    */
    mh_span *group; /* [groups] leaves, from the first hosted one on                      */
    size_t height;  /* the stack's largest                                                */
    float **stack;  /* [height] of [room], what is behind count means nothing             */
    size_t top;     /* vectors on the stack                                               */
    size_t written; /* groups given out                                                   */

    /* Between ranks. */
    size_t segments;
    exchange **exchange; /* [segments] each of a span of the vector, in its order                       */
    size_t begun;        /* of them, from the last one on                                               */
    double *header;      /* [HEADER + most_subtrees] this rank's status, request and losses */
    double *headers;     /* [ranks x (HEADER + most_subtrees)]                               */
    double *losses;      /* [subtrees]                                                      */

    shared_sum *shared; /* instead of messages: then stack and headers are in there. NULL: there is none */
    bool is_finite;     /* the sum that was made there */
};

enum { HEADER = 2 };

static size_t header_length(const mh_allreduce *a)
{
    return HEADER + a->tree.most_subtrees;
}

mh_span mh_allreduce_hosted(size_t replicas, size_t rank, size_t ranks)
{
    return sum_tree_hosted(replicas, rank, ranks);
}

/* ---- plans ---- */

static bool is_hosted(const mh_allreduce *a, const sum_node *node)
{
    return node->first >= a->hosted.first && node->end <= mh_span_end(a->hosted);
}

/* The most leaves from this hosted one on that are a subtree and may be made together. */
static size_t group_at(const mh_allreduce *a, size_t leaf)
{
    size_t most = 1;

    for (size_t i = 0; i < a->tree.nodes; i++) {
        const sum_node *node = &a->tree.node[i];
        size_t leaves = node->end - node->first;

        if (is_hosted(a, node) && node->first == a->hosted.first + leaf && leaves <= a->together)
            most = leaves > most ? leaves : most;
    }
    return most;
}

/* How often two vectors become one after this group: the merges inside of it have been made already. */
static size_t merges_after(const mh_allreduce *a, size_t group)
{
    const mh_span *g = &a->group[group];

    return a->merges[mh_span_end(*g) - 1] - mh_leaves_merges(g->count, g->count - 1);
}

static mh_status plan_groups(mh_allreduce *a)
{
    mh_status status = MH_OK;
    size_t top = 0;

    MH_TRY(mh_memory_array(a->hosted.count, sizeof *a->group, &a->group));
    for (size_t leaf = 0; leaf < a->hosted.count; leaf += a->group[a->groups++].count)
        a->group[a->groups] = (mh_span){leaf, group_at(a, leaf)};
    for (size_t i = 0; i < a->groups; i++) {
        top++;
        a->height = top > a->height ? top : a->height;
        top -= merges_after(a, i);
    }
cleanup:
    return status;
}

static mh_status plan_local(mh_allreduce *a)
{
    mh_status status = MH_OK;

    MH_TRY(mh_memory_array(a->hosted.count, sizeof *a->merges, &a->merges));
    for (size_t i = 0; i < a->tree.nodes; i++)
        if (is_hosted(a, &a->tree.node[i]))
            a->merges[a->tree.node[i].end - 1 - a->hosted.first]++;
    MH_TRY(plan_groups(a));
    MH_TRY(mh_memory_array(a->height, sizeof *a->stack, &a->stack));
    for (size_t i = 0; i < a->height; i++)
        MH_TRY(mh_memory_array(a->room, sizeof *a->stack[i], &a->stack[i]));
cleanup:
    return status;
}

/* One for each span of the vector between two cuts. */
static mh_status plan_segments(mh_allreduce *a, const size_t *cut, size_t cuts)
{
    mh_status status = MH_OK;
    sum_route route = {.values = 0};

    MH_TRY(sum_route_create(&a->tree, &route));
    MH_TRY(mh_memory_array(cuts + 1, sizeof(exchange *), &a->exchange));
    for (size_t i = 0; i <= cuts; i++) {
        size_t first = i == 0 ? 0 : exchange_align(a->count, cut[i - 1]);
        size_t end = i == cuts ? a->room : exchange_align(a->count, cut[i]);

        MH_TRY(exchange_create(&a->tree, &route, a->rank, a->count, (mh_span){first, end - first}, i,
                               a->stack, &a->exchange[i]));
        a->segments++;
    }
cleanup:
    sum_route_clear(&route);
    return status;
}

static void clear_segments(mh_allreduce *a)
{
    for (size_t i = 0; i < a->segments; i++)
        exchange_destroy(a->exchange[i]);
    mh_memory_free(a->exchange);
    a->exchange = NULL;
    a->segments = 0;
}

mh_status mh_allreduce_create(size_t count, size_t replicas, size_t together, size_t rank, size_t ranks,
                              mh_allreduce **out)
{
    mh_status status = MH_OK;
    mh_allreduce *a = NULL;

    *out = NULL;
    if (replicas < ranks)
        return MH_FAIL(MH_ERR_USAGE, "--replicas %zu is less than the number of ranks, %zu", replicas, ranks);
    MH_TRY(mh_memory_new(sizeof *a, &a));
    a->count = count;
    a->together = together;
    a->rank = rank;
    a->ranks = ranks;
    a->hosted = sum_tree_hosted(replicas, rank, ranks);
    a->room = exchange_room(count);
    MH_TRY(sum_tree_create(replicas, ranks, &a->tree));
    MH_TRY(plan_local(a));
    MH_TRY(plan_segments(a, NULL, 0));
    MH_TRY(mh_memory_array(header_length(a), sizeof *a->header, &a->header));
    MH_TRY(mh_memory_array(ranks, header_length(a) * sizeof *a->headers, &a->headers));
    MH_TRY(mh_memory_array(a->tree.subtrees, sizeof *a->losses, &a->losses));
cleanup:
    if (status != MH_OK) {
        mh_allreduce_destroy(a);
        a = NULL;
    }
    *out = a;
    return status;
}

/* The vectors only. */
static void free_stack(mh_allreduce *a)
{
    for (size_t i = 0; a->stack != NULL && a->shared == NULL && i < a->height; i++)
        mh_memory_free(a->stack[i]);
}

mh_status mh_allreduce_cut(mh_allreduce *a, const size_t *cut, size_t cuts)
{
    clear_segments(a);
    return plan_segments(a, cut, cuts);
}

void mh_allreduce_destroy(mh_allreduce *a)
{
    if (a == NULL)
        return;
    free_stack(a);
    mh_memory_free(a->stack);
    mh_memory_free(a->merges);
    mh_memory_free(a->group);
    clear_segments(a);
    if (a->shared == NULL) {
        mh_memory_free(a->header);
        mh_memory_free(a->headers);
    }
    shared_sum_destroy(a->shared);
    mh_memory_free(a->losses);
    sum_tree_clear(&a->tree);
    mh_memory_free(a);
}

static void move_into(mh_allreduce *a, shared_sum *shared)
{
    free_stack(a);
    clear_segments(a);
    mh_memory_free(a->header);
    mh_memory_free(a->headers);
    for (size_t i = 0; i < a->height; i++)
        a->stack[i] = shared_sum_vector(shared, a->rank, i);
    a->headers = shared_sum_headers(shared);
    a->header = a->headers + a->rank * header_length(a);
    a->shared = shared;
}

mh_status mh_allreduce_share(const mh_comm *comm, mh_allreduce *a, size_t common)
{
    mh_status status = MH_OK;
    shared_sum *shared = NULL;

    if (a->shared != NULL)
        return MH_OK;
    MH_TRY(shared_sum_create(comm, &a->tree, a->count, a->height, header_length(a), common, &shared));
    if (shared != NULL)
        move_into(a, shared);
cleanup:
    return status;
}

/* ---- inside a rank ---- */

static void add_span(mh_span span, float *into, const float *from)
{
    mh_kernel_now()->add(span.count, from + span.first, into + span.first);
}

void mh_allreduce_start(mh_allreduce *a)
{
    a->top = 0;
    a->written = 0;
    a->begun = 0;
}

/* Adds what the last group completes, in a span of the vector. Returns what is left on the stack. */
static size_t merge(const mh_allreduce *a, mh_span span)
{
    size_t top = a->top;

    for (size_t i = 0; i < merges_after(a, a->written - 1); i++) {
        top--;
        add_span(span, a->stack[top - 1], a->stack[top]);
    }
    return top;
}

float *mh_allreduce_next(mh_allreduce *a, size_t *leaves)
{
    assert(a->written < a->groups);
    if (a->written > 0)
        a->top = merge(a, (mh_span){0, a->count});
    *leaves = a->group[a->written].count;
    a->written++;
    return a->stack[a->top++];
}

size_t mh_allreduce_last(const mh_allreduce *a)
{
    return a->top - 1;
}

float *mh_allreduce_vector(const mh_allreduce *a, size_t rank, size_t i)
{
    return a->shared != NULL ? shared_sum_vector(a->shared, rank, i) : NULL;
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

/* What this rank tells all others: how it fared, what it asks for, and its losses. */
static void write_header(mh_allreduce *a, mh_status mine, const int *request, double *loss)
{
    a->header[0] = (double)mine;
    a->header[1] = request != NULL ? (double)*request : 0;
    size_t own = merge_doubles(a->merges, a->hosted.count, 1, loss);
    memcpy(a->header + HEADER, loss, own * sizeof *loss);
}

/* The headers of all ranks are there: fails where one of them has failed, on all ranks together. */
static mh_status read_headers(const mh_comm *comm, mh_allreduce *a, mh_status mine, int *request,
                              double *loss)
{
    size_t length = header_length(a);
    bool has_failed = false;
    double largest = 0;

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
    for (size_t i = 0; i < a->tree.meetings; i++)
        a->losses[a->tree.meeting[i].into] += a->losses[a->tree.meeting[i].from];
    loss[0] = a->losses[0];
    return MH_OK;
}

/* The price is one small message each way. */
static mh_status exchange_headers(const mh_comm *comm, mh_allreduce *a, mh_status mine, int *request,
                                  double *loss)
{
    int length = (int)header_length(a);

    write_header(a, mine, request, loss);
    const char *before = wait_begin();
    MPI_Allgather(a->header, length, MPI_DOUBLE, a->headers, length, MPI_DOUBLE, comm->handle);
    wait_end(before);
    return read_headers(comm, a, mine, request, loss);
}

/* Segments from the last one down to that which begins at `first` or behind it. After a failure there is nothing to add. */
static void begin_segments(const mh_comm *comm, mh_allreduce *a, size_t first)
{
    while (a->begun < a->segments) {
        exchange *next = a->exchange[a->segments - 1 - a->begun];
        mh_span span = exchange_span(next);

        if (span.first < first)
            return;
        if (a->written == a->groups)
            merge(a, span);
        exchange_begin(comm, next);
        a->begun++;
    }
}

void mh_allreduce_advance(const mh_comm *comm, mh_allreduce *a, size_t first)
{
    if (a->segments <= 1 || a->written < a->groups)
        return;
    begin_segments(comm, a, first);
    for (size_t i = 0; i < a->begun; i++)
        exchange_go_on(comm, a->exchange[a->segments - 1 - i]);
}

/* While one is waited for, the others go on, too: a message that nobody looks for may not move. */
static void end_segments(const mh_comm *comm, mh_allreduce *a)
{
    bool is_done = a->segments == 1;
    const char *before = wait_begin();

    while (!is_done) {
        is_done = true;
        for (size_t i = a->segments; i-- > 0;)
            is_done = exchange_go_on(comm, a->exchange[i]) && is_done;
    }
    wait_end(before);
    if (a->segments == 1)
        exchange_end(comm, a->exchange[0]);
}

/* They meet twice, the second time when the sum is made: so a header is written again when all have read it. */
static mh_status finish_shared(const mh_comm *comm, mh_allreduce *a, mh_status mine, int *request,
                               double *loss)
{
    mh_status status = MH_OK;

    if (a->written == a->groups)
        merge(a, (mh_span){0, a->count});
    write_header(a, mine, request, loss);
    shared_sum_meet(a->shared);
    MH_TRY(read_headers(comm, a, mine, request, loss));
    a->is_finite = shared_sum_make(a->shared);
cleanup:
    return status;
}

mh_status mh_allreduce_finish(const mh_comm *comm, mh_allreduce *a, mh_status mine, int *request,
                              double *loss)
{
    assert(mine != MH_OK || a->written == a->groups);
    if (a->shared != NULL)
        return finish_shared(comm, a, mine, request, loss);
    /* One that has failed sends what it has: others may have begun, and wait for it. */
    begin_segments(comm, a, 0);
    end_segments(comm, a);
    return exchange_headers(comm, a, mine, request, loss);
}

void mh_allreduce_traffic(const mh_allreduce *a, uint64_t *messages, uint64_t *bytes)
{
    *messages = 0;
    *bytes = 0;
    for (size_t i = 0; i < a->segments; i++) {
        uint64_t more_messages = 0, more_bytes = 0;

        exchange_traffic(a->exchange[i], &more_messages, &more_bytes);
        *messages += more_messages;
        *bytes += more_bytes;
    }
}

const float *mh_allreduce_sum(const mh_allreduce *a)
{
    return a->shared != NULL ? shared_sum_result(a->shared) : a->stack[0];
}

bool mh_allreduce_is_finite(const mh_allreduce *a)
{
    return a->shared != NULL ? a->is_finite : mh_kernel_now()->is_finite(a->count, mh_allreduce_sum(a));
}

float *mh_allreduce_common(const mh_allreduce *a, size_t i)
{
    return a->shared != NULL ? shared_sum_common(a->shared, i) : NULL;
}

mh_span mh_allreduce_part(const mh_allreduce *a)
{
    return a->shared != NULL ? shared_sum_part(a->shared) : (mh_span){0, a->count};
}

void mh_allreduce_meet(mh_allreduce *a)
{
    if (a->shared != NULL)
        shared_sum_meet(a->shared);
}

/* A plan for vectors of no elements is all that the tree's order takes. */
mh_status mh_allreduce_doubles(const mh_comm *comm, size_t replicas, size_t count, double *values)
{
    mh_status status = MH_OK;
    mh_allreduce *a = NULL;
    double *mine = NULL, *all = NULL;
    size_t rank = mh_comm_rank(comm), ranks = mh_comm_ranks(comm);

    status = mh_allreduce_create(0, replicas, 1, rank, ranks, &a);
    size_t length = status == MH_OK ? a->tree.most_subtrees * count : 0;
    if (status == MH_OK)
        status = mh_memory_array(length, sizeof *mine, &mine);
    if (status == MH_OK)
        status = mh_memory_array(ranks, length * sizeof *all, &all);
    MH_TRY(mh_comm_agree(comm, status));

    size_t own = merge_doubles(a->merges, a->hosted.count, count, values);
    memcpy(mine, values, own * count * sizeof *mine);
    mh_comm_gather_all(comm, mine, length * sizeof *mine, all);
    for (size_t i = 0; i < a->tree.meetings; i++) {
        const sum_subtree *into = &a->tree.subtree[a->tree.meeting[i].into];
        const sum_subtree *from = &a->tree.subtree[a->tree.meeting[i].from];

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
