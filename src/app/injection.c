#include "injection.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "multihead/base/log.h"

static mh_status unknown(const char *text)
{
    char kinds[256];
    size_t used = 0;

    for (int kind = MH_FAULT_NONE + 1; mh_fault_name((mh_fault_kind)kind) != NULL; kind++)
        used += (size_t)snprintf(kinds + used, sizeof kinds - used, "%s%s", used > 0 ? ", " : "",
                                 mh_fault_name((mh_fault_kind)kind));
    return MH_FAIL(MH_ERR_USAGE, "--inject %s: expected KIND@rank=R,step=S, with a step from 1 and one of %s",
                   text, kinds);
}

static mh_fault_kind kind_of(const char *text, size_t length)
{
    for (int kind = MH_FAULT_NONE + 1; mh_fault_name((mh_fault_kind)kind) != NULL; kind++) {
        const char *name = mh_fault_name((mh_fault_kind)kind);

        if (strlen(name) == length && strncmp(text, name, length) == 0)
            return (mh_fault_kind)kind;
    }
    return MH_FAULT_NONE;
}

/* "rank=3" or "step=3"; where it ends, or NULL. */
static const char *parse_place(const char *text, injection *out)
{
    bool is_rank = strncmp(text, "rank=", 5) == 0;
    char *end = NULL;

    if ((!is_rank && strncmp(text, "step=", 5) != 0) || text[5] < '0' || text[5] > '9')
        return NULL;
    unsigned long long number = strtoull(text + 5, &end, 10);
    if (is_rank)
        out->rank = number;
    else
        out->step = number;
    return end;
}

mh_status injection_parse(const char *text, injection *out)
{
    size_t length = strcspn(text, "@");
    const char *place = text + length;

    *out = (injection){.kind = kind_of(text, length), .step = 1};
    while (out->kind != MH_FAULT_NONE && *place != '\0') {
        place = parse_place(place + 1, out);
        if (place == NULL || (*place != '\0' && *place != ',') || out->step == 0)
            return unknown(text);
    }
    return out->kind != MH_FAULT_NONE ? MH_OK : unknown(text);
}

static bool is_about_files(mh_fault_kind kind)
{
    return kind == MH_FAULT_WRITE_ERROR || kind == MH_FAULT_DISK_FULL || kind == MH_FAULT_BITFLIP;
}

mh_status injection_plan(const injection *injection, size_t rank, size_t ranks)
{
    if (injection->rank >= ranks)
        return MH_FAIL(MH_ERR_USAGE, "--inject: there is no rank %zu, the last one is %zu", injection->rank,
                       ranks - 1);
    mh_log_info("--inject: %s on rank %zu in step %llu", mh_fault_name(injection->kind), injection->rank,
                (unsigned long long)injection->step);
    if (is_about_files(injection->kind) && injection->rank != 0)
        mh_log_warning("--inject: rank 0 alone writes files, so nothing will happen on rank %zu",
                       injection->rank);
    if (rank == injection->rank)
        mh_fault_plan(injection->kind, injection->step);
    return MH_OK;
}
