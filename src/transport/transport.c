/*
 * transport.c - the seam's public half: implementations chosen by scheme, and what all of them share.
 * Test: the contract, tests/support/transport_contract.h, run by each implementation's own test.
 */
#include "transport/transport.h"

#include <stdio.h>

#include "core/error.h"
#include "transport/loop.h"
#include "transport/transport_class.h"

static const struct {
    sy_status (*connect)(sy_context *, syi_connection **, const syi_url *,
                         const syi_connect_options *, sy_error *);
    sy_status (*listen)(sy_context *, syi_listener **, const syi_url *, const syi_listen_options *,
                        const syi_service *, sy_error *);
} implementations[] = {
    [SYI_SCHEME_INPROC] = {syi_inproc_connect, syi_inproc_listen},
    [SYI_SCHEME_TCP] = {syi_tcp_connect, syi_tcp_listen},
    [SYI_SCHEME_TLS] = {syi_tcp_connect, syi_tcp_listen},
    [SYI_SCHEME_WS] = {syi_websocket_connect, syi_websocket_listen},
    [SYI_SCHEME_WSS] = {syi_websocket_connect, syi_websocket_listen},
};

/* --- connections ------------------------------------------------------------------------------- */

sy_status syi_connect(sy_context *context, syi_connection **connection, const char *url,
                      const syi_connect_options *options, sy_error *err)
{
    static const syi_connect_options defaults = {.limits = SYI_FRAME_LIMITS_DEFAULT};
    syi_url parsed;
    *connection = NULL;
    SY_TRY(syi_url_parse(&parsed, url, err));
    return implementations[parsed.scheme].connect(context, connection, &parsed,
                                                  options == NULL ? &defaults : options, err);
}

static void note(const syi_connection *connection, const syi_message *message, bool received)
{
    syi_journal_entry entry;
    syi_journal_prepare(connection->journal, &entry, message, received, connection->journal_peer,
                        connection->url);
    syi_journal_note(connection->journal, &entry);
}

sy_status syi_connection_send(syi_connection *connection, const syi_message *const *messages,
                              size_t count, uint64_t deadline, sy_error *err)
{
    SY_TRY(connection->klass->send(connection, messages, count, deadline, err));
    if (syi_latency_get(&connection->latency) != 0) {
        atomic_store(&connection->latency.sent, syi_clock_now(connection->context));
    }
    for (size_t k = 0; k < count && syi_journal_is_open(connection->journal); k++) {
        note(connection, messages[k], false);
    }
    return SY_OK;
}

sy_status syi_connection_receive(syi_connection *connection, syi_message *message,
                                 uint64_t deadline, sy_error *err)
{
    SY_TRY(syi_latency_is_on(&connection->latency)
               ? syi_latency_receive(connection, message, deadline, err)
               : connection->klass->receive(connection, message, deadline, err));
    if (syi_journal_is_open(connection->journal)) {
        note(connection, message, true);
    }
    return SY_OK;
}

void syi_connection_set_journal(syi_connection *connection, syi_journal *journal, const char *peer)
{
    connection->journal = journal;
    connection->journal_peer = peer;
}

void syi_connection_set_latency(syi_connection *connection, const atomic_uint_fast64_t *here,
                                const atomic_uint_fast64_t *there)
{
    connection->latency.times[0] = here;
    connection->latency.times[1] = there;
}

void syi_connection_close(syi_connection *connection)
{
    if (connection != NULL) {
        syi_latency_fini(connection->context, &connection->latency);
        connection->klass->close(connection);
    }
}

void syi_connection_shut(syi_connection *connection)
{
    connection->klass->shut(connection);
}

bool syi_connection_is_open(syi_connection *connection)
{
    return connection->klass->is_open(connection);
}

syi_partial *syi_connection_take_partial(syi_connection *connection)
{
    return connection->klass->get_reader != NULL
               ? syi_frame_reader_part(connection->klass->get_reader(connection))
               : NULL;
}

void syi_connection_expect(syi_connection *connection, syi_partial *partial)
{
    if (connection->klass->get_reader != NULL) {
        syi_frame_reader_expect(connection->klass->get_reader(connection), partial);
    } else {
        syi_partial_free(partial);
    }
}

syi_traffic syi_connection_get_traffic(const syi_connection *connection)
{
    return syi_traffic_read(&connection->traffic);
}

const char *syi_connection_get_url(const syi_connection *connection)
{
    return connection->url;
}

/* --- listeners --------------------------------------------------------------------------------- */

sy_status syi_listen(sy_context *context, syi_listener **listener, const char *url,
                     const syi_listen_options *options, const syi_service *service, sy_error *err)
{
    syi_url parsed;
    *listener = NULL;
    SY_TRY(syi_url_parse(&parsed, url, err));
    syi_listen_options filled = {.limits = SYI_FRAME_LIMITS_DEFAULT};
    if (options != NULL) {
        filled = *options;
    }
    if (filled.send_queue_max == 0) {
        filled.send_queue_max = UINT64_C(1) << 30;
    }
    if (filled.connections_max == 0) {
        filled.connections_max = 1024;
    }
    if (filled.first_frame_ms == 0) {
        filled.first_frame_ms = 10000;
    }
    if (filled.stall_ms == 0) {
        filled.stall_ms = 30000;
    }
    if (filled.loop != NULL) {
        SY_TRY(syi_loop_check(filled.loop, context, err));
        if (parsed.scheme == SYI_SCHEME_INPROC || filled.spin_us != 0) {
            return syi_fail(err, SY_EINVAL, "%s: %s", url,
                            filled.spin_us != 0 ? "the caller's loop does not spin"
                                                : "there is no network to drive by a loop");
        }
    }
    return implementations[parsed.scheme].listen(context, listener, &parsed, &filled, service, err);
}

