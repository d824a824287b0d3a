/*
 * serde_test.c - values and tensors to bytes and back: exact bytes of the small ones, random nests, every
 * dtype and layout, chains, what does not travel, and bodies that are refused. Whole messages:
 * tests/docs/wire.c; hostile ones: tests/fuzz/request.c, tests/integration/bad_input_frames.c.
 */
#include "serde/serde.h"

#include <string.h>

#include "core/error.h"
#include "support/failing_allocator.h"
#include "support/property.h"
#include "support/test.h"

typedef struct world {
    failing_allocator memory;
    sy_context *context;
    sy_hook *hook;
    syi_message message;
    syi_encoder encoder;
    syi_decoder decoder;
    sy_error err;
} world;

/* --- an interpreter of this test's own: [77, [label, chain]] ------------------------------------------- */

enum { CODE = 77 };

typedef struct labelled {
    syi_node base;
    int64_t label;
} labelled;

static sy_status labelled_simplify(syi_node *node, syi_encoder *encoder, sy_error *err);
static sy_status labelled_detail(syi_decoder *decoder, syi_node **node, sy_error *err);
static const syi_interpreter labelled_type = {
    .name = "Labelled", .code = CODE, .simplify = labelled_simplify, .detail = labelled_detail};
static const syi_interpreter silent_type = {.name = "Silent", .code = -1};

static sy_status labelled_simplify(syi_node *node, syi_encoder *encoder, sy_error *err)
{
    syi_msgpack_write_array(encoder->out, 2);
    syi_msgpack_write_int(encoder->out, CODE);
    syi_msgpack_write_array(encoder->out, 2);
    syi_msgpack_write_int(encoder->out, ((labelled *)node)->label);
    return syi_encode_node(encoder, node->child, err);
}

static sy_status labelled_detail(syi_decoder *decoder, syi_node **node, sy_error *err)
{
    int64_t label = 0;
    syi_node *child = NULL;
    SY_TRY(syi_msgpack_read_tuple(&decoder->cursor, 2, "Labelled", err));
    SY_TRY(syi_msgpack_read_int(&decoder->cursor, &label, err));
    SY_TRY(syi_decode_node(decoder, &child, err));
    syi_msgpack_leave(&decoder->cursor);
    *node = syi_node_new(decoder->hook, &labelled_type, sizeof(labelled), child);
    if (*node == NULL) {
        syi_node_unref(child);
        return SYI_ENOMEM(err, "Labelled");
    }
    ((labelled *)*node)->label = label;
    return SY_OK;
}

/* --- fixture --------------------------------------------------------------------------------------------- */

static int setup(void **state)
{
    world *w = calloc(1, sizeof *w);
    sy_hook_options options = SY_HOOK_OPTIONS_INIT;
    *state = w;
    options.verbose = false;
    w->context = failing_allocator_context(&w->memory);
    if (w->context == NULL || syi_hook_new(w->context, &w->hook, &options, &w->err) != SY_OK ||
        syi_hook_register_interpreter(w->hook, &labelled_type, &w->err) != SY_OK) {
        return -1;
    }
    syi_message_init(&w->message, w->context, 64u << 20);
    w->encoder = (syi_encoder){.hook = w->hook, .out = &w->message.body, .message = &w->message};
    return 0;
}

static int teardown(void **state)
{
    world *w = *state;
    syi_message_fini(&w->message);
    syi_hook_free(w->hook);
    sy_context_free(w->context);
    const bool broken = w->memory.live != 0 || w->memory.broken;
    free(w);
    return broken;
}

#define serde_test(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

static void begin(world *w)
{
    syi_decoder_init(&w->decoder, w->hook, NULL, &w->message);
}

static void finish(world *w)
{
    syi_decoder_fini(&w->decoder);
    syi_message_clear(&w->message);
}

static sy_status decode_bytes(world *w, const void *bytes, size_t size, sy_value *value)
{
    syi_message_clear(&w->message);
    syi_buffer_append(&w->message.body, bytes, size);
    begin(w);
    return syi_decode_value(&w->decoder, value, &w->err);
}

/* --- values ------------------------------------------------------------------------------------------------ */

