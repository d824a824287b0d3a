/* wide.c - see wide.h. */
#include "differential_privacy/wide.h"

#include <assert.h>

static void set_used(syi_wide *a)
{
    a->used = SYI_WIDE_LIMBS;
    while (a->used > 0 && a->limbs[a->used - 1] == 0) {
        a->used--;
    }
}

syi_wide syi_wide_from(syi_u128 value)
{
    syi_wide a = {.limbs = {(uint64_t)value, (uint64_t)(value >> 64)}};
    set_used(&a);
    return a;
}

syi_wide syi_wide_multiply(const syi_wide *a, const syi_wide *b)
{
    syi_wide product = {0};
    for (unsigned i = 0; i < a->used; i++) {
        uint64_t carry = 0;
        for (unsigned j = 0; j < b->used || carry != 0; j++) {
            assert(i + j < SYI_WIDE_LIMBS);
            const uint64_t factor = j < b->used ? b->limbs[j] : 0;
            const syi_u128 sum = (syi_u128)a->limbs[i] * factor + product.limbs[i + j] + carry;
            product.limbs[i + j] = (uint64_t)sum;
            carry = (uint64_t)(sum >> 64);
        }
    }
    set_used(&product);
    return product;
}

syi_wide syi_wide_shift(const syi_wide *a, unsigned bits)
{
    syi_wide shifted = {0};
    const unsigned whole = bits / 64, rest = bits % 64;
    for (unsigned i = 0; i < a->used; i++) {
        const syi_u128 parts = (syi_u128)a->limbs[i] << rest;
        assert(i + whole < SYI_WIDE_LIMBS);
        shifted.limbs[i + whole] |= (uint64_t)parts;
        if ((uint64_t)(parts >> 64) != 0) {
            assert(i + whole + 1 < SYI_WIDE_LIMBS);
            shifted.limbs[i + whole + 1] = (uint64_t)(parts >> 64);
        }
    }
    set_used(&shifted);
    return shifted;
}

syi_wide syi_wide_subtract(const syi_wide *a, const syi_wide *b)
{
    syi_wide difference = {0};
    uint64_t borrow = 0;
    for (unsigned i = 0; i < a->used; i++) {
        const syi_u128 take = (syi_u128)b->limbs[i] + borrow;
        difference.limbs[i] = a->limbs[i] - (uint64_t)take;
        borrow = a->limbs[i] < take;
    }
    assert(borrow == 0 && a->used >= b->used);
    set_used(&difference);
    return difference;
}

int syi_wide_compare(const syi_wide *a, const syi_wide *b)
{
    if (a->used != b->used) {
        return a->used < b->used ? -1 : 1;
    }
    for (unsigned i = a->used; i-- > 0;) {
        if (a->limbs[i] != b->limbs[i]) {
            return a->limbs[i] < b->limbs[i] ? -1 : 1;
        }
    }
    return 0;
}
