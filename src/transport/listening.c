/* listening.c - the sockets of a server: listening, accepting, naming the other end. Tests: tcp_test.c,
 * websocket_test.c. */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "transport/server.h"

#define BACKLOG 1024

bool syi_server_is_loopback(const struct sockaddr_storage *address)
{
    if (address->ss_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof in);
        return (ntohl(in.sin_addr.s_addr) >> 24) == 127;
    }
    if (address->ss_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, address, sizeof in6);
        return IN6_IS_ADDR_LOOPBACK(&in6.sin6_addr) ||
               (IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr) && in6.sin6_addr.s6_addr[12] == 127);
    }
    return false;
}

void syi_server_format_address(char *text, size_t size, const char *prefix,
                               const struct sockaddr_storage *address, unsigned length)
{
    char host[64];
    char port[8];
    if (getnameinfo((const struct sockaddr *)address, length, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
        snprintf(text, size, "%s://unknown", prefix);
        return;
    }
    snprintf(text, size, address->ss_family == AF_INET6 ? "%s://[%s]:%s" : "%s://%s:%s", prefix,
             host, port);
}

/* 0, or an errno value. */
static int listen_at(const struct addrinfo *address, int *listening)
{
    const int yes = 1;
    const int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return errno;
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(fd, address->ai_addr, address->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0) {
        const int code = errno;
        close(fd);
        return code;
    }
    *listening = fd;
    return 0;
}

static uint16_t port_of(int fd)
{
    struct sockaddr_storage address = {0};
    socklen_t length = sizeof address;
    getsockname(fd, (struct sockaddr *)&address, &length);
    uint16_t port; /* both families have it at the same place */
    memcpy(&port, (const uint8_t *)&address + offsetof(struct sockaddr_in, sin_port), sizeof port);
    return ntohs(port);
}

sy_status syi_server_listen(int *fd, uint16_t *port, const syi_url *url, const char *text,
                            sy_error *err)
{
    char service[8];
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_NUMERICSERV | AI_PASSIVE};
    struct addrinfo *found;
    snprintf(service, sizeof service, "%u", (unsigned)url->port);
    int code = getaddrinfo(url->host, service, &hints, &found);
    if (code != 0) {
        return syi_fail_object(err, SY_EIO, text, "%s: host \"%s\": %s", text, url->host,
                               gai_strerror(code));
    }
    code = EADDRNOTAVAIL;
    for (const struct addrinfo *at = found; at != NULL && code != 0; at = at->ai_next) {
        code = listen_at(at, fd);
    }
    freeaddrinfo(found);
    if (code != 0) {
        char reason[128];
        return syi_fail_object(err, code == EADDRINUSE ? SY_EEXIST : SY_EIO, text,
                               "%s: cannot listen: %s", text,
                               strerror_r(code, reason, sizeof reason));
    }
    *port = port_of(*fd);
    return SY_OK;
}

int syi_server_accept(int listening, struct sockaddr_storage *address, unsigned *length)
{
    socklen_t size = sizeof *address;
    const int fd =
        accept4(listening, (struct sockaddr *)address, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0) {
        const int yes = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        /* A client that vanished without a word is gone after two minutes, also one that never pings. */
        const int idle = 60;
        const int interval = 10;
        const int probes = 6;
        setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof yes);
        setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
        setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
        setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
        *length = size;
    }
    return fd;
}
