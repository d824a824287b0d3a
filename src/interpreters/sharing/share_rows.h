/*
 * share_rows.h - one operation on shares: its arguments as words of this holder and as public operands, and handing over
 * results. The table of rows is in share_rows.c, the rules in share_linear.c, share_products.c, share_comparisons.c and
 * share_extrema.c. This folder only.
 *
 * A rule never returns a status: it works in the scope `s`, which latches the first failure (scope.h).
 */
#ifndef SYI_INTERPRETERS_SHARING_SHARE_ROWS_H
#define SYI_INTERPRETERS_SHARING_SHARE_ROWS_H

#include "crypto/comparison.h"
#include "interpreters/sharing/share.h"

/* Of an operation: numbers that it compares with 0 on the way, all of them but the rests of exact quotients; these; and its results. */
typedef struct syi_share_bounds {
    syi_bounds compared, rest, results[2];
} syi_share_bounds;

typedef struct syi_share_op {
    syi_call *call;
    sy_scope *s;
    syi_share *like; /* the first share among the arguments */
    const syi_kin *kin;
    syi_sharing_run *run; /* NULL: not a joint command */
    unsigned values;      /* of rows done on the words: bit k, argument k is one of the values */
    syi_share_bounds bounds;
} syi_share_op;

typedef void (*syi_share_rule)(syi_share_op *o);
/* What is known before the rule runs (share_bounds.c); `b` is nothing yet. */
typedef void (*syi_bounds_rule)(const syi_share_op *o, syi_share_bounds *b);

static inline bool syi_share_leads(const syi_share_op *o)
{
    return o->kin->index == 0;
}
static inline sy_dtype syi_share_dtype(const syi_share_op *o)
{
    return syi_field_dtype(&o->kin->field);
}
static inline bool syi_share_failed(const syi_share_op *o)
{
    return sy_scope_get_status(o->s) != SY_OK;
}

/* Fails the scope with "<row>: ...". */
void syi_share_refuse(syi_share_op *o, sy_status status, const char *format, ...) SY_PRINTF(3, 4);
/* The other holders are needed: false, and refused, when this is no joint command of theirs. */
bool syi_share_needs_run(syi_share_op *o);
/* Latches what a program returned. */
bool syi_share_latch(syi_share_op *o, sy_status status, sy_error *error);

/* Argument k is a share; NULL otherwise. */
syi_share *syi_share_argument(const syi_share_op *o, int k);
/* The words of a share as a handle of the scope. */
sy_tensor *syi_share_words(syi_share_op *o, const syi_share *share);
/* Argument k, a number or a tensor that every holder knows, as a tensor of the field's words (0-dim for a number). */
sy_tensor *syi_share_public(syi_share_op *o, int k);
sy_tensor *syi_share_public_value(syi_share_op *o, const sy_value *value);
/* This holder's share of what everybody knows: the lead has it, the others have zeros. */
sy_tensor *syi_share_of_public(syi_share_op *o, sy_tensor *words);
/* A number of it: an integer, or a real that is one. */
bool syi_share_number(syi_share_op *o, const sy_value *value, int64_t *number);

/* Argument k, a public number or a tensor with one in it. */
bool syi_share_divisor(syi_share_op *o, int k, int64_t *divisor);

/* Fresh contiguous words of that shape, not filled. */
sy_tensor *syi_share_new_words(syi_share_op *o, int ndim, const int64_t *shape);
/* The same words, contiguous. */
sy_tensor *syi_share_dense(syi_share_op *o, sy_tensor *words);
static inline syi_array *syi_share_array(sy_tensor *words)
{
    return syi_node_array(words->node);
}
static inline void *syi_share_data(sy_tensor *words)
{
    return syi_array_data(syi_node_array(words->node));
}

/* Hands over words as the next result (in place: writes them into self's). */
void syi_share_emit(syi_share_op *o, sy_tensor *words);

/* The same of words that are to be divided, when that is due (share.h). */
void syi_share_emit_quotient(syi_share_op *o, sy_tensor *words, uint64_t divisor);

