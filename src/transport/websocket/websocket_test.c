/* websocket_test.c - the transport contract over ws://, RFC 6455 in both directions, and what is refused. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "support/property.h"
#include "support/transport_contract.h"
#include "transport/websocket/handshake.h"
#include "transport/websocket/mask.h"

/* --- raw sockets ------------------------------------------------------------------------------- */

static int connect_to(const char *url)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)atoi(strrchr(url, ':') + 1)),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int yes = 1;
    const struct timeval patience = {.tv_sec = 20};
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static bool write_all(int fd, const void *bytes, size_t size)
{
    return send(fd, bytes, size, MSG_NOSIGNAL) == (ssize_t)size;
}

/* Up to the end of the head of an HTTP message, byte by byte; its length, 0 when the socket closed. */
static size_t read_head(int fd, char *text, size_t size)
{
    size_t length = 0;
    while (length < size - 1 && recv(fd, text + length, 1, 0) == 1) {
        length++;
        if (length >= 4 && memcmp(text + length - 4, "\r\n\r\n", 4) == 0) {
            text[length] = '\0';
            return length;
        }
    }
    text[length] = '\0';
    return 0;
}

#define REQUEST                                                              \
    "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"            \
    "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" \
    "Sec-WebSocket-Version: 13\r\n"

/* After the handshake. */
static int connect_websocket(const char *url)
{
    static const char request[] = REQUEST "Sec-WebSocket-Protocol: csyft.v1\r\n\r\n";
    char answer[2000];
    const int fd = connect_to(url);
    if (fd < 0 || !write_all(fd, request, sizeof request - 1) ||
        read_head(fd, answer, sizeof answer) == 0 ||
        strstr(answer, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") == NULL) {
        if (fd >= 0) {
            close(fd);
        }
        return -1;
    }
    return fd;
}

/* ... and inside a binary message without end, whose mask is zero. */
static int connect_in_message(const char *url)
{
    static const uint8_t head[14] = {0x82, 0xff, 0, 0, 1};
    const int fd = connect_websocket(url);
    if (fd >= 0 && !write_all(fd, head, sizeof head)) {
        close(fd);
        return -1;
    }
    return fd;
}

static const contract websocket = {
    .url = "ws://127.0.0.1:0",
    .address = "ws://127.0.0.1:",
    .raw_connect = connect_in_message,
    .raw_write = write_all,
    .one_message = true,
};

/* --- parts ------------------------------------------------------------------------------------- */

static void test_accept_key(void **state)
{
    (void)state;
    char accept[SYI_WEBSOCKET_ACCEPT_SIZE];
    sy_error err = SY_ERROR_INIT;
    assert_ok(syi_websocket_accept(accept, "dGhlIHNhbXBsZSBub25jZQ==", &err), &err);
    assert_string_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="); /* RFC 6455, section 1.3 */
}

static void test_mask(void **state)
{
    (void)state;
    property_random random = property_start(__func__);
    static uint8_t from[700];
    static uint8_t to[701];
    uint8_t key[4];
    for (size_t i = 0; i < sizeof from; i++) {
        from[i] = (uint8_t)property_next(&random);
    }
    for (size_t i = 0; i < 4; i++) {
        key[i] = (uint8_t)property_next(&random);
    }
    for (unsigned start = 0; start < 4; start++) {
        for (size_t size = 0; size < sizeof from; size++) {
            unsigned phase = start;
            to[size] = 0x77;
            syi_mask_copy(to, from, size, key, &phase);
            for (size_t i = 0; i < size; i++) {
                assert_int_equal(to[i], from[i] ^ key[(start + i) & 3]);
            }
            assert_int_equal(to[size], 0x77);
            assert_int_equal(phase, (start + size) & 3);
        }
    }
}

/* --- our server against other clients ---------------------------------------------------------- */

static void test_http_is_refused(void **state)
{
    (void)state;
    static const char request[] = "GET /index.html HTTP/1.1\r\nHost: localhost\r\n\r\n";
    fixture f;
    char answer[2000];
    fixture_open(&f, PROBE_ECHO, NULL);
    const int fd = connect_to(f.url);
    assert_true(write_all(fd, request, sizeof request - 1));
    assert_true(read_head(fd, answer, sizeof answer) > 0);
    assert_int_equal(strncmp(answer, "HTTP/1.1 426", 12), 0);
    assert_non_null(strcasestr(answer, "upgrade: websocket"));
    assert_int_equal(recv(fd, answer, 1, 0), 0); /* and closed */
    close(fd);
    assert_int_equal(probe_read(&f.probe, &f.probe.opened), 0);
    fixture_close(&f);
}

static void test_other_dialects_are_refused(void **state)
{
    (void)state;
    static const char *const requests[] = {
        REQUEST "\r\n",
        REQUEST "Sec-WebSocket-Protocol: chat\r\n\r\n",
        REQUEST "Sec-WebSocket-Protocol: http\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: h2c\r\nConnection: Upgrade, "
        "HTTP2-Settings\r\n"
        "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "\x01\x02\x03\x04\r\n\r\n",
    };
    fixture f;
    fixture_open(&f, PROBE_ECHO, NULL);
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        char answer[2000];
        const int fd = connect_to(f.url);
        assert_true(write_all(fd, requests[i], strlen(requests[i])));
        read_head(fd, answer, sizeof answer);
        assert_null(strstr(answer, " 101 "));
        close(fd);
    }
    assert_int_equal(probe_read(&f.probe, &f.probe.opened), 0);
    syi_connection *connection = fixture_connect(&f);
    assert_echo(&f, connection, 1);
    syi_connection_close(connection);
    fixture_close(&f);
}

