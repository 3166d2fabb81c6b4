#include <string.h>

#include "hdf5_parts.h"
#include "multihead/base/memory.h"

/* What has been written into a file so far: its datasets, with a checksum of each. */

static size_t element_bytes(mh_element element)
{
    static const size_t bytes[] = {
        [MH_FLOAT32] = sizeof(float),   [MH_FLOAT64] = sizeof(double), [MH_UINT8] = sizeof(uint8_t),
        [MH_UINT16] = sizeof(uint16_t), [MH_INT32] = sizeof(int32_t),  [MH_INT64] = sizeof(int64_t)};

    return bytes[element];
}

mh_status hdf5_written_add(mh_hdf5_file *file, const char *name, mh_element element, size_t elements)
{
    mh_status status = MH_OK;

    MH_TRY(mh_memory_reserve(file->written_count + 1, sizeof *file->written, &file->written_room,
                             &file->written));
    hdf5_written *written = &file->written[file->written_count++];
    *written = (hdf5_written){.element = element, .elements = elements};
    MH_TRY(mh_memory_text(name, &written->name));
    MH_TRY(mh_checksum_stream_create(&written->checksum));
cleanup:
    return status;
}

/* From the newest one on: most are written right after they were added. */
hdf5_written *hdf5_written_find(const mh_hdf5_file *file, const char *name)
{
    for (size_t i = file->written_count; i > 0; i--)
        if (strcmp(file->written[i - 1].name, name) == 0)
            return &file->written[i - 1];
    return NULL;
}

void hdf5_written_put(hdf5_written *written, size_t first, size_t count, const void *data)
{
    if (first != written->done || written->is_odd) {
        written->is_odd = true;
        return;
    }
    mh_checksum_stream_add(written->checksum, data, count * element_bytes(written->element));
    written->done += count;
}

void hdf5_written_clear(mh_hdf5_file *file)
{
    for (size_t i = 0; i < file->written_count; i++) {
        mh_memory_free(file->written[i].name);
        mh_checksum_stream_destroy(file->written[i].checksum);
    }
    mh_memory_free(file->written);
}
