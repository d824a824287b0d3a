/* vectors_test.c - encode, add, sub, mul, div, matmul, truncate, sum and mean of fixed precision against Python's
 * integers: tests/vectors/precision/fixed.txt. */
#include "support/fixed.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct line {
    char what[16];
    sy_precision_options options;
    char *operands[2];
    char *expected;
} line;

static bool parse(char *text, line *l)
{
    char *rest = NULL;
    char *words[8] = {NULL};
    int count = 0;
    for (char *word = strtok_r(text, " \n", &rest); word != NULL && count < 8;
         word = strtok_r(NULL, " \n", &rest)) {
        words[count++] = word;
    }
    if (count < 7) {
        return false;
    }
    *l = (line){.options = SY_PRECISION_OPTIONS_INIT};
    snprintf(l->what, sizeof l->what, "%s", words[0]);
    l->options.base = strtoll(words[1], NULL, 10);
    l->options.precision_fractional = strtoll(words[2], NULL, 10);
    l->options.field = strtoull(words[3], NULL, 10);
    l->options.dtype = l->options.field == 0                   ? SY_PRECISION_LONG
                       : l->options.field == UINT64_C(1) << 32 ? SY_PRECISION_INT
                                                               : SY_PRECISION_CUSTOM;
    l->operands[0] = words[4];
    l->operands[1] = count > 7 ? words[5] : NULL;
    l->expected = words[count - 1];
    return strcmp(words[count - 2], "=") == 0;
}

static size_t integers(const char *text, int64_t *values)
{
    size_t count = 0;
    char *end = NULL;
    for (; *text != '\0' && count < 8; text = *end == ',' ? end + 1 : end) {
        values[count++] = strtoll(text, &end, 10);
    }
    return count;
}

/* An operand with these integers as its child, as a row, or a matrix of so many columns. */
static sy_tensor *operand(sy_scope *s, const line *l, const char *text, int64_t columns)
{
    int64_t values[8] = {0};
    const int64_t count = (int64_t)integers(text, values);
    const int64_t shape[] = {columns > 0 ? count / columns : count, columns};
    sy_error err = SY_ERROR_INIT;
    sy_tensor *child = NULL, *fixed = NULL;
    assert_ok(sy_tensor_new(sy_scope_get_hook(s), &child, SY_DTYPE_I64, columns > 0 ? 2 : 1, shape,
                            values, &err),
              &err);
    child = sy_scope_adopt(s, child);
    if (l->options.dtype == SY_PRECISION_INT) {
        child = sy_to(s, child, SY_DTYPE_I32);
    }
    assert_ok(sy_tensor_on_fixed_precision(child, &fixed, &l->options, &err), &err);
    return sy_scope_adopt(s, fixed);
}

static sy_tensor *encoded(sy_scope *s, const line *l)
{
    float values[8];
    int64_t count = 0;
    char *end = NULL;
    for (const char *text = l->operands[0]; *text != '\0'; text = *end == ',' ? end + 1 : end) {
        values[count++] = strtof(text, &end);
    }
    sy_tensor *fixed = NULL;
    sy_error err = SY_ERROR_INIT;
    if (sy_tensor_fix_precision(fixed_row(s, count, values), &fixed, &l->options, &err) != SY_OK) {
        sy_scope_fail(s, &err);
    }
    return fixed != NULL ? sy_scope_adopt(s, fixed) : NULL;
}

static sy_tensor *run(sy_scope *s, const line *l)
{
    if (strcmp(l->what, "encode") == 0) {
        return encoded(s, l);
    }
    const bool matrix = strcmp(l->what, "matmul") == 0;
    sy_value args[2] = {sy_value_tensor(operand(s, l, l->operands[0], matrix ? 3 : 0))};
    if (l->operands[1] != NULL) {
        args[1] = sy_value_tensor(operand(s, l, l->operands[1], matrix ? 2 : 0));
    }
    return sy_scope_call(s, l->what, args, l->operands[1] != NULL ? 2 : 1);
}

static void test_vectors(void **state)
{
    local_hook *h = *state;
    FILE *file = fopen(CSYFT_TEST_SOURCE_DIR "/tests/vectors/precision/fixed.txt", "r");
    char text[1024];
    int number = 0, refused = 0;
    assert_non_null(file);
    while (fgets(text, sizeof text, file) != NULL) {
        line l;
        int64_t expected[8] = {0};
        number++;
        assert_true(parse(text, &l));
        sy_scope *s = sy_scope_begin(h->hook);
        sy_tensor *result = run(s, &l);
        if (strcmp(l.expected, "refused") == 0) {
            refused++;
            if (result != NULL) {
                fail_msg("line %d: %s must be refused", number, l.what);
            }
            s = assert_scope_fails(s, SY_ERANGE, "");
        } else {
            const size_t count = integers(l.expected, expected);
            if (result == NULL) {
                sy_error err = SY_ERROR_INIT;
                (void)sy_scope_end(s, &err);
                fail_msg("line %d: %s", number, err.message);
            }
            assert_holds(s, result, count, expected);
        }
        assert_ok(sy_scope_end(s, &h->err), &h->err);
    }
    (void)fclose(file);
    print_message("%d lines, %d refused\n", number, refused);
    assert_true(number > 700 && refused > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_vectors, local_hook_setup, local_hook_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