/* The simplified format of PySyft 0.2.9 (spec/messages-and-serde.md). */
static void test_exact_bytes(void **state)
{
    world *w = *state;
    const sy_value items[] = {sy_value_int(1), sy_value_string("ab")};
    const struct {
        sy_value value;
        const char *bytes;
        size_t size;
    } cases[] = {
        {sy_value_none(), "\xc0", 1},
        {sy_value_bool(true), "\xc3", 1},
        {sy_value_bool(false), "\xc2", 1},
        {sy_value_int(0), "\x00", 1},
        {sy_value_int(-1), "\xff", 1},
        {sy_value_int(128), "\xcc\x80", 2},
        {sy_value_int(INT64_MIN), "\xd3\x80\0\0\0\0\0\0\0", 9},
        {sy_value_float(1), "\xcb\x3f\xf0\0\0\0\0\0\0", 9},
        {sy_value_string("ab"),
         "\x92\x05\x91\xc4\x02"
         "ab",
         7},
        {sy_value_string(""), "\x92\x05\x91\xc4\x00", 5},
        {sy_value_list(items, 2),
         "\x92\x01\x92\x01\x92\x05\x91\xc4\x02"
         "ab",
         11},
        {sy_value_list(NULL, 0), "\x92\x01\x90", 3},
        {sy_value_slice(1, SY_SLICE_OPEN, 2), "\x92\x04\x93\x01\xc0\x02", 6},
        {sy_value_ellipsis(), "\x92\x07\xc4\x00", 4},
        {sy_value_dtype(SY_DTYPE_I64),
         "\x92\x34\xa5"
         "int64",
         8},
    };
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        assert_ok(syi_encode_value(&w->encoder, &cases[k].value, &w->err), &w->err);
        if (w->message.body.length != cases[k].size ||
            memcmp(w->message.body.data, cases[k].bytes, cases[k].size) != 0) {
            fail_msg("case %zu has other bytes", k);
        }
        syi_message_clear(&w->message);
    }
}

/* Sizes and tuples of a PySyft peer come in as lists; texts also bare. */
static void test_other_spellings(void **state)
{
    world *w = *state;
    sy_value value;
    static const struct {
        const char *bytes;
        size_t size;
    } lists[] = {
        {"\x92\x06\x92\x01\x02", 5}, {"\x92\x0b\x92\x01\x02", 5}, {"\x92\x01\x92\x01\x02", 5}};
    for (size_t k = 0; k < 3; k++) {
        assert_ok(decode_bytes(w, lists[k].bytes, lists[k].size, &value), &w->err);
        assert_int_equal(value.kind, SY_VALUE_LIST);
        assert_int_equal(value.as.list.count, 2);
        assert_int_equal(value.as.list.items[1].as.integer, 2);
        finish(w);
    }
    static const struct {
        const char *bytes;
        size_t size;
    } texts[] = {{"\xa2"
                  "ab",
                  3},
                 {"\x92\x05\x91\xa2"
                  "ab",
                  6},
                 {"\x92\x05\x91\xc4\x02"
                  "ab",
                  7}};
    for (size_t k = 0; k < 3; k++) {
        assert_ok(decode_bytes(w, texts[k].bytes, texts[k].size, &value), &w->err);
        assert_int_equal(value.kind, SY_VALUE_STRING);
        assert_string_equal(value.as.string, "ab");
        finish(w);
    }
}

static sy_value random_value(property_random *random, sy_value *pool, size_t *used, size_t room,
                             int depth)
{
    static const char *const texts[] = {"", "x", "a longer text with \xc3\xa9 in it"};
    switch (property_between(random, 0, depth > 0 ? 8 : 6)) {
    case 0:
        return sy_value_none();
    case 1:
        return sy_value_int((int64_t)(property_next(random) >> property_between(random, 0, 63)));
    case 2:
        return sy_value_float((double)property_between(random, -1000, 1000) / 8);
    case 3:
        return sy_value_bool(property_next(random) % 2 == 0);
    case 4:
        return sy_value_string(texts[property_between(random, 0, 2)]);
    case 5:
        return sy_value_slice(property_between(random, -5, 5), SY_SLICE_OPEN,
                              property_between(random, 1, 3));
    case 6:
        return sy_value_dtype(SY_DTYPE_F64);
    default: {
        const size_t count = (size_t)property_between(random, 0, 6);
        if (*used + count > room) {
            return sy_value_ellipsis();
        }
        sy_value *items = &pool[*used];
        *used += count;
        for (size_t k = 0; k < count; k++) {
            items[k] = random_value(random, pool, used, room, depth - 1);
        }
        return sy_value_list(items, count);
    }
    }
}

static bool same_value(const sy_value *a, const sy_value *b)
{
    if (a->kind != b->kind) {
        return false;
    }
    switch (a->kind) {
    case SY_VALUE_INT:
        return a->as.integer == b->as.integer;
    case SY_VALUE_FLOAT:
        return a->as.real == b->as.real;
    case SY_VALUE_BOOL:
        return a->as.boolean == b->as.boolean;
    case SY_VALUE_STRING:
        return strcmp(a->as.string, b->as.string) == 0;
    case SY_VALUE_DTYPE:
        return a->as.dtype == b->as.dtype;
    case SY_VALUE_SLICE:
        return a->as.slice.start == b->as.slice.start && a->as.slice.stop == b->as.slice.stop &&
               a->as.slice.step == b->as.slice.step;
    case SY_VALUE_LIST:
        if (a->as.list.count != b->as.list.count) {
            return false;
        }
        for (size_t k = 0; k < a->as.list.count; k++) {
            if (!same_value(&a->as.list.items[k], &b->as.list.items[k])) {
                return false;
            }
        }
        return true;
    default:
        return true;
    }
}

