/*
 * party_scene.h - holders and a provider on threads, what they share, and a field's arithmetic written once more, slowly, for
 * what is expected. For tests of crypto/.
 */
#ifndef CSYFT_TESTS_PARTY_SCENE_H
#define CSYFT_TESTS_PARTY_SCENE_H

#include <string.h>

#include "support/memory_faults.h"
#include "support/party_threads.h"
#include "support/property.h"

__extension__ typedef unsigned __int128 scene_wide;

/* Sanitizers make these loops several times as long; fewer cases do there. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SCENE_WATCHED = 1 };
#else
enum { SCENE_WATCHED = 0 };
#endif

typedef struct scene {
    failing_allocator memory;
    sy_context *context;
    party_threads *threads;
    party_threads_options options;
    property_random random;
    int holders;
    sy_error err;
} scene;

static inline void scene_open(scene *s, int holders, const party_threads_options *options)
{
    memset(s, 0, sizeof *s);
    s->context = memory_faults_context(&s->memory);
    if (options != NULL) {
        s->options = *options;
    }
    s->options.holders = holders;
    s->options.seed = 7;
    s->options.sequence = 1;
    s->random = property_start("scene");
    s->holders = holders;
    s->threads = party_threads_new(s->context, &s->options);
    assert_non_null(s->threads);
}

static inline void scene_close(scene *s)
{
    party_threads_free(s->threads);
    memory_faults_context_free(&s->memory, s->context);
}

/* Runs a command of its own sequence; all must succeed. */
static inline void scene_run(scene *s, party_program program, void *user)
{
    s->options.sequence++;
    party_threads_set(s->threads, &s->options);
    const bool good = party_threads_run(s->threads, program, user);
    if (!good) {
        print_error("%s\n", party_threads_failure(s->threads));
    }
    assert_true(good);
}

/* --- words ------------------------------------------------------------------------------------- */

static inline uint64_t scene_get(const syi_field *field, const void *words, size_t k)
{
    return field->width == 4 ? ((const uint32_t *)words)[k] : ((const uint64_t *)words)[k];
}

static inline void scene_set(const syi_field *field, void *words, size_t k, uint64_t word)
{
    if (field->width == 4) {
        ((uint32_t *)words)[k] = (uint32_t)word;
    } else {
        ((uint64_t *)words)[k] = word;
    }
}

static inline scene_wide scene_modulus(const syi_field *field)
{
    return field->modulus != 0 ? field->modulus : (scene_wide)1 << (8 * field->width);
}

/* By the definition. */
static inline uint64_t scene_mod(const syi_field *field, scene_wide number)
{
    const scene_wide modulus = scene_modulus(field);
    const scene_wide once = number < modulus ? number : number - modulus;
    return (uint64_t)(once < modulus ? once : once % modulus);
}

static inline uint64_t scene_add(const syi_field *field, uint64_t a, uint64_t b)
{
    return scene_mod(field, (scene_wide)a + b);
}

static inline uint64_t scene_sub(const syi_field *field, uint64_t a, uint64_t b)
{
    return scene_mod(field, (scene_wide)a + scene_modulus(field) - b);
}

static inline uint64_t scene_mul(const syi_field *field, uint64_t a, uint64_t b)
{
    return scene_mod(field, (scene_wide)a * b);
}

/* An element as a signed number in a type that holds all of them. */
__extension__ typedef __int128 scene_number;
static inline scene_number scene_signed(const syi_field *field, uint64_t word)
{
    const scene_wide modulus = scene_modulus(field);
    return word >= (modulus + 1) / 2 ? (scene_number)word - (scene_number)modulus
                                     : (scene_number)word;
}

static inline uint64_t scene_of(const syi_field *field, scene_number number)
{
    const scene_number modulus = (scene_number)scene_modulus(field);
    if (number >= 0 && number < modulus) {
        return (uint64_t)number;
    }
    return (uint64_t)(((number % modulus) + modulus) % modulus);
}

static inline scene_number scene_floor(scene_number a, scene_number b)
{
    if ((int64_t)a == a && (int32_t)b == b) { /* which is much faster */
        return (int64_t)a / (int64_t)b -
               ((int64_t)a % (int64_t)b != 0 && (a < 0) != (b < 0) ? 1 : 0);
    }
    return a / b - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0);
}

