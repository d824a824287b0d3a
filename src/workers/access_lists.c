/*
 * access_lists.c - lists of permissions that travel: a worker which moves a restricted object to another one says there,
 * with the worker command `permit`, who may do what with it. Only who has sent the object may say so, and only until
 * another client has adopted it. Tests: tests/integration/callers.c (moving).
 */
#include "core/error.h"
#include "hook/tensor.h"
#include "workers/access.h"
#include "workers/link.h"

enum { PERMIT_ID, PERMIT_GENERATION, PERMIT_LISTS, PERMIT_ARGS = PERMIT_LISTS + 4 };
/* The lists, in the order of the arguments; none: everybody. */
static const sy_permission permissions[] = {SY_PERMISSION_GET, SY_PERMISSION_USE,
                                            SY_PERMISSION_SEARCH, SY_PERMISSION_DELETE};

static sy_status read_list(const sy_value *value, const char *names[SYI_ACCESS_NAMES],
                           size_t *count, sy_error *err)
{
    if (value->kind != SY_VALUE_LIST || value->as.list.count > SYI_ACCESS_NAMES) {
        return syi_fail(err, SY_EINVAL, "permit: a list of at most %d names is expected",
                        SYI_ACCESS_NAMES);
    }
    *count = value->as.list.count;
    for (size_t k = 0; k < *count; k++) {
        if (value->as.list.items[k].kind != SY_VALUE_STRING) {
            return syi_fail(err, SY_EINVAL, "permit: a name is no text");
        }
        names[k] = value->as.list.items[k].as.string;
    }
    return SY_OK;
}

/* Strand held: the object that the caller has put here itself, and nobody has adopted. */
static sy_status find_own(const sy_request *request, const sy_id *id, uint64_t generation,
                          sy_tensor **tensor, sy_error *err)
{
    const syi_object *object = syi_store_get(request->worker, id);
    if (object == NULL || object->generation != generation) {
        return syi_object_missing(request->worker, id, err);
    }
    if (object->lease != request->session || object->settled) {
        char text[72];
        return syi_fail_object(err, SY_EPERM, sy_id_format(id, text, sizeof text),
                               "permit of object %s at worker %s is refused: only who sent it may",
                               text, request->worker->name);
    }
    *tensor = object->tensor;
    return SY_OK;
}

/* permit(id, generation, get, use, search, delete): lists of names, or none. It runs alone, so nobody computes with the
 * object meanwhile. */
static sy_status handle_permit(const sy_request *request, sy_error *err)
{
    sy_id id = SY_ID_INIT;
    sy_tensor *tensor = NULL;
    if (request->args[PERMIT_ID].kind == SY_VALUE_INT) {
        id = sy_id_from_int(request->args[PERMIT_ID].as.integer);
    } else if (request->args[PERMIT_ID].kind == SY_VALUE_STRING) {
        SY_TRY(sy_id_from_text(&id, request->args[PERMIT_ID].as.string, err));
    }
    if (request->args[PERMIT_GENERATION].kind != SY_VALUE_INT) {
        return syi_fail(err, SY_EINVAL, "permit: the generation is no integer");
    }
    pthread_mutex_lock(&request->worker->strand);
    sy_status status =
        find_own(request, &id, (uint64_t)request->args[PERMIT_GENERATION].as.integer, &tensor, err);
    for (size_t k = 0; k < 4 && status == SY_OK; k++) {
        const sy_value *list = &request->args[PERMIT_LISTS + k];
        const char *names[SYI_ACCESS_NAMES];
        size_t count = 0;
        if (list->kind == SY_VALUE_NONE) {
            continue;
        }
        status = read_list(list, names, &count, err);
        if (status == SY_OK) {
            status = sy_tensor_permit(tensor, permissions[k], names, count, err);
        }
    }
    pthread_mutex_unlock(&request->worker->strand);
    SY_TRY(status);
    syi_msgpack_write_nil(request->reply->out);
    return syi_buffer_check(request->reply->out, "message body", err);
}

static const syi_worker_command commands[] = {
    {"permit", PERMIT_ARGS, PERMIT_ARGS, SYI_COMMAND_WRITES, handle_permit},
};

sy_status syi_commands_register_lists(sy_hook *hook, sy_error *err)
{
    return syi_commands_register(hook, commands, 1, err);
}

sy_status syi_access_send_lists(sy_worker *owner, sy_worker *target, const sy_id *id,
                                uint64_t generation, const syi_policy *policy, sy_error *err)
{
    const uint64_t allowed[] = {policy->getters, ~policy->no_use, ~policy->no_search,
                                ~policy->no_delete};
    const bool given[] = {policy->private_, policy->no_use != 0, policy->no_search != 0,
                          policy->no_delete != 0};
    sy_value names[4][SYI_ACCESS_NAMES];
    sy_value args[PERMIT_ARGS];
    if (!syi_access_has_lists(policy)) {
        return SY_OK;
    }
    args[PERMIT_ID] = syi_id_value(id);
    args[PERMIT_GENERATION] = sy_value_int((int64_t)generation);
    for (size_t k = 0; k < 4; k++) {
        const char *found[SYI_ACCESS_NAMES];
        const size_t count = given[k] ? syi_access_get_names(owner->hook, allowed[k], found) : 0;
        for (size_t n = 0; n < count; n++) {
            names[k][n] = sy_value_string(found[n]);
        }
        args[PERMIT_LISTS + k] = given[k] ? sy_value_list(names[k], count) : sy_value_none();
    }
    return syi_command_tell(owner, target, "permit", args, PERMIT_ARGS, err);
}
