/* contents.c - elements of tensors in PySyft's two forms. */
#include "pysyft/contents.h"

#include <string.h>

#include "formats/torch_legacy.h"
#include "serde/codes.h"
#include "transport/transport.h"

/* Arrays that are handed over beside the bytes */

void syi_pysyft_aside_init(syi_pysyft_aside *aside, sy_context *context)
{
    *aside = (syi_pysyft_aside){.context = context};
}

void syi_pysyft_aside_fini(syi_pysyft_aside *aside)
{
    for (size_t k = 0; k < aside->count; k++) {
        syi_array_fini(&aside->arrays[k]);
    }
    syi_free(aside->context, aside->arrays, aside->capacity * sizeof *aside->arrays);
    syi_pysyft_aside_init(aside, aside->context);
}

sy_status syi_pysyft_aside_add(syi_pysyft_aside *aside, syi_array *array, int64_t *number,
                               sy_error *err)
{
    if (aside->count == aside->capacity) {
        const size_t capacity = aside->capacity == 0 ? 4 : aside->capacity * 2;
        syi_array *arrays = syi_alloc_array(aside->context, capacity, sizeof *arrays);
        if (arrays == NULL) {
            return SYI_ENOMEM(err, "list of tensors");
        }
        if (aside->count > 0) {
            memcpy(arrays, aside->arrays, aside->count * sizeof *arrays);
        }
        syi_free(aside->context, aside->arrays, aside->capacity * sizeof *arrays);
        aside->arrays = arrays;
        aside->capacity = capacity;
    }
    *number = (int64_t)aside->count;
    aside->arrays[aside->count++] = *array;
    *array = (syi_array)SYI_ARRAY_INIT;
    return SY_OK;
}

sy_status syi_pysyft_aside_read(const syi_pysyft_aside *aside, syi_msgpack_cursor *cursor,
                                syi_array *array, sy_error *err)
{
    int64_t number = 0;
    SY_TRY(syi_msgpack_read_int(cursor, &number, err));
    if (aside == NULL || number < 0 || (uint64_t)number >= aside->count) {
        return syi_fail(err, SY_EFORMAT, "tensor: the number %lld where its contents are expected",
                        (long long)number);
    }
    syi_array_copy_view(array, &aside->arrays[number]);
    return SY_OK;
}

/* The stream of torch.save */

static sy_status read_stream(sy_context *context, const uint8_t *bytes, size_t size,
                             syi_array *array, syi_pysyft_contents *how, syi_account *account,
                             sy_error *err)
{
    const syi_source source = syi_source_from_bytes(bytes, size);
    syi_model model;
    const sy_status read = syi_torch_legacy_read(context, &model, &source, account, err);
    if (read != SY_OK) {
        return syi_error_prefix(err, read, "tensor");
    }
    sy_status status = SY_OK;
    if (model.tensor_count != 1 || model.tensors[0].name[0] != '\0') {
        status = syi_fail(err, SY_EFORMAT, "tensor: the stream holds %zu named tensors, not one",
                          model.tensor_count);
    } else if (syi_array_bytes(&model.tensors[0].array) > SYI_PLAIN_MAX) { /* strides of 0 */
        status = syi_fail(err, SY_ELIMIT, "tensor: expanded beyond %zu bytes", SYI_PLAIN_MAX);
    } else {
        const syi_model_tensor *tensor = &model.tensors[0];
        how->all = false;
        how->requires_grad = tensor->requires_grad;
        how->key = model.first_key;
        if (syi_array_is_contiguous(&tensor->array)) {
            syi_array_copy_view(array, &tensor->array);
        } else {
            status = syi_array_clone(context, array, &tensor->array, account, err);
        }
    }
    syi_model_fini(&model);
    return status;
}

static sy_status write_stream(sy_context *context, syi_buffer *out, const syi_array *array,
                              const syi_pysyft_contents *how, sy_error *err)
{
    syi_model model;
    syi_model_plan plan;
    syi_array view;
    syi_buffer bytes;
    syi_model_tensor *added = NULL;
    syi_model_init(&model, context);
    syi_model_plan_init(&plan, context);
    syi_buffer_init(&bytes, context, SYI_PLAIN_MAX);
    syi_array_copy_view(&view, array);
    sy_status status = syi_model_add(&model, "", 0, &view, &added, err);
    if (status != SY_OK) {
        syi_array_fini(&view);
        goto done;
    }
    added->requires_grad = how->requires_grad;
    SY_GOTO(done, syi_torch_legacy_plan(&model, &plan, how->key, err));
    SY_GOTO(done, syi_model_plan_append(&plan, &bytes, err));
    SY_GOTO(done, syi_buffer_check(&bytes, "tensor", err));
    syi_msgpack_write_bin(out, bytes.data, bytes.length);
    status = syi_buffer_check(out, "message", err);
done:
    syi_buffer_fini(&bytes);
    syi_model_plan_fini(&plan);
    syi_model_fini(&model);
    return status;
}

