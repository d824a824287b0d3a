/* descriptor_test.c - [id, generation, dtype, [shape]] there and back, and what is refused on the way back. */
#include "support/bare_worker.h"
#include "workers/descriptor.h"

/* A node that would have to ask elsewhere for its shape, and must not be asked. */
static sy_status elsewhere_shape(syi_node *node, syi_array *shape, sy_error *err)
{
    (void)node;
    (void)shape;
    return syi_fail(err, SY_EREMOTE, "asked");
}
static const syi_interpreter elsewhere = {
    .name = "Elsewhere", .code = -1, .flags = SYI_NODE_REMOTE, .shape = elsewhere_shape};

typedef struct described {
    sy_id id;
    uint64_t generation;
    sy_dtype dtype;
    int ndim;
    int64_t shape[SY_DIM_MAX];
} described;

static sy_status decode(bare_worker *b, const void *bytes, size_t size, described *d)
{
    syi_message message;
    syi_decoder decoder;
    syi_message_init(&message, b->context, 4096);
    syi_buffer_append(&message.body, bytes, size);
    syi_decoder_init(&decoder, b->hook, b->me, &message);
    const sy_status status = syi_decode_descriptor(&decoder, &d->id, &d->generation, &d->dtype,
                                                   &d->ndim, d->shape, &b->err);
    syi_decoder_fini(&decoder);
    syi_message_fini(&message);
    return status;
}

static void encode(bare_worker *b, sy_tensor *tensor, const sy_id *id, uint64_t generation,
                   syi_buffer *out)
{
    syi_encoder encoder = {.hook = b->hook, .out = out};
    assert_ok(syi_encode_descriptor(&encoder, tensor, id, generation, &b->err), &b->err);
}

static void test_round_trip(void **state)
{
    bare_worker *b = *state;
    sy_id text = SY_ID_INIT;
    assert_ok(sy_id_from_text(&text, "rows", &b->err), &b->err);
    const sy_id ids[] = {sy_id_from_int(0), sy_id_from_int(INT64_MAX), sy_id_from_int(-5), text};
    static const sy_dtype dtypes[] = {SY_DTYPE_F32, SY_DTYPE_F64, SY_DTYPE_I8,   SY_DTYPE_I16,
                                      SY_DTYPE_I32, SY_DTYPE_I64, SY_DTYPE_BOOL, SY_DTYPE_U8};
    static const int64_t shape[SY_DIM_MAX] = {2, 3, 1, 0, 1, 1, 1, 70000};
    for (int ndim = 0; ndim <= SY_DIM_MAX; ndim++) {
        sy_tensor *tensor = NULL;
        syi_buffer out;
        described d = {.ndim = -7};
        const sy_id *id = &ids[ndim % 4];
        const uint64_t generation = ndim == 3 ? INT64_MAX : (uint64_t)ndim;
        assert_ok(sy_tensor_new(b->hook, &tensor, dtypes[ndim % 8], ndim, shape, NULL, &b->err),
                  &b->err);
        syi_buffer_init(&out, b->context, 4096);
        encode(b, tensor, id, generation, &out);
        assert_ok(decode(b, out.data, out.length, &d), &b->err);
        assert_true(sy_id_equal(&d.id, id));
        assert_int_equal(d.generation, generation);
        assert_int_equal(d.dtype, dtypes[ndim % 8]);
        assert_int_equal(d.ndim, ndim);
        assert_memory_equal(d.shape, shape, (size_t)ndim * sizeof *shape);
        /* every beginning of it is refused */
        for (size_t cut = 0; cut < out.length; cut++) {
            assert_status(decode(b, out.data, cut, &d), SY_EFORMAT, &b->err);
        }
        syi_buffer_fini(&out);
        sy_tensor_unref(tensor);
    }
}

static void test_unknown_shape(void **state)
{
    bare_worker *b = *state;
    const sy_id id = sy_id_from_int(9);
    sy_tensor *tensor = NULL;
    syi_buffer out;
    described d = {.ndim = 5};
    syi_node *node = syi_node_new(b->hook, &elsewhere, sizeof(syi_node), NULL);
    assert_ok(syi_tensor_wrap(b->hook, &tensor, node, &b->err), &b->err);
    syi_buffer_init(&out, b->context, 4096);
    encode(b, tensor, &id, 3, &out); /* asks nobody */
    assert_ok(decode(b, out.data, out.length, &d), &b->err);
    assert_int_equal(d.ndim, -1);
    assert_int_equal(d.generation, 3);
    syi_buffer_fini(&out);
    sy_tensor_unref(tensor);
}

static void test_refused(void **state)
{
    bare_worker *b = *state;
    static const struct {
        const char *bytes;
        size_t size;
    } bodies[] = {
        {"\x93\x01\x02\xc0", 4}, /* three fields */
        {"\x94\x01\x02\xa3"
         "f32"
         "\x90",
         8}, /* a dtype of another name */
        {"\x94\x01\x02\xa7"
         "float32"
         "\x99\1\1\1\1\1\1\1\1\1",
         21}, /* nine dims */
        {"\x94\x01\x02\xa7"
         "float32"
         "\x91\xa1x",
         14},                        /* a dim that is text */
        {"\x94\x01\xff\xc0\xc0", 5}, /* a negative generation */
        {"\x94\x01\x02\xc0\x05", 5}, /* a shape without a dtype */
        {"\x94\x01\x02\xd9\x40"
         "0123456789012345678901234567890123456789012345678901234567890123"
         "\x90",
         70}, /* a long name */
    };
    for (size_t k = 0; k < sizeof bodies / sizeof bodies[0]; k++) {
        described d = {.ndim = 0};
        assert_status(decode(b, bodies[k].bytes, bodies[k].size, &d), SY_EFORMAT, &b->err);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        bare_worker_test(test_round_trip),
        bare_worker_test(test_unknown_shape),
        bare_worker_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