static void test_random_values(void **state)
{
    world *w = *state;
    property_random random = property_start("serde values");
    const long rounds = property_iterations(2000);
    for (long round = 0; round < rounds; round++) {
        sy_value pool[200];
        sy_value back;
        size_t used = 0;
        const sy_value value = random_value(&random, pool, &used, 200, 6);
        assert_ok(syi_encode_value(&w->encoder, &value, &w->err), &w->err);
        begin(w);
        assert_ok(syi_decode_value(&w->decoder, &back, &w->err), &w->err);
        assert_true(same_value(&value, &back));
        assert_ok(syi_msgpack_finish(&w->decoder.cursor, "value", &w->err), &w->err);
        /* every beginning of it is refused */
        const size_t length = w->message.body.length;
        syi_decoder_fini(&w->decoder);
        for (size_t cut = round % 7 == 0 ? 0 : length; cut < length; cut++) {
            w->message.body.length = cut;
            begin(w);
            assert_status(syi_decode_value(&w->decoder, &back, &w->err), SY_EFORMAT, &w->err);
            syi_decoder_fini(&w->decoder);
        }
        syi_message_clear(&w->message);
    }
}

static void test_ids_and_ints(void **state)
{
    world *w = *state;
    sy_id ids[4] = {SY_ID_INIT, sy_id_from_int(-7), sy_id_from_int(INT64_MAX), SY_ID_INIT};
    static const int64_t ints[] = {0, -1, INT64_MAX};
    int64_t back[3];
    int count = 0;
    assert_ok(sy_id_from_text(&ids[3], "rows", &w->err), &w->err);
    for (size_t k = 0; k < 4; k++) {
        syi_encode_id(&w->message.body, &ids[k]);
    }
    syi_encode_ints(&w->message.body, ints, 3);
    syi_encode_text(&w->message.body, NULL);
    begin(w);
    for (size_t k = 0; k < 4; k++) {
        sy_id id = sy_id_from_int(99);
        assert_ok(syi_decode_id(&w->decoder, &id, &w->err), &w->err);
        assert_true(sy_id_equal(&id, &ids[k]));
    }
    syi_decoder again = w->decoder;
    assert_status(syi_decode_ints(&again, back, 2, &count, &w->err), SY_EFORMAT, &w->err);
    assert_ok(syi_decode_ints(&w->decoder, back, 3, &count, &w->err), &w->err);
    assert_int_equal(count, 3);
    assert_memory_equal(back, ints, sizeof ints);
    const char *text = "x";
    assert_ok(syi_decode_text(&w->decoder, &text, &w->err), &w->err);
    assert_null(text);
    finish(w);
}

/* --- tensors ------------------------------------------------------------------------------------------------ */

static sy_tensor *decode_tensor(world *w)
{
    sy_tensor *tensor = NULL;
    begin(w);
    assert_ok(syi_decode_tensor(&w->decoder, &tensor, &w->err), &w->err);
    assert_ok(syi_msgpack_finish(&w->decoder.cursor, "tensor", &w->err), &w->err);
    finish(w);
    return tensor;
}

static void assert_same_array(const syi_array *a, const syi_array *b)
{
    assert_int_equal(a->dtype, b->dtype);
    assert_true(syi_array_same_shape(a, b));
    for (int64_t k = 0; k < syi_array_numel(a); k++) {
        if (syi_array_get_double(a, k) != syi_array_get_double(b, k)) {
            fail_msg("[%lld]: %g and %g", (long long)k, syi_array_get_double(a, k),
                     syi_array_get_double(b, k));
        }
    }
}

static sy_tensor *range(world *w, sy_dtype dtype, int ndim, const int64_t *shape)
{
    sy_tensor *tensor = NULL;
    assert_ok(sy_tensor_new(w->hook, &tensor, dtype, ndim, shape, NULL, &w->err), &w->err);
    syi_array *array = syi_node_array(tensor->node);
    for (int64_t k = 0; k < syi_array_numel(array); k++) {
        syi_array_set_int(array, k, k % 100);
    }
    return tensor;
}

static void test_every_dtype_and_shape(void **state)
{
    world *w = *state;
    static const sy_dtype dtypes[] = {SY_DTYPE_F32, SY_DTYPE_F64, SY_DTYPE_I8, SY_DTYPE_I16,
                                      SY_DTYPE_I32, SY_DTYPE_I64, SY_DTYPE_U8, SY_DTYPE_BOOL};
    static const struct {
        int ndim;
        int64_t shape[8];
    } shapes[] = {{0, {0}},
                  {1, {0}},
                  {1, {1}},
                  {2, {3, 5}},
                  {3, {2, 0, 4}},
                  {1, {1000}},
                  {8, {1, 2, 1, 2, 1, 2, 1, 2}}};
    for (size_t d = 0; d < sizeof dtypes / sizeof dtypes[0]; d++) {
        for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
            sy_tensor *tensor = range(w, dtypes[d], shapes[s].ndim, shapes[s].shape);
            const syi_array *array = syi_node_array(tensor->node);
            assert_ok(syi_encode_tensor(&w->encoder, tensor, &w->err), &w->err);
            assert_int_equal(w->message.segment_count,
                             syi_array_bytes(array) > SYI_INLINE_BYTES_MAX);
            sy_tensor *back = decode_tensor(w);
            assert_same_array(syi_node_array(back->node), array);
            assert_true(sy_id_equal(&back->id, &tensor->id));
            assert_true(syi_node_array(back->node)->storage != array->storage ||
                        syi_array_bytes(array) > SYI_INLINE_BYTES_MAX);
            sy_tensor_unref(back);
            sy_tensor_unref(tensor);
        }
    }
}

