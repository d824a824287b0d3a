/* additive_shared_get.c - a value to shares and back. Part of additive_shared.h. */
#include <inttypes.h>
#include <string.h>

#include "core/error.h"
#include "interpreters/sharing/additive_shared.h"

/* Apart */

/* Integers of any dtype as elements of the field, contiguous. `range`: bits that they must have, or 0. */
static sy_status to_words(sy_hook *hook, const syi_field *field, unsigned range,
                          const syi_array *secret, syi_array *words, sy_error *err)
{
    if (sy_dtype_is_floating(secret->dtype)) {
        return syi_fail(err, SY_EDTYPE,
                        "share: the tensor is %s, shares are of integers; use fix_precision first",
                        sy_dtype_name(secret->dtype));
    }
    const uint64_t most = syi_field_most(field);
    if (most < INT64_MAX) {
        for (int64_t k = 0; k < syi_array_numel(secret); k++) {
            const int64_t x = syi_array_get_int(secret, k);
            const uint64_t size = x < 0 ? 0 - (uint64_t)x : (uint64_t)x;
            if (size > most + (x < 0 && field->modulus == 0 ? 1 : 0)) {
                return syi_fail(err, SY_ERANGE,
                                "share: an element does not fit the field; magnitudes go up to "
                                "%" PRIu64,
                                most);
            }
        }
    }
    const syi_bounds said = syi_bounds_of_bits(range);
    for (int64_t k = 0; said.known && k < syi_array_numel(secret); k++) {
        const int64_t x = syi_array_get_int(secret, k);
        if (x < said.low || x > said.high) {
            return syi_fail(err, SY_ERANGE,
                            "share: an element is not below 2^%u in magnitude, as the range of %u "
                            "bits says",
                            range - 1, range);
        }
    }
    SY_TRY(syi_array_new(hook->context, words, syi_field_dtype(field), secret->ndim, secret->shape,
                         &hook->account, err));
    words->storage->secret = true;
    syi_array_assign(words, secret);
    if (field->modulus != 0) {
        syi_field_reduce(field, syi_array_data(words), syi_array_data(words),
                         (size_t)syi_array_numel(words));
    }
    return SY_OK;
}

sy_status syi_additive_shared_generate(sy_hook *hook, const syi_field *field,
                                       const syi_array *secret, sy_tensor **shares, size_t count,
                                       sy_error *err)
{
    uint8_t seeds[SYI_HOLDERS_MAX][SYI_SEED_SIZE];
    syi_array words = SYI_ARRAY_INIT, share = SYI_ARRAY_INIT;
    size_t made = 0;
    SY_TRY(to_words(hook, field, 0, secret, &words, err));
    const size_t elements = (size_t)syi_array_numel(&words);
    sy_status status =
        count <= SYI_HOLDERS_MAX && count >= 2
            ? syi_array_new(hook->context, &share, words.dtype, words.ndim, words.shape,
                            &hook->account, err)
            : syi_fail(err, SY_EINVAL, "generate_shares: %zu shares; 2 to %d are possible", count,
                       SYI_HOLDERS_MAX);
    if (status == SY_OK) {
        status = syi_generate_shares(hook->context, field, syi_array_data(&share), seeds,
                                     syi_array_data(&words), elements, count, err);
    }
    for (size_t k = 0; k + 1 < count && status == SY_OK; k++) {
        syi_array expanded = SYI_ARRAY_INIT;
        status = syi_array_new(hook->context, &expanded, words.dtype, words.ndim, words.shape,
                               &hook->account, err);
        if (status == SY_OK) {
            status = syi_share_expand(field, syi_array_data(&expanded), seeds[k], elements, err);
        }
        if (status == SY_OK) {
            status = syi_tensor_from_array(hook, &shares[k], &expanded, err);
            made += status == SY_OK ? 1 : 0;
        }
        syi_array_fini(&expanded);
    }
    if (status == SY_OK) {
        status = syi_tensor_from_array(hook, &shares[made], &share, err);
    }
    while (status != SY_OK && made > 0) {
        sy_tensor_unref(shares[--made]);
        shares[made] = NULL;
    }
    syi_array_fini(&share);
    syi_array_fini(&words);
    syi_wipe(seeds, sizeof seeds);
    return status;
}

/* The node of holder k: a seed, or (the last one) words, which it takes. */
static sy_status make_share(sy_hook *hook, const syi_sharing_group *group, const syi_field *field,
                            syi_bounds bounds, int k, const uint8_t *seed, syi_array *words,
                            syi_node **node, sy_error *err)
{
    syi_kin *kin = NULL;
    syi_node *child = NULL;
    SY_TRY(syi_additive_shared_kin(group, field, k, &kin, err));
    sy_status status;
    if (seed != NULL) {
        status = syi_share_new_seeded(hook, node, kin, seed, words, err);
    } else {
        status = syi_native_node_new(hook, &child, words, err);
        if (status == SY_OK) {
            status = syi_share_new(hook, node, kin, child, NULL, err);
        }
        if (status != SY_OK) {
            syi_node_unref(child);
        }
    }
    if (status == SY_OK) {
        syi_share_set_bounds(syi_share_of(*node), bounds);
    }
    syi_kin_unref(kin);
    return status;
}

