/*
 * sets.c - equal elements counted: bincount, unique, unique_consecutive. The number of results is found first, so that
 * it is charged for before it exists. NaN equals nothing, itself included. Answers of torch: tests/vectors/ops.
 */
#include <string.h>

#include "frameworks/cpu/cpu.h"
#include "frameworks/cpu/loops.h"

/* --- bincount ------------------------------------------------------------------------------------ */

static void count_places(const int64_t *places, int64_t n, const double *weights,
                         const syi_array *out)
{
    double *sums = syi_array_data(out);
    int64_t *counts = syi_array_data(out);
    for (int64_t i = 0; i < n; i++) {
        if (weights != NULL) {
            sums[places[i]] += weights[i];
        } else {
            counts[places[i]]++;
        }
    }
}

/* *bins: one more than the largest place, or `least`. */
static sy_status find_bins(const syi_cpu_call *call, const int64_t *places, int64_t n,
                           int64_t least, int64_t *bins)
{
    *bins = least;
    for (int64_t i = 0; i < n; i++) {
        if (places[i] < 0 || places[i] == INT64_MAX) {
            return syi_fail(call->err, SY_ERANGE, "element %lld cannot be counted",
                            (long long)places[i]);
        }
        *bins = places[i] >= *bins ? places[i] + 1 : *bins;
    }
    return SY_OK;
}

/* self weights minlength; weights are added up in double. */
sy_status syi_cpu_bincount(const syi_cpu_call *call)
{
    const syi_array *self = syi_cpu_array(&call->args[0]), *given = syi_cpu_array(&call->args[1]);
    syi_array *out = &call->outs[0];
    syi_array places = SYI_ARRAY_INIT, weights = SYI_ARRAY_INIT, sums = SYI_ARRAY_INIT;
    const int64_t n = syi_array_numel(self);
    int64_t bins;
    sy_status status;
    if (n == 0) {
        syi_cpu_clear(out);
        return SY_OK;
    }
    SY_TRY(syi_cpu_convert(call, &places, self, SY_DTYPE_I64, true));
    SY_GOTO(done, find_bins(call, syi_array_data(&places), n, call->args[2].as.integer, &bins));
    SY_GOTO(done, syi_cpu_allocate(call, 0, 1, &bins));
    if (given != NULL) {
        SY_GOTO(done, syi_cpu_convert(call, &weights, given, SY_DTYPE_F64, true));
        SY_GOTO(done, syi_cpu_temporary(call, &sums, SY_DTYPE_F64, 1, &bins));
    }
    const syi_array *to = given != NULL ? &sums : out;
    syi_cpu_clear(to);
    count_places(syi_array_data(&places), n, given != NULL ? syi_array_data(&weights) : NULL, to);
    if (given != NULL) {
        syi_array_assign(out, &sums);
    }
    status = SY_OK;
done:
    syi_array_fini(&sums);
    syi_array_fini(&weights);
    syi_array_fini(&places);
    return status;
}

/* --- unique -------------------------------------------------------------------------------------- */

/* groups[i]: which of the different elements the i-th in `order` is; NULL is the order they lie in. */
#define DEFINE_GROUPS(name, T, LOAD)                                                          \
    static void groups_##name(int64_t n, const void *data, const int64_t *order, int64_t *to) \
    {                                                                                         \
        const T *x = data;                                                                    \
        int64_t group = 0;                                                                    \
        for (int64_t i = 0; i < n; i++) {                                                     \
            const int64_t at = order != NULL ? order[i] : i;                                  \
            const int64_t before = i == 0 ? at : order != NULL ? order[i - 1] : i - 1;        \
            group += i > 0 && !(LOAD(x[at]) == LOAD(x[before]));                              \
            to[i] = group;                                                                    \
        }                                                                                     \
    }
#define TRUTH(x) ((x) != 0)
#define ITSELF(x) (x)
#define GROUPS(name, T, W, unused) DEFINE_GROUPS(name, T, ITSELF)
DEFINE_GROUPS(BOOL, uint8_t, TRUTH)
SYI_CPU_INTEGERS(GROUPS, )
SYI_CPU_FLOATS(GROUPS, )
#define GROUPS_ENTRY(name, T, W, op) [SY_DTYPE_##name] = groups_##name,
typedef void (*groups_fn)(int64_t n, const void *data, const int64_t *order, int64_t *to);
static const groups_fn groups_of[SY_DTYPE_COUNT] = {SYI_CPU_ALL(GROUPS_ENTRY, )};

