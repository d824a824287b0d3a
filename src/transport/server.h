/*
 * server.h - what listeners with a loop thread of their own share: their peers, whose queue and settings any
 * thread may touch and whose socket only the loop thread reads. Built on by tcp/ and websocket/; this
 * room only. Tests: the contract in tcp_test.c and websocket_test.c.
 *
 * Locks: a peer's, then its server's. The service is called without either, on the loop thread.
 */
#ifndef SYI_TRANSPORT_SERVER_H
#define SYI_TRANSPORT_SERVER_H

#include <pthread.h>

#include "transport/outgoing.h"
#include "transport/transport_class.h"

typedef struct syi_server_peer syi_server_peer;
typedef struct syi_server syi_server;

typedef struct syi_server_class {
    /* Makes the loop thread call syi_server_look_at_woken soon. Any thread. */
    void (*wake)(syi_server *server);
    /* Nullable: sends from the queue what goes at once; true on failure. Under the lock, any thread. */
    bool (*send_now)(syi_server_peer *peer);
    /* Queue, settings or closing changed: looks at syi_server_peer_apply. Loop thread. */
    void (*update)(syi_server_peer *peer);
    bool holds; /* it has a clock for what is sent later */
    /* Nullable, all three: syi_peer_borrow, of an open peer under the lock; what is there, with reading_lock; look at it
     * again (under the lock). Any thread. */
    int (*get_fd)(syi_server_peer *peer);
    syi_came (*read)(syi_server_peer *peer);
    /* The last reference went: calls syi_server_peer_fini and frees. Any thread. */
    void (*release)(syi_server_peer *peer);
} syi_server_class;

struct syi_server {
    sy_context *context;
    const syi_server_class *klass;
    const char *url; /* borrowed */
    syi_service service;
    syi_service plain; /* where options.plain is not NULL */
    syi_listen_options options;
    pthread_t thread;     /* not of a hosted one */
    struct sy_loop *loop; /* the program's, which hosts it (loop.h); nullable */

    /* the loop thread's */
    unsigned live;
    syi_server_peer *peers;
    syi_server_peer *dirty; /* changed by the callback that runs */

    pthread_mutex_t lock;   /* guards the one below */
    syi_server_peer *woken; /* changed by other threads */
};

struct syi_server_peer {
    syi_peer base; /* first */
    sy_context *context;
    syi_server *server;
    void (*release)(syi_server_peer *peer); /* the class's; the server may be gone by then */
    const syi_service *service;             /* the server's, while `ended` is false */

    /*
     * Who reads has reading_lock: the loop thread, or a thread that borrowed the peer. The service is called with it, and
     * nothing else of this room is held then.
     */
    pthread_mutex_t reading_lock;       /* recursive */
    atomic_uint borrowers;              /* threads that wait for what comes */
    atomic_uint_fast64_t borrowed_last; /* clock */

    /* the reading thread's */
    void *session;
    syi_frame_reader *reader;
    bool greeted;               /* a whole frame has come */
    bool watched;               /* the clock of a frame that began runs */
    uint64_t came, came_before; /* bytes; now, and when the clock was started */
    uint64_t whole_before;      /* frames, then */
    bool ended;                 /* set by the loop thread */
    bool lent;                  /* the loop thread's: it does not read now */
    bool dirty;
    syi_server_peer *next, *previous, *next_dirty;

    atomic_bool pending;  /* something below waits for syi_server_peer_apply before the next read */
    pthread_mutex_t lock; /* guards all below */
    bool open;            /* false when ended; then `server` may be gone */
    bool closing;         /* nothing more is accepted for sending */
    bool armed;           /* the loop thread waits for room to send */
    bool woken;           /* in the server's list, whose lock guards this one and the next */
    syi_server_peer *next_woken;
    bool reading;
    bool new_account;
    bool new_limits;
    sy_status failed; /* not SY_OK: the loop thread must end it */
    uint32_t linger_ms;
    syi_account *account;
    syi_frame_limits limits;
    syi_partial *partial; /* of one that has ended, while `closed` runs */
    bool clocked;         /* the loop thread looks after what is held in a while */
    unsigned
        held; /* all of `out` are so many messages that nobody waits for yet; 0: it leaves as soon as it can */
    syi_outgoing out;
};

/* Copies service and options; *server is zeroed memory. SY_OK always. */
void syi_server_init(syi_server *server, sy_context *context, const syi_server_class *klass,
                     const char *url, const syi_listen_options *options,
                     const syi_service *service);
