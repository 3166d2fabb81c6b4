#include "bench_compute.h"

#include <math.h>
#include <stdbool.h>

#include "bench_subject.h"
#include "multihead/base/clock.h"
#include "multihead/base/memory.h"

/*
 * Three steps on one rank tell its parts apart: the whole batch with all its replicas, one replica's rows by
 * themselves, and few rows. A row is the difference of the last two, a replica what the first one has left over.
 */
enum { WHOLE, REPLICA, FEW, ADDITION, TOGETHER, SERIES, ALONE = ADDITION /* steps on one rank */ };

enum {
    LEAST_TURNS = 7,
    MOST_TURNS = 500,
    STEPS_TOGETHER = 2 /* of a turn, as they have one kind */,
    FEWER = 16
};

static const double BENCH_SECONDS = 3.0;

typedef struct {
    bool is_busy; /* trains by itself; sleeps meanwhile otherwise */
    size_t rows[ALONE];
    bench_subject alone[ALONE], together;
    size_t turns;
    float *into, *from; /* [elements] of an addition */
    double *seconds[SERIES];
    size_t count[SERIES];
} compute_bench;

static size_t elements(const compute_bench *b)
{
    return mh_model_layout(b->together.trained.model)->count;
}

/* ---- setting up ---- */

static mh_status create_alone(const options *o, compute_bench *b)
{
    mh_status status = MH_OK;
    size_t replicas = bench_replicas(o, 1);

    b->rows[WHOLE] = o->batch_size;
    b->rows[REPLICA] = o->batch_size / replicas > 0 ? o->batch_size / replicas : 1;
    b->rows[FEW] = b->rows[REPLICA] / FEWER > 0 ? b->rows[REPLICA] / FEWER : 1;
    for (int i = 0; i < ALONE; i++)
        MH_TRY(bench_subject_create(o, b->rows[i], i == WHOLE ? replicas : 1, 0, 1, &b->alone[i]));
    MH_TRY(mh_memory_array(elements(b), sizeof *b->into, &b->into));
    MH_TRY(mh_memory_array(elements(b), sizeof *b->from, &b->from));
cleanup:
    return status;
}

static mh_status create(const options *o, size_t rank, size_t ranks, compute_bench *b)
{
    mh_status status = MH_OK;

    MH_TRY(bench_subject_create(o, o->batch_size, bench_replicas(o, ranks), rank, ranks, &b->together));
    if (b->is_busy)
        MH_TRY(create_alone(o, b));
    for (int i = 0; i < SERIES; i++)
        MH_TRY(mh_memory_array(MOST_TURNS * STEPS_TOGETHER, sizeof *b->seconds[i], &b->seconds[i]));
cleanup:
    return status;
}

static void destroy(compute_bench *b)
{
    for (int i = 0; i < ALONE; i++)
        bench_subject_clear(&b->alone[i]);
    bench_subject_clear(&b->together);
    mh_memory_free(b->into);
    mh_memory_free(b->from);
    for (int i = 0; i < SERIES; i++)
        mh_memory_free(b->seconds[i]);
}

/* ---- taking turns ---- */

static void note(compute_bench *b, int series, double start)
{
    b->seconds[series][b->count[series]++] = mh_clock_seconds() - start;
}

/* The compiler cannot know that nobody reads the sum. */
static void add(size_t count, volatile float *sink, float *restrict into, const float *restrict from)
{
    for (size_t i = 0; i < count; i++)
        into[i] += from[i];
    *sink = into[count / 2];
}

static mh_status step_alone(compute_bench *b, size_t turn)
{
    mh_status status = MH_OK;
    volatile float sink;
    double loss = 0, start = 0;

    for (int i = 0; i < ALONE; i++) {
        start = mh_clock_seconds();
        MH_TRY(mh_trainer_step(mh_comm_alone(), b->alone[i].trainer, turn % BENCH_BATCHES, &loss));
        note(b, i, start);
    }
    start = mh_clock_seconds();
    add(elements(b), &sink, b->into, b->from);
    note(b, ADDITION, start);
cleanup:
    return status;
}

static mh_status step_together(const mh_comm *comm, compute_bench *b, size_t turn)
{
    mh_status status = MH_OK;
    double loss = 0;

    for (size_t i = 0; i < STEPS_TOGETHER; i++) {
        mh_comm_barrier(comm);
        double start = mh_clock_seconds();
        MH_TRY(mh_trainer_step(comm, b->together.trainer, (turn + i) % BENCH_BATCHES, &loss));
        note(b, TOGETHER, start);
    }
cleanup:
    return status;
}

