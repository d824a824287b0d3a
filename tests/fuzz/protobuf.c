/*
 * protobuf.c - hostile bytes as messages of syft-proto. Byte 0 chooses the type (255: a serialized SyftMessage), the rest is
 * the message. A status with a sentence, or an object that is written again, reads again, and is then written as the same
 * bytes, unless ids were drawn for what has none here (gradients). No memory stays behind, and a private object that is pointed to does not come out.
 */
#include <stdlib.h>
#include <string.h>

#include <csyft/pointer.h>
#include <csyft/protobuf.h>

enum { SECRET = 421337, MESSAGE = 255 };

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
} world;

static void keep(world *w, int64_t number, bool is_private)
{
    const int64_t shape[1] = {3};
    const int64_t data[3] = {SECRET, SECRET, SECRET};
    const sy_id id = sy_id_from_int(number);
    sy_tensor *tensor = NULL;
    require(sy_tensor_new(w->hook, &tensor, SY_DTYPE_I64, 1, shape, is_private ? data : NULL,
                          NULL) == SY_OK);
    require(sy_tensor_set_id(tensor, &id, NULL) == SY_OK);
    require(sy_worker_publish(w->bob, tensor, is_private, NULL) == SY_OK);
    sy_tensor_unref(tensor);
}

static world *world_get(void)
{
    static world w; /* one for all inputs: it must survive them */
    if (w.hook == NULL) {
        sy_context_options context_options = SY_CONTEXT_OPTIONS_INIT;
        sy_hook_options options = SY_HOOK_OPTIONS_INIT;
        sy_worker *alice = NULL;
        context_options.test_seed = 7;
        context_options.memory_limit = 64u << 20;
        options.verbose = false;
        require(sy_context_new(&w.context, &context_options, NULL) == SY_OK);
        require(sy_hook_new(w.context, &w.hook, &options, NULL) == SY_OK);
        require(sy_virtual_worker_new(w.hook, &w.bob, "bob", NULL) == SY_OK);
        require(sy_virtual_worker_new(w.hook, &alice, "alice", NULL) == SY_OK);
        keep(&w, 2, true);
        keep(&w, 8, false);
    }
    return &w;
}

static const char *type_of(uint8_t byte)
{
    size_t count = 0;
    while (sy_protobuf_get_type(count) != NULL) {
        count++;
    }
    return count == 0 ? "" : sy_protobuf_get_type(byte % count);
}

static sy_status read_it(world *w, sy_protobuf_object **object, const char *type, const void *data,
                         size_t size, sy_error *err)
{
    return type == NULL ? sy_protobuf_deserialize(w->bob, object, data, size, err)
                        : sy_unbufferize(w->bob, object, type, data, size, err);
}

static sy_status write_it(world *w, const sy_protobuf_object *object, const char *type,
                          void **bytes, size_t *length, sy_error *err)
{
    return type == NULL ? sy_protobuf_serialize(w->bob, bytes, length,
                                                sy_protobuf_object_get_message(object), err)
                        : sy_bufferize(w->bob, bytes, length, &type,
                                       sy_protobuf_object_get_value(object), err);
}

static bool holds_secret(const void *bytes, size_t length)
{
    static const uint8_t varint[3] = {(SECRET & 0x7f) | 0x80, (SECRET >> 7 & 0x7f) | 0x80,
                                      SECRET >> 14};
    return length > 0 && memmem(bytes, length, varint, sizeof varint) != NULL;
}

static bool equal(const void *a, size_t a_length, const void *b, size_t b_length)
{
    return a_length == b_length && (a_length == 0 || memcmp(a, b, a_length) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    world *w = world_get();
    sy_protobuf_object *first = NULL, *second = NULL;
    void *bytes = NULL, *same = NULL;
    size_t length = 0, same_length = 0;
    sy_error err = SY_ERROR_INIT;
    if (size < 1) {
        return 0;
    }
    const char *type = data[0] == MESSAGE ? NULL : type_of(data[0]);
    if (read_it(w, &first, type, data + 1, size - 1, &err) != SY_OK) {
        require(first == NULL && err.message[0] != '\0');
        return 0;
    }
    if (write_it(w, first, type, &bytes, &length, &err) == SY_OK) {
        require(holds_secret(data, size) || !holds_secret(bytes, length));
        require(write_it(w, first, type, &same, &same_length, &err) == SY_OK);
        const bool drawn = !equal(bytes, length, same, same_length);
        sy_bytes_free(w->hook, same, same_length);
        require(read_it(w, &second, type, bytes, length, &err) == SY_OK);
        require(write_it(w, second, type, &same, &same_length, &err) == SY_OK);
        require(drawn || equal(bytes, length, same, same_length));
        sy_protobuf_object_free(second);
        sy_bytes_free(w->hook, bytes, length);
        sy_bytes_free(w->hook, same, same_length);
    } else {
        require(bytes == NULL && err.message[0] != '\0');
    }
    sy_protobuf_object_free(first);
    return 0;
}
