/* resolve.c - see resolve.h. */
#include "workers/resolve.h"

#include <string.h>

#include "core/error.h"
#include "workers/access.h"

static bool is_here(syi_decoder *decoder, const sy_id *location)
{
    return sy_id_equal(&decoder->worker->id, location);
}

/* The dotted path of an attribute pointer, from the object on; a new reference, NULL for none. */
static sy_status follow(sy_worker *worker, sy_tensor *object, const char *path, sy_tensor **found,
                        sy_error *err)
{
    sy_tensor *at = sy_tensor_ref(object);
    *found = NULL;
    while (path != NULL && *path != '\0' && at != NULL) {
        size_t length = strcspn(path, ".");
        sy_tensor *next = NULL;
        sy_status status = SY_OK;
        if (length > 0 && at->node->type->attribute != NULL) {
            /* A pointer: the rest of the path is at its worker. */
            syi_node *node = NULL;
            status = at->node->type->attribute(at->node, path, &node, err);
            if (status == SY_OK) {
                status = syi_tensor_wrap(at->hook, &next, node, err);
            }
            path += strlen(path);
            length = 0;
        } else if (length == 0) {
            next = sy_tensor_ref(at); /* empty segments are skipped */
        } else if (length == 4 && memcmp(path, "grad", 4) == 0) {
            next = sy_tensor_ref(at->grad);
        } else if (length == 4 && memcmp(path, "data", 4) == 0) {
            status = syi_tensor_alias(at, &next, err);
        } else {
            status =
                syi_fail(err, SY_EFORBIDDEN,
                         "attribute \"%.*s\" of an object at worker %s: only grad and data can "
                         "be pointed to",
                         (int)(length < 60 ? length : 60), path, worker->name);
        }
        sy_tensor_unref(at);
        SY_TRY(status);
        at = next;
        path += length;
        path += *path == '.';
    }
    *found = at;
    return SY_OK;
}

sy_status syi_resolve_object(sy_worker *worker, const sy_id *id, const char *attribute,
                             uint64_t caller, sy_tensor **found, sy_error *err)
{
    *found = NULL;
    syi_object *object = syi_store_get(worker, id);
    if (object == NULL) {
        return syi_object_missing(worker, id, err);
    }
    SY_TRY(syi_access_check_use(worker, object->tensor, id, caller, err));
    if (attribute == NULL) {
        *found = sy_tensor_ref(object->tensor);
        return SY_OK;
    }
    return follow(worker, object->tensor, attribute, found, err);
}

static sy_status resolve(syi_decoder *decoder, const sy_id *id, const char *attribute,
                         sy_tensor **tensor, sy_error *err)
{
    SY_TRY(syi_resolve_object(decoder->worker, id, attribute, decoder->caller, tensor, err));
    if (*tensor == NULL) {
        char text[72];
        return syi_fail_object(err, SY_ENOGRAD, sy_id_format(id, text, sizeof text),
                               "Object \"%s\" on worker %s has no .%s", text, decoder->worker->name,
                               attribute);
    }
    return SY_OK;
}

static sy_status resolve_locked(syi_decoder *decoder, const sy_id *id, const char *attribute,
                                sy_tensor **tensor, sy_error *err)
{
    sy_worker *worker = decoder->worker;
    pthread_mutex_lock(&worker->strand);
    sy_status status = resolve(decoder, id, attribute, tensor, err);
    pthread_mutex_unlock(&worker->strand);
    return status;
}

void syi_resolve_with_strand(syi_decoder *decoder)
{
    decoder->resolve = resolve;
    decoder->is_here = is_here;
}

void syi_resolve_without_strand(syi_decoder *decoder)
{
    if (syi_worker_is_here(decoder->worker)) {
        decoder->resolve = resolve_locked;
        decoder->is_here = is_here;
    }
}
