/*
 * share_commands.c - what a holder is asked beside operations: opening a value to all holders, refreshing it, its part of a
 * triple, taking words as a share; and, of a worker that holds a plain value, sharing it. Part of additive_shared.h.
 */
#include <inttypes.h>
#include <string.h>

#include <csyft/sharing.h>

#include "core/error.h"
#include "interpreters/sharing/additive_shared.h"
#include "interpreters/sharing/holder_commands.h"

/* Arguments */

sy_status syi_holder_read_field(const sy_value *modulus, const sy_value *width, syi_field *field,
                                sy_error *err)
{
    const bool numbers = modulus->kind == SY_VALUE_INT && width->kind == SY_VALUE_INT;
    *field = (syi_field){numbers ? (uint64_t)modulus->as.integer : 1,
                         numbers ? (unsigned)width->as.integer : 0};
    const bool good = (field->width == 8 && (field->modulus == 0 || field->modulus >= 4)) ||
                      (field->width == 4 && field->modulus == 0);
    return numbers && good ? SY_OK : syi_fail(err, SY_EINVAL, "sharing: a field that is none");
}

sy_status syi_holder_read_shape(const sy_value *value, int *ndim, int64_t *shape, sy_error *err)
{
    if (value->kind != SY_VALUE_LIST || value->as.list.count > SY_DIM_MAX) {
        return syi_fail(err, SY_EINVAL, "sharing: a shape is none");
    }
    *ndim = (int)value->as.list.count;
    for (int k = 0; k < *ndim; k++) {
        if (value->as.list.items[k].kind != SY_VALUE_INT) {
            return syi_fail(err, SY_EINVAL, "sharing: a shape is none");
        }
        shape[k] = value->as.list.items[k].as.integer;
    }
    return SY_OK;
}

sy_status syi_holder_read_share(const sy_value *value, syi_share **share, sy_error *err)
{
    const syi_node *node = value->kind == SY_VALUE_TENSOR ? value->as.tensor->node : NULL;
    while (node != NULL && node->type != &syi_share_type) {
        node = node->child;
    }
    *share = node != NULL ? syi_share_of(node) : NULL;
    return *share != NULL && (*share)->base.child != NULL
               ? SY_OK
               : syi_fail(err, SY_EINVAL, "sharing: the object is no share");
}

sy_status syi_holder_find_run(const sy_request *request, const syi_kin *kin, syi_sharing_run **run,
                              sy_error *err)
{
    syi_mode mode;
    syi_request_get_mode(request, &mode);
    *run = syi_sharing_run_of(&mode);
    const bool good = *run != NULL && (kin == NULL || ((*run)->session->index == kin->index &&
                                                       (*run)->session->holders == kin->holders));
    return good ? SY_OK
                : syi_fail(err, SY_EINVAL, "sharing: this is no joint command of its holders");
}

/* Results */

sy_status syi_holder_new_words(const sy_request *request, const syi_field *field, int ndim,
                               const int64_t *shape, syi_array *words, sy_error *err)
{
    SY_TRY(syi_array_new(request->worker->hook->context, words, syi_field_dtype(field), ndim, shape,
                         &request->worker->account, err));
    words->storage->secret = true;
    return SY_OK;
}

sy_status syi_holder_give(const sy_request *request, syi_kin *kin, syi_array *words,
                          const sy_id *id, sy_error *err)
{
    sy_hook *hook = request->worker->hook;
    syi_node *node = NULL, *share = NULL;
    sy_tensor *tensor = NULL;
    SY_TRY(syi_native_node_new(hook, &node, words, err));
    if (kin != NULL) {
        const sy_status status = syi_share_new(hook, &share, kin, node, NULL, err);
        if (status != SY_OK) {
            syi_node_unref(node);
            return status;
        }
        node = share;
    }
    SY_TRY(syi_tensor_wrap(hook, &tensor, node, err));
    const sy_status status = syi_request_register(request, tensor, id, err);
    sy_tensor_unref(tensor);
    return status;
}

