#include "exchange.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "multihead/base/memory.h"

enum { PIECE_ALIGNMENT = 16 /* floats: a cache line */, TAG_VALUE = 100, TAG_SUM = 99 };

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
    exchange_format format;
    float *sum; /* the first vector */
    held end;   /* this rank's part of the sum, before it is gathered */
    size_t stops;
    stop *stop; /* [stops] the stages in which this rank takes part */
    MPI_Request *request;
    uint64_t messages, floats; /* sent */
};

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
    const exchange_format *format = &p->exchange->format;
    size_t alignment = format->unit > PIECE_ALIGNMENT ? format->unit : PIECE_ALIGNMENT;
    mh_span blocks = sum_route_part(holding, place, (format->room + alignment - 1) / alignment);
    size_t first = blocks.first * alignment, end = mh_span_end(blocks) * alignment;

    first = first < format->room ? first : format->room;
    end = end < format->room ? end : format->room;
    return (mh_span){first, end - first};
}

static mh_span overlap(mh_span a, mh_span b)
{
    size_t first = a.first > b.first ? a.first : b.first;
    size_t end = mh_span_end(a) < mh_span_end(b) ? mh_span_end(a) : mh_span_end(b);

    return (mh_span){first, end > first ? end - first : 0};
}

static bool contains(mh_span whole, mh_span part)
{
    return overlap(whole, part).count == part.count;
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
        mh_span span = overlap(own->span, part_of(p, result, place));

        if (result->holder[place] != p->rank && span.count > 0)
            stop->send[stop->sends++] = (message){(int)result->holder[place], TAG_VALUE + (int)value, span,
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
        mh_span span = overlap(part_of(p, holding, place), stop->part);
        float *to = memory + (span.first - stop->part.first);

        if (span.count == 0)
            continue;
        if (peer == p->rank)
            stop->copy[stop->copies++] = (copy){to, own->data + (span.first - own->span.first), span.count};
        else
            stop->receive[stop->receives++] =
                (message){(int)peer, TAG_VALUE + (int)value, span, to, is_first_of(p, stage, value, peer)};
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
            p->held[i] = (held){{0, p->exchange->format.room}, vector[own++]};
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

mh_status exchange_create(const sum_tree *tree, const sum_route *route, size_t rank,
                          const exchange_format *format, float *const *vector, exchange **out)
{
    mh_status status = MH_OK;
    plan p = {.route = route, .rank = rank};

    MH_TRY(mh_memory_new(sizeof *p.exchange, &p.exchange));
    p.exchange->format = *format;
    p.exchange->sum = vector[0];
    MH_TRY(mh_memory_array(route->values, sizeof *p.held, &p.held));
    MH_TRY(plan_all(tree, &p, vector));
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
    mh_memory_free(x);
}

/* ---- running ---- */

static void receive(const mh_comm *comm, exchange *x, const message *m, int tag, float *place, int *requests)
{
    MPI_Irecv(place, (int)(m->span.count / x->format.unit), x->format.type, m->peer, tag, comm->handle,
              &x->request[(*requests)++]);
}

static void send(const mh_comm *comm, exchange *x, const message *m, int tag, const float *place,
                 int *requests)
{
    MPI_Isend(place, (int)(m->span.count / x->format.unit), x->format.type, m->peer, tag, comm->handle,
              &x->request[(*requests)++]);
    x->messages++;
    x->floats += m->span.count;
}

static void add(const addition *a, size_t count)
{
    float *to = a->to;

    for (size_t i = 0; i < count; i++)
        to[i] = a->left[i] + a->right[i];
}

static void run_stop(const mh_comm *comm, exchange *x, const stop *stop)
{
    int requests = 0;
    const char *before = wait_begin();

    for (size_t i = 0; i < stop->receives; i++)
        receive(comm, x, &stop->receive[i], stop->receive[i].tag, stop->receive[i].place, &requests);
    for (size_t i = 0; i < stop->sends; i++)
        send(comm, x, &stop->send[i], stop->send[i].tag, stop->send[i].place, &requests);
    for (size_t i = 0; i < stop->copies; i++)
        memcpy(stop->copy[i].to, stop->copy[i].from, stop->copy[i].count * sizeof(float));
    MPI_Waitall(requests, x->request, MPI_STATUSES_IGNORE);
    wait_end(before);
    for (size_t i = 0; i < stop->additions; i++)
        add(&stop->addition[i], stop->part.count);
}

/* Who received a piece of a value gives it back as a piece of the sum. */
static void run_back(const mh_comm *comm, exchange *x, const stop *stop)
{
    int requests = 0;
    const char *before = wait_begin();

    for (size_t i = 0; i < stop->sends; i++)
        if (stop->send[i].comes_back)
            receive(comm, x, &stop->send[i], TAG_SUM, x->sum + stop->send[i].span.first, &requests);
    for (size_t i = 0; i < stop->receives; i++)
        if (stop->receive[i].comes_back)
            send(comm, x, &stop->receive[i], TAG_SUM, x->sum + stop->receive[i].span.first, &requests);
    MPI_Waitall(requests, x->request, MPI_STATUSES_IGNORE);
    wait_end(before);
}

void exchange_run(const mh_comm *comm, exchange *x)
{
    float *end = x->sum + x->end.span.first;

    for (size_t i = 0; i < x->stops; i++)
        run_stop(comm, x, &x->stop[i]);
    if (x->end.data != end)
        memcpy(end, x->end.data, x->end.span.count * sizeof(float));
    for (size_t i = x->stops; i > 0; i--)
        run_back(comm, x, &x->stop[i - 1]);
}

void exchange_traffic(const exchange *x, uint64_t *messages, uint64_t *bytes)
{
    *messages = x->messages;
    *bytes = x->floats * sizeof(float);
}
