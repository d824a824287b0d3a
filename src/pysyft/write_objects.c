/* write_objects.c - values of csyft.v1 into those of PySyft 0.2.9. */
#include "pysyft/plans.h"

#include <string.h>

#include "serde/codes.h"
#include "serde/serde.h"

void syi_pysyft_writer_init(syi_pysyft_writer *writer, sy_context *context, const syi_message *from,
                            syi_buffer *out, bool all)
{
    *writer = (syi_pysyft_writer){.context = context, .from = from, .out = out, .all = all};
    syi_msgpack_cursor_init(&writer->cursor, from->body.data, from->body.length,
                            SYI_MSGPACK_DEPTH_MAX, 0);
}

sy_status syi_pysyft_put_wrapper_contents(sy_context *context, syi_buffer *out, bool all,
                                          sy_error *err)
{
    static const int64_t nothing[1] = {0};
    const syi_pysyft_contents how = {.all = all, .key = 1};
    syi_array empty;
    SY_TRY(syi_array_new(context, &empty, SY_DTYPE_F32, 1, nothing, NULL, err));
    const sy_status status = syi_pysyft_write_contents(context, out, &empty, &how, err);
    syi_array_fini(&empty);
    return status;
}

/* The elements of a segment as they lie, when they may be looked at through its storage. */
static bool share_segment(const syi_segment *segment, const syi_array *described, syi_array *array)
{
    const size_t size = sy_dtype_size(described->dtype);
    if (segment->storage == NULL || (size_t)(segment->data - segment->storage->data) % size != 0) {
        return false;
    }
    *array = *described;
    array->storage = syi_storage_ref(segment->storage);
    array->offset = (int64_t)((size_t)(segment->data - segment->storage->data) / size);
    return true;
}

/* What describes csyft.v1's [dtype, [dims], bytes or segment]; *segment is NULL for bytes. */
static sy_status describe_array(syi_pysyft_writer *w, syi_msgpack_cursor *at, syi_array *described,
                                const uint8_t **data, const syi_segment **segment, sy_error *err)
{
    const char *name = NULL;
    size_t length = 0;
    size_t ndim = 0;
    int64_t shape[SY_DIM_MAX];
    int64_t index = 0;
    sy_dtype dtype = SY_DTYPE_F32;
    SY_TRY(syi_msgpack_read_tuple(at, 3, "tensor contents", err));
    SY_TRY(syi_msgpack_read_str(at, &name, &length, err));
    SY_TRY(syi_msgpack_read_array(at, &ndim, err));
    if (!syi_dtype_find(name, length, &dtype) || ndim > SY_DIM_MAX) {
        return syi_fail(err, SY_EFORMAT, "message: a tensor of unknown dtype or rank %zu", ndim);
    }
    for (size_t k = 0; k < ndim; k++) {
        SY_TRY(syi_msgpack_read_int(at, &shape[k], err));
    }
    syi_msgpack_leave(at);
    *segment = NULL;
    if (syi_msgpack_peek(at) == SYI_MSGPACK_BIN) {
        SY_TRY(syi_msgpack_read_bin(at, data, &length, err));
    } else {
        SY_TRY(syi_msgpack_read_int(at, &index, err));
        if (index < 0 || index >= w->from->segment_count) {
            return syi_fail(err, SY_EFORMAT, "message: segment %lld of %u", (long long)index,
                            w->from->segment_count);
        }
        *segment = &w->from->segments[index];
        *data = (*segment)->data;
        length = (size_t)(*segment)->length;
    }
    syi_msgpack_leave(at);
    SY_TRY(syi_array_describe(described, dtype, (int)ndim, shape, err));
    if (syi_array_bytes(described) != length) {
        return syi_fail(err, SY_EFORMAT, "message: a tensor of %zu bytes came with %zu",
                        syi_array_bytes(described), length);
    }
    return SY_OK;
}

static sy_status take_array(syi_pysyft_writer *w, syi_msgpack_cursor *at, syi_array *array,
                            sy_error *err)
{
    syi_array described = SYI_ARRAY_INIT;
    const uint8_t *data = NULL;
    const syi_segment *segment = NULL;
    SY_TRY(describe_array(w, at, &described, &data, &segment, err));
    if (segment != NULL && share_segment(segment, &described, array)) {
        return SY_OK;
    }
    SY_TRY(syi_array_new(w->context, array, described.dtype, described.ndim, described.shape, NULL,
                         err));
    const size_t length = syi_array_bytes(array);
    if (length > 0) {
        memcpy(syi_array_data(array), data, length);
    }
    return SY_OK;
}

