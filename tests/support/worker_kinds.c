#include "support/worker_kinds.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "hook/tensor.h"
#include "workers/commands.h"
#include "workers/link.h"

const worker_kind worker_kinds[WORKER_KIND_COUNT] = {
    {"virtual", SY_WORKER_VIRTUAL, NULL, "VirtualWorker", "VirtualWorker"},
    {"socket", SY_WORKER_SOCKET, "tcp://127.0.0.1:0", "SocketWorker", "SocketWorker"},
    {"websocket", SY_WORKER_WEBSOCKET, "ws://127.0.0.1:0", "WebsocketClientWorker",
     "WebsocketServerWorker"},
    {"custom", SY_WORKER_CUSTOM, "pigeon://loft", "PigeonWorker", "BaseWorker"},
};

/* --- log ------------------------------------------------------------------------------------------ */

static void capture(void *user, sy_log_level level, const char *component, const char *worker,
                    uint64_t message_id, const char *message)
{
    (void)worker;
    (void)message_id;
    captured_log *log = user;
    pthread_mutex_lock(&log->lock);
    if (log->count == log->capacity) {
        log->capacity = log->capacity == 0 ? 64 : log->capacity * 2;
        log->lines = realloc(log->lines, log->capacity * sizeof *log->lines);
    }
    log_line *line = &log->lines[log->count++];
    line->level = level;
    snprintf(line->component, sizeof line->component, "%s", component);
    snprintf(line->message, sizeof line->message, "%s", message);
    pthread_mutex_unlock(&log->lock);
}

size_t workers_log_count(workers *w, sy_log_level level, const char *component, const char *words)
{
    size_t count = 0;
    pthread_mutex_lock(&w->log.lock);
    for (size_t k = 0; k < w->log.count; k++) {
        const log_line *line = &w->log.lines[k];
        count += line->level == level && strcmp(line->component, component) == 0 &&
                 (words == NULL || strstr(line->message, words) != NULL);
    }
    pthread_mutex_unlock(&w->log.lock);
    return count;
}

void workers_log_clear(workers *w)
{
    pthread_mutex_lock(&w->log.lock);
    w->log.count = 0;
    pthread_mutex_unlock(&w->log.lock);
}

/* --- places and workers --------------------------------------------------------------------------- */

static place *place_new(workers *w, const char *id, bool is_client)
{
    assert_in_range(w->place_count, 0, PLACES_MAX - 1);
    place *p = &w->places[w->place_count];
    sy_context_options options = SY_CONTEXT_OPTIONS_INIT;
    sy_hook_options hook_options = SY_HOOK_OPTIONS_INIT;
    options.allocator = failing_allocator_get(&p->memory);
    options.pool_threads = 2;
    if (w->place_count == 0) {
        options.log = capture;
        options.log_user = &w->log;
        options.log_filter = "info";
    }
    hook_options.local_worker_id = id;
    hook_options.is_client = is_client;
    hook_options.verbose = false;
    assert_ok(sy_context_new(&p->context, &options, &w->err), &w->err);
    w->place_count++;
    assert_ok(sy_hook_new(p->context, &p->hook, &hook_options, &w->err), &w->err);
    return p;
}

/* A kind made outside of the library: the caller is the way. */
static sy_status pigeon_send_msg(void *user, const void *message, size_t length,
                                 uint32_t timeout_ms, sy_answer *answer, sy_error *err)
{
    (void)timeout_ms;
    return sy_custom_client_recv_msg(user, message, length, answer, err);
}

static void pigeon_free(void *user)
{
    sy_custom_client_free(user);
}

/* The worker as `hook` reaches it by pigeons. */
static sy_worker *pigeon_worker(workers *w, sy_hook *hook, sy_worker *serving)
{
    static const sy_custom_worker_class klass = {sizeof klass, "PigeonWorker", pigeon_send_msg,
                                                 pigeon_free};
    sy_custom_client *caller = NULL;
    sy_worker *worker = NULL;
    assert_ok(sy_custom_client_new(serving, &caller, w->kind->url, &w->err), &w->err);
    assert_ok(sy_custom_worker_new(hook, &worker, &klass, caller, NULL, &w->err), &w->err);
    return worker;
}

