/* plans.c - modules and their training as plans: functions over public operations, recorded by plan.h. Test: plans_test.c. */
#include <stdio.h>
#include <string.h>

#include <csyft/operations.h>
#include <csyft/optim.h>

#include "core/error.h"
#include "core/memory.h"

enum { NAME_SIZE = 192 };

/* State of a plan while it is put together. */
typedef struct state_list {
    sy_hook *hook;
    sy_tensor **tensors; /* references */
    char (*names)[NAME_SIZE];
    const char **name_list;
    size_t count, capacity;
} state_list;

static void list_close(state_list *list)
{
    sy_context *context = sy_hook_get_context(list->hook);
    for (size_t k = 0; k < list->count; k++) {
        sy_tensor_unref(list->tensors[k]);
    }
    syi_free(context, list->tensors, list->capacity * sizeof *list->tensors);
    syi_free(context, list->names, list->capacity * sizeof *list->names);
    syi_free(context, list->name_list, list->capacity * sizeof *list->name_list);
}

static sy_status list_open(state_list *list, sy_hook *hook, size_t capacity, sy_error *err)
{
    sy_context *context = sy_hook_get_context(hook);
    *list = (state_list){.hook = hook, .capacity = capacity};
    list->tensors = syi_alloc_array(context, capacity, sizeof *list->tensors);
    list->names = syi_alloc_array(context, capacity, sizeof *list->names);
    list->name_list = syi_alloc_array(context, capacity, sizeof *list->name_list);
    if (list->tensors == NULL || list->names == NULL || list->name_list == NULL) {
        list_close(list);
        return SYI_ENOMEM(err, "plan of a module");
    }
    return SY_OK;
}

/* Takes the reference. */
static void list_add(state_list *list, sy_tensor *tensor, const char *before, const char *name)
{
    snprintf(list->names[list->count], NAME_SIZE, "%s%s", before, name);
    list->name_list[list->count] = list->names[list->count];
    list->tensors[list->count++] = tensor;
}

static void add_module(state_list *list, sy_module *module)
{
    char name[128];
    size_t count = 0;
    sy_tensor *const *tensors = sy_module_get_parameters(module, &count);
    for (size_t k = 0; k < count; k++) {
        list_add(list, sy_tensor_ref(tensors[k]), "",
                 sy_module_get_parameter_name(module, k, name, sizeof name));
    }
    tensors = sy_module_get_buffers(module, &count);
    for (size_t k = 0; k < count; k++) {
        list_add(list, sy_tensor_ref(tensors[k]), "",
                 sy_module_get_buffer_name(module, k, name, sizeof name));
    }
}

static sy_status make_plan(sy_plan **plan, const state_list *list, const char *name,
                           sy_plan_fn forward, void *user, const char *const *arguments,
                           const sy_plan_shape *shapes, size_t count, sy_error *err)
{
    sy_plan_options options = SY_PLAN_OPTIONS_INIT;
    options.name = name;
    options.forward = forward;
    options.user = user;
    options.state = list->tensors;
    options.state_names = list->name_list;
    options.state_count = list->count;
    options.argument_names = arguments;
    options.argument_count = count;
    SY_TRY(sy_plan_new(list->hook, plan, &options, err));
    const sy_status status = sy_plan_build_shapes(*plan, shapes, count, err);
    if (status != SY_OK) {
        sy_plan_unref(*plan);
        *plan = NULL;
    }
    return status;
}

/* Inference */

static sy_status forward(sy_plan_frame *f, sy_scope *s, void *user, sy_error *err)
{
    return sy_plan_frame_return(f, sy_module_forward(s, user, sy_plan_frame_argument(f, 0)), err);
}

static size_t count_tensors(sy_module *module, size_t *parameters)
{
    size_t buffers = 0;
    (void)sy_module_get_parameters(module, parameters);
    (void)sy_module_get_buffers(module, &buffers);
    return *parameters + buffers;
}

