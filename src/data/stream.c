#include "multihead/data/stream.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "multihead/base/memory.h"
#include "multihead/base/phase.h"
#include "multihead/base/thread.h"

typedef struct {
    size_t epoch, window;
} place_in_time;

/* A window in memory: the thread's while it is being read, then the reader's until it wants the next one. */
typedef struct {
    place_in_time at;
    mh_status status;
    float *features;  /* [hosted x part_rows x inputs] */
    mh_label *labels; /* [hosted x part_rows x heads]  */
} slot;

struct mh_stream {
    mh_stream_config config;
    const mh_shard *shard;
    size_t part_rows; /* the most of a replica in a window */
    slot slot[MH_WINDOWS_HELD];

    /* Of the one that computes. */
    const slot *current; /* the window that was reached, or NULL                   */
    size_t taken;        /* slots reached since the last seek                      */
    size_t given;        /* slots that the thread has, or has filled: not yet back */

    /* Of the thread, but while it has no slot. */
    mh_row_order *order;
    mh_span *pieces;   /* [pieces_max] of a replica in a window                 */
    uint32_t *place;   /* [part_rows], NULL without a shuffle                   */
    size_t block_rows; /* read at a time                                        */
    float *block;      /* [block_rows x inputs], NULL without a shuffle         */
    mh_label *block_labels;
    size_t filled;                         /* slots since the last seek                             */
    place_in_time next;                    /* what goes into the next one                           */
    mh_status status;                      /* of what was read; nothing is read after a failure     */
    char message[MH_STATUS_MESSAGE_BYTES]; /* of the failure; a thread has its own */

    mh_thread *thread; /* NULL where the system gave none */
    mh_supply *room;   /* slots that may be filled        */
    mh_supply *full;   /* slots that have been            */
    atomic_bool is_in_vain, is_over;
};

/* ---- reading a window: in the thread ---- */

static void standardize(const mh_stream *s, size_t rows, float *features)
{
    if (s->config.standardizer != NULL && s->config.standardizer->inputs > 0)
        mh_standardizer_apply(s->config.standardizer, rows, features);
}

static mh_status read_in_order(mh_stream *s, mh_span rows, float *features, mh_label *labels)
{
    mh_status status = MH_OK;

    MH_TRY(mh_dataset_read(s->shard->dataset, rows, features, labels));
    standardize(s, rows.count, features);
cleanup:
    return status;
}

/* Row i of the block goes to place[i]. */
static mh_status read_to_places(mh_stream *s, mh_span rows, const uint32_t *place, float *features,
                                mh_label *labels)
{
    mh_status status = MH_OK;
    size_t inputs = s->shard->inputs, heads = s->shard->heads;

    MH_TRY(read_in_order(s, rows, s->block, s->block_labels));
    for (size_t i = 0; i < rows.count; i++) {
        memcpy(features + place[i] * inputs, s->block + i * inputs, inputs * sizeof *features);
        memcpy(labels + place[i] * heads, s->block_labels + i * heads, heads * sizeof *labels);
    }
cleanup:
    return status;
}

/* A replica's part of a window, in blocks. */
static mh_status read_part(mh_stream *s, size_t window, size_t replica, float *features, mh_label *labels)
{
    mh_status status = MH_OK;
    size_t pieces = mh_row_order_window(s->order, window, replica, s->pieces, s->place), done = 0;

    for (size_t i = 0; i < pieces; i++) {
        mh_span rest = s->pieces[i];

        while (rest.count > 0 && !atomic_load(&s->is_in_vain)) {
            size_t count = s->block_rows - rest.first % s->block_rows;
            mh_span rows = {rest.first, rest.count < count ? rest.count : count};

            if (s->place != NULL)
                MH_TRY(read_to_places(s, rows, s->place + done, features, labels));
            else
                MH_TRY(read_in_order(s, rows, features + done * s->shard->inputs,
                                     labels + done * s->shard->heads));
            rest.first += rows.count;
            rest.count -= rows.count;
            done += rows.count;
        }
    }
cleanup:
    return status;
}

static mh_status read_window(mh_stream *s, const slot *slot)
{
    mh_status status = MH_OK;
    mh_span hosted = s->config.order.hosted;

    if (slot->at.epoch >= s->config.epochs)
        return MH_OK;
    if (slot->at.window == 0 || s->filled == 0)
        mh_row_order_start(s->order, slot->at.epoch);
    for (size_t r = 0; r < hosted.count; r++)
        MH_TRY(read_part(s, slot->at.window, hosted.first + r,
                         slot->features + r * s->part_rows * s->shard->inputs,
                         slot->labels + r * s->part_rows * s->shard->heads));
cleanup:
    return status;
}

static place_in_time after(const mh_stream *s, place_in_time at)
{
    const mh_row_order_config *order = &s->config.order;

    if (at.window + 1 < mh_windows_count(&order->windows, &order->deal))
        return (place_in_time){at.epoch, at.window + 1};
    return (place_in_time){at.epoch + 1, 0};
}

static void fill_slot(mh_stream *s)
{
    slot *slot = &s->slot[s->filled % MH_WINDOWS_HELD];

    slot->at = s->next;
    if (s->status == MH_OK) {
        s->status = read_window(s, slot);
        if (s->status != MH_OK)
            snprintf(s->message, sizeof s->message, "%s", mh_status_message());
    }
    slot->status = s->status;
    s->next = after(s, s->next);
    s->filled++;
    mh_supply_add(s->full);
}

