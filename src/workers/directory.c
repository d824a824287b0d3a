/* directory.c - the workers that the hook knows: one table for all its workers. */
#include <string.h>

#include "core/error.h"
#include "workers/worker.h"

sy_worker *syi_directory_find(sy_hook *hook, const sy_id *id)
{
    pthread_mutex_lock(&hook->directory_lock);
    sy_worker *found = syi_table_get(hook->directory, id);
    pthread_mutex_unlock(&hook->directory_lock);
    return found;
}

sy_status syi_directory_add(sy_hook *hook, sy_worker *worker, sy_error *err)
{
    pthread_mutex_lock(&hook->directory_lock);
    sy_status status = syi_table_get(hook->directory, &worker->id) != NULL
                           ? syi_fail_object(err, SY_EEXIST, worker->name,
                                             "worker %s is known already", worker->name)
                           : syi_table_put(hook->directory, &worker->id, worker, NULL, err);
    pthread_mutex_unlock(&hook->directory_lock);
    return status;
}

static sy_worker_kind kind_of_scheme(syi_scheme scheme)
{
    return scheme == SYI_SCHEME_WS || scheme == SYI_SCHEME_WSS ? SY_WORKER_WEBSOCKET
                                                               : SY_WORKER_SOCKET;
}

sy_status syi_directory_introduce(sy_hook *hook, const sy_id *id, const char *text, sy_error *err)
{
    syi_url url;
    SY_TRY(syi_url_parse(&url, text, err));
    sy_worker *known = syi_directory_find(hook, id);
    if (known != NULL) {
        if (syi_worker_is_here(known) || strcmp(known->url, text) == 0) {
            return SY_OK;
        }
        return syi_fail_object(err, SY_EEXIST, known->name,
                               "worker %s is already known at %s, not at %s", known->name,
                               known->url, text);
    }
    sy_worker *worker = NULL;
    SY_TRY(syi_worker_new(hook, &worker, id, kind_of_scheme(url.scheme), err));
    memcpy(worker->url, text, strlen(text) + 1); /* fits: the parser has limits */
    sy_status status = syi_directory_add(hook, worker, err);
    if (status != SY_OK) {
        syi_worker_free(worker);
    }
    /* Another thread may have been quicker; was it told the same? */
    return status == SY_EEXIST ? syi_directory_introduce(hook, id, text, err) : status;
}
