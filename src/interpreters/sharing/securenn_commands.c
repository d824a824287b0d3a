/*
 * securenn_commands.c - a holder's side of SecureNN's functions: sharing_securenn(name, [tensors], [numbers], [ids of results]). Face:
 * <csyft/securenn.h>; programs: crypto/snn.h. Test: tests/integration/securenn.c.
 */
#include <string.h>

#include "core/error.h"
#include "crypto/snn.h"
#include "interpreters/sharing/holder_commands.h"

enum { TENSORS_MAX = 3, NUMBERS_MAX = SY_DIM_MAX + 8, RESULTS_MAX = 2 };

/* A request while it is carried out. */
typedef struct task {
    const sy_request *request;
    syi_sharing_run *run;
    size_t tensor_count, number_count, id_count;
    const sy_value *tensors;
    int64_t numbers[NUMBERS_MAX];
    sy_id ids[RESULTS_MAX];
    syi_share *shares[TENSORS_MAX];
    syi_array words[TENSORS_MAX]; /* contiguous */
    syi_array results[RESULTS_MAX];
    syi_field fields[RESULTS_MAX];
    bool plain; /* the result is no share */
} task;

static sy_status refuse(const char *what, sy_error *err)
{
    return syi_fail(err, SY_EINVAL, "securenn: %s", what);
}

static size_t count_of(const syi_array *array)
{
    return (size_t)syi_array_numel(array);
}

static const syi_field *field_of(const task *t, int k)
{
    return &t->shares[k]->kin->field;
}

/* --- arguments --------------------------------------------------------------------------------- */

static sy_status read_lists(task *t, sy_error *err)
{
    const sy_value *args = t->request->args;
    for (int k = 1; k < 4; k++) {
        if (args[k].kind != SY_VALUE_LIST) {
            return refuse("an argument is no list", err);
        }
    }
    t->tensors = args[1].as.list.items;
    t->tensor_count = args[1].as.list.count;
    t->number_count = args[2].as.list.count;
    t->id_count = args[3].as.list.count;
    if (args[0].kind != SY_VALUE_STRING || t->tensor_count > TENSORS_MAX ||
        t->number_count > NUMBERS_MAX || t->id_count < 1 || t->id_count > RESULTS_MAX) {
        return refuse("too many arguments", err);
    }
    for (size_t k = 0; k < t->number_count; k++) {
        if (args[2].as.list.items[k].kind != SY_VALUE_INT) {
            return refuse("a number is none", err);
        }
        t->numbers[k] = args[2].as.list.items[k].as.integer;
    }
    for (size_t k = 0; k < t->id_count; k++) {
        SY_TRY(syi_value_read_id(&args[3].as.list.items[k], &t->ids[k], err));
    }
    return SY_OK;
}

/* Tensor k as a share; its words, contiguous. */
static sy_status take_share(task *t, int k, sy_error *err)
{
    SY_TRY(syi_holder_read_share(&t->tensors[k], &t->shares[k], err));
    const syi_array *from = syi_node_array(t->shares[k]->base.child);
    SY_TRY(syi_holder_new_words(t->request, field_of(t, k), from->ndim, from->shape, &t->words[k],
                                err));
    syi_array_assign(&t->words[k], from);
    if (k > 0 && t->shares[0] != NULL && !syi_kin_same(t->shares[0]->kin, t->shares[k]->kin)) {
        return syi_fail(err, SY_ECOLLOCATION,
                        "securenn: shares of different holders, or in different fields");
    }
    return SY_OK;
}

static sy_status take_all(task *t, size_t count, sy_error *err)
{
    if (t->tensor_count != count) {
        return refuse("another number of values than it takes", err);
    }
    for (size_t k = 0; k < count; k++) {
        SY_TRY(take_share(t, (int)k, err));
    }
    return syi_holder_find_run(t->request, count > 0 ? t->shares[0]->kin : NULL, &t->run, err);
}

static sy_status need_same_shape(const task *t, size_t count, sy_error *err)
{
    for (size_t k = 1; k < count; k++) {
        if (!syi_array_same_shape(&t->words[0], &t->words[k])) {
            return syi_fail(err, SY_ESHAPE, "securenn: values of different shapes");
        }
    }
    return SY_OK;
}

static sy_status make_result(task *t, int k, const syi_field *field, int ndim, const int64_t *shape,
                             sy_error *err)
{
    t->fields[k] = *field;
    return syi_holder_new_words(t->request, field, ndim, shape, &t->results[k], err);
}

