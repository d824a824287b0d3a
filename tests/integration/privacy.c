/*
 * privacy.c - bob publishes rows that may not leave. Everything a client can do with a pointer to them is
 * tried; each way to read a row ends in SY_EPERM (or SY_EFORBIDDEN, where no peer may ask for the operation)
 * and a sentence that names the object and the worker. Declared releases let out what they promise and no
 * more. The rules: src/hook/policy.h, SECURITY.md.
 */
#include <stdio.h>
#include <string.h>

#include "hook/tensor.h"
#include "support/property.h"
#include "support/worker_kinds.h"

#define ROWS 20
#define COLUMNS 3

typedef struct published {
    sy_tensor *x;      /* private, ROWS x COLUMNS */
    sy_tensor *labels; /* private, ROWS classes 0..2 */
    sy_tensor *w;      /* public, of x's shape, zeros; the client's own */
} published;

static published publish(workers *w)
{
    published d;
    float values[ROWS * COLUMNS];
    int64_t classes[ROWS];
    const int64_t shape[] = {ROWS, COLUMNS};
    for (int k = 0; k < ROWS * COLUMNS; k++) {
        values[k] = (float)(1000 + k);
    }
    for (int k = 0; k < ROWS; k++) {
        classes[k] = k % 3;
    }
    d.x = workers_publish(w, w->bob, w->bob_serving, "rows", "#rows", true, 2, shape, SY_DTYPE_F32,
                          values);
    d.labels = workers_publish(w, w->bob, w->bob_serving, "labels", "#labels", true, 1, shape,
                               SY_DTYPE_I64, classes);
    memset(values, 0, sizeof values);
    d.w = workers_send(w, workers_tensor(w, 2, shape, values), w->bob);
    return d;
}

/* Whatever `p` points to, nothing brings its contents here or to another worker. */
static void assert_sealed(workers *w, sy_tensor *p, const char *origin)
{
    sy_tensor *got = NULL;
    const size_t at_alice = workers_count(w, w->alice_serving);
    const size_t at_bob = workers_count(w, w->bob_serving);
    assert_non_null(p);
    assert_fails(w, sy_tensor_get(p, &got, &w->err), SY_EPERM, "get of object", origin, "private",
                 "at worker bob", "is refused");
    assert_string_equal(w->err.worker, "bob");
    assert_string_not_equal(w->err.object, "");
    assert_fails(w, sy_tensor_copy_get(p, &got, &w->err), SY_EPERM, origin, "private", "bob");
    assert_fails(w, sy_tensor_get_(p, &w->err), SY_EPERM, origin, "private", "bob");
    assert_fails(w, sy_tensor_move_(p, w->alice, &w->err), SY_EPERM, "move", origin, "private",
                 "bob");
    assert_null(got);
    assert_fails(w, CALL(w, "item", TENSOR(p)), SY_EFORBIDDEN, "item", "bob");
    assert_int_equal(w->value.kind, SY_VALUE_NONE);
    assert_true(sy_tensor_is_pointer(p));
    assert_count(w, w->alice_serving, at_alice);
    assert_count(w, w->bob_serving, at_bob);
}

static void assert_sealed_results(workers *w, const char *origin)
{
    sy_tensor *results[RESULTS_MAX];
    const size_t count = w->result_count;
    memcpy(results, w->results, sizeof results);
    for (size_t k = 0; k < count; k++) {
        assert_sealed(w, results[k], origin);
        workers_drop(w, results[k]);
    }
}

/* --- reading ------------------------------------------------------------------------------------------ */

static void test_direct_reads(void **state)
{
    workers *w = *state;
    published d = publish(w);
    assert_sealed(w, d.x, "#rows");
    assert_sealed(w, d.labels, "#labels");
    assert_fails(w, CALL(w, "tolist", TENSOR(d.x)), SY_EFORBIDDEN, "bob");
    sy_tensor *bit =
        OP(w, "__gt__", TENSOR(OP(w, "__getitem__", TENSOR(d.x), LIST(INT(0), INT(0)))), INT(1000));
    assert_fails(w, CALL(w, "__bool__", TENSOR(bit)), SY_EFORBIDDEN, "bob");
    assert_sealed(w, bit, "#rows");
    double number = 0;
    assert_fails(w, sy_tensor_item(bit, &number, &w->err), SY_EPERM, "get it first");
    /* Shapes and counts are not secret. */
    assert_ok(CALL(w, "numel", TENSOR(d.x)), &w->err);
    assert_int_equal(w->value.as.integer, ROWS * COLUMNS);
    assert_ok(CALL(w, "size", TENSOR(d.x), INT(0)), &w->err);
    assert_int_equal(w->value.as.integer, ROWS);
    /* Bob goes on serving. */
    assert_floats(w, workers_get(w, OP(w, "sum", TENSOR(d.w))), 0);
}

