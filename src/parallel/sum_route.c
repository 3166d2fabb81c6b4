#include "sum_route.h"

#include <string.h>

#include "multihead/base/memory.h"

size_t sum_route_place(const sum_holding *holding, size_t rank)
{
    size_t place = 0;

    while (place < holding->holders && holding->holder[place] != rank)
        place++;
    return place;
}

mh_span sum_route_part(const sum_holding *holding, size_t place, size_t total)
{
    size_t first = total * place / holding->holders, end = total * (place + 1) / holding->holders;

    return (mh_span){first, end - first};
}

static mh_status hold_alone(size_t rank, sum_holding *out)
{
    mh_status status = MH_OK;

    MH_TRY(mh_memory_array(1, sizeof *out->holder, &out->holder));
    out->holder[0] = rank;
    out->holders = 1;
cleanup:
    return status;
}

/*
 * Of two groups that have no rank in common. Sorted by where their parts lie, so that a holder's part of the result is a
 * piece of what it has already: left and right in turn where there are as many on either side.
 */
static mh_status hold_together(const sum_holding *left, const sum_holding *right, sum_holding *out)
{
    mh_status status = MH_OK;
    size_t l = 0, r = 0;

    MH_TRY(mh_memory_array(left->holders + right->holders, sizeof *out->holder, &out->holder));
    while (l < left->holders || r < right->holders) {
        bool is_left = r == right->holders ||
                       (l < left->holders && (2 * l + 1) * right->holders <= (2 * r + 1) * left->holders);

        out->holder[out->holders++] = is_left ? left->holder[l++] : right->holder[r++];
    }
cleanup:
    return status;
}

/* ---- a stage for each node ---- */

static mh_status add_stage(const size_t met[2], sum_route *route)
{
    static const sum_meeting both = {0, 1};
    mh_status status = MH_OK;
    sum_stage *stage = &route->stage[route->stages++];

    *stage = (sum_stage){.values = 2, .meetings = 1, .meeting = &both, .result = route->values++};
    MH_TRY(mh_memory_array(2, sizeof *stage->value, &stage->value));
    memcpy(stage->value, met, 2 * sizeof *met);
    MH_TRY(hold_together(&route->holding[met[0]], &route->holding[met[1]], &route->holding[stage->result]));
cleanup:
    return status;
}

static mh_status follow_tree(const sum_tree *tree, sum_route *route)
{
    mh_status status = MH_OK;
    size_t *now = NULL; /* [subtrees] the value that a subtree's has become, at the first of its leaves */

    MH_TRY(mh_memory_array(tree->subtrees, sizeof *now, &now));
    for (size_t i = 0; i < tree->subtrees; i++)
        now[i] = i;
    for (size_t i = 0; i < tree->meetings; i++) {
        const sum_meeting *meeting = &tree->meeting[i];
        const size_t met[2] = {now[meeting->into], now[meeting->from]};

        now[meeting->into] = route->values;
        MH_TRY(add_stage(met, route));
    }
cleanup:
    mh_memory_free(now);
    return status;
}

/* ---- a single stage ---- */

static mh_status meet_at_once(const sum_tree *tree, sum_route *route)
{
    mh_status status = MH_OK;
    sum_stage *stage = &route->stage[route->stages++];
    sum_holding *all = &route->holding[route->values];

    *stage = (sum_stage){.values = tree->subtrees,
                         .meetings = tree->meetings,
                         .meeting = tree->meeting,
                         .result = route->values++};
    MH_TRY(mh_memory_array(tree->subtrees, sizeof *stage->value, &stage->value));
    for (size_t i = 0; i < tree->subtrees; i++)
        stage->value[i] = i;
    MH_TRY(mh_memory_array(tree->ranks, sizeof *all->holder, &all->holder));
    for (size_t rank = 0; rank < tree->ranks; rank++)
        all->holder[all->holders++] = rank;
cleanup:
    return status;
}

mh_status sum_route_create(const sum_tree *tree, sum_route *out)
{
    mh_status status = MH_OK;

    *out = (sum_route){.values = tree->subtrees};
    MH_TRY(mh_memory_array(tree->subtrees + tree->meetings + 1, sizeof *out->holding, &out->holding));
    MH_TRY(mh_memory_array(tree->meetings + 1, sizeof *out->stage, &out->stage));
    for (size_t i = 0; i < tree->subtrees; i++)
        MH_TRY(hold_alone(tree->subtree[i].owner, &out->holding[i]));
    if (tree->ranks > 1)
        status = tree->subtrees == tree->ranks ? follow_tree(tree, out) : meet_at_once(tree, out);
cleanup:
    if (status != MH_OK)
        sum_route_clear(out);
    return status;
}

void sum_route_clear(sum_route *route)
{
    for (size_t i = 0; route->holding != NULL && i < route->values; i++)
        mh_memory_free(route->holding[i].holder);
    mh_memory_free(route->holding);
    for (size_t i = 0; route->stage != NULL && i < route->stages; i++)
        mh_memory_free(route->stage[i].value);
    mh_memory_free(route->stage);
    *route = (sum_route){.values = 0};
}
