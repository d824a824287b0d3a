/*
 * frame_reader.c - arriving bytes put in their places, frame by frame, and frames that go on where a broken connection
 * has left them. Tests: frame_test.c, partial_test.c.
 */
#include <assert.h>
#include <inttypes.h>

#include "transport/partial.h"

/* A body grows with what has really come, so that a length alone makes nobody allocate. */
#define BODY_STEP ((size_t)256 * 1024)
#define DROP_SIZE ((size_t)64 * 1024)

typedef enum frame_part {
    PART_HEADER,
    PART_TABLE,
    PART_BODY,
    PART_SEGMENT,
    PART_DROP,
    PART_DONE
} frame_part;

struct syi_frame_reader {
    sy_context *context;
    syi_account *account;
    syi_frame_limits limits;
    syi_message message; /* the one that is arriving */
    frame_part part;
    uint32_t segment;     /* index, in PART_SEGMENT */
    uint64_t filled;      /* bytes of this part that have come */
    uint64_t part_length; /* bytes of this part in all */
    uint32_t body_length;
    uint32_t segment_count;
    uint64_t length; /* of the whole frame, as it comes here */
    syi_buffer table;
    uint8_t *drop;       /* DROP_SIZE bytes, only while segments are refused */
    syi_partial *parked; /* a frame that another connection has begun; nullable */
    bool going_on;       /* with that one: `message` is its */
    uint8_t header[SYI_FRAME_HEADER_SIZE];
};

sy_status syi_frame_reader_new(sy_context *context, syi_frame_reader **reader,
                               const syi_frame_limits *limits, syi_account *account, sy_error *err)
{
    *reader = NULL;
    syi_frame_reader *made = syi_alloc(context, sizeof *made);
    if (made == NULL) {
        return SYI_ENOMEM(err, "frame reader");
    }
    made->context = context;
    made->account = account;
    made->part_length = SYI_FRAME_HEADER_SIZE;
    syi_message_init(&made->message, context, 0);
    syi_buffer_init(&made->table, context, (size_t)UINT16_MAX * SYI_FRAME_SEGMENT_ENTRY_SIZE);
    syi_frame_reader_set_limits(made, limits);
    *reader = made;
    return SY_OK;
}

void syi_frame_reader_free(syi_frame_reader *reader)
{
    if (reader == NULL) {
        return;
    }
    syi_message_fini(&reader->message);
    syi_partial_free(reader->parked);
    syi_buffer_fini(&reader->table);
    syi_free(reader->context, reader->drop, DROP_SIZE);
    syi_free(reader->context, reader, sizeof *reader);
}

void syi_frame_reader_set_account(syi_frame_reader *reader, syi_account *account)
{
    reader->account = account;
}

void syi_frame_reader_set_limits(syi_frame_reader *reader, const syi_frame_limits *limits)
{
    static const syi_frame_limits defaults = SYI_FRAME_LIMITS_DEFAULT;
    reader->limits = limits == NULL ? defaults : *limits;
}

bool syi_frame_reader_is_idle(const syi_frame_reader *reader)
{
    return reader->part == PART_HEADER && reader->filled == 0;
}

static void begin(syi_frame_reader *reader, frame_part part, uint64_t length)
{
    reader->part = part;
    reader->filled = 0;
    reader->part_length = length;
}

void syi_frame_reader_abandon(syi_frame_reader *reader)
{
    const size_t maximum = reader->message.body.maximum;
    syi_message_fini(&reader->message);
    syi_message_init(&reader->message, reader->context, maximum);
    syi_frame_reader_expect(reader, NULL);
    syi_buffer_clear(&reader->table);
    begin(reader, PART_HEADER, SYI_FRAME_HEADER_SIZE);
}

uint64_t syi_frame_reader_get_length(const syi_frame_reader *reader)
{
    return reader->length;
}

