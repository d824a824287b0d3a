#include "crypto/rounding.h"

#include <string.h>

#include "core/clones.h"
#include "ring/kernels.h"

uint64_t syi_rounding_quarter(const syi_field *field)
{
    if (field->modulus == 0) {
        return (uint64_t)1 << (8 * field->width - 2);
    }
    return field->modulus / 4;
}

uint64_t syi_rounding_half(const syi_field *field)
{
    return syi_field_most(field) + 1;
}

#define DEFINE_LOOPS(T, N)                                                               \
    SYI_CLONES static void parts##N(T *restrict u, T *restrict top, const T *restrict r, \
                                    unsigned shift, unsigned last, size_t n)             \
    {                                                                                    \
        for (size_t i = 0; i < n; i++) {                                                 \
            const T word = r[i];                                                         \
            u[i] = word >> shift;                                                        \
            top[i] = word >> last;                                                       \
        }                                                                                \
    }                                                                                    \
    /* to = from where the opened word is below half */                                  \
    SYI_CLONES static void choose##N(T *restrict to, const T *restrict from,             \
                                     const T *restrict opened, T half, size_t n)         \
    {                                                                                    \
        for (size_t i = 0; i < n; i++) {                                                 \
            const T below = (T)0 - (T)(opened[i] < half);                                \
            to[i] ^= (to[i] ^ from[i]) & below;                                          \
        }                                                                                \
    }

/*
 * Above `most`, signed(r) is r - M; with M = q d + s and the rest of r, floor((r - M) / d) = floor(r/d) - q - [rest < s], and
 * M added makes an element of it: it is below 0.
 */
#define DEFINE_SIGNED(T, N)                                                                        \
    SYI_CLONES static void quotients##N(T *restrict u1, const T *restrict u0, const T *restrict r, \
                                        const T divisor, const T most, const T down, const T rest, \
                                        size_t n)                                                  \
    {                                                                                              \
        for (size_t i = 0; i < n; i++) {                                                           \
            const T u = u0[i], above = (T)0 - (T)(r[i] > most),                                    \
                    carry = (T)(r[i] - u * divisor < rest);                                        \
            u1[i] = u - (above & (down + carry));                                                  \
        }                                                                                          \
    }

DEFINE_LOOPS(uint64_t, 64)
DEFINE_LOOPS(uint32_t, 32)
DEFINE_SIGNED(uint64_t, 64)
DEFINE_SIGNED(uint32_t, 32)

void syi_rounding_parts(const syi_field *field, void *u, void *top, const void *r, unsigned shift,
                        size_t n)
{
    const unsigned last = syi_field_bits(field) - 1;
    if (field->width == 4) {
        parts32(u, top, r, shift, last, n);
    } else {
        parts64(u, top, r, shift, last, n);
    }
}

void syi_rounding_quotients(const syi_field *field, void *u0, void *u1, const void *r,
                            uint64_t divisor, size_t n)
{
    const uint64_t most = syi_field_most(field), largest = field->modulus - 1; /* UINT64_MAX */
    const uint64_t last = field->width == 4 ? UINT32_MAX : largest;
    const bool whole = last % divisor == divisor - 1; /* M = last + 1 is a multiple */
    const uint64_t quotient = last / divisor + (whole ? 1 : 0),
                   rest = whole ? 0 : last % divisor + 1;
    syi_field_divide(field, u0, r, divisor, n);
    if (field->width == 4) {
        quotients32(u1, u0, r, (uint32_t)divisor, (uint32_t)most, (uint32_t)quotient,
                    (uint32_t)rest, n);
    } else {
        quotients64(u1, u0, r, divisor, most, quotient - field->modulus, rest, n);
    }
}

/* Of 2^k with k < 64: kernels.h' formula with the tops cut off. */
SYI_CLONES static void shift_in(uint64_t *out, const uint64_t *opened, const uint64_t *u,
                                const uint64_t *v, unsigned shift, unsigned bits, bool lead,
                                size_t n)
{
    const uint64_t mask = ((uint64_t)1 << bits) - 1, down = (uint64_t)1 << (bits - 2 - shift),
                   every = lead ? UINT64_MAX : 0;
    const unsigned up = bits - shift;
    for (size_t i = 0; i < n; i++) {
        const uint64_t c = opened[i], without = (c >> (bits - 1)) - 1;
        out[i] = ((((c >> shift) - down) & every) - u[i] + (without & (v[i] << up))) & mask;
    }
}

