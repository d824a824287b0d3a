/*
 * raw.h - the client's end of a bare transfer: so many bytes there, so many back, over a plain TCP socket or
 * over websocket frames, waiting as csyft waits. The server's end is csyft-bench-peer (peer.c).
 */
#ifndef CSYFT_BENCH_RAW_H
#define CSYFT_BENCH_RAW_H

#include "processes.h"

/* What goes over the wire for one operation. */
typedef struct bench_shape {
    uint64_t request;  /* bytes there, in all messages */
    uint64_t messages; /* websocket messages that the request is split into; tcp: of no interest */
    uint64_t reply;    /* bytes back, in one message */
} bench_shape;

typedef struct bench_raw {
    const bench *b;
    bench_process peer;
    bool websocket;
    int fd;
    unsigned spin_us;
    bench_shape shape;
    uint8_t *request; /* shape.request bytes; websocket: framed and masked when sent */
    uint8_t *reply;   /* shape.reply bytes */
    uint8_t *scratch; /* BENCH_SCRATCH bytes, for masking or many requests at once */
    uint8_t *ahead;   /* BENCH_SCRATCH bytes, read but not used yet: [ahead_start, ahead_end) */
    size_t ahead_start, ahead_end;
} bench_raw;

enum { BENCH_SCRATCH = 256 * 1024 };

/* Starts the peer and connects, through a relay (nullable; tcp). An exit code; close is due in any case. */
int bench_raw_open(const bench *b, bench_raw *raw, const char *transport, const bench_shape *shape,
                   unsigned spin_us, bench_relay *relay);
void bench_raw_close(bench_raw *raw);

/* bench_work of one operation after the other; of as many as csyft has under way when pipelined. */
int bench_raw_echo(void *raw, size_t count, double *seconds);
int bench_raw_stream(void *raw, size_t count, double *seconds);

/* For raw_websocket.c. Exit codes. */
int bench_raw_write(bench_raw *raw, const void *bytes, size_t size);
int bench_raw_read(bench_raw *raw, void *bytes, size_t size);
int bench_websocket_open(bench_raw *raw);
int bench_websocket_send(bench_raw *raw, const uint8_t *bytes, size_t size, size_t messages);
int bench_websocket_receive(bench_raw *raw, uint8_t *bytes, size_t size);

#endif
