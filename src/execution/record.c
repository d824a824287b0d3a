#include "execution/record.h"

#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "execution/recording.h"
#include "execution/sizes.h"

static sy_id key_of(const sy_tensor *tensor)
{
    return sy_id_from_int((int64_t)(uintptr_t)tensor);
}

int32_t syi_record_find(const syi_record *r, const sy_tensor *tensor)
{
    const sy_id key = key_of(tensor);
    return (int32_t)(intptr_t)syi_table_get(r->slots, &key) - 1;
}

static sy_status latch(syi_record *r, sy_status status, const sy_error *err)
{
    if (status != SY_OK && r->failure.status == SY_OK && err != NULL) {
        r->failure = *err;
        r->failure.status = status;
    }
    return status;
}

/* Slots */

bool syi_record_grow(syi_record *r, void *array, size_t count, size_t *capacity, size_t item)
{
    if (count < *capacity) {
        return true;
    }
    const size_t more = *capacity == 0 ? 64 : 2 * *capacity;
    void *old = NULL, *made = syi_alloc_array(r->hook->context, more, item);
    if (made == NULL) {
        return false;
    }
    memcpy(&old, array, sizeof old);
    if (count > 0) {
        memcpy(made, old, count * item);
    }
    syi_free(r->hook->context, old, *capacity * item);
    memcpy(array, &made, sizeof made);
    *capacity = more;
    return true;
}

sy_status syi_record_add(syi_record *r, syi_slot_kind kind, sy_tensor *own, sy_tensor *shadow,
                         int32_t *slot, sy_error *err)
{
    if (!syi_record_grow(r, &r->known, r->known_count, &r->known_capacity, sizeof *r->known)) {
        return SYI_ENOMEM(err, "plan");
    }
    SY_TRY(syi_tape_add_slot(r->tape, kind, slot, err));
    syi_known *k = &r->known[r->known_count++];
    memset(k, 0, sizeof *k);
    if (own != NULL) {
        const sy_id key = key_of(own);
        k->tensor[SYI_OWN] = sy_tensor_ref(own);
        k->tensor[SYI_SHADOW] = sy_tensor_ref(shadow != NULL ? shadow : own);
        SY_TRY(syi_table_put(r->slots, &key, (void *)(intptr_t)(*slot + 1), NULL, err));
    }
    return SY_OK;
}

static sy_status keep_written(syi_record *r, const sy_value *actual, sy_error *err)
{
    const syi_pending *p = &r->now;
    const int count = p->op->flags & SYI_OP_WRITES ? p->count : p->inplace ? 1 : 0;
    for (int k = 0; k < count; k++) {
        if (actual[k].kind == SY_VALUE_TENSOR) {
            SY_TRY(syi_record_keep(r, actual[k].as.tensor, err));
        }
    }
    return SY_OK;
}

/* Recording */

/* Does one of the tensors belong to the plan? */
static bool touches(const syi_record *r, const sy_value *values, int count)
{
    for (int k = 0; k < count; k++) {
        if (values[k].kind == SY_VALUE_TENSOR && syi_record_find(r, values[k].as.tensor) >= 0) {
            return true;
        }
    }
    return false;
}

static sy_status begin(syi_record *r, const sy_value *bound, sy_value *actual, sy_error *err)
{
    syi_pending *p = &r->now;
    if (p->op->flags & SYI_OP_VALUE) {
        if (p->op->id != SYI_OP_size && p->op->id != SYI_OP_numel && p->op->id != SYI_OP_dim &&
            touches(r, bound, p->count)) {
            return syi_fail(
                err, SY_EINVAL,
                "contents are not known while a plan is built: what depends on them must "
                "be operations (where, masks)");
        }
        p->records = false; /* `after` looks at sizes itself */
        return SY_OK;
    }
    if (!(p->op->flags & SYI_OP_PEER)) {
        return syi_fail(err, SY_EFORBIDDEN, "this operation cannot be part of a plan");
    }
    p->records = true;
    p->vague = false;
    p->slots.used = p->own.used = 0;
    for (int k = 0; k < p->count; k++) {
        SY_TRY(syi_record_to_slots(r, &bound[k], &p->args[k], err));
        SY_TRY(syi_record_to_values(r, &p->args[k], SYI_OWN, &p->own, &actual[k], err));
    }
    return keep_written(r, actual, err);
}

