/*
 * pointer.c - PointerTensor, the node: text, shape, bytes, and what a handle tells of it. What is asked of the object
 * it points to: pointer_object.c. Objects that move: pointer_moving.c, and their public face, sending.c. Operations:
 * pointer_call.c. Test: pointer_test.c.
 */
#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "interpreters/pointer_parts.h"
#include "workers/descriptor.h"

/* Nodes */

static syi_pointer *pointer_on_link(sy_hook *hook, sy_worker *owner, sy_worker *location,
                                    syi_link *link, const sy_id *id_at_location)
{
    syi_pointer *pointer =
        (syi_pointer *)syi_node_new(hook, &syi_pointer_type, sizeof *pointer, NULL);
    if (pointer != NULL) {
        pointer->owner = owner;
        pointer->location = location;
        pointer->link = link;
        pointer->id_at_location = *id_at_location;
        pointer->epoch = syi_link_get_epoch(link);
        atomic_init(&pointer->collect, true);
        pointer->ndim = -1;
    }
    return pointer;
}

sy_status syi_pointer_new(sy_hook *hook, syi_pointer **pointer, sy_worker *owner,
                          sy_worker *location, const sy_id *id_at_location, sy_error *err)
{
    syi_link *link = NULL;
    *pointer = NULL;
    SY_TRY(syi_link_get(owner, location, &link, err));
    *pointer = pointer_on_link(hook, owner, location, link, id_at_location);
    return *pointer != NULL ? SY_OK : SYI_ENOMEM(err, "pointer");
}

sy_status syi_pointer_beside(const syi_pointer *first, syi_pointer **pointer,
                             const sy_id *id_at_location, sy_error *err)
{
    *pointer = pointer_on_link(first->base.hook, first->owner, first->location, first->link,
                               id_at_location);
    return *pointer != NULL ? SY_OK : SYI_ENOMEM(err, "pointer");
}

void syi_pointer_set_shape(syi_pointer *pointer, sy_dtype dtype, int ndim, const int64_t *shape)
{
    pointer->dtype = dtype;
    pointer->ndim = ndim;
    if (ndim > 0) {
        memcpy(pointer->shape, shape, (size_t)ndim * sizeof *shape);
    }
}

syi_pointer *syi_pointer_of(const sy_tensor *tensor)
{
    return tensor != NULL && tensor->node->type == &syi_pointer_type ? (syi_pointer *)tensor->node
                                                                     : NULL;
}

static void pointer_free(syi_node *node)
{
    syi_pointer *pointer = (syi_pointer *)node;
    if (atomic_load(&pointer->collect) && pointer->attribute == NULL &&
        pointer->epoch == syi_link_get_epoch(pointer->link)) { /* or the worker has forgotten it */
        syi_link_delete(pointer->link, &pointer->id_at_location, pointer->generation);
    }
    syi_string_free(node->hook->context, pointer->attribute);
}

static void pointer_hand_over(syi_node *node, const sy_id *to)
{
    syi_pointer *pointer = (syi_pointer *)node;
    if (!sy_id_equal(&pointer->location->id, to)) {
        atomic_store(&pointer->collect, false);
    }
}

static sy_id *pointer_identity(syi_node *node)
{
    return &((syi_pointer *)node)->id;
}

static void pointer_describe(const syi_node *node, syi_buffer *text)
{
    const syi_pointer *pointer = (const syi_pointer *)node;
    char line[512];
    char id[72];
    char at[72];
    if (sy_id_is_none(&pointer->id)) { /* an id is drawn when somebody looks */
        ((syi_pointer *)node)->id = syi_hook_fresh_id(node->hook);
    }
    snprintf(line, sizeof line, "[PointerTensor | %s:%s -> %s:%s]", pointer->owner->name,
             sy_id_format(&pointer->id, id, sizeof id), pointer->location->name,
             sy_id_format(&pointer->id_at_location, at, sizeof at));
    syi_buffer_append(text, line, strlen(line));
    for (const char *path = pointer->attribute; path != NULL && *path != '\0';) {
        size_t length = strcspn(path, ".");
        snprintf(line, sizeof line, "::%.*s", (int)length, path);
        syi_buffer_append(text, line, strlen(line));
        path += length + (path[length] == '.');
    }
}

static bool pointer_known_shape(const syi_node *node, syi_array *shape)
{
    const syi_pointer *pointer = (const syi_pointer *)node;
    return pointer->ndim >= 0 &&
           syi_array_describe(shape, pointer->dtype, pointer->ndim, pointer->shape, NULL) == SY_OK;
}

