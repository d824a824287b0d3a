/*
 * composites.c - COMPOSITE rows on chains that take them apart (native ones, and SYI_NODE_DECOMPOSES): written as other rows, which enter by dispatch so that
 * the tape and the policies see those, or answered by the chain itself. Test: composites_test.c.
 */
#include "core/error.h"
#include "hook/dispatch.h"
#include "hook/layers.h"
#include "hook/optimizers.h"
#include "hook/tape.h"

#include <string.h>

/* A composite on its way: `value` is the tensor it has come to, one reference. */
typedef struct composite {
    sy_hook *hook;
    const syi_mode *mode;
    sy_tensor *value;
    sy_error *err;
} composite;

static composite start(sy_hook *hook, const syi_mode *mode, sy_tensor *value, sy_error *err)
{
    return (composite){hook, mode, sy_tensor_ref(value), err};
}

/* Runs one row; its first result becomes the value. */
static sy_status step(composite *c, syi_op_id id, bool inplace, const sy_value *args, size_t count)
{
    sy_value bound[SYI_ARGUMENT_MAX];
    syi_results results;
    const syi_op *op = syi_op_get(id);
    SY_TRY(syi_ops_bind(c->hook->ops, op, args, count, NULL, 0, bound, c->err));
    SY_TRY(syi_dispatch(c->hook, op, inplace, bound, c->mode, &results, c->err));
    sy_tensor_unref(c->value);
    c->value = sy_tensor_ref(results.tensors[0]);
    syi_results_fini(&results);
    return SY_OK;
}

#define STEP(c, op, ...)                                           \
    step((c), SYI_OP_##op, false, (const sy_value[]){__VA_ARGS__}, \
         sizeof((const sy_value[]){__VA_ARGS__}) / sizeof(sy_value))
#define VALUE(c) sy_value_tensor((c)->value)
#define INT(x) sy_value_int(x)

/* Hands the value over, or drops it after a failure. */
static sy_status finish(composite *c, sy_status status, syi_results *results)
{
    if (status != SY_OK) {
        sy_tensor_unref(c->value);
        return status;
    }
    results->tensors[0] = c->value;
    results->count = 1;
    return SY_OK;
}

/* Dtype and shape; the elements, too, of what is native. Borrowed. */
static syi_array array_of(const sy_tensor *tensor)
{
    syi_array array = SYI_ARRAY_INIT;
    if (syi_tensor_is_native(tensor)) {
        return *syi_node_array(tensor->node);
    }
    (void)syi_node_shape(tensor->node, &array, NULL); /* known by now: syi_composite_call */
    return array;
}

/* Layers */

/* input @ weight.T + bias. The sum is not fused (addmm), so that rows of the input stay rows. */
static sy_status run_linear(composite *c, const sy_value *bound)
{
    sy_tensor *weight = bound[1].as.tensor;
    composite turned = start(c->hook, c->mode, weight, c->err);
    sy_status status = SY_OK;
    if (array_of(weight).ndim > 1) {
        SY_GOTO(done, STEP(&turned, t, VALUE(&turned)));
    }
    SY_GOTO(done, STEP(c, matmul, VALUE(c), VALUE(&turned)));
    if (bound[2].kind == SY_VALUE_TENSOR) {
        /* The product is nobody else's yet. */
        const sy_value args[] = {VALUE(c), bound[2]};
        const syi_array bias = array_of(bound[2].as.tensor);
        const bool fits = bias.ndim == 1 && bias.dtype == array_of(c->value).dtype &&
                          syi_tensor_is_native(c->value);
        SY_GOTO(done, step(c, SYI_OP_add, fits, args, 2));
    }
done:
    sy_tensor_unref(turned.value);
    return status;
}

static sy_status run_cross_entropy(composite *c, const sy_value *bound)
{
    const int64_t dim = array_of(c->value).ndim > 1 ? 1 : 0;
    SY_TRY(STEP(c, log_softmax, VALUE(c), INT(dim)));
    return STEP(c, nll_loss, VALUE(c), bound[1], bound[2]);
}

/* x[...] */

typedef struct indexing {
    int64_t dim;  /* the next dim of the value that an item speaks of */
    int64_t rest; /* dims that an ellipsis stands for */
    bool ellipsis;
    bool gathered; /* a tensor of indices was used */
} indexing;

