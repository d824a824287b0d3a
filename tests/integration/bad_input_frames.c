/*
 * bad_input_frames.c - frames that no csyft client sends, at the level of sessions: out of order, of unknown
 * kinds, cut off, nested without end, with counts that promise what does not come. Each is answered by a
 * status and a sentence (or by closing the connection, where nothing that follows could be understood), and
 * the worker serves the next request with the store it had before.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/property.h"
#include "support/raw_client.h"
#include "support/worker_kinds.h"

enum { OBJECT = 500, OTHER = 501, RESULT = 502, PRIVATE = 503 };

typedef struct frames {
    workers *w;
    raw_client c;
    size_t count; /* objects of bob */
} frames;

static raw_client open_raw(workers *w)
{
    raw_client c;
    raw_open(&c, w->places[0].context, w->bob_serving, w->kind->url != NULL ? w->bob->url : NULL);
    return c;
}

static raw_client greeted(workers *w, const char *id)
{
    raw_client c = open_raw(w);
    assert_ok(raw_greet(&c, id, NULL), &c.said);
    return c;
}

static void publish(workers *w, int64_t id, bool private_)
{
    sy_tensor *tensor = NULL;
    const sy_id name = sy_id_from_int(id);
    const float values[] = {1, 2, 3};
    assert_ok(
        sy_tensor_from_floats(sy_worker_get_hook(w->bob_serving), &tensor, values, 3, &w->err),
        &w->err);
    assert_ok(sy_tensor_set_id(tensor, &name, &w->err), &w->err);
    assert_ok(sy_worker_publish(w->bob_serving, tensor, private_, &w->err), &w->err);
    sy_tensor_unref(tensor);
}

static frames start(workers *w)
{
    frames f = {.w = w};
    publish(w, OBJECT, false);
    publish(w, OTHER, false);
    publish(w, PRIVATE, true);
    f.c = greeted(w, "stranger");
    f.count = sy_worker_get_object_count(w->bob_serving);
    assert_int_equal(f.count, 3);
    return f;
}

/* The same connection, or another, is served; nothing was added or lost. */
static void assert_serves(frames *f, raw_client *c)
{
    raw_put_command(c, "add", OBJECT, OTHER, RESULT);
    assert_ok(raw_request(c, SYI_KIND_COMMAND), &c->said);
    raw_put_object_request(c, RESULT, false);
    assert_ok(raw_request(c, SYI_KIND_OBJECT_REQUEST), &c->said);
    raw_put_worker_command(c, "objects_count", 0);
    assert_ok(raw_request(c, SYI_KIND_WORKER_COMMAND), &c->said);
    assert_int_equal(sy_worker_get_object_count(f->w->bob_serving), f->count);
}

static void end(frames *f)
{
    assert_serves(f, &f->c);
    raw_close(&f->c);
}

/* Removes an object that was sent, by its id alone. */
static void remove_object(raw_client *c, int64_t id)
{
    raw_put_worker_command(c, "delete", 1);
    syi_msgpack_write_int(&c->body, id);
    assert_ok(raw_request(c, SYI_KIND_WORKER_COMMAND), &c->said);
}

static void assert_says(const raw_client *c, const char *words)
{
    if (strstr(c->said.message, words) == NULL) {
        fail_msg("'%s' is not in '%s'", words, c->said.message);
    }
    assert_string_equal(c->said.worker, "bob");
}

#define assert_request_fails(c, kind, expected)                             \
    do {                                                                    \
        const sy_status request_status = raw_request((c), (kind));          \
        if (request_status != (expected)) {                                 \
            fail_msg("%s, expected %s: %s", sy_status_name(request_status), \
                     sy_status_name(expected), (c)->said.message);          \
        }                                                                   \
    } while (0)

static const int kinds[] = {SYI_KIND_COMMAND, SYI_KIND_OBJECT,        SYI_KIND_OBJECT_REQUEST,
                            SYI_KIND_IS_NONE, SYI_KIND_GET_SHAPE,     SYI_KIND_DELETE,
                            SYI_KIND_SEARCH,  SYI_KIND_WORKER_COMMAND};
#define KIND_COUNT (sizeof kinds / sizeof kinds[0])

/* An ordinary request of that kind; it changes nothing for long. */
static void put_body(raw_client *c, int kind)
{
    switch (kind) {
    case SYI_KIND_COMMAND:
        raw_put_command(c, "add_", OBJECT, OTHER, RESULT);
        break;
    case SYI_KIND_OBJECT:
        raw_put_object(c, RESULT, 2, (const float[]){1, 2});
        break;
    case SYI_KIND_OBJECT_REQUEST:
        raw_put_object_request(c, OBJECT, true);
        break;
    case SYI_KIND_IS_NONE:
    case SYI_KIND_GET_SHAPE:
        raw_put_question(c, OBJECT, "data");
        break;
    case SYI_KIND_DELETE:
        raw_put_deletion(c, 4711, 1);
        break;
    case SYI_KIND_SEARCH:
        syi_msgpack_write_array(&c->body, 2);
        syi_encode_text(&c->body, "#nothing");
        syi_encode_text(&c->body, "of the kind");
        break;
    default:
        raw_put_worker_command(c, "requires_grad_", 2);
        raw_put_pointer(c, OTHER, NULL);
        syi_msgpack_write_bool(&c->body, false);
        break;
    }
}

/* --- greeting ----------------------------------------------------------------------------------------- */

static void assert_closed(raw_client *c)
{
    assert_int_equal(raw_receive(c), SY_ECLOSED);
}

static void test_not_greeted(void **state)
{
    frames f = start(*state);
    for (size_t k = 0; k < KIND_COUNT; k++) {
        raw_client c = open_raw(f.w);
        put_body(&c, kinds[k]);
        assert_request_fails(&c, kinds[k], SY_EPROTO);
        assert_says(&c, "before the greeting");
        assert_closed(&c);
        raw_close(&c);
    }
    end(&f);
}

