/* pointer.c - the node, its bytes, gradients, and moving objects. Operations: pointer_call.c. */
#include "interpreters/pointer.h"

#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "interpreters/native.h"
#include "workers/descriptor.h"
#include "workers/resolve.h"

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

static sy_status ask(syi_pointer *pointer, syi_kind kind, syi_exchange *exchange, sy_error *err)
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
        SY_TRY(ask(pointer, SYI_KIND_GET_SHAPE, &exchange, err));
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

/* Gradients of the object */

static sy_status command(syi_pointer *pointer, const char *name, const sy_value *more,
                         size_t more_count, syi_exchange *exchange, sy_error *err)
{
    sy_value args[4];
    args[0].kind = (sy_value_kind)SYI_VALUE_NODE;
    args[0].as.internal = &pointer->base;
    for (size_t k = 0; k < more_count; k++) {
        args[k + 1] = more[k];
    }
    return syi_command_request(pointer->owner, pointer->location, name, args, more_count + 1,
                               exchange, err);
}

static sy_status pointer_set_requires_grad(syi_node *node, bool requires_grad, sy_error *err)
{
    syi_exchange exchange;
    sy_value flag = sy_value_bool(requires_grad);
    SY_TRY(command((syi_pointer *)node, "requires_grad_", &flag, 1, &exchange, err));
    syi_link_end(&exchange);
    return SY_OK;
}

static sy_status is_none(syi_pointer *pointer, bool *none, sy_error *err)
{
    syi_exchange exchange;
    syi_decoder decoder;
    SY_TRY(ask(pointer, SYI_KIND_IS_NONE, &exchange, err));
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

static sy_status pointer_attribute(syi_node *node, const char *path, syi_node **attribute,
                                   sy_error *err)
{
    syi_pointer *made = NULL;
    SY_TRY(attribute_pointer((syi_pointer *)node, path, &made, err));
    *attribute = &made->base;
    return SY_OK;
}

static sy_status pointer_is_none(syi_node *node, bool *none, sy_error *err)
{
    return is_none((syi_pointer *)node, none, err);
}

static sy_status pointer_get_grad(syi_node *node, sy_tensor **grad, sy_error *err)
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

static sy_status pointer_set_grad(syi_node *node, sy_tensor *grad, sy_error *err)
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
    SY_TRY(command((syi_pointer *)node, "set_grad", &value, 1, &exchange, err));
    syi_link_end(&exchange);
    return SY_OK;
}

static sy_value id_value(const sy_id *id)
{
    return id->kind == SY_ID_INT ? sy_value_int(id->number) : sy_value_string(id->text);
}

/* Who holds the pointer next deletes by generation, which a result that nobody waited for does not know. */
static sy_status pointer_before_travel(syi_node *node, sy_error *err)
{
    syi_pointer *pointer = (syi_pointer *)node;
    if (pointer->generation != 0 || pointer->attribute != NULL || !atomic_load(&pointer->collect)) {
        return SY_OK;
    }
    syi_exchange exchange;
    syi_decoder decoder;
    const sy_value id = id_value(&pointer->id_at_location);
    SY_TRY(syi_command_request(pointer->owner, pointer->location, "generation", &id, 1, &exchange,
                               err));
    syi_decoder_init(&decoder, node->hook, pointer->owner, exchange.reply);
    const sy_status status = syi_msgpack_read_uint(&decoder.cursor, &pointer->generation, err);
    syi_decoder_fini(&decoder);
    syi_link_end(&exchange);
    return status;
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
    .set_requires_grad = pointer_set_requires_grad,
    .get_grad = pointer_get_grad,
    .set_grad = pointer_set_grad,
    .hand_over = pointer_hand_over,
    .before_travel = pointer_before_travel,
    .attribute = pointer_attribute,
    .is_none = pointer_is_none,
    .known_shape = pointer_known_shape,
};

/* Moving objects */

