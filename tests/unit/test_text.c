#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "multihead/base/random.h"
#include "multihead/base/text.h"

static char buffer[MH_TEXT_BYTES];

static void expect_text(const char *text, const char *expected)
{
    cr_expect(strcmp(text, expected) == 0, "'%s' instead of '%s'", text, expected);
    cr_expect(text == buffer);
}

Test(text, number_is_short)
{
    expect_text(mh_text_number(0.1, buffer), "0.1");
    expect_text(mh_text_number(1e-5, buffer), "1e-05");
    expect_text(mh_text_number(0.0, buffer), "0");
    expect_text(mh_text_number(-2.5, buffer), "-2.5");
    expect_text(mh_text_number((double)NAN, buffer), "nan");
    expect_text(mh_text_number(-(double)NAN, buffer), "nan");
    expect_text(mh_text_number((double)INFINITY, buffer), "inf");
}

Test(text, bytes_are_counted_in_powers_of_1024)
{
    expect_text(mh_text_bytes(0, buffer), "0 B");
    expect_text(mh_text_bytes(1023, buffer), "1023 B");
    expect_text(mh_text_bytes(1536, buffer), "1.5 KiB");
    expect_text(mh_text_bytes(612 * 1024, buffer), "612 KiB");
    expect_text(mh_text_bytes((size_t)3 << 30, buffer), "3.0 GiB");
    expect_text(mh_text_bytes(SIZE_MAX, buffer), "16 EiB");
}

/* Numbers of every size: random bits are random exponents too. */
Test(text, number_reads_back_as_the_same_double)
{
    const double special[] = {1.0 / 3.0, DBL_MAX, DBL_MIN, 0x1p-1074, -0.25241672992706299};
    mh_random stream = mh_random_stream(1, MH_RANDOM_BENCH, 0, 0);

    for (size_t i = 0; i < sizeof special / sizeof special[0]; i++)
        cr_expect(strtod(mh_text_number(special[i], buffer), NULL) == special[i], "%s", buffer);
    for (uint64_t i = 0; i < 10000; i++) {
        uint64_t bits = mh_random_bits(&stream, i);
        double value;

        memcpy(&value, &bits, sizeof value);
        if (isfinite(value))
            cr_expect(strtod(mh_text_number(value, buffer), NULL) == value, "%s", buffer);
    }
}

Test(text, count_has_commas)
{
    expect_text(mh_text_count(0, buffer), "0");
    expect_text(mh_text_count(999, buffer), "999");
    expect_text(mh_text_count(1000, buffer), "1,000");
    expect_text(mh_text_count(45157, buffer), "45,157");
    expect_text(mh_text_count(SIZE_MAX, buffer), "18,446,744,073,709,551,615");
}

Test(text, duration_shows_hours_when_there_are_some)
{
    expect_text(mh_text_duration(0.0, buffer), "0:00");
    expect_text(mh_text_duration(-1.0, buffer), "0:00");
    expect_text(mh_text_duration(7.4, buffer), "0:07");
    expect_text(mh_text_duration(750.0, buffer), "12:30");
    expect_text(mh_text_duration(3599.6, buffer), "1:00:00");
    expect_text(mh_text_duration(10801.0, buffer), "3:00:01");
}

Test(text, an_excerpt_is_short_and_harmless)
{
    expect_text(mh_text_excerpt("plain", buffer), "plain");
    expect_text(mh_text_excerpt("a\x1b[31m\tb\n", buffer), "a?[31m?b?");
    expect_text(mh_text_excerpt("\xff\xc3x\xc2\x9b\xe2\x82", buffer), "??x????");
    expect_text(mh_text_excerpt("gr\xc3\xbc\xc3\x9f \xe2\x82\xac", buffer),
                "gr\xc3\xbc\xc3\x9f \xe2\x82\xac");
    expect_text(mh_text_excerpt("012345678901234567890123456789012345678", buffer),
                "012345678901234567890123456789012345678");
    expect_text(mh_text_excerpt("0123456789012345678901234567890123456789", buffer),
                "012345678901234567890123456789012345...");
    expect_text(mh_text_excerpt("01234567890123456789012345678901234\xc3\xa4\xc3\xa4\xc3\xa4", buffer),
                "01234567890123456789012345678901234...");
}

Test(text, appends_what_there_is_room_for)
{
    char text[8];
    size_t used = mh_text_append(text, sizeof text, 0, "rank");

    cr_expect(eq(sz, used, 4));
    used = mh_text_append(text, sizeof text, used, "");
    used = mh_text_append(text, sizeof text, used, " 1 on node");
    cr_expect(eq(sz, used, 7));
    cr_expect(strcmp(text, "rank 1 ") == 0, "'%s'", text);
}
