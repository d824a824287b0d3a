/*
 * share_bounds.c - what is known of an operation's numbers beforehand (bounds.h): of its results, and of what it compares on the way. One rule per
 * row of share_rows.c; a row without a rule knows nothing, which is always right. All holders see the same arguments and so find the same.
 * Part of share_rows.h.
 */
#include <math.h>

#include "interpreters/sharing/network.h"
#include "interpreters/sharing/share_rows.h"

/* Arguments */

static const syi_array *array_of(const sy_value *value)
{
    if (value->kind != (sy_value_kind)SYI_VALUE_NODE) {
        return NULL;
    }
    syi_node *node = value->as.internal;
    const syi_share *share = syi_share_of(node);
    node = share != NULL ? share->base.child : node;
    return syi_node_is_native(node) ? syi_node_array(node) : NULL;
}

/* Of a public tensor's words, as they are read in the field. */
static syi_bounds of_public(const syi_array *array, const syi_field *field)
{
    int64_t low = INT64_MAX, high = INT64_MIN;
    if (sy_dtype_is_floating(array->dtype)) {
        return SYI_BOUNDS_NONE;
    }
    for (int64_t k = 0; k < syi_array_numel(array); k++) {
        const int64_t x = syi_array_get_int(array, k);
        low = x < low ? x : low;
        high = x > high ? x : high;
    }
    return low > high ? syi_bounds_of(0, 0) : syi_bounds_in(syi_bounds_of(low, high), field);
}

static syi_bounds of_value(const syi_share_op *o, const sy_value *value)
{
    const syi_field *field = &o->kin->field;
    double real = 0;
    switch ((int)value->kind) {
    case SY_VALUE_INT:
        return syi_bounds_in(syi_bounds_of(value->as.integer, value->as.integer), field);
    case SY_VALUE_BOOL:
        return syi_bounds_of(value->as.boolean, value->as.boolean);
    case SY_VALUE_FLOAT:
        real = value->as.real;
        return real == floor(real) && fabs(real) < 0x1p61
                   ? syi_bounds_in(syi_bounds_of((int64_t)real, (int64_t)real), field)
                   : SYI_BOUNDS_NONE;
    case SYI_VALUE_NODE:
        break;
    default:
        return SYI_BOUNDS_NONE;
    }
    const syi_share *share = syi_share_of(value->as.internal);
    const syi_array *array = array_of(value);
    return share != NULL   ? syi_share_get_bounds(share)
           : array != NULL ? of_public(array, field)
                           : SYI_BOUNDS_NONE;
}

static bool is_unknown_share(const syi_share_op *o, int k)
{
    const syi_share *share = syi_share_argument(o, k);
    return share != NULL && !syi_share_get_bounds(share).known;
}

static syi_bounds at(const syi_share_op *o, int k)
{
    return of_value(o, &o->call->args[k]);
}

/* Both are known. A public tensor is looked at only beside a share that is. */
static bool both(const syi_share_op *o, int i, int k, syi_bounds *x, syi_bounds *y)
{
    if (is_unknown_share(o, i) || is_unknown_share(o, k)) {
        return false;
    }
    *x = at(o, i);
    *y = at(o, k);
    return x->known && y->known;
}

/* Argument k is a public number, or a tensor of one. */
static bool number_at(const syi_share_op *o, int k, int64_t *number)
{
    const syi_bounds of = syi_share_argument(o, k) == NULL ? at(o, k) : SYI_BOUNDS_NONE;
    *number = of.low;
    return of.known && of.low == of.high;
}

/* Elements that become one where these dims go; -1: no such dims. */
static int64_t reduced(const syi_share_op *o, const sy_value *dims)
{
    const syi_array *array = array_of(&o->call->args[0]);
    const bool list = dims->kind == SY_VALUE_LIST;
    const size_t count = list ? dims->as.list.count : dims->kind == SY_VALUE_INT ? 1 : 0;
    int64_t elements = 1;
    if (count == 0) {
        return syi_array_numel(array);
    }
    for (size_t k = 0; k < count && array->ndim > 0; k++) {
        int dim = 0;
        const sy_value *item = list ? &dims->as.list.items[k] : dims;
        if (syi_dim_wrap(&dim, item->as.integer, array->ndim, NULL) != SY_OK ||
            __builtin_mul_overflow(elements, array->shape[dim], &elements)) {
            return -1;
        }
    }
    return elements;
}

