/*
 * share_products.c - products and quotients of shares: local where one factor is public, party programs of crypto/spdz.h
 * otherwise. Part of share_rows.h.
 */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "interpreters/sharing/share_rows.h"

/* Joint, on words */

static size_t count_of(sy_tensor *words)
{
    return (size_t)syi_array_numel(syi_share_array(words));
}

sy_tensor *syi_words_like(syi_share_op *o, sy_tensor *words)
{
    return words != NULL && !syi_share_failed(o)
               ? syi_share_new_words(o, syi_share_array(words)->ndim, syi_share_array(words)->shape)
               : NULL;
}

sy_tensor *syi_words_refresh(syi_share_op *o, sy_tensor *a)
{
    sy_error error = SY_ERROR_INIT;
    sy_tensor *zero = syi_words_like(o, a);
    if (zero == NULL || !syi_share_needs_run(o) ||
        !syi_share_latch(o,
                         syi_spdz_zero(&o->run->party, &o->kin->field, syi_share_data(zero),
                                       count_of(zero), &error),
                         &error)) {
        return NULL;
    }
    return syi_words_add(o, a, zero, false);
}

/* The exponent where d is a power of 2, else 0. */
static unsigned exponent_of(uint64_t d)
{
    return (d & (d - 1)) == 0 ? (unsigned)__builtin_ctzll(d) : 0;
}

static bool can_divide(syi_share_op *o, int64_t divisor)
{
    const uint64_t d = divisor < 0 ? 0 - (uint64_t)divisor : (uint64_t)divisor;
    const uint64_t quarter = syi_field_most(&o->kin->field) / 2;
    if (d == 0 || d > quarter) {
        syi_share_refuse(o, SY_ERANGE,
                         d == 0 ? "by 0" : "by %" PRId64 "; a quarter of the field is %" PRIu64,
                         divisor, quarter);
        return false;
    }
    return true;
}

sy_tensor *syi_words_divide(syi_share_op *o, sy_tensor *a, int64_t divisor)
{
    const syi_field *field = &o->kin->field;
    const uint64_t d = divisor < 0 ? 0 - (uint64_t)divisor : (uint64_t)divisor;
    sy_error error = SY_ERROR_INIT;
    if (!can_divide(o, divisor)) {
        return NULL;
    }
    a = syi_share_dense(o, a);
    if (d > 1) {
        sy_tensor *quotient = syi_words_like(o, a);
        if (quotient == NULL || !syi_share_needs_run(o)) {
            return NULL;
        }
        const unsigned shift = syi_field_bits(field) > 0 ? exponent_of(d) : 0;
        const sy_status status =
            shift > 0 ? syi_spdz_shift(&o->run->party, field, syi_share_data(quotient),
                                       syi_share_data(a), count_of(a), shift, &error)
                      : syi_spdz_divide(&o->run->party, field, syi_share_data(quotient),
                                        syi_share_data(a), count_of(a), d, &error);
        if (!syi_share_latch(o, status, &error)) {
            return NULL;
        }
        a = quotient;
    }
    return syi_words_scale(o, a, divisor < 0 ? -1 : 1);
}

/* Products */

/* A factor: this holder's words of a share, or what everybody knows. */
typedef struct factor {
    sy_tensor *words;
    syi_share *share; /* NULL: public */
} factor;

static bool take(syi_share_op *o, int k, factor *f)
{
    f->share = syi_share_argument(o, k);
    f->words = f->share != NULL ? syi_share_words(o, f->share) : syi_share_public(o, k);
    return f->words != NULL;
}

static bool masked(syi_share_op *o, const factor *f, bool keep, syi_factor *out)
{
    sy_error error = SY_ERROR_INIT;
    out->share = syi_share_array(f->words);
    out->mask = NULL;
    const bool forced = o->run->session->stock.force;
    return !keep || forced ||
           syi_share_latch(o, syi_share_mask(f->share, o->run->session, &out->mask, &error),
                           &error);
}

/* What zeros in a public factor leave of the shares is refreshed: nobody sees in them where it was zero. */
static bool has_zero(const factor *f)
{
    const syi_array *array = syi_share_array(f->words);
    for (int64_t k = 0; k < syi_array_numel(array); k++) {
        if (syi_array_get_int(array, k) == 0) {
            return true;
        }
    }
    return false;
}

