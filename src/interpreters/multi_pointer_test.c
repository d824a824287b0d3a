/*
 * multi_pointer_test.c - the node itself: bytes and what is refused among them, memory that runs out. What
 * operations give, over every kind of worker: tests/integration/multi_pointers.c.
 */
#include "core/error.h"
#include "interpreters/multi_pointer.h"

#include <csyft/operations.h>

#include "hook/scope.h"
#include "serde/serde.h"
#include "support/bare_worker.h"

typedef struct world {
    bare_worker *b;
    sy_worker *alice;
    sy_scope *s;
} world;

static int setup(void **state)
{
    world *w = calloc(1, sizeof *w);
    void *bare = NULL;
    if (bare_worker_setup(&bare) != 0) {
        return -1;
    }
    w->b = bare;
    *state = w;
    if (syi_pointer_register(w->b->hook, &w->b->err) != SY_OK ||
        syi_multi_pointer_register(w->b->hook, &w->b->err) != SY_OK ||
        sy_virtual_worker_new(w->b->hook, &w->alice, "alice", &w->b->err) != SY_OK) {
        return -1;
    }
    w->s = sy_scope_begin(w->b->hook);
    return 0;
}

static int teardown(void **state)
{
    world *w = *state;
    void *bare = w->b;
    (void)sy_scope_end(w->s, NULL);
    free(w);
    return bare_worker_teardown(&bare);
}

#define multi_test(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

static sy_tensor *at(world *w, sy_worker *location, int64_t number, int64_t length)
{
    sy_tensor *p = NULL;
    const sy_id id = sy_id_from_int(number);
    assert_ok(sy_tensor_point_to(w->b->hook, &p, location, &id, &w->b->err), &w->b->err);
    syi_pointer_set_shape(syi_pointer_of(p), SY_DTYPE_F32, 1, &length);
    return sy_scope_adopt(w->s, p);
}

static sy_tensor *multi(world *w)
{
    sy_tensor *parts[] = {at(w, w->b->bob, 7, 2), at(w, w->alice, 8, 2)};
    sy_tensor *m = NULL;
    assert_ok(sy_combine_pointers(&m, parts, 2, &w->b->err), &w->b->err);
    return sy_scope_adopt(w->s, m);
}

/* [19, [id, {worker: pointer}]], as PySyft 0.2.9 has it (objects.txt: multi_pointer). */
static void test_bytes(void **state)
{
    world *w = *state;
    sy_tensor *m = multi(w);
    syi_message message;
    syi_decoder decoder;
    syi_node *back = NULL;
    const sy_id id = sy_id_from_int(5);
    static const char expected[] = "\x92\x13\x92\x05\x92\x00\x92" /* [19, [5, [0, [ */
                                   "\x92\x92\x05\x91\xc4\x03"
                                   "bob"
                                   "\x92\x19\x99\xc0\x07"; /* ["bob", [25, [nil, 7 */
    assert_ok(sy_tensor_set_id(m, &id, &w->b->err), &w->b->err);
    syi_message_init(&message, w->b->context, 4096);
    syi_encoder encoder = {.hook = w->b->hook, .out = &message.body, .message = &message};
    assert_ok(syi_encode_node(&encoder, m->node, &w->b->err), &w->b->err);
    assert_true(message.body.length > sizeof expected);
    assert_memory_equal(message.body.data, expected, sizeof expected - 1);
    syi_decoder_init(&decoder, w->b->hook, w->b->me, &message);
    assert_ok(syi_decode_node(&decoder, &back, &w->b->err), &w->b->err);
    assert_ptr_equal(back->type, &syi_multi_pointer_type);
    const syi_multi_pointer *read = (const syi_multi_pointer *)back;
    assert_int_equal(read->count, 2);
    assert_int_equal(read->id.number, 5);
    assert_ptr_equal(read->children[1]->location, w->alice);
    assert_int_equal(read->children[1]->id_at_location.number, 8);
    assert_false(atomic_load(&read->children[1]->collect));
    syi_node_unref(back);
    syi_decoder_fini(&decoder);
    const size_t length = message.body.length;
    for (size_t cut = 0; cut < length; cut++) {
        message.body.length = cut;
        syi_decoder_init(&decoder, w->b->hook, w->b->me, &message);
        assert_status(syi_decode_node(&decoder, &back, &w->b->err), SY_EFORMAT, &w->b->err);
        syi_decoder_fini(&decoder);
    }
    syi_message_fini(&message);
}

static bool bob_is_here(syi_decoder *decoder, const sy_id *location)
{
    return sy_id_equal(&decoder->worker->id, location);
}

static sy_status bobs_object(syi_decoder *decoder, const sy_id *id, const char *attribute,
                             sy_tensor **tensor, sy_error *err)
{
    (void)decoder;
    (void)id;
    (void)attribute;
    *tensor = NULL;
    return syi_fail(err, SY_EPERM, "that is bob's");
}

