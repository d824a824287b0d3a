/*
 * transfers.c - tensors on their way over a connection that breaks: they go on where they were, in both directions, over
 * every transport, and what arrives is what was sent (docs/decisions/0013-rest-of-a-frame.md).
 */
#include <csyft/tls.h>

#include "support/cutting_proxy.h"
#include "support/folder.h"
#include "support/places.h"
#include "support/raw_client.h"
#include "workers/link.h"

/* A client, a proxy, a worker; certificates where the transport wants them. */
typedef struct line {
    test_place home, there;
    test_folder folder;
    cutting_proxy proxy;
    sy_worker *bob;
    sy_error err;
    bool encrypted;
    char url[512]; /* of the worker itself */
} line;

static void make_certificates(line *l)
{
    static const char *const hosts[] = {"127.0.0.1"};
    sy_tls_options options = SY_TLS_OPTIONS_INIT;
    assert_true(test_folder_make(&l->folder));
    const char *ca = test_folder_path(&l->folder, "ca.pem");
    const char *ca_key = test_folder_path(&l->folder, "ca.key");
    const char *bob = test_folder_path(&l->folder, "bob.pem");
    const char *bob_key = test_folder_path(&l->folder, "bob.key");
    sy_context *context = l->home.context;
    assert_ok(sy_tls_make_authority(context, ca, ca_key, "tests", 10, &l->err), &l->err);
    assert_ok(
        sy_tls_make_certificate(context, bob, bob_key, ca, ca_key, "bob", hosts, 1, 10, &l->err),
        &l->err);
    options.ca_file = ca;
    assert_ok(sy_hook_set_tls(l->home.hook, &options, &l->err), &l->err);
    options.certificate_file = bob;
    options.key_file = bob_key;
    assert_ok(sy_hook_set_tls(l->there.hook, &options, &l->err), &l->err);
}

static void line_open(line *l, const char *url, uint32_t grace_ms)
{
    sy_listen_options options = SY_LISTEN_OPTIONS_INIT;
    memset(l, 0, sizeof *l);
    options.lease_grace_ms = grace_ms;
    place_open(&l->home, "home", true, 2);
    place_open(&l->there, "bob", false, 2);
    l->encrypted = strncmp(url, "tls", 3) == 0 || strncmp(url, "wss", 3) == 0;
    if (l->encrypted) {
        make_certificates(l);
    }
    snprintf(l->url, sizeof l->url, "%s", place_listen(&l->there, url, &options));
    proxy_open(&l->proxy, l->url);
    l->bob = place_connect(&l->home, l->proxy.url, 20000);
}

static void line_close(line *l)
{
    place_close(&l->home);
    place_close(&l->there);
    proxy_close(&l->proxy);
    if (l->encrypted) {
        test_folder_remove(&l->folder);
    }
}

/* Contents that differ everywhere. */
static int64_t element(int64_t k)
{
    return (int64_t)((uint64_t)k * 0x9e3779b97f4a7c15u >> 1);
}

static sy_tensor *make_tensor(line *l, int64_t count)
{
    sy_tensor *x = NULL;
    int64_t *data = malloc((size_t)count * sizeof *data);
    for (int64_t k = 0; k < count; k++) {
        data[k] = element(k);
    }
    assert_ok(sy_tensor_new(l->home.hook, &x, SY_DTYPE_I64, 1, &count, data, &l->err), &l->err);
    free(data);
    return x;
}

static void assert_contents(line *l, sy_tensor *x, int64_t count)
{
    int64_t *data = malloc((size_t)count * sizeof *data);
    assert_ok(sy_tensor_copy_data(x, data, (size_t)count * sizeof *data, &l->err), &l->err);
    for (int64_t k = 0; k < count; k++) {
        if (data[k] != element(k)) {
            fail_msg("element %ld of %ld differs", (long)k, (long)count);
        }
    }
    free(data);
}

