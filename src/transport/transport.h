/*
 * transport.h - the seam to the network: whole frames between two ends, with deadlines.
 *
 * Client end: a syi_connection, driven by the thread that uses it (no thread of its own). One thread may
 * be in send and another in receive; two threads in the same call is misuse.
 * Server end: a syi_listener calls a syi_service from its own loop thread (inproc: from the sending
 * thread) and is answered through syi_peer, from any thread.
 *
 * Contract (tests/support/transport_contract.h, one line per implementation):
 *  - frames arrive whole, in order, exactly once; any number of messages given to one send leave in one
 *    write where the kernel takes them;
 *  - a deadline is an absolute syi_clock_now() time, 0 for none; SY_ETIMEDOUT leaves a connection that
 *    received nothing of a frame usable; after a partial send or receive it is closed;
 *  - SY_ECLOSED when the other end went away, SY_EPROTO for bytes that are no frame; both name the URL;
 *  - closing is safe at any time, also with a peer that does not read; a service hears `closed` exactly
 *    once per `opened`, after its last `received`;
 *  - a slow reader costs the server at most `send_queue_max` bytes, or one frame; beyond it the peer is closed;
 *  - no SIGPIPE, no descriptor inherited by child processes, TCP_NODELAY set.
 *
 * A websocket without the subprotocol csyft.v1 carries whole messages of bytes instead of frames ("plain"), for
 * services that speak somebody else's protocol: a syi_message of kind SYI_PLAIN_TEXT or SYI_PLAIN_BINARY whose
 * body is the websocket message, and nothing else of it counts.
 * URLs: inproc://NAME (in the same process and context), tcp://HOST:PORT, ws://HOST:PORT[/PATH]; tls:// and wss://
 * are those two over TLS; IPv6 in brackets; port 0 lets the system choose.
 */
#ifndef SYI_TRANSPORT_TRANSPORT_H
#define SYI_TRANSPORT_TRANSPORT_H

#include "transport/partial.h"
#include "transport/tls/tls.h"

typedef struct syi_connection syi_connection;
typedef struct syi_peer syi_peer;
typedef struct syi_listener syi_listener;

/* Kinds of plain messages; frames never have them in plain connections, whose ends know what they are. */
enum { SYI_PLAIN_BINARY = 0xfffe, SYI_PLAIN_TEXT = 0xffff };
#define SYI_PLAIN_MAX \
    ((size_t)256 << 20) /* bytes of one plain message; it may take so much memory */

typedef struct syi_traffic { /* both directions of one connection or peer, headers included */
    uint64_t frames_sent, frames_received;
    uint64_t bytes_sent, bytes_received;
} syi_traffic;

typedef struct syi_journal syi_journal; /* journal.h */

typedef struct syi_connect_options {
    syi_frame_limits limits;
    syi_account *account; /* nullable; charged for received segments */
    uint64_t deadline;    /* for connecting and the transport's own handshake */
    unsigned spin_us;     /* spin this long before sleeping in receive; 0: sleep at once */
    syi_tls_config *tls;  /* for tls:// and wss://; borrowed; NULL: the defaults */
    bool plain;           /* ws:// without a subprotocol */
} syi_connect_options;

sy_status syi_connect(sy_context *context, syi_connection **connection, const char *url,
                      const syi_connect_options *options, sy_error *err);
/* The messages keep belonging to the caller. */
sy_status syi_connection_send(syi_connection *connection, const syi_message *const *messages,
                              size_t count, uint64_t deadline, sy_error *err);
/* Fills an initialised, empty message. */
sy_status syi_connection_receive(syi_connection *connection, syi_message *message,
                                 uint64_t deadline, sy_error *err);
/* Closes and frees. NULL is nothing. */
void syi_connection_close(syi_connection *connection);
/* Nothing more is sent or received: SY_ECLOSED, also for threads that are inside send or receive now. Any
 * thread; does not block and does not replace close. */
