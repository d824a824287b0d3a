/*
 * normalization.c - batch and layer normalization with their backward halves (Ioffe and Szegedy, "Batch
 * Normalization", 2015; Ba, Kiros, Hinton, "Layer Normalization", 2016). Means and variances are summed in double,
 * the variance around the mean. Answers of torch: tests/vectors/ops/kernels/norms.txt, replayed by vectors_test.c.
 */
#include <math.h>
#include <string.h>

#include "frameworks/cpu/cpu.h"

/* Packed elements of either float dtype. */
typedef struct reals {
    float *singles;
    double *doubles;
} reals;

static reals reals_of(const syi_array *array)
{
    reals r = {NULL, NULL};
    if (array->storage != NULL) {
        if (array->dtype == SY_DTYPE_F32) {
            r.singles = syi_array_data(array);
        } else {
            r.doubles = syi_array_data(array);
        }
    }
    return r;
}

static bool is_empty(reals r)
{
    return r.singles == NULL && r.doubles == NULL;
}

static inline double get(reals r, int64_t i)
{
    return r.singles != NULL ? (double)r.singles[i] : r.doubles[i];
}

static inline void set(reals r, int64_t i, double x)
{
    if (r.singles != NULL) {
        r.singles[i] = (float)x;
    } else {
        r.doubles[i] = x;
    }
}

static reals at(reals r, int64_t i)
{
    return (reals){r.singles != NULL ? r.singles + i : NULL,
                   r.doubles != NULL ? r.doubles + i : NULL};
}

/* A parameter's element, or what stands for one that was left out. */
static double element(reals r, int64_t i, double otherwise)
{
    return is_empty(r) ? otherwise : get(r, i);
}

/* Sums over a run of n elements. */
#define DEFINE_RUNS(name, T)                                                                    \
    SYI_CLONES static double sum_##name(int64_t n, const T *a, double mean, int power)          \
    {                                                                                           \
        double lanes[8] = {0}, sum = 0;                                                         \
        int64_t i = 0;                                                                          \
        for (; i + 8 <= n; i += 8) {                                                            \
            for (int l = 0; l < 8; l++) {                                                       \
                const double x = (double)a[i + l] - mean;                                       \
                lanes[l] += power == 2 ? x * x : x;                                             \
            }                                                                                   \
        }                                                                                       \
        for (; i < n; i++) {                                                                    \
            const double x = (double)a[i] - mean;                                               \
            sum += power == 2 ? x * x : x;                                                      \
        }                                                                                       \
        for (int l = 0; l < 8; l++) {                                                           \
            sum += lanes[l];                                                                    \
        }                                                                                       \
        return sum;                                                                             \
    }                                                                                           \
    /* sum of b (a - mean) */                                                                   \
    SYI_CLONES static double product_##name(int64_t n, const T *a, const T *b, double mean)     \
    {                                                                                           \
        double lanes[8] = {0}, sum = 0;                                                         \
        int64_t i = 0;                                                                          \
        for (; i + 8 <= n; i += 8) {                                                            \
            for (int l = 0; l < 8; l++) {                                                       \
                lanes[l] += (double)b[i + l] * ((double)a[i + l] - mean);                       \
            }                                                                                   \
        }                                                                                       \
        for (; i < n; i++) {                                                                    \
            sum += (double)b[i] * ((double)a[i] - mean);                                        \
        }                                                                                       \
        for (int l = 0; l < 8; l++) {                                                           \
            sum += lanes[l];                                                                    \
        }                                                                                       \
        return sum;                                                                             \
    }                                                                                           \
    /* out = a factor + b more + shift; b may be NULL */                                        \
    SYI_CLONES static void blend_##name(int64_t n, T *restrict out, const T *restrict a,        \
                                        double factor, const T *restrict b, double more,        \
                                        double shift)                                           \
    {                                                                                           \
        if (b == NULL) {                                                                        \
            for (int64_t i = 0; i < n; i++) {                                                   \
                out[i] = (T)((double)a[i] * factor + shift);                                    \
            }                                                                                   \
            return;                                                                             \
        }                                                                                       \
        for (int64_t i = 0; i < n; i++) {                                                       \
            out[i] = (T)((double)a[i] * factor + (double)b[i] * more + shift);                  \
        }                                                                                       \
    }                                                                                           \
    /* out = (a - mean) inverse weight + bias; weight or bias may be NULL */                    \
    SYI_CLONES static void affine_##name(int64_t n, T *restrict out, const T *restrict a,       \
                                         double mean, double inverse, const T *restrict weight, \
                                         const T *restrict bias)                                \
    {                                                                                           \
        if (weight != NULL && bias != NULL) {                                                   \
            for (int64_t i = 0; i < n; i++) {                                                   \
                out[i] =                                                                        \
                    (T)(((double)a[i] - mean) * inverse * (double)weight[i] + (double)bias[i]); \
            }                                                                                   \
            return;                                                                             \
        }                                                                                       \
        for (int64_t i = 0; i < n; i++) {                                                       \
            const double w = weight != NULL ? (double)weight[i] : 1;                            \
            const double b = bias != NULL ? (double)bias[i] : 0;                                \
            out[i] = (T)(((double)a[i] - mean) * inverse * w + b);                              \
        }                                                                                       \
    }
