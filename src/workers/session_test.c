/*
 * session_test.c - one client of a worker, in frames: order of answers, leases and their end, taking a
 * session up, deadlines, the worker's refusals when it is busy or stops. Hostile frames:
 * tests/integration/bad_input_frames.c; many threads: tests/integration/concurrency.c.
 */
#include "workers/session.h"

#include <time.h>

#include "support/bare_worker.h"
#include "support/raw_client.h"

enum { PUBLISHED = 5, LEASED = 6 };

static void publish(bare_worker *b)
{
    const sy_id id = sy_id_from_int(PUBLISHED);
    sy_tensor *tensor = bare_number(b, 1);
    assert_ok(sy_tensor_set_id(tensor, &id, &b->err), &b->err);
    assert_ok(sy_worker_publish(b->bob, tensor, false, &b->err), &b->err);
    sy_tensor_unref(tensor);
}

static raw_client greeted(bare_worker *b, const char *url)
{
    raw_client c;
    raw_open(&c, b->context, b->bob, url);
    assert_ok(raw_greet(&c, "client", NULL), &c.said);
    return c;
}

static void put(raw_client *c, int64_t id, float value)
{
    raw_put_object(c, id, 1, &value);
    assert_ok(raw_request(c, SYI_KIND_OBJECT), &c->said);
}

static const char *listening(bare_worker *b)
{
    const char *url = NULL;
    assert_ok(sy_worker_listen(b->bob, "tcp://127.0.0.1:0", NULL, &url, &b->err), &b->err);
    return url;
}

/* A worker command that computes as long as a test wants. */
static atomic_int running, overlaps, ran;

static sy_status slow(const sy_request *request, sy_error *err)
{
    const struct timespec pause = {.tv_nsec = request->args[0].as.integer * 1000000};
    nanosleep(&pause, NULL);
    ran++;
    syi_msgpack_write_nil(request->reply->out);
    return syi_buffer_check(request->reply->out, "message body", err);
}

static sy_status slow_writer(const sy_request *request, sy_error *err)
{
    if (atomic_fetch_add(&running, 1) != 0) {
        overlaps++;
    }
    const sy_status status = slow(request, err);
    running--;
    return status;
}

static const syi_worker_command commands[] = {
    {"slow", 1, 1, SYI_COMMAND_WAITS, slow}, /* on a thread of its own */
    {"slow_writer", 1, 1, SYI_COMMAND_WRITES, slow_writer},
    {"waits", 1, 1, SYI_COMMAND_WAITS, slow},
};

static int setup(void **state)
{
    if (bare_worker_setup(state) != 0) {
        return -1;
    }
    bare_worker *b = *state;
    ran = 0;
    overlaps = 0;
    publish(b);
    return syi_commands_register(b->hook, commands, 3, &b->err) == SY_OK ? 0 : -1;
}

#define session_test(test) cmocka_unit_test_setup_teardown(test, setup, bare_worker_teardown)

static void put_slow(raw_client *c, const char *name, int64_t milliseconds)
{
    raw_put_worker_command(c, name, 1);
    syi_msgpack_write_int(&c->body, milliseconds);
}

static void send_body(raw_client *c, int kind)
{
    assert_int_equal(raw_send(c, kind, c->body.data, c->body.length), SY_OK);
    syi_buffer_clear(&c->body);
}

/* A worker command with flags and a deadline. */
static void send_with(raw_client *c, uint32_t flags, uint32_t deadline_ms)
{
    sy_error err = SY_ERROR_INIT;
    syi_message message;
    const syi_message *one = &message;
    syi_message_init(&message, c->context, 4096);
    message.kind = SYI_KIND_WORKER_COMMAND;
    message.flags = flags;
    message.deadline_ms = deadline_ms;
    message.id = ++c->last_id;
    syi_buffer_append(&message.body, c->body.data, c->body.length);
    syi_buffer_clear(&c->body);
    assert_ok(syi_connection_send(c->connection, &one, 1, raw_deadline(c), &err), &err);
    syi_message_fini(&message);
}

/* --- order ------------------------------------------------------------------------------------------- */

