/*
 * tls_ends.h - certificates, raw clients and refusals that tls:// and wss:// have in common. A test program defines
 * `tls`, its contract, and runs {TRANSPORT_CONTRACT_TESTS, TLS_ENDS_TESTS} with set_up and tear_down.
 */
#ifndef CSYFT_TESTS_TLS_ENDS_H
#define CSYFT_TESTS_TLS_ENDS_H

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

static void sign_as(const char *name, const char *subject, const char *authority, const char *host)
{
    sy_error err = SY_ERROR_INIT;
    char names[4][64];
    snprintf(names[0], sizeof names[0], "%s.pem", name);
    snprintf(names[1], sizeof names[1], "%s.key", name);
    snprintf(names[2], sizeof names[2], "%s.pem", authority);
    snprintf(names[3], sizeof names[3], "%s.key", authority);
    assert_ok(sy_tls_make_certificate(made.context, file(names[0]), file(names[1]), file(names[2]),
                                      file(names[3]), subject, &host, host != NULL ? 1 : 0, 10,
                                      &err),
              &err);
}

static void sign(const char *name, const char *authority, const char *host)
{
    sign_as(name, name, authority, host);
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

static contract tls; /* of the program; set_up gives it its certificates */

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
    sign_as("blank", "Ada L.", "ca", NULL);
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
        assert_non_null(strstr(err.message, the_contract->address));
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

/* What the service hears of who came: the common name that was verified, nothing else. */
static void test_the_name_in_the_certificate(void **state)
{
    (void)state;
    const struct {
        bool required;
        const char *certificate, *key, *name;
    } cases[] = {
        {true, "client.pem", "client.key", "client"},
        {true, "bob.pem", "bob.key", "bob"},
        {true, "blank.pem", "blank.key", "Ada L."},
        {false, "client.pem", "client.key", ""}, /* not asked for, so not shown */
        {false, NULL, NULL, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fixture f;
        syi_tls_config *server = config_of("ca.pem", "bob.pem", "bob.key", cases[i].required);
        syi_tls_config *client = config_of("ca.pem", cases[i].certificate, cases[i].key, false);
        const syi_listen_options listening = {.limits = SYI_FRAME_LIMITS_DEFAULT, .tls = server};
        fixture_open(&f, PROBE_ECHO, &listening);
        const syi_connect_options connecting = {
            .limits = SYI_FRAME_LIMITS_DEFAULT, .tls = client, .deadline = soon(&f, PATIENCE)};
        syi_connection *connection = NULL;
        assert_ok(syi_connect(f.context, &connection, f.url, &connecting, &f.err), &f.err);
        assert_echo(&f, connection, 1);
        assert_string_equal(syi_peer_get_certified(f.probe.sessions[0].peer), cases[i].name);
        syi_connection_close(connection);
        fixture_close(&f);
        syi_tls_config_unref(server);
        syi_tls_config_unref(client);
    }
}

#define TLS_ENDS_TESTS                                                \
    cmocka_unit_test(test_servers_that_are_not_trusted),              \
        cmocka_unit_test(test_a_client_that_says_nothing_verifies),   \
        cmocka_unit_test(test_not_verifying_has_to_be_asked_for),     \
        cmocka_unit_test(test_clients_with_and_without_certificates), \
        cmocka_unit_test(test_the_name_in_the_certificate)

#endif
