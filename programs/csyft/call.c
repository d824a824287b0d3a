/* call.c - csyft call: one operation on objects of a running worker. Syntax: arguments.h. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "arguments.h"
#include "tool.h"

enum { RESULT_MAX = 64 };

static void print_value(const sy_value *value)
{
    switch (value->kind) {
    case SY_VALUE_INT:
        printf("%" PRId64 "\n", value->as.integer);
        break;
    case SY_VALUE_FLOAT:
        printf("%.17g\n", value->as.real);
        break;
    case SY_VALUE_BOOL:
        puts(value->as.boolean ? "True" : "False");
        break;
    default:
        break;
    }
}

/* The result stays at the worker. */
static sy_status leave_result(sy_tensor *result, sy_error *err)
{
    const sy_status status = sy_tensor_keep(result, err);
    if (status == SY_OK) {
        char text[CLI_ID_SIZE];
        const sy_id id = sy_tensor_get_id_at_location(result);
        printf("%s\n", sy_id_format(&id, text, sizeof text));
    }
    return status;
}

static sy_status call(const cli_session *session, const char *name, cli_arguments *arguments,
                      sy_error *err)
{
    sy_tensor *results[RESULT_MAX];
    size_t count = 0;
    sy_value value = sy_value_none();
    sy_status status = cli_arguments_point(arguments, session, err);
    if (status == SY_OK) {
        status = sy_worker_call(session->worker, name, arguments->positional,
                                arguments->positional_count, arguments->named,
                                arguments->named_count, results, RESULT_MAX, &count, &value, err);
    }
    if (status != SY_OK) {
        return status;
    }
    for (size_t k = 0; k < count; k++) {
        if (status == SY_OK) {
            status = leave_result(results[k], err);
        }
        sy_tensor_unref(results[k]);
    }
    print_value(&value);
    return status;
}

static int run_call(const cli_verb *verb, int argc, char **argv)
{
    cli_tool t = cli_tool_begin(verb, argc, argv);
    while (cli_tool_next(&t) != CLI_END) {
    }
    if (!cli_tool_expect(&t, 2, -1)) {
        return t.exit_code;
    }
    cli_arguments arguments;
    char reason[CLI_REASON_SIZE];
    if (!cli_arguments_parse(&arguments, t.operands + 2, (size_t)t.operand_count - 2, reason)) {
        t.exit_code = cli_misuse(verb, "%s", reason);
    } else if (cli_tool_connect(&t)) {
        sy_error err = SY_ERROR_INIT;
        if (call(&t.session, t.operands[1], &arguments, &err) != SY_OK) {
            cli_tool_report(&t, &err);
        }
    }
    cli_arguments_free(&arguments);
    return cli_tool_end(&t);
}

static const cli_option options[] = {CLI_TOOL_OPTIONS, {0}};

const cli_verb cli_call = {
    .name = "call",
    .operands = "URL OP ARGUMENT...",
    .summary = "run an operation at a worker, print the ids of its results",
    .details =
        "OP is a name such as add, matmul, relu_, torch.cat or __getitem__. An ARGUMENT is\n"
        "  ID or @ID     an object at the worker\n"
        "  =VALUE        a plain value: =3 =-2.5 =True =None =[2,3] =1:5 =float32 =text\n"
        "  NAME=VALUE    a named argument: dim=0 keepdim=True\n"
        "In a value, @ID is an object (=[@1,@2]) and quotes make a text of what looks like\n"
        "something else ('3'). Results stay at the worker, one id per line; an operation that\n"
        "answers with a number prints it. An operation without an object makes one there:\n"
        "zeros, ones, full, rand, randn, randint, arange, tensor.\n\n"
        "  csyft call tcp://localhost:7700 matmul 11 12\n"
        "  csyft call tcp://localhost:7700 sum 13 dim=0 keepdim=True\n"
        "  csyft call tcp://localhost:7700 __getitem__ 13 =[0,1:3]\n"
        "  csyft call tcp://localhost:7700 zeros =[2,3] dtype=float64\n",
    .options = options,
    .run = run_call,
};
