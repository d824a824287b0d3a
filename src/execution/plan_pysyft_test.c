/* plan_pysyft_test.c - plans that PySyft 0.2.9 recorded are run here; csyft's own go to its formats and come back. */
#include <stdio.h>
#include <string.h>

#include <csyft/worker.h>

#include "support/local_plans.h"

#define OBJECTS CSYFT_TEST_SOURCE_DIR "/tests/vectors/pysyft-0.2.9/objects/"

typedef struct blob {
    uint8_t bytes[8192];
    size_t size;
} blob;

static unsigned nibble(char c)
{
    return c >= 'a' ? (unsigned)(c - 'a') + 10 : (unsigned)(c - '0');
}

/* What syft.serde.serialize gave: the file's "hex". */
static void read_captured(const char *name, blob *b)
{
    static char json[65536];
    FILE *file = fopen(name, "r");
    assert_non_null(file);
    json[fread(json, 1, sizeof json - 1, file)] = '\0';
    fclose(file);
    const char *at = strstr(json, "\"hex\": \"");
    assert_non_null(at);
    b->size = 0;
    for (at += 8; at[0] != '"'; at += 2) {
        assert_true(b->size < sizeof b->bytes);
        b->bytes[b->size++] = (uint8_t)(nibble(at[0]) << 4 | nibble(at[1]));
    }
}

static sy_plan *captured(local_hook *local, const char *name)
{
    blob b;
    sy_plan *plan = NULL;
    read_captured(name, &b);
    assert_ok(sy_plan_deserialize(local->hook, &plan, b.bytes, b.size, &local->err), &local->err);
    return plan;
}

static void assert_code(local_hook *local, sy_plan *plan, const char *expected)
{
    char *code = NULL;
    assert_ok(sy_plan_get_code(plan, &code, &local->err), &local->err);
    assert_string_equal(code, expected);
    sy_string_free(local->hook, code);
}

static void test_captured_plan(void **state)
{
    local_hook *local = *state;
    sy_plan *plan = captured(local, OBJECTS "plan.json");
    assert_string_equal(sy_plan_get_name(plan), "myplan");
    assert_int_equal(sy_plan_get_id(plan).number, 51549143307);
    assert_true(sy_plan_is_built(plan));
    assert_code(local, plan,
                "def myplan(arg_1):\n    var_0 = arg_1.mul(2)\n    out_1 = var_0.add(1)\n"
                "    return out_1");
    EXPECT(RUN(plan, FLOATS(1, 2, 3)), 3, 5, 7);
    EXPECT(RUN(plan, FLOATS(-0.5)), 0); /* 0.2.9 does not ask for the shape of the build either */
    sy_plan_unref(plan);
}

static void test_captured_state(void **state)
{
    local_hook *local = *state;
    sy_plan *plan = captured(local, OBJECTS "plan_with_state.json");
    float held[3], expected[3];
    assert_int_equal(sy_plan_get_state_count(plan), 1);
    assert_true(sy_plan_get_include_state(plan));
    assert_ok(sy_tensor_copy_data(sy_plan_get_state(plan, 0), held, sizeof held, &local->err),
              &local->err);
    sy_tensor *result = RUN(plan, FLOATS(2, -3, 0.5));
    for (int k = 0; k < 3; k++) {
        expected[k] = held[k] * (float[]){2, -3, 0.5}[k];
    }
    assert_floats(result, expected, 3);
    sy_tensor_unref(result);
    sy_plan_unref(plan);
}

