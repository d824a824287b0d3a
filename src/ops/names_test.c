/* names_test.c - every form in which an operation may be written, and those that are no operation. */
#include "ops/names.h"

#include <stdio.h>
#include <string.h>

#include "support/test.h"

static syi_names names;

static void assert_finds(const char *name, const char *expected, bool expected_inplace)
{
    const syi_op *op = NULL;
    bool inplace = !expected_inplace;
    if (!syi_names_find(&names, name, strlen(name), &op, &inplace)) {
        print_error("%s is not found\n", name);
        fail();
    }
    assert_string_equal(op->name, expected);
    assert_int_equal(inplace, expected_inplace);
}

static void assert_unknown(const char *name)
{
    const syi_op *op = NULL;
    bool inplace = false;
    if (syi_names_find(&names, name, strlen(name), &op, &inplace)) {
        print_error("%s is found as %s\n", name, op->name);
        fail();
    }
    assert_null(op);
}

static void test_forms(void **state)
{
    (void)state;
    static const struct {
        const char *name, *row;
        bool inplace;
    } cases[] = {
        {"add", "add", false},
        {"add_", "add", true},
        {"__add__", "add", false},
        {"__radd__", "add", false},
        {"__iadd__", "add", true},
        {"torch.add", "add", false},
        {"torch.add_", "add", true},
        {"torch.functional.matmul", "matmul", false},
        {"torch.nn.functional.relu", "relu", false},
        {"torch.nn.functional.relu_", "relu", true},
        {"__matmul__", "matmul", false},
        {"__truediv__", "div", false},
        {"__itruediv__", "div", true},
        {"true_divide", "div", false},
        {"divide_", "div", true},
        {"__rmul__", "mul", false},
        {"multiply_", "mul", true},
        {"__rsub__", "rsub", false},
        {"__neg__", "neg", false},
        {"__eq__", "eq", false},
        {"__getitem__", "index", false},
        {"__bool__", "item", false},
        {"tolist", "item", false},
        {"copy_", "copy_", true},
        {"torch.zero_", "zero_", true},
        {"index_add_", "index_add", true},
        {"contiguous", "clone", false},
        {"concat", "cat", false},
        {"ndimension", "dim", false},
        {"_softmax_backward_data", "_softmax_backward_data", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_finds(cases[i].name, cases[i].row, cases[i].inplace);
    }
}

static void test_unknown(void **state)
{
    (void)state;
    static const char *const unknown[] = {
        "",
        "_",
        "__",
        "____",
        "_____",
        "__i__",
        "Add",
        "add ",
        "ad",
        "adds",
        "add__",
        "_add_",
        "__add",
        "add.",
        "torch.",
        "torch",
        "torch.torch.add",
        "torch.nn.functional.",
        "tensor.add",
        "numpy.add",
        "matmul_",     /* no in-place form */
        "__imatmul__", /* neither */
        "radd",        /* an operator's name only */
        "radd_",
        "truediv",
        "truediv_",
        "__iradd__", /* reflected and in place at once */
        "__irmul__",
        "copy", /* in place only */
        "copy__",
        "__copy___",
        "contiguous_",
        "__index__", /* Python's conversion to int */
        "__reduce__",
        "__class__",
        "native_add",
        "torch.native_add",
    };
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        assert_unknown(unknown[i]);
    }
    char endless[300];
    memset(endless, 'a', sizeof endless);
    endless[sizeof endless - 1] = 0;
    assert_unknown(endless);
}

/* Peers name operations in unterminated bytes. */
static void test_length_counts(void **state)
{
    (void)state;
    const syi_op *op;
    bool inplace;
    assert_true(syi_names_find(&names, "addmm", 3, &op, &inplace));
    assert_int_equal(op->id, SYI_OP_add);
    assert_true(syi_names_find(&names, "addmm", 5, &op, &inplace));
    assert_int_equal(op->id, SYI_OP_addmm);
    assert_false(syi_names_find(&names, "add\0x", 4, &op, &inplace));
    for (size_t length = 0; length < 3; length++) {
        assert_false(syi_names_find(&names, "add", length, &op, &inplace));
    }
}

static void test_every_row(void **state)
{
    (void)state;
    for (int id = 0; id < SYI_OP_COUNT; id++) {
        const syi_op *row = syi_op_get((syi_op_id)id);
        bool only = (row->flags & SYI_OP_ONLY_INPLACE) != 0;
        char name[64];
        assert_finds(row->name, row->name, only);
        snprintf(name, sizeof name, "torch.%s", row->name);
        assert_finds(name, row->name, only);
        snprintf(name, sizeof name, "torch.nn.functional.%s", row->name);
        assert_finds(name, row->name, only);
        snprintf(name, sizeof name, "%s_", row->name);
        if (row->flags & SYI_OP_INPLACE) {
            assert_finds(name, row->name, true);
        } else {
            assert_unknown(name);
        }
        snprintf(name, sizeof name, "__%s__", row->name);
        if (!only && row->id != SYI_OP_index) {
            assert_finds(name, row->name, false);
        } else {
            assert_unknown(name);
        }
    }
}

static void test_doubled_names_are_refused(void **state)
{
    (void)state;
    sy_error err;
    syi_op thief = {.id = SYI_OP_mul, .name = "times", .aliases = "add"};
    assert_status(syi_names_add_row(&names, &thief, &err), SY_EEXIST, &err);
    assert_string_equal(err.message, "add already has the name add");
}

static int setup(void **state)
{
    (void)state;
    memset(&names, 0, sizeof names);
    for (int id = 0; id < SYI_OP_COUNT; id++) {
        if (syi_names_add_row(&names, syi_op_get((syi_op_id)id), NULL) != SY_OK) {
            return 1;
        }
    }
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_length_counts),
        cmocka_unit_test(test_every_row),
        cmocka_unit_test(test_doubled_names_are_refused),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
