#include "federated/serving/served_requests.h"

#include <inttypes.h>

#include "core/error.h"
#include "core/surroundings.h"
#include "workers/session.h"

sy_status syi_served_read_number(const sy_request *request, size_t index, int64_t least,
                                 int64_t *value, sy_error *err)
{
    const sy_value *argument = &request->args[index];
    *value = argument->kind == SY_VALUE_INT ? argument->as.integer : 0;
    return argument->kind == SY_VALUE_INT && *value >= least
               ? SY_OK
               : syi_fail(err, SY_EINVAL, "argument %zu is no number from %" PRId64 " on", index,
                          least);
}

sy_status syi_served_read_dataset(const sy_request *request, const syi_served **served,
                                  sy_error *err)
{
    *served =
        request->args[0].kind == SY_VALUE_TENSOR ? syi_served_of(request->args[0].as.tensor) : NULL;
    return *served != NULL ? SY_OK : syi_fail(err, SY_EINVAL, "the object is no dataset");
}

sy_status syi_served_check_asker(const sy_request *request, sy_error *err)
{
    pthread_mutex_lock(&request->worker->strand);
    const bool ended = request->session->ended;
    pthread_mutex_unlock(&request->worker->strand);
    if (ended) {
        return syi_fail(err, SY_ECANCELED, "who asked is gone");
    }
    return request->deadline == 0 ||
                   syi_clock_now(request->worker->hook->context) < request->deadline
               ? SY_OK
               : syi_fail(err, SY_ETIMEDOUT, "the time given for it is over");
}

const syi_array *syi_served_array_of(const sy_value *value)
{
    return value->kind == SY_VALUE_TENSOR && syi_tensor_is_native(value->as.tensor)
               ? syi_node_array(value->as.tensor->node)
               : NULL;
}