static void answers_in_order(bare_worker *b, const char *url)
{
    enum { COUNT = 500 };
    raw_client c = greeted(b, url);
    const uint64_t first = c.last_id + 1;
    for (int k = 0; k < COUNT; k++) {
        if (k % 100 == 50) {
            put_slow(&c, "slow_writer", 2); /* long ones in between: the gate holds the others */
            send_body(&c, SYI_KIND_WORKER_COMMAND);
        } else if (k % 2 == 0) {
            raw_put_object_request(&c, PUBLISHED, true);
            send_body(&c, SYI_KIND_OBJECT_REQUEST);
        } else {
            raw_put_question(&c, 1000 + k, NULL); /* there is none: an error */
            send_body(&c, SYI_KIND_GET_SHAPE);
        }
    }
    for (uint64_t k = 0; k < COUNT; k++) {
        const sy_status status = raw_receive(&c);
        assert_int_equal(c.reply.id, first + k);
        assert_int_equal(status, k % 2 == 0 || k % 100 == 50 ? SY_OK : SY_ENOTFOUND);
    }
    raw_close(&c);
}

static void test_answers_in_order(void **state)
{
    answers_in_order(*state, NULL);
}

static void test_answers_in_order_over_tcp(void **state)
{
    answers_in_order(*state, listening(*state));
}

/* What waits for another worker may be overtaken, unless the client says otherwise. */
static void test_overtaking(void **state)
{
    bare_worker *b = *state;
    for (int ordered = 0; ordered < 2; ordered++) {
        raw_client c = greeted(b, listening(b));
        put_slow(&c, "waits", 100);
        send_with(&c, ordered ? SYI_FLAG_ORDERED : 0, 0);
        const uint64_t waiting = c.last_id;
        raw_put_object_request(&c, PUBLISHED, true);
        send_body(&c, SYI_KIND_OBJECT_REQUEST);
        assert_ok(raw_receive(&c), &c.said);
        assert_int_equal(c.reply.id, ordered ? waiting : waiting + 1);
        assert_ok(raw_receive(&c), &c.said);
        assert_int_equal(c.reply.id, ordered ? waiting + 1 : waiting);
        raw_close(&c);
        sy_worker_stop_listening(b->bob, 1000);
    }
}

/* Two clients whose commands write: never at once. */
static void test_writers_run_alone(void **state)
{
    bare_worker *b = *state;
    const char *url = listening(b);
    raw_client clients[4];
    for (int k = 0; k < 4; k++) {
        clients[k] = greeted(b, url);
    }
    for (int round = 0; round < 10; round++) {
        for (int k = 0; k < 4; k++) {
            put_slow(&clients[k], "slow_writer", 1);
            send_body(&clients[k], SYI_KIND_WORKER_COMMAND);
        }
    }
    for (int round = 0; round < 10; round++) {
        for (int k = 0; k < 4; k++) {
            assert_ok(raw_receive(&clients[k]), &clients[k].said);
        }
    }
    assert_int_equal(ran, 40);
    assert_int_equal(overlaps, 0);
    for (int k = 0; k < 4; k++) {
        raw_close(&clients[k]);
    }
}

/* --- leases --------------------------------------------------------------------------------------------- */

static void test_objects_go_with_their_client(void **state)
{
    bare_worker *b = *state;
    raw_client leaving = greeted(b, NULL);
    raw_client staying = greeted(b, NULL);
    for (int k = 0; k < 100; k++) { /* more than one round of expiring */
        put(&leaving, 100 + k, 1);
    }
    put(&staying, LEASED, 2);
    assert_int_equal(sy_worker_get_object_count(b->bob), 102);
    raw_close(&leaving);
    const uint64_t now = syi_clock_now(b->context);
    const uint64_t next = syi_sessions_expire(b->bob, now);
    assert_true(next > now); /* the grace */
    assert_true(next <= now + (uint64_t)b->bob->lease_grace_ms * 1000000u);
    assert_int_equal(sy_worker_get_object_count(b->bob), 102);
    assert_int_equal(syi_sessions_expire(b->bob, next), 0);
    assert_int_equal(sy_worker_get_object_count(b->bob), 2);
    raw_put_object_request(&staying, LEASED, true);
    assert_ok(raw_request(&staying, SYI_KIND_OBJECT_REQUEST), &staying.said);
    raw_close(&staying);
}

