/* read_objects.c - values of PySyft 0.2.9 into those of csyft.v1. */
#include "pysyft/plans.h"

#include "serde/codes.h"
#include "serde/serde.h"

void syi_pysyft_reader_init(syi_pysyft_reader *reader, sy_context *context, const uint8_t *bytes,
                            size_t size, syi_message *out, syi_account *account)
{
    *reader = (syi_pysyft_reader){.context = context, .account = account, .out = out};
    syi_msgpack_cursor_init(&reader->cursor, bytes, size, SYI_MSGPACK_DEPTH_MAX, 0);
}

/* [dtype, [dims], bytes or segment] of a dense array whose storage may be larger than it. */
static sy_status put_array(syi_pysyft_reader *r, syi_array *array, sy_error *err)
{
    syi_buffer *out = &r->out->body;
    const size_t bytes = syi_array_bytes(array);
    const char *dtype = sy_dtype_name(array->dtype);
    syi_msgpack_write_array(out, 3);
    syi_msgpack_write_str(out, dtype, strlen(dtype));
    syi_msgpack_write_array(out, (size_t)array->ndim);
    for (int k = 0; k < array->ndim; k++) {
        syi_msgpack_write_int(out, array->shape[k]);
    }
    if (bytes <= SYI_INLINE_BYTES_MAX) {
        syi_msgpack_write_bin(out, bytes > 0 ? syi_array_data(array) : "", bytes);
        return syi_buffer_check(out, "message", err);
    }
    if (array->offset != 0 ||
        array->storage->size != bytes) { /* a tensor owns exactly its segment */
        syi_array dense = SYI_ARRAY_INIT;
        SY_TRY(syi_array_clone(r->context, &dense, array, r->account, err));
        syi_array_fini(array);
        *array = dense;
    }
    syi_msgpack_write_int(out, r->out->segment_count);
    SY_TRY(syi_buffer_check(out, "message", err));
    return syi_message_add_segment(r->out, array->storage, 0, bytes, 0, err);
}

/* A native tensor's contents at `at`; its key and requires_grad go to *how. */
static sy_status translate_contents(syi_pysyft_reader *r, syi_msgpack_cursor *at,
                                    syi_pysyft_contents *how, sy_error *err)
{
    syi_array array;
    if (r->aside != NULL && syi_msgpack_peek(at) == SYI_MSGPACK_INT) {
        *how = (syi_pysyft_contents){.all = true};
        SY_TRY(syi_pysyft_aside_read(r->aside, at, &array, err));
    } else {
        SY_TRY(syi_pysyft_read_contents(r->context, at, &array, how, r->account, err));
    }
    const sy_status status = put_array(r, &array, err);
    syi_array_fini(&array);
    r->saw_tensor = true;
    r->all = how->all;
    return status;
}

static sy_status value_at(syi_pysyft_reader *r, const syi_msgpack_cursor *at, sy_error *err)
{
    const syi_msgpack_cursor saved = r->cursor;
    r->cursor = *at;
    const sy_status status = syi_pysyft_read_value(r, err);
    r->cursor = saved;
    return status;
}

/* A PrivateTensor's child, a native tensor, stands for both: *at becomes where its contents are. */
static sy_status look_into_private(const syi_pysyft_fields *f, syi_msgpack_cursor *contents,
                                   bool *is_private, sy_error *err)
{
    syi_msgpack_cursor at = f->at[SYI_FIELD_CHAIN];
    syi_pysyft_fields inner;
    int64_t code = 0;
    SY_TRY(syi_pysyft_open_pair(&at, &code, err));
    *is_private = code == SYI_PYSYFT_CODE_PRIVATE;
    if (!*is_private) {
        return SY_OK;
    }
    SY_TRY(syi_pysyft_find_fields(&at, &inner, 5, 5, "PrivateTensor", err));
    at = inner.at[4];
    SY_TRY(syi_pysyft_open_pair(&at, &code, err));
    if (code != SYI_CODE_TENSOR) {
        return syi_pysyft_unknown(code, err);
    }
    SY_TRY(syi_pysyft_find_fields(&at, &inner, 2, SYI_PYSYFT_FIELDS, "tensor", err));
    if (!syi_pysyft_is_nil(&inner, SYI_FIELD_CHAIN)) {
        return syi_fail(err, SY_ENOTSUP, "message: a PrivateTensor of a chain");
    }
    *contents = inner.at[SYI_FIELD_CONTENTS];
    return SY_OK;
}