/* linear(relu(linear(x))) with its four parameters, computed once more here. */
static void test_captured_module(void **state)
{
    local_hook *local = *state;
    sy_plan *plan = captured(local, OBJECTS "plan_module.json");
    assert_int_equal(sy_plan_get_state_count(plan), 4);
    for (int64_t rows = 1; rows <= 3; rows += 2) {
        sy_tensor *x = counting_matrix(local, rows, 2);
        const sy_value arg = sy_value_tensor(x);
        sy_tensor *result = NULL, *w[4];
        float wanted[3];
        assert_ok(sy_plan_run(plan, &arg, 1, NULL, &result, 1, NULL, &local->err), &local->err);
        for (size_t k = 0; k < 4; k++) {
            w[k] = sy_plan_get_state(plan, k);
            assert_true(sy_tensor_get_requires_grad(w[k]));
        }
        assert_true(sy_tensor_get_requires_grad(result));
        sy_scope *s = sy_scope_begin(local->hook);
        sy_tensor *expected = sy_linear(s, sy_relu(s, sy_linear(s, x, w[0], w[1])), w[2], w[3]);
        assert_non_null(expected);
        assert_ok(sy_tensor_copy_data(expected, wanted, (size_t)rows * sizeof *wanted, &local->err),
                  &local->err);
        assert_floats(result, wanted, (size_t)rows);
        assert_ok(sy_scope_end(s, &local->err), &local->err);
        sy_tensor_unref(result);
        sy_tensor_unref(x);
    }
    sy_plan_unref(plan);
}

/* The state as it is now, everything else as it came: TorchScript, the other framework's role, ids. */
static void test_state_goes_back(void **state)
{
    local_hook *local = *state;
    sy_plan *plan = captured(local, OBJECTS "plan_with_state.json"), *again = NULL;
    void *before = NULL, *after = NULL;
    size_t before_size = 0, after_size = 0;
    sy_tensor *held = sy_plan_get_state(plan, 0);
    assert_ok(sy_plan_serialize(plan, SY_PLAN_PYSYFT_0_2_9, &before, &before_size, &local->err),
              &local->err);
    const sy_value fill[] = {sy_value_tensor(held), sy_value_float(4)};
    assert_ok(sy_call(local->hook, "fill_", fill, 2, NULL, 0, NULL, 0, NULL, NULL, &local->err),
              &local->err);
    assert_ok(sy_plan_serialize(plan, SY_PLAN_PYSYFT_0_2_9, &after, &after_size, &local->err),
              &local->err);
    assert_ok(sy_plan_deserialize(local->hook, &again, after, after_size, &local->err),
              &local->err);
    EXPECT(RUN(again, FLOATS(1, 2, 3)), 4, 8, 12);
    assert_true(before_size > 1800); /* TorchScript is most of it */
    sy_bytes_free(local->hook, before, before_size);
    sy_bytes_free(local->hook, after, after_size);
    sy_plan_unref(again);
    sy_plan_unref(plan);
}

/* In a format and back; takes the plan. */
static sy_plan *through(local_hook *local, sy_plan *plan, sy_plan_format format)
{
    void *bytes = NULL;
    size_t size = 0;
    sy_plan *back = NULL;
    assert_ok(sy_plan_serialize(plan, format, &bytes, &size, &local->err), &local->err);
    assert_ok(sy_plan_deserialize(local->hook, &back, bytes, size, &local->err), &local->err);
    sy_bytes_free(local->hook, bytes, size);
    sy_plan_unref(plan);
    return back;
}

static void test_every_format(void **state)
{
    local_hook *local = *state;
    static const sy_plan_format formats[] = {SY_PLAN_PYSYFT_0_2_9, SY_PLAN_PYSYFT_0_2_4,
                                             SY_PLAN_CSYFT, SY_PLAN_PYSYFT_0_2_4,
                                             SY_PLAN_PYSYFT_0_2_9};
    sy_tensor *bias = FLOATS(1);
    sy_plan *plan = new_plan(local, "biased", plan_biased, NULL, &bias, 1);
    build_plan(local, plan, &plan_vector, 1);
    assert_ok(sy_plan_tag(plan, "#first", &local->err), &local->err);
    assert_ok(sy_plan_describe(plan, "2x + b", &local->err), &local->err);
    const sy_id id = sy_plan_get_id(plan);
    for (size_t k = 0; k < sizeof formats / sizeof *formats; k++) {
        plan = through(local, plan, formats[k]);
        const sy_id kept = sy_plan_get_id(plan);
        assert_int_equal(kept.number, id.number);
        assert_string_equal(sy_plan_get_name(plan), "biased");
        assert_string_equal(sy_plan_get_tag(plan, 0), "#first");
        assert_string_equal(sy_plan_get_description(plan), "2x + b");
        EXPECT(RUN(plan, FLOATS(5)), 11);
        EXPECT(RUN(plan, FLOATS(1, 2, 3)), 3, 5, 7);
    }
    sy_plan_unref(plan);
    sy_tensor_unref(bias);
}

