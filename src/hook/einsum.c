/*
 * einsum.c - einsum and tensordot on tensors of any chain: operands are contracted in pairs from the left, each pair as
 * one product of batches of matrices. Rows of composites.c. Test: einsum_test.c, gradients_vectors_test.c.
 */
#include <csyft/operations.h>

#include <string.h>

#include "core/error.h"
#include "hook/einsum.h"
#include "hook/scope.h"
#include "ops/einsum.h"

/* A tensor whose dims have labels. */
typedef struct labelled {
    sy_tensor *tensor;
    syi_einsum_term term;
} labelled;

typedef struct contraction {
    sy_scope *scope;
    const syi_einsum *einsum;
    sy_dtype dtype; /* of all operands */
} contraction;

static int find(const syi_einsum_term *term, int label)
{
    int d = 0;
    while (d < term->ndim && term->labels[d] != label) {
        d++;
    }
    return d < term->ndim ? d : -1;
}

static sy_tensor *permute(sy_scope *s, sy_tensor *x, int ndim, const int64_t *dims)
{
    for (int d = 0; d < ndim; d++) {
        if (dims[d] != d) {
            return sy_permute(s, x, ndim, dims);
        }
    }
    return x;
}

/* Of a label that stands at dims i < j: both go to the end, become one, and every n+1st element of it stays. */
static void take_diagonal(contraction *c, labelled *x, int i, int j)
{
    int64_t dims[SY_DIM_MAX], shape[SY_DIM_MAX];
    int ndim = 0;
    const int label = x->term.labels[i];
    const int64_t n = c->einsum->sizes[label];
    syi_einsum_term rest = {0};
    for (int d = 0; d < x->term.ndim; d++) {
        if (d != i && d != j) {
            dims[ndim] = d;
            shape[ndim++] = c->einsum->sizes[x->term.labels[d]];
            rest.labels[rest.ndim++] = x->term.labels[d];
        }
    }
    dims[ndim] = i;
    dims[ndim + 1] = j;
    shape[ndim] = n * n;
    x->tensor = permute(c->scope, x->tensor, x->term.ndim, dims);
    x->tensor = sy_reshape(c->scope, x->tensor, ndim + 1, shape);
    x->tensor = sy_slice(c->scope, x->tensor, ndim, 0, SY_SLICE_OPEN, n + 1);
    rest.labels[rest.ndim++] = label;
    x->term = rest;
}

/* Every dim gets its label's size, so that a 1 of broadcasting is like others. */
static void widen(contraction *c, labelled *x)
{
    int64_t shape[SY_DIM_MAX];
    for (int d = 0; d < x->term.ndim; d++) {
        shape[d] = c->einsum->sizes[x->term.labels[d]];
    }
    x->tensor = sy_expand(c->scope, x->tensor, x->term.ndim, shape);
}

/* Is the label wanted by the result, or by an operand from `next` on? */
static bool is_needed(const syi_einsum *einsum, int label, int next)
{
    bool needed = find(&einsum->out, label) >= 0;
    for (int k = next; !needed && k < einsum->count; k++) {
        needed = find(&einsum->operands[k], label) >= 0;
    }
    return needed;
}

/* Adds up the labels that nobody else has. `other` nullable. */
static void sum_own(contraction *c, labelled *x, const syi_einsum_term *other, int next)
{
    sy_value dims[SY_DIM_MAX];
    size_t count = 0;
    syi_einsum_term rest = {0};
    for (int d = 0; d < x->term.ndim; d++) {
        const int label = x->term.labels[d];
        if (is_needed(c->einsum, label, next) || (other != NULL && find(other, label) >= 0)) {
            rest.labels[rest.ndim++] = label;
        } else {
            dims[count++] = sy_value_int(d);
        }
    }
    if (count > 0) {
        const sy_value args[] = {sy_value_tensor(x->tensor), sy_value_list(dims, count),
                                 sy_value_bool(false), sy_value_dtype(c->dtype)};
        x->tensor = sy_scope_call(c->scope, "sum", args, 4);
        x->term = rest;
    }
}