static bool is_mask(sy_dtype dtype)
{
    return dtype == SY_DTYPE_BOOL || dtype == SY_DTYPE_U8;
}

static sy_status refuse_mask(sy_error *err)
{
    return syi_fail(err, SY_ENOTSUP,
                    "boolean masks are not supported yet; select with where, or with index_select "
                    "and a tensor of positions");
}

/* PyTorch counts negative positions from the end; index_select does not. */
static sy_status wrap_positions(composite *index, int64_t size)
{
    const syi_array array = array_of(index->value);
    const int64_t count = syi_array_numel(&array);
    bool negative = false;
    for (int64_t k = 0; k < count && !negative; k++) {
        negative = syi_array_get_int(&array, k) < 0;
    }
    if (!negative) {
        return SY_OK;
    }
    composite wrapped = start(index->hook, index->mode, index->value, index->err);
    composite below = start(index->hook, index->mode, index->value, index->err);
    sy_status status = SY_OK;
    SY_GOTO(done, STEP(&below, lt, VALUE(&below), INT(0)));
    SY_GOTO(done, STEP(&wrapped, add, VALUE(&wrapped), INT(size)));
    SY_GOTO(done, STEP(index, where, VALUE(&below), VALUE(&wrapped), VALUE(index)));
done:
    sy_tensor_unref(wrapped.value);
    sy_tensor_unref(below.value);
    return status;
}

/* The dims of the value with dim `at` replaced by `ndim` others. */
static sy_status replace_dim(composite *c, int64_t at, const int64_t *shape, int ndim)
{
    const syi_array array = array_of(c->value);
    sy_value sizes[2 * SY_DIM_MAX];
    size_t count = 0;
    for (int d = 0; d < array.ndim; d++) {
        for (int k = 0; d == at && k < ndim; k++) {
            sizes[count++] = INT(shape[k]);
        }
        if (d != at) {
            sizes[count++] = INT(array.shape[d]);
        }
    }
    return STEP(c, reshape, VALUE(c), sy_value_list(sizes, count));
}

static sy_status gather(composite *c, indexing *at, sy_tensor *positions)
{
    const syi_array shape = array_of(positions); /* only looked at */
    if (is_mask(shape.dtype)) {
        return refuse_mask(c->err);
    }
    if (sy_dtype_is_floating(shape.dtype)) {
        return syi_fail(c->err, SY_EDTYPE, "a tensor of indices is %s, expected int64",
                        sy_dtype_name(shape.dtype));
    }
    if (at->gathered) {
        return syi_fail(c->err, SY_ENOTSUP,
                        "two tensors of indices in one index are not supported; use index_select "
                        "for one dim after the other");
    }
    at->gathered = true;
    composite index = start(c->hook, c->mode, positions, c->err);
    sy_status status = SY_OK;
    if (shape.dtype != SY_DTYPE_I64) {
        SY_GOTO(done, STEP(&index, to, VALUE(&index), sy_value_dtype(SY_DTYPE_I64)));
    }
    if (shape.ndim != 1) {
        const sy_value flat = INT(-1);
        SY_GOTO(done, STEP(&index, reshape, VALUE(&index), sy_value_list(&flat, 1)));
    }
    SY_GOTO(done, wrap_positions(&index, array_of(c->value).shape[at->dim]));
    SY_GOTO(done, STEP(c, index_select, VALUE(c), INT(at->dim), VALUE(&index)));
    if (shape.ndim != 1) {
        SY_GOTO(done, replace_dim(c, at->dim, shape.shape, shape.ndim));
    }
    at->dim += shape.ndim;
done:
    sy_tensor_unref(index.value);
    return status;
}

