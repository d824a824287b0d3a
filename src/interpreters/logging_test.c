/* logging_test.c - LoggingTensor: every operation is said and forwarded, the chain is put back, bytes. */
#include "interpreters/logging.h"

#include <csyft/operations.h>
#include <csyft/pointer.h>

#include "hook/scope.h"
#include "serde/serde.h"
#include "support/bare_worker.h"

typedef struct said {
    size_t count;
    char last[100];
} said;

static void hear(void *user, sy_log_level level, const char *component, const char *worker,
                 uint64_t message_id, const char *message)
{
    (void)worker;
    (void)message_id;
    said *s = user;
    if (level == SY_LOG_INFO && strcmp(component, "interpreters") == 0) {
        s->count++;
        strncpy(s->last, message, sizeof s->last - 1);
    }
}

typedef struct world {
    failing_allocator memory;
    sy_context *context;
    sy_hook *hook;
    sy_scope *s;
    said heard;
    sy_error err;
} world;

static int setup(void **state)
{
    world *w = calloc(1, sizeof *w);
    sy_context_options surroundings = SY_CONTEXT_OPTIONS_INIT;
    sy_hook_options options = SY_HOOK_OPTIONS_INIT;
    *state = w;
    surroundings.allocator = failing_allocator_get(&w->memory);
    surroundings.log = hear;
    surroundings.log_user = &w->heard;
    surroundings.log_filter = "info";
    options.verbose = false;
    if (sy_context_new(&w->context, &surroundings, &w->err) != SY_OK ||
        syi_hook_new(w->context, &w->hook, &options, &w->err) != SY_OK ||
        syi_logging_register(w->hook, &w->err) != SY_OK) {
        return -1;
    }
    w->s = sy_scope_begin(w->hook);
    return 0;
}

static int teardown(void **state)
{
    world *w = *state;
    (void)sy_scope_end(w->s, NULL);
    syi_hook_free(w->hook);
    sy_context_free(w->context);
    const bool broken = w->memory.live != 0 || w->memory.broken;
    free(w);
    return broken;
}

#define logging_test(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

static sy_tensor *floats(world *w, int64_t count, const float *values)
{
    sy_tensor *tensor = NULL;
    assert_ok(sy_tensor_from_floats(w->hook, &tensor, values, count, &w->err), &w->err);
    return sy_scope_adopt(w->s, tensor);
}

static sy_tensor *logged(world *w, sy_tensor *tensor)
{
    sy_tensor *logging = NULL;
    assert_ok(sy_tensor_log(tensor, &logging, &w->err), &w->err);
    return sy_scope_adopt(w->s, logging);
}

/* (Wrapper)>LoggingTensor>native with these elements. */
static void assert_logging(sy_tensor *tensor, size_t count, const double *expected)
{
    assert_non_null(tensor);
    assert_string_equal(tensor->node->type->name, "LoggingTensor");
    assert_true(sy_tensor_is_wrapper(tensor));
    assert_true(syi_node_is_native(tensor->node->child));
    const syi_array *array = syi_node_array(tensor->node->child);
    assert_int_equal(syi_array_numel(array), count);
    for (size_t k = 0; k < count; k++) {
        assert_true(syi_array_get_double(array, (int64_t)k) == expected[k]);
    }
}

/* Results are those of the plain tensors, in every order of the operands. */
static void test_forwards(void **state)
{
    world *w = *state;
    sy_tensor *x = floats(w, 2, (const float[]){1, 2});
    sy_tensor *y = floats(w, 2, (const float[]){10, 20});
    sy_tensor *lx = logged(w, x);
    sy_tensor *ly = logged(w, y);
    assert_logging(sy_add(w->s, lx, ly), 2, (const double[]){11, 22});
    assert_string_equal(w->heard.last, "Log method add");
    assert_logging(sy_sub(w->s, lx, y), 2, (const double[]){-9, -18});
    assert_string_equal(w->heard.last, "Log method sub");
    assert_logging(sy_sub(w->s, y, lx), 2, (const double[]){9, 18});
    assert_logging(sy_mul_int(w->s, lx, 3), 2, (const double[]){3, 6});
    assert_logging(sy_cat(w->s, (sy_tensor *[]){x, lx, ly}, 3, 0), 6,
                   (const double[]){1, 2, 1, 2, 10, 20});
    assert_logging(sy_relu(w->s, sy_neg(w->s, lx)), 2, (const double[]){0, 0});
    assert_int_equal(w->heard.count, 7);
    assert_int_equal(sy_scope_get_status(w->s), SY_OK);
    assert_false(sy_tensor_is_wrapper(sy_add(w->s, x, y))); /* without one of them nobody listens */
    assert_int_equal(w->heard.count, 7);
}

