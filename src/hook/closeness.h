/* closeness.h - the COMPOSITE rows isclose, allclose and equal. Room hook only, for composites.c. */
#ifndef SYI_HOOK_CLOSENESS_H
#define SYI_HOOK_CLOSENESS_H

#include "hook/dispatch.h"

/* As syi_composite_call. */
sy_status syi_closeness_call(sy_hook *hook, const syi_op *op, const sy_value *bound,
                             const syi_mode *mode, syi_results *results, sy_error *err);

#endif
