/*
 * indexing.c - gathering by index, adding by index, joining, and the backward halves of select and
 * slice. Test: indexing_test.c; answers of torch: tests/vectors/ops.
 */
#include <assert.h>
#include <string.h>

#include "frameworks/cpu/gather.h"
#include "frameworks/cpu/slices.h"

/* Slices with gaps: in the order of the result's elements, so that memory is walked through once. */
static void select_elements(const syi_cpu_call *call, const syi_array *index, int dim)
{
    const syi_array *out = &call->outs[0];
    syi_array spread = *out; /* the index for every element of the result */
    spread.storage = index->storage;
    spread.dtype = SY_DTYPE_I64;
    spread.offset = index->offset;
    memset(spread.strides, 0, sizeof spread.strides);
    spread.strides[dim] = 1;
    syi_gather_run(out, syi_cpu_array(&call->args[0]), dim, &spread);
}

sy_status syi_cpu_index_select(const syi_cpu_call *call)
{
    syi_axis from, to;
    SY_TRY(syi_axis_find(call, &from, syi_cpu_array(&call->args[0]), &call->args[1]));
    SY_TRY(syi_axis_find(call, &to, &call->outs[0], &call->args[1]));
    syi_array index;
    SY_TRY(syi_axis_read_index(call, &index, &call->args[2], &from));
    assert(to.size == syi_array_numel(&index));
    const int64_t *entries = syi_array_data(&index);
    syi_nest slices;
    syi_nest_init(&slices, to.slice.ndim, to.slice.shape);
    syi_nest_add(&slices, &to.slice);
    syi_nest_add(&slices, &from.slice);
    if (!syi_nest_is_empty(&slices)) {
        syi_nest_merge(&slices, true);
        const syi_slice_copy copy =
            syi_slice_copy_plan(&slices, (int64_t)sy_dtype_size(to.slice.dtype));
        if (copy.bytes == 0) {
            select_elements(call, &index, to.dim);
        }
        for (int64_t i = 0; i < to.size && copy.bytes > 0; i++) {
            syi_slice_copy_run(&copy, i * to.step, entries[i] * from.step);
        }
    }
    syi_array_fini(&index);
    return SY_OK;
}

/* to[entries[i]] += source[i], in ascending i; or = when it copies. */
static void add_slices(const syi_axis *to, const syi_axis *source, const int64_t *entries,
                       bool copies)
{
    syi_nest slices;
    syi_nest_init(&slices, to->slice.ndim, to->slice.shape);
    syi_nest_add(&slices, &to->slice);
    if (!copies) {
        syi_nest_add(&slices, &to->slice);
    }
    syi_nest_add(&slices, &source->slice);
    if (syi_nest_is_empty(&slices)) {
        return;
    }
    syi_nest_merge(&slices, true);
    const syi_slice_copy copy =
        syi_slice_copy_plan(&slices, (int64_t)sy_dtype_size(to->slice.dtype));
    const syi_loop add = syi_add_loops[to->slice.dtype];
    for (int64_t i = 0; i < source->size; i++) {
        const int64_t place = entries[i] * to->step;
        if (copies) {
            syi_slice_copy_run(&copy, place, i * source->step);
            continue;
        }
        syi_slice_run(&slices, (int64_t[]){place, place, i * source->step}, add);
    }
}

