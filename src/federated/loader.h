/* loader.h - the inside of a loader. Public face: <csyft/datasets.h>. Test: loader_test.c. */
#ifndef SYI_FEDERATED_LOADER_H
#define SYI_FEDERATED_LOADER_H

#include "federated/dataset.h"

#define SYI_NOWHERE SIZE_MAX

/* Where an iterator is: the next row at the worker that it is at, by its place in the federated dataset. */
typedef struct syi_iterator {
    size_t worker; /* SYI_NOWHERE: none is free, or it is done */
    int64_t row;
} syi_iterator;

/* Where all iterators of a loader are. */
typedef struct syi_steps {
    syi_iterator *iterators;
    bool *left; /* width x workers: has this iterator still to go through that worker? */
} syi_steps;

/* The order of rows that an iterator goes by; filled when it is needed, for one pass and worker. */
typedef struct syi_order {
    int64_t *places;
    size_t capacity;
    uint64_t pass;
    size_t worker; /* SYI_NOWHERE: not filled */
} syi_order;

struct sy_federated_loader {
    sy_hook *hook;
    sy_federated_dataset *federated; /* one reference */
    sy_loader_options options;
    size_t width, workers;
    uint64_t pass;
    bool begun; /* a step of this pass was given */
    syi_steps now, next;
    syi_order *orders; /* one for each iterator, when rows are shuffled */
};

/* Before the first step of a pass. */
void syi_steps_reset(const sy_federated_loader *loader, syi_steps *steps);
/* From `now` to `next`: false at the end of the pass. An iterator that is at a worker then has a batch there, which begins
 * at its row. */
bool syi_steps_plan(sy_federated_loader *loader);
/* The rows of a batch that begins there, as many as the worker has. */
int64_t syi_steps_count(const sy_federated_loader *loader, const syi_iterator *at);
/* `next` becomes `now`, after what was planned has come. */
void syi_steps_commit(sy_federated_loader *loader);

#endif
