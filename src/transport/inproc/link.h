/*
 * link.h - both ends of a connection inside one process, and what the files of this folder share: link.c (its life),
 * inproc.c (the client's end, and how a link is made), peer.c (the server's end), listener.c (names). Test: inproc_test.c.
 */
#ifndef SYI_TRANSPORT_INPROC_LINK_H
#define SYI_TRANSPORT_INPROC_LINK_H

#include <pthread.h>

#include "transport/inproc/names.h"
#include "transport/transport_class.h"

#define SYI_INPROC_SENTENCE_SIZE 200

typedef struct syi_inproc_listener syi_inproc_listener;

/*
 * Both ends of a connection. The client's thread runs `to_server` and the service; whoever replies runs
 * `to_client` and fills the inbox, under the lock. Memory of messages circulates: caller's message <->
 * inbox slot <-> reader. Freed when the client, the peer handle and the listener have all let go.
 */
typedef struct syi_inproc_link {
    syi_connection connection; /* first */
    syi_peer peer;
    atomic_uint holders;
    syi_service service;
    void *session;
    unsigned spin_us;

    /* the sending thread's */
    syi_frame_reader *to_server;
    syi_buffer server_head;

    atomic_bool attention; /* something below changed that a sender must look at */
    pthread_mutex_t lock;  /* guards all below */
    pthread_cond_t changed;
    unsigned waiting; /* threads in a wait on `changed` */
    bool dead;
    bool told;       /* `closed` was called, or is being called */
    bool telling;    /* ... is being called */
    bool delivering; /* a callback of the service runs */
    bool reading;
    bool new_limits;
    bool new_account;
    sy_status why;
    char sentence[SYI_INPROC_SENTENCE_SIZE];
    syi_account *account;
    syi_frame_limits limits;
    uint64_t send_queue_max;
    syi_frame_reader *to_client;
    syi_buffer client_head;
    syi_message *inbox; /* ring of `inbox_capacity` initialised messages, a power of two or 0 */
    size_t inbox_capacity;
    size_t inbox_first;
    size_t inbox_count;
    uint64_t inbox_bytes;

    syi_inproc_listener *listener; /* nullable; the three below are guarded by its lock */
    struct syi_inproc_link *next, *previous;
} syi_inproc_link;

struct syi_inproc_listener {
    syi_listener base; /* first */
    inproc_name name;
    atomic_uint refs;
    syi_service service;
    syi_listen_options options;
    pthread_mutex_t lock;
    bool stopped;
    unsigned live;
    uint64_t numbers;
    syi_inproc_link *links;
};

static inline syi_inproc_link *syi_inproc_link_of(syi_peer *peer)
{
    return (syi_inproc_link *)(void *)((char *)peer - offsetof(syi_inproc_link, peer));
}

extern const syi_peer_class syi_inproc_peer_class;

/* Making and ending: the lock is not held. A new link is held by the client and the peer handle. */
sy_status syi_inproc_link_new(sy_context *context, syi_inproc_link **made, const char *url,
                              const syi_connect_options *connecting,
                              const syi_listen_options *listening, const syi_service *service,
                              sy_error *err);
/* Asks the service; on refusal the link is gone. */
sy_status syi_inproc_link_open(syi_inproc_link *l, syi_connection **connection, sy_error *err);
void syi_inproc_link_drop(syi_inproc_link *l);
/* Returns when `closed` has been called. */
void syi_inproc_end_link(syi_inproc_link *l, const char *sentence);
/* Takes the link out of its listener's list, once. */
void syi_inproc_leave_listener(syi_inproc_link *l);
void syi_inproc_listener_unref(syi_inproc_listener *listener);

/* Under the lock. */
void syi_inproc_wake(syi_inproc_link *l);
/* The first reason stays. */
void syi_inproc_die(syi_inproc_link *l, sy_status why, const char *sentence);
/* Lets the lock go for the call: tells the service, once, when nobody else is in it. */
void syi_inproc_tell(syi_inproc_link *l);
/* Sleeps until something changes. false when the deadline has passed. */
bool syi_inproc_sleep_until(syi_inproc_link *l, uint64_t deadline);
sy_status syi_inproc_fail_closed(const syi_inproc_link *l, sy_error *err);
/* The message goes through `reader`, which has it then; `head` is room. */
sy_status syi_inproc_copy_frame(syi_frame_reader *reader, const syi_message *message,
                                syi_buffer *head, sy_error *err);

#endif
