#include "crypto/outcome.h"

#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "crypto/rounding.h"

enum { BLOCK = SYI_OUTCOME_BLOCK };
typedef uint64_t room[BLOCK];

syi_outcome_words syi_outcome_words_of(const syi_demand *demand)
{
    const uint8_t width = (uint8_t)demand->field.width, narrow = (uint8_t)((demand->shift + 7) / 8);
    switch (demand->outcome) {
    case SYI_OUTCOME_RELU:
        return (syi_outcome_words){2, {width, width}};
    case SYI_OUTCOME_RELU_SHIFT:
        return (syi_outcome_words){5, {width, width, narrow, width, narrow}};
    case SYI_OUTCOME_RELU_DIVIDE:
        return (syi_outcome_words){5, {width, width, width, width, width}};
    default:
        return (syi_outcome_words){1, {width}};
    }
}

size_t syi_outcome_message(const syi_demand *demand, size_t count)
{
    const syi_outcome_words words = syi_outcome_words_of(demand);
    size_t size = 0;
    for (unsigned k = 0; k < words.count; k++) {
        size += words.bytes[k] * count;
    }
    return size;
}

/* Where a block's words of the k-th part are among the tile's. */
static size_t place_of(const syi_outcome_words *words, unsigned k, const syi_outcome_block *block)
{
    size_t place = words->bytes[k] * block->at;
    while (k > 0) {
        place += words->bytes[--k] * block->count;
    }
    return place;
}

/* A holder's words of a stream: narrow ones are so many bytes of it. */
static sy_status draw(const syi_field *field, const syi_generator *stream, size_t bytes,
                      const syi_outcome_block *block, void *out, sy_error *err)
{
    if (bytes == field->width) {
        return syi_field_draw(field, stream, block->element, out, block->n, err);
    }
    uint8_t drawn[BLOCK * 8];
    SY_TRY(syi_generator_fill(stream, block->element * bytes / SYI_GENERATOR_BLOCK, drawn,
                              block->n * bytes, err));
    syi_rounding_widen(field, out, drawn, bytes, block->n);
    syi_wipe(drawn, block->n * bytes);
    return SY_OK;
}

/* --- holders ----------------------------------------------------------------------------------- */

sy_status syi_outcome_take(syi_outcome_taking *taking, const syi_party *party,
                           const syi_demand *demand, sy_error *err)
{
    const syi_channel *channel = party->channel;
    memset(taking, 0, sizeof *taking);
    taking->demand = demand;
    taking->words = syi_outcome_words_of(demand);
    taking->lead = channel->index == 0;
    if (syi_material_tiles(demand) == 1 &&
        syi_material_corrected(&demand->item, 0, channel->holders) == channel->index) {
        return SY_OK; /* all is dealt */
    }
    for (unsigned k = 0; k < taking->words.count; k++) {
        SY_TRY(syi_material_open(party->material, &taking->streams[k], demand->kind, &demand->item,
                                 SYI_OUTCOME_PART + k, err));
    }
    return SY_OK;
}

void syi_outcome_taken(syi_outcome_taking *taking)
{
    for (size_t k = 0; k < SYI_OUTCOME_PARTS; k++) {
        syi_generator_fini(&taking->streams[k]);
    }
}

/* This holder's shares of the k-th part. */
static sy_status shares_of(const syi_outcome_taking *taking, const syi_outcome_block *block,
                           unsigned k, void *out, sy_error *err)
{
    const syi_field *field = &taking->demand->field;
    const size_t bytes = taking->words.bytes[k];
    if (block->words == NULL) {
        return draw(field, &taking->streams[k], bytes, block, out, err);
    }
    const uint8_t *from = block->words + place_of(&taking->words, k, block);
    if (bytes == field->width) {
        memcpy(out, from, block->n * bytes);
    } else {
        syi_rounding_widen(field, out, from, bytes, block->n);
    }
    return SY_OK;
}

/* out = d ? a : b */
static void choose(const syi_field *field, void *out, const void *d, const void *a, const void *b,
                   size_t n)
{
    if (field->width == 4) {
        uint32_t *to = out;
        const uint32_t *bit = d, *x = a, *y = b;
        for (size_t k = 0; k < n; k++) {
            to[k] = y[k] ^ ((x[k] ^ y[k]) & (0 - bit[k]));
        }
    } else {
        uint64_t *to = out;
        const uint64_t *bit = d, *x = a, *y = b;
        for (size_t k = 0; k < n; k++) {
            to[k] = y[k] ^ ((x[k] ^ y[k]) & (0 - bit[k]));
        }
    }
}

