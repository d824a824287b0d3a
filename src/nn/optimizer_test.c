/*
 * optimizer_test.c - trainings that must follow PyTorch's (tests/vectors/nn/generate_optimizers.py): here, at a virtual
 * worker, and with the model sent, moved and taken back on the way.
 */
#include <csyft/optim.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include <csyft/operations.h>
#include <csyft/worker.h>

#include "support/failing_allocator.h"

enum { STEPS = 7, LINES_MAX = 200, ELEMENTS_MAX = 512, LAYERS_MAX = 10 };

typedef struct fixture {
    failing_allocator memory;
    sy_context *context;
    sy_hook *hook;
    sy_worker *bob, *alice;
} fixture;

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    sy_hook_options options = SY_HOOK_OPTIONS_INIT;
    options.verbose = false;
    f->context = failing_allocator_context(&f->memory);
    *state = f;
    return f->context != NULL && sy_hook_new(f->context, &f->hook, &options, NULL) == SY_OK &&
                   sy_virtual_worker_new(f->hook, &f->bob, "bob", NULL) == SY_OK &&
                   sy_virtual_worker_new(f->hook, &f->alice, "alice", NULL) == SY_OK
               ? 0
               : -1;
}

static int teardown(void **state)
{
    fixture *f = *state;
    sy_hook_free(f->hook);
    sy_context_free(f->context);
    const bool broken = f->memory.live != 0 || f->memory.broken;
    free(f);
    return broken;
}

static sy_error err;

#define ASSERT_OK(call)                             \
    do {                                            \
        if ((call) != SY_OK) {                      \
            fail_msg("%s: %s", #call, err.message); \
        }                                           \
    } while (0)

/* What torch computed */

typedef struct recording {
    char name[64];
    float data[ELEMENTS_MAX];
    size_t count;
} recording;

static recording recordings[LINES_MAX];
static size_t recording_count;

static void read_recordings(void)
{
    FILE *file = fopen(CSYFT_TEST_SOURCE_DIR "/tests/vectors/nn/optimizers.txt", "r");
    static char line[32768];
    assert_non_null(file);
    recording_count = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        assert_true(recording_count < LINES_MAX);
        recording *r = &recordings[recording_count++];
        char *rest = NULL;
        snprintf(r->name, sizeof r->name, "%s", strtok_r(line, " \n", &rest));
        r->count = 0;
        for (char *word = strtok_r(NULL, " \n", &rest); word != NULL;
             word = strtok_r(NULL, " \n", &rest)) {
            assert_true(r->count < ELEMENTS_MAX);
            r->data[r->count++] = strtof(word, NULL);
        }
    }
    fclose(file);
}

/* NULL when it is not recorded. */
static const recording *find(const char *of, const char *name)
{
    char full[128];
    snprintf(full, sizeof full, "%s.%s", of, name);
    for (size_t k = 0; k < recording_count; k++) {
        if (strcmp(recordings[k].name, full) == 0) {
            return &recordings[k];
        }
    }
    return NULL;
}

static const recording *need(const char *of, const char *name)
{
    const recording *r = find(of, name);
    if (r == NULL) {
        fail_msg("%s.%s is not recorded", of, name);
    }
    return r;
}

/* Copied from its worker when it is a pointer. */
static void assert_follows(sy_tensor *tensor, const recording *r)
{
    static float data[ELEMENTS_MAX];
    sy_tensor *here = NULL;
    if (sy_tensor_is_pointer(tensor)) {
        ASSERT_OK(sy_tensor_copy_get(tensor, &here, &err));
    }
    ASSERT_OK(
        sy_tensor_copy_data(here != NULL ? here : tensor, data, r->count * sizeof *data, &err));
    sy_tensor_unref(here);
    for (size_t k = 0; k < r->count; k++) {
        if (!(fabsf(data[k] - r->data[k]) <= 2e-5f * (1 + fabsf(r->data[k])))) {
            fail_msg("%s: element %zu is %.9g, not %.9g", r->name, k, (double)data[k],
                     (double)r->data[k]);
        }
    }
}

/* The networks */

