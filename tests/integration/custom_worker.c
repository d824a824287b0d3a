/*
 * custom_worker.c - what is particular to kinds made outside of the library (custom_worker.h): ways that fail, cut or
 * garble, hostile bytes at a caller, lifetimes. That such a worker does what every worker does is shown by the suites
 * that run over all kinds (tests/support/worker_kinds.h).
 */
#include <csyft/operations.h>
#include <csyft/pointer.h>

#include "support/places.h"

/* A way with faults. */
typedef struct way {
    sy_context *context;
    sy_custom_client *caller;
    int lose;    /* this many messages */
    bool mute;   /* ... without a sentence */
    int cut;     /* this many answers lose their last byte */
    int garble;  /* this many answers get another first byte */
    int swallow; /* this many answers are empty */
    int freed;
    size_t messages;
} way;

static sy_status faulty_answer(way *w, const void *message, size_t length, sy_answer *answer,
                               sy_error *err)
{
    sy_answer *whole = NULL;
    size_t size = 0;
    assert_ok(sy_answer_new(w->context, &whole, err), err);
    sy_status status = sy_custom_client_recv_msg(w->caller, message, length, whole, err);
    const uint8_t *bytes = sy_answer_get_bytes(whole, &size);
    if (status == SY_OK && w->swallow > 0) {
        w->swallow--;
    } else if (status == SY_OK && w->cut > 0) {
        w->cut--;
        status = sy_answer_append(answer, bytes, size - 1, err);
    } else if (status == SY_OK) {
        w->garble--;
        const uint8_t other = (uint8_t)(bytes[0] ^ 1);
        status = sy_answer_append(answer, &other, 1, err);
        status = status == SY_OK ? sy_answer_append(answer, bytes + 1, size - 1, err) : status;
    }
    sy_answer_free(whole);
    return status;
}

static sy_status carry(void *user, const void *message, size_t length, uint32_t timeout_ms,
                       sy_answer *answer, sy_error *err)
{
    way *w = user;
    w->messages++;
    assert_true(timeout_ms > 0); /* every request of this test has a deadline */
    if (w->lose > 0) {
        w->lose--;
        if (!w->mute) {
            snprintf(err->message, sizeof err->message, "the pigeon was lost");
        }
        return SY_EIO;
    }
    if (w->cut > 0 || w->garble > 0 || w->swallow > 0) {
        return faulty_answer(w, message, length, answer, err);
    }
    return sy_custom_client_recv_msg(w->caller, message, length, answer, err);
}

static void released(void *user)
{
    ((way *)user)->freed++;
}

static const sy_custom_worker_class klass = {sizeof klass, "PigeonWorker", carry, released};

typedef struct world {
    test_place home, at_bob;
    way way;
    sy_worker *bob;
    sy_error err;
} world;

static void world_open(world *w)
{
    memset(w, 0, sizeof *w);
    w->err = (sy_error)SY_ERROR_INIT;
    place_open(&w->home, "home", true, 1);
    place_open(&w->at_bob, "bob", false, 1);
    w->way.context = w->home.context;
    assert_ok(sy_custom_client_new(w->at_bob.worker, &w->way.caller, "pigeon://loft", &w->err),
              &w->err);
    sy_connect_options options = SY_CONNECT_OPTIONS_INIT;
    options.timeout_ms = 2000;
    assert_ok(sy_custom_worker_new(w->home.hook, &w->bob, &klass, &w->way, &options, &w->err),
              &w->err);
}

static void world_close(world *w)
{
    place_close(&w->home);
    assert_int_equal(w->way.freed, 1);
    sy_custom_client_free(w->way.caller);
    place_close(&w->at_bob);
}

static sy_status ask(world *w)
{
    char *text = NULL;
    w->err = (sy_error)SY_ERROR_INIT;
    const sy_status status = sy_worker_whoami(w->bob, &text, &w->err);
    if (status == SY_OK) {
        assert_non_null(strstr(text, "id: bob, type: BaseWorker"));
        sy_string_free(w->home.hook, text);
    }
    return status;
}

