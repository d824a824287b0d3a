#include "execution/record.h"

#include <math.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"

/* Tokens: one per slot, 2^32 apart, so that a sum with a small number shows. */
#define TOKEN_FIRST (-(INT64_C(1) << 62))
#define TOKEN_STEP (INT64_C(1) << 32)
#define LARGEST_NUMBER (INT64_C(1) << 56)
#define ITEMS_MAX 512 /* values in the lists of one operation */

typedef enum side { OWN, SHADOW, SIDE_COUNT } side;

/* What a slot is in this run. */
typedef struct known {
    sy_tensor *tensor[SIDE_COUNT]; /* references */
    int64_t size[SIDE_COUNT];      /* of a plain slot */
    sy_tensor *saved;              /* contents of a written state, before */
    sy_tensor *saved_grad;         /* of a state, as it was */
    bool grad_saved;
} known;

/* Values for one operation. */
typedef struct items {
    sy_value values[ITEMS_MAX];
    size_t used;
} items;

typedef struct pending {
    const syi_op *op;
    bool inplace;
    bool records;
    syi_mode mode;
    sy_value args[SYI_ARGUMENT_MAX]; /* with slots */
    int count;
    items slots, own, shadow;
} pending;

struct syi_record {
    sy_hook *hook;
    syi_tape *tape;
    bool open;
    bool running;
    syi_table *slots; /* handle -> slot + 1 */
    known *known;     /* per slot */
    size_t known_count, known_capacity;
    sy_tensor **captured; /* borrowed from known */
    size_t captured_count, captured_capacity;
    pending now;
    sy_error failure; /* the first, also when the function went on */
};

static sy_id key_of(const sy_tensor *tensor)
{
    return sy_id_from_int((int64_t)(uintptr_t)tensor);
}

static int32_t find(const syi_record *r, const sy_tensor *tensor)
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

static sy_status add(syi_record *r, syi_slot_kind kind, sy_tensor *own, sy_tensor *shadow,
                     int32_t *slot, sy_error *err)
{
    if (r->known_count == r->known_capacity) {
        const size_t more = r->known_capacity == 0 ? 64 : 2 * r->known_capacity;
        known *made = syi_alloc_array(r->hook->context, more, sizeof *made);
        if (made == NULL) {
            return SYI_ENOMEM(err, "plan");
        }
        if (r->known_count > 0) {
            memcpy(made, r->known, r->known_count * sizeof *made);
        }
        syi_free(r->hook->context, r->known, r->known_capacity * sizeof *made);
        r->known = made;
        r->known_capacity = more;
    }
    SY_TRY(syi_tape_add_slot(r->tape, kind, slot, err));
    known *k = &r->known[r->known_count++];
    memset(k, 0, sizeof *k);
    if (own != NULL) {
        const sy_id key = key_of(own);
        k->tensor[OWN] = sy_tensor_ref(own);
        k->tensor[SHADOW] = sy_tensor_ref(shadow != NULL ? shadow : own);
        SY_TRY(syi_table_put(r->slots, &key, (void *)(intptr_t)(*slot + 1), NULL, err));
    }
    return SY_OK;
}

static sy_status run_one(syi_record *r, syi_op_id id, bool inplace, const sy_value *args,
                         sy_tensor **result, sy_error *err)
{
    syi_mode silent = SYI_MODE_DEFAULT;
    syi_results results;
    sy_value bound[SYI_ARGUMENT_MAX];
    silent.grad = false;
    SY_TRY(syi_ops_bind(r->hook->ops, syi_op_get(id), args, inplace ? 2 : 1, NULL, 0, bound, err));
    SY_TRY(syi_dispatch_untraced(r->hook, syi_op_get(id), inplace, bound, inplace ? 2 : 1, &silent,
                                 &results, err));
    if (result != NULL && results.count > 0) {
        *result = sy_tensor_ref(results.tensors[0]);
    }
    syi_results_fini(&results);
    return SY_OK;
}

