/* control_test.c - bodies of HELLO, ERROR and DELETE: there and back, what is skipped, what is refused. */
#include "messaging/control.h"

#include <string.h>

#include "core/error.h"
#include "support/failing_allocator.h"
#include "support/test.h"

typedef struct fixture {
    failing_allocator memory;
    sy_context *context;
    syi_buffer out;
    sy_error err;
} fixture;

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    *state = f;
    f->context = failing_allocator_context(&f->memory);
    syi_buffer_init(&f->out, f->context, 1u << 20);
    return f->context != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    fixture *f = *state;
    syi_buffer_fini(&f->out);
    sy_context_free(f->context);
    const bool broken = f->memory.live != 0 || f->memory.broken;
    free(f);
    return broken;
}

#define control_test(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

static syi_hello hello_of(int64_t min, int64_t max)
{
    syi_hello hello = {.wire_min = min, .wire_max = max, .body_max = 1u << 20, .segments_max = 7};
    hello.worker = sy_id_from_int(3);
    memcpy(hello.library, "0.1.0", 6);
    return hello;
}

/* --- HELLO -------------------------------------------------------------------------------------------- */

static void test_hello(void **state)
{
    fixture *f = *state;
    for (int form = 0; form < 4; form++) {
        syi_hello sent = hello_of(1, 4);
        syi_hello got;
        if (form % 2 == 1) {
            assert_ok(sy_id_from_text(&sent.worker, "the hospital in the north", &f->err), &f->err);
        }
        sent.has_session = form >= 2;
        for (int k = 0; sent.has_session && k < SYI_SESSION_SIZE; k++) {
            sent.session[k] = (uint8_t)k;
            sent.token[k] = (uint8_t)(255 - k);
        }
        syi_buffer_clear(&f->out);
        syi_hello_encode(&f->out, &sent);
        assert_ok(syi_hello_decode(&got, f->out.data, f->out.length, &f->err), &f->err);
        assert_int_equal(got.wire_min, 1);
        assert_int_equal(got.wire_max, 4);
        assert_true(sy_id_equal(&got.worker, &sent.worker));
        assert_string_equal(got.library, "0.1.0");
        assert_int_equal(got.body_max, 1u << 20);
        assert_int_equal(got.segments_max, 7);
        assert_int_equal(got.has_session, sent.has_session);
        assert_memory_equal(got.session, sent.session, SYI_SESSION_SIZE);
        assert_memory_equal(got.token, sent.token, SYI_SESSION_SIZE);
        for (size_t cut = 0; cut < f->out.length; cut++) {
            assert_status(syi_hello_decode(&got, f->out.data, cut, &f->err), SY_EFORMAT, &f->err);
        }
    }
}

static void key(fixture *f, const char *name)
{
    syi_msgpack_write_str(&f->out, name, strlen(name));
}

static void put_wire(fixture *f)
{
    key(f, "wire");
    syi_msgpack_write_array(&f->out, 2);
    syi_msgpack_write_int(&f->out, 1);
    syi_msgpack_write_int(&f->out, 1);
}

static void put_worker(fixture *f)
{
    key(f, "worker");
    syi_msgpack_write_int(&f->out, 9);
}

static sy_status decode(fixture *f, syi_hello *hello)
{
    const sy_status status = syi_hello_decode(hello, f->out.data, f->out.length, &f->err);
    syi_buffer_clear(&f->out);
    return status;
}

/* Unknown fields of any shape are skipped, so that later versions can say more. */
static void test_hello_of_the_future(void **state)
{
    fixture *f = *state;
    syi_hello got;
    syi_msgpack_write_map(&f->out, 5);
    key(f, "credentials");
    syi_msgpack_write_map(&f->out, 1);
    syi_msgpack_write_int(&f->out, 1);
    syi_msgpack_write_array(&f->out, 2);
    syi_msgpack_write_bin(&f->out, "x", 1);
    syi_msgpack_write_double(&f->out, 0.5);
    put_wire(f);
    key(f, "");
    syi_msgpack_write_nil(&f->out);
    put_worker(f);
    key(f, "wires");
    syi_msgpack_write_bool(&f->out, true);
    assert_ok(decode(f, &got), &f->err);
    assert_int_equal(got.worker.number, 9);
    assert_false(got.has_session);
    assert_string_equal(got.library, "");
}

