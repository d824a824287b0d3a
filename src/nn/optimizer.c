/*
 * optimizer.c - SGD with momentum and Adam over public operations: each step of a parameter is one row of ops.def
 * (sgd_, sgd_momentum_, adam_), run where the parameter lives. Formulas: PyTorch 1.13, torch.optim; Kingma and Ba,
 * "Adam", 2015; Sutskever and others, "On the importance of initialization and momentum", 2013. Test:
 * optimizer_test.c.
 */
#include <csyft/optim.h>

#include <math.h>
#include <string.h>

#include <csyft/operations.h>

#include "core/error.h"
#include "core/memory.h"

enum { STATE_MAX = 3 };

/* A parameter with its state. */
typedef struct slot {
    sy_tensor *parameter; /* one reference each */
    sy_tensor *state[STATE_MAX];
    int64_t steps;
} slot;

typedef struct optimizer_class {
    const char *name;
    const char *states[STATE_MAX]; /* NULL: none */
    /* One parameter that has a gradient; its states are there, where it is. */
    void (*update)(sy_optimizer *optimizer, sy_scope *scope, slot *slot, sy_tensor *grad);
} optimizer_class;

struct sy_optimizer {
    sy_hook *hook;
    const optimizer_class *klass;
    double lr, momentum, dampening, weight_decay; /* SGD */
    bool nesterov;
    double beta1, beta2, eps; /* Adam */
    bool amsgrad;
    slot *slots;
    size_t count;
};

/* Options */

typedef struct bound {
    const char *name;
    double value, low, below; /* low <= value < below */
} bound;

static sy_status check_bounds(const char *optimizer, const bound *bounds, size_t count,
                              sy_error *err)
{
    for (size_t k = 0; k < count; k++) {
        const bound *b = &bounds[k];
        if (!(b->value >= b->low && b->value < b->below)) {
            return syi_fail(err, SY_EINVAL, "%s: %s is %g", optimizer, b->name, b->value);
        }
    }
    return SY_OK;
}

/* Life */

static sy_status optimizer_new(sy_hook *hook, sy_optimizer **optimizer,
                               const optimizer_class *klass, sy_tensor *const *parameters,
                               size_t count, sy_error *err)
{
    sy_context *context = sy_hook_get_context(hook);
    for (size_t k = 0; k < count; k++) {
        if (parameters[k] == NULL || sy_tensor_get_hook(parameters[k]) != hook) {
            return syi_fail(err, SY_EINVAL, "%s: parameter %zu is %s", klass->name, k,
                            parameters[k] == NULL ? "NULL" : "of another hook");
        }
    }
    sy_optimizer *made = syi_alloc(context, sizeof *made);
    slot *slots = syi_alloc_array(context, count, sizeof *slots);
    if (made == NULL || slots == NULL) {
        syi_free(context, made, sizeof *made);
        syi_free(context, slots, count * sizeof *slots);
        return SYI_ENOMEM(err, klass->name);
    }
    made->hook = hook;
    made->klass = klass;
    made->slots = slots;
    made->count = count;
    for (size_t k = 0; k < count; k++) {
        slots[k].parameter = sy_tensor_ref(parameters[k]);
    }
    *optimizer = made;
    return SY_OK;
}

void sy_optimizer_free(sy_optimizer *optimizer)
{
    if (optimizer == NULL) {
        return;
    }
    sy_context *context = sy_hook_get_context(optimizer->hook);
    for (size_t k = 0; k < optimizer->count; k++) {
        for (int i = 0; i < STATE_MAX; i++) {
            sy_tensor_unref(optimizer->slots[k].state[i]);
        }
        sy_tensor_unref(optimizer->slots[k].parameter);
    }
    syi_free(context, optimizer->slots, optimizer->count * sizeof *optimizer->slots);
    syi_free(context, optimizer, sizeof *optimizer);
}

/* State */

/* The worker that a tensor is at; NULL: here. */
static sy_worker *place_of(const sy_tensor *tensor)
{
    return sy_tensor_is_pointer(tensor) ? sy_tensor_get_location(tensor) : NULL;
}

static sy_status follow(sy_tensor *state, const sy_tensor *parameter, sy_error *err)
{
    sy_worker *from = place_of(state), *to = place_of(parameter);
    if (from == to) {
        return SY_OK;
    }
    if (to == NULL) {
        return sy_tensor_get_(state, err);
    }
    return from == NULL ? sy_tensor_send_(state, to, err) : sy_tensor_move_(state, to, err);
}

