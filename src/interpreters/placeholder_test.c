/* placeholder_test.c - tags as numbers, values, operations, bytes, memory that runs out. */
#include "interpreters/placeholder.h"

#include <string.h>

#include <csyft/operations.h>

#include "hook/scope.h"
#include "serde/serde.h"
#include "support/local_hook.h"

static sy_tensor *placeholder(local_hook *local, sy_scope *s, int32_t input, int32_t output,
                              int32_t number)
{
    const syi_placeholder_tags tags = {.input = input, .output = output, .number = number};
    sy_tensor *made = NULL;
    assert_ok(syi_placeholder_new(local->hook, &made, NULL, &tags, &local->err), &local->err);
    return sy_scope_adopt(s, made);
}

static void assert_text(local_hook *local, sy_tensor *tensor, const char *expected)
{
    char *text = NULL;
    assert_ok(sy_tensor_to_text(tensor, &text, &local->err), &local->err);
    assert_string_equal(text, expected);
    sy_string_free(local->hook, text);
}

static void test_values(void **state)
{
    local_hook *local = *state;
    const float values[] = {1, 2};
    sy_scope *s = sy_scope_begin(local->hook);
    sy_tensor *x = sy_scope_adopt(s, local_hook_floats(local, 2, values)), *value = NULL;
    sy_tensor *p = placeholder(local, s, 0, -1, 1);
    const sy_id id = sy_tensor_get_id(p);
    assert_text(local, p, "(Wrapper)>PlaceHolder[Tags:#input-0 #1]");
    assert_status(syi_placeholder_get_value(p, &value, &local->err), SY_EINVAL, &local->err);
    assert_non_null(strstr(local->err.message, "#input-0 has no value"));
    assert_ok(syi_placeholder_instantiate(p, x, &local->err), &local->err);
    assert_text(local, p, "(Wrapper)>PlaceHolder[Tags:#input-0 #1]>tensor([1, 2])");
    const sy_id now = sy_tensor_get_id(p);
    assert_true(sy_id_equal(&id, &now));
    assert_ok(syi_placeholder_get_value(p, &value, &local->err), &local->err);
    assert_floats(value, values, 2);
    sy_tensor_unref(value);
    /* of a placeholder: its value, not itself */
    sy_tensor *q = placeholder(local, s, -1, 2, 7);
    assert_status(syi_placeholder_instantiate(p, q, &local->err), SY_EINVAL, &local->err);
    assert_ok(syi_placeholder_instantiate(q, p, &local->err), &local->err);
    assert_text(local, q, "(Wrapper)>PlaceHolder[Tags:#output-2 #7]>tensor([1, 2])");
    assert_ok(syi_placeholder_instantiate(q, sy_neg(s, x), &local->err), &local->err); /* again */
    assert_text(local, q, "(Wrapper)>PlaceHolder[Tags:#output-2 #7]>tensor([-1, -2])");
    sy_tensor *copy = NULL;
    assert_ok(syi_placeholder_copy(q, &copy, &local->err), &local->err);
    (void)sy_scope_adopt(s, copy);
    const sy_id a = sy_tensor_get_id(q), b = sy_tensor_get_id(copy);
    assert_false(sy_id_equal(&a, &b));
    assert_text(local, copy, "(Wrapper)>PlaceHolder[Tags:#output-2 #7]>tensor([-1, -2])");
    assert_status(syi_placeholder_instantiate(x, p, &local->err), SY_EINVAL, &local->err);
    assert_null(syi_placeholder_get_tags(x));
    assert_ok(sy_scope_end(s, &local->err), &local->err);
}

/* Operations are the child's, and so are results. */
static void test_operations(void **state)
{
    local_hook *local = *state;
    const float values[] = {1, 2};
    sy_scope *s = sy_scope_begin(local->hook);
    sy_tensor *x = sy_scope_adopt(s, local_hook_floats(local, 2, values));
    sy_tensor *p = placeholder(local, s, 0, -1, 1), *q = placeholder(local, s, 1, -1, 2);
    assert_ok(syi_placeholder_instantiate(p, x, &local->err), &local->err);
    sy_tensor *y = sy_add(s, p, x);
    assert_false(sy_tensor_is_wrapper(y));
    assert_floats(y, (const float[]){2, 4}, 2);
    assert_floats(sy_cat(s, (sy_tensor *[]){x, p}, 2, 0), (const float[]){1, 2, 1, 2}, 4);
    assert_null(sy_mul(s, p, q));
    assert_status(sy_scope_end(s, &local->err), SY_EINVAL, &local->err);
    assert_non_null(strstr(local->err.message, "#input-1"));
}

