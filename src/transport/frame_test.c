/* frame_test.c - the frame layout byte by byte, the reader on every split, limits, hostile lengths, refusals. */
#include "transport/frame.h"

#include "support/memory_faults.h"
#include "support/property.h"

#define SMALL_LIMITS ((syi_frame_limits){.body_max = 1000, .segments_max = 4, .frame_max = 5000})

static syi_storage *storage_of(sy_context *context, const void *bytes, size_t size)
{
    syi_storage *storage;
    sy_error err = SY_ERROR_INIT;
    assert_ok(syi_storage_new(context, &storage, size, NULL, &err), &err);
    if (size != 0) {
        memcpy(storage->data, bytes, size);
    }
    return storage;
}

static void add_segment(syi_message *message, const void *bytes, size_t size, uint32_t flags)
{
    sy_error err = SY_ERROR_INIT;
    syi_storage *storage = storage_of(message->body.context, bytes, size);
    assert_ok(syi_message_add_segment(message, storage, 0, size, flags, &err), &err);
    syi_storage_unref(storage);
}

/* The frame as one run of bytes. */
static void encode(const syi_message *message, syi_buffer *out)
{
    sy_error err = SY_ERROR_INIT;
    assert_ok(syi_frame_encode_head(message, out, &err), &err);
    syi_buffer_append(out, message->body.data, message->body.length);
    for (uint32_t i = 0; i < message->segment_count; i++) {
        syi_buffer_append(out, message->segments[i].data, (size_t)message->segments[i].length);
    }
    assert_ok(syi_buffer_check(out, "frame", &err), &err);
    assert_int_equal(out->length, syi_frame_length(message));
}

static void fill_sample(syi_message *message)
{
    message->kind = 0x0102;
    message->flags = 0x03040506;
    message->id = UINT64_C(0x0708090a0b0c0d0e);
    message->trace = UINT64_C(0x1112131415161718);
    message->deadline_ms = 0x191a1b1c;
    syi_buffer_append(&message->body, "body", 4);
    add_segment(message, "first", 5, 7);
    add_segment(message, "", 0, 0);
    add_segment(message, "the third", 9, UINT32_MAX);
}

static void assert_sample(const syi_message *message)
{
    assert_int_equal(message->kind, 0x0102);
    assert_int_equal(message->flags, 0x03040506);
    assert_true(message->id == UINT64_C(0x0708090a0b0c0d0e));
    assert_true(message->trace == UINT64_C(0x1112131415161718));
    assert_int_equal(message->deadline_ms, 0x191a1b1c);
    assert_int_equal(message->refused, SY_OK);
    assert_null(message->refusal);
    assert_int_equal(message->body.length, 4);
    assert_memory_equal(message->body.data, "body", 4);
    assert_int_equal(message->segment_count, 3);
    static const char *const texts[3] = {"first", "", "the third"};
    static const uint32_t flags[3] = {7, 0, UINT32_MAX};
    for (int i = 0; i < 3; i++) {
        const syi_segment *segment = &message->segments[i];
        assert_int_equal(segment->length, strlen(texts[i]));
        assert_int_equal(segment->flags, flags[i]);
        assert_memory_equal(segment->data, texts[i], strlen(texts[i]));
        assert_ptr_equal(segment->data, segment->storage->data);
        assert_int_equal(segment->storage->size, segment->length);
        assert_int_equal(segment->storage->refs, 1);
    }
}

