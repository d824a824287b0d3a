/*
 * id_provider.c - fresh ids without a memory of them. Core room. Test: id_provider_test.c.
 *
 * The n-th fresh id is P(n), where P is a permutation of [0, SY_ID_SPACE) under a random key: a Feistel
 * network on 37 bits (18 and 19, changed in turns), applied again while its result is outside of the
 * range (cycle walking; Black and Rogaway, "Ciphers with arbitrary finite domains", 2002). P can be
 * inverted, so "was this id generated?" is "was its n reached?", and only given ids are stored.
 *
 * The ids are distinct and evenly spread, not secret: nothing in csyft takes knowing an id for a
 * permission.
 */
#include <csyft/id.h>

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "core/surroundings.h"
#include "core/table.h"

#define LEFT_BITS 18
#define RIGHT_BITS 19
#define LEFT_MASK ((UINT32_C(1) << LEFT_BITS) - 1)
#define RIGHT_MASK ((UINT32_C(1) << RIGHT_BITS) - 1)
#define ROUNDS 4 /* even: left and right in turns */
#define READY 8

_Static_assert(SY_ID_SPACE <= INT64_C(1) << (LEFT_BITS + RIGHT_BITS),
               "the network covers the id space");

typedef struct id_list {
    sy_id *ids;
    size_t count;
    size_t capacity;
} id_list;

struct sy_id_provider {
    sy_context *context;
    uint64_t round_keys[ROUNDS];
    pthread_mutex_t lock; /* guards all below */
    uint64_t reached;     /* n of the next fresh id */
    int64_t ready[READY]; /* the next fresh ones, the last of them first */
    unsigned ready_count;
    id_list preset;   /* the next one is the last */
    syi_table *given; /* every id ever preset; the values mean nothing */
    id_list recorded;
    bool recording;
};

/* The finalizer of MurmurHash3 over half a block and a round's key. */
static inline uint32_t round_function(uint64_t key, uint32_t half)
{
    uint64_t x = key ^ half;
    x = (x ^ (x >> 33)) * UINT64_C(0xFF51AFD7ED558CCD);
    x = (x ^ (x >> 33)) * UINT64_C(0xC4CEB9FE1A85EC53);
    return (uint32_t)(x >> 40);
}

static uint64_t encrypt(const uint64_t keys[ROUNDS], uint64_t block)
{
    uint32_t left = (uint32_t)(block >> RIGHT_BITS);
    uint32_t right = (uint32_t)block & RIGHT_MASK;
    for (int i = 0; i < ROUNDS; i += 2) {
        left ^= round_function(keys[i], right) & LEFT_MASK;
        right ^= round_function(keys[i + 1], left) & RIGHT_MASK;
    }
    return (uint64_t)left << RIGHT_BITS | right;
}

static uint64_t decrypt(const uint64_t keys[ROUNDS], uint64_t block)
{
    uint32_t left = (uint32_t)(block >> RIGHT_BITS);
    uint32_t right = (uint32_t)block & RIGHT_MASK;
    for (int i = ROUNDS - 2; i >= 0; i -= 2) {
        right ^= round_function(keys[i + 1], left) & RIGHT_MASK;
        left ^= round_function(keys[i], right) & LEFT_MASK;
    }
    return (uint64_t)left << RIGHT_BITS | right;
}

/* Of 2^37 blocks 73 % are in the range: 1.4 steps in the mean, and the walk ends since it is a cycle
 * through a block of the range. */
static int64_t fresh_number(const sy_id_provider *provider, uint64_t n)
{
    uint64_t block = n;
    do {
        block = encrypt(provider->round_keys, block);
    } while (block >= (uint64_t)SY_ID_SPACE);
    return (int64_t)block;
}

static bool was_fresh(const sy_id_provider *provider, const sy_id *id)
{
    if (id->kind != SY_ID_INT || id->number < 0 || id->number >= SY_ID_SPACE) {
        return false;
    }
    uint64_t block = (uint64_t)id->number;
    do {
        block = decrypt(provider->round_keys, block);
    } while (block >= (uint64_t)SY_ID_SPACE);
    return block < provider->reached;
}

static bool is_taken(const sy_id_provider *provider, const sy_id *id)
{
    return syi_table_get(provider->given, id) != NULL || was_fresh(provider, id);
}

