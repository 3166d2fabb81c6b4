#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "multihead/base/memory.h"
#include "multihead/data/dataset.h"
#include "multihead/data/seal.h"
#include "promise.h"
#include "recipe.h"

/*
 * What libFuzzer calls: the first byte chooses a small file, a data set (ours, or as h5py writes it), a model or a
 * checkpoint, and the rest is damage done to its bytes.
 *
 * Of a damaged seal HDF5 sees nothing, and that is what must not crash. Files without one, and those that get a right
 * one after the damage, do go to HDF5, which crashes at some and comes to no end at others: they are read in a process
 * of its own, which is slow, and how it ends is only counted. So this is no part of the 20 minutes; in the program it is
 * base/crash that turns HDF5's crash into a message.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HANG_SECONDS = 10, BLOCK_ROWS = 64, FIRST_CODE = 40 }; /* exit codes that no sanitizer uses */

/* Where a sanitizer complains, its report tells whose fault it is. */
typedef enum { READ, REFUSED, CRASHED, HUNG, REPORTED, ENDINGS } ending;

static size_t counts[ENDINGS];

static void print_counts(void)
{
    fprintf(
        stderr,
        "in a process of their own: %zu read, %zu refused, %zu crashed, %zu came to no end, %zu reported\n",
        counts[READ], counts[REFUSED], counts[CRASHED], counts[HUNG], counts[REPORTED]);
}

/* ---- readers ---- */

static mh_status read_data_set(const char *path)
{
    mh_status status = MH_OK;
    const mh_dataset_config config = {.paths = (char *const[]){(char *)path}, .path_count = 1};
    mh_dataset *dataset = NULL;
    float *features = NULL;
    mh_label *labels = NULL;

    MH_TRY(mh_seal_expect(path, 0, 1, NULL));
    MH_TRY(mh_dataset_open(&config, &dataset));
    const mh_schema *schema = mh_dataset_schema(dataset);
    mh_span rows = {0, mh_dataset_rows(dataset)};
    rows.count = rows.count < BLOCK_ROWS ? rows.count : BLOCK_ROWS;
    MH_TRY(mh_memory_array(rows.count, schema->inputs * sizeof *features, &features));
    MH_TRY(mh_memory_array(rows.count, schema->heads * sizeof *labels, &labels));
    MH_TRY(mh_dataset_read(dataset, rows, features, labels));
cleanup:
    mh_dataset_close(dataset);
    mh_memory_free(features);
    mh_memory_free(labels);
    return status;
}

static mh_status read_model(const char *path)
{
    mh_trained trained;
    mh_status status = mh_trained_load(path, &trained);

    if (status == MH_OK)
        mh_trained_clear(&trained);
    return status;
}

static mh_status read_checkpoint(const char *path)
{
    our_run run;
    char *history = NULL;

    our_run_create(&run);
    mh_status status = mh_checkpoint_load(path, &run.state, &history);
    mh_memory_free(history);
    our_run_clear(&run);
    return status;
}

typedef mh_status (*reader)(const char *path);

/* ---- the file ---- */

/* What h5py's create_dataset makes: /features of floats and /labels of bytes; packed: in chunks through shuffle and gzip. */
static temporary_file made_elsewhere(bool is_packed)
{
    static const uint8_t packed_steps[] = {/* the same with the sizes of chunks */
                                           0, 0, 0, 0, ROWS, INPUTS, 4, 3, INPUTS, 3, 1, 2, 3, 4,
                                           0, 1, 3, 0, ROWS, HEADS,  4, 3, 1,      3, 0, 1, 1, 0};
    static const uint8_t steps[] = {/* a dataset: name, type, dimensions, sizes, layout, values */
                                    0, 0, 0, 0, ROWS, INPUTS, 0, 3, 1, 2, 3, 4,
                                    0, 1, 3, 0, ROWS, HEADS,  0, 3, 0, 1, 1, 0};
    recipe recipe = is_packed ? (struct recipe){packed_steps, packed_steps + sizeof packed_steps}
                              : (struct recipe){steps, steps + sizeof steps};

    return recipe_cook(&recipe, NULL, RECIPE_BARE);
}

/* Bytes of the file [size], which damage may cut off. */
typedef struct {
    uint8_t *bytes;
    size_t size;
} contents;

static contents read_back(const temporary_file *file)
{
    off_t size = lseek(file->descriptor, 0, SEEK_END);
    contents contents = {malloc((size_t)size), (size_t)size};

    if (contents.bytes == NULL || pread(file->descriptor, contents.bytes, contents.size, 0) != (ssize_t)size)
        abort();
    return contents;
}