static sy_status write_at(syi_pysyft_writer *w, const syi_msgpack_cursor *at, sy_error *err)
{
    const syi_msgpack_cursor saved = w->cursor;
    w->cursor = *at;
    const sy_status status = syi_pysyft_write_value(w, err);
    w->cursor = saved;
    return status;
}

/* Does the tensor say in which form it came? */
static bool form_of(const syi_pysyft_writer *w, const syi_pysyft_fields *f)
{
    const char *text = NULL;
    size_t length = 0;
    if (!syi_pysyft_is_nil(f, SYI_FIELD_SERIALIZER)) {
        syi_msgpack_cursor at = f->at[SYI_FIELD_SERIALIZER];
        if (syi_pysyft_read_text(&at, &text, &length, NULL) == SY_OK && text != NULL) {
            if (length == 5 && memcmp(text, "torch", 5) == 0) {
                return false;
            }
            if (length == 3 && memcmp(text, "all", 3) == 0) {
                return true;
            }
        }
    }
    return w->all;
}

static sy_status write_native(syi_pysyft_writer *w, const syi_pysyft_fields *f, bool all,
                              sy_error *err)
{
    syi_pysyft_contents how = {.all = all, .key = 1};
    syi_msgpack_cursor at = f->at[SYI_FIELD_CONTENTS];
    syi_array array;
    if (f->count > SYI_FIELD_REQUIRES_GRAD) {
        syi_msgpack_cursor flag = f->at[SYI_FIELD_REQUIRES_GRAD];
        SY_TRY(syi_msgpack_read_bool(&flag, &how.requires_grad, err));
    }
    if (f->count > SYI_FIELD_INNER || w->parameter) {
        how.requires_grad = false; /* the Parameter says so itself */
    }
    if (f->count > SYI_FIELD_EXTRA &&
        syi_msgpack_peek(&f->at[SYI_FIELD_EXTRA]) == SYI_MSGPACK_INT) {
        syi_msgpack_cursor key = f->at[SYI_FIELD_EXTRA];
        SY_TRY(syi_msgpack_read_uint(&key, &how.key, err));
    }
    SY_TRY(take_array(w, &at, &array, err));
    if (all && w->aside != NULL) {
        int64_t number = 0;
        const sy_status added = syi_pysyft_aside_add(w->aside, &array, &number, err);
        syi_array_fini(&array);
        syi_msgpack_write_int(w->out, number);
        return added;
    }
    const sy_status status = syi_pysyft_write_contents(w->context, w->out, &array, &how, err);
    syi_array_fini(&array);
    return status;
}

static sy_status write_wrapper(syi_pysyft_writer *w, const syi_pysyft_fields *f, bool all,
                               sy_error *err)
{
    if (f->count > SYI_FIELD_EXTRA &&
        syi_msgpack_peek(&f->at[SYI_FIELD_EXTRA]) == SYI_MSGPACK_BIN) {
        syi_msgpack_cursor at = f->at[SYI_FIELD_EXTRA];
        const uint8_t *bytes = NULL;
        size_t size = 0;
        SY_TRY(syi_msgpack_read_bin(&at, &bytes, &size, err));
        syi_buffer_append(w->out, bytes, size);
        return syi_buffer_check(w->out, "message", err);
    }
    return syi_pysyft_put_wrapper_contents(w->context, w->out, all, err);
}

