#include "ring/field.h"

#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "ring/matmul.h"

__extension__ typedef unsigned __int128 wide; /* products of two words */

/* Modulo 2^32, or another power of 2, for which the kernels of 2^64 compute and the words' tops are cut off. */
static bool is_narrow(const syi_field *field)
{
    return field->width == 4;
}

static bool is_power(const syi_field *field)
{
    return (field->modulus & (field->modulus - 1)) == 0;
}

static void cut(const syi_field *field, uint64_t *words, size_t n)
{
    const uint64_t mask = field->modulus - 1;
    if (field->modulus != 0) {
        for (size_t i = 0; i < n; i++) {
            words[i] &= mask;
        }
    }
}

/*
 * The other moduli: the remainder of two words by one, with a reciprocal made once per call. Moeller, Granlund, "Improved
 * division by invariant integers" (IEEE Transactions on Computers, 2011), algorithm 4, its two corrections as masks.
 */
typedef struct divider {
    uint64_t modulus;
    uint64_t shifted; /* so far that the top bit is set */
    uint64_t reciprocal;
    unsigned shift;
} divider;

static divider divider_of(const syi_field *field)
{
    divider d = {.modulus = field->modulus, .shift = (unsigned)__builtin_clzll(field->modulus)};
    d.shifted = field->modulus << d.shift;
    d.reciprocal = (uint64_t)(((wide)~d.shifted << 64 | UINT64_MAX) / d.shifted);
    return d;
}

static inline uint64_t all_if(bool condition)
{
    return 0 - (uint64_t)condition;
}

/* u < modulus * 2^64 */
static inline uint64_t rest(const divider *d, wide u)
{
    u <<= d->shift;
    const wide q = (u >> 64) * d->reciprocal + u;
    uint64_t r = (uint64_t)u - ((uint64_t)(q >> 64) + 1) * d->shifted;
    r += d->shifted & all_if(r > (uint64_t)q);
    r -= d->shifted & all_if(r >= d->shifted);
    return r >> d->shift;
}

static inline uint64_t plus(const divider *d, uint64_t a, uint64_t b)
{
    const uint64_t sum = a + b;
    return sum - (d->modulus & all_if((sum < a) | (sum >= d->modulus)));
}

static inline uint64_t minus(const divider *d, uint64_t a, uint64_t b)
{
    return a - b + (d->modulus & all_if(a < b));
}

/* a b + c */
static inline uint64_t times(const divider *d, uint64_t a, uint64_t b, uint64_t c)
{
    return rest(d, (wide)a * b + c);
}

unsigned syi_field_bits(const syi_field *field)
{
    if (field->modulus == 0) {
        return 8 * field->width;
    }
    return is_power(field) ? (unsigned)__builtin_ctzll(field->modulus) : 0;
}

uint64_t syi_field_most(const syi_field *field)
{
    return is_narrow(field) ? INT32_MAX : (field->modulus - 1) / 2;
}

uint64_t syi_field_of(const syi_field *field, int64_t number)
{
    if (field->modulus == 0) {
        return is_narrow(field) ? (uint32_t)number : (uint64_t)number;
    }
    const uint64_t below = number < 0 ? ~(uint64_t)number % field->modulus : 0;
    return number < 0 ? field->modulus - 1 - below : (uint64_t)number % field->modulus;
}

int64_t syi_field_signed(const syi_field *field, uint64_t element)
{
    if (is_narrow(field)) {
        return (int32_t)element;
    }
    return (int64_t)(element - (field->modulus & all_if(element > syi_field_most(field))));
}

/* Ends the function where kernels do it. */
#define ON_KERNELS(name, ...)                                  \
    if (is_narrow(field)) {                                    \
        syi_ring_kernels_get()->ring32.name(out, __VA_ARGS__); \
        return;                                                \
    }                                                          \
    if (is_power(field)) {                                     \
        syi_ring_kernels_get()->ring64.name(out, __VA_ARGS__); \
        cut(field, out, n);                                    \
        return;                                                \
    }

#define EACH_OTHER(EXPRESSION)                            \
    const divider other = divider_of(field), *d = &other; \
    uint64_t *z = out;                                    \
    for (size_t i = 0; i < n; i++) {                      \
        z[i] = (EXPRESSION);                              \
    }

void syi_field_add(const syi_field *field, void *out, const void *a, const void *b, size_t n)
{
    const uint64_t *x = a, *y = b;
    ON_KERNELS(add, a, b, n)
    EACH_OTHER(plus(d, x[i], y[i]))
}

void syi_field_sub(const syi_field *field, void *out, const void *a, const void *b, size_t n)
{
    const uint64_t *x = a, *y = b;
    ON_KERNELS(sub, a, b, n)
    EACH_OTHER(minus(d, x[i], y[i]))
}

