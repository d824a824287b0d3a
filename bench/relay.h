/*
 * relay.h - a far network inside this process: doors on loopback, each of which leads to a listener, and lets every connection's
 * bytes through late and at a rate. Test: tests/cli/bench_relay.c.
 *
 * What is modelled is a full-duplex line of its own per connection. A byte takes its turn on the line for 8 / rate seconds, after
 * those before it, and arrives half a round trip later. In front of the line wait at most BENCH_RELAY_QUEUE bytes, beyond which the
 * sender is not read from, as it were blocked by its network. What is not modelled: loss, slow start, and the round trip in which
 * TCP connects.
 *
 * One thread. doors are added and the relay is closed by one other.
 */
#ifndef CSYFT_BENCH_RELAY_H
#define CSYFT_BENCH_RELAY_H

#include <stddef.h>
#include <stdint.h>

typedef struct bench_relay bench_relay;

typedef struct bench_network {
    unsigned round_trip_us;   /* half of it each way */
    uint64_t bits_per_second; /* each way; 0: as fast as the machine */
} bench_network;

enum {
    BENCH_RELAY_DOORS = 8,
    BENCH_RELAY_QUEUE = 512 * 1024,
    BENCH_RELAY_URL = 64, /* room for a door's address */
};

/* 0, or an errno; *relay is NULL then. */
int bench_relay_open(bench_relay **relay, const bench_network *network);
/* Ends all connections. NULL is nothing. */
void bench_relay_close(bench_relay *relay);
/* A door to tcp://127.0.0.1:PORT: its own address. 0 or an errno (EINVAL: no such URL; ENOSPC: no more doors). */
int bench_relay_add(bench_relay *relay, const char *url, char door[BENCH_RELAY_URL]);

#endif
