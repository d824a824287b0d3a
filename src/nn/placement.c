/* placement.c - modules to and from other workers, in place. Test: placement_test.c. */
#include "nn/module.h"

#include "core/error.h"

/* Undoing is done as well as it goes; the caller hears of the first failure. */
sy_status sy_module_send_(sy_module *module, sy_worker *location, sy_error *err)
{
    for (size_t k = 0; k < module->parameter_count; k++) {
        const sy_status status = sy_tensor_send_(module->parameters[k], location, err);
        if (status != SY_OK) {
            while (k > 0) {
                (void)sy_tensor_get_(module->parameters[--k], NULL);
            }
            return status;
        }
    }
    return SY_OK;
}

sy_status sy_module_get_(sy_module *module, sy_error *err)
{
    for (size_t k = 0; k < module->parameter_count; k++) {
        if (sy_tensor_is_pointer(
                module->parameters[k])) { /* an earlier get_ may have stopped here */
            SY_TRY(sy_tensor_get_(module->parameters[k], err));
        }
    }
    return SY_OK;
}

sy_status sy_module_move_(sy_module *module, sy_worker *location, sy_error *err)
{
    for (size_t k = 0; k < module->parameter_count; k++) {
        sy_worker *before = sy_tensor_get_location(module->parameters[k]);
        const sy_status status = sy_tensor_move_(module->parameters[k], location, err);
        if (status != SY_OK) {
            while (k > 0 && before != NULL) {
                (void)sy_tensor_move_(module->parameters[--k], before, NULL);
            }
            return status;
        }
    }
    return SY_OK;
}
