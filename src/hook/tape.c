/* tape.c - recording: tape nodes, what they keep, and their release. Running them is backward.c. */
#include "hook/tape.h"

#include <assert.h>
#include <string.h>

#include "core/error.h"

static syi_storage *storage_of(const sy_tensor *tensor)
{
    return syi_node_storage(tensor->node);
}

/* Life of a tape node */

syi_tape_node *syi_tape_node_ref(syi_tape_node *node)
{
    atomic_fetch_add_explicit(&node->refs, 1, memory_order_relaxed);
    return node;
}

static bool drop(syi_tape_node *node)
{
    return node != NULL && atomic_fetch_sub_explicit(&node->refs, 1, memory_order_acq_rel) == 1;
}

void syi_tape_node_unref(syi_tape_node *node)
{
    /* Iterative: a history may be as long as a peer likes. */
    syi_tape_node *dead = NULL;
    if (drop(node)) {
        node->next = NULL;
        dead = node;
    }
    while (dead != NULL) {
        syi_tape_node *at = dead;
        dead = at->next;
        for (int k = 0; k < at->input_count; k++) {
            syi_tape_input *input = &at->inputs[k];
            if (drop(input->node)) {
                input->node->next = dead;
                dead = input->node;
            }
            sy_tensor_unref(input->leaf);
            sy_tensor_unref(input->saved.tensor);
        }
        for (int k = 0; k < at->output_count; k++) {
            sy_tensor_unref(at->outputs[k].saved.tensor);
        }
        syi_free(at->hook->context, at, at->size);
    }
}

/* Recording */

/* The tensors of a bound argument, one or those of its list; their number. */
static int tensors_of(const sy_value *value, const sy_value **tensors)
{
    *tensors = value;
    if (value->kind == SY_VALUE_LIST && value->as.list.count > 0 &&
        value->as.list.items[0].kind == SY_VALUE_TENSOR) {
        *tensors = value->as.list.items;
        return (int)value->as.list.count;
    }
    return value->kind == SY_VALUE_TENSOR ? 1 : 0;
}

/* Bytes that a plain argument points to, and the bytes of its text. */
static void plain_size(const sy_value *value, size_t *items, size_t *text)
{
    const sy_value *tensors;
    if (tensors_of(value, &tensors) > 0) {
        return;
    }
    if (value->kind == SY_VALUE_LIST) {
        *items += value->as.list.count;
    } else if (value->kind == SY_VALUE_STRING) {
        *text += strlen(value->as.string) + 1;
    }
}

/* One block: node, inputs, outputs, args, list items, text. */
static syi_tape_node *node_new(sy_hook *hook, const syi_op *op, const sy_value *bound,
                               int bound_count, int output_count)
{
    size_t inputs = 0, items = 0, text = 0;
    for (int k = 0; k < bound_count; k++) {
        const sy_value *tensors;
        inputs += (size_t)tensors_of(&bound[k], &tensors);
        plain_size(&bound[k], &items, &text);
    }
    const size_t values = (size_t)bound_count + items;
    const size_t outputs_at = sizeof(syi_tape_node) + inputs * sizeof(syi_tape_input);
    const size_t args_at = outputs_at + (size_t)output_count * sizeof(syi_tape_output);
    const size_t text_at = args_at + values * sizeof(sy_value);
    char *block = syi_alloc(hook->context, text_at + text);
    if (block == NULL) {
        return NULL;
    }
    syi_tape_node *node = (void *)block;
    atomic_init(&node->refs, 1);
    node->hook = hook;
    node->op = op;
    node->size = text_at + text;
    node->inputs = (void *)(block + sizeof *node);
    node->outputs = (void *)(block + outputs_at);
    node->args = (void *)(block + args_at);
    node->input_count = (int)inputs;
    node->output_count = output_count;
    node->arg_count = bound_count;
    sy_value *item = node->args + bound_count;
    char *letter = block + text_at;
    for (int k = 0; k < bound_count; k++) {
        const sy_value *from = &bound[k];
        const sy_value *tensors;
        node->args[k] = tensors_of(from, &tensors) > 0 ? sy_value_none() : *from;
        if (node->args[k].kind == SY_VALUE_LIST) {
            const size_t count = from->as.list.count;
            if (count > 0) {
                memcpy(item, from->as.list.items, count * sizeof *item);
            }
            node->args[k].as.list.items = item;
            item += count;
        } else if (node->args[k].kind == SY_VALUE_STRING) {
            const size_t length = strlen(from->as.string) + 1;
            node->args[k].as.string = memcpy(letter, from->as.string, length);
            letter += length;
        }
    }
    return node;
}

