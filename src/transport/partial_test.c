/* partial_test.c - frames that break at every byte, once and twice, and go on; the checksum; what is not the rest of what
 * is here is refused, and nothing is held for longer than it is of use. */
#include "transport/partial.h"

#include "support/memory_faults.h"
#include "support/property.h"

#define ID UINT64_C(0x0102030405060708)

typedef struct fixture {
    failing_allocator memory;
    sy_context *context;
    syi_account account;
    syi_message whole; /* segments of 5, 0, 9, 3 and 0 bytes */
    syi_buffer bytes;  /* the same as a frame */
    uint8_t contents[17];
    sy_error err;
    int count; /* messages that came */
    uint16_t kind;
} fixture;

static void add_segment(fixture *f, size_t size, uint8_t *contents, uint32_t flags)
{
    syi_storage *storage;
    assert_ok(syi_storage_new(f->context, &storage, size, NULL, &f->err), &f->err);
    for (size_t k = 0; k < size; k++) {
        storage->data[k] = contents[k];
    }
    assert_ok(syi_message_add_segment(&f->whole, storage, 0, size, flags, &f->err), &f->err);
    syi_storage_unref(storage);
}

static void encode(const syi_message *message, syi_buffer *out)
{
    sy_error err = SY_ERROR_INIT;
    assert_ok(syi_frame_encode_head(message, out, &err), &err);
    syi_buffer_append(out, message->body.data, message->body.length);
    for (uint32_t k = 0; k < message->segment_count; k++) {
        syi_buffer_append(out, message->segments[k].data, (size_t)message->segments[k].length);
    }
    assert_ok(syi_buffer_check(out, "frame", &err), &err);
}

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    *state = f;
    f->context = failing_allocator_context(&f->memory);
    syi_account_init(&f->account, "test", 1000, NULL);
    syi_message_init(&f->whole, f->context, 100);
    syi_buffer_init(&f->bytes, f->context, 1000);
    for (size_t k = 0; k < sizeof f->contents; k++) {
        f->contents[k] = (uint8_t)(k * 7 + 1);
    }
    f->whole.kind = 34;
    f->whole.id = ID;
    f->whole.flags = 5;
    syi_buffer_append(&f->whole.body, "body", 4);
    add_segment(f, 5, f->contents, 1);
    add_segment(f, 0, f->contents, 2);
    add_segment(f, 9, f->contents + 5, 3);
    add_segment(f, 3, f->contents + 14, 4);
    add_segment(f, 0, f->contents, 5);
    encode(&f->whole, &f->bytes);
    return f->context != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    fixture *f = *state;
    const bool charged = atomic_load(&f->account.used) != 0;
    syi_message_fini(&f->whole);
    syi_buffer_fini(&f->bytes);
    sy_context_free(f->context);
    const bool broken = f->memory.live != 0 || f->memory.broken || charged;
    free(f);
    return broken;
}

static syi_frame_reader *reader_of(fixture *f)
{
    const syi_frame_limits limits = {.body_max = 100, .segments_max = 8, .frame_max = 1000};
    syi_frame_reader *reader = NULL;
    assert_ok(syi_frame_reader_new(f->context, &reader, &limits, &f->account, &f->err), &f->err);
    return reader;
}

/* The message is the whole one, with the flags of the last frame. */
static void got(void *user, syi_message *message)
{
    fixture *f = user;
    size_t at = 0;
    f->count++;
    f->kind = message->kind;
    if (message->kind != f->whole.kind) {
        return;
    }
    assert_true(message->id == ID);
    assert_int_equal(message->flags, f->whole.flags);
    assert_int_equal(message->deadline_ms, f->whole.deadline_ms);
    assert_int_equal(message->body.length, 4);
    assert_memory_equal(message->body.data, "body", 4);
    assert_int_equal(message->segment_count, 5);
    for (uint32_t k = 0; k < 5; k++) {
        const syi_segment *segment = &message->segments[k];
        assert_int_equal(segment->length, f->whole.segments[k].length);
        assert_int_equal(segment->flags, k + 1);
        assert_memory_equal(segment->data, f->contents + at, (size_t)segment->length);
        at += (size_t)segment->length;
    }
}

static sy_status feed(fixture *f, syi_frame_reader *reader, const uint8_t *bytes, size_t size)
{
    return syi_frame_reader_feed(reader, bytes, size, got, f, &f->err);
}

