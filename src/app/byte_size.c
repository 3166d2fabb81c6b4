#include "byte_size.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char units[] = "KMGT";

bool byte_size_parse(const char *text, size_t *bytes)
{
    char *end = NULL;
    const char *unit = units;
    size_t scale = 1;

    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || errno != 0)
        return false;
    if (*end != '\0') {
        unit = strchr(units, *end);
        if (unit == NULL || end[1] != '\0')
            return false;
        scale <<= 10 * (unit - units + 1);
    }
    return !__builtin_mul_overflow((size_t)number, scale, bytes);
}

void byte_size_print(size_t bytes, FILE *out)
{
    size_t unit = 0;

    while (bytes > 0 && bytes % 1024 == 0 && units[unit] != '\0') {
        bytes /= 1024;
        unit++;
    }
    fprintf(out, "%zu%.*s", bytes, unit > 0, unit > 0 ? &units[unit - 1] : "");
}
