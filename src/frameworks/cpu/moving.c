/*
 * moving.c - the same elements in other places: flips, rolls, triangles, diagonals, padding, and the backward
 * halves of diagonal and unfold. Answers of torch: tests/vectors/ops.
 */
#include <string.h>

#include "frameworks/cpu/loops.h"
#include "frameworks/cpu/slices.h"

/* Flips: a copy that walks some dims backwards */

#define DEFINE_REVERSE(size, T)                                                      \
    static void reverse_##size(int64_t n, void *const *data, const int64_t *strides, \
                               const void *param)                                    \
    {                                                                                \
        if (strides[0] == size && strides[1] == -(int64_t)size) {                    \
            T *to = data[0];                                                         \
            const T *from = data[1];                                                 \
            SYI_INDEPENDENT                                                          \
            for (int64_t i = 0; i < n; i++) {                                        \
                to[i] = from[-i];                                                    \
            }                                                                        \
        } else {                                                                     \
            syi_copy_loops[size](n, data, strides, param);                           \
        }                                                                            \
    }
DEFINE_REVERSE(1, uint8_t)
DEFINE_REVERSE(2, uint16_t)
DEFINE_REVERSE(4, uint32_t)
DEFINE_REVERSE(8, uint64_t)
static const syi_loop reverses[9] = {
    [1] = reverse_1, [2] = reverse_2, [4] = reverse_4, [8] = reverse_8};

sy_status syi_cpu_flip(const syi_cpu_call *call)
{
    const syi_array *self = syi_cpu_array(&call->args[0]), *out = &call->outs[0];
    const sy_value *dims = &call->args[1];
    syi_nest nest;
    syi_nest_init(&nest, out->ndim, out->shape);
    syi_nest_add(&nest, out);
    syi_nest_add(&nest, self);
    if (syi_nest_is_empty(&nest)) {
        return SY_OK;
    }
    for (size_t k = 0; k < dims->as.list.count && out->ndim > 0; k++) {
        int dim;
        SY_TRY(syi_dim_wrap(&dim, dims->as.list.items[k].as.integer, out->ndim, call->err));
        int64_t *stride = &nest.strides[1][out->ndim - 1 - dim];
        nest.data[1] += (out->shape[dim] - 1) * *stride;
        *stride = -*stride;
    }
    syi_nest_merge(&nest, true);
    syi_slice_run(&nest, (int64_t[]){0, 0}, reverses[sy_dtype_size(out->dtype)]);
    return SY_OK;
}

/* Rolls: two blocks along each dim change places */

static sy_status copy_block(const syi_cpu_call *call, const syi_array *to, const syi_array *from,
                            int dim, const int64_t *shifts)
{
    if (dim == to->ndim) {
        syi_array_assign(to, from);
        return SY_OK;
    }
    const int64_t size = to->shape[dim], shift = shifts[dim];
    const int64_t pieces[2][3] = {{0, shift, size - shift}, {size - shift, 0, shift}};
    for (int k = 0; k < 2; k++) { /* from, to, length */
        syi_array source, target;
        if (pieces[k][2] == 0) {
            continue;
        }
        SY_TRY(syi_array_slice(&source, from, dim, pieces[k][0], pieces[k][0] + pieces[k][2], 1,
                               call->err));
        sy_status status = syi_array_slice(&target, to, dim, pieces[k][1],
                                           pieces[k][1] + pieces[k][2], 1, call->err);
        if (status == SY_OK) {
            status = copy_block(call, &target, &source, dim + 1, shifts);
            syi_array_fini(&target);
        }
        syi_array_fini(&source);
        SY_TRY(status);
    }
    return SY_OK;
}

/* a mod n for n > 0, never negative. */
static int64_t modulo(int64_t a, int64_t n)
{
    const int64_t rest = a % n;
    return rest < 0 ? rest + n : rest;
}

