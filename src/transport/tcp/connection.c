/* connection.c - the client's end of tcp://: frames over a stream. Test: tcp_test.c. */
#include <stdio.h>

#include "transport/stream.h"
#include "transport/transport_class.h"

/* Small pieces of a send are gathered here, so that many messages are one run of bytes. */
#define SCRATCH_SIZE ((size_t)128 * 1024)
#define COPY_BELOW ((size_t)4096)  /* a piece of its own costs the kernel more than this copy */
#define DIRECT_FROM ((size_t)8192) /* places smaller than this are filled from the read-ahead */

typedef struct tcp_connection {
    syi_connection base; /* first */
    syi_stream stream;
    syi_frame_reader *reader;
    uint8_t *scratch;
} tcp_connection;

/* --- sending ----------------------------------------------------------------------------------- */

/* What the next write takes: pieces of the scratch and of the messages, in order. */
typedef struct gather {
    tcp_connection *connection;
    uint64_t deadline;
    sy_error *err;
    sy_status status;
    bool begun;  /* something of this send has left */
    size_t used; /* of the scratch */
    size_t count;
    struct iovec pieces[SYI_STREAM_IOVECS];
} gather;

static void flush(gather *g)
{
    if (g->status == SY_OK && g->count != 0) {
        syi_stream *stream = &g->connection->stream;
        g->status = syi_stream_write(stream, g->pieces, g->count, g->deadline, g->err);
        if (g->status != SY_OK && g->begun) {
            atomic_store_explicit(&stream->broken, true, memory_order_relaxed);
        }
        g->begun = true;
    }
    g->used = 0;
    g->count = 0;
}

static void add_piece(gather *g, const uint8_t *bytes, size_t size)
{
    if (g->count != 0) {
        struct iovec *last = &g->pieces[g->count - 1];
        if ((const uint8_t *)last->iov_base + last->iov_len == bytes) {
            last->iov_len += size;
            return;
        }
    }
    if (g->count == SYI_STREAM_IOVECS) {
        flush(g);
    }
    g->pieces[g->count++] = (struct iovec){.iov_base = (void *)(uintptr_t)bytes, .iov_len = size};
}

/* Room in the scratch; what is written there must be added as a piece before the next call. */
static uint8_t *scratch_for(gather *g, size_t size)
{
    if (g->used + size > SCRATCH_SIZE || g->count == SYI_STREAM_IOVECS) {
        flush(g);
    }
    uint8_t *room = g->connection->scratch + g->used;
    g->used += size;
    return room;
}

static void add_bytes(gather *g, const uint8_t *bytes, size_t size)
{
    if (size >= COPY_BELOW) {
        add_piece(g, bytes, size);
    } else if (size != 0) {
        uint8_t *room = scratch_for(g, size);
        memcpy(room, bytes, size);
        add_piece(g, room, size);
    }
}

/* A head with thousands of segments passes the scratch. */
static void add_large_head(gather *g, const syi_message *message, size_t size)
{
    sy_context *context = g->connection->base.context;
    uint8_t *head = syi_alloc_aligned(context, size, 16);
    if (head == NULL) {
        g->status = SYI_ENOMEM(g->err, "frame head");
        return;
    }
    syi_frame_put_head(message, head);
    add_piece(g, head, size);
    flush(g);
    syi_free(context, head, size);
}

static void add_message(gather *g, const syi_message *message)
{
    const size_t size = syi_frame_head_size(message);
    if (size <= SCRATCH_SIZE) {
        uint8_t *head = scratch_for(g, size);
        syi_frame_put_head(message, head);
        add_piece(g, head, size);
    } else {
        add_large_head(g, message, size);
    }
    add_bytes(g, message->body.data, message->body.length);
    for (uint32_t i = 0; i < message->segment_count && g->status == SY_OK; i++) {
        add_bytes(g, message->segments[i].data, (size_t)message->segments[i].length);
    }
}

static sy_status tcp_send(syi_connection *base, const syi_message *const *messages, size_t count,
                          uint64_t deadline, sy_error *err)
{
    gather g;
    g.connection = (tcp_connection *)base;
    g.deadline = deadline;
    g.err = err;
    g.status = SY_OK;
    g.begun = false;
    g.used = 0;
    g.count = 0;
    uint64_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        SY_TRY(syi_frame_check(messages[i], err));
        bytes += syi_frame_length(messages[i]);
    }
    for (size_t i = 0; i < count && g.status == SY_OK; i++) {
        add_message(&g, messages[i]);
    }
    flush(&g);
    if (g.status == SY_OK) {
        syi_traffic_add(&base->traffic.frames_sent, count);
        syi_traffic_add(&base->traffic.bytes_sent, bytes);
    }
    return g.status;
}