static void introduce(workers *w)
{
    if (w->kind->kind == SY_WORKER_CUSTOM) {
        (void)pigeon_worker(w, sy_worker_get_hook(w->alice_serving), w->bob_serving);
        (void)pigeon_worker(w, sy_worker_get_hook(w->bob_serving), w->alice_serving);
        return;
    }
    assert_ok(sy_worker_introduce(w->alice, w->bob, NULL, &w->err), &w->err);
    assert_ok(sy_worker_introduce(w->bob, w->alice, NULL, &w->err), &w->err);
}

sy_worker *workers_add(workers *w, const char *id, sy_worker **serving)
{
    sy_worker *worker = NULL;
    sy_worker *served = NULL;
    if (w->kind->url == NULL) {
        assert_ok(sy_virtual_worker_new(w->hook, &worker, id, &w->err), &w->err);
        served = worker;
    } else if (w->kind->kind == SY_WORKER_CUSTOM) {
        served = sy_hook_get_local_worker(place_new(w, id, false)->hook);
        worker = pigeon_worker(w, w->hook, served);
    } else {
        sy_connect_options options = SY_CONNECT_OPTIONS_INIT;
        const char *bound = NULL;
        served = sy_hook_get_local_worker(place_new(w, id, false)->hook);
        assert_ok(sy_worker_listen(served, w->kind->url, NULL, &bound, &w->err), &w->err);
        options.id = id;
        assert_ok(sy_worker_connect(w->hook, &worker, bound, &options, &w->err), &w->err);
    }
    if (serving != NULL) {
        *serving = served;
    }
    return worker;
}

sy_hook *workers_add_client(workers *w, const char *id, sy_worker **bob)
{
    sy_hook *hook = place_new(w, id, true)->hook;
    if (w->kind->kind == SY_WORKER_CUSTOM) {
        *bob = pigeon_worker(w, hook, w->bob_serving);
    } else {
        assert_ok(sy_worker_connect(hook, bob, w->bob->url, NULL, &w->err), &w->err);
    }
    return hook;
}

int workers_setup(void **state)
{
    workers *w = calloc(1, sizeof *w);
    w->kind = *state;
    *state = w;
    pthread_mutex_init(&w->log.lock, NULL);
    w->hook = place_new(w, "me", true)->hook;
    w->me = sy_hook_get_local_worker(w->hook);
    w->alice = workers_add(w, "alice", &w->alice_serving);
    w->bob = workers_add(w, "bob", &w->bob_serving);
    introduce(w);
    w->s = sy_scope_begin(w->hook);
    return w->s != NULL ? 0 : -1;
}

int workers_teardown(void **state)
{
    workers *w = *state;
    bool broken = false;
    (void)sy_scope_end(w->s, NULL);
    for (size_t k = 0; k < w->place_count; k++) {
        sy_hook_free(w->places[k].hook);
    }
    for (size_t k = 0; k < w->place_count; k++) {
        sy_context_free(w->places[k].context);
        if (w->places[k].memory.live != 0 || w->places[k].memory.broken) {
            print_error("place %zu: %zu blocks are left, broken: %d\n", k,
                        (size_t)w->places[k].memory.live, (int)w->places[k].memory.broken);
            broken = true;
        }
    }
    pthread_mutex_destroy(&w->log.lock);
    free(w->log.lines);
    free(w);
    return broken;
}

int workers_run_tests(const struct CMUnitTest *tests, size_t count)
{
    const char *filter = getenv("CSYFT_TEST_FILTER");
    if (filter != NULL) {
        cmocka_set_test_filter(filter);
    }
    return _cmocka_run_group_tests("workers", tests, count, NULL, NULL);
}

/* --- settling ------------------------------------------------------------------------------------- */

#define LINKS_MAX 128

typedef struct way {
    sy_worker *owner;
    syi_link *link;
} way;

