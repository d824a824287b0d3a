/*
 * context.c - making and freeing a context, its clock and its randomness. Core room.
 * Allocation is in memory.c, the log in log.c, the pool in pool.c. Test: context_test.c.
 */
#include <csyft/context.h>

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "core/context_internal.h"
#include "core/error.h"

static sy_status check_options(const sy_context_options *options, sy_error *err)
{
    if (options->size != sizeof *options) {
        return syi_fail(err, SY_EINVAL,
                        "context options: size is %zu, this library expects %zu; start from "
                        "SY_CONTEXT_OPTIONS_INIT",
                        options->size, sizeof *options);
    }
    if ((options->allocator.allocate == NULL) != (options->allocator.release == NULL)) {
        return syi_fail(err, SY_EINVAL,
                        "context options: an allocator needs both allocate and release");
    }
    if (options->random != NULL && options->test_seed != 0) {
        return syi_fail(err, SY_EINVAL, "context options: random and test_seed exclude each other");
    }
    if (options->pool_threads > SYI_POOL_THREADS_MAX) {
        return syi_fail(err, SY_EINVAL, "context options: pool_threads is %u, at most %u",
                        options->pool_threads, SYI_POOL_THREADS_MAX);
    }
    return SY_OK;
}

sy_status sy_context_new(sy_context **context, const sy_context_options *options, sy_error *err)
{
    static const sy_context_options defaults = SY_CONTEXT_OPTIONS_INIT;
    *context = NULL;
    if (options == NULL) {
        options = &defaults;
    }
    SY_TRY(check_options(options, err));
    syi_log_filter filter;
    SY_TRY(syi_log_filter_parse(&filter, options->log_filter, err));

    /* A context that only allocates, to make the memory of the real one. */
    sy_context seed = {.allocator = options->allocator};
    sy_context *made = syi_alloc(&seed, sizeof *made);
    if (made == NULL) {
        return SYI_ENOMEM(err, "context");
    }
    made->allocator = options->allocator;
    made->log = options->log;
    made->log_user = options->log_user;
    made->random = options->random;
    made->random_user = options->random_user;
    made->clock = options->clock;
    made->clock_user = options->clock_user;
    made->test_seed = options->test_seed;
    made->log_filter = filter;
    atomic_init(&made->test_blocks, 0);
    syi_account_init(&made->account, "context memory", options->memory_limit, NULL);
    const sy_status status = syi_pool_init(&made->pool, options->pool_threads, err);
    if (status != SY_OK) {
        syi_free(&seed, made, sizeof *made);
        return status;
    }
    syi_blocks_init(&made->blocks);
    *context = made;
    return SY_OK;
}

void *syi_context_get_slot(sy_context *context, syi_context_slot slot)
{
    return (void *)atomic_load_explicit(&context->slots[slot], memory_order_acquire);
}

void *syi_context_set_slot(sy_context *context, syi_context_slot slot, void *value,
                           void (*release)(void *value))
{
    uintptr_t there = 0;
    if (!atomic_compare_exchange_strong_explicit(&context->slots[slot], &there, (uintptr_t)value,
                                                 memory_order_acq_rel, memory_order_acquire)) {
        return (void *)there;
    }
    context->slot_release[slot] = release; /* read only by sy_context_free */
    return value;
}

static void release_slots(sy_context *context)
{
    for (int slot = 0; slot < SYI_CONTEXT_SLOT_COUNT; slot++) {
        void *value = syi_context_get_slot(context, (syi_context_slot)slot);
        if (value != NULL) {
            void (*release)(void *) = context->slot_release[slot];
            release(value);
        }
    }
}

void sy_context_free(sy_context *context)
{
    if (context == NULL) {
        return;
    }
    syi_pool_fini(context, &context->pool);
    release_slots(context);
    syi_blocks_fini(context, &context->blocks);
    sy_context seed = {.allocator = context->allocator};
    syi_free_secret(&seed, context, sizeof *context);
}

sy_memory_use sy_context_get_memory_use(const sy_context *context)
{
    return (sy_memory_use){
        .used = atomic_load_explicit(&context->account.used, memory_order_relaxed),
        .peak = atomic_load_explicit(&context->account.peak, memory_order_relaxed),
        .limit = context->account.limit,
    };
}

uint64_t syi_clock_now(const sy_context *context)
{
    if (context->clock != NULL) {
        return context->clock(context->clock_user);
    }
    struct timespec now = {0, 0};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

/* SplitMix64 (Steele, Lea, Flood, 2014) as a counter: block n of the stream of a seed. */
static uint64_t test_block(uint64_t seed, uint64_t block)
{
    uint64_t z = seed + (block + 1) * UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

/* Each call takes the next whole blocks, so concurrent callers never share one; the stream is the same
 * in every run as long as one thread asks. */
static void test_stream(sy_context *context, uint8_t *out, size_t size)
{
    const uint64_t blocks = (uint64_t)size / 8 + (size % 8 != 0);
    uint64_t block = atomic_fetch_add_explicit(&context->test_blocks, blocks, memory_order_relaxed);
    for (size_t at = 0; at < size; at += 8) {
        const uint64_t word = test_block(context->test_seed, block++);
        memcpy(out + at, &word, size - at < 8 ? size - at : 8);
    }
}

static bool system_random(uint8_t *out, size_t size)
{
    size_t at = 0;
    while (at < size) {
        const ssize_t got = getrandom(out + at, size - at, 0);
        if (got > 0) {
            at += (size_t)got;
        } else if (got == 0 || errno != EINTR) {
            return false;
        }
    }
    return true;
}

sy_status syi_random_bytes(sy_context *context, void *buffer, size_t size, sy_error *err)
{
    if (size == 0) {
        return SY_OK;
    }
    bool filled = true;
    if (context->random != NULL) {
        filled = context->random(context->random_user, buffer, size);
    } else if (context->test_seed != 0) {
        test_stream(context, buffer, size);
    } else {
        filled = system_random(buffer, size);
    }
    if (!filled) {
        syi_wipe(buffer, size); /* half a key looks like a whole one */
        return syi_fail(err, SY_EIO, "random: the source gave no %zu bytes", size);
    }
    return SY_OK;
}