DEFINE_RUNS(F32, float)
DEFINE_RUNS(F64, double)

static double sum_run(int64_t n, reals a, double mean, int power)
{
    return a.singles != NULL ? sum_F32(n, a.singles, mean, power)
                             : sum_F64(n, a.doubles, mean, power);
}

static double product_run(int64_t n, reals a, reals b, double mean)
{
    return a.singles != NULL ? product_F32(n, a.singles, b.singles, mean)
                             : product_F64(n, a.doubles, b.doubles, mean);
}

static void blend_run(int64_t n, reals out, reals a, double factor, reals b, double more,
                      double shift)
{
    if (out.singles != NULL) {
        blend_F32(n, out.singles, a.singles, factor, b.singles, more, shift);
    } else {
        blend_F64(n, out.doubles, a.doubles, factor, b.doubles, more, shift);
    }
}

static void affine_run(int64_t n, reals out, reals a, double mean, double inverse, reals weight,
                       reals bias)
{
    if (out.singles != NULL) {
        affine_F32(n, out.singles, a.singles, mean, inverse, weight.singles, bias.singles);
    } else {
        affine_F64(n, out.doubles, a.doubles, mean, inverse, weight.doubles, bias.doubles);
    }
}

/* An optional argument, packed; without storage when it was left out. */
static sy_status take(const syi_cpu_call *call, syi_array *packed, int argument)
{
    const syi_array *from = syi_cpu_array(&call->args[argument]);
    *packed = (syi_array)SYI_ARRAY_INIT;
    return from != NULL ? syi_cpu_convert(call, packed, from, call->outs[0].dtype, true) : SY_OK;
}

enum { TAKEN_MAX = 7 };

/* Arguments of one call, packed. */
typedef struct taken {
    syi_array arrays[TAKEN_MAX];
    reals reals[TAKEN_MAX];
    int count;
} taken;

static void drop(taken *t)
{
    while (t->count > 0) {
        syi_array_fini(&t->arrays[--t->count]);
    }
}

/* arguments: places in the schema. On failure nothing is held. */
static sy_status take_all(const syi_cpu_call *call, taken *t, int count, const int *arguments)
{
    t->count = 0;
    for (int k = 0; k < count; k++) {
        const sy_status status = take(call, &t->arrays[k], arguments[k]);
        if (status != SY_OK) {
            drop(t);
            return status;
        }
        t->reals[k] = reals_of(&t->arrays[k]);
        t->count++;
    }
    return SY_OK;
}

/* Batch normalization */

/* Channel c of image n is the run at (n * channels + c) * run. */
typedef struct batch {
    int64_t images, channels, run;
} batch;

static batch batch_of(const syi_array *input)
{
    batch b = {input->shape[0], input->shape[1], 1};
    for (int d = 2; d < input->ndim; d++) {
        b.run *= input->shape[d];
    }
    return b;
}

/* Sum over a channel of (a - mean)^power. */
static double sum_channel(const batch *b, reals a, int64_t channel, double mean, int power)
{
    double sum = 0;
    for (int64_t n = 0; n < b->images; n++) {
        sum += sum_run(b->run, at(a, (n * b->channels + channel) * b->run), mean, power);
    }
    return sum;
}

