/* answers.c - csyft.v1's answers in PySyft's shapes. */
#include "pysyft/answers.h"

#include <stdio.h>
#include <string.h>

#include "core/surroundings.h"
#include "serde/codes.h"
#include "serde/serde.h"

static sy_status fresh_id(sy_context *context, sy_id *id, sy_error *err)
{
    uint64_t drawn = 0;
    SY_TRY(syi_random_bytes(context, &drawn, sizeof drawn, err));
    *id = sy_id_from_int((int64_t)(drawn % UINT64_C(100000000000)));
    return SY_OK;
}

/* [name, traceback, attributes]. PySyft makes a traceback of the text again and wants at least one line of code in
 * it; ours names none. */
static void begin_error(syi_buffer *out, int code, const char *name, const char *what,
                        const char *sentence)
{
    char text[900];
    snprintf(text, sizeof text,
             "Traceback (most recent call last):\n  File \"csyft\", line 1, in %s\n    %.600s\n",
             what, sentence);
    syi_pysyft_put_pair(out, code, 3);
    syi_pysyft_put_text(out, name);
    syi_pysyft_put_text(out, text);
}

sy_status syi_pysyft_write_refusal(const char *what, const char *sentence, syi_buffer *out,
                                   sy_error *err)
{
    begin_error(out, SYI_PYSYFT_NOT_PERMITTED, "GetNotPermittedError", what, sentence);
    syi_pysyft_put_pair(out, SYI_CODE_DICT, 0);
    return syi_buffer_check(out, "answer", err);
}

/* The caller named fewer ids than there are results; these are all of them, its own first. */
static sy_status write_signature(const sy_id *ids, size_t count, syi_buffer *out, sy_error *err)
{
    begin_error(out, SYI_PYSYFT_SIGNATURE, "ResponseSignatureError", "TensorCommandMessage",
                "the command has more results than were named");
    syi_pysyft_put_pair(out, SYI_CODE_DICT, 1);
    syi_msgpack_write_array(out, 2);
    syi_pysyft_put_text(out, "ids_generated");
    syi_pysyft_put_pair(out, SYI_CODE_LIST, count);
    for (size_t k = 0; k < count; k++) {
        syi_encode_id(out, &ids[k]);
    }
    return syi_buffer_check(out, "answer", err);
}

typedef struct descriptor {
    sy_id id;
    bool native;
    size_t ndim;
    int64_t shape[SY_DIM_MAX];
} descriptor;

static sy_status read_id(syi_msgpack_cursor *cursor, sy_id *id, sy_error *err)
{
    int64_t number = 0;
    const char *text = NULL;
    size_t length = 0;
    char copy[SY_ID_TEXT_SIZE + 1];
    if (syi_msgpack_peek(cursor) == SYI_MSGPACK_INT) {
        SY_TRY(syi_msgpack_read_int(cursor, &number, err));
        *id = sy_id_from_int(number);
        return SY_OK;
    }
    SY_TRY(syi_pysyft_read_text(cursor, &text, &length, err));
    if (text == NULL || length >= sizeof copy) {
        return syi_fail(err, SY_EPROTO, "answer: a descriptor without an id");
    }
    memcpy(copy, text, length);
    copy[length] = '\0';
    return sy_id_from_text(id, copy, err);
}

/* [id, generation, dtype, [dims]] */
static sy_status read_descriptor(syi_msgpack_cursor *cursor, descriptor *d, sy_error *err)
{
    SY_TRY(syi_msgpack_read_tuple(cursor, 4, "descriptor", err));
    SY_TRY(read_id(cursor, &d->id, err));
    SY_TRY(syi_msgpack_skip(cursor, err));
    SY_TRY(syi_msgpack_skip(cursor, err));
    d->native = syi_msgpack_peek(cursor) == SYI_MSGPACK_ARRAY;
    d->ndim = 0;
    if (!d->native) {
        SY_TRY(syi_msgpack_skip(cursor, err));
    } else {
        SY_TRY(syi_msgpack_read_array(cursor, &d->ndim, err));
        for (size_t k = 0; k < d->ndim; k++) {
            int64_t dim = 0;
            SY_TRY(syi_msgpack_read_int(cursor, &dim, err));
            if (k < SY_DIM_MAX) {
                d->shape[k] = dim;
            }
        }
        d->ndim = d->ndim < SY_DIM_MAX ? d->ndim : SY_DIM_MAX;
        syi_msgpack_leave(cursor);
    }
    syi_msgpack_leave(cursor);
    return SY_OK;
}

static syi_msgpack_cursor cursor_of(const syi_message *reply)
{
    syi_msgpack_cursor cursor;
    syi_msgpack_cursor_init(&cursor, reply->body.data, reply->body.length, SYI_MSGPACK_DEPTH_MAX,
                            0);
    return cursor;
}

