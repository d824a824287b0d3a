/*
 * 003_register_response.c - T8, reference 003 lines 389-393 and 000:191: the worker registers the tensors of
 * a response under the ids it was given and answers with a pointer (in csyft.v1: its description) for each.
 */
#include "support/worker_kinds.h"
#include "workers/descriptor.h"
#include "workers/link.h"

#define GIVEN_MAX 4

typedef struct answer {
    size_t count;
    sy_id ids[RESULTS_MAX];
    uint64_t generations[RESULTS_MAX];
    sy_dtype dtypes[RESULTS_MAX];
    sy_value value;
} answer;

/* Sends the command itself, with these result ids, and reads what the worker answers. */
static answer ask(workers *w, const char *name, const sy_value *args, size_t arg_count,
                  const int64_t *given, size_t given_count)
{
    answer got = {0};
    syi_link *link = NULL;
    syi_exchange exchange;
    syi_decoder decoder;
    size_t parts = 0;
    const sy_id bob = sy_worker_get_id(w->bob);
    const sy_value list = sy_value_list(args, arg_count);
    assert_ok(syi_link_get(w->me, w->bob, &link, &w->err), &w->err);
    assert_ok(syi_link_begin(link, &exchange, SYI_KIND_COMMAND, &w->err), &w->err);
    syi_buffer *out = &exchange.message->body;
    syi_encoder encoder = {
        .hook = w->hook, .out = out, .message = exchange.message, .recipient = &bob};
    syi_msgpack_write_array(out, 4);
    syi_msgpack_write_str(out, name, strlen(name));
    assert_ok(syi_encode_value(&encoder, &list, &w->err), &w->err);
    syi_msgpack_write_map(out, 0);
    syi_msgpack_write_array(out, given_count);
    for (size_t k = 0; k < given_count; k++) {
        syi_msgpack_write_int(out, given[k]);
    }
    assert_ok(syi_link_request(&exchange, 0, &w->err), &w->err);
    syi_decoder_init(&decoder, w->hook, w->me, exchange.reply);
    assert_ok(syi_msgpack_read_array(&decoder.cursor, &parts, &w->err), &w->err);
    assert_int_equal(parts, 2);
    assert_ok(syi_msgpack_read_array(&decoder.cursor, &got.count, &w->err), &w->err);
    for (size_t k = 0; k < got.count; k++) {
        int ndim = 0;
        int64_t shape[SY_DIM_MAX];
        assert_ok(syi_decode_descriptor(&decoder, &got.ids[k], &got.generations[k], &got.dtypes[k],
                                        &ndim, shape, &w->err),
                  &w->err);
    }
    syi_msgpack_leave(&decoder.cursor);
    assert_ok(syi_decode_value(&decoder, &got.value, &w->err), &w->err);
    syi_decoder_fini(&decoder);
    syi_link_end(&exchange);
    return got;
}

#define ASK(w, name, given, given_count, ...)         \
    ask((w), (name), (const sy_value[]){__VA_ARGS__}, \
        sizeof((const sy_value[]){__VA_ARGS__}) / sizeof(sy_value), (given), (given_count))

static void test_tensor_under_the_given_id(void **state)
{
    workers *w = *state;
    sy_tensor *p = workers_send(w, FLOATS(w, 0.5f, 1), w->bob);
    const answer got = ASK(w, "mul", ((const int64_t[]){77}), 1, TENSOR(p), INT(2));
    const sy_id id = sy_id_from_int(77);
    assert_int_equal(got.count, 1);
    assert_true(sy_id_equal(&got.ids[0], &id));
    assert_int_not_equal(got.generations[0], 0);
    assert_int_equal(got.value.kind, SY_VALUE_NONE);
    assert_floats(w, workers_object(w, w->bob_serving, &id), 1, 2);
    assert_count(w, w->bob_serving, 2);
}

/* (1, pointer): the plain part of a response is the value itself, the tensors are registered. */
static void test_numbers_are_not_registered(void **state)
{
    workers *w = *state;
    sy_tensor *p = workers_send(w, FLOATS(w, 1, 2), w->bob);
    const answer got = ASK(w, "size", ((const int64_t[]){78}), 1, TENSOR(p), INT(0));
    assert_int_equal(got.count, 0);
    assert_int_equal(got.value.kind, SY_VALUE_INT);
    assert_int_equal(got.value.as.integer, 2);
    assert_count(w, w->bob_serving, 1);
}

/* In the originals a ResponseSignatureError brings the ids that were used; here every answer does. */
static void test_too_few_ids(void **state)
{
    workers *w = *state;
    sy_tensor *p = workers_send(w, FLOATS(w, 5, 6, 7), w->bob);
    const answer got = ASK(w, "split", ((const int64_t[]){79}), 1, TENSOR(p), INT(1));
    assert_int_equal(got.count, 3);
    assert_int_equal(got.ids[0].number, 79);
    assert_in_range(got.ids[1].number, 0, SY_ID_SPACE - 1);
    assert_in_range(got.ids[2].number, 0, SY_ID_SPACE - 1);
    assert_count(w, w->bob_serving, 4);
    for (size_t k = 0; k < 3; k++) {
        assert_floats(w, workers_object(w, w->bob_serving, &got.ids[k]), 5 + (double)k);
    }
}

static void test_no_ids_and_too_many(void **state)
{
    workers *w = *state;
    const int64_t many[] = {80, 81, 82};
    sy_tensor *p = workers_send(w, FLOATS(w, 5, 6), w->bob);
    const answer none = ASK(w, "neg", many, 0, TENSOR(p));
    assert_int_equal(none.count, 1);
    assert_floats(w, workers_object(w, w->bob_serving, &none.ids[0]), -5, -6);
    const answer rest = ASK(w, "max", many, 3, TENSOR(p), INT(0));
    assert_int_equal(rest.count, 2); /* the values and where they are */
    assert_int_equal(rest.ids[0].number, 80);
    assert_int_equal(rest.ids[1].number, 81);
    assert_int_equal(rest.dtypes[1], SY_DTYPE_I64);
    assert_count(w, w->bob_serving, 4);
}

/* An in-place response registers nothing, whatever ids were given. */
static void test_in_place_registers_nothing(void **state)
{
    workers *w = *state;
    sy_tensor *p = workers_send(w, FLOATS(w, 5, 6), w->bob);
    const answer got = ASK(w, "add_", ((const int64_t[]){83}), 1, TENSOR(p), INT(1));
    assert_int_equal(got.count, 0);
    assert_count(w, w->bob_serving, 1);
    assert_floats(w, workers_get(w, p), 6, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORKER_KINDS(test_tensor_under_the_given_id),
        WORKER_KINDS(test_numbers_are_not_registered),
        WORKER_KINDS(test_too_few_ids),
        WORKER_KINDS(test_no_ids_and_too_many),
        WORKER_KINDS(test_in_place_registers_nothing),
    };
    return workers_run(tests);
}