/* What is computed from private data is private. */
static void test_computed_reads(void **state)
{
    workers *w = *state;
    published d = publish(w);
    const sy_value x = TENSOR(d.x);
    const sy_value zero = INT(0);
    const sy_value three[] = {INT(3), INT(20)};
    const sy_value twenty[] = {INT(20), INT(3)};
    const sy_value flat = INT(60);
    static const char *const unary[] = {
        "clone", "detach", "neg", "abs",    "exp", "relu",   "sign", "t",    "contiguous",
        "sum",   "mean",   "max", "argmax", "min", "argmin", "tanh", "sqrt", "flatten"};
    for (size_t k = 0; k < sizeof unary / sizeof unary[0]; k++) {
        assert_ok(CALL(w, unary[k], x), &w->err);
        assert_sealed_results(w, "#rows");
    }
#define SEALED(...)                               \
    do {                                          \
        assert_ok(CALL(w, __VA_ARGS__), &w->err); \
        assert_true(w->result_count > 0);         \
        assert_sealed_results(w, "#rows");        \
    } while (0)
    SEALED("add", x, zero);
    SEALED("mul", x, FLOAT(1));
    SEALED("sub", x, x);
    SEALED("rsub", x, zero);
    SEALED("pow", x, INT(1));
    SEALED("gt", x, INT(1005));
    SEALED("eq", x, FLOAT(1000));
    SEALED("__getitem__", x, LIST(INT(0), INT(0)));
    SEALED("__getitem__", x, INT(0));
    SEALED("__getitem__", x, sy_value_slice(0, 1, 1));
    SEALED("__getitem__", x, LIST(sy_value_ellipsis(), INT(1)));
    SEALED("select", x, zero, INT(3));
    SEALED("slice", x, zero, INT(2), INT(4));
    SEALED("narrow", x, zero, INT(2), INT(1));
    SEALED("split", x, INT(1));
    SEALED("chunk", x, INT(4));
    SEALED("unbind", x);
    SEALED("unbind", x, INT(1));
    SEALED("sum", x, LIST(INT(1)));
    SEALED("sum", x, LIST(INT(0)));
    SEALED("mean", x, LIST(INT(0)), sy_value_bool(true));
    SEALED("max", x, INT(0));
    SEALED("min", x, INT(1));
    SEALED("argmax", x, INT(1));
    SEALED("softmax", x, INT(1));
    SEALED("log_softmax", x, INT(0));
    SEALED("to", x, sy_value_dtype(SY_DTYPE_F64));
    SEALED("to", x, sy_value_dtype(SY_DTYPE_I64));
    SEALED("to", x, sy_value_dtype(SY_DTYPE_F32)); /* already: the same storage, perhaps */
    SEALED("view", x, sy_value_list(three, 2));
    SEALED("reshape", x, sy_value_list(&flat, 1));
    SEALED("expand", x, sy_value_list(twenty, 2));
    SEALED("unsqueeze", x, zero);
    SEALED("squeeze", x);
    SEALED("transpose", x, zero, INT(1));
    SEALED("permute", x, LIST(INT(1), INT(0)));
    SEALED("sum_to_size", x, LIST(INT(1), INT(3)));
    /* one row, in steps, and one row made many */
    sy_tensor *first = OP(w, "__getitem__", x, INT(0));
    SEALED("sum", TENSOR(first));
    SEALED("expand", TENSOR(first), sy_value_list(twenty, 2));
    assert_floats(w, workers_get(w, OP(w, "sum", TENSOR(d.w))), 0);
}

/* Elements elsewhere. */
static void test_moved_reads(void **state)
{
    workers *w = *state;
    published d = publish(w);
    const sy_value x = TENSOR(d.x), zero = INT(0), one = INT(1), two = INT(2);
    const int64_t first[] = {0, 0};
    const sy_value index = TENSOR(workers_send(w, workers_longs(w, 2, first), w->bob));
    const sy_value mask = TENSOR(OP(w, "eq", index, zero)), ends = LIST(zero, one);
    SEALED("flip", x, LIST(zero, one));
    SEALED("roll", x, one, one);
    SEALED("tril", x);
    SEALED("triu", x, INT(-30));
    SEALED("diag", x);
    SEALED("diagonal", x, one);
    SEALED("unfold", x, zero, two, one);
    SEALED("movedim", x, zero, one);
    SEALED("unflatten", x, one, LIST(one, INT(3)));
    SEALED("pad", x, LIST(one, one), sy_value_string("replicate"));
    SEALED("pad", x, LIST(one, one));
    SEALED("repeat", x, LIST(two, one));
    SEALED("repeat_interleave", x, two, zero);
    SEALED("hstack", LIST(x, x));
    SEALED("vstack", LIST(x, x));
    SEALED("take", x, index);
    SEALED("gather", x, zero, TENSOR(OP(w, "unsqueeze", index, one)));
    SEALED("index_fill", x, zero, index, zero);
    SEALED("masked_fill", x, TENSOR(OP(w, "ones_like", x, sy_value_dtype(SY_DTYPE_BOOL))), zero);
    SEALED("masked_select", TENSOR(OP(w, "narrow", x, one, zero, two)), mask);
    SEALED("__getitem__", x, LIST(index, index));
    SEALED("__getitem__", x, LIST(ends, ends));
    SEALED("index_put", TENSOR(d.w), LIST(sy_value_ellipsis()), TENSOR(OP(w, "sum", x)));
    SEALED("split", x, LIST(two, INT(18)));
    SEALED("reshape_as", x, x);
    /* Into a public tensor: that is private from then on. */
    sy_tensor *table = workers_send(w, MATRIX(w, 2, 3, 0, 0, 0, 0, 0, 0), w->bob);
    OP(w, "__setitem__", TENSOR(table), zero, TENSOR(OP(w, "select", x, zero, zero)));
    assert_sealed(w, table, "");
}

/* A size that contents decide gives them away, one comparison at a time; so does a sentence. */
static void test_sizes_and_sentences(void **state)
{
    workers *w = *state;
    published d = publish(w);
    const sy_value x = TENSOR(d.x), labels = TENSOR(d.labels);
    const sy_value mask = TENSOR(OP(w, "gt", x, INT(1005)));
    assert_fails(w, CALL(w, "nonzero", mask), SY_EPERM, "#rows", "bob");
    assert_fails(w, CALL(w, "masked_select", x, mask), SY_EPERM, "#rows", "bob");
    assert_fails(w, CALL(w, "__getitem__", x, mask), SY_EPERM, "#rows", "bob");
    assert_fails(w, CALL(w, "one_hot", labels), SY_EPERM, "#labels", "bob");
    assert_fails(w, CALL(w, "repeat_interleave", x, labels, INT(0)), SY_EPERM, "#labels", "bob");
    const sy_value far = TENSOR(OP(w, "add", labels, INT(98760)));
    sy_tensor *eye = workers_send(w, MATRIX(w, 3, 3, 1, 0, 0, 0, 1, 0, 0, 0, 1), w->bob);
    assert_fails(w, CALL(w, "index_select", TENSOR(eye), INT(0), far), SY_ERANGE, "private");
    assert_null(strstr(w->err.message, "9876"));
    assert_fails(w, CALL(w, "__getitem__", TENSOR(eye), far), SY_ERANGE, "private");
    assert_null(strstr(w->err.message, "9876"));
    assert_fails(w, CALL(w, "one_hot", far, INT(3)), SY_ERANGE, "private");
    assert_null(strstr(w->err.message, "9876"));
}

