/* objects.c - values between PySyft 0.2.9 and csyft.v1. */
#include "pysyft/objects.h"

#include <string.h>

#include "serde/codes.h"
#include "serde/serde.h"

enum {
    CODE_PARAMETER = 13,
    CODE_STRING = 44,
    CODE_PRIVATE = 46,
    CODE_ROLE = 58, /* a part of plans and protocols; PySyft stores none by itself */
    /* Fields of csyft.v1's tensor; from EXTRA on they are ours. */
    CONTENTS = 1,
    CHAIN = 2,
    GRADIENT = 3,
    SERIALIZER = 6,
    REQUIRES_GRAD = 9,
    EXTRA = 10, /* native: the storage's key; wrapper: what it had for contents, a bin */
    INNER = 11, /* a Parameter: id of the tensor in it */
    FIELDS = 12,
    PYSYFT_FIELDS = 9,
};

/* Pieces */

void syi_pysyft_put_pair(syi_buffer *out, int code, size_t count)
{
    syi_msgpack_write_array(out, 2);
    syi_msgpack_write_int(out, code);
    syi_msgpack_write_array(out, count);
}

void syi_pysyft_put_text(syi_buffer *out, const char *text)
{
    if (text == NULL) {
        syi_msgpack_write_nil(out);
    } else {
        syi_pysyft_put_pair(out, SYI_CODE_STR, 1);
        syi_msgpack_write_bin(out, text, strlen(text));
    }
}

sy_status syi_pysyft_copy(syi_msgpack_cursor *cursor, syi_buffer *out, sy_error *err)
{
    const uint8_t *begin = cursor->next;
    SY_TRY(syi_msgpack_skip(cursor, err));
    syi_buffer_append(out, begin, (size_t)(cursor->next - begin));
    return syi_buffer_check(out, "message", err);
}

sy_status syi_pysyft_open_pair(syi_msgpack_cursor *cursor, int64_t *code, sy_error *err)
{
    SY_TRY(syi_msgpack_read_tuple(cursor, 2, "[type code, body]", err));
    return syi_msgpack_read_int(cursor, code, err);
}

static sy_status read_bare_text(syi_msgpack_cursor *cursor, const char **text, size_t *length,
                                sy_error *err)
{
    if (syi_msgpack_peek(cursor) == SYI_MSGPACK_BIN) {
        const uint8_t *bytes = NULL;
        SY_TRY(syi_msgpack_read_bin(cursor, &bytes, length, err));
        *text = (const char *)bytes;
        return SY_OK;
    }
    return syi_msgpack_read_str(cursor, text, length, err);
}

sy_status syi_pysyft_read_text(syi_msgpack_cursor *cursor, const char **text, size_t *length,
                               sy_error *err)
{
    int64_t code = 0;
    *text = NULL;
    *length = 0;
    switch (syi_msgpack_peek(cursor)) {
    case SYI_MSGPACK_NIL:
        return syi_msgpack_read_nil(cursor, err);
    case SYI_MSGPACK_ARRAY:
        SY_TRY(syi_pysyft_open_pair(cursor, &code, err));
        if (code != SYI_CODE_STR) {
            return syi_fail(err, SY_EFORMAT, "message: type code %lld where a text is expected",
                            (long long)code);
        }
        SY_TRY(syi_msgpack_read_tuple(cursor, 1, "text", err));
        SY_TRY(read_bare_text(cursor, text, length, err));
        syi_msgpack_leave(cursor);
        syi_msgpack_leave(cursor);
        return SY_OK;
    default:
        return read_bare_text(cursor, text, length, err);
    }
}

static sy_status deeper(int *depth, sy_error *err)
{
    if (++*depth > SYI_SERDE_DEPTH_MAX) {
        --*depth;
        return syi_fail(err, SY_ELIMIT, "message: nested deeper than %d levels",
                        SYI_SERDE_DEPTH_MAX);
    }
    return SY_OK;
}

/* Which field of a chain's link is its child; -1: it has none that would have to be translated. */
static int child_field(int64_t code)
{
    switch (code) {
    case SYI_CODE_LOGGING:
    case SYI_CODE_AUTOGRAD:
        return 1;
    case SYI_CODE_FIXED_PRECISION:
        return 8;
    default:
        return -1;
    }
}