/* A pointer to be, which owns nothing yet: it is made before what it will own. */
static sy_status new_pointer(sy_worker *owner, sy_worker *location, syi_pointer **pointer,
                             sy_error *err)
{
    const sy_id none = SY_ID_INIT;
    SY_TRY(syi_pointer_new(owner->hook, pointer, owner, location, &none, err));
    atomic_store(&(*pointer)->collect, false);
    return SY_OK;
}

/* Reads one descriptor: the pointer owns that. On failure it is dropped. */
static sy_status read_pointer(const syi_message *reply, syi_pointer **pointer, sy_error *err)
{
    syi_pointer *made = *pointer;
    syi_decoder decoder;
    sy_id id = SY_ID_INIT;
    uint64_t generation = 0;
    sy_dtype dtype = SY_DTYPE_F32;
    int ndim = -1;
    int64_t shape[SY_DIM_MAX];
    syi_decoder_init(&decoder, made->base.hook, made->owner, reply);
    sy_status status = syi_decode_descriptor(&decoder, &id, &generation, &dtype, &ndim, shape, err);
    if (status == SY_OK) {
        made->id_at_location = id;
        made->generation = generation;
        made->epoch = syi_link_get_epoch(made->link);
        syi_pointer_set_shape(made, dtype, ndim, shape);
        atomic_store(&made->collect, true);
    } else {
        syi_node_unref(&made->base);
        *pointer = NULL;
    }
    syi_decoder_fini(&decoder);
    return status;
}

static sy_status encode_object(sy_worker *owner, sy_worker *location, const sy_id *remote_id,
                               sy_tensor *tensor, bool snapshot, syi_message *message,
                               sy_error *err)
{
    const sy_id none = SY_ID_INIT;
    syi_encoder encoder = {.hook = owner->hook,
                           .out = &message->body,
                           .message = message,
                           .recipient = &location->id,
                           .snapshot = snapshot};
    syi_msgpack_write_array(encoder.out, 2);
    syi_encode_id(encoder.out, remote_id != NULL ? remote_id : &none);
    return syi_encode_tensor(&encoder, tensor, err);
}

/* Sends what is in the message; its answer makes the pointer an owner. */
static sy_status send_object(syi_exchange *exchange, sy_tensor *tensor, syi_pointer **pointer,
                             sy_error *err)
{
    const sy_status status = syi_link_request(exchange, 0, err);
    if (status != SY_OK) {
        syi_node_unref(&(*pointer)->base);
        *pointer = NULL;
        return status;
    }
    const sy_id *to = &(*pointer)->location->id;
    SY_TRY(read_pointer(exchange->reply, pointer, err));
    /* The remote copy of a pointer owns the object now (workers.md, GC). */
    syi_node_hand_over(tensor->node, to);
    return SY_OK;
}

/* stored: the tensor is an object of `owner`, which others may write to. */
static sy_status send_from(sy_worker *owner, syi_pointer **pointer, sy_tensor *tensor,
                           sy_worker *location, const sy_id *remote_id, bool stored, sy_error *err)
{
    syi_exchange exchange;
    *pointer = NULL;
    SY_TRY(syi_node_before_travel(tensor->node, err));
    SY_TRY(new_pointer(owner, location, pointer, err));
    sy_status status = syi_link_begin((*pointer)->link, &exchange, SYI_KIND_OBJECT, err);
    if (status == SY_OK) {
        if (stored) {
            syi_gate_hold(owner);
        }
        status = encode_object(owner, location, remote_id, tensor, stored, exchange.message, err);
        if (stored) {
            syi_gate_let_go(owner);
        }
        if (status == SY_OK) {
            status = send_object(&exchange, tensor, pointer, err);
        }
        syi_link_end(&exchange);
    }
    if (status != SY_OK && *pointer != NULL) {
        syi_node_unref(&(*pointer)->base);
        *pointer = NULL;
    }
    return status;
}

sy_status syi_pointer_send(sy_worker *owner, syi_pointer **pointer, sy_tensor *tensor,
                           sy_worker *location, const sy_id *remote_id, sy_error *err)
{
    return send_from(owner, pointer, tensor, location, remote_id, false, err);
}

