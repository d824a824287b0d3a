/*
 * cutting_proxy.h - a TCP proxy inside a test, between a client and a worker: it cuts connections after a
 * chosen byte in either direction, holds a direction up, or refuses newcomers. One thread.
 */
#ifndef CSYFT_TESTS_CUTTING_PROXY_H
#define CSYFT_TESTS_CUTTING_PROXY_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/test.h"

#define PROXY_LINKS 40
#define PROXY_BUFFER ((size_t)64 * 1024)

typedef struct proxy_way { /* one direction of one connection */
    int from, to;
    size_t at, end;
    char *buffer;
} proxy_way;

typedef struct proxy_link {
    bool used;
    proxy_way ways[2]; /* 0: up, to the worker; 1: down, to the client */
} proxy_link;

typedef struct cutting_proxy {
    pthread_t thread;
    int listening;
    uint16_t upstream;
    char url[64];
    proxy_link links[PROXY_LINKS];

    pthread_mutex_t lock; /* guards all below */
    bool stop;
    long left[2];     /* bytes that still pass before the cut; -1: no cut */
    long every[2];    /* after a cut the next one comes so many bytes later; 0: none does */
    bool refuse_then; /* after a cut nobody is taken any more */
    unsigned calm_ms; /* before a cut both ends have so long to read what has passed */
    bool hold[2];     /* nothing is read */
    bool refuse;
    bool cut_now;
    bool reset;             /* a cut is a reset, not an end */
    bool split;             /* instead of a cut there is a pause: what comes is split there */
    unsigned cuts;          /* so far */
    unsigned accepted;      /* connections, so far */
    unsigned long total[2]; /* bytes that passed */
} cutting_proxy;

