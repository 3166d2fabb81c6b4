#include "bench_products.h"

#include <string.h>

#include "multihead/base/memory.h"
#include "multihead/base/random.h"
#include "multihead/tensor/matrix.h"

static size_t outputs_of(const mh_model *model, size_t layer)
{
    return layer < mh_model_hidden_layers(model) ? mh_model_hidden(model, layer)
                                                 : mh_model_heads(model)->columns;
}

static size_t largest(const mh_model *model, size_t rows)
{
    size_t widest = mh_model_inputs(model);

    for (size_t i = 0; i <= mh_model_hidden_layers(model); i++)
        widest = outputs_of(model, i) > widest ? outputs_of(model, i) : widest;
    return widest * (rows > widest ? rows : widest);
}

mh_status bench_products_create(const mh_model *model, size_t rows, bench_products *p)
{
    mh_status status = MH_OK;
    mh_random stream = mh_random_stream(1, MH_RANDOM_BENCH, 1, 0);

    *p = (bench_products){.model = model, .elements = largest(model, rows)};
    MH_TRY(mh_memory_array(p->elements, sizeof *p->x, &p->x));
    MH_TRY(mh_memory_array(p->elements, sizeof *p->dy, &p->dy));
    MH_TRY(mh_memory_array(p->elements, sizeof *p->w, &p->w));
    MH_TRY(mh_memory_array(p->elements, sizeof *p->fresh, &p->fresh));
    for (size_t i = 0; i < p->elements; i++)
        p->fresh[i] = (float)mh_random_uniform(&stream, i) - 0.5f;
cleanup:
    return status;
}

void bench_products_clear(bench_products *p)
{
    mh_memory_free(p->x);
    mh_memory_free(p->dy);
    mh_memory_free(p->w);
    mh_memory_free(p->fresh);
    *p = (bench_products){0};
}

void bench_products_refresh(bench_products *p)
{
    memcpy(p->x, p->fresh, p->elements * sizeof *p->x);
    memcpy(p->dy, p->fresh, p->elements * sizeof *p->dy);
    memcpy(p->w, p->fresh, p->elements * sizeof *p->w);
}

/* y = x w, dw = dy x, and dx = dy w but for the first layer. */
static void run_layers(bench_products *p, size_t rows)
{
    size_t inputs = mh_model_inputs(p->model);

    for (size_t i = 0; i <= mh_model_hidden_layers(p->model); i++) {
        size_t outputs = outputs_of(p->model, i);

        mh_matrix_forward(rows, inputs, outputs, p->x, p->w, p->dy);
        mh_matrix_weight_gradient(rows, inputs, outputs, p->dy, p->x, false, p->w);
        if (i > 0)
            mh_matrix_backward(rows, inputs, outputs, p->dy, p->w, p->x);
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
