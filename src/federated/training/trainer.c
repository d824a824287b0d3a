#include "federated/training/trainer.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <csyft/operations.h>

#include "core/error.h"
#include "core/memory.h"
#include "execution/pointer_plan.h"
#include "federated/numbers.h"
#include "federated/serving/shard_requests.h"
#include "hook/tensor.h"

/* Life */

/* Parameters, then buffers. */
static sy_tensor *state_of(const sy_trainer *t, size_t k)
{
    size_t count = 0;
    return k < t->parameter_count
               ? sy_module_get_parameters(t->module, &count)[k]
               : sy_module_get_buffers(t->module, &count)[k - t->parameter_count];
}

static const char *kind_of(const sy_trainer *t, size_t k)
{
    return k < t->parameter_count ? "parameter" : "buffer";
}

static size_t number_of(const sy_trainer *t, size_t k)
{
    return k < t->parameter_count ? k : k - t->parameter_count;
}

static size_t tensors_of(const sy_trainer *t)
{
    return t->parameter_count + t->buffer_count;
}

static sy_status count_elements(sy_trainer *t, sy_error *err)
{
    (void)sy_module_get_parameters(t->module, &t->parameter_count);
    (void)sy_module_get_buffers(t->module, &t->buffer_count);
    if (tensors_of(t) > SYI_TAPE_INPUTS_MAX) {
        return syi_fail(err, SY_ELIMIT, "trainer: %zu parameters and buffers, the limit is %d",
                        tensors_of(t), SYI_TAPE_INPUTS_MAX);
    }
    for (size_t k = 0; k < tensors_of(t); k++) {
        const sy_tensor *tensor = state_of(t, k);
        if (!syi_tensor_is_native(tensor) ||
            !sy_dtype_is_floating(syi_node_array(tensor->node)->dtype)) {
            return syi_fail(err, SY_EINVAL,
                            "trainer: %s %zu of the module is not here, or no float", kind_of(t, k),
                            number_of(t, k));
        }
        t->state_count += (size_t)syi_array_numel(syi_node_array(tensor->node));
        t->element_count = k < t->parameter_count ? t->state_count : t->element_count;
    }
    return SY_OK;
}

typedef struct judge { /* of an evaluation plan, while it is built */
    sy_module *module;
    sy_loss_fn loss;
} judge;

static sy_status evaluate(sy_plan_frame *f, sy_scope *s, void *user, sy_error *err)
{
    const judge *j = user;
    sy_tensor *output = sy_module_forward(s, j->module, sy_plan_frame_argument(f, 0));
    sy_tensor *loss = output != NULL ? j->loss(s, output, sy_plan_frame_argument(f, 1)) : NULL;
    if (loss == NULL) {
        return syi_fail(err, SY_EINVAL, "there is no loss");
    }
    const sy_value results[] = {sy_value_tensor(output), sy_value_tensor(loss)};
    return sy_plan_frame_return_values(f, results, 2, err);
}

/* In eval mode, with the parameters and then the buffers as its state. */
static sy_status make_evaluation(sy_trainer *t, sy_loss_fn loss, const sy_plan_shape shapes[2],
                                 sy_error *err)
{
    static const char *const arguments[] = {"input", "target"};
    judge j = {t->module, loss};
    sy_plan_options options = SY_PLAN_OPTIONS_INIT;
    sy_tensor *state[SYI_TAPE_INPUTS_MAX];
    for (size_t k = 0; k < tensors_of(t); k++) {
        state[k] = state_of(t, k);
    }
    options.name = "evaluate";
    options.forward = evaluate;
    options.user = &j;
    options.state = state;
    options.state_count = tensors_of(t);
    options.argument_names = arguments;
    options.argument_count = 2;
    const bool training = sy_module_is_training(t->module);
    SY_TRY(sy_plan_new(t->hook, &t->plans[SYI_TRAINER_EVALUATE], &options, err));
    sy_module_train(t->module, false);
    const sy_status status = sy_plan_build_shapes(t->plans[SYI_TRAINER_EVALUATE], shapes, 2, err);
    sy_module_train(t->module, training);
    return status;
}

