#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "counts.h"
#include "expect.h"
#include "multihead/base/phase.h"
#include "multihead/parallel/allreduce.h"
#include "ranks.h"
#include "toy.h"

TestSuite(allreduce, .init = start_mpi, .fini = stop_mpi, .timeout = MPI_TEST_SECONDS);

enum { MOST_REPLICAS = 17, MOST_ELEMENTS = 1024 };

/* ---- what is summed: numbers of many sizes, so that the order of additions shows in the last bits ---- */

static double number(size_t replica, size_t element, size_t turn)
{
    uint64_t i = (turn * MOST_REPLICAS + replica) * MOST_ELEMENTS + element;

    return ldexp(toy_number(i), (int)(i % 7));
}

/* The tree of allreduce.h: the first half of the leaves, rounded up, on the left. */
static double tree_sum_double(size_t first, size_t leaves, size_t element, size_t turn)
{
    size_t left = (leaves + 1) / 2;

    if (leaves == 1)
        return number(first, element, turn);
    return tree_sum_double(first, left, element, turn) +
           tree_sum_double(first + left, leaves - left, element, turn);
}

static float tree_sum(size_t first, size_t leaves, size_t element, size_t turn)
{
    size_t left = (leaves + 1) / 2;

    if (leaves == 1)
        return (float)number(first, element, turn);
    return tree_sum(first, left, element, turn) + tree_sum(first + left, leaves - left, element, turn);
}

static mh_allreduce *create(size_t count, size_t replicas)
{
    mh_allreduce *allreduce = NULL;

    MUST(mh_allreduce_create(count, replicas, 1, mh_comm_rank(world), mh_comm_ranks(world), &allreduce));
    return allreduce;
}

static float *next_leaf(mh_allreduce *allreduce)
{
    size_t leaves = 0;
    float *leaf = mh_allreduce_next(allreduce, &leaves);

    cr_expect(eq(sz, leaves, 1));
    return leaf;
}

static mh_span hosted_here(size_t replicas)
{
    return mh_allreduce_hosted(replicas, mh_comm_rank(world), mh_comm_ranks(world));
}

/* Writes what this rank hosts and finishes. */
static mh_status sum(mh_allreduce *allreduce, size_t count, size_t replicas, size_t turn, double *loss)
{
    mh_span hosted = hosted_here(replicas);

    mh_allreduce_start(allreduce);
    for (size_t r = 0; r < hosted.count; r++) {
        float *leaf = next_leaf(allreduce);

        for (size_t i = 0; i < count; i++)
            leaf[i] = (float)number(hosted.first + r, i, turn);
        loss[r] = number(hosted.first + r, 0, turn);
    }
    return mh_allreduce_finish(world, allreduce, MH_OK, NULL, loss);
}

/* Every rank must have all of it, whichever piece it added itself. */
static void expect_tree_sum(mh_allreduce *allreduce, size_t count, size_t replicas, size_t turn)
{
    double loss[MOST_REPLICAS];
    float expected[MOST_ELEMENTS];

    MUST(sum(allreduce, count, replicas, turn, loss));
    for (size_t i = 0; i < count; i++)
        expected[i] = tree_sum(0, replicas, i, turn);

    const float *result = mh_allreduce_sum(allreduce);

    EXPECT_SAME_BITS(result, expected, count);
    cr_expect(loss[0] == tree_sum_double(0, replicas, 0, turn), "loss of %zu replicas", replicas);
}

/* ---- sums ---- */

/* From one replica a rank on, also numbers of replicas for which a rank hosts several subtrees. */
Test(allreduce, sums_in_the_order_of_the_tree)
{
    static const size_t counts[] = {1000, MOST_ELEMENTS}; /* no multiple of a cache line, and one */

    for (size_t replicas = mh_comm_ranks(world); replicas <= MOST_REPLICAS; replicas++) {
        for (size_t i = 0; i < 2; i++) {
            mh_allreduce *allreduce = create(counts[i], replicas);

            expect_tree_sum(allreduce, counts[i], replicas, 0);
            expect_tree_sum(allreduce, counts[i], replicas, 1); /* nothing of the first sum is left */
            mh_allreduce_destroy(allreduce);
        }
    }
}