sy_status sy_module_to_plan(sy_module *module, sy_plan **plan, const char *name,
                            const sy_plan_shape *input, sy_error *err)
{
    static const char *const arguments[] = {"input"};
    state_list list;
    size_t parameters = 0;
    if (plan == NULL || module == NULL || input == NULL) {
        return syi_fail(err, SY_EINVAL, "sy_module_to_plan: module, plan or input is NULL");
    }
    *plan = NULL;
    SY_TRY(list_open(&list, sy_module_get_hook(module), count_tensors(module, &parameters), err));
    add_module(&list, module);
    const sy_status status =
        make_plan(plan, &list, name != NULL ? name : sy_module_get_name(module), forward, module,
                  arguments, input, 1, err);
    list_close(&list);
    return status;
}

/* Training */

typedef struct training {
    sy_module *module;
    size_t parameter_count;
    sy_loss_fn loss;
    bool adam;
    sy_sgd_options sgd;
    sy_adam_options adam_options;
    size_t first; /* of the optimizer's state: per parameter, `per` each */
    size_t per;
} training;

static void update_sgd(const training *t, sy_plan_frame *f, sy_scope *s, size_t k,
                       sy_tensor *parameter, sy_tensor *grad)
{
    const sy_sgd_options *o = &t->sgd;
    if (o->momentum == 0 && o->weight_decay == 0) {
        (void)sy_sgd_(s, parameter, grad, o->lr);
        return;
    }
    sy_tensor *buffer = t->per > 0 ? sy_plan_frame_state(f, t->first + k) : NULL;
    const sy_value args[] = {
        sy_value_tensor(parameter),
        sy_value_tensor(grad),
        buffer != NULL ? sy_value_tensor(buffer) : sy_value_none(),
        sy_value_float(o->lr),
        sy_value_float(o->momentum),
        sy_value_float(0),
        sy_value_float(o->weight_decay),
        sy_value_bool(o->nesterov),
        sy_value_bool(false), /* a buffer of zeros is as good as none */
    };
    (void)sy_scope_call(s, "sgd_momentum_", args, sizeof args / sizeof *args);
}

static void update_adam(const training *t, sy_plan_frame *f, sy_scope *s, size_t k,
                        sy_tensor *parameter, sy_tensor *grad)
{
    const sy_adam_options *o = &t->adam_options;
    const size_t at = t->first + 1 + k * t->per;
    const sy_value args[] = {
        sy_value_tensor(parameter),
        sy_value_tensor(grad),
        sy_value_tensor(sy_plan_frame_state(f, at)),
        sy_value_tensor(sy_plan_frame_state(f, at + 1)),
        o->amsgrad ? sy_value_tensor(sy_plan_frame_state(f, at + 2)) : sy_value_none(),
        sy_value_tensor(sy_plan_frame_state(f, t->first)),
        sy_value_float(o->lr),
        sy_value_float(o->beta1),
        sy_value_float(o->beta2),
        sy_value_float(o->eps),
        sy_value_float(o->weight_decay),
    };
    (void)sy_scope_call(s, "adam_", args, sizeof args / sizeof *args);
}

static sy_status update(const training *t, sy_plan_frame *f, sy_scope *s, sy_error *err)
{
    if (t->adam) {
        (void)sy_add_int_(s, sy_plan_frame_state(f, t->first), 1);
    }
    for (size_t k = 0; k < t->parameter_count; k++) {
        sy_tensor *parameter = sy_plan_frame_state(f, k), *grad = NULL;
        SY_TRY(sy_tensor_get_grad(parameter, &grad, err));
        if (grad == NULL) {
            continue; /* the module does not use it */
        }
        (void)sy_scope_adopt(s, grad);
        (t->adam ? update_adam : update_sgd)(t, f, s, k, parameter, grad);
        if (sy_scope_get_status(s) != SY_OK) {
            return SY_OK; /* the build says why */
        }
        SY_TRY(sy_tensor_set_grad(parameter, NULL, err));
    }
    return SY_OK;
}

static sy_status step(sy_plan_frame *f, sy_scope *s, void *user, sy_error *err)
{
    const training *t = user;
    sy_tensor *output = sy_module_forward(s, t->module, sy_plan_frame_argument(f, 0));
    sy_tensor *loss = output != NULL ? t->loss(s, output, sy_plan_frame_argument(f, 1)) : NULL;
    if (loss == NULL) {
        return syi_fail(err, SY_EINVAL, "there is no loss");
    }
    SY_TRY(sy_tensor_backward(loss, NULL, err));
    (void)sy_scope_set_grad_enabled(s, false);
    SY_TRY(update(t, f, s, err));
    return sy_plan_frame_return(f, sy_detach(s, loss), err);
}