static sy_status list_reserve(sy_context *context, id_list *list, size_t more, sy_error *err)
{
    size_t needed;
    if (!syi_size_add(list->count, more, &needed)) {
        return SYI_ENOMEM(err, "id provider");
    }
    if (needed <= list->capacity) {
        return SY_OK;
    }
    size_t capacity = list->capacity < 8 ? 16 : 2 * list->capacity;
    if (capacity < needed) {
        capacity = needed;
    }
    sy_id *ids = syi_alloc_array(context, capacity, sizeof *ids);
    if (ids == NULL) {
        return SYI_ENOMEM(err, "id provider");
    }
    if (list->count != 0) {
        memcpy(ids, list->ids, list->count * sizeof *ids);
    }
    syi_free(context, list->ids, list->capacity * sizeof *ids);
    list->ids = ids;
    list->capacity = capacity;
    return SY_OK;
}

static void list_fini(sy_context *context, id_list *list)
{
    syi_free(context, list->ids, list->capacity * sizeof *list->ids);
    *list = (id_list){NULL, 0, 0};
}

/* "4, 15" of those ids that are taken; cut with "..." where it is full. */
static void name_taken(const sy_id_provider *provider, const sy_id *ids, size_t count, char *out,
                       size_t size)
{
    size_t at = 0;
    out[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        if (!is_taken(provider, &ids[i])) {
            continue;
        }
        char text[64];
        sy_id_format(&ids[i], text, sizeof text);
        const char *comma = at == 0 ? "" : ", ";
        if (strlen(text) + sizeof ", , ..." > size - at) {
            snprintf(out + at, size - at, "%s...", comma);
            return;
        }
        at += (size_t)snprintf(out + at, size - at, "%s%s", comma, text);
    }
}

