/*
 * private_digits.c - a convolutional net reads handwritten digits (data/digits.csv) that its owner does not see, for someone
 * who does not see the net, between three processes.
 *
 *     model owner   has the net that remote_cnn.c has trained on the first 1500 digits; holds one share of everything
 *     data owner    has the other 297; asks for what they are, and opens that; holds the other share
 *     provider      deals what products and comparisons of shared values need; sees no share of anything
 *
 *     private_digits data/digits.csv data/digits_net.safetensors
 *
 * The layers and their sizes are known to both owners: the data owner sends them as a plan, whose arguments are the images and
 * the weights, all shared, so that a whole inference is one message. Batch norms are folded into the convolutions before them.
 * The greatest of the ten scores is found on shares, too: what is opened are digits, and no scores, which would tell more of the
 * net. All are honest here, and curious (SECURITY.md).
 *
 * The process that starts them is no party. It is told the digits in the end, and compares them with what the net says of
 * the same images in the open: nobody could do that in earnest.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "digits_net.h"
#include "parties.h"

/* The net as others see it, in the order of the plan's arguments. */
enum { WEIGHTS = 8 };
static const char *const tags[WEIGHTS] = {"#conv1.weight", "#conv1.bias",    "#conv2.weight",
                                          "#conv2.bias",   "#hidden.weight", "#hidden.bias",
                                          "#last.weight",  "#last.bias"};

static const char sees[] =
    "model owner: has a net; sees a share of the images and of all results, masked numbers\n"
    "data owner:  has images; sees a share of the net and of all results, masked numbers, and the "
    "digits\n"
    "provider:    sees shapes; deals random numbers\n";

/* What the data owner tells the process that checks. */
typedef struct told {
    float digits[TRIED];
} told;

/* Both the model owner and the check. */
static sy_status load_net(sy_hook *hook, sy_module **net, const char *path, sy_error *err)
{
    sy_status status = digits_make_net(hook, net, err);
    if (status == SY_OK) {
        status = sy_module_load(*net, path, NULL, err);
    }
    if (status == SY_OK) {
        sy_module_train(*net, false);
    }
    return status;
}

/* Both the data owner and the check: what is tried. */
static sy_status load_images(sy_hook *hook, const char *path, sy_tensor **x, sy_tensor **y,
                             sy_error *err)
{
    sy_tensor *table = NULL;
    sy_status status = sy_tensor_load(hook, &table, path, err);
    if (status == SY_OK) {
        status = digits_cut(hook, table, TRAINED, TRIED, x, y, err);
    }
    sy_tensor_unref(table);
    return status;
}

/* The model owner */

/* A parameter or buffer, as the file names it: "9.weight". Borrowed. */
static sy_tensor *named(const sy_module *net, int layer, const char *name)
{
    char wanted[64], have[64];
    size_t count = 0;
    snprintf(wanted, sizeof wanted, "%d.%s", layer, name);
    sy_tensor *const *tensors = sy_module_get_parameters(net, &count);
    for (size_t k = 0; k < count; k++) {
        if (strcmp(sy_module_get_parameter_name(net, k, have, sizeof have), wanted) == 0) {
            return tensors[k];
        }
    }
    tensors = sy_module_get_buffers(net, &count);
    for (size_t k = 0; k < count; k++) {
        if (strcmp(sy_module_get_buffer_name(net, k, have, sizeof have), wanted) == 0) {
            return tensors[k];
        }
    }
    return NULL;
}

/* A convolution and the batch norm behind it as one convolution: (conv(x) - mean) f + bias, f = weight / sqrt(var + eps). */
static void fold(sy_scope *s, const sy_module *net, int layer, sy_tensor *folded[2])
{
    const sy_norm_options norm = SY_NORM_OPTIONS_INIT;
    const int64_t per_kernel[] = {-1, 1, 1, 1};
    const int after = layer + 1;
    sy_tensor *deviations =
        sy_sqrt(s, sy_add_scalar(s, named(net, after, "running_var"), norm.eps));
    sy_tensor *factors = sy_div(s, named(net, after, "weight"), deviations);
    folded[0] = sy_mul(s, named(net, layer, "weight"), sy_reshape(s, factors, 4, per_kernel));
    sy_tensor *off = sy_sub(s, named(net, layer, "bias"), named(net, after, "running_mean"));
    folded[1] = sy_add(s, sy_mul(s, off, factors), named(net, after, "bias"));
}

