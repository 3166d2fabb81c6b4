#include "bench_products.h"

#include "multihead/base/memory.h"
#include "multihead/base/random.h"
#include "multihead/tensor/matrix.h"

static size_t outputs_of(const mh_model *model, size_t layer)
{
    return layer < mh_model_hidden_layers(model) ? mh_model_hidden(model, layer)
                                                 : mh_model_heads(model)->columns;
}

static void size_operands(const mh_model *model, size_t rows, bench_products *p)
{
    size_t inputs = mh_model_inputs(model), widest = inputs;

    for (size_t i = 0; i <= mh_model_hidden_layers(model); i++) {
        size_t outputs = outputs_of(model, i), floats = mh_weights_floats(inputs, outputs);

        widest = outputs > widest ? outputs : widest;
        p->weights = floats > p->weights ? floats : p->weights;
        inputs = outputs;
    }
    p->matrix = mh_matrix_floats(rows, widest);
}

mh_status bench_products_create(const mh_model *model, size_t rows, bench_products *p)
{
    mh_status status = MH_OK;
    mh_random stream = mh_random_stream(1, MH_RANDOM_BENCH, 1, 0);

    *p = (bench_products){.model = model};
    size_operands(model, rows, p);
    MH_TRY(mh_memory_array(p->matrix, sizeof *p->x, &p->x));
    MH_TRY(mh_memory_array(p->matrix, sizeof *p->dy, &p->dy));
    MH_TRY(mh_memory_array(p->matrix, sizeof *p->y, &p->y));
    MH_TRY(mh_memory_array(p->matrix, sizeof *p->dx, &p->dx));
    MH_TRY(mh_memory_array(p->weights, sizeof *p->w, &p->w));
    MH_TRY(mh_memory_array(p->weights, sizeof *p->dw, &p->dw));
    for (size_t i = 0; i < p->matrix; i++)
        p->x[i] = p->dy[i] = (float)mh_random_uniform(&stream, i) - 0.5f;
    for (size_t i = 0; i < p->weights; i++)
        p->w[i] = (float)mh_random_uniform(&stream, i) - 0.5f;
cleanup:
    return status;
}

void bench_products_clear(bench_products *p)
{
    mh_memory_free(p->x);
    mh_memory_free(p->dy);
    mh_memory_free(p->y);
    mh_memory_free(p->dx);
    mh_memory_free(p->w);
    mh_memory_free(p->dw);
    *p = (bench_products){0};
}

/* y = x w, dw = dy x, and dx = dy w but for the first layer. */
static void run_layers(bench_products *p, size_t rows)
{
    size_t inputs = mh_model_inputs(p->model);
    const mh_leaves leaves = {1, &rows, NULL};

    for (size_t i = 0; i <= mh_model_hidden_layers(p->model); i++) {
        size_t outputs = outputs_of(p->model, i);
        mh_panels x = mh_matrix_of(p->x, rows, inputs), dx = mh_matrix_of(p->dx, rows, inputs);
        mh_panels y = mh_matrix_of(p->y, rows, outputs), dy = mh_matrix_of(p->dy, rows, outputs);
        mh_weights weights = mh_weights_of(p->w, inputs, outputs);

        weights.weight = p->w;
        mh_matrix_forward(&weights, &x, false, false, &y);
        mh_matrix_weight_gradient(&dy, &x, &leaves, false, mh_matrix_blocks(outputs, inputs), p->dw);
        if (i > 0)
            mh_matrix_backward(&weights, &dy, NULL, 1.0f, &dx);
        inputs = outputs;
    }
}

void bench_products_run(bench_products *p, size_t total, size_t rows)
{
    for (size_t done = 0; done < total; done += rows)
        run_layers(p, total - done < rows ? total - done : rows);
}

double bench_products_flop(const bench_products *p, size_t total)
{
    size_t inputs = mh_model_inputs(p->model);
    double flop = 0;

    for (size_t i = 0; i <= mh_model_hidden_layers(p->model); i++) {
        flop += (i == 0 ? 4.0 : 6.0) * (double)total * (double)inputs * (double)outputs_of(p->model, i);
        inputs = outputs_of(p->model, i);
    }
    return flop;
}