static sy_status before(void *user, const syi_op *op, bool inplace, const sy_value *bound,
                        int count, const syi_mode *mode, sy_value *actual, sy_error *err)
{
    syi_record *r = user;
    syi_pending *p = &r->now;
    if (r->failure.status != SY_OK) {
        return syi_fail(err, r->failure.status, "%s", r->failure.message);
    }
    p->op = op;
    p->inplace = inplace;
    p->count = count;
    p->mode = *mode;
    sy_error reason;
    syi_error_empty(&reason);
    const sy_status status = begin(r, bound, actual, &reason);
    if (status != SY_OK) {
        syi_error_prefix(&reason, status, "%s", op->name);
        if (err != NULL) {
            *err = reason;
        }
        return latch(r, status, &reason);
    }
    /* Of sizes the tensor is remembered. */
    p->args[0] = (op->flags & SYI_OP_VALUE) ? bound[0] : p->args[0];
    p->args[1] = (op->flags & SYI_OP_VALUE) && count > 1 ? bound[1] : p->args[1];
    return SY_OK;
}

static sy_status run_shadow(syi_record *r, syi_results *results, sy_error *err)
{
    syi_pending *p = &r->now;
    sy_value args[SYI_ARGUMENT_MAX];
    p->shadow.used = 0;
    for (int k = 0; k < p->count; k++) {
        SY_TRY(syi_record_to_values(r, &p->args[k], SYI_SHADOW, &p->shadow, &args[k], err));
    }
    const sy_status status =
        syi_dispatch_untraced(r->hook, p->op, p->inplace, args, p->count, &p->mode, results, err);
    return status == SY_OK
               ? SY_OK
               : syi_error_prefix(err, status,
                                  "the plan would hold for one batch only; with %d in the place of "
                                  "-1 instead of %d",
                                  SYI_OPEN_SIZE_SHADOW, SYI_OPEN_SIZE);
}

static sy_status record(syi_record *r, const syi_results *results, sy_error *err)
{
    syi_pending *p = &r->now;
    int32_t outs[SYI_OUTPUT_MAX];
    syi_results shadows = {.count = 0};
    sy_status status = SY_OK;
    const int out_count = p->inplace ? 0 : results->count;
    if (r->open) {
        SY_TRY(run_shadow(r, &shadows, err));
        if (shadows.count != results->count) {
            status = syi_fail(err, SY_EINVAL,
                              "%s: gives %d tensors for one size in the place of -1, and %d for "
                              "another",
                              p->op->name, results->count, shadows.count);
            goto done;
        }
    }
    for (int k = 0; k < out_count; k++) {
        SY_GOTO(done, syi_record_add(r, SYI_SLOT_MADE, results->tensors[k],
                                     r->open ? shadows.tensors[k] : NULL, &outs[k], err));
        r->known[outs[k]].vague = p->vague;
    }
    if (p->inplace && syi_value_is_slot(&p->args[0])) {
        r->known[p->args[0].as.integer].vague |= p->vague;
    }
    const syi_step step = {.kind = SYI_STEP_OPERATION,
                           .op = p->op,
                           .inplace = p->inplace,
                           .grad = p->mode.grad,
                           .args = p->args,
                           .arg_count = p->count,
                           .outs = outs,
                           .out_count = out_count};
    status = syi_tape_add_step(r->tape, &step, err);
done:
    syi_results_fini(&shadows);
    return status;
}

static sy_status after(void *user, syi_results *results, sy_error *err)
{
    syi_record *r = user;
    sy_error reason;
    syi_error_empty(&reason);
    const sy_status status =
        r->now.records ? record(r, results, &reason) : syi_record_tokenize(r, results, &reason);
    if (status != SY_OK && err != NULL) {
        *err = reason;
    }
    return latch(r, status, &reason);
}

/* Deeds */

static sy_status open_dim(syi_record *r, const syi_deed *deed, int32_t slot, sy_error *err)
{
    syi_array shapes[SYI_SIDES];
    SY_TRY(syi_record_shapes(r, slot, shapes, err));
    for (int d = 0; d < shapes[SYI_OWN].ndim; d++) {
        if (r->known[slot].vague || shapes[SYI_OWN].shape[d] != shapes[SYI_SHADOW].shape[d]) {
            const syi_slot *s = &r->tape->slots[slot];
            return syi_fail(err, SY_EINVAL,
                            "%s of %s %d while a plan is built: its dim %d %s open (-1) and has no "
                            "number; sy_plan_size gives one that operations take",
                            deed->what,
                            s->kind == SYI_SLOT_INPUT   ? "argument"
                            : s->kind == SYI_SLOT_STATE ? "state"
                                                        : "value",
                            s->kind == SYI_SLOT_MADE ? (int)slot : (int)s->index, d,
                            r->known[slot].vague ? "may be" : "is");
        }
    }
    return SY_OK;
}