/* What remains of the first `count` bytes of a frame when the connection breaks then. */
static syi_partial *break_after(fixture *f, syi_partial *before, const syi_buffer *frame,
                                size_t count)
{
    syi_frame_reader *reader = reader_of(f);
    syi_frame_reader_expect(reader, before);
    assert_ok(feed(f, reader, frame->data, count), &f->err);
    syi_partial *partial = syi_frame_reader_part(reader);
    syi_frame_reader_free(reader);
    return partial;
}

static void finish(fixture *f, syi_partial *partial, const syi_buffer *rest)
{
    syi_frame_reader *reader = reader_of(f);
    syi_frame_reader_expect(reader, partial);
    f->count = 0;
    assert_ok(feed(f, reader, rest->data, rest->length), &f->err);
    assert_int_equal(f->count, 1);
    assert_int_equal(f->kind, f->whole.kind);
    assert_int_equal(syi_frame_reader_get_length(reader), rest->length);
    assert_null(syi_frame_reader_part(reader));
    assert_true(syi_frame_reader_is_idle(reader));
    syi_frame_reader_free(reader);
}

/* The frame that goes on behind what is there, with other flags than the first time. */
static void make_rest(fixture *f, syi_partial *partial, syi_buffer *rest)
{
    syi_message message;
    syi_message_init(&message, f->context, 1);
    assert_true(syi_partial_is_of(&f->whole, partial->bytes, syi_partial_get_check(partial)));
    f->whole.flags++;
    f->whole.deadline_ms++;
    assert_ok(syi_partial_rest(&f->whole, partial->bytes, &message, &f->err), &f->err);
    assert_int_equal(message.kind, SYI_FRAME_REST);
    encode(&message, rest);
    syi_message_fini(&message);
}

/* --- breaking ---------------------------------------------------------------------------------- */

static void test_break_everywhere(void **state)
{
    fixture *f = *state;
    const size_t head = syi_frame_head_size(&f->whole) + 4;
    syi_buffer rest;
    syi_buffer again;
    syi_buffer_init(&rest, f->context, 1000);
    syi_buffer_init(&again, f->context, 1000);
    for (size_t cut = 0; cut < f->bytes.length; cut++) {
        syi_partial *partial = break_after(f, NULL, &f->bytes, cut);
        if (cut <= head) { /* nothing of a segment: it begins anew */
            assert_null(partial);
            continue;
        }
        assert_int_equal(partial->bytes, cut - head);
        assert_true(partial->id == ID);
        make_rest(f, partial, &rest);
        for (size_t second = 0; second < rest.length; second++) {
            const size_t before = (size_t)partial->bytes;
            partial = break_after(f, partial, &rest, second);
            assert_non_null(partial); /* also when its rest has not come as far as that */
            assert_in_range(partial->bytes, before, sizeof f->contents - 1);
            if (partial->bytes > before) {
                break;
            }
        }
        make_rest(f, partial, &again);
        finish(f, partial, &again);
    }
    syi_buffer_fini(&rest);
    syi_buffer_fini(&again);
}

/* It comes anew instead: what was there is dropped with its head. Other frames may come before it. */
static void test_anew(void **state)
{
    fixture *f = *state;
    syi_buffer other;
    syi_message ping;
    syi_frame_reader *reader = reader_of(f);
    syi_message_init(&ping, f->context, 1);
    syi_buffer_init(&other, f->context, 100);
    ping.kind = 4;
    encode(&ping, &other);
    syi_partial *partial = break_after(f, NULL, &f->bytes, f->bytes.length - 1);
    syi_frame_reader_expect(reader, partial);
    const uint64_t held = atomic_load(&f->account.used);
    assert_true(held != 0);
    assert_ok(feed(f, reader, other.data, other.length), &f->err);
    assert_int_equal(f->kind, 4);
    assert_true(atomic_load(&f->account.used) == held);
    assert_ok(feed(f, reader, f->bytes.data, SYI_FRAME_HEADER_SIZE), &f->err);
    assert_true(atomic_load(&f->account.used) == 0);
    assert_ok(feed(f, reader, f->bytes.data + SYI_FRAME_HEADER_SIZE,
                   f->bytes.length - SYI_FRAME_HEADER_SIZE),
              &f->err);
    assert_int_equal(f->count, 2);
    assert_int_equal(f->kind, f->whole.kind);
    syi_frame_reader_free(reader);
    syi_buffer_fini(&other);
    syi_message_fini(&ping);
}

