/*
 * loader_steps.c - which worker each iterator of a loader is at. The rules are the reference's: an iterator goes through
 * the worker that it is at, then takes the first one that it has still to go through and that no other iterator is at.
 * Where the reference ends the whole pass because one finds none, the iterator waits here until one is free. Part of
 * loader.h. Test: loader_test.c.
 */
#include <string.h>

#include "federated/loader.h"

static int64_t rows_at(const sy_federated_loader *loader, size_t worker)
{
    return loader->federated->shards[worker].rows;
}

int64_t syi_steps_count(const sy_federated_loader *loader, const syi_iterator *at)
{
    const int64_t left = rows_at(loader, at->worker) - at->row;
    const int64_t full = loader->options.batch_size;
    if (left >= full) {
        return full;
    }
    return loader->options.drop_last ? 0 : left;
}

void syi_steps_reset(const sy_federated_loader *loader, syi_steps *steps)
{
    for (size_t rank = 0; rank < loader->width; rank++) {
        bool *left = &steps->left[rank * loader->workers];
        steps->iterators[rank] = (syi_iterator){.worker = rank};
        for (size_t worker = 0; worker < loader->workers; worker++) {
            left[worker] = !loader->options.iter_per_worker || worker == rank;
        }
    }
}

static bool is_held(const sy_federated_loader *loader, size_t worker)
{
    for (size_t rank = 0; rank < loader->width; rank++) {
        if (loader->next.iterators[rank].worker == worker) {
            return true;
        }
    }
    return false;
}

/* To a worker with a batch, or nowhere. */
static void go_on(sy_federated_loader *loader, size_t rank)
{
    syi_iterator *at = &loader->next.iterators[rank];
    bool *left = &loader->next.left[rank * loader->workers];
    if (at->worker != SYI_NOWHERE && syi_steps_count(loader, at) > 0) {
        return;
    }
    if (at->worker != SYI_NOWHERE) {
        left[at->worker] = false;
        at->worker = SYI_NOWHERE;
    }
    for (size_t worker = 0; worker < loader->workers; worker++) {
        const syi_iterator there = {.worker = worker};
        if (!left[worker] || is_held(loader, worker)) {
            continue;
        }
        if (syi_steps_count(loader, &there) > 0) {
            *at = there;
            return;
        }
        left[worker] = false;
    }
}

bool syi_steps_plan(sy_federated_loader *loader)
{
    const size_t width = loader->width;
    bool some = false;
    memcpy(loader->next.iterators, loader->now.iterators, width * sizeof *loader->now.iterators);
    memcpy(loader->next.left, loader->now.left, width * loader->workers * sizeof *loader->now.left);
    /* The second time for those that waited for one which has gone on meanwhile. */
    for (size_t turn = 0; turn < 2 * width; turn++) {
        go_on(loader, turn % width);
    }
    for (size_t rank = 0; rank < width; rank++) {
        some |= loader->next.iterators[rank].worker != SYI_NOWHERE;
    }
    return some;
}

void syi_steps_commit(sy_federated_loader *loader)
{
    const syi_steps before = loader->now;
    for (size_t rank = 0; rank < loader->width; rank++) {
        syi_iterator *at = &loader->next.iterators[rank];
        at->row += at->worker != SYI_NOWHERE ? syi_steps_count(loader, at) : 0;
    }
    loader->now = loader->next;
    loader->next = before;
}
