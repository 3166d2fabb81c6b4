#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "multihead/base/crash.h"
#include "multihead/base/log.h"
#include "multihead/base/phase.h"
#include "multihead/base/status.h"
#include "multihead/tensor/matrix.h"
#include "report.h"
#include "versions.h"

typedef struct {
    const char *name;
    command command;
    const char *usage;
    const char *does;
    mh_status (*check)(const options *); /* before MPI starts: a wrong word needs no ranks to be found */
} entry;

static const entry entries[] = {
    {"generate", COMMAND_GENERATE, "--output PATH", "make synthetic multi-label data",
     command_generate_check},
    {"import", COMMAND_IMPORT, "FILE... --output PATH", "turn ARFF, CSV or LibSVM text into data sets",
     command_import_check},
    {"train", COMMAND_TRAIN, "--data PATH [--run NAME]",
     "train a model, with checkpoints, history and loss curve", command_train_check},
    {"evaluate", COMMAND_EVALUATE, "--model PATH --data PATH", "metrics of a model on a data set",
     command_evaluate_check},
    {"predict", COMMAND_PREDICT, "--model PATH --data PATH", "labels and probabilities of rows",
     command_predict_check},
    {"inspect", COMMAND_INSPECT, "FILE...", "what is in a data set, model, checkpoint or run",
     command_inspect_check},
    {"verify", COMMAND_VERIFY, "FILE...",
     "is this file whole? A data set, model or checkpoint, or all in a folder such as a run's; exit 0 or 1",
     command_verify_check},
    {"plot", COMMAND_PLOT, "RUN... [--output FILE.png]",
     "draw the curves of one or more runs: folders, names under outputs, or history.csv files",
     command_plot_check},
    {"bench", COMMAND_BENCH, "", "measure this machine: a step against its matrix products",
     command_bench_check},
};

enum { ENTRIES = sizeof entries / sizeof entries[0] };

static void print_help(void)
{
    puts("multihead: trains multi-head neural networks for multi-label data, on any number of MPI ranks\n\n"
         "  multihead COMMAND [OPTIONS]          on one core\n"
         "  mpirun -n 4 multihead COMMAND ...    on four, with the same result\n");
    for (size_t i = 0; i < ENTRIES; i++)
        printf("  %-10s %s\n", entries[i].name, entries[i].does);
    puts(
        "\nThe first steps:\n\n"
        "  multihead generate --output data/tutorial.h5\n"
        "  mpirun -n 2 multihead train --data data/tutorial.h5 --rows :9900 --run tutorial\n"
        "  multihead evaluate --model outputs/tutorial/model.h5 --data data/tutorial.h5 --rows -100:\n"
        "  multihead predict --model outputs/tutorial/model.h5 --data data/tutorial.h5 --rows -100:\n\n"
        "multihead COMMAND --help lists the options of a command, multihead --version the libraries in use.\n"
        "Exit codes: 0 done, 1 failed, 2 wrong usage, 75 stopped early with a checkpoint: run me again.");
}

static void print_version(void)
{
    char versions[512];

    versions_describe(versions, sizeof versions);
    fputs(versions, stdout);
}

static bool has_word(int argc, char **argv, const char *word)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], word) == 0)
            return true;
    return false;
}

static const entry *find_entry(const char *name)
{
    for (size_t i = 0; i < ENTRIES; i++)
        if (strcmp(entries[i].name, name) == 0)
            return &entries[i];
    return NULL;
}

/* --help and --version, and wrong words, need no MPI; under a launcher only the first rank speaks. */
static bool is_answered(int argc, char **argv, const entry *entry)
{
    bool is_first = mh_comm_launch_rank() == 0;
    bool is_for_help = argc == 1 || has_word(argc, argv, "--help") || has_word(argc, argv, "-h");

    if (has_word(argc, argv, "--version")) {
        if (is_first)
            print_version();
        return true;
    }
    if (!is_for_help)
        return false;
    if (is_first && entry == NULL)
        print_help();
    if (is_first && entry != NULL) {
        printf("multihead %s %s\n  %s\n\n", entry->name, entry->usage, entry->does);
        options_print_help(entry->command);
        if (entry->command == COMMAND_EVALUATE)
            report_print_conventions();
    }
    return true;
}

