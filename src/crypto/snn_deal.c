/* snn_deal.c - the provider's side of SecureNN: what it hears, and what it deals of that. See snn.h. Test: snn_test.c. */
#include <string.h>

#include "core/blocks.h"
#include "core/error.h"
#include "crypto/snn_words.h"

enum { TILE = SYI_SNN_TILE, PLANES = SYI_DIGIT_BITS_MAX * TILE, PARTS = 5 };

/* --- what a demand is about -------------------------------------------------------------------- */

syi_field syi_snn_odd(const syi_field *field)
{
    const uint64_t whole = field->width == 4 ? UINT64_C(1) << 32 : field->modulus;
    return (syi_field){.modulus = whole - 1, .width = 8};
}

unsigned syi_snn_bits(const syi_demand *demand)
{
    return demand->kind == SYI_MATERIAL_SNN_COMPARE ? demand->shift
                                                    : syi_field_bits(&demand->field);
}

syi_field syi_snn_answers(const syi_demand *demand)
{
    return demand->kind == SYI_MATERIAL_SNN_CONVERT ? syi_snn_odd(&demand->field) : demand->field;
}

size_t syi_snn_first(const syi_demand *demand, size_t count)
{
    return demand->kind == SYI_MATERIAL_SNN_MSB || demand->kind == SYI_MATERIAL_SNN_CONVERT
               ? (syi_snn_bits(demand) + syi_snn_answers(demand).width) * count
               : 0;
}

size_t syi_snn_answer(const syi_demand *demand, size_t count)
{
    return syi_snn_answers(demand).width * count;
}

size_t syi_snn_message(const syi_demand *demand, size_t count)
{
    return syi_snn_first(demand, count) + syi_snn_answer(demand, count);
}

/* --- dealing ----------------------------------------------------------------------------------- */

typedef struct room {
    uint64_t words[TILE], drawn[TILE], extra[TILE], heard[2][TILE];
    uint8_t planes[PLANES], digits[PLANES];
    uint8_t message[PLANES + TILE * 8];
} room;

typedef struct deal {
    const syi_dealer *dealer;
    const syi_demand *demand;
    syi_field odd, answers;
    unsigned bits;
    syi_generator streams[PARTS][2];
    room *room;
    syi_give_fn give;
    void *user;
} deal;

static int corrected_of(const deal *d, uint64_t tile)
{
    return syi_material_corrected(&d->demand->item, tile, 2);
}

static sy_status hear(const deal *d, int holder, void **bytes, size_t size, sy_error *err)
{
    return d->dealer->hear(d->user, holder, &d->demand->item, bytes, size, err);
}

/* A part of the corrected holder's message: the words, less what the other one draws. */
static sy_status correct_words(const deal *d, unsigned part, uint64_t tile, const uint64_t *words,
                               uint8_t *out, size_t n, sy_error *err)
{
    const syi_generator *other = &d->streams[part][1 - corrected_of(d, tile)];
    SY_TRY(syi_field_draw(&d->answers, other, tile * TILE, d->room->drawn, n, err));
    uint64_t values[TILE];
    syi_snn_narrow(&d->answers, values, words, n);
    syi_field_sub(&d->answers, values, values, d->room->drawn, n);
    memcpy(out, values, n * d->answers.width);
    syi_wipe(values, sizeof values);
    return SY_OK;
}

static sy_status correct_bits(const deal *d, uint64_t tile, const uint64_t *x, uint8_t *out,
                              size_t n, sy_error *err)
{
    const syi_generator *other = &d->streams[SYI_PART_C][1 - corrected_of(d, tile)];
    room *m = d->room;
    SY_TRY(syi_digits_draw(other, syi_snn_digits_place(tile), SYI_DIGIT_PRIME, m->digits,
                           d->bits * n, err));
    syi_digits_split(m->planes, x, d->bits, n);
    syi_digits_sub(out, m->planes, m->digits, d->bits * n);
    return SY_OK;
}