static sy_status follow_slot(slot *s, sy_error *err)
{
    for (int i = 0; i < STATE_MAX; i++) {
        if (s->state[i] != NULL) {
            SY_TRY(follow(s->state[i], s->parameter, err));
        }
    }
    return SY_OK;
}

sy_status sy_optimizer_follow(sy_optimizer *optimizer, sy_error *err)
{
    for (size_t k = 0; k < optimizer->count; k++) {
        SY_TRY(follow_slot(&optimizer->slots[k], err));
    }
    return SY_OK;
}

/* Zeros beside the parameter. */
static sy_tensor *state_of(sy_scope *scope, slot *s, int which)
{
    if (s->state[which] == NULL) {
        s->state[which] = sy_scope_keep(scope, sy_zeros_like(scope, s->parameter));
    }
    return s->state[which];
}

/* SGD */

static void sgd_update(sy_optimizer *o, sy_scope *scope, slot *s, sy_tensor *grad)
{
    if (o->momentum == 0 && o->weight_decay == 0) {
        (void)sy_sgd_(scope, s->parameter, grad, o->lr);
        return;
    }
    sy_tensor *buffer = o->momentum != 0 ? state_of(scope, s, 0) : NULL;
    const sy_value args[] = {
        sy_value_tensor(s->parameter),
        sy_value_tensor(grad),
        o->momentum != 0 ? sy_value_tensor(buffer) : sy_value_none(),
        sy_value_float(o->lr),
        sy_value_float(o->momentum),
        sy_value_float(o->dampening),
        sy_value_float(o->weight_decay),
        sy_value_bool(o->nesterov),
        sy_value_bool(s->steps == 0),
    };
    (void)sy_scope_call(scope, "sgd_momentum_", args, sizeof args / sizeof args[0]);
}

static const optimizer_class sgd_class = {"SGD", {"momentum_buffer", NULL, NULL}, sgd_update};

sy_status sy_optimizer_new_sgd_of(sy_hook *hook, sy_optimizer **optimizer,
                                  sy_tensor *const *parameters, size_t count,
                                  const sy_sgd_options *given, sy_error *err)
{
    sy_sgd_options o = SY_SGD_OPTIONS_INIT;
    *optimizer = NULL;
    if (given != NULL) {
        memcpy(&o, given, given->size < sizeof o ? given->size : sizeof o);
    }
    const bound bounds[] = {
        {"lr", o.lr, 0, INFINITY},
        {"momentum", o.momentum, 0, INFINITY},
        {"dampening", o.dampening, -INFINITY, INFINITY},
        {"weight_decay", o.weight_decay, 0, INFINITY},
    };
    SY_TRY(check_bounds("SGD", bounds, sizeof bounds / sizeof bounds[0], err));
    if (o.nesterov && (o.momentum == 0 || o.dampening != 0)) {
        return syi_fail(err, SY_EINVAL, "SGD: nesterov needs momentum (%g) and no dampening (%g)",
                        o.momentum, o.dampening);
    }
    SY_TRY(optimizer_new(hook, optimizer, &sgd_class, parameters, count, err));
    (*optimizer)->lr = o.lr;
    (*optimizer)->momentum = o.momentum;
    (*optimizer)->dampening = o.dampening;
    (*optimizer)->weight_decay = o.weight_decay;
    (*optimizer)->nesterov = o.nesterov;
    return SY_OK;
}

/* Adam */

static void adam_update(sy_optimizer *o, sy_scope *scope, slot *s, sy_tensor *grad)
{
    sy_tensor *average = state_of(scope, s, 0), *squares = state_of(scope, s, 1);
    sy_tensor *most = o->amsgrad ? state_of(scope, s, 2) : NULL;
    const sy_value args[] = {
        sy_value_tensor(s->parameter),
        sy_value_tensor(grad),
        sy_value_tensor(average),
        sy_value_tensor(squares),
        o->amsgrad ? sy_value_tensor(most) : sy_value_none(),
        sy_value_int(s->steps + 1),
        sy_value_float(o->lr),
        sy_value_float(o->beta1),
        sy_value_float(o->beta2),
        sy_value_float(o->eps),
        sy_value_float(o->weight_decay),
    };
    (void)sy_scope_call(scope, "adam_", args, sizeof args / sizeof args[0]);
}

static const optimizer_class adam_class = {
    "Adam", {"exp_avg", "exp_avg_sq", "max_exp_avg_sq"}, adam_update};

