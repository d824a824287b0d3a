/*
 * cpu_bench.c - what a call costs when its tensors are small, and how near large ones come to the
 * machine's limits, measured in the same run: memcpy for elementwise work, BLAS for products.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "frameworks/cpu/cpu.h"
#include "frameworks/cpu/gemm.h"

enum { ROUNDS = 9 };

typedef struct bench {
    sy_context *context;
    syi_framework *framework;
} bench;

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static sy_value value_of(syi_array *array)
{
    sy_value value = {.kind = (sy_value_kind)SYI_VALUE_ARRAY};
    value.as.internal = array;
    return value;
}

static void call(const bench *b, syi_op_id id, const sy_value *args, bool inplace)
{
    const syi_op *op = syi_op_get(id);
    const void *handle = b->framework->klass->resolve(b->framework, op);
    syi_array outs[SYI_OUTPUT_MAX];
    syi_inference result = {.outs = outs};
    if (inplace) {
        outs[0] = *(syi_array *)args[0].as.internal;
        result.count = 1;
    } else if (syi_op_infer(op, args, &result, NULL) != SY_OK) {
        abort();
    }
    if (b->framework->klass->run(b->framework, handle, op, args, inplace, outs, result.count,
                                 syi_context_get_account(b->context), NULL) != SY_OK) {
        abort();
    }
    for (int i = 0; i < result.count && !inplace; i++) {
        syi_array_fini(&outs[i]);
    }
}

/* The best of some rounds, in seconds per call. */
static double measure(const bench *b, syi_op_id id, const sy_value *args, bool inplace, int calls)
{
    double best = 1e9;
    for (int round = 0; round < ROUNDS; round++) {
        double start = seconds();
        for (int i = 0; i < calls; i++) {
            call(b, id, args, inplace);
        }
        double each = (seconds() - start) / calls;
        best = each < best ? each : best;
    }
    return best;
}

static syi_array make(const bench *b, sy_dtype dtype, int64_t rows, int64_t columns)
{
    syi_array array;
    if (syi_array_new(b->context, &array, dtype, 2, (int64_t[]){rows, columns}, NULL, NULL) !=
        SY_OK) {
        abort();
    }
    for (int64_t i = 0; i < rows * columns; i++) {
        syi_array_set_double(&array, i, (double)(i % 17) / 8 - 1);
    }
    return array;
}

static void bench_small(const bench *b)
{
    syi_array x = make(b, SY_DTYPE_F32, 1, 10), y = make(b, SY_DTYPE_F32, 1, 10);
    sy_value pair[4] = {value_of(&x), value_of(&y), sy_value_int(1)};
    sy_value number[4] = {value_of(&x), sy_value_float(2.5), sy_value_int(1)};
    sy_value none[4] = {value_of(&x), sy_value_none(), sy_value_bool(false), sy_value_none()};
    printf("10 elements, rule and allocation included:\n");
    printf("  add %.0f ns, add_ %.0f ns, add number %.0f ns, relu %.0f ns, sum %.0f ns\n",
           1e9 * measure(b, SYI_OP_add, pair, false, 200000),
           1e9 * measure(b, SYI_OP_add, pair, true, 200000),
           1e9 * measure(b, SYI_OP_add, number, false, 200000),
           1e9 * measure(b, SYI_OP_relu, none, false, 200000),
           1e9 * measure(b, SYI_OP_sum, none, false, 200000));
    syi_array_fini(&x);
    syi_array_fini(&y);
}

static double measure_copy(const syi_array *to, const syi_array *from)
{
    double best = 1e9;
    for (int round = 0; round < 3 * ROUNDS; round++) {
        double start = seconds();
        memcpy(syi_array_data(to), syi_array_data(from), syi_array_bytes(to));
        double each = seconds() - start;
        best = each < best ? each : best;
    }
    return best;
}

static void report(const bench *b, const char *name, syi_op_id id, const sy_value *args,
                   bool inplace, double bytes, double bandwidth)
{
    double time = measure(b, id, args, inplace, 1);
    printf("  %-22s %7.2f ms %6.1f GB/s, %.2f of memcpy\n", name, 1e3 * time, bytes / time / 1e9,
           bytes / time / bandwidth);
}