/* A list of ints stands for a tensor of indices. */
static sy_status gather_list(composite *c, indexing *at, const sy_value *list)
{
    const int64_t count = (int64_t)list->as.list.count;
    syi_array array = SYI_ARRAY_INIT;
    SY_TRY(syi_array_new(c->hook->context, &array, SY_DTYPE_I64, 1, &count,
                         c->mode->account != NULL ? c->mode->account : &c->hook->account, c->err));
    for (int64_t k = 0; k < count; k++) {
        const sy_value *item = &list->as.list.items[k];
        if (item->kind != SY_VALUE_INT) {
            syi_array_fini(&array);
            return item->kind == SY_VALUE_BOOL
                       ? refuse_mask(c->err)
                       : syi_fail(c->err, SY_EINVAL, "a list in an index holds ints only");
        }
        syi_array_set_int(&array, k, item->as.integer);
    }
    sy_tensor *positions = NULL;
    SY_TRY(syi_tensor_from_array(c->hook, &positions, &array, c->err));
    const sy_status status = gather(c, at, positions);
    sy_tensor_unref(positions);
    return status;
}

static sy_value open_bound(int64_t bound)
{
    return bound == SY_SLICE_OPEN ? sy_value_none() : INT(bound);
}

static sy_status take_slice(composite *c, indexing *at, const sy_value *item)
{
    const int64_t start = item->as.slice.start, stop = item->as.slice.stop;
    const int64_t step_size = item->as.slice.step;
    const int64_t dim = at->dim++;
    if ((start == SY_SLICE_OPEN || start == 0) && stop == SY_SLICE_OPEN && step_size == 1) {
        return SY_OK;
    }
    return STEP(c, slice, VALUE(c), INT(dim), open_bound(start), open_bound(stop), INT(step_size));
}

static sy_status take_item(composite *c, indexing *at, const sy_value *item)
{
    switch (item->kind) {
    case SY_VALUE_INT:
        return STEP(c, select, VALUE(c), INT(at->dim), *item);
    case SY_VALUE_SLICE:
        return take_slice(c, at, item);
    case SY_VALUE_NONE:
        return STEP(c, unsqueeze, VALUE(c), INT(at->dim++));
    case SY_VALUE_ELLIPSIS:
        if (at->ellipsis) {
            return syi_fail(c->err, SY_EINVAL, "an index has at most one ellipsis");
        }
        at->ellipsis = true;
        at->dim += at->rest;
        return SY_OK;
    case SY_VALUE_TENSOR:
        return gather(c, at, item->as.tensor);
    case SY_VALUE_LIST:
        return gather_list(c, at, item);
    case SY_VALUE_BOOL:
        return refuse_mask(c->err);
    default:
        return syi_fail(c->err, SY_EINVAL,
                        "an index is an int, slice, ellipsis, none, list of ints or tensor");
    }
}

static bool speaks_of_dim(const sy_value *item)
{
    return item->kind == SY_VALUE_INT || item->kind == SY_VALUE_SLICE ||
           item->kind == SY_VALUE_TENSOR || item->kind == SY_VALUE_LIST;
}

/* From left to right, each item by the row that does it. */
static sy_status run_index(composite *c, const sy_value *bound)
{
    const bool several = bound[1].kind == SY_VALUE_LIST;
    const sy_value *items = several ? bound[1].as.list.items : &bound[1];
    const size_t count = several ? bound[1].as.list.count : 1;
    const sy_tensor *self = c->value;
    const syi_array whole = array_of(self);
    indexing at = {.rest = whole.ndim};
    for (size_t k = 0; k < count; k++) {
        at.rest -= speaks_of_dim(&items[k]);
    }
    if (at.rest < 0) {
        char text[64];
        return syi_fail(c->err, SY_ERANGE, "too many indices for a tensor of %s",
                        syi_shape_format(whole.ndim, whole.shape, text, sizeof text));
    }
    for (size_t k = 0; k < count; k++) {
        SY_TRY(take_item(c, &at, &items[k]));
    }
    if (c->value != self) {
        return SY_OK;
    }
    /* x[:], x[...], x[()]: a view of everything. */
    if (whole.ndim > 0) {
        return STEP(c, slice, VALUE(c), INT(0));
    }
    return STEP(c, view, VALUE(c), sy_value_list(NULL, 0));
}

/* Plain answers */

