/*
 * record_state.c - the state of a plan that is being recorded: its shadows, and that building leaves it, and examples, as they
 * were. What an operation is about to write is copied first, so that putting it back takes no memory. Part of record.h. Test:
 * record_test.c.
 */
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "execution/recording.h"
#include "hook/tape.h"

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

sy_status syi_record_add_state(syi_record *r, sy_tensor *tensor, int32_t *slot, sy_error *err)
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
    const sy_status status = syi_record_add(r, SYI_SLOT_STATE, tensor, shadow, slot, err);
    sy_tensor_unref(shadow);
    SY_TRY(status);
    syi_record_remember(&r->known[*slot]);
    return SY_OK;
}

sy_status syi_record_capture(syi_record *r, sy_tensor *tensor, int32_t *slot, sy_error *err)
{
    if (!syi_record_grow(r, &r->captured, r->captured_count, &r->captured_capacity,
                         sizeof *r->captured)) {
        return SYI_ENOMEM(err, "plan");
    }
    SY_TRY(syi_record_add_state(r, tensor, slot, err));
    r->captured[r->captured_count++] = tensor;
    return SY_OK;
}

/* Keeping: arguments, too, because examples are the caller's. */

void syi_record_remember(syi_known *known)
{
    sy_tensor *tensor = known->tensor[SYI_OWN];
    known->given = true;
    known->grad = sy_tensor_ref(tensor->grad);
    known->history = tensor->tape_node != NULL ? syi_tape_node_ref(tensor->tape_node) : NULL;
    known->output = tensor->tape_output;
    known->requires_grad = tensor->requires_grad;
}

static sy_status keep_storage(syi_record *r, syi_storage *storage, sy_error *err)
{
    for (const syi_kept *k = r->kept; k != NULL; k = k->next) {
        if (k->storage == storage) {
            return SY_OK;
        }
    }
    syi_kept *kept = syi_alloc(r->hook->context, sizeof *kept);
    if (kept == NULL) {
        return SYI_ENOMEM(err, "plan");
    }
    const sy_status status =
        syi_storage_new(r->hook->context, &kept->before, storage->size, &r->hook->account, err);
    if (status != SY_OK) {
        syi_free(r->hook->context, kept, sizeof *kept);
        return status;
    }
    kept->before->secret = storage->secret;
    if (storage->size > 0) {
        memcpy(kept->before->data, storage->data, storage->size);
    }
    kept->storage = syi_storage_ref(storage);
    kept->next = r->kept;
    r->kept = kept;
    return SY_OK;
}

sy_status syi_record_keep(syi_record *r, sy_tensor *written, sy_error *err)
{
    syi_storage *storage = syi_node_storage(written->node);
    for (size_t k = 0; k < r->known_count; k++) {
        syi_known *given = &r->known[k];
        sy_tensor *tensor = given->tensor[SYI_OWN];
        if (!given->given) {
            continue;
        }
        if (storage != NULL &&
            (syi_node_storage(tensor->node) == storage ||
             (given->grad != NULL && syi_node_storage(given->grad->node) == storage))) {
            return keep_storage(r, storage, err);
        }
        if (storage == NULL && tensor == written && given->saved == NULL) {
            const sy_value arg = sy_value_tensor(tensor);
            return run_one(r, SYI_OP_clone, false, &arg, &given->saved, err);
        }
    }
    return SY_OK;
}

/* Putting back */

static void put_storages_back(syi_record *r)
{
    for (syi_kept *k = r->kept; k != NULL; k = k->next) {
        if (k->storage->size > 0) {
            memcpy(k->storage->data, k->before->data, k->storage->size);
        }
        atomic_fetch_add_explicit(&k->storage->version, 1, memory_order_relaxed);
    }
}

/* Flag and gradient are the handle's; contents elsewhere are asked for, which may fail. */
static sy_status put_handle_back(syi_record *r, syi_known *given, sy_error *err)
{
    sy_tensor *tensor = given->tensor[SYI_OWN], *computed = tensor->grad;
    syi_tape_node *made = tensor->tape_node; /* an operation in place was recorded */
    tensor->tape_node = given->history;
    tensor->tape_output = given->output;
    given->history = NULL;
    syi_tape_node_unref(made);
    tensor->grad = given->grad;
    given->grad = NULL;
    sy_tensor_unref(computed);
    if (given->saved != NULL) {
        const sy_value args[] = {sy_value_tensor(tensor), sy_value_tensor(given->saved)};
        SY_TRY(run_one(r, SYI_OP_copy_, true, args, NULL, err));
    }
    return tensor->requires_grad != given->requires_grad
               ? sy_tensor_set_requires_grad(tensor, given->requires_grad, err)
               : SY_OK;
}

sy_status syi_record_restore(syi_record *r, sy_error *err)
{
    sy_status status = SY_OK;
    if (r->restored) {
        return SY_OK;
    }
    r->restored = true;
    put_storages_back(r);
    for (size_t k = 0; k < r->known_count; k++) {
        if (r->known[k].given) {
            sy_error reason;
            syi_error_empty(&reason);
            const sy_status one = put_handle_back(r, &r->known[k], &reason);
            if (one != SY_OK && status == SY_OK) {
                const syi_slot *slot = &r->tape->slots[k];
                status = syi_fail(err, one, "%s %d could not be put back as it was: %s",
                                  slot->kind == SYI_SLOT_STATE ? "state" : "argument",
                                  (int)slot->index, reason.message);
            }
        }
    }
    return status;
}

void syi_record_state_fini(syi_record *r)
{
    (void)syi_record_restore(r, NULL);
    while (r->kept != NULL) {
        syi_kept *next = r->kept->next;
        syi_storage_unref(r->kept->storage);
        syi_storage_unref(r->kept->before);
        syi_free(r->hook->context, r->kept, sizeof *r->kept);
        r->kept = next;
    }
    for (size_t k = 0; k < r->known_count; k++) {
        sy_tensor_unref(r->known[k].saved);
    }
}
