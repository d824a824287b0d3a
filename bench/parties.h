/*
 * parties.h - who takes part in secret sharing: two holders and a provider, processes of their own on loopback over tcp, and
 * a bare echo of the bytes that the holders send each other. Where the scenario has a network, a relay is between all of them and
 * the client: they hear of each other by the relay's doors.
 */
#ifndef CSYFT_BENCH_PARTIES_H
#define CSYFT_BENCH_PARTIES_H

#include <csyft/sharing.h>

#include "measure.h"
#include "processes.h"
#include "raw.h"

enum { BENCH_HOLDERS = 2, BENCH_PARTIES = 3 };

/* What an operation costs: src/crypto/ says it for each protocol (spdz.h, bits.h, fss.h, snn.h). */
typedef struct bench_cost {
    size_t rounds;
    uint64_t sent;     /* to the other holder, of payloads */
    uint64_t dealt;    /* to both holders together; 0: not looked at */
    uint64_t reported; /* to the provider, by one holder */
} bench_cost;

typedef struct bench_parties {
    const bench_scenario *scenario;
    bench b; /* with the scenario's patience */
    cli_session session;
    bench_relay *relay;
    bench_process processes[BENCH_PARTIES];
    sy_worker *workers[BENCH_PARTIES]; /* the provider is the last one */
    bench_raw wire;                    /* echoes a round */
    size_t rounds;                     /* of one operation; 0 before bench_parties_expect */
    double offline;                    /* seconds that material took, */
    size_t ahead;                      /* of so many operations */
} bench_parties;

/* Processes and connections. Exit codes; close is due in any case. */
int bench_parties_open(const bench *b, const bench_scenario *scenario, bench_parties *p);
void bench_parties_close(bench_parties *p);

/* By the scenario's protocol. Fixes the precision first, when told so: of 3 decimals. */
sy_status bench_parties_share(bench_parties *p, sy_tensor *plain, bool fixed, sy_tensor **shared,
                              sy_error *err);
sy_share_options bench_parties_options(const bench_parties *p);

/* The largest difference between a shared value, which goes, and a plain one. */
sy_status bench_parties_compare(bench_parties *p, sy_tensor *shared, sy_tensor *plain,
                                double *largest, sy_error *err);

/* Material for `count` operations, each of which takes all of these; the time is added up. Their protocol is the scenario's. */
sy_status bench_parties_provide(bench_parties *p, const sy_primitive *primitives, size_t kinds,
                                size_t count, sy_error *err);
/* Of one operation, in ms. */
double bench_parties_offline(const bench_parties *p);

/* What each holder's joint operations have cost so far. */
sy_status bench_parties_count(bench_parties *p, sy_sharing_cost cost[BENCH_HOLDERS], sy_error *err);
/*
 * Rounds, and bytes sent, dealt and reported, of what happened between two counts: they become the result's, and false when they are not what
 * is expected, or when not all that was made ahead was taken. Starts the echo. An exit code.
 */
int bench_parties_expect(bench_parties *p, const sy_sharing_cost *before,
                         const sy_sharing_cost *after, const bench_cost *expected,
                         bench_result *result);
/* The same as raw echoes: adds the seconds of `count` operations' rounds. */
int bench_parties_echo(bench_parties *p, size_t count, double *seconds);

/* Of so many comparisons in 64 bits, of numbers that have a range of 32 or 0 for none; and once in a command that has any. */
bench_cost bench_comparison_cost(const char *protocol, unsigned range, bool relu, uint64_t count);
bench_cost bench_command_cost(const char *protocol);
/* The scenario's, as these take it; of "auto" what was chosen, as a holder counted before and after. */
const char *bench_parties_protocol(const bench_parties *p, const sy_sharing_cost *before,
                                   const sy_sharing_cost *after);
bench_cost bench_cost_sum(bench_cost a, bench_cost b);

#endif
