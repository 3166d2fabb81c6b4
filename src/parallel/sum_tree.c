#include "sum_tree.h"

#include <assert.h>

#include "multihead/base/memory.h"

mh_span sum_tree_hosted(size_t replicas, size_t rank, size_t ranks)
{
    return mh_span_part(replicas, rank, ranks);
}

static size_t owner_of(const sum_tree *tree, size_t leaf)
{
    size_t rank = 0;

    while (mh_span_end(sum_tree_hosted(tree->replicas, rank, tree->ranks)) <= leaf)
        rank++;
    return rank;
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

mh_status sum_tree_create(size_t replicas, size_t ranks, sum_tree *out)
{
    mh_status status = MH_OK;

    assert(ranks >= 1 && replicas >= ranks);
    *out = (sum_tree){.replicas = replicas, .ranks = ranks};
    MH_TRY(mh_memory_array(replicas, sizeof *out->node, &out->node));
    MH_TRY(mh_memory_array(replicas, sizeof *out->subtree, &out->subtree));
    add_nodes(out, 0, replicas, false);
    number_subtrees(out);
cleanup:
    if (status != MH_OK)
        sum_tree_clear(out);
    return status;
}

void sum_tree_clear(sum_tree *tree)
{
    mh_memory_free(tree->node);
    mh_memory_free(tree->subtree);
    *tree = (sum_tree){0};
}

size_t sum_tree_subtree_at(const sum_tree *tree, size_t leaf)
{
    size_t i = 0;

    while (tree->subtree[i].first_leaf != leaf)
        i++;
    return i;
}