/* Another tensor of the same contents, with its flag and its gradient. */
static sy_status duplicate(syi_record *r, sy_tensor *tensor, sy_tensor **copy, sy_error *err)
{
    const sy_value arg = sy_value_tensor(tensor);
    *copy = NULL;
    SY_TRY(run_one(r, SYI_OP_clone, false, &arg, copy, err));
    (*copy)->requires_grad = tensor->requires_grad;
    if (tensor->grad != NULL) {
        const sy_value grad = sy_value_tensor(tensor->grad);
        const sy_status status = run_one(r, SYI_OP_clone, false, &grad, &(*copy)->grad, err);
        if (status != SY_OK) {
            sy_tensor_unref(*copy);
            *copy = NULL;
            return status;
        }
    }
    return SY_OK;
}

static sy_status add_state(syi_record *r, sy_tensor *tensor, int32_t *slot, sy_error *err)
{
    sy_tensor *shadow = NULL;
    if (tensor->tape_node != NULL) {
        return syi_fail(
            err, SY_EINVAL,
            "plan: a tensor that was computed outside of it, with its gradient recorded, "
            "cannot be state; detach it");
    }
    if (r->open) {
        SY_TRY(duplicate(r, tensor, &shadow, err));
    }
    const sy_status status = add(r, SYI_SLOT_STATE, tensor, shadow, slot, err);
    sy_tensor_unref(shadow);
    SY_TRY(status);
    if (tensor->grad != NULL) { /* it may be added to, or dropped */
        const sy_value grad = sy_value_tensor(tensor->grad);
        SY_TRY(run_one(r, SYI_OP_clone, false, &grad, &r->known[*slot].saved_grad, err));
    }
    r->known[*slot].grad_saved = true;
    return SY_OK;
}

static sy_status capture(syi_record *r, sy_tensor *tensor, int32_t *slot, sy_error *err)
{
    if (r->captured_count == r->captured_capacity) {
        const size_t more = r->captured_capacity == 0 ? 16 : 2 * r->captured_capacity;
        sy_tensor **made = syi_alloc_array(r->hook->context, more, sizeof *made);
        if (made == NULL) {
            return SYI_ENOMEM(err, "plan");
        }
        if (r->captured_count > 0) {
            memcpy(made, r->captured, r->captured_count * sizeof *made);
        }
        syi_free(r->hook->context, r->captured, r->captured_capacity * sizeof *made);
        r->captured = made;
        r->captured_capacity = more;
    }
    SY_TRY(add_state(r, tensor, slot, err));
    r->captured[r->captured_count++] = tensor;
    return SY_OK;
}

/* Is it the gradient of a tensor that is known? Then reading it is a step. */
static sy_status find_grad(syi_record *r, const sy_tensor *tensor, int32_t *slot, sy_error *err)
{
    *slot = -1;
    for (size_t k = 0; k < r->known_count; k++) {
        sy_tensor *of = r->known[k].tensor[OWN];
        if (of == NULL || of->grad != tensor) {
            continue;
        }
        sy_value arg = syi_value_slot((int32_t)k);
        sy_tensor *shadow = r->known[k].tensor[SHADOW]->grad;
        if (shadow == NULL) {
            return syi_fail(err, SY_EINVAL,
                            "plan: a gradient is there for one batch and not for "
                            "another");
        }
        SY_TRY(add(r, SYI_SLOT_MADE, of->grad, shadow, slot, err));
        const syi_step step = {
            .kind = SYI_STEP_GRAD, .args = &arg, .arg_count = 1, .outs = slot, .out_count = 1};
        return syi_tape_add_step(r->tape, &step, err);
    }
    return SY_OK;
}

static sy_status slot_of(syi_record *r, sy_tensor *tensor, int32_t *slot, sy_error *err)
{
    *slot = find(r, tensor);
    if (*slot < 0) {
        SY_TRY(find_grad(r, tensor, slot, err));
    }
    return *slot < 0 ? capture(r, tensor, slot, err) : SY_OK;
}

