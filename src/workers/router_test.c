/*
 * router_test.c - what each kind of request does and answers, in frames. Bodies that are wrong:
 * tests/integration/bad_input_frames.c; the same from a user's side: tests/integration/.
 */
#include "support/bare_worker.h"
#include "support/raw_client.h"
#include "workers/descriptor.h"
#include "workers/session.h"

enum { A = 1, B = 2, RESULT = 50 };

typedef struct world {
    bare_worker *b;
    raw_client c;
} world;

static void publish(bare_worker *b, int64_t number, int64_t count, const float *values,
                    bool private_)
{
    const sy_id id = sy_id_from_int(number);
    sy_tensor *tensor = bare_tensor(b, count, values);
    assert_ok(sy_tensor_set_id(tensor, &id, &b->err), &b->err);
    assert_ok(sy_worker_publish(b->bob, tensor, private_, &b->err), &b->err);
    sy_tensor_unref(tensor);
}

/* a = [1, 2, 3], b = [10, 20, 30] */
static world start(void **state)
{
    world w = {.b = *state};
    publish(w.b, A, 3, (const float[]){1, 2, 3}, false);
    publish(w.b, B, 3, (const float[]){10, 20, 30}, false);
    raw_open(&w.c, w.b->context, w.b->bob, NULL);
    assert_ok(raw_greet(&w.c, "client", NULL), &w.c.said);
    return w;
}

static void end(world *w)
{
    raw_close(&w->c);
}

static sy_tensor *object(world *w, int64_t number) /* borrowed */
{
    const sy_id id = sy_id_from_int(number);
    syi_object *found = syi_store_get(w->b->bob, &id);
    return found != NULL ? found->tensor : NULL;
}

static void assert_elements(const sy_tensor *tensor, size_t count, const double *expected)
{
    assert_non_null(tensor);
    const syi_array *array = syi_node_array(tensor->node);
    assert_int_equal(syi_array_numel(array), count);
    for (size_t k = 0; k < count; k++) {
        if (syi_array_get_double(array, (int64_t)k) != expected[k]) {
            fail_msg("[%zu]: expected %g, actual %g", k, expected[k],
                     syi_array_get_double(array, (int64_t)k));
        }
    }
}
#define assert_object(w, number, ...)                                                              \
    assert_elements(object((w), (number)), sizeof((const double[]){__VA_ARGS__}) / sizeof(double), \
                    (const double[]){__VA_ARGS__})

/* The answer of a COMMAND: [[descriptor, ...], value]. */
typedef struct answer {
    size_t count;
    sy_id ids[8];
    uint64_t generations[8];
    int ndims[8];
    sy_dtype dtypes[8];
    int64_t shapes[8][SY_DIM_MAX];
    sy_value_kind kind;
    int64_t integer;
} answer;

static void read_one(world *w, syi_decoder *decoder, answer *a, size_t k)
{
    assert_ok(syi_decode_descriptor(decoder, &a->ids[k], &a->generations[k], &a->dtypes[k],
                                    &a->ndims[k], a->shapes[k], &w->b->err),
              &w->b->err);
}

static answer command(world *w)
{
    answer a = {0};
    syi_decoder decoder;
    size_t parts = 0;
    sy_value value;
    assert_ok(raw_request(&w->c, SYI_KIND_COMMAND), &w->c.said);
    assert_int_equal(w->c.reply.kind, SYI_KIND_REPLY);
    syi_decoder_init(&decoder, w->b->hook, w->b->me, &w->c.reply);
    assert_ok(syi_msgpack_read_array(&decoder.cursor, &parts, &w->b->err), &w->b->err);
    assert_int_equal(parts, 2);
    assert_ok(syi_msgpack_read_array(&decoder.cursor, &a.count, &w->b->err), &w->b->err);
    assert_in_range(a.count, 0, 8);
    for (size_t k = 0; k < a.count; k++) {
        read_one(w, &decoder, &a, k);
    }
    syi_msgpack_leave(&decoder.cursor);
    assert_ok(syi_decode_value(&decoder, &value, &w->b->err), &w->b->err);
    a.kind = value.kind;
    a.integer = value.kind == SY_VALUE_INT ? value.as.integer : 0;
    syi_decoder_fini(&decoder);
    return a;
}

