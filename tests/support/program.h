#ifndef MULTIHEAD_TESTS_PROGRAM_H
#define MULTIHEAD_TESTS_PROGRAM_H

#include <criterion/criterion.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>

/*
 * The built program, started as a user types it: alone (ranks 1) or under mpirun. A shell reads the words, so
 * quotes work. The tests of it stand in a fresh folder, so paths are short:
 *
 *     TestSuite(train, .init = enter_folder, .fini = leave_folder);
 *
 *     outcome o = run_program(2, "train --data %s --run first", "data.h5");
 *     EXPECT_EXIT(o, 0);
 *
 * A program that takes longer than PROGRAM_SECONDS is stopped with all its ranks, and the test fails. LONG_MODEL is for
 * runs that something is done to in the middle: some seconds, with sanitizers too.
 */
#ifdef MULTIHEAD_SANITIZE
enum { PROGRAM_SECONDS = 120 };
#define LONG_MODEL "--hidden 16,32"
#else
enum { PROGRAM_SECONDS = 60 };
#define LONG_MODEL "--hidden 32,64,128,256"
#endif
enum { PROGRAM_RANKS = 16, OUTCOME_BYTES = 1 << 18 };

typedef struct {
    int exit_code; /* as a shell has it: 128 + the signal that ended it */
    char out[OUTCOME_BYTES];
    char err[OUTCOME_BYTES];
} outcome;

__attribute__((format(printf, 2, 3))) outcome run_program(int ranks, const char *format, ...);

/** How mpirun is to place the ranks from now on, in place of "--oversubscribe --bind-to none". Borrowed. */
void set_mpirun_placement(const char *options);

/** The same in two parts, for what happens in between. */
typedef struct {
    int ranks;
    pid_t process; /* leads a process group of its own */
    FILE *out, *err;
} program;

__attribute__((format(printf, 2, 3))) program start_program(int ranks, const char *format, ...);
outcome finish_program(program *program);

/** The processes that are ranks by now, in their order; returns how many there are. */
size_t program_ranks(const program *program, pid_t ranks[PROGRAM_RANKS]);

/** Signals the program that started alone, or the first of mpirun's ranks. */
void signal_rank(const program *program, int number);

/** kill -9 of the same. */
void kill_program(const program *program);

/** A fresh folder to stand in. */
void enter_folder(void);
void leave_folder(void);

/** Criterion's cr_skip_test leaves the suite's .fini out. */
#define SKIP_TEST(reason)                                                                                    \
    do {                                                                                                     \
        leave_folder();                                                                                      \
        cr_skip_test(reason);                                                                                \
    } while (0)

/** How many lines of a text begin so. */
size_t count_lines(const char *text, const char *beginning);

#define EXPECT_EXIT(o, code)                                                                                 \
    cr_expect(code == (o).exit_code, "exit code %d, not %d; stderr:\n%s", (o).exit_code, (code), (o).err)

/** The test cannot go on without it. */
#define MUST_EXIT(o, code)                                                                                   \
    cr_assert(code == (o).exit_code, "exit code %d, not %d; stderr:\n%s", (o).exit_code, (code), (o).err)

#define EXPECT_WORDS(text, words)                                                                            \
    cr_expect(strstr((text), (words)) != NULL, "'%s' is not in:\n%s", (words), (text))

#define EXPECT_NO_WORDS(text, words)                                                                         \
    cr_expect(strstr((text), (words)) == NULL, "'%s' is in:\n%s", (words), (text))

#endif
