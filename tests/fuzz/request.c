/*
 * request.c - hostile requests: byte 0 chooses the kind, byte 1 the flags, the rest is the body of a frame
 * to a worker that was greeted properly. Every request with an answer gets exactly one; afterwards the
 * worker still adds, its private object is still there, and nothing public equals it.
 */
#include <stdlib.h>
#include <string.h>

#include <csyft/operations.h>
#include <csyft/pointer.h>

#include "messaging/control.h"
#include "transport/inproc/inproc.h"
#include "workers/session.h"

enum { SECRET = 421337, OBJECTS_MAX = 12 };

static void require(bool promise)
{
    if (!promise) {
        abort();
    }
}

typedef struct world {
    sy_context *context;
    sy_hook *hook;
    sy_worker *bob;
    sy_id secret;
} world;

static void publish(world *w, sy_id id, const int64_t *shape, int ndim, const float *data)
{
    sy_tensor *tensor = NULL;
    require(sy_tensor_new(w->hook, &tensor, SY_DTYPE_F32, ndim, shape, data, NULL) == SY_OK);
    require(sy_tensor_set_id(tensor, &id, NULL) == SY_OK);
    if (data != NULL) {
        require(sy_tensor_tag(tensor, "#secret", NULL) == SY_OK);
    }
    require(sy_worker_publish(w->bob, tensor, data != NULL, NULL) == SY_OK);
    sy_tensor_unref(tensor);
}

/* The private object and a public one. */
static void publish_both(world *w)
{
    const int64_t shape[2] = {3, 2};
    const int64_t two = 2;
    const float data[6] = {SECRET, SECRET, SECRET, SECRET, SECRET, SECRET};
    w->secret = sy_id_from_int(7);
    publish(w, w->secret, shape, 2, data);
    publish(w, sy_id_from_int(8), &two, 1, NULL);
}

static world *world_get(void)
{
    static world w; /* one worker for all inputs: it must survive them */
    if (w.hook != NULL) {
        return &w;
    }
    sy_context_options context_options = SY_CONTEXT_OPTIONS_INIT;
    sy_hook_options options = SY_HOOK_OPTIONS_INIT;
    context_options.test_seed = 7;
    context_options.memory_limit = 64u << 20;
    options.verbose = false;
    require(sy_context_new(&w.context, &context_options, NULL) == SY_OK);
    require(sy_hook_new(w.context, &w.hook, &options, NULL) == SY_OK);
    require(sy_virtual_worker_new(w.hook, &w.bob, "bob", NULL) == SY_OK);
    sy_worker_set_memory_limit(w.bob, 256u << 10); /* what is public is read after each input */
    publish_both(&w);
    return &w;
}

static void greet(world *w, syi_connection *connection)
{
    syi_message message;
    syi_hello hello = {.wire_min = 1, .wire_max = 1, .worker = sy_id_from_int(1)};
    const syi_message *one = &message;
    syi_message_init(&message, w->context, 1u << 20);
    message.kind = SYI_KIND_HELLO;
    message.id = 1;
    syi_hello_encode(&message.body, &hello);
    require(syi_connection_send(connection, &one, 1, 0, NULL) == SY_OK);
    syi_message_clear(&message);
    require(syi_connection_receive(connection, &message, 0, NULL) == SY_OK);
    require(message.kind == SYI_KIND_HELLO);
    syi_message_fini(&message);
}

/* No object that may be got holds the secret. */
static void check_objects(world *w)
{
    sy_object_info *infos = NULL;
    size_t count = 0;
    bool still_there = false;
    require(sy_worker_find(w->bob, &infos, &count, NULL, 0, NULL) == SY_OK);
    for (size_t k = 0; k < count; k++) {
        sy_tensor *tensor = NULL;
        sy_tensor *got = NULL;
        still_there |= sy_id_equal(&infos[k].id, &w->secret) && infos[k].private_;
        if (infos[k].private_ || infos[k].ndim < 0) {
            continue;
        }
        require(sy_tensor_point_to(w->hook, &tensor, w->bob, &infos[k].id, NULL) == SY_OK);
        if (sy_tensor_copy_get(tensor, &got, NULL) == SY_OK && !sy_tensor_is_wrapper(got)) {
            sy_scope *s = sy_scope_begin(w->hook);
            sy_tensor *flat = sy_to(s, got, SY_DTYPE_F64);
            sy_tensor *close = sy_eq_scalar(s, flat, SECRET);
            sy_tensor *hits = sy_sum(s, close);
            double found = 0;
            require(hits == NULL || sy_tensor_item(hits, &found, NULL) != SY_OK || found == 0);
            (void)sy_scope_end(s, NULL);
        }
        sy_tensor_unref(got);
        sy_tensor_unref(tensor);
    }
    sy_object_infos_free(w->hook, infos, count);
    (void)still_there;         /* a "delete" command may remove it: that reveals nothing */
    if (count > OBJECTS_MAX) { /* each is looked at after each input */
        sy_worker_clear_objects(w->bob);
        publish_both(w);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint16_t kinds[] = {SYI_KIND_COMMAND,
                                     SYI_KIND_OBJECT,
                                     SYI_KIND_OBJECT_REQUEST,
                                     SYI_KIND_IS_NONE,
                                     SYI_KIND_GET_SHAPE,
                                     SYI_KIND_DELETE,
                                     SYI_KIND_SEARCH,
                                     SYI_KIND_WORKER_COMMAND,
                                     SYI_KIND_HELLO,
                                     SYI_KIND_REPLY,
                                     77};
    world *w = world_get();
    if (size < 2) {
        return 0;
    }
    syi_connection *connection = NULL;
    syi_service service = syi_worker_service(w->bob);
    require(syi_inproc_pair(w->context, &connection, "bob", NULL, NULL, &service, NULL) == SY_OK);
    greet(w, connection);

    syi_message message;
    const syi_message *one = &message;
    syi_message_init(&message, w->context, 1u << 24);
    message.kind = kinds[data[0] % (sizeof kinds / sizeof kinds[0])];
    message.flags = data[1] & 1;
    message.id = 2;
    syi_buffer_append(&message.body, data + 2, size - 2);
    require(syi_connection_send(connection, &one, 1, 0, NULL) == SY_OK);
    const bool answered = message.kind != SYI_KIND_DELETE;
    syi_message_clear(&message);
    if (answered) {
        uint64_t deadline = 0;
        require(syi_connection_receive(connection, &message, deadline, NULL) == SY_OK);
        require(message.id == 2);
        require(message.kind == SYI_KIND_REPLY || message.kind == SYI_KIND_ERROR);
        if (message.kind == SYI_KIND_ERROR) {
            sy_error said;
            require(syi_error_decode(&said, message.body.data, message.body.length) == SY_OK);
            require(said.message[0] != '\0');
        }
    }
    syi_message_fini(&message);
    syi_connection_close(connection);
    (void)syi_sessions_expire(w->bob, UINT64_MAX); /* it would wait for its client to come back */
    check_objects(w);
    return 0;
}