static void test_second_greeting(void **state)
{
    frames f = start(*state);
    raw_client c = greeted(f.w, "twice");
    assert_int_equal(raw_greet(&c, "somebody-else", NULL), SY_EPROTO);
    assert_says(&c, "second greeting");
    assert_closed(&c);
    raw_close(&c);
    end(&f);
}

static void test_truncated_greetings(void **state)
{
    frames f = start(*state);
    syi_hello hello = {.wire_min = 1, .wire_max = 1, .has_session = true, .body_max = 1};
    uint8_t bytes[512];
    hello.worker = sy_id_from_int(77);
    raw_client c = open_raw(f.w);
    syi_hello_encode(&c.body, &hello);
    const size_t length = c.body.length;
    assert_in_range(length, 60, sizeof bytes);
    memcpy(bytes, c.body.data, length);
    raw_close(&c);
    for (size_t cut = 0; cut < length; cut++) {
        c = open_raw(f.w);
        const sy_status status = raw_request_bytes(&c, SYI_KIND_HELLO, bytes, cut);
        assert_int_equal(status, SY_EFORMAT);
        assert_closed(&c);
        raw_close(&c);
    }
    end(&f);
}

static void test_greetings_of_others(void **state)
{
    frames f = start(*state);
    const syi_hello hellos[] = {
        {.wire_min = 2, .wire_max = 9, .worker = sy_id_from_int(1)}, /* of the future */
        {.wire_min = 3, .wire_max = 2, .worker = sy_id_from_int(1)}, /* no range */
        {.wire_min = 0, .wire_max = 0, .worker = sy_id_from_int(1)}, /* none */
        {.wire_min = INT64_MIN, .wire_max = -1, .worker = sy_id_from_int(1)},
    };
    for (size_t k = 0; k < sizeof hellos / sizeof hellos[0]; k++) {
        raw_client c = open_raw(f.w);
        syi_hello_encode(&c.body, &hellos[k]);
        const sy_status status = raw_request(&c, SYI_KIND_HELLO);
        assert_true(status == SY_ENOTSUP || status == SY_EFORMAT);
        assert_string_equal(c.said.worker, "bob");
        assert_closed(&c);
        raw_close(&c);
    }
    /* unknown fields are skipped */
    raw_client c = open_raw(f.w);
    syi_msgpack_write_map(&c.body, 3);
    raw_put_text(&c, "wire");
    syi_msgpack_write_array(&c.body, 2);
    syi_msgpack_write_int(&c.body, 1);
    syi_msgpack_write_int(&c.body, 1);
    raw_put_text(&c, "from the future");
    syi_msgpack_write_map(&c.body, 1);
    syi_msgpack_write_int(&c.body, 5);
    syi_msgpack_write_array(&c.body, 1);
    syi_msgpack_write_nil(&c.body);
    raw_put_text(&c, "worker");
    syi_msgpack_write_int(&c.body, 5);
    assert_ok(raw_request(&c, SYI_KIND_HELLO), &c.said);
    assert_serves(&f, &c);
    raw_close(&c);
    end(&f);
}

/* --- sessions ------------------------------------------------------------------------------------------- */

static void test_a_stolen_session_needs_its_token(void **state)
{
    frames f = start(*state);
    raw_client a = greeted(f.w, "owner");
    raw_put_object(&a, RESULT, 1, (const float[]){5});
    assert_ok(raw_request(&a, SYI_KIND_OBJECT), &a.said);

    raw_client thief = open_raw(f.w);
    raw_client claim = a;
    claim.token[SYI_SESSION_SIZE - 1] ^= 1;
    assert_ok(raw_greet(&thief, "owner", &claim), &thief.said); /* served, as somebody new */
    assert_memory_not_equal(thief.session, a.session, SYI_SESSION_SIZE);
    raw_put_deletion(&thief, RESULT, 0); /* 0: what this session made there */
    assert_int_equal(raw_send(&thief, SYI_KIND_DELETE, thief.body.data, thief.body.length), SY_OK);
    syi_buffer_clear(&thief.body);
    raw_put_object(&thief, RESULT, 1, (const float[]){6});
    assert_request_fails(&thief, SYI_KIND_OBJECT, SY_EEXIST);
    raw_close(&thief);
    raw_put_object_request(&a, RESULT, true);
    assert_ok(raw_request(&a, SYI_KIND_OBJECT_REQUEST), &a.said);

    /* with the token the objects are the new connection's, and the old one's no more */
    raw_client heir = open_raw(f.w);
    assert_ok(raw_greet(&heir, "owner", &a), &heir.said);
    assert_memory_equal(heir.session, a.session, SYI_SESSION_SIZE);
    raw_put_object(&heir, RESULT, 1, (const float[]){7});
    assert_ok(raw_request(&heir, SYI_KIND_OBJECT), &heir.said);
    remove_object(&heir, RESULT);
    assert_serves(&f, &heir);
    raw_close(&a);
    raw_close(&heir);
    end(&f);
}

/* --- kinds ------------------------------------------------------------------------------------------------ */

static void test_unknown_kinds(void **state)
{
    frames f = start(*state);
    static const int unknown[] = {
        0, SYI_KIND_REPLY, SYI_KIND_ERROR, SYI_KIND_PONG, 7, 31, 32, 40, 52, 54, 255, 65535};
    for (size_t k = 0; k < sizeof unknown / sizeof unknown[0]; k++) {
        put_body(&f.c, SYI_KIND_COMMAND);
        assert_request_fails(&f.c, unknown[k], SY_ENOTSUP);
        assert_string_equal(f.c.said.worker, "bob");
        assert_serves(&f, &f.c);
    }
    end(&f);
}

