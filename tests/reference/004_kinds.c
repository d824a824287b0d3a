/*
 * 004_kinds.c - T15, reference 004 lines 64-71: three kinds of workers "expose the very same interface". One program
 * runs on each, and on a kind made outside of the library: the results are the same, and so are the messages, one by
 * one, as both ends have logged them.
 */
#include <stdio.h>
#include <string.h>

#include <csyft/message_log.h>

#include "support/worker_kinds.h"

enum { NOTES = 64, RESULTS = 4 };

typedef struct account { /* of one run */
    size_t count;
    char notes[NOTES][160]; /* "me received reply" */
    float results[RESULTS];
    bool filled;
} account;

static account of_kind[WORKER_KIND_COUNT];

static void greet(workers *w, sy_worker *worker)
{
    char *text = NULL;
    assert_ok(sy_worker_whoami(worker, &text, &w->err), &w->err);
    sy_string_free(w->hook, text);
}

/* Ids are drawn anew each time; names of operations and commands are not. */
static bool names_something(const sy_logged_message *m)
{
    return strcmp(m->kind, "command") == 0 || strcmp(m->kind, "worker command") == 0 ||
           strcmp(m->kind, "error") == 0 || strcmp(m->kind, "search") == 0;
}

static void note_log(workers *w, account *a, const char *whose, sy_worker *worker)
{
    sy_logged_message *messages = NULL;
    size_t count = 0;
    assert_ok(sy_worker_get_log(worker, &messages, &count, 0, &w->err), &w->err);
    for (size_t k = 0; k < count; k++) {
        const sy_logged_message *m = &messages[k];
        if (strcmp(m->kind, "delete") == 0) {
            continue; /* they ride along when it suits, at every kind */
        }
        assert_true(a->count < NOTES);
        snprintf(a->notes[a->count++], sizeof a->notes[0], "%s %s %s %s %u", whose,
                 m->received ? "received" : "sent", m->kind, names_something(m) ? m->subject : "",
                 m->segments);
    }
    sy_logged_messages_free(sy_worker_get_hook(worker), messages, count);
}

static void run_program(workers *w, account *a)
{
    static float many[500];
    const char *const term = "#x";
    sy_tensor **found = NULL;
    size_t count = 0;
    bool is_none = true;
    many[499] = 7;
    sy_tensor *x = FLOATS(w, 1, 2, 3, 4);
    assert_ok(sy_tensor_tag(x, term, &w->err), &w->err);
    sy_tensor *p = workers_send(w, x, w->bob);
    sy_tensor *y = OP(w, "add", TENSOR(p), TENSOR(p));
    y = OP(w, "mul", TENSOR(y), TENSOR(p));
    (void)OP(w, "neg_", TENSOR(y));
    assert_ok(sy_worker_search(w->bob, &found, &count, &term, 1, &w->err), &w->err);
    assert_int_equal(count, 1);
    sy_tensors_free(w->hook, found, count);
    assert_ok(sy_tensor_is_none(y, &is_none, &w->err), &w->err);
    assert_false(is_none);
    const sy_id missing = sy_id_from_int(12345);
    assert_fails(w, sy_worker_delete(w->bob, &missing, &w->err), SY_ENOTFOUND, "12345", "bob");
    sy_tensor *big = workers_tensor(w, 1, (const int64_t[]){500}, many);
    big = workers_copy_get(w, workers_send(w, big, w->bob));
    assert_ok(sy_tensor_copy_data(big, many, sizeof many, &w->err), &w->err);
    assert_true(many[499] == 7);
    sy_tensor *result = workers_get(w, y);
    assert_ok(sy_tensor_copy_data(result, a->results, sizeof a->results, &w->err), &w->err);
}

static void test_same_program(void **state)
{
    workers *w = *state;
    account *a = &of_kind[w->kind - worker_kinds];
    greet(w, w->bob);
    assert_ok(sy_worker_log_messages(w->me, NULL, &w->err), &w->err);
    assert_ok(sy_worker_log_messages(w->bob_serving, NULL, &w->err), &w->err);
    run_program(w, a);
    note_log(w, a, "me", w->me);
    note_log(w, a, "bob", w->bob_serving);
    a->filled = true;
    const account expected = {.results = {-2, -8, -18, -32}};
    assert_memory_equal(a->results, expected.results, sizeof expected.results);
    assert_true(a->count >= 40);
}

/* After the others. */
static void test_same_messages(void **state)
{
    (void)state;
    for (size_t kind = 1; kind < WORKER_KIND_COUNT; kind++) {
        if (!of_kind[0].filled || !of_kind[kind].filled) {
            continue; /* left out by CSYFT_TEST_FILTER */
        }
        assert_int_equal(of_kind[kind].count, of_kind[0].count);
        for (size_t k = 0; k < of_kind[0].count; k++) {
            assert_string_equal(of_kind[kind].notes[k], of_kind[0].notes[k]);
        }
        assert_memory_equal(of_kind[kind].results, of_kind[0].results, sizeof of_kind[0].results);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORKER_KINDS(test_same_program),
        cmocka_unit_test(test_same_messages),
    };
    return workers_run(tests);
}
