/*
 * protocol_run.c - a protocol's plans, one after the other, for one input or for many at once. Part of protocol.h.
 *
 * Each plan is two steps: its arguments are brought to its worker, and it runs. A step is ready for an input when that has
 * the step before it behind it, and the input before has this one. Some threads, the caller's among them, take steps that
 * are ready until none is left: so workers compute and results travel side by side, and each plan sees the inputs in
 * their order. After a failure no step is begun any more.
 */
#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "core/surroundings.h"
#include "execution/plan.h"
#include "execution/protocol.h"
#include "interpreters/pointer.h"

#define THREADS_MAX 8
#define STACK_BYTES (1u << 20)

/* What is on its way for one input. */
typedef struct flow {
    sy_value *values; /* of the next plan: arguments, then named ones; in the end the results */
    sy_tensor **ours; /* one per value: a reference; NULL: the caller's */
    size_t count;
    size_t step; /* the next one: 2k brings, 2k + 1 runs plan k */
    bool busy;   /* a thread is at it */
} flow;

typedef struct pipeline {
    const syi_protocol_run *run;
    sy_context *context;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    flow *flows;
    size_t steps;
    size_t *turns; /* per step: the input whose turn it is */
    size_t first;  /* inputs before it are done */
    sy_status status;
    sy_error error;
} pipeline;

/* One step for one input. */
typedef struct task {
    pipeline *p;
    flow *f;
    const sy_protocol_input *input;
    size_t step;
    const syi_protocol_stage *at;
    sy_tensor *results[SYI_TAPE_OUTPUTS_MAX];
    size_t result_count;
    sy_error err;
} task;

static void flow_clear(sy_context *context, flow *f)
{
    for (size_t k = 0; k < f->count; k++) {
        sy_tensor_unref(f->ours[k]);
    }
    syi_free(context, f->values, f->count * sizeof *f->values);
    syi_free(context, f->ours, f->count * sizeof(sy_tensor *));
    f->values = NULL;
    f->ours = NULL;
    f->count = 0;
}

/* Room for other values; on failure it is as before. */
static sy_status flow_renew(sy_context *context, flow *f, size_t count, sy_error *err)
{
    sy_value *values = syi_alloc_array(context, count, sizeof *values);
    sy_tensor **ours = syi_alloc_array(context, count, sizeof(sy_tensor *));
    if (values == NULL || ours == NULL) {
        syi_free(context, values, count * sizeof *values);
        syi_free(context, ours, count * sizeof(sy_tensor *));
        return SYI_ENOMEM(err, "protocol");
    }
    flow_clear(context, f);
    f->values = values;
    f->ours = ours;
    f->count = count;
    return SY_OK;
}

/* Bringing values to the worker of the stage */

/* Of an object of this worker, which others may write to. */
static sy_status copy_object(const task *t, sy_tensor *tensor, sy_tensor **copy, sy_error *err)
{
    sy_worker *here = t->p->run->here;
    syi_gate_hold(here);
    const syi_policy policy = syi_tensor_policy(tensor);
    const sy_status status = sy_tensor_copy(tensor, copy, err);
    syi_gate_let_go(here);
    if (status == SY_OK) {
        syi_tensor_set_policy(*copy, &policy);
    }
    return status;
}

/* Under an id of its own: the caller may have sent the same tensor there. */
static sy_status send_fresh(const task *t, sy_tensor *tensor, sy_tensor **sent, sy_error *err)
{
    const sy_id id = syi_hook_fresh_id(tensor->hook);
    sy_worker *here = t->p->run->here;
    sy_tensor *copy = NULL;
    if (!t->p->run->for_peer || syi_node_is_remote(tensor->node)) {
        return sy_worker_send(here, sent, tensor, t->at->worker, &id, err);
    }
    SY_TRY(copy_object(t, tensor, &copy, err));
    const sy_status status = sy_worker_send(here, sent, copy, t->at->worker, &id, err);
    sy_tensor_unref(copy);
    return status;
}

/* The caller's own object stays where it is: a copy of it moves. */
static sy_status move_copy(const task *t, sy_tensor *pointer, sy_tensor **moved, sy_error *err)
{
    SY_TRY(sy_tensor_copy(pointer, moved, err));
    const sy_status status = sy_tensor_move_(*moved, t->at->worker, err);
    if (status != SY_OK) {
        sy_tensor_unref(*moved);
        *moved = NULL;
    }
    return status;
}

