#include "preset.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "data_source.h"
#include "multihead/base/log.h"
#include "multihead/base/text.h"
#include "multihead/training/schedule.h"
#include "option_table.h"
#include "training_plan.h"

/* Sets an option unless somebody did; `value` as on the command line. */
__attribute__((format(printf, 3, 4))) static mh_status choose(options *o, const char *name,
                                                              const char *format, ...)
{
    const option *entry = option_find(o->command, name, strlen(name));
    char value[64];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(value, sizeof value, format, arguments);
    va_end(arguments);
    return options_is_given(o, name) ? MH_OK : option_set(entry, value, o);
}

/* ---- the rules ---- */

enum {
    SMALL_ROWS = 5000, /* below, one part of the rows is too few to choose by                        */
    LARGE_ROWS = 20000,
    FEW_ROWS = 2000,
    FOLDS = 5
};

/* 1 up to `rows`, then falling with the root of their number: what protects few rows from being learned by heart. */
static double for_few(const preset_facts *facts, size_t rows)
{
    return fmin(1.0, sqrt((double)rows / (double)facts->rows));
}

/*
 * The power of two nearest to rows / 40, from 32 to 256, and from there so much more or less that the last batch of an
 * epoch is about as large as the others: a small one would be a noisy step. Of the rows that a trial has.
 */
static size_t batch_size(size_t rows)
{
    double trained = rows < SMALL_ROWS ? (double)rows * (FOLDS - 1) / FOLDS : (double)rows;
    double usual = exp2(fmin(fmax(round(log2((double)rows / 40.0)), 5.0), 8.0));
    double steps = fmax(round(trained / usual), 1.0);

    return (size_t)ceil(trained / steps);
}

static mh_status choose_model(options *o)
{
    mh_status status = MH_OK;

    MH_TRY(choose(o, "hidden", "256,128"));
    MH_TRY(choose(o, "linear-path", o->hidden.count > 0 ? "yes" : "no"));
    MH_TRY(choose(o, "linear-path-rate", "0.3"));
    MH_TRY(choose(o, "initial-weights", "he"));
    MH_TRY(choose(o, "initial-biases", "base-rates"));
    MH_TRY(choose(o, "standardize", "auto"));
    MH_TRY(choose(o, "outlier-limit", "3"));
cleanup:
    return status;
}

/*
 * Two candidates, strong and weak, unless the user says one: which of them is better depends on how much noise there
 * is in the labels, which only a trial can tell. Features of 0 and 1 are sparse already and are not dropped.
 */
static mh_status choose_dropout(const preset_facts *facts, options *o)
{
    mh_status status = MH_OK;
    double strong = 0.5 * for_few(facts, LARGE_ROWS), weak = 0.2 * for_few(facts, SMALL_ROWS);
    double others = 1.0 - (double)facts->survey.binary_columns / (double)facts->inputs;
    double of_inputs = 0.1 * others * for_few(facts, SMALL_ROWS);

    MH_TRY(choose(o, "dropout", "%.2g,%.2g", strong, weak));
    if (o->dropout.count == 2)
        MH_TRY(choose(o, "input-dropout", "%.2g,0", of_inputs));
cleanup:
    return status;
}

/* 0.3, more of it for less than 2000 rows and less for more than 20,000. */
static double weight_decay(size_t rows)
{
    double few = sqrt((double)FEW_ROWS / (double)rows), many = sqrt((double)LARGE_ROWS / (double)rows);

    return 0.3 * (few > 1 ? fmin(few, 4.0) : fmin(many, 1.0));
}

static mh_status choose_training(const preset_facts *facts, options *o)
{
    mh_status status = MH_OK;

    MH_TRY(choose(o, "epochs", "%.0f", fmin(fmax(1e6 / (double)facts->rows, 150.0), 1000.0)));
    MH_TRY(choose(o, "batch-size", "%zu", batch_size(facts->rows)));
    if (o->learning_rate_scale != MH_RATE_SCALE_NONE)
        MH_TRY(choose(o, "reference-batch", "%zu", batch_size(facts->rows)));
    MH_TRY(choose(o, "shuffle", "yes"));
    MH_TRY(choose(o, "weight-decay", "%.2g", weight_decay(facts->rows)));
    MH_TRY(choose(o, "decay-biases", "no"));
    MH_TRY(choose(o, "average-decay", "0.99"));
cleanup:
    return status;
}

/* Whether the user says what to validate on, if only that it is nothing. */
static bool has_validation(const options *o)
{
    return training_plan_validates(o) || options_is_given(o, "validation-fraction") ||
           options_is_given(o, "cross-validate");
}

