#include <string.h>

#include "trainer_parts.h"

/* What ranks of a host have together, each its part of it. LAMB wants whole tensors. */
enum { COMMON_PARAMETERS, COMMON_FIRST_MOMENT, COMMON_SECOND_MOMENT, COMMON_VECTORS };

static void move_into_common(mh_trainer *t)
{
    mh_model *model = t->trained->model;
    mh_span part = mh_allreduce_part(t->allreduce);
    float *parameters = mh_allreduce_common(t->allreduce, COMMON_PARAMETERS);

    memcpy(parameters + part.first, mh_model_parameters(model) + part.first, part.count * sizeof *parameters);
    mh_adam_move(t->adam, part, mh_allreduce_common(t->allreduce, COMMON_FIRST_MOMENT),
                 mh_allreduce_common(t->allreduce, COMMON_SECOND_MOMENT));
    mh_allreduce_meet(t->allreduce);
    mh_model_use_parameters(model, parameters);
    t->common = parameters;
}

static mh_status share_gradient(const mh_comm *comm, mh_trainer *t)
{
    mh_status status = MH_OK;

    MH_TRY(shared_gradient_create(comm, t->trained->model, mh_trainer_workspace_rows(t), t->allreduce,
                                  t->common != NULL, &t->shared));
    if (t->shared == NULL)
        goto cleanup;
    mh_workspace_destroy(t->workspace);
    t->workspace = shared_gradient_workspace(t->shared);
    if (mh_trainer_lays_out_together(t))
        mh_trainer_lay_out(t);
cleanup:
    return status;
}

mh_status mh_trainer_share(const mh_comm *comm, mh_trainer *t)
{
    mh_status status = MH_OK;
    bool steps_together = t->config.adam.rule == MH_ADAM_USUAL;

    if (t->config.overlaps || t->common != NULL || t->shared != NULL)
        return MH_OK;
    MH_TRY(mh_allreduce_share(comm, t->allreduce, steps_together ? COMMON_VECTORS : 0));
    if (steps_together && mh_allreduce_common(t->allreduce, 0) != NULL)
        move_into_common(t);
    MH_TRY(share_gradient(comm, t));
cleanup:
    return status;
}

void mh_trainer_take_back(mh_trainer *t)
{
    if (t->common == NULL)
        return;

    mh_model *model = t->trained->model;

    mh_model_use_parameters(model, NULL);
    memcpy(mh_model_parameters(model), t->common, mh_model_layout(model)->count * sizeof *t->common);
    t->common = NULL;
}

bool mh_trainer_lays_out_together(const mh_trainer *t)
{
    return t->common != NULL && t->shared != NULL;
}

void mh_trainer_lay_out(mh_trainer *t)
{
    mh_workspace_prepare_part(t->workspace, t->trained->model, mh_allreduce_part(t->allreduce));
    mh_allreduce_meet(t->allreduce);
}