/* One of several subprotocols is ours, and a path is of no interest. */
static void test_subprotocol_among_others(void **state)
{
    (void)state;
    static const char request[] =
        "GET /some/where?x=1 HTTP/1.1\r\nHost: localhost\r\nUpgrade: WebSocket\r\n"
        "Connection: keep-alive, Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: chat, csyft.v1\r\n\r\n";
    fixture f;
    char answer[2000];
    fixture_open(&f, PROBE_ECHO, NULL);
    const int fd = connect_to(f.url);
    assert_true(write_all(fd, request, sizeof request - 1));
    assert_true(read_head(fd, answer, sizeof answer) > 0);
    assert_non_null(strstr(answer, " 101 "));
    assert_non_null(strcasestr(answer, "sec-websocket-protocol: csyft.v1\r\n"));
    assert_true(probe_wait(&f.probe, &f.probe.opened, 1));
    close(fd);
    fixture_close(&f);
}

/* Masked with zero: the bytes as they are. */
static size_t put_frame(uint8_t *out, uint8_t first, const void *payload, size_t size)
{
    assert_true(size < 126);
    const uint8_t head[6] = {first, (uint8_t)(0x80 | size)};
    memcpy(out, head, 6);
    memcpy(out + 6, payload, size);
    return size + 6;
}

static void test_messages_that_are_no_frame(void **state)
{
    (void)state;
    uint8_t frame[80] = {0};
    raw_head(frame, 0, 0, 0);
    frame[16] = 1;
    raw_head(frame + 40, 0, 0, 0);
    frame[56] = 2;
    const struct {
        const char *sentence;
        uint8_t first;
        size_t size;
        int received;
    } cases[] = {
        {"text message", 0x81, 40, 0},          {"ends in the middle", 0x82, 39, 0},
        {"ends in the middle", 0x82, 0, 0},     {"longer than its frame", 0x82, 80, 1},
        {"longer than its frame", 0x82, 41, 1},
    };
    fixture f;
    fixture_open(&f, PROBE_KEEP, NULL);
    int received = 0;
    for (int i = 0; i < 5; i++) {
        uint8_t bytes[100];
        const int fd = connect_websocket(f.url);
        const size_t size = put_frame(bytes, cases[i].first, frame, cases[i].size);
        assert_true(write_all(fd, bytes, size));
        assert_true(probe_wait(&f.probe, &f.probe.closed, i + 1));
        assert_int_equal(f.probe.sessions[i].why, SY_EPROTO);
        assert_non_null(strstr(f.probe.sessions[i].sentence, cases[i].sentence));
        received += f.probe.sessions[i].received;
        /* The other end is told: close code 1002. */
        uint8_t answer[4] = {0};
        assert_int_equal(recv(fd, answer, 4, MSG_WAITALL), 4);
        assert_int_equal(answer[0], 0x88);
        assert_int_equal(answer[2] << 8 | answer[3], 1002);
        close(fd);
    }
    assert_in_range(received, 0, 2);
    fixture_close(&f);
}

