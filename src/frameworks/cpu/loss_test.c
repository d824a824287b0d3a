/* loss_test.c - targets out of range, and losses of nothing; the rest is in vectors_test.c. */
#include "support/native_call.h"

static void names_the_target_out_of_range(void **state)
{
    const native *n = *state;
    syi_array scores = native_zeros(n, SY_DTYPE_F32, NATIVE_SHAPE(3, 4));
    syi_array target = NATIVE_VECTOR(n, SY_DTYPE_I64, 0, 4, 1);
    const sy_value args[3] = {native_value(&scores), native_value(&target),
                              sy_value_string("mean")};
    syi_array outs[SYI_OUTPUT_MAX];
    int count = 0;
    sy_error err = SY_ERROR_INIT;
    assert_status(native_try(n, SYI_OP_nll_loss, args, outs, &count, NULL, &err), SY_ERANGE, &err);
    assert_string_equal(err.message, "nll_loss: target 1 is class 4 of 4 classes");
    syi_array_set_int(&target, 1, -100); /* torch's value for "ignore" is no class either */
    assert_status(native_try(n, SYI_OP_nll_loss, args, outs, &count, NULL, &err), SY_ERANGE, &err);
    syi_array gradient = native_zeros(n, SY_DTYPE_F32, 0, NULL);
    const sy_value back[4] = {native_value(&gradient), args[0], args[1], args[2]};
    assert_status(native_try(n, SYI_OP_nll_loss_backward, back, outs, &count, NULL, &err),
                  SY_ERANGE, &err);
    syi_array_fini(&gradient);
    syi_array_fini(&target);
    syi_array_fini(&scores);
}

static void losses_of_nothing(void **state)
{
    const native *n = *state;
    syi_array scores = native_zeros(n, SY_DTYPE_F32, NATIVE_SHAPE(0, 4));
    syi_array target = native_zeros(n, SY_DTYPE_I64, NATIVE_SHAPE(0));
    sy_value args[3] = {native_value(&scores), native_value(&target), sy_value_string("mean")};
    NATIVE_ASSERT_VALUES(native_call(n, SYI_OP_nll_loss, args), NAN);
    args[2] = sy_value_string("sum");
    NATIVE_ASSERT_VALUES(native_call(n, SYI_OP_nll_loss, args), 0);
    const sy_value squares[3] = {native_value(&scores), native_value(&scores),
                                 sy_value_string("mean")};
    NATIVE_ASSERT_VALUES(native_call(n, SYI_OP_mse_loss, squares), NAN);
    syi_array_fini(&target);
    syi_array_fini(&scores);
}

/* nll_loss(log_softmax(x)) falls along its own gradient by the amount that it promises. */
static void gradient_is_the_slope(void **state)
{
    const native *n = *state;
    property_random random = property_start("gradient_is_the_slope");
    syi_array scores =
        native_scatter(n, &random, native_random(n, &random, SY_DTYPE_F64, NATIVE_SHAPE(6, 5)));
    syi_array target = NATIVE_VECTOR(n, SY_DTYPE_I64, 4, 0, 2, 2, 1, 3);
    static const char *const reductions[] = {"mean", "sum"};
    for (int k = 0; k < 2; k++) {
        const sy_value args[3] = {native_value(&scores), native_value(&target),
                                  sy_value_string(reductions[k])};
        syi_array one = native_from(n, SY_DTYPE_F64, 0, NULL, (double[]){1});
        const sy_value back[4] = {native_value(&one), args[0], args[1], args[2]};
        syi_array slope = native_call(n, SYI_OP_nll_loss_backward, back);
        for (int64_t i = 0; i < 30; i++) {
            const double before = syi_array_get_double(&scores, i);
            syi_array low = native_call(n, SYI_OP_nll_loss, args);
            syi_array_set_double(&scores, i, before + 0.5);
            syi_array high = native_call(n, SYI_OP_nll_loss, args);
            syi_array_set_double(&scores, i, before);
            const double rise = syi_array_get_double(&high, 0) - syi_array_get_double(&low, 0);
            assert_true(fabs(rise - 0.5 * syi_array_get_double(&slope, i)) < 1e-12);
            syi_array_fini(&low);
            syi_array_fini(&high);
        }
        syi_array_fini(&slope);
        syi_array_fini(&one);
    }
    syi_array_fini(&target);
    syi_array_fini(&scores);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_the_target_out_of_range),
        cmocka_unit_test(losses_of_nothing),
        cmocka_unit_test(gradient_is_the_slope),
    };
    return cmocka_run_group_tests(tests, native_setup, native_teardown);
}
