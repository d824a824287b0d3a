/* pate_tensors.c - PATE of 2017 on tensors. Face: csyft/pate.h. Test: pate_analysis_test.c. */
#include <csyft/pate.h>

#include <math.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"

#define INT64_END 9223372036854775808.0 /* 2^63 */

/* A native tensor's elements in one's own memory. */
typedef struct elements {
    sy_context *context;
    void *bytes;
    size_t size, count;
    sy_dtype dtype;
    int ndim;
    int64_t shape[SY_DIM_MAX];
} elements;

static void elements_fini(elements *e)
{
    syi_free_secret(e->context, e->bytes, e->size);
}

static sy_status elements_init(elements *e, sy_tensor *tensor, const char *name, int ndim,
                               sy_error *err)
{
    *e = (elements){.count = 1};
    if (tensor == NULL) {
        return syi_fail(err, SY_EINVAL, "%s is NULL", name);
    }
    e->context = sy_hook_get_context(sy_tensor_get_hook(tensor));
    SY_TRY(sy_tensor_get_shape(tensor, &e->ndim, e->shape, err));
    SY_TRY(sy_tensor_get_dtype(tensor, &e->dtype, err));
    if (e->ndim != ndim) {
        return syi_fail(err, SY_ESHAPE, "%s has %d dims, must have %d", name, e->ndim, ndim);
    }
    for (int d = 0; d < e->ndim; d++) {
        e->count *= (size_t)e->shape[d];
    }
    e->size = e->count * sy_dtype_size(e->dtype);
    e->bytes = syi_alloc_aligned(e->context, e->size, 16);
    if (e->bytes == NULL) {
        return SYI_ENOMEM(err, name);
    }
    const sy_status status = sy_tensor_copy_data(tensor, e->bytes, e->size, err);
    return status == SY_OK ? SY_OK : syi_error_prefix(err, status, "%s", name);
}

static double number_at(const elements *e, size_t k)
{
    switch (e->dtype) {
#define CASE(name, ctype, torch_name, bytes_, npy) \
    case SY_DTYPE_##name:                          \
        return (double)((const ctype *)e->bytes)[k];
        SY_DTYPE_MAP(CASE)
#undef CASE
    case SY_DTYPE_COUNT:
        break;
    }
    return NAN;
}

/* Elements as doubles. *numbers is freed by the caller, count of them. */
static sy_status take_numbers(const elements *e, double **numbers, const char *name, sy_error *err)
{
    *numbers = syi_alloc_array(e->context, e->count, sizeof **numbers);
    if (*numbers == NULL) {
        return SYI_ENOMEM(err, name);
    }
    for (size_t k = 0; k < e->count; k++) {
        (*numbers)[k] = number_at(e, k);
    }
    return SY_OK;
}

static sy_status take_integers(const elements *e, int64_t **integers, const char *name,
                               sy_error *err)
{
    *integers = syi_alloc_array(e->context, e->count, sizeof **integers);
    if (*integers == NULL) {
        return SYI_ENOMEM(err, name);
    }
    for (size_t k = 0; k < e->count; k++) {
        const double number = number_at(e, k);
        if (e->dtype == SY_DTYPE_I64) {
            (*integers)[k] = ((const int64_t *)e->bytes)[k];
        } else if (number == floor(number) && fabs(number) < INT64_END) {
            (*integers)[k] = (int64_t)number;
        } else {
            return syi_fail(err, SY_EINVAL, "%s: element %zu is %g, no whole number", name, k,
                            number);
        }
    }
    return SY_OK;
}

/* The counts of a call, which frees them. */
typedef struct counts {
    elements elements;
    double *numbers;
} counts;

static void counts_fini(counts *c)
{
    if (c->numbers != NULL) {
        syi_free_secret(c->elements.context, c->numbers, c->elements.count * sizeof *c->numbers);
    }
    elements_fini(&c->elements);
}

static sy_status counts_init(counts *c, sy_tensor *tensor, sy_error *err)
{
    c->numbers = NULL;
    sy_status status = elements_init(&c->elements, tensor, "counts", 1, err);
    if (status == SY_OK) {
        status = take_numbers(&c->elements, &c->numbers, "counts", err);
    }
    if (status != SY_OK) {
        counts_fini(c);
    }
    return status;
}

