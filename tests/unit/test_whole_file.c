#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "expect.h"
#include "multihead/base/fault.h"
#include "multihead/base/whole_file.h"
#include "scratch.h"

TestSuite(whole_file, .init = scratch_make, .fini = scratch_remove);

static void expect_contents(const char *name, const char *expected)
{
    size_t bytes = 0;
    char *text = scratch_read(name, &bytes);

    cr_expect(strcmp(text, expected) == 0, "'%s' instead of '%s'", text, expected);
    free(text);
}

Test(whole_file, what_is_written_takes_the_place_of_what_was_there)
{
    MUST(mh_whole_file_write(scratch_path("a"), "first", 5));
    MUST(mh_whole_file_write(scratch_path("a"), "second", 6));
    expect_contents("a", "second");
    cr_expect(eq(sz, scratch_entries(), 1), "something else was left");
}

Test(whole_file, a_disk_that_cannot_take_it_leaves_the_old_file)
{
    const mh_fault_kind kinds[] = {MH_FAULT_DISK_FULL, MH_FAULT_WRITE_ERROR};
    const char *const words[] = {"No space left", "Input/output error"};

    MUST(mh_whole_file_write(scratch_path("a"), "old", 3));
    for (size_t i = 0; i < 2; i++) {
        mh_fault_plan(kinds[i], 1);
        mh_fault_before_step(1);
        EXPECT_FAILURE(mh_whole_file_write(scratch_path("a"), "new", 3), MH_ERR_IO, words[i]);
        mh_fault_plan(MH_FAULT_NONE, 0);
        expect_contents("a", "old");
        cr_expect(eq(sz, scratch_entries(), 1), "something else was left");
    }
}

Test(whole_file, a_folder_that_is_not_there_is_named)
{
    EXPECT_FAILURE(mh_whole_file_write(scratch_path("none/a"), "new", 3), MH_ERR_IO,
                   "none/a: cannot be written");
}

Test(whole_file, what_killed_writers_left_is_swept)
{
    scratch_write(".a.partial", "half", 4);
    scratch_write("b.partial", "somebody's own", 14);
    scratch_write("a", "whole", 5);
    mh_whole_file_sweep(scratch_path("."));
    cr_expect(access(scratch_path(".a.partial"), F_OK) != 0);
    cr_expect(access(scratch_path("b.partial"), F_OK) == 0);
    cr_expect(access(scratch_path("a"), F_OK) == 0);
}

Test(whole_file, what_was_retired_gives_its_room_to_the_next_file)
{
    struct stat first, second;

    MUST(mh_whole_file_write(scratch_path("a"), "a long one", 10));
    cr_assert(stat(scratch_path("a"), &first) == 0);
    mh_whole_file_retire(scratch_path("a"));
    cr_expect(access(scratch_path("a"), F_OK) != 0);
    MUST(mh_whole_file_write(scratch_path("b"), "short", 5));
    expect_contents("b", "short");
    cr_assert(stat(scratch_path("b"), &second) == 0);
    cr_expect(first.st_ino == second.st_ino, "a new file was made");
    cr_expect(eq(sz, scratch_entries(), 1), "something else was left");
}

Test(whole_file, a_retired_file_that_has_another_name_is_not_written_over)
{
    MUST(mh_whole_file_write(scratch_path("a"), "backed up", 9));
    cr_assert(link(scratch_path("a"), scratch_path("backup")) == 0);
    mh_whole_file_retire(scratch_path("a"));
    MUST(mh_whole_file_write(scratch_path("b"), "new", 3));
    expect_contents("b", "new");
    expect_contents("backup", "backed up");
}

Test(whole_file, the_last_one_retired_is_swept)
{
    MUST(mh_whole_file_write(scratch_path("a"), "first", 5));
    MUST(mh_whole_file_write(scratch_path("b"), "second", 6));
    mh_whole_file_retire(scratch_path("a"));
    mh_whole_file_retire(scratch_path("b"));
    mh_whole_file_sweep(scratch_path("."));
    cr_expect(eq(sz, scratch_entries(), 0), "something was left");
}