const char *syi_listener_get_url(const syi_listener *listener)
{
    return listener->url;
}

struct sy_loop *syi_listener_get_loop(const syi_listener *listener)
{
    return listener->loop;
}

void syi_listener_stop(syi_listener *listener)
{
    listener->klass->stop(listener);
}

void syi_listener_free(syi_listener *listener)
{
    if (listener != NULL) {
        listener->klass->free(listener);
    }
}

/* --- peers ------------------------------------------------------------------------------------- */

syi_peer *syi_peer_ref(syi_peer *peer)
{
    if (peer != NULL) {
        atomic_fetch_add_explicit(&peer->refs, 1, memory_order_relaxed);
    }
    return peer;
}

void syi_peer_unref(syi_peer *peer)
{
    if (peer != NULL && atomic_fetch_sub_explicit(&peer->refs, 1, memory_order_acq_rel) == 1) {
        peer->klass->free(peer);
    }
}

void syi_peer_set_journal(syi_peer *peer, syi_journal *journal, const char *name)
{
    if (!peer->proxy) {
        peer->journal = journal;
        peer->journal_peer = name;
    }
}

void syi_peer_note_received(const syi_peer *peer, const syi_message *message)
{
    if (syi_journal_is_open(peer->journal)) {
        syi_journal_entry entry;
        syi_journal_prepare(peer->journal, &entry, message, true, peer->journal_peer,
                            peer->address);
        syi_journal_note(peer->journal, &entry);
    }
}

/* Before: who has the answer can rely on finding it in the log. */
static void note_sent(const syi_peer *peer, const syi_message *message)
{
    if (syi_journal_is_open(peer->journal)) {
        syi_journal_entry entry;
        syi_journal_prepare(peer->journal, &entry, message, false, peer->journal_peer,
                            peer->address);
        syi_journal_note(peer->journal, &entry);
    }
}

sy_status syi_peer_send(syi_peer *peer, syi_message *message, sy_error *err)
{
    note_sent(peer, message);
    return peer->klass->send(peer, message, err);
}

sy_status syi_peer_send_later(syi_peer *peer, syi_message *message, sy_error *err)
{
    note_sent(peer, message);
    return peer->klass->send_later != NULL ? peer->klass->send_later(peer, message, err)
                                           : peer->klass->send(peer, message, err);
}

void syi_peer_flush(syi_peer *peer)
{
    if (peer->klass->flush != NULL) {
        peer->klass->flush(peer);
    }
}

void syi_peer_close(syi_peer *peer, uint32_t linger_ms)
{
    peer->klass->close(peer, linger_ms);
}

void syi_peer_set_reading(syi_peer *peer, bool reading)
{
    peer->klass->set_reading(peer, reading);
}

void syi_peer_set_account(syi_peer *peer, syi_account *account)
{
    peer->klass->set_account(peer, account);
}

void syi_peer_set_limits(syi_peer *peer, const syi_frame_limits *limits)
{
    peer->klass->set_limits(peer, limits);
}

syi_partial *syi_peer_take_partial(syi_peer *peer)
{
    return peer->klass->take_partial != NULL ? peer->klass->take_partial(peer) : NULL;
}

void syi_peer_expect(syi_peer *peer, syi_partial *partial)
{
    if (peer->klass->expect != NULL) {
        peer->klass->expect(peer, partial);
    } else {
        syi_partial_free(partial);
    }
}

uint64_t syi_peer_get_queued(syi_peer *peer)
{
    return peer->klass->get_queued != NULL ? peer->klass->get_queued(peer) : 0;
}

bool syi_peer_borrow(syi_peer *peer, int *fd)
{
    return peer->klass->borrow != NULL && peer->klass->borrow(peer, fd);
}

syi_came syi_peer_read(syi_peer *peer)
{
    return peer->klass->read(peer);
}

void syi_peer_give_back(syi_peer *peer, bool now)
{
    peer->klass->give_back(peer, now);
}

const char *syi_peer_get_address(const syi_peer *peer)
{
    return peer->address;
}

const char *syi_peer_get_certified(const syi_peer *peer)
{
    return peer->certified;
}

bool syi_peer_is_loopback(const syi_peer *peer)
{
    return peer->loopback;
}

bool syi_peer_is_plain(const syi_peer *peer)
{
    return peer->plain;
}

syi_traffic syi_peer_get_traffic(const syi_peer *peer)
{
    return syi_traffic_read(&peer->traffic);
}

/* --- shared by implementations ----------------------------------------------------------------- */

void syi_url_format(char *text, size_t size, const syi_url *url, uint16_t port)
{
    const bool v6 = strchr(url->host, ':') != NULL;
    switch (url->scheme) {
    case SYI_SCHEME_INPROC:
        snprintf(text, size, "inproc://%s", url->host);
        break;
    case SYI_SCHEME_TCP:
        snprintf(text, size, v6 ? "tcp://[%s]:%u" : "tcp://%s:%u", url->host, (unsigned)port);
        break;
    case SYI_SCHEME_TLS:
        snprintf(text, size, v6 ? "tls://[%s]:%u" : "tls://%s:%u", url->host, (unsigned)port);
        break;
    case SYI_SCHEME_WS:
    case SYI_SCHEME_WSS:
        snprintf(text, size, v6 ? "%s://[%s]:%u%s" : "%s://%s:%u%s",
                 url->scheme == SYI_SCHEME_WS ? "ws" : "wss", url->host, (unsigned)port,
                 strcmp(url->path, "/") == 0 ? "" : url->path);
        break;
    }
}
