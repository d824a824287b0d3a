/* sending.c - send, get, copy_get, move and remote_get of <csyft/pointer.h>, on pointer_moving.c. Test: pointer_test.c;
 * over every kind of worker: tests/integration/pointers.c. */
#include "core/error.h"
#include "interpreters/pointer_parts.h"
#include "interpreters/sharing/additive_shared.h"

/* Tells `at` where `other` is and says whether that helped against `status`. */
static bool introduced(sy_worker *at, sy_worker *other, sy_status status)
{
    return status == SY_ENOTFOUND && !syi_worker_is_here(at) && other != NULL &&
           sy_worker_introduce(at, other, NULL, NULL) == SY_OK;
}

sy_status sy_worker_send(sy_worker *owner, sy_tensor **pointer, sy_tensor *tensor,
                         sy_worker *location, const sy_id *remote_id, sy_error *err)
{
    syi_pointer *node = NULL;
    *pointer = NULL;
    if (tensor == NULL || location == NULL || owner->hook != location->hook) {
        return syi_fail(err, SY_EINVAL, "send: tensor or worker is NULL or of another hook");
    }
    sy_status status = syi_pointer_send(owner, &node, tensor, location, remote_id, err);
    syi_pointer *inner = syi_pointer_of(tensor);
    if (inner != NULL && introduced(location, inner->location, status)) {
        status = syi_pointer_send(owner, &node, tensor, location, remote_id, err);
    }
    SY_TRY(status);
    SY_TRY(syi_tensor_wrap(tensor->hook, pointer, &node->base, err));
    (*pointer)->owner = owner;
    (*pointer)->requires_grad = tensor->requires_grad;
    status = syi_tensor_copy_labels(*pointer, tensor, err);
    if (status != SY_OK) {
        sy_tensor_unref(*pointer);
        *pointer = NULL;
    }
    return status;
}

sy_status sy_tensor_send(sy_tensor *tensor, sy_tensor **pointer, sy_worker *location, sy_error *err)
{
    *pointer = NULL;
    SYI_TRACE_DEED(tensor->hook, err, .kind = SYI_DEED_OTHER, .what = "send", .self = tensor);
    return sy_worker_send(tensor->hook->local_worker, pointer, tensor, location, NULL, err);
}

sy_status sy_tensor_send_(sy_tensor *tensor, sy_worker *location, sy_error *err)
{
    SYI_TRACE_DEED(tensor->hook, err, .kind = SYI_DEED_OTHER, .what = "send", .self = tensor);
    sy_tensor *pointer = NULL;
    SY_TRY(sy_tensor_send(tensor, &pointer, location, err));
    syi_tensor_set_node(tensor, syi_node_ref(pointer->node));
    sy_tensor_unref(tensor->grad); /* it went along */
    tensor->grad = NULL;
    sy_tensor_unref(pointer);
    return SY_OK;
}

sy_status sy_worker_send_object(sy_worker *owner, sy_tensor *tensor, sy_worker *location,
                                bool remove, sy_error *err)
{
    syi_pointer *node = NULL;
    SY_TRY(syi_pointer_send(owner, &node, tensor, location, NULL, err));
    atomic_store(&node->collect, false);
    syi_node_unref(&node->base);
    if (remove) {
        sy_id id = sy_tensor_get_id(tensor);
        sy_worker_remove_object(owner, &id);
    }
    return SY_OK;
}

static sy_status fetch(sy_tensor *tensor, bool keep, sy_tensor **got, sy_error *err)
{
    syi_pointer *pointer = NULL;
    *got = NULL;
    if (tensor->node->type == &syi_additive_shared_type) {
        return syi_additive_shared_get(syi_additive_shared_of(tensor), keep, got, err);
    }
    SY_TRY(syi_pointer_need(tensor, keep ? "copy_get" : "get", &pointer, err));
    SY_TRY(syi_pointer_fetch(pointer, keep, got, err));
    if (!keep && !pointer->owner->is_client && syi_worker_is_here(pointer->owner)) {
        sy_status status =
            sy_worker_register_object(pointer->owner, *got, &pointer->id_at_location, err);
        if (status != SY_OK) {
            sy_tensor_unref(*got);
            *got = NULL;
            return status;
        }
    }
    return SY_OK;
}

/* Of what an interpreter with attributes keeps at another worker: what comes back is under the same one. */
static sy_status get_under(sy_tensor *tensor, bool keep, sy_tensor **got, sy_error *err)
{
    const syi_interpreter *type = tensor->node->type;
    sy_tensor *child = NULL, *inner = NULL;
    syi_node *node = NULL;
    SY_TRY(syi_tensor_wrap(tensor->hook, &child, syi_node_ref(tensor->node->child), err));
    sy_status status =
        keep ? sy_tensor_copy_get(child, &inner, err) : sy_tensor_get(child, &inner, err);
    if (status == SY_OK) {
        syi_node *below = syi_node_ref(inner->node);
        status = type->rewrap(tensor->node, below, &node, err);
        if (status != SY_OK) {
            syi_node_unref(below);
        }
    }
    if (status == SY_OK) {
        status = syi_tensor_wrap(tensor->hook, got, node, err);
    }
    if (status == SY_OK) {
        syi_tensor_set_policy(*got, &inner->policy);
        status = syi_tensor_copy_labels(*got, tensor, err);
    }
    if (status != SY_OK) {
        sy_tensor_unref(*got);
        *got = NULL;
    }
    sy_tensor_unref(inner);
    sy_tensor_unref(child);
    return status;
}

