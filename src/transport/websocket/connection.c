/*
 * connection.c - the client's end of ws:// and wss://: RFC 6455 framing of our own over a stream. One binary message is
 * one frame of csyft.v1, sent as one websocket frame; in a plain connection it is the service's own.
 * Test: websocket_test.c.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>

#include "core/surroundings.h"
#include "core/utf8.h"
#include "transport/transport_class.h"
#include "transport/websocket/handshake.h"
#include "transport/websocket/mask.h"

#define BOUNCE_SIZE ((size_t)256 * 1024)
#define DIRECT_FROM ((size_t)8192) /* smaller places are filled from the read-ahead */
#define CONTROL_MAX 125            /* payload of a control frame */
#define KEYS 256                   /* drawn at once */

enum {
    OPCODE_CONTINUATION = 0,
    OPCODE_TEXT = 1,
    OPCODE_BINARY = 2,
    OPCODE_CLOSE = 8,
    OPCODE_PING = 9,
    OPCODE_PONG = 10,
    FINAL = 0x80,
    MASKED = 0x80,
};

typedef struct websocket_connection {
    syi_connection base; /* first */
    syi_stream stream;
    bool plain;

    pthread_mutex_t write_lock; /* a frame is written under it, with the next group */
    uint8_t *bounce;            /* BOUNCE_SIZE bytes, [0, used) wait to be written */
    size_t used;
    bool begun; /* something of this send has left */
    uint8_t keys[KEYS][4];
    unsigned keys_left;

    pthread_mutex_t pong_lock; /* guards the next two */
    uint8_t pong[CONTROL_MAX];
    size_t pong_size;
    atomic_bool pong_waits;

    /* the receiving thread's */
    syi_frame_reader *reader;
    uint8_t header[10];
    size_t header_filled;
    uint8_t opcode;
    bool final;           /* the websocket frame that arrives is the last of its message */
    bool inside;          /* a message has begun */
    bool whole;           /* ... and its frame has been delivered */
    syi_message arriving; /* plain */
    uint64_t left;        /* payload bytes still to come */
    uint8_t control[CONTROL_MAX];
    size_t control_filled;
} websocket_connection;

static void break_stream(websocket_connection *c)
{
    atomic_store_explicit(&c->stream.broken, true, memory_order_relaxed);
}

/* --- sending (under write_lock) ---------------------------------------------------------------- */

static sy_status flush(websocket_connection *c, uint64_t deadline, sy_error *err)
{
    if (c->used == 0) {
        return SY_OK;
    }
    struct iovec piece = {.iov_base = c->bounce, .iov_len = c->used};
    const sy_status status = syi_stream_write(&c->stream, &piece, 1, deadline, err);
    if (status != SY_OK && c->begun) {
        break_stream(c);
    }
    c->begun = true;
    c->used = 0;
    return status;
}

/* A key nobody can foresee (RFC 6455, section 10.3). */
static sy_status next_key(websocket_connection *c, const uint8_t **key, sy_error *err)
{
    if (c->keys_left == 0) {
        SY_TRY(syi_random_bytes(c->base.context, c->keys, sizeof c->keys, err));
        c->keys_left = KEYS;
    }
    *key = c->keys[--c->keys_left];
    return SY_OK;
}

static sy_status put_header(websocket_connection *c, unsigned opcode, uint64_t length,
                            const uint8_t *key, uint64_t deadline, sy_error *err)
{
    if (c->used + 14 > BOUNCE_SIZE) {
        SY_TRY(flush(c, deadline, err));
    }
    uint8_t *p = c->bounce + c->used;
    *p++ = (uint8_t)(FINAL | opcode);
    if (length < 126) {
        *p++ = (uint8_t)(MASKED | length);
    } else if (length <= UINT16_MAX) {
        *p++ = MASKED | 126;
        syi_put_u16be(p, (uint16_t)length);
        p += 2;
    } else {
        *p++ = MASKED | 127;
        syi_put_u64be(p, length);
        p += 8;
    }
    memcpy(p, key, 4);
    c->used = (size_t)(p + 4 - c->bounce);
    return SY_OK;
}

static sy_status put_masked(websocket_connection *c, const uint8_t *bytes, size_t size,
                            const uint8_t *key, unsigned *phase, uint64_t deadline, sy_error *err)
{
    while (size != 0) {
        if (c->used == BOUNCE_SIZE) {
            SY_TRY(flush(c, deadline, err));
        }
        const size_t room = BOUNCE_SIZE - c->used;
        const size_t part = size < room ? size : room;
        syi_mask_copy(c->bounce + c->used, bytes, part, key, phase);
        c->used += part;
        bytes += part;
        size -= part;
    }
    return SY_OK;
}

