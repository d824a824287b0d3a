/* op_line.c - see op_line.h. */
#include "support/op_line.h"

#include <stdio.h>
#include <string.h>

sy_context *op_line_context;
syi_ops *op_line_ops;
syi_storage *op_line_storage;

int op_line_setup(void **state)
{
    (void)state;
    sy_error err = SY_ERROR_INIT;
    assert_ok(sy_context_new(&op_line_context, NULL, &err), &err);
    assert_ok(syi_ops_new(op_line_context, &op_line_ops, &err), &err);
    assert_ok(syi_storage_new(op_line_context, &op_line_storage, 8, NULL, &err), &err);
    return 0;
}

int op_line_teardown(void **state)
{
    (void)state;
    int leaked = atomic_load(&op_line_storage->refs) != 1;
    syi_storage_unref(op_line_storage);
    syi_ops_free(op_line_ops);
    sy_context_free(op_line_context);
    return leaked;
}

bool op_line_take(op_line *c, char expected)
{
    if (*c->at != expected) {
        return false;
    }
    c->at++;
    return true;
}

static const char *read_word(op_line *c, const char *end_characters)
{
    assert_true(c->text_count < OP_LINE_TEXTS);
    char *text = c->texts[c->text_count++];
    size_t length = strcspn(c->at, end_characters);
    assert_true(length < sizeof c->texts[0]);
    memcpy(text, c->at, length);
    text[length] = 0;
    c->at += length;
    return text;
}

int64_t op_line_read_int(op_line *c)
{
    char *end;
    int64_t value = strtoll(c->at, &end, 10);
    assert_true(end != c->at);
    c->at = end;
    return value;
}

/* "3,4]" up to the closing character. */
int op_line_read_ints(op_line *c, char close, int64_t *values)
{
    int count = 0;
    while (!op_line_take(c, close)) {
        values[count++] = op_line_read_int(c);
        op_line_take(c, ',');
    }
    return count;
}

static sy_dtype read_dtype(op_line *c)
{
    sy_dtype dtype;
    assert_true(sy_dtype_from_name(read_word(c, "[ |)\n"), &dtype));
    c->text_count--;
    return dtype;
}

/* "v,v,..." up to what ends a token. */
static int64_t count_elements(const char *text)
{
    const size_t length = strcspn(text, " |)\n");
    int64_t count = length > 0;
    for (size_t i = 0; i < length; i++) {
        count += text[i] == ',';
    }
    return count;
}

static syi_storage *read_elements(op_line *c, sy_dtype dtype)
{
    sy_error err;
    syi_array packed;
    const int64_t count = count_elements(c->at);
    assert_ok(syi_array_new(op_line_context, &packed, dtype, 1, &count, NULL, &err), &err);
    for (int64_t i = 0; i < count; i++) {
        char *end;
        if (dtype == SY_DTYPE_F32) {
            ((float *)syi_array_data(&packed))[i] = strtof(c->at, &end);
        } else if (dtype == SY_DTYPE_F64) {
            ((double *)syi_array_data(&packed))[i] = strtod(c->at, &end);
        } else {
            syi_array_set_int(&packed, i, strtoll(c->at, &end, 10));
        }
        assert_true(end != c->at);
        c->at = end;
        op_line_take(c, ',');
    }
    return packed.storage;
}

syi_array *op_line_read_array(op_line *c)
{
    sy_error err;
    const bool marked = op_line_take(c, '*');
    assert_true(c->array_count < OP_LINE_ARRAYS);
    c->marked[c->array_count] = marked;
    syi_array *array = &c->arrays[c->array_count++];
    int64_t shape[SY_DIM_MAX], strides[SY_DIM_MAX];
    sy_dtype dtype = read_dtype(c);
    assert_true(op_line_take(c, '['));
    int ndim = op_line_read_ints(c, ']', shape);
    assert_ok(syi_array_describe(array, dtype, ndim, shape, &err), &err);
    if (op_line_take(c, '{')) {
        assert_int_equal(op_line_read_ints(c, '}', strides), ndim);
        memcpy(array->strides, strides, sizeof strides);
        array->offset = op_line_take(c, '@') ? op_line_read_int(c) : 0;
    }
    array->storage =
        op_line_take(c, ':') ? read_elements(c, dtype) : syi_storage_ref(op_line_storage);
    return array;
}

static int64_t read_bound(op_line *c, int64_t otherwise)
{
    return strchr(",>", *c->at) != NULL ? otherwise : op_line_read_int(c);
}

static sy_value read_number(op_line *c)
{
    char *whole_end, *end;
    int64_t whole = strtoll(c->at, &whole_end, 10);
    double real = strtod(c->at, &end);
    sy_value value = whole_end == end ? sy_value_int(whole) : sy_value_float(real);
    c->at = end;
    return value;
}

static bool take_word(op_line *c, const char *word)
{
    if (strncmp(c->at, word, strlen(word)) != 0) {
        return false;
    }
    c->at += strlen(word);
    return true;
}

static sy_value read_value(op_line *c);

static sy_value read_list(op_line *c)
{
    sy_value items[SYI_OUTPUT_MAX];
    size_t count = 0;
    while (!op_line_take(c, ')')) {
        items[count++] = read_value(c);
        op_line_take(c, '|');
    }
    assert_true((size_t)c->item_count + count <= OP_LINE_ITEMS);
    sy_value *kept = c->items + c->item_count;
    memcpy(kept, items, count * sizeof items[0]);
    c->item_count += (int)count;
    return sy_value_list(kept, count);
}

