#ifndef MULTIHEAD_SRC_APP_OPTION_TABLE_H
#define MULTIHEAD_SRC_APP_OPTION_TABLE_H

#include <stdio.h>

#include "options.h"

/* One entry for each option; what else is known of options (parsing, help, options.ini) is made from it. */

typedef enum {
    TYPE_TEXT,     /* char *                                    */
    TYPE_TEXTS,    /* text_list: takes words up to the next --  */
    TYPE_SIZE,     /* size_t                                    */
    TYPE_REAL,     /* double                                    */
    TYPE_SWITCH,   /* bool: yes or no                           */
    TYPE_FLAG,     /* bool: no value                            */
    TYPE_CHOICE,   /* size_t: place among the choices           */
    TYPE_WIDTHS,   /* width_list: 32,64 or none                 */
    TYPE_SHARES,   /* share_list: 0.5,0.2                       */
    TYPE_ROWS,     /* mh_slice: A:B                             */
    TYPE_BYTES,    /* size_t: 4096, 64M, 2G                     */
    TYPE_DURATION, /* double: seconds; 90s, 10min, 24h, 1:30:00 */
    TYPE_INTERVAL, /* mh_interval: 5, 200steps, 10min           */
    TYPE_WARMUP    /* mh_interval: 100, 5epochs                 */
} option_type;

typedef struct {
    const char *name;
    option_type type;
    unsigned commands;
    size_t place; /* in options */
    const char *initial;
    const char *value; /* how help calls it; choices separated by | */
    const char *help;
    double least;             /* of a number               */
    bool makes_no_difference; /* to what is learned: a run may go on with another value */
} option;

/* Beside the commands: the option says something of generated rows only; --preset tabular chooses its value. */
enum { OF_GENERATOR = 1 << 16, BY_PRESET = 1 << 17 };

extern const option option_table[];
extern const size_t option_count;

/** The option of this name that a command has, or NULL; `length` letters of `name`. */
const option *option_find(unsigned command, const char *name, size_t length);

/** The one that `name` may be a misprint of, or NULL. */
const option *option_find_nearest(unsigned command, const char *name);

/** Where its value is. */
void *option_place(options *options, const option *entry);
const void *option_const_place(const options *options, const option *entry);

/** Reads a value; a list gets one more text. MH_ERR_USAGE, saying what was expected. */
mh_status option_set(const option *entry, char *text, options *options);

/** "--name value"; false where the value is the one that the option has by itself. */
bool option_say(const option *entry, const options *options, char *text, size_t bytes);

/** Prints the value as option_set would read it; nothing for a list. */
void option_print(const option *entry, const options *options, FILE *out);

#endif
