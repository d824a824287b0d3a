/*
 * views_test.c - views against a brute-force model (a list of addresses), against PyTorch's own
 * answers (tests/vectors/arrays/views.txt), and what is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "arrays/array.h"
#include "support/property.h"

#define SHAPE(...) ((const int64_t[]){__VA_ARGS__})

/* ---- The model: which storage element each logical element is, in row-major order ---- */

enum { MODEL_MAX = 4096 };

typedef struct model {
    int ndim;
    int64_t shape[SY_DIM_MAX];
    int64_t at[MODEL_MAX];
} model;

static int64_t model_numel(const model *m)
{
    int64_t count = 1;
    for (int i = 0; i < m->ndim; i++) {
        count *= m->shape[i];
    }
    return count;
}

static void unflatten(int ndim, const int64_t *shape, int64_t flat, int64_t *index)
{
    for (int i = ndim - 1; i >= 0; i--) {
        index[i] = flat % shape[i];
        flat /= shape[i];
    }
}

static int64_t flatten(int ndim, const int64_t *shape, const int64_t *index)
{
    int64_t flat = 0;
    for (int i = 0; i < ndim; i++) {
        flat = flat * shape[i] + index[i];
    }
    return flat;
}

typedef enum view_op {
    VIEW,
    TRANSPOSE,
    PERMUTE,
    SELECT,
    SLICE,
    EXPAND,
    SQUEEZE,
    SQUEEZE_ALL,
    UNSQUEEZE,
    VIEW_OPS
} view_op;

static const char *const op_names[VIEW_OPS] = {"view",    "transpose",   "permute",
                                               "select",  "slice",       "expand",
                                               "squeeze", "squeeze_all", "unsqueeze"};

typedef struct view_call {
    view_op op;
    int count;
    int64_t args[SY_DIM_MAX + 2];
} view_call;

static sy_status call_view(syi_array *out, const syi_array *in, const view_call *call,
                           sy_error *err)
{
    const int64_t *args = call->args;
    switch (call->op) {
    case VIEW:
        return syi_array_view(out, in, call->count, args, err);
    case TRANSPOSE:
        return syi_array_transpose(out, in, (int)args[0], (int)args[1], err);
    case PERMUTE:
        return syi_array_permute(out, in, args, call->count, err);
    case SELECT:
        return syi_array_select(out, in, (int)args[0], args[1], err);
    case SLICE:
        return syi_array_slice(out, in, (int)args[0], args[1], args[2], args[3], err);
    case EXPAND:
        return syi_array_expand(out, in, call->count, args, err);
    case SQUEEZE:
        return syi_array_squeeze(out, in, (int)args[0], false, err);
    case SQUEEZE_ALL:
        return syi_array_squeeze(out, in, 0, true, err);
    case UNSQUEEZE:
        return syi_array_unsqueeze(out, in, (int)args[0], err);
    case VIEW_OPS:
        break;
    }
    fail();
    return SY_EINVAL;
}

/* Can strides describe this list of addresses? (What view() must find out.) */
static bool model_is_strided(const model *m)
{
    int64_t strides[SY_DIM_MAX], index[SY_DIM_MAX];
    for (int i = 0; i < m->ndim; i++) {
        memset(index, 0, sizeof index);
        index[i] = 1;
        strides[i] = m->shape[i] > 1 ? m->at[flatten(m->ndim, m->shape, index)] - m->at[0] : 0;
    }
    for (int64_t flat = 0; flat < model_numel(m); flat++) {
        unflatten(m->ndim, m->shape, flat, index);
        int64_t at = m->at[0];
        for (int i = 0; i < m->ndim; i++) {
            at += index[i] * strides[i];
        }
        if (at != m->at[flat]) {
            return false;
        }
    }
    return true;
}

/* Python's slice.indices for a positive step, by its definition: the indices visited. */
static int64_t python_slice(int64_t size, int64_t start, int64_t stop, int64_t step, int64_t *out)
{
    int64_t first = start == SY_SLICE_OPEN ? 0 : start < 0 ? start + size : start;
    int64_t end = stop == SY_SLICE_OPEN ? size : stop < 0 ? stop + size : stop;
    int64_t count = 0;
    for (int64_t i = 0; i < size; i++) {
        int64_t low = first > 0 ? first : 0;
        if (i >= low && i < end && (i - low) % step == 0) {
            out[count++] = i;
        }
    }
    return count;
}

