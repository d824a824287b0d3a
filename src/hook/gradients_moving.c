/* gradients_moving.c - gradients of what moves elements: indices and masks, flips, diagonals, padding, windows. */
#include "hook/gradients.h"

/* name(x, and the row's arguments from `first` to before `last`). */
static sy_tensor *again(syi_backward *b, const char *name, sy_tensor *x, int first, int last)
{
    sy_value args[SYI_ARGUMENT_MAX] = {sy_value_tensor(x)};
    size_t count = 1;
    for (int k = first; k < last; k++) {
        args[count++] = b->args[k];
    }
    return call(b, name, args, count);
}

/* name(x, the argument `which`, the sizes of argument 0 in between). */
static sy_tensor *backward_half(syi_backward *b, const char *name, int first, int last)
{
    sizes_list list;
    sy_value args[SYI_ARGUMENT_MAX] = {sy_value_tensor(b->grads[0]), sizes(&list, shape_of(b, 0))};
    size_t count = 2;
    for (int k = first; k < last; k++) {
        args[count++] = b->args[k];
    }
    return call(b, name, args, count);
}

/* Views */

void syi_gradient_movedim(syi_backward *b)
{
    const sy_value args[] = {sy_value_tensor(b->grads[0]), b->args[2], b->args[1]};
    b->results[0] = call(b, "movedim", args, 3);
}

void syi_gradient_diagonal(syi_backward *b)
{
    b->results[0] = backward_half(b, "diagonal_backward", 1, 4);
}

void syi_gradient_unfold(syi_backward *b)
{
    b->results[0] = backward_half(b, "unfold_backward", 1, 4);
}

void syi_gradient_select_backward(syi_backward *b)
{
    b->results[0] = again(b, "select", b->grads[0], 2, 4);
}

void syi_gradient_slice_backward(syi_backward *b)
{
    b->results[0] = again(b, "slice", b->grads[0], 2, 6);
}

void syi_gradient_diagonal_backward(syi_backward *b)
{
    b->results[0] = again(b, "diagonal", b->grads[0], 2, 5);
}

void syi_gradient_unfold_backward(syi_backward *b)
{
    b->results[0] = again(b, "unfold", b->grads[0], 2, 5);
}

/* Along one dim */

/* The elements at (dim, index) do not come from self any more. */
static sy_tensor *without_slices(syi_backward *b)
{
    const sy_value args[] = {sy_value_tensor(b->grads[0]), b->args[1], b->args[2], zero()};
    return call(b, "index_fill", args, 4);
}

void syi_gradient_index_copy(syi_backward *b)
{
    if (b->needs[0]) {
        b->results[0] = without_slices(b);
    }
    if (b->needs[3]) {
        const syi_tape_shape *source = shape_of(b, 3);
        sy_tensor *g = again(b, "index_select", b->grads[0], 1, 3);
        b->results[3] = sy_reshape(b->scope, g, source->ndim, source->sizes);
    }
}

void syi_gradient_index_fill(syi_backward *b)
{
    if (b->needs[0]) {
        b->results[0] = without_slices(b);
    }
    if (b->needs[3]) {
        b->results[3] = sy_sum(b->scope, again(b, "index_select", b->grads[0], 1, 3));
    }
}

void syi_gradient_gather(syi_backward *b)
{
    const sy_value args[] = {sy_value_tensor(syi_gradient_zeros(b, shape_of(b, 0))), b->args[1],
                             b->args[2], sy_value_tensor(b->grads[0])};
    b->results[0] = call(b, "scatter_add_", args, 4);
}

/* What the index took from src, which may be larger than the index: zeros beyond it. */
static sy_tensor *gathered(syi_backward *b)
{
    const syi_tape_shape *src = shape_of(b, 3), *index = shape_of(b, 2);
    sy_tensor *g = again(b, "gather", b->grads[0], 1, 3);
    sy_value pad[2 * SY_DIM_MAX];
    bool smaller = false;
    if (src->ndim != index->ndim) { /* a scalar against one dim */
        return sy_reshape(b->scope, g, src->ndim, src->sizes);
    }
    for (int d = 0; d < src->ndim; d++) {
        const int64_t missing = src->sizes[d] - index->sizes[d];
        pad[2 * (src->ndim - 1 - d)] = zero();
        pad[2 * (src->ndim - 1 - d) + 1] = sy_value_int(missing);
        smaller |= missing > 0;
    }
    const sy_value args[] = {sy_value_tensor(g), sy_value_list(pad, 2 * (size_t)src->ndim)};
    return smaller ? call(b, "constant_pad_nd", args, 2) : g;
}

void syi_gradient_scatter(syi_backward *b)
{
    const bool adds = b->args[4].kind == SY_VALUE_STRING; /* multiply is refused */
    if (b->needs[0]) {
        const sy_value args[] = {sy_value_tensor(b->grads[0]), b->args[1], b->args[2], zero()};
        b->results[0] = adds ? b->grads[0] : call(b, "scatter", args, 4);
    }
    if (b->needs[3]) {
        b->results[3] = gathered(b);
    }
}

void syi_gradient_scatter_add(syi_backward *b)
{
    b->results[0] = b->grads[0];
    if (b->needs[3]) {
        b->results[3] = gathered(b);
    }
}

/* Anywhere */

