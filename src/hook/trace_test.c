/*
 * trace_test.c - the trace switch: what a recorder sees, what it does not see, and a small net that is
 * recorded and replayed.
 */
#include "hook/trace.h"

#include <stdio.h>

#include <csyft/interpreter.h>
#include <csyft/operations.h>
#include <csyft/pointer.h>

#include "support/local_hook.h"

typedef struct seen {
    size_t count;
    char names[16][32];
    size_t args[16], results[16];
    bool grad;
    sy_value value;
    sy_tensor *first; /* of the last one; borrowed, compared only */
    sy_status answer;
    sy_scope *nested; /* run an operation in it */
} seen;

static sy_status see(void *user, const sy_trace_event *event, sy_error *err)
{
    seen *s = user;
    (void)err;
    assert_true(s->count < 16);
    snprintf(s->names[s->count], sizeof s->names[0], "%s", event->name);
    s->args[s->count] = event->arg_count;
    s->results[s->count] = event->result_count;
    s->value = *event->value;
    s->grad = event->grad;
    s->first = event->result_count > 0 ? event->results[0] : NULL;
    s->count++;
    if (s->nested != NULL) {
        (void)sy_neg(s->nested, s->first);
    }
    return s->answer;
}

static sy_tensor *adopt(local_hook *local, sy_scope *s, int64_t count, const float *data)
{
    return sy_scope_adopt(s, local_hook_floats(local, count, data));
}

static void test_what_is_seen(void **state)
{
    local_hook *local = *state;
    sy_scope *s = sy_scope_begin(local->hook);
    sy_tensor *x = adopt(local, s, 2, (const float[]){1, 2});
    seen r = {0};
    (void)sy_neg(s, x);
    assert_false(sy_hook_is_tracing(local->hook));
    assert_ok(sy_hook_trace_start(local->hook, see, &r, &local->err), &local->err);
    assert_true(sy_hook_is_tracing(local->hook));
    sy_tensor *y = sy_add(s, x, x);
    assert_int_equal(r.count, 1);
    assert_string_equal(r.names[0], "add");
    assert_int_equal(r.args[0], 3); /* self, other, alpha */
    assert_ptr_equal(r.first, y);
    assert_true(r.grad);
    assert_ptr_equal(sy_add_int_(s, y, 1), y);
    assert_string_equal(r.names[1], "add_");
    assert_ptr_equal(r.first, y);
    (void)sy_zero_(s, y);
    assert_string_equal(r.names[2], "zero_");
    const sy_value args[] = {sy_value_tensor(x), sy_value_int(1)};
    sy_tensor *parts[2];
    assert_int_equal(sy_scope_call_many(s, "torch.split", args, 2, parts, 2), 2);
    assert_string_equal(r.names[3], "split");
    assert_int_equal(r.results[3], 2);
    (void)sy_scope_set_grad_enabled(s, false);
    sy_value value;
    assert_ok(sy_call(local->hook, "numel", args, 1, NULL, 0, NULL, 0, NULL, &value, &local->err),
              &local->err);
    assert_int_equal(r.value.as.integer, 2);
    (void)sy_relu(s, x);
    assert_false(r.grad);
    assert_int_equal(r.count, 6);
    /* one that fails is none */
    assert_null(sy_matmul(s, x, sy_unsqueeze(s, x, 0)));
    assert_int_equal(r.count, 7);
    assert_ok(sy_hook_trace_stop(local->hook, &local->err), &local->err);
    assert_status(sy_scope_end(s, &local->err), SY_ESHAPE, &local->err);
    s = sy_scope_begin(local->hook);
    (void)sy_neg(s, x = adopt(local, s, 1, (const float[]){1}));
    assert_int_equal(r.count, 7);
    assert_ok(sy_scope_end(s, &local->err), &local->err);
}

