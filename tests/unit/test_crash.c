#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "child.h"
#include "multihead/base/crash.h"
#include "multihead/base/log.h"
#include "multihead/base/phase.h"
#include "multihead/base/thread.h"

static void begin(void)
{
    const struct rlimit none = {0, 0};

    setrlimit(RLIMIT_CORE, &none);
    mh_crash_install();
    mh_phase_enter("reading rows");
    mh_phase_set_step(17);
}

/* A page that nobody may touch: a sanitizer finds a null pointer before the machine does. */
static void touch_nothing(void)
{
    volatile int *nowhere = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    *nowhere = 1;
}

static void fault(void)
{
    begin();
    touch_nothing();
}

static void fault_on_rank_1(void)
{
    mh_log_setup(1, 2);
    fault();
}

static void give_up(void)
{
    begin();
    abort();
}

/* A sanitizer adds a report of its own, and ends the process its own way. */
#ifdef MULTIHEAD_SANITIZE
#define EXPECT_CRASH(end, signal, text)                                                                      \
    cr_expect(strncmp((end).err, (text), strlen(text)) == 0, "'%s' instead of '%s'", (end).err, (text))
#else
#define EXPECT_CRASH(end, signal, text) EXPECT_END(end, 128 + (signal), text)
#endif

Test(crash, says_in_one_line_what_the_process_died_of_and_at)
{
    child_end end = run_child(fault);

    EXPECT_CRASH(end, SIGSEGV, "multihead: segmentation fault while reading rows, step 17\n");
    end = run_child(give_up);
    EXPECT_CRASH(end, SIGABRT, "multihead: aborted while reading rows, step 17\n");
}

Test(crash, says_which_rank_of_several_died_and_where)
{
    char host[65] = "", expected[512];
    child_end end = run_child(fault_on_rank_1);

    gethostname(host, sizeof host - 1);
    snprintf(expected, sizeof expected,
             "multihead: rank 1 on %s: segmentation fault while reading rows, step 17\n", host);
    EXPECT_CRASH(end, SIGSEGV, expected);
}

static volatile bool goes_deeper = true;

__attribute__((noinline)) static int descend(size_t depth)
{
    volatile char frame[4096];

    frame[depth % sizeof frame] = 1;
    return goes_deeper ? descend(depth + 1) + frame[0] : 0;
}

static void overflow(void)
{
    begin();
    descend(0);
}

Test(crash, says_it_also_when_the_stack_is_full)
{
    child_end end = run_child(overflow);

    EXPECT_CRASH(end, SIGSEGV, "multihead: segmentation fault while reading rows, step 17\n");
}

static void crash_over_a_file(void)
{
    begin();
    mh_crash_expect("data/x.h5");
    touch_nothing();
}

static void crash_after_a_file(void)
{
    begin();
    mh_crash_expect("data/x.h5");
    mh_crash_expect(NULL);
    touch_nothing();
}

Test(crash, over_a_file_that_is_being_read_is_the_files_fault)
{
    child_end end = run_child(crash_over_a_file);

    EXPECT_END(
        end, 1,
        "multihead: data/x.h5: HDF5 crashed while reading it: the file is damaged (segmentation fault)\n");
    end = run_child(crash_after_a_file);
    EXPECT_CRASH(end, SIGSEGV, "multihead: segmentation fault while reading rows, step 17\n");
}

static void read_badly(void *nothing)
{
    (void)nothing;
    mh_crash_expect("data/x.h5");
    touch_nothing();
}

static void crash_in_a_thread_over_a_file(void)
{
    begin();
    mh_thread_join(mh_thread_start(read_badly, NULL));
}

static void expect_file(void *nothing)
{
    (void)nothing;
    mh_crash_expect("data/x.h5");
}

static void crash_beside_a_thread_with_a_file(void)
{
    begin();
    mh_thread_join(mh_thread_start(expect_file, NULL));
    touch_nothing();
}

Test(crash, over_a_file_is_that_of_the_thread_that_reads_it)
{
    child_end end = run_child(crash_in_a_thread_over_a_file);

    EXPECT_END(
        end, 1,
        "multihead: data/x.h5: HDF5 crashed while reading it: the file is damaged (segmentation fault)\n");
    end = run_child(crash_beside_a_thread_with_a_file);
    EXPECT_CRASH(end, SIGSEGV, "multihead: segmentation fault while reading rows, step 17\n");
}

static void leave(void)
{
    begin();
    exit(0);
}

static void leave_at_the_end(void)
{
    begin();
    mh_crash_disarm();
    exit(3);
}

Test(crash, a_process_that_leaves_before_its_work_is_done_says_so_and_has_failed)
{
    child_end end = run_child(leave);

    EXPECT_END(end, 1, "multihead: the process leaves in the middle of reading rows, step 17\n");
    end = run_child(leave_at_the_end);
    EXPECT_END(end, 3, "");
}
