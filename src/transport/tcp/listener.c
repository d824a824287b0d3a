/* listener.c - the loop thread of a tcp listener: accepting, waking, stopping. Test: tcp_test.c. */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/surroundings.h"
#include "transport/tcp/server.h"

#define ACCEPT_TURN 64      /* then the connections have their turn */
#define ACCEPT_PAUSE_MS 100 /* without descriptors there is nothing to accept into */

/* --- addresses --------------------------------------------------------------------------------- */

static bool is_loopback(const struct sockaddr_storage *address)
{
    if (address->ss_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof in);
        return (ntohl(in.sin_addr.s_addr) >> 24) == 127;
    }
    if (address->ss_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, address, sizeof in6);
        return IN6_IS_ADDR_LOOPBACK(&in6.sin6_addr) ||
               (IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr) && in6.sin6_addr.s6_addr[12] == 127);
    }
    return false;
}

static void format_address(char *text, size_t size, const struct sockaddr_storage *address,
                           socklen_t length)
{
    char host[64];
    char port[8];
    if (getnameinfo((const struct sockaddr *)address, length, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
        snprintf(text, size, "tcp://unknown");
        return;
    }
    snprintf(text, size, address->ss_family == AF_INET6 ? "tcp://[%s]:%s" : "tcp://%s:%s", host,
             port);
}

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
    (void)status;
    (void)events;
    listener->activity++;
    for (int i = 0; i < ACCEPT_TURN && listener->fd >= 0; i++) {
        struct sockaddr_storage address;
        socklen_t length = sizeof address;
        char text[128];
        const int fd = accept4(listener->fd, (struct sockaddr *)&address, &length,
                               SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0) {
            accept_failed(listener, errno);
            break;
        }
        format_address(text, sizeof text, &address, length);
        if (listener->live >= listener->options.connections_max) {
            syi_log(listener->base.context, SY_LOG_WARNING, "transport", NULL, 0,
                    "%s: refused %s: it has %u connections already", listener->base.url, text,
                    listener->live);
            close(fd);
        } else {
            syi_tcp_peer_open(listener, fd, text, is_loopback(&address));
        }
    }
    syi_tcp_flush_dirty(listener);
}

static void close_listening(tcp_listener *listener)
{
    if (listener->fd >= 0) {
        uv_poll_stop(&listener->accepting);
        uv_timer_stop(&listener->accept_pause);
        uv_close((uv_handle_t *)&listener->accepting, NULL);
        uv_close((uv_handle_t *)&listener->accept_pause, NULL);
        close(listener->fd);
        listener->fd = -1;
    }
}

/* --- the loop ---------------------------------------------------------------------------------- */

static tcp_peer *next_woken(tcp_listener *listener)
{
    pthread_mutex_lock(&listener->lock);
    tcp_peer *peer = listener->woken;
    if (peer != NULL) {
        listener->woken = peer->next_woken;
        peer->woken = false;
    }
    pthread_mutex_unlock(&listener->lock);
    return peer;
}

static void on_wakeup(uv_async_t *wakeup)
{
    tcp_listener *listener = wakeup->data;
    listener->activity++;
    for (tcp_peer *peer = next_woken(listener); peer != NULL; peer = next_woken(listener)) {
        syi_tcp_peer_look(peer);
    }
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
        while (listener->peers != NULL) {
            syi_tcp_peer_end(listener->peers, SY_ECLOSED, "the listener closed it");
        }
        uv_close((uv_handle_t *)wakeup, NULL);
    }
    syi_tcp_flush_dirty(listener);
}