/* Together with public tensors, in every place. */
static void test_mixed_with_public(void **state)
{
    workers *w = *state;
    published d = publish(w);
    const sy_value x = TENSOR(d.x);
    const sy_value p = TENSOR(d.w);
    const int64_t zero_index[] = {0};
    sy_tensor *index = workers_send(w, workers_longs(w, 1, zero_index), w->bob);
    sy_tensor *mask = OP(w, "eq", p, INT(0));
    sy_tensor *eye = workers_send(w, MATRIX(w, 3, 3, 1, 0, 0, 0, 1, 0, 0, 0, 1), w->bob);
    sy_tensor *pick = workers_send(
        w, MATRIX(w, 1, 20, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), w->bob);
    SEALED("add", p, x);
    SEALED("sub", p, x);
    SEALED("maximum", p, x);
    SEALED("minimum", x, p);
    SEALED("cat", LIST(x, p));
    SEALED("cat", LIST(p, x), INT(1));
    SEALED("stack", LIST(p, x));
    SEALED("stack", LIST(x, x));
    SEALED("where", TENSOR(mask), x, p);
    SEALED("where", TENSOR(mask), p, x);
    SEALED("where", TENSOR(OP(w, "gt", x, INT(1005))), p, INT(1)); /* the condition alone */
    SEALED("index_select", x, INT(0), TENSOR(index));
    SEALED("__getitem__", x, LIST(TENSOR(index)));
    SEALED("matmul", x, TENSOR(eye));
    SEALED("matmul", TENSOR(pick), x);
    SEALED("mm", TENSOR(pick), x);
    SEALED("linear", x, TENSOR(eye));
    SEALED("linear", TENSOR(eye), x);
    SEALED("linear", p, TENSOR(eye), TENSOR(OP(w, "__getitem__", x, INT(0)))); /* as the bias */
    SEALED("addmm", x, p, TENSOR(eye));
    SEALED("mse_loss", x, p);
    SEALED("mse_loss", p, x, sy_value_string("none"));
    SEALED("index_add", p, INT(0), TENSOR(index),
           TENSOR(OP(w, "__getitem__", x, sy_value_slice(0, 1, 1))));
    SEALED("threshold_backward", x, p, INT(-1));
    SEALED("sigmoid_backward", p, x);
    SEALED("slice_backward", TENSOR(OP(w, "__getitem__", x, sy_value_slice(0, 1, 1))),
           LIST(INT(20), INT(3)), INT(0), INT(0), INT(1));
    /* private positions in a public table give the positions away */
    assert_ok(CALL(w, "index_select", TENSOR(eye), INT(0), TENSOR(d.labels)), &w->err);
    assert_sealed_results(w, "#labels");
    assert_ok(CALL(w, "__getitem__", TENSOR(eye), TENSOR(d.labels)), &w->err);
    assert_sealed_results(w, "#labels");
    assert_floats(w, workers_get(w, OP(w, "sum", p)), 0);
}

/* --- writing it somewhere else ------------------------------------------------------------------------ */

static void test_in_place_into_public(void **state)
{
    workers *w = *state;
    published d = publish(w);
    static const char *const names[] = {"add_", "sub_", "copy_", "__iadd__"};
    const int64_t shape[] = {ROWS, COLUMNS};
    const float zeros[ROWS * COLUMNS] = {0};
    for (size_t k = 0; k < sizeof names / sizeof names[0]; k++) {
        sy_tensor *target = workers_send(w, workers_tensor(w, 2, shape, zeros), w->bob);
        sy_tensor *view = OP(w, "__getitem__", TENSOR(target), sy_value_slice(0, 2, 1));
        sy_tensor *alias = workers_send(w, target, w->bob);
        OP(w, names[k], TENSOR(target), TENSOR(d.x));
        assert_sealed(w, target, "#rows");
        assert_sealed(w, view, "private");
        assert_sealed(w, alias, "private");
        /* and it does not wear off */
        OP(w, "zero_", TENSOR(target));
        assert_sealed(w, target, "private");
    }
    sy_tensor *bits = workers_send(w, workers_tensor(w, 2, shape, zeros), w->bob);
    OP(w, "gt_", TENSOR(bits), TENSOR(d.x));
    assert_sealed(w, bits, "#rows");
    sy_tensor *sum = workers_send(w, workers_tensor(w, 2, shape, zeros), w->bob);
    OP(w, "sgd_", TENSOR(sum), TENSOR(d.x), FLOAT(-1));
    assert_sealed(w, sum, "#rows");
    assert_floats(w, workers_get(w, OP(w, "sum", TENSOR(d.w))), 0);
}

static void test_through_a_view(void **state)
{
    workers *w = *state;
    published d = publish(w);
    sy_tensor *part = OP(w, "__getitem__", TENSOR(d.w), sy_value_slice(0, 1, 1));
    sy_tensor *source = OP(w, "__getitem__", TENSOR(d.x), sy_value_slice(0, 1, 1));
    OP(w, "copy_", TENSOR(part), TENSOR(source));
    workers_drop(w, part);
    assert_sealed(w, d.w, "private");
    assert_sealed(w, OP(w, "clone", TENSOR(d.w)), "private");
}

static void test_through_data(void **state)
{
    workers *w = *state;
    published d = publish(w);
    sy_tensor *data = NULL;
    sy_tensor *of_w = NULL;
    sy_tensor *got = NULL;
    assert_ok(sy_tensor_attr(d.x, &data, "data", &w->err), &w->err);
    (void)sy_scope_adopt(w->s, data);
    assert_fails(w, sy_tensor_get(data, &got, &w->err), SY_EINVAL, "clone it first");
    assert_sealed(w, OP(w, "clone", TENSOR(data)), "#rows");
    assert_sealed(w, OP(w, "add", TENSOR(data), INT(0)), "#rows");
    assert_ok(sy_tensor_attr(d.w, &of_w, "data", &w->err), &w->err);
    OP(w, "copy_", TENSOR(sy_scope_adopt(w->s, of_w)), TENSOR(data));
    assert_sealed(w, d.w, "private");
}

