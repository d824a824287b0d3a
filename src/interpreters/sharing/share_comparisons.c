/*
 * share_comparisons.c - what shares need comparisons for (crypto/comparison.h): greater or less, signs, clamps, choosing by a
 * shared condition, exact quotients and rests. Part of share_rows.h. Differences of what is compared must stay in the field:
 * magnitudes below a quarter of it do.
 */
#include <inttypes.h>
#include <string.h>

#include "interpreters/sharing/share_rows.h"

/* Joint, on words */

static size_t count_of(sy_tensor *words)
{
    return (size_t)syi_array_numel(syi_share_array(words));
}

/* NONE: whether it is zero. `bounds`: what is known of x. */
static sy_tensor *compare(syi_share_op *o, sy_tensor *x, const syi_comparison *comparison,
                          syi_bounds bounds)
{
    const syi_field *field = &o->kin->field;
    sy_error error = SY_ERROR_INIT;
    if (x == NULL || !syi_share_needs_run(o)) {
        return NULL;
    }
    x = syi_share_dense(o, x);
    sy_tensor *z = syi_words_like(o, x);
    if (z == NULL) {
        return NULL;
    }
    syi_comparison of = *comparison;
    of.range = syi_bounds_bits(bounds, field);
    of.family = syi_share_family(o, &of, count_of(x));
    const sy_status status =
        of.outcome == SYI_OUTCOME_NONE
            ? syi_compare_zero(&o->run->party, of.family, of.range, field, syi_share_data(z),
                               syi_share_data(x), count_of(x), &error)
            : syi_compare(&o->run->party, &of, field, syi_share_data(z), syi_share_data(x),
                          count_of(x), &error);
    if (!syi_share_latch(o, status, &error)) {
        return NULL;
    }
    pthread_mutex_lock(&o->run->session->lock);
    o->run->session->compared[of.family] += count_of(x);
    pthread_mutex_unlock(&o->run->session->lock);
    return z;
}

sy_tensor *syi_words_compare(syi_share_op *o, sy_tensor *x, syi_outcome outcome)
{
    const syi_comparison comparison = {.outcome = outcome};
    return compare(o, x, &comparison, o->bounds.compared);
}

sy_tensor *syi_words_relu_of_quotient(syi_share_op *o, sy_tensor *x, uint64_t divisor)
{
    const bool power = syi_field_bits(&o->kin->field) > 0 && (divisor & (divisor - 1)) == 0;
    const syi_comparison comparison = {.outcome =
                                           power ? SYI_OUTCOME_RELU_SHIFT : SYI_OUTCOME_RELU_DIVIDE,
                                       .shift = power ? (unsigned)__builtin_ctzll(divisor) : 0,
                                       .divisor = power ? 0 : divisor};
    return compare(o, x, &comparison, o->bounds.compared);
}

sy_tensor *syi_words_is_zero(syi_share_op *o, sy_tensor *x)
{
    return syi_words_compare(o, x, SYI_OUTCOME_NONE);
}

/* x + number, which is public. */
static sy_tensor *add_number(syi_share_op *o, sy_tensor *x, int64_t number)
{
    const sy_value value = sy_value_int(number);
    return x != NULL ? syi_words_add(
                           o, x, syi_share_of_public(o, syi_share_public_value(o, &value)), false)
                     : NULL;
}

sy_tensor *syi_words_not(syi_share_op *o, sy_tensor *bits)
{
    return add_number(o, syi_words_scale(o, bits, -1), 1);
}

/* The outcomes of several tensors of one shape in one go. */
static void compare_both(syi_share_op *o, sy_tensor *pair[2], syi_outcome outcome)
{
    if (pair[0] == NULL || pair[1] == NULL || syi_share_failed(o)) {
        return;
    }
    sy_tensor *both = syi_words_compare(o, sy_stack(o->s, pair, 2, 0), outcome);
    for (int k = 0; k < 2; k++) {
        pair[k] = both != NULL ? sy_select(o->s, both, 0, k) : NULL;
    }
}

/* Rules */

