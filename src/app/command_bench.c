#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench_network.h"
#include "bench_products.h"
#include "bench_requests.h"
#include "bench_subject.h"
#include "bench_timing.h"
#include "commands.h"
#include "json_file.h"
#include "machine_peak.h"
#include "multihead/base/clock.h"
#include "multihead/base/log.h"
#include "multihead/base/memory.h"
#include "multihead/data/hdf5_file.h"
#include "multihead/parallel/allreduce.h"
#include "multihead/tensor/matrix.h"
#include "startup.h"

/*
 * A step of the trainer beside its matrix products alone, turn and turn about, so that both see the same
 * machine. Rows are random: what is in them does not change the work.
 */

enum { LEAST_TURNS = 7, MOST_TURNS = 2000, INPUT_ROWS = 200000 };

static const double BENCH_SECONDS = 2.0;

typedef struct {
    bench_subject subject;
    bench_products products;
    mh_allreduce *allreduce;
    double *losses;
} bench;

typedef struct {
    double peak_gflops;
    double gemm_flop; /* of this rank's part of a step */
    bench_timing gemm, step, allreduce;
    double input_rows_per_second;
    double allocations_per_step;
} results;

mh_status command_bench_check(const options *o)
{
    if (o->ranks_per_host > 0 && !o->network)
        return MH_FAIL(MH_ERR_USAGE, "--ranks-per-host says something of --network only; add it");
    if (o->requests && (o->network || o->json != NULL || o->steps > 0))
        return MH_FAIL(MH_ERR_USAGE,
                       "--requests takes from stdin what to measure and answers on stdout: leave out "
                       "--network, --json and --steps");
    return MH_OK;
}

/* ---- setting up ---- */

static mh_status create(const options *o, size_t rank, size_t ranks, bench *b)
{
    mh_status status = MH_OK;
    mh_model *model = NULL;

    MH_TRY(bench_subject_create(o, o->batch_size, bench_replicas(o, ranks), rank, ranks, &b->subject));
    model = b->subject.trained.model;
    MH_TRY(mh_allreduce_create(mh_model_layout(model)->count, b->subject.replicas,
                               mh_model_parts_at_once(model, o->batch_size / b->subject.replicas), rank,
                               ranks, &b->allreduce));
    MH_TRY(mh_memory_array(b->subject.hosted, sizeof *b->losses, &b->losses));
    MH_TRY(bench_products_create(model, o->batch_size, &b->products));
cleanup:
    return status;
}

static void destroy(bench *b)
{
    mh_allreduce_destroy(b->allreduce);
    bench_products_clear(&b->products);
    bench_subject_clear(&b->subject);
    mh_memory_free(b->losses);
}

/* ---- measuring ---- */

static mh_status run_allreduce(const mh_comm *comm, bench *b)
{
    size_t leaves = 0;

    mh_allreduce_start(b->allreduce);
    for (size_t r = 0; r < b->subject.hosted; r += leaves)
        mh_allreduce_next(b->allreduce, &leaves);
    return mh_allreduce_finish(comm, b->allreduce, MH_OK, NULL, b->losses);
}

/* The same number of turns on every rank: from how long a step takes on rank 0. */
static size_t choose_turns(const mh_comm *comm, const options *o, double step_seconds)
{
    size_t turns = o->steps != 0 ? o->steps : (size_t)(BENCH_SECONDS / (3.0 * step_seconds));

    if (o->steps == 0)
        turns = turns < LEAST_TURNS ? LEAST_TURNS : turns > MOST_TURNS ? MOST_TURNS : turns;
    mh_comm_broadcast(comm, &turns, sizeof turns);
    return turns;
}

enum { IN_PIECES, AT_ONCE, STEP, ALLREDUCE, SERIES };

