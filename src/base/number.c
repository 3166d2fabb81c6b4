#include "multihead/base/number.h"

#include <locale.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

enum { EXACT_POWER = 22, EXPONENT_CAP = 100000 };

static const uint64_t EXACT_MANTISSA = UINT64_C(1) << 53;

/* The powers of ten that a double holds exactly. */
static const double powers[EXACT_POWER + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                               1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                               1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

typedef struct {
    uint64_t mantissa;
    size_t digits; /* of the mantissa, without zeros in front */
    long exponent; /* of ten                                  */
    bool has_digits;
    bool is_negative;
} decimal;

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static const char *read_digits(const char *text, decimal *number, long exponent_of_each)
{
    for (; is_digit(*text); text++) {
        number->has_digits = true;
        if (number->digits < 19) { /* more do not fit into 64 bits, and are then not used */
            number->mantissa = number->mantissa * 10 + (uint64_t)(*text - '0');
            number->exponent += exponent_of_each;
        }
        if (number->mantissa != 0)
            number->digits++;
    }
    return text;
}

/* Without digits, the e belongs to what follows. */
static const char *read_exponent(const char *text, decimal *number)
{
    const char *digit = text + 1;
    bool is_negative = *digit == '-';
    long exponent = 0;

    if (*digit == '+' || *digit == '-')
        digit++;
    if (!is_digit(*digit))
        return text;
    for (; is_digit(*digit); digit++)
        exponent = exponent < EXPONENT_CAP ? exponent * 10 + (*digit - '0') : EXPONENT_CAP;
    number->exponent += is_negative ? -exponent : exponent;
    return digit;
}

/* strtod with a point, whatever the user's locale has. */
static double read_slowly(const char *text)
{
    static locale_t plain;

    if (plain == (locale_t)0)
        plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    return plain != (locale_t)0 ? strtod_l(text, NULL, plain) : strtod(text, NULL);
}

const char *mh_number_read(const char *text, double *out)
{
    decimal number = {.is_negative = *text == '-'};
    const char *end = text + (*text == '-' || *text == '+');

    end = read_digits(end, &number, 0);
    if (*end == '.')
        end = read_digits(end + 1, &number, -1);
    if (!number.has_digits)
        return NULL;
    if (*end == 'e' || *end == 'E')
        end = read_exponent(end, &number);

    /* One rounding, of a product or quotient of two exact doubles: Clinger, PLDI 1990. */
    bool is_exact = number.digits <= 19 && number.mantissa <= EXACT_MANTISSA &&
                    number.exponent >= -EXACT_POWER && number.exponent <= EXACT_POWER;
    if (is_exact) {
        double value = (double)number.mantissa;

        value = number.exponent < 0 ? value / powers[-number.exponent] : value * powers[number.exponent];
        *out = number.is_negative ? -value : value;
    } else {
        *out = read_slowly(text);
    }
    return end;
}
