/* questions.c - what csyft asks a PySyft server, in that one's words. */
#include "pysyft/questions.h"

#include <stdio.h>
#include <string.h>

#include "core/surroundings.h"
#include "messaging/control.h"
#include "pysyft/spelling.h"
#include "serde/codes.h"
#include "serde/serde.h"

typedef struct source {
    syi_pysyft_writer writer; /* of csyft.v1's body */
    syi_pysyft_question *question;
    const sy_id *worker;
    bool *local;
} source;

static syi_msgpack_cursor *cursor_of(source *s)
{
    return &s->writer.cursor;
}

/* [25, [id, id at location, location, attribute, none, false, none, none]] */
static void put_pointer(syi_buffer *out, const sy_id *id, const sy_id *worker,
                        const char *attribute, size_t length)
{
    syi_pysyft_put_pair(out, SYI_CODE_POINTER, 8);
    syi_encode_id(out, id);
    syi_encode_id(out, id);
    syi_encode_id(out, worker);
    if (attribute != NULL) {
        syi_pysyft_put_pair(out, SYI_CODE_STR, 1);
        syi_msgpack_write_bin(out, attribute, length);
    } else {
        syi_msgpack_write_nil(out);
    }
    syi_msgpack_write_nil(out);
    syi_msgpack_write_bool(out, false);
    syi_msgpack_write_nil(out);
    syi_msgpack_write_nil(out);
}

/* Commands */

static void begin_action(syi_buffer *out, int code, const char *name, size_t length)
{
    syi_msgpack_write_array(out, 2);
    syi_msgpack_write_int(out, SYI_PYSYFT_COMMAND);
    syi_msgpack_write_array(out, 1);
    syi_pysyft_put_pair(out, code, 6);
    syi_pysyft_put_pair(out, SYI_CODE_STR, 1);
    syi_msgpack_write_bin(out, name, length);
}

static void end_action(syi_buffer *out, const sy_id *ids, size_t count)
{
    syi_pysyft_put_pair(out, SYI_CODE_TUPLE, count);
    for (size_t k = 0; k < count; k++) {
        syi_encode_id(out, &ids[k]);
    }
    syi_msgpack_write_bool(out, false);
}

sy_status syi_pysyft_write_copy(const sy_id *object, const sy_id *fresh, const sy_id *worker,
                                syi_buffer *out, sy_error *err)
{
    begin_action(out, SYI_PYSYFT_COMPUTATION, "clone", 5);
    put_pointer(out, object, worker, NULL, 0);
    syi_pysyft_put_pair(out, SYI_CODE_TUPLE, 0);
    syi_pysyft_put_pair(out, SYI_CODE_DICT, 0);
    end_action(out, fresh, 1);
    return syi_buffer_check(out, "message", err);
}

static bool is_object(const syi_msgpack_cursor *at)
{
    syi_msgpack_cursor cursor = *at;
    int64_t code = 0;
    return syi_pysyft_open_pair(&cursor, &code, NULL) == SY_OK &&
           (code == SYI_CODE_TENSOR || code == SYI_CODE_POINTER);
}

static bool points_here(const syi_msgpack_cursor *at, syi_msgpack_cursor *fields, size_t *count)
{
    int64_t code = 0;
    *fields = *at;
    return syi_pysyft_open_pair(fields, &code, NULL) == SY_OK && code == SYI_CODE_POINTER &&
           syi_msgpack_read_array(fields, count, NULL) == SY_OK && *count == 4;
}

