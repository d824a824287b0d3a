/* requests.c - what PySyft's messages ask for, in csyft.v1's words. */
#include "pysyft/requests.h"

#include <string.h>

#include "messaging/control.h"
#include "ops/ops.h"
#include "serde/codes.h"
#include "serde/serde.h"

typedef struct source { /* one request being read */
    syi_pysyft_reader reader;
    syi_pysyft_request *request;
    bool opaque;
} source;

const char *syi_pysyft_message_name(int64_t code)
{
    switch (code) {
    case SYI_PYSYFT_COMMAND:
        return "TensorCommandMessage";
    case SYI_PYSYFT_OBJECT:
        return "ObjectMessage";
    case SYI_PYSYFT_OBJECT_REQUEST:
        return "ObjectRequestMessage";
    case SYI_PYSYFT_IS_NONE:
        return "IsNoneMessage";
    case SYI_PYSYFT_GET_SHAPE:
        return "GetShapeMessage";
    case SYI_PYSYFT_DELETE:
        return "ForceObjectDeleteMessage";
    case SYI_PYSYFT_SEARCH:
        return "SearchMessage";
    case SYI_PYSYFT_PLAN_COMMAND:
        return "PlanCommandMessage";
    case SYI_PYSYFT_WORKER_COMMAND:
        return "WorkerCommandMessage";
    default:
        return "a message";
    }
}

static syi_buffer *body_of(source *s)
{
    return &s->reader.out->body;
}

static syi_msgpack_cursor *cursor_of(source *s)
{
    return &s->reader.cursor;
}

/* Ids */

static sy_status read_id(syi_msgpack_cursor *cursor, sy_id *id, sy_error *err)
{
    const char *text = NULL;
    size_t length = 0;
    char copy[SY_ID_TEXT_SIZE + 1];
    int64_t number = 0;
    *id = (sy_id)SY_ID_INIT;
    if (syi_msgpack_peek(cursor) == SYI_MSGPACK_INT) {
        SY_TRY(syi_msgpack_read_int(cursor, &number, err));
        *id = sy_id_from_int(number);
        return SY_OK;
    }
    SY_TRY(syi_pysyft_read_text(cursor, &text, &length, err));
    if (text == NULL || length >= sizeof copy || memchr(text, '\0', length) != NULL) {
        return syi_fail(err, SY_EFORMAT, "message: what should be an id is none");
    }
    memcpy(copy, text, length);
    copy[length] = '\0';
    return sy_id_from_text(id, copy, err);
}

/* An id, or a pointer to the object of that id. `attribute` is nil where none was given. */
static sy_status copy_object_id(source *s, sy_id *id, sy_error *err)
{
    syi_msgpack_cursor *cursor = cursor_of(s);
    syi_msgpack_cursor at = *cursor;
    int64_t code = 0;
    size_t count = 0;
    if (syi_msgpack_peek(&at) != SYI_MSGPACK_ARRAY ||
        syi_pysyft_open_pair(&at, &code, NULL) != SY_OK || code != SYI_CODE_POINTER) {
        SY_TRY(read_id(cursor, id, err));
        syi_encode_id(body_of(s), id);
        syi_msgpack_write_nil(body_of(s));
        return SY_OK;
    }
    SY_TRY(syi_msgpack_skip(cursor, err)); /* the pointer is read by `at` */
    SY_TRY(syi_msgpack_read_array(&at, &count, err));
    if (count < 4) {
        return syi_fail(err, SY_EFORMAT, "message: a pointer of %zu fields", count);
    }
    SY_TRY(syi_msgpack_skip(&at, err));
    SY_TRY(read_id(&at, id, err));
    SY_TRY(syi_msgpack_skip(&at, err));
    syi_encode_id(body_of(s), id);
    return syi_pysyft_copy(&at, body_of(s), err);
}

