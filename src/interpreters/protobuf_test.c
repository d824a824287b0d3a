/*
 * protobuf_test.c - <csyft/protobuf.h>: tensors with everything, pointers, objects that csyft has no type for, whole
 * messages, what is refused, and memory that fails at every step. The translation itself: src/pysyft/protobuf/.
 */
#include <stdio.h>
#include <string.h>

#include <csyft/operations.h>
#include <csyft/pointer.h>
#include <csyft/protobuf.h>

#include "hook/tensor.h"
#include "pysyft/envelope.h"
#include "support/local_hook.h"

#define TENSOR "syft_proto.types.torch.v1.TorchTensor"
#define VECTORS CSYFT_TEST_SOURCE_DIR "/tests/vectors/protobuf/objects.txt"

static sy_worker *me(local_hook *local)
{
    return sy_hook_get_local_worker(local->hook);
}

typedef struct bytes {
    void *data;
    size_t size;
    const char *type;
} bytes;

static bytes bufferized(local_hook *local, sy_value value, const char *type)
{
    bytes b = {.type = type};
    assert_ok(sy_bufferize(me(local), &b.data, &b.size, &b.type, &value, &local->err), &local->err);
    return b;
}

static void drop(local_hook *local, bytes *b)
{
    sy_bytes_free(local->hook, b->data, b->size);
    *b = (bytes){0};
}

static sy_protobuf_object *unbufferized(local_hook *local, const bytes *b)
{
    sy_protobuf_object *object = NULL;
    assert_ok(sy_unbufferize(me(local), &object, b->type, b->data, b->size, &local->err),
              &local->err);
    assert_null(sy_protobuf_object_get_message(object));
    return object;
}

static const sy_value *value_of(const sy_protobuf_object *object)
{
    return sy_protobuf_object_get_value(object);
}

static void test_everything_that_has_a_field_is_kept(void **state)
{
    local_hook *local = *state;
    const float values[] = {1, 2.5f};
    const float ones[] = {3, 4};
    const sy_id id = sy_id_from_int(123);
    sy_tensor *x = local_hook_floats(local, 2, values);
    sy_tensor *grad = local_hook_floats(local, 2, ones);
    assert_ok(sy_tensor_set_id(x, &id, &local->err), &local->err);
    assert_ok(sy_tensor_tag(x, "#x", &local->err), &local->err);
    assert_ok(sy_tensor_describe(x, "two", &local->err), &local->err);
    assert_ok(sy_tensor_set_requires_grad(x, true, &local->err), &local->err);
    assert_ok(sy_tensor_set_grad(x, grad, &local->err), &local->err);
    bytes b = bufferized(local, sy_value_tensor(x), NULL);
    assert_string_equal(b.type, TENSOR);
    sy_tensor_unref(grad);
    sy_tensor_unref(x);
    sy_protobuf_object *object = unbufferized(local, &b);
    drop(local, &b);
    assert_int_equal(value_of(object)->kind, SY_VALUE_TENSOR);
    sy_tensor *y = sy_tensor_ref(value_of(object)->as.tensor);
    sy_protobuf_object_free(object); /* the tensor outlives it */
    assert_floats(y, values, 2);
    assert_int_equal(sy_tensor_get_id(y).number, 123);
    assert_string_equal(sy_tensor_get_tag(y, 0), "#x");
    assert_string_equal(sy_tensor_get_description(y), "two");
    assert_ok(sy_tensor_get_grad(y, &grad, &local->err), &local->err);
    assert_floats(grad, ones, 2);
    sy_tensor_unref(grad);
    sy_tensor_unref(y);
}

