/* listener.c - the loop thread of a tcp listener: accepting, waking, stopping. Test: tcp_test.c. */
#include <errno.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/surroundings.h"
#include "transport/tcp/loop.h"

#define ACCEPT_TURN 64      /* then the connections have their turn */
#define ACCEPT_PAUSE_MS 100 /* without descriptors there is nothing to accept into */

/* --- accepting --------------------------------------------------------------------------------- */

static void on_acceptable(uv_poll_t *poll, int status, int events);

static void on_accept_pause_over(uv_timer_t *timer)
{
    tcp_listener *listener = timer->data;
    if (listener->fd >= 0) {
        uv_poll_start(&listener->accepting, UV_READABLE, on_acceptable);
    }
}

static void accept_failed(tcp_listener *listener, int code)
{
    if (code == EAGAIN || code == EINTR || code == ECONNABORTED) {
        return;
    }
    char text[128];
    syi_log(listener->base.context, SY_LOG_WARNING, "transport", NULL, 0, "%s: accept: %s",
            listener->base.url, strerror_r(code, text, sizeof text));
    uv_poll_stop(&listener->accepting);
    uv_timer_start(&listener->accept_pause, on_accept_pause_over, ACCEPT_PAUSE_MS, 0);
}

static void on_acceptable(uv_poll_t *poll, int status, int events)
{
    tcp_listener *listener = poll->data;
    syi_server *server = &listener->server;
    (void)status;
    (void)events;
    listener->activity++;
    for (int i = 0; i < ACCEPT_TURN && listener->fd >= 0; i++) {
        struct sockaddr_storage address;
        unsigned length;
        char text[128];
        const int fd = syi_server_accept(listener->fd, &address, &length);
        if (fd < 0) {
            accept_failed(listener, errno);
            break;
        }
        syi_server_format_address(text, sizeof text, listener->tls != NULL ? "tls" : "tcp",
                                  &address, length);
        if (server->live >= server->options.connections_max) {
            syi_log(server->context, SY_LOG_WARNING, "transport", NULL, 0,
                    "%s: refused %s: it has %u connections already", server->url, text,
                    server->live);
            close(fd);
        } else {
            syi_tcp_peer_open(listener, fd, text, syi_server_is_loopback(&address));
        }
    }
    syi_server_flush_dirty(server);
}

static void close_listening(tcp_listener *listener)
{
    if (listener->fd >= 0) {
        uv_close((uv_handle_t *)&listener->accepting, NULL);
        uv_close((uv_handle_t *)&listener->accept_pause, NULL);
        close(listener->fd);
        listener->fd = -1;
    }
}

/* --- the loop ---------------------------------------------------------------------------------- */

static void end_all(tcp_listener *listener)
{
    while (listener->server.peers != NULL) {
        syi_tcp_peer_end((tcp_peer *)listener->server.peers, SY_ECLOSED, "the listener closed it");
    }
}

static void on_wakeup(uv_async_t *wakeup)
{
    tcp_listener *listener = wakeup->data;
    syi_server_look_at_woken(&listener->server);
    pthread_mutex_lock(&listener->lock);
    const bool stop = listener->stop;
    const bool quit = listener->quit;
    pthread_mutex_unlock(&listener->lock);
    if (stop || quit) {
        close_listening(listener);
        pthread_mutex_lock(&listener->lock);
        listener->stopped = true;
        pthread_cond_broadcast(&listener->changed);
        pthread_mutex_unlock(&listener->lock);
    }
    if (quit) {
        end_all(listener);
        uv_close((uv_handle_t *)wakeup, NULL);
    }
    syi_server_flush_dirty(&listener->server);
}

/* As long as something happens every few microseconds, looking again is cheaper than being woken; most
 * often it is the same peer that goes on. */
static void spin(tcp_listener *listener)
{
    const uint64_t time = (uint64_t)listener->server.options.spin_us * 1000;
    uint64_t seen = listener->activity;
    uint64_t until = uv_hrtime() + time;
    for (unsigned turn = 0;; turn++) {
        if (listener->hot != NULL && turn % 4 != 0) {
            syi_tcp_peer_poke(listener->hot);
        } else if (uv_run(listener->loop, UV_RUN_NOWAIT) == 0) {
            return;
        }
        if (listener->activity != seen) {
            seen = listener->activity;
            until = uv_hrtime() + time;
        } else if (uv_hrtime() >= until) {
            return;
        } else {
            sched_yield();
        }
    }
}

static void *run(void *argument)
{
    tcp_listener *listener = argument;
    pthread_setname_np(pthread_self(), "csyft-tcp");
    if (listener->server.options.spin_us == 0) {
        uv_run(listener->loop, UV_RUN_DEFAULT);
    } else {
        uint64_t seen = listener->activity;
        while (uv_run(listener->loop, UV_RUN_ONCE) != 0) {
            if (listener->activity != seen) { /* and not a clock, or a connection that is lent */
                spin(listener);
            }
            seen = listener->activity;
        }
    }
    return NULL;
}

static void tcp_stop(syi_listener *base)
{
    tcp_listener *listener = (tcp_listener *)base;
    if (listener->server.loop != NULL || syi_server_is_own_thread(&listener->server)) {
        close_listening(listener);
        return;
    }
    pthread_mutex_lock(&listener->lock);
    listener->stop = true;
    uv_async_send(&listener->wakeup);
    while (!listener->stopped) {
        pthread_cond_wait(&listener->changed, &listener->lock);
    }
    pthread_mutex_unlock(&listener->lock);
}