sy_status sy_pate_compute_q_noisy_max_torch(double *q, sy_tensor *tensor, double noise_eps,
                                            sy_error *err)
{
    counts c;
    SY_TRY(counts_init(&c, tensor, err));
    const sy_status status =
        sy_pate_compute_q_noisy_max(q, c.numbers, c.elements.count, noise_eps, err);
    counts_fini(&c);
    return status;
}

sy_status sy_pate_logmgf_exact_torch(double *logmgf, sy_tensor *q, double priv_eps, double l,
                                     unsigned *warnings, sy_error *err)
{
    double number = 0;
    if (q == NULL) {
        return syi_fail(err, SY_EINVAL, "logmgf_exact: q is NULL");
    }
    SY_TRY(sy_tensor_item(q, &number, err));
    return sy_pate_logmgf_exact(logmgf, number, priv_eps, l, warnings, err);
}

sy_status sy_pate_logmgf_from_counts_torch(double *logmgf, sy_tensor *tensor, double noise_eps,
                                           double l, unsigned *warnings, sy_error *err)
{
    counts c;
    SY_TRY(counts_init(&c, tensor, err));
    const sy_status status = sy_pate_logmgf_from_counts(logmgf, c.numbers, c.elements.count,
                                                        noise_eps, l, warnings, err);
    counts_fini(&c);
    return status;
}

sy_status sy_pate_sens_at_k_torch(double *sensitivity, sy_tensor *tensor, double noise_eps,
                                  double l, uint64_t k, unsigned *warnings, sy_error *err)
{
    counts c;
    SY_TRY(counts_init(&c, tensor, err));
    const sy_status status =
        sy_pate_sens_at_k(sensitivity, c.numbers, c.elements.count, noise_eps, l, k, warnings, err);
    counts_fini(&c);
    return status;
}

sy_status sy_pate_smooth_sens_torch(double *sensitivity, sy_tensor *tensor, double noise_eps,
                                    double l, double beta, unsigned *warnings, sy_error *err)
{
    counts c;
    SY_TRY(counts_init(&c, tensor, err));
    const sy_status status = sy_pate_smoothed_sens(sensitivity, c.numbers, c.elements.count,
                                                   noise_eps, l, beta, warnings, err);
    counts_fini(&c);
    return status;
}

/* `labels` freed by the caller whatever the outcome. */
static sy_status read_labels(elements *e, int64_t **labels, sy_tensor *tensor, const char *name,
                             int ndim, sy_error *err)
{
    SY_TRY(elements_init(e, tensor, name, ndim, err));
    return take_integers(e, labels, name, err);
}

static void free_labels(elements *e, int64_t *labels)
{
    if (labels != NULL) {
        syi_free_secret(e->context, labels, e->count * sizeof *labels);
    }
    if (e->bytes != NULL) {
        elements_fini(e);
    }
}

sy_status sy_pate_perform_analysis_torch(sy_pate_analysis *analysis, sy_tensor *predictions,
                                         sy_tensor *indices, const sy_pate_options *options,
                                         sy_error *err)
{
    elements p = {0}, i = {0};
    int64_t *labels = NULL, *rows = NULL;
    sy_status status = SY_OK;
    SY_GOTO(done, read_labels(&p, &labels, predictions, "perform_analysis: predictions", 2, err));
    if (indices != NULL) {
        SY_GOTO(done, read_labels(&i, &rows, indices, "perform_analysis: indices", 1, err));
        if (i.shape[0] != p.shape[1]) {
            status = syi_fail(err, SY_ESHAPE, "perform_analysis: %lld indices for %lld examples",
                              (long long)i.shape[0], (long long)p.shape[1]);
            goto done;
        }
    }
    status = sy_pate_perform_analysis(p.context, analysis, labels, (size_t)p.shape[0],
                                      (size_t)p.shape[1], rows, options, err);
done:
    free_labels(&i, rows);
    free_labels(&p, labels);
    return status;
}
