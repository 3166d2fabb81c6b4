#include "hdf5_chunks.h"

#include <string.h>

#include "hdf5_inflate.h"
#include "multihead/base/cpu.h"
#include "multihead/base/crew.h"
#include "multihead/base/memory.h"
#include "multihead/base/phase.h"

enum {
    CHUNK_BYTES_MAX = 1 << 30,
    KEPT_BYTES = 1 << 27,  /* a row of chunks that is larger is not kept, nor more of them on their way */
    PIECE_BYTES = 1 << 14, /* unshuffled at a time, so that they are converted in the innermost cache   */
    FILTERS_MAX = 32,      /* as many as HDF5 has bits for                                              */
    THREADS_MAX = 16
};

static size_t decoders; /* see mh_hdf5_file_set_decoders */

void mh_hdf5_file_set_decoders(size_t threads)
{
    decoders = threads;
}

/* Where elements of chunks go. */
typedef struct {
    unsigned char *base; /* the place of the first column of `rows.first` */
    mh_span rows;        /* of the dataset                                */
    size_t element_bytes;
    hdf5_convert convert;
    bool is_same; /* it only copies */
    hid_t type;   /* for HDF5 */
} target;

/* A chunk on its way. */
typedef struct {
    const hdf5_chunks *chunks;
    size_t number;    /* in the order of reading         */
    mh_span rows;     /* the ones of the dataset wanted  */
    size_t first_row; /* of the chunk                    */
    mh_span columns;  /* of the dataset                  */
    target target;
    unsigned char *packed;   /* [packed_room]                */
    unsigned char *inflated; /* [chunk's bytes] or NULL      */
    hdf5_inflate *inflate;   /* or NULL                      */
    size_t packed_room, packed_bytes;
    uint32_t skipped; /* filters, a bit for each */
    bool is_whole;    /* it could be decoded     */
} task;

struct hdf5_chunks {
    hid_t dataset, type; /* borrowed; and of elements in memory as in the file, our own */
    const char *path, *name;
    hdf5_stored stored;
    size_t element_bytes;
    size_t rows, columns;             /* of the dataset */
    size_t chunk_rows, chunk_columns; /* of a chunk     */
    size_t chunk_bytes, file_bytes;
    uint32_t shuffle, deflate; /* the bit of each filter, 0 without */

    unsigned char *kept; /* [kept_rows.count x columns], rows of the dataset, in the file's type */
    mh_span kept_rows;   /* count 0: nothing                                                     */

    mh_crew *crew;
    task *task; /* [tasks] */
    size_t tasks;
};

/* ---- what it is ---- */

/* Whether the chunks went through nothing but shuffle and deflate, each at most once. */
static bool find_filters(hdf5_chunks *c, hid_t properties)
{
    int count = H5Pget_nfilters(properties);
    unsigned options = 0;

    for (int i = 0; i < count && count <= FILTERS_MAX; i++) {
        unsigned flags = 0, values[1] = {0};
        size_t value_count = 1;
        H5Z_filter_t filter =
            H5Pget_filter2(properties, (unsigned)i, &flags, &value_count, values, 0, NULL, NULL);

        if (filter == H5Z_FILTER_SHUFFLE && i == 0 && values[0] == c->element_bytes)
            c->shuffle = (uint32_t)1 << i;
        else if (filter == H5Z_FILTER_DEFLATE && c->deflate == 0)
            c->deflate = (uint32_t)1 << i;
        else
            return false;
    }
    /* Chunks at the edge may be without filters, and then say nothing of it. */
    return count >= 0 && count <= FILTERS_MAX && H5Pget_chunk_opts(properties, &options) >= 0 && options == 0;
}