/* sharing_reconstruct(share, id): the value, here; signed, as get gives it */
static sy_status handle_reconstruct(const sy_request *request, sy_error *err)
{
    syi_share *share = NULL;
    syi_sharing_run *run = NULL;
    syi_array words = SYI_ARRAY_INIT;
    sy_id id = SY_ID_INIT;
    SY_TRY(syi_holder_read_share(&request->args[0], &share, err));
    SY_TRY(syi_holder_find_run(request, share->kin, &run, err));
    SY_TRY(syi_value_read_id(&request->args[1], &id, err));
    const syi_field *field = &share->kin->field;
    const syi_array *from = syi_node_array(share->base.child);
    SY_TRY(syi_holder_new_words(request, field, from->ndim, from->shape, &words, err));
    syi_array_assign(&words, from);
    const size_t count = (size_t)syi_array_numel(&words);
    sy_status status = syi_spdz_open(&run->party, field, syi_array_data(&words),
                                     syi_array_data(&words), count, err);
    if (status != SY_OK) {
        syi_array_fini(&words);
        return status;
    }
    for (size_t k = 0; k < count && field->modulus != 0; k++) {
        int64_t *word = (int64_t *)syi_array_data(&words) + k;
        *word = syi_field_signed(field, (uint64_t)*word);
    }
    syi_msgpack_write_array(request->reply->out, 1);
    return syi_holder_give(request, NULL, &words, &id, err);
}

/* sharing_refresh(share, id): other shares of the same value */
static sy_status handle_refresh(const sy_request *request, sy_error *err)
{
    syi_share *share = NULL;
    syi_sharing_run *run = NULL;
    syi_array words = SYI_ARRAY_INIT, zero = SYI_ARRAY_INIT;
    sy_id id = SY_ID_INIT;
    SY_TRY(syi_holder_read_share(&request->args[0], &share, err));
    SY_TRY(syi_holder_find_run(request, share->kin, &run, err));
    SY_TRY(syi_value_read_id(&request->args[1], &id, err));
    const syi_field *field = &share->kin->field;
    const syi_array *from = syi_node_array(share->base.child);
    const size_t count = (size_t)syi_array_numel(from);
    SY_TRY(syi_holder_new_words(request, field, from->ndim, from->shape, &words, err));
    syi_array_assign(&words, from);
    sy_status status = syi_holder_new_words(request, field, from->ndim, from->shape, &zero, err);
    if (status == SY_OK) {
        status = syi_spdz_zero(&run->party, field, syi_array_data(&zero), count, err);
    }
    if (status == SY_OK) {
        syi_field_add(field, syi_array_data(&words), syi_array_data(&words), syi_array_data(&zero),
                      count);
    }
    syi_array_fini(&zero);
    if (status != SY_OK) {
        syi_array_fini(&words);
        return status;
    }
    syi_msgpack_write_array(request->reply->out, 1);
    return syi_holder_give(request, share->kin, &words, &id, err);
}

sy_status syi_holder_kin(const syi_sharing_session *session, const syi_field *field, syi_kin **kin,
                         sy_error *err)
{
    SY_TRY(syi_kin_new(session->worker->hook->context, kin, session->holders, err));
    (*kin)->field = *field;
    (*kin)->index = session->index;
    (*kin)->provider = session->peers[session->holders].id;
    for (int k = 0; k < session->holders; k++) {
        (*kin)->ids[k] = session->peers[k].id;
    }
    return SY_OK;
}