/* TensorData has no place for requires_grad; a Parameter says it, and is a tensor here. */
static void test_parameter(void **state)
{
    local_hook *local = *state;
    const float values[] = {1, 2.5f};
    const float ones[] = {3, 4};
    sy_tensor *x = local_hook_floats(local, 2, values);
    sy_tensor *grad = local_hook_floats(local, 2, ones);
    assert_ok(sy_tensor_set_requires_grad(x, true, &local->err), &local->err);
    assert_ok(sy_tensor_set_grad(x, grad, &local->err), &local->err);
    sy_tensor_unref(grad);
    bytes b = bufferized(local, sy_value_tensor(x), "syft_proto.types.torch.v1.Parameter");
    sy_protobuf_object *object = unbufferized(local, &b);
    drop(local, &b);
    sy_tensor *y = value_of(object)->as.tensor;
    assert_true(sy_tensor_get_requires_grad(y));
    assert_floats(y, values, 2);
    assert_ok(sy_tensor_get_grad(y, &grad, &local->err), &local->err);
    assert_floats(grad, ones, 2);
    sy_tensor_unref(grad);
    sy_protobuf_object_free(object);
    sy_tensor_unref(x);
}

/* Short and long ones, of each dtype; views as what is seen of them. */
static void test_dtypes(void **state)
{
    local_hook *local = *state;
    const int64_t shapes[3][2] = {{2, 3}, {0, 4}, {130, 70}};
    for (int dtype = 0; dtype < SY_DTYPE_COUNT; dtype++) {
        for (size_t k = 0; k < 3; k++) {
            sy_scope *s = sy_scope_begin(local->hook);
            sy_tensor *x = sy_t(s, sy_to(s, sy_randint(s, 0, 120, 2, shapes[k]), (sy_dtype)dtype));
            assert_ok(sy_scope_get_status(s), &local->err);
            bytes b = bufferized(local, sy_value_tensor(x), NULL);
            sy_protobuf_object *object = unbufferized(local, &b);
            const syi_array *from = syi_node_array(x->node);
            const syi_array *to = syi_node_array(value_of(object)->as.tensor->node);
            assert_int_equal(to->dtype, dtype);
            assert_true(syi_array_same_shape(from, to));
            for (int64_t row = 0; row < shapes[k][0]; row++) {
                for (int64_t column = 0; column < shapes[k][1]; column += 3) {
                    /* x is the transposed of a matrix of these rows and columns */
                    assert_true(syi_array_get_int(from, column * shapes[k][0] + row) ==
                                syi_array_get_int(to, column * shapes[k][0] + row));
                }
            }
            sy_protobuf_object_free(object);
            drop(local, &b);
            assert_ok(sy_scope_end(s, &local->err), &local->err);
        }
    }
}

static void test_plain_values(void **state)
{
    local_hook *local = *state;
    const sy_value dims[2] = {sy_value_int(2), sy_value_int(3)};
    const sy_value mixed[3] = {sy_value_int(-1), sy_value_string("x"), sy_value_float(0.5)};
    bytes b = bufferized(local, sy_value_none(), NULL);
    assert_string_equal(b.type, "google.protobuf.Empty");
    assert_int_equal(b.size, 0);
    sy_protobuf_object *object = unbufferized(local, &b);
    assert_int_equal(value_of(object)->kind, SY_VALUE_NONE);
    sy_protobuf_object_free(object);
    drop(local, &b);

    b = bufferized(local, sy_value_string("alice"), NULL);
    assert_string_equal(b.type, "syft_proto.types.syft.v1.Id");
    object = unbufferized(local, &b);
    assert_string_equal(value_of(object)->as.string, "alice");
    sy_protobuf_object_free(object);
    drop(local, &b);

    b = bufferized(local, sy_value_dtype(SY_DTYPE_I64), NULL);
    assert_string_equal(b.type, "syft_proto.types.torch.v1.TorchDType");
    assert_memory_equal(b.data, "\x0a\x0btorch.int64", b.size);
    object = unbufferized(local, &b);
    assert_int_equal(value_of(object)->as.dtype, SY_DTYPE_I64);
    sy_protobuf_object_free(object);
    drop(local, &b);

    b = bufferized(local, sy_value_list(dims, 2), "syft_proto.types.torch.v1.Size");
    object = unbufferized(local, &b);
    assert_int_equal(value_of(object)->as.list.count, 2);
    assert_int_equal(value_of(object)->as.list.items[1].as.integer, 3);
    sy_protobuf_object_free(object);
    drop(local, &b);

    b = bufferized(local, sy_value_list(mixed, 3), "syft_proto.types.syft.v1.Arg");
    object = unbufferized(local, &b);
    assert_int_equal(value_of(object)->as.list.items[0].as.integer, -1);
    assert_string_equal(value_of(object)->as.list.items[1].as.string, "x");
    assert_true(value_of(object)->as.list.items[2].as.real == 0.5);
    sy_protobuf_object_free(object);
    drop(local, &b);
}

