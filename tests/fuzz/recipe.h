#ifndef MULTIHEAD_TESTS_FUZZ_RECIPE_H
#define MULTIHEAD_TESTS_FUZZ_RECIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "our_file.h"
#include "temporary_file.h"

/*
 * Bytes that say what is in an HDF5 file: which datasets and attributes, of which type, shape, layout and values. Names
 * are those that our readers look for. Any bytes are a recipe, and what it makes is a file that HDF5 has nothing against:
 * so what it does not please in is for our own code to find out.
 */
typedef struct recipe {
    const uint8_t *next, *end;
} recipe;

/** The next byte, 0 when there is none. */
uint8_t recipe_take(recipe *recipe);

/* What tells whether the file is whole. */
typedef enum {
    RECIPE_BARE,      /* nothing: it has no seal, and no /checksums                      */
    RECIPE_CHECKSUMS, /* /checksums, of the base: of what the recipe changes, wrong ones */
    RECIPE_SEALED     /* a right seal                                                    */
} recipe_proof;

/** Bits 0 and 1 of a byte; sealed ones are twice as many. */
recipe_proof recipe_choose_proof(unsigned byte);

/** Cooks the rest of the recipe into a file that begins as `base`, or empty (NULL). The caller closes it. */
temporary_file recipe_cook(recipe *recipe, const our_file *base, recipe_proof proof);

#endif
