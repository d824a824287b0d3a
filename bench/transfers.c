/* transfers.c - sending and fetching tensors, and the memory that costs the worker. */
#include <stdlib.h>
#include <string.h>

#include "measure.h"
#include "raw.h"

typedef struct transfers {
    const bench_scenario *scenario;
    cli_session session;
    bench_process worker;
    sy_tensor *tensor;
    sy_tensor *back;      /* the last one that was fetched */
    double sent, fetched; /* seconds, summed up */
} transfers;

static int report(const transfers *t, const sy_error *err)
{
    return cli_report(t->session.verb, err);
}

/* --- the work ---------------------------------------------------------------------------------- */

/* There and back, so that the worker holds one at a time. */
static int transfer(transfers *t)
{
    sy_error err = SY_ERROR_INIT;
    sy_tensor *pointer = NULL;
    sy_tensor_unref(t->back);
    t->back = NULL;
    const double start = bench_clock();
    sy_status status = sy_tensor_send(t->tensor, &pointer, t->session.worker, &err);
    const double middle = bench_clock();
    if (status == SY_OK) {
        status = sy_tensor_get(pointer, &t->back, &err);
    }
    t->fetched += bench_clock() - middle;
    t->sent += middle - start;
    sy_tensor_unref(pointer);
    return status == SY_OK ? CLI_OK : report(t, &err);
}

static int transfer_many(void *state, size_t count, double *seconds)
{
    transfers *t = state;
    int code = CLI_OK;
    t->sent = 0;
    t->fetched = 0;
    for (size_t k = 0; k < count && code == CLI_OK; k++) {
        code = transfer(t);
    }
    *seconds = t->scenario->fetch ? t->fetched : t->sent;
    return code;
}

/* --- before and after -------------------------------------------------------------------------- */

static int open_worker(const bench *b, transfers *t)
{
    sy_error err = SY_ERROR_INIT;
    const cli_session_options how = {.pool_threads = 1};
    int code = cli_session_open(&t->session, b->verb, &how);
    if (code == CLI_OK) {
        code = bench_start_worker(b, &t->worker, t->scenario->transport, 0);
    }
    if (code == CLI_OK) {
        code = cli_session_connect(&t->session, t->worker.url, 0);
    }
    if (code != CLI_OK) {
        return code;
    }
    const size_t size = t->scenario->size;
    uint8_t *data = malloc(size);
    if (data == NULL) {
        return cli_fail(b->verb, "out of memory");
    }
    for (size_t k = 0; k < size; k++) {
        data[k] = (uint8_t)(k * 37 + (k >> 12));
    }
    const int64_t shape = (int64_t)size;
    const sy_status status =
        sy_tensor_new(t->session.hook, &t->tensor, SY_DTYPE_U8, 1, &shape, data, &err);
    free(data);
    return status == SY_OK ? CLI_OK : report(t, &err);
}

static void close_worker(transfers *t)
{
    sy_tensor_unref(t->back);
    sy_tensor_unref(t->tensor);
    cli_session_close(&t->session);
    bench_stop(&t->worker);
}

/* Is what came back what went? */
static int check(const transfers *t, bench_result *result)
{
    sy_error err = SY_ERROR_INIT;
    const size_t size = t->scenario->size;
    uint8_t *data = malloc(2 * size);
    if (data == NULL) {
        return cli_fail(t->session.verb, "out of memory");
    }
    sy_status status = sy_tensor_copy_data(t->tensor, data, size, &err);
    if (status == SY_OK) {
        status = sy_tensor_copy_data(t->back, data + size, size, &err);
    }
    result->check = status == SY_OK && memcmp(data, data + size, size) == 0;
    free(data);
    return status == SY_OK ? CLI_OK : report(t, &err);
}

