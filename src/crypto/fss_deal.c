/* fss_deal.c - the provider's side of comparisons by function secret sharing: fss.h. Test: fss_test.c. */
#include <string.h>

#include "core/blocks.h"
#include "core/error.h"
#include "core/memory.h"
#include "crypto/fss.h"
#include "crypto/fss/dcf.h"
#include "crypto/fss/dpf.h"
#include "crypto/outcome.h"

enum { BLOCK = SYI_FSS_BLOCK, GROUP = SYI_FSS_GROUP, HOLDERS = 2, FREE_PARTS = 3 };

/* What a block is made with. */
typedef struct room {
    uint64_t r[BLOCK], drawn[BLOCK], rho[BLOCK];
    uint8_t roots[HOLDERS][BLOCK * SYI_FSS_SEED];
    uint8_t bits[HOLDERS][BLOCK / 8];
    uint64_t alphas[GROUP];
    uint8_t tail[65 * SYI_FSS_ROW]; /* a group that is not whole */
} room;

typedef struct deal {
    const syi_dealer *dealer;
    const syi_demand *demand;
    const syi_field *field;
    syi_fss_tree tree;
    bool equal;
    syi_generator streams[FREE_PARTS][HOLDERS], keys;
    syi_outcome_giving outcome;
    room *room;
    uint8_t *message;
} deal;

/* r, and what the holders draw of roots and bits. */
static sy_status draw_free(const deal *d, uint64_t element, size_t n, sy_error *err)
{
    room *m = d->room;
    for (int h = 0; h < HOLDERS; h++) {
        SY_TRY(syi_field_draw(d->field, &d->streams[SYI_PART_A][h], element,
                              h == 0 ? m->r : m->drawn, n, err));
        SY_TRY(syi_generator_fill(&d->streams[SYI_PART_B][h],
                                  element * SYI_FSS_SEED / SYI_GENERATOR_BLOCK, m->roots[h],
                                  sizeof m->roots[h], err));
        SY_TRY(syi_generator_fill(&d->streams[SYI_FSS_BITS][h], element / 8 / SYI_GENERATOR_BLOCK,
                                  m->bits[h], sizeof m->bits[h], err));
    }
    syi_field_add(d->field, m->r, m->r, m->drawn, n);
    return SY_OK;
}

static uint64_t word_at(const syi_field *field, const void *words, size_t k)
{
    return field->width == 4 ? ((const uint32_t *)words)[k] : ((const uint64_t *)words)[k];
}

/* Both holders' bits, and for the sign the top bit of r. */
static void put_rho(const deal *d, size_t n)
{
    room *m = d->room;
    for (size_t k = 0; k < n; k++) {
        const uint64_t top = d->equal ? 0 : word_at(d->field, m->r, k) >> d->tree.bits & 1;
        const unsigned bits = (unsigned)m->bits[0][k / 8] ^ m->bits[1][k / 8];
        const uint64_t rho = (bits >> k % 8 & 1) ^ top;
        if (d->field->width == 4) {
            ((uint32_t *)(void *)m->rho)[k] = (uint32_t)rho;
        } else {
            m->rho[k] = rho;
        }
    }
}

/* The keys of the n elements from `at` of the block on, to `out`. */
static sy_status put_group(const deal *d, const syi_fixed_keys *keys, size_t at, size_t n,
                           uint8_t *out, sy_error *err)
{
    room *m = d->room;
    const uint64_t below = d->tree.bits < 64 ? (UINT64_C(1) << d->tree.bits) - 1 : UINT64_MAX;
    const uint8_t *const roots[HOLDERS] = {m->roots[0] + at * SYI_FSS_SEED,
                                           m->roots[1] + at * SYI_FSS_SEED};
    uint8_t *group = n == GROUP ? out : m->tail;
    memset(m->alphas, 0, sizeof m->alphas);
    for (size_t k = 0; k < n; k++) {
        m->alphas[k] = word_at(d->field, m->r, at + k) & below;
    }
    SY_TRY((d->equal ? syi_dpf_make : syi_dcf_make)(keys, &d->tree, group, roots, m->alphas, err));
    for (size_t row = 0; n < GROUP && row <= syi_fss_levels(&d->tree); row++) {
        memcpy(out + row * n * SYI_FSS_SEED, group + row * SYI_FSS_ROW, n * SYI_FSS_SEED);
    }
    return SY_OK;
}