/* Views travel as what they show. */
static void test_layouts(void **state)
{
    world *w = *state;
    static const int64_t shape[] = {20, 30};
    sy_tensor *tensor = range(w, SY_DTYPE_I32, 2, shape);
    const syi_array *whole = syi_node_array(tensor->node);
    for (int view = 0; view < 4; view++) {
        syi_array array = SYI_ARRAY_INIT;
        sy_tensor *viewing = NULL;
        switch (view) {
        case 0:
            assert_ok(syi_array_transpose(&array, whole, 0, 1, &w->err), &w->err);
            break;
        case 1:
            assert_ok(syi_array_slice(&array, whole, 1, 3, 20, 7, &w->err), &w->err);
            break;
        case 2:
            assert_ok(syi_array_select(&array, whole, 0, 5, &w->err), &w->err);
            break;
        default:
            assert_ok(syi_array_expand(&array, whole, 3, (const int64_t[]){2, 20, 30}, &w->err),
                      &w->err);
            break;
        }
        assert_ok(syi_tensor_from_array(w->hook, &viewing, &array, &w->err), &w->err);
        assert_ok(syi_encode_tensor(&w->encoder, viewing, &w->err), &w->err);
        sy_tensor *back = decode_tensor(w);
        assert_same_array(syi_node_array(back->node), syi_node_array(viewing->node));
        assert_true(syi_array_is_contiguous(syi_node_array(back->node)));
        sy_tensor_unref(back);
        sy_tensor_unref(viewing);
    }
    sy_tensor_unref(tensor);
}

static void test_everything_on_a_tensor(void **state)
{
    world *w = *state;
    static const int64_t shape[] = {100};
    sy_tensor *tensor = range(w, SY_DTYPE_F32, 1, shape);
    sy_tensor *grad = range(w, SY_DTYPE_F32, 1, shape);
    assert_ok(sy_tensor_tag(tensor, "#one", &w->err), &w->err);
    assert_ok(sy_tensor_tag(tensor, "#two", &w->err), &w->err);
    assert_ok(sy_tensor_describe(tensor, "two lines\nof it", &w->err), &w->err);
    assert_ok(sy_tensor_set_requires_grad(tensor, true, &w->err), &w->err);
    assert_ok(sy_tensor_set_grad(tensor, grad, &w->err), &w->err);
    assert_ok(syi_encode_tensor(&w->encoder, tensor, &w->err), &w->err);
    assert_int_equal(w->message.segment_count, 2);
    sy_tensor *back = decode_tensor(w);
    assert_int_equal(sy_tensor_get_tag_count(back), 2);
    assert_string_equal(sy_tensor_get_tag(back, 1), "#two");
    assert_string_equal(sy_tensor_get_description(back), "two lines\nof it");
    assert_true(back->requires_grad);
    assert_same_array(syi_node_array(back->grad->node), syi_node_array(grad->node));
    sy_tensor_unref(back);
    sy_tensor_unref(grad);
    sy_tensor_unref(tensor);
}

/* A segment refers to the tensor's own storage, unless a snapshot is asked for. */
static void test_snapshots(void **state)
{
    world *w = *state;
    static const int64_t shape[] = {100};
    for (int snapshot = 0; snapshot < 2; snapshot++) {
        sy_tensor *tensor = range(w, SY_DTYPE_F32, 1, shape);
        syi_array *array = syi_node_array(tensor->node);
        w->encoder.snapshot = snapshot != 0;
        assert_ok(syi_encode_tensor(&w->encoder, tensor, &w->err), &w->err);
        assert_int_equal(w->message.segments[0].storage == array->storage, !snapshot);
        syi_message_clear(&w->message);
        sy_tensor_unref(tensor);
    }
    w->encoder.snapshot = false;
}

/* Without a message for segments everything is inline. */
static void test_without_segments(void **state)
{
    world *w = *state;
    static const int64_t shape[] = {1000};
    sy_tensor *tensor = range(w, SY_DTYPE_F32, 1, shape);
    w->encoder.message = NULL;
    assert_ok(syi_encode_tensor(&w->encoder, tensor, &w->err), &w->err);
    assert_in_range(w->message.body.length, 4000, 4100);
    assert_int_equal(w->message.segment_count, 0);
    sy_tensor *back = decode_tensor(w);
    assert_same_array(syi_node_array(back->node), syi_node_array(tensor->node));
    sy_tensor_unref(back);
    sy_tensor_unref(tensor);
}

