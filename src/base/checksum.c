#include "multihead/base/checksum.h"

#include <xxhash.h>

/* The library's own state under our name: it makes and frees it, so its size stays its own business. */
static XXH3_state_t *state_of(mh_checksum_stream *stream)
{
    return (XXH3_state_t *)stream;
}

uint64_t mh_checksum(const void *data, size_t bytes)
{
    return XXH3_64bits(data, bytes);
}

mh_status mh_checksum_stream_create(mh_checksum_stream **out)
{
    XXH3_state_t *state = XXH3_createState();

    *out = (mh_checksum_stream *)state;
    if (state == NULL)
        return MH_FAIL(MH_ERR_MEMORY, "out of memory: no state for a checksum");
    XXH3_64bits_reset(state);
    return MH_OK;
}

void mh_checksum_stream_destroy(mh_checksum_stream *stream)
{
    if (stream != NULL)
        XXH3_freeState(state_of(stream));
}

void mh_checksum_stream_add(mh_checksum_stream *stream, const void *data, size_t bytes)
{
    XXH3_64bits_update(state_of(stream), data, bytes);
}

uint64_t mh_checksum_stream_value(const mh_checksum_stream *stream)
{
    return XXH3_64bits_digest((const XXH3_state_t *)stream);
}
