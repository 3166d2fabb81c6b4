#include "multihead/training/label_scores.h"

#include <assert.h>
#include <string.h>

#include "multihead/base/memory.h"

struct mh_label_scores {
    size_t heads, columns;
    size_t *positive; /* [heads] the column with the probability of class 1 */
    bool *has_two;    /* [heads] two classes, so there is such a thing      */
    size_t capacity, rows;
    mh_mark *marks; /* [heads x capacity]: a head's rows stand together, ready to be sent */

    /* made when first needed */
    int64_t *rows_of; /* [ranks]        */
    size_t all_rows;
    mh_mark *gathered; /* [all_rows]     */
    const void **out;  /* [ranks]        */
    void **in;         /* [ranks]        */
    size_t *out_bytes, *in_bytes;
};

mh_status mh_label_scores_create(const mh_heads *heads, size_t rows, mh_label_scores **out)
{
    mh_status status = MH_OK;
    mh_label_scores *scores = NULL;

    MH_TRY(mh_memory_new(sizeof *scores, &scores));
    scores->heads = heads->count;
    scores->columns = heads->columns;
    scores->capacity = rows;
    MH_TRY(mh_memory_array(heads->count, sizeof *scores->positive, &scores->positive));
    MH_TRY(mh_memory_array(heads->count, sizeof *scores->has_two, &scores->has_two));
    for (size_t h = 0; h < heads->count; h++) {
        scores->positive[h] = mh_head_positive(&heads->head[h]);
        scores->has_two[h] = heads->head[h].classes == 2;
    }
    MH_TRY(mh_memory_array(rows, heads->count * sizeof *scores->marks, &scores->marks));
cleanup:
    if (status != MH_OK) {
        mh_label_scores_destroy(scores);
        scores = NULL;
    }
    *out = scores;
    return status;
}

void mh_label_scores_destroy(mh_label_scores *scores)
{
    if (scores == NULL)
        return;
    mh_memory_free(scores->positive);
    mh_memory_free(scores->has_two);
    mh_memory_free(scores->marks);
    mh_memory_free(scores->rows_of);
    mh_memory_free(scores->gathered);
    mh_memory_free(scores->out);
    mh_memory_free(scores->in);
    mh_memory_free(scores->out_bytes);
    mh_memory_free(scores->in_bytes);
    mh_memory_free(scores);
}

void mh_label_scores_add(mh_label_scores *scores, size_t rows, const float *probabilities,
                         const mh_label *labels)
{
    assert(scores->rows + rows <= scores->capacity);
    for (size_t h = 0; h < scores->heads; h++) {
        mh_mark *marks = scores->marks + h * scores->capacity + scores->rows;

        for (size_t row = 0; row < rows && scores->has_two[h]; row++)
            marks[row] = mh_mark_of(probabilities[row * scores->columns + scores->positive[h]],
                                    labels[row * scores->heads + h]);
    }
    scores->rows += rows;
}

size_t mh_label_scores_heads(const mh_label_scores *scores)
{
    return scores->heads;
}

bool mh_label_scores_has_two(const mh_label_scores *scores, size_t head)
{
    return scores->has_two[head];
}

/* ---- gathering ---- */

size_t mh_label_scores_rounds(const mh_comm *comm, const mh_label_scores *scores)
{
    size_t ranks = mh_comm_ranks(comm);

    return (scores->heads + ranks - 1) / ranks;
}

/* Room for the rows of all ranks, and how many each of them has. */
static mh_status prepare(const mh_comm *comm, mh_label_scores *scores)
{
    mh_status status = MH_OK;
    size_t ranks = mh_comm_ranks(comm);
    int64_t mine = (int64_t)scores->rows;

    status = mh_memory_array(ranks, sizeof *scores->rows_of, &scores->rows_of);
    MH_TRY(mh_comm_agree(comm, status));
    mh_comm_gather_all(comm, &mine, sizeof mine, scores->rows_of);
    for (size_t r = 0; r < ranks; r++)
        scores->all_rows += (size_t)scores->rows_of[r];
    MH_TRY(mh_memory_array(ranks, sizeof *scores->out, &scores->out));
    MH_TRY(mh_memory_array(ranks, sizeof *scores->in, &scores->in));
    MH_TRY(mh_memory_array(ranks, sizeof *scores->out_bytes, &scores->out_bytes));
    MH_TRY(mh_memory_array(ranks, sizeof *scores->in_bytes, &scores->in_bytes));
    MH_TRY(mh_memory_array(scores->all_rows, sizeof *scores->gathered, &scores->gathered));
cleanup:
    return status;
}

