/* sharing.c - the public face, and the folder's state in a hook. Face: <csyft/sharing.h>. Test: tests/integration/sharing.c. */
#include <csyft/sharing.h>

#include <string.h>

#include <csyft/operations.h>

#include "core/error.h"
#include "interpreters/pointer_parts.h"
#include "interpreters/precision/fixed.h"
#include "interpreters/sharing/additive_shared.h"
#include "workers/descriptor.h"

/* The folder in a hook */

static void stop(sy_hook *hook)
{
    syi_sharing_room *room = syi_sharing_room_of(hook);
    sy_error why = SY_ERROR_INIT;
    why.status = syi_fail(&why, SY_ECLOSED, "the worker is shutting down");
    pthread_mutex_lock(&room->lock);
    room->closing = true;
    pthread_mutex_unlock(&room->lock);
    syi_sharing_dealings_stop(room, NULL);
    syi_sharing_sessions_gone(room, NULL, &why);
}

static void gone(sy_worker *worker, const syi_session *caller)
{
    syi_sharing_room *room = syi_sharing_room_of(worker->hook);
    sy_error why = SY_ERROR_INIT;
    if (room == NULL) {
        return;
    }
    why.status = syi_fail(&why, SY_ECLOSED, "who opened the sharing session is gone");
    syi_sharing_dealings_stop(room, caller);
    syi_sharing_sessions_gone(room, caller, &why);
}

static void release(sy_hook *hook)
{
    syi_sharing_room *room = syi_sharing_room_of(hook);
    syi_sharing_dealings_join(room);
    syi_sharing_groups_free(room);
    syi_sharing_room_free(room);
    hook->sharing = NULL;
}

sy_status syi_sharing_register(sy_hook *hook, sy_error *err)
{
    static const syi_joint_class joint = {.begin = syi_sharing_begin,
                                          .end = syi_sharing_end,
                                          .refused = syi_sharing_refused,
                                          .gone = gone,
                                          .stop = stop,
                                          .release = release};
    syi_sharing_room *room = NULL;
    SY_TRY(syi_sharing_room_init(&room, hook, err));
    hook->sharing = room;
    syi_commands_register_joint(hook, &joint); /* from now on it is released with the workers */
    SY_TRY(syi_additive_shared_register(hook, err));
    SY_TRY(syi_share_register(hook, err));
    SY_TRY(syi_sharing_commands_register(hook, err));
    SY_TRY(syi_sharing_round_trip_register(hook, err));
    return syi_share_commands_register(hook, err);
}

void sy_hook_check_shared_range(sy_hook *hook, bool check)
{
    atomic_store(&syi_sharing_room_of(hook)->check_range, check);
}

/* Sharing */

sy_status syi_share_options_read(const sy_share_options *options, sy_hook *hook,
                                 sy_share_options *all, sy_error *err)
{
    *all = (sy_share_options)SY_SHARE_OPTIONS_INIT;
    if (options != NULL) {
        memcpy(all, options, options->size < sizeof *all ? options->size : sizeof *all);
    }
    if (all->crypto_provider == NULL) {
        all->crypto_provider = hook->local_worker;
    }
    syi_family family;
    if (!syi_family_of_name(all->protocol, &family)) {
        return syi_fail(err, SY_EINVAL,
                        "share: there is no protocol \"%.40s\"; auto, bits, fss, snn and carry are",
                        all->protocol);
    }
    return all->crypto_provider->hook == hook
               ? SY_OK
               : syi_fail(err, SY_EINVAL, "share: the crypto provider is of another hook");
}

syi_family syi_share_options_family(const sy_share_options *options)
{
    syi_family family = SYI_FAMILY_AUTO;
    (void)syi_family_of_name(options->protocol, &family);
    return family;
}

/* Takes the node. */
static sy_status wrap_like(sy_tensor *like, syi_node *node, sy_tensor **made, sy_error *err)
{
    SY_TRY(syi_tensor_wrap(like->hook, made, node, err));
    (*made)->owner = like->owner;
    const sy_status status = syi_tensor_copy_labels(*made, like, err);
    if (status != SY_OK) {
        sy_tensor_unref(*made);
        *made = NULL;
    }
    return status;
}

