#include "plot.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gnuplot.h"
#include "history_file.h"
#include "multihead/base/memory.h"

enum { LEGEND_INSIDE = 3, NAME_BYTES = 200, QUOTED_BYTES = 4400 };

/* Colours that most kinds of colour blindness leave apart: Okabe and Ito, without yellow, and wine for it. */
static const char *const colours[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                      "#e69f00", "#56b4e9", "#000000", "#882255"};

enum { COLOURS = sizeof colours / sizeof colours[0] };

/* The mean over runs; NaN where one is not known or they are more than a hundredth apart. */
static double common_base_loss(const plot_run *runs, size_t count)
{
    double least = INFINITY, most = -INFINITY, sum = 0;

    for (size_t i = 0; i < count; i++) {
        if (!isfinite(runs[i].base_loss))
            return NAN;
        least = fmin(least, runs[i].base_loss);
        most = fmax(most, runs[i].base_loss);
        sum += runs[i].base_loss;
    }
    return most - least <= 0.01 * most ? sum / (double)count : NAN;
}

/* A loss hardly spans a decade, and gnuplot would mark decades only. */
static void print_logarithmic_tics(FILE *out)
{
    fputs("set ytics (", out);
    for (int power = -9; power <= 9; power++)
        fprintf(out, "%s1e%d, 2e%d, 5e%d", power > -9 ? ", " : "", power, power, power);
    fputs("); set format y '%g'; ", out);
}

static void print_frame(FILE *out, size_t count, const char *title, bool is_logarithmic)
{
    bool is_outside = count > LEGEND_INSIDE;
    char name[2 * NAME_BYTES];

    gnuplot_quote(title, name, sizeof name);
    fprintf(out, "set terminal pngcairo size %d,%d font 'DejaVu Sans,12'; ", is_outside ? 1200 : 960,
            count > 24 ? 600 + 18 * (int)(count - 24) : 600);
    fprintf(out,
            "set datafile separator ','; set title %s noenhanced font ',14'; "
            "set xlabel 'epoch'; set ylabel 'loss (mean over heads)'; "
            "set border 3 lc rgb '#555555'; set tics nomirror; set grid lt 1 lc rgb '#dddddd'; "
            "set key noenhanced %s; %s; ",
            name, is_outside ? "outside right top" : "inside right top",
            is_logarithmic ? "set logscale y" : "set yrange [0:*]");
    if (is_logarithmic)
        print_logarithmic_tics(out);
}

/* Of one run the curves have their own entries in the legend; of several each run has one. */
static void print_run(FILE *out, const plot_run *run, const history_summary *summary, const char *colour,
                      bool is_only)
{
    char data[QUOTED_BYTES], name[2 * NAME_BYTES];

    gnuplot_quote(run->history, data, sizeof data);
    gnuplot_quote(is_only ? "train" : run->name, name, sizeof name);
    fprintf(out, ", %s using 'epoch':'train_loss' with linespoints pt 7 ps 0.4 lw 2 lc rgb '%s' title %s",
            data, colour, name);
    if (!summary->has_validation)
        return;
    fprintf(out, ", %s using 'epoch':'validation_loss' with lines dt (12,6) lw 2 lc rgb '%s' %s", data,
            colour, is_only ? "title 'validation'" : "notitle");
    fprintf(out,
            ", %s using 'epoch':(column('epoch') == %.17g ? column('validation_loss') : NaN) "
            "with points pt 6 ps 1.8 lw 2 lc rgb '%s' ",
            data, summary->best_epoch, colour);
    if (is_only)
        fprintf(out, "title 'best: %.4f, epoch %.0f'", summary->best_loss, summary->best_epoch);
    else
        fputs("notitle", out);
}

/* One curve of one stage, over the epochs of that stage. */
static void print_stage(FILE *out, const char *data, const history_summary *summary, size_t stage,
                        const char *column, const char *style)
{
    fprintf(out, ", %s using (column('stage') == %zu ? column('epoch') - %.17g : NaN):'%s' with lines %s",
            data, stage + 1, summary->before[stage], column, style);
}

