/* levels.c - the holders' side of comparisons by levels. The provider's: levels_deal.c. */
#include "crypto/levels.h"

#include <string.h>

#include "core/blocks.h"
#include "core/error.h"

enum { BLOCK = SYI_PLANE_BITS, WORDS = SYI_PLANE_WORDS };
_Static_assert(SYI_LEVELS_TILE % BLOCK == 0, "tiles are whole blocks");
_Static_assert((int)BLOCK == SYI_OUTCOME_BLOCK, "outcomes are made of whole blocks");
/* A tile's message is needed from its second stage to its last: those of as many tiles as there are levels come in between. */
_Static_assert((int)SYI_LEVELS_MAX < SYI_CHANNEL_KEPT, "what is dealt stays while it is needed");

void syi_levels_count(syi_levels *levels)
{
    levels->masks = 0;
    levels->planes = levels->bits - 1;
    for (unsigned k = 0; k < levels->count; k++) {
        levels->masks += levels->opened[k];
        levels->planes += levels->products[k];
    }
}

unsigned syi_levels_rounds(const syi_levels *levels)
{
    return levels->count + 1;
}

size_t syi_levels_packed(unsigned planes, size_t count)
{
    const size_t rest = count % BLOCK;
    return count / BLOCK * planes * SYI_PLANE_BYTES +
           (rest > 0 ? syi_planes_packed(planes, rest) : 0);
}

size_t syi_levels_message(const syi_levels *levels, const syi_demand *demand, size_t count)
{
    return syi_levels_packed(levels->planes, count) + syi_outcome_message(demand, count);
}

/* --- a comparison ------------------------------------------------------------------------------ */

/* A tile under way. Planes are those of all its blocks, one block's behind the other's. */
typedef struct tile_state {
    uint8_t *opened;      /* X */
    uint64_t *masks;      /* own shares of the masks of opened planes */
    uint64_t *lowest;     /* own share of r's lowest bit */
    uint64_t *top;        /* own share of the top bits of x without the borrow */
    uint64_t *kept;       /* the family's */
    uint64_t *planes;     /* of a level: first what this holder sends, then what is opened */
    uint64_t *rest;       /* the last block's of them, when it is not whole */
    const uint8_t *dealt; /* the provider's message; NULL: the streams' */
} tile_state;

typedef struct comparing {
    syi_party *party;
    const syi_demand *demand;
    const syi_field *field;
    const syi_plane_kernels *kernels;
    const syi_levels *levels;
    syi_level_fn make;
    const void *family;
    syi_outcome_taking outcome;
    uint8_t *z;
    const uint8_t *x;
    uint64_t lead;
    syi_generator r, masks, planes;
    tile_state tiles[SYI_STAGES_MAX];
    uint8_t *memory;
    size_t size;
    uint64_t *a, *own_r, *products, *out, *scratch; /* of a block at a level */
} comparing;

enum {
    /* with pads: a block of words is 64 planes, wherever they begin */
    ROOM_POSITIONS = 2 * SYI_LEVELS_POSITIONS_MAX,
    ROOM_PLANES =
        2 * ROOM_POSITIONS + SYI_LEVELS_PRODUCTS_MAX + SYI_LEVELS_OPENED_MAX + SYI_LEVELS_SCRATCH,
};

static size_t blocks_of(size_t count)
{
    return (count + BLOCK - 1) / BLOCK;
}

static size_t numbers_of(size_t count, size_t block)
{
    const size_t left = count - block * BLOCK;
    return left < BLOCK ? left : BLOCK;
}

/* Place of a block of the item in a stream of so many bytes per block. */
static uint64_t stream_place(uint64_t tile, size_t block, size_t bytes)
{
    return (tile * (SYI_LEVELS_TILE / BLOCK) + block) * (bytes / SYI_GENERATOR_BLOCK);
}

/* Shares of `count` dealt planes of a block from plane `first` on: where they are, or in `room`. */
static sy_status dealt_planes(const comparing *c, const tile_state *t, uint64_t tile, size_t block,
                              size_t numbers, unsigned first, unsigned count, uint64_t *room,
                              const uint64_t **planes, sy_error *err)
{
    const size_t block_bytes = (size_t)c->levels->planes * SYI_PLANE_BYTES;
    *planes = room;
    if (t->dealt == NULL) {
        const uint64_t place = stream_place(tile, block, block_bytes) +
                               (uint64_t)first * (SYI_PLANE_BYTES / SYI_GENERATOR_BLOCK);
        return syi_generator_fill(&c->planes, place, room, (size_t)count * SYI_PLANE_BYTES, err);
    }
    const uint8_t *from = t->dealt + block * block_bytes;
    if (numbers == BLOCK) {
        *planes = (const uint64_t *)(const void *)(from + (size_t)first * SYI_PLANE_BYTES);
    } else {
        syi_planes_unpack(room, from + syi_planes_packed(first, numbers), count, numbers);
    }
    return SY_OK;
}

