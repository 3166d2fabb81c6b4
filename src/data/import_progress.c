#include "import_progress.h"

#include <stdio.h>
#include <string.h>

#include "multihead/base/bar.h"
#include "multihead/base/clock.h"
#include "multihead/base/log.h"
#include "multihead/base/phase.h"
#include "multihead/base/text.h"

static const double BAR_EVERY_SECONDS = 0.1;
static const double LINE_EVERY_SECONDS = 10.0;

import_progress import_progress_start(bool is_shown, size_t bytes)
{
    double now = mh_clock_seconds();

    return (import_progress){.is_shown = is_shown,
                             .bytes = 2 * (double)bytes,
                             .started = now,
                             .last_shown = now,
                             .columns = mh_log_terminal_columns()};
}

void import_progress_step(import_progress *p, const char *what, const char *path, size_t file_bytes)
{
    char text[256], rows[MH_TEXT_BYTES], left[MH_TEXT_BYTES];
    const char *slash = strrchr(path, '/');
    double now = mh_clock_seconds();
    double done = p->bytes_done + (double)file_bytes, share = p->bytes > 0 ? done / p->bytes : 0;
    double elapsed = now - p->started;

    mh_phase_beat();
    if (!p->is_shown || now - p->last_shown < (p->columns > 0 ? BAR_EVERY_SECONDS : LINE_EVERY_SECONDS))
        return;
    share = share > 1 ? 1 : share;
    snprintf(text, sizeof text, "%s %.60s  %2.0f %%  %s rows  %.0f MB/s  %s left", what,
             slash != NULL ? slash + 1 : path, 100 * share, mh_text_count(p->rows, rows),
             done / elapsed / 1e6, mh_text_duration(share > 0 ? elapsed * (1 - share) / share : 0, left));
    if (p->columns > 0)
        mh_bar_show(share, text);
    else
        mh_log_info("%s", text);
    p->last_shown = now;
}

void import_progress_file(import_progress *p, size_t file_bytes)
{
    p->bytes_done += (double)file_bytes;
    p->rows = 0;
}

void import_progress_finish(import_progress *p)
{
    if (p->is_shown && p->columns > 0)
        mh_log_status("");
}
