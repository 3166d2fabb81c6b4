#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "data_file.h"
#include "expect.h"
#include "multihead/data/shard.h"
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