sy_status sy_trainer_new(sy_trainer **trainer, sy_module *module, const sy_plan_shape *input,
                         const sy_plan_shape *target, const sy_training_options *options,
                         sy_error *err)
{
    sy_training_options o = SY_TRAINING_OPTIONS_INIT;
    if (trainer == NULL || module == NULL || input == NULL || target == NULL) {
        return syi_fail(err, SY_EINVAL, "sy_trainer_new: module, input or target is NULL");
    }
    *trainer = NULL;
    if (options != NULL) {
        memcpy(&o, options, options->size < sizeof o ? options->size : sizeof o);
    }
    sy_hook *hook = sy_module_get_hook(module);
    sy_trainer *t = syi_alloc(hook->context, sizeof *t);
    if (t == NULL) {
        return SYI_ENOMEM(err, "trainer");
    }
    t->hook = hook;
    t->module = sy_module_ref(module);
    const sy_plan_shape shapes[] = {*input, *target};
    sy_status status = count_elements(t, err);
    if (status == SY_OK) {
        status =
            sy_module_to_training_plan(module, &t->plans[SYI_TRAINER_FIT], input, target, &o, err);
    }
    if (status == SY_OK) {
        status = make_evaluation(t, o.loss != NULL ? o.loss : sy_cross_entropy, shapes, err);
    }
    if (status != SY_OK) {
        sy_trainer_free(t);
        return status;
    }
    *trainer = t;
    return SY_OK;
}

void sy_trainer_free(sy_trainer *trainer)
{
    if (trainer == NULL) {
        return;
    }
    sy_context *context = trainer->hook->context;
    while (trainer->places != NULL) {
        syi_trainer_place *place = trainer->places;
        trainer->places = place->next;
        sy_pointer_plan_unref(place->plans[0]);
        sy_pointer_plan_unref(place->plans[1]);
        syi_free(context, place, sizeof *place);
    }
    sy_plan_unref(trainer->plans[0]);
    sy_plan_unref(trainer->plans[1]);
    syi_free(context, trainer->m, trainer->element_count * sizeof *trainer->m);
    syi_free(context, trainer->v, trainer->element_count * sizeof *trainer->v);
    sy_module_unref(trainer->module);
    syi_free(context, trainer, sizeof *trainer);
}

int64_t sy_trainer_get_rounds(const sy_trainer *trainer)
{
    return trainer->rounds;
}

/* State */

sy_status syi_trainer_read(const sy_trainer *trainer, double *state, sy_error *err)
{
    size_t at = 0;
    for (size_t k = 0; k < tensors_of(trainer); k++) {
        const sy_tensor *tensor = state_of(trainer, k);
        if (!syi_tensor_is_native(tensor)) {
            return syi_fail(err, SY_EINVAL, "trainer: %s %zu of the module is not here",
                            kind_of(trainer, k), number_of(trainer, k));
        }
        at += syi_numbers_read(syi_node_array(tensor->node), state + at);
    }
    return SY_OK;
}

/* In one go: what is checked before cannot fail on the way. */
sy_status syi_trainer_write(sy_trainer *trainer, const double *state, sy_error *err)
{
    size_t at = 0;
    sy_tensor *values[SYI_TAPE_INPUTS_MAX];
    sy_scope *s = sy_scope_begin(trainer->hook);
    (void)sy_scope_set_grad_enabled(s, false);
    for (size_t k = 0; k < tensors_of(trainer); k++) {
        const syi_array *like = syi_node_array(state_of(trainer, k)->node);
        syi_array array = SYI_ARRAY_INIT;
        sy_tensor *value = NULL;
        sy_status status = syi_array_new(trainer->hook->context, &array, like->dtype, like->ndim,
                                         like->shape, NULL, err);
        if (status == SY_OK) {
            at += syi_numbers_write(&array, state + at);
            status = syi_tensor_from_array(trainer->hook, &value, &array, err);
        }
        if (status != SY_OK) {
            (void)sy_scope_end(s, NULL);
            return status;
        }
        values[k] = sy_scope_adopt(s, value);
    }
    for (size_t k = 0; k < tensors_of(trainer); k++) {
        (void)sy_copy_(s, state_of(trainer, k), values[k]);
    }
    return sy_scope_end(s, err);
}

