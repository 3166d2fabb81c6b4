#ifndef MULTIHEAD_DATA_SHARD_PASS_H
#define MULTIHEAD_DATA_SHARD_PASS_H

#include "multihead/data/shard.h"

/*
 * Goes over the rows of a shard once, in their order. One that is held is a single piece; one that was left in its data
 * set comes in pieces of some MB, which are read one after another, and so does one that is reserved, into its own memory.
 * Says on stderr how far it is where that takes long.
 *
 *     MH_TRY(mh_shard_pass_start(shard, "reading the rows", &pass));
 *     while (mh_shard_pass_next(pass, &piece, &status))
 *         ... piece.rows, piece.features ...
 *     MH_TRY(status);
 */
typedef struct mh_shard_pass mh_shard_pass;

/** `shard` and `purpose` are kept. Needs no other rank; destroy takes NULL. */
mh_status mh_shard_pass_start(const mh_shard *shard, const char *purpose, mh_shard_pass **out);
void mh_shard_pass_destroy(mh_shard_pass *pass);

/**
 *   piece    out: the next rows, borrowed until the next call
 *   status   out: MH_OK, or why they cannot be read: see mh_dataset_read
 *
 * False behind the last one, and where they cannot be read.
 */
bool mh_shard_pass_next(mh_shard_pass *pass, mh_shard *piece, mh_status *status);

#endif
