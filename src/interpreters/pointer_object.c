/* pointer_object.c - what a pointer asks of its object: its attributes, its gradient, whether it is none, to keep it. */
#include <stdio.h>

#include "core/error.h"
#include "interpreters/native.h"
#include "interpreters/pointer_parts.h"

/* Gradients and attributes */

sy_status syi_pointer_command(syi_pointer *pointer, const char *name, const sy_value *more,
                              size_t more_count, syi_exchange *exchange, sy_error *err)
{
    sy_value args[1 + SYI_POINTER_MORE_MAX];
    if (more_count > SYI_POINTER_MORE_MAX) {
        return syi_fail(err, SY_ELIMIT, "%s: %zu arguments", name, more_count);
    }
    args[0].kind = (sy_value_kind)SYI_VALUE_NODE;
    args[0].as.internal = &pointer->base;
    for (size_t k = 0; k < more_count; k++) {
        args[k + 1] = more[k];
    }
    return syi_command_request(pointer->owner, pointer->location, name, args, more_count + 1,
                               exchange, err);
}

sy_status syi_pointer_set_requires_grad(syi_node *node, bool requires_grad, sy_error *err)
{
    syi_exchange exchange;
    sy_value flag = sy_value_bool(requires_grad);
    SY_TRY(syi_pointer_command((syi_pointer *)node, "requires_grad_", &flag, 1, &exchange, err));
    syi_link_end(&exchange);
    return SY_OK;
}

static sy_status is_none(syi_pointer *pointer, bool *none, sy_error *err)
{
    syi_exchange exchange;
    syi_decoder decoder;
    SY_TRY(syi_pointer_ask(pointer, SYI_KIND_IS_NONE, &exchange, err));
    syi_decoder_init(&decoder, pointer->base.hook, pointer->owner, exchange.reply);
    sy_status status = syi_msgpack_read_bool(&decoder.cursor, none, err);
    syi_decoder_fini(&decoder);
    syi_link_end(&exchange);
    return status;
}

static sy_status attribute_pointer(syi_pointer *pointer, const char *name, syi_pointer **attribute,
                                   sy_error *err)
{
    char path[256];
    int length =
        snprintf(path, sizeof path, "%s%s%s", pointer->attribute != NULL ? pointer->attribute : "",
                 pointer->attribute != NULL ? "." : "", name);
    if (length < 0 || (size_t)length >= sizeof path) {
        return syi_fail(err, SY_EINVAL, "attribute path of a pointer is longer than %zu bytes",
                        sizeof path - 1);
    }
    SY_TRY(syi_pointer_new(pointer->base.hook, attribute, pointer->owner, pointer->location,
                           &pointer->id_at_location, err));
    atomic_store(&(*attribute)->collect, false);
    (*attribute)->attribute = syi_string_copy(pointer->base.hook->context, path);
    if ((*attribute)->attribute == NULL) {
        syi_node_unref(&(*attribute)->base);
        *attribute = NULL;
        return SYI_ENOMEM(err, "pointer");
    }
    syi_pointer_set_shape(*attribute, pointer->dtype, pointer->ndim, pointer->shape);
    return SY_OK;
}

sy_status syi_pointer_attribute(syi_node *node, const char *path, syi_node **attribute,
                                sy_error *err)
{
    syi_pointer *made = NULL;
    SY_TRY(attribute_pointer((syi_pointer *)node, path, &made, err));
    *attribute = &made->base;
    return SY_OK;
}

sy_status syi_pointer_is_none(syi_node *node, bool *none, sy_error *err)
{
    return is_none((syi_pointer *)node, none, err);
}

sy_status syi_pointer_get_grad(syi_node *node, sy_tensor **grad, sy_error *err)
{
    syi_pointer *attribute = NULL;
    bool none = false;
    *grad = NULL;
    SY_TRY(attribute_pointer((syi_pointer *)node, "grad", &attribute, err));
    sy_status status = is_none(attribute, &none, err);
    if (status != SY_OK || none) {
        syi_node_unref(&attribute->base);
        return status;
    }
    return syi_tensor_wrap(node->hook, grad, &attribute->base, err);
}

sy_status syi_pointer_set_grad(syi_node *node, sy_tensor *grad, sy_error *err)
{
    syi_exchange exchange;
    sy_value value = sy_value_none();
    if (grad != NULL) {
        syi_pointer *other = syi_pointer_of(grad);
        if (other == NULL || other->location != ((syi_pointer *)node)->location) {
            return syi_fail(err, SY_ECOLLOCATION,
                            "the gradient of a tensor at worker %s must be there, too",
                            ((syi_pointer *)node)->location->name);
        }
        value.kind = (sy_value_kind)SYI_VALUE_NODE;
        value.as.internal = grad->node;
    }
    SY_TRY(syi_pointer_command((syi_pointer *)node, "set_grad", &value, 1, &exchange, err));
    syi_link_end(&exchange);
    return SY_OK;
}

/* Who holds the pointer next deletes by generation, which a result that nobody waited for does not know. */
sy_status syi_pointer_before_travel(syi_node *node, sy_error *err)
{
    syi_pointer *pointer = (syi_pointer *)node;
    if (pointer->generation != 0 || pointer->attribute != NULL || !atomic_load(&pointer->collect)) {
        return SY_OK;
    }
    syi_exchange exchange;
    syi_decoder decoder;
    const sy_value id = syi_id_value(&pointer->id_at_location);
    SY_TRY(syi_command_request(pointer->owner, pointer->location, "generation", &id, 1, &exchange,
                               err));
    syi_decoder_init(&decoder, node->hook, pointer->owner, exchange.reply);
    const sy_status status = syi_msgpack_read_uint(&decoder.cursor, &pointer->generation, err);
    syi_decoder_fini(&decoder);
    syi_link_end(&exchange);
    return status;
}

/* The public face */

sy_status sy_tensor_keep(sy_tensor *tensor, sy_error *err)
{
    syi_pointer *pointer = NULL;
    syi_exchange exchange;
    SY_TRY(syi_pointer_need(tensor, "keep", &pointer, err));
    SY_TRY(syi_pointer_command(pointer, "keep", NULL, 0, &exchange, err));
    syi_link_end(&exchange);
    atomic_store(&pointer->collect, false);
    return SY_OK;
}

sy_status sy_tensor_is_none(sy_tensor *tensor, bool *none, sy_error *err)
{
    syi_pointer *pointer = NULL;
    SY_TRY(syi_pointer_need(tensor, "is_none", &pointer, err));
    return is_none(pointer, none, err);
}

sy_status sy_tensor_attr(sy_tensor *tensor, sy_tensor **attribute, const char *name, sy_error *err)
{
    syi_pointer *pointer = NULL;
    syi_pointer *node = NULL;
    *attribute = NULL;
    SYI_TRACE_DEED(tensor->hook, err, .kind = SYI_DEED_OTHER, .what = "attr", .self = tensor);
    if (name == NULL) {
        return syi_fail(err, SY_EINVAL, "attr: the name is NULL");
    }
    if (syi_pointer_of(tensor) == NULL) {
        return syi_tensor_attribute_here(tensor, attribute, name, err);
    }
    SY_TRY(syi_pointer_need(tensor, "attr", &pointer, err));
    SY_TRY(attribute_pointer(pointer, name, &node, err));
    return syi_tensor_wrap(tensor->hook, attribute, &node->base, err);
}