/* x in Z_(L-1), and its lowest bit. */
static sy_status draw_x(const deal *d, uint64_t tile, size_t n, sy_error *err)
{
    room *m = d->room;
    SY_TRY(syi_field_draw(&d->odd, &d->streams[SYI_PART_A][0], tile * TILE, m->words, n, err));
    SY_TRY(syi_field_draw(&d->odd, &d->streams[SYI_PART_A][1], tile * TILE, m->drawn, n, err));
    syi_field_add(&d->odd, m->words, m->words, m->drawn, n);
    for (size_t k = 0; k < n; k++) {
        m->extra[k] = m->words[k] & 1;
    }
    return SY_OK;
}

/* The sum x of what both hold, and whether it is L or more. */
static sy_status hear_x(const deal *d, size_t n, sy_error *err)
{
    const syi_field *field = &d->demand->field;
    const uint64_t mask = field->width == 4     ? UINT32_MAX
                          : field->modulus == 0 ? UINT64_MAX
                                                : field->modulus - 1;
    room *m = d->room;
    for (int k = 0; k < 2; k++) {
        void *bytes = NULL;
        SY_TRY(hear(d, k, &bytes, n * field->width, err));
        syi_snn_widen(field, m->heard[k], bytes, n); /* which may be too large for the field */
        if (field->width == 8) {
            syi_field_reduce(field, m->heard[k], m->heard[k], n);
        }
    }
    for (size_t k = 0; k < n; k++) {
        const uint64_t a = m->heard[0][k], x = (a + m->heard[1][k]) & mask;
        m->words[k] = x;
        m->extra[k] = syi_snn_less(x, a);
    }
    return SY_OK;
}

static sy_status deal_first(const deal *d, uint64_t tile, sy_error *err)
{
    const size_t n = syi_material_tile(d->demand, tile), size = syi_snn_first(d->demand, n);
    room *m = d->room;
    if (size == 0) {
        return SY_OK;
    }
    SY_TRY(d->demand->kind == SYI_MATERIAL_SNN_MSB ? draw_x(d, tile, n, err) : hear_x(d, n, err));
    SY_TRY(correct_bits(d, tile, m->words, m->message, n, err));
    SY_TRY(correct_words(d, SYI_SNN_EXTRA, tile, m->extra, m->message + d->bits * n, n, err));
    return d->give(d->user, corrected_of(d, tile), &d->demand->item, m->message, size, err);
}

static sy_status blame(const deal *d, int holder, sy_error *err)
{
    const syi_dealer *dealer = d->dealer;
    if (dealer->blame == NULL) {
        return syi_fail(err, SY_EPROTO, "holder %d: it reported digits beyond %d", holder,
                        SYI_DIGIT_PRIME - 1);
    }
    syi_fail(err, SY_EPROTO, "it reported digits beyond %d", SYI_DIGIT_PRIME - 1);
    return dealer->blame(d->user, holder, SY_EPROTO, err);
}

/* How many zeros there are among the digits of each number. */
static sy_status deal_answer(const deal *d, uint64_t tile, sy_error *err)
{
    const size_t n = syi_material_tile(d->demand, tile), size = d->bits * n;
    uint8_t *digits[2] = {NULL, NULL};
    room *m = d->room;
    for (int k = 0; k < 2; k++) {
        void *bytes = NULL;
        SY_TRY(hear(d, k, &bytes, size, err));
        digits[k] = bytes;
        if (!syi_digits_check(digits[k], size)) {
            return blame(d, k, err);
        }
    }
    syi_digits_zeros(m->words, digits[0], digits[1], d->bits, n);
    SY_TRY(correct_words(d, SYI_SNN_ANSWER, tile, m->words, m->message, n, err));
    return d->give(d->user, corrected_of(d, tile), &d->demand->item, m->message,
                   syi_snn_answer(d->demand, n), err);
}