/* What a peer may write, and what is said of it. */
static void test_hostile_bytes(void **state)
{
    world *w = *state;
#define POINTER_TO(worker) "\x92\x19\x94\x01\x07" worker "\xc0"
#define ALICE              \
    "\x92\x05\x91\xc4\x05" \
    "alice"
#define BOB                \
    "\x92\x05\x91\xc4\x03" \
    "bob"
#define CASE(bytes) bytes, sizeof(bytes) - 1
    const struct {
        const char *bytes;
        size_t length;
        sy_status status;
        const char *says;
    } cases[] = {
        {CASE("\x92\x13\x92\x05\x92\x00\x90"), SY_EFORMAT, "0 parts"},
        {CASE("\x92\x13\x92\x05\x92\x01\x90"), SY_EFORMAT, "type code 1"},
        {CASE("\x92\x13\x92\x05\x92\x00\xdd\x7f\xff\xff\xff"), SY_EFORMAT, ""},
        {CASE("\x92\x13\x92\x05\x92\x00\x91\x92" ALICE "\x92\x0e\x92\xc0\x93\xa7"
              "float32\x90\xc4"
              "\x04\x00\x00\x80\x3f"),
         SY_EFORMAT, "a tensor for a part"},
        {CASE("\x92\x13\x92\x05\x92\x00\x91\x92" BOB POINTER_TO(ALICE)), SY_EFORMAT,
         "part for worker bob is at alice"},
        {CASE("\x92\x13\x92\x05\x92\x00\x92\x92" ALICE POINTER_TO(ALICE) "\x92" ALICE POINTER_TO(
             ALICE)),
         SY_EFORMAT, "two parts at worker alice"},
        {CASE("\x92\x13\x92\x05\x92\x00\x91\x92" BOB POINTER_TO(BOB)), SY_EPERM, "bob's"},
        {CASE("\x92\x13\x92\x05\x92\x00\x91\x92" BOB POINTER_TO("\xc0")), SY_EFORMAT,
         "a pointer to nothing"},
        {CASE("\x92\x13\x92\x05\x92\x00\x91\x92\xa3"
              "eve\x92\x19\x94\x01\x07\xa3"
              "eve\xc0"),
         SY_ENOTFOUND, "eve"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        syi_message message;
        syi_decoder decoder;
        syi_node *node = NULL;
        syi_message_init(&message, w->b->context, 4096);
        syi_buffer_append(&message.body, cases[k].bytes, cases[k].length);
        syi_decoder_init(&decoder, w->b->hook, w->b->bob, &message);
        decoder.is_here = bob_is_here;
        decoder.resolve = bobs_object;
        const sy_status status = syi_decode_node(&decoder, &node, &w->b->err);
        if (status != cases[k].status || strstr(w->b->err.message, cases[k].says) == NULL) {
            print_error("case %zu: %s: %s\n", k, sy_status_name(status), w->b->err.message);
        }
        assert_status(status, cases[k].status, &w->b->err);
        assert_non_null(strstr(w->b->err.message, cases[k].says));
        syi_decoder_fini(&decoder);
        syi_message_fini(&message);
    }
}

/* More parts than one handle may have: told from the count. */
static void test_too_many(void **state)
{
    world *w = *state;
    sy_tensor *parts[SY_MULTI_POINTER_MAX + 1];
    sy_tensor *m = NULL;
    for (size_t k = 0; k <= SY_MULTI_POINTER_MAX; k++) {
        parts[k] = at(w, w->alice, 1, 1);
    }
    assert_status(sy_combine_pointers(&m, parts, SY_MULTI_POINTER_MAX + 1, &w->b->err), SY_ELIMIT,
                  &w->b->err);
    assert_status(sy_tensor_combine(parts[0], &m, parts + 1, SY_MULTI_POINTER_MAX, &w->b->err),
                  SY_ELIMIT, &w->b->err);
    assert_null(m);
}

static void test_text(void **state)
{
    world *w = *state;
    sy_tensor *m = multi(w);
    char places[64];
    char cut[12];
    const syi_multi_pointer *node = syi_multi_pointer_of(m);
    assert_string_equal(syi_multi_pointer_places(node, places, sizeof places), "bob and alice");
    assert_string_equal(syi_multi_pointer_places(node, cut, sizeof cut), "bob and ali");
}

/* Sends to both, computes, gets the sum. */
static sy_status round_trip(world *w, sy_tensor *x, double *value)
{
    sy_worker *both[] = {w->b->bob, w->alice};
    sy_tensor *m = NULL;
    sy_tensor *twice = NULL;
    sy_tensor *sum = NULL;
    size_t made = 0;
    sy_status status = sy_tensor_send_to_many(x, &m, both, 2, &w->b->err);
    if (status == SY_OK) {
        const sy_value args[] = {sy_value_tensor(m), sy_value_tensor(m)};
        status = sy_call(w->b->hook, "add", args, 2, NULL, 0, &twice, 1, &made, NULL, &w->b->err);
    }
    if (status == SY_OK) {
        status = sy_multi_pointer_get_sum(twice, &sum, &w->b->err);
    }
    if (status == SY_OK) {
        *value = syi_array_get_double(syi_node_array(sum->node), 0);
    }
    sy_tensor_unref(sum);
    sy_tensor_unref(twice);
    sy_tensor_unref(m);
    return status;
}

static void test_out_of_memory(void **state)
{
    world *w = *state;
    const float values[] = {1.5f, 2};
    double value = 0;
    sy_tensor *x = sy_scope_adopt(w->s, bare_tensor(w->b, 2, values));
    assert_ok(round_trip(w, x, &value), &w->b->err); /* links and messages are warm */
    size_t refusals = 0;
    for (size_t nth = 1; nth < 400; nth++) {
        value = 0;
        w->b->memory.refused = 0;
        w->b->memory.fail_at = w->b->memory.calls + nth;
        const sy_status status = round_trip(w, x, &value);
        w->b->memory.fail_at = 0;
        if (status == SY_OK) {
            assert_true(value == 6);
        } else if (status != SY_ECLOSED) { /* a worker could not take the frame */
            assert_status(status, SY_ENOMEM, &w->b->err);
        }
        if (w->b->memory.refused == 0) {
            assert_ok(status, &w->b->err);
            break;
        }
        refusals++;
    }
    assert_in_range(refusals, 10, 398);
    assert_ok(round_trip(w, x, &value), &w->b->err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        multi_test(test_bytes), multi_test(test_hostile_bytes), multi_test(test_too_many),
        multi_test(test_text),  multi_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
