/*
 * pysyft_test.c - the codec of the PySyft dialect: every captured object to csyft.v1 and back to the same bytes,
 * envelopes in every form, requests of every kind, and what is refused. Against a real worker:
 * tests/interop/pysyft_replay.py; sessions: tests/integration/pysyft_session.c; hostile bytes: tests/fuzz/pysyft.c.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <csyft/context.h>

#include "pysyft/answers.h"
#include "pysyft/envelope.h"
#include "serde/codes.h"
#include "support/test.h"

#define OBJECTS CSYFT_TEST_SOURCE_DIR "/tests/vectors/pysyft-0.2.9/objects"

static sy_context *context_of_test;

static int set_up(void **state)
{
    (void)state;
    return sy_context_new(&context_of_test, NULL, NULL) == SY_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    sy_context_free(context_of_test);
    return 0;
}

static char *read_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    const long size = ftell(file);
    char *text = malloc((size_t)size + 1);
    assert_non_null(text);
    rewind(file);
    assert_int_equal(fread(text, 1, (size_t)size, file), size);
    text[size] = '\0';
    fclose(file);
    return text;
}

static int nibble(char c)
{
    return c <= '9' ? c - '0' : c - 'a' + 10;
}

/* The bytes of a hex text up to a quote or the end. */
static size_t unhex(const char *text, uint8_t **bytes)
{
    const size_t count = strcspn(text, "\"") / 2;
    *bytes = malloc(count + 1);
    assert_non_null(*bytes);
    for (size_t k = 0; k < count; k++) {
        (*bytes)[k] = (uint8_t)(nibble(text[2 * k]) << 4 | nibble(text[2 * k + 1]));
    }
    return count;
}

static size_t field(const char *json, const char *name, uint8_t **bytes)
{
    const char *at = strstr(json, name);
    assert_non_null(at);
    at = strchr(at, ':');
    at = strchr(at, '"');
    return unhex(at + 1, bytes);
}

/* --- objects ------------------------------------------------------------------------------------ */

/* Which type code does the object have in csyft.v1? */
static int64_t there_and_back(const uint8_t *bytes, size_t size, bool opaque)
{
    syi_message middle;
    syi_buffer back;
    syi_pysyft_reader reader;
    syi_pysyft_writer writer;
    syi_msgpack_cursor cursor;
    int64_t code = 0;
    sy_error err = SY_ERROR_INIT;
    syi_message_init(&middle, context_of_test, 1u << 24);
    syi_buffer_init(&back, context_of_test, 1u << 24);
    syi_pysyft_reader_init(&reader, context_of_test, bytes, size, &middle, NULL);
    assert_status(syi_pysyft_read_object(&reader, opaque, &err), SY_OK, &err);
    assert_ptr_equal(reader.cursor.next, bytes + size);
    syi_pysyft_writer_init(&writer, context_of_test, &middle, &back, false);
    assert_status(syi_pysyft_write_value(&writer, &err), SY_OK, &err);
    assert_int_equal(back.length, size);
    for (size_t k = 0; k < size; k++) {
        if (back.data[k] != bytes[k]) {
            fail_msg("byte %zu is %02x, not %02x", k, back.data[k], bytes[k]);
        }
    }
    syi_msgpack_cursor_init(&cursor, middle.body.data, middle.body.length, SYI_MSGPACK_DEPTH_MAX,
                            0);
    assert_int_equal(syi_pysyft_open_pair(&cursor, &code, NULL), SY_OK);
    syi_buffer_fini(&back);
    syi_message_fini(&middle);
    return code;
}

static bool begins(const char *name, const char *with)
{
    return strncmp(name, with, strlen(with)) == 0;
}

/* The types that csyft has. */
static bool exists(const char *name)
{
    return begins(name, "tensor_") || begins(name, "parameter") || begins(name, "pointer_") ||
           strcmp(name, "multi_pointer.json") == 0 || strcmp(name, "fixed_precision.json") == 0 ||
           strcmp(name, "fixed_precision_all.json") == 0 || begins(name, "plan");
}

