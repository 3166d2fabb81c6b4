#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>

#include "expect.h"
#include "multihead/base/memory.h"
#include "multihead/model/head.h"
#include "toy.h"

static const size_t classes[] = {2, 3, 2};
static float scratch[512]; /* enough for so few columns */

static mh_heads heads_of(size_t count, mh_head_kind kind, mh_head_activation activation)
{
    mh_schema schema = toy_schema(1, count, classes);
    mh_heads heads;

    MUST(mh_heads_create(&schema, kind, activation, &heads));
    mh_schema_clear(&schema);
    cr_assert(mh_heads_scratch(&heads) <= sizeof scratch / sizeof scratch[0]);
    return heads;
}

static void expect_head(const mh_heads *heads, size_t h, bool is_binary, size_t first, size_t count)
{
    cr_expect(heads->head[h].is_binary == is_binary);
    cr_expect(eq(sz, heads->head[h].classes, classes[h]));
    cr_expect(eq(sz, heads->head[h].columns.first, first));
    cr_expect(eq(sz, heads->first[h], first));
    cr_expect(eq(sz, heads->first[h + 1], first + count));
    cr_expect(eq(sz, heads->head[h].columns.count, count));
}

Test(head, auto_is_binary_where_there_are_two_classes)
{
    mh_heads heads = heads_of(3, MH_HEADS_AUTO, MH_HEAD_ACTIVATION_NONE);

    cr_expect(eq(sz, heads.count, 3));
    cr_expect(eq(sz, heads.columns, 5));
    expect_head(&heads, 0, true, 0, 1);
    expect_head(&heads, 1, false, 1, 3);
    expect_head(&heads, 2, true, 4, 1);
    mh_heads_clear(&heads);
}

Test(head, softmax_has_a_column_for_each_class)
{
    mh_heads heads = heads_of(3, MH_HEADS_SOFTMAX, MH_HEAD_ACTIVATION_SIGMOID);

    cr_expect(eq(sz, heads.columns, 7));
    expect_head(&heads, 0, false, 0, 2);
    expect_head(&heads, 1, false, 2, 3);
    expect_head(&heads, 2, false, 5, 2);
    cr_expect(heads.activation == MH_HEAD_ACTIVATION_SIGMOID);
    mh_heads_clear(&heads);
}

Test(head, binary_refuses_more_than_two_classes)
{
    mh_schema schema = toy_schema(1, 3, classes);
    mh_heads heads;

    MUST(mh_schema_names_create(3, &schema.label_names));
    MUST(mh_memory_text("weather", &schema.label_names[1]));
    EXPECT_FAILURE(mh_heads_create(&schema, MH_HEADS_BINARY, 0, &heads), MH_ERR_USAGE, "--heads binary");
    EXPECT_SAYS("weather has 3 classes");
    cr_expect(heads.head == NULL);
    mh_schema_clear(&schema);
}

Test(head, activation_without_a_softmax_head_is_refused)
{
    mh_schema schema = toy_schema(1, 1, classes);
    mh_heads heads;

    EXPECT_FAILURE(mh_heads_create(&schema, MH_HEADS_AUTO, MH_HEAD_ACTIVATION_SIGMOID, &heads), MH_ERR_USAGE,
                   "--heads softmax");
    EXPECT_SAYS("--head-activation sigmoid");
    cr_expect(heads.head == NULL);
    mh_schema_clear(&schema);
}

Test(head, restore_gives_what_was_created)
{
    mh_schema schema = toy_schema(1, 3, classes);
    mh_heads heads;

    MUST(mh_heads_restore(&schema, (const size_t[]){0, 0, 1}, MH_HEAD_ACTIVATION_NONE, &heads));
    expect_head(&heads, 0, false, 0, 2);
    expect_head(&heads, 1, false, 2, 3);
    expect_head(&heads, 2, true, 5, 1);
    mh_heads_clear(&heads);
    mh_schema_clear(&schema);
}

Test(head, a_copy_is_a_head_of_its_own)
{
    mh_heads heads = heads_of(3, MH_HEADS_AUTO, MH_HEAD_ACTIVATION_SIGMOID), copy;

    MUST(mh_heads_copy(&heads, &copy));
    cr_expect(copy.head != heads.head && copy.first != heads.first);
    mh_heads_clear(&heads);
    cr_expect(copy.activation == MH_HEAD_ACTIVATION_SIGMOID);
    cr_expect(eq(sz, copy.count, 3));
    cr_expect(eq(sz, copy.columns, 5));
    expect_head(&copy, 1, false, 1, 3);
    mh_heads_clear(&copy);
}

Test(head, restore_refuses_what_cannot_be)
{
    mh_schema schema = toy_schema(1, 3, classes);
    mh_heads heads;

    EXPECT_FAILURE(mh_heads_restore(&schema, (const size_t[]){0, 1, 1}, 0, &heads), MH_ERR_FORMAT, "head 2");
    schema.classes[2] = 1;
    EXPECT_FAILURE(mh_heads_restore(&schema, (const size_t[]){0, 0, 0}, 0, &heads), MH_ERR_FORMAT, "head 3");
    schema.classes[2] = (size_t)MH_CLASSES_MAX + 1;
    EXPECT_FAILURE(mh_heads_restore(&schema, (const size_t[]){0, 0, 0}, 0, &heads), MH_ERR_FORMAT, "head 3");
    mh_schema_clear(&schema);
}

