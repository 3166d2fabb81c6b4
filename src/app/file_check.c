#include "file_check.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "multihead/base/memory.h"
#include "multihead/base/phase.h"
#include "multihead/base/text.h"
#include "multihead/data/dataset.h"
#include "multihead/data/hdf5_file.h"
#include "multihead/data/seal.h"
#include "multihead/training/checkpoint.h"

enum { HANG_SECONDS = 60, HUNG = 3, BLOCK_BYTES = 1 << 24 };

/* What is known of a file while it is looked at. */
typedef struct {
    const char *path;
    FILE *out;
    mh_hdf5_file *file;
    bool is_sealed;
} check;

/* The message of the last failure, which begins with the path. */
static const char *without_path(const char *path)
{
    const char *message = mh_status_message();
    size_t length = strlen(path);

    return strncmp(message, path, length) == 0 && strncmp(message + length, ": ", 2) == 0
               ? message + length + 2
               : message;
}

/* ---- what it is ---- */

/* Numbers that stand at the top of a checkpoint; nothing where they do not. */
static mh_status check_model(const check *c)
{
    mh_status status = MH_OK;
    bool is_checkpoint = mh_hdf5_file_has(c->file, "first_moment");
    mh_trained trained = {0};
    mh_checkpoint_head head = {.options = NULL};
    char count[MH_TEXT_BYTES];

    if (is_checkpoint)
        MH_TRY(mh_checkpoint_load_head(c->path, &head));
    MH_TRY(mh_trained_load(c->path, &trained));
    fprintf(c->out, "%s: %s", c->path, is_checkpoint ? "checkpoint" : "model");
    if (is_checkpoint)
        fprintf(c->out, ", epoch %zu, step %" PRIu64, head.position.epoch, head.position.step);
    fprintf(c->out, ", %zu head%s, %s parameters", trained.schema.heads, trained.schema.heads == 1 ? "" : "s",
            mh_text_count(mh_model_layout(trained.model)->count, count));
cleanup:
    mh_checkpoint_head_clear(&head);
    mh_trained_clear(&trained);
    return status;
}

static mh_status check_predictions(const check *c)
{
    mh_status status = MH_OK;
    mh_extent extent = {0};
    char count[MH_TEXT_BYTES];

    MH_TRY(mh_hdf5_file_extent(c->file, "predictions", &extent));
    fprintf(c->out, "%s: predictions, %s rows, %zu heads", c->path, mh_text_count(extent.rows, count),
            extent.columns);
cleanup:
    return status;
}

/* As training would find it: every row can be read, features are finite, labels are classes. */
static mh_status read_rows(mh_dataset *dataset)
{
    mh_status status = MH_OK;
    const mh_schema *schema = mh_dataset_schema(dataset);
    size_t rows = mh_dataset_rows(dataset);
    size_t row_bytes = schema->inputs * sizeof(float) + schema->heads * sizeof(mh_label);
    size_t block_rows = row_bytes < BLOCK_BYTES ? BLOCK_BYTES / row_bytes : 1;
    float *features = NULL;
    mh_label *labels = NULL;

    block_rows = block_rows < rows ? block_rows : rows;
    MH_TRY(mh_memory_array(block_rows, schema->inputs * sizeof *features, &features));
    MH_TRY(mh_memory_array(block_rows, schema->heads * sizeof *labels, &labels));
    for (size_t first = 0; first < rows; first += block_rows) {
        size_t count = rows - first < block_rows ? rows - first : block_rows;

        MH_TRY(mh_dataset_read(dataset, (mh_span){first, count}, features, labels));
    }
cleanup:
    mh_memory_free(features);
    mh_memory_free(labels);
    return status;
}

static mh_status check_data_set(const check *c)
{
    mh_status status = MH_OK;
    mh_dataset_config config = {.paths = (char *const[]){(char *)c->path}, .path_count = 1};
    mh_dataset *dataset = NULL;
    char count[MH_TEXT_BYTES];

    MH_TRY(mh_dataset_open(&config, &dataset));
    if (!c->is_sealed)
        MH_TRY(read_rows(dataset));
    fprintf(c->out, "%s: data set, %s rows, %zu features, %zu labels", c->path,
            mh_text_count(mh_dataset_rows(dataset), count), mh_dataset_schema(dataset)->inputs,
            mh_dataset_schema(dataset)->heads);
cleanup:
    mh_dataset_close(dataset);
    return status;
}