/* What a pointer stands for is shared by its worker. */
static sy_status share_there(sy_tensor *tensor, syi_pointer *pointer, sy_tensor **shared,
                             sy_worker *const *owners, size_t count, const sy_share_options *o,
                             sy_error *err)
{
    sy_value ids[SYI_HOLDERS_MAX];
    syi_pointer *made = NULL;
    syi_exchange exchange;
    if (count > SYI_HOLDERS_MAX) {
        return syi_fail(err, SY_EINVAL, "share: %zu workers; 2 to %d are possible", count,
                        SYI_HOLDERS_MAX);
    }
    for (size_t k = 0; k < count; k++) {
        ids[k] = syi_id_value(&owners[k]->id);
        SY_TRY(owners[k] != pointer->location
                   ? sy_worker_introduce(pointer->location, owners[k], NULL, err)
                   : SY_OK);
    }
    SY_TRY(o->crypto_provider != pointer->location
               ? sy_worker_introduce(pointer->location, o->crypto_provider, NULL, err)
               : SY_OK);
    const sy_value more[] = {
        sy_value_list(ids, count),
        syi_id_value(&o->crypto_provider->id),
        sy_value_int((int64_t)o->field),
        sy_value_int((int64_t)o->dtype),
        sy_value_int((int64_t)syi_share_options_family(o)),
        sy_value_int((int64_t)o->range),
    };
    SY_TRY(syi_pointer_prepare(pointer->owner, pointer->location, &made, err));
    sy_status status =
        syi_pointer_command(pointer, "share", more, o->range > 0 ? 6 : 5, &exchange, err);
    if (status != SY_OK) {
        syi_node_unref(&made->base);
        return status;
    }
    status = syi_pointer_read_descriptor(exchange.reply, &made, err);
    syi_link_end(&exchange);
    SY_TRY(status);
    return wrap_like(tensor, &made->base, shared, err);
}

/* Products are truncated, which needs numbers below a quarter of the field. */
static sy_status check_range(const syi_fixed *fixed, const syi_field *field, sy_error *err)
{
    const uint64_t quarter = syi_field_most(field) / 2;
    const uint64_t most = syi_fixed_bound(fixed, false);
    if (most <= quarter || most == SYI_FIXED_UNKNOWN || syi_fixed_bound(fixed, true) <= quarter) {
        return SY_OK;
    }
    return syi_fail(
        err, SY_ERANGE,
        "share: an element has a magnitude of more than %.6g, a quarter of the field at "
        "this precision; use a lower precision or a larger field",
        (double)quarter / (double)fixed->attributes.scale);
}

/* The chain with its native end shared. */
static sy_status share_chain(syi_node *chain, syi_node **built, syi_sharing_group *group,
                             const syi_field *field, unsigned range, sy_error *err)
{
    syi_node *below = NULL;
    if (syi_node_is_native(chain)) {
        return syi_additive_shared_send(chain->hook, built, group, field, range,
                                        syi_node_array(chain), err);
    }
    if (chain->child == NULL || chain->type->rewrap == NULL) {
        return syi_fail(err, SY_EINVAL, "share: a %s cannot be shared", chain->type->name);
    }
    SY_TRY(share_chain(chain->child, &below, group, field, range, err));
    const sy_status status = chain->type->rewrap(chain, below, built, err);
    if (status != SY_OK) {
        syi_node_unref(below);
    }
    return status;
}

