/*
 * Here: what holders know together, private_compare, share_convert and msb. The provider's side: snn_deal.c; what is made of
 * them: snn_programs.c.
 */
#include "crypto/snn.h"

#include <string.h>

#include "core/blocks.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/surroundings.h"
#include "crypto/exchange.h"
#include "crypto/snn_words.h"

__extension__ typedef unsigned __int128 wide;

enum { TILE = SYI_SNN_TILE, PLANES = SYI_DIGIT_BITS_MAX * TILE };

/* --- local ------------------------------------------------------------------------------------- */

void syi_snn_decompose(const syi_field *field, uint8_t *out, const void *words, unsigned bits,
                       size_t n)
{
    for (size_t k = 0; k < n; k++) {
        uint64_t word;
        syi_snn_widen(field, &word, (const uint8_t *)words + k * field->width, 1);
        for (unsigned bit = 0; bit < bits; bit++) {
            out[k * bits + bit] = (uint8_t)(word >> bit & 1);
        }
    }
}

void syi_snn_flip(void *out, const void *in, size_t outer, size_t length, size_t inner)
{
    for (size_t k = 0; k < outer; k++) {
        for (size_t row = 0; row < length; row++) {
            syi_copy_bytes((uint8_t *)out + (k * length + row) * inner,
                           (const uint8_t *)in + (k * length + length - 1 - row) * inner, inner);
        }
    }
}

/* --- what both holders know -------------------------------------------------------------------- */

sy_status syi_snn_check(const syi_party *party, const syi_field *field, sy_error *err)
{
    if (party->channel->holders != 2) {
        return syi_fail(err, SY_ENOTSUP, "SecureNN is for 2 holders, not %d",
                        party->channel->holders);
    }
    return field == NULL || syi_field_bits(field) >= 3
               ? SY_OK
               : syi_fail(err, SY_ENOTSUP, "SecureNN needs a field that is a power of two");
}

/* Either one's bytes are enough that the provider does not know the seed. */
static sy_status need_common(syi_party *party, sy_error *err)
{
    syi_channel *channel = party->channel;
    void *other = NULL;
    if (party->has_common) {
        return SY_OK;
    }
    SY_TRY(syi_snn_check(party, NULL, err));
    SY_TRY(syi_random_bytes(party->context, party->common, SYI_SEED_SIZE, err));
    syi_channel_round(channel);
    SY_TRY(syi_channel_send(channel, party->common, SYI_SEED_SIZE, err));
    SY_TRY(syi_channel_receive(channel, 1 - channel->index, &other, SYI_SEED_SIZE, err));
    for (size_t k = 0; k < SYI_SEED_SIZE; k++) {
        party->common[k] ^= ((const uint8_t *)other)[k];
    }
    syi_wipe(other, SYI_SEED_SIZE);
    party->has_common = true;
    return SY_OK;
}

static sy_status open_common(const syi_party *party, syi_generator *stream, syi_material_kind kind,
                             const syi_item *item, unsigned part, sy_error *err)
{
    return syi_stream_open(stream, party->material->session, party->common, kind, item, part, err);
}

/* Streams that belong to no material are named as zeros of a number of their own. */
enum { ALONE_ZEROS, ALONE_BITS, ALONE_VALUES };
static sy_status open_alone(syi_party *party, syi_generator *stream, unsigned part, sy_error *err)
{
    SY_TRY(need_common(party, err));
    const syi_item item = {party->sequence, party->next_number++};
    return open_common(party, stream, SYI_MATERIAL_ZERO, &item, part, err);
}

sy_status syi_snn_common_bits(syi_party *party, uint8_t *bits, size_t n, sy_error *err)
{
    syi_generator stream;
    SY_TRY(open_alone(party, &stream, ALONE_BITS, err));
    const sy_status status = syi_generator_fill(&stream, 0, bits, n, err);
    for (size_t k = 0; k < n; k++) {
        bits[k] &= 1;
    }
    syi_generator_fini(&stream);
    return status;
}

