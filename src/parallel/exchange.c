#include "exchange.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "communicator_mpi.h"
#include "multihead/base/memory.h"

enum { PIECE_ALIGNMENT = 16 /* floats: a cache line */, TAG_FIRST = 100 };

/* A piece of a value that goes from one rank to another. */
typedef struct {
    int peer, tag;
    mh_span span;    /* of the vector, in floats                                                        */
    float *place;    /* where it begins in this rank's memory                                           */
    bool comes_back; /* as the sum: where the sender lacks it, and not for each of its values          */
} message;

/* A piece of a value that stays, but has to be beside what comes from others. */
typedef struct {
    float *to;
    const float *from;
    size_t count;
} copy;

/* to[i] = left[i] + right[i] */
typedef struct {
    float *to;
    const float *left, *right;
} addition;

typedef struct {
    mh_span part; /* what this rank adds */
    size_t sends, receives, copies, additions;
    message *send, *receive;
    copy *copy;
    addition *addition;
    float *memory; /* of what it receives */
} stop;

/* What this rank holds of a value. */
typedef struct {
    mh_span span;
    float *data; /* of its first element; NULL: nothing */
} held;

struct exchange {
    size_t unit;       /* floats that MPI counts as one: a power of 2, so that parts are whole units   */
    MPI_Datatype type; /* of a unit                                                                    */
    mh_span span;
    int tag;    /* of the first value; sums have the one before                                 */
    float *sum; /* the first vector                                                             */
    held end;   /* this rank's part of the sum, before it is gathered                           */
    size_t stops;
    stop *stop; /* [stops] the stages in which this rank takes part                             */

    size_t turn; /* 0 .. stops-1 there, .. 2 * stops-1 back, 2 * stops: done                      */
    int requests;
    MPI_Request *request;
    uint64_t messages, floats; /* sent */
};

/* ---- parts ---- */

static size_t unit_of(size_t count)
{
    size_t unit = 1;

    while ((count + unit - 1) / unit > mpi_piece())
        unit *= 2;
    return unit;
}

static size_t alignment_of(size_t unit)
{
    return unit > PIECE_ALIGNMENT ? unit : PIECE_ALIGNMENT;
}

static size_t round_up(size_t count, size_t unit)
{
    return (count + unit - 1) / unit * unit;
}

size_t exchange_room(size_t count)
{
    return round_up(count, unit_of(count));
}

size_t exchange_align(size_t count, size_t first)
{
    size_t aligned = round_up(first, alignment_of(unit_of(count)));

    return aligned < exchange_room(count) ? aligned : exchange_room(count);
}

/* ---- planning ---- */

typedef struct {
    exchange *exchange;
    const sum_route *route;
    size_t rank;
    held *held; /* [route->values] */
} plan;

/* Parts are whole cache lines, and whole units. */
static mh_span part_of(const plan *p, const sum_holding *holding, size_t place)
{
    mh_span all = p->exchange->span;
    size_t alignment = alignment_of(p->exchange->unit);
    mh_span blocks = sum_route_part(holding, place, (all.count + alignment - 1) / alignment);
    size_t first = blocks.first * alignment, end = mh_span_end(blocks) * alignment;

    first = first < all.count ? first : all.count;
    end = end < all.count ? end : all.count;
    return (mh_span){all.first + first, end - first};
}

static bool contains(mh_span whole, mh_span part)
{
    return mh_span_overlap(whole, part).count == part.count;
}

/* Whether no value before this one of the stage is that rank's, too: the sum comes back to it once. */
static bool is_first_of(const plan *p, const sum_stage *stage, size_t value, size_t rank)
{
    for (size_t v = 0; v < value; v++) {
        const sum_holding *holding = &p->route->holding[stage->value[v]];

        if (sum_route_place(holding, rank) < holding->holders)
            return false;
    }
    return true;
}

static void plan_sends(const plan *p, const sum_stage *stage, size_t value, stop *stop)
{
    const sum_holding *result = &p->route->holding[stage->result];
    const held *own = &p->held[stage->value[value]];
    bool comes_back = is_first_of(p, stage, value, p->rank);

    for (size_t place = 0; place < result->holders; place++) {
        mh_span span = mh_span_overlap(own->span, part_of(p, result, place));

        if (result->holder[place] != p->rank && span.count > 0)
            stop->send[stop->sends++] =
                (message){(int)result->holder[place], p->exchange->tag + (int)value, span,
                          own->data + (span.first - own->span.first), comes_back};
    }
}

/* Into `memory`, which is the part of this value that the rank adds. */
static void plan_receives(const plan *p, const sum_stage *stage, size_t value, float *memory, stop *stop)
{
    const sum_holding *holding = &p->route->holding[stage->value[value]];
    const held *own = &p->held[stage->value[value]];

    for (size_t place = 0; place < holding->holders; place++) {
        size_t peer = holding->holder[place];
        mh_span span = mh_span_overlap(part_of(p, holding, place), stop->part);
        float *to = memory + (span.first - stop->part.first);

        if (span.count == 0)
            continue;
        if (peer == p->rank)
            stop->copy[stop->copies++] = (copy){to, own->data + (span.first - own->span.first), span.count};
        else
            stop->receive[stop->receives++] = (message){(int)peer, p->exchange->tag + (int)value, span, to,
                                                        is_first_of(p, stage, value, peer)};
    }
}