/* A pointer to the one that is asked says so with his name, which csyft.v1 leaves out. */
static sy_status put_value(source *s, sy_error *err)
{
    syi_msgpack_cursor fields;
    size_t count = 0;
    const char *attribute = NULL;
    size_t length = 0;
    int64_t code = 0;
    sy_id id = SY_ID_INIT;
    syi_buffer *out = s->writer.out;
    if (syi_msgpack_peek(cursor_of(s)) != SYI_MSGPACK_ARRAY) {
        return syi_pysyft_copy(cursor_of(s), out, err);
    }
    if (points_here(cursor_of(s), &fields, &count)) {
        SY_TRY(syi_msgpack_skip(cursor_of(s), err));
        SY_TRY(syi_msgpack_skip(&fields, err));
        SY_TRY(syi_pysyft_read_id(&fields, &id, err));
        SY_TRY(syi_msgpack_skip(&fields, err));
        SY_TRY(syi_pysyft_read_text(&fields, &attribute, &length, err));
        put_pointer(out, &id, s->worker, attribute, length);
        return syi_buffer_check(out, "message", err);
    }
    fields = *cursor_of(s);
    SY_TRY(syi_pysyft_open_pair(&fields, &code, err));
    if (code != SYI_CODE_LIST && code != SYI_CODE_TUPLE) {
        return syi_pysyft_write_value(&s->writer, err);
    }
    SY_TRY(syi_pysyft_open_pair(cursor_of(s), &code, err));
    SY_TRY(syi_msgpack_read_array(cursor_of(s), &count, err));
    syi_pysyft_put_pair(out, (int)code, count);
    for (size_t k = 0; k < count; k++) { /* no deeper than csyft's own lists */
        SY_TRY(put_value(s, err));
    }
    syi_msgpack_leave(cursor_of(s));
    syi_msgpack_leave(cursor_of(s));
    return SY_OK;
}

/* The head of the action, and its object: method and object, or function and none. */
static sy_status put_name(source *s, const char *name, size_t length, size_t *count, sy_error *err)
{
    char full[160];
    const bool dotted = memchr(name, '.', length) != NULL;
    const char *module = dotted ? NULL : syi_pysyft_module_of(name, length);
    const bool method = !dotted && module == NULL && *count > 0 && is_object(cursor_of(s));
    if (!dotted && !method && module == NULL) {
        module = "torch.";
    }
    const int size =
        snprintf(full, sizeof full, "%s%.*s", module != NULL ? module : "", (int)length, name);
    if (size < 0 || (size_t)size >= sizeof full) {
        return syi_fail(err, SY_EINVAL, "an operation's name of %zu characters", length);
    }
    begin_action(s->writer.out, SYI_PYSYFT_COMPUTATION, full, (size_t)size);
    if (!method) {
        syi_msgpack_write_nil(s->writer.out);
        return SY_OK;
    }
    --*count;
    return put_value(s, err);
}

static sy_status put_keywords(source *s, sy_error *err)
{
    size_t count = 0;
    SY_TRY(syi_msgpack_read_map(cursor_of(s), &count, err));
    syi_pysyft_put_pair(s->writer.out, SYI_CODE_DICT, count);
    for (size_t k = 0; k < count; k++) {
        const char *name = NULL;
        size_t length = 0;
        SY_TRY(syi_pysyft_read_text(cursor_of(s), &name, &length, err));
        syi_msgpack_write_array(s->writer.out, 2);
        syi_pysyft_put_pair(s->writer.out, SYI_CODE_STR, 1);
        syi_msgpack_write_bin(s->writer.out, name, length);
        SY_TRY(put_value(s, err));
    }
    syi_msgpack_leave(cursor_of(s));
    return SY_OK;
}

