/*
 * tape_test.c - recording and running the tape: accumulation, in-place writes, lifetimes, long and wide
 * histories, failures, and the policies of gradients. Gradients themselves: gradients_vectors_test.c.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <csyft/operations.h>

#include "hook/tape.h"
#include "support/failing_allocator.h"
#include "support/property.h"

typedef struct fixture {
    failing_allocator memory;
    sy_context *context;
    sy_hook *hook;
    sy_scope *s; /* for the test's own use; ended by teardown */
} fixture;

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    sy_hook_options options = SY_HOOK_OPTIONS_INIT;
    options.verbose = false;
    f->context = failing_allocator_context(&f->memory);
    *state = f;
    if (f->context == NULL || syi_hook_new(f->context, &f->hook, &options, NULL) != SY_OK) {
        return -1;
    }
    f->s = sy_scope_begin(f->hook);
    return f->s != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    fixture *f = *state;
    sy_status status = sy_scope_end(f->s, NULL);
    syi_hook_free(f->hook);
    sy_context_free(f->context);
    const bool broken = f->memory.live != 0 || f->memory.broken || status != SY_OK;
    free(f);
    return broken;
}

static sy_tensor *vector(fixture *f, int64_t count, const double *data)
{
    sy_tensor *tensor = NULL;
    assert_int_equal(sy_tensor_new(f->hook, &tensor, SY_DTYPE_F64, 1, &count, data, NULL), SY_OK);
    return sy_scope_adopt(f->s, tensor);
}

static sy_tensor *leaf(fixture *f, int64_t count, const double *data)
{
    sy_tensor *tensor = vector(f, count, data);
    tensor->requires_grad = true;
    return tensor;
}

static double element(const sy_tensor *tensor, int64_t k)
{
    return syi_array_get_double(syi_node_array(tensor->node), k);
}

#define ASSERT_ELEMENTS(tensor, ...)                                             \
    do {                                                                         \
        const double expected_[] = {__VA_ARGS__};                                \
        assert_non_null(tensor);                                                 \
        assert_int_equal(syi_array_numel(syi_node_array((tensor)->node)),        \
                         sizeof expected_ / sizeof expected_[0]);                \
        for (size_t k_ = 0; k_ < sizeof expected_ / sizeof expected_[0]; k_++) { \
            if (element((tensor), (int64_t)k_) != expected_[k_]) {               \
                fail_msg("%s[%zu] is %.17g, not %.17g", #tensor, k_,             \
                         element((tensor), (int64_t)k_), expected_[k_]);         \
            }                                                                    \
        }                                                                        \
    } while (0)

static void backward(sy_tensor *from, sy_tensor *gradient)
{
    sy_error err = SY_ERROR_INIT;
    assert_non_null(from);
    if (syi_tape_backward(from, gradient, &err) != SY_OK) {
        fail_msg("backward: %s", err.message);
    }
}

static syi_storage *storage(const sy_tensor *tensor)
{
    return syi_node_array(tensor->node)->storage;
}

/* Expects the last operation of the scope to have failed, and starts a new scope. */
static void assert_failed(fixture *f, sy_status status, const char *words)
{
    sy_error err = SY_ERROR_INIT;
    assert_int_equal(sy_scope_end(f->s, &err), status);
    if (strstr(err.message, words) == NULL) {
        fail_msg("'%s' is not in '%s'", words, err.message);
    }
    f->s = sy_scope_begin(f->hook);
    assert_non_null(f->s);
}

static const double two_three[] = {2, 3};
static const double four_five[] = {4, 5};