/* 10 inputs and more: by number, where the originals sort texts. */
static void test_order(void **state)
{
    local_hook *local = *state;
    sy_scope *s = sy_scope_begin(local->hook);
    sy_tensor *two = placeholder(local, s, 2, -1, 3), *ten = placeholder(local, s, 10, -1, 11);
    sy_tensor *out = placeholder(local, s, -1, 0, 1), *plain = placeholder(local, s, -1, -1, 2);
    assert_true(syi_placeholder_compare(two, ten) < 0);
    assert_true(syi_placeholder_compare(ten, two) > 0);
    assert_true(syi_placeholder_compare(ten, out) < 0);
    assert_true(syi_placeholder_compare(out, plain) < 0);
    assert_int_equal(syi_placeholder_compare(ten, ten), 0);
    assert_true(syi_placeholder_matches(ten, "#input"));
    assert_true(syi_placeholder_matches(ten, "#input-1"));
    assert_true(syi_placeholder_matches(ten, "#11"));
    assert_false(syi_placeholder_matches(ten, "#output"));
    assert_false(syi_placeholder_matches(plain, "#state"));
    assert_ok(sy_scope_end(s, &local->err), &local->err);
}

/* [48, [id, [3, [tags]], nil]], without the child. */
static void test_bytes(void **state)
{
    local_hook *local = *state;
    const float values[] = {1, 2};
    const sy_id id = sy_id_from_int(9);
    const syi_placeholder_tags tags = {
        .input = 12, .output = 0, .number = 3, .state = true, .inner = true};
    static const char expected[] = "\x92\x30\x93\x09\x92\x03\x95"
                                   "\x92\x05\x91\xc4\x09#input-12\x92\x05\x91\xc4\x09#output-0"
                                   "\x92\x05\x91\xc4\x06#state\x92\x05\x91\xc4\x06#inner"
                                   "\x92\x05\x91\xc4\x02#3\xc0";
    sy_scope *s = sy_scope_begin(local->hook);
    sy_tensor *p = NULL;
    syi_message message;
    syi_decoder decoder;
    syi_node *node = NULL;
    assert_ok(syi_placeholder_new(local->hook, &p, &id, &tags, &local->err), &local->err);
    (void)sy_scope_adopt(s, p);
    assert_ok(syi_placeholder_instantiate(p, sy_scope_adopt(s, local_hook_floats(local, 2, values)),
                                          &local->err),
              &local->err);
    syi_message_init(&message, local->context, 4096);
    syi_encoder encoder = {.hook = local->hook, .out = &message.body, .message = &message};
    assert_ok(syi_encode_node(&encoder, p->node, &local->err), &local->err);
    assert_int_equal(message.body.length, sizeof expected - 1);
    assert_memory_equal(message.body.data, expected, sizeof expected - 1);
    for (size_t cut = 0; cut < sizeof expected; cut++) {
        message.body.length = cut;
        syi_decoder_init(&decoder, local->hook, NULL, &message);
        const sy_status status = syi_decode_node(&decoder, &node, &local->err);
        assert_int_equal(status, cut == sizeof expected - 1 ? SY_OK : SY_EFORMAT);
        syi_decoder_fini(&decoder);
    }
    sy_tensor *back = NULL;
    assert_ok(syi_tensor_wrap(local->hook, &back, node, &local->err), &local->err);
    assert_memory_equal(syi_placeholder_get_tags(back), &tags, sizeof tags);
    assert_int_equal(sy_tensor_get_id(back).number, 9);
    assert_text(local, back, "(Wrapper)>PlaceHolder[Tags:#input-12 #output-0 #state #inner #3]");
    sy_tensor_unref(back);
    syi_message_fini(&message);
    assert_ok(sy_scope_end(s, &local->err), &local->err);
}