sy_status syi_pointer_fetch_begin(syi_pointer *pointer, bool keep, syi_exchange *exchange,
                                  sy_error *err)
{
    if (pointer->attribute != NULL) {
        return syi_fail(err, SY_EINVAL,
                        "get of the attribute .%s of an object at worker %s: clone it first, then "
                        "get the clone",
                        pointer->attribute, pointer->location->name);
    }
    if (!keep && pointer->ndim >= 0) {
        /* What does not fit here is not taken away there. */
        syi_array shape = SYI_ARRAY_INIT;
        SY_TRY(syi_array_describe(&shape, pointer->dtype, pointer->ndim, pointer->shape, err));
        SY_TRY(syi_account_check(&pointer->base.hook->account, syi_array_bytes(&shape), err));
    }
    SY_TRY(syi_link_begin(pointer->link, exchange, SYI_KIND_OBJECT_REQUEST, err));
    syi_msgpack_write_array(&exchange->message->body, 2);
    syi_encode_id(&exchange->message->body, &pointer->id_at_location);
    syi_msgpack_write_bool(&exchange->message->body, keep);
    const sy_status status = syi_link_start(exchange, 0, err);
    if (status != SY_OK) {
        syi_link_end(exchange);
    }
    return status;
}

sy_status syi_pointer_fetch_finish(syi_pointer *pointer, bool keep, syi_exchange *exchange,
                                   sy_tensor **tensor, sy_error *err)
{
    syi_decoder decoder;
    *tensor = NULL;
    sy_status status = syi_link_wait(exchange, err);
    if (status == SY_OK) {
        syi_decoder_init(&decoder, pointer->base.hook, pointer->owner, exchange->reply);
        syi_resolve_without_strand(&decoder);
        status = syi_decode_tensor(&decoder, tensor, err);
        syi_decoder_fini(&decoder);
        if (!keep) {
            atomic_store(&pointer->collect, false);
        }
    }
    syi_link_end(exchange);
    return status;
}

sy_status syi_pointer_fetch(syi_pointer *pointer, bool keep, sy_tensor **tensor, sy_error *err)
{
    syi_exchange exchange;
    *tensor = NULL;
    SY_TRY(syi_pointer_fetch_begin(pointer, keep, &exchange, err));
    return syi_pointer_fetch_finish(pointer, keep, &exchange, tensor, err);
}

sy_status syi_pointer_discard(syi_pointer *pointer, sy_error *err)
{
    if (atomic_exchange(&pointer->collect, false)) {
        if (pointer->epoch == syi_link_get_epoch(pointer->link)) {
            syi_link_delete(pointer->link, &pointer->id_at_location, pointer->generation);
            (void)syi_link_flush(pointer->link); /* now, as get does, and not some time later */
        }
        return SY_OK;
    }
    syi_exchange exchange;
    const sy_value id = id_value(&pointer->id_at_location);
    SY_TRY(
        syi_command_request(pointer->owner, pointer->location, "delete", &id, 1, &exchange, err));
    syi_link_end(&exchange);
    return SY_OK;
}

/* Worker commands: this worker's part in moving objects between workers */

