/*
 * dataset_changes.c - a dataset is sent, fetched, encoded or shared in place: both tensors are made anew, and only when
 * both are there do the handles become them. So a failure of the second leaves the first as it was, without asking a
 * worker that may be gone. Part of dataset.h. Test: dataset_test.c.
 */
#include <inttypes.h>

#include "core/error.h"
#include "federated/dataset.h"
#include "hook/tensor.h"

/* How a dataset is changed; each function reads what is its own. */
typedef struct change {
    sy_status (*make)(sy_tensor *tensor, sy_tensor **made, const struct change *how, sy_error *err);
    const char *name;
    sy_worker *location;
    const sy_precision_options *precision;
    sy_worker *const *owners;
    size_t owner_count;
    const sy_share_options *share;
} change;

static sy_status make_one(sy_tensor *tensor, const char *what, sy_tensor **made, const change *how,
                          sy_error *err)
{
    const sy_status status = how->make(tensor, made, how, err);
    if (status != SY_OK) {
        *made = NULL;
        return syi_error_prefix(err, status, "dataset, %s of the %s", how->name, what);
    }
    return SY_OK;
}

static sy_status apply(sy_dataset *dataset, const change *how, sy_error *err)
{
    sy_tensor *data = NULL, *targets = NULL;
    const bool both = dataset->data != dataset->targets;
    SY_TRY(make_one(dataset->data, "data", &data, how, err));
    const sy_status status =
        both ? make_one(dataset->targets, "targets", &targets, how, err) : SY_OK;
    if (status == SY_OK) {
        syi_tensor_become(dataset->data, data);
    }
    if (status == SY_OK && both) {
        syi_tensor_become(dataset->targets, targets);
    }
    sy_tensor_unref(data);
    sy_tensor_unref(targets);
    return status;
}

static sy_status make_sent(sy_tensor *tensor, sy_tensor **made, const change *how, sy_error *err)
{
    return sy_tensor_send(tensor, made, how->location, err);
}

sy_status sy_dataset_send(sy_dataset *dataset, sy_worker *location, sy_error *err)
{
    const change how = {.make = make_sent, .name = "send", .location = location};
    if (location == NULL || !syi_dataset_is_here(dataset)) {
        return syi_fail(err, SY_EINVAL, "dataset, send: %s",
                        location == NULL ? "the worker is NULL"
                                         : "it is at a worker or shared already; get it first");
    }
    return apply(dataset, &how, err);
}

/* A copy, for the object must stay until the other one is here, too; then it goes with the pointer. */
static sy_status make_fetched(sy_tensor *tensor, sy_tensor **made, const change *how, sy_error *err)
{
    (void)how;
    return sy_tensor_copy_get(tensor, made, err);
}

sy_status sy_dataset_get(sy_dataset *dataset, sy_error *err)
{
    const change how = {.make = make_fetched, .name = "get"};
    if (syi_dataset_is_here(dataset)) {
        return syi_fail(err, SY_EINVAL, "dataset, get: it is here already");
    }
    return apply(dataset, &how, err);
}

static sy_status make_fixed(sy_tensor *tensor, sy_tensor **made, const change *how, sy_error *err)
{
    return sy_tensor_fix_precision(tensor, made, how->precision, err);
}

sy_status sy_dataset_fix_precision(sy_dataset *dataset, const sy_precision_options *options,
                                   sy_error *err)
{
    const change how = {.make = make_fixed, .name = "fix_precision", .precision = options};
    return apply(dataset, &how, err);
}

static sy_status make_float(sy_tensor *tensor, sy_tensor **made, const change *how, sy_error *err)
{
    (void)how;
    return sy_tensor_float_precision(tensor, made, err);
}

sy_status sy_dataset_float_precision(sy_dataset *dataset, sy_error *err)
{
    const change how = {.make = make_float, .name = "float_precision"};
    return apply(dataset, &how, err);
}

static sy_status make_shared(sy_tensor *tensor, sy_tensor **made, const change *how, sy_error *err)
{
    return sy_tensor_share_with(tensor, made, how->owners, how->owner_count, how->share, err);
}

sy_status sy_dataset_share(sy_dataset *dataset, sy_worker *const *owners, size_t count,
                           const sy_share_options *options, sy_error *err)
{
    const change how = {.make = make_shared,
                        .name = "share",
                        .owners = owners,
                        .owner_count = count,
                        .share = options};
    return apply(dataset, &how, err);
}

/* The result counts in place of the data if it is plain, here, and has as many rows. */
static sy_status check_transformed(const sy_dataset *dataset, sy_tensor *made, sy_error *err)
{
    int64_t length = 0;
    if (made == NULL) {
        return syi_fail(err, SY_EINVAL, "dataset, transform: the function gave no tensor");
    }
    if (sy_tensor_is_wrapper(made)) {
        return syi_fail(err, SY_EINVAL, "dataset, transform: the function gave no plain tensor");
    }
    SY_TRY(sy_tensor_get_length(made, &length, err));
    if (length != dataset->length) {
        return syi_fail(err, SY_ESHAPE,
                        "dataset, transform: %" PRId64 " rows became %" PRId64
                        ", and there are as many targets as before",
                        dataset->length, length);
    }
    return SY_OK;
}

sy_status sy_dataset_transform(sy_dataset *dataset, sy_transform_fn function, void *user,
                               sy_error *err)
{
    if (sy_tensor_is_wrapper(dataset->data)) {
        return syi_fail(err, SY_EINVAL,
                        "dataset, transform: the data is no plain tensor; get it first");
    }
    sy_scope *scope = sy_scope_begin(dataset->hook);
    if (scope == NULL) {
        return SYI_ENOMEM(err, "dataset, transform");
    }
    sy_tensor *made = sy_scope_keep(scope, function(scope, dataset->data, user));
    sy_status status = sy_scope_end(scope, err);
    if (status == SY_OK) {
        status = check_transformed(dataset, made, err);
    }
    if (status != SY_OK) {
        sy_tensor_unref(made);
        return status;
    }
    sy_tensor_unref(dataset->data);
    dataset->data = made;
    return SY_OK;
}
