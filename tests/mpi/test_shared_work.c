#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdatomic.h>
#include <unistd.h>

#include "expect.h"
#include "multihead/parallel/shared_work.h"
#include "ranks.h"

TestSuite(shared_work, .init = start_mpi, .fini = stop_mpi, .timeout = MPI_TEST_SECONDS);

enum { MOST_PIECES = 200 };

/* What becomes of a rank's pieces: who has done them. */
typedef struct {
    _Atomic int times[MOST_PIECES];
    _Atomic int by[MOST_PIECES];
} record;

static mh_shared_work *create(void)
{
    mh_shared_work *work = NULL;

    MUST(mh_shared_work_create(world, sizeof(record), &work));
    cr_assert(eq(int, work != NULL, mh_comm_ranks(world) > 1));
    return work;
}

static record *record_of(const mh_shared_work *work, size_t rank)
{
    return mh_shared_work_memory(work, rank);
}

static void note(const mh_shared_work *work, size_t rank, size_t piece)
{
    record *of = record_of(work, rank);

    cr_assert(piece < MOST_PIECES);
    of->times[piece]++;
    of->by[piece] = (int)mh_comm_rank(world);
}

/* Some have none, some have one, some have many. */
static size_t pieces_of(size_t rank, size_t round)
{
    static const size_t pieces[] = {MOST_PIECES, 0, 1, 17};

    return pieces[(rank + round) % 4];
}

static void expect_done(const mh_shared_work *work, size_t rank, size_t pieces, int times)
{
    size_t wrong = 0;

    for (size_t piece = 0; piece < MOST_PIECES; piece++)
        wrong += record_of(work, rank)->times[piece] != (piece < pieces ? times : 0);
    cr_expect(zero(sz, wrong), "of rank %zu", rank);
}

static void clear_own(const mh_shared_work *work)
{
    record *own = record_of(work, mh_comm_rank(world));

    for (size_t piece = 0; piece < MOST_PIECES; piece++)
        own->times[piece] = 0;
}

Test(shared_work, one_rank_has_nobody_to_share_with)
{
    cr_expect(create() == NULL);
}

Test(shared_work, every_piece_is_done_once)
{
    enum { ROUNDS = 500 };
    mh_shared_work *work = create();
    size_t own = mh_comm_rank(world), rank = 0, piece = 0;

    for (size_t round = 0; round < ROUNDS; round++) {
        clear_own(work);
        mh_shared_work_offer(work, pieces_of(own, round));
        while (mh_shared_work_take(work, &rank, &piece)) {
            note(work, rank, piece);
            mh_shared_work_return(work, rank);
        }
        expect_done(work, own, pieces_of(own, round), 1); /* without a meeting: it was waited for */
        mh_comm_barrier(world);
    }
    mh_shared_work_destroy(work);
}

/* Rank 0 sleeps over its first piece; meanwhile the others do all the rest. */
Test(shared_work, the_pieces_of_a_late_rank_are_done_by_others)
{
    mh_shared_work *work = create();
    size_t own = mh_comm_rank(world), rank = 0, piece = 0, by_rank_0 = 0;

    mh_shared_work_offer(work, own == 0 ? MOST_PIECES : 1);
    while (mh_shared_work_take(work, &rank, &piece)) {
        if (own == 0)
            usleep(500000);
        note(work, rank, piece);
        mh_shared_work_return(work, rank);
    }
    mh_comm_barrier(world);
    for (piece = 0; piece < MOST_PIECES; piece++)
        by_rank_0 += record_of(work, 0)->by[piece] == 0;
    cr_expect(eq(sz, by_rank_0, 1));
    expect_done(work, 0, MOST_PIECES, 1);
    mh_shared_work_destroy(work);
}

/* Who helps may be late, too: rank 0 does not leave before its piece is done. */
Test(shared_work, waits_for_a_piece_that_somebody_else_has_taken)
{
    mh_shared_work *work = create();
    size_t own = mh_comm_rank(world), rank = 0, piece = 0;

    mh_shared_work_offer(work, own == 0 ? 2 : 0);
    while (mh_shared_work_take(work, &rank, &piece)) {
        usleep(own == 0 ? 100000 : 300000);
        note(work, rank, piece);
        mh_shared_work_return(work, rank);
    }
    if (own == 0)
        expect_done(work, 0, 2, 1);
    mh_comm_barrier(world);
    mh_shared_work_destroy(work);
}

/* A rank that has failed offers nothing and takes nothing. */
Test(shared_work, goes_on_without_a_rank_that_gives_up)
{
    mh_shared_work *work = create();
    size_t own = mh_comm_rank(world), last = mh_comm_ranks(world) - 1, rank = 0, piece = 0;

    mh_shared_work_offer(work, own == last ? 0 : 17);
    while (own != last && mh_shared_work_take(work, &rank, &piece)) {
        note(work, rank, piece);
        mh_shared_work_return(work, rank);
    }
    mh_comm_barrier(world);
    expect_done(work, own, own == last ? 0 : 17, 1);
    mh_shared_work_destroy(work);
}