static void test_hello_with_a_token(void **state)
{
    fixture *f = *state;
    syi_hello got;
    syi_hello mine = hello_of(1, 1);
    memset(mine.bearer, 't', SYI_BEARER_MAX);
    syi_hello_encode(&f->out, &mine);
    assert_ok(decode(f, &got), &f->err);
    assert_string_equal(got.bearer, mine.bearer);
    /* too long, none, with a zero byte inside, no text */
    static const char zero[] = "sixteen\0bytes-xx";
    char long_one[SYI_BEARER_MAX + 1];
    memset(long_one, 't', sizeof long_one);
    for (int k = 0; k < 4; k++) {
        syi_msgpack_write_map(&f->out, 3);
        put_wire(f);
        put_worker(f);
        key(f, "credentials");
        syi_msgpack_write_map(&f->out, 2);
        key(f, "other");
        syi_msgpack_write_nil(&f->out);
        key(f, "bearer");
        if (k == 3) {
            syi_msgpack_write_int(&f->out, 1);
        } else {
            syi_msgpack_write_str(&f->out, k == 0 ? long_one : zero,
                                  k == 0   ? sizeof long_one
                                  : k == 1 ? 0
                                           : 16);
        }
        assert_status(decode(f, &got), SY_EFORMAT, &f->err);
    }
}

static void test_hello_refused(void **state)
{
    fixture *f = *state;
    syi_hello got;
    /* nobody; no range; a range upside down; of zero */
    syi_msgpack_write_map(&f->out, 1);
    put_wire(f);
    assert_status(decode(f, &got), SY_EFORMAT, &f->err);
    syi_msgpack_write_map(&f->out, 1);
    put_worker(f);
    assert_status(decode(f, &got), SY_EFORMAT, &f->err);
    for (int k = 0; k < 2; k++) {
        syi_msgpack_write_map(&f->out, 2);
        put_worker(f);
        key(f, "wire");
        syi_msgpack_write_array(&f->out, 2);
        syi_msgpack_write_int(&f->out, k == 0 ? 3 : 0);
        syi_msgpack_write_int(&f->out, k == 0 ? 2 : 0);
        assert_status(decode(f, &got), SY_EFORMAT, &f->err);
    }
    /* a session without a token, a token without a session, one that is too short */
    for (int k = 0; k < 3; k++) {
        syi_msgpack_write_map(&f->out, 3);
        put_worker(f);
        put_wire(f);
        key(f, k == 1 ? "token" : "session");
        syi_msgpack_write_bin(&f->out, "0123456789abcdef", k == 2 ? 15 : 16);
        assert_status(decode(f, &got), SY_EFORMAT, &f->err);
    }
    /* another type than the field has; no map at all */
    syi_msgpack_write_map(&f->out, 1);
    key(f, "wire");
    syi_msgpack_write_int(&f->out, 1);
    assert_status(decode(f, &got), SY_EFORMAT, &f->err);
    syi_msgpack_write_array(&f->out, 0);
    assert_status(decode(f, &got), SY_EFORMAT, &f->err);
    /* an id that is too long */
    syi_msgpack_write_map(&f->out, 2);
    put_wire(f);
    key(f, "worker");
    syi_msgpack_write_array(&f->out, 2);
    syi_msgpack_write_int(&f->out, SYI_CODE_STR);
    syi_msgpack_write_array(&f->out, 1);
    syi_msgpack_write_bin(&f->out, "0123456789012345678901234567890123456789012345678901234", 55);
    assert_status(decode(f, &got), SY_EFORMAT, &f->err);
}