static sy_status unknown(int64_t code, sy_error *err)
{
    return syi_fail(err, SY_ENOTSUP, "message: objects of type code %lld are not known here",
                    (long long)code);
}

/* From PySyft */

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
    SY_TRY(syi_pysyft_read_contents(r->context, at, &array, how, r->account, err));
    const sy_status status = put_array(r, &array, err);
    syi_array_fini(&array);
    r->saw_tensor = true;
    r->all = how->all;
    return status;
}

typedef struct fields {
    syi_msgpack_cursor at[FIELDS]; /* where each begins */
    size_t count;
} fields;

/* Opens the array and finds its fields, at most `room`; the cursor is behind them, the array left. */
static sy_status find_fields(syi_msgpack_cursor *cursor, fields *f, size_t least, size_t room,
                             const char *what, sy_error *err)
{
    SY_TRY(syi_msgpack_read_array(cursor, &f->count, err));
    if (f->count < least || f->count > room) {
        return syi_fail(err, SY_EFORMAT, "message: a %s of %zu fields", what, f->count);
    }
    for (size_t k = 0; k < f->count; k++) {
        f->at[k] = *cursor;
        SY_TRY(syi_msgpack_skip(cursor, err));
    }
    syi_msgpack_leave(cursor);
    return SY_OK;
}

static bool is_nil(const fields *f, size_t k)
{
    return k >= f->count || syi_msgpack_peek(&f->at[k]) == SYI_MSGPACK_NIL;
}

static sy_status value_at(syi_pysyft_reader *r, const syi_msgpack_cursor *at, sy_error *err)
{
    const syi_msgpack_cursor saved = r->cursor;
    r->cursor = *at;
    const sy_status status = syi_pysyft_read_value(r, err);
    r->cursor = saved;
    return status;
}

static sy_status copy_field(const fields *f, size_t k, syi_buffer *out, sy_error *err)
{
    if (k >= f->count) {
        syi_msgpack_write_nil(out);
        return SY_OK;
    }
    syi_msgpack_cursor at = f->at[k];
    return syi_pysyft_copy(&at, out, err);
}

/* A PrivateTensor's child, a native tensor, stands for both: *at becomes where its contents are. */
static sy_status look_into_private(const fields *f, syi_msgpack_cursor *contents, bool *is_private,
                                   sy_error *err)
{
    syi_msgpack_cursor at = f->at[CHAIN];
    fields inner;
    int64_t code = 0;
    SY_TRY(syi_pysyft_open_pair(&at, &code, err));
    *is_private = code == CODE_PRIVATE;
    if (!*is_private) {
        return SY_OK;
    }
    SY_TRY(find_fields(&at, &inner, 5, 5, "PrivateTensor", err));
    at = inner.at[4];
    SY_TRY(syi_pysyft_open_pair(&at, &code, err));
    if (code != SYI_CODE_TENSOR) {
        return unknown(code, err);
    }
    SY_TRY(find_fields(&at, &inner, 2, PYSYFT_FIELDS, "tensor", err));
    if (!is_nil(&inner, CHAIN)) {
        return syi_fail(err, SY_ENOTSUP, "message: a PrivateTensor of a chain");
    }
    *contents = inner.at[CONTENTS];
    return SY_OK;
}

/* contents and chain: one of them is nil. Fills *how for a native one. */
static sy_status read_body(syi_pysyft_reader *r, const fields *f, bool *native,
                           syi_pysyft_contents *how, sy_error *err)
{
    syi_buffer *out = &r->out->body;
    syi_msgpack_cursor contents = f->at[CONTENTS];
    bool is_private = false;
    if (!is_nil(f, CHAIN)) {
        SY_TRY(look_into_private(f, &contents, &is_private, err));
    }
    r->private_ |= is_private;
    *native = is_private || is_nil(f, CHAIN);
    if (*native) {
        SY_TRY(translate_contents(r, &contents, how, err));
        syi_msgpack_write_nil(out);
        return SY_OK;
    }
    r->saw_tensor = true;
    r->all = syi_msgpack_peek(&contents) == SYI_MSGPACK_ARRAY;
    syi_msgpack_write_nil(out);
    return value_at(r, &f->at[CHAIN], err);
}

