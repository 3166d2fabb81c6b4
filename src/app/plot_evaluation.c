#include "plot_evaluation.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "gnuplot.h"

enum { QUOTED_BYTES = 2 * MH_LABEL_NAME_BYTES + 8, NAMES_SHOWN = 12, NAME_LETTERS = 24 };

/* A head's name in quotes, cut so that a key of them leaves room for the picture. */
static const char *quoted_name(const mh_schema *schema, size_t head, char out[QUOTED_BYTES])
{
    char name[MH_LABEL_NAME_BYTES], cut[NAME_LETTERS * 4 + 1];

    snprintf(cut, sizeof cut, "%.*s", NAME_LETTERS, mh_schema_label_name(schema, head, name));
    gnuplot_quote(cut, out, QUOTED_BYTES);
    return out;
}

/* ---- data, as blocks in the script ---- */

/* A label without a positive row has no place on the axis. */
static bool has_place(const mh_head_metrics *head)
{
    return head->classes == 2 && head->support > 0;
}

/* Returns how many heads there are to show. */
static size_t write_heads(FILE *script, const mh_metrics *metrics)
{
    size_t shown = 0;

    fputs("$heads << END\n", script);
    for (size_t h = 0; h < metrics->heads; h++) {
        if (!has_place(&metrics->head[h]))
            continue;
        fprintf(script, "%lld %.6g\n", (long long)metrics->head[h].support, metrics->head[h].f1);
        shown++;
    }
    fputs("END\n", script);
    return shown;
}

static void write_curve(FILE *script, const char *name, size_t number, const mh_curve_point *points)
{
    fprintf(script, "$%s%zu << END\n", name, number);
    for (size_t i = 0; i < MH_CURVE_POINTS; i++)
        if (isfinite(points[i].precision))
            fprintf(script, "%.6g %.6g\n", points[i].recall, points[i].precision);
    fputs("END\n", script);
}

/* ---- panels ---- */

/* Few heads are named, by turns above and below in the order of the axis, so that neighbours keep apart. */
static void name_heads(FILE *script, const mh_metrics *metrics, const mh_schema *schema)
{
    char name[QUOTED_BYTES];

    for (size_t h = 0; h < metrics->heads; h++) {
        const mh_head_metrics *head = &metrics->head[h];
        size_t left = 0; /* how many stand to the left */

        if (!has_place(head))
            continue;
        for (size_t other = 0; other < metrics->heads; other++)
            left += has_place(&metrics->head[other]) &&
                    (metrics->head[other].support < head->support ||
                     (metrics->head[other].support == head->support && other < h));
        fprintf(script, "set label %s at %lld,%.6g offset 0,%s center noenhanced font ',9' front\n",
                quoted_name(schema, h, name), (long long)head->support, head->f1,
                left % 2 == 0 ? "0.8" : "-0.8");
    }
}

static void plot_heads(FILE *script, const mh_metrics *metrics, const mh_schema *schema, size_t shown)
{
    double least = INFINITY, most = 0;
    bool are_many = shown > 100; /* then small, and letting one another shine through */

    for (size_t h = 0; h < metrics->heads; h++) {
        if (!has_place(&metrics->head[h]))
            continue;
        least = fmin(least, (double)metrics->head[h].support);
        most = fmax(most, (double)metrics->head[h].support);
    }
    fprintf(script,
            "set title 'F1 of each label'\n"
            "set xlabel 'rows with the label'; set ylabel 'F1'; set logscale x\n"
            "set xrange [%.6g:%.6g]; set yrange [-0.05:1.05]; set key above noenhanced\n",
            least / 1.6, most * 1.6);
    if (shown <= NAMES_SHOWN)
        name_heads(script, metrics, schema);
    fputs("plot ", script);
    if (isfinite(metrics->f1_macro))
        fprintf(script,
                "%.6g with lines dt 2 lc rgb '#d62728' title 'macro-F1 %.3f', "
                "%.6g with lines dt 4 lc rgb '#555555' title 'micro-F1 %.3f', ",
                metrics->f1_macro, metrics->f1_macro, metrics->f1_micro, metrics->f1_micro);
    fprintf(script, "$heads using 1:2 with points pt 7 ps %s lc rgb '%s' notitle\n", are_many ? "0.6" : "1",
            are_many ? "#a01f77b4" : "#1f77b4");
    fputs("unset label; unset logscale\n", script);
}

static void plot_curves(FILE *script, const mh_metrics *metrics, const mh_evaluation_curves *curves,
                        const mh_schema *schema)
{
    /* Ten that are told apart (Tableau's). */
    static const char *const colors[MH_CURVES_MOST] = {"#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd",
                                                       "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22", "#17becf"};
    char name[QUOTED_BYTES];

    fprintf(
        script,
        "set title 'precision against recall%s'\n"
        "set xlabel 'recall'; set ylabel 'precision'; set xrange [0:1]; set yrange [0:1.02]\n"
        "set key default; set key outside right top vertical Left reverse noenhanced font ',10' samplen 2\n"
        "plot ",
        curves->count < metrics->heads ? ", labels with most rows" : "");
    for (size_t i = 0; i < curves->count; i++)
        fprintf(script, "$label%zu with lines lw 1.2 lc rgb '%s' title %s, ", i, colors[i],
                quoted_name(schema, curves->head[i], name));
    fputs("$micro0 with lines lw 3 lc rgb '#000000' title 'all labels (micro)'\n", script);
}

static mh_status write_script(FILE *script, const mh_metrics *metrics, const mh_evaluation_curves *curves,
                              const mh_schema *schema, const char *title)
{
    char quoted[1024];
    size_t shown = write_heads(script, metrics);

    if (shown == 0)
        return MH_FAIL(MH_ERR_FORMAT,
                       "no label with two classes has a positive row, so there is nothing to draw");
    for (size_t i = 0; i < curves->count; i++)
        write_curve(script, "label", i, curves->point[i]);
    write_curve(script, "micro", 0, curves->micro);
    gnuplot_quote(title, quoted, sizeof quoted);
    fprintf(script,
            "set terminal pngcairo size 1440,600 font 'DejaVu Sans,11'\n"
            "set border 3 lc rgb '#555555'; set tics nomirror; set grid lc rgb '#dddddd'\n"
            "set multiplot layout 1,2 title %s noenhanced font ',13'\n",
            quoted);
    plot_heads(script, metrics, schema, shown);
    plot_curves(script, metrics, curves, schema);
    fputs("unset multiplot\n", script);
    return MH_OK;
}

mh_status plot_evaluation(const mh_metrics *metrics, const mh_evaluation_curves *curves,
                          const mh_schema *schema, const char *title, const char *png)
{
    mh_status status = MH_OK;
    char *text = NULL;
    size_t bytes = 0;
    FILE *script = open_memstream(&text, &bytes);

    if (script == NULL)
        return MH_FAIL(MH_ERR_MEMORY, "out of memory");
    status = write_script(script, metrics, curves, schema, title);
    if (fclose(script) != 0 && status == MH_OK)
        status = MH_FAIL(MH_ERR_MEMORY, "out of memory");
    if (status == MH_OK)
        status = gnuplot_run(text, png);
    free(text);
    return status;
}
