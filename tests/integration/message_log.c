/*
 * message_log.c - log_msgs of a worker, at both ends and for every kind: as many messages as the transport counts
 * frames, in both directions; what an entry says and what it never says; who may read the log of a worker elsewhere.
 */
#include <string.h>

#include <csyft/caller.h>
#include <csyft/message_log.h>

#include "support/worker_kinds.h"

typedef struct log_copy {
    sy_logged_message *messages;
    size_t count;
} log_copy;

static log_copy read_log(workers *w, sy_worker *worker)
{
    log_copy log = {NULL, 0};
    assert_ok(sy_worker_get_log(worker, &log.messages, &log.count, 0, &w->err), &w->err);
    return log;
}

static void free_log(sy_worker *worker, log_copy *log)
{
    sy_logged_messages_free(sy_worker_get_hook(worker), log->messages, log->count);
}

/* Messages of that direction and peer ("" : any) and kind (NULL: any). */
static size_t count_of(const log_copy *log, bool received, const char *peer, const char *kind)
{
    size_t count = 0;
    for (size_t k = 0; k < log->count; k++) {
        const sy_logged_message *m = &log->messages[k];
        count += m->received == received && strcmp(m->peer, peer) == 0 &&
                 (kind == NULL || strcmp(m->kind, kind) == 0);
    }
    return count;
}

static const sy_logged_message *find(const log_copy *log, bool received, const char *kind,
                                     const char *subject)
{
    for (size_t k = 0; k < log->count; k++) {
        const sy_logged_message *m = &log->messages[k];
        if (m->received == received && strcmp(m->kind, kind) == 0 &&
            strcmp(m->subject, subject) == 0) {
            return m;
        }
    }
    return NULL;
}

/* Virtual workers are greeted at the first message only. */
static void greet(workers *w)
{
    char *text = NULL;
    assert_ok(sy_worker_whoami(w->alice, &text, &w->err), &w->err);
    sy_string_free(w->hook, text);
}

/* A bit of everything that travels. */
static void work(workers *w)
{
    const char *const term = "#nothing";
    sy_tensor **found = NULL;
    size_t count = 0;
    bool is_none = true;
    char *text = NULL;
    sy_tensor *x = workers_send(w, FLOATS(w, 1, 2, 3), w->alice);
    sy_tensor *y = OP(w, "add", TENSOR(x), TENSOR(x));
    assert_ok(sy_tensor_is_none(y, &is_none, &w->err), &w->err);
    (void)workers_copy_get(w, y);
    assert_ok(sy_worker_search(w->alice, &found, &count, &term, 1, &w->err), &w->err);
    assert_int_equal(count, 0);
    assert_ok(sy_worker_whoami(w->alice, &text, &w->err), &w->err);
    sy_string_free(w->hook, text);
    const sy_id missing = sy_id_from_int(77);
    assert_fails(w, sy_worker_delete(w->alice, &missing, &w->err), SY_ENOTFOUND, "77");
    assert_ok(sy_tensor_move_(y, w->bob, &w->err), &w->err);
    workers_drop(w, x);
    workers_settle(w);
    assert_ok(sy_worker_whoami(w->alice, &text, &w->err), &w->err); /* after the deletions */
    sy_string_free(w->hook, text);
}

static void test_counts_equal_the_frames(void **state)
{
    workers *w = *state;
    greet(w);
    workers_settle(w);
    const sy_traffic before = sy_worker_get_traffic(w->alice);
    assert_ok(sy_worker_log_messages(w->me, NULL, &w->err), &w->err);
    assert_ok(sy_worker_log_messages(w->alice_serving, NULL, &w->err), &w->err);
    work(w);
    const sy_traffic after = sy_worker_get_traffic(w->alice);
    log_copy mine = read_log(w, w->me);
    log_copy hers = read_log(w, w->alice_serving);

    const size_t sent = after.messages_sent - before.messages_sent;
    const size_t received = after.messages_received - before.messages_received;
    assert_true(sent > 7);
    assert_int_equal(count_of(&mine, false, "alice", NULL), sent);
    assert_int_equal(count_of(&mine, true, "alice", NULL), received);
    assert_int_equal(count_of(&hers, true, "me", NULL), sent);
    assert_int_equal(count_of(&hers, false, "me", NULL), received);
    /* Kind by kind, too. */
    static const char *const requests[] = {"object",         "command", "is_none",       "search",
                                           "object request", "delete",  "worker command"};
    for (size_t k = 0; k < sizeof requests / sizeof requests[0]; k++) {
        assert_int_equal(count_of(&mine, false, "alice", requests[k]),
                         count_of(&hers, true, "me", requests[k]));
    }
    assert_true(count_of(&mine, false, "alice", "delete") > 0);
    assert_int_equal(count_of(&mine, true, "alice", "reply"),
                     count_of(&hers, false, "me", "reply"));
    /* She moved an object on by herself: her messages as a client are in her log, too. */
    assert_true(count_of(&hers, false, "bob", "object") == 1);
    free_log(w->me, &mine);
    free_log(w->alice_serving, &hers);
}

