#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "multihead/base/number.h"
#include "multihead/base/random.h"

/* Reads `text`, of which `length` bytes are the number. */
static void expect_number(const char *text, double expected, size_t length)
{
    double value = -77;
    const char *end = mh_number_read(text, &value);

    cr_assert(end != NULL, "no number in '%s'", text);
    cr_expect(end == text + length, "'%s': ends at '%s'", text, end);
    cr_expect(memcmp(&value, &expected, sizeof value) == 0, "'%s' is %.17g, not %.17g", text, value,
              expected);
}

Test(number, decimals_are_read)
{
    expect_number("0", 0, 1);
    expect_number("-0.0", -0.0, 4);
    expect_number("+1.5", 1.5, 4);
    expect_number(".5", 0.5, 2);
    expect_number("5.", 5, 2);
    expect_number("1e3", 1000, 3);
    expect_number("-2.5E-2", -0.025, 7);
    expect_number("12:3", 12, 2);
    expect_number("1e", 1, 1);
    expect_number("1e+x", 1, 1);
    expect_number("0x10", 0, 1);
}

Test(number, too_large_is_infinite_and_too_small_is_zero)
{
    expect_number("1e309", (double)INFINITY, 5);
    expect_number("-1e99999999999999999999", -(double)INFINITY, 23);
    expect_number("1e-400", 0, 6);
    expect_number("0e999999", 0, 8);
}

Test(number, what_is_no_number_is_refused)
{
    static const char *const none[] = {"",    "-",   "+",    ".",  "e5",  "nan",
                                       "inf", "NaN", "-inf", " 1", "abc", "--1"};
    double value = 0;

    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        cr_expect(mh_number_read(none[i], &value) == NULL, "a number in '%s'", none[i]);
}

static void expect_as_strtod(const char *text)
{
    expect_number(text, strtod(text, NULL), strlen(text));
}

Test(number, the_nearest_double_is_found)
{
    static const char *const hard[] = {"9007199254740993",
                                       "9007199254740992.5",
                                       "0.1",
                                       "1.7976931348623157e308",
                                       "2.2250738585072011e-308",
                                       "4.9406564584124654e-324",
                                       "3.14159265358979323846264338327950288",
                                       "123456789012345678901234567890",
                                       "0.000000000000000000000000000000000000000000001",
                                       "1e22",
                                       "1e23",
                                       "7.2057594037927933e16"};

    for (size_t i = 0; i < sizeof hard / sizeof hard[0]; i++)
        expect_as_strtod(hard[i]);
}

/* Every length and size, against the C library. */
Test(number, random_decimals_are_read_as_strtod_reads_them)
{
    mh_random stream = mh_random_stream(1, MH_RANDOM_BENCH, 0, 0);
    char text[64];

    for (uint64_t i = 0; i < 200000; i++) {
        int digits = (int)mh_random_below(&stream, 3 * i, 19);
        double value = (mh_random_uniform(&stream, 3 * i + 1) - 0.5) *
                       pow(10, (double)mh_random_below(&stream, 3 * i + 2, 60) - 30);

        snprintf(text, sizeof text, i % 2 == 0 ? "%.*g" : "%.*f", digits, value);
        expect_as_strtod(text);
    }
}

Test(number, a_point_is_a_point_in_every_locale)
{
    if (setlocale(LC_NUMERIC, "de_DE.UTF-8") == NULL && setlocale(LC_NUMERIC, "fr_FR.UTF-8") == NULL)
        cr_skip_test("there is no locale with a comma");
    expect_number("0.1234567890123456789012", 0.1234567890123456789012, 24);
}
