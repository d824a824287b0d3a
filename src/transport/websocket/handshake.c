/* handshake.c - RFC 6455, section 4.1: the request and the checks of its answer. Test: websocket_test.c. */
#include "transport/websocket/handshake.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <strings.h>

#include "core/surroundings.h"

#define ANSWER_MAX 8192
#define GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" /* RFC 6455, section 1.3 */

sy_status syi_websocket_accept(char accept[SYI_WEBSOCKET_ACCEPT_SIZE], const char *key,
                               sy_error *err)
{
    char text[SYI_WEBSOCKET_KEY_SIZE + sizeof GUID];
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    const int length = snprintf(text, sizeof text, "%s" GUID, key);
    if (EVP_Digest(text, (size_t)length, digest, &size, EVP_sha1(), NULL) != 1 || size != 20) {
        return syi_fail(err, SY_EIO, "websocket handshake: SHA-1 is not available");
    }
    EVP_EncodeBlock((unsigned char *)accept, digest, (int)size);
    return SY_OK;
}

static sy_status send_request(syi_stream *stream, const syi_url *url, const char *key, bool plain,
                              uint64_t deadline, sy_error *err)
{
    char request[1024];
    const bool v6 = strchr(url->host, ':') != NULL;
    const int length =
        snprintf(request, sizeof request,
                 "GET %s HTTP/1.1\r\n"
                 "Host: %s%s%s:%u\r\n"
                 "Upgrade: websocket\r\n"
                 "Connection: Upgrade\r\n"
                 "Sec-WebSocket-Key: %s\r\n"
                 "Sec-WebSocket-Version: 13\r\n%s\r\n",
                 url->path, v6 ? "[" : "", url->host, v6 ? "]" : "", (unsigned)url->port, key,
                 plain ? "" : "Sec-WebSocket-Protocol: " SYI_WEBSOCKET_SUBPROTOCOL "\r\n");
    struct iovec piece = {.iov_base = request, .iov_len = (size_t)length};
    return syi_stream_write(stream, &piece, 1, deadline, err);
}

/* Up to and including the empty line. */
static sy_status read_answer(syi_stream *stream, char answer[ANSWER_MAX], uint64_t deadline,
                             sy_error *err)
{
    size_t length = 0;
    for (;;) {
        size_t size;
        const uint8_t *bytes = syi_stream_get_ahead(stream, &size);
        for (size_t i = 0; i < size; i++) {
            if (length == ANSWER_MAX - 1 || bytes[i] == 0) {
                return syi_fail_object(err, SY_EPROTO, stream->url,
                                       "%s: the answer to the websocket handshake is no HTTP",
                                       stream->url);
            }
            answer[length++] = (char)bytes[i];
            if (length >= 4 && memcmp(answer + length - 4, "\r\n\r\n", 4) == 0) {
                syi_stream_consume(stream, i + 1);
                answer[length - 2] = '\0'; /* ends with the last header's "\r\n" */
                return SY_OK;
            }
        }
        size_t direct;
        SY_TRY(syi_stream_read(stream, NULL, 0, &direct, deadline, length != 0, err));
    }
}

/* Copies the value of a header, without blanks around it; false when it is missing or too long. */
static bool find_header(const char *answer, const char *name, char *value, size_t size)
{
    const size_t name_length = strlen(name);
    for (const char *line = strstr(answer, "\r\n"); line != NULL; line = strstr(line, "\r\n")) {
        line += 2;
        if (strncasecmp(line, name, name_length) != 0 || line[name_length] != ':') {
            continue;
        }
        const char *begin = line + name_length + 1;
        const char *end = strstr(begin, "\r\n");
        begin += strspn(begin, " \t");
        while (end > begin && (end[-1] == ' ' || end[-1] == '\t')) {
            end--;
        }
        const size_t length = end > begin ? (size_t)(end - begin) : 0;
        if (length >= size) {
            return false;
        }
        memcpy(value, begin, length);
        value[length] = '\0';
        return true;
    }
    return false;
}

/* Is `token` one of the comma-separated words? */
static bool has_token(const char *value, const char *token)
{
    const size_t length = strlen(token);
    for (const char *at = value; *at != '\0';) {
        at += strspn(at, ", \t");
        const size_t word = strcspn(at, ", \t");
        if (word == length && strncasecmp(at, token, length) == 0) {
            return true;
        }
        at += word;
    }
    return false;
}

/* NULL, or what is wrong with it. */
static const char *check_answer(const char *answer, const char *accept, bool plain)
{
    char value[128];
    if (!find_header(answer, "Upgrade", value, sizeof value) ||
        strcasecmp(value, "websocket") != 0 ||
        !find_header(answer, "Connection", value, sizeof value) || !has_token(value, "upgrade")) {
        return "the answer upgrades to something else";
    }
    if (!find_header(answer, "Sec-WebSocket-Accept", value, sizeof value) ||
        strcmp(value, accept) != 0) {
        return "Sec-WebSocket-Accept does not belong to our key";
    }
    const bool chosen = find_header(answer, "Sec-WebSocket-Protocol", value, sizeof value);
    if (plain && chosen) {
        return "the answer chooses a subprotocol that was not asked for";
    }
    if (!plain && (!chosen || strcmp(value, SYI_WEBSOCKET_SUBPROTOCOL) != 0)) {
        return "the server does not speak the subprotocol " SYI_WEBSOCKET_SUBPROTOCOL;
    }
    if (find_header(answer, "Sec-WebSocket-Extensions", value, sizeof value) && value[0] != '\0') {
        return "the answer uses an extension that was not asked for";
    }
    return NULL;
}

sy_status syi_websocket_handshake(syi_stream *stream, const syi_url *url, bool plain,
                                  uint64_t deadline, sy_error *err)
{
    uint8_t nonce[16];
    char key[SYI_WEBSOCKET_KEY_SIZE];
    char accept[SYI_WEBSOCKET_ACCEPT_SIZE];
    char answer[ANSWER_MAX];
    SY_TRY(syi_random_bytes(stream->context, nonce, sizeof nonce, err));
    EVP_EncodeBlock((unsigned char *)key, nonce, sizeof nonce);
    SY_TRY(syi_websocket_accept(accept, key, err));
    SY_TRY(send_request(stream, url, key, plain, deadline, err));
    SY_TRY(read_answer(stream, answer, deadline, err));
    if (strncmp(answer, "HTTP/1.1 101", 12) != 0) {
        return syi_fail_object(err, SY_EPROTO, stream->url,
                               "%s: the server answered the websocket handshake with \"%.*s\"",
                               stream->url, (int)strcspn(answer, "\r\n"), answer);
    }
    const char *wrong = check_answer(answer, accept, plain);
    return wrong == NULL ? SY_OK
                         : syi_fail_object(err, SY_EPROTO, stream->url,
                                           "%s: websocket handshake: %s", stream->url, wrong);
}