static mh_status check_kind(const check *c)
{
    if (mh_hdf5_file_has_attribute(c->file, "model", "format"))
        return check_model(c);
    if (mh_hdf5_file_has(c->file, "predictions") && mh_hdf5_file_has(c->file, "probabilities"))
        return check_predictions(c);
    return check_data_set(c);
}

/* ---- whether it is whole ---- */

/* Said at once, before HDF5 gets the chance to crash at it; then what HDF5 finds, which knows the datasets. */
static void tell_damage(check *c, const mh_seal_report *report)
{
    fputs(mh_status_message(), c->out);
    fflush(c->out);
    if (report->first >= report->content_bytes)
        return;
    if (mh_hdf5_file_open(c->path, &c->file) != MH_OK || mh_hdf5_file_compare(c->file) != MH_OK)
        fprintf(c->out, "; %s", without_path(c->path));
    else
        fputs("; the elements of its datasets are as they were", c->out);
}

/* Ours have checksums and a seal; who has lost one of them is not as it was written. */
static mh_status check_checksums(const check *c)
{
    if (!c->is_sealed && mh_hdf5_file_has_checksums(c->file))
        return MH_FAIL(
            MH_ERR_IO,
            "%s: has checksums, but no seal behind its end: it is cut off, or another program has changed "
            "it",
            c->path);
    return mh_hdf5_file_compare(c->file);
}

static mh_status run(check *c)
{
    mh_status status = MH_OK;
    mh_seal_report report = {0};
    struct stat info = {0};
    char size[MH_TEXT_BYTES];

    MH_TRY(mh_seal_check(c->path, 0, 1, &report));
    c->is_sealed = report.state == MH_SEAL_WHOLE;
    if (mh_seal_judge(c->path, &report) != MH_OK) {
        tell_damage(c, &report);
        return MH_ERR_IO;
    }
    MH_TRY(mh_hdf5_file_open(c->path, &c->file));
    MH_TRY(check_checksums(c));
    MH_TRY(check_kind(c));
    stat(c->path, &info);
    fprintf(c->out, ", %s: %s", mh_text_bytes((size_t)info.st_size, size),
            c->is_sealed ? "whole, checksums agree" : "structure is sound, made elsewhere: no checksums");
cleanup:
    if (status != MH_OK)
        fputs(mh_status_message(), c->out);
    return status;
}

/* ---- in a process of its own ---- */

static void watch(int signal)
{
    static uint64_t beats;

    (void)signal;
    if (mh_phase_beats() == beats)
        _exit(HUNG);
    beats = mh_phase_beats();
    alarm(HANG_SECONDS);
}

static void run_in_child(const char *path, int pipe)
{
    static const int deadly[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    check c = {.path = path, .out = fdopen(pipe, "w")};

    for (size_t i = 0; i < sizeof deadly / sizeof deadly[0]; i++)
        signal(deadly[i], SIG_DFL);
    signal(SIGALRM, watch);
    alarm(HANG_SECONDS);
    mh_status status = c.out != NULL ? run(&c) : MH_ERR_IO;
    if (c.out != NULL)
        fflush(c.out);
    _exit(status == MH_OK ? 0 : 1);
}

/* What the child says, until it ends. */
static void listen(int pipe, char *line, size_t bytes)
{
    size_t used = 0;

    for (;;) {
        char rest[512];
        bool has_room = used + 1 < bytes;
        ssize_t got = has_room ? read(pipe, line + used, bytes - 1 - used) : read(pipe, rest, sizeof rest);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        used += has_room ? (size_t)got : 0;
    }
    line[used] = '\0';
}

bool file_check(const char *path, char *line, size_t bytes)
{
    int ends[2], result = 0;
    pid_t child = -1;

    if (pipe(ends) != 0 || (child = fork()) < 0) {
        snprintf(line, bytes, "%s: cannot be looked at: %s", path, strerror(errno));
        return false;
    }
    if (child == 0) {
        close(ends[0]);
        run_in_child(path, ends[1]);
    }
    close(ends[1]);
    listen(ends[0], line, bytes);
    close(ends[0]);
    while (waitpid(child, &result, 0) < 0 && errno == EINTR)
        ;
    if (line[0] == '\0' && WIFSIGNALED(result))
        snprintf(line, bytes, "%s: is damaged: HDF5 crashed at it (%s)", path, strsignal(WTERMSIG(result)));
    else if (line[0] == '\0')
        snprintf(line, bytes, "%s: is damaged: reading it came to no end", path);
    return WIFEXITED(result) && WEXITSTATUS(result) == 0;
}
