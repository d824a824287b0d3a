/*
 * vectors_test.c - every kernel against the answers of PyTorch in tests/vectors/ops/kernels (format:
 * generate_kernels.py). CSYFT_KERNEL_VECTORS names another folder for a longer sweep.
 */
#include "support/test.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "frameworks/framework.h"

enum { LIST_MAX = 32 };

typedef struct fixture {
    sy_context *context;
    syi_ops *ops;
    syi_framework *framework;
    const char *folder; /* *.txt in it */
} fixture;

static char reading[256]; /* the file at hand */

/* One line, taken apart. Everything borrows from the line but the arrays. */
typedef struct test_case {
    int line;
    const syi_op *op;
    bool inplace;
    double relative, absolute;
    int arg_count;
    sy_value args[SYI_ARGUMENT_MAX];
    sy_value items[LIST_MAX];
    size_t item_count;
    syi_array arrays[LIST_MAX];
    int array_count;
} test_case;

static int setup(void **state)
{
    static fixture f;
    sy_context_options options = SY_CONTEXT_OPTIONS_INIT;
    options.test_seed = 1;
    const char *path = getenv("CSYFT_KERNEL_VECTORS");
    f.folder = path != NULL ? path : CSYFT_TEST_SOURCE_DIR "/tests/vectors/ops/kernels";
    *state = &f;
    return sy_context_new(&f.context, &options, NULL) != SY_OK ||
                   syi_ops_new(f.context, &f.ops, NULL) != SY_OK ||
                   syi_cpu_framework_new(f.context, &f.framework, NULL) != SY_OK
               ? -1
               : 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    f->framework->klass->free(f->framework);
    syi_ops_free(f->ops);
    sy_context_free(f->context);
    return 0;
}

static void bad_line(int line, const char *token)
{
    fail_msg("kernels.txt:%d: cannot read \"%.60s\"", line, token);
}

/* "1,2,3" up to a character that no number begins with. */
static const char *read_ints(const char *text, int64_t *values, int *count)
{
    *count = 0;
    while (*text == '-' || (*text >= '0' && *text <= '9')) {
        char *end;
        values[(*count)++] = strtoll(text, &end, 10);
        text = *end == ',' ? end + 1 : end;
    }
    return text;
}

static void read_elements(const syi_array *storage, const char *text)
{
    const int64_t n = storage->shape[0];
    char *end;
    for (int64_t i = 0; i < n; i++) {
        if (storage->dtype == SY_DTYPE_F32) {
            ((float *)syi_array_data(storage))[i] = strtof(text, &end);
        } else if (storage->dtype == SY_DTYPE_F64) {
            ((double *)syi_array_data(storage))[i] = strtod(text, &end);
        } else {
            syi_array_set_int(storage, i, strtoll(text, &end, 10));
        }
        text = *end == ',' ? end + 1 : end;
    }
}

static int64_t count_elements(const char *text)
{
    int64_t n = *text != 0;
    for (; *text != 0; text++) {
        n += *text == ',';
    }
    return n;
}

/* float32[3,4]{1,3}@2:v,v,... ; false when it is no tensor */
static bool read_array(const fixture *f, syi_array *array, char *token, int line)
{
    char *bracket = strchr(token, '[');
    sy_dtype dtype;
    if (bracket == NULL || token[0] == ':' || token[0] == '\'') {
        return false;
    }
    *bracket = 0;
    if (!sy_dtype_from_name(token, &dtype)) {
        bad_line(line, token);
    }
    int64_t shape[SY_DIM_MAX], strides[SY_DIM_MAX];
    int ndim, stride_count = -1;
    int64_t offset = 0;
    const char *at = read_ints(bracket + 1, shape, &ndim) + 1;
    if (*at == '{') {
        at = read_ints(at + 1, strides, &stride_count) + 2;
        offset = strtoll(at, (char **)(uintptr_t)&at, 10);
    }
    at++;
    int64_t elements = count_elements(at);
    sy_error err = SY_ERROR_INIT;
    syi_array storage;
    assert_ok(syi_array_new(f->context, &storage, dtype, 1, &elements, NULL, &err), &err);
    read_elements(&storage, at);
    assert_ok(syi_array_describe(array, dtype, ndim, shape, &err), &err);
    array->storage = storage.storage;
    array->offset = offset;
    if (stride_count >= 0) {
        memcpy(array->strides, strides, (size_t)ndim * sizeof strides[0]);
    }
    return true;
}

