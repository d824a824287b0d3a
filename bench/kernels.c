/* kernels.c - operations on large local tensors against what the memory or the processor could do. */
#include <dlfcn.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "measure.h"

typedef sy_tensor *(*operation)(sy_scope *scope, sy_tensor *a, sy_tensor *b);

typedef struct kernel {
    cli_session session;
    operation run;
    sy_tensor *a, *b;
    int64_t size;              /* elements, or the side of a matrix */
    float *left, *right, *out; /* the limit's */
    size_t moved;              /* bytes that the limit copies */
    void *library;
    void (*sgemm)(const char *transa, const char *transb, const int *m, const int *n, const int *k,
                  const float *alpha, const float *a, const int *lda, const float *b,
                  const int *ldb, const float *beta, float *c, const int *ldc);
} kernel;

/* --- the work ---------------------------------------------------------------------------------- */

static int run_many(void *state, size_t count, double *seconds)
{
    kernel *k = state;
    sy_error err = SY_ERROR_INIT;
    sy_scope *scope = sy_scope_begin(k->session.hook);
    const double start = bench_clock();
    for (size_t i = 0; i < count; i++) {
        k->run(scope, k->a, k->b);
        sy_scope_clear(scope);
    }
    *seconds = bench_clock() - start;
    return sy_scope_end(scope, &err) == SY_OK ? CLI_OK : cli_report(k->session.verb, &err);
}

static int copy_many(void *state, size_t count, double *seconds)
{
    const kernel *k = state;
    const double start = bench_clock();
    for (size_t i = 0; i < count; i++) {
        memcpy(k->out, k->left, k->moved);
        __asm__ volatile("" : : "r"(k->out) : "memory"); /* every copy is made */
    }
    *seconds = bench_clock() - start;
    return CLI_OK;
}

static int multiply_many(void *state, size_t count, double *seconds)
{
    const kernel *k = state;
    const int n = (int)k->size;
    const float one = 1, zero = 0;
    const double start = bench_clock();
    for (size_t i = 0; i < count; i++) {
        k->sgemm("N", "N", &n, &n, &n, &one, k->right, &n, k->left, &n, &zero, k->out, &n);
    }
    *seconds = bench_clock() - start;
    return CLI_OK;
}

static sy_tensor *run_add(sy_scope *scope, sy_tensor *a, sy_tensor *b)
{
    return sy_add(scope, a, b);
}

static sy_tensor *run_sum(sy_scope *scope, sy_tensor *a, sy_tensor *b)
{
    (void)b;
    return sy_sum(scope, a);
}

static sy_tensor *run_matmul(sy_scope *scope, sy_tensor *a, sy_tensor *b)
{
    return sy_matmul(scope, a, b);
}

/* --- before and after -------------------------------------------------------------------------- */

/* Small whole numbers: sums and products of them are exact. */
static void fill(float *values, size_t count, unsigned seed)
{
    for (size_t k = 0; k < count; k++) {
        values[k] = (float)((k * 7 + seed) % 5) - 2;
    }
}

static int open_kernel(const bench *b, kernel *k, int ndim, const int64_t *shape)
{
    sy_error err = SY_ERROR_INIT;
    const size_t count = (size_t)(ndim == 2 ? shape[0] * shape[1] : shape[0]);
    const size_t room = (count * sizeof(float) > k->moved ? count * sizeof(float) : k->moved);
    const cli_session_options how = {.pool_threads = 1};
    const int code = cli_session_open(&k->session, b->verb, &how);
    if (code != CLI_OK) {
        return code;
    }
    k->left = malloc(room);
    k->right = malloc(room);
    k->out = malloc(room);
    if (k->left == NULL || k->right == NULL || k->out == NULL) {
        return cli_fail(b->verb, "out of memory");
    }
    fill(k->left, room / sizeof(float), 0);
    fill(k->right, room / sizeof(float), 3);
    memset(k->out, 0, room);
    sy_status status =
        sy_tensor_new(k->session.hook, &k->a, SY_DTYPE_F32, ndim, shape, k->left, &err);
    if (status == SY_OK) {
        status = sy_tensor_new(k->session.hook, &k->b, SY_DTYPE_F32, ndim, shape, k->right, &err);
    }
    return status == SY_OK ? CLI_OK : cli_report(b->verb, &err);
}