void syi_connection_shut(syi_connection *connection);
/* false once the other end is known to be gone (does not block). */
bool syi_connection_is_open(syi_connection *connection);
/*
 * Frames that go on over another connection (partial.h), where the transport's bytes are a stream of frames. Take: of a
 * connection that is over, while nobody is inside send or receive; what has come of the frame it broke in, or what it
 * was to expect; NULL: nothing. Expect: before anybody receives; takes the partial frame.
 */
syi_partial *syi_connection_take_partial(syi_connection *connection);
void syi_connection_expect(syi_connection *connection, syi_partial *partial);
syi_traffic syi_connection_get_traffic(const syi_connection *connection);
/* Before it is used by several threads. Every message is noted there; `peer` is what the other end is called, and may
 * be written to later. Both are borrowed. */
void syi_connection_set_journal(syi_connection *connection, syi_journal *journal, const char *peer);
/* Before it is used. What arrives is handed on after the sum of both times (ns, nullable, borrowed; latency.h). */
void syi_connection_set_latency(syi_connection *connection, const atomic_uint_fast64_t *here,
                                const atomic_uint_fast64_t *there);
const char *syi_connection_get_url(const syi_connection *connection);

/*
 * What a server does with its peers. The message of `received` stays the transport's: the service takes what it
 * wants with syi_message_move or _take, or hands it to syi_peer_send; the rest is dropped and its memory used
 * again. `received` may be called for the next frame before the last was answered: ordering answers is the
 * service's business. None of these may block for long.
 */
typedef struct syi_service {
    void *user;
    /* A peer arrived. Returns the session passed to the other two; NULL refuses and closes. */
    void *(*opened)(void *user, syi_peer *peer);
    void (*received)(void *session, syi_message *message);
    /* The peer is gone or broke the protocol (`why` SY_EPROTO, SY_ECLOSED, SY_ETIMEDOUT for no first
     * frame, SY_ELIMIT for a slow reader, SY_ENOMEM). The peer handle stays valid until syi_peer_unref by
     * the session. */
    void (*closed)(void *session, sy_status why, const char *sentence);
} syi_service;

typedef struct syi_listen_options {
    const syi_service
        *plain; /* of ws:// connections without a subprotocol; copied; NULL: refused */
    syi_frame_limits limits;
    uint64_t send_queue_max;  /* bytes waiting for one slow peer, or one frame; 0: 1 GiB */
    unsigned connections_max; /* 0: 1024 */
    uint32_t first_frame_ms;  /* a peer must send its first whole frame within this; 0: 10 s */
    bool stranger; /* inproc: the peer only passes on what comes from elsewhere; no trust */
    uint32_t
        stall_ms; /* a frame that began must bring 64 KiB, or its end, in each such time; 0: 30 s */
    unsigned spin_us;     /* the loop thread spins this long after an event; 0: it sleeps at once */
    syi_tls_config *tls;  /* for tls:// and wss://, with a certificate; a reference is taken */
    struct sy_loop *loop; /* not inproc: no thread, the program drives it (loop.h); nullable */
} syi_listen_options;

/* `service` is copied. */
sy_status syi_listen(sy_context *context, syi_listener **listener, const char *url,
                     const syi_listen_options *options, const syi_service *service, sy_error *err);
/* The URL a client can use, with the real port. */
const char *syi_listener_get_url(const syi_listener *listener);
/* The program's loop that hosts it; NULL: it has a thread. */
struct sy_loop *syi_listener_get_loop(const syi_listener *listener);
/* Stops accepting; existing peers stay. A hosted one: on the loop's thread, this and free. */
void syi_listener_stop(syi_listener *listener);
/* Closes every peer (their `closed` has been called when this returns) and frees. Not from a service
 * callback. */
void syi_listener_free(syi_listener *listener);

/* Peer handle: `opened` receives one reference that the session must drop once. */
syi_peer *syi_peer_ref(syi_peer *peer);
void syi_peer_unref(syi_peer *peer);
/* Queues the message and takes it (emptied), also on failure: SY_ECLOSED when the peer is gone, SY_ELIMIT
 * when its queue is full (it is closed). Never blocks. Any thread. */
