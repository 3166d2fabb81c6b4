#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "expect.h"
#include "multihead/base/checksum.h"

/* Values of xxhsum -H3. */
Test(checksum, is_xxh3)
{
    cr_expect(eq(u64, mh_checksum("", 0), UINT64_C(0x2d06800538d394c2)));
    cr_expect(eq(u64, mh_checksum("multihead", 9), UINT64_C(0xceee061185f4ff98)));
}

Test(checksum, in_pieces_is_the_same)
{
    enum { BYTES = 10000 };
    char data[BYTES];
    mh_checksum_stream *stream = NULL;

    for (size_t i = 0; i < BYTES; i++)
        data[i] = (char)(i * i >> 3);
    MUST(mh_checksum_stream_create(&stream));
    for (size_t done = 0, piece = 1; done < BYTES; done += piece, piece = 3 * piece + 1) {
        piece = piece < BYTES - done ? piece : BYTES - done;
        mh_checksum_stream_add(stream, data + done, piece);
        cr_expect(eq(u64, mh_checksum_stream_value(stream), mh_checksum(data, done + piece)));
    }
    mh_checksum_stream_destroy(stream);
    mh_checksum_stream_destroy(NULL);
}

Test(checksum, every_bit_counts)
{
    unsigned char data[100] = {0};
    uint64_t before = mh_checksum(data, sizeof data);

    for (size_t bit = 0; bit < 8 * sizeof data; bit++) {
        data[bit / 8] ^= (unsigned char)(1u << bit % 8);
        cr_expect(ne(u64, mh_checksum(data, sizeof data), before));
        data[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
}
