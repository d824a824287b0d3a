/* peer.c - one client of a websocket listener, between lws's callbacks and the service. Test:
 * websocket_test.c. */
#include <inttypes.h>
#include <stdio.h>
#include <sys/socket.h>

#include "core/surroundings.h"
#include "transport/websocket/service.h"

#define WRITE_TURN 64 /* websocket frames, then other connections have their turn */
#define HEADER_MAX ((size_t)10)
#define DIRECT_FROM ((size_t)16384) /* smaller blocks are copied */
#define LEAD ((size_t)4096)         /* of a large block travels with the header */

enum { OPCODE_CONTINUATION = 0, OPCODE_TEXT = 1, OPCODE_BINARY = 2 };

struct websocket_peer {
    syi_server_peer common; /* first */
    websocket_listener *listener;
    struct lws *wsi;     /* NULL when lws has closed it */
    uint64_t frame_left; /* bytes of the outgoing frame not yet given to lws */
    bool frame_begun;
    bool frame_is_text; /* a plain message */
    syi_message plain;  /* of a plain connection, while it comes */
    bool whole;         /* the frame of the arriving message has been delivered */
    bool lingering;     /* the timer counts the time to say goodbye */
    bool parted;        /* lws says goodbye; nothing more may be written */
};

/* --- closing ----------------------------------------------------------------------------------- */

