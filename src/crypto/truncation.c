/* truncation.c - division of shared numbers by public ones: docs/internals/party-programs.md. Test: truncation_test.c. */
#include <inttypes.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "crypto/exchange.h"
#include "crypto/rounding.h"

enum { BLOCK = SYI_EXCHANGE_BLOCK };

typedef struct division {
    syi_party *party;
    const syi_demand *demand;
    const syi_field *field;
    uint8_t *z;
    const uint8_t *x;
    uint64_t offset; /* what makes the numbers positive */
    syi_generator mask;
    syi_derived derived;
    syi_slots slots; /* opened words; two rooms for derived parts */
} division;

/* This holder's share of x + offset + r. */
static sy_status prepare(void *data, uint64_t tile, unsigned slot, const void **bytes, size_t *size,
                         sy_error *err)
{
    division *d = data;
    const size_t width = d->field->width, count = syi_material_tile(d->demand, tile);
    uint8_t *words = syi_slots_get(&d->slots, slot);
    const uint8_t *x = d->x + tile * SYI_TILE * width;
    for (size_t at = 0; at < count; at += BLOCK) {
        const size_t n = count - at < BLOCK ? count - at : BLOCK;
        uint8_t *out = words + at * width;
        SY_TRY(syi_field_draw(d->field, &d->mask, tile * SYI_TILE + at, out, n, err));
        syi_field_add(d->field, out, out, x + at * width, n);
        if (d->party->channel->index == 0) {
            syi_field_add_public(d->field, out, out, d->offset, n);
        }
    }
    *bytes = words;
    *size = count * width;
    return SY_OK;
}

static sy_status finish_block(division *d, uint64_t tile, size_t at, size_t n, uint8_t *opened,
                              sy_error *err)
{
    const syi_demand *demand = d->demand;
    const bool lead = d->party->channel->index == 0;
    void *first = NULL, *second = NULL;
    uint8_t *z = d->z + (tile * SYI_TILE + at) * d->field->width;
    SY_TRY(syi_derived_get(&d->derived, 0, tile, at, n, syi_slots_room(&d->slots, 0), &first, err));
    SY_TRY(
        syi_derived_get(&d->derived, 1, tile, at, n, syi_slots_room(&d->slots, 1), &second, err));
    if (demand->kind == SYI_MATERIAL_SHIFT) {
        syi_rounding_shift(d->field, z, opened, first, second, demand->shift, lead, n);
    } else {
        syi_rounding_divide(d->field, z, opened, first, second, demand->divisor, lead, n);
    }
    return SY_OK;
}

static sy_status finish(void *data, uint64_t tile, unsigned slot, const syi_received *received,
                        sy_error *err)
{
    division *d = data;
    const size_t width = d->field->width, count = syi_material_tile(d->demand, tile);
    uint8_t *words = syi_slots_get(&d->slots, slot);
    SY_TRY(syi_derived_tile(&d->derived, tile, err));
    for (size_t at = 0; at < count; at += BLOCK) {
        const size_t n = count - at < BLOCK ? count - at : BLOCK;
        syi_exchange_add(d->party, d->field, words + at * width, received, at * width, n);
        SY_TRY(finish_block(d, tile, at, n, words + at * width, err));
    }
    return SY_OK;
}

sy_status syi_spdz_check_range(syi_party *party, const syi_field *field, const void *x,
                               uint64_t count, uint64_t offset, uint64_t width, const char *name,
                               sy_error *err)
{
    const size_t size = count * field->width;
    if (!party->check_range || count == 0) {
        return SY_OK;
    }
    uint8_t *values = syi_alloc_aligned(party->context, size, 64);
    if (values == NULL) {
        return SYI_ENOMEM(err, name);
    }
    sy_status status = syi_spdz_open(party, field, values, x, count, err);
    if (status == SY_OK) {
        syi_field_add_public(field, values, values, offset, count);
    }
    for (uint64_t k = 0; status == SY_OK && k < count; k++) {
        const uint64_t above = field->width == 4 ? ((const uint32_t *)(const void *)values)[k]
                                                 : ((const uint64_t *)(const void *)values)[k];
        if (above >= width) {
            status = syi_fail(err, SY_ERANGE,
                              "%s: element %" PRIu64 " of %" PRIu64
                              " is beyond what comes out right, -%" PRIu64 " to %" PRIu64,
                              name, k, count, offset, width - 1 - offset);
        }
    }
    syi_free_secret(party->context, values, size);
    return status;
}

static sy_status divide(syi_party *party, syi_demand *demand, uint64_t offset, void *z,
                        const void *x, const char *name, sy_error *err)
{
    static const syi_exchange_steps steps = {prepare, finish};
    division d = {.party = party,
                  .demand = demand,
                  .field = &demand->field,
                  .z = z,
                  .x = x,
                  .offset = offset};
    if (demand->count == 0) {
        return SY_OK;
    }
    SY_TRY(syi_spdz_check_range(party, &demand->field, x, demand->count, offset,
                                syi_rounding_half(&demand->field), name, err));
    SY_TRY(syi_party_ask(party, demand, err));
    SY_TRY(syi_slots_open(&d.slots, party, demand, 2, 1, name, err));
    sy_status status =
        syi_material_open(party->material, &d.mask, demand->kind, &demand->item, SYI_PART_A, err);
    if (status == SY_OK) {
        status = syi_derived_open(&d.derived, party, demand, err);
    }
    if (status == SY_OK) {
        status = syi_exchange(party, syi_material_tiles(demand), &steps, &d, err);
    }
    syi_derived_close(&d.derived);
    syi_generator_fini(&d.mask);
    syi_slots_close(&d.slots, party);
    return status;
}

sy_status syi_spdz_shift(syi_party *party, const syi_field *field, void *z, const void *x,
                         uint64_t count, unsigned shift, sy_error *err)
{
    const unsigned bits = syi_field_bits(field);
    if (bits < 3) {
        return syi_fail(err, SY_ENOTSUP,
                        "shift: modulo %" PRIu64 ", which is no power of 2 from 8 on",
                        field->modulus);
    }
    if (shift > bits - 2) {
        return syi_fail(err, SY_ERANGE, "shift: by %u bits, at most %u modulo 2^%u", shift,
                        bits - 2, bits);
    }
    if (shift == 0) {
        if (z != x && count > 0) {
            memcpy(z, x, count * field->width);
        }
        return SY_OK;
    }
    syi_demand demand = syi_party_demand(party, field, SYI_MATERIAL_SHIFT, count);
    demand.shift = shift;
    return divide(party, &demand, syi_rounding_quarter(field), z, x, "shift", err);
}

sy_status syi_spdz_divide(syi_party *party, const syi_field *field, void *z, const void *x,
                          uint64_t count, uint64_t divisor, sy_error *err)
{
    const uint64_t quarter = syi_rounding_quarter(field);
    if (divisor < 1 || divisor > quarter) {
        return syi_fail(err, SY_ERANGE,
                        "divide: by %" PRIu64 "; from 1 to a quarter of the modulus, %" PRIu64
                        ", is possible",
                        divisor, quarter);
    }
    syi_demand demand = syi_party_demand(party, field, SYI_MATERIAL_DIVIDE, count);
    demand.divisor = divisor;
    return divide(party, &demand, quarter - quarter % divisor, z, x, "divide", err);
}