/* The last gate: private contents are not written, in whatever they stand. */
static void test_private_contents_do_not_travel(void **state)
{
    world *w = *state;
    static const int64_t shape[] = {3};
    sy_tensor *tensor = range(w, SY_DTYPE_F32, 1, shape);
    sy_tensor *open = range(w, SY_DTYPE_F32, 1, shape);
    syi_policy policy;
    syi_policy_set_private(&policy, "#rows", 3);
    syi_tensor_set_policy(tensor, &policy);
    assert_status(syi_encode_tensor(&w->encoder, tensor, &w->err), SY_EPERM, &w->err);
    assert_non_null(strstr(w->err.message, "#rows"));
    const sy_value list[] = {sy_value_tensor(open), sy_value_tensor(tensor)};
    const sy_value value = sy_value_list(list, 2);
    syi_message_clear(&w->message);
    assert_status(syi_encode_value(&w->encoder, &value, &w->err), SY_EPERM, &w->err);
    /* as a gradient it is left out */
    syi_message_clear(&w->message);
    assert_ok(sy_tensor_set_grad(open, tensor, &w->err), &w->err);
    assert_ok(syi_encode_tensor(&w->encoder, open, &w->err), &w->err);
    sy_tensor *back = decode_tensor(w);
    assert_null(back->grad);
    sy_tensor_unref(back);
    /* a view of storage that private contents were written to */
    sy_tensor *view = NULL;
    assert_ok(syi_tensor_alias(open, &view, &w->err), &w->err);
    atomic_store(&syi_node_array(open->node)->storage->private_, true);
    assert_status(syi_encode_tensor(&w->encoder, view, &w->err), SY_EPERM, &w->err);
    sy_tensor_unref(view);
    sy_tensor_unref(open);
    sy_tensor_unref(tensor);
}

/* --- chains -------------------------------------------------------------------------------------------------- */

static sy_tensor *wrap(world *w, sy_tensor *tensor, int64_t label)
{
    sy_tensor *wrapped = NULL;
    syi_node *node =
        syi_node_new(w->hook, &labelled_type, sizeof(labelled), syi_node_ref(tensor->node));
    ((labelled *)node)->label = label;
    assert_ok(syi_tensor_wrap(w->hook, &wrapped, node, &w->err), &w->err);
    sy_tensor_unref(tensor);
    return wrapped;
}

static void test_chains(void **state)
{
    world *w = *state;
    static const int64_t shape[] = {100};
    sy_tensor *tensor = range(w, SY_DTYPE_F64, 1, shape);
    for (int64_t k = 0; k < 20; k++) {
        tensor = wrap(w, tensor, k);
    }
    assert_ok(syi_encode_tensor(&w->encoder, tensor, &w->err), &w->err);
    assert_int_equal(w->message.segment_count, 1);
    sy_tensor *back = decode_tensor(w);
    const syi_node *node = back->node;
    for (int64_t k = 19; k >= 0; k--) {
        assert_ptr_equal(node->type, &labelled_type);
        assert_int_equal(((const labelled *)node)->label, k);
        node = node->child;
    }
    assert_true(syi_node_is_native(node));
    assert_int_equal(syi_array_numel(&((const syi_native_node *)node)->array), 100);
    sy_tensor_unref(back);
    /* deeper than anybody may send */
    for (int64_t k = 0; k < 20; k++) {
        tensor = wrap(w, tensor, k);
    }
    assert_ok(syi_encode_tensor(&w->encoder, tensor, &w->err), &w->err);
    begin(w);
    assert_status(syi_decode_tensor(&w->decoder, &back, &w->err), SY_ELIMIT, &w->err);
    assert_null(back);
    finish(w);
    sy_tensor_unref(tensor);
}

static void test_nodes_that_do_not_travel(void **state)
{
    world *w = *state;
    sy_tensor *tensor = NULL;
    syi_node *node = syi_node_new(w->hook, &silent_type, sizeof(syi_node), NULL);
    assert_ok(syi_tensor_wrap(w->hook, &tensor, node, &w->err), &w->err);
    assert_status(syi_encode_tensor(&w->encoder, tensor, &w->err), SY_ENOTSUP, &w->err);
    assert_non_null(strstr(w->err.message, "Silent"));
    sy_tensor_unref(tensor);
    const sy_value internal = {.kind = (sy_value_kind)SYI_VALUE_ARRAY, .as.internal = w};
    assert_status(syi_encode_value(&w->encoder, &internal, &w->err), SY_EINVAL, &w->err);
}

/* --- pointers to here ----------------------------------------------------------------------------------------- */

typedef struct asked {
    int count;
    char id[64];
    char attribute[64];
    sy_tensor *answer;
} asked;
static asked last;

