/*
 * bad_input.c - what a user gets wrong, at the handles: each mistake is its own status and a sentence at the
 * caller, and the worker serves the next request with the store it had before. Frames that no csyft client
 * sends: bad_input_frames.c.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "support/worker_kinds.h"
#include "workers/link.h"

typedef struct sound { /* what bob holds and goes on holding */
    sy_tensor *p, *q;
    size_t count;
} sound;

static sound sound_start(workers *w)
{
    sound s;
    s.p = workers_send(w, FLOATS(w, 1, 2, 3), w->bob);
    s.q = workers_send(w, FLOATS(w, 10, 20, 30), w->bob);
    s.count = workers_count(w, w->bob_serving);
    return s;
}

/* Bob answers the next request, and nothing was left behind. */
static void assert_sound(workers *w, const sound *s)
{
    sy_tensor *sum = OP(w, "add", TENSOR(s->p), TENSOR(s->q));
    assert_floats(w, workers_get(w, sum), 11, 22, 33);
    assert_floats(w, workers_copy_get(w, s->p), 1, 2, 3);
    assert_count(w, w->bob_serving, s->count);
}

#define REFUSED(call, status, ...)                  \
    do {                                            \
        assert_fails(w, call, status, __VA_ARGS__); \
        assert_sound(w, &s);                        \
    } while (0)

/* --- objects ---------------------------------------------------------------------------------------- */

static void test_unknown_id(void **state)
{
    workers *w = *state;
    sound s = sound_start(w);
    sy_id id = SY_ID_INIT;
    sy_tensor *p = NULL;
    sy_tensor *got = NULL;
    bool none = true;
    int ndim = 0;
    int64_t shape[SY_DIM_MAX];
    static const char *const names[] = {"31337", "nobody"};
    for (size_t k = 0; k < 2; k++) {
        assert_ok(sy_id_parse(&id, names[k], &w->err), &w->err);
        assert_ok(sy_tensor_point_to(w->hook, &p, w->bob, &id, &w->err), &w->err);
        (void)sy_scope_adopt(w->s, p);
        REFUSED(sy_tensor_get(p, &got, &w->err), SY_ENOTFOUND, names[k], "worker bob",
                "If you think this tensor does exist");
        REFUSED(sy_tensor_copy_get(p, &got, &w->err), SY_ENOTFOUND, names[k], "bob");
        REFUSED(CALL(w, "neg", TENSOR(p)), SY_ENOTFOUND, names[k], "bob");
        REFUSED(CALL(w, "add", TENSOR(s.p), TENSOR(p)), SY_ENOTFOUND, names[k], "bob");
        REFUSED(CALL(w, "add_", TENSOR(p), TENSOR(s.p)), SY_ENOTFOUND, names[k], "bob");
        REFUSED(CALL(w, "cat", LIST(TENSOR(s.p), TENSOR(p))), SY_ENOTFOUND, names[k], "bob");
        REFUSED(CALL(w, "numel", TENSOR(p)), SY_ENOTFOUND, names[k], "bob");
        REFUSED(sy_tensor_is_none(p, &none, &w->err), SY_ENOTFOUND, names[k], "bob");
        REFUSED(sy_tensor_get_shape(p, &ndim, shape, &w->err), SY_ENOTFOUND, names[k], "bob");
        REFUSED(sy_tensor_move_(p, w->alice, &w->err), SY_ENOTFOUND, names[k], "bob");
        REFUSED(sy_tensor_remote_get_(p, &w->err), SY_ENOTFOUND, names[k], "bob");
        REFUSED(sy_tensor_keep(p, &w->err), SY_ENOTFOUND, names[k], "bob");
        REFUSED(sy_tensor_backward(p, NULL, &w->err), SY_ENOTFOUND, names[k], "bob");
        REFUSED(sy_tensor_set_requires_grad(p, true, &w->err), SY_ENOTFOUND, names[k], "bob");
        REFUSED(sy_tensor_set_grad(s.p, p, &w->err), SY_ENOTFOUND, names[k], "bob");
        REFUSED(sy_worker_delete(w->bob, &id, &w->err), SY_ENOTFOUND, names[k], "bob");
        assert_fails(w, sy_tensor_get(p, &got, &w->err), SY_ENOTFOUND, names[k]);
        assert_string_equal(w->err.worker, "bob");
        assert_string_equal(w->err.object, names[k]);
        assert_null(got);
    }
    assert_true(none);
}