/* A fixed precision tensor's own field counts; options may say the same. */
static sy_status choose_field(const sy_tensor *tensor, const sy_share_options *o, syi_field *field,
                              sy_error *err)
{
    const syi_fixed *fixed = syi_fixed_of(tensor);
    if (fixed == NULL) {
        return syi_field_of_options(o->dtype, o->field, field, err);
    }
    const syi_fixed_attributes *own = &fixed->attributes;
    const bool asked = o->field != 0 || o->dtype != SY_PRECISION_LONG;
    if (asked && (o->dtype != own->dtype || (o->field != own->field && o->field != 0))) {
        char text[SYI_FIXED_TEXT];
        return syi_fail(err, SY_EINVAL,
                        "share: another field than that of the fixed precision tensor (%s)",
                        syi_fixed_format(own, text, sizeof text));
    }
    return syi_field_of_options(own->dtype, own->dtype == SY_PRECISION_CUSTOM ? own->field : 0,
                                field, err);
}

static sy_status check_options_range(const sy_share_options *o, const syi_field *field,
                                     sy_error *err)
{
    if (o->range > 0 && syi_field_bits(field) < 3) {
        return syi_fail(err, SY_ENOTSUP,
                        "share: a range in a field in which nothing is compared; use one that is a "
                        "power of two");
    }
    const sy_status status = syi_range_check(o->range, field, err);
    return status == SY_OK ? SY_OK : syi_error_prefix(err, status, "share");
}

sy_status sy_tensor_share_with(sy_tensor *tensor, sy_tensor **shared, sy_worker *const *owners,
                               size_t count, const sy_share_options *options, sy_error *err)
{
    sy_share_options o;
    syi_sharing_group *group = NULL;
    syi_field field;
    syi_node *node = NULL;
    if (tensor == NULL || shared == NULL || owners == NULL) {
        return syi_fail(err, SY_EINVAL, "share: an argument is NULL");
    }
    *shared = NULL;
    SYI_TRACE_DEED(tensor->hook, err, .kind = SYI_DEED_OTHER, .what = "share", .self = tensor);
    SY_TRY(syi_share_options_read(options, tensor->hook, &o, err));
    if (syi_pointer_of(tensor) != NULL) {
        return share_there(tensor, syi_pointer_of(tensor), shared, owners, count, &o, err);
    }
    SY_TRY(choose_field(tensor, &o, &field, err));
    SY_TRY(check_options_range(&o, &field, err));
    SY_TRY(syi_sharing_group_get(tensor->hook, &group, owners, count, o.crypto_provider,
                                 syi_share_options_family(&o), err));
    if (syi_fixed_of(tensor) != NULL) {
        SY_TRY(check_range(syi_fixed_of(tensor), &field, err));
    }
    const sy_status status = share_chain(tensor->node, &node, group, &field, o.range, err);
    SY_TRY(status);
    return wrap_like(tensor, node, shared, err);
}

sy_status sy_tensor_share(sy_tensor *tensor, sy_tensor **shared, sy_worker *const *owners,
                          size_t count, sy_worker *crypto_provider, sy_error *err)
{
    sy_share_options options = SY_SHARE_OPTIONS_INIT;
    options.crypto_provider = crypto_provider;
    return sy_tensor_share_with(tensor, shared, owners, count, &options, err);
}

sy_status sy_tensor_share_with_(sy_tensor *tensor, sy_worker *const *owners, size_t count,
                                const sy_share_options *options, sy_error *err)
{
    sy_tensor *shared = NULL;
    SY_TRY(sy_tensor_share_with(tensor, &shared, owners, count, options, err));
    const sy_id id = sy_tensor_get_id(tensor);
    syi_tensor_set_node(tensor, syi_node_ref(shared->node));
    if (syi_pointer_of(tensor) == NULL) {
        (void)sy_tensor_set_id(tensor, &id, NULL); /* never none */
    }
    sy_tensor_unref(shared);
    return SY_OK;
}

sy_status sy_tensor_share_(sy_tensor *tensor, sy_worker *const *owners, size_t count,
                           sy_worker *crypto_provider, sy_error *err)
{
    sy_share_options options = SY_SHARE_OPTIONS_INIT;
    options.crypto_provider = crypto_provider;
    return sy_tensor_share_with_(tensor, owners, count, &options, err);
}

