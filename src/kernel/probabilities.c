#include "columns.h"
#include "loops.h"
#include "softmax.h"

/* In place of the logits. */
static void softmax(float *columns, size_t classes, bool has_sigmoid)
{
    vector_bits no_label = (vector_bits){0} - 1;
    exponentials e = has_sigmoid ? exponentials_of_sigmoids(columns, classes, no_label, NULL)
                                 : exponentials_of_logits(columns, classes, no_label);
    vector scale = same(1) / e.others;

    for (size_t c = 0; c < classes; c++)
        store(columns + c * LANES, load(columns + c * LANES) * scale);
}

/* Rows are in lanes, as where losses are made (heads_loss.c). */
void KERNEL(probabilities)(const mh_head_columns *heads, const mh_panels *logits, float *probabilities)
{
    mh_panels out = *logits;

    out.values = probabilities;
    for (size_t row = 0; row < logits->rows; row += LANES) {
        read_columns(logits, row, heads->scratch);
        for (size_t h = 0; h < heads->count; h++) {
            float *columns = heads->scratch + heads->first[h] * LANES;
            size_t classes = heads->first[h + 1] - heads->first[h];

            if (classes == 1)
                store(columns, vector_sigmoid(load(columns)));
            else
                softmax(columns, classes, heads->has_sigmoid);
        }
        write_columns(heads->scratch, &out, row, NULL);
    }
}