static sy_status run_size(sy_tensor *self, const sy_value *which, syi_results *results,
                          sy_error *err)
{
    const syi_array array = array_of(self);
    if (which->kind == SY_VALUE_INT) {
        int dim = 0;
        SY_TRY(syi_dim_wrap(&dim, which->as.integer, array.ndim, err));
        if (array.ndim == 0) {
            return syi_fail(err, SY_ERANGE, "a scalar has no dimension %lld",
                            (long long)which->as.integer);
        }
        results->value = sy_value_int(array.shape[dim]);
        return SY_OK;
    }
    for (int d = 0; d < array.ndim; d++) {
        results->items[d] = sy_value_int(array.shape[d]);
    }
    results->value = sy_value_list(results->items, (size_t)array.ndim);
    return SY_OK;
}

static sy_status run_item(sy_tensor *self, syi_results *results, sy_error *err)
{
    const sy_dtype dtype = array_of(self).dtype;
    const syi_policy policy = syi_tensor_policy(self);
    if (policy.private_) {
        char id[64];
        const sy_id own = sy_tensor_get_id(self);
        return syi_policy_refuse(&policy, "item", sy_id_format(&own, id, sizeof id), NULL, err);
    }
    if (sy_dtype_is_floating(dtype)) {
        double real = 0;
        SY_TRY(sy_tensor_item(self, &real, err));
        results->value = sy_value_float(real);
        return SY_OK;
    }
    int64_t integer = 0;
    SY_TRY(sy_tensor_item_int(self, &integer, err));
    results->value = dtype == SY_DTYPE_BOOL ? sy_value_bool(integer != 0) : sy_value_int(integer);
    return SY_OK;
}

static sy_status run_value(const syi_op *op, const sy_value *bound, const syi_mode *mode,
                           syi_results *results, sy_error *err)
{
    sy_tensor *self = bound[0].as.tensor;
    switch (op->id) {
    case SYI_OP_dim:
        results->value = sy_value_int(array_of(self).ndim);
        return SY_OK;
    case SYI_OP_numel: {
        const syi_array array = array_of(self);
        results->value = sy_value_int(syi_array_numel(&array));
        return SY_OK;
    }
    case SYI_OP_size:
        return run_size(self, &bound[1], results, err);
    case SYI_OP_item:
        return run_item(self, results, err);
    case SYI_OP_backward:
        return syi_tape_backward_in(
            self, bound[1].kind == SY_VALUE_TENSOR ? bound[1].as.tensor : NULL, mode, err);
    default:
        return syi_fail(err, SY_ENOTSUP, "not written as a composite");
    }
}

/* A chain that ends at another worker may have to ask for its shape, once. */
static sy_status know_shapes(const sy_value *bound, int count, sy_error *err)
{
    for (int k = 0; k < count; k++) {
        if (bound[k].kind == SY_VALUE_TENSOR && !syi_tensor_is_native(bound[k].as.tensor)) {
            syi_array shape = SYI_ARRAY_INIT;
            SY_TRY(syi_node_shape(bound[k].as.tensor->node, &shape, err));
        }
    }
    return SY_OK;
}

sy_status syi_composite_call(sy_hook *hook, const syi_op *op, const sy_value *bound, int count,
                             const syi_mode *mode, syi_results *results, sy_error *err)
{
    results->count = 0;
    results->value = sy_value_none();
    SY_TRY(know_shapes(bound, count, err));
    if (hook->composites[op->id] != NULL) {
        return hook->composites[op->id](hook, op, bound, mode, results, err);
    }
    if (syi_optimizer_is_composite(op)) {
        return syi_optimizer_call(hook, op, bound, mode, results, err);
    }
    if (syi_layer_is_composite(op)) {
        return syi_layer_call(hook, op, bound, mode, results, err);
    }
    sy_status (*run)(composite *, const sy_value *) = NULL;
    switch (op->id) {
    case SYI_OP_linear:
        run = run_linear;
        break;
    case SYI_OP_cross_entropy:
        run = run_cross_entropy;
        break;
    case SYI_OP_index:
        run = run_index;
        break;
    default:
        break;
    }
    sy_status status;
    if (run == NULL) {
        status = run_value(op, bound, mode, results, err);
        const bool named = op->id == SYI_OP_backward || op->id == SYI_OP_item;
        return status == SY_OK || named ? status : syi_error_prefix(err, status, "%s", op->name);
    }
    composite c = start(hook, mode, bound[0].as.tensor, err);
    status = finish(&c, run(&c, bound), results);
    return status == SY_OK ? SY_OK : syi_error_prefix(err, status, "%s", op->name);
}
