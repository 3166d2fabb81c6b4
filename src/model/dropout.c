#include "multihead/model/dropout.h"

#include "multihead/base/random.h"

enum {
    LAYERS_MAX = 1 << 10, /* part of the stream's name                        */
    BLOCKS = 32,          /* drawn at a time                                  */
    FATES = 8             /* elements decided by a block: 16 bits for each    */
};

float mh_dropout_scale(float rate)
{
    return 1.0f / (1.0f - rate);
}

/* FATES elements lie together, since panels are a multiple of as many columns. */
static void decide(const uint16_t *drawn, size_t count, uint32_t threshold, float scale, float *y)
{
    for (size_t i = 0; i < count; i++)
        y[i] = drawn[i] < threshold ? 0.0f : y[i] * scale;
}

static void apply_to_row(const mh_random *stream, size_t number, const mh_panels *y, size_t row,
                         uint32_t threshold, float scale)
{
    size_t blocks = (y->columns + FATES - 1) / FATES;
    union {
        uint32_t words[BLOCKS * 4];
        uint16_t halves[BLOCKS * FATES]; /* the same on every machine of one byte order */
    } drawn;

    for (size_t block = 0; block < blocks; block += BLOCKS) {
        size_t count = blocks - block < BLOCKS ? blocks - block : BLOCKS;

        mh_random_words(stream, (uint64_t)number * blocks + block, count, drawn.words);
        for (size_t i = 0; i < count; i++) {
            size_t column = (block + i) * FATES, left = y->columns - column;

            decide(drawn.halves + i * FATES, left < FATES ? left : FATES, threshold, scale,
                   mh_panels_element(y, row, column));
        }
    }
}

void mh_dropout_apply(const mh_draw *draw, size_t layer, size_t first, float rate, const mh_panels *y)
{
    mh_random stream = mh_random_stream(draw->seed, MH_RANDOM_DROPOUT, draw->step,
                                        draw->replica * LAYERS_MAX + (uint32_t)layer);
    uint32_t threshold = (uint32_t)(rate * 0x1p16f + 0.5f);

    for (size_t row = 0; row < y->rows; row++)
        apply_to_row(&stream, first + row, y, row, threshold, mh_dropout_scale(rate));
}