/* [25, [nil, id, nil, nil]] */
static void put_object(syi_buffer *out, const sy_id *id)
{
    syi_pysyft_put_pair(out, SYI_CODE_POINTER, 4);
    syi_msgpack_write_nil(out);
    syi_encode_id(out, id);
    syi_msgpack_write_nil(out);
    syi_msgpack_write_nil(out);
}

static void ask(source *s, syi_kind kind, syi_pysyft_answer answer)
{
    s->reader.out->kind = (uint16_t)kind;
    s->request->asks = true;
    s->request->answered = kind != SYI_KIND_DELETE;
    s->request->answer = answer;
}

/* TensorCommandMessage: [[54 or 55, [name, target, args, kwargs, return ids, return value]]] */

typedef struct command {
    const char *name;
    size_t name_length;
    syi_msgpack_cursor target, args, kwargs, ids;
    bool return_value;
} command;

static sy_status read_command(source *s, command *c, int64_t *code, sy_error *err)
{
    syi_msgpack_cursor *cursor = cursor_of(s);
    SY_TRY(syi_msgpack_read_tuple(cursor, 1, "TensorCommandMessage", err));
    SY_TRY(syi_pysyft_open_pair(cursor, code, err));
    if (*code != SYI_PYSYFT_COMPUTATION && *code != SYI_PYSYFT_COMMUNICATION) {
        return syi_fail(err, SY_EFORMAT, "message: an action of type code %lld", (long long)*code);
    }
    SY_TRY(syi_msgpack_read_tuple(cursor, 6, "action", err));
    SY_TRY(syi_pysyft_read_text(cursor, &c->name, &c->name_length, err));
    if (c->name == NULL || c->name_length > 200) {
        return syi_fail(err, SY_EFORMAT, "message: an action without a name");
    }
    syi_msgpack_cursor *parts[] = {&c->target, &c->args, &c->kwargs, &c->ids};
    for (size_t k = 0; k < 4; k++) {
        *parts[k] = *cursor;
        SY_TRY(syi_msgpack_skip(cursor, err));
    }
    SY_TRY(syi_msgpack_read_bool(cursor, &c->return_value, err));
    syi_msgpack_leave(cursor);
    syi_msgpack_leave(cursor);
    syi_msgpack_leave(cursor);
    return SY_OK;
}

static sy_status value_at(source *s, const syi_msgpack_cursor *at, sy_error *err)
{
    const syi_msgpack_cursor saved = *cursor_of(s);
    *cursor_of(s) = *at;
    const sy_status status = syi_pysyft_read_value(&s->reader, err);
    *cursor_of(s) = saved;
    return status;
}

/* Opens [6, [..]] or [1, [..]]. Two leaves, which nobody needs: cursors here are copies. */
static sy_status open_sequence(syi_msgpack_cursor *at, size_t *count, sy_error *err)
{
    int64_t code = 0;
    SY_TRY(syi_pysyft_open_pair(at, &code, err));
    if (code != SYI_CODE_TUPLE && code != SYI_CODE_LIST) {
        return syi_fail(err, SY_EFORMAT, "message: type code %lld where a tuple is expected",
                        (long long)code);
    }
    return syi_msgpack_read_array(at, count, err);
}

/* The method's object and the arguments as one list. An int for an object is an object's id. */
static sy_status put_arguments(source *s, const command *c, sy_error *err)
{
    syi_msgpack_cursor at = c->args;
    size_t count = 0;
    sy_id id = SY_ID_INIT;
    const bool method = syi_msgpack_peek(&c->target) != SYI_MSGPACK_NIL;
    SY_TRY(open_sequence(&at, &count, err));
    syi_pysyft_put_pair(body_of(s), SYI_CODE_LIST, count + (method ? 1 : 0));
    if (method && syi_msgpack_peek(&c->target) == SYI_MSGPACK_INT) {
        syi_msgpack_cursor target = c->target;
        SY_TRY(read_id(&target, &id, err));
        put_object(body_of(s), &id);
    } else if (method) {
        SY_TRY(value_at(s, &c->target, err));
    }
    for (size_t k = 0; k < count; k++) {
        SY_TRY(value_at(s, &at, err));
        SY_TRY(syi_msgpack_skip(&at, err));
    }
    return SY_OK;
}