static sy_value read_value(const fixture *f, test_case *c, char *token)
{
    sy_dtype dtype;
    if (read_array(f, &c->arrays[c->array_count], token, c->line)) {
        sy_value value = {.kind = (sy_value_kind)SYI_VALUE_ARRAY};
        value.as.internal = &c->arrays[c->array_count++];
        return value;
    }
    if (strcmp(token, "None") == 0) {
        return sy_value_none();
    }
    if (strcmp(token, "True") == 0 || strcmp(token, "False") == 0) {
        return sy_value_bool(token[0] == 'T');
    }
    if (token[0] == ':') {
        assert_true(sy_dtype_from_name(token + 1, &dtype));
        return sy_value_dtype(dtype);
    }
    if (token[0] == '\'') {
        token[strlen(token) - 1] = 0;
        return sy_value_string(token + 1);
    }
    char *end;
    if (strpbrk(token, ".enai") != NULL) {
        double real = strtod(token, &end);
        if (*end == 0) {
            return sy_value_float(real);
        }
    }
    int64_t integer = strtoll(token, &end, 10);
    if (*end != 0 || end == token) {
        bad_line(c->line, token);
    }
    return sy_value_int(integer);
}

/* (a|b|c); tensors hold no '|' */
static sy_value read_list(const fixture *f, test_case *c, char *token)
{
    token[strlen(token) - 1] = 0;
    sy_value *items = &c->items[c->item_count];
    size_t count = 0;
    char *rest = NULL;
    for (char *item = strtok_r(token + 1, "|", &rest); item != NULL;
         item = strtok_r(NULL, "|", &rest)) {
        items[count++] = read_value(f, c, item);
    }
    c->item_count += count;
    return sy_value_list(items, count);
}

static void read_head(const fixture *f, test_case *c, const char *name, const char *tolerance)
{
    if (!syi_ops_find(f->ops, name, strlen(name), &c->op, &c->inplace)) {
        bad_line(c->line, name);
    }
    char *end;
    c->relative = strtod(tolerance + 1, &end);
    c->absolute = strtod(end + 1, NULL);
}

static bool is_close(const test_case *c, const syi_array *actual, const syi_array *expected,
                     int64_t i)
{
    if (!sy_dtype_is_floating(expected->dtype)) {
        return syi_array_get_int(actual, i) == syi_array_get_int(expected, i);
    }
    double a = syi_array_get_double(actual, i), e = syi_array_get_double(expected, i);
    if (isnan(e) || isinf(e) || isinf(a)) {
        return isnan(e) ? isnan(a) : a == e;
    }
    return fabs(a - e) <= c->absolute + c->relative * fabs(e);
}

static void check_array(const test_case *c, const syi_array *actual, const syi_array *expected)
{
    const char *name = c->op->name;
    if (actual->dtype != expected->dtype || !syi_array_same_shape(actual, expected)) {
        char is[64], should[64];
        fail_msg("%s:%d: %s: %s %s, expected %s %s", reading, c->line, name,
                 sy_dtype_name(actual->dtype),
                 syi_shape_format(actual->ndim, actual->shape, is, sizeof is),
                 sy_dtype_name(expected->dtype),
                 syi_shape_format(expected->ndim, expected->shape, should, sizeof should));
    }
    for (int64_t i = 0; i < syi_array_numel(expected); i++) {
        if (!is_close(c, actual, expected, i)) {
            fail_msg("%s:%d: %s: element %lld is %.17g, expected %.17g", reading, c->line, name,
                     (long long)i, syi_array_get_double(actual, i),
                     syi_array_get_double(expected, i));
        }
    }
}

