/*
 * tensors.c - the elements of tensors: TensorData's typed lists straight from and into arrays, and contents_bin. Lists of
 * four- and eight-byte elements are written from where they lie.
 */
#include "formats/npy.h"
#include "pysyft/fields.h"
#include "pysyft/protobuf/reader.h"
#include "pysyft/protobuf/writer.h"
#include "serde/codes.h"
#include <syft_proto/torch.pb-c.h>

typedef SyftProto__Types__Torch__V1__TensorData tensor_data;
typedef SyftProto__Types__Torch__V1__TorchTensor torch_tensor;

#define SERIALIZER(name) SYFT_PROTO__TYPES__TORCH__V1__TORCH_TENSOR__SERIALIZER__SERIALIZER_##name
#define CONTENTS(name) SYFT_PROTO__TYPES__TORCH__V1__TORCH_TENSOR__CONTENTS_CONTENTS_##name

/* Of a dtype: its list, and the elements that protobuf-c keeps it in. */
typedef struct data_list {
    sy_dtype dtype;
    uint8_t number;
    uint8_t item;      /* bytes */
    int32_t low, high; /* of narrow elements; equal: every element fits */
} data_list;

static const data_list lists[] = {
    {SY_DTYPE_U8, 16, 4, 0, UINT8_MAX},
    {SY_DTYPE_I8, 17, 4, INT8_MIN, INT8_MAX},
    {SY_DTYPE_I16, 18, 4, INT16_MIN, INT16_MAX},
    {SY_DTYPE_I32, 19, 4, 0, 0},
    {SY_DTYPE_I64, 20, 8, 0, 0},
    {SY_DTYPE_F32, 22, 4, 0, 0},
    {SY_DTYPE_F64, 23, 8, 0, 0},
    {SY_DTYPE_BOOL, 24, 4, 0, 1},
};

static const data_list *list_of(sy_dtype dtype)
{
    for (size_t k = 0; k < sizeof lists / sizeof lists[0]; k++) {
        if (lists[k].dtype == dtype) {
            return &lists[k];
        }
    }
    return NULL;
}

static bool is_narrow(const data_list *list)
{
    return list->low != list->high;
}

/* --- writing -------------------------------------------------------------------------------------- */

static void widen(int32_t *to, const void *from, sy_dtype dtype, size_t count)
{
    switch (dtype) {
    case SY_DTYPE_I8:
        for (size_t k = 0; k < count; k++) {
            to[k] = ((const int8_t *)from)[k];
        }
        return;
    case SY_DTYPE_I16:
        for (size_t k = 0; k < count; k++) {
            to[k] = ((const int16_t *)from)[k];
        }
        return;
    default: /* bool, and uint8: no element is above INT32_MAX */
        for (size_t k = 0; k < count; k++) {
            to[k] = ((const uint8_t *)from)[k];
        }
    }
}

/* The elements of a dense array, which stays in `w` as long as the message is needed. */
static sy_status write_elements(syi_protobuf_writer *w, syi_array *array, tensor_data *data,
                                sy_error *err)
{
    const data_list *list = list_of(array->dtype);
    const size_t count = (size_t)syi_array_numel(array);
    int64_t number = 0;
    void *items = NULL;
    if (list == NULL) {
        return syi_fail(err, SY_ENOTSUP, "syft-proto has no list for dtype %s",
                        sy_dtype_name(array->dtype));
    }
    const ProtobufCFieldDescriptor *f = syi_protobuf_field_at(&data->base, list->number);
    if (is_narrow(list)) {
        SY_TRY(syi_protobuf_set_repeated(w, &data->base, f, count, list->item, &items, err));
        if (count > 0) {
            widen(items, syi_array_data(array), array->dtype, count);
        }
        return SY_OK;
    }
    if (count > 0) {
        items = syi_array_data(array);
        memcpy((uint8_t *)data + f->quantifier_offset, &count, sizeof count);
        memcpy(syi_protobuf_member(&data->base, f), &items, sizeof items);
    }
    return syi_pysyft_aside_add(&w->held, array, &number, err);
}

static sy_status write_array(syi_protobuf_writer *w, syi_array *array, tensor_data *data,
                             sy_error *err)
{
    const char *dtype = sy_dtype_name(array->dtype);
    ProtobufCMessage *size = NULL;
    void *dims = NULL;
    SY_TRY(
        syi_protobuf_new_message(w, &syft_proto__types__torch__v1__size__descriptor, &size, err));
    SY_TRY(syi_protobuf_set_repeated(w, size, syi_protobuf_field_at(size, 1), (size_t)array->ndim,
                                     sizeof(int32_t), &dims, err));
    for (int k = 0; k < array->ndim; k++) {
        if (array->shape[k] > INT32_MAX) {
            return syi_fail(err, SY_ERANGE, "a dimension of %lld does not fit 32 bits",
                            (long long)array->shape[k]);
        }
        ((int32_t *)dims)[k] = (int32_t)array->shape[k];
    }
    data->shape = (SyftProto__Types__Torch__V1__Size *)size;
    SY_TRY(syi_protobuf_copy_text(w, dtype, strlen(dtype), &data->dtype, err));
    return write_elements(w, array, data, err);
}