static sy_status handle_move(const sy_request *request, sy_error *err)
{
    if (request->args[0].kind != SY_VALUE_TENSOR) {
        return syi_fail(err, SY_EINVAL, "move: the object is not here");
    }
    sy_tensor *tensor = request->args[0].as.tensor;
    sy_worker *worker = request->worker;
    sy_id to = SY_ID_INIT;
    if (request->args[1].kind == SY_VALUE_INT) {
        to = sy_id_from_int(request->args[1].as.integer);
    } else if (request->args[1].kind == SY_VALUE_STRING) {
        SY_TRY(sy_id_from_text(&to, request->args[1].as.string, err));
    }
    sy_id id = tensor->id;
    char text[72];
    syi_policy policy = syi_tensor_policy(tensor);
    if (policy.private_) {
        return syi_policy_refuse(&policy, "move", sy_id_format(&id, text, sizeof text),
                                 worker->name, err);
    }
    sy_worker *there = syi_directory_find(worker->hook, &to);
    if (there == NULL) {
        return syi_fail_object(err, SY_ENOTFOUND, sy_id_format(&to, text, sizeof text),
                               "worker %s is not known at worker %s; introduce it first", text,
                               worker->name);
    }
    syi_pointer *moved = NULL;
    SY_TRY(send_from(worker, &moved, tensor, there, &id, true, err));
    atomic_store(&moved->collect, false); /* the caller's pointer owns it */
    pthread_mutex_lock(&worker->strand);
    syi_object *object = syi_store_get(worker, &id);
    sy_tensor *taken =
        object != NULL && object->tensor == tensor ? syi_store_take(worker, &id, 0) : NULL;
    pthread_mutex_unlock(&worker->strand);
    sy_tensor_unref(taken);
    syi_buffer *out = request->reply->out;
    syi_msgpack_write_array(out, 4);
    syi_encode_id(out, &moved->id_at_location);
    syi_msgpack_write_uint(out, moved->generation);
    if (moved->ndim < 0) {
        syi_msgpack_write_nil(out);
        syi_msgpack_write_nil(out);
    } else {
        const char *dtype = sy_dtype_name(moved->dtype);
        syi_msgpack_write_str(out, dtype, strlen(dtype));
        syi_msgpack_write_array(out, (size_t)moved->ndim);
        for (int k = 0; k < moved->ndim; k++) {
            syi_msgpack_write_int(out, moved->shape[k]);
        }
    }
    syi_node_unref(&moved->base);
    return syi_buffer_check(out, "message body", err);
}

/* mid_get(object): the object is a pointer; what it stands for takes its place here. */
static sy_status handle_mid_get(const sy_request *request, sy_error *err)
{
    if (request->args[0].kind != SY_VALUE_TENSOR) {
        return syi_fail(err, SY_EINVAL, "mid_get: the object is not here");
    }
    sy_tensor *object = request->args[0].as.tensor;
    syi_pointer *pointer = syi_pointer_of(object);
    char text[72];
    const sy_id id = object->id; /* the id it is stored under */
    if (pointer == NULL) {
        return syi_fail_object(err, SY_EINVAL, sy_id_format(&object->id, text, sizeof text),
                               "remote_get: object %s at worker %s is no pointer", text,
                               request->worker->name);
    }
    sy_tensor *fetched = NULL;
    SY_TRY(syi_pointer_fetch(pointer, false, &fetched, err));
    sy_status status = syi_request_register(request, fetched, &id, err);
    sy_tensor_unref(fetched);
    return status;
}

static const syi_worker_command commands[] = {
    {"move", 2, 2, SYI_COMMAND_WAITS, handle_move},
    {"mid_get", 1, 1, SYI_COMMAND_WAITS, handle_mid_get},
};

sy_status syi_pointer_register(sy_hook *hook, sy_error *err)
{
    SY_TRY(syi_hook_register_interpreter(hook, &syi_pointer_type, err));
    return syi_commands_register(hook, commands, sizeof commands / sizeof commands[0], err);
}

/* The public face */

static sy_status need_pointer(sy_tensor *tensor, const char *what, syi_pointer **pointer,
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
    return sy_worker_send(tensor->hook->local_worker, pointer, tensor, location, NULL, err);
}