static bool wrap(int64_t *dim, int64_t count)
{
    if (*dim < -count || *dim >= count) {
        return false;
    }
    *dim += *dim < 0 ? count : 0;
    return true;
}

/* The shape after `call`, and for each output dim the input dim it walks (-1: none); false: refused. */
static bool model_shape(model *out, const model *in, view_call call, int *source, int64_t *picks)
{
    int n = in->ndim;
    int64_t *args = call.args;
    out->ndim = n;
    memcpy(out->shape, in->shape, sizeof in->shape);
    for (int i = 0; i < SY_DIM_MAX; i++) {
        source[i] = i;
    }
    switch (call.op) {
    case TRANSPOSE:
        if (!wrap(&args[0], n > 0 ? n : 1) || !wrap(&args[1], n > 0 ? n : 1)) {
            return false;
        }
        source[args[0]] = (int)args[1];
        source[args[1]] = (int)args[0];
        break;
    case PERMUTE:
        if (call.count != n) {
            return false;
        }
        for (int i = 0; i < n; i++) {
            if (!wrap(&args[i], n)) {
                return false;
            }
            for (int j = 0; j < i; j++) {
                if (args[j] == args[i]) {
                    return false;
                }
            }
            source[i] = (int)args[i];
        }
        break;
    case SELECT:
        if (n == 0 || !wrap(&args[0], n) || !wrap(&args[1], in->shape[args[0]])) {
            return false;
        }
        picks[0] = args[1];
        out->ndim = n - 1;
        for (int i = (int)args[0]; i < n - 1; i++) {
            source[i] = i + 1;
        }
        break;
    case SLICE:
        if (n == 0 || !wrap(&args[0], n) || args[3] < 1) {
            return false;
        }
        out->shape[args[0]] = python_slice(in->shape[args[0]], args[1], args[2], args[3], picks);
        return true;
    case EXPAND:
        if (call.count < n || call.count > SY_DIM_MAX) {
            return false;
        }
        out->ndim = call.count;
        for (int i = 0; i < call.count; i++) {
            int old = i - (call.count - n);
            int64_t size = old >= 0 ? in->shape[old] : 1;
            int64_t wanted = args[i] == -1 && old >= 0 ? size : args[i];
            if (wanted < 0 || (wanted != size && size != 1)) {
                return false;
            }
            out->shape[i] = wanted;
            source[i] = wanted == size && old >= 0 ? old : -1;
        }
        return true;
    case SQUEEZE:
    case SQUEEZE_ALL:
        if (call.op == SQUEEZE && !wrap(&args[0], n > 0 ? n : 1)) {
            return false;
        }
        out->ndim = 0;
        for (int i = 0; i < n; i++) {
            if (in->shape[i] != 1 || (call.op == SQUEEZE && args[0] != i)) {
                source[out->ndim++] = i;
            }
        }
        break;
    case UNSQUEEZE:
        if (!wrap(&args[0], n + 1) || n == SY_DIM_MAX) {
            return false;
        }
        out->ndim = n + 1;
        for (int i = 0; i <= n; i++) {
            source[i] = i == args[0] ? -1 : i < args[0] ? i : i - 1;
            out->shape[i] = source[i] < 0 ? 1 : in->shape[source[i]];
        }
        return true;
    case VIEW:
    case VIEW_OPS:
        return false;
    }
    for (int i = 0; i < out->ndim; i++) {
        out->shape[i] = in->shape[source[i]];
    }
    return true;
}

