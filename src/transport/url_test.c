/* url_test.c - what is a URL of a transport, and the sentence for what is not. */
#include <string.h>

#include "support/test.h"
#include "transport/transport_class.h"

static void test_good(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        syi_scheme scheme;
        const char *host;
        uint16_t port;
        const char *path;
        const char *again; /* NULL: as text */
    } cases[] = {
        {"inproc://bob", SYI_SCHEME_INPROC, "bob", 0, "/", NULL},
        {"inproc://a:b/c?d", SYI_SCHEME_INPROC, "a:b/c?d", 0, "/", NULL},
        {"tcp://127.0.0.1:0", SYI_SCHEME_TCP, "127.0.0.1", 0, "/", NULL},
        {"tcp://example.org:65535/", SYI_SCHEME_TCP, "example.org", 65535, "/",
         "tcp://example.org:65535"},
        {"tcp://[::1]:8777", SYI_SCHEME_TCP, "::1", 8777, "/", NULL},
        {"ws://localhost:80", SYI_SCHEME_WS, "localhost", 80, "/", NULL},
        {"ws://localhost", SYI_SCHEME_WS, "localhost", 80, "/", "ws://localhost:80"},
        {"ws://[fe80::1%25eth0]:1/x/y?z=1", SYI_SCHEME_WS, "fe80::1%25eth0", 1, "/x/y?z=1", NULL},
        {"wss://h", SYI_SCHEME_WSS, "h", 443, "/", "wss://h:443"},
        {"wss://[::1]:8/x", SYI_SCHEME_WSS, "::1", 8, "/x", NULL},
        {"ws://h/", SYI_SCHEME_WS, "h", 80, "/", "ws://h:80"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        syi_url url;
        sy_error err = SY_ERROR_INIT;
        char text[600];
        assert_ok(syi_url_parse(&url, cases[i].text, &err), &err);
        assert_int_equal(url.scheme, cases[i].scheme);
        assert_string_equal(url.host, cases[i].host);
        assert_int_equal(url.port, cases[i].port);
        assert_string_equal(url.path, cases[i].path);
        syi_url_format(text, sizeof text, &url, url.port);
        assert_string_equal(text, cases[i].again == NULL ? cases[i].text : cases[i].again);
    }
}

static void test_bad(void **state)
{
    (void)state;
    static char long_name[400] = "inproc://";
    static char long_host[400] = "tcp://";
    static char long_path[400] = "ws://h:1/";
    memset(long_name + 9, 'n', 256);
    memset(long_host + 6, 'h', 256);
    memcpy(long_host + 6 + 256, ":1", 3);
    memset(long_path + 9, 'p', 255);
    static const struct {
        const char *text;
        const char *sentence;
    } cases[] = {
        {"", "starts with none of"},
        {"bob", "starts with none of"},
        {"http://x:1", "starts with none of"},
        {"TCP://x:1", "starts with none of"},
        {"tcp:/x:1", "starts with none of"},
        {"inproc://", "no name"},
        {"tcp://", "no host"},
        {"tcp://:1", "no host"},
        {"tcp://[]:1", "no host"},
        {"tcp://[::1:1", "bracket"},
        {"tcp://x", "no port"},
        {"tcp://[::1]", "no port"},
        {"tcp://x:", "port is no number"},
        {"tcp://x:65536", "port is no number"},
        {"tcp://x:100000", "port is no number"},
        {"tcp://x:-1", "port is no number"},
        {"tcp://x:1a", "port is no number"},
        {"tcp://x: 1", "blanks"},
        {"tcp://::1:5", "no host"},
        {"tcp://[::1]5", "port is no number"},
        {"tcp://x:1/path", "no path"},
        {"tcp://x:1?q", "no path"},
        {"ws://x:1?q", "is no path"},
        {"ws://x:1/a#b", "is no path"},
        {"ws://x:1/a b", "blanks"},
        {"ws://x:1/a\r\nHost: y", "blanks"},
        {"inproc://a\x7f", "blanks"},
        {long_name, "longer than 255"},
        {long_host, "longer than 255"},
        {long_path, "longer than 255"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        syi_url url;
        sy_error err = SY_ERROR_INIT;
        assert_status(syi_url_parse(&url, cases[i].text, &err), SY_EINVAL, &err);
        if (strstr(err.message, cases[i].sentence) == NULL) {
            fail_msg("\"%s\": \"%s\" lacks \"%s\"", cases[i].text, err.message, cases[i].sentence);
        }
        assert_string_equal(url.host, "");
    }
}

static void test_loopback_and_encrypted(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        bool loopback, encrypted;
    } cases[] = {
        {"tcp://127.0.0.1:1", true, false},
        {"tls://127.3.2.1:1", true, true},
        {"ws://localhost:1", true, false},
        {"wss://LocalHost:1", true, true},
        {"tcp://[::1]:1", true, false},
        {"tcp://[::ffff:127.0.0.1]:1", true, false},
        {"inproc://bob", true, false},
        {"tcp://0.0.0.0:1", false, false},
        {"tcp://[::]:1", false, false},
        {"tcp://[::ffff:10.0.0.1]:1", false, false},
        {"tls://127.0.0.1.example:1", false, true},
        {"wss://localhost.example:1", false, true},
        {"tcp://10.127.0.1:1", false, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        syi_url url;
        sy_error err = SY_ERROR_INIT;
        assert_ok(syi_url_parse(&url, cases[i].url, &err), &err);
        assert_int_equal(syi_url_is_loopback(&url), cases[i].loopback);
        assert_int_equal(syi_url_is_encrypted(&url), cases[i].encrypted);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_loopback_and_encrypted),
        cmocka_unit_test(test_bad),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