static size_t links_of(workers *w, way *ways)
{
    size_t count = 0;
    for (size_t k = 0; k < w->place_count; k++) {
        sy_hook *hook = w->places[k].hook;
        size_t at = 0;
        const sy_id *id = NULL;
        void *value = NULL;
        pthread_mutex_lock(&hook->directory_lock);
        while (syi_table_next(hook->directory, &at, &id, &value)) {
            sy_worker *worker = value;
            size_t link_at = 0;
            pthread_mutex_lock(&worker->links_lock);
            while (count < LINKS_MAX && syi_table_next(worker->links, &link_at, &id, &value)) {
                ways[count++] = (way){worker, value};
            }
            pthread_mutex_unlock(&worker->links_lock);
        }
        pthread_mutex_unlock(&hook->directory_lock);
    }
    return count;
}

/* A round trip on a link sends its deletions ahead and, since a session answers in order, comes back when
 * the server has dropped what they named. Dropping may queue deletions on other links. */
void workers_settle(workers *w)
{
    for (int quiet = 0, round = 0; quiet < 2 && round < 16; round++) {
        way ways[LINKS_MAX];
        const size_t count = links_of(w, ways);
        bool some = false;
        for (size_t k = 0; k < count; k++) {
            syi_exchange exchange;
            some |= syi_link_has_deletions(ways[k].link);
            if (syi_command_request(ways[k].owner, syi_link_get_target(ways[k].link),
                                    "objects_count", NULL, 0, &exchange, NULL) == SY_OK) {
                syi_link_end(&exchange);
            }
        }
        quiet = some ? 0 : quiet + 1;
    }
}

size_t workers_count(workers *w, sy_worker *serving)
{
    workers_settle(w);
    return sy_worker_get_object_count(serving);
}

/* --- tensors -------------------------------------------------------------------------------------- */

sy_tensor *workers_tensor(workers *w, int ndim, const int64_t *shape, const float *data)
{
    sy_tensor *tensor = NULL;
    assert_ok(sy_tensor_new(w->hook, &tensor, SY_DTYPE_F32, ndim, shape, data, &w->err), &w->err);
    return sy_scope_adopt(w->s, tensor);
}

sy_tensor *workers_longs(workers *w, int64_t count, const int64_t *data)
{
    sy_tensor *tensor = NULL;
    assert_ok(sy_tensor_new(w->hook, &tensor, SY_DTYPE_I64, 1, &count, data, &w->err), &w->err);
    return sy_scope_adopt(w->s, tensor);
}

sy_tensor *workers_send(workers *w, sy_tensor *tensor, sy_worker *location)
{
    sy_tensor *pointer = NULL;
    assert_ok(sy_tensor_send(tensor, &pointer, location, &w->err), &w->err);
    return sy_scope_adopt(w->s, pointer);
}

sy_tensor *workers_get(workers *w, sy_tensor *pointer)
{
    sy_tensor *tensor = NULL;
    assert_ok(sy_tensor_get(pointer, &tensor, &w->err), &w->err);
    return sy_scope_adopt(w->s, tensor);
}

sy_tensor *workers_copy_get(workers *w, sy_tensor *pointer)
{
    sy_tensor *tensor = NULL;
    assert_ok(sy_tensor_copy_get(pointer, &tensor, &w->err), &w->err);
    return sy_scope_adopt(w->s, tensor);
}

sy_tensor *workers_object(workers *w, sy_worker *serving, const sy_id *id)
{
    sy_tensor *tensor = NULL;
    assert_ok(sy_worker_get_object(serving, &tensor, id, &w->err), &w->err);
    sy_tensor_unref(tensor); /* the store keeps it */
    return tensor;
}

void workers_drop(workers *w, sy_tensor *tensor)
{
    sy_tensor_unref(sy_scope_keep(w->s, tensor));
}

sy_tensor *workers_publish(workers *w, sy_worker *worker, sy_worker *serving, const char *id,
                           const char *tag, bool private_, int ndim, const int64_t *shape,
                           sy_dtype dtype, const void *data)
{
    sy_tensor *tensor = NULL;
    sy_tensor *pointer = NULL;
    sy_id name = SY_ID_INIT;
    assert_ok(sy_id_parse(&name, id, &w->err), &w->err);
    assert_ok(
        sy_tensor_new(sy_worker_get_hook(serving), &tensor, dtype, ndim, shape, data, &w->err),
        &w->err);
    assert_ok(sy_tensor_set_id(tensor, &name, &w->err), &w->err);
    assert_ok(sy_tensor_tag(tensor, tag, &w->err), &w->err);
    assert_ok(sy_worker_publish(serving, tensor, private_, &w->err), &w->err);
    sy_tensor_unref(tensor);
    assert_ok(sy_tensor_point_to(w->hook, &pointer, worker, &name, &w->err), &w->err);
    return sy_scope_adopt(w->s, pointer);
}

