/*
 * product.c - products of shared numbers: docs/internals/party-programs.md. Elementwise ones are streamed; of others all of
 * x - a and y - b is opened in one round, and then z = Bil(x_i, F) + Bil(E, b_i) + c_i. Test: spdz_test.c.
 */
#include <assert.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "crypto/exchange.h"

enum { BLOCK = SYI_EXCHANGE_BLOCK };

/* --- elementwise, factors of one shape without masks ------------------------------------------- */

typedef struct elementwise {
    syi_party *party;
    const syi_demand *demand;
    const syi_field *field;
    uint8_t *z;
    const syi_array *factors[2];
    syi_generator masks[2];
    syi_derived derived;
    syi_slots slots; /* E, F and b; rooms for elements and for c */
} elementwise;

/* E = x - a and F = y - b, one after the other; b is kept. */
static sy_status prepare_both(void *data, uint64_t tile, unsigned slot, const void **bytes,
                              size_t *size, sy_error *err)
{
    elementwise *p = data;
    const size_t width = p->field->width, count = syi_material_tile(p->demand, tile);
    uint8_t *e = syi_slots_get(&p->slots, slot), *f = e + count * width, *b = f + count * width;
    for (size_t at = 0; at < count; at += BLOCK) {
        const size_t n = count - at < BLOCK ? count - at : BLOCK, here = at * width;
        const uint64_t first = tile * SYI_TILE + at;
        const void *x = syi_exchange_elements(p->factors[0], p->field->width, first, n,
                                              syi_slots_room(&p->slots, 0));
        SY_TRY(syi_field_draw(p->field, &p->masks[0], first, e + here, n, err));
        syi_field_sub(p->field, e + here, x, e + here, n);
        const void *y = syi_exchange_elements(p->factors[1], p->field->width, first, n,
                                              syi_slots_room(&p->slots, 0));
        SY_TRY(syi_field_draw(p->field, &p->masks[1], first, b + here, n, err));
        syi_field_sub(p->field, f + here, y, b + here, n);
    }
    *bytes = e;
    *size = 2 * count * width;
    return SY_OK;
}

static sy_status finish_both(void *data, uint64_t tile, unsigned slot, const syi_received *received,
                             sy_error *err)
{
    elementwise *p = data;
    const size_t width = p->field->width, count = syi_material_tile(p->demand, tile);
    uint8_t *e = syi_slots_get(&p->slots, slot), *f = e + count * width, *b = f + count * width;
    SY_TRY(syi_derived_tile(&p->derived, tile, err));
    for (size_t at = 0; at < count; at += BLOCK) {
        const size_t n = count - at < BLOCK ? count - at : BLOCK, here = at * width;
        const uint64_t first = tile * SYI_TILE + at;
        void *c = NULL;
        const void *x = syi_exchange_elements(p->factors[0], p->field->width, first, n,
                                              syi_slots_room(&p->slots, 0));
        syi_exchange_add(p->party, p->field, e + here, received, here, n);
        syi_exchange_add(p->party, p->field, f + here, received, count * width + here, n);
        SY_TRY(syi_derived_get(&p->derived, 0, tile, at, n, syi_slots_room(&p->slots, 1), &c, err));
        syi_field_beaver(p->field, p->z + first * width, x, f + here, e + here, b + here, c, n);
    }
    return SY_OK;
}

