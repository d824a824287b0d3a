/* crew.c - see crew.h. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crew.h"
#include "progress.h"

enum { READY_SECONDS = 20, END_SECONDS = 10 };

/* --- starting --------------------------------------------------------------------------------- */

/* In the child, between fork and exec: only calls that are safe there. */
static void become_worker(char *const *arguments, int output, pid_t parent)
{
    /* The worker goes when the demo goes, also when that is killed. */
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent || dup2(output, STDOUT_FILENO) < 0) {
        _exit(CLI_FAILED);
    }
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execv("/proc/self/exe", arguments);
    _exit(CLI_FAILED);
}

/* Reads "listening on URL" from a worker's output. */
static int read_url(const crew *c, int shard, int output, char url[CREW_URL_SIZE])
{
    static const char prefix[] = "listening on ";
    const char *name = digits_parties[shard];
    char line[sizeof prefix - 1 + CREW_URL_SIZE];
    size_t length = 0;
    const double deadline = progress_clock() + READY_SECONDS;
    for (;;) {
        const double left = deadline - progress_clock();
        struct pollfd wait = {.fd = output, .events = POLLIN};
        const int ready = left > 0 ? poll(&wait, 1, (int)(left * 1000) + 1) : 0;
        if (ready < 0 && errno == EINTR) {
            continue;
        }
        if (ready <= 0) {
            return cli_fail(c->verb, "worker %s: not ready after %d seconds", name, READY_SECONDS);
        }
        const ssize_t got = read(output, line + length, sizeof line - 1 - length);
        if (got <= 0) {
            return cli_fail(c->verb, "worker %s: ended before it was ready", name);
        }
        length += (size_t)got;
        line[length] = '\0';
        char *end = strchr(line, '\n');
        if (end != NULL && strncmp(line, prefix, sizeof prefix - 1) == 0) {
            const size_t url_length = (size_t)(end - line) - (sizeof prefix - 1);
            memcpy(url, line + sizeof prefix - 1, url_length); /* fits, as the line does */
            url[url_length] = '\0';
            return CLI_OK;
        }
        if (end != NULL || length == sizeof line - 1) {
            return cli_fail(c->verb, "worker %s: said something else than where it listens", name);
        }
    }
}

static int start_one(crew *c, int shard, const char *folder, const char *scheme, int release_rows,
                     int *output)
{
    char x[DIGITS_PATH_SIZE], y[DIGITS_PATH_SIZE], dataset[2 * DIGITS_PATH_SIZE + 16];
    char listen[32], release[32];
    snprintf(dataset, sizeof dataset, "digits=%s,%s", digits_shard_path(x, folder, shard, 'x'),
             digits_shard_path(y, folder, shard, 'y'));
    snprintf(listen, sizeof listen, "%s://127.0.0.1:0", scheme);
    snprintf(release, sizeof release, "%d", release_rows);
    /* What they refuse is part of the demo, which says it itself. */
    const char *log = getenv("CSYFT_LOG") != NULL ? getenv("CSYFT_LOG") : "warning,audit=off";
    const char *arguments[] = {
        /* clang-format off */
        "csyft", "worker", "--id", digits_parties[shard], "--listen", listen,
        "--dataset", dataset, "--tag", "#digits", "--release-rows", release,
        "--pool-threads", "1", "--log", log, NULL,
        /* clang-format on */
    };
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return cli_fail(c->verb, "pipe: %s", strerror(errno));
    }
    const pid_t parent = getpid();
    const pid_t pid = fork();
    if (pid == 0) {
        become_worker((char *const *)arguments, ends[1], parent);
    }
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return cli_fail(c->verb, "fork: %s", strerror(errno));
    }
    c->pids[shard] = pid;
    *output = ends[0];
    return CLI_OK;
}

int crew_start(crew *c, const cli_verb *verb, const char *folder, const char *scheme,
               int release_rows)
{
    *c = (crew){.verb = verb};
    int outputs[DIGITS_SHARDS];
    int started = 0, code = CLI_OK;
    while (code == CLI_OK && started < DIGITS_SHARDS) {
        code = start_one(c, started, folder, scheme, release_rows, &outputs[started]);
        started += code == CLI_OK;
    }
    for (int k = 0; k < started; k++) {
        if (code == CLI_OK) {
            code = read_url(c, k, outputs[k], c->urls[k]);
        }
        close(outputs[k]);
    }
    return code;
}

/* --- ending ----------------------------------------------------------------------------------- */

/* Waits for a worker until the deadline; then it is killed. Returns its wait status. */
static int wait_for(pid_t pid, double deadline)
{
    int status = 0;
    for (;;) {
        const pid_t ended = waitpid(pid, &status, WNOHANG);
        if (ended == pid || (ended < 0 && errno != EINTR)) {
            return status;
        }
        if (progress_clock() > deadline) {
            kill(pid, SIGKILL);
            deadline += END_SECONDS;
        }
        poll(NULL, 0, 2);
    }
}

int crew_stop(crew *c)
{
    int code = CLI_OK;
    for (int k = 0; k < DIGITS_SHARDS; k++) {
        if (c->pids[k] > 0) {
            kill(c->pids[k], SIGTERM);
        }
    }
    const double deadline = progress_clock() + END_SECONDS;
    for (int k = 0; k < DIGITS_SHARDS; k++) {
        if (c->pids[k] <= 0) {
            continue;
        }
        const int status = wait_for(c->pids[k], deadline);
        if (WIFSIGNALED(status)) {
            code = cli_fail(c->verb, "worker %s: ended by signal %d", digits_parties[k],
                            WTERMSIG(status));
        } else if (WEXITSTATUS(status) != 0) {
            code = cli_fail(c->verb, "worker %s: ended with exit code %d", digits_parties[k],
                            WEXITSTATUS(status));
        }
        c->pids[k] = 0;
    }
    return code;
}
