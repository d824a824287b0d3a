#include "execution/run.h"

#include "core/error.h"
#include "core/memory.h"
#include "execution/record.h"
#include "execution/sizes.h"
#include "hook/estimate.h"

#define SLOTS_AT_HAND 96 /* values of most plans fit on the stack */

/*
 * What a step makes of plain arrays stays an array (ARRAY) until somebody wants a handle: most values of most plans live
 * for a step or two, and a handle with its node costs as much as a small operation.
 */
typedef struct frame {
    const syi_run *run;
    /* NONE: empty. Tensors of steps are held, those of inputs and states borrowed. */
    sy_value *slots;
    syi_array *arrays; /* per slot; of those that are ARRAY */
    bool bare;         /* nobody looks at single operations: no log, no recorder */
    syi_mode mode;
    sy_value bound[SYI_ARGUMENT_MAX];
    sy_value items[SYI_TAPE_ITEMS_MAX]; /* of lists with slots */
    uint64_t left;                      /* of the budget, ns */
    uint64_t until;                     /* when it is over by the clock */
    sy_error *err;
} frame;

static sy_status fail_step(const frame *f, size_t index, sy_status status)
{
    const syi_step *step = &f->run->tape->steps[index];
    return syi_error_prefix(f->err, status, "plan %s, step %zu (%s)", f->run->name, index + 1,
                            syi_step_name(step));
}

static bool has_slots(const sy_value *list)
{
    for (size_t k = 0; k < list->as.list.count; k++) {
        const sy_value *item = &list->as.list.items[k];
        if (syi_value_is_slot(item) || syi_value_is_open_slice(item)) {
            return true;
        }
    }
    return false;
}

static sy_value fill_item(const frame *f, const sy_value *item)
{
    if (syi_value_is_open_slice(item)) {
        sy_value parts[3];
        for (int k = 0; k < 3; k++) {
            parts[k] = fill_item(f, &item->as.list.items[k]);
        }
        return syi_value_closed_slice(parts);
    }
    return syi_value_is_slot(item) ? f->slots[item->as.integer] : *item;
}

/* Values in the place of slots: there is room, the tape has counted them. Lists in lists hold none. */
static void fill_arguments(frame *f, const syi_step *step)
{
    size_t used = 0;
    for (int k = 0; k < step->arg_count; k++) {
        const sy_value *arg = &step->args[k];
        f->bound[k] = fill_item(f, arg);
        if (arg->kind == SY_VALUE_LIST && has_slots(arg)) {
            const size_t count = arg->as.list.count;
            sy_value *items = &f->items[used];
            for (size_t i = 0; i < count; i++) {
                items[i] = fill_item(f, &arg->as.list.items[i]);
            }
            f->bound[k] = sy_value_list(items, count);
            used += count;
        }
    }
}

/* Every step counts, also one without a kernel; the clock tells where estimates are wrong. */
enum { STEP_NS = 100, STEPS_BY_CLOCK = 8 };

static sy_status spend(frame *f, const syi_step *step)
{
    const uint64_t cost =
        STEP_NS +
        (step->kind == SYI_STEP_OPERATION ? syi_call_cost(step->op, f->bound, step->arg_count) : 0);
    if (cost > f->left) {
        *f->run->over = true;
        return syi_fail(f->err, SY_EBUSY, "it would take too long here");
    }
    f->left -= cost;
    return SY_OK;
}

/* The argument as an array, if it is plain: native, public, on no tape. */
static bool bare_argument(const frame *f, const syi_step *step, sy_value *argument)
{
    if (argument->kind == SY_VALUE_TENSOR) {
        sy_tensor *tensor = argument->as.tensor;
        if (!syi_tensor_is_native(tensor) || syi_tensor_is_private(tensor) ||
            (step->grad && f->run->mode->grad && syi_tensor_is_tracked(tensor))) {
            return false;
        }
        argument->kind = (sy_value_kind)SYI_VALUE_ARRAY;
        argument->as.internal = syi_node_array(tensor->node);
    } else if (argument->kind == (sy_value_kind)SYI_VALUE_ARRAY) {
        const syi_array *array = argument->as.internal;
        return array->storage == NULL ||
               !atomic_load_explicit(&array->storage->private_, memory_order_relaxed);
    }
    return true;
}

