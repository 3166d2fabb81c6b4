#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "multihead/parallel/placement.h"
#include "ranks.h"

TestSuite(placement, .init = start_mpi, .fini = stop_mpi, .timeout = MPI_TEST_SECONDS);

/* The launcher binds nobody (see CMakeLists.txt), so that all ranks may use the same cores. One that does not ask others has all. */
Test(placement, ranks_share_the_cores_that_they_may_all_use)
{
    mh_cpu_set cores;
    size_t ranks = mh_comm_ranks(world);

    mh_cpu_affinity(&cores);
    size_t share = mh_placement_share(world), all = mh_cpu_set_count(&cores);
    cr_expect(eq(sz, share, all < ranks ? 1 : all / ranks));
    cr_expect(eq(sz, mh_placement_share(alone), all));
}
