/*
 * plan_protobuf.c - plans in the encoding of syft-proto (Plan.bufferize and unbufferize of 0.2.9). Face: <csyft/protobuf.h>.
 * Test: plan_protobuf_test.c.
 */
#include <csyft/protobuf.h>

#include "core/error.h"
#include "execution/plan.h"
#include "hook/tensor.h"

#define PLAN_TYPE "syft_proto.execution.v1.Plan"

sy_status sy_plan_bufferize(sy_plan *plan, void **bytes, size_t *size, sy_error *err)
{
    const char *type = PLAN_TYPE;
    if (plan == NULL) {
        return syi_fail(err, SY_EINVAL, "sy_plan_bufferize: the plan is NULL");
    }
    sy_tensor *object = syi_plan_get_object(plan);
    const sy_value value = sy_value_tensor(object);
    return sy_bufferize(sy_hook_get_local_worker(object->hook), bytes, size, &type, &value, err);
}

sy_status sy_plan_unbufferize(sy_hook *hook, sy_plan **plan, const void *bytes, size_t size,
                              sy_error *err)
{
    sy_protobuf_object *read = NULL;
    if (hook == NULL || plan == NULL) {
        return syi_fail(err, SY_EINVAL, "sy_plan_unbufferize: hook or plan is NULL");
    }
    *plan = NULL;
    SY_TRY(sy_unbufferize(sy_hook_get_local_worker(hook), &read, PLAN_TYPE, bytes, size, err));
    sy_tensor *object = sy_tensor_ref(sy_protobuf_object_get_value(read)->as.tensor);
    sy_protobuf_object_free(read);
    const sy_status status = syi_plan_from_object(plan, object, err);
    if (status != SY_OK) {
        sy_tensor_unref(object);
    }
    return status;
}