/* Ends the peer; lws lets go of the socket when it gets to it. */
static void kill_peer(websocket_peer *peer, sy_status why, const char *sentence)
{
    if (peer->wsi != NULL && !peer->common.ended) {
        lws_set_timeout(peer->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
    }
    syi_server_peer_end(&peer->common, why, sentence);
}

void syi_websocket_end_all(websocket_listener *listener)
{
    while (listener->server.peers != NULL) {
        kill_peer((websocket_peer *)listener->server.peers, SY_ECLOSED, "the listener closed it");
    }
}

static void websocket_update(syi_server_peer *common)
{
    websocket_peer *peer = (websocket_peer *)common;
    const syi_server_wish wish = syi_server_peer_apply(common);
    if (wish.failed != SY_OK) {
        kill_peer(peer, wish.failed, syi_server_sentence(wish.failed));
        return;
    }
    if (wish.closing && wish.linger_ms == 0) {
        kill_peer(peer, SY_ECLOSED, "the service closed it");
        return;
    }
    if (wish.closing && !peer->lingering) {
        peer->lingering = true;
        lws_set_timer_usecs(peer->wsi, (lws_usec_t)wish.linger_ms * 1000);
    }
    lws_rx_flow_control(peer->wsi, wish.reading || wish.closing);
    if ((wish.queued != 0 || wish.closing) && !peer->parted) {
        lws_callback_on_writable(peer->wsi);
    }
}

static void start_stall_clock(websocket_peer *peer)
{
    lws_set_timer_usecs(peer->wsi, (lws_usec_t)peer->common.server->options.stall_ms * 1000);
}

/* A frame began a while ago. */
static void look_at_frame(websocket_peer *peer)
{
    char sentence[128];
    pthread_mutex_lock(&peer->common.lock);
    const bool reading = peer->common.reading;
    pthread_mutex_unlock(&peer->common.lock);
    switch (syi_server_peer_look(&peer->common, reading)) {
    case SYI_STALL_OVER:
        break;
    case SYI_STALL_AGAIN:
        start_stall_clock(peer);
        break;
    case SYI_STALL_DEAD:
        syi_server_say_stalled(&peer->common, sentence, sizeof sentence);
        kill_peer(peer, SY_ETIMEDOUT, sentence);
        break;
    }
}

static void on_timer(websocket_peer *peer)
{
    if (peer->lingering) {
        kill_peer(peer, SY_ECLOSED, "the service closed it");
    } else if (peer->common.greeted) {
        look_at_frame(peer);
    } else {
        char sentence[128];
        snprintf(sentence, sizeof sentence, "it sent no whole frame in its first %" PRIu32 " ms",
                 peer->common.server->options.first_frame_ms);
        kill_peer(peer, SY_ETIMEDOUT, sentence);
    }
}

/* --- writing ----------------------------------------------------------------------------------- */

/* Under the lock: a plain message is its frame's body alone, and never empty. */
static void drop_head(websocket_peer *peer)
{
    uint8_t head[SYI_FRAME_HEADER_SIZE];
    syi_outgoing_take(&peer->common.out, head, sizeof head);
    peer->frame_left -= sizeof head;
    peer->frame_is_text = syi_get_u16le(head + 4) == SYI_PLAIN_TEXT;
}

/* A websocket frame of the server's: never masked. Ends at `end`; returns where it starts. */
static uint8_t *put_header(uint8_t *end, unsigned opcode, bool final, size_t length)
{
    const size_t size = length < 126 ? 2 : length <= UINT16_MAX ? 4 : 10;
    uint8_t *start = end - size;
    start[0] = (uint8_t)((final ? 0x80u : 0u) | opcode);
    start[1] = (uint8_t)(length < 126 ? length : length <= UINT16_MAX ? 126 : 127);
    if (size == 4) {
        syi_put_u16be(start + 2, (uint16_t)length);
    } else if (size == 10) {
        syi_put_u64be(start + 2, length);
    }
    return start;
}

/* A websocket frame on its way to lws: the beginning lies in the listener's buffer, and what follows, if anything, is at
 * the front of the queue, of which only this thread takes. */
typedef struct piece {
    uint8_t *start;
    size_t size; /* 0: there is none */
    const uint8_t *direct;
    size_t direct_size;
} piece;

/* Under the lock: the message that is next. */
static void begin_message(websocket_peer *peer)
{
    uint8_t prefix[8];
    syi_outgoing_take(&peer->common.out, prefix, sizeof prefix);
    peer->frame_left = syi_get_u64le(prefix);
    peer->frame_begun = false;
    peer->frame_is_text = false;
    if (peer->common.base.plain) {
        drop_head(peer);
    }
}

/* Under the lock. Small blocks of the queue are gathered, and the first bytes of a large one, so that a header is no
 * packet of its own; the rest of a large one is sent from where it lies. */
static piece gather(websocket_peer *peer)
{
    syi_outgoing *out = &peer->common.out;
    uint8_t *body = peer->listener->out + HEADER_MAX;
    size_t copied = 0;
    struct iovec front = {.iov_len = 0};
    while (copied < peer->frame_left && copied < SYI_WEBSOCKET_WRITE) {
        (void)syi_outgoing_pieces(out, &front, 1);
        size_t part = peer->frame_left - copied < SYI_WEBSOCKET_WRITE - copied
                          ? (size_t)peer->frame_left - copied
                          : SYI_WEBSOCKET_WRITE - copied;
        const bool large = front.iov_len >= DIRECT_FROM && part >= DIRECT_FROM;
        part = front.iov_len < part ? front.iov_len : part;
        if (large && copied >= LEAD) {
            break;
        }
        part = large && part > LEAD ? LEAD : part;
        syi_outgoing_take(out, body + copied, part);
        copied += part;
    }
    piece p = {.size = copied};
    (void)syi_outgoing_pieces(out, &front, 1);
    if (copied < peer->frame_left && copied < SYI_WEBSOCKET_WRITE) {
        const size_t room = SYI_WEBSOCKET_WRITE - copied;
        p.direct = front.iov_base;
        p.direct_size = front.iov_len < room ? front.iov_len : room;
        p.direct_size = p.direct_size < peer->frame_left - copied
                            ? p.direct_size
                            : (size_t)peer->frame_left - copied;
    }
    return p;
}

static piece next_piece(websocket_peer *peer)
{
    syi_server_peer *common = &peer->common;
    piece p = {.size = 0};
    pthread_mutex_lock(&common->lock);
    if (common->out.bytes != 0) {
        if (peer->frame_left == 0) {
            begin_message(peer);
        }
        p = gather(peer);
        const size_t payload = p.size + p.direct_size;
        peer->frame_left -= payload;
        const unsigned opcode = peer->frame_begun     ? OPCODE_CONTINUATION
                                : peer->frame_is_text ? OPCODE_TEXT
                                                      : OPCODE_BINARY;
        uint8_t *body = peer->listener->out + HEADER_MAX;
        p.start = put_header(body, opcode, peer->frame_left == 0, payload);
        p.size += (size_t)(body - p.start);
        peer->frame_begun = true;
    }
    pthread_mutex_unlock(&common->lock);
    return p;
}

/* All of the piece, in one callback: what the socket does not take lws keeps a copy of, and nothing of its own (a pong)
 * comes in between. lws would frame what it is given itself, but wants room before it for that: a tensor has none. */
static bool write_piece(websocket_peer *peer, const piece *p)
{
    if (lws_write(peer->wsi, p->start, p->size, LWS_WRITE_RAW) < 0) {
        return false;
    }
    if (p->direct_size == 0) {
        return true;
    }
    const bool sent = lws_write(peer->wsi, (unsigned char *)(uintptr_t)p->direct, p->direct_size,
                                LWS_WRITE_RAW) >= 0;
    pthread_mutex_lock(&peer->common.lock);
    syi_outgoing_consume(&peer->common.out, p->direct_size);
    pthread_mutex_unlock(&peer->common.lock);
    return sent;
}

bool syi_websocket_has_output(websocket_listener *listener)
{
    for (syi_server_peer *p = listener->server.peers; p != NULL; p = p->next) {
        struct lws *wsi = ((websocket_peer *)p)->wsi;
        pthread_mutex_lock(&p->lock);
        const bool queued = p->out.bytes != 0;
        pthread_mutex_unlock(&p->lock);
        if (queued || (wsi != NULL && lws_partial_buffered(wsi))) {
            return true;
        }
    }
    return false;
}

/* As long as lws gets rid of what it is given; it would copy the rest. */
static int on_writable(websocket_peer *peer)
{
    for (int i = 0; i < WRITE_TURN && !lws_partial_buffered(peer->wsi); i++) {
        const piece p = next_piece(peer);
        if (p.size == 0) {
            break;
        }
        if (!write_piece(peer, &p)) {
            syi_server_peer_end(&peer->common, SY_ECLOSED, syi_server_sentence(SY_ECLOSED));
            return -1;
        }
    }
    const syi_server_wish wish = syi_server_peer_apply(&peer->common);
    if (wish.failed != SY_OK) {
        kill_peer(peer, wish.failed, syi_server_sentence(wish.failed));
    } else if (wish.queued != 0) {
        lws_callback_on_writable(peer->wsi);
    } else if (wish.closing && !lws_partial_buffered(peer->wsi)) {
        peer->parted = true;
        lws_close_reason(peer->wsi, LWS_CLOSE_STATUS_NORMAL, NULL, 0);
        return -1; /* lws says goodbye and waits for the answer */
    }
    return 0;
}

/* --- reading ----------------------------------------------------------------------------------- */

/* The websocket connection is told why, the service too. */
static int break_off(websocket_peer *peer, sy_status why, const char *sentence)
{
    unsigned char reason[100];
    const size_t length = strlen(sentence) < sizeof reason ? strlen(sentence) : sizeof reason;
    memcpy(reason, sentence, length);
    lws_close_reason(peer->wsi, LWS_CLOSE_STATUS_PROTOCOL_ERR, reason, length);
    if (!peer->common.ended) {
        syi_log(peer->common.context, SY_LOG_INFO, "transport", NULL, 0, "%s: %s",
                peer->common.base.address, sentence);
    }
    syi_server_peer_end(&peer->common, why, sentence);
    return -1;
}

static void heard_first(websocket_peer *peer)
{
    if (!peer->lingering) {
        lws_set_timer_usecs(peer->wsi, LWS_SET_TIMER_USEC_CANCEL);
    }
}

/* A piece of a plain message. Memory is taken as it comes, up to the maximum. */
static int on_plain(websocket_peer *peer, const uint8_t *bytes, size_t size)
{
    syi_message *message = &peer->plain;
    if (lws_is_first_fragment(peer->wsi)) {
        pthread_mutex_lock(&peer->common.lock);
        const uint64_t most = peer->common.limits.frame_max; /* the service's wish */
        pthread_mutex_unlock(&peer->common.lock);
        syi_message_clear(message);
        syi_buffer_set_maximum(&message->body,
                               most != 0 && most < SYI_PLAIN_MAX ? (size_t)most : SYI_PLAIN_MAX);
        message->kind = lws_frame_is_binary(peer->wsi) ? SYI_PLAIN_BINARY : SYI_PLAIN_TEXT;
    }
    syi_buffer_append(&message->body, bytes, size);
    if (message->body.status != SY_OK) {
        const bool large = message->body.status == SY_ELIMIT;
        syi_message_clear(message);
        syi_message_give_back(message);
        return break_off(peer, large ? SY_ELIMIT : SY_ENOMEM,
                         large ? "a message is too long" : "no memory for its message");
    }
    if (lws_is_final_fragment(peer->wsi) && syi_server_peer_deliver_plain(&peer->common, message)) {
        heard_first(peer);
    }
    return 0;
}

/* A piece of a websocket message, which is to hold one frame. */
static int on_received(websocket_peer *peer, const uint8_t *bytes, size_t size)
{
    syi_server_peer *common = &peer->common;
    if (atomic_load_explicit(&common->pending, memory_order_acquire)) {
        websocket_update(common);
    }
    if (common->ended) {
        return -1;
    }
    if (!syi_server_peer_is_heard(common)) {
        return 0;
    }
    if (common->base.plain) {
        return on_plain(peer, bytes, size);
    }
    if (!lws_frame_is_binary(peer->wsi)) {
        return break_off(peer, SY_EPROTO, "a text message, where csyft.v1 is binary");
    }
    if (lws_is_first_fragment(peer->wsi)) {
        peer->whole = false;
    }
    if (size != 0) {
        sy_error err = SY_ERROR_INIT;
        size_t used;
        bool done;
        if (peer->whole) {
            return break_off(peer, SY_EPROTO, "a message is longer than its frame");
        }
        if (syi_frame_reader_copy(common->reader, bytes, size, &used, &done, &err) != SY_OK) {
            return break_off(peer, err.status, err.message);
        }
        peer->whole = done;
        common->came += used;
        if (done && used != size) {
            return break_off(peer, SY_EPROTO, "a message is longer than its frame");
        }
        if (done && syi_server_peer_deliver(common)) {
            heard_first(peer);
        }
        if (!peer->lingering && syi_server_peer_watch(common)) {
            start_stall_clock(peer);
        }
    }
    if (lws_is_final_fragment(peer->wsi) && !peer->whole) {
        return break_off(peer, SY_EPROTO, "a message ends in the middle of its frame");
    }
    return 0;
}

/* --- life -------------------------------------------------------------------------------------- */

static void websocket_release(syi_server_peer *common)
{
    syi_message_fini(&((websocket_peer *)common)->plain);
    syi_server_peer_fini(common);
    syi_free(common->context, common, sizeof(websocket_peer));
}

static void websocket_wake(syi_server *server)
{
    websocket_listener *listener =
        (websocket_listener *)(void *)((char *)server - offsetof(websocket_listener, server));
    if (server->loop != NULL) {
        uv_async_send(&listener->wakeup);
    } else {
        lws_cancel_service(listener->lws);
    }
}

const syi_server_class syi_websocket_server_class = {
    .wake = websocket_wake,
    .update = websocket_update,
    .release = websocket_release,
};

static int on_established(websocket_listener *listener, struct lws *wsi, websocket_session *session)
{
    sy_context *context = listener->base.context;
    struct sockaddr_storage address = {0};
    socklen_t length = sizeof address;
    char text[128];
    if (getpeername(lws_get_socket_fd(wsi), (struct sockaddr *)&address, &length) != 0) {
        return -1; /* it is gone already; without an address it would be nobody's */
    }
    syi_server_format_address(text, sizeof text, listener->tls != NULL ? "wss" : "ws", &address,
                              length);
    websocket_peer *peer = syi_alloc(context, sizeof *peer);
    if (peer == NULL) {
        return -1;
    }
    if (!syi_server_peer_init(&peer->common, &listener->server, text,
                              syi_server_is_loopback(&address), true)) {
        syi_free(context, peer, sizeof *peer);
        return -1;
    }
    peer->listener = listener;
    peer->wsi = wsi;
    peer->common.base.plain =
        lws_get_protocol(wsi) == lws_vhost_name_to_protocol(listener->vhost, "http");
    if (peer->common.base.plain) {
        peer->common.service = &listener->server.plain;
    }
    syi_message_init(&peer->plain, context, SYI_PLAIN_MAX);
    session->peer = peer;
    if (listener->tls != NULL) {
        syi_tls_peer_name(lws_get_ssl(wsi), peer->common.base.certified,
                          sizeof peer->common.base.certified);
    }
    syi_server_peer_list(&peer->common);
    if (!syi_server_peer_open(&peer->common)) {
        return -1; /* CLOSED follows */
    }
    lws_set_timer_usecs(wsi, (lws_usec_t)listener->server.options.first_frame_ms * 1000);
    websocket_update(&peer->common);
    return peer->common.ended ? -1 : 0;
}

static void on_closed(websocket_session *session)
{
    websocket_peer *peer = session->peer;
    session->peer = NULL;
    peer->wsi = NULL;
    syi_server_peer_end(&peer->common, SY_ECLOSED,
                        syi_frame_reader_is_idle(peer->common.reader)
                            ? "the other end closed the connection"
                            : "the other end closed the connection in the middle of a message");
    syi_peer_unref(&peer->common.base);
}

static int handle(websocket_peer *peer, enum lws_callback_reasons reason, const void *in,
                  size_t length)
{
    switch (reason) {
    case LWS_CALLBACK_RECEIVE:
        return on_received(peer, in, length);
    case LWS_CALLBACK_SERVER_WRITEABLE:
        /* While lws parts from it, the end is lws's to find. */
        return peer->common.ended || peer->parted ? 0 : on_writable(peer);
    case LWS_CALLBACK_TIMER:
        on_timer(peer);
        return 0;
    default:
        return 0;
    }
}

int syi_websocket_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                           size_t length)
{
    websocket_listener *listener = lws_context_user(lws_get_context(wsi));
    websocket_session *session = user;
    int result = 0;
    listener->activity++;
    if (reason == LWS_CALLBACK_ESTABLISHED) {
        result = on_established(listener, wsi, session);
    } else if (session != NULL && session->peer != NULL) {
        if (reason == LWS_CALLBACK_CLOSED) {
            on_closed(session);
        } else {
            result = handle(session->peer, reason, in, length);
        }
    }
    syi_server_flush_dirty(&listener->server);
    return result;
}