static mh_status take_turns(const mh_comm *comm, bench *b, size_t rows, size_t turns, double *seconds[SERIES])
{
    mh_status status = MH_OK;
    size_t own_rows = rows * b->subject.hosted / b->subject.replicas, piece = rows / b->subject.replicas;
    size_t chunk = mh_model_chunk_rows(b->subject.trained.model);
    double start = 0, loss = 0;

    piece = piece < chunk ? piece : chunk;
    for (size_t turn = 0; turn < turns; turn++) {
        for (int series = IN_PIECES; series <= AT_ONCE; series++) {
            mh_comm_barrier(comm);
            start = mh_clock_seconds();
            bench_products_run(&b->products, own_rows, series == IN_PIECES ? piece : own_rows);
            seconds[series][turn] = mh_clock_seconds() - start;
        }
        mh_comm_barrier(comm);
        start = mh_clock_seconds();
        MH_TRY(mh_trainer_step(comm, b->subject.trainer, turn % BENCH_BATCHES, &loss));
        seconds[STEP][turn] = mh_clock_seconds() - start;
        mh_comm_barrier(comm);
        start = mh_clock_seconds();
        MH_TRY(run_allreduce(comm, b));
        seconds[ALLREDUCE][turn] = mh_clock_seconds() - start;
    }
cleanup:
    return status;
}

static mh_status measure_steps(const mh_comm *comm, const options *o, bench *b, results *r)
{
    mh_status status = MH_OK;
    double *seconds[SERIES] = {NULL}, loss = 0;

    /* One step to warm up, one to see how long it takes. */
    MH_TRY(mh_trainer_step(comm, b->subject.trainer, 0, &loss));
    double start = mh_clock_seconds();
    MH_TRY(mh_trainer_step(comm, b->subject.trainer, 1, &loss));
    size_t turns = choose_turns(comm, o, mh_clock_seconds() - start);

    for (int i = 0; i < SERIES && status == MH_OK; i++)
        status = mh_memory_array(turns, sizeof *seconds[i], &seconds[i]);
    MH_TRY(mh_comm_agree(comm, status));
    uint64_t before = mh_memory_allocations();
    MH_TRY(take_turns(comm, b, o->batch_size, turns, seconds));
    r->allocations_per_step = (double)(mh_memory_allocations() - before) / (double)turns;

    bench_timing pieces = bench_timing_of(seconds[IN_PIECES], turns),
                 whole = bench_timing_of(seconds[AT_ONCE], turns);
    r->gemm = pieces.median < whole.median ? pieces : whole; /* the harder of the two to come near */
    r->step = bench_timing_of(seconds[STEP], turns);
    r->allreduce = bench_timing_of(seconds[ALLREDUCE], turns);
    r->gemm_flop = bench_products_flop(&b->products, o->batch_size * b->subject.hosted / b->subject.replicas);
cleanup:
    for (int i = 0; i < SERIES; i++)
        mh_memory_free(seconds[i]);
    return status;
}

/* Rows a second out of an HDF5 file that has just been written, so out of the page cache. Rank 0 only. */
static mh_status measure_input(const options *o, results *r)
{
    mh_status status = MH_OK;
    char path[128], *paths[1] = {path};
    mh_hdf5_file *file = NULL;
    mh_dataset *dataset = NULL;
    mh_dataset_config config = {.paths = paths, .path_count = 1};
    mh_shard shard = {0};
    float *x = NULL;
    mh_label *y = NULL;
    size_t rows = INPUT_ROWS / (1 + (o->features + o->labels) / 64);
    const char *folder = getenv("TMPDIR");

    snprintf(path, sizeof path, "%s/multihead-bench-%ld.h5", folder != NULL ? folder : "/tmp",
             (long)getpid());
    MH_TRY(mh_memory_array(rows, o->features * sizeof *x, &x));
    MH_TRY(mh_memory_array(rows, o->labels * sizeof *y, &y));
    MH_TRY(mh_hdf5_file_create(path, &file));
    MH_TRY(mh_hdf5_file_add(file, "features", MH_FLOAT32, rows, o->features));
    MH_TRY(mh_hdf5_file_add(file, "labels", MH_UINT8, rows, o->labels));
    MH_TRY(mh_hdf5_file_write(file, "features", (mh_span){0, rows}, MH_FLOAT32, x));
    MH_TRY(mh_hdf5_file_write(file, "labels", (mh_span){0, rows}, MH_UINT16, y));
    MH_TRY(mh_hdf5_file_commit(file));

    double start = mh_clock_seconds();
    MH_TRY(mh_dataset_open(&config, &dataset));
    MH_TRY(mh_shard_load(dataset, (mh_span){0, rows}, &shard));
    r->input_rows_per_second = (double)rows / (mh_clock_seconds() - start);
cleanup:
    mh_shard_clear(&shard);
    mh_dataset_close(dataset);
    mh_hdf5_file_close(file);
    unlink(path);
    mh_memory_free(x);
    mh_memory_free(y);
    return status;
}