static void close_kernel(kernel *k)
{
    sy_tensor_unref(k->a);
    sy_tensor_unref(k->b);
    cli_session_close(&k->session);
    free(k->left);
    free(k->right);
    free(k->out);
}

/* The operation once more, into `values` of `count` elements. */
static int result_of(const kernel *k, float *values, size_t count)
{
    sy_error err = SY_ERROR_INIT;
    sy_scope *scope = sy_scope_begin(k->session.hook);
    sy_tensor *made = k->run(scope, k->a, k->b);
    sy_status status = sy_scope_get_status(scope);
    if (status == SY_OK) {
        status = sy_tensor_copy_data(made, values, count * sizeof *values, &err);
    }
    const sy_status end = sy_scope_end(scope, status == SY_OK ? &err : NULL);
    return status == SY_OK && end == SY_OK ? CLI_OK : cli_report(k->session.verb, &err);
}

int bench_run_elementwise(const bench *b, const bench_scenario *scenario, bench_result *result)
{
    const int64_t size = (int64_t)scenario->size;
    kernel k = {.run = run_add, .size = size, .moved = scenario->size * 6};
    int code = open_kernel(b, &k, 1, &size);
    if (code == CLI_OK) {
        code = bench_compare(b, 1e-6, run_many, &k, copy_many, &k, result);
    }
    if (code == CLI_OK) {
        code = result_of(&k, k.out, scenario->size);
        result->check = code == CLI_OK;
        for (size_t i = 0; i < scenario->size; i++) {
            result->check = result->check && k.out[i] == k.left[i] + k.right[i];
        }
    }
    close_kernel(&k);
    return code;
}

int bench_run_sum(const bench *b, const bench_scenario *scenario, bench_result *result)
{
    const int64_t size = (int64_t)scenario->size;
    kernel k = {.run = run_sum, .size = size, .moved = scenario->size * 2};
    int code = open_kernel(b, &k, 1, &size);
    if (code == CLI_OK) {
        code = bench_compare(b, 1e-6, run_many, &k, copy_many, &k, result);
    }
    if (code == CLI_OK) {
        float sum = 0;
        double expected = 0;
        for (size_t i = 0; i < scenario->size; i++) {
            expected += (double)k.left[i];
        }
        code = result_of(&k, &sum, 1);
        result->check = code == CLI_OK && (double)sum == expected;
    }
    close_kernel(&k);
    return code;
}

/* --- products ---------------------------------------------------------------------------------- */

static void find_sgemm(kernel *k)
{
    void (*set_threads)(int) = NULL;
    k->library = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    void *address = k->library != NULL ? dlsym(k->library, "sgemm_") : NULL;
    memcpy(&k->sgemm, &address, sizeof address);
    address = k->library != NULL ? dlsym(k->library, "openblas_set_num_threads") : NULL;
    memcpy(&set_threads, &address, sizeof address);
    if (set_threads != NULL) {
        set_threads(1);
    }
}

static bool is_product(const kernel *k, const float *made)
{
    const size_t n = (size_t)k->size;
    for (size_t row = 0; row < n; row += 37) {
        for (size_t column = 0; column < n; column += 29) {
            float sum = 0;
            for (size_t i = 0; i < n; i++) {
                sum += k->left[row * n + i] * k->right[i * n + column];
            }
            if (made[row * n + column] != sum) {
                return false;
            }
        }
    }
    return true;
}

int bench_run_matmul(const bench *b, const bench_scenario *scenario, bench_result *result)
{
    const int64_t shape[2] = {(int64_t)scenario->size, (int64_t)scenario->size};
    kernel k = {.run = run_matmul, .size = shape[0]};
    int code = open_kernel(b, &k, 2, shape);
    find_sgemm(&k);
    if (code == CLI_OK) {
        code = bench_compare(b, 1e-6, run_many, &k, k.sgemm != NULL ? multiply_many : run_many, &k,
                             result);
        if (k.sgemm == NULL) {
            result->limit = 0; /* there is none on this machine */
        }
    }
    if (code == CLI_OK) {
        code = result_of(&k, k.out, scenario->size * scenario->size);
        result->check = code == CLI_OK && is_product(&k, k.out);
    }
    close_kernel(&k);
    if (k.library != NULL) {
        dlclose(k.library);
    }
    return code;
}