/* From the first message of a connection on. */
static void test_greetings_count(void **state)
{
    workers *w = *state;
    sy_worker *bob = NULL;
    assert_ok(sy_worker_log_messages(w->bob_serving, NULL, &w->err), &w->err);
    sy_hook *hook = workers_add_client(w, "carol", &bob);
    sy_worker *carol = sy_hook_get_local_worker(hook);
    uint64_t sent = 0;
    uint64_t received = 0;
    log_copy his = read_log(w, w->bob_serving);
    const sy_traffic traffic = sy_worker_get_traffic(bob);
    assert_int_equal(count_of(&his, true, "", "hello"), 1); /* who it is, is in it */
    assert_int_equal(count_of(&his, false, "carol", "hello"), 1);
    assert_int_equal(his.count, traffic.messages_sent + traffic.messages_received);
    free_log(w->bob_serving, &his);
    /* Carol's own log was not open. */
    assert_ok(sy_worker_count_messages(carol, &sent, &received, &w->err), &w->err);
    assert_int_equal(sent + received, 0);
}

static void test_what_an_entry_says(void **state)
{
    workers *w = *state;
    assert_ok(sy_worker_log_messages(w->alice_serving, NULL, &w->err), &w->err);
    sy_tensor *x = workers_send(w, FLOATS(w, 1, 2, 3), w->alice);
    sy_tensor *big = workers_tensor(w, 1, (const int64_t[]){1000}, (const float[1000]){0});
    (void)workers_send(w, big, w->alice);
    (void)OP(w, "add", TENSOR(x), TENSOR(x));
    char *text = NULL;
    assert_ok(sy_worker_whoami(w->alice, &text, &w->err), &w->err);
    sy_string_free(w->hook, text);
    const sy_id missing = sy_id_from_int(77);
    assert_fails(w, sy_worker_delete(w->alice, &missing, &w->err), SY_ENOTFOUND, "77");

    log_copy log = read_log(w, w->alice_serving);
    const sy_logged_message *m = find(&log, true, "command", "add");
    assert_non_null(m);
    assert_string_equal(m->peer, "me");
    assert_true(m->message_id != 0 && m->size > 40 && m->time_us > 1600000000000000);
    assert_non_null(strstr(m->address, w->kind->url == NULL                ? "inproc"
                                       : w->kind->kind == SY_WORKER_CUSTOM ? "pigeon"
                                       : w->kind->kind == SY_WORKER_SOCKET ? "tcp://"
                                                                           : "ws://"));
    const sy_logged_message *answer = NULL;
    for (size_t k = 0; k < log.count; k++) {
        assert_int_equal(log.messages[k].number, k);
        assert_true(k == 0 || log.messages[k].time_us >= log.messages[k - 1].time_us);
        const bool answers =
            !log.messages[k].received && log.messages[k].message_id == m->message_id;
        answer = answers ? &log.messages[k] : answer;
    }
    assert_non_null(answer); /* found by the id of its request */
    assert_string_equal(answer->kind, "reply");
    assert_non_null(find(&log, true, "worker command", "whoami"));
    assert_non_null(find(&log, false, "error", "SY_ENOTFOUND"));
    /* A tensor beside the body is counted, and its bytes; it is not kept. */
    size_t large = 0;
    for (size_t k = 0; k < log.count; k++) {
        large += log.messages[k].segments == 1 && log.messages[k].size > 4000;
    }
    assert_int_equal(large, 1);
    free_log(w->alice_serving, &log);
}

