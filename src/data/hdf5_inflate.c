#include "hdf5_inflate.h"

#include <libdeflate.h>

/* libdeflate's own object, under our name. */
static struct libdeflate_decompressor *own(hdf5_inflate *inflate)
{
    return (struct libdeflate_decompressor *)inflate;
}

mh_status hdf5_inflate_create(hdf5_inflate **out)
{
    *out = (hdf5_inflate *)libdeflate_alloc_decompressor();
    if (*out == NULL)
        return MH_FAIL(MH_ERR_MEMORY, "out of memory: libdeflate has none");
    return MH_OK;
}

void hdf5_inflate_destroy(hdf5_inflate *inflate)
{
    libdeflate_free_decompressor(own(inflate));
}

bool hdf5_inflate_run(hdf5_inflate *inflate, const void *packed, size_t packed_bytes, void *out, size_t bytes)
{
    size_t read = 0; /* like HDF5, we leave it to others what stands behind the end */

    /* Without a place for the size, another size than this one is a failure. */
    return libdeflate_zlib_decompress_ex(own(inflate), packed, packed_bytes, out, bytes, &read, NULL) ==
           LIBDEFLATE_SUCCESS;
}

const char *hdf5_inflate_version(void)
{
    return LIBDEFLATE_VERSION_STRING;
}