/* Adding does not care which of two is the left one. The sum stays with what is in a vector of the caller's, if any. */
static void plan_additions(const sum_stage *stage, float **value, bool *is_received, stop *stop)
{
    for (size_t i = 0; i < stage->meetings; i++) {
        size_t into = stage->meeting[i].into, from = stage->meeting[i].from;
        float *to = is_received[into] && !is_received[from] ? value[from] : value[into];

        stop->addition[stop->additions++] = (addition){to, value[into], value[from]};
        is_received[into] = is_received[into] && is_received[from];
        value[into] = to;
    }
}

static mh_status make_room(const plan *p, const sum_stage *stage, stop *stop)
{
    mh_status status = MH_OK;
    size_t peers = 0, received = 0, sends = 0;

    for (size_t v = 0; v < stage->values; v++) {
        const held *own = &p->held[stage->value[v]];

        peers += p->route->holding[stage->value[v]].holders;
        received += own->data == NULL || !contains(own->span, stop->part);
        sends += own->data == NULL ? 0 : p->route->holding[stage->result].holders;
    }
    MH_TRY(mh_memory_array(sends, sizeof *stop->send, &stop->send));
    MH_TRY(mh_memory_array(peers, sizeof *stop->receive, &stop->receive));
    MH_TRY(mh_memory_array(stage->values, sizeof *stop->copy, &stop->copy));
    MH_TRY(mh_memory_array(stage->meetings, sizeof *stop->addition, &stop->addition));
    MH_TRY(mh_memory_array(received, stop->part.count * sizeof *stop->memory, &stop->memory));
cleanup:
    return status;
}

static mh_status plan_stop(plan *p, const sum_stage *stage, size_t place)
{
    mh_status status = MH_OK;
    stop *stop = &p->exchange->stop[p->exchange->stops++];
    float **value = NULL, *next = NULL;
    bool *is_received = NULL;

    stop->part = part_of(p, &p->route->holding[stage->result], place);
    MH_TRY(mh_memory_array(stage->values, sizeof *value, &value));
    MH_TRY(mh_memory_array(stage->values, sizeof *is_received, &is_received));
    MH_TRY(make_room(p, stage, stop));
    next = stop->memory;
    for (size_t v = 0; v < stage->values; v++) {
        const held *own = &p->held[stage->value[v]];

        if (own->data != NULL)
            plan_sends(p, stage, v, stop);
        is_received[v] = own->data == NULL || !contains(own->span, stop->part);
        value[v] = is_received[v] ? next : own->data + (stop->part.first - own->span.first);
        if (!is_received[v])
            continue;
        plan_receives(p, stage, v, next, stop);
        next += stop->part.count;
    }
    plan_additions(stage, value, is_received, stop);
    p->held[stage->result] = (held){stop->part, value[0]};
cleanup:
    mh_memory_free(value);
    mh_memory_free(is_received);
    return status;
}

static mh_status plan_all(const sum_tree *tree, plan *p, float *const *vector)
{
    mh_status status = MH_OK;
    const sum_route *route = p->route;
    size_t own = 0, last = 0, most = 0;

    for (size_t i = 0; i < tree->subtrees; i++)
        if (tree->subtree[i].owner == p->rank)
            p->held[i] = (held){p->exchange->span, vector[own++] + p->exchange->span.first};
    MH_TRY(mh_memory_array(route->stages, sizeof *p->exchange->stop, &p->exchange->stop));
    for (size_t i = 0; i < route->stages; i++) {
        const sum_stage *stage = &route->stage[i];
        const sum_holding *result = &route->holding[stage->result];
        size_t place = sum_route_place(result, p->rank);

        if (place == result->holders)
            continue;
        MH_TRY(plan_stop(p, stage, place));
        const stop *stop = &p->exchange->stop[p->exchange->stops - 1];
        most = stop->sends + stop->receives > most ? stop->sends + stop->receives : most;
        last = stage->result;
    }
    p->exchange->end = p->held[last];
    MH_TRY(mh_memory_array(most, sizeof *p->exchange->request, &p->exchange->request));
cleanup:
    return status;
}

static void choose_type(exchange *x, size_t count)
{
    x->unit = unit_of(count);
    x->type = MPI_FLOAT;
    if (x->unit == 1)
        return;
    MPI_Type_contiguous((int)x->unit, MPI_FLOAT, &x->type);
    MPI_Type_commit(&x->type);
}