static void test_tags_from_anybody(void **state)
{
    local_hook *local = *state;
    static const char *const bad[] = {"#input-",   "#input--1", "#input-1x", "#1234567890",
                                      "#",         "input-1",   "",          "#output-9999999999",
                                      "#statement"};
    for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++) {
        syi_message message;
        syi_decoder decoder;
        syi_node *node = NULL;
        syi_message_init(&message, local->context, 4096);
        syi_buffer_append(&message.body, "\x92\x30\x92\x09\x92\x03\x91", 7);
        syi_encode_text(&message.body, bad[k]);
        syi_decoder_init(&decoder, local->hook, NULL, &message);
        assert_status(syi_decode_node(&decoder, &node, &local->err), SY_EFORMAT, &local->err);
        syi_decoder_fini(&decoder);
        syi_message_fini(&message);
    }
    /* one tag twice */
    syi_message message;
    syi_decoder decoder;
    syi_node *node = NULL;
    syi_message_init(&message, local->context, 4096);
    syi_buffer_append(&message.body, "\x92\x30\x92\x09\x92\x03\x92", 7);
    syi_encode_text(&message.body, "#input-1");
    syi_encode_text(&message.body, "#input-2");
    syi_decoder_init(&decoder, local->hook, NULL, &message);
    assert_status(syi_decode_node(&decoder, &node, &local->err), SY_EFORMAT, &local->err);
    syi_decoder_fini(&decoder);
    syi_message_fini(&message);
}

static void test_privacy(void **state)
{
    local_hook *local = *state;
    const float one = 1;
    sy_scope *s = sy_scope_begin(local->hook);
    sy_tensor *x = sy_scope_adopt(s, local_hook_floats(local, 1, &one)), *value = NULL,
              *copy = NULL;
    sy_tensor *p = placeholder(local, s, 0, -1, 1);
    syi_policy policy;
    syi_policy_set_private(&policy, "#rows", 1);
    syi_tensor_set_policy(x, &policy);
    assert_ok(syi_placeholder_instantiate(p, x, &local->err), &local->err);
    assert_true(syi_tensor_is_private(p));
    assert_true(syi_tensor_is_private(sy_neg(s, p)));
    assert_ok(syi_placeholder_get_value(p, &value, &local->err), &local->err);
    assert_true(syi_tensor_is_private(sy_scope_adopt(s, value)));
    assert_ok(syi_placeholder_copy(p, &copy, &local->err), &local->err);
    assert_true(syi_tensor_is_private(sy_scope_adopt(s, copy)));
    assert_ok(sy_scope_end(s, &local->err), &local->err);
}

static void test_out_of_memory(void **state)
{
    local_hook *local = *state;
    const float values[] = {1, 2};
    const syi_placeholder_tags tags = SYI_PLACEHOLDER_TAGS_INIT;
    sy_tensor *x = local_hook_floats(local, 2, values);
    for (size_t nth = 1;; nth++) {
        sy_tensor *p = NULL, *copy = NULL, *value = NULL;
        local->memory.refused = 0;
        local->memory.fail_at = local->memory.calls + nth;
        sy_status status = syi_placeholder_new(local->hook, &p, NULL, &tags, &local->err);
        status = status == SY_OK ? syi_placeholder_instantiate(p, x, &local->err) : status;
        status = status == SY_OK ? syi_placeholder_copy(p, &copy, &local->err) : status;
        status = status == SY_OK ? syi_placeholder_get_value(copy, &value, &local->err) : status;
        local->memory.fail_at = 0;
        const bool refused = local->memory.refused != 0;
        assert_status(status, refused ? SY_ENOMEM : SY_OK, &local->err);
        sy_tensor_unref(value);
        sy_tensor_unref(copy);
        sy_tensor_unref(p);
        if (!refused) {
            assert_in_range(nth, 5, 20);
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
        local_test(test_values),
        local_test(test_operations),
        local_test(test_order),
        local_test(test_bytes),
        local_test(test_tags_from_anybody),
        local_test(test_privacy),
        local_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