static void test_accumulates_into_a_new_grad(void **state)
{
    fixture *f = *state;
    sy_tensor *x = leaf(f, 2, two_three);
    sy_tensor *loss = sy_sum(f->s, sy_mul(f->s, x, x));
    assert_null(x->grad);
    backward(loss, NULL);
    ASSERT_ELEMENTS(x->grad, 4, 6);
    assert_false(syi_tensor_is_tracked(x->grad));
    sy_tensor *before = sy_scope_adopt(f->s, sy_tensor_ref(x->grad));
    backward(loss, NULL); /* the tape is kept */
    ASSERT_ELEMENTS(x->grad, 8, 12);
    ASSERT_ELEMENTS(before, 4, 6);
    assert_true(x->grad != before);
}

/* d/dx of x*x*x + x*x, with shared intermediates that are used several times. */
static void test_shared_intermediates(void **state)
{
    fixture *f = *state;
    sy_tensor *x = leaf(f, 2, two_three);
    sy_tensor *square = sy_mul(f->s, x, x);
    sy_tensor *cube = sy_mul(f->s, square, x);
    sy_tensor *sum = sy_add(f->s, cube, square);
    backward(sy_sum(f->s, sy_add(f->s, sum, sy_sub(f->s, square, square))), NULL);
    ASSERT_ELEMENTS(x->grad, 3 * 4 + 2 * 2, 3 * 9 + 2 * 3);
}

/* 2^60 paths from end to start, but each node is run once: its consumers are always run before it. */
static void test_each_node_runs_once(void **state)
{
    fixture *f = *state;
    sy_tensor *x = leaf(f, 2, two_three), *y = x;
    for (int k = 0; k < 60; k++) {
        sy_tensor *half = sy_mul_scalar(f->s, y, 0.5);
        sy_tensor *detour = sy_neg(f->s, sy_neg(f->s, sy_mul_scalar(f->s, y, 0.5)));
        y = k % 2 == 0 ? sy_add(f->s, half, detour) : sy_add(f->s, detour, half);
    }
    backward(sy_sum(f->s, y), NULL);
    ASSERT_ELEMENTS(x->grad, 1, 1);
}

/* The same on a random graph, where many nodes of many depths wait at once. */
static void test_random_graph_runs_once(void **state)
{
    fixture *f = *state;
    enum { NODES = 400, RECENT = 60 };
    property_random random = property_start("graph");
    const double one[] = {1};
    sy_tensor *nodes[NODES];
    nodes[0] = leaf(f, 1, one);
    for (int k = 1; k < NODES; k++) {
        sy_tensor *a = nodes[property_between(&random, k > RECENT ? k - RECENT : 0, k - 1)];
        sy_tensor *b = nodes[property_between(&random, k > RECENT ? k - RECENT : 0, k - 1)];
        nodes[k] = sy_mul_scalar(f->s, sy_add(f->s, a, b), 0.5); /* a mean: slopes add up to 1 */
    }
    f->memory.calls = 0;
    backward(nodes[NODES - 1], NULL);
    assert_true(f->memory.calls < 20 * NODES);
    assert_true(fabs(element(nodes[0]->grad, 0) - 1) < 1e-9);
}

/* No two grads share storage, nor a grad and the gradient that was given. */
static void test_grads_share_nothing(void **state)
{
    fixture *f = *state;
    sy_tensor *x = leaf(f, 2, two_three), *y = leaf(f, 2, four_five);
    sy_tensor *gradient = vector(f, 2, two_three);
    backward(sy_add(f->s, x, y), gradient);
    ASSERT_ELEMENTS(x->grad, 2, 3);
    ASSERT_ELEMENTS(y->grad, 2, 3);
    assert_true(storage(x->grad) != storage(y->grad));
    assert_true(storage(x->grad) != storage(gradient) && storage(y->grad) != storage(gradient));

    sy_tensor *z = leaf(f, 2, two_three);
    backward(z, gradient); /* a leaf's own backward */
    assert_true(storage(z->grad) != storage(gradient));
    ASSERT_ELEMENTS(z->grad, 2, 3);

    sy_tensor *w = leaf(f, 2, two_three);
    backward(sy_mul(f->s, w, y), gradient); /* d w = gradient * y, d y = gradient * w */
    backward(sy_sum(f->s, w), NULL);        /* an expanded 1 */
    ASSERT_ELEMENTS(w->grad, 9, 16);
    assert_true(syi_array_is_contiguous(syi_node_array(w->grad->node)));
}

