/*
 * cpu.h - what the built-in framework's files share: the call, the list of kernels, temporaries.
 * Room frameworks/cpu only; from outside there is syi_cpu_framework_new (framework.h).
 * Test: cpu_test.c, and tests/vectors/ops for every kernel.
 */
#ifndef SYI_FRAMEWORKS_CPU_CPU_H
#define SYI_FRAMEWORKS_CPU_CPU_H

#include <pthread.h>

#include "frameworks/cpu/blas.h"
#include "frameworks/cpu/convert.h"
#include "frameworks/cpu/dtypes.h"
#include "frameworks/cpu/iterate.h"
#include "frameworks/cpu/kernels_math.h"
#include "frameworks/framework.h"

typedef struct syi_cpu {
    syi_framework base;
    syi_blas blas;
    uint8_t parameters[SYI_OP_COUNT]; /* of each row: the length of args[] */
    pthread_mutex_t lock;             /* guards the two below */
    uint64_t seed;
    uint64_t draws; /* RANDOM calls since the seed; each has a stream of its own */
} syi_cpu;

/* One running operation. outs[] have storage when a kernel is called. */
typedef struct syi_cpu_call {
    syi_cpu *cpu;
    const syi_op *op;
    const sy_value *args;
    syi_array *outs;
    int out_count;
    sy_dtype dtype; /* of the result by the table's rule; outs[0] may differ from it in place */
    bool inplace;
    bool secret; /* some argument is */
    syi_account *account;
    sy_error *err;
} syi_cpu_call;

typedef sy_status (*syi_cpu_kernel)(const syi_cpu_call *call);

/*
 * How a kernel may be run in place:
 *  APART    it writes outs[0] while it still reads arguments elsewhere, and only in the rule's dtype
 *  ALIGNED  an argument may be the very same view as outs[0], and outs[0] of any dtype
 *  ITSELF   it is told that it runs in place and sees to overlap
 * cpu.c gives APART and ALIGNED kernels a temporary where they need one.
 */
typedef enum syi_cpu_mode { SYI_CPU_APART, SYI_CPU_ALIGNED, SYI_CPU_ITSELF } syi_cpu_mode;

/* Elements elsewhere: indices, masks, moving, creation. */
#define SYI_CPU_MOVING_KERNELS(X)                  \
    X(empty, zeros, APART)                         \
    X(eye, eye, APART)                             \
    X(linspace, linspace, APART)                   \
    X(empty_like, zeros, APART)                    \
    X(full_like, full, APART)                      \
    X(rand_like, rand, APART)                      \
    X(randn_like, randn, APART)                    \
    X(randint_like, randint, APART)                \
    X(new_empty, zeros, APART)                     \
    X(new_zeros, zeros, APART)                     \
    X(new_ones, ones, APART)                       \
    X(new_full, full, APART)                       \
    X(reshape_as, copy, APART)                     \
    X(index_copy, index_add, ITSELF)               \
    X(index_fill, index_fill, ITSELF)              \
    X(_ravel_index, ravel_index, APART)            \
    X(_index, index_dims, APART)                   \
    X(_index_put, index_put_dims, ITSELF)          \
    X(gather, gather, APART)                       \
    X(scatter, scatter, ITSELF)                    \
    X(scatter_add, scatter, ITSELF)                \
    X(take, take, APART)                           \
    X(put, put, ITSELF)                            \
    X(masked_fill, masked_fill, ALIGNED)           \
    X(masked_select, masked_select, APART)         \
    X(masked_scatter, masked_scatter, APART)       \
    X(nonzero, nonzero, APART)                     \
    X(one_hot, one_hot, APART)                     \
    X(bincount, bincount, APART)                   \
    X(unique, unique, APART)                       \
    X(unique_consecutive, unique, APART)           \
    X(flip, flip, APART)                           \
    X(roll, roll, APART)                           \
    X(tril, triangle, ITSELF)                      \
    X(triu, triangle, ITSELF)                      \
    X(diag_embed, diag_embed, APART)               \
    X(constant_pad_nd, constant_pad_nd, APART)     \
    X(diagonal_backward, diagonal_backward, APART) \
    X(unfold_backward, unfold_backward, APART)