/* Whatever is said to be final when, and wherever the cuts are: at the ends, side by side, in one cache line. */
Test(allreduce, sums_in_segments_as_they_are_written)
{
    static const size_t cuts[][3] = {{100, 500, 900}, {0, 0, 16}, {3, 5, 999}, {1000, 1000, 1000}};
    size_t count = 1000, ranks = mh_comm_ranks(world);
    double loss[MOST_REPLICAS];
    float expected[MOST_ELEMENTS];

    for (size_t replicas = ranks; replicas <= MOST_REPLICAS; replicas += 3) {
        for (size_t c = 0; c < sizeof cuts / sizeof cuts[0]; c++) {
            mh_allreduce *allreduce = create(count, replicas);
            mh_span hosted = hosted_here(replicas);

            MUST(mh_allreduce_cut(allreduce, cuts[c], 3));
            for (size_t i = 0; i < count; i++)
                expected[i] = tree_sum(0, replicas, i, c);
            for (size_t turn = 0; turn < 2; turn++) {
                mh_allreduce_start(allreduce);
                for (size_t r = 0; r < hosted.count; r++) {
                    float *leaf = next_leaf(allreduce);

                    for (size_t i = count; i-- > 0;) {
                        leaf[i] = (float)number(hosted.first + r, i, c);
                        if (i % (70 + mh_comm_rank(world)) == 0 && turn == 0)
                            mh_allreduce_advance(world, allreduce, i);
                    }
                    loss[r] = 0;
                }
                MUST(mh_allreduce_finish(world, allreduce, MH_OK, NULL, loss));
                EXPECT_SAME_BITS(mh_allreduce_sum(allreduce), expected, count);
            }
            mh_allreduce_destroy(allreduce);
        }
    }
}

/* Whoever makes several leaves at once adds them in the tree's order, and nobody sees a difference. */
Test(allreduce, takes_subtrees_that_were_made_together)
{
    enum { COUNT = 100 };
    static float expected[COUNT];
    double loss[MOST_REPLICAS];

    for (size_t replicas = mh_comm_ranks(world); replicas <= 11; replicas++) {
        for (size_t together = 1; together <= 12; together += together < 4 ? 1 : 4) {
            mh_span hosted = hosted_here(replicas);
            mh_allreduce *allreduce = NULL;
            size_t leaves = 0;

            MUST(mh_allreduce_create(COUNT, replicas, together, mh_comm_rank(world), mh_comm_ranks(world),
                                     &allreduce));
            for (size_t i = 0; i < COUNT; i++)
                expected[i] = tree_sum(0, replicas, i, 0);
            mh_allreduce_start(allreduce);
            for (size_t r = 0; r < hosted.count; r += leaves) {
                float *sum = mh_allreduce_next(allreduce, &leaves);

                cr_expect(leaves >= 1 && leaves <= together && r + leaves <= hosted.count);
                for (size_t i = 0; i < COUNT; i++)
                    sum[i] = tree_sum(hosted.first + r, leaves, i, 0);
            }
            memset(loss, 0, sizeof loss);
            MUST(mh_allreduce_finish(world, allreduce, MH_OK, NULL, loss));
            EXPECT_SAME_BITS(mh_allreduce_sum(allreduce), expected, COUNT);
            if (mh_comm_ranks(world) == 1 && together >= replicas)
                cr_expect(eq(sz, leaves, replicas), "all leaves of a rank alone are one subtree");
            mh_allreduce_destroy(allreduce);
        }
    }
}

