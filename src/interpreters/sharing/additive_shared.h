/*
 * additive_shared.h - AdditiveSharingTensor: the client's node of a shared value, one pointer per holder. Face:
 * <csyft/sharing.h>. An operation goes as the same command to every holder (additive_shared_call.c), where the chain reaches
 * a share (share.h). Test: tests/integration/sharing.c.
 */
#ifndef SYI_INTERPRETERS_SHARING_ADDITIVE_SHARED_H
#define SYI_INTERPRETERS_SHARING_ADDITIVE_SHARED_H

#include <csyft/sharing.h>

#include "interpreters/multi_pointer.h"
#include "interpreters/sharing/group.h"
#include "interpreters/sharing/share.h"

#define SYI_CODE_ADDITIVE_SHARED 15

typedef struct syi_additive_shared {
    syi_node base;
    sy_id id;
    syi_sharing_group *group;
    syi_field field;
    syi_multi_pointer *parts; /* in the group's order */
} syi_additive_shared;
extern const syi_interpreter syi_additive_shared_type;

static inline syi_additive_shared *syi_additive_shared_of_node(const syi_node *node)
{
    return node->type == &syi_additive_shared_type ? (syi_additive_shared *)(void *)node : NULL;
}
/* In the chain, at the top or below; NULL: it is not shared. */
syi_additive_shared *syi_additive_shared_of(const sy_tensor *tensor);

/* Takes the parts when it succeeds; the group is borrowed. */
sy_status syi_additive_shared_new(sy_hook *hook, syi_node **node, syi_sharing_group *group,
                                  const syi_field *field, syi_multi_pointer *parts, sy_error *err);
/* What a holder's share says of itself. */
sy_status syi_additive_shared_kin(const syi_sharing_group *group, const syi_field *field, int index,
                                  syi_kin **kin, sy_error *err);

/* Shares of an array of integers, for sending: one node per holder, nodes[0..holders), with bounds of the dtype or of `range` bits, 0 for
 * none. SY_EDTYPE; SY_ERANGE, also for an element beyond the range. */
sy_status syi_additive_shared_split(sy_hook *hook, const syi_sharing_group *group,
                                    const syi_field *field, unsigned range, const syi_array *secret,
                                    syi_node **nodes, sy_error *err);
/* `count` native tensors of words that add up to the secret. */
sy_status syi_additive_shared_generate(sy_hook *hook, const syi_field *field,
                                       const syi_array *secret, sy_tensor **shares, size_t count,
                                       sy_error *err);
/* The value of shares in the order of holders, each a chain that ends in a share; what stands above it comes back above
 * the sum. SY_EPROTO when they are not the parts of one value. */
sy_status syi_additive_shared_join(sy_hook *hook, sy_tensor *const *shares, size_t count,
                                   sy_tensor **value, sy_error *err);

/* Sends the parts. */
sy_status syi_additive_shared_send(sy_hook *hook, syi_node **node, syi_sharing_group *group,
                                   const syi_field *field, unsigned range, const syi_array *secret,
                                   sy_error *err);
/* All parts, at once; `keep`: they stay there. */
sy_status syi_additive_shared_get(syi_additive_shared *shared, bool keep, sy_tensor **value,
                                  sy_error *err);
sy_status syi_additive_shared_virtual_get(syi_additive_shared *shared, sy_tensor **value,
                                          sy_error *err);

/* What the client knows of each operation (additive_shared_rows.c). */
typedef enum syi_manner {
    SYI_MANNER_LINEAR,  /* each holder works alone */
    SYI_MANNER_PRODUCT, /* they talk when two factors are shared */
    SYI_MANNER_JOINT,   /* they talk */
    SYI_MANNER_CHOICE,  /* they talk when the condition is shared */
    SYI_MANNER_ALONE,   /* LINEAR, of a composite: a composite is JOINT unless its row says so */
} syi_manner;
/* Never ALONE. */
syi_manner syi_additive_shared_manner(const syi_op *op);
/* What is here and stands beside a shared value as argument k is shared, too, so that the holders do not learn it. */
bool syi_additive_shared_hides(const syi_op *op, int k);
/* Holders talk, perhaps several times, for one result: a chain above shares is worth sending there whole. */
bool syi_additive_shared_goes_whole(const syi_op *op);

sy_status syi_additive_shared_call(syi_call *call, sy_error *err);

/* A worker command that the holders of a group carry out together: arguments per holder, then `results` descriptors each,
 * which become parts. */
typedef struct syi_joint_request {
    syi_sharing_group *group;
    const char *name;
    /* Fills args (room for SYI_JOINT_ARGS_MAX) for that holder. */
    void (*fill)(void *user, int holder, sy_value *args, size_t *count);
    void *user;
    int results;
} syi_joint_request;
#define SYI_JOINT_ARGS_MAX 8
sy_status syi_joint_request_run(const syi_joint_request *request, syi_multi_pointer **results,
                                sy_error *err);

/*
 * Results of a joint worker command that may be shares under other nodes (a plan's). The holder registers the share itself and
 * answers [descriptor, chain], where the chain is what stands above it, ending in a pointer to it; nil for a result that is no
 * share. `syi_sharing_read_answer` reads one; chain NULL: none. On failure nothing is held.
 */
sy_status syi_sharing_answer(const sy_request *request, sy_tensor *result, const sy_id *id,
                             sy_error *err);
sy_status syi_sharing_read_answer(syi_decoder *decoder, sy_worker *owner, sy_worker *location,
                                  syi_pointer **pointer, syi_node **chain, sy_error *err);
/* What stands above the pointer at the end of `chain` (nullable), above `end`, which it takes in any case. */
sy_status syi_sharing_above(syi_node *chain, syi_node *end, syi_node **built, sy_error *err);

/* All tensors of the call are chains that end in values of one group, and the holders are better asked once for the whole
 * operation than for each of its steps. Then call_chain answers it. */
bool syi_additive_shared_takes_chain(const syi_call *call);
sy_status syi_additive_shared_call_chain(syi_call *call, sy_error *err);
/* sharing_call: a holder's side of it. */
sy_status syi_sharing_handle_call(const sy_request *request, sy_error *err);

/* What the caller left out is filled in. SY_EINVAL for a provider of another hook. */
sy_status syi_share_options_read(const sy_share_options *options, sy_hook *hook,
                                 sy_share_options *all, sy_error *err);
/* Of options that were read; never DEFAULT. */
syi_family syi_share_options_family(const sy_share_options *options);
/* "int64" -> 2^64 and so on. SY_EINVAL. */
sy_status syi_field_of_options(sy_precision_dtype dtype, uint64_t modulus, syi_field *field,
                               sy_error *err);

sy_status syi_additive_shared_register(sy_hook *hook, sy_error *err);
sy_status syi_sharing_register(sy_hook *hook, sy_error *err); /* the whole folder */
sy_status syi_share_commands_register(sy_hook *hook, sy_error *err);

#endif