sy_status sy_generate_shares(sy_tensor *secret, sy_tensor **shares, size_t count,
                             const sy_share_options *options, sy_error *err)
{
    sy_share_options o;
    syi_field field;
    const syi_array *array = NULL;
    if (secret == NULL || shares == NULL) {
        return syi_fail(err, SY_EINVAL, "generate_shares: an argument is NULL");
    }
    SY_TRY(syi_share_options_read(options, secret->hook, &o, err));
    SY_TRY(syi_field_of_options(o.dtype, o.field, &field, err));
    SY_TRY(syi_tensor_native(secret, "generate_shares", &array, err));
    return syi_additive_shared_generate(secret->hook, &field, array, shares, count, err);
}

/* From shares that are there */

static sy_status adopt(syi_sharing_group *group, const syi_field *field, syi_pointer *pointer,
                       int index, syi_pointer **made, sy_error *err)
{
    sy_value ids[SYI_HOLDERS_MAX];
    syi_exchange exchange;
    for (int k = 0; k < group->holders; k++) {
        ids[k] = syi_id_value(&group->workers[k]->id);
    }
    const sy_value more[] = {
        sy_value_int(index),
        sy_value_list(ids, (size_t)group->holders),
        syi_id_value(&syi_sharing_group_provider(group)->id),
        sy_value_int((int64_t)field->modulus),
        sy_value_int(field->width),
    };
    SY_TRY(syi_pointer_prepare(pointer->owner, pointer->location, made, err));
    sy_status status = syi_pointer_command(pointer, "sharing_adopt", more, 5, &exchange, err);
    if (status != SY_OK) {
        syi_node_unref(&(*made)->base);
        *made = NULL;
        return status;
    }
    status = syi_pointer_read_descriptor(exchange.reply, made, err);
    syi_link_end(&exchange);
    return status;
}

static sy_status check_shares(sy_tensor *const *pointers, size_t count, sy_error *err)
{
    syi_array first = SYI_ARRAY_INIT, other = SYI_ARRAY_INIT;
    for (size_t k = 0; k < count; k++) {
        if (pointers[k] == NULL || syi_pointer_of(pointers[k]) == NULL) {
            return syi_fail(err, SY_EINVAL, "AdditiveSharingTensor: share %zu is no pointer", k);
        }
        SY_TRY(syi_node_shape(pointers[k]->node, k == 0 ? &first : &other, err));
        if (k > 0 && !syi_array_same_shape(&first, &other)) {
            return syi_fail(err, SY_ESHAPE,
                            "AdditiveSharingTensor: share %zu has another shape than the first", k);
        }
    }
    return SY_OK;
}

sy_status sy_additive_shared_new(sy_tensor **shared, sy_tensor *const *pointers, size_t count,
                                 const sy_share_options *options, sy_error *err)
{
    sy_share_options o;
    syi_field field;
    sy_worker *holders[SYI_HOLDERS_MAX];
    syi_sharing_group *group = NULL;
    syi_multi_pointer *parts = NULL;
    syi_node *node = NULL;
    *shared = NULL;
    if (pointers == NULL || count < 2 || count > SYI_HOLDERS_MAX) {
        return syi_fail(err, SY_EINVAL, "AdditiveSharingTensor: %zu shares; 2 to %d are possible",
                        count, SYI_HOLDERS_MAX);
    }
    SY_TRY(check_shares(pointers, count, err));
    sy_hook *hook = pointers[0]->hook;
    for (size_t k = 0; k < count; k++) {
        holders[k] = syi_pointer_of(pointers[k])->location;
    }
    SY_TRY(syi_share_options_read(options, hook, &o, err));
    SY_TRY(syi_field_of_options(o.dtype, o.field, &field, err));
    SY_TRY(syi_sharing_group_get(hook, &group, holders, count, o.crypto_provider,
                                 syi_share_options_family(&o), err));
    sy_status status = syi_multi_pointer_new(hook, &parts, (int)count, err);
    for (size_t k = 0; k < count && status == SY_OK; k++) {
        status =
            adopt(group, &field, syi_pointer_of(pointers[k]), (int)k, &parts->children[k], err);
    }
    if (status == SY_OK) {
        status = syi_additive_shared_new(hook, &node, group, &field, parts, err);
    }
    if (status != SY_OK) {
        if (parts != NULL) {
            syi_node_unref(&parts->base);
        }
        return status;
    }
    return syi_tensor_wrap(hook, shared, node, err);
}

