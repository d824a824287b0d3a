/*
 * service.h - the server's end of ws:// and wss:// on libwebsockets, one service thread per listener, or the program's
 * loop: listener.c owns the thread and the context, peer.c is one client. Only lws_cancel_service may be called from other threads.
 * These two files only. Test: websocket_test.c.
 */
#ifndef SYI_TRANSPORT_WEBSOCKET_SERVICE_H
#define SYI_TRANSPORT_WEBSOCKET_SERVICE_H

#include <libwebsockets.h>

#include "transport/loop.h"
#include "transport/server.h"

#define SYI_WEBSOCKET_READ \
    ((size_t)64 * 1024) /* at once from a socket; lws keeps so much per client */
#define SYI_WEBSOCKET_WRITE ((size_t)128 * 1024) /* most payload of a websocket frame */

typedef struct websocket_listener {
    syi_listener base; /* first */
    syi_server server;
    struct lws_context *lws;
    syi_tls_config *tls; /* NULL: ws:// */

    /* the service thread's */
    struct lws_vhost *vhost;
    struct lws *accepting; /* the listening socket, NULL when stopped */
    int fd;                /* it, until lws takes it */
    unsigned accepted;     /* sockets, also those that have not asked for a websocket yet */
    uint64_t activity;
    uint8_t *out; /* LWS_PRE + SYI_WEBSOCKET_WRITE bytes: a header, and what is copied behind it */

    /* of a hosted one (hosted.c) */
    int sockets;  /* an epoll set: every change is told once */
    int readable; /* another: which have something to read */
    uv_poll_t stirring;
    uv_async_t wakeup;
    uv_timer_t tick;

    pthread_mutex_t lock; /* guards the rest */
    pthread_cond_t changed;
    bool stop;
    bool stopped;
    bool quit;
} websocket_listener;

typedef struct websocket_peer websocket_peer;

typedef struct websocket_session { /* lws keeps one per connection, zeroed */
    websocket_peer *peer;
} websocket_session;

extern const syi_server_class syi_websocket_server_class;

/* The callback of the subprotocol csyft.v1, and of plain connections. */
int syi_websocket_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                           size_t length);
/* Ends every peer of the listener. */
void syi_websocket_end_all(websocket_listener *listener);

/* Has a peer something to send, or lws for it? */
bool syi_websocket_has_output(websocket_listener *listener);

/* On the program's loop, once lws is open. false: there is no room, nothing is left behind. */
bool syi_websocket_host(websocket_listener *listener);
/* A socket that lws is about to be given. */
bool syi_websocket_watch(websocket_listener *listener, int fd);
void syi_websocket_unhost(websocket_listener *listener);

#endif
