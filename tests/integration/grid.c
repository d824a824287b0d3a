/*
 * grid.c - VirtualGrid: several workers of any kind searched as one; results per worker, the counter of tags, and a
 * worker that is not there.
 */
#include <string.h>

#include <csyft/grid.h>

#include "support/places.h"

static void publish(workers *w, sy_worker *worker, sy_worker *serving, const char *id,
                    const char *const *tags, size_t count)
{
    sy_tensor *x = NULL;
    sy_hook *hook = sy_worker_get_hook(serving);
    assert_ok(sy_tensor_from_floats(hook, &x, (float[]){1, 2, 3}, 3, &w->err), &w->err);
    for (size_t k = 0; k < count; k++) {
        assert_ok(sy_tensor_tag(x, tags[k], &w->err), &w->err);
    }
    assert_ok(sy_tensor_describe(x, id, &w->err), &w->err);
    assert_ok(sy_worker_publish(serving, x, false, &w->err), &w->err);
    sy_tensor_unref(x);
    (void)worker;
}
#define PUBLISH(w, who, id, ...)                                                  \
    publish((w), (w)->who, (w)->who##_serving, id, (const char *[]){__VA_ARGS__}, \
            sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *))

/* The spec's example, spread over two workers. */
static void fill(workers *w)
{
    PUBLISH(w, alice, "a1", "#fun", "#mnist");
    PUBLISH(w, alice, "a2", "#not_fun", "#cifar");
    PUBLISH(w, bob, "b1", "#fun", "#boston");
    PUBLISH(w, bob, "b2", "#not_fun", "#boston");
}

static sy_grid *grid_of_both(workers *w)
{
    sy_grid *grid = NULL;
    sy_worker *const both[] = {w->alice, w->bob};
    assert_ok(sy_grid_new(w->hook, &grid, both, 2, &w->err), &w->err);
    assert_int_equal(sy_grid_get_worker_count(grid), 2);
    return grid;
}

static void test_results_and_counter(void **state)
{
    workers *w = *state;
    const char *const fun[] = {"#fun"};
    const char *const two[] = {"#not_fun", "#boston"};
    sy_grid_results *found = NULL;
    fill(w);
    sy_grid *grid = grid_of_both(w);
    assert_ok(sy_grid_search(grid, &found, fun, 1, &w->err), &w->err);
    assert_int_equal(found->answer_count, 2);
    assert_ptr_equal(found->answers[0].worker, w->alice);
    assert_ptr_equal(found->answers[1].worker, w->bob);
    assert_int_equal(found->answers[0].count, 1);
    assert_int_equal(found->answers[1].count, 1);
    assert_int_equal(found->found, 2);
    assert_int_equal(found->failed, 0);
    assert_int_equal(found->tag_count, 3); /* Counter({'#fun': 2, '#mnist': 1, '#boston': 1}) */
    assert_string_equal(found->tags[0].tag, "#fun");
    assert_int_equal(found->tags[0].count, 2);
    assert_string_equal(found->tags[1].tag, "#mnist");
    assert_string_equal(found->tags[2].tag, "#boston");
    assert_int_equal(found->tags[1].count + found->tags[2].count, 2);
    /* They are pointers to use; they do not own. */
    sy_scope *s = sy_scope_begin(w->hook);
    sy_tensor *sum =
        sy_scope_keep(s, sy_add(s, found->answers[1].pointers[0], found->answers[1].pointers[0]));
    assert_ok(sy_scope_end(s, &w->err), &w->err);
    assert_floats(w, workers_get(w, sy_scope_adopt(w->s, sum)), 2, 4, 6);
    sy_grid_results_free(w->hook, found);
    workers_settle(w);
    assert_int_equal(sy_worker_get_object_count(w->bob_serving), 2);

    assert_ok(sy_grid_search(grid, &found, two, 2, &w->err), &w->err);
    assert_int_equal(found->found, 1);
    assert_int_equal(found->answers[0].count, 0);
    assert_null(found->answers[0].pointers);
    assert_string_equal(found->tags[0].tag, "#not_fun");
    sy_grid_results_free(w->hook, found);

    assert_ok(sy_grid_search(grid, &found, NULL, 0, &w->err), &w->err); /* everything */
    assert_int_equal(found->found, 4);
    assert_int_equal(found->tag_count, 5); /* fun, not_fun, mnist, cifar, boston */
    assert_int_equal(found->tags[0].count, 2);
    assert_int_equal(found->tags[4].count, 1);
    sy_grid_results_free(w->hook, found);
    sy_grid_free(grid);
}

/* What the original prints. */
static void test_text(void **state)
{
    workers *w = *state;
    const char *const boston[] = {"#boston"};
    sy_grid_results *found = NULL;
    char *text = NULL;
    char line[256];
    fill(w);
    sy_grid *grid = grid_of_both(w);
    assert_ok(sy_grid_search(grid, &found, boston, 1, &w->err), &w->err);
    assert_ok(sy_grid_results_to_text(w->hook, found, &text, &w->err), &w->err);
    snprintf(line, sizeof line, "Found 0 results on <%s id:alice", w->kind->type);
    assert_memory_equal(text, line, strlen(line));
    snprintf(line, sizeof line, "Found 2 results on <%s id:bob", w->kind->type);
    assert_non_null(strstr(text, line));
    assert_non_null(strstr(text, "> - []\n"));
    assert_non_null(strstr(text, "> - [('#boston', 2), ('#fun', 1), ('#not_fun', 1)]\n"));
    assert_non_null(strstr(text, "\nFound 2 results in total.\n\nTag Profile:\n\t#boston found 2\n"
                                 "\t#fun found 1\n\t#not_fun found 1\n"));
    sy_string_free(w->hook, text);
    sy_grid_results_free(w->hook, found);
    sy_grid_free(grid);
}