/* The sizes; false for what is not in such chunks. */
static bool look_at(hdf5_chunks *c, hid_t properties)
{
    hsize_t chunk[2] = {1, 1};

    if (c->stored == HDF5_OTHER || H5Pget_layout(properties) != H5D_CHUNKED || !find_filters(c, properties) ||
        H5Pget_chunk(properties, 2, chunk) < 1 || chunk[0] == 0 || chunk[1] == 0)
        return false;
    c->chunk_rows = chunk[0];
    c->chunk_columns = chunk[1];
    if (__builtin_mul_overflow(c->chunk_rows, c->chunk_columns, &c->chunk_bytes) ||
        __builtin_mul_overflow(c->chunk_bytes, c->element_bytes, &c->chunk_bytes))
        return false;
    /* HDF5 reads pieces of chunks that nothing packed, and the system counts in an int. */
    return c->chunk_bytes <= (c->deflate != 0 || c->shuffle != 0 ? CHUNK_BYTES_MAX : KEPT_BYTES / 4);
}

/* ---- decoding: on any thread ---- */

/* Puts `count` elements from the first-th on of a chunk to their place. */
static void put_elements(const task *t, const unsigned char *chunk, bool is_shuffled, size_t first,
                         size_t count, unsigned char *place)
{
    _Alignas(64) unsigned char piece[PIECE_BYTES];
    size_t bytes = t->chunks->element_bytes, elements = t->chunks->chunk_bytes / bytes;

    if (!is_shuffled) {
        t->target.convert(chunk + first * bytes, place, count);
        return;
    }
    if (t->target.is_same) {
        hdf5_unshuffle(chunk, elements, bytes, first, count, place);
        return;
    }
    for (size_t i = 0; i < count; i += PIECE_BYTES / bytes) {
        size_t now = count - i < PIECE_BYTES / bytes ? count - i : PIECE_BYTES / bytes;

        hdf5_unshuffle(chunk, elements, bytes, first + i, now, piece);
        t->target.convert(piece, place + i * t->target.element_bytes, now);
    }
}

static void put_rows(const task *t, const unsigned char *chunk, bool is_shuffled)
{
    const hdf5_chunks *c = t->chunks;
    size_t row_bytes = c->columns * t->target.element_bytes;
    unsigned char *place = t->target.base + (t->rows.first - t->target.rows.first) * row_bytes +
                           t->columns.first * t->target.element_bytes;
    size_t first = (t->rows.first - t->first_row) * c->chunk_columns;

    if (c->chunk_columns == c->columns) {
        put_elements(t, chunk, is_shuffled, first, t->rows.count * c->columns, place);
        return;
    }
    for (size_t i = 0; i < t->rows.count; i++)
        put_elements(t, chunk, is_shuffled, first + i * c->chunk_columns, t->columns.count,
                     place + i * row_bytes);
}

static void decode(void *argument)
{
    task *t = argument;
    const hdf5_chunks *c = t->chunks;
    const unsigned char *chunk = t->packed;
    bool is_shuffled = c->shuffle != 0 && (t->skipped & c->shuffle) == 0;

    t->is_whole = true;
    if (c->deflate != 0 && (t->skipped & c->deflate) == 0) {
        t->is_whole = hdf5_inflate_run(t->inflate, t->packed, t->packed_bytes, t->inflated, c->chunk_bytes);
        chunk = t->inflated;
    }
    if (t->is_whole)
        put_rows(t, chunk, is_shuffled);
}

/* ---- reading: on the caller's thread ---- */

static mh_status fail(const hdf5_chunks *c, mh_span rows, const char *reason)
{
    return MH_FAIL(MH_ERR_IO, "%s: /%s: rows %zu to %zu cannot be read, the file may be damaged: %s", c->path,
                   c->name, rows.first, mh_span_end(rows), reason);
}