static bool model_apply(model *out, const model *in, const view_call *call)
{
    if (call->op == VIEW) {
        int64_t known = 1, open = -1;
        out->ndim = call->count;
        for (int i = 0; i < call->count; i++) {
            out->shape[i] = call->args[i];
            if (call->args[i] == -1 && open < 0) {
                open = i;
            } else if (call->args[i] < 0) {
                return false;
            } else {
                known *= call->args[i];
            }
        }
        if (open >= 0) {
            if (known == 0 || model_numel(in) % known != 0) {
                return false;
            }
            out->shape[open] = model_numel(in) / known;
        }
        memcpy(out->at, in->at, sizeof in->at);
        return model_numel(out) == model_numel(in) &&
               (model_numel(out) == 0 || model_is_strided(out));
    }
    int source[SY_DIM_MAX];
    int64_t picks[MODEL_MAX] = {0};
    if (!model_shape(out, in, *call, source, picks)) {
        return false;
    }
    int64_t dim = call->args[0] + (call->args[0] < 0 ? in->ndim : 0);
    for (int64_t flat = 0; flat < model_numel(out); flat++) {
        int64_t index[SY_DIM_MAX], old[SY_DIM_MAX] = {0};
        unflatten(out->ndim, out->shape, flat, index);
        for (int i = 0; i < out->ndim; i++) {
            if (source[i] >= 0) {
                old[source[i]] = index[i];
            }
        }
        if (call->op == SELECT) {
            old[dim] = picks[0];
        } else if (call->op == SLICE) {
            old[dim] = picks[index[dim]];
        }
        out->at[flat] = in->at[flatten(in->ndim, in->shape, old)];
    }
    return true;
}

/* ---- Random calls, mostly valid ---- */

static int64_t draw(property_random *random, int64_t low, int64_t high)
{
    return property_between(random, low, high);
}

static int64_t draw_dim(property_random *random, int ndim)
{
    return draw(random, 0, 15) == 0 ? draw(random, -10, 9) : draw(random, -ndim, ndim - 1);
}

static int64_t draw_bound(property_random *random)
{
    return draw(random, 0, 4) == 0 ? SY_SLICE_OPEN : draw(random, -7, 7);
}

/* A factorisation of the element count into dims, sometimes with a -1, sometimes wrong. */
static void draw_view_shape(property_random *random, const model *m, view_call *call)
{
    int64_t rest = model_numel(m);
    call->count = 0;
    if (rest == 0) {
        call->count = (int)draw(random, 1, 4);
        for (int i = 0; i < call->count; i++) {
            call->args[i] = draw(random, 0, 3);
        }
        call->args[draw(random, 0, call->count - 1)] = 0;
    }
    while (rest > 0 && call->count < 5 && (rest > 1 || draw(random, 0, 2) == 0)) {
        int64_t d = draw(random, 1, rest < 12 ? rest : 12);
        while (rest % d != 0) {
            d--;
        }
        call->args[call->count++] = d;
        rest /= d;
    }
    if (rest > 1) {
        call->args[call->count++] = rest;
    }
    if (call->count > 0 && draw(random, 0, 3) == 0) {
        call->args[draw(random, 0, call->count - 1)] =
            draw(random, 0, 4) == 0 ? draw(random, -2, 5) : -1;
    }
}

static view_call draw_call(property_random *random, const model *m)
{
    view_call call = {.op = (view_op)draw(random, 0, VIEW_OPS - 1)};
    int64_t *args = call.args;
    args[0] = draw_dim(random, m->ndim);
    switch (call.op) {
    case VIEW:
        draw_view_shape(random, m, &call);
        break;
    case TRANSPOSE:
        args[1] = draw_dim(random, m->ndim);
        break;
    case PERMUTE:
        call.count = m->ndim;
        for (int i = 0; i < m->ndim; i++) {
            int64_t j = draw(random, 0, i);
            args[i] = args[j];
            args[j] = i - (draw(random, 0, 3) == 0 ? m->ndim : 0);
        }
        if (call.count > 0 && draw(random, 0, 9) == 0) {
            args[0] = draw_dim(random, m->ndim);
        }
        break;
    case SELECT:
        args[1] = draw(random, -6, 5);
        break;
    case SLICE:
        args[1] = draw_bound(random);
        args[2] = draw_bound(random);
        args[3] = draw(random, 0, 11) == 0 ? 0 : draw(random, 1, 4);
        break;
    case EXPAND: {
        int lead = (int)draw(random, 0, 2);
        int64_t room = MODEL_MAX / (model_numel(m) + 1);
        call.count = m->ndim + lead;
        for (int i = 0; i < call.count; i++) {
            int64_t size = i < lead ? 1 : m->shape[i - lead];
            bool grows = size == 1 && room >= 3;
            args[i] = grows ? draw(random, -1, 3) : size;
            room /= grows ? 3 : 1;
        }
        break;
    }
    default:
        break;
    }
    return call;
}

