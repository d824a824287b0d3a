/*
 * pointer_test.c - the node itself: text, identity, bytes, duty, shapes that are known without asking, memory
 * that runs out. What operations between pointers give: tests/integration/interplay.c, pointers.c.
 */
#include "interpreters/pointer.h"

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

#define pointer_test(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

static sy_tensor *sent(world *w, int64_t count, const float *values, sy_worker *to)
{
    sy_tensor *x = bare_tensor(w->b, count, values);
    sy_tensor *p = NULL;
    assert_ok(sy_tensor_send(x, &p, to, &w->b->err), &w->b->err);
    sy_tensor_unref(x);
    return sy_scope_adopt(w->s, p);
}

/* Any request takes waiting deletions along. */
static size_t count(world *w)
{
    char *text = NULL;
    assert_ok(sy_worker_whoami(w->b->bob, &text, &w->b->err), &w->b->err);
    sy_string_free(w->b->hook, text);
    return sy_worker_get_object_count(w->b->bob);
}

static sy_tensor *at(world *w, sy_worker *location, int64_t number)
{
    sy_tensor *p = NULL;
    const sy_id id = sy_id_from_int(number);
    assert_ok(sy_tensor_point_to(w->b->hook, &p, location, &id, &w->b->err), &w->b->err);
    return sy_scope_adopt(w->s, p);
}

static void assert_text(world *w, sy_tensor *tensor, const char *expected)
{
    char *text = NULL;
    assert_ok(sy_tensor_to_text(tensor, &text, &w->b->err), &w->b->err);
    assert_string_equal(text, expected);
    sy_string_free(w->b->hook, text);
}

static void test_text_and_identity(void **state)
{
    world *w = *state;
    const sy_id seven = sy_id_from_int(7);
    sy_tensor *p = at(w, w->b->bob, 55);
    assert_ok(sy_tensor_set_id(p, &seven, &w->b->err), &w->b->err);
    assert_text(w, p, "(Wrapper)>[PointerTensor | me:7 -> bob:55]");
    const sy_id id = sy_tensor_get_id(p); /* a wrapper's id is its child's */
    assert_true(sy_id_equal(&id, &seven));
    assert_true(sy_id_equal(&syi_pointer_of(p)->id, &seven));
    assert_ok(sy_tensor_tag(p, "#x", &w->b->err), &w->b->err);
    assert_ok(sy_tensor_describe(p, "first\nsecond", &w->b->err), &w->b->err);
    assert_text(w, p,
                "(Wrapper)>[PointerTensor | me:7 -> bob:55]\n\tTags: #x \n\tDescription: first...");
    sy_tensor *data = NULL;
    sy_tensor *grad = NULL;
    assert_ok(sy_tensor_attr(p, &data, "data", &w->b->err), &w->b->err);
    assert_ok(sy_tensor_attr(sy_scope_adopt(w->s, data), &grad, "grad", &w->b->err), &w->b->err);
    assert_ok(sy_tensor_set_id(sy_scope_adopt(w->s, grad), &seven, &w->b->err), &w->b->err);
    assert_text(w, grad, "(Wrapper)>[PointerTensor | me:7 -> bob:55]::data::grad");
    /* an id is drawn when somebody looks */
    sy_tensor *q = at(w, w->b->bob, 56);
    assert_true(sy_id_is_none(&syi_pointer_of(q)->id));
    char *text = NULL;
    assert_ok(sy_tensor_to_text(q, &text, &w->b->err), &w->b->err);
    sy_string_free(w->b->hook, text);
    assert_false(sy_id_is_none(&syi_pointer_of(q)->id));
}

static void test_what_is_no_pointer(void **state)
{
    world *w = *state;
    sy_tensor *x = sy_scope_adopt(w->s, bare_number(w->b, 1));
    assert_null(syi_pointer_of(NULL));
    assert_null(syi_pointer_of(x));
    assert_false(sy_tensor_is_pointer(x));
    assert_null(sy_tensor_get_location(x));
    const sy_id id = sy_tensor_get_id_at_location(x);
    assert_true(sy_id_is_none(&id));
    assert_false(sy_tensor_get_garbage_collect(x));
    sy_tensor_set_garbage_collect(x, true); /* nothing */
    assert_false(sy_tensor_get_garbage_collect(x));
}