/* [name, [1, args], kwargs, [ids]] */
static sy_status write_command(source *s, sy_error *err)
{
    syi_pysyft_question *q = s->question;
    const char *name = NULL;
    size_t length = 0;
    size_t count = 0;
    size_t ids = 0;
    int64_t code = 0;
    SY_TRY(syi_msgpack_read_tuple(cursor_of(s), 4, "command", err));
    SY_TRY(syi_msgpack_read_str(cursor_of(s), &name, &length, err));
    SY_TRY(syi_pysyft_open_pair(cursor_of(s), &code, err));
    SY_TRY(syi_msgpack_read_array(cursor_of(s), &count, err));
    SY_TRY(put_name(s, name, length, &count, err));
    syi_pysyft_put_pair(s->writer.out, SYI_CODE_TUPLE, count);
    for (size_t k = 0; k < count; k++) {
        SY_TRY(put_value(s, err));
    }
    syi_msgpack_leave(cursor_of(s));
    syi_msgpack_leave(cursor_of(s));
    SY_TRY(put_keywords(s, err));
    SY_TRY(syi_msgpack_read_array(cursor_of(s), &ids, err));
    for (size_t k = 0; k < ids && k < SYI_PYSYFT_RETURN_MAX; k++) {
        SY_TRY(syi_pysyft_read_id(cursor_of(s), &q->results[k], err));
        q->result_count = k + 1;
    }
    q->inplace = q->result_count == 0;
    end_action(s->writer.out, q->results, q->result_count);
    return SY_OK;
}

/* The rest */

/* What the answer's descriptor will say: [14, [id, contents, ..]] is at `at`. */
static sy_status look_at_object(source *s, syi_msgpack_cursor at, sy_error *err)
{
    syi_pysyft_question *q = s->question;
    const char *dtype = NULL;
    size_t length = 0;
    size_t count = 0;
    int64_t code = 0;
    sy_id id = SY_ID_INIT;
    SY_TRY(syi_pysyft_open_pair(&at, &code, err));
    if (code != SYI_CODE_TENSOR) {
        return syi_fail(err, SY_ENOTSUP, "an object of type code %lld cannot be sent to PySyft",
                        (long long)code);
    }
    SY_TRY(syi_msgpack_read_array(&at, &count, err));
    SY_TRY(syi_pysyft_read_id(&at, &id, err));
    q->object = sy_id_is_none(&q->object) ? id : q->object;
    if (syi_msgpack_peek(&at) != SYI_MSGPACK_ARRAY) {
        return SY_OK;
    }
    SY_TRY(syi_msgpack_read_array(&at, &count, err));
    SY_TRY(syi_msgpack_read_str(&at, &dtype, &length, err));
    SY_TRY(syi_msgpack_read_array(&at, &count, err));
    q->native = syi_dtype_find(dtype, length, &q->dtype) && count <= SY_DIM_MAX;
    q->ndim = (int)count;
    for (size_t k = 0; q->native && k < count; k++) {
        SY_TRY(syi_msgpack_read_int(&at, &q->shape[k], err));
    }
    return SY_OK;
}

/* [id or nil, object]: the id stands in the object there. */
static sy_status write_object(source *s, sy_error *err)
{
    SY_TRY(syi_msgpack_read_tuple(cursor_of(s), 2, "object", err));
    SY_TRY(syi_pysyft_read_id(cursor_of(s), &s->question->object, err));
    SY_TRY(look_at_object(s, *cursor_of(s), err));
    syi_msgpack_write_array(s->writer.out, 2);
    syi_msgpack_write_int(s->writer.out, SYI_PYSYFT_OBJECT);
    syi_msgpack_write_array(s->writer.out, 1);
    s->writer.id = &s->question->object;
    return syi_pysyft_write_value(&s->writer, err);
}

static sy_status write_object_request(source *s, bool plan, sy_error *err)
{
    SY_TRY(syi_msgpack_read_tuple(cursor_of(s), 2, "object request", err));
    bool keep = false;
    SY_TRY(syi_pysyft_read_id(cursor_of(s), &s->question->object, err));
    if (plan) { /* PlanCommandMessage: ["fetch_plan", (id, copy)] */
        SY_TRY(syi_msgpack_read_bool(cursor_of(s), &keep, err));
        syi_pysyft_put_pair(s->writer.out, SYI_PYSYFT_PLAN_COMMAND, 2);
        syi_pysyft_put_text(s->writer.out, "fetch_plan");
        syi_pysyft_put_pair(s->writer.out, SYI_CODE_TUPLE, 2);
        syi_encode_id(s->writer.out, &s->question->object);
        syi_msgpack_write_bool(s->writer.out, keep);
        return SY_OK;
    }
    syi_pysyft_put_pair(s->writer.out, SYI_PYSYFT_OBJECT_REQUEST, 3);
    syi_encode_id(s->writer.out, &s->question->object);
    syi_msgpack_write_nil(s->writer.out);
    syi_pysyft_put_text(s->writer.out, "");
    return SY_OK;
}