/* The first message: x + r. */
static sy_status open_words(comparing *c, tile_state *t, uint64_t tile, size_t count, sy_error *err)
{
    const size_t width = c->field->width, mask_bytes = (size_t)c->levels->masks * SYI_PLANE_BYTES;
    for (size_t block = 0; block < blocks_of(count); block++) {
        const size_t n = numbers_of(count, block);
        const uint64_t element = tile * SYI_LEVELS_TILE + block * BLOCK;
        uint64_t words[BLOCK] = {0};
        SY_TRY(syi_field_draw(c->field, &c->r, element, words, n, err));
        if (width == 4) {
            c->kernels->low32(t->lowest + block * WORDS, (const uint32_t *)(const void *)words);
        } else {
            c->kernels->low64(t->lowest + block * WORDS, words);
        }
        syi_field_add(c->field, t->opened + block * BLOCK * width, words, c->x + element * width,
                      n);
        syi_wipe(words, sizeof words);
        SY_TRY(syi_generator_fill(&c->masks, stream_place(tile, block, mask_bytes),
                                  t->masks + block * c->levels->masks * WORDS, mask_bytes, err));
    }
    return SY_OK;
}

/* The positions of a block, to c->a and c->own_r; and the sign without the borrow: the top bits of X and of r. */
static sy_status split_positions(comparing *c, tile_state *t, uint64_t tile, size_t block,
                                 size_t numbers, sy_error *err)
{
    const syi_levels *levels = c->levels;
    const size_t pad = (size_t)levels->pad * WORDS;
    uint64_t *a = c->a + pad, *r = c->own_r + pad;
    uint64_t padded[BLOCK] = {0};
    if (c->field->width == 4) {
        memcpy(padded, t->opened + block * BLOCK * 4, numbers * 4);
        c->kernels->split32(a, (const uint32_t *)(const void *)padded);
    } else {
        memcpy(padded, t->opened + block * BLOCK * 8, numbers * 8);
        c->kernels->split64(a, padded);
    }
    memset(c->a, 0xff, pad * sizeof *a);
    for (size_t k = 0; k < (size_t)levels->bits * WORDS; k++) {
        a[k] = ~a[k];
    }
    memset(c->own_r, 0, pad * sizeof *r);
    memcpy(r, t->lowest + block * WORDS, SYI_PLANE_BYTES);
    const uint64_t *dealt = NULL;
    SY_TRY(dealt_planes(c, t, tile, block, numbers, 0, levels->bits - 1, r + WORDS, &dealt, err));
    if (dealt != r + WORDS) {
        memcpy(r + WORDS, dealt, (size_t)(levels->bits - 1) * SYI_PLANE_BYTES);
    }
    const size_t top = (size_t)(levels->bits - 1) * WORDS;
    for (size_t i = 0; i < WORDS; i++) {
        t->top[block * WORDS + i] = levels->equal ? 0 : r[top + i] ^ (~a[top + i] & c->lead);
    }
    return SY_OK;
}

/* Planes of a block as they are, which for one that is not whole is apart from what is sent. */
static uint64_t *planes_of(const tile_state *t, unsigned planes, size_t block, size_t numbers)
{
    return numbers == BLOCK ? t->planes + block * planes * WORDS : t->rest;
}

/* A block's planes of a level, to c->out. */
static sy_status make_block(comparing *c, tile_state *t, uint64_t tile, size_t block,
                            size_t numbers, unsigned level, sy_error *err)
{
    const syi_levels *levels = c->levels;
    syi_level of = {.kernels = c->kernels,
                    .level = level,
                    .lead = c->lead,
                    .a = c->a,
                    .r = c->own_r,
                    .masks = t->masks + block * levels->masks * WORDS,
                    .kept = t->kept + block * levels->kept * WORDS,
                    .scratch = c->scratch};
    unsigned first = levels->bits - 1;
    for (unsigned k = 0; k < level; k++) {
        first += levels->products[k];
        of.masks += k + 1 < level ? (size_t)levels->opened[k] * WORDS : 0;
    }
    if (level == 0) {
        SY_TRY(split_positions(c, t, tile, block, numbers, err));
    } else {
        of.opened = planes_of(t, levels->opened[level - 1], block, numbers);
    }
    SY_TRY(dealt_planes(c, t, tile, block, numbers, first, levels->products[level], c->products,
                        &of.products, err));
    c->make(c->family, &of, c->out);
    return SY_OK;
}