/* By itself, too: the janitor looks when the grace is over. */
static void test_grace_ends_by_itself(void **state)
{
    bare_worker *b = *state;
    raw_client c = greeted(b, NULL);
    b->bob->lease_grace_ms = 20;
    put(&c, LEASED, 1);
    raw_close(&c);
    for (int k = 0; k < 1000 && sy_worker_get_object_count(b->bob) > 1; k++) {
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    }
    assert_int_equal(sy_worker_get_object_count(b->bob), 1);
}

static size_t count_sessions(bare_worker *b)
{
    size_t count = 0;
    pthread_mutex_lock(&b->bob->strand);
    for (const syi_session *s = b->bob->sessions; s != NULL; s = s->next) {
        count++;
    }
    pthread_mutex_unlock(&b->bob->strand);
    return count;
}

/* Connections that came and went without a greeting have no grace: they would pile up. */
static void test_strangers_leave_nothing(void **state)
{
    bare_worker *b = *state;
    b->bob->lease_grace_ms = 3600000;
    raw_client known = greeted(b, NULL);
    for (int k = 0; k < 50; k++) {
        raw_client stranger;
        raw_open(&stranger, b->context, b->bob, NULL);
        raw_close(&stranger);
    }
    raw_close(&known);
    for (int k = 0; k < 1000 && count_sessions(b) > 1; k++) {
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    }
    assert_int_equal(count_sessions(b), 1); /* who greeted may come back */
}

static void test_kept_objects_stay(void **state)
{
    bare_worker *b = *state;
    raw_client c = greeted(b, NULL);
    put(&c, LEASED, 1);
    raw_put_worker_command(&c, "keep", 1);
    raw_put_pointer(&c, LEASED, NULL);
    assert_ok(raw_request(&c, SYI_KIND_WORKER_COMMAND), &c.said);
    raw_close(&c);
    assert_int_equal(syi_sessions_expire(b->bob, UINT64_MAX), 0);
    assert_int_equal(sy_worker_get_object_count(b->bob), 2);
}

/* Back within the grace: the objects are the new connection's, and the old lease's end takes nothing. */
static void test_taking_up(void **state)
{
    bare_worker *b = *state;
    raw_client c = greeted(b, NULL);
    put(&c, LEASED, 1);
    raw_close(&c);
    raw_client again;
    raw_open(&again, b->context, b->bob, NULL);
    assert_ok(raw_greet(&again, "client", &c), &again.said);
    assert_memory_equal(again.session, c.session, SYI_SESSION_SIZE);
    (void)syi_sessions_expire(b->bob, UINT64_MAX);
    assert_int_equal(sy_worker_get_object_count(b->bob), 2);
    put(&again, LEASED, 2); /* its own: may be overwritten */
    raw_close(&again);
    assert_int_equal(syi_sessions_expire(b->bob, UINT64_MAX), 0);
    assert_int_equal(sy_worker_get_object_count(b->bob), 1);
}

static void test_coming_back_too_late(void **state)
{
    bare_worker *b = *state;
    raw_client c = greeted(b, NULL);
    put(&c, LEASED, 1);
    raw_close(&c);
    (void)syi_sessions_expire(b->bob, UINT64_MAX);
    raw_client again;
    raw_open(&again, b->context, b->bob, NULL);
    assert_ok(raw_greet(&again, "client", &c), &again.said); /* served, with nothing */
    assert_memory_not_equal(again.session, c.session, SYI_SESSION_SIZE);
    raw_put_object_request(&again, LEASED, true);
    assert_int_equal(raw_request(&again, SYI_KIND_OBJECT_REQUEST), SY_ENOTFOUND);
    raw_close(&again);
}