typedef struct network {
    sy_module *layers[LAYERS_MAX];
    size_t count;
    sy_module *net;
} network;

/* Adds a layer: `call` fills it. */
#define LAYER(n, constructor, ...) \
    ASSERT_OK(constructor(f->hook, &(n)->layers[(n)->count++], __VA_ARGS__))

static void close_network(fixture *f, network *n)
{
    ASSERT_OK(sy_module_new_sequential(f->hook, &n->net, n->layers, n->count, &err));
    for (size_t k = 0; k < n->count; k++) {
        sy_module_unref(n->layers[k]);
    }
}

static void make_mlp(fixture *f, network *n)
{
    LAYER(n, sy_module_new_linear, 3, 5, true, &err);
    LAYER(n, sy_module_new_tanh, &err);
    LAYER(n, sy_module_new_linear, 5, 2, true, &err);
    LAYER(n, sy_module_new_log_softmax, 1, &err);
}

static void make_cnn(fixture *f, network *n)
{
    const int64_t square[] = {3, 3}, wide[] = {2, 3}, two[] = {2, 2}, tall[] = {2, 1};
    sy_conv_options padded = SY_CONV_OPTIONS_INIT, bare = SY_CONV_OPTIONS_INIT;
    padded.padding[0] = padded.padding[1] = 1;
    bare.stride[1] = 2;
    bare.bias = false;
    LAYER(n, sy_module_new_conv2d, 2, 3, square, &padded, &err);
    LAYER(n, sy_module_new_batch_norm, 3, NULL, &err);
    LAYER(n, sy_module_new_relu, &err);
    LAYER(n, sy_module_new_max_pool2d, two, NULL, &err);
    LAYER(n, sy_module_new_conv2d, 3, 4, wide, &bare, &err);
    LAYER(n, sy_module_new_sigmoid, &err);
    LAYER(n, sy_module_new_avg_pool2d, tall, NULL, &err);
    LAYER(n, sy_module_new_flatten, 1, -1, &err);
    LAYER(n, sy_module_new_linear, 4, 2, true, &err);
    LAYER(n, sy_module_new_log_softmax, 1, &err);
}

static void make_text(fixture *f, network *n)
{
    const int64_t twelve = 12;
    LAYER(n, sy_module_new_embedding, 7, 4, 0, &err);
    LAYER(n, sy_module_new_flatten, 1, -1, &err);
    LAYER(n, sy_module_new_layer_norm, 1, &twelve, NULL, &err);
    LAYER(n, sy_module_new_linear, 12, 2, true, &err);
    LAYER(n, sy_module_new_log_softmax, 1, &err);
}

/* The cases */

static void new_sgd(sy_module *net, sy_optimizer **made, double lr, double momentum,
                    double dampening, double weight_decay, bool nesterov)
{
    sy_sgd_options o = SY_SGD_OPTIONS_INIT;
    o.lr = lr;
    o.momentum = momentum;
    o.dampening = dampening;
    o.weight_decay = weight_decay;
    o.nesterov = nesterov;
    ASSERT_OK(sy_optimizer_new_sgd(made, net, &o, &err));
}

static void new_adam(sy_module *net, sy_optimizer **made, const sy_adam_options *o)
{
    ASSERT_OK(sy_optimizer_new_adam(made, net, o, &err));
}

static sy_optimizer *make_optimizer(const char *name, sy_module *net)
{
    sy_optimizer *made = NULL;
    sy_adam_options adam = SY_ADAM_OPTIONS_INIT;
    if (strcmp(name, "plain") == 0) {
        new_sgd(net, &made, 0.3, 0, 0, 0.02, false);
    } else if (strcmp(name, "momentum") == 0) {
        new_sgd(net, &made, 0.2, 0.9, 0.25, 0, false);
    } else if (strcmp(name, "nesterov") == 0) {
        new_sgd(net, &made, 0.1, 0.8, 0, 0.01, true);
    } else if (strcmp(name, "cnn") == 0) {
        new_sgd(net, &made, 0.05, 0.9, 0, 0, false);
    } else if (strcmp(name, "adam") == 0) {
        adam.lr = 0.05;
        adam.beta1 = 0.8;
        adam.beta2 = 0.9;
        new_adam(net, &made, &adam);
    } else if (strcmp(name, "cnnadam") == 0) {
        adam.lr = 0.02;
        adam.weight_decay = 0.01;
        new_adam(net, &made, &adam);
    } else {
        adam.lr = 0.03;
        adam.amsgrad = true;
        adam.eps = 1e-6;
        new_adam(net, &made, &adam);
    }
    return made;
}

