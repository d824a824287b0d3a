/*
 * served.h - a dataset that a worker serves (<csyft/federated.h>): an object of the worker like others, so that it is found,
 * permitted and listed as they are, but which no operation takes, and which never travels. Test: tests/integration/federated_training.c.
 */
#ifndef SYI_FEDERATED_SERVED_H
#define SYI_FEDERATED_SERVED_H

#include <csyft/federated.h>

#include "federated/serving/rows.h"
#include "federated/serving/transforms.h"
#include "hook/tensor.h"

#define SYI_CODE_DATASET 253

/* Not changed once made; refs: whoever trains on it keeps it. */
typedef struct syi_served {
    atomic_uint refs;
    sy_context *context;
    char key[72];
    syi_rows *data, *targets;
    syi_transforms transforms, target_transforms;
    int64_t release_rows;
    sy_ledger *ledger; /* a reference; NULL: no noisy answers */
    sy_budget budget;
} syi_served;

/* Of an object; NULL when it is no dataset. Borrowed. */
const syi_served *syi_served_of(const sy_tensor *object);
/*
 * The rows of these places, transformed, in tensors of the scope's; private, so that what is made of them stays what it is
 * (hook/policy.h). SY_ERANGE for transforms that the rows do not take: the sentence names the dataset.
 */
sy_status syi_served_batch(const syi_served *served, sy_scope *scope, const int64_t *places,
                           size_t count, sy_tensor **data, sy_tensor **targets, sy_error *err);

/*
 * Takes the charge from the budget of who asks; only then may noise be drawn for an answer. SY_EPERM: there is no budget, or it is spent.
 */
struct sy_request;
sy_status syi_served_charge(const syi_served *served, const struct sy_request *request,
                            const sy_charge *charge, sy_error *err);

sy_status syi_served_register(sy_hook *hook, sy_error *err);

#endif
