/* row_order.c - one stream of numbers for each key, and the shuffle of the room. Test: row_order_test.c. */
#include "federated/row_order.h"

#include "federated/shuffle.h"

void syi_row_order_fill(const syi_row_order_key *key, int64_t *places, size_t count)
{
    const uint64_t parts[] = {key->seed, key->pass, key->iterator, key->worker};
    uint64_t state = 0;
    for (size_t k = 0; k < sizeof parts / sizeof *parts; k++) {
        state ^= parts[k]; /* spread over all bits by the next number */
        state = syi_shuffle_next(&state);
    }
    for (size_t k = 0; k < count; k++) {
        places[k] = (int64_t)k;
    }
    syi_shuffle(&state, places, count);
}
