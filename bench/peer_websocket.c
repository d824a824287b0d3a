/* peer_websocket.c - a bare libwebsockets server with the buffer sizes of csyft's. */
#include "peer.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libwebsockets.h>

enum { WRITE_TURN = 64 }; /* frames, then the socket has its turn */

typedef struct session { /* of one connection; zeroed by lws */
    peer_shape shape;
    bool knows; /* the shape */
    uint8_t *in;
    uint8_t *out; /* LWS_PRE bytes and a whole reply, sent from where it lies */
    size_t have;
    uint64_t messages; /* of the request that comes */
    uint64_t replies;  /* still to be sent */
    uint64_t sent;     /* of the first of them */
} session;

static int take_shape(session *s, const void *bytes, size_t size)
{
    if (size != sizeof s->shape) {
        return -1;
    }
    memcpy(&s->shape, bytes, size);
    s->in = malloc((size_t)s->shape.request + 1);
    s->out = malloc(LWS_PRE + (size_t)s->shape.reply);
    if (s->in == NULL || s->out == NULL || s->shape.messages == 0) {
        return -1;
    }
    memset(s->in, 0, (size_t)s->shape.request + 1);
    memset(s->out, 0, LWS_PRE + (size_t)s->shape.reply);
    s->knows = true;
    return 0;
}

static int on_received(struct lws *wsi, session *s, const void *bytes, size_t size)
{
    if (!s->knows) {
        return take_shape(s, bytes, size);
    }
    if (size > s->shape.request - s->have) {
        return -1;
    }
    memcpy(s->in + s->have, bytes, size);
    s->have += size;
    if (lws_is_final_fragment(wsi) && ++s->messages == s->shape.messages) {
        s->messages = 0;
        s->have = 0;
        s->replies++;
        lws_callback_on_writable(wsi);
    }
    return 0;
}

static int on_writable(struct lws *wsi, session *s)
{
    for (int k = 0; k < WRITE_TURN && s->replies != 0 && !lws_partial_buffered(wsi); k++) {
        const uint64_t left = s->shape.reply - s->sent;
        const size_t size = left < PEER_WRITE ? (size_t)left : PEER_WRITE;
        const int how = (s->sent == 0 ? LWS_WRITE_BINARY : LWS_WRITE_CONTINUATION) |
                        (size < left ? LWS_WRITE_NO_FIN : 0);
        /* The head of a frame overwrites what was sent before it. */
        uint8_t *piece = s->out + LWS_PRE + s->sent;
        if (lws_write(wsi, piece, size, (enum lws_write_protocol)how) < (int)size) {
            return -1;
        }
        s->sent += size;
        if (s->sent == s->shape.reply) {
            s->sent = 0;
            s->replies--;
        }
    }
    if (s->replies != 0) {
        lws_callback_on_writable(wsi);
    }
    return 0;
}

static int callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t size)
{
    session *s = user;
    switch (reason) {
    case LWS_CALLBACK_RECEIVE:
        return on_received(wsi, s, in, size);
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return on_writable(wsi, s);
    case LWS_CALLBACK_CLOSED:
        free(s->in);
        free(s->out);
        s->in = NULL;
        s->out = NULL;
        return 0;
    default:
        return 0;
    }
}

int peer_serve_websocket(void)
{
    static const struct lws_protocols protocols[] = {
        {.name = "bench",
         .callback = callback,
         .per_session_data_size = sizeof(session),
         .rx_buffer_size = PEER_READ,
         .tx_packet_size = PEER_WRITE},
        {.name = NULL},
    };
    const struct lws_context_creation_info info = {
        .port = 0,
        .iface = "127.0.0.1",
        .protocols = protocols,
        .vhost_name = "bench",
        .gid = -1,
        .uid = -1,
        .pt_serv_buf_size = PEER_READ,
        .fd_limit_per_thread = 64,
    };
    lws_set_log_level(LLL_ERR, NULL);
    struct lws_context *context = lws_create_context(&info);
    if (context == NULL) {
        return 1;
    }
    printf("listening on ws://127.0.0.1:%d\n",
           lws_get_vhost_listen_port(lws_get_vhost_by_name(context, "bench")));
    fflush(stdout);
    while (lws_service(context, 0) >= 0) {
    }
    lws_context_destroy(context);
    return 0;
}
