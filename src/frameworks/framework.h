/*
 * framework.h - the seam to what computes: native arrays in, native arrays out.
 *
 * Contract (tests/support/framework_contract.h, one line per implementation):
 *  - resolve() is asked once per (operation, in place) and answers a handle that stays valid as long as
 *    the framework, or NULL when it has no kernel. VIEW and COMPOSITE rows need none.
 *  - run() gets bound arguments (tensors as ARRAY values) and outs[] as syi_op_infer left them: entries
 *    with storage are finished, the others are allocated here, charged to `account`, and filled.
 *    In place: outs[0] is the destination itself, and it may be one of the arguments; the call must be
 *    right for any overlap and for a destination dtype that differs from the computing dtype (the caller
 *    has checked that the cast is allowed).
 *  - On failure every out that had no storage before has none, and the destination of an in-place call
 *    is unchanged when the failure is SY_ENOMEM, SY_ELIMIT, SY_ESHAPE, SY_EDTYPE, SY_ERANGE or SY_EINVAL.
 *  - Results of secret storage are secret storage.
 *  - Any number of threads may call run() at once on one framework; arguments are only read.
 *  - A framework never records gradients; the tape above does.
 */
#ifndef SYI_FRAMEWORKS_FRAMEWORK_H
#define SYI_FRAMEWORKS_FRAMEWORK_H

#include "ops/ops.h"

typedef struct syi_framework syi_framework;

typedef struct syi_framework_class {
    const char *name;
    const void *(*resolve)(syi_framework *framework, const syi_op *op);
    sy_status (*run)(syi_framework *framework, const void *handle, const syi_op *op,
                     const sy_value *args, bool inplace, syi_array *outs, int out_count,
                     syi_account *account, sy_error *err);
    /* Restarts the generator behind RANDOM rows. */
    void (*seed)(syi_framework *framework, uint64_t seed);
    void (*free)(syi_framework *framework);
} syi_framework_class;

struct syi_framework {
    const syi_framework_class *klass;
    sy_context *context;
};

/* The built-in framework. Its generator is seeded from the context's randomness. */
sy_status syi_cpu_framework_new(sy_context *context, syi_framework **framework, sy_error *err);

#endif