/* --- truncated and garbled bodies ---------------------------------------------------------------------------- */

static void test_truncated_bodies(void **state)
{
    frames f = start(*state);
    for (size_t k = 0; k < KIND_COUNT; k++) {
        uint8_t bytes[512];
        put_body(&f.c, kinds[k]);
        const size_t length = f.c.body.length;
        assert_in_range(length, 4, sizeof bytes);
        memcpy(bytes, f.c.body.data, length);
        syi_buffer_clear(&f.c.body);
        for (size_t cut = 0; cut < length; cut++) {
            const sy_status status = raw_request_bytes(&f.c, kinds[k], bytes, cut);
            if (status != SY_EFORMAT) {
                fail_msg("%s cut to %zu of %zu bytes: %s", syi_kind_text(kinds[k]), cut, length,
                         sy_status_name(status));
            }
            assert_string_equal(f.c.said.worker, "bob");
        }
        assert_serves(&f, &f.c);
    }
    end(&f);
}

/* Each byte in turn changed to each of a few others: any answer but silence, and nothing breaks. */
static void test_garbled_bodies(void **state)
{
    frames f = start(*state);
    static const uint8_t values[] = {0x00, 0x01, 0x7f, 0x90, 0x91, 0xc0, 0xc4, 0xc6,
                                     0xcf, 0xd3, 0xdb, 0xdc, 0xdd, 0xde, 0xdf, 0xff};
    for (size_t k = 0; k < KIND_COUNT; k++) {
        uint8_t bytes[512];
        if (kinds[k] == SYI_KIND_DELETE) {
            continue; /* answered only when it fails: test_garbled_deletions */
        }
        put_body(&f.c, kinds[k]);
        const size_t length = f.c.body.length;
        memcpy(bytes, f.c.body.data, length);
        syi_buffer_clear(&f.c.body);
        for (size_t at = 0; at < length; at++) {
            const uint8_t was = bytes[at];
            for (size_t v = 0; v < sizeof values; v++) {
                bytes[at] = values[v];
                const sy_status status = raw_request_bytes(&f.c, kinds[k], bytes, length);
                assert_int_not_equal(status, SY_ECLOSED);
                assert_int_not_equal(status, SY_ETIMEDOUT);
            }
            bytes[at] = was;
        }
    }
    raw_client c = greeted(f.w, "afterwards");
    raw_put_worker_command(&c, "whoami", 0);
    assert_ok(raw_request(&c, SYI_KIND_WORKER_COMMAND), &c.said);
    raw_close(&c);
    raw_close(&f.c);
}

static void test_garbled_deletions(void **state)
{
    frames f = start(*state);
    uint8_t bytes[64];
    raw_put_deletion(&f.c, OBJECT, 999999);
    const size_t length = f.c.body.length;
    memcpy(bytes, f.c.body.data, length);
    syi_buffer_clear(&f.c.body);
    for (size_t at = 0; at < length; at++) {
        const uint8_t was = bytes[at];
        for (int value = 0; value < 256; value += 5) {
            bytes[at] = (uint8_t)value;
            assert_int_equal(raw_send(&f.c, SYI_KIND_DELETE, bytes, length), SY_OK);
            /* an error may come for the deletion; the count for the request behind it */
            raw_put_worker_command(&f.c, "objects_count", 0);
            assert_int_equal(
                raw_send(&f.c, SYI_KIND_WORKER_COMMAND, f.c.body.data, f.c.body.length), SY_OK);
            syi_buffer_clear(&f.c.body);
            do {
                assert_int_not_equal(raw_receive(&f.c), SY_ECLOSED);
            } while (f.c.reply.id != f.c.last_id);
            assert_int_equal(f.c.reply.kind, SYI_KIND_REPLY);
        }
        bytes[at] = was;
    }
    /* more than are taken at once */
    syi_msgpack_write_array(&f.c.body, 1025);
    for (int k = 0; k < 1025; k++) {
        syi_msgpack_write_array(&f.c.body, 2);
        syi_msgpack_write_int(&f.c.body, k);
        syi_msgpack_write_int(&f.c.body, 1);
    }
    assert_request_fails(&f.c, SYI_KIND_DELETE, SY_ELIMIT);
    end(&f);
}

/* --- bombs --------------------------------------------------------------------------------------------------- */

static void assert_refused_bomb(const raw_client *c, sy_status status)
{
    if (status != SY_EFORMAT && status != SY_ELIMIT && status != SY_ENOTSUP) {
        fail_msg("%s: %s", sy_status_name(status), c->said.message);
    }
}

static void test_nesting(void **state)
{
    frames f = start(*state);
    static const struct {
        const char *unit;
        size_t size;
    } units[] = {{"\x91", 1},
                 {"\x92\x01", 2},
                 {"\x81\xa0", 2},
                 {"\x92\x06\x91", 3},
                 {"\x92\x01\x91", 3},
                 {"\x92\x12\x92\xc0", 4},
                 {"\x92\x0e\x9a\x01\xc0", 5}};
    uint8_t *bomb = malloc(1000000);
    for (size_t u = 0; u < sizeof units / sizeof units[0]; u++) {
        static const size_t depths[] = {33, 65, 1000, 150000 / TEST_SLOWNESS};
        for (size_t d = 0; d < sizeof depths / sizeof depths[0]; d++) {
            for (size_t k = 0; k < depths[d]; k++) {
                memcpy(bomb + k * units[u].size, units[u].unit, units[u].size);
            }
            for (size_t k = 0; k < KIND_COUNT; k++) {
                const sy_status status =
                    raw_request_bytes(&f.c, kinds[k], bomb, depths[d] * units[u].size);
                assert_refused_bomb(&f.c, status);
            }
            /* as an object */
            syi_msgpack_write_array(&f.c.body, 2);
            syi_msgpack_write_nil(&f.c.body);
            syi_buffer_append(&f.c.body, bomb, depths[d] * units[u].size);
            assert_refused_bomb(&f.c, raw_request(&f.c, SYI_KIND_OBJECT));
            /* as an argument */
            raw_put_worker_command(&f.c, "keep", 1);
            syi_buffer_append(&f.c.body, bomb, depths[d] * units[u].size);
            assert_refused_bomb(&f.c, raw_request(&f.c, SYI_KIND_WORKER_COMMAND));
        }
    }
    free(bomb);
    end(&f);
}