static int64_t size_at(const syi_share_op *o, int k, int dim)
{
    const syi_array *array = array_of(&o->call->args[k]);
    return array != NULL && array->ndim > 0 ? array->shape[dim < 0 ? array->ndim + dim : dim] : -1;
}

/* Sums */

void syi_bounds_rule_add(const syi_share_op *o, syi_share_bounds *b)
{
    const syi_op_id id = o->call->op->id;
    syi_bounds x, y;
    if (both(o, 0, 1, &x, &y)) {
        const syi_bounds scale = at(o, 2);
        b->results[0] = id == SYI_OP_add   ? syi_bounds_add(x, syi_bounds_mul(y, scale))
                        : id == SYI_OP_sub ? syi_bounds_sub(x, syi_bounds_mul(y, scale))
                                           : syi_bounds_sub(y, syi_bounds_mul(x, scale));
    }
}

void syi_bounds_rule_neg(const syi_share_op *o, syi_share_bounds *b)
{
    b->results[0] = syi_bounds_neg(at(o, 0));
}

void syi_bounds_rule_sum(const syi_share_op *o, syi_share_bounds *b)
{
    b->results[0] = syi_bounds_sum(at(o, 0), reduced(o, &o->call->args[1]));
}

void syi_bounds_rule_cumsum(const syi_share_op *o, syi_share_bounds *b)
{
    b->results[0] = syi_bounds_partial_sums(at(o, 0), reduced(o, &o->call->args[1]));
}

void syi_bounds_rule_trace(const syi_share_op *o, syi_share_bounds *b)
{
    const int64_t rows = size_at(o, 0, 0), columns = size_at(o, 0, -1);
    b->results[0] = syi_bounds_sum(at(o, 0), rows < columns ? rows : columns);
}

/* What is divided must not have wrapped. */
static syi_bounds average(const syi_share_op *o, syi_bounds sum, int64_t divisor)
{
    return syi_bounds_quotient(syi_bounds_in(sum, &o->kin->field), divisor);
}

void syi_bounds_rule_mean(const syi_share_op *o, syi_share_bounds *b)
{
    const int64_t count = reduced(o, &o->call->args[1]);
    b->results[0] = average(o, syi_bounds_sum(at(o, 0), count), count);
}

void syi_bounds_rule_avg_pool(const syi_share_op *o, syi_share_bounds *b)
{
    const sy_value *args = o->call->args, *size = &args[1];
    const bool list = size->kind == SY_VALUE_LIST && size->as.list.count > 0;
    const sy_value *items = list ? size->as.list.items : size;
    const int64_t rows = items[0].kind == SY_VALUE_INT ? items[0].as.integer : 0,
                  columns = list ? items[size->as.list.count - 1].as.integer : rows;
    const int64_t count = rows > 0 && columns > 0 && rows < 65536 && columns < 65536
                              ? rows * columns
                              : -1; /* refused */
    const syi_bounds padded = syi_bounds_join(at(o, 0), syi_bounds_of(0, 0));
    b->results[0] = average(o, syi_bounds_sum(padded, count),
                            args[6].kind == SY_VALUE_INT ? args[6].as.integer : count);
}

/* Products */

void syi_bounds_rule_mul(const syi_share_op *o, syi_share_bounds *b)
{
    syi_bounds x, y;
    if (both(o, 0, 1, &x, &y)) {
        b->results[0] = syi_bounds_mul(x, y);
    }
}

/* Matrices and vectors: so many products are added as the first factor's last dim has elements; of outer one. */
void syi_bounds_rule_product(const syi_share_op *o, syi_share_bounds *b)
{
    syi_bounds x, y;
    if (both(o, 0, 1, &x, &y)) {
        b->results[0] = syi_bounds_sum(syi_bounds_mul(x, y),
                                       o->call->op->id == SYI_OP_outer ? 1 : size_at(o, 0, -1));
    }
}

