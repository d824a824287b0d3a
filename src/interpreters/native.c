/*
 * native.c - what the reference grafts on every tensor beside operations (TorchTensor and AbstractTensor of
 * 003): copy and clone, length, data, dotted attributes, create_pointer, mid_get, allowed_to_get. Faces:
 * <csyft/tensor.h>, <csyft/pointer.h>. Test: native_test.c; over every kind of worker:
 * tests/reference/003_native.c.
 */
#include "interpreters/native.h"

#include <string.h>

#include "core/error.h"
#include "interpreters/multi_pointer.h"

/* Copies */

static sy_status run_clone(sy_tensor *tensor, sy_tensor **copy, sy_error *err)
{
    const sy_value self = sy_value_tensor(tensor);
    size_t count = 0;
    *copy = NULL;
    return sy_call(tensor->hook, "clone", &self, 1, NULL, 0, copy, 1, &count, NULL, err);
}

sy_status sy_tensor_copy(sy_tensor *tensor, sy_tensor **copy, sy_error *err)
{
    *copy = NULL;
    SYI_TRACE_DEED(tensor->hook, err, .kind = SYI_DEED_OTHER, .what = "copy", .self = tensor);
    return run_clone(tensor, copy, err);
}

/* A second pointer to the object: none of the two deletes it any more. */
static sy_status clone_pointer(syi_pointer *pointer, syi_pointer **clone, sy_error *err)
{
    SY_TRY(syi_pointer_beside(pointer, clone, &pointer->id_at_location, err));
    atomic_store(&(*clone)->collect, false);
    (*clone)->id = pointer->id;
    (*clone)->generation = pointer->generation;
    if (pointer->ndim >= 0) {
        syi_pointer_set_shape(*clone, pointer->dtype, pointer->ndim, pointer->shape);
    }
    if (pointer->attribute != NULL) {
        (*clone)->attribute = syi_string_copy(pointer->base.hook->context, pointer->attribute);
        if ((*clone)->attribute == NULL) {
            syi_node_unref(&(*clone)->base);
            *clone = NULL;
            return SYI_ENOMEM(err, "pointer");
        }
    }
    atomic_store(&pointer->collect, false);
    return SY_OK;
}

static sy_status clone_pointers(syi_multi_pointer *multi, syi_node **node, sy_error *err)
{
    syi_multi_pointer *clone = NULL;
    SY_TRY(syi_multi_pointer_new(multi->base.hook, &clone, multi->count, err));
    clone->id = multi->id;
    for (int k = 0; k < multi->count; k++) {
        const sy_status status = clone_pointer(multi->children[k], &clone->children[k], err);
        if (status != SY_OK) {
            syi_node_unref(&clone->base);
            return status;
        }
    }
    *node = &clone->base;
    return SY_OK;
}

sy_status sy_tensor_clone(sy_tensor *tensor, sy_tensor **clone, sy_error *err)
{
    syi_pointer *pointer = syi_pointer_of(tensor);
    syi_multi_pointer *multi = syi_multi_pointer_of(tensor);
    const sy_id id = sy_tensor_get_id(tensor);
    syi_node *node = NULL;
    *clone = NULL;
    SYI_TRACE_DEED(tensor->hook, err, .kind = SYI_DEED_OTHER, .what = "clone", .self = tensor);
    if (pointer == NULL && multi == NULL) {
        SY_TRY(run_clone(tensor, clone, err));
    } else {
        syi_pointer *second = NULL;
        if (pointer != NULL) {
            SY_TRY(clone_pointer(pointer, &second, err));
            node = &second->base;
        } else {
            SY_TRY(clone_pointers(multi, &node, err));
        }
        SY_TRY(syi_tensor_wrap(tensor->hook, clone, node, err));
        (*clone)->owner = tensor->owner;
        (*clone)->requires_grad = tensor->requires_grad;
    }
    sy_status status = sy_tensor_set_id(*clone, &id, err);
    if (status == SY_OK) {
        status = syi_tensor_copy_labels(*clone, tensor, err);
    }
    if (status != SY_OK) {
        sy_tensor_unref(*clone);
        *clone = NULL;
    }
    return status;
}

/* Length, data, attributes */

sy_status sy_tensor_get_length(sy_tensor *tensor, int64_t *length, sy_error *err)
{
    syi_array shape = SYI_ARRAY_INIT;
    *length = 0;
    SYI_TRACE_DEED(tensor->hook, err, .kind = SYI_DEED_SHAPE, .what = "get_length", .self = tensor);
    SY_TRY(syi_node_shape(tensor->node, &shape, err));
    *length = shape.ndim > 0 ? shape.shape[0] : 0;
    return SY_OK;
}