/* What it says of itself */

bool sy_tensor_is_shared(const sy_tensor *tensor)
{
    return syi_additive_shared_of(tensor) != NULL;
}

size_t sy_shared_get_holder_count(const sy_tensor *tensor)
{
    const syi_additive_shared *shared = syi_additive_shared_of(tensor);
    return shared != NULL ? (size_t)shared->group->holders : 0;
}

sy_worker *sy_shared_get_holder(const sy_tensor *tensor, size_t index)
{
    const syi_additive_shared *shared = syi_additive_shared_of(tensor);
    return shared != NULL && index < (size_t)shared->group->holders ? shared->group->workers[index]
                                                                    : NULL;
}

sy_worker *sy_shared_get_provider(const sy_tensor *tensor)
{
    const syi_additive_shared *shared = syi_additive_shared_of(tensor);
    return shared != NULL ? syi_sharing_group_provider(shared->group) : NULL;
}

static sy_status need_shared(const sy_tensor *tensor, const char *what,
                             syi_additive_shared **shared, sy_error *err)
{
    *shared = syi_additive_shared_of(tensor);
    return *shared != NULL ? SY_OK : syi_fail(err, SY_EINVAL, "%s: the tensor is not shared", what);
}

sy_status sy_shared_get_attributes(const sy_tensor *tensor, sy_share_options *options, int *n_bits,
                                   sy_error *err)
{
    syi_additive_shared *shared = NULL;
    SY_TRY(need_shared(tensor, "get_attributes", &shared, err));
    const syi_field *field = &shared->field;
    const sy_share_options all = {
        .size = options->size,
        .crypto_provider = syi_sharing_group_provider(shared->group),
        .dtype = field->width == 4     ? SY_PRECISION_INT
                 : field->modulus == 0 ? SY_PRECISION_LONG
                                       : SY_PRECISION_CUSTOM,
        .field = field->modulus,
        .protocol = syi_family_name(shared->group->family),
    };
    memcpy(options, &all, options->size < sizeof all ? options->size : sizeof all);
    if (n_bits != NULL) { /* the nearest whole number to the logarithm, at least 8 */
        int bits = field->width == 4 ? 32 : 64;
        if (field->modulus != 0) {
            const int floor_ = 63 - __builtin_clzll(field->modulus);
            const double ratio = (double)field->modulus / (double)(UINT64_C(1) << floor_);
            bits = floor_ + (ratio > 1.4142135623730951 ? 1 : 0);
        }
        *n_bits = bits < 8 ? 8 : bits;
    }
    return SY_OK;
}

sy_status sy_shared_get_child(sy_tensor *tensor, sy_tensor **child, size_t index, sy_error *err)
{
    syi_additive_shared *shared = NULL;
    sy_tensor *parts = NULL;
    *child = NULL;
    SY_TRY(need_shared(tensor, "get_child", &shared, err));
    if (index >= (size_t)shared->parts->count) {
        return syi_fail(err, SY_EINVAL, "get_child: share %zu of %d", index, shared->parts->count);
    }
    SY_TRY(syi_tensor_wrap(tensor->hook, &parts, syi_node_ref(&shared->parts->base), err));
    const sy_status status = sy_multi_pointer_get_child(parts, child, index, err);
    sy_tensor_unref(parts);
    return status;
}

/* Values */

sy_status sy_shared_virtual_get(sy_tensor *tensor, sy_tensor **value, sy_error *err)
{
    syi_additive_shared *shared = NULL;
    sy_tensor *sum = NULL;
    syi_node *node = NULL;
    *value = NULL;
    SY_TRY(need_shared(tensor, "virtual_get", &shared, err));
    SY_TRY(syi_additive_shared_virtual_get(shared, &sum, err));
    const sy_status status = syi_sharing_above(tensor->node, syi_node_ref(sum->node), &node, err);
    sy_tensor_unref(sum);
    SY_TRY(status);
    return wrap_like(tensor, node, value, err);
}

