/* bits_deal.c - the provider's side of comparisons on masked bits: bits.h. Test: bits_test.c. */
#include <string.h>

#include "core/blocks.h"
#include "core/error.h"
#include "core/memory.h"
#include "crypto/bits.h"

enum { BLOCK = SYI_PLANE_BITS, WORDS = SYI_PLANE_WORDS, PARTS = 3, PLANES_MAX = 64 };

/* What is made of a block. */
typedef struct room {
    uint64_t r[BLOCK], drawn[BLOCK], rho[BLOCK];
    uint64_t bits[PLANES_MAX * WORDS], positions[PLANES_MAX * WORDS];
    uint64_t masks[PLANES_MAX * WORDS];
    uint64_t eleven[SYI_LEAF_PRODUCTS * WORDS];
    uint64_t planes[512 * WORDS], streamed[512 * WORDS];
} room;

typedef struct deal {
    const syi_dealer *dealer;
    const syi_demand *demand;
    const syi_field *field;
    const syi_plane_kernels *kernels;
    syi_bits_tree tree;
    syi_outcome_giving outcome;
    syi_generator *streams; /* [part][holder] */
    room *room;
    uint8_t *message;
} deal;

static const syi_generator *stream_of(const deal *d, unsigned part, int holder)
{
    return &d->streams[part * (unsigned)d->dealer->holders + (unsigned)holder];
}

static uint64_t plane_place(uint64_t block, size_t planes)
{
    return block * (planes * SYI_PLANE_BYTES / SYI_GENERATOR_BLOCK);
}

/* r and the masks: what the holders draw comes to. */
static sy_status draw_free(const deal *d, uint64_t block, size_t n, sy_error *err)
{
    room *m = d->room;
    const size_t masks = d->tree.masks;
    memset(m->r, 0, sizeof m->r);
    memset(m->masks, 0, sizeof m->masks);
    for (int k = 0; k < d->dealer->holders; k++) {
        SY_TRY(
            syi_field_draw(d->field, stream_of(d, SYI_PART_A, k), block * BLOCK, m->drawn, n, err));
        syi_field_add(d->field, m->r, m->r, m->drawn, n);
        SY_TRY(syi_generator_fill(stream_of(d, SYI_PART_B, k), plane_place(block, masks),
                                  m->streamed, masks * SYI_PLANE_BYTES, err));
        d->kernels->add(m->masks, m->streamed, masks);
    }
    return SY_OK;
}

static uint64_t *put_leaves(const deal *d, uint64_t *out)
{
    room *m = d->room;
    const syi_bits_tree *tree = &d->tree;
    memset(m->positions, 0, (size_t)tree->pad * SYI_PLANE_BYTES);
    memcpy(m->positions + (size_t)tree->pad * WORDS, m->bits,
           (size_t)(tree->positions - tree->pad) * SYI_PLANE_BYTES);
    for (unsigned leaf = 0; leaf < tree->nodes[0]; leaf++) {
        const unsigned there = syi_bits_leaf_products(tree, leaf);
        d->kernels->leaf_products(m->eleven, m->positions + (size_t)leaf * 4 * WORDS);
        for (unsigned k = 0; k < SYI_LEAF_PRODUCTS; k++) {
            if ((there >> k & 1) != 0) {
                memcpy(out, m->eleven + (size_t)k * WORDS, SYI_PLANE_BYTES);
                out += WORDS;
            }
        }
    }
    return out;
}

/* Products of the masks of the level below. */
static uint64_t *put_nodes(const deal *d, unsigned level, const uint64_t *masks, uint64_t *out)
{
    const syi_bits_tree *tree = &d->tree;
    const size_t to_p = tree->equal ? 0 : (size_t)(tree->nodes[level - 1] - 1) * WORDS;
    for (unsigned node = 0; node < tree->nodes[level]; node++) {
        const uint64_t *g = masks + (size_t)node * tree->radix[level] * WORDS, *p = g + to_p;
        if (tree->radix[level] == 2) { /* p1 g0, or p1 p0 */
            for (size_t i = 0; i < WORDS; i++) {
                out[i] = p[WORDS + i] & (tree->equal ? p : g)[i];
            }
            out += WORDS;
        } else if (tree->equal) {
            d->kernels->leaf_products(out, p);
            out += (size_t)SYI_LEAF_PRODUCTS * WORDS;
        } else {
            d->kernels->node_products(out, g, p, node > 0);
            out += (size_t)(node > 0 ? SYI_NODE_PRODUCTS_P : SYI_NODE_PRODUCTS) * WORDS;
        }
    }
    return out;
}

/* All planes dealt of a block. */
static void put_planes(const deal *d, uint64_t *out)
{
    room *m = d->room;
    const syi_bits_tree *tree = &d->tree;
    const uint64_t *masks = m->masks;
    if (d->field->width == 4) {
        d->kernels->split32(m->bits, (const uint32_t *)(const void *)m->r);
    } else {
        d->kernels->split64(m->bits, m->r);
    }
    memcpy(out, m->bits + WORDS, (size_t)(tree->bits - 1) * SYI_PLANE_BYTES);
    out = put_leaves(d, out + (size_t)(tree->bits - 1) * WORDS);
    for (unsigned level = 1; level < tree->levels; level++) {
        out = put_nodes(d, level, masks, out);
        masks += (size_t)tree->opened[level - 1] * WORDS;
    }
}