/* There is one device here, so that naming it says nothing. */
static bool is_this_device(const char *name, size_t length, const syi_msgpack_cursor *value)
{
    syi_msgpack_cursor at = *value;
    const char *text = NULL;
    size_t text_length = 0;
    int64_t code = 0;
    if (length != 6 || memcmp(name, "device", 6) != 0) {
        return false;
    }
    return syi_pysyft_open_pair(&at, &code, NULL) == SY_OK && code == 10 &&
           syi_msgpack_read_tuple(&at, 1, "device", NULL) == SY_OK &&
           syi_pysyft_read_text(&at, &text, &text_length, NULL) == SY_OK && text_length == 3 &&
           memcmp(text, "cpu", 3) == 0;
}

typedef struct keyword {
    const char *name;
    size_t length;
    syi_msgpack_cursor value;
} keyword;

static sy_status read_keywords(const syi_msgpack_cursor *kwargs, keyword *keywords, size_t room,
                               size_t *used, sy_error *err)
{
    syi_msgpack_cursor at = *kwargs;
    int64_t code = 0;
    size_t count = 0;
    *used = 0;
    SY_TRY(syi_pysyft_open_pair(&at, &code, err));
    SY_TRY(code == SYI_CODE_DICT ? syi_msgpack_read_array(&at, &count, err)
                                 : syi_fail(err, SY_EFORMAT, "message: kwargs are no dict"));
    if (count > room) {
        return syi_fail(err, SY_EINVAL, "command: %zu named arguments, at most %zu", count, room);
    }
    for (size_t k = 0; k < count; k++) {
        keyword *word = &keywords[*used];
        SY_TRY(syi_msgpack_read_tuple(&at, 2, "[name, value]", err));
        SY_TRY(syi_pysyft_read_text(&at, &word->name, &word->length, err));
        if (word->name == NULL) {
            return syi_fail(err, SY_EFORMAT, "command: an argument without a name");
        }
        word->value = at;
        SY_TRY(syi_msgpack_skip(&at, err));
        syi_msgpack_leave(&at);
        *used += is_this_device(word->name, word->length, &word->value) ? 0 : 1;
    }
    return SY_OK;
}

static sy_status put_keywords(source *s, const command *c, sy_error *err)
{
    keyword keywords[SYI_ARGUMENT_MAX];
    size_t count = 0;
    SY_TRY(read_keywords(&c->kwargs, keywords, SYI_ARGUMENT_MAX, &count, err));
    syi_msgpack_write_map(body_of(s), count);
    for (size_t k = 0; k < count; k++) {
        syi_msgpack_write_str(body_of(s), keywords[k].name, keywords[k].length);
        SY_TRY(value_at(s, &keywords[k].value, err));
    }
    return SY_OK;
}

static sy_status put_return_ids(source *s, const command *c, sy_error *err)
{
    syi_msgpack_cursor at = c->ids;
    size_t count = 0;
    SY_TRY(open_sequence(&at, &count, err));
    if (count > SYI_PYSYFT_RETURN_MAX) {
        return syi_fail(err, SY_EFORMAT, "command: %zu result ids", count);
    }
    syi_msgpack_write_array(body_of(s), count);
    for (size_t k = 0; k < count; k++) {
        sy_id id = SY_ID_INIT;
        SY_TRY(read_id(&at, &id, err));
        syi_encode_id(body_of(s), &id);
    }
    s->request->return_count = count;
    return SY_OK;
}

static bool is_named(const command *c, const char *name)
{
    return c->name_length == strlen(name) && memcmp(c->name, name, c->name_length) == 0;
}

