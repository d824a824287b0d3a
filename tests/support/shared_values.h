/*
 * shared_values.h - holders for tests of secret sharing, on worker_kinds.h: alice and bob, more of the same kind where a
 * test asks for them, and a provider, which is another worker of the kind or the client itself.
 */
#ifndef CSYFT_TESTS_SHARED_VALUES_H
#define CSYFT_TESTS_SHARED_VALUES_H

#include <csyft/sharing.h>

#include "support/worker_kinds.h"

#define SHARING_HOLDERS_MAX 4

typedef struct sharing {
    workers *w;
    sy_worker *holders[SHARING_HOLDERS_MAX];
    sy_worker *serving[SHARING_HOLDERS_MAX];
    size_t count;
    sy_worker *provider; /* NULL: the client */
} sharing;

/* `james` provides; otherwise the client does. */
static inline sharing sharing_of(workers *w, size_t count, bool james)
{
    sharing s = {.w = w, .count = count};
    static const char *const more[] = {"carol", "dave"};
    s.holders[0] = w->bob;
    s.serving[0] = w->bob_serving;
    s.holders[1] = w->alice;
    s.serving[1] = w->alice_serving;
    for (size_t k = 2; k < count; k++) {
        s.holders[k] = workers_add(w, more[k - 2], &s.serving[k]);
    }
    s.provider = james ? workers_add(w, "james", NULL) : NULL;
    return s;
}

static inline sy_tensor *sharing_share(const sharing *s, sy_tensor *tensor)
{
    sy_tensor *shared = NULL;
    assert_ok(sy_tensor_share(tensor, &shared, s->holders, s->count, s->provider, &s->w->err),
              &s->w->err);
    return sy_scope_adopt(s->w->s, shared);
}

static inline sy_tensor *sharing_longs(const sharing *s, int64_t count, const int64_t *data)
{
    return sharing_share(s, workers_longs(s->w, count, data));
}
#define SHARED(s, ...)                                                           \
    sharing_longs((s), sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t), \
                  (const int64_t[]){__VA_ARGS__})

static inline sy_tensor *sharing_fixed(const sharing *s, sy_tensor *floats, int64_t precision)
{
    sy_tensor *fixed = NULL;
    sy_precision_options options = SY_PRECISION_OPTIONS_INIT;
    options.precision_fractional = precision;
    assert_ok(sy_tensor_fix_precision(floats, &fixed, &options, &s->w->err), &s->w->err);
    sy_tensor *shared = sharing_share(s, fixed);
    sy_tensor_unref(fixed);
    return shared;
}
#define SHARED_FIXED(s, precision, ...) sharing_fixed((s), FLOATS((s)->w, __VA_ARGS__), (precision))

/* What a shared tensor holds; of fixed precision as reals. The shares go. */
static inline sy_tensor *sharing_value(const sharing *s, sy_tensor *shared)
{
    sy_tensor *value = NULL, *reals = NULL;
    assert_ok(sy_tensor_get(shared, &value, &s->w->err), &s->w->err);
    if (sy_tensor_is_fixed_precision(value)) {
        assert_ok(sy_tensor_float_precision(value, &reals, &s->w->err), &s->w->err);
        sy_tensor_unref(value);
        value = reals;
    }
    return sy_scope_adopt(s->w->s, value);
}
#define assert_shared(s, shared, ...) \
    assert_floats((s)->w, sharing_value((s), (shared)), __VA_ARGS__)

#endif