static int run_case(const fixture *f, const test_case *c, syi_array *outs)
{
    sy_error err = SY_ERROR_INIT;
    const void *handle = f->framework->klass->resolve(f->framework, c->op);
    assert_non_null(handle);
    int count = 1;
    if (c->inplace) {
        syi_array_copy_view(&outs[0], c->args[0].as.internal);
    } else {
        syi_inference result = {.outs = outs};
        assert_ok(syi_op_infer(c->op, c->args, &result, &err), &err);
        count = result.count;
    }
    sy_status status = f->framework->klass->run(f->framework, handle, c->op, c->args, c->inplace,
                                                outs, count, NULL, &err);
    if (status != SY_OK) {
        fail_msg("%s:%d: %s", reading, c->line, err.message);
    }
    return count;
}

static void run_line(const fixture *f, int line, char *text)
{
    test_case c = {.line = line};
    char *rest = NULL;
    char *name = strtok_r(text, " \n", &rest);
    char *tolerance = strtok_r(NULL, " \n", &rest);
    read_head(f, &c, name, tolerance);
    char *token;
    while ((token = strtok_r(NULL, " \n", &rest)) != NULL && strcmp(token, "=") != 0) {
        c.args[c.arg_count++] =
            token[0] == '(' ? read_list(f, &c, token) : read_value(f, &c, token);
    }
    syi_array outs[SYI_OUTPUT_MAX];
    const int count = run_case(f, &c, outs);
    for (int i = 0; i < count; i++) {
        syi_array expected;
        token = strtok_r(NULL, " \n", &rest);
        if (token == NULL || !read_array(f, &expected, token, line)) {
            bad_line(line, "results");
        }
        check_array(&c, &outs[i], &expected);
        syi_array_fini(&expected);
        syi_array_fini(&outs[i]);
    }
    assert_null(strtok_r(NULL, " \n", &rest));
    for (int i = 0; i < c.array_count; i++) {
        syi_array_fini(&c.arrays[i]);
    }
}

static void check_line(const fixture *f, int line, char *text, void *user)
{
    (void)user;
    run_line(f, line, text);
}

/* `visit` for every line of every file; returns how many there were. */
static int for_each_line(const fixture *f,
                         void (*visit)(const fixture *f, int line, char *text, void *user),
                         void *user)
{
    char *text = NULL;
    size_t size = 0;
    int lines = 0;
    struct dirent *entry;
    DIR *folder = opendir(f->folder);
    assert_non_null(folder);
    while ((entry = readdir(folder)) != NULL) {
        const char *dot = strrchr(entry->d_name, '.');
        if (dot == NULL || strcmp(dot, ".txt") != 0) {
            continue;
        }
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", f->folder, entry->d_name);
        FILE *file = fopen(path, "r");
        assert_non_null(file);
        snprintf(reading, sizeof reading, "%s", entry->d_name);
        for (int line = 1; getline(&text, &size, file) > 0; line++) {
            visit(f, line, text, user);
            lines++;
        }
        fclose(file);
    }
    closedir(folder);
    free(text);
    return lines;
}

static void agrees_with_torch(void **state)
{
    assert_true(for_each_line(*state, check_line, NULL) > 1000);
}

static void note_row(const fixture *f, int line, char *text, void *user)
{
    bool *seen = user;
    const syi_op *op;
    bool inplace;
    (void)line;
    if (syi_ops_find(f->ops, text, strcspn(text, " "), &op, &inplace)) {
        seen[op->id] = true;
    }
}

/* A row is drawn, or its answer is random. */
static void covers_every_kernel(void **state)
{
    const fixture *f = *state;
    bool seen[SYI_OP_COUNT] = {false};
    for_each_line(f, note_row, seen);
    for (int id = 0; id < SYI_OP_COUNT; id++) {
        const syi_op *op = syi_op_get((syi_op_id)id);
        const bool needed =
            f->framework->klass->resolve(f->framework, op) != NULL && !(op->flags & SYI_OP_RANDOM);
        if (needed && !seen[id]) {
            fail_msg("%s has no line for %s", f->folder, op->name);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_torch),
        cmocka_unit_test(covers_every_kernel),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
