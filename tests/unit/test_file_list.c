#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>

#include "expect.h"
#include "multihead/data/file_list.h"
#include "scratch.h"

TestSuite(file_list, .init = scratch_make, .fini = scratch_remove);

/* What `paths`, up to NULL, stand for must be `names`, up to NULL, all in the scratch folder. */
static void expect_files(const char *const *paths, const char *const *names)
{
    char *full[16];
    size_t count = 0;
    mh_file_list list;

    while (paths[count] != NULL) {
        full[count] = (char *)scratch_path(paths[count]);
        count++;
    }
    MUST(mh_file_list_create(full, count, &list));
    for (size_t i = 0; i < list.count; i++) {
        cr_assert(names[i] != NULL, "more files than expected: %s", list.path[i]);
        cr_expect(strcmp(list.path[i], scratch_path(names[i])) == 0, "%s instead of %s", list.path[i],
                  names[i]);
    }
    cr_expect(names[list.count] == NULL, "there is no %s", names[list.count]);
    mh_file_list_clear(&list);
}

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

Test(file_list, paths_keep_their_order)
{
    scratch_write("a.h5", "", 0);
    scratch_write("b.anything", "", 0);
    expect_files(LIST("b.anything", "a.h5", "b.anything"), LIST("b.anything", "a.h5", "b.anything"));
}

Test(file_list, folder_stands_for_its_hdf5_files_by_name)
{
    scratch_folder("shards");
    for (int i = 10; i-- > 0;) {
        char name[32];

        snprintf(name, sizeof name, "shards/shard-%d.h5", i);
        scratch_write(name, "", 0);
    }
    scratch_write("shards/readme.txt", "", 0);
    scratch_write("shards/.shard-3.h5.partial", "", 0);
    scratch_write("shards/.hidden.h5", "", 0);
    scratch_write("shards/other.hdf5", "", 0);
    expect_files(LIST("shards"),
                 LIST("shards/other.hdf5", "shards/shard-0.h5", "shards/shard-1.h5", "shards/shard-2.h5",
                      "shards/shard-3.h5", "shards/shard-4.h5", "shards/shard-5.h5", "shards/shard-6.h5",
                      "shards/shard-7.h5", "shards/shard-8.h5", "shards/shard-9.h5"));
}

Test(file_list, glob_stands_for_its_matches_by_name)
{
    scratch_write("train-2.h5", "", 0);
    scratch_write("train-1.h5", "", 0);
    scratch_write("test-1.h5", "", 0);
    expect_files(LIST("test-1.h5", "train-?.h5"), LIST("test-1.h5", "train-1.h5", "train-2.h5"));
}

/* People have names like that, and mean them. */
Test(file_list, names_that_look_like_globs_are_names_where_they_exist)
{
    scratch_write("a[1].h5", "", 0);
    expect_files(LIST("a[1].h5"), LIST("a[1].h5"));
    scratch_folder("run[1]");
    scratch_write("run[1]/b.h5", "", 0);
    expect_files(LIST("run[1]"), LIST("run[1]/b.h5"));
    scratch_folder("run{x,y}");
    scratch_write("run{x,y}/c.h5", "", 0);
    expect_files(LIST("run{x,y}"), LIST("run{x,y}/c.h5"));
}

static void expect_nothing(const char *name, const char *words)
{
    char *const path = (char *)scratch_path(name);
    mh_file_list list;

    EXPECT_FAILURE(mh_file_list_create(&path, 1, &list), MH_ERR_IO, name);
    EXPECT_SAYS(words);
    cr_expect(list.path == NULL);
}

Test(file_list, path_that_stands_for_nothing_fails)
{
    scratch_folder("empty");
    expect_nothing("none.h5", "No such file");
    expect_nothing("none-*.h5", "no file matches");
    expect_nothing("empty", "no .h5 or .hdf5 file in this folder");
}
