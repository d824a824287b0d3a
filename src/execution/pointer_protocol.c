/* pointer_protocol.c - protocols at workers: sent, kept, found, fetched and run there. Part of protocol.h. */
#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "core/surroundings.h"
#include "execution/plan.h"
#include "execution/protocol.h"
#include "interpreters/pointer.h"
#include "serde/serde.h"
#include "workers/commands.h"
#include "workers/descriptor.h"

struct sy_pointer_protocol {
    atomic_uint refs;
    sy_tensor *pointer;
};

/* Asking its worker to run it */

/* Tensors among the values have to be pointers to the worker. */
static sy_status check_place(const sy_worker *location, const sy_value *value, sy_error *err)
{
    if (value->kind != SY_VALUE_TENSOR) {
        return SY_OK;
    }
    if (value->as.tensor == NULL) {
        return syi_fail(err, SY_EINVAL, "protocol: an argument is NULL");
    }
    const syi_pointer *pointer = syi_pointer_of(value->as.tensor);
    if (pointer != NULL && pointer->location == location) {
        return SY_OK;
    }
    return syi_fail(err, SY_ECOLLOCATION,
                    "This protocol has been sent to %s, but you provided local arguments or "
                    "pointers to %s.",
                    location->name,
                    pointer != NULL ? pointer->location->name
                                    : value->as.tensor->hook->local_worker->name);
}

/* Inputs that go in one message. */
typedef struct batch {
    sy_value *lists;  /* one per input */
    sy_value *values; /* of all inputs */
    sy_value names[SYI_TAPE_INPUTS_MAX];
    size_t count, value_count, room;
} batch;

static bool same_names(const sy_protocol_input *a, const sy_protocol_input *b)
{
    bool same = a->kwarg_count == b->kwarg_count;
    for (size_t k = 0; same && k < a->kwarg_count; k++) {
        same = a->kwargs[k].name != NULL && b->kwargs[k].name != NULL &&
               strcmp(a->kwargs[k].name, b->kwargs[k].name) == 0;
    }
    return same;
}

/* The next inputs that have the same names, as many as a message takes; at least one. */
static size_t count_together(const sy_protocol_input *inputs, size_t count)
{
    size_t together = 0, values = 0;
    while (together < count && together < SYI_PROTOCOL_INPUTS_MAX &&
           (together == 0 || same_names(&inputs[0], &inputs[together]))) {
        values += inputs[together].count + inputs[together].kwarg_count;
        if (together > 0 && values > SYI_OUTPUT_MAX - 1) { /* and the protocol */
            break;
        }
        together++;
    }
    return together;
}

static sy_status fill_values(batch *b, const sy_worker *location, const sy_protocol_input *inputs,
                             sy_error *err)
{
    for (size_t i = 0; i < b->count; i++) {
        const sy_protocol_input *input = &inputs[i];
        sy_value *values = &b->values[b->value_count];
        const size_t all = input->count + input->kwarg_count;
        for (size_t k = 0; k < all; k++) {
            const bool named = k >= input->count;
            values[k] = named ? input->kwargs[k - input->count].value : input->arguments[k];
            SY_TRY(check_place(location, &values[k], err));
        }
        b->lists[i] = sy_value_list(values, all);
        b->value_count += all;
    }
    for (size_t k = 0; k < inputs[0].kwarg_count; k++) {
        if (inputs[0].kwargs[k].name == NULL) {
            return syi_fail(err, SY_ESIGNATURE, "protocol: a named argument without a name");
        }
        b->names[k] = sy_value_string(inputs[0].kwargs[k].name);
    }
    return SY_OK;
}

