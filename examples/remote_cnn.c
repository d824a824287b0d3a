/*
 * remote_cnn.c - a convolutional network learns the handwritten digits (data/digits.csv) at a worker that has them. The
 * model and the state of its optimizer live there during the training; then the model comes back and is tried on digits
 * that it has not seen.
 *
 *     remote_cnn data/digits.csv                          the worker listens on loopback in this process
 *     remote_cnn data/digits.csv tcp://127.0.0.1:7700     a worker in another process
 *     remote_cnn data/digits.csv here data/digits_net.safetensors     keeps the model in a file, for private_digits.c
 */
#include <stdio.h>
#include <string.h>

#include "digits_net.h"

enum { BATCH = 50, PASSES = 8 };

/* One pass over the pointers x and y; the mean loss of its last batch. */
static sy_status pass(sy_hook *hook, sy_module *model, sy_optimizer *optimizer, sy_tensor *x,
                      sy_tensor *y, double *loss, sy_error *err)
{
    sy_status status = SY_OK;
    for (int64_t from = 0; from + BATCH <= TRAINED && status == SY_OK; from += BATCH) {
        sy_tensor *here = NULL;
        sy_scope *s = sy_scope_begin(hook);
        sy_tensor *answer = sy_module_forward(s, model, sy_narrow(s, x, 0, from, BATCH));
        sy_tensor *made = sy_cross_entropy(s, answer, sy_narrow(s, y, 0, from, BATCH));
        if (made != NULL) {
            status = sy_tensor_backward(made, NULL, err);
        }
        if (made != NULL && status == SY_OK && from + 2 * BATCH > TRAINED) {
            status = sy_tensor_copy_get(made, &here, err);
            if (status == SY_OK) {
                status = sy_tensor_item(here, loss, err);
            }
            sy_tensor_unref(here);
        }
        const sy_status latched = sy_scope_end(s, status == SY_OK ? err : NULL);
        status = status == SY_OK ? latched : status;
        if (status == SY_OK) {
            status = sy_optimizer_step(optimizer, err);
        }
        if (status == SY_OK) {
            status = sy_optimizer_zero_grad(optimizer, err);
        }
    }
    return status;
}

/* The model goes to the worker, learns, and comes back. */
static sy_status learn(sy_hook *hook, sy_worker *worker, sy_module *model, sy_tensor *x,
                       sy_tensor *y, sy_error *err)
{
    sy_optimizer *optimizer = NULL;
    sy_adam_options options = SY_ADAM_OPTIONS_INIT;
    options.lr = 0.005;
    sy_status status = sy_module_send_(model, worker, err);
    if (status == SY_OK) {
        status = sy_optimizer_new_adam(&optimizer, model, &options, err);
    }
    for (int k = 0; k < PASSES && status == SY_OK; k++) {
        double loss = 0;
        status = pass(hook, model, optimizer, x, y, &loss, err);
        if (status == SY_OK) {
            printf("pass %d: loss %.4f\n", k + 1, loss);
        }
    }
    sy_optimizer_free(optimizer);
    return status == SY_OK ? sy_module_get_(model, err) : status;
}

static sy_status count_right(sy_hook *hook, sy_module *model, sy_tensor *x, sy_tensor *y,
                             double *right, sy_error *err)
{
    sy_module_train(model, false);
    sy_scope *s = sy_scope_begin(hook);
    sy_scope_set_grad_enabled(s, false);
    sy_tensor *guess = sy_argmax_dim(s, sy_module_forward(s, model, x), 1, false);
    sy_tensor *share = sy_mean(s, sy_to(s, sy_eq(s, guess, y), SY_DTYPE_F32));
    sy_status status = share != NULL ? sy_tensor_item(share, right, err) : SY_OK;
    const sy_status latched = sy_scope_end(s, err);
    return latched != SY_OK ? latched : status;
}

/* file: NULL, or where the model is kept. */
static sy_status run(sy_hook *hook, sy_worker *worker, const char *path, const char *file,
                     double *right, sy_error *err)
{
    sy_tensor *table = NULL, *x = NULL, *y = NULL, *unseen_x = NULL, *unseen_y = NULL;
    sy_module *model = NULL;
    sy_hook_manual_seed(hook, 1);
    sy_status status = sy_tensor_load(hook, &table, path, err);
    if (status == SY_OK) {
        status = digits_cut(hook, table, 0, TRAINED, &x, &y, err);
    }
    if (status == SY_OK) {
        status = digits_cut(hook, table, TRAINED, TRIED, &unseen_x, &unseen_y, err);
    }
    /* In real use the rows are there from the start: `csyft worker --data digits.csv`. */
    if (status == SY_OK) {
        status = sy_tensor_send_(x, worker, err);
    }
    if (status == SY_OK) {
        status = sy_tensor_send_(y, worker, err);
    }
    if (status == SY_OK) {
        status = digits_make_net(hook, &model, err);
    }
    if (status == SY_OK) {
        status = learn(hook, worker, model, x, y, err);
    }
    if (status == SY_OK) {
        status = count_right(hook, model, unseen_x, unseen_y, right, err);
    }
    if (status == SY_OK && file != NULL) {
        status = sy_module_save(model, file, SY_MODEL_BY_PATH, err);
    }
    sy_module_unref(model);
    sy_tensor_unref(unseen_y);
    sy_tensor_unref(unseen_x);
    sy_tensor_unref(y);
    sy_tensor_unref(x);
    sy_tensor_unref(table);
    return status;
}

/* A worker of its own, as another process would have it. */
static sy_status listen_here(sy_context *context, sy_hook **server, const char **url, sy_error *err)
{
    sy_hook_options options = SY_HOOK_OPTIONS_INIT;
    options.local_worker_id = "hospital";
    options.is_client = false;
    sy_status status = sy_hook_new(context, server, &options, err);
    if (status == SY_OK) {
        sy_hook_manual_seed(*server, 2);
        status = sy_worker_listen(sy_hook_get_local_worker(*server), "tcp://127.0.0.1:0", NULL, url,
                                  err);
    }
    return status;
}

int main(int argc, char **argv)
{
    sy_error err = SY_ERROR_INIT;
    sy_context *context = NULL;
    sy_hook *server = NULL, *hook = NULL;
    sy_worker *worker = NULL;
    double right = 0;
    if (argc < 2) {
        fprintf(stderr, "usage: %s digits.csv [url|here [net.safetensors]]\n", argv[0]);
        return 2;
    }
    const char *url = argc > 2 && strcmp(argv[2], "here") != 0 ? argv[2] : NULL;
    sy_status status = sy_context_new(&context, NULL, &err);
    if (status == SY_OK && url == NULL) {
        status = listen_here(context, &server, &url, &err);
    }
    if (status == SY_OK) {
        status = sy_hook_new(context, &hook, NULL, &err);
    }
    if (status == SY_OK) {
        status = sy_worker_connect(hook, &worker, url, NULL, &err);
    }
    if (status == SY_OK) {
        status = run(hook, worker, argv[1], argc > 3 ? argv[3] : NULL, &right, &err);
    }
    if (status == SY_OK) {
        printf("%.1f %% of %d unseen digits are right\n", 100 * right, TRIED);
    } else {
        fprintf(stderr, "%s\n", err.message);
    }
    sy_hook_free(hook);
    sy_hook_free(server);
    sy_context_free(context);
    return status == SY_OK && right > 0.9 ? 0 : 1;
}
