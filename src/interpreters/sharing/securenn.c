/* securenn.c - SecureNN's functions at the client: one joint command each (securenn_commands.c). Face: <csyft/securenn.h>. */
#include <csyft/securenn.h>

#include <string.h>

#include <csyft/operations.h>

#include "core/error.h"
#include "interpreters/sharing/additive_shared.h"

enum { TENSORS_MAX = 3, NUMBERS_MAX = SY_DIM_MAX + 8, RESULTS_MAX = 2 };

/* A command to be. */
typedef struct function {
    const char *name;
    syi_sharing_group *group;
    const syi_node *tensors[TENSORS_MAX]; /* shared, multi-pointers or native */
    size_t tensor_count;
    sy_value numbers[NUMBERS_MAX];
    size_t number_count;
    int results;
    sy_value ids[RESULTS_MAX], parts[TENSORS_MAX];
} function;

/* What a holder gets of a tensor. */
static sy_value part_for(const function *f, const syi_node *node, int holder)
{
    const syi_additive_shared *shared = syi_additive_shared_of_node(node);
    sy_value value = {.kind = (sy_value_kind)SYI_VALUE_NODE};
    if (shared != NULL) {
        value.as.internal = shared->parts->children[holder];
    } else if (node->type == &syi_multi_pointer_type) {
        value.as.internal = syi_multi_pointer_at((const syi_multi_pointer *)(const void *)node,
                                                 f->group->workers[holder]);
    } else {
        value.as.internal = (void *)(uintptr_t)node;
    }
    return value;
}

static void fill(void *user, int holder, sy_value *args, size_t *count)
{
    function *f = user;
    for (size_t k = 0; k < f->tensor_count; k++) {
        f->parts[k] = part_for(f, f->tensors[k], holder);
    }
    args[0] = sy_value_string(f->name);
    args[1] = sy_value_list(f->parts, f->tensor_count);
    args[2] = sy_value_list(f->numbers, f->number_count);
    args[3] = sy_value_list(f->ids, (size_t)f->results);
    *count = 4;
}

static void add_number(function *f, int64_t number)
{
    f->numbers[f->number_count++] = sy_value_int(number);
}

/* A shared value of integers; the first one says who the holders are. */
static sy_status add_shared(function *f, const sy_tensor *tensor, sy_error *err)
{
    if (tensor == NULL) {
        return syi_fail(err, SY_EINVAL, "%s: a value is NULL", f->name);
    }
    const syi_additive_shared *shared = syi_additive_shared_of_node(tensor->node);
    if (shared == NULL) {
        return syi_fail(err, SY_EINVAL, "%s: the tensor is no shared integers%s", f->name,
                        sy_tensor_is_shared(tensor) ? ", but stands above them" : "");
    }
    if (f->group != NULL && shared->group != f->group) {
        return syi_fail(err, SY_ECOLLOCATION, "%s: values that are shared among different workers",
                        f->name);
    }
    f->group = shared->group;
    f->tensors[f->tensor_count++] = tensor->node;
    return SY_OK;
}

static sy_status add_public(function *f, const sy_tensor *tensor, sy_error *err)
{
    const syi_node *node = tensor != NULL ? tensor->node : NULL;
    bool good = node != NULL && (syi_node_is_native(node) || node->type == &syi_multi_pointer_type);
    for (int k = 0; good && node->type == &syi_multi_pointer_type && k < f->group->holders; k++) {
        good = syi_multi_pointer_at((const syi_multi_pointer *)(const void *)node,
                                    f->group->workers[k]) != NULL;
    }
    if (!good) {
        return syi_fail(err, SY_EINVAL,
                        "%s: r and beta are here, or multi-pointers to both holders", f->name);
    }
    f->tensors[f->tensor_count++] = node;
    return SY_OK;
}

/* Runs it; the results are parts. */
static sy_status run(function *f, syi_multi_pointer **parts, sy_error *err)
{
    sy_id ids[RESULTS_MAX];
    if (f->group->holders != 2) {
        return syi_fail(err, SY_ENOTSUP, "%s: SecureNN is for 2 holders, these are %d", f->name,
                        f->group->holders);
    }
    for (int k = 0; k < f->results; k++) {
        ids[k] = syi_hook_fresh_id(f->group->hook);
        f->ids[k] = syi_id_value(&ids[k]);
    }
    const syi_joint_request request = {.group = f->group,
                                       .name = "sharing_securenn",
                                       .fill = fill,
                                       .user = f,
                                       .results = f->results};
    return syi_joint_request_run(&request, parts, err);
}

