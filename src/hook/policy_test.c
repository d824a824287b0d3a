/*
 * policy_test.c - what private status and the count of rows become: one line per program. Attempts to
 * pick single rows out of private data must end MIXED, or with no more rows than there are.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include <csyft/operations.h>

#include "hook/dispatch.h"
#include "support/failing_allocator.h"
#include "support/property.h"

enum { ROWS = 6, COLUMNS = 3 };

/* The tensors of the programs below. */
typedef struct world {
    failing_allocator memory;
    sy_context *context;
    sy_hook *hook;
    sy_scope *s;
    sy_tensor *x;      /* 6x3, private data of 6 rows */
    sy_tensor *v;      /* 6, private data of 6 rows */
    sy_tensor *one;    /* 1x3, private data of 1 row */
    sy_tensor *a;      /* 3, private aggregate over 40 rows */
    sy_tensor *b;      /* 3, private aggregate over 9 rows */
    sy_tensor *labels; /* 6, int64 classes, private data of 6 rows */
    sy_tensor *p;      /* 6x3, public */
    sy_tensor *w;      /* 3x4, public */
    sy_tensor *wt;     /* 4x3, public */
    sy_tensor *mask;   /* 6x1, public, 1 for one row only */
    sy_tensor *flat;   /* 6, public, 1 for one row only */
    sy_tensor *pick;   /* 1x6, public, 1 for one row only */
    sy_tensor *across; /* 3, public */
    sy_tensor *scalar; /* scalar, public */
} world;

static void set_policy(sy_tensor *tensor, syi_spread spread, int64_t rows)
{
    syi_policy_set_private(&tensor->policy, "patients", rows);
    tensor->policy.spread = (uint8_t)spread;
}

static int setup(void **state)
{
    world *e = calloc(1, sizeof *e);
    sy_hook_options options = SY_HOOK_OPTIONS_INIT;
    options.verbose = false;
    e->context = failing_allocator_context(&e->memory);
    *state = e;
    if (e->context == NULL || syi_hook_new(e->context, &e->hook, &options, NULL) != SY_OK) {
        return -1;
    }
    sy_scope *s = e->s = sy_scope_begin(e->hook);
    const int64_t rows[] = {ROWS, COLUMNS}, column[] = {ROWS, 1}, row[] = {1, ROWS};
    const int64_t in[] = {COLUMNS, 4}, out[] = {4, COLUMNS}, single[] = {1, COLUMNS};
    e->x = sy_randn(s, SY_DTYPE_F32, 2, rows);
    e->v = sy_randn(s, SY_DTYPE_F32, 1, rows);
    e->one = sy_randn(s, SY_DTYPE_F32, 2, single);
    e->a = sy_randn(s, SY_DTYPE_F32, 1, out + 1);
    e->b = sy_randn(s, SY_DTYPE_F32, 1, out + 1);
    e->labels = sy_randint(s, 0, COLUMNS, 1, rows);
    e->p = sy_randn(s, SY_DTYPE_F32, 2, rows);
    e->w = sy_randn(s, SY_DTYPE_F32, 2, in);
    e->wt = sy_randn(s, SY_DTYPE_F32, 2, out);
    e->mask = sy_zeros(s, SY_DTYPE_F32, 2, column);
    e->flat = sy_zeros(s, SY_DTYPE_F32, 1, rows);
    e->pick = sy_zeros(s, SY_DTYPE_F32, 2, row);
    e->across = sy_ones(s, SY_DTYPE_F32, 1, out + 1);
    e->scalar = sy_ones(s, SY_DTYPE_F32, 0, NULL);
    sy_fill_(s, sy_select(s, e->mask, 0, 2), 1);
    sy_fill_(s, sy_select(s, e->flat, 0, 2), 1);
    sy_fill_(s, sy_select(s, e->pick, 1, 2), 1);
    set_policy(e->x, SYI_SPREAD_DATA, ROWS);
    set_policy(e->v, SYI_SPREAD_DATA, ROWS);
    set_policy(e->labels, SYI_SPREAD_DATA, ROWS);
    set_policy(e->one, SYI_SPREAD_DATA, 1);
    set_policy(e->a, SYI_SPREAD_AGGREGATE, 40);
    set_policy(e->b, SYI_SPREAD_AGGREGATE, 9);
    return sy_scope_get_status(s) == SY_OK ? 0 : -1;
}

static int teardown(void **state)
{
    world *e = *state;
    sy_status status = sy_scope_end(e->s, NULL);
    syi_hook_free(e->hook);
    sy_context_free(e->context);
    const bool broken = status != SY_OK || e->memory.live != 0 || e->memory.broken;
    free(e);
    return broken;
}

/* Words for the programs */

static sy_tensor *positions(world *e, int count, const int64_t *index)
{
    sy_tensor *tensor = NULL;
    const int64_t size = count;
    assert_int_equal(sy_tensor_new(e->hook, &tensor, SY_DTYPE_I64, 1, &size, index, NULL), SY_OK);
    return sy_scope_adopt(e->s, tensor);
}

static sy_tensor *taken(world *e, sy_tensor *from, int count, const int64_t *index)
{
    return sy_index_select(e->s, from, 0, positions(e, count, index));
}

static sy_tensor *joined(world *e, sy_tensor *first, sy_tensor *second)
{
    sy_tensor *both[] = {first, second};
    return sy_cat(e->s, both, 2, 0);
}

static sy_tensor *loss_by(world *e, const char *name, sy_tensor *self, sy_tensor *target,
                          const char *reduction)
{
    const sy_value args[] = {sy_value_tensor(self), sy_value_tensor(target),
                             sy_value_string(reduction)};
    return sy_scope_call(e->s, name, args, 3);
}

static sy_tensor *piece(world *e, const char *name, sy_tensor *self, int64_t size, int64_t dim)
{
    const sy_value args[] = {sy_value_tensor(self), sy_value_int(size), sy_value_int(dim)};
    return sy_scope_call(e->s, name, args, 3);
}

static sy_tensor *expanded(world *e, sy_tensor *self, int64_t rows)
{
    const int64_t shape[] = {rows, COLUMNS};
    return sy_expand(e->s, self, 2, shape);
}

