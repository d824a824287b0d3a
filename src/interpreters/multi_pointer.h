/*
 * multi_pointer.h (internal) - MultiPointerTensor: the node that holds one pointer per worker. Face:
 * <csyft/multi_pointer.h>. Operations: multi_pointer_call.c. Test: multi_pointer_test.c and, over every kind
 * of worker, tests/integration/multi_pointers.c.
 */
#ifndef SYI_INTERPRETERS_MULTI_POINTER_H
#define SYI_INTERPRETERS_MULTI_POINTER_H

#include <csyft/multi_pointer.h>

#include "interpreters/pointer.h"

typedef struct syi_multi_pointer {
    syi_node base;
    sy_id id;
    int count;               /* at least 1 */
    syi_pointer *children[]; /* one reference each; of different workers */
} syi_multi_pointer;

extern const syi_interpreter syi_multi_pointer_type;

/* NULL when the handle is none. */
syi_multi_pointer *syi_multi_pointer_of(const sy_tensor *tensor);
/* Room for `count` children, to be filled; NULL ones are allowed when it is dropped. */
sy_status syi_multi_pointer_new(sy_hook *hook, syi_multi_pointer **multi, int count, sy_error *err);
/* The child at that worker, NULL when there is none. */
syi_pointer *syi_multi_pointer_at(const syi_multi_pointer *multi, const sy_worker *location);
/* "alice, bob and carol", cut where it does not fit. */
const char *syi_multi_pointer_places(const syi_multi_pointer *multi, char *text, size_t size);

sy_status syi_multi_pointer_call(syi_call *call, sy_error *err);
sy_status syi_multi_pointer_register(sy_hook *hook, sy_error *err);

#endif
