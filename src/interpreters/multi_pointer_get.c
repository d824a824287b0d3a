/* multi_pointer_get.c - bringing the parts of a multi-pointer here. Part of multi_pointer.h. */
#include <csyft/operations.h>

#include "core/error.h"
#include "interpreters/multi_pointer.h"
#include "workers/resolve.h"

static void drop(sy_tensor **parts, int count)
{
    for (int k = 0; k < count; k++) {
        sy_tensor_unref(parts[k]);
        parts[k] = NULL;
    }
}

static sy_status need_multi(const sy_tensor *tensor, const char *what, size_t capacity,
                            syi_multi_pointer **multi, sy_error *err)
{
    *multi = syi_multi_pointer_of(tensor);
    if (*multi == NULL) {
        return syi_fail(err, SY_EINVAL, "%s: the tensor is no multi-pointer", what);
    }
    if (capacity < (size_t)(*multi)->count) {
        return syi_fail(err, SY_ESIGNATURE, "%s: %d parts, room for %zu", what, (*multi)->count,
                        capacity);
    }
    return SY_OK;
}

/* Copies of all parts, asked for together. */
static sy_status fetch(const syi_multi_pointer *multi, syi_exchange *exchanges, sy_tensor **parts,
                       sy_error *err)
{
    sy_status status = SY_OK;
    int begun = 0;
    int have = 0;
    while (begun < multi->count && status == SY_OK) {
        status = syi_pointer_fetch_begin(multi->children[begun], true, &exchanges[begun], err);
        begun += status == SY_OK ? 1 : 0;
    }
    for (int k = 0; k < begun; k++) {
        const sy_status got = syi_pointer_fetch_finish(multi->children[k], true, &exchanges[k],
                                                       &parts[k], status == SY_OK ? err : NULL);
        have = k + 1;
        status = status == SY_OK ? got : status;
    }
    if (status != SY_OK) {
        drop(parts, have);
    }
    return status;
}

/* Nothing is removed before everything is here. */
static sy_status get(const syi_multi_pointer *multi, sy_tensor **parts, sy_error *err)
{
    sy_context *context = multi->base.hook->context;
    const size_t size = (size_t)multi->count;
    syi_exchange *exchanges = syi_alloc_array(context, size, sizeof *exchanges);
    if (exchanges == NULL) {
        return SYI_ENOMEM(err, "multi-pointer");
    }
    sy_status status = fetch(multi, exchanges, parts, err);
    syi_free(context, exchanges, size * sizeof *exchanges);
    for (int k = 0; k < multi->count && status == SY_OK; k++) {
        sy_error ignored = SY_ERROR_INIT;
        if (syi_pointer_discard(multi->children[k], &ignored) != SY_OK) { /* the value is here */
            syi_log(context, SY_LOG_WARNING, "interpreters", multi->children[k]->location->name, 0,
                    "an object that was got is still there: %s", ignored.message);
        }
    }
    return status;
}

/* A copy of what the registry of a worker of this hook holds. */
static sy_status look(const syi_pointer *pointer, sy_tensor **part, sy_error *err)
{
    sy_worker *worker = pointer->location;
    sy_tensor *object = NULL;
    *part = NULL;
    if (!syi_worker_is_here(worker)) {
        return syi_fail(err, SY_ENOTSUP,
                        "virtual_get: worker %s is not virtual; use sy_multi_pointer_get",
                        worker->name);
    }
    syi_gate_hold(worker);
    pthread_mutex_lock(&worker->strand);
    sy_status status =
        syi_resolve_object(worker, &pointer->id_at_location, pointer->attribute, 0, &object, err);
    pthread_mutex_unlock(&worker->strand);
    if (status == SY_OK && object == NULL) {
        status = syi_fail(err, SY_EINVAL, "virtual_get: .%s at worker %s is none",
                          pointer->attribute, worker->name);
    }
    if (status == SY_OK) {
        const syi_policy policy = syi_tensor_policy(object);
        char text[72];
        status = policy.private_
                     ? syi_policy_refuse(&policy, "virtual_get",
                                         sy_id_format(&pointer->id_at_location, text, sizeof text),
                                         worker->name, err)
                     : SY_OK;
    }
    if (status == SY_OK && syi_tensor_is_native(object)) {
        syi_array copy = SYI_ARRAY_INIT;
        sy_hook *hook = pointer->base.hook;
        status = syi_array_clone(hook->context, &copy, syi_node_array(object->node), &hook->account,
                                 err);
        if (status == SY_OK) {
            status = syi_tensor_from_array(hook, part, &copy, err);
        }
    } else if (status == SY_OK) {
        status = syi_tensor_alias(object, part, err);
    }
    syi_gate_let_go(worker);
    sy_tensor_unref(object);
    return status;
}

static sy_status virtual_get(const syi_multi_pointer *multi, sy_tensor **parts, sy_error *err)
{
    sy_status status = SY_OK;
    for (int k = 0; k < multi->count && status == SY_OK; k++) {
        status = look(multi->children[k], &parts[k], err);
        if (status != SY_OK) {
            drop(parts, k);
        }
    }
    return status;
}

/* The public face */

typedef sy_status (*getter)(const syi_multi_pointer *multi, sy_tensor **parts, sy_error *err);

static sy_status get_parts(sy_tensor *tensor, const char *what, getter how, sy_tensor **parts,
                           size_t capacity, size_t *count, sy_error *err)
{
    syi_multi_pointer *multi = NULL;
    if (count == NULL || parts == NULL) {
        return syi_fail(err, SY_EINVAL, "%s: an argument is NULL", what);
    }
    *count = 0;
    SY_TRY(need_multi(tensor, what, capacity, &multi, err));
    SY_TRY(how(multi, parts, err));
    *count = (size_t)multi->count;
    return SY_OK;
}

static sy_status get_sum(sy_tensor *tensor, const char *what, getter how, sy_tensor **sum,
                         sy_error *err)
{
    sy_tensor *parts[SY_MULTI_POINTER_MAX] = {NULL};
    size_t count = 0;
    *sum = NULL;
    SY_TRY(get_parts(tensor, what, how, parts, SY_MULTI_POINTER_MAX, &count, err));
    sy_scope *s = sy_scope_begin(tensor->hook);
    sy_tensor *total = parts[0];
    for (size_t k = 1; k < count; k++) {
        total = sy_add(s, total, parts[k]);
    }
    *sum = sy_scope_keep(s, total);
    const sy_status status = sy_scope_end(s, err);
    if (status != SY_OK) {
        sy_tensor_unref(*sum);
        *sum = NULL;
    }
    drop(parts, (int)count);
    return status;
}

sy_status sy_multi_pointer_get(sy_tensor *tensor, sy_tensor **parts, size_t capacity, size_t *count,
                               sy_error *err)
{
    return get_parts(tensor, "get", get, parts, capacity, count, err);
}

sy_status sy_multi_pointer_get_sum(sy_tensor *tensor, sy_tensor **sum, sy_error *err)
{
    return get_sum(tensor, "get", get, sum, err);
}

sy_status sy_multi_pointer_virtual_get(sy_tensor *tensor, sy_tensor **parts, size_t capacity,
                                       size_t *count, sy_error *err)
{
    return get_parts(tensor, "virtual_get", virtual_get, parts, capacity, count, err);
}

sy_status sy_multi_pointer_virtual_get_sum(sy_tensor *tensor, sy_tensor **sum, sy_error *err)
{
    return get_sum(tensor, "virtual_get", virtual_get, sum, err);
}