/* [14, [...]] with the id that `id` says. */
static sy_status write_fields(syi_pysyft_writer *w, const syi_pysyft_fields *f, size_t id,
                              sy_error *err)
{
    const bool all = form_of(w, f);
    syi_pysyft_put_pair(w->out, SYI_CODE_TENSOR, SYI_PYSYFT_FIELDS);
    if (w->id != NULL) {
        syi_encode_id(w->out, w->id);
        w->id = NULL;
    } else if (w->draw_id != NULL && syi_pysyft_is_nil(f, id)) {
        const sy_id drawn = w->draw_id(w->draw_user);
        syi_encode_id(w->out, &drawn);
    } else {
        SY_TRY(syi_pysyft_copy_field(f, id, w->out, err));
    }
    if (!syi_pysyft_is_nil(f, SYI_FIELD_CONTENTS)) {
        SY_TRY(write_native(w, f, all, err));
        syi_msgpack_write_nil(w->out);
    } else {
        SY_TRY(write_wrapper(w, f, all, err));
        SY_TRY(syi_pysyft_is_nil(f, SYI_FIELD_CHAIN)
                   ? syi_pysyft_copy_field(f, SYI_FIELD_CHAIN, w->out, err)
                   : write_at(w, &f->at[SYI_FIELD_CHAIN], err));
    }
    const bool graded =
        !syi_pysyft_is_nil(f, SYI_FIELD_GRADIENT) && f->count <= SYI_FIELD_INNER && !w->parameter;
    SY_TRY(graded ? write_at(w, &f->at[SYI_FIELD_GRADIENT], err) : SY_OK);
    if (!graded) {
        syi_msgpack_write_nil(w->out);
    }
    for (size_t k = SYI_FIELD_GRADIENT + 1; k < SYI_FIELD_SERIALIZER; k++) {
        SY_TRY(syi_pysyft_copy_field(f, k, w->out, err));
    }
    syi_pysyft_put_text(w->out, all ? "all" : "torch");
    for (size_t k = SYI_FIELD_SERIALIZER + 1; k < SYI_PYSYFT_FIELDS; k++) {
        SY_TRY(syi_pysyft_copy_field(f, k, w->out, err));
    }
    return syi_buffer_check(w->out, "message", err);
}

/* Type code of the chain's first link; -1: there is none. */
static int64_t chain_code(const syi_pysyft_fields *f)
{
    int64_t code = 0;
    if (syi_pysyft_is_nil(f, SYI_FIELD_CHAIN)) {
        return -1;
    }
    syi_msgpack_cursor at = f->at[SYI_FIELD_CHAIN];
    return syi_pysyft_open_pair(&at, &code, NULL) == SY_OK ? code : -1;
}

/* [13, [id, tensor, requires_grad, gradient]] */
static sy_status write_parameter(syi_pysyft_writer *w, const syi_pysyft_fields *f, sy_error *err)
{
    syi_pysyft_put_pair(w->out, SYI_PYSYFT_CODE_PARAMETER, 4);
    SY_TRY(syi_pysyft_copy_field(f, 0, w->out, err));
    SY_TRY(write_fields(w, f, SYI_FIELD_INNER, err));
    w->parameter = false;
    SY_TRY(syi_pysyft_copy_field(f, SYI_FIELD_REQUIRES_GRAD, w->out, err));
    return syi_pysyft_is_nil(f, SYI_FIELD_GRADIENT)
               ? syi_pysyft_copy_field(f, SYI_FIELD_GRADIENT, w->out, err)
               : write_at(w, &f->at[SYI_FIELD_GRADIENT], err);
}

static sy_status write_tensor(syi_pysyft_writer *w, sy_error *err)
{
    syi_pysyft_fields f;
    SY_TRY(syi_pysyft_find_fields(&w->cursor, &f, 2, SYI_FIELDS, "tensor", err));
    const int64_t code = chain_code(&f);
    if (code == SYI_PYSYFT_CODE_OPAQUE) { /* it has everything in itself, labels, too */
        return write_at(w, &f.at[SYI_FIELD_CHAIN], err);
    }
    if (code == SYI_PYSYFT_PLAN) {
        return syi_pysyft_write_plan(w, &f, err);
    }
    if (f.count <= SYI_FIELD_INNER) {
        return write_fields(w, &f, 0, err);
    }
    return write_parameter(w, &f, err);
}

sy_status syi_pysyft_write_parameter(syi_pysyft_writer *w, const sy_id *inner, sy_error *err)
{
    syi_pysyft_fields f;
    int64_t code = 0;
    SY_TRY(syi_pysyft_open_pair(&w->cursor, &code, err));
    if (code != SYI_CODE_TENSOR) {
        return syi_pysyft_unknown(code, err);
    }
    SY_TRY(syi_pysyft_find_fields(&w->cursor, &f, 2, SYI_FIELDS, "tensor", err));
    syi_msgpack_leave(&w->cursor);
    if (f.count <= SYI_FIELD_INNER) {
        w->parameter = true;
        w->id = inner;
    }
    return write_parameter(w, &f, err);
}

/* [id, id at location, location, attribute, shape, collect, tags, description]; those to the reader have four. */
static sy_status write_pointer(syi_pysyft_writer *w, sy_error *err)
{
    syi_pysyft_fields f;
    SY_TRY(syi_pysyft_find_fields(&w->cursor, &f, 4, SYI_FIELDS, "pointer", err));
    syi_pysyft_put_pair(w->out, SYI_CODE_POINTER, 8);
    for (size_t k = 0; k < 8; k++) {
        if (k == 5 && k >= f.count) {
            syi_msgpack_write_bool(w->out, false);
        } else {
            SY_TRY(syi_pysyft_copy_field(&f, k, w->out, err));
        }
    }
    return syi_buffer_check(w->out, "message", err);
}