static contents choose_file(unsigned which, bool is_packed, reader *read)
{
    static const our_file *(*const ours[])(void) = {our_data_set, our_model, our_checkpoint};
    static const reader readers[] = {read_data_set, read_model, read_checkpoint, read_data_set};
    bool is_ours = which < sizeof ours / sizeof ours[0];
    temporary_file file = is_ours ? temporary_file_create(ours[which]()->bytes, ours[which]()->size)
                                  : made_elsewhere(is_packed);
    contents contents = read_back(&file);

    temporary_file_close(&file);
    *read = readers[which];
    return contents;
}

/* Bytes in front of the seal; of a file that has none, all of them. */
static size_t without_seal(const contents *contents)
{
    static const char magic[] = "multihead seal 1";
    size_t seal = mh_seal_bytes(1), length = strlen(magic);

    if (contents->size < seal || memcmp(contents->bytes + contents->size - length, magic, length) != 0)
        return contents->size;
    return contents->size - seal;
}

static void damage(recipe *recipe, contents *contents)
{
    static const uint64_t words[] = {0, 1, 255, 65535, INT32_MAX, UINT32_MAX, INT64_MAX, UINT64_MAX};

    while (recipe->next < recipe->end && contents->size > sizeof words[0]) {
        unsigned how = recipe_take(recipe) % 8;
        size_t where = (size_t)recipe_take(recipe) << 8 | recipe_take(recipe);
        unsigned value = recipe_take(recipe);
        uint8_t *byte = &contents->bytes[where % (contents->size - sizeof words[0])];

        if (how < 4)
            *byte = (uint8_t)value;
        else if (how < 6)
            *byte = (uint8_t)(*byte ^ 1 << value % 8);
        else if (how < 7)
            memcpy(byte, &words[value % 8], (size_t)1 << value / 8 % 4);
        else if (value % 4 == 0)
            contents->size = (size_t)(byte - contents->bytes);
        else
            memmove(byte, contents->bytes, sizeof words[0]);
    }
}

/* ---- in a process of its own ---- */

static ending read_in_child(reader read, const char *path)
{
    static const int deadly[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGALRM};
    int result = 0;
    pid_t child = fork();

    if (child < 0)
        abort();
    if (child == 0) {
        for (size_t i = 0; i < sizeof deadly / sizeof deadly[0]; i++)
            signal(deadly[i], SIG_DFL);
        alarm(HANG_SECONDS);
        _exit(FIRST_CODE + (read(path) == MH_OK ? READ : REFUSED));
    }
    while (waitpid(child, &result, 0) < 0) /* libFuzzer has an alarm of its own */
        if (errno != EINTR)
            abort();
    if (WIFSIGNALED(result))
        return WTERMSIG(result) == SIGALRM ? HUNG : CRASHED;
    int code = WEXITSTATUS(result) - FIRST_CODE;
    return code == READ || code == REFUSED ? (ending)code : REPORTED;
}

static void count(ending ending)
{
    static bool is_registered = false;

    if (!is_registered)
        atexit(print_counts);
    is_registered = true;
    counts[ending]++;
}

/* ---- the files ---- */

/* As it is: nobody but the seal's reader looks at a damaged one, and only what others made may go without. */
static void read_as_it_is(reader read, const char *path)
{
    mh_seal_report report = {0};

    if (mh_seal_check(path, 0, 1, &report) != MH_OK)
        abort();
    if (report.state == MH_SEAL_NONE && read != read_checkpoint)
        count(read_in_child(read, path));
    else if (read(path) == MH_OK && report.state != MH_SEAL_WHOLE)
        abort();
    promise_all_is_closed();
}

static void read_with_new_seal(reader read, const char *path)
{
    if (mh_seal_append(path, path) != MH_OK)
        abort();
    count(read_in_child(read, path));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    recipe recipe = {data, data + size};
    unsigned first = recipe_take(&recipe);
    bool has_new_seal = first / 4 % 2 == 1;
    reader read = NULL;
    contents contents = choose_file(first % 4, first / 8 % 2 == 1, &read);

    if (has_new_seal)
        contents.size = without_seal(&contents);
    damage(&recipe, &contents);
    temporary_file file = temporary_file_create(contents.bytes, contents.size);
    if (has_new_seal)
        read_with_new_seal(read, file.path);
    else
        read_as_it_is(read, file.path);
    temporary_file_close(&file);
    free(contents.bytes);
    return 0;
}