static void test_every_captured_object(void **state)
{
    (void)state;
    DIR *folder = opendir(OBJECTS);
    assert_non_null(folder);
    size_t count = 0;
    size_t typed = 0;
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        char path[512];
        uint8_t *bytes = NULL;
        if (strstr(entry->d_name, ".json") == NULL) {
            continue;
        }
        snprintf(path, sizeof path, "%s/%s", OBJECTS, entry->d_name);
        char *json = read_file(path);
        const size_t size = field(json, "\"msgpack_hex\"", &bytes);
        const bool plain = begins(entry->d_name, "py_") || begins(entry->d_name, "np_") ||
                           begins(entry->d_name, "role");
        const int64_t code = there_and_back(bytes, size, plain);
        const bool is_opaque = code == SYI_PYSYFT_CODE_OPAQUE;
        if (exists(entry->d_name) == is_opaque) {
            fail_msg("%s became an object of type code %lld", entry->d_name, (long long)code);
        }
        typed += is_opaque ? 0 : 1;
        count++;
        free(bytes);
        free(json);
    }
    closedir(folder);
    assert_true(count >= 40);
    assert_int_equal(typed, 21);
}

/* Through csyft.v1 without its extra fields, as it comes out of a store: an id of nothing else. */
static void test_form_of_answers(void **state)
{
    (void)state;
    static const int64_t shape[2] = {2, 2};
    for (int dtype = 0; dtype < SY_DTYPE_COUNT; dtype++) {
        for (int all = 0; all < 2; all++) {
            syi_array array;
            syi_array again;
            syi_pysyft_contents how = {.all = all, .key = 77};
            syi_pysyft_contents found;
            syi_buffer bytes;
            syi_msgpack_cursor cursor;
            sy_error err = SY_ERROR_INIT;
            syi_buffer_init(&bytes, context_of_test, 1u << 20);
            assert_int_equal(
                syi_array_new(context_of_test, &array, (sy_dtype)dtype, 2, shape, NULL, NULL),
                SY_OK);
            memset(syi_array_data(&array), 0, syi_array_bytes(&array));
            ((uint8_t *)syi_array_data(&array))[0] = 1;
            assert_status(syi_pysyft_write_contents(context_of_test, &bytes, &array, &how, &err),
                          SY_OK, &err);
            syi_msgpack_cursor_init(&cursor, bytes.data, bytes.length, SYI_MSGPACK_DEPTH_MAX, 0);
            assert_status(
                syi_pysyft_read_contents(context_of_test, &cursor, &again, &found, NULL, &err),
                SY_OK, &err);
            assert_int_equal(found.all, all);
            assert_int_equal(again.dtype, dtype);
            assert_memory_equal(syi_array_data(&again), syi_array_data(&array),
                                syi_array_bytes(&array));
            syi_array_fini(&again);
            syi_array_fini(&array);
            syi_buffer_fini(&bytes);
        }
    }
}

/* --- envelopes ---------------------------------------------------------------------------------- */

static sy_status open_text(const char *text, size_t most, syi_buffer *body)
{
    syi_message plain;
    syi_message_init(&plain, context_of_test, 1u << 20);
    plain.kind = SYI_PLAIN_TEXT;
    syi_buffer_append(&plain.body, text, strlen(text));
    syi_buffer_fini(body);
    syi_buffer_init(body, context_of_test, most);
    const sy_status status = syi_pysyft_open(context_of_test, &plain, body, NULL);
    syi_message_fini(&plain);
    return status;
}

static void test_envelopes(void **state)
{
    (void)state;
    static const syi_pysyft_scheme schemes[] = {SYI_PYSYFT_NONE, SYI_PYSYFT_LZ4, SYI_PYSYFT_ZLIB};
    static const uint16_t kinds[] = {SYI_PLAIN_TEXT, SYI_PLAIN_BINARY};
    uint8_t body[300000];
    for (size_t k = 0; k < sizeof body; k++) {
        body[k] = (uint8_t)(k * k >> 7);
    }
    for (size_t n = 0; n < 6; n++) {
        syi_message plain;
        syi_buffer back;
        syi_message_init(&plain, context_of_test, 1u << 24);
        syi_buffer_init(&back, context_of_test, sizeof body + (64u << 10));
        assert_int_equal(
            syi_pysyft_seal(body, sizeof body, schemes[n % 3], kinds[n / 3], &plain, NULL), SY_OK);
        assert_int_equal(syi_pysyft_open(context_of_test, &plain, &back, NULL), SY_OK);
        assert_int_equal(back.length, sizeof body);
        assert_memory_equal(back.data, body, sizeof body);
        syi_message_fini(&plain);
        syi_buffer_fini(&back);
    }
}

