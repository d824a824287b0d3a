/*
 * protobuf_test.c - the second encoding against python3-protobuf's: tests/vectors/protobuf/objects.txt, line by line, in
 * both directions, PlanPB and ProtocolPB of the originals among them; the schema against syft-proto 0.5.3's fields, each
 * of which some line sets. Also: contents that go past the bytes, memory that fails at every step, and accounts. The whole
 * way from tensors: src/interpreters/protobuf_test.c; hostile bytes: tests/fuzz/protobuf.c; live against python:
 * tests/interop/protobuf.py.
 */
#include <stdio.h>
#include <string.h>

#include "pysyft/protobuf/arena.h"
#include "pysyft/protobuf/protobuf.h"
#include "pysyft/protobuf/rows.h"
#include "support/failing_allocator.h"
#include "support/test.h"

#define VECTORS CSYFT_TEST_SOURCE_DIR "/tests/vectors/protobuf/"

static sy_context *context;

static int set_up(void **state)
{
    (void)state;
    return sy_context_new(&context, NULL, NULL) == SY_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    sy_context_free(context);
    return 0;
}

/* --- lines ------------------------------------------------------------------------------------------- */

typedef struct bytes {
    uint8_t *data;
    size_t size;
} bytes;

static int nibble(char c)
{
    return c <= '9' ? c - '0' : c - 'a' + 10;
}

static bytes unhex(const char *text)
{
    bytes b = {NULL, strcmp(text, "-") == 0 ? 0 : strlen(text) / 2};
    b.data = malloc(b.size + 1);
    assert_non_null(b.data);
    for (size_t k = 0; k < b.size; k++) {
        b.data[k] = (uint8_t)(nibble(text[2 * k]) << 4 | nibble(text[2 * k + 1]));
    }
    return b;
}

typedef struct line {
    const char *direction, *name, *type;
    const char *status, *sentence; /* refusals */
    bytes msgpack, protobuf;
} line;

static void drop_line(line *l)
{
    free(l->msgpack.data);
    free(l->protobuf.data);
}

/* Cuts `text`, which stays in use. */
static line parse_line(char *text)
{
    char *rest = NULL;
    line l = {.direction = strtok_r(text, " \n", &rest)};
    l.name = strtok_r(NULL, " \n", &rest);
    l.type = strtok_r(NULL, " \n", &rest);
    assert_non_null(l.type);
    if (strncmp(l.direction, "refuse", 6) == 0) {
        l.status = strtok_r(NULL, " \n", &rest);
        bytes *given = strcmp(l.direction, "refuse-read") == 0 ? &l.protobuf : &l.msgpack;
        *given = unhex(strtok_r(NULL, " \n", &rest));
        l.sentence = strtok_r(NULL, "\n", &rest);
        assert_non_null(l.sentence);
        return l;
    }
    l.msgpack = unhex(strtok_r(NULL, " \n", &rest));
    l.protobuf = unhex(strtok_r(NULL, " \n", &rest));
    return l;
}

static unsigned for_each_line(void (*check)(const line *l, void *user), void *user)
{
    FILE *file = fopen(VECTORS "objects.txt", "r");
    char *text = NULL;
    size_t room = 0;
    unsigned count = 0;
    assert_non_null(file);
    while (getline(&text, &room, file) > 0) {
        line l = parse_line(text);
        check(&l, user);
        drop_line(&l);
        count++;
    }
    free(text);
    fclose(file);
    return count;
}

static void require_equal(const line *l, const char *what, const uint8_t *data, size_t size,
                          const bytes *expected)
{
    size_t k = 0;
    while (k < size && k < expected->size && data[k] == expected->data[k]) {
        k++;
    }
    if (k < size || k < expected->size) {
        fail_msg("%s %s: %s: byte %zu of %zu is %d, expected %d of %zu", l->direction, l->name,
                 what, k, size, k < size ? data[k] : -1,
                 k < expected->size ? expected->data[k] : -1, expected->size);
    }
}

static bool is(const line *l, const char *direction)
{
    return strcmp(l->direction, direction) == 0;
}

static void check_write(const line *l, const char *type)
{
    syi_protobuf_bytes out;
    sy_error err = SY_ERROR_INIT;
    const sy_status status = syi_protobuf_encode(context, &type, l->msgpack.data, l->msgpack.size,
                                                 NULL, NULL, 0, &out, &err);
    if (status != SY_OK) {
        fail_msg("%s: %s", l->name, err.message);
    }
    require_equal(l, "protobuf", out.data, out.size, &l->protobuf);
    assert_string_equal(type, l->type);
    syi_free(context, out.data, out.size);
}