sy_status syi_snn_common_values(syi_party *party, uint64_t *values, uint64_t max, size_t n,
                                sy_error *err)
{
    enum { SOME = 64 };
    uint64_t drawn[SOME][2];
    syi_generator stream;
    sy_status status = SY_OK;
    SY_TRY(open_alone(party, &stream, ALONE_VALUES, err));
    for (size_t at = 0; at < n && status == SY_OK; at += SOME) {
        const size_t some = n - at < SOME ? n - at : SOME;
        status = syi_generator_fill(&stream, at, drawn, some * sizeof drawn[0], err);
        for (size_t k = 0; k < some; k++) {
            const wide below = (wide)drawn[k][0] * max,
                       above = (wide)drawn[k][1] * max + (uint64_t)(below >> 64);
            values[at + k] = (uint64_t)(above >> 64);
        }
    }
    syi_generator_fini(&stream);
    syi_wipe(drawn, sizeof drawn);
    return status;
}

/* z += a share of 0: the first holder adds the stream, the other one takes it away. */
sy_status syi_snn_refresh(syi_party *party, const syi_field *field, void *z, uint64_t n,
                          sy_error *err)
{
    uint64_t drawn[TILE];
    syi_generator stream;
    sy_status status = SY_OK;
    SY_TRY(open_alone(party, &stream, ALONE_ZEROS, err));
    for (uint64_t at = 0; at < n && status == SY_OK; at += TILE) {
        const size_t some = n - at < TILE ? (size_t)(n - at) : TILE;
        uint8_t *to = (uint8_t *)z + at * field->width;
        status = syi_field_draw(field, &stream, at, drawn, some, err);
        if (party->channel->index == 0) {
            syi_field_add(field, to, to, drawn, some);
        } else {
            syi_field_sub(field, to, to, drawn, some);
        }
    }
    syi_generator_fini(&stream);
    syi_wipe(drawn, sizeof drawn);
    return status;
}

sy_status syi_snn_zeros(syi_party *party, const syi_field *field, void *z, size_t n, sy_error *err)
{
    SY_TRY(syi_snn_check(party, NULL, err));
    if (n > 0) {
        memset(z, 0, n * field->width);
    }
    return syi_snn_refresh(party, field, z, n, err);
}

/* --- a conversation with the provider ---------------------------------------------------------- */

enum { COMMON_S, COMMON_U, COMMON_PLACES, COMMON_BETA, COMMON_R_0, COMMON_R_1, COMMON_PARTS };
enum { OWN_BITS, OWN_EXTRA, OWN_ANSWER, OWN_PARTS };

/* Of a tile, at one of its stages. */
typedef struct room {
    uint64_t r[TILE], v[TILE], r_0[TILE], r_1[TILE], words[TILE], other[TILE];
    uint8_t flip[TILE], always[TILE], places[TILE];
    uint8_t x[PLANES], s[PLANES], u[PLANES], digits[PLANES], turn[PLANES];
} room;

typedef struct talk {
    syi_party *party;
    const syi_demand *demand;
    const syi_field *field; /* the demand's */
    syi_field answers;
    unsigned bits;
    bool lead;
    syi_generator common[COMMON_PARTS], own[OWN_PARTS];
    room *room;
    /* private_compare: bits, r and beta, and z; share_convert: a, and y in `out`; msb: r opened, gamma and delta. */
    const uint8_t *in, *beta;
    const uint64_t *r;
    uint8_t *out, *delta;
} talk;

static bool is_corrected(const talk *t, uint64_t tile)
{
    return syi_material_corrected(&t->demand->item, tile, 2) == t->party->channel->index;
}

static uint64_t mask_of(const talk *t)
{
    return t->bits == 64 ? UINT64_MAX : (UINT64_C(1) << t->bits) - 1;
}