/* The answer "none", byte for byte as PySyft's server gives it. */
static void test_none_as_captured(void **state)
{
    (void)state;
    static const char expected[] = "b'2904224d18684001000000000000002c01000080c000000000'";
    static const uint8_t none[] = {0xc0};
    syi_message plain;
    syi_message_init(&plain, context_of_test, 1u << 20);
    assert_int_equal(syi_pysyft_seal(none, 1, SYI_PYSYFT_LZ4, SYI_PLAIN_TEXT, &plain, NULL), SY_OK);
    assert_int_equal(plain.body.length, sizeof expected - 1);
    assert_memory_equal(plain.body.data, expected, sizeof expected - 1);
    syi_message_fini(&plain);
}

static void test_bad_envelopes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        sy_status status;
    } cases[] = {
        {"", SY_EFORMAT},
        {"b''", SY_EFORMAT},
        {"b'28c0", SY_EFORMAT},
        {"28c0", SY_EFORMAT},
        {"b'28c'", SY_EFORMAT},
        {"b'28cg'", SY_EFORMAT},
        {"b'2bc0'", SY_ENOTSUP},
        {"b'29'", SY_EFORMAT},
        {"b'2904224d18'", SY_EFORMAT},
        {"b'2904224d18684001000000000000002d01000080c000000000'", SY_EFORMAT},   /* its checksum */
        {"b'2904224d18684001000000000000002c01000080c000000000c0'", SY_EFORMAT}, /* more */
        {"b'2904224d18684001000000000000002c01000080c000'", SY_EFORMAT},         /* less */
        {"b'2a789c'", SY_EFORMAT},
        {"b'28c0'", SY_OK},
        {"b'28C0'", SY_OK},
    };
    syi_buffer body;
    syi_buffer_init(&body, context_of_test, 0);
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        const sy_status status = open_text(cases[k].text, 1u << 20, &body);
        if (status != cases[k].status) {
            fail_msg("%s: status %d, not %d", cases[k].text, (int)status, (int)cases[k].status);
        }
    }
    syi_buffer_fini(&body);
}

/* 64 MiB of zeros in a few hundred kilobytes are refused at the limit, whatever the frame announces. */
static void test_bombs(void **state)
{
    (void)state;
    static const syi_pysyft_scheme schemes[] = {SYI_PYSYFT_LZ4, SYI_PYSYFT_ZLIB};
    uint8_t *zeros = calloc(64, 1u << 20);
    assert_non_null(zeros);
    for (size_t k = 0; k < 2; k++) {
        syi_message plain;
        syi_buffer body;
        syi_message_init(&plain, context_of_test, 1u << 24);
        syi_buffer_init(&body, context_of_test, 1u << 20);
        assert_int_equal(
            syi_pysyft_seal(zeros, (size_t)64 << 20, schemes[k], SYI_PLAIN_BINARY, &plain, NULL),
            SY_OK);
        assert_true(plain.body.length < 1u << 20);
        assert_int_equal(syi_pysyft_open(context_of_test, &plain, &body, NULL), SY_ELIMIT);
        assert_true(body.capacity <= 1u << 20);
        syi_message_fini(&plain);
        syi_buffer_fini(&body);
    }
    free(zeros);
}

/* --- requests ----------------------------------------------------------------------------------- */

static sy_status read_request(const char *hex, syi_pysyft_request *request, syi_message *message,
                              sy_error *err)
{
    uint8_t *bytes = NULL;
    const size_t size = unhex(hex, &bytes);
    syi_message_clear(message);
    const sy_status status =
        syi_pysyft_read_request(context_of_test, bytes, size, false, NULL, request, message, err);
    free(bytes);
    return status;
}

