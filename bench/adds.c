/* adds.c - one operation on a small remote tensor, or a plan of 20 of them, over every transport. */
#include <string.h>

#include "measure.h"
#include "raw.h"

enum {
    ELEMENTS = 10,
    KEPT = 32,   /* results of a pipelined scope that live at a time */
    PLANNED = 20 /* operations of the plan */
};

typedef struct adds {
    const bench_scenario *scenario;
    cli_session session;
    bench_process worker;
    sy_tensor *local;  /* 0, 1, ..., 9 */
    sy_tensor *tensor; /* a pointer to it */
    sy_plan *plan;     /* of a scenario with one */
    sy_pointer_plan *sent;
} adds;

static int run_plans(const struct adds *a, sy_tensor *x, size_t count, double *seconds);

/* --- the work ---------------------------------------------------------------------------------- */

static int add_many(const adds *a, sy_tensor *x, size_t count, double *seconds)
{
    if (a->scenario->plan) {
        return run_plans(a, x, count, seconds);
    }
    sy_error err = SY_ERROR_INIT;
    const bool pipelined = a->scenario->pipelined;
    sy_scope *scope = sy_scope_begin(a->session.hook);
    sy_scope_set_pipelined(scope, pipelined);
    const double start = bench_clock();
    for (size_t k = 1; k <= count; k++) {
        sy_add(scope, x, x);
        if (!pipelined || k % KEPT == 0) {
            sy_scope_clear(scope);
        }
    }
    sy_scope_clear(scope);
    sy_status status = pipelined ? sy_hook_synchronize(a->session.hook, &err) : SY_OK;
    *seconds = bench_clock() - start;
    const sy_status end = sy_scope_end(scope, status == SY_OK ? &err : NULL);
    status = status == SY_OK ? end : status;
    return status == SY_OK ? CLI_OK : cli_report(a->session.verb, &err);
}

/* x + x + ... */
static sy_status add_often(sy_plan_frame *frame, sy_scope *scope, void *user, sy_error *err)
{
    (void)user;
    sy_tensor *x = sy_plan_frame_argument(frame, 0), *sum = x;
    for (int k = 0; k < PLANNED; k++) {
        sum = sy_add(scope, sum, x);
    }
    return sy_plan_frame_return(frame, sum, err);
}

static sy_status open_plan(adds *a, sy_error *err)
{
    const sy_plan_shape shape = {SY_DTYPE_F32, 1, {-1}};
    sy_plan_options options = SY_PLAN_OPTIONS_INIT;
    options.forward = add_often;
    sy_status status = sy_plan_new(a->session.hook, &a->plan, &options, err);
    if (status == SY_OK) {
        status = sy_plan_build_shapes(a->plan, &shape, 1, err);
    }
    return status == SY_OK ? sy_plan_send(a->plan, &a->sent, &a->session.worker, 1, false, err)
                           : status;
}

static sy_status run_plan(const adds *a, sy_tensor *x, sy_tensor **sum, sy_error *err)
{
    const sy_value argument = sy_value_tensor(x);
    return x == a->local ? sy_plan_run(a->plan, &argument, 1, NULL, sum, 1, NULL, err)
                         : sy_pointer_plan_run(a->sent, &argument, 1, NULL, sum, 1, NULL, err);
}

static int run_plans(const adds *a, sy_tensor *x, size_t count, double *seconds)
{
    sy_error err = SY_ERROR_INIT;
    sy_status status = SY_OK;
    const double start = bench_clock();
    for (size_t k = 0; k < count && status == SY_OK; k++) {
        sy_tensor *sum = NULL;
        status = run_plan(a, x, &sum, &err);
        sy_tensor_unref(sum);
    }
    *seconds = bench_clock() - start;
    return status == SY_OK ? CLI_OK : cli_report(a->session.verb, &err);
}

static int add_remotely(void *state, size_t count, double *seconds)
{
    const adds *a = state;
    return add_many(a, a->tensor, count, seconds);
}

static int add_locally(void *state, size_t count, double *seconds)
{
    const adds *a = state;
    return add_many(a, a->local, count, seconds);
}

/* --- before and after -------------------------------------------------------------------------- */