static void check_against_model(const syi_array *array, const model *m, const view_call *call)
{
    if (array->ndim != m->ndim ||
        memcmp(array->shape, m->shape, (size_t)m->ndim * sizeof m->shape[0]) != 0) {
        char actual[64], expected[64];
        fail_msg("%s: shape %s, expected %s", op_names[call->op],
                 syi_shape_format(array->ndim, array->shape, actual, sizeof actual),
                 syi_shape_format(m->ndim, m->shape, expected, sizeof expected));
    }
    for (int64_t flat = 0; flat < model_numel(m); flat++) {
        int64_t actual = syi_array_get_int(array, flat); /* each element holds its own address */
        if (actual != m->at[flat]) {
            fail_msg("%s: element %d is at %d, expected %d", op_names[call->op], (int)flat,
                     (int)actual, (int)m->at[flat]);
        }
    }
}

static void start_array(property_random *random, sy_context *context, syi_array *array, model *m)
{
    m->ndim = (int)draw(random, 0, 4);
    for (int i = 0; i < m->ndim; i++) {
        m->shape[i] = draw(random, 0, 9) == 0 ? 0 : draw(random, 1, 4);
    }
    assert_int_equal(syi_array_new(context, array, SY_DTYPE_I16, m->ndim, m->shape, NULL, NULL),
                     SY_OK);
    for (int64_t i = 0; i < model_numel(m); i++) {
        m->at[i] = i;
        syi_array_set_int(array, i, i);
    }
}

static void test_views_match_model(void **state)
{
    (void)state;
    sy_context *context;
    assert_int_equal(sy_context_new(&context, NULL, NULL), SY_OK);
    property_random random = property_start("views");
    static model before, after;
    long accepted[VIEW_OPS] = {0}, refused[VIEW_OPS] = {0};
    for (long n = property_iterations(4000); n > 0; n--) {
        syi_array array, view;
        start_array(&random, context, &array, &before);
        syi_storage *storage = syi_storage_ref(array.storage);
        for (int step = 0; step < 6; step++) {
            view_call call = draw_call(&random, &before);
            sy_error err = SY_ERROR_INIT;
            sy_status status = call_view(&view, &array, &call, &err);
            bool expected = model_apply(&after, &before, &call);
            if ((status == SY_OK) != expected) {
                char from[64], strides[64], to[64];
                fail_msg("%s of %s (strides %s) with %s: %s, expected %s", op_names[call.op],
                         syi_shape_format(array.ndim, array.shape, from, sizeof from),
                         syi_shape_format(array.ndim, array.strides, strides, sizeof strides),
                         syi_shape_format(4, call.args, to, sizeof to), sy_status_name(status),
                         expected ? "success" : "failure");
            }
            if (!expected) {
                const syi_array zero = SYI_ARRAY_INIT;
                assert_true(status == SY_ESHAPE || status == SY_ERANGE);
                assert_int_equal(err.status, status);
                assert_memory_equal(&view, &zero, sizeof view);
                refused[call.op]++;
                continue;
            }
            accepted[call.op]++;
            assert_ptr_equal(view.storage, storage);
            check_against_model(&view, &after, &call);
            syi_array_fini(&array);
            array = view;
            before = after;
        }
        syi_array_fini(&array);
        assert_int_equal(atomic_load(&storage->refs), 1);
        syi_storage_unref(storage);
    }
    for (int op = 0; op < VIEW_OPS; op++) {
        assert_true(accepted[op] > 0);
        assert_true(op == SQUEEZE_ALL || refused[op] > 0);
    }
    sy_context_free(context);
}

/* ---- PyTorch's answers ---- */

static int parse_list(const char *text, int64_t *values)
{
    int count = 0;
    if (strcmp(text, "-") == 0) {
        return 0;
    }
    char copy[128];
    snprintf(copy, sizeof copy, "%s", text);
    char *rest = NULL;
    for (char *item = strtok_r(copy, ",", &rest); item != NULL; item = strtok_r(NULL, ",", &rest)) {
        assert_true(count < SY_DIM_MAX + 2);
        values[count++] = strcmp(item, "open") == 0 ? SY_SLICE_OPEN : strtoll(item, NULL, 10);
    }
    return count;
}

