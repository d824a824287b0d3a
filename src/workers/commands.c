/* commands.c - the registry of worker commands, the room's own commands, and asking for one. */
#include "workers/commands.h"

#include <stdio.h>
#include <string.h>

#include <csyft/version.h>

#include "core/error.h"
#include "workers/access.h"
#include "workers/callers.h"
#include "workers/link.h"
#include "workers/room.h"
#include "workers/session.h"

sy_status syi_commands_register(sy_hook *hook, const syi_worker_command *commands, size_t count,
                                sy_error *err)
{
    syi_workers_room *room = hook->workers;
    for (size_t k = 0; k < count; k++) {
        if (room->command_count == SYI_COMMANDS_MAX) {
            return syi_fail(err, SY_ELIMIT, "worker command %s: more than %d", commands[k].name,
                            SYI_COMMANDS_MAX);
        }
        if (syi_commands_find(hook, commands[k].name) != NULL) {
            return syi_fail(err, SY_EEXIST, "worker command %s is taken", commands[k].name);
        }
        room->commands[room->command_count++] = &commands[k];
    }
    return SY_OK;
}

void syi_commands_register_joint(sy_hook *hook, const syi_joint_class *klass)
{
    hook->workers->joint = *klass;
}

const syi_worker_command *syi_commands_find(sy_hook *hook, const char *name)
{
    for (size_t k = 0; k < hook->workers->command_count; k++) {
        if (strcmp(hook->workers->commands[k]->name, name) == 0) {
            return hook->workers->commands[k];
        }
    }
    return NULL;
}

/* Begins the exchange; on failure it is ended. */
static sy_status write_request(sy_worker *owner, sy_worker *target, const char *name,
                               const sy_value *args, size_t arg_count, const syi_joint *joint,
                               struct syi_exchange *exchange, sy_error *err)
{
    syi_link *link = NULL;
    SY_TRY(syi_link_get(owner, target, &link, err));
    SY_TRY(syi_link_begin(link, exchange, SYI_KIND_WORKER_COMMAND, err));
    syi_buffer *out = &exchange->message->body;
    syi_encoder encoder = {
        .hook = owner->hook, .out = out, .message = exchange->message, .recipient = &target->id};
    sy_value list = sy_value_list(args, arg_count);
    encoder.joint = joint != NULL;
    if (joint != NULL) {
        exchange->message->flags |= SYI_FLAG_JOINT;
        syi_joint_write(out, joint);
    }
    syi_msgpack_write_array(out, 2);
    syi_encode_text(out, name);
    const sy_status status = syi_encode_value(&encoder, &list, err);
    if (status != SY_OK) {
        syi_link_end(exchange);
    }
    return status;
}

sy_status syi_command_start(sy_worker *owner, sy_worker *target, const char *name,
                            const sy_value *args, size_t arg_count, const syi_joint *joint,
                            uint64_t deadline, struct syi_exchange *exchange, sy_error *err)
{
    SY_TRY(write_request(owner, target, name, args, arg_count, joint, exchange, err));
    const sy_status status = syi_link_start(exchange, deadline, err);
    if (status != SY_OK) {
        syi_link_end(exchange);
    }
    return status;
}

sy_status syi_command_post(sy_worker *owner, sy_worker *target, const char *name,
                           const sy_value *args, size_t arg_count, sy_error *err)
{
    struct syi_exchange exchange;
    SY_TRY(write_request(owner, target, name, args, arg_count, NULL, &exchange, err));
    const sy_status status = syi_link_post(&exchange, err);
    syi_link_end(&exchange);
    return status;
}

sy_status syi_command_request(sy_worker *owner, sy_worker *target, const char *name,
                              const sy_value *args, size_t arg_count, struct syi_exchange *exchange,
                              sy_error *err)
{
    SY_TRY(syi_command_start(owner, target, name, args, arg_count, NULL, 0, exchange, err));
    const sy_status status = syi_link_wait(exchange, err);
    if (status != SY_OK) {
        syi_link_end(exchange);
    }
    return status;
}

sy_status syi_command_tell(sy_worker *owner, sy_worker *target, const char *name,
                           const sy_value *args, size_t arg_count, sy_error *err)
{
    syi_exchange exchange;
    SY_TRY(syi_command_request(owner, target, name, args, arg_count, &exchange, err));
    syi_link_end(&exchange);
    return SY_OK;
}

/* Arguments of handlers */