static sy_tensor *reshaped(world *e, sy_tensor *self, int64_t rows, int64_t columns)
{
    const int64_t shape[] = {rows, columns};
    return sy_reshape(e->s, self, 2, shape);
}

static sy_tensor *viewed(world *e, sy_tensor *self, int ndim, const int64_t *shape)
{
    return sy_view(e->s, self, ndim, shape);
}

static sy_tensor *flattened(world *e, sy_tensor *self, int64_t first, int64_t last)
{
    const sy_value args[] = {sy_value_tensor(self), sy_value_int(first), sy_value_int(last)};
    return sy_scope_call(e->s, "flatten", args, 3);
}

/* x as images of 1x3x1. */
static sy_tensor *deep(world *e)
{
    return sy_unsqueeze(e->s, sy_unsqueeze(e->s, e->x, 1), -1);
}

/* Convolution, pooling, a linear layer: the rows of x as images of 1x1x3. */
static sy_tensor *network(world *e, sy_tensor *x)
{
    const int64_t images[] = {ROWS, 1, 1, COLUMNS}, filters[] = {2, 1, 1, 1};
    const int64_t weight[] = {COLUMNS, 2 * COLUMNS};
    sy_tensor *image = viewed(e, x, 4, images);
    const sy_value conv[] = {sy_value_tensor(image),
                             sy_value_tensor(sy_randn(e->s, SY_DTYPE_F32, 4, filters))};
    sy_tensor *maps = sy_relu(e->s, sy_scope_call(e->s, "conv2d", conv, 2));
    const sy_value pool[] = {sy_value_tensor(maps), sy_value_int(1)};
    sy_tensor *flat = flattened(e, sy_scope_call(e->s, "max_pool2d", pool, 2), 1, -1);
    return sy_linear(e->s, flat, sy_randn(e->s, SY_DTYPE_F32, 2, weight), NULL);
}

/* A result of a batch_norm that trains: 0 is the normalized input, 1 to 4 are statistics. NULL: it has no weight, or no running ones. */
static sy_tensor *normalized(world *e, int which, sy_tensor *x, sy_tensor *weight, sy_tensor *mean,
                             sy_tensor *variance)
{
    const sy_value args[] = {
        sy_value_tensor(x),
        weight != NULL ? sy_value_tensor(weight) : sy_value_none(),
        sy_value_none(),
        mean != NULL ? sy_value_tensor(mean) : sy_value_none(),
        variance != NULL ? sy_value_tensor(variance) : sy_value_none(),
        sy_value_bool(true),
    };
    sy_tensor *results[5];
    return sy_scope_call_many(e->s, "_native_batch_norm_legit_functional", args, 6, results, 5) == 5
               ? results[which]
               : NULL;
}

static sy_tensor *indexed(world *e, sy_tensor *self, sy_value item)
{
    return sy_index(e->s, self, &item, 1);
}

static sy_tensor *greater(world *e, sy_tensor *self, double than)
{
    return sy_gt_scalar(e->s, self, than);
}

static sy_tensor *fresh(world *e)
{
    const int64_t rows[] = {ROWS, COLUMNS};
    return sy_zeros(e->s, SY_DTYPE_F32, 2, rows);
}

/* As many matrices as there are rows. */
static sy_tensor *cubes(world *e)
{
    const int64_t shape[] = {ROWS, COLUMNS, 4};
    return sy_ones(e->s, SY_DTYPE_F32, 3, shape);
}

/* Said to have more rows than it has. */
static sy_tensor *overstated(world *e)
{
    sy_tensor *tensor = sy_clone(e->s, e->x);
    set_policy(tensor, SYI_SPREAD_DATA, 1000);
    return tensor;
}

static sy_tensor *copy_of(world *e, sy_tensor *self)
{
    return sy_clone(e->s, self);
}

