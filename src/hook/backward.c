/*
 * backward.c - running the tape: from one tensor back to the leaves. Part of tape.h; recording is tape.c.
 *
 * Nodes wait in a heap and the deepest is run first: every consumer of a node is deeper than the node, so
 * all of its gradient has arrived by then. Nothing recurses. Leaves are collected on the way and get
 * their grad at the very end, all or none. Ties run in order of arrival, so results do not depend on
 * addresses. Test: tape_test.c, gradients_vectors_test.c.
 */
#include <csyft/operations.h>

#include <assert.h>
#include <string.h>

#include "core/error.h"
#include "hook/scope.h"
#include "hook/tape.h"

/* Gradients that wait for a node, per output, or for a leaf. */
typedef struct pending {
    const void *key; /* the node or the leaf */
    syi_tape_node *node;
    sy_tensor *leaf;
    uint64_t arrival;
    size_t size; /* of this block */
    int count;
    sy_tensor *grads[]; /* one reference each */
} pending;

typedef struct pending_list {
    pending **items;
    size_t count;
    size_t capacity;
} pending_list;

typedef struct run {
    sy_context *context;
    sy_scope *scope;
    pending_list heap;   /* nodes: the deepest, then the earliest, first */
    pending_list leaves; /* in order of arrival */
    pending **table;     /* both by key; linear probing, a power of two of slots, NULL: free */
    size_t table_size;
    size_t table_used;
    uint64_t arrivals;
    syi_policy policy; /* of every gradient */
} run;

/* Lookup by key */

static size_t slot_of(const run *r, const void *key)
{
    uint64_t hash = (uint64_t)(uintptr_t)key * UINT64_C(0x9e3779b97f4a7c15);
    return (size_t)(hash >> 32) & (r->table_size - 1);
}

static pending *find(const run *r, const void *key)
{
    if (r->table_size == 0) {
        return NULL;
    }
    size_t k = slot_of(r, key);
    while (r->table[k] != NULL && r->table[k]->key != key) {
        k = (k + 1) & (r->table_size - 1);
    }
    return r->table[k];
}

static void put(run *r, pending *item)
{
    size_t k = slot_of(r, item->key);
    while (r->table[k] != NULL) {
        k = (k + 1) & (r->table_size - 1);
    }
    r->table[k] = item;
    r->table_used++;
}

/* Moves later entries of the same stretch into the hole, so that lookups need no marks. */
static void take_out(run *r, const void *key)
{
    const size_t mask = r->table_size - 1;
    size_t hole = slot_of(r, key);
    while (r->table[hole]->key != key) {
        hole = (hole + 1) & mask;
    }
    for (size_t k = (hole + 1) & mask; r->table[k] != NULL; k = (k + 1) & mask) {
        const size_t home = slot_of(r, r->table[k]->key);
        if (((k - home) & mask) >= ((k - hole) & mask)) {
            r->table[hole] = r->table[k];
            hole = k;
        }
    }
    r->table[hole] = NULL;
    r->table_used--;
}

static bool table_reserve(run *r)
{
    if (r->table_used * 2 < r->table_size) {
        return true;
    }
    const size_t old_size = r->table_size;
    pending **old = r->table;
    const size_t size = old_size == 0 ? 64 : old_size * 2;
    pending **table = syi_alloc_array(r->context, size, sizeof *table);
    if (table == NULL) {
        return false;
    }
    r->table = table;
    r->table_size = size;
    r->table_used = 0;
    for (size_t k = 0; k < old_size; k++) {
        if (old[k] != NULL) {
            put(r, old[k]);
        }
    }
    syi_free(r->context, old, old_size * sizeof *old);
    return true;
}

/* Lists and the heap */

static bool list_reserve(run *r, pending_list *list)
{
    if (list->count < list->capacity) {
        return true;
    }
    const size_t capacity = list->capacity == 0 ? 32 : list->capacity * 2;
    pending **items = syi_alloc_array(r->context, capacity, sizeof *items);
    if (items == NULL) {
        return false;
    }
    if (list->count > 0) {
        memcpy(items, list->items, list->count * sizeof *items);
    }
    syi_free(r->context, list->items, list->capacity * sizeof *items);
    list->items = items;
    list->capacity = capacity;
    return true;
}

static bool before(const pending *a, const pending *b)
{
    return a->node->depth != b->node->depth ? a->node->depth > b->node->depth
                                            : a->arrival < b->arrival;
}

static void heap_push(pending_list *heap, pending *item)
{
    size_t k = heap->count++;
    while (k > 0 && before(item, heap->items[(k - 1) / 2])) {
        heap->items[k] = heap->items[(k - 1) / 2];
        k = (k - 1) / 2;
    }
    heap->items[k] = item;
}

