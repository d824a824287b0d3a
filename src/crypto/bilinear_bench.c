/* bilinear_bench.c - products of shares in Z_2^64, beside the framework's operation of the same name on float32 (with BLAS
 * where it is installed) and on int64: one thread each, in turns, the best of nine. */
#include <stdio.h>
#include <stdlib.h>

#include "core/surroundings.h"
#include "crypto/bilinear.h"
#include "frameworks/framework.h"

enum { TURNS = 9 };

typedef struct bench {
    sy_context *context;
    syi_framework *cpu;
    syi_ops *ops;
} bench;

typedef struct product {
    const char *what;
    syi_op_id op;
    int x_ndim;
    int64_t x[4];
    int y_ndim;
    int64_t y[4];
} product;

/* Factors and the row's arguments, in one dtype. */
typedef struct operands {
    syi_array x, y;
    sy_value args[2], bound[SYI_ARGUMENT_MAX];
} operands;

static bool fill(const bench *b, syi_array *array, sy_dtype dtype, int ndim, const int64_t *shape)
{
    if (syi_array_new(b->context, array, dtype, ndim, shape, NULL, NULL) != SY_OK) {
        return false;
    }
    for (int64_t i = 0; i < syi_array_numel(array); i++) {
        syi_array_set_int(array, i, i * 31 % 1000);
    }
    return true;
}

static bool make(const bench *b, const product *p, sy_dtype dtype, operands *o)
{
    o->x = o->y = (syi_array)SYI_ARRAY_INIT;
    o->args[0] = (sy_value){.kind = (sy_value_kind)SYI_VALUE_ARRAY, .as.internal = &o->x};
    o->args[1] = (sy_value){.kind = (sy_value_kind)SYI_VALUE_ARRAY, .as.internal = &o->y};
    return fill(b, &o->x, dtype, p->x_ndim, p->x) && fill(b, &o->y, dtype, p->y_ndim, p->y) &&
           syi_ops_bind(b->ops, syi_op_get(p->op), o->args, 2, NULL, 0, o->bound, NULL) == SY_OK;
}

static void drop(operands *o)
{
    syi_array_fini(&o->x);
    syi_array_fini(&o->y);
}

static bool run_framework(const bench *b, const product *p, const operands *o)
{
    const syi_op *op = syi_op_get(p->op);
    syi_array outs[SYI_OUTPUT_MAX];
    syi_inference result = {.outs = outs};
    const bool good = syi_op_infer(op, o->bound, &result, NULL) == SY_OK &&
                      b->cpu->klass->run(b->cpu, b->cpu->klass->resolve(b->cpu, op), op, o->bound,
                                         false, outs, 1, NULL, NULL) == SY_OK;
    if (good) {
        syi_array_fini(&outs[0]);
    }
    return good;
}

static bool compare(const bench *b, const product *p)
{
    static const syi_field field = SYI_FIELD_64;
    uint64_t times[3] = {UINT64_MAX, UINT64_MAX, UINT64_MAX};
    operands words, floats;
    syi_bilinear bilinear;
    syi_array z = SYI_ARRAY_INIT;
    int x_at, y_at;
    bool good = make(b, p, SY_DTYPE_I64, &words) && make(b, p, SY_DTYPE_F32, &floats) &&
                syi_bilinear_of_row(&bilinear, syi_op_get(p->op), words.bound, &field, &x_at, &y_at,
                                    NULL) == SY_OK &&
                fill(b, &z, SY_DTYPE_I64, bilinear.z.ndim, bilinear.z.shape);
    for (int turn = 0; good && turn < 3 * TURNS; turn++) {
        const uint64_t start = syi_clock_now(b->context);
        good = turn % 3 == 0 ? syi_bilinear_add(b->context, &bilinear, &field, syi_array_data(&z),
                                                &words.x, &words.y, NULL) == SY_OK
                             : run_framework(b, p, turn % 3 == 1 ? &floats : &words);
        const uint64_t taken = syi_clock_now(b->context) - start;
        times[turn % 3] = taken < times[turn % 3] ? taken : times[turn % 3];
    }
    if (good) {
        printf("%-36s shares %9.3f ms   float32 %9.3f ms (%.2f)   int64 %9.3f ms (%.2f)\n", p->what,
               (double)times[0] * 1e-6, (double)times[1] * 1e-6,
               (double)times[0] / (double)times[1], (double)times[2] * 1e-6,
               (double)times[0] / (double)times[2]);
    }
    syi_array_fini(&z);
    drop(&words);
    drop(&floats);
    return good;
}

int main(void)
{
    static const product products[] = {
        {"mul 1000000", SYI_OP_mul, 1, {1000000}, 1, {1000000}},
        {"mul 1000x1000 by 1000", SYI_OP_mul, 2, {1000, 1000}, 1, {1000}},
        {"matmul 256", SYI_OP_matmul, 2, {256, 256}, 2, {256, 256}},
        {"matmul 128x784 by 784x128", SYI_OP_matmul, 2, {128, 784}, 2, {784, 128}},
        {"mv 512x512", SYI_OP_mv, 2, {512, 512}, 1, {512}},
        {"conv2d 32x1x28x28, 16 of 5x5", SYI_OP_conv2d, 4, {32, 1, 28, 28}, 4, {16, 1, 5, 5}},
        {"conv2d 32x16x12x12, 32 of 16x5x5", SYI_OP_conv2d, 4, {32, 16, 12, 12}, 4, {32, 16, 5, 5}},
    };
    sy_context_options options = SY_CONTEXT_OPTIONS_INIT;
    bench b = {0};
    options.pool_threads = 1;
    setenv("OPENBLAS_NUM_THREADS", "1", 1);
    bool good = sy_context_new(&b.context, &options, NULL) == SY_OK &&
                syi_cpu_framework_new(b.context, &b.cpu, NULL) == SY_OK &&
                syi_ops_new(b.context, &b.ops, NULL) == SY_OK;
    for (size_t k = 0; good && k < sizeof products / sizeof *products; k++) {
        good = compare(&b, &products[k]);
    }
    syi_ops_free(b.ops);
    if (b.cpu != NULL) {
        b.cpu->klass->free(b.cpu);
    }
    sy_context_free(b.context);
    return good ? 0 : 1;
}
