/* replies.c - what a PySyft server answers, as replies of csyft.v1. */
#include <string.h>

#include "messaging/control.h"
#include "pysyft/questions.h"
#include "serde/codes.h"
#include "serde/serde.h"

static void put_descriptor(syi_buffer *out, const sy_id *id, const syi_pysyft_question *native)
{
    syi_msgpack_write_array(out, 4);
    syi_encode_id(out, id);
    syi_msgpack_write_uint(out, 0); /* there are no generations */
    if (native == NULL) {
        syi_msgpack_write_nil(out);
        syi_msgpack_write_nil(out);
        return;
    }
    const char *dtype = sy_dtype_name(native->dtype);
    syi_msgpack_write_str(out, dtype, strlen(dtype));
    syi_msgpack_write_array(out, (size_t)native->ndim);
    for (int k = 0; k < native->ndim; k++) {
        syi_msgpack_write_int(out, native->shape[k]);
    }
}

static sy_status read_command_answer(syi_pysyft_reader *r, const syi_pysyft_question *q,
                                     sy_error *err)
{
    syi_buffer *out = &r->out->body;
    const bool none = syi_msgpack_peek(&r->cursor) == SYI_MSGPACK_NIL;
    syi_msgpack_write_array(out, 2);
    syi_msgpack_write_array(out, none ? q->result_count : 0);
    for (size_t k = 0; none && k < q->result_count; k++) {
        put_descriptor(out, &q->results[k], NULL);
    }
    return syi_pysyft_read_value(r, err);
}

/* ResponseSignatureError's ids_generated: the results are there, under these ids. The body is at the cursor. */
static sy_status read_signature(syi_pysyft_reader *r, const syi_pysyft_question *q, sy_error *err)
{
    syi_msgpack_cursor *cursor = &r->cursor;
    syi_buffer *out = &r->out->body;
    int64_t code = 0;
    size_t count = 0;
    SY_TRY(syi_msgpack_read_tuple(cursor, 3, "error", err));
    SY_TRY(syi_msgpack_skip(cursor, err));
    SY_TRY(syi_msgpack_skip(cursor, err));
    SY_TRY(syi_pysyft_open_pair(cursor, &code, err));
    SY_TRY(syi_msgpack_read_tuple(cursor, 1, "attributes of an error", err));
    SY_TRY(syi_msgpack_read_tuple(cursor, 2, "[name, value]", err));
    SY_TRY(syi_msgpack_skip(cursor, err));
    SY_TRY(syi_pysyft_open_pair(cursor, &code, err));
    SY_TRY(syi_msgpack_read_array(cursor, &count, err));
    if (!q->run) {
        syi_msgpack_write_array(out, 2);
    }
    syi_msgpack_write_array(out, count);
    for (size_t k = 0; k < count; k++) {
        sy_id id = SY_ID_INIT;
        SY_TRY(syi_pysyft_read_id(cursor, &id, err));
        put_descriptor(out, &id, NULL);
    }
    if (!q->run) {
        syi_msgpack_write_nil(out);
    }
    cursor->next = cursor->end;
    return syi_buffer_check(out, "answer", err);
}

static sy_status put_error(syi_message *reply, sy_status status, const char *sentence)
{
    sy_error said = SY_ERROR_INIT;
    syi_fail(&said, status, "%s", sentence);
    syi_message_clear(reply);
    reply->kind = SYI_KIND_ERROR;
    syi_error_encode(&reply->body, &said);
    return SY_OK;
}

/* An error's name becomes a status; its traceback stays where it came from. */
static sy_status read_error(syi_pysyft_reader *r, int64_t code, const syi_pysyft_question *q,
                            sy_error *err)
{
    switch (code) {
    case SYI_PYSYFT_SIGNATURE:
        if (q->kind == SYI_KIND_COMMAND || q->run) {
            return read_signature(r, q, err);
        }
        r->cursor.next = r->cursor.end;
        return put_error(r->out, SY_ESIGNATURE, "ResponseSignatureError");
    case SYI_PYSYFT_NOT_PERMITTED:
        r->cursor.next = r->cursor.end;
        return put_error(r->out, SY_EPERM,
                         "GetNotPermittedError: the server does not give it away");
    default:
        r->cursor.next = r->cursor.end;
        return put_error(r->out, SY_EREMOTE,
                         "EmptyCryptoPrimitiveStoreError: the server has no primitives for that");
    }
}

/* [1, [dims]]; PySyft does not tell dtypes. */
static sy_status read_shape(syi_pysyft_reader *r, sy_error *err)
{
    int64_t code = 0;
    SY_TRY(syi_pysyft_open_pair(&r->cursor, &code, err));
    syi_msgpack_write_array(&r->out->body, 2);
    syi_msgpack_write_str(&r->out->body, "float32", 7);
    return syi_pysyft_copy(&r->cursor, &r->out->body, err);
}

/* Into a pointer: its fields begin. Wrappers are looked through. */
static sy_status open_pointer(syi_msgpack_cursor *at, sy_error *err)
{
    int64_t code = 0;
    size_t count = 0;
    SY_TRY(syi_pysyft_open_pair(at, &code, err));
    if (code == SYI_CODE_TENSOR) {
        SY_TRY(syi_msgpack_read_array(at, &count, err));
        SY_TRY(syi_msgpack_skip(at, err));
        SY_TRY(syi_msgpack_skip(at, err));
        SY_TRY(syi_pysyft_open_pair(at, &code, err));
    }
    if (code != SYI_CODE_POINTER) {
        return syi_fail(err, SY_EPROTO, "type code %lld where a pointer is expected",
                        (long long)code);
    }
    return syi_msgpack_read_tuple(at, 8, "pointer", err);
}

