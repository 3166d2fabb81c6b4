#include "multihead/model/head.h"

#include <string.h>

#include "head_columns.h"
#include "multihead/base/memory.h"
#include "multihead/kernel/kernel.h"

/* Room for so many heads. */
static mh_status create(size_t heads, mh_head_activation activation, mh_heads *out)
{
    mh_status status = MH_OK;

    *out = (mh_heads){.activation = activation};
    MH_TRY(mh_memory_array(heads, sizeof *out->head, &out->head));
    MH_TRY(mh_memory_array(heads + 1, sizeof *out->first, &out->first));
cleanup:
    return status;
}

/* Puts a head to the right of those that are there. */
static void append(mh_heads *heads, size_t classes, bool is_binary)
{
    mh_span columns = {heads->columns, is_binary ? 1 : classes};

    heads->head[heads->count++] = (mh_head){is_binary, classes, columns};
    heads->columns += columns.count;
    heads->first[heads->count] = heads->columns;
}

mh_status mh_heads_create(const mh_schema *schema, mh_head_kind kind, mh_head_activation activation,
                          mh_heads *out)
{
    mh_status status = MH_OK;
    char name[MH_LABEL_NAME_BYTES];

    MH_TRY(create(schema->heads, activation, out));
    for (size_t h = 0; h < schema->heads; h++) {
        size_t classes = schema->classes[h];

        if (kind == MH_HEADS_BINARY && classes > 2) {
            status =
                MH_FAIL(MH_ERR_USAGE,
                        "--heads binary: %s has %zu classes, a binary head has 2; --heads auto or softmax "
                        "takes them",
                        mh_schema_label_name(schema, h, name), classes);
            goto cleanup;
        }
        append(out, classes, kind == MH_HEADS_BINARY || (kind == MH_HEADS_AUTO && classes == 2));
    }
    if (activation == MH_HEAD_ACTIVATION_SIGMOID && all_are_binary(out))
        status =
            MH_FAIL(MH_ERR_USAGE, "--head-activation sigmoid is for softmax heads, and every head here is "
                                  "binary; add --heads softmax");
cleanup:
    if (status != MH_OK)
        mh_heads_clear(out);
    return status;
}

mh_status mh_heads_restore(const mh_schema *schema, const size_t *is_binary, mh_head_activation activation,
                           mh_heads *out)
{
    mh_status status = MH_OK;

    MH_TRY(create(schema->heads, activation, out));
    for (size_t h = 0; h < schema->heads; h++) {
        size_t classes = schema->classes[h];

        if (classes < 2 || classes > MH_CLASSES_MAX || (is_binary[h] && classes != 2)) {
            status = MH_FAIL(MH_ERR_FORMAT, "head %zu cannot have %zu classes", h + 1, classes);
            goto cleanup;
        }
        append(out, classes, is_binary[h] != 0);
    }
cleanup:
    if (status != MH_OK)
        mh_heads_clear(out);
    return status;
}

mh_status mh_heads_copy(const mh_heads *heads, mh_heads *out)
{
    mh_status status = MH_OK;

    MH_TRY(create(heads->count, heads->activation, out));
    out->count = heads->count;
    out->columns = heads->columns;
    memcpy(out->head, heads->head, heads->count * sizeof *out->head);
    memcpy(out->first, heads->first, (heads->count + 1) * sizeof *out->first);
cleanup:
    if (status != MH_OK)
        mh_heads_clear(out);
    return status;
}

void mh_heads_clear(mh_heads *heads)
{
    mh_memory_free(heads->head);
    mh_memory_free(heads->first);
    *heads = (mh_heads){0};
}

bool mh_heads_are_yes_no(const mh_heads *heads)
{
    for (size_t h = 0; h < heads->count; h++)
        if (heads->head[h].classes != 2)
            return false;
    return true;
}

size_t mh_head_positive(const mh_head *head)
{
    return head->columns.first + (head->is_binary ? 0 : 1);
}

size_t mh_heads_scratch(const mh_heads *heads)
{
    return all_are_binary(heads) ? 0 : mh_head_columns_scratch(heads->columns);
}

void mh_heads_probabilities(const mh_heads *heads, size_t rows, const float *logits, float *probabilities,
                            float *scratch)
{
    /* Only read, but what panels borrow is not const. */
    mh_panels z = mh_panels_of_rows((float *)logits, rows, heads->columns);
    mh_head_columns columns = head_columns(heads, scratch);

    if (all_are_binary(heads))
        mh_kernel_now()->apply(MH_FUNCTION_SIGMOID, logits, rows * heads->columns, probabilities);
    else
        mh_kernel_now()->probabilities(&columns, &z, probabilities);
}

static mh_label largest(const float *p, size_t classes)
{
    size_t best = 0;

    for (size_t c = 1; c < classes; c++)
        if (p[c] > p[best])
            best = c;
    return (mh_label)best;
}

static mh_label predict(const mh_head *head, const float *p, const float *threshold)
{
    if (head->classes == 2 && threshold != NULL)
        return (mh_label)(p[mh_head_positive(head)] > *threshold);
    if (head->is_binary)
        return (mh_label)(p[head->columns.first] > 0.5f);
    return largest(p + head->columns.first, head->classes);
}

void mh_heads_predict(const mh_heads *heads, size_t rows, const float *probabilities, const float *thresholds,
                      mh_label *predictions)
{
    for (size_t row = 0; row < rows; row++)
        for (size_t h = 0; h < heads->count; h++)
            predictions[row * heads->count + h] =
                predict(&heads->head[h], probabilities + row * heads->columns,
                        thresholds != NULL ? &thresholds[h] : NULL);
}