/* Everything but what the loop thread has closed. */
static void release(tcp_listener *listener)
{
    sy_context *context = listener->base.context;
    syi_server_fini(&listener->server);
    syi_tls_config_unref(listener->tls);
    syi_free(context, listener->ahead, SYI_TCP_AHEAD);
    pthread_cond_destroy(&listener->changed);
    pthread_mutex_destroy(&listener->lock);
    syi_free(context, listener, sizeof *listener);
}

/* On the program's thread: closed handles are let go in the next turn. */
static void free_hosted(tcp_listener *listener)
{
    sy_loop *loop = listener->server.loop;
    syi_loop_guard guard;
    close_listening(listener);
    syi_loop_enter(loop, &guard);
    end_all(listener);
    syi_loop_leave(loop, &guard);
    uv_close((uv_handle_t *)&listener->wakeup, NULL);
    syi_loop_turn(loop);
    loop->listeners--;
    release(listener);
}

static void tcp_free(syi_listener *base)
{
    tcp_listener *listener = (tcp_listener *)base;
    if (listener->server.loop != NULL) {
        free_hosted(listener);
        return;
    }
    pthread_mutex_lock(&listener->lock);
    listener->quit = true;
    uv_async_send(&listener->wakeup);
    pthread_mutex_unlock(&listener->lock);
    pthread_join(listener->server.thread, NULL);
    uv_loop_close(listener->loop);
    release(listener);
}

static const syi_listener_class tcp_listener_class = {
    .stop = tcp_stop,
    .free = tcp_free,
};

/* --- listening --------------------------------------------------------------------------------- */

/* Lets go of what was closed, when nothing else is open; the program's loop goes on. */
static void close_loop(tcp_listener *listener)
{
    if (listener->server.loop != NULL) {
        syi_loop_turn(listener->server.loop);
        return;
    }
    uv_run(listener->loop, UV_RUN_DEFAULT);
    uv_loop_close(listener->loop);
}

/* The loop's handles. 0, or a libuv code and none is open. */
static int open_loop(tcp_listener *listener)
{
    int code = 0;
    if (listener->server.loop != NULL) {
        listener->loop = &listener->server.loop->uv;
    } else {
        listener->loop = &listener->own;
        code = uv_loop_init(&listener->own);
    }
    if (code != 0) {
        return code;
    }
    code = uv_async_init(listener->loop, &listener->wakeup, on_wakeup);
    if (code != 0) {
        close_loop(listener);
        return code;
    }
    code = uv_poll_init(listener->loop, &listener->accepting, listener->fd);
    if (code != 0) {
        uv_close((uv_handle_t *)&listener->wakeup, NULL);
        close_loop(listener);
        return code;
    }
    uv_timer_init(listener->loop, &listener->accept_pause);
    listener->wakeup.data = listener;
    listener->accept_pause.data = listener;
    listener->accepting.data = listener;
    uv_poll_start(&listener->accepting, UV_READABLE, on_acceptable);
    return 0;
}

/* A thread, or a place in the program's loop. */
static bool start(tcp_listener *listener)
{
    if (listener->server.loop == NULL) {
        return syi_server_start(&listener->server, run, listener);
    }
    listener->server.loop->listeners++;
    return true;
}

sy_status syi_tcp_listen(sy_context *context, syi_listener **listener, const syi_url *url,
                         const syi_listen_options *options, const syi_service *service,
                         sy_error *err)
{
    tcp_listener *made = syi_alloc(context, sizeof *made);
    if (made == NULL) {
        return SYI_ENOMEM(err, "tcp listener");
    }
    made->base.klass = &tcp_listener_class;
    made->base.context = context;
    made->base.loop = options->loop;
    made->fd = -1;
    pthread_mutex_init(&made->lock, NULL);
    pthread_cond_init(&made->changed, NULL);
    syi_url_format(made->base.url, sizeof made->base.url, url, url->port);
    syi_server_init(&made->server, context, &syi_tcp_server_class, made->base.url, options,
                    service);

    uint16_t port = 0;
    sy_status status;
    if (url->scheme == SYI_SCHEME_TLS) {
        if (!syi_tls_config_has_certificate(options->tls)) {
            status =
                syi_fail_object(err, SY_EINVAL, made->base.url,
                                "%s: a listener needs a certificate and its key", made->base.url);
            goto fail;
        }
        made->tls = syi_tls_config_ref(options->tls);
    }
    made->ahead = syi_alloc_aligned(context, SYI_TCP_AHEAD, 64);
    if (made->ahead == NULL) {
        status = SYI_ENOMEM(err, "tcp listener");
        goto fail;
    }
    SY_GOTO(fail, syi_server_listen(&made->fd, &port, url, made->base.url, err));
    syi_url_format(made->base.url, sizeof made->base.url, url, port);
    const int code = open_loop(made);
    if (code != 0) {
        status = syi_fail_object(err, SY_EIO, made->base.url, "%s: event loop: %s", made->base.url,
                                 uv_strerror(code));
        goto fail;
    }
    if (!start(made)) {
        close_listening(made);
        uv_close((uv_handle_t *)&made->wakeup, NULL);
        close_loop(made);
        status = syi_fail_object(err, SY_EIO, made->base.url, "%s: the loop thread did not start",
                                 made->base.url);
        goto fail;
    }
    *listener = &made->base;
    return SY_OK;
fail:
    if (made->fd >= 0) {
        close(made->fd);
    }
    release(made);
    return status;
}
