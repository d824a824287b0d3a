/*
 * gradients_made.c - the tensors that a gradient makes, zeros and positions: here for a chain that ends here, and at
 * the worker (at every one of several) for a chain that ends elsewhere, under the same interpreters as the incoming
 * gradient.
 */
#include "hook/gradients.h"

#include "hook/tensor.h"

/* An incoming gradient whose chain ends elsewhere; NULL: they are here. */
static sy_tensor *incoming_elsewhere(const syi_backward *b)
{
    for (int k = 0; k < b->output_count; k++) {
        if (b->grads[k] != NULL) {
            return syi_node_is_remote(b->grads[k]->node) ? b->grads[k] : NULL;
        }
    }
    return NULL;
}

sy_tensor *syi_gradient_zeros(syi_backward *b, const syi_tape_shape *shape)
{
    sy_tensor *like = incoming_elsewhere(b);
    sizes_list list;
    if (like == NULL) {
        return sy_zeros(b->scope, shape->dtype, shape->ndim, shape->sizes);
    }
    const sy_value args[] = {sy_value_tensor(like), sizes(&list, shape),
                             sy_value_dtype(shape->dtype)};
    return call(b, "new_zeros", args, 3);
}

sy_tensor *syi_gradient_places(syi_backward *b, int64_t count)
{
    sy_tensor *like = incoming_elsewhere(b);
    if (like == NULL) {
        return sy_arange(b->scope, SY_DTYPE_I64, 0, (double)count, 1);
    }
    const sy_value size = sy_value_int(count);
    const sy_value args[] = {sy_value_tensor(like), sy_value_list(&size, 1),
                             sy_value_dtype(SY_DTYPE_I64)};
    sy_tensor *ones = call(b, "new_ones", args, 3);
    return sy_sub_int(b->scope, sy_cumsum(b->scope, ones, 0), 1);
}