static sy_status bring(task *t, size_t k)
{
    sy_value *value = &t->f->values[k];
    sy_tensor **ours = &t->f->ours[k];
    const sy_worker *here = t->p->run->here;
    sy_tensor *brought = NULL;
    if (value->kind != SY_VALUE_TENSOR) {
        return SY_OK;
    }
    sy_tensor *tensor = value->as.tensor;
    if (tensor == NULL) {
        return syi_fail(&t->err, SY_EINVAL, "argument %zu is NULL", k + 1);
    }
    syi_pointer *pointer = syi_pointer_of(tensor);
    if (pointer == NULL) {
        if (t->at->worker == here) {
            return SY_OK;
        }
        SY_TRY(send_fresh(t, tensor, &brought, &t->err));
    } else if (pointer->location == t->at->worker) {
        return SY_OK;
    } else if (t->at->worker == here) {
        SY_TRY(syi_pointer_fetch(pointer, *ours == NULL, &brought, &t->err));
    } else if (*ours != NULL) {
        return sy_tensor_move_(tensor, t->at->worker, &t->err);
    } else {
        SY_TRY(move_copy(t, tensor, &brought, &t->err));
    }
    sy_tensor_unref(*ours);
    *ours = brought;
    *value = sy_value_tensor(brought);
    return SY_OK;
}

/* The reference's lines. */
static void say(const task *t)
{
    const syi_protocol_stage *before = t->step > 0 ? t->at - 1 : NULL;
    const char *to = t->at->worker->name;
    if (before == NULL) {
        syi_log(t->p->context, SY_LOG_INFO, "execution", to, 0, "send %s", to);
    } else if (before->worker != t->at->worker) {
        syi_log(t->p->context, SY_LOG_INFO, "execution", to, 0, "move %s  -> %s",
                before->worker->name, to);
    }
}

static sy_status take_input(task *t)
{
    const sy_protocol_input *input = t->input;
    flow *f = t->f;
    if (input->count > SYI_TAPE_INPUTS_MAX ||
        input->kwarg_count > SYI_TAPE_INPUTS_MAX - input->count) {
        return syi_fail(&t->err, SY_ELIMIT, "more than %d arguments", SYI_TAPE_INPUTS_MAX);
    }
    SY_TRY(flow_renew(t->p->context, f, input->count + input->kwarg_count, &t->err));
    for (size_t k = 0; k < f->count; k++) {
        f->values[k] =
            k < input->count ? input->arguments[k] : input->kwargs[k - input->count].value;
    }
    return SY_OK;
}

static sy_status bring_all(task *t)
{
    if (t->step == 0) {
        SY_TRY(take_input(t));
    }
    say(t);
    for (size_t k = 0; k < t->f->count; k++) {
        SY_TRY(bring(t, k));
    }
    return SY_OK;
}

/* Running */

/* Of the first plan only. */
static size_t fill_names(const task *t, sy_named_value *kwargs)
{
    const size_t count = t->step == 1 ? t->input->kwarg_count : 0;
    for (size_t k = 0; k < count; k++) {
        kwargs[k] = (sy_named_value){t->input->kwargs[k].name, t->f->values[t->input->count + k]};
    }
    return count;
}

static sy_status run_there(task *t, const sy_named_value *kwargs, size_t kwarg_count)
{
    sy_pointer_plan *plan = NULL;
    sy_plan_run_options o = SY_PLAN_RUN_OPTIONS_INIT;
    o.kwargs = kwargs;
    o.kwarg_count = kwarg_count;
    if (syi_pointer_of(t->at->plan) == NULL) {
        return syi_fail(&t->err, SY_EINVAL, "the plan is not deployed there");
    }
    SY_TRY(sy_pointer_plan_from(t->at->plan, &plan, &t->err));
    const sy_status status =
        sy_pointer_plan_run(plan, t->f->values, t->f->count - kwarg_count, &o, t->results,
                            SYI_TAPE_OUTPUTS_MAX, &t->result_count, &t->err);
    sy_pointer_plan_unref(plan);
    return status;
}

/* What the plan writes to is its own. */
static sy_status own_arguments(task *t)
{
    flow *f = t->f;
    for (size_t k = 0; k < f->count; k++) {
        if (f->values[k].kind == SY_VALUE_TENSOR && f->ours[k] == NULL) {
            SY_TRY(copy_object(t, f->values[k].as.tensor, &f->ours[k], &t->err));
            f->values[k] = sy_value_tensor(f->ours[k]);
        }
    }
    return SY_OK;
}

