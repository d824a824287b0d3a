/*
 * training_commands.c - what a worker does with the datasets that it serves when somebody asks: tells of them, trains a model on one, evaluates one by
 * it (task.h). The model's plan is at the worker already, its parameters come with the request, so that requests do not see each other's. Part of trainer.h.
 */
#include "core/error.h"
#include "federated/task.h"
#include "federated/trainer.h"

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

/* dtype, [dims] */
static void put_kind(sy_value items[2], sy_value *dims, sy_tensor *batch)
{
    int64_t shape[SY_DIM_MAX];
    int ndim = 0;
    sy_dtype dtype = SY_DTYPE_F32;
    (void)sy_tensor_get_shape(batch, &ndim, shape, NULL); /* it is here */
    (void)sy_tensor_get_dtype(batch, &dtype, NULL);
    for (int k = 0; k < ndim; k++) {
        dims[k] = sy_value_int(k == 0 ? -1 : shape[k]);
    }
    items[0] = sy_value_string(sy_dtype_name(dtype));
    items[1] = sy_value_list(dims, (size_t)ndim);
}

/* dataset_info(dataset): [key, rows, release_rows, dtype, [dims], dtype, [dims]], of batches */
static sy_status handle_info(const sy_request *request, sy_error *err)
{
    const syi_served *served = NULL;
    sy_tensor *data, *targets;
    sy_value dims[2][SY_DIM_MAX], items[7];
    int64_t first = 0;
    SY_TRY(syi_task_read_dataset(request, &served, err));
    const int64_t rows = syi_rows_get_count(served->data);
    sy_scope *s = sy_scope_begin(request->worker->hook);
    sy_status status = s != NULL ? SY_OK : SYI_ENOMEM(err, "dataset");
    if (status == SY_OK) {
        status = syi_served_batch(served, s, &first, rows > 0 ? 1 : 0, &data, &targets, err);
    }
    if (status == SY_OK) {
        items[0] = sy_value_string(served->key);
        items[1] = sy_value_int(rows);
        items[2] = sy_value_int(served->release_rows);
        put_kind(&items[3], dims[0], data);
        put_kind(&items[5], dims[1], targets);
        const sy_value list = sy_value_list(items, 7);
        status = syi_encode_value(request->reply, &list, err);
    }
    const sy_status ended = sy_scope_end(s, status == SY_OK ? err : NULL);
    return status == SY_OK ? ended : status;
}

sy_status syi_training_commands_register(sy_hook *hook, sy_error *err)
{
    static const syi_worker_command commands[] = {
        {SYI_COMMAND_FIT, 10, 13, SYI_COMMAND_WAITS, handle_fit},
        {SYI_COMMAND_EVALUATE, 5, 6, SYI_COMMAND_WAITS, handle_evaluate},
        {SYI_COMMAND_DATASET_INFO, 1, 1, SYI_COMMAND_WAITS, handle_info},
    };
    return syi_commands_register(hook, commands, sizeof commands / sizeof commands[0], err);
}
