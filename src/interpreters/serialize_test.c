/* serialize_test.c - tensors to bytes and back: everything that is kept, and bytes from anybody. */
#include <string.h>

#include <csyft/operations.h>
#include <csyft/pointer.h>

#include "hook/tensor.h"
#include "support/local_hook.h"

typedef struct bytes {
    void *data;
    size_t size;
} bytes;

static bytes serialized(local_hook *local, sy_tensor *tensor)
{
    bytes b = {0};
    assert_ok(sy_tensor_serialize(tensor, &b.data, &b.size, &local->err), &local->err);
    assert_int_equal(((const uint8_t *)b.data)[0], 40);
    return b;
}

/* Serializes, drops, reads. */
static sy_tensor *round_trip(local_hook *local, sy_tensor *tensor)
{
    sy_tensor *back = NULL;
    bytes b = serialized(local, tensor);
    sy_tensor_unref(tensor);
    assert_ok(sy_tensor_deserialize(local->hook, &back, b.data, b.size, &local->err), &local->err);
    sy_bytes_free(local->hook, b.data, b.size);
    return back;
}

static void test_everything_is_kept(void **state)
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
    sy_tensor_unref(grad);
    sy_tensor *y = round_trip(local, x);
    assert_floats(y, values, 2);
    assert_int_equal(sy_tensor_get_id(y).number, 123);
    assert_string_equal(sy_tensor_get_tag(y, 0), "#x");
    assert_string_equal(sy_tensor_get_description(y), "two");
    assert_true(sy_tensor_get_requires_grad(y));
    assert_ok(sy_tensor_get_grad(y, &grad, &local->err), &local->err);
    assert_floats(grad, ones, 2);
    sy_tensor_unref(grad);
    sy_tensor_unref(y);
}

static void test_dtypes_and_shapes(void **state)
{
    local_hook *local = *state;
    static const int64_t shapes[][3] = {{2, 3, 4}, {0, 3, 4}, {1, 1, 1}};
    static const sy_dtype dtypes[] = {SY_DTYPE_F32, SY_DTYPE_F64, SY_DTYPE_I8, SY_DTYPE_I16,
                                      SY_DTYPE_I32, SY_DTYPE_I64, SY_DTYPE_U8, SY_DTYPE_BOOL};
    for (size_t d = 0; d < sizeof dtypes / sizeof dtypes[0]; d++) {
        for (size_t k = 0; k < 3; k++) {
            for (int ndim = 0; ndim <= 3; ndim++) {
                sy_tensor *x = NULL;
                uint8_t data[24 * 8];
                for (size_t i = 0; i < sizeof data; i++) {
                    data[i] = (uint8_t)(i % 2);
                }
                assert_ok(
                    sy_tensor_new(local->hook, &x, dtypes[d], ndim, shapes[k], data, &local->err),
                    &local->err);
                sy_tensor *same = sy_tensor_ref(x);
                sy_tensor *y = round_trip(local, x);
                const syi_array *a = syi_node_array(same->node), *b = syi_node_array(y->node);
                assert_int_equal(a->dtype, b->dtype);
                assert_true(syi_array_same_shape(a, b));
                assert_memory_equal(syi_array_data(a), syi_array_data(b), syi_array_bytes(a));
                sy_tensor_unref(same);
                sy_tensor_unref(y);
            }
        }
    }
}

/* Long ones travel inside the body, and views as what is seen of them. */
static void test_long_and_strided(void **state)
{
    local_hook *local = *state;
    const int64_t shape[] = {300, 70};
    sy_scope *s = sy_scope_begin(local->hook);
    sy_tensor *x = sy_randn(s, SY_DTYPE_F64, 2, shape);
    sy_tensor *y = round_trip(local, sy_tensor_ref(sy_t(s, x)));
    const syi_array *a = syi_node_array(x->node), *b = syi_node_array(y->node);
    assert_int_equal(b->shape[0], 70);
    for (int64_t row = 0; row < 300; row += 7) {
        for (int64_t column = 0; column < 70; column += 3) {
            assert_true(syi_array_get_double(a, row * 70 + column) ==
                        syi_array_get_double(b, column * 300 + row));
        }
    }
    sy_tensor_unref(y);
    assert_ok(sy_scope_end(s, &local->err), &local->err);
}

