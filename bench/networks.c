/* networks.c - does the relay between parties do what it is told? Raw echoes through it, beside the time that its settings say. */
#include "measure.h"
#include "raw.h"

#include <string.h>

typedef struct line {
    bench_relay *relay;
    bench_raw wire;
    double due; /* seconds of an echo */
} line;

static int run_echo(void *state, size_t count, double *seconds)
{
    line *l = state;
    return bench_raw_echo(&l->wire, count, seconds);
}

static int run_settings(void *state, size_t count, double *seconds)
{
    const line *l = state;
    *seconds = (double)count * l->due;
    return CLI_OK;
}

static int open_line(const bench *b, const bench_scenario *scenario, line *l)
{
    const bench_network *network = scenario->network;
    const bench_shape shape = {.request = scenario->size, .messages = 1, .reply = scenario->size};
    const double bits = 8 * 2 * (double)scenario->size;
    l->due = network->round_trip_us * 1e-6;
    l->due += network->bits_per_second > 0 ? bits / (double)network->bits_per_second : 0;
    const int failed = bench_relay_open(&l->relay, network);
    return failed == 0 ? bench_raw_open(b, &l->wire, "tcp", &shape, scenario->spin_us, l->relay)
                       : cli_fail(b->verb, "relay: %s", strerror(failed));
}

int bench_run_network(const bench *b, const bench_scenario *scenario, bench_result *result)
{
    line l = {.wire = {.fd = -1}};
    int code = open_line(b, scenario, &l);
    code = code == CLI_OK ? bench_compare(b, 1e-3, run_echo, &l, run_settings, &l, result) : code;
    result->check = result->min >= l.due * 1e3;
    result->bytes = 2 * scenario->size;
    result->rounds = 1;
    bench_raw_close(&l.wire);
    bench_relay_close(l.relay);
    return code;
}
