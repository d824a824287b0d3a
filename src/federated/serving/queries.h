/* queries.h - the worker commands that tell of datasets, and those behind noisy answers (csyft/queries.h): query_commands.c at the worker, queries.c at the client. */
#ifndef SYI_FEDERATED_QUERIES_H
#define SYI_FEDERATED_QUERIES_H

#include <csyft/queries.h>

#define SYI_COMMAND_DATASET_INFO "dataset_info"
#define SYI_COMMAND_DATASET_MEANS "dataset_means"
#define SYI_COMMAND_DATASET_COUNTS "dataset_counts"
#define SYI_COMMAND_DATASET_BUDGET "dataset_budget"

sy_status syi_query_commands_register(sy_hook *hook, sy_error *err);

#endif
