/*
 * bounds.h - what is known of the numbers in a shared value without seeing them: that none is below `low` or above `high`. Derived from public
 * facts only: dtypes, operations, public operands, what the client said. Comparisons need fewer bits then (crypto/comparison.h). Source:
 * interval arithmetic; docs/internals/comparison.md. Test: bounds_test.c.
 *
 * Numbers are whole and between -2^62 and 2^62; what may lie beyond is not known. Where an argument is not known, the result is not.
 */
#ifndef SYI_INTERPRETERS_SHARING_BOUNDS_H
#define SYI_INTERPRETERS_SHARING_BOUNDS_H

#include <csyft/dtype.h>

#include "crypto/comparison.h"

/* All zeros: not known. */
typedef struct syi_bounds {
    bool known;
    int64_t low, high;
} syi_bounds;

#define SYI_BOUNDS_NONE \
    (syi_bounds)        \
    {                   \
        false, 0, 0     \
    }

/* Not known when low > high, or beyond 2^62. */
syi_bounds syi_bounds_of(int64_t low, int64_t high);
/* What integers of the dtype may be; of those of 64 bits nothing is known, nor of others. */
syi_bounds syi_bounds_of_dtype(sy_dtype dtype);
/* |x| < 2^(bits - 1), for 1 to 63 bits. */
syi_bounds syi_bounds_of_bits(unsigned bits);
/* The range of a comparison (crypto/comparison.h) of such numbers; 0: any numbers. */
unsigned syi_bounds_bits(syi_bounds of, const syi_field *field);
/* The same, or none where the field has no ranges for it: then sums may have wrapped. */
syi_bounds syi_bounds_in(syi_bounds of, const syi_field *field);

/* Of one or the other; of x + y, x - y, x y; -x; x times a number; the sum of `count` numbers, and of one to `count` of them. */
syi_bounds syi_bounds_join(syi_bounds x, syi_bounds y);
syi_bounds syi_bounds_add(syi_bounds x, syi_bounds y);
syi_bounds syi_bounds_sub(syi_bounds x, syi_bounds y);
syi_bounds syi_bounds_mul(syi_bounds x, syi_bounds y);
syi_bounds syi_bounds_neg(syi_bounds x);
syi_bounds syi_bounds_scale(syi_bounds x, int64_t factor);
syi_bounds syi_bounds_sum(syi_bounds x, int64_t count);
syi_bounds syi_bounds_partial_sums(syi_bounds x, int64_t count);
/* x^exponent, exponent not negative; |x|; the greater and the lesser one of x and y. */
syi_bounds syi_bounds_pow(syi_bounds x, int64_t exponent);
syi_bounds syi_bounds_abs(syi_bounds x);
syi_bounds syi_bounds_max(syi_bounds x, syi_bounds y);
syi_bounds syi_bounds_min(syi_bounds x, syi_bounds y);
/* x / divisor, rounded down or up; not known for 0. */
syi_bounds syi_bounds_quotient(syi_bounds x, int64_t divisor);

#endif
