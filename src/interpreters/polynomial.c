/* polynomial.c - pieces on tensors of any chain, and named functions. Face: csyft/polynomial.h. Fitting is
 * polynomial_fit.c. Test: polynomial_test.c. */
#include <csyft/polynomial.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <csyft/operations.h>
#include <csyft/pointer.h>
#include <csyft/precision.h>

#include "core/error.h"
#include "core/memory.h"

#define NAME_SIZE 64
#define PIECES_MAX 64

/* On tensors */

static sy_tensor *refuse(sy_scope *s, sy_status status, const char *sentence)
{
    sy_error error = SY_ERROR_INIT;
    syi_fail(&error, status, "polynomial: %s", sentence);
    sy_scope_fail(s, &error);
    return NULL;
}

/* Values beyond the ends become the ends; with nothing but relu, which every chain knows. */
static sy_tensor *clamp(sy_scope *s, sy_tensor *t)
{
    sy_tensor *above = sy_relu(s, sy_add_int(s, t, 1));
    sy_tensor *beyond = sy_relu(s, sy_sub_int(s, t, 1));
    return sy_sub_int(s, sy_sub(s, above, beyond), 1);
}

/* Horner's scheme in t, which is in [-1, 1], where nothing grows. */
static sy_tensor *horner(sy_scope *s, sy_tensor *x, const sy_polynomial_piece *piece)
{
    const double half = (piece->max - piece->min) / 2, middle = (piece->max + piece->min) / 2;
    sy_tensor *t = clamp(s, sy_div_scalar(s, sy_sub_scalar(s, x, middle), half));
    const double *c = piece->centered;
    sy_tensor *sum = sy_add_scalar(s, sy_mul_int(s, t, 0), c[piece->degree]);
    for (int k = piece->degree - 1; k >= 0; k--) {
        sum = sy_add_scalar(s, sy_mul(s, sum, t), c[k]);
    }
    return sum;
}

/* 1 where x lies in the piece, 0 elsewhere; numbers of the chain's own kind. */
static sy_tensor *inside(sy_scope *s, sy_tensor *x, const sy_polynomial_piece *piece)
{
    sy_tensor *above = sy_to(s, sy_ge_scalar(s, x, piece->min), SY_DTYPE_F32);
    return sy_mul(s, above, sy_to(s, sy_le_scalar(s, x, piece->max), SY_DTYPE_F32));
}

/* Is every element of `taken`, of 0 and 1, a 1? Asked only of what is here. */
static void check_taken(sy_scope *s, sy_tensor *taken)
{
    int ndim = 0;
    int64_t shape[SY_DIM_MAX], count = 1;
    double least = 1;
    sy_error error = SY_ERROR_INIT;
    if (sy_scope_get_status(s) != SY_OK) {
        return;
    }
    if (sy_tensor_is_fixed_precision(taken)) {
        taken = sy_float_precision(s, taken);
    }
    if (taken == NULL || sy_tensor_is_wrapper(taken) ||
        sy_tensor_get_shape(taken, &ndim, shape, &error) != SY_OK) {
        return;
    }
    for (int d = 0; d < ndim; d++) {
        count *= shape[d];
    }
    sy_tensor *lowest = count > 0 ? sy_min(s, taken) : NULL;
    if (lowest != NULL && sy_tensor_item(lowest, &least, &error) == SY_OK && least < 0.5) {
        (void)refuse(s, SY_ERANGE, "an element lies in none of the pieces");
    }
}

static bool is_elsewhere(sy_tensor *x)
{
    return sy_tensor_is_wrapper(x) && !sy_tensor_is_fixed_precision(x);
}

sy_tensor *sy_polynomial_evaluate(sy_scope *s, sy_tensor *x, const sy_polynomial_piece *pieces,
                                  size_t count)
{
    if (x == NULL || count == 0 || count > PIECES_MAX) {
        return refuse(s, SY_EINVAL,
                      x == NULL ? "the tensor is NULL" : "1 to 64 pieces are possible");
    }
    if (count == 1 && is_elsewhere(x)) {
        return horner(s, x, pieces);
    }
    sy_tensor *taken = NULL, *sum = NULL;
    for (size_t k = 0; k < count && sy_scope_get_status(s) == SY_OK; k++) {
        sy_tensor *mask = inside(s, x, &pieces[k]);
        mask = taken == NULL ? mask : sy_mul(s, mask, sy_rsub_int(s, taken, 1));
        sy_tensor *part = sy_mul(s, mask, horner(s, x, &pieces[k]));
        taken = taken == NULL ? mask : sy_add(s, taken, mask);
        sum = sum == NULL ? part : sy_add(s, sum, part);
    }
    check_taken(s, taken);
    return sy_scope_get_status(s) == SY_OK ? sum : NULL;
}

/* Named functions */

typedef struct named {
    struct named *next;
    size_t size; /* of this block */
    char name[NAME_SIZE];
    size_t count;
    sy_polynomial_piece pieces[];
} named;

struct sy_polynomials {
    sy_hook *hook;
    sy_polynomials_options options;
    named *first;
};

sy_status sy_polynomials_new(sy_hook *hook, sy_polynomials **polynomials,
                             const sy_polynomials_options *options, sy_error *err)
{
    const sy_polynomials_options defaults = SY_POLYNOMIALS_OPTIONS_INIT;
    *polynomials = syi_alloc(sy_hook_get_context(hook), sizeof **polynomials);
    if (*polynomials == NULL) {
        return SYI_ENOMEM(err, "polynomials");
    }
    (*polynomials)->hook = hook;
    (*polynomials)->options = defaults;
    if (options != NULL) {
        memcpy(&(*polynomials)->options, options,
               options->size < sizeof defaults ? options->size : sizeof defaults);
    }
    return SY_OK;
}