/* The tile's beta: bits that only the holders know. */
static sy_status draw_beta(const talk *t, uint64_t tile, size_t n, sy_error *err)
{
    uint8_t *beta = t->room->flip;
    if (t->demand->kind == SYI_MATERIAL_SNN_COMPARE) {
        memcpy(beta, t->beta + tile * TILE, n);
        return SY_OK;
    }
    SY_TRY(syi_generator_fill(&t->common[COMMON_BETA], tile * (TILE / SYI_GENERATOR_BLOCK), beta, n,
                              err));
    for (size_t k = 0; k < n; k++) {
        beta[k] &= 1;
    }
    return SY_OK;
}

/* r_0 and r_1 of share_convert, which both holders know, as 64 bits, and their sum modulo L. */
static sy_status draw_masks(const talk *t, uint64_t tile, size_t n, sy_error *err)
{
    room *m = t->room;
    SY_TRY(syi_field_draw(t->field, &t->common[COMMON_R_0], tile * TILE, m->words, n, err));
    syi_snn_widen(t->field, m->r_0, m->words, n);
    SY_TRY(syi_field_draw(t->field, &t->common[COMMON_R_1], tile * TILE, m->words, n, err));
    syi_snn_widen(t->field, m->r_1, m->words, n);
    for (size_t k = 0; k < n; k++) {
        m->r[k] = (m->r_0[k] + m->r_1[k]) & mask_of(t);
    }
    return SY_OK;
}

/* Reports a + r, and puts a - [a + r wraps] + (j = 0) (1 + [r_0 + r_1 wraps]) into y, in Z_(L-1). */
static sy_status report_masked(const talk *t, uint64_t tile, sy_error *err)
{
    const size_t n = syi_material_tile(t->demand, tile);
    const uint64_t mask = mask_of(t);
    uint64_t *y = (uint64_t *)(void *)t->out + tile * TILE;
    room *m = t->room;
    SY_TRY(draw_masks(t, tile, n, err));
    syi_snn_widen(t->field, m->other, t->in + tile * TILE * t->field->width, n);
    for (size_t k = 0; k < n; k++) {
        const uint64_t a = m->other[k], own = t->lead ? m->r_0[k] : m->r_1[k];
        const uint64_t sum = (a + own) & mask;
        const uint64_t alpha = syi_snn_less(m->r[k], m->r_0[k]);
        m->words[k] = syi_snn_less(sum, a);
        m->v[k] = t->lead ? alpha + 1 : 0;
        m->other[k] = sum;
        y[k] = a & (syi_snn_is_zero(a ^ mask) - 1); /* L - 1 is 0 */
    }
    syi_field_sub(&t->answers, y, y, m->words, n);
    syi_field_add(&t->answers, y, y, m->v, n);
    syi_snn_narrow(t->field, m->words, m->other, n);
    return syi_channel_report(t->party->channel, &t->demand->item, m->words, n * t->field->width,
                              err);
}

/* This holder's shares of x's bits, in planes, and of what else comes with them, in `words`. */
static sy_status take_first(const talk *t, uint64_t tile, size_t n, sy_error *err)
{
    room *m = t->room;
    void *bytes = NULL;
    if (!is_corrected(t, tile)) {
        SY_TRY(syi_digits_draw(&t->own[OWN_BITS], syi_snn_digits_place(tile), SYI_DIGIT_PRIME, m->x,
                               t->bits * n, err));
        return syi_field_draw(&t->answers, &t->own[OWN_EXTRA], tile * TILE, m->words, n, err);
    }
    SY_TRY(syi_channel_dealt(t->party->channel, &t->demand->item, &bytes,
                             syi_snn_first(t->demand, n), err));
    memcpy(m->x, bytes, t->bits * n);
    memcpy(m->words, (const uint8_t *)bytes + t->bits * n, n * t->answers.width);
    return SY_OK;
}