static void test_layout(void **state)
{
    (void)state;
    static const uint8_t expected[] = {
        'C',  'S',  'Y',  '1',  0x02, 0x01, 0x03, 0x00, 0x04, 0x00, 0x00, 0x00, 0x06, 0x05,
        0x04, 0x03, 0x0e, 0x0d, 0x0c, 0x0b, 0x0a, 0x09, 0x08, 0x07, 0x18, 0x17, 0x16, 0x15,
        0x14, 0x13, 0x12, 0x11, 0x1c, 0x1b, 0x1a, 0x19, 0x00, 0x00, 0x00, 0x00, /* table */
        0x05, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x07, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x09, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff,
        0xff, 0xff, 0x00, 0x00, 0x00, 0x00, /* body, segments */
        'b',  'o',  'd',  'y',  'f',  'i',  'r',  's',  't',  't',  'h',  'e',  ' ',  't',
        'h',  'i',  'r',  'd',
    };
    failing_allocator memory = {0};
    sy_context *context = memory_faults_context(&memory);
    syi_message message;
    syi_buffer bytes;
    syi_message_init(&message, context, 100);
    syi_buffer_init(&bytes, context, 1000);
    fill_sample(&message);
    encode(&message, &bytes);
    assert_int_equal(bytes.length, sizeof expected);
    assert_memory_equal(bytes.data, expected, sizeof expected);
    syi_buffer_fini(&bytes);
    syi_message_fini(&message);
    memory_faults_context_free(&memory, context);
}

/* --- arriving in pieces ------------------------------------------------------------------------ */

static void count_samples(void *user, syi_message *message)
{
    int *count = user;
    assert_sample(message);
    (*count)++;
}

static syi_frame_reader *reader_of(sy_context *context, syi_account *account)
{
    syi_frame_reader *reader;
    sy_error err = SY_ERROR_INIT;
    assert_ok(syi_frame_reader_new(context, &reader, &SMALL_LIMITS, account, &err), &err);
    return reader;
}

static void test_split_at_every_byte(void **state)
{
    (void)state;
    failing_allocator memory = {0};
    sy_context *context = memory_faults_context(&memory);
    sy_error err = SY_ERROR_INIT;
    syi_message message;
    syi_buffer bytes;
    syi_message_init(&message, context, 100);
    syi_buffer_init(&bytes, context, 1000);
    fill_sample(&message);
    encode(&message, &bytes);
    const size_t size = bytes.length;
    syi_frame_reader *reader = reader_of(context, NULL);
    int count = 0;
    for (size_t first = 0; first <= size; first++) {
        for (size_t second = first; second <= size; second++) {
            count = 0;
            assert_ok(syi_frame_reader_feed(reader, bytes.data, first, count_samples, &count, &err),
                      &err);
            assert_int_equal(syi_frame_reader_is_idle(reader), first == 0 || first == size);
            assert_ok(syi_frame_reader_feed(reader, bytes.data + first, second - first,
                                            count_samples, &count, &err),
                      &err);
            assert_ok(syi_frame_reader_feed(reader, bytes.data + second, size - second,
                                            count_samples, &count, &err),
                      &err);
            assert_int_equal(count, 1);
            assert_true(syi_frame_reader_is_idle(reader));
        }
    }
    /* One byte at a time, and three frames in one run. */
    count = 0;
    for (size_t i = 0; i < size; i++) {
        assert_ok(syi_frame_reader_feed(reader, bytes.data + i, 1, count_samples, &count, &err),
                  &err);
    }
    assert_int_equal(count, 1);
    syi_buffer thrice;
    syi_buffer_init(&thrice, context, 3 * size);
    for (int i = 0; i < 3; i++) {
        syi_buffer_append(&thrice, bytes.data, size);
    }
    assert_ok(
        syi_frame_reader_feed(reader, thrice.data, thrice.length, count_samples, &count, &err),
        &err);
    assert_int_equal(count, 4);
    syi_buffer_fini(&thrice);
    syi_frame_reader_free(reader);
    syi_buffer_fini(&bytes);
    syi_message_fini(&message);
    memory_faults_context_free(&memory, context);
}