static sy_status record_deed(syi_record *r, const syi_deed *deed, int32_t slot, sy_error *err)
{
    sy_value args[2] = {syi_value_slot(slot), sy_value_none()};
    syi_step step = {.kind = SYI_STEP_REQUIRES_GRAD, .args = args, .arg_count = 2};
    sy_tensor *shadow = r->known[slot].tensor[SYI_SHADOW];
    if (deed->kind == SYI_DEED_REQUIRES_GRAD) {
        args[1] = sy_value_bool(deed->flag);
        if (shadow != deed->self) {
            SY_TRY(sy_tensor_set_requires_grad(shadow, deed->flag, err));
        }
    } else {
        int32_t grad = -1;
        step.kind = SYI_STEP_SET_GRAD;
        if (deed->other != NULL) {
            SY_TRY(syi_record_slot_of(r, deed->other, &grad, err));
            args[1] = syi_value_slot(grad);
        }
        if (shadow != deed->self) {
            SY_TRY(sy_tensor_set_grad(shadow, grad >= 0 ? r->known[grad].tensor[SYI_SHADOW] : NULL,
                                      err));
        }
    }
    return syi_tape_add_step(r->tape, &step, err);
}

static sy_status note_deed(syi_record *r, const syi_deed *deed, sy_error *err)
{
    int32_t slot = syi_record_find(r, deed->self);
    switch (deed->kind) {
    case SYI_DEED_SHAPE:
        r->tape->reads_sizes |= slot >= 0;
        return slot >= 0 && r->open ? open_dim(r, deed, slot, err) : SY_OK;
    case SYI_DEED_REQUIRES_GRAD: /* a tensor that was just made keeps its flag when it is captured */
        return slot >= 0 ? record_deed(r, deed, slot, err) : SY_OK;
    case SYI_DEED_SET_GRAD:
        if (slot < 0) {
            SY_TRY(syi_record_capture(r, deed->self, &slot, err));
        }
        return record_deed(r, deed, slot, err);
    default:
        return slot >= 0 ? syi_fail(err, SY_ENOTSUP,
                                    "%s: not while a plan is built; a plan holds operations only",
                                    deed->what)
                         : SY_OK;
    }
}

static sy_status on_deed(void *user, const syi_deed *deed, sy_error *err)
{
    syi_record *r = user;
    sy_error reason;
    syi_error_empty(&reason);
    const sy_status status = note_deed(r, deed, &reason);
    if (status != SY_OK && err != NULL) {
        *err = reason;
    }
    return latch(r, status, &reason);
}

static const syi_recorder recorder = {.before = before, .after = after, .deed = on_deed};

/* Life */

sy_status syi_record_new(sy_hook *hook, syi_record **made, syi_tape *tape, bool open, sy_error *err)
{
    *made = NULL;
    syi_record *r = syi_alloc(hook->context, sizeof *r);
    if (r == NULL) {
        return SYI_ENOMEM(err, "plan");
    }
    r->hook = hook;
    r->tape = syi_tape_ref(tape);
    r->open = open;
    const sy_status status = syi_table_new(hook->context, &r->slots, err);
    if (status != SY_OK) {
        syi_record_free(r);
        return status;
    }
    *made = r;
    return SY_OK;
}

void syi_record_free(syi_record *r)
{
    if (r == NULL) {
        return;
    }
    sy_context *context = r->hook->context;
    if (r->running) {
        (void)sy_hook_trace_stop(r->hook, NULL);
    }
    syi_record_state_fini(r);
    for (size_t k = 0; k < r->known_count; k++) {
        sy_tensor_unref(r->known[k].tensor[SYI_OWN]);
        sy_tensor_unref(r->known[k].tensor[SYI_SHADOW]);
    }
    syi_free(context, r->known, r->known_capacity * sizeof *r->known);
    syi_free(context, r->captured, r->captured_capacity * sizeof *r->captured);
    syi_free(context, r->tokens, r->token_capacity * sizeof *r->tokens);
    syi_table_free(r->slots);
    syi_tape_unref(r->tape);
    syi_free(context, r, sizeof *r);
}

sy_status syi_record_input(syi_record *r, sy_tensor *tensor, sy_tensor *shadow, sy_error *err)
{
    int32_t slot = -1;
    if (tensor != NULL && syi_record_find(r, tensor) >= 0) {
        return syi_fail(err, SY_EINVAL, "plan: the same tensor is given for two arguments");
    }
    SY_TRY(syi_record_add(r, SYI_SLOT_INPUT, tensor, shadow, &slot, err));
    r->tape->slots[slot].plain = tensor == NULL;
    if (tensor != NULL) {
        syi_record_remember(&r->known[slot]);
    }
    return SY_OK;
}

