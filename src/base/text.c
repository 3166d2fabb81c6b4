#include "multihead/base/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *mh_text_number(double value, char buffer[MH_TEXT_BYTES])
{
    if (isnan(value))
        value = fabs(value); /* printf would show its sign */
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(buffer, MH_TEXT_BYTES, "%.*g", digits, value);
        if (strtod(buffer, NULL) == value)
            break;
    }
    return buffer;
}

const char *mh_text_count(size_t value, char buffer[MH_TEXT_BYTES])
{
    char digits[MH_TEXT_BYTES / 2 + 4];
    size_t length = (size_t)snprintf(digits, sizeof digits, "%zu", value);
    size_t used = 0;

    for (size_t i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            buffer[used++] = ',';
        buffer[used++] = digits[i];
    }
    buffer[used] = '\0';
    return buffer;
}

const char *mh_text_duration(double seconds, char buffer[MH_TEXT_BYTES])
{
    long long whole = seconds > 0 ? (long long)(seconds + 0.5) : 0;

    if (whole < 3600)
        snprintf(buffer, MH_TEXT_BYTES, "%lld:%02lld", whole / 60, whole % 60);
    else
        snprintf(buffer, MH_TEXT_BYTES, "%lld:%02lld:%02lld", whole / 3600, whole / 60 % 60, whole % 60);
    return buffer;
}