static sy_status publish_net(const party *p, sy_module *net, sy_error *err)
{
    enum { CONV1 = 0, CONV2 = 4, HIDDEN = 9, LAST = 12 }; /* its layers */
    sy_tensor *weights[WEIGHTS] = {NULL};
    sy_scope *s = sy_scope_begin(p->hook);
    sy_scope_set_grad_enabled(s, false);
    fold(s, net, CONV1, weights);
    fold(s, net, CONV2, weights + 2);
    for (int k = 0; k < 4; k++) {
        weights[4 + k] =
            sy_clone(s, named(net, k < 2 ? HIDDEN : LAST, k % 2 == 0 ? "weight" : "bias"));
    }
    for (int k = 0; k < WEIGHTS; k++) {
        weights[k] = sy_scope_keep(s, weights[k]);
    }
    sy_status status = sy_scope_end(s, err);
    for (int k = 0; k < WEIGHTS; k++) {
        if (status == SY_OK) {
            status = party_publish_shared(p, weights[k], tags[k], err);
        }
        sy_tensor_unref(weights[k]);
    }
    return status;
}

static sy_status run_model_owner(party *p, sy_error *err)
{
    const bool ready = true;
    sy_module *net = NULL;
    p->model_owner = p->self;
    sy_status status = party_connect_next(p, &p->data_owner, err);
    if (status == SY_OK) {
        status = party_connect_next(p, &p->provider, err);
    }
    if (status == SY_OK) {
        status = load_net(p->hook, &net, p->path, err);
    }
    if (status == SY_OK) {
        status = publish_net(p, net, err);
    }
    if (status == SY_OK) {
        printf("model owner: the weights are shared\n");
        fflush(stdout);
        status = party_tell(p->fd, &ready, sizeof ready) ? SY_OK : SY_ECLOSED;
    }
    sy_module_unref(net);
    return status;
}

/* The data owner */

/* Arguments: images, then the weights. A pool before the relu compares less, with the same result. */
static sy_status read_digits(sy_plan_frame *frame, sy_scope *s, void *user, sy_error *err)
{
    (void)user;
    sy_tensor *w[WEIGHTS];
    sy_tensor *x = sy_plan_frame_argument(frame, 0);
    for (size_t k = 0; k < WEIGHTS; k++) {
        w[k] = sy_plan_frame_argument(frame, 1 + k);
    }
    for (int k = 0; k < 4; k += 2) {
        const sy_value conv[] = {sy_value_tensor(x), sy_value_tensor(w[k]),
                                 sy_value_tensor(w[k + 1]), sy_value_int(1), sy_value_int(1)};
        x = sy_scope_call(s, "conv2d", conv, 5);
        const sy_value pool[] = {sy_value_tensor(x), sy_value_int(2)};
        x = sy_relu(s, sy_scope_call(s, "max_pool2d", pool, 2));
    }
    const sy_value rows[] = {sy_value_tensor(x), sy_value_int(1), sy_value_int(-1)};
    x = sy_relu(s, sy_linear(s, sy_scope_call(s, "flatten", rows, 3), w[4], w[5]));
    return sy_plan_frame_return(frame, sy_argmax_dim(s, sy_linear(s, x, w[6], w[7]), 1, false),
                                err);
}

/* To both owners. */
static sy_status send_plan(const party *p, sy_pointer_plan **sent, sy_error *err)
{
    static const sy_plan_shape shapes[1 + WEIGHTS] = {{SY_DTYPE_F32, 4, {-1, 1, SIDE, SIDE}},
                                                      {SY_DTYPE_F32, 4, {8, 1, 3, 3}},
                                                      {SY_DTYPE_F32, 1, {8}},
                                                      {SY_DTYPE_F32, 4, {16, 8, 3, 3}},
                                                      {SY_DTYPE_F32, 1, {16}},
                                                      {SY_DTYPE_F32, 2, {32, 64}},
                                                      {SY_DTYPE_F32, 1, {32}},
                                                      {SY_DTYPE_F32, 2, {10, 32}},
                                                      {SY_DTYPE_F32, 1, {10}}};
    sy_worker *const holders[] = {p->model_owner, p->data_owner};
    sy_plan_options options = SY_PLAN_OPTIONS_INIT;
    sy_plan *plan = NULL;
    options.name = "read digits";
    options.forward = read_digits;
    sy_status status = sy_plan_new(p->hook, &plan, &options, err);
    if (status == SY_OK) {
        status = sy_plan_build_shapes(plan, shapes, 1 + WEIGHTS, err);
    }
    if (status == SY_OK) {
        status = sy_plan_send(plan, sent, holders, 2, false, err);
    }
    sy_plan_unref(plan);
    return status;
}

