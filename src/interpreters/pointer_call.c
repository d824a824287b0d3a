/* pointer_call.c - operations on pointers: one command to the worker that holds the objects. Part of
 * pointer.h. Test: tests/integration/interplay.c, tests/integration/pipelined.c. */
#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "interpreters/pointer.h"
#include "workers/descriptor.h"

static const char *place_of(const syi_node *node)
{
    return node->type == &syi_pointer_type ? ((const syi_pointer *)node)->location->name : "here";
}

static sy_status not_collocated(const syi_call *call, const syi_node *a, const syi_node *b,
                                sy_error *err)
{
    if (a->type == &syi_pointer_type && b->type == &syi_pointer_type) {
        return syi_fail(err, SY_ECOLLOCATION,
                        "%s: one tensor is at worker %s, the other at worker %s; move one of them "
                        "or get both",
                        call->op->name, place_of(a), place_of(b));
    }
    const syi_node *remote = a->type == &syi_pointer_type ? a : b;
    return syi_fail(err, SY_ECOLLOCATION,
                    "%s: one tensor is at worker %s, the other is local; send the local one to %s "
                    "or get the remote one",
                    call->op->name, place_of(remote), place_of(remote));
}

/* Every tensor must be a pointer to one worker. */
static sy_status check_collocation(const syi_call *call, syi_pointer **first, sy_error *err)
{
    const syi_node *seen = NULL;
    *first = NULL;
    for (int k = 0; k < call->arg_count; k++) {
        const sy_value *items = &call->args[k];
        size_t count = 1;
        if (call->args[k].kind == SY_VALUE_LIST) {
            items = call->args[k].as.list.items;
            count = call->args[k].as.list.count;
        }
        for (size_t i = 0; i < count; i++) {
            if (items[i].kind == SY_VALUE_TENSOR) {
                /* A tensor inside an index expression was not turned into a node. */
                return syi_fail(err, SY_ENOTSUP,
                                "%s: an index tensor inside a list does not travel",
                                call->op->name);
            }
            if (items[i].kind != (sy_value_kind)SYI_VALUE_NODE) {
                continue;
            }
            syi_node *node = items[i].as.internal;
            if (seen != NULL &&
                (node->type != seen->type ||
                 (node->type == &syi_pointer_type &&
                  ((syi_pointer *)node)->location != ((const syi_pointer *)seen)->location))) {
                return not_collocated(call, seen, node, err);
            }
            seen = seen != NULL ? seen : node;
            if (node->type == &syi_pointer_type && *first == NULL) {
                *first = (syi_pointer *)node;
            }
        }
    }
    return SY_OK;
}

static bool is_default(const syi_parameter *parameter, const sy_value *value)
{
    if (parameter->optional) {
        return value->kind == SY_VALUE_NONE;
    }
    const sy_value *standard = &parameter->default_value;
    if (!parameter->has_default || value->kind != standard->kind) {
        return false;
    }
    switch (value->kind) {
    case SY_VALUE_INT:
        return value->as.integer == standard->as.integer;
    case SY_VALUE_FLOAT:
        return value->as.real == standard->as.real;
    case SY_VALUE_BOOL:
        return value->as.boolean == standard->as.boolean;
    case SY_VALUE_STRING:
        return strcmp(value->as.string, standard->as.string) == 0;
    default:
        return false;
    }
}

static sy_status write_command(const syi_call *call, const syi_pointer *first, const sy_id *ids,
                               size_t id_count, syi_message *message, sy_error *err)
{
    syi_buffer *out = &message->body;
    syi_encoder encoder = {
        .hook = call->hook, .out = out, .message = message, .recipient = &first->location->id};
    char method[64];
    if (call->mode->joint != NULL) {
        message->flags |= SYI_FLAG_JOINT;
        syi_joint_write(out, call->mode->joint);
        encoder.joint = true;
    }
    int parameter_count = 0;
    const syi_parameter *parameters =
        syi_ops_get_parameters(call->hook->ops, call->op->id, &parameter_count);
    int count = call->arg_count;
    while (count > 1 && is_default(&parameters[count - 1], &call->args[count - 1])) {
        count--;
    }
    if (!call->mode->grad) {
        message->flags |= SYI_FLAG_NO_GRAD;
    }
    size_t length = 0;
    const char *name = syi_call_get_function(call, &length); /* interpreters there may ask */
    if (name == NULL) {
        name = method;
        length = strlen(call->op->name);
        memcpy(method, call->op->name, length);
        if (call->inplace && !(call->op->flags & SYI_OP_ONLY_INPLACE)) {
            method[length++] = '_';
        }
    }
    syi_msgpack_write_array(out, 4);
    syi_msgpack_write_str(out, name, length);
    sy_value args = sy_value_list(call->args, (size_t)count);
    SY_TRY(syi_encode_value(&encoder, &args, err));
    syi_msgpack_write_map(out, 0);
    syi_msgpack_write_array(out, id_count);
    for (size_t k = 0; k < id_count; k++) {
        syi_encode_id(out, &ids[k]);
    }
    return syi_buffer_check(out, "message body", err);
}