static void begin_worker_command(source *s, const char *name, size_t args)
{
    syi_msgpack_write_array(body_of(s), 2);
    syi_pysyft_put_text(body_of(s), name);
    syi_pysyft_put_pair(body_of(s), SYI_CODE_LIST, args);
}

/* remote_send(worker): the object goes there, and a pointer to it comes back. */
static sy_status read_move(source *s, const command *c, sy_error *err)
{
    syi_msgpack_cursor at = c->args;
    size_t count = 0;
    SY_TRY(open_sequence(&at, &count, err));
    if (count != 1) {
        return syi_fail(err, SY_ENOTSUP, "remote_send to %zu workers at once", count);
    }
    SY_TRY(read_id(&at, &s->request->location, err));
    begin_worker_command(s, "move", 2);
    SY_TRY(value_at(s, &c->target, err));
    syi_encode_id(body_of(s), &s->request->location);
    ask(s, SYI_KIND_WORKER_COMMAND, SYI_PYSYFT_ANSWERS_POINTER);
    return SY_OK;
}

/* The object of a command: an int is an object's id. */
static sy_status put_target(source *s, const command *c, sy_error *err)
{
    sy_id id = SY_ID_INIT;
    if (syi_msgpack_peek(&c->target) != SYI_MSGPACK_INT) {
        return value_at(s, &c->target, err);
    }
    syi_msgpack_cursor target = c->target;
    SY_TRY(read_id(&target, &id, err));
    put_object(body_of(s), &id);
    return SY_OK;
}

/* What a pointer kept here stands for takes its place. */
static sy_status read_mid_get(source *s, const command *c, sy_error *err)
{
    begin_worker_command(s, "mid_get", 1);
    SY_TRY(put_target(s, c, err));
    ask(s, SYI_KIND_WORKER_COMMAND, SYI_PYSYFT_ANSWERS_NONE);
    return SY_OK;
}

static sy_status put_list(source *s, syi_msgpack_cursor at, sy_error *err)
{
    size_t count = 0;
    SY_TRY(open_sequence(&at, &count, err));
    syi_pysyft_put_pair(body_of(s), SYI_CODE_LIST, count);
    for (size_t k = 0; k < count; k++) {
        SY_TRY(value_at(s, &at, err));
        SY_TRY(syi_msgpack_skip(&at, err));
    }
    return SY_OK;
}

static sy_status count_return_ids(source *s, const command *c, sy_error *err)
{
    syi_msgpack_cursor at = c->ids;
    return open_sequence(&at, &s->request->return_count, err);
}

/* plan.run((arguments), [result ids]): a plan that stands here under an id. */
static sy_status read_run(source *s, const command *c, sy_error *err)
{
    syi_msgpack_cursor at = c->args;
    size_t count = 0, named = 0;
    keyword none[1];
    SY_TRY(open_sequence(&at, &count, err));
    if (count != 2) {
        return syi_fail(err, SY_EFORMAT,
                        "run: %zu arguments; a plan's and its result ids are expected", count);
    }
    SY_TRY(read_keywords(&c->kwargs, none, 1, &named, err));
    if (named > 0) {
        return syi_fail(err, SY_EINVAL, "run: it takes no argument %.*s",
                        (int)(none[0].length < 60 ? none[0].length : 60), none[0].name);
    }
    begin_worker_command(s, "run", 5);
    SY_TRY(put_target(s, c, err));
    SY_TRY(put_list(s, at, err));
    SY_TRY(syi_msgpack_skip(&at, err));
    syi_pysyft_put_pair(body_of(s), SYI_CODE_LIST, 0);
    SY_TRY(put_list(s, at, err));
    syi_msgpack_write_bool(body_of(s), true);
    SY_TRY(count_return_ids(s, c, err));
    ask(s, SYI_KIND_WORKER_COMMAND, SYI_PYSYFT_ANSWERS_RUN);
    return SY_OK;
}