static void test_in_place(void **state)
{
    world *w = *state;
    sy_tensor *x = floats(w, 2, (const float[]){1, 2});
    sy_tensor *lx = logged(w, x);
    assert_ptr_equal(sy_add_int_(w->s, lx, 5), lx);
    assert_string_equal(w->heard.last, "Log method add_");
    assert_logging(lx, 2, (const double[]){6, 7});
    assert_true(bare_value(x) == 6); /* it wraps the same storage */
    assert_ptr_equal(sy_zero_(w->s, lx), lx);
    assert_string_equal(w->heard.last, "Log method zero_");
}

static void test_several_results_and_plain_ones(void **state)
{
    world *w = *state;
    sy_tensor *lx = logged(w, floats(w, 3, (const float[]){1, 2, 3}));
    sy_tensor *parts[4];
    const sy_value args[] = {sy_value_tensor(lx), sy_value_int(2)};
    assert_int_equal(sy_scope_call_many(w->s, "split", args, 2, parts, 4), 2);
    assert_logging(parts[0], 2, (const double[]){1, 2});
    assert_logging(parts[1], 1, (const double[]){3});
    int ndim = 0;
    int64_t shape[SY_DIM_MAX];
    assert_ok(sy_tensor_get_shape(lx, &ndim, shape, &w->err), &w->err);
    assert_int_equal(ndim, 1);
    assert_int_equal(shape[0], 3);
}

static void test_failures_pass_through(void **state)
{
    world *w = *state;
    sy_tensor *lx = logged(w, floats(w, 2, (const float[]){1, 2}));
    sy_tensor *y = floats(w, 3, (const float[]){1, 2, 3});
    assert_null(sy_add(w->s, lx, y));
    assert_status(sy_scope_end(w->s, &w->err), SY_ESHAPE, &w->err);
    w->s = sy_scope_begin(w->hook);
}

/* Two deep, and taken off again one by one. */
static void test_nested_and_get(void **state)
{
    world *w = *state;
    sy_tensor *x = floats(w, 2, (const float[]){1, 2});
    assert_ok(sy_tensor_tag(x, "#x", &w->err), &w->err);
    sy_tensor *twice = logged(w, logged(w, x));
    sy_tensor *y = sy_add_int(w->s, twice, 1);
    assert_int_equal(w->heard.count, 2); /* said by both */
    char *text = NULL;
    assert_ok(sy_tensor_to_text(y, &text, &w->err), &w->err);
    assert_string_equal(text, "(Wrapper)>LoggingTensor>LoggingTensor>tensor([2, 3])");
    sy_string_free(w->hook, text);
    sy_tensor *outer = NULL;
    assert_ok(sy_tensor_get(y, &outer, &w->err), &w->err);
    assert_logging(outer, 2, (const double[]){2, 3});
    sy_tensor *inner = NULL;
    assert_ok(sy_tensor_get(outer, &inner, &w->err), &w->err);
    assert_false(sy_tensor_is_wrapper(inner));
    sy_tensor_unref(outer);
    sy_tensor_unref(inner);
}

/* Composite rows and plain answers below an interpreter, and the tape above it. */
static void test_composites_and_gradients(void **state)
{
    world *w = *state;
    sy_tensor *x = logged(w, floats(w, 2, (const float[]){1, 2}));
    sy_tensor *weight = floats(w, 2, (const float[]){3, 4});
    assert_logging(sy_linear(w->s, x, weight, NULL), 1, (const double[]){11});
    assert_string_equal(w->heard.last, "Log method linear");
    const sy_value self = sy_value_tensor(x);
    sy_value answer = sy_value_none();
    assert_ok(sy_call(w->hook, "numel", &self, 1, NULL, 0, NULL, 0, NULL, &answer, &w->err),
              &w->err);
    assert_int_equal(answer.as.integer, 2);
    assert_ok(sy_tensor_set_requires_grad(x, true, &w->err), &w->err);
    sy_tensor *loss = sy_add(w->s, sy_linear(w->s, x, weight, NULL), sy_sum(w->s, x));
    assert_logging(loss, 1, (const double[]){14});
    assert_ok(sy_tensor_backward(loss, NULL, &w->err), &w->err);
    assert_logging(x->grad, 2, (const double[]){4, 5});
    assert_ok(sy_tensor_backward(sy_sum(w->s, sy_mul(w->s, x, x)), NULL, &w->err), &w->err);
    assert_logging(x->grad, 2, (const double[]){6, 9});
}