static sy_status write_question(source *s, int code, sy_error *err)
{
    const char *attribute = NULL;
    size_t length = 0;
    sy_id id = SY_ID_INIT;
    SY_TRY(syi_msgpack_read_tuple(cursor_of(s), 2, "question", err));
    SY_TRY(syi_pysyft_read_id(cursor_of(s), &id, err));
    SY_TRY(syi_pysyft_read_text(cursor_of(s), &attribute, &length, err));
    syi_pysyft_put_pair(s->writer.out, code, 1);
    if (code == SYI_PYSYFT_IS_NONE && attribute == NULL) {
        syi_encode_id(s->writer.out, &id);
    } else {
        put_pointer(s->writer.out, &id, s->worker, attribute, length);
    }
    return SY_OK;
}

/* [[id, generation], ...] */
static sy_status write_deletion(source *s, sy_error *err)
{
    size_t count = 0;
    SY_TRY(syi_msgpack_read_array(cursor_of(s), &count, err));
    s->question->silent = true;
    syi_msgpack_write_array(s->writer.out, 2);
    syi_msgpack_write_int(s->writer.out, SYI_PYSYFT_DELETE);
    syi_pysyft_put_pair(s->writer.out, SYI_CODE_LIST, count);
    for (size_t k = 0; k < count; k++) {
        sy_id id = SY_ID_INIT;
        SY_TRY(syi_msgpack_read_tuple(cursor_of(s), 2, "deletion", err));
        SY_TRY(syi_pysyft_read_id(cursor_of(s), &id, err));
        SY_TRY(syi_msgpack_skip(cursor_of(s), err));
        syi_msgpack_leave(cursor_of(s));
        syi_encode_id(s->writer.out, &id);
    }
    return SY_OK;
}

static sy_status write_search(source *s, sy_error *err)
{
    size_t count = 0;
    SY_TRY(syi_msgpack_read_array(cursor_of(s), &count, err));
    syi_pysyft_put_pair(s->writer.out, SYI_PYSYFT_SEARCH, 1);
    syi_pysyft_put_pair(s->writer.out, SYI_CODE_LIST, count);
    for (size_t k = 0; k < count; k++) {
        SY_TRY(syi_pysyft_copy(cursor_of(s), s->writer.out, err));
    }
    return SY_OK;
}

static bool is_named(const char *name, size_t length, const char *is)
{
    return length == strlen(is) && memcmp(name, is, length) == 0;
}

/* A method of the object in front of the cursor, with the rest of `count` arguments. */
static sy_status write_method(source *s, int code, const char *name, size_t count, sy_error *err)
{
    begin_action(s->writer.out, code, name, strlen(name));
    SY_TRY(put_value(s, err));
    syi_pysyft_put_pair(s->writer.out, SYI_CODE_TUPLE, count - 1);
    for (size_t k = 1; k < count; k++) {
        SY_TRY(put_value(s, err));
    }
    syi_pysyft_put_pair(s->writer.out, SYI_CODE_DICT, 0);
    end_action(s->writer.out, NULL, 0);
    return SY_OK;
}

static sy_status write_delete(source *s, sy_error *err)
{
    sy_id id = SY_ID_INIT;
    SY_TRY(syi_pysyft_read_id(cursor_of(s), &id, err));
    syi_msgpack_write_array(s->writer.out, 2);
    syi_msgpack_write_int(s->writer.out, SYI_PYSYFT_DELETE);
    syi_pysyft_put_pair(s->writer.out, SYI_CODE_LIST, 1);
    syi_encode_id(s->writer.out, &id);
    return SY_OK;
}