static sy_status read_tensor_command(source *s, sy_error *err)
{
    command c;
    int64_t code = 0;
    SY_TRY(read_command(s, &c, &code, err));
    if (is_named(&c, "run") && code == SYI_PYSYFT_COMPUTATION) {
        return read_run(s, &c, err);
    }
    if (is_named(&c, "mid_get") || is_named(&c, "remote_get")) {
        return read_mid_get(s, &c, err);
    }
    if (code == SYI_PYSYFT_COMMUNICATION) {
        return is_named(&c, "remote_send") || is_named(&c, "send")
                   ? read_move(s, &c, err)
                   : syi_fail(err, SY_EFORBIDDEN, "communication \"%.*s\" is not supported",
                              (int)(c.name_length < 60 ? c.name_length : 60), c.name);
    }
    syi_msgpack_write_array(body_of(s), 4);
    syi_msgpack_write_str(body_of(s), c.name, c.name_length);
    SY_TRY(put_arguments(s, &c, err));
    SY_TRY(put_keywords(s, &c, err));
    SY_TRY(put_return_ids(s, &c, err));
    s->request->return_value = c.return_value;
    ask(s, SYI_KIND_COMMAND, SYI_PYSYFT_ANSWERS_COMMAND);
    return SY_OK;
}

/* The other messages */

/* The id that the object has at the sender, its first field. */
static sy_status id_of_object(const uint8_t *bytes, size_t size, sy_id *id, sy_error *err)
{
    syi_msgpack_cursor cursor;
    int64_t code = 0;
    size_t count = 0;
    syi_msgpack_cursor_init(&cursor, bytes, size, SYI_MSGPACK_DEPTH_MAX, 0);
    SY_TRY(syi_pysyft_open_pair(&cursor, &code, err));
    SY_TRY(syi_msgpack_read_array(&cursor, &count, err));
    return read_id(&cursor, id, err);
}

/* [object] becomes [id, object]: it is stored under that id, also where the id is the wrapper's and not the
 * pointer's in it. */
static sy_status read_stored(source *s, sy_error *err)
{
    syi_message *out = s->reader.out;
    syi_buffer object;
    SY_TRY(syi_msgpack_read_tuple(cursor_of(s), 1, "ObjectMessage", err));
    SY_TRY(syi_pysyft_read_object(&s->reader, s->opaque, err));
    SY_TRY(id_of_object(out->body.data, out->body.length, &s->request->id, err));
    object = out->body;
    syi_buffer_init(&out->body, object.context, object.maximum);
    syi_msgpack_write_array(&out->body, 2);
    syi_encode_id(&out->body, &s->request->id);
    syi_buffer_append(&out->body, object.data, object.length);
    syi_buffer_fini(&object);
    out->flags |= s->reader.private_ ? SYI_FLAG_PRIVATE : 0;
    s->request->stores = true;
    ask(s, SYI_KIND_OBJECT, SYI_PYSYFT_ANSWERS_NONE);
    return syi_buffer_check(&out->body, "message", err);
}

static void put_object_request(syi_buffer *out, const sy_id *id, bool keep)
{
    syi_msgpack_write_array(out, 2);
    syi_encode_id(out, id);
    syi_msgpack_write_bool(out, keep);
}

/* [id, user, reason]: who somebody says to be opens nothing here. */
static sy_status read_object_request(source *s, sy_error *err)
{
    SY_TRY(syi_msgpack_read_tuple(cursor_of(s), 3, "ObjectRequestMessage", err));
    SY_TRY(read_id(cursor_of(s), &s->request->id, err));
    SY_TRY(syi_msgpack_skip(cursor_of(s), err));
    SY_TRY(syi_msgpack_skip(cursor_of(s), err));
    put_object_request(body_of(s), &s->request->id, false);
    ask(s, SYI_KIND_OBJECT_REQUEST, SYI_PYSYFT_ANSWERS_VALUE);
    return SY_OK;
}

sy_status syi_pysyft_ask_for_copy(const sy_id *id, syi_message *message, sy_error *err)
{
    message->kind = SYI_KIND_OBJECT_REQUEST;
    put_object_request(&message->body, id, true);
    return syi_buffer_check(&message->body, "message", err);
}