/* Numbers, and lists of them. */
static bool is_plain_answer(const sy_value *value)
{
    if (value->kind != SY_VALUE_LIST) {
        return value->kind == SY_VALUE_INT || value->kind == SY_VALUE_FLOAT ||
               value->kind == SY_VALUE_BOOL;
    }
    for (size_t k = 0; k < value->as.list.count; k++) {
        if (value->as.list.items[k].kind == SY_VALUE_LIST ||
            !is_plain_answer(&value->as.list.items[k])) {
            return false;
        }
    }
    return true;
}

/* Reads [[descriptor, ...], value]. */
static sy_status read_answer(syi_call *call, syi_pointer *first, const syi_message *reply,
                             sy_error *err)
{
    syi_decoder decoder;
    size_t parts = 0;
    size_t count = 0;
    sy_value value = sy_value_none();
    sy_status status = SY_OK;
    syi_decoder_init(&decoder, call->hook, first->owner, reply);
    SY_GOTO(done, syi_msgpack_read_array(&decoder.cursor, &parts, err));
    SY_GOTO(done, syi_msgpack_read_array(&decoder.cursor, &count, err));
    if (count > SYI_OUTPUT_MAX) {
        status = syi_fail(err, SY_EPROTO, "%s: %zu results", call->op->name, count);
        goto done;
    }
    sy_status made = SY_OK;
    for (size_t k = 0; k < count; k++) {
        syi_pointer *result = NULL;
        sy_id id = SY_ID_INIT;
        uint64_t generation = 0;
        sy_dtype dtype = SY_DTYPE_F32;
        int ndim = -1;
        int64_t shape[SY_DIM_MAX];
        SY_GOTO(done, syi_decode_descriptor(&decoder, &id, &generation, &dtype, &ndim, shape, err));
        made = made == SY_OK ? syi_pointer_beside(first, &result, &id, err) : made;
        if (made != SY_OK) { /* nobody will own it */
            syi_link_delete(first->link, &id, generation);
            continue;
        }
        result->generation = generation;
        syi_pointer_set_shape(result, dtype, ndim, shape);
        call->outs[call->out_count++] = &result->base;
    }
    SY_GOTO(done, made);
    syi_msgpack_leave(&decoder.cursor);
    SY_GOTO(done, syi_decode_value(&decoder, &value, err));
    if (is_plain_answer(&value)) {
        status = syi_call_set_value(call, &value, err);
    }
done:
    syi_decoder_fini(&decoder);
    if (status != SY_OK) {
        while (call->out_count > 0) { /* dropping the pointers deletes their objects */
            syi_node_unref(call->outs[--call->out_count]);
        }
    }
    return status;
}

/* Shapes of the results from the rule, when every argument's shape is known. */
static bool infer_shapes(const syi_call *call, syi_inference *inference)
{
    syi_array shapes[SYI_OUTPUT_MAX];
    sy_value args[SYI_ARGUMENT_MAX];
    sy_value items[SYI_OUTPUT_MAX];
    size_t used = 0;
    for (int k = 0; k < call->arg_count; k++) {
        sy_value *values = &args[k];
        size_t count = 1;
        args[k] = call->args[k];
        if (args[k].kind == SY_VALUE_LIST) {
            count = args[k].as.list.count;
            if (count > SYI_OUTPUT_MAX - used) {
                return false;
            }
            memcpy(&items[used], args[k].as.list.items, count * sizeof *items);
            values = &items[used];
            args[k] = sy_value_list(values, count);
        }
        for (size_t i = 0; i < count; i++) {
            if (values[i].kind == (sy_value_kind)SYI_VALUE_NODE) {
                const syi_pointer *pointer = values[i].as.internal;
                if (pointer->ndim < 0 || used + i >= SYI_OUTPUT_MAX ||
                    syi_array_describe(&shapes[used + i], pointer->dtype, pointer->ndim,
                                       pointer->shape, NULL) != SY_OK) {
                    return false;
                }
                values[i].kind = (sy_value_kind)SYI_VALUE_ARRAY;
                values[i].as.internal = &shapes[used + i];
            }
        }
        used += count;
    }
    return syi_op_infer(call->op, args, inference, NULL) == SY_OK && !inference->unknown;
}