static void assert_no_form(local_hook *local, sy_plan *plan, const char *sentence)
{
    void *bytes = NULL;
    size_t size = 0;
    assert_status(sy_plan_serialize(plan, SY_PLAN_PYSYFT_0_2_9, &bytes, &size, &local->err),
                  SY_ENOTSUP, &local->err);
    assert_string_equal(local->err.message, sentence);
    assert_null(bytes);
    sy_plan_unref(plan);
}

/* State whose ids are those that placeholders would get first, or that leave none. */
static void test_ids_of_state(void **state)
{
    local_hook *local = *state;
    static const int64_t ids[] = {1, 2, 5, INT64_MAX - 100, -3};
    for (size_t k = 0; k < sizeof ids / sizeof *ids; k++) {
        const sy_id id = sy_id_from_int(ids[k]);
        sy_tensor *bias = FLOATS(1);
        assert_ok(sy_tensor_set_id(bias, &id, &local->err), &local->err);
        sy_plan *plan = new_plan(local, "biased", plan_biased, NULL, &bias, 1);
        build_plan(local, plan, &plan_vector, 1);
        plan = through(local, plan, SY_PLAN_PYSYFT_0_2_9);
        plan = through(local, plan, SY_PLAN_PYSYFT_0_2_4);
        EXPECT(RUN(plan, FLOATS(5)), 11);
        const sy_id kept = sy_tensor_get_id(sy_plan_get_state(plan, 0));
        assert_true(kept.number == ids[k]);
        sy_plan_unref(plan);
        sy_tensor_unref(bias);
    }
    sy_tensor *pair[] = {FLOATS(1), FLOATS(2)};
    const sy_id low = sy_id_from_int(1), high = sy_id_from_int(INT64_MAX);
    assert_ok(sy_tensor_set_id(pair[0], &low, &local->err), &local->err);
    assert_ok(sy_tensor_set_id(pair[1], &high, &local->err), &local->err);
    sy_plan *plan = new_plan(local, "biased", plan_biased, NULL, pair, 2);
    build_plan(local, plan, &plan_vector, 1);
    assert_no_form(local, plan, "plan biased: ids of its state leave none for placeholders");
    sy_tensor_unref(pair[0]);
    sy_tensor_unref(pair[1]);
}

/* Eleven arguments, the second not used, several and nested results, one of them an argument. */
static sy_status many(sy_plan_frame *f, sy_scope *s, void *user, sy_error *err)
{
    (void)user;
    sy_tensor *first = sy_plan_frame_argument(f, 0), *last = sy_plan_frame_argument(f, 10);
    const sy_value inner[] = {sy_value_tensor(sy_sub(s, first, last)), sy_value_tensor(last)};
    const sy_value all[] = {sy_value_tensor(sy_neg(s, first)), sy_value_list(inner, 2)};
    return sy_plan_frame_return_values(f, all, 2, err);
}

