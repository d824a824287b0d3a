#include "federated/shuffle.h"

uint64_t syi_shuffle_below(uint64_t *state, uint64_t bound)
{
    const uint64_t uneven =
        (UINT64_MAX % bound + 1) % bound; /* numbers at the end that are too many */
    uint64_t drawn;
    do {
        drawn = syi_shuffle_next(state);
    } while (drawn > UINT64_MAX - uneven);
    return drawn % bound;
}

void syi_shuffle(uint64_t *state, int64_t *places, size_t count)
{
    for (size_t k = count; k > 1; k--) {
        const size_t other = (size_t)syi_shuffle_below(state, k);
        const int64_t place = places[k - 1];
        places[k - 1] = places[other];
        places[other] = place;
    }
}