sy_status sy_tensor_set_data(sy_tensor *tensor, sy_tensor *data, sy_error *err)
{
    SYI_TRACE_DEED(tensor->hook, err, .kind = SYI_DEED_OTHER, .what = "set_data", .self = tensor);
    if (data == NULL || data->hook != tensor->hook) {
        return syi_fail(err, SY_EINVAL, "data: the tensor is NULL or of another hook");
    }
    if (tensor->tape_node != NULL) {
        return syi_fail(err, SY_EINVAL, "data of a computed tensor cannot be set; detach it");
    }
    if (tensor->requires_grad) {
        syi_array shape = SYI_ARRAY_INIT;
        SY_TRY(syi_node_shape(data->node, &shape, err));
        if (!sy_dtype_is_floating(shape.dtype)) {
            return syi_fail(err, SY_EDTYPE, "data of %s for a tensor that requires a gradient",
                            sy_dtype_name(shape.dtype));
        }
    }
    const syi_policy policy = syi_tensor_policy(data);
    syi_tensor_set_node(tensor, syi_node_ref(data->node));
    syi_tensor_set_policy(tensor, &policy);
    return SY_OK;
}

/* One segment of a dotted path on a tensor that is here. *next NULL: none. */
static sy_status step(sy_tensor *at, const char *name, size_t length, sy_tensor **next,
                      sy_error *err)
{
    *next = NULL;
    if (length == 0) { /* empty segments are skipped */
        *next = sy_tensor_ref(at);
        return SY_OK;
    }
    if (length == 4 && memcmp(name, "grad", 4) == 0) {
        return sy_tensor_get_grad(at, next, err);
    }
    if (length == 4 && memcmp(name, "data", 4) == 0) {
        return syi_tensor_alias(at, next, err);
    }
    if (length == 5 && memcmp(name, "child", 5) == 0 && at->node->child != NULL) {
        SY_TRY(syi_tensor_wrap(at->hook, next, syi_node_ref(at->node->child), err));
        const syi_policy policy = syi_tensor_policy(at);
        syi_tensor_set_policy(*next, &policy);
        return SY_OK;
    }
    return syi_fail(err, SY_ENOTFOUND, "a %s has no attribute \"%.*s\": grad, data and child are",
                    at->node->type->name, (int)(length < 60 ? length : 60), name);
}

sy_status syi_tensor_attribute_here(sy_tensor *tensor, sy_tensor **attribute, const char *path,
                                    sy_error *err)
{
    sy_tensor *at = sy_tensor_ref(tensor);
    *attribute = NULL;
    while (*path != '\0' && at != NULL) {
        if (syi_pointer_of(at) != NULL) { /* the rest of the path is at its worker */
            sy_tensor *there = NULL;
            const sy_status status = sy_tensor_attr(at, &there, path, err);
            sy_tensor_unref(at);
            *attribute = there;
            return status;
        }
        const size_t length = strcspn(path, ".");
        sy_tensor *next = NULL;
        const sy_status status = step(at, path, length, &next, err);
        sy_tensor_unref(at);
        SY_TRY(status);
        at = next;
        path += length;
        path += *path == '.';
    }
    *attribute = at;
    return SY_OK;
}

/* Pointers to a tensor */

