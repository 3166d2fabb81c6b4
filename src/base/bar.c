#include "multihead/base/bar.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "multihead/base/log.h"

enum { LONGEST = 30 };

void mh_bar_show(double share, const char *text)
{
    char line[512], bar[LONGEST + 1] = "";
    size_t columns = mh_log_terminal_columns();
    size_t room = columns > strlen(text) + 5 ? columns - strlen(text) - 5 : 0;
    size_t length = room < LONGEST ? room : LONGEST;
    size_t filled = (size_t)(share * (double)length);

    for (size_t i = 0; i < length; i++)
        bar[i] = i < filled ? '#' : '.';
    snprintf(line, sizeof line, "%s%s%s%s", length > 0 ? "[" : "", bar, length > 0 ? "] " : "", text);
    mh_log_status(line);
}