/* [1, [ids]]: where the results of a plan are to be. One is drawn when none is given: PySyft wants it. */
static sy_status read_result_ids(source *s, sy_error *err)
{
    syi_pysyft_question *q = s->question;
    uint64_t drawn = 0;
    size_t count = 0;
    int64_t code = 0;
    SY_TRY(syi_pysyft_open_pair(cursor_of(s), &code, err));
    SY_TRY(syi_msgpack_read_array(cursor_of(s), &count, err));
    if (count > SYI_PYSYFT_RETURN_MAX) {
        return syi_fail(err, SY_ELIMIT, "run: %zu result ids, at most %d", count,
                        SYI_PYSYFT_RETURN_MAX);
    }
    for (size_t k = 0; k < count; k++) {
        SY_TRY(syi_pysyft_read_id(cursor_of(s), &q->results[k], err));
    }
    q->result_count = count;
    if (count == 0) {
        SY_TRY(syi_random_bytes(s->writer.context, &drawn, sizeof drawn, err));
        q->results[0] = sy_id_from_int((int64_t)(drawn % UINT64_C(100000000000)));
        q->result_count = 1;
    }
    return SY_OK;
}

/* run(plan, [arguments], [names], [result ids]) as plan.run((arguments), [result ids]), by the plan's id. */
static sy_status write_run(source *s, sy_error *err)
{
    syi_pysyft_question *q = s->question;
    syi_buffer *out = s->writer.out;
    syi_msgpack_cursor fields, arguments;
    sy_id plan = SY_ID_INIT;
    size_t count = 0;
    int64_t code = 0;
    if (!points_here(cursor_of(s), &fields, &count)) {
        return syi_fail(err, SY_ENOTSUP, "run: the plan is not at the PySyft server");
    }
    SY_TRY(syi_msgpack_skip(cursor_of(s), err));
    SY_TRY(syi_msgpack_skip(&fields, err));
    SY_TRY(syi_pysyft_read_id(&fields, &plan, err));
    arguments = *cursor_of(s);
    SY_TRY(syi_msgpack_skip(cursor_of(s), err));
    SY_TRY(syi_pysyft_open_pair(cursor_of(s), &code, err));
    SY_TRY(syi_msgpack_read_array(cursor_of(s), &count, err));
    if (count > 0) {
        return syi_fail(err, SY_ENOTSUP, "run: PySyft's plans take no named arguments");
    }
    syi_msgpack_leave(cursor_of(s));
    syi_msgpack_leave(cursor_of(s));
    SY_TRY(read_result_ids(s, err));
    q->run = true;
    begin_action(out, SYI_PYSYFT_COMPUTATION, "run", 3);
    syi_encode_id(out, &plan);
    syi_pysyft_put_pair(out, SYI_CODE_TUPLE, 2);
    *cursor_of(s) = arguments;
    SY_TRY(syi_pysyft_open_pair(cursor_of(s), &code, err));
    SY_TRY(syi_msgpack_read_array(cursor_of(s), &count, err));
    syi_pysyft_put_pair(out, SYI_CODE_TUPLE, count);
    for (size_t k = 0; k < count; k++) {
        SY_TRY(put_value(s, err));
    }
    syi_pysyft_put_pair(out, SYI_CODE_LIST, q->result_count);
    for (size_t k = 0; k < q->result_count; k++) {
        syi_encode_id(out, &q->results[k]);
    }
    syi_pysyft_put_pair(out, SYI_CODE_DICT, 0);
    end_action(out, q->results, q->result_count);
    return SY_OK;
}

static void write_worker_command(source *s, const char *name)
{
    syi_pysyft_put_pair(s->writer.out, SYI_PYSYFT_WORKER_COMMAND, 2);
    syi_pysyft_put_text(s->writer.out, name);
    syi_pysyft_put_pair(s->writer.out, SYI_CODE_TUPLE, 3);
    syi_pysyft_put_pair(s->writer.out, SYI_CODE_TUPLE, 0);
    syi_pysyft_put_pair(s->writer.out, SYI_CODE_DICT, 0);
    syi_pysyft_put_pair(s->writer.out, SYI_CODE_LIST, 0);
}