/* By the dtype, or by what the client says, which was looked at: the narrower ones. */
static syi_bounds bounds_of(const syi_field *field, unsigned range, sy_dtype dtype)
{
    const syi_bounds of = syi_bounds_in(syi_bounds_of_dtype(dtype), field);
    return range == 0 || (of.known && syi_bounds_bits(of, field) <= range)
               ? of
               : syi_bounds_of_bits(range);
}

sy_status syi_additive_shared_split(sy_hook *hook, const syi_sharing_group *group,
                                    const syi_field *field, unsigned range, const syi_array *secret,
                                    syi_node **nodes, sy_error *err)
{
    const syi_bounds bounds = bounds_of(field, range, secret->dtype);
    uint8_t seeds[SYI_HOLDERS_MAX][SYI_SEED_SIZE];
    syi_array words = SYI_ARRAY_INIT, last = SYI_ARRAY_INIT;
    const int holders = group->holders;
    int made = 0;
    SY_TRY(to_words(hook, field, range, secret, &words, err));
    sy_status status = syi_array_new(hook->context, &last, words.dtype, words.ndim, words.shape,
                                     &hook->account, err);
    if (status == SY_OK) {
        last.storage->secret = true;
        status = syi_generate_shares(hook->context, field, syi_array_data(&last), seeds,
                                     syi_array_data(&words), (size_t)syi_array_numel(&words),
                                     (size_t)holders, err);
    }
    while (status == SY_OK && made < holders) {
        status =
            make_share(hook, group, field, bounds, made, made < holders - 1 ? seeds[made] : NULL,
                       made < holders - 1 ? &words : &last, &nodes[made], err);
        made += status == SY_OK ? 1 : 0;
    }
    while (status != SY_OK && made > 0) {
        syi_node_unref(nodes[--made]);
    }
    syi_array_fini(&words);
    syi_array_fini(&last);
    syi_wipe(seeds, sizeof seeds);
    return status;
}

sy_status syi_additive_shared_send(sy_hook *hook, syi_node **node, syi_sharing_group *group,
                                   const syi_field *field, unsigned range, const syi_array *secret,
                                   sy_error *err)
{
    syi_node *shares[SYI_HOLDERS_MAX] = {NULL};
    syi_multi_pointer *parts = NULL;
    *node = NULL;
    SY_TRY(syi_additive_shared_split(hook, group, field, range, secret, shares, err));
    sy_status status = syi_multi_pointer_new(hook, &parts, group->holders, err);
    for (int k = 0; k < group->holders; k++) {
        sy_tensor *share = NULL;
        if (status != SY_OK) {
            syi_node_unref(shares[k]);
            continue;
        }
        status = syi_tensor_wrap(hook, &share, shares[k], err);
        if (status == SY_OK) {
            status = syi_pointer_send(hook->local_worker, &parts->children[k], share,
                                      group->workers[k], NULL, err);
            sy_tensor_unref(share);
        }
        if (status == SY_OK) {
            syi_pointer_set_shape(parts->children[k], syi_field_dtype(field), secret->ndim,
                                  secret->shape);
        }
    }
    if (status == SY_OK) {
        status = syi_additive_shared_new(hook, node, group, field, parts, err);
    }
    if (status != SY_OK && parts != NULL) {
        syi_node_unref(&parts->base); /* what was sent is deleted */
    }
    return status;
}

/* Together */

/* The share at the end of a chain; NULL: there is none. */
static syi_share *share_below(const syi_node *node)
{
    while (node != NULL && node->type != &syi_share_type) {
        node = node->child;
    }
    return node != NULL ? syi_share_of(node) : NULL;
}

static sy_status check_parts(sy_tensor *const *shares, size_t count, sy_error *err)
{
    const syi_share *first = share_below(shares[0]->node);
    for (size_t k = 0; k < count; k++) {
        const syi_share *share = share_below(shares[k]->node);
        bool good = share != NULL && share->base.child != NULL;
        if (good) {
            good = share->kin->holders == (int)count && share->kin->index == (int)k &&
                   syi_field_same(&share->kin->field, &first->kin->field) &&
                   syi_array_same_shape(syi_node_array(share->base.child),
                                        syi_node_array(first->base.child));
        }
        if (!good) {
            return syi_fail(err, SY_EPROTO, "get: holder %zu of %zu gave no share of this value",
                            k + 1, count);
        }
    }
    return SY_OK;
}