/* contents and chain: one of them is nil. Fills *how for a native one. */
static sy_status read_body(syi_pysyft_reader *r, const syi_pysyft_fields *f, bool *native,
                           syi_pysyft_contents *how, sy_error *err)
{
    syi_buffer *out = &r->out->body;
    syi_msgpack_cursor contents = f->at[SYI_FIELD_CONTENTS];
    bool is_private = false;
    if (!syi_pysyft_is_nil(f, SYI_FIELD_CHAIN)) {
        SY_TRY(look_into_private(f, &contents, &is_private, err));
    }
    r->private_ |= is_private;
    *native = is_private || syi_pysyft_is_nil(f, SYI_FIELD_CHAIN);
    if (*native) {
        SY_TRY(translate_contents(r, &contents, how, err));
        syi_msgpack_write_nil(out);
        return SY_OK;
    }
    r->saw_tensor = true;
    r->all = syi_msgpack_peek(&contents) == SYI_MSGPACK_ARRAY;
    syi_msgpack_write_nil(out);
    return value_at(r, &f->at[SYI_FIELD_CHAIN], err);
}

/* Behind csyft.v1's fields. */
static void put_extra(syi_pysyft_reader *r, const syi_pysyft_fields *f, bool native,
                      const syi_pysyft_contents *how)
{
    if (native) {
        syi_msgpack_write_uint(&r->out->body, how->key);
        return;
    }
    syi_msgpack_cursor end = f->at[SYI_FIELD_CONTENTS];
    (void)syi_msgpack_skip(&end, NULL); /* it went before */
    syi_msgpack_write_bin(&r->out->body, f->at[SYI_FIELD_CONTENTS].next,
                          (size_t)(end.next - f->at[SYI_FIELD_CONTENTS].next));
}

/* The body of pair 14. `parameter`: the syi_pysyft_fields of the Parameter around it, else NULL. */
static sy_status read_tensor(syi_pysyft_reader *r, const syi_pysyft_fields *parameter,
                             sy_error *err)
{
    syi_buffer *out = &r->out->body;
    syi_pysyft_contents how = {0};
    bool requires_grad = false;
    bool native = false;
    syi_pysyft_fields f;
    SY_TRY(syi_pysyft_find_fields(&r->cursor, &f, 2, SYI_PYSYFT_FIELDS, "tensor", err));
    if (parameter != NULL) {
        syi_msgpack_cursor at = parameter->at[2];
        SY_TRY(syi_msgpack_read_bool(&at, &requires_grad, err));
    }
    syi_pysyft_put_pair(out, SYI_CODE_TENSOR, parameter != NULL ? SYI_FIELDS : SYI_FIELD_EXTRA + 1);
    SY_TRY(syi_pysyft_copy_field(parameter != NULL ? parameter : &f, 0, out, err));
    SY_TRY(read_body(r, &f, &native, &how, err));
    const syi_pysyft_fields *graded =
        parameter != NULL && !syi_pysyft_is_nil(parameter, 3) ? parameter : &f;
    if (syi_pysyft_is_nil(graded, SYI_FIELD_GRADIENT)) { /* the Parameter's is its field 3, too */
        syi_msgpack_write_nil(out);
    } else {
        SY_TRY(value_at(r, &graded->at[SYI_FIELD_GRADIENT], err));
    }
    for (size_t k = SYI_FIELD_GRADIENT + 1; k < SYI_FIELD_REQUIRES_GRAD; k++) {
        SY_TRY(syi_pysyft_copy_field(&f, k, out, err));
    }
    syi_msgpack_write_bool(out, requires_grad || how.requires_grad);
    put_extra(r, &f, native, &how);
    if (parameter != NULL) {
        SY_TRY(syi_pysyft_copy_field(&f, 0, out, err));
    }
    return syi_buffer_check(out, "message", err);
}