/* Values: as they were given, with slots, and as they are run */

static sy_value *take(items *from, size_t count, sy_error *err)
{
    if (count > ITEMS_MAX - from->used) {
        syi_fail(err, SY_ELIMIT, "plan: more than %d values in the lists of one operation",
                 ITEMS_MAX);
        return NULL;
    }
    from->used += count;
    return &from->values[from->used - count];
}

/* A token's slot, -1 for a number that is none. */
static sy_status read_token(const syi_record *r, int64_t number, int32_t *slot, sy_error *err)
{
    *slot = -1;
    if ((number > -LARGEST_NUMBER && number < LARGEST_NUMBER) || number == INT64_MIN ||
        number == INT64_MAX) {
        return SY_OK;
    }
    const uint64_t from_first = (uint64_t)number - (uint64_t)TOKEN_FIRST;
    const uint64_t index = from_first / (uint64_t)TOKEN_STEP;
    if (from_first % (uint64_t)TOKEN_STEP == 0 && index < r->known_count &&
        r->tape->slots[index].plain) {
        *slot = (int32_t)index;
        return SY_OK;
    }
    return syi_fail(err, SY_EINVAL,
                    "an open size was computed with; it can only be given to "
                    "operations as it is");
}

static sy_status to_slots(syi_record *r, const sy_value *value, sy_value *slotted, sy_error *err)
{
    int32_t slot = -1;
    *slotted = *value;
    switch ((int)value->kind) {
    case SY_VALUE_TENSOR:
        SY_TRY(slot_of(r, value->as.tensor, &slot, err));
        *slotted = syi_value_slot(slot);
        return SY_OK;
    case SY_VALUE_INT:
        SY_TRY(read_token(r, value->as.integer, &slot, err));
        *slotted = slot >= 0 ? syi_value_slot(slot) : *value;
        return SY_OK;
    case SY_VALUE_FLOAT: {
        const double from_first = value->as.real - (double)TOKEN_FIRST;
        if (from_first >= 0 && from_first < (double)TOKEN_STEP * (double)r->known_count &&
            fmod(from_first, (double)TOKEN_STEP) == 0) {
            return syi_fail(err, SY_EINVAL,
                            "an open size became a float; operations take it as an integer");
        }
        return SY_OK;
    }
    case SY_VALUE_SLICE:
        if (value->as.slice.start == SY_SLICE_OPEN && value->as.slice.stop == SY_SLICE_OPEN) {
            return SY_OK;
        }
        for (int k = 0; k < 3; k++) {
            const int64_t parts[] = {value->as.slice.start, value->as.slice.stop,
                                     value->as.slice.step};
            SY_TRY(read_token(r, parts[k], &slot, err));
            if (slot >= 0) {
                return syi_fail(err, SY_ENOTSUP, "a slice with an open size; use narrow");
            }
        }
        return SY_OK;
    case SY_VALUE_LIST: {
        const size_t count = value->as.list.count;
        sy_value *made = take(&r->now.slots, count, err);
        if (made == NULL) {
            return SY_ELIMIT;
        }
        for (size_t k = 0; k < count; k++) {
            SY_TRY(to_slots(r, &value->as.list.items[k], &made[k], err));
        }
        *slotted = sy_value_list(made, count);
        return SY_OK;
    }
    default:
        return SY_OK;
    }
}

static sy_status to_values(const syi_record *r, const sy_value *slotted, side which, items *room,
                           sy_value *value, sy_error *err)
{
    *value = *slotted;
    if (syi_value_is_slot(slotted)) {
        const int64_t slot = slotted->as.integer;
        *value = r->tape->slots[slot].plain ? sy_value_int(r->known[slot].size[which])
                                            : sy_value_tensor(r->known[slot].tensor[which]);
    } else if (slotted->kind == SY_VALUE_LIST) {
        const size_t count = slotted->as.list.count;
        sy_value *made = take(room, count, err);
        if (made == NULL) {
            return SY_ELIMIT;
        }
        for (size_t k = 0; k < count; k++) {
            SY_TRY(to_values(r, &slotted->as.list.items[k], which, room, &made[k], err));
        }
        *value = sy_value_list(made, count);
    }
    return SY_OK;
}

