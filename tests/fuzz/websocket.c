/*
 * websocket.c - a hostile websocket server: what a client reads from it. Byte 0: even, the rest answers the opening
 * handshake; odd, a proper answer goes before it, and the rest are websocket frames (of a plain connection when byte 0 has
 * bit 1). Each receive ends in a message within the limits or in a status with a sentence; no memory stays behind.
 */
#include <netinet/in.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/surroundings.h"
#include "transport/websocket/handshake.h"

enum { LIMIT = 1 << 20, MESSAGES_MAX = 1000 };

static void require(bool promise)
{
    if (!promise) {
        abort();
    }
}

/* One server for all inputs, on a thread of its own; it answers each connection with the input. */
static struct {
    int listening;
    char url[64];
    sem_t ready; /* the input is there */
    sem_t done;  /* ... and is no longer looked at */
    const uint8_t *data;
    size_t size;
} server;

static void send_all(int fd, const void *bytes, size_t size)
{
    const char *at = bytes;
    while (size > 0) {
        const ssize_t sent = send(fd, at, size, MSG_NOSIGNAL);
        if (sent <= 0) {
            return; /* the client has had enough */
        }
        at += sent;
        size -= (size_t)sent;
    }
}

static void answer(int fd, char *request)
{
    char accept_key[SYI_WEBSOCKET_ACCEPT_SIZE];
    char head[300];
    char *key = strstr(request, "Sec-WebSocket-Key: ");
    require(key != NULL);
    key += strlen("Sec-WebSocket-Key: ");
    key[SYI_WEBSOCKET_KEY_SIZE - 1] = '\0';
    require(syi_websocket_accept(accept_key, key, NULL) == SY_OK);
    const int size = snprintf(
        head, sizeof head,
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: %s\r\n%s\r\n",
        accept_key,
        (server.data[0] & 2) != 0 ? ""
                                  : "Sec-WebSocket-Protocol: " SYI_WEBSOCKET_SUBPROTOCOL "\r\n");
    send_all(fd, head, (size_t)size);
}

static void *serve(void *unused)
{
    (void)unused;
    for (;;) {
        char request[2048];
        size_t length = 0;
        sem_wait(&server.ready);
        const int fd = accept(server.listening, NULL, NULL);
        require(fd >= 0);
        do {
            const ssize_t came = recv(fd, request + length, sizeof request - 1 - length, 0);
            require(came > 0);
            length += (size_t)came;
            request[length] = '\0';
        } while (strstr(request, "\r\n\r\n") == NULL);
        if ((server.data[0] & 1) != 0) {
            answer(fd, request);
        }
        send_all(fd, server.data + 1, server.size - 1);
        shutdown(fd, SHUT_WR);
        while (recv(fd, request, sizeof request, 0) > 0) { /* until the client lets go */
        }
        close(fd);
        sem_post(&server.done);
    }
    return NULL;
}

static void start_server(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    pthread_t thread;
    server.listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    require(server.listening >= 0);
    require(bind(server.listening, (struct sockaddr *)&address, sizeof address) == 0);
    require(listen(server.listening, 1) == 0);
    require(getsockname(server.listening, (struct sockaddr *)&address, &size) == 0);
    snprintf(server.url, sizeof server.url, "ws://127.0.0.1:%u", (unsigned)ntohs(address.sin_port));
    sem_init(&server.ready, 0, 0);
    sem_init(&server.done, 0, 0);
    require(pthread_create(&thread, NULL, serve, NULL) == 0);
    pthread_detach(thread);
}

static void receive_all(sy_context *context, syi_connection *connection, uint64_t deadline)
{
    syi_message message;
    sy_error err = SY_ERROR_INIT;
    syi_message_init(&message, context, LIMIT);
    for (int k = 0;; k++) {
        require(k < MESSAGES_MAX * 1000); /* a finite input holds finitely many */
        if (syi_connection_receive(connection, &message, deadline, &err) != SY_OK) {
            break;
        }
        require(message.body.length <= LIMIT);
    }
    require(err.message[0] != '\0' && err.status != SY_ETIMEDOUT);
    syi_message_fini(&message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static sy_context *context; /* for all inputs */
    syi_account account;
    sy_error err = SY_ERROR_INIT;
    syi_connection *connection = NULL;
    if (context == NULL) {
        require(sy_context_new(&context, NULL, NULL) == SY_OK);
        start_server();
    }
    if (size == 0) {
        return 0;
    }
    syi_account_init(&account, "fuzz", LIMIT, NULL);
    server.data = data;
    server.size = size;
    sem_post(&server.ready);
    const syi_connect_options options = {
        .limits = {.body_max = LIMIT, .segments_max = 100, .frame_max = LIMIT},
        .account = &account,
        .deadline = syi_clock_now(context) + UINT64_C(20000000000),
        .plain = (data[0] & 2) != 0,
    };
    if (syi_connect(context, &connection, server.url, &options, &err) == SY_OK) {
        receive_all(context, connection, options.deadline);
        syi_connection_close(connection);
    } else {
        require(connection == NULL && err.message[0] != '\0' && err.status != SY_ETIMEDOUT);
    }
    sem_wait(&server.done);
    require(atomic_load(&account.used) == 0);
    return 0;
}