/* [6, [[6, shape], [5, [dtype]], [1, values]]] */

static sy_status open_pair(syi_msgpack_cursor *cursor, int64_t code, const char *what,
                           sy_error *err)
{
    int64_t found = 0;
    SY_TRY(syi_msgpack_read_tuple(cursor, 2, what, err));
    SY_TRY(syi_msgpack_read_int(cursor, &found, err));
    return found == code ? SY_OK
                         : syi_fail(err, SY_EFORMAT, "%s: type code %lld, not %lld", what,
                                    (long long)found, (long long)code);
}

static sy_status read_dtype(syi_msgpack_cursor *cursor, sy_dtype *dtype, sy_error *err)
{
    const uint8_t *name = NULL;
    size_t length = 0;
    SY_TRY(open_pair(cursor, SYI_CODE_STR, "dtype", err));
    SY_TRY(syi_msgpack_read_tuple(cursor, 1, "dtype", err));
    SY_TRY(syi_msgpack_read_bin(cursor, &name, &length, err));
    syi_msgpack_leave(cursor);
    syi_msgpack_leave(cursor);
    if (!syi_dtype_find((const char *)name, length, dtype)) {
        return syi_fail(err, SY_ENOTSUP, "tensor: dtype \"%.*s\" is not known here",
                        (int)(length < 20 ? length : 20), (const char *)name);
    }
    return SY_OK;
}

static sy_status read_integer(syi_msgpack_cursor *cursor, sy_dtype dtype, int64_t *value,
                              sy_error *err)
{
    static const struct {
        int64_t low, high;
    } range[SY_DTYPE_COUNT] = {
        [SY_DTYPE_BOOL] = {0, 1},
        [SY_DTYPE_U8] = {0, UINT8_MAX},
        [SY_DTYPE_I8] = {INT8_MIN, INT8_MAX},
        [SY_DTYPE_I16] = {INT16_MIN, INT16_MAX},
        [SY_DTYPE_I32] = {INT32_MIN, INT32_MAX},
        [SY_DTYPE_I64] = {INT64_MIN, INT64_MAX},
    };
    bool truth = false;
    if (syi_msgpack_peek(cursor) == SYI_MSGPACK_BOOL) {
        SY_TRY(syi_msgpack_read_bool(cursor, &truth, err));
        *value = truth;
    } else {
        SY_TRY(syi_msgpack_read_int(cursor, value, err));
    }
    return *value >= range[dtype].low && *value <= range[dtype].high
               ? SY_OK
               : syi_fail(err, SY_ERANGE, "tensor: an element does not fit %s",
                          sy_dtype_name(dtype));
}

static sy_status read_element(syi_msgpack_cursor *cursor, sy_dtype dtype, uint8_t *place,
                              sy_error *err)
{
    double real = 0;
    int64_t integer = 0;
    if (dtype == SY_DTYPE_F32 || dtype == SY_DTYPE_F64) {
        SY_TRY(syi_msgpack_read_double(cursor, &real, err));
        const float narrow = (float)real;
        memcpy(place, dtype == SY_DTYPE_F32 ? (const void *)&narrow : (const void *)&real,
               sy_dtype_size(dtype));
        return SY_OK;
    }
    SY_TRY(read_integer(cursor, dtype, &integer, err));
    memcpy(place, &integer, sy_dtype_size(dtype)); /* little-endian, and it fits */
    return SY_OK;
}

static sy_status read_values(sy_context *context, syi_msgpack_cursor *cursor, sy_dtype dtype,
                             int ndim, const int64_t *shape, syi_array *array, syi_account *account,
                             sy_error *err)
{
    syi_array described = SYI_ARRAY_INIT;
    size_t count = 0;
    SY_TRY(syi_array_describe(&described, dtype, ndim, shape, err));
    SY_TRY(open_pair(cursor, SYI_CODE_LIST, "tensor's values", err));
    SY_TRY(syi_msgpack_read_array(cursor, &count, err));
    if ((int64_t)count != syi_array_numel(&described)) {
        return syi_fail(err, SY_EFORMAT, "tensor: %zu values for %lld elements", count,
                        (long long)syi_array_numel(&described));
    }
    SY_TRY(syi_array_new(context, array, dtype, ndim, shape, account, err));
    uint8_t *place = syi_array_data(array);
    for (size_t k = 0; k < count; k++) {
        const sy_status status = read_element(cursor, dtype, place, err);
        if (status != SY_OK) {
            syi_array_fini(array);
            return status;
        }
        place += sy_dtype_size(dtype);
    }
    syi_msgpack_leave(cursor);
    syi_msgpack_leave(cursor);
    return SY_OK;
}

