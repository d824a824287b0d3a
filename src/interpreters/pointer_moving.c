/* pointer_moving.c - objects that move between workers: what a pointer's owner sends, fetches and discards, and what a
 * worker does when it is asked to move one. Public face: sending.c. */
#include <string.h>

#include "core/error.h"
#include "interpreters/pointer_parts.h"
#include "workers/access.h"
#include "workers/descriptor.h"
#include "workers/resolve.h"

/* A pointer to be, which owns nothing yet: it is made before what it will own. */
sy_status syi_pointer_prepare(sy_worker *owner, sy_worker *location, syi_pointer **pointer,
                              sy_error *err)
{
    const sy_id none = SY_ID_INIT;
    SY_TRY(syi_pointer_new(owner->hook, pointer, owner, location, &none, err));
    atomic_store(&(*pointer)->collect, false);
    return SY_OK;
}

/* Reads one descriptor: the pointer owns that. On failure it is dropped. */
sy_status syi_pointer_read_descriptor(const syi_message *reply, syi_pointer **pointer,
                                      sy_error *err)
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

/* `caller`: who wants it sent, in lists of permissions; 0: the owner. */
static sy_status encode_object(sy_worker *owner, sy_worker *location, const sy_id *remote_id,
                               sy_tensor *tensor, bool snapshot, uint64_t caller,
                               syi_message *message, sy_error *err)
{
    const sy_id none = SY_ID_INIT;
    syi_encoder encoder = {.hook = owner->hook,
                           .out = &message->body,
                           .message = message,
                           .recipient = &location->id,
                           .caller = caller,
                           .joint = (tensor->node->type->flags & SYI_NODE_PARTS) != 0,
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
    SY_TRY(syi_pointer_read_descriptor(exchange->reply, pointer, err));
    /* The remote copy of a pointer owns the object now (workers.md, GC). */
    syi_node_hand_over(tensor->node, to);
    return SY_OK;
}

/* stored: the tensor is an object of `owner`, which others may write to. */
static sy_status send_from(sy_worker *owner, syi_pointer **pointer, sy_tensor *tensor,
                           sy_worker *location, const sy_id *remote_id, bool stored,
                           uint64_t caller, uint32_t flags, sy_error *err)
{
    syi_exchange exchange;
    *pointer = NULL;
    SY_TRY(syi_node_before_travel(tensor->node, err));
    SY_TRY(syi_pointer_prepare(owner, location, pointer, err));
    sy_status status = syi_link_begin((*pointer)->link, &exchange, SYI_KIND_OBJECT, err);
    if (status == SY_OK) {
        exchange.message->flags |= flags;
        if (stored) {
            syi_gate_hold(owner);
        }
        status = encode_object(owner, location, remote_id, tensor, stored, caller, exchange.message,
                               err);
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
    return send_from(owner, pointer, tensor, location, remote_id, false, 0, 0, err);
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
    exchange->message->flags |= pointer->recorded ? SYI_FLAG_PLAN : 0;
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
    const sy_value id = syi_id_value(&pointer->id_at_location);
    return syi_command_tell(pointer->owner, pointer->location, "delete", &id, 1, err);
}

/* Worker commands: this worker's part in moving objects between workers */

/* Sends the object with its lists, if it has some. What is private is private there from the first moment on; the lists
 * follow. When they cannot, nothing stays there. */
static sy_status send_restricted(const sy_request *request, syi_pointer **moved, sy_tensor *tensor,
                                 sy_worker *there, const sy_id *id, const syi_policy *policy,
                                 sy_error *err)
{
    SY_TRY(send_from(request->worker, moved, tensor, there, id, true, request->bit,
                     policy->private_ ? SYI_FLAG_PRIVATE : 0, err));
    const sy_status status = syi_access_send_lists(
        request->worker, there, &(*moved)->id_at_location, (*moved)->generation, policy, err);
    if (status != SY_OK) {
        (void)syi_pointer_discard(*moved, NULL);
        syi_node_unref(&(*moved)->base);
        *moved = NULL;
    }
    return status;
}

/* Who may not have the contents does not move them, and who may not remove the object here neither. */
static sy_status check_move(const sy_request *request, sy_tensor *tensor, const sy_id *id,
                            const syi_policy *policy, sy_error *err)
{
    sy_worker *worker = request->worker;
    char text[72];
    if (syi_policy_hides(policy, request->bit)) {
        return syi_policy_refuse(policy, "move", sy_id_format(id, text, sizeof text), worker->name,
                                 err);
    }
    pthread_mutex_lock(&worker->strand);
    const syi_object *object = syi_store_get(worker, id);
    const sy_status status = object != NULL && object->tensor == tensor
                                 ? syi_access_check_delete(request->session, object, id, err)
                                 : SY_OK;
    pthread_mutex_unlock(&worker->strand);
    return status;
}

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
    SY_TRY(check_move(request, tensor, &id, &policy, err));
    sy_worker *there = syi_directory_find(worker->hook, &to);
    if (there == NULL) {
        return syi_fail_object(err, SY_ENOTFOUND, sy_id_format(&to, text, sizeof text),
                               "worker %s is not known at worker %s; introduce it first", text,
                               worker->name);
    }
    syi_pointer *moved = NULL;
    SY_TRY(send_restricted(request, &moved, tensor, there, &id, &policy, err));
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