/* There and back; the connection is cut as the proxy was told. */
static void travel(line *l, int64_t count)
{
    sy_tensor *x = make_tensor(l, count);
    sy_tensor *there = NULL;
    sy_tensor *back = NULL;
    assert_ok(sy_tensor_send(x, &there, l->bob, &l->err), &l->err);
    assert_ok(sy_tensor_copy_get(there, &back, &l->err), &l->err);
    assert_contents(l, back, count);
    sy_tensor_unref(back);
    assert_ok(sy_tensor_get(there, &back, &l->err), &l->err);
    assert_contents(l, back, count);
    sy_tensor_unref(back);
    sy_tensor_unref(there);
    sy_tensor_unref(x);
}

/* Nothing is left of a transfer, at either end. */
static void assert_settled(line *l)
{
    char *text = NULL;
    (void)proxy_let_pass(&l->proxy);
    const uint64_t until = test_now_ms() + 3000;
    do {
        assert_ok(sy_worker_whoami(l->bob, &text, &l->err), &l->err);
        sy_string_free(l->home.hook, text);
        test_sleep_ms(1);
    } while (test_now_ms() < until &&
             (l->there.hook->account.used != 0 || l->there.worker->account.used != 0 ||
              l->home.hook->account.used != 0));
    assert_int_equal(l->there.hook->account.used, 0);
    assert_int_equal(l->there.worker->account.used, 0);
    assert_int_equal(l->home.hook->account.used, 0);
}

/* --- how much travels ---------------------------------------------------------------------------- */

/* What may be lost in the buffers of sockets when a connection is cut. */
#define IN_BUFFERS (1L << 20)

/* `bytes` of them there and back, cut once in the middle of each way: little of it passes twice. */
static void test_one_cut(void **state)
{
    const int64_t count = property_iterations(TEST_SLOWNESS > 1 ? 2 : 6) << 17;
    const long bytes = (long)count * 8;
    line l;
    sy_tensor *there = NULL;
    sy_tensor *back = NULL;
    line_open(&l, *state, 60000);
    sy_tensor *x = make_tensor(&l, count);
    for (int direction = 0; direction < 2; direction++) {
        const unsigned cuts = proxy_let_pass(&l.proxy);
        proxy_cut_calmly(&l.proxy, direction, bytes / 2);
        if (direction == 0) {
            assert_ok(sy_tensor_send(x, &there, l.bob, &l.err), &l.err);
        } else {
            assert_ok(sy_tensor_get(there, &back, &l.err), &l.err);
        }
        assert_int_equal(proxy_let_pass(&l.proxy), cuts + 1);
        assert_in_range(proxy_passed(&l.proxy, direction), bytes, bytes + IN_BUFFERS);
    }
    assert_contents(&l, back, count);
    sy_tensor_unref(back);
    sy_tensor_unref(there);
    sy_tensor_unref(x);
    assert_settled(&l);
    line_close(&l);
}

/* A connection that breaks again and again: each brings the transfer on. */
static void test_many_cuts(void **state)
{
    const int64_t count = (int64_t)(2 << 17) / (TEST_SLOWNESS > 1 ? 4 : 1);
    const long every = (128L << 10) / (TEST_SLOWNESS > 1 ? 2 : 1);
    line l;
    line_open(&l, *state, 60000);
    for (int direction = 0; direction < 2; direction++) {
        const unsigned before = proxy_let_pass(&l.proxy);
        proxy_cut_every(&l.proxy, direction, every);
        travel(&l, count);
        const long cuts = (long)(proxy_let_pass(&l.proxy) - before);
        assert_in_range(cuts, (1 + direction) * (count * 8 / every), 100);
    }
    assert_settled(&l);
    line_close(&l);
}

/* At every byte: in the head, the table, the body, at the bounds of the segments and within them. */
static void test_cut_everywhere(void **state)
{
    line l;
    property_random random = property_start("transfers");
    line_open(&l, *state, 60000);
    const long usual = (l.encrypted ? 61L : 19L) * TEST_SLOWNESS;
    const long step = property_iterations(0) > 0 ? 1 : usual;
    for (int direction = 0; direction < 2; direction++) {
        unsigned before;
        long k = property_between(&random, 0, step - 1);
        do {
            before = proxy_let_pass(&l.proxy);
            proxy_cut_after(&l.proxy, direction, k, k / step % 2 != 0);
            travel(&l, 60);
            k += step;
            assert_in_range(k, 0, 20000);
        } while (proxy_let_pass(&l.proxy) != before);
    }
    assert_settled(&l);
    line_close(&l);
}