/* Interpreters between the handle and the storage do not hide what is in it. */
static void test_through_a_chain_of_interpreters(void **state)
{
    workers *w = *state;
    published d = publish(w);
    sy_tensor *logged = NULL;
    assert_ok(sy_tensor_log(d.x, &logged, &w->err), &w->err);
    sy_tensor *at_bob = workers_send(w, sy_scope_adopt(w->s, logged), w->bob);
    assert_sealed(w, at_bob, "#rows");
    assert_sealed(w, OP(w, "add", TENSOR(at_bob), INT(0)), "#rows");

    /* a logging alias of a public tensor, written through */
    assert_ok(sy_tensor_log(d.w, &logged, &w->err), &w->err);
    sy_tensor *alias = workers_send(w, sy_scope_adopt(w->s, logged), w->bob);
    OP(w, "copy_", TENSOR(alias), TENSOR(d.x));
    assert_sealed(w, alias, "private");
    assert_sealed(w, d.w, "private");
}

static void test_a_logging_alias_of_what_becomes_private(void **state)
{
    workers *w = *state;
    published d = publish(w);
    sy_tensor *logged = NULL;
    assert_ok(sy_tensor_log(d.w, &logged, &w->err), &w->err);
    sy_tensor *alias = workers_send(w, sy_scope_adopt(w->s, logged), w->bob);
    OP(w, "copy_", TENSOR(d.w), TENSOR(d.x));
    assert_sealed(w, d.w, "private");
    assert_sealed(w, alias, "private");
    assert_sealed(w, OP(w, "clone", TENSOR(alias)), "private");
}

/* --- under another name ------------------------------------------------------------------------------- */

static void test_other_names(void **state)
{
    workers *w = *state;
    published d = publish(w);
    sy_tensor *alias = workers_send(w, d.x, w->bob); /* to its own worker: the object itself */
    assert_sealed(w, alias, "#rows");

    sy_tensor *named = NULL;
    const sy_id id = sy_id_from_int(1000);
    assert_ok(sy_worker_send(w->me, &named, d.x, w->bob, &id, &w->err), &w->err);
    assert_sealed(w, sy_scope_adopt(w->s, named), "#rows");

    sy_tensor *copy = OP(w, "clone", TENSOR(d.x));
    assert_ok(sy_tensor_tag(copy, "#harmless", &w->err), &w->err);
    sy_tensor *tagged = workers_send(w, copy, w->bob);
    assert_sealed(w, tagged, "#rows");

    sy_tensor **found = NULL;
    size_t count = 0;
    const char *const term = "#harmless";
    assert_ok(sy_worker_search(w->bob, &found, &count, &term, 1, &w->err), &w->err);
    assert_int_equal(count, 1);
    sy_tensor *result = sy_scope_adopt(w->s, sy_tensor_ref(found[0]));
    sy_tensors_free(w->hook, found, count);
    assert_sealed(w, result, "#rows");

    assert_ok(sy_tensor_keep(copy, &w->err), &w->err); /* allowed, and changes nothing */
    assert_sealed(w, copy, "#rows");

    /* Nobody takes the place of a published object. */
    sy_id rows = SY_ID_INIT;
    assert_ok(sy_id_parse(&rows, "rows", &w->err), &w->err);
    sy_tensor *own = FLOATS(w, 1);
    assert_fails(w, sy_worker_send(w->me, &named, own, w->bob, &rows, &w->err), SY_EEXIST, "rows",
                 "bob");
    assert_sealed(w, d.x, "#rows");
}

static void test_found_and_shown_as_private(void **state)
{
    workers *w = *state;
    published d = publish(w);
    sy_tensor *sum = OP(w, "sum", TENSOR(d.x));
    sy_object_info *infos = NULL;
    size_t count = 0;
    assert_ok(sy_worker_find(w->bob, &infos, &count, NULL, 0, &w->err), &w->err);
    assert_int_equal(count, 4); /* rows, labels, w, sum */
    assert_true(infos[0].private_);
    assert_true(infos[1].private_);
    assert_false(infos[2].private_);
    assert_true(infos[3].private_);
    sy_object_infos_free(w->hook, infos, count);
    assert_sealed(w, sum, "#rows");
}

/* --- by way of another worker, or another client --------------------------------------------------------- */

static void test_a_pointer_sent_on(void **state)
{
    workers *w = *state;
    published d = publish(w);
    sy_tensor *chain = workers_send(w, d.x, w->alice); /* alice gets the pointer, not the rows */
    assert_fails(w, sy_tensor_remote_get_(chain, &w->err), SY_EPERM, "#rows", "private", "bob");
    sy_tensor *sum = OP(w, "add", TENSOR(chain), INT(0)); /* runs at bob */
    assert_fails(w, sy_tensor_remote_get_(sum, &w->err), SY_EPERM, "#rows", "private", "bob");
    assert_sealed(w, workers_copy_get(w, sum), "#rows");
    sy_tensor *back = workers_get(w, chain);
    assert_ptr_equal(sy_tensor_get_location(back), w->bob);
    assert_sealed(w, back, "#rows");
    sy_tensor *own = workers_send(w, FLOATS(w, 1), w->alice);
    sy_tensor *again = workers_send(w, d.x, w->alice);
    assert_fails(w, CALL(w, "copy_", TENSOR(own), TENSOR(again)), SY_ECOLLOCATION, "bob");
    assert_floats(w, workers_get(w, own), 1);
}