sy_status syi_peer_send(syi_peer *peer, syi_message *message, sy_error *err);
/* The same for what nobody waits for yet: it may leave together with what is sent next, at the latest after some
 * milliseconds, or when the peer is flushed. */
sy_status syi_peer_send_later(syi_peer *peer, syi_message *message, sy_error *err);
void syi_peer_flush(syi_peer *peer);
/* Closes after what is queued has left and the other end has closed, too, at most `linger_ms` later; 0:
 * at once. Nothing more is received. Any thread; returns at once. */
void syi_peer_close(syi_peer *peer, uint32_t linger_ms);
/* Backpressure: stop or go on reading from this peer. Any thread; takes effect soon: what was read from
 * the socket already is still delivered. */
void syi_peer_set_reading(syi_peer *peer, bool reading);
/* For frames after the one being delivered (from another thread: soon). */
void syi_peer_set_account(syi_peer *peer, syi_account *account);
void syi_peer_set_limits(syi_peer *peer, const syi_frame_limits *limits);
/*
 * The same of a peer. Take: inside `closed`, or from a service callback for another peer after syi_peer_close; NULL also
 * when that is another listener's, whose thread may be reading still. Expect: from this peer's `received`; NULL drops
 * what was expected.
 */
syi_partial *syi_peer_take_partial(syi_peer *peer);
void syi_peer_expect(syi_peer *peer, syi_partial *partial);
/*
 * A thread that waits for what the peer says next may read it itself, instead of being woken by the loop thread when that has
 * read it. Borrow: false where the transport cannot do that (anything but tcp:// with a thread of its own); *fd is for poll. Read:
 * takes what is there without waiting and hands it to the service on this thread, which holds nothing that the service may
 * need. While a peer is borrowed, and for about a millisecond after, the loop thread leaves what comes to the borrowers, then it
 * looks again; `now`: at once. Several threads may borrow the same peer.
 */
typedef enum syi_came {
    SYI_CAME_NOTHING,
    SYI_CAME_SOMETHING,
    SYI_CAME_LAST /* nothing more is to be had here: it is to be given back now */
} syi_came;
bool syi_peer_borrow(syi_peer *peer, int *fd);
syi_came syi_peer_read(syi_peer *peer);
void syi_peer_give_back(syi_peer *peer, bool now);
/* Bytes that wait to be sent. */
uint64_t syi_peer_get_queued(syi_peer *peer);
/* "tcp://127.0.0.1:40312" or "inproc://bob#3"; for logs and identity. */
const char *syi_peer_get_address(const syi_peer *peer);
bool syi_peer_is_loopback(const syi_peer *peer);
/* The name in the certificate that it has shown and that was verified; "": none. */
#define SYI_PEER_NAME_SIZE 65
const char *syi_peer_get_certified(const syi_peer *peer);
bool syi_peer_is_plain(const syi_peer *peer);
syi_traffic syi_peer_get_traffic(const syi_peer *peer);
/* As for a connection; in `opened`. */
void syi_peer_set_journal(syi_peer *peer, syi_journal *journal, const char *name);

/* Parsed URL. */
typedef enum syi_scheme {
    SYI_SCHEME_INPROC,
    SYI_SCHEME_TCP,
    SYI_SCHEME_TLS, /* tcp, encrypted */
    SYI_SCHEME_WS,
    SYI_SCHEME_WSS, /* ws, encrypted */
} syi_scheme;
typedef struct syi_url {
    syi_scheme scheme;
    char host[256]; /* without brackets; inproc: the name */
    uint16_t port;
    char path[256]; /* "/" by default */
} syi_url;
/* SY_EINVAL names the url and what is wrong with it. */
sy_status syi_url_parse(syi_url *url, const char *text, sy_error *err);
/* Is what passes between the ends encrypted? */
bool syi_url_is_encrypted(const syi_url *url);
/* By its text alone: an address of this machine, or localhost. Another name is not looked up. */
bool syi_url_is_loopback(const syi_url *url);

#endif
