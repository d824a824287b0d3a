#include "execution/run.h"

#include <string.h>

#include "core/error.h"
#include "core/memory.h"

#define SLOTS_AT_HAND 96 /* values of most plans fit on the stack */

typedef struct frame {
    const syi_run *run;
    sy_value
        *slots; /* NONE: empty. Tensors of steps are held, those of inputs and states borrowed */
    syi_mode mode;
    sy_value bound[SYI_ARGUMENT_MAX];
    sy_value items[2 * SYI_OUTPUT_MAX]; /* of lists with slots */
    sy_error *err;
} frame;

static sy_status fail_step(const frame *f, size_t index, sy_status status)
{
    const syi_step *step = &f->run->tape->steps[index];
    return syi_error_prefix(f->err, status, "plan %s, step %zu%s%s%s", f->run->name, index + 1,
                            step->op != NULL ? " (" : "", step->op != NULL ? step->op->name : "",
                            step->op != NULL ? ")" : "");
}

static bool has_slots(const sy_value *list)
{
    for (size_t k = 0; k < list->as.list.count; k++) {
        if (syi_value_is_slot(&list->as.list.items[k])) {
            return true;
        }
    }
    return false;
}

/* Values in the place of slots. Lists in lists hold none but in an index, whose inner lists are plain. */
static sy_status fill_arguments(frame *f, const syi_step *step)
{
    size_t used = 0;
    for (int k = 0; k < step->arg_count; k++) {
        const sy_value *arg = &step->args[k];
        if (syi_value_is_slot(arg)) {
            f->bound[k] = f->slots[arg->as.integer];
            continue;
        }
        f->bound[k] = *arg;
        if (arg->kind == SY_VALUE_LIST && has_slots(arg)) {
            const size_t count = arg->as.list.count;
            if (count > sizeof f->items / sizeof *f->items - used) {
                return syi_fail(f->err, SY_ELIMIT, "more than %zu values in lists",
                                sizeof f->items / sizeof *f->items);
            }
            sy_value *items = &f->items[used];
            for (size_t i = 0; i < count; i++) {
                const sy_value *item = &arg->as.list.items[i];
                items[i] = syi_value_is_slot(item) ? f->slots[item->as.integer] : *item;
            }
            f->bound[k] = sy_value_list(items, count);
            used += count;
        }
    }
    return SY_OK;
}

static sy_status run_operation(frame *f, const syi_step *step)
{
    syi_results results;
    SY_TRY(fill_arguments(f, step));
    f->mode.grad = step->grad && f->run->mode->grad;
    f->mode.called = step->called;
    f->mode.called_length = step->called != NULL ? strlen(step->called) : 0;
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

static sy_status run_other(frame *f, const syi_step *step)
{
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
    }
    *value = sy_value_none();
}

static sy_status run_step(frame *f, size_t index)
{
    const syi_step *step = &f->run->tape->steps[index];
    const uint64_t deadline = f->run->mode->deadline;
    if (deadline != 0 && syi_clock_now(f->run->hook->context) >= deadline) {
        return fail_step(f, index, syi_fail(f->err, SY_ETIMEDOUT, "the deadline has come"));
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

static void hand_out(frame *f, sy_value *results)
{
    const syi_tape *tape = f->run->tape;
    for (size_t k = 0; k < tape->result_count; k++) {
        results[k] = f->slots[tape->results[k]];
        if (results[k].kind == SY_VALUE_TENSOR) {
            sy_tensor_ref(results[k].as.tensor);
        }
    }
}

sy_status syi_tape_run(const syi_run *run, sy_value *results, sy_error *err)
{
    const syi_tape *tape = run->tape;
    sy_context *context = run->hook->context;
    sy_value at_hand[SLOTS_AT_HAND];
    frame f;
    f.run = run;
    f.mode = *run->mode;
    f.err = err;
    f.slots = at_hand;
    if (tape->slot_count > SLOTS_AT_HAND) {
        f.slots = syi_alloc_array(context, tape->slot_count, sizeof *f.slots);
        if (f.slots == NULL) {
            return SYI_ENOMEM(err, "plan");
        }
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
        hand_out(&f, results);
    }
    for (size_t k = 0; k < tape->slot_count; k++) {
        if (tape->slots[k].kind == SYI_SLOT_MADE) {
            drop(&f, (int32_t)k);
        }
    }
    if (f.slots != at_hand) {
        syi_free(context, f.slots, tape->slot_count * sizeof *f.slots);
    }
    return status;
}