/* A rank that fails is waited for by those that have begun. */
Test(allreduce, fails_together_in_the_middle_of_segments)
{
    enum { COUNT = 1000 };
    static const size_t cut[] = {500};
    mh_allreduce *allreduce = create(COUNT, mh_comm_ranks(world));
    double loss[1] = {0};

    MUST(mh_allreduce_cut(allreduce, cut, 1));
    for (size_t turn = 0; turn < 3; turn++) {
        bool fails = turn == 1 && mh_comm_rank(world) == mh_comm_ranks(world) - 1;

        mh_allreduce_start(allreduce);
        if (!fails) {
            float *leaf = next_leaf(allreduce);

            for (size_t i = 0; i < COUNT; i++)
                leaf[i] = (float)number(mh_comm_rank(world), i, turn);
            mh_allreduce_advance(world, allreduce, 500);
        }
        mh_status mine = fails ? MH_FAIL(MH_ERR_NUMERIC, "the numbers are gone") : MH_OK;
        mh_status all = mh_allreduce_finish(world, allreduce, mine, NULL, loss);
        cr_expect(all == (turn == 1 ? MH_ERR_NUMERIC : MH_OK));
        if (turn == 1)
            continue;
        for (size_t i = 0; i < COUNT; i += 99)
            cr_expect(mh_allreduce_sum(allreduce)[i] == tree_sum(0, mh_comm_ranks(world), i, turn));
    }
    mh_allreduce_destroy(allreduce);
}

/* ---- in shared memory ---- */

static mh_allreduce *create_shared_with(size_t count, size_t replicas, size_t common)
{
    mh_allreduce *allreduce = create(count, replicas);

    MUST(mh_allreduce_share(world, allreduce, common));
    return allreduce;
}

static mh_allreduce *create_shared(size_t count, size_t replicas)
{
    return create_shared_with(count, replicas, 0);
}

/* The ranks of a test are on one host: not one message is sent, and the bits are those of the tree. */
Test(allreduce, sums_where_the_vectors_are)
{
    static const size_t counts[] = {0, 1, 15, 17, 1000, MOST_ELEMENTS};

    for (size_t replicas = mh_comm_ranks(world); replicas <= MOST_REPLICAS; replicas += 2) {
        for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
            mh_allreduce *allreduce = create_shared(counts[i], replicas);
            uint64_t messages = 0, bytes = 0;

            for (size_t turn = 0; turn < 3; turn++)
                expect_tree_sum(allreduce, counts[i], replicas, turn);
            mh_allreduce_traffic(allreduce, &messages, &bytes);
            cr_expect(messages == 0 || mh_comm_ranks(world) == 1, "%zu messages", (size_t)messages);
            mh_allreduce_destroy(allreduce);
        }
    }
}

/* A sum stays as it is while others write their next vectors already: the ranks wait for each other only to sum. */
Test(allreduce, keeps_a_shared_sum_until_all_have_come_again)
{
    enum { COUNT = 1000 };
    size_t ranks = mh_comm_ranks(world);
    mh_allreduce *allreduce = create_shared(COUNT, ranks);
    float expected[COUNT];
    double loss[1];

    MUST(sum(allreduce, COUNT, ranks, 0, loss));
    for (size_t i = 0; i < COUNT; i++)
        expected[i] = tree_sum(0, ranks, i, 0);
    if (mh_comm_rank(world) == 0)
        usleep(100000);
    EXPECT_SAME_BITS(mh_allreduce_sum(allreduce), expected, COUNT);
    MUST(sum(allreduce, COUNT, ranks, 1, loss));
    mh_allreduce_destroy(allreduce);
}

