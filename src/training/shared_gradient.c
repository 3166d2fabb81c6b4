#include "shared_gradient.h"

#include "multihead/base/memory.h"
#include "multihead/parallel/shared_work.h"

/* What a rank's work is. */
typedef struct {
    mh_weight_work left;
    size_t vector; /* where the gradient is, see mh_allreduce_last */
} work;

struct shared_gradient {
    const mh_model *model;
    const mh_allreduce *allreduce;
    size_t rank, ranks;
    mh_shared_work *shared;
    mh_workspace **workspace; /* [ranks] as this rank sees them */
};

/* A rank's memory: its work, the workspace, and the weights as they are laid out, each from a cache line on. */
static size_t whole_lines(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

static work *work_of(const shared_gradient *s, size_t rank)
{
    return mh_shared_work_memory(s->shared, rank);
}

static float *workspace_of(const shared_gradient *s, size_t rank)
{
    return (float *)((char *)work_of(s, rank) + whole_lines(sizeof(work)));
}

static float *weights_of(const shared_gradient *s, size_t rank, size_t rows)
{
    size_t bytes = mh_workspace_floats(s->model, rows) * sizeof(float);

    return (float *)((char *)workspace_of(s, rank) + whole_lines(bytes));
}

static size_t count_bytes(const mh_model *model, size_t rows)
{
    return whole_lines(sizeof(work)) + whole_lines(mh_workspace_floats(model, rows) * sizeof(float)) +
           mh_workspace_weight_floats(model) * sizeof(float);
}

static mh_status see_workspaces(shared_gradient *s, size_t rows, bool together)
{
    mh_status status = MH_OK;

    MH_TRY(mh_memory_array(s->ranks, sizeof(mh_workspace *), &s->workspace));
    for (size_t rank = 0; rank < s->ranks; rank++)
        MH_TRY(mh_workspace_create_in(s->model, rows, workspace_of(s, rank),
                                      weights_of(s, together ? 0 : rank, rows), &s->workspace[rank]));
cleanup:
    return status;
}

mh_status shared_gradient_create(const mh_comm *comm, const mh_model *model, size_t rows,
                                 const mh_allreduce *allreduce, bool together, shared_gradient **out)
{
    mh_status status = MH_OK;
    shared_gradient *s = NULL;
    int64_t most = (int64_t)rows;

    *out = NULL;
    if (mh_allreduce_vector(allreduce, 0, 0) == NULL)
        return MH_OK;
    MH_TRY(mh_comm_agree(comm, mh_memory_new(sizeof *s, &s)));
    s->model = model;
    s->allreduce = allreduce;
    s->rank = mh_comm_rank(comm);
    s->ranks = mh_comm_ranks(comm);
    mh_comm_max(comm, &most, 1);
    MH_TRY(mh_shared_work_create(comm, count_bytes(model, (size_t)most), &s->shared));
    if (s->shared == NULL)
        goto cleanup;
    MH_TRY(mh_comm_agree(comm, see_workspaces(s, (size_t)most, together)));
    *out = s;
    s = NULL;
cleanup:
    shared_gradient_destroy(s);
    return status;
}

void shared_gradient_destroy(shared_gradient *shared)
{
    if (shared == NULL)
        return;
    for (size_t rank = 0; shared->workspace != NULL && rank < shared->ranks; rank++)
        mh_workspace_destroy(shared->workspace[rank]);
    mh_memory_free(shared->workspace);
    mh_shared_work_destroy(shared->shared);
    mh_memory_free(shared);
}

mh_workspace *shared_gradient_workspace(const shared_gradient *shared)
{
    return shared->workspace[shared->rank];
}

void shared_gradient_begin(shared_gradient *shared, const mh_batch *part, size_t parts, float *gradient,
                           mh_tally *tally)
{
    work *own = work_of(shared, shared->rank);

    own->vector = mh_allreduce_last(shared->allreduce);
    mh_model_gradient_but_weights(shared->model, part, parts, shared_gradient_workspace(shared), gradient,
                                  tally, &own->left);
}

void shared_gradient_finish(shared_gradient *shared)
{
    size_t rank = 0, piece = 0;

    mh_shared_work_offer(shared->shared, work_of(shared, shared->rank)->left.pieces);
    while (mh_shared_work_take(shared->shared, &rank, &piece)) {
        const work *of = work_of(shared, rank);

        mh_model_weight_piece(shared->model, shared->workspace[rank], &of->left, piece,
                              mh_allreduce_vector(shared->allreduce, rank, of->vector));
        mh_shared_work_return(shared->shared, rank);
    }
    work_of(shared, shared->rank)->left.pieces = 0;
}

void shared_gradient_give_up(shared_gradient *shared)
{
    mh_shared_work_offer(shared->shared, 0);
}