/* Requests */

sy_status syi_trainer_place_of(sy_trainer *t, sy_worker *worker, syi_trainer_place **place,
                               sy_error *err)
{
    syi_trainer_place *p = t->places;
    while (p != NULL && p->worker != worker) {
        p = p->next;
    }
    if (p == NULL) {
        p = syi_alloc(t->hook->context, sizeof *p);
        if (p == NULL) {
            return SYI_ENOMEM(err, "trainer");
        }
        p->worker = worker;
        p->next = t->places;
        t->places = p;
    }
    *place = p;
    return SY_OK;
}

/* The plan at the worker, sent when it is not there yet. Borrowed. */
static sy_status plan_at(sy_trainer *t, sy_worker *worker, syi_trainer_plan which,
                         sy_tensor **pointer, sy_error *err)
{
    syi_trainer_place *place = NULL;
    SY_TRY(syi_trainer_place_of(t, worker, &place, err));
    if (place->plans[which] == NULL) {
        SY_TRY(sy_plan_send(t->plans[which], &place->plans[which], &worker, 1, false, err));
    }
    *pointer = syi_pointer_plan_get_tensor(place->plans[which], 0);
    return SY_OK;
}

void syi_trainer_forget_plan(sy_trainer *t, sy_worker *worker, syi_trainer_plan which)
{
    syi_trainer_place *place = NULL;
    if (syi_trainer_place_of(t, worker, &place, NULL) == SY_OK && place->plans[which] != NULL) {
        syi_plan_forget_pointer(t->plans[which], place->plans[which]);
        sy_pointer_plan_unref(place->plans[which]);
        place->plans[which] = NULL;
    }
}

sy_status syi_trainer_begin(sy_trainer *t, const sy_shard *shard, syi_trainer_plan which,
                            const char *command, sy_value *args, size_t count, uint64_t deadline,
                            syi_exchange *exchange, sy_error *err)
{
    syi_pointer *dataset = NULL;
    sy_tensor *plan = NULL;
    sy_value states[SYI_TAPE_INPUTS_MAX];
    for (size_t k = 0; k < tensors_of(t); k++) { /* as they are now */
        states[k] = sy_value_tensor(state_of(t, k));
    }
    SY_TRY(syi_shard_point_to(t->hook, shard, &dataset, err));
    sy_status status = plan_at(t, shard->worker, which, &plan, err);
    if (status == SY_OK) {
        args[0] = syi_pointer_value(dataset);
        args[1] = syi_pointer_value(syi_pointer_of(plan));
        args[2] = sy_value_list(states, tensors_of(t));
        status = syi_command_start(t->hook->local_worker, shard->worker, command, args, count, NULL,
                                   deadline, exchange, err);
    }
    syi_node_unref(&dataset->base);
    return syi_shard_blame(shard, status, err);
}

sy_status syi_fit_options_read(const sy_fit_options *given, sy_fit_options *all, sy_error *err)
{
    *all = (sy_fit_options)SY_FIT_OPTIONS_INIT;
    if (given != NULL) {
        memcpy(all, given, given->size < sizeof *all ? given->size : sizeof *all);
    }
    if (!(all->proximal >= 0 && all->proximal < 1)) {
        return syi_fail(err, SY_EINVAL, "fit: proximal is %g, 0 to below 1 is possible",
                        all->proximal);
    }
    if (!(all->noise_multiplier >= 0) || all->noise_multiplier > 0x1p18 ||
        (all->noise_multiplier > 0 && (!(all->clip > 0) || all->proximal > 0))) {
        return syi_fail(
            err, SY_EINVAL,
            "fit: noise_multiplier is %g, 0 to 2^18 is possible; with noise clip, which "
            "is %g, is positive, and proximal 0",
            all->noise_multiplier, all->clip);
    }
    if (all->batch_size < 1 || all->epochs < 1 || all->max_batches < -1) {
        return syi_fail(err, SY_EINVAL, "fit: %s is %" PRId64,
                        all->batch_size < 1 ? "batch_size"
                        : all->epochs < 1   ? "epochs"
                                            : "max_batches",
                        all->batch_size < 1 ? all->batch_size
                        : all->epochs < 1   ? all->epochs
                                            : all->max_batches);
    }
    return SY_OK;
}