/* Another frame with segments: a client goes on waiting for the rest of an answer, a worker does not. */
static void test_another(void **state)
{
    fixture *f = *state;
    for (int next = 0; next < 2; next++) {
        syi_frame_reader *reader = reader_of(f);
        syi_partial *partial = break_after(f, NULL, &f->bytes, f->bytes.length - 1);
        const uint64_t held = atomic_load(&f->account.used);
        partial->next = next == 1;
        syi_frame_reader_expect(reader, partial);
        f->bytes.data[16] ^= 1; /* of another id */
        assert_ok(feed(f, reader, f->bytes.data, SYI_FRAME_HEADER_SIZE), &f->err);
        f->bytes.data[16] ^= 1;
        assert_int_equal(atomic_load(&f->account.used), next == 1 ? 0 : held);
        assert_true((syi_frame_reader_part(reader) == NULL) == (next == 1));
        syi_frame_reader_free(reader);
        if (next == 0) {
            syi_partial_free(partial);
        }
    }
}

/* A frame that is refused for its size, or of which only the head is here, is not kept. */
static void test_not_worth_it(void **state)
{
    fixture *f = *state;
    f->account.limit = 10;
    assert_null(break_after(f, NULL, &f->bytes, f->bytes.length - 1));
    f->account.limit = 1000;
    syi_partial_free(NULL);
}

/* --- the checksum ------------------------------------------------------------------------------ */

/* As partial.h lists its bytes. */
static void test_check(void **state)
{
    fixture *f = *state;
    static const uint8_t head[] = {
        'C', 'S', 'Y', '1', 34, 0, 5, 0, 4, 0, 0, 0, 8, 7, 6, 5, 4, 3, 2, 1, /* header */
        5,   0,   0,   0,   0,  0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0,             /* table */
        0,   0,   0,   0,   0,  0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0,             /* */
        9,   0,   0,   0,   0,  0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0,             /* */
        3,   0,   0,   0,   0,  0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0,             /* */
        0,   0,   0,   0,   0,  0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0,             /* */
        'b', 'o', 'd', 'y'};
    const size_t start = syi_frame_head_size(&f->whole) + 4;
    for (size_t bytes = 1; bytes < sizeof f->contents; bytes++) {
        syi_xxh64 hash;
        syi_xxh64_init(&hash);
        syi_xxh64_add(&hash, head, sizeof head);
        syi_xxh64_add(&hash, f->contents, bytes);
        syi_partial *partial = break_after(f, NULL, &f->bytes, start + bytes);
        const uint64_t check = syi_partial_get_check(partial);
        assert_true(check == syi_xxh64_get(&hash));
        assert_true(syi_partial_get_check(partial) == check);
        assert_true(syi_partial_is_of(&f->whole, bytes, check));
        assert_false(syi_partial_is_of(&f->whole, bytes, check ^ 1));
        assert_false(syi_partial_is_of(&f->whole, bytes - 1, check));
        assert_false(syi_partial_is_of(&f->whole, bytes + 1, check));
        syi_partial_free(partial);
    }
}

/* What has changed in the part that has arrived is seen; behind it nothing is looked at. */
static void test_changes(void **state)
{
    fixture *f = *state;
    const size_t start = syi_frame_head_size(&f->whole) + 4;
    syi_partial *partial = break_after(f, NULL, &f->bytes, start + 10);
    const uint64_t check = syi_partial_get_check(partial);
    uint8_t *third = f->whole.segments[2].storage->data;
    third[4] ^= 1; /* number 9 of the contents */
    assert_false(syi_partial_is_of(&f->whole, 10, check));
    third[4] ^= 1;
    third[5] ^= 1;
    assert_true(syi_partial_is_of(&f->whole, 10, check));
    f->whole.body.data[0] = 'B';
    assert_false(syi_partial_is_of(&f->whole, 10, check));
    f->whole.body.data[0] = 'b';
    f->whole.id++;
    assert_false(syi_partial_is_of(&f->whole, 10, check));
    f->whole.id--;
    f->whole.segments[0].length--;
    assert_false(syi_partial_is_of(&f->whole, 10, check));
    f->whole.segments[0].length++;
    f->whole.kind++;
    assert_false(syi_partial_is_of(&f->whole, 10, check));
    f->whole.kind--;
    f->whole.flags++; /* those of a request sent again may differ */
    assert_true(syi_partial_is_of(&f->whole, 10, check));
    assert_false(syi_partial_is_of(&f->whole, 17, check)); /* all is here: nothing broke */
    assert_false(syi_partial_is_of(&f->whole, UINT64_MAX, check));
    assert_false(syi_partial_is_of(&f->whole, 0, check));
    syi_partial_free(partial);
}