static sy_status multiply_elementwise(syi_party *party, const syi_demand *demand, void *z,
                                      const syi_array *x, const syi_array *y, sy_error *err)
{
    static const syi_exchange_steps steps = {prepare_both, finish_both};
    elementwise p = {
        .party = party, .demand = demand, .field = &demand->field, .z = z, .factors = {x, y}};
    sy_status status = syi_slots_open(&p.slots, party, demand, 2, 3, "product", err);
    for (unsigned k = 0; k < 2 && status == SY_OK; k++) {
        status = syi_material_open(party->material, &p.masks[k], SYI_MATERIAL_PRODUCT,
                                   &demand->item, SYI_PART_A + k, err);
    }
    if (status == SY_OK) {
        status = syi_derived_open(&p.derived, party, demand, err);
    }
    if (status == SY_OK) {
        status = syi_exchange(party, syi_material_tiles(demand), &steps, &p, err);
    }
    syi_derived_close(&p.derived);
    syi_generator_fini(&p.masks[0]);
    syi_generator_fini(&p.masks[1]);
    syi_slots_close(&p.slots, party);
    return status;
}

/* --- any product ------------------------------------------------------------------------------- */

/* What is opened of one factor: the elements that the product reads, or all words of their storage. */
typedef struct side {
    const syi_factor *factor;
    const syi_operand *operand;
    syi_array words; /* of the factor's share, in the order of opening */
    uint8_t *opened; /* NULL: nothing is opened of it now */
    syi_generator mask;
    uint64_t tiles;
    syi_array value; /* the opened words as the product sees them; owns their storage */
} side;

typedef struct general {
    syi_party *party;
    const syi_field *field;
    side sides[2];
    uint8_t *room; /* a block */
} general;

static size_t tile_of(const side *p, uint64_t tile)
{
    const uint64_t rest = p->operand->words - tile * SYI_TILE;
    return rest < SYI_TILE ? (size_t)rest : SYI_TILE;
}

/* The tiles of x are followed by those of y. */
static side *side_of(general *g, uint64_t *tile)
{
    if (*tile < g->sides[0].tiles) {
        return &g->sides[0];
    }
    *tile -= g->sides[0].tiles;
    return &g->sides[1];
}

static sy_status prepare_side(void *data, uint64_t tile, unsigned slot, const void **bytes,
                              size_t *size, sy_error *err)
{
    general *g = data;
    side *p = side_of(g, &tile);
    const size_t width = g->field->width, count = tile_of(p, tile);
    uint8_t *words = p->opened + tile * SYI_TILE * width;
    (void)slot; /* the words have their places */
    for (size_t at = 0; at < count; at += BLOCK) {
        const size_t n = count - at < BLOCK ? count - at : BLOCK;
        const uint64_t first = tile * SYI_TILE + at;
        const void *share = syi_exchange_elements(&p->words, g->field->width, first, n, g->room);
        SY_TRY(syi_field_draw(g->field, &p->mask, first, words + at * width, n, err));
        syi_field_sub(g->field, words + at * width, share, words + at * width, n);
    }
    *bytes = words;
    *size = count * width;
    return SY_OK;
}

static sy_status finish_side(void *data, uint64_t tile, unsigned slot, const syi_received *received,
                             sy_error *err)
{
    general *g = data;
    const side *p = side_of(g, &tile);
    (void)err;
    (void)slot;
    syi_exchange_add(g->party, g->field, p->opened + tile * SYI_TILE * g->field->width, received, 0,
                     tile_of(p, tile));
    return SY_OK;
}

static sy_status new_words(const general *g, uint64_t words, syi_storage **storage, sy_error *err)
{
    SY_TRY(syi_storage_new(g->party->context, storage, words * g->field->width, NULL, err));
    (*storage)->secret = true;
    return SY_OK;
}

