/*
 * 004_execute_call.c - reference 004, lines 95-115: a command as a list of keys, executed by the local worker,
 * by another one for a client, and by one worker for another; every type of node is reached, and plain arrays
 * are taken.
 */
#include <stdlib.h>
#include <string.h>

#include <csyft/command.h>
#include <csyft/multi_pointer.h>

#include "hook/tensor.h"
#include "support/worker_kinds.h"

static sy_status execute(workers *w, sy_worker *worker, const sy_raw_command *command)
{
    w->err = (sy_error)SY_ERROR_INIT;
    w->result_count = 0;
    const sy_status status = sy_worker_execute_call(worker, command, w->results, RESULTS_MAX,
                                                    &w->result_count, &w->value, &w->err);
    for (size_t k = 0; k < w->result_count; k++) {
        (void)sy_scope_adopt(w->s, w->results[k]);
    }
    return status;
}

/* self.command(other) */
static sy_raw_command method(const char *name, sy_tensor *self, const sy_value *other)
{
    sy_raw_command command = SY_RAW_COMMAND_INIT;
    command.command = name;
    command.has_self = true;
    command.self = TENSOR(self);
    command.args = other;
    command.arg_count = other != NULL ? 1 : 0;
    return command;
}

static void test_the_same_everywhere(void **state)
{
    workers *w = *state;
    sy_tensor *x = FLOATS(w, 1, 2), *y = FLOATS(w, 10, 20);
    sy_tensor *px = workers_send(w, x, w->bob), *py = workers_send(w, y, w->bob);
    const sy_value local = TENSOR(y), there = TENSOR(py);
    sy_raw_command command = method("add", x, &local);
    assert_ok(execute(w, w->me, &command), &w->err);
    assert_floats(w, w->results[0], 11, 22);
    /* for a client */
    command = method("add", px, &there);
    assert_ok(execute(w, w->bob, &command), &w->err);
    assert_ptr_equal(sy_tensor_get_location(w->results[0]), w->bob);
    assert_floats(w, workers_get(w, w->results[0]), 11, 22);
    /* by alice, who asks bob */
    sy_tensor *qx = workers_send(w, px, w->alice), *qy = workers_send(w, py, w->alice);
    const sy_value further = TENSOR(qy);
    command = method("add", qx, &further);
    assert_ok(execute(w, w->alice, &command), &w->err);
    assert_floats(w, workers_get(w, workers_get(w, w->results[0])), 11, 22);
}

/* As a function, with names: nothing is self. */
static void test_functions(void **state)
{
    workers *w = *state;
    sy_tensor *p = workers_send(w, FLOATS(w, 1, 2), w->bob);
    const sy_value self = TENSOR(p);
    const sy_named_value named[] = {{"other", INT(3)}};
    sy_raw_command command = SY_RAW_COMMAND_INIT;
    command.command = "torch.mul";
    command.args = &self;
    command.arg_count = 1;
    command.kwargs = named;
    command.kwarg_count = 1;
    assert_ok(execute(w, w->bob, &command), &w->err);
    assert_floats(w, workers_get(w, w->results[0]), 3, 6);
    command = method("numel", p, NULL);
    assert_ok(execute(w, w->bob, &command), &w->err);
    assert_int_equal(w->value.as.integer, 2);
}

/* handle_call of each type: its results are wrapped again. */
static void test_every_type(void **state)
{
    workers *w = *state;
    const sy_value one = INT(1);
    sy_tensor *logged = NULL, *multi = NULL;
    sy_worker *both[] = {w->alice, w->bob};
    assert_ok(sy_tensor_log(FLOATS(w, 1, 2), &logged, &w->err), &w->err);
    (void)sy_scope_adopt(w->s, logged);
    sy_raw_command command = method("add", logged, &one);
    assert_ok(execute(w, w->me, &command), &w->err);
    assert_text(w, w->results[0], "(Wrapper)>LoggingTensor>tensor(\\[2, 3\\])");
    command = method("add", workers_send(w, FLOATS(w, 1, 2), w->bob), &one);
    assert_ok(execute(w, w->me, &command), &w->err); /* the local worker passes it on */
    assert_text(w, w->results[0], "(Wrapper)>\\[PointerTensor | me:* -> bob:*\\]");
    assert_ok(sy_tensor_send_to_many(FLOATS(w, 1, 2), &multi, both, 2, &w->err), &w->err);
    (void)sy_scope_adopt(w->s, multi);
    command = method("add", multi, &one);
    assert_ok(execute(w, w->me, &command), &w->err);
    assert_text(w, w->results[0], "(Wrapper)>\\[MultiPointerTensor\\]*");
}

