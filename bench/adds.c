/* adds.c - one operation on a small remote tensor, over every transport. */
#include <string.h>

#include "measure.h"
#include "raw.h"

enum { ELEMENTS = 10, KEPT = 32 }; /* results of a pipelined scope that live at a time */

typedef struct adds {
    const bench_scenario *scenario;
    cli_session session;
    bench_process worker;
    sy_tensor *local;  /* 0, 1, ..., 9 */
    sy_tensor *tensor; /* a pointer to it */
} adds;

/* --- the work ---------------------------------------------------------------------------------- */

static int add_many(const adds *a, sy_tensor *x, size_t count, double *seconds)
{
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
    return status == SY_OK ? CLI_OK : cli_report(b->verb, &err);
}

static void close_worker(adds *a)
{
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
    sy_scope *scope = sy_scope_begin(a->session.hook);
    sy_tensor *sum = sy_scope_keep(scope, sy_add(scope, a->tensor, a->tensor));
    sy_status status = sy_scope_end(scope, &err);
    if (status == SY_OK) {
        status = sy_tensor_get(sum, &got, &err);
    }
    if (status == SY_OK) {
        status = sy_tensor_copy_data(got, values, sizeof values, &err);
    }
    result->check = status == SY_OK;
    for (int k = 0; k < ELEMENTS; k++) {
        result->check = result->check && values[k] == 2 * (float)k;
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
        code = bench_raw_open(b, &raw, scenario->transport, &shape, scenario->spin_us);
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