/* State that is about to be written to */

static sy_status save(syi_record *r, sy_tensor *written, sy_error *err)
{
    const syi_storage *storage = syi_node_storage(written->node);
    for (size_t k = 0; k < r->known_count; k++) {
        known *state = &r->known[k];
        if (r->tape->slots[k].kind != SYI_SLOT_STATE || state->saved != NULL) {
            continue;
        }
        sy_tensor *tensor = state->tensor[OWN];
        if (tensor == written || (storage != NULL && syi_node_storage(tensor->node) == storage)) {
            const sy_value arg = sy_value_tensor(tensor);
            SY_TRY(run_one(r, SYI_OP_clone, false, &arg, &state->saved, err));
        }
    }
    return SY_OK;
}

static sy_status save_written(syi_record *r, const sy_value *actual, sy_error *err)
{
    const pending *p = &r->now;
    const int count = p->op->flags & SYI_OP_WRITES ? p->count : p->inplace ? 1 : 0;
    for (int k = 0; k < count; k++) {
        if (actual[k].kind == SY_VALUE_TENSOR) {
            SY_TRY(save(r, actual[k].as.tensor, err));
        }
    }
    return SY_OK;
}

static void put_back(syi_record *r)
{
    for (size_t k = 0; k < r->known_count; k++) {
        known *state = &r->known[k];
        if (state->saved != NULL) {
            const sy_value args[] = {sy_value_tensor(state->tensor[OWN]),
                                     sy_value_tensor(state->saved)};
            (void)run_one(r, SYI_OP_copy_, true, args, NULL, NULL);
        }
        if (state->grad_saved && (state->tensor[OWN]->grad != NULL || state->saved_grad != NULL)) {
            sy_tensor *old = state->tensor[OWN]->grad;
            state->tensor[OWN]->grad = sy_tensor_ref(state->saved_grad);
            sy_tensor_unref(old);
        }
    }
}

/* Recording */

/* Does one of the tensors belong to the plan? */
static bool touches(const syi_record *r, const sy_value *values, int count)
{
    for (int k = 0; k < count; k++) {
        if (values[k].kind == SY_VALUE_TENSOR && find(r, values[k].as.tensor) >= 0) {
            return true;
        }
    }
    return false;
}

static sy_status begin(syi_record *r, const sy_value *bound, sy_value *actual, sy_error *err)
{
    pending *p = &r->now;
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
    p->slots.used = p->own.used = 0;
    for (int k = 0; k < p->count; k++) {
        SY_TRY(to_slots(r, &bound[k], &p->args[k], err));
        SY_TRY(to_values(r, &p->args[k], OWN, &p->own, &actual[k], err));
    }
    return save_written(r, actual, err);
}

