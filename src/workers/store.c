/* store.c - the objects of a worker. Everything here runs with the worker's strand held. */
#include <string.h>

#include "core/error.h"
#include "workers/callers.h"
#include "workers/session.h"

sy_status syi_object_missing(const sy_worker *worker, const sy_id *id, sy_error *err)
{
    char text[72];
    sy_id_format(id, text, sizeof text);
    sy_status status = syi_fail_object(
        err, SY_ENOTFOUND, text,
        "Object \"%s\" not found on worker %s. If you think this tensor does exist, check that the "
        "pointer's location is right and that get() was not called on it before.",
        text, worker->name);
    return status;
}

static void count(syi_object *object, bool more)
{
    if (object != NULL && object->caller != NULL) {
        object->caller->objects += more ? 1 : SIZE_MAX;
    }
}

syi_object *syi_store_get(sy_worker *worker, const sy_id *id)
{
    return syi_table_get(worker->objects, id);
}

sy_status syi_store_put(sy_worker *worker, const sy_id *id, sy_tensor *tensor, syi_session *lease,
                        uint64_t *generation, syi_object **old, sy_error *err)
{
    sy_context *context = worker->hook->context;
    *old = NULL;
    const syi_object *there = syi_table_get(worker->objects, id);
    /* Somebody else's object, or one that is kept, is not overwritten by accident or on purpose. */
    if (there != NULL && lease != NULL && there->lease != lease) {
        char text[72];
        sy_id_format(id, text, sizeof text);
        return syi_fail_object(err, SY_EEXIST, text,
                               "Object \"%s\" already exists on worker %s and belongs to another "
                               "client; use another id",
                               text, worker->name);
    }
    if (there == NULL && lease != NULL) {
        SY_TRY(syi_caller_may_hold(worker, lease->who, err));
    }
    syi_object *object = worker->spare_count > 0 ? worker->spare_objects[--worker->spare_count]
                                                 : syi_alloc(context, sizeof *object);
    if (object == NULL) {
        return SYI_ENOMEM(err, "object store");
    }
    void *replaced = NULL;
    const sy_status status = syi_table_put(worker->objects, id, object, &replaced, err);
    if (status != SY_OK) {
        syi_free(context, object, sizeof *object);
        return status;
    }
    *old = replaced;
    *object = (syi_object){.tensor = sy_tensor_ref(tensor),
                           .generation = ++worker->last_generation,
                           .lease = lease,
                           .caller = lease != NULL ? lease->who : NULL};
    count(object, true);
    count(replaced, false);
    tensor->id = *id;
    tensor->owner = worker;
    *generation = object->generation;
    return SY_OK;
}

void syi_object_lease(syi_object *object, syi_session *session)
{
    count(object, false);
    object->lease = session;
    object->caller = session->who;
    count(object, true);
}

sy_tensor *syi_store_forget(sy_worker *worker, syi_object *old)
{
    if (old == NULL) {
        return NULL;
    }
    sy_tensor *tensor = old->tensor;
    syi_free(worker->hook->context, old, sizeof *old);
    return tensor;
}

void syi_store_undo(sy_worker *worker, const sy_id *id, syi_object *old)
{
    void *made = NULL;
    if (old != NULL) {
        (void)syi_table_put(worker->objects, id, old, &made, NULL); /* replacing needs no memory */
    } else {
        made = syi_table_remove(worker->objects, id);
    }
    count(old, true);
    count(made, false);
    sy_tensor_unref(syi_store_forget(worker, made)); /* who put it holds it, too */
}

syi_object *syi_store_remove(sy_worker *worker, const sy_id *id, uint64_t generation)
{
    syi_object *object = syi_table_get(worker->objects, id);
    if (object == NULL || (generation != 0 && object->generation != generation)) {
        return NULL;
    }
    syi_table_remove(worker->objects, id);
    count(object, false);
    return object;
}

bool syi_store_return(sy_worker *worker, const sy_id *id, syi_object *object)
{
    if (syi_table_put(worker->objects, id, object, NULL, NULL) != SY_OK) {
        return false;
    }
    count(object, true);
    return true;
}

sy_tensor *syi_store_take(sy_worker *worker, const sy_id *id, uint64_t generation)
{
    syi_object *object = syi_store_remove(worker, id, generation);
    if (object == NULL) {
        return NULL;
    }
    sy_tensor *tensor = object->tensor;
    if (worker->spare_count < SYI_SPARE_OBJECTS) {
        worker->spare_objects[worker->spare_count++] = object;
    } else {
        syi_free(worker->hook->context, object, sizeof *object);
    }
    return tensor;
}

bool syi_store_matches(const syi_object *object, const sy_id *id, const char *const *terms,
                       size_t term_count)
{
    char text[72];
    sy_id_format(id, text, sizeof text);
    const char *description = sy_tensor_get_description(object->tensor);
    for (size_t k = 0; k < term_count; k++) {
        if (strcmp(terms[k], text) != 0 &&
            !syi_tensor_has_tag(object->tensor, terms[k], strlen(terms[k])) &&
            (description == NULL || strstr(description, terms[k]) == NULL)) {
            return false;
        }
    }
    return true;
}