/* For a peer the request holds no gate: other requests write to objects meanwhile, and read what the plan would write. */
static sy_status execute_here(task *t, const syi_plan_body *body, const sy_value *inputs,
                              sy_value *values)
{
    const syi_protocol_run *run = t->p->run;
    bool guarded = run->for_peer && !body->tape->writes;
    for (size_t k = 0; k < body->argument_count;
         k++) { /* nobody waits for a worker with a gate held */
        guarded = guarded && (inputs[k].kind != SY_VALUE_TENSOR ||
                              !syi_node_is_remote(inputs[k].as.tensor->node));
    }
    if (guarded) {
        syi_gate_hold(run->here);
    }
    const sy_status status = syi_plan_execute(body, inputs, run->mode, 0, NULL, values, &t->err);
    if (guarded) {
        syi_gate_let_go(run->here);
    }
    return status;
}

static sy_status run_here(task *t, sy_named_value *kwargs, size_t kwarg_count)
{
    sy_value inputs[SYI_TAPE_INPUTS_MAX], values[SYI_TAPE_OUTPUTS_MAX];
    const syi_plan_body *body = syi_plan_body_of(t->at->plan);
    if (body == NULL || body->tape == NULL) {
        return syi_fail(&t->err, SY_EINVAL, "the plan is not built, or not here");
    }
    if (t->p->run->for_peer && body->state_count > 0) {
        return syi_fail(&t->err, SY_ENOTSUP,
                        "plan %s has state here, where the protocol is run for somebody else; "
                        "deploy it to another worker",
                        body->name);
    }
    if (t->p->run->for_peer && body->tape->writes) {
        SY_TRY(own_arguments(t));
        (void)fill_names(t, kwargs); /* the copies */
    }
    SY_TRY(syi_plan_bind(body, t->f->values, t->f->count - kwarg_count, kwargs, kwarg_count, inputs,
                         &t->err));
    SY_TRY(execute_here(t, body, inputs, values));
    const size_t count = body->tape->result_count;
    sy_status status = SY_OK;
    for (size_t k = 0; k < count; k++) {
        if (values[k].kind == SY_VALUE_TENSOR) {
            t->results[t->result_count++] = values[k].as.tensor;
        } else if (status == SY_OK) {
            status =
                syi_fail(&t->err, SY_ENOTSUP, "result %zu of plan %s is a size", k + 1, body->name);
        }
    }
    return status;
}

/* Results become the values of the next plan. */
static sy_status run_plan(task *t)
{
    sy_named_value kwargs[SYI_TAPE_INPUTS_MAX];
    const size_t named = fill_names(t, kwargs);
    sy_status status =
        t->at->worker == t->p->run->here ? run_here(t, kwargs, named) : run_there(t, kwargs, named);
    if (status == SY_OK) {
        status = flow_renew(t->p->context, t->f, t->result_count, &t->err);
    }
    for (size_t k = 0; k < t->result_count; k++) {
        if (status == SY_OK) {
            t->f->values[k] = sy_value_tensor(t->results[k]);
            t->f->ours[k] = t->results[k];
        } else {
            sy_tensor_unref(t->results[k]);
        }
    }
    return status;
}

static sy_status run_task(task *t)
{
    const sy_status status = t->step % 2 == 0 ? bring_all(t) : run_plan(t);
    return status == SY_OK ? SY_OK
                           : syi_error_prefix(&t->err, status, "protocol, plan %zu at worker %s",
                                              t->step / 2 + 1, t->at->worker->name);
}

/* Threads */

/* Under the lock. */
static bool find_ready(pipeline *p, size_t *index)
{
    for (size_t i = p->first; i < p->run->count; i++) {
        const flow *f = &p->flows[i];
        if (f->step < p->steps && !f->busy && p->turns[f->step] == i) {
            *index = i;
            return true;
        }
        if (f->step == 0) {
            return false; /* those behind it wait for it */
        }
    }
    return false;
}

static void finish(pipeline *p, const task *t, sy_status status)
{
    t->f->busy = false;
    if (status == SY_OK) {
        t->f->step++;
        p->turns[t->step]++;
        while (p->first < p->run->count && p->flows[p->first].step == p->steps) {
            p->first++;
        }
    } else if (p->status == SY_OK) {
        p->status = status;
        p->error = t->err;
    }
    pthread_cond_broadcast(&p->changed);
}

