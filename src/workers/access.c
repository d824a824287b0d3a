/*
 * access.c - who may do what: names of callers and their bits in the masks of objects, the owner's word about an object
 * and about administering a worker, the checks, and the lines about refusals. Test: tests/integration/callers.c.
 */
#include "workers/access.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/error.h"
#include "hook/tensor.h"
#include "workers/callers.h"
#include "workers/room.h"

#define EVERYBODY_ELSE UINT64_C(1)

/* Names and their bits */

/* directory_lock held. 0: it is not there. */
static uint64_t find_bit(const syi_workers_room *room, const char *name)
{
    const unsigned count = atomic_load(&room->named_count);
    for (unsigned k = 0; k < count; k++) {
        if (strcmp(room->named[k], name) == 0) {
            return UINT64_C(2) << k;
        }
    }
    return 0;
}

static uint64_t bit_of(sy_hook *hook, const char *name)
{
    pthread_mutex_lock(&hook->directory_lock);
    const uint64_t bit = name[0] != '\0' ? find_bit(hook->workers, name) : 0;
    pthread_mutex_unlock(&hook->directory_lock);
    return bit != 0 ? bit : EVERYBODY_ELSE;
}

uint64_t syi_session_bit(syi_session *session)
{
    sy_hook *hook = session->worker->hook;
    const unsigned count = atomic_load(&hook->workers->named_count);
    if (session->bit == 0 || session->bit_as_of != count) {
        session->bit = bit_of(hook, session->name);
        session->bit_as_of = count;
    }
    return session->bit;
}

static sy_status make_mask(sy_hook *hook, const char *const *callers, size_t count, uint64_t *mask,
                           sy_error *err)
{
    syi_workers_room *room = hook->workers;
    sy_status status = SY_OK;
    *mask = 0;
    for (size_t k = 0; k < count; k++) {
        if (!syi_caller_name_is_good(callers[k])) {
            return syi_fail(err, SY_EINVAL, "permit: \"%.64s\" is no name of a caller", callers[k]);
        }
    }
    pthread_mutex_lock(&hook->directory_lock);
    for (size_t k = 0; k < count && status == SY_OK; k++) {
        const unsigned named = atomic_load(&room->named_count);
        uint64_t bit = find_bit(room, callers[k]);
        if (bit == 0 && named == SYI_ACCESS_NAMES) {
            status =
                syi_fail(err, SY_ELIMIT,
                         "permit: %s would be caller %u in the lists of this hook, the limit is %d",
                         callers[k], named + 1, SYI_ACCESS_NAMES);
        } else if (bit == 0) {
            snprintf(room->named[named], sizeof room->named[named], "%s", callers[k]);
            bit = UINT64_C(2) << named;
            atomic_store(&room->named_count, named + 1);
        }
        *mask |= bit;
    }
    pthread_mutex_unlock(&hook->directory_lock);
    return status;
}

size_t syi_access_get_names(sy_hook *hook, uint64_t mask, const char *names[SYI_ACCESS_NAMES])
{
    syi_workers_room *room = hook->workers;
    const unsigned count = atomic_load(&room->named_count);
    size_t found = 0;
    for (unsigned k = 0; k < count; k++) {
        if ((mask & UINT64_C(2) << k) != 0) {
            names[found++] = room->named[k];
        }
    }
    return found;
}

/* The owner's word */

/* Contents that not everybody may have are private, for those who may not. */
static void restrict_contents(sy_tensor *tensor, syi_policy *policy, uint64_t mask)
{
    if (!policy->private_) {
        char origin[72];
        int ndim = 0;
        int64_t shape[SY_DIM_MAX];
        const uint64_t unused = policy->no_use, hidden = policy->no_search,
                       kept = policy->no_delete;
        const sy_id id = sy_tensor_get_id(tensor);
        const char *tag = sy_tensor_get_tag(tensor, 0);
        if (sy_tensor_get_shape(tensor, &ndim, shape, NULL) != SY_OK) {
            ndim = 0;
        }
        syi_policy_set_private(policy, tag != NULL ? tag : sy_id_format(&id, origin, sizeof origin),
                               ndim > 0 ? shape[0] : 0);
        policy->no_use = unused;
        policy->no_search = hidden;
        policy->no_delete = kept;
    }
    policy->getters = mask;
}