void syi_server_fini(syi_server *server);
/* A thread that leaves signals to the program's own. false when there is none. */
bool syi_server_start(syi_server *server, void *(*run)(void *), void *argument);
bool syi_server_is_own_thread(const syi_server *server);
/* Updates the peers that other threads, or this callback, changed. Loop thread. */
void syi_server_look_at_woken(syi_server *server);
void syi_server_flush_dirty(syi_server *server);

/* *peer is zeroed memory; `prefixed` for its queue. false when out of memory, then it needs no fini. */
bool syi_server_peer_init(syi_server_peer *peer, syi_server *server, const char *address,
                          bool loopback, bool prefixed);
void syi_server_peer_fini(syi_server_peer *peer);
/* From now on it counts, and ends with the server. Loop thread, as all below. */
void syi_server_peer_list(syi_server_peer *peer);
/* Then, perhaps later: asks the service; false when it refuses: then it has ended. */
bool syi_server_peer_open(syi_server_peer *peer);
/* Once: closes the queue and tells the service. The implementation then closes its socket and drops the
 * loop's reference when nothing of the loop points to the peer any more. */
void syi_server_peer_end(syi_server_peer *peer, sy_status why, const char *sentence);

/* That while is over: what is held leaves. Loop thread. */
void syi_server_peer_release_held(syi_server_peer *peer);
/* Is what comes to be left to those who borrowed it? Any thread. */
bool syi_server_peer_is_borrowed(const syi_server_peer *peer);

/* What was asked for, after the reader got its new account and limits. */
typedef struct syi_server_wish {
    sy_status failed; /* not SY_OK: to be ended with syi_server_sentence(failed) */
    bool closing;     /* to be closed when `queued` is 0, at most linger_ms later */
    bool reading;
    uint32_t linger_ms;
    uint64_t queued; /* without what is held */
    bool holds;      /* something was held: to be released in a while */
} syi_server_wish;
/* Also sends what goes now, and remembers whether the loop thread must wait for room. */
syi_server_wish syi_server_peer_apply(syi_server_peer *peer);
const char *syi_server_sentence(sy_status failed);

/* false when the service has closed it: what comes is to be dropped. */
/* After bytes came: is a clock of options.stall_ms to be started, because a frame began that has not ended? */
bool syi_server_peer_watch(syi_server_peer *peer);
/* The clock has run: did the frame go on? OVER: none is under way. `reading`: it is read from; otherwise the other end
 * is not to blame. */
typedef enum syi_stall { SYI_STALL_OVER, SYI_STALL_AGAIN, SYI_STALL_DEAD } syi_stall;
#define SYI_STALL_BYTES 65536
syi_stall syi_server_peer_look(syi_server_peer *peer, bool reading);
void syi_server_say_stalled(const syi_server_peer *peer, char *sentence, size_t size);
bool syi_server_peer_is_heard(syi_server_peer *peer);
/* The reader's whole message to the service. true the first time. */
bool syi_server_peer_deliver(syi_server_peer *peer);
/* The same for a message that came without a frame; it is empty then. */
bool syi_server_peer_deliver_plain(syi_server_peer *peer, syi_message *arrived);
/* Gives bytes to the reader, which lie at `bytes` or, `placed`, where it wanted them; delivers what is
 * whole. `took_first` (nullable) is set when the first frame was among it. A failure has ended the peer. */
sy_status syi_server_peer_feed(syi_server_peer *peer, const uint8_t *bytes, size_t size,
                               bool *took_first);
sy_status syi_server_peer_placed(syi_server_peer *peer, size_t size, bool *took_first);

/* "tcp://127.0.0.1:40312" (prefix "tcp") and whether that is this host. */
struct sockaddr_storage;
void syi_server_format_address(char *text, size_t size, const char *prefix,
                               const struct sockaddr_storage *address, unsigned length);
bool syi_server_is_loopback(const struct sockaddr_storage *address);
/* A nonblocking listening socket on the url's host and port; *port receives the real one. SY_EEXIST when the
 * port is taken, SY_EIO. */
sy_status syi_server_listen(int *fd, uint16_t *port, const syi_url *url, const char *text,
                            sy_error *err);
/* accept4 with all that a peer's socket needs; -1 with errno. */
struct sockaddr;
int syi_server_accept(int listening, struct sockaddr_storage *address, unsigned *length);

#endif
