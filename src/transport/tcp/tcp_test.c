/* tcp_test.c - the transport contract over loopback sockets, and what only sockets have. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/socket.h>

#include "support/transport_contract.h"

static int tcp_connect_raw(const char *url)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)atoi(strrchr(url, ':') + 1)),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int yes = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static bool tcp_write_raw(int fd, const void *bytes, size_t size)
{
    return send(fd, bytes, size, MSG_NOSIGNAL) == (ssize_t)size;
}

static const contract tcp = {
    .url = "tcp://127.0.0.1:0",
    .address = "tcp://127.0.0.1:",
    .raw_connect = tcp_connect_raw,
    .raw_write = tcp_write_raw,
};

int main(void)
{
    the_contract = &tcp;
    const struct CMUnitTest tests[] = {
        TRANSPORT_CONTRACT_TESTS,
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
