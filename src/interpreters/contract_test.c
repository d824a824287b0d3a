/*
 * contract_test.c - the contract of interpreters, tests/support/interpreter_contract.h, run on each of them:
 * one line in `subjects`, one in main.
 */
#include <csyft/precision.h>

#include "support/interpreter_contract.h"

static sy_status wrap_logging(sy_hook *hook, sy_tensor *tensor, sy_tensor **wrapped, sy_error *err)
{
    (void)hook;
    return sy_tensor_log(tensor, wrapped, err);
}

static sy_status wrap_plus_is_minus(sy_hook *hook, sy_tensor *tensor, sy_tensor **wrapped,
                                    sy_error *err)
{
    (void)hook;
    return sy_tensor_plus_is_minus(tensor, wrapped, err);
}

/* A class that forwards by not answering, with attributes, by number. */

typedef struct note {
    int64_t number;
} note;

static sy_status note_simplify(const void *attributes, sy_value *values, size_t *count,
                               sy_error *err)
{
    const note *n = attributes;
    (void)err;
    values[0] = sy_value_int(n->number);
    *count = 1;
    return SY_OK;
}

static sy_status note_detail(void *attributes, const sy_value *values, size_t count, sy_error *err)
{
    note *n = attributes;
    (void)err;
    if (count != 1 || values[0].kind != SY_VALUE_INT) {
        return SY_EFORMAT;
    }
    n->number = values[0].as.integer;
    return SY_OK;
}

static sy_status prepare_note(sy_hook *hook, sy_error *err)
{
    const sy_interpreter *type = NULL;
    const sy_interpreter_class klass = {.size = sizeof klass,
                                        .name = "NoteTensor",
                                        .code = 1000,
                                        .attributes_size = sizeof(note),
                                        .simplify = note_simplify,
                                        .detail = note_detail};
    return sy_interpreter_register(hook, &type, &klass, err);
}

static sy_status wrap_note(sy_hook *hook, sy_tensor *tensor, sy_tensor **wrapped, sy_error *err)
{
    const note attributes = {42};
    return sy_tensor_wrap_with(tensor, wrapped, sy_interpreter_find(hook, "NoteTensor"),
                               &attributes, err);
}

/* A class that runs every operation itself, on the children; it stays at home. */
static sy_status run_on_children(sy_operation *operation, void *user, sy_error *err)
{
    const sy_value *args = NULL;
    sy_tensor *results[8];
    (void)user;
    const size_t count = sy_operation_get_arguments(operation, &args);
    sy_scope *s = sy_operation_get_scope(operation);
    const char *name = sy_operation_get_name(operation);
    if (strcmp(name, "numel") == 0 || strcmp(name, "dim") == 0) {
        return SY_OK;
    }
    const size_t made = sy_scope_call_many(s, name, args, count, results, 8);
    if (made == 0) {
        return SY_OK; /* the scope has latched why */
    }
    return sy_operation_answer(operation, results, made, err);
}

static sy_status prepare_runner(sy_hook *hook, sy_error *err)
{
    const sy_interpreter *type = NULL;
    const sy_interpreter_class klass = {.size = sizeof klass,
                                        .name = "RunnerTensor",
                                        .code = SY_INTERPRETER_LOCAL,
                                        .call = run_on_children};
    return sy_interpreter_register(hook, &type, &klass, err);
}

static sy_status wrap_runner(sy_hook *hook, sy_tensor *tensor, sy_tensor **wrapped, sy_error *err)
{
    return sy_tensor_wrap_with(tensor, wrapped, sy_interpreter_find(hook, "RunnerTensor"), NULL,
                               err);
}

static sy_status wrap_fixed(sy_hook *hook, sy_tensor *tensor, sy_tensor **wrapped, sy_error *err)
{
    sy_precision_options options = SY_PRECISION_OPTIONS_INIT;
    (void)hook;
    options.precision_fractional = 6;
    return sy_tensor_fix_precision(tensor, wrapped, &options, err);
}

static const interpreter_subject subjects[] = {
    {"LoggingTensor", wrap_logging, .travels = true},
    {"PlusIsMinusTensor", wrap_plus_is_minus, .travels = true},
    {"NoteTensor", wrap_note, prepare_note, .travels = true},
    {"RunnerTensor", wrap_runner, prepare_runner, .travels = false},
    {"FixedPrecisionTensor", wrap_fixed, NULL, sy_tensor_float_precision, true, true, 1e-5},
};

int main(void)
{
    const struct CMUnitTest tests[] = {
        INTERPRETER_CONTRACT(subjects, 0), INTERPRETER_CONTRACT(subjects, 1),
        INTERPRETER_CONTRACT(subjects, 2), INTERPRETER_CONTRACT(subjects, 3),
        INTERPRETER_CONTRACT(subjects, 4),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
