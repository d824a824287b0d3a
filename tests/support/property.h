/*
 * property.h - seeds and random draws for property tests. CSYFT_TEST_SEED repeats a run,
 * CSYFT_TEST_ITERS lengthens it. The seed is printed, so that a failure can be repeated.
 */
#ifndef CSYFT_TESTS_PROPERTY_H
#define CSYFT_TESTS_PROPERTY_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* splitmix64: any start value is good. */
typedef struct property_random {
    uint64_t state;
} property_random;

static inline property_random property_start(const char *name)
{
    const char *text = getenv("CSYFT_TEST_SEED");
    property_random random = {text != NULL ? strtoull(text, NULL, 0) : 1};
    printf("%s: CSYFT_TEST_SEED=%" PRIu64 "\n", name, random.state);
    return random;
}

/* What compute-bound loops and sizes are divided by where the thread sanitizer watches every access. */
#if defined(__SANITIZE_THREAD__)
enum { TEST_SLOWNESS = 10 };
#else
enum { TEST_SLOWNESS = 1 };
#endif

static inline long property_iterations(long usual)
{
    const char *text = getenv("CSYFT_TEST_ITERS");
    return text != NULL ? strtol(text, NULL, 0) : usual;
}

static inline uint64_t property_next(property_random *random)
{
    uint64_t z = random->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* low <= result <= high */
static inline int64_t property_between(property_random *random, int64_t low, int64_t high)
{
    uint64_t span = (uint64_t)high - (uint64_t)low + 1;
    uint64_t draw = property_next(random);
    return (int64_t)((uint64_t)low + (span == 0 ? draw : draw % span));
}

#endif
