#include "federated/training/noisy_fit.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "differential_privacy/noisy_sum.h"
#include "federated/numbers.h"

#define STEPS_MOST 10000000

typedef struct training {
    const syi_noisy_fit *fit;
    sy_context *context;
    sy_noise *noise;
    syi_noisy_sum sum;
    syi_array states[SYI_TAPE_INPUTS_MAX]; /* as every row finds them */
    size_t state_count;                    /* that there are */
    size_t elements;
    double *now, *change; /* parameters, one after the other */
    size_t rows;
    double batch, rate;
    int64_t steps;
    uint64_t threshold; /* of 63 bits, below which a row takes part */
} training;

bool syi_noisy_is_fatal(sy_status status)
{
    return status == SY_ENOMEM || status == SY_ELIMIT || status == SY_ECANCELED ||
           status == SY_ETIMEDOUT || status == SY_EIO;
}

/* Before and after */

static void training_close(syi_task *t, training *w)
{
    const size_t size = w->elements * sizeof(double);
    t->count = w->rows; /* of its places */
    for (size_t k = 0; k < w->state_count; k++) {
        syi_array_fini(&w->states[k]);
    }
    if (w->sum.sums != NULL) {
        syi_noisy_sum_close(&w->sum);
    }
    sy_noise_free(w->noise);
    syi_free_secret(w->context, w->now, size);
    syi_free_secret(w->context, w->change, size);
}

static sy_status copy_states(const syi_task *t, training *w, sy_error *err)
{
    SY_TRY(syi_task_save_states(t, w->states, &w->state_count, err));
    for (size_t k = 0; k < w->fit->parameters; k++) {
        if (!sy_dtype_is_floating(w->states[k].dtype)) {
            return syi_fail(err, SY_EINVAL, "parameter %zu of plan %s is no float", k,
                            t->body->name);
        }
        w->elements += (size_t)syi_array_numel(&w->states[k]);
    }
    return SY_OK;
}

static sy_status training_open(const syi_task *t, training *w, sy_error *err)
{
    const syi_noisy_fit *fit = w->fit;
    SY_TRY(copy_states(t, w, err));
    w->now = syi_alloc_array(w->context, w->elements, sizeof *w->now);
    w->change = syi_alloc_array(w->context, w->elements, sizeof *w->change);
    if (w->now == NULL || w->change == NULL) {
        return SYI_ENOMEM(err, "fit");
    }
    size_t at = 0;
    for (size_t k = 0; k < fit->parameters; k++) {
        at += syi_numbers_read(&w->states[k], w->now + at);
    }
    SY_TRY(sy_noise_new(w->context, &w->noise, err));
    return syi_noisy_sum_open(&w->sum, w->noise, SY_NOISE_GAUSSIAN, w->elements, fit->clip,
                              nextafter(fit->clip * fit->noise_multiplier, INFINITY), err);
}

/* How many steps, of which rows. The rate is rounded down to 63 bits, which costs no more than the one that is charged. */
static sy_status plan_steps(const syi_task *t, training *w, sy_error *err)
{
    const double rows = (double)w->rows;
    if (w->rows == 0) {
        return syi_fail(err, SY_ERANGE, "there are no rows");
    }
    if (!(w->fit->noise_multiplier >= 0x1p-18 && w->fit->noise_multiplier <= 0x1p18) ||
        !(w->fit->clip >= 1e-100 && w->fit->clip <= 1e100)) {
        return syi_fail(err, SY_EINVAL,
                        "noise_multiplier is %g, 2^-18 to 2^18 is possible, or clip is %g, 1e-100 "
                        "to 1e100",
                        w->fit->noise_multiplier, w->fit->clip);
    }
    w->batch = fmin((double)t->batch_size, rows);
    w->rate = w->batch / rows;
    w->threshold = (uint64_t)ldexp(w->rate, 63);
    const double steps = ceil((double)w->fit->epochs * rows / w->batch);
    w->steps = steps < STEPS_MOST ? (int64_t)steps : STEPS_MOST + 1;
    w->steps = w->fit->most >= 0 && w->fit->most < w->steps ? w->fit->most : w->steps;
    return w->steps > 0 && w->steps <= STEPS_MOST
               ? SY_OK
               : syi_fail(err, SY_ELIMIT, "no steps, or more than %d: max_batches bounds them",
                          STEPS_MOST);
}

/* Steps */

/* Who takes part, into t->places. */
static sy_status draw_rows(syi_task *t, const training *w, sy_error *err)
{
    t->count = 0;
    for (size_t k = 0; k < w->rows; k++) {
        uint64_t drawn = 0;
        if (w->rate < 1) {
            SY_TRY(sy_noise_uniform(w->noise, &drawn, (uint64_t)1 << 63, err));
        }
        if (w->rate >= 1 || drawn < w->threshold) {
            t->places[t->count++] = (int64_t)k;
        }
    }
    return SY_OK;
}

static sy_status see_row(syi_task *t, void *user, size_t from, const sy_value *results,
                         sy_tensor *targets, sy_error *err)
{
    training *w = user;
    size_t at = 0;
    (void)from;
    (void)results;
    (void)targets;
    (void)err;
    for (size_t k = 0; k < w->fit->parameters; k++) {
        at += syi_numbers_read_change(syi_node_array(t->body->states[k].tensor->node), w->now + at,
                                      w->change + at);
    }
    syi_noisy_sum_add(&w->sum, w->change);
    return SY_OK;
}

static sy_status add_rows(syi_task *t, training *w, sy_error *err)
{
    for (size_t k = 0; k < t->count; k++) {
        SY_TRY(syi_task_set_states(t, w->states, err));
        const sy_status status = syi_task_batch(t, k, see_row, w, err);
        if (syi_noisy_is_fatal(status)) {
            return status;
        }
    }
    return SY_OK;
}

static void move(training *w)
{
    size_t at = 0;
    for (size_t i = 0; i < w->elements; i++) {
        w->now[i] += w->change[i] / w->batch;
    }
    for (size_t k = 0; k < w->fit->parameters; k++) {
        const size_t size = syi_numbers_write(&w->states[k], w->now + at);
        (void)syi_numbers_read(&w->states[k], w->now + at); /* as rounded */
        at += size;
    }
}

static sy_status train(syi_task *t, training *w, sy_error *err)
{
    t->batch_size = 1;
    t->noisy = true;
    for (int64_t step = 0; step < w->steps; step++) {
        SY_TRY(draw_rows(t, w, err));
        SY_TRY(add_rows(t, w, err));
        SY_TRY(syi_noisy_sum_tell(&w->sum, w->change, err));
        move(w);
    }
    return syi_task_set_states(t, w->states, err);
}

sy_status syi_task_fit_noisily(syi_task *t, const syi_noisy_fit *fit, int64_t *steps, sy_error *err)
{
    training w = {.fit = fit, .context = t->request->worker->hook->context, .rows = t->count};
    sy_charge charge = SY_CHARGE_INIT;
    SY_TRY(plan_steps(t, &w, err));
    sy_status status = training_open(t, &w, err);
    if (status == SY_OK) {
        status = syi_task_try(t, NULL, NULL, err);
    }
    if (status == SY_OK) {
        charge.noise_multiplier = fit->noise_multiplier;
        charge.sampling_rate = w.rate;
        charge.steps = (uint64_t)w.steps;
        status = syi_served_charge(t->served, t->request, &charge, err);
    }
    status = status == SY_OK ? train(t, &w, err) : status;
    *steps = w.steps;
    training_close(t, &w);
    return status;
}