/* --- what is refused --------------------------------------------------------------------------- */

typedef struct lie {
    const char *name;
    size_t at; /* of the rest's bytes, at which `byte` is written */
    uint8_t byte;
} lie;

/* The rest of a frame that is not here, or more, or less, or other than what is missing: the stream ends, and what was
 * here stays. */
static void test_lies(void **state)
{
    fixture *f = *state;
    const size_t start = syi_frame_head_size(&f->whole) + 4;
    static const lie lies[] = {
        {"of another message", 16, 9},
        {"one segment more", 6, 3},
        {"one segment less", 6, 1},
        {"none", 6, 0},
        {"a byte more", 40, 8},
        {"a byte less", 40, 6},
        {"2^56 bytes more", 47, 1},
        {"a reserved field", 52, 1},
        {"the second a byte more", 56, 4},
        {"without a body", 8, 0},
        {"with a long body", 8, 2},
        {"with another body", 72, 0xc2},
    };
    for (size_t k = 0; k < sizeof lies / sizeof lies[0]; k++) {
        syi_buffer rest;
        syi_frame_reader *reader = reader_of(f);
        syi_buffer_init(&rest, f->context, 1000);
        syi_partial *partial = break_after(f, NULL, &f->bytes, start + 7); /* 7 and 3 are missing */
        make_rest(f, partial, &rest);
        assert_int_equal(rest.data[lies[k].at] != lies[k].byte, 1);
        rest.data[lies[k].at] = lies[k].byte;
        syi_buffer_append(&rest, (const uint8_t[32]){0}, 32); /* for a longer table */
        syi_frame_reader_expect(reader, partial);
        f->count = 0;
        print_message("%s\n", lies[k].name);
        assert_status(feed(f, reader, rest.data, rest.length), SY_EPROTO, &f->err);
        assert_non_null(strstr(f->err.message, "frame: "));
        assert_int_equal(f->count, 0);
        assert_ptr_equal(syi_frame_reader_part(reader), partial);
        syi_frame_reader_free(reader);
        syi_buffer_clear(&rest);
        make_rest(f, partial, &rest);
        finish(f, partial, &rest);
        syi_buffer_fini(&rest);
    }
}

/* Who expects none, or has had it, sees a frame like others. */
static void test_unexpected(void **state)
{
    fixture *f = *state;
    syi_buffer rest;
    syi_buffer_init(&rest, f->context, 1000);
    syi_partial *partial = break_after(f, NULL, &f->bytes, f->bytes.length - 1);
    make_rest(f, partial, &rest);
    for (int twice = 0; twice < 2; twice++) {
        syi_frame_reader *reader = reader_of(f);
        if (twice == 1) {
            syi_frame_reader_expect(reader, partial);
            assert_ok(feed(f, reader, rest.data, rest.length), &f->err);
            assert_int_equal(f->kind, f->whole.kind);
        }
        assert_ok(feed(f, reader, rest.data, rest.length), &f->err);
        assert_int_equal(f->kind, SYI_FRAME_REST);
        assert_null(syi_frame_reader_part(reader));
        syi_frame_reader_free(reader);
    }
    syi_buffer_fini(&rest);
}

/* Ten thousand connections that bring nothing, or a byte: never more is held than one frame. */
static void test_again_and_again(void **state)
{
    fixture *f = *state;
    const size_t start = syi_frame_head_size(&f->whole) + 4;
    syi_buffer rest;
    syi_buffer_init(&rest, f->context, 1000);
    syi_partial *partial = break_after(f, NULL, &f->bytes, start + 1);
    const uint64_t held = atomic_load(&f->account.used);
    const size_t live = f->memory.live;
    make_rest(f, partial, &rest);
    for (int k = 0; k < 10000 / TEST_SLOWNESS; k++) {
        partial = break_after(f, partial, &rest, (size_t)k % (rest.length - 16));
        assert_int_equal(partial->bytes, 1);
        assert_true(atomic_load(&f->account.used) == held);
        assert_in_range(f->memory.live, live, live + 2);
    }
    finish(f, partial, &rest);
    syi_buffer_fini(&rest);
}

#define partial_test(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        partial_test(test_break_everywhere),
        partial_test(test_anew),
        partial_test(test_another),
        partial_test(test_not_worth_it),
        partial_test(test_check),
        partial_test(test_changes),
        partial_test(test_lies),
        partial_test(test_unexpected),
        partial_test(test_again_and_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