/* [least, clip, [holder, aggregate], ...] */
static size_t list_holders(const syi_secure_fit *secure, sy_id ids[][2], sy_value pairs[][2],
                           sy_value *items)
{
    const syi_aggregation *a = secure->aggregation;
    items[0] = sy_value_int((int64_t)secure->least);
    items[1] = sy_value_float(secure->clip);
    for (size_t k = 0; k < a->holders; k++) {
        ids[k][0] = a->at[k]->location->id;
        ids[k][1] = a->at[k]->id_at_location;
        pairs[k][0] = syi_id_value(&ids[k][0]);
        pairs[k][1] = syi_id_value(&ids[k][1]);
        items[2 + k] = sy_value_list(pairs[k], 2);
    }
    return 2 + a->holders;
}

/* With noise, each row finds the model as the step began. */
static sy_status check_noise(const sy_trainer *t, const sy_fit_options *o, sy_error *err)
{
    return o->noise_multiplier == 0 || t->buffer_count == 0
               ? SY_OK
               : syi_fail(err, SY_ENOTSUP,
                          "fit: a module with buffers (running statistics) is not trained with "
                          "noise: its batches are single rows");
}

sy_status syi_fit_begin(sy_trainer *trainer, const sy_shard *shard, const sy_fit_options *o,
                        const syi_secure_fit *secure, syi_fit *fit, sy_error *err)
{
    sy_id ids[SYI_AGGREGATION_HOLDERS_MAX][2];
    sy_value pairs[SYI_AGGREGATION_HOLDERS_MAX][2], items[2 + SYI_AGGREGATION_HOLDERS_MAX];
    uint64_t seed = o->seed;
    fit->begun = false;
    fit->deadline = o->timeout_ms > 0
                        ? syi_clock_now(trainer->hook->context) + (uint64_t)o->timeout_ms * 1000000u
                        : 0;
    if (seed == 0) {
        SY_TRY(syi_random_bytes(trainer->hook->context, &seed, sizeof seed, err));
    }
    const sy_value noise[] = {sy_value_float(o->noise_multiplier), sy_value_float(o->clip)};
    sy_value args[13] = {[3] = sy_value_int(o->batch_size),
                         [4] = sy_value_int(o->epochs),
                         [5] = sy_value_int(o->max_batches),
                         [6] = sy_value_bool(o->shuffle),
                         [7] = sy_value_int((int64_t)(seed >> 1)),
                         [8] = sy_value_int((int64_t)trainer->parameter_count),
                         [9] = sy_value_float(o->proximal),
                         [10] = sy_value_list(NULL, 0),
                         [11] = sy_value_list(noise, o->noise_multiplier > 0 ? 2 : 0),
                         [12] = sy_value_int((int64_t)trainer->buffer_count)};
    SY_TRY(check_noise(trainer, o, err));
    if (secure != NULL) {
        args[10] = sy_value_list(items, list_holders(secure, ids, pairs, items));
    }
    fit->noisy = o->noise_multiplier > 0;
    SY_TRY(syi_trainer_begin(trainer, shard, SYI_TRAINER_FIT, SYI_COMMAND_FIT, args,
                             trainer->buffer_count > 0 ? 13
                             : fit->noisy              ? 12
                             : secure != NULL          ? 11
                                                       : 10,
                             fit->deadline, &fit->exchange, err));
    fit->begun = true;
    return SY_OK;
}

/* Answers */

static bool is_list(const sy_value *value, size_t count)
{
    return value->kind == SY_VALUE_LIST && value->as.list.count == count;
}