/* A pointer stays one, and owns nothing; one to the local worker is the object. */
static void test_pointers(void **state)
{
    local_hook *local = *state;
    const float values[] = {1, 2};
    sy_worker *bob = NULL;
    sy_tensor *x = local_hook_floats(local, 2, values), *p = NULL, *got = NULL;
    assert_ok(sy_virtual_worker_new(local->hook, &bob, "bob", &local->err), &local->err);
    assert_ok(sy_tensor_send(x, &p, bob, &local->err), &local->err);
    bytes b = serialized(local, p);
    sy_tensor *q = NULL;
    assert_ok(sy_tensor_deserialize(local->hook, &q, b.data, b.size, &local->err), &local->err);
    sy_bytes_free(local->hook, b.data, b.size);
    assert_true(sy_tensor_is_pointer(q));
    assert_false(sy_tensor_get_garbage_collect(q));
    assert_true(sy_tensor_get_garbage_collect(p));
    sy_tensor_unref(q);
    assert_ok(sy_tensor_get(p, &got, &local->err), &local->err);
    assert_floats(got, values, 2);
    sy_tensor_unref(got);
    sy_tensor_unref(p);
    sy_tensor_unref(x);
}

static void test_private_stays(void **state)
{
    local_hook *local = *state;
    const float values[] = {1};
    sy_tensor *x = local_hook_floats(local, 1, values);
    bytes b = {0};
    syi_policy_set_private(&x->policy, "patients", 1);
    assert_status(sy_tensor_serialize(x, &b.data, &b.size, &local->err), SY_EPERM, &local->err);
    assert_null(b.data);
    assert_int_equal(b.size, 0);
    sy_tensor_unref(x);
}

static void test_bytes_from_anybody(void **state)
{
    local_hook *local = *state;
    const float values[] = {1, 2};
    sy_tensor *x = local_hook_floats(local, 2, values), *y = NULL;
    assert_ok(sy_tensor_tag(x, "#tag", &local->err), &local->err);
    bytes b = serialized(local, x);
    for (size_t cut = 0; cut < b.size; cut++) {
        assert_status(sy_tensor_deserialize(local->hook, &y, b.data, cut, &local->err), SY_EFORMAT,
                      &local->err);
        assert_null(y);
    }
    uint8_t *copy = malloc(b.size + 1);
    memcpy(copy, b.data, b.size);
    copy[b.size] = 0xc0;
    assert_status(sy_tensor_deserialize(local->hook, &y, copy, b.size + 1, &local->err), SY_EFORMAT,
                  &local->err);
    assert_non_null(strstr(local->err.message, "behind"));
    for (int scheme = 0; scheme < 256; scheme++) {
        copy[0] = (uint8_t)scheme;
        const sy_status status = sy_tensor_deserialize(local->hook, &y, copy, b.size, &local->err);
        assert_int_equal(status, scheme == 40                   ? SY_OK
                                 : scheme == 41 || scheme == 42 ? SY_ENOTSUP
                                                                : SY_EFORMAT);
        sy_tensor_unref(y);
    }
    copy[0] = 40;
    for (size_t k = 1; k < b.size; k++) { /* each byte wrong in turn: a status, or another tensor */
        copy[k] ^= 0x15;
        if (sy_tensor_deserialize(local->hook, &y, copy, b.size, &local->err) == SY_OK) {
            sy_tensor_unref(y);
        }
        copy[k] ^= 0x15;
    }
    free(copy);
    sy_bytes_free(local->hook, b.data, b.size);
    sy_tensor_unref(x);
}

static void test_out_of_memory(void **state)
{
    local_hook *local = *state;
    const float values[] = {1, 2};
    sy_tensor *x = local_hook_floats(local, 2, values);
    assert_ok(sy_tensor_tag(x, "#tag", &local->err), &local->err);
    for (size_t nth = 1;; nth++) {
        bytes b = {0};
        sy_tensor *y = NULL;
        local->memory.refused = 0;
        local->memory.fail_at = local->memory.calls + nth;
        sy_status status = sy_tensor_serialize(x, &b.data, &b.size, &local->err);
        if (status == SY_OK) {
            status = sy_tensor_deserialize(local->hook, &y, b.data, b.size, &local->err);
            sy_bytes_free(local->hook, b.data, b.size);
        }
        local->memory.fail_at = 0;
        const bool refused = local->memory.refused != 0;
        assert_status(status, refused ? SY_ENOMEM : SY_OK, &local->err);
        sy_tensor_unref(y);
        if (!refused) {
            assert_in_range(nth, 5, 100);
            break;
        }
    }
    sy_tensor_unref(x);
}

int main(void)
{
#define local_test(test) \
    cmocka_unit_test_setup_teardown(test, local_hook_setup, local_hook_teardown)
    const struct CMUnitTest tests[] = {
        local_test(test_everything_is_kept), local_test(test_dtypes_and_shapes),
        local_test(test_long_and_strided),   local_test(test_pointers),
        local_test(test_private_stays),      local_test(test_bytes_from_anybody),
        local_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