/* floor(a / 2^shift) - 2^(k-2-shift) */
static void public_quotient(const syi_field *field, void *out, const void *a, unsigned shift,
                            size_t n)
{
    if (field->width == 4) {
        for (size_t k = 0; k < n; k++) {
            ((uint32_t *)out)[k] = ((const uint32_t *)a)[k] >> shift;
        }
    } else {
        for (size_t k = 0; k < n; k++) {
            ((uint64_t *)out)[k] = ((const uint64_t *)a)[k] >> shift;
        }
    }
    syi_field_add_public(field, out, out, 0 - (syi_rounding_quarter(field) >> shift), n);
}

/* Adds a number, which may be negative, to words that everybody knows. */
static void move_by(const syi_field *field, void *words, uint64_t number, bool down, size_t n)
{
    const uint64_t less = field->modulus == 0 ? 0 - number : field->modulus - number;
    syi_field_add_public(field, words, words, down ? less : number, n);
}

/* As by_shift; shares of parts 1 to 4 are the quotients of r and their products with rho. */
static void by_divisor(const syi_outcome_taking *taking, size_t n, void *opened, room *shares,
                       void *whole, void *part)
{
    const syi_field *field = &taking->demand->field;
    const uint64_t divisor = taking->demand->divisor,
                   down = syi_rounding_quarter(field) / divisor; /* O / D */
    move_by(field, opened, down * divisor, false, n);
    syi_rounding_divide(field, whole, opened, shares[1], shares[2], divisor, false, n);
    syi_rounding_divide(field, part, opened, shares[3], shares[4], divisor, false, n);
    syi_field_divide(field, opened, opened, divisor, n);
    move_by(field, opened, down, true, n);
    syi_field_mul_add(field, part, opened, shares[0], n);
    if (taking->lead) {
        syi_field_add(field, whole, whole, opened, n);
    }
}

/* T in `whole`, and in `part` what rho takes of it: shares of parts 1 to 4 are u, v, rho u, rho v. */
static void by_shift(const syi_outcome_taking *taking, size_t n, void *opened, room *shares,
                     void *whole, void *part)
{
    const syi_field *field = &taking->demand->field;
    const unsigned shift = taking->demand->shift;
    syi_field_add_public(field, opened, opened, syi_rounding_quarter(field), n);
    syi_rounding_shift(field, whole, opened, shares[1], shares[2], shift, taking->lead, n);
    syi_rounding_shift(field, part, opened, shares[3], shares[4], shift, false, n);
    public_quotient(field, shares[1], opened, shift, n);
    syi_field_mul_add(field, part, shares[1], shares[0], n);
}

static sy_status finish(const syi_outcome_taking *taking, const syi_outcome_block *block, void *z,
                        const void *x, void *opened, const void *d, room *shares, sy_error *err)
{
    const syi_field *field = &taking->demand->field;
    const size_t n = block->n;
    void *rho = shares[0], *first = shares[SYI_OUTCOME_PARTS],
         *second = shares[SYI_OUTCOME_PARTS + 1];
    for (unsigned k = 0; k < taking->words.count; k++) {
        SY_TRY(shares_of(taking, block, k, shares[k], err));
    }
    if (taking->demand->outcome == SYI_OUTCOME_BIT) {
        syi_field_neg(field, first, rho, n);
        syi_field_add_public(field, first, first, taking->lead ? 1 : 0, n);
        choose(field, z, d, first, rho, n);
        return SY_OK;
    }
    if (taking->demand->outcome == SYI_OUTCOME_RELU) {
        syi_field_neg(field, second, shares[1], n);
        syi_field_mul_add(field, second, opened, rho, n);
        syi_field_sub(field, first, x, second, n);
    } else {
        const bool shifts = taking->demand->outcome == SYI_OUTCOME_RELU_SHIFT;
        (shifts ? by_shift : by_divisor)(taking, n, opened, shares, first, second);
        syi_field_sub(field, first, first, second, n);
    }
    choose(field, z, d, first, second, n);
    return SY_OK;
}