static void *work(void *argument)
{
    pipeline *p = argument;
    task *t = syi_alloc(p->context, sizeof *t);
    pthread_mutex_lock(&p->lock);
    if (t == NULL && p->status == SY_OK) {
        p->status = SYI_ENOMEM(&p->error, "protocol");
        pthread_cond_broadcast(&p->changed);
    }
    while (p->status == SY_OK && p->first < p->run->count) {
        size_t index = 0;
        if (!find_ready(p, &index)) {
            pthread_cond_wait(&p->changed, &p->lock);
            continue;
        }
        flow *f = &p->flows[index];
        f->busy = true;
        *t = (task){.p = p,
                    .f = f,
                    .input = &p->run->inputs[index],
                    .step = f->step,
                    .at = &p->run->body->stages[f->step / 2]};
        pthread_mutex_unlock(&p->lock);
        const sy_status status = run_task(t);
        pthread_mutex_lock(&p->lock);
        finish(p, t, status);
    }
    pthread_mutex_unlock(&p->lock);
    if (t != NULL) {
        syi_free(p->context, t, sizeof *t);
    }
    return NULL;
}

/* Signals stay with the program's own threads. Without a thread it takes longer. */
static size_t start_threads(pipeline *p, pthread_t *threads, size_t wanted)
{
    pthread_attr_t attributes;
    sigset_t all, before;
    size_t count = 0;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (count < wanted && pthread_create(&threads[count], &attributes, work, p) == 0) {
        count++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return count;
}

static sy_status hand_out(pipeline *p, sy_error *err)
{
    const syi_protocol_run *run = p->run;
    for (size_t i = 0; i < run->count; i++) {
        if (p->flows[i].count > run->inputs[i].capacity) {
            return syi_fail(err, SY_ESIGNATURE, "the protocol gave %zu results, room for %zu",
                            p->flows[i].count, run->inputs[i].capacity);
        }
    }
    for (size_t i = 0; i < run->count; i++) {
        flow *f = &p->flows[i];
        for (size_t k = 0; k < f->count; k++) {
            run->inputs[i].results[k] = sy_tensor_ref(f->ours[k]);
        }
        run->inputs[i].result_count = f->count;
    }
    return SY_OK;
}

/* Plans that write here, to their state or to arguments, are not run side by side: they may write to the same. */
static bool writes_here(const syi_protocol_run *run)
{
    for (size_t k = 0; k < run->body->count; k++) {
        const syi_protocol_stage *stage = &run->body->stages[k];
        const syi_plan_body *plan =
            stage->worker == run->here ? syi_plan_body_of(stage->plan) : NULL;
        if (plan != NULL && plan->tape != NULL && plan->tape->writes) {
            return true;
        }
    }
    return false;
}

static void run_all(pipeline *p)
{
    pthread_t threads[THREADS_MAX];
    const size_t side = writes_here(p->run) ? 1 : p->run->count;
    const size_t together = p->steps < side ? p->steps : side;
    const size_t wanted = together < THREADS_MAX ? together : THREADS_MAX;
    const size_t started = wanted > 1 ? start_threads(p, threads, wanted - 1) : 0;
    (void)work(p);
    for (size_t k = 0; k < started; k++) {
        pthread_join(threads[k], NULL);
    }
}

static sy_status check_inputs(const syi_protocol_run *run, sy_error *err)
{
    for (size_t i = 0; i < run->count; i++) {
        const sy_protocol_input *input = &run->inputs[i];
        if ((input->count > 0 && input->arguments == NULL) ||
            (input->kwarg_count > 0 && input->kwargs == NULL) ||
            (input->capacity > 0 && input->results == NULL)) {
            return syi_fail(err, SY_EINVAL, "protocol: arguments or results of input %zu are NULL",
                            i + 1);
        }
    }
    return SY_OK;
}

sy_status syi_protocol_execute(const syi_protocol_run *run, sy_error *err)
{
    sy_context *context = run->body->hook->context;
    pipeline p = {.run = run, .context = context, .steps = 2 * run->body->count, .status = SY_OK};
    SY_TRY(check_inputs(run, err));
    p.flows = syi_alloc_array(context, run->count, sizeof *p.flows);
    p.turns = syi_alloc_array(context, p.steps, sizeof *p.turns);
    syi_error_empty(&p.error);
    if (p.flows == NULL || p.turns == NULL) {
        p.status = SYI_ENOMEM(&p.error, "protocol");
    } else {
        pthread_mutex_init(&p.lock, NULL);
        pthread_cond_init(&p.changed, NULL);
        run_all(&p);
        pthread_cond_destroy(&p.changed);
        pthread_mutex_destroy(&p.lock);
    }
    sy_status status = p.status;
    if (status == SY_OK) {
        status = hand_out(&p, err);
    } else if (err != NULL) {
        *err = p.error;
    }
    for (size_t i = 0; p.flows != NULL && i < run->count; i++) {
        flow_clear(context, &p.flows[i]);
    }
    syi_free(context, p.flows, run->count * sizeof *p.flows);
    syi_free(context, p.turns, p.steps * sizeof *p.turns);
    return status;
}