void syi_rounding_shift(const syi_field *field, void *out, const void *opened, const void *u,
                        const void *v, unsigned shift, bool lead, size_t n)
{
    const syi_ring_kernels *kernels = syi_ring_kernels_get();
    if (field->width == 4) {
        kernels->ring32.truncate(out, opened, u, v, shift, lead, n);
    } else if (field->modulus == 0) {
        kernels->ring64.truncate(out, opened, u, v, shift, lead, n);
    } else {
        shift_in(out, opened, u, v, shift, syi_field_bits(field), lead, n);
    }
}

void syi_rounding_divide(const syi_field *field, void *out, void *opened, void *u0, const void *u1,
                         uint64_t divisor, bool lead, size_t n)
{
    const uint64_t half = syi_rounding_half(field);
    if (field->width == 4) {
        choose32(u0, u1, opened, (uint32_t)half, n);
    } else {
        choose64(u0, u1, opened, half, n);
    }
    if (!lead) {
        syi_field_neg(field, out, u0, n);
        return;
    }
    const uint64_t down = syi_rounding_quarter(field) / divisor; /* offset / divisor */
    syi_field_divide(field, opened, opened, divisor, n);
    syi_field_sub(field, opened, opened, u0, n);
    syi_field_add_public(field, out, opened, field->modulus == 0 ? 0 - down : field->modulus - down,
                         n);
}

/* Copies of a constant size are loads and stores; those of a type's size become vectors. */
#define NARROW(T, SIZE, U)                           \
    case SIZE:                                       \
        for (size_t i = 0; i < n; i++) {             \
            const U word = (U)((const T *)words)[i]; \
            memcpy(bytes + i * (SIZE), &word, SIZE); \
        }                                            \
        break;
#define WIDEN(T, SIZE, U)                            \
    case SIZE:                                       \
        for (size_t i = 0; i < n; i++) {             \
            U word = 0;                              \
            memcpy(&word, bytes + i * (SIZE), SIZE); \
            ((T *)words)[i] = word;                  \
        }                                            \
        break;
#define EACH_SIZE32(X)      \
    X(uint32_t, 1, uint8_t) \
    X(uint32_t, 2, uint16_t) X(uint32_t, 3, uint32_t) X(uint32_t, 4, uint32_t)
#define EACH_SIZE64(X)       \
    X(uint64_t, 1, uint8_t)  \
    X(uint64_t, 2, uint16_t) \
    X(uint64_t, 3, uint32_t) \
    X(uint64_t, 4, uint32_t) \
    X(uint64_t, 5, uint64_t) \
    X(uint64_t, 6, uint64_t) X(uint64_t, 7, uint64_t) X(uint64_t, 8, uint64_t)

SYI_CLONES static void narrow32(uint8_t *restrict bytes, const void *restrict words, size_t size,
                                size_t n)
{
    switch (size) {
        EACH_SIZE32(NARROW)
    }
}

SYI_CLONES static void narrow64(uint8_t *restrict bytes, const void *restrict words, size_t size,
                                size_t n)
{
    switch (size) {
        EACH_SIZE64(NARROW)
    }
}

SYI_CLONES static void widen32(void *restrict words, const uint8_t *restrict bytes, size_t size,
                               size_t n)
{
    switch (size) {
        EACH_SIZE32(WIDEN)
    }
}

SYI_CLONES static void widen64(void *restrict words, const uint8_t *restrict bytes, size_t size,
                               size_t n)
{
    switch (size) {
        EACH_SIZE64(WIDEN)
    }
}

void syi_rounding_narrow(const syi_field *field, uint8_t *bytes, const void *words, size_t size,
                         size_t n)
{
    if (field->width == 4) {
        narrow32(bytes, words, size, n);
    } else {
        narrow64(bytes, words, size, n);
    }
}

void syi_rounding_widen(const syi_field *field, void *words, const uint8_t *bytes, size_t size,
                        size_t n)
{
    if (field->width == 4) {
        widen32(words, bytes, size, n);
    } else {
        widen64(words, bytes, size, n);
    }
}
