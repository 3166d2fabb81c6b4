#ifndef MULTIHEAD_BASE_TEXT_H
#define MULTIHEAD_BASE_TEXT_H

#include <stddef.h>

/* Numbers as people and other programs read them. Each returns the buffer it was given. */
enum { MH_TEXT_BYTES = 40 };

/** The shortest decimal that reads back as the same double: "0.1", "1e-05", "nan". */
const char *mh_text_number(double value, char buffer[MH_TEXT_BYTES]);

/** "45,157" */
const char *mh_text_count(size_t value, char buffer[MH_TEXT_BYTES]);

/** "612 B", "1.2 MiB": in powers of 1024, as sizes are given to options */
const char *mh_text_bytes(size_t bytes, char buffer[MH_TEXT_BYTES]);

/** "0:07", "12:30", "3:00:01" */
const char *mh_text_duration(double seconds, char buffer[MH_TEXT_BYTES]);

/** The beginning of a foreign text for a message: a line's worth, nothing in it that a terminal would obey. */
const char *mh_text_excerpt(const char *text, char buffer[MH_TEXT_BYTES]);

/**
 * Appends `more` to the `used` bytes in text [bytes], as much as there is room for, and a 0; returns how many are used
 * then. Unlike snprintf it may be called in a signal handler.
 */
size_t mh_text_append(char *text, size_t bytes, size_t used, const char *more);

#endif
