/* tensor.h (internal) - the handle behind sy_tensor. Public face: <csyft/tensor.h>. */
#ifndef SYI_HOOK_TENSOR_H
#define SYI_HOOK_TENSOR_H

#include <csyft/tensor.h>

#include "hook/node.h"
#include "hook/policy.h"

struct syi_tape_node;

typedef struct syi_labels { /* tags and description; made only when there are any */
    char **tags;
    size_t tag_count;
    size_t tag_capacity;
    char *description;
} syi_labels;

struct sy_tensor {
    atomic_uint refs;
    bool requires_grad;
    bool tape_leaf;       /* a recorded operation refers to it as its leaf */
    uint32_t tape_output; /* which output of tape_node this is */
    sy_hook *hook;
    syi_node *node;
    struct syi_tape_node *tape_node; /* what made it, when recorded; owned */
    sy_tensor *grad;                 /* owned, nullable */
    sy_worker *owner;                /* borrowed; the hook's workers outlive tensors */
    syi_labels *labels;              /* nullable */
    sy_id id;                        /* none until asked for */
    syi_policy policy;
    unsigned policy_version; /* of the storage when the policy was set */
};

/* Takes `node` (also on failure). Owner: the hook's local worker. */
sy_status syi_tensor_wrap(sy_hook *hook, sy_tensor **tensor, syi_node *node, sy_error *err);
/* Takes the array (also on failure). */
sy_status syi_tensor_from_array(sy_hook *hook, sy_tensor **tensor, syi_array *array, sy_error *err);
/* Same node, no tape, fresh id: what detach gives. */
sy_status syi_tensor_alias(sy_tensor *from, sy_tensor **tensor, sy_error *err);
/* Replaces the chain of a handle (send_, get_); takes `node`. The tape link is dropped. */
void syi_tensor_set_node(sy_tensor *tensor, syi_node *node);
/* The handle gets chain, policy, id, gradient and its flag of another; its labels stay. */
void syi_tensor_become(sy_tensor *tensor, const sy_tensor *other);
/* The native array; SY_EPERM naming the operation for a pointer ("get it first"). Borrowed. */
sy_status syi_tensor_native(sy_tensor *tensor, const char *what, const syi_array **array,
                            sy_error *err);
sy_status syi_tensor_copy_labels(sy_tensor *to, const sy_tensor *from, sy_error *err);
bool syi_tensor_has_tag(const sy_tensor *tensor, const char *tag, size_t length);
static inline bool syi_tensor_is_native(const sy_tensor *tensor)
{
    return syi_node_is_native(tensor->node);
}
/* The policy in force: the handle's own, or MIXED private when the storage it views, through whatever
 * interpreters, holds private contents; MIXED, too, when that storage was written through another handle
 * since: then nobody knows which rows it holds. */
syi_policy syi_tensor_policy(const sy_tensor *tensor);
/* Of the contents as they are now. */
void syi_tensor_set_policy(sy_tensor *tensor, const syi_policy *policy);
static inline bool syi_tensor_is_private(const sy_tensor *tensor)
{
    if (tensor->policy.private_) {
        return true;
    }
    const syi_storage *storage = syi_node_storage(tensor->node);
    return storage != NULL && atomic_load_explicit(&storage->private_, memory_order_relaxed);
}
/* Tracked by the tape: a leaf that asks for a gradient, or the result of one. */
static inline bool syi_tensor_is_tracked(const sy_tensor *tensor)
{
    return tensor->requires_grad || tensor->tape_node != NULL;
}

#endif
