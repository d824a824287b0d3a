/*
 * dealer.c - the provider's side of material.h: what the holders' free parts come to, what is derived of it, and the corrected
 * holder's share of that. Test: material_test.c.
 */
#include <string.h>

#include "core/blocks.h"
#include "core/error.h"
#include "core/memory.h"
#include "crypto/comparison.h"
#include "crypto/kept_masks.h"
#include "crypto/material.h"
#include "crypto/rounding.h"
#include "crypto/snn.h"

/* Elements that are made at once, so that all they need stays near the processor. Whole blocks of every stream. */
enum { BLOCK = 2048, PARTS = 2, WORD = 8 };
_Static_assert(SYI_TILE % BLOCK == 0, "tiles are whole blocks");

typedef struct deal {
    const syi_dealer *dealer;
    const syi_demand *demand;
    const syi_field *field;
    syi_generator *
        masks[PARTS]; /* of each holder; NULL where the kind has no such part, or it is all known */
    syi_generator *derived[PARTS]; /* C and V */
    uint8_t *block[PARTS], *drawn; /* BLOCK words each */
    uint8_t *tile;                 /* a message */
    syi_give_fn give;
    void *user;
    syi_storage *whole; /* all of C, where tiles cannot be made by themselves; or NULL */
} deal;

static sy_status open_streams(const deal *d, syi_generator **streams, syi_material_kind kind,
                              const syi_item *item, unsigned part, sy_error *err)
{
    const syi_dealer *dealer = d->dealer;
    *streams = syi_alloc_array(dealer->context, (size_t)dealer->holders, sizeof **streams);
    if (*streams == NULL) {
        return SYI_ENOMEM(err, "material");
    }
    for (int k = 0; k < dealer->holders; k++) {
        SY_TRY(syi_stream_open(&(*streams)[k], dealer->session, dealer->seeds[k], kind, item, part,
                               err));
    }
    return SY_OK;
}

static void close_streams(const deal *d, syi_generator **streams)
{
    const size_t count = (size_t)d->dealer->holders;
    if (*streams != NULL) {
        for (size_t k = 0; k < count; k++) {
            syi_generator_fini(&(*streams)[k]);
        }
        syi_free(d->dealer->context, *streams, count * sizeof **streams);
        *streams = NULL;
    }
}

/* What a free part is: the sum of all holders' shares. */
static sy_status sum_block(const deal *d, const syi_generator *streams, uint64_t place, void *out,
                           size_t n, sy_error *err)
{
    SY_TRY(syi_field_draw(d->field, &streams[0], place, out, n, err));
    for (int k = 1; k < d->dealer->holders; k++) {
        SY_TRY(syi_field_draw(d->field, &streams[k], place, d->drawn, n, err));
        syi_field_add(d->field, out, out, d->drawn, n);
    }
    return SY_OK;
}

/* All `words` of a free part. */
static sy_status draw_all(deal *d, const syi_operand *operand, syi_storage **words, sy_error *err)
{
    const size_t width = d->field->width;
    SY_TRY(syi_storage_new(d->dealer->context, words, operand->words * width, NULL, err));
    (*words)->secret = true;
    syi_generator *streams = NULL;
    sy_status status =
        open_streams(d, &streams, SYI_MATERIAL_PRODUCT, &operand->item, operand->part, err);
    for (uint64_t at = 0; status == SY_OK && at < operand->words; at += BLOCK) {
        const uint64_t rest = operand->words - at;
        status = sum_block(d, streams, at, (*words)->data + at * width,
                           rest < BLOCK ? (size_t)rest : BLOCK, err);
    }
    close_streams(d, &streams);
    return status;
}

/* A mask; that of an earlier item is likely to be asked for again. */
static sy_status sum_all(deal *d, const syi_operand *operand, syi_storage **words, sy_error *err)
{
    syi_kept_masks *kept = syi_item_same(&operand->item, &d->demand->item) ? NULL : d->dealer->kept;
    *words = kept != NULL ? syi_kept_masks_get(kept, operand, d->field) : NULL;
    if (*words != NULL) {
        return SY_OK;
    }
    SY_TRY(draw_all(d, operand, words, err));
    if (kept != NULL) {
        syi_kept_masks_put(kept, operand, d->field, *words);
    }
    return SY_OK;
}