/* Each rank writes its number into its part, and all see that every element has been somebody's. */
static void expect_common_vectors(mh_allreduce *allreduce, size_t count)
{
    float *vector[2] = {mh_allreduce_common(allreduce, 0), mh_allreduce_common(allreduce, 1)};
    mh_span part = mh_allreduce_part(allreduce);
    size_t wrong = 0;

    cr_expect(part.count == 0 || part.first % 16 == 0);
    for (size_t v = 0; v < 2; v++)
        for (size_t i = part.first; i < mh_span_end(part); i++)
            vector[v][i] = (float)(1 + mh_comm_rank(world) + 100 * v);
    mh_allreduce_meet(allreduce);
    for (size_t v = 0; v < 2; v++)
        for (size_t i = 0; i < count; i++) {
            float least = i > 0 ? vector[v][i - 1] : (float)(1 + 100 * v); /* ranks are in their order */

            wrong += vector[v][i] < least || vector[v][i] > (float)(mh_comm_ranks(world) + 100 * v);
        }
    cr_expect(zero(sz, wrong));
    mh_allreduce_meet(allreduce);
}

Test(allreduce, has_common_vectors_of_which_each_rank_writes_its_part)
{
    static const size_t counts[] = {0, 1, 17, 1000};
    size_t ranks = mh_comm_ranks(world);

    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        mh_allreduce *allreduce = create_shared_with(counts[i], ranks, 2);

        if (ranks == 1) {
            cr_expect(mh_allreduce_common(allreduce, 0) == NULL);
            cr_expect(mh_allreduce_part(allreduce).count == counts[i]);
            mh_allreduce_meet(allreduce);
        } else {
            expect_common_vectors(allreduce, counts[i]);
            expect_tree_sum(allreduce, counts[i], ranks, 0);
            expect_common_vectors(allreduce, counts[i]);
        }
        mh_allreduce_destroy(allreduce);
    }
}

Test(allreduce, fails_together_in_shared_memory_and_goes_on)
{
    enum { COUNT = 1000 };
    size_t ranks = mh_comm_ranks(world);
    mh_allreduce *allreduce = create_shared(COUNT, ranks);
    double loss[1] = {0};

    for (size_t turn = 0; turn < 4; turn++) {
        bool fails = turn % 2 == 1 && mh_comm_rank(world) == ranks - 1;
        int request = mh_comm_rank(world) == 0 ? 7 : 0;

        mh_allreduce_start(allreduce);
        if (!fails) {
            float *leaf = next_leaf(allreduce);

            for (size_t i = 0; i < COUNT; i++)
                leaf[i] = (float)number(mh_comm_rank(world), i, turn);
        }
        mh_status mine = fails ? MH_FAIL(MH_ERR_NUMERIC, "the numbers are gone") : MH_OK;
        mh_status all = mh_allreduce_finish(world, allreduce, mine, &request, loss);
        cr_expect(all == (turn % 2 == 1 ? MH_ERR_NUMERIC : MH_OK));
        cr_expect(eq(int, request, 7));
        if (turn % 2 == 1)
            continue;
        for (size_t i = 0; i < COUNT; i += 99)
            cr_expect(mh_allreduce_sum(allreduce)[i] == tree_sum(0, ranks, i, turn));
    }
    mh_allreduce_destroy(allreduce);
}

/* ---- by messages ---- */

/* With a replica for each rank: 2 n (P - 1) / P elements there and back, where P is a power of two. */
Test(allreduce, sends_the_least_that_is_possible)
{
    enum { COUNT = 960 }; /* whole cache lines for 2, 3, 4 and 5 ranks */
    size_t ranks = mh_comm_ranks(world), levels = 0;
    mh_allreduce *allreduce = create(COUNT, ranks);
    uint64_t messages = 0, bytes = 0;
    double loss[1];

    for (size_t n = 1; n < ranks; n *= 2)
        levels++;
    MUST(sum(allreduce, COUNT, ranks, 0, loss));
    mh_allreduce_traffic(allreduce, &messages, &bytes);
    size_t least = 2 * COUNT * sizeof(float) * (ranks - 1) / ranks;
    if ((ranks & (ranks - 1)) == 0) {
        cr_expect(messages == 2 * levels, "%zu messages on %zu ranks", (size_t)messages, ranks);
        /* Pieces are whole cache lines. */
        cr_expect(bytes + 128 >= least && bytes <= least + 128, "%zu bytes, %zu are possible", (size_t)bytes,
                  least);
    } else {
        cr_expect(messages <= 4 * levels, "%zu messages on %zu ranks", (size_t)messages, ranks);
        cr_expect(bytes <= least * 3 / 2, "%zu bytes, %zu are possible", (size_t)bytes, least);
    }
    mh_allreduce_destroy(allreduce);
}