/* Without an argument's storage its part of the results is empty. */
static reals out_reals(const syi_cpu_call *call, int k)
{
    const syi_array *out = &call->outs[k];
    return syi_array_numel(out) > 0 ? reals_of(out) : (reals){NULL, NULL};
}

/* out, save_mean, save_invstd, running_mean_out, running_var_out */
sy_status syi_cpu_batch_norm(const syi_cpu_call *call)
{
    enum { INPUT, WEIGHT, BIAS, MEAN, VARIANCE };
    static const int arguments[] = {0, 1, 2, 3, 4};
    const batch b = batch_of(syi_cpu_array(&call->args[0]));
    const bool training = call->args[5].as.boolean;
    const double momentum = call->args[6].as.real, eps = call->args[7].as.real;
    const double count = (double)b.images * (double)b.run;
    taken t;
    SY_TRY(take_all(call, &t, 5, arguments));
    const reals out = reals_of(&call->outs[0]), save_mean = out_reals(call, 1),
                save_invstd = out_reals(call, 2), new_mean = out_reals(call, 3),
                new_variance = out_reals(call, 4);
    for (int64_t c = 0; c < b.channels; c++) {
        double mean, variance;
        if (training) {
            mean = sum_channel(&b, t.reals[INPUT], c, 0, 1) / count;
            const double squares = sum_channel(&b, t.reals[INPUT], c, mean, 2);
            variance = squares / count;
            set(save_mean, c, mean);
            set(save_invstd, c, 1 / sqrt(variance + eps));
            if (!is_empty(new_mean)) {
                set(new_mean, c, momentum * mean + (1 - momentum) * get(t.reals[MEAN], c));
                set(new_variance, c,
                    momentum * squares / (count - 1) + (1 - momentum) * get(t.reals[VARIANCE], c));
            }
        } else {
            mean = get(t.reals[MEAN], c);
            variance = get(t.reals[VARIANCE], c);
        }
        const double factor = element(t.reals[WEIGHT], c, 1) / sqrt(variance + eps);
        const double shift = element(t.reals[BIAS], c, 0) - mean * factor;
        for (int64_t n = 0; n < b.images; n++) {
            const int64_t first = (n * b.channels + c) * b.run;
            blend_run(b.run, at(out, first), at(t.reals[INPUT], first), factor, (reals){NULL, NULL},
                      0, shift);
        }
    }
    drop(&t);
    return SY_OK;
}

/* grad_input, grad_weight, grad_bias. With x' = (x - mean) invstd:
 * training: weight invstd (g - mean(g) - x' mean(g x')); otherwise weight invstd g. */
sy_status syi_cpu_batch_norm_backward(const syi_cpu_call *call)
{
    enum { GRAD, INPUT, WEIGHT, MEAN, SPREAD };
    const bool training = call->args[7].as.boolean;
    const int arguments[] = {0, 1, 2, training ? 5 : 3, training ? 6 : 4};
    const batch b = batch_of(syi_cpu_array(&call->args[1]));
    const double eps = call->args[8].as.real, count = (double)b.images * (double)b.run;
    taken t;
    SY_TRY(take_all(call, &t, 5, arguments));
    const reals out = out_reals(call, 0), of_weight = out_reals(call, 1),
                of_bias = out_reals(call, 2), grad = t.reals[GRAD], input = t.reals[INPUT];
    for (int64_t c = 0; c < b.channels; c++) {
        const double mean = get(t.reals[MEAN], c), spread = get(t.reals[SPREAD], c);
        const double inverse = training ? spread : 1 / sqrt(spread + eps);
        double dot = 0;
        const double sum = sum_channel(&b, grad, c, 0, 1);
        for (int64_t n = 0; n < b.images; n++) {
            const int64_t first = (n * b.channels + c) * b.run;
            dot += product_run(b.run, at(input, first), at(grad, first), mean);
        }
        if (!is_empty(of_weight)) {
            set(of_weight, c, dot * inverse);
        }
        if (!is_empty(of_bias)) {
            set(of_bias, c, sum);
        }
        const double factor = element(t.reals[WEIGHT], c, 1) * inverse;
        const double slope = training ? -factor * dot * inverse * inverse / count : 0;
        const double shift = training ? -factor * sum / count - slope * mean : 0;
        for (int64_t n = 0; n < b.images && !is_empty(out); n++) {
            const int64_t first = (n * b.channels + c) * b.run;
            blend_run(b.run, at(out, first), at(grad, first), factor,
                      training ? at(input, first) : (reals){NULL, NULL}, slope, shift);
        }
    }
    drop(&t);
    return SY_OK;
}

