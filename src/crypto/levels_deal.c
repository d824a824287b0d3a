/* levels_deal.c - the provider's side of comparisons by levels: levels.h. Test: bits_test.c, carry_test.c. */
#include <string.h>

#include "core/blocks.h"
#include "core/error.h"
#include "core/memory.h"
#include "crypto/levels.h"

enum { BLOCK = SYI_PLANE_BITS, WORDS = SYI_PLANE_WORDS, PARTS = 3 };

/* What is made of a block. */
typedef struct room {
    uint64_t r[BLOCK], drawn[BLOCK], rho[BLOCK];
    uint64_t bits[2 * SYI_LEVELS_POSITIONS_MAX * WORDS]; /* of r, with pads */
    uint64_t masks[SYI_LEVELS_MASKS_MAX * WORDS];
    uint64_t scratch[SYI_LEVELS_SCRATCH * WORDS];
    uint64_t planes[SYI_LEVELS_PLANES_MAX * WORDS], streamed[SYI_LEVELS_PLANES_MAX * WORDS];
} room;

typedef struct deal {
    const syi_dealer *dealer;
    const syi_demand *demand;
    const syi_field *field;
    const syi_plane_kernels *kernels;
    const syi_levels *levels;
    syi_levels_products_fn products;
    const void *family;
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
    const size_t masks = d->levels->masks;
    memset(m->r, 0, sizeof m->r);
    memset(m->masks, 0, masks * SYI_PLANE_BYTES);
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

/* All planes dealt of a block. */
static void put_planes(const deal *d, uint64_t *out)
{
    room *m = d->room;
    const syi_levels *levels = d->levels;
    uint64_t *bits = m->bits + (size_t)levels->pad * WORDS;
    const size_t dealt = (size_t)(levels->bits - 1) * WORDS;
    memset(m->bits, 0, (size_t)levels->pad * SYI_PLANE_BYTES);
    if (d->field->width == 4) {
        d->kernels->split32(bits, (const uint32_t *)(const void *)m->r);
    } else {
        d->kernels->split64(bits, m->r);
    }
    memcpy(out, bits + WORDS, dealt * sizeof *out);
    d->products(d->family, d->kernels, m->bits, m->masks, out + dealt, m->scratch);
}

/* `tile_block` of a tile of `count` elements, to its places in the message. */
static sy_status deal_block(const deal *d, int corrected, uint64_t tile, size_t tile_block,
                            size_t count, sy_error *err)
{
    room *m = d->room;
    const syi_levels *levels = d->levels;
    const size_t left = count - tile_block * BLOCK, n = left < BLOCK ? left : BLOCK;
    const uint64_t block = tile * (SYI_LEVELS_TILE / BLOCK) + tile_block;
    SY_TRY(draw_free(d, block, n, err));
    /* A whole block's are made where they are sent from. */
    uint8_t *out = d->message + tile_block * levels->planes * SYI_PLANE_BYTES;
    uint64_t *planes = n == BLOCK ? (uint64_t *)(void *)out : m->planes;
    put_planes(d, planes);
    for (int k = 0; k < d->dealer->holders; k++) {
        if (k != corrected) {
            SY_TRY(syi_generator_fill(stream_of(d, SYI_PART_C, k),
                                      plane_place(block, levels->planes), m->streamed,
                                      (size_t)levels->planes * SYI_PLANE_BYTES, err));
            d->kernels->add(planes, m->streamed, levels->planes);
        }
    }
    if (n < BLOCK) {
        syi_planes_pack(out, planes, levels->planes, n);
    }
    const uint64_t *rho = m->masks + (size_t)(levels->masks - 1) * WORDS;
    if (d->field->width == 4) {
        d->kernels->spread32((uint32_t *)(void *)m->rho, rho);
    } else {
        d->kernels->spread64(m->rho, rho);
    }
    const syi_outcome_block where = {
        .count = count, .at = tile_block * BLOCK, .n = n, .element = block * BLOCK};
    return syi_outcome_correct(&d->outcome, corrected,
                               d->message + syi_levels_packed(levels->planes, count), &where,
                               m->rho, m->r, err);
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

sy_status syi_levels_deal(const syi_dealer *dealer, const syi_levels *levels,
                          syi_levels_products_fn products, const void *family,
                          const syi_demand *demand, syi_give_fn give, void *user, sy_error *err)
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
              .levels = levels,
              .products = products,
              .family = family,
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
