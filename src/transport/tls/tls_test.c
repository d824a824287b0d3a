/* tls_test.c - the transport contract over tls://, and who is refused: wrong certificates, wrong names, no TLS. */
#include "support/tls_ends.h"

static contract tls = {
    .url = "tls://127.0.0.1:0",
    .address = "tls://127.0.0.1:",
    .raw_connect = connect_raw,
    .raw_write = write_raw,
};

/* Neither end takes the other for what it is not, and the listener lives on. */
static void test_plain_and_encrypted_do_not_mix(void **state)
{
    (void)state;
    fixture f;
    const syi_listen_options listening = {.limits = SYI_FRAME_LIMITS_DEFAULT, .tls = tls.tls};
    fixture_open(&f, PROBE_ECHO, &listening);
    char plain[128];
    snprintf(plain, sizeof plain, "tcp%s", f.url + 3);
    const syi_connect_options options = {.limits = SYI_FRAME_LIMITS_DEFAULT,
                                         .deadline = soon(&f, PATIENCE)};
    syi_connection *connection = NULL;
    assert_ok(syi_connect(f.context, &connection, plain, &options, &f.err), &f.err);
    syi_message message;
    syi_message reply;
    make_message(&f, &message, 1, 100, NULL, 0);
    syi_message_init(&reply, f.context, 0);
    const syi_message *one = &message;
    assert_ok(syi_connection_send(connection, &one, 1, soon(&f, PATIENCE), &f.err), &f.err);
    assert_int_not_equal(syi_connection_receive(connection, &reply, soon(&f, PATIENCE), &f.err),
                         SY_OK);
    syi_connection_close(connection);
    assert_int_equal(probe_read(&f.probe, &f.probe.opened), 0); /* the service never hears of it */
    connection = fixture_connect(&f);
    assert_echo(&f, connection, 5);
    syi_connection_close(connection);
    syi_message_fini(&message);
    syi_message_fini(&reply);
    fixture_close(&f);
}

static void test_connecting_to_who_speaks_no_tls(void **state)
{
    (void)state;
    sy_error err = SY_ERROR_INIT;
    syi_connection *connection = NULL;
    char url[64];
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 4), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    snprintf(url, sizeof url, "tls://127.0.0.1:%u", (unsigned)ntohs(address.sin_port));
    const uint64_t begin = syi_clock_now(made.context);
    const syi_connect_options options = {
        .limits = SYI_FRAME_LIMITS_DEFAULT, .tls = tls.tls, .deadline = begin + SECOND / 5};
    assert_status(syi_connect(made.context, &connection, url, &options, &err), SY_ETIMEDOUT, &err);
    assert_null(connection);
    assert_in_range(syi_clock_now(made.context) - begin, SECOND / 5, PATIENCE);
    close(fd);
}

static void test_options_that_do_not_go(void **state)
{
    (void)state;
    sy_error err = SY_ERROR_INIT;
    syi_tls_config *config = NULL;
    sy_tls_options options = SY_TLS_OPTIONS_INIT;
#define REFUSED_OPTIONS(status_, word)                                                             \
    do {                                                                                           \
        assert_status(syi_tls_config_new(made.context, &config, &options, &err), (status_), &err); \
        assert_null(config);                                                                       \
        assert_non_null(strstr(err.message, (word)));                                              \
    } while (0)
    options.certificate_file = file("bob.pem");
    REFUSED_OPTIONS(SY_EINVAL, "key");
    options.key_file = file("client.key");
    REFUSED_OPTIONS(SY_EFORMAT, "client.key");
    options.key_file = file("none.key");
    REFUSED_OPTIONS(SY_EIO, "none.key");
    options.key_file = file("bob.key");
    options.certificate_file = file("none.pem");
    REFUSED_OPTIONS(SY_EIO, "none.pem");
    options.certificate_file = file("bob.key"); /* no certificate in it */
    REFUSED_OPTIONS(SY_EFORMAT, "bob.key");
    options.certificate_file = file("bob.pem");
    options.require_client_certificate = true;
    REFUSED_OPTIONS(SY_EINVAL, "ca_file");
    options.ca_file = file("none.pem");
    REFUSED_OPTIONS(SY_EIO, "none.pem");
    options.size = 1;
    REFUSED_OPTIONS(SY_EINVAL, "SY_TLS_OPTIONS_INIT");
    syi_listener *listener = NULL;
    const syi_service service = {0};
    assert_status(syi_listen(made.context, &listener, "tls://127.0.0.1:0", NULL, &service, &err),
                  SY_EINVAL, &err);
    assert_non_null(strstr(err.message, "certificate"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TRANSPORT_CONTRACT_TESTS,
        TLS_ENDS_TESTS,
        cmocka_unit_test(test_plain_and_encrypted_do_not_mix),
        cmocka_unit_test(test_connecting_to_who_speaks_no_tls),
        cmocka_unit_test(test_options_that_do_not_go),
    };
    the_contract = &tls;
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