/* As many as an output channel has weights, some of them with padding; and the bias. */
void syi_bounds_rule_convolution(const syi_share_op *o, syi_share_bounds *b)
{
    const syi_array *weight = array_of(&o->call->args[1]);
    const bool biased = o->call->args[2].kind != SY_VALUE_NONE;
    syi_bounds x, y;
    if (weight == NULL || weight->ndim == 0 || !both(o, 0, 1, &x, &y)) {
        return;
    }
    const int64_t count = weight->shape[0] > 0 ? syi_array_numel(weight) / weight->shape[0] : 0;
    const syi_bounds product = syi_bounds_join(syi_bounds_mul(x, y), syi_bounds_of(0, 0)),
                     sum = syi_bounds_sum(product, count);
    b->results[0] = biased ? syi_bounds_add(sum, at(o, 2)) : sum;
}

void syi_bounds_rule_addmm(const syi_share_op *o, syi_share_bounds *b)
{
    syi_bounds x, y;
    if (!is_unknown_share(o, 0) && both(o, 1, 2, &x, &y)) {
        const syi_bounds product = syi_bounds_sum(syi_bounds_mul(x, y), size_at(o, 1, -1));
        b->results[0] =
            syi_bounds_add(syi_bounds_mul(at(o, 0), at(o, 3)), syi_bounds_mul(product, at(o, 4)));
    }
}

void syi_bounds_rule_square(const syi_share_op *o, syi_share_bounds *b)
{
    b->results[0] = syi_bounds_pow(at(o, 0), 2);
}

void syi_bounds_rule_pow(const syi_share_op *o, syi_share_bounds *b)
{
    int64_t exponent = 0;
    if (number_at(o, 1, &exponent)) {
        b->results[0] = syi_bounds_pow(at(o, 0), exponent);
    }
}

/* Quotients by public numbers */

void syi_bounds_rule_div(const syi_share_op *o, syi_share_bounds *b)
{
    int64_t divisor = 0;
    if (number_at(o, 1, &divisor)) {
        b->results[0] = syi_bounds_quotient(at(o, 0), divisor);
    }
}

/* A quotient that was rounded down or up leaves less than the divisor, of every number that can be divided. */
void syi_bounds_rule_floor_divide(const syi_share_op *o, syi_share_bounds *b)
{
    int64_t divisor = 0;
    if (!number_at(o, 1, &divisor) || divisor == 0) {
        return;
    }
    const int64_t most = (divisor < 0 ? -divisor : divisor) - 1;
    b->rest = syi_bounds_of(-most, most);
    b->results[0] = o->call->op->id == SYI_OP_floor_divide ? syi_bounds_quotient(at(o, 0), divisor)
                    : divisor > 0                          ? syi_bounds_of(0, most)
                                                           : syi_bounds_of(-most, 0);
}

/* Comparisons */

/* x >= y and the others: a bit. */
void syi_bounds_rule_compare(const syi_share_op *o, syi_share_bounds *b)
{
    const syi_op_id id = o->call->op->id;
    const bool swapped = id == SYI_OP_gt || id == SYI_OP_le;
    syi_bounds x, y;
    if (both(o, 0, 1, &x, &y)) {
        b->compared = swapped ? syi_bounds_sub(y, x) : syi_bounds_sub(x, y);
    }
    b->results[0] = syi_bounds_of(0, 1);
}

/* Of a quotient that waits, too. */
void syi_bounds_rule_relu(const syi_share_op *o, syi_share_bounds *b)
{
    const uint64_t divisor = o->like->divisor;
    b->compared = at(o, 0);
    b->results[0] = syi_bounds_max(b->compared, syi_bounds_of(0, 0));
    if (divisor > 0) {
        b->results[0] = syi_bounds_quotient(b->results[0], (int64_t)divisor);
    }
}

