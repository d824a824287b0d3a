/*
 * dataset.h - the insides of one dataset and of datasets of several workers. Public face: <csyft/datasets.h>. This room
 * uses public headers, core for memory and errors, and the tensor's handle for changes in place.
 */
#ifndef SYI_FEDERATED_DATASET_H
#define SYI_FEDERATED_DATASET_H

#include <stdatomic.h>

#include <csyft/datasets.h>

struct sy_dataset {
    atomic_uint refs;
    sy_hook *hook;
    sy_tensor *data, *targets; /* one reference each */
    int64_t length;
};

/* Are both at one place: here, at one worker, or shared by the same holders? SY_ECOLLOCATION says where they are. */
sy_status syi_dataset_check_places(sy_tensor *data, sy_tensor *targets, sy_error *err);
/* Neither at a worker nor shared: what can be sent. */
bool syi_dataset_is_here(const sy_dataset *dataset);

/* Rows of a dataset: `count` from `first` on, or those that `indices` (not NULL) names. Indices are in range. */
typedef struct syi_selection {
    const int64_t *indices;
    int64_t first;
    int64_t count;
} syi_selection;

/* What `rows` stands for: new tensors of the scope, one message each. NULL after a failure, which the scope keeps. */
sy_tensor *syi_dataset_take(sy_scope *scope, sy_tensor *tensor, const syi_selection *rows);

/* The datasets of one worker: their rows follow each other. */
typedef struct syi_shard {
    sy_worker *worker;
    sy_dataset **datasets; /* into the federated dataset's */
    size_t count;
    int64_t rows;
} syi_shard;

struct sy_federated_dataset {
    atomic_uint refs;
    sy_hook *hook;
    sy_dataset **datasets; /* one reference each, those of one worker beside each other */
    size_t count, capacity;
    syi_shard *shards; /* in the order in which their workers came; room for `capacity` */
    size_t shard_count;
    int64_t length;
};

/* A batch of one worker: `rows` of all its datasets, 1 or more, as new tensors of the scope; one message for each, but where
 * several datasets have a part in it. NULL after a failure, which the scope keeps. SY_ECOLLOCATION: a dataset has left. */
void syi_shard_take(sy_scope *scope, const syi_shard *shard, const syi_selection *rows,
                    sy_tensor **data, sy_tensor **targets);

#endif