/* Header and table; one with thousands of segments takes memory of its own. */
static sy_status put_head(websocket_connection *c, const syi_message *message, const uint8_t *key,
                          unsigned *phase, uint64_t deadline, sy_error *err)
{
    uint8_t small[SYI_FRAME_HEADER_SIZE + 16 * SYI_FRAME_SEGMENT_ENTRY_SIZE];
    const size_t size = syi_frame_head_size(message);
    uint8_t *head = size <= sizeof small ? small : syi_alloc_aligned(c->base.context, size, 16);
    if (head == NULL) {
        return SYI_ENOMEM(err, "frame head");
    }
    syi_frame_put_head(message, head);
    const sy_status status = put_masked(c, head, size, key, phase, deadline, err);
    if (head != small) {
        syi_free(c->base.context, head, size);
    }
    return status;
}

static sy_status put_message(websocket_connection *c, const syi_message *message, uint64_t deadline,
                             sy_error *err)
{
    const uint8_t *key;
    unsigned phase = 0;
    SY_TRY(next_key(c, &key, err));
    if (c->plain) {
        const unsigned opcode = message->kind == SYI_PLAIN_TEXT ? OPCODE_TEXT : OPCODE_BINARY;
        SY_TRY(put_header(c, opcode, message->body.length, key, deadline, err));
        return put_masked(c, message->body.data, message->body.length, key, &phase, deadline, err);
    }
    SY_TRY(put_header(c, OPCODE_BINARY, syi_frame_length(message), key, deadline, err));
    SY_TRY(put_head(c, message, key, &phase, deadline, err));
    SY_TRY(put_masked(c, message->body.data, message->body.length, key, &phase, deadline, err));
    for (uint32_t i = 0; i < message->segment_count; i++) {
        const syi_segment *segment = &message->segments[i];
        SY_TRY(put_masked(c, segment->data, (size_t)segment->length, key, &phase, deadline, err));
    }
    return SY_OK;
}

static sy_status put_control(websocket_connection *c, unsigned opcode, const uint8_t *bytes,
                             size_t size, uint64_t deadline, sy_error *err)
{
    const uint8_t *key;
    unsigned phase = 0;
    SY_TRY(next_key(c, &key, err));
    SY_TRY(put_header(c, opcode, size, key, deadline, err));
    SY_TRY(put_masked(c, bytes, size, key, &phase, deadline, err));
    return flush(c, deadline, err);
}

/* The receiving thread hears pings, but a frame of another thread may be under way: whoever has the lock
 * last sends the answer. */
static sy_status answer_ping(websocket_connection *c, uint64_t deadline, sy_error *err)
{
    sy_status status = SY_OK;
    while (status == SY_OK && atomic_load(&c->pong_waits) &&
           pthread_mutex_trylock(&c->write_lock) == 0) {
        if (atomic_exchange(&c->pong_waits, false)) {
            uint8_t bytes[CONTROL_MAX];
            pthread_mutex_lock(&c->pong_lock);
            const size_t size = c->pong_size;
            memcpy(bytes, c->pong, size);
            pthread_mutex_unlock(&c->pong_lock);
            c->begun = false;
            status = put_control(c, OPCODE_PONG, bytes, size, deadline, err);
        }
        pthread_mutex_unlock(&c->write_lock);
    }
    return status;
}

static sy_status websocket_send(syi_connection *base, const syi_message *const *messages,
                                size_t count, uint64_t deadline, sy_error *err)
{
    websocket_connection *c = (websocket_connection *)base;
    uint64_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        SY_TRY(syi_frame_check(messages[i], err));
        bytes += syi_frame_length(messages[i]);
    }
    pthread_mutex_lock(&c->write_lock);
    sy_status status = SY_OK;
    c->begun = false;
    for (size_t i = 0; i < count && status == SY_OK; i++) {
        status = put_message(c, messages[i], deadline, err);
    }
    if (status == SY_OK) {
        status = flush(c, deadline, err);
    } else if (c->begun) {
        break_stream(c); /* half a frame has left */
    }
    c->used = 0;
    pthread_mutex_unlock(&c->write_lock);
    SY_TRY(status);
    syi_traffic_add(&base->traffic.frames_sent, count);
    syi_traffic_add(&base->traffic.bytes_sent, bytes);
    answer_ping(c, deadline, NULL); /* one that came meanwhile */
    return SY_OK;
}