/* --- receiving --------------------------------------------------------------------------------- */

static sy_status bad_frame(tcp_connection *c, sy_status status, sy_error *err)
{
    atomic_store_explicit(&c->stream.broken, true, memory_order_relaxed);
    return syi_error_prefix(err, status, "%s", c->base.url);
}

/* What was read ahead goes in place. */
static sy_status consume_ahead(tcp_connection *c, bool *done, sy_error *err)
{
    size_t size;
    size_t used;
    const uint8_t *bytes = syi_stream_get_ahead(&c->stream, &size);
    if (size == 0) {
        return SY_OK;
    }
    const sy_status status = syi_frame_reader_copy(c->reader, bytes, size, &used, done, err);
    if (status != SY_OK) {
        return bad_frame(c, status, err);
    }
    syi_stream_consume(&c->stream, used);
    return SY_OK;
}

static sy_status read_more(tcp_connection *c, uint64_t deadline, bool *done, sy_error *err)
{
    uint8_t *place;
    size_t room;
    size_t direct;
    syi_frame_reader_want(c->reader, &place, &room);
    const bool inside = !syi_frame_reader_is_idle(c->reader);
    sy_status status = syi_stream_read(&c->stream, place, room < DIRECT_FROM ? 0 : room, &direct,
                                       deadline, inside, err);
    if (status == SY_ETIMEDOUT && inside && !c->base.glancing) {
        atomic_store_explicit(&c->stream.broken, true, memory_order_relaxed);
    }
    if (status != SY_OK || direct == 0) {
        return status;
    }
    status = syi_frame_reader_advance(c->reader, direct, done, err);
    return status == SY_OK ? SY_OK : bad_frame(c, status, err);
}

static sy_status tcp_receive(syi_connection *base, syi_message *message, uint64_t deadline,
                             sy_error *err)
{
    tcp_connection *c = (tcp_connection *)base;
    bool done = false;
    SY_TRY(consume_ahead(c, &done, err));
    while (!done) {
        SY_TRY(read_more(c, deadline, &done, err));
        if (!done) {
            SY_TRY(consume_ahead(c, &done, err));
        }
    }
    syi_frame_reader_take(c->reader, message);
    syi_traffic_add(&base->traffic.frames_received, 1);
    syi_traffic_add(&base->traffic.bytes_received, syi_frame_reader_get_length(c->reader));
    return SY_OK;
}

/* --- life -------------------------------------------------------------------------------------- */

static bool tcp_is_open(syi_connection *base)
{
    return syi_stream_is_open(&((tcp_connection *)base)->stream);
}

static syi_frame_reader *tcp_get_reader(syi_connection *base)
{
    return ((tcp_connection *)base)->reader;
}

static void tcp_shut(syi_connection *base)
{
    syi_stream_shut(&((tcp_connection *)base)->stream);
}

static void tcp_close(syi_connection *base)
{
    tcp_connection *c = (tcp_connection *)base;
    syi_stream_close(&c->stream);
    syi_frame_reader_free(c->reader);
    syi_free(base->context, c->scratch, SCRATCH_SIZE);
    syi_free(base->context, c, sizeof *c);
}

static const syi_connection_class tcp_connection_class = {
    .send = tcp_send,
    .receive = tcp_receive,
    .is_open = tcp_is_open,
    .get_reader = tcp_get_reader,
    .shut = tcp_shut,
    .close = tcp_close,
};

sy_status syi_tcp_connect(sy_context *context, syi_connection **connection, const syi_url *url,
                          const syi_connect_options *options, sy_error *err)
{
    sy_status status;
    tcp_connection *c = syi_alloc(context, sizeof *c);
    if (c == NULL) {
        return SYI_ENOMEM(err, "tcp connection");
    }
    c->base.klass = &tcp_connection_class;
    c->base.context = context;
    syi_url_format(c->base.url, sizeof c->base.url, url, url->port);
    c->stream = (syi_stream){.context = context, .fd = -1};
    c->scratch = syi_alloc_aligned(context, SCRATCH_SIZE, 64);
    if (c->scratch == NULL) {
        status = SYI_ENOMEM(err, "tcp connection");
        goto fail;
    }
    SY_GOTO(fail,
            syi_frame_reader_new(context, &c->reader, &options->limits, options->account, err));
    SY_GOTO(fail, syi_stream_connect(&c->stream, context, c->base.url, url->host, url->port,
                                     options->spin_us, options->deadline, err));
    if (url->scheme == SYI_SCHEME_TLS) {
        SY_GOTO(fail,
                syi_stream_encrypt(&c->stream, options->tls, url->host, options->deadline, err));
    }
    *connection = &c->base;
    return SY_OK;
fail:
    tcp_close(&c->base);
    return status;
}