static sy_status copy_tags(syi_msgpack_cursor *at, syi_buffer *out, sy_error *err)
{
    int64_t code = 0;
    if (syi_msgpack_peek(at) == SYI_MSGPACK_NIL) {
        syi_msgpack_write_array(out, 0);
        return syi_msgpack_read_nil(at, err);
    }
    SY_TRY(syi_pysyft_open_pair(at, &code, err));
    SY_TRY(syi_pysyft_copy(at, out, err));
    syi_msgpack_leave(at);
    return SY_OK;
}

/* A list of wrapped pointers: [[descriptor, [tags], description, private], ...] */
static sy_status read_found(syi_pysyft_reader *r, sy_error *err)
{
    syi_buffer *out = &r->out->body;
    int64_t code = 0;
    size_t count = 0;
    SY_TRY(syi_pysyft_open_pair(&r->cursor, &code, err));
    SY_TRY(syi_msgpack_read_array(&r->cursor, &count, err));
    syi_msgpack_write_array(out, count);
    for (size_t k = 0; k < count; k++) {
        syi_msgpack_cursor at = r->cursor;
        sy_id id = SY_ID_INIT;
        const char *text = NULL;
        size_t length = 0;
        SY_TRY(syi_msgpack_skip(&r->cursor, err));
        SY_TRY(open_pointer(&at, err));
        SY_TRY(syi_msgpack_skip(&at, err));
        SY_TRY(syi_pysyft_read_id(&at, &id, err));
        for (int field = 2; field < 6; field++) {
            SY_TRY(syi_msgpack_skip(&at, err));
        }
        syi_msgpack_write_array(out, 4);
        put_descriptor(out, &id, NULL);
        SY_TRY(copy_tags(&at, out, err));
        SY_TRY(syi_pysyft_read_text(&at, &text, &length, err));
        if (text != NULL) {
            syi_pysyft_put_pair(out, SYI_CODE_STR, 1);
            syi_msgpack_write_bin(out, text, length);
        } else {
            syi_msgpack_write_nil(out);
        }
        syi_msgpack_write_bool(out, false);
    }
    return syi_buffer_check(out, "answer", err);
}

static sy_status read_worker_answer(syi_pysyft_reader *r, const syi_pysyft_question *q,
                                    sy_error *err)
{
    syi_msgpack_cursor at = r->cursor;
    sy_id id = SY_ID_INIT;
    if (q->run) {
        syi_msgpack_write_array(&r->out->body, q->result_count);
        for (size_t k = 0; k < q->result_count; k++) {
            put_descriptor(&r->out->body, &q->results[k], NULL);
        }
        return syi_msgpack_skip(&r->cursor, err); /* none */
    }
    if (!q->pointer) {
        return syi_pysyft_read_value(r, err);
    }
    SY_TRY(syi_msgpack_skip(&r->cursor, err));
    SY_TRY(open_pointer(&at, err));
    SY_TRY(syi_msgpack_skip(&at, err));
    SY_TRY(syi_pysyft_read_id(&at, &id, err));
    put_descriptor(&r->out->body, &id, NULL);
    return syi_buffer_check(&r->out->body, "answer", err);
}

static sy_status read_kind(syi_pysyft_reader *r, const syi_pysyft_question *q, sy_error *err)
{
    switch (q->kind) {
    case SYI_KIND_COMMAND:
        return read_command_answer(r, q, err);
    case SYI_KIND_OBJECT:
        put_descriptor(&r->out->body, &q->object, q->native ? q : NULL);
        return syi_msgpack_read_nil(&r->cursor, err);
    case SYI_KIND_GET_SHAPE:
        return read_shape(r, err);
    case SYI_KIND_SEARCH:
        return read_found(r, err);
    case SYI_KIND_WORKER_COMMAND:
        return read_worker_answer(r, q, err);
    case SYI_KIND_OBJECT_REQUEST:
        return syi_pysyft_read_object(r, false, err);
    default: /* a bool */
        return syi_pysyft_read_value(r, err);
    }
}

sy_status syi_pysyft_read_reply(sy_context *context, const uint8_t *body, size_t size,
                                const syi_pysyft_question *question, const sy_id *worker,
                                syi_account *account, syi_message *reply, sy_error *err)
{
    syi_pysyft_reader r;
    int64_t code = 0;
    (void)worker;
    syi_pysyft_reader_init(&r, context, body, size, reply, account);
    reply->kind = SYI_KIND_REPLY;
    syi_msgpack_cursor at = r.cursor;
    sy_status status = SY_OK;
    if (syi_msgpack_peek(&at) == SYI_MSGPACK_ARRAY &&
        syi_pysyft_open_pair(&at, &code, NULL) == SY_OK &&
        (code == SYI_PYSYFT_SIGNATURE || code == SYI_PYSYFT_NOT_PERMITTED ||
         code == SYI_PYSYFT_EMPTY_STORE)) {
        r.cursor = at;
        status = read_error(&r, code, question, err);
    } else {
        status = read_kind(&r, question, err);
    }
    if (status == SY_OK && r.cursor.next != r.cursor.end) {
        status = syi_fail(err, SY_EPROTO, "%zu bytes follow the answer",
                          (size_t)(r.cursor.end - r.cursor.next));
    }
    reply->id = question->id;
    reply->trace = question->trace;
    return status == SY_OK ? syi_buffer_check(&reply->body, "answer", err) : status;
}
