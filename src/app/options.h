#ifndef MULTIHEAD_SRC_APP_OPTIONS_H
#define MULTIHEAD_SRC_APP_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "multihead/base/status.h"
#include "multihead/data/dataset.h"
#include "multihead/model/head.h"
#include "multihead/training/interval.h"

/* Everything that can be said on the command line. One table (options.c) holds name, type, default and help of
 * each option; parsing, --help and options.ini come from it. */

typedef enum {
    COMMAND_GENERATE = 1 << 0,
    COMMAND_TRAIN = 1 << 1,
    COMMAND_EVALUATE = 1 << 2,
    COMMAND_PREDICT = 1 << 3,
    COMMAND_INSPECT = 1 << 4,
    COMMAND_BENCH = 1 << 5,
    COMMAND_IMPORT = 1 << 6,
    COMMAND_PLOT = 1 << 7,
    COMMAND_VERIFY = 1 << 8
} command;

/* Commands whose words may belong to no option. */
enum { TAKES_FILES = COMMAND_INSPECT | COMMAND_IMPORT | COMMAND_PLOT | COMMAND_VERIFY };

typedef struct {
    size_t count;
    char *
        *text; /* [count] the list is owned, its texts borrowed from the command line or the configuration */
} text_list;

typedef struct {
    size_t count;
    size_t *width; /* [count] */
} width_list;

/* Candidates, of which validation chooses one. */
typedef struct {
    size_t count;
    double share[8];
} share_list;

enum { OPTIONS_MAX = 128 };

typedef enum { PRESET_TUTORIAL, PRESET_TABULAR } preset_kind;
typedef enum { BIASES_AS_WEIGHTS, BIASES_AT_BASE_RATES } initial_biases;

typedef struct {
    command command;
    double started;  /* mh_clock_seconds() when they were parsed */
    text_list files; /* arguments that belong to no option */

    /* data */
    text_list data;
    bool generate;
    size_t samples, features, labels, categories;
    double mean_labels, length;
    bool no_unlabeled;
    size_t method; /* mh_generator_method */
    size_t data_seed;
    mh_slice rows;
    char *features_name, *labels_name;
    size_t shards;

    /* import */
    size_t format; /* mh_text_format   */
    size_t header; /* mh_header_choice */
    char *label_xml, *label_columns, *drop_columns, *categorical_columns;
    char *missing;
    size_t index_base, label_base; /* mh_index_base */

    /* model */
    width_list hidden;
    size_t heads;           /* mh_head_kind       */
    size_t head_activation; /* mh_head_activation */
    char *init;
    size_t preset;      /* preset_kind        */
    size_t standardize; /* mh_standardize     */
    double outlier_limit;
    bool linear_path;
    double linear_path_rate;
    share_list dropout, input_dropout;
    size_t initial_weights; /* mh_initial_weights */
    size_t initial_biases;  /* initial_biases     */

    /* training */
    size_t loss; /* mh_loss_kind */
    double focal_gamma, gamma_positive, gamma_negative, margin;
    char *positive_weight, *head_weight;
    size_t schedule; /* mh_schedule_kind */
    size_t schedule_every;
    mh_interval warmup; /* steps or epochs */
    double schedule_factor, clip_norm, average_decay;
    bool decay_biases;

    /* validation */
    text_list validation_data;
    mh_slice validation_rows;
    double validation_fraction;
    char *validation_fold;
    size_t cross_validate;
    size_t split_seed;
    size_t patience;
    bool refit;
    size_t thresholds_objective; /* 0: not tuned, 1: micro-F1, 2: each label's F1 */

    size_t epochs, batch_size;
    bool shuffle;
    size_t optimizer; /* mh_adam_rule */
    double learning_rate, weight_decay;
    size_t learning_rate_scale; /* mh_rate_scale */
    size_t reference_batch;
    size_t seed;
    size_t replicas; /* 0: 8, or the number of ranks when that is more */
    size_t memory;   /* bytes of training rows that a rank may hold, 0: all */
    bool overlap;
    size_t threads;

    /* run */
    char *run;
    char *output;
    char *resume;
    mh_interval checkpoint_every;
    size_t keep;
    double time_limit, stall_timeout; /* seconds; 0: none */
    size_t on_nonfinite;              /* mh_on_nonfinite  */
    char *inject;                     /* KIND@rank=R,step=S */
    char *config;
    bool progress;

    /* evaluate, predict, bench */
    text_list model;
    bool out_of_fold;
    char *json;
    char *thresholds; /* model, a number, or a file */
    char *write_thresholds;
    char *evaluation_plot; /* a PNG              */
    size_t steps;
    bool network;
    size_t ranks_per_host; /* 0: as launched */
    bool requests;

    /* plot */
    bool log_y;

    bool given[OPTIONS_MAX]; /* whether somebody set this entry of the table, see options_is_given */
    char *config_text;       /* the configuration file, cut into lines; texts point into it     */
} options;

/** Defaults, then --config, then the command line. MH_ERR_USAGE with what to do. Free with options_clear. */
mh_status options_parse(command command, int argc, char **argv, options *out);
void options_clear(options *options);

/** Whether the user said something about an option of this name. */
bool options_is_given(const options *options, const char *name);

/** The name of the first of those that was given, or NULL; the list ends with NULL. */
const char *options_first_given(const options *options, const char *const *names);

/** The name of the first option about generated rows that was given, or NULL. */
const char *options_given_of_generator(const options *options);

/** What a run is made with, in the form that --config takes; the caller frees it (mh_memory_free). */
mh_status options_describe(const options *options, char **out);

/**
 * Compares a description with these options, but for those that change nothing in what is learned.
 *
 *   differences   out: "epochs 100 (now 200), seed 1 (now 2)"; "" when there are none
 */
mh_status options_compare(const options *options, const char *description, char *differences, size_t bytes);

/** The value that a description gives an option, "" without; false when it has no such line. */
bool options_lookup(const char *description, const char *name, char *value, size_t bytes);

/** Prints the options of a command with their help to stdout. */
void options_print_help(command command);

#endif