/* Behind csyft.v1's fields. */
static void put_extra(syi_pysyft_reader *r, const fields *f, bool native,
                      const syi_pysyft_contents *how)
{
    if (native) {
        syi_msgpack_write_uint(&r->out->body, how->key);
        return;
    }
    syi_msgpack_cursor end = f->at[CONTENTS];
    (void)syi_msgpack_skip(&end, NULL); /* it went before */
    syi_msgpack_write_bin(&r->out->body, f->at[CONTENTS].next,
                          (size_t)(end.next - f->at[CONTENTS].next));
}

/* The body of pair 14. `parameter`: the fields of the Parameter around it, else NULL. */
static sy_status read_tensor(syi_pysyft_reader *r, const fields *parameter, sy_error *err)
{
    syi_buffer *out = &r->out->body;
    syi_pysyft_contents how = {0};
    bool requires_grad = false;
    bool native = false;
    fields f;
    SY_TRY(find_fields(&r->cursor, &f, 2, PYSYFT_FIELDS, "tensor", err));
    if (parameter != NULL) {
        syi_msgpack_cursor at = parameter->at[2];
        SY_TRY(syi_msgpack_read_bool(&at, &requires_grad, err));
    }
    syi_pysyft_put_pair(out, SYI_CODE_TENSOR, parameter != NULL ? FIELDS : EXTRA + 1);
    SY_TRY(copy_field(parameter != NULL ? parameter : &f, 0, out, err));
    SY_TRY(read_body(r, &f, &native, &how, err));
    const fields *graded = parameter != NULL && !is_nil(parameter, 3) ? parameter : &f;
    if (is_nil(graded, GRADIENT)) { /* the Parameter's is its field 3, too */
        syi_msgpack_write_nil(out);
    } else {
        SY_TRY(value_at(r, &graded->at[GRADIENT], err));
    }
    for (size_t k = GRADIENT + 1; k < REQUIRES_GRAD; k++) {
        SY_TRY(copy_field(&f, k, out, err));
    }
    syi_msgpack_write_bool(out, requires_grad || how.requires_grad);
    put_extra(r, &f, native, &how);
    if (parameter != NULL) {
        SY_TRY(copy_field(&f, 0, out, err));
    }
    return syi_buffer_check(out, "message", err);
}

