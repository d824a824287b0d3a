/* wss_test.c - the transport contract over wss://, and who is refused, as over tls://. */
#include "support/tls_ends.h"

/* After both handshakes, and inside a binary message without end, whose mask is zero. */
static int connect_in_message(const char *url)
{
    static const char request[] =
        "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: csyft.v1\r\n\r\n";
    static const uint8_t head[14] = {0x82, 0xff, 0, 0, 1};
    char answer[2000];
    size_t length = 0;
    const int fd = connect_raw(url);
    if (fd < 0 || !write_raw(fd, request, sizeof request - 1)) {
        return -1;
    }
    while (length < sizeof answer && SSL_read(raw_sessions[fd], answer + length, 1) == 1) {
        length++;
        if (length >= 4 && memcmp(answer + length - 4, "\r\n\r\n", 4) == 0) {
            return write_raw(fd, head, sizeof head) ? fd : -1;
        }
    }
    close(fd);
    return -1;
}

static contract tls = {
    .url = "wss://127.0.0.1:0",
    .address = "wss://127.0.0.1:",
    .raw_connect = connect_in_message,
    .raw_write = write_raw,
    .one_message = true,
};

/* Neither end takes the other for what it is not, and the listener lives on. */
static void test_plain_and_encrypted_do_not_mix(void **state)
{
    (void)state;
    fixture f;
    fixture_open(&f, PROBE_ECHO, NULL);
    char plain[128];
    snprintf(plain, sizeof plain, "ws%s", f.url + 3);
    const syi_connect_options options = {.limits = SYI_FRAME_LIMITS_DEFAULT,
                                         .deadline = soon(&f, PATIENCE)};
    syi_connection *connection = NULL;
    assert_int_not_equal(syi_connect(f.context, &connection, plain, &options, &f.err), SY_OK);
    assert_null(connection);
    assert_int_equal(probe_read(&f.probe, &f.probe.opened), 0);
    connection = fixture_connect(&f);
    assert_echo(&f, connection, 5);
    syi_connection_close(connection);
    fixture_close(&f);
}

static void test_a_listener_needs_a_certificate(void **state)
{
    (void)state;
    sy_error err = SY_ERROR_INIT;
    syi_listener *listener = NULL;
    const syi_service service = {0};
    assert_status(syi_listen(made.context, &listener, "wss://127.0.0.1:0", NULL, &service, &err),
                  SY_EINVAL, &err);
    assert_non_null(strstr(err.message, "certificate"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TRANSPORT_CONTRACT_TESTS,
        TLS_ENDS_TESTS,
        cmocka_unit_test(test_plain_and_encrypted_do_not_mix),
        cmocka_unit_test(test_a_listener_needs_a_certificate),
    };
    the_contract = &tls;
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
