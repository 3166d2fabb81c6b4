#include "duration.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *name;
    double seconds;
} time_unit;

static const time_unit units[] = {{"s", 1}, {"min", 60}, {"h", 3600}, {"d", 86400}};

/* Seconds of a unit; 0 where it is none. */
static double seconds_of(const char *unit)
{
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (strcmp(unit, units[i].name) == 0)
            return units[i].seconds;
    return 0;
}

/* [H:]M:S; the fields behind the first are below 60. */
static bool parse_clock(const char *text, double *seconds)
{
    double sum = 0;

    for (int fields = 1; fields <= 3; fields++) {
        char *end = NULL;

        if (*text < '0' || *text > '9')
            return false;
        double field = (double)strtoull(text, &end, 10);
        if (fields > 1 && field >= 60)
            return false;
        sum = sum * 60 + field;
        *seconds = sum;
        if (*end == '\0')
            return fields > 1;
        if (*end != ':')
            return false;
        text = end + 1;
    }
    return false;
}

/* D-H:M:S */
static bool parse_days(const char *text, double *seconds)
{
    const char *dash = strchr(text, '-');
    char *end = NULL;

    if (dash == NULL || *text < '0' || *text > '9')
        return false;
    double days = (double)strtoull(text, &end, 10);
    if (end != dash || !parse_clock(dash + 1, seconds))
        return false;
    *seconds += days * 86400;
    return true;
}

/* A number that is not negative; NULL where none begins. */
static char *parse_amount(const char *text, double *amount)
{
    char *end = NULL;

    if ((*text < '0' || *text > '9') && *text != '.')
        return NULL;
    *amount = strtod(text, &end);
    return end != text && isfinite(*amount) ? end : NULL;
}

bool duration_parse(const char *text, double *seconds)
{
    double amount = 0;
    const char *unit = parse_amount(text, &amount);

    if (parse_days(text, seconds) || parse_clock(text, seconds))
        return true;
    if (unit == NULL || (*unit != '\0' && seconds_of(unit) == 0))
        return false;
    *seconds = *unit == '\0' ? amount : amount * seconds_of(unit);
    return true;
}

static bool is_one_of(const char *unit, const char *one, const char *many)
{
    return strcmp(unit, one) == 0 || strcmp(unit, many) == 0;
}

bool interval_parse(const char *text, mh_interval *out)
{
    double amount = 0;
    const char *unit = parse_amount(text, &amount);

    if (unit == NULL)
        return false;
    if (seconds_of(unit) > 0)
        *out = (mh_interval){MH_INTERVAL_SECONDS, amount * seconds_of(unit)};
    else if (*unit == '\0' || is_one_of(unit, "epoch", "epochs"))
        *out = (mh_interval){MH_INTERVAL_EPOCHS, amount};
    else if (is_one_of(unit, "step", "steps"))
        *out = (mh_interval){MH_INTERVAL_STEPS, amount};
    else
        return false;
    return out->unit == MH_INTERVAL_SECONDS || amount == floor(amount);
}

bool warmup_parse(const char *text, mh_interval *out)
{
    if (!interval_parse(text, out) || out->unit == MH_INTERVAL_SECONDS)
        return false;
    if (text[strcspn(text, "es")] == '\0') /* of "epochs" and "steps": a number alone */
        out->unit = MH_INTERVAL_STEPS;
    return true;
}