/* --- operations ----------------------------------------------------------------------------------- */

sy_status workers_call(workers *w, const char *name, const sy_value *args, size_t arg_count,
                       const sy_named_value *kwargs, size_t kwarg_count)
{
    w->err = (sy_error)SY_ERROR_INIT;
    w->value = sy_value_none();
    w->result_count = 0;
    const sy_status status = sy_call(w->hook, name, args, arg_count, kwargs, kwarg_count,
                                     w->results, RESULTS_MAX, &w->result_count, &w->value, &w->err);
    for (size_t k = 0; k < w->result_count; k++) {
        if (w->results[k] == args[0].as.tensor) {
            sy_tensor_unref(w->results[k]); /* in place: the argument itself, which has its owner */
        } else {
            (void)sy_scope_adopt(w->s, w->results[k]);
        }
    }
    return status;
}

sy_tensor *workers_op(workers *w, const char *name, const sy_value *args, size_t arg_count,
                      const char *file, int line)
{
    const sy_status status = workers_call(w, name, args, arg_count, NULL, 0);
    if (status != SY_OK || w->result_count == 0) {
        print_error("%s: %s, %zu results: %s\n", name, sy_status_name(status), w->result_count,
                    w->err.message);
        _fail(file, line);
    }
    return w->results[0];
}

/* --- assertions ----------------------------------------------------------------------------------- */

void workers_assert_floats(workers *w, sy_tensor *tensor, const double *expected, size_t count,
                           const char *what, const char *file, int line)
{
    (void)w;
    if (tensor == NULL || !syi_tensor_is_native(tensor)) {
        print_error("%s is %s\n", what, tensor == NULL ? "NULL" : "not native");
        _fail(file, line);
        return;
    }
    const syi_array *array = syi_node_array(tensor->node);
    if ((size_t)syi_array_numel(array) != count) {
        print_error("%s has %lld elements, expected %zu\n", what, (long long)syi_array_numel(array),
                    count);
        _fail(file, line);
    }
    for (size_t k = 0; k < count; k++) {
        const double actual = syi_array_get_double(array, (int64_t)k);
        if (actual != expected[k]) {
            print_error("%s[%zu]: expected %.9g, actual %.9g\n", what, k, expected[k], actual);
            _fail(file, line);
        }
    }
}

void workers_assert_text(workers *w, sy_tensor *tensor, const char *pattern, const char *file,
                         int line)
{
    char *text = NULL;
    assert_ok(sy_tensor_to_text(tensor, &text, &w->err), &w->err);
    const int other = fnmatch(pattern, text, 0);
    if (other != 0) {
        print_error("'%s' does not match '%s'\n", text, pattern);
    }
    sy_string_free(sy_tensor_get_hook(tensor), text);
    if (other != 0) {
        _fail(file, line);
    }
}

void workers_assert_error(sy_status status, const sy_error *err, sy_status expected,
                          const char *const *words, const char *what, const char *file, int line)
{
    bool wrong = status != expected || err->status != expected;
    for (size_t k = 0; words[k] != NULL; k++) {
        wrong |= strstr(err->message, words[k]) == NULL && strcmp(err->worker, words[k]) != 0;
    }
    if (wrong) {
        print_error("%s: %s (in err: %s), expected %s\n  said: %s [worker '%s', object '%s']\n",
                    what, sy_status_name(status), sy_status_name(err->status),
                    sy_status_name(expected), err->message, err->worker, err->object);
        for (size_t k = 0; words[k] != NULL; k++) {
            if (strstr(err->message, words[k]) == NULL && strcmp(err->worker, words[k]) != 0) {
                print_error("  not said: %s\n", words[k]);
            }
        }
        _fail(file, line);
    }
}