/* The half-open connection of before registers nothing more. */
static void test_taken_up_while_still_open(void **state)
{
    bare_worker *b = *state;
    const char *url = listening(b);
    raw_client c = greeted(b, url);
    put(&c, LEASED, 1);
    raw_client again;
    raw_open(&again, b->context, b->bob, url);
    assert_ok(raw_greet(&again, "client", &c), &again.said);
    raw_put_object(&c, 99, 1, &(float){1});
    assert_int_not_equal(raw_request(&c, SYI_KIND_OBJECT), SY_OK);
    raw_put_object_request(&again, LEASED, true);
    assert_ok(raw_request(&again, SYI_KIND_OBJECT_REQUEST), &again.said);
    assert_int_equal(sy_worker_get_object_count(b->bob), 2);
    raw_close(&c);
    raw_close(&again);
}

/* --- deletions ------------------------------------------------------------------------------------------ */

static void test_deletions(void **state)
{
    bare_worker *b = *state;
    raw_client c = greeted(b, NULL);
    const sy_id id = sy_id_from_int(LEASED);
    put(&c, LEASED, 1);
    put(&c, LEASED, 2);
    const uint64_t generation = syi_store_get(b->bob, &id)->generation;
    raw_put_deletion(&c, LEASED, generation - 1); /* an older one's */
    send_body(&c, SYI_KIND_DELETE);
    raw_put_deletion(&c, PUBLISHED, 0); /* without a generation only what this session computed */
    send_body(&c, SYI_KIND_DELETE);
    raw_put_deletion(&c, 404, 0);
    send_body(&c, SYI_KIND_DELETE);
    assert_int_equal(sy_worker_get_object_count(b->bob), 2);
    raw_put_deletion(&c, LEASED, generation);
    send_body(&c, SYI_KIND_DELETE);
    assert_int_equal(sy_worker_get_object_count(b->bob), 1);
    raw_put_command(&c, "add", PUBLISHED, PUBLISHED, LEASED);
    assert_ok(raw_request(&c, SYI_KIND_COMMAND), &c.said);
    assert_int_equal(sy_worker_get_object_count(b->bob), 2);
    raw_put_deletion(&c, LEASED, 0);
    send_body(&c, SYI_KIND_DELETE);
    raw_put_worker_command(&c, "objects_count",
                           0); /* the first answer is to this: deletions have none */
    assert_ok(raw_request(&c, SYI_KIND_WORKER_COMMAND), &c.said);
    assert_int_equal(c.reply.body.data[0], 1);
    raw_close(&c);
}

/* An object that moved back here under its old id is not what a pointer from before may still delete. */
static void test_adopted_objects_go_by_generation(void **state)
{
    bare_worker *b = *state;
    raw_client c = greeted(b, NULL);
    raw_client other = greeted(b, NULL);
    const sy_id id = sy_id_from_int(LEASED);
    put(&other, LEASED, 1);
    const uint64_t generation = syi_store_get(b->bob, &id)->generation;
    raw_put_worker_command(&c, "adopt", 2);
    syi_msgpack_write_int(&c.body, LEASED);
    syi_msgpack_write_int(&c.body, (int64_t)generation);
    assert_ok(raw_request(&c, SYI_KIND_WORKER_COMMAND), &c.said);
    raw_close(&other);
    raw_put_deletion(&c, LEASED, 0);
    send_body(&c, SYI_KIND_DELETE);
    assert_int_equal(sy_worker_get_object_count(b->bob), 2);
    raw_put_deletion(&c, LEASED, generation);
    send_body(&c, SYI_KIND_DELETE);
    assert_int_equal(sy_worker_get_object_count(b->bob), 1);
    raw_close(&c);
}

/* --- refusals --------------------------------------------------------------------------------------------- */

/* A request whose caller gave up while it waited for its turn is not run. */
static void test_too_late(void **state)
{
    bare_worker *b = *state;
    raw_client c = greeted(b, listening(b));
    put_slow(&c, "waits", 100);
    send_with(&c, SYI_FLAG_ORDERED, 0);
    put_slow(&c, "slow_writer", 1);
    send_with(&c, 0, 1);
    put_slow(&c, "slow_writer", 1);
    send_with(&c, 0, 20000);
    assert_ok(raw_receive(&c), &c.said);
    assert_int_equal(raw_receive(&c), SY_ETIMEDOUT);
    assert_string_equal(c.said.worker, "bob");
    assert_ok(raw_receive(&c), &c.said);
    assert_int_equal(ran, 2);
    raw_close(&c);
}