static void encode(world *w, sy_tensor *p, sy_worker *recipient, bool copy, syi_buffer *out)
{
    const sy_id id = sy_worker_get_id(recipient);
    syi_encoder encoder = {.hook = w->b->hook, .out = out, .recipient = &id, .copy = copy};
    syi_buffer_clear(out);
    assert_ok(syi_encode_node(&encoder, p->node, &w->b->err), &w->b->err);
}

/* Short for the worker it points to; whole, with the duty to delete, for others. */
static void test_bytes(void **state)
{
    world *w = *state;
    syi_buffer out;
    const sy_id seven = sy_id_from_int(7);
    sy_tensor *p = at(w, w->b->bob, 55);
    sy_tensor *grad = NULL;
    syi_pointer_of(p)->generation = 9;
    assert_ok(sy_tensor_set_id(p, &seven, &w->b->err), &w->b->err);
    sy_tensor_set_garbage_collect(p, true);
    syi_buffer_init(&out, w->b->context, 4096);
    encode(w, p, w->b->bob, false, &out);
    assert_int_equal(out.length, 7);
    assert_memory_equal(out.data, "\x92\x19\x94\xc0\x37\xc0\xc0", 7);
    for (int copy = 0; copy < 2; copy++) {
        encode(w, p, w->alice, copy != 0, &out);
        assert_memory_equal(out.data,
                            "\x92\x19\x99\x07\x37\x92\x05\x91\xc4\x03"
                            "bob\xc0\xc0",
                            15);
        assert_int_equal(out.data[15], copy ? 0xc2 : 0xc3);
        assert_memory_equal(out.data + 16, "\xc0\xc0\x09", 3);
        assert_int_equal(out.length, 19);
    }
    assert_ok(sy_tensor_attr(p, &grad, "grad", &w->b->err), &w->b->err);
    encode(w, sy_scope_adopt(w->s, grad), w->b->bob, false, &out);
    assert_memory_equal(out.data + 6,
                        "\x92\x05\x91\xc4\x04"
                        "grad",
                        9);
    sy_tensor_set_garbage_collect(p, false);
    syi_buffer_fini(&out);
}

/* The duty goes along to another worker, and stays when it came to the one that has the object. */
static void test_handing_over(void **state)
{
    world *w = *state;
    sy_tensor *p = at(w, w->b->bob, 55);
    const sy_id bob = sy_worker_get_id(w->b->bob);
    const sy_id alice = sy_worker_get_id(w->alice);
    sy_tensor_set_garbage_collect(p, true);
    syi_node_hand_over(p->node, &bob);
    assert_true(sy_tensor_get_garbage_collect(p));
    syi_node_hand_over(p->node, &alice);
    assert_false(sy_tensor_get_garbage_collect(p));
    sy_tensor *x = sy_scope_adopt(w->s, bare_number(w->b, 1));
    syi_node_hand_over(x->node, &alice); /* native: nothing to hand over */
}

static void test_attribute_paths(void **state)
{
    world *w = *state;
    char name[300];
    sy_tensor *p = at(w, w->b->bob, 55);
    sy_tensor *attribute = NULL;
    memset(name, 'a', sizeof name);
    name[255] = '\0';
    assert_ok(sy_tensor_attr(p, &attribute, name, &w->b->err), &w->b->err);
    sy_tensor *more = NULL;
    assert_bare_fails(w->b, sy_tensor_attr(attribute, &more, "a", &w->b->err), SY_EINVAL, "255");
    assert_null(more);
    sy_tensor_unref(attribute);
    name[255] = 'a';
    name[256] = '\0';
    assert_bare_fails(w->b, sy_tensor_attr(p, &attribute, name, &w->b->err), SY_EINVAL, "255");
    assert_null(attribute);
}