void syi_gradient_take(syi_backward *b)
{
    const sy_value args[] = {sy_value_tensor(syi_gradient_zeros(b, shape_of(b, 0))), b->args[1],
                             sy_value_tensor(b->grads[0]), sy_value_bool(true)};
    b->results[0] = call(b, "put_", args, 4);
}

void syi_gradient_put(syi_backward *b)
{
    if (b->needs[0]) {
        b->results[0] = b->grads[0];
        if (!b->args[3].as.boolean) {
            const sy_value args[] = {sy_value_tensor(b->grads[0]), b->args[1],
                                     sy_value_tensor(syi_gradient_zeros(b, shape_of(b, 2)))};
            b->results[0] = call(b, "put", args, 3);
        }
    }
    if (b->needs[2]) {
        const syi_tape_shape *source = shape_of(b, 2);
        sy_tensor *g = again(b, "take", b->grads[0], 1, 2);
        b->results[2] = sy_reshape(b->scope, g, source->ndim, source->sizes);
    }
}

void syi_gradient_index_dims(syi_backward *b)
{
    const sy_value args[] = {sy_value_tensor(syi_gradient_zeros(b, shape_of(b, 0))), b->args[1],
                             b->args[2], sy_value_tensor(b->grads[0]), sy_value_bool(true)};
    b->results[0] = call(b, "_index_put_", args, 5);
}

void syi_gradient_index_put_dims(syi_backward *b)
{
    if (b->needs[0]) {
        b->results[0] = b->grads[0];
        if (!b->args[4].as.boolean) {
            const syi_tape_shape none = {.dtype = b->outputs[0].shape.dtype};
            const sy_value args[] = {sy_value_tensor(b->grads[0]), b->args[1], b->args[2],
                                     sy_value_tensor(syi_gradient_zeros(b, &none))};
            b->results[0] = call(b, "_index_put", args, 4);
        }
    }
    if (b->needs[3]) {
        b->results[3] = again(b, "_index", b->grads[0], 1, 3);
    }
}

/* Masks */

static sy_tensor *unmasked(syi_backward *b)
{
    const sy_value args[] = {sy_value_tensor(b->grads[0]), b->args[1], zero()};
    return call(b, "masked_fill", args, 3);
}

void syi_gradient_masked_fill(syi_backward *b)
{
    if (b->needs[0]) {
        b->results[0] = unmasked(b);
    }
    if (b->needs[2]) {
        sy_tensor *g = choose(b, sy_ne_int(b->scope, b->args[1].as.tensor, 0),
                              sy_value_tensor(b->grads[0]), zero());
        b->results[2] = sy_sum(b->scope, g);
    }
}

/* The mask may broadcast with self: what it chose spreads over both, and the caller adds up. */
void syi_gradient_masked_select(syi_backward *b)
{
    sy_tensor *places = syi_gradient_zeros(b, shape_of(b, 0));
    const sy_value args[] = {sy_value_tensor(places), b->args[1], sy_value_tensor(b->grads[0])};
    b->results[0] = call(b, "masked_scatter", args, 3);
}

void syi_gradient_masked_scatter(syi_backward *b)
{
    if (b->needs[0]) {
        b->results[0] = unmasked(b);
    }
    if (b->needs[2]) {
        /* The source gave its first elements, as many as places were true. */
        const syi_tape_shape *source = shape_of(b, 2);
        const int64_t line = (int64_t)numel(source);
        const syi_tape_shape flat = {.dtype = source->dtype, .ndim = 1, .sizes = {line}};
        sy_tensor *given = again(b, "masked_select", b->grads[0], 1, 2);
        sy_tensor *both[] = {given, syi_gradient_zeros(b, &flat)};
        sy_tensor *g = sy_narrow(b->scope, sy_cat(b->scope, both, 2, 0), 0, 0, line);
        b->results[2] = sy_reshape(b->scope, g, source->ndim, source->sizes);
    }
}

/* Turned round */

void syi_gradient_flip(syi_backward *b)
{
    b->results[0] = again(b, "flip", b->grads[0], 1, 2);
}

void syi_gradient_roll(syi_backward *b)
{
    sy_value back[SY_DIM_MAX];
    const size_t count =
        b->args[1].as.list.count < SY_DIM_MAX ? b->args[1].as.list.count : SY_DIM_MAX;
    for (size_t k = 0; k < count; k++) {
        const int64_t shift = b->args[1].as.list.items[k].as.integer;
        back[k] = sy_value_int((int64_t)(0 - (uint64_t)shift));
    }
    const sy_value args[] = {sy_value_tensor(b->grads[0]), sy_value_list(back, count), b->args[2]};
    b->results[0] = call(b, "roll", args, 3);
}

void syi_gradient_triangle(syi_backward *b)
{
    b->results[0] = again(b, b->op->name, b->grads[0], 1, 2);
}

void syi_gradient_diag_embed(syi_backward *b)
{
    b->results[0] = again(b, "diagonal", b->grads[0], 1, 4);
}

void syi_gradient_constant_pad_nd(syi_backward *b)
{
    sy_value back[2 * SY_DIM_MAX];
    const size_t count = b->args[1].as.list.count;
    for (size_t k = 0; k < count; k++) {
        back[k] = sy_value_int(-b->args[1].as.list.items[k].as.integer);
    }
    const sy_value args[] = {sy_value_tensor(b->grads[0]), sy_value_list(back, count)};
    b->results[0] = call(b, "constant_pad_nd", args, 2);
}