static void test_guarded(void **state)
{
    workers *w = *state;
    sy_tensor *x = FLOATS(w, 1, 2);
    sy_raw_command command = method("false_command", x, NULL);
    assert_fails(w, execute(w, w->me, &command), SY_EFORBIDDEN,
                 "Command \"false_command\" is not a supported Torch operation.");
    assert_fails(w, execute(w, w->bob, &command), SY_EFORBIDDEN, "false_command");
    command = method("add", x, NULL);
    command.self = INT(1);
    assert_fails(w, execute(w, w->me, &command), SY_EINVAL, "add", "self");
    command = method("neg", x, NULL);
    assert_fails(w, execute(w, w->bob, &command), SY_ECOLLOCATION, "neg", "bob");
    command.size = 3;
    assert_fails(w, execute(w, w->bob, &command), SY_EINVAL, "version");
    assert_fails(w, execute(w, w->bob, NULL), SY_EINVAL, "NULL");
}

/* A one-dimensional float32 array of four in an NPY file. */
static size_t write_npy(char *bytes, const float *values)
{
    static const char header[] = "{'descr': '<f4', 'fortran_order': False, 'shape': (4,), }";
    memset(bytes, ' ', 128);
    memcpy(bytes, "\x93NUMPY\x01\x00\x76\x00", 10);
    memcpy(bytes + 10, header, sizeof header - 1);
    bytes[127] = '\n';
    memcpy(bytes + 128, values, 16);
    return 144;
}

static void test_arrays(void **state)
{
    workers *w = *state;
    char a[144], b[144];
    sy_worker *places[] = {w->me, w->bob};
    const sy_npy_bytes arrays[] = {{a, write_npy(a, (const float[]){1, 2, 3, 4})},
                                   {b, write_npy(b, (const float[]){10, 20, 30, 40})}};
    sy_raw_command command = SY_RAW_COMMAND_INIT;
    command.command = "add";
    for (size_t k = 0; k < 2; k++) {
        sy_npy_result result = {NULL, 0};
        size_t count = 0;
        assert_ok(sy_worker_execute_numpy_call(places[k], &command, arrays, 2, &result, 1, &count,
                                               NULL, &w->err),
                  &w->err);
        assert_int_equal(count, 1);
        float sum[4];
        assert_int_equal(result.size, 144);
        memcpy(sum, (const char *)result.data + 128, sizeof sum);
        for (int i = 0; i < 4; i++) {
            assert_true(sum[i] == (float)(11 * (i + 1)));
        }
        sy_bytes_free(w->hook, result.data, result.size);
        assert_fails(w,
                     sy_worker_execute_numpy_call(places[k], &command, arrays, 2, &result, 0,
                                                  &count, NULL, &w->err),
                     SY_ESIGNATURE, "room for 0");
        const sy_npy_bytes broken = {a, 100};
        assert_fails(w,
                     sy_worker_execute_numpy_call(places[k], &command, &broken, 1, &result, 1,
                                                  &count, NULL, &w->err),
                     SY_EFORMAT, "");
        assert_int_equal(count, 0);
    }
    assert_count(w, w->bob_serving, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORKER_KINDS(test_the_same_everywhere),
        WORKER_KINDS(test_functions),
        WORKER_KINDS(test_every_type),
        WORKER_KINDS(test_guarded),
        WORKER_KINDS(test_arrays),
    };
    return workers_run(tests);
}
