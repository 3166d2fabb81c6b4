#include "weight_list.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "multihead/base/memory.h"
#include "text_file.h"

static const char SEPARATORS[] = ", \t\r\n";

static mh_status parse(const char *name, const char *numbers, size_t heads, double *weights, size_t *count)
{
    const char *at = numbers + strspn(numbers, SEPARATORS);

    for (*count = 0; *at != '\0'; at += strspn(at, SEPARATORS)) {
        char *end = NULL;
        double value = strtod(at, &end);

        if (end == at || strchr(SEPARATORS, *end) == NULL || !isfinite(value) || value < 0)
            return MH_FAIL(MH_ERR_USAGE, "--%s: \"%.*s\" is not a number from 0", name,
                           (int)strcspn(at, SEPARATORS), at);
        if (*count < heads)
            weights[*count] = value;
        ++*count;
        at = end;
    }
    return MH_OK;
}

/* Whether it can be meant as numbers rather than as the path of a file. */
static bool is_inline(const char *text)
{
    return strspn(text, "0123456789.eE+-,") == strlen(text);
}

mh_status weight_list_read(const char *name, const char *text, const mh_schema *schema, double **out,
                           bool *is_for_all)
{
    mh_status status = MH_OK;
    char *file = NULL;
    size_t count = 0;

    MH_TRY(mh_memory_array(schema->heads, sizeof **out, out));
    if (!is_inline(text))
        MH_TRY(text_file_read(text, &file));
    MH_TRY(parse(name, file != NULL ? file : text, schema->heads, *out, &count));
    if (is_for_all != NULL)
        *is_for_all = count == 1;
    if (count == 1)
        for (size_t h = 1; h < schema->heads; h++)
            (*out)[h] = (*out)[0];
    else if (count != schema->heads)
        status = MH_FAIL(MH_ERR_USAGE,
                         "--%s: expected a number for each of the %zu labels, or one for all; got %zu", name,
                         schema->heads, count);
cleanup:
    mh_memory_free(file);
    if (status != MH_OK) {
        mh_memory_free(*out);
        *out = NULL;
    }
    return status;
}
