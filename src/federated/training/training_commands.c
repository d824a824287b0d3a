/*
 * training_commands.c - what a worker does with the datasets that it serves when somebody asks: trains a model on one, evaluates one by
 * it (task.h). The model's plan is at the worker already, its parameters come with the request, so that requests do not see each other's. Part of trainer.h.
 */
#include "core/error.h"
#include "federated/training/task.h"
#include "federated/training/trainer.h"

/* Commands */

static sy_status handle(const sy_request *request,
                        sy_status (*work)(syi_task *t, const sy_request *request, sy_error *err),
                        sy_error *err)
{
    syi_task t;
    sy_status status = syi_task_open(&t, request, err);
    if (status == SY_OK) {
        status = work(&t, request, err);
    }
    syi_task_close(&t);
    return status == SY_OK || t.served == NULL
               ? status
               : syi_error_prefix(err, status, "dataset %s at worker %s", t.served->key,
                                  request->worker->name);
}

/* fit(dataset, plan, [parameters], batch size, epochs, most batches, shuffle, seed, how many parameters, proximal): [loss, rows, batches, [parameters]];
 * with [least, clip, [holder, aggregate], ...]: no parameters, and their changes are in these aggregates;
 * with [noise multiplier, clip] behind that: with noise, from the budget; lists may be empty;
 * with a number of buffers behind that: these, too, behind the parameters */
static sy_status handle_fit(const sy_request *request, sy_error *err)
{
    return handle(request, syi_task_fit, err);
}

/* evaluate(dataset, plan, [parameters], batch size, classes): [loss, rows, right, [predicted], [targets]]; with [noise multiplier, greatest loss]:
 * with noise, from the budget */
static sy_status handle_evaluate(const sy_request *request, sy_error *err)
{
    return handle(request, syi_task_evaluate, err);
}

sy_status syi_training_commands_register(sy_hook *hook, sy_error *err)
{
    static const syi_worker_command commands[] = {
        {SYI_COMMAND_FIT, 10, 13, SYI_COMMAND_WAITS, handle_fit},
        {SYI_COMMAND_EVALUATE, 5, 6, SYI_COMMAND_WAITS, handle_evaluate},
    };
    return syi_commands_register(hook, commands, sizeof commands / sizeof commands[0], err);
}