static void test_requests(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        int kind;
        const char *body;
    } cases[] = {
        /* torch.zeros(2, 2, device=cpu): the device says nothing here */
        {"9221919236969205"
         "91c40b746f7263682e7a65726f73"
         "c0"
         "920692020292009192920591c40664657669636592"
         "0a91920591c403637075"
         "920691cd1234c2",
         SYI_KIND_COMMAND,
         "94ab746f7263682e7a65726f739201920202"
         "8091cd1234"},
        /* run of a plan by its id, with no arguments and one result */
        {"9221919236969205"
         "91c40372756e"
         "07"
         "92069292069092019109"
         "92009092069109c2",
         SYI_KIND_WORKER_COMMAND,
         "92920591c40372756e920195"
         "921994c007c0c0"
         "92019092019092019109c3"},
        {"922393"
         "cd1234c0920591c400",
         SYI_KIND_OBJECT_REQUEST, "92cd1234c2"},
        {"922491cd1234", SYI_KIND_IS_NONE, "92cd1234c0"},
        {"92249192199807cd1234920591c405616c696365920591c40467726164c0c2c0c0", SYI_KIND_IS_NONE,
         "92cd1234920591c40467726164"},
        {"922591cd1234", SYI_KIND_GET_SHAPE, "92cd1234c0"},
        {"9226920192cd123405", SYI_KIND_DELETE,
         "9292cd1234009205"
         "00"},
        {"922791920191920591c4022378", SYI_KIND_SEARCH, "91920591c4022378"},
        {"922791920591c4022378", SYI_KIND_SEARCH, "91920591c4022378"},
        {"92279107", SYI_KIND_SEARCH, "91920591c40137"},
        {"922892920591c40a66657463685f706c616e92069207c2", SYI_KIND_OBJECT_REQUEST, "9207c3"},
    };
    syi_message message;
    syi_message_init(&message, context_of_test, 1u << 20);
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        syi_pysyft_request request;
        uint8_t *body = NULL;
        sy_error err = SY_ERROR_INIT;
        const size_t size = unhex(cases[k].body, &body);
        if (read_request(cases[k].hex, &request, &message, &err) != SY_OK) {
            fail_msg("%s: %s", cases[k].hex, err.message);
        }
        assert_int_equal(message.kind, cases[k].kind);
        assert_int_equal(message.body.length, size);
        assert_memory_equal(message.body.data, body, size);
        free(body);
    }
    syi_message_fini(&message);
}

static void test_refused_requests(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        sy_status status;
    } cases[] = {
        {"c0", SY_EFORMAT},
        {"91", SY_EFORMAT},
        {"92ccc890", SY_ENOTSUP},         /* code 200 */
        {"922191923690", SY_EFORMAT},     /* an action of nothing */
        {"9221919222c0", SY_EFORMAT},     /* no action */
        {"9222919206920102", SY_ENOTSUP}, /* a tuple has no id */
        {"92229192"
         "3a9107",
         SY_ENOTSUP}, /* a Role by itself */
        {"922692"
         "01dd7fffffff",
         SY_EFORMAT}, /* two thousand million ids */
        {"9223920701", SY_EFORMAT},
        {"922491cd1234c0", SY_EFORMAT},                /* more behind it */
        {"922892920591c4026c73920690", SY_EFORBIDDEN}, /* plan command "ls" */
        {"923592920591c4026c73920690", SY_EFORBIDDEN}, /* worker command "ls" */
        {"92229192"
         "0e9207c403616263",
         SY_EFORMAT}, /* contents that are no stream */
        {"92229192"
         "0e92079206939206"
         "91ce7fffffff920591c407666c6f61743332920191ca3f800000",
         SY_EFORMAT}, /* two thousand million elements */
        {"92229192"
         "0e92079206939206"
         "91"
         "01920591c404696e7438920191cd0400",
         SY_ERANGE},
    };
    syi_message message;
    syi_message_init(&message, context_of_test, 1u << 20);
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        syi_pysyft_request request;
        sy_error err = SY_ERROR_INIT;
        const sy_status status = read_request(cases[k].hex, &request, &message, &err);
        if (status != cases[k].status) {
            fail_msg("%s: status %d (%s), not %d", cases[k].hex, (int)status, err.message,
                     (int)cases[k].status);
        }
        assert_true(err.message[0] != '\0');
    }
    syi_message_fini(&message);
}