static sy_status deal_comparisons(const deal *d, sy_error *err)
{
    const uint64_t tiles = syi_material_tiles(d->demand);
    for (uint64_t step = 0; step < tiles + SYI_SNN_AHEAD; step++) {
        if (step < tiles) {
            SY_TRY(deal_first(d, step, err));
        }
        if (step >= SYI_SNN_AHEAD) {
            SY_TRY(deal_answer(d, step - SYI_SNN_AHEAD, err));
        }
    }
    return SY_OK;
}

static sy_status deal_one_hot(const deal *d, sy_error *err)
{
    const syi_demand *demand = d->demand;
    room *m = d->room;
    uint64_t place = 0;
    for (int k = 0; k < 2; k++) {
        void *bytes = NULL;
        uint64_t word;
        SY_TRY(hear(d, k, &bytes, sizeof word, err));
        memcpy(&word, bytes, sizeof word);
        place += syi_get_u64le((const uint8_t *)&word);
    }
    place &= demand->count - 1;
    for (uint64_t tile = 0; tile < syi_material_tiles(demand); tile++) {
        const size_t n = syi_material_tile(demand, tile);
        for (size_t k = 0; k < n; k++) {
            m->words[k] = syi_snn_is_zero(place ^ (tile * TILE + k));
        }
        SY_TRY(correct_words(d, SYI_PART_C, tile, m->words, m->message, n, err));
        SY_TRY(d->give(d->user, corrected_of(d, tile), &demand->item, m->message,
                       syi_snn_message(demand, n), err));
    }
    return SY_OK;
}

/* --- streams ----------------------------------------------------------------------------------- */

static sy_status open_part(deal *d, unsigned part, sy_error *err)
{
    for (int k = 0; k < 2; k++) {
        SY_TRY(syi_stream_open(&d->streams[part][k], d->dealer->session, d->dealer->seeds[k],
                               d->demand->kind, &d->demand->item, part, err));
    }
    return SY_OK;
}

static sy_status deal_all(deal *d, sy_error *err)
{
    const syi_material_kind kind = d->demand->kind;
    if (kind == SYI_MATERIAL_SNN_ONE_HOT) {
        SY_TRY(open_part(d, SYI_PART_C, err));
        return deal_one_hot(d, err);
    }
    if (kind == SYI_MATERIAL_SNN_MSB) {
        SY_TRY(open_part(d, SYI_PART_A, err));
    }
    if (kind != SYI_MATERIAL_SNN_COMPARE) {
        SY_TRY(open_part(d, SYI_PART_C, err));
        SY_TRY(open_part(d, SYI_SNN_EXTRA, err));
    }
    SY_TRY(open_part(d, SYI_SNN_ANSWER, err));
    return deal_comparisons(d, err);
}

sy_status syi_snn_deal(const syi_dealer *dealer, const syi_demand *demand, syi_give_fn give,
                       void *user, sy_error *err)
{
    deal d = {.dealer = dealer,
              .demand = demand,
              .odd = syi_snn_odd(&demand->field),
              .answers = syi_snn_answers(demand),
              .bits = syi_snn_bits(demand),
              .give = give,
              .user = user};
    if (dealer->hear == NULL || dealer->holders != 2) {
        return syi_fail(err, SY_ENOTSUP, "SecureNN is for 2 holders, not %d, who can be heard",
                        dealer->holders);
    }
    d.room = syi_block_alloc(dealer->context, sizeof *d.room);
    if (d.room == NULL) {
        return SYI_ENOMEM(err, "material");
    }
    const sy_status status = deal_all(&d, err);
    for (unsigned part = 0; part < PARTS; part++) {
        syi_generator_fini(&d.streams[part][0]);
        syi_generator_fini(&d.streams[part][1]);
    }
    syi_block_free_secret(dealer->context, d.room, sizeof *d.room);
    return status;
}