static sy_status describe(sy_tensor *tensor, syi_tape_shape *shape, sy_error *err)
{
    syi_array described;
    const syi_array *array = &described;
    if (syi_tensor_is_native(tensor)) {
        array = syi_node_array(tensor->node);
    } else {
        SY_TRY(syi_node_shape(tensor->node, &described, err));
    }
    shape->dtype = array->dtype;
    shape->ndim = array->ndim;
    memcpy(shape->sizes, array->shape, (size_t)array->ndim * sizeof *shape->sizes);
    return SY_OK;
}

static sy_status save(sy_tensor *tensor, syi_tape_saved *saved, sy_error *err)
{
    SY_TRY(syi_tensor_alias(tensor, &saved->tensor, err));
    const syi_storage *storage = storage_of(tensor);
    if (storage != NULL) {
        saved->version = atomic_load_explicit(&storage->version, memory_order_relaxed);
    }
    return SY_OK;
}

/* Where the argument came from. */
static void link_input(syi_tape_node *node, syi_tape_input *input, sy_tensor *tensor)
{
    if (tensor->tape_node != NULL) {
        input->node = syi_tape_node_ref(tensor->tape_node);
        input->output = tensor->tape_output;
        if (node->depth <= input->node->depth) {
            node->depth = input->node->depth + 1;
        }
    } else if (tensor->requires_grad) {
        input->leaf = sy_tensor_ref(tensor);
        tensor->tape_leaf = true;
    }
}

/* Fills the inputs; *tracked receives the set of parameters that someone wants a gradient of. */
static sy_status add_inputs(syi_tape_node *node, const sy_value *bound, unsigned *tracked,
                            sy_error *err)
{
    syi_tape_input *input = node->inputs;
    *tracked = 0;
    for (int k = 0; k < node->arg_count; k++) {
        const sy_value *tensors;
        const int count = tensors_of(&bound[k], &tensors);
        for (int i = 0; i < count; i++, input++) {
            sy_tensor *tensor = tensors[i].as.tensor;
            input->parameter = k;
            input->item = bound[k].kind == SY_VALUE_LIST ? i : -1;
            SY_TRY(describe(tensor, &input->shape, err));
            link_input(node, input, tensor);
            if (input->node != NULL || input->leaf != NULL) {
                *tracked |= 1u << k;
            }
        }
    }
    return SY_OK;
}

/* Keeps the values that the gradients of `tracked` read. Of what the operation itself overwrote only `original`,
 * the old self, is at hand; reading another argument in the same storage (x.mul_(x)) is an error of the backward,
 * as in PyTorch. */
static sy_status save_inputs(syi_tape_node *node, const syi_gradient *gradient, unsigned tracked,
                             const sy_value *bound, const syi_storage *overwritten,
                             sy_tensor *original, sy_error *err)
{
    const int readable = (int)(sizeof gradient->reads / sizeof gradient->reads[0]);
    syi_tape_input *input = node->inputs;
    for (int k = 0; k < node->arg_count && k < readable; k++) {
        const sy_value *tensors;
        const int count = tensors_of(&bound[k], &tensors);
        for (int i = 0; i < count; i++, input++) {
            if ((gradient->reads[k] & tracked) == 0) {
                continue;
            }
            sy_tensor *tensor = tensors[i].as.tensor;
            if (k == 0 && original != NULL) {
                SY_TRY(save(original, &input->saved, err));
            } else if (overwritten != NULL && storage_of(tensor) == overwritten) {
                input->saved.stale = true;
            } else {
                SY_TRY(save(tensor, &input->saved, err));
            }
        }
    }
    return SY_OK;
}

static sy_status add_outputs(syi_tape_node *node, const syi_gradient *gradient, unsigned tracked,
                             sy_tensor **results, sy_error *err)
{
    for (int k = 0; k < node->output_count; k++) {
        SY_TRY(describe(results[k], &node->outputs[k].shape, err));
        if ((gradient->reads_outputs & tracked) != 0 && (gradient->kept_outputs >> k & 1u) != 0) {
            SY_TRY(save(results[k], &node->outputs[k].saved, err));
        }
    }
    return SY_OK;
}