void syi_share_compare(syi_share_op *o)
{
    const syi_op_id id = o->call->op->id;
    const bool swapped = id == SYI_OP_gt || id == SYI_OP_le;
    sy_tensor *a = syi_share_operand(o, swapped ? 1 : 0),
              *b = syi_share_operand(o, swapped ? 0 : 1);
    sy_tensor *difference = syi_words_add(o, a, b, true);
    if (id == SYI_OP_eq || id == SYI_OP_ne) {
        sy_tensor *same = syi_words_is_zero(o, difference);
        syi_share_emit(o, id == SYI_OP_eq ? same : syi_words_not(o, same));
        return;
    }
    sy_tensor *above = syi_words_compare(o, difference, SYI_OUTCOME_BIT);
    syi_share_emit(o, id == SYI_OP_ge || id == SYI_OP_le ? above : syi_words_not(o, above));
}

void syi_share_relu(syi_share_op *o)
{
    sy_tensor *x = syi_share_words(o, o->like);
    syi_share_emit(o, o->like->divisor > 0 ? syi_words_relu_of_quotient(o, x, o->like->divisor)
                                           : syi_words_compare(o, x, SYI_OUTCOME_RELU));
}

static sy_tensor *magnitude(syi_share_op *o, sy_tensor *x)
{
    sy_tensor *positive = syi_words_compare(o, x, SYI_OUTCOME_RELU);
    return syi_words_add(o, syi_words_scale(o, positive, 2), x, true);
}

void syi_share_abs(syi_share_op *o)
{
    syi_share_emit(o, magnitude(o, syi_share_words(o, o->like)));
}

/* [x >= 0] + [x - 1 >= 0] - 1 */
void syi_share_sign(syi_share_op *o)
{
    sy_tensor *x = syi_share_words(o, o->like);
    sy_tensor *both[] = {x, add_number(o, x, -1)};
    compare_both(o, both, SYI_OUTCOME_BIT);
    syi_share_emit(o, add_number(o, syi_words_add(o, both[0], both[1], false), -1));
}

/* y + relu(x - y), x - relu(x - y) */
static sy_tensor *greater(syi_share_op *o, sy_tensor *x, sy_tensor *y, bool less)
{
    sy_tensor *above = syi_words_compare(o, syi_words_add(o, x, y, true), SYI_OUTCOME_RELU);
    return less ? syi_words_add(o, x, above, true) : syi_words_add(o, y, above, false);
}

void syi_share_greater(syi_share_op *o)
{
    syi_share_emit(o, greater(o, syi_share_operand(o, 0), syi_share_operand(o, 1),
                              o->call->op->id == SYI_OP_minimum));
}

/* min(max(x, low), high); with two numbers as low + relu(x - low) - relu(x - high), in one go. */
void syi_share_clamp(syi_share_op *o)
{
    const bool only_most = o->call->op->id == SYI_OP_clamp_max,
               only_least = o->call->op->id == SYI_OP_clamp_min;
    const sy_value *args = o->call->args;
    const bool least = !only_most && args[1].kind != SY_VALUE_NONE,
               most = only_most || (!only_least && args[2].kind != SY_VALUE_NONE);
    const int at_most = only_most ? 1 : 2;
    sy_tensor *x = syi_share_operand(o, 0);
    int64_t low = 0, high = 0;
    if (!least && !most) {
        syi_share_refuse(o, SY_EINVAL, "neither min nor max");
        return;
    }
    const int node = (int)SYI_VALUE_NODE;
    if (least && most && (int)args[1].kind != node && (int)args[at_most].kind != node) {
        if (!syi_share_number(o, &args[1], &low) || !syi_share_number(o, &args[at_most], &high)) {
            return;
        }
        if (low <= high) {
            sy_tensor *both[] = {syi_words_add(o, x, syi_share_operand(o, 1), true),
                                 syi_words_add(o, x, syi_share_operand(o, at_most), true)};
            compare_both(o, both, SYI_OUTCOME_RELU);
            syi_share_emit(o, add_number(o, syi_words_add(o, both[0], both[1], true), low));
            return;
        }
    }
    if (least) {
        x = greater(o, x, syi_share_operand(o, 1), false);
    }
    if (most) {
        x = greater(o, x, syi_share_operand(o, at_most), true);
    }
    syi_share_emit(o, x);
}