/* PROGRAM(name, expression, spread, rows): `e` and `s` are in scope. */
#define PROGRAMS(PROGRAM)                                                                          \
    /* pointwise */                                                                                \
    PROGRAM(relu, sy_relu(s, e->x), DATA, 6)                                                       \
    PROGRAM(clone, sy_clone(s, e->x), DATA, 6)                                                     \
    PROGRAM(detach, sy_detach(s, e->x), DATA, 6)                                                   \
    PROGRAM(to, sy_to(s, e->x, SY_DTYPE_F64), DATA, 6)                                             \
    PROGRAM(by_number, sy_mul_scalar(s, e->x, 2), DATA, 6)                                         \
    PROGRAM(by_scalar, sy_mul(s, e->x, e->scalar), DATA, 6)                                        \
    PROGRAM(by_columns, sy_add(s, e->x, e->across), DATA, 6)                                       \
    PROGRAM(columns_by, sy_sub(s, e->across, e->x), DATA, 6)                                       \
    PROGRAM(with_itself, sy_mul(s, e->x, e->x), DATA, 6)                                           \
    PROGRAM(standardised, sy_div(s, sy_sub(s, e->x, e->across), e->across), DATA, 6)               \
    PROGRAM(compared, greater(e, e->x, 0), DATA, 6)                                                \
    PROGRAM(where_own, sy_where(s, greater(e, e->x, 0), e->x, e->scalar), DATA, 6)                 \
    PROGRAM(masked, sy_mul(s, e->x, e->mask), MIXED, 0)                                            \
    PROGRAM(masked_flat, sy_mul(s, e->v, e->flat), MIXED, 0)                                       \
    PROGRAM(masked_full, sy_mul(s, e->x, e->p), MIXED, 0)                                          \
    PROGRAM(mask_on_the_left, sy_mul(s, e->mask, e->x), MIXED, 0)                                  \
    PROGRAM(mask_added, sy_add(s, e->x, sy_mul_scalar(s, e->mask, 1e9)), MIXED, 0)                 \
    PROGRAM(mask_minimum, sy_minimum(s, e->x, e->mask), MIXED, 0)                                  \
    PROGRAM(mask_power, sy_pow(s, e->x, e->mask), MIXED, 0)                                        \
    PROGRAM(mask_where, sy_where(s, greater(e, e->mask, 0), e->x, e->scalar), MIXED, 0)            \
    PROGRAM(mask_divide, sy_div(s, e->x, e->mask), MIXED, 0)                                       \
    PROGRAM(broadcast_row, sy_add(s, e->one, fresh(e)), MIXED, 0)                                  \
    PROGRAM(rows_across, sy_add(s, sy_matmul(s, e->x, sy_t(s, e->p)), e->v), MIXED, 0)             \
    PROGRAM(one_row, sy_relu(s, e->one), DATA, 1)                                                  \
    PROGRAM(fewer_and_more,                                                                        \
            sy_add(s, taken(e, e->x, 6, (const int64_t[]){0, 0, 0, 0, 0, 1}), e->x), DATA, 2)      \
    PROGRAM(overstated, sy_relu(s, overstated(e)), DATA, 6)                                        \
    /* in place */                                                                                 \
    PROGRAM(mul_, sy_mul_scalar_(s, copy_of(e, e->x), 2), DATA, 6)                                 \
    PROGRAM(mask_mul_, sy_mul_(s, copy_of(e, e->x), e->mask), MIXED, 0)                            \
    PROGRAM(into_public, sy_add_(s, fresh(e), e->x), MIXED, 0)                                     \
    PROGRAM(copy_, sy_copy_(s, fresh(e), e->x), DATA, 6)                                           \
    PROGRAM(copy_row, sy_copy_(s, fresh(e), e->one), MIXED, 0)                                     \
    PROGRAM(copy_aggregate, sy_copy_(s, fresh(e), e->a), AGGREGATE, 40)                            \
    PROGRAM(copy_public, sy_copy_(s, copy_of(e, e->x), e->p), PUBLIC, 0)                           \
    PROGRAM(zero_, sy_zero_(s, copy_of(e, e->x)), PUBLIC, 0)                                       \
    PROGRAM(fill_, sy_fill_(s, copy_of(e, e->x), 1), PUBLIC, 0)                                    \
    PROGRAM(compare_, sy_gt_scalar_(s, copy_of(e, e->x), 0), DATA, 6)                              \
    /* products */                                                                                 \
    PROGRAM(matmul, sy_matmul(s, e->x, e->w), DATA, 6)                                             \
    PROGRAM(mm, sy_mm(s, e->x, e->w), DATA, 6)                                                     \
    PROGRAM(matmul_vector, sy_matmul(s, e->x, e->across), DATA, 6)                                 \
    PROGRAM(linear, sy_linear(s, e->x, e->wt, NULL), DATA, 6)                                      \
    PROGRAM(linear_bias, sy_linear(s, e->x, e->wt, sy_select(s, e->w, 0, 0)), DATA, 6)             \
    PROGRAM(linear_row_bias, sy_linear(s, e->x, e->wt, sy_mm(s, e->p, e->w)), MIXED, 0)            \
    PROGRAM(picked_left, sy_matmul(s, e->pick, e->x), MIXED, 0)                                    \
    PROGRAM(picked_mm, sy_mm(s, e->pick, e->x), MIXED, 0)                                          \
    PROGRAM(picked_vector, sy_matmul(s, e->flat, e->x), MIXED, 0)                                  \
    PROGRAM(dot, sy_matmul(s, e->v, e->flat), MIXED, 0)                                            \
    PROGRAM(gram, sy_matmul(s, sy_t(s, e->x), e->x), MIXED, 0)                                     \
    PROGRAM(private_weights, sy_matmul(s, e->p, sy_t(s, e->x)), MIXED, 0)                          \
    PROGRAM(turned_pick, sy_t(s, sy_matmul(s, sy_t(s, e->x), e->flat)), MIXED, 0)                  \
    PROGRAM(batched, sy_matmul(s, e->x, sy_unsqueeze(s, e->w, 0)), MIXED, 0)                       \
    PROGRAM(batched_by_rows, sy_matmul(s, e->x, cubes(e)), MIXED, 0)                               \
    PROGRAM(aggregate_weights, sy_matmul(s, e->x, e->a), MIXED, 0)                                 \
    /* reductions */                                                                               \
    PROGRAM(sum_columns, sy_sum_dim(s, e->x, 1, false), DATA, 6)                                   \
    PROGRAM(mean_columns_kept, sy_mean_dim(s, e->x, -1, true), DATA, 6)                            \
    PROGRAM(max_columns, sy_max_dim(s, e->x, 1, false, NULL), DATA, 6)                             \
    PROGRAM(argmax_columns, sy_argmax_dim(s, e->x, 1, false), DATA, 6)                             \
    PROGRAM(softmax, sy_softmax(s, e->x, 1), DATA, 6)                                              \
    PROGRAM(log_softmax, sy_log_softmax(s, e->x, -1), DATA, 6)                                     \
    PROGRAM(softmax_rows, sy_softmax(s, e->x, 0), MIXED, 0)                                        \
    PROGRAM(softmax_rows_negative, sy_softmax(s, e->x, -2), MIXED, 0)                              \
    PROGRAM(sum_all, sy_sum(s, e->x), MIXED, 0)                                                    \
    PROGRAM(mean_all, sy_mean(s, e->x), MIXED, 0)                                                  \
    PROGRAM(sum_rows, sy_sum_dim(s, e->x, 0, false), MIXED, 0)                                     \
    PROGRAM(sum_rows_kept, sy_sum_dim(s, e->x, -2, true), MIXED, 0)                                \
    PROGRAM(sum_of_one, sy_sum_dim(s, e->one, 0, true), MIXED, 0)                                  \
    PROGRAM(max_rows, sy_max_dim(s, e->x, 0, false, NULL), MIXED, 0)                               \
    PROGRAM(masked_sum, sy_sum(s, sy_mul(s, e->x, e->mask)), MIXED, 0)                             \
    PROGRAM(softmax_pick, sy_softmax(s, sy_add(s, e->v, sy_mul_scalar(s, e->flat, 1e9)), 0),       \
            MIXED, 0)                                                                              \
    /* fewer rows */                                                                               \
    PROGRAM(slice, sy_slice(s, e->x, 0, 1, 4, 1), DATA, 3)                                         \
    PROGRAM(slice_one, sy_slice(s, e->x, 0, 2, 3, 1), DATA, 1)                                     \
    PROGRAM(slice_none, sy_slice(s, e->x, 0, 2, 2, 1), MIXED, 0)                                   \
    PROGRAM(slice_step, sy_slice(s, e->x, -2, 0, 6, 2), DATA, 3)                                   \
    PROGRAM(slice_columns, sy_slice(s, e->x, 1, 0, 2, 1), DATA, 6)                                 \
    PROGRAM(narrow, sy_narrow(s, e->x, 0, 4, 2), DATA, 2)                                          \
    PROGRAM(narrow_columns, sy_narrow(s, e->x, 1, 0, 1), DATA, 6)                                  \
    PROGRAM(chunk, piece(e, "chunk", e->x, 2, 0), DATA, 3)                                         \
    PROGRAM(split, piece(e, "split", e->x, 2, 0), DATA, 2)                                         \
    PROGRAM(split_columns, piece(e, "split", e->x, 2, 1), DATA, 6)                                 \
    PROGRAM(select, sy_select(s, e->x, 0, 2), MIXED, 0)                                            \
    PROGRAM(select_negative, sy_select(s, e->x, -2, 2), MIXED, 0)                                  \
    PROGRAM(select_column, sy_select(s, e->x, 1, 2), DATA, 6)                                      \
    PROGRAM(select_scalar, sy_select(s, e->v, 0, 2), MIXED, 0)                                     \
    PROGRAM(select_unsqueeze, sy_unsqueeze(s, sy_select(s, e->x, 0, 2), 0), MIXED, 0)              \
    PROGRAM(select_relu, sy_relu(s, sy_select(s, e->x, 0, 2)), MIXED, 0)                           \
    PROGRAM(index_row, indexed(e, e->x, sy_value_int(2)), MIXED, 0)                                \
    PROGRAM(index_slice, indexed(e, e->x, sy_value_slice(0, 4, 1)), DATA, 4)                       \
    PROGRAM(index_all, indexed(e, e->x, sy_value_ellipsis()), DATA, 6)                             \
    PROGRAM(index_repeated,                                                                        \
            indexed(e, e->x, sy_value_tensor(positions(e, 4, (const int64_t[]){1, 1, -5, 1}))),    \
            DATA, 1)                                                                               \
    PROGRAM(permuted, taken(e, e->x, 6, (const int64_t[]){5, 3, 1, 0, 2, 4}), DATA, 6)             \
    PROGRAM(repeated, taken(e, e->x, 6, (const int64_t[]){2, 2, 2, 2, 2, 2}), DATA, 1)             \
    PROGRAM(repeated_some, taken(e, e->x, 4, (const int64_t[]){2, 0, 2, 5}), DATA, 3)              \
    PROGRAM(repeated_long, taken(e, e->x, 9, (const int64_t[]){0, 1, 2, 3, 4, 5, 5, 5, 5}), DATA,  \
            6)                                                                                     \
    PROGRAM(repeated_then_cut,                                                                     \
            sy_slice(s, taken(e, e->x, 6, (const int64_t[]){2, 2, 2, 2, 1, 0}), 0, 0, 4, 1), DATA, \
            1)                                                                                     \
    PROGRAM(repeated_twice,                                                                        \
            taken(e, taken(e, e->x, 6, (const int64_t[]){2, 2, 2, 2, 1, 0}), 4,                    \
                  (const int64_t[]){0, 1, 2, 3}),                                                  \
            DATA, 1)                                                                               \
    PROGRAM(private_index, sy_index_select(s, e->x, 0, e->labels), MIXED, 0)                       \
    PROGRAM(public_by_private_index, sy_index_select(s, e->p, 0, e->labels), MIXED, 0)             \
    PROGRAM(columns_by_index,                                                                      \
            sy_index_select(s, e->x, 1, positions(e, 2, (const int64_t[]){0, 0})), DATA, 6)        \
    /* other arrangements */                                                                       \
    PROGRAM(expand_one, expanded(e, e->one, 40), MIXED, 0)                                         \
    PROGRAM(expand_slice, expanded(e, sy_slice(s, e->x, 0, 2, 3, 1), 40), MIXED, 0)                \
    PROGRAM(cat_same, joined(e, e->one, e->one), MIXED, 0)                                         \
    PROGRAM(cat_rows, joined(e, e->x, e->p), MIXED, 0)                                             \
    PROGRAM(reshape, reshaped(e, e->x, 3, 6), MIXED, 0)                                            \
    PROGRAM(reshape_same, reshaped(e, e->x, 6, 3), DATA, 6)                                        \
    PROGRAM(reshape_guessed, reshaped(e, e->x, 6, -1), DATA, 6)                                    \
    PROGRAM(reshape_longer, reshaped(e, e->x, 9, 2), MIXED, 0)                                     \
    PROGRAM(reshape_back, reshaped(e, reshaped(e, e->x, 3, 6), 6, 3), MIXED, 0)                    \
    PROGRAM(reshape_turned, reshaped(e, sy_t(s, e->x), 6, 3), MIXED, 0)                            \
    PROGRAM(reshape_square, reshaped(e, sy_t(s, sy_slice(s, e->x, 0, 0, 3, 1)), 3, 3), MIXED, 0)   \
    PROGRAM(reshape_one, reshaped(e, e->one, 3, 1), MIXED, 0)                                      \
    PROGRAM(reshape_one_kept, reshaped(e, e->one, 1, 3), DATA, 1)                                  \
    PROGRAM(reshape_repeated,                                                                      \
            reshaped(e, taken(e, e->x, 6, (const int64_t[]){2, 2, 2, 2, 2, 2}), 6, 3), DATA, 1)    \
    PROGRAM(reshape_overstated, reshaped(e, overstated(e), 6, 3), DATA, 6)                         \
    PROGRAM(reshape_aggregate, viewed(e, e->a, 2, (const int64_t[]){3, 1}), AGGREGATE, 40)         \
    PROGRAM(view_deeper, viewed(e, e->x, 3, (const int64_t[]){6, 3, 1}), DATA, 6)                  \
    PROGRAM(view_scalar, viewed(e, sy_slice(s, e->v, 0, 2, 3, 1), 0, NULL), MIXED, 0)              \
    PROGRAM(view_transposed_pick,                                                                  \
            viewed(e, sy_select(s, sy_unsqueeze(s, e->x, 0), 1, 2), 2, (const int64_t[]){1, 3}),   \
            MIXED, 0)                                                                              \
    PROGRAM(flatten_all, flattened(e, e->x, 0, 1), MIXED, 0)                                       \
    PROGRAM(flatten_rows, flattened(e, sy_unsqueeze(s, e->x, -1), 0, 1), MIXED, 0)                 \
    PROGRAM(flatten_single_channel, flattened(e, deep(e), 0, 1), DATA, 6)                          \
    PROGRAM(flatten_rows_negative, flattened(e, deep(e), -4, -1), MIXED, 0)                        \
    PROGRAM(flatten_rest, flattened(e, deep(e), 1, -1), DATA, 6)                                   \
    PROGRAM(flatten_middle, flattened(e, deep(e), 1, 2), DATA, 6)                                  \
    PROGRAM(flatten_column, flattened(e, sy_unsqueeze(s, e->v, 1), 0, 1), DATA, 6)                 \
    PROGRAM(flatten_one_row, flattened(e, e->one, 0, 1), MIXED, 0)                                 \
    PROGRAM(flatten_then_linear, sy_linear(s, flattened(e, deep(e), 1, -1), e->wt, NULL), DATA, 6) \
    PROGRAM(unsqueeze_last, sy_unsqueeze(s, e->x, -1), DATA, 6)                                    \
    PROGRAM(unsqueeze_middle, sy_unsqueeze(s, e->x, 1), DATA, 6)                                   \
    PROGRAM(unsqueeze_first, sy_unsqueeze(s, e->x, 0), MIXED, 0)                                   \
    PROGRAM(unsqueeze_first_of_one, sy_unsqueeze(s, e->one, 0), DATA, 1)                           \
    PROGRAM(unsqueeze_and_sum, sy_sum_dim(s, sy_unsqueeze(s, e->x, 0), 1, false), MIXED, 0)        \
    PROGRAM(squeeze_columns, sy_squeeze(s, sy_unsqueeze(s, e->x, 1), 1), DATA, 6)                  \
    PROGRAM(squeeze_nothing, sy_squeeze(s, e->x, 0), DATA, 6)                                      \
    PROGRAM(squeeze_row, sy_squeeze(s, e->one, 0), MIXED, 0)                                       \
    PROGRAM(squeeze_taken, sy_squeeze(s, sy_slice(s, e->x, 0, 2, 3, 1), 0), MIXED, 0)              \
    PROGRAM(masked_then_flat, flattened(e, sy_mul(s, e->x, e->mask), 1, -1), MIXED, 0)             \
    PROGRAM(columns_as_rows, sy_sum_dim(s, reshaped(e, e->x, 6, 3), 0, false), MIXED, 0)           \
    PROGRAM(transpose, sy_t(s, e->x), MIXED, 0)                                                    \
    PROGRAM(transpose_sum, sy_sum_dim(s, sy_t(s, e->x), 1, false), MIXED, 0)                       \
    PROGRAM(zeros_like, sy_zeros_like(s, e->x), MIXED, 0)                                          \
    /* losses */                                                                                   \
    PROGRAM(mse, sy_mse_loss(s, e->x, e->x), AGGREGATE, 6)                                         \
    PROGRAM(mse_public, sy_mse_loss(s, e->x, e->p), MIXED, 0)                                      \
    PROGRAM(mse_columns, sy_mse_loss(s, e->x, e->across), AGGREGATE, 6)                            \
    PROGRAM(mse_sum, loss_by(e, "mse_loss", e->x, e->p, "sum"), MIXED, 0)                          \
    PROGRAM(mse_none, loss_by(e, "mse_loss", e->x, e->p, "none"), MIXED, 0)                        \
    PROGRAM(mse_reversed, sy_mse_loss(s, e->p, e->x), MIXED, 0)                                    \
    PROGRAM(mse_misaligned, sy_mse_loss(s, e->x, sy_unsqueeze(s, e->p, 0)), MIXED, 0)              \
    PROGRAM(mse_one, sy_mse_loss(s, e->one, e->p), MIXED, 0)                                       \
    PROGRAM(mse_one_honest, sy_mse_loss(s, e->one, sy_clone(s, e->one)), AGGREGATE, 1)             \
    PROGRAM(mse_masked, sy_mse_loss(s, sy_mul(s, e->x, e->mask), e->p), MIXED, 0)                  \
    PROGRAM(mse_repeated,                                                                          \
            sy_mse_loss(s, taken(e, e->x, 6, (const int64_t[]){2, 2, 2, 2, 2, 2}), e->across),     \
            AGGREGATE, 1)                                                                          \
    PROGRAM(mse_other_rows,                                                                        \
            sy_mse_loss(s, e->x, taken(e, e->x, 6, (const int64_t[]){2, 2, 2, 2, 2, 2})), MIXED,   \
            0)                                                                                     \
    PROGRAM(nll, sy_nll_loss(s, sy_log_softmax(s, e->x, 1), e->labels), AGGREGATE, 6)              \
    PROGRAM(cross_entropy, sy_cross_entropy(s, e->x, e->labels), AGGREGATE, 6)                     \
    PROGRAM(cross_entropy_one,                                                                     \
            loss_by(e, "cross_entropy", e->v, sy_select(s, e->labels, 0, 0), "mean"), MIXED, 0)    \
    PROGRAM(nll_public_target,                                                                     \
            sy_nll_loss(s, e->x, positions(e, 6, (const int64_t[]){0, 1, 2, 0, 1, 2})), AGGREGATE, \
            6)                                                                                     \
    PROGRAM(nll_one_row,                                                                           \
            sy_nll_loss(s, e->v, sy_select(s, positions(e, 1, (const int64_t[]){2}), 0, 0)),       \
            MIXED, 0)                                                                              \
    PROGRAM(nll_public, sy_nll_loss(s, e->p, e->labels), MIXED, 0)                                 \
    PROGRAM(convolutional, sy_cross_entropy(s, network(e, e->x), e->labels), AGGREGATE, 6)         \
    PROGRAM(convolutional_of_one_row,                                                              \
            sy_cross_entropy(                                                                      \
                s, network(e, taken(e, e->x, 6, (const int64_t[]){1, 1, 1, 1, 1, 1})), e->labels), \
            MIXED, 0)                                                                              \
    /* batch norm that trains */                                                                   \
    PROGRAM(norm, normalized(e, 0, e->x, e->across, e->across, e->across), DATA, 6)                \
    PROGRAM(norm_mean, normalized(e, 1, e->x, NULL, NULL, NULL), AGGREGATE, 6)                     \
    PROGRAM(norm_deviation, normalized(e, 2, e->x, NULL, NULL, NULL), AGGREGATE, 6)                \
    PROGRAM(norm_running, normalized(e, 3, e->x, NULL, e->across, e->across), AGGREGATE, 6)        \
    PROGRAM(norm_running_again, normalized(e, 4, e->x, NULL, e->a, e->b), AGGREGATE, 6)            \
    PROGRAM(norm_running_of_fewer,                                                                 \
            normalized(e, 3, e->x, NULL,                                                           \
                       normalized(e, 1, sy_slice(s, e->x, 0, 0, 3, 1), NULL, NULL, NULL), e->b),   \
            AGGREGATE, 3)                                                                          \
    PROGRAM(norm_running_of_data, normalized(e, 3, e->x, NULL, sy_select(s, e->x, 0, 0), e->a),    \
            MIXED, 0)                                                                              \
    PROGRAM(norm_of_one_row,                                                                       \
            normalized(e, 1, taken(e, e->x, 6, (const int64_t[]){2, 2, 2, 2, 2, 2}), NULL, NULL,   \
                       NULL),                                                                      \
            AGGREGATE, 1)                                                                          \
    PROGRAM(norm_overstated, normalized(e, 3, overstated(e), NULL, e->across, e->across),          \
            AGGREGATE, 6)                                                                          \
    PROGRAM(norm_masked, normalized(e, 1, sy_mul(s, e->x, e->mask), NULL, NULL, NULL), MIXED, 0)   \
    PROGRAM(norm_turned, normalized(e, 1, sy_t(s, e->x), NULL, NULL, NULL), MIXED, 0)              \
    PROGRAM(norm_by_data, normalized(e, 0, e->x, sy_select(s, e->x, 0, 0), NULL, NULL), MIXED, 0)  \
    PROGRAM(norm_by_aggregate, normalized(e, 0, e->x, e->a, NULL, NULL), MIXED, 0)                 \
    PROGRAM(norm_of_public, normalized(e, 0, e->p, NULL, e->a, e->b), MIXED, 0)                    \
    PROGRAM(norm_then_part, sy_slice(s, normalized(e, 0, e->x, NULL, NULL, NULL), 0, 0, 2, 1),     \
            DATA, 2)                                                                               \
    PROGRAM(norm_then_loss,                                                                        \
            sy_cross_entropy(s, normalized(e, 0, e->x, NULL, NULL, NULL), e->labels), AGGREGATE,   \
            6)                                                                                     \
    /* aggregates */                                                                               \
    PROGRAM(scaled, sy_mul_scalar(s, e->a, 3), AGGREGATE, 40)                                      \
    PROGRAM(two, sy_add(s, e->a, e->b), AGGREGATE, 9)                                              \
    PROGRAM(with_public, sy_add(s, e->a, e->across), AGGREGATE, 40)                                \
    PROGRAM(loss_and_penalty, sy_add(s, sy_mse_loss(s, e->x, e->across), sy_sum(s, e->across)),    \
            AGGREGATE, 6)                                                                          \
    PROGRAM(loss_and_row, sy_add(s, sy_mse_loss(s, e->x, e->p), sy_select(s, e->v, 0, 0)), MIXED,  \
            0)                                                                                     \
    PROGRAM(with_data, sy_mul(s, e->x, e->a), MIXED, 0)                                            \
    PROGRAM(summed, sy_sum(s, e->a), MIXED, 0)                                                     \
    PROGRAM(selected, sy_select(s, e->a, 0, 0), MIXED, 0)                                          \
    PROGRAM(step, sy_sgd_(s, copy_of(e, e->across), e->a, 0.1), AGGREGATE, 40)                     \
    PROGRAM(step_twice, sy_sgd_(s, sy_sgd_(s, copy_of(e, e->across), e->a, 0.1), e->b, 0.1),       \
            AGGREGATE, 9)                                                                          \
    PROGRAM(step_by_data, sy_sgd_(s, copy_of(e, e->p), e->x, 0.1), MIXED, 0)                       \
    PROGRAM(step_of_data, sy_sgd_(s, copy_of(e, e->x), e->p, 0.1), MIXED, 0)                       \
    PROGRAM(public_step, sy_sgd_(s, copy_of(e, e->across), e->across, 0.1), PUBLIC, 0)