/* X(operation, kernel, mode): one entry per row of ops.def that is neither VIEW nor COMPOSITE. */
#define SYI_CPU_KERNELS(X)                                                     \
    SYI_CPU_MATH_KERNELS(X)                                                    \
    X(zeros, zeros, APART)                                                     \
    X(ones, ones, APART)                                                       \
    X(full, full, APART)                                                       \
    X(arange, arange, APART)                                                   \
    X(rand, rand, APART)                                                       \
    X(randn, randn, APART)                                                     \
    X(randint, randint, APART)                                                 \
    X(randperm, randperm, APART)                                               \
    X(zeros_like, zeros, APART)                                                \
    X(ones_like, ones, APART)                                                  \
    X(add, add, ALIGNED)                                                       \
    X(sub, sub, ALIGNED)                                                       \
    X(rsub, rsub, ALIGNED)                                                     \
    X(mul, mul, ALIGNED)                                                       \
    X(div, div, ALIGNED)                                                       \
    X(pow, pow, ALIGNED)                                                       \
    X(maximum, maximum, ALIGNED)                                               \
    X(minimum, minimum, ALIGNED)                                               \
    X(eq, compare, ALIGNED)                                                    \
    X(ne, compare, ALIGNED)                                                    \
    X(lt, compare, ALIGNED)                                                    \
    X(le, compare, ALIGNED)                                                    \
    X(gt, compare, ALIGNED)                                                    \
    X(ge, compare, ALIGNED)                                                    \
    X(div_trunc, div_trunc, ALIGNED)                                           \
    X(where, where, ALIGNED)                                                   \
    X(neg, unary, ALIGNED)                                                     \
    X(abs, unary, ALIGNED)                                                     \
    X(sign, unary, ALIGNED)                                                    \
    X(exp, unary, ALIGNED)                                                     \
    X(log, unary, ALIGNED)                                                     \
    X(sqrt, unary, ALIGNED)                                                    \
    X(reciprocal, unary, ALIGNED)                                              \
    X(sigmoid, unary, ALIGNED)                                                 \
    X(tanh, unary, ALIGNED)                                                    \
    X(relu, unary, ALIGNED)                                                    \
    X(clone, copy, APART)                                                      \
    X(to, copy, APART)                                                         \
    X(copy_, assign, ITSELF)                                                   \
    X(fill_, fill, ITSELF)                                                     \
    X(zero_, zeros, ITSELF)                                                    \
    X(_momentum_, momentum, ALIGNED)                                           \
    X(_nesterov_, nesterov, ALIGNED)                                           \
    X(_adam_square_, adam_square, ALIGNED)                                     \
    X(_adam_apply_, adam_apply, ALIGNED)                                       \
    X(sgd_, sgd, ITSELF)                                                       \
    X(sum, sum, APART)                                                         \
    X(mean, mean, APART)                                                       \
    X(max, extremum, APART)                                                    \
    X(min, extremum, APART)                                                    \
    X(argmax, extremum, APART)                                                 \
    X(argmin, extremum, APART)                                                 \
    X(sum_to_size, sum_to_size, APART)                                         \
    X(matmul, matmul, APART)                                                   \
    X(mm, matmul, APART)                                                       \
    X(addmm, addmm, APART)                                                     \
    X(reshape, copy, APART)                                                    \
    X(flatten, copy, APART)                                                    \
    X(index_select, index_select, APART)                                       \
    X(index_add, index_add, ITSELF)                                            \
    X(cat, cat, APART)                                                         \
    X(stack, stack, APART)                                                     \
    X(softmax, softmax, APART)                                                 \
    X(log_softmax, softmax, APART)                                             \
    X(nll_loss, nll_loss, APART)                                               \
    X(mse_loss, element_loss, APART)                                           \
    X(l1_loss, element_loss, APART)                                            \
    X(smooth_l1_loss, element_loss, APART)                                     \
    X(binary_cross_entropy, element_loss, APART)                               \
    X(binary_cross_entropy_with_logits, element_loss, APART)                   \
    X(conv1d, convolution, APART)                                              \
    X(conv2d, convolution, APART)                                              \
    X(convolution, convolution, APART)                                         \
    X(max_pool2d, max_pool2d, APART)                                           \
    X(max_pool2d_with_indices, max_pool2d, APART)                              \
    X(avg_pool2d, avg_pool2d, APART)                                           \
    X(adaptive_avg_pool2d, adaptive_avg_pool2d, APART)                         \
    X(_native_batch_norm_legit_functional, batch_norm, APART)                  \
    X(native_layer_norm, layer_norm, APART)                                    \
    X(embedding, embedding, APART)                                             \
    X(native_dropout, native_dropout, APART)                                   \
    X(threshold_backward, threshold_backward, ALIGNED)                         \
    X(sigmoid_backward, sigmoid_backward, ALIGNED)                             \
    X(tanh_backward, tanh_backward, ALIGNED)                                   \
    X(_softmax_backward_data, softmax_backward, APART)                         \
    X(_log_softmax_backward_data, softmax_backward, APART)                     \
    X(nll_loss_backward, nll_loss_backward, APART)                             \
    X(select_backward, select_backward, APART)                                 \
    X(slice_backward, slice_backward, APART)                                   \
    X(mse_loss_backward, element_loss_backward, APART)                         \
    X(l1_loss_backward, element_loss_backward, APART)                          \
    X(smooth_l1_loss_backward, element_loss_backward, APART)                   \
    X(binary_cross_entropy_backward, element_loss_backward, APART)             \
    X(binary_cross_entropy_with_logits_backward, element_loss_backward, APART) \
    X(convolution_backward, convolution_backward, APART)                       \
    X(max_pool2d_with_indices_backward, max_pool2d_backward, APART)            \
    X(avg_pool2d_backward, avg_pool2d_backward, APART)                         \
    X(_adaptive_avg_pool2d_backward, adaptive_avg_pool2d_backward, APART)      \
    X(native_batch_norm_backward, batch_norm_backward, APART)                  \
    X(native_layer_norm_backward, layer_norm_backward, APART)                  \
    X(embedding_dense_backward, embedding_backward, APART)                     \
    X(native_dropout_backward, dropout_backward, APART)                        \
    SYI_CPU_MOVING_KERNELS(X)

