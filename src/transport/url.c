/* url.c - inproc://NAME, tcp://HOST:PORT, tls://HOST:PORT, ws:// and wss://HOST:PORT/PATH taken apart. Test: url_test.c. */
#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#include "core/error.h"
#include "transport/transport.h"

static const struct {
    const char *prefix;
    syi_scheme scheme;
} schemes[] = {
    {"inproc://", SYI_SCHEME_INPROC}, {"tcp://", SYI_SCHEME_TCP}, {"tls://", SYI_SCHEME_TLS},
    {"ws://", SYI_SCHEME_WS},         {"wss://", SYI_SCHEME_WSS},
};

static bool copy_part(char *to, size_t size, const char *from, size_t length)
{
    if (length >= size) {
        return false;
    }
    memcpy(to, from, length);
    to[length] = '\0';
    return true;
}

/* Digits only, 0..65535. */
static bool parse_port(const char *text, size_t length, uint16_t *port)
{
    uint32_t value = 0;
    if (length == 0 || length > 5) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
        value = value * 10 + (uint32_t)(text[i] - '0');
    }
    *port = (uint16_t)value;
    return value <= UINT16_MAX;
}

/* Nothing that could end a line of a request or hide in a log. */
static bool is_clean(const char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text <= ' ' || *text == 0x7f) {
            return false;
        }
    }
    return true;
}

static bool is_websocket(const syi_url *url)
{
    return url->scheme == SYI_SCHEME_WS || url->scheme == SYI_SCHEME_WSS;
}

static const char *parse_authority(syi_url *url, const char *text, size_t length)
{
    const char *host = text;
    const char *rest;
    size_t host_length;
    if (length != 0 && text[0] == '[') {
        const char *end = memchr(text, ']', length);
        if (end == NULL) {
            return "the bracket of its IPv6 address is not closed";
        }
        host = text + 1;
        host_length = (size_t)(end - host);
        rest = end + 1;
    } else {
        const char *colon = memchr(text, ':', length);
        rest = colon == NULL ? text + length : colon;
        host_length = (size_t)(rest - host);
    }
    if (host_length == 0) {
        return "it has no host";
    }
    if (!copy_part(url->host, sizeof url->host, host, host_length)) {
        return "its host is longer than 255 bytes";
    }
    const size_t left = length - (size_t)(rest - text);
    if (left == 0) {
        url->port = url->scheme == SYI_SCHEME_WSS ? 443 : 80;
        return is_websocket(url) ? NULL : "it has no port";
    }
    if (rest[0] != ':' || !parse_port(rest + 1, left - 1, &url->port)) {
        return "its port is no number from 0 to 65535";
    }
    return NULL;
}

static const char *parse(syi_url *url, const char *text)
{
    size_t s = 0;
    while (s < sizeof schemes / sizeof schemes[0] &&
           strncmp(text, schemes[s].prefix, strlen(schemes[s].prefix)) != 0) {
        s++;
    }
    if (s == sizeof schemes / sizeof schemes[0]) {
        return "it starts with none of inproc://, tcp://, tls://, ws://, wss://";
    }
    if (!is_clean(text)) {
        return "it has blanks or control characters";
    }
    url->scheme = schemes[s].scheme;
    text += strlen(schemes[s].prefix);
    const size_t length = strlen(text);
    memcpy(url->path, "/", 2);
    if (url->scheme == SYI_SCHEME_INPROC) {
        if (length == 0) {
            return "it has no name";
        }
        return copy_part(url->host, sizeof url->host, text, length)
                   ? NULL
                   : "its name is longer than 255 bytes";
    }
    const size_t authority = strcspn(text, "/?#");
    const char *path = text + authority;
    if (path[0] != '\0') {
        if (!is_websocket(url) && strcmp(path, "/") != 0) {
            return url->scheme == SYI_SCHEME_TCP ? "a tcp:// url has no path"
                                                 : "a tls:// url has no path";
        }
        if (path[0] != '/' || strchr(path, '#') != NULL) {
            return "what follows the port is no path";
        }
        if (!copy_part(url->path, sizeof url->path, path, strlen(path))) {
            return "its path is longer than 255 bytes";
        }
    }
    return parse_authority(url, text, authority);
}

sy_status syi_url_parse(syi_url *url, const char *text, sy_error *err)
{
    memset(url, 0, sizeof *url);
    const char *wrong = parse(url, text);
    if (wrong == NULL) {
        return SY_OK;
    }
    memset(url, 0, sizeof *url);
    return syi_fail_object(err, SY_EINVAL, text, "url \"%.200s\": %s", text, wrong);
}

bool syi_url_is_encrypted(const syi_url *url)
{
    return url->scheme == SYI_SCHEME_TLS || url->scheme == SYI_SCHEME_WSS;
}

bool syi_url_is_loopback(const syi_url *url)
{
    uint8_t v4[4];
    uint8_t v6[16];
    static const uint8_t one[16] = {[15] = 1};
    static const uint8_t mapped[13] = {[10] = 0xff, [11] = 0xff, [12] = 127};
    if (url->scheme == SYI_SCHEME_INPROC || strcasecmp(url->host, "localhost") == 0) {
        return true;
    }
    if (inet_pton(AF_INET, url->host, v4) == 1) {
        return v4[0] == 127;
    }
    return inet_pton(AF_INET6, url->host, v6) == 1 &&
           (memcmp(v6, one, sizeof one) == 0 || memcmp(v6, mapped, sizeof mapped) == 0);
}