/* Words that must not be in it: arguments, terms, sentences, tokens. */
static void test_what_it_never_says(void **state)
{
    workers *w = *state;
    const char *const term = "secret-term";
    sy_tensor **found = NULL;
    size_t count = 0;
    assert_ok(sy_worker_log_messages(w->alice_serving, NULL, &w->err), &w->err);
    assert_ok(sy_worker_search(w->alice, &found, &count, &term, 1, &w->err), &w->err);
    sy_tensor *x = FLOATS(w, 1, 2, 3);
    assert_ok(sy_tensor_describe(x, "secret-description", &w->err), &w->err);
    (void)workers_send(w, x, w->alice);
    log_copy log = read_log(w, w->alice_serving);
    assert_true(log.count >= 4);
    for (size_t k = 0; k < log.count; k++) {
        assert_null(strstr(log.messages[k].subject, "secret"));
        assert_null(strstr(log.messages[k].kind, "secret"));
    }
    assert_non_null(find(&log, true, "search", "1 terms"));
    free_log(w->alice_serving, &log);
}

static void test_bounds(void **state)
{
    workers *w = *state;
    sy_message_log_options options = SY_MESSAGE_LOG_OPTIONS_INIT;
    sy_logged_message message;
    uint64_t sent = 0;
    uint64_t received = 0;
    options.messages_max = 6;
    greet(w);
    assert_ok(sy_worker_log_messages(w->alice_serving, &options, &w->err), &w->err);
    for (int k = 0; k < 10; k++) {
        char *text = NULL;
        assert_ok(sy_worker_whoami(w->alice, &text, &w->err), &w->err);
        sy_string_free(w->hook, text);
    }
    log_copy log = read_log(w, w->alice_serving);
    assert_int_equal(log.count, 6);
    assert_ok(sy_worker_count_messages(w->alice_serving, &sent, &received, &w->err), &w->err);
    assert_int_equal(sent, 10);
    assert_int_equal(received, 10);
    assert_int_equal(log.messages[5].number, 19);
    free_log(w->alice_serving, &log);

    /* _get_msg counts those received, from both ends; what has left the ring is not found. */
    assert_ok(sy_worker_get_message(w->alice_serving, &message, -1, &w->err), &w->err);
    assert_int_equal(message.number, 18);
    assert_true(message.received);
    assert_ok(sy_worker_get_message(w->alice_serving, &message, 9, &w->err), &w->err);
    assert_int_equal(message.number, 18);
    assert_ok(sy_worker_get_message(w->alice_serving, &message, 7, &w->err), &w->err);
    assert_int_equal(message.number, 14);
    assert_fails(w, sy_worker_get_message(w->alice_serving, &message, 0, &w->err), SY_ENOTFOUND,
                 "alice", "0");
    assert_fails(w, sy_worker_get_message(w->alice_serving, &message, 10, &w->err), SY_ENOTFOUND,
                 "10");

    /* Bytes bound it, too; and what makes no sense is refused. */
    options.messages_max = 0;
    options.bytes_max = 1000;
    assert_ok(sy_worker_log_messages(w->alice_serving, &options, &w->err), &w->err);
    for (int k = 0; k < 10; k++) {
        char *text = NULL;
        assert_ok(sy_worker_whoami(w->alice, &text, &w->err), &w->err);
        sy_string_free(w->hook, text);
    }
    log = read_log(w, w->alice_serving);
    assert_in_range(log.count, 1, 6);
    free_log(w->alice_serving, &log);
    options.bytes_max = 10;
    assert_fails(w, sy_worker_log_messages(w->alice_serving, &options, &w->err), SY_EINVAL, "10");
    options.bytes_max = 0;
    options.messages_max = SIZE_MAX;
    assert_fails(w, sy_worker_log_messages(w->alice_serving, &options, &w->err), SY_EINVAL,
                 "messages");
    assert_fails(w, sy_worker_log_messages(w->alice, &options, &w->err), SY_EINVAL, "messages");
    options.size = 3;
    assert_fails(w, sy_worker_log_messages(w->alice_serving, &options, &w->err), SY_EINVAL, "INIT");
}