typedef struct training {
    const char *name;
    void (*make)(fixture *f, network *n);
    int ndim;
    int64_t shape[4];
    bool integers;
} training;

static const training trainings[] = {
    {"plain", make_mlp, 2, {6, 3}, false},     {"momentum", make_mlp, 2, {6, 3}, false},
    {"nesterov", make_mlp, 2, {6, 3}, false},  {"adam", make_mlp, 2, {6, 3}, false},
    {"cnn", make_cnn, 4, {5, 2, 6, 7}, false}, {"cnnadam", make_cnn, 4, {5, 2, 6, 7}, false},
    {"text", make_text, 2, {6, 3}, true},
};

static sy_tensor *tensor(fixture *f, sy_scope *s, const recording *r, int ndim,
                         const int64_t *shape)
{
    sy_tensor *made = NULL;
    ASSERT_OK(sy_tensor_new(f->hook, &made, SY_DTYPE_F32, ndim, shape, r->data, &err));
    return sy_scope_adopt(s, made);
}

/* The recorded start into the parameters. */
static void start(fixture *f, const training *t, sy_module *net)
{
    char name[32];
    size_t count;
    sy_tensor *const *parameters = sy_module_get_parameters(net, &count);
    sy_scope *s = sy_scope_begin(f->hook);
    sy_scope_set_grad_enabled(s, false);
    for (size_t k = 0; k < count; k++) {
        int ndim;
        int64_t shape[SY_DIM_MAX];
        sy_module_get_parameter_name(net, k, name, sizeof name);
        ASSERT_OK(sy_tensor_get_shape(parameters[k], &ndim, shape, &err));
        sy_copy_(s, parameters[k], tensor(f, s, need(t->name, name), ndim, shape));
    }
    ASSERT_OK(sy_scope_end(s, &err));
}

static void check_tensors(const training *t, sy_module *net)
{
    char name[32], full[64];
    size_t count;
    sy_tensor *const *tensors = sy_module_get_parameters(net, &count);
    for (size_t k = 0; k < count; k++) {
        sy_module_get_parameter_name(net, k, name, sizeof name);
        snprintf(full, sizeof full, "end.%s", name);
        assert_follows(tensors[k], need(t->name, full));
    }
    tensors = sy_module_get_buffers(net, &count);
    assert_int_equal(count, t->make == make_cnn ? 2 : 0);
    for (size_t k = 0; k < count; k++) {
        sy_module_get_buffer_name(net, k, name, sizeof name);
        snprintf(full, sizeof full, "end.%s", name);
        assert_follows(tensors[k], need(t->name, full));
    }
}

static void check_state(const training *t, const sy_optimizer *optimizer)
{
    static const char *const names[] = {"momentum_buffer", "exp_avg", "exp_avg_sq",
                                        "max_exp_avg_sq"};
    for (size_t k = 0; k < 4; k++) {
        char full[64];
        snprintf(full, sizeof full, "state.%s", names[k]);
        const recording *r = find(t->name, full);
        sy_tensor *state = sy_optimizer_get_state(optimizer, 0, names[k]);
        assert_int_equal(r != NULL, state != NULL);
        if (r != NULL) {
            assert_follows(state, r);
        }
    }
    assert_int_equal(sy_optimizer_get_step(optimizer, 0), STEPS);
}

/* Where the training is at a step: here (NULL), or at a worker. */
typedef sy_worker *(*route_fn)(const fixture *f, int step);

static sy_worker *stay(const fixture *f, int step)
{
    (void)f;
    (void)step;
    return NULL;
}

static sy_worker *at_bob(const fixture *f, int step)
{
    (void)step;
    return f->bob;
}