/* Memory for what is opened of a factor, and the stream of its mask. `other`: it has the same mask, and opens it. */
static sy_status set_up(const general *g, side *p, const syi_factor *factor,
                        const syi_operand *operand, const side *other, sy_error *err)
{
    syi_mask *mask = factor->mask;
    syi_storage *storage = NULL;
    p->factor = factor;
    p->operand = operand;
    p->words = *factor->share;
    p->value = *factor->share;
    p->value.storage = NULL;
    if (mask == NULL) {
        SY_TRY(new_words(g, operand->words, &storage, err));
        p->opened = storage->data;
        p->value.offset = 0;
        memcpy(p->value.strides, operand->strides, sizeof p->value.strides);
    } else {
        const size_t size = syi_mask_size(operand->words, g->field);
        void *opened = mask->opened;
        if (opened == NULL && other == NULL) {
            opened = syi_alloc_aligned(g->party->context, size, 64);
            p->opened = opened;
            p->words.ndim = 1;
            p->words.offset = 0;
            p->words.shape[0] = (int64_t)operand->words;
            p->words.strides[0] = 1;
        } else if (opened == NULL) {
            opened = other->opened;
        }
        if (opened == NULL) {
            return SYI_ENOMEM(err, "product");
        }
        SY_TRY(syi_storage_wrap(g->party->context, &storage, opened, size, NULL, NULL, err));
    }
    p->value.storage = storage;
    if (p->opened == NULL) {
        return SY_OK;
    }
    p->tiles = operand->words / SYI_TILE + (operand->words % SYI_TILE != 0 ? 1 : 0);
    return syi_material_open(g->party->material, &p->mask, SYI_MATERIAL_PRODUCT, &operand->item,
                             operand->part, err);
}

/* The opened words go to the mask when all are there, or back. */
static void settle(const general *g, side *p, bool opened)
{
    syi_array_fini(&p->value);
    syi_generator_fini(&p->mask);
    if (p->factor == NULL || p->factor->mask == NULL || p->opened == NULL) {
        return;
    }
    syi_mask *mask = p->factor->mask;
    if (opened) {
        *mask = (syi_mask){.item = p->operand->item,
                           .part = p->operand->part,
                           .words = p->operand->words,
                           .opened = p->opened};
    } else {
        syi_free_secret(g->party->context, p->opened, syi_mask_size(p->operand->words, g->field));
    }
}

/* This holder's share of y's mask. */
static sy_status draw_mask(const general *g, void *words, sy_error *err)
{
    const side *y = &g->sides[1];
    syi_generator stream;
    SY_TRY(syi_material_open(g->party->material, &stream, SYI_MATERIAL_PRODUCT, &y->operand->item,
                             y->operand->part, err));
    const sy_status status = syi_field_draw(g->field, &stream, 0, words, y->operand->words, err);
    syi_generator_fini(&stream);
    return status;
}

/* One that is used again stays. */
static sy_status keep_mask(const general *g, syi_mask *mask, sy_error *err)
{
    const size_t size = syi_mask_size(mask->words, g->field);
    if (mask->own != NULL) {
        return SY_OK;
    }
    void *own = syi_alloc_aligned(g->party->context, size, 64);
    if (own == NULL) {
        return SYI_ENOMEM(err, "product");
    }
    const sy_status status = draw_mask(g, own, err);
    if (status != SY_OK) {
        syi_free_secret(g->party->context, own, size);
        return status;
    }
    mask->own = own;
    return SY_OK;
}

/* The same as the product sees it. */
static sy_status find_mask(const general *g, syi_array *b, sy_error *err)
{
    const side *y = &g->sides[1];
    syi_mask *mask = y->factor->mask;
    *b = y->value;
    b->storage = NULL;
    if (mask == NULL || mask->opened == NULL) {
        SY_TRY(new_words(g, y->operand->words, &b->storage, err));
        return draw_mask(g, b->storage->data, err);
    }
    SY_TRY(keep_mask(g, mask, err));
    return syi_storage_wrap(g->party->context, &b->storage, mask->own,
                            syi_mask_size(mask->words, g->field), NULL, NULL, err);
}