static void test_what_cannot_run(void **state)
{
    fixture *f = *state;
    sy_error err = SY_ERROR_INIT;
    sy_tensor *x = leaf(f, 2, two_three), *plain = vector(f, 2, four_five);
    assert_int_equal(syi_tape_backward(sy_sum(f->s, plain), NULL, &err), SY_ENOGRAD);
    assert_int_equal(syi_tape_backward(sy_mul_int(f->s, x, 2), NULL, &err), SY_ESHAPE);
    assert_non_null(strstr(err.message, "one element, not for 2"));
    sy_tensor *three = sy_ones(f->s, SY_DTYPE_F64, 1, (const int64_t[]){3});
    assert_int_equal(syi_tape_backward(sy_mul_int(f->s, x, 2), three, &err), SY_ESHAPE);
    assert_non_null(strstr(err.message, "the gradient is 3, but the tensor 2"));
    assert_null(x->grad);
}

static void test_what_is_not_recorded(void **state)
{
    fixture *f = *state;
    sy_tensor *x = leaf(f, 2, two_three);
    assert_false(syi_tensor_is_tracked(sy_detach(f->s, sy_mul(f->s, x, x))));
    assert_false(syi_tensor_is_tracked(sy_gt_int(f->s, x, 2)));
    assert_false(syi_tensor_is_tracked(sy_to(f->s, x, SY_DTYPE_I64)));
    assert_false(syi_tensor_is_tracked(sy_argmax(f->s, x)));
    assert_false(syi_tensor_is_tracked(sy_ones_like(f->s, x)));
    assert_true(sy_scope_set_grad_enabled(f->s, false));
    assert_false(syi_tensor_is_tracked(sy_mul(f->s, x, x)));
    assert_false(sy_scope_set_grad_enabled(f->s, true));
    sy_tensor *index = NULL;
    assert_true(syi_tensor_is_tracked(sy_max_dim(f->s, x, 0, false, &index)));
    assert_false(syi_tensor_is_tracked(index));
    /* A gradient that is itself tracked leaves no history on the grads. */
    backward(sy_mul_int(f->s, x, 3), sy_mul(f->s, x, x));
    ASSERT_ELEMENTS(x->grad, 12, 27);
    assert_false(syi_tensor_is_tracked(x->grad));
}

/* In place */

static void test_in_place_on_a_leaf(void **state)
{
    fixture *f = *state;
    sy_tensor *x = leaf(f, 2, two_three);
    assert_null(sy_add_int_(f->s, sy_scope_adopt(f->s, sy_tensor_ref(x)), 1));
    x = sy_tensor_ref(x);
    assert_failed(f, SY_EINVAL, "add_: a leaf that requires grad");
    ASSERT_ELEMENTS(x, 2, 3);
    sy_scope_set_grad_enabled(f->s, false);
    assert_non_null(sy_add_int_(f->s, x, 1));
    ASSERT_ELEMENTS(x, 3, 4);
    sy_scope_set_grad_enabled(f->s, true);
    /* sgd_ is the update of a leaf and never recorded. */
    assert_non_null(sy_sgd_(f->s, x, sy_ones_like(f->s, x), 0.5));
    ASSERT_ELEMENTS(x, 2.5, 3.5);
    assert_null(x->tape_node);
    sy_tensor_unref(x);
}