/* A part of the target by HDF5 itself, which knows what stands where nothing was ever written. */
static mh_status read_with_hdf5(const task *t)
{
    const hdf5_chunks *c = t->chunks;
    const hsize_t start[2] = {t->rows.first, t->columns.first}, count[2] = {t->rows.count, t->columns.count};
    const hsize_t sizes[2] = {t->target.rows.count, c->columns};
    const hsize_t place[2] = {t->rows.first - t->target.rows.first, t->columns.first};
    hid_t space = H5Dget_space(c->dataset);
    hid_t memory = H5Screate_simple(H5Sget_simple_extent_ndims(space), sizes, NULL);
    bool is_done = memory >= 0 && H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL) >= 0 &&
                   H5Sselect_hyperslab(memory, H5S_SELECT_SET, place, NULL, count, NULL) >= 0 &&
                   H5Dread(c->dataset, t->target.type, memory, space, H5P_DEFAULT, t->target.base) >= 0;

    if (memory >= 0)
        H5Sclose(memory);
    H5Sclose(space);
    return is_done ? MH_OK : fail(c, t->rows, hdf5_reason());
}

/* Room for a chunk of that many bytes in the file. */
static mh_status make_room(task *t, size_t packed_bytes)
{
    mh_status status = MH_OK;
    const hdf5_chunks *c = t->chunks;
    size_t room = packed_bytes > c->chunk_bytes ? packed_bytes : c->chunk_bytes;

    if (packed_bytes > t->packed_room) {
        mh_memory_free(t->packed);
        t->packed_room = 0;
        MH_TRY(mh_memory_new(room, &t->packed));
        t->packed_room = room;
    }
    if (c->deflate != 0 && t->inflated == NULL)
        MH_TRY(mh_memory_new(c->chunk_bytes, &t->inflated));
    if (c->deflate != 0 && t->inflate == NULL)
        MH_TRY(hdf5_inflate_create(&t->inflate));
cleanup:
    return status;
}

/* Whether a chunk of so many bytes in the file can be one: nobody asks for memory on the word of a damaged file. */
static bool is_plausible(const hdf5_chunks *c, size_t bytes)
{
    if (c->deflate == 0)
        return bytes == c->chunk_bytes;
    return bytes <= c->file_bytes && c->chunk_bytes / HDF5_INFLATE_MOST <= bytes;
}

/* Whether it can go from the file to where it belongs without a stop. */
static bool is_direct(const task *t)
{
    const hdf5_chunks *c = t->chunks;

    return c->deflate == 0 && c->shuffle == 0 && t->target.is_same && c->chunk_columns == c->columns &&
           t->rows.count == c->chunk_rows;
}

/*
 * Reads a chunk as it is in the file.
 *
 *   is_done   out: there is nothing left to decode
 */
static mh_status fetch(task *t, bool *is_done)
{
    mh_status status = MH_OK;
    const hdf5_chunks *c = t->chunks;
    const hsize_t place[2] = {t->first_row, t->columns.first};
    hsize_t bytes = 0;
    unsigned char *to = NULL;

    mh_phase_beat();
    *is_done = true;
    if (H5Dget_chunk_storage_size(c->dataset, place, &bytes) < 0 || bytes == 0)
        return read_with_hdf5(t);
    if (!is_plausible(c, bytes))
        return fail(c, t->rows, "a chunk has an impossible size");
    *is_done = is_direct(t);
    if (!*is_done)
        MH_TRY(make_room(t, bytes));
    to = *is_done ? t->target.base + (t->rows.first - t->target.rows.first) * c->columns * c->element_bytes
                  : t->packed;
    t->packed_bytes = bytes;
    if (H5Dread_chunk(c->dataset, H5P_DEFAULT, place, &t->skipped, to) < 0)
        return fail(c, t->rows, hdf5_reason());
    if (c->deflate != 0 && (t->skipped & c->deflate) != 0 && bytes != c->chunk_bytes)
        return fail(c, t->rows, "a chunk has an impossible size");
cleanup:
    return status;
}

/* ---- the way of many chunks ---- */

/* One read under way: what of it is in the crew's hands, and the first chunk that failed. */
typedef struct {
    hdf5_chunks *chunks;
    task **idle; /* [idle_count] tasks nobody works at */
    size_t idle_count;
    size_t given; /* chunks so far */
    mh_status status;
    size_t failed; /* the number of the chunk that `status` and the message are of */
} journey;

