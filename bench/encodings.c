/* encodings.c - a tensor to a message of syft-proto and back, against a copy of its elements. */
#include <stdlib.h>
#include <string.h>

#include <csyft/protobuf.h>

#include "measure.h"

typedef struct encoding {
    cli_session session;
    sy_tensor *tensor;
    float *values, *copy; /* of its elements */
    size_t size;          /* their bytes */
    void *bytes;          /* the message */
    size_t length;
    const char *type;
} encoding;

static sy_worker *me(const encoding *e)
{
    return sy_hook_get_local_worker(e->session.hook);
}

static int write_many(void *state, size_t count, double *seconds)
{
    const encoding *e = state;
    const sy_value value = sy_value_tensor(e->tensor);
    sy_error err = SY_ERROR_INIT;
    const double start = bench_clock();
    for (size_t k = 0; k < count; k++) {
        void *bytes = NULL;
        size_t length = 0;
        if (sy_bufferize(me(e), &bytes, &length, NULL, &value, &err) != SY_OK) {
            return cli_report(e->session.verb, &err);
        }
        sy_bytes_free(e->session.hook, bytes, length);
    }
    *seconds = bench_clock() - start;
    return CLI_OK;
}

static int read_many(void *state, size_t count, double *seconds)
{
    const encoding *e = state;
    sy_error err = SY_ERROR_INIT;
    const double start = bench_clock();
    for (size_t k = 0; k < count; k++) {
        sy_protobuf_object *object = NULL;
        if (sy_unbufferize(me(e), &object, e->type, e->bytes, e->length, &err) != SY_OK) {
            return cli_report(e->session.verb, &err);
        }
        sy_protobuf_object_free(object);
    }
    *seconds = bench_clock() - start;
    return CLI_OK;
}

static int copy_many(void *state, size_t count, double *seconds)
{
    const encoding *e = state;
    const double start = bench_clock();
    for (size_t k = 0; k < count; k++) {
        memcpy(e->copy, e->values, e->size);
        __asm__ volatile("" : : "r"(e->copy) : "memory"); /* every copy is made */
    }
    *seconds = bench_clock() - start;
    return CLI_OK;
}

static int open_encoding(const bench *b, encoding *e, int64_t count)
{
    const cli_session_options how = {.pool_threads = 1};
    sy_error err = SY_ERROR_INIT;
    const int code = cli_session_open(&e->session, b->verb, &how);
    if (code != CLI_OK) {
        return code;
    }
    e->size = (size_t)count * sizeof(float);
    e->values = malloc(e->size);
    e->copy = malloc(e->size);
    if (e->values == NULL || e->copy == NULL) {
        return cli_fail(b->verb, "out of memory");
    }
    for (int64_t k = 0; k < count; k++) {
        e->values[k] = (float)(k % 1000) / 8;
    }
    memset(e->copy, 0, e->size);
    sy_status status =
        sy_tensor_new(e->session.hook, &e->tensor, SY_DTYPE_F32, 1, &count, e->values, &err);
    if (status == SY_OK) {
        const sy_value value = sy_value_tensor(e->tensor);
        status = sy_bufferize(me(e), &e->bytes, &e->length, &e->type, &value, &err);
    }
    return status == SY_OK ? CLI_OK : cli_report(b->verb, &err);
}

static void close_encoding(encoding *e)
{
    if (e->bytes != NULL) {
        sy_bytes_free(e->session.hook, e->bytes, e->length);
    }
    sy_tensor_unref(e->tensor);
    cli_session_close(&e->session);
    free(e->values);
    free(e->copy);
}

/* The message read once more: are the elements the same? */
static bool is_same(const encoding *e)
{
    sy_error err = SY_ERROR_INIT;
    sy_protobuf_object *object = NULL;
    bool same = false;
    if (sy_unbufferize(me(e), &object, e->type, e->bytes, e->length, &err) == SY_OK) {
        same = sy_tensor_copy_data(sy_protobuf_object_get_value(object)->as.tensor, e->copy,
                                   e->size, &err) == SY_OK &&
               memcmp(e->copy, e->values, e->size) == 0;
    }
    sy_protobuf_object_free(object);
    return same;
}

int bench_run_encoding(const bench *b, const bench_scenario *scenario, bench_result *result)
{
    encoding e = {0};
    if (sy_protobuf_get_type(0) ==
        NULL) { /* built without protobuf-c: there is nothing to measure */
        *result = (bench_result){.check = true};
        return CLI_OK;
    }
    int code = open_encoding(b, &e, (int64_t)scenario->size);
    if (code == CLI_OK) {
        code = bench_compare(b, 1e-6, scenario->fetch ? read_many : write_many, &e, copy_many, &e,
                             result);
    }
    if (code == CLI_OK) {
        result->check = is_same(&e);
    }
    close_encoding(&e);
    return code;
}