static bool any_floating(sy_tensor **results, int count)
{
    syi_tape_shape shape;
    for (int k = 0; k < count; k++) {
        if (describe(results[k], &shape, NULL) == SY_OK && sy_dtype_is_floating(shape.dtype)) {
            return true;
        }
    }
    return false;
}

/* Is any tensor of the bound argument on the tape? */
static bool is_tracked(const sy_value *value)
{
    const sy_value *tensors;
    const int count = tensors_of(value, &tensors);
    for (int i = 0; i < count; i++) {
        if (syi_tensor_is_tracked(tensors[i].as.tensor)) {
            return true;
        }
    }
    return false;
}

sy_status syi_tape_keep_original(sy_hook *hook, const syi_op *op, const sy_value *bound,
                                 int bound_count, const syi_mode *mode, sy_tensor **original,
                                 sy_error *err)
{
    const syi_gradient *gradient = syi_gradient_get(op, bound);
    bool wanted = false;
    *original = NULL;
    for (int k = 0; k < bound_count && k < 8; k++) {
        wanted |= (gradient->reads[0] >> k & 1u) != 0 && is_tracked(&bound[k]);
    }
    if (!wanted) {
        return SY_OK;
    }
    syi_mode quiet = *mode;
    syi_results copy;
    quiet.grad = false;
    SY_TRY(syi_dispatch(hook, syi_op_get(SYI_OP_clone), false, bound, &quiet, &copy, err));
    *original = copy.tensors[0];
    return SY_OK;
}

sy_status syi_tape_record(sy_hook *hook, const syi_op *op, bool inplace, const sy_value *bound,
                          int bound_count, sy_tensor *original, sy_tensor **results,
                          int result_count, sy_error *err)
{
    const syi_gradient *gradient = syi_gradient_get(op, bound);
    if (gradient->kind == SYI_GRADIENT_REFUSED) {
        return syi_fail(err, SY_ENOTSUP,
                        "%s: its own gradient is not written; detach its arguments or switch "
                        "gradient recording off",
                        op->name);
    }
    if (gradient->kind != SYI_GRADIENT_ROW || !any_floating(results, result_count)) {
        return SY_OK;
    }
    syi_tape_node *node = node_new(hook, op, bound, bound_count, result_count);
    if (node == NULL) {
        return SYI_ENOMEM(err, "tape");
    }
    unsigned tracked = 0;
    const syi_storage *overwritten = inplace ? storage_of(results[0]) : NULL;
    sy_status status = SY_OK;
    SY_GOTO(done, add_inputs(node, bound, &tracked, err));
    SY_GOTO(done, save_inputs(node, gradient, tracked, bound, overwritten, original, err));
    SY_GOTO(done, add_outputs(node, gradient, tracked, results, err));
    for (int k = 0; k < result_count && tracked != 0; k++) {
        if (sy_dtype_is_floating(node->outputs[k].shape.dtype)) {
            syi_tape_node_unref(results[k]->tape_node); /* in place: `node` holds it now */
            results[k]->tape_node = syi_tape_node_ref(node);
            results[k]->tape_output = (uint32_t)k;
        }
    }
done:
    syi_tape_node_unref(node);
    return status;
}

sy_status syi_tape_check_inplace(const sy_tensor *self, const syi_op *op, bool record,
                                 sy_error *err)
{
    if (op->id == SYI_OP_sgd_) {
        return SY_OK; /* the update of leaves; records nothing */
    }
    const char *mark = op->flags & SYI_OP_ONLY_INPLACE ? "" : "_";
    if (self->requires_grad && self->tape_node == NULL) {
        return syi_fail(err, SY_EINVAL,
                        "%s%s: a leaf that requires grad is being used in an in-place operation; "
                        "switch gradient recording off for an update",
                        op->name, mark);
    }
    if (!record) {
        return SY_OK;
    }
    if (self->tape_leaf && self->tape_node == NULL) {
        return syi_fail(err, SY_ENOTSUP,
                        "%s%s: this tensor was a leaf of recorded operations; clone it first",
                        op->name, mark);
    }
    syi_storage *storage = storage_of(self);
    if (storage != NULL && atomic_load_explicit(&storage->refs, memory_order_relaxed) > 1) {
        return syi_fail(err, SY_ENOTSUP,
                        "%s%s: other tensors view the same storage, and a write through one view "
                        "is not recorded for the others; clone it first",
                        op->name, mark);
    }
    return SY_OK;
}
