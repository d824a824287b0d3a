/*
 * snn_words.h - what snn.c, snn_programs.c and snn_deal.c share: loops on words and steps of programs. Nobody else includes it. No
 * branch and no address depends on words.
 */
#ifndef SYI_CRYPTO_SNN_WORDS_H
#define SYI_CRYPTO_SNN_WORDS_H

#include "crypto/snn.h"

/* 1 or 0. */
static inline uint64_t syi_snn_is_zero(uint64_t a)
{
    return ((a | (0 - a)) >> 63) ^ 1;
}
static inline uint64_t syi_snn_less(uint64_t a, uint64_t b)
{
    return ((~a & b) | ((~a | b) & (a - b))) >> 63;
}

/* Elements as 64 bits, and back. */
static inline void syi_snn_widen(const syi_field *field, uint64_t *out, const void *words, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        out[k] = field->width == 4 ? ((const uint32_t *)words)[k] : ((const uint64_t *)words)[k];
    }
}
static inline void syi_snn_narrow(const syi_field *field, void *out, const uint64_t *words,
                                  size_t n)
{
    for (size_t k = 0; k < n; k++) {
        if (field->width == 4) {
            ((uint32_t *)out)[k] = (uint32_t)words[k];
        } else {
            ((uint64_t *)out)[k] = words[k];
        }
    }
}

/* Of a shared bit and one that both know: bit ? 1 - words : words, where `lead` has the 1. out may be words. */
static inline void syi_snn_xor(const syi_field *field, void *out, const void *words,
                               const uint8_t *bit, bool lead, size_t n)
{
    uint64_t other[SYI_SNN_TILE];
    syi_field_neg(field, other, words, n);
    syi_field_add_public(field, other, other, lead ? 1 : 0, n);
    for (size_t k = 0; k < n; k++) {
        if (field->width == 4) {
            const uint32_t a = ((const uint32_t *)words)[k], b = ((uint32_t *)other)[k];
            ((uint32_t *)out)[k] = a ^ ((a ^ b) & (0 - (uint32_t)bit[k]));
        } else {
            const uint64_t a = ((const uint64_t *)words)[k], b = other[k];
            ((uint64_t *)out)[k] = a ^ ((a ^ b) & (0 - (uint64_t)bit[k]));
        }
    }
}

/* SY_ENOTSUP for another number of holders than 2, and for fields (NULL: any) that are no power of two. */
sy_status syi_snn_check(const syi_party *party, const syi_field *field, sy_error *err);
/* z += fresh shares of 0. */
sy_status syi_snn_refresh(syi_party *party, const syi_field *field, void *z, uint64_t n,
                          sy_error *err);
/* z = x y, elementwise; z is neither. */
sy_status syi_snn_multiply(syi_party *party, const syi_field *field, void *z, const void *x,
                           const void *y, uint64_t count, sy_error *err);

#endif