/* A pointer sent to a worker that cannot know the object: refused there or when it is used, by name. */
static void test_pointer_to_nothing_sent_on(void **state)
{
    workers *w = *state;
    sound s = sound_start(w);
    const sy_id id = sy_id_from_int(31337);
    sy_tensor *p = NULL;
    assert_ok(sy_tensor_point_to(w->hook, &p, w->bob, &id, &w->err), &w->err);
    (void)sy_scope_adopt(w->s, p);
    sy_tensor *pointer = NULL;
    REFUSED(sy_tensor_send(p, &pointer, w->bob, &w->err), SY_ENOTFOUND, "31337", "bob");
    sy_tensor *chain = workers_send(w, p, w->alice);
    REFUSED(CALL(w, "neg", TENSOR(chain)), SY_ENOTFOUND, "31337", "bob");
    REFUSED(sy_tensor_remote_get_(chain, &w->err), SY_ENOTFOUND, "31337", "bob");
    assert_count(w, w->alice_serving, 1);
}

/* --- operations --------------------------------------------------------------------------------------- */

static void test_wrong_shapes(void **state)
{
    workers *w = *state;
    sound s = sound_start(w);
    sy_tensor *m = workers_send(w, MATRIX(w, 2, 4, 1, 2, 3, 4, 5, 6, 7, 8), w->bob);
    sy_tensor *cube = OP(w, "unsqueeze", TENSOR(m), INT(0));
    s.count += 2;
    REFUSED(CALL(w, "matmul", TENSOR(m), TENSOR(m)), SY_ESHAPE, "matmul", "2x4", "bob");
    REFUSED(CALL(w, "add", TENSOR(m), TENSOR(s.p)), SY_ESHAPE, "add", "2x4", "bob");
    REFUSED(CALL(w, "add_", TENSOR(s.p), TENSOR(m)), SY_ESHAPE, "add", "bob");
    REFUSED(CALL(w, "view", TENSOR(m), LIST(INT(3), INT(3))), SY_ESHAPE, "view", "bob");
    REFUSED(CALL(w, "cat", LIST(TENSOR(m), TENSOR(s.p))), SY_ESHAPE, "cat", "bob");
    REFUSED(CALL(w, "mse_loss", TENSOR(m), TENSOR(s.p)), SY_ESHAPE, "mse_loss", "bob");
    REFUSED(CALL(w, "t", TENSOR(cube)), SY_ESHAPE, "t", "bob");
    REFUSED(CALL(w, "sum", TENSOR(m), LIST(INT(5))), SY_ERANGE, "sum", "bob");
    REFUSED(CALL(w, "select", TENSOR(m), INT(0), INT(2)), SY_ERANGE, "select", "bob");
    REFUSED(CALL(w, "__getitem__", TENSOR(m), LIST(INT(0), INT(0), INT(0))), SY_ERANGE, "bob");
    REFUSED(CALL(w, "split", TENSOR(m), INT(0)), SY_ERANGE, "split", "bob");
}

static void test_wrong_dtypes(void **state)
{
    workers *w = *state;
    sound s = sound_start(w);
    const int64_t numbers[] = {0, 1, 2};
    sy_tensor *n = workers_send(w, workers_longs(w, 3, numbers), w->bob);
    sy_tensor *m = workers_send(w, MATRIX(w, 3, 1, 1, 2, 3), w->bob);
    sy_tensor *row = OP(w, "unsqueeze", TENSOR(n), INT(0));
    s.count += 3;
    REFUSED(CALL(w, "mm", TENSOR(m), TENSOR(row)), SY_EDTYPE, "mm", "bob");
    REFUSED(CALL(w, "index_select", TENSOR(s.p), INT(0), TENSOR(s.q)), SY_EDTYPE, "index_select",
            "bob");
    REFUSED(CALL(w, "add_", TENSOR(n), TENSOR(s.p)), SY_EDTYPE, "add", "bob");
    REFUSED(CALL(w, "mean", TENSOR(n)), SY_EDTYPE, "mean", "bob");
    REFUSED(CALL(w, "nll_loss", TENSOR(m), TENSOR(s.p)), SY_EDTYPE, "nll_loss", "bob");
    REFUSED(sy_tensor_set_requires_grad(n, true, &w->err), SY_EDTYPE, "gradient", "bob");
}