/* Results as pointers beside `first`; those there is no room for are deleted there. */
static sy_status read_results(syi_decoder *decoder, syi_pointer *first, sy_protocol_input *input,
                              sy_error *err)
{
    size_t there = 0;
    sy_status made = SY_OK;
    SY_TRY(syi_msgpack_read_array(&decoder->cursor, &there, err));
    for (size_t k = 0; k < there; k++) {
        sy_id id = SY_ID_INIT;
        uint64_t generation = 0;
        sy_dtype dtype = SY_DTYPE_F32;
        int ndim = -1;
        int64_t shape[SY_DIM_MAX];
        syi_pointer *result = NULL;
        SY_TRY(syi_decode_descriptor(decoder, &id, &generation, &dtype, &ndim, shape, err));
        if (made == SY_OK && k == input->capacity) {
            made = syi_fail(err, SY_ESIGNATURE, "the protocol gave %zu results, room for %zu",
                            there, input->capacity);
        }
        made = made == SY_OK ? syi_pointer_beside(first, &result, &id, err) : made;
        if (made == SY_OK) {
            result->generation = generation;
            atomic_store(&result->collect, true);
            syi_pointer_set_shape(result, dtype, ndim, shape);
            made = syi_tensor_wrap(first->base.hook, &input->results[k], &result->base, err);
            input->result_count += made == SY_OK ? 1 : 0;
        } else {
            syi_link_delete(first->link, &id, generation);
        }
    }
    syi_msgpack_leave(&decoder->cursor);
    return made;
}

static sy_status read_reply(syi_pointer *protocol, const syi_message *reply,
                            sy_protocol_input *inputs, size_t count, sy_error *err)
{
    syi_decoder decoder;
    size_t there = 0;
    sy_status made = SY_OK;
    syi_decoder_init(&decoder, protocol->base.hook, protocol->owner, reply);
    sy_status status = syi_msgpack_read_array(&decoder.cursor, &there, err);
    if (status == SY_OK && there != count) {
        status = syi_fail(err, SY_EPROTO, "worker %s answers %zu of %zu inputs",
                          protocol->location->name, there, count);
    }
    for (size_t k = 0; k < count && status == SY_OK; k++) {
        /* Too many results: the others are read all the same. */
        status = read_results(&decoder, protocol, &inputs[k], made == SY_OK ? err : NULL);
        if (status == SY_ESIGNATURE) {
            made = status;
            status = SY_OK;
        }
    }
    syi_decoder_fini(&decoder);
    return status == SY_OK ? made : status;
}

static sy_status ask_batch(syi_pointer *protocol, sy_protocol_input *inputs, batch *b,
                           sy_error *err)
{
    syi_exchange exchange;
    sy_value args[3];
    SY_TRY(fill_values(b, protocol->location, inputs, err));
    args[0].kind = (sy_value_kind)SYI_VALUE_NODE;
    args[0].as.internal = &protocol->base;
    args[1] = sy_value_list(b->lists, b->count);
    args[2] = sy_value_list(b->names, inputs[0].kwarg_count);
    SY_TRY(syi_command_request(protocol->owner, protocol->location, SYI_PROTOCOL_COMMAND_RUN, args,
                               3, &exchange, err));
    const sy_status status = read_reply(protocol, exchange.reply, inputs, b->count, err);
    syi_link_end(&exchange);
    return status;
}

static sy_status ask(syi_pointer *protocol, sy_protocol_input *inputs, size_t count, sy_error *err)
{
    sy_context *context = protocol->base.hook->context;
    batch *b = syi_alloc(context, sizeof *b);
    if (b == NULL) {
        return SYI_ENOMEM(err, "protocol");
    }
    b->count = count;
    for (size_t k = 0; k < count; k++) {
        b->room += inputs[k].count + inputs[k].kwarg_count;
    }
    sy_status status = SYI_TAPE_INPUTS_MAX >= inputs[0].kwarg_count
                           ? SY_OK
                           : syi_fail(err, SY_ELIMIT, "protocol: more than %d named arguments",
                                      SYI_TAPE_INPUTS_MAX);
    if (status == SY_OK) {
        b->lists = syi_alloc_array(context, count, sizeof *b->lists);
        b->values = syi_alloc_array(context, b->room, sizeof *b->values);
        status = b->lists != NULL && b->values != NULL ? ask_batch(protocol, inputs, b, err)
                                                       : SYI_ENOMEM(err, "protocol");
    }
    syi_free(context, b->lists, count * sizeof *b->lists);
    syi_free(context, b->values, b->room * sizeof *b->values);
    syi_free(context, b, sizeof *b);
    return status;
}

