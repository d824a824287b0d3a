/*
 * snn_scene.h - what tests of SecureNN (crypto/snn.h) run on the parties of party_scene.h: its programs by name, with what is
 * expected of them, and comparisons of bits.
 */
#ifndef CSYFT_TESTS_SNN_SCENE_H
#define CSYFT_TESTS_SNN_SCENE_H

#include "crypto/snn.h"
#include "support/party_scene.h"

static const syi_field rings[] = {
    SYI_FIELD_64, SYI_FIELD_32, {UINT64_C(1) << 62, 8}, {256, 8}, {16, 8}};
enum { RINGS = sizeof rings / sizeof rings[0], LARGE_RINGS = 3 };

typedef enum step {
    CONVERT,
    MSB,
    DERIV,
    RELU,
    EQUAL,
    DIVIDE,
    DIVIDE_ONE,
    MAX,
    MAX_DERIV,
    SELECT
} step;

typedef struct job {
    step step;
    scene_value x, y, z, w;
    syi_field ring;
    unsigned bits;
    uint64_t rows;
    bool in_place;
} job;

static inline sy_status run_step(syi_party *party, void *user, sy_error *err)
{
    const job *j = user;
    const int h = party->channel->index;
    const syi_field *f = &j->ring;
    const uint64_t n = j->x.count;
    void *x = scene_words(&j->x, h), *z = j->in_place ? x : scene_words(&j->z, h);
    switch (j->step) {
    case CONVERT:
        return syi_snn_share_convert(party, f, z, x, n, err);
    case MSB:
        return syi_snn_msb(party, f, z, x, n, err);
    case DERIV:
        return syi_snn_relu_deriv(party, f, z, x, n, err);
    case RELU:
        return syi_snn_relu(party, f, z, x, n, err);
    case EQUAL:
        return syi_snn_equal(party, f, z, x, n, err);
    case DIVIDE:
    case DIVIDE_ONE:
        return syi_snn_division(party, f, z, x, scene_words(&j->y, h), j->step == DIVIDE_ONE,
                                j->bits, n, err);
    case MAX:
        return syi_snn_maxpool(party, f, z, scene_words(&j->w, h), x, j->rows, n / j->rows, err);
    case MAX_DERIV:
        return syi_snn_maxpool_deriv(party, f, z, x, n, err);
    default:
        return syi_snn_select_share(party, f, z, scene_words(&j->w, h), x, scene_words(&j->y, h), n,
                                    err);
    }
}

static const syi_field *field_of_x(const job *j, syi_field *odd)
{
    *odd = syi_snn_odd(&j->ring);
    return j->step == MSB ? odd : &j->ring;
}

/* x of `count` numbers, as yet zeros; y, w and z of as many as the step needs. */
static inline void job_open(scene *s, job *j, step what, const syi_field *ring, size_t count)
{
    const int64_t shape[] = {(int64_t)count};
    syi_field odd;
    memset(j, 0, sizeof *j);
    j->step = what;
    j->ring = *ring;
    j->rows = 1;
    j->bits = syi_field_bits(ring) / 2;
    scene_value_blank(s, &j->x, field_of_x(j, &odd), 1, shape);
    scene_value_blank(s, &j->z, what == CONVERT ? &odd : ring, 1, shape);
    scene_value_blank(s, &j->y, ring, 1, shape);
    scene_value_blank(s, &j->w, ring, 1, shape);
}

static inline void job_close(scene *s, job *j)
{
    scene_value_free(s, &j->x);
    scene_value_free(s, &j->y);
    scene_value_free(s, &j->z);
    scene_value_free(s, &j->w);
}

static inline void put(scene_value *value, size_t count, const int64_t *numbers)
{
    for (size_t k = 0; k < count; k++) {
        scene_set(&value->field, value->secret, k, scene_of(&value->field, numbers[k]));
    }
}

static inline void run_job(scene *s, job *j)
{
    scene_share(s, &j->x);
    scene_share(s, &j->y);
    scene_share(s, &j->w);
    scene_run(s, run_step, j);
}