static sy_status read_all(sy_context *context, syi_msgpack_cursor *cursor, syi_array *array,
                          syi_account *account, sy_error *err)
{
    int64_t shape[SY_DIM_MAX];
    size_t ndim = 0;
    sy_dtype dtype = SY_DTYPE_F32;
    SY_TRY(open_pair(cursor, SYI_CODE_TUPLE, "tensor's contents", err));
    SY_TRY(syi_msgpack_read_tuple(cursor, 3, "tensor's contents", err));
    SY_TRY(open_pair(cursor, SYI_CODE_TUPLE, "tensor's shape", err));
    SY_TRY(syi_msgpack_read_array(cursor, &ndim, err));
    if (ndim > SY_DIM_MAX) {
        return syi_fail(err, SY_EFORMAT, "tensor: %zu dimensions, at most %d", ndim, SY_DIM_MAX);
    }
    for (size_t k = 0; k < ndim; k++) {
        SY_TRY(syi_msgpack_read_int(cursor, &shape[k], err));
    }
    syi_msgpack_leave(cursor);
    syi_msgpack_leave(cursor);
    SY_TRY(read_dtype(cursor, &dtype, err));
    SY_TRY(read_values(context, cursor, dtype, (int)ndim, shape, array, account, err));
    syi_msgpack_leave(cursor);
    syi_msgpack_leave(cursor);
    return SY_OK;
}

static int64_t integer_at(const uint8_t *place, sy_dtype dtype)
{
    switch (dtype) {
    case SY_DTYPE_I8:
        return (int8_t)*place;
    case SY_DTYPE_I16:
        return (int16_t)syi_get_u16le(place);
    case SY_DTYPE_I32:
        return (int32_t)syi_get_u32le(place);
    case SY_DTYPE_I64:
        return (int64_t)syi_get_u64le(place);
    default:
        return *place;
    }
}

static void write_element(syi_buffer *out, const uint8_t *place, sy_dtype dtype)
{
    if (dtype == SY_DTYPE_F32) {
        float real;
        memcpy(&real, place, sizeof real);
        syi_msgpack_write_double(out, (double)real);
    } else if (dtype == SY_DTYPE_F64) {
        double real;
        memcpy(&real, place, sizeof real);
        syi_msgpack_write_double(out, real);
    } else if (dtype == SY_DTYPE_BOOL) {
        syi_msgpack_write_bool(out, *place != 0);
    } else {
        syi_msgpack_write_int(out, integer_at(place, dtype));
    }
}

static void begin_pair(syi_buffer *out, int code, size_t count)
{
    syi_msgpack_write_array(out, 2);
    syi_msgpack_write_int(out, code);
    syi_msgpack_write_array(out, count);
}

static sy_status write_all(syi_buffer *out, const syi_array *array, sy_error *err)
{
    const char *dtype = sy_dtype_name(array->dtype);
    const int64_t count = syi_array_numel(array);
    const uint8_t *place = count > 0 ? syi_array_data(array) : NULL;
    begin_pair(out, SYI_CODE_TUPLE, 3);
    begin_pair(out, SYI_CODE_TUPLE, (size_t)array->ndim);
    for (int k = 0; k < array->ndim; k++) {
        syi_msgpack_write_int(out, array->shape[k]);
    }
    begin_pair(out, SYI_CODE_STR, 1);
    syi_msgpack_write_bin(out, dtype, strlen(dtype));
    begin_pair(out, SYI_CODE_LIST, (size_t)count);
    for (int64_t k = 0; k < count; k++) {
        write_element(out, place, array->dtype);
        place += sy_dtype_size(array->dtype);
    }
    return syi_buffer_check(out, "message", err);
}

sy_status syi_pysyft_read_contents(sy_context *context, syi_msgpack_cursor *cursor,
                                   syi_array *array, syi_pysyft_contents *how, syi_account *account,
                                   sy_error *err)
{
    *how = (syi_pysyft_contents){0};
    *array = (syi_array)SYI_ARRAY_INIT;
    if (syi_msgpack_peek(cursor) == SYI_MSGPACK_BIN) {
        const uint8_t *bytes = NULL;
        size_t size = 0;
        SY_TRY(syi_msgpack_read_bin(cursor, &bytes, &size, err));
        return read_stream(context, bytes, size, array, how, account, err);
    }
    how->all = true;
    return read_all(context, cursor, array, account, err);
}

sy_status syi_pysyft_write_contents(sy_context *context, syi_buffer *out, const syi_array *array,
                                    const syi_pysyft_contents *how, sy_error *err)
{
    return how->all ? write_all(out, array, err) : write_stream(context, out, array, how, err);
}
