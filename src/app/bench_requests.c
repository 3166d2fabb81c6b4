#include "bench_requests.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench_products.h"
#include "bench_subject.h"
#include "json_file.h"
#include "machine_peak.h"
#include "multihead/base/clock.h"
#include "multihead/base/memory.h"
#include "startup.h"

enum { MOST_COUNT = 1000000 };

typedef enum { END, STEP, PRODUCTS, PEAK } request_kind;

typedef struct {
    request_kind kind;
    size_t count;
} request;

typedef struct {
    bench_subject subject;
    bench_products products;
    size_t batch_rows; /* of this rank */
    size_t batch;      /* the next one */
} server;

/* ---- lines ---- */

static mh_status parse(const char *line, request *out)
{
    char word[16] = "";
    long count = 1;
    int words = sscanf(line, "%15s %ld", word, &count);

    *out = (request){.kind = strcmp(word, "step") == 0       ? STEP
                             : strcmp(word, "products") == 0 ? PRODUCTS
                             : strcmp(word, "peak") == 0     ? PEAK
                                                             : END,
                     .count = (size_t)count};
    if (words < 1 || out->kind == END || count < 1 || count > MOST_COUNT)
        return MH_FAIL(MH_ERR_USAGE,
                       "a request of --requests: expected 'step N', 'products N' or 'peak', got '%.*s'",
                       (int)strcspn(line, "\n"), line);
    return MH_OK;
}

/* Rank 0's next line, on all ranks; the others sleep until it is there. */
static mh_status next_request(const mh_comm *comm, request *out)
{
    mh_status status = MH_OK;
    char line[128];

    *out = (request){.kind = END};
    if (mh_comm_rank(comm) == 0 && fgets(line, sizeof line, stdin) != NULL)
        status = parse(line, out);
    mh_comm_barrier_asleep(comm);
    status = mh_comm_agree(comm, status);
    mh_comm_broadcast(comm, out, sizeof *out);
    return status;
}

/* Takes the answer; NULL is one that memory did not suffice for. */
static mh_status answer(const mh_comm *comm, json_t *root)
{
    mh_status status = MH_OK;
    char *text = root != NULL ? json_dumps(root, JSON_COMPACT) : NULL;

    json_decref(root);
    if (text == NULL)
        status = MH_FAIL(MH_ERR_MEMORY, "out of memory");
    else if (mh_comm_rank(comm) == 0 && (puts(text) == EOF || fflush(stdout) != 0))
        status = MH_FAIL(MH_ERR_IO, "stdout: cannot be written: %s", strerror(errno));
    free(text);
    return mh_comm_agree(comm, status);
}

static json_t *seconds_json(const double *seconds, size_t count)
{
    json_t *array = json_array();

    for (size_t i = 0; i < count; i++)
        json_array_append_new(array, json_real(seconds[i]));
    return array;
}

/* ---- what is asked for ---- */

static mh_status run_steps(const mh_comm *comm, server *s, size_t count, double *seconds, json_t *out)
{
    mh_status status = MH_OK;
    double loss = 0, start = mh_clock_seconds(), end = 0;

    for (size_t i = 0; i < count; i++, s->batch = (s->batch + 1) % BENCH_BATCHES) {
        MH_TRY(mh_trainer_step(comm, s->subject.trainer, s->batch, &loss));
        end = mh_clock_seconds();
        seconds[i] = end - start;
        start = end;
    }
    json_object_set_new(out, "seconds", seconds_json(seconds, count));
    json_object_set_new(out, "loss", json_number(loss));
cleanup:
    return status;
}

static void run_products(server *s, size_t count, size_t rows, double *seconds)
{
    for (size_t i = 0; i < count; i++) {
        double start = mh_clock_seconds();
        bench_products_run(&s->products, s->batch_rows, rows);
        seconds[i] = mh_clock_seconds() - start;
    }
}

/* The rows that the model takes at a time. */
static size_t chunk_rows(const server *s)
{
    size_t replica = s->batch_rows / s->subject.hosted, chunk = mh_model_chunk_rows(s->subject.trained.model);

    return replica < chunk ? replica : chunk;
}

static mh_status serve(const mh_comm *comm, server *s, request r)
{
    mh_status status = MH_OK;
    double *seconds = NULL;
    json_t *out = json_object();

    MH_TRY(mh_comm_agree(comm, mh_memory_array(r.count, sizeof *seconds, &seconds)));
    if (r.kind == PEAK)
        json_object_set_new(out, "gflops", json_number(machine_peak_gflops()));
    if (r.kind == STEP)
        MH_TRY(run_steps(comm, s, r.count, seconds, out));
    if (r.kind == PRODUCTS) {
        run_products(s, r.count, chunk_rows(s), seconds);
        json_object_set_new(out, "pieces", seconds_json(seconds, r.count));
        run_products(s, r.count, s->batch_rows, seconds);
        json_object_set_new(out, "whole", seconds_json(seconds, r.count));
    }
    status = answer(comm, out);
    out = NULL;
cleanup:
    json_decref(out);
    mh_memory_free(seconds);
    return status;
}

static mh_status create(const options *o, size_t rank, size_t ranks, server *s)
{
    mh_status status = MH_OK;

    MH_TRY(bench_subject_create(o, o->batch_size, bench_replicas(o, ranks), rank, ranks, &s->subject));
    s->batch_rows = o->batch_size * s->subject.hosted / s->subject.replicas;
    MH_TRY(bench_products_create(s->subject.trained.model, s->batch_rows, &s->products));
cleanup:
    return status;
}

static mh_status greet(const mh_comm *comm, const server *s)
{
    json_t *root = json_object();
    char kernel[256];

    startup_describe_kernel(kernel, sizeof kernel);
    json_object_set_new(root, "ready", json_string(kernel));
    json_object_set_new(root, "ranks", json_integer((json_int_t)mh_comm_ranks(comm)));
    json_object_set_new(root, "parameters",
                        json_integer((json_int_t)mh_model_layout(s->subject.trained.model)->count));
    return answer(comm, root);
}

mh_status bench_requests(const mh_comm *comm, const options *o)
{
    mh_status status = MH_OK;
    server s = {0};
    request r = {0};

    MH_TRY(mh_comm_agree(comm, create(o, mh_comm_rank(comm), mh_comm_ranks(comm), &s)));
    MH_TRY(mh_trainer_share(comm, s.subject.trainer));
    MH_TRY(greet(comm, &s));
    MH_TRY(next_request(comm, &r));
    while (r.kind != END) {
        MH_TRY(serve(comm, &s, r));
        MH_TRY(next_request(comm, &r));
    }
cleanup:
    bench_products_clear(&s.products);
    bench_subject_clear(&s.subject);
    return status;
}