static inline void check_numbers(const scene *s, const scene_value *z, size_t count,
                                 const int64_t *expected)
{
    for (size_t k = 0; k < count; k++) {
        assert_int_equal(scene_sum(s, z, k), scene_of(&z->field, expected[k]));
    }
}

/* --- private_compare --------------------------------------------------------------------------- */

typedef struct comparing {
    syi_field field;
    unsigned bits;
    size_t count;
    uint64_t *x, *r;
    bool plain; /* holder 0's shares are the bits, the other one's 0 */
    uint8_t *beta, *shares[3];
    scene_value z;
} comparing;

static inline sy_status run_comparing(syi_party *party, void *user, sy_error *err)
{
    const comparing *c = user;
    const int h = party->channel->index;
    return syi_snn_private_compare(party, &c->field, scene_words(&c->z, h), c->shares[h], c->r,
                                   c->beta, c->bits, c->count, err);
}

static inline void comparing_open(scene *s, comparing *c, const syi_field *field, unsigned bits,
                                  size_t count)
{
    const int64_t shape[] = {(int64_t)count};
    *c = (comparing){.field = *field, .bits = bits, .count = count};
    c->x = calloc(count, sizeof *c->x);
    c->r = calloc(count, sizeof *c->r);
    c->beta = calloc(count, 1);
    for (int h = 0; h < 3; h++) {
        c->shares[h] = calloc(count, bits);
    }
    scene_value_blank(s, &c->z, field, 1, shape);
}

static inline void comparing_close(scene *s, comparing *c)
{
    free(c->x);
    free(c->r);
    free(c->beta);
    for (int h = 0; h < 3; h++) {
        free(c->shares[h]);
    }
    scene_value_free(s, &c->z);
}

static inline void share_bits(scene *s, comparing *c)
{
    const syi_field words = SYI_FIELD_64;
    syi_snn_decompose(&words, c->shares[0], c->x, c->bits, c->count);
    for (size_t k = 0; k < c->count * c->bits && !c->plain; k++) {
        c->shares[1][k] = (uint8_t)(property_next(&s->random) % SYI_DIGIT_PRIME);
        c->shares[0][k] =
            (uint8_t)((c->shares[0][k] + SYI_DIGIT_PRIME - c->shares[1][k]) % SYI_DIGIT_PRIME);
    }
}

static inline void check_comparing(scene *s, comparing *c)
{
    share_bits(s, c);
    scene_run(s, run_comparing, c);
    for (size_t k = 0; k < c->count; k++) {
        const uint64_t expected = c->beta[k] ^ (c->x[k] > c->r[k] ? 1u : 0u);
        if (scene_sum(s, &c->z, k) != expected) {
            fail_msg("%u bits, x %" PRIu64 ", r %" PRIu64 ", beta %d: not %" PRIu64, c->bits,
                     c->x[k], c->r[k], c->beta[k], expected);
        }
    }
}

/* --- every number ------------------------------------------------------------------------------ */

static inline uint64_t expected_of(const job *j, uint64_t x)
{
    const scene_number number = scene_signed(&j->ring, x);
    const scene_wide half = scene_modulus(&j->ring) / 2;
    switch (j->step) {
    case CONVERT: /* the last number of Z_L is 0 in Z_(L-1) */
        return x == scene_modulus(&j->ring) - 1 ? 0 : x;
    case MSB:
        return x >= half ? 1 : 0;
    case DERIV:
        return number >= 0 ? 1 : 0;
    case RELU:
        return number >= 0 ? x : 0;
    default:
        return x == 0 ? 1 : 0;
    }
}

static inline void check_step(scene *s, job *j)
{
    run_job(s, j);
    const scene_value *z = j->in_place ? &j->x : &j->z;
    for (size_t k = 0; k < j->x.count; k++) {
        const uint64_t x = scene_get(&j->x.field, j->x.secret, k), expected = expected_of(j, x);
        if (scene_sum(s, z, k) != expected) {
            fail_msg("step %d, modulus %" PRIu64 ", element %zu, %" PRIu64 ": %" PRIu64
                     ", expected %" PRIu64,
                     (int)j->step, j->ring.modulus, k, x, scene_sum(s, z, k), expected);
        }
    }
}

#endif