static sy_tensor *send_one(world *w, float value)
{
    sy_tensor *x = NULL;
    sy_tensor *p = NULL;
    assert_ok(sy_tensor_from_floats(w->home.hook, &x, &value, 1, &w->err), &w->err);
    assert_ok(sy_tensor_send(x, &p, w->bob, &w->err), &w->err);
    sy_tensor_unref(x);
    return p;
}

/* --- the client's half ------------------------------------------------------------------------- */

static void test_text_and_kind(void **state)
{
    (void)state;
    world w;
    char text[100];
    world_open(&w);
    assert_string_equal(sy_worker_to_text(w.bob, text, sizeof text), "<PigeonWorker id:bob>");
    assert_int_equal(sy_worker_get_kind(w.bob), SY_WORKER_CUSTOM);
    assert_status(sy_worker_introduce(w.bob, w.bob, NULL, &w.err), SY_EINVAL, &w.err);
    assert_non_null(strstr(w.err.message, "PigeonWorker"));
    const sy_traffic traffic = sy_worker_get_traffic(w.bob);
    assert_int_equal(traffic.messages_sent, traffic.messages_received);
    assert_true(traffic.bytes_sent > 0 && traffic.bytes_received > 0);
    world_close(&w);
}

static void test_known_ids(void **state)
{
    (void)state;
    world w;
    way stranger = {.freed = 0};
    sy_worker *again = NULL;
    sy_connect_options options = SY_CONNECT_OPTIONS_INIT;
    world_open(&w);
    assert_ok(sy_custom_worker_new(w.home.hook, &again, &klass, &w.way, NULL, &w.err), &w.err);
    assert_ptr_equal(again, w.bob);
    options.id = "bob";
    assert_ok(sy_custom_worker_new(w.home.hook, &again, &klass, &w.way, &options, &w.err), &w.err);
    assert_ptr_equal(again, w.bob);
    stranger.caller = w.way.caller;
    stranger.context = w.way.context;
    assert_status(sy_custom_worker_new(w.home.hook, &again, &klass, &stranger, &options, &w.err),
                  SY_EEXIST, &w.err);
    assert_status(sy_custom_worker_new(w.home.hook, &again, &klass, &stranger, NULL, &w.err),
                  SY_EEXIST, &w.err);
    assert_null(again);
    options.id = "carol";
    assert_status(sy_custom_worker_new(w.home.hook, &again, &klass, &stranger, &options, &w.err),
                  SY_EINVAL, &w.err);
    assert_int_equal(stranger.freed, 0);
    assert_int_equal(w.way.freed, 0);
    world_close(&w);
}

static void test_bad_classes(void **state)
{
    (void)state;
    world w;
    sy_worker *made = NULL;
    sy_connect_options options = {0};
    world_open(&w);
    sy_custom_worker_class bad = klass;
    bad.size = 1;
    assert_status(sy_custom_worker_new(w.home.hook, &made, &bad, &w.way, NULL, &w.err), SY_EINVAL,
                  &w.err);
    bad = klass;
    bad.name = "";
    assert_status(sy_custom_worker_new(w.home.hook, &made, &bad, &w.way, NULL, &w.err), SY_EINVAL,
                  &w.err);
    bad.name = "a name of more than forty-seven bytes is not taken";
    assert_status(sy_custom_worker_new(w.home.hook, &made, &bad, &w.way, NULL, &w.err), SY_EINVAL,
                  &w.err);
    bad = klass;
    bad.send_msg = NULL;
    assert_status(sy_custom_worker_new(w.home.hook, &made, &bad, &w.way, NULL, &w.err), SY_EINVAL,
                  &w.err);
    assert_non_null(strstr(w.err.message, "send_msg"));
    assert_status(sy_custom_worker_new(w.home.hook, &made, &klass, &w.way, &options, &w.err),
                  SY_EINVAL, &w.err);
    sy_custom_client *caller = NULL;
    assert_status(sy_custom_client_new(w.bob, &caller, "x", &w.err), SY_EINVAL, &w.err);
    assert_status(sy_custom_client_new(w.at_bob.worker, &caller, "", &w.err), SY_EINVAL, &w.err);
    assert_null(caller);
    world_close(&w);
}