static sy_value read_value(op_line *c)
{
    if (op_line_take(c, '(')) {
        return read_list(c);
    }
    if (op_line_take(c, ':')) {
        return sy_value_dtype(read_dtype(c));
    }
    if (op_line_take(c, '\'')) {
        sy_value value = sy_value_string(read_word(c, "'"));
        op_line_take(c, '\'');
        return value;
    }
    if (op_line_take(c, '<')) {
        sy_value value = sy_value_slice(read_bound(c, SY_SLICE_OPEN), 0, 1);
        assert_true(op_line_take(c, ','));
        value.as.slice.stop = read_bound(c, SY_SLICE_OPEN);
        assert_true(op_line_take(c, ','));
        value.as.slice.step = read_bound(c, 1);
        assert_true(op_line_take(c, '>'));
        return value;
    }
    if (take_word(c, "...")) {
        return sy_value_ellipsis();
    }
    if (take_word(c, "None")) {
        return sy_value_none();
    }
    if (take_word(c, "True") || take_word(c, "False")) {
        return sy_value_bool(c->at[-2] == 'u');
    }
    if (strpbrk(c->at, "0123456789-") == c->at || strncmp(c->at, "inf", 3) == 0 ||
        strncmp(c->at, "nan", 3) == 0) {
        return read_number(c);
    }
    sy_value value = {.kind = (sy_value_kind)SYI_VALUE_ARRAY};
    value.as.internal = op_line_read_array(c);
    return value;
}

void op_line_open(op_line *c, const char *text)
{
    memset(c, 0, sizeof *c);
    c->name = text;
    c->name_length = strcspn(text, " ");
    c->at = text + c->name_length;
    if (strncmp(c->at, " ~", 2) == 0) {
        char *end;
        c->relative = strtod(c->at + 2, &end);
        c->absolute = strtod(end + 1, &end);
        c->at = end;
    }
}

void op_line_read_arguments(op_line *c)
{
    while (*c->at != 0 && strncmp(c->at, " =", 2) != 0) {
        assert_true(op_line_take(c, ' '));
        size_t name = strspn(c->at, "abcdefghijklmnopqrstuvwxyz_");
        if (c->at[name] == '=') {
            sy_named_value *kwarg = &c->kwargs[c->kwarg_count++];
            kwarg->name = read_word(c, "=");
            assert_true(op_line_take(c, '='));
            kwarg->value = read_value(c);
        } else {
            assert_true(c->arg_count < SYI_ARGUMENT_MAX);
            c->args[c->arg_count++] = read_value(c);
        }
    }
    c->at += *c->at != 0 ? 2 : 0;
}

sy_status op_line_infer(op_line *c, syi_inference *result, sy_error *err)
{
    const syi_op *op;
    bool inplace;
    assert_true(syi_ops_find(op_line_ops, c->name, c->name_length, &op, &inplace));
    sy_value bound[SYI_ARGUMENT_MAX];
    sy_status status =
        syi_ops_bind(op_line_ops, op, c->args, c->arg_count, c->kwargs, c->kwarg_count, bound, err);
    if (status == SY_OK) {
        status = syi_op_infer(op, bound, result, err);
    }
    if (status == SY_OK && inplace) {
        const syi_array *self = bound[0].as.internal;
        status = syi_op_check_inplace(op, self, &result->outs[0], err);
        syi_array_fini(&result->outs[0]);
        syi_array_describe(&result->outs[0], self->dtype, self->ndim, self->shape, NULL);
        result->count = status == SY_OK ? 1 : 0;
    }
    return status;
}

void op_line_free(op_line *c, syi_inference *result)
{
    for (int i = 0; i < result->count; i++) {
        syi_array_fini(&result->outs[i]);
    }
    result->count = 0;
    for (int i = 0; i < c->array_count; i++) {
        syi_array_fini(&c->arrays[i]);
    }
    c->array_count = 0;
}

static void write_ints(FILE *out, int count, const int64_t *values, const char *brackets)
{
    fputc(brackets[0], out);
    for (int i = 0; i < count; i++) {
        fprintf(out, "%s%" PRId64, i > 0 ? "," : "", values[i]);
    }
    fputc(brackets[1], out);
}

static void write_results(const syi_inference *result, char *text, size_t size)
{
    FILE *out = fmemopen(text, size, "w");
    assert_non_null(out);
    fputs(result->unknown ? "unknown" : "", out);
    for (int i = 0; i < result->count && !result->unknown; i++) {
        const syi_array *array = &result->outs[i];
        fprintf(out, "%s%s", i > 0 ? " " : "", sy_dtype_name(array->dtype));
        write_ints(out, array->ndim, array->shape, "[]");
        if (array->storage != NULL) {
            fprintf(out, "@%" PRId64, array->offset);
            write_ints(out, array->ndim, array->strides, "{}");
        }
    }
    fclose(out);
}

void op_line_expect(const char *call, sy_status expected, const char *text)
{
    char actual[1024] = "";
    static syi_array outs[SYI_OUTPUT_MAX];
    syi_inference result = {.outs = outs};
    sy_error err = SY_ERROR_INIT;
    op_line c;
    op_line_open(&c, call);
    op_line_read_arguments(&c);
    sy_status status = op_line_infer(&c, &result, &err);
    if (status == SY_OK) {
        write_results(&result, actual, sizeof actual);
    } else {
        snprintf(actual, sizeof actual, "%s", err.message);
        assert_int_equal(result.count, 0);
    }
    op_line_free(&c, &result);
    assert_int_equal(atomic_load(&op_line_storage->refs), 1);
    if (status != expected || strcmp(actual, text) != 0) {
        print_error("%s\n  expected %s %s\n  actual   %s %s\n", call, sy_status_name(expected),
                    text, sy_status_name(status), actual);
        fail();
    }
}