sy_status syi_pointer_ask(syi_pointer *pointer, syi_kind kind, syi_exchange *exchange,
                          sy_error *err)
{
    SY_TRY(syi_link_begin(pointer->link, exchange, kind, err));
    syi_buffer *out = &exchange->message->body;
    syi_msgpack_write_array(out, 2);
    syi_encode_id(out, &pointer->id_at_location);
    syi_encode_text(out, pointer->attribute);
    sy_status status = syi_link_request(exchange, 0, err);
    if (status != SY_OK) {
        syi_link_end(exchange);
    }
    return status;
}

static sy_status pointer_shape(syi_node *node, syi_array *shape, sy_error *err)
{
    syi_pointer *pointer = (syi_pointer *)node;
    if (pointer->ndim < 0) {
        syi_exchange exchange;
        syi_decoder decoder;
        sy_dtype dtype = SY_DTYPE_F32;
        int ndim = 0;
        size_t two = 0;
        int64_t dims[SY_DIM_MAX];
        SY_TRY(syi_pointer_ask(pointer, SYI_KIND_GET_SHAPE, &exchange, err));
        syi_decoder_init(&decoder, node->hook, pointer->owner, exchange.reply);
        sy_status status = syi_msgpack_read_array(&decoder.cursor, &two, err);
        if (status == SY_OK) {
            status = syi_decode_shape(&decoder, &dtype, &ndim, dims, err);
        }
        syi_decoder_fini(&decoder);
        syi_link_end(&exchange);
        SY_TRY(status);
        syi_pointer_set_shape(pointer, dtype, ndim, dims);
    }
    return syi_array_describe(shape, pointer->dtype, pointer->ndim, pointer->shape, err);
}

/* Wire: [25, [id, id at location, location, attribute, shape, collect, tags, description, generation]],
 * or, for an object of the receiver, [25, [nil, id, nil, attribute]] */

static sy_status pointer_simplify(syi_node *node, syi_encoder *encoder, sy_error *err)
{
    syi_pointer *pointer = (syi_pointer *)node;
    syi_buffer *out = encoder->out;
    const sy_id *location = &pointer->location->id;
    const bool argument = encoder->recipient == location ||
                          (encoder->recipient != NULL && sy_id_equal(encoder->recipient, location));
    syi_msgpack_write_array(out, 2);
    syi_msgpack_write_int(out, SYI_CODE_POINTER);
    if (argument) {
        syi_msgpack_write_array(out, 4);
        syi_msgpack_write_nil(out);
        syi_encode_id(out, &pointer->id_at_location);
        syi_msgpack_write_nil(out);
        syi_encode_text(out, pointer->attribute);
        return syi_buffer_check(out, "message body", err);
    }
    syi_msgpack_write_array(out, 9);
    syi_encode_id(out, &pointer->id);
    syi_encode_id(out, &pointer->id_at_location);
    syi_encode_id(out, &pointer->location->id);
    syi_encode_text(out, pointer->attribute);
    syi_msgpack_write_nil(out);
    /* The duty to delete goes along, unless this pointer stays, too. */
    syi_msgpack_write_bool(out, !encoder->copy && atomic_load(&pointer->collect));
    syi_msgpack_write_nil(out);
    syi_msgpack_write_nil(out);
    syi_msgpack_write_uint(out, pointer->generation);
    return syi_buffer_check(out, "message body", err);
}

