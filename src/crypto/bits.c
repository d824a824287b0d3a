/* bits.c - what a comparison consists of, and the holders' side. The provider's: bits_deal.c. */
#include "crypto/bits.h"

#include <string.h>

#include "core/blocks.h"
#include "core/error.h"
#include "crypto/exchange.h"

enum { BLOCK = SYI_PLANE_BITS, WORDS = SYI_PLANE_WORDS, POSITIONS_MAX = 64 };
_Static_assert(SYI_BITS_TILE % BLOCK == 0, "tiles are whole blocks");

/* --- trees ------------------------------------------------------------------------------------- */

unsigned syi_bits_leaf_products(const syi_bits_tree *tree, unsigned leaf)
{
    static const uint8_t factors[SYI_LEAF_PRODUCTS] = {0xc, 0xa, 0x6, 0xe, 0x9, 0x5,
                                                       0x3, 0xd, 0xb, 0x7, 0xf};
    const unsigned dead = 4 * leaf < tree->pad ? (1u << (tree->pad - 4 * leaf)) - 1 : 0;
    unsigned found = 0;
    for (unsigned k = 0; k < SYI_LEAF_PRODUCTS; k++) {
        found |= (factors[k] & dead) == 0 ? 1u << k : 0;
    }
    return found;
}

static unsigned products_of(const syi_bits_tree *tree, unsigned level)
{
    const unsigned nodes = tree->nodes[level];
    unsigned products = 0;
    if (level == 0) {
        for (unsigned leaf = 0; leaf < nodes; leaf++) {
            products += (unsigned)__builtin_popcount(syi_bits_leaf_products(tree, leaf));
        }
        return products;
    }
    if (tree->radix[level] == 2) {
        return nodes; /* the last level: one of them */
    }
    return tree->equal ? nodes * SYI_LEAF_PRODUCTS
                       : SYI_NODE_PRODUCTS + (nodes - 1) * SYI_NODE_PRODUCTS_P;
}

syi_bits_tree syi_bits_tree_of(unsigned bits, bool equal)
{
    const unsigned needed = equal ? bits : bits - 1;
    syi_bits_tree tree = {.equal = equal, .bits = bits, .positions = 4};
    while (tree.positions < needed) {
        tree.positions *= 2;
    }
    tree.pad = tree.positions - needed;
    for (unsigned left = tree.positions; left > 1; tree.levels++) {
        const unsigned radix = left % 4 == 0 ? 4 : 2;
        left /= radix;
        tree.radix[tree.levels] = radix;
        tree.nodes[tree.levels] = left;
        tree.products[tree.levels] = products_of(&tree, tree.levels);
        tree.opened[tree.levels] = left == 1 || equal ? left : 2 * left - 1;
        tree.masks += tree.opened[tree.levels];
        tree.planes += tree.products[tree.levels];
    }
    tree.planes += bits - 1;
    return tree;
}

unsigned syi_bits_rounds(const syi_bits_tree *tree)
{
    return tree->levels + 1;
}

uint64_t syi_bits_bytes(const syi_bits_tree *tree, const syi_field *field, uint64_t count)
{
    const uint64_t whole = count / BLOCK;
    const size_t rest = (size_t)(count % BLOCK);
    return count * field->width + whole * tree->masks * SYI_PLANE_BYTES +
           (rest > 0 ? syi_planes_packed(tree->masks, rest) : 0);
}

/* --- messages ---------------------------------------------------------------------------------- */

static size_t planes_size(unsigned planes, size_t count)
{
    const size_t rest = count % BLOCK;
    return count / BLOCK * planes * SYI_PLANE_BYTES +
           (rest > 0 ? syi_planes_packed(planes, rest) : 0);
}

size_t syi_bits_message(const syi_demand *demand, size_t count)
{
    const syi_bits_tree tree =
        syi_bits_tree_of(syi_field_bits(&demand->field), demand->kind == SYI_MATERIAL_BITS_EQUAL);
    return planes_size(tree.planes, count) + syi_outcome_message(demand, count);
}

/* --- a comparison ------------------------------------------------------------------------------ */