/* The cursor is behind the descriptors then, before the plain value. */
static sy_status read_results(syi_msgpack_cursor *cursor, sy_id *ids, size_t room, size_t *count,
                              sy_error *err)
{
    SY_TRY(syi_msgpack_read_tuple(cursor, 2, "answer", err));
    SY_TRY(syi_msgpack_read_array(cursor, count, err));
    if (*count > room) {
        return syi_fail(err, SY_ELIMIT, "answer: %zu results, at most %zu", *count, room);
    }
    for (size_t k = 0; k < *count; k++) {
        descriptor d;
        SY_TRY(read_descriptor(cursor, &d, err));
        ids[k] = d.id;
    }
    syi_msgpack_leave(cursor);
    return SY_OK;
}

sy_status syi_pysyft_read_results(const syi_message *reply, sy_id *ids, size_t room, size_t *count,
                                  sy_error *err)
{
    syi_msgpack_cursor cursor = cursor_of(reply);
    return read_results(&cursor, ids, room, count, err);
}

static sy_status write_command(const syi_pysyft_voice *voice, const syi_pysyft_request *request,
                               const syi_message *reply, syi_buffer *out, sy_error *err)
{
    sy_id ids[SYI_OUTPUT_MAX];
    size_t count = 0;
    syi_pysyft_writer writer;
    syi_pysyft_writer_init(&writer, voice->context, reply, out, voice->all);
    writer.ops = voice->ops;
    SY_TRY(read_results(&writer.cursor, ids, SYI_OUTPUT_MAX, &count, err));
    return count > request->return_count ? write_signature(ids, count, out, err)
                                         : syi_pysyft_write_value(&writer, err);
}

/* [descriptor, ...] */
static sy_status write_run(const syi_pysyft_request *request, const syi_message *reply,
                           syi_buffer *out, sy_error *err)
{
    sy_id ids[SYI_OUTPUT_MAX];
    syi_msgpack_cursor cursor = cursor_of(reply);
    size_t count = 0;
    SY_TRY(syi_msgpack_read_array(&cursor, &count, err));
    if (count > SYI_OUTPUT_MAX) {
        return syi_fail(err, SY_ELIMIT, "answer: %zu results, at most %d", count, SYI_OUTPUT_MAX);
    }
    for (size_t k = 0; k < count; k++) {
        descriptor d;
        SY_TRY(read_descriptor(&cursor, &d, err));
        ids[k] = d.id;
    }
    if (count > request->return_count) {
        return write_signature(ids, count, out, err);
    }
    syi_msgpack_write_nil(out);
    return syi_buffer_check(out, "answer", err);
}

static sy_status write_shape(const syi_message *reply, syi_buffer *out, sy_error *err)
{
    syi_msgpack_cursor cursor = cursor_of(reply);
    SY_TRY(syi_msgpack_read_tuple(&cursor, 2, "shape", err));
    SY_TRY(syi_msgpack_skip(&cursor, err));
    syi_msgpack_write_array(out, 2);
    syi_msgpack_write_int(out, SYI_CODE_LIST);
    return syi_pysyft_copy(&cursor, out, err);
}

typedef struct labels {
    syi_msgpack_cursor tags; /* the array's first */
    size_t tag_count;
    const char *text; /* description; NULL: none */
    size_t length;
} labels;

/* A set, or none. */
static sy_status put_tags(const labels *l, syi_buffer *out, sy_error *err)
{
    syi_msgpack_cursor at = l->tags;
    if (l->tag_count == 0) {
        syi_msgpack_write_nil(out);
        return SY_OK;
    }
    syi_pysyft_put_pair(out, SYI_CODE_SET, l->tag_count);
    for (size_t k = 0; k < l->tag_count; k++) {
        SY_TRY(syi_pysyft_copy(&at, out, err));
    }
    return SY_OK;
}

/* [25, [id, id at location, location, attribute, shape, collect, tags, description]] */
static void put_pointer_head(const syi_pysyft_voice *voice, const sy_id *id, const descriptor *d,
                             const sy_id *location, syi_buffer *out)
{
    (void)voice;
    syi_pysyft_put_pair(out, SYI_CODE_POINTER, 8);
    syi_encode_id(out, id);
    syi_encode_id(out, &d->id);
    syi_encode_id(out, location);
    syi_msgpack_write_nil(out);
    if (d->native) {
        syi_encode_ints(out, d->shape, (int)d->ndim);
    } else {
        syi_msgpack_write_nil(out);
    }
    syi_msgpack_write_bool(out, false);
}

