#include "messaging/control.h"

#include <string.h>

#include <csyft/version.h>

#include "core/error.h"
#include "core/utf8.h"

/* What a peer says ends up in logs and on terminals: cut and cleaned. */
static void store(char *text, size_t size, const char *bytes, size_t length)
{
    length = syi_utf8_cut(bytes, length, size - 1);
    memcpy(text, bytes, length);
    syi_utf8_clean(text, length);
    text[length] = '\0';
}

static void key(syi_buffer *out, const char *name)
{
    syi_msgpack_write_str(out, name, strlen(name));
}

/* A client says that it can; a worker, what it has. */
static void write_rest(syi_buffer *out, const syi_hello *hello)
{
    if (!hello->has_received) {
        syi_msgpack_write_bool(out, true);
        return;
    }
    syi_msgpack_write_array(out, 2);
    syi_msgpack_write_uint(out, hello->rest_bytes);
    syi_msgpack_write_uint(out, hello->rest_check);
}

void syi_hello_encode(syi_buffer *out, const syi_hello *hello)
{
    const size_t entries = 4u + (hello->has_session ? 2 : 0) + (hello->message_max != 0 ? 1 : 0) +
                           (hello->bearer[0] != '\0' ? 1 : 0) + (hello->resumes ? 1 : 0) +
                           (hello->has_received ? 1 : 0) + (hello->rests ? 1 : 0);
    syi_msgpack_write_map(out, entries);
    key(out, "wire");
    syi_msgpack_write_array(out, 2);
    syi_msgpack_write_int(out, hello->wire_min);
    syi_msgpack_write_int(out, hello->wire_max);
    key(out, "worker");
    syi_encode_id(out, &hello->worker);
    key(out, "library");
    key(out, hello->library);
    key(out, "limits");
    syi_msgpack_write_array(out, 2);
    syi_msgpack_write_uint(out, hello->body_max);
    syi_msgpack_write_uint(out, hello->segments_max);
    if (hello->message_max != 0) {
        key(out, "message_max");
        syi_msgpack_write_uint(out, hello->message_max);
    }
    if (hello->bearer[0] != '\0') {
        key(out, "credentials");
        syi_msgpack_write_map(out, 1);
        key(out, "bearer");
        key(out, hello->bearer);
    }
    if (hello->has_session) {
        key(out, "session");
        syi_msgpack_write_bin(out, hello->session, SYI_SESSION_SIZE);
        key(out, "token");
        syi_msgpack_write_bin(out, hello->token, SYI_SESSION_SIZE);
    }
    if (hello->resumes) {
        key(out, "resume");
        syi_msgpack_write_bool(out, true);
    }
    if (hello->has_received) {
        key(out, "received");
        syi_msgpack_write_uint(out, hello->received);
    }
    if (hello->rests) {
        key(out, "rest");
        write_rest(out, hello);
    }
}

static sy_status read_secret(syi_msgpack_cursor *cursor, uint8_t *secret, sy_error *err)
{
    const uint8_t *bytes = NULL;
    size_t length = 0;
    SY_TRY(syi_msgpack_read_bin(cursor, &bytes, &length, err));
    if (length != SYI_SESSION_SIZE) {
        return syi_fail(err, SY_EFORMAT, "hello: a session of %zu bytes, %d are expected", length,
                        SYI_SESSION_SIZE);
    }
    memcpy(secret, bytes, SYI_SESSION_SIZE);
    return SY_OK;
}

static sy_status read_pair(syi_msgpack_cursor *cursor, int64_t *first, int64_t *second,
                           const char *what, sy_error *err)
{
    SY_TRY(syi_msgpack_read_tuple(cursor, 2, what, err));
    SY_TRY(syi_msgpack_read_int(cursor, first, err));
    SY_TRY(syi_msgpack_read_int(cursor, second, err));
    syi_msgpack_leave(cursor);
    return SY_OK;
}

/* An id as syi_encode_id writes it, without a decoder. */
static sy_status read_id(syi_msgpack_cursor *cursor, sy_id *id, sy_error *err)
{
    char text[SY_ID_TEXT_SIZE + 1];
    const uint8_t *bytes = NULL;
    size_t length = 0;
    int64_t code = 0;
    int64_t number = 0;
    if (syi_msgpack_take_id(cursor, &number)) {
        *id = (sy_id){.number = number, .kind = SY_ID_INT};
        return SY_OK;
    }
    if (syi_msgpack_peek(cursor) == SYI_MSGPACK_INT) {
        SY_TRY(syi_msgpack_read_int(cursor, &number, err));
        *id = sy_id_from_int(number);
        return SY_OK;
    }
    SY_TRY(syi_msgpack_read_tuple(cursor, 2, "id", err));
    SY_TRY(syi_msgpack_read_int(cursor, &code, err));
    SY_TRY(syi_msgpack_read_tuple(cursor, 1, "id", err));
    SY_TRY(syi_msgpack_read_bin(cursor, &bytes, &length, err));
    if (code != SYI_CODE_STR || length >= sizeof text) {
        return syi_fail(err, SY_EFORMAT, "an id of type code %lld and %zu bytes", (long long)code,
                        length);
    }
    if (memchr(bytes, '\0', length) != NULL) {
        return syi_fail(err, SY_EFORMAT, "an id contains a zero byte");
    }
    memcpy(text, bytes, length);
    text[length] = '\0';
    syi_msgpack_leave(cursor);
    syi_msgpack_leave(cursor);
    return sy_id_from_text(id, text, err);
}

