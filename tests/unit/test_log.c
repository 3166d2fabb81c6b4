#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "multihead/base/log.h"

TestSuite(log, .init = cr_redirect_stderr);

Test(log, root_speaks_for_all)
{
    mh_log_setup(0, 4);
    mh_log_info("%d rows", 5);
    mh_log_warning("slow");
    cr_assert_stderr_eq_str("5 rows\nwarning: slow\n");
}

Test(log, other_ranks_speak_only_with_their_mark)
{
    mh_log_setup(3, 4);
    mh_log_info("rows");
    mh_log_warning("slow");
    mh_log_rank("disk full");
    cr_assert_stderr_eq_str("[rank 3] disk full\n");
}

Test(log, a_single_rank_has_no_mark)
{
    mh_log_rank("disk full");
    cr_assert_stderr_eq_str("disk full\n");
}

static void expect_who(const char *expected)
{
    cr_expect(strcmp(mh_log_who(), expected) == 0, "'%s' instead of '%s'", mh_log_who(), expected);
}

Test(log, knows_rank_and_host_where_there_are_several)
{
    char host[65] = "", who[128];

    gethostname(host, sizeof host - 1);
    snprintf(who, sizeof who, "rank 3 on %s", host);
    expect_who("");
    mh_log_setup(3, 4);
    expect_who(who);
    mh_log_setup(0, 1);
    expect_who("");
}

Test(log, last_words_are_one_line_from_any_rank)
{
    char expected[256];

    mh_log_setup(3, 4);
    mh_log_last_words("the disk", " is ", "gone", NULL);
    snprintf(expected, sizeof expected, "multihead: %s: the disk is gone\n", mh_log_who());
    cr_assert_stderr_eq_str(expected);
}

/* Where stderr is no terminal, a line that replaces itself would fill a file. */
Test(log, status_line_is_for_terminals)
{
    mh_log_status("50 %");
    mh_log_info("done");
    cr_assert_stderr_eq_str("done\n");
}