/* A tile under way. Planes are those of all its blocks, one block's behind the other's. */
typedef struct tile_state {
    uint8_t *opened;      /* X */
    uint64_t *masks;      /* own shares of the masks of opened planes */
    uint64_t *lowest;     /* own share of r's lowest bit */
    uint64_t *top;        /* own share of the top bits of x without the borrow */
    uint64_t *planes;     /* of a level: first what this holder sends, then what is opened */
    uint64_t *rest;       /* the last block's of them, when it is not whole */
    const uint8_t *dealt; /* the provider's message; NULL: the streams' */
} tile_state;

typedef struct comparing {
    syi_party *party;
    const syi_demand *demand;
    const syi_field *field;
    const syi_plane_kernels *kernels;
    syi_bits_tree tree;
    syi_outcome_taking outcome;
    uint8_t *z;
    const uint8_t *x;
    uint64_t lead; /* all ones at the one who leads */
    syi_generator r, masks, planes;
    tile_state tiles[SYI_STAGES_MAX];
    uint8_t *memory;
    size_t size;
    uint64_t *scratch; /* planes of a leaf level and of positions */
} comparing;

enum {
    /* of leaves: two rows of positions, r with its pads and top bit, products, and those of one leaf */
    SCRATCH_PLANES = 3 * POSITIONS_MAX + 1 + 17 * SYI_LEAF_PRODUCTS,
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
    return (tile * (SYI_BITS_TILE / BLOCK) + block) * (bytes / SYI_GENERATOR_BLOCK);
}

/* Shares of `count` dealt planes of a block from plane `first` on: where they are, or in `room`. */
static sy_status dealt_planes(const comparing *c, const tile_state *t, uint64_t tile, size_t block,
                              size_t numbers, unsigned first, unsigned count, uint64_t *room,
                              const uint64_t **planes, sy_error *err)
{
    const size_t block_bytes = (size_t)c->tree.planes * SYI_PLANE_BYTES;
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
    const size_t width = c->field->width;
    for (size_t block = 0; block < blocks_of(count); block++) {
        const size_t n = numbers_of(count, block);
        const uint64_t element = tile * SYI_BITS_TILE + block * BLOCK;
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
        SY_TRY(syi_generator_fill(
            &c->masks, stream_place(tile, block, (size_t)c->tree.masks * SYI_PLANE_BYTES),
            t->masks + block * c->tree.masks * WORDS, (size_t)c->tree.masks * SYI_PLANE_BYTES,
            err));
    }
    return SY_OK;
}

/* All eleven products of a leaf, of those that there are. */
static const uint64_t *leaf_products(const syi_bits_tree *tree, unsigned leaf,
                                     const uint64_t **dealt, uint64_t *room)
{
    const unsigned there = syi_bits_leaf_products(tree, leaf);
    const uint64_t *products = *dealt;
    *dealt += (size_t)__builtin_popcount(there) * WORDS;
    if (there == (1u << SYI_LEAF_PRODUCTS) - 1) {
        return products;
    }
    for (unsigned k = 0; k < SYI_LEAF_PRODUCTS; k++) {
        if ((there >> k & 1) != 0) {
            memcpy(room + (size_t)k * WORDS, products, SYI_PLANE_BYTES);
            products += WORDS;
        } else {
            memset(room + (size_t)k * WORDS, 0, SYI_PLANE_BYTES);
        }
    }
    return room;
}

