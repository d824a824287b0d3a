/*
 * envelope.c - hostile bodies of the envelope: byte 0 chooses HELLO, ERROR, DELETE or a URL. What decodes
 * is written again and must decode to the same.
 */
#include <stdlib.h>
#include <string.h>

#include "messaging/control.h"
#include "transport/transport.h"

static void require(bool promise)
{
    if (!promise) {
        abort();
    }
}

static void check_hello(syi_buffer *out, const uint8_t *bytes, size_t size)
{
    syi_hello hello;
    syi_hello again;
    if (syi_hello_decode(&hello, bytes, size, NULL) != SY_OK) {
        return;
    }
    require(!sy_id_is_none(&hello.worker) && hello.wire_min <= hello.wire_max);
    require(memchr(hello.library, '\0', sizeof hello.library) != NULL);
    syi_hello_encode(out, &hello);
    require(syi_hello_decode(&again, out->data, out->length, NULL) == SY_OK);
    require(sy_id_equal(&again.worker, &hello.worker));
    require(again.wire_max == hello.wire_max && again.has_session == hello.has_session);
    require(memcmp(again.token, hello.token, SYI_SESSION_SIZE) == 0);
    require(memchr(hello.bearer, '\0', sizeof hello.bearer) != NULL);
    require(strcmp(again.bearer, hello.bearer) == 0);
    require(again.rests == hello.rests);
    require(!hello.has_received ||
            (again.rest_bytes == hello.rest_bytes && again.rest_check == hello.rest_check));
}

static void check_error(syi_buffer *out, const uint8_t *bytes, size_t size)
{
    sy_error error;
    sy_error again;
    if (syi_error_decode(&error, bytes, size) != SY_OK) {
        return;
    }
    require(error.status != SY_OK);
    require(memchr(error.message, '\0', sizeof error.message) != NULL);
    require(memchr(error.worker, '\0', sizeof error.worker) != NULL);
    require(memchr(error.object, '\0', sizeof error.object) != NULL);
    syi_error_encode(out, &error);
    require(syi_error_decode(&again, out->data, out->length) == SY_OK);
    require(again.status == error.status && strcmp(again.message, error.message) == 0);
}

static void count_one(void *user, const syi_deletion *deletion)
{
    (void)deletion;
    require(++*(size_t *)user <= SYI_DELETIONS_MAX);
}

static void check_url(const uint8_t *bytes, size_t size)
{
    char text[600];
    syi_url url;
    sy_error err = SY_ERROR_INIT;
    size = size < sizeof text - 1 ? size : sizeof text - 1;
    memcpy(text, bytes, size);
    text[size] = '\0';
    if (syi_url_parse(&url, text, &err) != SY_OK) {
        require(err.status == SY_EINVAL && err.message[0] != '\0');
        return;
    }
    require(memchr(url.host, '\0', sizeof url.host) != NULL && url.host[0] != '\0');
    require(memchr(url.path, '\0', sizeof url.path) != NULL);
    require(strlen(text) < 512); /* what a worker keeps of it */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static sy_context *context; /* for all inputs */
    if (context == NULL) {
        require(sy_context_new(&context, NULL, NULL) == SY_OK);
    }
    if (size == 0) {
        return 0;
    }
    syi_buffer out;
    size_t count = 0;
    syi_buffer_init(&out, context, 1u << 20);
    switch (data[0] & 3) {
    case 0:
        check_hello(&out, data + 1, size - 1);
        break;
    case 1:
        check_error(&out, data + 1, size - 1);
        break;
    case 2:
        (void)syi_deletions_decode(data + 1, size - 1, count_one, &count, NULL);
        break;
    default:
        check_url(data + 1, size - 1);
    }
    syi_buffer_fini(&out);
    return 0;
}
