/*
 * sizes.h - arithmetic with sizes: steps of a plan that take numbers and give one. Division rounds down, as Python's. Test:
 * sizes_test.c.
 */
#ifndef SYI_EXECUTION_SIZES_H
#define SYI_EXECUTION_SIZES_H

#include "execution/tape.h"

static inline bool syi_step_is_size(syi_step_kind kind)
{
    return kind >= SYI_STEP_SIZE_ADD && kind <= SYI_STEP_SIZE_MOD;
}
/* "add", and as it stands between its operands: "+". */
const char *syi_size_name(syi_step_kind kind);
const char *syi_size_sign(syi_step_kind kind);

/* SY_ERANGE: the result is no int64, or b is 0 in a division. */
sy_status syi_size_compute(syi_step_kind kind, int64_t a, int64_t b, int64_t *result,
                           sy_error *err);

#endif
