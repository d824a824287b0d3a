#include "interpreters/sharing/network.h"

#include <inttypes.h>
#include <string.h>

#include "core/error.h"

unsigned syi_network_doublings(int64_t count)
{
    unsigned doublings = 0;
    while (INT64_C(1) << doublings < count) {
        doublings++;
    }
    return doublings;
}

/* All pairs of a layer. Knuth's q, r and d: elements whose bit p is r, with those d behind them. */
static int64_t all_pairs(const syi_network *n, unsigned layer, int64_t *low, int64_t *high)
{
    const int64_t block = n->layer[layer].block, apart = n->layer[layer].apart,
                  bit = n->layer[layer].first ? 0 : block;
    int64_t pairs = 0;
    for (int64_t i = 0; i + apart < n->count; i++) {
        if ((i & block) == bit) {
            low[pairs] = i;
            high[pairs++] = i + apart;
        }
    }
    return pairs;
}

static bool is_wanted(const syi_network *n, uint64_t pair)
{
    return n->wanted == NULL || ((unsigned)n->wanted[pair / 8] >> pair % 8 & 1u) != 0;
}

int64_t syi_network_pairs(const syi_network *n, unsigned layer, int64_t *low, int64_t *high)
{
    const int64_t all = all_pairs(n, layer, low, high);
    int64_t pairs = 0;
    for (int64_t k = 0; k < all; k++) {
        if (is_wanted(n, n->layer[layer].pair + (uint64_t)k)) {
            low[pairs] = low[k];
            high[pairs++] = high[k];
        }
    }
    return pairs;
}

static void lay_out(syi_network *n)
{
    const unsigned doublings = syi_network_doublings(n->count);
    const int64_t top = doublings > 0 ? INT64_C(1) << (doublings - 1) : 0;
    for (int64_t block = top; block > 0; block /= 2) {
        int64_t apart = block;
        for (int64_t next = top; apart > 0; next /= 2) {
            n->layer[n->layers].block = block;
            n->layer[n->layers].apart = apart;
            n->layer[n->layers++].first = next == top;
            apart = next == block ? 0 : next - block;
        }
    }
}

/* From the last layer back: a pair is wanted when one of its places is, and then both are before it. */
static void leave_out(syi_network *n, int64_t least, int64_t *low, int64_t *high, bool *live)
{
    memset(live, 0, (size_t)n->count);
    memset(live, 1, (size_t)least);
    for (unsigned layer = n->layers; layer-- > 0;) {
        const int64_t pairs = all_pairs(n, layer, low, high);
        for (int64_t k = 0; k < pairs; k++) {
            const uint64_t pair = n->layer[layer].pair + (uint64_t)k;
            if (live[low[k]] || live[high[k]]) {
                live[low[k]] = live[high[k]] = true;
                n->wanted[pair / 8] |= (uint8_t)(1u << pair % 8);
            }
        }
    }
}

sy_status syi_network_init(syi_network *n, sy_context *context, int64_t count, int64_t least,
                           sy_error *err)
{
    memset(n, 0, sizeof *n);
    n->context = context;
    n->count = count;
    if (count > SYI_NETWORK_MOST) {
        return syi_fail(err, SY_ELIMIT, "%" PRId64 " elements; %" PRId64 " are the most", count,
                        SYI_NETWORK_MOST);
    }
    lay_out(n);
    if (least >= count) {
        return SY_OK;
    }
    const size_t half = (size_t)count / 2, room = (size_t)count * (sizeof(int64_t) + 1) + 16;
    uint8_t *memory = syi_alloc(context, room);
    if (memory == NULL) {
        return SYI_ENOMEM(err, "network");
    }
    int64_t *low = (int64_t *)(void *)memory, *high = low + half;
    uint64_t pairs = 0;
    for (unsigned layer = 0; layer < n->layers; layer++) {
        n->layer[layer].pair = pairs;
        pairs += (uint64_t)all_pairs(n, layer, low, high);
    }
    n->size = (size_t)(pairs / 8) + 1;
    n->wanted = syi_alloc(context, n->size);
    if (n->wanted != NULL) {
        memset(n->wanted, 0, n->size);
        leave_out(n, least, low, high, (bool *)(memory + (size_t)count * sizeof(int64_t)));
    }
    syi_free(context, memory, room);
    return n->wanted != NULL ? SY_OK : SYI_ENOMEM(err, "network");
}

void syi_network_fini(syi_network *n)
{
    if (n->wanted != NULL) {
        syi_free(n->context, n->wanted, n->size);
        n->wanted = NULL;
    }
}