static bool is_key(const char *text, size_t length, const char *name)
{
    return length == strlen(name) && memcmp(text, name, length) == 0;
}

/* Ways to say who one is; unknown ones are skipped. */
static sy_status read_credentials(syi_msgpack_cursor *cursor, syi_hello *hello, sy_error *err)
{
    size_t count = 0;
    if (syi_msgpack_peek(cursor) != SYI_MSGPACK_MAP) {
        return syi_msgpack_skip(cursor, err);
    }
    SY_TRY(syi_msgpack_read_map(cursor, &count, err));
    for (size_t k = 0; k < count; k++) {
        const char *text = "";
        size_t length = 0;
        if (syi_msgpack_peek(cursor) == SYI_MSGPACK_STR) {
            SY_TRY(syi_msgpack_read_str(cursor, &text, &length, err));
        } else {
            SY_TRY(syi_msgpack_skip(cursor, err));
        }
        if (!is_key(text, length, "bearer")) {
            SY_TRY(syi_msgpack_skip(cursor, err));
            continue;
        }
        SY_TRY(syi_msgpack_read_str(cursor, &text, &length, err));
        if (length == 0 || length > SYI_BEARER_MAX || memchr(text, '\0', length) != NULL) {
            return syi_fail(err, SY_EFORMAT, "hello: a token of %zu bytes, at most %d", length,
                            SYI_BEARER_MAX);
        }
        memcpy(hello->bearer, text, length);
        hello->bearer[length] = '\0';
    }
    syi_msgpack_leave(cursor);
    return SY_OK;
}

static sy_status read_rest(syi_msgpack_cursor *cursor, syi_hello *hello, sy_error *err)
{
    hello->rest_bytes = 0;
    hello->rest_check = 0;
    if (syi_msgpack_peek(cursor) != SYI_MSGPACK_ARRAY) {
        return syi_msgpack_read_bool(cursor, &hello->rests, err);
    }
    hello->rests = true;
    SY_TRY(syi_msgpack_read_tuple(cursor, 2, "hello: rest", err));
    SY_TRY(syi_msgpack_read_uint(cursor, &hello->rest_bytes, err));
    SY_TRY(syi_msgpack_read_uint(cursor, &hello->rest_check, err));
    syi_msgpack_leave(cursor);
    return SY_OK;
}

static sy_status read_field(syi_msgpack_cursor *cursor, syi_hello *hello, const char *name,
                            size_t length, bool *has_token, sy_error *err)
{
    if (is_key(name, length, "wire")) {
        return read_pair(cursor, &hello->wire_min, &hello->wire_max, "hello: wire", err);
    }
    if (is_key(name, length, "worker")) {
        return read_id(cursor, &hello->worker, err);
    }
    if (is_key(name, length, "library")) {
        const char *text = NULL;
        size_t size = 0;
        SY_TRY(syi_msgpack_read_str(cursor, &text, &size, err));
        store(hello->library, sizeof hello->library, text, size);
        return SY_OK;
    }
    if (is_key(name, length, "limits")) {
        int64_t body = 0;
        int64_t segments = 0;
        SY_TRY(read_pair(cursor, &body, &segments, "hello: limits", err));
        hello->body_max = body > 0 ? (uint64_t)body : 0;
        hello->segments_max = segments > 0 ? (uint64_t)segments : 0;
        return SY_OK;
    }
    if (is_key(name, length, "message_max")) {
        int64_t bytes = 0;
        SY_TRY(syi_msgpack_read_int(cursor, &bytes, err));
        hello->message_max = bytes > 0 ? (uint64_t)bytes : 0;
        return SY_OK;
    }
    if (is_key(name, length, "credentials")) {
        return read_credentials(cursor, hello, err);
    }
    if (is_key(name, length, "session")) {
        hello->has_session = true;
        return read_secret(cursor, hello->session, err);
    }
    if (is_key(name, length, "token")) {
        *has_token = true;
        return read_secret(cursor, hello->token, err);
    }
    if (is_key(name, length, "resume")) {
        return syi_msgpack_read_bool(cursor, &hello->resumes, err);
    }
    if (is_key(name, length, "received")) {
        int64_t received = 0;
        SY_TRY(syi_msgpack_read_int(cursor, &received, err));
        hello->has_received = received >= 0;
        hello->received = received >= 0 ? (uint64_t)received : 0;
        return SY_OK;
    }
    if (is_key(name, length, "rest")) {
        return read_rest(cursor, hello, err);
    }
    return syi_msgpack_skip(cursor, err);
}

