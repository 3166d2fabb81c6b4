#include "option_table.h"

#include <string.h>

#define AT(field) offsetof(options, field)

enum {
    DATA = COMMAND_TRAIN | COMMAND_EVALUATE | COMMAND_PREDICT,
    GENERATED = DATA | COMMAND_GENERATE | OF_GENERATOR,
    MODEL = COMMAND_TRAIN | COMMAND_BENCH,
    CHOSEN = COMMAND_TRAIN | BY_PRESET,
    ALL_RUNNING = DATA | COMMAND_BENCH
};

const option option_table[] = {
    {"model", TYPE_TEXTS, COMMAND_EVALUATE | COMMAND_PREDICT, AT(model), NULL, "PATH...",
     "run folders, model files, checkpoints or globs; of several, probabilities are averaged", 0, 0},
    {"out-of-fold", TYPE_FLAG, COMMAND_EVALUATE, AT(out_of_fold), NULL, NULL,
     "each row by the one model that was not trained on it (train --validation-fold)", 0, 0},
    {"data", TYPE_TEXTS, DATA, AT(data), NULL, "PATH...",
     "HDF5 files, folders of shards or globs; several are one data set", 0, 0},
    {"rows", TYPE_ROWS, DATA | COMMAND_GENERATE, AT(rows), ":", "A:B",
     "only these rows, as a Python slice: :9900, -100:", 0, 0},
    {"features-name", TYPE_TEXT, DATA, AT(features_name), NULL, "NAME",
     "dataset of the features (features, x or X)", 0, 0},
    {"labels-name", TYPE_TEXT, DATA, AT(labels_name), NULL, "NAME", "dataset of the labels (labels, y or Y)",
     0, 0},

    {"output", TYPE_TEXT, COMMAND_GENERATE, AT(output), NULL, "PATH",
     "file to write; with --shards, a folder", 0, 0},
    {"shards", TYPE_SIZE, COMMAND_GENERATE, AT(shards), "0", "K", "write K files into a folder", 0, 0},
    {"generate", TYPE_FLAG, DATA, AT(generate), NULL, NULL,
     "make the rows in memory instead of reading files; takes the next options", 0, 0},
    {"samples", TYPE_SIZE, GENERATED, AT(samples), "10000", "N", "rows there are", 1, 0},
    {"features", TYPE_SIZE, GENERATED | COMMAND_BENCH, AT(features), "12", "N", "columns of features", 1, 0},
    {"labels", TYPE_SIZE, GENERATED | COMMAND_BENCH, AT(labels), "5", "N",
     "labels, each with a head of its own", 1, 0},
    {"mean-labels", TYPE_REAL, GENERATED, AT(mean_labels), "2", "X", "mean number of labels of a row", 0, 0},
    {"length", TYPE_REAL, GENERATED, AT(length), "50", "X", "mean sum of a row's features", 0, 0},
    {"no-unlabeled", TYPE_FLAG, GENERATED, AT(no_unlabeled), NULL, NULL, "no row without any label", 0, 0},
    {"categories", TYPE_SIZE, GENERATED | COMMAND_BENCH, AT(categories), "2", "K",
     "classes of each label; more than 2: rowwise only", 2, 0},
    {"method", TYPE_CHOICE, GENERATED, AT(method), "sklearn", "sklearn|rowwise",
     "sklearn: the rows of make_multilabel_classification; rowwise: row i from (seed, i) alone", 0, 0},
    {"seed", TYPE_SIZE, COMMAND_GENERATE, AT(data_seed), "1", "N", "of the rows (random_state)", 0, 0},
    {"data-seed", TYPE_SIZE, DATA | OF_GENERATOR, AT(data_seed), "1", "N", "of the generated rows", 0, 0},

    {"output", TYPE_TEXT, COMMAND_IMPORT, AT(output), NULL, "PATH",
     "file to write; of several inputs the folder, with NAME.h5 of each", 0, 0},
    {"format", TYPE_CHOICE, COMMAND_IMPORT, AT(format), "auto", "auto|arff|csv|tsv|libsvm|xc",
     "auto: by extension and first line; xc: LibSVM below a line N D L; all may be gzipped", 0, 0},
    {"label-xml", TYPE_TEXT, COMMAND_IMPORT, AT(label_xml), NULL, "FILE",
     "ARFF: MULAN's list of the labels; wins over -C n in the file", 0, 0},
    {"label-columns", TYPE_TEXT, COMMAND_IMPORT, AT(label_columns), NULL, "LIST",
     "ARFF, CSV: the labels, as numbers from 1, ranges and names (2-13,20-,colour), or none", 0, 0},
    {"drop-columns", TYPE_TEXT, COMMAND_IMPORT, AT(drop_columns), NULL, "LIST",
     "ARFF, CSV: columns to leave out, such as an id", 0, 0},
    {"categorical-columns", TYPE_TEXT, COMMAND_IMPORT, AT(categorical_columns), NULL, "LIST",
     "ARFF, CSV: each value is a category, also where it is a number", 0, 0},
    {"missing", TYPE_TEXT, COMMAND_IMPORT, AT(missing), NULL, "LIST",
     "texts that stand for nothing, as ? and in CSV the empty one do [CSV: NA,N/A,NaN,nan,NULL,null].\n"
     "                                A missing number becomes the column's mean over the first file, a "
     "missing\n"
     "                                category 0 in each of its features, a missing label stays missing",
     0, 0},
    {"header", TYPE_CHOICE, COMMAND_IMPORT, AT(header), "auto", "auto|yes|no",
     "CSV: whether the first line has the names; auto: where no number stands in it", 0, 0},
    {"features", TYPE_SIZE, COMMAND_IMPORT, AT(features), "0", "N",
     "LibSVM: how many; 0: as many as the largest number in all inputs says", 0, 0},
    {"labels", TYPE_SIZE, COMMAND_IMPORT, AT(labels), "0", "N", "LibSVM: how many; 0: likewise", 0, 0},
    {"index-base", TYPE_CHOICE, COMMAND_IMPORT, AT(index_base), "auto", "auto|0|1",
     "LibSVM: number of the first feature; auto: 0 if any input has a 0, else 1", 0, 0},
    {"label-base", TYPE_CHOICE, COMMAND_IMPORT, AT(label_base), "auto", "auto|0|1",
     "LibSVM: of the first label", 0, 0},

    {"validation-data", TYPE_TEXTS, COMMAND_TRAIN, AT(validation_data), NULL, "PATH...",
     "rows to validate on after each epoch, and never to train on", 0, 0},
    {"validation-rows", TYPE_ROWS, COMMAND_TRAIN, AT(validation_rows), ":", "A:B",
     "only these of them; without --validation-data, these rows of --data", 0, 0},
    {"validation-fraction", TYPE_REAL, CHOSEN, AT(validation_fraction), "0", "F",
     "this share of the rows, with its share of every label, as validation data", 0, 0},
    {"validation-fold", TYPE_TEXT, COMMAND_TRAIN, AT(validation_fold), NULL, "I/K",
     "fold I of K as validation data: K such runs and evaluate --out-of-fold judge all rows", 0, 0},
    {"cross-validate", TYPE_SIZE, CHOSEN, AT(cross_validate), "0", "K",
     "train K times, without one of K folds, to choose the number of epochs; then on all rows", 0, 0},
    {"split-seed", TYPE_SIZE, COMMAND_TRAIN, AT(split_seed), "1", "N",
     "of the split into folds, apart from --seed so that runs share it", 0, 0},
    {"patience", TYPE_SIZE, CHOSEN, AT(patience), "0", "N",
     "epochs without a lower validation loss until it stops, with the best epoch's weights; 0: none", 0, 0},
    {"refit", TYPE_SWITCH, CHOSEN, AT(refit), "no", "yes|no",
     "train once more on all rows, for as many epochs as validation found best", 0, 0},
    {"thresholds", TYPE_CHOICE, CHOSEN, AT(thresholds_objective), "0.5", "0.5|tune|tune-macro",
     "tune: each label's, for the largest micro-F1 on validation rows, kept in the model; tune-macro: for "
     "the "
     "largest F1 of each label by itself",
     0, 0},

    {"preset", TYPE_CHOICE, COMMAND_TRAIN, AT(preset), "tutorial", "tutorial|tabular",
     "tabular: choices for an unknown table, made from its rows; what you set yourself stays", 0, 0},
    {"hidden", TYPE_WIDTHS, MODEL | BY_PRESET, AT(hidden), "32,64,128,256", "N,N,...",
     "widths of the trunk's layers, or none", 0, 0},
    {"heads", TYPE_CHOICE, MODEL, AT(heads), "auto", "auto|binary|softmax",
     "auto: binary for two classes, softmax for more", 0, 0},
    {"head-activation", TYPE_CHOICE, COMMAND_TRAIN, AT(head_activation), "none", "none|sigmoid",
     "sigmoid: before the softmax, as the tutorial has it (costs accuracy)", 0, 0},
    {"init", TYPE_TEXT, COMMAND_TRAIN, AT(init), NULL, "FILE", "start from /model/<name> of this HDF5 file",
     0, 0},

    {"standardize", TYPE_CHOICE, CHOSEN, AT(standardize), "no", "no|yes|auto",
     "features to mean 0 and deviation 1, kept in the model; auto: but for columns of 0 and 1", 0, 0},
    {"outlier-limit", TYPE_REAL, CHOSEN, AT(outlier_limit), "0", "X",
     "standardized features are cut at +-X deviations; 0: they are not", 0, 0},
    {"linear-path", TYPE_SWITCH, CHOSEN, AT(linear_path), "no", "yes|no",
     "from the features straight to the heads, beside the trunk (wide and deep)", 0, 0},
    {"linear-path-rate", TYPE_REAL, CHOSEN, AT(linear_path_rate), "1", "X",
     "its learning rate, as a multiple of the others'", 0, 0},
    {"dropout", TYPE_SHARES, CHOSEN, AT(dropout), "0", "P,P,...",
     "share of the trunk's outputs dropped in a step; several: each is tried, validation chooses", 0, 0},
    {"input-dropout", TYPE_SHARES, CHOSEN, AT(input_dropout), "0", "P,P,...",
     "share of the features dropped; as many as --dropout has, or one for all", 0, 0},
    {"initial-weights", TYPE_CHOICE, CHOSEN, AT(initial_weights), "pytorch", "pytorch|he",
     "pytorch: uniform, as its Linear; he: normal, made for ReLU", 0, 0},
    {"initial-biases", TYPE_CHOICE, CHOSEN, AT(initial_biases), "as-weights", "as-weights|base-rates",
     "base-rates: heads begin at how frequent each class is", 0, 0},

    {"epochs", TYPE_SIZE, CHOSEN, AT(epochs), "100", "N", "passes over the rows", 1, 0},
    {"batch-size", TYPE_SIZE, MODEL | BY_PRESET, AT(batch_size), "1024", "N",
     "rows of a step, over all ranks", 1, 0},
    {"shuffle", TYPE_SWITCH, CHOSEN, AT(shuffle), "no", "yes|no", "each epoch, inside each replica", 0, 0},
    {"optimizer", TYPE_CHOICE, COMMAND_TRAIN, AT(optimizer), "adam", "adam|lamb",
     "lamb: steps of Adam that are a share of each layer's length, for large batches", 0, 0},
    {"learning-rate", TYPE_REAL, COMMAND_TRAIN, AT(learning_rate), "0.001", "X",
     "of the optimizer; LAMB wants about ten times that of Adam", 0, 0},
    {"learning-rate-scale", TYPE_CHOICE, COMMAND_TRAIN, AT(learning_rate_scale), "none", "none|linear|sqrt",
     "multiply it by --batch-size / --reference-batch, or by the square root of that", 0, 0},
    {"reference-batch", TYPE_SIZE, CHOSEN, AT(reference_batch), "1024", "N",
     "the batch size that --learning-rate is meant for", 1, 0},
    {"weight-decay", TYPE_REAL, CHOSEN, AT(weight_decay), "0", "X", "decoupled, as in AdamW and LAMB", 0, 0},
    {"schedule", TYPE_CHOICE, COMMAND_TRAIN, AT(schedule), "constant", "constant|cosine|step",
     "of the learning rate: cosine falls to 0 at the last epoch", 0, 0},
    {"schedule-every", TYPE_SIZE, COMMAND_TRAIN, AT(schedule_every), "30", "N", "step: epochs", 1, 0},
    {"schedule-factor", TYPE_REAL, COMMAND_TRAIN, AT(schedule_factor), "0.1", "X",
     "step: what the rate is multiplied with", 0, 0},
    {"warmup", TYPE_WARMUP, COMMAND_TRAIN, AT(warmup), "0", "N|Nepochs",
     "steps, or epochs, in which the rate rises to its value", 0, 0},
    {"clip-norm", TYPE_REAL, COMMAND_TRAIN, AT(clip_norm), "0", "X",
     "longest gradient; a longer one is shortened; 0: any length", 0, 0},
    {"average-decay", TYPE_REAL, CHOSEN, AT(average_decay), "0", "X",
     "keep the running mean of the weights, with this share of the old one a step (0.99)", 0, 0},
    {"loss", TYPE_CHOICE, COMMAND_TRAIN, AT(loss), "cross-entropy", "cross-entropy|focal|asymmetric",
     "what is minimized; focal and asymmetric look harder at rows that are predicted badly", 0, 0},
    {"focal-gamma", TYPE_REAL, COMMAND_TRAIN, AT(focal_gamma), "2", "X", "of focal", 0, 0},
    {"gamma-positive", TYPE_REAL, COMMAND_TRAIN, AT(gamma_positive), "1", "X", "of asymmetric", 0, 0},
    {"gamma-negative", TYPE_REAL, COMMAND_TRAIN, AT(gamma_negative), "4", "X", "of asymmetric", 0, 0},
    {"margin", TYPE_REAL, COMMAND_TRAIN, AT(margin), "0.05", "P",
     "of asymmetric: negatives below it count nothing", 0, 0},
    {"positive-weight", TYPE_TEXT, COMMAND_TRAIN, AT(positive_weight), NULL, "auto|X|FILE",
     "inside a label: what a row counts where it is 1 against one where it is 0 (PyTorch's pos_weight), "
     "usually 1 to "
     "100; auto: negatives / positives; a file: a number for each label",
     0, 0},
    {"head-weight", TYPE_TEXT, COMMAND_TRAIN, AT(head_weight), NULL, "X,X,...|FILE",
     "between labels: what each one's loss counts in the mean over labels, usually around 1; a number for "
     "each label",
     0, 0},
    {"decay-biases", TYPE_SWITCH, CHOSEN, AT(decay_biases), "yes", "yes|no", "as PyTorch's AdamW does", 0, 0},
    {"seed", TYPE_SIZE, COMMAND_TRAIN, AT(seed), "1", "N", "of the first weights and the shuffle", 0, 0},
    {"replicas", TYPE_SIZE, MODEL, AT(replicas), "0", "N",
     "parts of the data that the sum is made of; 0: 8, or the ranks when those are more", 0, 0},
    {"memory", TYPE_BYTES, COMMAND_TRAIN, AT(memory), "0", "SIZE",
     "what a rank may hold of the rows that it trains on, such as 64M or 2G; more are read again in each "
     "epoch, "
     "while it computes, and shuffled in windows; 0: it holds them all",
     0, 1},
    {"overlap", TYPE_SWITCH, COMMAND_TRAIN, AT(overlap), "no", "yes|no",
     "sum the upper layers' gradients over the ranks while the lower ones are computed: may pay where the "
     "network moves data without the CPU",
     0, 1},
    {"threads", TYPE_SIZE, ALL_RUNNING, AT(threads), "1", "N",
     "threads of each rank; more than 1 take the products from OpenBLAS", 1, 0},

    {"run", TYPE_TEXT, COMMAND_TRAIN, AT(run), "run", "NAME", "folder of this run, under --output", 0, 1},
    {"output", TYPE_TEXT, COMMAND_TRAIN, AT(output), "outputs", "FOLDER", "where runs are kept", 0, 1},
    {"resume", TYPE_TEXT, COMMAND_TRAIN, AT(resume), "auto", "auto|none|FILE",
     "auto: from the newest checkpoint of the run; none: afresh, over what is there", 0, 1},
    {"checkpoint-every", TYPE_INTERVAL, COMMAND_TRAIN, AT(checkpoint_every), "10", "N|Nsteps|Nmin",
     "epochs, steps (200steps) or time (90s, 10min, 2h); 0: only when it is stopped", 0, 1},
    {"keep", TYPE_SIZE, COMMAND_TRAIN, AT(keep), "2", "N",
     "newest checkpoints; and the one with the lowest validation loss", 1, 1},
    {"time-limit", TYPE_DURATION, COMMAND_TRAIN, AT(time_limit), "0", "TIME",
     "walltime of the job, such as 3600, 90s, 10min, 24h or 1:30:00: a little before it ends, a checkpoint "
     "is "
     "written and the run stops with exit code 75; 0: none",
     0, 1},
    {"stall-timeout", TYPE_DURATION, COMMAND_TRAIN, AT(stall_timeout), "300", "TIME",
     "end the job when nothing happens on a rank for so long, saying what each one waits for; 0: never", 0,
     1},
    {"on-nonfinite", TYPE_CHOICE, COMMAND_TRAIN, AT(on_nonfinite), "stop", "stop|skip",
     "when the loss or the gradient of a batch is not finite: stop, or leave the batch out", 0, 0},
    {"inject", TYPE_TEXT, COMMAND_TRAIN, AT(inject), NULL, "KIND@rank=R,step=S",
     "try a fault out: exit, abort, kill, hang, slow, nan, read-error, write-error, disk-full, bitflip or "
     "out-of-memory",
     0, 1},
    {"config", TYPE_TEXT, COMMAND_TRAIN, AT(config), NULL, "FILE",
     "take options from here, such as a run's options.ini", 0, 1},
    {"progress", TYPE_SWITCH, COMMAND_TRAIN | COMMAND_IMPORT, AT(progress), "yes", "yes|no",
     "show how far it is", 0, 1},

    {"output", TYPE_TEXT, COMMAND_PREDICT, AT(output), NULL, "FILE",
     "write predictions to FILE.h5 or FILE.csv", 0, 0},
    {"thresholds", TYPE_TEXT, COMMAND_EVALUATE | COMMAND_PREDICT, AT(thresholds), "model", "model|X|FILE",
     "of labels with two classes: class 1 is predicted above the model's own (0.5 where it has none), above "
     "X, or "
     "above the number that a file has for each label",
     0, 0},
    {"write-thresholds", TYPE_TEXT, COMMAND_EVALUATE, AT(write_thresholds), NULL, "FILE",
     "tune them on these rows, which should not be those that the model was trained on (see --out-of-fold), "
     "for "
     "the largest micro-F1, and write them for --thresholds FILE",
     0, 0},
    {"plot", TYPE_TEXT, COMMAND_EVALUATE, AT(evaluation_plot), NULL, "FILE.png",
     "draw F1 against support and precision against recall", 0, 0},
    {"output", TYPE_TEXT, COMMAND_PLOT, AT(output), NULL, "FILE.png",
     "where the picture goes; of one run, its loss.png", 0, 0},
    {"log-y", TYPE_FLAG, COMMAND_PLOT, AT(log_y), NULL, NULL, "losses on a logarithmic axis", 0, 0},
    {"json", TYPE_TEXT, COMMAND_EVALUATE | COMMAND_BENCH, AT(json), NULL, "FILE",
     "write the numbers as JSON; - is stdout", 0, 0},
    {"steps", TYPE_SIZE, COMMAND_BENCH, AT(steps), "0", "N",
     "steps to measure; 0: as many as take some seconds", 0, 0},
    {"network", TYPE_FLAG, COMMAND_BENCH, AT(network), NULL, NULL,
     "measure messages between the ranks instead, and predict from them how long a step takes on 2 to 4096 "
     "ranks; wants two ranks or more, on several hosts where there are some",
     0, 0},
    {"ranks-per-host", TYPE_SIZE, COMMAND_BENCH, AT(ranks_per_host), "0", "N",
     "of what --network predicts; 0: as many as there are now", 0, 0},
    {"requests", TYPE_FLAG, COMMAND_BENCH, AT(requests), NULL, NULL,
     "stay, and measure what lines of stdin ask for ('step N', 'products N', 'peak'), each answered by a "
     "line of "
     "JSON: for comparisons in which programs take turns",
     0, 0},
};