static sy_worker *around(const fixture *f, int step)
{
    sy_worker *const places[STEPS] = {NULL, f->bob, f->bob, f->alice, f->bob, NULL, f->alice};
    return places[step];
}

/* Module, data and classes go to where the next step is. */
static void go(sy_module *net, sy_tensor *x, sy_tensor *y, sy_worker *from, sy_worker *to)
{
    sy_tensor *const data[] = {x, y};
    if (from == to) {
        return;
    }
    ASSERT_OK(to == NULL     ? sy_module_get_(net, &err)
              : from == NULL ? sy_module_send_(net, to, &err)
                             : sy_module_move_(net, to, &err));
    for (int k = 0; k < 2; k++) {
        ASSERT_OK(to == NULL     ? sy_tensor_get_(data[k], &err)
                  : from == NULL ? sy_tensor_send_(data[k], to, &err)
                                 : sy_tensor_move_(data[k], to, &err));
    }
}

static void one_step(fixture *f, const training *t, sy_module *net, sy_optimizer *optimizer,
                     sy_tensor *x, sy_tensor *y, int step)
{
    char name[32];
    ASSERT_OK(sy_optimizer_zero_grad(optimizer, &err));
    sy_scope *s = sy_scope_begin(f->hook);
    sy_tensor *loss = sy_nll_loss(s, sy_module_forward(s, net, x), y);
    if (loss == NULL) {
        sy_scope_end(s, &err);
        fail_msg("%s: %s", t->name, err.message);
    }
    snprintf(name, sizeof name, "loss%d", step);
    assert_follows(loss, need(t->name, name));
    ASSERT_OK(sy_tensor_backward(loss, NULL, &err));
    ASSERT_OK(sy_scope_end(s, &err));
    ASSERT_OK(sy_optimizer_step(optimizer, &err));
}