/* --- what cannot go on ----------------------------------------------------------------------------- */

/* Waits until the worker holds less than `bytes`. */
static void assert_released(line *l, uint64_t bytes)
{
    const uint64_t until = test_now_ms() + 5000;
    while (l->there.worker->account.used >= bytes && test_now_ms() < until) {
        test_sleep_ms(1);
    }
    assert_in_range(l->there.worker->account.used, 0, bytes - 1);
}

#define LARGE \
    ((int64_t)8000) /* elements; fits into the buffers of the sockets while the proxy reads nothing */
#define HALF (LARGE * 4)

/* Begins to send x, as a user's call does; the connection breaks in the middle, and is not made again. */
static void begin_to_send(line *l, sy_tensor *x, syi_exchange *exchange)
{
    syi_link *link = NULL;
    const sy_id none = SY_ID_INIT;
    assert_ok(syi_link_get(l->home.worker, l->bob, &link, &l->err), &l->err);
    assert_ok(syi_link_begin(link, exchange, SYI_KIND_OBJECT, &l->err), &l->err);
    syi_encoder encoder = {.hook = l->home.hook,
                           .out = &exchange->message->body,
                           .message = exchange->message,
                           .recipient = &l->bob->id};
    syi_msgpack_write_array(encoder.out, 2);
    syi_encode_id(encoder.out, &none);
    assert_ok(syi_encode_tensor(&encoder, x, &l->err), &l->err);
    proxy_hold(&l->proxy, 0, true);
    assert_ok(syi_link_start(exchange, 0, &l->err), &l->err);
    proxy_cut_after(&l->proxy, 0, HALF, false);
    pthread_mutex_lock(&l->proxy.lock);
    l->proxy.refuse_then = true;
    pthread_mutex_unlock(&l->proxy.lock);
    proxy_hold(&l->proxy, 0, false);
    while (!proxy_refuses(&l->proxy)) {
        test_sleep_ms(1);
    }
}

/* The tensor was changed in place between the two connections: what arrives is what it is now, all of it, not half of
 * each. Where it was changed behind what had arrived, that does not matter. */
static void test_changed_in_place(void **state)
{
    for (int where = 0; where < 3; where++) {
        line l;
        syi_exchange exchange;
        line_open(&l, *state, 60000);
        sy_tensor *x = make_tensor(&l, LARGE);
        const unsigned long before = proxy_passed(&l.proxy, 0);
        begin_to_send(&l, x, &exchange);
        int64_t *data = syi_array_data(syi_node_array(x->node));
        if (where > 0) {
            data[where == 1 ? 0 : LARGE - 1] = -5;
        }
        (void)proxy_let_pass(&l.proxy);
        assert_ok(syi_link_wait(&exchange, &l.err), &l.err);
        syi_link_end(&exchange);
        const unsigned long passed = proxy_passed(&l.proxy, 0) - before;
        const long anew = where == 1 ? HALF : 0;
        assert_in_range(passed, LARGE * 8 + anew, LARGE * 8 + anew + 20000); /* a TLS record, too */
        size_t cursor = 0;
        const sy_id *id = NULL;
        void *object = NULL;
        sy_tensor *there = NULL;
        sy_tensor *back = NULL;
        assert_true(syi_table_next(l.there.worker->objects, &cursor, &id, &object));
        assert_ok(sy_tensor_point_to(l.home.hook, &there, l.bob, id, &l.err), &l.err);
        assert_ok(sy_tensor_copy_get(there, &back, &l.err), &l.err);
        int64_t *copy = malloc(LARGE * 8);
        assert_ok(sy_tensor_copy_data(back, copy, LARGE * 8, &l.err), &l.err);
        assert_memory_equal(copy, data, LARGE * 8);
        free(copy);
        sy_tensor_unref(back);
        sy_tensor_unref(there);
        sy_tensor_unref(x);
        line_close(&l);
    }
}