/* What the next value, contents of a tensor, is: a number or pair 6. */
static sy_status write_data(syi_protobuf_writer *w, syi_msgpack_cursor *cursor, tensor_data *data,
                            sy_error *err)
{
    syi_array array = SYI_ARRAY_INIT;
    syi_pysyft_contents how;
    SY_TRY(syi_msgpack_peek(cursor) == SYI_MSGPACK_INT
               ? syi_pysyft_aside_read(w->aside, cursor, &array, err)
               : syi_pysyft_read_contents(w->context, cursor, &array, &how, w->account, err));
    const sy_status status = write_array(w, &array, data, err);
    syi_array_fini(&array);
    return status;
}

sy_status syi_protobuf_write_data(syi_protobuf_writer *w, syi_msgpack_cursor *cursor,
                                  ProtobufCMessage *message, sy_error *err)
{
    syi_pysyft_fields f;
    int64_t code = 0;
    if (syi_protobuf_peek_code(cursor) != SYI_CODE_TENSOR) {
        return write_data(w, cursor, (tensor_data *)message, err);
    }
    SY_TRY(syi_pysyft_open_pair(cursor, &code, err));
    SY_TRY(syi_pysyft_find_fields(cursor, &f, 2, SYI_FIELDS, "tensor", err));
    syi_msgpack_leave(cursor);
    if (!syi_pysyft_is_nil(&f, SYI_FIELD_CHAIN)) {
        return syi_fail(err, SY_ENOTSUP, "TensorData: the tensor has no elements of its own");
    }
    return write_data(w, &f.at[SYI_FIELD_CONTENTS], (tensor_data *)message, err);
}

sy_status syi_protobuf_write_contents(syi_protobuf_writer *w, syi_msgpack_cursor *cursor,
                                      ProtobufCMessage *message, sy_error *err)
{
    torch_tensor *tensor = (torch_tensor *)message;
    ProtobufCMessage *data = NULL;
    const uint8_t *bytes = NULL;
    if (syi_msgpack_peek(cursor) == SYI_MSGPACK_BIN) {
        SY_TRY(syi_msgpack_read_bin(cursor, &bytes, &tensor->contents_bin.len, err));
        tensor->contents_bin.data = (uint8_t *)(uintptr_t)bytes; /* borrowed from the input */
        tensor->contents_case = CONTENTS(BIN);
        return SY_OK;
    }
    SY_TRY(syi_protobuf_new_message(w, &syft_proto__types__torch__v1__tensor_data__descriptor,
                                    &data, err));
    SY_TRY(write_data(w, cursor, (tensor_data *)data, err));
    tensor->contents_data = (tensor_data *)data;
    tensor->contents_case = CONTENTS(DATA);
    return SY_OK;
}

sy_status syi_protobuf_write_serializer(syi_msgpack_cursor *cursor, ProtobufCMessage *message,
                                        sy_error *err)
{
    torch_tensor *tensor = (torch_tensor *)message;
    const char *text = NULL;
    size_t length = 0;
    SY_TRY(syi_pysyft_read_text(cursor, &text, &length, err));
    tensor->serializer =
        tensor->contents_case == CONTENTS(DATA) ? SERIALIZER(ALL) : SERIALIZER(TORCH);
    if (text == NULL) {
        return SY_OK;
    }
    const bool all = length == 3 && memcmp(text, "all", 3) == 0;
    const bool torch = length == 5 && memcmp(text, "torch", 5) == 0;
    if (all != (tensor->contents_case == CONTENTS(DATA)) || (!all && !torch)) {
        return syi_fail(err, SY_EFORMAT, "contents of that form do not come from \"%.*s\"",
                        (int)(length < 20 ? length : 20), text);
    }
    return SY_OK;
}

/* --- reading ----------------------------------------------------------------------------------------- */