static int open_worker(const bench *b, adds *a)
{
    sy_error err = SY_ERROR_INIT;
    const bench_scenario *scenario = a->scenario;
    const cli_session_options how = {.pool_threads = 1};
    int code = cli_session_open(&a->session, b->verb, &how);
    if (code != CLI_OK) {
        return code;
    }
    sy_status status;
    if (scenario->transport == NULL) {
        status = sy_virtual_worker_new(a->session.hook, &a->session.worker, "bob", &err);
    } else {
        code = bench_start_worker(b, &a->worker, scenario->transport, scenario->spin_us);
        if (code != CLI_OK) {
            return code;
        }
        sy_connect_options options = SY_CONNECT_OPTIONS_INIT;
        options.spin_us = scenario->spin_us;
        status =
            sy_worker_connect(a->session.hook, &a->session.worker, a->worker.url, &options, &err);
    }
    float values[ELEMENTS];
    for (int k = 0; k < ELEMENTS; k++) {
        values[k] = (float)k;
    }
    if (status == SY_OK) {
        status = sy_tensor_from_floats(a->session.hook, &a->local, values, ELEMENTS, &err);
    }
    if (status == SY_OK) {
        status = sy_tensor_send(a->local, &a->tensor, a->session.worker, &err);
    }
    if (status == SY_OK && scenario->plan) {
        status = open_plan(a, &err);
    }
    return status == SY_OK ? CLI_OK : cli_report(b->verb, &err);
}

static void close_worker(adds *a)
{
    sy_pointer_plan_unref(a->sent);
    sy_plan_unref(a->plan);
    sy_tensor_unref(a->tensor);
    sy_tensor_unref(a->local);
    cli_session_close(&a->session);
    bench_stop(&a->worker);
}

/* What one operation sends and receives, in the mean over some. */
static int learn_shape(const adds *a, bench_shape *shape, bench_result *result)
{
    enum { OPERATIONS = 512 };
    double seconds;
    const sy_traffic before = sy_worker_get_traffic(a->session.worker);
    const int code = add_many(a, a->tensor, OPERATIONS, &seconds);
    const sy_traffic after = sy_worker_get_traffic(a->session.worker);
    const uint64_t messages = after.messages_sent - before.messages_sent;
    shape->request = (after.bytes_sent - before.bytes_sent + OPERATIONS / 2) / OPERATIONS;
    shape->messages = (messages + OPERATIONS / 2) / OPERATIONS;
    shape->reply = (after.bytes_received - before.bytes_received + OPERATIONS / 2) / OPERATIONS;
    result->bytes = shape->request + shape->reply;
    result->rounds = a->scenario->pipelined ? 0 : 1;
    return code;
}

static int check(const adds *a, bench_result *result)
{
    sy_error err = SY_ERROR_INIT;
    float values[ELEMENTS] = {0};
    sy_tensor *got = NULL;
    sy_tensor *sum = NULL;
    sy_status status;
    if (a->scenario->plan) {
        status = run_plan(a, a->tensor, &sum, &err);
    } else {
        sy_scope *scope = sy_scope_begin(a->session.hook);
        sum = sy_scope_keep(scope, sy_add(scope, a->tensor, a->tensor));
        status = sy_scope_end(scope, &err);
    }
    const float times = a->scenario->plan ? PLANNED + 1 : 2;
    if (status == SY_OK) {
        status = sy_tensor_get(sum, &got, &err);
    }
    if (status == SY_OK) {
        status = sy_tensor_copy_data(got, values, sizeof values, &err);
    }
    result->check = status == SY_OK;
    for (int k = 0; k < ELEMENTS; k++) {
        result->check = result->check && values[k] == times * (float)k;
    }
    sy_tensor_unref(sum);
    sy_tensor_unref(got);
    return status == SY_OK ? CLI_OK : cli_report(a->session.verb, &err);
}

int bench_run_add(const bench *b, const bench_scenario *scenario, bench_result *result)
{
    adds a = {.scenario = scenario};
    bench_raw raw = {.fd = -1};
    bench_shape shape = {0};
    int code = open_worker(b, &a);
    if (code == CLI_OK) {
        code = learn_shape(&a, &shape, result);
    }
    if (code == CLI_OK && scenario->transport == NULL) {
        code = bench_compare(b, 1e-6, add_remotely, &a, add_locally, &a, result);
    } else if (code == CLI_OK) {
        code = bench_raw_open(b, &raw, scenario->transport, &shape, scenario->spin_us, NULL);
        if (code == CLI_OK) {
            code = bench_compare(b, 1e-6, add_remotely, &a,
                                 scenario->pipelined ? bench_raw_stream : bench_raw_echo, &raw,
                                 result);
        }
        bench_raw_close(&raw);
    }
    if (code == CLI_OK) {
        code = check(&a, result);
    }
    close_worker(&a);
    return code;
}
