#include "hook/scope.h"

#include <stdio.h>
#include <string.h>

#include "core/error.h"

#define FIRST_CAPACITY 64

void syi_scope_init(sy_scope *scope, sy_hook *hook, const syi_mode *mode)
{
    scope->hook = hook;
    scope->mode = *mode;
    scope->mode.called = NULL;
    syi_error_empty(&scope->error);
    scope->posted = false;
    scope->file = NULL;
    scope->line = 0;
    scope->results = scope->first;
    scope->count = 0;
    scope->capacity = FIRST_CAPACITY;
}

void syi_scope_fini(sy_scope *scope)
{
    sy_scope_clear(scope);
    if (scope->results != scope->first) {
        syi_free(scope->hook->context, scope->results, scope->capacity * sizeof *scope->results);
    }
}

sy_scope *sy_scope_begin(sy_hook *hook)
{
    const syi_mode mode = SYI_MODE_DEFAULT;
    sy_scope *scope = syi_alloc(hook->context, sizeof *scope);
    if (scope != NULL) {
        syi_scope_init(scope, hook, &mode);
        (void)sy_scope_set_pipelined(scope, hook->queue_size > 0);
    }
    return scope;
}

void sy_scope_clear(sy_scope *scope)
{
    if (scope == NULL) {
        return;
    }
    for (size_t k = scope->count; k > 0; k--) {
        sy_tensor_unref(scope->results[k - 1]);
    }
    scope->count = 0;
}

sy_status sy_scope_end(sy_scope *scope, sy_error *err)
{
    if (scope == NULL) {
        return SYI_ENOMEM(err, "scope");
    }
    if (scope->posted && scope->hook->synchronize != NULL) {
        sy_error learned = SY_ERROR_INIT;
        if (scope->hook->synchronize(scope->hook, &learned) != SY_OK) {
            sy_scope_fail(scope, &learned);
        }
    }
    syi_scope_fini(scope);
    sy_status status = scope->error.status;
    if (status != SY_OK && err != NULL) {
        *err = scope->error;
    }
    syi_free(scope->hook->context, scope, sizeof *scope);
    return status;
}

/* Takes the reference; NULL (and latched) when there is no room for it. */
static sy_tensor *own(sy_scope *scope, sy_tensor *tensor)
{
    if (scope->count == scope->capacity) {
        size_t capacity = scope->capacity * 2;
        sy_context *context = scope->hook->context;
        sy_tensor **results = syi_alloc_array(context, capacity, sizeof *results);
        if (results == NULL) {
            sy_tensor_unref(tensor);
            SYI_ENOMEM(&scope->error, "scope");
            return NULL;
        }
        memcpy(results, scope->results, scope->count * sizeof *results);
        if (scope->results != scope->first) {
            syi_free(context, scope->results, scope->capacity * sizeof *results);
        }
        scope->results = results;
        scope->capacity = capacity;
    }
    scope->results[scope->count++] = tensor;
    return tensor;
}

sy_tensor *sy_scope_adopt(sy_scope *scope, sy_tensor *tensor)
{
    if (scope == NULL || tensor == NULL) {
        sy_tensor_unref(tensor);
        return NULL;
    }
    return own(scope, tensor);
}

sy_tensor *sy_scope_keep(sy_scope *scope, sy_tensor *tensor)
{
    if (scope == NULL || tensor == NULL) {
        return NULL;
    }
    for (size_t k = scope->count; k > 0; k--) {
        if (scope->results[k - 1] == tensor) {
            scope->results[k - 1] = scope->results[--scope->count];
            return tensor;
        }
    }
    return sy_tensor_ref(tensor);
}

sy_status sy_scope_get_status(const sy_scope *scope)
{
    return scope != NULL ? scope->error.status : SY_ENOMEM;
}

sy_hook *sy_scope_get_hook(const sy_scope *scope)
{
    return scope != NULL ? scope->hook : NULL;
}

void sy_scope_fail(sy_scope *scope, const sy_error *err)
{
    if (scope != NULL && scope->error.status == SY_OK) {
        scope->error = *err;
    }
}

bool sy_scope_set_grad_enabled(sy_scope *scope, bool enabled)
{
    if (scope == NULL) {
        return enabled;
    }
    bool old = scope->mode.grad;
    scope->mode.grad = enabled;
    return old;
}