static sy_status read_parameter(syi_pysyft_reader *r, sy_error *err)
{
    syi_pysyft_fields f;
    int64_t code = 0;
    SY_TRY(syi_pysyft_find_fields(&r->cursor, &f, 4, 4, "Parameter", err));
    const syi_msgpack_cursor behind = r->cursor;
    r->cursor = f.at[1];
    SY_TRY(syi_pysyft_open_pair(&r->cursor, &code, err));
    if (code != SYI_CODE_TENSOR) {
        return syi_pysyft_unknown(code, err);
    }
    SY_TRY(read_tensor(r, &f, err));
    r->cursor = behind;
    return SY_OK;
}

static sy_status read_elements(syi_pysyft_reader *r, int64_t code, sy_error *err)
{
    size_t count = 0;
    SY_TRY(syi_msgpack_read_array(&r->cursor, &count, err));
    syi_pysyft_put_pair(&r->out->body, (int)code, count);
    for (size_t k = 0; k < count; k++) {
        SY_TRY(syi_pysyft_read_value(r, err));
    }
    syi_msgpack_leave(&r->cursor);
    return SY_OK;
}

static sy_status read_link(syi_pysyft_reader *r, int64_t code, size_t child, sy_error *err)
{
    size_t count = 0;
    SY_TRY(syi_msgpack_read_array(&r->cursor, &count, err));
    syi_pysyft_put_pair(&r->out->body, (int)code, count);
    for (size_t k = 0; k < count; k++) {
        SY_TRY(k == child ? syi_pysyft_read_value(r, err)
                          : syi_pysyft_copy(&r->cursor, &r->out->body, err));
    }
    syi_msgpack_leave(&r->cursor);
    return SY_OK;
}

static sy_status read_coded(syi_pysyft_reader *r, int64_t code, sy_error *err)
{
    switch (code) {
    case SYI_CODE_TENSOR:
        return read_tensor(r, NULL, err);
    case SYI_PYSYFT_CODE_PARAMETER:
        return read_parameter(r, err);
    case SYI_CODE_LIST:
    case SYI_CODE_TUPLE:
        return read_elements(r, code, err);
    case SYI_CODE_STR:
    case SYI_CODE_SIZE:
    case SYI_CODE_SLICE:
    case SYI_CODE_ELLIPSIS:
    case SYI_CODE_DTYPE:
    case SYI_CODE_POINTER:
    case SYI_CODE_MULTI_POINTER: /* the same there: its pointers have less fields, which is allowed */
        syi_msgpack_write_array(&r->out->body, 2);
        syi_msgpack_write_int(&r->out->body, code);
        return syi_pysyft_copy(&r->cursor, &r->out->body, err);
    default:
        return syi_pysyft_child_field(code) >= 0
                   ? read_link(r, code, (size_t)syi_pysyft_child_field(code), err)
                   : syi_pysyft_unknown(code, err);
    }
}

sy_status syi_pysyft_read_value(syi_pysyft_reader *r, sy_error *err)
{
    int64_t code = 0;
    switch (syi_msgpack_peek(&r->cursor)) {
    case SYI_MSGPACK_ARRAY:
        break;
    case SYI_MSGPACK_BIN:
    case SYI_MSGPACK_MAP:
    case SYI_MSGPACK_EXT:
        return syi_fail(err, SY_ENOTSUP, "message: bytes and maps are no values here");
    default:
        return syi_pysyft_copy(&r->cursor, &r->out->body, err);
    }
    SY_TRY(syi_pysyft_deeper(&r->depth, err));
    SY_TRY(syi_pysyft_open_pair(&r->cursor, &code, err));
    SY_TRY(read_coded(r, code, err));
    syi_msgpack_leave(&r->cursor);
    r->depth--;
    return SY_OK;
}