static sy_status resolve(syi_decoder *decoder, const sy_id *id, const char *attribute,
                         sy_tensor **tensor, sy_error *err)
{
    (void)decoder;
    last.count++;
    sy_id_format(id, last.id, sizeof last.id);
    strncpy(last.attribute, attribute != NULL ? attribute : "-", sizeof last.attribute - 1);
    if (last.answer == NULL) {
        return syi_fail(err, SY_ENOTFOUND, "nothing here");
    }
    *tensor = sy_tensor_ref(last.answer);
    return SY_OK;
}

static bool is_here(syi_decoder *decoder, const sy_id *location)
{
    (void)decoder;
    return location->kind == SY_ID_INT && location->number == 9;
}

static sy_status decode_pointer(world *w, const char *bytes, size_t size, sy_tensor **tensor)
{
    syi_message_clear(&w->message);
    syi_buffer_append(&w->message.body, bytes, size);
    begin(w);
    w->decoder.resolve = resolve;
    w->decoder.is_here = is_here;
    last.count = 0;
    const sy_status status = syi_decode_tensor(&w->decoder, tensor, &w->err);
    finish(w);
    return status;
}

static void test_pointers_to_here(void **state)
{
    world *w = *state;
    static const int64_t shape[] = {3};
    sy_tensor *object = range(w, SY_DTYPE_F32, 1, shape);
    sy_tensor *tensor = NULL;
    last.answer = object;
    /* the short form of a request, and the whole one with fields of later versions */
    assert_ok(decode_pointer(w, "\x92\x19\x94\xc0\x05\xc0\xc0", 7, &tensor), &w->err);
    assert_ptr_equal(tensor, object); /* the object itself, with its tape and policy */
    assert_string_equal(last.id, "5");
    assert_string_equal(last.attribute, "-");
    sy_tensor_unref(tensor);
    assert_ok(decode_pointer(w,
                             "\x92\x19\x9a\x01\x06\x09\xa4"
                             "grad\xc0\xc3\xc0\xc0\x01\x80",
                             17, &tensor),
              &w->err);
    assert_string_equal(last.id, "6");
    assert_string_equal(last.attribute, "grad");
    sy_tensor_unref(tensor);
    last.answer = NULL;
    assert_status(decode_pointer(w, "\x92\x19\x94\xc0\x05\xc0\xc0", 7, &tensor), SY_ENOTFOUND,
                  &w->err);
    assert_null(tensor);
    /* elsewhere: this hook has no pointers */
    assert_status(decode_pointer(w, "\x92\x19\x94\x01\x05\x08\xc0", 7, &tensor), SY_ENOTSUP,
                  &w->err);
    assert_int_equal(last.count, 0);
    assert_status(decode_pointer(w, "\x92\x19\x93\x01\x05\x09", 6, &tensor), SY_EFORMAT, &w->err);
    sy_tensor_unref(object);
}

/* --- refused ---------------------------------------------------------------------------------------------------- */

#define BYTES(text) text, sizeof(text) - 1

static void test_refused_values(void **state)
{
    world *w = *state;
    sy_value value;
    static const struct {
        const char *bytes;
        size_t size;
        sy_status status;
    } cases[] = {
        {BYTES(""), SY_EFORMAT},
        {BYTES("\xc1"), SY_EFORMAT},                                 /* reserved */
        {BYTES("\x80"), SY_EFORMAT},                                 /* a bare map */
        {BYTES("\xc4\x01x"), SY_EFORMAT},                            /* bare bytes */
        {BYTES("\xd4\x01x"), SY_EFORMAT},                            /* an extension */
        {BYTES("\xcf\xff\xff\xff\xff\xff\xff\xff\xff"), SY_EFORMAT}, /* above INT64_MAX */
        {BYTES("\x90"), SY_EFORMAT},
        {BYTES("\x93\x01\x90\x90"), SY_EFORMAT},
        {BYTES("\x92\xc0\x90"), SY_EFORMAT},
        {BYTES("\x92\x63\x90"), SY_ENOTSUP}, /* a code nobody registered */
        {BYTES("\x92\xff\x90"), SY_ENOTSUP},
        {BYTES("\x92\xce\xff\xff\xff\xff\x90"), SY_ENOTSUP},
        {BYTES("\x92\x04\x92\x01\x02"), SY_EFORMAT}, /* a slice of two */
        {BYTES("\x92\x04\x93\x01\x02\xa1x"), SY_EFORMAT},
        {BYTES("\x92\x05\x91\x05"), SY_EFORMAT},
        {BYTES("\x92\x05\x92\xa0\xa0"), SY_EFORMAT},
        {BYTES("\x92\x34\xa3xyz"), SY_EDTYPE},
        {BYTES("\x92\x34\x05"), SY_EFORMAT},
        {BYTES("\xa3"
               "a\0b"),
         SY_EFORMAT}, /* a zero byte in a text */
        {BYTES("\x92\x01\xdd\xff\xff\xff\xff"), SY_EFORMAT},
        {BYTES("\xdb\xff\xff\xff\xff"), SY_EFORMAT},
    };
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        const sy_status status = decode_bytes(w, cases[k].bytes, cases[k].size, &value);
        if (status != cases[k].status) {
            fail_msg("case %zu: %s, expected %s: %s", k, sy_status_name(status),
                     sy_status_name(cases[k].status), w->err.message);
        }
        finish(w);
    }
}