/* index_add and index_copy. */
sy_status syi_cpu_index_add(const syi_cpu_call *call)
{
    const syi_array *given = syi_cpu_array(&call->args[3]);
    syi_axis to, source;
    SY_TRY(syi_axis_find(call, &to, &call->outs[0], &call->args[1]));
    syi_array index, addend = SYI_ARRAY_INIT;
    SY_TRY(syi_axis_read_index(call, &index, &call->args[2], &to));
    sy_status status;
    if (call->inplace && syi_array_overlaps(given, &call->outs[0])) {
        SY_GOTO(done, syi_cpu_temporary(call, &addend, given->dtype, given->ndim, given->shape));
        syi_array_assign(&addend, given); /* the source is added as it was */
        given = &addend;
    }
    SY_GOTO(done, syi_axis_find(call, &source, given, &call->args[1]));
    assert(source.size == syi_array_numel(&index) && given->dtype == to.slice.dtype);
    if (!call->inplace) {
        syi_array_assign(&call->outs[0], syi_cpu_array(&call->args[0]));
    }
    add_slices(&to, &source, syi_array_data(&index), call->op->id == SYI_OP_index_copy);
done:
    syi_array_fini(&addend);
    syi_array_fini(&index);
    return status;
}

/* An old rule of torch: a vector without elements joins anything. */
static bool is_skipped(const syi_array *array)
{
    return array->ndim == 1 && array->shape[0] == 0;
}

sy_status syi_cpu_cat(const syi_cpu_call *call)
{
    const sy_value *items = call->args[0].as.list.items;
    syi_array part = call->outs[0]; /* borrows the storage */
    int dim;
    SY_TRY(syi_dim_wrap(&dim, call->args[1].as.integer, part.ndim, call->err));
    for (size_t i = 0; i < call->args[0].as.list.count; i++) {
        const syi_array *from = syi_cpu_array(&items[i]);
        if (!is_skipped(from)) {
            part.shape[dim] = from->shape[dim];
            syi_array_assign(&part, from);
            part.offset += from->shape[dim] * part.strides[dim];
        }
    }
    return SY_OK;
}

sy_status syi_cpu_stack(const syi_cpu_call *call)
{
    const sy_value *items = call->args[0].as.list.items;
    int dim;
    SY_TRY(syi_dim_wrap(&dim, call->args[1].as.integer, call->outs[0].ndim, call->err));
    for (size_t i = 0; i < call->args[0].as.list.count; i++) {
        syi_array part;
        SY_TRY(syi_array_select(&part, &call->outs[0], dim, (int64_t)i, call->err));
        syi_array_assign(&part, syi_cpu_array(&items[i]));
        syi_array_fini(&part);
    }
    return SY_OK;
}

/* Zeros everywhere but in `part` of outs[0], which takes the gradient and is released here. */
static sy_status place_gradient(const syi_cpu_call *call, syi_array *part)
{
    const syi_array *gradient = syi_cpu_array(&call->args[0]);
    syi_array source;
    sy_status status = syi_array_expand(&source, gradient, part->ndim, part->shape, call->err);
    if (status == SY_OK) {
        syi_cpu_clear(&call->outs[0]);
        syi_array_assign(part, &source);
        syi_array_fini(&source);
    }
    syi_array_fini(part);
    return status;
}

sy_status syi_cpu_select_backward(const syi_cpu_call *call)
{
    const syi_array *out = &call->outs[0];
    int dim;
    syi_array part;
    SY_TRY(syi_dim_wrap(&dim, call->args[2].as.integer, out->ndim, call->err));
    SY_TRY(syi_array_select(&part, out, dim, call->args[3].as.integer, call->err));
    return place_gradient(call, &part);
}

/* The lowest int is a bound like others, not one left out. */
static int64_t read_bound(const sy_value *value)
{
    if (value->kind == SY_VALUE_NONE) {
        return SY_SLICE_OPEN;
    }
    return value->as.integer == SY_SLICE_OPEN ? SY_SLICE_OPEN + 1 : value->as.integer;
}

sy_status syi_cpu_slice_backward(const syi_cpu_call *call)
{
    const syi_array *out = &call->outs[0];
    int dim;
    syi_array part;
    SY_TRY(syi_dim_wrap(&dim, call->args[2].as.integer, out->ndim, call->err));
    SY_TRY(syi_array_slice(&part, out, dim, read_bound(&call->args[3]), read_bound(&call->args[4]),
                           call->args[5].as.integer, call->err));
    return place_gradient(call, &part);
}
