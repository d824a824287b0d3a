/* infer_bench.c - nanoseconds to find, bind and infer a small operation. Bind and infer together are to
 * stay below 100 ns: every command of a worker passes here. */
#include <stdio.h>
#include <string.h>

#include "core/surroundings.h"
#include "ops/ops.h"

enum { CALLS = 4000000 };

typedef struct bench_call {
    const char *name;
    size_t arg_count;
} bench_call;

static bool measure(sy_context *context, const syi_ops *ops, const bench_call *call)
{
    const int64_t shape[] = {4, 4};
    syi_array array, outs[SYI_OUTPUT_MAX];
    sy_value args[2], bound[SYI_ARGUMENT_MAX];
    const syi_op *op = NULL;
    bool inplace = false;
    sy_status status = syi_array_describe(&array, SY_DTYPE_F32, 2, shape, NULL);
    for (int i = 0; i < 2; i++) {
        args[i].kind = (sy_value_kind)SYI_VALUE_ARRAY;
        args[i].as.internal = &array;
    }
    const size_t length = strlen(call->name);
    const uint64_t start = syi_clock_now(context);
    for (int i = 0; i < CALLS && status == SY_OK; i++) {
        status = syi_ops_find(ops, call->name, length, &op, &inplace) ? SY_OK : SY_EUNKNOWNOP;
    }
    const uint64_t found = syi_clock_now(context);
    for (int i = 0; i < CALLS && status == SY_OK; i++) {
        status = syi_ops_bind(ops, op, args, call->arg_count, NULL, 0, bound, NULL);
    }
    const uint64_t bind_end = syi_clock_now(context);
    for (int i = 0; i < CALLS && status == SY_OK; i++) {
        syi_inference result = {.outs = outs};
        status = syi_op_infer(op, bound, &result, NULL);
    }
    const uint64_t end = syi_clock_now(context);
    printf("%-26s find %5.1f ns, bind %5.1f ns, infer %5.1f ns\n", call->name,
           (double)(found - start) / CALLS, (double)(bind_end - found) / CALLS,
           (double)(end - bind_end) / CALLS);
    return status == SY_OK;
}

int main(void)
{
    static const bench_call samples[] = {
        {"add", 2}, {"__iadd__", 2}, {"torch.nn.functional.relu", 1}, {"matmul", 2}, {"sum", 1}};
    sy_context *context = NULL;
    syi_ops *ops = NULL;
    bool good =
        sy_context_new(&context, NULL, NULL) == SY_OK && syi_ops_new(context, &ops, NULL) == SY_OK;
    for (size_t i = 0; good && i < sizeof samples / sizeof samples[0]; i++) {
        good = measure(context, ops, &samples[i]);
    }
    syi_ops_free(ops);
    sy_context_free(context);
    return good ? 0 : 1;
}