static void look_at_done(journey *j, task *t)
{
    if (!t->is_whole && (j->status == MH_OK || t->number < j->failed)) {
        j->failed = t->number;
        j->status = fail(t->chunks, t->rows, "a chunk does not unpack to its size");
    }
    j->idle[j->idle_count++] = t;
}

/* False where it has failed. */
static bool send(journey *j, mh_span rows, size_t first_row, size_t first_column, const target *target)
{
    hdf5_chunks *c = j->chunks;
    size_t columns =
        c->columns - first_column < c->chunk_columns ? c->columns - first_column : c->chunk_columns;
    bool is_done = false;

    if (j->idle_count == 0)
        look_at_done(j, mh_crew_take(c->crew));
    if (j->status != MH_OK)
        return false;
    task *t = j->idle[j->idle_count - 1];

    t->chunks = c;
    t->number = j->given++;
    t->rows = rows;
    t->first_row = first_row;
    t->columns = (mh_span){first_column, columns};
    t->target = *target;
    j->status = fetch(t, &is_done);
    j->failed = t->number;
    if (j->status == MH_OK && !is_done) {
        j->idle_count--;
        mh_crew_give(c->crew, t);
    }
    return j->status == MH_OK;
}

/* Rows of the target out of the chunks that begin at `first_row`. */
static void send_band(journey *j, mh_span rows, size_t first_row, const target *target)
{
    hdf5_chunks *c = j->chunks;

    for (size_t column = 0; column < c->columns; column += c->chunk_columns)
        if (!send(j, rows, first_row, column, target))
            return;
}

static void finish(journey *j)
{
    for (task *t = mh_crew_take(j->chunks->crew); t != NULL; t = mh_crew_take(j->chunks->crew))
        look_at_done(j, t);
}

/* ---- rows that are kept ---- */

static void copy_kept(const hdf5_chunks *c, mh_span rows, const target *to)
{
    to->convert(c->kept + (rows.first - c->kept_rows.first) * c->columns * c->element_bytes,
                to->base + (rows.first - to->rows.first) * c->columns * to->element_bytes,
                rows.count * c->columns);
}

/* The rows of the chunks that `row` is in. */
static mh_span band_of(const hdf5_chunks *c, size_t row)
{
    size_t first = row / c->chunk_rows * c->chunk_rows;

    return (mh_span){first, c->rows - first < c->chunk_rows ? c->rows - first : c->chunk_rows};
}

/* Whether the last rows of a band are left over. */
static bool is_cut(mh_span rows, mh_span band)
{
    return mh_span_end(rows) < mh_span_end(band);
}

/* Makes room to keep a row of chunks, unless it would be too much. */
static mh_status need_kept(hdf5_chunks *c)
{
    size_t rows = c->rows < c->chunk_rows ? c->rows : c->chunk_rows, bytes = 0;

    if (c->kept != NULL || __builtin_mul_overflow(rows, c->columns * c->element_bytes, &bytes) ||
        bytes > KEPT_BYTES || bytes / (c->deflate != 0 ? HDF5_INFLATE_MOST : 1) > c->file_bytes)
        return MH_OK;
    return mh_memory_new(bytes, &c->kept);
}

static target kept_target(const hdf5_chunks *c, mh_span band)
{
    return (target){.base = c->kept,
                    .rows = band,
                    .element_bytes = c->element_bytes,
                    .convert = hdf5_copy_of(c->element_bytes),
                    .is_same = true,
                    .type = c->type};
}

static mh_status read_rows(hdf5_chunks *c, mh_span rows, const target *to)
{
    mh_status status = MH_OK;
    task *idle[THREADS_MAX + 2];
    journey j = {.chunks = c, .idle = idle};
    mh_span next = {0, 0}; /* to be kept then */

    for (size_t i = 0; i < c->tasks; i++)
        idle[j.idle_count++] = &c->task[i];
    for (size_t row = rows.first; row < mh_span_end(rows) && j.status == MH_OK;) {
        mh_span band = band_of(c, row), wanted = mh_span_overlap(band, rows);

        row = mh_span_end(wanted);
        if (mh_span_overlap(wanted, c->kept_rows).count > 0) {
            copy_kept(c, wanted, to);
        } else if (is_cut(wanted, band) && c->kept != NULL) {
            target all = kept_target(c, band);

            c->kept_rows.count = 0;
            next = band;
            send_band(&j, band, band.first, &all);
        } else {
            send_band(&j, wanted, band.first, to);
        }
    }
    finish(&j);
    MH_TRY(j.status);
    if (next.count > 0) {
        c->kept_rows = next;
        copy_kept(c, mh_span_overlap(next, rows), to);
    }
cleanup:
    return status;
}