static void test_unknown_and_forbidden_operations(void **state)
{
    workers *w = *state;
    sound s = sound_start(w);
    const sy_value self = TENSOR(s.p);
    const sy_named_value doubled[] = {{"self", self}};
    REFUSED(CALL(w, "frobnicate", TENSOR(s.p)), SY_EUNKNOWNOP,
            "Command \"frobnicate\" is not a supported Torch operation.");
    REFUSED(CALL(w, "torch.nn.functional.frobnicate", TENSOR(s.p)), SY_EUNKNOWNOP, "frobnicate");
    REFUSED(CALL(w, "neg__", TENSOR(s.p)), SY_EUNKNOWNOP, "neg__");
    REFUSED(CALL(w, "matmul_", TENSOR(s.p), TENSOR(s.q)), SY_EUNKNOWNOP, "matmul_");
    REFUSED(CALL(w, "item", TENSOR(s.p)), SY_EFORBIDDEN,
            "Command \"item\" is not a supported Torch operation.", "bob");
    REFUSED(CALL(w, "add", TENSOR(s.p)), SY_EINVAL, "add", "other");
    REFUSED(CALL(w, "neg", TENSOR(s.p), INT(1)), SY_EINVAL, "neg");
    REFUSED(CALL(w, "add", TENSOR(s.p), sy_value_string("x")), SY_EINVAL, "add", "other");
    REFUSED(CALL(w, "neg", INT(1)), SY_EINVAL, "neg", "self");
    REFUSED(workers_call(w, "neg", &self, 1, doubled, 1), SY_EINVAL, "neg", "self");
    REFUSED(CALL(w, "mse_loss", TENSOR(s.p), TENSOR(s.q), sy_value_string("median")), SY_EINVAL,
            "mse_loss", "median", "bob");
}

static void test_wrong_backward(void **state)
{
    workers *w = *state;
    sound s = sound_start(w);
    sy_tensor *x = FLOATS(w, 1, 2);
    assert_ok(sy_tensor_set_requires_grad(x, true, &w->err), &w->err);
    sy_tensor *p = workers_send(w, x, w->bob);
    sy_tensor *y = OP(w, "mul", TENSOR(p), INT(2));
    s.count += 2;
    REFUSED(sy_tensor_backward(s.p, NULL, &w->err), SY_ENOGRAD, "backward", "bob");
    REFUSED(sy_tensor_backward(y, NULL, &w->err), SY_ESHAPE, "one element", "bob");
    REFUSED(sy_tensor_backward(y, s.p, &w->err), SY_ESHAPE, "bob");
    REFUSED(CALL(w, "backward", TENSOR(y), INT(1)), SY_EINVAL, "backward", "gradient");
    sy_tensor *there = workers_send(w, FLOATS(w, 1, 1), w->alice);
    REFUSED(sy_tensor_backward(y, there, &w->err), SY_ECOLLOCATION, "alice", "bob");
    bool none = false;
    sy_tensor *grad = NULL;
    assert_ok(sy_tensor_attr(p, &grad, "grad", &w->err), &w->err);
    assert_ok(sy_tensor_is_none(sy_scope_adopt(w->s, grad), &none, &w->err), &w->err);
    assert_true(none); /* no gradient came into being on the way */
}

/* A mistake that shows only in the gradient: a kept value was written since. */
static void test_backward_over_changed_values(void **state)
{
    workers *w = *state;
    sound s = sound_start(w);
    sy_tensor *x = FLOATS(w, 1, 2);
    assert_ok(sy_tensor_set_requires_grad(x, true, &w->err), &w->err);
    sy_tensor *p = workers_send(w, x, w->bob);
    sy_tensor *other = workers_send(w, FLOATS(w, 3, 4), w->bob);
    sy_tensor *loss = OP(w, "sum", TENSOR(OP(w, "mul", TENSOR(p), TENSOR(other))));
    OP(w, "add_", TENSOR(other), INT(1));
    s.count = workers_count(w, w->bob_serving);
    REFUSED(sy_tensor_backward(loss, NULL, &w->err), SY_EINVAL, "modified by an in-place operation",
            "bob");
}

