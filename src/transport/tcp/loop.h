/*
 * loop.h - the server's end of tcp://: one libuv loop thread per listener, or the program's loop. listener.c accepts and owns the
 * loop, peer.c reads, sends and closes. These two files only. Test: tcp_test.c.
 */
#ifndef SYI_TRANSPORT_TCP_LOOP_H
#define SYI_TRANSPORT_TCP_LOOP_H

#include <uv.h>

#include "transport/loop.h"
#include "transport/server.h"

#define SYI_TCP_AHEAD ((size_t)256 * 1024) /* read buffer of a loop */

typedef struct tcp_listener {
    syi_listener base; /* first */
    syi_server server;

    /* the loop thread's */
    uv_loop_t *loop; /* `own`, or that of the program which hosts it */
    uv_loop_t own;
    uv_async_t wakeup;
    syi_tls_config *tls; /* NULL: plain */
    uv_poll_t accepting;
    uv_timer_t accept_pause; /* after running out of descriptors */
    int fd;                  /* listening socket, -1 when stopped */
    uint64_t activity;       /* events handled; the loop spins while it moves */
    uint8_t *ahead;          /* SYI_TCP_AHEAD bytes */
    struct tcp_peer *hot;    /* the last one that was read from; a spinning loop tries it first */

    pthread_mutex_t lock; /* guards the rest */
    pthread_cond_t changed;
    bool stop;
    bool stopped;
    bool quit;
} tcp_listener;

typedef struct tcp_peer {
    syi_server_peer common; /* first */
    int fd;                 /* -1 when ended; written under the lock */
    syi_tls *tls;           /* NULL: plain */

    /* the loop thread's */
    tcp_listener *listener;
    uv_poll_t poll;
    uv_timer_t timer;   /* first frame, then linger */
    uv_timer_t loan;    /* while threads that borrowed it read */
    uv_timer_t holding; /* what is held then leaves */
    unsigned handles;   /* not closed yet */
    int events;         /* polled now */
    bool handshaking;   /* TLS: the service does not know of it yet */
    bool lingering;     /* the timer counts the time to say goodbye */
    bool shut;          /* everything was sent and the sending side is closed */
} tcp_peer;

extern const syi_server_class syi_tcp_server_class;

/* Takes the accepted socket, which it closes on failure. Loop thread, as all below. */
void syi_tcp_peer_open(tcp_listener *listener, int fd, const char *address, bool loopback);
/* Reads what has come, if anything. */
void syi_tcp_peer_poke(tcp_peer *peer);
/* Closes at once; the service hears `closed`. A second call does nothing. */
void syi_tcp_peer_end(tcp_peer *peer, sy_status why, const char *sentence);

#endif
