#include "hdf5_convert.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* Loops that the compiler vectorizes: HDF5's own take 3 to 5 ns an element. */

/* ---- types ---- */

hdf5_stored hdf5_stored_of(hid_t type)
{
    const hid_t known[HDF5_OTHER] = {[HDF5_FLOAT32] = H5T_NATIVE_FLOAT, [HDF5_FLOAT64] = H5T_NATIVE_DOUBLE,
                                     [HDF5_INT8] = H5T_NATIVE_INT8,     [HDF5_UINT8] = H5T_NATIVE_UINT8,
                                     [HDF5_INT16] = H5T_NATIVE_INT16,   [HDF5_UINT16] = H5T_NATIVE_UINT16,
                                     [HDF5_INT32] = H5T_NATIVE_INT32,   [HDF5_UINT32] = H5T_NATIVE_UINT32,
                                     [HDF5_INT64] = H5T_NATIVE_INT64,   [HDF5_UINT64] = H5T_NATIVE_UINT64};
    hdf5_stored stored = HDF5_FLOAT32;
    hid_t plain = H5Tget_class(type) == H5T_ENUM ? H5Tget_super(type) : H5Tcopy(type);

    while (stored < HDF5_OTHER && H5Tequal(plain, known[stored]) <= 0)
        stored++;
    H5Tclose(plain);
    return stored;
}

size_t hdf5_stored_bytes(hdf5_stored stored)
{
    static const size_t bytes[HDF5_OTHER] = {4, 8, 1, 1, 2, 2, 4, 4, 8, 8};

    return bytes[stored];
}

/* ---- conversions ---- */

#define DEFINE_COPY(bytes)                                                                                   \
    static void copy_##bytes(const void *in, void *out, size_t count)                                        \
    {                                                                                                        \
        memcpy(out, in, count *(bytes));                                                                     \
    }

/* As C converts: exact, or rounded to the nearest float. */
#define DEFINE_CAST(name, from, to)                                                                          \
    static void name(const void *in, void *out, size_t count)                                                \
    {                                                                                                        \
        const from *restrict x = in;                                                                         \
        to *restrict y = out;                                                                                \
                                                                                                             \
        for (size_t i = 0; i < count; i++)                                                                   \
            y[i] = (to)x[i];                                                                                 \
    }

/* Of unsigned values those out of range become the largest one. */
#define DEFINE_CUT(name, from, to, most)                                                                     \
    static void name(const void *in, void *out, size_t count)                                                \
    {                                                                                                        \
        const from *restrict x = in;                                                                         \
        to *restrict y = out;                                                                                \
                                                                                                             \
        for (size_t i = 0; i < count; i++)                                                                   \
            y[i] = (to)(x[i] > (from)(most) ? (from)(most) : x[i]);                                          \
    }

DEFINE_COPY(1)
DEFINE_COPY(2)
DEFINE_COPY(4)
DEFINE_COPY(8)

DEFINE_CAST(int8_to_float, int8_t, float)
DEFINE_CAST(uint8_to_float, uint8_t, float)
DEFINE_CAST(int16_to_float, int16_t, float)
DEFINE_CAST(uint16_to_float, uint16_t, float)
DEFINE_CAST(int32_to_float, int32_t, float)
DEFINE_CAST(uint32_to_float, uint32_t, float)
DEFINE_CAST(int64_to_float, int64_t, float)
DEFINE_CAST(uint64_to_float, uint64_t, float)

DEFINE_CAST(int8_to_int32, int8_t, int32_t)
DEFINE_CAST(uint8_to_int32, uint8_t, int32_t)
DEFINE_CAST(int16_to_int32, int16_t, int32_t)
DEFINE_CAST(uint16_to_int32, uint16_t, int32_t)
DEFINE_CUT(uint32_to_int32, uint32_t, int32_t, INT32_MAX)
DEFINE_CUT(uint64_to_int32, uint64_t, int32_t, INT32_MAX)

DEFINE_CAST(int8_to_int64, int8_t, int64_t)
DEFINE_CAST(uint8_to_int64, uint8_t, int64_t)
DEFINE_CAST(int16_to_int64, int16_t, int64_t)
DEFINE_CAST(uint16_to_int64, uint16_t, int64_t)
DEFINE_CAST(int32_to_int64, int32_t, int64_t)
DEFINE_CAST(uint32_to_int64, uint32_t, int64_t)
DEFINE_CUT(uint64_to_int64, uint64_t, int64_t, INT64_MAX)