/* Runs it; results are shared values of the field. */
static sy_status run_shared(function *f, const syi_field *field, sy_tensor **results, sy_error *err)
{
    syi_multi_pointer *parts[RESULTS_MAX] = {NULL};
    sy_status status = run(f, parts, err);
    for (int k = 0; k < f->results; k++) {
        syi_node *node = NULL;
        if (status == SY_OK) {
            status = syi_additive_shared_new(f->group->hook, &node, f->group, field, parts[k], err);
            parts[k] = status == SY_OK ? NULL : parts[k];
        }
        if (status == SY_OK) {
            status = syi_tensor_wrap(f->group->hook, &results[k], node, err);
        }
        if (parts[k] != NULL) {
            syi_node_unref(&parts[k]->base);
        }
    }
    for (int k = 0; k < f->results && status != SY_OK; k++) {
        sy_tensor_unref(results[k]);
        results[k] = NULL;
    }
    return status;
}

static const syi_field *field_of(const function *f)
{
    return &syi_additive_shared_of_node(f->tensors[0])->field;
}

/* Of one value, in its own field. */
static sy_status of_one(const char *name, const sy_tensor *a, sy_tensor **z, sy_error *err)
{
    function f = {.name = name, .results = 1};
    *z = NULL;
    SY_TRY(add_shared(&f, a, err));
    return run_shared(&f, field_of(&f), z, err);
}

sy_status sy_securenn_relu_deriv(sy_tensor *a, sy_tensor **z, sy_error *err)
{
    return of_one("relu_deriv", a, z, err);
}

sy_status sy_securenn_relu(sy_tensor *a, sy_tensor **z, sy_error *err)
{
    return of_one("relu", a, z, err);
}

sy_status sy_securenn_maxpool_deriv(sy_tensor *x, sy_tensor **z, sy_error *err)
{
    return of_one("maxpool_deriv", x, z, err);
}

sy_status sy_securenn_share_convert(sy_tensor *a, sy_tensor **y, sy_error *err)
{
    function f = {.name = "share_convert", .results = 1};
    *y = NULL;
    SY_TRY(add_shared(&f, a, err));
    const unsigned bits = syi_field_bits(field_of(&f));
    if (bits < 3) {
        return syi_fail(err, SY_EINVAL, "share_convert: of a field that is no power of two");
    }
    const syi_field odd = {bits == 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1, 8};
    return run_shared(&f, &odd, y, err);
}

sy_status sy_securenn_msb(sy_tensor *a, sy_tensor **z, sy_error *err)
{
    function f = {.name = "msb", .results = 1};
    *z = NULL;
    SY_TRY(add_shared(&f, a, err));
    const uint64_t modulus = field_of(&f)->modulus;
    if (modulus < 7 || (modulus & (modulus + 1)) != 0) {
        return syi_fail(err, SY_EINVAL, "msb: takes a value of L - 1, L a power of two");
    }
    const bool narrow = modulus == UINT32_MAX;
    const syi_field even = {narrow ? 0 : modulus + 1, narrow ? 4 : 8};
    return run_shared(&f, &even, z, err);
}

sy_status sy_securenn_select_share(sy_tensor *alpha, sy_tensor *x, sy_tensor *y, sy_tensor **z,
                                   sy_error *err)
{
    function f = {.name = "select_share", .results = 1};
    *z = NULL;
    SY_TRY(add_shared(&f, alpha, err));
    SY_TRY(add_shared(&f, x, err));
    SY_TRY(add_shared(&f, y, err));
    return run_shared(&f, field_of(&f), z, err);
}

sy_status sy_securenn_division(sy_tensor *x, sy_tensor *y, int bits, sy_tensor **z, sy_error *err)
{
    function f = {.name = "division", .results = 1};
    *z = NULL;
    SY_TRY(add_shared(&f, x, err));
    SY_TRY(add_shared(&f, y, err));
    const int usual = (int)syi_field_bits(field_of(&f)) / 2 - 1;
    add_number(&f, bits != 0 ? bits : usual < 31 ? usual : 31);
    return run_shared(&f, field_of(&f), z, err);
}

sy_status sy_securenn_maxpool(sy_tensor *x, sy_tensor **max, sy_tensor **index, sy_error *err)
{
    function f = {.name = "maxpool", .results = 2};
    sy_tensor *results[2] = {NULL, NULL};
    *max = *index = NULL;
    SY_TRY(add_shared(&f, x, err));
    SY_TRY(run_shared(&f, field_of(&f), results, err));
    *max = results[0];
    *index = results[1];
    return SY_OK;
}

sy_status sy_securenn_maxpool2d(sy_tensor *x, const int64_t kernel[2], const int64_t stride[2],
                                const int64_t padding[2], sy_tensor **z, sy_error *err)
{
    function f = {.name = "maxpool2d", .results = 1};
    const int64_t *const sizes[] = {kernel, stride, padding};
    *z = NULL;
    for (int k = 0; k < 3; k++) {
        if (sizes[k] == NULL) {
            return syi_fail(err, SY_EINVAL, "maxpool2d: a size is NULL");
        }
        add_number(&f, sizes[k][0]);
        add_number(&f, sizes[k][1]);
    }
    SY_TRY(add_shared(&f, x, err));
    return run_shared(&f, field_of(&f), z, err);
}

