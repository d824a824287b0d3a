/*
 * einsum.h (hook) - the COMPOSITE rows einsum and tensordot. Room hook only, for composites.c. Test:
 * gradients_vectors_test.c, einsum_test.c.
 */
#ifndef SYI_HOOK_EINSUM_H
#define SYI_HOOK_EINSUM_H

#include "hook/dispatch.h"

/* As syi_composite_call. */
sy_status syi_einsum_call(sy_hook *hook, const syi_op *op, const sy_value *bound,
                          const syi_mode *mode, syi_results *results, sy_error *err);

#endif
