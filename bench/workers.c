/* workers.c - what a worker costs that does nothing. */
#include <unistd.h>

#include "measure.h"
#include "processes.h"

typedef int (*starter)(const bench *b, bench_process *process, const char *transport,
                       unsigned spin_us);

static int start_many(const bench *b, starter start, const char *transport, size_t count,
                      double *seconds)
{
    *seconds = 0;
    for (size_t k = 0; k < count; k++) {
        bench_process process;
        const double begun = bench_clock();
        const int code = start(b, &process, transport, 0);
        *seconds += bench_clock() - begun;
        bench_stop(&process);
        if (code != CLI_OK) {
            return code;
        }
    }
    return CLI_OK;
}

static int start_workers(void *state, size_t count, double *seconds)
{
    return start_many(state, bench_start_worker, "tcp", count, seconds);
}

static int start_peers(void *state, size_t count, double *seconds)
{
    return start_many(state, bench_start_peer, "ws", count, seconds);
}

int bench_run_worker_start(const bench *b, const bench_scenario *scenario, bench_result *result)
{
    (void)scenario;
    bench own = *b;
    result->check = true; /* it said where it listens */
    return bench_compare(b, 1e-3, start_workers, &own, start_peers, &own, result);
}

/* Megabytes of a process that has had time to come to rest. */
static int sample_memory(const bench *b, starter start, const char *transport, double *megabytes)
{
    bench_process process;
    const int code = start(b, &process, transport, 0);
    if (code == CLI_OK) {
        usleep(20000);
        *megabytes = (double)bench_read_memory(&process, "VmRSS") * 1e-6;
    }
    bench_stop(&process);
    return code;
}

int bench_run_worker_memory(const bench *b, const bench_scenario *scenario, bench_result *result)
{
    (void)scenario;
    double workers[BENCH_SAMPLES_MAX], peers[BENCH_SAMPLES_MAX];
    const size_t count = b->quick ? 1 : 7;
    for (size_t k = 0; k < count; k++) {
        int code = sample_memory(b, bench_start_worker, "tcp", &workers[k]);
        if (code == CLI_OK) {
            code = sample_memory(b, bench_start_peer, "ws", &peers[k]);
        }
        if (code != CLI_OK) {
            return code;
        }
    }
    result->median = bench_median(workers, count);
    result->min = workers[0];
    result->limit = bench_median(peers, count);
    result->check = result->min > 0;
    return CLI_OK;
}