/* Whole, seen by this run alone, and as secret as the other arguments. */
static bool can_be_overwritten(const frame *f, const syi_step *step)
{
    const sy_value *first = &f->slots[step->args[0].as.integer];
    if (first->kind != (sy_value_kind)SYI_VALUE_ARRAY) {
        return false;
    }
    const syi_array *self = first->as.internal;
    const size_t bytes = (size_t)syi_array_numel(self) * sy_dtype_size(self->dtype);
    bool good = atomic_load_explicit(&self->storage->refs, memory_order_relaxed) == 1 &&
                self->storage->size == bytes && syi_array_is_contiguous(self);
    for (int k = 1; k < step->arg_count && good; k++) {
        if (f->bound[k].kind == (sy_value_kind)SYI_VALUE_ARRAY) {
            const syi_array *other = f->bound[k].as.internal;
            good = other->storage != NULL && other->storage->secret == self->storage->secret;
        }
    }
    return good;
}

/* The result takes the place of the first argument, which nothing reads any more. */
static sy_status overwrite(frame *f, const syi_step *step, bool *done)
{
    SY_TRY(syi_native_overwrite(f->run->hook, step->op, f->bound, f->run->mode, done, f->err));
    if (*done) {
        const int64_t from = step->args[0].as.integer, to = step->outs[0];
        f->arrays[to] = f->arrays[from];
        f->slots[to].kind = (sy_value_kind)SYI_VALUE_ARRAY;
        f->slots[to].as.internal = &f->arrays[to];
        f->slots[from].kind = SY_VALUE_NONE;
    }
    return SY_OK;
}

/* *done: the step was run on arrays. Otherwise nothing has happened. */
static sy_status run_bare(frame *f, const syi_step *step, bool *done)
{
    syi_array outs[SYI_OUTPUT_MAX];
    int count = 0;
    *done = false;
    for (int k = 0; k < step->arg_count; k++) {
        f->bound[k] = step->args[k];
        if (syi_value_is_slot(&f->bound[k])) {
            f->bound[k] = f->slots[step->args[k].as.integer];
            if (!bare_argument(f, step, &f->bound[k])) {
                return SY_OK;
            }
        }
    }
    *done = true;
    if (f->run->budget != 0) {
        SY_TRY(spend(f, step));
    }
    if (step->overwrites && step->out_count == 1 && can_be_overwritten(f, step)) {
        bool overwritten = false;
        SY_TRY(overwrite(f, step, &overwritten));
        if (overwritten) {
            return SY_OK;
        }
    }
    SY_TRY(syi_native_run(f->run->hook, step->op, f->bound, f->run->mode, outs, &count, f->err));
    for (int k = 0; k < count; k++) {
        if (k >= step->out_count) {
            syi_array_fini(&outs[k]);
            continue;
        }
        const int32_t slot = step->outs[k];
        f->arrays[slot] = outs[k];
        f->slots[slot].kind = (sy_value_kind)SYI_VALUE_ARRAY;
        f->slots[slot].as.internal = &f->arrays[slot];
    }
    return count >= step->out_count
               ? SY_OK
               : syi_fail(f->err, SY_ESIGNATURE, "gave %d results where the plan has %d", count,
                          step->out_count);
}

/* A handle for a value that was none so far. */
static sy_status lift(frame *f, int64_t slot)
{
    sy_value *value = &f->slots[slot];
    if (value->kind == (sy_value_kind)SYI_VALUE_ARRAY) {
        sy_tensor *tensor = NULL;
        *value = sy_value_none(); /* the array is taken in any case */
        SY_TRY(syi_tensor_from_array(f->run->hook, &tensor, &f->arrays[slot], f->err));
        *value = sy_value_tensor(tensor);
    }
    return SY_OK;
}