static void test_misuse(void **state)
{
    workers *w = *state;
    sy_grid *grid = NULL;
    sy_grid_results *found = NULL;
    const char *const bad[] = {"#a", NULL};
    sy_worker *const twice[] = {w->alice, w->bob, w->alice};
    sy_worker *const missing[] = {w->alice, NULL};
    assert_fails(w, sy_grid_new(w->hook, &grid, twice, 3, &w->err), SY_EINVAL, "alice", "twice");
    assert_fails(w, sy_grid_new(w->hook, &grid, missing, 2, &w->err), SY_EINVAL, "1", "NULL");
    assert_null(grid);
    assert_ok(sy_grid_new(w->hook, &grid, NULL, 0, &w->err), &w->err);
    assert_ok(sy_grid_search(grid, &found, NULL, 0, &w->err), &w->err);
    assert_int_equal(found->answer_count + found->found + found->failed + found->tag_count, 0);
    sy_grid_results_free(w->hook, found);
    sy_grid_results_free(w->hook, NULL);
    assert_fails(w, sy_grid_search(grid, &found, bad, 2, &w->err), SY_EINVAL, "term 1");
    sy_grid_free(grid);
    sy_grid_free(NULL);
}

/* One is gone: named, with why; the others' answers are there. */
static void test_a_dead_worker(void **state)
{
    const worker_kind *kind = *state;
    test_pair pair;
    sy_error err = SY_ERROR_INIT;
    sy_tensor *x = NULL;
    sy_grid *grid = NULL;
    sy_grid_results *found = NULL;
    char *text = NULL;
    pair_open(&pair, kind, 1, 2000, NULL);
    assert_ok(sy_tensor_from_floats(pair.at_bob.hook, &x, (float[]){1}, 1, &err), &err);
    assert_ok(sy_tensor_tag(x, "#x", &err), &err);
    assert_ok(sy_worker_publish(pair.bob_serving, x, false, &err), &err);
    sy_tensor_unref(x);
    sy_worker *const both[] = {pair.alice, pair.bob};
    assert_ok(sy_grid_new(pair.home.hook, &grid, both, 2, &err), &err);
    pair.alice->reconnect_ms = 200; /* white box: nobody comes back */
    pair.bob->reconnect_ms = 200;
    sy_worker_stop_listening(pair.alice_serving, 100);
    assert_ok(sy_grid_search(grid, &found, NULL, 0, &err), &err);
    assert_int_equal(found->failed, 1);
    assert_int_equal(found->found, 1);
    assert_int_equal(found->answers[1].status, SY_OK);
    assert_int_equal(found->answers[0].count, 0);
    assert_int_equal(found->answers[0].status, SY_ECLOSED);
    assert_int_equal(found->answers[0].error.status, SY_ECLOSED);
    assert_string_equal(found->answers[0].error.worker, "alice");
    assert_string_equal(found->tags[0].tag, "#x");
    assert_ok(sy_grid_results_to_text(pair.home.hook, found, &text, &err), &err);
    assert_non_null(strstr(text, "No answer from <"));
    assert_non_null(strstr(text, "alice"));
    assert_non_null(strstr(text, "Found 1 results in total."));
    sy_string_free(pair.home.hook, text);
    sy_grid_results_free(pair.home.hook, found);
    /* Nobody is there any more. */
    sy_worker_stop_listening(pair.bob_serving, 100);
    assert_status(sy_grid_search(grid, &found, NULL, 0, &err), SY_ECLOSED, &err);
    assert_null(found);
    assert_string_equal(err.worker, "alice");
    sy_grid_free(grid);
    pair_close(&pair);
}

/* All are asked before one is waited for: the time is the slowest worker's, not the sum. */
static void test_asked_together(void **state)
{
    workers *w = *state;
    sy_grid_results *found = NULL;
    if (w->kind->kind == SY_WORKER_CUSTOM) {
        return; /* its messages wait for their answers */
    }
    sy_grid *grid = grid_of_both(w);
    assert_ok(sy_grid_search(grid, &found, NULL, 0, &w->err), &w->err);
    sy_grid_results_free(w->hook, found);
    assert_ok(sy_worker_set_message_pending_time(w->alice, 0.1, &w->err), &w->err);
    assert_ok(sy_worker_set_message_pending_time(w->bob, 0.1, &w->err), &w->err);
    const uint64_t start = test_now_ms();
    assert_ok(sy_grid_search(grid, &found, NULL, 0, &w->err), &w->err);
    const uint64_t took = test_now_ms() - start;
    sy_grid_results_free(w->hook, found);
    sy_grid_free(grid);
    assert_in_range(took, 99, 190);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORKER_KINDS(test_results_and_counter),
        WORKER_KINDS(test_text),
        WORKER_KINDS(test_misuse),
        REMOTE_KINDS(test_a_dead_worker),
        WORKER_KINDS(test_asked_together),
    };
    return workers_run(tests);
}