static sy_status tensor_argument(const sy_request *request, size_t index, sy_tensor **tensor,
                                 sy_error *err)
{
    if (request->args[index].kind != SY_VALUE_TENSOR) {
        return syi_fail(err, SY_EINVAL, "argument %zu is no tensor", index);
    }
    *tensor = request->args[index].as.tensor;
    return SY_OK;
}

static sy_status id_argument(const sy_request *request, size_t index, sy_id *id, sy_error *err)
{
    const sy_value *value = &request->args[index];
    if (value->kind == SY_VALUE_INT) {
        *id = sy_id_from_int(value->as.integer);
        return SY_OK;
    }
    if (value->kind == SY_VALUE_STRING) {
        return sy_id_from_text(id, value->as.string, err);
    }
    return syi_fail(err, SY_EINVAL, "argument %zu is no id", index);
}

static sy_status answer_none(const sy_request *request, sy_error *err)
{
    syi_msgpack_write_nil(request->reply->out);
    return syi_buffer_check(request->reply->out, "message body", err);
}

/* keep(object): it lives until it is removed, beyond the caller's session. */
static sy_status handle_keep(const sy_request *request, sy_error *err)
{
    sy_tensor *tensor = NULL;
    SY_TRY(tensor_argument(request, 0, &tensor, err));
    pthread_mutex_lock(&request->worker->strand);
    syi_object *object = syi_store_get(request->worker, &tensor->id);
    sy_status status = object != NULL && object->tensor == tensor
                           ? SY_OK
                           : syi_object_missing(request->worker, &tensor->id, err);
    if (status == SY_OK && (object->lease == request->session || object->lease == NULL)) {
        object->lease = NULL;
    } else if (status == SY_OK) {
        status = syi_fail(err, SY_EPERM, "keep: the object belongs to another client");
    }
    pthread_mutex_unlock(&request->worker->strand);
    SY_TRY(status);
    return answer_none(request, err);
}

/* generation(id): of the object that is there now; for a pointer that travels and does not know it. */
static sy_status handle_generation(const sy_request *request, sy_error *err)
{
    sy_id id = SY_ID_INIT;
    SY_TRY(id_argument(request, 0, &id, err));
    pthread_mutex_lock(&request->worker->strand);
    const syi_object *object = syi_store_get(request->worker, &id);
    const uint64_t generation = object != NULL ? object->generation : 0;
    pthread_mutex_unlock(&request->worker->strand);
    if (generation == 0) {
        return syi_object_missing(request->worker, &id, err);
    }
    syi_msgpack_write_uint(request->reply->out, generation);
    return syi_buffer_check(request->reply->out, "message body", err);
}

/* adopt(id, generation): what another worker has sent here for the caller (move) lives as long as the
 * caller's session from now on. Kept objects stay kept. */
static sy_status handle_adopt(const sy_request *request, sy_error *err)
{
    sy_id id = SY_ID_INIT;
    SY_TRY(id_argument(request, 0, &id, err));
    if (request->args[1].kind != SY_VALUE_INT) {
        return syi_fail(err, SY_EINVAL, "adopt: the generation is no integer");
    }
    pthread_mutex_lock(&request->worker->strand);
    syi_object *object = syi_store_get(request->worker, &id);
    sy_status status = SY_OK;
    if (object == NULL || object->generation != (uint64_t)request->args[1].as.integer) {
        status = syi_object_missing(request->worker, &id, err);
    } else if (object->lease != NULL && !request->session->ended) {
        status = syi_access_check_delete(request->session, object, &id, err);
        if (status == SY_OK) {
            syi_object_lease(object, request->session);
            object->exact = true; /* the caller may have had another object under this id */
            object->settled = true;
        }
    }
    pthread_mutex_unlock(&request->worker->strand);
    SY_TRY(status);
    return answer_none(request, err);
}

/* delete(id): also what is kept or published; SY_ENOTFOUND when there is none. */
static sy_status handle_delete(const sy_request *request, sy_error *err)
{
    sy_id id = SY_ID_INIT;
    SY_TRY(id_argument(request, 0, &id, err));
    SY_TRY(syi_request_remove(request, &id, err));
    return answer_none(request, err);
}

/* requires_grad_(object, flag) */
static sy_status handle_requires_grad(const sy_request *request, sy_error *err)
{
    sy_tensor *tensor = NULL;
    SY_TRY(tensor_argument(request, 0, &tensor, err));
    if (request->args[1].kind != SY_VALUE_BOOL) {
        return syi_fail(err, SY_EINVAL, "requires_grad_: the flag is no bool");
    }
    SY_TRY(sy_tensor_set_requires_grad(tensor, request->args[1].as.boolean, err));
    return answer_none(request, err);
}