void syi_field_mul(const syi_field *field, void *out, const void *a, const void *b, size_t n)
{
    const uint64_t *x = a, *y = b;
    ON_KERNELS(mul, a, b, n)
    EACH_OTHER(times(d, x[i], y[i], 0))
}

void syi_field_neg(const syi_field *field, void *out, const void *a, size_t n)
{
    const uint64_t *x = a;
    ON_KERNELS(neg, a, n)
    EACH_OTHER(minus(d, 0, x[i]))
}

void syi_field_add_public(const syi_field *field, void *out, const void *a, uint64_t b, size_t n)
{
    const uint64_t *x = a;
    if (is_narrow(field)) {
        syi_ring_kernels_get()->ring32.add_public(out, a, (uint32_t)b, n);
    } else if (is_power(field)) {
        syi_ring_kernels_get()->ring64.add_public(out, a, b, n);
        cut(field, out, n);
    } else {
        const uint64_t y = b % field->modulus;
        EACH_OTHER(plus(d, x[i], y))
    }
}

void syi_field_mul_public(const syi_field *field, void *out, const void *a, uint64_t b, size_t n)
{
    const uint64_t *x = a;
    if (is_narrow(field)) {
        syi_ring_kernels_get()->ring32.mul_public(out, a, (uint32_t)b, n);
    } else if (is_power(field)) {
        syi_ring_kernels_get()->ring64.mul_public(out, a, b, n);
        cut(field, out, n);
    } else {
        EACH_OTHER(times(d, x[i], b, 0))
    }
}

void syi_field_mul_add(const syi_field *field, void *out, const void *a, const void *b, size_t n)
{
    const uint64_t *x = a, *y = b;
    ON_KERNELS(mul_add, a, b, n)
    EACH_OTHER(times(d, x[i], y[i], z[i]))
}

void syi_field_beaver(const syi_field *field, void *out, const void *x, const void *f,
                      const void *e, const void *b, const void *c, size_t n)
{
    const uint64_t *xs = x, *fs = f, *es = e, *bs = b, *cs = c;
    ON_KERNELS(beaver, x, f, e, b, c, n)
    EACH_OTHER(times(d, xs[i], fs[i], times(d, es[i], bs[i], cs[i])))
}

void syi_field_square(const syi_field *field, void *out, const void *e, const void *x,
                      const void *a, const void *q, size_t n)
{
    const uint64_t *es = e, *xs = x, *as = a, *qs = q;
    ON_KERNELS(square, e, x, a, q, n)
    EACH_OTHER(times(d, es[i], plus(d, xs[i], as[i]), qs[i]))
}

/*
 * Quotients of any word by any divisor: Granlund, Montgomery, "Division by invariant integers using multiplication" (PLDI
 * 1994), figure 4.1. The multiplier has 65 bits; its top one is the addition.
 */
typedef struct quotient {
    uint64_t multiplier;
    unsigned first, second; /* shifts */
} quotient;

static quotient quotient_of(uint64_t divisor)
{
    const unsigned bits = divisor > 1 ? 64 - (unsigned)__builtin_clzll(divisor - 1) : 0;
    const uint64_t above = (bits < 64 ? (uint64_t)1 << bits : 0) - divisor;
    return (quotient){.multiplier = (uint64_t)(((wide)above << 64) / divisor) + 1,
                      .first = bits > 0,
                      .second = bits > 0 ? bits - 1 : 0};
}

static inline uint64_t divided(const quotient *q, uint64_t number)
{
    const uint64_t high = (uint64_t)((wide)q->multiplier * number >> 64);
    return (high + ((number - high) >> q->first)) >> q->second;
}

/* Rounded down: below 0, floor(x / d) is the complement of floor(the complement of x / d). */
static inline uint64_t divided_signed(const quotient *q, int64_t number)
{
    const uint64_t sign = all_if(number < 0);
    return divided(q, (uint64_t)number ^ sign) ^ sign;
}

void syi_field_divide(const syi_field *field, void *out, const void *a, uint64_t divisor, size_t n)
{
    const quotient q = quotient_of(divisor);
    if (is_narrow(field)) {
        const uint32_t *x = a;
        uint32_t *z = out;
        for (size_t i = 0; i < n; i++) {
            z[i] = (uint32_t)divided(&q, x[i]);
        }
        return;
    }
    const uint64_t *x = a;
    uint64_t *z = out;
    for (size_t i = 0; i < n; i++) {
        z[i] = divided(&q, x[i]);
    }
}