sy_status syi_outcome_finish(syi_outcome_taking *taking, const syi_outcome_block *block, void *z,
                             const void *x, void *opened, const void *d, sy_error *err)
{
    room shares[SYI_OUTCOME_PARTS + 2];
    const sy_status status = finish(taking, block, z, x, opened, d, shares, err);
    syi_wipe(shares, sizeof shares);
    return status;
}

/* --- the provider ------------------------------------------------------------------------------ */

static size_t streams_of(const syi_outcome_giving *giving)
{
    return giving->words.count * (size_t)giving->dealer->holders;
}

static syi_generator *stream_of(const syi_outcome_giving *giving, unsigned k, int holder)
{
    return &giving->streams[k * (unsigned)giving->dealer->holders + (unsigned)holder];
}

sy_status syi_outcome_give(syi_outcome_giving *giving, const syi_dealer *dealer,
                           const syi_demand *demand, sy_error *err)
{
    memset(giving, 0, sizeof *giving);
    giving->dealer = dealer;
    giving->demand = demand;
    giving->words = syi_outcome_words_of(demand);
    giving->streams = syi_alloc_array(dealer->context, streams_of(giving), sizeof(syi_generator));
    if (giving->streams == NULL) {
        return SYI_ENOMEM(err, "material");
    }
    for (unsigned k = 0; k < giving->words.count; k++) {
        for (int h = 0; h < dealer->holders; h++) {
            SY_TRY(syi_stream_open(stream_of(giving, k, h), dealer->session, dealer->seeds[h],
                                   demand->kind, &demand->item, SYI_OUTCOME_PART + k, err));
        }
    }
    return SY_OK;
}

void syi_outcome_given(syi_outcome_giving *giving)
{
    const size_t count = streams_of(giving);
    for (size_t k = 0; giving->streams != NULL && k < count; k++) {
        syi_generator_fini(&giving->streams[k]);
    }
    syi_free(giving->dealer->context, giving->streams, count * sizeof(syi_generator));
}

/* What the k-th part is: rho, or a factor or its product with rho. */
static void value_of(const syi_outcome_giving *giving, unsigned k, void *out, const void *rho,
                     const void *r, const room *parts, size_t n)
{
    const syi_field *field = &giving->demand->field;
    const bool relu = giving->demand->outcome == SYI_OUTCOME_RELU;
    if (k == 0) {
        memcpy(out, rho, n * field->width);
    } else if (relu) {
        syi_field_mul(field, out, rho, r, n);
    } else if (k < 3) { /* u, v, or both quotients */
        memcpy(out, parts[k - 1], n * field->width);
    } else {
        syi_field_mul(field, out, rho, parts[k - 3], n);
    }
}

static sy_status correct(const syi_outcome_giving *giving, int corrected, uint8_t *words,
                         const syi_outcome_block *block, const void *rho, const void *r,
                         room *rooms, sy_error *err)
{
    const syi_field *field = &giving->demand->field;
    void *value = rooms[0], *drawn = rooms[1];
    room *parts = rooms + 2;
    if (giving->demand->outcome == SYI_OUTCOME_RELU_SHIFT) {
        syi_rounding_parts(field, parts[0], parts[1], r, giving->demand->shift, block->n);
    } else if (giving->demand->outcome == SYI_OUTCOME_RELU_DIVIDE) {
        syi_rounding_quotients(field, parts[0], parts[1], r, giving->demand->divisor, block->n);
    }
    for (unsigned k = 0; k < giving->words.count; k++) {
        const size_t bytes = giving->words.bytes[k];
        uint8_t *out = words + place_of(&giving->words, k, block);
        value_of(giving, k, value, rho, r, parts, block->n);
        for (int h = 0; h < giving->dealer->holders; h++) {
            if (h != corrected) {
                SY_TRY(draw(field, stream_of(giving, k, h), bytes, block, drawn, err));
                syi_field_sub(field, value, value, drawn, block->n);
            }
        }
        if (bytes == field->width) {
            memcpy(out, value, block->n * bytes);
        } else {
            syi_rounding_narrow(field, out, value, bytes, block->n);
        }
    }
    return SY_OK;
}

sy_status syi_outcome_correct(const syi_outcome_giving *giving, int corrected, uint8_t *words,
                              const syi_outcome_block *block, const void *rho, const void *r,
                              sy_error *err)
{
    room rooms[4];
    const sy_status status = correct(giving, corrected, words, block, rho, r, rooms, err);
    syi_wipe(rooms, sizeof rooms);
    return status;
}