/* One run on `count` images, and a row of the table of costs. */
static sy_status infer(const party *p, sy_pointer_plan *plan, sy_tensor *const *weights,
                       sy_tensor *images, int64_t count, float *digits, sy_error *err)
{
    sy_tensor *some = NULL, *shared = NULL, *result = NULL;
    sy_sharing_cost from, to;
    sy_value args[1 + WEIGHTS];
    double seconds = 0;
    sy_scope *s = sy_scope_begin(p->hook);
    some = sy_scope_keep(s, sy_narrow(s, images, 0, 0, count));
    sy_status status = sy_scope_end(s, err);
    if (status == SY_OK) {
        status = party_share(p, some, &shared, err);
    }
    if (status == SY_OK) {
        status = party_get_cost(p, &from, err);
    }
    if (status == SY_OK) {
        args[0] = sy_value_tensor(shared);
        for (int k = 0; k < WEIGHTS; k++) {
            args[1 + k] = sy_value_tensor(weights[k]);
        }
        seconds = -party_clock();
        status = sy_pointer_plan_run(plan, args, 1 + WEIGHTS, NULL, &result, 1, NULL, err);
        seconds += party_clock();
    }
    if (status == SY_OK) {
        status = party_get_cost(p, &to, err);
    }
    if (status == SY_OK) {
        printf("%6d %8d %10d %10d %10d %8.1f ms\n", (int)count, (int)(to.rounds - from.rounds),
               (int)(to.bytes_sent - from.bytes_sent),
               (int)(to.bytes_received - from.bytes_received),
               (int)(to.bytes_dealt - from.bytes_dealt), seconds * 1e3);
        status = party_open(result, digits, (size_t)count * sizeof *digits, err);
    }
    sy_tensor_unref(result);
    sy_tensor_unref(shared);
    sy_tensor_unref(some);
    return status;
}

/* One image twice: the first run opens the weights against their masks, and later ones do not. Then all. */
static sy_status read_all(const party *p, sy_tensor *images, told *t, sy_error *err)
{
    static const int64_t counts[] = {1, 1, TRIED};
    sy_tensor *weights[WEIGHTS] = {NULL};
    sy_pointer_plan *plan = NULL;
    sy_status status = send_plan(p, &plan, err);
    for (int k = 0; k < WEIGHTS && status == SY_OK; k++) {
        status = party_find(p, tags[k], &weights[k], err);
    }
    printf("data owner:  %d images, shared; bytes to and from the model owner, and dealt\n%6s %8s "
           "%10s %10s %10s %11s\n",
           TRIED, "images", "rounds", "sent", "received", "dealt", "online");
    for (int k = 0; k < 3 && status == SY_OK; k++) {
        status = infer(p, plan, weights, images, counts[k], t->digits, err);
    }
    for (int k = 0; k < WEIGHTS; k++) {
        sy_tensor_unref(weights[k]);
    }
    sy_pointer_plan_unref(plan);
    return status;
}

static sy_status run_data_owner(party *p, sy_error *err)
{
    static told t;
    sy_tensor *images = NULL, *labels = NULL;
    p->data_owner = p->self;
    sy_status status = party_connect_next(p, &p->model_owner, err);
    if (status == SY_OK) {
        status = party_connect_next(p, &p->provider, err);
    }
    if (status == SY_OK) {
        status = load_images(p->hook, p->path, &images, &labels, err);
    }
    if (status == SY_OK) {
        status = read_all(p, images, &t, err);
    }
    if (status == SY_OK) {
        printf("data owner:  digits are opened here\n");
        fflush(stdout);
        status = party_tell(p->fd, &t, sizeof t) ? SY_OK : SY_ECLOSED;
    }
    sy_tensor_unref(labels);
    sy_tensor_unref(images);
    return status;
}