/* The dims whose labels are in `which`, in its order; their product. */
static int64_t collect(const syi_einsum *einsum, const syi_einsum_term *x,
                       const syi_einsum_term *which, int64_t *dims, int *count)
{
    int64_t product = 1;
    for (int k = 0; k < which->ndim; k++) {
        dims[(*count)++] = find(x, which->labels[k]);
        product *= einsum->sizes[which->labels[k]];
    }
    return product;
}

static void push(syi_einsum_term *term, int label)
{
    term->labels[term->ndim++] = label;
}

/* As [batch, rows, columns], or without batch where there is none. */
static sy_tensor *as_matrices(contraction *c, const labelled *x, const syi_einsum_term *batch,
                              const syi_einsum_term *rows, const syi_einsum_term *columns)
{
    int64_t dims[SY_DIM_MAX], shape[3];
    int count = 0;
    shape[0] = collect(c->einsum, &x->term, batch, dims, &count);
    shape[1] = collect(c->einsum, &x->term, rows, dims, &count);
    shape[2] = collect(c->einsum, &x->term, columns, dims, &count);
    sy_tensor *turned = permute(c->scope, x->tensor, count, dims);
    return batch->ndim > 0 ? sy_reshape(c->scope, turned, 3, shape)
                           : sy_reshape(c->scope, turned, 2, shape + 1);
}

/* a b, over the labels of both that nobody else needs. Refuses intermediate results of too many dims. */
static sy_status contract(contraction *c, labelled *a, const labelled *b, int next, sy_error *err)
{
    syi_einsum_term batch = {0}, inner = {0}, left = {0}, right = {0};
    for (int d = 0; d < a->term.ndim; d++) {
        const int label = a->term.labels[d];
        const bool shared = find(&b->term, label) >= 0;
        push(!shared ? &left : is_needed(c->einsum, label, next) ? &batch : &inner, label);
    }
    for (int d = 0; d < b->term.ndim; d++) {
        if (find(&a->term, b->term.labels[d]) < 0) {
            push(&right, b->term.labels[d]);
        }
    }
    const int ndim = batch.ndim + left.ndim + right.ndim;
    if (ndim > SY_DIM_MAX) {
        return syi_fail(err, SY_ESHAPE, "an intermediate result of %d dimensions, at most %d", ndim,
                        SY_DIM_MAX);
    }
    sy_tensor *x = as_matrices(c, a, &batch, &left, &inner);
    sy_tensor *y = as_matrices(c, b, &batch, &inner, &right);
    const syi_einsum_term *parts[] = {&batch, &left, &right};
    int64_t shape[SY_DIM_MAX];
    a->term.ndim = 0;
    for (int p = 0; p < 3; p++) {
        for (int d = 0; d < parts[p]->ndim; d++) {
            shape[a->term.ndim] = c->einsum->sizes[parts[p]->labels[d]];
            push(&a->term, parts[p]->labels[d]);
        }
    }
    a->tensor = sy_reshape(c->scope, sy_matmul(c->scope, x, y), ndim, shape);
    return SY_OK;
}

static void prepare(contraction *c, labelled *x)
{
    for (int j = 1; j < x->term.ndim; j++) {
        for (int i = 0; i < j; i++) {
            if (x->term.labels[i] == x->term.labels[j]) {
                take_diagonal(c, x, i, j);
                j = 0;
                break;
            }
        }
    }
    widen(c, x);
}

