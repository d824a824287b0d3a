/*
 * checks.h - sentences about parameters that cannot be: "function: field is value, must be ...". Room
 * differential_privacy. Tested by the modules that use it.
 */
#ifndef SYI_DIFFERENTIAL_PRIVACY_CHECKS_H
#define SYI_DIFFERENTIAL_PRIVACY_CHECKS_H

#include <math.h>

#include "core/error.h"

/* SY_EINVAL unless 0 < value < infinity. */
static inline sy_status syi_check_positive(const char *function, const char *field, double value,
                                           sy_error *err)
{
    if (!(value > 0 && value < INFINITY)) {
        return syi_fail(err, SY_EINVAL, "%s: %s is %g, must be positive and finite", function,
                        field, value);
    }
    return SY_OK;
}

/* SY_EINVAL unless 0 <= value < infinity. */
static inline sy_status syi_check_not_negative(const char *function, const char *field,
                                               double value, sy_error *err)
{
    if (!(value >= 0 && value < INFINITY)) {
        return syi_fail(err, SY_EINVAL, "%s: %s is %g, must be 0 or more, and finite", function,
                        field, value);
    }
    return SY_OK;
}

/* SY_EINVAL unless 0 <= value <= 1. */
static inline sy_status syi_check_probability(const char *function, const char *field, double value,
                                              sy_error *err)
{
    if (!(value >= 0 && value <= 1)) {
        return syi_fail(err, SY_EINVAL, "%s: %s is %g, a probability is from 0 to 1", function,
                        field, value);
    }
    return SY_OK;
}

/* SY_EINVAL unless 0 < delta < 1. */
static inline sy_status syi_check_delta(const char *function, double delta, sy_error *err)
{
    if (!(delta > 0 && delta < 1)) {
        return syi_fail(err, SY_EINVAL, "%s: delta is %g, must be above 0 and below 1", function,
                        delta);
    }
    return SY_OK;
}

/* SY_EINVAL unless order > 1; infinity is an order. */
static inline sy_status syi_check_order(const char *function, double order, sy_error *err)
{
    if (!(order > 1)) {
        return syi_fail(err, SY_EINVAL, "%s: order is %g, must be above 1", function, order);
    }
    return SY_OK;
}

#endif