/* COMMAND with one pointer and plain numbers behind it. */
static void put_command(world *w, const char *name, int64_t on, size_t numbers,
                        const int64_t *values, size_t ids)
{
    raw_client *c = &w->c;
    syi_msgpack_write_array(&c->body, 4);
    raw_put_text(c, name);
    raw_put_list(c, 1 + numbers);
    raw_put_pointer(c, on, NULL);
    for (size_t k = 0; k < numbers; k++) {
        syi_msgpack_write_int(&c->body, values[k]);
    }
    syi_msgpack_write_map(&c->body, 0);
    syi_msgpack_write_array(&c->body, ids);
    for (size_t k = 0; k < ids; k++) {
        syi_msgpack_write_int(&c->body, RESULT + (int64_t)k);
    }
}

/* --- commands ------------------------------------------------------------------------------------------ */

static void test_command(void **state)
{
    world w = start(state);
    raw_put_command(&w.c, "torch.add", A, B, RESULT);
    const answer a = command(&w);
    const sy_id id = sy_id_from_int(RESULT);
    assert_int_equal(a.count, 1);
    assert_true(sy_id_equal(&a.ids[0], &id));
    assert_int_equal(a.generations[0], syi_store_get(w.b->bob, &id)->generation);
    assert_int_equal(a.ndims[0], 1);
    assert_int_equal(a.shapes[0][0], 3);
    assert_int_equal(a.dtypes[0], SY_DTYPE_F32);
    assert_int_equal(a.kind, SY_VALUE_NONE);
    assert_object(&w, RESULT, 11, 22, 33);
    assert_ptr_equal(object(&w, RESULT)->owner, w.b->bob);
    assert_non_null(syi_store_get(w.b->bob, &id)->lease);
    end(&w);
}

static void test_named_arguments(void **state)
{
    world w = start(state);
    raw_client *c = &w.c;
    syi_msgpack_write_array(&c->body, 4);
    raw_put_text(c, "add");
    raw_put_list(c, 1);
    raw_put_pointer(c, A, NULL);
    syi_msgpack_write_map(&c->body, 2);
    raw_put_text(c, "other");
    raw_put_pointer(c, B, NULL);
    syi_encode_text(&c->body, "alpha"); /* names come as either text */
    syi_msgpack_write_int(&c->body, -1);
    syi_msgpack_write_array(&c->body, 1);
    syi_msgpack_write_int(&c->body, RESULT);
    (void)command(&w);
    assert_object(&w, RESULT, -9, -18, -27);
    /* one that is not a parameter, one twice */
    for (int twice = 0; twice < 2; twice++) {
        syi_msgpack_write_array(&c->body, 4);
        raw_put_text(c, "neg");
        raw_put_list(c, 1);
        raw_put_pointer(c, A, NULL);
        syi_msgpack_write_map(&c->body, 1);
        raw_put_text(c, twice ? "self" : "frobnicate");
        raw_put_pointer(c, B, NULL);
        syi_msgpack_write_array(&c->body, 0);
        assert_int_equal(raw_request(c, SYI_KIND_COMMAND), SY_EINVAL);
    }
    end(&w);
}

static void test_in_place(void **state)
{
    world w = start(state);
    raw_put_command(&w.c, "add_", A, B, RESULT);
    const answer a = command(&w);
    assert_int_equal(a.count, 0);
    assert_null(object(&w, RESULT));
    assert_object(&w, A, 11, 22, 33);
    raw_put_command(&w.c, "__iadd__", A, B, RESULT);
    assert_int_equal(command(&w).count, 0);
    raw_put_command(&w.c, "copy_", B, A, RESULT); /* in place by itself */
    assert_int_equal(command(&w).count, 0);
    assert_object(&w, B, 21, 42, 63);
    assert_int_equal(sy_worker_get_object_count(w.b->bob), 2);
    end(&w);
}

