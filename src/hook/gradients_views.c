/* gradients_views.c - gradients of views, indices and joining. */
#include "hook/gradients.h"

/* Views */

void syi_gradient_reshape(syi_backward *b)
{
    const syi_tape_shape *in = shape_of(b, 0);
    b->results[0] = sy_reshape(b->scope, b->grads[0], in->ndim, in->sizes);
}

void syi_gradient_t(syi_backward *b)
{
    b->results[0] = sy_t(b->scope, b->grads[0]);
}

void syi_gradient_transpose(syi_backward *b)
{
    const sy_value args[] = {sy_value_tensor(b->grads[0]), b->args[1], b->args[2]};
    b->results[0] = call(b, "transpose", args, 3);
}

void syi_gradient_permute(syi_backward *b)
{
    const int ndim = shape_of(b, 0)->ndim;
    int64_t back[SY_DIM_MAX] = {0};
    for (int d = 0; d < ndim; d++) {
        back[wrap(b->args[1].as.list.items[d].as.integer, ndim)] = d;
    }
    b->results[0] = sy_permute(b->scope, b->grads[0], ndim, back);
}

void syi_gradient_select(syi_backward *b)
{
    sizes_list list;
    const sy_value args[] = {sy_value_tensor(b->grads[0]), sizes(&list, shape_of(b, 0)), b->args[1],
                             b->args[2]};
    b->results[0] = call(b, "select_backward", args, 4);
}

void syi_gradient_slice(syi_backward *b)
{
    sizes_list list;
    const sy_value args[] = {sy_value_tensor(b->grads[0]),
                             sizes(&list, shape_of(b, 0)),
                             b->args[1],
                             b->args[2],
                             b->args[3],
                             b->args[4]};
    b->results[0] = call(b, "slice_backward", args, 6);
}

void syi_gradient_narrow(syi_backward *b)
{
    const syi_tape_shape *in = shape_of(b, 0);
    const int64_t size = in->sizes[wrap(b->args[1].as.integer, in->ndim)];
    int64_t start = b->args[2].as.integer;
    start = start < 0 ? start + size : start;
    start = start < 0 ? 0 : start; /* -1 into an empty dim */
    sizes_list list;
    const sy_value args[] = {sy_value_tensor(b->grads[0]), sizes(&list, in), b->args[1],
                             sy_value_int(start), sy_value_int(start + b->args[3].as.integer)};
    b->results[0] = call(b, "slice_backward", args, 5);
}

/* The gradients of all outputs, zeros where none arrived. */
static void all_grads(syi_backward *b, sy_tensor **grads)
{
    for (int k = 0; k < b->output_count; k++) {
        grads[k] = b->grads[k] != NULL ? b->grads[k] : syi_gradient_zeros(b, &b->outputs[k].shape);
    }
}

void syi_gradient_pieces(syi_backward *b)
{
    sy_tensor *grads[SYI_OUTPUT_MAX];
    all_grads(b, grads);
    b->results[0] = sy_cat(b->scope, grads, (size_t)b->output_count, (int)b->args[2].as.integer);
}

/* Cut at given places pieces may overlap: each goes back to where it was sliced out, and they are added up. */
void syi_gradient_tensor_split(syi_backward *b)
{
    if (b->args[1].kind != SY_VALUE_LIST) {
        syi_gradient_pieces(b);
        return;
    }
    const sy_value *cuts = b->args[1].as.list.items;
    sizes_list list;
    const sy_value in = sizes(&list, shape_of(b, 0));
    sy_tensor *sum = NULL;
    for (int k = 0; k < b->output_count; k++) {
        if (b->grads[k] == NULL) {
            continue;
        }
        const sy_value args[] = {sy_value_tensor(b->grads[k]), in, b->args[2],
                                 k > 0 ? cuts[k - 1] : sy_value_int(0),
                                 k + 1 < b->output_count ? cuts[k] : sy_value_none()};
        sy_tensor *part = call(b, "slice_backward", args, 5);
        sum = sum == NULL ? part : sy_add(b->scope, sum, part);
    }
    b->results[0] = sum;
}

void syi_gradient_unbind(syi_backward *b)
{
    sy_tensor *grads[SYI_OUTPUT_MAX];
    all_grads(b, grads);
    const int dim = wrap(b->args[1].as.integer, shape_of(b, 0)->ndim);
    b->results[0] = sy_stack(b->scope, grads, (size_t)b->output_count, dim);
}

/* Adds up where an index came more than once. */
void syi_gradient_index_select(syi_backward *b)
{
    const syi_tape_shape *in = shape_of(b, 0);
    sy_tensor *g = b->grads[0];
    if (in->ndim == 0) {
        b->results[0] = sy_sum(b->scope, g);
        return;
    }
    const sy_value args[] = {sy_value_tensor(syi_gradient_zeros(b, in)), b->args[1], b->args[2],
                             sy_value_tensor(g)};
    b->results[0] = call(b, "index_add_", args, 4);
}

void syi_gradient_index_add(syi_backward *b)
{
    b->results[0] = b->grads[0];
    if (b->needs[3]) {
        const syi_tape_shape *source = shape_of(b, 3);
        const sy_value args[] = {sy_value_tensor(b->grads[0]), b->args[1], b->args[2]};
        sy_tensor *g = call(b, "index_select", args, 3);
        b->results[3] = sy_reshape(b->scope, g, source->ndim, source->sizes);
    }
}

/* Joining */

void syi_gradient_cat(syi_backward *b)
{
    const int ndim = b->outputs[0].shape.ndim;
    const int dim = wrap(b->args[1].as.integer, ndim);
    int64_t start = 0;
    for (int k = 0; k < b->input_counts[0]; k++) {
        const syi_tape_shape *part = &b->inputs[0][k].shape;
        if (part->ndim != ndim) {
            continue; /* an empty 1-d tensor, which cat passes over */
        }
        b->list_results[k] = sy_narrow(b->scope, b->grads[0], dim, start, part->sizes[dim]);
        start += part->sizes[dim];
    }
}

void syi_gradient_stack(syi_backward *b)
{
    const int dim = wrap(b->args[1].as.integer, b->outputs[0].shape.ndim);
    for (int k = 0; k < b->input_counts[0]; k++) {
        b->list_results[k] = sy_select(b->scope, b->grads[0], dim, k);
    }
}