static sy_status deal_block(deal *d, const syi_fixed_keys *keys, int corrected,
                            const syi_outcome_block *block, sy_error *err)
{
    SY_TRY(draw_free(d, block->element, block->n, err));
    for (size_t at = 0; at < block->n; at += GROUP) {
        const size_t n = block->n - at < GROUP ? block->n - at : GROUP;
        SY_TRY(
            put_group(d, keys, at, n, d->message + (block->at + at) * syi_fss_key(&d->tree), err));
    }
    put_rho(d, block->n);
    return syi_outcome_correct(&d->outcome, corrected,
                               d->message + syi_fss_keys(d->demand, block->count), block,
                               d->room->rho, d->room->r, err);
}

static sy_status make_tile(deal *d, uint64_t tile, size_t count, int corrected, sy_error *err)
{
    syi_fixed_keys keys;
    SY_TRY(syi_fss_public_keys(&keys, &d->keys, tile, err));
    sy_status status = SY_OK;
    for (size_t at = 0; at < count && status == SY_OK; at += BLOCK) {
        const syi_outcome_block block = {.count = count,
                                         .at = at,
                                         .n = count - at < BLOCK ? count - at : BLOCK,
                                         .element = tile * SYI_FSS_TILE + at};
        status = deal_block(d, &keys, corrected, &block, err);
    }
    syi_fixed_keys_fini(&keys);
    return status;
}

static sy_status deal_all(deal *d, syi_give_fn give, void *user, sy_error *err)
{
    const syi_dealer *dealer = d->dealer;
    const syi_demand *demand = d->demand;
    for (unsigned part = 0; part < FREE_PARTS; part++) {
        for (int h = 0; h < HOLDERS; h++) {
            SY_TRY(syi_stream_open(&d->streams[part][h], dealer->session, dealer->seeds[h],
                                   demand->kind, &demand->item, part, err));
        }
    }
    SY_TRY(syi_fss_public_open(&d->keys, dealer->session, demand, err));
    SY_TRY(syi_outcome_give(&d->outcome, dealer, demand, err));
    for (uint64_t tile = 0; tile < syi_material_tiles(demand); tile++) {
        const size_t count = syi_material_tile(demand, tile);
        const int corrected = syi_material_corrected(&demand->item, tile, HOLDERS);
        SY_TRY(make_tile(d, tile, count, corrected, err));
        for (int h = 0; h < HOLDERS; h++) {
            SY_TRY(
                give(user, h, &demand->item, d->message,
                     h == corrected ? syi_fss_message(demand, count) : syi_fss_keys(demand, count),
                     err));
        }
    }
    return SY_OK;
}

static void close_all(deal *d)
{
    for (int h = 0; h < HOLDERS; h++) {
        for (unsigned part = 0; part < FREE_PARTS; part++) {
            syi_generator_fini(&d->streams[part][h]);
        }
    }
    syi_generator_fini(&d->keys);
    if (d->outcome.dealer != NULL) {
        syi_outcome_given(&d->outcome);
    }
}

sy_status syi_fss_deal(const syi_dealer *dealer, const syi_demand *demand, syi_give_fn give,
                       void *user, sy_error *err)
{
    SY_TRY(syi_family_check(SYI_FAMILY_FSS, dealer->holders, err));
    if (demand->count == 0) {
        return SY_OK;
    }
    const size_t message = syi_material_message(demand, 0), size = sizeof(room) + message;
    deal d = {.dealer = dealer,
              .demand = demand,
              .field = &demand->field,
              .tree = syi_fss_tree_for(demand),
              .equal = demand->kind == SYI_MATERIAL_FSS_EQUAL};
    uint8_t *memory = syi_block_alloc(dealer->context, size);
    if (memory == NULL) {
        return SYI_ENOMEM(err, "material");
    }
    d.room = (room *)(void *)memory;
    d.message = memory + sizeof(room);
    const sy_status status = deal_all(&d, give, user, err);
    close_all(&d);
    syi_block_free_secret(dealer->context, memory, size);
    return status;
}