static sy_status read_question(source *s, syi_kind kind, syi_pysyft_answer answer, sy_error *err)
{
    SY_TRY(syi_msgpack_read_tuple(cursor_of(s), 1, syi_kind_text((int)kind), err));
    syi_msgpack_write_array(body_of(s), 2);
    SY_TRY(copy_object_id(s, &s->request->id, err));
    ask(s, kind, answer);
    return SY_OK;
}

/* [1, [ids]]: not a pair, though it looks like one. A single id is one message of PySyft 0.2.3. */
static sy_status read_deletion(source *s, sy_error *err)
{
    syi_msgpack_cursor at = *cursor_of(s);
    size_t count = 0;
    SY_TRY(syi_msgpack_skip(cursor_of(s), err));
    SY_TRY(syi_msgpack_read_array(&at, &count, err));
    if (count == 2) {
        SY_TRY(syi_msgpack_skip(&at, err));
        SY_TRY(syi_msgpack_read_array(&at, &count, err));
    } else if (count == 1 && syi_msgpack_peek(&at) == SYI_MSGPACK_ARRAY) {
        SY_TRY(open_sequence(&at, &count, err));
    }
    if (count > SYI_DELETIONS_MAX) {
        return syi_fail(err, SY_ELIMIT, "message: %zu deletions, at most %d", count,
                        SYI_DELETIONS_MAX);
    }
    syi_msgpack_write_array(body_of(s), count);
    for (size_t k = 0; k < count; k++) {
        sy_id id = SY_ID_INIT;
        SY_TRY(read_id(&at, &id, err));
        syi_msgpack_write_array(body_of(s), 2);
        syi_encode_id(body_of(s), &id);
        syi_msgpack_write_uint(body_of(s), 0);
    }
    ask(s, SYI_KIND_DELETE, SYI_PYSYFT_ANSWERS_NONE);
    return SY_OK;
}

static sy_status put_term(source *s, syi_msgpack_cursor *at, sy_error *err)
{
    char text[72];
    sy_id id = SY_ID_INIT;
    if (syi_msgpack_peek(at) != SYI_MSGPACK_INT) {
        return syi_pysyft_copy(at, body_of(s), err);
    }
    SY_TRY(read_id(at, &id, err));
    syi_pysyft_put_text(body_of(s), sy_id_format(&id, text, sizeof text));
    return SY_OK;
}

/* A list of terms, or one. */
static sy_status read_search(source *s, sy_error *err)
{
    SY_TRY(syi_msgpack_read_tuple(cursor_of(s), 1, "SearchMessage", err));
    syi_msgpack_cursor at = *cursor_of(s);
    size_t count = 1;
    SY_TRY(syi_msgpack_skip(cursor_of(s), err));
    syi_msgpack_cursor list = at;
    if (open_sequence(&list, &count, NULL) == SY_OK) {
        at = list;
    } else {
        count = 1;
    }
    syi_msgpack_write_array(body_of(s), count);
    for (size_t k = 0; k < count; k++) {
        SY_TRY(put_term(s, &at, err));
    }
    ask(s, SYI_KIND_SEARCH, SYI_PYSYFT_ANSWERS_SEARCH);
    return SY_OK;
}

