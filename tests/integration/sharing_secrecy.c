/*
 * sharing_secrecy.c - what leaves the client: a plain operand beside a shared value is shared with the command, so that no
 * message carries it; a public factor is in it. A worker class outside of the library sees every message.
 */
#include <string.h>

#include <csyft/custom_worker.h>
#include <csyft/operations.h>
#include <csyft/sharing.h>

#include "hook/tensor.h"
#include "support/failing_allocator.h"
#include "support/test.h"

enum { HOLDERS = 3 };
static const int64_t SECRET =
    INT64_C(0x1d5b37f60a4c928e); /* its bytes are in no message by chance */

typedef struct spy {
    sy_custom_client *caller;
    size_t messages, seen; /* with SECRET in them */
} spy;

typedef struct scene {
    failing_allocator memory;
    sy_context *context;
    sy_hook *hook, *there[HOLDERS];
    sy_worker *holders[HOLDERS];
    spy spies[HOLDERS];
    sy_scope *s;
    sy_error err;
} scene;

static bool contains(const void *message, size_t length, int64_t number)
{
    uint8_t little[8], big[8];
    for (int k = 0; k < 8; k++) {
        little[k] = (uint8_t)((uint64_t)number >> (8 * k));
        big[7 - k] = little[k];
    }
    return memmem(message, length, little, 8) != NULL || memmem(message, length, big, 8) != NULL;
}

static sy_status spy_send_msg(void *user, const void *message, size_t length, uint32_t timeout_ms,
                              sy_answer *answer, sy_error *err)
{
    spy *s = user;
    (void)timeout_ms;
    s->messages++;
    s->seen += contains(message, length, SECRET) || contains(message, length, -SECRET);
    return sy_custom_client_recv_msg(s->caller, message, length, answer, err);
}

static void spy_free(void *user)
{
    sy_custom_client_free(((spy *)user)->caller);
}

static int setup(void **state)
{
    static const sy_custom_worker_class klass = {sizeof klass, "SpyWorker", spy_send_msg, spy_free};
    static const char *const names[] = {"ann", "ben", "cid"};
    static scene c;
    sy_context_options options = SY_CONTEXT_OPTIONS_INIT;
    memset(&c, 0, sizeof c);
    *state = &c;
    c.err = (sy_error)SY_ERROR_INIT;
    options.allocator = failing_allocator_get(&c.memory);
    assert_ok(sy_context_new(&c.context, &options, &c.err), &c.err);
    sy_hook_options hook_options = SY_HOOK_OPTIONS_INIT;
    hook_options.verbose = false;
    assert_ok(sy_hook_new(c.context, &c.hook, &hook_options, &c.err), &c.err);
    for (int k = 0; k < HOLDERS; k++) {
        hook_options.local_worker_id = names[k];
        hook_options.is_client = false;
        assert_ok(sy_hook_new(c.context, &c.there[k], &hook_options, &c.err), &c.err);
        assert_ok(sy_custom_client_new(sy_hook_get_local_worker(c.there[k]), &c.spies[k].caller,
                                       "spy://", &c.err),
                  &c.err);
        assert_ok(sy_custom_worker_new(c.hook, &c.holders[k], &klass, &c.spies[k], NULL, &c.err),
                  &c.err);
    }
    c.s = sy_scope_begin(c.hook);
    return 0;
}

static int teardown(void **state)
{
    scene *c = *state;
    (void)sy_scope_end(c->s, NULL);
    sy_hook_free(c->hook);
    for (int k = 0; k < HOLDERS; k++) {
        sy_hook_free(c->there[k]);
    }
    sy_context_free(c->context);
    return c->memory.live != 0;
}

static sy_tensor *secrets(scene *c)
{
    static const int64_t shape[] = {2};
    const int64_t data[] = {SECRET, -SECRET};
    sy_tensor *tensor = NULL;
    assert_ok(sy_tensor_new(c->hook, &tensor, SY_DTYPE_I64, 1, shape, data, &c->err), &c->err);
    return sy_scope_adopt(c->s, tensor);
}