/* The request fails by name, the next one works, and what was sent before is still the client's. */
static void test_failures_on_the_way(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    sy_tensor *p = send_one(&w, 7);
    w.way.lose = 1;
    assert_status(ask(&w), SY_ECLOSED, &w.err);
    assert_non_null(strstr(w.err.message, "PigeonWorker: the pigeon was lost"));
    assert_ok(ask(&w), &w.err);
    w.way.lose = 1;
    w.way.mute = true;
    assert_status(ask(&w), SY_ECLOSED, &w.err);
    assert_non_null(strstr(w.err.message, "did not say why"));
    assert_ok(ask(&w), &w.err);
    w.way.cut = 1;
    assert_status(ask(&w), SY_EPROTO, &w.err);
    assert_non_null(strstr(w.err.message, "middle of a frame"));
    assert_ok(ask(&w), &w.err);
    w.way.garble = 1;
    assert_status(ask(&w), SY_EPROTO, &w.err);
    assert_ok(ask(&w), &w.err);
    w.way.swallow = 1;
    assert_status(ask(&w), SY_ETIMEDOUT, &w.err);
    assert_ok(ask(&w), &w.err);
    sy_tensor *back = NULL;
    float value = 0;
    assert_ok(sy_tensor_get(p, &back, &w.err), &w.err);
    assert_ok(sy_tensor_copy_data(back, &value, sizeof value, &w.err), &w.err);
    assert_true(value == 7);
    sy_tensor_unref(back);
    sy_tensor_unref(p);
    world_close(&w);
}

/* --- the worker's half ------------------------------------------------------------------------- */

static sy_status deliver(world *w, const void *bytes, size_t size)
{
    sy_answer *answer = NULL;
    sy_error ignored = SY_ERROR_INIT;
    assert_ok(sy_answer_new(w->at_bob.context, &answer, &ignored), &ignored);
    w->err = (sy_error)SY_ERROR_INIT;
    const sy_status status = sy_custom_client_recv_msg(w->way.caller, bytes, size, answer, &w->err);
    sy_answer_free(answer);
    return status;
}

/* A frame's head; the segment it announces is not there. */
static size_t put_head(uint8_t *frame, uint16_t kind, uint32_t body, uint64_t segment)
{
    memset(frame, 0, SYI_FRAME_HEADER_SIZE + SYI_FRAME_SEGMENT_ENTRY_SIZE);
    syi_put_u32le(frame, SYI_FRAME_MAGIC);
    syi_put_u16le(frame + 4, kind);
    syi_put_u16le(frame + 6, segment != 0);
    syi_put_u32le(frame + 8, body);
    syi_put_u64le(frame + 16, 1);
    syi_put_u64le(frame + SYI_FRAME_HEADER_SIZE, segment);
    return SYI_FRAME_HEADER_SIZE + (segment != 0 ? SYI_FRAME_SEGMENT_ENTRY_SIZE : 0);
}

static void test_hostile_bytes(void **state)
{
    (void)state;
    world w;
    uint8_t frame[4096] = {0};
    world_open(&w);
    sy_tensor *p = send_one(&w, 1);
    static const char other_protocol[] = "GET / HTTP/1.1\r\nHost: worker\r\nAccept: */*\r\n\r\n";
    assert_status(deliver(&w, other_protocol, sizeof other_protocol - 1), SY_EPROTO, &w.err);
    assert_status(ask(&w), SY_ECLOSED, &w.err); /* it was this client's connection */
    assert_ok(ask(&w), &w.err);
    const size_t live = w.at_bob.memory->live;
    const size_t head = put_head(frame, 34, 0, UINT64_C(1) << 40);
    assert_status(deliver(&w, frame, head), SY_EPROTO, &w.err);
    put_head(frame, 34, 4000, 0);
    assert_status(deliver(&w, frame, 100), SY_EPROTO, &w.err);
    for (size_t size = 0; size < SYI_FRAME_HEADER_SIZE; size++) {
        const sy_status status = deliver(&w, frame, size);
        assert_status(status, size == 0 ? SY_OK : SY_EPROTO, &w.err);
    }
    assert_in_range(w.at_bob.memory->live, 0, live + 8);
    put_head(frame, 39, 0, 0);
    assert_status(deliver(&w, frame, SYI_FRAME_HEADER_SIZE), SY_ECLOSED, &w.err);
    assert_non_null(strstr(w.err.message, "greeting"));
    assert_status(ask(&w), SY_ECLOSED, &w.err);
    assert_ok(ask(&w), &w.err);
    assert_int_equal(sy_worker_get_object_count(w.at_bob.worker), 1);
    sy_tensor_unref(p);
    world_close(&w);
}

