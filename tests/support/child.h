#ifndef MULTIHEAD_TESTS_CHILD_H
#define MULTIHEAD_TESTS_CHILD_H

#include <criterion/criterion.h>
#include <string.h>
#include <sys/types.h>

/* A child process that may die, hang or print: what a test of a process's end is about. */

enum { CHILD_TEXT_BYTES = 4096, CHILD_SECONDS = 10 };

typedef struct {
    int exit_code; /* as a shell has it: 128 + the signal that ended it */
    double seconds;
    char err[CHILD_TEXT_BYTES];
} child_end;

typedef struct {
    pid_t process;
    int err;
    double started;
} child;

/** Starts `work`; when it returns the child ends with exit code 0, without what exit() does. */
child start_child(void (*work)(void));

/** Waits for it; one that takes longer than CHILD_SECONDS is killed, and the test fails. */
child_end finish_child(child *child);

child_end run_child(void (*work)(void));

void sleep_for(double seconds);

#define EXPECT_END(end, code, text)                                                                          \
    do {                                                                                                     \
        cr_expect(code == (end).exit_code, "exit code %d, not %d", (end).exit_code, (code));                 \
        cr_expect(strcmp((end).err, (text)) == 0, "'%s' instead of '%s'", (end).err, (text));                \
    } while (0)

#endif