/* The list of that dtype, when it is the only one that is not empty. */
static sy_status find_list(const tensor_data *data, const data_list *list, size_t numel,
                           const void **items, sy_error *err)
{
    const ProtobufCMessageDescriptor *type = data->base.descriptor;
    for (unsigned k = 0; k < type->n_fields; k++) {
        const ProtobufCFieldDescriptor *f = &type->fields[k];
        if (f->label != PROTOBUF_C_LABEL_REPEATED) {
            continue;
        }
        const size_t count = syi_protobuf_count(&data->base, f);
        if (f->id != list->number && count > 0) {
            return syi_fail(err, SY_EFORMAT, "dtype is %s, but %s has %zu elements", data->dtype,
                            f->name, count);
        }
        if (f->id == list->number) {
            if (count != numel) {
                return syi_fail(err, SY_EFORMAT, "%s has %zu elements, the shape %zu", f->name,
                                count, numel);
            }
            memcpy(items, (const uint8_t *)data + f->offset, sizeof *items);
        }
    }
    return SY_OK;
}

/* The first element that does not fit, or `count`. */
static size_t find_misfit(const int32_t *items, size_t count, int32_t low, int32_t high)
{
    const uint32_t width = (uint32_t)high - (uint32_t)low;
    uint32_t above = 0;
    for (size_t k = 0; k < count; k++) { /* no branch: this is most of the work */
        above |= (uint32_t)items[k] - (uint32_t)low > width;
    }
    for (size_t k = 0; above != 0 && k < count; k++) {
        if (items[k] < low || items[k] > high) {
            return k;
        }
    }
    return count;
}

static sy_status narrow(syi_array *array, const int32_t *items, const data_list *list, size_t count,
                        sy_error *err)
{
    uint8_t *bytes = syi_array_data(array);
    int16_t *words = syi_array_data(array);
    if (list->dtype == SY_DTYPE_BOOL) {
        for (size_t k = 0; k < count; k++) {
            bytes[k] = items[k] != 0;
        }
        return SY_OK;
    }
    const size_t misfit = find_misfit(items, count, list->low, list->high);
    if (misfit < count) {
        return syi_fail(err, SY_ERANGE, "element %zu, %ld, does not fit %s", misfit,
                        (long)items[misfit], sy_dtype_name(array->dtype));
    }
    if (list->dtype == SY_DTYPE_I16) {
        for (size_t k = 0; k < count; k++) {
            words[k] = (int16_t)items[k];
        }
        return SY_OK;
    }
    for (size_t k = 0; k < count; k++) {
        bytes[k] = (uint8_t)items[k];
    }
    return SY_OK;
}

static sy_status describe(const tensor_data *data, syi_array *described, sy_error *err)
{
    int64_t shape[SY_DIM_MAX];
    sy_dtype dtype = SY_DTYPE_F32;
    const size_t ndim = data->shape != NULL ? data->shape->n_dims : 0;
    if (data->is_quantized) {
        return syi_fail(err, SY_ENOTSUP, "the tensor is quantized (%s)", data->dtype);
    }
    if (!syi_dtype_find(data->dtype, strlen(data->dtype), &dtype) || list_of(dtype) == NULL) {
        return syi_fail(err, SY_ENOTSUP, "dtype \"%.40s\" is not known here", data->dtype);
    }
    if (ndim > SY_DIM_MAX) {
        return syi_fail(err, SY_EFORMAT, "%zu dimensions, at most %d", ndim, SY_DIM_MAX);
    }
    for (size_t k = 0; k < ndim; k++) {
        shape[k] = data->shape->dims[k];
    }
    return syi_array_describe(described, dtype, (int)ndim, shape, err);
}

static sy_status read_array(syi_protobuf_reader *r, const tensor_data *data, syi_array *array,
                            sy_error *err)
{
    syi_array described = SYI_ARRAY_INIT;
    const void *items = NULL;
    SY_TRY(describe(data, &described, err));
    const data_list *list = list_of(described.dtype);
    const size_t count = (size_t)syi_array_numel(&described);
    SY_TRY(find_list(data, list, count, &items, err));
    SY_TRY(syi_array_new(r->context, array, described.dtype, described.ndim, described.shape,
                         r->account, err));
    sy_status status = SY_OK;
    if (is_narrow(list)) {
        status = narrow(array, items, list, count, err);
    } else if (count > 0) {
        memcpy(syi_array_data(array), items, count * list->item);
    }
    if (status != SY_OK) {
        syi_array_fini(array);
    }
    return status;
}

/* As a number, or where that cannot be, as the list of elements. Takes the array. */
static sy_status put_array(syi_protobuf_reader *r, syi_array *array, bool in_place, sy_error *err)
{
    int64_t number = 0;
    sy_status status;
    if (r->aside != NULL && !in_place) {
        status = syi_pysyft_aside_add(r->aside, array, &number, err);
        syi_msgpack_write_int(r->out, number);
    } else {
        const syi_pysyft_contents how = {.all = true};
        status = syi_pysyft_write_contents(r->context, r->out, array, &how, err);
    }
    syi_array_fini(array);
    return status;
}