/* Layer normalization */

static int64_t run_length(const sy_value *normalized)
{
    const sy_value *items =
        normalized->kind == SY_VALUE_LIST ? normalized->as.list.items : normalized;
    const size_t count = normalized->kind == SY_VALUE_LIST ? normalized->as.list.count : 1;
    int64_t length = 1;
    for (size_t k = 0; k < count; k++) {
        length *= items[k].as.integer;
    }
    return length;
}

/* out, mean, rstd */
sy_status syi_cpu_layer_norm(const syi_cpu_call *call)
{
    enum { INPUT, WEIGHT, BIAS };
    static const int arguments[] = {0, 2, 3};
    const int64_t run = run_length(&call->args[1]);
    const int64_t rows = syi_array_numel(&call->outs[1]);
    const double eps = call->args[4].as.real;
    taken t;
    SY_TRY(take_all(call, &t, 3, arguments));
    const reals out = reals_of(&call->outs[0]), means = reals_of(&call->outs[1]),
                inverses = reals_of(&call->outs[2]);
    for (int64_t i = 0; i < rows; i++) {
        const reals in = at(t.reals[INPUT], i * run), to = at(out, i * run);
        const double mean = sum_run(run, in, 0, 1) / (double)run;
        const double inverse = 1 / sqrt(sum_run(run, in, mean, 2) / (double)run + eps);
        set(means, i, mean);
        set(inverses, i, inverse);
        affine_run(run, to, in, mean, inverse, t.reals[WEIGHT], t.reals[BIAS]);
    }
    drop(&t);
    return SY_OK;
}

/* grad_input, grad_weight, grad_bias. With x' = (x - mean) rstd and h = g weight:
 * rstd (h - mean(h) - x' mean(h x')). */
sy_status syi_cpu_layer_norm_backward(const syi_cpu_call *call)
{
    enum { GRAD, INPUT, MEAN, INVERSE, WEIGHT };
    static const int arguments[] = {0, 1, 3, 4, 5};
    const int64_t run = run_length(&call->args[2]);
    const int64_t rows = syi_array_numel(syi_cpu_array(&call->args[3]));
    taken t;
    syi_array apart = SYI_ARRAY_INIT;
    SY_TRY(take_all(call, &t, 5, arguments));
    const reals out = out_reals(call, 0), of_weight = out_reals(call, 1),
                of_bias = out_reals(call, 2), weight = t.reals[WEIGHT];
    const int64_t shape[2] = {2, run};
    const sy_status status = syi_cpu_temporary(call, &apart, SY_DTYPE_F64, 2, shape);
    if (status != SY_OK) {
        drop(&t);
        return status;
    }
    double *totals = syi_array_data(&apart);
    for (int64_t k = 0; k < 2 * run; k++) {
        totals[k] = 0;
    }
    for (int64_t i = 0; i < rows; i++) {
        const reals grad = at(t.reals[GRAD], i * run), in = at(t.reals[INPUT], i * run);
        const double mean = get(t.reals[MEAN], i), inverse = get(t.reals[INVERSE], i);
        double sum = 0, dot = 0;
        for (int64_t k = 0; k < run; k++) {
            const double g = get(grad, k), x = (get(in, k) - mean) * inverse;
            const double h = g * element(weight, k, 1);
            sum += h;
            dot += h * x;
            totals[k] += g * x;
            totals[run + k] += g;
        }
        for (int64_t k = 0; k < run && !is_empty(out); k++) {
            const double x = (get(in, k) - mean) * inverse;
            set(out, i * run + k,
                inverse * (get(grad, k) * element(weight, k, 1) - (sum + x * dot) / (double)run));
        }
    }
    for (int64_t k = 0; k < run; k++) {
        if (!is_empty(of_weight)) {
            set(of_weight, k, totals[k]);
        }
        if (!is_empty(of_bias)) {
            set(of_bias, k, totals[run + k]);
        }
    }
    syi_array_fini(&apart);
    drop(&t);
    return SY_OK;
}
