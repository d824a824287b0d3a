/*
 * loss.c - nll_loss with its backward half. Losses that compare element by element: element_loss.c.
 * Test: loss_test.c; answers of torch: tests/vectors/ops.
 */
#include "frameworks/cpu/cpu.h"
#include "ops/infer.h"
#include <assert.h>

/* Scores of rows in classes, and the class of each row. */
typedef struct nll_problem {
    syi_reduction how;
    int64_t rows, classes;
    syi_array scores; /* in the result's dtype, packed */
    syi_array target; /* int64, packed */
} nll_problem;

static void close_problem(nll_problem *problem)
{
    syi_array_fini(&problem->scores);
    syi_array_fini(&problem->target);
}

static sy_status check_target(const syi_cpu_call *call, const nll_problem *problem)
{
    const int64_t *classes = syi_array_data(&problem->target);
    assert(syi_array_numel(&problem->target) == problem->rows);
    for (int64_t i = 0; i < problem->rows; i++) {
        if (classes[i] < 0 || classes[i] >= problem->classes) {
            return syi_fail(call->err, SY_ERANGE, "target %lld is class %lld of %lld classes",
                            (long long)i, (long long)classes[i], (long long)problem->classes);
        }
    }
    return SY_OK;
}

/* scores and target at args[at], args[at + 1], the reduction after them. On failure nothing is held. */
static sy_status open_problem(const syi_cpu_call *call, nll_problem *problem, int at)
{
    const syi_array *scores = syi_cpu_array(&call->args[at]);
    const syi_array *target = syi_cpu_array(&call->args[at + 1]);
    const sy_dtype dtype = call->outs[0].dtype;
    *problem = (nll_problem){.rows = scores->ndim == 2 ? scores->shape[0] : 1,
                             .classes = scores->shape[scores->ndim - 1]};
    if (!sy_dtype_is_floating(dtype)) {
        return syi_cpu_refuse_dtype(call, dtype);
    }
    SY_TRY(syi_argument_reduction(&call->args[at + 2], &problem->how, call->err));
    sy_status status;
    SY_GOTO(failed, syi_cpu_convert(call, &problem->scores, scores, dtype, true));
    SY_GOTO(failed, syi_cpu_convert(call, &problem->target, target, SY_DTYPE_I64, true));
    SY_GOTO(failed, check_target(call, problem));
    return SY_OK;
failed:
    close_problem(problem);
    return status;
}

/* Where the score of a row's own class stands. */
static int64_t score_at(const nll_problem *problem, int64_t row)
{
    const int64_t *classes = syi_array_data(&problem->target);
    return row * problem->classes + classes[row];
}

static double load_real(const syi_array *packed, int64_t i)
{
    return packed->dtype == SY_DTYPE_F32 ? (double)((const float *)syi_array_data(packed))[i]
                                         : ((const double *)syi_array_data(packed))[i];
}

static void store_real(const syi_array *packed, int64_t i, double value)
{
    if (packed->dtype == SY_DTYPE_F32) {
        ((float *)syi_array_data(packed))[i] = (float)value;
    } else {
        ((double *)syi_array_data(packed))[i] = value;
    }
}

sy_status syi_cpu_nll_loss(const syi_cpu_call *call)
{
    const syi_array *out = &call->outs[0];
    nll_problem problem;
    SY_TRY(open_problem(call, &problem, 0));
    const int64_t n = problem.rows;
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        double loss = -load_real(&problem.scores, score_at(&problem, i));
        sum += loss;
        if (problem.how == SYI_REDUCTION_NONE) {
            store_real(out, i, loss);
        }
    }
    if (problem.how != SYI_REDUCTION_NONE) {
        store_real(out, 0, problem.how == SYI_REDUCTION_MEAN ? sum / (double)n : sum);
    }
    close_problem(&problem);
    return SY_OK;
}

/* grad_output has one element, or with "none" one per row. */
sy_status syi_cpu_nll_loss_backward(const syi_cpu_call *call)
{
    const syi_array *out = &call->outs[0];
    const syi_array *given = syi_cpu_array(&call->args[0]);
    nll_problem problem;
    SY_TRY(open_problem(call, &problem, 1));
    const int64_t n = problem.rows;
    syi_array gradient = SYI_ARRAY_INIT;
    sy_status status;
    SY_GOTO(done, syi_cpu_convert(call, &gradient, given, out->dtype, true));
    const bool each = problem.how == SYI_REDUCTION_NONE;
    assert(syi_array_numel(&gradient) == (each ? n : 1));
    syi_cpu_clear(out);
    for (int64_t i = 0; i < n; i++) {
        double g = -load_real(&gradient, each ? i : 0);
        store_real(out, score_at(&problem, i),
                   problem.how == SYI_REDUCTION_MEAN ? g / (double)n : g);
    }
done:
    syi_array_fini(&gradient);
    close_problem(&problem);
    return status;
}