void syi_field_divide_signed(const syi_field *field, void *out, const void *a, uint64_t divisor,
                             size_t n)
{
    const quotient q = quotient_of(divisor);
    if (is_narrow(field)) {
        const uint32_t *x = a;
        uint32_t *z = out;
        for (size_t i = 0; i < n; i++) {
            z[i] = (uint32_t)divided_signed(&q, (int32_t)x[i]);
        }
        return;
    }
    const uint64_t *x = a, modulus = field->modulus, most = syi_field_most(field);
    uint64_t *z = out;
    for (size_t i = 0; i < n; i++) {
        const int64_t number = (int64_t)(x[i] - (modulus & all_if(x[i] > most)));
        z[i] = divided_signed(&q, number) + (modulus & all_if(number < 0));
    }
}

void syi_field_reduce(const syi_field *field, void *out, const void *words, size_t n)
{
    if (n > 0 && out != words && is_power(field)) {
        memcpy(out, words, n * field->width);
    }
    if (is_power(field)) {
        cut(field, out, is_narrow(field) ? 0 : n);
        return;
    }
    /* Below 0, the remainder of the complement is what is missing to modulus - 1. */
    const divider d = divider_of(field);
    const uint64_t *x = words;
    uint64_t *z = out;
    for (size_t i = 0; i < n; i++) {
        const uint64_t sign = all_if((int64_t)x[i] < 0);
        const uint64_t r = rest(&d, x[i] ^ sign);
        z[i] = r + ((d.modulus - 1 - 2 * r) & sign);
    }
}

static void matmul_other(const syi_field *field, uint64_t *c, size_t c_row,
                         const syi_field_matrix *a, const syi_field_matrix *b, size_t m, size_t n,
                         size_t k)
{
    const divider d = divider_of(field);
    for (size_t i = 0; i < m; i++, c += c_row) {
        for (size_t p = 0; p < k; p++) {
            const uint64_t x = ((const uint64_t *)a->data)[i * a->row + p * a->column];
            const uint64_t *row = (const uint64_t *)b->data + p * b->row;
            for (size_t j = 0; j < n; j++) {
                c[j] = times(&d, x, row[j * b->column], c[j]);
            }
        }
    }
}

sy_status syi_field_matmul_rows(sy_context *context, const syi_field *field, void *c, size_t c_row,
                                syi_field_matrix a, syi_field_matrix b, size_t m, size_t n,
                                size_t k, sy_error *err)
{
    const syi_ring_kernels *kernels = syi_ring_kernels_get();
    if (is_narrow(field)) {
        const syi_ring32_matrix x = {a.data, a.row, a.column}, y = {b.data, b.row, b.column};
        return syi_ring32_matmul(context, kernels, c, c_row, x, y, m, n, k, true, err);
    }
    if (!is_power(field)) {
        matmul_other(field, c, c_row, &a, &b, m, n, k);
        return SY_OK;
    }
    const syi_ring64_matrix x = {a.data, a.row, a.column}, y = {b.data, b.row, b.column};
    SY_TRY(syi_ring64_matmul(context, kernels, c, c_row, x, y, m, n, k, true, err));
    for (size_t i = 0; i < m; i++) {
        cut(field, (uint64_t *)c + i * c_row, n);
    }
    return SY_OK;
}

size_t syi_field_drawn(const syi_field *field)
{
    return is_power(field) ? field->width : 2 * sizeof(uint64_t);
}

/* Two words each, the lower one first: what comes out of the upper one's remainder and the lower one. */
static sy_status draw_other(const syi_field *field, const syi_generator *generator, uint64_t place,
                            uint64_t *out, size_t n, sy_error *err)
{
    enum { ROOM = 256 };
    uint64_t words[ROOM][2];
    const divider d = divider_of(field);
    sy_status status = SY_OK;
    for (size_t at = 0; at < n && status == SY_OK; at += ROOM) {
        const size_t some = n - at < ROOM ? n - at : ROOM;
        status = syi_generator_fill(generator, place + at, words, some * sizeof *words, err);
        for (size_t i = 0; i < some && status == SY_OK; i++) {
            out[at + i] = rest(&d, (wide)rest(&d, words[i][1]) << 64 | words[i][0]);
        }
    }
    syi_wipe(words, sizeof words);
    return status;
}

sy_status syi_field_draw(const syi_field *field, const syi_generator *generator, uint64_t place,
                         void *out, size_t n, sy_error *err)
{
    if (n == 0) {
        return SY_OK;
    }
    if (!is_power(field)) {
        const sy_status status = draw_other(field, generator, place, out, n, err);
        if (status != SY_OK) {
            memset(out, 0, n * field->width);
        }
        return status;
    }
    const uint64_t elements = SYI_GENERATOR_BLOCK / field->width; /* of a block */
    SY_TRY(syi_generator_fill(generator, place / elements, out, n * field->width, err));
    if (!is_narrow(field)) {
        cut(field, out, n);
    }
    return SY_OK;
}