/* [name, [6, [id, copy]]] */
static sy_status read_plan_command(source *s, sy_error *err)
{
    const char *name = NULL;
    size_t length = 0;
    size_t count = 0;
    SY_TRY(syi_msgpack_read_tuple(cursor_of(s), 2, "PlanCommandMessage", err));
    SY_TRY(syi_pysyft_read_text(cursor_of(s), &name, &length, err));
    syi_msgpack_cursor at = *cursor_of(s);
    SY_TRY(syi_msgpack_skip(cursor_of(s), err));
    if (!(length == 10 && memcmp(name, "fetch_plan", 10) == 0) &&
        !(length == 14 && memcmp(name, "fetch_protocol", 14) == 0)) {
        return syi_fail(err, SY_EFORBIDDEN, "plan command \"%.*s\" is not supported",
                        (int)(length < 60 ? length : 60), name != NULL ? name : "");
    }
    SY_TRY(open_sequence(&at, &count, err));
    SY_TRY(read_id(&at, &s->request->id, err));
    put_object_request(body_of(s), &s->request->id, true);
    ask(s, SYI_KIND_OBJECT_REQUEST, SYI_PYSYFT_ANSWERS_VALUE);
    return SY_OK;
}

/* The only argument of a worker command, [6, [args, kwargs, return ids]]: by position, or by its name. *there false
 * when it is not given. */
static sy_status find_argument(syi_msgpack_cursor *at, const char *name, bool *there, sy_error *err)
{
    size_t count = 0;
    int64_t code = 0;
    const char *key = NULL;
    size_t length = 0;
    *there = false;
    SY_TRY(open_sequence(at, &count, err));
    if (count < 2) {
        return syi_fail(err, SY_EFORMAT, "worker command: %zu parts, 3 are expected", count);
    }
    syi_msgpack_cursor positional = *at;
    SY_TRY(syi_msgpack_skip(at, err));
    SY_TRY(open_sequence(&positional, &count, err));
    if (count > 0) {
        *at = positional;
        *there = true;
        return SY_OK;
    }
    SY_TRY(syi_pysyft_open_pair(at, &code, err));
    SY_TRY(syi_msgpack_read_array(at, &count, err));
    if (code != SYI_CODE_DICT || count == 0) {
        return SY_OK;
    }
    SY_TRY(syi_msgpack_read_tuple(at, 2, "argument", err));
    SY_TRY(syi_pysyft_read_text(at, &key, &length, err));
    *there = key != NULL && strlen(name) == length && memcmp(key, name, length) == 0;
    return SY_OK;
}

/* Clients say at their beginning whether they want the worker's messages logged. Only who wants that is heard: the
 * log of others, and of the owner, does not end with it. */
static sy_status read_log_msgs(source *s, sy_error *err)
{
    syi_msgpack_cursor at = *cursor_of(s);
    bool there = false;
    bool on = true;
    SY_TRY(find_argument(&at, "value", &there, err));
    if (there) {
        SY_TRY(syi_msgpack_read_bool(&at, &on, err));
    }
    if (on) {
        begin_worker_command(s, "_log_msgs", 0);
        ask(s, SYI_KIND_WORKER_COMMAND, SYI_PYSYFT_ANSWERS_NONE);
    }
    return SY_OK;
}

static sy_status read_get_msg(source *s, sy_error *err)
{
    syi_msgpack_cursor at = *cursor_of(s);
    bool there = false;
    int64_t index = 0;
    SY_TRY(find_argument(&at, "index", &there, err));
    if (!there) {
        return syi_fail(err, SY_EFORMAT, "_get_msg: the index is missing");
    }
    SY_TRY(syi_msgpack_read_int(&at, &index, err));
    begin_worker_command(s, "_get_msg", 1);
    syi_msgpack_write_int(body_of(s), index);
    ask(s, SYI_KIND_WORKER_COMMAND, SYI_PYSYFT_ANSWERS_VALUE);
    return SY_OK;
}