/* The handle is written as the pointer; what is read points to the same object and owns nothing. One to the reading worker
 * becomes the object itself. */
static void test_pointers(void **state)
{
    local_hook *local = *state;
    const float values[] = {1, 2};
    sy_worker *bob = NULL;
    sy_tensor *x = local_hook_floats(local, 2, values), *p = NULL, *got = NULL;
    assert_ok(sy_virtual_worker_new(local->hook, &bob, "bob", &local->err), &local->err);
    assert_ok(sy_tensor_send(x, &p, bob, &local->err), &local->err);
    bytes b = bufferized(local, sy_value_tensor(p), NULL);
    assert_string_equal(b.type, "syft_proto.generic.pointers.v1.PointerTensor");
    sy_protobuf_object *object = unbufferized(local, &b);
    sy_tensor *q = value_of(object)->as.tensor;
    assert_true(sy_tensor_is_pointer(q));
    assert_false(sy_tensor_get_garbage_collect(q));
    assert_true(sy_tensor_get_garbage_collect(p));
    sy_protobuf_object_free(object);
    assert_ok(sy_unbufferize(bob, &object, b.type, b.data, b.size, &local->err), &local->err);
    assert_floats(value_of(object)->as.tensor, values, 2);
    sy_protobuf_object_free(object);
    drop(local, &b);
    assert_ok(sy_tensor_get(p, &got, &local->err), &local->err);
    assert_floats(got, values, 2);
    sy_tensor_unref(got);
    sy_tensor_unref(p);
    sy_tensor_unref(x);
}

/* --- objects without a type here: the lines that python3-protobuf drew ------------------------------------- */

static uint8_t *unhex(const char *text, size_t *size)
{
    *size = strcmp(text, "-") == 0 ? 0 : strlen(text) / 2;
    uint8_t *data = malloc(*size + 1);
    assert_non_null(data);
    for (size_t k = 0; k < *size; k++) {
        const char digits[3] = {text[2 * k], text[2 * k + 1], '\0'};
        data[k] = (uint8_t)strtoul(digits, NULL, 16);
    }
    return data;
}

/* csyft has these types, or knows them under another (Parameter, Shape, pointers that own nothing once they are read): their
 * bytes change. Fixed precision of nothing is refused, and so is what cannot be a plan. */
static bool is_altered(const char *name, const char *type)
{
    return strncmp(name, "pointer", 7) == 0 || strstr(type, ".Shape") != NULL ||
           strstr(type, ".Arg") != NULL || strstr(type, ".messaging.v1") != NULL ||
           strstr(name, "on-pointer") != NULL || strstr(type, ".TorchTensor") != NULL ||
           strstr(name, "state-") != NULL || strstr(name, "parameter") != NULL ||
           strcmp(name, "fixed-precision-bare") == 0 || strcmp(name, "plan") == 0;
}

static void check_kept(local_hook *local, const char *name, const char *type, const char *hex)
{
    bytes b = {.type = type}, again;
    uint8_t *data = unhex(hex, &b.size);
    b.data = data;
    sy_protobuf_object *object = unbufferized(local, &b);
    again = bufferized(local, *value_of(object), type);
    if (again.size != b.size || memcmp(again.data, data, b.size) != 0) {
        fail_msg("%s: %zu bytes became %zu others", name, b.size, again.size);
    }
    sy_protobuf_object_free(object);
    drop(local, &again);
    free(data);
}