static sy_status take_answer(const talk *t, uint64_t tile, size_t n, sy_error *err)
{
    room *m = t->room;
    void *bytes = NULL;
    if (!is_corrected(t, tile)) {
        return syi_field_draw(&t->answers, &t->own[OWN_ANSWER], tile * TILE, m->words, n, err);
    }
    const size_t size = syi_snn_answer(t->demand, n);
    SY_TRY(syi_channel_dealt(t->party->channel, &t->demand->item, &bytes, size, err));
    memcpy(m->words, bytes, size);
    return SY_OK;
}

/* Planes of private_compare's bits, which lie number by number. */
static void put_planes(const talk *t, uint64_t tile, size_t n)
{
    const uint8_t *bits = t->in + tile * TILE * t->bits;
    for (unsigned bit = 0; bit < t->bits; bit++) {
        for (size_t k = 0; k < n; k++) {
            t->room->x[bit * n + k] = bits[k * t->bits + bit];
        }
    }
}

/* r of x > r, and where the answer is known: x > r - 1 for r = 0, and beta with x > L - 1. */
static sy_status set_threshold(const talk *t, uint64_t tile, size_t n, sy_error *err)
{
    room *m = t->room;
    const uint64_t mask = mask_of(t);
    const bool converts = t->demand->kind == SYI_MATERIAL_SNN_CONVERT;
    if (converts) {
        SY_TRY(draw_masks(t, tile, n, err));
    }
    for (size_t k = 0; k < n; k++) {
        const uint64_t beta = m->flip[k];
        const uint64_t r = converts ? m->r[k] - 1 : t->r[tile * TILE + k];
        const uint64_t last = syi_snn_is_zero((r ^ mask) & mask);
        m->always[k] = (uint8_t)(last & (converts ? beta ^ 1 : beta));
        m->v[k] = (r + beta) & mask;
    }
    return SY_OK;
}

/* Reports the rotated digits of a tile. */
static sy_status report_digits(const talk *t, uint64_t tile, size_t n, sy_error *err)
{
    room *m = t->room;
    const size_t count = t->bits * n;
    const uint64_t place = syi_snn_digits_place(tile);
    SY_TRY(set_threshold(t, tile, n, err));
    SY_TRY(syi_digits_draw(&t->common[COMMON_S], place, SYI_DIGIT_PRIME - 1, m->s, count, err));
    SY_TRY(syi_digits_draw(&t->common[COMMON_U], place, SYI_DIGIT_PRIME, m->u, count, err));
    SY_TRY(syi_digits_draw(&t->common[COMMON_PLACES], tile * (TILE / SYI_DIGITS_OF_BLOCK), t->bits,
                           m->places, n, err));
    for (size_t k = 0; k < count; k++) {
        m->s[k]++;
    }
    const syi_digits_comparison comparison = {.bits = t->bits,
                                              .n = n,
                                              .lead = t->lead,
                                              .x = m->x,
                                              .v = m->v,
                                              .flip = m->flip,
                                              .always = m->always,
                                              .s = m->s,
                                              .u = m->u};
    syi_digits_compare(m->digits, &comparison);
    syi_digits_rotate(m->digits, m->turn, m->places, t->bits, n);
    return syi_channel_report(t->party->channel, &t->demand->item, m->digits, count, err);
}

static sy_status ask(const talk *t, uint64_t tile, sy_error *err)
{
    const size_t n = syi_material_tile(t->demand, tile);
    room *m = t->room;
    if (t->demand->kind == SYI_MATERIAL_SNN_COMPARE) {
        put_planes(t, tile, n);
    } else {
        SY_TRY(take_first(t, tile, n, err));
    }
    if (t->demand->kind == SYI_MATERIAL_SNN_CONVERT) { /* y -= [the sum of both wrapped] */
        uint64_t *y = (uint64_t *)(void *)t->out + tile * TILE;
        syi_field_sub(&t->answers, y, y, m->words, n);
    } else if (t->demand->kind == SYI_MATERIAL_SNN_MSB) { /* delta = x_0 xor r_0 */
        for (size_t k = 0; k < n; k++) {
            m->flip[k] = (uint8_t)(t->r[tile * TILE + k] & 1);
        }
        syi_snn_xor(t->field, t->delta + tile * TILE * t->field->width, m->words, m->flip, t->lead,
                    n);
    }
    SY_TRY(draw_beta(t, tile, n, err));
    return report_digits(t, tile, n, err);
}

