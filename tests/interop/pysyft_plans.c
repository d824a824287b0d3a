/*
 * pysyft_plans.c - calls of the vectors of every row become plans of one operation, are written as PySyft 0.2.9 and 0.2.4 have
 * them, read back and run; pysyft_plans.py then runs what was written with PyTorch, as PySyft does, and compares. Needs
 * python3-torch and python3-msgpack.
 */
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csyft/csyft.h>

#include "execution/plan.h"
#include "support/op_vectors.h"

#define VECTORS CSYFT_TEST_SOURCE_DIR "/tests/vectors/ops/kernels"

extern char **environ;

enum { PER_NAME = 5, NAMES_MAX = 1024, RESULTS_MAX = 16 };

typedef struct seen {
    char name[64];
    int count;
} seen;

typedef struct maker {
    sy_context *context;
    sy_hook *hook;
    FILE *out;
    seen names[NAMES_MAX];
    int name_count;
    size_t written, refused;
    char refusals[8192];
} maker;

/* A call, with its tensors as the plan's state. */
typedef struct spoken {
    const op_line *line;
    sy_tensor *tensors[OP_LINE_ARRAYS];
    int tensor_count;
} spoken;

static sy_value translate(const spoken *w, const sy_value *value, sy_plan_frame *f, sy_value *room,
                          size_t *used)
{
    if (value->kind == (sy_value_kind)SYI_VALUE_ARRAY) {
        const syi_array *array = value->as.internal;
        return sy_value_tensor(sy_plan_frame_state(f, (size_t)(array - w->line->arrays)));
    }
    if (value->kind != SY_VALUE_LIST) {
        return *value;
    }
    const size_t count = value->as.list.count;
    sy_value *items = &room[*used];
    *used += count;
    for (size_t k = 0; k < count; k++) {
        items[k] = translate(w, &value->as.list.items[k], f, room, used);
    }
    return sy_value_list(items, count);
}

static sy_status speak(sy_plan_frame *f, sy_scope *s, void *user, sy_error *err)
{
    const spoken *w = user;
    const op_line *line = w->line;
    sy_value args[SYI_ARGUMENT_MAX + 4], room[OP_LINE_ITEMS + 1], results[RESULTS_MAX];
    sy_named_value kwargs[SYI_ARGUMENT_MAX];
    sy_tensor *outs[RESULTS_MAX] = {NULL};
    size_t used = 0;
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)line->name_length, line->name);
    for (size_t k = 0; k < line->arg_count; k++) {
        args[k] = translate(w, &line->args[k], f, room, &used);
    }
    for (size_t k = 0; k < line->kwarg_count; k++) {
        kwargs[k].name = line->kwargs[k].name;
        kwargs[k].value = translate(w, &line->kwargs[k].value, f, room, &used);
    }
    size_t count = 0;
    SY_TRY(sy_call(sy_scope_get_hook(s), name, args, line->arg_count, kwargs, line->kwarg_count,
                   outs, RESULTS_MAX, &count, NULL, err));
    for (size_t k = 0; k < count; k++) {
        results[k] = sy_value_tensor(sy_scope_adopt(s, outs[k]));
    }
    return sy_plan_frame_return_values(f, results, count, err);
}

static bool wanted(maker *m, const op_line *line)
{
    for (int k = 0; k < m->name_count; k++) {
        if (strlen(m->names[k].name) == line->name_length &&
            memcmp(m->names[k].name, line->name, line->name_length) == 0) {
            return m->names[k].count++ < PER_NAME;
        }
    }
    assert_true(m->name_count < NAMES_MAX && line->name_length < 64);
    seen *made = &m->names[m->name_count++];
    snprintf(made->name, sizeof made->name, "%.*s", (int)line->name_length, line->name);
    made->count = 1;
    return true;
}

