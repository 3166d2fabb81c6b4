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

static void apply_to_row(const mh_random *stream, size_t row, size_t columns, uint32_t threshold, float scale,
                         float *y)
{
    size_t blocks = (columns + FATES - 1) / FATES;
    union {
        uint32_t words[BLOCKS * 4];
        uint16_t halves[BLOCKS * FATES]; /* the same on every machine of one byte order */
    } drawn;

    for (size_t block = 0; block < blocks; block += BLOCKS) {
        size_t count = blocks - block < BLOCKS ? blocks - block : BLOCKS;
        size_t left = columns - block * FATES;
        size_t elements = left < count * FATES ? left : count * FATES;
        float *part = y + block * FATES;

        mh_random_words(stream, (uint64_t)row * blocks + block, count, drawn.words);
        for (size_t i = 0; i < elements; i++)
            part[i] = drawn.halves[i] < threshold ? 0.0f : part[i] * scale;
    }
}

void mh_dropout_apply(const mh_draw *draw, size_t layer, size_t first, size_t rows, size_t columns,
                      float rate, float *y)
{
    mh_random stream = mh_random_stream(draw->seed, MH_RANDOM_DROPOUT, draw->step,
                                        draw->replica * LAYERS_MAX + (uint32_t)layer);
    uint32_t threshold = (uint32_t)(rate * 0x1p16f + 0.5f);

    for (size_t row = 0; row < rows; row++)
        apply_to_row(&stream, first + row, columns, threshold, mh_dropout_scale(rate), y + row * columns);
}