/* If any order gave the same bits, the test above would say nothing. */
Test(allreduce, another_order_gives_other_bits)
{
    size_t different = 0;

    for (size_t i = 0; i < MOST_ELEMENTS; i++) {
        float in_turn = 0.0f;

        for (size_t replica = 0; replica < 8; replica++)
            in_turn += (float)number(replica, i, 0);
        different += in_turn != tree_sum(0, 8, i, 0);
    }
    cr_expect(ge(sz, different, MOST_ELEMENTS / 4));
}

Test(allreduce, takes_a_vector_shorter_than_the_ranks)
{
    for (size_t count = 0; count <= 20; count++) {
        mh_allreduce *allreduce = create(count, 5);

        expect_tree_sum(allreduce, count, 5, 0);
        mh_allreduce_destroy(allreduce);
    }
}

Test(allreduce, sums_doubles_in_the_order_of_the_tree)
{
    enum { COUNT = 3 };

    for (size_t replicas = mh_comm_ranks(world); replicas <= MOST_REPLICAS; replicas++) {
        mh_span hosted = hosted_here(replicas);
        double values[MOST_REPLICAS * COUNT];

        for (size_t r = 0; r < hosted.count; r++)
            for (size_t k = 0; k < COUNT; k++)
                values[r * COUNT + k] = number(hosted.first + r, k, 2);
        MUST(mh_allreduce_doubles(world, replicas, COUNT, values));
        for (size_t k = 0; k < COUNT; k++)
            cr_expect(values[k] == tree_sum_double(0, replicas, k, 2), "%zu replicas", replicas);
    }
}

/* ---- more than an int counts ---- */

/* MPI counts in units of some floats, the same bits come out, and no count is beyond the limit. */
Test(allreduce, counts_in_larger_units_where_there_are_many_elements)
{
    static const size_t counts[] = {1, 15, 16, 17, 63, 64, 1000, MOST_ELEMENTS};

    mh_comm_limit_piece(16);
    largest_count();
    for (size_t replicas = mh_comm_ranks(world); replicas <= MOST_REPLICAS; replicas += 3) {
        for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
            mh_allreduce *allreduce = create(counts[i], replicas);

            expect_tree_sum(allreduce, counts[i], replicas, 0);
            expect_tree_sum(allreduce, counts[i], replicas, 1);
            mh_allreduce_destroy(allreduce);
        }
    }
    cr_expect(le(int, largest_count(), 16));
    mh_comm_limit_piece(0);
}

/* ---- requests ---- */

/* What is asked for rides with the sum; who asks for nothing hears it too. */
Test(allreduce, hands_the_largest_request_to_all_ranks)
{
    mh_allreduce *allreduce = create(100, 5);
    int last = (int)mh_comm_ranks(world) - 1, rank = (int)mh_comm_rank(world);
    const int asked[] = {0, 10 + rank, rank == last ? 15 : 0, 0};
    const int heard[] = {0, 10 + last, 15, 0};

    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
        double loss[5] = {0};
        int request = asked[i];

        mh_allreduce_start(allreduce);
        for (size_t r = 0; r < hosted_here(5).count; r++)
            next_leaf(allreduce);
        MUST(mh_allreduce_finish(world, allreduce, MH_OK, &request, loss));
        cr_expect(eq(int, request, heard[i]));
    }
    mh_allreduce_destroy(allreduce);
}

/* ---- what came out ---- */