static void test_several_results(void **state)
{
    world w = start(state);
    put_command(&w, "split", A, 1, (const int64_t[]){1}, 2); /* three results, two ids */
    const answer a = command(&w);
    assert_int_equal(a.count, 3);
    assert_int_equal(a.ids[0].number, RESULT);
    assert_int_equal(a.ids[1].number, RESULT + 1);
    assert_in_range(a.ids[2].number, 0, SY_ID_SPACE - 1);
    assert_object(&w, RESULT, 1);
    assert_object(&w, RESULT + 1, 2);
    assert_object(&w, a.ids[2].number, 3);
    assert_true(a.generations[0] < a.generations[1] && a.generations[1] < a.generations[2]);
    end(&w);
}

static void test_plain_answers(void **state)
{
    world w = start(state);
    put_command(&w, "numel", A, 0, NULL, 1);
    answer a = command(&w);
    assert_int_equal(a.count, 0);
    assert_int_equal(a.kind, SY_VALUE_INT);
    assert_int_equal(a.integer, 3);
    put_command(&w, "size", A, 0, NULL, 0);
    a = command(&w);
    assert_int_equal(a.kind, SY_VALUE_LIST);
    assert_int_equal(sy_worker_get_object_count(w.b->bob), 2);
    end(&w);
}

/* Commands without tensors make something at the worker. */
static void test_creation(void **state)
{
    world w = start(state);
    raw_client *c = &w.c;
    syi_msgpack_write_array(&c->body, 4);
    raw_put_text(c, "full");
    raw_put_list(c, 2);
    raw_put_list(c, 2);
    syi_msgpack_write_int(&c->body, 2);
    syi_msgpack_write_int(&c->body, 2);
    syi_msgpack_write_double(&c->body, 0.5);
    syi_msgpack_write_map(&c->body, 0);
    syi_msgpack_write_array(&c->body, 1);
    syi_msgpack_write_int(&c->body, RESULT);
    const answer a = command(&w);
    assert_int_equal(a.ndims[0], 2);
    assert_object(&w, RESULT, 0.5, 0.5, 0.5, 0.5);
    end(&w);
}

static void send_flagged(raw_client *c, uint32_t flags)
{
    sy_error err = SY_ERROR_INIT;
    syi_message message;
    const syi_message *one = &message;
    syi_message_init(&message, c->context, 4096);
    message.kind = SYI_KIND_COMMAND;
    message.flags = flags;
    message.trace = 77;
    message.id = ++c->last_id;
    syi_buffer_append(&message.body, c->body.data, c->body.length);
    syi_buffer_clear(&c->body);
    assert_ok(syi_connection_send(c->connection, &one, 1, raw_deadline(c), &err), &err);
    syi_message_fini(&message);
}

/* Grad mode travels with the command; the trace comes back with the answer. */
static void test_flags(void **state)
{
    world w = start(state);
    object(&w, A)->requires_grad = true;
    for (int recorded = 0; recorded < 2; recorded++) {
        raw_put_command(&w.c, "mul", A, B, RESULT);
        send_flagged(&w.c, recorded ? 0 : SYI_FLAG_NO_GRAD);
        assert_ok(raw_receive(&w.c), &w.c.said);
        assert_int_equal(w.c.reply.trace, 77);
        assert_int_equal(syi_tensor_is_tracked(object(&w, RESULT)), recorded);
    }
    end(&w);
}

