/* sgd.c - plain gradient descent on any parameters, native or pointers. Test: sgd_test.c. */
#include <math.h>

#include <csyft/nn.h>
#include <csyft/operations.h>

#include "core/error.h"

static sy_status step(sy_scope *scope, sy_tensor *parameter, double lr, sy_error *err)
{
    sy_tensor *grad = NULL;
    SY_TRY(sy_tensor_get_grad(parameter, &grad, err));
    if (grad != NULL) {
        (void)sy_sgd_(scope, parameter, sy_scope_adopt(scope, grad), lr);
        sy_scope_clear(scope);
    }
    return sy_scope_get_status(scope);
}

sy_status sy_sgd_step(sy_hook *hook, sy_tensor *const *parameters, size_t count, double lr,
                      sy_error *err)
{
    if (!isfinite(lr) || lr < 0) {
        return syi_fail(err, SY_EINVAL, "sgd: a learning rate of %g", lr);
    }
    sy_scope *scope = sy_scope_begin(hook);
    if (scope == NULL) {
        return SYI_ENOMEM(err, "sgd");
    }
    (void)sy_scope_set_grad_enabled(scope, false);
    sy_status status = SY_OK;
    for (size_t k = 0; k < count && status == SY_OK; k++) {
        status = step(scope, parameters[k], lr, err);
    }
    /* A failure of the operation waits in the scope; that of get_grad is in *err already. */
    const sy_status latched = sy_scope_get_status(scope);
    (void)sy_scope_end(scope, latched != SY_OK ? err : NULL);
    return latched != SY_OK ? latched : status;
}

sy_status sy_sgd_zero_grad(sy_tensor *const *parameters, size_t count, sy_error *err)
{
    for (size_t k = 0; k < count; k++) {
        SY_TRY(sy_tensor_set_grad(parameters[k], NULL, err));
    }
    return SY_OK;
}
