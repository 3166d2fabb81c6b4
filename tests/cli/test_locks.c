#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
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

/* ---- files that many read ---- */

typedef struct {
    struct timespec changed, written; /* the first also where somebody set the second back */
    off_t bytes;
} file_state;

static file_state state_of(const char *path)
{
    struct stat status;

    cr_assert(stat(path, &status) == 0);
    return (file_state){status.st_ctim, status.st_mtim, status.st_size};
}

static bool is_same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

/* Ranks of this job and of others, on a file system that they share: nobody waits, nothing is written. */
Test(locks, of_readers_keep_nobody_out_and_reading_leaves_files_alone)
{
    static const char *const commands[] = {
        "train --data shards --hidden 4 --epochs 1 --checkpoint-every 0",
        "evaluate --data shards --model outputs/run/model.h5",
        "predict --data shards --model outputs/run/model.h5 --output p.csv", "verify shards"};
    static const char *const names[] = {"shards/shard-00000.h5", "shards/shard-00001.h5"};
    file_state before[2];
    outcome o = run_program(1, "generate --output shards --shards 2 --samples 400");
    int other_job = -1;

    MUST_EXIT(o, 0);
    for (size_t i = 0; i < 2; i++)
        before[i] = state_of(names[i]);
    other_job = open(names[0], O_RDONLY | O_CLOEXEC);
    cr_assert(flock(other_job, LOCK_SH) == 0);
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        o = run_program(3, "%s", commands[i]);
        EXPECT_EXIT(o, 0);
        EXPECT_NO_WORDS(o.err, "lock");
    }
    for (size_t i = 0; i < 2; i++) {
        file_state after = state_of(names[i]);

        cr_expect(is_same_time(after.changed, before[i].changed) &&
                      is_same_time(after.written, before[i].written) && after.bytes == before[i].bytes,
                  "%s was written to", names[i]);
    }
    EXPECT_NAMES("shards", "shard-00000.h5 shard-00001.h5");
    close(other_job);
}
