/* fss.c - the holders' side of comparisons by function secret sharing. The provider's: fss_deal.c. */
#include "crypto/fss.h"

#include <string.h>

#include "core/blocks.h"
#include "core/error.h"
#include "core/memory.h"
#include "crypto/exchange.h"
#include "crypto/fss/dcf.h"
#include "crypto/fss/dpf.h"
#include "crypto/outcome.h"

enum {
    BLOCK = SYI_FSS_BLOCK,
    GROUP = SYI_FSS_GROUP,
    TILE = SYI_FSS_TILE,
    SPAN = SYI_FSS_SPAN,
    TILES = SPAN / TILE,
    BLOCK_BYTES = BLOCK / 8,
    SLOTS = 3
};
_Static_assert(TILE % BLOCK == 0 && BLOCK % GROUP == 0, "tiles are whole blocks");
_Static_assert(SPAN % TILE == 0, "spans are whole tiles");
_Static_assert((int)TILE <= SYI_FSS_BATCH_MOST, "a tile is a batch");
_Static_assert((int)BLOCK == SYI_OUTCOME_BLOCK, "outcomes are made of whole blocks");
_Static_assert((int)SLOTS == SYI_FSS_ROUNDS + 1, "as many spans are under way");

/* --- messages ---------------------------------------------------------------------------------- */

syi_fss_tree syi_fss_tree_for(const syi_demand *demand)
{
    const unsigned bits = syi_demand_bits(demand);
    return syi_fss_tree_of(demand->kind == SYI_MATERIAL_FSS_EQUAL ? bits : bits - 1);
}

size_t syi_fss_keys(const syi_demand *demand, size_t count)
{
    const syi_fss_tree tree = syi_fss_tree_for(demand);
    return count * syi_fss_key(&tree);
}

size_t syi_fss_message(const syi_demand *demand, size_t count)
{
    return syi_fss_keys(demand, count) + syi_outcome_message(demand, count);
}

sy_status syi_fss_public_open(syi_generator *stream, const uint8_t *session,
                              const syi_demand *demand, sy_error *err)
{
    static const uint8_t zeros[SYI_SEED_SIZE];
    return syi_stream_open(stream, session, zeros, demand->kind, &demand->item, SYI_FSS_PUBLIC,
                           err);
}

sy_status syi_fss_public_keys(syi_fixed_keys *keys, const syi_generator *stream, uint64_t tile,
                              sy_error *err)
{
    uint8_t bytes[SYI_FIXED_KEYS_SIZE];
    SY_TRY(syi_generator_fill(stream, tile * (sizeof bytes / SYI_GENERATOR_BLOCK), bytes,
                              sizeof bytes, err));
    return syi_fixed_keys_init(keys, bytes, err);
}

/* --- a comparison ------------------------------------------------------------------------------ */

/* A span under way. */
typedef struct span_state {
    uint8_t *opened; /* X */
    uint8_t *bits;   /* own share of c, then c */
    uint8_t *words;  /* of tiles that are corrected here, each at its place */
} span_state;

/* A tile of a span: elements [at, at + count) of it, the number `tile` of the item. */
typedef struct tile_place {
    uint64_t tile;
    size_t at, count;
} tile_place;

/* What a block is computed with. */
typedef struct room {
    uint8_t roots[BLOCK * SYI_FSS_SEED];
    uint64_t numbers[GROUP], d[BLOCK];
    uint8_t tail[65 * SYI_FSS_ROW]; /* a group that is not whole */
} room;

typedef struct comparing {
    syi_party *party;
    const syi_demand *demand;
    const syi_field *field;
    syi_fss_tree tree;
    bool equal, lead;
    uint8_t *z;
    const uint8_t *x;
    syi_generator r, roots, bits, keys;
    syi_outcome_taking outcome;
    size_t word_bytes; /* of an element's words */
    span_state spans[SLOTS];
    room *room;
    uint8_t *memory;
    size_t size;
} comparing;

static size_t bytes_of(size_t count)
{
    return (count + 7) / 8;
}

static uint64_t word_at(const syi_field *field, const uint8_t *words, size_t k)
{
    return field->width == 4 ? ((const uint32_t *)(const void *)words)[k]
                             : ((const uint64_t *)(const void *)words)[k];
}

static size_t span_count(const comparing *c, uint64_t span)
{
    const uint64_t rest = c->demand->count - span * SPAN;
    return rest < SPAN ? (size_t)rest : SPAN;
}

static tile_place place_in(const comparing *c, uint64_t span, size_t at)
{
    const uint64_t tile = span * TILES + at / TILE;
    return (tile_place){tile, at, syi_material_tile(c->demand, tile)};
}

static bool is_corrected(const comparing *c, const tile_place *p)
{
    const syi_channel *channel = c->party->channel;
    return syi_material_corrected(&c->demand->item, p->tile, channel->holders) == channel->index;
}

