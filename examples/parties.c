/* parties.c - see parties.h. */
#include "parties.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Talk between a party and the process that started it. */

bool party_tell(int fd, const void *bytes, size_t size)
{
    const char *at = bytes;
    while (size > 0) {
        const ssize_t sent = send(fd, at, size, MSG_NOSIGNAL);
        if (sent <= 0) {
            return false;
        }
        at += sent;
        size -= (size_t)sent;
    }
    return true;
}

bool party_hear(int fd, void *bytes, size_t size)
{
    char *at = bytes;
    while (size > 0) {
        const ssize_t got = read(fd, at, size);
        if (got <= 0) {
            return false;
        }
        at += got;
        size -= (size_t)got;
    }
    return true;
}

static sy_status hear_address(int fd, address *a)
{
    return party_hear(fd, a, sizeof *a) ? SY_OK : SY_ECLOSED;
}

/* A party */

static sy_status open_party(party *p, sy_error *err)
{
    sy_hook_options options = SY_HOOK_OPTIONS_INIT;
    const char *url = NULL;
    address own = {{0}};
    options.local_worker_id = p->name;
    options.is_client = false;
    options.verbose = false;
    sy_status status = sy_context_new(&p->context, NULL, err);
    if (status == SY_OK) {
        status = sy_hook_new(p->context, &p->hook, &options, err);
    }
    if (status == SY_OK) {
        p->self = sy_hook_get_local_worker(p->hook);
        status = sy_worker_listen(p->self, "tcp://127.0.0.1:0", NULL, &url, err);
    }
    if (status == SY_OK) {
        snprintf(own.url, sizeof own.url, "%s", url);
        status = party_tell(p->fd, &own, sizeof own) ? SY_OK : SY_ECLOSED;
    }
    return status;
}

/* The address comes from the process that started us. */
sy_status party_connect_next(party *p, sy_worker **worker, sy_error *err)
{
    address a;
    sy_connect_options options = SY_CONNECT_OPTIONS_INIT;
    options.spin_us = 50;
    const sy_status status = hear_address(p->fd, &a);
    return status == SY_OK ? sy_worker_connect(p->hook, worker, a.url, &options, err) : status;
}

sy_status party_serve(party *p, sy_error *err)
{
    (void)p;
    (void)err;
    return SY_OK;
}

sy_status party_share(const party *p, sy_tensor *plain, sy_tensor **shared, sy_error *err)
{
    sy_worker *const holders[] = {p->model_owner, p->data_owner};
    sy_precision_options options = SY_PRECISION_OPTIONS_INIT;
    sy_tensor *fixed = NULL;
    options.precision_fractional = DECIMALS;
    sy_status status = sy_tensor_fix_precision(plain, &fixed, &options, err);
    if (status == SY_OK) {
        status = sy_tensor_share(fixed, shared, holders, 2, p->provider, err);
    }
    sy_tensor_unref(fixed);
    return status;
}

sy_status party_publish(const party *p, sy_tensor *tensor, const char *tag, sy_error *err)
{
    const sy_status status = sy_tensor_tag(tensor, tag, err);
    return status == SY_OK ? sy_worker_publish(p->self, tensor, false, err) : status;
}

sy_status party_publish_shared(const party *p, sy_tensor *plain, const char *tag, sy_error *err)
{
    sy_tensor *shared = NULL;
    sy_status status = party_share(p, plain, &shared, err);
    if (status == SY_OK) {
        status = party_publish(p, shared, tag, err);
    }
    sy_tensor_unref(shared);
    return status;
}

sy_status party_find(const party *p, const char *tag, sy_tensor **found, sy_error *err)
{
    return party_find_at(p, p->model_owner, tag, found, err);
}

sy_status party_find_at(const party *p, sy_worker *worker, const char *tag, sy_tensor **found,
                        sy_error *err)
{
    sy_tensor **pointers = NULL;
    size_t count = 0;
    sy_status status = sy_worker_search(worker, &pointers, &count, &tag, 1, err);
    if (status == SY_OK && count != 1) {
        snprintf(err->message, sizeof err->message, "%zu objects with tag %s", count, tag);
        status = err->status = SY_ENOTFOUND;
    }
    if (status == SY_OK) {
        status = sy_tensor_copy_get(pointers[0], found, err);
    }
    sy_tensors_free(p->hook, pointers, count);
    return status;
}

sy_status party_open(sy_tensor *shared, float *numbers, size_t size, sy_error *err)
{
    sy_tensor *fixed = NULL, *plain = NULL;
    sy_status status = sy_tensor_get(shared, &fixed, err);
    if (status == SY_OK) {
        status = sy_tensor_float_precision(fixed, &plain, err);
    }
    if (status == SY_OK) {
        status = sy_tensor_copy_data(plain, numbers, size, err);
    }
    sy_tensor_unref(plain);
    sy_tensor_unref(fixed);
    return status;
}

sy_status party_get_cost(const party *p, sy_sharing_cost *cost, sy_error *err)
{
    sy_worker *const holders[] = {p->model_owner, p->data_owner};
    return sy_sharing_get_cost(holders, 2, p->provider, 1, cost, err);
}

double party_clock(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Processes */

/* A party's whole life: it serves until the other end of fd is closed. */
static int live(const char *name, const char *path, int fd, sy_status (*run)(party *, sy_error *))
{
    sy_error err = SY_ERROR_INIT;
    party p = {.name = name, .path = path, .fd = fd};
    char end;
    sy_status status = open_party(&p, &err);
    if (status == SY_OK) {
        status = run(&p, &err);
    }
    if (status != SY_OK) {
        fprintf(stderr, "%s: %s\n", name, err.status != SY_OK ? err.message : "left alone");
    } else {
        (void)party_hear(fd, &end, 1);
    }
    sy_hook_free(p.hook);
    sy_context_free(p.context);
    return status == SY_OK ? 0 : 1;
}

/* Before any thread is there. Earlier ones' ends are not inherited, so that closing them here ends them. */
bool parties_start(process *all, int k, const char *name, const char *path,
                   sy_status (*run)(party *, sy_error *))
{
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0) {
        return false;
    }
    fflush(NULL);
    all[k].pid = fork();
    if (all[k].pid == 0) {
        for (int i = 0; i < k; i++) {
            close(all[i].fd);
        }
        close(fds[0]);
        const int code = live(name, path, fds[1], run);
        fflush(NULL);
        _exit(code);
    }
    close(fds[1]);
    all[k].fd = fds[0];
    return all[k].pid > 0 && party_hear(all[k].fd, &all[k].at, sizeof all[k].at);
}

bool parties_tell_address(const process *to, const process *of)
{
    return party_tell(to->fd, &of->at, sizeof of->at);
}

bool parties_introduce(const process *to, const process *first, const process *second)
{
    return parties_tell_address(to, first) && parties_tell_address(to, second);
}

void parties_kill(process *one)
{
    kill(one->pid, SIGKILL);
    waitpid(one->pid, NULL, 0);
    one->pid = 0;
}

bool parties_end(process *all, int count)
{
    bool good = true;
    while (count-- > 0) { /* the provider last */
        int code = 0;
        close(all[count].fd);
        if (all[count].pid > 0) {
            good = waitpid(all[count].pid, &code, 0) == all[count].pid && code == 0 && good;
        }
    }
    return good;
}
