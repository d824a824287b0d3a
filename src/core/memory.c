/* memory.c - allocation through the context, sizes, accounts. Core room. Test: memory_test.c. */
#include "core/memory.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/context_internal.h"
#include "core/error.h"

/* What malloc gives on the machines we build for. */
#define PLAIN_ALIGNMENT 16

/* From here on calloc, which need not touch pages fresh from the system; below, malloc with memset,
 * which uses the thread's cache of small blocks (glibc's calloc does not). */
#define CALLOC_FROM ((size_t)64 * 1024)

/* Tensors of this size are laid on huge pages where the system has them: filling fresh memory otherwise
 * costs a fault per 4 KiB, several times the copy itself. */
#define HUGE_FROM ((size_t)8 << 20)
#define HUGE_PAGE ((size_t)2 << 20)

_Static_assert(_Alignof(max_align_t) >= PLAIN_ALIGNMENT, "malloc must align to 16 bytes");

/* malloc(0) may be NULL, and an allocator of the caller's is not asked to know better. */
static inline size_t at_least_one(size_t size)
{
    return size == 0 ? 1 : size;
}

void *syi_alloc(sy_context *context, size_t size)
{
    const size_t bytes = at_least_one(size);
    void *memory;
    if (context->allocator.allocate != NULL) {
        memory = context->allocator.allocate(context->allocator.user, bytes, PLAIN_ALIGNMENT);
    } else if (bytes >= CALLOC_FROM) {
        return calloc(1, bytes);
    } else {
        memory = malloc(bytes);
    }
    return memory == NULL ? NULL : memset(memory, 0, bytes);
}

void *syi_alloc_aligned(sy_context *context, size_t size, size_t alignment)
{
    assert(alignment != 0 && (alignment & (alignment - 1)) == 0);
    const size_t bytes = at_least_one(size);
    const size_t boundary = alignment < PLAIN_ALIGNMENT ? PLAIN_ALIGNMENT : alignment;
    if (context->allocator.allocate != NULL) {
        return context->allocator.allocate(context->allocator.user, bytes, boundary);
    }
    if (boundary == PLAIN_ALIGNMENT) {
        return malloc(bytes);
    }
    void *memory = NULL;
    if (bytes >= HUGE_FROM && boundary <= HUGE_PAGE) {
        if (posix_memalign(&memory, HUGE_PAGE, bytes) != 0) {
            return NULL;
        }
        madvise(memory, bytes, MADV_HUGEPAGE); /* advice: what it answers does not matter */
        return memory;
    }
    return posix_memalign(&memory, boundary, bytes) == 0 ? memory : NULL;
}

void syi_free(sy_context *context, void *memory, size_t size)
{
    if (memory == NULL) {
        return;
    }
    if (context->allocator.allocate != NULL) {
        context->allocator.release(context->allocator.user, memory, at_least_one(size));
    } else {
        free(memory);
    }
}

/*
 * glibc copies from some 4 KiB on by "rep movsb", which some processors do byte by byte when the target lies up to 31
 * bytes behind the source modulo 4 KiB (Zen 3, rows of 8 KiB rolled by 3 floats: 11.7 ms for 16 MiB instead of 1.8).
 * Smaller pieces go through vectors.
 */
#define SLOW_FROM ((size_t)2048)
#define QUICK_PIECE ((size_t)1024)
void syi_copy_bytes(void *to, const void *from, size_t size)
{
    const uintptr_t behind = ((uintptr_t)to - (uintptr_t)from) % 4096;
    uint8_t *target = to;
    const uint8_t *source = from;
    while (size > SLOW_FROM && behind - 1 < 31) {
        memcpy(target, source, QUICK_PIECE);
        target += QUICK_PIECE;
        source += QUICK_PIECE;
        size -= QUICK_PIECE;
    }
    memcpy(target, source, size);
}

void syi_wipe(void *memory, size_t size)
{
    if (size != 0) {
        explicit_bzero(memory, size);
    }
}

void syi_free_secret(sy_context *context, void *memory, size_t size)
{
    if (memory != NULL) {
        syi_wipe(memory, size);
        syi_free(context, memory, size);
    }
}

void *syi_alloc_array(sy_context *context, size_t count, size_t item)
{
    size_t bytes;
    return syi_size_mul(count, item, &bytes) ? syi_alloc(context, bytes) : NULL;
}