void syi_bounds_rule_threshold_backward(const syi_share_op *o, syi_share_bounds *b)
{
    syi_bounds x, threshold;
    if (both(o, 1, 2, &x, &threshold)) {
        b->compared = syi_bounds_sub(threshold, x);
    }
    b->results[0] = syi_bounds_join(at(o, 0), syi_bounds_of(0, 0));
}

void syi_bounds_rule_abs(const syi_share_op *o, syi_share_bounds *b)
{
    b->compared = at(o, 0);
    b->results[0] = syi_bounds_abs(b->compared);
}

/* x and x - 1 */
void syi_bounds_rule_sign(const syi_share_op *o, syi_share_bounds *b)
{
    b->compared = syi_bounds_add(at(o, 0), syi_bounds_of(-1, 0));
    b->results[0] = syi_bounds_of(-1, 1);
}

void syi_bounds_rule_greater(const syi_share_op *o, syi_share_bounds *b)
{
    syi_bounds x, y;
    if (both(o, 0, 1, &x, &y)) {
        b->compared = syi_bounds_sub(x, y);
        b->results[0] =
            o->call->op->id == SYI_OP_minimum ? syi_bounds_min(x, y) : syi_bounds_max(x, y);
    }
}

/* Two numbers are taken off x at once, otherwise the second one's turn comes after the first one's. */
void syi_bounds_rule_clamp(const syi_share_op *o, syi_share_bounds *b)
{
    const syi_op_id id = o->call->op->id;
    const sy_value *args = o->call->args;
    const int most = id == SYI_OP_clamp ? 2 : 1;
    const bool has_least = id != SYI_OP_clamp_max && args[1].kind != SY_VALUE_NONE,
               has_most = id != SYI_OP_clamp_min && args[most].kind != SY_VALUE_NONE;
    const syi_bounds x = at(o, 0);
    syi_bounds now = x, compared = SYI_BOUNDS_NONE;
    if (!x.known) {
        return;
    }
    if (has_least) {
        const syi_bounds low = at(o, 1);
        compared = syi_bounds_sub(x, low);
        now = syi_bounds_max(x, low);
    }
    if (has_most) {
        const syi_bounds high = at(o, most), above = syi_bounds_sub(syi_bounds_join(x, now), high);
        compared = has_least ? syi_bounds_join(compared, above) : above;
        now = syi_bounds_min(now, high);
    }
    b->compared = compared;
    b->results[0] = now;
}

/* Tournaments compare elements with each other. */
void syi_bounds_rule_extremum(const syi_share_op *o, syi_share_bounds *b)
{
    const syi_op_id id = o->call->op->id;
    const syi_bounds x = at(o, 0), places = syi_bounds_of(0, reduced(o, &o->call->args[1]) - 1);
    b->compared = syi_bounds_sub(x, x);
    b->results[0] = id == SYI_OP_argmax || id == SYI_OP_argmin ? places : x;
    b->results[1] = places;
}

/* Keys: share_sort.c. */
void syi_bounds_rule_sort(const syi_share_op *o, syi_share_bounds *b)
{
    const syi_op_id id = o->call->op->id;
    const syi_bounds x = at(o, 0);
    const int64_t count = reduced(o, &o->call->args[id == SYI_OP_topk ? 2 : 1]);
    if (count < 1 || count > SYI_NETWORK_MOST) {
        return;
    }
    const sy_value *descending = &o->call->args[id == SYI_OP_topk ? 3 : 2];
    const int64_t step = INT64_C(1) << syi_network_doublings(count);
    const syi_bounds places = syi_bounds_of(0, count - 1),
                     scaled = syi_bounds_scale(x, descending->as.boolean ? -step : step),
                     keys = syi_bounds_add(scaled, places);
    b->compared = syi_bounds_sub(keys, keys);
    b->rest = syi_bounds_of(1 - step, step - 1);
    b->results[0] = id == SYI_OP_argsort ? places : x;
    b->results[1] = places;
}