static sy_status refuse_taken(const sy_id_provider *provider, const sy_id *ids, size_t count,
                              sy_error *err)
{
    for (size_t i = 0; i < count; i++) {
        if (sy_id_is_none(&ids[i])) {
            return syi_fail(err, SY_EINVAL, "id provider: the none id cannot be given (at %zu)", i);
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (is_taken(provider, &ids[i])) {
            char names[SY_ERROR_MESSAGE_SIZE - 96];
            char first[64];
            name_taken(provider, ids, count, names, sizeof names);
            return syi_fail_object(err, SY_EEXIST, sy_id_format(&ids[i], first, sizeof first),
                                   "id provider: ids generated or given before: %s", names);
        }
    }
    return SY_OK;
}

/* Lock held. Remembers all ids or none. */
static sy_status remember(sy_id_provider *provider, const sy_id *ids, size_t count, sy_error *err)
{
    for (size_t i = 0; i < count; i++) {
        sy_status status;
        if (syi_table_get(provider->given, &ids[i]) == NULL) {
            status = syi_table_put(provider->given, &ids[i], provider, NULL, err);
        } else {
            char text[64];
            sy_id_format(&ids[i], text, sizeof text);
            status = syi_fail_object(err, SY_EEXIST, text, "id provider: %s is given twice", text);
        }
        if (status != SY_OK) {
            while (i-- > 0) {
                syi_table_remove(provider->given, &ids[i]);
            }
            return status;
        }
    }
    return SY_OK;
}

/* Lock held. */
static sy_status give(sy_id_provider *provider, const sy_id *ids, size_t count, sy_error *err)
{
    if (ids == NULL && count != 0) {
        return syi_fail(err, SY_EINVAL, "id provider: %zu ids given by a NULL pointer", count);
    }
    SY_TRY(refuse_taken(provider, ids, count, err));
    SY_TRY(list_reserve(provider->context, &provider->preset, count, err));
    SY_TRY(remember(provider, ids, count, err));
    if (count != 0) {
        memcpy(provider->preset.ids + provider->preset.count, ids, count * sizeof *ids);
        provider->preset.count += count;
    }
    return SY_OK;
}

sy_status sy_id_provider_new(sy_context *context, sy_id_provider **provider, const sy_id *given,
                             size_t given_count, sy_error *err)
{
    *provider = NULL;
    if (context == NULL) {
        return syi_fail(err, SY_EINVAL, "id provider: no context");
    }
    sy_id_provider *made = syi_alloc(context, sizeof *made);
    if (made == NULL) {
        return SYI_ENOMEM(err, "id provider");
    }
    if (pthread_mutex_init(&made->lock, NULL) != 0) {
        syi_free(context, made, sizeof *made);
        return SYI_ENOMEM(err, "id provider: lock");
    }
    made->context = context;
    sy_status status;
    SY_GOTO(fail, syi_random_bytes(context, made->round_keys, sizeof made->round_keys, err));
    SY_GOTO(fail, syi_table_new(context, &made->given, err));
    SY_GOTO(fail, give(made, given, given_count, err));
    *provider = made;
    return SY_OK;
fail:
    sy_id_provider_free(made);
    return status;
}

void sy_id_provider_free(sy_id_provider *provider)
{
    if (provider == NULL) {
        return;
    }
    list_fini(provider->context, &provider->preset);
    list_fini(provider->context, &provider->recorded);
    syi_table_free(provider->given);
    pthread_mutex_destroy(&provider->lock);
    syi_free_secret(provider->context, provider, sizeof *provider);
}

/* Lock held. The walks of several ids do not wait for each other; one of its own is a dozen multiplications in a
 * row. */
static void make_ready(sy_id_provider *provider)
{
    const uint64_t left = (uint64_t)SY_ID_SPACE - provider->reached;
    const unsigned count = left < READY ? (unsigned)left : READY;
    for (unsigned i = 0; i < count; i++) {
        provider->ready[count - 1 - i] = fresh_number(provider, provider->reached + i);
    }
    provider->ready_count = count;
}

static int64_t next_ready(sy_id_provider *provider)
{
    if (provider->ready_count == 0) {
        make_ready(provider);
    }
    provider->reached++;
    return provider->ready[--provider->ready_count];
}

/* Lock held. */
static sy_status next_id(sy_id_provider *provider, sy_id *id, sy_error *err)
{
    if (provider->preset.count != 0) {
        *id = provider->preset.ids[--provider->preset.count];
        return SY_OK;
    }
    while (provider->reached < (uint64_t)SY_ID_SPACE) {
        *id = sy_id_from_int(next_ready(provider));
        if (syi_table_get(provider->given, id) == NULL) {
            return SY_OK;
        }
    }
    return syi_fail(err, SY_ELIMIT, "id provider: all %" PRId64 " ids are used", SY_ID_SPACE);
}

sy_status sy_id_provider_pop(sy_id_provider *provider, sy_id *id, sy_error *err)
{
    pthread_mutex_lock(&provider->lock);
    sy_status status = SY_OK;
    sy_id next = SY_ID_INIT;
    if (provider->recording) {
        SY_GOTO(done, list_reserve(provider->context, &provider->recorded, 1, err));
    }
    SY_GOTO(done, next_id(provider, &next, err));
    if (provider->recording) {
        provider->recorded.ids[provider->recorded.count++] = next;
    }
    *id = next;
done:
    pthread_mutex_unlock(&provider->lock);
    return status;
}

sy_status sy_id_provider_set_next_ids(sy_id_provider *provider, const sy_id *ids, size_t count,
                                      sy_error *err)
{
    pthread_mutex_lock(&provider->lock);
    const sy_status status = give(provider, ids, count, err);
    pthread_mutex_unlock(&provider->lock);
    return status;
}

sy_status sy_id_provider_start_recording(sy_id_provider *provider, sy_error *err)
{
    (void)err; /* room for ids is made as they come */
    pthread_mutex_lock(&provider->lock);
    provider->recorded.count = 0;
    provider->recording = true;
    pthread_mutex_unlock(&provider->lock);
    return SY_OK;
}

size_t sy_id_provider_get_recorded(const sy_id_provider *provider, const sy_id **ids)
{
    /* The lock is the one part that changes under a const provider. */
    pthread_mutex_t *lock = (pthread_mutex_t *)&provider->lock;
    pthread_mutex_lock(lock);
    *ids = provider->recorded.ids;
    const size_t count = provider->recorded.count;
    pthread_mutex_unlock(lock);
    return count;
}

void sy_id_provider_stop_recording(sy_id_provider *provider)
{
    pthread_mutex_lock(&provider->lock);
    provider->recording = false;
    pthread_mutex_unlock(&provider->lock);
}