static sy_status make_like(task *t, int k, const syi_field *field, sy_error *err)
{
    return make_result(t, k, field, t->words[0].ndim, t->words[0].shape, err);
}

/* --- functions --------------------------------------------------------------------------------- */

/* L of L - 1. */
static bool even_of(const syi_field *odd, syi_field *even)
{
    *even = (syi_field){odd->modulus + 1, 8};
    if (even->modulus == UINT64_C(1) << 32) {
        *even = (syi_field)SYI_FIELD_32;
    }
    return odd->width == 8 && odd->modulus >= 7 && (odd->modulus & (odd->modulus + 1)) == 0;
}

static sy_status run_simple(task *t, sy_error *err)
{
    const char *name = t->request->args[0].as.string;
    SY_TRY(take_all(t, 1, err));
    const syi_field *field = field_of(t, 0);
    const size_t count = count_of(&t->words[0]);
    const void *a = syi_array_data(&t->words[0]);
    const bool converts = strcmp(name, "share_convert") == 0, is_msb = strcmp(name, "msb") == 0;
    const bool derives = strcmp(name, "relu_deriv") == 0, hot = strcmp(name, "maxpool_deriv") == 0;
    syi_field even;
    if (is_msb && !even_of(field, &even)) {
        return refuse("msb takes values of L - 1, L a power of two", err);
    }
    const syi_field odd = converts ? syi_snn_odd(field) : *field;
    SY_TRY(make_like(t, 0, is_msb ? &even : converts ? &odd : field, err));
    void *z = syi_array_data(&t->results[0]);
    syi_party *party = &t->run->party;
    return is_msb     ? syi_snn_msb(party, &even, z, a, count, err)
           : converts ? syi_snn_share_convert(party, field, z, a, count, err)
           : derives  ? syi_snn_relu_deriv(party, field, z, a, count, err)
           : hot      ? syi_snn_maxpool_deriv(party, field, z, a, count, err)
                      : syi_snn_relu(party, field, z, a, count, err);
}

static sy_status run_select(task *t, sy_error *err)
{
    SY_TRY(take_all(t, 3, err));
    SY_TRY(need_same_shape(t, 3, err));
    SY_TRY(make_like(t, 0, field_of(t, 0), err));
    return syi_snn_select_share(&t->run->party, field_of(t, 0), syi_array_data(&t->results[0]),
                                syi_array_data(&t->words[0]), syi_array_data(&t->words[1]),
                                syi_array_data(&t->words[2]), count_of(&t->words[0]), err);
}

static sy_status run_division(task *t, sy_error *err)
{
    SY_TRY(take_all(t, 2, err));
    const bool one = count_of(&t->words[1]) == 1 && count_of(&t->words[0]) != 1;
    const unsigned most = syi_field_bits(field_of(t, 0));
    if (!one) {
        SY_TRY(need_same_shape(t, 2, err));
    }
    if (t->number_count != 1 || t->numbers[0] < 1 || t->numbers[0] >= (int64_t)most) {
        return syi_fail(err, SY_ERANGE, "securenn: division with so many bits");
    }
    SY_TRY(make_like(t, 0, field_of(t, 0), err));
    return syi_snn_division(&t->run->party, field_of(t, 0), syi_array_data(&t->results[0]),
                            syi_array_data(&t->words[0]), syi_array_data(&t->words[1]), one,
                            (unsigned)t->numbers[0], count_of(&t->words[0]), err);
}

static sy_status run_maxpool(task *t, sy_error *err)
{
    SY_TRY(take_all(t, 1, err));
    if (count_of(&t->words[0]) == 0 || t->id_count != 2) {
        return refuse("maxpool of no elements, or without two ids", err);
    }
    SY_TRY(make_result(t, 0, field_of(t, 0), 0, NULL, err));
    SY_TRY(make_result(t, 1, field_of(t, 0), 0, NULL, err));
    return syi_snn_maxpool(&t->run->party, field_of(t, 0), syi_array_data(&t->results[0]),
                           syi_array_data(&t->results[1]), syi_array_data(&t->words[0]), 1,
                           count_of(&t->words[0]), err);
}