static void test_long_library(void **state)
{
    fixture *f = *state;
    syi_hello got;
    syi_msgpack_write_map(&f->out, 3);
    put_worker(f);
    put_wire(f);
    key(f, "library");
    key(f, "a library with a version that is much longer than anybody has room for");
    assert_ok(decode(f, &got), &f->err);
    assert_int_equal(strlen(got.library), sizeof got.library - 1);
}

static void test_agreeing(void **state)
{
    fixture *f = *state;
    static const struct {
        int64_t mine[2], theirs[2], agreed; /* 0: none */
    } cases[] = {{{1, 1}, {1, 1}, 1}, {{1, 5}, {2, 3}, 3}, {{2, 3}, {1, 5}, 3},
                 {{1, 2}, {2, 9}, 2}, {{1, 2}, {3, 4}, 0}, {{3, 4}, {1, 2}, 0}};
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        const syi_hello mine = hello_of(cases[k].mine[0], cases[k].mine[1]);
        const syi_hello theirs = hello_of(cases[k].theirs[0], cases[k].theirs[1]);
        int64_t revision = 0;
        const sy_status status = syi_hello_agree(&mine, &theirs, &revision, &f->err);
        assert_int_equal(status, cases[k].agreed != 0 ? SY_OK : SY_ENOTSUP);
        assert_int_equal(revision, cases[k].agreed);
    }
    assert_non_null(strstr(f->err.message, "3 to 4")); /* both ranges are named */
    assert_non_null(strstr(f->err.message, "1 to 2"));
}

/* --- ERROR -------------------------------------------------------------------------------------------- */

static const sy_status every_status[] = {
#define STATUS(name, code, text) SY_##name,
    SY_STATUS_MAP(STATUS)
#undef STATUS
};

static void test_errors(void **state)
{
    fixture *f = *state;
    for (size_t k = 1; k < sizeof every_status / sizeof every_status[0]; k++) {
        sy_error sent = SY_ERROR_INIT;
        sy_error got;
        syi_fail_object(&sent, every_status[k], "rows", "status %zu", k);
        syi_error_at_worker(&sent, "bob");
        syi_buffer_clear(&f->out);
        syi_error_encode(&f->out, &sent);
        assert_int_equal(syi_error_decode(&got, f->out.data, f->out.length), SY_OK);
        assert_int_equal(got.status, sent.status);
        assert_string_equal(got.message, sent.message);
        assert_string_equal(got.worker, "bob");
        assert_string_equal(got.object, "rows");
        for (size_t cut = 0; cut < f->out.length; cut++) {
            assert_int_equal(syi_error_decode(&got, f->out.data, cut), SY_EFORMAT);
        }
    }
}

static sy_status decode_error(fixture *f, int64_t code, const char *sentence, size_t length,
                              sy_error *got)
{
    syi_buffer_clear(&f->out);
    syi_msgpack_write_array(&f->out, 4);
    syi_msgpack_write_int(&f->out, code);
    syi_msgpack_write_str(&f->out, sentence, length);
    key(f, "bob");
    key(f, "");
    return syi_error_decode(got, f->out.data, f->out.length);
}

static void test_errors_of_the_future(void **state)
{
    fixture *f = *state;
    static const int64_t codes[] = {26, 999, -1, INT64_MAX, INT64_MIN};
    sy_error got;
    for (size_t k = 0; k < sizeof codes / sizeof codes[0]; k++) {
        assert_int_equal(decode_error(f, codes[k], "new", 3, &got), SY_OK);
        assert_int_equal(got.status, SY_EREMOTE);
        assert_string_equal(got.message, "new"); /* the sentence is kept */
    }
    assert_int_equal(decode_error(f, 0, "all is well", 11, &got), SY_EFORMAT);
}