static void test_another_client(void **state)
{
    workers *w = *state;
    published d = publish(w);
    sy_worker *bob = NULL;
    sy_hook *other = workers_add_client(w, "other", &bob);
    sy_tensor *sum = OP(w, "sum", TENSOR(d.x));
    sy_id ids[2] = {SY_ID_INIT, sy_tensor_get_id_at_location(sum)};
    assert_ok(sy_id_parse(&ids[0], "rows", &w->err), &w->err);
    for (int k = 0; k < 2; k++) {
        sy_tensor *p = NULL;
        sy_tensor *got = NULL;
        assert_ok(sy_tensor_point_to(other, &p, bob, &ids[k], &w->err), &w->err);
        assert_fails(w, sy_tensor_get(p, &got, &w->err), SY_EPERM, "#rows", "private", "bob");
        assert_fails(w, sy_tensor_copy_get(p, &got, &w->err), SY_EPERM, "#rows", "private", "bob");
        sy_tensor_unref(p);
    }
}

/* A reader that arrives while private contents are being written sees what was there before, or nothing. */
static void test_reading_while_it_is_written(void **state)
{
    workers *w = *state;
    sy_worker *bob = NULL;
    sy_hook *other = workers_add_client(w, "other", &bob);
    const int64_t shape[] = {800 / TEST_SLOWNESS, 800};
    const size_t count = 800 / TEST_SLOWNESS * 800;
    float *values = malloc(count * sizeof *values);
    for (size_t k = 0; k < count; k++) {
        values[k] = 1;
    }
    sy_tensor *x = workers_publish(w, w->bob, w->bob_serving, "big", "#big", true, 2, shape,
                                   SY_DTYPE_F32, values);
    free(values);
    for (int round = 0; round < 3; round++) {
        sy_scope *s = sy_scope_begin(w->hook);
        sy_tensor *zeros = sy_zeros(s, SY_DTYPE_F32, 2, shape);
        sy_tensor *target = NULL;
        sy_tensor *got = NULL;
        sy_tensor *theirs = NULL;
        assert_ok(sy_tensor_send(zeros, &target, w->bob, &w->err), &w->err);
        (void)sy_scope_adopt(s, target);
        const sy_id id = sy_tensor_get_id_at_location(target);
        assert_ok(sy_tensor_point_to(other, &theirs, bob, &id, &w->err), &w->err);
        sy_scope_set_pipelined(s, true);
        for (int k = 0; k < 32; k++) { /* one batch: it is on its way when the reader asks */
            (void)sy_add_(s, target, x);
        }
        const sy_status status = sy_tensor_copy_get(theirs, &got, &w->err);
        if (status == SY_OK) {
            const syi_array *array = syi_node_array(got->node);
            for (int64_t k = 0; k < (int64_t)count; k += 997) {
                assert_true(syi_array_get_double(array, k) == 0);
            }
        } else {
            assert_int_equal(status, SY_EPERM);
        }
        sy_tensor_unref(got);
        sy_tensor_unref(theirs);
        assert_ok(sy_scope_end(s, &w->err), &w->err);
        assert_ok(sy_hook_synchronize(w->hook, &w->err), &w->err);
    }
}

/* --- by way of gradients ------------------------------------------------------------------------------------ */

static sy_tensor *grad_of(workers *w, sy_tensor *leaf)
{
    sy_tensor *grad = NULL;
    assert_ok(sy_tensor_get_grad(leaf, &grad, &w->err), &w->err);
    assert_non_null(grad);
    return sy_scope_adopt(w->s, grad);
}

static void test_gradient_of_a_public_leaf(void **state)
{
    workers *w = *state;
    published d = publish(w);
    sy_tensor *got = NULL;
    assert_ok(sy_tensor_set_requires_grad(d.w, true, &w->err), &w->err);
    sy_tensor *loss = OP(w, "sum", TENSOR(OP(w, "mul", TENSOR(d.w), TENSOR(d.x))));
    assert_ok(sy_tensor_backward(loss, NULL, &w->err), &w->err); /* the gradient is x itself */
    sy_tensor *grad = grad_of(w, d.w);
    assert_fails(w, sy_tensor_get(grad, &got, &w->err), SY_EINVAL, "clone it first");
    assert_sealed(w, OP(w, "clone", TENSOR(grad)), "#rows");
    assert_sealed(w, OP(w, "sum", TENSOR(grad)), "#rows");
    /* The leaf is public and may be had; its gradient stays. */
    sy_tensor *leaf = workers_copy_get(w, d.w);
    sy_tensor *none = NULL;
    assert_ok(sy_tensor_get_grad(leaf, &none, &w->err), &w->err);
    assert_null(none);
    /* An update with it makes the leaf private, as no release was declared. */
    OP(w, "sgd_", TENSOR(d.w), TENSOR(grad), FLOAT(-1));
    assert_sealed(w, d.w, "#rows");
}

static void test_private_gradient_argument(void **state)
{
    workers *w = *state;
    published d = publish(w);
    assert_ok(sy_tensor_set_requires_grad(d.w, true, &w->err), &w->err);
    sy_tensor *y = OP(w, "mul", TENSOR(d.w), INT(1)); /* public */
    assert_ok(sy_tensor_backward(y, d.x, &w->err), &w->err);
    assert_sealed(w, OP(w, "clone", TENSOR(grad_of(w, d.w))), "private");
}

/* The gradient of something public, computed from a private input all the same. */
static void test_private_input_of_a_public_loss(void **state)
{
    workers *w = *state;
    published d = publish(w);
    assert_ok(sy_tensor_set_requires_grad(d.x, true, &w->err), &w->err);
    sy_tensor *loss = OP(w, "sum", TENSOR(OP(w, "mul", TENSOR(d.x), TENSOR(d.x))));
    assert_ok(sy_tensor_backward(loss, NULL, &w->err), &w->err); /* 2 x */
    assert_sealed(w, OP(w, "clone", TENSOR(grad_of(w, d.x))), "#rows");
    assert_sealed(w, d.x, "#rows");
}