/* Adds the masks of a level's planes, the result's with what the sign is besides the borrow. */
static void mask(const comparing *c, const tile_state *t, size_t block, unsigned level,
                 uint64_t *planes)
{
    const uint64_t *masks = t->masks + block * c->levels->masks * WORDS;
    for (unsigned k = 0; k < level; k++) {
        masks += (size_t)c->levels->opened[k] * WORDS;
    }
    c->kernels->add(planes, masks, c->levels->opened[level]);
    if (level + 1 == c->levels->count) {
        c->kernels->add(planes, t->top + block * WORDS, 1);
    }
}

/* The planes of a level of all blocks, masked, to be sent. They become fewer from level to level: what is read of the level before lies
 * behind what is written. */
static sy_status make_level(comparing *c, tile_state *t, uint64_t tile, size_t count,
                            unsigned level, sy_error *err)
{
    const unsigned sent = c->levels->opened[level];
    for (size_t block = 0; block < blocks_of(count); block++) {
        const size_t numbers = numbers_of(count, block);
        uint64_t *to = planes_of(t, sent, block, numbers);
        SY_TRY(make_block(c, t, tile, block, numbers, level, err));
        memcpy(to, c->out, (size_t)sent * SYI_PLANE_BYTES);
        mask(c, t, block, level, to);
        if (numbers < BLOCK) {
            syi_planes_pack((uint8_t *)(t->planes + block * sent * WORDS), to, sent, numbers);
        }
    }
    return SY_OK;
}

static void open_planes(const comparing *c, const tile_state *t, unsigned planes, size_t count,
                        const syi_received *received)
{
    const syi_channel *channel = c->party->channel;
    for (size_t block = 0; block < blocks_of(count); block++) {
        const size_t numbers = numbers_of(count, block), at = block * planes * SYI_PLANE_BYTES;
        uint64_t *to = planes_of(t, planes, block, numbers);
        for (int from = 0; from < channel->holders; from++) {
            if (from == channel->index) {
                continue;
            }
            if (numbers == BLOCK) {
                c->kernels->add(to, (const uint64_t *)(const void *)(received->bytes[from] + at),
                                planes);
            } else {
                syi_planes_unpack(c->out, received->bytes[from] + at, planes, numbers);
                c->kernels->add(to, c->out, planes);
            }
        }
    }
}

/* b, or for equality its contrary, was opened under rho. */
static sy_status finish_block(comparing *c, const tile_state *t, uint64_t tile, size_t block,
                              size_t count, sy_error *err)
{
    const size_t n = numbers_of(count, block), width = c->field->width;
    const syi_outcome_block where = {
        .words = t->dealt != NULL ? t->dealt + syi_levels_packed(c->levels->planes, count) : NULL,
        .count = count,
        .at = block * BLOCK,
        .n = n,
        .element = tile * SYI_LEVELS_TILE + block * BLOCK};
    uint64_t chosen[WORDS], d[BLOCK]; /* d = 1 - c; of equality c: public */
    memcpy(chosen, planes_of(t, 1, block, n), sizeof chosen);
    for (size_t i = 0; i < WORDS; i++) {
        chosen[i] = c->levels->equal ? chosen[i] : ~chosen[i];
    }
    if (width == 4) {
        c->kernels->spread32((uint32_t *)(void *)d, chosen);
    } else {
        c->kernels->spread64(d, chosen);
    }
    return syi_outcome_finish(&c->outcome, &where, c->z + where.element * width,
                              c->x + where.element * width, t->opened + block * BLOCK * width, d,
                              err);
}

static sy_status finish_tile(comparing *c, const tile_state *t, uint64_t tile, size_t count,
                             sy_error *err)
{
    for (size_t block = 0; block < blocks_of(count); block++) {
        SY_TRY(finish_block(c, t, tile, block, count, err));
    }
    return SY_OK;
}

static sy_status take_dealt(comparing *c, tile_state *t, uint64_t tile, sy_error *err)
{
    syi_channel *channel = c->party->channel;
    void *bytes = NULL;
    if (syi_material_corrected(&c->demand->item, tile, channel->holders) == channel->index) {
        SY_TRY(syi_channel_dealt(channel, &c->demand->item, &bytes,
                                 syi_material_message(c->demand, tile), err));
    }
    t->dealt = bytes;
    return SY_OK;
}

static sy_status step(void *data, uint64_t tile, unsigned slot, unsigned stage,
                      const syi_received *received, const void **bytes, size_t *size, sy_error *err)
{
    comparing *c = data;
    tile_state *t = &c->tiles[slot];
    const size_t count = syi_material_tile(c->demand, tile);
    if (stage == 0) {
        *bytes = t->opened;
        *size = count * c->field->width;
        return open_words(c, t, tile, count, err);
    }
    if (stage == 1) {
        syi_exchange_add(c->party, c->field, t->opened, received, 0, count);
        SY_TRY(take_dealt(c, t, tile, err));
    } else {
        open_planes(c, t, c->levels->opened[stage - 2], count, received);
    }
    if (stage > c->levels->count) {
        return finish_tile(c, t, tile, count, err);
    }
    *bytes = t->planes;
    *size = syi_levels_packed(c->levels->opened[stage - 1], count);
    return make_level(c, t, tile, count, stage - 1, err);
}

