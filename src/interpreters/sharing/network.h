/*
 * network.h - which elements a sort compares and exchanges, known beforehand: Batcher's merge exchange (Knuth, The Art of Computer
 * Programming 3, 5.2.2, algorithm M), for any count. All pairs of a layer are apart, so that they are done at once. Where only the
 * least elements are wanted, pairs that these do not depend on are left out. Room interpreters/sharing only. Test: network_test.c.
 */
#ifndef SYI_INTERPRETERS_SHARING_NETWORK_H
#define SYI_INTERPRETERS_SHARING_NETWORK_H

#include "core/memory.h"

enum { SYI_NETWORK_DOUBLINGS = 20, SYI_NETWORK_LAYERS = 210 };
#define SYI_NETWORK_MOST ((int64_t)1 << SYI_NETWORK_DOUBLINGS) /* elements */

typedef struct syi_network {
    sy_context *context;
    int64_t count;
    unsigned layers; /* s (s + 1) / 2 for s = ceil(log2 count) */
    struct {
        int64_t block, apart; /* Knuth's p and d */
        bool first;           /* of a block size: pairs begin at its even multiples */
        uint64_t pair;        /* number of its first pair */
    } layer[SYI_NETWORK_LAYERS];
    uint8_t *wanted; /* a bit for each pair; NULL: all */
    size_t size;
} syi_network;

/* Sorts `count` elements as far as the `least` first ones go. SY_ELIMIT beyond SYI_NETWORK_MOST; SY_ENOMEM. */
sy_status syi_network_init(syi_network *network, sy_context *context, int64_t count, int64_t least,
                           sy_error *err);
void syi_network_fini(syi_network *network);
/* Pairs of a layer: the lesser element goes to low[i], the other one to high[i]. Room for count / 2 each; how many there are. */
int64_t syi_network_pairs(const syi_network *network, unsigned layer, int64_t *low, int64_t *high);
/* ceil(log2 count) */
unsigned syi_network_doublings(int64_t count);

#endif