/* Argument k, shared or public, as this holder's share. */
sy_tensor *syi_share_operand(syi_share_op *o, int k);

/* On words, in the field (share_linear.c). */
/* Both expanded to one shape, contiguous. */
bool syi_words_broadcast(syi_share_op *o, sy_tensor **a, sy_tensor **b);
sy_tensor *syi_words_add(syi_share_op *o, sy_tensor *a, sy_tensor *b, bool subtract);
sy_tensor *syi_words_scale(syi_share_op *o, sy_tensor *a, int64_t factor);
sy_tensor *syi_words_sum(syi_share_op *o, sy_tensor *a, const sy_value *dims, const sy_value *keep);
/* Joint (share_products.c). */
sy_tensor *syi_words_divide(syi_share_op *o, sy_tensor *a, int64_t divisor);
sy_tensor *syi_words_refresh(syi_share_op *o, sy_tensor *a);
/* Elementwise; one may be expanded to the other's shape. */
sy_tensor *syi_words_times(syi_share_op *o, sy_tensor *x, sy_tensor *y);
/* Fresh words in the shape of others, not filled. */
sy_tensor *syi_words_like(syi_share_op *o, sy_tensor *words);
/* Joint: the family by which so many numbers are compared in this command (share_choice.c). The outcome may be NONE: equality with
 * zero; the comparison's own family is not looked at. */
syi_family syi_share_family(const syi_share_op *o, const syi_comparison *of, uint64_t count);
/* The one whose material for that is in stock, among those that the command may use; AUTO: none. */
syi_family syi_share_made_ahead(const syi_share_op *o, const syi_comparison *of, uint64_t count);
/* Joint (share_comparisons.c): an outcome of each element, BIT or RELU, or of a quotient its ReLU; [x = 0]; 1 - x of bits. */
sy_tensor *syi_words_compare(syi_share_op *o, sy_tensor *x, syi_outcome outcome);
sy_tensor *syi_words_relu_of_quotient(syi_share_op *o, sy_tensor *x, uint64_t divisor);
sy_tensor *syi_words_is_zero(syi_share_op *o, sy_tensor *x);
sy_tensor *syi_words_not(syi_share_op *o, sy_tensor *bits);
/* Exact, by a public number from 1 on: x = d q + *rest, 0 <= *rest < d. */
sy_tensor *syi_words_floor_divide(syi_share_op *o, sy_tensor *x, int64_t d, sy_tensor **rest);
/* x / y toward zero, both shared: |x / y| and |y| below the root of half the modulus, else it means nothing. */
sy_tensor *syi_words_quotient(syi_share_op *o, sy_tensor *x, sy_tensor *y);