static sy_tensor *multiply(syi_share_op *o, const syi_bilinear *product, const factor *x,
                           const factor *y)
{
    const syi_field *field = &o->kin->field;
    sy_context *context = o->call->hook->context;
    sy_error error = SY_ERROR_INIT;
    sy_tensor *z = syi_share_new_words(o, product->z.ndim, product->z.shape);
    if (z == NULL) {
        return NULL;
    }
    if (x->share == NULL || y->share == NULL) {
        memset(syi_share_data(z), 0, syi_array_bytes(syi_share_array(z)));
        if (x->share == y->share && !syi_share_leads(o)) {
            return z; /* both are public: the lead's */
        }
        const sy_status status =
            syi_bilinear_add(context, product, field, syi_share_data(z), syi_share_array(x->words),
                             syi_share_array(y->words), &error);
        if (!syi_share_latch(o, status, &error)) {
            return NULL;
        }
        return o->run != NULL && x->share != y->share && has_zero(x->share == NULL ? x : y)
                   ? syi_words_refresh(o, z)
                   : z;
    }
    const bool keep = product->kind != SYI_BILINEAR_MUL;
    syi_factor fx, fy;
    if (!syi_share_needs_run(o) || !masked(o, x, keep, &fx) || !masked(o, y, keep, &fy)) {
        return NULL;
    }
    const sy_status status =
        syi_spdz_product(&o->run->party, field, product, syi_share_data(z), &fx, &fy, &error);
    return syi_share_latch(o, status, &error) ? z : NULL;
}

/* By the row's own rule, on arguments whose tensors are words. */
static sy_tensor *product_of_row(syi_share_op *o, const syi_op *op, const sy_value *args, int count,
                                 const factor *factors)
{
    sy_value bound[SYI_ARGUMENT_MAX];
    syi_bilinear product;
    sy_error error = SY_ERROR_INIT;
    int at[2] = {0, 1};
    memcpy(bound, args, (size_t)count * sizeof bound[0]);
    for (int k = 0; k < 2; k++) {
        bound[k].kind = (sy_value_kind)SYI_VALUE_ARRAY;
        bound[k].as.internal = syi_share_array(factors[k].words);
    }
    const sy_status status =
        syi_bilinear_of_row(&product, op, bound, &o->kin->field, &at[0], &at[1], &error);
    return syi_share_latch(o, status, &error)
               ? multiply(o, &product, &factors[at[0]], &factors[at[1]])
               : NULL;
}

void syi_share_mul(syi_share_op *o)
{
    factor factors[2];
    int64_t number = 0;
    const int other = syi_share_argument(o, 0) != NULL ? 1 : 0;
    if (o->call->args[other].kind != (sy_value_kind)SYI_VALUE_NODE) {
        if (syi_share_number(o, &o->call->args[other], &number)) {
            sy_tensor *z = syi_words_scale(o, syi_share_words(o, o->like), number);
            syi_share_emit(o, number == 0 && o->run != NULL ? syi_words_refresh(o, z) : z);
        }
        return;
    }
    if (take(o, 0, &factors[0]) && take(o, 1, &factors[1])) {
        syi_share_emit(o, product_of_row(o, o->call->op, o->call->args, 2, factors));
    }
}

/* matmul and its kin, convolutions with their bias */
void syi_share_product(syi_share_op *o)
{
    factor factors[2];
    const syi_op_id id = o->call->op->id;
    sy_value args[SYI_ARGUMENT_MAX];
    memcpy(args, o->call->args, (size_t)o->call->arg_count * sizeof args[0]);
    if (!take(o, 0, &factors[0]) || !take(o, 1, &factors[1])) {
        return;
    }
    const bool convolution = id == SYI_OP_conv1d || id == SYI_OP_conv2d;
    if (convolution) {
        args[2] = sy_value_none();
    }
    sy_tensor *z = product_of_row(o, o->call->op, args, o->call->arg_count, factors);
    if (convolution && z != NULL && o->call->args[2].kind != SY_VALUE_NONE) {
        const int64_t channels[] = {-1, 1, 1};
        const syi_share *share = syi_share_argument(o, 2);
        sy_tensor *bias = share != NULL ? syi_share_words(o, share) : syi_share_public(o, 2);
        if (bias != NULL && (share != NULL || syi_share_leads(o))) {
            bias = sy_reshape(o->s, bias, id == SYI_OP_conv1d ? 2 : 3, channels);
            z = syi_words_add(o, z, bias, false);
        }
    }
    syi_share_emit(o, z);
}

