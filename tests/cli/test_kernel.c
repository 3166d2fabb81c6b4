#include <criterion/criterion.h>
#include <stdlib.h>

#include "multihead/base/cpu.h"
#include "program.h"

/* On a CPU newer than OpenBLAS, which then picks its oldest kernel (support/weak_kernel.c plays that part).
 */

static void enter_with_weak_kernel(void)
{
    enter_folder();
    setenv("LD_PRELOAD", MULTIHEAD_WEAK_KERNEL, 1);
    setenv("MULTIHEAD_KERNELS", "openblas", 1);
    unsetenv("OPENBLAS_CORETYPE");
}

TestSuite(kernel, .init = enter_with_weak_kernel, .fini = leave_folder, .timeout = 120,
          .disabled = !MULTIHEAD_CAN_PRELOAD);

static const char *fitting_kernel(void)
{
    mh_vector vector = mh_cpu_vector();

    if (vector == MH_VECTOR_AVX512)
        return "SkylakeX";
    return vector == MH_VECTOR_AVX2 ? "Haswell" : "Sandybridge";
}

Test(kernel, that_is_too_weak_is_changed_for_one_that_fits)
{
    if (mh_cpu_vector() < MH_VECTOR_AVX)
        SKIP_TEST("this CPU has nothing wider than the oldest kernel");
    for (int ranks = 1; ranks <= 2; ranks++) {
        outcome o = run_program(ranks, "train --generate --samples 100 --epochs 1 --hidden 8 --resume none");

        EXPECT_EXIT(o, 0);
        EXPECT_WORDS(o.err, fitting_kernel());
        EXPECT_NO_WORDS(o.err, "uses less than this CPU's");
    }
}

Test(kernel, that_the_user_chose_stays_with_a_warning)
{
    if (mh_cpu_vector() < MH_VECTOR_AVX)
        SKIP_TEST("this CPU has nothing wider than the oldest kernel");
    setenv("OPENBLAS_CORETYPE", "Prescott", 1);

    outcome o = run_program(1, "train --generate --samples 100 --epochs 1 --hidden 8");

    EXPECT_EXIT(o, 0);
    EXPECT_WORDS(o.err, "warning: the Prescott kernel uses less than this CPU's");
}

/* ---- our own ---- */

static const char *own_kernel(void)
{
    mh_vector vector = mh_cpu_vector();

    return vector == MH_VECTOR_AVX512 ? "avx512" : vector == MH_VECTOR_AVX2 ? "avx2" : "openblas";
}

Test(kernel, that_runs_is_named)
{
    unsetenv("MULTIHEAD_KERNELS");

    outcome version = run_program(1, "--version");
    outcome train = run_program(1, "train --generate --samples 100 --epochs 1 --hidden 8");

    EXPECT_EXIT(version, 0);
    EXPECT_WORDS(version.out, own_kernel());
    EXPECT_EXIT(train, 0);
    if (mh_cpu_vector() >= MH_VECTOR_AVX2)
        EXPECT_WORDS(train.err, "  kernel   multihead's own for AVX");
}

Test(kernel, asked_for_is_the_one_that_runs)
{
    setenv("MULTIHEAD_KERNELS", "generic", 1);

    outcome o = run_program(2, "train --generate --samples 100 --epochs 1 --hidden 8");

    EXPECT_EXIT(o, 0);
    EXPECT_WORDS(o.err, "  kernel   multihead's own for any CPU");
}

Test(kernel, that_nobody_knows_is_refused_with_a_list)
{
    setenv("MULTIHEAD_KERNELS", "fastest", 1);

    outcome o = run_program(1, "train --generate --samples 100 --epochs 1 --hidden 8");

    EXPECT_EXIT(o, 2);
    EXPECT_WORDS(o.err, "MULTIHEAD_KERNELS=fastest: this program on this CPU has ");
    EXPECT_WORDS(o.err, "generic, openblas");
}

/* More threads than one are BLAS's. */
Test(kernel, with_threads_is_from_openblas)
{
    unsetenv("MULTIHEAD_KERNELS");

    outcome o = run_program(1, "train --generate --samples 100 --epochs 1 --hidden 8 --threads 2");

    EXPECT_EXIT(o, 0);
    EXPECT_WORDS(o.err, "  kernel   OpenBLAS ");
}

/* What was begun with one and goes on with another is told of. */
Test(kernel, that_changes_on_the_way_warns)
{
    setenv("MULTIHEAD_KERNELS", "generic", 1);
    outcome first =
        run_program(1, "train --generate --samples 100 --epochs 6 --hidden 8 --inject exit@rank=0,step=4 "
                       "--checkpoint-every 1");

    setenv("MULTIHEAD_KERNELS", "openblas", 1);
    outcome second =
        run_program(1, "train --generate --samples 100 --epochs 6 --hidden 8 --checkpoint-every 1");

    cr_expect(first.exit_code != 0);
    EXPECT_EXIT(second, 0);
    EXPECT_WORDS(second.err, "was made with \"kernels  generic\", this is \"kernels  openblas\"");
}