/* Whether the sum is finite when one element of one replica has this value. */
static bool is_finite_with(mh_allreduce *allreduce, size_t count, size_t element, float value)
{
    mh_span hosted = hosted_here(5);
    double loss[5] = {0};

    mh_allreduce_start(allreduce);
    for (size_t r = 0; r < hosted.count; r++) {
        float *leaf = next_leaf(allreduce);

        for (size_t i = 0; i < count; i++)
            leaf[i] = (float)number(hosted.first + r, i, 0);
        if (hosted.first + r == 4)
            leaf[element] = value;
    }
    MUST(mh_allreduce_finish(world, allreduce, MH_OK, NULL, loss));
    return mh_allreduce_is_finite(allreduce);
}

static void expect_to_know_whether_it_is_finite(mh_allreduce *allreduce, size_t count)
{
    const float fine[] = {0.0f, -0.0f, 1e-42f, FLT_MAX, -FLT_MAX}, bad[] = {INFINITY, -INFINITY, NAN, -NAN};

    for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++)
        cr_expect(is_finite_with(allreduce, count, i, fine[i]), "%g", (double)fine[i]);
    for (size_t element = 0; element < count; element++)
        for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
            cr_expect(false == is_finite_with(allreduce, count, element, bad[i]), "%g at %zu", (double)bad[i],
                      element);
    cr_expect(is_finite_with(allreduce, count, 0, 1.0f));
    mh_allreduce_destroy(allreduce);
}

Test(allreduce, knows_on_all_ranks_whether_the_sum_is_finite)
{
    enum { COUNT = 100 };

    expect_to_know_whether_it_is_finite(create(COUNT, 5), COUNT);
    expect_to_know_whether_it_is_finite(create_shared(COUNT, 5), COUNT);
}

/* ---- replicas ---- */

Test(allreduce, ranks_host_equal_parts_in_order)
{
    size_t first = 0;

    for (size_t rank = 0; rank < 4; rank++) {
        mh_span hosted = mh_allreduce_hosted(10, rank, 4);

        cr_expect(eq(sz, hosted.first, first));
        cr_expect(eq(sz, hosted.count, rank < 2 ? 3 : 2));
        first = mh_span_end(hosted);
    }
    cr_expect(eq(sz, first, 10));
}

Test(allreduce, refuses_fewer_replicas_than_ranks)
{
    mh_allreduce *allreduce = NULL;

    EXPECT_FAILURE(mh_allreduce_create(10, 2, 1, 0, 3, &allreduce), MH_ERR_USAGE, "--replicas 2");
    cr_expect(allreduce == NULL);
}

/* ---- failures ---- */

/* The last rank fails before it has written anything. */
static mh_status fail_on_the_last_rank(mh_allreduce *allreduce, int *request, double *loss)
{
    size_t last = mh_comm_ranks(world) - 1;

    mh_allreduce_start(allreduce);
    if (mh_comm_rank(world) == last)
        return mh_allreduce_finish(world, allreduce, MH_FAIL(MH_ERR_IO, "the disk is gone"), request, loss);
    for (size_t r = 0; r < hosted_here(5).count; r++)
        next_leaf(allreduce);
    return mh_allreduce_finish(world, allreduce, MH_OK, request, loss);
}

Test(allreduce, fails_on_all_ranks_with_one_message)
{
    mh_allreduce *allreduce = create(100, 5);
    double loss[5] = {0};
    int request = mh_comm_rank(world) == 0 ? 12 : 0;

    mh_phase_enter("computing the gradient");
    mh_phase_set_step(17);
    EXPECT_FAILURE(fail_on_the_last_rank(allreduce, &request, loss), MH_ERR_IO,
                   told_by(mh_comm_ranks(world) - 1, "computing the gradient, step 17", "the disk is gone"));
    cr_expect(eq(int, request, 12));
    mh_allreduce_destroy(allreduce);
}

Test(allreduce, works_again_after_a_failure)
{
    mh_allreduce *allreduce = create(100, 5);
    double loss[5] = {0};

    cr_expect(fail_on_the_last_rank(allreduce, NULL, loss) == MH_ERR_IO);
    expect_tree_sum(allreduce, 100, 5, 0);
    mh_allreduce_destroy(allreduce);
}