static sy_tensor *run(contraction *c, sy_tensor *const *tensors, sy_error *err)
{
    const syi_einsum *einsum = c->einsum;
    labelled all = {tensors[0], einsum->operands[0]};
    prepare(c, &all);
    for (int k = 1; k < einsum->count; k++) {
        labelled next = {tensors[k], einsum->operands[k]};
        prepare(c, &next);
        sum_own(c, &all, &next.term, k + 1);
        sum_own(c, &next, &all.term, k + 1);
        if (contract(c, &all, &next, k + 1, err) != SY_OK) {
            return NULL;
        }
    }
    sum_own(c, &all, NULL, einsum->count);
    int64_t dims[SY_DIM_MAX];
    for (int d = 0; d < einsum->out.ndim; d++) {
        dims[d] = find(&all.term, einsum->out.labels[d]);
    }
    return permute(c->scope, all.tensor, einsum->out.ndim, dims);
}

/* Runs a parsed equation; the result leaves the scope. */
static sy_status run_parsed(sy_hook *hook, const syi_einsum *einsum, sy_tensor *const *tensors,
                            sy_dtype dtype, const syi_mode *mode, syi_results *results,
                            sy_error *err)
{
    sy_scope scope;
    syi_scope_init(&scope, hook, mode);
    contraction c = {.scope = &scope, .einsum = einsum, .dtype = dtype};
    sy_error refusal = SY_ERROR_INIT;
    sy_tensor *result = run(&c, tensors, &refusal);
    sy_status status = sy_scope_get_status(&scope);
    if (result == NULL && status == SY_OK) {
        sy_scope_fail(&scope, &refusal);
    }
    status = sy_scope_get_status(&scope);
    if (status == SY_OK) {
        results->tensors[0] = sy_tensor_ref(result);
        results->count = 1;
    } else if (err != NULL) {
        *err = scope.error;
    }
    syi_scope_fini(&scope);
    return status;
}

static void shape_of(sy_tensor *tensor, syi_array *shape)
{
    *shape = (syi_array)SYI_ARRAY_INIT;
    if (syi_tensor_is_native(tensor)) {
        *shape = *syi_node_array(tensor->node); /* borrowed */
    } else {
        (void)syi_node_shape(tensor->node, shape, NULL); /* known: syi_composite_call */
    }
}

static sy_status run_einsum(sy_hook *hook, const sy_value *bound, const syi_mode *mode,
                            syi_results *results, sy_error *err)
{
    const sy_value *list = &bound[1];
    const int count = (int)list->as.list.count;
    sy_tensor *tensors[SYI_OUTPUT_MAX];
    syi_array shapes[SYI_OUTPUT_MAX];
    const syi_array *pointers[SYI_OUTPUT_MAX];
    syi_einsum einsum;
    for (int k = 0; k < count && k < SYI_OUTPUT_MAX; k++) {
        tensors[k] = list->as.list.items[k].as.tensor;
        shape_of(tensors[k], &shapes[k]);
        pointers[k] = &shapes[k];
    }
    SY_TRY(syi_einsum_parse(&einsum, bound[0].as.string, pointers, count, err));
    return run_parsed(hook, &einsum, tensors, shapes[0].dtype, mode, results, err);
}

/* self other dims_self dims_other, as the equation that it is */
static sy_status run_tensordot(sy_hook *hook, const sy_value *bound, const syi_mode *mode,
                               syi_results *results, sy_error *err)
{
    sy_tensor *tensors[2] = {bound[0].as.tensor, bound[1].as.tensor};
    syi_array shapes[2];
    syi_einsum einsum;
    shape_of(tensors[0], &shapes[0]);
    shape_of(tensors[1], &shapes[1]);
    SY_TRY(syi_einsum_of_tensordot(&einsum, &shapes[0], &shapes[1], &bound[2], &bound[3], err));
    return run_parsed(hook, &einsum, tensors, shapes[0].dtype, mode, results, err);
}

sy_status syi_einsum_call(sy_hook *hook, const syi_op *op, const sy_value *bound,
                          const syi_mode *mode, syi_results *results, sy_error *err)
{
    const sy_status status = op->id == SYI_OP_einsum
                                 ? run_einsum(hook, bound, mode, results, err)
                                 : run_tensordot(hook, bound, mode, results, err);
    return status == SY_OK ? SY_OK : syi_error_prefix(err, status, "%s", op->name);
}
