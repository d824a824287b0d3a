/* plan.c - the verb plan: plans in files and at workers. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <csyft/plan.h>

#include "tool.h"

enum {
    ARGUMENTS_MAX = 64,
    RESULTS_MAX = 256,
    OPTION_OUTPUT = CLI_TOOL_OWN,
    OPTION_TAG,
    OPTION_FORMAT
};

typedef struct wishes {
    const char *output, *tag;
    sy_plan_format format;
} wishes;

static void print_shape(const sy_plan_shape *shape)
{
    printf("%s", sy_dtype_name(shape->dtype));
    for (int d = 0; d < shape->ndim; d++) {
        printf(d == 0 ? "  %" PRId64 : "x%" PRId64, shape->shape[d]);
    }
    putchar('\n');
}

static sy_status print_state(sy_plan *plan, sy_error *err)
{
    for (size_t k = 0; k < sy_plan_get_state_count(plan); k++) {
        sy_plan_shape shape = {0};
        const char *name = sy_plan_get_state_name(plan, k);
        sy_status status =
            sy_tensor_get_shape(sy_plan_get_state(plan, k), &shape.ndim, shape.shape, err);
        if (status == SY_OK) {
            status = sy_tensor_get_dtype(sy_plan_get_state(plan, k), &shape.dtype, err);
        }
        if (status != SY_OK) {
            return status;
        }
        printf("state     ");
        if (*name != '\0') {
            cli_print_clean(stdout, name);
        } else {
            printf("state_%zu", k + 1);
        }
        printf("  ");
        print_shape(&shape);
    }
    return SY_OK;
}

static sy_status print_plan(const cli_session *session, sy_plan *plan, sy_error *err)
{
    char *text = NULL, name[256];
    bool is_tensor = false;
    sy_plan_shape shape;
    sy_status status = sy_plan_to_text(plan, &text, err);
    if (status != SY_OK) {
        return status;
    }
    cli_print_clean(stdout, text);
    putchar('\n');
    sy_string_free(session->hook, text);
    for (size_t k = 0; sy_plan_get_argument(plan, k, name, &is_tensor, &shape); k++) {
        printf("argument  ");
        cli_print_clean(stdout, name);
        printf("  ");
        if (is_tensor) {
            print_shape(&shape);
        } else {
            puts("constant");
        }
    }
    status = print_state(plan, err);
    if (status == SY_OK && sy_plan_is_built(plan)) {
        status = sy_plan_get_code(plan, &text, err);
    }
    if (status == SY_OK && text != NULL && sy_plan_is_built(plan)) {
        for (const char *line = text; *line != '\0';) {
            const size_t length = strcspn(line, "\n");
            char *copy = strndup(line, length);
            cli_print_clean(stdout, copy != NULL ? copy : "");
            putchar('\n');
            free(copy);
            line += length + (line[length] == '\n');
        }
        sy_string_free(session->hook, text);
    }
    return status;
}

/* run FILE X.npy...: here; the results as OUTPUT, OUTPUT.2, ..., or printed. */
static sy_status leave_results(const cli_session *session, sy_tensor **results, size_t count,
                               const char *output, sy_error *err)
{
    sy_status status = SY_OK;
    for (size_t k = 0; k < count; k++) {
        char path[4096];
        if (status == SY_OK && output != NULL) {
            snprintf(path, sizeof path, k == 0 ? "%s" : "%s.%zu", output, k + 1);
            status = sy_tensor_save(results[k], path, err);
        } else if (status == SY_OK) {
            char *text = NULL;
            status = sy_tensor_to_text(results[k], &text, err);
            if (status == SY_OK) {
                puts(text);
                sy_string_free(session->hook, text);
            }
        }
        sy_tensor_unref(results[k]);
    }
    return status;
}

static sy_status run_here(const cli_session *session, sy_plan *plan, char **files, int file_count,
                          const char *output, sy_error *err)
{
    sy_value arguments[ARGUMENTS_MAX] = {{SY_VALUE_NONE, {0}}};
    sy_tensor *results[RESULTS_MAX];
    size_t loaded = 0, count = 0;
    sy_status status = SY_OK;
    for (; status == SY_OK && loaded < (size_t)file_count; loaded++) {
        sy_tensor *tensor = NULL;
        status = sy_tensor_load(session->hook, &tensor, files[loaded], err);
        arguments[loaded] = sy_value_tensor(tensor);
    }
    if (status == SY_OK) {
        status = sy_plan_run(plan, arguments, loaded, NULL, results, RESULTS_MAX, &count, err);
    }
    for (size_t k = 0; k < loaded; k++) {
        sy_tensor_unref(arguments[k].as.tensor);
    }
    return status == SY_OK ? leave_results(session, results, count, output, err) : status;
}