/* The check */

/* What the net says in the open, and what is right. */
static sy_status read_openly(sy_hook *hook, char *const *paths, told *plain, told *right,
                             sy_error *err)
{
    sy_tensor *images = NULL, *labels = NULL, *guesses = NULL, *digits = NULL;
    sy_module *net = NULL;
    sy_status status = load_images(hook, paths[0], &images, &labels, err);
    if (status == SY_OK) {
        status = load_net(hook, &net, paths[1], err);
    }
    if (status == SY_OK) {
        sy_scope *s = sy_scope_begin(hook);
        sy_scope_set_grad_enabled(s, false);
        sy_tensor *read = sy_argmax_dim(s, sy_module_forward(s, net, images), 1, false);
        guesses = sy_scope_keep(s, sy_to(s, read, SY_DTYPE_F32));
        digits = sy_scope_keep(s, sy_to(s, labels, SY_DTYPE_F32));
        status = sy_scope_end(s, err);
    }
    if (status == SY_OK) {
        status = sy_tensor_copy_data(guesses, plain->digits, sizeof plain->digits, err);
    }
    if (status == SY_OK) {
        status = sy_tensor_copy_data(digits, right->digits, sizeof right->digits, err);
    }
    sy_module_unref(net);
    sy_tensor_unref(digits);
    sy_tensor_unref(guesses);
    sy_tensor_unref(labels);
    sy_tensor_unref(images);
    return status;
}

/* Whole numbers, opened as reals. */
static bool matches(const told *a, const told *b, int k)
{
    return fabsf(a->digits[k] - b->digits[k]) < 0.5F;
}

/* Within 0.2 points. */
static bool compare(const told *t, const told *plain, const told *right)
{
    int good = 0, plain_good = 0, same = 0;
    for (int k = 0; k < TRIED; k++) {
        good += matches(t, right, k);
        plain_good += matches(plain, right, k);
        same += matches(t, plain, k);
    }
    const double points = 100.0 / TRIED;
    printf("right: %.1f %% of %d digits; in the open %.1f %%; %d are read alike\n", points * good,
           TRIED, points * plain_good, same);
    return fabs(points * (good - plain_good)) <= 0.2 && plain_good > 0.9 * TRIED;
}

static bool check(const told *t, char *const *paths)
{
    static told plain, right;
    sy_error err = SY_ERROR_INIT;
    sy_context *context = NULL;
    sy_hook *hook = NULL;
    sy_status status = sy_context_new(&context, NULL, &err);
    if (status == SY_OK) {
        status = sy_hook_new(context, &hook, NULL, &err);
    }
    if (status == SY_OK) {
        status = read_openly(hook, paths, &plain, &right, &err);
    }
    if (status != SY_OK) {
        fprintf(stderr, "check: %s\n", err.message);
    }
    sy_hook_free(hook);
    sy_context_free(context);
    return status == SY_OK && compare(t, &plain, &right);
}

int main(int argc, char **argv)
{
    enum { PROVIDER, DATA, MODEL, PARTIES };
    process all[PARTIES] = {{.fd = -1}, {.fd = -1}, {.fd = -1}};
    static told t;
    bool ready = false;
    if (argc != 3) {
        fprintf(stderr, "usage: %s digits.csv digits_net.safetensors\n", argv[0]);
        return 2;
    }
    fputs(sees, stdout);
    int started = 0;
    bool good = parties_start(all, started++, "provider", NULL, party_serve) &&
                parties_start(all, started++, "data_owner", argv[1], run_data_owner) &&
                parties_start(all, started++, "model_owner", argv[2], run_model_owner);
    good = good && parties_introduce(&all[MODEL], &all[DATA], &all[PROVIDER]) &&
           party_hear(all[MODEL].fd, &ready, sizeof ready);
    good = good && parties_introduce(&all[DATA], &all[MODEL], &all[PROVIDER]) &&
           party_hear(all[DATA].fd, &t, sizeof t);
    good = good && check(&t, argv + 1);
    return parties_end(all, started) && good ? 0 : 1;
}