/* backward and requires_grad_ at the worker, and pointers to attributes as arguments. */
static void test_gradients(void **state)
{
    world w = start(state);
    raw_client *c = &w.c;
    raw_put_worker_command(c, "requires_grad_", 2);
    raw_put_pointer(c, A, NULL);
    syi_msgpack_write_bool(&c->body, true);
    assert_ok(raw_request(c, SYI_KIND_WORKER_COMMAND), &c->said);
    raw_put_question(c, A, "grad");
    assert_ok(raw_request(c, SYI_KIND_IS_NONE), &c->said);
    assert_int_equal(c->reply.body.data[0], 0xc3); /* true */
    raw_put_command(c, "mul", A, B, RESULT);
    (void)command(&w);
    put_command(&w, "sum", RESULT, 0, NULL, 0);
    const answer a = command(&w);
    put_command(&w, "backward", a.ids[0].number, 0, NULL, 1);
    assert_int_equal(command(&w).count, 0);
    assert_elements(object(&w, A)->grad, 3, (const double[]){10, 20, 30});
    raw_put_question(c, A, "grad");
    assert_ok(raw_request(c, SYI_KIND_IS_NONE), &c->said);
    assert_int_equal(c->reply.body.data[0], 0xc2);
    /* an attribute as an argument */
    syi_msgpack_write_array(&c->body, 4);
    raw_put_text(c, "neg");
    raw_put_list(c, 1);
    raw_put_pointer(c, A, "grad");
    syi_msgpack_write_map(&c->body, 0);
    syi_msgpack_write_array(&c->body, 1);
    syi_msgpack_write_int(&c->body, RESULT);
    (void)command(&w);
    assert_object(&w, RESULT, -10, -20, -30);
    /* the gradient of the gradient is none */
    syi_msgpack_write_array(&c->body, 4);
    raw_put_text(c, "neg");
    raw_put_list(c, 1);
    raw_put_pointer(c, A, "grad.grad");
    syi_msgpack_write_map(&c->body, 0);
    syi_msgpack_write_array(&c->body, 0);
    assert_int_equal(raw_request(c, SYI_KIND_COMMAND), SY_ENOGRAD);
    end(&w);
}

/* --- objects ---------------------------------------------------------------------------------------------- */

static void test_object_and_request(void **state)
{
    world w = start(state);
    raw_client *c = &w.c;
    answer a = {0};
    syi_decoder decoder;
    raw_put_object(c, RESULT, 2, (const float[]){0.5f, -1});
    assert_ok(raw_request(c, SYI_KIND_OBJECT), &c->said);
    syi_decoder_init(&decoder, w.b->hook, w.b->me, &c->reply);
    read_one(&w, &decoder, &a, 0);
    syi_decoder_fini(&decoder);
    assert_int_equal(a.ids[0].number, RESULT);
    assert_int_equal(a.shapes[0][0], 2);
    assert_object(&w, RESULT, 0.5, -1);
    for (int keep = 1; keep >= 0; keep--) {
        sy_tensor *tensor = NULL;
        raw_put_object_request(c, RESULT, keep != 0);
        assert_ok(raw_request(c, SYI_KIND_OBJECT_REQUEST), &c->said);
        syi_decoder_init(&decoder, w.b->hook, w.b->me, &c->reply);
        assert_ok(syi_decode_tensor(&decoder, &tensor, &w.b->err), &w.b->err);
        syi_decoder_fini(&decoder);
        assert_elements(tensor, 2, (const double[]){0.5, -1});
        assert_int_equal(tensor->id.number, RESULT);
        sy_tensor_unref(tensor);
        assert_int_equal(object(&w, RESULT) != NULL, keep);
    }
    raw_put_object_request(c, RESULT, false);
    assert_int_equal(raw_request(c, SYI_KIND_OBJECT_REQUEST), SY_ENOTFOUND);
    end(&w);
}

/* Without an id it keeps its own, or is given one. */
static void test_object_without_an_id(void **state)
{
    world w = start(state);
    raw_client *c = &w.c;
    for (int own = 0; own < 2; own++) {
        answer a = {0};
        syi_decoder decoder;
        syi_msgpack_write_array(&c->body, 2);
        syi_msgpack_write_nil(&c->body);
        syi_msgpack_write_array(&c->body, 2);
        syi_msgpack_write_int(&c->body, SYI_CODE_TENSOR);
        syi_msgpack_write_array(&c->body, 2);
        if (own) {
            syi_msgpack_write_int(&c->body, RESULT);
        } else {
            syi_msgpack_write_nil(&c->body);
        }
        raw_put_floats(c, 1, (const float[]){4});
        assert_ok(raw_request(c, SYI_KIND_OBJECT), &c->said);
        syi_decoder_init(&decoder, w.b->hook, w.b->me, &c->reply);
        read_one(&w, &decoder, &a, 0);
        syi_decoder_fini(&decoder);
        assert_int_equal(a.ids[0].kind, SY_ID_INT);
        if (own) {
            assert_int_equal(a.ids[0].number, RESULT);
        }
        assert_object(&w, a.ids[0].number, 4);
    }
    end(&w);
}