/* What composed operations, interpreters, workers and the tape do inside is not seen again. */
static void test_nested_levels_are_not_seen_twice(void **state)
{
    local_hook *local = *state;
    sy_worker *bob = NULL;
    assert_ok(sy_virtual_worker_new(local->hook, &bob, "bob", &local->err), &local->err);
    sy_scope *s = sy_scope_begin(local->hook);
    sy_tensor *x = sy_unsqueeze(s, adopt(local, s, 2, (const float[]){1, 2}), 0);
    sy_tensor *logged = NULL;
    sy_tensor *minus = NULL;
    sy_tensor *pointer = NULL;
    seen r = {0};
    assert_ok(sy_tensor_log(x, &logged, &local->err), &local->err);
    (void)sy_scope_adopt(s, logged);
    assert_ok(sy_tensor_plus_is_minus(logged, &minus, &local->err), &local->err);
    (void)sy_scope_adopt(s, minus);
    assert_ok(sy_hook_trace_start(local->hook, see, &r, &local->err), &local->err);
    (void)sy_linear(s, x, x, NULL);
    assert_int_equal(r.count, 1);
    assert_string_equal(r.names[0], "linear");
    (void)sy_add(s, minus, x); /* PlusIsMinus > Logging > native: add, not sub */
    assert_int_equal(r.count, 2);
    assert_string_equal(r.names[1], "add");
    assert_ok(sy_tensor_send(x, &pointer, bob, &local->err), &local->err);
    (void)sy_scope_adopt(s, pointer);
    assert_int_equal(r.count, 2);
    (void)sy_mul(s, pointer, pointer);
    assert_int_equal(r.count, 3);
    sy_tensor *leaf = sy_clone(s, x);
    assert_ok(sy_tensor_set_requires_grad(leaf, true, &local->err), &local->err);
    assert_ok(sy_tensor_backward(sy_sum(s, leaf), NULL, &local->err), &local->err);
    assert_int_equal(r.count, 6); /* clone, sum, backward */
    assert_string_equal(r.names[5], "backward");
    r.nested = s;
    (void)sy_neg(s, x);
    assert_int_equal(r.count, 7); /* nor what the recorder does */
    assert_ok(sy_hook_trace_stop(local->hook, &local->err), &local->err);
    assert_ok(sy_scope_end(s, &local->err), &local->err);
}

/* A recorder may refuse: the operation fails, and nothing is left. */
static void test_refusal_and_misuse(void **state)
{
    local_hook *local = *state;
    sy_tensor *x = local_hook_floats(local, 2, (const float[]){1, 2});
    seen r = {.answer = SY_ELIMIT};
    assert_status(sy_hook_trace_stop(local->hook, &local->err), SY_EINVAL, &local->err);
    assert_status(sy_hook_trace_start(local->hook, NULL, NULL, &local->err), SY_EINVAL,
                  &local->err);
    assert_ok(sy_hook_trace_start(local->hook, see, &r, &local->err), &local->err);
    assert_status(sy_hook_trace_start(local->hook, see, &r, &local->err), SY_EBUSY, &local->err);
    const size_t live = local->memory.live;
    const sy_value args[] = {sy_value_tensor(x)};
    sy_tensor *y = NULL;
    size_t count = 0;
    assert_status(sy_call(local->hook, "neg", args, 1, NULL, 0, &y, 1, &count, NULL, &local->err),
                  SY_ELIMIT, &local->err);
    assert_null(y);
    assert_int_equal(local->memory.live, live);
    assert_ok(sy_hook_trace_stop(local->hook, &local->err), &local->err);
    sy_tensor_unref(x);
}

/* Another thread's operations are its own, and it cannot stop the recording. */
static void *other_thread(void *user)
{
    local_hook *local = user;
    sy_error err = SY_ERROR_INIT;
    sy_scope *s = sy_scope_begin(local->hook);
    sy_tensor *x = NULL;
    bool well = sy_tensor_from_floats(local->hook, &x, (const float[]){1}, 1, &err) == SY_OK;
    (void)sy_neg(s, x);
    well = well && !sy_hook_is_tracing(local->hook) &&
           sy_hook_trace_stop(local->hook, &err) == SY_EINVAL &&
           sy_hook_trace_start(local->hook, see, NULL, &err) == SY_EBUSY;
    sy_tensor_unref(x);
    return sy_scope_end(s, &err) == SY_OK && well ? local : NULL;
}

static void test_threads(void **state)
{
    local_hook *local = *state;
    seen r = {0};
    pthread_t thread;
    void *well = NULL;
    assert_ok(sy_hook_trace_start(local->hook, see, &r, &local->err), &local->err);
    assert_int_equal(pthread_create(&thread, NULL, other_thread, local), 0);
    assert_int_equal(pthread_join(thread, &well), 0);
    assert_non_null(well);
    assert_int_equal(r.count, 0);
    assert_ok(sy_hook_trace_stop(local->hook, &local->err), &local->err);
}

/* Record and replay: each step is a name, operands by number or as plain values, and numbers of results. */

enum { STEPS = 32, SLOTS = 64, ARGS = 8 };

typedef struct step {
    char name[32];
    sy_value args[ARGS]; /* a tensor's integer is its slot */
    size_t arg_count;
    int results[4];
    size_t result_count;
} step;

typedef struct tape {
    step steps[STEPS];
    size_t step_count;
    sy_tensor
        *slots[SLOTS]; /* references; what was there before the first step stays in a replay */
    size_t slot_count;
} tape;

static int slot_of(tape *t, sy_tensor *tensor)
{
    for (size_t k = 0; k < t->slot_count; k++) {
        if (t->slots[k] == tensor) {
            return (int)k;
        }
    }
    t->slots[t->slot_count] = sy_tensor_ref(tensor);
    return (int)t->slot_count++;
}