static sy_status lift_arguments(frame *f, const sy_value *values, size_t count)
{
    for (size_t k = 0; k < count; k++) {
        if (syi_value_is_slot(&values[k])) {
            SY_TRY(lift(f, values[k].as.integer));
        } else if (syi_value_has_items(&values[k])) {
            SY_TRY(lift_arguments(f, values[k].as.list.items, values[k].as.list.count));
        }
    }
    return SY_OK;
}

static sy_status run_operation(frame *f, const syi_step *step)
{
    syi_results results;
    if (f->bare && step->bare) {
        bool done = false;
        SY_TRY(run_bare(f, step, &done));
        if (done) {
            return SY_OK;
        }
    }
    SY_TRY(lift_arguments(f, step->args, (size_t)step->arg_count));
    fill_arguments(f, step);
    f->mode.grad = step->grad && f->run->mode->grad;
    if (f->run->budget != 0) {
        SY_TRY(spend(f, step));
    }
    SY_TRY(
        syi_dispatch(f->run->hook, step->op, step->inplace, f->bound, &f->mode, &results, f->err));
    if (step->op->flags & SYI_OP_VALUE) {
        if (step->out_count > 0) {
            f->slots[step->outs[0]] = results.value;
        }
        const bool plain =
            results.value.kind == SY_VALUE_INT || results.value.kind == SY_VALUE_BOOL;
        syi_results_fini(&results);
        return plain ? SY_OK : syi_fail(f->err, SY_ENOTSUP, "its answer is no single number");
    }
    if (results.count < step->out_count) {
        syi_results_fini(&results);
        return syi_fail(f->err, SY_ESIGNATURE, "gave %d results where the plan has %d",
                        results.count, step->out_count);
    }
    for (int k = 0; k < results.count; k++) {
        if (k < step->out_count) {
            f->slots[step->outs[k]] = sy_value_tensor(results.tensors[k]);
        } else {
            sy_tensor_unref(results.tensors[k]);
        }
    }
    return SY_OK;
}

static sy_status run_size(frame *f, const syi_step *step)
{
    const sy_value a = fill_item(f, &step->args[0]), b = fill_item(f, &step->args[1]);
    int64_t result = 0;
    /* Inside of a plan that is being built its sizes are placeholders. */
    SY_TRY(syi_record_compute(f->run->hook, step->kind, syi_value_number(&a), syi_value_number(&b),
                              &result, f->err));
    f->slots[step->outs[0]] = sy_value_int(result);
    return SY_OK;
}

static sy_status run_other(frame *f, const syi_step *step)
{
    if (f->run->budget != 0) {
        SY_TRY(spend(f, step));
    }
    if (syi_step_is_size(step->kind)) {
        return run_size(f, step);
    }
    SY_TRY(lift_arguments(f, step->args, (size_t)step->arg_count));
    sy_tensor *tensor = f->slots[step->args[0].as.integer].as.tensor;
    if (step->kind == SYI_STEP_REQUIRES_GRAD) {
        return sy_tensor_set_requires_grad(tensor, step->args[1].as.boolean, f->err);
    }
    if (step->kind == SYI_STEP_SET_GRAD) {
        sy_tensor *grad =
            syi_value_is_slot(&step->args[1]) ? f->slots[step->args[1].as.integer].as.tensor : NULL;
        return sy_tensor_set_grad(tensor, grad, f->err);
    }
    sy_tensor *grad = NULL;
    SY_TRY(sy_tensor_get_grad(tensor, &grad, f->err));
    if (grad == NULL) {
        return syi_fail(f->err, SY_ENOGRAD, "a gradient is read that is not there");
    }
    f->slots[step->outs[0]] = sy_value_tensor(grad);
    return SY_OK;
}