static void test_many_arguments(void **state)
{
    local_hook *local = *state;
    for (int format = SY_PLAN_PYSYFT_0_2_9; format <= SY_PLAN_PYSYFT_0_2_4; format++) {
        sy_plan_shape shapes[11];
        sy_value values[11];
        sy_tensor *results[3];
        size_t count = 0;
        for (int k = 0; k < 11; k++) {
            shapes[k] = plan_vector;
            values[k] = sy_value_tensor(FLOATS((float)(k + 1)));
        }
        sy_plan *plan = new_plan(local, "many", many, NULL, NULL, 0);
        build_plan(local, plan, shapes, 11);
        plan = through(local, plan, (sy_plan_format)format);
        assert_int_equal(sy_plan_get_argument_count(plan), 11);
        assert_ok(sy_plan_run(plan, values, 11, NULL, results, 3, &count, &local->err),
                  &local->err);
        assert_int_equal(count, 3);
        EXPECT(results[0], -1);
        EXPECT(results[1], -10);
        EXPECT(results[2], 11);
        for (int k = 0; k < 11; k++) {
            sy_tensor_unref(values[k].as.tensor);
        }
        sy_plan_unref(plan);
    }
}

/* An update in place is a result of its own there. */
static sy_status accumulate(sy_plan_frame *f, sy_scope *s, void *user, sy_error *err)
{
    (void)user;
    sy_tensor *sum = sy_add_(s, sy_plan_frame_state(f, 0), sy_plan_frame_argument(f, 0));
    return sy_plan_frame_return(f, sy_mul_scalar(s, sum, 2), err);
}

static void test_in_place(void **state)
{
    local_hook *local = *state;
    for (int format = SY_PLAN_PYSYFT_0_2_9; format <= SY_PLAN_PYSYFT_0_2_4; format++) {
        sy_tensor *sum = FLOATS(0);
        sy_plan *plan = new_plan(local, "accumulate", accumulate, NULL, &sum, 1);
        build_plan(local, plan, &(sy_plan_shape){SY_DTYPE_F32, 1, {1}}, 1);
        plan = through(local, plan, (sy_plan_format)format);
        EXPECT(RUN(plan, FLOATS(3)), 6);
        EXPECT(RUN(plan, FLOATS(4)), 14);
        EXPECT(sy_tensor_ref(sy_plan_get_state(plan, 0)), 7);
        sy_plan_unref(plan);
        sy_tensor_unref(sum);
    }
}

static sy_status momentum(sy_plan_frame *f, sy_scope *s, void *user, sy_error *err)
{
    (void)user;
    const sy_value args[] = {sy_value_tensor(sy_plan_frame_argument(f, 0)),
                             sy_value_tensor(sy_plan_frame_argument(f, 1)), sy_value_float(0.1)};
    return sy_plan_frame_return(f, sy_scope_call(s, "sgd_", args, 3), err);
}

static void test_no_form_there(void **state)
{
    local_hook *local = *state;
    const sy_plan_shape pair[] = {{SY_DTYPE_F32, 2, {2, 3}}, {SY_DTYPE_F32, 2, {2, 1}}};
    double rate = 0.1;
    sy_tensor *w = counting_matrix(local, 3, 1);
    assert_ok(sy_tensor_set_requires_grad(w, true, &local->err), &local->err);
    sy_plan *plan = new_plan(local, "step", plan_train_step, &rate, &w, 1);
    build_plan(local, plan, pair, 2);
    assert_no_form(local, plan,
                   "plan step: PySyft has no form for step 4 ($grad): gradients are asked for");
    plan = new_plan(local, "update", momentum, NULL, NULL, 0);
    build_plan(local, plan, (sy_plan_shape[]){plan_vector, plan_vector}, 2);
    assert_no_form(local, plan,
                   "plan update: PySyft has no form for step 1 (sgd_): PyTorch has no such "
                   "operation");
    plan = new_plan(local, "rows", plan_row_sums, NULL, NULL, 0);
    build_plan(local, plan, &(sy_plan_shape){SY_DTYPE_F32, 2, {-1, 4}}, 1);
    assert_no_form(local, plan,
                   "plan rows: PySyft has no form for step 1 (size): it gives a number");
    plan = new_plan(local, "early", plan_absolute, NULL, NULL, 0);
    assert_no_form(local, plan,
                   "plan early: A Plan needs to be built before being serialized for PySyft");
    sy_tensor_unref(w);
}

