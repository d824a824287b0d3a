/* collate.h - many tensors become one. Public face: <csyft/datasets.h>. Test: collate_test.c. */
#ifndef SYI_FEDERATED_COLLATE_H
#define SYI_FEDERATED_COLLATE_H

#include <csyft/datasets.h>

#define SYI_COLLATE_GROUP \
    ((size_t)64) /* one operation takes no more tensors, one message neither */

/* Parts, 1 or more, along their first dim, or with `stacked` along a new one. Overwrites the list. NULL after a failure,
 * which the scope keeps. */
sy_tensor *syi_collate_join(sy_scope *scope, sy_tensor **parts, size_t count, bool stacked);

#endif