sy_status sy_securenn_private_compare(sy_tensor *x_bits, sy_tensor *r, sy_tensor *beta,
                                      sy_tensor **z, sy_error *err)
{
    static const syi_field ring = SYI_FIELD_64;
    function f = {.name = "private_compare", .results = 1};
    *z = NULL;
    SY_TRY(add_shared(&f, x_bits, err));
    SY_TRY(add_public(&f, r, err));
    SY_TRY(add_public(&f, beta, err));
    return run_shared(&f, &ring, z, err);
}

/* --- what holders have in common --------------------------------------------------------------- */

static sy_status find_group(function *f, sy_worker *const holders[2],
                            const sy_share_options *options, sy_share_options *o, sy_error *err)
{
    if (holders == NULL || holders[0] == NULL) {
        return syi_fail(err, SY_EINVAL, "%s: no holders", f->name);
    }
    SY_TRY(syi_share_options_read(options, holders[0]->hook, o, err));
    return syi_sharing_group_get(holders[0]->hook, &f->group, holders, 2, o->crypto_provider,
                                 syi_share_options_family(o), err);
}

sy_status sy_securenn_random_common_value(uint64_t max, sy_worker *const holders[2],
                                          sy_worker *crypto_provider, sy_tensor **value,
                                          sy_error *err)
{
    function f = {.name = "random_common_value", .results = 1};
    sy_share_options options = SY_SHARE_OPTIONS_INIT, o;
    syi_multi_pointer *parts = NULL;
    *value = NULL;
    if (max < 1 || max > INT64_MAX) {
        return syi_fail(err, SY_ERANGE, "random_common_value: below a number from 1 to 2^63 - 1");
    }
    options.crypto_provider = crypto_provider;
    SY_TRY(find_group(&f, holders, &options, &o, err));
    add_number(&f, (int64_t)max);
    SY_TRY(run(&f, &parts, err));
    return syi_tensor_wrap(f.group->hook, value, &parts->base, err);
}

sy_status sy_securenn_shares_of_zero(int ndim, const int64_t *shape, sy_worker *const holders[2],
                                     const sy_share_options *options, sy_tensor **zeros,
                                     sy_error *err)
{
    function f = {.name = "shares_of_zero", .results = 1};
    sy_share_options o;
    syi_field field;
    *zeros = NULL;
    if (ndim < 0 || ndim > SY_DIM_MAX || (ndim > 0 && shape == NULL)) {
        return syi_fail(err, SY_EINVAL, "shares_of_zero: a shape is none");
    }
    SY_TRY(find_group(&f, holders, options, &o, err));
    SY_TRY(syi_field_of_options(o.dtype, o.field, &field, err));
    add_number(&f, (int64_t)field.modulus);
    add_number(&f, field.width);
    for (int k = 0; k < ndim; k++) {
        add_number(&f, shape[k]);
    }
    return run_shared(&f, &field, zeros, err);
}

/* --- local --------------------------------------------------------------------------------------- */

sy_status sy_securenn_decompose(sy_tensor *tensor, sy_tensor **bits_of, int bits, sy_error *err)
{
    sy_tensor *planes[63];
    *bits_of = NULL;
    if (tensor == NULL || bits < 1 || bits > 63) {
        return syi_fail(err, SY_EINVAL, "decompose: 1 to 63 bits of a tensor");
    }
    sy_scope *s = sy_scope_begin(tensor->hook);
    for (int k = 0; k < bits; k++) {
        const sy_value half[] = {sy_value_tensor(tensor), sy_value_int((int64_t)1 << k)};
        sy_tensor *rest = k > 0 ? sy_scope_call(s, "floor_divide", half, 2) : tensor;
        const sy_value lowest[] = {sy_value_tensor(rest), sy_value_int(2)};
        planes[k] = rest != NULL ? sy_scope_call(s, "remainder", lowest, 2) : NULL;
    }
    sy_tensor *made = NULL;
    if (sy_scope_get_status(s) == SY_OK) {
        made = sy_scope_keep(s, sy_stack(s, planes, (size_t)bits, -1));
    }
    const sy_status status = sy_scope_end(s, err);
    if (status != SY_OK) {
        sy_tensor_unref(made);
        return status;
    }
    *bits_of = made;
    return SY_OK;
}

sy_status sy_securenn_flip(sy_tensor *tensor, sy_tensor **flipped, int dim, sy_error *err)
{
    *flipped = NULL;
    if (tensor == NULL) {
        return syi_fail(err, SY_EINVAL, "flip: the tensor is NULL");
    }
    const sy_value at = sy_value_int(dim),
                   args[] = {sy_value_tensor(tensor), sy_value_list(&at, 1)};
    size_t count = 0;
    return sy_call(tensor->hook, "flip", args, 2, NULL, 0, flipped, 1, &count, NULL, err);
}