static void test_in_place_on_results(void **state)
{
    fixture *f = *state;
    sy_tensor *x = leaf(f, 2, two_three), *y = leaf(f, 2, four_five);
    sy_tensor *z = sy_mul_int(f->s, x, 3);
    assert_ptr_equal(sy_add_(f->s, z, y), z);
    assert_ptr_equal(sy_mul_int_(f->s, z, 2), z);
    assert_ptr_equal(sy_add_(f->s, z, z), z); /* both arguments overwritten, neither read */
    assert_ptr_equal(sy_relu_(f->s, z), z);   /* reads its result */
    backward(sy_sum(f->s, z), NULL);
    ASSERT_ELEMENTS(x->grad, 12, 12);
    ASSERT_ELEMENTS(y->grad, 4, 4);
}

/* An untracked tensor gets a history by being written; what it had before takes none. */
static void test_in_place_on_untracked(void **state)
{
    fixture *f = *state;
    sy_tensor *x = leaf(f, 2, two_three);
    sy_tensor *buffer = vector(f, 2, four_five);
    sy_copy_(f->s, buffer, sy_mul_int(f->s, x, 5));
    assert_true(syi_tensor_is_tracked(buffer));
    backward(sy_sum(f->s, buffer), NULL);
    ASSERT_ELEMENTS(x->grad, 5, 5);
    sy_zero_(f->s, buffer); /* as in PyTorch zeros arrive */
    backward(sy_sum(f->s, buffer), NULL);
    ASSERT_ELEMENTS(x->grad, 5, 5);
}

static void test_kept_value_was_written(void **state)
{
    fixture *f = *state;
    sy_tensor *x = leaf(f, 2, two_three), *y = leaf(f, 2, four_five);
    sy_tensor *z = sy_mul_int(f->s, x, 3);
    sy_tensor *product = sy_sum(f->s, sy_mul(f->s, z, y));
    sy_tensor *other = sy_sum(f->s, sy_add(f->s, y, x));
    sy_add_int_(f->s, z, 1);
    sy_error err = SY_ERROR_INIT;
    /* The sum reaches y's and x's grad without trouble; the product does not: none may change. */
    assert_int_equal(syi_tape_backward(sy_add(f->s, other, product), NULL, &err), SY_EINVAL);
    assert_non_null(strstr(err.message, "gradient of mul"));
    assert_non_null(strstr(err.message, "modified by an in-place operation"));
    assert_null(x->grad);
    assert_null(y->grad);
    backward(other, NULL);
    ASSERT_ELEMENTS(x->grad, 1, 1);

    /* A kept result. */
    sy_tensor *e = sy_exp(f->s, x);
    sy_tensor *sum = sy_sum(f->s, e);
    sy_mul_int_(f->s, sy_detach(f->s, e), 2); /* shares storage: the version tells */
    assert_int_equal(syi_tape_backward(sum, NULL, &err), SY_EINVAL);
    assert_non_null(strstr(err.message, "gradient of exp"));
}

/* Writing what is not read is fine. */
static void test_unread_value_was_written(void **state)
{
    fixture *f = *state;
    sy_tensor *x = leaf(f, 2, two_three);
    sy_tensor *z = sy_mul_int(f->s, x, 3);
    sy_tensor *sum = sy_sum(f->s, z);
    sy_tensor *largest = sy_sum(f->s, sy_max_dim(f->s, z, 0, true, NULL));
    sy_mul_int_(f->s, z, 7);
    backward(sum, NULL);
    backward(largest, NULL);
    ASSERT_ELEMENTS(x->grad, 3, 6);
}

