#ifndef MULTIHEAD_TRAINING_LABEL_SCORES_H
#define MULTIHEAD_TRAINING_LABEL_SCORES_H

#include "multihead/model/curve.h"
#include "multihead/model/head.h"
#include "multihead/parallel/communicator.h"

/*
 * The probability of class 1 of every head with two classes, and whether it is true, of the rows that a rank has
 * seen: what ROC AUC, average precision and thresholds need of all rows together. Heads are dealt to ranks in
 * turn; a head's owner gathers it and sorts. Which rank that is, and which rows came from where, changes no digit.
 *
 * Memory: 4 bytes a row of this rank and head; while gathering, 8 bytes more for each row of all ranks.
 */
typedef struct mh_label_scores mh_label_scores;

/** Room for `rows` rows. Needs no other rank; copies the heads. */
mh_status mh_label_scores_create(const mh_heads *heads, size_t rows, mh_label_scores **out);
void mh_label_scores_destroy(mh_label_scores *scores);

/** Adds rows: probabilities [rows x columns], labels [rows x heads]. */
void mh_label_scores_add(mh_label_scores *scores, size_t rows, const float *probabilities,
                         const mh_label *labels);

size_t mh_label_scores_heads(const mh_label_scores *scores);
bool mh_label_scores_has_two(const mh_label_scores *scores, size_t head); /* classes */

/** How many times mh_label_scores_gather has to be called for every head to have had its turn. */
size_t mh_label_scores_rounds(const mh_comm *comm, const mh_label_scores *scores);

/* A head's curve on the rank that owns it in this round. */
typedef struct {
    bool is_mine; /* false where there is no head for this rank, or it has more than two classes */
    size_t head;
    mh_curve curve; /* until the next round */
} mh_gathered;

/** Gathers one head to each rank. Collective over comm. Fails on all ranks together. */
mh_status mh_label_scores_gather(const mh_comm *comm, mh_label_scores *scores, size_t round,
                                 mh_gathered *out);

/* ---- all labels together, for what is averaged over them ("micro") ---- */

/* Probabilities that agree in the upper 16 of their 30 bits are counted together: to 0.2 % of themselves. */
enum { MH_BINS = (0x3f800000 >> 14) + 1 };

/** The lowest probability of a bin. */
float mh_bin_probability(size_t bin);

/** How many known labels, and how many positive ones, have a probability in each bin [MH_BINS]. Collective. */
void mh_label_scores_count(const mh_comm *comm, const mh_label_scores *scores, int64_t *known,
                           int64_t *positives);

/** Puts each head's number, which its owner has and which is 0 elsewhere, on all ranks [count]. Collective. */
void mh_share_numbers(const mh_comm *comm, double *numbers, size_t count);

#endif