/* Results of operations that nobody waits for have their shape from the rule. */
static void test_shapes_of_pipelined_results(void **state)
{
    world *w = *state;
    const float values[] = {1, 2, 3, 4, 5, 6};
    const int64_t shape[] = {2, 3};
    sy_tensor *p = sent(w, 6, values, w->b->bob);
    sy_scope *s = sy_scope_begin(w->b->hook);
    sy_scope_set_pipelined(s, true);
    sy_tensor *m = sy_view(s, p, 2, shape);
    sy_tensor *product = sy_matmul(s, m, sy_t(s, m));
    sy_tensor *flags = sy_gt_scalar(s, product, 3);
    sy_tensor *joined = sy_cat(s, (sy_tensor *[]){product, flags}, 2, 1);
    const syi_pointer *pointers[] = {syi_pointer_of(m), syi_pointer_of(product),
                                     syi_pointer_of(flags), syi_pointer_of(joined)};
    static const int64_t expected[][2] = {{2, 3}, {2, 2}, {2, 2}, {2, 4}};
    for (int k = 0; k < 4; k++) {
        assert_int_equal(pointers[k]->ndim, 2);
        assert_memory_equal(pointers[k]->shape, expected[k], sizeof expected[k]);
    }
    assert_int_equal(pointers[2]->dtype, SY_DTYPE_BOOL);
    assert_int_equal(pointers[3]->dtype, SY_DTYPE_F32);
    (void)sy_scope_keep(s, joined);
    assert_ok(sy_scope_end(s, &w->b->err), &w->b->err);
    sy_tensor *got = NULL;
    assert_ok(sy_tensor_get(joined, &got, &w->b->err), &w->b->err);
    assert_int_equal(syi_array_numel(syi_node_array(got->node)), 8);
    assert_true(bare_value(got) == 14);
    sy_tensor_unref(got);
    sy_tensor_unref(joined);
    assert_int_equal(count(w), 1);
}

/* Sending, computing, getting, with each allocation refused in turn. Whatever failed, nothing is left at the
 * worker when the handles are gone, and the next run works. */
static sy_status round_trip(world *w, sy_tensor *x)
{
    sy_tensor *p = NULL;
    sy_tensor *sum = NULL;
    sy_tensor *got = NULL;
    sy_tensor *grad = NULL;
    size_t results = 0;
    sy_status status = sy_tensor_send(x, &p, w->b->bob, &w->b->err);
    if (status == SY_OK) {
        const sy_value args[] = {sy_value_tensor(p), sy_value_tensor(p)};
        status = sy_call(w->b->hook, "add", args, 2, NULL, 0, &sum, 1, &results, NULL, &w->b->err);
    }
    if (status == SY_OK) {
        status = sy_tensor_attr(p, &grad, "grad", &w->b->err);
    }
    if (status == SY_OK) {
        status = sy_tensor_get(sum, &got, &w->b->err);
    }
    if (status == SY_OK) {
        assert_true(bare_value(got) == 2);
    }
    sy_tensor_unref(grad);
    sy_tensor_unref(got);
    sy_tensor_unref(sum);
    sy_tensor_unref(p);
    return status;
}

static void test_out_of_memory(void **state)
{
    world *w = *state;
    float values[100] = {1};
    sy_tensor *x = sy_scope_adopt(w->s, bare_tensor(w->b, 100, values));
    assert_ok(round_trip(w, x), &w->b->err); /* links and messages are warm */
    assert_int_equal(count(w), 0);
    size_t refusals = 0;
    for (size_t nth = 1; nth < 200; nth++) {
        w->b->memory.refused = 0;
        w->b->memory.fail_at = w->b->memory.calls + nth;
        const sy_status status = round_trip(w, x);
        w->b->memory.fail_at = 0;
        if (w->b->memory.refused == 0) {
            assert_ok(status, &w->b->err);
            break;
        }
        refusals++;
        if (status == SY_ECLOSED) { /* it was bob's: he could not take the frame */
            assert_non_null(strstr(w->b->err.message, "bob"));
        } else if (status != SY_OK) { /* some refusals are got over */
            assert_status(status, SY_ENOMEM, &w->b->err);
        }
    }
    assert_in_range(refusals, 10, 198);
    assert_ok(round_trip(w, x), &w->b->err);
    /* What a client could not name any more goes with its session. */
    sy_worker_close(w->b->bob);
    (void)count(w);
    const size_t left = sy_worker_get_object_count(w->b->bob);
    assert_in_range(left, 0, refusals);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        pointer_test(test_text_and_identity),
        pointer_test(test_what_is_no_pointer),
        pointer_test(test_bytes),
        pointer_test(test_handing_over),
        pointer_test(test_attribute_paths),
        pointer_test(test_shapes_of_pipelined_results),
        pointer_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
