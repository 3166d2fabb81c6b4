#include "loops.h"
#include "math.h"

INLINE vector function(mh_function f, vector x)
{
    switch (f) {
    case MH_FUNCTION_EXP:
        return vector_exp(x);
    case MH_FUNCTION_LOG:
        return vector_log(x);
    case MH_FUNCTION_LOG1P:
        return vector_log1p(x);
    default:
        return vector_sigmoid(x);
    }
}

INLINE void run(mh_function f, const float *x, size_t count, float *y)
{
    float some[LANES] = {0};
    size_t i = 0;

    for (; i + LANES <= count; i += LANES)
        store(y + i, function(f, load(x + i)));
    if (i == count)
        return;
    memcpy(some, x + i, (count - i) * sizeof *x);
    store(some, function(f, load(some)));
    memcpy(y + i, some, (count - i) * sizeof *y);
}

void KERNEL(apply)(mh_function f, const float *x, size_t count, float *y)
{
    switch (f) {
    case MH_FUNCTION_EXP:
        run(MH_FUNCTION_EXP, x, count, y);
        break;
    case MH_FUNCTION_LOG:
        run(MH_FUNCTION_LOG, x, count, y);
        break;
    case MH_FUNCTION_LOG1P:
        run(MH_FUNCTION_LOG1P, x, count, y);
        break;
    case MH_FUNCTION_SIGMOID:
        run(MH_FUNCTION_SIGMOID, x, count, y);
        break;
    }
}