/* share_bounds.c */
void syi_bounds_rule_add(const syi_share_op *o, syi_share_bounds *b);
void syi_bounds_rule_neg(const syi_share_op *o, syi_share_bounds *b);
void syi_bounds_rule_sum(const syi_share_op *o, syi_share_bounds *b);
void syi_bounds_rule_cumsum(const syi_share_op *o, syi_share_bounds *b);
void syi_bounds_rule_trace(const syi_share_op *o, syi_share_bounds *b);
void syi_bounds_rule_mean(const syi_share_op *o, syi_share_bounds *b);
void syi_bounds_rule_avg_pool(const syi_share_op *o, syi_share_bounds *b);
void syi_bounds_rule_mul(const syi_share_op *o, syi_share_bounds *b);
void syi_bounds_rule_product(const syi_share_op *o, syi_share_bounds *b);
void syi_bounds_rule_convolution(const syi_share_op *o, syi_share_bounds *b);
void syi_bounds_rule_addmm(const syi_share_op *o, syi_share_bounds *b);
void syi_bounds_rule_square(const syi_share_op *o, syi_share_bounds *b);
void syi_bounds_rule_pow(const syi_share_op *o, syi_share_bounds *b);
void syi_bounds_rule_div(const syi_share_op *o, syi_share_bounds *b);
void syi_bounds_rule_floor_divide(const syi_share_op *o, syi_share_bounds *b);
void syi_bounds_rule_compare(const syi_share_op *o, syi_share_bounds *b);
void syi_bounds_rule_relu(const syi_share_op *o, syi_share_bounds *b);
void syi_bounds_rule_threshold_backward(const syi_share_op *o, syi_share_bounds *b);
void syi_bounds_rule_abs(const syi_share_op *o, syi_share_bounds *b);
void syi_bounds_rule_sign(const syi_share_op *o, syi_share_bounds *b);
void syi_bounds_rule_greater(const syi_share_op *o, syi_share_bounds *b);
void syi_bounds_rule_clamp(const syi_share_op *o, syi_share_bounds *b);
void syi_bounds_rule_sort(const syi_share_op *o, syi_share_bounds *b);
void syi_bounds_rule_extremum(const syi_share_op *o, syi_share_bounds *b);
void syi_bounds_rule_max_pool(const syi_share_op *o, syi_share_bounds *b);
void syi_bounds_rule_where(const syi_share_op *o, syi_share_bounds *b);
void syi_bounds_rule_same(const syi_share_op *o, syi_share_bounds *b);
void syi_bounds_rule_constant(const syi_share_op *o, syi_share_bounds *b);
void syi_bounds_rule_copy_(const syi_share_op *o, syi_share_bounds *b);
void syi_bounds_rule_filled(const syi_share_op *o, syi_share_bounds *b);
void syi_bounds_rule_moved(const syi_share_op *o, syi_share_bounds *b);
void syi_bounds_rule_spread(const syi_share_op *o, syi_share_bounds *b);
void syi_bounds_rule_put(const syi_share_op *o, syi_share_bounds *b);
/* share_linear.c */
void syi_share_add(syi_share_op *o);
void syi_share_sub(syi_share_op *o);
void syi_share_rsub(syi_share_op *o);
void syi_share_neg(syi_share_op *o);
void syi_share_sum(syi_share_op *o);
void syi_share_sum_to_size(syi_share_op *o);
void syi_share_cumsum(syi_share_op *o);
void syi_share_trace(syi_share_op *o);
void syi_share_to(syi_share_op *o);
void syi_share_constant(syi_share_op *o);
void syi_share_masked_fill(syi_share_op *o);
void syi_share_as_other(syi_share_op *o);
void syi_share_copy_(syi_share_op *o);
void syi_share_pad(syi_share_op *o);
void syi_share_size(syi_share_op *o);
/* share_products.c */
void syi_share_mul(syi_share_op *o);
void syi_share_product(syi_share_op *o);
void syi_share_addmm(syi_share_op *o);
void syi_share_square(syi_share_op *o);
void syi_share_pow(syi_share_op *o);
void syi_share_div(syi_share_op *o);
void syi_share_mean(syi_share_op *o);
/* share_comparisons.c */
void syi_share_compare(syi_share_op *o);
void syi_share_relu(syi_share_op *o);
void syi_share_abs(syi_share_op *o);
void syi_share_sign(syi_share_op *o);
void syi_share_greater(syi_share_op *o);
void syi_share_clamp(syi_share_op *o);
void syi_share_threshold_backward(syi_share_op *o);
void syi_share_floor_divide(syi_share_op *o);
void syi_share_remainder(syi_share_op *o);
void syi_share_where(syi_share_op *o);
/* share_extrema.c */
void syi_share_extremum(syi_share_op *o);
void syi_share_arg_extremum(syi_share_op *o);
void syi_share_extrema(syi_share_op *o);
void syi_share_max_pool2d(syi_share_op *o);
void syi_share_avg_pool2d(syi_share_op *o);
/* 0, 1, 2, ... along the first dim, public; in the shape of other words. */
sy_tensor *syi_share_places(syi_share_op *o, sy_tensor *like);
/* share_sort.c */
void syi_share_sort(syi_share_op *o);

#endif
