#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "commands.h"
#include "multihead/base/log.h"
#include "multihead/base/memory.h"
#include "multihead/model/baseline.h"
#include "multihead/training/trained.h"
#include "plot.h"

enum { PATH_BYTES = 4096 };

/* A run as it is found from what the user calls it. */
typedef struct {
    char folder[PATH_BYTES]; /* where its history is */
    char history[PATH_BYTES + 16];
    char model[PATH_BYTES + 16];
    char name[256];
} run;

mh_status command_plot_check(const options *o)
{
    if (o->files.count == 0)
        return MH_FAIL(MH_ERR_USAGE, "say which runs: plot RUN..., folders of runs or their history.csv");
    if (o->files.count > 1 && o->output == NULL)
        return MH_FAIL(MH_ERR_USAGE, "say where the picture of several runs goes: --output FILE.png");
    return MH_OK;
}

/* ---- finding ---- */

static bool is_there(const char *path, bool is_folder)
{
    struct stat info;

    return stat(path, &info) == 0 && (bool)S_ISDIR(info.st_mode) == is_folder;
}

static void cut_slashes(char *path)
{
    size_t length = strlen(path);

    while (length > 1 && path[length - 1] == '/')
        path[--length] = '\0';
}

static void copy(const char *text, size_t length, char *out, size_t bytes)
{
    snprintf(out, bytes, "%.*s", (int)length, text);
}

static void set_folder(const char *folder, run *out)
{
    const char *slash;

    snprintf(out->folder, sizeof out->folder, "%s", folder);
    cut_slashes(out->folder);
    snprintf(out->history, sizeof out->history, "%s/history.csv", out->folder);
    slash = strrchr(out->folder, '/');
    snprintf(out->name, sizeof out->name, "%s", slash != NULL ? slash + 1 : out->folder);
}

/* A folder, the history in one, or a name under outputs. */
static mh_status find_run(const char *what, run *out)
{
    char folder[PATH_BYTES];
    const char *slash = strrchr(what, '/');

    if (strlen(what) >= PATH_BYTES - 16)
        return MH_FAIL(MH_ERR_IO, "%s: the path is too long", what);
    if (is_there(what, true)) {
        set_folder(what, out);
    } else if (is_there(what, false)) {
        copy(slash == NULL ? "." : what, slash == NULL ? 1 : (size_t)(slash - what) + 1, folder,
             sizeof folder);
        set_folder(folder, out);
        snprintf(out->history, sizeof out->history, "%s", what);
        if (slash == NULL || strcmp(slash + 1, "history.csv") != 0)
            copy(what, strlen(what), out->name, sizeof out->name);
    } else {
        snprintf(folder, sizeof folder, "outputs/%.*s", PATH_BYTES - 16, what);
        if (!is_there(folder, true))
            return MH_FAIL(MH_ERR_IO, "%s: there is neither a run nor a history here, nor a run outputs/%s",
                           what, what);
        set_folder(folder, out);
    }
    snprintf(out->model, sizeof out->model, "%s/model.h5", out->folder);
    if (!is_there(out->history, false))
        return MH_FAIL(MH_ERR_IO, "%s: is no folder of a run: there is no history.csv", out->folder);
    return MH_OK;
}

/* Runs of one name in several places are told apart by their folders. */
static void tell_apart(run *runs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bool is_alone = true;

        for (size_t j = 0; j < count && is_alone; j++) {
            const char *slash = strrchr(runs[j].folder, '/');

            is_alone = i == j || strcmp(slash != NULL ? slash + 1 : runs[j].folder, runs[i].name) != 0;
        }
        if (!is_alone)
            copy(runs[i].folder, strlen(runs[i].folder), runs[i].name, sizeof runs[i].name);
    }
}

/* ---- drawing ---- */

/* The mean over heads, of the labels that the run was trained on; NaN while its model is not there. */
static double base_loss_of(const char *model)
{
    mh_trained trained = {0};
    double sum = 0;

    if (!is_there(model, false) || mh_trained_load(model, &trained) != MH_OK)
        return NAN;
    const double *rates = trained.base_rates;
    for (size_t h = 0; h < trained.schema.heads; h++) {
        sum += mh_baseline_entropy(trained.schema.classes[h], rates);
        rates += trained.schema.classes[h];
    }
    sum /= (double)trained.schema.heads;
    mh_trained_clear(&trained);
    return sum;
}

static mh_status draw(const options *o, run *runs, plot_run *curves)
{
    mh_status status = MH_OK;
    size_t count = o->files.count;
    char png[PATH_BYTES + 16], title[64];

    for (size_t i = 0; i < count; i++)
        MH_TRY(find_run(o->files.text[i], &runs[i]));
    tell_apart(runs, count);
    for (size_t i = 0; i < count; i++)
        curves[i] = (plot_run){
            .history = runs[i].history, .name = runs[i].name, .base_loss = base_loss_of(runs[i].model)};
    snprintf(png, sizeof png, "%s/loss.png", runs[0].folder);
    snprintf(title, sizeof title, "%zu runs", count);
    const char *path = o->output != NULL ? o->output : png;
    MH_TRY(plot_runs(curves, count, count == 1 ? runs[0].name : title, o->log_y, path));
    mh_log_info("%s", path);
cleanup:
    return status;
}

static mh_status draw_all(const options *o)
{
    mh_status status = MH_OK;
    run *runs = NULL;
    plot_run *curves = NULL;

    MH_TRY(mh_memory_array(o->files.count, sizeof *runs, &runs));
    MH_TRY(mh_memory_array(o->files.count, sizeof *curves, &curves));
    MH_TRY(draw(o, runs, curves));
cleanup:
    mh_memory_free(runs);
    mh_memory_free(curves);
    return status;
}

mh_status command_plot(const mh_comm *comm, const options *o)
{
    return mh_comm_agree(comm, mh_comm_rank(comm) == 0 ? draw_all(o) : MH_OK);
}