sy_status syi_cpu_roll(const syi_cpu_call *call)
{
    const syi_array *self = syi_cpu_array(&call->args[0]);
    const sy_value *shifts = call->args[1].as.list.items, *dims = &call->args[2];
    const int64_t numel = syi_array_numel(self);
    int64_t by[SY_DIM_MAX] = {0};
    if (numel == 0) {
        return SY_OK;
    }
    if (dims->kind != SY_VALUE_LIST || dims->as.list.count == 0) {
        /* As if it were one vector. */
        syi_array packed, line = call->outs[0], from;
        SY_TRY(syi_cpu_convert(call, &packed, self, self->dtype, true));
        from = packed;
        line.ndim = from.ndim = 1;
        line.shape[0] = from.shape[0] = numel;
        line.strides[0] = from.strides[0] = 1;
        by[0] = modulo(shifts[0].as.integer, numel);
        const sy_status status = copy_block(call, &line, &from, 0, by);
        syi_array_fini(&packed);
        return status;
    }
    for (size_t k = 0; k < dims->as.list.count && self->ndim > 0; k++) {
        int dim;
        SY_TRY(syi_dim_wrap(&dim, dims->as.list.items[k].as.integer, self->ndim, call->err));
        const int64_t size = self->shape[dim];
        by[dim] = (by[dim] + modulo(shifts[k].as.integer, size)) % size;
    }
    return copy_block(call, &call->outs[0], self, 0, by);
}

/* Triangles */

typedef struct triangle {
    bool lower;
    int64_t rows, columns, diagonal;
    int64_t out_row, out_column, in_row, in_column; /* bytes */
    int64_t size;
    bool copies; /* the kept part, too: out of place */
} triangle;

static void zero_run(const triangle *t, char *out, int64_t n)
{
    static const uint64_t zero = 0;
    if (t->out_column == t->size) {
        memset(out, 0, (size_t)(n * t->size));
        return;
    }
    void *data[] = {out, (void *)(uintptr_t)&zero};
    syi_copy_loops[t->size](n, data, (const int64_t[]){t->out_column, 0}, NULL);
}

static void cut_matrix(const triangle *t, char *out, const char *in)
{
    for (int64_t r = 0; r < t->rows; r++) {
        /* Columns [0, at) are on one side of the diagonal, [at, columns) on the other. */
        int64_t at = r + t->diagonal + (t->lower ? 1 : 0);
        at = at < 0 ? 0 : at > t->columns ? t->columns : at;
        const int64_t kept = t->lower ? 0 : at, kept_count = t->lower ? at : t->columns - at;
        const int64_t cut = t->lower ? at : 0, cut_count = t->columns - kept_count;
        char *row = out + r * t->out_row;
        if (cut_count > 0) {
            zero_run(t, row + cut * t->out_column, cut_count);
        }
        if (kept_count > 0 && t->copies) {
            const char *from = in + r * t->in_row + kept * t->in_column;
            void *data[] = {row + kept * t->out_column, (void *)(uintptr_t)from};
            syi_copy_loops[t->size](kept_count, data,
                                    (const int64_t[]){t->out_column, t->in_column}, NULL);
        }
    }
}

sy_status syi_cpu_triangle(const syi_cpu_call *call)
{
    const syi_array *self = syi_cpu_array(&call->args[0]), *out = &call->outs[0];
    const int rows = out->ndim - 2, columns = out->ndim - 1;
    const int64_t size = (int64_t)sy_dtype_size(out->dtype);
    int64_t diagonal = call->args[1].as.integer;
    diagonal = diagonal > out->shape[columns] ? out->shape[columns] : diagonal;
    diagonal = diagonal < -out->shape[rows] - 1 ? -out->shape[rows] - 1 : diagonal;
    const triangle t = {.lower = call->op->id == SYI_OP_tril,
                        .rows = out->shape[rows],
                        .columns = out->shape[columns],
                        .diagonal = diagonal,
                        .out_row = out->strides[rows] * size,
                        .out_column = out->strides[columns] * size,
                        .in_row = self->strides[rows] * size,
                        .in_column = self->strides[columns] * size,
                        .size = size,
                        .copies = !call->inplace};
    syi_nest batch;
    syi_nest_init(&batch, rows, out->shape);
    if (syi_array_numel(out) == 0) {
        return SY_OK;
    }
    syi_array outer = *out, inner = *self;
    outer.ndim = inner.ndim = rows;
    syi_nest_add(&batch, &outer);
    syi_nest_add(&batch, &inner);
    syi_nest_merge(&batch, false);
    char *data[SYI_OPERAND_MAX] = {batch.data[0], batch.data[1]};
    int64_t at[SY_DIM_MAX] = {0};
    do {
        cut_matrix(&t, data[0], data[1]);
    } while (syi_nest_step(&batch, 0, at, data));
    return SY_OK;
}

/* Diagonals */