static void test_busy(void **state)
{
    bare_worker *b = *state;
    raw_client c = greeted(b, NULL);
    pthread_mutex_lock(&b->bob->strand);
    b->bob->session_threads += SYI_SESSION_THREADS_MAX; /* as if so many waited */
    pthread_mutex_unlock(&b->bob->strand);
    put_slow(&c, "waits", 1);
    assert_int_equal(raw_request(&c, SYI_KIND_WORKER_COMMAND), SY_EBUSY);
    assert_string_equal(c.said.worker, "bob");
    raw_put_object_request(&c, PUBLISHED, true); /* what does not wait is served */
    assert_ok(raw_request(&c, SYI_KIND_OBJECT_REQUEST), &c.said);
    pthread_mutex_lock(&b->bob->strand);
    b->bob->session_threads -= SYI_SESSION_THREADS_MAX;
    pthread_mutex_unlock(&b->bob->strand);
    put_slow(&c, "waits", 1);
    assert_ok(raw_request(&c, SYI_KIND_WORKER_COMMAND), &c.said);
    raw_close(&c);
}

static void test_shutting_down(void **state)
{
    bare_worker *b = *state;
    raw_client c = greeted(b, NULL);
    pthread_mutex_lock(&b->bob->strand);
    b->bob->stopping = true;
    pthread_mutex_unlock(&b->bob->strand);
    raw_put_object_request(&c, PUBLISHED, true);
    assert_int_equal(raw_request(&c, SYI_KIND_OBJECT_REQUEST), SY_ECLOSED);
    pthread_mutex_lock(&b->bob->strand);
    b->bob->stopping = false;
    pthread_mutex_unlock(&b->bob->strand);
    raw_put_object_request(&c, PUBLISHED, true);
    assert_ok(raw_request(&c, SYI_KIND_OBJECT_REQUEST), &c.said);
    raw_close(&c);
}

/* Stopping lets what runs finish, and its answer leave. */
static void test_draining(void **state)
{
    bare_worker *b = *state;
    raw_client c = greeted(b, listening(b));
    put_slow(&c, "slow_writer", 100);
    send_body(&c, SYI_KIND_WORKER_COMMAND);
    for (int k = 0; k < 2000 && atomic_load(&running) == 0; k++) {
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    sy_worker_stop_listening(b->bob, 10000);
    assert_int_equal(ran, 1);
    assert_ok(raw_receive(&c), &c.said);
    assert_int_equal(raw_receive(&c), SY_ECLOSED);
    raw_close(&c);
}

/* A client that goes away with requests under way leaves nothing behind. */
static void test_leaving_in_the_middle(void **state)
{
    bare_worker *b = *state;
    const char *url = listening(b);
    for (int round = 0; round < 20; round++) {
        raw_client c = greeted(b, url);
        put_slow(&c, "slow_writer", 1);
        send_body(&c, SYI_KIND_WORKER_COMMAND);
        for (int k = 0; k < 20; k++) {
            raw_put_object(&c, 1000 + k, 1, &(float){1});
            send_body(&c, SYI_KIND_OBJECT);
        }
        raw_close(&c);
    }
    sy_worker_stop_listening(b->bob, 5000);
    (void)syi_sessions_expire(b->bob, UINT64_MAX);
    assert_int_equal(sy_worker_get_object_count(b->bob), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        session_test(test_answers_in_order),
        session_test(test_answers_in_order_over_tcp),
        session_test(test_overtaking),
        session_test(test_writers_run_alone),
        session_test(test_objects_go_with_their_client),
        session_test(test_grace_ends_by_itself),
        session_test(test_strangers_leave_nothing),
        session_test(test_kept_objects_stay),
        session_test(test_taking_up),
        session_test(test_coming_back_too_late),
        session_test(test_taken_up_while_still_open),
        session_test(test_deletions),
        session_test(test_adopted_objects_go_by_generation),
        session_test(test_too_late),
        session_test(test_busy),
        session_test(test_shutting_down),
        session_test(test_draining),
        session_test(test_leaving_in_the_middle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