/* As long as something happens every few microseconds, looking again is cheaper than being woken. */
static void spin(tcp_listener *listener)
{
    const uint64_t time = (uint64_t)listener->options.spin_us * 1000;
    uint64_t seen = listener->activity;
    uint64_t until = uv_hrtime() + time;
    while (uv_run(&listener->loop, UV_RUN_NOWAIT) != 0) {
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
    if (listener->options.spin_us == 0) {
        uv_run(&listener->loop, UV_RUN_DEFAULT);
    } else {
        while (uv_run(&listener->loop, UV_RUN_ONCE) != 0) {
            spin(listener);
        }
    }
    return NULL;
}

static bool on_own_thread(const tcp_listener *listener)
{
    return pthread_equal(pthread_self(), listener->thread) != 0;
}

static void tcp_stop(syi_listener *base)
{
    tcp_listener *listener = (tcp_listener *)base;
    if (on_own_thread(listener)) {
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
    syi_message_fini(&listener->arrived);
    syi_free(context, listener->ahead, SYI_TCP_AHEAD);
    pthread_cond_destroy(&listener->changed);
    pthread_mutex_destroy(&listener->lock);
    syi_free(context, listener, sizeof *listener);
}

static void tcp_free(syi_listener *base)
{
    tcp_listener *listener = (tcp_listener *)base;
    pthread_mutex_lock(&listener->lock);
    listener->quit = true;
    uv_async_send(&listener->wakeup);
    pthread_mutex_unlock(&listener->lock);
    pthread_join(listener->thread, NULL);
    uv_loop_close(&listener->loop);
    release(listener);
}

static const syi_listener_class tcp_listener_class = {
    .stop = tcp_stop,
    .free = tcp_free,
};

/* --- listening --------------------------------------------------------------------------------- */

/* 0, or an errno value. */
static int listen_at(const struct addrinfo *address, int *listening)
{
    const int yes = 1;
    const int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return errno;
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(fd, address->ai_addr, address->ai_addrlen) != 0 || listen(fd, 1024) != 0) {
        const int code = errno;
        close(fd);
        return code;
    }
    *listening = fd;
    return 0;
}

static sy_status open_socket(int *fd, uint16_t *port, const syi_url *url, const char *text,
                             sy_error *err)
{
    char service[8];
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_NUMERICSERV | AI_PASSIVE};
    struct addrinfo *found;
    snprintf(service, sizeof service, "%u", (unsigned)url->port);
    int code = getaddrinfo(url->host, service, &hints, &found);
    if (code != 0) {
        return syi_fail_object(err, SY_EIO, text, "%s: host \"%s\": %s", text, url->host,
                               gai_strerror(code));
    }
    code = EADDRNOTAVAIL;
    for (const struct addrinfo *at = found; at != NULL && code != 0; at = at->ai_next) {
        code = listen_at(at, fd);
    }
    freeaddrinfo(found);
    if (code != 0) {
        char reason[128];
        return syi_fail_object(err, code == EADDRINUSE ? SY_EEXIST : SY_EIO, text,
                               "%s: cannot listen: %s", text,
                               strerror_r(code, reason, sizeof reason));
    }
    struct sockaddr_storage address = {0};
    socklen_t length = sizeof address;
    getsockname(*fd, (struct sockaddr *)&address, &length);
    uint16_t raw; /* both families have the port at the same place */
    memcpy(&raw, (const uint8_t *)&address + offsetof(struct sockaddr_in, sin_port), sizeof raw);
    *port = ntohs(raw);
    return SY_OK;
}

/* The loop's handles; on failure none is open. */
static int open_loop(tcp_listener *listener)
{
    int code = uv_loop_init(&listener->loop);
    if (code != 0) {
        return code;
    }
    code = uv_async_init(&listener->loop, &listener->wakeup, on_wakeup);
    if (code == 0) {
        uv_timer_init(&listener->loop, &listener->accept_pause);
        code = uv_poll_init(&listener->loop, &listener->accepting, listener->fd);
        if (code == 0) {
            listener->wakeup.data = listener;
            listener->accept_pause.data = listener;
            listener->accepting.data = listener;
            return uv_poll_start(&listener->accepting, UV_READABLE, on_acceptable);
        }
        uv_close((uv_handle_t *)&listener->accept_pause, NULL);
        uv_close((uv_handle_t *)&listener->wakeup, NULL);
        uv_run(&listener->loop, UV_RUN_DEFAULT);
    }
    uv_loop_close(&listener->loop);
    return code;
}

/* The new thread leaves signals to the program's own. */
static int start_thread(tcp_listener *listener)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int code = pthread_create(&listener->thread, NULL, run, listener);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return code;
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
    made->service = *service;
    made->options = *options;
    made->fd = -1;
    syi_message_init(&made->arrived, context, 0);
    pthread_mutex_init(&made->lock, NULL);
    pthread_cond_init(&made->changed, NULL);
    syi_url_format(made->base.url, sizeof made->base.url, url, url->port);

    uint16_t port = 0;
    sy_status status;
    made->ahead = syi_alloc_aligned(context, SYI_TCP_AHEAD, 64);
    if (made->ahead == NULL) {
        status = SYI_ENOMEM(err, "tcp listener");
        goto fail;
    }
    SY_GOTO(fail, open_socket(&made->fd, &port, url, made->base.url, err));
    syi_url_format(made->base.url, sizeof made->base.url, url, port);
    int code = open_loop(made);
    if (code != 0) {
        status = syi_fail_object(err, SY_EIO, made->base.url, "%s: event loop: %s", made->base.url,
                                 uv_strerror(code));
        goto fail;
    }
    code = start_thread(made);
    if (code != 0) {
        close_listening(made);
        uv_close((uv_handle_t *)&made->wakeup, NULL);
        uv_run(&made->loop, UV_RUN_DEFAULT);
        uv_loop_close(&made->loop);
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