/* set_grad(object, none or tensor) */
static sy_status handle_set_grad(const sy_request *request, sy_error *err)
{
    sy_tensor *tensor = NULL;
    sy_tensor *grad = NULL;
    SY_TRY(tensor_argument(request, 0, &tensor, err));
    if (request->args[1].kind != SY_VALUE_NONE) {
        SY_TRY(tensor_argument(request, 1, &grad, err));
    }
    SY_TRY(sy_tensor_set_grad(tensor, grad, err));
    return answer_none(request, err);
}

/* add_worker(id, url): where another worker is. */
static sy_status handle_add_worker(const sy_request *request, sy_error *err)
{
    sy_id id = SY_ID_INIT;
    SY_TRY(id_argument(request, 0, &id, err));
    if (request->args[1].kind != SY_VALUE_STRING) {
        return syi_fail(err, SY_EINVAL, "add_worker: the url is no text");
    }
    if (request->worker->forbid_introductions) {
        return syi_fail(err, SY_EFORBIDDEN, "worker %s takes no introductions",
                        request->worker->name);
    }
    if (!request->worker->allow_introductions && !request->trusted_link) {
        return syi_fail(err, SY_EFORBIDDEN,
                        "worker %s takes introductions from its own machine only",
                        request->worker->name);
    }
    SY_TRY(syi_directory_introduce(request->worker->hook, &id, request->args[1].as.string, err));
    return answer_none(request, err);
}

/* whoami(): a text; never object names. */
static sy_status handle_whoami(const sy_request *request, sy_error *err)
{
    char text[256];
    const char *pysyft = "";
    const char *type = request->worker->kind == SY_WORKER_VIRTUAL ? "VirtualWorker" : "BaseWorker";
    char address[SYI_ADDRESS_SIZE];
    syi_session_address(request->session, address);
    if (strncmp(address, "t", 1) == 0) { /* tcp, tls */
        type = "SocketWorker";
    } else if (strncmp(address, "ws", 2) == 0) {
        type = "WebsocketServerWorker";
        pysyft = ", pysyft-0.2.9";
    }
    snprintf(text, sizeof text, "id: %s, type: %s, version: %s, wire: %d-%d, dialects: csyft.v1%s",
             request->worker->name, type, SY_VERSION_STRING, SY_WIRE_REVISION_MIN,
             SY_WIRE_REVISION_MAX, pysyft);
    syi_encode_text(request->reply->out, text);
    return syi_buffer_check(request->reply->out, "message body", err);
}

static sy_status handle_objects_count(const sy_request *request, sy_error *err)
{
    syi_msgpack_write_uint(request->reply->out, sy_worker_get_object_count(request->worker));
    return syi_buffer_check(request->reply->out, "message body", err);
}

static const syi_worker_command builtin[] = {
    {"keep", 1, 1, SYI_COMMAND_WRITES, handle_keep},
    {"generation", 1, 1, 0, handle_generation},
    {"adopt", 2, 2, 0, handle_adopt},
    {"delete", 1, 1, 0, handle_delete},
    {"requires_grad_", 2, 2, SYI_COMMAND_WRITES, handle_requires_grad},
    {"set_grad", 2, 2, SYI_COMMAND_WRITES, handle_set_grad},
    {"add_worker", 2, 2, 0, handle_add_worker},
    {"whoami", 0, 0, 0, handle_whoami},
    {"objects_count", 0, 0, 0, handle_objects_count},
};

sy_status syi_commands_register_builtin(sy_hook *hook, sy_error *err)
{
    SY_TRY(syi_commands_register_listing(hook, err));
    SY_TRY(syi_commands_register_message_log(hook, err));
    SY_TRY(syi_commands_register_peers(hook, err));
    SY_TRY(syi_commands_register_lists(hook, err));
    return syi_commands_register(hook, builtin, sizeof builtin / sizeof builtin[0], err);
}

sy_status syi_value_read_id(const sy_value *value, sy_id *id, sy_error *err)
{
    if (value->kind == SY_VALUE_INT) {
        *id = sy_id_from_int(value->as.integer);
        return SY_OK;
    }
    return value->kind == SY_VALUE_STRING
               ? sy_id_from_text(id, value->as.string, err)
               : syi_fail(err, SY_EINVAL, "no id: ids are whole numbers");
}