/* A private tensor as the gradient of a public one, set by hand, here and in what is sent. */
static void test_gradient_set_by_hand(void **state)
{
    workers *w = *state;
    published d = publish(w);
    const int64_t shape[] = {ROWS, COLUMNS};
    const float zeros[ROWS * COLUMNS] = {0};
    assert_ok(sy_tensor_set_grad(d.w, d.x, &w->err), &w->err);
    sy_tensor *leaf = workers_copy_get(w, d.w);
    sy_tensor *none = NULL;
    assert_ok(sy_tensor_get_grad(leaf, &none, &w->err), &w->err);
    assert_null(none);
    assert_sealed(w, OP(w, "clone", TENSOR(grad_of(w, d.w))), "#rows");

    sy_tensor *sources[] = {d.x, OP(w, "add", TENSOR(d.x), INT(0)), OP(w, "clone", TENSOR(d.x))};
    for (size_t k = 0; k < sizeof sources / sizeof sources[0]; k++) {
        sy_tensor *local = workers_tensor(w, 2, shape, zeros);
        if (sy_tensor_set_grad(local, sources[k], &w->err) != SY_OK) {
            continue; /* refused already here is as good */
        }
        sy_tensor *sent = workers_send(w, local, w->bob);
        sy_tensor *back = workers_copy_get(w, sent);
        assert_ok(sy_tensor_get_grad(back, &none, &w->err), &w->err);
        assert_null(none);
        assert_sealed(w, OP(w, "clone", TENSOR(grad_of(w, sent))), "private");
    }
}

/* --- error texts ---------------------------------------------------------------------------------------------- */

static void assert_says_nothing(workers *w, sy_status status)
{
    assert_int_not_equal(status, SY_OK);
    assert_null(strstr(w->err.message, "4711"));
    assert_string_equal(w->err.worker, "bob");
    assert_int_equal(workers_log_count(w, SY_LOG_INFO, "workers", "4711"), 0);
    assert_int_equal(workers_log_count(w, SY_LOG_WARNING, "workers", "4711"), 0);
}

static void test_error_texts(void **state)
{
    workers *w = *state;
    const int64_t four = 4;
    const int64_t odd[] = {0, 4711, 1, 2};
    sy_tensor *labels = workers_publish(w, w->bob, w->bob_serving, "odd", "#odd", true, 1, &four,
                                        SY_DTYPE_I64, odd);
    sy_tensor *table = workers_send(w, MATRIX(w, 4, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), w->bob);
    sy_tensor *shown = workers_send(w, workers_longs(w, 4, odd), w->bob);
    workers_log_clear(w);
    /* with public labels the number is in the sentence: so it would be for private ones */
    assert_fails(w, CALL(w, "nll_loss", TENSOR(table), TENSOR(shown)), SY_ERANGE, "4711", "bob");
    workers_log_clear(w);
    assert_says_nothing(w, CALL(w, "nll_loss", TENSOR(table), TENSOR(labels)));
    assert_says_nothing(w, CALL(w, "cross_entropy", TENSOR(table), TENSOR(labels)));
    assert_says_nothing(w, CALL(w, "index_select", TENSOR(table), INT(0), TENSOR(labels)));
    assert_says_nothing(w, CALL(w, "__getitem__", TENSOR(table), TENSOR(labels)));
    assert_says_nothing(w, CALL(w, "__getitem__", TENSOR(table), LIST(TENSOR(labels))));
    assert_says_nothing(w,
                        CALL(w, "index_add", TENSOR(table), INT(0), TENSOR(labels), TENSOR(table)));
    assert_says_nothing(
        w, CALL(w, "index_add_", TENSOR(table), INT(0), TENSOR(labels), TENSOR(table)));
    assert_says_nothing(w, CALL(w, "nll_loss_backward", TENSOR(OP(w, "sum", TENSOR(table))),
                                TENSOR(table), TENSOR(labels)));
    assert_says_nothing(w, CALL(w, "matmul", TENSOR(table), TENSOR(labels)));
    /* through a chain: the sentence passes alice */
    sy_tensor *a = workers_send(w, table, w->alice);
    sy_tensor *b = workers_send(w, labels, w->alice);
    assert_int_not_equal(CALL(w, "nll_loss", TENSOR(a), TENSOR(b)), SY_OK);
    assert_null(strstr(w->err.message, "4711"));
}

/* --- releases --------------------------------------------------------------------------------------------------- */

/* One step of training `weight` (COLUMNS x 3) on `batch` and `labels`: does the result leave bob? */
static bool step_leaves(workers *w, sy_tensor *batch, sy_tensor *labels)
{
    const int64_t shape[] = {COLUMNS, 3};
    const float start[COLUMNS * 3] = {0.1f, 0.2f, 0.3f, 0.4f, 0.5f, 0.6f, 0.7f, 0.8f, 0.9f};
    sy_tensor *weight = workers_tensor(w, 2, shape, start);
    assert_ok(sy_tensor_set_requires_grad(weight, true, &w->err), &w->err);
    sy_tensor *p = workers_send(w, weight, w->bob);
    sy_tensor *out = OP(w, "mul", TENSOR(OP(w, "matmul", TENSOR(batch), TENSOR(p))), FLOAT(0.001));
    sy_tensor *loss = OP(w, "cross_entropy", TENSOR(out), TENSOR(labels));
    assert_ok(sy_tensor_backward(loss, NULL, &w->err), &w->err);
    assert_sealed(w, loss, "private");
    assert_sealed(w, OP(w, "clone", TENSOR(grad_of(w, p))), "private");
    OP(w, "sgd_", TENSOR(p), TENSOR(grad_of(w, p)), FLOAT(0.1));
    sy_tensor *got = NULL;
    const sy_status status = sy_tensor_copy_get(p, &got, &w->err);
    if (status != SY_OK) {
        assert_fails(w, sy_tensor_copy_get(p, &got, &w->err), SY_EPERM, "private", "bob");
        assert_sealed(w, p, "private");
        return false;
    }
    sy_tensor *grad = NULL;
    assert_ok(sy_tensor_get_grad(sy_scope_adopt(w->s, got), &grad, &w->err), &w->err);
    assert_null(grad); /* the parameters leave, their gradient does not */
    return true;
}

static sy_tensor *rows(workers *w, sy_tensor *x, int64_t start, int64_t stop)
{
    return OP(w, "__getitem__", TENSOR(x), sy_value_slice(start, stop, 1));
}

static void test_no_release(void **state)
{
    workers *w = *state;
    published d = publish(w);
    assert_false(step_leaves(w, d.x, d.labels));
}