/* sharing_triple(cmd, modulus, width, [a], [b], [ids of a, b, c]) */
static sy_status handle_triple(const sy_request *request, sy_error *err)
{
    syi_sharing_run *run = NULL;
    syi_field field;
    syi_bilinear product;
    int ndim[2];
    int64_t shape[2][SY_DIM_MAX];
    sy_id ids[3];
    const sy_value *args = request->args;
    SY_TRY(syi_holder_find_run(request, NULL, &run, err));
    SY_TRY(syi_holder_read_field(&args[1], &args[2], &field, err));
    for (int k = 0; k < 2; k++) {
        SY_TRY(syi_holder_read_shape(&args[3 + k], &ndim[k], shape[k], err));
    }
    if (args[0].kind != SY_VALUE_STRING || args[5].kind != SY_VALUE_LIST ||
        args[5].as.list.count != 3) {
        return syi_fail(err, SY_EINVAL, "generate_triple: cmd or ids are none");
    }
    for (size_t k = 0; k < 3; k++) {
        SY_TRY(syi_value_read_id(&args[5].as.list.items[k], &ids[k], err));
    }
    SY_TRY(syi_bilinear_of_name(&product, args[0].as.string, &field, ndim[0], shape[0], ndim[1],
                                shape[1], err));
    const syi_array *shapes[] = {&product.x, &product.y, &product.z};
    syi_array words[3] = {SYI_ARRAY_INIT, SYI_ARRAY_INIT, SYI_ARRAY_INIT};
    syi_kin *kin = NULL;
    sy_status status = syi_holder_kin(run->session, &field, &kin, err);
    for (int k = 0; k < 3 && status == SY_OK; k++) {
        status = syi_holder_new_words(request, &field, shapes[k]->ndim, shapes[k]->shape, &words[k],
                                      err);
    }
    if (status == SY_OK) {
        status = syi_spdz_triple(&run->party, &field, &product, syi_array_data(&words[0]),
                                 syi_array_data(&words[1]), syi_array_data(&words[2]), err);
    }
    syi_msgpack_write_array(request->reply->out, 3);
    for (int k = 0; k < 3; k++) {
        if (status == SY_OK) {
            status = syi_holder_give(request, kin, &words[k], &ids[k], err);
        } else {
            syi_array_fini(&words[k]);
        }
    }
    syi_kin_unref(kin);
    return status;
}

/* sharing_adopt(tensor, index, [holders], provider, modulus, width): its integers are a share from now on, a new object */
static sy_status handle_adopt(const sy_request *request, sy_error *err)
{
    const sy_value *args = request->args;
    sy_tensor *tensor = args[0].kind == SY_VALUE_TENSOR ? args[0].as.tensor : NULL;
    syi_field field;
    syi_array words = SYI_ARRAY_INIT;
    syi_kin *kin = NULL;
    SY_TRY(syi_holder_read_field(&args[4], &args[5], &field, err));
    if (tensor == NULL || !syi_tensor_is_native(tensor) ||
        sy_dtype_is_floating(syi_node_array(tensor->node)->dtype)) {
        return syi_fail(err, SY_EDTYPE, "AdditiveSharingTensor: a share is no tensor of integers");
    }
    if (args[2].kind != SY_VALUE_LIST || args[2].as.list.count < 2 ||
        args[2].as.list.count > SYI_HOLDERS_MAX || args[1].kind != SY_VALUE_INT ||
        args[1].as.integer < 0 || args[1].as.integer >= (int64_t)args[2].as.list.count) {
        return syi_fail(err, SY_EINVAL, "AdditiveSharingTensor: 2 to %d holders are possible",
                        SYI_HOLDERS_MAX);
    }
    const int holders = (int)args[2].as.list.count;
    SY_TRY(syi_kin_new(request->worker->hook->context, &kin, holders, err));
    kin->field = field;
    kin->index = (int)args[1].as.integer;
    sy_status status = syi_value_read_id(&args[3], &kin->provider, err);
    for (int k = 0; k < holders && status == SY_OK; k++) {
        status = syi_value_read_id(&args[2].as.list.items[k], &kin->ids[k], err);
    }
    const syi_array *from = syi_node_array(tensor->node);
    if (status == SY_OK) {
        status = syi_holder_new_words(request, &field, from->ndim, from->shape, &words, err);
    }
    if (status == SY_OK) {
        syi_array_assign(&words, from);
        if (field.modulus != 0) {
            syi_field_reduce(&field, syi_array_data(&words), syi_array_data(&words),
                             (size_t)syi_array_numel(&words));
        }
        status = syi_holder_give(request, kin, &words, NULL, err);
    }
    syi_kin_unref(kin);
    return status;
}