static sy_status before(void *user, const syi_op *op, bool inplace, const sy_value *bound,
                        int count, const syi_mode *mode, sy_value *actual, sy_error *err)
{
    syi_record *r = user;
    pending *p = &r->now;
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
    pending *p = &r->now;
    sy_value args[SYI_ARGUMENT_MAX];
    p->shadow.used = 0;
    for (int k = 0; k < p->count; k++) {
        SY_TRY(to_values(r, &p->args[k], SHADOW, &p->shadow, &args[k], err));
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
    pending *p = &r->now;
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
        SY_GOTO(done, add(r, SYI_SLOT_MADE, results->tensors[k],
                          r->open ? shadows.tensors[k] : NULL, &outs[k], err));
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

/* Sizes */

static sy_status shapes_of(const syi_record *r, int32_t slot, syi_array shapes[SIDE_COUNT],
                           sy_error *err)
{
    for (int k = 0; k < SIDE_COUNT; k++) {
        shapes[k] = (syi_array)SYI_ARRAY_INIT;
        SY_TRY(syi_node_shape(r->known[slot].tensor[k]->node, &shapes[k], err));
    }
    return SY_OK;
}

/* A step that tells a size, or (numel, dim < 0) the number of elements; the number becomes its token. */
static sy_status ask_size(syi_record *r, syi_op_id id, int32_t of, int dim,
                          const int64_t sizes[SIDE_COUNT], int64_t *number, sy_error *err)
{
    int32_t slot = -1;
    const sy_value args[] = {syi_value_slot(of), sy_value_int(dim)};
    SY_TRY(add(r, SYI_SLOT_MADE, NULL, NULL, &slot, err));
    r->tape->slots[slot].plain = true;
    memcpy(r->known[slot].size, sizes, sizeof r->known[slot].size);
    const syi_step step = {.kind = SYI_STEP_OPERATION,
                           .op = syi_op_get(id),
                           .args = (sy_value *)args,
                           .arg_count = id == SYI_OP_size ? 2 : 1,
                           .outs = &slot,
                           .out_count = 1};
    *number = TOKEN_FIRST + slot * TOKEN_STEP;
    return syi_tape_add_step(r->tape, &step, err);
}

static sy_status tokenize(syi_record *r, syi_results *results, sy_error *err)
{
    const pending *p = &r->now;
    const int32_t slot = p->args[0].kind == SY_VALUE_TENSOR ? find(r, p->args[0].as.tensor) : -1;
    syi_array shapes[SIDE_COUNT];
    r->tape->reads_sizes |= slot >= 0 && p->op->id != SYI_OP_dim;
    if (slot < 0 || !r->open || p->op->id == SYI_OP_dim) {
        return SY_OK;
    }
    SY_TRY(shapes_of(r, slot, shapes, err));
    if (p->op->id == SYI_OP_numel) {
        const int64_t counts[] = {syi_array_numel(&shapes[OWN]), syi_array_numel(&shapes[SHADOW])};
        return counts[OWN] == counts[SHADOW]
                   ? SY_OK
                   : ask_size(r, SYI_OP_numel, slot, -1, counts, &results->value.as.integer, err);
    }
    const bool one = results->value.kind == SY_VALUE_INT;
    const int64_t asked = one ? p->args[1].as.integer : 0;
    for (int d = 0; d < shapes[OWN].ndim; d++) {
        const int64_t sizes[] = {shapes[OWN].shape[d], shapes[SHADOW].shape[d]};
        if (sizes[OWN] == sizes[SHADOW] || (one && asked != d && asked + shapes[OWN].ndim != d)) {
            continue;
        }
        int64_t token = 0;
        SY_TRY(ask_size(r, SYI_OP_size, slot, d, sizes, &token, err));
        if (one) {
            results->value = sy_value_int(token);
        } else {
            results->items[d] = sy_value_int(token);
        }
    }
    return SY_OK;
}

static sy_status after(void *user, syi_results *results, sy_error *err)
{
    syi_record *r = user;
    sy_error reason;
    syi_error_empty(&reason);
    const sy_status status =
        r->now.records ? record(r, results, &reason) : tokenize(r, results, &reason);
    if (status != SY_OK && err != NULL) {
        *err = reason;
    }
    return latch(r, status, &reason);
}

/* Deeds */

static sy_status open_dim(syi_record *r, const syi_deed *deed, int32_t slot, sy_error *err)
{
    syi_array shapes[SIDE_COUNT];
    SY_TRY(shapes_of(r, slot, shapes, err));
    for (int d = 0; d < shapes[OWN].ndim; d++) {
        if (shapes[OWN].shape[d] != shapes[SHADOW].shape[d]) {
            const syi_slot *s = &r->tape->slots[slot];
            return syi_fail(err, SY_EINVAL,
                            "%s of %s %d while a plan is built: its dim %d is open (-1) and has no "
                            "number; sy_plan_size gives one that operations take",
                            deed->what,
                            s->kind == SYI_SLOT_INPUT   ? "argument"
                            : s->kind == SYI_SLOT_STATE ? "state"
                                                        : "value",
                            s->kind == SYI_SLOT_MADE ? (int)slot : (int)s->index, d);
        }
    }
    return SY_OK;
}

static sy_status record_deed(syi_record *r, const syi_deed *deed, int32_t slot, sy_error *err)
{
    sy_value args[2] = {syi_value_slot(slot), sy_value_none()};
    syi_step step = {.kind = SYI_STEP_REQUIRES_GRAD, .args = args, .arg_count = 2};
    sy_tensor *shadow = r->known[slot].tensor[SHADOW];
    if (deed->kind == SYI_DEED_REQUIRES_GRAD) {
        args[1] = sy_value_bool(deed->flag);
        if (shadow != deed->self) {
            SY_TRY(sy_tensor_set_requires_grad(shadow, deed->flag, err));
        }
    } else {
        int32_t grad = -1;
        step.kind = SYI_STEP_SET_GRAD;
        if (deed->other != NULL) {
            SY_TRY(slot_of(r, deed->other, &grad, err));
            args[1] = syi_value_slot(grad);
        }
        if (shadow != deed->self) {
            SY_TRY(
                sy_tensor_set_grad(shadow, grad >= 0 ? r->known[grad].tensor[SHADOW] : NULL, err));
        }
    }
    return syi_tape_add_step(r->tape, &step, err);
}

static sy_status note_deed(syi_record *r, const syi_deed *deed, sy_error *err)
{
    int32_t slot = find(r, deed->self);
    switch (deed->kind) {
    case SYI_DEED_SHAPE:
        r->tape->reads_sizes |= slot >= 0;
        return slot >= 0 && r->open ? open_dim(r, deed, slot, err) : SY_OK;
    case SYI_DEED_REQUIRES_GRAD: /* a tensor that was just made keeps its flag when it is captured */
        return slot >= 0 ? record_deed(r, deed, slot, err) : SY_OK;
    case SYI_DEED_SET_GRAD:
        if (slot < 0) {
            SY_TRY(capture(r, deed->self, &slot, err));
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
    put_back(r);
    for (size_t k = 0; k < r->known_count; k++) {
        sy_tensor_unref(r->known[k].tensor[OWN]);
        sy_tensor_unref(r->known[k].tensor[SHADOW]);
        sy_tensor_unref(r->known[k].saved);
        sy_tensor_unref(r->known[k].saved_grad);
    }
    syi_free(context, r->known, r->known_capacity * sizeof *r->known);
    syi_free(context, r->captured, r->captured_capacity * sizeof *r->captured);
    syi_table_free(r->slots);
    syi_tape_unref(r->tape);
    syi_free(context, r, sizeof *r);
}

sy_status syi_record_input(syi_record *r, sy_tensor *tensor, sy_tensor *shadow, sy_error *err)
{
    int32_t slot = -1;
    if (tensor != NULL && find(r, tensor) >= 0) {
        return syi_fail(err, SY_EINVAL, "plan: the same tensor is given for two arguments");
    }
    SY_TRY(add(r, SYI_SLOT_INPUT, tensor, shadow, &slot, err));
    r->tape->slots[slot].plain = tensor == NULL;
    return SY_OK;
}

sy_status syi_record_state(syi_record *r, sy_tensor *tensor, sy_error *err)
{
    int32_t slot = -1;
    if (find(r, tensor) >= 0) {
        return syi_fail(err, SY_EINVAL, "plan: a state tensor is an argument, or state twice");
    }
    return add_state(r, tensor, &slot, err);
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
        SY_TRY(to_slots(r, &outputs[k], &slotted[k], err));
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
    return syi_tape_seal(r->tape, slotted, count, err);
}

sy_tensor *const *syi_record_get_captured(const syi_record *r, size_t *count)
{
    *count = r->captured_count;
    return r->captured;
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
