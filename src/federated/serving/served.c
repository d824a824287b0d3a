#include "federated/serving/served.h"

#include <inttypes.h>
#include <string.h>

#include <csyft/caller.h>

#include "core/error.h"
#include "hook/dispatch.h"
#include "hook/scope.h"
#include "workers/commands.h"
#include "workers/session.h"

typedef struct served_node {
    syi_node base;
    syi_served *served; /* a reference */
} served_node;

static const syi_served *served_of_node(const syi_node *node)
{
    return ((const served_node *)(const void *)node)->served;
}

static void served_unref(syi_served *served)
{
    if (served == NULL || atomic_fetch_sub_explicit(&served->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    syi_rows_unref(served->data);
    syi_rows_unref(served->targets);
    sy_ledger_unref(served->ledger);
    syi_free(served->context, served, sizeof *served);
}

/* The node */

static sy_status served_call(syi_call *call, sy_error *err)
{
    return syi_fail(err, SY_EPERM,
                    "%s: an argument is a dataset; train on it, or evaluate a model by it",
                    call->op->name);
}

static void served_describe(const syi_node *node, syi_buffer *text)
{
    const syi_served *served = served_of_node(node);
    syi_buffer_append(text, "<Dataset ", 9);
    syi_buffer_append(text, served->key, strlen(served->key));
    syi_buffer_append(text, ">", 1);
}

static bool served_known_shape(const syi_node *node, syi_array *shape)
{
    syi_rows_describe(served_of_node(node)->data, shape);
    return true;
}

static sy_status served_shape(syi_node *node, syi_array *shape, sy_error *err)
{
    (void)err;
    (void)served_known_shape(node, shape);
    return SY_OK;
}

static sy_status served_simplify(syi_node *node, struct syi_encoder *encoder, sy_error *err)
{
    (void)encoder;
    return syi_fail(err, SY_EPERM, "dataset %s does not leave its worker",
                    served_of_node(node)->key);
}

static sy_status served_detail(struct syi_decoder *decoder, syi_node **node, sy_error *err)
{
    (void)decoder;
    *node = NULL;
    return syi_fail(err, SY_EFORMAT, "message: a dataset, which does not travel");
}

static void served_free(syi_node *node)
{
    served_unref(((served_node *)(void *)node)->served);
}

static const syi_interpreter served_type = {
    .name = "Dataset",
    .code = SYI_CODE_DATASET,
    .call = served_call,
    .describe = served_describe,
    .shape = served_shape,
    .known_shape = served_known_shape,
    .simplify = served_simplify,
    .detail = served_detail,
    .free = served_free,
};

sy_status syi_served_register(sy_hook *hook, sy_error *err)
{
    return syi_hook_register_interpreter(hook, &served_type, err);
}

const syi_served *syi_served_of(const sy_tensor *object)
{
    return object != NULL && object->node->type == &served_type ? served_of_node(object->node)
                                                                : NULL;
}

/* Batches */

static sy_status read_part(const syi_served *served, sy_scope *s, const syi_rows *rows,
                           const syi_transforms *transforms, const int64_t *places, size_t count,
                           sy_tensor **part, sy_error *err)
{
    syi_array array;
    syi_policy policy;
    sy_tensor *batch = NULL;
    SY_TRY(syi_rows_read(rows, places, count, s->mode.account, &array, err));
    SY_TRY(syi_tensor_from_array(s->hook, &batch, &array, err));
    *part = syi_transforms_apply(transforms, s, sy_scope_adopt(s, batch));
    if (*part == NULL) {
        const sy_status status = sy_scope_get_status(s);
        return syi_fail(err, status != SY_OK && status != SY_ENOMEM ? SY_ERANGE : SY_ENOMEM,
                        "dataset %s: its transforms do not take its rows", served->key);
    }
    syi_policy_set_private(&policy, served->key, (int64_t)count);
    syi_tensor_set_policy(*part, &policy);
    return SY_OK;
}

sy_status syi_served_batch(const syi_served *served, sy_scope *s, const int64_t *places,
                           size_t count, sy_tensor **data, sy_tensor **targets, sy_error *err)
{
    *data = *targets = NULL;
    SY_TRY(read_part(served, s, served->data, &served->transforms, places, count, data, err));
    return read_part(served, s, served->targets, &served->target_transforms, places, count, targets,
                     err);
}

/* Budgets */

sy_status syi_served_charge(const syi_served *served, const sy_request *request,
                            const sy_charge *charge, sy_error *err)
{
    return served->ledger != NULL
               ? sy_ledger_charge(served->ledger, served->key, request->session->name, charge,
                                  &served->budget, err)
               : syi_fail(err, SY_EPERM,
                          "there is no budget for noisy answers; its owner decides that (budget)");
}

/* Serving */

static sy_status check_key(sy_worker *worker, const char *key, sy_id *id, sy_error *err)
{
    if (worker == NULL || !syi_worker_is_here(worker)) {
        return syi_fail(err, SY_EINVAL, "serve: the worker is not in this process");
    }
    if (key == NULL || key[0] == '\0' || strlen(key) >= sizeof((syi_served *)0)->key) {
        return syi_fail(err, SY_EINVAL, "serve: a key has 1 to %zu bytes",
                        sizeof((syi_served *)0)->key - 1);
    }
    SY_TRY(sy_id_from_text(id, key, err));
    pthread_mutex_lock(&worker->strand);
    const bool taken = syi_store_get(worker, id) != NULL;
    pthread_mutex_unlock(&worker->strand);
    return taken ? syi_fail_object(err, SY_EEXIST, key, "worker %s has an object %s already",
                                   worker->name, key)
                 : SY_OK;
}

static sy_status read_options(syi_served *served, const sy_serve_options *o, sy_error *err)
{
    served->release_rows = o->release_rows;
    if (o->release_rows < 0 || (o->tag_count > 0 && o->tags == NULL) ||
        (o->allow_count > 0 && o->allow == NULL)) {
        return syi_fail(err, SY_EINVAL,
                        "serve: release_rows is negative, or tags or allow are NULL");
    }
    if (o->budget != NULL) {
        if (o->ledger == NULL) {
            return syi_fail(err, SY_EINVAL,
                            "serve: a budget needs a ledger, which remembers what is spent");
        }
        SY_TRY(sy_budget_check(o->budget, err));
        served->budget = *o->budget;
        served->ledger = sy_ledger_ref(o->ledger);
    }
    SY_TRY(syi_transforms_read(&served->transforms, o->transforms, o->transform_count, err));
    return syi_transforms_read(&served->target_transforms, o->target_transforms,
                               o->target_transform_count, err);
}

/* Do the transforms take a row? An owner should hear of it, not every client. */
static sy_status try_row(const syi_served *served, sy_hook *hook, sy_error *err)
{
    static const int64_t first = 0;
    sy_tensor *data, *targets;
    if (syi_rows_get_count(served->data) == 0) {
        return SY_OK;
    }
    sy_scope *s = sy_scope_begin(hook);
    if (s == NULL) {
        return SYI_ENOMEM(err, "serve");
    }
    const sy_status status = syi_served_batch(served, s, &first, 1, &data, &targets, err);
    const sy_status ended = sy_scope_end(s, status == SY_OK ? err : NULL);
    return status == SY_OK ? ended : status;
}

static sy_status label(sy_tensor *object, const sy_serve_options *o, sy_error *err)
{
    for (size_t k = 0; k < o->tag_count; k++) {
        SY_TRY(sy_tensor_tag(object, o->tags[k], err));
    }
    for (size_t k = 0; k < o->allow_count; k++) {
        SY_TRY(sy_tensor_permit_text(object, o->allow[k], err));
    }
    return o->description != NULL ? sy_tensor_describe(object, o->description, err) : SY_OK;
}

/* A handle on it; takes `served` when it succeeds. */
static sy_status make_object(sy_hook *hook, syi_served *served, sy_tensor **object, sy_error *err)
{
    served_node *node = (served_node *)(void *)syi_node_new(hook, &served_type, sizeof *node, NULL);
    syi_policy policy;
    *object = NULL;
    if (node == NULL) {
        return SYI_ENOMEM(err, "serve");
    }
    atomic_fetch_add_explicit(&served->refs, 1, memory_order_relaxed);
    node->served = served;
    SY_TRY(syi_tensor_wrap(hook, object, &node->base, err));
    served_unref(served);
    syi_policy_set_private(&policy, served->key, syi_rows_get_count(served->data));
    policy.no_delete = UINT64_MAX; /* only the owner withdraws it */
    syi_tensor_set_policy(*object, &policy);
    return SY_OK;
}

/* Takes data and targets. */
static sy_status serve(sy_worker *worker, const char *key, const sy_id *id, syi_rows *data,
                       syi_rows *targets, const sy_serve_options *o, sy_error *err)
{
    sy_hook *hook = worker->hook;
    sy_tensor *object = NULL;
    syi_served *served = syi_alloc(hook->context, sizeof *served);
    if (served == NULL) {
        syi_rows_unref(data);
        syi_rows_unref(targets);
        return SYI_ENOMEM(err, "serve");
    }
    atomic_init(&served->refs, 1);
    served->context = hook->context;
    served->data = data;
    served->targets = targets;
    memcpy(served->key, key, strlen(key) + 1);
    sy_status status = read_options(served, o, err);
    if (status == SY_OK && syi_rows_get_count(data) != syi_rows_get_count(targets)) {
        status = syi_fail_object(err, SY_ESHAPE, key,
                                 "dataset %s: %" PRId64 " rows of data, %" PRId64 " targets", key,
                                 syi_rows_get_count(data), syi_rows_get_count(targets));
    }
    status = status == SY_OK ? try_row(served, hook, err) : status;
    status = status == SY_OK ? make_object(hook, served, &object, err) : status;
    if (status != SY_OK) {
        served_unref(served);
        return status;
    }
    status = label(object, o, err);
    if (status == SY_OK) {
        status = sy_worker_register_object(worker, object, id, err);
    }
    sy_tensor_unref(object);
    return status;
}

/* A copy: what the caller does with its tensor is not done here. */
static sy_status rows_of(const sy_tensor *tensor, const char *what, syi_rows **rows, sy_error *err)
{
    syi_array copy;
    *rows = NULL;
    if (tensor == NULL || !syi_tensor_is_native(tensor)) {
        return syi_fail(err, SY_EINVAL, "serve: the %s are not here", what);
    }
    sy_context *context = tensor->hook->context;
    SY_TRY(syi_array_clone(context, &copy, syi_node_array(tensor->node), NULL, err));
    const sy_status status = syi_rows_of_array(context, rows, &copy, err);
    syi_array_fini(&copy);
    return status;
}

/* As the caller's version of the library has them. */
static sy_serve_options options_of(const sy_serve_options *given)
{
    sy_serve_options all = SY_SERVE_OPTIONS_INIT;
    if (given != NULL) {
        memcpy(&all, given, given->size < sizeof all ? given->size : sizeof all);
    }
    return all;
}

sy_status sy_worker_serve_dataset(sy_worker *worker, const char *key, sy_tensor *data,
                                  sy_tensor *targets, const sy_serve_options *options,
                                  sy_error *err)
{
    const sy_serve_options o = options_of(options);
    sy_id id = SY_ID_INIT;
    syi_rows *rows[2] = {NULL, NULL};
    sy_tensor *const given[] = {data, targets};
    sy_status status = SY_OK;
    SY_TRY(check_key(worker, key, &id, err));
    for (int k = 0; k < 2 && status == SY_OK; k++) {
        status = rows_of(given[k], k == 0 ? "data" : "targets", &rows[k], err);
    }
    if (status != SY_OK) {
        syi_rows_unref(rows[0]);
        return status;
    }
    return serve(worker, key, &id, rows[0], rows[1], &o, err);
}

sy_status sy_worker_serve_files(sy_worker *worker, const char *key, const char *data,
                                const char *targets, const sy_serve_options *options, sy_error *err)
{
    const sy_serve_options o = options_of(options);
    sy_id id = SY_ID_INIT;
    syi_rows *x = NULL, *y = NULL;
    SY_TRY(check_key(worker, key, &id, err));
    if (data == NULL) {
        return syi_fail(err, SY_EINVAL, "serve: no file of data");
    }
    sy_context *context = worker->hook->context;
    if (targets == NULL) {
        SY_TRY(syi_rows_open_both(context, &x, &y, data, err));
    } else {
        SY_TRY(syi_rows_open(context, &x, data, err));
        const sy_status status = syi_rows_open(context, &y, targets, err);
        if (status != SY_OK) {
            syi_rows_unref(x);
            return status;
        }
    }
    return serve(worker, key, &id, x, y, &o, err);
}

void sy_worker_withdraw_dataset(sy_worker *worker, const char *key)
{
    sy_id id = SY_ID_INIT;
    sy_tensor *object = NULL;
    if (worker != NULL && key != NULL && syi_worker_is_here(worker) &&
        sy_id_from_text(&id, key, NULL) == SY_OK &&
        sy_worker_get_object(worker, &object, &id, NULL) == SY_OK) {
        if (syi_served_of(object) != NULL) {
            sy_worker_remove_object(worker, &id);
        }
        sy_tensor_unref(object);
    }
}