static sy_status check_inputs(const sy_protocol_input *inputs, size_t count, sy_error *err)
{
    for (size_t k = 0; k < count; k++) {
        const sy_protocol_input *input = &inputs[k];
        if ((input->count > 0 && input->arguments == NULL) ||
            (input->kwarg_count > 0 && input->kwargs == NULL) ||
            (input->capacity > 0 && input->results == NULL)) {
            return syi_fail(err, SY_EINVAL, "protocol: arguments or results of input %zu are NULL",
                            k + 1);
        }
    }
    return SY_OK;
}

sy_status syi_protocol_ask(sy_tensor *tensor, sy_protocol_input *inputs, size_t count,
                           sy_error *err)
{
    syi_pointer *protocol = syi_pointer_of(tensor);
    sy_status status = check_inputs(inputs, count, err);
    for (size_t k = 0; k < count; k++) {
        inputs[k].result_count = 0;
    }
    for (size_t done = 0; done < count && status == SY_OK;) {
        const size_t together = count_together(&inputs[done], count - done);
        syi_log(tensor->hook->context, SY_LOG_INFO, "execution", protocol->location->name, 0,
                "send remote run request to %s", protocol->location->name);
        status = ask(protocol, &inputs[done], together, err);
        done += together;
    }
    for (size_t k = 0; k < count && status != SY_OK; k++) {
        while (inputs[k].result_count > 0) { /* dropping them deletes their objects */
            sy_tensor_unref(inputs[k].results[--inputs[k].result_count]);
        }
    }
    return status;
}

/* Sending */

/* Tells `location` where the plans are; says whether that helps against `status`. */
static bool introduced(const syi_protocol_body *body, sy_worker *location, sy_status status)
{
    bool told = false;
    if (status != SY_ENOTFOUND || syi_worker_is_here(location)) {
        return false;
    }
    for (size_t k = 0; k < body->count; k++) {
        sy_worker *worker = body->stages[k].worker;
        if (worker != NULL && worker != location) {
            told |= sy_worker_introduce(location, worker, NULL, NULL) == SY_OK;
        }
    }
    return told;
}

static sy_status check_can_go(const syi_protocol_body *body, const sy_worker *location,
                              sy_error *err)
{
    for (size_t k = 0; k < body->count; k++) {
        if (body->stages[k].worker == body->hook->local_worker) {
            return syi_fail(err, SY_EINVAL,
                            "protocol: plan %zu is at worker %s, which worker %s cannot ask", k + 1,
                            body->hook->local_worker->name, location->name);
        }
    }
    return SY_OK;
}

sy_status sy_protocol_send(sy_protocol *protocol, sy_worker *location, sy_error *err)
{
    if (protocol == NULL || location == NULL) {
        return syi_fail(err, SY_EINVAL, "sy_protocol_send: protocol or worker is NULL");
    }
    sy_tensor *object = syi_protocol_get_object(protocol);
    sy_worker *local = object->hook->local_worker;
    SYI_TRACE_DEED(object->hook, err, .kind = SYI_DEED_OTHER, .what = "send", .self = object);
    if (location == local) {
        const sy_id id = sy_tensor_get_id(object);
        SY_TRY(sy_worker_register_object(local, object, &id, err));
        syi_protocol_set_location(protocol, location);
        return SY_OK;
    }
    if (sy_protocol_is_resolved(protocol)) {
        SY_TRY(check_can_go(syi_protocol_body_of(object), location, err));
        SY_TRY(syi_protocol_deploy_rest(protocol, err));
    }
    sy_status status = sy_worker_send_object(local, object, location, false, err);
    if (introduced(syi_protocol_body_of(object), location, status)) {
        status = sy_worker_send_object(local, object, location, false, err);
    }
    SY_TRY(status);
    syi_protocol_set_location(protocol, location);
    return SY_OK;
}