static void test_objects_without_a_type_here_are_kept(void **state)
{
    local_hook *local = *state;
    FILE *file = fopen(VECTORS, "r");
    char *line = NULL;
    size_t room = 0;
    unsigned kept = 0;
    sy_worker *alice = NULL;
    assert_non_null(file);
    assert_ok(sy_virtual_worker_new(local->hook, &alice, "alice", &local->err), &local->err);
    while (getline(&line, &room, file) > 0) {
        char *rest = NULL;
        const char *direction = strtok_r(line, " \n", &rest);
        const char *name = strtok_r(NULL, " \n", &rest);
        const char *type = strtok_r(NULL, " \n", &rest);
        (void)strtok_r(NULL, " \n", &rest); /* MessagePack */
        const char *hex = strtok_r(NULL, " \n", &rest);
        if (strcmp(direction, "both") == 0 && !is_altered(name, type)) {
            check_kept(local, name, type, hex);
            kept++;
        }
    }
    assert_true(kept > 30);
    free(line);
    fclose(file);
}

/* --- messages ------------------------------------------------------------------------------------------------ */

static sy_protobuf_object *there_and_back(local_hook *local, const sy_protobuf_message *message)
{
    bytes b = {0};
    sy_protobuf_object *object = NULL;
    assert_ok(sy_protobuf_serialize(me(local), &b.data, &b.size, message, &local->err),
              &local->err);
    assert_int_equal(((const uint8_t *)b.data)[0], 40);
    assert_ok(sy_protobuf_deserialize(me(local), &object, b.data, b.size, &local->err),
              &local->err);
    drop(local, &b);
    const sy_protobuf_message *again = sy_protobuf_object_get_message(object);
    assert_non_null(again);
    assert_int_equal(again->kind, message->kind);
    assert_int_equal(again->size, sizeof *again);
    return object;
}

static void test_messages_about_ids(void **state)
{
    local_hook *local = *state;
    sy_protobuf_message m = SY_PROTOBUF_MESSAGE_INIT;
    const sy_id ids[2] = {sy_id_from_int(7), sy_id_from_int(-8)};
    sy_protobuf_object_free(there_and_back(local, &m)); /* none */
    m.id = sy_id_from_int(5);
    m.reason = "for a test";
    for (int kind = SY_PROTOBUF_OBJECT_REQUEST; kind <= SY_PROTOBUF_GET_SHAPE; kind++) {
        if (kind == SY_PROTOBUF_OBJECT_DELETE) {
            continue;
        }
        m.kind = (sy_protobuf_kind)kind;
        sy_protobuf_object *object = there_and_back(local, &m);
        const sy_protobuf_message *again = sy_protobuf_object_get_message(object);
        assert_true(sy_id_equal(&again->id, &m.id));
        if (kind == SY_PROTOBUF_OBJECT_REQUEST) {
            assert_string_equal(again->reason, "for a test");
        }
        sy_protobuf_object_free(object);
    }
    m.kind = SY_PROTOBUF_OBJECT_DELETE;
    m.ids = ids;
    m.id_count = 2;
    sy_protobuf_object *object = there_and_back(local, &m);
    assert_int_equal(sy_protobuf_object_get_message(object)->id_count, 2);
    assert_int_equal(sy_protobuf_object_get_message(object)->ids[1].number, -8);
    sy_protobuf_object_free(object);
}

