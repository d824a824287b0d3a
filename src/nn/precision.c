/* precision.c - whole modules to fixed precision and back, and among holders of shares. Tests: precision_test.c,
 * tests/integration/sharing_plans.c. */
#include "nn/module.h"

#include <csyft/precision.h>
#include <csyft/sharing.h>

#include "core/error.h"

/* Parameters before `count` go back to what they were, as well as it goes. */
static void undo(sy_module *module, size_t count)
{
    while (count > 0) {
        (void)sy_tensor_float_precision_(module->parameters.items[--count], NULL);
    }
}

sy_status sy_module_fix_precision_(sy_module *module, const sy_precision_options *options,
                                   sy_error *err)
{
    for (size_t k = 0; k < module->parameters.count; k++) {
        const sy_status status =
            sy_tensor_fix_precision_(module->parameters.items[k], options, err);
        if (status != SY_OK) {
            char name[64];
            undo(module, k);
            return syi_error_prefix(err, status, "%s",
                                    sy_module_get_parameter_name(module, k, name, sizeof name));
        }
    }
    return SY_OK;
}

sy_status sy_module_float_precision_(sy_module *module, sy_error *err)
{
    for (size_t k = 0; k < module->parameters.count; k++) {
        sy_tensor *parameter = module->parameters.items[k];
        if (sy_tensor_is_fixed_precision(parameter) || sy_tensor_is_pointer(parameter)) {
            SY_TRY(sy_tensor_float_precision_(parameter, err));
        }
    }
    return SY_OK;
}

sy_status sy_module_share_with_(sy_module *module, sy_worker *const *owners, size_t count,
                                const sy_share_options *options, sy_error *err)
{
    for (size_t k = 0; k < module->parameters.count; k++) {
        const sy_status status =
            sy_tensor_share_with_(module->parameters.items[k], owners, count, options, err);
        if (status != SY_OK) {
            char name[64];
            for (size_t i = k; i > 0; i--) {
                (void)sy_tensor_get_(module->parameters.items[i - 1], NULL);
            }
            return syi_error_prefix(err, status, "%s",
                                    sy_module_get_parameter_name(module, k, name, sizeof name));
        }
    }
    return SY_OK;
}

sy_status sy_module_share_(sy_module *module, sy_worker *const *owners, size_t count,
                           sy_worker *crypto_provider, sy_error *err)
{
    sy_share_options options = SY_SHARE_OPTIONS_INIT;
    options.crypto_provider = crypto_provider;
    return sy_module_share_with_(module, owners, count, &options, err);
}