static sy_status read_parameter(syi_pysyft_reader *r, sy_error *err)
{
    fields f;
    int64_t code = 0;
    SY_TRY(find_fields(&r->cursor, &f, 4, 4, "Parameter", err));
    const syi_msgpack_cursor behind = r->cursor;
    r->cursor = f.at[1];
    SY_TRY(syi_pysyft_open_pair(&r->cursor, &code, err));
    if (code != SYI_CODE_TENSOR) {
        return unknown(code, err);
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
    case CODE_PARAMETER:
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
        return child_field(code) >= 0 ? read_link(r, code, (size_t)child_field(code), err)
                                      : unknown(code, err);
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
    SY_TRY(deeper(&r->depth, err));
    SY_TRY(syi_pysyft_open_pair(&r->cursor, &code, err));
    SY_TRY(read_coded(r, code, err));
    syi_msgpack_leave(&r->cursor);
    r->depth--;
    return SY_OK;
}

/* [254, [id, bytes]] of the value at `begin`, behind which the cursor goes. */
static sy_status read_opaque(syi_pysyft_reader *r, const syi_msgpack_cursor *begin, bool without_id,
                             sy_error *err)
{
    syi_buffer *out = &r->out->body;
    fields f = {.count = 0};
    int64_t code = 0;
    r->cursor = *begin;
    SY_TRY(syi_msgpack_skip(&r->cursor, err));
    if (syi_msgpack_peek(begin) == SYI_MSGPACK_ARRAY) {
        syi_msgpack_cursor at = *begin;
        SY_TRY(syi_pysyft_open_pair(&at, &code, err));
        (void)find_fields(&at, &f, 1, FIELDS, "object",
                          NULL); /* a dict has pairs, a range numbers */
    }
    const size_t id = code == CODE_STRING ? 1 : 0;
    const bool has_id = f.count > id && code > SYI_CODE_SIZE && code != CODE_ROLE &&
                        (syi_msgpack_peek(&f.at[id]) == SYI_MSGPACK_INT ||
                         syi_msgpack_peek(&f.at[id]) == SYI_MSGPACK_ARRAY);
    if (!has_id && !without_id) {
        return syi_fail(err, SY_ENOTSUP, "message: type code %lld is no object that can be stored",
                        (long long)code);
    }
    syi_pysyft_put_pair(out, SYI_PYSYFT_CODE_OPAQUE, 2);
    if (has_id) {
        SY_TRY(copy_field(&f, id, out, err));
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
           (code == SYI_CODE_TENSOR || code == CODE_PARAMETER || code == SYI_CODE_POINTER ||
            code == SYI_CODE_MULTI_POINTER || child_field(code) >= 0);
}

sy_status syi_pysyft_read_object(syi_pysyft_reader *r, bool opaque, sy_error *err)
{
    const syi_msgpack_cursor begin = r->cursor;
    const size_t length = r->out->body.length;
    if (!opaque && is_object(&begin)) {
        const int depth = r->depth;
        const sy_status status = syi_pysyft_read_value(r, err);
        if (status != SY_ENOTSUP) {
            return status;
        }
        r->depth = depth;
        r->out->body.length = length;
        syi_message_drop(r->out);
    }
    return read_opaque(r, &begin, opaque, err);
}

/* To PySyft */

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

/* The elements of csyft.v1's [dtype, [dims], bytes or segment] as an array. */
static sy_status take_array(syi_pysyft_writer *w, syi_msgpack_cursor *at, syi_array *array,
                            sy_error *err)
{
    const char *name = NULL;
    const uint8_t *data = NULL;
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
    if (syi_msgpack_peek(at) == SYI_MSGPACK_BIN) {
        SY_TRY(syi_msgpack_read_bin(at, &data, &length, err));
    } else {
        SY_TRY(syi_msgpack_read_int(at, &index, err));
        if (index < 0 || index >= w->from->segment_count) {
            return syi_fail(err, SY_EFORMAT, "message: segment %lld of %u", (long long)index,
                            w->from->segment_count);
        }
        data = w->from->segments[index].data;
        length = (size_t)w->from->segments[index].length;
    }
    syi_msgpack_leave(at);
    syi_array described = SYI_ARRAY_INIT;
    SY_TRY(syi_array_describe(&described, dtype, (int)ndim, shape, err));
    if (syi_array_bytes(&described) != length) {
        return syi_fail(err, SY_EFORMAT, "message: a tensor of %zu bytes came with %zu",
                        syi_array_bytes(&described), length);
    }
    SY_TRY(syi_array_new(w->context, array, dtype, (int)ndim, shape, NULL, err));
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
static bool form_of(const syi_pysyft_writer *w, const fields *f)
{
    const char *text = NULL;
    size_t length = 0;
    if (!is_nil(f, SERIALIZER)) {
        syi_msgpack_cursor at = f->at[SERIALIZER];
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

static sy_status write_native(syi_pysyft_writer *w, const fields *f, bool all, sy_error *err)
{
    syi_pysyft_contents how = {.all = all, .key = 1};
    syi_msgpack_cursor at = f->at[CONTENTS];
    syi_array array;
    if (f->count > REQUIRES_GRAD) {
        syi_msgpack_cursor flag = f->at[REQUIRES_GRAD];
        SY_TRY(syi_msgpack_read_bool(&flag, &how.requires_grad, err));
    }
    if (f->count > INNER) {
        how.requires_grad = false; /* the Parameter says so itself */
    }
    if (f->count > EXTRA && syi_msgpack_peek(&f->at[EXTRA]) == SYI_MSGPACK_INT) {
        syi_msgpack_cursor key = f->at[EXTRA];
        SY_TRY(syi_msgpack_read_uint(&key, &how.key, err));
    }
    SY_TRY(take_array(w, &at, &array, err));
    const sy_status status = syi_pysyft_write_contents(w->context, w->out, &array, &how, err);
    syi_array_fini(&array);
    return status;
}

static sy_status write_wrapper(syi_pysyft_writer *w, const fields *f, bool all, sy_error *err)
{
    if (f->count > EXTRA && syi_msgpack_peek(&f->at[EXTRA]) == SYI_MSGPACK_BIN) {
        syi_msgpack_cursor at = f->at[EXTRA];
        const uint8_t *bytes = NULL;
        size_t size = 0;
        SY_TRY(syi_msgpack_read_bin(&at, &bytes, &size, err));
        syi_buffer_append(w->out, bytes, size);
        return syi_buffer_check(w->out, "message", err);
    }
    return syi_pysyft_put_wrapper_contents(w->context, w->out, all, err);
}

/* [14, [...]] with the id that `id` says. */
static sy_status write_fields(syi_pysyft_writer *w, const fields *f, size_t id, sy_error *err)
{
    const bool all = form_of(w, f);
    syi_pysyft_put_pair(w->out, SYI_CODE_TENSOR, PYSYFT_FIELDS);
    if (w->id != NULL) {
        syi_encode_id(w->out, w->id);
        w->id = NULL;
    } else {
        SY_TRY(copy_field(f, id, w->out, err));
    }
    if (!is_nil(f, CONTENTS)) {
        SY_TRY(write_native(w, f, all, err));
        syi_msgpack_write_nil(w->out);
    } else {
        SY_TRY(write_wrapper(w, f, all, err));
        SY_TRY(is_nil(f, CHAIN) ? copy_field(f, CHAIN, w->out, err)
                                : write_at(w, &f->at[CHAIN], err));
    }
    const bool graded = !is_nil(f, GRADIENT) && f->count <= INNER;
    SY_TRY(graded ? write_at(w, &f->at[GRADIENT], err) : SY_OK);
    if (!graded) {
        syi_msgpack_write_nil(w->out);
    }
    for (size_t k = GRADIENT + 1; k < SERIALIZER; k++) {
        SY_TRY(copy_field(f, k, w->out, err));
    }
    syi_pysyft_put_text(w->out, all ? "all" : "torch");
    for (size_t k = SERIALIZER + 1; k < PYSYFT_FIELDS; k++) {
        SY_TRY(copy_field(f, k, w->out, err));
    }
    return syi_buffer_check(w->out, "message", err);
}

/* A handle on an object that came from PySyft: it has everything in itself, labels, too. */
static bool is_opaque(const fields *f)
{
    int64_t code = 0;
    if (is_nil(f, CHAIN)) {
        return false;
    }
    syi_msgpack_cursor at = f->at[CHAIN];
    return syi_pysyft_open_pair(&at, &code, NULL) == SY_OK && code == SYI_PYSYFT_CODE_OPAQUE;
}

static sy_status write_tensor(syi_pysyft_writer *w, sy_error *err)
{
    fields f;
    SY_TRY(find_fields(&w->cursor, &f, 2, FIELDS, "tensor", err));
    if (is_opaque(&f)) {
        return write_at(w, &f.at[CHAIN], err);
    }
    if (f.count <= INNER) {
        return write_fields(w, &f, 0, err);
    }
    syi_pysyft_put_pair(w->out, CODE_PARAMETER, 4);
    SY_TRY(copy_field(&f, 0, w->out, err));
    SY_TRY(write_fields(w, &f, INNER, err));
    SY_TRY(copy_field(&f, REQUIRES_GRAD, w->out, err));
    return is_nil(&f, GRADIENT) ? copy_field(&f, GRADIENT, w->out, err)
                                : write_at(w, &f.at[GRADIENT], err);
}

/* [id, id at location, location, attribute, shape, collect, tags, description]; those to the reader have four. */
static sy_status write_pointer(syi_pysyft_writer *w, sy_error *err)
{
    fields f;
    SY_TRY(find_fields(&w->cursor, &f, 4, FIELDS, "pointer", err));
    syi_pysyft_put_pair(w->out, SYI_CODE_POINTER, 8);
    for (size_t k = 0; k < 8; k++) {
        if (k == 5 && k >= f.count) {
            syi_msgpack_write_bool(w->out, false);
        } else {
            SY_TRY(copy_field(&f, k, w->out, err));
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
        return child_field(code) >= 0 ? write_elements(w, code, child_field(code), err)
                                      : unknown(code, err);
    }
}

sy_status syi_pysyft_write_value(syi_pysyft_writer *w, sy_error *err)
{
    int64_t code = 0;
    if (syi_msgpack_peek(&w->cursor) != SYI_MSGPACK_ARRAY) {
        return syi_pysyft_copy(&w->cursor, w->out, err);
    }
    SY_TRY(deeper(&w->depth, err));
    SY_TRY(syi_pysyft_open_pair(&w->cursor, &code, err));
    SY_TRY(write_coded(w, code, err));
    syi_msgpack_leave(&w->cursor);
    w->depth--;
    return SY_OK;
}
