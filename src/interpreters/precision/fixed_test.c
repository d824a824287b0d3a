/* fixed_test.c - the node: bytes as PySyft 0.2.9 writes them, hostile ones, bounds of magnitudes, faults. */
#include "support/fixed.h"

#include "serde/serde.h"
#include "support/property.h"

/* Bytes */

/* From a capture of PySyft 0.2.9 (fixed_precision_all): the object up to its chain. */
static const uint8_t captured[] = {0x92, 0x10, 0x99, 0xcf, 0x00, 0x00, 0x00, 0x07, 0x2e, 0xb1,
                                   0xe8, 0x8a, 0x92, 0x05, 0x91, 0xc4, 0x14, '1',  '8',  '4',
                                   '4',  '6',  '7',  '4',  '4',  '0',  '7',  '3',  '7',  '0',
                                   '9',  '5',  '5',  '1',  '6',  '1',  '6',  0xa4, 'l',  'o',
                                   'n',  'g',  0x0a, 0x03, 0x01, 0x92, 0x03, 0x90, 0xc0};

static sy_status decode(local_hook *l, syi_message *message, syi_node **node)
{
    syi_decoder decoder;
    syi_decoder_init(&decoder, l->hook, NULL, message);
    const sy_status status = syi_decode_node(&decoder, node, &l->err);
    syi_decoder_fini(&decoder);
    return status;
}

static void write_chain(syi_buffer *out, const char *dtype, size_t size, const void *data)
{
    syi_msgpack_write_array(out, 2);
    syi_msgpack_write_int(out, SYI_CODE_TENSOR);
    syi_msgpack_write_array(out, 2);
    syi_msgpack_write_nil(out);
    syi_msgpack_write_array(out, 3);
    syi_msgpack_write_str(out, dtype, strlen(dtype));
    syi_msgpack_write_array(out, 1);
    syi_msgpack_write_int(out, 2);
    syi_msgpack_write_bin(out, data, size);
}

static void test_captured_bytes(void **state)
{
    local_hook *l = *state;
    const int64_t values[] = {1500, -2250};
    syi_message message, again;
    syi_node *node = NULL;
    syi_message_init(&message, l->context, 4096);
    syi_message_init(&again, l->context, 4096);
    syi_buffer_append(&message.body, captured, sizeof captured);
    write_chain(&message.body, "int64", sizeof values, values);
    assert_ok(decode(l, &message, &node), &l->err);
    const syi_fixed *fixed = (const syi_fixed *)node;
    assert_ptr_equal(node->type, &syi_fixed_type);
    assert_int_equal(fixed->attributes.base, 10);
    assert_int_equal(fixed->attributes.precision, 3);
    assert_int_equal(fixed->attributes.kappa, 1);
    assert_true(fixed->attributes.field == 0);
    assert_int_equal(fixed->attributes.dtype, SY_PRECISION_LONG);
    assert_true(fixed->id.number == INT64_C(30848182410));
    syi_encoder encoder = {.hook = l->hook, .out = &again.body, .message = &again};
    assert_ok(syi_encode_node(&encoder, node, &l->err), &l->err);
    assert_int_equal(again.body.length, message.body.length);
    assert_memory_equal(again.body.data, message.body.data, message.body.length);
    syi_node_unref(node);
    /* cut anywhere */
    const size_t length = message.body.length;
    for (size_t cut = 0; cut < length; cut++) {
        message.body.length = cut;
        assert_int_not_equal(decode(l, &message, &node), SY_OK);
        assert_null(node);
    }
    message.body.length = length;
    syi_message_fini(&again);
    syi_message_fini(&message);
}

typedef struct hostile {
    const char *field; /* NULL: the number */
    uint64_t number;
    const char *dtype;
    int64_t base, precision, kappa;
    const char *child;
    sy_status status;
} hostile;

