/*
 * bench.h - the scenarios of `csyft bench`: what each one is, and what its run answers.
 *
 * A scenario does real work and, in the same run and in turns with it, the least that the machine could do
 * for it: its limit (a memcpy, a raw echo of the same bytes, a bare server). Every figure is time or
 * memory, so less is better everywhere. Part of the program; public headers of csyft only.
 */
#ifndef CSYFT_BENCH_H
#define CSYFT_BENCH_H

#include "cli.h"
#include "relay.h"

typedef struct bench {
    const cli_verb *verb;
    bool quick;     /* a few short samples: does it work at all? */
    double seconds; /* of samples, if they are 3 by then; 0: all are taken */
} bench;

typedef enum bench_goal {
    BENCH_NO_GOAL,
    BENCH_MOST,       /* the median is at most `most` of the unit */
    BENCH_MOST_RATIO, /* the median is at most `most` times the limit */
} bench_goal;

typedef struct bench_result {
    double median, min; /* in the scenario's unit */
    double limit;       /* median of what it is measured against; 0: not measurable here */
    uint64_t bytes;     /* on the wire per operation, both ways */
    double rounds;      /* waits for an answer per operation */
    uint64_t dealt;     /* bytes from a provider per operation; of secret sharing */
    double offline;     /* what was made ahead took so long, in the unit, per operation */
    bool check;         /* the results were right */
} bench_result;

typedef struct bench_scenario bench_scenario;
struct bench_scenario {
    const char *name;
    const char *summary;
    const char *unit; /* "us", "ms", "MB" (10^6 bytes) */
    const char *limit_name;
    bench_goal goal;
    double most;
    /* An exit code of the program, after saying what went wrong. */
    int (*run)(const bench *b, const bench_scenario *scenario, bench_result *result);
    /* What tells scenarios of one kind apart. */
    const char *transport;
    size_t size; /* bytes of the tensor, or its side, or rows of a batch */
    unsigned spin_us;
    bool pipelined;
    bool plan;                    /* 20 operations that were sent as one */
    bool fetch;                   /* get, not send */
    bool memory;                  /* the worker's, not time */
    const char *op;               /* of secret sharing */
    bool fixed;                   /* on reals of fixed precision */
    bool ahead;                   /* its material is made before the clock starts */
    bool shares;                  /* updates are summed over shares */
    const char *protocol;         /* of comparisons; NULL: masked bits */
    unsigned range;               /* bits of what is compared, 32, or 0: any numbers */
    const bench_network *network; /* between all parties; NULL: loopback itself */
};

/* All of them, in the order in which they run. A suite is run by its name alone. */
extern const bench_scenario *const bench_scenarios[];
extern const size_t bench_scenario_count;
extern const bench_scenario *const bench_mpc_scenarios[]; /* the suite "mpc" */
extern const size_t bench_mpc_scenario_count;
extern const bench_scenario *const bench_network_scenarios[]; /* the suite "mpc_networks" */
extern const size_t bench_network_scenario_count;

int bench_run_mpc(const bench *b, const bench_scenario *scenario, bench_result *result);
int bench_run_network(const bench *b, const bench_scenario *scenario, bench_result *result);
int bench_run_mpc_net(const bench *b, const bench_scenario *scenario, bench_result *result);
int bench_run_federated(const bench *b, const bench_scenario *scenario, bench_result *result);
int bench_run_noisy_fit(const bench *b, const bench_scenario *scenario, bench_result *result);
int bench_run_federated_many(const bench *b, const bench_scenario *scenario, bench_result *result);
int bench_run_virtual_workers(const bench *b, const bench_scenario *scenario, bench_result *result);
int bench_run_add(const bench *b, const bench_scenario *scenario, bench_result *result);
int bench_run_layers(const bench *b, const bench_scenario *scenario, bench_result *result);
int bench_run_plan_size(const bench *b, const bench_scenario *scenario, bench_result *result);
int bench_run_transfer(const bench *b, const bench_scenario *scenario, bench_result *result);
int bench_run_worker_start(const bench *b, const bench_scenario *scenario, bench_result *result);
int bench_run_worker_memory(const bench *b, const bench_scenario *scenario, bench_result *result);
int bench_run_elementwise(const bench *b, const bench_scenario *scenario, bench_result *result);
int bench_run_sum(const bench *b, const bench_scenario *scenario, bench_result *result);
int bench_run_matmul(const bench *b, const bench_scenario *scenario, bench_result *result);
int bench_run_encoding(const bench *b, const bench_scenario *scenario, bench_result *result);

/* report.c: one line of JSON, or a row of the table. */
double bench_ratio(const bench_result *result);
bool bench_is_met(const bench_scenario *scenario, const bench_result *result);
void bench_print_json(const bench_scenario *scenario, const bench_result *result);
void bench_print_header(void);
void bench_print_row(const bench_scenario *scenario, const bench_result *result);

#endif