/* A frame in any number of fragments, with pings between them. */
static void test_fragments_and_pings(void **state)
{
    (void)state;
    uint8_t frame[60] = {0};
    raw_head(frame, 0, 20, 0);
    fixture f;
    fixture_open(&f, PROBE_KEEP, NULL);
    const int fd = connect_websocket(f.url);
    int sent = 0;
    for (size_t portion = 1; portion <= 60; portion += 7) {
        uint8_t bytes[2000];
        size_t size = 0;
        frame[16] = (uint8_t)++sent;
        for (size_t at = 0; at < 60; at += portion) {
            const size_t count = 60 - at < portion ? 60 - at : portion;
            const uint8_t first =
                (uint8_t)((at == 0 ? 2 : 0) | (at + count == 60 && portion != 29 ? 0x80 : 0));
            size += put_frame(bytes + size, first, frame + at, count);
            if (portion == 22) {
                size += put_frame(bytes + size, 0x89, "hello", 5);
            }
        }
        if (portion == 29) { /* an empty end */
            size += put_frame(bytes + size, 0x80, "", 0);
        }
        assert_true(write_all(fd, bytes, size));
    }
    assert_true(probe_wait(&f.probe, &f.probe.received, sent));
    assert_true(f.probe.sessions[0].in_order);
    uint8_t pong[7];
    assert_int_equal(recv(fd, pong, 7, MSG_WAITALL), 7);
    assert_memory_equal(pong, "\x8a\x05hello", 7);
    close(fd);
    fixture_close(&f);
}

/* --- our client against other servers ---------------------------------------------------------- */

typedef struct script {
    int listening;
    char url[64];
    const char *answer; /* to the handshake; NULL: a good one */
    const uint8_t *bytes;
    size_t size;
    size_t portion;     /* sent so many at a time; 0: all at once */
    uint8_t heard[256]; /* what came after the handshake, until the client closed */
    size_t heard_size;
    pthread_t thread;
} script;

static bool answer_handshake(const script *s, int fd)
{
    char request[4000];
    char answer[1000];
    char key[100];
    char accept[SYI_WEBSOCKET_ACCEPT_SIZE];
    if (read_head(fd, request, sizeof request) == 0) {
        return false;
    }
    if (s->answer != NULL) {
        return write_all(fd, s->answer, strlen(s->answer));
    }
    const char *at = strstr(request, "Sec-WebSocket-Key: ");
    if (at == NULL || sscanf(at + 19, "%99[^\r]", key) != 1 || strlen(key) != 24 ||
        strstr(request, "Sec-WebSocket-Protocol: csyft.v1\r\n") == NULL ||
        strstr(request, "Sec-WebSocket-Version: 13\r\n") == NULL ||
        syi_websocket_accept(accept, key, NULL) != SY_OK) {
        return false;
    }
    snprintf(answer, sizeof answer,
             "HTTP/1.1 101 Switching Protocols\r\nserver: test\r\nupgrade:  WebSocket \r\n"
             "connection: foo, upgrade\r\nsec-websocket-accept: %s\r\n"
             "sec-websocket-protocol: csyft.v1\r\n\r\n",
             accept);
    return write_all(fd, answer, strlen(answer));
}

static void *serve(void *argument)
{
    script *s = argument;
    const int fd = accept(s->listening, NULL, NULL);
    const int yes = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    bool good = answer_handshake(s, fd);
    const size_t portion = s->portion == 0 ? s->size : s->portion;
    for (size_t at = 0; good && at < s->size; at += portion) {
        good = write_all(fd, s->bytes + at, s->size - at < portion ? s->size - at : portion);
    }
    shutdown(fd, SHUT_WR);
    ssize_t count = 1;
    while (count > 0 && s->heard_size < sizeof s->heard) {
        count = recv(fd, s->heard + s->heard_size, sizeof s->heard - s->heard_size, 0);
        s->heard_size += count > 0 ? (size_t)count : 0;
    }
    close(fd);
    return NULL;
}

static void script_start(script *s)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    s->listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(s->listening, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(s->listening, 1), 0);
    getsockname(s->listening, (struct sockaddr *)&address, &size);
    snprintf(s->url, sizeof s->url, "ws://127.0.0.1:%u", (unsigned)ntohs(address.sin_port));
    pthread_create(&s->thread, NULL, serve, s);
}

static void script_end(script *s)
{
    pthread_join(s->thread, NULL);
    close(s->listening);
}

static sy_status connect_script(fixture *f, script *s, syi_connection **connection)
{
    const syi_connect_options options = {.limits = SYI_FRAME_LIMITS_DEFAULT,
                                         .deadline = soon(f, PATIENCE)};
    script_start(s);
    f->url = s->url;
    return syi_connect(f->context, connection, s->url, &options, &f->err);
}