/* Contents above the inline limit come and go as segments; the tensor owns exactly its segment. */
static void test_segments(void **state)
{
    world w = start(state);
    raw_client *c = &w.c;
    sy_error err = SY_ERROR_INIT;
    for (int64_t count = 64; count <= 65; count++) { /* 256 and 260 bytes */
        float values[65];
        for (int k = 0; k < 65; k++) {
            values[k] = (float)k;
        }
        publish(w.b, RESULT + count, count, values, false);
        raw_put_object_request(c, RESULT + count, true);
        assert_ok(raw_request(c, SYI_KIND_OBJECT_REQUEST), &c->said);
        assert_int_equal(c->reply.segment_count, count == 64 ? 0 : 1);
        if (count == 65) {
            assert_int_equal(c->reply.segments[0].length, 260);
        }
        sy_tensor *tensor = NULL;
        syi_decoder decoder;
        syi_decoder_init(&decoder, w.b->hook, w.b->me, &c->reply);
        assert_ok(syi_decode_tensor(&decoder, &tensor, &err), &err);
        syi_decoder_fini(&decoder);
        assert_int_equal(syi_node_array(tensor->node)->storage->size, (size_t)count * 4);
        assert_true(syi_array_get_double(syi_node_array(tensor->node), count - 1) ==
                    (double)(count - 1));
        sy_tensor_unref(tensor);
    }
    end(&w);
}

/* The answer holds what was there when it was made. */
static void test_answers_are_copies(void **state)
{
    world w = start(state);
    float values[100] = {1};
    sy_tensor *tensor = NULL;
    syi_decoder decoder;
    publish(w.b, RESULT, 100, values, false);
    raw_put_object_request(&w.c, RESULT, true);
    assert_ok(raw_request(&w.c, SYI_KIND_OBJECT_REQUEST), &w.c.said);
    syi_array_set_double(syi_node_array(object(&w, RESULT)->node), 0, 99);
    syi_decoder_init(&decoder, w.b->hook, w.b->me, &w.c.reply);
    assert_ok(syi_decode_tensor(&decoder, &tensor, &w.b->err), &w.b->err);
    syi_decoder_fini(&decoder);
    assert_true(bare_value(tensor) == 1);
    sy_tensor_unref(tensor);
    end(&w);
}

static void test_private_objects(void **state)
{
    world w = start(state);
    raw_client *c = &w.c;
    publish(w.b, 9, 2, (const float[]){1, 2}, true);
    for (int keep = 0; keep < 2; keep++) {
        raw_put_object_request(c, 9, keep != 0);
        assert_int_equal(raw_request(c, SYI_KIND_OBJECT_REQUEST), SY_EPERM);
        assert_string_equal(c->said.worker, "bob");
        assert_string_equal(c->said.object, "9");
    }
    put_command(&w, "clone", 9, 0, NULL, 1);
    (void)command(&w);
    raw_put_object_request(c, RESULT, false);
    assert_int_equal(raw_request(c, SYI_KIND_OBJECT_REQUEST), SY_EPERM);
    assert_non_null(object(&w, RESULT));
    end(&w);
}

/* --- questions --------------------------------------------------------------------------------------------- */

