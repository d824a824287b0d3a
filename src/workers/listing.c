/*
 * listing.c - the worker commands by which PySyft's clients look at a worker as a whole. Contents of private objects
 * are not shown. Tests: tests/interop/pysyft_replay.py.
 */
#include <csyft/tensor.h>

#include "core/error.h"
#include "workers/commands.h"
#include "workers/room.h"

#define LIST_MAX ((size_t)4 << 20) /* bytes of the text */
#define SHOWN_MAX 1000             /* elements of a tensor, as PyTorch */

static bool is_tensor(const syi_object *object)
{
    return object->tensor->node->child != NULL || syi_tensor_is_native(object->tensor) ||
           syi_node_is_remote(object->tensor->node);
}

static sy_status handle_tensors_count(const sy_request *request, sy_error *err)
{
    sy_worker *worker = request->worker;
    uint64_t count = 0;
    size_t cursor = 0;
    const sy_id *id = NULL;
    void *value = NULL;
    pthread_mutex_lock(&worker->strand);
    while (syi_table_next(worker->objects, &cursor, &id, &value)) {
        count += is_tensor(value) ? 1 : 0;
    }
    pthread_mutex_unlock(&worker->strand);
    syi_msgpack_write_uint(request->reply->out, count);
    return syi_buffer_check(request->reply->out, "message body", err);
}

static void append(syi_buffer *text, const char *string)
{
    syi_buffer_append(text, string, strlen(string));
}

static sy_status append_object(syi_buffer *text, sy_tensor *tensor, sy_error *err)
{
    char *shown = NULL;
    if (syi_tensor_is_private(tensor)) {
        append(text, "(private)");
    } else if (syi_tensor_is_native(tensor) &&
               syi_array_numel(syi_node_array(tensor->node)) > SHOWN_MAX) {
        append(text, "tensor(...)");
    } else {
        SY_TRY(sy_tensor_to_text(tensor, &shown, err));
        append(text, shown);
        sy_string_free(tensor->hook, shown);
    }
    return SY_OK;
}

/* "{id: tensor([..]), id: ...}". The command reads, so nobody writes meanwhile. */
static sy_status append_objects(sy_worker *worker, bool tensors_only, syi_buffer *text,
                                sy_error *err)
{
    size_t cursor = 0;
    const sy_id *id = NULL;
    void *value = NULL;
    bool first = true;
    append(text, "{");
    while (syi_table_next(worker->objects, &cursor, &id, &value)) {
        syi_object *object = value;
        char name[72];
        if (tensors_only && !is_tensor(object)) {
            continue;
        }
        append(text, first ? "" : ", ");
        first = false;
        if (id->kind == SY_ID_INT) {
            append(text, sy_id_format(id, name, sizeof name));
        } else {
            append(text, "'");
            append(text, sy_id_format(id, name, sizeof name));
            append(text, "'");
        }
        append(text, ": ");
        SY_TRY(append_object(text, object->tensor, err));
    }
    append(text, "}");
    return syi_buffer_check(text, "list of objects", err);
}

static sy_status list(const sy_request *request, bool tensors_only, sy_error *err)
{
    sy_worker *worker = request->worker;
    syi_buffer text;
    syi_buffer_init(&text, worker->hook->context, LIST_MAX);
    pthread_mutex_lock(&worker->strand);
    sy_status status = append_objects(worker, tensors_only, &text, err);
    pthread_mutex_unlock(&worker->strand);
    syi_buffer_append(&text, "", 1);
    if (status == SY_OK && (status = syi_buffer_check(&text, "list of objects", err)) == SY_OK) {
        syi_encode_text(request->reply->out, (const char *)text.data);
        status = syi_buffer_check(request->reply->out, "message body", err);
    }
    syi_buffer_fini(&text);
    return status;
}

static sy_status handle_list_objects(const sy_request *request, sy_error *err)
{
    return list(request, false, err);
}

static sy_status handle_list_tensors(const sy_request *request, sy_error *err)
{
    return list(request, true, err);
}

/* Strand held: takes up to `room` objects that PySyft's clients have put here. */
static size_t take_shared(sy_worker *worker, sy_tensor **tensors, size_t room)
{
    size_t count = 0;
    size_t cursor = 0;
    const sy_id *id = NULL;
    void *value = NULL;
    while (count < room && syi_table_next(worker->objects, &cursor, &id, &value)) {
        if (((const syi_object *)value)->shared) {
            const sy_id taken = *id;
            tensors[count++] = syi_store_take(worker, &taken, 0);
        }
    }
    return count;
}

/* What its owner has put into the worker, and what is leased to other clients, stays. */
static sy_status handle_clear_objects(const sy_request *request, sy_error *err)
{
    sy_tensor *tensors[64];
    size_t count = 0;
    do {
        pthread_mutex_lock(&request->worker->strand);
        count = take_shared(request->worker, tensors, 64);
        pthread_mutex_unlock(&request->worker->strand);
        for (size_t k = 0; k < count; k++) {
            sy_tensor_unref(tensors[k]);
        }
    } while (count > 0);
    syi_msgpack_write_nil(request->reply->out);
    return syi_buffer_check(request->reply->out, "message body", err);
}

static const syi_worker_command listing[] = {
    {"clear_objects", 0, 0, SYI_COMMAND_WRITES, handle_clear_objects},
    {"tensors_count", 0, 0, 0, handle_tensors_count},
    {"list_objects", 0, 0, 0, handle_list_objects},
    {"list_tensors", 0, 0, 0, handle_list_tensors},
};

sy_status syi_commands_register_listing(sy_hook *hook, sy_error *err)
{
    return syi_commands_register(hook, listing, sizeof listing / sizeof listing[0], err);
}