/* --- receiving --------------------------------------------------------------------------------- */

static sy_status fail_protocol(websocket_connection *c, const char *what, sy_error *err)
{
    break_stream(c);
    return syi_fail_object(err, SY_EPROTO, c->base.url, "%s: websocket: %s", c->base.url, what);
}

/* NULL, or what is wrong with the frame whose first two bytes are here. */
static const char *check_header(const websocket_connection *c)
{
    const unsigned opcode = c->header[0] & 0x0fu;
    if ((c->header[0] & 0x70) != 0) {
        return "a reserved bit is set";
    }
    if ((c->header[1] & MASKED) != 0) {
        return "the server masked a frame";
    }
    if (opcode >= OPCODE_CLOSE) {
        if (opcode > OPCODE_PONG) {
            return "unknown opcode";
        }
        return (c->header[0] & FINAL) == 0 || (c->header[1] & 0x7f) > CONTROL_MAX
                   ? "a control frame is fragmented or too long"
                   : NULL;
    }
    switch (opcode) {
    case OPCODE_CONTINUATION:
        return c->inside ? NULL : "a continuation of nothing";
    case OPCODE_TEXT:
        if (c->plain) {
            return c->inside ? "a message inside another" : NULL;
        }
        return "a text message, where csyft.v1 is binary";
    case OPCODE_BINARY:
        return c->inside ? "a message inside another" : NULL;
    default:
        return "unknown opcode";
    }
}

static size_t header_size(const websocket_connection *c)
{
    if (c->header_filled < 2) {
        return 2;
    }
    switch (c->header[1] & 0x7f) {
    case 126:
        return 4;
    case 127:
        return 10;
    default:
        return 2;
    }
}

static sy_status begin_frame(websocket_connection *c, sy_error *err)
{
    const unsigned length = c->header[1] & 0x7fu;
    c->opcode = c->header[0] & 0x0f;
    c->left = length == 126   ? syi_get_u16be(c->header + 2)
              : length == 127 ? syi_get_u64be(c->header + 2)
                              : length;
    c->header_filled = 0;
    if ((c->left >> 63) != 0) {
        return fail_protocol(c, "a frame of 2^63 bytes or more", err);
    }
    c->control_filled = 0;
    if (c->opcode < OPCODE_CLOSE) {
        c->final = (c->header[0] & FINAL) != 0;
        if (c->opcode != OPCODE_CONTINUATION) {
            c->arriving.kind = c->opcode == OPCODE_TEXT ? SYI_PLAIN_TEXT : SYI_PLAIN_BINARY;
        }
        c->inside = true;
        c->whole = c->whole && c->opcode == OPCODE_CONTINUATION;
    }
    return SY_OK;
}

/* Bytes of the read-ahead into the header. true in *begun when a frame has begun. */
static sy_status read_header(websocket_connection *c, const uint8_t *bytes, size_t size,
                             bool *begun, sy_error *err)
{
    size_t at = 0;
    *begun = false;
    while (at < size && c->header_filled < header_size(c)) {
        c->header[c->header_filled++] = bytes[at++];
        if (c->header_filled == 2) {
            const char *wrong = check_header(c);
            if (wrong != NULL) {
                return fail_protocol(c, wrong, err);
            }
        }
    }
    syi_stream_consume(&c->stream, at);
    if (c->header_filled == header_size(c)) {
        *begun = true;
        return begin_frame(c, err);
    }
    return SY_OK;
}

static sy_status closed_by_server(websocket_connection *c, uint64_t deadline, sy_error *err)
{
    char reason[CONTROL_MAX + 1];
    char sentence[256];
    const unsigned code = c->control_filled >= 2 ? syi_get_u16be(c->control) : 1005;
    const size_t length = c->control_filled >= 2 ? c->control_filled - 2 : 0;
    memcpy(reason, c->control + c->control_filled - length, length);
    reason[length] = '\0';
    snprintf(sentence, sizeof sentence, "the other end closed the connection with code %u%s%s",
             code, length != 0 ? ": " : "", reason);
    syi_utf8_clean(sentence, strlen(sentence));
    if (pthread_mutex_trylock(&c->write_lock) ==
        0) { /* else a frame is under way; it is over anyway */
        put_control(c, OPCODE_CLOSE, c->control, c->control_filled < 2 ? 0 : 2, deadline, NULL);
        pthread_mutex_unlock(&c->write_lock);
    }
    return syi_stream_fail_closed(&c->stream, sentence, err);
}