/* Padding is less than all elements, by one. */
void syi_bounds_rule_max_pool(const syi_share_op *o, syi_share_bounds *b)
{
    const syi_bounds x = at(o, 0),
                     padded = syi_bounds_join(x, syi_bounds_add(x, syi_bounds_of(-1, 0)));
    const int64_t rows = size_at(o, 0, -1),
                  columns = array_of(&o->call->args[0])->ndim > 1 ? size_at(o, 0, -2) : -1;
    b->compared = syi_bounds_sub(padded, padded);
    b->results[0] = x;
    b->results[1] =
        rows > 0 && columns > 0 ? syi_bounds_of(0, rows * columns - 1) : SYI_BOUNDS_NONE;
}

/* By a shared condition it is the other one and a multiple of their difference: a bit's, if it is one. */
void syi_bounds_rule_where(const syi_share_op *o, syi_share_bounds *b)
{
    const syi_share *condition = syi_share_argument(o, 0);
    const syi_bounds bit =
        condition != NULL ? syi_share_get_bounds(condition) : syi_bounds_of(0, 1);
    syi_bounds x, y;
    if (bit.known && bit.low >= 0 && bit.high <= 1 && both(o, 1, 2, &x, &y)) {
        b->results[0] = syi_bounds_join(x, y);
    }
}

/* Constants and copies */

void syi_bounds_rule_same(const syi_share_op *o, syi_share_bounds *b)
{
    b->results[0] = at(o, 0);
}

void syi_bounds_rule_constant(const syi_share_op *o, syi_share_bounds *b)
{
    const sy_value *args = o->call->args;
    switch ((int)o->call->op->id) {
    case SYI_OP_ones_like:
    case SYI_OP_new_ones:
        b->results[0] = syi_bounds_of(1, 1);
        break;
    case SYI_OP_full_like:
        b->results[0] = of_value(o, &args[1]);
        break;
    case SYI_OP_new_full:
        b->results[0] = of_value(o, &args[2]);
        break;
    default:
        b->results[0] = syi_bounds_of(0, 0);
        break;
    }
}

/* copy_, fill_ */
void syi_bounds_rule_copy_(const syi_share_op *o, syi_share_bounds *b)
{
    b->results[0] = o->call->op->id == SYI_OP_zero_ ? syi_bounds_of(0, 0) : at(o, 1);
}

/* masked_fill, constant_pad_nd: elements, and a value */
void syi_bounds_rule_filled(const syi_share_op *o, syi_share_bounds *b)
{
    syi_bounds x, y;
    if (both(o, 0, 2, &x, &y)) {
        b->results[0] = syi_bounds_join(x, y);
    }
}

/* Elements of all values that change their places. */
void syi_bounds_rule_moved(const syi_share_op *o, syi_share_bounds *b)
{
    const syi_call *call = o->call;
    syi_bounds all = SYI_BOUNDS_NONE;
    bool first = true;
    for (int k = 0; k < call->arg_count; k++) {
        const bool list = call->args[k].kind == SY_VALUE_LIST;
        const sy_value *items = list ? call->args[k].as.list.items : &call->args[k];
        const size_t count = (o->values >> k & 1u) == 0 ? 0
                             : list                     ? call->args[k].as.list.count
                                                        : 1;
        for (size_t i = 0; i < count && (first || all.known); i++) {
            const syi_bounds x = of_value(o, &items[i]);
            all = first ? x : syi_bounds_join(all, x);
            first = false;
        }
    }
    b->results[0] = all;
}

/* The same among zeros. */
void syi_bounds_rule_spread(const syi_share_op *o, syi_share_bounds *b)
{
    syi_bounds_rule_moved(o, b);
    b->results[0] = syi_bounds_join(b->results[0], syi_bounds_of(0, 0));
}

/* What is put in may be added to what is there. */
void syi_bounds_rule_put(const syi_share_op *o, syi_share_bounds *b)
{
    const sy_value *accumulate = &o->call->args[4];
    if (accumulate->kind == SY_VALUE_BOOL && !accumulate->as.boolean) {
        syi_bounds_rule_moved(o, b);
    }
}
