#ifndef MULTIHEAD_SRC_DATA_IMPORT_PROGRESS_H
#define MULTIHEAD_SRC_DATA_IMPORT_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>

/* What the person who waits for an import sees: on a terminal a bar that moves, elsewhere a line now and then. */
typedef struct {
    bool is_shown;
    double bytes;      /* to be read in all, both passes      */
    double bytes_done; /* of files that are finished          */
    size_t rows;       /* of the pass                         */
    double started, last_shown;
    size_t columns; /* of the terminal, 0 without */
} import_progress;

enum { IMPORT_PROGRESS_ROWS = 256 }; /* rows between two looks at the clock */

/** `bytes` of all files, each of which is read twice. */
import_progress import_progress_start(bool is_shown, size_t bytes);

/** `path` is being read, `file_bytes` of it so far; `what` is "reading" or "writing". */
void import_progress_step(import_progress *progress, const char *what, const char *path, size_t file_bytes);

/** A file of this size is finished. */
void import_progress_file(import_progress *progress, size_t file_bytes);

/** Takes the bar away. */
void import_progress_finish(import_progress *progress);

#endif
