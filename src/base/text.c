#include "multihead/base/text.h"

#include <math.h>
#include <stdbool.h>
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

const char *mh_text_bytes(size_t bytes, char buffer[MH_TEXT_BYTES])
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double value = (double)bytes / 1024;
    size_t unit = 0;

    if (bytes < 1024) {
        snprintf(buffer, MH_TEXT_BYTES, "%zu B", bytes);
        return buffer;
    }
    for (; value >= 1000 && unit + 1 < sizeof units / sizeof units[0]; unit++)
        value /= 1024;
    snprintf(buffer, MH_TEXT_BYTES, value < 10 ? "%.1f %s" : "%.0f %s", value, units[unit]);
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

/* Bytes of the letter that a text begins with, in UTF-8; 0 where that is none or one that a terminal obeys. */
static size_t letter_bytes(const char *text)
{
    const unsigned char *byte = (const unsigned char *)text;
    size_t bytes = byte[0] < 0x80 ? 1 : byte[0] >= 0xf0 ? 4 : byte[0] >= 0xe0 ? 3 : 2;
    bool is_control = byte[0] < 0x20 || byte[0] == 0x7f || (byte[0] == 0xc2 && byte[1] < 0xa0);

    if (is_control || (byte[0] >= 0x80 && byte[0] < 0xc2) || byte[0] > 0xf4)
        return 0;
    for (size_t i = 1; i < bytes; i++)
        if ((byte[i] & 0xc0) != 0x80)
            return 0;
    return bytes;
}

const char *mh_text_excerpt(const char *text, char buffer[MH_TEXT_BYTES])
{
    size_t used = 0;

    while (*text != '\0') {
        size_t bytes = letter_bytes(text), kept = bytes > 0 ? bytes : 1;
        bool fits = used + strnlen(text, MH_TEXT_BYTES) < MH_TEXT_BYTES;

        /* Of a text that does not fit, letters are kept as long as the dots find room behind them. */
        if (!fits && used + kept + sizeof "..." > MH_TEXT_BYTES) {
            snprintf(buffer + used, MH_TEXT_BYTES - used, "...");
            return buffer;
        }
        memcpy(buffer + used, bytes > 0 ? text : "?", kept);
        used += kept;
        text += kept;
    }
    buffer[used] = '\0';
    return buffer;
}

size_t mh_text_append(char *text, size_t bytes, size_t used, const char *more)
{
    for (; *more != '\0' && used + 1 < bytes; more++)
        text[used++] = *more;
    text[used] = '\0';
    return used;
}