#define PROGRAM_FUNCTION(name, expression, spread, rows) \
    static sy_tensor *program_##name(world *e)           \
    {                                                    \
        sy_scope *s = e->s;                              \
        (void)s;                                         \
        return expression;                               \
    }
PROGRAMS(PROGRAM_FUNCTION)

enum { SPREAD_PUBLIC = 100 };
#define SYI_SPREAD_PUBLIC SPREAD_PUBLIC

typedef struct program {
    const char *name;
    sy_tensor *(*run)(world *e);
    int spread;
    int64_t rows;
} program;

static const program programs[] = {
#define PROGRAM_ENTRY(name, expression, spread, rows) \
    {#name, program_##name, SYI_SPREAD_##spread, rows},
    PROGRAMS(PROGRAM_ENTRY)};

static void test_programs(void **state)
{
    world *e = *state;
    static const char *const spreads[] = {"MIXED", "DATA", "AGGREGATE"};
    for (size_t k = 0; k < sizeof programs / sizeof programs[0]; k++) {
        const program *p = &programs[k];
        sy_tensor *result = p->run(e);
        if (result == NULL) {
            sy_error err = SY_ERROR_INIT;
            sy_scope_end(e->s, &err);
            e->s = NULL;
            fail_msg("%s: %s", p->name, err.message);
        }
        const syi_policy *policy = &result->policy;
        if (p->spread == SPREAD_PUBLIC) {
            if (policy->private_) {
                fail_msg("%s is private", p->name);
            }
        } else if (!policy->private_ || policy->spread != p->spread || policy->rows != p->rows) {
            fail_msg("%s is %s %s over %lld rows, not %s over %lld", p->name,
                     policy->private_ ? "private" : "public", spreads[policy->spread],
                     (long long)policy->rows, spreads[p->spread], (long long)p->rows);
        } else if (strcmp(policy->origin, "patients") != 0) {
            fail_msg("%s forgot its origin", p->name);
        }
    }
}

/*
 * Honesty, whatever the program: change one row of the private data; a DATA result of n rows may change
 * in the places of that row only, and an AGGREGATE may not come from fewer rows than it says. Here: random
 * programs of three steps, checked by changing each source row in turn.
 */

typedef sy_tensor *(*step_fn)(world *e, sy_tensor *x, int64_t seed);

static sy_tensor *step_relu(world *e, sy_tensor *x, int64_t seed)
{
    (void)seed;
    return sy_relu(e->s, x);
}

static sy_tensor *step_index(world *e, sy_tensor *x, int64_t seed)
{
    int ndim = 0;
    int64_t shape[SY_DIM_MAX], index[ROWS];
    if (sy_tensor_get_shape(x, &ndim, shape, NULL) != SY_OK || ndim == 0 || shape[0] == 0) {
        return x;
    }
    property_random random = {(uint64_t)seed};
    for (int k = 0; k < ROWS; k++) {
        index[k] = property_between(&random, 0, shape[0] - 1);
    }
    return taken(e, x, ROWS, index);
}

static sy_tensor *step_slice(world *e, sy_tensor *x, int64_t seed)
{
    int ndim = 0;
    int64_t shape[SY_DIM_MAX];
    if (sy_tensor_get_shape(x, &ndim, shape, NULL) != SY_OK || ndim == 0 || shape[0] < 2) {
        return x;
    }
    return sy_slice(e->s, x, 0, seed % 2, shape[0] - (seed / 2) % 2, 1);
}

static sy_tensor *step_sum(world *e, sy_tensor *x, int64_t seed)
{
    int ndim = 0;
    int64_t shape[SY_DIM_MAX];
    if (sy_tensor_get_shape(x, &ndim, shape, NULL) != SY_OK || ndim == 0) {
        return x;
    }
    return sy_sum_dim(e->s, x, (int)(seed % ndim), seed % 3 == 0);
}

static sy_tensor *step_softmax(world *e, sy_tensor *x, int64_t seed)
{
    int ndim = 0;
    int64_t shape[SY_DIM_MAX];
    if (sy_tensor_get_shape(x, &ndim, shape, NULL) != SY_OK || ndim == 0) {
        return x;
    }
    return sy_softmax(e->s, x, (int)(seed % ndim));
}

static sy_tensor *step_turn(world *e, sy_tensor *x, int64_t seed)
{
    int ndim = 0;
    int64_t shape[SY_DIM_MAX];
    (void)seed;
    if (sy_tensor_get_shape(x, &ndim, shape, NULL) != SY_OK || ndim > 2) {
        return x;
    }
    return sy_t(e->s, x);
}

/* The same elements in another shape: the first dim goes, comes, grows, or stays. */
static sy_tensor *step_shape(world *e, sy_tensor *x, int64_t seed)
{
    int ndim = 0;
    int64_t shape[SY_DIM_MAX], turned[SY_DIM_MAX];
    if (sy_tensor_get_shape(x, &ndim, shape, NULL) != SY_OK || ndim == 0 || ndim > 3) {
        return x;
    }
    for (int d = 0; d < ndim; d++) {
        turned[d] = shape[ndim - 1 - d];
    }
    switch (seed % 6) {
    case 0:
        return flattened(e, x, 0, ndim > 1 ? 1 : 0);
    case 1:
        return ndim > 1 ? flattened(e, x, 1, -1) : sy_unsqueeze(e->s, x, -1);
    case 2:
        return sy_unsqueeze(e->s, x, (int)(seed % 2));
    case 3:
        return sy_squeeze(e->s, x, 0);
    case 4:
        return sy_reshape(e->s, x, ndim, turned);
    default:
        return sy_reshape(e->s, x, 2, (const int64_t[]){shape[0], shape[0] > 0 ? -1 : 1});
    }
}

static sy_tensor *step_shift(world *e, sy_tensor *x, int64_t seed)
{
    return sy_add(e->s, x, seed % 2 == 0 ? x : e->scalar);
}

static const step_fn steps[] = {step_relu,    step_index, step_slice, step_sum,
                                step_softmax, step_turn,  step_shift, step_shape};
enum { STEPS = 4, STEP_KINDS = sizeof steps / sizeof steps[0] };

static sy_tensor *run_steps(world *e, sy_tensor *x, const int64_t *kinds, const int64_t *seeds)
{
    for (int k = 0; k < STEPS; k++) {
        x = steps[kinds[k]](e, x, seeds[k]);
    }
    return x;
}

/* The rows of `b` that differ from those of `a`, as a bit set; ~0 when there is no first dim. */
static unsigned changed_rows(const sy_tensor *a, const sy_tensor *b)
{
    const syi_array *before = syi_node_array(a->node), *after = syi_node_array(b->node);
    if (before->ndim == 0) {
        return ~0u;
    }
    const int64_t rows = before->shape[0], width = rows > 0 ? syi_array_numel(before) / rows : 0;
    unsigned changed = 0;
    for (int64_t k = 0; k < rows * width; k++) {
        if (syi_array_get_double(before, k) != syi_array_get_double(after, k)) {
            changed |= 1u << (k / width);
        }
    }
    return changed;
}

static void test_rows_are_honest(void **state)
{
    world *e = *state;
    property_random random = property_start("rows");
    long followed = 0;
    for (long round = property_iterations(300); round > 0; round--) {
        int64_t kinds[STEPS], seeds[STEPS];
        for (int k = 0; k < STEPS; k++) {
            kinds[k] = property_between(&random, 0, STEP_KINDS - 1);
            seeds[k] = property_between(&random, 0, 1000);
        }
        sy_tensor *result = run_steps(e, e->x, kinds, seeds);
        assert_non_null(result);
        assert_true(result->policy.private_);
        if (result->policy.spread != SYI_SPREAD_DATA) {
            assert_int_equal(result->policy.spread, SYI_SPREAD_MIXED);
            continue;
        }
        unsigned seen = 0;
        int64_t sources = 0;
        followed++;
        for (int row = 0; row < ROWS; row++) {
            sy_tensor *other = sy_clone(e->s, e->x);
            sy_fill_(e->s, sy_select(e->s, other, 0, row), 0.4321 + row);
            set_policy(other, SYI_SPREAD_DATA, ROWS);
            const unsigned changed = changed_rows(result, run_steps(e, other, kinds, seeds));
            assert_int_equal(changed & seen, 0); /* no result row depends on two source rows */
            seen |= changed;
            sources += changed != 0;
        }
        assert_true(result->policy.rows >= 1);
        assert_true(result->policy.rows <= syi_node_array(result->node)->shape[0]);
        bool exact = true; /* relu, softmax and sums can hide a change; others cannot */
        for (int k = 0; k < STEPS; k++) {
            exact &= steps[kinds[k]] != step_relu && steps[kinds[k]] != step_softmax &&
                     steps[kinds[k]] != step_sum;
        }
        if (exact && result->policy.rows > sources) {
            fail_msg("a result of %lld rows says %lld", (long long)sources,
                     (long long)result->policy.rows);
        }
    }
    assert_true(followed > 10);
}

/* Tensors without a local array (pointers, shares): nothing can be argued, so nothing is. */
static void test_unseen_arrays_are_mixed(void **state)
{
    (void)state;
    syi_policy data, public_ = {.private_ = false}, mean = {.private_ = true};
    syi_policy_set_private(&data, "patients", 50);
    mean.spread = SYI_SPREAD_AGGREGATE;
    mean.rows = 50;
    const syi_array *none[] = {NULL, NULL};
    const sy_value bound[SYI_ARGUMENT_MAX] = {{0}};
    for (int id = 0; id < SYI_OP_COUNT; id++) {
        const syi_op *op = syi_op_get((syi_op_id)id);
        for (int count = 1; count <= 2; count++) {
            const syi_policy *policies[] = {&data, &public_};
            syi_policy result =
                syi_policy_combine(op, bound, SYI_ARGUMENT_MAX, policies, none, count, NULL);
            assert_int_equal(result.private_, (op->flags & SYI_OP_OVERWRITE) == 0);
            assert_int_equal(result.spread, SYI_SPREAD_MIXED);
            assert_int_equal(result.rows, 0);
            const syi_policy *others[] = {&public_, &public_};
            result = syi_policy_combine(op, bound, SYI_ARGUMENT_MAX, others, none, count, NULL);
            assert_false(result.private_);
        }
        const syi_policy *means[] = {&mean};
        const syi_policy result =
            syi_policy_combine(op, bound, SYI_ARGUMENT_MAX, means, none, 1, NULL);
        const bool kept =
            (op->rows == SYI_ROWS_EACH || op->rows == SYI_ROWS_RESHAPE || op->id == SYI_OP_sgd_) &&
            (op->flags & SYI_OP_OVERWRITE) == 0;
        assert_int_equal(result.rows, kept ? 50 : 0);
    }
}

static void test_set_private(void **state)
{
    (void)state;
    syi_policy policy;
    syi_policy_set_private(&policy, "a name that is longer than the room there is for it, by some",
                           12);
    assert_true(policy.private_);
    assert_int_equal(policy.spread, SYI_SPREAD_DATA);
    assert_int_equal(policy.rows, 12);
    assert_string_equal(policy.origin, "a name that is longer than the room there is ");
    syi_policy_set_private(&policy, NULL, 0);
    assert_int_equal(policy.spread, SYI_SPREAD_MIXED);
    assert_int_equal(policy.rows, 0);
    assert_string_equal(policy.origin, "");
}

static void test_refusal(void **state)
{
    (void)state;
    sy_error err = SY_ERROR_INIT;
    syi_policy policy;
    syi_policy_set_private(&policy, "patients", 12);
    assert_int_equal(syi_policy_refuse(&policy, "get", "77", "clinic", &err), SY_EPERM);
    assert_string_equal(err.message,
                        "get of object 77 at worker clinic is refused: it holds 12 rows "
                        "of patients, which is private");
    assert_string_equal(err.worker, "clinic");
    assert_string_equal(err.object, "77");
    policy.spread = SYI_SPREAD_AGGREGATE;
    assert_int_equal(syi_policy_refuse(&policy, "move", "w", NULL, &err), SY_EPERM);
    assert_string_equal(err.message,
                        "move of object w is refused: it is an aggregate over 12 rows of "
                        "patients, which is private");
    policy.spread = SYI_SPREAD_MIXED;
    policy.origin[0] = '\0';
    assert_int_equal(syi_policy_refuse(&policy, "item", "w", "", &err), SY_EPERM);
    assert_string_equal(
        err.message, "item of object w is refused: it depends on private data, which is private");
    assert_int_equal(syi_policy_refuse(&policy, "item", "w", "", NULL), SY_EPERM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_programs, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rows_are_honest, setup, teardown),
        cmocka_unit_test(test_unseen_arrays_are_mixed),
        cmocka_unit_test(test_set_private),
        cmocka_unit_test(test_refusal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