static void test_hostile_bytes(void **state)
{
    local_hook *l = *state;
    static const char all[] = "18446744073709551616";
    const hostile cases[] = {
        {all, 0, "long", 10, 3, 1, "int64", SY_OK},
        {NULL, UINT64_C(1) << 32, "int", 10, 3, 1, "int32", SY_OK},
        {NULL, 5000, "custom", 10, 3, 1, "int64", SY_OK},
        {all, 0, "long", 0, 3, 1, "int64", SY_EINVAL},
        {all, 0, "long", 1, 3, 1, "int64", SY_EINVAL},
        {all, 0, "long", -10, 3, 1, "int64", SY_EINVAL},
        {all, 0, "long", INT64_MIN, 3, 1, "int64", SY_EINVAL},
        {all, 0, "long", INT64_MAX, 1, 1, "int64", SY_EINVAL},
        {all, 0, "long", 10, 19, 1, "int64", SY_EINVAL},
        {all, 0, "long", 10, -1, 1, "int64", SY_EINVAL},
        {all, 0, "long", 2, INT64_MAX, 1, "int64", SY_EINVAL},
        {all, 0, "long", 10, INT64_MIN, 1, "int64", SY_EINVAL},
        {all, 0, "long", 10, 3, -1, "int64", SY_EINVAL},
        {all, 0, "int", 10, 3, 1, "int32", SY_EFORMAT},
        {all, 0, "custom", 10, 3, 1, "int64", SY_EINVAL},
        {"1844", 0, "long", 10, 3, 1, "int64", SY_EFORMAT},
        {"", 0, "long", 10, 3, 1, "int64", SY_EFORMAT},
        {NULL, 0, "long", 10, 3, 1, "int64", SY_EFORMAT},
        {NULL, 0, "custom", 10, 3, 1, "int64", SY_EFORMAT},
        {NULL, 3, "custom", 10, 0, 1, "int64", SY_EINVAL},
        {NULL, 1000, "custom", 10, 3, 1, "int64", SY_EINVAL},
        {NULL, 5000, "long", 10, 3, 1, "int64", SY_EINVAL},
        {all, 0, "float", 10, 3, 1, "int64", SY_EFORMAT},
        {all, 0, "long", 10, 3, 1, "float64", SY_EDTYPE},
        {all, 0, "long", 10, 3, 1, "int32", SY_EDTYPE},
        {NULL, UINT64_C(1) << 32, "int", 10, 3, 1, "int64", SY_EDTYPE},
    };
    const int64_t values[2] = {0, 0};
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        const hostile *c = &cases[k];
        syi_message message;
        syi_node *node = NULL;
        syi_message_init(&message, l->context, 4096);
        syi_buffer *out = &message.body;
        syi_msgpack_write_array(out, 2);
        syi_msgpack_write_int(out, SYI_CODE_FIXED_PRECISION);
        syi_msgpack_write_array(out, 9);
        syi_msgpack_write_nil(out);
        if (c->field != NULL) {
            syi_encode_text(out, c->field);
        } else {
            syi_msgpack_write_uint(out, c->number);
        }
        syi_msgpack_write_str(out, c->dtype, strlen(c->dtype));
        syi_msgpack_write_int(out, c->base);
        syi_msgpack_write_int(out, c->precision);
        syi_msgpack_write_int(out, c->kappa);
        syi_msgpack_write_nil(out);
        syi_msgpack_write_nil(out);
        write_chain(out, c->child, strstr(c->child, "64") != NULL ? 16 : 8, values);
        const sy_status status = decode(l, &message, &node);
        if (status != c->status) {
            fail_msg("case %zu: status %d, expected %d (%s)", k, (int)status, (int)c->status,
                     l->err.message);
        }
        syi_node_unref(node);
        syi_message_fini(&message);
    }
}

/* One fixed precision node in another is none, neither here nor from a peer. */
static void test_nesting(void **state)
{
    local_hook *l = *state;
    sy_scope *s = sy_scope_begin(l->hook);
    sy_tensor *x = fixed_encoded(s, fixed_row(s, 1, FLOATS(1)), NULL), *twice = NULL;
    assert_status(sy_tensor_on_fixed_precision(x, &twice, NULL, &l->err), SY_EDTYPE, &l->err);
    assert_status(sy_tensor_fix_precision(x, &twice, NULL, &l->err), SY_EINVAL, &l->err);
    const int64_t values[] = {1, 2};
    syi_message message;
    syi_node *node = NULL;
    syi_message_init(&message, l->context, 4096);
    syi_buffer_append(&message.body, captured, sizeof captured);
    syi_buffer_append(&message.body, captured, sizeof captured);
    write_chain(&message.body, "int64", sizeof values, values);
    assert_status(decode(l, &message, &node), SY_EDTYPE, &l->err);
    syi_message_fini(&message);
    assert_ok(sy_scope_end(s, &l->err), &l->err);
}

/* Bounds */