/* The kernels themselves, each in the file of its subject (a name may come several times). */
#define SYI_CPU_DECLARE(operation, kernel, mode) \
    sy_status syi_cpu_##kernel(const syi_cpu_call *call);
SYI_CPU_KERNELS(SYI_CPU_DECLARE)
#undef SYI_CPU_DECLARE

static inline const syi_array *syi_cpu_array(const sy_value *value)
{
    return (int)value->kind == SYI_VALUE_ARRAY ? value->as.internal : NULL;
}

static inline sy_value syi_cpu_value(const syi_array *array)
{
    sy_value value = {.kind = (sy_value_kind)SYI_VALUE_ARRAY};
    value.as.internal = (void *)(uintptr_t)array;
    return value;
}

/* A value as an operand of a pointwise loop in `dtype`; `room` keeps a number and must live on. */
syi_operand syi_cpu_operand(const sy_value *value, sy_dtype dtype, syi_element *room);

/* Contiguous working memory that is wiped when the operation's arguments are secret. */
sy_status syi_cpu_temporary(const syi_cpu_call *call, syi_array *array, sy_dtype dtype, int ndim,
                            const int64_t *shape);
/* `from` in `dtype` (and, when asked for, contiguous): a view where it is so already. */
sy_status syi_cpu_convert(const syi_cpu_call *call, syi_array *array, const syi_array *from,
                          sy_dtype dtype, bool contiguous);
/* Storage for an out whose shape the rule could not tell (ops.h, unknown): charged to the call's account before
 * it exists. Its dtype is set already. */
sy_status syi_cpu_allocate(const syi_cpu_call *call, int which, int ndim, const int64_t *shape);
/* In place: `from` as it is now, should it overlap the destination. */
sy_status syi_cpu_separate(const syi_cpu_call *call, syi_array *copy, const syi_array *from);
/* Every element becomes the one at `element`, of the array's dtype. */
void syi_cpu_fill_array(const syi_array *array, const syi_element *element);
/* A number as an element of `dtype`; SY_ERANGE when it does not fit. */
sy_status syi_cpu_element(const syi_cpu_call *call, syi_element *element, const sy_value *value,
                          sy_dtype dtype);
/* Sets every byte to 0. */
void syi_cpu_clear(const syi_array *array);
/* "<dtype> is not supported", SY_EDTYPE. Sentences of kernels do not name the operation: cpu.c does. */
sy_status syi_cpu_refuse_dtype(const syi_cpu_call *call, sy_dtype dtype);

#endif