static sy_tensor *share(scene *c, sy_tensor *tensor)
{
    sy_tensor *shared = NULL;
    assert_ok(sy_tensor_share(tensor, &shared, c->holders, HOLDERS, NULL, &c->err), &c->err);
    return sy_scope_adopt(c->s, shared);
}

static size_t seen(scene *c)
{
    size_t count = 0;
    for (int k = 0; k < HOLDERS; k++) {
        assert_true(c->spies[k].messages > 0);
        count += c->spies[k].seen;
        c->spies[k].seen = 0;
    }
    return count;
}

static void call(scene *c, const char *name, const sy_value *args, size_t count)
{
    sy_tensor *results[4];
    size_t made = 0;
    assert_ok(sy_call(c->hook, name, args, count, NULL, 0, results, 4, &made, NULL, &c->err),
              &c->err);
    for (size_t k = 0; k < made; k++) {
        if (results[k] == args[0].as.tensor) {
            sy_tensor_unref(results[k]);
        } else {
            (void)sy_scope_adopt(c->s, results[k]);
        }
    }
}

static void test_secret_operands(void **state)
{
    scene *c = *state;
    sy_tensor *x = share(c, secrets(c));
    assert_int_equal(seen(c), 0);
    static const char *const sums[] = {"add", "sub", "rsub", "copy_"};
    for (size_t k = 0; k < sizeof sums / sizeof sums[0]; k++) {
        const sy_value args[] = {sy_value_tensor(x), sy_value_tensor(secrets(c))};
        call(c, sums[k], args, 2);
        const sy_value turned[] = {args[1], args[0]};
        if (k < 3) {
            const sy_value number[] = {args[0], sy_value_int(SECRET)};
            call(c, sums[k], turned, 2);
            call(c, sums[k], number, 2);
        }
    }
    assert_int_equal(seen(c), 0);
    const sy_value pair[] = {sy_value_tensor(x), sy_value_tensor(secrets(c))};
    const sy_value list = sy_value_list(pair, 2);
    static const char *const joins[] = {"cat", "stack", "hstack", "vstack"};
    for (size_t k = 0; k < 4; k++) {
        call(c, joins[k], &list, 1);
    }
    assert_int_equal(seen(c), 0);
    static const int64_t two[] = {2}, positions[] = {1, 0};
    static const uint8_t bits[] = {1, 0};
    sy_tensor *mask = NULL, *index = NULL;
    assert_ok(sy_tensor_new(c->hook, &mask, SY_DTYPE_BOOL, 1, two, bits, &c->err), &c->err);
    assert_ok(sy_tensor_new(c->hook, &index, SY_DTYPE_I64, 1, two, positions, &c->err), &c->err);
    const sy_value m = sy_value_tensor(sy_scope_adopt(c->s, mask));
    const sy_value at = sy_value_tensor(sy_scope_adopt(c->s, index));
    const sy_value where[] = {m, pair[0], pair[1]}, filled[] = {pair[0], m, sy_value_int(SECRET)};
    const sy_value added[] = {pair[0], sy_value_int(0), at, pair[1]};
    call(c, "where", where, 3);
    call(c, "masked_fill", filled, 3);
    call(c, "index_add", added, 4);
    call(c, "index_copy", added, 4);
    assert_int_equal(seen(c), 0);
}

/* The spies see what is public: so they would see the others. */
static void test_public_operands(void **state)
{
    scene *c = *state;
    sy_tensor *x = share(c, secrets(c)), *pointer = NULL;
    const sy_value product[] = {sy_value_tensor(x), sy_value_tensor(secrets(c))};
    const sy_value number[] = {sy_value_tensor(x), sy_value_int(SECRET)};
    assert_int_equal(seen(c), 0);
    call(c, "mul", product, 2);
    assert_int_equal(seen(c), HOLDERS);
    call(c, "mul", number, 2);
    assert_int_equal(seen(c), HOLDERS);
    assert_ok(sy_tensor_send(secrets(c), &pointer, c->holders[0], &c->err), &c->err);
    sy_tensor_unref(pointer);
    assert_int_equal(seen(c), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_secret_operands, setup, teardown),
        cmocka_unit_test_setup_teardown(test_public_operands, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