static void bench_elements(const bench *b, int64_t side)
{
    syi_array x = make(b, SY_DTYPE_F32, side, side), y = make(b, SY_DTYPE_F32, side, side);
    syi_array i = make(b, SY_DTYPE_I64, side, side), turned;
    syi_array z = make(b, SY_DTYPE_F32, side, side);
    if (syi_array_transpose(&turned, &x, 0, 1, NULL) != SY_OK) {
        abort();
    }
    const double n = (double)(side * side);
    const double bandwidth = 8 * n / measure_copy(&z, &x);
    const sy_value pair[4] = {value_of(&x), value_of(&y), sy_value_int(1)};
    const sy_value turned_pair[4] = {value_of(&y), value_of(&turned), sy_value_int(1)};
    const sy_value whole[4] = {value_of(&i), value_of(&i), sy_value_int(1)};
    const sy_value mixed[4] = {value_of(&x), value_of(&i), sy_value_int(1)};
    const sy_value single[4] = {value_of(&x), sy_value_none(), sy_value_bool(false)};
    const sy_value dim = sy_value_int(0), last = sy_value_int(1);
    const sy_value columns[4] = {value_of(&x), sy_value_list(&dim, 1), sy_value_bool(false)};
    const sy_value rows[4] = {value_of(&x), sy_value_list(&last, 1), sy_value_bool(false)};
    const sy_value along[4] = {value_of(&x), dim, sy_value_bool(false)};
    const sy_value soft[4] = {value_of(&x), last, sy_value_none()};
    const sy_value copy[4] = {value_of(&z), value_of(&turned)};
    printf("%lld x %lld, memcpy %.1f GB/s (read and written):\n", (long long)side, (long long)side,
           bandwidth / 1e9);
    report(b, "add_ f32", SYI_OP_add, pair, true, 12 * n, bandwidth);
    report(b, "add f32", SYI_OP_add, pair, false, 12 * n, bandwidth);
    report(b, "add_ f32 transposed", SYI_OP_add, turned_pair, true, 12 * n, bandwidth);
    report(b, "mul_ i64", SYI_OP_mul, whole, true, 24 * n, bandwidth);
    report(b, "add f32 i64", SYI_OP_add, mixed, false, 16 * n, bandwidth);
    report(b, "lt f32", SYI_OP_lt, pair, false, 9 * n, bandwidth);
    report(b, "relu_ f32", SYI_OP_relu, single, true, 8 * n, bandwidth);
    report(b, "copy_ transposed", SYI_OP_copy_, copy, true, 8 * n, bandwidth);
    report(b, "sum f32", SYI_OP_sum, single, false, 4 * n, bandwidth);
    report(b, "sum f32 columns", SYI_OP_sum, columns, false, 4 * n, bandwidth);
    report(b, "sum f32 rows", SYI_OP_sum, rows, false, 4 * n, bandwidth);
    report(b, "max f32", SYI_OP_max, single, false, 4 * n, bandwidth);
    report(b, "argmax f32 columns", SYI_OP_argmax, along, false, 4 * n, bandwidth);
    report(b, "exp_ f32", SYI_OP_exp, single, true, 8 * n, bandwidth);
    report(b, "sigmoid f32", SYI_OP_sigmoid, single, false, 8 * n, bandwidth);
    report(b, "tanh f32", SYI_OP_tanh, single, false, 8 * n, bandwidth);
    report(b, "log f32", SYI_OP_log, single, false, 8 * n, bandwidth);
    report(b, "softmax f32", SYI_OP_softmax, soft, false, 8 * n, bandwidth);
    syi_array_fini(&turned);
    syi_array_fini(&x);
    syi_array_fini(&y);
    syi_array_fini(&z);
    syi_array_fini(&i);
}

