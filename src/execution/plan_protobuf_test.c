/*
 * plan_protobuf_test.c - plans in the encoding of syft-proto: those that PySyft 0.2.9 recorded, in bytes that
 * python3-protobuf drew (tests/vectors/protobuf), are run here; csyft's own go there and come back.
 */
#include <stdio.h>
#include <string.h>

#include <csyft/protobuf.h>

#include "support/local_plans.h"

#define VECTORS CSYFT_TEST_SOURCE_DIR "/tests/vectors/protobuf/objects.txt"

typedef struct blob {
    uint8_t bytes[16384];
    size_t size;
} blob;

/* The protobuf of the line of that name. */
static void read_line(const char *name, blob *b)
{
    FILE *file = fopen(VECTORS, "r");
    char *line = NULL;
    size_t room = 0;
    assert_non_null(file);
    b->size = 0;
    while (getline(&line, &room, file) > 0 && b->size == 0) {
        char *rest = NULL;
        const char *direction = strtok_r(line, " \n", &rest);
        const char *found = strtok_r(NULL, " \n", &rest);
        if (strcmp(direction, "read") != 0 || strcmp(found, name) != 0) {
            continue;
        }
        (void)strtok_r(NULL, " \n", &rest); /* type */
        (void)strtok_r(NULL, " \n", &rest); /* MessagePack */
        for (const char *at = strtok_r(NULL, " \n", &rest); *at != '\0'; at += 2) {
            const char digits[3] = {at[0], at[1], '\0'};
            assert_true(b->size < sizeof b->bytes);
            b->bytes[b->size++] = (uint8_t)strtoul(digits, NULL, 16);
        }
    }
    free(line);
    fclose(file);
    assert_true(b->size > 0);
}

static sy_plan *captured(local_hook *local, const char *name, blob *b)
{
    sy_plan *plan = NULL;
    read_line(name, b);
    assert_ok(sy_plan_unbufferize(local->hook, &plan, b->bytes, b->size, &local->err), &local->err);
    return plan;
}

/* Another plan of the same bytes. State that came as a stream of torch.save goes as TensorData; all else is kept. */
static sy_plan *again(local_hook *local, sy_plan *plan, const blob *came)
{
    void *bytes = NULL, *same = NULL;
    size_t size = 0, same_size = 0;
    sy_plan *back = NULL;
    assert_ok(sy_plan_bufferize(plan, &bytes, &size, &local->err), &local->err);
    assert_true(size < came->size && size > came->size / 3);
    assert_ok(sy_plan_unbufferize(local->hook, &back, bytes, size, &local->err), &local->err);
    assert_ok(sy_plan_bufferize(back, &same, &same_size, &local->err), &local->err);
    assert_int_equal(size, same_size);
    assert_memory_equal(bytes, same, size);
    sy_bytes_free(local->hook, bytes, size);
    sy_bytes_free(local->hook, same, same_size);
    sy_plan_unref(plan);
    return back;
}

/* TorchScript, the other framework's role and all ids are in them. */
static void assert_same_bytes(local_hook *local, sy_plan *plan, const blob *b)
{
    void *bytes = NULL;
    size_t size = 0;
    assert_ok(sy_plan_bufferize(plan, &bytes, &size, &local->err), &local->err);
    assert_int_equal(size, b->size);
    assert_memory_equal(bytes, b->bytes, size);
    sy_bytes_free(local->hook, bytes, size);
}

static void test_captured_plan(void **state)
{
    local_hook *local = *state;
    blob b;
    sy_plan *plan = captured(local, "plan-again", &b);
    assert_string_equal(sy_plan_get_name(plan), "myplan");
    assert_int_equal(sy_plan_get_id(plan).number, 51549143307);
    EXPECT(RUN(plan, FLOATS(1, 2, 3)), 3, 5, 7); /* 2x + 1 */
    assert_same_bytes(local, plan, &b);
    sy_plan_unref(plan);
}

static void test_captured_state(void **state)
{
    local_hook *local = *state;
    blob b;
    sy_plan *plan = captured(local, "plan_with_state-again", &b);
    float held[3];
    assert_int_equal(sy_plan_get_state_count(plan), 1);
    assert_ok(sy_tensor_copy_data(sy_plan_get_state(plan, 0), held, sizeof held, &local->err),
              &local->err);
    EXPECT(RUN(plan, FLOATS(2, -3, 0.5)), held[0] * 2, held[1] * -3, held[2] * 0.5f);
    plan = again(local, plan, &b);
    EXPECT(RUN(plan, FLOATS(2, -3, 0.5)), held[0] * 2, held[1] * -3, held[2] * 0.5f);
    sy_plan_unref(plan);
}

static void test_captured_module(void **state)
{
    local_hook *local = *state;
    blob b;
    sy_plan *plan = again(local, captured(local, "plan_module-again", &b), &b);
    sy_tensor *w[4];
    float wanted[3];
    assert_int_equal(sy_plan_get_state_count(plan), 4);
    sy_tensor *x = counting_matrix(local, 3, 2), *result = NULL;
    const sy_value arg = sy_value_tensor(x);
    assert_ok(sy_plan_run(plan, &arg, 1, NULL, &result, 1, NULL, &local->err), &local->err);
    for (size_t k = 0; k < 4; k++) {
        w[k] = sy_plan_get_state(plan, k);
        assert_true(sy_tensor_get_requires_grad(w[k])); /* Parameters */
    }
    sy_scope *s = sy_scope_begin(local->hook);
    sy_tensor *expected = sy_linear(s, sy_relu(s, sy_linear(s, x, w[0], w[1])), w[2], w[3]);
    assert_non_null(expected);
    assert_ok(sy_tensor_copy_data(expected, wanted, sizeof wanted, &local->err), &local->err);
    assert_floats(result, wanted, 3);
    assert_ok(sy_scope_end(s, &local->err), &local->err);
    sy_tensor_unref(result);
    sy_tensor_unref(x);
    sy_plan_unref(plan);
}