static sy_status keep_at(sy_hook *hook, sy_worker *location, const sy_id *id, sy_error *err)
{
    sy_tensor *pointer = NULL;
    SY_TRY(sy_tensor_point_to(hook, &pointer, location, id, err));
    const sy_status status = sy_tensor_keep(pointer, err);
    sy_tensor_unref(pointer);
    return status;
}

sy_status sy_protocol_keep(sy_protocol *protocol, sy_error *err)
{
    sy_tensor *object = syi_protocol_get_object(protocol);
    sy_worker *location = sy_protocol_get_location(protocol);
    if (sy_protocol_is_resolved(protocol)) {
        SY_TRY(syi_protocol_deploy_rest(protocol, err));
    }
    const syi_protocol_body *body = syi_protocol_body_of(object);
    for (size_t k = 0; k < body->count; k++) {
        sy_tensor *plan = body->stages[k].plan;
        if (syi_pointer_of(plan) != NULL) {
            const sy_status status = sy_tensor_keep(plan, err);
            if (status != SY_OK) {
                return syi_error_prefix(err, status, "protocol, plan %zu", k + 1);
            }
        }
    }
    const sy_id id = sy_tensor_get_id(object);
    return location != NULL && location != object->hook->local_worker
               ? keep_at(object->hook, location, &id, err)
               : SY_OK;
}

/* PointerProtocol */

sy_status sy_pointer_protocol_from(sy_tensor *tensor, sy_pointer_protocol **protocol, sy_error *err)
{
    *protocol = NULL;
    if (syi_pointer_of(tensor) == NULL) {
        return syi_fail(err, SY_EINVAL, "sy_pointer_protocol_from: the tensor is no pointer");
    }
    sy_pointer_protocol *made = syi_alloc(tensor->hook->context, sizeof *made);
    if (made == NULL) {
        return SYI_ENOMEM(err, "protocol");
    }
    atomic_init(&made->refs, 1);
    made->pointer = sy_tensor_ref(tensor);
    *protocol = made;
    return SY_OK;
}

sy_status sy_protocol_create_pointer(sy_hook *hook, sy_pointer_protocol **pointer,
                                     sy_worker *location, const sy_id *id_at_location,
                                     bool garbage_collect, sy_error *err)
{
    sy_tensor *tensor = NULL;
    *pointer = NULL;
    if (hook == NULL || location == NULL || id_at_location == NULL) {
        return syi_fail(err, SY_EINVAL, "sy_protocol_create_pointer: hook, worker or id is NULL");
    }
    SY_TRY(sy_tensor_point_to(hook, &tensor, location, id_at_location, err));
    sy_tensor_set_garbage_collect(tensor, garbage_collect);
    const sy_status status = sy_pointer_protocol_from(tensor, pointer, err);
    sy_tensor_unref(tensor);
    return status;
}

sy_pointer_protocol *sy_pointer_protocol_ref(sy_pointer_protocol *pointer)
{
    atomic_fetch_add_explicit(&pointer->refs, 1, memory_order_relaxed);
    return pointer;
}

