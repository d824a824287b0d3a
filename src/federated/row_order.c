/* row_order.c - permutations from a seed, by Fisher and Yates (Durstenfeld, 1964). Test: row_order_test.c. */
#include "federated/row_order.h"

#include <string.h>

#include "core/error.h"
#include "ring/generator.h"

typedef struct numbers {
    syi_generator generator;
    uint64_t place; /* of the next block */
    uint64_t words[256];
    size_t used;
} numbers;

static sy_status next(numbers *from, uint64_t *number, sy_error *err)
{
    enum { WORDS = sizeof from->words / sizeof *from->words };
    if (from->used == WORDS) {
        SY_TRY(syi_generator_fill(&from->generator, from->place, from->words, sizeof from->words,
                                  err));
        from->place += sizeof from->words / SYI_GENERATOR_BLOCK;
        from->used = 0;
    }
    *number = from->words[from->used++];
    return SY_OK;
}

/* Below `bound`, each number as likely as any other: what is above the last multiple is drawn again. */
static sy_status next_below(numbers *from, uint64_t bound, uint64_t *number, sy_error *err)
{
    const uint64_t excess = (UINT64_MAX % bound + 1) % bound; /* 2^64 mod bound */
    do {
        SY_TRY(next(from, number, err));
    } while (*number > UINT64_MAX - excess);
    *number %= bound;
    return SY_OK;
}

sy_status syi_row_order_fill(const syi_row_order_key *key, int64_t *places, size_t count,
                             sy_error *err)
{
    numbers from = {.used = sizeof from.words / sizeof *from.words};
    uint8_t seed[SYI_SEED_SIZE] = {0};
    memcpy(seed, &key->seed, sizeof key->seed);
    const uint64_t name[] = {key->pass, key->iterator, key->worker};
    SY_TRY(syi_generator_init(&from.generator, seed, name, sizeof name, err));
    sy_status status = SY_OK;
    for (size_t k = 0; k < count; k++) {
        places[k] = (int64_t)k;
    }
    for (size_t left = count; left > 1; left--) {
        uint64_t chosen = 0;
        SY_GOTO(done, next_below(&from, left, &chosen, err));
        const int64_t last = places[left - 1];
        places[left - 1] = places[chosen];
        places[chosen] = last;
    }
done:
    syi_generator_fini(&from.generator);
    return status;
}