/* One parameter or buffer of an answer: as the module's, and numbers. */
static sy_status take_state(const sy_trainer *t, const sy_shard *shard, size_t k,
                            const sy_value *value, double *to, sy_error *err)
{
    const syi_array *like = syi_node_array(state_of(t, k)->node),
                    *got = value->kind == SY_VALUE_TENSOR && syi_tensor_is_native(value->as.tensor)
                               ? syi_node_array(value->as.tensor->node)
                               : NULL;
    if (got == NULL || got->dtype != like->dtype || !syi_array_same_shape(got, like)) {
        return syi_fail_object(err, SY_EPROTO, shard->key,
                               "worker %s, dataset %s: %s %zu came back in another shape or dtype",
                               shard->worker->name, shard->key, kind_of(t, k), number_of(t, k));
    }
    return syi_numbers_are_finite(to, syi_numbers_read(got, to))
               ? SY_OK
               : syi_fail_object(err, SY_EPROTO, shard->key,
                                 "worker %s, dataset %s: %s %zu is not finite", shard->worker->name,
                                 shard->key, kind_of(t, k), number_of(t, k));
}

static sy_status take_model(const sy_trainer *t, const sy_shard *shard, const sy_value *answer,
                            bool noisy, double *state, sy_fit_result *result, sy_error *err)
{
    const sy_value *items = answer->as.list.items;
    const size_t count = state != NULL ? tensors_of(t) : 0;
    if (!is_list(answer, 4) || items[0].kind != SY_VALUE_FLOAT || items[1].kind != SY_VALUE_INT ||
        items[2].kind != SY_VALUE_INT || items[1].as.integer < 0 || !is_list(&items[3], count) ||
        (!noisy && !isfinite(items[0].as.real))) {
        return syi_shard_other_answer(shard, err);
    }
    for (size_t k = 0; k < count; k++) {
        SY_TRY(take_state(t, shard, k, &items[3].as.list.items[k], state, err));
        state += syi_array_numel(syi_node_array(state_of(t, k)->node));
    }
    *result = (sy_fit_result){
        .loss = items[0].as.real, .rows = items[1].as.integer, .batches = items[2].as.integer};
    return SY_OK;
}

sy_status syi_fit_finish(sy_trainer *trainer, const sy_shard *shard, syi_fit *fit, double *state,
                         sy_fit_result *result, sy_error *err)
{
    syi_decoder decoder;
    sy_value answer;
    fit->begun = false;
    sy_status status = syi_link_wait(&fit->exchange, err);
    if (status == SY_OK) {
        syi_decoder_init(&decoder, trainer->hook, trainer->hook->local_worker, fit->exchange.reply);
        status = syi_decode_value(&decoder, &answer, err);
        if (status == SY_OK) {
            status = take_model(trainer, shard, &answer, fit->noisy, state, result, err);
        }
        syi_decoder_fini(&decoder);
    }
    syi_link_end(&fit->exchange);
    if (status == SY_ENOTFOUND) { /* the dataset, or the plan: then it is sent anew next time */
        syi_trainer_forget_plan(trainer, shard->worker, SYI_TRAINER_FIT);
    }
    return syi_shard_blame(shard, status, err);
}

/* One worker */

static sy_status fit_once(sy_trainer *t, const sy_shard *shard, const sy_fit_options *o,
                          double *state, sy_fit_result *result, sy_error *err)
{
    syi_fit fit;
    SY_TRY(syi_fit_begin(t, shard, o, NULL, &fit, err));
    return syi_fit_finish(t, shard, &fit, state, result, err);
}

sy_status sy_trainer_fit(sy_trainer *trainer, const sy_shard *shard, const sy_fit_options *options,
                         sy_fit_result *result, sy_error *err)
{
    sy_fit_options o;
    sy_fit_result mine;
    sy_error first = SY_ERROR_INIT;
    SY_TRY(syi_fit_options_read(options, &o, err));
    double *state = syi_alloc_array(trainer->hook->context, trainer->state_count, sizeof *state);
    if (state == NULL) {
        return SYI_ENOMEM(err, "fit");
    }
    sy_status status = fit_once(trainer, shard, &o, state, &mine, &first);
    if (status == SY_ENOTFOUND) {
        status = fit_once(trainer, shard, &o, state, &mine, &first);
    }
    if (status != SY_OK && err != NULL) {
        *err = first;
    }
    status = status == SY_OK ? syi_trainer_write(trainer, state, err) : status;
    if (status == SY_OK && result != NULL) {
        *result = mine;
    }
    syi_free(trainer->hook->context, state, trainer->state_count * sizeof *state);
    return status;
}