/* beta self + alpha mat1 mat2; of batches, too */
void syi_share_addmm(syi_share_op *o)
{
    factor factors[2];
    int64_t alpha = 1, beta = 1;
    const syi_share *self = syi_share_argument(o, 0);
    if (!syi_share_number(o, &o->call->args[3], &beta) ||
        !syi_share_number(o, &o->call->args[4], &alpha) || !take(o, 1, &factors[0]) ||
        !take(o, 2, &factors[1])) {
        return;
    }
    sy_tensor *z =
        product_of_row(o, syi_op_get(o->call->op->id == SYI_OP_baddbmm ? SYI_OP_bmm : SYI_OP_mm),
                       &o->call->args[1], 2, factors);
    sy_tensor *added = self != NULL ? syi_share_words(o, self) : syi_share_public(o, 0);
    z = syi_words_scale(o, z, alpha);
    if (self != NULL || syi_share_leads(o)) {
        z = syi_words_add(o, z, syi_words_scale(o, added, beta), false);
    }
    syi_share_emit(o, z);
}

static sy_tensor *square(syi_share_op *o, sy_tensor *x)
{
    sy_error error = SY_ERROR_INIT;
    x = syi_share_dense(o, x);
    sy_tensor *z = syi_words_like(o, x);
    return z != NULL && syi_share_needs_run(o) &&
                   syi_share_latch(o,
                                   syi_spdz_square(&o->run->party, &o->kin->field,
                                                   syi_share_data(z), syi_share_data(x),
                                                   count_of(x), &error),
                                   &error)
               ? z
               : NULL;
}

void syi_share_square(syi_share_op *o)
{
    syi_share_emit(o, square(o, syi_share_words(o, o->like)));
}

sy_tensor *syi_words_times(syi_share_op *o, sy_tensor *x, sy_tensor *y)
{
    syi_bilinear product;
    sy_error error = SY_ERROR_INIT;
    if (x == NULL || y == NULL || syi_share_failed(o)) {
        return NULL;
    }
    const syi_array *a = syi_share_array(x), *b = syi_share_array(y);
    const sy_status status = syi_bilinear_of_name(&product, "mul", &o->kin->field, a->ndim,
                                                  a->shape, b->ndim, b->shape, &error);
    const factor fx = {x, o->like}, fy = {y, o->like};
    return syi_share_latch(o, status, &error) ? multiply(o, &product, &fx, &fy) : NULL;
}

void syi_share_pow(syi_share_op *o)
{
    int64_t exponent = 0;
    if (syi_share_argument(o, 1) != NULL || syi_share_argument(o, 0) == NULL) {
        syi_share_refuse(o, SY_ENOTSUP, "the exponent must be a public whole number");
        return;
    }
    if (!syi_share_number(o, &o->call->args[1], &exponent)) {
        return;
    }
    if (exponent < 0) {
        syi_share_refuse(o, SY_ENOTSUP, "a shared integer has no power of %" PRId64, exponent);
        return;
    }
    sy_tensor *factor_ = syi_share_words(o, o->like), *power = NULL;
    for (uint64_t left = (uint64_t)exponent; left > 0 && !syi_share_failed(o); left >>= 1) {
        if (left & 1) {
            power = power == NULL ? factor_ : syi_words_times(o, power, factor_);
        }
        factor_ = left > 1 ? square(o, factor_) : factor_;
    }
    if (exponent == 0) {
        power = syi_words_like(o, factor_);
        if (power != NULL) {
            memset(syi_share_data(power), 0, syi_array_bytes(syi_share_array(power)));
            if (syi_share_leads(o)) {
                syi_field_add_public(&o->kin->field, syi_share_data(power), syi_share_data(power),
                                     1, count_of(power));
            }
        }
    } else if (exponent == 1) {
        power = sy_clone(o->s, power);
    }
    syi_share_emit(o, power);
}

bool syi_share_divisor(syi_share_op *o, int k, int64_t *divisor)
{
    const sy_value *value = &o->call->args[k];
    if (value->kind != (sy_value_kind)SYI_VALUE_NODE) {
        return syi_share_number(o, value, divisor);
    }
    sy_tensor *words = syi_share_public(o, k);
    if (words == NULL || syi_array_numel(syi_share_array(words)) != 1) {
        syi_share_refuse(o, SY_ENOTSUP, "by a tensor of several numbers");
        return false;
    }
    *divisor =
        syi_field_signed(&o->kin->field, (uint64_t)syi_array_get_int(syi_share_array(words), 0));
    return true;
}

/* Quotients that wait */

