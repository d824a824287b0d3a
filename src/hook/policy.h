/*
 * policy.h - what may happen to an object's contents, and how that passes on to results.
 *
 * A private object's contents never reach a caller. The policy of a result is the strictest of its
 * arguments'; it stays with the object through send, move, operations and search. A worker may declare
 * releases: operations whose result leaves private status when every private argument is an aggregate
 * over at least so many rows. Which rows a value depends on is tracked by `rows` and `spread`:
 *   DATA       row k of the value depends on one row of the source only, and there are `rows` of them; behind a batch_norm that
 *              trains also on the means over them
 *   AGGREGATE  the value is a mean over `rows` rows (a loss), or a gradient of such a loss
 *   MIXED      anything else: counts as one row
 * The rules are conservative (ops.def, column rows). They bound what an honest program leaks by
 * accident; a client that chooses the model can still encode data in gradients (SECURITY.md).
 */
#ifndef SYI_HOOK_POLICY_H
#define SYI_HOOK_POLICY_H

#include "ops/ops.h"

typedef enum syi_spread { SYI_SPREAD_MIXED, SYI_SPREAD_DATA, SYI_SPREAD_AGGREGATE } syi_spread;

typedef struct syi_policy {
    bool private_;
    uint8_t spread;  /* syi_spread */
    char origin[46]; /* the object it stems from, for sentences */
    int64_t rows;    /* 0 when MIXED */
    /* Callers, a bit each (workers/access.h); 0 in all of them: no lists. */
    uint64_t getters;   /* of private contents: who may have them nevertheless */
    uint64_t no_use;    /* who may not compute with it */
    uint64_t no_search; /* who does not find it */
    uint64_t no_delete; /* who may not remove it; does not pass on */
} syi_policy;

/* Are the contents kept from this caller? `caller` 0: from somebody who has no name here. */
static inline bool syi_policy_hides(const syi_policy *policy, uint64_t caller)
{
    return policy->private_ && (policy->getters & caller) == 0;
}
/* What follows from both has the strictest lists of the two. *policy is private. */
static inline void syi_policy_join_lists(syi_policy *policy, const syi_policy *other)
{
    if (other->private_) {
        policy->getters &= other->getters;
        policy->no_use |= other->no_use;
        policy->no_search |= other->no_search;
    }
}

/* A private data set with `rows` rows. */
void syi_policy_set_private(syi_policy *policy, const char *origin, int64_t rows);
/* The policy of a result of `op`; `policies[k]` belongs to the k-th tensor argument, whose description
 * is arrays[k]. A public result is all zero. */
syi_policy syi_policy_combine(const syi_op *op, const sy_value *bound, int bound_count,
                              const syi_policy *const *policies, const syi_array *const *arrays,
                              int tensor_count, const syi_array *result);
/* The policy of a gradient: that of the loss it came from, when that is public or an aggregate, joined
 * with `other` (the leaf's, or that of the gradient it is added to); rows never survive. A public answer
 * is overruled by `computed`, what the operations of the backward themselves came to. */
syi_policy syi_policy_of_gradient(const syi_policy *loss, const syi_policy *other,
                                  const syi_policy *computed);
/* The parameter whose contents decide the shape of the result, -1: none. */
int syi_policy_shape_teller(const syi_op *op, const sy_value *bound);
/* "<what> of object X at worker W is refused: ..." */
sy_status syi_policy_refuse(const syi_policy *policy, const char *what, const char *object,
                            const char *worker, sy_error *err);

#endif