static sy_status pointer_detail(syi_decoder *decoder, syi_node **node, sy_error *err)
{
    syi_msgpack_cursor *cursor = &decoder->cursor;
    size_t count = 0;
    sy_id id = SY_ID_INIT;
    sy_id at = SY_ID_INIT;
    sy_id location = SY_ID_INIT;
    const char *attribute = NULL;
    bool collect = false;
    uint64_t generation = 0;
    SY_TRY(syi_msgpack_read_array(cursor, &count, err));
    if (count < 4) {
        return syi_fail(err, SY_EFORMAT, "message: a pointer with %zu fields", count);
    }
    SY_TRY(syi_decode_id(decoder, &id, err));
    SY_TRY(syi_decode_id(decoder, &at, err));
    SY_TRY(syi_decode_id(decoder, &location, err));
    SY_TRY(syi_decode_text(decoder, &attribute, err));
    for (size_t k = 4; k < count; k++) { /* the shape is asked for when needed */
        if (k == 5) {
            SY_TRY(syi_msgpack_read_bool(cursor, &collect, err));
        } else if (k == 8 && syi_msgpack_peek(cursor) == SYI_MSGPACK_INT) {
            SY_TRY(syi_msgpack_read_uint(cursor, &generation, err));
        } else {
            SY_TRY(syi_msgpack_skip(cursor, err));
        }
    }
    syi_msgpack_leave(cursor);
    if (sy_id_is_none(&at) || (sy_id_is_none(&location) && decoder->is_here == NULL)) {
        return syi_fail(err, SY_EFORMAT, "message: a pointer to nothing");
    }
    if (decoder->is_here != NULL &&
        (sy_id_is_none(&location) || decoder->is_here(decoder, &location))) {
        /* It points here: the chain goes on with the object's own (tensors.md, send semantics). */
        sy_tensor *object = NULL;
        SY_TRY(decoder->resolve(decoder, &at, attribute, &object, err));
        if (syi_tensor_is_private(object)) {
            decoder->inherited = syi_tensor_policy(object);
        }
        *node = syi_node_ref(object->node);
        sy_tensor_unref(object);
        return SY_OK;
    }
    sy_worker *there = syi_directory_find(decoder->hook, &location);
    if (there == NULL) {
        char name[72];
        return syi_fail_object(err, SY_ENOTFOUND, sy_id_format(&location, name, sizeof name),
                               "worker %s is not known at worker %s; introduce it first", name,
                               decoder->worker->name);
    }
    syi_pointer *pointer = NULL;
    SY_TRY(syi_pointer_new(decoder->hook, &pointer, decoder->worker, there, &at, err));
    pointer->id = id;
    pointer->generation = generation;
    atomic_store(&pointer->collect, collect && attribute == NULL);
    if (attribute != NULL) {
        pointer->attribute = syi_string_copy(decoder->hook->context, attribute);
        if (pointer->attribute == NULL) {
            syi_node_unref(&pointer->base);
            return SYI_ENOMEM(err, "pointer");
        }
    }
    *node = &pointer->base;
    return SY_OK;
}

const syi_interpreter syi_pointer_type = {
    .name = "PointerTensor",
    .code = SYI_CODE_POINTER,
    .flags = SYI_NODE_REMOTE,
    .call = syi_pointer_call,
    .describe = pointer_describe,
    .shape = pointer_shape,
    .simplify = pointer_simplify,
    .detail = pointer_detail,
    .free = pointer_free,
    .identity = pointer_identity,
    .set_requires_grad = syi_pointer_set_requires_grad,
    .get_grad = syi_pointer_get_grad,
    .set_grad = syi_pointer_set_grad,
    .hand_over = pointer_hand_over,
    .before_travel = syi_pointer_before_travel,
    .attribute = syi_pointer_attribute,
    .is_none = syi_pointer_is_none,
    .known_shape = pointer_known_shape,
};

/* What a handle tells */

sy_status syi_pointer_need(sy_tensor *tensor, const char *what, syi_pointer **pointer,
                           sy_error *err)
{
    *pointer = syi_pointer_of(tensor);
    if (*pointer == NULL) {
        if (tensor->node->type->flags & SYI_NODE_SPREAD) {
            return syi_fail(err, SY_EINVAL,
                            "%s: a %s stands for tensors at several workers; see "
                            "sy_multi_pointer_get and sy_multi_pointer_get_child",
                            what, tensor->node->type->name);
        }
        return syi_fail(err, SY_EINVAL, "%s: the tensor is no pointer", what);
    }
    return SY_OK;
}

bool sy_tensor_is_pointer(const sy_tensor *tensor)
{
    return syi_pointer_of(tensor) != NULL;
}

sy_worker *sy_tensor_get_location(const sy_tensor *tensor)
{
    syi_pointer *pointer = syi_pointer_of(tensor);
    return pointer != NULL ? pointer->location : NULL;
}

sy_id sy_tensor_get_id_at_location(const sy_tensor *tensor)
{
    syi_pointer *pointer = syi_pointer_of(tensor);
    return pointer != NULL ? pointer->id_at_location : (sy_id)SY_ID_INIT;
}

bool sy_tensor_get_garbage_collect(const sy_tensor *tensor)
{
    syi_pointer *pointer = syi_pointer_of(tensor);
    return pointer != NULL && atomic_load(&pointer->collect);
}

void sy_tensor_set_garbage_collect(sy_tensor *tensor, bool garbage_collect)
{
    syi_pointer *pointer = syi_pointer_of(tensor);
    if (pointer != NULL) {
        atomic_store(&pointer->collect, garbage_collect);
    }
}

sy_status sy_tensor_point_to(sy_hook *hook, sy_tensor **tensor, sy_worker *location,
                             const sy_id *id_at_location, sy_error *err)
{
    syi_pointer *pointer = NULL;
    *tensor = NULL;
    SY_TRY(syi_pointer_new(hook, &pointer, hook->local_worker, location, id_at_location, err));
    atomic_store(&pointer->collect, false);
    return syi_tensor_wrap(hook, tensor, &pointer->base, err);
}
