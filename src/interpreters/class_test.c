/*
 * class_test.c - interpreters from classes: registering, attributes, what a function is given and may
 * answer, bytes, and LoggingTensor written as a class. What holds for every interpreter: contract_test.c.
 */
#include "interpreters/class.h"

#include <stdio.h>

#include <csyft/operations.h>
#include <csyft/pointer.h>

#include "hook/scope.h"
#include "interpreters/logging.h"
#include "serde/serde.h"
#include "support/bare_worker.h"

/* A hook without the rooms above this one, and a scope. */
typedef struct world {
    failing_allocator memory;
    sy_context *context;
    sy_hook *hook;
    sy_scope *s;
    sy_error err;
    char line[128]; /* the last one at info level */
} world;

static void hear(void *user, sy_log_level level, const char *component, const char *worker,
                 uint64_t message_id, const char *message)
{
    world *w = user;
    (void)component;
    (void)worker;
    (void)message_id;
    if (level == SY_LOG_INFO) {
        snprintf(w->line, sizeof w->line, "%s", message);
    }
}

static int setup(void **state)
{
    world *w = calloc(1, sizeof *w);
    sy_context_options surroundings = SY_CONTEXT_OPTIONS_INIT;
    sy_hook_options options = SY_HOOK_OPTIONS_INIT;
    *state = w;
    surroundings.allocator = failing_allocator_get(&w->memory);
    surroundings.log = hear;
    surroundings.log_user = w;
    surroundings.log_filter = "info";
    options.verbose = false;
    if (sy_context_new(&w->context, &surroundings, &w->err) != SY_OK ||
        syi_hook_new(w->context, &w->hook, &options, &w->err) != SY_OK ||
        syi_classes_register(w->hook, &w->err) != SY_OK) {
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

#define class_test(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

static sy_tensor *floats(world *w, int64_t count, const float *values)
{
    sy_tensor *tensor = NULL;
    assert_ok(sy_tensor_from_floats(w->hook, &tensor, values, count, &w->err), &w->err);
    return sy_scope_adopt(w->s, tensor);
}

static const sy_interpreter *add_class(world *w, const sy_interpreter_class *klass)
{
    const sy_interpreter *type = NULL;
    assert_ok(sy_interpreter_register(w->hook, &type, klass, &w->err), &w->err);
    return type;
}

static sy_tensor *wrap(world *w, const sy_interpreter *type, sy_tensor *tensor,
                       const void *attributes)
{
    sy_tensor *wrapped = NULL;
    assert_ok(sy_tensor_wrap_with(tensor, &wrapped, type, attributes, &w->err), &w->err);
    return sy_scope_adopt(w->s, wrapped);
}

static double first(sy_tensor *tensor)
{
    const syi_node *node = tensor->node;
    while (node->child != NULL) {
        node = node->child;
    }
    return syi_array_get_double(syi_node_array((syi_node *)(uintptr_t)node), 0);
}

static void assert_reason(world *w, sy_status status, sy_status expected, const char *words)
{
    assert_status(status, expected, &w->err);
    if (strstr(w->err.message, words) == NULL) {
        fail_msg("'%s' is not in '%s'", words, w->err.message);
    }
}

static sy_status op(world *w, const char *name, sy_tensor *a, sy_tensor *b, sy_tensor **result)
{
    const sy_value args[] = {sy_value_tensor(a), sy_value_tensor(b)};
    size_t count = 0;
    *result = NULL;
    w->err = (sy_error)SY_ERROR_INIT;
    const sy_status status =
        sy_call(w->hook, name, args, b != NULL ? 2 : 1, NULL, 0, result, 1, &count, NULL, &w->err);
    *result = sy_scope_adopt(w->s, *result);
    return status;
}

/* Registering */

static void test_refused_classes(void **state)
{
    world *w = *state;
    const sy_interpreter *type = NULL;
    sy_interpreter_class klass = {.size = sizeof klass, .name = "A"};
    assert_non_null(add_class(w, &klass));
    assert_reason(w, sy_interpreter_register(w->hook, &type, &klass, &w->err), SY_EEXIST, "A");
    assert_null(type);
    klass.name = "LongName7890123456789012345678901234567890123456789012345678901234";
    assert_reason(w, sy_interpreter_register(w->hook, &type, &klass, &w->err), SY_EINVAL, "name");
    static const char *const names[] = {"", "7A", "A b", "A.b", NULL};
    for (size_t k = 0; k < sizeof names / sizeof names[0]; k++) {
        klass.name = names[k];
        assert_reason(w, sy_interpreter_register(w->hook, &type, &klass, &w->err), SY_EINVAL,
                      "no name");
    }
    klass.name = "B";
    static const int codes[] = {18, 255, -2, 65536};
    for (size_t k = 0; k < sizeof codes / sizeof codes[0]; k++) {
        klass.code = codes[k];
        assert_reason(w, sy_interpreter_register(w->hook, &type, &klass, &w->err), SY_EINVAL,
                      "code");
    }
    klass.code = 256;
    (void)add_class(w, &klass);
    klass.name = "C";
    assert_reason(w, sy_interpreter_register(w->hook, &type, &klass, &w->err), SY_EEXIST, "256");
    klass.code = 0;
    klass.size = 8;
    assert_reason(w, sy_interpreter_register(w->hook, &type, &klass, &w->err), SY_EINVAL, "size");
    assert_non_null(sy_interpreter_find(w->hook, "B"));
    assert_null(sy_interpreter_find(w->hook, "C"));
    assert_null(sy_interpreter_find(w->hook, "tensor"));
}

/* Attributes: copied for every result, freed as often; a copy that fails leaves nothing. */

typedef struct counted {
    int *live;
    int value;
} counted;

static int fail_copy_at;

static sy_status counted_copy(void *attributes, const void *from, sy_error *err)
{
    (void)err;
    if (fail_copy_at > 0 && --fail_copy_at == 0) {
        return SY_ENOMEM;
    }
    memcpy(attributes, from, sizeof(counted));
    ++*((counted *)attributes)->live;
    return SY_OK;
}

static void counted_free(void *attributes)
{
    --*((counted *)attributes)->live;
}

static int counted_describe(const void *attributes, char *text, size_t size)
{
    return snprintf(text, size, "Counted(%d)", ((const counted *)attributes)->value);
}

static void test_attributes(void **state)
{
    world *w = *state;
    int live = 0;
    const sy_interpreter_class klass = {.size = sizeof klass,
                                        .name = "Counted",
                                        .attributes_size = sizeof(counted),
                                        .copy = counted_copy,
                                        .free = counted_free,
                                        .describe = counted_describe};
    const sy_interpreter *type = add_class(w, &klass);
    const counted seven = {&live, 7};
    const counted eight = {&live, 8};
    sy_tensor *x = floats(w, 2, (const float[]){1, 2});
    sy_tensor *a = wrap(w, type, x, &seven);
    sy_tensor *b = wrap(w, type, x, &eight);
    sy_tensor *sum = NULL;
    assert_int_equal(live, 2);
    assert_ok(op(w, "add", a, b, &sum), &w->err);
    assert_int_equal(live, 3);
    const counted *got = sy_tensor_get_attributes(sum, type);
    assert_non_null(got);
    assert_int_equal(got->value, 7); /* those of the first argument of the type */
    assert_ok(op(w, "add", x, b, &sum), &w->err);
    got = sy_tensor_get_attributes(sum, type);
    assert_int_equal(got->value, 8); /* wherever it stands */
    assert_null(sy_tensor_get_attributes(x, type));
    char *text = NULL;
    assert_ok(sy_tensor_to_text(sum, &text, &w->err), &w->err);
    assert_string_equal(text, "(Wrapper)>Counted(8)>tensor([2, 4])");
    sy_string_free(w->hook, text);
    assert_int_equal(live, 4);

    /* split gives three; the copy of each fails in turn */
    sy_tensor *y = wrap(w, type, floats(w, 3, (const float[]){1, 2, 3}), &seven);
    const size_t blocks = w->memory.live;
    for (int nth = 1; nth <= 3; nth++) {
        const sy_value args[] = {sy_value_tensor(y), sy_value_int(1)};
        sy_tensor *parts[3];
        size_t count = 0;
        fail_copy_at = nth;
        w->err = (sy_error)SY_ERROR_INIT;
        assert_status(sy_call(w->hook, "split", args, 2, NULL, 0, parts, 3, &count, NULL, &w->err),
                      SY_ENOMEM, &w->err);
        assert_int_equal(live, 5);
        assert_int_equal(w->memory.live, blocks);
    }
    sy_tensor *none = NULL;
    fail_copy_at = 1;
    assert_status(sy_tensor_wrap_with(x, &none, type, &seven, &w->err), SY_ENOMEM, &w->err);
    assert_null(none);
    assert_int_equal(w->memory.live, blocks);
    fail_copy_at = 0;
    sy_scope_clear(w->s);
    assert_int_equal(live, 0);
}

static void test_child_and_type(void **state)
{
    world *w = *state;
    const sy_interpreter_class klass = {.size = sizeof klass, .name = "Plain"};
    const sy_interpreter *type = add_class(w, &klass);
    sy_tensor *x = floats(w, 1, (const float[]){3});
    sy_tensor *twice = wrap(w, type, wrap(w, type, x, NULL), NULL);
    sy_tensor *child = NULL;
    assert_ptr_equal(sy_tensor_get_interpreter(twice), type);
    assert_null(sy_tensor_get_interpreter(x));
    assert_ok(sy_tensor_get_child(twice, &child, &w->err), &w->err);
    assert_ptr_equal(sy_tensor_get_interpreter(child), type);
    sy_tensor_unref(child);
    assert_reason(w, sy_tensor_get_child(x, &child, &w->err), SY_EINVAL, "no child");
    assert_null(child);
    sy_tensor *wrapped = NULL;
    assert_ok(syi_logging_register(w->hook, &w->err), &w->err);
    assert_reason(w, sy_tensor_wrap_with(x, &wrapped, &syi_logging_type, NULL, &w->err), SY_EINVAL,
                  "own function");
    sy_value values[SY_ATTRIBUTE_MAX];
    size_t count = 9;
    assert_ok(sy_tensor_get_class_attributes(x, values, &count, &w->err), &w->err);
    assert_int_equal(count, 0);
}

/* What is private stays it, whatever a class computes. */
static sy_status add_captured(sy_operation *operation, void *user, sy_error *err)
{
    const sy_value *args = NULL;
    (void)sy_operation_get_arguments(operation, &args);
    const sy_value both[] = {args[0], sy_value_tensor(*(sy_tensor **)user)};
    sy_tensor *sum = sy_scope_call(sy_operation_get_scope(operation), "add", both, 2);
    return sy_operation_answer(operation, &sum, 1, err);
}

static void test_privacy(void **state)
{
    world *w = *state;
    sy_tensor *captured = floats(w, 2, (const float[]){5, 6});
    const sy_interpreter_class plain = {.size = sizeof plain, .name = "Plain"};
    const sy_interpreter_class adding = {
        .size = sizeof adding, .name = "Adding", .call = add_captured, .user = &captured};
    const sy_interpreter *type = add_class(w, &plain);
    const sy_interpreter *adds = add_class(w, &adding);
    syi_policy policy;
    syi_policy_set_private(&policy, "#rows", 2);
    syi_tensor_set_policy(captured, &policy);
    sy_tensor *wrapped = wrap(w, type, captured, NULL);
    sy_tensor *result = NULL;
    assert_true(syi_tensor_is_private(wrapped));
    assert_ok(op(w, "neg", wrapped, NULL, &result), &w->err);
    assert_true(syi_tensor_is_private(result));
    assert_ok(sy_tensor_get_child(wrapped, &result, &w->err), &w->err);
    assert_true(syi_tensor_is_private(sy_scope_adopt(w->s, result)));
    /* one element of it, through the chain */
    sy_tensor *one = NULL;
    assert_ok(op(w, "sum", wrapped, NULL, &one), &w->err);
    assert_reason(w, op(w, "item", one, NULL, &result), SY_EPERM, "#rows");
    /* an answer made of what no argument shows */
    sy_tensor *open = wrap(w, adds, floats(w, 2, (const float[]){1, 2}), NULL);
    assert_false(syi_tensor_is_private(open));
    assert_ok(op(w, "neg", open, NULL, &result), &w->err);
    assert_true(syi_tensor_is_private(result));
}

/* What a function is given, and what it may answer. */

typedef struct seen {
    char name[64];
    char called[96];
    size_t count;
    bool inplace, has_self, self_is_wrapper, first_is_native, alpha;
    int mode; /* what to do */
} seen;

static sy_status look(sy_operation *operation, void *user, sy_error *err)
{
    seen *s = user;
    const sy_value *args = NULL;
    s->count = sy_operation_get_arguments(operation, &args);
    snprintf(s->name, sizeof s->name, "%s", sy_operation_get_name(operation));
    snprintf(s->called, sizeof s->called, "%s", sy_operation_get_called_name(operation));
    s->inplace = sy_operation_is_inplace(operation);
    sy_tensor *self = sy_operation_get_self(operation);
    s->has_self = self != NULL;
    s->self_is_wrapper = self != NULL && sy_tensor_is_wrapper(self);
    s->first_is_native =
        args[0].kind == SY_VALUE_TENSOR && !sy_tensor_is_wrapper(args[0].as.tensor);
    const sy_value *alpha = sy_operation_get_argument(operation, "alpha");
    s->alpha = alpha != NULL && alpha->kind == SY_VALUE_INT && alpha->as.integer == 2;
    sy_tensor *child = args[0].as.tensor;
    sy_tensor *none = NULL;
    const sy_value seven = sy_value_int(7);
    sy_scope *scope = sy_operation_get_scope(operation);
    switch (s->mode) {
    case 1:
        return SY_EPERM; /* says nothing */
    case 2:
        SY_TRY(sy_operation_forward(operation, err));
        return sy_operation_answer(operation, &child, 1, err); /* twice */
    case 3:
        return sy_operation_answer(operation, &none, 1, err);
    case 4:
        return sy_operation_answer(operation, (sy_tensor *[]){child, child}, 2, err);
    case 5:
        return sy_operation_answer_value(operation, &seven, err);
    case 6: { /* another tensor as the new self */
        sy_tensor *other = sy_mul_int(scope, child, 100);
        return sy_operation_answer(operation, &other, 1, err);
    }
    case 7: /* a computation that fails, and nobody looks */
        (void)sy_matmul(scope, child, sy_unsqueeze(scope, child, 0));
        return SY_OK;
    case 8:
        return sy_operation_answer_as_is(operation, &child, 1, err);
    case 10: /* contents of what it is given */
        (void)sy_scope_call(scope, "item", args, 1);
        return SY_OK;
    case 9:
        return sy_operation_answer_value(operation, &args[0], err);
    default:
        return SY_OK;
    }
}

static void test_what_a_function_sees(void **state)
{
    world *w = *state;
    seen s = {0};
    const sy_interpreter_class klass = {
        .size = sizeof klass, .name = "Looking", .call = look, .user = &s};
    const sy_interpreter *type = add_class(w, &klass);
    sy_tensor *x = floats(w, 2, (const float[]){1, 2});
    sy_tensor *a = wrap(w, type, x, NULL);
    sy_tensor *r = NULL;
    const sy_value args[] = {sy_value_tensor(a), sy_value_tensor(x)};
    const sy_named_value alpha = {"alpha", sy_value_int(2)};
    size_t count = 0;
    assert_ok(sy_call(w->hook, "torch.add", args, 2, &alpha, 1, &r, 1, &count, NULL, &w->err),
              &w->err);
    assert_true(first(sy_scope_adopt(w->s, r)) == 3);
    assert_string_equal(s.name, "add");
    assert_int_equal(s.count, 3); /* alpha in its place */
    assert_true(s.alpha && s.has_self && s.self_is_wrapper && s.first_is_native && !s.inplace);
    assert_ok(op(w, "__iadd__", a, x, &r), &w->err);
    assert_string_equal(s.name, "add_");
    assert_true(s.inplace);
    assert_true(first(x) == 2); /* forwarded: x was added to itself */
    assert_ok(op(w, "zero_", a, NULL, &r), &w->err);
    assert_string_equal(s.name, "zero_");
}

static void test_answers(void **state)
{
    world *w = *state;
    seen s = {.mode = 1};
    const sy_interpreter_class klass = {
        .size = sizeof klass, .name = "Looking", .call = look, .user = &s};
    const sy_interpreter *type = add_class(w, &klass);
    sy_tensor *x = floats(w, 2, (const float[]){1, 2});
    sy_tensor *a = wrap(w, type, x, NULL);
    sy_tensor *r = NULL;
    assert_reason(w, op(w, "neg", a, NULL, &r), SY_EPERM, "neg: not permitted, says the Looking");
    s.mode = 2;
    assert_reason(w, op(w, "neg", a, NULL, &r), SY_EINVAL, "answered already");
    s.mode = 3;
    assert_reason(w, op(w, "neg", a, NULL, &r), SY_EINVAL, "result 0 is NULL");
    s.mode = 4;
    assert_reason(w, op(w, "neg_", a, NULL, &r), SY_ESIGNATURE, "neg_: answered with 2");
    s.mode = 7;
    assert_reason(w, op(w, "neg", a, NULL, &r), SY_ESHAPE, "matmul");
    s.mode = 9;
    assert_reason(w, op(w, "neg", a, NULL, &r), SY_EINVAL, "no plain value");
    s.mode = 5;
    const sy_value self = sy_value_tensor(a);
    sy_value value;
    assert_ok(sy_call(w->hook, "numel", &self, 1, NULL, 0, NULL, 0, NULL, &value, &w->err),
              &w->err);
    assert_int_equal(value.as.integer, 7);
    s.mode = 6;
    assert_ok(op(w, "neg_", a, NULL, &r), &w->err);
    assert_ptr_equal(r, a);
    assert_true(first(x) == 100); /* written to what the child stands for */
    s.mode = 8;
    assert_ok(op(w, "neg", a, NULL, &r), &w->err);
    assert_false(sy_tensor_is_wrapper(r));
    assert_int_equal(x->node->refs, 3); /* x, a, r */
}

/* A function does not learn the contents of what is private to its caller. */
static void test_private_children(void **state)
{
    world *w = *state;
    seen s = {.mode = 10};
    const sy_interpreter_class klass = {
        .size = sizeof klass, .name = "Looking", .call = look, .user = &s};
    sy_tensor *a = wrap(w, add_class(w, &klass), floats(w, 1, (const float[]){1}), NULL);
    sy_tensor *r = NULL;
    syi_policy policy;
    assert_ok(op(w, "neg", a, NULL, &r), &w->err);
    syi_policy_set_private(&policy, "#rows", 1);
    syi_tensor_set_policy(a, &policy); /* of the handle: its storage does not know */
    assert_reason(w, op(w, "neg", a, NULL, &r), SY_EPERM, "item");
    s.mode = 0;
    assert_ok(op(w, "neg", a, NULL, &r), &w->err);
    assert_true(syi_tensor_is_private(r));
}

/* Gradients are recorded around the chain, and are chains like their tensors. */
static void test_gradients(void **state)
{
    world *w = *state;
    seen looking = {0};
    const sy_interpreter_class klass = {
        .size = sizeof klass, .name = "Looking", .call = look, .user = &looking};
    const sy_interpreter *type = add_class(w, &klass);
    sy_tensor *x = floats(w, 3, (const float[]){1, 2, 3});
    sy_tensor *a = wrap(w, type, x, NULL);
    sy_tensor *gradient = NULL;
    assert_ok(sy_tensor_set_requires_grad(a, true, &w->err), &w->err);
    sy_tensor *y = sy_sum(w->s, sy_mul(w->s, a, sy_mul(w->s, a, x)));
    assert_ok(sy_tensor_backward(y, NULL, &w->err), &w->err);
    assert_ok(sy_tensor_get_grad(a, &gradient, &w->err), &w->err);
    (void)sy_scope_adopt(w->s, gradient);
    assert_ptr_equal(sy_tensor_get_interpreter(gradient), type);
    char *text = NULL;
    assert_ok(sy_tensor_to_text(gradient, &text, &w->err), &w->err);
    assert_string_equal(text, "(Wrapper)>Looking>tensor([2, 8, 18])"); /* 2 x * x */
    sy_string_free(w->hook, text);
}

/* The name of the call goes to the outermost level, and to those that forward. */
static void test_called_name(void **state)
{
    world *w = *state;
    seen outer = {0};
    seen inner = {0};
    const sy_interpreter_class outside = {
        .size = sizeof outside, .name = "Outer", .call = look, .user = &outer};
    const sy_interpreter_class inside = {
        .size = sizeof inside, .name = "Inner", .call = look, .user = &inner};
    sy_tensor *a = wrap(w, add_class(w, &inside), floats(w, 1, (const float[]){1}), NULL);
    sy_tensor *b = wrap(w, add_class(w, &outside), a, NULL);
    sy_tensor *r = NULL;
    assert_ok(op(w, "torch.nn.functional.relu", b, NULL, &r), &w->err);
    assert_string_equal(outer.called, "torch.nn.functional.relu");
    assert_string_equal(inner.called, "torch.nn.functional.relu");
    assert_string_equal(inner.name, "relu");
    outer.mode = 6; /* runs mul_int on the child: that is what the child is asked */
    assert_ok(op(w, "torch.neg", b, NULL, &r), &w->err);
    assert_string_equal(outer.called, "torch.neg");
    assert_string_equal(inner.called, "mul");
    assert_ok(op(w, "neg", a, NULL, &r), &w->err);
    assert_string_equal(inner.called, "neg");
}

/* LoggingTensor as a class: the same lines, chains and bytes as the library's own. */

static sy_status log_operation(sy_operation *operation, void *user, sy_error *err)
{
    world *w = user;
    (void)err;
    syi_log(w->context, SY_LOG_INFO, "interpreters", "", 0, "Log method %s",
            sy_operation_get_name(operation));
    return SY_OK;
}

/* Encodes and decodes again; the bytes without the tensor's head are left in `bytes`. */
static sy_tensor *travel(world *w, sy_tensor *tensor, uint8_t *bytes, size_t *length)
{
    syi_message message;
    syi_decoder decoder;
    sy_tensor *back = NULL;
    const sy_id id = sy_id_from_int(5);
    assert_ok(sy_tensor_set_id(tensor, &id, &w->err), &w->err);
    syi_message_init(&message, w->context, 4096);
    syi_encoder encoder = {.hook = w->hook, .out = &message.body, .message = &message};
    assert_ok(syi_encode_tensor(&encoder, tensor, &w->err), &w->err);
    *length = message.body.length - 5;
    assert_true(*length < 256);
    memcpy(bytes, message.body.data + 5, *length); /* after 92 0e 9a 05 c0 */
    syi_decoder_init(&decoder, w->hook, NULL, &message);
    assert_ok(syi_decode_tensor(&decoder, &back, &w->err), &w->err);
    syi_decoder_fini(&decoder);
    /* cut anywhere: a status, and nothing is left */
    const size_t whole = message.body.length;
    const size_t live = w->memory.live;
    for (size_t cut = 0; cut < whole; cut++) {
        sy_tensor *none = NULL;
        message.body.length = cut;
        syi_decoder_init(&decoder, w->hook, NULL, &message);
        assert_int_not_equal(syi_decode_tensor(&decoder, &none, &w->err), SY_OK);
        syi_decoder_fini(&decoder);
        assert_null(none);
        assert_int_equal(w->memory.live, live);
    }
    syi_message_fini(&message);
    return sy_scope_adopt(w->s, back);
}

static void test_logging_as_a_class(void **state)
{
    world *w = *state;
    const sy_interpreter *type = NULL;
    const sy_interpreter_class klass = {
        .size = sizeof klass, .name = "LoggingTensor", .call = log_operation, .user = w};
    assert_ok(syi_class_register(w->hook, &type, &klass, SYI_CODE_LOGGING, &w->err), &w->err);
    sy_tensor *x = floats(w, 1, (const float[]){1});
    sy_tensor *a = wrap(w, type, x, NULL);
    sy_tensor *r = NULL;
    assert_ok(op(w, "add_", a, x, &r), &w->err);
    assert_string_equal(w->line, "Log method add_");
    assert_ok(op(w, "torch.nn.functional.relu", a, NULL, &r), &w->err);
    assert_string_equal(w->line, "Log method relu");
    char *text = NULL;
    assert_ok(sy_tensor_to_text(r, &text, &w->err), &w->err);
    assert_string_equal(text, "(Wrapper)>LoggingTensor>tensor([2])");
    sy_string_free(w->hook, text);
    /* logging_test.c, test_bytes */
    static const char expected[] = "\x92\x12\x92\xc0\x92\x0e\x92\xc0\x93\xa7"
                                   "float32\x91\x01\xc4\x04\x00\x00\x80\x3f";
    uint8_t bytes[256];
    size_t length = 0;
    sy_tensor *one = wrap(w, type, floats(w, 1, (const float[]){1}), NULL);
    sy_tensor *back = travel(w, one, bytes, &length);
    assert_memory_equal(bytes, expected, sizeof expected - 1);
    assert_ptr_equal(sy_tensor_get_interpreter(back), type);
}

/* Bytes with attributes */

typedef struct clip {
    double low, high;
    char unit[8];
} clip;

static sy_status clip_simplify(const void *attributes, sy_value *values, size_t *count,
                               sy_error *err)
{
    const clip *c = attributes;
    (void)err;
    values[0] = sy_value_float(c->low);
    values[1] = sy_value_float(c->high);
    values[2] = sy_value_string(c->unit);
    *count = 3;
    return SY_OK;
}

static sy_status clip_detail(void *attributes, const sy_value *values, size_t count, sy_error *err)
{
    clip *c = attributes;
    if (count != 3 || values[0].kind != SY_VALUE_FLOAT || values[1].kind != SY_VALUE_FLOAT ||
        values[2].kind != SY_VALUE_STRING || strlen(values[2].as.string) >= sizeof c->unit) {
        return syi_fail(err, SY_EFORMAT, "Clip: low, high and a short unit are expected");
    }
    c->low = values[0].as.real;
    c->high = values[1].as.real;
    snprintf(c->unit, sizeof c->unit, "%s", values[2].as.string);
    return SY_OK;
}

static void clip_travels(world *w, int code)
{
    const sy_interpreter_class klass = {.size = sizeof klass,
                                        .name = "Clip",
                                        .code = code,
                                        .attributes_size = sizeof(clip),
                                        .simplify = clip_simplify,
                                        .detail = clip_detail};
    const sy_interpreter *type = add_class(w, &klass);
    const clip attributes = {-1, 2, "mm"};
    sy_tensor *a = wrap(w, type, floats(w, 1, (const float[]){1}), &attributes);
    uint8_t bytes[256];
    size_t length = 0;
    static const char told[] = "\x93\xcb\xbf\xf0\x00\x00\x00\x00\x00\x00"
                               "\xcb\x40\x00\x00\x00\x00\x00\x00\x00"
                               "\x92\x05\x91\xc4\x02mm";
    sy_tensor *back = travel(w, a, bytes, &length);
    const size_t head = code == 0 ? 14 : 5;
    /* [300, [attributes, child]]; [255, [[5, ["Clip"]], attributes, child]] */
    assert_memory_equal(bytes,
                        code == 0 ? "\x92\xcc\xff\x93\x92\x05\x91\xc4\x04"
                                    "Clip"
                                  : "\x92\xcd\x01\x2c\x92",
                        head - (code == 0));
    assert_memory_equal(bytes + head - (code == 0), told, sizeof told - 1);
    const clip *got = sy_tensor_get_attributes(back, type);
    assert_non_null(got);
    assert_true(got->low == -1 && got->high == 2);
    assert_string_equal(got->unit, "mm");
    sy_value values[SY_ATTRIBUTE_MAX];
    size_t count = 0;
    assert_ok(sy_tensor_get_class_attributes(back, values, &count, &w->err), &w->err);
    assert_int_equal(count, 3);
    assert_true(values[1].as.real == 2);
}

static void test_bytes_by_code(void **state)
{
    clip_travels(*state, 300);
}

static void test_bytes_by_name(void **state)
{
    clip_travels(*state, SY_INTERPRETER_BY_NAME);
}

static sy_status decode(world *w, const char *bytes, size_t length)
{
    syi_message message;
    syi_decoder decoder;
    sy_tensor *none = NULL;
    syi_message_init(&message, w->context, 4096);
    syi_buffer_append(&message.body, bytes, length);
    syi_decoder_init(&decoder, w->hook, NULL, &message);
    w->err = (sy_error)SY_ERROR_INIT;
    const sy_status status = syi_decode_tensor(&decoder, &none, &w->err);
    syi_decoder_fini(&decoder);
    syi_message_fini(&message);
    sy_tensor_unref(none);
    return status;
}

#define DECODE(w, bytes) decode((w), bytes, sizeof(bytes) - 1)
#define CHILD                  \
    "\x92\x0e\x92\xc0\x93\xa7" \
    "float32\x91\x01\xc4\x04\x00\x00\x80\x3f"

static void test_hostile_bytes(void **state)
{
    world *w = *state;
    const size_t live = w->memory.live;
    assert_reason(w, DECODE(w, "\x92\xcd\x01\x2c\x92\xc0" CHILD), SY_ENOTSUP, "300");
    assert_reason(w,
                  DECODE(w, "\x92\xcc\xff\x93\x92\x05\x91\xc4\x04"
                            "Clip\xc0" CHILD),
                  SY_ENOTSUP, "Clip");
    assert_int_equal(w->memory.live, live);
    const sy_interpreter_class klass = {.size = sizeof klass,
                                        .name = "Clip",
                                        .code = 300,
                                        .attributes_size = sizeof(clip),
                                        .simplify = clip_simplify,
                                        .detail = clip_detail};
    (void)add_class(w, &klass);
    const size_t after = w->memory.live;
    /* nil, none, wrong kinds, a tensor, too many */
    assert_reason(w, DECODE(w, "\x92\xcd\x01\x2c\x92\xc0" CHILD), SY_EFORMAT, "short unit");
    assert_reason(w, DECODE(w, "\x92\xcd\x01\x2c\x92\x90" CHILD), SY_EFORMAT, "short unit");
    assert_reason(w, DECODE(w, "\x92\xcd\x01\x2c\x92\x93\x01\x02\x03" CHILD), SY_EFORMAT,
                  "short unit");
    assert_reason(w, DECODE(w, "\x92\xcd\x01\x2c\x92\x91" CHILD CHILD), SY_EFORMAT,
                  "attribute 0 of a Clip");
    assert_reason(w,
                  DECODE(w, "\x92\xcd\x01\x2c\x92\xdc\x00\x21\x01\x01\x01\x01\x01\x01\x01\x01\x01"
                            "\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01"
                            "\x01\x01\x01\x01\x01\x01\x01" CHILD),
                  SY_ELIMIT, "33 attributes");
    /* a code's class by its name is not that class; nor is a type of the library */
    assert_reason(w,
                  DECODE(w, "\x92\xcc\xff\x93\x92\x05\x91\xc4\x04"
                            "Clip\xc0" CHILD),
                  SY_ENOTSUP, "Clip");
    assert_reason(w, DECODE(w, "\x92\xcc\xff\x93\xc0\xc0" CHILD), SY_ENOTSUP, "nil");
    assert_reason(w,
                  DECODE(w, "\x92\xcc\xff\x93\x92\x05\x91\xc4\x06"
                            "tensor\xc0" CHILD),
                  SY_ENOTSUP, "tensor");
    assert_int_equal(w->memory.live, after);
}

/* Attributes without simplify cannot travel; a home-keeping class neither. */
static void test_what_stays(void **state)
{
    world *w = *state;
    const sy_interpreter_class klass = {
        .size = sizeof klass, .name = "Silent", .attributes_size = 4};
    sy_tensor *a = wrap(w, add_class(w, &klass), floats(w, 1, (const float[]){1}), &(const int){1});
    syi_message message;
    syi_message_init(&message, w->context, 4096);
    syi_encoder encoder = {.hook = w->hook, .out = &message.body, .message = &message};
    assert_reason(w, syi_encode_tensor(&encoder, a, &w->err), SY_ENOTSUP, "a Silent cannot travel");
    syi_message_fini(&message);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        class_test(test_refused_classes),      class_test(test_attributes),
        class_test(test_child_and_type),       class_test(test_privacy),
        class_test(test_what_a_function_sees), class_test(test_answers),
        class_test(test_private_children),     class_test(test_gradients),
        class_test(test_called_name),          class_test(test_logging_as_a_class),
        class_test(test_bytes_by_code),        class_test(test_bytes_by_name),
        class_test(test_hostile_bytes),        class_test(test_what_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
