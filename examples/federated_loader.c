/*
 * federated_loader.c - logistic regression on the measurements of tumours (data/breast_cancer.csv), whose rows lie at three
 * hospitals. A loader goes through them in batches; the model goes where the next batch is, and the rows stay.
 *
 *     federated_loader data/breast_cancer.csv
 *
 * The hospitals are virtual workers here; with sy_worker_connect they are elsewhere, and nothing else changes.
 */
#include <csyft/csyft.h>
#include <stdio.h>

enum { HOSPITALS = 3, ROWS = 569, TRAINED = 400, FEATURES = 30, PASSES = 8 };

typedef struct world {
    sy_context *context;
    sy_hook *hook;
    sy_worker *hospitals[HOSPITALS];
    sy_dataset *trained;
    sy_tensor *tried, *tried_classes;
    sy_federated_dataset *spread;
    sy_federated_loader *loader;
    sy_module *model;
} world;

static sy_status open_world(world *w, sy_error *err)
{
    static const char *const names[HOSPITALS] = {"alice", "bob", "james"};
    sy_hook_options options = SY_HOOK_OPTIONS_INIT;
    options.verbose = false;
    sy_status status = sy_context_new(&w->context, NULL, err);
    if (status == SY_OK) {
        status = sy_hook_new(w->context, &w->hook, &options, err);
    }
    for (int k = 0; status == SY_OK && k < HOSPITALS; k++) {
        status = sy_virtual_worker_new(w->hook, &w->hospitals[k], names[k], err);
    }
    return status;
}

static void close_world(world *w)
{
    sy_module_unref(w->model);
    sy_federated_loader_free(w->loader);
    sy_federated_dataset_unref(w->spread);
    sy_tensor_unref(w->tried);
    sy_tensor_unref(w->tried_classes);
    sy_dataset_unref(w->trained);
    sy_hook_free(w->hook);
    sy_context_free(w->context);
}

/* Features with mean 0 and deviation 1, as they are over all rows; classes in int64. */
static sy_status read_rows(world *w, const char *path, sy_error *err)
{
    sy_tensor *table = NULL, *x = NULL, *y = NULL;
    sy_status status = sy_tensor_load(w->hook, &table, path, err);
    if (status != SY_OK) {
        return status;
    }
    sy_scope *s = sy_scope_begin(w->hook);
    sy_tensor *all = sy_to(s, sy_narrow(s, sy_scope_adopt(s, table), 1, 0, FEATURES), SY_DTYPE_F32);
    sy_tensor *centred = sy_sub(s, all, sy_mean_dim(s, all, 0, true));
    sy_tensor *deviation = sy_sqrt(s, sy_mean_dim(s, sy_square(s, centred), 0, true));
    sy_tensor *rows = sy_div(s, centred, deviation);
    sy_tensor *classes = sy_to(s, sy_select(s, table, 1, FEATURES), SY_DTYPE_I64);
    x = sy_scope_keep(s, sy_narrow(s, rows, 0, 0, TRAINED));
    y = sy_scope_keep(s, sy_narrow(s, classes, 0, 0, TRAINED));
    w->tried = sy_scope_keep(s, sy_narrow(s, rows, 0, TRAINED, ROWS - TRAINED));
    w->tried_classes = sy_scope_keep(s, sy_narrow(s, classes, 0, TRAINED, ROWS - TRAINED));
    status = sy_scope_end(s, err);
    if (status == SY_OK) {
        status = sy_dataset_new(&w->trained, x, y, err);
    }
    sy_tensor_unref(x);
    sy_tensor_unref(y);
    return status;
}

/* In real use the rows are there from the start: sy_worker_search, sy_federated_dataset_new. */
static sy_status spread_rows(world *w, sy_error *err)
{
    sy_loader_options options = SY_LOADER_OPTIONS_INIT;
    options.batch_size = 32;
    options.shuffle = true;
    options.seed = 1;
    sy_status status = sy_dataset_federate(w->trained, w->hospitals, HOSPITALS, &w->spread, err);
    if (status == SY_OK) {
        status = sy_federated_loader_new(&w->loader, w->spread, &options, err);
    }
    return status;
}