/* With a plan from a file: show, run, convert. */
static int with_file(const cli_verb *verb, cli_tool *t, const char *word, const wishes *w)
{
    const cli_session_options how = {.log = t->log, .pool_threads = 1};
    sy_error err = SY_ERROR_INIT;
    sy_plan *plan = NULL;
    int code = cli_session_open(&t->session, verb, &how);
    if (code == CLI_OK) {
        sy_status status = sy_plan_load(t->session.hook, &plan, t->operands[1], &err);
        if (status == SY_OK) {
            status = strcmp(word, "run") == 0 ? run_here(&t->session, plan, t->operands + 2,
                                                         t->operand_count - 2, w->output, &err)
                     : strcmp(word, "convert") == 0
                         ? sy_plan_save_as(plan, w->output, w->format, &err)
                         : print_plan(&t->session, plan, &err);
        }
        code = status == SY_OK ? CLI_OK : cli_report(verb, &err);
    }
    sy_plan_unref(plan);
    cli_session_close(&t->session);
    return code;
}

/* At a worker */

static sy_status keep_and_print(sy_tensor *object, sy_error *err)
{
    const sy_status status = sy_tensor_keep(object, err);
    if (status == SY_OK) {
        char text[CLI_ID_SIZE];
        const sy_id id = sy_tensor_get_id_at_location(object);
        puts(sy_id_format(&id, text, sizeof text));
    }
    return status;
}

static sy_status send_plan(const cli_session *session, const char *path, const char *tag,
                           sy_error *err)
{
    sy_plan *plan = NULL;
    sy_pointer_plan *there = NULL;
    sy_tensor *object = NULL;
    sy_status status = sy_plan_load(session->hook, &plan, path, err);
    if (status == SY_OK && tag != NULL) {
        status = sy_plan_tag(plan, tag, err);
    }
    if (status == SY_OK) {
        status = sy_plan_send(plan, &there, &session->worker, 1, true, err);
    }
    if (status == SY_OK) {
        const sy_id id = sy_pointer_plan_get_id_at_location(there, 0);
        status = sy_tensor_point_to(session->hook, &object, session->worker, &id, err);
    }
    if (status == SY_OK) {
        status = keep_and_print(object, err);
        sy_pointer_plan_set_garbage_collect(there, status != SY_OK);
    }
    sy_tensor_unref(object);
    sy_pointer_plan_unref(there);
    sy_plan_unref(plan);
    return status;
}

static sy_status run_there(cli_tool *t, sy_error *err)
{
    sy_pointer_plan *plan = NULL;
    sy_value arguments[ARGUMENTS_MAX] = {{SY_VALUE_NONE, {0}}};
    sy_tensor *results[RESULTS_MAX];
    size_t count = 0, pointed = 0;
    sy_id id = SY_ID_INIT;
    sy_status status = sy_id_parse(&id, t->operands[2], err);
    if (status == SY_OK) {
        status = sy_plan_create_pointer(t->session.hook, &plan, t->session.worker, &id, err);
    }
    for (int k = 3; status == SY_OK && k < t->operand_count; k++) {
        sy_tensor *tensor = NULL;
        status = sy_id_parse(&id, t->operands[k], err);
        if (status == SY_OK) {
            status = sy_tensor_point_to(t->session.hook, &tensor, t->session.worker, &id, err);
        }
        if (status == SY_OK) {
            arguments[pointed++] = sy_value_tensor(tensor);
        }
    }
    if (status == SY_OK) {
        status =
            sy_pointer_plan_run(plan, arguments, pointed, NULL, results, RESULTS_MAX, &count, err);
    }
    for (size_t k = 0; k < count; k++) {
        status = status == SY_OK ? keep_and_print(results[k], err) : status;
        sy_tensor_unref(results[k]);
    }
    for (size_t k = 0; k < pointed; k++) {
        sy_tensor_unref(arguments[k].as.tensor);
    }
    sy_pointer_plan_unref(plan);
    return status;
}

static sy_status fetch(const cli_tool *t, const wishes *w, sy_error *err)
{
    sy_id id = SY_ID_INIT;
    sy_plan *plan = NULL;
    sy_status status = sy_id_parse(&id, t->operands[2], err);
    if (status == SY_OK) {
        status = sy_worker_fetch_plan(t->session.worker, &plan, &id, false, err);
    }
    if (status == SY_OK) {
        status = w->output != NULL ? sy_plan_save_as(plan, w->output, w->format, err)
                                   : print_plan(&t->session, plan, err);
    }
    sy_plan_unref(plan);
    return status;
}