/* A run of several stages: its trials thin and pale, each from its own first epoch, over them the last stage. */
static void print_stages(FILE *out, const plot_run *run, const history_summary *summary, const char *colour,
                         bool is_only)
{
    char data[QUOTED_BYTES], name[2 * NAME_BYTES], style[3 * NAME_BYTES];
    size_t last = summary->stages - 1;

    gnuplot_quote(run->history, data, sizeof data);
    for (size_t stage = 0; stage < last; stage++) {
        snprintf(style, sizeof style, "lw 1 lc rgb '#b0%s' %s", colour + 1,
                 is_only && stage == 0 ? "title 'train, trials'" : "notitle");
        print_stage(out, data, summary, stage, "train_loss", style);
        snprintf(style, sizeof style, "dt (12,6) lw 1.5 lc rgb '#60%s' %s", colour + 1,
                 is_only && stage == 0 ? "title 'validation, trials'" : "notitle");
        print_stage(out, data, summary, stage, "validation_loss", style);
    }
    gnuplot_quote(is_only ? "train" : run->name, name, sizeof name);
    snprintf(style, sizeof style, "lw 2.5 lc rgb '%s' title %s", colour, name);
    print_stage(out, data, summary, last, "train_loss", style);
}

/* What line and dash stand for, in no run's colour. */
static void print_key(FILE *out, bool has_validation)
{
    fputs(", NaN with lines lw 2 lc rgb '#555555' title 'training'", out);
    if (has_validation)
        fputs(", NaN with lines dt (12,6) lw 2 lc rgb '#555555' title 'validation'"
              ", NaN with points pt 6 ps 1.8 lw 2 lc rgb '#555555' title 'best epoch'",
              out);
}

static void print_script(FILE *out, const plot_run *runs, const history_summary *summary, size_t count,
                         const char *title, bool is_logarithmic)
{
    double base_loss = common_base_loss(runs, count);
    bool has_validation = false;

    print_frame(out, count, title, is_logarithmic);
    /* An empty first element, so that all that follow begin with a comma. */
    if (isfinite(base_loss))
        fprintf(out, "plot %.17g with lines dt 3 lw 1.5 lc rgb '#888888' title 'base rates: %.4f'", base_loss,
                base_loss);
    else
        fputs("plot NaN notitle", out);
    for (size_t i = 0; i < count; i++) {
        if (summary[i].stages > 1)
            print_stages(out, &runs[i], &summary[i], colours[i % COLOURS], count == 1);
        else
            print_run(out, &runs[i], &summary[i], colours[i % COLOURS], count == 1);
        has_validation = has_validation || summary[i].has_validation;
    }
    if (count > 1)
        print_key(out, has_validation);
}

mh_status plot_runs(const plot_run *runs, size_t count, const char *title, bool is_logarithmic,
                    const char *png)
{
    mh_status status = MH_OK;
    history_summary *summary = NULL;
    char *script = NULL;
    size_t bytes = 0;
    FILE *out = NULL;

    MH_TRY(mh_memory_array(count, sizeof *summary, &summary));
    for (size_t i = 0; i < count; i++)
        MH_TRY(history_file_read(runs[i].history, &summary[i]));
    out = open_memstream(&script, &bytes);
    if (out == NULL)
        return MH_FAIL(MH_ERR_MEMORY, "no memory for the script of a picture");
    print_script(out, runs, summary, count, title, is_logarithmic);
    if (fclose(out) != 0) {
        status = MH_FAIL(MH_ERR_MEMORY, "no memory for the script of a picture");
        goto cleanup;
    }
    MH_TRY(gnuplot_run(script, png));
cleanup:
    free(script);
    mh_memory_free(summary);
    return status;
}

mh_status plot_loss(const char *history, const char *title, double base_loss, const char *png)
{
    const plot_run run = {.history = history, .name = title, .base_loss = base_loss};

    return plot_runs(&run, 1, title, false, png);
}