/* Writes that another view would have to know of are refused before anything is written. */
static void test_in_place_through_views(void **state)
{
    fixture *f = *state;
    sy_tensor *x = sy_tensor_ref(leaf(f, 2, two_three));
    sy_tensor *y = sy_mul_int(f->s, x, 2);
    sy_tensor *part = sy_tensor_ref(sy_select(f->s, y, 0, 0));
    assert_null(sy_mul_int_(f->s, part, 3));
    y = sy_tensor_ref(y);
    assert_failed(f, SY_ENOTSUP, "mul_: other tensors view the same storage");
    assert_null(sy_mul_int_(f->s, y, 3)); /* part is alive */
    assert_failed(f, SY_ENOTSUP, "clone it first");
    ASSERT_ELEMENTS(y, 4, 6);
    sy_tensor_unref(part);
    assert_non_null(sy_mul_int_(f->s, y, 3)); /* now it is alone */
    backward(sy_sum(f->s, y), NULL);
    ASSERT_ELEMENTS(x->grad, 6, 6);

    sy_tensor *base = vector(f, 2, four_five);
    sy_tensor *slot = sy_tensor_ref(sy_slice(f->s, base, 0, 0, 1, 1));
    base = sy_tensor_ref(base);
    assert_null(sy_copy_(f->s, slot, sy_slice(f->s, x, 0, 0, 1, 1)));
    assert_failed(f, SY_ENOTSUP, "copy_: other tensors view");
    ASSERT_ELEMENTS(base, 4, 5);
    assert_non_null(sy_fill_(f->s, slot, 9)); /* nothing tracked: as always */
    ASSERT_ELEMENTS(base, 9, 5);
    sy_tensor_unref(slot);
    sy_tensor_unref(base);
    sy_tensor_unref(y);
    sy_tensor_unref(x);
}

/* A handle that a tape refers to as its leaf cannot become a result: that would be a cycle. */
static void test_former_leaf_stays_out(void **state)
{
    fixture *f = *state;
    sy_tensor *x = sy_tensor_ref(leaf(f, 2, two_three));
    sy_tensor *y = sy_mul(f->s, x, x);
    x->requires_grad = false;
    assert_null(sy_add_(f->s, x, y));
    assert_failed(f, SY_ENOTSUP, "was a leaf");
    ASSERT_ELEMENTS(x, 2, 3);
    assert_null(x->tape_node);
    sy_tensor_unref(x);
}

/* Lifetimes */

static void test_history_goes_with_its_last_handle(void **state)
{
    fixture *f = *state;
    sy_tensor *x = leaf(f, 2, two_three);
    size_t live = f->memory.live;
    for (int round = 0; round < 3; round++) {
        sy_scope *s = sy_scope_begin(f->hook);
        sy_tensor *y = x;
        for (int k = 0; k < 10; k++) {
            y = sy_tanh(s, sy_add(s, sy_mul(s, y, x), x));
        }
        sy_tensor *loss = sy_sum(s, y);
        assert_true(loss->tape_node->depth == 30);
        backward(loss, NULL);
        assert_int_equal(sy_scope_end(s, NULL), SY_OK);
        if (round == 0) {
            live = f->memory.live; /* the first backward made x->grad */
        }
        assert_int_equal(f->memory.live, live);
    }
}

/* The tape keeps what gradients read and nothing else: sums keep no contents alive. */
static void test_keeps_only_what_is_read(void **state)
{
    fixture *f = *state;
    const int64_t size = 1 << 16;
    sy_tensor *x = sy_tensor_ref(sy_ones(f->s, SY_DTYPE_F64, 1, &size));
    x->requires_grad = true;
    sy_scope_clear(f->s);
    const uint64_t before = sy_context_get_memory_use(f->context).used;
    sy_tensor *y = sy_tensor_ref(x);
    for (int k = 0; k < 7; k++) {
        sy_tensor *next = sy_scope_keep(f->s, sy_neg(f->s, sy_add_int(f->s, y, 1)));
        sy_tensor_unref(y);
        y = next;
        sy_scope_clear(f->s);
    }
    assert_int_equal(sy_context_get_memory_use(f->context).used - before, (uint64_t)size * 8);
    sy_tensor *loss = sy_sum(f->s, y);
    backward(loss, NULL);
    assert_true(element(x->grad, size - 1) == -1);
    sy_tensor_unref(y);
    sy_tensor_unref(x);
}