/* Positions of the packed vector's elements in ascending order: the kernel of argsort. */
static sy_status sort_positions(const syi_cpu_call *call, const syi_array *line, syi_array *order)
{
    const sy_value args[3] = {syi_cpu_value(line), sy_value_int(0), sy_value_bool(false)};
    SY_TRY(syi_cpu_temporary(call, order, SY_DTYPE_I64, 1, line->shape));
    syi_cpu_call sorting = *call;
    sorting.op = syi_op_get(SYI_OP_argsort);
    sorting.args = args;
    sorting.outs = order;
    sorting.out_count = 1;
    const sy_status status = syi_cpu_sort(&sorting);
    if (status != SY_OK) {
        syi_array_fini(order);
    }
    return status;
}

/* What is asked for besides the values: results, or -1. */
typedef struct wishes {
    int inverse, counts;
} wishes;

static wishes read_wishes(const syi_cpu_call *call)
{
    const sy_value *asked = &call->args[call->op->id == SYI_OP_unique ? 2 : 1];
    const bool inverse = asked[0].as.boolean, counts = asked[1].as.boolean;
    return (wishes){.inverse = inverse ? 1 : -1, .counts = counts ? 1 + inverse : -1};
}

static void write_groups(const syi_cpu_call *call, const wishes *w, const syi_array *line,
                         const int64_t *order, const int64_t *groups)
{
    const size_t size = sy_dtype_size(line->dtype);
    const char *from = syi_array_data(line);
    char *values = syi_array_data(&call->outs[0]);
    int64_t *inverse = w->inverse >= 0 ? syi_array_data(&call->outs[w->inverse]) : NULL;
    int64_t *counts = w->counts >= 0 ? syi_array_data(&call->outs[w->counts]) : NULL;
    for (int64_t i = 0; i < line->shape[0]; i++) {
        const int64_t at = order != NULL ? order[i] : i, group = groups[i];
        const bool first = i == 0 || groups[i - 1] != group;
        if (first) {
            memcpy(values + group * (int64_t)size, from + at * (int64_t)size, size);
        }
        if (inverse != NULL) {
            inverse[at] = group;
        }
        if (counts != NULL) {
            counts[group] = first ? 1 : counts[group] + 1;
        }
    }
}

/* self [sorted] return_inverse return_counts; what unique returns is sorted in any case. */
sy_status syi_cpu_unique(const syi_cpu_call *call)
{
    const syi_array *self = syi_cpu_array(&call->args[0]);
    const int64_t n = syi_array_numel(self);
    const wishes w = read_wishes(call);
    syi_array line = SYI_ARRAY_INIT, order = SYI_ARRAY_INIT, groups = SYI_ARRAY_INIT;
    sy_status status;
    SY_TRY(syi_cpu_convert(call, &line, self, self->dtype, true));
    line.ndim = 1;
    line.shape[0] = n;
    line.strides[0] = 1;
    if (call->op->id == SYI_OP_unique) {
        SY_GOTO(done, sort_positions(call, &line, &order));
    }
    const int64_t *sorted = order.storage != NULL ? syi_array_data(&order) : NULL;
    SY_GOTO(done, syi_cpu_temporary(call, &groups, SY_DTYPE_I64, 1, &n));
    int64_t *numbers = syi_array_data(&groups);
    groups_of[self->dtype](n, syi_array_data(&line), sorted, numbers);
    const int64_t count = n > 0 ? numbers[n - 1] + 1 : 0;
    SY_GOTO(done, syi_cpu_allocate(call, 0, 1, &count));
    if (w.counts >= 0) {
        SY_GOTO(done, syi_cpu_allocate(call, w.counts, 1, &count));
    }
    write_groups(call, &w, &line, sorted, numbers);
done:
    syi_array_fini(&groups);
    syi_array_fini(&order);
    syi_array_fini(&line);
    return status;
}
