/* gradients_reductions.c - gradients of reductions. */
#include "hook/gradients.h"

/* Reductions */

/* Gives a reduced tensor its dims back with size 1, so that it broadcasts against the argument.
 * `dims`: none or an empty list for all, an int, or a list. */
static sy_tensor *with_dims(syi_backward *b, sy_tensor *x, const sy_value *dims, bool keepdim)
{
    const syi_tape_shape *in = shape_of(b, 0);
    const sy_value *items = dims->kind == SY_VALUE_LIST ? dims->as.list.items : dims;
    const size_t count = dims->kind == SY_VALUE_LIST  ? dims->as.list.count
                         : dims->kind == SY_VALUE_INT ? 1
                                                      : 0;
    if (count == 0 || keepdim || in->ndim == 0) {
        return x;
    }
    int64_t shape[SY_DIM_MAX];
    memcpy(shape, in->sizes, sizeof shape);
    for (size_t k = 0; k < count; k++) {
        shape[wrap(items[k].as.integer, in->ndim)] = 1;
    }
    return sy_reshape(b->scope, x, in->ndim, shape);
}

void syi_gradient_sum(syi_backward *b)
{
    const syi_tape_shape *in = shape_of(b, 0);
    sy_tensor *g = with_dims(b, b->grads[0], &b->args[1], b->args[2].as.boolean);
    b->results[0] = sy_expand(b->scope, g, in->ndim, in->sizes);
}

/* Elements of the argument per element of the result. */
static double reduced_count(const syi_tape_shape *in, const syi_tape_shape *out)
{
    double count = 1;
    for (int d = 0; d < in->ndim; d++) {
        count *= (double)in->sizes[d];
    }
    for (int d = 0; d < out->ndim; d++) {
        count /= (double)out->sizes[d];
    }
    return count;
}

void syi_gradient_mean(syi_backward *b)
{
    const syi_tape_shape *in = shape_of(b, 0);
    const double count = reduced_count(in, &b->outputs[0].shape);
    sy_tensor *g = with_dims(b, b->grads[0], &b->args[1], b->args[2].as.boolean);
    b->results[0] = sy_expand(b->scope, sy_div_scalar(b->scope, g, count), in->ndim, in->sizes);
}

/* Over everything: shared evenly by all that are equal to the extremum. */
void syi_gradient_extremum_of_everything(syi_backward *b)
{
    sy_scope *s = b->scope;
    sy_tensor *chosen = sy_eq(s, b->args[0].as.tensor, b->outputs[0].saved.tensor);
    sy_tensor *share = sy_div(s, b->grads[0], sy_sum(s, chosen));
    b->results[0] = sy_mul(s, chosen, share);
}

/* Along a dim: to the element whose index was chosen. */
void syi_gradient_extremum(syi_backward *b)
{
    const syi_tape_shape *in = shape_of(b, 0);
    sy_tensor *g = b->grads[0];
    if (g == NULL || in->ndim == 0) {
        b->results[0] = g;
        return;
    }
    const bool keepdim = b->args[2].as.boolean;
    const int dim = wrap(b->args[1].as.integer, in->ndim);
    sy_scope *s = b->scope;
    sy_tensor *index = with_dims(b, b->outputs[1].saved.tensor, &b->args[1], keepdim);
    int64_t column[SY_DIM_MAX] = {in->sizes[dim], 1, 1, 1, 1, 1, 1, 1};
    sy_tensor *places = syi_gradient_places(b, in->sizes[dim]);
    places = sy_view(s, places, in->ndim - dim, column);
    g = with_dims(b, g, &b->args[1], keepdim);
    b->results[0] = choose(b, sy_eq(s, places, index), sy_value_tensor(g), zero());
}

void syi_gradient_to_argument_shape(syi_backward *b)
{
    const syi_tape_shape *in = shape_of(b, 0);
    b->results[0] = sy_expand(b->scope, b->grads[0], in->ndim, in->sizes);
}