static pending *heap_pop(pending_list *heap)
{
    pending *first = heap->items[0];
    pending *last = heap->items[--heap->count];
    size_t k = 0;
    for (size_t child = 1; child < heap->count; child = 2 * k + 1) {
        if (child + 1 < heap->count && before(heap->items[child + 1], heap->items[child])) {
            child++;
        }
        if (!before(heap->items[child], last)) {
            break;
        }
        heap->items[k] = heap->items[child];
        k = child;
    }
    heap->items[k] = last;
    return first;
}

static void pending_free(run *r, pending *item)
{
    for (int k = 0; k < item->count; k++) {
        sy_tensor_unref(item->grads[k]);
    }
    syi_free(r->context, item, item->size);
}

/* The entry of a node or of a leaf (exactly one is given); made when it is not there. */
static pending *pending_get(run *r, syi_tape_node *node, sy_tensor *leaf)
{
    const void *key = node != NULL ? (const void *)node : leaf;
    pending *item = find(r, key);
    if (item != NULL) {
        return item;
    }
    pending_list *list = node != NULL ? &r->heap : &r->leaves;
    const size_t count = node != NULL ? (size_t)node->output_count : 1;
    const size_t size = sizeof *item + count * sizeof item->grads[0];
    if (!table_reserve(r) || !list_reserve(r, list)) {
        return NULL;
    }
    item = syi_alloc(r->context, size);
    if (item == NULL) {
        return NULL;
    }
    item->key = key;
    item->node = node;
    item->leaf = leaf;
    item->arrival = r->arrivals++;
    item->size = size;
    item->count = (int)count;
    put(r, item);
    if (node != NULL) {
        heap_push(list, item);
    } else {
        list->items[list->count++] = item;
    }
    return item;
}

/* Gradients on their way */

/* Nobody else sees this tensor or its storage: it may be written or given away. */
static bool is_sole(const sy_tensor *tensor)
{
    if (!syi_tensor_is_native(tensor)) {
        return false;
    }
    const syi_array *array = syi_node_array(tensor->node);
    return atomic_load_explicit(&tensor->refs, memory_order_acquire) == 1 &&
           atomic_load_explicit(&tensor->node->refs, memory_order_acquire) == 1 &&
           atomic_load_explicit(&array->storage->refs, memory_order_acquire) == 1 &&
           syi_array_is_contiguous(array);
}

static void fail(run *r, const sy_error *error)
{
    sy_scope_fail(r->scope, error);
}

static void fail_memory(run *r)
{
    sy_error error = SY_ERROR_INIT;
    SYI_ENOMEM(&error, "backward");
    fail(r, &error);
}

/* Adds a gradient (borrowed) to what waits. */
static void arrive(run *r, syi_tape_node *node, sy_tensor *leaf, uint32_t output, sy_tensor *grad)
{
    if (sy_scope_get_status(r->scope) != SY_OK) {
        return;
    }
    pending *item = pending_get(r, node, leaf);
    if (item == NULL) {
        fail_memory(r);
        return;
    }
    sy_tensor **place = &item->grads[output];
    if (*place == NULL) {
        *place = sy_tensor_ref(grad);
    } else if (is_sole(*place)) {
        (void)sy_add_(r->scope, *place, grad);
    } else {
        sy_tensor *sum = sy_tensor_ref(sy_add(r->scope, *place, grad));
        if (sum != NULL) {
            sy_tensor_unref(*place);
            *place = sum;
        }
    }
}

/* Brings a gradient to the shape and dtype of what it is the gradient of. */
static sy_tensor *fit(run *r, sy_tensor *grad, const syi_tape_shape *to)
{
    if (grad == NULL || sy_scope_get_status(r->scope) != SY_OK) {
        return NULL;
    }
    sy_error error = SY_ERROR_INIT;
    syi_array described = SYI_ARRAY_INIT;
    sy_status status = syi_node_shape(grad->node, &described, &error);
    if (status != SY_OK) {
        error.status = status;
        fail(r, &error);
        return NULL;
    }
    if (described.ndim != to->ndim ||
        memcmp(described.shape, to->sizes, (size_t)to->ndim * sizeof *to->sizes) != 0) {
        sy_value items[SY_DIM_MAX];
        for (int d = 0; d < to->ndim; d++) {
            items[d] = sy_value_int(to->sizes[d]);
        }
        const sy_value args[] = {sy_value_tensor(grad), sy_value_list(items, (size_t)to->ndim)};
        grad = sy_scope_call(r->scope, "sum_to_size", args, 2);
    }
    return described.dtype == to->dtype ? grad : sy_to(r->scope, grad, to->dtype);
}

