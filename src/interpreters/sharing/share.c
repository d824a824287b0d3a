#include "interpreters/sharing/share.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "serde/decoding.h"

/* Kin */

static size_t kin_size(int holders)
{
    return sizeof(syi_kin) + (size_t)holders * sizeof(sy_id);
}

sy_status syi_kin_new(sy_context *context, syi_kin **kin, int holders, sy_error *err)
{
    *kin = syi_alloc(context, kin_size(holders));
    if (*kin == NULL) {
        return SYI_ENOMEM(err, "share");
    }
    atomic_init(&(*kin)->refs, 1);
    (*kin)->context = context;
    (*kin)->holders = holders;
    return SY_OK;
}

syi_kin *syi_kin_ref(syi_kin *kin)
{
    atomic_fetch_add_explicit(&kin->refs, 1, memory_order_relaxed);
    return kin;
}

void syi_kin_unref(syi_kin *kin)
{
    if (kin != NULL && atomic_fetch_sub_explicit(&kin->refs, 1, memory_order_acq_rel) == 1) {
        syi_free(kin->context, kin, kin_size(kin->holders));
    }
}

bool syi_kin_same(const syi_kin *a, const syi_kin *b)
{
    bool same = a == b || (a->holders == b->holders && a->index == b->index &&
                           syi_field_same(&a->field, &b->field));
    for (int k = 0; a != b && same && k < a->holders; k++) {
        same = sy_id_equal(&a->ids[k], &b->ids[k]);
    }
    return same;
}

/* Memos */

typedef struct remembered {
    struct remembered *next;
    syi_sharing_life *session;
    unsigned version; /* of the storage when the mask was made */
    syi_mask mask;
} remembered;

struct syi_share_memo {
    atomic_uint refs;
    sy_context *context;
    syi_field field;
    const syi_storage *storage; /* of whoever has the memo */
    pthread_mutex_t lock;       /* of the list; a mask is its session's */
    remembered *first;
};

static void forget(const syi_share_memo *memo, remembered **at)
{
    remembered *one = *at;
    *at = one->next;
    syi_mask_fini(memo->context, &one->mask, &memo->field);
    syi_sharing_life_unref(one->session);
    syi_free(memo->context, one, sizeof *one);
}

syi_share_memo *syi_share_memo_ref(syi_share_memo *memo)
{
    if (memo != NULL) {
        atomic_fetch_add_explicit(&memo->refs, 1, memory_order_relaxed);
    }
    return memo;
}

