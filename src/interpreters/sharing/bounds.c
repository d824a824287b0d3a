#include "interpreters/sharing/bounds.h"

__extension__ typedef __int128 wide;

static const int64_t most = INT64_C(1) << 62;

static syi_bounds between(wide low, wide high)
{
    return low >= -most && low <= high && high <= most
               ? (syi_bounds){true, (int64_t)low, (int64_t)high}
               : SYI_BOUNDS_NONE;
}

syi_bounds syi_bounds_of(int64_t low, int64_t high)
{
    return between(low, high);
}

syi_bounds syi_bounds_of_dtype(sy_dtype dtype)
{
    switch (dtype) {
    case SY_DTYPE_BOOL:
        return between(0, 1);
    case SY_DTYPE_U8:
        return between(0, UINT8_MAX);
    case SY_DTYPE_I8:
        return between(INT8_MIN, INT8_MAX);
    case SY_DTYPE_I16:
        return between(INT16_MIN, INT16_MAX);
    case SY_DTYPE_I32:
        return between(INT32_MIN, INT32_MAX);
    default:
        return SYI_BOUNDS_NONE;
    }
}

syi_bounds syi_bounds_of_bits(unsigned bits)
{
    if (bits < 1 || bits > 63) {
        return SYI_BOUNDS_NONE;
    }
    const int64_t high = (INT64_C(1) << (bits - 1)) - 1;
    return between(-high, high);
}

unsigned syi_bounds_bits(syi_bounds of, const syi_field *field)
{
    const unsigned bits = syi_field_bits(field);
    unsigned range = SYI_RANGE_LEAST;
    while (of.known && range < bits &&
           (of.low < -(INT64_C(1) << (range - 1)) || of.high >= INT64_C(1) << (range - 1))) {
        range++;
    }
    return of.known && range < bits ? range : 0;
}

syi_bounds syi_bounds_in(syi_bounds of, const syi_field *field)
{
    return syi_bounds_bits(of, field) != 0 ? of : SYI_BOUNDS_NONE;
}

syi_bounds syi_bounds_join(syi_bounds x, syi_bounds y)
{
    return x.known && y.known
               ? between(x.low < y.low ? x.low : y.low, x.high > y.high ? x.high : y.high)
               : SYI_BOUNDS_NONE;
}

syi_bounds syi_bounds_add(syi_bounds x, syi_bounds y)
{
    return x.known && y.known ? between((wide)x.low + y.low, (wide)x.high + y.high)
                              : SYI_BOUNDS_NONE;
}

syi_bounds syi_bounds_neg(syi_bounds x)
{
    return x.known ? between(-(wide)x.high, -(wide)x.low) : SYI_BOUNDS_NONE;
}

syi_bounds syi_bounds_sub(syi_bounds x, syi_bounds y)
{
    return syi_bounds_add(x, syi_bounds_neg(y));
}

/* Extreme products are those of ends. */
syi_bounds syi_bounds_mul(syi_bounds x, syi_bounds y)
{
    if (!x.known || !y.known) {
        return SYI_BOUNDS_NONE;
    }
    const wide ends[] = {(wide)x.low * y.low, (wide)x.low * y.high, (wide)x.high * y.low,
                         (wide)x.high * y.high};
    wide low = ends[0], high = ends[0];
    for (int k = 1; k < 4; k++) {
        low = ends[k] < low ? ends[k] : low;
        high = ends[k] > high ? ends[k] : high;
    }
    return between(low, high);
}

syi_bounds syi_bounds_scale(syi_bounds x, int64_t factor)
{
    return syi_bounds_mul(x, between(factor, factor));
}

syi_bounds syi_bounds_sum(syi_bounds x, int64_t count)
{
    return count < 0 ? SYI_BOUNDS_NONE : syi_bounds_scale(x, count);
}

syi_bounds syi_bounds_partial_sums(syi_bounds x, int64_t count)
{
    return syi_bounds_join(x, syi_bounds_sum(x, count > 1 ? count : 1));
}

syi_bounds syi_bounds_pow(syi_bounds x, int64_t exponent)
{
    const syi_bounds size = syi_bounds_abs(x);
    syi_bounds power = between(1, 1);
    if (!x.known || exponent < 0) {
        return SYI_BOUNDS_NONE;
    }
    if (size.high <= 1) {
        return exponent == 0
                   ? power
                   : between(exponent % 2 != 0 ? x.low : 0, exponent % 2 != 0 ? x.high : 1);
    }
    for (int64_t k = 0; k < exponent && power.known; k++) { /* not known after 62 doublings */
        power = syi_bounds_scale(power, size.high);
    }
    return exponent % 2 != 0 ? syi_bounds_join(power, syi_bounds_neg(power))
           : exponent == 0   ? power
                             : syi_bounds_join(power, between(0, 0));
}

syi_bounds syi_bounds_abs(syi_bounds x)
{
    const syi_bounds turned = syi_bounds_max(x, syi_bounds_neg(x));
    return x.known ? between(turned.low > 0 ? turned.low : 0, turned.high) : SYI_BOUNDS_NONE;
}

syi_bounds syi_bounds_max(syi_bounds x, syi_bounds y)
{
    return x.known && y.known
               ? between(x.low > y.low ? x.low : y.low, x.high > y.high ? x.high : y.high)
               : SYI_BOUNDS_NONE;
}

syi_bounds syi_bounds_min(syi_bounds x, syi_bounds y)
{
    return syi_bounds_neg(syi_bounds_max(syi_bounds_neg(x), syi_bounds_neg(y)));
}

static int64_t floor_of(int64_t x, int64_t divisor)
{
    return x / divisor - (x % divisor != 0 && x < 0 ? 1 : 0);
}

syi_bounds syi_bounds_quotient(syi_bounds x, int64_t divisor)
{
    if (!x.known || divisor == 0 || divisor == INT64_MIN) {
        return SYI_BOUNDS_NONE;
    }
    if (divisor < 0) {
        return syi_bounds_neg(syi_bounds_quotient(x, -divisor));
    }
    return between(floor_of(x.low, divisor), -floor_of(-x.high, divisor));
}