static void test_release_needs_rows(void **state)
{
    workers *w = *state;
    published d = publish(w);
    assert_ok(sy_worker_declare_release(w->bob_serving, "sgd_", 8, &w->err), &w->err);
    assert_true(step_leaves(w, d.x, d.labels));
    assert_true(step_leaves(w, rows(w, d.x, 0, 8), rows(w, d.labels, 0, 8)));
    assert_false(step_leaves(w, rows(w, d.x, 0, 7), rows(w, d.labels, 0, 7)));
    assert_false(step_leaves(w, rows(w, d.x, 4, 5), rows(w, d.labels, 4, 5)));
    assert_sealed(w, d.x, "#rows");
    assert_sealed(w, OP(w, "clone", TENSOR(d.x)), "#rows");
}

static void test_declaring(void **state)
{
    workers *w = *state;
    assert_fails(w, sy_worker_declare_release(w->bob_serving, "sgd", 8, &w->err), SY_EUNKNOWNOP,
                 "sgd");
    assert_fails(w, sy_worker_declare_release(w->bob_serving, "sgd_", 0, &w->err), SY_EINVAL,
                 "sgd_");
}

/* Rows that are all one row in disguise. */
static void test_release_of_repeated_rows(void **state)
{
    workers *w = *state;
    published d = publish(w);
    int64_t indices[ROWS] = {0};
    sy_tensor *same = workers_send(w, workers_longs(w, ROWS, indices), w->bob);
    assert_ok(sy_worker_declare_release(w->bob_serving, "sgd_", 8, &w->err), &w->err);
    const sy_value size[] = {INT(ROWS), INT(COLUMNS)};
    sy_tensor *row = rows(w, d.x, 0, 1);
    assert_false(
        step_leaves(w, OP(w, "index_select", TENSOR(d.x), INT(0), TENSOR(same)), d.labels));
    assert_false(step_leaves(w, OP(w, "__getitem__", TENSOR(d.x), TENSOR(same)), d.labels));
    assert_false(step_leaves(w, OP(w, "expand", TENSOR(row), sy_value_list(size, 2)), d.labels));
    sy_value copies[ROWS];
    for (int k = 0; k < ROWS; k++) {
        copies[k] = TENSOR(row);
    }
    assert_false(step_leaves(w, OP(w, "cat", sy_value_list(copies, ROWS)), d.labels));
    assert_false(step_leaves(w, OP(w, "add", TENSOR(d.w), TENSOR(row)), d.labels));
    for (int k = 0; k < ROWS; k++) {
        indices[k] = k % 7; /* seven rows are still too few */
    }
    same = workers_send(w, workers_longs(w, ROWS, indices), w->bob);
    assert_false(
        step_leaves(w, OP(w, "index_select", TENSOR(d.x), INT(0), TENSOR(same)), d.labels));
    for (int k = 0; k < ROWS; k++) {
        indices[k] = ROWS - 1 - k; /* in another order they are all there */
    }
    same = workers_send(w, workers_longs(w, ROWS, indices), w->bob);
    assert_true(step_leaves(w, OP(w, "index_select", TENSOR(d.x), INT(0), TENSOR(same)), d.labels));
}

/* All rows but one made nothing of. */
static sy_tensor *mask_of_one_row(workers *w)
{
    const int64_t shape[] = {ROWS, 1};
    float mask[ROWS] = {1};
    return workers_send(w, workers_tensor(w, 2, shape, mask), w->bob);
}

static void test_release_of_masked_rows(void **state)
{
    workers *w = *state;
    published d = publish(w);
    sy_tensor *mask = mask_of_one_row(w);
    assert_ok(sy_worker_declare_release(w->bob_serving, "sgd_", 8, &w->err), &w->err);
    assert_false(step_leaves(w, OP(w, "mul", TENSOR(d.x), TENSOR(mask)), d.labels));
    assert_false(step_leaves(w, OP(w, "mul", TENSOR(mask), TENSOR(d.x)), d.labels));
    sy_tensor *bits = OP(w, "gt", TENSOR(mask), INT(0));
    assert_false(step_leaves(w, OP(w, "where", TENSOR(bits), TENSOR(d.x), INT(0)), d.labels));
    assert_false(step_leaves(w, OP(w, "where", TENSOR(bits), TENSOR(d.x), TENSOR(d.w)), d.labels));
    assert_false(step_leaves(
        w, OP(w, "maximum", TENSOR(d.x), TENSOR(OP(w, "mul", TENSOR(mask), INT(9)))), d.labels));
    /* one factor for all rows picks none out */
    sy_tensor *scale = workers_send(w, FLOATS(w, 1, 2, 3), w->bob);
    assert_true(step_leaves(w, OP(w, "mul", TENSOR(d.x), TENSOR(scale)), d.labels));
    assert_true(
        step_leaves(w, OP(w, "relu", TENSOR(OP(w, "sub", TENSOR(d.x), INT(1000)))), d.labels));
}