static bool is_range(const sy_value *value)
{
    return value->kind == SY_VALUE_INT && value->as.integer >= 0 && value->as.integer <= 64;
}

/* share(object, [holders], provider, modulus, dtype, family, range if any): the worker shares what it has; the result stays here */
static sy_status handle_share(const sy_request *request, sy_error *err)
{
    sy_hook *hook = request->worker->hook;
    const sy_value *args = request->args;
    sy_worker *holders[SYI_HOLDERS_MAX];
    sy_share_options options = SY_SHARE_OPTIONS_INIT;
    sy_tensor *shared = NULL;
    sy_id id = SY_ID_INIT;
    char text[72];
    if (args[0].kind != SY_VALUE_TENSOR || args[1].kind != SY_VALUE_LIST ||
        args[1].as.list.count > SYI_HOLDERS_MAX || args[3].kind != SY_VALUE_INT ||
        args[4].kind != SY_VALUE_INT || args[5].kind != SY_VALUE_INT ||
        (request->arg_count > 6 && !is_range(&args[6]))) {
        return syi_fail(err, SY_EINVAL, "share: an argument is not what it should be");
    }
    const size_t count = args[1].as.list.count;
    for (size_t k = 0; k <= count; k++) {
        SY_TRY(syi_value_read_id(k < count ? &args[1].as.list.items[k] : &args[2], &id, err));
        sy_worker *worker = syi_directory_find(hook, &id);
        if (worker == NULL) {
            sy_id_format(&id, text, sizeof text);
            return syi_fail_object(err, SY_ENOTFOUND, text,
                                   "worker %s is not known at worker %s; introduce it first", text,
                                   request->worker->name);
        }
        if (k < count) {
            holders[k] = worker;
        } else {
            options.crypto_provider = worker;
        }
    }
    options.field = (uint64_t)args[3].as.integer;
    options.dtype = (sy_precision_dtype)args[4].as.integer;
    options.range = request->arg_count > 6 ? (unsigned)args[6].as.integer : 0;
    SY_TRY(syi_family_check((syi_family)args[5].as.integer, (int)count, err));
    options.protocol = syi_family_name((syi_family)args[5].as.integer);
    const syi_policy policy = syi_tensor_policy(args[0].as.tensor);
    if (syi_policy_hides(&policy, request->bit)) {
        /* Whoever shares private data can get it: the shares are the caller's. */
        const sy_id own = sy_tensor_get_id(args[0].as.tensor);
        return syi_policy_refuse(&policy, "share", sy_id_format(&own, text, sizeof text),
                                 request->worker->name, err);
    }
    SY_TRY(sy_tensor_share_with(args[0].as.tensor, &shared, holders, count, &options, err));
    const sy_status status = syi_request_register(request, shared, NULL, err);
    sy_tensor_unref(shared);
    return status;
}

static const syi_worker_command commands[] = {
    {"sharing_reconstruct", 2, 2, 0, handle_reconstruct},
    {"sharing_refresh", 2, 2, 0, handle_refresh},
    {"sharing_triple", 6, 6, 0, handle_triple},
    {"sharing_adopt", 6, 6, 0, handle_adopt},
    {"sharing_call", 3, 3, 0, syi_sharing_handle_call},
    {"sharing_securenn", 4, 4, 0, syi_securenn_handle},
    {"share", 6, 7, SYI_COMMAND_WAITS, handle_share},
};

sy_status syi_share_commands_register(sy_hook *hook, sy_error *err)
{
    return syi_commands_register(hook, commands, sizeof commands / sizeof commands[0], err);
}