static sy_status add_up(sy_hook *hook, sy_tensor *const *shares, size_t count, syi_array *sum,
                        sy_error *err)
{
    const syi_share *first = share_below(shares[0]->node);
    const syi_field *field = &first->kin->field;
    const syi_array *like = syi_node_array(first->base.child);
    syi_array dense = SYI_ARRAY_INIT;
    SY_TRY(syi_array_clone(hook->context, sum, like, &hook->account, err));
    const size_t elements = (size_t)syi_array_numel(sum);
    sy_status status = SY_OK;
    for (size_t k = 1; k < count && status == SY_OK; k++) {
        const syi_array *words = syi_node_array(share_below(shares[k]->node)->base.child);
        if (syi_array_is_contiguous(words)) {
            syi_field_add(field, syi_array_data(sum), syi_array_data(sum), syi_array_data(words),
                          elements);
            continue;
        }
        status = syi_array_clone(hook->context, &dense, words, &hook->account, err);
        if (status == SY_OK) {
            syi_field_add(field, syi_array_data(sum), syi_array_data(sum), syi_array_data(&dense),
                          elements);
            syi_array_fini(&dense);
        }
    }
    if (status == SY_OK && field->modulus != 0) {
        int64_t *words = syi_array_data(sum);
        for (size_t k = 0; k < elements; k++) {
            words[k] = syi_field_signed(field, (uint64_t)words[k]);
        }
    }
    if (status != SY_OK) {
        syi_array_fini(sum);
    }
    return status;
}

/* The nodes above the share again, above the sum; takes it. */
static sy_status rebuild(syi_node *chain, syi_node *sum, syi_node **built, sy_error *err)
{
    if (chain->type == &syi_share_type) {
        *built = sum;
        return SY_OK;
    }
    syi_node *below = NULL;
    SY_TRY(rebuild(chain->child, sum, &below, err));
    if (chain->type->rewrap == NULL) {
        syi_node_unref(below);
        return syi_fail(err, SY_ENOTSUP, "get: a %s above a share", chain->type->name);
    }
    const sy_status status = chain->type->rewrap(chain, below, built, err);
    if (status != SY_OK) {
        syi_node_unref(below);
    }
    return status;
}

sy_status syi_additive_shared_join(sy_hook *hook, sy_tensor *const *shares, size_t count,
                                   sy_tensor **value, sy_error *err)
{
    syi_array sum = SYI_ARRAY_INIT;
    syi_node *node = NULL, *built = NULL;
    *value = NULL;
    SY_TRY(check_parts(shares, count, err));
    SY_TRY(add_up(hook, shares, count, &sum, err));
    SY_TRY(syi_native_node_new(hook, &node, &sum, err));
    SY_TRY(rebuild(shares[0]->node, node, &built, err));
    return syi_tensor_wrap(hook, value, built, err);
}

static void drop(sy_tensor **shares, int count)
{
    for (int k = 0; k < count; k++) {
        sy_tensor_unref(shares[k]);
        shares[k] = NULL;
    }
}

/* Copies of all parts, asked for together. */
static sy_status fetch(const syi_multi_pointer *parts, sy_tensor **shares, sy_error *err)
{
    syi_exchange exchanges[SYI_HOLDERS_MAX];
    sy_status status = SY_OK;
    int begun = 0;
    while (begun < parts->count && status == SY_OK) {
        status = syi_pointer_fetch_begin(parts->children[begun], true, &exchanges[begun], err);
        begun += status == SY_OK ? 1 : 0;
    }
    for (int k = 0; k < begun; k++) {
        const sy_status got = syi_pointer_fetch_finish(parts->children[k], true, &exchanges[k],
                                                       &shares[k], status == SY_OK ? err : NULL);
        status = status == SY_OK ? got : status;
    }
    if (status != SY_OK) {
        drop(shares, begun);
    }
    return status;
}

/* Nothing is removed before everything is here. */
sy_status syi_additive_shared_get(syi_additive_shared *shared, bool keep, sy_tensor **value,
                                  sy_error *err)
{
    sy_tensor *shares[SYI_HOLDERS_MAX] = {NULL};
    const syi_multi_pointer *parts = shared->parts;
    sy_hook *hook = shared->base.hook;
    *value = NULL;
    SY_TRY(fetch(parts, shares, err));
    const sy_status status =
        syi_additive_shared_join(hook, shares, (size_t)parts->count, value, err);
    drop(shares, parts->count);
    for (int k = 0; k < parts->count && status == SY_OK && !keep; k++) {
        sy_error ignored = SY_ERROR_INIT;
        if (syi_pointer_discard(parts->children[k], &ignored) != SY_OK) { /* the value is here */
            syi_log(hook->context, SY_LOG_WARNING, "sharing", parts->children[k]->location->name, 0,
                    "a share that was got is still there: %s", ignored.message);
        }
    }
    return status;
}

sy_status syi_additive_shared_virtual_get(syi_additive_shared *shared, sy_tensor **value,
                                          sy_error *err)
{
    sy_tensor *shares[SYI_HOLDERS_MAX] = {NULL};
    sy_tensor *parts = NULL;
    size_t count = 0;
    *value = NULL;
    SY_TRY(syi_tensor_wrap(shared->base.hook, &parts, syi_node_ref(&shared->parts->base), err));
    sy_status status = sy_multi_pointer_virtual_get(parts, shares, SYI_HOLDERS_MAX, &count, err);
    if (status == SY_OK) {
        status = syi_additive_shared_join(shared->base.hook, shares, count, value, err);
    }
    drop(shares, (int)count);
    sy_tensor_unref(parts);
    return status;
}
