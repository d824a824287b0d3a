/* peer.h - the two servers of csyft-bench-peer. */
#ifndef CSYFT_BENCH_PEER_H
#define CSYFT_BENCH_PEER_H

#include <stddef.h>
#include <stdint.h>

/* The client's first words: three little-endian numbers. */
typedef struct peer_shape {
    uint64_t request;  /* bytes that come for one operation */
    uint64_t messages; /* websocket messages that they come in */
    uint64_t reply;    /* bytes that go back */
} peer_shape;

#define PEER_READ ((size_t)64 * 1024)   /* lws, as csyft's websocket listener */
#define PEER_WRITE ((size_t)128 * 1024) /* most payload of a websocket frame, as csyft's */
#define PEER_AHEAD ((size_t)256 * 1024) /* tcp, as csyft's listener */

/* Both print "listening on URL" and serve one client after the other until the process ends. */
int peer_serve_tcp(unsigned spin_us);
int peer_serve_websocket(void);

#endif
