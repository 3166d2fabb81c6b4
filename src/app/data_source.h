#ifndef MULTIHEAD_SRC_APP_DATA_SOURCE_H
#define MULTIHEAD_SRC_APP_DATA_SOURCE_H

#include "multihead/data/dataset.h"
#include "multihead/parallel/communicator.h"
#include "multihead/training/ensemble.h"
#include "options.h"

/** What the generator's options say. */
mh_generator_config data_source_generator(const options *options);

/** MH_ERR_USAGE where the options about data are missing or contradict each other. */
mh_status data_source_check(const options *options);

/**
 * Checks the seals of the files of --data and --validation-data before HDF5 opens any, each rank a part of every file;
 * those that others made have none and are passed over. Costs reading them once. Compressed files are then unpacked on the
 * cores of this rank's share.
 *
 * Collective over comm: MH_ERR_IO on all ranks, with the file and the bytes that are damaged.
 */
mh_status data_source_verify(const mh_comm *comm, const options *options);

/** Opens what --data or --generate name and selects --rows. Needs no other rank. */
mh_status data_source_open(const options *options, mh_dataset **out);

/** Opens the rows of --validation-data, or --validation-rows of the same source. Needs no other rank. */
mh_status data_source_open_validation(const options *options, mh_dataset **out);

/** MH_ERR_USAGE where --model is missing or --thresholds are none, or as data_source_check. */
mh_status data_source_check_with_model(const options *options);

/**
 * Loads --model with --thresholds and opens the rows that it is to be used on, whose columns have to be the
 * model's. Says so where labels were found by name.
 */
mh_status data_source_open_for_model(const options *options, mh_ensemble *ensemble, mh_dataset **dataset);

#endif
