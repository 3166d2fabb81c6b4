#include "multihead/training/progress.h"

#include <math.h>
#include <stdio.h>

#include "multihead/base/bar.h"
#include "multihead/base/clock.h"
#include "multihead/base/log.h"
#include "multihead/base/text.h"

enum { PLAIN_LINES = 20 };

static const double BAR_EVERY_SECONDS = 0.1;
static const double LINE_EVERY_SECONDS = 30.0;

mh_progress mh_progress_start(bool is_shown, const char *title, size_t epochs, size_t first_epoch,
                              size_t batches, size_t rows)
{
    return (mh_progress){
        .is_shown = is_shown,
        .title = title,
        .epochs = epochs,
        .batches = batches,
        .rows = rows,
        .first_epoch = first_epoch,
        .started = mh_clock_seconds(),
        .last_shown = mh_clock_seconds(),
        .columns = mh_log_terminal_columns(),
    };
}

/* "epoch  37/100  loss 0.27120  412,000 rows/s  0:12 left" */
static void describe(const mh_progress *p, double epochs_done, size_t epoch, double loss,
                     double validation_loss, double now, char *text, size_t bytes)
{
    double elapsed = now - p->started, done = epochs_done - (double)p->first_epoch;
    double rate = elapsed > 0 ? done * (double)p->rows / elapsed : 0;
    double left = done > 0 ? elapsed * ((double)p->epochs - epochs_done) / done : 0;
    char rows[MH_TEXT_BYTES], duration[MH_TEXT_BYTES], count[MH_TEXT_BYTES];
    char validation[40] = "";
    int width = snprintf(count, sizeof count, "%zu", p->epochs);

    if (!isnan(validation_loss))
        snprintf(validation, sizeof validation, "  validation %.5f", validation_loss);
    snprintf(text, bytes, "%s%sepoch %*zu/%zu  loss %.5f%s  %s rows/s  %s left",
             p->title != NULL ? p->title : "", p->title != NULL && p->title[0] != '\0' ? "  " : "", width,
             epoch, p->epochs, loss, validation, mh_text_count((size_t)rate, rows),
             mh_text_duration(left, duration));
}

void mh_progress_step(mh_progress *p, size_t epoch, size_t batch, double loss)
{
    char text[256];

    if (!p->is_shown || p->columns == 0)
        return;
    double now = mh_clock_seconds();
    if (now - p->last_shown < BAR_EVERY_SECONDS)
        return;
    double epochs_done = (double)epoch + (double)batch / (double)p->batches;
    describe(p, epochs_done, epoch + 1, loss, NAN, now, text, sizeof text);
    mh_bar_show(epochs_done / (double)p->epochs, text);
    p->last_shown = now;
}

void mh_progress_epoch(mh_progress *p, size_t epoch, double loss, double validation_loss, bool is_last)
{
    char text[256];
    size_t every = (p->epochs + PLAIN_LINES - 1) / PLAIN_LINES;

    if (!p->is_shown)
        return;
    double now = mh_clock_seconds();
    bool has_title = p->title != NULL && p->title[0] != '\0'; /* one of many parts, which say little each */
    bool is_time = p->columns == 0 && now - p->last_shown > LINE_EVERY_SECONDS;
    bool is_due = p->columns == 0 && !has_title && (epoch == 1 || epoch % every == 0);
    if (!is_due && !is_time && (!is_last || has_title))
        return;
    describe(p, (double)epoch, epoch, loss, validation_loss, now, text, sizeof text);
    mh_log_info("%s", text);
    p->last_shown = now;
}