const size_t option_count = sizeof option_table / sizeof option_table[0];

_Static_assert(sizeof option_table / sizeof option_table[0] <= OPTIONS_MAX,
               "options.given has room for each");

void *option_place(options *o, const option *entry)
{
    return (char *)o + entry->place;
}

const void *option_const_place(const options *o, const option *entry)
{
    return (const char *)o + entry->place;
}

const option *option_find(unsigned command, const char *name, size_t length)
{
    for (size_t i = 0; i < option_count; i++)
        if ((option_table[i].commands & command) != 0 && strlen(option_table[i].name) == length &&
            strncmp(option_table[i].name, name, length) == 0)
            return &option_table[i];
    return NULL;
}

/* How many letters have to be changed, put in or left out (Levenshtein 1966); for short words only. */
static size_t distance(const char *a, const char *b)
{
    size_t row[64], length = strlen(b);

    if (length >= 64)
        return SIZE_MAX;
    for (size_t j = 0; j <= length; j++)
        row[j] = j;
    for (size_t i = 0; a[i] != '\0'; i++) {
        size_t corner = row[0];

        row[0] = i + 1;
        for (size_t j = 0; j < length; j++) {
            size_t changed = corner + (a[i] != b[j]);
            size_t shorter = (row[j] < row[j + 1] ? row[j] : row[j + 1]) + 1;

            corner = row[j + 1];
            row[j + 1] = changed < shorter ? changed : shorter;
        }
    }
    return row[length];
}