static syi_array view_of(const syi_operand *operand, const syi_array *shape, syi_storage *words)
{
    syi_array view = *shape;
    view.storage = words;
    view.offset = operand->offset;
    memcpy(view.strides, operand->strides, sizeof view.strides);
    return view;
}

static bool same_mask(const syi_operand *a, const syi_operand *b)
{
    return syi_item_same(&a->item, &b->item) && a->part == b->part && a->words == b->words;
}

/* All of c = Bil(a, b). */
static sy_status make_whole(deal *d, sy_error *err)
{
    const syi_demand *demand = d->demand;
    sy_context *context = d->dealer->context;
    const size_t size = demand->count * d->field->width;
    syi_storage *a = NULL, *b = NULL;
    sy_status status = sum_all(d, &demand->x, &a, err);
    if (status == SY_OK && same_mask(&demand->x, &demand->y)) {
        b = syi_storage_ref(a);
    } else if (status == SY_OK) {
        status = sum_all(d, &demand->y, &b, err);
    }
    if (status == SY_OK) {
        status = syi_storage_new(context, &d->whole, size, NULL, err);
    }
    if (status == SY_OK) {
        const syi_array x = view_of(&demand->x, &demand->product.x, a),
                        y = view_of(&demand->y, &demand->product.y, b);
        d->whole->secret = true;
        memset(d->whole->data, 0, size);
        status = syi_bilinear_add(context, &demand->product, d->field, d->whole->data, &x, &y, err);
    }
    syi_storage_unref(a);
    syi_storage_unref(b);
    return status;
}

/* Elementwise, and of each operand the elements in their order from the first word on. */
static bool is_streamed(const syi_demand *demand)
{
    const syi_bilinear *product = &demand->product;
    if (product->kind != SYI_BILINEAR_MUL || !syi_array_same_shape(&product->x, &product->y)) {
        return false;
    }
    const syi_array x = view_of(&demand->x, &product->x, NULL),
                    y = view_of(&demand->y, &product->y, NULL);
    return demand->x.offset == 0 && demand->y.offset == 0 && syi_array_is_contiguous(&x) &&
           syi_array_is_contiguous(&y);
}

/* The derived parts' values, of `n` elements; those of SHIFT's V as words. */
static sy_status derive(const deal *d, uint64_t place, void *const out[PARTS], size_t n,
                        sy_error *err)
{
    const syi_demand *demand = d->demand;
    uint8_t *a = d->block[0], *b = d->block[1];
    if (demand->kind == SYI_MATERIAL_ZERO) {
        memset(out[0], 0, n * d->field->width);
        return SY_OK;
    }
    if (d->whole != NULL) {
        memcpy(out[0], d->whole->data + place * d->field->width, n * d->field->width);
        return SY_OK;
    }
    SY_TRY(sum_block(d, d->masks[0], place, a, n, err));
    if (demand->kind == SYI_MATERIAL_SQUARE) {
        syi_field_mul(d->field, out[0], a, a, n);
    } else if (demand->kind == SYI_MATERIAL_SHIFT) {
        syi_rounding_parts(d->field, out[0], b, a, demand->shift, n);
    } else if (demand->kind == SYI_MATERIAL_DIVIDE) {
        syi_rounding_quotients(d->field, out[0], out[1], a, demand->divisor, n);
    } else {
        SY_TRY(sum_block(d, d->masks[1], place, b, n, err));
        syi_field_mul(d->field, out[0], a, b, n);
    }
    return SY_OK;
}

/* Takes the shares away that the others draw themselves. */
static sy_status correct(const deal *d, unsigned part, int corrected, uint64_t place, void *out,
                         size_t n, sy_error *err)
{
    for (int k = 0; k < d->dealer->holders; k++) {
        if (k != corrected) {
            SY_TRY(syi_field_draw(d->field, &d->derived[part][k], place, d->drawn, n, err));
            syi_field_sub(d->field, out, out, d->drawn, n);
        }
    }
    return SY_OK;
}

/* Of words (the top bits, in the second block) that go as `size` bytes each. */
static sy_status correct_narrow(const deal *d, int corrected, uint64_t place, uint8_t *out,
                                size_t size, size_t n, sy_error *err)
{
    uint8_t *words = d->block[1], *shares = d->block[0]; /* r is no longer needed */
    for (int k = 0; k < d->dealer->holders; k++) {
        if (k != corrected) {
            SY_TRY(syi_generator_fill(&d->derived[1][k], place * size / SYI_GENERATOR_BLOCK,
                                      d->drawn, n * size, err));
            syi_rounding_widen(d->field, shares, d->drawn, size, n);
            syi_field_sub(d->field, words, words, shares, n);
        }
    }
    syi_rounding_narrow(d->field, out, words, size, n);
    return SY_OK;
}