static void test_refused_tensors(void **state)
{
    world *w = *state;
    sy_tensor *tensor = NULL;
    static const struct {
        const char *bytes;
        size_t size;
        sy_status status;
    } cases[] = {
        {BYTES("\x92\x0e\x91\x01"), SY_EFORMAT},     /* one field */
        {BYTES("\x92\x0e\x92\x01\xc0"), SY_EFORMAT}, /* neither contents nor chain */
        {BYTES("\x92\x0e\x93\x01\xc0\xc0"), SY_EFORMAT},
        {BYTES("\x92\x0e\x92\x01\x93\xa7"
               "float32\x91\x01\xc4\x03xxx"),
         SY_EFORMAT}, /* 3 of 4 bytes */
        {BYTES("\x92\x0e\x92\x01\x93\xa7"
               "float32\x91\xff\xc4\x00"),
         SY_ESHAPE},
        {BYTES("\x92\x0e\x92\x01\x93\xa7"
               "float99\x91\x00\xc4\x00"),
         SY_EDTYPE},
        {BYTES("\x92\x0e\x92\x01\x93\xa7"
               "float32\x91\x00\x00"),
         SY_EFORMAT}, /* segment 0 of 0 */
        {BYTES("\x92\x0e\x92\x01\x93\xa7"
               "float32\x91\x00\xff"),
         SY_EFORMAT},
        {BYTES("\x92\x0e\x93\x01\x93\xa7"
               "float32\x91\x00\xc4\x00\x01"),
         SY_EFORMAT}, /* contents and chain */
        {BYTES("\x92\x0e\x94\x01\x93\xa7"
               "float32\x91\x00\xc4\x00\xc0\x05"),
         SY_EFORMAT}, /* a gradient of 5 */
        {BYTES("\x92\x0e\x95\x01\x93\xa7"
               "float32\x91\x00\xc4\x00\xc0\xc0\x92\x0c\x90"),
         SY_EFORMAT},
        {BYTES("\x92\x0e\x95\x01\x93\xa7"
               "float32\x91\x00\xc4\x00\xc0\xc0\x92\x03\x91\xc0"),
         SY_EINVAL},
        {BYTES("\x92\x4d\x92\x01\x92\x4d\x92\x01\xc0"), SY_EFORMAT}, /* a chain to nothing */
    };
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        syi_message_clear(&w->message);
        syi_buffer_append(&w->message.body, cases[k].bytes, cases[k].size);
        begin(w);
        const sy_status status = syi_decode_tensor(&w->decoder, &tensor, &w->err);
        if (status != cases[k].status) {
            fail_msg("case %zu: %s, expected %s: %s", k, sy_status_name(status),
                     sy_status_name(cases[k].status), w->err.message);
        }
        assert_null(tensor);
        finish(w);
    }
}

/* A byte of 7 is no bool; fields of later versions are skipped; two fields are enough. */
static void test_taken_as_well_as_possible(void **state)
{
    world *w = *state;
    static const char seven[] = "\x92\x0e\x92\xc0\x93\xa4"
                                "bool\x91\x03\xc4\x03\x00\x07\xff";
    syi_buffer_append(&w->message.body, seven, sizeof seven - 1);
    sy_tensor *tensor = decode_tensor(w);
    assert_memory_equal(syi_array_data(syi_node_array(tensor->node)), "\0\1\1", 3);
    assert_true(sy_id_is_none(&tensor->id));
    sy_tensor_unref(tensor);
    static const char later[] = "\x92\x0e\x9c\x01\x93\xa7"
                                "float32\x91\x00\xc4\x00\xc0\xc0\xc0\xc0\xa1x"
                                "\x81\x01\x02\x91\x90\xc3\x05\xc4\x01x";
    syi_buffer_append(&w->message.body, later, sizeof later - 1);
    tensor = decode_tensor(w);
    assert_true(tensor->requires_grad);
    sy_tensor_unref(tensor);
}

static void test_many_tensors(void **state)
{
    world *w = *state;
    static const int64_t shape[] = {1};
    sy_tensor *tensor = range(w, SY_DTYPE_F32, 1, shape);
    sy_value items[SYI_OUTPUT_MAX + 1];
    sy_value back;
    for (int k = 0; k <= SYI_OUTPUT_MAX; k++) {
        items[k] = sy_value_tensor(tensor);
    }
    for (size_t count = SYI_OUTPUT_MAX; count <= SYI_OUTPUT_MAX + 1; count++) {
        const sy_value list = sy_value_list(items, count);
        assert_ok(syi_encode_value(&w->encoder, &list, &w->err), &w->err);
        begin(w);
        assert_status(syi_decode_value(&w->decoder, &back, &w->err),
                      count == SYI_OUTPUT_MAX ? SY_OK : SY_ELIMIT, &w->err);
        finish(w);
    }
    sy_tensor_unref(tensor);
}

