#ifndef MULTIHEAD_TESTS_EXPECT_H
#define MULTIHEAD_TESTS_EXPECT_H

#include <criterion/criterion.h>
#include <string.h>

#include "multihead/base/status.h"

/*
 * What most tests ask of a status; macros, so that a failure shows the line of the test. Criterion's
 * assertions paste their first token to a word, so a parenthesis cannot come first.
 */

/** The test cannot go on unless `call` succeeds. */
#define MUST(call) cr_assert(MH_OK == (call), "%s", mh_status_message())

#define EXPECT_SAYS(words)                                                                                   \
    cr_expect(strstr(mh_status_message(), (words)) != NULL, "'%s' does not say '%s'", mh_status_message(),   \
              (words))

/** `call` fails with this code and a message that has these words. */
#define EXPECT_FAILURE(call, code, words)                                                                    \
    do {                                                                                                     \
        cr_expect(code == (call), "not the status expected; message: '%s'", mh_status_message());            \
        EXPECT_SAYS(words);                                                                                  \
    } while (0)

/** The same bits: not equal within a tolerance. */
#define EXPECT_SAME_BITS(a, b, count)                                                                        \
    cr_expect(memcmp((a), (b), (count) * sizeof *(a)) == 0, "%s and %s differ", #a, #b)

#endif