typedef struct on_parts {
    const syi_additive_shared *shared;
    sy_id id;
} on_parts;

static void fill_part(void *user, int holder, sy_value *args, size_t *count)
{
    on_parts *p = user;
    args[0].kind = (sy_value_kind)SYI_VALUE_NODE;
    args[0].as.internal = p->shared->parts->children[holder];
    args[1] = syi_id_value(&p->id);
    *count = 2;
}

static sy_status run_on_parts(syi_additive_shared *shared, const char *command,
                              syi_multi_pointer **result, sy_error *err)
{
    on_parts parts = {shared, syi_hook_fresh_id(shared->base.hook)};
    const syi_joint_request request = {
        .group = shared->group, .name = command, .fill = fill_part, .user = &parts, .results = 1};
    return syi_joint_request_run(&request, result, err);
}

sy_status sy_shared_reconstruct(sy_tensor *tensor, sy_tensor **values, sy_error *err)
{
    syi_additive_shared *shared = NULL;
    syi_multi_pointer *result = NULL;
    syi_node *node = NULL;
    *values = NULL;
    SY_TRY(need_shared(tensor, "reconstruct", &shared, err));
    SY_TRY(run_on_parts(shared, "sharing_reconstruct", &result, err));
    const sy_status status = syi_sharing_above(tensor->node, &result->base, &node, err);
    return status == SY_OK ? wrap_like(tensor, node, values, err) : status;
}

static sy_status refresh(sy_tensor *tensor, syi_additive_shared *shared, sy_tensor **fresh,
                         sy_error *err)
{
    syi_multi_pointer *result = NULL;
    syi_node *node = NULL, *chain = NULL;
    SY_TRY(run_on_parts(shared, "sharing_refresh", &result, err));
    const sy_status status =
        syi_additive_shared_new(tensor->hook, &node, shared->group, &shared->field, result, err);
    if (status != SY_OK) {
        syi_node_unref(&result->base);
        return status;
    }
    SY_TRY(syi_sharing_above(tensor->node, node, &chain, err));
    return wrap_like(tensor, chain, fresh, err);
}

sy_status sy_shared_refresh(sy_tensor *tensor, sy_tensor **fresh, sy_error *err)
{
    syi_additive_shared *shared = NULL;
    *fresh = NULL;
    SY_TRY(need_shared(tensor, "refresh", &shared, err));
    return refresh(tensor, shared, fresh, err);
}

sy_status sy_shared_positive(sy_tensor *tensor, sy_tensor **bits, sy_error *err)
{
    syi_additive_shared *shared = NULL;
    *bits = NULL;
    SY_TRY(need_shared(tensor, "positive", &shared, err));
    sy_scope *s = sy_scope_begin(tensor->hook);
    const sy_value args[] = {sy_value_tensor(tensor), sy_value_int(0)};
    sy_tensor *made = sy_scope_keep(s, sy_scope_call(s, "ge", args, 2));
    const sy_status status = sy_scope_end(s, err);
    if (status != SY_OK) {
        sy_tensor_unref(made);
        return status;
    }
    *bits = made;
    return SY_OK;
}

sy_status sy_shared_zero(sy_tensor *tensor, sy_tensor **zero, sy_error *err)
{
    syi_additive_shared *shared = NULL;
    *zero = NULL;
    SY_TRY(need_shared(tensor, "zero", &shared, err));
    sy_scope *s = sy_scope_begin(tensor->hook);
    sy_tensor *zeros = sy_scope_keep(s, sy_zeros_like(s, tensor));
    sy_status status = sy_scope_end(s, err);
    if (status == SY_OK) {
        status = refresh(zeros, syi_additive_shared_of(zeros), zero, err);
    }
    sy_tensor_unref(zeros);
    return status;
}