void sy_pointer_protocol_unref(sy_pointer_protocol *pointer)
{
    if (pointer == NULL ||
        atomic_fetch_sub_explicit(&pointer->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    sy_context *context = pointer->pointer->hook->context;
    sy_tensor_unref(pointer->pointer);
    syi_free(context, pointer, sizeof *pointer);
}

sy_worker *sy_pointer_protocol_get_location(const sy_pointer_protocol *pointer)
{
    return sy_tensor_get_location(pointer->pointer);
}

sy_id sy_pointer_protocol_get_id_at_location(const sy_pointer_protocol *pointer)
{
    return sy_tensor_get_id_at_location(pointer->pointer);
}

sy_status sy_pointer_protocol_run_many(sy_pointer_protocol *pointer, sy_protocol_input *inputs,
                                       size_t count, sy_error *err)
{
    if (pointer == NULL || (count > 0 && inputs == NULL)) {
        return syi_fail(err, SY_EINVAL,
                        "sy_pointer_protocol_run_many: protocol or inputs are NULL");
    }
    if (sy_hook_is_tracing(pointer->pointer->hook)) {
        return syi_fail(err, SY_ENOTSUP, "a protocol cannot be run while a plan is built");
    }
    return syi_protocol_ask(pointer->pointer, inputs, count, err);
}

sy_status sy_pointer_protocol_run(sy_pointer_protocol *pointer, const sy_value *arguments,
                                  size_t count, const sy_named_value *kwargs, size_t kwarg_count,
                                  sy_tensor **results, size_t capacity, size_t *result_count,
                                  sy_error *err)
{
    sy_protocol_input input = {arguments, count, kwargs, kwarg_count, results, capacity, 0};
    const sy_status status = sy_pointer_protocol_run_many(pointer, &input, 1, err);
    if (result_count != NULL) {
        *result_count = status == SY_OK ? input.result_count : 0;
    }
    return status;
}

/* Fetching */

/* The object that came as a protocol; takes it in any case. Its plans are copies: ids of their own let several clients
 * deploy them at one worker. */
static sy_status as_protocol(sy_protocol **protocol, sy_tensor *object, bool copy, sy_error *err)
{
    const sy_status status = syi_protocol_from_object(protocol, object, err);
    if (status != SY_OK) {
        sy_tensor_unref(object);
        return status;
    }
    const syi_protocol_body *body = syi_protocol_body_of(object);
    for (size_t k = 0; k < body->count; k++) {
        sy_tensor *plan = body->stages[k].plan;
        if (syi_plan_body_of(plan) != NULL && body->stages[k].worker == NULL) {
            plan->id = syi_hook_fresh_id(object->hook);
        }
    }
    if (copy) {
        object->id = syi_hook_fresh_id(object->hook);
    }
    return SY_OK;
}

static sy_status fetch(sy_tensor *pointer, sy_protocol **protocol, bool deregister, bool copy,
                       sy_error *err)
{
    sy_tensor *object = NULL;
    SY_TRY(deregister ? sy_tensor_get(pointer, &object, err)
                      : sy_tensor_copy_get(pointer, &object, err));
    return as_protocol(protocol, object, copy, err);
}

sy_status sy_pointer_protocol_get(sy_pointer_protocol *pointer, sy_protocol **protocol,
                                  bool deregister, sy_error *err)
{
    *protocol = NULL;
    return fetch(pointer->pointer, protocol, deregister, false, err);
}

sy_status sy_worker_fetch_protocol(sy_worker *worker, sy_protocol **protocol, const sy_id *id,
                                   bool copy, sy_error *err)
{
    sy_tensor *pointer = NULL;
    *protocol = NULL;
    if (worker == NULL || id == NULL) {
        return syi_fail(err, SY_EINVAL, "sy_worker_fetch_protocol: worker or id is NULL");
    }
    SY_TRY(sy_tensor_point_to(worker->hook, &pointer, worker, id, err));
    const sy_status status = fetch(pointer, protocol, false, copy, err);
    sy_tensor_unref(pointer);
    return status;
}

sy_status sy_pointer_protocol_to_text(sy_pointer_protocol *pointer, char **text, sy_error *err)
{
    char line[512], own[72], there[72];
    sy_context *context = pointer->pointer->hook->context;
    const syi_pointer *p = syi_pointer_of(pointer->pointer);
    const sy_id id = sy_tensor_get_id(pointer->pointer);
    snprintf(line, sizeof line, "[PointerProtocol | %s:%s -> %s:%s]", p->owner->name,
             sy_id_format(&id, own, sizeof own), p->location->name,
             sy_id_format(&p->id_at_location, there, sizeof there));
    *text = syi_string_copy(context, line);
    return *text != NULL ? SY_OK : SYI_ENOMEM(err, "text of a protocol");
}