static mh_status take_turn(const mh_comm *comm, compute_bench *b, size_t turn)
{
    mh_status status = b->is_busy ? step_alone(b, turn) : MH_OK;

    mh_comm_barrier_asleep(comm);
    MH_TRY(mh_comm_agree(comm, status));
    MH_TRY(step_together(comm, b, turn));
cleanup:
    return status;
}

/* The first two turns are for warming up and for seeing how long one takes. */
static mh_status take_turns(const mh_comm *comm, const options *o, compute_bench *b)
{
    mh_status status = MH_OK;
    double start = 0;

    for (size_t turn = 0; turn < 2; turn++) {
        start = mh_clock_seconds();
        MH_TRY(take_turn(comm, b, turn));
    }
    double fit = BENCH_SECONDS / (mh_clock_seconds() - start);
    size_t turns = fit < LEAST_TURNS ? LEAST_TURNS : fit > MOST_TURNS ? MOST_TURNS : (size_t)fit;
    if (o->steps != 0)
        turns = o->steps < MOST_TURNS ? o->steps : MOST_TURNS;
    mh_comm_broadcast(comm, &turns, sizeof turns);
    for (int i = 0; i < SERIES; i++)
        b->count[i] = 0;
    for (size_t turn = 0; turn < turns; turn++)
        MH_TRY(take_turn(comm, b, turn));
cleanup:
    return status;
}

/* ---- what came of it ---- */

/* The slowest rank's; 0 of one that slept. */
static bench_timing slowest(const mh_comm *comm, compute_bench *b, int series)
{
    bench_timing timing =
        b->count[series] > 0 ? bench_timing_of(b->seconds[series], b->count[series]) : (bench_timing){0};
    int64_t picoseconds[3] = {(int64_t)(timing.best * 1e12), (int64_t)(timing.median * 1e12),
                              (int64_t)(timing.p90 * 1e12)};

    mh_comm_max(comm, picoseconds, 3);
    return (bench_timing){(double)picoseconds[0] * 1e-12, (double)picoseconds[1] * 1e-12,
                          (double)picoseconds[2] * 1e-12};
}

/* Noise must not make a part that costs less than nothing; the whole stays what it is. */
static bench_cost tell_apart(const double seconds[ALONE], const size_t rows[ALONE], size_t replicas)
{
    bench_cost cost = {0};
    double more_rows = (double)(rows[REPLICA] - rows[FEW]), batch = (double)rows[WHOLE];

    if (more_rows > 0)
        cost.row = fmax(0, (seconds[REPLICA] - seconds[FEW]) / more_rows);
    double one =
        fmax(0, seconds[REPLICA] - (double)rows[REPLICA] * cost.row); /* a replica and what is fixed */
    if (replicas > 1)
        cost.leaf = (seconds[WHOLE] - one - batch * cost.row) / (double)(replicas - 1);
    cost.leaf = fmin(fmax(0, cost.leaf), one);
    cost.fixed = one - cost.leaf;
    cost.row = fmax(0, (seconds[WHOLE] - cost.fixed - (double)replicas * cost.leaf) / batch);
    return cost;
}

mh_status bench_compute_measure(const mh_comm *comm, const options *o, size_t place, size_t cores,
                                bench_compute *out)
{
    mh_status status = MH_OK;
    size_t threads = o->threads < cores ? o->threads : cores;
    compute_bench b = {.is_busy = place < cores / threads};
    double medians[SERIES], bests[SERIES];

    MH_TRY(mh_comm_agree(comm, create(o, mh_comm_rank(comm), mh_comm_ranks(comm), &b)));
    MH_TRY(take_turns(comm, o, &b));
    *out = (bench_compute){.elements = elements(&b), .replicas = bench_replicas(o, 1)};
    for (int i = 0; i < SERIES; i++) {
        bench_timing timing = slowest(comm, &b, i);

        out->alone = i == WHOLE ? timing : out->alone;
        out->together = i == TOGETHER ? timing : out->together;
        medians[i] = timing.median;
        bests[i] = timing.best;
    }
    mh_comm_broadcast(comm, b.rows, sizeof b.rows);
    out->median = tell_apart(medians, b.rows, out->replicas);
    out->median.add_element = medians[ADDITION] / (double)elements(&b);
    out->best = tell_apart(bests, b.rows, out->replicas);
    out->best.add_element = bests[ADDITION] / (double)elements(&b);
cleanup:
    destroy(&b);
    return status;
}