static sy_status run_maxpool2d(task *t, sy_error *err)
{
    uint64_t size[2];
    SY_TRY(take_all(t, 1, err));
    const syi_array *x = &t->words[0];
    if (x->ndim != 4 || t->number_count != 6) {
        return syi_fail(err, SY_ESHAPE, "securenn: maxpool2d of %d dims, it takes 4", x->ndim);
    }
    for (int k = 0; k < 6; k++) {
        if (t->numbers[k] < (k < 4 ? 1 : 0)) {
            return refuse("maxpool2d: kernel and stride are at least 1, padding at least 0", err);
        }
    }
    const syi_snn_windows windows = {.images = (uint64_t)(x->shape[0] * x->shape[1]),
                                     .height = (uint64_t)x->shape[2],
                                     .width = (uint64_t)x->shape[3],
                                     .kernel = {(uint64_t)t->numbers[0], (uint64_t)t->numbers[1]},
                                     .stride = {(uint64_t)t->numbers[2], (uint64_t)t->numbers[3]},
                                     .padding = {(uint64_t)t->numbers[4], (uint64_t)t->numbers[5]}};
    SY_TRY(syi_snn_windows_size(&windows, size, err));
    const int64_t shape[] = {x->shape[0], x->shape[1], (int64_t)size[0], (int64_t)size[1]};
    SY_TRY(make_result(t, 0, field_of(t, 0), 4, shape, err));
    return syi_snn_maxpool2d(&t->run->party, field_of(t, 0), syi_array_data(&t->results[0]),
                             syi_array_data(x), &windows, err);
}

/* r or beta: integers that are here, in the shape of the numbers. */
static sy_status take_public(const task *t, int k, syi_array *out, sy_error *err)
{
    const sy_value *value = &t->tensors[k];
    const syi_array *bits = &t->words[0];
    syi_node *node = value->kind == SY_VALUE_TENSOR ? value->as.tensor->node : NULL;
    if (node == NULL || !syi_node_is_native(node) ||
        sy_dtype_is_floating(syi_node_array(node)->dtype)) {
        return refuse("private_compare: r and beta are integers that both holders know", err);
    }
    const syi_array *from = syi_node_array(node);
    bool same = from->ndim == bits->ndim - 1;
    for (int d = 0; same && d < from->ndim; d++) {
        same = from->shape[d] == bits->shape[d];
    }
    if (!same) {
        return syi_fail(err, SY_ESHAPE,
                        "securenn: private_compare: r and beta have the shape of the numbers");
    }
    static const syi_field ring = SYI_FIELD_64;
    SY_TRY(syi_holder_new_words(t->request, &ring, from->ndim, from->shape, out, err));
    syi_array_assign(out, from);
    return SY_OK;
}

static sy_status compare_bits(task *t, const syi_array *r, const syi_array *beta, uint8_t *bytes,
                              unsigned bits, sy_error *err)
{
    const size_t count = count_of(r), all = count * bits;
    const uint64_t *x = syi_array_data(&t->words[0]), *below = syi_array_data(r),
                   *choice = syi_array_data(beta);
    uint8_t *choices = bytes + all;
    for (size_t k = 0; k < all; k++) {
        bytes[k] = (uint8_t)x[k];
    }
    for (size_t k = 0; k < count; k++) {
        choices[k] = (uint8_t)choice[k];
        if (choice[k] > 1 || (bits < 64 && below[k] >> bits != 0)) {
            return syi_fail(err, SY_ERANGE,
                            "securenn: private_compare: beta is 0 or 1, and r has %u bits", bits);
        }
    }
    return syi_snn_private_compare(&t->run->party, &t->fields[0], syi_array_data(&t->results[0]),
                                   bytes, below, choices, bits, count, err);
}

static sy_status run_private_compare(task *t, sy_error *err)
{
    static const syi_field ring = SYI_FIELD_64;
    syi_array r = SYI_ARRAY_INIT, beta = SYI_ARRAY_INIT;
    if (t->tensor_count != 3) {
        return refuse("private_compare takes bits, r and beta", err);
    }
    SY_TRY(take_share(t, 0, err));
    SY_TRY(syi_holder_find_run(t->request, t->shares[0]->kin, &t->run, err));
    const syi_array *x = &t->words[0];
    const int64_t bits = x->ndim > 0 ? x->shape[x->ndim - 1] : 0;
    if (field_of(t, 0)->modulus != 67 || bits < 1 || bits > 64) {
        return refuse("private_compare takes 1 to 64 bits shared in a field of 67", err);
    }
    SY_TRY(make_result(t, 0, &ring, x->ndim - 1, x->shape, err));
    sy_status status = take_public(t, 1, &r, err);
    status = status == SY_OK ? take_public(t, 2, &beta, err) : status;
    const size_t size = count_of(x) + count_of(&t->results[0]) + 1;
    sy_context *context = t->request->worker->hook->context;
    uint8_t *bytes = status == SY_OK ? syi_alloc_aligned(context, size, 64) : NULL;
    if (status == SY_OK) {
        status = bytes != NULL ? compare_bits(t, &r, &beta, bytes, (unsigned)bits, err)
                               : SYI_ENOMEM(err, "private_compare");
    }
    if (bytes != NULL) {
        syi_free_secret(context, bytes, size);
    }
    syi_array_fini(&r);
    syi_array_fini(&beta);
    return status;
}

