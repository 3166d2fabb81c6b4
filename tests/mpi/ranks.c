#include "ranks.h"

#include <stdio.h>
#include <unistd.h>

#include "multihead/base/log.h"
#include "scratch.h"

const mh_comm *world, *alone;

const char *told_by(size_t rank, const char *phase, const char *message)
{
    static char text[512];
    char host[65] = "";

    gethostname(host, sizeof host - 1);
    snprintf(text, sizeof text, "rank %zu on %s, %s: %s", rank, host, phase, message);
    return text;
}

void start_mpi(void)
{
    world = mh_comm_initialize(NULL, NULL);
    mh_log_setup(mh_comm_rank(world), mh_comm_ranks(world));
    alone = mh_comm_alone();
}

void stop_mpi(void)
{
    mh_comm_finalize(world);
}

void start_mpi_with_scratch(void)
{
    start_mpi();
    scratch_make();
}

void stop_mpi_with_scratch(void)
{
    scratch_remove();
    stop_mpi();
}