/* A peer's sentence is as long as it likes and holds what it likes; it ends up on somebody's terminal. */
static void test_sentences_of_a_peer(void **state)
{
    fixture *f = *state;
    char text[2000];
    sy_error got;
    memset(text, 'x', sizeof text);
    assert_int_equal(decode_error(f, 1, text, sizeof text, &got), SY_OK);
    assert_int_equal(strlen(got.message), SY_ERROR_MESSAGE_SIZE - 1);
    assert_int_equal(decode_error(f, 1, "a\x1b[31mb\nc\0d\xff", 12, &got), SY_OK);
    assert_string_equal(got.message, "a?[31mb?c?d?");
    /* a cut falls between characters: 511 bytes end in the middle of one */
    for (size_t k = 0; k + 2 <= sizeof text; k += 2) {
        memcpy(text + k, "\xc3\xa9", 2);
    }
    assert_int_equal(decode_error(f, 1, text, sizeof text, &got), SY_OK);
    assert_int_equal(strlen(got.message), SY_ERROR_MESSAGE_SIZE - 2);
    assert_memory_equal(got.message + SY_ERROR_MESSAGE_SIZE - 4, "\xc3\xa9", 3);
}

/* --- DELETE -------------------------------------------------------------------------------------------- */

typedef struct seen {
    size_t count;
    syi_deletion last;
} seen;

static void see(void *user, const syi_deletion *deletion)
{
    seen *s = user;
    s->count++;
    s->last = *deletion;
}

static void test_deletions(void **state)
{
    fixture *f = *state;
    static syi_deletion sent[SYI_DELETIONS_MAX + 1];
    for (size_t k = 0; k <= SYI_DELETIONS_MAX; k++) {
        sent[k] = (syi_deletion){sy_id_from_int((int64_t)k), k};
    }
    assert_ok(sy_id_from_text(&sent[1].id, "rows", &f->err), &f->err);
    static const size_t counts[] = {0, 1, 2, SYI_DELETIONS_MAX};
    for (size_t k = 0; k < sizeof counts / sizeof counts[0]; k++) {
        seen s = {0};
        syi_buffer_clear(&f->out);
        syi_deletions_encode(&f->out, sent, counts[k]);
        assert_ok(syi_deletions_decode(f->out.data, f->out.length, see, &s, &f->err), &f->err);
        assert_int_equal(s.count, counts[k]);
        if (counts[k] > 0) {
            assert_true(sy_id_equal(&s.last.id, &sent[counts[k] - 1].id));
            assert_int_equal(s.last.generation, counts[k] - 1);
        }
    }
    seen s = {0};
    syi_buffer_clear(&f->out);
    syi_deletions_encode(&f->out, sent, SYI_DELETIONS_MAX + 1);
    assert_status(syi_deletions_decode(f->out.data, f->out.length, see, &s, &f->err), SY_ELIMIT,
                  &f->err);
    assert_int_equal(s.count, 0);
    syi_buffer_clear(&f->out);
    syi_deletions_encode(&f->out, sent, 3);
    for (size_t cut = 0; cut < f->out.length; cut++) {
        assert_status(syi_deletions_decode(f->out.data, cut, see, &s, &f->err), SY_EFORMAT,
                      &f->err);
    }
}

/* --- kinds ------------------------------------------------------------------------------------------------ */

static void test_kind_texts(void **state)
{
    (void)state;
    assert_string_equal(syi_kind_text(SYI_KIND_HELLO), "hello");
    assert_string_equal(syi_kind_text(SYI_KIND_OBJECT_REQUEST), "object request");
    assert_string_equal(syi_kind_text(0), "unknown");
    assert_string_equal(syi_kind_text(-1), "unknown");
    assert_string_equal(syi_kind_text(65535), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        control_test(test_hello),
        control_test(test_hello_of_the_future),
        control_test(test_hello_with_a_token),
        control_test(test_hello_refused),
        control_test(test_long_library),
        control_test(test_agreeing),
        control_test(test_errors),
        control_test(test_errors_of_the_future),
        control_test(test_sentences_of_a_peer),
        control_test(test_deletions),
        cmocka_unit_test(test_kind_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
