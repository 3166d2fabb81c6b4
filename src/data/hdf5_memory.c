#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "hdf5_parts.h"
#include "multihead/base/memory.h"
#include "multihead/data/seal.h"

/*
 * HDF5's driver for files in memory, whose memory we keep when it closes the file: the image that HDF5 1.10 gives of
 * an open one begins with a superblock whose own checksum is wrong.
 */

enum { GROWTH_BYTES = 1 << 16, SUPERBLOCK_BYTES = 48, END_PLACE = 28 };

static void *grow(void *bytes, size_t size, H5FD_file_image_op_t op, void *context)
{
    hdf5_memory *memory = context;
    unsigned char *grown = realloc(bytes, size);

    (void)op;
    if (grown == NULL)
        return NULL;
    if (size > memory->size)
        memset(grown + memory->size, 0, size - memory->size); /* the same contents are the same bytes */
    memory->bytes = grown;
    memory->size = size;
    return grown;
}

static herr_t keep(void *bytes, H5FD_file_image_op_t op, void *context)
{
    (void)bytes;
    (void)op;
    (void)context;
    return 0;
}

static void *same_context(void *context)
{
    return context;
}

static herr_t keep_context(void *context)
{
    (void)context;
    return 0;
}

mh_status hdf5_memory_create(hid_t access, hdf5_memory **out)
{
    mh_status status = MH_OK;
    H5FD_file_image_callbacks_t callbacks = {
        .image_realloc = grow, .image_free = keep, .udata_copy = same_context, .udata_free = keep_context};

    MH_TRY(mh_memory_new(sizeof **out, out));
    callbacks.udata = *out;
    if (H5Pset_fapl_core(access, GROWTH_BYTES, false) < 0 ||
        H5Pset_file_image_callbacks(access, &callbacks) < 0)
        status = MH_FAIL(MH_ERR_MEMORY, "HDF5 makes no file in memory: %s", hdf5_reason());
cleanup:
    return status;
}

void hdf5_memory_destroy(hdf5_memory *memory)
{
    if (memory == NULL)
        return;
    free(memory->bytes);
    mh_memory_free(memory);
}

/* HDF5's memory grows in steps; where the file ends is in its superblock (version 2, which 1.8's format has). */
static size_t end_of(const hdf5_memory *memory)
{
    size_t end = 0;

    assert(memory->size >= SUPERBLOCK_BYTES && memory->bytes[8] == 2 && memory->bytes[9] == sizeof end);
    for (size_t i = 0; i < sizeof end; i++)
        end |= (size_t)memory->bytes[END_PLACE + i] << 8 * i;
    assert(end <= memory->size);
    return end;
}

mh_status hdf5_memory_seal(hdf5_memory *memory, size_t *content_bytes)
{
    size_t bytes = end_of(memory), total = bytes + mh_seal_bytes(bytes);
    unsigned char *sealed = realloc(memory->bytes, total);

    if (sealed == NULL)
        return MH_FAIL(MH_ERR_MEMORY, "out of memory: %zu bytes asked for", total);
    memory->bytes = sealed;
    memory->size = mh_seal_put(sealed, bytes);
    *content_bytes = bytes;
    return MH_OK;
}
