#ifndef MULTIHEAD_SRC_APP_COMMANDS_H
#define MULTIHEAD_SRC_APP_COMMANDS_H

#include "multihead/parallel/communicator.h"
#include "options.h"

/*
 * The commands. Each is collective over comm and fails on all ranks together; `check` looks at the options
 * alone, before MPI starts.
 */
mh_status command_generate(const mh_comm *comm, const options *options);
mh_status command_import(const mh_comm *comm, const options *options);
mh_status command_train(const mh_comm *comm, options *options);
mh_status command_evaluate(const mh_comm *comm, const options *options);
mh_status command_predict(const mh_comm *comm, const options *options);
mh_status command_inspect(const mh_comm *comm, const options *options);
mh_status command_verify(const mh_comm *comm, const options *options);
mh_status command_plot(const mh_comm *comm, const options *options);
mh_status command_bench(const mh_comm *comm, const options *options);

mh_status command_generate_check(const options *options);
mh_status command_import_check(const options *options);
mh_status command_train_check(const options *options);
mh_status command_evaluate_check(const options *options);
mh_status command_predict_check(const options *options);
mh_status command_inspect_check(const options *options);
mh_status command_verify_check(const options *options);
mh_status command_plot_check(const options *options);
mh_status command_bench_check(const options *options);

#endif