void syi_frame_reader_want(syi_frame_reader *reader, uint8_t **place, size_t *room)
{
    const uint64_t left = reader->part_length - reader->filled;
    switch (reader->part) {
    case PART_HEADER:
        *place = reader->header + reader->filled;
        break;
    case PART_TABLE:
        *place = reader->table.data + reader->filled;
        break;
    case PART_BODY:
        /* Not all of the body's memory may be there yet. */
        *place = reader->message.body.data + reader->filled;
        *room = reader->message.body.length - (size_t)reader->filled;
        return;
    case PART_SEGMENT:
        *place = reader->message.segments[reader->segment].storage->data + reader->filled;
        break;
    case PART_DROP:
        *place = reader->drop;
        *room = left < DROP_SIZE ? (size_t)left : DROP_SIZE;
        return;
    case PART_DONE:
    default:
        assert(false && "a message is waiting to be taken");
        break;
    }
    *room = (size_t)left;
}

/* --- a part has come ---------------------------------------------------------------------------- */

/* Room for more of the body: all of a small one at once, a large one as it comes. */
static sy_status grow_body(syi_frame_reader *reader, sy_error *err)
{
    syi_buffer *body = &reader->message.body;
    const size_t left = (size_t)(reader->part_length - body->length);
    const size_t step = body->length < BODY_STEP ? BODY_STEP : body->length;
    if (syi_buffer_extend(body, left < step ? left : step) == NULL) {
        return syi_buffer_check(body, "frame body", err);
    }
    return SY_OK;
}

/* `p`: the whole header. */
static sy_status header_came(syi_frame_reader *reader, const uint8_t *p, sy_error *err)
{
    const uint32_t magic = syi_get_u32le(p);
    if (magic != SYI_FRAME_MAGIC) {
        return syi_fail(err, SY_EPROTO, "frame: starts with 0x%08" PRIx32 " instead of \"CSY1\"",
                        magic);
    }
    if (syi_get_u32le(p + 36) != 0) {
        return syi_fail(err, SY_EPROTO, "frame: the reserved field is 0x%08" PRIx32,
                        syi_get_u32le(p + 36));
    }
    syi_message *message = &reader->message;
    message->kind = syi_get_u16le(p + 4);
    message->flags = syi_get_u32le(p + 12);
    message->id = syi_get_u64le(p + 16);
    message->trace = syi_get_u64le(p + 24);
    message->deadline_ms = syi_get_u32le(p + 32);
    reader->segment_count = syi_get_u16le(p + 6);
    reader->body_length = syi_get_u32le(p + 8);
    if (reader->body_length > reader->limits.body_max) {
        return syi_fail(err, SY_EPROTO,
                        "frame: a body of %" PRIu32 " bytes passes the limit of %" PRIu32,
                        reader->body_length, reader->limits.body_max);
    }
    if (reader->segment_count > reader->limits.segments_max) {
        return syi_fail(err, SY_EPROTO, "frame: %" PRIu32 " segments pass the limit of %" PRIu32,
                        reader->segment_count, reader->limits.segments_max);
    }
    syi_buffer_set_maximum(&message->body, reader->limits.body_max);
    if (reader->parked != NULL && message->kind != SYI_FRAME_REST &&
        (message->id == reader->parked->id ||
         (reader->parked->next && reader->segment_count != 0))) {
        syi_frame_reader_expect(reader, NULL); /* it begins anew, or will not go on */
    }
    return SY_OK;
}

/* The account said no: the message goes on without segments. */
static sy_status refuse(syi_frame_reader *reader, const sy_error *why, sy_error *err)
{
    syi_message *message = &reader->message;
    syi_message_drop(message);
    message->refused = why->status;
    message->refusal = syi_alloc(reader->context, sizeof *message->refusal);
    if (message->refusal == NULL) {
        return SYI_ENOMEM(err, "frame refusal");
    }
    *message->refusal = *why;
    return SY_OK;
}

static sy_status make_segments(syi_frame_reader *reader, sy_error *err)
{
    syi_message *message = &reader->message;
    if (!syi_message_reserve_segments(message, reader->segment_count)) {
        return SYI_ENOMEM(err, "frame segments");
    }
    for (uint32_t i = 0; i < reader->segment_count; i++) {
        const uint8_t *entry = reader->table.data + (size_t)i * SYI_FRAME_SEGMENT_ENTRY_SIZE;
        const uint64_t length = syi_get_u64le(entry);
        syi_storage *storage;
        sy_error why = SY_ERROR_INIT;
        const sy_status status =
            syi_storage_new(reader->context, &storage, (size_t)length, reader->account, &why);
        if (status == SY_ELIMIT) {
            return refuse(reader, &why, err);
        }
        if (status != SY_OK) {
            return syi_fail(err, status, "frame segment %" PRIu32 ": %s", i, why.message);
        }
        message->segments[message->segment_count++] = (syi_segment){
            .storage = storage,
            .data = storage->data,
            .length = length,
            .flags = syi_get_u32le(entry + 8),
        };
    }
    return SY_OK;
}