/* Counts and lengths that promise more than the frame holds: refused before anything is allocated. */
static void test_huge_counts(void **state)
{
    frames f = start(*state);
    static const uint8_t heads[] = {0xdd, 0xdf, 0xdb, 0xc6, 0xdc, 0xde, 0xda, 0xc5, 0xc9};
    const sy_context *there = sy_hook_get_context(sy_worker_get_hook(f.w->bob_serving));
    const uint64_t peak = sy_context_get_memory_use(there).peak;
    const place *p = &f.w->places[f.w->kind->url != NULL ? 2 : 0];
    const size_t bytes_before = p->memory.peak_bytes;
    for (size_t h = 0; h < sizeof heads; h++) {
        const uint8_t head[] = {heads[h], 0xff, 0xff, 0xff, 0xff};
        for (size_t k = 0; k < KIND_COUNT; k++) {
            const sy_status status = raw_request_bytes(&f.c, kinds[k], head, sizeof head);
            assert_refused_bomb(&f.c, status);
        }
        /* inside: as the arguments, their list, the names, the ids */
        for (int place_of_head = 0; place_of_head < 4; place_of_head++) {
            syi_msgpack_write_array(&f.c.body, 4);
            raw_put_text(&f.c, "neg");
            if (place_of_head == 1) {
                syi_msgpack_write_array(&f.c.body, 2);
                syi_msgpack_write_int(&f.c.body, SYI_CODE_LIST);
            } else if (place_of_head > 1) {
                raw_put_list(&f.c, 1);
                raw_put_pointer(&f.c, OBJECT, NULL);
            }
            if (place_of_head == 3) {
                syi_msgpack_write_map(&f.c.body, 0);
            }
            syi_buffer_append(&f.c.body, head, sizeof head);
            assert_refused_bomb(&f.c, raw_request(&f.c, SYI_KIND_COMMAND));
        }
    }
    assert_in_range(sy_context_get_memory_use(there).peak, 0, peak + 4096);
    assert_in_range(p->memory.peak_bytes, 0, bytes_before + (1u << 20));
    end(&f);
}

static void test_ten_megabytes_of_garbage(void **state)
{
    frames f = start(*state);
    property_random random = property_start("garbage");
    const size_t size = (10u << 20) / TEST_SLOWNESS;
    uint8_t *garbage = malloc(size);
    for (size_t k = 0; k + 8 <= size; k += 8) {
        const uint64_t draw = property_next(&random);
        memcpy(garbage + k, &draw, 8);
    }
    for (size_t k = 0; k < KIND_COUNT; k++) {
        const sy_status status = raw_request_bytes(&f.c, kinds[k], garbage, size);
        assert_int_not_equal(status, SY_OK);
        assert_int_not_equal(status, SY_ECLOSED);
        assert_string_equal(f.c.said.worker, "bob");
    }
    free(garbage);
    end(&f);
}

/* The same without any frame, to the port itself. */
static void test_garbage_instead_of_a_handshake(void **state)
{
    frames f = start(*state);
    static const char *const beginnings[] = {"", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "CSY1",
                                             "\x16\x03\x01\x02"};
    const size_t size = 10u << 20;
    uint8_t *garbage = malloc(size);
    for (size_t b = 0; b < sizeof beginnings / sizeof beginnings[0]; b++) {
        const struct sockaddr_in address = {
            .sin_family = AF_INET,
            .sin_port = htons((uint16_t)atoi(strrchr(f.w->bob->url, ':') + 1)),
            .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
        };
        const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const struct timeval patience = {.tv_sec = 20};
        char answer[4096];
        memset(garbage, 0xA5, size);
        memcpy(garbage, beginnings[b], strlen(beginnings[b]));
        assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        size_t sent = 0;
        while (sent < size) {
            const ssize_t n = send(fd, garbage + sent, size - sent, MSG_NOSIGNAL);
            if (n <= 0) {
                break; /* closed by the worker: what is wanted */
            }
            sent += (size_t)n;
        }
        shutdown(fd, SHUT_WR);
        ssize_t n;
        while ((n = recv(fd, answer, sizeof answer, 0)) > 0) {
        }
        assert_true(n == 0 || errno == ECONNRESET); /* not the patience */
        close(fd);
        assert_serves(&f, &f.c);
    }
    free(garbage);
    end(&f);
}

/* --- contents ---------------------------------------------------------------------------------------------------- */

/* [id, [14, [7, [dtype, shape, bytes], nil ...]]] with the parts given. */
static void put_tensor(raw_client *c, const char *dtype, int ndim, const int64_t *shape,
                       size_t bytes)
{
    static const uint8_t zeros[4096];
    syi_msgpack_write_array(&c->body, 2);
    syi_msgpack_write_int(&c->body, RESULT);
    syi_msgpack_write_array(&c->body, 2);
    syi_msgpack_write_int(&c->body, SYI_CODE_TENSOR);
    syi_msgpack_write_array(&c->body, 2);
    syi_msgpack_write_int(&c->body, 7);
    syi_msgpack_write_array(&c->body, 3);
    raw_put_text(c, dtype);
    syi_msgpack_write_array(&c->body, (size_t)ndim);
    for (int k = 0; k < ndim; k++) {
        syi_msgpack_write_int(&c->body, shape[k]);
    }
    syi_msgpack_write_bin(&c->body, zeros, bytes);
}