/* A block's leaves, to `out`: g of each, then p of each but the lowest; of equality p of each. */
static sy_status leaves(comparing *c, tile_state *t, uint64_t tile, size_t block, size_t numbers,
                        uint64_t *out, sy_error *err)
{
    const syi_bits_tree *tree = &c->tree;
    const unsigned pad = tree->pad, nodes = tree->nodes[0];
    uint64_t *a = c->scratch, *split = a + (size_t)POSITIONS_MAX * WORDS;
    /* Pads, the lowest bit, the bits dealt; then products. */
    uint64_t *r = split + (size_t)POSITIONS_MAX * WORDS;
    uint64_t *room = c->scratch + (size_t)(SCRATCH_PLANES - SYI_LEAF_PRODUCTS) * WORDS;
    uint64_t padded[BLOCK] = {0};
    if (c->field->width == 4) {
        memcpy(padded, t->opened + block * BLOCK * 4, numbers * 4);
        c->kernels->split32(split, (const uint32_t *)(const void *)padded);
    } else {
        memcpy(padded, t->opened + block * BLOCK * 8, numbers * 8);
        c->kernels->split64(split, padded);
    }
    memset(a, 0xff, (size_t)pad * SYI_PLANE_BYTES);
    for (size_t k = 0; k < (size_t)(tree->positions - pad) * WORDS; k++) {
        a[(size_t)pad * WORDS + k] = ~split[k];
    }
    memset(r, 0, (size_t)pad * SYI_PLANE_BYTES);
    memcpy(r + (size_t)pad * WORDS, t->lowest + block * WORDS, SYI_PLANE_BYTES);
    const uint64_t *dealt = NULL, *products = NULL;
    uint64_t *rest = r + (size_t)(pad + 1) * WORDS;
    SY_TRY(dealt_planes(c, t, tile, block, numbers, 0, tree->bits - 1, rest, &dealt, err));
    if (dealt != rest) {
        memcpy(rest, dealt, (size_t)(tree->bits - 1) * SYI_PLANE_BYTES);
    }
    SY_TRY(dealt_planes(c, t, tile, block, numbers, tree->bits - 1, tree->products[0],
                        rest + (size_t)(tree->bits - 1) * WORDS, &products, err));
    for (unsigned leaf = 0; leaf < nodes; leaf++) {
        const uint64_t *all = leaf_products(tree, leaf, &products, room);
        const uint64_t *h = a + (size_t)leaf * 4 * WORDS, *l = r + (size_t)leaf * 4 * WORDS;
        if (tree->equal) {
            c->kernels->all(out + (size_t)leaf * WORDS, h, l, all, c->lead);
        } else {
            c->kernels->leaf(out + (size_t)leaf * WORDS,
                             leaf > 0 && nodes > 1 ? out + (size_t)(nodes - 1 + leaf) * WORDS
                                                   : NULL,
                             h, l, all, c->lead);
        }
    }
    /* The sign without the borrow: the top bits of X and of r. */
    const uint64_t *top_x = split + (size_t)(tree->bits - 1) * WORDS,
                   *top_r = r + (size_t)(pad + tree->bits - 1) * WORDS;
    for (size_t i = 0; i < WORDS; i++) {
        t->top[block * WORDS + i] = tree->equal ? 0 : top_r[i] ^ (top_x[i] & c->lead);
    }
    return SY_OK;
}

/* A block's nodes of a level from what was opened of the level below, to `out` as leaves'. */
static sy_status nodes(comparing *c, const tile_state *t, uint64_t tile, size_t block,
                       size_t numbers, unsigned level, const uint64_t *opened, uint64_t *out,
                       sy_error *err)
{
    const syi_bits_tree *tree = &c->tree;
    const unsigned below = tree->nodes[level - 1], count = tree->nodes[level];
    const uint64_t *masks = t->masks + block * tree->masks * WORDS;
    unsigned first = tree->bits - 1;
    for (unsigned k = 0; k < level; k++) {
        first += tree->products[k];
        masks += k + 1 < level ? (size_t)tree->opened[k] * WORDS : 0;
    }
    const uint64_t *products = NULL;
    SY_TRY(dealt_planes(c, t, tile, block, numbers, first, tree->products[level], c->scratch,
                        &products, err));
    /* p of child k is behind all g, but the lowest has none: what is read for it there is not used */
    const size_t to_p = tree->equal ? 0 : (size_t)(below - 1) * WORDS;
    for (unsigned node = 0; node < count; node++) {
        const size_t child = (size_t)node * tree->radix[level] * WORDS;
        uint64_t *g = out + (size_t)node * WORDS;
        uint64_t *p = node > 0 ? out + (size_t)(count - 1 + node) * WORDS : NULL;
        if (tree->radix[level] == 2) {
            c->kernels->pair(tree->equal ? NULL : g, tree->equal ? g : NULL, opened + child,
                             opened + to_p + child, masks + child, masks + to_p + child, products,
                             c->lead);
            products += WORDS;
        } else if (tree->equal) {
            c->kernels->all(g, opened + child, masks + child, products, c->lead);
            products += (size_t)SYI_LEAF_PRODUCTS * WORDS;
        } else {
            c->kernels->node(g, p, opened + child, opened + to_p + child, masks + child,
                             masks + to_p + child, products, c->lead);
            products += (size_t)(p != NULL ? SYI_NODE_PRODUCTS_P : SYI_NODE_PRODUCTS) * WORDS;
        }
    }
    return SY_OK;
}

