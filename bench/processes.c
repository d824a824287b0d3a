/* processes.c - see processes.h. */
#include "processes.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "measure.h"

enum { READY_SECONDS = 20, END_SECONDS = 5, ARGUMENTS_MAX = 24 };

/* In the child, between fork and exec: only calls that are safe there. */
static void become(const char *path, char *const *arguments, int output, pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* whatever ends the bench ends its processes */
    if (getppid() == parent && dup2(output, STDOUT_FILENO) >= 0) {
        execv(path, arguments);
    }
    _exit(127);
}

/* Reads "listening on URL", which is the whole first line. */
static bool read_url(int output, char *url, size_t size)
{
    static const char prefix[] = "listening on ";
    char line[256];
    size_t length = 0;
    const double deadline = bench_clock() + READY_SECONDS;
    while (length < sizeof line - 1) {
        struct pollfd wait = {.fd = output, .events = POLLIN};
        const double left = deadline - bench_clock();
        const int ready = left > 0 ? poll(&wait, 1, (int)(left * 1000) + 1) : 0;
        if (ready < 0 && errno == EINTR) {
            continue;
        }
        const ssize_t got = ready > 0 ? read(output, line + length, sizeof line - 1 - length) : 0;
        if (got <= 0) {
            return false;
        }
        length += (size_t)got;
        line[length] = '\0';
        char *end = strchr(line, '\n');
        if (end != NULL) {
            *end = '\0';
            const bool ours = strncmp(line, prefix, sizeof prefix - 1) == 0;
            const int written = snprintf(url, size, "%s", ours ? line + sizeof prefix - 1 : "");
            return ours && written > 0 && (size_t)written < size;
        }
    }
    return false;
}

static int start(const bench *b, bench_process *process, const char *path,
                 const char *const *arguments)
{
    int ends[2];
    *process = (bench_process){.pid = 0};
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return cli_fail(b->verb, "pipe: %s", strerror(errno));
    }
    const pid_t parent = getpid();
    const pid_t pid = fork();
    if (pid == 0) {
        become(path, (char *const *)(uintptr_t)arguments, ends[1], parent);
    }
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return cli_fail(b->verb, "fork: %s", strerror(errno));
    }
    process->pid = pid;
    const bool ready = read_url(ends[0], process->url, sizeof process->url);
    close(ends[0]);
    if (!ready) {
        bench_stop(process);
        return cli_fail(b->verb, "%s %s: did not say where it listens", path, arguments[1]);
    }
    return CLI_OK;
}

int bench_start_worker(const bench *b, bench_process *process, const char *transport,
                       unsigned spin_us)
{
    return bench_start_worker_named(b, process, transport, spin_us, "bob");
}

int bench_start_worker_named(const bench *b, bench_process *process, const char *transport,
                             unsigned spin_us, const char *id)
{
    return bench_start_worker_with(b, process, transport, spin_us, id, NULL, 0);
}

int bench_start_worker_with(const bench *b, bench_process *process, const char *transport,
                            unsigned spin_us, const char *id, const char *const *more, size_t count)
{
    char listen[64], spin[16];
    snprintf(listen, sizeof listen, "%s://127.0.0.1:0", transport);
    snprintf(spin, sizeof spin, "%u", spin_us);
    const char *arguments[ARGUMENTS_MAX] = {"csyft", "worker", "--id", id, "--listen", listen};
    size_t used = 6;
    if (spin_us != 0) {
        arguments[used++] = "--spin";
        arguments[used++] = spin;
    }
    for (size_t k = 0; k < count && used + 1 < ARGUMENTS_MAX; k++) {
        arguments[used++] = more[k];
    }
    return start(b, process, "/proc/self/exe", arguments);
}

int bench_start_peer(const bench *b, bench_process *process, const char *transport,
                     unsigned spin_us)
{
    char spin[16];
    snprintf(spin, sizeof spin, "%u", spin_us);
    const char *arguments[] = {"csyft-bench-peer", transport, spin, NULL};
    const char *named = getenv("CSYFT_BENCH_PEER");
    const char *path = named != NULL                               ? named
                       : access(CSYFT_BENCH_PEER_BUILT, X_OK) == 0 ? CSYFT_BENCH_PEER_BUILT
                                                                   : CSYFT_BENCH_PEER_INSTALLED;
    return start(b, process, path, arguments);
}

void bench_stop(bench_process *process)
{
    if (process->pid <= 0) {
        return;
    }
    double deadline = bench_clock() + END_SECONDS;
    kill(process->pid, SIGTERM);
    for (;;) {
        const pid_t ended = waitpid(process->pid, NULL, WNOHANG);
        if (ended == process->pid || (ended < 0 && errno != EINTR)) {
            process->pid = 0;
            return;
        }
        if (bench_clock() > deadline) {
            kill(process->pid, SIGKILL);
            deadline += END_SECONDS;
        }
        poll(NULL, 0, 1);
    }
}

/* --- memory ------------------------------------------------------------------------------------ */

uint64_t bench_read_memory(const bench_process *process, const char *row)
{
    char path[64], line[128];
    const size_t length = strlen(row);
    unsigned long long kilobytes = 0;
    snprintf(path, sizeof path, "/proc/%ld/status", (long)process->pid);
    FILE *file = fopen(path, "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, row, length) == 0 && line[length] == ':') {
            kilobytes = strtoull(line + length + 1, NULL, 10);
            break;
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return (uint64_t)kilobytes * 1024;
}

bool bench_reset_peak(const bench_process *process)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%ld/clear_refs", (long)process->pid);
    FILE *file = fopen(path, "w");
    if (file == NULL) {
        return false;
    }
    const bool written = fputs("5\n", file) >= 0; /* proc(5): the peak of the resident set */
    return fclose(file) == 0 && written;
}