/* grad [self > threshold] */
void syi_share_threshold_backward(syi_share_op *o)
{
    sy_tensor *grad = syi_share_operand(o, 0), *self = syi_share_operand(o, 1),
              *threshold = syi_share_operand(o, 2);
    sy_tensor *below =
        syi_words_compare(o, syi_words_add(o, threshold, self, true), SYI_OUTCOME_BIT);
    syi_share_emit(o, syi_words_times(o, grad, syi_words_not(o, below)));
}

/* A public condition chooses words; a shared one, of bits, is multiplied by: b + c (a - b). */
void syi_share_where(syi_share_op *o)
{
    const sy_value *condition = &o->call->args[0];
    sy_tensor *chosen = NULL, *a = syi_share_operand(o, 1), *b = syi_share_operand(o, 2);
    sy_error error = SY_ERROR_INIT;
    if (syi_share_argument(o, 0) != NULL) {
        sy_tensor *bits = syi_share_operand(o, 0), *apart = syi_words_add(o, a, b, true);
        if (bits != NULL && apart != NULL && syi_words_broadcast(o, &bits, &apart)) {
            syi_share_emit(o, syi_words_add(o, b, syi_words_times(o, bits, apart), false));
        }
        return;
    }
    if (condition->kind != (sy_value_kind)SYI_VALUE_NODE) {
        syi_share_refuse(o, SY_EINVAL, "the condition is no tensor");
        return;
    }
    const sy_status status =
        syi_tensor_wrap(o->call->hook, &chosen, syi_node_ref(condition->as.internal), &error);
    if (!syi_share_latch(o, status, &error)) {
        return;
    }
    chosen = sy_scope_adopt(o->s, chosen);
    if (!syi_share_failed(o)) {
        const sy_value args[] = {sy_value_tensor(chosen), sy_value_tensor(a), sy_value_tensor(b)};
        syi_share_emit(o, syi_scope_run(o->s, SYI_OP_where, false, args, 3));
    }
}

/* Exact quotients and rests */

/* The quotient that was rounded down or up, and one less where the rest is negative. */
sy_tensor *syi_words_floor_divide(syi_share_op *o, sy_tensor *x, int64_t d, sy_tensor **rest)
{
    const syi_comparison sign = {.outcome = SYI_OUTCOME_BIT};
    sy_tensor *rounded = syi_words_divide(o, x, d);
    sy_tensor *left = syi_words_add(o, x, syi_words_scale(o, rounded, d), true);
    if (d == 1 || syi_share_failed(o)) {
        *rest = left;
        return rounded;
    }
    sy_tensor *under = syi_words_not(o, compare(o, left, &sign, o->bounds.rest));
    *rest = syi_words_add(o, left, syi_words_scale(o, under, d), false);
    return syi_words_add(o, rounded, under, true);
}

/* A public divisor, not 0; what is divided is shared. */
static bool divisor_of(syi_share_op *o, int64_t *divisor)
{
    if (syi_share_argument(o, 1) != NULL) {
        syi_share_refuse(o, SY_ENOTSUP, "by a shared value; div does that, toward zero");
        return false;
    }
    if (!syi_share_divisor(o, 1, divisor)) {
        return false;
    }
    if (*divisor == 0 || *divisor == INT64_MIN) {
        syi_share_refuse(o, SY_ERANGE, "by %" PRId64, *divisor);
        return false;
    }
    return true;
}

void syi_share_floor_divide(syi_share_op *o)
{
    int64_t d = 0;
    sy_tensor *rest = NULL;
    if (!divisor_of(o, &d)) {
        return;
    }
    if (syi_field_bits(&o->kin->field) == 0) {
        syi_share_refuse(o, SY_ENOTSUP,
                         "in a field in which nothing can be compared; div does that, rounded down "
                         "or up");
    } else {
        sy_tensor *x = syi_words_scale(o, syi_share_words(o, o->like), d < 0 ? -1 : 1);
        syi_share_emit(o, syi_words_floor_divide(o, x, d < 0 ? -d : d, &rest));
    }
}