/* --- memory and streams ------------------------------------------------------------------------ */

static size_t tile_bytes(const comparing *c, size_t count)
{
    const size_t blocks = blocks_of(count);
    return blocks * BLOCK * c->field->width + (blocks * (c->levels->masks + 2 + c->levels->kept) +
                                               (blocks + 1) * c->levels->opened[0]) *
                                                  SYI_PLANE_BYTES;
}

static void lay_out(comparing *c, tile_state *t, uint8_t *memory, size_t count)
{
    const size_t blocks = blocks_of(count);
    t->opened = memory;
    t->masks = (uint64_t *)(void *)(memory + blocks * BLOCK * c->field->width);
    t->lowest = t->masks + blocks * c->levels->masks * WORDS;
    t->top = t->lowest + blocks * WORDS;
    t->kept = t->top + blocks * WORDS;
    t->planes = t->kept + blocks * c->levels->kept * WORDS;
    t->rest = t->planes + blocks * c->levels->opened[0] * WORDS;
}

static sy_status open_memory(comparing *c, sy_error *err)
{
    const size_t room = (size_t)ROOM_PLANES * SYI_PLANE_BYTES,
                 count = syi_material_tile(c->demand, 0), tile = tile_bytes(c, count);
    const uint64_t tiles = syi_material_tiles(c->demand);
    const unsigned most = syi_levels_rounds(c->levels) + 1;
    const unsigned slots = tiles < most ? (unsigned)tiles : most;
    c->size = room + slots * tile;
    c->memory = syi_block_alloc(c->party->context, c->size);
    if (c->memory == NULL) {
        return SYI_ENOMEM(err, "comparison");
    }
    c->a = (uint64_t *)(void *)c->memory;
    c->own_r = c->a + (size_t)ROOM_POSITIONS * WORDS;
    c->products = c->own_r + (size_t)ROOM_POSITIONS * WORDS;
    c->out = c->products + (size_t)SYI_LEVELS_PRODUCTS_MAX * WORDS;
    c->scratch = c->out + (size_t)SYI_LEVELS_OPENED_MAX * WORDS;
    for (unsigned k = 0; k < slots; k++) {
        lay_out(c, &c->tiles[k], c->memory + room + k * tile, count);
    }
    return SY_OK;
}

static sy_status open_streams(comparing *c, sy_error *err)
{
    const syi_material *material = c->party->material;
    const syi_demand *demand = c->demand;
    const int holders = c->party->channel->holders, index = c->party->channel->index;
    SY_TRY(syi_material_open(material, &c->r, demand->kind, &demand->item, SYI_PART_A, err));
    SY_TRY(syi_material_open(material, &c->masks, demand->kind, &demand->item, SYI_PART_B, err));
    SY_TRY(syi_outcome_take(&c->outcome, c->party, demand, err));
    if (syi_material_tiles(demand) == 1 &&
        syi_material_corrected(&demand->item, 0, holders) == index) {
        return SY_OK; /* all is dealt */
    }
    return syi_material_open(material, &c->planes, demand->kind, &demand->item, SYI_PART_C, err);
}

static void close_all(comparing *c)
{
    syi_generator_fini(&c->r);
    syi_generator_fini(&c->masks);
    syi_generator_fini(&c->planes);
    syi_outcome_taken(&c->outcome);
    if (c->memory != NULL) {
        syi_block_free_secret(c->party->context, c->memory, c->size);
    }
}

sy_status syi_levels_run(syi_party *party, const syi_levels *levels, syi_level_fn make,
                         const void *family, const syi_demand *demand, void *z, const void *x,
                         sy_error *err)
{
    comparing c = {.party = party,
                   .demand = demand,
                   .field = &demand->field,
                   .kernels = syi_plane_kernels_get(),
                   .levels = levels,
                   .make = make,
                   .family = family,
                   .z = z,
                   .x = x,
                   .lead = party->channel->index == 0 ? UINT64_MAX : 0};
    sy_status status = open_memory(&c, err);
    if (status == SY_OK) {
        status = open_streams(&c, err);
    }
    if (status == SY_OK) {
        status = syi_exchange_stages(party, syi_material_tiles(demand), syi_levels_rounds(levels),
                                     step, &c, err);
    }
    close_all(&c);
    return status;
}