/* One node */

static bool is_current(run *r, const syi_tape_saved *saved)
{
    bool written = saved->stale;
    const syi_storage *storage =
        saved->tensor != NULL ? syi_node_storage(saved->tensor->node) : NULL;
    if (storage != NULL) {
        written = atomic_load_explicit(&storage->version, memory_order_relaxed) != saved->version;
    }
    if (written) {
        sy_error error = SY_ERROR_INIT;
        syi_fail(&error, SY_EINVAL,
                 "a value needed for its gradient has been modified by an in-place operation");
        fail(r, &error);
    }
    return !written;
}

/* What the gradient function sees; false (and latched) when a kept value was written since. */
static bool prepare(run *r, syi_backward *b, pending *item)
{
    syi_tape_node *node = item->node;
    memset(b, 0, sizeof *b);
    b->scope = r->scope;
    b->op = node->op;
    b->outputs = node->outputs;
    b->grads = item->grads;
    b->output_count = node->output_count;
    memcpy(b->args, node->args, (size_t)node->arg_count * sizeof *b->args);
    for (int k = 0; k < node->input_count; k++) {
        const syi_tape_input *input = &node->inputs[k];
        const int parameter = input->parameter;
        if (!is_current(r, &input->saved)) {
            return false;
        }
        if (b->inputs[parameter] == NULL) {
            b->inputs[parameter] = input;
        }
        b->input_counts[parameter]++;
        b->needs[parameter] |= input->node != NULL || input->leaf != NULL;
        if (input->saved.tensor != NULL) {
            b->args[parameter] = sy_value_tensor(input->saved.tensor);
        }
    }
    for (int k = 0; k < node->output_count; k++) {
        if (!is_current(r, &node->outputs[k].saved)) {
            return false;
        }
    }
    return true;
}

static void run_node(run *r, pending *item)
{
    syi_backward b;
    if (!prepare(r, &b, item)) {
        return;
    }
    syi_tape_node *node = item->node;
    syi_gradient_get(node->op, node->args)->function(&b);

    /* The results leave the scope before they are handed on, so that is_sole() can see who holds them. */
    sy_tensor *grads[SYI_OUTPUT_MAX];
    for (int k = 0; k < node->input_count; k++) {
        const syi_tape_input *input = &node->inputs[k];
        grads[k] = NULL;
        if (input->node != NULL || input->leaf != NULL) {
            sy_tensor *result =
                input->item < 0 ? b.results[input->parameter] : b.list_results[input->item];
            grads[k] = sy_tensor_ref(fit(r, result, &input->shape));
        }
    }
    sy_scope_clear(r->scope);
    for (int k = 0; k < node->input_count; k++) {
        if (grads[k] != NULL) {
            arrive(r, node->inputs[k].node, node->inputs[k].leaf, node->inputs[k].output, grads[k]);
        }
    }
    sy_scope_clear(r->scope);
    for (int k = 0; k < node->input_count; k++) {
        sy_tensor_unref(grads[k]);
    }
}

/* The whole */

/* The gradient of the result itself. */
static sy_tensor *first_gradient(run *r, sy_tensor *from, sy_tensor *gradient, sy_error *error)
{
    syi_array shape = SYI_ARRAY_INIT, given = SYI_ARRAY_INIT;
    char text[64], given_text[64];
    if (syi_node_shape(from->node, &shape, error) != SY_OK) {
        return NULL;
    }
    if (gradient == NULL) {
        if (syi_array_numel(&shape) == 1 && !syi_tensor_is_native(from)) {
            return sy_ones_like(r->scope, from); /* through the same interpreters */
        }
        if (syi_array_numel(&shape) == 1) {
            return sy_ones(r->scope, shape.dtype, shape.ndim, shape.shape);
        }
        syi_fail(error, SY_ESHAPE,
                 "grad can be implicitly created only for a tensor of one element, not for %s",
                 syi_shape_format(shape.ndim, shape.shape, text, sizeof text));
        return NULL;
    }
    if (syi_node_shape(gradient->node, &given, error) != SY_OK) {
        return NULL;
    }
    if (!syi_array_same_shape(&shape, &given)) {
        syi_fail(error, SY_ESHAPE, "the gradient is %s, but the tensor %s",
                 syi_shape_format(given.ndim, given.shape, given_text, sizeof given_text),
                 syi_shape_format(shape.ndim, shape.shape, text, sizeof text));
        return NULL;
    }
    if (!syi_tensor_is_native(from) && syi_tensor_is_native(gradient)) {
        return sy_mul(r->scope, sy_ones_like(r->scope, from), gradient);
    }
    return given.dtype == shape.dtype ? gradient : sy_to(r->scope, gradient, shape.dtype);
}

