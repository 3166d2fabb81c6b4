#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

#include "counts.h"
#include "expect.h"
#include "multihead/base/clock.h"
#include "multihead/base/phase.h"
#include "ranks.h"

TestSuite(communicator, .init = start_mpi, .fini = stop_mpi, .timeout = MPI_TEST_SECONDS);

Test(communicator, agrees_that_all_is_well)
{
    cr_expect(mh_comm_agree(world, MH_OK) == MH_OK);
}

/* What the others were at meanwhile is nobody's interest. */
Test(communicator, agrees_on_the_worst_and_names_the_rank)
{
    mh_status mine = MH_OK;

    mh_phase_enter(mh_comm_rank(world) == 1 ? "reading rows" : "making rows");
    if (mh_comm_rank(world) == 1)
        mine = MH_FAIL(MH_ERR_IO, "shard-1.h5: no such file");
    EXPECT_FAILURE(mh_comm_agree(world, mine), MH_ERR_IO,
                   told_by(1, "reading rows", "shard-1.h5: no such file"));

    /* With two ranks all have failed now: nobody is named, the worst is still the one that is told. */
    mine = mh_comm_rank(world) == 0   ? MH_FAIL(MH_ERR_FORMAT, "a bad row")
           : mh_comm_rank(world) == 1 ? MH_FAIL(MH_ERR_MEMORY, "no memory")
                                      : MH_OK;
    EXPECT_FAILURE(mh_comm_agree(world, mine), MH_ERR_MEMORY,
                   mh_comm_ranks(world) > 2 ? told_by(1, "reading rows", "no memory") : "no memory");
    if (mh_comm_ranks(world) == 2)
        cr_expect(strcmp(mh_status_message(), "no memory") == 0, "%s", mh_status_message());
}

/* The same on every rank, say a missing file: one message, and no rank is to blame. */
Test(communicator, names_no_rank_when_all_failed)
{
    char message[64];

    snprintf(message, sizeof message, "seen by %zu", mh_comm_rank(world));
    EXPECT_FAILURE(mh_comm_agree(world, MH_FAIL(MH_ERR_IO, "%s", message)), MH_ERR_IO, "seen by 0");
    cr_expect(strcmp(mh_status_message(), "seen by 0") == 0, "%s", mh_status_message());
}

/* ---- numbers, and what MPI counts ---- */

static void hand_numbers_round(void)
{
    const size_t rank = mh_comm_rank(world), ranks = mh_comm_ranks(world);
    int64_t sums[2] = {(int64_t)rank, 1}, largest[2] = {-(int64_t)rank, (int64_t)rank};
    int64_t told = rank == 0 ? 42 : 0, mine = 10 + (int64_t)rank, all[8] = {0};

    mh_comm_sum(world, sums, 2);
    cr_expect(eq(i64, sums[0], (int64_t)(ranks * (ranks - 1) / 2)));
    cr_expect(eq(i64, sums[1], (int64_t)ranks));
    mh_comm_max(world, largest, 2);
    cr_expect(eq(i64, largest[0], 0));
    cr_expect(eq(i64, largest[1], (int64_t)ranks - 1));
    mh_comm_broadcast(world, &told, sizeof told);
    cr_expect(eq(i64, told, 42));
    mh_comm_gather_all(world, &mine, sizeof mine, all);
    for (size_t r = 0; r < ranks; r++)
        cr_expect(eq(i64, all[r], 10 + (int64_t)r));
    for (size_t from = 0; from < ranks; from++) {
        int64_t handed = mine;

        mh_comm_hand_to_root(world, from, &handed, sizeof handed);
        cr_expect(eq(i64, handed, rank == 0 ? 10 + (int64_t)from : mine));
    }
}

Test(communicator, hands_numbers_round)
{
    hand_numbers_round();
    mh_comm_barrier(world);
}

/* What an int cannot count goes in pieces; here they are smaller than a number. */
Test(communicator, no_call_is_given_more_than_the_limit)
{
    for (size_t most = 1; most <= 9; most++) {
        mh_comm_limit_piece(most);
        hand_numbers_round();
        cr_expect(le(int, largest_count(), (int)most));
    }
    mh_comm_limit_piece(0);
    hand_numbers_round();
    cr_expect(le(int, largest_count(), 8));
}

/* Rank a hands rank b (a + 2b) % 4 numbers: another count each way, often none. */
static size_t count_of(size_t from, size_t to)
{
    return (from + 2 * to) % 4;
}

