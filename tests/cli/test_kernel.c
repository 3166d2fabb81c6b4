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