sy_status syi_record_state(syi_record *r, sy_tensor *tensor, sy_error *err)
{
    int32_t slot = -1;
    if (syi_record_find(r, tensor) >= 0) {
        return syi_fail(err, SY_EINVAL, "plan: a state tensor is an argument, or state twice");
    }
    return syi_record_add_state(r, tensor, &slot, err);
}

sy_status syi_record_start(syi_record *r, sy_error *err)
{
    SY_TRY(syi_trace_record(r->hook, &recorder, r, err));
    r->running = true;
    return SY_OK;
}

static sy_status outputs_to_slots(syi_record *r, const sy_value *outputs, size_t count,
                                  sy_value *slotted, sy_error *err)
{
    r->now.slots.used = 0;
    for (size_t k = 0; k < count; k++) {
        SY_TRY(syi_record_to_slots(r, &outputs[k], &slotted[k], err));
    }
    return SY_OK;
}

/* A size among the results is handed out as a tensor of one int64: a step more makes it. */
static sy_status sizes_to_tensors(syi_record *r, sy_value *values, size_t count, sy_error *err)
{
    for (size_t k = 0; k < count; k++) {
        if (values[k].kind == SY_VALUE_LIST) {
            SY_TRY(sizes_to_tensors(r, (sy_value *)values[k].as.list.items, values[k].as.list.count,
                                    err));
        } else if (syi_value_is_slot(&values[k]) && r->tape->slots[values[k].as.integer].plain) {
            sy_value args[] = {sy_value_list(NULL, 0), values[k], sy_value_dtype(SY_DTYPE_I64)};
            int32_t slot = -1;
            SY_TRY(syi_record_add(r, SYI_SLOT_MADE, NULL, NULL, &slot, err));
            const syi_step step = {.op = syi_op_get(SYI_OP_full),
                                   .args = args,
                                   .arg_count = 3,
                                   .outs = &slot,
                                   .out_count = 1};
            SY_TRY(syi_tape_add_step(r->tape, &step, err));
            values[k] = syi_value_slot(slot);
        }
    }
    return SY_OK;
}

sy_status syi_record_finish(syi_record *r, const sy_value *outputs, size_t count, sy_error *err)
{
    sy_value slotted[SYI_TAPE_OUTPUTS_MAX];
    if (r->running) {
        r->running = false;
        SY_TRY(sy_hook_trace_stop(r->hook, err));
    }
    if (r->failure.status != SY_OK) {
        return syi_fail(err, r->failure.status, "%s", r->failure.message);
    }
    if (count > SYI_TAPE_OUTPUTS_MAX) {
        return syi_fail(err, SY_ELIMIT, "plan: more than %d results", SYI_TAPE_OUTPUTS_MAX);
    }
    SY_TRY(outputs_to_slots(r, outputs, count, slotted, err));
    SY_TRY(sizes_to_tensors(r, slotted, count, err));
    return syi_tape_seal(r->tape, slotted, count, err);
}

sy_tensor *const *syi_record_get_captured(const syi_record *r, size_t *count)
{
    *count = r->captured_count;
    return r->captured;
}

sy_status syi_record_compute(sy_hook *hook, syi_step_kind kind, int64_t a, int64_t b,
                             int64_t *result, sy_error *err)
{
    syi_trace *trace = &hook->trace;
    if (!syi_trace_is_on(trace) || trace->recorder != &recorder) {
        return syi_size_compute(kind, a, b, result, err);
    }
    syi_record *r = trace->user;
    sy_error reason;
    syi_error_empty(&reason);
    *result = 0;
    if (r->failure.status != SY_OK) {
        return syi_fail(err, r->failure.status, "%s", r->failure.message);
    }
    const sy_status status = syi_record_arithmetic(r, kind, a, b, result, &reason);
    if (status != SY_OK && err != NULL) {
        *err = reason;
    }
    return latch(r, status, &reason);
}

sy_status syi_record_size(sy_hook *hook, sy_tensor *tensor, int dim, int64_t *size, sy_error *err)
{
    const sy_value args[] = {sy_value_tensor(tensor), sy_value_int(dim)};
    const syi_mode mode = SYI_MODE_DEFAULT;
    sy_value bound[SYI_ARGUMENT_MAX];
    syi_results results;
    *size = 0;
    SY_TRY(syi_ops_bind(hook->ops, syi_op_get(SYI_OP_size), args, 2, NULL, 0, bound, err));
    SY_TRY(syi_dispatch(hook, syi_op_get(SYI_OP_size), false, bound, &mode, &results, err));
    *size = results.value.as.integer;
    syi_results_fini(&results);
    return SY_OK;
}