sy_status sy_tensor_create_pointer(sy_tensor *tensor, sy_tensor **pointer,
                                   const sy_pointer_options *options, sy_error *err)
{
    const sy_pointer_options standard = SY_POINTER_OPTIONS_INIT;
    syi_pointer *made = NULL;
    syi_array shape = SYI_ARRAY_INIT;
    *pointer = NULL;
    SYI_TRACE_DEED(tensor->hook, err, .kind = SYI_DEED_OTHER, .what = "create_pointer",
                   .self = tensor);
    options = options != NULL ? options : &standard;
    if (options->size < sizeof standard) {
        return syi_fail(err, SY_EINVAL, "create_pointer: the options are of another version");
    }
    sy_worker *owner = options->owner != NULL ? options->owner : tensor->owner;
    sy_worker *location = options->location != NULL ? options->location : tensor->owner;
    if (owner == NULL || location == NULL || owner->hook != tensor->hook ||
        location->hook != tensor->hook) {
        return syi_fail(err, SY_EINVAL, "create_pointer: a worker is of another hook");
    }
    const sy_id own = sy_tensor_get_id(tensor);
    const sy_id *at = options->id_at_location != NULL ? options->id_at_location : &own;
    if (options->shape != NULL) {
        SY_TRY(syi_array_describe(&shape, options->dtype, options->ndim, options->shape, err));
    } else {
        SY_TRY(syi_node_shape(tensor->node, &shape, err));
    }
    SY_TRY(syi_pointer_new(tensor->hook, &made, owner, location, at, err));
    atomic_store(&made->collect, options->garbage_collect_data);
    made->id = options->id != NULL ? *options->id
               : location == owner ? syi_hook_fresh_id(tensor->hook)
                                   : own;
    syi_pointer_set_shape(made, shape.dtype, shape.ndim, shape.shape);
    SY_TRY(syi_tensor_wrap(tensor->hook, pointer, &made->base, err));
    (*pointer)->owner = owner;
    const sy_status status = syi_tensor_copy_labels(*pointer, tensor, err);
    if (status != SY_OK) {
        syi_pointer_of(*pointer)->collect = false;
        sy_tensor_unref(*pointer);
        *pointer = NULL;
    }
    return status;
}

sy_status sy_tensor_mid_get_(sy_tensor *tensor, sy_error *err)
{
    SYI_TRACE_DEED(tensor->hook, err, .kind = SYI_DEED_OTHER, .what = "mid_get", .self = tensor);
    syi_pointer *pointer = syi_pointer_of(tensor);
    sy_tensor *value = NULL;
    if (pointer == NULL) {
        return syi_fail(err, SY_EINVAL, "mid_get: the tensor is no pointer");
    }
    const sy_id id = sy_tensor_get_id(tensor);
    sy_worker *owner = pointer->owner;
    SY_TRY(syi_pointer_fetch(pointer, false, &value, err));
    syi_tensor_become(tensor, value);
    sy_tensor_unref(value);
    tensor->id = id;
    return syi_worker_is_here(owner) ? sy_worker_register_object(owner, tensor, &id, err) : SY_OK;
}

/* May the owner of the contents be asked for them? */

static sy_status ask_allowed(syi_pointer *pointer, bool *allowed, sy_error *err)
{
    syi_exchange exchange;
    syi_decoder decoder;
    const sy_value object = {.kind = (sy_value_kind)SYI_VALUE_NODE, .as.internal = &pointer->base};
    SY_TRY(syi_command_request(pointer->owner, pointer->location, "allowed_to_get", &object, 1,
                               &exchange, err));
    syi_decoder_init(&decoder, pointer->base.hook, pointer->owner, exchange.reply);
    const sy_status status = syi_msgpack_read_bool(&decoder.cursor, allowed, err);
    syi_decoder_fini(&decoder);
    syi_link_end(&exchange);
    return status;
}

sy_status sy_tensor_is_allowed_to_get(sy_tensor *tensor, bool *allowed, sy_error *err)
{
    syi_node *node = tensor->node;
    *allowed = false;
    if (syi_tensor_is_private(tensor)) {
        return SY_OK;
    }
    while (node->child != NULL) {
        node = node->child;
    }
    if (node->type == &syi_pointer_type) {
        return ask_allowed((syi_pointer *)node, allowed, err);
    }
    *allowed = true;
    if (node->type == &syi_multi_pointer_type) {
        const syi_multi_pointer *multi = (const syi_multi_pointer *)node;
        for (int k = 0; k < multi->count && *allowed; k++) {
            SY_TRY(ask_allowed(multi->children[k], allowed, err));
        }
    }
    return SY_OK;
}

/* allowed_to_get(object) */
static sy_status handle_allowed_to_get(const sy_request *request, sy_error *err)
{
    if (request->args[0].kind != SY_VALUE_TENSOR) {
        return syi_fail(err, SY_EINVAL, "allowed_to_get: the object is not here");
    }
    const syi_policy policy = syi_tensor_policy(request->args[0].as.tensor);
    syi_msgpack_write_bool(request->reply->out, !syi_policy_hides(&policy, request->bit));
    return syi_buffer_check(request->reply->out, "message body", err);
}

static const syi_worker_command commands[] = {
    {"allowed_to_get", 1, 1, 0, handle_allowed_to_get},
};

sy_status syi_native_register(sy_hook *hook, sy_error *err)
{
    return syi_commands_register(hook, commands, sizeof commands / sizeof commands[0], err);
}