static void check_read(const line *l)
{
    syi_buffer out;
    sy_error err = SY_ERROR_INIT;
    syi_buffer_init(&out, context, 1u << 24);
    const sy_status status = syi_protobuf_decode(context, l->type, l->protobuf.data,
                                                 l->protobuf.size, NULL, NULL, &out, &err);
    if (status != SY_OK) {
        fail_msg("%s: %s", l->name, err.message);
    }
    require_equal(l, "msgpack", out.data, out.length, &l->msgpack);
    syi_buffer_fini(&out);
}

static void check_refusal(const line *l, sy_status status, const sy_error *err)
{
    if (strcmp(sy_status_name(status), l->status) != 0 ||
        strstr(err->message, l->sentence) == NULL) {
        fail_msg("%s %s: %s \"%s\", expected %s with \"%s\"", l->direction, l->name,
                 sy_status_name(status), err->message, l->status, l->sentence);
    }
}

static void check_line(const line *l, void *user)
{
    sy_error err = SY_ERROR_INIT;
    (void)user;
    if (is(l, "both") || is(l, "write")) {
        check_write(l, l->type);
    }
    if (is(l, "both") || is(l, "read")) {
        check_read(l);
    }
    if (is(l, "refuse-write")) {
        const char *type = strcmp(l->type, "-") == 0 ? NULL : l->type;
        syi_protobuf_bytes out;
        check_refusal(l,
                      syi_protobuf_encode(context, &type, l->msgpack.data, l->msgpack.size, NULL,
                                          NULL, 0, &out, &err),
                      &err);
        assert_null(out.data);
    }
    if (is(l, "refuse-read")) {
        syi_buffer out;
        syi_buffer_init(&out, context, 1u << 24);
        check_refusal(l,
                      syi_protobuf_decode(context, l->type, l->protobuf.data, l->protobuf.size,
                                          NULL, NULL, &out, &err),
                      &err);
        syi_buffer_fini(&out);
    }
}

static void test_every_line(void **state)
{
    (void)state;
    assert_true(for_each_line(check_line, NULL) > 250);
}

/* Which message a value has need not be said, unless several may have it. */
static void check_chosen(const line *l, void *user)
{
    static const char *const said[] = {
        "Arg",         "ArgList",        "Shape",        "StateTensor", "TensorData",
        "SyftMessage", "ScriptFunction", "TracedModule", "CFunction"};
    const char *name = strrchr(l->type, '.');
    if (!is(l, "both")) {
        return;
    }
    for (size_t k = 0; k < sizeof said / sizeof said[0]; k++) {
        if (strcmp(name + 1, said[k]) == 0) {
            return;
        }
    }
    check_write(l, NULL);
    ++*(unsigned *)user;
}

static void test_message_is_chosen_by_the_type_of_the_value(void **state)
{
    unsigned count = 0;
    (void)state;
    for_each_line(check_chosen, &count);
    assert_true(count > 60);
}

/* Prefixes of a message are refused or are messages: never a crash, always a sentence. */
static void check_prefixes(const line *l, void *user)
{
    (void)user;
    if (!is(l, "both") && !is(l, "read")) {
        return;
    }
    const size_t step = l->protobuf.size / 200 + 1;
    for (size_t size = 0; size < l->protobuf.size; size += step) {
        syi_buffer out;
        sy_error err = SY_ERROR_INIT;
        uint8_t *copy = malloc(size + 1); /* its end is where a sanitizer looks */
        assert_non_null(copy);
        memcpy(copy, l->protobuf.data, size);
        syi_buffer_init(&out, context, 1u << 24);
        if (syi_protobuf_decode(context, l->type, copy, size, NULL, NULL, &out, &err) != SY_OK) {
            assert_true(err.message[0] != '\0');
        }
        syi_buffer_fini(&out);
        free(copy);
    }
}

static void test_prefixes(void **state)
{
    (void)state;
    for_each_line(check_prefixes, NULL);
}

/* --- the schema ------------------------------------------------------------------------------------------ */

#define FIELDS_MAX 256
typedef struct seen_fields {
    const ProtobufCFieldDescriptor *fields[FIELDS_MAX];
    const ProtobufCMessageDescriptor *types[FIELDS_MAX];
    bool set[FIELDS_MAX];
    size_t count;
} seen_fields;