static void test_messages_with_values(void **state)
{
    local_hook *local = *state;
    const float values[] = {1, 2};
    sy_tensor *x = local_hook_floats(local, 2, values);
    const sy_value args[3] = {sy_value_tensor(x), sy_value_string("#a"), sy_value_int(3)};
    const sy_named_value kwargs[2] = {{"alpha", sy_value_int(2)}, {"beta", sy_value_tensor(x)}};
    const sy_id ids[1] = {sy_id_from_int(7)};
    sy_protobuf_message m = SY_PROTOBUF_MESSAGE_INIT;
    m.object = sy_value_tensor(x);
    m.kind = SY_PROTOBUF_OBJECT;
    sy_protobuf_object *object = there_and_back(local, &m);
    assert_floats(sy_protobuf_object_get_message(object)->object.as.tensor, values, 2);
    assert_floats(value_of(object)->as.tensor, values, 2);
    sy_protobuf_object_free(object);

    m.name = "__add__";
    m.target = sy_value_int(12);
    m.args = args;
    m.arg_count = 3;
    m.kwargs = kwargs;
    m.kwarg_count = 2;
    m.ids = ids;
    m.id_count = 1;
    for (int kind = SY_PROTOBUF_COMPUTATION; kind <= SY_PROTOBUF_COMMUNICATION; kind++) {
        m.kind = (sy_protobuf_kind)kind;
        object = there_and_back(local, &m);
        const sy_protobuf_message *again = sy_protobuf_object_get_message(object);
        assert_string_equal(again->name, "__add__");
        assert_int_equal(again->target.as.integer, 12);
        assert_int_equal(again->arg_count, 3);
        assert_floats(again->args[0].as.tensor, values, 2);
        assert_string_equal(again->args[1].as.string, "#a");
        assert_int_equal(again->kwarg_count, 2);
        assert_string_equal(again->kwargs[1].name, "beta");
        assert_floats(again->kwargs[1].value.as.tensor, values, 2);
        assert_int_equal(again->ids[0].number, 7);
        sy_protobuf_object_free(object);
    }
    m.args = args + 1;
    m.arg_count = 2;
    for (int kind = SY_PROTOBUF_PLAN_COMMAND; kind <= SY_PROTOBUF_SEARCH; kind++) {
        m.kind = (sy_protobuf_kind)kind;
        object = there_and_back(local, &m);
        const sy_protobuf_message *again = sy_protobuf_object_get_message(object);
        assert_int_equal(again->arg_count, 2);
        assert_string_equal(again->args[0].as.string, "#a");
        assert_int_equal(again->args[1].as.integer, 3);
        sy_protobuf_object_free(object);
    }
    sy_tensor_unref(x);
}

/* Targets and arguments at the worker that reads become its objects. */
static void test_message_on_pointers(void **state)
{
    local_hook *local = *state;
    const float values[] = {1, 2};
    sy_worker *bob = NULL;
    sy_tensor *x = local_hook_floats(local, 2, values), *p = NULL;
    sy_protobuf_message m = SY_PROTOBUF_MESSAGE_INIT;
    sy_protobuf_object *object = NULL;
    bytes b = {0};
    assert_ok(sy_virtual_worker_new(local->hook, &bob, "bob", &local->err), &local->err);
    assert_ok(sy_tensor_send(x, &p, bob, &local->err), &local->err);
    const sy_value args[1] = {sy_value_tensor(p)};
    m.kind = SY_PROTOBUF_COMPUTATION;
    m.name = "__add__";
    m.target = sy_value_tensor(p);
    m.args = args;
    m.arg_count = 1;
    assert_ok(sy_protobuf_serialize(me(local), &b.data, &b.size, &m, &local->err), &local->err);
    assert_ok(sy_protobuf_deserialize(bob, &object, b.data, b.size, &local->err), &local->err);
    const sy_protobuf_message *again = sy_protobuf_object_get_message(object);
    assert_floats(again->target.as.tensor, values, 2);
    assert_ptr_equal(again->args[0].as.tensor, again->target.as.tensor);
    assert_int_equal(again->id_count, 0);
    sy_protobuf_object_free(object);
    assert_ok(sy_protobuf_deserialize(me(local), &object, b.data, b.size, &local->err),
              &local->err);
    assert_true(sy_tensor_is_pointer(sy_protobuf_object_get_message(object)->target.as.tensor));
    sy_protobuf_object_free(object);
    drop(local, &b);
    sy_tensor_unref(p);
    sy_tensor_unref(x);
}