/* --- the rest of a frame ------------------------------------------------------------------------ */

static uint64_t entry_length(const syi_frame_reader *reader, uint32_t k)
{
    return syi_get_u64le(reader->table.data + (size_t)k * SYI_FRAME_SEGMENT_ENTRY_SIZE);
}

/* Does the table announce exactly what is missing of the parked frame? */
static bool is_missing(const syi_frame_reader *reader)
{
    const syi_message *parked = &reader->parked->message;
    const uint64_t bytes = reader->parked->bytes;
    uint64_t start = 0;
    uint32_t at = 0;
    for (uint32_t k = 0; k < parked->segment_count; k++) {
        const uint64_t end = start + parked->segments[k].length;
        if (end > bytes && end > start) {
            const uint64_t left = end - (bytes > start ? bytes : start);
            if (at == reader->segment_count || entry_length(reader, at) != left) {
                return false;
            }
            at++;
        }
        start = end;
    }
    return at == reader->segment_count;
}

/* To who expects none it is a frame like others. */
static bool is_rest(const syi_frame_reader *reader)
{
    return reader->message.kind == SYI_FRAME_REST && reader->parked != NULL;
}

static sy_status check_rest(const syi_frame_reader *reader, sy_error *err)
{
    if (reader->parked->id != reader->message.id) {
        return syi_fail(err, SY_EPROTO,
                        "frame: the rest of message %" PRIu64 ", of which nothing is here",
                        reader->message.id);
    }
    if (reader->body_length != 1 || !is_missing(reader)) {
        return syi_fail(err, SY_EPROTO,
                        "frame: what comes as the rest of message %" PRIu64
                        " is not what is missing behind its first %" PRIu64 " bytes",
                        reader->message.id, reader->parked->bytes);
    }
    return SY_OK;
}

/* Head and body of the REST have come: the parked frame goes on. What the request is to be treated like says the
 * newer head. */
static sy_status go_on(syi_frame_reader *reader, sy_error *err)
{
    syi_message *message = &reader->message;
    const uint32_t flags = message->flags;
    const uint64_t trace = message->trace;
    const uint32_t deadline_ms = message->deadline_ms;
    if (message->body.data[0] != 0xc0) {
        return syi_fail(err, SY_EPROTO, "frame: the rest of message %" PRIu64 " has a body",
                        message->id);
    }
    uint64_t filled = reader->parked->bytes;
    syi_message_move(message, &reader->parked->message);
    message->flags = flags;
    message->trace = trace;
    message->deadline_ms = deadline_ms;
    reader->going_on = true;
    reader->segment_count = message->segment_count;
    reader->segment = 0;
    while (filled >= message->segments[reader->segment].length) {
        filled -= message->segments[reader->segment++].length;
    }
    begin(reader, PART_SEGMENT, message->segments[reader->segment].length);
    reader->filled = filled;
    return SY_OK;
}

static void all_came(syi_frame_reader *reader)
{
    if (reader->going_on) {
        syi_frame_reader_expect(reader, NULL);
    }
    begin(reader, PART_DONE, 0);
}

syi_partial *syi_frame_reader_part(syi_frame_reader *reader)
{
    syi_partial *partial = reader->parked;
    const bool inside = reader->part == PART_SEGMENT && reader->message.refused == SY_OK;
    uint64_t bytes = reader->filled;
    for (uint32_t k = 0; inside && k < reader->segment; k++) {
        bytes += reader->message.segments[k].length;
    }
    if (!inside || bytes == 0 || (partial != NULL && !reader->going_on)) {
        reader->parked = NULL;
        return partial; /* which goes first when another frame broke, too */
    }
    if (partial == NULL) {
        partial = syi_alloc(reader->context, sizeof *partial);
        if (partial == NULL) {
            return NULL;
        }
        partial->context = reader->context;
        partial->id = reader->message.id;
        syi_message_init(&partial->message, reader->context, reader->message.body.maximum);
    }
    syi_message_move(&partial->message, &reader->message);
    partial->bytes = bytes;
    reader->parked = NULL;
    reader->going_on = false;
    begin(reader, PART_HEADER, SYI_FRAME_HEADER_SIZE);
    return partial;
}