/* A tensor of the leaf's own, for its grad; the scope owns it, or the caller of backward does. */
static sy_tensor *new_grad(run *r, pending *item)
{
    sy_tensor *total = item->grads[0], *old = item->leaf->grad;
    if (old != NULL) {
        return sy_add(r->scope, old, total);
    }
    return is_sole(total) ? total : sy_clone(r->scope, total);
}

/* Makes every leaf's new grad, then hands them over. */
static void commit(run *r)
{
    for (size_t k = 0; k < r->leaves.count; k++) {
        pending *item = r->leaves.items[k];
        sy_tensor *grad = new_grad(r, item);
        if (grad == NULL) {
            return;
        }
        if (grad != item->grads[0]) {
            (void)sy_tensor_ref(grad);
            sy_tensor_unref(item->grads[0]);
            item->grads[0] = grad;
        }
        sy_scope_clear(r->scope);
    }
    for (size_t k = 0; k < r->leaves.count; k++) {
        pending *item = r->leaves.items[k];
        sy_tensor *leaf = item->leaf, *grad = item->grads[0];
        const syi_policy policy = syi_tensor_policy(leaf), computed = syi_tensor_policy(grad);
        syi_policy joined = syi_policy_of_gradient(&r->policy, &policy, &computed);
        if (leaf->grad != NULL) {
            const syi_policy old = syi_tensor_policy(leaf->grad);
            joined = syi_policy_of_gradient(&joined, &old, &computed);
        }
        syi_tensor_set_policy(grad, &joined);
        grad->owner = leaf->owner;
        item->grads[0] = leaf->grad; /* goes with the entry */
        leaf->grad = grad;
    }
}

static void run_fini(run *r)
{
    for (size_t k = 0; k < r->heap.count; k++) {
        pending_free(r, r->heap.items[k]);
    }
    for (size_t k = 0; k < r->leaves.count; k++) {
        pending_free(r, r->leaves.items[k]);
    }
    syi_free(r->context, r->heap.items, r->heap.capacity * sizeof *r->heap.items);
    syi_free(r->context, r->leaves.items, r->leaves.capacity * sizeof *r->leaves.items);
    syi_free(r->context, r->table, r->table_size * sizeof *r->table);
}

sy_status syi_tape_backward_in(sy_tensor *from, sy_tensor *gradient, const syi_mode *mode,
                               sy_error *err)
{
    if (!syi_tensor_is_tracked(from)) {
        return syi_fail(err, SY_ENOGRAD,
                        "backward: the tensor does not require grad and was not computed from one "
                        "that does");
    }
    run r = {.context = from->hook->context, .scope = sy_scope_begin(from->hook)};
    if (r.scope == NULL) {
        return SYI_ENOMEM(err, "backward");
    }
    r.scope->mode = *mode;
    r.scope->mode.grad = false;
    r.policy = syi_tensor_policy(from);
    if (gradient != NULL) {
        const syi_policy given = syi_tensor_policy(gradient);
        r.policy = syi_policy_of_gradient(&r.policy, &given, &given);
    }

    const char *at = NULL;
    sy_error error = SY_ERROR_INIT;
    sy_tensor *first = first_gradient(&r, from, gradient, &error);
    if (error.status != SY_OK) {
        fail(&r, &error);
    }
    if (first != NULL) {
        syi_tape_node *node = from->tape_node;
        arrive(&r, node, node == NULL ? from : NULL, from->tape_output, first);
        sy_scope_clear(r.scope);
    }
    while (sy_scope_get_status(r.scope) == SY_OK && r.heap.count > 0) {
        pending *item = heap_pop(&r.heap);
        take_out(&r, item->key);
        at = item->node->op->name;
        run_node(&r, item);
        pending_free(&r, item);
    }
    if (sy_scope_get_status(r.scope) == SY_OK) {
        at = NULL;
        commit(&r);
    }
    run_fini(&r);
    const sy_status status = sy_scope_end(r.scope, err);
    if (status != SY_OK && at != NULL) {
        return syi_error_prefix(err, status, "gradient of %s", at);
    }
    return status == SY_OK ? SY_OK : syi_error_prefix(err, status, "backward");
}

sy_status syi_tape_backward(sy_tensor *from, sy_tensor *gradient, sy_error *err)
{
    const syi_mode mode = SYI_MODE_DEFAULT;
    return syi_tape_backward_in(from, gradient, &mode, err);
}
