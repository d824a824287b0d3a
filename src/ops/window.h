/*
 * window.h - the geometry of convolution and pooling: what the arguments of a row say about windows that
 * slide over one or two spatial dims, and how many places they have. Read by the shape rules and by kernels.
 * Sizes: PyTorch 1.13, torch.nn.Conv2d, torch.nn.MaxPool2d. Test: infer_windows_test.c.
 */
#ifndef SYI_OPS_WINDOW_H
#define SYI_OPS_WINDOW_H

#include "ops/infer.h"

/* [0] rows, [1] columns. With one spatial dim the rows are trivial: size 1, a window of 1. */
typedef struct syi_window {
    int64_t in[2];
    int64_t kernel[2];
    int64_t stride[2];
    int64_t padding[2];
    int64_t dilation[2];
    int64_t out[2]; /* places of the window */
} syi_window;

/* A convolution as its row's arguments describe it. Arrays are borrowed; bias may be NULL. */
typedef struct syi_convolution {
    const syi_array *input;  /* [batch, in_channels, spatial dims], or without batch */
    const syi_array *weight; /* [out_channels, in_channels / groups, window] */
    const syi_array *bias;   /* [out_channels] */
    int spatial;             /* dims: 1 or 2 */
    bool batched;
    int64_t batch, in_channels, out_channels, groups;
    syi_window window;
} syi_convolution;

/* From bound arguments of conv1d, conv2d, convolution and convolution_backward, whose arrays may be without
 * storage. Everything is checked: shapes, dtypes, ranges. SY_ESHAPE, SY_EDTYPE, SY_ERANGE, SY_ENOTSUP for
 * transposed ones. */
sy_status syi_convolution_read(syi_convolution *c, const syi_op *op, const sy_value *args,
                               sy_error *err);
/* The shape of the result. */
int syi_convolution_shape(const syi_convolution *c, int64_t shape[SY_DIM_MAX]);

/* A pooling over the last two dims of an array of 3 or 4 dims. */
typedef struct syi_pooling {
    const syi_array *input;
    int64_t planes; /* product of the dims before the last two */
    bool ceil_mode, count_include_pad;
    int64_t divisor; /* 0: the count of the window */
    syi_window window;
} syi_pooling;

/* From bound arguments of max_pool2d, avg_pool2d and their backward halves. */
sy_status syi_pooling_read(syi_pooling *p, const syi_op *op, const sy_value *args, sy_error *err);
/* Adaptive pooling: only in, out and planes are filled. */
sy_status syi_pooling_read_adaptive(syi_pooling *p, const syi_array *input,
                                    const sy_value *output_size, sy_error *err);
int syi_pooling_shape(const syi_pooling *p, int64_t shape[SY_DIM_MAX]);

#endif