static void check_torch_line(const char *line)
{
    char op[16], shape[64], strides[64], args[96], out_shape[64], out_strides[64] = "-";
    long offset, out_offset = 0;
    int fields = sscanf(line, "%15s %63s %63s %ld %95s = %63s %63s %ld", op, shape, strides,
                        &offset, args, out_shape, out_strides, &out_offset);
    bool refused = strcmp(out_shape, "error") == 0;
    assert_true(fields == 8 || (fields == 6 && refused));
    syi_array in = {.dtype = SY_DTYPE_I64, .offset = offset}, out;
    in.ndim = parse_list(shape, in.shape);
    assert_int_equal(parse_list(strides, in.strides), in.ndim);
    view_call call = {.op = VIEW_OPS};
    for (int i = 0; i < VIEW_OPS; i++) {
        call.op = strcmp(op, op_names[i]) == 0 ? (view_op)i : call.op;
    }
    call.count = parse_list(args, call.args);
    sy_status status = call_view(&out, &in, &call, NULL);
    if (refused || status != SY_OK) {
        if (refused != (status != SY_OK)) {
            fail_msg("%s: csyft answers %s", line, sy_status_name(status));
        }
        return;
    }
    syi_array expected = SYI_ARRAY_INIT;
    expected.ndim = parse_list(out_shape, expected.shape);
    assert_int_equal(parse_list(out_strides, expected.strides), expected.ndim);
    bool same = syi_array_same_shape(&out, &expected) &&
                memcmp(out.strides, expected.strides, sizeof out.strides) == 0 &&
                (out.offset == out_offset || syi_array_numel(&out) == 0);
    if (!same) {
        char actual_shape[64], actual_strides[64];
        fail_msg("%s: csyft gives shape %s, strides %s, offset %ld", line,
                 syi_shape_format(out.ndim, out.shape, actual_shape, sizeof actual_shape),
                 syi_shape_format(out.ndim, out.strides, actual_strides, sizeof actual_strides),
                 (long)out.offset);
    }
}

static void test_views_match_torch(void **state)
{
    (void)state;
    FILE *file = fopen(CSYFT_TEST_SOURCE_DIR "/tests/vectors/arrays/views.txt", "r");
    assert_non_null(file);
    char line[512];
    int lines = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\n")] = 0;
        check_torch_line(line);
        lines++;
    }
    fclose(file);
    assert_int_equal(lines, 1500);
}

/* ---- Sentences and extremes ---- */