sy_status syi_hello_decode(syi_hello *hello, const uint8_t *bytes, size_t size, sy_error *err)
{
    memset(hello, 0, sizeof *hello);
    syi_msgpack_cursor cursor;
    size_t count = 0;
    bool has_token = false;
    syi_msgpack_cursor_init(&cursor, bytes, size, 16, 1024);
    SY_TRY(syi_msgpack_read_map(&cursor, &count, err));
    for (size_t k = 0; k < count; k++) {
        const char *name = NULL;
        size_t length = 0;
        SY_TRY(syi_msgpack_read_str(&cursor, &name, &length, err));
        SY_TRY(read_field(&cursor, hello, name, length, &has_token, err));
    }
    syi_msgpack_leave(&cursor);
    if (sy_id_is_none(&hello->worker) || hello->wire_max < hello->wire_min ||
        hello->wire_max == 0) {
        return syi_fail(err, SY_EFORMAT, "hello: worker or wire range is missing");
    }
    if (hello->has_session != has_token) {
        return syi_fail(err, SY_EFORMAT, "hello: a session needs its token");
    }
    return SY_OK;
}

sy_status syi_hello_agree(const syi_hello *mine, const syi_hello *theirs, int64_t *revision,
                          sy_error *err)
{
    int64_t highest = mine->wire_max < theirs->wire_max ? mine->wire_max : theirs->wire_max;
    if (highest < mine->wire_min || highest < theirs->wire_min) {
        return syi_fail(err, SY_ENOTSUP,
                        "wire revisions %lld to %lld are spoken here, %lld to %lld there: one end "
                        "must be updated",
                        (long long)mine->wire_min, (long long)mine->wire_max,
                        (long long)theirs->wire_min, (long long)theirs->wire_max);
    }
    *revision = highest;
    return SY_OK;
}

void syi_error_encode(syi_buffer *out, const sy_error *error)
{
    syi_msgpack_write_array(out, 4);
    syi_msgpack_write_int(out, error->status);
    key(out, error->message);
    key(out, error->worker);
    key(out, error->object);
}

static sy_status read_string(syi_msgpack_cursor *cursor, char *text, size_t size)
{
    const char *bytes = NULL;
    size_t length = 0;
    SY_TRY(syi_msgpack_read_str(cursor, &bytes, &length, NULL));
    store(text, size, bytes, length);
    return SY_OK;
}

sy_status syi_error_decode(sy_error *error, const uint8_t *bytes, size_t size)
{
    memset(error, 0, sizeof *error);
    syi_msgpack_cursor cursor;
    int64_t code = 0;
    syi_msgpack_cursor_init(&cursor, bytes, size, 4, 16);
    SY_TRY(syi_msgpack_read_tuple(&cursor, 4, "error", NULL));
    SY_TRY(syi_msgpack_read_int(&cursor, &code, NULL));
    SY_TRY(read_string(&cursor, error->message, sizeof error->message));
    SY_TRY(read_string(&cursor, error->worker, sizeof error->worker));
    SY_TRY(read_string(&cursor, error->object, sizeof error->object));
    error->status = syi_status_from_wire(code);
    return error->status == SY_OK ? SY_EFORMAT : SY_OK;
}

void syi_deletions_begin(syi_buffer *out, size_t count)
{
    syi_msgpack_write_array(out, count);
}

void syi_deletions_add(syi_buffer *out, const syi_deletion *deletion)
{
    syi_msgpack_write_array(out, 2);
    syi_encode_id(out, &deletion->id);
    syi_msgpack_write_uint(out, deletion->generation);
}

void syi_deletions_encode(syi_buffer *out, const syi_deletion *deletions, size_t count)
{
    syi_deletions_begin(out, count);
    for (size_t k = 0; k < count; k++) {
        syi_deletions_add(out, &deletions[k]);
    }
}

sy_status syi_deletions_decode(const uint8_t *bytes, size_t size,
                               void (*each)(void *user, const syi_deletion *deletion), void *user,
                               sy_error *err)
{
    syi_msgpack_cursor cursor;
    size_t count = 0;
    syi_msgpack_cursor_init(&cursor, bytes, size, 8, 0);
    SY_TRY(syi_msgpack_read_array(&cursor, &count, err));
    if (count > SYI_DELETIONS_MAX) {
        return syi_fail(err, SY_ELIMIT, "delete: %zu ids, at most %d at once", count,
                        SYI_DELETIONS_MAX);
    }
    for (size_t k = 0; k < count; k++) {
        syi_deletion deletion = {.id = SY_ID_INIT};
        SY_TRY(syi_msgpack_read_tuple(&cursor, 2, "deletion", err));
        SY_TRY(read_id(&cursor, &deletion.id, err));
        SY_TRY(syi_msgpack_read_uint(&cursor, &deletion.generation, err));
        syi_msgpack_leave(&cursor);
        each(user, &deletion);
    }
    return SY_OK;
}

const char *syi_kind_text(int kind)
{
    switch (kind) {
#define SYI_KIND_CASE(name, code, spelling, answered) \
    case code:                                        \
        return spelling;
        SYI_KIND_MAP(SYI_KIND_CASE)
#undef SYI_KIND_CASE
    default:
        return "unknown";
    }
}