void syi_share_defer(const syi_mode *mode)
{
    syi_sharing_run *run = syi_sharing_run_of(mode);
    if (run != NULL) {
        run->defers = !run->party.check_range;
    }
}

/* Is such a division there, made ahead, and no ReLU that takes one along? Then it is to be used. */
static bool is_made_ahead(const syi_share_op *o, uint64_t divisor, uint64_t count)
{
    const syi_field *field = &o->kin->field;
    const unsigned shift = exponent_of(divisor);
    const syi_demand demand = {.kind = shift > 0 ? SYI_MATERIAL_SHIFT : SYI_MATERIAL_DIVIDE,
                               .field = *field,
                               .count = count,
                               .shift = shift,
                               .divisor = shift > 0 ? 0 : divisor};
    syi_sharing_session *session = o->run->session;
    pthread_mutex_lock(&session->lock);
    const bool made = syi_stock_left(&session->stock, &demand) > 0;
    pthread_mutex_unlock(&session->lock);
    const syi_comparison relu = {.outcome =
                                     shift > 0 ? SYI_OUTCOME_RELU_SHIFT : SYI_OUTCOME_RELU_DIVIDE,
                                 .shift = shift,
                                 .divisor = demand.divisor,
                                 .range = syi_bounds_bits(syi_share_get_bounds(o->like), field)};
    return made && syi_share_made_ahead(o, &relu, count) == SYI_FAMILY_AUTO;
}

static bool may_wait(const syi_share_op *o, int64_t divisor, sy_tensor *x)
{
    return o->run != NULL && o->run->defers && divisor > 1 && !o->call->inplace &&
           syi_field_bits(&o->kin->field) > 0 && x != NULL &&
           !is_made_ahead(o, (uint64_t)divisor, count_of(x));
}

/* div, div_trunc: by a public whole number, rounded down or up (crypto/spdz.h); by a shared one, toward zero */
void syi_share_div(syi_share_op *o)
{
    int64_t divisor = 0;
    if (syi_share_argument(o, 1) != NULL) {
        syi_share_emit(o, syi_words_quotient(o, syi_share_operand(o, 0), syi_share_operand(o, 1)));
        return;
    }
    if (!syi_share_divisor(o, 1, &divisor) || !can_divide(o, divisor)) {
        return;
    }
    sy_tensor *x = syi_share_words(o, o->like);
    if (may_wait(o, divisor, x) && syi_share_needs_run(o)) { /* x may be written to meanwhile */
        syi_share_emit_quotient(o, sy_clone(o->s, x), (uint64_t)divisor);
    } else {
        syi_share_emit(o, syi_words_divide(o, x, divisor));
    }
}

sy_status syi_share_settle(syi_share *share, const syi_mode *mode, sy_error *err)
{
    sy_hook *hook = share->base.hook;
    sy_error error = SY_ERROR_INIT;
    if (share->divisor == 0) {
        return SY_OK;
    }
    syi_call call = {.hook = hook, .op = syi_op_get(SYI_OP_div), .mode = mode};
    const syi_bounds before = syi_share_get_bounds(share);
    syi_share_op o = {.call = &call,
                      .s = sy_scope_begin(hook),
                      .like = share,
                      .kin = share->kin,
                      .run = syi_sharing_run_of(mode)};
    if (o.s == NULL) {
        return SYI_ENOMEM(err, call.op->name);
    }
    o.s->mode = *mode;
    o.s->mode.grad = false;
    sy_tensor *quotient = syi_words_divide(&o, syi_share_words(&o, share), (int64_t)share->divisor);
    if (quotient != NULL &&
        syi_share_latch(&o, syi_share_replace(share, quotient->node, &error), &error)) {
        syi_share_set_bounds(share, syi_bounds_quotient(before, (int64_t)share->divisor));
        share->divisor = 0;
    }
    return sy_scope_end(o.s, err);
}

void syi_share_mean(syi_share_op *o)
{
    const sy_value *args = o->call->args;
    sy_tensor *words = syi_share_words(o, o->like);
    sy_tensor *sum = syi_words_sum(o, words, &args[1], &args[2]);
    if (sum == NULL) {
        return;
    }
    const size_t left = count_of(sum);
    const int64_t terms = left > 0 ? (int64_t)(count_of(words) / left) : 0;
    if (terms == 0) {
        syi_share_refuse(o, SY_ERANGE, "of no elements");
        return;
    }
    syi_share_emit(o, syi_words_divide(o, sum, terms));
}