/* The client stays away for longer than the worker's grace: what had come is given back, and nothing goes on. */
static void test_grace_is_over(void **state)
{
    line l;
    syi_exchange exchange;
    line_open(&l, *state, 300);
    sy_tensor *x = make_tensor(&l, LARGE);
    begin_to_send(&l, x, &exchange);
    while (l.there.worker->account.used < HALF) { /* the worker reads it when it gets to it */
        test_sleep_ms(1);
    }
    assert_released(&l, 1);
    (void)proxy_let_pass(&l.proxy);
    assert_status(syi_link_wait(&exchange, &l.err), SY_EINDOUBT, &l.err);
    syi_link_end(&exchange);
    sy_tensor_unref(x);
    travel(&l, 100);
    assert_settled(&l);
    line_close(&l);
}

/* Another worker is at its address: what had left is in doubt, as for any request. */
static void test_another_worker(void **state)
{
    line l;
    syi_exchange exchange;
    line_open(&l, *state, 60000);
    sy_tensor *x = make_tensor(&l, LARGE);
    begin_to_send(&l, x, &exchange);
    place_close(&l.there);
    place_open(&l.there, "bob", false, 2);
    assert_string_equal(place_listen(&l.there, l.url, NULL), l.url);
    (void)proxy_let_pass(&l.proxy);
    assert_status(syi_link_wait(&exchange, &l.err), SY_EINDOUBT, &l.err);
    syi_link_end(&exchange);
    sy_tensor_unref(x);
    travel(&l, 100);
    assert_settled(&l);
    line_close(&l);
}

/* The caller has no time left in the middle of a transfer: neither end keeps anything of it. */
static void test_given_up(void **state)
{
    for (int direction = 0; direction < 2; direction++) {
        line l;
        sy_tensor *there = NULL;
        sy_tensor *back = NULL;
        const int64_t count = 1 << 20; /* 8 MiB: more than the sockets take */
        line_open(&l, *state, 60000);
        sy_tensor *x = make_tensor(&l, count);
        if (direction == 0) {
            l.bob->timeout_ms = 150;
            proxy_hold(&l.proxy, 0, true);
            assert_status(sy_tensor_send(x, &there, l.bob, &l.err), SY_ETIMEDOUT, &l.err);
        } else {
            assert_ok(sy_tensor_send(x, &there, l.bob, &l.err), &l.err);
            l.bob->timeout_ms = 150;
            proxy_hold(&l.proxy, 1, true);
            assert_status(sy_tensor_copy_get(there, &back, &l.err), SY_ETIMEDOUT, &l.err);
        }
        l.bob->timeout_ms = 20000;
        sy_tensor_unref(there);
        sy_tensor_unref(x);
        assert_settled(&l);
        line_close(&l);
    }
}

/* The worker keeps less for a client that does not read than the answer is long. */
static void test_larger_than_the_queue(void **state)
{
    line l;
    sy_error err = SY_ERROR_INIT;
    sy_listen_options options = SY_LISTEN_OPTIONS_INIT;
    const char *url = NULL;
    line_open(&l, *state, 60000);
    options.send_queue_max = 100000;
    assert_ok(sy_worker_listen(l.there.worker, *state, &options, &url, &err), &err);
    l.proxy.upstream = (uint16_t)atoi(strrchr(url, ':') + 1);
    proxy_cut(&l.proxy, false, false);
    travel(&l, 1 << 17); /* 1 MiB */
    assert_settled(&l);
    line_close(&l);
}

/* Connections are made, and the answer never gets through: the client tries until its time is over, not all the time. */
static void test_nothing_comes(void **state)
{
    line l;
    char *text = NULL;
    line_open(&l, *state, 60000);
    const unsigned before = proxy_accepted(&l.proxy);
    const long greeting = (long)proxy_passed(&l.proxy, 1);
    proxy_cut_every(&l.proxy, 1, greeting + 30);
    proxy_cut_after(&l.proxy, 1, 10, false); /* and the first one at once */
    l.bob->timeout_ms = 500;
    const sy_status status = sy_worker_whoami(l.bob, &text, &l.err);
    assert_true(status == SY_EINDOUBT || status == SY_ETIMEDOUT);
    assert_in_range(proxy_accepted(&l.proxy) - before, 3, 20);
    l.bob->timeout_ms = 20000;
    assert_settled(&l);
    line_close(&l);
}