static void test_refusals_name_the_values(void **state)
{
    (void)state;
    static const struct {
        view_call call;
        sy_status status;
        const char *text;
    } cases[] = {
        {{VIEW, 2, {5, 2}}, SY_ESHAPE, "3x4 (12 elements) cannot become 5x2"},
        {{VIEW, 2, {-1, -1}}, SY_ESHAPE, "-1x-1"},
        {{VIEW, 2, {-1, 5}}, SY_ESHAPE, "-1x5"},
        {{VIEW, 9, {1}}, SY_ESHAPE, "9 dimensions"},
        {{VIEW, -1, {1}}, SY_ESHAPE, "-1 dimensions"},
        {{VIEW, 3, {INT64_MAX, INT64_MAX, 4}}, SY_ESHAPE, "cannot become"},
        {{TRANSPOSE, 2, {0, 2}}, SY_ERANGE, "dimension 2 is out of range for 2 dimensions"},
        {{PERMUTE, 2, {0, 0}}, SY_ESHAPE, "dimension 0 is given twice"},
        {{PERMUTE, 1, {0}}, SY_ESHAPE, "1 dims given for a tensor of 2"},
        {{SELECT, 2, {1, 4}}, SY_ERANGE, "index 4 is out of range for dimension 1 of size 4"},
        {{SELECT, 2, {-3, 0}}, SY_ERANGE, "dimension -3"},
        {{SELECT, 2, {0, INT64_MIN}}, SY_ERANGE, "-9223372036854775808"},
        {{SLICE, 4, {0, 0, 2, 0}}, SY_ERANGE, "step 0"},
        {{SLICE, 4, {0, 0, 2, -1}}, SY_ERANGE, "step -1"},
        {{EXPAND, 2, {3, 5}}, SY_ESHAPE, "3x4 cannot become 3x5"},
        {{EXPAND, 1, {4}}, SY_ESHAPE, "3x4"},
        {{EXPAND, 3, {-1, 3, 4}}, SY_ESHAPE, "-1x3x4"},
        {{EXPAND, 9, {1}}, SY_ESHAPE, "9 dims"},
        {{EXPAND, 4, {INT64_MAX, 2, 3, 4}}, SY_ESHAPE, "too large"},
        {{SQUEEZE, 1, {2}}, SY_ERANGE, "dimension 2"},
        {{UNSQUEEZE, 1, {3}}, SY_ERANGE, "dimension 3 is out of range for 3 dimensions"},
    };
    syi_array in, out;
    assert_int_equal(syi_array_describe(&in, SY_DTYPE_F32, 2, SHAPE(3, 4), NULL), SY_OK);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sy_error err = SY_ERROR_INIT;
        assert_int_equal(call_view(&out, &in, &cases[i].call, &err), cases[i].status);
        if (strstr(err.message, cases[i].text) == NULL) {
            fail_msg("'%s' does not contain '%s'", err.message, cases[i].text);
        }
    }
    sy_error err = SY_ERROR_INIT;
    syi_array t;
    assert_int_equal(syi_array_transpose(&t, &in, 0, 1, NULL), SY_OK);
    assert_int_equal(syi_array_view(&out, &t, 1, SHAPE(12), &err), SY_ESHAPE);
    assert_non_null(strstr(err.message, "shape 4x3 with strides 1x4 cannot be seen as 12"));
    assert_int_equal(syi_array_describe(&in, SY_DTYPE_U8, 8, SHAPE(1, 1, 1, 1, 1, 1, 1, 1), NULL),
                     SY_OK);
    assert_int_equal(syi_array_unsqueeze(&out, &in, 0, NULL), SY_ESHAPE);
    assert_int_equal(syi_array_describe(&in, SY_DTYPE_U8, 2, SHAPE(0, 3), NULL), SY_OK);
    assert_int_equal(syi_array_view(&out, &in, 2, SHAPE(0, -1), &err), SY_ESHAPE);
    assert_non_null(strstr(err.message, "ambiguous"));
}

/* Peers choose these numbers; the sanitizers see any overflow. */
static void test_extreme_numbers(void **state)
{
    (void)state;
    static const int64_t extremes[] = {
        INT64_MIN, INT64_MIN + 1,    -(INT64_C(1) << 62), -1,       0,
        1,         INT64_C(1) << 32, INT64_MAX - 1,       INT64_MAX};
    enum { COUNT = sizeof extremes / sizeof extremes[0] };
    static const int64_t shapes[][2] = {{3, 4}, {0, INT64_MAX / 8}, {INT64_MAX / 8, 1}, {1, 1}};
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
        syi_array in, sliced, out;
        assert_int_equal(syi_array_describe(&in, SY_DTYPE_I64, 2, shapes[s], NULL), SY_OK);
        for (int i = 0; i < COUNT * COUNT * COUNT; i++) {
            int64_t a = extremes[i % COUNT], b = extremes[i / COUNT % COUNT],
                    c = extremes[i / COUNT / COUNT];
            if (syi_array_slice(&sliced, &in, i % 2, a, b, c, NULL) == SY_OK) {
                assert_in_range(sliced.shape[i % 2], 0, in.shape[i % 2]);
                assert_true(sliced.offset >= 0);
                (void)syi_array_view(&out, &sliced, 1, SHAPE(-1), NULL);
                (void)syi_array_unsqueeze(&out, &sliced, 0, NULL);
                (void)syi_array_slice(&out, &sliced, i % 2, 0, 1, c, NULL);
                (void)syi_array_has_internal_overlap(&sliced);
            }
            (void)syi_array_view(&out, &in, 3, SHAPE(a, b, c), NULL);
            (void)syi_array_expand(&out, &in, 3, SHAPE(a, b, c), NULL);
            (void)syi_array_permute(&out, &in, SHAPE(a, b), 2, NULL);
            (void)syi_array_select(&out, &in, i % 2, a, NULL);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_views_match_model),
        cmocka_unit_test(test_views_match_torch),
        cmocka_unit_test(test_refusals_name_the_values),
        cmocka_unit_test(test_extreme_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