static void read_ahead(void *argument)
{
    mh_stream *s = argument;

    mh_thread_step_back();
    for (;;) {
        mh_supply_take(s->room);
        if (atomic_load(&s->is_over))
            return;
        fill_slot(s);
    }
}

/* ---- making one ---- */

static mh_status create_slots(mh_stream *s)
{
    mh_status status = MH_OK;
    size_t rows = s->config.order.hosted.count * s->part_rows;

    for (size_t i = 0; i < MH_WINDOWS_HELD; i++) {
        MH_TRY(mh_memory_array(rows, s->shard->inputs * sizeof(float), &s->slot[i].features));
        MH_TRY(mh_memory_array(rows, s->shard->heads * sizeof(mh_label), &s->slot[i].labels));
    }
    if (!s->config.order.shuffles)
        goto cleanup;
    MH_TRY(mh_memory_array(s->part_rows, sizeof *s->place, &s->place));
    MH_TRY(mh_memory_array(s->block_rows, s->shard->inputs * sizeof *s->block, &s->block));
    MH_TRY(mh_memory_array(s->block_rows, s->shard->heads * sizeof *s->block_labels, &s->block_labels));
cleanup:
    return status;
}

mh_status mh_stream_create(const mh_shard *shard, const mh_stream_config *config, mh_stream **out)
{
    mh_status status = MH_OK;
    mh_stream *s = NULL;

    assert(config->order.windows.batches > 0 && !mh_shard_is_held(shard));
    MH_TRY(mh_memory_new(sizeof *s, &s));
    s->config = *config;
    s->shard = shard;
    s->block_rows = config->order.windows.block_rows;
    MH_TRY(mh_row_order_create(&config->order, &s->order));
    s->part_rows = mh_row_order_part_rows_max(s->order);
    MH_TRY(mh_memory_array(mh_row_order_pieces_max(s->order), sizeof *s->pieces, &s->pieces));
    MH_TRY(create_slots(s));
    MH_TRY(mh_supply_create(0, &s->room));
    MH_TRY(mh_supply_create(0, &s->full));
    s->thread = mh_thread_start(read_ahead, s);
cleanup:
    if (status != MH_OK) {
        mh_stream_destroy(s);
        s = NULL;
    }
    *out = s;
    return status;
}

void mh_stream_destroy(mh_stream *s)
{
    if (s == NULL)
        return;
    if (s->thread != NULL) {
        atomic_store(&s->is_in_vain, true);
        atomic_store(&s->is_over, true);
        mh_supply_add(s->room);
        mh_thread_join(s->thread);
    }
    mh_supply_destroy(s->room);
    mh_supply_destroy(s->full);
    mh_row_order_destroy(s->order);
    for (size_t i = 0; i < MH_WINDOWS_HELD; i++) {
        mh_memory_free(s->slot[i].features);
        mh_memory_free(s->slot[i].labels);
    }
    mh_memory_free(s->pieces);
    mh_memory_free(s->place);
    mh_memory_free(s->block);
    mh_memory_free(s->block_labels);
    mh_memory_free(s);
}

/* ---- reaching a window ---- */

static void give_slot(mh_stream *s)
{
    s->given++;
    if (s->thread != NULL)
        mh_supply_add(s->room);
    else
        fill_slot(s);
}

static void take_slot(mh_stream *s)
{
    const char *before = mh_phase_name();

    if (!mh_supply_try(s->full)) {
        mh_phase_enter("waiting for rows to be read");
        mh_supply_take(s->full);
        mh_phase_enter(before);
    }
    s->given--;
}

/* Everything back, and off from another place. */
static void seek(mh_stream *s, place_in_time at)
{
    atomic_store(&s->is_in_vain, true);
    while (s->given > 0)
        take_slot(s);
    atomic_store(&s->is_in_vain, false);
    s->taken = s->filled = 0;
    s->next = at;
    for (size_t i = 0; i < MH_WINDOWS_HELD; i++)
        give_slot(s);
}

static bool is_same(place_in_time a, place_in_time b)
{
    return a.epoch == b.epoch && a.window == b.window;
}

mh_status mh_stream_reach(mh_stream *s, size_t epoch, size_t window)
{
    place_in_time wanted = {epoch, window};

    if (s->current != NULL && is_same(s->current->at, wanted))
        return MH_OK;
    if (s->current == NULL || !is_same(after(s, s->current->at), wanted))
        seek(s, wanted);
    else
        give_slot(s);
    s->current = NULL;
    take_slot(s);
    slot *slot = &s->slot[s->taken++ % MH_WINDOWS_HELD];
    if (slot->status != MH_OK) {
        mh_phase_enter("reading rows");
        return MH_FAIL(slot->status, "%s", s->message);
    }
    s->current = slot;
    return MH_OK;
}

void mh_stream_batch(const mh_stream *s, size_t batch, size_t replica, mh_batch *out)
{
    const mh_row_order_config *order = &s->config.order;
    size_t inputs = s->shard->inputs, heads = s->shard->heads;
    mh_span window = mh_windows_batches(&order->windows, &order->deal, s->current->at.window);
    mh_span part = mh_deal_part(&order->deal, (mh_span){batch, 1}, replica);
    size_t row = (replica - order->hosted.first) * s->part_rows + part.first -
                 mh_deal_part(&order->deal, window, replica).first;

    assert(batch >= window.first && batch < mh_span_end(window));
    *out = (mh_batch){.rows = part.count,
                      .inputs = inputs,
                      .heads = heads,
                      .features = s->current->features + row * inputs,
                      .labels = s->current->labels + row * heads};
}
