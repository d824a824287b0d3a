/* tls_test.c - the transport contract over tls://, and who is refused: wrong certificates, wrong names, no TLS. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>

#include <openssl/ssl.h>

#include <csyft/tls.h>

#include "support/folder.h"
#include "support/transport_contract.h"

/* --- certificates -------------------------------------------------------------------------------- */

/* Two authorities; the first signs for 127.0.0.1, for another host, and for a client. */
static struct {
    sy_context *context;
    test_folder folder;
    char paths[12][512];
} made;

static const char *file(const char *name)
{
    static unsigned next;
    char *path = made.paths[next++ % 12];
    snprintf(path, sizeof made.paths[0], "%s/%s", made.folder.path, name);
    return path;
}

static void sign(const char *name, const char *authority, const char *host)
{
    sy_error err = SY_ERROR_INIT;
    char names[4][64];
    snprintf(names[0], sizeof names[0], "%s.pem", name);
    snprintf(names[1], sizeof names[1], "%s.key", name);
    snprintf(names[2], sizeof names[2], "%s.pem", authority);
    snprintf(names[3], sizeof names[3], "%s.key", authority);
    assert_ok(sy_tls_make_certificate(made.context, file(names[0]), file(names[1]), file(names[2]),
                                      file(names[3]), name, &host, host != NULL ? 1 : 0, 10, &err),
              &err);
}

static syi_tls_config *config_of(const char *authority, const char *certificate, const char *key,
                                 bool require)
{
    sy_error err = SY_ERROR_INIT;
    syi_tls_config *config = NULL;
    sy_tls_options options = SY_TLS_OPTIONS_INIT;
    options.ca_file = authority != NULL ? file(authority) : NULL;
    options.certificate_file = certificate != NULL ? file(certificate) : NULL;
    options.key_file = key != NULL ? file(key) : NULL;
    options.require_client_certificate = require;
    assert_ok(syi_tls_config_new(made.context, &config, &options, &err), &err);
    return config;
}

/* --- raw clients --------------------------------------------------------------------------------- */

static SSL *raw_sessions[4096]; /* by descriptor; freed at the end */
static SSL_CTX *raw_context;

static int connect_plain(const char *url)
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

static int connect_raw(const char *url)
{
    const int fd = connect_plain(url);
    if (fd < 0 || fd >= 4096) {
        return -1;
    }
    SSL_free(raw_sessions[fd]);
    raw_sessions[fd] = SSL_new(raw_context);
    SSL_set_fd(raw_sessions[fd], fd);
    if (SSL_connect(raw_sessions[fd]) != 1) {
        close(fd);
        return -1;
    }
    return fd;
}

static bool write_raw(int fd, const void *bytes, size_t size)
{
    return SSL_write(raw_sessions[fd], bytes, (int)size) == (int)size;
}

static contract tls = {
    .url = "tls://127.0.0.1:0",
    .address = "tls://127.0.0.1:",
    .raw_connect = connect_raw,
    .raw_write = write_raw,
};

static int set_up(void **state)
{
    (void)state;
    sy_error err = SY_ERROR_INIT;
    assert_true(test_folder_make(&made.folder));
    assert_ok(sy_context_new(&made.context, NULL, &err), &err);
    assert_ok(
        sy_tls_make_authority(made.context, file("ca.pem"), file("ca.key"), "tests", 10, &err),
        &err);
    assert_ok(
        sy_tls_make_authority(made.context, file("ca2.pem"), file("ca2.key"), "others", 10, &err),
        &err);
    sign("bob", "ca", "127.0.0.1");
    sign("elsewhere", "ca", "elsewhere.example");
    sign("client", "ca", NULL);
    sign("stranger", "ca2", "127.0.0.1");
    tls.tls = config_of("ca.pem", "bob.pem", "bob.key", false);
    raw_context = SSL_CTX_new(TLS_client_method());
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (int fd = 0; fd < 4096; fd++) {
        SSL_free(raw_sessions[fd]);
    }
    SSL_CTX_free(raw_context);
    syi_tls_config_unref(tls.tls);
    sy_context_free(made.context);
    test_folder_remove(&made.folder);
    return 0;
}

/* --- refusals ------------------------------------------------------------------------------------ */