static void make_state(maker *m, spoken *w)
{
    sy_error err = SY_ERROR_INIT;
    w->tensor_count = w->line->array_count;
    for (int k = 0; k < w->tensor_count; k++) {
        syi_array dense;
        assert_ok(syi_array_clone(op_line_context, &dense, &w->line->arrays[k], NULL, &err), &err);
        assert_ok(sy_tensor_new(m->hook, &w->tensors[k], dense.dtype, dense.ndim, dense.shape,
                                syi_array_data(&dense), &err),
                  &err);
        syi_array_fini(&dense);
    }
}

static void put(maker *m, const void *bytes, size_t size)
{
    const uint32_t length = (uint32_t)size;
    assert_int_equal(fwrite(&length, sizeof length, 1, m->out), 1);
    assert_int_equal(fwrite(bytes, 1, size, m->out), size);
}

static void put_result(maker *m, sy_tensor *tensor)
{
    sy_error err = SY_ERROR_INIT;
    syi_array array = SYI_ARRAY_INIT, dense;
    assert_ok(syi_node_shape(tensor->node, &array, &err), &err);
    const char *dtype = sy_dtype_name(array.dtype);
    put(m, dtype, strlen(dtype));
    put(m, array.shape, (size_t)array.ndim * sizeof *array.shape);
    assert_ok(syi_array_clone(m->context, &dense, syi_node_array(tensor->node), NULL, &err), &err);
    put(m, syi_array_data(&dense), syi_array_bytes(&dense));
    syi_array_fini(&dense);
}

/* Back from PySyft's form, and run. */
static size_t run_again(maker *m, const void *bytes, size_t size, sy_tensor **results)
{
    sy_error err = SY_ERROR_INIT;
    sy_plan *plan = NULL;
    size_t count = 0;
    if (sy_plan_deserialize(m->hook, &plan, bytes, size, &err) != SY_OK ||
        sy_plan_run(plan, NULL, 0, NULL, results, RESULTS_MAX, &count, &err) != SY_OK) {
        op_vectors_fail("%s", err.message);
        count = 0;
    }
    sy_plan_unref(plan);
    return count;
}

static bool same(const sy_tensor *a, const sy_tensor *b)
{
    sy_error err = SY_ERROR_INIT;
    const syi_array *x = syi_node_array(a->node), *y = syi_node_array(b->node);
    syi_array p, q;
    assert_ok(syi_array_clone(op_line_context, &p, x, NULL, &err), &err);
    assert_ok(syi_array_clone(op_line_context, &q, y, NULL, &err), &err);
    const bool equal = p.dtype == q.dtype && syi_array_bytes(&p) == syi_array_bytes(&q) &&
                       p.ndim == q.ndim &&
                       memcmp(p.shape, q.shape, (size_t)p.ndim * sizeof *p.shape) == 0 &&
                       memcmp(syi_array_data(&p), syi_array_data(&q), syi_array_bytes(&p)) == 0;
    syi_array_fini(&p);
    syi_array_fini(&q);
    return equal;
}

static void write_case(maker *m, const char *text, const op_line *line, sy_plan *plan)
{
    static const sy_plan_format formats[] = {SY_PLAN_PYSYFT_0_2_9, SY_PLAN_PYSYFT_0_2_4};
    void *bytes[2] = {NULL, NULL};
    size_t sizes[2] = {0, 0}, counts[2] = {0, 0};
    sy_tensor *results[2][RESULTS_MAX];
    sy_error err = SY_ERROR_INIT;
    const double tolerance[2] = {line->relative, line->absolute};
    for (int k = 0; k < 2; k++) {
        const sy_status status = sy_plan_serialize(plan, formats[k], &bytes[k], &sizes[k], &err);
        if (status == SY_ENOTSUP) {
            char word[80];
            snprintf(word, sizeof word, " %.*s ", (int)line->name_length, line->name);
            if (strstr(m->refusals, word) == NULL &&
                strlen(m->refusals) + strlen(word) < sizeof m->refusals) {
                strcat(m->refusals, word);
            }
            m->refused++;
            return;
        }
        assert_ok(status, &err);
        counts[k] = run_again(m, bytes[k], sizes[k], results[k]);
    }
    if (counts[0] != counts[1]) {
        op_vectors_fail("%zu and %zu results", counts[0], counts[1]);
    }
    put(m, text, strlen(text));
    put(m, tolerance, sizeof tolerance);
    put(m, bytes[0], sizes[0]);
    put(m, bytes[1], sizes[1]);
    put(m, &counts[0], sizeof counts[0]);
    for (size_t k = 0; k < counts[0]; k++) {
        put_result(m, results[0][k]);
        if (k < counts[1] && !same(results[0][k], results[1][k])) {
            op_vectors_fail("the layouts give different results");
        }
    }
    for (int k = 0; k < 2; k++) {
        for (size_t i = 0; i < counts[k]; i++) {
            sy_tensor_unref(results[k][i]);
        }
        sy_bytes_free(m->hook, bytes[k], sizes[k]);
    }
    m->written++;
}