void syi_share_memo_unref(syi_share_memo *memo)
{
    if (memo == NULL || atomic_fetch_sub_explicit(&memo->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    while (memo->first != NULL) {
        forget(memo, &memo->first);
    }
    pthread_mutex_destroy(&memo->lock);
    syi_free(memo->context, memo, sizeof *memo);
}

static syi_share_memo *memo_new(sy_context *context, const syi_field *field,
                                const syi_storage *storage)
{
    syi_share_memo *memo = syi_alloc(context, sizeof *memo);
    if (memo != NULL) {
        atomic_init(&memo->refs, 1);
        memo->context = context;
        memo->field = *field;
        memo->storage = storage;
        pthread_mutex_init(&memo->lock, NULL);
    }
    return memo;
}

/* Lock held: that of `life`, or NULL. Those of sessions that are gone are forgotten. */
static remembered *recall(syi_share_memo *memo, const syi_sharing_life *life)
{
    remembered *found = NULL;
    remembered **at = &memo->first;
    while (*at != NULL) {
        if (syi_sharing_life_is_over((*at)->session)) {
            forget(memo, at);
            continue;
        }
        found = (*at)->session == life ? *at : found;
        at = &(*at)->next;
    }
    return found;
}

sy_status syi_share_mask(syi_share *share, const syi_sharing_session *session, syi_mask **mask,
                         sy_error *err)
{
    syi_share_memo *memo = share->memo;
    syi_array *array = syi_node_array(share->base.child);
    const uint64_t words = array->storage->size / share->kin->field.width;
    const unsigned version = atomic_load_explicit(&array->storage->version, memory_order_acquire);
    *mask = NULL;
    if (memo == NULL || memo->storage != array->storage ||
        (uint64_t)syi_array_numel(array) != words || words == 0) {
        return SY_OK;
    }
    pthread_mutex_lock(&memo->lock);
    remembered *one = recall(memo, session->life);
    if (one == NULL) {
        one = syi_alloc(memo->context, sizeof *one);
        if (one != NULL) {
            one->session = syi_sharing_life_ref(session->life);
            one->version = version;
            one->mask.words = words;
            one->next = memo->first;
            memo->first = one;
        }
    } else if (one->version != version) { /* its words have changed: a new mask */
        syi_mask_fini(memo->context, &one->mask, &memo->field);
        one->mask = (syi_mask){.words = words};
        one->version = version;
    }
    pthread_mutex_unlock(&memo->lock);
    *mask = one != NULL ? &one->mask : NULL;
    return one != NULL ? SY_OK : SYI_ENOMEM(err, "share");
}

/* Bounds */

static unsigned version_of(const syi_share *share)
{
    return share->base.child != NULL
               ? atomic_load_explicit(&syi_node_array(share->base.child)->storage->version,
                                      memory_order_acquire)
               : 0;
}

syi_bounds syi_share_get_bounds(const syi_share *share)
{
    return share->bounds_version == version_of(share) ? share->bounds : SYI_BOUNDS_NONE;
}

void syi_share_set_bounds(syi_share *share, syi_bounds bounds)
{
    share->bounds = syi_bounds_in(bounds, &share->kin->field);
    share->bounds_version = version_of(share);
}

/* Nodes */

sy_status syi_share_new(sy_hook *hook, syi_node **node, syi_kin *kin, syi_node *child,
                        syi_share_memo *memo, sy_error *err)
{
    *node = NULL;
    if (!syi_node_is_native(child) ||
        syi_node_array(child)->dtype != syi_field_dtype(&kin->field)) {
        return syi_fail(err, SY_EDTYPE, "a share over something else than words of its field");
    }
    syi_storage *storage = syi_node_array(child)->storage;
    storage->secret = true;
    memo = memo != NULL ? syi_share_memo_ref(memo) : memo_new(hook->context, &kin->field, storage);
    syi_share *share = memo != NULL ? (syi_share *)(void *)syi_node_new(hook, &syi_share_type,
                                                                        sizeof *share, child)
                                    : NULL;
    if (share == NULL) {
        syi_share_memo_unref(memo);
        return SYI_ENOMEM(err, "share");
    }
    share->kin = syi_kin_ref(kin);
    share->memo = memo;
    *node = &share->base;
    return SY_OK;
}

sy_status syi_share_replace(syi_share *share, syi_node *child, sy_error *err)
{
    const syi_kin *kin = share->kin;
    syi_share_memo *memo =
        memo_new(share->base.hook->context, &kin->field, syi_node_array(child)->storage);
    if (memo == NULL) {
        return SYI_ENOMEM(err, "share");
    }
    syi_node_array(child)->storage->secret = true;
    syi_share_memo_unref(share->memo);
    syi_node_unref(share->base.child);
    share->memo = memo;
    share->base.child = syi_node_ref(child);
    return SY_OK;
}

sy_status syi_share_new_seeded(sy_hook *hook, syi_node **node, syi_kin *kin,
                               const uint8_t seed[SYI_SEED_SIZE], const syi_array *shape,
                               sy_error *err)
{
    syi_share *share =
        (syi_share *)(void *)syi_node_new(hook, &syi_share_type, sizeof *share, NULL);
    *node = NULL;
    if (share == NULL) {
        return SYI_ENOMEM(err, "share");
    }
    share->kin = syi_kin_ref(kin);
    memcpy(share->seed, seed, SYI_SEED_SIZE);
    *node = &share->base;
    return syi_array_describe(&share->shape, syi_field_dtype(&kin->field), shape->ndim,
                              shape->shape, err);
}

static void share_free(syi_node *node)
{
    syi_share *share = (syi_share *)(void *)node;
    syi_wipe(share->seed, sizeof share->seed);
    syi_share_memo_unref(share->memo);
    syi_kin_unref(share->kin);
}

static void share_describe(const syi_node *node, syi_buffer *text)
{
    const syi_kin *kin = ((const syi_share *)(const void *)node)->kin;
    char line[48];
    snprintf(line, sizeof line, "[Share %d of %d]", kin->index + 1, kin->holders);
    syi_buffer_append(text, line, strlen(line));
}

static bool share_known_shape(const syi_node *node, syi_array *shape)
{
    const syi_share *share = (const syi_share *)(const void *)node;
    const syi_array *array =
        share->base.child != NULL ? syi_node_array(share->base.child) : &share->shape;
    return syi_array_describe(shape, array->dtype, array->ndim, array->shape, NULL) == SY_OK;
}

static sy_status share_shape(syi_node *node, syi_array *shape, sy_error *err)
{
    (void)err;
    (void)share_known_shape(node, shape);
    return SY_OK;
}

static sy_status share_rewrap(syi_node *like, syi_node *child, syi_node **node, sy_error *err)
{
    return syi_share_new(like->hook, node, ((syi_share *)(void *)like)->kin, child, NULL, err);
}

/*
 * Wire: [252, [modulus or nil for 2^64, bytes of a word, index, [holders], provider, seed or nil, [shape] or chain]]: words
 * follow as a chain's native end, a seed with the shape. Where bounds are known, they are two more items.
 */

enum { PLAIN = 7, BOUNDED = 9 }; /* items */

static sy_status share_simplify(syi_node *node, syi_encoder *encoder, sy_error *err)
{
    const syi_share *share = (const syi_share *)(const void *)node;
    const syi_kin *kin = share->kin;
    syi_buffer *out = encoder->out;
    syi_msgpack_write_array(out, 2);
    syi_msgpack_write_int(out, SYI_CODE_SHARE);
    const syi_bounds bounds = syi_share_get_bounds(share);
    syi_msgpack_write_array(out, bounds.known ? BOUNDED : PLAIN);
    syi_msgpack_write_uint(out, kin->field.modulus);
    syi_msgpack_write_uint(out, kin->field.width);
    syi_msgpack_write_int(out, kin->index);
    syi_msgpack_write_array(out, (size_t)kin->holders);
    for (int k = 0; k < kin->holders; k++) {
        syi_encode_id(out, &kin->ids[k]);
    }
    syi_encode_id(out, &kin->provider);
    if (share->base.child != NULL) {
        syi_msgpack_write_nil(out);
        SY_TRY(syi_encode_node(encoder, share->base.child, err));
    } else {
        syi_msgpack_write_bin(out, share->seed, sizeof share->seed);
        syi_encode_ints(out, share->shape.shape, share->shape.ndim);
    }
    if (bounds.known) {
        syi_msgpack_write_int(out, bounds.low);
        syi_msgpack_write_int(out, bounds.high);
    }
    return syi_buffer_check(out, "message body", err);
}

static sy_status read_kin(syi_decoder *decoder, syi_kin **kin, sy_error *err)
{
    syi_msgpack_cursor *cursor = &decoder->cursor;
    syi_field field = SYI_FIELD_64;
    uint64_t width = 0, index = 0;
    size_t holders = 0;
    *kin = NULL;
    SY_TRY(syi_msgpack_read_uint(cursor, &field.modulus, err));
    SY_TRY(syi_msgpack_read_uint(cursor, &width, err));
    SY_TRY(syi_msgpack_read_uint(cursor, &index, err));
    field.width = (unsigned)width;
    if (!(width == 8 || width == 4) || (width == 4 && field.modulus != 0) ||
        (field.modulus != 0 && field.modulus < 4)) {
        return syi_fail(err, SY_EFORMAT, "message: a share in a field that is none");
    }
    SY_TRY(syi_msgpack_read_array(cursor, &holders, err));
    if (holders < 2 || holders > SYI_HOLDERS_MAX || index >= holders) {
        return syi_fail(err, SY_EFORMAT, "message: share %" PRIu64 " of %zu", index + 1, holders);
    }
    SY_TRY(syi_kin_new(decoder->hook->context, kin, (int)holders, err));
    (*kin)->field = field;
    (*kin)->index = (int)index;
    sy_status status = SY_OK;
    for (size_t k = 0; k < holders && status == SY_OK; k++) {
        status = syi_decode_id(decoder, &(*kin)->ids[k], err);
    }
    if (status == SY_OK) {
        syi_msgpack_leave(cursor);
        status = syi_decode_id(decoder, &(*kin)->provider, err);
    }
    if (status != SY_OK) {
        syi_kin_unref(*kin);
        *kin = NULL;
    }
    return status;
}

static sy_status expand(syi_decoder *decoder, const syi_kin *kin, const uint8_t *seed, int ndim,
                        const int64_t *shape, syi_node **child, sy_error *err)
{
    syi_array words = SYI_ARRAY_INIT;
    SY_TRY(syi_array_new(decoder->hook->context, &words, syi_field_dtype(&kin->field), ndim, shape,
                         decoder->account, err));
    words.storage->secret = true;
    const sy_status status = syi_share_expand(&kin->field, words.storage->data, seed,
                                              (size_t)syi_array_numel(&words), err);
    if (status != SY_OK) {
        syi_array_fini(&words);
        return status;
    }
    return syi_native_node_new(decoder->hook, child, &words, err);
}

static sy_status read_words(syi_decoder *decoder, const syi_kin *kin, syi_node **child,
                            sy_error *err)
{
    syi_msgpack_cursor *cursor = &decoder->cursor;
    const uint8_t *seed = NULL;
    size_t size = 0;
    int ndim = 0;
    int64_t shape[SY_DIM_MAX];
    if (syi_msgpack_peek(cursor) == SYI_MSGPACK_NIL) {
        SY_TRY(syi_msgpack_read_nil(cursor, err));
        return syi_decode_node(decoder, child, err);
    }
    SY_TRY(syi_msgpack_read_bin(cursor, &seed, &size, err));
    if (size != SYI_SEED_SIZE) {
        return syi_fail(err, SY_EFORMAT, "message: a seed of %zu bytes", size);
    }
    SY_TRY(syi_decode_ints(decoder, shape, SY_DIM_MAX, &ndim, err));
    return expand(decoder, kin, seed, ndim, shape, child, err);
}

/* Words of a custom field that a peer sent may be anything; the programs want them below the modulus. */
static sy_status check_words(const syi_kin *kin, const syi_node *child, sy_error *err)
{
    if (!syi_node_is_native(child) || kin->field.modulus == 0) {
        return SY_OK;
    }
    const syi_array *array = &((const syi_native_node *)(const void *)child)->array;
    for (int64_t k = 0; k < syi_array_numel(array); k++) {
        if ((uint64_t)syi_array_get_int(array, k) >= kin->field.modulus) {
            return syi_fail(err, SY_EFORMAT, "message: a share has words beyond its field");
        }
    }
    return SY_OK;
}

/* A sender's word: it may be wrong, but must be bounds of the field. */
static sy_status read_bounds(syi_decoder *decoder, const syi_kin *kin, syi_bounds *bounds,
                             sy_error *err)
{
    int64_t low = 0, high = 0;
    SY_TRY(syi_msgpack_read_int(&decoder->cursor, &low, err));
    SY_TRY(syi_msgpack_read_int(&decoder->cursor, &high, err));
    *bounds = syi_bounds_in(syi_bounds_of(low, high), &kin->field);
    return bounds->known ? SY_OK
                         : syi_fail(err, SY_EFORMAT,
                                    "message: a share of numbers from %" PRId64 " to %" PRId64
                                    ", of which its field has no range",
                                    low, high);
}

static sy_status share_detail(syi_decoder *decoder, syi_node **node, sy_error *err)
{
    syi_kin *kin = NULL;
    syi_node *child = NULL;
    *node = NULL;
    size_t items = 0;
    syi_bounds bounds = SYI_BOUNDS_NONE;
    SY_TRY(syi_msgpack_read_array(&decoder->cursor, &items, err));
    if (items != PLAIN && items != BOUNDED) {
        return syi_fail(err, SY_EFORMAT, "message: a share of %zu items", items);
    }
    SY_TRY(read_kin(decoder, &kin, err));
    sy_status status = read_words(decoder, kin, &child, err);
    if (status == SY_OK && items == BOUNDED) {
        status = read_bounds(decoder, kin, &bounds, err);
    }
    if (status == SY_OK) {
        syi_msgpack_leave(&decoder->cursor);
        status = check_words(kin, child, err);
    }
    if (status == SY_OK) {
        status = syi_share_new(decoder->hook, node, kin, child, NULL, err);
    }
    if (status == SY_OK) {
        syi_share_set_bounds(syi_share_of(*node), bounds);
    } else {
        syi_node_unref(child);
    }
    syi_kin_unref(kin);
    return status;
}

const syi_interpreter syi_share_type = {
    .name = "Share",
    .code = SYI_CODE_SHARE,
    .flags = SYI_NODE_DECOMPOSES,
    .call = syi_share_call,
    .describe = share_describe,
    .shape = share_shape,
    .known_shape = share_known_shape,
    .simplify = share_simplify,
    .detail = share_detail,
    .rewrap = share_rewrap,
    .free = share_free,
};

sy_status syi_share_register(sy_hook *hook, sy_error *err)
{
    return syi_hook_register_interpreter(hook, &syi_share_type, err);
}