static void test_tensors_at_two_workers(void **state)
{
    workers *w = *state;
    sound s = sound_start(w);
    sy_tensor *there = workers_send(w, FLOATS(w, 1, 2, 3), w->alice);
    REFUSED(CALL(w, "add", TENSOR(s.p), TENSOR(there)), SY_ECOLLOCATION, "alice", "bob");
    REFUSED(CALL(w, "add", TENSOR(s.p), TENSOR(FLOATS(w, 1, 2, 3))), SY_ECOLLOCATION, "bob",
            "local");
    assert_count(w, w->alice_serving, 1);
}

/* In a scope the first failure is latched; what follows does nothing. */
static void test_failure_inside_a_scope(void **state)
{
    workers *w = *state;
    sound s = sound_start(w);
    sy_scope *scope = sy_scope_begin(w->hook);
    sy_tensor *wrong = sy_matmul(scope, s.p, sy_add(scope, s.p, sy_sum(scope, s.q)));
    assert_non_null(wrong); /* 1-d by 1-d is a dot product */
    wrong = sy_matmul(scope, sy_unsqueeze(scope, s.p, 0), sy_unsqueeze(scope, s.q, 0));
    assert_null(wrong);
    assert_null(sy_relu(scope, s.p));
    assert_int_equal(sy_scope_get_status(scope), SY_ESHAPE);
    assert_fails(w, sy_scope_end(scope, &w->err), SY_ESHAPE, "matmul", "1x3", "bob");
    assert_sound(w, &s);
}

/* The same without waiting for each reply: the failure is known at the end. */
static void test_failure_in_a_pipelined_scope(void **state)
{
    workers *w = *state;
    sound s = sound_start(w);
    sy_scope *scope = sy_scope_begin(w->hook);
    sy_scope_set_pipelined(scope, true);
    sy_tensor *at = s.p;
    for (int k = 0; k < 100; k++) {
        at = sy_add(scope, at, s.q);
    }
    (void)sy_add_(scope, s.p, sy_cat(scope, (sy_tensor *[]){s.p, s.q}, 2, 0));
    (void)sy_relu(scope, at);
    assert_fails(w, sy_scope_end(scope, &w->err), SY_ESHAPE, "add", "bob");
    assert_ok(sy_hook_synchronize(w->hook, &w->err), &w->err);
    assert_sound(w, &s);
}

/* --- memory ------------------------------------------------------------------------------------------- */

/* A command without tensors, which only a peer of its own making sends: creation at the worker. */
static sy_status create_there(workers *w, const char *name, const sy_value *args, size_t arg_count)
{
    syi_link *link = NULL;
    syi_exchange exchange;
    const sy_value list = sy_value_list(args, arg_count);
    assert_ok(syi_link_get(w->me, w->bob, &link, &w->err), &w->err);
    assert_ok(syi_link_begin(link, &exchange, SYI_KIND_COMMAND, &w->err), &w->err);
    syi_buffer *out = &exchange.message->body;
    syi_encoder encoder = {.hook = w->hook, .out = out, .message = exchange.message};
    syi_msgpack_write_array(out, 4);
    syi_msgpack_write_str(out, name, strlen(name));
    assert_ok(syi_encode_value(&encoder, &list, &w->err), &w->err);
    syi_msgpack_write_map(out, 0);
    syi_msgpack_write_array(out, 1);
    syi_msgpack_write_int(out, 555);
    const sy_status status = syi_link_request(&exchange, 0, &w->err);
    syi_link_end(&exchange);
    return status;
}

#define CREATE(w, name, ...)                                   \
    create_there((w), (name), (const sy_value[]){__VA_ARGS__}, \
                 sizeof((const sy_value[]){__VA_ARGS__}) / sizeof(sy_value))

