#include "hook/hook.h"

#include <string.h>

#include "core/error.h"
#include "hook/dispatch.h"
#include "hook/overload.h"

sy_status syi_hook_new(sy_context *context, sy_hook **hook, const sy_hook_options *options,
                       sy_error *err)
{
    *hook = NULL;
    sy_hook_options defaults = SY_HOOK_OPTIONS_INIT;
    if (options == NULL) {
        options = &defaults;
    }
    if (options->size != sizeof(sy_hook_options)) {
        return syi_fail(err, SY_EINVAL,
                        "sy_hook_options.size is %zu, expected %zu: start with "
                        "SY_HOOK_OPTIONS_INIT",
                        options->size, sizeof(sy_hook_options));
    }
    sy_status status = SY_OK;
    sy_hook *made = syi_alloc(context, sizeof *made);
    if (made == NULL) {
        return SYI_ENOMEM(err, "hook");
    }
    made->context = context;
    made->verbose = options->verbose;
    made->is_client = options->is_client;
    made->queue_size = options->queue_size;
    pthread_mutex_init(&made->directory_lock, NULL);
    syi_account_init(&made->account, "local tensors", 0, syi_context_get_account(context));
    if (made->verbose) {
        syi_log(context, SY_LOG_INFO, "hook", NULL, 0, "Hooking into Torch...");
    }
    SY_GOTO(failed, syi_ops_new(context, &made->ops, err));
    SY_GOTO(failed, syi_cpu_framework_new(context, &made->framework, err));
    for (int id = 0; id < SYI_OP_COUNT; id++) {
        made->handles[id] =
            made->framework->klass->resolve(made->framework, syi_op_get((syi_op_id)id));
    }
    SY_GOTO(failed, sy_id_provider_new(context, &made->ids, NULL, 0, err));
    SY_GOTO(failed, syi_table_new(context, &made->directory, err));
    SY_GOTO(failed, syi_hook_register_interpreter(made, &syi_native, err));
    *hook = made;
    return SY_OK;
failed:
    syi_hook_free(made);
    return status;
}

void syi_hook_free(sy_hook *hook)
{
    if (hook == NULL) {
        return;
    }
    while (hook->room_count > 0) {
        hook->room_count--;
        hook->rooms[hook->room_count].free(hook->rooms[hook->room_count].state);
    }
    syi_overloads_free(hook);
    while (hook->interpreter_count > 0) { /* no node is left */
        const syi_interpreter *type = hook->interpreters[--hook->interpreter_count];
        if (type->release != NULL) {
            type->release(type, hook->context);
        }
    }
    syi_table_free(hook->directory);
    sy_id_provider_free(hook->ids);
    if (hook->framework != NULL) {
        hook->framework->klass->free(hook->framework);
    }
    syi_ops_free(hook->ops);
    pthread_mutex_destroy(&hook->directory_lock);
    syi_free(hook->context, hook, sizeof *hook);
}

sy_status syi_hook_register_interpreter(sy_hook *hook, const syi_interpreter *type, sy_error *err)
{
    if (hook->interpreter_count == SYI_INTERPRETER_MAX) {
        return syi_fail(err, SY_ELIMIT, "interpreter %s: more than %d types", type->name,
                        SYI_INTERPRETER_MAX);
    }
    if (syi_hook_find_interpreter_named(hook, type->name) != NULL) {
        return syi_fail(err, SY_EEXIST, "interpreter %s: there is one of this name", type->name);
    }
    if (type->code >= 0 && syi_hook_find_interpreter(hook, type->code) != NULL) {
        return syi_fail(err, SY_EEXIST, "interpreter %s: type code %d is taken by %s", type->name,
                        type->code, syi_hook_find_interpreter(hook, type->code)->name);
    }
    hook->interpreters[hook->interpreter_count++] = type;
    return SY_OK;
}

void syi_hook_register_composite(sy_hook *hook, syi_op_id id, syi_composite_fn answer)
{
    hook->composites[id] = answer;
}

const syi_interpreter *syi_hook_find_interpreter(const sy_hook *hook, int code)
{
    for (size_t k = 0; k < hook->interpreter_count; k++) {
        if (hook->interpreters[k]->code == code) {
            return hook->interpreters[k];
        }
    }
    return NULL;
}

const syi_interpreter *syi_hook_find_interpreter_named(const sy_hook *hook, const char *name)
{
    for (size_t k = 0; k < hook->interpreter_count; k++) {
        if (strcmp(hook->interpreters[k]->name, name) == 0) {
            return hook->interpreters[k];
        }
    }
    return NULL;
}

sy_status syi_hook_register_room(sy_hook *hook, void *state, void (*free)(void *state),
                                 sy_error *err)
{
    if (hook->room_count == sizeof hook->rooms / sizeof hook->rooms[0]) {
        return syi_fail(err, SY_ELIMIT, "hook: too many rooms");
    }
    hook->rooms[hook->room_count].state = state;
    hook->rooms[hook->room_count].free = free;
    hook->room_count++;
    return SY_OK;
}

sy_id syi_hook_fresh_id(sy_hook *hook)
{
    sy_id id = SY_ID_INIT;
    /* Fails only while recording ids and out of memory; the id itself is drawn all the same. */
    (void)sy_id_provider_pop(hook->ids, &id, NULL);
    return id;
}

sy_worker *sy_hook_get_local_worker(const sy_hook *hook)
{
    return hook->local_worker;
}

sy_context *sy_hook_get_context(const sy_hook *hook)
{
    return hook->context;
}

sy_id_provider *sy_hook_get_id_provider(const sy_hook *hook)
{
    return hook->ids;
}

void sy_hook_manual_seed(sy_hook *hook, uint64_t seed)
{
    hook->framework->klass->seed(hook->framework, seed);
}

const char *sy_get_native_torch_name(const char *name, char *buffer, size_t size)
{
    return syi_native_name(name, buffer, size);
}

bool sy_is_inplace_method(const char *name)
{
    return syi_is_inplace_name(name);
}

sy_status sy_hook_command_guard(const sy_hook *hook, const char *name, sy_error *err)
{
    const syi_op *op = NULL;
    bool inplace = false;
    if (syi_ops_find(hook->ops, name, strlen(name), &op, &inplace) && (op->flags & SYI_OP_PEER)) {
        return SY_OK;
    }
    return syi_fail_object(err, SY_EFORBIDDEN, name,
                           "Command \"%s\" is not a supported Torch operation.", name);
}

sy_status sy_hook_get_native_command(const sy_hook *hook, const char *name, char *buffer,
                                     size_t size, sy_error *err)
{
    SY_TRY(sy_hook_command_guard(hook, name, err));
    if (strlen(name) + sizeof "native_" > size) {
        return syi_fail(err, SY_ELIMIT, "native command of %s: %zu bytes are too few", name, size);
    }
    (void)syi_native_name(name, buffer, size);
    return SY_OK;
}