Test(head, yes_no_needs_two_classes_everywhere)
{
    mh_heads one = heads_of(1, MH_HEADS_SOFTMAX, 0), three = heads_of(3, MH_HEADS_AUTO, 0);

    cr_expect(mh_heads_are_yes_no(&one));
    cr_expect(not(mh_heads_are_yes_no(&three)));
    mh_heads_clear(&one);
    mh_heads_clear(&three);
}

/* A few float32 operations: right to some 2^-24. */
Test(head, probabilities_are_sigmoid_and_softmax)
{
    mh_heads heads = heads_of(3, MH_HEADS_AUTO, MH_HEAD_ACTIVATION_NONE);
    float values[] = {0.0f, 1.0f, 2.0f, 3.0f, -2.0f, 1000.0f, 1000.0f, -1000.0f, 0.0f, -1000.0f};
    double sum = exp(1.0) + exp(2.0) + exp(3.0);

    mh_heads_probabilities(&heads, 2, values, values, scratch); /* in place */
    cr_expect(epsilon_eq(dbl, (double)values[0], 0.5, 1e-7));
    cr_expect(epsilon_eq(dbl, (double)values[1], exp(1.0) / sum, 2e-7));
    cr_expect(epsilon_eq(dbl, (double)values[2], exp(2.0) / sum, 2e-7));
    cr_expect(epsilon_eq(dbl, (double)values[3], exp(3.0) / sum, 2e-7));
    cr_expect(epsilon_eq(dbl, (double)values[4], 1.0 / (1.0 + exp(2.0)), 1e-7));
    cr_expect(values[5] == 1.0f && values[6] == 1.0f && values[7] == 0.0f && values[8] == 0.0f);
    cr_expect(values[9] == 0.0f);
    mh_heads_clear(&heads);
}

/* What the loss saw: a sigmoid, then the softmax; a binary head has no other activation. */
Test(head, probabilities_through_a_sigmoid)
{
    mh_heads heads = heads_of(3, MH_HEADS_AUTO, MH_HEAD_ACTIVATION_SIGMOID);
    const float logits[] = {1.0f, -100.0f, 100.0f, 0.0f, 1.0f};
    double sum = 1.0 + exp(1.0) + exp(0.5);
    float probabilities[5];

    mh_heads_probabilities(&heads, 1, logits, probabilities, scratch);
    cr_expect(epsilon_eq(dbl, (double)probabilities[0], 1.0 / (1.0 + exp(-1.0)), 1e-7));
    cr_expect(epsilon_eq(dbl, (double)probabilities[1], 1.0 / sum, 2e-7));
    cr_expect(epsilon_eq(dbl, (double)probabilities[2], exp(1.0) / sum, 2e-7));
    cr_expect(epsilon_eq(dbl, (double)probabilities[3], exp(0.5) / sum, 2e-7));
    mh_heads_clear(&heads);
}

Test(head, prediction_is_the_likeliest_class)
{
    mh_heads heads = heads_of(3, MH_HEADS_AUTO, MH_HEAD_ACTIVATION_NONE);
    const float probabilities[] = {0.6f, 0.1f, 0.2f, 0.7f, 0.4f};
    mh_label predictions[3];

    mh_heads_predict(&heads, 1, probabilities, NULL, predictions);
    cr_expect(predictions[0] == 1 && predictions[1] == 2 && predictions[2] == 0);
    mh_heads_clear(&heads);
}

Test(head, ties_go_to_the_lower_class)
{
    mh_heads heads = heads_of(3, MH_HEADS_AUTO, MH_HEAD_ACTIVATION_NONE);
    const float probabilities[] = {0.5f, 0.2f, 0.4f, 0.4f, 0.5f};
    mh_label predictions[3];

    mh_heads_predict(&heads, 1, probabilities, NULL, predictions);
    cr_expect(predictions[0] == 0 && predictions[1] == 1 && predictions[2] == 0);
    mh_heads_clear(&heads);
}

/* Of class 1 where there are two classes, of either kind; three classes go by the largest. */
Test(head, thresholds_are_for_two_classes)
{
    mh_heads heads = heads_of(3, MH_HEADS_AUTO, MH_HEAD_ACTIVATION_NONE);
    mh_heads softmax = heads_of(1, MH_HEADS_SOFTMAX, MH_HEAD_ACTIVATION_NONE);
    const float probabilities[] = {0.3f, 0.1f, 0.2f, 0.7f, 0.6f}, two[] = {0.7f, 0.3f};
    const float thresholds[] = {0.25f, 0.9f, 0.6f};
    mh_label predictions[3];

    mh_heads_predict(&heads, 1, probabilities, thresholds, predictions);
    cr_expect(predictions[0] == 1 && predictions[1] == 2 && predictions[2] == 0); /* 0.6 is not above */
    mh_heads_predict(&softmax, 1, two, thresholds, predictions);
    cr_expect(predictions[0] == 1);
    mh_heads_clear(&heads);
    mh_heads_clear(&softmax);
}