void syi_frame_reader_expect(syi_frame_reader *reader, syi_partial *partial)
{
    syi_partial_free(reader->parked);
    reader->parked = partial;
    reader->going_on = false;
}

/* --- from one part to the next ------------------------------------------------------------------ */

static sy_status table_came(syi_frame_reader *reader, sy_error *err)
{
    uint64_t total = SYI_FRAME_HEADER_SIZE + reader->table.length + reader->body_length;
    for (uint32_t i = 0; i < reader->segment_count; i++) {
        const uint8_t *entry = reader->table.data + (size_t)i * SYI_FRAME_SEGMENT_ENTRY_SIZE;
        const uint64_t length = syi_get_u64le(entry);
        if (syi_get_u32le(entry + 12) != 0) {
            return syi_fail(err, SY_EPROTO,
                            "frame: the reserved field of segment %" PRIu32 " is 0x%08" PRIx32, i,
                            syi_get_u32le(entry + 12));
        }
        if (length > (uint64_t)INT64_MAX - total) {
            return syi_fail(err, SY_EPROTO,
                            "frame: segment %" PRIu32 " of %" PRIu64 " bytes passes 2^63 bytes", i,
                            length);
        }
        total += length;
    }
    if (reader->limits.frame_max != 0 && total > reader->limits.frame_max) {
        return syi_fail(err, SY_EPROTO, "frame: %" PRIu64 " bytes pass the limit of %" PRIu64,
                        total, reader->limits.frame_max);
    }
    reader->length = total;
    if (is_rest(reader)) {
        return check_rest(reader, err);
    }
    return reader->segment_count == 0 ? SY_OK : make_segments(reader, err);
}

static uint64_t announced_bytes(const syi_frame_reader *reader)
{
    uint64_t total = 0;
    for (uint32_t i = 0; i < reader->segment_count; i++) {
        total += syi_get_u64le(reader->table.data + (size_t)i * SYI_FRAME_SEGMENT_ENTRY_SIZE);
    }
    return total;
}

static sy_status begin_drop(syi_frame_reader *reader, sy_error *err)
{
    begin(reader, PART_DROP, announced_bytes(reader));
    reader->drop = syi_alloc_aligned(reader->context, DROP_SIZE, 16);
    return reader->drop == NULL ? SYI_ENOMEM(err, "frame drop buffer") : SY_OK;
}

/* A part is complete (or empty): goes on to the next one that needs bytes. */
static sy_status next_part(syi_frame_reader *reader, sy_error *err)
{
    for (;;) {
        switch (reader->part) {
        case PART_HEADER:
            SY_TRY(header_came(reader, reader->header, err));
            begin(reader, PART_TABLE,
                  (uint64_t)reader->segment_count * SYI_FRAME_SEGMENT_ENTRY_SIZE);
            syi_buffer_clear(&reader->table);
            if (reader->segment_count != 0 &&
                syi_buffer_extend(&reader->table, (size_t)reader->part_length) == NULL) {
                return syi_buffer_check(&reader->table, "frame segment table", err);
            }
            break;
        case PART_TABLE:
            SY_TRY(table_came(reader, err));
            begin(reader, PART_BODY, reader->body_length);
            if (reader->body_length != 0) {
                SY_TRY(grow_body(reader, err));
            }
            break;
        case PART_BODY:
            if (is_rest(reader)) {
                return go_on(reader, err);
            }
            if (reader->message.refused != SY_OK) {
                SY_TRY(begin_drop(reader, err));
            } else if (reader->segment_count != 0) {
                reader->segment = 0;
                begin(reader, PART_SEGMENT, reader->message.segments[0].length);
            } else {
                begin(reader, PART_DONE, 0);
                return SY_OK;
            }
            break;
        case PART_SEGMENT:
            if (++reader->segment == reader->segment_count) {
                all_came(reader);
                return SY_OK;
            }
            begin(reader, PART_SEGMENT, reader->message.segments[reader->segment].length);
            break;
        case PART_DROP:
            syi_free(reader->context, reader->drop, DROP_SIZE);
            reader->drop = NULL;
            begin(reader, PART_DONE, 0);
            return SY_OK;
        case PART_DONE:
        default:
            assert(false && "a message is waiting to be taken");
            return SY_EINVAL;
        }
        if (reader->part_length != 0) {
            return SY_OK;
        }
    }
}