/* --- on the wire ------------------------------------------------------------------------------------ */

#define RAW_SIZE ((size_t)200000)

static void raw_begin(raw_client *r, line *l, const raw_client *resume, bool rests)
{
    raw_open(r, l->home.context, l->there.worker, l->proxy.url);
    r->resumes = true;
    r->rests = rests;
    r->last_id = resume != NULL ? resume->last_id + 100 : 0;
    assert_int_equal(raw_greet(r, "raw", resume), SY_OK);
}

/* A frame with one segment of `size` bytes, as a message that borrows them. */
static void raw_fill(raw_client *r, syi_message *message, int kind, uint64_t id, size_t size)
{
    static uint8_t zeros[RAW_SIZE];
    assert_true(size <= sizeof zeros);
    syi_message_init(message, r->context, 1 << 10);
    message->kind = (uint16_t)kind;
    message->id = id;
    syi_msgpack_write_nil(&message->body);
    assert_true(syi_message_reserve_segments(message, 1));
    message->segment_count = 1;
    message->segments[0] = (syi_segment){.data = zeros, .length = size};
}

static sy_status raw_send_frame(raw_client *r, int kind, uint64_t id, size_t size)
{
    syi_message message;
    sy_error err = SY_ERROR_INIT;
    const syi_message *one = &message;
    raw_fill(r, &message, kind, id, size);
    const sy_status status = syi_connection_send(r->connection, &one, 1, raw_deadline(r), &err);
    syi_message_fini(&message);
    return status;
}

/* Leaves half a frame behind, and is gone. */
static void raw_leave_half(raw_client *r, line *l, uint64_t id)
{
    const unsigned cuts = proxy_let_pass(&l->proxy);
    proxy_cut_after(&l->proxy, 0, RAW_SIZE / 2, false);
    (void)raw_send_frame(r, SYI_KIND_OBJECT, id, RAW_SIZE);
    assert_int_equal(raw_receive(r), SY_ECLOSED);
    assert_int_equal(proxy_let_pass(&l->proxy), cuts + 1);
    raw_close(r);
}

/* true when the frame ends the connection. */
static bool raw_is_thrown_out(raw_client *r, int kind, uint64_t id, size_t size)
{
    (void)raw_send_frame(r, kind, id, size);
    const sy_status status = raw_receive(r);
    return status == SY_ECLOSED || status == SY_EIO;
}

static void assert_session(const raw_client *r, const raw_client *before)
{
    assert_memory_equal(r->session, before->session, SYI_SESSION_SIZE);
}

/* What is no rest, and the rest of something else, ends the connection; the beginning of the frame stays for the next
 * one, and goes when the client has something else to say. */