/* Rows and elements elsewhere, bytes read and written. */
static void bench_moving(const bench *b, int64_t side)
{
    syi_array x = make(b, SY_DTYPE_F32, side, side), z = make(b, SY_DTYPE_F32, side, side);
    syi_array index = make(b, SY_DTYPE_I64, side, side), rows = make(b, SY_DTYPE_I64, 1, side),
              line;
    syi_array mask = make(b, SY_DTYPE_BOOL, side, side);
    int64_t *places = syi_array_data(&index), *order = syi_array_data(&rows);
    for (int64_t i = 0; i < side * side; i++) {
        places[i] = i * 7919 % side;
        order[i % side] = i * 7919 % side;
    }
    if (syi_array_select(&line, &rows, 0, 0, NULL) != SY_OK) {
        abort();
    }
    const double n = (double)(side * side), bandwidth = 8 * n / measure_copy(&z, &x);
    const sy_value first = sy_value_int(0), last = sy_value_int(1), none = sy_value_none();
    const sy_value pair[2] = {value_of(&x), value_of(&z)};
    const sy_value by_rows[3] = {value_of(&x), first, value_of(&line)};
    const sy_value by_columns[3] = {value_of(&x), last, value_of(&line)};
    const sy_value each[3] = {value_of(&x), last, value_of(&index)};
    const sy_value spread[5] = {value_of(&z), last, value_of(&index), value_of(&x), none};
    const sy_value join[2] = {sy_value_list(pair, 2), first}, join_last[2] = {join[0], last};
    const sy_value flip[2] = {value_of(&x), sy_value_list(&first, 1)};
    const sy_value flip_last[2] = {value_of(&x), sy_value_list(&last, 1)};
    const sy_value roll[3] = {value_of(&x), sy_value_list(&last, 1), sy_value_list(&last, 1)};
    const sy_value masked[3] = {value_of(&x), value_of(&mask), sy_value_float(2)};
    const sy_value pads[4] = {last, last, last, last};
    const sy_value pad[3] = {value_of(&x), sy_value_list(pads, 4), first};
    printf("%lld x %lld moved:\n", (long long)side, (long long)side);
    report(b, "index_select rows", SYI_OP_index_select, by_rows, false, 8 * n, bandwidth);
    report(b, "index_select columns", SYI_OP_index_select, by_columns, false, 8 * n, bandwidth);
    report(b, "gather columns", SYI_OP_gather, each, false, 16 * n, bandwidth);
    report(b, "scatter_ columns", SYI_OP_scatter, spread, true, 16 * n, bandwidth);
    report(b, "cat rows", SYI_OP_cat, join, false, 16 * n, bandwidth);
    report(b, "cat columns", SYI_OP_cat, join_last, false, 16 * n, bandwidth);
    report(b, "flip rows", SYI_OP_flip, flip, false, 8 * n, bandwidth);
    report(b, "flip columns", SYI_OP_flip, flip_last, false, 8 * n, bandwidth);
    report(b, "roll columns", SYI_OP_roll, roll, false, 8 * n, bandwidth);
    report(b, "constant_pad_nd", SYI_OP_constant_pad_nd, pad, false, 8 * n, bandwidth);
    report(b, "masked_fill", SYI_OP_masked_fill, masked, false, 9 * n, bandwidth);
    report(b, "masked_select", SYI_OP_masked_select, masked, false, 9 * n, bandwidth);
    syi_array_fini(&line);
    syi_array_fini(&rows);
    syi_array_fini(&index);
    syi_array_fini(&mask);
    syi_array_fini(&x);
    syi_array_fini(&z);
}

static void bench_products(const bench *b)
{
    static const sy_dtype dtypes[] = {SY_DTYPE_F32, SY_DTYPE_F64, SY_DTYPE_I32, SY_DTYPE_I64};
    static const int64_t sizes[] = {10, 32, 128, 512};
    printf("matmul, G multiply-adds per second; own: without BLAS\n");
    for (size_t d = 0; d < 4; d++) {
        for (size_t s = 0; s < 4; s++) {
            const int64_t n = sizes[s], strides[2] = {n, 1};
            syi_array x = make(b, dtypes[d], n, n), y = make(b, dtypes[d], n, n);
            syi_array z = make(b, dtypes[d], n, n);
            sy_value args[2] = {value_of(&x), value_of(&y)};
            const double work = (double)(n * n * n);
            int calls = (int)(2e7 / work) + 1;
            double time = measure(b, SYI_OP_matmul, args, false, calls);
            size_t bytes = syi_gemm_workspace(dtypes[d], n, n, n, strides);
            void *workspace = syi_alloc_aligned(b->context, bytes + 64, 64);
            double own = 1e9;
            for (int round = 0; round < ROUNDS; round++) {
                double start = seconds();
                for (int i = 0; i < calls; i++) {
                    syi_gemm(dtypes[d], n, n, n, syi_array_data(&x), strides, syi_array_data(&y),
                             strides, syi_array_data(&z), workspace);
                }
                double each = (seconds() - start) / calls;
                own = each < own ? each : own;
            }
            syi_free(b->context, workspace, bytes + 64);
            printf("  %s %4lld: %6.2f, own %6.2f\n", sy_dtype_name(dtypes[d]), (long long)n,
                   work / time / 1e9, work / own / 1e9);
            syi_array_fini(&x);
            syi_array_fini(&y);
            syi_array_fini(&z);
        }
    }
}

int main(void)
{
    bench b;
    sy_error err = SY_ERROR_INIT;
    if (sy_context_new(&b.context, NULL, &err) != SY_OK ||
        syi_cpu_framework_new(b.context, &b.framework, &err) != SY_OK) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    bench_small(&b);
    bench_elements(&b, 300);
    bench_elements(&b, 2048);
    bench_moving(&b, 2048);
    bench_products(&b);
    b.framework->klass->free(b.framework);
    sy_context_free(b.context);
    return 0;
}
