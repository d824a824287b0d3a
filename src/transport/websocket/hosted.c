/*
 * hosted.c - libwebsockets on the program's loop (transport/loop.h). lws polls its sockets itself and does not say which
 * it waits for, and its own way onto a foreign libuv loop never frees its context (4.1). So an epoll set of ours,
 * edge-triggered, has every socket that lws was given; when it stirs, lws looks at them without waiting. Test:
 * tests/integration/loop.c.
 */
#include <sys/epoll.h>
#include <unistd.h>

#include "transport/websocket/service.h"

/* Turns in which nothing happened, after which lws is left alone: it takes steps that it tells nobody of, such as
 * collecting what it hands on together. More of them while there is something to read or to send; a socket whose
 * service does not read, or whose other end does not, costs them in vain. */
#define QUIET_TURNS 3
#define QUIET_TURNS_MORE 64
#define TURNS_MAX 256
#define TICK_MS 100 /* lws keeps its timers to itself */
#define EVENTS_MAX 64

/* Is there more to do, perhaps? */
static bool goes_on(websocket_listener *listener)
{
    struct epoll_event one;
    return epoll_wait(listener->readable, &one, 1, 0) == 1 ||
           lws_service_adjust_timeout(listener->lws, 1, 0) == 0 ||
           syi_websocket_has_output(listener);
}

/* Lets lws do what there is to do now. */
static void service(websocket_listener *listener)
{
    int quiet = 0;
    int turn = 0;
    for (; turn < TURNS_MAX; turn++) {
        if (quiet >= QUIET_TURNS && (quiet >= QUIET_TURNS_MORE || !goes_on(listener))) {
            break;
        }
        const uint64_t seen = listener->activity;
        if (lws_service(listener->lws, -1) < 0) {
            break;
        }
        syi_server_flush_dirty(&listener->server);
        quiet = listener->activity == seen ? quiet + 1 : 0;
    }
    if (turn == TURNS_MAX) {
        uv_async_send(&listener->wakeup); /* in the next step, after others */
    }
    if (listener->accepted > 0 && !uv_is_active((uv_handle_t *)&listener->tick)) {
        uv_timer_again(&listener->tick);
    } else if (listener->accepted == 0) {
        uv_timer_stop(&listener->tick);
    }
}

static void on_stir(uv_poll_t *poll, int status, int events)
{
    websocket_listener *listener = poll->data;
    struct epoll_event some[EVENTS_MAX];
    (void)status;
    (void)events;
    while (epoll_wait(listener->sockets, some, EVENTS_MAX, 0) == EVENTS_MAX) {
    }
    service(listener);
}

static void on_tick(uv_timer_t *timer)
{
    service(timer->data);
}

static void on_async(uv_async_t *async)
{
    websocket_listener *listener = async->data;
    syi_server_look_at_woken(&listener->server);
    syi_server_flush_dirty(&listener->server);
    service(listener);
}

bool syi_websocket_watch(websocket_listener *listener, int fd)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET};
    struct epoll_event level = {.events = EPOLLIN};
    return epoll_ctl(listener->sockets, EPOLL_CTL_ADD, fd, &event) == 0 &&
           epoll_ctl(listener->readable, EPOLL_CTL_ADD, fd, &level) == 0;
}

static void close_sets(websocket_listener *listener)
{
    close(listener->sockets);
    close(listener->readable);
}

static bool open_sets(websocket_listener *listener)
{
    listener->sockets = epoll_create1(EPOLL_CLOEXEC);
    if (listener->sockets < 0) {
        return false;
    }
    listener->readable = epoll_create1(EPOLL_CLOEXEC);
    if (listener->readable < 0) {
        close(listener->sockets);
        return false;
    }
    return true;
}

bool syi_websocket_host(websocket_listener *listener)
{
    uv_loop_t *loop = &listener->server.loop->uv;
    if (!open_sets(listener)) {
        return false;
    }
    if (!syi_websocket_watch(listener, listener->fd) ||
        uv_async_init(loop, &listener->wakeup, on_async) != 0) {
        close_sets(listener);
        return false;
    }
    if (uv_poll_init(loop, &listener->stirring, listener->sockets) != 0) {
        uv_close((uv_handle_t *)&listener->wakeup, NULL);
        syi_loop_turn(listener->server.loop);
        close_sets(listener);
        return false;
    }
    uv_timer_init(loop, &listener->tick);
    uv_timer_set_repeat(&listener->tick, TICK_MS);
    uv_timer_start(&listener->tick, on_tick, TICK_MS, TICK_MS);
    uv_timer_stop(&listener->tick);
    listener->wakeup.data = listener;
    listener->stirring.data = listener;
    listener->tick.data = listener;
    uv_poll_start(&listener->stirring, UV_READABLE, on_stir);
    listener->server.loop->listeners++;
    return true;
}

void syi_websocket_unhost(websocket_listener *listener)
{
    sy_loop *loop = listener->server.loop;
    uv_close((uv_handle_t *)&listener->wakeup, NULL);
    uv_close((uv_handle_t *)&listener->stirring, NULL);
    uv_close((uv_handle_t *)&listener->tick, NULL);
    syi_loop_turn(loop); /* lets go of them */
    close_sets(listener);
    loop->listeners--;
}