/* Rank r takes head round * ranks + r of everybody. */
static void exchange(const mh_comm *comm, mh_label_scores *scores, size_t round)
{
    size_t ranks = mh_comm_ranks(comm), first = round * ranks, at = 0;
    bool is_mine = first + mh_comm_rank(comm) < scores->heads;

    for (size_t r = 0; r < ranks; r++) {
        bool is_theirs = first + r < scores->heads;

        scores->out[r] = is_theirs ? scores->marks + (first + r) * scores->capacity : NULL;
        scores->out_bytes[r] = is_theirs ? scores->rows * sizeof *scores->marks : 0;
        scores->in[r] = scores->gathered + at;
        scores->in_bytes[r] = is_mine ? (size_t)scores->rows_of[r] * sizeof *scores->marks : 0;
        at += (size_t)scores->rows_of[r];
    }
    mh_comm_exchange(comm, scores->out, scores->out_bytes, scores->in, scores->in_bytes);
}

mh_status mh_label_scores_gather(const mh_comm *comm, mh_label_scores *scores, size_t round, mh_gathered *out)
{
    mh_status status = MH_OK;
    size_t head = round * mh_comm_ranks(comm) + mh_comm_rank(comm);

    *out = (mh_gathered){.head = head};
    if (scores->rows_of == NULL)
        MH_TRY(mh_comm_agree(comm, prepare(comm, scores)));
    exchange(comm, scores, round);
    out->is_mine = head < scores->heads && scores->has_two[head];
    if (out->is_mine)
        status = mh_curve_create(scores->all_rows, scores->gathered, &out->curve);
    status = mh_comm_agree(comm, status);
cleanup:
    return status;
}

void mh_share_numbers(const mh_comm *comm, double *numbers, size_t count)
{
    int64_t bits[256];
    _Static_assert(sizeof *numbers == sizeof *bits, "a double's bits fit");

    /* All but one rank have 0, whose bits are 0: the sum of the bits is the owner's number, NaN too. */
    for (size_t done = 0, some = 0; done < count; done += some) {
        some = count - done < 256 ? count - done : 256;
        memcpy(bits, numbers + done, some * sizeof *bits);
        mh_comm_sum(comm, bits, some);
        memcpy(numbers + done, bits, some * sizeof *bits);
    }
}

/* ---- all labels together ---- */

enum { BIN_SHIFT = 14 };

float mh_bin_probability(size_t bin)
{
    return mh_mark_probability((mh_mark)(bin << BIN_SHIFT << 2));
}

void mh_label_scores_count(const mh_comm *comm, const mh_label_scores *scores, int64_t *known,
                           int64_t *positives)
{
    memset(known, 0, MH_BINS * sizeof *known);
    memset(positives, 0, MH_BINS * sizeof *positives);
    for (size_t h = 0; h < scores->heads; h++) {
        const mh_mark *marks = scores->marks + h * scores->capacity;

        for (size_t row = 0; row < scores->rows && scores->has_two[h]; row++) {
            mh_truth truth = mh_mark_truth(marks[row]);
            size_t bin = mh_mark_place(marks[row]) >> BIN_SHIFT;

            if (truth == MH_TRUTH_MISSING || truth == MH_TRUTH_BROKEN)
                continue;
            known[bin]++;
            positives[bin] += truth == MH_TRUTH_POSITIVE;
        }
    }
    mh_comm_sum(comm, known, MH_BINS);
    mh_comm_sum(comm, positives, MH_BINS);
}