/* Zeros but for the diagonal of outs[0], which takes `from` broadcast to it. */
static sy_status place_diagonal(const syi_cpu_call *call, const syi_array *from, int64_t offset,
                                int64_t dim1, int64_t dim2)
{
    syi_array line = SYI_ARRAY_INIT, source = SYI_ARRAY_INIT;
    sy_status status;
    SY_GOTO(done, syi_array_diagonal(&line, &call->outs[0], offset, dim1, dim2, call->err));
    SY_GOTO(done, syi_array_expand(&source, from, line.ndim, line.shape, call->err));
    syi_cpu_clear(&call->outs[0]);
    syi_array_assign(&line, &source);
done:
    syi_array_fini(&source);
    syi_array_fini(&line);
    return status;
}

sy_status syi_cpu_diag_embed(const syi_cpu_call *call)
{
    int64_t offset = call->args[1].as.integer;
    int dim1, dim2;
    SY_TRY(syi_dim_wrap(&dim1, call->args[2].as.integer, call->outs[0].ndim, call->err));
    SY_TRY(syi_dim_wrap(&dim2, call->args[3].as.integer, call->outs[0].ndim, call->err));
    return place_diagonal(call, syi_cpu_array(&call->args[0]), offset, dim1, dim2);
}

sy_status syi_cpu_diagonal_backward(const syi_cpu_call *call)
{
    return place_diagonal(call, syi_cpu_array(&call->args[0]), call->args[2].as.integer,
                          call->args[3].as.integer, call->args[4].as.integer);
}

/* Padding: only the border is filled */

/* The middle of outs[0] that takes elements of self, and the part of self that goes there. */
static sy_status cut_middle(const syi_cpu_call *call, const syi_array *self, syi_array *to,
                            syi_array *from, const syi_element *filling)
{
    const sy_value *pad = call->args[1].as.list.items;
    *to = call->outs[0]; /* borrow */
    *from = *self;
    for (size_t k = 0; k < call->args[1].as.list.count / 2; k++) {
        const int dim = self->ndim - 1 - (int)k;
        const int64_t before = pad[2 * k].as.integer, after = pad[2 * k + 1].as.integer;
        const int64_t left = before > 0 ? before : 0, right = after > 0 ? after : 0;
        syi_array border = *to;
        border.shape[dim] = left < to->shape[dim] ? left : to->shape[dim];
        syi_cpu_fill_array(&border, filling);
        const int64_t end = to->shape[dim] - right > left ? to->shape[dim] - right : left;
        if (end < to->shape[dim]) {
            border.offset = to->offset + end * to->strides[dim];
            border.shape[dim] = to->shape[dim] - end;
            syi_cpu_fill_array(&border, filling);
        }
        const int64_t skipped = before < 0 ? -before : 0;
        to->offset += left * to->strides[dim];
        from->offset += skipped * from->strides[dim];
        to->shape[dim] = end > left ? end - left : 0;
        from->shape[dim] = to->shape[dim];
    }
    return SY_OK;
}

sy_status syi_cpu_constant_pad_nd(const syi_cpu_call *call)
{
    syi_array to, from;
    syi_element filling;
    SY_TRY(syi_cpu_element(call, &filling, &call->args[2], call->outs[0].dtype));
    if (syi_array_numel(&call->outs[0]) == 0) {
        return SY_OK;
    }
    SY_TRY(cut_middle(call, syi_cpu_array(&call->args[0]), &to, &from, &filling));
    syi_array_assign(&to, &from);
    return SY_OK;
}

/* Each window's gradient is added where the window lies. */
sy_status syi_cpu_unfold_backward(const syi_cpu_call *call)
{
    const syi_array *grad = syi_cpu_array(&call->args[0]), *out = &call->outs[0];
    syi_array windows = SYI_ARRAY_INIT, source = SYI_ARRAY_INIT;
    sy_status status;
    syi_cpu_clear(out);
    SY_GOTO(done, syi_array_unfold(&windows, out, call->args[2].as.integer,
                                   call->args[3].as.integer, call->args[4].as.integer, call->err));
    SY_GOTO(done, syi_array_expand(&source, grad, windows.ndim, windows.shape, call->err));
    const int last = windows.ndim - 1;
    for (int64_t k = 0; k < windows.shape[last]; k++) {
        /* The k-th elements of all windows are different ones. */
        syi_array to = windows, from = source; /* borrow */
        to.ndim = from.ndim = last;
        to.offset += k * to.strides[last];
        from.offset += k * from.strides[last];
        const syi_operand operands[3] = {{.array = &to, .dtype = out->dtype},
                                         {.array = &to, .dtype = out->dtype},
                                         {.array = &from, .dtype = out->dtype}};
        syi_iterate(operands, 3, syi_add_loops[out->dtype], NULL, call->secret);
    }
done:
    syi_array_fini(&source);
    syi_array_fini(&windows);
    return status;
}