/* What PySyft sends: an lz4 frame, or a stream of zlib. */
static void test_compressed(void **state)
{
    local_hook *local = *state;
    static const syi_pysyft_scheme schemes[] = {SYI_PYSYFT_LZ4, SYI_PYSYFT_ZLIB};
    const int64_t shape[1] = {1000};
    sy_tensor *x = NULL;
    bytes b = {0};
    sy_protobuf_message m = SY_PROTOBUF_MESSAGE_INIT;
    assert_ok(sy_tensor_new(local->hook, &x, SY_DTYPE_F32, 1, shape, NULL, &local->err),
              &local->err);
    m.kind = SY_PROTOBUF_OBJECT;
    m.object = sy_value_tensor(x);
    assert_ok(sy_protobuf_serialize(me(local), &b.data, &b.size, &m, &local->err), &local->err);
    for (size_t k = 0; k < 2; k++) {
        syi_message plain;
        sy_protobuf_object *object = NULL;
        int64_t length = 0;
        syi_message_init(&plain, local->context, 1u << 20);
        assert_ok(syi_pysyft_seal((const uint8_t *)b.data + 1, b.size - 1, schemes[k],
                                  SYI_PLAIN_BINARY, &plain, &local->err),
                  &local->err);
        assert_ok(sy_protobuf_deserialize(me(local), &object, plain.body.data, plain.body.length,
                                          &local->err),
                  &local->err);
        assert_ok(sy_tensor_get_length(value_of(object)->as.tensor, &length, &local->err),
                  &local->err);
        assert_int_equal(length, 1000);
        sy_protobuf_object_free(object);
        assert_status(sy_protobuf_deserialize(me(local), &object, plain.body.data,
                                              plain.body.length - 3, &local->err),
                      SY_EFORMAT, &local->err);
        assert_null(object);
        syi_message_fini(&plain);
    }
    drop(local, &b);
    sy_tensor_unref(x);
}

/* A placeholder has no type here; the arguments beside it come all the same, long tensors, too. */
static void test_argument_without_a_type_here(void **state)
{
    static const uint8_t placeholder[] = {0x52, 0x04, 0x0a,
                                          0x02, 0x08, 0x05}; /* arg_placeholder_id 5 */
    local_hook *local = *state;
    const int64_t shape[1] = {1000};
    sy_tensor *x = NULL;
    bytes b = {0}, arg;
    assert_ok(sy_tensor_new(local->hook, &x, SY_DTYPE_F32, 1, shape, NULL, &local->err),
              &local->err);
    arg = bufferized(local, sy_value_tensor(x), "syft_proto.types.syft.v1.Arg");
    /* SyftMessage 8 PlanCommandMessage {1 "f", 2 arg, 2 placeholder}, all of known length */
    uint8_t *wire = malloc(arg.size + 64);
    const size_t inner = 3 + 1 + 2 + arg.size + 2 + sizeof placeholder;
    size_t at = 0;
    const uint8_t head[] = {40,  0x42, (uint8_t)(inner | 0x80),    (uint8_t)(inner >> 7),   0x0a, 1,
                            'f', 0x12, (uint8_t)(arg.size | 0x80), (uint8_t)(arg.size >> 7)};
    memcpy(wire, head, sizeof head);
    at += sizeof head;
    memcpy(wire + at, arg.data, arg.size);
    at += arg.size;
    wire[at++] = 0x12;
    wire[at++] = sizeof placeholder;
    memcpy(wire + at, placeholder, sizeof placeholder);
    at += sizeof placeholder;
    sy_protobuf_object *object = NULL;
    assert_ok(sy_protobuf_deserialize(me(local), &object, wire, at, &local->err), &local->err);
    const sy_protobuf_message *again = sy_protobuf_object_get_message(object);
    assert_int_equal(again->arg_count, 2);
    int64_t length = 0;
    assert_ok(sy_tensor_get_length(again->args[0].as.tensor, &length, &local->err), &local->err);
    assert_int_equal(length, 1000);
    assert_int_equal(again->args[1].kind, SY_VALUE_TENSOR);
    assert_ok(sy_protobuf_serialize(me(local), &b.data, &b.size, again, &local->err), &local->err);
    assert_int_equal(b.size, at);
    assert_memory_equal(b.data, wire, at);
    sy_protobuf_object_free(object);
    drop(local, &b);
    drop(local, &arg);
    free(wire);
    sy_tensor_unref(x);
}

