#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "files.h"
#include "program.h"

/* File systems that know no locks, as on many clusters (support/no_locks.c plays that part). */

static void enter_without_locks(void)
{
    enter_folder();
    unsetenv("HDF5_USE_FILE_LOCKING");
}

TestSuite(locks, .init = enter_without_locks, .fini = leave_folder, .timeout = 120);

static void refuse_locks(int error)
{
    char text[16];

    snprintf(text, sizeof text, "%d", error);
    setenv("MULTIHEAD_TEST_FLOCK_ERRNO", text, 1);
    setenv("LD_PRELOAD", MULTIHEAD_NO_LOCKS, 1);
}

Test(locks, that_are_refused_cost_one_warning, .disabled = !MULTIHEAD_CAN_PRELOAD)
{
    static const int errors[] = {ENOLCK, EACCES, ENOSYS, EOPNOTSUPP};

    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        refuse_locks(errors[i]);

        outcome o = run_program(1, "generate --output d.h5 --samples 200");

        EXPECT_EXIT(o, 0);
        cr_expect(count_lines(o.err, "warning: d.h5: the file system refuses locks") == 1, "stderr:\n%s",
                  o.err);
        for (int ranks = 1; ranks <= 2; ranks++) {
            o = run_program(ranks,
                            "train --data d.h5 --hidden 4 --epochs 2 --checkpoint-every 1 --resume none");
            EXPECT_EXIT(o, 0);
            cr_expect(count_lines(o.err, "warning: d.h5: the file system refuses locks") == 1, "stderr:\n%s",
                      o.err);
            EXPECT_WORDS(o.err, strerror(errors[i]));
        }
    }
}

/* What the user says is HDF5's business: no word of ours about it. */
Test(locks, that_the_user_turned_off_are_not_missed, .disabled = !MULTIHEAD_CAN_PRELOAD)
{
    refuse_locks(ENOLCK);
    setenv("HDF5_USE_FILE_LOCKING", "FALSE", 1);

    outcome o = run_program(1, "generate --output d.h5 --samples 200");

    EXPECT_EXIT(o, 0);
    EXPECT_NO_WORDS(o.err, "locks");
}

/* A lock that somebody holds is no refused one: that file may be half written. */
Test(locks, of_another_program_are_respected)
{
    outcome o = run_program(1, "generate --output d.h5 --samples 200");
    int file = open("d.h5", O_RDWR | O_CLOEXEC);

    EXPECT_EXIT(o, 0);
    cr_assert(flock(file, LOCK_EX) == 0);
    o = run_program(1, "train --data d.h5 --epochs 1");
    EXPECT_EXIT(o, 1);
    EXPECT_WORDS(o.err, "d.h5: another program has it open, and has locked it");
    close(file);
}