/* z = Bil(x_i, F) + Bil(E, b_i) + c_i, c last: it comes from elsewhere. */
static sy_status combine(const general *g, const syi_demand *demand, void *z, sy_error *err)
{
    const side *x = &g->sides[0], *y = &g->sides[1];
    sy_context *context = g->party->context;
    syi_array b = SYI_ARRAY_INIT;
    memset(z, 0, demand->count * g->field->width);
    sy_status status =
        syi_bilinear_add(context, &demand->product, g->field, z, x->factor->share, &y->value, err);
    if (status == SY_OK) {
        status = find_mask(g, &b, err);
    }
    if (status == SY_OK) {
        status = syi_bilinear_add(context, &demand->product, g->field, z, &x->value, &b, err);
    }
    syi_array_fini(&b);
    return status == SY_OK ? syi_derived_words(g->party, demand, z, true, err) : status;
}

static sy_status multiply(syi_party *party, const syi_demand *demand, void *z, const syi_factor *x,
                          const syi_factor *y, sy_error *err)
{
    static const syi_exchange_steps steps = {prepare_side, finish_side};
    general g = {.party = party, .field = &demand->field};
    const bool shared = x->mask != NULL && x->mask == y->mask;
    bool opened = false;
    g.room = syi_alloc_aligned(party->context, BLOCK * 8, 64);
    sy_status status = g.room != NULL ? SY_OK : SYI_ENOMEM(err, "product");
    if (status == SY_OK) {
        status = set_up(&g, &g.sides[0], x, &demand->x, NULL, err);
    }
    if (status == SY_OK) {
        status = set_up(&g, &g.sides[1], y, &demand->y, shared ? &g.sides[0] : NULL, err);
    }
    const uint64_t tiles = g.sides[0].tiles + g.sides[1].tiles;
    if (status == SY_OK && tiles > 0) {
        status = syi_exchange(party, tiles, &steps, &g, err);
    }
    if (status == SY_OK) {
        opened = true;
        status = combine(&g, demand, z, err);
    }
    settle(&g, &g.sides[0], opened);
    settle(&g, &g.sides[1], opened);
    if (g.room != NULL) {
        syi_free_secret(party->context, g.room, BLOCK * 8);
    }
    return status;
}

/* --- what is to be done ------------------------------------------------------------------------ */

/* Where a factor's mask is: its own elements', or all words' of its storage. */
static syi_operand operand_of(const syi_demand *demand, unsigned part, const syi_factor *factor)
{
    const syi_array *share = factor->share;
    const syi_mask *mask = factor->mask;
    if (mask == NULL) {
        return syi_operand_of(&demand->item, part, share);
    }
    syi_operand operand = {.item = mask->opened != NULL ? mask->item : demand->item,
                           .part = mask->opened != NULL ? mask->part : (uint8_t)part,
                           .words = share->storage->size / demand->field.width,
                           .offset = share->offset};
    assert(mask->opened == NULL || mask->words == operand.words);
    memcpy(operand.strides, share->strides, sizeof operand.strides);
    return operand;
}

sy_status syi_spdz_product(syi_party *party, const syi_field *field, const syi_bilinear *product,
                           void *z, const syi_factor *x, const syi_factor *y, sy_error *err)
{
    assert(syi_array_same_shape(&product->x, x->share) &&
           syi_array_same_shape(&product->y, y->share));
    const uint64_t count = (uint64_t)syi_array_numel(&product->z);
    if (count == 0) {
        return SY_OK;
    }
    syi_demand demand = syi_party_demand(party, field, SYI_MATERIAL_PRODUCT, count);
    demand.product = *product;
    demand.x = operand_of(&demand, SYI_PART_A, x);
    demand.y = x->mask != NULL && x->mask == y->mask ? operand_of(&demand, SYI_PART_A, y)
                                                     : operand_of(&demand, SYI_PART_B, y);
    SY_TRY(syi_party_ask(party, &demand, err));
    if (product->kind == SYI_BILINEAR_MUL && x->mask == NULL && y->mask == NULL &&
        syi_array_same_shape(x->share, y->share)) {
        return multiply_elementwise(party, &demand, z, x->share, y->share, err);
    }
    return multiply(party, &demand, z, x, y, err);
}
