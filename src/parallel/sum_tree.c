#include "sum_tree.h"

#include <assert.h>

#include "multihead/base/memory.h"

mh_span sum_tree_hosted(size_t replicas, size_t rank, size_t ranks)
{
    return mh_span_part(replicas, rank, ranks);
}

static size_t owner_of(const sum_tree *tree, size_t leaf)
{
    size_t low = 0, high = tree->ranks;

    while (high - low > 1) {
        size_t middle = (low + high) / 2;

        if (sum_tree_hosted(tree->replicas, middle, tree->ranks).first <= leaf)
            low = middle;
        else
            high = middle;
    }
    return low;
}

bool sum_tree_is_local(const sum_tree *tree, const sum_node *node)
{
    return owner_of(tree, node->first) == owner_of(tree, node->end - 1);
}

/* Appends the nodes below and including [first, end), and its largest local subtrees. */
static void add_nodes(sum_tree *tree, size_t first, size_t end, bool parent_is_local)
{
    size_t leaves = end - first;
    sum_node node = {first, first + (leaves - leaves / 2), end};
    bool is_local = sum_tree_is_local(tree, &node);

    if (is_local && !parent_is_local)
        tree->subtree[tree->subtrees++] = (sum_subtree){.first_leaf = first, .owner = owner_of(tree, first)};
    if (leaves == 1)
        return;
    add_nodes(tree, first, node.middle, is_local);
    add_nodes(tree, node.middle, end, is_local);
    tree->node[tree->nodes++] = node;
}

static void number_subtrees(sum_tree *tree)
{
    for (size_t i = 0; i < tree->subtrees; i++) {
        bool is_next = i > 0 && tree->subtree[i].owner == tree->subtree[i - 1].owner;

        tree->subtree[i].index = is_next ? tree->subtree[i - 1].index + 1 : 0;
        if (tree->subtree[i].index + 1 > tree->most_subtrees)
            tree->most_subtrees = tree->subtree[i].index + 1;
    }
}

/* The subtree that begins with this leaf. */
static size_t subtree_at(const sum_tree *tree, size_t leaf)
{
    size_t low = 0, high = tree->subtrees;

    while (high - low > 1) {
        size_t middle = (low + high) / 2;

        if (tree->subtree[middle].first_leaf <= leaf)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static void list_meetings(sum_tree *tree)
{
    for (size_t i = 0; i < tree->nodes; i++) {
        const sum_node *node = &tree->node[i];

        if (!sum_tree_is_local(tree, node))
            tree->meeting[tree->meetings++] =
                (sum_meeting){subtree_at(tree, node->first), subtree_at(tree, node->middle)};
    }
}

mh_status sum_tree_create(size_t replicas, size_t ranks, sum_tree *out)
{
    mh_status status = MH_OK;

    assert(ranks >= 1 && replicas >= ranks);
    *out = (sum_tree){.replicas = replicas, .ranks = ranks};
    MH_TRY(mh_memory_array(replicas, sizeof *out->node, &out->node));
    MH_TRY(mh_memory_array(replicas, sizeof *out->subtree, &out->subtree));
    add_nodes(out, 0, replicas, false);
    number_subtrees(out);
    MH_TRY(mh_memory_array(out->subtrees, sizeof *out->meeting, &out->meeting));
    list_meetings(out);
cleanup:
    if (status != MH_OK)
        sum_tree_clear(out);
    return status;
}

void sum_tree_clear(sum_tree *tree)
{
    mh_memory_free(tree->node);
    mh_memory_free(tree->subtree);
    mh_memory_free(tree->meeting);
    *tree = (sum_tree){0};
}