static sy_status record(void *user, const sy_trace_event *event, sy_error *err)
{
    tape *t = user;
    step *now = &t->steps[t->step_count++];
    (void)err;
    snprintf(now->name, sizeof now->name, "%s", event->name);
    now->arg_count = event->arg_count;
    for (size_t k = 0; k < event->arg_count; k++) {
        now->args[k] = event->args[k];
        if (event->args[k].kind == SY_VALUE_TENSOR) {
            now->args[k].as.integer = slot_of(t, event->args[k].as.tensor);
        } else if (event->args[k].kind == SY_VALUE_LIST) {
            now->args[k] = sy_value_none(); /* this net has none but empty ones */
        }
    }
    now->result_count = event->result_count;
    for (size_t k = 0; k < event->result_count; k++) {
        now->results[k] = slot_of(t, event->results[k]);
    }
    return SY_OK;
}

/* The net: two layers, cross entropy's parts, a max with its indices, and something in place. */
static sy_tensor *net(sy_scope *s, sy_tensor *x, sy_tensor *w1, sy_tensor *b1, sy_tensor *w2)
{
    sy_tensor *h = sy_relu(s, sy_linear(s, x, w1, b1));
    sy_tensor *y = sy_log_softmax(s, sy_matmul(s, h, sy_t(s, w2)), 1);
    sy_tensor *indices = NULL;
    sy_tensor *best = sy_max_dim(s, y, 1, false, &indices);
    sy_tensor *sum = sy_mul_scalar(s, best, 2);
    (void)sy_add_(s, sum, sy_to(s, indices, SY_DTYPE_F32));
    return sum;
}

static sy_tensor *matrix(local_hook *local, sy_scope *s, int64_t rows, int64_t columns, float start)
{
    float data[16];
    sy_tensor *tensor = NULL;
    for (int64_t k = 0; k < rows * columns; k++) {
        data[k] = start + 0.25f * (float)((k * 7) % 5) - 0.5f * (float)(k % 3);
    }
    assert_ok(sy_tensor_new(local->hook, &tensor, SY_DTYPE_F32, 2, (const int64_t[]){rows, columns},
                            data, &local->err),
              &local->err);
    return sy_scope_adopt(s, tensor);
}

static sy_tensor *replay(sy_scope *s, const tape *t, sy_tensor *input)
{
    sy_tensor *slots[SLOTS];
    memcpy(slots, t->slots, sizeof slots);
    slots[0] = input;
    sy_tensor *last = NULL;
    for (size_t n = 0; n < t->step_count; n++) {
        const step *now = &t->steps[n];
        sy_value args[ARGS];
        sy_tensor *results[4];
        for (size_t k = 0; k < now->arg_count; k++) {
            args[k] = now->args[k].kind == SY_VALUE_TENSOR
                          ? sy_value_tensor(slots[now->args[k].as.integer])
                          : now->args[k];
        }
        assert_int_equal(sy_scope_call_many(s, now->name, args, now->arg_count, results, 4),
                         now->result_count);
        for (size_t k = 0; k < now->result_count; k++) {
            slots[now->results[k]] = results[k];
        }
        last = results[0];
    }
    return last;
}

static void test_record_and_replay(void **state)
{
    local_hook *local = *state;
    sy_scope *s = sy_scope_begin(local->hook);
    sy_tensor *x = matrix(local, s, 3, 4, 0.5f);
    sy_tensor *other = matrix(local, s, 3, 4, -1.25f);
    sy_tensor *w1 = matrix(local, s, 4, 4, 0.1f);
    sy_tensor *b1 = adopt(local, s, 4, (const float[]){0.5f, -0.25f, 0, 1});
    sy_tensor *w2 = matrix(local, s, 2, 4, 0.75f);
    tape t = {.slots = {sy_tensor_ref(x)}, .slot_count = 1};
    assert_ok(sy_hook_trace_start(local->hook, record, &t, &local->err), &local->err);
    sy_tensor *y = net(s, x, w1, b1, w2);
    assert_ok(sy_hook_trace_stop(local->hook, &local->err), &local->err);
    assert_int_equal(t.step_count, 9);
    assert_non_null(y);

    sy_tensor *expected = net(s, other, w1, b1, w2);
    sy_tensor *actual = replay(s, &t, other);
    float numbers[3];
    assert_ok(sy_tensor_copy_data(expected, numbers, sizeof numbers, &local->err), &local->err);
    assert_floats(actual, numbers, 3);
    float first[3];
    assert_ok(sy_tensor_copy_data(y, first, sizeof first, &local->err), &local->err);
    assert_memory_not_equal(first, numbers, sizeof first);
    assert_floats(replay(s, &t, x), first, 3);
    for (size_t k = 0; k < t.slot_count; k++) {
        sy_tensor_unref(t.slots[k]);
    }
    assert_ok(sy_scope_end(s, &local->err), &local->err);
}

#define trace_test(test) \
    cmocka_unit_test_setup_teardown(test, local_hook_setup, local_hook_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        trace_test(test_what_is_seen),       trace_test(test_nested_levels_are_not_seen_twice),
        trace_test(test_refusal_and_misuse), trace_test(test_threads),
        trace_test(test_record_and_replay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