/* In a field that is no power of two nothing can be compared: every share modulo m, which divides the modulus. They add up to a
 * number that is the value modulo m, below m times the number of holders; who gets it reduces it once more. */
static void remainder_of_shares(syi_share_op *o, int64_t m)
{
    const uint64_t modulus = o->kin->field.modulus, size = m < 0 ? 0 - (uint64_t)m : (uint64_t)m;
    const sy_value args[] = {sy_value_tensor(syi_share_words(o, o->like)), sy_value_int(m)};
    if (modulus % size != 0) {
        syi_share_refuse(o, SY_ENOTSUP,
                         "by %" PRId64 ", which does not divide a field in which nothing can be "
                         "compared; use a field that is a power of two",
                         m);
    }
    if (syi_share_failed(o)) {
        return;
    }
    sy_tensor *rest = syi_share_dense(o, syi_scope_run(o->s, SYI_OP_remainder, false, args, 2));
    if (rest != NULL) {
        syi_field_reduce(&o->kin->field, syi_share_data(rest), syi_share_data(rest),
                         count_of(rest));
    }
    syi_share_emit(o, rest);
}

/* As Python's: the rest has the divisor's sign. */
void syi_share_remainder(syi_share_op *o)
{
    int64_t d = 0;
    sy_tensor *rest = NULL;
    if (!divisor_of(o, &d)) {
        return;
    }
    if (syi_field_bits(&o->kin->field) == 0) {
        remainder_of_shares(o, d);
        return;
    }
    const int64_t sign = d < 0 ? -1 : 1;
    (void)syi_words_floor_divide(o, syi_words_scale(o, syi_share_words(o, o->like), sign), d * sign,
                                 &rest);
    syi_share_emit(o, syi_words_scale(o, rest, sign));
}

/* Long division of magnitudes, bit by bit from the highest; then the signs. */
sy_tensor *syi_words_quotient(syi_share_op *o, sy_tensor *x, sy_tensor *y)
{
    const unsigned bits = syi_field_bits(&o->kin->field) / 2 - 1;
    if (x == NULL || y == NULL || !syi_words_broadcast(o, &x, &y)) {
        return NULL;
    }
    if (syi_field_bits(&o->kin->field) < 4) {
        syi_share_refuse(o, SY_ENOTSUP, "by a shared value, in a field that is no power of two");
        return NULL;
    }
    sy_tensor *const operands[] = {x, y};
    sy_tensor *both = sy_stack(o->s, operands, 2, 0);
    sy_tensor *signs = syi_words_compare(o, both, SYI_OUTCOME_BIT); /* as 0 and 1, then -1 and 1 */
    signs = add_number(o, syi_words_scale(o, signs, 2), -1);
    both = syi_words_times(o, both, signs);
    if (both == NULL || signs == NULL) {
        return NULL;
    }
    sy_tensor *rest = sy_select(o->s, both, 0, 0), *by = sy_select(o->s, both, 0, 1);
    sy_tensor *quotient = NULL;
    for (unsigned bit = bits; bit-- > 0 && !syi_share_failed(o);) {
        sy_tensor *step = syi_words_scale(o, by, (int64_t)1 << bit);
        sy_tensor *fits = syi_words_compare(o, syi_words_add(o, rest, step, true), SYI_OUTCOME_BIT);
        sy_tensor *part = syi_words_scale(o, fits, (int64_t)1 << bit);
        quotient = quotient == NULL ? part : syi_words_add(o, quotient, part, false);
        rest = bit > 0 ? syi_words_add(o, rest, syi_words_times(o, fits, step), true) : rest;
    }
    sy_tensor *sign =
        syi_words_times(o, sy_select(o->s, signs, 0, 0), sy_select(o->s, signs, 0, 1));
    return syi_words_times(o, quotient, sign);
}
