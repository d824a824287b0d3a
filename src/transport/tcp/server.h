/*
 * server.h - the server's end of tcp://: one libuv loop thread per listener. listener.c accepts and owns the
 * loop, peer.c reads, sends and closes. These two files only. Test: tcp_test.c.
 */
#ifndef SYI_TRANSPORT_TCP_SERVER_H
#define SYI_TRANSPORT_TCP_SERVER_H

#include <pthread.h>
#include <uv.h>

#include "transport/outgoing.h"
#include "transport/transport_class.h"

#define SYI_TCP_AHEAD ((size_t)256 * 1024) /* read buffer of a loop */

typedef struct tcp_peer tcp_peer;

typedef struct tcp_listener {
    syi_listener base; /* first */
    syi_service service;
    syi_listen_options options;
    pthread_t thread;

    /* the loop thread's */
    uv_loop_t loop;
    uv_async_t wakeup;
    uv_poll_t accepting;
    uv_timer_t accept_pause; /* after running out of descriptors */
    int fd;                  /* listening socket, -1 when stopped */
    unsigned live;
    uint64_t activity; /* events handled; the loop spins while it moves */
    tcp_peer *peers;
    tcp_peer *dirty; /* have replies that this event produced */
    uint8_t *ahead;  /* SYI_TCP_AHEAD bytes */
    syi_message arrived;

    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t changed;
    tcp_peer *woken; /* peers that other threads want looked at */
    bool stop;
    bool stopped;
    bool quit;
} tcp_listener;

struct tcp_peer {
    syi_peer base; /* first */
    sy_context *context;
    tcp_listener *listener;

    /* the loop thread's */
    uv_poll_t poll;
    uv_timer_t timer; /* first frame, then linger */
    unsigned handles; /* not closed yet */
    int events;       /* polled now */
    bool greeted;     /* a whole frame has come */
    bool ended;
    bool lingering; /* the timer counts the time to say goodbye */
    bool shut;      /* everything was sent and the sending side is closed */
    bool dirty;
    void *session;
    syi_frame_reader *reader;
    tcp_peer *next, *previous, *next_dirty;

    atomic_bool pending;  /* a setting below waits for the loop thread */
    pthread_mutex_t lock; /* guards all below */
    int fd;               /* -1 when ended */
    bool closing;         /* nothing more is accepted for sending */
    bool armed;           /* the loop polls for room to send */
    bool woken;           /* in the listener's list, whose lock guards this one and the next */
    tcp_peer *next_woken;
    bool reading;
    bool new_account;
    bool new_limits;
    sy_status failed; /* not SY_OK: the loop thread must end it */
    uint32_t linger_ms;
    syi_account *account;
    syi_frame_limits limits;
    syi_outgoing out;
};

/* Takes the accepted socket, which it closes on failure. Loop thread, as all below. */
void syi_tcp_peer_open(tcp_listener *listener, int fd, const char *address, bool loopback);
/* Closes at once; the service hears `closed`. A second call does nothing. */
void syi_tcp_peer_end(tcp_peer *peer, sy_status why, const char *sentence);
/* Looks at what other threads asked for. */
void syi_tcp_peer_look(tcp_peer *peer);
/* Sends what the current event has produced; at the end of every callback that may call the service. */
void syi_tcp_flush_dirty(tcp_listener *listener);

#endif