/* Without waiting: the result is named here, its shape comes from the rule. */
static sy_status post(syi_call *call, syi_pointer *first, syi_exchange *exchange, const sy_id *id,
                      sy_error *err)
{
    syi_array shapes[SYI_OUTPUT_MAX];
    syi_inference inference = {.outs = shapes};
    syi_pointer *result = NULL;
    if (id != NULL) {
        SY_TRY(syi_pointer_beside(first, &result, id, err));
        if (infer_shapes(call, &inference) && inference.count == 1) {
            syi_pointer_set_shape(result, shapes[0].dtype, shapes[0].ndim, shapes[0].shape);
        }
    }
    sy_status status = syi_link_post(exchange, err);
    if (status != SY_OK) {
        if (result != NULL) {
            syi_node_unref(&result->base);
        }
        return status;
    }
    if (result != NULL) {
        call->outs[call->out_count++] = &result->base;
    }
    return SY_OK;
}

sy_status syi_pointer_begin_at(syi_pointer_trip *trip, syi_call *call, syi_pointer *first,
                               sy_error *err)
{
    trip->call = call;
    trip->first = first;
    trip->answered = true;
    trip->one = !call->inplace && call->op->outputs != 0 && !(call->op->flags & SYI_OP_VALUE);
    trip->id = trip->one ? syi_hook_fresh_id(call->hook) : (sy_id)SY_ID_INIT;
    SY_TRY(syi_link_begin(trip->first->link, &trip->exchange, SYI_KIND_COMMAND, err));
    sy_status status =
        write_command(call, trip->first, &trip->id, trip->one ? 1 : 0, trip->exchange.message, err);
    const bool may_post =
        call->mode->pipelined && call->op->outputs != -1 && !(call->op->flags & SYI_OP_VALUE);
    if (status == SY_OK && may_post) {
        status = post(call, trip->first, &trip->exchange, trip->one ? &trip->id : NULL, err);
    } else if (status == SY_OK) {
        status = syi_link_start(&trip->exchange, call->mode->deadline, err);
        trip->answered = status != SY_OK;
        if (status != SY_OK && trip->one) {
            syi_link_delete(trip->first->link, &trip->id, 0); /* it may have arrived */
        }
    }
    if (trip->answered) {
        syi_link_end(&trip->exchange);
    }
    return status;
}

sy_status syi_pointer_begin(syi_pointer_trip *trip, syi_call *call, sy_error *err)
{
    syi_pointer *first = NULL;
    call->out_count = 0;
    SY_TRY(check_collocation(call, &first, err));
    return syi_pointer_begin_at(trip, call, first, err);
}

sy_status syi_pointer_finish(syi_pointer_trip *trip, sy_error *err)
{
    if (trip->answered) {
        return SY_OK;
    }
    sy_status status = syi_link_wait(&trip->exchange, err);
    if (status == SY_OK) {
        status = read_answer(trip->call, trip->first, trip->exchange.reply, err);
    } else if (trip->one && trip->exchange.reply->kind != SYI_KIND_ERROR) {
        /* No answer: the result may be there, or come into being later. */
        syi_link_delete(trip->first->link, &trip->id, 0);
    }
    syi_link_end(&trip->exchange);
    return status;
}

void syi_pointer_part_drop(syi_pointer_part *part)
{
    while (part->call.out_count > 0) {
        syi_node_unref(part->outs[--part->call.out_count]);
    }
}

sy_status syi_pointer_call(syi_call *call, sy_error *err)
{
    syi_pointer_trip trip;
    SY_TRY(syi_pointer_begin(&trip, call, err));
    return syi_pointer_finish(&trip, err);
}

sy_status syi_pointer_call_at(syi_call *call, sy_worker *owner, sy_worker *location, sy_error *err)
{
    const sy_id none = SY_ID_INIT;
    syi_pointer_trip trip;
    syi_pointer *there = NULL;
    call->out_count = 0;
    SY_TRY(syi_pointer_new(call->hook, &there, owner, location, &none, err));
    atomic_store(&there->collect, false);
    sy_status status = syi_pointer_begin_at(&trip, call, there, err);
    if (status == SY_OK) {
        status = syi_pointer_finish(&trip, err);
    }
    syi_node_unref(&there->base);
    return status;
}