static void exchange_unequal_parts(void)
{
    enum { MOST = 4 };
    const size_t rank = mh_comm_rank(world), ranks = mh_comm_ranks(world);
    int64_t mine[MOST][4], theirs[MOST][4] = {{0}};
    const void *out[MOST];
    void *in[MOST];
    size_t out_bytes[MOST], in_bytes[MOST];

    for (size_t r = 0; r < ranks; r++) {
        for (size_t i = 0; i < 4; i++)
            mine[r][i] = (int64_t)(100 * rank + 10 * r + i);
        out[r] = mine[r];
        in[r] = theirs[r];
        out_bytes[r] = count_of(rank, r) * sizeof mine[r][0];
        in_bytes[r] = count_of(r, rank) * sizeof theirs[r][0];
    }
    mh_comm_exchange(world, out, out_bytes, in, in_bytes);
    for (size_t r = 0; r < ranks; r++)
        for (size_t i = 0; i < 4; i++)
            cr_expect(eq(i64, theirs[r][i], i < count_of(r, rank) ? (int64_t)(100 * r + 10 * rank + i) : 0));
}

Test(communicator, exchanges_unequal_parts)
{
    exchange_unequal_parts();
    mh_comm_limit_piece(5);
    largest_count();
    exchange_unequal_parts();
    cr_expect(le(int, largest_count(), 5));
    mh_comm_limit_piece(0);
}

/* ---- waiting ---- */

static const char *volatile seen; /* what this process was at when the alarm came */

static void look(int number)
{
    (void)number;
    seen = mh_phase_name();
}

static void agree(void)
{
    mh_comm_agree(world, MH_OK);
}

static void wait_at_barrier(void)
{
    mh_comm_barrier(world);
}

static void sum_numbers(void)
{
    int64_t number = 1;

    mh_comm_sum(world, &number, 1);
}

static void gather_numbers(void)
{
    char mine = 1, all[8];

    mh_comm_gather_all(world, &mine, 1, all);
}

static void exchange_a_byte(void)
{
    char mine[8] = {0}, theirs[8];
    const void *out[8];
    void *in[8];
    size_t bytes[8];

    for (size_t r = 0; r < mh_comm_ranks(world); r++) {
        out[r] = &mine[r];
        in[r] = &theirs[r];
        bytes[r] = 1;
    }
    mh_comm_exchange(world, out, bytes, in, bytes);
}

/* Rank 0 is late: the others say what they are at meanwhile, and then go on with what they were at before. */
static void expect_to_wait(void (*meet)(void), const char *name)
{
    const struct itimerval soon = {.it_value = {.tv_usec = 50000}};
    const struct timespec late = {.tv_nsec = 150000000};

    seen = "nothing";
    mh_comm_barrier(world);
    mh_phase_enter("reading rows");
    if (mh_comm_rank(world) == 0)
        nanosleep(&late, NULL);
    else
        setitimer(ITIMER_REAL, &soon, NULL);
    meet();
    if (mh_comm_rank(world) > 0)
        cr_expect(strcmp(seen, "waiting for the other ranks") == 0, "%s: %s", name, seen);
    cr_expect(strcmp(mh_phase_name(), "reading rows") == 0, "%s: %s", name, mh_phase_name());
}

Test(communicator, who_waits_for_others_says_so_meanwhile)
{
    const struct sigaction action = {.sa_handler = look, .sa_flags = SA_RESTART};

    sigaction(SIGALRM, &action, NULL);
    expect_to_wait(agree, "agree");
    expect_to_wait(wait_at_barrier, "barrier");
    expect_to_wait(sum_numbers, "sum");
    expect_to_wait(gather_numbers, "gather");
    expect_to_wait(exchange_a_byte, "exchange");
}

/* ---- where they are ---- */

/* The tests' ranks are on one host, where Open MPI is to talk through memory, unless somebody wants something else. */
Test(communicator, ranks_of_one_host_look_for_no_network)
{
    cr_expect(eq(str, getenv("OMPI_MCA_pml"), "ob1"));
    cr_expect(eq(str, getenv("OMPI_MCA_btl"), "self,vader,tcp"));
}

/* ---- one of many ---- */

Test(communicator, each_rank_is_one_of_one_alone)
{
    int64_t sum = 1;

    cr_expect(eq(sz, mh_comm_rank(alone), 0));
    cr_expect(eq(sz, mh_comm_ranks(alone), 1));
    mh_comm_sum(alone, &sum, 1);
    cr_expect(eq(i64, sum, 1));
    if (mh_comm_rank(world) == 0) /* nobody else has to come */
        mh_comm_barrier(alone);
}

Test(communicator, who_waits_asleep_waits_for_all_ranks)
{
    const struct timespec late = {.tv_nsec = 200000000};

    mh_comm_barrier(world);
    double start = mh_clock_seconds();
    if (mh_comm_rank(world) == 0)
        nanosleep(&late, NULL);
    mh_comm_barrier_asleep(world);
    cr_expect(ge(dbl, mh_clock_seconds() - start, 0.1), "rank 0 was not waited for");
}