/* A PrivateTensor becomes its child, and the frame says that it is private. */
static void test_private_tensor(void **state)
{
    (void)state;
    static const char hex[] = "92229192"
                              "0e9907"
                              "920693920691"
                              "01920591c405696e743332920191"
                              "05"
                              "922e9507920691920591c405626f6262799203"
                              "90c0"
                              "920e9908"
                              "920693920691"
                              "01920591c405696e743332920191"
                              "2a"
                              "c0c0c0c0920591c403616c6cc0c0"
                              "c0c0c0920591c403616c6cc0c0";
    syi_pysyft_request request;
    syi_message message;
    sy_error err = SY_ERROR_INIT;
    syi_message_init(&message, context_of_test, 1u << 20);
    assert_status(read_request(hex, &request, &message, &err), SY_OK, &err);
    assert_int_equal(message.kind, SYI_KIND_OBJECT);
    assert_int_equal(message.flags, SYI_FLAG_KEPT | SYI_FLAG_PRIVATE);
    static const uint8_t contents[] = {0xc4, 4, 42, 0, 0, 0};
    assert_non_null(memmem(message.body.data, message.body.length, contents, sizeof contents));
    syi_message_fini(&message);
}

/* More lists in each other than anybody needs. */
static void test_depth(void **state)
{
    (void)state;
    uint8_t bytes[200];
    size_t size = 0;
    for (int k = 0; k < 60; k++) {
        bytes[size++] = 0x92;
        bytes[size++] = 0x01;
        bytes[size++] = 0x91;
    }
    bytes[size++] = 0xc0;
    syi_message middle;
    syi_pysyft_reader reader;
    syi_message_init(&middle, context_of_test, 1u << 20);
    syi_pysyft_reader_init(&reader, context_of_test, bytes, size, &middle, NULL);
    assert_int_equal(syi_pysyft_read_value(&reader, NULL), SY_ELIMIT);
    syi_message_fini(&middle);
}

/* --- answers ------------------------------------------------------------------------------------ */

/* Two results for one id: the caller learns both, its own first. */
static void test_signature(void **state)
{
    (void)state;
    static const uint8_t reply_body[] = {0x92, 0x92, 0x94, 5,   1,    0xa7, 'f', 'l',  'o',
                                         'a',  't',  '3',  '2', 0x90, 0x94, 6,   2,    0xa7,
                                         'f',  'l',  'o',  'a', 't',  '3',  '2', 0x90, 0xc0};
    static const uint8_t attributes[] = {0x92, 0,   0x91, 0x92, 0x92, 5,   0x91, 0xc4, 13,
                                         'i',  'd', 's',  '_',  'g',  'e', 'n',  'e',  'r',
                                         'a',  't', 'e',  'd',  0x92, 1,   0x92, 5,    6};
    const syi_pysyft_voice voice = {.context = context_of_test};
    syi_pysyft_request request = {.answer = SYI_PYSYFT_ANSWERS_COMMAND, .return_count = 1};
    syi_message reply;
    syi_buffer out;
    sy_error err = SY_ERROR_INIT;
    syi_message_init(&reply, context_of_test, 1u << 20);
    syi_buffer_init(&out, context_of_test, 1u << 20);
    syi_buffer_append(&reply.body, reply_body, sizeof reply_body);
    assert_status(syi_pysyft_write_answer(&voice, &request, &reply, &out, &err), SY_OK, &err);
    assert_int_equal(out.data[1], SYI_PYSYFT_SIGNATURE);
    assert_non_null(memmem(out.data, out.length, "ResponseSignatureError", 22));
    assert_memory_equal(out.data + out.length - sizeof attributes, attributes, sizeof attributes);
    syi_buffer_clear(&out);
    request.return_count = 2;
    assert_status(syi_pysyft_write_answer(&voice, &request, &reply, &out, &err), SY_OK, &err);
    assert_int_equal(out.length, 1);
    assert_int_equal(out.data[0], 0xc0);
    syi_buffer_fini(&out);
    syi_message_fini(&reply);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_captured_object),
        cmocka_unit_test(test_form_of_answers),
        cmocka_unit_test(test_envelopes),
        cmocka_unit_test(test_none_as_captured),
        cmocka_unit_test(test_bad_envelopes),
        cmocka_unit_test(test_bombs),
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_refused_requests),
        cmocka_unit_test(test_private_tensor),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_signature),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
