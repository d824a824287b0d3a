/*
 * assembly.c - the one place that knows every room: a hook is made here from what they register.
 * Decision: docs/decisions/0003-assembly-room.md.
 */
#include <csyft/hook.h>

#include "core/error.h"
#include "core/surroundings.h"
#include "execution/plan.h"
#include "execution/protocol.h"
#include "federated/serving/queries.h"
#include "federated/serving/served.h"
#include "federated/training/aggregation.h"
#include "federated/training/trainer.h"
#include "hook/hook.h"
#include "interpreters/autograd.h"
#include "interpreters/class.h"
#include "interpreters/logging.h"
#include "interpreters/multi_pointer.h"
#include "interpreters/native.h"
#include "interpreters/placeholder.h"
#include "interpreters/plusisminus.h"
#include "interpreters/pointer.h"
#include "interpreters/precision/fixed.h"
#include "interpreters/sharing/additive_shared.h"
#include "pysyft/opaque.h"
#include "workers/worker.h"

sy_status sy_hook_new(sy_context *context, sy_hook **hook, const sy_hook_options *options,
                      sy_error *err)
{
    sy_hook_options defaults = SY_HOOK_OPTIONS_INIT;
    sy_status status = SY_OK;
    if (hook == NULL || context == NULL) {
        return syi_fail(err, SY_EINVAL, "sy_hook_new: context or hook is NULL");
    }
    options = options != NULL ? options : &defaults;
    SY_TRY(syi_hook_new(context, hook, options, err));
    SY_GOTO(failed, syi_workers_register(*hook, options, err));
    SY_GOTO(failed, syi_pointer_register(*hook, err));
    SY_GOTO(failed, syi_multi_pointer_register(*hook, err));
    SY_GOTO(failed, syi_native_register(*hook, err));
    SY_GOTO(failed, syi_autograd_register(*hook, err));
    SY_GOTO(failed, syi_placeholder_register(*hook, err));
    SY_GOTO(failed, syi_logging_register(*hook, err));
    SY_GOTO(failed, syi_classes_register(*hook, err));
    SY_GOTO(failed, syi_plusisminus_register(*hook, err));
    SY_GOTO(failed, syi_fixed_register(*hook, err));
    SY_GOTO(failed, syi_sharing_register(*hook, err));
    SY_GOTO(failed, syi_opaque_register(*hook, err));
    SY_GOTO(failed, syi_plan_register(*hook, err));
    SY_GOTO(failed, syi_protocol_register(*hook, err));
    SY_GOTO(failed, syi_served_register(*hook, err));
    SY_GOTO(failed, syi_aggregation_register(*hook, err));
    SY_GOTO(failed, syi_training_commands_register(*hook, err));
    SY_GOTO(failed, syi_query_commands_register(*hook, err));
    if (options->verbose) {
        syi_log(context, SY_LOG_INFO, "hook", NULL, 0, "Overloading Complete.");
    }
    return SY_OK;
failed:
    syi_hook_free(*hook);
    *hook = NULL;
    return status;
}

void sy_hook_free(sy_hook *hook)
{
    syi_hook_free(hook);
}