/* What the measured half of a transfer sends and receives. */
static int learn_shape(transfers *t, bench_shape *shape, bench_result *result)
{
    sy_error err = SY_ERROR_INIT;
    sy_tensor *pointer = NULL;
    const sy_traffic start = sy_worker_get_traffic(t->session.worker);
    sy_status status = sy_tensor_send(t->tensor, &pointer, t->session.worker, &err);
    const sy_traffic middle = sy_worker_get_traffic(t->session.worker);
    if (status == SY_OK) {
        status = sy_tensor_get(pointer, &t->back, &err);
    }
    const sy_traffic end = sy_worker_get_traffic(t->session.worker);
    sy_tensor_unref(pointer);
    const sy_traffic *from = t->scenario->fetch ? &middle : &start;
    const sy_traffic *to = t->scenario->fetch ? &end : &middle;
    shape->request = to->bytes_sent - from->bytes_sent;
    shape->messages = 1;
    shape->reply = to->bytes_received - from->bytes_received;
    result->bytes = shape->request + shape->reply;
    result->rounds = 1;
    return status == SY_OK ? CLI_OK : report(t, &err);
}

/* --- memory ------------------------------------------------------------------------------------ */

/* A small one first, so that what the connection itself needs is there. */
static int warm_up(const transfers *t)
{
    sy_error err = SY_ERROR_INIT;
    const float value = 1;
    sy_tensor *small = NULL, *pointer = NULL;
    sy_status status = sy_tensor_from_floats(t->session.hook, &small, &value, 1, &err);
    if (status == SY_OK) {
        status = sy_tensor_send(small, &pointer, t->session.worker, &err);
    }
    sy_tensor_unref(pointer);
    sy_tensor_unref(small);
    return status == SY_OK ? CLI_OK : report(t, &err);
}

/* By how much a fresh worker grows, at its highest, over what it had before the tensor came. */
static int sample_memory(const bench *b, const bench_scenario *scenario, bench_result *result,
                         double *megabytes)
{
    sy_error err = SY_ERROR_INIT;
    transfers t = {.scenario = scenario};
    sy_tensor *pointer = NULL;
    int code = open_worker(b, &t);
    if (code == CLI_OK) {
        code = warm_up(&t);
    }
    if (code == CLI_OK) {
        const uint64_t before = bench_read_memory(&t.worker, "VmRSS");
        sy_status status = bench_reset_peak(&t.worker) ? SY_OK : SY_EIO;
        if (status == SY_OK) {
            status = sy_tensor_send(t.tensor, &pointer, t.session.worker, &err);
        }
        if (status == SY_OK && scenario->fetch) {
            status = bench_reset_peak(&t.worker) ? SY_OK : SY_EIO;
        }
        if (status == SY_OK && scenario->fetch) {
            status = sy_tensor_get(pointer, &t.back, &err);
        }
        const uint64_t peak = bench_read_memory(&t.worker, "VmHWM");
        *megabytes = peak > before ? (double)(peak - before) * 1e-6 : 0;
        if (status == SY_OK && !scenario->fetch) {
            status = sy_tensor_get(pointer, &t.back, &err);
        }
        code = status == SY_OK ? check(&t, result) : report(&t, &err);
    }
    sy_tensor_unref(pointer);
    close_worker(&t);
    return code;
}

static int run_memory(const bench *b, const bench_scenario *scenario, bench_result *result)
{
    double samples[BENCH_SAMPLES_MAX];
    const size_t count = b->quick ? 1 : 5;
    bool right = true;
    for (size_t k = 0; k < count; k++) {
        const int code = sample_memory(b, scenario, result, &samples[k]);
        if (code != CLI_OK) {
            return code;
        }
        right = right && result->check;
    }
    result->check = right;
    result->median = bench_median(samples, count);
    result->min = samples[0];
    result->limit = ((double)scenario->size + BENCH_SCRATCH) * 1e-6;
    return CLI_OK;
}

int bench_run_transfer(const bench *b, const bench_scenario *scenario, bench_result *result)
{
    if (scenario->memory) {
        return run_memory(b, scenario, result);
    }
    transfers t = {.scenario = scenario};
    bench_raw raw = {.fd = -1};
    bench_shape shape = {0};
    int code = open_worker(b, &t);
    if (code == CLI_OK) {
        code = learn_shape(&t, &shape, result);
    }
    if (code == CLI_OK) {
        code = bench_raw_open(b, &raw, scenario->transport, &shape, 0, NULL);
    }
    if (code == CLI_OK) {
        code = bench_compare(b, 1e-6, transfer_many, &t, bench_raw_echo, &raw, result);
    }
    if (code == CLI_OK) {
        code = check(&t, result);
    }
    bench_raw_close(&raw);
    close_worker(&t);
    return code;
}