static sy_status control_came(websocket_connection *c, uint64_t deadline, sy_error *err)
{
    switch (c->opcode) {
    case OPCODE_CLOSE:
        return closed_by_server(c, deadline, err);
    case OPCODE_PING:
        pthread_mutex_lock(&c->pong_lock);
        memcpy(c->pong, c->control, c->control_filled);
        c->pong_size = c->control_filled;
        pthread_mutex_unlock(&c->pong_lock);
        atomic_store(&c->pong_waits, true);
        return answer_ping(c, deadline, err);
    default:
        return SY_OK;
    }
}

/* A websocket frame is here in full. */
static sy_status end_frame(websocket_connection *c, uint64_t deadline, bool *done, sy_error *err)
{
    if (c->opcode >= OPCODE_CLOSE) {
        return control_came(c, deadline, err);
    }
    if (c->final) {
        if (c->plain) {
            *done = true;
        } else if (!c->whole) {
            return fail_protocol(c, "a message ends in the middle of its frame", err);
        }
        c->inside = false;
        c->whole = false;
    }
    return SY_OK;
}

/* Payload bytes of the read-ahead. */
static sy_status read_payload(websocket_connection *c, const uint8_t *bytes, size_t size,
                              bool *done, sy_error *err)
{
    if (size > c->left) {
        size = (size_t)c->left;
    }
    if (c->opcode >= OPCODE_CLOSE) {
        memcpy(c->control + c->control_filled, bytes, size);
        c->control_filled += size;
    } else if (c->plain) {
        syi_buffer_append(&c->arriving.body, bytes, size);
        const sy_status status = syi_buffer_check(&c->arriving.body, "message", err);
        if (status != SY_OK) {
            break_stream(c);
            return syi_error_prefix(err, status, "%s", c->base.url);
        }
    } else if (c->whole) {
        return fail_protocol(c, "a message is longer than its frame", err);
    } else {
        const sy_status status = syi_frame_reader_copy(c->reader, bytes, size, &size, done, err);
        if (status != SY_OK) {
            break_stream(c);
            return syi_error_prefix(err, status, "%s", c->base.url);
        }
    }
    syi_stream_consume(&c->stream, size);
    c->left -= size;
    return SY_OK;
}

/* From the socket, large payloads directly into their place. */
static sy_status read_more(websocket_connection *c, uint64_t deadline, bool *done, sy_error *err)
{
    uint8_t *place = NULL;
    size_t room = 0;
    size_t direct;
    if (c->left != 0 && c->opcode < OPCODE_CLOSE && !c->whole && !c->plain) {
        syi_frame_reader_want(c->reader, &place, &room);
        room = room < c->left ? room : (size_t)c->left;
    }
    const bool inside = c->inside || c->header_filled != 0 || c->left != 0;
    sy_status status = syi_stream_read(&c->stream, place, room < DIRECT_FROM ? 0 : room, &direct,
                                       deadline, inside, err);
    if (status == SY_ETIMEDOUT && inside && !c->base.glancing) {
        break_stream(c);
    }
    if (status != SY_OK || direct == 0) {
        return status;
    }
    c->left -= direct;
    status = syi_frame_reader_advance(c->reader, direct, done, err);
    if (status != SY_OK) {
        break_stream(c);
        return syi_error_prefix(err, status, "%s", c->base.url);
    }
    return SY_OK;
}

/* One step towards a whole message. */
static sy_status receive_step(websocket_connection *c, uint64_t deadline, bool *done, sy_error *err)
{
    size_t size;
    const uint8_t *bytes = syi_stream_get_ahead(&c->stream, &size);
    bool in_frame = c->left != 0;
    if (size == 0) {
        SY_TRY(read_more(c, deadline, done, err));
    } else if (in_frame) {
        SY_TRY(read_payload(c, bytes, size, done, err));
    } else {
        SY_TRY(read_header(c, bytes, size, &in_frame, err));
    }
    c->whole = c->whole || *done;
    if (*done && c->left != 0) {
        return fail_protocol(c, "a message is longer than its frame", err);
    }
    return in_frame && c->left == 0 ? end_frame(c, deadline, done, err) : SY_OK;
}

