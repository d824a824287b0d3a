/* transport_class.h - what an implementation of the transport seam provides; this room only. */
#ifndef SYI_TRANSPORT_CLASS_H
#define SYI_TRANSPORT_CLASS_H

#include "transport/journal.h"
#include "transport/latency.h"
#include "transport/transport.h"

/* Counters have one writer each at a time and may be read from any thread. */
static inline void syi_traffic_add(uint64_t *counter, uint64_t count)
{
    __atomic_store_n(counter, __atomic_load_n(counter, __ATOMIC_RELAXED) + count, __ATOMIC_RELAXED);
}

static inline syi_traffic syi_traffic_read(const syi_traffic *traffic)
{
    return (syi_traffic){
        .frames_sent = __atomic_load_n(&traffic->frames_sent, __ATOMIC_RELAXED),
        .frames_received = __atomic_load_n(&traffic->frames_received, __ATOMIC_RELAXED),
        .bytes_sent = __atomic_load_n(&traffic->bytes_sent, __ATOMIC_RELAXED),
        .bytes_received = __atomic_load_n(&traffic->bytes_received, __ATOMIC_RELAXED),
    };
}

typedef struct syi_connection_class {
    sy_status (*send)(syi_connection *connection, const syi_message *const *messages, size_t count,
                      uint64_t deadline, sy_error *err);
    sy_status (*receive)(syi_connection *connection, syi_message *message, uint64_t deadline,
                         sy_error *err);
    bool (*is_open)(syi_connection *connection);
    syi_frame_reader *(*get_reader)(
        syi_connection *connection); /* nullable; of a stream of frames */
    void (*shut)(syi_connection *connection);
    void (*close)(syi_connection *connection); /* and free */
} syi_connection_class;

struct syi_connection { /* first member of every implementation's own struct */
    const syi_connection_class *klass;
    sy_context *context;
    char url[512];
    syi_traffic traffic;
    syi_latency latency;
    bool
        glancing; /* receive's deadline only ends the wait: what has come of a frame stays, to be gone on with */
    syi_journal *journal;     /* nullable */
    const char *journal_peer; /* who the other end is, for it; borrowed, may change */
};

typedef struct syi_peer_class {
    sy_status (*send)(syi_peer *peer, syi_message *message, sy_error *err);
    sy_status (*send_later)(syi_peer *peer, syi_message *message, sy_error *err); /* nullable */
    void (*flush)(syi_peer *peer);                                                /* with that */
    void (*close)(syi_peer *peer, uint32_t linger_ms);
    void (*set_reading)(syi_peer *peer, bool reading);
    void (*set_account)(syi_peer *peer, syi_account *account);
    void (*set_limits)(syi_peer *peer, const syi_frame_limits *limits);
    syi_partial *(*take_partial)(syi_peer *peer); /* nullable, with the next */
    void (*expect)(syi_peer *peer, syi_partial *partial);
    uint64_t (*get_queued)(syi_peer *peer);  /* nullable: nothing waits */
    bool (*borrow)(syi_peer *peer, int *fd); /* nullable, with the next two */
    syi_came (*read)(syi_peer *peer);
    void (*give_back)(syi_peer *peer, bool now);
    void (*free)(syi_peer *peer); /* last reference went */
} syi_peer_class;

struct syi_peer {
    const syi_peer_class *klass;
    atomic_uint refs;
    bool loopback;
    bool plain; /* messages without frames */
    syi_traffic traffic;
    syi_journal *journal; /* nullable; set in `opened` */
    const char *journal_peer;
    bool proxy; /* stands for another one, whose messages are noted instead */
    char address[300];
    char certified[SYI_PEER_NAME_SIZE]; /* by its certificate; "": it showed none */
};

/* For who delivers what a peer sent. */
void syi_peer_note_received(const syi_peer *peer, const syi_message *message);

typedef struct syi_listener_class {
    void (*stop)(syi_listener *listener);
    void (*free)(syi_listener *listener);
} syi_listener_class;

struct syi_listener {
    const syi_listener_class *klass;
    sy_context *context;
    struct sy_loop *loop; /* of a hosted one */
    char url[512];
};

/* The url with this port; the path of a ws:// url only when it is not "/". */
void syi_url_format(char *text, size_t size, const syi_url *url, uint16_t port);

/* Implementations, chosen by scheme in transport.c, which fills in the options' defaults. inproc names
 * live in a registry that hangs on the context (core/surroundings.h, SYI_CONTEXT_SLOT_INPROC). */
sy_status syi_inproc_connect(sy_context *context, syi_connection **connection, const syi_url *url,
                             const syi_connect_options *options, sy_error *err);
sy_status syi_inproc_listen(sy_context *context, syi_listener **listener, const syi_url *url,
                            const syi_listen_options *options, const syi_service *service,
                            sy_error *err);
sy_status syi_tcp_connect(sy_context *context, syi_connection **connection, const syi_url *url,
                          const syi_connect_options *options, sy_error *err);
sy_status syi_tcp_listen(sy_context *context, syi_listener **listener, const syi_url *url,
                         const syi_listen_options *options, const syi_service *service,
                         sy_error *err);
sy_status syi_websocket_connect(sy_context *context, syi_connection **connection,
                                const syi_url *url, const syi_connect_options *options,
                                sy_error *err);
sy_status syi_websocket_listen(sy_context *context, syi_listener **listener, const syi_url *url,
                               const syi_listen_options *options, const syi_service *service,
                               sy_error *err);

#endif