/* One exchange between these two; its status. */
static sy_status meet(syi_tls_config *server, syi_tls_config *client, sy_error *err)
{
    fixture f;
    const syi_listen_options listening = {.limits = SYI_FRAME_LIMITS_DEFAULT, .tls = server};
    fixture_open(&f, PROBE_ECHO, &listening);
    const syi_connect_options connecting = {
        .limits = SYI_FRAME_LIMITS_DEFAULT, .tls = client, .deadline = soon(&f, PATIENCE)};
    syi_connection *connection = NULL;
    syi_message message;
    syi_message reply;
    make_message(&f, &message, 1, 10, NULL, 0);
    syi_message_init(&reply, f.context, 0);
    sy_status status = syi_connect(f.context, &connection, f.url, &connecting, err);
    if (status == SY_OK) {
        const syi_message *one = &message;
        status = syi_connection_send(connection, &one, 1, soon(&f, PATIENCE), err);
    }
    if (status == SY_OK) {
        status = syi_connection_receive(connection, &reply, soon(&f, PATIENCE), err);
    } else {
        assert_int_equal(probe_read(&f.probe, &f.probe.received), 0);
    }
    syi_message_fini(&message);
    syi_message_fini(&reply);
    syi_connection_close(connection);
    fixture_close(&f);
    return status;
}

static void assert_meeting(syi_tls_config *server, syi_tls_config *client, sy_status expected,
                           const char *sentence)
{
    sy_error err = SY_ERROR_INIT;
    assert_status(meet(server, client, &err), expected, &err);
    if (expected != SY_OK) {
        assert_non_null(strstr(err.message, "tls://127.0.0.1:"));
        if (strstr(err.message, sentence) == NULL) {
            fail_msg("\"%s\" does not say \"%s\"", err.message, sentence);
        }
    }
    syi_tls_config_unref(server);
    syi_tls_config_unref(client);
}

static void test_servers_that_are_not_trusted(void **state)
{
    (void)state;
    assert_meeting(config_of("ca.pem", "bob.pem", "bob.key", false),
                   config_of("ca.pem", NULL, NULL, false), SY_OK, "");
    assert_meeting(config_of("ca.pem", "stranger.pem", "stranger.key", false),
                   config_of("ca.pem", NULL, NULL, false), SY_EPERM, "not trusted");
    assert_meeting(config_of("ca.pem", "bob.pem", "bob.key", false),
                   config_of(NULL, NULL, NULL, false), SY_EPERM,
                   "not trusted"); /* the system does not know our authority */
    assert_meeting(config_of("ca.pem", "elsewhere.pem", "elsewhere.key", false),
                   config_of("ca.pem", NULL, NULL, false), SY_EPERM, "mismatch");
    assert_meeting(config_of("ca.pem", "client.pem", "client.key", false),
                   config_of("ca.pem", NULL, NULL, false), SY_EPERM, "mismatch");
}

/* The defaults, without a configuration, verify too. */
static void test_a_client_that_says_nothing_verifies(void **state)
{
    (void)state;
    sy_error err = SY_ERROR_INIT;
    syi_tls_config *server = config_of("ca.pem", "bob.pem", "bob.key", false);
    assert_status(meet(server, NULL, &err), SY_EPERM, &err);
    syi_tls_config_unref(server);
}

static void test_not_verifying_has_to_be_asked_for(void **state)
{
    (void)state;
    sy_error err = SY_ERROR_INIT;
    sy_tls_options options = SY_TLS_OPTIONS_INIT;
    syi_tls_config *insecure = NULL;
    options.insecure = true;
    assert_ok(syi_tls_config_new(made.context, &insecure, &options, &err), &err);
    assert_meeting(config_of("ca.pem", "elsewhere.pem", "elsewhere.key", false), insecure, SY_OK,
                   "");
}

static void test_clients_with_and_without_certificates(void **state)
{
    (void)state;
    assert_meeting(config_of("ca.pem", "bob.pem", "bob.key", true),
                   config_of("ca.pem", "client.pem", "client.key", false), SY_OK, "");
    assert_meeting(config_of("ca.pem", "bob.pem", "bob.key", true),
                   config_of("ca.pem", NULL, NULL, false), SY_EPERM, "certificate");
    assert_meeting(config_of("ca.pem", "bob.pem", "bob.key", true),
                   config_of("ca.pem", "stranger.pem", "stranger.key", false), SY_EPERM, "TLS");
}

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
        cmocka_unit_test(test_servers_that_are_not_trusted),
        cmocka_unit_test(test_a_client_that_says_nothing_verifies),
        cmocka_unit_test(test_not_verifying_has_to_be_asked_for),
        cmocka_unit_test(test_clients_with_and_without_certificates),
        cmocka_unit_test(test_plain_and_encrypted_do_not_mix),
        cmocka_unit_test(test_connecting_to_who_speaks_no_tls),
        cmocka_unit_test(test_options_that_do_not_go),
    };
    the_contract = &tls;
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
