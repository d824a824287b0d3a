/*
 * fixed.h - FixedPrecisionTensor: the node, its attributes, and what the files of this folder share. Public
 * face: <csyft/precision.h>. The arithmetic of each row is in arithmetic.c, products.c and reductions.c, the
 * table of rows in rows.c, the functions that are approximated in approximations.c. Test: fixed_test.c.
 *
 * A node may know a bound of its elements' magnitude, from its birth; with it most operations are proven to
 * stay in the field without a look at the elements.
 */
#ifndef SYI_INTERPRETERS_PRECISION_FIXED_H
#define SYI_INTERPRETERS_PRECISION_FIXED_H

#include <csyft/operations.h>
#include <csyft/precision.h>

#include "hook/scope.h"

typedef struct syi_fixed_attributes {
    int64_t base;
    int64_t precision;
    int64_t kappa;
    uint64_t field; /* 0: 2^64 */
    sy_precision_dtype dtype;
    int64_t scale; /* base^precision */
} syi_fixed_attributes;

/* Magnitudes in the field: up to ceil(field/2) - 1. */
static inline uint64_t syi_fixed_most(const syi_fixed_attributes *attributes)
{
    return (attributes->field - 1) / 2;
}
/* What a child holds. */
static inline sy_dtype syi_fixed_storage(const syi_fixed_attributes *attributes)
{
    return attributes->dtype == SY_PRECISION_INT ? SY_DTYPE_I32 : SY_DTYPE_I64;
}
/* base^precision; false when it passes `most`. */
bool syi_fixed_power(int64_t base, int64_t precision, uint64_t most, int64_t *power);

#define SYI_FIXED_UNKNOWN UINT64_MAX

typedef struct syi_fixed {
    syi_node base;
    syi_fixed_attributes attributes;
    sy_id id;         /* as it came over the wire; none otherwise */
    uint64_t most;    /* bound of the magnitudes, or UNKNOWN */
    unsigned version; /* of the child's storage when it was found */
} syi_fixed;

extern const syi_interpreter syi_fixed_type;

static inline syi_fixed *syi_fixed_of(const sy_tensor *tensor)
{
    return tensor->node->type == &syi_fixed_type ? (syi_fixed *)tensor->node : NULL;
}

/* Checks and completes: field by dtype, scale. `size` of the options is honoured. */
sy_status syi_fixed_attributes_of(const sy_precision_options *options,
                                  syi_fixed_attributes *attributes, sy_error *err);
bool syi_fixed_same(const syi_fixed_attributes *a, const syi_fixed_attributes *b);
/* "base 10, precision 3, field 2^64" */
const char *syi_fixed_format(const syi_fixed_attributes *attributes, char *buffer, size_t size);
#define SYI_FIXED_TEXT 96

/* Takes the child when it succeeds. SY_EDTYPE when it is known to hold something else. */
sy_status syi_fixed_new(sy_hook *hook, syi_node **node, const syi_fixed_attributes *attributes,
                        syi_node *child, uint64_t most, sy_error *err);

/* A bound of the magnitudes: known from birth, or found by looking (exactly when `look`). UNKNOWN where the
 * child is no native tensor. */
uint64_t syi_fixed_bound(const syi_fixed *fixed, bool look);
uint64_t syi_fixed_magnitude(const syi_array *array); /* of int64 or int32; exact */

/* encode.c: a native array of numbers to the integers of the child; SY_ERANGE names the element. */
sy_status syi_fixed_encode(sy_hook *hook, const syi_fixed_attributes *attributes,
                           const syi_array *from, syi_account *account, syi_array *to,
                           uint64_t *most, sy_error *err);
sy_status syi_fixed_encode_number(const syi_fixed_attributes *attributes, double number,
                                  int64_t *encoded, sy_error *err);
/* Decoded to float32, by operations on the child. */
sy_tensor *syi_fixed_decode(sy_scope *scope, const syi_fixed *fixed);

/* A handle on the child, owned by the scope. */
sy_tensor *syi_fixed_child(sy_scope *scope, const syi_fixed *fixed);
/* A fixed precision handle over that child, owned by the scope. NULL for NULL. */
sy_tensor *syi_fixed_wrap(sy_scope *scope, const syi_fixed_attributes *attributes, sy_tensor *child,
                          uint64_t most);
/* Fails the scope with a sentence. */
void syi_fixed_refuse(sy_scope *scope, sy_status status, const char *format, ...) SY_PRINTF(3, 4);

/* The type, its rows and its composites. */
sy_status syi_fixed_register(sy_hook *hook, sy_error *err);
/* composites.c: fix_precision, float_precision, truncate, approximate. */
void syi_fixed_register_composites(sy_hook *hook);

#endif
