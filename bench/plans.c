/*
 * plans.c - a plan of many layers: 100 times linear and relu, 64 wide, at a worker beside the same plan here, and its size
 * beside that of its weights.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "measure.h"
#include "processes.h"

enum { LAYERS = 100, WIDTH = 64 };

typedef struct layered {
    cli_session session;
    bench_process worker;
    sy_tensor *weights[LAYERS], *biases[LAYERS];
    sy_tensor *local, *remote; /* a batch, and a pointer to it */
    sy_plan *plan;
    sy_pointer_plan *sent;
} layered;

static sy_status forward(sy_plan_frame *frame, sy_scope *scope, void *user, sy_error *err)
{
    const layered *l = user;
    sy_tensor *x = sy_plan_frame_argument(frame, 0);
    for (int k = 0; k < LAYERS; k++) {
        x = sy_relu(scope, sy_linear(scope, x, l->weights[k], l->biases[k]));
    }
    return sy_plan_frame_return(frame, x, err);
}

/* Uniform, as large as keeps the numbers of a layer's results at the size of its inputs. */
static sy_tensor *drawn(sy_scope *s, int ndim, const int64_t *shape, double most)
{
    return sy_scope_keep(
        s,
        sy_sub_scalar(s, sy_mul_scalar(s, sy_rand(s, SY_DTYPE_F32, ndim, shape), 2 * most), most));
}

static sy_status open_plan(layered *l, size_t batch, sy_error *err)
{
    const sy_plan_shape shape = {SY_DTYPE_F32, 2, {-1, WIDTH}};
    sy_plan_options options = SY_PLAN_OPTIONS_INIT;
    options.name = "mlp";
    options.forward = forward;
    options.user = l;
    sy_scope *s = sy_scope_begin(l->session.hook);
    for (int k = 0; k < LAYERS; k++) {
        l->weights[k] = drawn(s, 2, (int64_t[]){WIDTH, WIDTH}, sqrt(6.0 / WIDTH));
        l->biases[k] = drawn(s, 1, (int64_t[]){WIDTH}, 0.01);
    }
    l->local = drawn(s, 2, (int64_t[]){(int64_t)batch, WIDTH}, 1);
    sy_status status = sy_scope_end(s, err);
    if (status == SY_OK) {
        status = sy_plan_new(l->session.hook, &l->plan, &options, err);
    }
    return status == SY_OK ? sy_plan_build_shapes(l->plan, &shape, 1, err) : status;
}

static int open_worker(const bench *b, const bench_scenario *scenario, layered *l)
{
    sy_error err = SY_ERROR_INIT;
    int code = bench_start_worker(b, &l->worker, scenario->transport, scenario->spin_us);
    if (code != CLI_OK) {
        return code;
    }
    sy_connect_options options = SY_CONNECT_OPTIONS_INIT;
    options.spin_us = scenario->spin_us;
    sy_status status =
        sy_worker_connect(l->session.hook, &l->session.worker, l->worker.url, &options, &err);
    if (status == SY_OK) {
        status = sy_tensor_send(l->local, &l->remote, l->session.worker, &err);
    }
    if (status == SY_OK) {
        status = sy_plan_send(l->plan, &l->sent, &l->session.worker, 1, false, &err);
    }
    return status == SY_OK ? CLI_OK : cli_report(b->verb, &err);
}

static void close_all(layered *l)
{
    sy_pointer_plan_unref(l->sent);
    sy_plan_unref(l->plan);
    sy_tensor_unref(l->remote);
    sy_tensor_unref(l->local);
    for (int k = 0; k < LAYERS; k++) {
        sy_tensor_unref(l->weights[k]);
        sy_tensor_unref(l->biases[k]);
    }
    cli_session_close(&l->session);
    bench_stop(&l->worker);
}

static sy_status run_once(const layered *l, bool remotely, sy_tensor **y, sy_error *err)
{
    const sy_value argument = sy_value_tensor(remotely ? l->remote : l->local);
    return remotely ? sy_pointer_plan_run(l->sent, &argument, 1, NULL, y, 1, NULL, err)
                    : sy_plan_run(l->plan, &argument, 1, NULL, y, 1, NULL, err);
}