sy_status syi_frame_reader_advance(syi_frame_reader *reader, size_t count, bool *done,
                                   sy_error *err)
{
    *done = false;
    reader->filled += count;
    assert(reader->filled <= reader->part_length);
    if (reader->filled < reader->part_length) {
        if (reader->part == PART_BODY && reader->filled == reader->message.body.length) {
            return grow_body(reader, err);
        }
        return SY_OK;
    }
    SY_TRY(next_part(reader, err));
    *done = reader->part == PART_DONE;
    return SY_OK;
}

/* What most frames are, a header and a small body, and all of it is here: no need to go part by part. */
static sy_status take_whole(syi_frame_reader *reader, const uint8_t *bytes, size_t size,
                            size_t *used, bool *done, sy_error *err)
{
    const size_t body_length = syi_get_u32le(bytes + 8);
    const bool whole = syi_get_u16le(bytes + 6) == 0 && body_length <= size - SYI_FRAME_HEADER_SIZE;
    if (!whole) {
        return SY_OK;
    }
    SY_TRY(header_came(reader, bytes, err));
    syi_buffer_clear(&reader->table);
    SY_TRY(table_came(reader, err));
    if (body_length != 0) {
        uint8_t *place = syi_buffer_extend(&reader->message.body, body_length);
        if (place == NULL) {
            return syi_buffer_check(&reader->message.body, "frame body", err);
        }
        memcpy(place, bytes + SYI_FRAME_HEADER_SIZE, body_length);
    }
    begin(reader, PART_DONE, 0);
    *used = SYI_FRAME_HEADER_SIZE + body_length;
    *done = true;
    return SY_OK;
}

sy_status syi_frame_reader_copy(syi_frame_reader *reader, const uint8_t *bytes, size_t size,
                                size_t *used, bool *done, sy_error *err)
{
    size_t at = 0;
    *done = false;
    if (size >= SYI_FRAME_HEADER_SIZE && syi_frame_reader_is_idle(reader)) {
        SY_TRY(take_whole(reader, bytes, size, used, done, err));
        if (*done) {
            return SY_OK;
        }
    }
    while (at < size && !*done) {
        uint8_t *place;
        size_t room;
        syi_frame_reader_want(reader, &place, &room);
        const size_t count = room < size - at ? room : size - at;
        if (reader->part != PART_DROP) {
            memcpy(place, bytes + at, count);
        }
        at += count;
        SY_TRY(syi_frame_reader_advance(reader, count, done, err));
    }
    *used = at;
    return SY_OK;
}

static void next_frame(syi_frame_reader *reader)
{
    assert(reader->part == PART_DONE);
    if (reader->table.capacity > SYI_MESSAGE_KEEP_BODY) {
        syi_buffer_fini(&reader->table);
    }
    begin(reader, PART_HEADER, SYI_FRAME_HEADER_SIZE);
}

void syi_frame_reader_take(syi_frame_reader *reader, syi_message *message)
{
    syi_message_clear(message);
    syi_message_take(message, &reader->message);
    syi_message_trim(&reader->message);
    next_frame(reader);
}

syi_message *syi_frame_reader_lend(syi_frame_reader *reader)
{
    next_frame(reader);
    return &reader->message;
}

sy_status syi_frame_reader_feed(syi_frame_reader *reader, const uint8_t *bytes, size_t size,
                                void (*got)(void *user, syi_message *message), void *user,
                                sy_error *err)
{
    syi_message message;
    syi_message_init(&message, reader->context, 0);
    sy_status status = SY_OK;
    while (size != 0) {
        size_t used;
        bool done;
        SY_GOTO(out, syi_frame_reader_copy(reader, bytes, size, &used, &done, err));
        bytes += used;
        size -= used;
        if (done) {
            syi_frame_reader_take(reader, &message);
            got(user, &message);
        }
    }
out:
    syi_message_fini(&message);
    return status;
}