sy_status sy_tensor_get(sy_tensor *tensor, sy_tensor **got, sy_error *err)
{
    *got = NULL;
    SYI_TRACE_DEED(tensor->hook, err, .kind = SYI_DEED_OTHER, .what = "get", .self = tensor);
    if (tensor->node->type->rewrap != NULL && tensor->node->child != NULL &&
        syi_node_is_remote(tensor->node->child)) {
        return get_under(tensor, false, got, err);
    }
    if (syi_pointer_of(tensor) == NULL && tensor->node->child != NULL) {
        SY_TRY(syi_tensor_wrap(tensor->hook, got, syi_node_ref(tensor->node->child), err));
        const syi_policy policy = syi_tensor_policy(tensor);
        syi_tensor_set_policy(*got, &policy);
        return syi_tensor_copy_labels(*got, tensor, err);
    }
    return fetch(tensor, false, got, err);
}

sy_status sy_tensor_get_(sy_tensor *tensor, sy_error *err)
{
    SYI_TRACE_DEED(tensor->hook, err, .kind = SYI_DEED_OTHER, .what = "get", .self = tensor);
    sy_tensor *got = NULL;
    SY_TRY(sy_tensor_get(tensor, &got, err));
    syi_tensor_become(tensor, got);
    sy_tensor_unref(got);
    return SY_OK;
}

sy_status sy_tensor_copy_get(sy_tensor *tensor, sy_tensor **got, sy_error *err)
{
    *got = NULL;
    SYI_TRACE_DEED(tensor->hook, err, .kind = SYI_DEED_OTHER, .what = "copy_get", .self = tensor);
    if (tensor->node->type->rewrap != NULL && tensor->node->child != NULL &&
        syi_node_is_remote(tensor->node->child)) {
        return get_under(tensor, true, got, err);
    }
    return fetch(tensor, true, got, err);
}

/* Runs `name` at the pointer's worker and points the handle to what it answers. */
static sy_status repoint(sy_tensor *tensor, syi_pointer *pointer, const char *name,
                         const sy_value *args, size_t arg_count, sy_worker *location, sy_error *err)
{
    syi_exchange exchange;
    syi_pointer *now = NULL;
    SY_TRY(syi_pointer_prepare(pointer->owner, location, &now, err));
    sy_status status = syi_pointer_command(pointer, name, args, arg_count, &exchange, err);
    if (status != SY_OK) {
        syi_node_unref(&now->base);
        return status;
    }
    status = syi_pointer_read_descriptor(exchange.reply, &now, err);
    syi_link_end(&exchange);
    SY_TRY(status);
    atomic_store(&now->collect, atomic_load(&pointer->collect));
    atomic_store(&pointer->collect, false);
    now->id = pointer->id;
    syi_tensor_set_node(tensor, &now->base);
    return SY_OK;
}

/* The worker that sent the object may go; the object is the caller's. */
static void adopt(syi_pointer *pointer)
{
    const sy_value args[] = {syi_id_value(&pointer->id_at_location),
                             sy_value_int((int64_t)pointer->generation)};
    sy_error ignored = SY_ERROR_INIT;
    if (syi_command_tell(pointer->owner, pointer->location, "adopt", args, 2, &ignored) != SY_OK) {
        syi_log(pointer->base.hook->context, SY_LOG_WARNING, "interpreters",
                pointer->location->name, 0, "a moved object lives as long as its sender: %s",
                ignored.message);
    }
}

sy_status sy_tensor_move_(sy_tensor *tensor, sy_worker *location, sy_error *err)
{
    SYI_TRACE_DEED(tensor->hook, err, .kind = SYI_DEED_OTHER, .what = "move", .self = tensor);
    syi_pointer *pointer = NULL;
    SY_TRY(syi_pointer_need(tensor, "move", &pointer, err));
    if (pointer->attribute != NULL) {
        return syi_fail(err, SY_EINVAL, "move: an attribute moves with its object");
    }
    if (location == pointer->location) {
        return SY_OK;
    }
    if (location->kind == SY_WORKER_LOCAL) {
        return syi_fail(err, SY_EINVAL, "move to worker %s, which is here: use get",
                        location->name);
    }
    const sy_value to = syi_id_value(&location->id);
    sy_worker *from = pointer->location; /* a success frees the pointer */
    sy_status status = repoint(tensor, pointer, "move", &to, 1, location, err);
    if (introduced(from, location, status)) {
        status = repoint(tensor, pointer, "move", &to, 1, location, err);
    }
    SY_TRY(status);
    adopt(syi_pointer_of(tensor));
    return SY_OK;
}

sy_status sy_tensor_remote_get_(sy_tensor *tensor, sy_error *err)
{
    SYI_TRACE_DEED(tensor->hook, err, .kind = SYI_DEED_OTHER, .what = "remote_get", .self = tensor);
    syi_pointer *pointer = NULL;
    SY_TRY(syi_pointer_need(tensor, "remote_get", &pointer, err));
    return repoint(tensor, pointer, "mid_get", NULL, 0, pointer->location, err);
}

sy_status sy_hook_synchronize(sy_hook *hook, sy_error *err)
{
    return hook->synchronize(hook, err);
}