static void test_tensors_that_are_none(void **state)
{
    frames f = start(*state);
    raw_client *c = &f.c;
    static const struct {
        const char *dtype;
        int ndim;
        int64_t shape[10];
        size_t bytes;
        sy_status status;
    } tensors[] = {
        {"float32", 2, {1000000, 1000000}, 0, SY_EFORMAT},
        {"float32", 1, {3}, 11, SY_EFORMAT},
        {"float32", 1, {3}, 13, SY_EFORMAT},
        {"float32", 1, {-1}, 0, SY_ESHAPE},
        {"float32", 2, {INT64_MAX, INT64_MAX}, 0, SY_ESHAPE},
        {"float64", 3, {0, INT64_MAX, 2}, 0, SY_ESHAPE},
        {"float32", 9, {1, 1, 1, 1, 1, 1, 1, 1, 1}, 4, SY_EFORMAT},
        {"float16", 1, {2}, 4, SY_EDTYPE},
        {"", 1, {1}, 4, SY_EDTYPE},
        {"a dtype with a name that is much too long to be one", 1, {1}, 4, SY_EFORMAT},
    };
    for (size_t k = 0; k < sizeof tensors / sizeof tensors[0]; k++) {
        put_tensor(c, tensors[k].dtype, tensors[k].ndim, tensors[k].shape, tensors[k].bytes);
        assert_request_fails(c, SYI_KIND_OBJECT, tensors[k].status);
        assert_serves(&f, c);
    }
    end(&f);
}

/* Instead of bytes, segments that did not come or were used before. */
static void test_segments_that_did_not_come(void **state)
{
    frames f = start(*state);
    raw_client *c = &f.c;
    static const int64_t indices[] = {0, 1, -1, INT64_MAX};
    for (size_t k = 0; k < sizeof indices / sizeof indices[0]; k++) {
        syi_msgpack_write_array(&c->body, 2);
        syi_msgpack_write_int(&c->body, RESULT);
        syi_msgpack_write_array(&c->body, 2);
        syi_msgpack_write_int(&c->body, SYI_CODE_TENSOR);
        syi_msgpack_write_array(&c->body, 2);
        syi_msgpack_write_int(&c->body, 7);
        syi_msgpack_write_array(&c->body, 3);
        raw_put_text(c, "float32");
        syi_msgpack_write_array(&c->body, 1);
        syi_msgpack_write_int(&c->body, 100);
        syi_msgpack_write_int(&c->body, indices[k]);
        assert_request_fails(c, SYI_KIND_OBJECT, SY_EFORMAT);
        assert_says(c, "segment");
    }
    end(&f);
}

/* A segment that came, named by two tensors: only one can own it. */
static void test_segment_used_twice(void **state)
{
    frames f = start(*state);
    raw_client *c = &f.c;
    sy_error err = SY_ERROR_INIT;
    syi_storage *storage = NULL;
    syi_message message;
    const syi_message *one = &message;
    assert_ok(syi_storage_new(c->context, &storage, 400, NULL, &err), &err);
    memset(storage->data, 0, 400);
    syi_message_init(&message, c->context, 4096);
    message.kind = SYI_KIND_COMMAND;
    message.id = ++c->last_id;
    assert_ok(syi_message_add_segment(&message, storage, 0, 400, 0, &err), &err);
    syi_storage_unref(storage);
    syi_msgpack_write_array(&c->body, 4);
    raw_put_text(c, "add");
    raw_put_list(c, 2);
    for (int k = 0; k < 2; k++) {
        syi_msgpack_write_array(&c->body, 2);
        syi_msgpack_write_int(&c->body, SYI_CODE_TENSOR);
        syi_msgpack_write_array(&c->body, 2);
        syi_msgpack_write_nil(&c->body);
        syi_msgpack_write_array(&c->body, 3);
        raw_put_text(c, "float32");
        syi_msgpack_write_array(&c->body, 1);
        syi_msgpack_write_int(&c->body, 100);
        syi_msgpack_write_int(&c->body, 0);
    }
    syi_msgpack_write_map(&c->body, 0);
    syi_msgpack_write_array(&c->body, 0);
    syi_buffer_append(&message.body, c->body.data, c->body.length);
    syi_buffer_clear(&c->body);
    assert_ok(syi_connection_send(c->connection, &one, 1, raw_deadline(c), &err), &err);
    syi_message_fini(&message);
    assert_int_equal(raw_receive(c), SY_EFORMAT);
    assert_says(c, "segment");
    end(&f);
}

static void put_labels(raw_client *c, size_t tags, size_t tag_length, size_t description_length)
{
    char text[6000];
    memset(text, 'x', sizeof text);
    syi_msgpack_write_array(&c->body, 2);
    syi_msgpack_write_int(&c->body, RESULT);
    syi_msgpack_write_array(&c->body, 2);
    syi_msgpack_write_int(&c->body, SYI_CODE_TENSOR);
    syi_msgpack_write_array(&c->body, 6);
    syi_msgpack_write_int(&c->body, 7);
    raw_put_floats(c, 1, (const float[]){1});
    syi_msgpack_write_nil(&c->body);
    syi_msgpack_write_nil(&c->body);
    syi_msgpack_write_array(&c->body, 2);
    syi_msgpack_write_int(&c->body, SYI_CODE_SET);
    syi_msgpack_write_array(&c->body, tags);
    for (size_t k = 0; k < tags; k++) {
        syi_msgpack_write_bin(&c->body, text, tag_length);
    }
    if (tags == 0) {
        syi_msgpack_write_str(&c->body, text, description_length);
    } else {
        syi_msgpack_write_nil(&c->body);
    }
}