/* The model goes to the batch, unless it is there, and learns from it. */
static sy_status learn(world *w, const sy_federated_batch *batch, sy_error *err)
{
    size_t count = 0;
    sy_tensor *weight = sy_module_get_parameters(w->model, &count)[0];
    sy_status status = SY_OK;
    if (!sy_tensor_is_pointer(weight)) {
        status = sy_module_send_(w->model, batch->location, err);
    } else if (sy_tensor_get_location(weight) != batch->location) {
        status = sy_module_move_(w->model, batch->location, err);
    }
    sy_scope *s = sy_scope_begin(w->hook);
    if (status == SY_OK) {
        sy_tensor *scores = sy_module_forward(s, w->model, batch->data);
        sy_tensor *loss = sy_cross_entropy(s, scores, batch->targets);
        status = loss != NULL ? sy_tensor_backward(loss, NULL, err) : sy_scope_get_status(s);
    }
    const sy_status latched = sy_scope_end(s, status == SY_OK || err->status == SY_OK ? err : NULL);
    status = status == SY_OK ? latched : status;
    if (status == SY_OK) {
        status = sy_module_sgd_step(w->model, 0.1, err);
    }
    return status == SY_OK ? sy_module_zero_grad(w->model, err) : status;
}

static sy_status one_pass(world *w, sy_error *err)
{
    sy_federated_batch batch;
    size_t count = 0;
    sy_status status = sy_federated_loader_next(w->loader, &batch, 1, &count, err);
    while (status == SY_OK && count > 0) {
        status = learn(w, &batch, err);
        sy_federated_batch_fini(&batch);
        if (status == SY_OK) {
            status = sy_federated_loader_next(w->loader, &batch, 1, &count, err);
        }
    }
    return status;
}

/* The part of the other rows that the model, which is here again, gets right. */
static sy_status try_model(world *w, double *accuracy, sy_error *err)
{
    sy_scope *s = sy_scope_begin(w->hook);
    sy_tensor *scores = sy_scope_keep(s, sy_module_forward(s, w->model, w->tried));
    sy_status status = sy_scope_end(s, err);
    if (status == SY_OK) {
        status = sy_accuracy(scores, w->tried_classes, accuracy, err);
    }
    sy_tensor_unref(scores);
    return status;
}

static sy_status run(world *w, const char *path, double *accuracy, sy_error *err)
{
    sy_status status = open_world(w, err);
    if (status == SY_OK) {
        sy_hook_manual_seed(w->hook, 1);
        status = read_rows(w, path, err);
    }
    if (status == SY_OK) {
        status = spread_rows(w, err);
    }
    if (status == SY_OK) {
        status = sy_module_new_linear(w->hook, &w->model, FEATURES, 2, true, err);
    }
    for (int k = 0; status == SY_OK && k < PASSES; k++) {
        status = one_pass(w, err);
    }
    if (status == SY_OK) {
        status = sy_module_get_(w->model, err);
    }
    return status == SY_OK ? try_model(w, accuracy, err) : status;
}

int main(int argc, char **argv)
{
    world w = {0};
    sy_error err = SY_ERROR_INIT;
    double accuracy = 0;
    if (argc != 2) {
        fprintf(stderr, "usage: federated_loader data/breast_cancer.csv\n");
        return 2;
    }
    const sy_status status = run(&w, argv[1], &accuracy, &err);
    if (status == SY_OK) {
        char *text = NULL;
        if (sy_federated_dataset_to_text(w.spread, &text, &err) == SY_OK) {
            fputs(text, stdout);
        }
        sy_string_free(w.hook, text);
        printf("%d passes of %d batches\n", PASSES, (int)sy_federated_loader_get_length(w.loader));
        printf("right: %.1f %% of %d other rows\n", 100 * accuracy, ROWS - TRAINED);
    } else {
        fprintf(stderr, "%s\n", err.message);
    }
    close_world(&w);
    return status == SY_OK && accuracy > 0.95 ? 0 : 1;
}