static void visit(const char *text, void *user)
{
    maker *m = user;
    op_line line;
    sy_error err = SY_ERROR_INIT;
    op_line_open(&line, text);
    spoken w = {.line = &line};
    const syi_op *op = NULL;
    bool inplace = false;
    if (syi_ops_find(op_line_ops, line.name, line.name_length, &op, &inplace) &&
        (op->flags & SYI_OP_PEER) && strstr(op->name, "empty") == NULL &&
        !(op->flags & (SYI_OP_VALUE | SYI_OP_RANDOM)) && wanted(m, &line)) {
        sy_plan_options options = SY_PLAN_OPTIONS_INIT;
        sy_plan *plan = NULL;
        op_line_read_arguments(&line);
        make_state(m, &w);
        options.name = "call";
        options.forward = speak;
        options.user = &w;
        options.state = w.tensors;
        options.state_count = (size_t)w.tensor_count;
        assert_ok(sy_plan_new(m->hook, &plan, &options, &err), &err);
        if (sy_plan_build(plan, NULL, 0, &err) == SY_OK) {
            write_case(m, text, &line, plan);
        } else {
            op_vectors_fail("%s", err.message);
        }
        sy_plan_unref(plan);
        for (int k = 0; k < w.tensor_count; k++) {
            sy_tensor_unref(w.tensors[k]);
        }
    }
    syi_inference none = {.count = 0};
    op_line_free(&line, &none);
}

static int run_python(const char *path)
{
    char *const arguments[] = {
        (char *)(uintptr_t) "python3",
        (char *)(uintptr_t)(CSYFT_TEST_SOURCE_DIR "/tests/interop/pysyft_plans.py"),
        (char *)(uintptr_t)path, NULL};
    pid_t python = 0;
    int status = -1;
    assert_int_equal(posix_spawn(&python, "/usr/bin/python3", NULL, NULL, arguments, environ), 0);
    assert_int_equal(waitpid(python, &status, 0), python);
    return status;
}

static void test_every_row(void **state)
{
    (void)state;
    static maker m;
    sy_error err = SY_ERROR_INIT;
    char path[] = "/tmp/csyft-plans-XXXXXX";
    const int file = mkstemp(path);
    assert_true(file >= 0);
    m.out = fdopen(file, "wb");
    assert_ok(sy_context_new(&m.context, NULL, &err), &err);
    assert_ok(sy_hook_new(m.context, &m.hook, NULL, &err), &err);
    op_vectors_each(VECTORS, visit, &m);
    fclose(m.out);
    sy_hook_free(m.hook);
    sy_context_free(m.context);
    printf("%zu plans of %d names; %zu have no form in PySyft:%s\n", m.written, m.name_count,
           m.refused, m.refusals);
    fflush(stdout);
    const int status = run_python(path);
    unlink(path);
    assert_int_equal(status, 0);
    assert_true(m.written > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_row)};
    return cmocka_run_group_tests(tests, op_line_setup, op_line_teardown);
}