static sy_tensor *long_chain(fixture *f, sy_tensor *x, int length)
{
    sy_tensor *y = sy_tensor_ref(x);
    for (int k = 0; k < length; k++) {
        sy_tensor *next = sy_scope_keep(f->s, sy_add(f->s, y, x));
        assert_non_null(next);
        sy_tensor_unref(y);
        y = next;
    }
    return y;
}

static void test_long_chain(void **state)
{
    fixture *f = *state;
    const int length = 100000;
    const double one[] = {1};
    sy_tensor *x = leaf(f, 1, one);
    sy_tensor *y = long_chain(f, x, length);
    assert_true(y->tape_node->depth == (uint64_t)length - 1);
    backward(y, NULL);
    ASSERT_ELEMENTS(x->grad, length + 1);
    sy_tensor_unref(y); /* no recursion here either */
    sy_tensor_unref(long_chain(f, x, length));
}

/* Many branches wait at once: every one is older than the sums that join them. */
static void test_wide_history(void **state)
{
    fixture *f = *state;
    enum { WIDTH = 5000 };
    const double one[] = {1};
    sy_tensor *x = leaf(f, 1, one);
    sy_tensor **branches = calloc(WIDTH, sizeof *branches);
    for (int k = 0; k < WIDTH; k++) {
        branches[k] = sy_mul_int(f->s, x, k);
    }
    sy_tensor *y = branches[0];
    for (int k = 1; k < WIDTH; k++) {
        y = sy_add(f->s, y, branches[k]);
    }
    backward(y, NULL);
    ASSERT_ELEMENTS(x->grad, (double)WIDTH * (WIDTH - 1) / 2);
    free(branches);
}

/* Many leaves: each gets its own, and the order of addition does not depend on addresses. */
static void test_many_leaves(void **state)
{
    fixture *f = *state;
    enum { COUNT = 500 };
    sy_tensor *x[COUNT], *y = NULL;
    for (int k = 0; k < COUNT; k++) {
        const double data[] = {0.1 * k};
        x[k] = leaf(f, 1, data);
        sy_tensor *term = sy_mul(f->s, x[k], x[k]);
        y = y == NULL ? term : sy_add(f->s, y, term);
    }
    backward(y, NULL);
    for (int k = 0; k < COUNT; k++) {
        ASSERT_ELEMENTS(x[k]->grad, 2 * (0.1 * k));
    }
}

/* Failures */

static sy_status small_program(fixture *f, sy_tensor *x, sy_tensor *w, sy_error *err)
{
    sy_scope *s = sy_scope_begin(f->hook);
    sy_tensor *h = sy_tanh(s, sy_add(s, sy_mul(s, x, w), w));
    sy_tensor *parts[] = {h, sy_mul(s, h, x)};
    sy_tensor *y = sy_mean(s, sy_cat(s, parts, 2, 0));
    if (sy_scope_get_status(s) != SY_OK) {
        return sy_scope_end(s, err);
    }
    const sy_status status = syi_tape_backward(y, NULL, err);
    const sy_status ended = sy_scope_end(s, NULL);
    return status == SY_OK ? ended : status;
}

static void test_every_allocation_may_fail(void **state)
{
    fixture *f = *state;
    sy_tensor *x = leaf(f, 2, two_three), *w = leaf(f, 2, four_five);
    assert_int_equal(small_program(f, x, w, NULL), SY_OK);
    sy_tensor *x_grad = x->grad, *w_grad = w->grad;
    const size_t live = f->memory.live;
    size_t failures = 0;
    for (size_t n = 1;; n++) {
        sy_error err = SY_ERROR_INIT;
        f->memory.calls = 0;
        f->memory.fail_at = n;
        const sy_status status = small_program(f, x, w, &err);
        f->memory.fail_at = 0;
        if (status == SY_OK) {
            assert_true(f->memory.calls < n); /* it ran to its end without the refusal */
            break;
        }
        failures++;
        assert_int_equal(status, SY_ENOMEM);
        assert_int_equal(err.status, SY_ENOMEM);
        assert_ptr_equal(x->grad, x_grad); /* untouched, both */
        assert_ptr_equal(w->grad, w_grad);
        assert_int_equal(f->memory.live, live);
    }
    assert_true(failures > 30);
    assert_true(x->grad != x_grad && w->grad != w_grad);
}