char *syi_string_copy(sy_context *context, const char *text)
{
    if (text == NULL) {
        return NULL;
    }
    const size_t size = strlen(text) + 1;
    char *copy = syi_alloc(context, size);
    return copy == NULL ? NULL : memcpy(copy, text, size);
}

void syi_string_free(sy_context *context, char *text)
{
    if (text != NULL) {
        syi_free(context, text, strlen(text) + 1);
    }
}

bool syi_size_mul(size_t a, size_t b, size_t *product)
{
    return !__builtin_mul_overflow(a, b, product);
}

bool syi_size_add(size_t a, size_t b, size_t *sum)
{
    return !__builtin_add_overflow(a, b, sum);
}

void syi_account_init(syi_account *account, const char *name, uint64_t limit, syi_account *parent)
{
    account->parent = parent;
    account->name = name;
    account->limit = limit;
    atomic_init(&account->used, 0);
    atomic_init(&account->peak, 0);
}

static bool fits(const syi_account *account, uint64_t used, uint64_t bytes)
{
    const uint64_t limit = account->limit == 0 ? UINT64_MAX : account->limit;
    return used <= limit && bytes <= limit - used;
}

static sy_status refuse(const syi_account *account, uint64_t used, uint64_t bytes, sy_error *err)
{
    if (account->limit == 0) {
        return syi_fail_object(err, SY_ELIMIT, account->name,
                               "%s: %" PRIu64 " bytes asked for with %" PRIu64
                               " in use pass what can be counted",
                               account->name, bytes, used);
    }
    return syi_fail_object(err, SY_ELIMIT, account->name,
                           "%s: %" PRIu64 " bytes asked for with %" PRIu64
                           " in use pass the limit of %" PRIu64,
                           account->name, bytes, used, account->limit);
}

static void raise_peak(syi_account *account, uint64_t used)
{
    uint_fast64_t peak = atomic_load_explicit(&account->peak, memory_order_relaxed);
    while (peak < used &&
           !atomic_compare_exchange_weak_explicit(&account->peak, &peak, used, memory_order_relaxed,
                                                  memory_order_relaxed)) {
    }
}

/* The account itself comes before its parents: a caller above its own limit then never shows, even
 * for a moment, in an account that others share. Depth of the recursion: the few levels of accounts. */
sy_status syi_account_charge(syi_account *account, uint64_t bytes, sy_error *err)
{
    uint_fast64_t used = atomic_load_explicit(&account->used, memory_order_relaxed);
    do {
        if (!fits(account, used, bytes)) {
            return refuse(account, used, bytes, err);
        }
    } while (!atomic_compare_exchange_weak_explicit(&account->used, &used, used + bytes,
                                                    memory_order_relaxed, memory_order_relaxed));
    if (account->parent != NULL) {
        const sy_status status = syi_account_charge(account->parent, bytes, err);
        if (status != SY_OK) {
            atomic_fetch_sub_explicit(&account->used, bytes, memory_order_relaxed);
            return status;
        }
    }
    raise_peak(account, used + bytes);
    return SY_OK;
}

sy_status syi_account_check(const syi_account *account, uint64_t bytes, sy_error *err)
{
    for (const syi_account *at = account; at != NULL; at = at->parent) {
        const uint64_t used = atomic_load_explicit(&at->used, memory_order_relaxed);
        if (!fits(at, used, bytes)) {
            return refuse(at, used, bytes, err);
        }
    }
    return SY_OK;
}

sy_status syi_account_check_room(const syi_account *account, uint64_t bytes, sy_error *err)
{
    SY_TRY(syi_account_check(account, bytes, err));
    if (bytes > UINT64_C(1) << 30) {
        const uint64_t pages = (uint64_t)sysconf(_SC_PHYS_PAGES);
        const uint64_t machine = pages * (uint64_t)sysconf(_SC_PAGESIZE);
        if (bytes > machine) {
            return syi_fail(err, SY_ELIMIT,
                            "%" PRIu64 " bytes are asked for, this machine has %" PRIu64, bytes,
                            machine);
        }
    }
    return SY_OK;
}

void syi_account_release(syi_account *account, uint64_t bytes)
{
    for (syi_account *at = account; at != NULL; at = at->parent) {
        const uint64_t before = atomic_fetch_sub_explicit(&at->used, bytes, memory_order_relaxed);
        assert(before >= bytes);
        (void)before;
    }
}

syi_account *syi_context_get_account(sy_context *context)
{
    return &context->account;
}