/* ---- telling ---- */

static mh_status write_json(const options *o, const bench *b, const results *r)
{
    json_t *root = json_object();

    json_object_set_new(root, "kernel",
                        json_string(mh_kernel_uses_blas() ? mh_matrix_kernel() : mh_kernel_now()->name));
    json_object_set_new(root, "replicas", json_integer((json_int_t)b->subject.replicas));
    json_object_set_new(root, "batch_size", json_integer((json_int_t)o->batch_size));
    json_object_set_new(root, "peak_gflops", r->peak_gflops > 0 ? json_number(r->peak_gflops) : json_null());
    json_object_set_new(root, "gemm_ms", json_number(r->gemm.median * 1e3));
    json_object_set_new(root, "gemm_best_ms", json_number(r->gemm.best * 1e3));
    json_object_set_new(root, "step_ms", bench_timing_json(r->step));
    json_object_set_new(root, "step_to_gemm", json_number(r->step.median / r->gemm.median));
    json_object_set_new(root, "rows_per_second", json_number((double)o->batch_size / r->step.median));
    json_object_set_new(root, "allreduce_us", json_number(r->allreduce.median * 1e6));
    json_object_set_new(root, "input_rows_per_second", json_number(r->input_rows_per_second));
    json_object_set_new(root, "allocations_per_step", json_number(r->allocations_per_step));
    return json_file_write(o->json, root);
}

static void print_results(const options *o, const results *r)
{
    char kernel[256];
    double rate = r->gemm_flop * 1e-9;

    startup_describe_kernel(kernel, sizeof kernel);
    printf("%s\n\n%-34s %10s %10s %10s\n", kernel, "", "best", "median", "90 %");
    printf("%-34s %10.1f\n", "multiply-add peak, GFLOP/s a core", r->peak_gflops);
    printf("%-34s %10.3f %10.3f %10.3f\n", "matrix products of a step, ms", r->gemm.best * 1e3,
           r->gemm.median * 1e3, r->gemm.p90 * 1e3);
    printf("%-34s %10.3f %10.3f %10.3f\n", "a whole step, ms", r->step.best * 1e3, r->step.median * 1e3,
           r->step.p90 * 1e3);
    printf("%-34s %10.1f %10.1f %10.1f\n", "sum over replicas and ranks, us", r->allreduce.best * 1e6,
           r->allreduce.median * 1e6, r->allreduce.p90 * 1e6);
    printf("\n%-34s %10.2f\n", "step / matrix products (medians)", r->step.median / r->gemm.median);
    printf("%-34s %10.1f %10.1f\n", "products, step: GFLOP/s a rank", rate / r->gemm.median,
           rate / r->step.median);
    printf("%-34s %10.0f\n", "rows a second, trained", (double)o->batch_size / r->step.median);
    printf("%-34s %10.0f\n", "rows a second, read from HDF5", r->input_rows_per_second);
    printf("%-34s %10.0f\n", "memory allocations in a step", r->allocations_per_step);
}

mh_status command_bench(const mh_comm *comm, const options *o)
{
    mh_status status = MH_OK;
    bench b = {0};
    results r = {0};
    size_t rank = mh_comm_rank(comm), ranks = mh_comm_ranks(comm);

    mh_matrix_set_threads(o->threads);
    if (o->network)
        return bench_network(comm, o);
    if (o->requests)
        return bench_requests(comm, o);
    MH_TRY(mh_comm_agree(comm, create(o, rank, ranks, &b)));
    MH_TRY(mh_trainer_share(comm, b.subject.trainer));
    MH_TRY(mh_allreduce_share(comm, b.allreduce, 0));
    r.peak_gflops = machine_peak_gflops();
    MH_TRY(measure_steps(comm, o, &b, &r));
    status = rank == 0 ? measure_input(o, &r) : MH_OK;
    MH_TRY(mh_comm_agree(comm, status));
    if (rank == 0 && o->json != NULL)
        status = write_json(o, &b, &r);
    if (rank == 0 && (o->json == NULL || strcmp(o->json, "-") != 0))
        print_results(o, &r);
    startup_warn_of_kernel();
    status = mh_comm_agree(comm, status);
cleanup:
    destroy(&b);
    return status;
}