/* [name, [6, [args, kwargs, return ids]]] */
static sy_status read_worker_command(source *s, sy_error *err)
{
    static const struct {
        const char *name;
        syi_pysyft_answer answer;
        sy_status (*read)(source *s, sy_error *err); /* NULL: it has no arguments */
    } known[] = {
        {"_log_msgs", SYI_PYSYFT_ANSWERS_NONE, read_log_msgs},
        {"_get_msg", SYI_PYSYFT_ANSWERS_VALUE, read_get_msg},
        {"objects_count", SYI_PYSYFT_ANSWERS_VALUE, NULL},
        {"tensors_count", SYI_PYSYFT_ANSWERS_VALUE, NULL},
        {"list_objects", SYI_PYSYFT_ANSWERS_VALUE, NULL},
        {"list_tensors", SYI_PYSYFT_ANSWERS_VALUE, NULL},
        {"clear_objects", SYI_PYSYFT_ANSWERS_NONE, NULL},
    };
    const char *name = NULL;
    size_t length = 0;
    SY_TRY(syi_msgpack_read_tuple(cursor_of(s), 2, "WorkerCommandMessage", err));
    SY_TRY(syi_pysyft_read_text(cursor_of(s), &name, &length, err));
    const syi_msgpack_cursor arguments = *cursor_of(s);
    SY_TRY(syi_msgpack_skip(cursor_of(s), err));
    for (size_t k = 0; name != NULL && k < sizeof known / sizeof known[0]; k++) {
        if (strlen(known[k].name) != length || memcmp(known[k].name, name, length) != 0) {
            continue;
        }
        if (known[k].read == NULL) {
            begin_worker_command(s, known[k].name, 0);
            ask(s, SYI_KIND_WORKER_COMMAND, known[k].answer);
            return SY_OK;
        }
        const syi_msgpack_cursor behind = *cursor_of(s);
        *cursor_of(s) = arguments;
        const sy_status status = known[k].read(s, err);
        *cursor_of(s) = behind;
        return status;
    }
    return syi_fail(err, SY_EFORBIDDEN, "worker command \"%.*s\" is not supported",
                    (int)(length < 60 ? length : 60), name != NULL ? name : "");
}

static sy_status read_kind(source *s, sy_error *err)
{
    switch (s->request->code) {
    case SYI_PYSYFT_COMMAND:
        return read_tensor_command(s, err);
    case SYI_PYSYFT_OBJECT:
        return read_stored(s, err);
    case SYI_PYSYFT_OBJECT_REQUEST:
        return read_object_request(s, err);
    case SYI_PYSYFT_IS_NONE:
        return read_question(s, SYI_KIND_IS_NONE, SYI_PYSYFT_ANSWERS_VALUE, err);
    case SYI_PYSYFT_GET_SHAPE:
        return read_question(s, SYI_KIND_GET_SHAPE, SYI_PYSYFT_ANSWERS_SHAPE, err);
    case SYI_PYSYFT_DELETE:
        return read_deletion(s, err);
    case SYI_PYSYFT_SEARCH:
        return read_search(s, err);
    case SYI_PYSYFT_PLAN_COMMAND:
        return read_plan_command(s, err);
    case SYI_PYSYFT_WORKER_COMMAND:
        return read_worker_command(s, err);
    default:
        return syi_fail(err, SY_ENOTSUP, "messages of type code %lld are not known here",
                        (long long)s->request->code);
    }
}

sy_status syi_pysyft_read_request(sy_context *context, const uint8_t *body, size_t size,
                                  bool opaque, syi_account *account, syi_pysyft_request *request,
                                  syi_message *message, sy_error *err)
{
    source s = {.request = request, .opaque = opaque};
    *request = (syi_pysyft_request){.id = SY_ID_INIT, .location = SY_ID_INIT};
    syi_pysyft_reader_init(&s.reader, context, body, size, message, account);
    message->flags = SYI_FLAG_KEPT;
    SY_TRY(syi_pysyft_open_pair(cursor_of(&s), &request->code, err));
    SY_TRY(read_kind(&s, err));
    request->saw_tensor = s.reader.saw_tensor;
    request->saw_plan = s.reader.saw_plan;
    request->all = s.reader.all;
    if (s.reader.cursor.next != s.reader.cursor.end) {
        return syi_fail(err, SY_EFORMAT, "message: %zu bytes follow its end",
                        (size_t)(s.reader.cursor.end - s.reader.cursor.next));
    }
    return syi_buffer_check(&message->body, "message", err);
}