static void test_failure_names_the_operation(void **state)
{
    fixture *f = *state;
    const int64_t shape[] = {64, 64};
    sy_tensor *x = sy_ones(f->s, SY_DTYPE_F64, 2, shape);
    x->requires_grad = true;
    sy_tensor *y = sy_sum(f->s, sy_mm(f->s, x, x));
    syi_account account;
    syi_account_init(&account, "the caller's memory", 1000, NULL);
    const syi_mode mode = {.grad = true, .worker = "", .account = &account};
    sy_error err = SY_ERROR_INIT;
    assert_int_equal(syi_tape_backward_in(y, NULL, &mode, &err), SY_ELIMIT);
    assert_non_null(strstr(err.message, "gradient of mm"));
    assert_non_null(strstr(err.message, "the caller's memory"));
    assert_null(x->grad);
}

/* Policies */

static syi_policy aggregate(int64_t rows)
{
    syi_policy policy = {.private_ = true, .spread = SYI_SPREAD_AGGREGATE, .rows = rows};
    snprintf(policy.origin, sizeof policy.origin, "patients");
    return policy;
}

static void assert_policy(const syi_policy *policy, syi_spread spread, int64_t rows)
{
    assert_true(policy->private_);
    assert_int_equal(policy->spread, spread);
    assert_int_equal(policy->rows, rows);
    assert_string_equal(policy->origin, "patients");
}

/* Linear regression on private rows: the loss, and so the weights' gradient, is an aggregate. */
static void test_gradient_of_a_private_loss(void **state)
{
    fixture *f = *state;
    sy_scope *s = f->s;
    const int64_t x_shape[] = {10, 3}, w_shape[] = {2, 3}, y_shape[] = {10, 2}, two[] = {2};
    sy_tensor *x = sy_randn(s, SY_DTYPE_F64, 2, x_shape),
              *y = sy_randn(s, SY_DTYPE_F64, 2, y_shape);
    sy_tensor *w = sy_randn(s, SY_DTYPE_F64, 2, w_shape), *b = sy_zeros(s, SY_DTYPE_F64, 1, two);
    syi_policy_set_private(&x->policy, "patients", 10);
    syi_policy_set_private(&y->policy, "patients", 10);
    w->requires_grad = true;
    b->requires_grad = true;
    sy_tensor *predicted = sy_linear(s, x, w, b);
    assert_policy(&predicted->policy, SYI_SPREAD_DATA, 10);
    sy_tensor *loss = sy_mse_loss(s, predicted, y);
    assert_policy(&loss->policy, SYI_SPREAD_AGGREGATE, 10);
    backward(loss, NULL);
    assert_policy(&w->grad->policy, SYI_SPREAD_AGGREGATE, 10);
    assert_policy(&b->grad->policy, SYI_SPREAD_AGGREGATE, 10);

    /* A second batch, smaller: the sum of both is as strict as the stricter. */
    sy_tensor *first = sy_slice(s, x, 0, 0, 4, 1), *labels = sy_slice(s, y, 0, 0, 4, 1);
    backward(sy_mse_loss(s, sy_linear(s, first, w, b), labels), NULL);
    assert_policy(&w->grad->policy, SYI_SPREAD_AGGREGATE, 4);

    /* One row picked out: mixed, and so is everything it is added to. */
    sy_tensor *row = sy_select(s, sy_linear(s, x, w, b), 0, 3);
    backward(sy_sum(s, row), NULL);
    assert_policy(&w->grad->policy, SYI_SPREAD_MIXED, 0);
}