static void test_labels(void **state)
{
    frames f = start(*state);
    raw_client *c = &f.c;
    put_labels(c, 1025, 1, 0);
    assert_request_fails(c, SYI_KIND_OBJECT, SY_ELIMIT);
    put_labels(c, 1, 256, 0);
    assert_request_fails(c, SYI_KIND_OBJECT, SY_EINVAL);
    put_labels(c, 1, 0, 0);
    assert_request_fails(c, SYI_KIND_OBJECT, SY_EINVAL);
    put_labels(c, 0, 0, 4097);
    assert_request_fails(c, SYI_KIND_OBJECT, SY_EINVAL);
    /* search: a term that is none, and more than are looked for */
    syi_msgpack_write_array(&c->body, 1);
    syi_msgpack_write_nil(&c->body);
    assert_request_fails(c, SYI_KIND_SEARCH, SY_EFORMAT);
    syi_msgpack_write_array(&c->body, 65);
    for (int k = 0; k < 65; k++) {
        syi_encode_text(&c->body, "x");
    }
    assert_request_fails(c, SYI_KIND_SEARCH, SY_ELIMIT);
    end(&f);
}

static void test_ids_that_are_none(void **state)
{
    frames f = start(*state);
    raw_client *c = &f.c;
    static const struct {
        const char *bytes;
        size_t size;
    } texts[] = {
        {"", 0},         {"a\0b", 3},
        {"a\nb", 3},     {"\xff\xfe", 2},
        {"\x1b[31m", 5}, {"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", 64}};
    for (size_t k = 0; k < sizeof texts / sizeof texts[0]; k++) {
        syi_msgpack_write_array(&c->body, 2);
        syi_msgpack_write_array(&c->body, 2);
        syi_msgpack_write_int(&c->body, SYI_CODE_STR);
        syi_msgpack_write_array(&c->body, 1);
        syi_msgpack_write_bin(&c->body, texts[k].bytes, texts[k].size);
        syi_msgpack_write_bool(&c->body, true);
        const sy_status status = raw_request(c, SYI_KIND_OBJECT_REQUEST);
        assert_true(status == SY_EINVAL || status == SY_EFORMAT || status == SY_ENOTFOUND);
    }
    /* no id at all: nothing is found; an object gets its own */
    syi_msgpack_write_array(&c->body, 2);
    syi_msgpack_write_nil(&c->body);
    syi_msgpack_write_bool(&c->body, true);
    assert_request_fails(c, SYI_KIND_OBJECT_REQUEST, SY_ENOTFOUND);
    end(&f);
}

static void test_pointers_that_are_none(void **state)
{
    frames f = start(*state);
    raw_client *c = &f.c;
    /* [25, fields]: too few, to nothing, to a worker that is not known, a false type */
    for (int form = 0; form < 5; form++) {
        syi_msgpack_write_array(&c->body, 2);
        syi_msgpack_write_nil(&c->body);
        syi_msgpack_write_array(&c->body, 2);
        syi_msgpack_write_int(&c->body, form == 4 ? 9999 : SYI_CODE_POINTER);
        if (form == 0) {
            syi_msgpack_write_array(&c->body, 3);
            for (int k = 0; k < 3; k++) {
                syi_msgpack_write_nil(&c->body);
            }
            assert_request_fails(c, SYI_KIND_OBJECT, SY_EFORMAT);
            continue;
        }
        syi_msgpack_write_array(&c->body, 6);
        syi_msgpack_write_nil(&c->body);
        if (form == 1) {
            syi_msgpack_write_nil(&c->body);
        } else {
            syi_msgpack_write_int(&c->body, form == 2 ? 31337 : OBJECT);
        }
        syi_encode_text(&c->body, form == 3 ? "nobody-known" : "bob");
        syi_msgpack_write_nil(&c->body);
        syi_msgpack_write_nil(&c->body);
        syi_msgpack_write_bool(&c->body, true);
        const sy_status status = raw_request(c, SYI_KIND_OBJECT);
        const sy_status expected[] = {SY_EFORMAT, SY_ENOTFOUND, SY_ENOTFOUND, SY_ENOTFOUND,
                                      SY_ENOTSUP};
        if (status != expected[form] && !(form == 1 && status == SY_EFORMAT)) {
            fail_msg("form %d: %s: %s", form, sy_status_name(status), c->said.message);
        }
    }
    /* attributes that are none */
    static const char *const names[] = {"__class__", "grad.__dict__", "storage"};
    for (size_t k = 0; k < sizeof names / sizeof names[0]; k++) {
        raw_put_question(c, OBJECT, names[k]);
        const sy_status status = raw_request(c, SYI_KIND_IS_NONE);
        assert_true(status == SY_EFORBIDDEN || (k == 1 && status == SY_OK)); /* no .grad: none */
    }
    end(&f);
}

/* A bare pointer as an object is another handle: the object keeps its own id, and its place. */
static void test_alias_by_a_bare_pointer(void **state)
{
    frames f = start(*state);
    raw_client *c = &f.c;
    sy_tensor *object = NULL;
    const sy_id own = sy_id_from_int(OBJECT);
    syi_msgpack_write_array(&c->body, 2);
    syi_msgpack_write_int(&c->body, RESULT);
    raw_put_pointer(c, OBJECT, NULL);
    assert_ok(raw_request(c, SYI_KIND_OBJECT), &c->said);
    assert_ok(sy_worker_get_object(f.w->bob_serving, &object, &own, &c->said), &c->said);
    const sy_id id = sy_tensor_get_id(object);
    sy_tensor_unref(object);
    assert_true(sy_id_equal(&id, &own));
    remove_object(c, RESULT);
    /* the same with a private one: as private under any id */
    syi_msgpack_write_array(&c->body, 2);
    syi_msgpack_write_int(&c->body, RESULT);
    raw_put_pointer(c, PRIVATE, NULL);
    assert_ok(raw_request(c, SYI_KIND_OBJECT), &c->said);
    raw_put_object_request(c, RESULT, true);
    assert_request_fails(c, SYI_KIND_OBJECT_REQUEST, SY_EPERM);
    remove_object(c, RESULT);
    end(&f);
}