/* The same in place: the rows themselves are written over while somebody holds another handle on them. */
static void test_release_of_rows_written_over(void **state)
{
    workers *w = *state;
    published d = publish(w);
    sy_tensor *mask = mask_of_one_row(w);
    assert_ok(sy_worker_declare_release(w->bob_serving, "sgd_", 8, &w->err), &w->err);
    sy_tensor *first = OP(w, "clone", TENSOR(d.x));
    sy_tensor *view = OP(w, "detach", TENSOR(first)); /* made while each row was a row */
    assert_true(step_leaves(w, view, d.labels));
    OP(w, "mul_", TENSOR(first), TENSOR(mask));
    assert_false(step_leaves(w, first, d.labels));
    assert_false(step_leaves(w, view, d.labels));

    sy_tensor *second = OP(w, "clone", TENSOR(d.x));
    view = OP(w, "detach", TENSOR(second));
    OP(w, "mul_", TENSOR(view), TENSOR(mask)); /* through the view */
    assert_false(step_leaves(w, second, d.labels));

    sy_tensor *third = OP(w, "clone", TENSOR(d.x));
    sy_tensor *data = NULL;
    assert_ok(sy_tensor_attr(third, &data, "data", &w->err), &w->err);
    OP(w, "mul_", TENSOR(sy_scope_adopt(w->s, data)), TENSOR(mask)); /* through .data */
    assert_false(step_leaves(w, third, d.labels));

    sy_tensor *fourth = OP(w, "clone", TENSOR(d.x));
    const sy_value size[] = {INT(ROWS - 1), INT(COLUMNS)};
    sy_tensor *rest = rows(w, fourth, 1, ROWS);
    OP(w, "copy_", TENSOR(rest),
       TENSOR(OP(w, "expand", TENSOR(rows(w, d.x, 0, 1)), sy_value_list(size, 2))));
    assert_false(step_leaves(w, fourth, d.labels));

    sy_tensor *fifth = OP(w, "clone", TENSOR(d.x));
    OP(w, "zero_", TENSOR(rows(w, fifth, 1, ROWS)));
    assert_false(step_leaves(w, fifth, d.labels));

    sy_tensor *sixth = OP(w, "clone", TENSOR(d.x));
    sy_tensor *logged = NULL;
    assert_ok(sy_tensor_log(sixth, &logged, &w->err), &w->err);
    sy_tensor *alias = workers_send(w, sy_scope_adopt(w->s, logged), w->bob);
    OP(w, "mul_", TENSOR(alias), TENSOR(mask)); /* through an interpreter */
    assert_false(step_leaves(w, sixth, d.labels));

    /* the same change for all rows is none of these */
    sy_tensor *seventh = OP(w, "clone", TENSOR(d.x));
    OP(w, "sub_", TENSOR(seventh), INT(1000));
    assert_true(step_leaves(w, seventh, d.labels));
}

/* Gradients of several losses add up: one bad part spoils the sum, in either order. */
static void test_release_of_added_gradients(void **state)
{
    workers *w = *state;
    published d = publish(w);
    assert_ok(sy_worker_declare_release(w->bob_serving, "sgd_", 8, &w->err), &w->err);
    for (int order = 0; order < 2; order++) {
        sy_tensor *weight = FLOATS(w, 0, 0, 0);
        assert_ok(sy_tensor_set_requires_grad(weight, true, &w->err), &w->err);
        sy_tensor *p = workers_send(w, weight, w->bob);
        sy_tensor *target = workers_send(w, FLOATS(w, 1), w->bob);
        for (int part = 0; part < 2; part++) {
            sy_tensor *loss =
                part == order
                    ? OP(w, "mse_loss",
                         TENSOR(OP(w, "unsqueeze", TENSOR(OP(w, "matmul", TENSOR(d.x), TENSOR(p))),
                                   INT(1))),
                         TENSOR(target))
                    : OP(w, "sum", TENSOR(OP(w, "mul", TENSOR(rows(w, d.x, 0, 1)), TENSOR(p))));
            assert_ok(sy_tensor_backward(loss, NULL, &w->err), &w->err);
        }
        OP(w, "sgd_", TENSOR(p), TENSOR(grad_of(w, p)), FLOAT(1));
        assert_sealed(w, p, "#rows");
    }
}

/* A sum instead of a mean, or no reduction, is no aggregate. */
static void test_release_of_other_reductions(void **state)
{
    workers *w = *state;
    published d = publish(w);
    static const char *const reductions[] = {"sum", "mean"};
    assert_ok(sy_worker_declare_release(w->bob_serving, "sgd_", 8, &w->err), &w->err);
    for (size_t k = 0; k < 2; k++) {
        const int64_t shape[] = {COLUMNS, 3};
        const float zeros[COLUMNS * 3] = {0};
        sy_tensor *weight = workers_tensor(w, 2, shape, zeros);
        assert_ok(sy_tensor_set_requires_grad(weight, true, &w->err), &w->err);
        sy_tensor *p = workers_send(w, weight, w->bob);
        sy_tensor *loss = OP(w, "cross_entropy", TENSOR(OP(w, "matmul", TENSOR(d.x), TENSOR(p))),
                             TENSOR(d.labels), sy_value_string(reductions[k]));
        assert_ok(sy_tensor_backward(loss, NULL, &w->err), &w->err);
        OP(w, "sgd_", TENSOR(p), TENSOR(grad_of(w, p)), FLOAT(1));
        if (k == 0) {
            assert_sealed(w, p, "private");
        } else {
            (void)workers_get(w, p);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORKER_KINDS(test_direct_reads),
        WORKER_KINDS(test_computed_reads),
        WORKER_KINDS(test_moved_reads),
        WORKER_KINDS(test_sizes_and_sentences),
        WORKER_KINDS(test_mixed_with_public),
        WORKER_KINDS(test_in_place_into_public),
        WORKER_KINDS(test_through_a_view),
        WORKER_KINDS(test_through_data),
        WORKER_KINDS(test_through_a_chain_of_interpreters),
        WORKER_KINDS(test_a_logging_alias_of_what_becomes_private),
        WORKER_KINDS(test_other_names),
        WORKER_KINDS(test_found_and_shown_as_private),
        WORKER_KINDS(test_a_pointer_sent_on),
        REMOTE_WORKER_KINDS(test_another_client),
        REMOTE_WORKER_KINDS(test_reading_while_it_is_written),
        WORKER_KINDS(test_gradient_of_a_public_leaf),
        WORKER_KINDS(test_private_gradient_argument),
        WORKER_KINDS(test_private_input_of_a_public_loss),
        WORKER_KINDS(test_gradient_set_by_hand),
        WORKER_KINDS(test_error_texts),
        WORKER_KINDS(test_no_release),
        WORKER_KINDS(test_release_needs_rows),
        WORKER_KINDS(test_declaring),
        WORKER_KINDS(test_release_of_repeated_rows),
        WORKER_KINDS(test_release_of_masked_rows),
        WORKER_KINDS(test_release_of_rows_written_over),
        WORKER_KINDS(test_release_of_added_gradients),
        WORKER_KINDS(test_release_of_other_reductions),
    };
    return workers_run(tests);
}
