/*
 * comparison_scene.h - a comparison (crypto/comparison.h) of any family on the parties of party_scene.h, and what is right.
 */
#ifndef CSYFT_TESTS_COMPARISON_SCENE_H
#define CSYFT_TESTS_COMPARISON_SCENE_H

#include "crypto/comparison.h"
#include "support/party_scene.h"

typedef struct comparison_job {
    syi_comparison comparison; /* outcome NONE: equality with zero */
    bool in_place;
    scene_value x, z;
} comparison_job;

static inline sy_status comparison_run(syi_party *party, void *user, sy_error *err)
{
    const comparison_job *j = user;
    const int h = party->channel->index;
    void *x = scene_words(&j->x, h), *z = j->in_place ? x : scene_words(&j->z, h);
    return j->comparison.outcome == SYI_OUTCOME_NONE
               ? syi_compare_zero(party, j->comparison.family, j->comparison.range, &j->x.field, z,
                                  x, j->x.count, err)
               : syi_compare(party, &j->comparison, &j->x.field, z, x, j->x.count, err);
}

/* Shares of zeros; quotients are by a power of about a quarter of the bits, or by 3. */
static inline void comparison_open(scene *s, comparison_job *j, syi_family family,
                                   const syi_field *field, size_t count, syi_outcome outcome)
{
    const int64_t shape[] = {(int64_t)count};
    const unsigned shift = syi_field_bits(field) / 4;
    *j = (comparison_job){.comparison = {.family = family, .outcome = outcome}};
    j->comparison.shift = outcome == SYI_OUTCOME_RELU_SHIFT ? shift : 0;
    j->comparison.divisor = outcome == SYI_OUTCOME_RELU_DIVIDE ? 3 : 0;
    scene_value_blank(s, &j->x, field, 1, shape);
    scene_value_blank(s, &j->z, field, 1, shape);
    scene_share(s, &j->x);
}

static inline void comparison_close(scene *s, comparison_job *j)
{
    scene_value_free(s, &j->x);
    scene_value_free(s, &j->z);
}

/* Shares of one number everywhere. */
static inline void comparison_fill(scene *s, comparison_job *j, int64_t number)
{
    for (size_t e = 0; e < j->x.count; e++) {
        scene_set(&j->x.field, j->x.secret, e, scene_of(&j->x.field, number));
    }
    scene_share(s, &j->x);
}

/* The quotient of a number that is not negative is off by less than 1. */
static inline bool comparison_is_right(const syi_comparison *comparison, const syi_field *field,
                                       uint64_t x, uint64_t z)
{
    const scene_number number = scene_signed(field, x);
    const uint64_t divisor =
        comparison->divisor != 0 ? comparison->divisor : (uint64_t)1 << comparison->shift;
    switch (comparison->outcome) {
    case SYI_OUTCOME_NONE:
        return z == (x == 0 ? 1 : 0);
    case SYI_OUTCOME_BIT:
        return z == (number >= 0 ? 1 : 0);
    case SYI_OUTCOME_RELU:
        return z == (number >= 0 ? x : 0);
    default:
        return number < 0 ? z == 0 : z == x / divisor || (x % divisor != 0 && z == x / divisor + 1);
    }
}

/* All results of the last run. */
static inline void comparison_check(const scene *s, const comparison_job *j)
{
    const syi_field *field = &j->x.field;
    const scene_value *z = j->in_place ? &j->x : &j->z;
    for (size_t k = 0; k < j->x.count; k++) {
        const uint64_t x = scene_get(field, j->x.secret, k), got = scene_sum(s, z, k);
        if (!comparison_is_right(&j->comparison, field, x, got)) {
            fail_msg("%s, outcome %d, shift %u, divisor %" PRIu64
                     ", range %u, %d holders, modulus %" PRIu64 ", element %zu of %zu: of %" PRIu64
                     " it made %" PRIu64,
                     syi_family_name(j->comparison.family), (int)j->comparison.outcome,
                     j->comparison.shift, j->comparison.divisor, j->comparison.range, s->holders,
                     field->modulus, k, j->x.count, x, got);
        }
    }
}

/* After a run by two holders: what they have sent is uniform as far as one can see, and what was dealt is that and the same as in the first run
 * (first[h] NULL: this one is it; freed by the caller). */
static inline void comparison_look(const scene *s, const comparison_job *j, uint8_t *first[2])
{
    for (int h = 0; h < 2; h++) {
        size_t size;
        const uint8_t *sent = party_threads_sent(s->threads, h, &size);
        assert_true(size > j->x.count * 8 && scene_chi_square(sent, size) < 360);
        const uint8_t *dealt = party_threads_dealt(s->threads, h, &size);
        assert_true(size > 512 * 20 && scene_chi_square(dealt, size) < 360);
        if (first[h] == NULL) {
            first[h] = malloc(size);
            memcpy(first[h], dealt, size);
        }
        assert_memory_equal(first[h], dealt, size);
    }
}

#endif