static void drop(frame *f, int32_t slot)
{
    sy_value *value = &f->slots[slot];
    if (value->kind == SY_VALUE_TENSOR) {
        sy_tensor_unref(value->as.tensor);
    } else if (value->kind == (sy_value_kind)SYI_VALUE_ARRAY) {
        syi_array_fini(&f->arrays[slot]);
    }
    value->kind = SY_VALUE_NONE;
}

static sy_status run_step(frame *f, size_t index)
{
    const syi_step *step = &f->run->tape->steps[index];
    const uint64_t deadline = f->run->mode->deadline;
    if (deadline != 0 && syi_clock_now(f->run->hook->context) >= deadline) {
        return fail_step(f, index, syi_fail(f->err, SY_ETIMEDOUT, "the deadline has come"));
    }
    if (f->run->budget != 0 && index % STEPS_BY_CLOCK == STEPS_BY_CLOCK - 1 &&
        syi_clock_now(f->run->hook->context) >= f->until) {
        f->left = 0;
    }
    const sy_status status =
        step->kind == SYI_STEP_OPERATION ? run_operation(f, step) : run_other(f, step);
    if (status != SY_OK) {
        return fail_step(f, index, status);
    }
    for (int k = 0; k < step->drop_count; k++) {
        drop(f, step->drops[k]);
    }
    return SY_OK;
}

static sy_status hand_out(frame *f, sy_value *results)
{
    const syi_tape *tape = f->run->tape;
    for (size_t k = 0; k < tape->result_count; k++) {
        SY_TRY(lift(f, tape->results[k]));
    }
    for (size_t k = 0; k < tape->result_count; k++) {
        results[k] = f->slots[tape->results[k]];
        if (results[k].kind == SY_VALUE_TENSOR) {
            sy_tensor_ref(results[k].as.tensor);
        }
    }
    return SY_OK;
}

static bool is_bare(const sy_hook *hook)
{
    return !hook->verbose && !syi_trace_is_on(&hook->trace);
}

sy_status syi_tape_run(const syi_run *run, sy_value *results, sy_error *err)
{
    const syi_tape *tape = run->tape;
    sy_context *context = run->hook->context;
    sy_value at_hand[SLOTS_AT_HAND];
    syi_array arrays_at_hand[SLOTS_AT_HAND];
    frame f;
    f.run = run;
    f.mode = *run->mode;
    f.err = err;
    f.bare = is_bare(run->hook);
    f.left = run->budget;
    f.until = run->budget != 0 ? syi_clock_now(context) + 2 * run->budget : 0;
    f.slots = at_hand;
    f.arrays = arrays_at_hand;
    if (tape->slot_count > SLOTS_AT_HAND) {
        f.slots = syi_alloc_array(context, tape->slot_count, sizeof *f.slots + sizeof *f.arrays);
        if (f.slots == NULL) {
            return SYI_ENOMEM(err, "plan");
        }
        f.arrays = (syi_array *)(void *)(f.slots + tape->slot_count);
    }
    for (size_t k = 0; k < tape->slot_count; k++) {
        const syi_slot *slot = &tape->slots[k];
        f.slots[k] = slot->kind == SYI_SLOT_INPUT   ? run->inputs[slot->index]
                     : slot->kind == SYI_SLOT_STATE ? sy_value_tensor(run->states[slot->index])
                                                    : sy_value_none();
    }
    sy_status status = SY_OK;
    for (size_t k = 0; k < tape->step_count && status == SY_OK; k++) {
        status = run_step(&f, k);
    }
    if (status == SY_OK) {
        status = hand_out(&f, results);
    }
    for (size_t k = 0; k < tape->slot_count; k++) {
        if (tape->slots[k].kind == SYI_SLOT_MADE) {
            drop(&f, (int32_t)k);
        }
    }
    if (f.slots != at_hand) {
        syi_free(context, f.slots, tape->slot_count * (sizeof *f.slots + sizeof *f.arrays));
    }
    return status;
}