static sy_status finish(const talk *t, uint64_t tile, sy_error *err)
{
    const size_t n = syi_material_tile(t->demand, tile);
    uint8_t *out = t->out + tile * TILE * t->answers.width;
    room *m = t->room;
    SY_TRY(take_answer(t, tile, n, err));
    if (t->demand->kind == SYI_MATERIAL_SNN_COMPARE) {
        memcpy(out, m->words, n * t->answers.width);
        return SY_OK;
    }
    SY_TRY(draw_beta(t, tile, n, err));
    if (t->demand->kind == SYI_MATERIAL_SNN_MSB) { /* gamma */
        syi_snn_xor(&t->answers, out, m->words, m->flip, t->lead, n);
        return SY_OK;
    }
    syi_snn_xor(&t->answers, m->words, m->words, m->flip, t->lead, n); /* eta */
    syi_field_sub(&t->answers, out, out, m->words, n);
    return SY_OK;
}

static sy_status run(const talk *t, sy_error *err)
{
    const bool converts = t->demand->kind == SYI_MATERIAL_SNN_CONVERT;
    const uint64_t tiles = syi_material_tiles(t->demand), first = converts ? SYI_SNN_AHEAD : 0,
                   second = first + SYI_SNN_AHEAD;
    t->party->channel->cost.rounds += converts ? 4 : 2;
    for (uint64_t step = 0; step < tiles + second; step++) {
        if (converts && step < tiles) {
            SY_TRY(report_masked(t, step, err));
        }
        if (step >= first && step - first < tiles) {
            SY_TRY(ask(t, step - first, err));
        }
        if (step >= second) {
            SY_TRY(finish(t, step - second, err));
        }
    }
    return SY_OK;
}

static sy_status open_streams(talk *t, sy_error *err)
{
    static const uint8_t own[OWN_PARTS] = {SYI_PART_C, SYI_SNN_EXTRA, SYI_SNN_ANSWER};
    const syi_demand *demand = t->demand;
    for (unsigned part = 0; part < COMMON_PARTS; part++) {
        SY_TRY(open_common(t->party, &t->common[part], demand->kind, &demand->item, part, err));
    }
    for (unsigned part = 0; part < OWN_PARTS; part++) {
        SY_TRY(syi_material_open(t->party->material, &t->own[part], demand->kind, &demand->item,
                                 own[part], err));
    }
    return SY_OK;
}

/* The demand has been asked for. */
static sy_status talk_over(talk *t, syi_party *party, const syi_demand *demand, sy_error *err)
{
    t->party = party;
    t->demand = demand;
    t->field = &demand->field;
    t->answers = syi_snn_answers(demand);
    t->bits = syi_snn_bits(demand);
    t->lead = party->channel->index == 0;
    t->room = syi_block_alloc(party->context, sizeof *t->room);
    if (t->room == NULL) {
        return SYI_ENOMEM(err, "comparison");
    }
    sy_status status = open_streams(t, err);
    if (status == SY_OK) {
        status = run(t, err);
    }
    for (unsigned part = 0; part < COMMON_PARTS; part++) {
        syi_generator_fini(&t->common[part]);
    }
    for (unsigned part = 0; part < OWN_PARTS; part++) {
        syi_generator_fini(&t->own[part]);
    }
    syi_block_free_secret(party->context, t->room, sizeof *t->room);
    return status;
}

/* --- programs ---------------------------------------------------------------------------------- */