static int run_many(const layered *l, bool remotely, size_t count, double *seconds)
{
    sy_error err = SY_ERROR_INIT;
    sy_status status = SY_OK;
    const double start = bench_clock();
    for (size_t k = 0; k < count && status == SY_OK; k++) {
        sy_tensor *y = NULL;
        status = run_once(l, remotely, &y, &err);
        sy_tensor_unref(y);
    }
    *seconds = bench_clock() - start;
    return status == SY_OK ? CLI_OK : cli_report(l->session.verb, &err);
}

static int run_there(void *state, size_t count, double *seconds)
{
    return run_many(state, true, count, seconds);
}

static int run_here(void *state, size_t count, double *seconds)
{
    return run_many(state, false, count, seconds);
}

/* The same numbers there as here, and some of them not 0. */
static sy_status compare(const layered *l, size_t batch, bool *same, sy_error *err)
{
    const size_t size = batch * WIDTH * sizeof(float);
    float *here = malloc(size), *there = malloc(size), largest = 0;
    sy_tensor *y = NULL, *z = NULL, *got = NULL;
    sy_status status = here != NULL && there != NULL ? SY_OK : SY_ENOMEM;
    status = status == SY_OK ? run_once(l, false, &y, err) : status;
    status = status == SY_OK ? run_once(l, true, &z, err) : status;
    status = status == SY_OK ? sy_tensor_get(z, &got, err) : status;
    status = status == SY_OK ? sy_tensor_copy_data(y, here, size, err) : status;
    status = status == SY_OK ? sy_tensor_copy_data(got, there, size, err) : status;
    for (size_t k = 0; status == SY_OK && k < batch * WIDTH; k++) {
        largest = here[k] > largest ? here[k] : largest;
    }
    *same = status == SY_OK && largest > 0 && memcmp(here, there, size) == 0;
    free(here);
    free(there);
    sy_tensor_unref(y);
    sy_tensor_unref(z);
    sy_tensor_unref(got);
    return status;
}

int bench_run_layers(const bench *b, const bench_scenario *scenario, bench_result *result)
{
    layered l = {0};
    sy_error err = SY_ERROR_INIT;
    double seconds;
    const cli_session_options how = {.pool_threads = 1};
    int code = cli_session_open(&l.session, b->verb, &how);
    if (code == CLI_OK && open_plan(&l, scenario->size, &err) != SY_OK) {
        code = cli_report(b->verb, &err);
    }
    if (code == CLI_OK) {
        code = open_worker(b, scenario, &l);
    }
    if (code == CLI_OK) {
        const sy_traffic before = sy_worker_get_traffic(l.session.worker);
        code = run_many(&l, true, 16, &seconds);
        const sy_traffic after = sy_worker_get_traffic(l.session.worker);
        result->bytes =
            (after.bytes_sent - before.bytes_sent + after.bytes_received - before.bytes_received) /
            16;
        result->rounds = 1;
    }
    if (code == CLI_OK) {
        code = bench_compare(b, 1e-6, run_there, &l, run_here, &l, result);
    }
    if (code == CLI_OK && compare(&l, scenario->size, &result->check, &err) != SY_OK) {
        code = cli_report(b->verb, &err);
    }
    close_all(&l);
    return code;
}

int bench_run_plan_size(const bench *b, const bench_scenario *scenario, bench_result *result)
{
    (void)scenario;
    layered l = {0};
    sy_error err = SY_ERROR_INIT;
    struct stat file;
    char path[] = "/tmp/csyft-bench-XXXXXX";
    const int descriptor = mkstemp(path);
    const cli_session_options how = {.pool_threads = 1};
    int code = cli_session_open(&l.session, b->verb, &how);
    if (code == CLI_OK) {
        sy_status status = open_plan(&l, 1, &err);
        status = status == SY_OK ? sy_plan_save(l.plan, path, &err) : status;
        code = status == SY_OK ? CLI_OK : cli_report(b->verb, &err);
    }
    if (code == CLI_OK && stat(path, &file) == 0) {
        result->median = result->min = (double)file.st_size / 1e6;
        result->limit = (double)(LAYERS * (WIDTH * WIDTH + WIDTH) * sizeof(float)) / 1e6;
        result->check = sy_plan_get_operation_count(l.plan) == 2 * LAYERS;
    }
    if (descriptor >= 0) {
        close(descriptor);
        unlink(path);
    }
    close_all(&l);
    return code;
}