/* Random bytes straight into the wanted places, in random portions. */
static void test_want_and_advance(void **state)
{
    (void)state;
    failing_allocator memory = {0};
    sy_context *context = memory_faults_context(&memory);
    property_random random = property_start(__func__);
    const long rounds = property_iterations(60);
    syi_frame_limits limits = SYI_FRAME_LIMITS_DEFAULT;
    syi_frame_reader *reader;
    sy_error err = SY_ERROR_INIT;
    assert_ok(syi_frame_reader_new(context, &reader, &limits, NULL, &err), &err);
    syi_message sent;
    syi_message got;
    syi_buffer bytes;
    syi_message_init(&sent, context, SIZE_MAX / 2);
    syi_message_init(&got, context, 10);
    syi_buffer_init(&bytes, context, SIZE_MAX / 2);
    for (long round = 0; round < rounds; round++) {
        static uint8_t noise[900000];
        static const size_t sizes[] = {0, 1, 7, 300, 5000, 70000, 262144, 262145, 900000};
        const size_t kinds = sizeof sizes / sizeof sizes[0];
        for (size_t i = 0; i < sizeof noise; i += 8) {
            const uint64_t draw = property_next(&random);
            memcpy(noise + i, &draw, 8);
        }
        syi_message_clear(&sent);
        sent.id = (uint64_t)round;
        syi_buffer_append(&sent.body, noise, sizes[property_next(&random) % kinds]);
        const uint64_t segments = property_next(&random) % 4;
        for (uint64_t i = 0; i < segments; i++) {
            add_segment(&sent, noise, sizes[property_next(&random) % kinds], (uint32_t)i);
        }
        syi_buffer_clear(&bytes);
        encode(&sent, &bytes);

        bool done = false;
        for (size_t at = 0; at < bytes.length;) {
            uint8_t *place;
            size_t room;
            assert_false(done);
            syi_frame_reader_want(reader, &place, &room);
            assert_in_range(room, 1, bytes.length - at);
            const size_t count = 1 + property_next(&random) % room;
            memcpy(place, bytes.data + at, count);
            at += count;
            assert_ok(syi_frame_reader_advance(reader, count, &done, &err), &err);
        }
        assert_true(done);
        syi_frame_reader_take(reader, &got);
        assert_int_equal(got.id, round);
        assert_int_equal(got.body.length, sent.body.length);
        if (got.body.length != 0) {
            assert_memory_equal(got.body.data, sent.body.data, sent.body.length);
        }
        assert_int_equal(got.segment_count, segments);
        for (uint32_t i = 0; i < got.segment_count; i++) {
            assert_int_equal(got.segments[i].length, sent.segments[i].length);
            assert_memory_equal(got.segments[i].data, sent.segments[i].data,
                                (size_t)got.segments[i].length);
        }
    }
    syi_frame_reader_free(reader);
    syi_message_fini(&sent);
    syi_message_fini(&got);
    syi_buffer_fini(&bytes);
    memory_faults_context_free(&memory, context);
}

/* --- hostile bytes ----------------------------------------------------------------------------- */

static void count_any(void *user, syi_message *message)
{
    (void)message;
    ++*(int *)user;
}

typedef struct hostile {
    const char *what;
    size_t at; /* these bytes of an otherwise good frame (2 segments of 3 bytes, body of 4) ... */
    size_t size;
    uint64_t value; /* ... become this */
    const char *sentence;
} hostile;