/* Every beginning of it, and every byte of it changed, is refused or is another plan; nothing is left either way. */
static void test_broken(void **state)
{
    local_hook *local = *state;
    sy_tensor *bias = FLOATS(1);
    sy_plan *plan = new_plan(local, "biased", plan_biased, NULL, &bias, 1);
    build_plan(local, plan, &plan_vector, 1);
    for (int format = SY_PLAN_PYSYFT_0_2_9; format <= SY_PLAN_PYSYFT_0_2_4; format++) {
        void *bytes = NULL;
        size_t size = 0;
        uint8_t changed[4096];
        assert_ok(sy_plan_serialize(plan, (sy_plan_format)format, &bytes, &size, &local->err),
                  &local->err);
        assert_true(size <= sizeof changed);
        memcpy(changed, bytes, size);
        for (size_t k = 0; k < size; k++) {
            sy_plan *other = NULL;
            assert_true(sy_plan_deserialize(local->hook, &other, bytes, k, &local->err) != SY_OK);
            assert_null(other);
            changed[k] ^= (uint8_t)(1u << k % 8);
            if (sy_plan_deserialize(local->hook, &other, changed, size, &local->err) == SY_OK) {
                sy_plan_unref(other);
            }
            changed[k] ^= (uint8_t)(1u << k % 8);
        }
        sy_bytes_free(local->hook, bytes, size);
    }
    sy_plan_unref(plan);
    sy_tensor_unref(bias);
}

static void test_no_plan(void **state)
{
    local_hook *local = *state;
    blob b;
    sy_plan *plan = NULL;
    read_captured(OBJECTS "tensor_float32.json", &b);
    assert_status(sy_plan_deserialize(local->hook, &plan, b.bytes, b.size, &local->err), SY_EFORMAT,
                  &local->err);
    assert_string_equal(local->err.message, "message: type code 14 where a plan is expected");
    read_captured(OBJECTS "protocol.json", &b);
    assert_status(sy_plan_deserialize(local->hook, &plan, b.bytes, b.size, &local->err), SY_EFORMAT,
                  &local->err);
}

/* Without memory at any one place nothing is left. */
static void test_memory(void **state)
{
    local_hook *local = *state;
    blob b;
    read_captured(OBJECTS "plan_module.json", &b);
    for (size_t at = 1;; at++) {
        sy_plan *plan = NULL;
        void *bytes = NULL;
        size_t size = 0;
        local->memory.calls = 0;
        local->memory.fail_at = at;
        sy_status status = sy_plan_deserialize(local->hook, &plan, b.bytes, b.size, &local->err);
        status = status == SY_OK
                     ? sy_plan_serialize(plan, SY_PLAN_PYSYFT_0_2_4, &bytes, &size, &local->err)
                     : status;
        local->memory.fail_at = 0;
        sy_bytes_free(local->hook, bytes, size);
        sy_plan_unref(plan);
        if (status == SY_OK) {
            assert_true(at > 20);
            return;
        }
        assert_int_equal(status, SY_ENOMEM);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOCAL_HOOK_TEST(test_captured_plan),   LOCAL_HOOK_TEST(test_captured_state),
        LOCAL_HOOK_TEST(test_captured_module), LOCAL_HOOK_TEST(test_state_goes_back),
        LOCAL_HOOK_TEST(test_every_format),    LOCAL_HOOK_TEST(test_ids_of_state),
        LOCAL_HOOK_TEST(test_many_arguments),  LOCAL_HOOK_TEST(test_in_place),
        LOCAL_HOOK_TEST(test_no_form_there),   LOCAL_HOOK_TEST(test_broken),
        LOCAL_HOOK_TEST(test_no_plan),         LOCAL_HOOK_TEST(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
