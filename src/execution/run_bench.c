/*
 * run_bench.c - what a step of a plan costs beside the kernel: the framework's run on the same handles, the same operation
 * in a scope, and one step of a plan of 1000, in one run of the program.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <csyft/operations.h>

#include "execution/plan.h"
#include "hook/hook.h"

enum { STEPS = 1000, ROUNDS = 200 };

static void check(sy_status status, const sy_error *err)
{
    if (status != SY_OK) {
        fprintf(stderr, "%s\n", err->message);
        exit(1);
    }
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static sy_status chain(sy_plan_frame *f, sy_scope *s, void *user, sy_error *err)
{
    (void)user;
    sy_tensor *x = sy_plan_frame_argument(f, 0), *y = x;
    for (int k = 0; k < STEPS; k++) {
        y = sy_add(s, y, x);
    }
    return sy_plan_frame_return(f, y, err);
}

static double run_kernels(sy_hook *hook, sy_tensor *x)
{
    const syi_op *op = syi_op_get(SYI_OP_add);
    sy_value args[SYI_ARGUMENT_MAX], bound[SYI_ARGUMENT_MAX];
    args[0].kind = args[1].kind = (sy_value_kind)SYI_VALUE_ARRAY;
    args[0].as.internal = args[1].as.internal = syi_node_array(x->node);
    check(syi_ops_bind(hook->ops, op, args, 2, NULL, 0, bound, NULL), NULL);
    const double start = seconds();
    for (int k = 0; k < STEPS; k++) {
        syi_array out;
        syi_inference result = {.outs = &out};
        if (syi_op_infer(op, bound, &result, NULL) != SY_OK ||
            hook->framework->klass->run(hook->framework, hook->handles[SYI_OP_add], op, bound,
                                        false, &out, 1, &hook->account, NULL) != SY_OK) {
            abort();
        }
        syi_array_fini(&out);
    }
    return (seconds() - start) / STEPS;
}

static double run_scope(sy_hook *hook, sy_tensor *x, sy_error *err)
{
    sy_scope *s = sy_scope_begin(hook);
    const double start = seconds();
    sy_tensor *y = x;
    for (int k = 0; k < STEPS; k++) {
        sy_tensor *next = sy_scope_keep(s, sy_add(s, y, x));
        if (y != x) {
            sy_tensor_unref(y);
        }
        y = next;
    }
    sy_tensor_unref(y);
    check(sy_scope_end(s, err), err);
    return (seconds() - start) / STEPS;
}

static double run_plan(sy_plan *plan, sy_tensor *x, sy_error *err)
{
    sy_tensor *result = NULL;
    const sy_value arg = sy_value_tensor(x);
    const double start = seconds();
    check(sy_plan_run(plan, &arg, 1, NULL, &result, 1, NULL, err), err);
    const double each = (seconds() - start) / STEPS;
    sy_tensor_unref(result);
    return each;
}

int main(void)
{
    sy_error err = SY_ERROR_INIT;
    sy_context *context = NULL;
    sy_hook *hook = NULL;
    sy_plan *plan = NULL;
    sy_hook_options hook_options = SY_HOOK_OPTIONS_INIT;
    sy_plan_options options = SY_PLAN_OPTIONS_INIT;
    static const int64_t sizes[] = {1, 256, 16384, 262144};
    hook_options.verbose = false;
    options.forward = chain;
    check(sy_context_new(&context, NULL, &err), &err);
    check(sy_hook_new(context, &hook, &hook_options, &err), &err);
    check(sy_plan_new(hook, &plan, &options, &err), &err);
    check(sy_plan_build_shapes(plan, &(sy_plan_shape){SY_DTYPE_F32, 1, {-1}}, 1, &err), &err);
    printf("add, ns per operation, median of %d runs of %d: framework's run, in a scope, step of a "
           "plan\n",
           ROUNDS, STEPS);
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        static double times[3][ROUNDS];
        sy_tensor *x = NULL;
        const int rounds = sizes[k] > 10000 ? ROUNDS / 10 : ROUNDS;
        check(sy_tensor_new(hook, &x, SY_DTYPE_F32, 1, &sizes[k], NULL, &err), &err);
        for (int r = 0; r < rounds; r++) {
            times[0][r] = run_kernels(hook, x);
            times[1][r] = run_scope(hook, x, &err);
            times[2][r] = run_plan(plan, x, &err);
        }
        for (int w = 0; w < 3; w++) {
            qsort(times[w], (size_t)rounds, sizeof(double), compare);
        }
        printf("  %7lld elements: %8.0f %8.0f %8.0f\n", (long long)sizes[k],
               times[0][rounds / 2] * 1e9, times[1][rounds / 2] * 1e9, times[2][rounds / 2] * 1e9);
        sy_tensor_unref(x);
    }
    sy_plan_unref(plan);
    sy_hook_free(hook);
    sy_context_free(context);
    return 0;
}