/* The first message: x + r. */
static sy_status open_words(comparing *c, const span_state *s, uint64_t span, sy_error *err)
{
    const size_t width = c->field->width, count = span_count(c, span);
    for (size_t at = 0; at < count; at += BLOCK) {
        const size_t n = count - at < BLOCK ? count - at : BLOCK;
        const uint64_t element = span * SPAN + at;
        uint8_t *out = s->opened + at * width;
        SY_TRY(syi_field_draw(c->field, &c->r, element, out, n, err));
        syi_field_add(c->field, out, out, c->x + element * width, n);
    }
    return SY_OK;
}

/* A group of n keys as it is dealt, in whole rows. */
static const uint8_t *group_of(const comparing *c, const uint8_t *keys, size_t n)
{
    if (n == GROUP) {
        return keys;
    }
    for (size_t row = 0; row <= syi_fss_levels(&c->tree); row++) {
        uint8_t *to = c->room->tail + row * SYI_FSS_ROW;
        memset(to, 0, SYI_FSS_ROW);
        memcpy(to, keys + row * n * SYI_FSS_SEED, n * SYI_FSS_SEED);
    }
    return c->room->tail;
}

/* This holder's bits of the n elements of which X is at `opened`, without masks: [X below r], and msb(X) at the lead; or [X = r]. */
static sy_status walk(comparing *c, const syi_fixed_keys *fixed, const uint8_t *opened, size_t n,
                      const uint8_t *keys, const uint8_t *roots, uint32_t *bits, sy_error *err)
{
    const int holder = c->lead ? 0 : 1;
    const unsigned top = c->tree.bits; /* of the sign: the bit above */
    const uint64_t below = top < 64 ? (UINT64_C(1) << top) - 1 : UINT64_MAX;
    uint64_t *numbers = c->room->numbers;
    uint32_t signs = 0;
    memset(numbers, 0, sizeof c->room->numbers);
    for (size_t k = 0; k < n; k++) {
        const uint64_t word = word_at(c->field, opened, k);
        numbers[k] = word & below;
        signs |= (uint32_t)(c->equal ? 0 : word >> top & 1) << k;
    }
    const uint8_t *group = group_of(c, keys, n);
    if (c->equal) {
        return syi_dpf_walk(fixed, &c->tree, bits, group, roots, numbers, holder, err);
    }
    SY_TRY(syi_dcf_walk(fixed, &c->tree, bits, group, roots, numbers, holder, err));
    *bits ^= c->lead ? signs : 0;
    return SY_OK;
}

/* A tile's bits for the second message, masked. */
static sy_status make_bits(comparing *c, const syi_fixed_keys *fixed, const span_state *s,
                           const tile_place *p, const uint8_t *dealt, sy_error *err)
{
    for (size_t at = 0; at < p->count; at += BLOCK) {
        const uint64_t element = p->tile * TILE + at;
        const size_t left = p->count - at, n = left < BLOCK ? left : BLOCK;
        const uint8_t *opened = s->opened + (p->at + at) * c->field->width;
        uint8_t *out = s->bits + (p->at + at) / 8;
        SY_TRY(syi_generator_fill(&c->roots, element * SYI_FSS_SEED / SYI_GENERATOR_BLOCK,
                                  c->room->roots, sizeof c->room->roots, err));
        SY_TRY(
            syi_generator_fill(&c->bits, element / 8 / SYI_GENERATOR_BLOCK, out, BLOCK_BYTES, err));
        for (size_t g = 0; g < n; g += GROUP) {
            const size_t keys = n - g < GROUP ? n - g : GROUP;
            uint32_t bits = 0, masks;
            SY_TRY(walk(c, fixed, opened + g * c->field->width, keys,
                        dealt + (at + g) * syi_fss_key(&c->tree), c->room->roots + g * SYI_FSS_SEED,
                        &bits, err));
            memcpy(&masks, out + g / 8, sizeof masks);
            bits = (bits ^ masks) & (UINT32_MAX >> (GROUP - keys));
            memcpy(out + g / 8, &bits, sizeof bits);
        }
    }
    return SY_OK;
}

/* A tile's share of the bits from X; its words are kept. */
static sy_status compare_tile(comparing *c, const span_state *s, const tile_place *p, sy_error *err)
{
    const size_t keys = syi_fss_keys(c->demand, p->count);
    const bool corrected = is_corrected(c, p);
    syi_fixed_keys fixed;
    void *dealt = NULL;
    SY_TRY(syi_channel_dealt(c->party->channel, &c->demand->item, &dealt,
                             corrected ? syi_fss_message(c->demand, p->count) : keys, err));
    if (corrected) {
        memcpy(s->words + p->at * c->word_bytes, (const uint8_t *)dealt + keys,
               p->count * c->word_bytes);
    }
    SY_TRY(syi_fss_public_keys(&fixed, &c->keys, p->tile, err));
    const sy_status status = make_bits(c, &fixed, s, p, dealt, err);
    syi_fixed_keys_fini(&fixed);
    return status;
}

/* What is of the bits, as words: of the sign not c, of equality c. */
static void spread(const comparing *c, const uint8_t *bits, size_t n, uint64_t *out)
{
    const unsigned flip = c->equal ? 0 : 1;
    if (c->field->width == 4) {
        uint32_t *to = (uint32_t *)(void *)out;
        for (size_t k = 0; k < n; k++) {
            to[k] = ((unsigned)bits[k / 8] >> k % 8 & 1u) ^ flip;
        }
    } else {
        for (size_t k = 0; k < n; k++) {
            out[k] = ((unsigned)bits[k / 8] >> k % 8 & 1u) ^ flip;
        }
    }
}