static void test_wrong_rests(void **state)
{
    line l;
    raw_client r, next;
    line_open(&l, *state, 60000);
    raw_begin(&r, &l, NULL, true);
    assert_int_equal(r.rest_bytes, 0);
    assert_int_equal(r.rest_check, 0);
    assert_true(raw_is_thrown_out(&r, SYI_KIND_REST, 77, 10)); /* of nothing */
    raw_close(&r);
    raw_begin(&next, &l, &r, true);
    assert_session(&next, &r);
    raw_leave_half(&next, &l, 7777);
    raw_begin(&r, &l, &next, true);
    assert_session(&r, &next);
    assert_in_range(r.rest_bytes, 1, RAW_SIZE / 2);
    const uint64_t bytes = r.rest_bytes;
    const uint64_t check = r.rest_check;
    assert_true(check != 0);
    assert_in_range(l.there.worker->account.used, RAW_SIZE, RAW_SIZE + 2000);
    const size_t missing = RAW_SIZE - (size_t)bytes;
    const struct {
        uint64_t id;
        size_t size;
    } wrong[] = {{7778, missing}, {7777, missing - 1}, {7777, missing + 1}, {7777, 0}};
    for (int k = 0; k < 4; k++) {
        assert_true(raw_is_thrown_out(&r, SYI_KIND_REST, wrong[k].id, wrong[k].size));
        raw_close(&r);
        next = r;
        raw_begin(&r, &l, &next, true);
        assert_session(&r, &next);
        assert_int_equal(r.rest_bytes, bytes);
        assert_int_equal(r.rest_check, check);
        assert_int_equal(r.received, 0);
    }
    /* The right one: its body says nothing that could be stored. */
    assert_int_equal(raw_send_frame(&r, SYI_KIND_REST, 7777, missing), SY_OK);
    assert_int_equal(raw_receive(&r), SY_EFORMAT);
    assert_int_equal(r.reply.id, 7777);
    assert_released(&l, 1000);
    raw_leave_half(&r, &l, 8888);
    raw_begin(&next, &l, &r, true);
    assert_in_range(next.rest_bytes, 1, RAW_SIZE / 2);
    assert_int_equal(next.received, 1);
    assert_in_range(l.there.worker->account.used, RAW_SIZE, RAW_SIZE + 2000);
    assert_int_equal(raw_request_bytes(&next, SYI_KIND_PING, "\xc0", 1), SY_OK);
    assert_released(&l, 1000); /* it has thought better of it */
    assert_true(raw_is_thrown_out(&next, SYI_KIND_REST, 8888, RAW_SIZE - next.rest_bytes));
    raw_close(&next);
    line_close(&l);
}

/* A client that leaves half a frame and comes back, again and again, without ever bringing the rest: it holds that half,
 * and no more; one that does not go on with frames leaves nothing behind. */
static void test_resumed_without_end(void **state)
{
    line l;
    raw_client r, next;
    line_open(&l, *state, 60000);
    raw_begin(&r, &l, NULL, true);
    raw_leave_half(&r, &l, 7777);
    const size_t live = l.there.memory->live;
    for (int k = 0; k < 400 / TEST_SLOWNESS / (l.encrypted ? 8 : 1); k++) {
        raw_begin(&next, &l, &r, true);
        assert_in_range(next.rest_bytes, 1, RAW_SIZE / 2);
        assert_in_range(l.there.worker->account.used, RAW_SIZE, RAW_SIZE + 2000);
        raw_close(&next);
        r = next;
    }
    const uint64_t until = test_now_ms() + 5000;
    while (l.there.memory->live > live + 20 && test_now_ms() < until) {
        test_sleep_ms(1);
    }
    assert_in_range(l.there.memory->live, 0, live + 20);
    raw_begin(&next, &l, &r, false);
    assert_session(&next, &r);
    assert_int_equal(next.rest_bytes, 0);
    assert_released(&l, 1000);
    raw_leave_half(&next, &l, 9999);
    assert_released(&l, 1000);
    line_close(&l);
}

/* REPEAT with an offset. */
static sy_status raw_repeat(raw_client *r, uint64_t id, uint64_t bytes, uint64_t check)
{
    syi_msgpack_write_array(&r->body, 3);
    syi_msgpack_write_uint(&r->body, 2); /* the second request */
    syi_msgpack_write_uint(&r->body, bytes);
    syi_msgpack_write_uint(&r->body, check);
    const uint64_t last = r->last_id;
    r->last_id = id - 1;
    const sy_status status = raw_request(r, SYI_KIND_REPEAT);
    r->last_id = last;
    return status;
}

/* An answer from its middle on, by hand. What the client says it has must be the beginning of it, and a connection can
 * only have broken in one answer. */