#define ANSWER "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"

static void test_handshakes_that_are_none(void **state)
{
    (void)state;
    const struct {
        const char *answer;
        const char *sentence;
    } cases[] = {
        {"HTTP/1.1 426 Upgrade Required\r\n\r\n", "HTTP/1.1 426 Upgrade Required"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200 OK"},
        {"SSH-2.0-OpenSSH\r\n\r\n", "SSH-2.0-OpenSSH"},
        {ANSWER "\r\n", "Sec-WebSocket-Accept"},
        {ANSWER "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
         "Sec-WebSocket-Accept"},
        {"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\r\n", "something else"},
        {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
         "something else"},
        {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n", "something else"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fixture f;
        fixture_open_context(&f, PROBE_ECHO);
        script s = {.answer = cases[i].answer};
        syi_connection *connection;
        assert_status(connect_script(&f, &s, &connection), SY_EPROTO, &f.err);
        assert_null(connection);
        assert_non_null(strstr(f.err.message, cases[i].sentence));
        assert_non_null(strstr(f.err.message, s.url));
        script_end(&s);
        fixture_close(&f);
    }
    /* An answer without end, and none at all. */
    static char endless[9000];
    memset(endless, 'x', sizeof endless - 1);
    fixture f;
    fixture_open_context(&f, PROBE_ECHO);
    script s = {.answer = endless};
    script silent = {.answer = ""};
    syi_connection *connection;
    assert_status(connect_script(&f, &s, &connection), SY_EPROTO, &f.err);
    script_end(&s);
    assert_status(connect_script(&f, &silent, &connection), SY_ECLOSED, &f.err);
    script_end(&silent);
    fixture_close(&f);
}

/* A csyft frame without body or segments. */
static void empty_frame(uint8_t frame[40], uint64_t id)
{
    memset(frame, 0, 40);
    syi_put_u32le(frame, SYI_FRAME_MAGIC);
    syi_put_u64le(frame + 16, id);
}

static void test_bytes_of_bad_servers(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
        const char *sentence;
        sy_status status;
    } cases[] = {
        {"\x82\x80\0\0\0\0", 6, "masked", SY_EPROTO},
        {"\x83\x00", 2, "unknown opcode", SY_EPROTO},
        {"\x8b\x00", 2, "unknown opcode", SY_EPROTO},
        {"\xc2\x00", 2, "reserved bit", SY_EPROTO},
        {"\x81\x00", 2, "text message", SY_EPROTO},
        {"\x80\x00", 2, "continuation of nothing", SY_EPROTO},
        {"\x02\x01"
         "C"
         "\x82\x01"
         "S",
         6, "message inside another", SY_EPROTO},
        {"\x09\x00", 2, "control frame", SY_EPROTO},
        {"\x89\x7e\x00\x80", 4, "control frame", SY_EPROTO},
        {"\x82\x00", 2, "in the middle of its frame", SY_EPROTO},
        {"\x82\x04"
         "CSY1",
         6, "in the middle of its frame", SY_EPROTO},
        {"\x82\x7f\x80\0\0\0\0\0\0\x01", 10, "2^63", SY_EPROTO},
        {"\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff"
         "HTTP/1.1 200 OK\r\nServer: xyz\r\nDate: today\r\n",
         54, "CSY1", SY_EPROTO},
        {"\x88\x02\x03\xe8", 4, "code 1000", SY_ECLOSED},
        {"\x88\x06\x03\xf1"
         "busy",
         8, "code 1009: busy", SY_ECLOSED},
        {"\x88\x00", 2, "code 1005", SY_ECLOSED},
        {"\x88\x05\x03\xf1"
         "\n\x1b\xff",
         7, "code 1009: ???", SY_ECLOSED},
        {"\x82", 1, "in the middle", SY_ECLOSED},
        {"\x82\x28"
         "CSY1",
         6, "in the middle", SY_ECLOSED},
        {"", 0, "closed the connection", SY_ECLOSED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (size_t portion = 0; portion < 2; portion++) {
            fixture f;
            fixture_open_context(&f, PROBE_ECHO);
            script s = {.bytes = (const uint8_t *)cases[i].bytes,
                        .size = cases[i].size,
                        .portion = portion};
            syi_connection *connection;
            syi_message message;
            syi_message_init(&message, f.context, 0);
            assert_ok(connect_script(&f, &s, &connection), &f.err);
            assert_status(receive_one(&f, connection, &message), cases[i].status, &f.err);
            if (strstr(f.err.message, cases[i].sentence) == NULL) {
                fail_msg("case %zu: \"%s\" lacks \"%s\"", i, f.err.message, cases[i].sentence);
            }
            assert_non_null(strstr(f.err.message, s.url));
            assert_closed(&f, connection);
            syi_message_fini(&message);
            syi_connection_close(connection);
            script_end(&s);
            if (i == 14) { /* the close is answered with its code */
                assert_in_range(s.heard_size, 8, 8);
                assert_int_equal(s.heard[0], 0x88);
                assert_int_equal(s.heard[1], 0x82);
                assert_int_equal(s.heard[6] ^ s.heard[2], 0x03);
                assert_int_equal(s.heard[7] ^ s.heard[3], 0xf1);
            }
            fixture_close(&f);
        }
    }
}

/* A message longer than its frame: the frame is good, what follows is not. */
static void test_message_longer_than_its_frame(void **state)
{
    (void)state;
    uint8_t bytes[100] = {0x82, 41};
    empty_frame(bytes + 2, 1);
    for (size_t portion = 0; portion < 2; portion++) {
        fixture f;
        fixture_open_context(&f, PROBE_ECHO);
        script s = {.bytes = bytes, .size = 43, .portion = portion};
        syi_connection *connection;
        syi_message message;
        syi_message_init(&message, f.context, 0);
        assert_ok(connect_script(&f, &s, &connection), &f.err);
        assert_status(receive_one(&f, connection, &message), SY_EPROTO, &f.err);
        assert_non_null(strstr(f.err.message, "longer than its frame"));
        syi_message_fini(&message);
        syi_connection_close(connection);
        script_end(&s);
        fixture_close(&f);
    }
}

/* Frames cut into websocket fragments in every way, pings between, the stream cut anywhere. */
static void test_client_takes_fragments(void **state)
{
    (void)state;
    static uint8_t bytes[30000];
    size_t size = 0;
    uint64_t count = 0;
    for (size_t first = 0; first <= 40; first++) {
        uint8_t frame[40];
        empty_frame(frame, ++count);
        const size_t second = (first + 11) % 41 < first ? 40 : first + (first * 7) % (41 - first);
        const size_t cuts[4] = {0, first, second, 40};
        for (int i = 0; i < 3; i++) {
            const size_t length = cuts[i + 1] - cuts[i];
            bytes[size++] = (uint8_t)((i == 0 ? 2 : 0) | (i == 2 ? 0x80 : 0));
            bytes[size++] = (uint8_t)length;
            memcpy(bytes + size, frame + cuts[i], length);
            size += length;
            if (first % 10 == 3) {
                memcpy(bytes + size,
                       "\x89\x03"
                       "abc\x8a\x00",
                       7);
                size += 7;
            }
        }
    }
    static const size_t portions[] = {0, 1, 3, 50};
    for (size_t p = 0; p < 4; p++) {
        fixture f;
        fixture_open_context(&f, PROBE_ECHO);
        script s = {.bytes = bytes, .size = size, .portion = portions[p]};
        syi_connection *connection;
        syi_message message;
        syi_message_init(&message, f.context, 0);
        assert_ok(connect_script(&f, &s, &connection), &f.err);
        for (uint64_t id = 1; id <= count; id++) {
            assert_ok(receive_one(&f, connection, &message), &f.err);
            assert_int_equal(message.id, id);
        }
        assert_closed(&f, connection);
        syi_message_fini(&message);
        syi_connection_close(connection);
        script_end(&s);
        /* The pongs: masked, with the ping's payload. */
        assert_true(s.heard_size >= 12 * 9);
        for (size_t i = 0; i < 12; i++) {
            const uint8_t *pong = s.heard + i * 9;
            assert_int_equal(pong[0], 0x8a);
            assert_int_equal(pong[1], 0x83);
            for (size_t b = 0; b < 3; b++) {
                assert_int_equal(pong[6 + b] ^ pong[2 + b], "abc"[b]);
            }
        }
        fixture_close(&f);
    }
}

/* 7, 16 and 64 bit lengths as the shortest that fits, masked with changing keys. */
static void test_client_framing(void **state)
{
    (void)state;
    fixture f;
    fixture_open_context(&f, PROBE_ECHO);
    script s = {.size = 0};
    syi_connection *connection;
    assert_ok(connect_script(&f, &s, &connection), &f.err);
    syi_message message;
    make_message(&f, &message, 1, 85, NULL, 0); /* 125 in all */
    assert_ok(send_one(&f, connection, &message), &f.err);
    syi_message_fini(&message);
    make_message(&f, &message, 1, 0, NULL, 0);
    assert_ok(send_one(&f, connection, &message), &f.err);
    syi_message_fini(&message);
    syi_connection_close(connection);
    script_end(&s);
    assert_int_equal(s.heard_size, 6 + 125 + 6 + 40 + 6 + 2);
    assert_int_equal(s.heard[0], 0x82);
    assert_int_equal(s.heard[1], 0x80 | 125);
    assert_int_equal(s.heard[6] ^ s.heard[2], 'C');
    const uint8_t *second = s.heard + 131;
    assert_int_equal(second[0], 0x82);
    assert_int_equal(second[1], 0x80 | 40);
    assert_memory_not_equal(second + 2, s.heard + 2, 4);
    const uint8_t *third = second + 46; /* goodbye */
    assert_int_equal(third[0], 0x88);
    assert_int_equal(third[1], 0x82);
    assert_int_equal((third[6] ^ third[2]) << 8 | (third[7] ^ third[3]), 1000);
    fixture_close(&f);
}

/* The contract's stalled frame, in websocket messages of their own. */
static void test_stalled_message(void **state)
{
    (void)state;
    const syi_listen_options options = {.limits = SYI_FRAME_LIMITS_DEFAULT, .stall_ms = 200};
    uint8_t message[46] = {0x82, 0x80 | 40};
    empty_frame(message + 6, 1);
    fixture f;
    fixture_open(&f, PROBE_KEEP, &options);
    const int fd = connect_websocket(f.url);
    assert_true(write_all(fd, message, sizeof message));
    assert_true(probe_wait(&f.probe, &f.probe.received, 1));
    nanosleep(&(struct timespec){.tv_nsec = 300000000}, NULL);
    assert_true(write_all(fd, message, sizeof message)); /* between messages it may be silent */
    assert_true(probe_wait(&f.probe, &f.probe.received, 2));
    assert_int_equal(probe_read(&f.probe, &f.probe.closed), 0);
    for (size_t k = 0; k < 45 && probe_read(&f.probe, &f.probe.closed) == 0; k++) {
        (void)write_all(fd, message + k, 1);
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    }
    assert_true(probe_wait(&f.probe, &f.probe.closed, 1));
    assert_int_equal(f.probe.sessions[0].why, SY_ETIMEDOUT);
    close(fd);
    fixture_close(&f);
}

/* A client that has asked and is gone when the listener gets to it: no session is without an address (fixture_close looks
 * at each), since limits and trust go by it. */
static void test_gone_when_it_is_accepted(void **state)
{
    (void)state;
    static const char request[] = REQUEST "Sec-WebSocket-Protocol: csyft.v1\r\n\r\n";
    const struct linger at_once = {.l_onoff = 1};
    fixture f;
    fixture_open(&f, PROBE_ECHO, NULL);
    for (int k = 0; k < PROBE_SESSIONS; k++) {
        const int fd = connect_to(f.url);
        assert_true(fd >= 0);
        assert_true(write_all(fd, request, sizeof request - 1));
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        close(fd);
    }
    syi_connection *connection = fixture_connect(&f);
    assert_echo(&f, connection, 5);
    syi_connection_close(connection);
    fixture_close(&f);
}

int main(void)
{
    the_contract = &websocket;
    const struct CMUnitTest tests[] = {
        TRANSPORT_CONTRACT_TESTS,
        cmocka_unit_test(test_accept_key),
        cmocka_unit_test(test_mask),
        cmocka_unit_test(test_http_is_refused),
        cmocka_unit_test(test_other_dialects_are_refused),
        cmocka_unit_test(test_subprotocol_among_others),
        cmocka_unit_test(test_messages_that_are_no_frame),
        cmocka_unit_test(test_fragments_and_pings),
        cmocka_unit_test(test_handshakes_that_are_none),
        cmocka_unit_test(test_bytes_of_bad_servers),
        cmocka_unit_test(test_message_longer_than_its_frame),
        cmocka_unit_test(test_client_takes_fragments),
        cmocka_unit_test(test_client_framing),
        cmocka_unit_test(test_stalled_message),
        cmocka_unit_test(test_gone_when_it_is_accepted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
