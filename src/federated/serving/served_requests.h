/*
 * served_requests.h - what requests about served datasets have in common, at the worker. Test: the tests of those commands
 * (tests/integration/federated_training.c, federated_privacy.c).
 */
#ifndef SYI_FEDERATED_SERVED_REQUESTS_H
#define SYI_FEDERATED_SERVED_REQUESTS_H

#include "federated/serving/served.h"
#include "workers/commands.h"

/* SY_EINVAL: argument `index` is no number from `least` on. */
sy_status syi_served_read_number(const sy_request *request, size_t index, int64_t least,
                                 int64_t *value, sy_error *err);
/* Who asked may be gone, or not wait any more: SY_ECANCELED, SY_ETIMEDOUT. */
sy_status syi_served_check_asker(const sy_request *request, sy_error *err);
/* The first argument. SY_EINVAL. */
sy_status syi_served_read_dataset(const sy_request *request, const syi_served **served,
                                  sy_error *err);
/* A value's tensor that is here; NULL: it is not. */
const syi_array *syi_served_array_of(const sy_value *value);

#endif