/* Zeros like each parameter. */
static sy_status add_zeros(state_list *list, size_t parameter, const char *before, sy_error *err)
{
    sy_tensor *zeros = NULL;
    const sy_value like = sy_value_tensor(list->tensors[parameter]);
    SY_TRY(sy_call(list->hook, "zeros_like", &like, 1, NULL, 0, &zeros, 1, NULL, NULL, err));
    list_add(list, zeros, before, list->names[parameter]);
    return SY_OK;
}

static sy_status add_optimizer(state_list *list, training *t, sy_error *err)
{
    static const char *const averages[] = {"exp_avg.", "exp_avg_sq.", "max_exp_avg_sq."};
    t->first = list->count;
    if (t->adam) {
        sy_tensor *number = NULL;
        SY_TRY(sy_tensor_new(list->hook, &number, SY_DTYPE_I64, 0, NULL, NULL, err));
        list_add(list, number, "", "step");
    }
    for (size_t k = 0; k < t->parameter_count; k++) {
        for (size_t i = 0; i < t->per; i++) {
            SY_TRY(add_zeros(list, k, t->adam ? averages[i] : "momentum_buffer.", err));
        }
    }
    return SY_OK;
}

/* The optimizer's own check of its options. */
static sy_status check_options(sy_module *module, const sy_training_options *o, training *t,
                               sy_error *err)
{
    sy_optimizer *optimizer = NULL;
    t->adam = o->adam != NULL;
    if (o->sgd != NULL && o->adam != NULL) {
        return syi_fail(err, SY_EINVAL, "training plan: SGD and Adam are given; take one");
    }
    if (t->adam) {
        t->adam_options = (sy_adam_options)SY_ADAM_OPTIONS_INIT;
        memcpy(&t->adam_options, o->adam,
               o->adam->size < sizeof *o->adam ? o->adam->size : sizeof *o->adam);
        SY_TRY(sy_optimizer_new_adam(&optimizer, module, o->adam, err));
        t->per = t->adam_options.amsgrad ? 3 : 2;
    } else {
        t->sgd = (sy_sgd_options)SY_SGD_OPTIONS_INIT;
        if (o->sgd != NULL) {
            memcpy(&t->sgd, o->sgd, o->sgd->size < sizeof *o->sgd ? o->sgd->size : sizeof *o->sgd);
        }
        SY_TRY(sy_optimizer_new_sgd(&optimizer, module, &t->sgd, err));
        t->per = t->sgd.momentum != 0 ? 1 : 0;
    }
    sy_optimizer_free(optimizer);
    return t->sgd.dampening == 0
               ? SY_OK
               : syi_fail(err, SY_ENOTSUP, "training plan: dampening is not in it");
}

sy_status sy_module_to_training_plan(sy_module *module, sy_plan **plan, const sy_plan_shape *input,
                                     const sy_plan_shape *target,
                                     const sy_training_options *options, sy_error *err)
{
    static const char *const arguments[] = {"input", "target"};
    sy_training_options o = SY_TRAINING_OPTIONS_INIT;
    training t = {.module = module};
    state_list list;
    if (plan == NULL || module == NULL || input == NULL || target == NULL) {
        return syi_fail(err, SY_EINVAL,
                        "sy_module_to_training_plan: module, plan, input or target is NULL");
    }
    *plan = NULL;
    if (options != NULL) {
        memcpy(&o, options, options->size < sizeof o ? options->size : sizeof o);
    }
    t.loss = o.loss != NULL ? o.loss : sy_cross_entropy;
    SY_TRY(check_options(module, &o, &t, err));
    const size_t tensors = count_tensors(module, &t.parameter_count);
    SY_TRY(
        list_open(&list, sy_module_get_hook(module), tensors + 1 + t.per * t.parameter_count, err));
    add_module(&list, module);
    sy_status status = add_optimizer(&list, &t, err);
    if (status == SY_OK) {
        const sy_plan_shape shapes[] = {*input, *target};
        status = make_plan(plan, &list, o.name != NULL ? o.name : "train", step, &t, arguments,
                           shapes, 2, err);
    }
    list_close(&list);
    return status;
}