static sy_status websocket_receive(syi_connection *base, syi_message *message, uint64_t deadline,
                                   sy_error *err)
{
    websocket_connection *c = (websocket_connection *)base;
    bool done = false;
    while (!done) {
        if (atomic_load_explicit(&c->stream.broken, memory_order_relaxed)) {
            return syi_stream_fail_closed(&c->stream, "the connection is closed", err);
        }
        SY_TRY(receive_step(c, deadline, &done, err));
    }
    uint64_t length = c->arriving.body.length;
    if (c->plain) {
        message->kind = c->arriving.kind;
        syi_message_take(message, &c->arriving);
        syi_message_trim(&c->arriving);
    } else {
        syi_frame_reader_take(c->reader, message);
        length = syi_frame_reader_get_length(c->reader);
    }
    syi_traffic_add(&base->traffic.frames_received, 1);
    syi_traffic_add(&base->traffic.bytes_received, length);
    return SY_OK;
}

/* --- life -------------------------------------------------------------------------------------- */

static bool websocket_is_open(syi_connection *base)
{
    return syi_stream_is_open(&((websocket_connection *)base)->stream);
}

static syi_frame_reader *websocket_get_reader(syi_connection *base)
{
    return ((websocket_connection *)base)->reader;
}

static void release(websocket_connection *c)
{
    sy_context *context = c->base.context;
    syi_stream_close(&c->stream);
    syi_frame_reader_free(c->reader);
    syi_message_fini(&c->arriving);
    syi_free(context, c->bounce, BOUNCE_SIZE);
    pthread_mutex_destroy(&c->write_lock);
    pthread_mutex_destroy(&c->pong_lock);
    syi_free(context, c, sizeof *c);
}

static void websocket_close(syi_connection *base)
{
    websocket_connection *c = (websocket_connection *)base;
    static const uint8_t normal[2] = {1000 >> 8, 1000 & 0xff};
    if (!atomic_load_explicit(&c->stream.broken, memory_order_relaxed)) {
        /* A deadline long gone: only what the socket takes at once. What has come is read off, because
         * closing over unread bytes would reset the connection under the goodbye. */
        put_control(c, OPCODE_CLOSE, normal, sizeof normal, 1, NULL);
        syi_stream_drain(&c->stream);
    }
    release(c);
}

static void websocket_shut(syi_connection *base)
{
    syi_stream_shut(&((websocket_connection *)base)->stream);
}

static const syi_connection_class websocket_connection_class = {
    .send = websocket_send,
    .receive = websocket_receive,
    .is_open = websocket_is_open,
    .get_reader = websocket_get_reader,
    .shut = websocket_shut,
    .close = websocket_close,
};

sy_status syi_websocket_connect(sy_context *context, syi_connection **connection,
                                const syi_url *url, const syi_connect_options *options,
                                sy_error *err)
{
    sy_status status;
    websocket_connection *c = syi_alloc(context, sizeof *c);
    if (c == NULL) {
        return SYI_ENOMEM(err, "websocket connection");
    }
    c->base.klass = &websocket_connection_class;
    c->base.context = context;
    syi_url_format(c->base.url, sizeof c->base.url, url, url->port);
    c->plain = options->plain;
    syi_message_init(&c->arriving, context, SYI_PLAIN_MAX);
    c->stream = (syi_stream){.context = context, .fd = -1};
    pthread_mutex_init(&c->write_lock, NULL);
    pthread_mutex_init(&c->pong_lock, NULL);
    atomic_init(&c->pong_waits, false);
    c->bounce = syi_alloc_aligned(context, BOUNCE_SIZE, 64);
    if (c->bounce == NULL) {
        status = SYI_ENOMEM(err, "websocket connection");
        goto fail;
    }
    SY_GOTO(fail,
            syi_frame_reader_new(context, &c->reader, &options->limits, options->account, err));
    SY_GOTO(fail, syi_stream_connect(&c->stream, context, c->base.url, url->host, url->port,
                                     options->spin_us, options->deadline, err));
    if (url->scheme == SYI_SCHEME_WSS) {
        SY_GOTO(fail,
                syi_stream_encrypt(&c->stream, options->tls, url->host, options->deadline, err));
    }
    SY_GOTO(fail, syi_websocket_handshake(&c->stream, url, c->plain, options->deadline, err));
    *connection = &c->base;
    return SY_OK;
fail:
    release(c);
    return status;
}
