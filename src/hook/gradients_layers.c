/* gradients_layers.c - gradients of convolution, pooling, normalization, embedding and dropout: mostly the backward
 * halves that ATen has. */
#include "hook/gradients.h"

#include "core/error.h"

/* The part of a backward half's results that is asked for. */
static void call_parts(syi_backward *b, const char *name, const sy_value *args, size_t count,
                       const int parameters[3])
{
    sy_tensor *parts[3] = {NULL, NULL, NULL};
    (void)sy_scope_call_many(b->scope, name, args, count, parts, 3);
    for (int k = 0; k < 3; k++) {
        if (b->needs[parameters[k]]) {
            b->results[parameters[k]] = parts[k];
        }
    }
}

/* output_mask, on the caller's stack */
static sy_value mask(const syi_backward *b, const int parameters[3], sy_value items[3])
{
    for (int k = 0; k < 3; k++) {
        items[k] = sy_value_int(b->needs[parameters[k]] ? 1 : 0);
    }
    return sy_value_list(items, 3);
}

/* Results beside the first are statistics; nobody asks for their gradients in training. */
static bool only_first(syi_backward *b)
{
    for (int k = 1; k < b->output_count; k++) {
        if (b->grads[k] != NULL) {
            sy_error error = SY_ERROR_INIT;
            syi_fail(&error, SY_ENOTSUP, "%s: the gradient of result %d is not written; detach it",
                     b->op->name, k);
            sy_scope_fail(b->scope, &error);
            return false;
        }
    }
    return b->grads[0] != NULL;
}

void syi_gradient_convolution(syi_backward *b)
{
    static const int parameters[3] = {0, 1, 2};
    const bool aten = b->op->id == SYI_OP_convolution;
    sy_value wanted[3];
    const sy_value zero_padding = sy_value_int(0);
    const sy_value args[] = {
        sy_value_tensor(b->grads[0]),
        b->args[0],
        b->args[1],
        sy_value_none(),
        b->args[3],
        b->args[4],
        b->args[5],
        sy_value_bool(false),
        aten ? b->args[7] : sy_value_list(&zero_padding, 1),
        aten ? b->args[8] : b->args[6],
        mask(b, parameters, wanted),
    };
    call_parts(b, "convolution_backward", args, sizeof args / sizeof args[0], parameters);
}

static sy_tensor *spread_maxima(syi_backward *b, sy_tensor *places)
{
    const sy_value args[] = {
        sy_value_tensor(b->grads[0]),
        b->args[0],
        b->args[1],
        b->args[2],
        b->args[3],
        b->args[4],
        b->args[5],
        sy_value_tensor(places),
    };
    return call(b, "max_pool2d_with_indices_backward", args, sizeof args / sizeof args[0]);
}

/* The places of the maxima are looked for again; max_pool2d_with_indices keeps them. */
void syi_gradient_max_pool2d(syi_backward *b)
{
    sy_tensor *pair[2] = {NULL, NULL};
    (void)sy_scope_call_many(b->scope, "max_pool2d_with_indices", b->args, 6, pair, 2);
    b->results[0] = spread_maxima(b, pair[1]);
}

void syi_gradient_max_pool2d_with_indices(syi_backward *b)
{
    b->results[0] = spread_maxima(b, b->outputs[1].saved.tensor);
}

void syi_gradient_avg_pool2d(syi_backward *b)
{
    sy_value args[8];
    args[0] = sy_value_tensor(b->grads[0]);
    memcpy(&args[1], b->args, 7 * sizeof *args);
    b->results[0] = call(b, "avg_pool2d_backward", args, 8);
}

void syi_gradient_adaptive_avg_pool2d(syi_backward *b)
{
    b->results[0] = call_pair(b, "_adaptive_avg_pool2d_backward", b->grads[0], b->args[0]);
}

static sy_value saved(const syi_backward *b, int output)
{
    sy_tensor *tensor = b->outputs[output].saved.tensor;
    return tensor != NULL ? sy_value_tensor(tensor) : sy_value_none();
}

void syi_gradient_batch_norm(syi_backward *b)
{
    static const int parameters[3] = {0, 1, 2};
    sy_value wanted[3];
    if (!only_first(b)) {
        return;
    }
    const sy_value args[] = {
        sy_value_tensor(b->grads[0]),
        b->args[0],
        b->args[1],
        b->args[3],
        b->args[4],
        saved(b, 1),
        saved(b, 2),
        b->args[5],
        b->args[7],
        mask(b, parameters, wanted),
    };
    call_parts(b, "native_batch_norm_backward", args, sizeof args / sizeof args[0], parameters);
}

void syi_gradient_layer_norm(syi_backward *b)
{
    static const int parameters[3] = {0, 2, 3};
    sy_value wanted[3];
    if (!only_first(b)) {
        return;
    }
    const sy_value args[] = {
        sy_value_tensor(b->grads[0]),
        b->args[0],
        b->args[1],
        saved(b, 1),
        saved(b, 2),
        b->args[2],
        sy_value_none(),
        mask(b, parameters, wanted),
    };
    call_parts(b, "native_layer_norm_backward", args, sizeof args / sizeof args[0], parameters);
}

void syi_gradient_embedding(syi_backward *b)
{
    const sy_value args[] = {
        sy_value_tensor(b->grads[0]),
        b->args[1],
        sy_value_int(shape_of(b, 0)->sizes[0]),
        b->args[2],
        b->args[3],
    };
    b->results[0] = call(b, "embedding_dense_backward", args, sizeof args / sizeof args[0]);
}

void syi_gradient_dropout(syi_backward *b)
{
    const double p = number(&b->args[1]);
    const bool train = b->args[2].as.boolean;
    const double factor = !train ? 1 : p < 1 ? 1 / (1 - p) : 0;
    const sy_value args[] = {sy_value_tensor(b->grads[0]), saved(b, 1), sy_value_float(factor)};
    b->results[0] = call(b, "native_dropout_backward", args, 3);
}