static void test_rest_of_an_answer(void **state)
{
    line l;
    raw_client r, next;
    float values[200];
    line_open(&l, *state, 60000);
    raw_begin(&r, &l, NULL, true);
    for (int k = 0; k < 200; k++) {
        values[k] = (float)k;
    }
    raw_put_object(&r, 5, 200, values);
    assert_int_equal(raw_request(&r, SYI_KIND_OBJECT), SY_OK);
    raw_put_object_request(&r, 5, true);
    r.flags = 1u << SYI_FLAGS_WINDOW_SHIFT;
    assert_int_equal(raw_request(&r, SYI_KIND_OBJECT_REQUEST), SY_OK);
    const uint64_t id = r.last_id;
    assert_int_equal(r.reply.segment_count, 1);
    syi_partial partial = {.message = r.reply, .bytes = 300};
    const uint64_t check = syi_partial_get_check(&partial);
    const struct {
        uint64_t bytes, check;
    } wrong[] = {{300, check + 1}, {299, check}, {800, check}, {801, check}, {UINT64_MAX, check}};
    for (int k = 0; k < 5; k++) {
        raw_begin(&next, &l, &r, true);
        assert_int_equal(raw_repeat(&next, id, wrong[k].bytes, wrong[k].check), SY_OK);
        assert_int_equal(next.reply.kind, SYI_KIND_REPLY);
        assert_int_equal(next.reply.segments[0].length, 800);
        assert_int_equal(raw_repeat(&next, id, 300, check), SY_OK); /* too late */
        assert_int_equal(next.reply.kind, SYI_KIND_REPLY);
        raw_close(&next);
    }
    raw_begin(&next, &l, &r, true);
    assert_int_equal(raw_request_bytes(&next, SYI_KIND_REPEAT, "\x92\x02\x01", 3), SY_EFORMAT);
    assert_int_equal(raw_request_bytes(&next, SYI_KIND_REPEAT, "\x93\x02\xff\x01", 4), SY_EFORMAT);
    assert_int_equal(raw_request_bytes(&next, SYI_KIND_REPEAT, "\x93\x02\x01\xc0", 4), SY_EFORMAT);
    sy_error err = SY_ERROR_INIT; /* as if the beginning had come over another connection */
    syi_partial *mine = syi_alloc(next.context, sizeof *mine);
    *mine = (syi_partial){.context = next.context, .id = id, .bytes = 300};
    syi_message_init(&mine->message, next.context, 1 << 20);
    mine->message.kind = r.reply.kind;
    mine->message.id = id;
    syi_buffer_append(&mine->message.body, r.reply.body.data, r.reply.body.length);
    assert_ok(syi_message_add_segment(&mine->message, r.reply.segments[0].storage, 0, 800, 0, &err),
              &err);
    memset(r.reply.segments[0].storage->data + 300, 0, 500);
    syi_connection_expect(next.connection, mine);
    const unsigned long before = proxy_passed(&l.proxy, 1);
    assert_int_equal(raw_repeat(&next, id, 300, check), SY_OK);
    assert_in_range(proxy_passed(&l.proxy, 1) - before, 500, 700);
    assert_int_equal(next.reply.kind, SYI_KIND_REPLY);
    assert_memory_equal(next.reply.segments[0].data, values, sizeof values);
    raw_close(&next);
    raw_close(&r);
    line_close(&l);
}

#define ON(test, scheme)                                                                      \
    {                                                                                         \
#test " [" scheme "]", test, NULL, NULL, (void *)(uintptr_t)(scheme "://127.0.0.1:0") \
    }
#define PLAIN(test) ON(test, "tcp"), ON(test, "ws")
#define EVERYWHERE(test) PLAIN(test), ON(test, "tls"), ON(test, "wss")

int main(void)
{
    const struct CMUnitTest tests[] = {
        EVERYWHERE(test_one_cut),
        EVERYWHERE(test_many_cuts),
        EVERYWHERE(test_cut_everywhere),
        PLAIN(test_changed_in_place),
        PLAIN(test_grace_is_over),
        PLAIN(test_another_worker),
        PLAIN(test_given_up),
        PLAIN(test_larger_than_the_queue),
        PLAIN(test_nothing_comes),
        PLAIN(test_wrong_rests),
        PLAIN(test_resumed_without_end),
        PLAIN(test_rest_of_an_answer),
    };
    return workers_run(tests);
}