static sy_status read_npy(syi_protobuf_reader *r, const ProtobufCBinaryData *bytes,
                          syi_array *array, sy_error *err)
{
    syi_array found = SYI_ARRAY_INIT;
    SY_TRY(syi_npy_decode(r->context, &found, bytes->data, bytes->len, r->account, err));
    if (syi_array_is_contiguous(&found)) {
        *array = found;
        return SY_OK;
    }
    const sy_status status = syi_array_clone(r->context, array, &found, r->account, err);
    syi_array_fini(&found);
    return status;
}

/* Contents and serializer have to say the same. */
static sy_status check_serializer(const torch_tensor *tensor, sy_error *err)
{
    static const char *const names[] = {"UNSPECIFIED", "TORCH", "NUMPY", "TF", "ALL"};
    const int serializer = (int)tensor->serializer;
    if (tensor->contents_case == SYFT_PROTO__TYPES__TORCH__V1__TORCH_TENSOR__CONTENTS__NOT_SET) {
        return syi_fail(err, SY_EFORMAT, "the tensor has neither contents_data nor contents_bin");
    }
    if (serializer < 0 || serializer > 4) {
        return syi_fail(err, SY_EFORMAT, "%d is no serializer", serializer);
    }
    if (serializer == SERIALIZER(TF)) {
        return syi_fail(err, SY_ENOTSUP, "contents by SERIALIZER_TF are not read here");
    }
    if (serializer != SERIALIZER(UNSPECIFIED) &&
        (serializer == SERIALIZER(ALL)) != (tensor->contents_case == CONTENTS(DATA))) {
        return syi_fail(err, SY_EFORMAT, "SERIALIZER_%s does not go with contents_%s",
                        names[serializer],
                        tensor->contents_case == CONTENTS(DATA) ? "data" : "bin");
    }
    return SY_OK;
}

sy_status syi_protobuf_read_contents(syi_protobuf_reader *r, const ProtobufCMessage *message,
                                     sy_error *err)
{
    const torch_tensor *tensor = (const torch_tensor *)message;
    syi_array elements = SYI_ARRAY_INIT;
    SY_TRY(check_serializer(tensor, err));
    const bool array =
        tensor->contents_case == CONTENTS(DATA) || tensor->serializer == SERIALIZER(NUMPY);
    if (r->repeated >= 0 && array && tensor->chain == NULL) {
        syi_msgpack_write_int(r->out, r->repeated++);
        return SY_OK;
    }
    if (tensor->contents_case == CONTENTS(DATA)) {
        const sy_status status = read_array(r, tensor->contents_data, &elements, err);
        if (status != SY_OK) {
            return syi_error_prefix(err, status, "TensorData");
        }
    } else if (tensor->serializer == SERIALIZER(NUMPY)) {
        SY_TRY(read_npy(r, &tensor->contents_bin, &elements, err));
    } else {
        const ProtobufCBinaryData *bytes = &tensor->contents_bin;
        syi_msgpack_write_bin(r->out, bytes->len > 0 ? bytes->data : (const uint8_t *)"",
                              bytes->len);
        return SY_OK;
    }
    /* A wrapper's contents stand for nothing and travel in the bytes. */
    return put_array(r, &elements, tensor->chain != NULL, err);
}

sy_status syi_protobuf_read_serializer(syi_protobuf_reader *r, const ProtobufCMessage *message,
                                       sy_error *err)
{
    const torch_tensor *tensor = (const torch_tensor *)message;
    (void)err;
    syi_pysyft_put_text(r->out, tensor->contents_case == CONTENTS(DATA) ||
                                        tensor->serializer == SERIALIZER(NUMPY)
                                    ? "all"
                                    : "torch");
    return SY_OK;
}

/* A tensor with these elements and nothing else. */
sy_status syi_protobuf_read_data(syi_protobuf_reader *r, const ProtobufCMessage *message,
                                 sy_error *err)
{
    syi_array array = SYI_ARRAY_INIT;
    const sy_status status = read_array(r, (const tensor_data *)message, &array, err);
    if (status != SY_OK) {
        return syi_error_prefix(err, status, "TensorData");
    }
    syi_pysyft_put_pair(r->out, SYI_CODE_TENSOR, SYI_PYSYFT_FIELDS);
    syi_msgpack_write_nil(r->out);
    SY_TRY(put_array(r, &array, false, err));
    for (int k = 0; k < 4; k++) {
        syi_msgpack_write_nil(r->out);
    }
    syi_pysyft_put_text(r->out, "all");
    syi_msgpack_write_nil(r->out);
    syi_msgpack_write_nil(r->out);
    return SY_OK;
}
