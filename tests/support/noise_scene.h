/* noise_scene.h - a source of noise that CSYFT_TEST_SEED repeats, on an allocator that sees leaks. */
#ifndef CSYFT_TESTS_NOISE_SCENE_H
#define CSYFT_TESTS_NOISE_SCENE_H

#include <csyft/mechanisms.h>

#include "support/failing_allocator.h"
#include "support/property.h"
#include "support/test.h"

/* What numbers of draws are divided by where a sanitizer watches. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { NOISE_SLOWNESS = 8 };
#else
enum { NOISE_SLOWNESS = 1 };
#endif

typedef struct noise_scene {
    failing_allocator memory;
    sy_context *context;
    sy_noise *noise;
    sy_error err;
} noise_scene;

static inline int noise_scene_setup(void **state)
{
    noise_scene *s = calloc(1, sizeof *s);
    sy_context_options options = SY_CONTEXT_OPTIONS_INIT;
    property_random random = property_start("noise");
    options.allocator = failing_allocator_get(&s->memory);
    options.test_seed = property_next(&random) | 1;
    assert_ok(sy_context_new(&s->context, &options, &s->err), &s->err);
    assert_ok(sy_noise_new(s->context, &s->noise, &s->err), &s->err);
    *state = s;
    return 0;
}

static inline int noise_scene_teardown(void **state)
{
    noise_scene *s = *state;
    sy_noise_free(s->noise);
    sy_context_free(s->context);
    const bool broken = s->memory.live != 0 || s->memory.broken;
    free(s);
    return broken;
}

#define noise_scene_test(test) \
    cmocka_unit_test_setup_teardown(test, noise_scene_setup, noise_scene_teardown)

#endif