mh_status exchange_create(const sum_tree *tree, const sum_route *route, size_t rank, size_t count,
                          mh_span span, size_t tag, float *const *vector, exchange **out)
{
    mh_status status = MH_OK;
    plan p = {.route = route, .rank = rank};

    MH_TRY(mh_memory_new(sizeof *p.exchange, &p.exchange));
    choose_type(p.exchange, count);
    p.exchange->span = span;
    p.exchange->tag = TAG_FIRST + (int)(tag * (tree->subtrees + 1)) + 1;
    p.exchange->sum = vector[0];
    MH_TRY(mh_memory_array(route->values, sizeof *p.held, &p.held));
    MH_TRY(plan_all(tree, &p, vector));
    p.exchange->turn = 2 * p.exchange->stops;
cleanup:
    mh_memory_free(p.held);
    if (status != MH_OK) {
        exchange_destroy(p.exchange);
        p.exchange = NULL;
    }
    *out = p.exchange;
    return status;
}

void exchange_destroy(exchange *x)
{
    if (x == NULL)
        return;
    for (size_t i = 0; x->stop != NULL && i < x->stops; i++) {
        mh_memory_free(x->stop[i].send);
        mh_memory_free(x->stop[i].receive);
        mh_memory_free(x->stop[i].copy);
        mh_memory_free(x->stop[i].addition);
        mh_memory_free(x->stop[i].memory);
    }
    mh_memory_free(x->stop);
    mh_memory_free(x->request);
    if (x->unit > 1)
        MPI_Type_free(&x->type);
    mh_memory_free(x);
}

/* ---- running ---- */

static void receive(const mh_comm *comm, exchange *x, const message *m, int tag, float *place)
{
    MPI_Irecv(place, (int)(m->span.count / x->unit), x->type, m->peer, tag, comm->handle,
              &x->request[x->requests++]);
}

static void send(const mh_comm *comm, exchange *x, const message *m, int tag, const float *place)
{
    MPI_Isend(place, (int)(m->span.count / x->unit), x->type, m->peer, tag, comm->handle,
              &x->request[x->requests++]);
    x->messages++;
    x->floats += m->span.count;
}

static void post_there(const mh_comm *comm, exchange *x, const stop *stop)
{
    for (size_t i = 0; i < stop->receives; i++)
        receive(comm, x, &stop->receive[i], stop->receive[i].tag, stop->receive[i].place);
    for (size_t i = 0; i < stop->sends; i++)
        send(comm, x, &stop->send[i], stop->send[i].tag, stop->send[i].place);
    for (size_t i = 0; i < stop->copies; i++)
        memcpy(stop->copy[i].to, stop->copy[i].from, stop->copy[i].count * sizeof(float));
}

/* Who received a piece of a value gives it back as a piece of the sum. */
static void post_back(const mh_comm *comm, exchange *x, const stop *stop)
{
    for (size_t i = 0; i < stop->sends; i++)
        if (stop->send[i].comes_back)
            receive(comm, x, &stop->send[i], x->tag - 1, x->sum + stop->send[i].span.first);
    for (size_t i = 0; i < stop->receives; i++)
        if (stop->receive[i].comes_back)
            send(comm, x, &stop->receive[i], x->tag - 1, x->sum + stop->receive[i].span.first);
}

static void post(const mh_comm *comm, exchange *x)
{
    x->requests = 0;
    if (x->turn < x->stops)
        post_there(comm, x, &x->stop[x->turn]);
    else if (x->turn < 2 * x->stops)
        post_back(comm, x, &x->stop[2 * x->stops - 1 - x->turn]);
}

static void add(const addition *a, size_t count)
{
    float *to = a->to;

    for (size_t i = 0; i < count; i++)
        to[i] = a->left[i] + a->right[i];
}

static void keep_end(const exchange *x)
{
    float *place = x->sum + x->end.span.first;

    if (x->end.data != place)
        memcpy(place, x->end.data, x->end.span.count * sizeof(float));
}

/* All that was posted is there. */
static void end_turn(exchange *x)
{
    if (x->turn < x->stops) {
        const stop *stop = &x->stop[x->turn];

        for (size_t i = 0; i < stop->additions; i++)
            add(&stop->addition[i], stop->part.count);
    }
    x->turn++;
    if (x->turn == x->stops)
        keep_end(x);
}

mh_span exchange_span(const exchange *x)
{
    return x->span;
}

void exchange_begin(const mh_comm *comm, exchange *x)
{
    x->turn = 0;
    post(comm, x);
}

bool exchange_go_on(const mh_comm *comm, exchange *x)
{
    int is_done = 1;

    while (x->turn < 2 * x->stops) {
        MPI_Testall(x->requests, x->request, &is_done, MPI_STATUSES_IGNORE);
        if (!is_done)
            return false;
        end_turn(x);
        post(comm, x);
    }
    return true;
}

void exchange_end(const mh_comm *comm, exchange *x)
{
    const char *before = wait_begin();

    while (x->turn < 2 * x->stops) {
        MPI_Waitall(x->requests, x->request, MPI_STATUSES_IGNORE);
        end_turn(x);
        post(comm, x);
    }
    wait_end(before);
}

void exchange_traffic(const exchange *x, uint64_t *messages, uint64_t *bytes)
{
    *messages = x->messages;
    *bytes = x->floats * sizeof(float);
}
