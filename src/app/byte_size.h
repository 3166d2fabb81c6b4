#ifndef MULTIHEAD_SRC_APP_BYTE_SIZE_H
#define MULTIHEAD_SRC_APP_BYTE_SIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/** "64M": a whole number of bytes, or of K, M, G or T of them, powers of 1024. False for anything else. */
bool byte_size_parse(const char *text, size_t *bytes);

/** As it is parsed, with the largest unit that is exact. */
void byte_size_print(size_t bytes, FILE *out);

#endif
