/*
 * row_order.h - the order in which the rows of a worker come: a permutation that seed, pass, iterator and worker
 * determine, so that a step that failed is asked for again, and nothing has to be kept of orders that are over. Test:
 * row_order_test.c.
 */
#ifndef SYI_FEDERATED_ROW_ORDER_H
#define SYI_FEDERATED_ROW_ORDER_H

#include <stddef.h>
#include <stdint.h>

typedef struct syi_row_order_key {
    uint64_t seed, pass, iterator, worker;
} syi_row_order_key;

/* Fills places[0..count) with a permutation of 0..count-1. */
void syi_row_order_fill(const syi_row_order_key *key, int64_t *places, size_t count);

#endif