static sy_status deal_tile(const deal *d, uint64_t tile, sy_error *err)
{
    const syi_demand *demand = d->demand;
    const size_t count = syi_material_tile(demand, tile),
                 first = syi_material_element(demand, SYI_PART_C),
                 second = syi_material_element(demand, SYI_PART_V);
    const int corrected = syi_material_corrected(&demand->item, tile, d->dealer->holders);
    for (size_t at = 0; at < count; at += BLOCK) {
        const size_t n = count - at < BLOCK ? count - at : BLOCK;
        const uint64_t place = tile * SYI_TILE + at;
        uint8_t *out[PARTS] = {d->tile + at * first, d->tile + count * first + at * second};
        SY_TRY(derive(d, place, (void *const[PARTS]){out[0], out[1]}, n, err));
        SY_TRY(correct(d, 0, corrected, place, out[0], n, err));
        if (demand->kind == SYI_MATERIAL_SHIFT) {
            SY_TRY(correct_narrow(d, corrected, place, out[1], second, n, err));
        } else if (demand->kind == SYI_MATERIAL_DIVIDE) {
            SY_TRY(correct(d, 1, corrected, place, out[1], n, err));
        }
    }
    return d->give(d->user, corrected, &demand->item, d->tile, syi_material_message(demand, tile),
                   err);
}

/* Opens what the demand's tiles are drawn from. */
static sy_status open_all(deal *d, sy_error *err)
{
    const syi_demand *demand = d->demand;
    for (unsigned part = 0; part < syi_material_derived(demand->kind); part++) {
        SY_TRY(open_streams(d, &d->derived[part], demand->kind, &demand->item, SYI_PART_C + part,
                            err));
    }
    if (demand->kind == SYI_MATERIAL_ZERO) {
        return SY_OK;
    }
    if (demand->kind != SYI_MATERIAL_PRODUCT) {
        return open_streams(d, &d->masks[0], demand->kind, &demand->item, SYI_PART_A, err);
    }
    if (!is_streamed(demand)) {
        return make_whole(d, err);
    }
    SY_TRY(open_streams(d, &d->masks[0], demand->kind, &demand->x.item, demand->x.part, err));
    return open_streams(d, &d->masks[1], demand->kind, &demand->y.item, demand->y.part, err);
}

sy_status syi_deal(const syi_dealer *dealer, const syi_demand *demand, syi_give_fn give, void *user,
                   sy_error *err)
{
    enum { BLOCK_SIZE = BLOCK * WORD };
    const syi_family_material *family = syi_family_material_of(demand->kind);
    if (family != NULL) {
        return family->deal(dealer, demand, give, user, err);
    }
    if (syi_material_is_interactive(demand->kind)) {
        return syi_snn_deal(dealer, demand, give, user, err);
    }
    const size_t tile = demand->count > 0 ? syi_material_message(demand, 0) : 0;
    const size_t size = (PARTS + 1) * BLOCK_SIZE + tile;
    uint8_t *memory = syi_block_alloc(dealer->context, size);
    if (memory == NULL) {
        return SYI_ENOMEM(err, "material");
    }
    deal d = {.dealer = dealer,
              .demand = demand,
              .field = &demand->field,
              .give = give,
              .user = user,
              .block = {memory, memory + BLOCK_SIZE},
              .drawn = memory + PARTS * BLOCK_SIZE,
              .tile = memory + (PARTS + 1) * BLOCK_SIZE};
    sy_status status = demand->count > 0 ? open_all(&d, err) : SY_OK;
    for (uint64_t t = 0; status == SY_OK && t < syi_material_tiles(demand); t++) {
        status = deal_tile(&d, t, err);
    }
    syi_storage_unref(d.whole);
    for (int part = 0; part < PARTS; part++) {
        close_streams(&d, &d.masks[part]);
        close_streams(&d, &d.derived[part]);
    }
    syi_block_free_secret(dealer->context, memory, size);
    return status;
}