static inline void proxy_link_cut(cutting_proxy *proxy, proxy_link *link)
{
    const struct linger at_once = {1, 0};
    for (int k = 0; k < 2; k++) {
        if (proxy->reset) {
            setsockopt(link->ways[k].from, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        }
        close(link->ways[k].from);
        free(link->ways[k].buffer);
    }
    link->used = false;
}

static inline int proxy_connect(uint16_t port)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int yes = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static inline void proxy_accept(cutting_proxy *proxy)
{
    const int client = accept4(proxy->listening, NULL, NULL, SOCK_CLOEXEC);
    const int worker = client < 0 || proxy->refuse ? -1 : proxy_connect(proxy->upstream);
    const int yes = 1;
    if (worker < 0) {
        if (client >= 0) {
            close(client);
        }
        return;
    }
    setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    for (int k = 0; k < PROXY_LINKS; k++) {
        proxy_link *link = &proxy->links[k];
        if (!link->used) {
            *link = (proxy_link){.used = true};
            proxy->accepted++;
            link->ways[0] = (proxy_way){client, worker, 0, 0, malloc(PROXY_BUFFER)};
            link->ways[1] = (proxy_way){worker, client, 0, 0, malloc(PROXY_BUFFER)};
            return;
        }
    }
    close(client);
    close(worker);
}

/* Reads what may pass; false when the connection has to be cut. */
static inline bool proxy_read(cutting_proxy *proxy, proxy_way *way, int direction)
{
    long *left = &proxy->left[direction];
    size_t room = PROXY_BUFFER;
    if (*left >= 0 && (size_t)*left < room) {
        room = (size_t)*left;
    }
    if (room == 0) { /* there is something, and nothing may pass */
        *left = proxy->every[direction] != 0 ? proxy->every[direction] : -1;
        proxy->refuse = proxy->refuse || proxy->refuse_then;
        proxy->cuts++;
        usleep(proxy->calm_ms * 1000);
        return proxy->split;
    }
    const ssize_t count = recv(way->from, way->buffer, room, MSG_DONTWAIT);
    if (count <= 0) {
        return count < 0 && (errno == EAGAIN || errno == EINTR);
    }
    way->at = 0;
    way->end = (size_t)count;
    proxy->total[direction] += (unsigned long)count;
    if (*left >= 0) {
        *left -= count;
    }
    return true;
}

static inline bool proxy_write(proxy_way *way)
{
    const ssize_t count =
        send(way->to, way->buffer + way->at, way->end - way->at, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count < 0) {
        return errno == EAGAIN || errno == EINTR;
    }
    way->at += (size_t)count;
    return true;
}

static inline void proxy_turn(cutting_proxy *proxy, struct pollfd *polls, proxy_link **of)
{
    for (int k = 1; of[k] != NULL; k += 2) {
        proxy_link *link = of[k];
        bool alive = true;
        for (int i = 0; i < 2 && alive; i++) {
            proxy_way *way = &link->ways[i];
            if (way->at < way->end) {
                alive = proxy_write(way);
            } else if ((polls[k + i].revents & (POLLIN | POLLHUP | POLLERR)) != 0 &&
                       !proxy->hold[i]) {
                alive = proxy_read(proxy, way, i);
                if (alive && way->at < way->end) {
                    alive = proxy_write(way);
                }
            }
        }
        if (!alive) {
            proxy_link_cut(proxy, link);
        }
    }
}

static inline void *proxy_main(void *argument)
{
    cutting_proxy *proxy = argument;
    pthread_mutex_lock(&proxy->lock);
    while (!proxy->stop) {
        struct pollfd polls[1 + 2 * PROXY_LINKS] = {{.fd = proxy->listening, .events = POLLIN}};
        proxy_link *of[2 + 2 * PROXY_LINKS] = {NULL};
        nfds_t count = 1;
        for (int k = 0; k < PROXY_LINKS; k++) {
            proxy_link *link = &proxy->links[k];
            if (link->used && proxy->cut_now) {
                proxy_link_cut(proxy, link);
                proxy->cuts++;
            }
            for (int i = 0; i < 2 && link->used; i++) {
                const bool writes = link->ways[1 - i].at < link->ways[1 - i].end;
                const bool reads = link->ways[i].at == link->ways[i].end && !proxy->hold[i];
                polls[count] = (struct pollfd){
                    .fd = reads || writes ? link->ways[i].from : -1,
                    .events = (short)((reads ? POLLIN : 0) | (writes ? POLLOUT : 0))};
                of[count++] = link;
            }
        }
        proxy->cut_now = false;
        pthread_mutex_unlock(&proxy->lock);
        poll(polls, count, 1);
        pthread_mutex_lock(&proxy->lock);
        proxy_turn(proxy, polls, of);
        if ((polls[0].revents & POLLIN) != 0) {
            proxy_accept(proxy);
        }
    }
    for (int k = 0; k < PROXY_LINKS; k++) {
        if (proxy->links[k].used) {
            proxy_link_cut(proxy, &proxy->links[k]);
        }
    }
    pthread_mutex_unlock(&proxy->lock);
    return NULL;
}

/* In front of the worker that listens at `url`, tcp:// or ws://; proxy->url is for the client. */
static inline void proxy_open(cutting_proxy *proxy, const char *url)
{
    memset(proxy, 0, sizeof *proxy);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    proxy->upstream = (uint16_t)atoi(strrchr(url, ':') + 1);
    proxy->left[0] = proxy->left[1] = -1;
    pthread_mutex_init(&proxy->lock, NULL);
    proxy->listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(proxy->listening, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(proxy->listening, 64), 0);
    assert_int_equal(getsockname(proxy->listening, (struct sockaddr *)&address, &size), 0);
    snprintf(proxy->url, sizeof proxy->url, "%.*s127.0.0.1:%u", (int)(strstr(url, "//") - url) + 2,
             url, (unsigned)ntohs(address.sin_port));
    assert_int_equal(pthread_create(&proxy->thread, NULL, proxy_main, proxy), 0);
}

static inline void proxy_close(cutting_proxy *proxy)
{
    pthread_mutex_lock(&proxy->lock);
    proxy->stop = true;
    pthread_mutex_unlock(&proxy->lock);
    pthread_join(proxy->thread, NULL);
    close(proxy->listening);
    pthread_mutex_destroy(&proxy->lock);
}

/* Cuts when more than `bytes` want to pass from now on (direction 0: to the worker, 1: to the client). */
static inline void proxy_cut_after(cutting_proxy *proxy, int direction, long bytes, bool reset)
{
    pthread_mutex_lock(&proxy->lock);
    proxy->left[direction] = bytes;
    proxy->reset = reset;
    pthread_mutex_unlock(&proxy->lock);
}

/* The same, when both ends have had some time to read what has passed. */
static inline void proxy_cut_calmly(cutting_proxy *proxy, int direction, long bytes)
{
    pthread_mutex_lock(&proxy->lock);
    proxy->left[direction] = bytes;
    proxy->calm_ms = 80;
    pthread_mutex_unlock(&proxy->lock);
}

/* The same, again and again. */
static inline void proxy_cut_every(cutting_proxy *proxy, int direction, long bytes)
{
    pthread_mutex_lock(&proxy->lock);
    proxy->left[direction] = bytes;
    proxy->every[direction] = bytes;
    proxy->reset = false;
    pthread_mutex_unlock(&proxy->lock);
}

static inline bool proxy_refuses(cutting_proxy *proxy)
{
    pthread_mutex_lock(&proxy->lock);
    const bool refuses = proxy->refuse;
    pthread_mutex_unlock(&proxy->lock);
    return refuses;
}

/* Bytes that passed so far. */
static inline unsigned long proxy_passed(cutting_proxy *proxy, int direction)
{
    pthread_mutex_lock(&proxy->lock);
    const unsigned long passed = proxy->total[direction];
    pthread_mutex_unlock(&proxy->lock);
    return passed;
}

/* The same, but what comes is only split there, with a pause. */
static inline void proxy_split_after(cutting_proxy *proxy, int direction, long bytes)
{
    pthread_mutex_lock(&proxy->lock);
    proxy->left[direction] = bytes;
    proxy->split = true;
    pthread_mutex_unlock(&proxy->lock);
}

/* No more cuts; the number so far. */
static inline unsigned proxy_let_pass(cutting_proxy *proxy)
{
    pthread_mutex_lock(&proxy->lock);
    proxy->left[0] = proxy->left[1] = -1;
    proxy->every[0] = proxy->every[1] = 0;
    proxy->refuse_then = false;
    proxy->calm_ms = 0;
    proxy->hold[0] = proxy->hold[1] = false;
    proxy->refuse = false;
    proxy->split = false;
    const unsigned cuts = proxy->cuts;
    pthread_mutex_unlock(&proxy->lock);
    return cuts;
}

static inline unsigned proxy_accepted(cutting_proxy *proxy)
{
    pthread_mutex_lock(&proxy->lock);
    const unsigned accepted = proxy->accepted;
    pthread_mutex_unlock(&proxy->lock);
    return accepted;
}

static inline void proxy_hold(cutting_proxy *proxy, int direction, bool hold)
{
    pthread_mutex_lock(&proxy->lock);
    proxy->hold[direction] = hold;
    pthread_mutex_unlock(&proxy->lock);
}

/* Cuts all, and takes nobody until proxy_let_pass. */
static inline void proxy_cut(cutting_proxy *proxy, bool refuse, bool reset)
{
    pthread_mutex_lock(&proxy->lock);
    proxy->cut_now = true;
    proxy->refuse = refuse;
    proxy->reset = reset;
    pthread_mutex_unlock(&proxy->lock);
    for (bool waits = true; waits;) {
        usleep(500);
        pthread_mutex_lock(&proxy->lock);
        waits = proxy->cut_now;
        pthread_mutex_unlock(&proxy->lock);
    }
}

#endif