/* --- commands ------------------------------------------------------------------------------------------------------ */

static void put_command(raw_client *c, const char *name, size_t pointers, size_t ids,
                        const int64_t *id_values)
{
    syi_msgpack_write_array(&c->body, 4);
    raw_put_text(c, name);
    raw_put_list(c, pointers);
    for (size_t k = 0; k < pointers; k++) {
        raw_put_pointer(c, OBJECT, NULL);
    }
    syi_msgpack_write_map(&c->body, 0);
    syi_msgpack_write_array(&c->body, ids);
    for (size_t k = 0; k < ids; k++) {
        syi_msgpack_write_int(&c->body,
                              id_values != NULL ? id_values[k] : RESULT + 100 + (int64_t)k);
    }
}

static void test_commands(void **state)
{
    frames f = start(*state);
    raw_client *c = &f.c;
    static const char *const forbidden[] = {"item",       "tolist",   "__bool__",  "frobnicate",
                                            "",           "add__",    "__class__", "os.system",
                                            "torch.load", "backward_"};
    for (size_t k = 0; k < sizeof forbidden / sizeof forbidden[0]; k++) {
        put_command(c, forbidden[k], 1, 1, NULL);
        assert_request_fails(c, SYI_KIND_COMMAND, SY_EFORBIDDEN);
        assert_says(c, "is not a supported Torch operation.");
    }
    char name[5000];
    memset(name, 'a', sizeof name);
    name[4999] = '\0';
    put_command(c, name, 1, 1, NULL);
    assert_request_fails(c, SYI_KIND_COMMAND, SY_EFORBIDDEN);
    put_command(c, "neg", 0, 1, NULL);
    assert_request_fails(c, SYI_KIND_COMMAND, SY_EINVAL);
    put_command(c, "neg", 9, 1, NULL);
    assert_request_fails(c, SYI_KIND_COMMAND, SY_EINVAL);
    put_command(c, "neg", 65, 1, NULL);
    assert_request_fails(c, SYI_KIND_COMMAND, SY_ELIMIT);
    put_command(c, "neg", 1, 65, NULL);
    assert_request_fails(c, SYI_KIND_COMMAND, SY_EFORMAT);
    assert_serves(&f, c);
    /* arguments of other kinds than the operation has */
    static const uint8_t plain[][12] = {{0xc0}, {0xc3}, {0xa1, 'x'}, {0x05}, {0xcb, 0x7f, 0xf0}};
    static const size_t sizes[] = {1, 1, 2, 1, 9};
    for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
        syi_msgpack_write_array(&c->body, 4);
        raw_put_text(c, "neg");
        raw_put_list(c, 1);
        syi_buffer_append(&c->body, plain[k], sizes[k]);
        syi_msgpack_write_map(&c->body, 0);
        syi_msgpack_write_array(&c->body, 0);
        assert_request_fails(c, SYI_KIND_COMMAND, SY_EINVAL);
    }
    end(&f);
}

/* Result ids that are taken: all results or none are registered. */
static void test_result_ids(void **state)
{
    frames f = start(*state);
    raw_client *c = &f.c;
    const int64_t taken[] = {RESULT, OTHER, RESULT + 1};
    syi_msgpack_write_array(&c->body, 4);
    raw_put_text(c, "split");
    raw_put_list(c, 2);
    raw_put_pointer(c, OBJECT, NULL);
    syi_msgpack_write_int(&c->body, 1);
    syi_msgpack_write_map(&c->body, 0);
    syi_msgpack_write_array(&c->body, 3);
    for (int k = 0; k < 3; k++) {
        syi_msgpack_write_int(&c->body, taken[k]);
    }
    assert_request_fails(c, SYI_KIND_COMMAND, SY_EEXIST);
    assert_says(c, "501");
    assert_int_equal(sy_worker_get_object_count(f.w->bob_serving), f.count);
    /* an own object that was there is there again */
    raw_put_object(c, RESULT, 1, (const float[]){5});
    assert_ok(raw_request(c, SYI_KIND_OBJECT), &c->said);
    syi_msgpack_write_array(&c->body, 4);
    raw_put_text(c, "split");
    raw_put_list(c, 2);
    raw_put_pointer(c, OBJECT, NULL);
    syi_msgpack_write_int(&c->body, 1);
    syi_msgpack_write_map(&c->body, 0);
    syi_msgpack_write_array(&c->body, 3);
    for (int k = 0; k < 3; k++) {
        syi_msgpack_write_int(&c->body, taken[k]);
    }
    assert_request_fails(c, SYI_KIND_COMMAND, SY_EEXIST);
    raw_put_object_request(c, RESULT, false);
    assert_ok(raw_request(c, SYI_KIND_OBJECT_REQUEST), &c->said);
    /* one id for two results: at most one object is left under it */
    put_command(c, "max", 1, 2, (const int64_t[]){RESULT, RESULT});
    (void)raw_request(c, SYI_KIND_COMMAND);
    raw_put_deletion(c, RESULT, 0);
    assert_int_equal(raw_send(c, SYI_KIND_DELETE, c->body.data, c->body.length), SY_OK);
    syi_buffer_clear(&c->body);
    /* the id of an argument that is not the caller's */
    put_command(c, "neg", 1, 1, (const int64_t[]){OBJECT});
    assert_request_fails(c, SYI_KIND_COMMAND, SY_EEXIST);
    end(&f);
}

