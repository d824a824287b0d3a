/* placement.c - modules to and from other workers, in place. Test: placement_test.c. */
#include "nn/module.h"

#include "core/error.h"

/* Parameters first, then buffers. */
static size_t tensor_count(const sy_module *module)
{
    return module->parameters.count + module->buffers.count;
}

static sy_tensor *tensor_at(const sy_module *module, size_t index)
{
    const size_t parameters = module->parameters.count;
    return index < parameters ? module->parameters.items[index]
                              : module->buffers.items[index - parameters];
}

/* Undoing is done as well as it goes; the caller hears of the first failure. */
sy_status sy_module_send_(sy_module *module, sy_worker *location, sy_error *err)
{
    for (size_t k = 0; k < tensor_count(module); k++) {
        const sy_status status = sy_tensor_send_(tensor_at(module, k), location, err);
        if (status != SY_OK) {
            while (k > 0) {
                (void)sy_tensor_get_(tensor_at(module, --k), NULL);
            }
            return status;
        }
    }
    return SY_OK;
}

sy_status sy_module_get_(sy_module *module, sy_error *err)
{
    for (size_t k = 0; k < tensor_count(module); k++) {
        sy_tensor *tensor = tensor_at(module, k);
        if (sy_tensor_is_pointer(tensor)) { /* an earlier get_ may have stopped here */
            SY_TRY(sy_tensor_get_(tensor, err));
        }
    }
    return SY_OK;
}

sy_status sy_module_move_(sy_module *module, sy_worker *location, sy_error *err)
{
    for (size_t k = 0; k < tensor_count(module); k++) {
        sy_worker *before = sy_tensor_get_location(tensor_at(module, k));
        const sy_status status = sy_tensor_move_(tensor_at(module, k), location, err);
        if (status != SY_OK) {
            while (k > 0 && before != NULL) {
                (void)sy_tensor_move_(tensor_at(module, --k), before, NULL);
            }
            return status;
        }
    }
    return SY_OK;
}