/* Refused from the shape, before anything is allocated. */
static void test_results_above_the_limit(void **state)
{
    workers *w = *state;
    sound s = sound_start(w);
    const sy_value million = INT(1000000);
    sy_tensor *column =
        workers_send(w, workers_tensor(w, 2, (const int64_t[]){100, 1}, NULL), w->bob);
    sy_tensor *row = workers_send(w, workers_tensor(w, 2, (const int64_t[]){1, 100}, NULL), w->bob);
    sy_tensor *wide = OP(w, "expand", TENSOR(column), LIST(INT(100), INT(100)));
    s.count += 3;
    sy_worker_set_memory_limit(w->bob_serving, 20000);
    const sy_context *there = sy_hook_get_context(sy_worker_get_hook(w->bob_serving));
    const uint64_t peak = sy_context_get_memory_use(there).peak;
    REFUSED(CREATE(w, "zeros", LIST(million, million)), SY_ELIMIT, "zeros", "bob", "4000000000000");
    REFUSED(CREATE(w, "ones", LIST(million, million)), SY_ELIMIT, "ones", "bob");
    REFUSED(CREATE(w, "rand", LIST(million, million)), SY_ELIMIT, "rand", "bob");
    REFUSED(CREATE(w, "full", LIST(million, million), INT(1)), SY_ELIMIT, "full", "bob");
    REFUSED(CREATE(w, "arange", INT(0), INT(100000000)), SY_ELIMIT, "arange", "bob");
    REFUSED(CREATE(w, "randperm", INT(100000000)), SY_ELIMIT, "randperm", "bob");
    REFUSED(CALL(w, "add", TENSOR(column), TENSOR(row)), SY_ELIMIT, "add", "bob", "40000");
    REFUSED(CALL(w, "matmul", TENSOR(column), TENSOR(row)), SY_ELIMIT, "matmul", "bob");
    REFUSED(CALL(w, "clone", TENSOR(wide)), SY_ELIMIT, "clone", "bob");
    assert_in_range(sy_context_get_memory_use(there).peak, 0, peak + 1000);
    /* What fits is done. */
    assert_ok(CREATE(w, "zeros", LIST(INT(10), INT(10))), &w->err);
    const sy_id id = sy_id_from_int(555);
    assert_count(w, w->bob_serving, s.count + 1);
    assert_ok(sy_worker_delete(w->bob, &id, &w->err), &w->err);
    assert_sound(w, &s);
    /* Sending counts, too: inline and as a segment. */
    sy_tensor *pointer = NULL;
    sy_worker_set_memory_limit(w->bob_serving, 1000);
    sy_tensor *large = workers_tensor(w, 1, (const int64_t[]){10000}, NULL);
    REFUSED(sy_tensor_send(large, &pointer, w->bob, &w->err), SY_ELIMIT, "bob");
    sy_worker_set_memory_limit(w->bob_serving, 1);
    assert_fails(w, sy_tensor_send(FLOATS(w, 1, 2), &pointer, w->bob, &w->err), SY_ELIMIT, "bob");
    sy_worker_set_memory_limit(w->bob_serving, 0);
    assert_sound(w, &s);
    assert_null(pointer);
}

/* Without a limit of its own the machine's counts, from the shape as well. */
static void test_results_above_the_machine(void **state)
{
    workers *w = *state;
    sound s = sound_start(w);
    const sy_value million = INT(1000000);
    const sy_value huge = INT(INT64_MAX);
    static const char *const names[] = {"zeros", "ones", "rand", "randn"};
    for (size_t k = 0; k < sizeof names / sizeof names[0]; k++) {
        REFUSED(CREATE(w, names[k], LIST(million, million)), SY_ELIMIT, names[k], "4000000000000",
                "bob");
    }
    REFUSED(CREATE(w, "zeros", LIST(huge, huge)), SY_ESHAPE, "zeros", "bob");
    REFUSED(CREATE(w, "zeros", LIST(huge)), SY_ESHAPE, "zeros", "bob");
    REFUSED(CREATE(w, "zeros", LIST(INT(-1))), SY_ESHAPE, "zeros", "bob");
    REFUSED(CREATE(w, "zeros",
                   LIST(INT(1), INT(1), INT(1), INT(1), INT(1), INT(1), INT(1), INT(1), INT(1))),
            SY_ESHAPE, "zeros", "bob");
    REFUSED(CREATE(w, "arange", INT(0), INT(10), INT(0)), SY_ERANGE, "arange", "bob");
    REFUSED(CREATE(w, "randint", INT(5), INT(5), LIST(INT(1))), SY_ERANGE, "randint", "bob");
}