static void collect(seen_fields *seen, const ProtobufCMessageDescriptor *type)
{
    for (size_t k = 0; k < seen->count; k++) {
        if (seen->types[k] == type) {
            return;
        }
    }
    for (unsigned k = 0; k < type->n_fields; k++) {
        assert_true(seen->count < FIELDS_MAX);
        seen->fields[seen->count] = &type->fields[k];
        seen->types[seen->count++] = type;
    }
    for (unsigned k = 0; k < type->n_fields; k++) {
        if (type->fields[k].type == PROTOBUF_C_TYPE_MESSAGE) {
            collect(seen, type->fields[k].descriptor);
        }
    }
}

static void collect_all(seen_fields *seen)
{
    seen->count = 0;
    memset(seen->set, 0, sizeof seen->set);
    for (size_t k = 0; syi_protobuf_message_at(k) != NULL; k++) {
        collect(seen, syi_protobuf_message_at(k));
    }
}

static const char *type_name(const ProtobufCFieldDescriptor *f)
{
    static const char *const names[] = {
        [PROTOBUF_C_TYPE_INT32] = "int32", [PROTOBUF_C_TYPE_SINT32] = "sint32",
        [PROTOBUF_C_TYPE_INT64] = "int64", [PROTOBUF_C_TYPE_UINT32] = "uint32",
        [PROTOBUF_C_TYPE_FLOAT] = "float", [PROTOBUF_C_TYPE_DOUBLE] = "double",
        [PROTOBUF_C_TYPE_BOOL] = "bool",   [PROTOBUF_C_TYPE_STRING] = "string",
        [PROTOBUF_C_TYPE_BYTES] = "bytes",
    };
    if (f->type == PROTOBUF_C_TYPE_MESSAGE) {
        return ((const ProtobufCMessageDescriptor *)f->descriptor)->name;
    }
    if (f->type == PROTOBUF_C_TYPE_ENUM) {
        return ((const ProtobufCEnumDescriptor *)f->descriptor)->name;
    }
    return names[f->type];
}