/* Deletions are on their way for some milliseconds. */
static void assert_empty(sy_worker *worker)
{
    for (int k = 0; k < 2000 && sy_worker_get_object_count(worker) > 0; k++) {
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    assert_int_equal(sy_worker_get_object_count(worker), 0);
}

static void train(fixture *f, const training *t, route_fn route)
{
    network n = {.count = 0};
    t->make(f, &n);
    close_network(f, &n);
    start(f, t, n.net);
    sy_scope *s = sy_scope_begin(f->hook);
    const int64_t rows = t->shape[0];
    sy_tensor *x = tensor(f, s, need(t->name, "x"), t->ndim, t->shape);
    sy_tensor *y = sy_to(s, tensor(f, s, need(t->name, "y"), 1, &rows), SY_DTYPE_I64);
    x = t->integers ? sy_to(s, x, SY_DTYPE_I64) : x;
    sy_optimizer *optimizer = make_optimizer(t->name, n.net);
    sy_worker *place = NULL;
    for (int step = 0; step < STEPS; step++) {
        go(n.net, x, y, place, route(f, step));
        place = route(f, step);
        one_step(f, t, n.net, optimizer, x, y, step);
        sy_tensor *state = sy_optimizer_get_state(optimizer, 0, "momentum_buffer");
        state = state != NULL ? state : sy_optimizer_get_state(optimizer, 0, "exp_avg");
        if (state != NULL) { /* beside its parameter */
            assert_ptr_equal(sy_tensor_is_pointer(state) ? sy_tensor_get_location(state) : NULL,
                             place);
        }
    }
    check_tensors(t, n.net);
    check_state(t, optimizer);
    sy_module_train(n.net, false);
    sy_scope_set_grad_enabled(s, false);
    assert_follows(sy_module_forward(s, n.net, x), need(t->name, "eval"));
    check_tensors(t, n.net); /* running statistics stay as they are */
    go(n.net, x, y, place, NULL);
    ASSERT_OK(sy_scope_end(s, &err));
    sy_optimizer_free(optimizer);
    sy_module_unref(n.net);
    assert_empty(f->bob);
    assert_empty(f->alice);
}

static void train_all(fixture *f, route_fn route)
{
    read_recordings();
    for (size_t k = 0; k < sizeof trainings / sizeof trainings[0]; k++) {
        train(f, &trainings[k], route);
    }
}

static void test_here(void **state)
{
    train_all(*state, stay);
}

static void test_at_a_worker(void **state)
{
    train_all(*state, at_bob);
}

static void test_sent_moved_and_taken_back_on_the_way(void **state)
{
    train_all(*state, around);
}

static void test_wrong_options(void **state)
{
    fixture *f = *state;
    sy_optimizer *made = NULL;
    sy_module *net = NULL;
    sy_sgd_options sgd = SY_SGD_OPTIONS_INIT;
    sy_adam_options adam = SY_ADAM_OPTIONS_INIT;
    ASSERT_OK(sy_module_new_linear(f->hook, &net, 2, 2, true, &err));
    sgd.momentum = -1;
    assert_int_equal(sy_optimizer_new_sgd(&made, net, &sgd, &err), SY_EINVAL);
    assert_string_equal(err.message, "SGD: momentum is -1");
    sgd.momentum = 0;
    sgd.nesterov = true;
    assert_int_equal(sy_optimizer_new_sgd(&made, net, &sgd, &err), SY_EINVAL);
    assert_string_equal(err.message, "SGD: nesterov needs momentum (0) and no dampening (0)");
    adam.beta2 = 1;
    assert_int_equal(sy_optimizer_new_adam(&made, net, &adam, &err), SY_EINVAL);
    assert_string_equal(err.message, "Adam: beta2 is 1");
    assert_null(made);
    ASSERT_OK(sy_optimizer_new_adam(&made, net, NULL, &err));
    assert_true(sy_optimizer_get_lr(made) == 0.001);
    assert_int_equal(sy_optimizer_set_lr(made, NAN, &err), SY_EINVAL);
    ASSERT_OK(sy_optimizer_set_lr(made, 0.5, &err));
    ASSERT_OK(sy_optimizer_step(made, &err)); /* no gradient, no step, no state */
    assert_null(sy_optimizer_get_state(made, 0, "exp_avg"));
    assert_int_equal(sy_optimizer_get_step(made, 0), 0);
    sy_optimizer_free(made);
    sy_optimizer_free(NULL);
    sy_module_unref(net);
}

/* One step of Adam and its state, whatever allocation fails. */
static sy_status program(fixture *f, sy_error *failure)
{
    sy_module *net = NULL;
    sy_optimizer *optimizer = NULL;
    sy_status status = sy_module_new_linear(f->hook, &net, 2, 2, false, failure);
    if (status == SY_OK) {
        status = sy_optimizer_new_adam(&optimizer, net, NULL, failure);
    }
    if (status == SY_OK) {
        sy_scope *s = sy_scope_begin(f->hook);
        sy_tensor *x = sy_ones(s, SY_DTYPE_F32, 2, (const int64_t[]){2, 2});
        sy_tensor *loss = sy_sum(s, sy_module_forward(s, net, x));
        status = sy_scope_get_status(s);
        if (status == SY_OK && loss != NULL) {
            status = sy_tensor_backward(loss, NULL, failure);
        }
        const sy_status ended = sy_scope_end(s, status == SY_OK ? failure : NULL);
        status = status == SY_OK ? ended : status;
    }
    if (status == SY_OK) {
        status = sy_optimizer_step(optimizer, failure);
    }
    sy_optimizer_free(optimizer);
    sy_module_unref(net);
    return status;
}

static void test_every_allocation_may_fail(void **state)
{
    fixture *f = *state;
    ASSERT_OK(program(f, &err));
    const size_t live = f->memory.live;
    sy_status status = SY_ENOMEM;
    for (size_t n = 1; status != SY_OK; n++) {
        sy_error failure = SY_ERROR_INIT;
        f->memory.calls = 0;
        f->memory.fail_at = n;
        status = program(f, &failure);
        f->memory.fail_at = 0;
        assert_true(status == SY_OK || status == SY_ENOMEM);
        assert_int_equal(f->memory.live, live);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_here),
        TEST(test_at_a_worker),
        TEST(test_sent_moved_and_taken_back_on_the_way),
        TEST(test_wrong_options),
        TEST(test_every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
