#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "data_file.h"
#include "expect.h"
#include "multihead/base/memory.h"
#include "multihead/data/shard.h"
#include "multihead/data/shard_pass.h"
#include "scratch.h"
#include "toy.h"

TestSuite(shard, .init = scratch_make, .fini = scratch_remove);

enum { ROWS = 20, INPUTS = 3, HEADS = 2 };

static const size_t classes[HEADS] = {2, 4};

/* A shard of rows 5..14 of 20, and the 20. */
static void load(mh_batch *batch, mh_shard *shard)
{
    mh_schema schema = toy_schema(INPUTS, HEADS, classes);

    *batch = toy_batch(&schema, ROWS);
    toy_batch_lose_labels(batch, 7);

    mh_dataset *dataset = data_file_open(data_file_of("a.h5", batch));

    MUST(mh_shard_load(dataset, (mh_span){5, 10}, shard));
    mh_dataset_close(dataset);
    mh_schema_clear(&schema);
}

Test(shard, holds_its_rows)
{
    mh_batch batch;
    mh_shard shard;

    load(&batch, &shard);
    cr_expect(shard.rows.first == 5 && shard.rows.count == 10);
    cr_expect(shard.inputs == INPUTS && shard.heads == HEADS);
    EXPECT_SAME_BITS(shard.features, batch.features + 5 * INPUTS, 10 * INPUTS);
    EXPECT_SAME_BITS(shard.labels, batch.labels + 5 * HEADS, 10 * HEADS);
    cr_expect(eq(sz, mh_shard_missing_labels(&shard), 3)); /* of labels 10..29, numbers 14, 21 and 28 */
    mh_shard_clear(&shard);
    toy_batch_free(&batch);
}

/* 24 MB, which are more than one piece. */
Test(shard, a_pass_reads_one_that_is_reserved)
{
    enum { MANY_ROWS = 3000, MANY_INPUTS = 2000 };
    mh_schema schema = toy_schema(MANY_INPUTS, HEADS, classes);
    mh_batch batch = toy_batch(&schema, MANY_ROWS);
    mh_dataset *dataset = data_file_open(data_file_of("a.h5", &batch));
    mh_status status = MH_OK;
    size_t next = 5, pieces = 0;
    mh_shard_pass *pass = NULL;
    mh_shard shard, piece;

    MUST(mh_shard_reserve(dataset, (mh_span){5, MANY_ROWS - 7}, &shard));
    cr_expect(mh_shard_is_reserved(&shard) && !mh_shard_is_held(&shard));
    MUST(mh_shard_pass_start(&shard, "reading the rows", &pass));
    for (; mh_shard_pass_next(pass, &piece, &status); pieces++) {
        cr_assert(eq(sz, piece.rows.first, next));
        EXPECT_SAME_BITS(piece.features, batch.features + next * MANY_INPUTS, piece.rows.count * MANY_INPUTS);
        next = mh_span_end(piece.rows);
    }
    MUST(status);
    mh_shard_pass_destroy(pass);
    cr_expect(next == MANY_ROWS - 2 && pieces > 1);
    mh_shard_hold(&shard);
    mh_dataset_close(dataset);
    cr_expect(mh_shard_is_held(&shard) && !mh_shard_is_reserved(&shard));
    EXPECT_SAME_BITS(shard.features, batch.features + 5 * MANY_INPUTS, shard.rows.count * MANY_INPUTS);
    EXPECT_SAME_BITS(shard.labels, batch.labels + 5 * HEADS, shard.rows.count * HEADS);
    mh_shard_clear(&shard);
    toy_batch_free(&batch);
    mh_schema_clear(&schema);
}

Test(shard, raises_classes_to_what_its_labels_need)
{
    mh_label labels[] = {0, 5, MH_LABEL_MISSING, 1, 0, MH_LABEL_MISSING};
    mh_shard shard = {.rows = {0, 3}, .heads = 2, .labels = labels};
    size_t known[2] = {0, 0}, more[2] = {7, 9};

    mh_shard_raise_classes(&shard, known);
    cr_expect(known[0] == 2 && known[1] == 6);
    mh_shard_raise_classes(&shard, more);
    cr_expect(more[0] == 7 && more[1] == 9);
}

Test(shard, counts_classes_of_known_labels)
{
    mh_label labels[] = {0, 2, MH_LABEL_MISSING, 1, 0, 2};
    mh_shard shard = {.rows = {0, 3}, .heads = 2, .labels = labels};
    int64_t counts[5] = {100, 0, 0, 0, 0}; /* they are added */
    const int64_t expected[5] = {102, 0, 0, 1, 2};

    mh_shard_count_classes(&shard, (const size_t[]){2, 3}, counts);
    EXPECT_SAME_BITS(counts, expected, 5);
}

/* More rows than 16 bits count, and more heads than are looked at together; from head 70 on they have three classes. */
Test(shard, counts_classes_of_many_rows_and_heads)
{
    enum { MANY_ROWS = 70000, MANY_HEADS = 140, BINARY = 70, SUM = 2 * BINARY + 3 * (MANY_HEADS - BINARY) };
    size_t many[MANY_HEADS], needed[MANY_HEADS] = {0}, first[MANY_HEADS], sum = 0;
    int64_t counts[SUM] = {0}, expected[SUM] = {0};
    mh_label *labels = NULL;

    MUST(mh_memory_array((size_t)MANY_ROWS * MANY_HEADS, sizeof *labels, &labels));
    for (size_t head = 0; head < MANY_HEADS; head++) {
        many[head] = head < BINARY ? 2 : 3;
        first[head] = sum;
        sum += many[head];
    }
    for (size_t i = 0; i < (size_t)MANY_ROWS * MANY_HEADS; i++) {
        size_t head = i % MANY_HEADS, draw = i * 2654435761u % 97;

        labels[i] = draw < 5 ? MH_LABEL_MISSING : (mh_label)(draw < 80 ? 0 : many[head] - 1);
        if (labels[i] != MH_LABEL_MISSING)
            expected[first[head] + labels[i]]++;
    }

    mh_shard shard = {.rows = {0, MANY_ROWS}, .heads = MANY_HEADS, .labels = labels};

    mh_shard_raise_classes(&shard, needed);
    EXPECT_SAME_BITS(needed, many, MANY_HEADS);
    mh_shard_count_classes(&shard, many, counts);
    EXPECT_SAME_BITS(counts, expected, SUM);
    mh_memory_free(labels);
}