static void test_worker_goes_first(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    sy_tensor *p = send_one(&w, 1);
    sy_hook_free(w.at_bob.hook);
    w.at_bob.hook = NULL;
    assert_status(ask(&w), SY_ECLOSED, &w.err);
    assert_non_null(strstr(w.err.message, "the worker has gone"));
    sy_tensor_unref(p);
    world_close(&w);
}

static void test_caller_goes_first(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    sy_custom_client_free(w.way.caller);
    assert_ok(sy_custom_client_new(w.at_bob.worker, &w.way.caller, "pigeon://loft", &w.err),
              &w.err);
    assert_status(ask(&w), SY_ECLOSED, &w.err); /* not greeted there */
    assert_ok(ask(&w), &w.err);
    world_close(&w);
}

/* --- threads ----------------------------------------------------------------------------------- */

typedef struct busy {
    world *w;
    sy_tensor *p;
} busy;

static sy_status add_often(test_thread *self, sy_error *err)
{
    busy *b = self->shared;
    for (int k = 0; k < 50; k++) {
        sy_tensor *back = NULL;
        float value = 0;
        sy_scope *scope = sy_scope_begin(b->w->home.hook);
        sy_tensor *sum = sy_scope_keep(scope, sy_add(scope, b->p, b->p));
        sy_status status = sy_scope_end(scope, err);
        if (status == SY_OK) {
            status = sy_tensor_get(sum, &back, err);
        }
        if (status == SY_OK) {
            status = sy_tensor_copy_data(back, &value, sizeof value, err);
        }
        sy_tensor_unref(back);
        sy_tensor_unref(sum);
        TEST_TRY(status);
        if (value != 6) {
            return test_says(err, "3 + 3 is not 6");
        }
    }
    return SY_OK;
}

static void test_threads(void **state)
{
    (void)state;
    world w;
    test_thread threads[4];
    world_open(&w);
    busy b = {&w, send_one(&w, 3)};
    threads_start(threads, 4, &b, add_often);
    threads_finish(threads, 4);
    sy_tensor_unref(b.p);
    assert_ok(ask(&w), &w.err); /* deletions go along */
    assert_int_equal(sy_worker_get_object_count(w.at_bob.worker), 0);
    world_close(&w);
}

/* --- memory ------------------------------------------------------------------------------------ */

static void test_out_of_memory(void **state)
{
    (void)state;
    world w;
    int refused = 0;
    world_open(&w);
    for (int side = 0; side < 2; side++) {
        failing_allocator *memory = side == 0 ? w.home.memory : w.at_bob.memory;
        for (size_t n = 1; n < 300; n++) {
            (void)ask(&w); /* connected, whatever happened before */
            assert_ok(ask(&w), &w.err);
            memory->calls = 0;
            memory->refused = 0;
            memory->fail_at = n;
            const sy_status status = ask(&w);
            memory->fail_at = 0;
            const bool failed = memory->refused > 0;
            refused += failed;
            if (!failed) {
                assert_ok(status, &w.err);
                break;
            }
            if (status != SY_OK) {
                assert_string_not_equal(w.err.message, "");
            }
        }
    }
    assert_in_range(refused, 2, 500);
    (void)ask(&w);
    assert_ok(ask(&w), &w.err);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_and_kind),     cmocka_unit_test(test_known_ids),
        cmocka_unit_test(test_bad_classes),       cmocka_unit_test(test_failures_on_the_way),
        cmocka_unit_test(test_hostile_bytes),     cmocka_unit_test(test_worker_goes_first),
        cmocka_unit_test(test_caller_goes_first), cmocka_unit_test(test_threads),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