const option *option_find_nearest(unsigned command, const char *name)
{
    const option *nearest = NULL;
    size_t least = 3; /* further off is no misprint */

    for (size_t i = 0; i < option_count; i++) {
        size_t far = distance(name, option_table[i].name);

        if ((option_table[i].commands & command) != 0 && far < least) {
            least = far;
            nearest = &option_table[i];
        }
    }
    return nearest;
}

enum { HELP_INDENT = 32, HELP_COLUMNS = 110 };

/* Words from column HELP_INDENT on, in as many lines as they need. */
static void print_wrapped(const char *text)
{
    size_t column = HELP_INDENT;

    while (*text != '\0') {
        size_t word = strcspn(text, " ");

        if (column > HELP_INDENT && column + 1 + word > HELP_COLUMNS) {
            printf("\n%*s", HELP_INDENT, "");
            column = HELP_INDENT;
        }
        column += (size_t)printf("%s%.*s", column > HELP_INDENT ? " " : "", (int)word, text);
        text += word + strspn(text + word, " ");
    }
    putchar('\n');
}

void options_print_help(command command)
{
    char left[64], help[512];

    for (size_t i = 0; i < option_count; i++) {
        const option *entry = &option_table[i];

        if ((entry->commands & command) == 0)
            continue;
        snprintf(left, sizeof left, "--%s%s%s", entry->name, entry->value != NULL ? " " : "",
                 entry->value != NULL ? entry->value : "");
        if (strlen(left) <= HELP_INDENT - 4)
            printf("  %-*s", HELP_INDENT - 2, left);
        else
            printf("  %s\n%*s", left, HELP_INDENT, "");
        snprintf(help, sizeof help, entry->initial != NULL ? "%s [%s]" : "%s", entry->help, entry->initial);
        print_wrapped(help);
    }
}
