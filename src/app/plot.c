#include "plot.h"

#include <stdio.h>

#include "gnuplot.h"

mh_status plot_loss(const char *history, const char *title, double base_loss, const char *png)
{
    char script[16384], data[4200], name[400];

    gnuplot_quote(history, data, sizeof data);
    gnuplot_quote(title, name, sizeof name);
    snprintf(script, sizeof script,
             "set terminal pngcairo size 960,600 font 'DejaVu Sans,12'; "
             "set datafile separator ','; set title %s noenhanced font ',14'; "
             "set xlabel 'epoch'; set ylabel 'loss (mean over heads)'; "
             "set border 3 lc rgb '#555555'; set tics nomirror; set grid lc rgb '#dddddd'; "
             "set key top right; set yrange [0:*]; "
             "base = %.17g; "
             "plot base with lines dt 2 lw 1.5 lc rgb '#888888' title sprintf('base rates: %%.4f', base), "
             "%s using 'epoch':'train_loss' with linespoints pt 7 ps 0.4 lw 2 lc rgb '#1f77b4' title 'train'",
             name, base_loss, data);
    return gnuplot_run(script, png);
}