/* A wrapper around a pointer that owns nothing. */
static sy_status put_found(const syi_pysyft_voice *voice, const descriptor *d, const labels *l,
                           syi_buffer *out, sy_error *err)
{
    sy_id id = SY_ID_INIT;
    SY_TRY(fresh_id(voice->context, &id, err));
    syi_pysyft_put_pair(out, SYI_CODE_TENSOR, 9);
    syi_encode_id(out, &id);
    SY_TRY(syi_pysyft_put_wrapper_contents(voice->context, out, voice->all, err));
    put_pointer_head(voice, &id, d, &voice->worker, out);
    SY_TRY(put_tags(l, out, err));
    if (l->text != NULL) {
        syi_msgpack_write_str(out, l->text, l->length);
    } else {
        syi_msgpack_write_nil(out);
    }
    syi_msgpack_write_nil(out); /* gradient */
    SY_TRY(put_tags(l, out, err));
    if (l->text != NULL) {
        syi_pysyft_put_pair(out, SYI_CODE_STR, 1);
        syi_msgpack_write_bin(out, l->text, l->length);
    } else {
        syi_msgpack_write_nil(out);
    }
    syi_pysyft_put_text(out, voice->all ? "all" : "torch");
    syi_msgpack_write_nil(out);
    syi_msgpack_write_nil(out);
    return syi_buffer_check(out, "answer", err);
}

/* [[descriptor, [tags], description, private], ...] */
static sy_status write_search(const syi_pysyft_voice *voice, const syi_message *reply,
                              syi_buffer *out, sy_error *err)
{
    syi_msgpack_cursor cursor = cursor_of(reply);
    size_t count = 0;
    SY_TRY(syi_msgpack_read_array(&cursor, &count, err));
    syi_pysyft_put_pair(out, SYI_CODE_LIST, count);
    for (size_t k = 0; k < count; k++) {
        descriptor d;
        labels l;
        SY_TRY(syi_msgpack_read_tuple(&cursor, 4, "search result", err));
        SY_TRY(read_descriptor(&cursor, &d, err));
        SY_TRY(syi_msgpack_read_array(&cursor, &l.tag_count, err));
        l.tags = cursor;
        for (size_t tag = 0; tag < l.tag_count; tag++) {
            SY_TRY(syi_msgpack_skip(&cursor, err));
        }
        syi_msgpack_leave(&cursor);
        SY_TRY(syi_pysyft_read_text(&cursor, &l.text, &l.length, err));
        SY_TRY(syi_msgpack_skip(&cursor, err));
        syi_msgpack_leave(&cursor);
        SY_TRY(put_found(voice, &d, &l, out, err));
    }
    return SY_OK;
}

static sy_status write_pointer(const syi_pysyft_voice *voice, const syi_pysyft_request *request,
                               const syi_message *reply, syi_buffer *out, sy_error *err)
{
    syi_msgpack_cursor cursor = cursor_of(reply);
    descriptor d;
    sy_id id = SY_ID_INIT;
    SY_TRY(read_descriptor(&cursor, &d, err));
    SY_TRY(fresh_id(voice->context, &id, err));
    put_pointer_head(voice, &id, &d, &request->location, out);
    syi_pysyft_put_pair(out, SYI_CODE_SET, 0);
    syi_msgpack_write_nil(out);
    return syi_buffer_check(out, "answer", err);
}

sy_status syi_pysyft_write_object(const syi_pysyft_voice *voice, const syi_message *reply,
                                  syi_buffer *out, sy_error *err)
{
    syi_pysyft_writer writer;
    syi_pysyft_writer_init(&writer, voice->context, reply, out, voice->all);
    writer.ops = voice->ops;
    return syi_pysyft_write_value(&writer, err);
}

sy_status syi_pysyft_write_answer(const syi_pysyft_voice *voice, const syi_pysyft_request *request,
                                  const syi_message *reply, syi_buffer *out, sy_error *err)
{
    switch (request->answer) {
    case SYI_PYSYFT_ANSWERS_COMMAND:
        return write_command(voice, request, reply, out, err);
    case SYI_PYSYFT_ANSWERS_VALUE:
        return syi_pysyft_write_object(voice, reply, out, err);
    case SYI_PYSYFT_ANSWERS_SHAPE:
        return write_shape(reply, out, err);
    case SYI_PYSYFT_ANSWERS_SEARCH:
        return write_search(voice, reply, out, err);
    case SYI_PYSYFT_ANSWERS_RUN:
        return write_run(request, reply, out, err);
    case SYI_PYSYFT_ANSWERS_POINTER:
        return write_pointer(voice, request, reply, out, err);
    default:
        syi_msgpack_write_nil(out);
        return syi_buffer_check(out, "answer", err);
    }
}
