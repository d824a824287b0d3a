/*
 * parties.h - who takes part in secret sharing: two holders and a provider, processes of their own on loopback over tcp, and
 * a bare echo of the bytes that the holders send each other.
 */
#ifndef CSYFT_BENCH_PARTIES_H
#define CSYFT_BENCH_PARTIES_H

#include <csyft/sharing.h>

#include "measure.h"
#include "processes.h"
#include "raw.h"

enum { BENCH_HOLDERS = 2, BENCH_PARTIES = 3 };

typedef struct bench_parties {
    const bench *b;
    cli_session session;
    bench_process processes[BENCH_PARTIES];
    sy_worker *workers[BENCH_PARTIES]; /* the provider is the last one */
    bench_raw wire;                    /* echoes a round */
    size_t rounds;                     /* of one operation; 0 before bench_parties_expect */
} bench_parties;

/* Processes and connections. Exit codes; close is due in any case. */
int bench_parties_open(const bench *b, bench_parties *p, unsigned spin_us);
void bench_parties_close(bench_parties *p);

/* Fixes the precision first, when told so: of 3 decimals. */
sy_status bench_parties_share(bench_parties *p, sy_tensor *plain, bool fixed, sy_tensor **shared,
                              sy_error *err);

/* The largest difference between a shared value, which goes, and a plain one. */
sy_status bench_parties_compare(bench_parties *p, sy_tensor *shared, sy_tensor *plain,
                                double *largest, sy_error *err);

sy_status bench_parties_cost(bench_parties *p, sy_sharing_cost *cost, sy_error *err);

/* A comparison of numbers of 64 bits: its rounds, and the bytes to each other holder for so many. The masked numbers, then 39
 * masked bits of each: 16 groups' and 4 groups of groups' borrows and passes, and the outcome. */
enum { BENCH_COMPARISON_ROUNDS = 4, BENCH_COMPARISON_BITS = 31 + 7 + 1 };
uint64_t bench_comparison_bytes(uint64_t count);

/* What the first holder needed for one operation, between two costs. The result is wrong when rounds or bytes sent are not
 * what they must be. Opens the echo of as many rounds and bytes. An exit code. */
int bench_parties_expect(bench_parties *p, const sy_sharing_cost *before,
                         const sy_sharing_cost *after, size_t rounds, uint64_t sent,
                         unsigned spin_us, bench_result *result);

/* A bench_work: the rounds of so many operations, as raw echoes. Adds to *seconds. */
int bench_parties_echo(bench_parties *p, size_t count, double *seconds);

#endif