/* --- workers ------------------------------------------------------------------------------------------ */

static void test_wrong_id_at_connecting(void **state)
{
    workers *w = *state;
    sound s = sound_start(w);
    sy_worker *found = NULL;
    sy_connect_options options = SY_CONNECT_OPTIONS_INIT;
    options.id = "carol";
    REFUSED(sy_worker_connect(w->hook, &found, w->bob->url, &options, &w->err), SY_EINVAL,
            w->bob->url, "bob", "carol");
    assert_null(found);
    assert_fails(w, sy_worker_get_worker(w->me, &found, "carol", true, &w->err), SY_ENOTFOUND,
                 "carol");
    /* again without an id: the one that is known */
    assert_ok(sy_worker_connect(w->hook, &found, w->bob->url, NULL, &w->err), &w->err);
    assert_ptr_equal(found, w->bob);
    assert_sound(w, &s);
}

/* Another process that calls itself bob, too. */
static void test_second_worker_with_the_same_id(void **state)
{
    workers *w = *state;
    sound s = sound_start(w);
    place *p = &w->places[w->place_count++];
    sy_context_options context_options = SY_CONTEXT_OPTIONS_INIT;
    sy_hook_options hook_options = SY_HOOK_OPTIONS_INIT;
    sy_worker *found = NULL;
    const char *bound = NULL;
    context_options.allocator = failing_allocator_get(&p->memory);
    hook_options.local_worker_id = "bob";
    hook_options.is_client = false;
    assert_ok(sy_context_new(&p->context, &context_options, &w->err), &w->err);
    assert_ok(sy_hook_new(p->context, &p->hook, &hook_options, &w->err), &w->err);
    assert_ok(
        sy_worker_listen(sy_hook_get_local_worker(p->hook), w->kind->url, NULL, &bound, &w->err),
        &w->err);
    REFUSED(sy_worker_connect(w->hook, &found, bound, NULL, &w->err), SY_EEXIST, "bob", bound,
            w->bob->url);
    sy_connect_options options = SY_CONNECT_OPTIONS_INIT;
    options.id = "bob";
    REFUSED(sy_worker_connect(w->hook, &found, bound, &options, &w->err), SY_EEXIST, "bob");
    REFUSED(sy_worker_introduce(w->alice, w->bob, bound, &w->err), SY_EEXIST, "bob", "alice");
    assert_null(found);
}

static void test_introductions(void **state)
{
    workers *w = *state;
    sound s = sound_start(w);
    REFUSED(sy_worker_introduce(w->bob, w->alice, "http://127.0.0.1:1", &w->err), SY_EINVAL, "http",
            "bob");
    REFUSED(sy_worker_introduce(w->bob, w->alice, "tcp://", &w->err), SY_EINVAL, "tcp://", "bob");
    REFUSED(sy_worker_introduce(w->bob, w->alice, "", &w->err), SY_EINVAL, "bob");
    REFUSED(sy_worker_introduce(w->bob, w->me, NULL, &w->err), SY_EINVAL, "me", "listens nowhere");
    REFUSED(sy_worker_introduce(w->bob, w->alice, "tcp://127.0.0.1:1", &w->err), SY_EEXIST, "alice",
            "bob");
}

/* A worker that was introduced and is not there. */
static void test_moving_to_where_nobody_is(void **state)
{
    workers *w = *state;
    sy_tensor *p = workers_send(w, FLOATS(w, 1, 2), w->bob);
    sy_worker *carol = workers_add(w, "carol", NULL);
    assert_ok(sy_worker_introduce(w->bob, carol, "tcp://127.0.0.1:1", &w->err), &w->err);
    assert_fails(w, sy_tensor_move_(p, carol, &w->err), SY_ECLOSED, "127.0.0.1:1");
    assert_floats(w, workers_get(w, p), 1, 2);
}

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* --- servers that are none ------------------------------------------------------------------------------ */