/* Two hundred steps, in which the running mean of the weights forgets what was before; 15 epochs at least, or 10. */
static size_t patience(size_t rows)
{
    double steps = (double)rows / (double)batch_size(rows);

    return rows < SMALL_ROWS ? (size_t)fmin(fmax(200.0 / steps, 15.0), 60.0) : 10;
}

static mh_status choose_validation(const preset_facts *facts, options *o)
{
    mh_status status = MH_OK;

    MH_TRY(choose(o, "patience", "%zu", patience(facts->rows)));
    MH_TRY(choose(o, "thresholds", "tune"));
    if (has_validation(o))
        return MH_OK;
    if (facts->rows < SMALL_ROWS)
        MH_TRY(choose(o, "cross-validate", "%d", FOLDS));
    else
        MH_TRY(choose(o, "validation-fraction", "%.2g", fmin(0.1, 5000.0 / (double)facts->rows)));
    MH_TRY(choose(o, "refit", "yes"));
cleanup:
    return status;
}

mh_status preset_choose(const preset_facts *facts, options *o)
{
    mh_status status = MH_OK;

    MH_TRY(choose_model(o));
    MH_TRY(choose_dropout(facts, o));
    MH_TRY(choose_training(facts, o));
    MH_TRY(choose_validation(facts, o));
cleanup:
    return status;
}

/* ---- telling ---- */

/* The choices that depend on the data, and on what. */
static void tell_reasons(const preset_facts *facts, const options *o)
{
    if (o->cross_validate > 0 && !options_is_given(o, "cross-validate"))
        mh_log_info("  folds: one part of less than %d rows would be too small to choose by", SMALL_ROWS);
    else if (o->validation_fraction > 0 && !options_is_given(o, "validation-fraction"))
        mh_log_info("  a part held out: of %d rows and more it is large enough to choose by", SMALL_ROWS);
    if (o->dropout.count > 1 && !options_is_given(o, "dropout"))
        mh_log_info(
            "  two dropouts: which one suits depends on the noise in the labels, which only a trial tells");
    if (facts->rows < FEW_ROWS || facts->rows > LARGE_ROWS)
        mh_log_info("  weight decay, dropout: %s, as the rows are %s",
                    facts->rows < FEW_ROWS ? "more" : "less", facts->rows < FEW_ROWS ? "few" : "many");
    if (facts->survey.binary_columns > 0)
        mh_log_info("  features of 0 and 1 (%zu) stay as they are", facts->survey.binary_columns);
}

/* What it chose, as options, some on each line; what the user gave is not among them. */
static void tell(const preset_facts *facts, const options *o)
{
    enum { LINE = 96 };
    char rows[MH_TEXT_BYTES], line[256] = "", said[128];

    mh_log_info("preset tabular, for %s rows, %zu features (%zu of 0 and 1), %zu labels:",
                mh_text_count(facts->rows, rows), facts->inputs, facts->survey.binary_columns, facts->heads);
    for (size_t i = 0; i < option_count; i++) {
        const option *entry = &option_table[i];

        if ((entry->commands & BY_PRESET) == 0 || (entry->commands & o->command) == 0 || o->given[i] ||
            !option_say(entry, o, said, sizeof said))
            continue;
        if (line[0] != '\0' && strlen(line) + strlen(said) + 2 > LINE) {
            mh_log_info("  %s", line);
            line[0] = '\0';
        }
        snprintf(line + strlen(line), sizeof line - strlen(line), "%s%s", line[0] != '\0' ? "  " : "", said);
    }
    mh_log_info("  %s", line);
    tell_reasons(facts, o);
}

static mh_status look(const options *o, preset_facts *facts)
{
    mh_status status = MH_OK;
    mh_dataset *dataset = NULL;

    MH_TRY(data_source_open(o, &dataset));
    facts->rows = mh_dataset_rows(dataset);
    facts->inputs = mh_dataset_schema(dataset)->inputs;
    facts->heads = mh_dataset_schema(dataset)->heads;
    MH_TRY(mh_survey_dataset(dataset, &facts->survey));
cleanup:
    mh_dataset_close(dataset);
    return status;
}

mh_status preset_apply(const mh_comm *comm, options *o)
{
    mh_status status = MH_OK;
    preset_facts facts = {0};

    if (o->preset != PRESET_TABULAR)
        return MH_OK;
    if (mh_comm_rank(comm) == 0)
        status = look(o, &facts);
    MH_TRY(mh_comm_agree(comm, status));
    mh_comm_broadcast(comm, &facts, sizeof facts);
    MH_TRY(mh_comm_agree(comm, preset_choose(&facts, o)));
    tell(&facts, o);
cleanup:
    return status;
}