sy_status sy_optimizer_new_adam_of(sy_hook *hook, sy_optimizer **optimizer,
                                   sy_tensor *const *parameters, size_t count,
                                   const sy_adam_options *given, sy_error *err)
{
    sy_adam_options o = SY_ADAM_OPTIONS_INIT;
    *optimizer = NULL;
    if (given != NULL) {
        memcpy(&o, given, given->size < sizeof o ? given->size : sizeof o);
    }
    const bound bounds[] = {
        {"lr", o.lr, 0, INFINITY},
        {"beta1", o.beta1, 0, 1},
        {"beta2", o.beta2, 0, 1},
        {"eps", o.eps, 0, INFINITY},
        {"weight_decay", o.weight_decay, 0, INFINITY},
    };
    SY_TRY(check_bounds("Adam", bounds, sizeof bounds / sizeof bounds[0], err));
    SY_TRY(optimizer_new(hook, optimizer, &adam_class, parameters, count, err));
    (*optimizer)->lr = o.lr;
    (*optimizer)->beta1 = o.beta1;
    (*optimizer)->beta2 = o.beta2;
    (*optimizer)->eps = o.eps;
    (*optimizer)->weight_decay = o.weight_decay;
    (*optimizer)->amsgrad = o.amsgrad;
    return SY_OK;
}

/* Of a module's parameters */

sy_status sy_optimizer_new_sgd(sy_optimizer **optimizer, sy_module *module,
                               const sy_sgd_options *options, sy_error *err)
{
    size_t count;
    sy_tensor *const *parameters = sy_module_get_parameters(module, &count);
    return sy_optimizer_new_sgd_of(sy_module_get_hook(module), optimizer, parameters, count,
                                   options, err);
}

sy_status sy_optimizer_new_adam(sy_optimizer **optimizer, sy_module *module,
                                const sy_adam_options *options, sy_error *err)
{
    size_t count;
    sy_tensor *const *parameters = sy_module_get_parameters(module, &count);
    return sy_optimizer_new_adam_of(sy_module_get_hook(module), optimizer, parameters, count,
                                    options, err);
}

/* Steps */

static sy_status step_slot(sy_optimizer *optimizer, sy_scope *scope, slot *s, sy_error *err)
{
    sy_tensor *grad = NULL;
    SY_TRY(sy_tensor_get_grad(s->parameter, &grad, err));
    if (grad == NULL) {
        return SY_OK;
    }
    (void)sy_scope_adopt(scope, grad);
    SY_TRY(follow_slot(s, err));
    optimizer->klass->update(optimizer, scope, s, grad);
    sy_scope_clear(scope);
    const sy_status status = sy_scope_get_status(scope);
    s->steps += status == SY_OK;
    return status;
}

sy_status sy_optimizer_step(sy_optimizer *optimizer, sy_error *err)
{
    sy_scope *scope = sy_scope_begin(optimizer->hook);
    if (scope == NULL) {
        return SYI_ENOMEM(err, optimizer->klass->name);
    }
    (void)sy_scope_set_grad_enabled(scope, false);
    sy_status status = SY_OK;
    for (size_t k = 0; k < optimizer->count && status == SY_OK; k++) {
        status = step_slot(optimizer, scope, &optimizer->slots[k], err);
    }
    /* A failure of an operation waits in the scope; others are in *err already. */
    const sy_status latched = sy_scope_get_status(scope);
    (void)sy_scope_end(scope, latched != SY_OK ? err : NULL);
    return latched != SY_OK ? latched : status;
}

sy_status sy_optimizer_zero_grad(sy_optimizer *optimizer, sy_error *err)
{
    for (size_t k = 0; k < optimizer->count; k++) {
        SY_TRY(sy_tensor_set_grad(optimizer->slots[k].parameter, NULL, err));
    }
    return SY_OK;
}

/* What can be asked */

double sy_optimizer_get_lr(const sy_optimizer *optimizer)
{
    return optimizer->lr;
}

sy_status sy_optimizer_set_lr(sy_optimizer *optimizer, double lr, sy_error *err)
{
    const bound bounds[] = {{"lr", lr, 0, INFINITY}};
    SY_TRY(check_bounds(optimizer->klass->name, bounds, 1, err));
    optimizer->lr = lr;
    return SY_OK;
}

sy_tensor *sy_optimizer_get_state(const sy_optimizer *optimizer, size_t parameter, const char *name)
{
    for (int i = 0; i < STATE_MAX && parameter < optimizer->count; i++) {
        const char *have = optimizer->klass->states[i];
        if (have != NULL && strcmp(have, name) == 0) {
            return optimizer->slots[parameter].state[i];
        }
    }
    return NULL;
}

int64_t sy_optimizer_get_step(const sy_optimizer *optimizer, size_t parameter)
{
    return parameter < optimizer->count ? optimizer->slots[parameter].steps : 0;
}