sy_status syi_snn_private_compare(syi_party *party, const syi_field *field, void *z,
                                  const uint8_t *x, const uint64_t *r, const uint8_t *beta,
                                  unsigned bits, uint64_t count, sy_error *err)
{
    SY_TRY(syi_snn_check(party, NULL, err));
    if (bits < 1 || bits > SYI_DIGIT_BITS_MAX) {
        return syi_fail(err, SY_ERANGE, "private_compare: %u bits, 1 to %d are possible", bits,
                        SYI_DIGIT_BITS_MAX);
    }
    if (count == 0) {
        return SY_OK;
    }
    SY_TRY(need_common(party, err));
    syi_demand demand = syi_party_demand(party, field, SYI_MATERIAL_SNN_COMPARE, count);
    demand.shift = bits;
    SY_TRY(syi_party_ask(party, &demand, err));
    talk t = {.in = x, .r = r, .beta = beta, .out = z};
    return talk_over(&t, party, &demand, err);
}

sy_status syi_snn_share_convert(syi_party *party, const syi_field *field, void *y, const void *a,
                                uint64_t count, sy_error *err)
{
    const syi_field odd = syi_snn_odd(field);
    SY_TRY(syi_snn_check(party, field, err));
    if (count == 0) {
        return SY_OK;
    }
    SY_TRY(need_common(party, err));
    const syi_demand demand_of = syi_party_demand(party, field, SYI_MATERIAL_SNN_CONVERT, count);
    syi_demand demand = demand_of;
    SY_TRY(syi_party_ask(party, &demand, err));
    talk t = {.in = a, .out = y};
    SY_TRY(talk_over(&t, party, &demand, err));
    return syi_snn_refresh(party, &odd, y, count, err);
}

/* 2 a + x to everybody. */
static sy_status open_masked(syi_party *party, const syi_demand *demand, uint64_t *r,
                             const uint64_t *a, sy_error *err)
{
    const syi_field odd = syi_snn_odd(&demand->field);
    syi_generator stream;
    SY_TRY(
        syi_material_open(party->material, &stream, demand->kind, &demand->item, SYI_PART_A, err));
    const sy_status status = syi_field_draw(&odd, &stream, 0, r, demand->count, err);
    syi_generator_fini(&stream);
    SY_TRY(status);
    syi_field_add(&odd, r, r, a, demand->count);
    syi_field_add(&odd, r, r, a, demand->count);
    return syi_spdz_open(party, &odd, r, r, demand->count, err);
}

/* z = gamma + delta - 2 gamma delta */
static sy_status join(syi_party *party, const syi_field *field, uint8_t *z, uint8_t *product,
                      const uint8_t *gamma, const uint8_t *delta, uint64_t count, sy_error *err)
{
    SY_TRY(syi_snn_multiply(party, field, product, gamma, delta, count, err));
    syi_field_add(field, z, gamma, delta, count);
    syi_field_sub(field, z, z, product, count);
    syi_field_sub(field, z, z, product, count);
    return syi_snn_refresh(party, field, z, count, err);
}

sy_status syi_snn_msb(syi_party *party, const syi_field *field, void *z, const void *a,
                      uint64_t count, sy_error *err)
{
    SY_TRY(syi_snn_check(party, field, err));
    if (count == 0) {
        return SY_OK;
    }
    SY_TRY(need_common(party, err));
    syi_demand demand = syi_party_demand(party, field, SYI_MATERIAL_SNN_MSB, count);
    SY_TRY(syi_party_ask(party, &demand, err));
    const size_t words = (size_t)count * 8, size = 4 * words;
    uint8_t *memory = syi_block_alloc(party->context, size);
    if (memory == NULL) {
        return SYI_ENOMEM(err, "msb");
    }
    uint64_t *r = (uint64_t *)(void *)memory;
    uint8_t *gamma = memory + words, *delta = memory + 2 * words, *product = memory + 3 * words;
    sy_status status = open_masked(party, &demand, r, a, err);
    if (status == SY_OK) {
        talk t = {.r = r, .out = gamma, .delta = delta};
        status = talk_over(&t, party, &demand, err);
    }
    if (status == SY_OK) {
        status = join(party, field, z, product, gamma, delta, count, err);
    }
    syi_block_free_secret(party->context, memory, size);
    return status;
}
