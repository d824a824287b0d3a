/* processes.h - other programs that a scenario needs: a worker, or the bare server it is measured against. */
#ifndef CSYFT_BENCH_PROCESSES_H
#define CSYFT_BENCH_PROCESSES_H

#include <sys/types.h>

#include "bench.h"

typedef struct bench_process {
    pid_t pid;     /* 0: none */
    char url[128]; /* where it listens */
} bench_process;

/* `csyft worker` with one listener on loopback ("tcp", "ws"). spin_us 0: it sleeps while it waits. Returns
 * when it is ready, as the other. Both return an exit code. */
int bench_start_worker(const bench *b, bench_process *process, const char *transport,
                       unsigned spin_us);
/* The same under another id than bob. */
int bench_start_worker_named(const bench *b, bench_process *process, const char *transport,
                             unsigned spin_us, const char *id);
/* And with more options. */
int bench_start_worker_with(const bench *b, bench_process *process, const char *transport,
                            unsigned spin_us, const char *id, const char *const *more,
                            size_t count);
/* The bare server of the same kind; what it serves is told by the client (peer.c). */
int bench_start_peer(const bench *b, bench_process *process, const char *transport,
                     unsigned spin_us);
/* Ends it and waits for that; nothing when there is none. */
void bench_stop(bench_process *process);

/* A row of /proc/PID/status in bytes ("VmRSS", "VmHWM"); 0 when it cannot be read. */
uint64_t bench_read_memory(const bench_process *process, const char *row);
/* VmHWM starts anew at what is in use now. */
bool bench_reset_peak(const bench_process *process);

#endif