/* [name, [1, args]] */
static sy_status write_worker_request(source *s, sy_error *err)
{
    const char *name = NULL;
    size_t length = 0;
    size_t count = 0;
    int64_t code = 0;
    SY_TRY(syi_msgpack_read_tuple(cursor_of(s), 2, "worker command", err));
    SY_TRY(syi_pysyft_read_text(cursor_of(s), &name, &length, err));
    SY_TRY(syi_pysyft_open_pair(cursor_of(s), &code, err));
    SY_TRY(syi_msgpack_read_array(cursor_of(s), &count, err));
    if (is_named(name, length, "whoami")) {
        char text[160];
        char id[72];
        snprintf(text, sizeof text, "id: %s, type: WebsocketServerWorker, dialects: pysyft-0.2.9",
                 sy_id_format(s->worker, id, sizeof id));
        *s->local = true;
        syi_pysyft_put_text(s->writer.out, text);
        return SY_OK;
    }
    if (is_named(name, length, "keep")) { /* all objects are kept there */
        *s->local = true;
        syi_msgpack_write_nil(s->writer.out);
        return SY_OK;
    }
    if (is_named(name, length, "objects_count")) {
        s->question->count = true;
        write_worker_command(s, "objects_count");
        return SY_OK;
    }
    if (is_named(name, length, "delete") && count == 1) {
        return write_delete(s, err);
    }
    if (is_named(name, length, "run") && count >= 4) {
        return write_run(s, err);
    }
    if (is_named(name, length, "move") && count == 2) {
        s->question->pointer = true;
        return write_method(s, SYI_PYSYFT_COMMUNICATION, "remote_send", count, err);
    }
    if (is_named(name, length, "requires_grad_") && count == 2) {
        return write_method(s, SYI_PYSYFT_COMPUTATION, "requires_grad_", count, err);
    }
    return syi_fail(err, SY_ENOTSUP, "PySyft's protocol has no \"%.*s\"",
                    (int)(length < 60 ? length : 60), name != NULL ? name : "");
}

sy_status syi_pysyft_write_question(sy_context *context, const syi_message *message,
                                    const sy_id *worker, const syi_ops *ops,
                                    syi_pysyft_question *question, bool *local, syi_buffer *out,
                                    sy_error *err)
{
    source s = {.question = question, .worker = worker, .local = local};
    *local = false;
    *question = (syi_pysyft_question){
        .id = message->id, .trace = message->trace, .kind = message->kind, .object = SY_ID_INIT};
    syi_pysyft_writer_init(&s.writer, context, message, out, false);
    s.writer.ops = ops;
    sy_status status = SY_OK;
    switch (message->kind) {
    case SYI_KIND_COMMAND:
        status = write_command(&s, err);
        break;
    case SYI_KIND_OBJECT:
        status = write_object(&s, err);
        break;
    case SYI_KIND_OBJECT_REQUEST:
        status = write_object_request(&s, (message->flags & SYI_FLAG_PLAN) != 0, err);
        break;
    case SYI_KIND_IS_NONE:
        status = write_question(&s, SYI_PYSYFT_IS_NONE, err);
        break;
    case SYI_KIND_GET_SHAPE:
        status = write_question(&s, SYI_PYSYFT_GET_SHAPE, err);
        break;
    case SYI_KIND_DELETE:
        status = write_deletion(&s, err);
        break;
    case SYI_KIND_SEARCH:
        status = write_search(&s, err);
        break;
    case SYI_KIND_WORKER_COMMAND:
        status = write_worker_request(&s, err);
        break;
    default:
        status =
            syi_fail(err, SY_ENOTSUP, "PySyft's protocol has no %s", syi_kind_text(message->kind));
    }
    return status == SY_OK ? syi_buffer_check(out, "message", err) : status;
}