static void test_own_plan(void **state)
{
    local_hook *local = *state;
    void *bytes = NULL, *same = NULL;
    size_t size = 0, same_size = 0;
    sy_tensor *bias = FLOATS(1);
    sy_plan *plan = new_plan(local, "biased", plan_biased, NULL, &bias, 1), *back = NULL;
    build_plan(local, plan, &plan_vector, 1);
    assert_ok(sy_plan_tag(plan, "#first", &local->err), &local->err);
    assert_ok(sy_plan_describe(plan, "2x + b", &local->err), &local->err);
    const sy_id id = sy_plan_get_id(plan);
    assert_ok(sy_plan_bufferize(plan, &bytes, &size, &local->err), &local->err);
    assert_ok(sy_plan_unbufferize(local->hook, &back, bytes, size, &local->err), &local->err);
    /* As one of the formats, which the bytes tell. */
    assert_ok(sy_plan_serialize(plan, SY_PLAN_PROTOBUF, &same, &same_size, &local->err),
              &local->err);
    assert_int_equal(same_size, size);
    assert_memory_equal(same, bytes, size);
    sy_bytes_free(local->hook, bytes, size);
    sy_plan_unref(plan);
    assert_ok(sy_plan_deserialize(local->hook, &plan, same, size, &local->err), &local->err);
    sy_bytes_free(local->hook, same, size);
    EXPECT(RUN(plan, FLOATS(5)), 11);
    sy_plan_unref(plan);
    assert_int_equal(sy_plan_get_id(back).number, id.number);
    assert_string_equal(sy_plan_get_name(back), "biased");
    assert_string_equal(sy_plan_get_tag(back, 0), "#first");
    assert_string_equal(sy_plan_get_description(back), "2x + b");
    EXPECT(RUN(back, FLOATS(5)), 11);
    EXPECT(RUN(back, FLOATS(1, 2, 3)), 3, 5, 7);
    sy_plan_unref(back);
    sy_tensor_unref(bias);
}

static const uint8_t *last(const uint8_t *bytes, size_t size, const float *value, unsigned *count)
{
    const uint8_t *found = NULL;
    *count = 0;
    for (size_t k = 0; k + sizeof *value <= size; k++) {
        if (memcmp(bytes + k, value, sizeof *value) == 0) {
            found = bytes + k;
            ++*count;
        }
    }
    return found;
}

/* A plan has its state twice: in its role, and in the roles by framework. Both copies are kept as one, unless they differ. */
static void test_state_of_roles(void **state)
{
    local_hook *local = *state;
    const float held = 1.2345f, other = 5.4321f;
    sy_tensor *bias = local_hook_floats(local, 1, &held);
    sy_plan *plan = new_plan(local, "biased", plan_biased, NULL, &bias, 1), *back = NULL;
    void *bytes = NULL, *again = NULL;
    size_t size = 0, again_size = 0;
    unsigned count = 0;
    build_plan(local, plan, &plan_vector, 1);
    assert_ok(sy_plan_bufferize(plan, &bytes, &size, &local->err), &local->err);
    uint8_t *copy = (uint8_t *)(uintptr_t)last(bytes, size, &held, &count);
    assert_int_equal(count, 2);
    for (int turn = 0; turn < 2; turn++) {
        assert_ok(sy_plan_unbufferize(local->hook, &back, bytes, size, &local->err), &local->err);
        EXPECT(RUN(back, FLOATS(0)), held);
        assert_ok(sy_plan_bufferize(back, &again, &again_size, &local->err), &local->err);
        assert_int_equal(again_size, size);
        assert_memory_equal(again, bytes, size);
        sy_bytes_free(local->hook, again, again_size);
        sy_plan_unref(back);
        memcpy(copy, &other, sizeof other); /* in the roles only */
    }
    sy_bytes_free(local->hook, bytes, size);
    sy_plan_unref(plan);
    sy_tensor_unref(bias);
}

static void test_refusals(void **state)
{
    local_hook *local = *state;
    void *bytes = NULL;
    size_t size = 0;
    sy_plan *plan = NULL;
    blob b;
    assert_status(sy_plan_bufferize(NULL, &bytes, &size, &local->err), SY_EINVAL, &local->err);
    plan = new_plan(local, "absolute", plan_absolute, NULL, NULL, 0); /* not built */
    assert_true(sy_plan_bufferize(plan, &bytes, &size, &local->err) != SY_OK);
    assert_null(bytes);
    sy_plan_unref(plan);
    assert_status(sy_plan_unbufferize(local->hook, &plan, "", 0, &local->err), SY_EFORMAT,
                  &local->err); /* without an id */
    assert_null(plan);
    read_line("plan-again", &b);
    for (size_t cut = 0; cut < b.size; cut += 7) {
        if (sy_plan_unbufferize(local->hook, &plan, b.bytes, cut, &local->err) == SY_OK) {
            sy_plan_unref(plan);
        } else {
            assert_null(plan);
            assert_true(local->err.message[0] != '\0');
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOCAL_HOOK_TEST(test_captured_plan),   LOCAL_HOOK_TEST(test_captured_state),
        LOCAL_HOOK_TEST(test_captured_module), LOCAL_HOOK_TEST(test_own_plan),
        LOCAL_HOOK_TEST(test_state_of_roles),  LOCAL_HOOK_TEST(test_refusals),
    };
    if (sy_protobuf_get_type(0) == NULL) {
        return 0; /* built without protobuf-c; interpreters/protobuf sees what is said then */
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