bool sy_scope_set_pipelined(sy_scope *scope, bool pipelined)
{
    if (scope == NULL) {
        return pipelined;
    }
    bool old = scope->mode.pipelined;
    scope->mode.pipelined = pipelined;
    scope->posted |= pipelined;
    return old;
}

sy_scope *sy_scope_at(sy_scope *scope, const char *file, int line)
{
    if (scope != NULL) {
        scope->file = file;
        scope->line = line;
    }
    return scope;
}

static void latch(sy_scope *scope, const sy_error *error)
{
    scope->error = *error;
    if (scope->file != NULL) {
        const char *slash = strrchr(scope->file, '/');
        syi_error_prefix(&scope->error, scope->error.status, "%s:%d",
                         slash != NULL ? slash + 1 : scope->file, scope->line);
    }
}

/* Moves the results into the scope. */
static sy_tensor *own_results(sy_scope *scope, syi_results *results, sy_tensor **many,
                              size_t capacity)
{
    sy_tensor *first = NULL;
    for (int k = 0; k < results->count; k++) {
        sy_tensor *owned = own(scope, results->tensors[k]);
        if (k == 0) {
            first = owned;
        }
        if (many != NULL && (size_t)k < capacity) {
            many[k] = owned;
        }
    }
    return scope->error.status == SY_OK ? first : NULL;
}

static bool arguments_present(const sy_value *args, size_t count)
{
    for (size_t k = 0; k < count; k++) {
        if (args[k].kind == SY_VALUE_TENSOR && args[k].as.tensor == NULL) {
            return false;
        }
        if (args[k].kind == SY_VALUE_LIST &&
            !arguments_present(args[k].as.list.items, args[k].as.list.count)) {
            return false;
        }
    }
    return true;
}

static sy_tensor *call(sy_scope *scope, const syi_op *op, const char *name, bool inplace,
                       const sy_value *args, size_t arg_count, sy_tensor **many, size_t capacity,
                       size_t *count)
{
    if (count != NULL) {
        *count = 0;
    }
    if (scope == NULL || scope->error.status != SY_OK) {
        return NULL;
    }
    sy_error error;
    syi_error_empty(&error);
    if (!arguments_present(args, arg_count)) {
        syi_fail(&error, SY_EINVAL, "%s: an argument is NULL", op != NULL ? op->name : name);
        latch(scope, &error);
        return NULL;
    }
    syi_results results;
    sy_status status;
    if (op != NULL) {
        sy_value bound[SYI_ARGUMENT_MAX];
        status = syi_ops_bind(scope->hook->ops, op, args, arg_count, NULL, 0, bound, &error);
        if (status == SY_OK) {
            status = syi_dispatch(scope->hook, op, inplace, bound, &scope->mode, &results, &error);
        }
    } else {
        status = syi_dispatch_name(scope->hook, name, strlen(name), args, arg_count, NULL, 0,
                                   &scope->mode, &results, &error);
    }
    if (status != SY_OK) {
        error.status = status;
        latch(scope, &error);
        return NULL;
    }
    scope->file = NULL;
    if (count != NULL) {
        *count = (size_t)results.count;
    }
    return own_results(scope, &results, many, capacity);
}

sy_tensor *syi_scope_run(sy_scope *scope, syi_op_id id, bool inplace, const sy_value *args,
                         size_t arg_count)
{
    return call(scope, syi_op_get(id), NULL, inplace, args, arg_count, NULL, 0, NULL);
}

size_t syi_scope_run_many(sy_scope *scope, syi_op_id id, const sy_value *args, size_t arg_count,
                          sy_tensor **results, size_t capacity)
{
    size_t count = 0;
    call(scope, syi_op_get(id), NULL, false, args, arg_count, results, capacity, &count);
    return sy_scope_get_status(scope) == SY_OK ? count : 0;
}

sy_tensor *sy_scope_call(sy_scope *scope, const char *name, const sy_value *args, size_t arg_count)
{
    return call(scope, NULL, name, false, args, arg_count, NULL, 0, NULL);
}

size_t sy_scope_call_many(sy_scope *scope, const char *name, const sy_value *args, size_t arg_count,
                          sy_tensor **results, size_t capacity)
{
    size_t count = 0;
    call(scope, NULL, name, false, args, arg_count, results, capacity, &count);
    return sy_scope_get_status(scope) == SY_OK ? count : 0;
}