mh_status hdf5_chunks_read(hdf5_chunks *c, mh_span rows, mh_element element, void *out)
{
    mh_status status = MH_OK;
    const target to = {.base = out,
                       .rows = rows,
                       .element_bytes = H5Tget_size(hdf5_memory_type(element)),
                       .convert = hdf5_find_convert(c->stored, element),
                       .is_same = hdf5_is_same(c->stored, element),
                       .type = hdf5_memory_type(element)};

    if (rows.count == 0)
        return MH_OK;
    if (is_cut(rows, band_of(c, mh_span_end(rows) - 1)))
        MH_TRY(need_kept(c));
    status = read_rows(c, rows, &to);
cleanup:
    return status;
}

/* ---- creating ---- */

/* Threads beside the caller's that pay, and a task more than threads, so that one is read while they all work. */
static mh_status create_tasks(hdf5_chunks *c)
{
    mh_status status = MH_OK;
    size_t cores = decoders > 0 ? decoders : mh_cpu_cores(), most = KEPT_BYTES / 2 / (c->chunk_bytes + 1);
    size_t bands = c->rows / c->chunk_rows + 1, across = c->columns / c->chunk_columns + 1;

    cores = c->deflate == 0 ? 1 : cores;
    cores = cores > THREADS_MAX ? THREADS_MAX : cores;
    cores = cores > most ? most : cores;
    cores = across < cores && bands < cores / across ? bands * across : cores;
    c->tasks = cores > 1 ? cores + 1 : 1;
    MH_TRY(mh_memory_array(c->tasks, sizeof *c->task, &c->task));
    for (size_t i = 0; i < c->tasks; i++)
        c->task[i].chunks = c;
    MH_TRY(mh_crew_create(cores > 1 ? cores - 1 : 0, c->tasks, decode, &c->crew));
cleanup:
    return status;
}

mh_status hdf5_chunks_create(hid_t dataset, hid_t type, const char *path, const char *name,
                             const hsize_t sizes[2], hdf5_chunks **out)
{
    mh_status status = MH_OK;
    hdf5_chunks *c = NULL;
    hid_t properties = H5Dget_create_plist(dataset);

    MH_TRY(mh_memory_new(sizeof *c, &c));
    c->dataset = dataset;
    c->type = type;
    c->path = path;
    c->name = name;
    c->stored = hdf5_stored_of(type);
    c->rows = sizes[0];
    c->columns = sizes[1];
    c->element_bytes = H5Tget_size(type);
    c->file_bytes = hdf5_bytes_of_file(dataset);
    if (!look_at(c, properties)) {
        hdf5_chunks_destroy(c);
        c = NULL;
        goto cleanup;
    }
    MH_TRY(create_tasks(c));
cleanup:
    H5Pclose(properties);
    if (status != MH_OK) {
        hdf5_chunks_destroy(c);
        c = NULL;
    }
    *out = c;
    return status;
}

void hdf5_chunks_destroy(hdf5_chunks *c)
{
    if (c == NULL)
        return;
    mh_crew_destroy(c->crew);
    for (size_t i = 0; c->task != NULL && i < c->tasks; i++) {
        mh_memory_free(c->task[i].packed);
        mh_memory_free(c->task[i].inflated);
        hdf5_inflate_destroy(c->task[i].inflate);
    }
    mh_memory_free(c->task);
    mh_memory_free(c->kept);
    mh_memory_free(c);
}
