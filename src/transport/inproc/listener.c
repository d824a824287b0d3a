/* listener.c - listeners under a name, and links to them. */
#include <inttypes.h>
#include <stdio.h>

#include "transport/inproc/link.h"

/* Into the listener's list; the listener holds the link from here on, and the link the listener. */
static sy_status join_listener(syi_inproc_link *l, syi_inproc_listener *listener, sy_error *err)
{
    sy_status status = SY_OK;
    pthread_mutex_lock(&listener->lock);
    if (listener->stopped) {
        status = syi_fail_object(err, SY_ECLOSED, listener->base.url, "%s: no longer accepts",
                                 listener->base.url);
    } else if (listener->live >= listener->options.connections_max) {
        status = syi_fail_object(err, SY_ECLOSED, listener->base.url,
                                 "%s: refused, it has %u connections already", listener->base.url,
                                 listener->live);
    } else {
        atomic_fetch_add_explicit(&listener->refs, 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&l->holders, 1, memory_order_relaxed);
        l->listener = listener;
        l->next = listener->links;
        if (l->next != NULL) {
            l->next->previous = l;
        }
        listener->links = l;
        listener->live++;
        snprintf(l->peer.address, sizeof l->peer.address, "inproc://%s#%" PRIu64,
                 listener->name.text, ++listener->numbers);
    }
    pthread_mutex_unlock(&listener->lock);
    return status;
}

static syi_inproc_listener *listener_of(inproc_name *name)
{
    return name == NULL ? NULL
                        : (syi_inproc_listener *)(void *)((char *)name -
                                                          offsetof(syi_inproc_listener, name));
}

static void ref_named(inproc_name *name)
{
    atomic_fetch_add_explicit(&listener_of(name)->refs, 1, memory_order_relaxed);
}

sy_status syi_inproc_connect(sy_context *context, syi_connection **connection, const syi_url *url,
                             const syi_connect_options *options, sy_error *err)
{
    syi_inproc_listener *listener =
        listener_of(syi_inproc_names_find(context, url->host, ref_named));
    if (listener == NULL) {
        return syi_fail_object(err, SY_ECLOSED, url->host,
                               "inproc://%s: nobody listens under this name in this context",
                               url->host);
    }
    syi_inproc_link *l = NULL;
    sy_status status = syi_inproc_link_new(context, &l, listener->base.url, options,
                                           &listener->options, &listener->service, err);
    if (status == SY_OK) {
        status = join_listener(l, listener, err);
        if (status == SY_OK) {
            status = syi_inproc_link_open(l, connection, err);
        } else {
            syi_inproc_link_drop(l);
            syi_inproc_link_drop(l);
        }
    }
    syi_inproc_listener_unref(listener);
    return status;
}

static void inproc_stop(syi_listener *base)
{
    syi_inproc_listener *listener = (syi_inproc_listener *)base;
    pthread_mutex_lock(&listener->lock);
    const bool first = !listener->stopped;
    listener->stopped = true;
    pthread_mutex_unlock(&listener->lock);
    if (first) {
        syi_inproc_names_remove(base->context, &listener->name);
    }
}

/* A link of the list, held, or NULL. */
static syi_inproc_link *hold_a_link(syi_inproc_listener *listener)
{
    pthread_mutex_lock(&listener->lock);
    syi_inproc_link *l = listener->links;
    if (l != NULL) {
        atomic_fetch_add_explicit(&l->holders, 1, memory_order_relaxed);
    }
    pthread_mutex_unlock(&listener->lock);
    return l;
}

static void inproc_free(syi_listener *base)
{
    syi_inproc_listener *listener = (syi_inproc_listener *)base;
    inproc_stop(base);
    for (syi_inproc_link *l = hold_a_link(listener); l != NULL; l = hold_a_link(listener)) {
        syi_inproc_end_link(l, "the listener closed it");
        syi_inproc_leave_listener(l);
        syi_inproc_link_drop(l);
    }
    syi_inproc_listener_unref(listener);
}

static const syi_listener_class inproc_listener_class = {
    .stop = inproc_stop,
    .free = inproc_free,
};

sy_status syi_inproc_listen(sy_context *context, syi_listener **listener, const syi_url *url,
                            const syi_listen_options *options, const syi_service *service,
                            sy_error *err)
{
    syi_inproc_listener *made = syi_alloc(context, sizeof *made);
    if (made == NULL) {
        return SYI_ENOMEM(err, "inproc listener");
    }
    made->base.klass = &inproc_listener_class;
    made->base.context = context;
    syi_url_format(made->base.url, sizeof made->base.url, url, 0);
    atomic_init(&made->refs, 1);
    made->service = *service;
    made->options = *options;
    made->name.text = made->base.url + strlen("inproc://");
    pthread_mutex_init(&made->lock, NULL);
    const sy_status status = syi_inproc_names_add(context, &made->name, err);
    if (status != SY_OK) {
        syi_inproc_listener_unref(made);
        return status;
    }
    *listener = &made->base;
    return SY_OK;
}