/* What is private stays it, under however many. */
static void test_privacy(void **state)
{
    world *w = *state;
    sy_tensor *x = floats(w, 2, (const float[]){1, 2});
    syi_policy policy;
    syi_policy_set_private(&policy, "#rows", 2);
    syi_tensor_set_policy(x, &policy);
    sy_tensor *lx = logged(w, x);
    assert_true(syi_tensor_is_private(lx));
    assert_true(syi_tensor_is_private(sy_add_int(w->s, lx, 0)));
    sy_tensor *inner = NULL;
    assert_ok(sy_tensor_get(lx, &inner, &w->err), &w->err);
    assert_true(syi_tensor_is_private(inner));
    sy_tensor_unref(inner);
    /* written through the wrapper into a public one: that is private from then on */
    sy_tensor *open = floats(w, 2, (const float[]){0, 0});
    sy_tensor *over = logged(w, open);
    (void)sy_copy_(w->s, over, x);
    assert_true(syi_tensor_is_private(over));
    assert_true(syi_tensor_is_private(open));
}

/* [18, [nil, chain]] */
static void test_bytes(void **state)
{
    world *w = *state;
    sy_tensor *lx = logged(w, floats(w, 1, (const float[]){1}));
    const sy_id id = sy_id_from_int(5);
    syi_message message;
    syi_decoder decoder;
    sy_tensor *back = NULL;
    static const char expected[] = "\x92\x0e\x9a\x05\xc0\x92\x12\x92\xc0\x92\x0e\x92\xc0\x93\xa7"
                                   "float32\x91\x01\xc4\x04\x00\x00\x80\x3f";
    assert_ok(sy_tensor_set_id(lx, &id, &w->err), &w->err);
    syi_message_init(&message, w->context, 4096);
    syi_encoder encoder = {.hook = w->hook, .out = &message.body, .message = &message};
    assert_ok(syi_encode_tensor(&encoder, lx, &w->err), &w->err);
    assert_true(message.body.length > sizeof expected);
    assert_memory_equal(message.body.data, expected, sizeof expected - 1);
    syi_decoder_init(&decoder, w->hook, NULL, &message);
    assert_ok(syi_decode_tensor(&decoder, &back, &w->err), &w->err);
    assert_logging(back, 1, (const double[]){1});
    sy_tensor_unref(back);
    syi_decoder_fini(&decoder);
    /* cut anywhere */
    const size_t length = message.body.length;
    for (size_t cut = 0; cut < length; cut++) {
        message.body.length = cut;
        syi_decoder_init(&decoder, w->hook, NULL, &message);
        assert_status(syi_decode_tensor(&decoder, &back, &w->err), SY_EFORMAT, &w->err);
        syi_decoder_fini(&decoder);
    }
    syi_message_fini(&message);
}

static void test_out_of_memory(void **state)
{
    world *w = *state;
    sy_tensor *x = floats(w, 2, (const float[]){1, 2});
    for (size_t nth = 1;; nth++) {
        sy_tensor *logging = NULL;
        sy_tensor *sum = NULL;
        size_t count = 0;
        w->memory.refused = 0;
        w->memory.fail_at = w->memory.calls + nth;
        sy_status status = sy_tensor_log(x, &logging, &w->err);
        if (status == SY_OK) {
            const sy_value args[] = {sy_value_tensor(logging), sy_value_int(1)};
            status = sy_call(w->hook, "add", args, 2, NULL, 0, &sum, 1, &count, NULL, &w->err);
        }
        w->memory.fail_at = 0;
        const bool refused = w->memory.refused != 0;
        assert_status(status, refused ? SY_ENOMEM : SY_OK, &w->err);
        sy_tensor_unref(sum);
        sy_tensor_unref(logging);
        assert_int_equal(x->node->refs, 1);
        if (!refused) {
            assert_true(nth > 4);
            return;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        logging_test(test_forwards),
        logging_test(test_in_place),
        logging_test(test_several_results_and_plain_ones),
        logging_test(test_failures_pass_through),
        logging_test(test_nested_and_get),
        logging_test(test_composites_and_gradients),
        logging_test(test_privacy),
        logging_test(test_bytes),
        logging_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