/* "message number name repeated|one type choice" */
static bool has_field(const seen_fields *seen, const char *message, unsigned number,
                      const char *name, const char *count, const char *type, const char *choice)
{
    for (size_t k = 0; k < seen->count; k++) {
        const ProtobufCFieldDescriptor *f = seen->fields[k];
        if (f->id == number && strcmp(seen->types[k]->name, message) == 0) {
            const size_t length = strlen(name); /* base is base_ in C */
            return strncmp(f->name, name, length) == 0 &&
                   (f->name[length] == '\0' || strcmp(f->name, "base_") == 0) &&
                   (f->label == PROTOBUF_C_LABEL_REPEATED) == (strcmp(count, "repeated") == 0) &&
                   strcmp(type_name(f), type) == 0 &&
                   ((f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0) == (strcmp(choice, "-") != 0);
        }
    }
    return false;
}

static void test_schema_is_that_of_syft_proto(void **state)
{
    FILE *file = fopen(VECTORS "schema.txt", "r");
    char message[160], name[80], count[16], type[160], choice[40];
    unsigned number = 0;
    size_t fields = 0;
    seen_fields seen;
    (void)state;
    assert_non_null(file);
    collect_all(&seen);
    while (fscanf(file, "%159s %u %79s %15s %159s %39s", message, &number, name, count, type,
                  choice) == 6) {
        if (strcmp(count, "enum") == 0) {
            continue;
        }
        if (!has_field(&seen, message, number, name, count, type, choice)) {
            fail_msg("%s: field %u is not %s %s %s (%s)", message, number, count, type, name,
                     choice);
        }
        fields++;
    }
    fclose(file);
    assert_int_equal(fields, seen.count); /* and there are no others */
}

static bool holds(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *f)
{
    const uint8_t *at = (const uint8_t *)message + f->offset;
    const void *pointer = NULL;
    uint64_t bits = 0;
    if (f->label == PROTOBUF_C_LABEL_REPEATED) {
        memcpy(&bits, (const uint8_t *)message + f->quantifier_offset, sizeof(size_t));
        return bits > 0;
    }
    if (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
        uint32_t chosen = 0;
        memcpy(&chosen, (const uint8_t *)message + f->quantifier_offset, sizeof chosen);
        return chosen == f->id;
    }
    switch (f->type) {
    case PROTOBUF_C_TYPE_STRING:
        memcpy(&pointer, at, sizeof pointer);
        return pointer != NULL && *(const char *)pointer != '\0';
    case PROTOBUF_C_TYPE_MESSAGE:
        memcpy(&pointer, at, sizeof pointer);
        return pointer != NULL;
    case PROTOBUF_C_TYPE_BYTES:
        memcpy(&bits, at, sizeof(size_t));
        return bits > 0;
    default:
        memcpy(&bits, at, 4);
        return bits != 0;
    }
}

static void mark(seen_fields *seen, const ProtobufCMessage *message)
{
    const ProtobufCMessageDescriptor *type = message->descriptor;
    for (unsigned k = 0; k < type->n_fields; k++) {
        const ProtobufCFieldDescriptor *f = &type->fields[k];
        size_t count = 1;
        if (!holds(message, f)) {
            continue;
        }
        for (size_t j = 0; j < seen->count; j++) {
            seen->set[j] |= seen->fields[j] == f;
        }
        if (f->type != PROTOBUF_C_TYPE_MESSAGE) {
            continue;
        }
        ProtobufCMessage *one = NULL;
        ProtobufCMessage **items = &one;
        if (f->label == PROTOBUF_C_LABEL_REPEATED) {
            memcpy(&count, (const uint8_t *)message + f->quantifier_offset, sizeof count);
            memcpy(&items, (const uint8_t *)message + f->offset, sizeof items);
        } else {
            memcpy(&one, (const uint8_t *)message + f->offset, sizeof one);
        }
        for (size_t j = 0; j < count; j++) {
            mark(seen, items[j]);
        }
    }
}

static void mark_line(const line *l, void *user)
{
    if (l->protobuf.data == NULL) {
        return;
    }
    ProtobufCMessage *message = protobuf_c_message_unpack(syi_protobuf_find_message(l->type), NULL,
                                                          l->protobuf.size, l->protobuf.data);
    if (message != NULL) {
        mark(user, message);
        protobuf_c_message_free_unpacked(message, NULL);
    } else {
        assert_true(is(l, "refuse-read"));
    }
}

static void test_every_field_is_set_somewhere(void **state)
{
    seen_fields seen;
    (void)state;
    collect_all(&seen);
    for_each_line(mark_line, &seen);
    for (size_t k = 0; k < seen.count; k++) {
        if (!seen.set[k]) {
            fail_msg("%s.%s: no line sets it", seen.types[k]->name, seen.fields[k]->name);
        }
    }
}

static void test_names_of_types(void **state)
{
    size_t count = 0;
    (void)state;
    while (syi_protobuf_type_name(count) != NULL) {
        const ProtobufCMessageDescriptor *type =
            syi_protobuf_find_message(syi_protobuf_type_name(count));
        assert_non_null(type);
        assert_ptr_equal(syi_protobuf_row_of(type)->message, type);
        count++;
    }
    assert_int_equal(count, 48);
    assert_null(syi_protobuf_find_message("syft_proto.execution.v1.NestedTypeWrapper.TypeList"));
}

/* --- contents beside the bytes --------------------------------------------------------------------------- */

static void test_contents_past_the_bytes(void **state)
{
    static const uint8_t value[] = {0x92, 14,   0x99, 5,    0,   0xc0, 0xc0,
                                    0xc0, 0xc0, 0xc0, 0xc0, 0xc0}; /* [14, [5, 0, nil, ...]] */
    const int64_t shape[2] = {2, 3};
    const float elements[6] = {1, 2, 3, 4, 5, 6};
    const char *type = NULL;
    int64_t number = -1;
    syi_array array;
    syi_pysyft_aside to, back;
    syi_protobuf_bytes bytes_out;
    syi_buffer out;
    sy_error err = SY_ERROR_INIT;
    (void)state;
    syi_pysyft_aside_init(&to, context);
    syi_pysyft_aside_init(&back, context);
    syi_buffer_init(&out, context, 1u << 20);
    assert_ok(syi_array_new(context, &array, SY_DTYPE_F32, 2, shape, NULL, &err), &err);
    memcpy(syi_array_data(&array), elements, sizeof elements);
    assert_ok(syi_pysyft_aside_add(&to, &array, &number, &err), &err);
    assert_int_equal(number, 0);
    assert_ok(
        syi_protobuf_encode(context, &type, value, sizeof value, &to, NULL, 0, &bytes_out, &err),
        &err);
    assert_string_equal(type, "syft_proto.types.torch.v1.TorchTensor");
    assert_ok(
        syi_protobuf_decode(context, type, bytes_out.data, bytes_out.size, &back, NULL, &out, &err),
        &err);
    assert_int_equal(back.count, 1);
    assert_int_equal(back.arrays[0].ndim, 2);
    assert_int_equal(back.arrays[0].shape[1], 3);
    assert_memory_equal(syi_array_data(&back.arrays[0]), elements, sizeof elements);
    assert_true(out.length < 32); /* elements are not in them */
    syi_free(context, bytes_out.data, bytes_out.size);
    syi_buffer_fini(&out);
    syi_pysyft_aside_fini(&to);
    syi_pysyft_aside_fini(&back);
}

/* --- memory -------------------------------------------------------------------------------------------------- */

static void test_arena(void **state)
{
    syi_account account;
    syi_protobuf_arena arena;
    sy_error err = SY_ERROR_INIT;
    (void)state;
    syi_account_init(&account, "test", 100000, NULL);
    syi_protobuf_arena_init(&arena, context, &account, 1u << 20);
    for (size_t size = 0; size < 300; size++) {
        uint8_t *memory = syi_protobuf_arena_alloc(&arena, size);
        assert_non_null(memory);
        assert_int_equal((uintptr_t)memory % 16, 0);
        memset(memory, 0xa5, size);
    }
    assert_true(account.used > 300 * 150);
    assert_null(syi_protobuf_arena_alloc(&arena, 200000)); /* the account's limit */
    assert_int_equal(syi_protobuf_arena_refused(&arena, &err), SY_ELIMIT);
    assert_null(syi_protobuf_arena_alloc(&arena, SIZE_MAX)); /* the arena's */
    assert_int_equal(syi_protobuf_arena_refused(&arena, &err), SY_ELIMIT);
    syi_protobuf_arena_fini(&arena);
    assert_int_equal(account.used, 0);
}

/* Five hundred thousand empty arguments take 1 MB, and fifty times as much as structures: an account bounds that. */
static void test_small_parts_are_charged(void **state)
{
    enum { COUNT = 500000 };
    uint8_t *many = malloc(2 * COUNT);
    syi_account account;
    syi_buffer out;
    sy_error err = SY_ERROR_INIT;
    (void)state;
    assert_non_null(many);
    for (size_t k = 0; k < COUNT; k++) {
        many[2 * k] = 1 << 3 | 2;
        many[2 * k + 1] = 0;
    }
    syi_buffer_init(&out, context, 1u << 20);
    syi_account_init(&account, "test", 4u << 20, NULL);
    assert_int_equal(syi_protobuf_decode(context, "syft_proto.types.syft.v1.ArgList", many,
                                         2 * (size_t)COUNT, NULL, &account, &out, &err),
                     SY_ELIMIT);
    assert_non_null(strstr(err.message, "more memory than it may take"));
    assert_int_equal(account.used, 0);
    syi_buffer_fini(&out);
    free(many);
}

typedef struct faults {
    sy_context *context;
    failing_allocator memory;
    unsigned tries;
} faults;

static bool translate(faults *f, const line *l)
{
    const char *type = l->type;
    syi_protobuf_bytes written = {0};
    syi_buffer out;
    sy_error err = SY_ERROR_INIT;
    syi_buffer_init(&out, f->context, 1u << 24);
    sy_status status = syi_protobuf_encode(f->context, &type, l->msgpack.data, l->msgpack.size,
                                           NULL, NULL, 0, &written, &err);
    if (status == SY_OK) {
        status = syi_protobuf_decode(f->context, type, written.data, written.size, NULL, NULL, &out,
                                     &err);
    } else {
        assert_null(written.data);
    }
    if (status != SY_OK) {
        assert_int_equal(status, SY_ENOMEM);
        assert_true(err.message[0] != '\0');
    }
    syi_free(f->context, written.data, written.size);
    syi_buffer_fini(&out);
    return status == SY_OK;
}

static void fail_line(const line *l, void *user)
{
    faults *f = user;
    if (!is(l, "both")) {
        return;
    }
    const size_t before = f->memory.live;
    for (size_t call = 1; call < 1000; call++) {
        f->memory.calls = 0;
        f->memory.fail_at = call;
        const bool well = translate(f, l);
        f->tries++;
        f->memory.fail_at = 0;
        assert_int_equal(f->memory.live, before);
        assert_false(f->memory.broken);
        if (well) {
            return;
        }
    }
    fail_msg("%s: fails forever", l->name);
}

static void test_out_of_memory(void **state)
{
    faults f = {.tries = 0};
    (void)state;
    f.context = failing_allocator_context(&f.memory);
    assert_non_null(f.context);
    for_each_line(fail_line, &f);
    assert_true(f.tries > 300);
    sy_context_free(f.context);
    assert_int_equal(f.memory.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_line),
        cmocka_unit_test(test_message_is_chosen_by_the_type_of_the_value),
        cmocka_unit_test(test_prefixes),
        cmocka_unit_test(test_schema_is_that_of_syft_proto),
        cmocka_unit_test(test_every_field_is_set_somewhere),
        cmocka_unit_test(test_names_of_types),
        cmocka_unit_test(test_contents_past_the_bytes),
        cmocka_unit_test(test_arena),
        cmocka_unit_test(test_small_parts_are_charged),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
