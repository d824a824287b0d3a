/*
 * products_bench.c - fixed precision against the integer kernels it stands on: mul, add, matmul as ratios. One
 * argument: seconds per measurement (default 0.3).
 */
#include <csyft/operations.h>
#include <csyft/precision.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

typedef sy_tensor *(*binary)(sy_scope *s, sy_tensor *a, sy_tensor *b);

/* Seconds of one call, the best of several stretches. */
static double measure(sy_hook *hook, binary f, sy_tensor *a, double seconds)
{
    double best = 1e9;
    for (const double end = now() + seconds; now() < end;) {
        sy_scope *s = sy_scope_begin(hook);
        const double start = now();
        (void)f(s, a, a);
        const double took = now() - start;
        sy_error err = SY_ERROR_INIT;
        if (sy_scope_end(s, &err) != SY_OK) {
            fprintf(stderr, "%s\n", err.message);
            exit(1);
        }
        best = took < best ? took : best;
    }
    return best;
}

static void compare(sy_hook *hook, const char *name, binary f, int64_t rows, double seconds)
{
    const int64_t shape[] = {rows, rows};
    sy_error err = SY_ERROR_INIT;
    sy_tensor *fixed = NULL;
    sy_scope *s = sy_scope_begin(hook);
    sy_tensor *floats = sy_sub_scalar(s, sy_mul_int(s, sy_rand(s, SY_DTYPE_F32, 2, shape), 8), 4);
    sy_tensor *ints = sy_to(s, sy_mul_int(s, floats, 1000), SY_DTYPE_I64);
    if (ints == NULL || sy_tensor_fix_precision(floats, &fixed, NULL, &err) != SY_OK) {
        exit(1);
    }
    const double plain = measure(hook, f, ints, seconds), ours = measure(hook, f, fixed, seconds);
    printf("%-7s %4lld x %-4lld  int64 %9.1f us   fixed precision %9.1f us   ratio %.2f\n", name,
           (long long)rows, (long long)rows, plain * 1e6, ours * 1e6, ours / plain);
    sy_tensor_unref(fixed);
    (void)sy_scope_end(s, NULL);
}

int main(int argc, char **argv)
{
    const double seconds = argc > 1 ? atof(argv[1]) : 0.3;
    sy_context *context = NULL;
    sy_hook *hook = NULL;
    sy_hook_options options = SY_HOOK_OPTIONS_INIT;
    sy_error err = SY_ERROR_INIT;
    options.verbose = false;
    if (sy_context_new(&context, NULL, &err) != SY_OK ||
        sy_hook_new(context, &hook, &options, &err) != SY_OK) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    for (int64_t rows = 10; rows <= 1000; rows *= 10) {
        compare(hook, "add", sy_add, rows, seconds);
        compare(hook, "mul", sy_mul, rows, seconds);
    }
    for (int64_t rows = 16; rows <= 512; rows *= 2) {
        compare(hook, "matmul", sy_matmul, rows, seconds);
    }
    sy_hook_free(hook);
    sy_context_free(context);
    return 0;
}