static mh_status run(const mh_comm *comm, const entry *entry, options *options)
{
    switch (entry->command) {
    case COMMAND_GENERATE:
        return command_generate(comm, options);
    case COMMAND_IMPORT:
        return command_import(comm, options);
    case COMMAND_TRAIN:
        return command_train(comm, options);
    case COMMAND_EVALUATE:
        return command_evaluate(comm, options);
    case COMMAND_PREDICT:
        return command_predict(comm, options);
    case COMMAND_INSPECT:
        return command_inspect(comm, options);
    case COMMAND_VERIFY:
        return command_verify(comm, options);
    case COMMAND_PLOT:
        return command_plot(comm, options);
    case COMMAND_BENCH:
        return command_bench(comm, options);
    }
    return MH_OK;
}

static int end(mh_status status, options *options)
{
    /* Results that did not get out were not delivered: a full disk behind stdout, say. */
    if (fflush(stdout) != 0 && status == MH_OK)
        status = MH_FAIL(MH_ERR_IO, "stdout: cannot be written: %s", strerror(errno));
    if (status == MH_STOPPED)
        mh_log_info("%s", mh_status_message());
    else if (status != MH_OK)
        mh_log_error("%s", mh_status_message());
    options_clear(options);
    return mh_status_exit_code(status);
}

/*
 * Before MPI: a wrong word, which every rank has been given. The first one alone fails, or the launcher might end it,
 * on the word of another, unheard.
 */
static int end_early(mh_status status, options *options)
{
    int exit_code = end(status, options);

    return mh_comm_launch_rank() == 0 ? exit_code : 0;
}

/* Processes that each are rank 0 of 1: as before MPI, the launcher's first one speaks, and has the time to. */
static int end_apart(mh_status status, options *options)
{
    if (mh_comm_launch_rank() > 0)
        sleep(1);
    return end(status, options);
}

/* `status` is how this rank fared before it could tell the others. */
static int work(const mh_comm *comm, const entry *entry, options *options, mh_status status)
{
    mh_log_setup(mh_comm_rank(comm), mh_comm_ranks(comm));
    mh_crash_install();
    status = mh_comm_agree(comm, status);
    mh_phase_enter(entry->name);
    if (status == MH_OK)
        status = run(comm, entry, options);
    int exit_code = end(status, options);
    mh_crash_disarm();
    return exit_code;
}

int main(int argc, char **argv)
{
    mh_status status = MH_OK;
    options options = {0};

    mh_matrix_choose_kernel(argv);
    mh_log_setup(mh_comm_launch_rank(), 1);
    status = mh_kernel_choose(getenv("MULTIHEAD_KERNELS"));

    const entry *entry = argc > 1 ? find_entry(argv[1]) : NULL;
    if (is_answered(argc, argv, entry))
        return argc > 1 || mh_comm_launch_rank() > 0 ? 0 : 2;
    if (status != MH_OK)
        return end_early(status, &options);
    if (entry == NULL) {
        status = MH_FAIL(MH_ERR_USAGE, "there is no command \"%s\"; multihead --help lists them", argv[1]);
        return end_early(status, &options);
    }

    status = options_parse(entry->command, argc - 2, argv + 2, &options);
    if (status == MH_OK)
        status = entry->check(&options);
    if (status == MH_ERR_USAGE)
        return end_early(status, &options);

    const mh_comm *comm = mh_comm_initialize(&argc, &argv);
    mh_status launch = mh_comm_launch_check(comm);
    int exit_code = launch == MH_OK ? work(comm, entry, &options, status) : end_apart(launch, &options);
    mh_comm_finalize(comm);
    return exit_code;
}
