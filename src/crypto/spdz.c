/* Here: opening, squares, zeros and triples. Products: product.c. Division by public numbers: truncation.c. */
#include "crypto/spdz.h"

#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "crypto/exchange.h"

enum { BLOCK = SYI_EXCHANGE_BLOCK };

void syi_mask_fini(sy_context *context, syi_mask *mask, const syi_field *field)
{
    if (mask->opened != NULL) {
        syi_free(context, mask->opened, syi_mask_size(mask->words, field));
    }
    if (mask->own != NULL) {
        syi_free_secret(context, mask->own, syi_mask_size(mask->words, field));
    }
    memset(mask, 0, sizeof *mask);
}

/* --- opening ----------------------------------------------------------------------------------- */

typedef struct opening {
    const syi_party *party;
    const syi_field *field;
    uint8_t *values;
    const uint8_t *shares;
    uint64_t count;
} opening;

static size_t tile_of(uint64_t count, uint64_t tile)
{
    const uint64_t rest = count - tile * SYI_TILE;
    return rest < SYI_TILE ? (size_t)rest : SYI_TILE;
}

static sy_status send_shares(void *data, uint64_t tile, unsigned slot, const void **bytes,
                             size_t *size, sy_error *err)
{
    const opening *o = data;
    (void)err;
    (void)slot;
    *bytes = o->shares + tile * SYI_TILE * o->field->width;
    *size = tile_of(o->count, tile) * o->field->width;
    return SY_OK;
}

static sy_status add_shares(void *data, uint64_t tile, unsigned slot, const syi_received *received,
                            sy_error *err)
{
    const opening *o = data;
    const size_t width = o->field->width, n = tile_of(o->count, tile);
    uint8_t *values = o->values + tile * SYI_TILE * width;
    (void)err;
    (void)slot;
    if (o->values != o->shares) {
        memcpy(values, o->shares + tile * SYI_TILE * width, n * width);
    }
    syi_exchange_add(o->party, o->field, values, received, 0, n);
    return SY_OK;
}

sy_status syi_spdz_open(syi_party *party, const syi_field *field, void *values, const void *shares,
                        uint64_t count, sy_error *err)
{
    static const syi_exchange_steps steps = {send_shares, add_shares};
    opening o = {party, field, values, shares, count};
    const uint64_t tiles = count / SYI_TILE + (count % SYI_TILE != 0 ? 1 : 0);
    return syi_exchange(party, tiles, &steps, &o, err);
}

/* --- squares ----------------------------------------------------------------------------------- */

typedef struct square {
    syi_party *party;
    const syi_demand *demand;
    const syi_field *field;
    uint8_t *z;
    const uint8_t *x;
    syi_generator mask;
    syi_derived derived;
    syi_slots slots; /* opened words and masks; a room for q */
} square;

static sy_status mask_square(void *data, uint64_t tile, unsigned slot, const void **bytes,
                             size_t *size, sy_error *err)
{
    square *s = data;
    const size_t width = s->field->width, count = syi_material_tile(s->demand, tile);
    uint8_t *words = syi_slots_get(&s->slots, slot), *masks = words + count * width;
    const uint8_t *x = s->x + tile * SYI_TILE * width;
    for (size_t at = 0; at < count; at += BLOCK) {
        const size_t n = count - at < BLOCK ? count - at : BLOCK;
        SY_TRY(
            syi_field_draw(s->field, &s->mask, tile * SYI_TILE + at, masks + at * width, n, err));
        syi_field_sub(s->field, words + at * width, x + at * width, masks + at * width, n);
    }
    *bytes = words;
    *size = count * width;
    return SY_OK;
}

static sy_status finish_square(void *data, uint64_t tile, unsigned slot,
                               const syi_received *received, sy_error *err)
{
    square *s = data;
    const size_t width = s->field->width, count = syi_material_tile(s->demand, tile);
    uint8_t *words = syi_slots_get(&s->slots, slot);
    SY_TRY(syi_derived_tile(&s->derived, tile, err));
    for (size_t at = 0; at < count; at += BLOCK) {
        const size_t n = count - at < BLOCK ? count - at : BLOCK,
                     here = (tile * SYI_TILE + at) * width;
        uint8_t *e = words + at * width;
        void *q = NULL;
        syi_exchange_add(s->party, s->field, e, received, at * width, n);
        SY_TRY(syi_derived_get(&s->derived, 0, tile, at, n, syi_slots_room(&s->slots, 0), &q, err));
        syi_field_square(s->field, s->z + here, e, s->x + here, e + count * width, q, n);
    }
    return SY_OK;
}

sy_status syi_spdz_square(syi_party *party, const syi_field *field, void *z, const void *x,
                          uint64_t count, sy_error *err)
{
    static const syi_exchange_steps steps = {mask_square, finish_square};
    if (count == 0) {
        return SY_OK;
    }
    syi_demand demand = syi_party_demand(party, field, SYI_MATERIAL_SQUARE, count);
    square s = {.party = party, .demand = &demand, .field = field, .z = z, .x = x};
    SY_TRY(syi_party_ask(party, &demand, err));
    SY_TRY(syi_slots_open(&s.slots, party, &demand, 1, 2, "square", err));
    sy_status status = syi_material_open(party->material, &s.mask, SYI_MATERIAL_SQUARE,
                                         &demand.item, SYI_PART_A, err);
    if (status == SY_OK) {
        status = syi_derived_open(&s.derived, party, &demand, err);
    }
    if (status == SY_OK) {
        status = syi_exchange(party, syi_material_tiles(&demand), &steps, &s, err);
    }
    syi_derived_close(&s.derived);
    syi_generator_fini(&s.mask);
    syi_slots_close(&s.slots, party);
    return status;
}

/* --- shares that come from material alone ------------------------------------------------------ */

sy_status syi_spdz_zero(syi_party *party, const syi_field *field, void *z, uint64_t count,
                        sy_error *err)
{
    if (count == 0) {
        return SY_OK;
    }
    syi_demand demand = syi_party_demand(party, field, SYI_MATERIAL_ZERO, count);
    SY_TRY(syi_party_ask(party, &demand, err));
    return syi_derived_words(party, &demand, z, false, err);
}

/* Part `part` of a triple: `count` words. */
static sy_status draw_part(syi_party *party, const syi_demand *demand, unsigned part, void *words,
                           uint64_t count, sy_error *err)
{
    syi_generator stream;
    SY_TRY(syi_material_open(party->material, &stream, SYI_MATERIAL_PRODUCT, &demand->item, part,
                             err));
    const sy_status status = syi_field_draw(&demand->field, &stream, 0, words, count, err);
    syi_generator_fini(&stream);
    return status;
}

sy_status syi_spdz_triple(syi_party *party, const syi_field *field, const syi_bilinear *product,
                          void *a, void *b, void *c, sy_error *err)
{
    syi_demand demand = syi_party_demand(party, field, SYI_MATERIAL_PRODUCT,
                                         (uint64_t)syi_array_numel(&product->z));
    demand.product = *product;
    demand.x = syi_operand_of(&demand.item, SYI_PART_A, &product->x);
    demand.y = syi_operand_of(&demand.item, SYI_PART_B, &product->y);
    if (demand.count > 0) {
        SY_TRY(syi_party_ask(party, &demand, err));
    }
    SY_TRY(draw_part(party, &demand, SYI_PART_A, a, demand.x.words, err));
    SY_TRY(draw_part(party, &demand, SYI_PART_B, b, demand.y.words, err));
    return demand.count > 0 ? syi_derived_words(party, &demand, c, false, err) : SY_OK;
}
