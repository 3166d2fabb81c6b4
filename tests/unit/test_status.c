#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <string.h>

#include "expect.h"
#include "multihead/base/status.h"

Test(status, fail_returns_the_code_and_keeps_the_message)
{
    cr_expect(MH_FAIL(MH_ERR_IO, "%s: row %d", "a.h5", 7) == MH_ERR_IO);
    cr_expect(strcmp(mh_status_message(), "a.h5: row 7") == 0);
}

Test(status, origin_is_file_and_line_without_folders)
{
    char expected[64];

    mh_status_fail(MH_ERR_IO, "/somewhere/src/data/shard.c", 12, "message");
    cr_expect(strcmp(mh_status_origin(), "shard.c:12") == 0, "%s", mh_status_origin());
    snprintf(expected, sizeof expected, "test_status.c:%d", __LINE__ + 1);
    MH_FAIL(MH_ERR_IO, "message");
    cr_expect(strcmp(mh_status_origin(), expected) == 0, "%s", mh_status_origin());
}

Test(status, message_may_be_made_of_the_one_before)
{
    MH_FAIL(MH_ERR_IO, "disk full");
    MH_FAIL(MH_ERR_IO, "no checkpoint: %s", mh_status_message());
    cr_expect(strcmp(mh_status_message(), "no checkpoint: disk full") == 0);
}

Test(status, long_message_is_cut)
{
    char text[3 * MH_STATUS_MESSAGE_BYTES];

    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    MH_FAIL(MH_ERR_IO, "%s", text);
    cr_expect(eq(sz, strlen(mh_status_message()), MH_STATUS_MESSAGE_BYTES - 1));
    mh_status_set_message(text);
    cr_expect(eq(sz, strlen(mh_status_message()), MH_STATUS_MESSAGE_BYTES - 1));
}

static mh_status try_two(mh_status first, mh_status second, int *reached)
{
    mh_status status = MH_OK;

    *reached = 0;
    MH_TRY(first);
    *reached = 1;
    MH_TRY(second);
    *reached = 2;
cleanup:
    return status;
}

Test(status, try_leaves_at_the_first_failure)
{
    int reached = 0;

    cr_expect(try_two(MH_OK, MH_OK, &reached) == MH_OK);
    cr_expect(reached == 2);
    cr_expect(try_two(MH_OK, MH_ERR_MEMORY, &reached) == MH_ERR_MEMORY);
    cr_expect(reached == 1);
    cr_expect(try_two(MH_ERR_FORMAT, MH_ERR_MEMORY, &reached) == MH_ERR_FORMAT);
    cr_expect(reached == 0);
}

Test(status, exit_codes_tell_wrong_usage_from_failure)
{
    cr_expect(mh_status_exit_code(MH_OK) == 0);
    cr_expect(mh_status_exit_code(MH_ERR_USAGE) == 2);
    cr_expect(mh_status_exit_code(MH_ERR_FORMAT) == 1);
    cr_expect(mh_status_exit_code(MH_ERR_IO) == 1);
    cr_expect(mh_status_exit_code(MH_ERR_NUMERIC) == 1);
    cr_expect(mh_status_exit_code(MH_ERR_MEMORY) == 1);
}