/* --- shared values ----------------------------------------------------------------------------- */

/* Every holder's words. */
typedef struct scene_value {
    syi_field field;
    size_t count;
    void *secret; /* what they add up to */
    syi_array shares[PARTY_THREADS_MAX];
} scene_value;

static inline void *scene_words(const scene_value *value, int holder)
{
    return value->shares[holder].storage->data;
}

static inline void scene_new_arrays(scene *s, scene_value *value, int ndim, const int64_t *shape)
{
    const sy_dtype dtype = value->field.width == 4 ? SY_DTYPE_I32 : SY_DTYPE_I64;
    for (int k = 0; k < s->holders; k++) {
        assert_ok(syi_array_new(s->context, &value->shares[k], dtype, ndim, shape, NULL, &s->err),
                  &s->err);
    }
    value->count = (size_t)syi_array_numel(&value->shares[0]);
    value->secret = calloc(value->count + 1, sizeof(uint64_t));
    assert_non_null(value->secret);
}

/* Shares of what is in `secret`, uniform. */
static inline void scene_share(scene *s, scene_value *value)
{
    const syi_field *f = &value->field;
    const uint64_t start = property_next(&s->random);
    uint8_t seed[SYI_SEED_SIZE] = {0};
    syi_generator g;
    memcpy(seed, &start, sizeof start);
    memcpy(scene_words(value, 0), value->secret, value->count * f->width);
    for (int h = 1; h < s->holders; h++) {
        const char name = (char)h;
        assert_ok(syi_generator_init(&g, seed, &name, 1, &s->err), &s->err);
        assert_ok(syi_field_draw(f, &g, 0, scene_words(value, h), value->count, &s->err), &s->err);
        syi_field_sub(f, scene_words(value, 0), scene_words(value, 0), scene_words(value, h),
                      value->count);
        syi_generator_fini(&g);
    }
}

/* Zeros, not shared yet. */
static inline void scene_value_blank(scene *s, scene_value *value, const syi_field *field, int ndim,
                                     const int64_t *shape)
{
    memset(value, 0, sizeof *value);
    value->field = *field;
    scene_new_arrays(s, value, ndim, shape);
}

/* A random one. */
static inline void scene_value_new(scene *s, scene_value *value, const syi_field *field, int ndim,
                                   const int64_t *shape)
{
    scene_value_blank(s, value, field, ndim, shape);
    for (size_t k = 0; k < value->count; k++) {
        scene_set(field, value->secret, k, scene_mod(field, property_next(&s->random)));
    }
    scene_share(s, value);
}

static inline void scene_vector(scene *s, scene_value *value, const syi_field *field, size_t count)
{
    scene_value_new(s, value, field, 1, (const int64_t[]){(int64_t)count});
}

static inline void scene_value_free(scene *s, scene_value *value)
{
    for (int k = 0; k < s->holders; k++) {
        syi_array_fini(&value->shares[k]);
    }
    free(value->secret);
}

/* The sum of all holders' words `k`. */
static inline uint64_t scene_sum(const scene *s, const scene_value *value, size_t k)
{
    uint64_t sum = 0;
    for (int h = 0; h < s->holders; h++) {
        sum = scene_add(&value->field, sum, scene_get(&value->field, scene_words(value, h), k));
    }
    return sum;
}

/* Every element's shares add up to `secret`. */
static inline void scene_check(const scene *s, const scene_value *value)
{
    for (size_t k = 0; k < value->count; k++) {
        const uint64_t expected = scene_get(&value->field, value->secret, k);
        const uint64_t actual = scene_sum(s, value, k);
        if (actual != expected) {
            fail_msg("element %zu of %zu, %d holders, modulus %" PRIu64 ": %" PRIu64
                     ", expected %" PRIu64,
                     k, value->count, s->holders, value->field.modulus, actual, expected);
        }
    }
}

/* Of 255 degrees of freedom; 360 is passed once in 10^5 times. */
static inline double scene_chi_square(const uint8_t *bytes, size_t size)
{
    size_t counts[256] = {0};
    double sum = 0;
    for (size_t k = 0; k < size; k++) {
        counts[bytes[k]]++;
    }
    for (int k = 0; k < 256; k++) {
        const double expected = (double)size / 256, off = (double)counts[k] - expected;
        sum += off * off / expected;
    }
    return sum;
}

#endif