static void test_worker_commands(void **state)
{
    frames f = start(*state);
    raw_client *c = &f.c;
    static const struct {
        const char *name;
        size_t count;
        sy_status status;
    } commands[] = {{"", 0, SY_EFORBIDDEN},           {"frobnicate", 0, SY_EFORBIDDEN},
                    {"whoami", 1, SY_EINVAL},         {"keep", 0, SY_EINVAL},
                    {"keep", 2, SY_EINVAL},           {"delete", 0, SY_EINVAL},
                    {"requires_grad_", 1, SY_EINVAL}, {"add_worker", 1, SY_EINVAL},
                    {"move", 1, SY_EINVAL},           {"mid_get", 0, SY_EINVAL}};
    for (size_t k = 0; k < sizeof commands / sizeof commands[0]; k++) {
        raw_put_worker_command(c, commands[k].name, commands[k].count);
        for (size_t i = 0; i < commands[k].count; i++) {
            syi_msgpack_write_int(&c->body, 1);
        }
        assert_request_fails(c, SYI_KIND_WORKER_COMMAND, commands[k].status);
    }
    /* arguments of the wrong kind */
    static const char *const one[] = {"keep", "mid_get"};
    for (size_t k = 0; k < 2; k++) {
        raw_put_worker_command(c, one[k], 1);
        syi_msgpack_write_int(&c->body, OBJECT);
        assert_request_fails(c, SYI_KIND_WORKER_COMMAND, SY_EINVAL);
    }
    raw_put_worker_command(c, "delete", 1);
    syi_msgpack_write_nil(&c->body);
    assert_request_fails(c, SYI_KIND_WORKER_COMMAND, SY_EINVAL);
    static const char *const two[] = {"requires_grad_", "set_grad", "add_worker"};
    for (size_t k = 0; k < 3; k++) {
        raw_put_worker_command(c, two[k], 2);
        syi_msgpack_write_int(&c->body, 1);
        syi_msgpack_write_int(&c->body, 1);
        assert_request_fails(c, SYI_KIND_WORKER_COMMAND, SY_EINVAL);
    }
    raw_put_worker_command(c, "requires_grad_", 2);
    raw_put_pointer(c, OBJECT, NULL);
    syi_msgpack_write_int(&c->body, 1);
    assert_request_fails(c, SYI_KIND_WORKER_COMMAND, SY_EINVAL);
    raw_put_worker_command(c, "move", 2);
    raw_put_pointer(c, OBJECT, NULL);
    syi_encode_text(&c->body, "nobody-known");
    assert_request_fails(c, SYI_KIND_WORKER_COMMAND, SY_ENOTFOUND);
    raw_put_worker_command(c, "move", 2);
    raw_put_pointer(c, OBJECT, NULL);
    syi_msgpack_write_nil(&c->body);
    const sy_status nowhere = raw_request(c, SYI_KIND_WORKER_COMMAND);
    assert_true(nowhere == SY_EINVAL || nowhere == SY_ENOTFOUND);
    end(&f);
}

/* Sessions that come and go: each is forgotten. */
static void test_many_connections(void **state)
{
    frames f = start(*state);
    for (int k = 0; k < 200; k++) {
        raw_client c = open_raw(f.w);
        if (k % 3 != 0) {
            assert_ok(raw_greet(&c, "passer-by", NULL), &c.said);
        }
        if (k % 3 == 2) {
            put_body(&c, SYI_KIND_OBJECT_REQUEST);
            assert_int_equal(raw_send(&c, SYI_KIND_OBJECT_REQUEST, c.body.data, c.body.length),
                             SY_OK);
        }
        raw_close(&c); /* without waiting for the answer */
    }
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIBRARY_WORKER_KINDS(test_not_greeted),
        LIBRARY_WORKER_KINDS(test_second_greeting),
        LIBRARY_WORKER_KINDS(test_truncated_greetings),
        LIBRARY_WORKER_KINDS(test_greetings_of_others),
        LIBRARY_WORKER_KINDS(test_a_stolen_session_needs_its_token),
        LIBRARY_WORKER_KINDS(test_unknown_kinds),
        LIBRARY_WORKER_KINDS(test_truncated_bodies),
        LIBRARY_WORKER_KINDS(test_garbled_bodies),
        LIBRARY_WORKER_KINDS(test_garbled_deletions),
        LIBRARY_WORKER_KINDS(test_nesting),
        LIBRARY_WORKER_KINDS(test_huge_counts),
        LIBRARY_WORKER_KINDS(test_ten_megabytes_of_garbage),
        REMOTE_WORKER_KINDS(test_garbage_instead_of_a_handshake),
        LIBRARY_WORKER_KINDS(test_tensors_that_are_none),
        LIBRARY_WORKER_KINDS(test_segments_that_did_not_come),
        LIBRARY_WORKER_KINDS(test_segment_used_twice),
        LIBRARY_WORKER_KINDS(test_labels),
        LIBRARY_WORKER_KINDS(test_ids_that_are_none),
        LIBRARY_WORKER_KINDS(test_pointers_that_are_none),
        LIBRARY_WORKER_KINDS(test_alias_by_a_bare_pointer),
        LIBRARY_WORKER_KINDS(test_commands),
        LIBRARY_WORKER_KINDS(test_result_ids),
        LIBRARY_WORKER_KINDS(test_worker_commands),
        LIBRARY_WORKER_KINDS(test_many_connections),
    };
    return workers_run(tests);
}