static void test_gradient_of_a_private_leaf(void **state)
{
    fixture *f = *state;
    sy_scope *s = f->s;
    const int64_t x_shape[] = {10, 3}, w_shape[] = {1, 3}, y_shape[] = {10, 1};
    sy_tensor *x = sy_randn(s, SY_DTYPE_F64, 2, x_shape),
              *y = sy_randn(s, SY_DTYPE_F64, 2, y_shape);
    sy_tensor *w = sy_randn(s, SY_DTYPE_F64, 2, w_shape);
    syi_policy_set_private(&x->policy, "patients", 10);
    syi_policy_set_private(&y->policy, "patients", 10);
    x->requires_grad = true;
    w->requires_grad = true;
    /* Row k of x.grad depends on row k: never an aggregate. */
    backward(sy_mse_loss(s, sy_linear(s, x, w, NULL), y), NULL);
    assert_policy(&x->grad->policy, SYI_SPREAD_MIXED, 0);
    assert_policy(&w->grad->policy, SYI_SPREAD_AGGREGATE, 10);
}

static void test_gradient_policies_meet(void **state)
{
    fixture *f = *state;
    sy_scope *s = f->s;
    const double one[] = {1};
    sy_tensor *w = leaf(f, 1, one);
    w->policy = aggregate(7); /* after an update that was not released */
    sy_tensor *public_loss = sy_mul(s, leaf(f, 1, one), leaf(f, 1, one));
    assert_false(public_loss->policy.private_);
    backward(sy_mul_int(s, w, 3), NULL);
    assert_policy(&w->grad->policy, SYI_SPREAD_AGGREGATE, 7);

    /* A public loss whose operations kept something private: released later, perhaps. */
    sy_tensor *p = leaf(f, 1, one), *secret = vector(f, 1, two_three);
    syi_policy_set_private(&secret->policy, "patients", 1);
    sy_tensor *loss = sy_mul(s, p, secret);
    loss->policy = (syi_policy){.private_ = false};
    backward(loss, NULL);
    assert_policy(&p->grad->policy, SYI_SPREAD_MIXED, 0);

    /* A private gradient from outside. */
    sy_tensor *q = leaf(f, 1, one), *given = vector(f, 1, one);
    given->policy = aggregate(5);
    backward(sy_mul_int(s, q, 2), given);
    assert_policy(&q->grad->policy, SYI_SPREAD_AGGREGATE, 5);
    given->policy = aggregate(5);
    given->policy.spread = SYI_SPREAD_DATA;
    sy_tensor *r = leaf(f, 1, one);
    backward(sy_mul_int(s, r, 2), given);
    assert_policy(&r->grad->policy, SYI_SPREAD_MIXED, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_accumulates_into_a_new_grad),
        TEST(test_shared_intermediates),
        TEST(test_each_node_runs_once),
        TEST(test_random_graph_runs_once),
        TEST(test_grads_share_nothing),
        TEST(test_what_cannot_run),
        TEST(test_what_is_not_recorded),
        TEST(test_in_place_on_a_leaf),
        TEST(test_in_place_on_results),
        TEST(test_in_place_on_untracked),
        TEST(test_kept_value_was_written),
        TEST(test_unread_value_was_written),
        TEST(test_in_place_through_views),
        TEST(test_former_leaf_stays_out),
        TEST(test_history_goes_with_its_last_handle),
        TEST(test_keeps_only_what_is_read),
        TEST(test_long_chain),
        TEST(test_wide_history),
        TEST(test_many_leaves),
        TEST(test_every_allocation_may_fail),
        TEST(test_failure_names_the_operation),
        TEST(test_gradient_of_a_private_loss),
        TEST(test_gradient_of_a_private_leaf),
        TEST(test_gradient_policies_meet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
