#include <criterion/criterion.h>
#include <criterion/redirect.h>

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

/* Where stderr is no terminal, a line that replaces itself would fill a file. */
Test(log, status_line_is_for_terminals)
{
    mh_log_status("50 %");
    mh_log_info("done");
    cr_assert_stderr_eq_str("done\n");
}
