/*
 * raw_command.c - commands as a list of keys (reference 004). Face: <csyft/command.h>. Test:
 * tests/reference/004_execute_call.c.
 */
#include <csyft/command.h>

#include <string.h>

#include "core/error.h"
#include "formats/npy.h"
#include "hook/tensor.h"
#include "workers/worker.h"

#define ARGUMENT_MAX 64

static sy_status check(const sy_worker *worker, const sy_raw_command *command, sy_error *err)
{
    if (worker == NULL || command == NULL || command->command == NULL ||
        (command->arg_count > 0 && command->args == NULL) ||
        (command->kwarg_count > 0 && command->kwargs == NULL)) {
        return syi_fail(err, SY_EINVAL, "execute_call: worker, command or arguments are NULL");
    }
    if (command->size < sizeof *command) {
        return syi_fail(err, SY_EINVAL, "execute_call: the command is of another version");
    }
    if (command->has_self && command->self.kind != SY_VALUE_TENSOR) {
        return syi_fail(err, SY_EINVAL, "%s: has_self is set, and self is no tensor",
                        command->command);
    }
    if (command->arg_count >= ARGUMENT_MAX) {
        return syi_fail(err, SY_EINVAL, "%s: %zu arguments, at most %d", command->command,
                        command->arg_count, ARGUMENT_MAX - 1);
    }
    return sy_hook_command_guard(worker->hook, command->command, err);
}

/* self, then the arguments. */
static size_t flatten(const sy_raw_command *command, const sy_value *before, size_t before_count,
                      sy_value *args)
{
    size_t count = 0;
    if (command->has_self) {
        args[count++] = command->self;
    }
    for (size_t k = 0; k < before_count; k++) {
        args[count++] = before[k];
    }
    for (size_t k = 0; k < command->arg_count; k++) {
        args[count++] = command->args[k];
    }
    return count;
}

sy_status sy_worker_execute_call(sy_worker *worker, const sy_raw_command *command,
                                 sy_tensor **results, size_t capacity, size_t *count,
                                 sy_value *value, sy_error *err)
{
    sy_value args[ARGUMENT_MAX];
    if (count != NULL) {
        *count = 0;
    }
    SY_TRY(check(worker, command, err));
    const size_t arg_count = flatten(command, NULL, 0, args);
    return sy_worker_call(worker, command->command, args, arg_count, command->kwargs,
                          command->kwarg_count, results, capacity, count, value, err);
}

/* Arrays */

static void drop(sy_value *tensors, size_t count)
{
    for (size_t k = 0; k < count; k++) {
        sy_tensor_unref(tensors[k].as.tensor);
    }
}

/* NPY bytes as tensors at the worker. */
static sy_status bring(sy_worker *worker, const sy_npy_bytes *arrays, size_t count,
                       sy_value *tensors, sy_error *err)
{
    sy_hook *hook = worker->hook;
    for (size_t k = 0; k < count; k++) {
        syi_array array = SYI_ARRAY_INIT;
        sy_tensor *tensor = NULL;
        sy_status status = syi_npy_decode(hook->context, &array, arrays[k].data, arrays[k].size,
                                          &hook->account, err);
        if (status == SY_OK) {
            status = syi_tensor_from_array(hook, &tensor, &array, err);
        }
        if (status == SY_OK && worker != hook->local_worker) {
            sy_tensor *pointer = NULL;
            status = sy_tensor_send(tensor, &pointer, worker, err);
            sy_tensor_unref(tensor);
            tensor = pointer;
        }
        if (status != SY_OK) {
            drop(tensors, k);
            return status;
        }
        tensors[k] = sy_value_tensor(tensor);
    }
    return SY_OK;
}

/* One result as NPY bytes. */
static sy_status write_result(sy_tensor *result, sy_npy_result *bytes, sy_error *err)
{
    sy_context *context = result->hook->context;
    sy_tensor *here = NULL;
    if (sy_tensor_is_pointer(result)) {
        SY_TRY(sy_tensor_get(result, &here, err));
    } else {
        here = sy_tensor_ref(result);
    }
    const syi_array *array = NULL;
    syi_buffer out;
    syi_buffer_init(&out, context, (size_t)1 << 40);
    sy_status status = syi_tensor_native(here, "execute_numpy_call", &array, err);
    if (status == SY_OK) {
        status = syi_npy_encode(array, &out, err);
    }
    if (status == SY_OK) {
        void *data = syi_alloc(context, out.length);
        if (data == NULL) {
            status = SYI_ENOMEM(err, "array");
        } else {
            memcpy(data, out.data, out.length);
            *bytes = (sy_npy_result){data, out.length};
        }
    }
    syi_buffer_fini(&out);
    sy_tensor_unref(here);
    return status;
}

sy_status sy_worker_execute_numpy_call(sy_worker *worker, const sy_raw_command *command,
                                       const sy_npy_bytes *arrays, size_t array_count,
                                       sy_npy_result *results, size_t capacity, size_t *count,
                                       sy_value *value, sy_error *err)
{
    sy_value tensors[ARGUMENT_MAX];
    sy_value args[ARGUMENT_MAX];
    sy_tensor *made[ARGUMENT_MAX] = {NULL};
    size_t made_count = 0;
    if (count == NULL || (array_count > 0 && arrays == NULL) || (capacity > 0 && results == NULL)) {
        return syi_fail(err, SY_EINVAL, "execute_numpy_call: an argument is NULL");
    }
    *count = 0;
    SY_TRY(check(worker, command, err));
    if (command->has_self || array_count + command->arg_count >= ARGUMENT_MAX) {
        return syi_fail(err, SY_EINVAL,
                        "%s: an array call has its arrays in place of self, and at most %d "
                        "arguments",
                        command->command, ARGUMENT_MAX - 1);
    }
    SY_TRY(bring(worker, arrays, array_count, tensors, err));
    const size_t arg_count = flatten(command, tensors, array_count, args);
    sy_status status =
        sy_worker_call(worker, command->command, args, arg_count, command->kwargs,
                       command->kwarg_count, made, ARGUMENT_MAX, &made_count, value, err);
    if (status == SY_OK && made_count > capacity) {
        status = syi_fail(err, SY_ESIGNATURE, "%s: %zu results, room for %zu", command->command,
                          made_count, capacity);
    }
    for (size_t k = 0; k < made_count; k++) {
        if (status == SY_OK) {
            status = write_result(made[k], &results[k], err);
            *count += status == SY_OK ? 1 : 0;
        }
        sy_tensor_unref(made[k]);
    }
    while (status != SY_OK && *count > 0) {
        --*count;
        sy_bytes_free(worker->hook, results[*count].data, results[*count].size);
    }
    drop(tensors, array_count);
    return status;
}