static void test_magnitudes(void **state)
{
    local_hook *l = *state;
    property_random random = property_start("magnitudes");
    for (int round = 0; round < 200; round++) {
        const int64_t shape[] = {property_between(&random, 0, 9), property_between(&random, 0, 5)};
        const sy_dtype dtype = round % 2 == 0 ? SY_DTYPE_I64 : SY_DTYPE_I32;
        syi_array array = SYI_ARRAY_INIT, turned = SYI_ARRAY_INIT;
        assert_ok(syi_array_new(l->context, &array, dtype, 2, shape, NULL, &l->err), &l->err);
        uint64_t most = 0;
        for (int64_t k = 0; k < syi_array_numel(&array); k++) {
            const int64_t shift = property_between(&random, 0, dtype == SY_DTYPE_I64 ? 63 : 31);
            const int64_t least = dtype == SY_DTYPE_I64 ? INT64_MIN : INT32_MIN;
            const int64_t x = (least >> shift) + property_between(&random, 0, 1);
            syi_array_set_int(&array, k, x);
            const uint64_t size = x < 0 ? 0 - (uint64_t)x : (uint64_t)x;
            most = size > most ? size : most;
        }
        assert_true(syi_fixed_magnitude(&array) == most);
        assert_ok(syi_array_transpose(&turned, &array, 0, 1, &l->err), &l->err);
        assert_true(syi_fixed_magnitude(&turned) == most);
        syi_array_fini(&turned);
        syi_array_fini(&array);
    }
}

/* What is known of a result's magnitudes is never too little. */
static void test_bounds_hold(void **state)
{
    local_hook *l = *state;
    property_random random = property_start("bounds");
    static const char *const names[] = {"add", "sub", "mul", "maximum", "eq", "where"};
    for (int round = 0; round < 300; round++) {
        sy_scope *s = sy_scope_begin(l->hook);
        float values[2][4];
        for (int k = 0; k < 8; k++) {
            values[k / 4][k % 4] = (float)property_between(&random, -90000, 90000) / 64;
        }
        sy_tensor *x = fixed_encoded(s, fixed_row(s, 4, values[0]), NULL);
        sy_tensor *y = fixed_encoded(s, fixed_row(s, 4, values[1]), NULL);
        for (int step = 0; step < 6; step++) {
            const char *name = names[property_between(&random, 0, 5)];
            const sy_value args[] = {sy_value_tensor(x), sy_value_tensor(y), sy_value_tensor(x)};
            sy_tensor *z = sy_scope_call(s, name, args, strcmp(name, "where") == 0 ? 3 : 2);
            if (z == NULL) { /* passed the field: refused, not wrapped */
                s = assert_scope_fails(s, SY_ERANGE, name);
                break;
            }
            const syi_fixed *fixed = syi_fixed_of(z);
            assert_true(fixed->most <= syi_fixed_most(&fixed->attributes));
            assert_true(fixed->most >= syi_fixed_bound(fixed, true));
            x = y;
            y = z;
        }
        assert_ok(sy_scope_end(s, &l->err), &l->err);
    }
}

/* Faults of memory */

static sy_status everything(sy_hook *hook, sy_error *err)
{
    const float values[] = {1.5f, -2, 0.25f};
    sy_tensor *x = NULL, *fixed = NULL;
    SY_TRY(sy_tensor_from_floats(hook, &x, values, 3, err));
    sy_status status = sy_tensor_fix_precision(x, &fixed, NULL, err);
    if (status == SY_OK) {
        sy_scope *s = sy_scope_begin(hook);
        sy_tensor *y = sy_mul(s, sy_add(s, fixed, x), fixed);
        y = sy_div(s, sy_mean(s, y), sy_sum(s, sy_abs(s, fixed)));
        sy_tensor *two[] = {sy_unsqueeze(s, y, 0), sy_tanh(s, fixed)};
        (void)sy_float_precision(s, sy_cat(s, two, 2, 0));
        (void)sy_max_dim(s, fixed, 0, false, NULL);
        (void)sy_add_(s, fixed, x);
        status = sy_scope_end(s, err);
    }
    if (status == SY_OK) {
        status = sy_tensor_float_precision_(fixed, err);
    }
    sy_tensor_unref(fixed);
    sy_tensor_unref(x);
    return status;
}

static void test_out_of_memory(void **state)
{
    local_hook *l = *state;
    for (size_t nth = 1;; nth++) {
        const size_t live = l->memory.live;
        l->memory.refused = 0;
        l->memory.fail_at = l->memory.calls + nth;
        const sy_status status = everything(l->hook, &l->err);
        l->memory.fail_at = 0;
        const bool refused = l->memory.refused != 0;
        assert_status(status, refused ? SY_ENOMEM : SY_OK, &l->err);
        assert_int_equal(l->memory.live, live);
        if (!refused) {
            assert_true(nth > 100);
            return;
        }
    }
}

#define fixed_test(test) \
    cmocka_unit_test_setup_teardown(test, local_hook_setup, local_hook_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixed_test(test_captured_bytes), fixed_test(test_hostile_bytes),
        fixed_test(test_nesting),        fixed_test(test_magnitudes),
        fixed_test(test_bounds_hold),    fixed_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