sy_status sy_tensor_permit(sy_tensor *tensor, unsigned permissions, const char *const *callers,
                           size_t count, sy_error *err)
{
    const unsigned all =
        SY_PERMISSION_GET | SY_PERMISSION_USE | SY_PERMISSION_SEARCH | SY_PERMISSION_DELETE;
    uint64_t mask = 0;
    if (permissions == 0 || (permissions & ~all) != 0) {
        return syi_fail(err, SY_EINVAL, "permit: there are no permissions %u", permissions);
    }
    if (syi_node_is_remote(tensor->node)) {
        return syi_fail(err, SY_EINVAL,
                        "permit: the tensor is a pointer; its owner says who may do what with it");
    }
    SY_TRY(make_mask(tensor->hook, callers, count, &mask, err));
    syi_policy policy = syi_tensor_policy(tensor);
    if ((permissions & SY_PERMISSION_GET) != 0) {
        restrict_contents(tensor, &policy, mask);
    }
    if ((permissions & SY_PERMISSION_USE) != 0) {
        if (!policy.private_) {
            restrict_contents(tensor, &policy, mask);
        }
        policy.no_use = ~mask;
    }
    policy.getters &= ~policy.no_use;
    policy.no_search = (permissions & SY_PERMISSION_SEARCH) != 0 ? ~mask : policy.no_search;
    policy.no_delete = (permissions & SY_PERMISSION_DELETE) != 0 ? ~mask : policy.no_delete;
    syi_tensor_set_policy(tensor, &policy);
    syi_storage *storage = syi_node_storage(tensor->node);
    if (policy.private_ && storage != NULL) {
        atomic_store(&storage->private_, true); /* other handles on these elements, too */
    }
    return SY_OK;
}

bool sy_tensor_permits(sy_tensor *tensor, sy_permission permission, const char *caller)
{
    const syi_policy policy = syi_tensor_policy(tensor);
    const uint64_t bit = bit_of(tensor->hook, caller != NULL ? caller : "");
    switch (permission) {
    case SY_PERMISSION_GET:
        return !syi_policy_hides(&policy, bit);
    case SY_PERMISSION_USE:
        return (policy.no_use & bit) == 0;
    case SY_PERMISSION_SEARCH:
        return (policy.no_search & bit) == 0;
    case SY_PERMISSION_DELETE:
        return (policy.no_delete & bit) == 0;
    default:
        return false;
    }
}

/* Checks */

static sy_status refuse(const char *what, const sy_worker *worker, const sy_id *id, sy_error *err)
{
    char text[72];
    sy_id_format(id, text, sizeof text);
    return syi_fail_object(
        err, SY_EPERM, text,
        "%s of object %s at worker %s is refused: its owner permits that to others", what, text,
        worker->name);
}

sy_status syi_access_check_use(const sy_worker *worker, sy_tensor *object, const sy_id *id,
                               uint64_t bit, sy_error *err)
{
    return (object->policy.no_use & bit) == 0 ? SY_OK : refuse("use", worker, id, err);
}

sy_status syi_access_check_delete(syi_session *session, const syi_object *object, const sy_id *id,
                                  sy_error *err)
{
    const bool own =
        object->lease == session || (object->caller != NULL && object->caller == session->who);
    return own || (object->tensor->policy.no_delete & syi_session_bit(session)) == 0
               ? SY_OK
               : refuse("delete", session->worker, id, err);
}

bool syi_access_may_find(const syi_object *object, uint64_t bit)
{
    return (object->tensor->policy.no_search & bit) == 0;
}

sy_status sy_worker_permit_administration(sy_worker *worker, const char *const *callers,
                                          size_t count, sy_error *err)
{
    uint64_t mask = 0;
    if (!syi_worker_is_here(worker)) {
        return syi_fail(err, SY_EINVAL,
                        "worker %s is not in this process: its owner says who "
                        "administers it",
                        worker->name);
    }
    SY_TRY(make_mask(worker->hook, callers, count, &mask, err));
    pthread_mutex_lock(&worker->strand);
    worker->administrators = mask;
    worker->has_administrators = true;
    pthread_mutex_unlock(&worker->strand);
    return SY_OK;
}

sy_status syi_access_check_administration(const sy_request *request, sy_error *err)
{
    sy_worker *worker = request->worker;
    pthread_mutex_lock(&worker->strand);
    const bool may = worker->has_administrators ? (worker->administrators & request->bit) != 0
                                                : request->trusted_link;
    const bool named = worker->has_administrators;
    pthread_mutex_unlock(&worker->strand);
    return may ? SY_OK
               : syi_fail(err, SY_EPERM, "%s at worker %s is refused: %s",
                          request->job->command->name, worker->name,
                          named ? "its owner lets others administer it"
                                : "it is administered from its own machine");
}

/* Lines */

void syi_audit(syi_session *session, uint64_t message_id, const char *what, const sy_error *why)
{
    char reason[SY_ERROR_MESSAGE_SIZE];
    char when[32] = "";
    char address[SYI_ADDRESS_SIZE];
    struct tm at;
    const time_t now = (time_t)syi_time_now();
    if (gmtime_r(&now, &at) != NULL) {
        strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &at);
    }
    snprintf(reason, sizeof reason, "%s", why->message);
    for (char *p = reason; *p != '\0'; p++) {
        *p = *p == '"' ? '\'' : *p; /* no field begins inside another */
    }
    syi_log(session->worker->hook->context, SY_LOG_WARNING, "audit", session->worker->name,
            message_id,
            "refused caller=\"%s\" address=%s action=\"%s\" object=\"%s\" time=%s status=%s "
            "reason=\"%s\"",
            session->name[0] != '\0' ? session->name : "anonymous",
            syi_session_address(session, address), what, why->object, when,
            sy_status_name(why->status), reason);
}