/* Adds the masks of a level's planes, the result's with what the sign is besides the borrow. */
static void mask(const comparing *c, const tile_state *t, size_t block, unsigned level,
                 uint64_t *planes)
{
    const uint64_t *masks = t->masks + block * c->tree.masks * WORDS;
    for (unsigned k = 0; k < level; k++) {
        masks += (size_t)c->tree.opened[k] * WORDS;
    }
    c->kernels->add(planes, masks, c->tree.opened[level]);
    if (level + 1 == c->tree.levels) {
        c->kernels->add(planes, t->top + block * WORDS, 1);
    }
}

/* Planes of a block as they are, which for one that is not whole is apart from what is sent. */
static uint64_t *planes_of(const tile_state *t, unsigned planes, size_t block, size_t numbers)
{
    return numbers == BLOCK ? t->planes + block * planes * WORDS : t->rest;
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
                syi_planes_unpack(c->scratch, received->bytes[from] + at, planes, numbers);
                c->kernels->add(to, c->scratch, planes);
            }
        }
    }
}

static void add_words(const comparing *c, const tile_state *t, size_t count,
                      const syi_received *received)
{
    syi_exchange_add(c->party, c->field, t->opened, received, 0, count);
}

/* b, or for equality its contrary, was opened under rho. */
static sy_status finish_block(comparing *c, const tile_state *t, uint64_t tile, size_t block,
                              size_t count, sy_error *err)
{
    const size_t n = numbers_of(count, block), width = c->field->width;
    const syi_outcome_block where = {
        .words = t->dealt != NULL ? t->dealt + planes_size(c->tree.planes, count) : NULL,
        .count = count,
        .at = block * BLOCK,
        .n = n,
        .element = tile * SYI_BITS_TILE + block * BLOCK};
    uint64_t chosen[WORDS], d[BLOCK]; /* d = 1 - c; of equality c: public */
    memcpy(chosen, planes_of(t, 1, block, n), sizeof chosen);
    for (size_t i = 0; i < WORDS; i++) {
        chosen[i] = c->tree.equal ? chosen[i] : ~chosen[i];
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

/* The leaves, or the nodes of `level`, of all blocks, masked, to be sent. */
static sy_status make_level(comparing *c, tile_state *t, uint64_t tile, size_t count,
                            unsigned level, sy_error *err)
{
    const unsigned sent = c->tree.opened[level];
    uint64_t room[2 * POSITIONS_MAX * WORDS];
    sy_status status = SY_OK;
    for (size_t block = 0; block < blocks_of(count) && status == SY_OK; block++) {
        const size_t numbers = numbers_of(count, block);
        uint64_t *to = planes_of(t, sent, block, numbers);
        if (level == 0) {
            status = leaves(c, t, tile, block, numbers, room, err);
        } else { /* `planes` shrink from level to level: what is read lies behind what is written */
            const unsigned before = c->tree.opened[level - 1];
            status = nodes(c, t, tile, block, numbers, level, planes_of(t, before, block, numbers),
                           room, err);
        }
        memcpy(to, room, (size_t)sent * SYI_PLANE_BYTES);
        mask(c, t, block, level, to);
        if (numbers < BLOCK) {
            syi_planes_pack((uint8_t *)(t->planes + block * sent * WORDS), to, sent, numbers);
        }
    }
    syi_wipe(room, sizeof room);
    return status;
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
        add_words(c, t, count, received);
        SY_TRY(take_dealt(c, t, tile, err));
    } else {
        open_planes(c, t, c->tree.opened[stage - 2], count, received);
    }
    if (stage > c->tree.levels) {
        return finish_tile(c, t, tile, count, err);
    }
    *bytes = t->planes;
    *size = planes_size(c->tree.opened[stage - 1], count);
    return make_level(c, t, tile, count, stage - 1, err);
}

/* --- memory and streams ------------------------------------------------------------------------ */

static size_t tile_bytes(const comparing *c, size_t count)
{
    const size_t blocks = blocks_of(count);
    return blocks * BLOCK * c->field->width +
           (blocks * (c->tree.masks + 2) + (blocks + 1) * c->tree.opened[0]) * SYI_PLANE_BYTES;
}

static void lay_out(comparing *c, tile_state *t, uint8_t *memory, size_t count)
{
    const size_t blocks = blocks_of(count);
    t->opened = memory;
    t->masks = (uint64_t *)(void *)(memory + blocks * BLOCK * c->field->width);
    t->lowest = t->masks + blocks * c->tree.masks * WORDS;
    t->top = t->lowest + blocks * WORDS;
    t->planes = t->top + blocks * WORDS;
    t->rest = t->planes + blocks * c->tree.opened[0] * WORDS;
}

static sy_status open_memory(comparing *c, sy_error *err)
{
    const size_t count = syi_material_tile(c->demand, 0), tile = tile_bytes(c, count);
    const uint64_t tiles = syi_material_tiles(c->demand);
    const unsigned most = syi_bits_rounds(&c->tree) + 1;
    const unsigned slots = tiles < most ? (unsigned)tiles : most;
    c->size = (size_t)SCRATCH_PLANES * SYI_PLANE_BYTES + slots * tile;
    c->memory = syi_block_alloc(c->party->context, c->size);
    if (c->memory == NULL) {
        return SYI_ENOMEM(err, "comparison");
    }
    c->scratch = (uint64_t *)(void *)c->memory;
    for (unsigned k = 0; k < slots; k++) {
        lay_out(c, &c->tiles[k], c->memory + (size_t)SCRATCH_PLANES * SYI_PLANE_BYTES + k * tile,
                count);
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

static sy_status compare(syi_party *party, syi_demand *demand, void *z, const void *x,
                         sy_error *err)
{
    const unsigned bits = syi_field_bits(&demand->field);
    comparing c = {.party = party,
                   .demand = demand,
                   .field = &demand->field,
                   .kernels = syi_plane_kernels_get(),
                   .tree = syi_bits_tree_of(bits, demand->kind == SYI_MATERIAL_BITS_EQUAL),
                   .z = z,
                   .x = x,
                   .lead = party->channel->index == 0 ? UINT64_MAX : 0};
    SY_TRY(syi_party_ask(party, demand, err));
    sy_status status = open_memory(&c, err);
    if (status == SY_OK) {
        status = open_streams(&c, err);
    }
    if (status == SY_OK) {
        status = syi_exchange_stages(party, syi_material_tiles(demand), syi_bits_rounds(&c.tree),
                                     step, &c, err);
    }
    close_all(&c);
    return status;
}

sy_status syi_bits_compare(syi_party *party, const syi_comparison *comparison,
                           const syi_field *field, void *z, const void *x, uint64_t count,
                           sy_error *err)
{
    if (count == 0) {
        return SY_OK;
    }
    syi_demand demand = syi_party_demand(party, field, SYI_MATERIAL_BITS_SIGN, count);
    demand.outcome = comparison->outcome;
    demand.shift = comparison->shift;
    return compare(party, &demand, z, x, err);
}

sy_status syi_bits_equal(syi_party *party, const syi_field *field, void *z, const void *x,
                         uint64_t count, sy_error *err)
{
    if (count == 0) {
        return SY_OK;
    }
    syi_demand demand = syi_party_demand(party, field, SYI_MATERIAL_BITS_EQUAL, count);
    demand.outcome = SYI_OUTCOME_BIT;
    return compare(party, &demand, z, x, err);
}
