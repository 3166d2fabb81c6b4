#ifndef MULTIHEAD_TESTS_FUZZ_PROMISE_H
#define MULTIHEAD_TESTS_FUZZ_PROMISE_H

#include <stdbool.h>
#include <stddef.h>

#include "multihead/base/status.h"

/* What every reader promises, whatever is in a file. Each of these aborts where it is not so. */

/** Whether a reader succeeded. Memory runs out only where more than there is was asked for on a file's word. */
bool promise_is_kept(mh_status status);

/** All texts [count] end; NULL is none. */
void promise_texts(char *const *texts, size_t count);

/** All of HDF5's objects are closed. */
void promise_all_is_closed(void);

#endif
