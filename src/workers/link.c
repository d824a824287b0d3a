/*
 * link.c - the life of a link: made, kept by its worker, closed, freed. Tests: tests/integration/broken_links.c,
 * lifetime.c and remote.c.
 */
#include "workers/janitor.h"
#include "workers/link_state.h"
#include "workers/room.h"

static sy_status link_new(sy_worker *owner, sy_worker *target, syi_link **link, sy_error *err)
{
    sy_context *context = owner->hook->context;
    syi_link *made = syi_alloc(context, sizeof *made);
    if (made == NULL) {
        return SYI_ENOMEM(err, "link");
    }
    made->owner = owner;
    made->target = target;
    pthread_mutex_init(&made->state_lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&made->changed, &attributes);
    pthread_cond_init(&made->sendable, &attributes);
    pthread_condattr_destroy(&attributes);
    syi_message_init(&made->deletion, context, SYI_BODY_MAX);
    syi_message_init(&made->inbox, context, SYI_BODY_MAX);
    if (!syi_deletion_queue_init(&made->deletions, context)) {
        syi_link_free(made);
        return SYI_ENOMEM(err, "link");
    }
    *link = made;
    return SY_OK;
}

/* links_lock of the owner held: the owner keeps the link, or it is freed. */
static sy_status keep_link(syi_link *link, sy_error *err)
{
    sy_worker *owner = link->owner;
    sy_status status = syi_table_put(owner->links, &link->target->id, link, NULL, err);
    if (status == SY_OK) {
        status = syi_janitor_watch(owner->hook, link, err);
        if (status != SY_OK) {
            syi_table_remove(owner->links, &link->target->id);
        }
    }
    if (status != SY_OK) {
        syi_link_free(link);
    }
    return status;
}

sy_status syi_link_get(sy_worker *owner, sy_worker *target, syi_link **link, sy_error *err)
{
    sy_status status = SY_OK;
    if (!syi_worker_is_here(target) && target->url[0] == '\0' && target->custom == NULL) {
        return syi_fail(err, SY_EINVAL, "worker %s: no way to it is known", target->name);
    }
    pthread_mutex_lock(&owner->links_lock);
    syi_link *found = syi_table_get(owner->links, &target->id);
    if (found == NULL) {
        status = link_new(owner, target, &found, err);
        if (status == SY_OK) {
            status = keep_link(found, err);
        }
    }
    pthread_mutex_unlock(&owner->links_lock);
    *link = status == SY_OK ? found : NULL;
    return status;
}

sy_status syi_link_first_contact(sy_worker *owner, sy_worker *target, syi_link **link,
                                 sy_error *err)
{
    syi_link *made = NULL;
    *link = NULL;
    SY_TRY(link_new(owner, target, &made, err));
    (void)syi_link_try_turn(made); /* nobody else knows it yet */
    sy_status status = syi_link_connect(made, 0, 0, err);
    syi_link_leave_turn(made);
    if (status != SY_OK) {
        syi_link_free(made);
        return status;
    }
    *link = made;
    return SY_OK;
}

sy_status syi_link_install(syi_link *link, sy_error *err)
{
    sy_worker *owner = link->owner;
    sy_status status = SY_OK;
    pthread_mutex_lock(&owner->links_lock);
    if (syi_table_get(owner->links, &link->target->id) != NULL) {
        syi_link_free(link); /* somebody found the worker and was quicker */
    } else {
        status = keep_link(link, err);
    }
    pthread_mutex_unlock(&owner->links_lock);
    return status;
}

sy_worker *syi_link_get_target(const syi_link *link)
{
    return link->target;
}

static void pending_free(sy_context *context, syi_pending *pending)
{
    syi_message_fini(&pending->request);
    syi_message_fini(&pending->reply);
    syi_free(context, pending, sizeof *pending);
}

void syi_link_free(syi_link *link)
{
    if (link == NULL) {
        return;
    }
    sy_context *context = syi_link_context(link);
    syi_connection_close(link->connection);
    syi_pending *at_hand = atomic_load(&link->at_hand);
    if (at_hand != NULL) {
        pending_free(context, at_hand);
    }
    while (link->spare != NULL) {
        syi_pending *next = link->spare->next;
        pending_free(context, link->spare);
        link->spare = next;
    }
    while (link->flying != NULL) {
        syi_pending *next = link->flying->next;
        pending_free(context, link->flying);
        link->flying = next;
    }
    syi_partial_free(link->partial);
    syi_message_fini(&link->deletion);
    syi_message_fini(&link->inbox);
    syi_deletion_queue_fini(&link->deletions);
    pthread_cond_destroy(&link->changed);
    pthread_cond_destroy(&link->sendable);
    pthread_mutex_destroy(&link->state_lock);
    syi_free(context, link, sizeof *link);
}

void syi_link_close(syi_link *link)
{
    sy_error why = SY_ERROR_INIT;
    pthread_mutex_lock(&link->state_lock);
    link->closing = true;
    pthread_cond_broadcast(&link->changed);
    pthread_mutex_unlock(&link->state_lock);
    if (syi_link_try_turn(link)) {
        (void)syi_link_flush_now(link, syi_clock_now(syi_link_context(link)) + SYI_LINK_FLUSH_NS,
                                 &why);
    } else {
        /* Perhaps to somebody who does not read, or who does not answer the greeting. */
        pthread_mutex_lock(&link->state_lock);
        syi_connection *used = link->connection != NULL ? link->connection : link->greeting;
        if (used != NULL) {
            syi_connection_shut(used);
        }
        pthread_mutex_unlock(&link->state_lock);
        (void)syi_link_take_turn(link, 0, NULL);
    }
    syi_fail(&why, SY_ECANCELED, "the connection to worker %s was closed here", link->target->name);
    syi_error_at_worker(&why, link->target->name);
    syi_link_drop(link, &why);
    pthread_mutex_lock(&link->state_lock);
    link->closing = false;
    syi_link_leave_turn_locked(link);
    pthread_mutex_unlock(&link->state_lock);
}

syi_traffic syi_link_get_traffic(syi_link *link)
{
    pthread_mutex_lock(&link->state_lock);
    syi_traffic sum = link->past;
    if (link->connection != NULL) {
        syi_traffic_add(&sum, syi_connection_get_traffic(link->connection));
    }
    pthread_mutex_unlock(&link->state_lock);
    return sum;
}