/* [id, [0, [[worker, pointer], ...]]] */
static sy_status write_multi(syi_pysyft_writer *w, sy_error *err)
{
    int64_t code = 0;
    size_t count = 0;
    SY_TRY(syi_msgpack_read_tuple(&w->cursor, 2, "MultiPointerTensor", err));
    syi_pysyft_put_pair(w->out, SYI_CODE_MULTI_POINTER, 2);
    SY_TRY(syi_pysyft_copy(&w->cursor, w->out, err));
    SY_TRY(syi_pysyft_open_pair(&w->cursor, &code, err));
    SY_TRY(syi_msgpack_read_array(&w->cursor, &count, err));
    syi_pysyft_put_pair(w->out, (int)code, count);
    for (size_t k = 0; k < count; k++) {
        SY_TRY(syi_msgpack_read_tuple(&w->cursor, 2, "[worker, pointer]", err));
        syi_msgpack_write_array(w->out, 2);
        SY_TRY(syi_pysyft_copy(&w->cursor, w->out, err));
        SY_TRY(syi_pysyft_write_value(w, err));
        syi_msgpack_leave(&w->cursor);
    }
    syi_msgpack_leave(&w->cursor);
    syi_msgpack_leave(&w->cursor);
    syi_msgpack_leave(&w->cursor);
    return SY_OK;
}

static sy_status write_opaque(syi_pysyft_writer *w, sy_error *err)
{
    const uint8_t *bytes = NULL;
    size_t size = 0;
    SY_TRY(syi_msgpack_read_tuple(&w->cursor, 2, "opaque object", err));
    SY_TRY(syi_msgpack_skip(&w->cursor, err));
    SY_TRY(syi_msgpack_read_bin(&w->cursor, &bytes, &size, err));
    syi_msgpack_leave(&w->cursor);
    syi_buffer_append(w->out, bytes, size);
    return syi_buffer_check(w->out, "message", err);
}

static sy_status write_elements(syi_pysyft_writer *w, int64_t code, int child, sy_error *err)
{
    size_t count = 0;
    SY_TRY(syi_msgpack_read_array(&w->cursor, &count, err));
    syi_pysyft_put_pair(w->out, (int)code, count);
    for (size_t k = 0; k < count; k++) {
        SY_TRY(child < 0 || k == (size_t)child ? syi_pysyft_write_value(w, err)
                                               : syi_pysyft_copy(&w->cursor, w->out, err));
    }
    syi_msgpack_leave(&w->cursor);
    return SY_OK;
}

static sy_status write_coded(syi_pysyft_writer *w, int64_t code, sy_error *err)
{
    switch (code) {
    case SYI_CODE_TENSOR:
        return write_tensor(w, err);
    case SYI_CODE_POINTER:
        return write_pointer(w, err);
    case SYI_CODE_MULTI_POINTER:
        return write_multi(w, err);
    case SYI_PYSYFT_CODE_OPAQUE:
        return write_opaque(w, err);
    case SYI_CODE_LIST:
    case SYI_CODE_TUPLE:
        return write_elements(w, code, -1, err);
    case SYI_CODE_STR:
    case SYI_CODE_SIZE:
    case SYI_CODE_SLICE:
    case SYI_CODE_ELLIPSIS:
    case SYI_CODE_DTYPE:
        syi_msgpack_write_array(w->out, 2);
        syi_msgpack_write_int(w->out, code);
        return syi_pysyft_copy(&w->cursor, w->out, err);
    default:
        return syi_pysyft_child_field(code) >= 0
                   ? write_elements(w, code, syi_pysyft_child_field(code), err)
                   : syi_pysyft_unknown(code, err);
    }
}

sy_status syi_pysyft_write_value(syi_pysyft_writer *w, sy_error *err)
{
    int64_t code = 0;
    if (syi_msgpack_peek(&w->cursor) != SYI_MSGPACK_ARRAY) {
        return syi_pysyft_copy(&w->cursor, w->out, err);
    }
    SY_TRY(syi_pysyft_deeper(&w->depth, err));
    SY_TRY(syi_pysyft_open_pair(&w->cursor, &code, err));
    SY_TRY(write_coded(w, code, err));
    syi_msgpack_leave(&w->cursor);
    w->depth--;
    return SY_OK;
}
