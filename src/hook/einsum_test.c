/* einsum_test.c - values, and what is refused with which sentence. Gradients: gradients_vectors_test.c. */
#include <string.h>

#include <csyft/operations.h>

#include "hook/dispatch.h"
#include "support/local_hook.h"

/* trace(A B) and A B A' by definition. */
static void test_values(void **state)
{
    local_hook *f = *state;
    sy_scope *s = sy_scope_begin(f->hook);
    const int64_t shape[] = {2, 2};
    sy_tensor *a = sy_view(
        s, sy_scope_adopt(s, local_hook_floats(f, 4, (const float[]){1, 2, 3, 4})), 2, shape);
    sy_tensor *b = sy_view(
        s, sy_scope_adopt(s, local_hook_floats(f, 4, (const float[]){5, 6, 7, 8})), 2, shape);
    const sy_value pair[] = {sy_value_tensor(a), sy_value_tensor(b)};
    const sy_value trace[] = {sy_value_string("ij,ji->"), sy_value_list(pair, 2)};
    assert_floats(sy_scope_call(s, "einsum", trace, 2), (const float[]){69}, 1);
    const sy_value three[] = {sy_value_tensor(a), sy_value_tensor(b), sy_value_tensor(a)};
    const sy_value chain[] = {sy_value_string("ij,jk,lk->il"), sy_value_list(three, 3)};
    assert_floats(sy_scope_call(s, "einsum", chain, 2), (const float[]){63, 145, 143, 329}, 4);
    assert_ok(sy_scope_end(s, &f->err), &f->err);
}

static void expect_refusal(local_hook *f, const char *equation, const char *sentence)
{
    sy_tensor *x = local_hook_floats(f, 2, (const float[]){1, 2});
    const sy_value items[] = {sy_value_tensor(x), sy_value_tensor(x)};
    const sy_value args[] = {sy_value_string(equation), sy_value_list(items, 2)};
    assert_true(sy_call(f->hook, "einsum", args, 2, NULL, 0, NULL, 0, NULL, NULL, &f->err) !=
                SY_OK);
    if (strcmp(f->err.message, sentence) != 0) {
        fail_msg("%s: \"%s\", expected \"%s\"", equation, f->err.message, sentence);
    }
    sy_tensor_unref(x);
}

static void test_refusals(void **state)
{
    local_hook *f = *state;
    expect_refusal(f, "i", "einsum: 2 operands, but \"i\" has 1 terms");
    expect_refusal(f, "i,j,k", "einsum: 2 operands, but \"i,j,k\" goes on with \",k\"");
    expect_refusal(f, "ij,j", "einsum: operand 0 is 2, but the equation has 2 labels for it");
    expect_refusal(f, "i,j->k", "einsum: label k of the result is in no operand");
    expect_refusal(f, "i,j->ii", "einsum: label i of the result occurs twice");
    expect_refusal(f, "i,1", "einsum: \"1\" is no label");
    expect_refusal(f, "......i,j", "einsum: a term has three dots twice");
    expect_refusal(f, "abcdefghij,j", "einsum: a term has more than 8 labels");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_values, local_hook_setup, local_hook_teardown),
        cmocka_unit_test_setup_teardown(test_refusals, local_hook_setup, local_hook_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