/* Of a worker elsewhere: who is on its machine may; strangers (the class from outside) may not. */
static void test_log_of_another_worker(void **state)
{
    workers *w = *state;
    if (w->kind->kind == SY_WORKER_CUSTOM) {
        sy_logged_message *messages = NULL;
        size_t count = 0;
        assert_fails(w, sy_worker_log_messages(w->alice, NULL, &w->err), SY_EPERM, "log_messages",
                     "alice", "own machine");
        assert_fails(w, sy_worker_get_log(w->alice, &messages, &count, 0, &w->err), SY_EPERM,
                     "get_log");
        assert_null(messages);
        return;
    }
    uint64_t sent = 0;
    uint64_t received = 0;
    sy_logged_message message;
    assert_ok(sy_worker_log_messages(w->alice, NULL, &w->err), &w->err);
    sy_tensor *x = workers_send(w, FLOATS(w, 1, 2, 3), w->alice);
    (void)OP(w, "add", TENSOR(x), TENSOR(x));
    log_copy log = read_log(w, w->alice);
    const sy_logged_message *m = find(&log, true, "command", "add");
    assert_non_null(m);
    assert_string_equal(m->peer, "me");
    log_copy same = read_log(w, w->alice_serving);
    assert_true(same.count >= log.count);
    assert_memory_equal(same.messages, log.messages, log.count * sizeof *log.messages);
    free_log(w->alice_serving, &same);
    assert_ok(sy_worker_get_message(w->alice, &message, (int64_t)m->number / 2, &w->err), &w->err);
    assert_true(message.received);
    assert_fails(w, sy_worker_get_message(w->alice, &message, 1000, &w->err), SY_ENOTFOUND, "alice",
                 "1000");
    assert_ok(sy_worker_count_messages(w->alice, &sent, &received, &w->err), &w->err);
    assert_true(sent >= 3 && received >= 3);
    free_log(w->alice, &log);
    assert_ok(sy_worker_stop_logging(w->alice, &w->err), &w->err);
    log = read_log(w, w->alice);
    assert_int_equal(log.count, 0);
    assert_fails(w, sy_worker_get_message(w->alice, &message, -1, &w->err), SY_ENOTFOUND, "-1");

    /* From now on only carol may, and nobody here is called so. */
    const char *const names[] = {"carol"};
    assert_ok(sy_worker_permit_administration(w->alice_serving, names, 1, &w->err), &w->err);
    if (w->kind->kind != SY_WORKER_VIRTUAL) {
        assert_fails(w, sy_worker_count_messages(w->alice, &sent, &received, &w->err), SY_EPERM,
                     "count_messages", "others");
        assert_fails(w, sy_worker_permit_administration(w->alice, names, 1, &w->err), SY_EINVAL,
                     "alice");
    }
}

/* Verbose: a line per message in the context's log. */
static void test_verbose(void **state)
{
    workers *w = *state;
    sy_message_log_options options = SY_MESSAGE_LOG_OPTIONS_INIT;
    options.verbose = true;
    greet(w);
    assert_ok(sy_worker_log_messages(w->me, &options, &w->err), &w->err);
    workers_log_clear(w);
    sy_tensor *x = workers_send(w, FLOATS(w, 1, 2, 3), w->alice);
    (void)OP(w, "add", TENSOR(x), TENSOR(x));
    assert_int_equal(workers_log_count(w, SY_LOG_INFO, "messages", "sent command add"), 1);
    assert_int_equal(workers_log_count(w, SY_LOG_INFO, "messages", "received reply"), 2);
    assert_int_equal(workers_log_count(w, SY_LOG_INFO, "messages", "to alice"), 2);
    assert_ok(sy_worker_stop_logging(w->me, &w->err), &w->err);
    workers_log_clear(w);
    (void)OP(w, "add", TENSOR(x), TENSOR(x));
    assert_int_equal(workers_log_count(w, SY_LOG_INFO, "messages", NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORKER_KINDS(test_counts_equal_the_frames),
        REMOTE_WORKER_KINDS(test_greetings_count),
        WORKER_KINDS(test_what_an_entry_says),
        WORKER_KINDS(test_what_it_never_says),
        WORKER_KINDS(test_bounds),
        WORKER_KINDS(test_log_of_another_worker),
        WORKER_KINDS(test_verbose),
    };
    return workers_run(tests);
}
