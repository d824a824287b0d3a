/*
 * autograd_test.c - AutogradTensor on local chains: text, bytes, gradients, memory that runs out. Above pointers:
 * tests/integration/gradients_everywhere.c.
 */
#include "interpreters/autograd.h"

#include <csyft/operations.h>
#include <csyft/pointer.h>

#include "hook/scope.h"
#include "serde/serde.h"
#include "support/local_hook.h"

static sy_tensor *recorded(local_hook *local, sy_scope *s, sy_tensor *tensor)
{
    sy_tensor *made = NULL;
    assert_ok(sy_tensor_autograd(tensor, &made, &local->err), &local->err);
    return sy_scope_adopt(s, made);
}

static void assert_text(local_hook *local, sy_tensor *tensor, const char *expected)
{
    char *text = NULL;
    assert_ok(sy_tensor_to_text(tensor, &text, &local->err), &local->err);
    assert_string_equal(text, expected);
    sy_string_free(local->hook, text);
}

static void test_gradient(void **state)
{
    local_hook *local = *state;
    const float values[] = {1, 2};
    sy_scope *s = sy_scope_begin(local->hook);
    sy_tensor *x = recorded(local, s, sy_scope_adopt(s, local_hook_floats(local, 2, values)));
    assert_ok(sy_tensor_set_requires_grad(x, true, &local->err), &local->err);
    sy_tensor *y = sy_sum(s, sy_mul(s, x, x));
    assert_text(local, y, "(Wrapper)>AutogradTensor>tensor(5)");
    assert_ok(sy_tensor_backward(y, NULL, &local->err), &local->err);
    assert_text(local, x->grad, "(Wrapper)>AutogradTensor>tensor([2, 4])");
    /* over another interpreter, in any order */
    sy_tensor *logged = NULL;
    assert_ok(sy_tensor_log(x, &logged, &local->err), &local->err);
    (void)sy_scope_adopt(s, logged);
    sy_tensor *z = recorded(local, s, logged);
    assert_ok(sy_tensor_set_requires_grad(z, true, &local->err), &local->err);
    assert_ok(sy_tensor_backward(sy_sum(s, sy_exp(s, sy_neg(s, sy_relu(s, z)))), NULL, &local->err),
              &local->err);
    assert_string_equal(z->grad->node->type->name, "AutogradTensor");
    assert_ok(sy_scope_end(s, &local->err), &local->err);
}

/* No second tape below: the chain under the node has none. */
static void test_one_tape(void **state)
{
    local_hook *local = *state;
    const float values[] = {1, 2};
    sy_scope *s = sy_scope_begin(local->hook);
    sy_tensor *x = sy_scope_adopt(s, local_hook_floats(local, 2, values));
    assert_ok(sy_tensor_set_requires_grad(x, true, &local->err), &local->err);
    sy_tensor *r = recorded(local, s, x);
    assert_false(sy_tensor_get_requires_grad(r)); /* a leaf of its own, as asked */
    sy_tensor *y = sy_sum(s, r);
    assert_status(sy_tensor_backward(y, NULL, &local->err), SY_ENOGRAD, &local->err);
    assert_null(x->grad);
    assert_ok(sy_scope_end(s, &local->err), &local->err);
}

/* [31, [nil, chain, true, false, nil, nil, nil]]: seven fields, as 0.2.9 (objects.txt: autograd_fp_shared). */
static void test_bytes(void **state)
{
    local_hook *local = *state;
    const float one = 1;
    sy_scope *s = sy_scope_begin(local->hook);
    sy_tensor *x = recorded(local, s, sy_scope_adopt(s, local_hook_floats(local, 1, &one)));
    static const char expected[] = "\x92\x1f\x97\xc0\x92\x0e\x92\xc0\x93\xa7"
                                   "float32\x91\x01\xc4\x04\x00\x00\x80\x3f\xc3\xc2\xc0\xc0\xc0";
    syi_message message;
    syi_decoder decoder;
    syi_node *node = NULL;
    syi_message_init(&message, local->context, 4096);
    syi_encoder encoder = {.hook = local->hook, .out = &message.body, .message = &message};
    assert_ok(syi_encode_node(&encoder, x->node, &local->err), &local->err);
    assert_int_equal(message.body.length, sizeof expected - 1);
    assert_memory_equal(message.body.data, expected, sizeof expected - 1);
    for (size_t cut = 0; cut <= sizeof expected - 1; cut++) {
        message.body.length = cut;
        syi_decoder_init(&decoder, local->hook, NULL, &message);
        const sy_status status = syi_decode_node(&decoder, &node, &local->err);
        assert_int_equal(status, cut == sizeof expected - 1 ? SY_OK : SY_EFORMAT);
        if (status == SY_OK) {
            assert_ptr_equal(node->type, &syi_autograd_type);
            syi_node_unref(node);
        }
        syi_decoder_fini(&decoder);
    }
    syi_message_fini(&message);
    assert_ok(sy_scope_end(s, &local->err), &local->err);
}

static void test_privacy(void **state)
{
    local_hook *local = *state;
    const float one = 1;
    sy_scope *s = sy_scope_begin(local->hook);
    sy_tensor *x = sy_scope_adopt(s, local_hook_floats(local, 1, &one));
    syi_policy policy;
    syi_policy_set_private(&policy, "#rows", 1);
    syi_tensor_set_policy(x, &policy);
    assert_true(syi_tensor_is_private(recorded(local, s, x)));
    assert_true(syi_tensor_is_private(sy_neg(s, recorded(local, s, x))));
    assert_ok(sy_scope_end(s, &local->err), &local->err);
}

static void test_out_of_memory(void **state)
{
    local_hook *local = *state;
    const float values[] = {1, 2};
    sy_tensor *x = local_hook_floats(local, 2, values);
    for (size_t nth = 1;; nth++) {
        sy_tensor *r = NULL;
        local->memory.refused = 0;
        local->memory.fail_at = local->memory.calls + nth;
        sy_status status = sy_tensor_autograd(x, &r, &local->err);
        if (status == SY_OK) {
            sy_scope *s = sy_scope_begin(local->hook);
            status = sy_tensor_set_requires_grad(r, true, &local->err);
            sy_tensor *loss = sy_sum(s, sy_mul(s, r, r));
            if (loss != NULL) {
                status = sy_tensor_backward(loss, NULL, &local->err);
            }
            const sy_status ended = sy_scope_end(s, status == SY_OK ? &local->err : NULL);
            status = status == SY_OK ? ended : status;
        }
        local->memory.fail_at = 0;
        const bool refused = local->memory.refused != 0;
        assert_status(status, refused ? SY_ENOMEM : SY_OK, &local->err);
        sy_tensor_unref(r);
        if (!refused) {
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
        local_test(test_gradient), local_test(test_one_tape),      local_test(test_bytes),
        local_test(test_privacy),  local_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