static sy_status finish_tile(comparing *c, const span_state *s, const tile_place *p, sy_error *err)
{
    const size_t width = c->field->width;
    for (size_t at = 0; at < p->count; at += BLOCK) {
        const syi_outcome_block block = {
            .words = is_corrected(c, p) ? s->words + p->at * c->word_bytes : NULL,
            .count = p->count,
            .at = at,
            .n = p->count - at < BLOCK ? p->count - at : BLOCK,
            .element = p->tile * TILE + at};
        spread(c, s->bits + (p->at + at) / 8, block.n, c->room->d);
        SY_TRY(syi_outcome_finish(&c->outcome, &block, c->z + block.element * width,
                                  c->x + block.element * width, s->opened + (p->at + at) * width,
                                  c->room->d, err));
    }
    return SY_OK;
}

static sy_status step(void *data, uint64_t span, unsigned slot, unsigned stage,
                      const syi_received *received, const void **bytes, size_t *size, sy_error *err)
{
    comparing *c = data;
    const span_state *s = &c->spans[slot];
    const size_t count = span_count(c, span);
    if (stage == 0) {
        *bytes = s->opened;
        *size = count * c->field->width;
        return open_words(c, s, span, err);
    }
    if (stage == 1) {
        *bytes = s->bits;
        *size = bytes_of(count);
        syi_exchange_add(c->party, c->field, s->opened, received, 0, count);
    } else {
        const uint8_t *others = received->bytes[c->lead ? 1 : 0];
        for (size_t k = 0; k < bytes_of(count); k++) {
            s->bits[k] ^= others[k];
        }
    }
    for (size_t at = 0; at < count; at += TILE) {
        const tile_place place = place_in(c, span, at);
        SY_TRY((stage == 1 ? compare_tile : finish_tile)(c, s, &place, err));
    }
    return SY_OK;
}

/* --- memory and streams ------------------------------------------------------------------------ */

static uint64_t spans_of(const comparing *c)
{
    return c->demand->count / SPAN + (c->demand->count % SPAN != 0 ? 1 : 0);
}

static sy_status open_memory(comparing *c, sy_error *err)
{
    const size_t slots = spans_of(c) < SLOTS ? (size_t)spans_of(c) : SLOTS,
                 blocks = (span_count(c, 0) + BLOCK - 1) / BLOCK,
                 opened = blocks * BLOCK * c->field->width, bits = blocks * BLOCK_BYTES,
                 span = opened + bits + blocks * BLOCK * c->word_bytes;
    c->size = sizeof(room) + slots * span;
    c->memory = syi_block_alloc(c->party->context, c->size);
    if (c->memory == NULL) {
        return SYI_ENOMEM(err, "comparison");
    }
    c->room = (room *)(void *)c->memory;
    for (size_t k = 0; k < slots; k++) {
        c->spans[k].opened = c->memory + sizeof(room) + k * span;
        c->spans[k].bits = c->spans[k].opened + opened;
        c->spans[k].words = c->spans[k].bits + bits;
    }
    return SY_OK;
}

static sy_status open_streams(comparing *c, sy_error *err)
{
    const syi_material *material = c->party->material;
    const syi_demand *d = c->demand;
    SY_TRY(syi_material_open(material, &c->r, d->kind, &d->item, SYI_PART_A, err));
    SY_TRY(syi_material_open(material, &c->roots, d->kind, &d->item, SYI_PART_B, err));
    SY_TRY(syi_material_open(material, &c->bits, d->kind, &d->item, SYI_FSS_BITS, err));
    SY_TRY(syi_fss_public_open(&c->keys, material->session, d, err));
    return syi_outcome_take(&c->outcome, c->party, d, err);
}

static void close_all(comparing *c)
{
    syi_generator_fini(&c->r);
    syi_generator_fini(&c->roots);
    syi_generator_fini(&c->bits);
    syi_generator_fini(&c->keys);
    syi_outcome_taken(&c->outcome);
    if (c->memory != NULL) {
        syi_block_free_secret(c->party->context, c->memory, c->size);
    }
}

sy_status syi_fss_run(syi_party *party, const syi_demand *demand, void *z, const void *x,
                      sy_error *err)
{
    comparing c = {.party = party,
                   .demand = demand,
                   .field = &demand->field,
                   .tree = syi_fss_tree_for(demand),
                   .equal = demand->kind == SYI_MATERIAL_FSS_EQUAL,
                   .lead = party->channel->index == 0,
                   .word_bytes = syi_outcome_message(demand, 1),
                   .z = z,
                   .x = x};
    sy_status status = open_memory(&c, err);
    if (status == SY_OK) {
        status = open_streams(&c, err);
    }
    if (status == SY_OK) {
        status = syi_exchange_stages(party, spans_of(&c), SYI_FSS_ROUNDS, step, &c, err);
    }
    close_all(&c);
    return status;
}