void sy_polynomials_free(sy_polynomials *polynomials)
{
    if (polynomials == NULL) {
        return;
    }
    sy_context *context = sy_hook_get_context(polynomials->hook);
    while (polynomials->first != NULL) {
        named *next = polynomials->first->next;
        syi_free(context, polynomials->first, polynomials->first->size);
        polynomials->first = next;
    }
    syi_free(context, polynomials, sizeof *polynomials);
}

/* The place of a name: where it is, or the end. */
static named **place_of(sy_polynomials *polynomials, const char *name)
{
    named **place = &polynomials->first;
    while (*place != NULL && strcmp((*place)->name, name) != 0) {
        place = &(*place)->next;
    }
    return place;
}

static sy_status fit_parts(const sy_polynomials *polynomials, named *made,
                           const sy_polynomials_part *parts, sy_error *err)
{
    const sy_polynomials_options *options = &polynomials->options;
    for (size_t k = 0; k < made->count; k++) {
        const sy_polynomials_part *part = &parts[k];
        SY_TRY(sy_polynomial_fit(polynomials->hook, &made->pieces[k], part->min, part->max,
                                 part->steps, part->degree, options->precision, part->function,
                                 part->user, err));
        if (options->function != NULL) {
            sy_polynomial_map(&made->pieces[k], options->function, options->user);
        }
    }
    return SY_OK;
}

sy_status sy_polynomials_add(sy_polynomials *polynomials, const char *name,
                             const sy_polynomials_part *parts, size_t count, sy_error *err)
{
    if (name == NULL || name[0] == '\0' || strlen(name) >= NAME_SIZE || count == 0 ||
        count > PIECES_MAX) {
        return syi_fail(err, SY_EINVAL,
                        "polynomials: a name of 1 to %d bytes and 1 to %d pieces are needed",
                        NAME_SIZE - 1, PIECES_MAX);
    }
    sy_context *context = sy_hook_get_context(polynomials->hook);
    const size_t size = sizeof(named) + count * sizeof(sy_polynomial_piece);
    named *made = syi_alloc(context, size);
    if (made == NULL) {
        return SYI_ENOMEM(err, "polynomials");
    }
    made->size = size;
    made->count = count;
    snprintf(made->name, sizeof made->name, "%s", name);
    const sy_status status = fit_parts(polynomials, made, parts, err);
    if (status != SY_OK) {
        syi_free(context, made, size);
        return syi_error_prefix(err, status, "%s", name);
    }
    named **place = place_of(polynomials, name);
    if (*place != NULL) {
        made->next = (*place)->next;
        syi_free(context, *place, (*place)->size);
    }
    *place = made;
    return SY_OK;
}

static double exponential(double x, void *user)
{
    (void)user;
    return exp(x);
}

static double logarithm(double x, void *user)
{
    (void)user;
    return log(x);
}

static double logistic(double x, void *user)
{
    (void)user;
    return 1 / (1 + exp(-x));
}

static double hyperbolic(double x, void *user)
{
    (void)user;
    return tanh(x);
}

sy_status sy_polynomials_add_defaults(sy_polynomials *polynomials, sy_error *err)
{
    const sy_polynomials_part of_exp[] = {{0, 10, 100, 10, exponential, NULL},
                                          {-10, 0, 100, 10, exponential, NULL}};
    const sy_polynomials_part of_log = {1, 10, 100, 10, logarithm, NULL};
    const sy_polynomials_part of_sigmoid = {-10, 10, 100, 10, logistic, NULL};
    const sy_polynomials_part of_tanh[] = {{0, 10, 1000, 10, hyperbolic, NULL},
                                           {-10, 0, 1000, 10, hyperbolic, NULL}};
    SY_TRY(sy_polynomials_add(polynomials, "exp", of_exp, 2, err));
    SY_TRY(sy_polynomials_add(polynomials, "log", &of_log, 1, err));
    SY_TRY(sy_polynomials_add(polynomials, "sigmoid", &of_sigmoid, 1, err));
    return sy_polynomials_add(polynomials, "tanh", of_tanh, 2, err);
}

const sy_polynomial_piece *sy_polynomials_get(const sy_polynomials *polynomials, const char *name,
                                              size_t *count)
{
    for (const named *at = polynomials->first; at != NULL; at = at->next) {
        if (strcmp(at->name, name) == 0) {
            *count = at->count;
            return at->pieces;
        }
    }
    *count = 0;
    return NULL;
}

sy_status sy_polynomials_value(const sy_polynomials *polynomials, const char *name, double x,
                               double *value, sy_error *err)
{
    size_t count = 0;
    const sy_polynomial_piece *pieces = sy_polynomials_get(polynomials, name, &count);
    if (pieces == NULL) {
        return syi_fail(err, SY_ENOTFOUND, "polynomials: there is no function %.63s", name);
    }
    for (size_t k = 0; k < count; k++) {
        if (pieces[k].min <= x && x <= pieces[k].max) {
            *value = sy_polynomial_value(&pieces[k], x);
            return SY_OK;
        }
    }
    return syi_fail(err, SY_ERANGE, "polynomials: %g lies in no piece of %.63s", x, name);
}

sy_tensor *sy_polynomials_evaluate(sy_scope *scope, const sy_polynomials *polynomials,
                                   const char *name, sy_tensor *x)
{
    size_t count = 0;
    const sy_polynomial_piece *pieces = sy_polynomials_get(polynomials, name, &count);
    if (pieces == NULL) {
        return refuse(scope, SY_ENOTFOUND, "there is no function of that name");
    }
    return sy_polynomial_evaluate(scope, x, pieces, count);
}