sy_status sy_tensor_send_(sy_tensor *tensor, sy_worker *location, sy_error *err)
{
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
    SY_TRY(need_pointer(tensor, keep ? "copy_get" : "get", &pointer, err));
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
static sy_status get_under(sy_tensor *tensor, sy_tensor **got, sy_error *err)
{
    const syi_interpreter *type = tensor->node->type;
    sy_tensor *child = NULL, *inner = NULL;
    syi_node *node = NULL;
    SY_TRY(syi_tensor_wrap(tensor->hook, &child, syi_node_ref(tensor->node->child), err));
    sy_status status = sy_tensor_get(child, &inner, err);
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
    if (tensor->node->type->rewrap != NULL && syi_node_is_remote(tensor->node->child)) {
        return get_under(tensor, got, err);
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
    sy_tensor *got = NULL;
    SY_TRY(sy_tensor_get(tensor, &got, err));
    syi_tensor_become(tensor, got);
    sy_tensor_unref(got);
    return SY_OK;
}

sy_status sy_tensor_copy_get(sy_tensor *tensor, sy_tensor **got, sy_error *err)
{
    return fetch(tensor, true, got, err);
}

/* Runs `name` at the pointer's worker and points the handle to what it answers. */
static sy_status repoint(sy_tensor *tensor, syi_pointer *pointer, const char *name,
                         const sy_value *args, size_t arg_count, sy_worker *location, sy_error *err)
{
    syi_exchange exchange;
    syi_pointer *now = NULL;
    SY_TRY(new_pointer(pointer->owner, location, &now, err));
    sy_status status = command(pointer, name, args, arg_count, &exchange, err);
    if (status != SY_OK) {
        syi_node_unref(&now->base);
        return status;
    }
    status = read_pointer(exchange.reply, &now, err);
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
    const sy_value args[] = {id_value(&pointer->id_at_location),
                             sy_value_int((int64_t)pointer->generation)};
    sy_error ignored = SY_ERROR_INIT;
    syi_exchange exchange;
    if (syi_command_request(pointer->owner, pointer->location, "adopt", args, 2, &exchange,
                            &ignored) == SY_OK) {
        syi_link_end(&exchange);
    } else {
        syi_log(pointer->base.hook->context, SY_LOG_WARNING, "interpreters",
                pointer->location->name, 0, "a moved object lives as long as its sender: %s",
                ignored.message);
    }
}

sy_status sy_tensor_move_(sy_tensor *tensor, sy_worker *location, sy_error *err)
{
    syi_pointer *pointer = NULL;
    SY_TRY(need_pointer(tensor, "move", &pointer, err));
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
    sy_value to = location->id.kind == SY_ID_INT ? sy_value_int(location->id.number)
                                                 : sy_value_string(location->name);
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
    syi_pointer *pointer = NULL;
    SY_TRY(need_pointer(tensor, "remote_get", &pointer, err));
    return repoint(tensor, pointer, "mid_get", NULL, 0, pointer->location, err);
}

sy_status sy_tensor_keep(sy_tensor *tensor, sy_error *err)
{
    syi_pointer *pointer = NULL;
    syi_exchange exchange;
    SY_TRY(need_pointer(tensor, "keep", &pointer, err));
    SY_TRY(command(pointer, "keep", NULL, 0, &exchange, err));
    syi_link_end(&exchange);
    atomic_store(&pointer->collect, false);
    return SY_OK;
}

sy_status sy_tensor_is_none(sy_tensor *tensor, bool *none, sy_error *err)
{
    syi_pointer *pointer = NULL;
    SY_TRY(need_pointer(tensor, "is_none", &pointer, err));
    return is_none(pointer, none, err);
}

sy_status sy_tensor_attr(sy_tensor *tensor, sy_tensor **attribute, const char *name, sy_error *err)
{
    syi_pointer *pointer = NULL;
    syi_pointer *node = NULL;
    *attribute = NULL;
    if (name == NULL) {
        return syi_fail(err, SY_EINVAL, "attr: the name is NULL");
    }
    if (syi_pointer_of(tensor) == NULL) {
        return syi_tensor_attribute_here(tensor, attribute, name, err);
    }
    SY_TRY(need_pointer(tensor, "attr", &pointer, err));
    SY_TRY(attribute_pointer(pointer, name, &node, err));
    return syi_tensor_wrap(tensor->hook, attribute, &node->base, err);
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

sy_status sy_hook_synchronize(sy_hook *hook, sy_error *err)
{
    return hook->synchronize(hook, err);
}