static void test_questions(void **state)
{
    world w = start(state);
    raw_client *c = &w.c;
    static const struct {
        const char *attribute;
        bool none;
    } cases[] = {
        {NULL, false},        {"", false},         {"data", false},          {"grad", true},
        {"data.data", false}, {"data.grad", true}, {"grad.data.grad", true}, {"..data", false}};
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        raw_put_question(c, A, cases[k].attribute);
        assert_ok(raw_request(c, SYI_KIND_IS_NONE), &c->said);
        assert_int_equal(c->reply.body.length, 1);
        assert_int_equal(c->reply.body.data[0], cases[k].none ? 0xc3 : 0xc2);
        raw_put_question(c, A, cases[k].attribute);
        const sy_status status = raw_request(c, SYI_KIND_GET_SHAPE);
        assert_int_equal(status, cases[k].none ? SY_ENOGRAD : SY_OK);
        if (!cases[k].none) {
            assert_int_equal(c->reply.body.length, 11); /* ["float32", [3]] */
            assert_memory_equal(c->reply.body.data,
                                "\x92\xa7"
                                "float32\x91\x03",
                                11);
        }
    }
    raw_put_question(c, 404, NULL);
    assert_int_equal(raw_request(c, SYI_KIND_IS_NONE), SY_ENOTFOUND); /* not "true" */
    end(&w);
}

static void test_search(void **state)
{
    world w = start(state);
    raw_client *c = &w.c;
    assert_ok(sy_tensor_tag(object(&w, B), "#b", &w.b->err), &w.b->err);
    assert_ok(sy_tensor_describe(object(&w, B), "tens", &w.b->err), &w.b->err);
    publish(w.b, 9, 1, (const float[]){1}, true);
    static const struct {
        const char *term; /* NULL: none */
        size_t count;
        int64_t first;
    } cases[] = {{NULL, 3, A}, {"#b", 1, B}, {"1", 1, A}, {"ten", 1, B}, {"9", 1, 9}, {"x", 0, 0}};
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        answer a = {0};
        syi_decoder decoder;
        size_t count = 0;
        size_t tags = 0;
        const char *text = NULL;
        bool private_ = false;
        syi_msgpack_write_array(&c->body, cases[k].term != NULL ? 1 : 0);
        if (cases[k].term != NULL) {
            syi_encode_text(&c->body, cases[k].term);
        }
        assert_ok(raw_request(c, SYI_KIND_SEARCH), &c->said);
        syi_decoder_init(&decoder, w.b->hook, w.b->me, &c->reply);
        assert_ok(syi_msgpack_read_array(&decoder.cursor, &count, &w.b->err), &w.b->err);
        assert_int_equal(count, cases[k].count);
        for (size_t i = 0; i < count; i++) {
            assert_ok(syi_msgpack_read_tuple(&decoder.cursor, 4, "found", &w.b->err), &w.b->err);
            read_one(&w, &decoder, &a, i);
            assert_ok(syi_msgpack_read_array(&decoder.cursor, &tags, &w.b->err), &w.b->err);
            for (size_t t = 0; t < tags; t++) {
                assert_ok(syi_decode_text(&decoder, &text, &w.b->err), &w.b->err);
                assert_string_equal(text, "#b");
            }
            syi_msgpack_leave(&decoder.cursor);
            assert_int_equal(tags, a.ids[i].number == B);
            assert_ok(syi_decode_text(&decoder, &text, &w.b->err), &w.b->err);
            assert_int_equal(text != NULL, a.ids[i].number == B);
            assert_ok(syi_msgpack_read_bool(&decoder.cursor, &private_, &w.b->err), &w.b->err);
            assert_int_equal(private_, a.ids[i].number == 9);
            syi_msgpack_leave(&decoder.cursor);
        }
        if (count > 0) {
            assert_int_equal(a.ids[0].number, cases[k].first); /* in registry order */
        }
        syi_decoder_fini(&decoder);
    }
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        bare_worker_test(test_command),
        bare_worker_test(test_named_arguments),
        bare_worker_test(test_in_place),
        bare_worker_test(test_several_results),
        bare_worker_test(test_plain_answers),
        bare_worker_test(test_creation),
        bare_worker_test(test_flags),
        bare_worker_test(test_gradients),
        bare_worker_test(test_object_and_request),
        bare_worker_test(test_object_without_an_id),
        bare_worker_test(test_segments),
        bare_worker_test(test_answers_are_copies),
        bare_worker_test(test_private_objects),
        bare_worker_test(test_questions),
        bare_worker_test(test_search),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