static void test_hostile_heads(void **state)
{
    (void)state;
    static const hostile cases[] = {
        {"magic", 0, 4, 0x31595344, "starts with 0x31595344"},
        {"http", 0, 4, 0x20544547, "starts with 0x20544547"},
        {"reserved", 36, 4, 1, "reserved field is 0x00000001"},
        {"reserved, top bit", 36, 4, 0x80000000, "reserved field is 0x80000000"},
        {"body above the limit", 8, 4, 1001, "1001 bytes passes the limit of 1000"},
        {"body u32 max", 8, 4, UINT32_MAX, "4294967295 bytes passes the limit of 1000"},
        {"segments above the limit", 6, 2, 5, "5 segments pass the limit of 4"},
        {"segments 65535", 6, 2, 65535, "65535 segments pass the limit of 4"},
        {"segment u64 max", 40, 8, UINT64_MAX, "passes 2^63 bytes"},
        {"segment 2^63", 56, 8, UINT64_C(1) << 63, "passes 2^63 bytes"},
        {"segment 2^63 - 50", 56, 8, (UINT64_C(1) << 63) - 50, "passes 2^63 bytes"},
        {"segment 2^62", 40, 8, UINT64_C(1) << 62, "pass the limit of 5000"},
        {"frame above the limit", 40, 8, 4922, "5001 bytes pass the limit of 5000"},
        {"segment reserved", 40 + 12, 4, 1, "reserved field of segment 0"},
        {"second segment reserved", 56 + 12, 4, 256, "reserved field of segment 1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        failing_allocator memory = {0};
        sy_context *context = memory_faults_context(&memory);
        syi_message message;
        syi_buffer bytes;
        syi_message_init(&message, context, 100);
        syi_buffer_init(&bytes, context, 1000);
        syi_buffer_append(&message.body, "body", 4);
        add_segment(&message, "abc", 3, 0);
        add_segment(&message, "def", 3, 0);
        encode(&message, &bytes);
        memcpy(bytes.data + cases[i].at, &cases[i].value, cases[i].size);
        int count = 0;
        sy_error err = SY_ERROR_INIT;
        syi_frame_reader *reader = reader_of(context, NULL);
        const size_t before = memory.live_bytes;
        memory.peak_bytes = before;
        assert_status(
            syi_frame_reader_feed(reader, bytes.data, bytes.length, count_any, &count, &err),
            SY_EPROTO, &err);
        if (strstr(err.message, cases[i].sentence) == NULL) {
            fail_msg("%s: \"%s\" lacks \"%s\"", cases[i].what, err.message, cases[i].sentence);
        }
        assert_int_equal(count, 0);
        assert_in_range(memory.peak_bytes, before, before + 4096); /* nothing was made for it */
        syi_frame_reader_free(reader);
        syi_buffer_fini(&bytes);
        syi_message_fini(&message);
        memory_faults_context_free(&memory, context);
    }
}

/* A length is no reason to allocate: memory follows the bytes that come. */
static void test_large_body_grows_as_it_comes(void **state)
{
    (void)state;
    failing_allocator memory = {0};
    sy_context *context = memory_faults_context(&memory);
    const syi_frame_limits limits = {.body_max = UINT32_MAX, .segments_max = 0};
    syi_frame_reader *reader;
    sy_error err = SY_ERROR_INIT;
    int count = 0;
    assert_ok(syi_frame_reader_new(context, &reader, &limits, NULL, &err), &err);
    uint8_t head[SYI_FRAME_HEADER_SIZE] = {'C', 'S', 'Y', '1'};
    syi_put_u32le(head + 8, 1u << 30);
    assert_ok(syi_frame_reader_feed(reader, head, sizeof head, count_any, &count, &err), &err);
    static uint8_t kilobyte[1024];
    for (int i = 0; i < 2048; i++) {
        assert_ok(syi_frame_reader_feed(reader, kilobyte, sizeof kilobyte, count_any, &count, &err),
                  &err);
        assert_in_range(memory.live_bytes, 0, 1000000 + 4 * 1024 * ((size_t)i + 1));
    }
    assert_int_equal(count, 0);
    syi_frame_reader_free(reader);
    memory_faults_context_free(&memory, context);
}

/* --- accounts ---------------------------------------------------------------------------------- */

typedef struct seen {
    int refused;
    int whole;
} seen;

static void look(void *user, syi_message *message)
{
    seen *s = user;
    assert_int_equal(message->body.length, 4);
    assert_memory_equal(message->body.data, "body", 4);
    if (message->refused != SY_OK) {
        s->refused++;
        assert_int_equal(message->refused, SY_ELIMIT);
        assert_int_equal(message->segment_count, 0);
        assert_non_null(strstr(message->refusal->message, "tiny account"));
    } else {
        s->whole++;
        assert_int_equal(message->segment_count, 2);
        assert_ptr_equal(message->segments[1].storage->account->name, "tiny account");
    }
}

static void test_refused_by_the_account(void **state)
{
    (void)state;
    failing_allocator memory = {0};
    sy_context *context = memory_faults_context(&memory);
    static const char *const name = "tiny account";
    syi_account account;
    syi_account_init(&account, name, 100, NULL);
    syi_frame_reader *reader = reader_of(context, NULL);
    syi_frame_reader_set_account(reader, &account);
    syi_buffer bytes;
    syi_buffer_init(&bytes, context, 1 << 20);
    static const size_t lengths[][2] = {{60, 41}, {50, 50}, {101, 0}, {0, 3000}, {0, 100}};
    for (int i = 0; i < 5; i++) {
        static const uint8_t zeros[3000];
        syi_message message;
        syi_buffer frame;
        syi_message_init(&message, context, 100);
        syi_buffer_init(&frame, context, 100000);
        syi_buffer_append(&message.body, "body", 4);
        add_segment(&message, zeros, lengths[i][0], 0);
        add_segment(&message, zeros, lengths[i][1], 0);
        encode(&message, &frame);
        syi_buffer_append(&bytes, frame.data, frame.length);
        syi_buffer_fini(&frame);
        syi_message_fini(&message);
    }
    static const size_t portions[] = {1, 13, 100000};
    for (size_t p = 0; p < 3; p++) {
        seen s = {0, 0};
        for (size_t at = 0; at < bytes.length; at += portions[p]) {
            const size_t left = bytes.length - at;
            sy_error err = SY_ERROR_INIT;
            assert_ok(syi_frame_reader_feed(reader, bytes.data + at,
                                            left < portions[p] ? left : portions[p], look, &s,
                                            &err),
                      &err);
        }
        assert_int_equal(s.refused, 3);
        assert_int_equal(s.whole, 2);
        assert_int_equal(account.used, 0);
        assert_int_equal(account.peak, 100);
        assert_true(syi_frame_reader_is_idle(reader));
    }
    syi_buffer_fini(&bytes);
    syi_frame_reader_free(reader);
    memory_faults_context_free(&memory, context);
}

/* --- messages ---------------------------------------------------------------------------------- */

static void test_move_and_take(void **state)
{
    (void)state;
    failing_allocator memory = {0};
    sy_context *context = memory_faults_context(&memory);
    syi_message a;
    syi_message b;
    syi_message_init(&a, context, 100);
    syi_message_init(&b, context, 1);
    fill_sample(&a);
    syi_message_take(&b, &a);
    assert_sample(&b);
    assert_int_equal(a.body.length, 0);
    assert_int_equal(a.segment_count, 0);
    assert_int_equal(a.body.maximum, 100);
    assert_int_equal(b.body.maximum, 4); /* its own, but never below what it holds */
    fill_sample(&a);
    syi_message_move(&a, &b);
    assert_sample(&a);
    syi_message_clear(&a);
    assert_int_equal(a.segment_count, 0);
    assert_int_equal(a.id, 0);
    assert_non_null(a.body.data);
    syi_message_fini(&a);
    memory_faults_context_free(&memory, context);
}

static void test_add_segment_bounds(void **state)
{
    (void)state;
    failing_allocator memory = {0};
    sy_context *context = memory_faults_context(&memory);
    sy_error err = SY_ERROR_INIT;
    syi_message message;
    syi_message_init(&message, context, 100);
    syi_storage *storage = storage_of(context, "0123456789", 10);
    assert_ok(syi_message_add_segment(&message, storage, 2, 5, 0, &err), &err);
    assert_memory_equal(message.segments[0].data, "23456", 5);
    assert_ok(syi_message_add_segment(&message, storage, 10, 0, 0, &err), &err);
    assert_status(syi_message_add_segment(&message, storage, 11, 0, 0, &err), SY_EINVAL, &err);
    assert_status(syi_message_add_segment(&message, storage, 2, 9, 0, &err), SY_EINVAL, &err);
    assert_status(syi_message_add_segment(&message, storage, 2, SIZE_MAX, 0, &err), SY_EINVAL,
                  &err);
    for (unsigned i = 2; i < UINT16_MAX; i++) {
        assert_ok(syi_message_add_segment(&message, storage, 0, 1, 0, &err), &err);
    }
    assert_status(syi_message_add_segment(&message, storage, 0, 1, 0, &err), SY_ELIMIT, &err);
    assert_int_equal(storage->refs, 1 + UINT16_MAX);
    syi_message_fini(&message);
    assert_int_equal(storage->refs, 1);
    syi_storage_unref(storage);
    memory_faults_context_free(&memory, context);
}

static void test_latched_body_does_not_travel(void **state)
{
    (void)state;
    failing_allocator memory = {0};
    sy_context *context = memory_faults_context(&memory);
    sy_error err = SY_ERROR_INIT;
    syi_message message;
    syi_buffer out;
    syi_message_init(&message, context, 3);
    syi_buffer_init(&out, context, 1000);
    syi_buffer_append(&message.body, "body", 4);
    assert_status(syi_frame_encode_head(&message, &out, &err), SY_ELIMIT, &err);
    syi_message_fini(&message);
    syi_buffer_fini(&out);
    memory_faults_context_free(&memory, context);
}

static void ignore(void *user, syi_message *message)
{
    (void)user;
    (void)message;
}

static sy_status whole_way(sy_context *context, void *argument, sy_error *err)
{
    (void)argument;
    sy_status status;
    syi_message message;
    syi_buffer bytes;
    syi_frame_reader *reader = NULL;
    syi_storage *storage = NULL;
    syi_account account;
    syi_account_init(&account, "account", 3, NULL);
    syi_message_init(&message, context, 10000);
    syi_buffer_init(&bytes, context, 100000);
    SY_GOTO(done, syi_storage_new(context, &storage, 5, NULL, err));
    SY_GOTO(done, syi_message_add_segment(&message, storage, 0, 5, 0, err));
    syi_buffer_extend(&message.body, 5000);
    SY_GOTO(done, syi_frame_encode_head(&message, &bytes, err));
    syi_buffer_extend(&bytes, 5005);
    SY_GOTO(done, syi_buffer_check(&bytes, "frame", err));
    const syi_frame_limits limits = SYI_FRAME_LIMITS_DEFAULT;
    SY_GOTO(done, syi_frame_reader_new(context, &reader, &limits, NULL, err));
    SY_GOTO(done, syi_frame_reader_feed(reader, bytes.data, bytes.length, ignore, NULL, err));
    syi_frame_reader_set_account(reader, &account);
    SY_GOTO(done, syi_frame_reader_feed(reader, bytes.data, bytes.length, ignore, NULL, err));
done:
    syi_frame_reader_free(reader);
    syi_storage_unref(storage);
    syi_message_fini(&message);
    syi_buffer_fini(&bytes);
    return status;
}

static void test_out_of_memory(void **state)
{
    (void)state;
    assert_in_range(memory_faults_sweep(whole_way, NULL), 8, 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layout),
        cmocka_unit_test(test_split_at_every_byte),
        cmocka_unit_test(test_want_and_advance),
        cmocka_unit_test(test_hostile_heads),
        cmocka_unit_test(test_large_body_grows_as_it_comes),
        cmocka_unit_test(test_refused_by_the_account),
        cmocka_unit_test(test_move_and_take),
        cmocka_unit_test(test_add_segment_bounds),
        cmocka_unit_test(test_latched_body_does_not_travel),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
