#include "bench_subject.h"

#include "multihead/base/memory.h"
#include "multihead/base/random.h"
#include "multihead/data/deal.h"
#include "multihead/parallel/allreduce.h"

enum { DEFAULT_REPLICAS = 8 };

size_t bench_replicas(const options *o, size_t ranks)
{
    if (o->replicas != 0)
        return o->replicas;
    return ranks > DEFAULT_REPLICAS ? ranks : DEFAULT_REPLICAS;
}

/* Features are uniform in [-1, 1). What a row is depends on neither ranks nor replicas. */
static void make_rows(const options *o, mh_shard *shard)
{
    mh_random stream = mh_random_stream(1, MH_RANDOM_BENCH, 0, 0);

    for (size_t row = 0; row < shard->rows.count; row++) {
        float *features = shard->features + row * o->features;

        for (size_t i = 0; i < o->features; i++)
            features[i] =
                (float)mh_random_uniform(&stream, (shard->rows.first + row) * o->features + i) * 2 - 1;
        for (size_t h = 0; h < o->labels; h++) {
            size_t part = (size_t)((features[h % o->features] + 1) / 2 * (float)o->categories);

            /* A float just below 1 may be 1. */
            shard->labels[row * o->labels + h] = (mh_label)(part < o->categories ? part : o->categories - 1);
        }
    }
}

static mh_status make_data(const options *o, size_t rows, mh_span hosted, bench_subject *s)
{
    mh_status status = MH_OK;
    mh_shard *shard = &s->data.shard;

    *shard = (mh_shard){
        .rows = mh_deal_rows_of(rows, s->replicas, hosted), .inputs = o->features, .heads = o->labels};
    s->data.rows = rows;
    MH_TRY(mh_memory_array(shard->rows.count, o->features * sizeof(float), &shard->features));
    MH_TRY(mh_memory_array(shard->rows.count, o->labels * sizeof(mh_label), &shard->labels));
    make_rows(o, shard);
    MH_TRY(mh_schema_create(o->features, o->labels, &s->data.schema));
    for (size_t h = 0; h < o->labels; h++)
        s->data.schema.classes[h] = o->categories;
cleanup:
    return status;
}

mh_status bench_subject_create(const options *o, size_t batch_size, size_t replicas, size_t rank,
                               size_t ranks, bench_subject *s)
{
    mh_status status = MH_OK;
    mh_span hosted = mh_allreduce_hosted(replicas, rank, ranks);
    mh_trained_config model = {
        .hidden = o->hidden.width, .hidden_layers = o->hidden.count, .heads = (mh_head_kind)o->heads};
    mh_trainer_config trainer = {.epochs = 1,
                                 .batch_size = batch_size,
                                 .replicas = replicas,
                                 .seed = 1,
                                 .schedule = {.rate = 1e-3},
                                 .adam = {.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8}};

    *s = (bench_subject){.replicas = replicas, .hosted = hosted.count};
    if (replicas < ranks || replicas > batch_size)
        return MH_FAIL(MH_ERR_USAGE, "--replicas %zu: expected from the number of ranks to the batch size",
                       replicas);
    MH_TRY(make_data(o, BENCH_BATCHES * batch_size, hosted, s));
    MH_TRY(mh_trained_create(&s->data.schema, &model, &s->trained));
    mh_model_initialize(s->trained.model, MH_INITIAL_PYTORCH, 1);
    MH_TRY(mh_trainer_create(&trainer, &s->data, &s->trained, NULL, rank, ranks, &s->trainer));
cleanup:
    return status;
}

void bench_subject_clear(bench_subject *s)
{
    mh_trainer_destroy(s->trainer);
    mh_trained_clear(&s->trained);
    mh_training_data_clear(&s->data);
    *s = (bench_subject){0};
}