typedef struct impostor {
    pthread_t thread;
    int listening;
    char url[64];
    const char *says; /* NULL: silent until the peer goes */
    size_t size;
} impostor;

static void *impostor_main(void *argument)
{
    impostor *self = argument;
    const int fd = accept(self->listening, NULL, NULL);
    char buffer[4096];
    if (fd >= 0) {
        if (self->says != NULL) {
            (void)!write(fd, self->says, self->size);
        }
        while (read(fd, buffer, sizeof buffer) > 0) {
        }
        close(fd);
    }
    return NULL;
}

static void impostor_start(impostor *self, const char *scheme)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    self->listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(self->listening, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(self->listening, 1), 0);
    assert_int_equal(getsockname(self->listening, (struct sockaddr *)&address, &length), 0);
    snprintf(self->url, sizeof self->url, "%.*s127.0.0.1:%d", (int)(strstr(scheme, "127") - scheme),
             scheme, ntohs(address.sin_port));
    assert_int_equal(pthread_create(&self->thread, NULL, impostor_main, self), 0);
}

static void impostor_end(impostor *self)
{
    pthread_join(self->thread, NULL);
    close(self->listening);
}

static void test_connecting_to_what_is_no_worker(void **state)
{
    workers *w = *state;
    static const char http[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    static const char half[] = "CSY1\x01";
    static char noise[100000];
    memset(noise, 0xA7, sizeof noise);
    const struct {
        const char *says;
        size_t size;
    } talks[] = {{http, sizeof http - 1}, {noise, sizeof noise}};
    sy_worker *found = NULL;
    sy_connect_options options = SY_CONNECT_OPTIONS_INIT;
    options.connect_timeout_ms = 300;
    for (size_t k = 0; k < sizeof talks / sizeof talks[0]; k++) {
        impostor server = {.says = talks[k].says, .size = talks[k].size};
        impostor_start(&server, w->kind->url);
        assert_fails(w, sy_worker_connect(w->hook, &found, server.url, &options, &w->err),
                     SY_EPROTO, server.url);
        impostor_end(&server);
    }
    const struct {
        const char *says;
        size_t size;
    } waits[] = {{NULL, 0}, {half, sizeof half - 1}};
    for (size_t k = 0; k < sizeof waits / sizeof waits[0]; k++) {
        impostor server = {.says = waits[k].says, .size = waits[k].size};
        impostor_start(&server, w->kind->url);
        const uint64_t start = now_ms();
        w->err = (sy_error)SY_ERROR_INIT;
        const sy_status status = sy_worker_connect(w->hook, &found, server.url, &options, &w->err);
        assert_in_range(now_ms() - start, 0, 50000);
        if (waits[k].says == NULL || w->kind->kind == SY_WORKER_SOCKET) {
            assert_status(status, SY_ETIMEDOUT, &w->err);
        } else {
            assert_int_not_equal(status, SY_OK); /* no beginning of an HTTP answer, or too late */
        }
        assert_non_null(strstr(w->err.message, server.url));
        impostor_end(&server);
    }
    char url[64];
    snprintf(url, sizeof url, "%.*s127.0.0.1:1", (int)(strstr(w->kind->url, "127") - w->kind->url),
             w->kind->url);
    assert_fails(w, sy_worker_connect(w->hook, &found, url, &options, &w->err), SY_ECLOSED, url);
    assert_fails(w, sy_worker_connect(w->hook, &found, "tcp//nowhere", &options, &w->err),
                 SY_EINVAL, "tcp//nowhere");
    assert_fails(w, sy_worker_connect(w->hook, &found, "inproc://bob", &options, &w->err),
                 SY_ENOTSUP, "inproc://bob");
    assert_null(found);
    const sound s = sound_start(w);
    assert_sound(w, &s);
}

/* --- arguments of the calls themselves -------------------------------------------------------------------- */

static void test_misuse(void **state)
{
    workers *w = *state;
    sound s = sound_start(w);
    sy_tensor *x = FLOATS(w, 1, 2);
    sy_tensor *out = s.p;
    bool none = false;
    sy_worker *found = w->bob;
    sy_connect_options bad_size = SY_CONNECT_OPTIONS_INIT;
    sy_listen_options bad_listen = SY_LISTEN_OPTIONS_INIT;
    sy_listen_options open_listen = SY_LISTEN_OPTIONS_INIT;
    open_listen.insecure = true;
    bad_size.size = 1;
    bad_listen.size = 1;
    REFUSED(sy_tensor_send(x, &out, NULL, &w->err), SY_EINVAL, "send");
    assert_null(out);
    REFUSED(sy_worker_send(w->me, &out, NULL, w->bob, NULL, &w->err), SY_EINVAL, "send");
    REFUSED(sy_tensor_get(x, &out, &w->err), SY_EINVAL, "get", "no pointer");
    REFUSED(sy_tensor_keep(x, &w->err), SY_EINVAL, "keep", "no pointer");
    REFUSED(sy_tensor_is_none(x, &none, &w->err), SY_EINVAL, "is_none", "no pointer");
    REFUSED(sy_tensor_attr(x, &out, "owner", &w->err), SY_ENOTFOUND, "owner", "child");
    REFUSED(sy_tensor_remote_get_(x, &w->err), SY_EINVAL, "remote_get", "no pointer");
    REFUSED(sy_tensor_move_(x, w->bob, &w->err), SY_EINVAL, "move", "no pointer");
    REFUSED(sy_worker_connect(w->hook, &found, "tcp://127.0.0.1:1", &bad_size, &w->err), SY_EINVAL,
            "SY_CONNECT_OPTIONS_INIT");
    REFUSED(sy_worker_listen(w->bob_serving, "tcp://127.0.0.1:0", &bad_listen, NULL, &w->err),
            SY_EINVAL, "SY_LISTEN_OPTIONS_INIT");
    REFUSED(sy_worker_listen(w->bob_serving, "tcp://256.0.0.1:0", &open_listen, NULL, &w->err),
            SY_EIO, "256.0.0.1");
    char path[300];
    memset(path, 'a', sizeof path);
    path[299] = '\0';
    REFUSED(sy_tensor_attr(s.p, &out, path, &w->err), SY_EINVAL, "attribute");
    char text[600];
    memset(text, 'a', sizeof text);
    text[599] = '\0';
    REFUSED(sy_worker_get_worker(w->me, &found, text, true, &w->err), SY_EINVAL, "id");
    REFUSED(sy_worker_get_worker(w->me, &found, "", true, &w->err), SY_EINVAL, "id");
}

static void test_other_hook(void **state)
{
    workers *w = *state;
    sound s = sound_start(w);
    sy_worker *bob = NULL;
    sy_tensor *x = FLOATS(w, 1, 2);
    sy_tensor *out = NULL;
    (void)workers_add_client(w, "other", &bob);
    REFUSED(sy_tensor_send(x, &out, bob, &w->err), SY_EINVAL, "another hook");
    REFUSED(sy_worker_add_worker(w->me, bob, &w->err), SY_EINVAL, "another hook");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORKER_KINDS(test_unknown_id),
        WORKER_KINDS(test_pointer_to_nothing_sent_on),
        WORKER_KINDS(test_wrong_shapes),
        WORKER_KINDS(test_wrong_dtypes),
        WORKER_KINDS(test_unknown_and_forbidden_operations),
        WORKER_KINDS(test_wrong_backward),
        WORKER_KINDS(test_backward_over_changed_values),
        WORKER_KINDS(test_tensors_at_two_workers),
        WORKER_KINDS(test_failure_inside_a_scope),
        WORKER_KINDS(test_failure_in_a_pipelined_scope),
        WORKER_KINDS(test_results_above_the_limit),
        WORKER_KINDS(test_results_above_the_machine),
        REMOTE_WORKER_KINDS(test_wrong_id_at_connecting),
        REMOTE_WORKER_KINDS(test_second_worker_with_the_same_id),
        REMOTE_WORKER_KINDS(test_introductions),
        REMOTE_WORKER_KINDS(test_moving_to_where_nobody_is),
        REMOTE_WORKER_KINDS(test_connecting_to_what_is_no_worker),
        WORKER_KINDS(test_misuse),
        REMOTE_WORKER_KINDS(test_other_hook),
    };
    return workers_run(tests);
}