/* --- what is refused ---------------------------------------------------------------------------------------------- */

static void refuse(local_hook *local, sy_value value, const char *type, sy_status status,
                   const char *sentence)
{
    void *data = &status;
    size_t size = 1;
    assert_status(sy_bufferize(me(local), &data, &size, &type, &value, &local->err), status,
                  &local->err);
    if (strstr(local->err.message, sentence) == NULL) {
        fail_msg("\"%s\" without \"%s\"", local->err.message, sentence);
    }
    assert_null(data);
    assert_int_equal(size, 0);
}

static void test_refusals(void **state)
{
    local_hook *local = *state;
    const float values[] = {1};
    const sy_id id = SY_ID_INIT;
    sy_tensor *x = local_hook_floats(local, 1, values);
    sy_protobuf_message m = SY_PROTOBUF_MESSAGE_INIT;
    sy_protobuf_object *object = NULL;
    bytes b = {0};
    refuse(local, sy_value_ellipsis(), NULL, SY_ENOTSUP, "no message for a Ellipsis");
    refuse(local, sy_value_slice(1, 2, 1), NULL, SY_ENOTSUP, "no message for a slice");
    refuse(local, sy_value_bool(true), NULL, SY_ENOTSUP, "no message for a value");
    refuse(local, sy_value_tensor(x), "Tensor", SY_ENOTSUP, "no message \"Tensor\"");
    refuse(local, sy_value_tensor(NULL), NULL, SY_EINVAL, "NULL");
    syi_policy_set_private(&x->policy, "patients", 1);
    refuse(local, sy_value_tensor(x), NULL, SY_EPERM, "");
    m.kind = SY_PROTOBUF_OBJECT;
    m.object = sy_value_tensor(x);
    assert_status(sy_protobuf_serialize(me(local), &b.data, &b.size, &m, &local->err), SY_EPERM,
                  &local->err);
    assert_null(b.data);
    m.kind = SY_PROTOBUF_IS_NONE;
    m.id = id;
    assert_status(sy_protobuf_serialize(me(local), &b.data, &b.size, &m, &local->err), SY_EINVAL,
                  &local->err);
    m.kind = SY_PROTOBUF_PLAN_COMMAND;
    assert_status(sy_protobuf_serialize(me(local), &b.data, &b.size, &m, &local->err), SY_EINVAL,
                  &local->err);
    m.kind = (sy_protobuf_kind)99;
    assert_status(sy_protobuf_serialize(me(local), &b.data, &b.size, &m, &local->err), SY_EINVAL,
                  &local->err);
    m.size = 1;
    assert_status(sy_protobuf_serialize(me(local), &b.data, &b.size, &m, &local->err), SY_EINVAL,
                  &local->err);
    assert_status(sy_protobuf_deserialize(me(local), &object, "", 0, &local->err), SY_EFORMAT,
                  &local->err);
    assert_status(sy_protobuf_deserialize(me(local), &object, "\x28", 1, &local->err), SY_EFORMAT,
                  &local->err); /* a SyftMessage without contents */
    assert_status(sy_protobuf_deserialize(me(local), &object, "\x27\x0a", 2, &local->err),
                  SY_ENOTSUP, &local->err); /* no such compression */
    assert_status(sy_unbufferize(me(local), &object, "Tensor", "", 0, &local->err), SY_ENOTSUP,
                  &local->err);
    /* PointerTensor to nobody */
    assert_status(sy_unbufferize(me(local), &object, "syft_proto.generic.pointers.v1.PointerTensor",
                                 "\x0a\x02\x08\x01\x12\x05\x12\x03zoe\x1a\x02\x08\x02", 15,
                                 &local->err),
                  SY_ENOTFOUND, &local->err);
    assert_null(object);
    sy_tensor_unref(x);
}