/* Lists and texts take bounded memory, however many small messages ask for it. */
static void test_bounded_memory(void **state)
{
    world *w = *state;
    sy_value value;
    const size_t count = 300000; /* 12 MB as values, 300 kB on the wire */
    syi_msgpack_write_array(&w->message.body, 2);
    syi_msgpack_write_int(&w->message.body, SYI_CODE_LIST);
    syi_msgpack_write_array(&w->message.body, count);
    for (size_t k = 0; k < count; k++) {
        syi_msgpack_write_nil(&w->message.body);
    }
    const size_t before = w->memory.peak_bytes;
    begin(w);
    assert_status(syi_decode_value(&w->decoder, &value, &w->err), SY_ELIMIT, &w->err);
    finish(w);
    assert_in_range(w->memory.peak_bytes - before, 0, 9u << 20);
}

/* Each allocation of a decoding refused in turn: SY_ENOMEM, and nothing is left. */
static void test_out_of_memory(void **state)
{
    world *w = *state;
    static const int64_t small_shape[] = {3};
    static const int64_t large_shape[] = {100};
    sy_tensor *tensor = wrap(w, range(w, SY_DTYPE_F32, 1, large_shape), 1);
    sy_tensor *grad = range(w, SY_DTYPE_F32, 1, small_shape);
    sy_tensor *plain = range(w, SY_DTYPE_F32, 1, small_shape);
    assert_ok(sy_tensor_tag(plain, "#one", &w->err), &w->err);
    assert_ok(sy_tensor_describe(plain, "described", &w->err), &w->err);
    assert_ok(sy_tensor_set_grad(plain, grad, &w->err), &w->err);
    char text[600];
    memset(text, 'x', sizeof text - 1);
    text[599] = '\0';
    const sy_value items[] = {sy_value_tensor(tensor), sy_value_string(text),
                              sy_value_tensor(plain)};
    const sy_value list = sy_value_list(items, 3);
    size_t refusals = 0;
    for (size_t nth = 1;; nth++) {
        sy_value back;
        assert_ok(syi_encode_value(&w->encoder, &list, &w->err),
                  &w->err); /* segments go when used */
        w->memory.refused = 0;
        w->memory.fail_at = w->memory.calls + nth;
        begin(w);
        const sy_status status = syi_decode_value(&w->decoder, &back, &w->err);
        w->memory.fail_at = 0;
        finish(w);
        if (w->memory.refused == 0) {
            assert_ok(status, &w->err);
            break;
        }
        assert_status(status, SY_ENOMEM, &w->err);
        refusals++;
    }
    assert_true(refusals > 8);
    sy_tensor_unref(plain);
    sy_tensor_unref(grad);
    sy_tensor_unref(tensor);
}

/* The same while encoding. */
static void test_encoding_out_of_memory(void **state)
{
    world *w = *state;
    static const int64_t shape[] = {30, 30};
    sy_tensor *tensor = range(w, SY_DTYPE_F32, 2, shape);
    syi_array turned = SYI_ARRAY_INIT;
    sy_tensor *view = NULL;
    assert_ok(syi_array_transpose(&turned, syi_node_array(tensor->node), 0, 1, &w->err), &w->err);
    assert_ok(syi_tensor_from_array(w->hook, &view, &turned, &w->err), &w->err);
    size_t refusals = 0;
    for (size_t nth = 1;; nth++) {
        syi_message message;
        syi_message_init(&message, w->context, 1u << 20);
        syi_encoder encoder = {.hook = w->hook, .out = &message.body, .message = &message};
        w->memory.refused = 0;
        w->memory.fail_at = w->memory.calls + nth;
        const sy_status status = syi_encode_tensor(&encoder, view, &w->err);
        w->memory.fail_at = 0;
        syi_message_fini(&message);
        if (w->memory.refused == 0) {
            assert_ok(status, &w->err);
            break;
        }
        assert_status(status, SY_ENOMEM, &w->err);
        refusals++;
    }
    assert_true(refusals > 2);
    sy_tensor_unref(view);
    sy_tensor_unref(tensor);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        serde_test(test_exact_bytes),
        serde_test(test_other_spellings),
        serde_test(test_random_values),
        serde_test(test_ids_and_ints),
        serde_test(test_every_dtype_and_shape),
        serde_test(test_layouts),
        serde_test(test_everything_on_a_tensor),
        serde_test(test_snapshots),
        serde_test(test_without_segments),
        serde_test(test_private_contents_do_not_travel),
        serde_test(test_chains),
        serde_test(test_nodes_that_do_not_travel),
        serde_test(test_pointers_to_here),
        serde_test(test_refused_values),
        serde_test(test_refused_tensors),
        serde_test(test_taken_as_well_as_possible),
        serde_test(test_many_tensors),
        serde_test(test_bounded_memory),
        serde_test(test_out_of_memory),
        serde_test(test_encoding_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
