#include "shared_sum.h"

#include <string.h>

#include "host_memory.h"
#include "multihead/base/memory.h"
#include "multihead/kernel/kernel.h"

enum { LINE = 16 /* floats of a cache line */ };

/*
 * The memory holds the headers of all ranks and whether the parts of the sum are finite, the sum, the common vectors, and
 * of each rank as many vectors as the rank with the most of them has; all in whole pages, so that a page is near to who
 * writes it.
 */
struct shared_sum {
    const sum_tree *tree;
    size_t rank, count;
    size_t header;          /* doubles of a header                                       */
    size_t headers, vector; /* bytes of what is in front of vectors, and of a vector     */
    size_t height, common;  /* vectors of a rank; common ones                            */
    host_memory *memory;
    float **value; /* [subtrees] their vectors, of all ranks, in the tree's order */
};

static size_t most_of_all(const mh_comm *comm, size_t own)
{
    int64_t most = (int64_t)own;

    mh_comm_max(comm, &most, 1);
    return (size_t)most;
}

/* The sum is the first one, then come the common ones, then those of each rank. */
static float *vector_at(const shared_sum *s, size_t i)
{
    return (float *)((char *)host_memory_data(s->memory) + s->headers + i * s->vector);
}

/* [ranks], each 1 where its part of the sum is finite */
static double *finite_parts(const shared_sum *s)
{
    return shared_sum_headers(s) + s->tree->ranks * s->header;
}

static mh_status create(const sum_tree *tree, size_t rank, size_t count, size_t header, size_t common,
                        shared_sum **out)
{
    mh_status status = MH_OK;

    MH_TRY(mh_memory_new(sizeof **out, out));
    **out = (shared_sum){
        .tree = tree,
        .rank = rank,
        .count = count,
        .header = header,
        .common = common,
        .headers = host_memory_pages(tree->ranks * (header + 1) * sizeof(double)),
        .vector = host_memory_pages(count * sizeof(float)),
    };
    MH_TRY(mh_memory_array(tree->subtrees, sizeof *(*out)->value, &(*out)->value));
cleanup:
    return status;
}

mh_status shared_sum_create(const mh_comm *comm, const sum_tree *tree, size_t count, size_t height,
                            size_t header, size_t common, shared_sum **out)
{
    mh_status status = MH_OK;
    shared_sum *s = NULL;

    *out = NULL;
    MH_TRY(mh_comm_agree(comm, create(tree, mh_comm_rank(comm), count, header, common, &s)));
    s->height = most_of_all(comm, height);
    MH_TRY(host_memory_create(comm, s->headers + (1 + common + tree->ranks * s->height) * s->vector,
                              &s->memory));
    if (s->memory == NULL)
        goto cleanup;
    for (size_t i = 0; i < tree->subtrees; i++)
        s->value[i] = shared_sum_vector(s, tree->subtree[i].owner, tree->subtree[i].index);
    *out = s;
    s = NULL;
cleanup:
    shared_sum_destroy(s);
    return status;
}

void shared_sum_destroy(shared_sum *s)
{
    if (s == NULL)
        return;
    host_memory_destroy(s->memory);
    mh_memory_free(s->value);
    mh_memory_free(s);
}

float *shared_sum_vector(const shared_sum *s, size_t rank, size_t i)
{
    return vector_at(s, 1 + s->common + rank * s->height + i);
}

double *shared_sum_headers(const shared_sum *s)
{
    return host_memory_data(s->memory);
}

float *shared_sum_common(const shared_sum *s, size_t i)
{
    return vector_at(s, 1 + i);
}

mh_span shared_sum_part(const shared_sum *s)
{
    size_t ranks = s->tree->ranks, lines = (s->count + LINE - 1) / LINE;
    size_t first = lines * s->rank / ranks * LINE, end = lines * (s->rank + 1) / ranks * LINE;

    first = first < s->count ? first : s->count;
    end = end < s->count ? end : s->count;
    return (mh_span){first, end - first};
}

/* In place, but for the leftmost value, where the sum arises. False where it is not finite. */
static bool add_block(const shared_sum *s, size_t first, size_t count)
{
    float *sum = vector_at(s, 0);

    memcpy(sum + first, s->value[0] + first, count * sizeof *sum);
    for (size_t i = 0; i < s->tree->meetings; i++) {
        const sum_meeting *m = &s->tree->meeting[i];
        float *into = m->into == 0 ? sum : s->value[m->into];

        mh_kernel_now()->add(count, s->value[m->from] + first, into + first);
    }
    return mh_kernel_now()->is_finite(count, sum + first);
}

void shared_sum_meet(shared_sum *s)
{
    host_memory_meet(s->memory);
}

/* Nobody else reads or writes this rank's part meanwhile. A block of it stays in the cache from one addition to the next. */
bool shared_sum_make(shared_sum *s)
{
    enum { BLOCK = 256 * LINE };
    mh_span part = shared_sum_part(s);
    size_t end = mh_span_end(part);
    double *finite = finite_parts(s);
    bool is_finite = true;

    for (size_t first = part.first; first < end; first += BLOCK)
        is_finite = add_block(s, first, end - first < BLOCK ? end - first : BLOCK) && is_finite;
    finite[s->rank] = is_finite;
    host_memory_meet(s->memory);
    for (size_t rank = 0; rank < s->tree->ranks; rank++)
        is_finite = is_finite && finite[rank] == 1;
    return is_finite;
}

const float *shared_sum_result(const shared_sum *s)
{
    return vector_at(s, 0);
}