/* The tool's operands begin with the URL; here a word stands before it. */
static int at_worker(cli_tool *t, const char *word, const wishes *w)
{
    sy_error err = SY_ERROR_INIT;
    char **operands = t->operands;
    t->operands++;
    const bool connected = cli_tool_connect(t);
    t->operands = operands;
    if (!connected) {
        return cli_tool_end(t);
    }
    const sy_status status = strcmp(word, "send") == 0
                                 ? send_plan(&t->session, t->operands[2], w->tag, &err)
                             : strcmp(word, "run") == 0 ? run_there(t, &err)
                                                        : fetch(t, w, &err);
    if (status != SY_OK) {
        cli_tool_report(t, &err);
    }
    return cli_tool_end(t);
}

static int misuse(cli_tool *t)
{
    t->exit_code = cli_misuse(t->verb, "%s: expected %s", t->operands[0], t->verb->operands);
    return cli_tool_end(t);
}

static bool read_format(const char *text, sy_plan_format *format)
{
    static const struct {
        const char *name;
        sy_plan_format format;
    } formats[] = {{"csyft", SY_PLAN_CSYFT},
                   {"0.2.9", SY_PLAN_PYSYFT_0_2_9},
                   {"0.2.4", SY_PLAN_PYSYFT_0_2_4},
                   {"protobuf", SY_PLAN_PROTOBUF}};
    for (size_t k = 0; k < sizeof formats / sizeof *formats; k++) {
        if (strcmp(text, formats[k].name) == 0) {
            *format = formats[k].format;
            return true;
        }
    }
    return false;
}

static int run_plan(const cli_verb *verb, int argc, char **argv)
{
    cli_tool t = cli_tool_begin(verb, argc, argv);
    wishes w = {.format = SY_PLAN_CSYFT};
    for (int key; (key = cli_tool_next(&t)) != CLI_END;) {
        if (key == OPTION_OUTPUT) {
            w.output = t.parser.value;
        } else if (key == OPTION_TAG) {
            w.tag = t.parser.value;
        } else if (!read_format(t.parser.value, &w.format)) {
            t.exit_code = cli_misuse(verb, "--format %s: expected csyft, 0.2.9, 0.2.4 or protobuf",
                                     t.parser.value);
            return cli_tool_end(&t);
        }
    }
    if (!cli_tool_expect(&t, 2, 3 + ARGUMENTS_MAX)) {
        return t.exit_code;
    }
    const char *word = t.operands[0];
    const bool remote = strstr(t.operands[1], "://") != NULL;
    const int count = t.operand_count;
    if (!remote && count <= 2 + ARGUMENTS_MAX &&
        (strcmp(word, "run") == 0 || (strcmp(word, "show") == 0 && count == 2) ||
         (strcmp(word, "convert") == 0 && count == 2 && w.output != NULL))) {
        return with_file(verb, &t, word, &w);
    }
    if (remote &&
        ((strcmp(word, "send") == 0 && count == 3) || (strcmp(word, "run") == 0 && count >= 3) ||
         (strcmp(word, "show") == 0 && count == 3) ||
         (strcmp(word, "fetch") == 0 && count == 3 && w.output != NULL))) {
        return at_worker(&t, word, &w);
    }
    return misuse(&t);
}

static const cli_option options[] = {
    CLI_TOOL_OPTIONS,
    {"output", 'o', "FILE", "run: save the result as NPY; fetch, convert: the plan's file"},
    {"tag", 't', "TAG", "send: a tag to find it by"},
    {"format", 'f', "FORMAT", "fetch, convert: csyft, PySyft's 0.2.9 or 0.2.4, or protobuf"},
    {0},
};

const cli_verb cli_plan = {
    .name = "plan",
    .operands = "show|run|send|fetch|convert FILE|URL ...",
    .summary = "show, run, send and fetch plans: recorded operations in one piece",
    .details =
        "show prints a plan: its arguments, its state, its operations as code. run runs it: here\n"
        "on files (results are printed, or saved with --output), or at a worker on objects\n"
        "there, in one message (the ids of the results are printed). send puts a plan at a\n"
        "worker and prints its id; fetch saves one that is there, with its state, as --output.\n"
        "A plan is made by a program: sy_plan_save in <csyft/plan.h>. Files that PySyft 0.2.9\n"
        "or 0.2.4 serialized, and messages of syft-proto (protobuf), are read like csyft's own,\n"
        "and convert writes them.\n\n"
        "  csyft plan show FILE                 csyft plan show URL ID\n"
        "  csyft plan run FILE X.npy...         csyft plan run URL ID ID...\n"
        "  csyft plan send URL FILE             csyft plan fetch URL ID -o FILE\n"
        "  csyft plan convert FILE -o FILE -f 0.2.9\n\n"
        "  csyft plan show net.plan\n"
        "  csyft plan run net.plan x.npy -o y.npy\n"
        "  csyft plan send tcp://localhost:7700 net.plan --tag '#net'\n"
        "  csyft plan run tcp://localhost:7700 58021974416 90418872105\n",
    .options = options,
    .run = run_plan,
};