/* A number or a text; a placeholder's is in a pair of its own. */
static bool is_id(const syi_msgpack_cursor *cursor)
{
    syi_msgpack_cursor at = *cursor;
    int64_t code = 0;
    return syi_msgpack_peek(&at) == SYI_MSGPACK_INT ||
           (syi_msgpack_peek(&at) == SYI_MSGPACK_ARRAY &&
            syi_pysyft_open_pair(&at, &code, NULL) == SY_OK && code == SYI_CODE_STR);
}

/* [254, [id, bytes]] of the value at `begin`, behind which the cursor goes. */
static sy_status read_opaque(syi_pysyft_reader *r, const syi_msgpack_cursor *begin, bool without_id,
                             sy_error *err)
{
    syi_buffer *out = &r->out->body;
    syi_pysyft_fields f = {.count = 0};
    int64_t code = 0;
    r->cursor = *begin;
    SY_TRY(syi_msgpack_skip(&r->cursor, err));
    if (syi_msgpack_peek(begin) == SYI_MSGPACK_ARRAY) {
        syi_msgpack_cursor at = *begin;
        SY_TRY(syi_pysyft_open_pair(&at, &code, err));
        (void)syi_pysyft_find_fields(&at, &f, 1, SYI_FIELDS, "object",
                                     NULL); /* a dict has pairs, a range numbers */
    }
    const size_t id = code == SYI_PYSYFT_CODE_STRING ? 1 : 0;
    const bool has_id =
        f.count > id && code > SYI_CODE_SIZE && code != SYI_PYSYFT_CODE_ROLE && is_id(&f.at[id]);
    if (!has_id && !without_id) {
        return syi_fail(err, SY_ENOTSUP, "message: type code %lld is no object that can be stored",
                        (long long)code);
    }
    syi_pysyft_put_pair(out, SYI_PYSYFT_CODE_OPAQUE, 2);
    if (has_id) {
        SY_TRY(syi_pysyft_copy_field(&f, id, out, err));
    } else {
        syi_msgpack_write_nil(out);
    }
    syi_msgpack_write_bin(out, begin->next, (size_t)(r->cursor.next - begin->next));
    return syi_buffer_check(out, "message", err);
}

static bool is_object(const syi_msgpack_cursor *cursor)
{
    syi_msgpack_cursor at = *cursor;
    int64_t code = 0;
    return syi_pysyft_open_pair(&at, &code, NULL) == SY_OK &&
           (code == SYI_CODE_TENSOR || code == SYI_PYSYFT_CODE_PARAMETER ||
            code == SYI_CODE_POINTER || code == SYI_CODE_MULTI_POINTER ||
            syi_pysyft_child_field(code) >= 0);
}

static bool is_plan(const syi_msgpack_cursor *cursor)
{
    syi_msgpack_cursor at = *cursor;
    int64_t code = 0;
    return syi_pysyft_open_pair(&at, &code, NULL) == SY_OK && code == SYI_PYSYFT_PLAN;
}

static sy_status read_plan(syi_pysyft_reader *r, sy_error *err)
{
    const uint8_t *begin = r->cursor.next;
    SY_TRY(syi_msgpack_skip(&r->cursor, err));
    r->saw_plan = true;
    return syi_pysyft_read_plan(r, begin, (size_t)(r->cursor.next - begin), err);
}

sy_status syi_pysyft_read_object(syi_pysyft_reader *r, bool opaque, sy_error *err)
{
    const syi_msgpack_cursor begin = r->cursor;
    const size_t length = r->out->body.length;
    if (!opaque && (is_object(&begin) || is_plan(&begin))) {
        const int depth = r->depth;
        const sy_status status =
            is_plan(&begin) ? read_plan(r, err) : syi_pysyft_read_value(r, err);
        if (status != SY_ENOTSUP) {
            return status;
        }
        r->depth = depth;
        r->out->body.length = length;
        syi_message_drop(r->out);
    }
    return read_opaque(r, &begin, opaque, err);
}