static sy_status message_trip(local_hook *local, const sy_protobuf_message *m)
{
    bytes b = {0};
    sy_protobuf_object *object = NULL;
    sy_status status = sy_protobuf_serialize(me(local), &b.data, &b.size, m, &local->err);
    if (status == SY_OK) {
        status = sy_protobuf_deserialize(me(local), &object, b.data, b.size, &local->err);
    }
    sy_protobuf_object_free(object);
    drop(local, &b);
    return status;
}

static void test_out_of_memory(void **state)
{
    local_hook *local = *state;
    const float values[] = {1, 2};
    sy_tensor *x = local_hook_floats(local, 2, values);
    const sy_value args[2] = {sy_value_tensor(x), sy_value_string("#a")};
    const sy_named_value kwargs[1] = {{"alpha", sy_value_int(2)}};
    const sy_id ids[1] = {sy_id_from_int(7)};
    sy_protobuf_message m = SY_PROTOBUF_MESSAGE_INIT;
    m.kind = SY_PROTOBUF_COMPUTATION;
    m.name = "torch.add";
    m.args = args;
    m.arg_count = 2;
    m.kwargs = kwargs;
    m.kwarg_count = 1;
    m.ids = ids;
    m.id_count = 1;
    for (size_t nth = 1;; nth++) {
        local->memory.refused = 0;
        local->memory.fail_at = local->memory.calls + nth;
        const sy_status status = message_trip(local, &m);
        local->memory.fail_at = 0;
        const bool refused = local->memory.refused != 0;
        assert_status(status, refused ? SY_ENOMEM : SY_OK, &local->err);
        if (!refused) {
            assert_in_range(nth, 10, 200);
            break;
        }
    }
    sy_tensor_unref(x);
}

static void test_absent(void **state)
{
    local_hook *local = *state;
    bytes b = {0};
    const sy_value none = sy_value_none();
    sy_protobuf_object *object = NULL;
    assert_status(sy_bufferize(me(local), &b.data, &b.size, NULL, &none, &local->err), SY_ENOTSUP,
                  &local->err);
    assert_non_null(strstr(local->err.message, "without protobuf-c"));
    assert_status(sy_unbufferize(me(local), &object, TENSOR, "", 0, &local->err), SY_ENOTSUP,
                  &local->err);
    assert_null(object);
}

int main(void)
{
#define local_test(test) \
    cmocka_unit_test_setup_teardown(test, local_hook_setup, local_hook_teardown)
    const struct CMUnitTest tests[] = {
        local_test(test_everything_that_has_a_field_is_kept),
        local_test(test_parameter),
        local_test(test_dtypes),
        local_test(test_plain_values),
        local_test(test_pointers),
        local_test(test_objects_without_a_type_here_are_kept),
        local_test(test_messages_about_ids),
        local_test(test_messages_with_values),
        local_test(test_message_on_pointers),
        local_test(test_compressed),
        local_test(test_argument_without_a_type_here),
        local_test(test_refusals),
        local_test(test_out_of_memory),
    };
    const struct CMUnitTest without[] = {local_test(test_absent)};
    return sy_protobuf_get_type(0) != NULL ? cmocka_run_group_tests(tests, NULL, NULL)
                                           : cmocka_run_group_tests(without, NULL, NULL);
}