/* [modulus, width, dims...] */
static sy_status run_zeros(task *t, sy_error *err)
{
    const sy_value *numbers = t->request->args[2].as.list.items;
    syi_field field;
    SY_TRY(take_all(t, 0, err));
    if (t->number_count < 2 || t->number_count - 2 > SY_DIM_MAX) {
        return refuse("shares_of_zero takes a field and a shape", err);
    }
    SY_TRY(syi_holder_read_field(&numbers[0], &numbers[1], &field, err));
    SY_TRY(make_result(t, 0, &field, (int)t->number_count - 2, &t->numbers[2], err));
    return syi_snn_zeros(&t->run->party, &field, syi_array_data(&t->results[0]),
                         count_of(&t->results[0]), err);
}

/* [max] */
static sy_status run_common_value(task *t, sy_error *err)
{
    static const syi_field ring = SYI_FIELD_64;
    const int64_t one[] = {1};
    SY_TRY(take_all(t, 0, err));
    if (t->number_count != 1 || t->numbers[0] < 1) {
        return refuse("a common value is below a number from 1 on", err);
    }
    t->plain = true;
    SY_TRY(make_result(t, 0, &ring, 1, one, err));
    return syi_snn_common_values(&t->run->party, syi_array_data(&t->results[0]),
                                 (uint64_t)t->numbers[0], 1, err);
}

static const struct {
    const char *name;
    sy_status (*run)(task *t, sy_error *err);
    size_t results;
} functions[] = {
    {"relu_deriv", run_simple, 1},    {"relu", run_simple, 1},
    {"share_convert", run_simple, 1}, {"msb", run_simple, 1},
    {"maxpool_deriv", run_simple, 1}, {"select_share", run_select, 1},
    {"division", run_division, 1},    {"maxpool", run_maxpool, 2},
    {"maxpool2d", run_maxpool2d, 1},  {"private_compare", run_private_compare, 1},
    {"shares_of_zero", run_zeros, 1}, {"random_common_value", run_common_value, 1},
};

static sy_status run_function(task *t, sy_error *err)
{
    const char *name = t->request->args[0].as.string;
    for (size_t k = 0; k < sizeof functions / sizeof functions[0]; k++) {
        if (strcmp(functions[k].name, name) == 0) {
            return functions[k].results == t->id_count ? functions[k].run(t, err)
                                                       : refuse("wrong number of ids", err);
        }
    }
    return syi_fail(err, SY_ENOTSUP, "securenn: there is no function \"%.40s\"", name);
}

/* Takes the results. */
static sy_status answer(task *t, sy_error *err)
{
    sy_status status = SY_OK;
    syi_msgpack_write_array(t->request->reply->out, (uint32_t)t->id_count);
    for (size_t k = 0; k < t->id_count && status == SY_OK; k++) {
        syi_kin *kin = NULL;
        status = t->plain ? SY_OK : syi_holder_kin(t->run->session, &t->fields[k], &kin, err);
        if (status == SY_OK) {
            status = syi_holder_give(t->request, kin, &t->results[k], &t->ids[k], err);
            t->results[k] = (syi_array)SYI_ARRAY_INIT;
        }
        syi_kin_unref(kin);
    }
    return status;
}

sy_status syi_securenn_handle(const sy_request *request, sy_error *err)
{
    task t = {.request = request};
    sy_status status = read_lists(&t, err);
    if (status == SY_OK) {
        status = run_function(&t, err);
    }
    if (status == SY_OK) {
        status = answer(&t, err);
    }
    for (int k = 0; k < TENSORS_MAX; k++) {
        syi_array_fini(&t.words[k]);
    }
    for (int k = 0; k < RESULTS_MAX; k++) {
        syi_array_fini(&t.results[k]);
    }
    return status;
}