static void int64_to_int32(const void *in, void *out, size_t count)
{
    const int64_t *restrict x = in;
    int32_t *restrict y = out;

    for (size_t i = 0; i < count; i++) {
        int64_t value = x[i] > INT32_MAX ? INT32_MAX : x[i];

        y[i] = (int32_t)(value < INT32_MIN ? INT32_MIN : value);
    }
}

/* Between FLT_MAX and infinity C rounds to the nearer one; for HDF5 all of that is out of range, so infinite. */
static void double_to_float(const void *in, void *out, size_t count)
{
    const double *restrict x = in;
    float *restrict y = out;

    for (size_t i = 0; i < count; i++) {
        double value = x[i] > FLT_MAX ? (double)INFINITY : x[i];

        y[i] = (float)(value < -FLT_MAX ? -(double)INFINITY : value);
    }
}

hdf5_convert hdf5_find_convert(hdf5_stored stored, mh_element element)
{
    static const hdf5_convert to_float32[HDF5_OTHER] = {
        copy_4,          double_to_float, int8_to_float,   uint8_to_float, int16_to_float,
        uint16_to_float, int32_to_float,  uint32_to_float, int64_to_float, uint64_to_float};
    static const hdf5_convert to_int32[HDF5_OTHER] = {NULL,           NULL,
                                                      int8_to_int32,  uint8_to_int32,
                                                      int16_to_int32, uint16_to_int32,
                                                      copy_4,         uint32_to_int32,
                                                      int64_to_int32, uint64_to_int32};
    static const hdf5_convert to_int64[HDF5_OTHER] = {NULL,           NULL,
                                                      int8_to_int64,  uint8_to_int64,
                                                      int16_to_int64, uint16_to_int64,
                                                      int32_to_int64, uint32_to_int64,
                                                      copy_8,         uint64_to_int64};

    if (stored == HDF5_OTHER)
        return NULL;
    switch (element) {
    case MH_FLOAT32:
        return to_float32[stored];
    case MH_INT32:
        return to_int32[stored];
    case MH_INT64:
        return to_int64[stored];
    case MH_FLOAT64:
        return stored == HDF5_FLOAT64 ? copy_8 : NULL;
    case MH_UINT8:
        return stored == HDF5_UINT8 ? copy_1 : NULL;
    case MH_UINT16:
        return stored == HDF5_UINT16 ? copy_2 : NULL;
    }
    return NULL;
}

hdf5_convert hdf5_copy_of(size_t element_bytes)
{
    static const hdf5_convert copies[] = {[1] = copy_1, [2] = copy_2, [4] = copy_4, [8] = copy_8};

    return copies[element_bytes];
}

bool hdf5_is_same(hdf5_stored stored, mh_element element)
{
    return stored != HDF5_OTHER &&
           hdf5_find_convert(stored, element) == hdf5_copy_of(hdf5_stored_bytes(stored));
}

/* ---- the shuffle filter ---- */

/* With the size known, the inner loop is vector shuffles: 20 GB/s. */
#define DEFINE_UNSHUFFLE(bytes)                                                                              \
    static void unshuffle_##bytes(const unsigned char *restrict in, size_t elements, size_t count,           \
                                  unsigned char *restrict out)                                               \
    {                                                                                                        \
        for (size_t i = 0; i < count; i++)                                                                   \
            for (size_t b = 0; b < (bytes); b++)                                                             \
                out[i * (bytes) + b] = in[b * elements + i];                                                 \
    }

DEFINE_UNSHUFFLE(2)
DEFINE_UNSHUFFLE(4)
DEFINE_UNSHUFFLE(8)

void hdf5_unshuffle(const unsigned char *in, size_t elements, size_t bytes, size_t first, size_t count,
                    unsigned char *out)
{
    switch (bytes) {
    case 2:
        unshuffle_2(in + first, elements, count, out);
        break;
    case 4:
        unshuffle_4(in + first, elements, count, out);
        break;
    case 8:
        unshuffle_8(in + first, elements, count, out);
        break;
    default:
        memcpy(out, in + first * bytes, count * bytes);
    }
}