/* `tile_block` of a tile of `count` elements, to its places in the message. */
static sy_status deal_block(const deal *d, int corrected, uint64_t tile, size_t tile_block,
                            size_t count, sy_error *err)
{
    room *m = d->room;
    const syi_bits_tree *tree = &d->tree;
    const size_t left = count - tile_block * BLOCK, n = left < BLOCK ? left : BLOCK;
    const uint64_t block = tile * (SYI_BITS_TILE / BLOCK) + tile_block;
    SY_TRY(draw_free(d, block, n, err));
    /* A whole block's are made where they are sent from. */
    uint8_t *out = d->message + tile_block * tree->planes * SYI_PLANE_BYTES;
    uint64_t *planes = n == BLOCK ? (uint64_t *)(void *)out : m->planes;
    put_planes(d, planes);
    for (int k = 0; k < d->dealer->holders; k++) {
        if (k != corrected) {
            SY_TRY(syi_generator_fill(stream_of(d, SYI_PART_C, k), plane_place(block, tree->planes),
                                      m->streamed, (size_t)tree->planes * SYI_PLANE_BYTES, err));
            d->kernels->add(planes, m->streamed, tree->planes);
        }
    }
    if (n < BLOCK) {
        syi_planes_pack(out, planes, tree->planes, n);
    }
    const uint64_t *rho = m->masks + (size_t)(tree->masks - 1) * WORDS;
    if (d->field->width == 4) {
        d->kernels->spread32((uint32_t *)(void *)m->rho, rho);
    } else {
        d->kernels->spread64(m->rho, rho);
    }
    const syi_outcome_block where = {
        .count = count, .at = tile_block * BLOCK, .n = n, .element = block * BLOCK};
    return syi_outcome_correct(&d->outcome, corrected,
                               d->message + syi_bits_message(d->demand, count) -
                                   syi_outcome_message(d->demand, count),
                               &where, m->rho, m->r, err);
}

static sy_status open_part(deal *d, unsigned part, sy_error *err)
{
    const syi_dealer *dealer = d->dealer;
    for (int k = 0; k < dealer->holders; k++) {
        SY_TRY(syi_stream_open(&d->streams[part * (unsigned)dealer->holders + (unsigned)k],
                               dealer->session, dealer->seeds[k], d->demand->kind, &d->demand->item,
                               part, err));
    }
    return SY_OK;
}

static sy_status deal_all(deal *d, syi_give_fn give, void *user, sy_error *err)
{
    const syi_demand *demand = d->demand;
    for (unsigned part = 0; part <= SYI_PART_C; part++) {
        SY_TRY(open_part(d, part, err));
    }
    SY_TRY(syi_outcome_give(&d->outcome, d->dealer, demand, err));
    for (uint64_t tile = 0; tile < syi_material_tiles(demand); tile++) {
        const size_t count = syi_material_tile(demand, tile);
        const int corrected = syi_material_corrected(&demand->item, tile, d->dealer->holders);
        for (size_t block = 0; block * BLOCK < count; block++) {
            SY_TRY(deal_block(d, corrected, tile, block, count, err));
        }
        SY_TRY(give(user, corrected, &demand->item, d->message, syi_material_message(demand, tile),
                    err));
    }
    return SY_OK;
}

sy_status syi_bits_deal(const syi_dealer *dealer, const syi_demand *demand, syi_give_fn give,
                        void *user, sy_error *err)
{
    if (demand->count == 0) {
        return SY_OK;
    }
    const size_t streams = (size_t)PARTS * (size_t)dealer->holders;
    const size_t message = syi_material_message(demand, 0), size = sizeof(room) + message;
    deal d = {.dealer = dealer,
              .demand = demand,
              .field = &demand->field,
              .kernels = syi_plane_kernels_get(),
              .tree = syi_bits_tree_of(syi_field_bits(&demand->field),
                                       demand->kind == SYI_MATERIAL_BITS_EQUAL),
              .outcome = {.dealer = dealer}};
    uint8_t *memory = syi_block_alloc(dealer->context, size);
    d.streams = syi_alloc_array(dealer->context, streams, sizeof *d.streams);
    sy_status status = SY_OK;
    if (memory == NULL || d.streams == NULL) {
        status = SYI_ENOMEM(err, "material");
    } else {
        d.room = (room *)(void *)memory;
        d.message = memory + sizeof(room);
        status = deal_all(&d, give, user, err);
    }
    syi_outcome_given(&d.outcome);
    for (size_t k = 0; d.streams != NULL && k < streams; k++) {
        syi_generator_fini(&d.streams[k]);
    }
    syi_free(dealer->context, d.streams, streams * sizeof *d.streams);
    if (memory != NULL) {
        syi_block_free_secret(dealer->context, memory, size);
    }
    return status;
}
