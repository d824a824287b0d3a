/* served_directory_test.c - what is a dataset by its name, what belongs together, what overrides, and all or nothing. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <csyft/caller.h>
#include <csyft/federated.h>

#include "core/buffer.h"
#include "hook/tensor.h"
#include "support/folder.h"
#include "support/local_hook.h"

#define NPZ CSYFT_TEST_SOURCE_DIR "/tests/vectors/npz/"

typedef struct fixture {
    local_hook *local;
    sy_worker *worker;
    test_folder folder;
    char files[32][300]; /* written */
    size_t file_count;
} fixture;

static int setup(void **state)
{
    static fixture f;
    void *local = NULL;
    memset(&f, 0, sizeof f);
    if (local_hook_setup(&local) != 0 || !test_folder_make(&f.folder)) {
        return -1;
    }
    f.local = local;
    assert_ok(sy_virtual_worker_new(f.local->hook, &f.worker, "bob", &f.local->err), &f.local->err);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    void *local = f->local;
    return test_folder_remove(&f->folder) ? local_hook_teardown(&local) : -1;
}

static void put(fixture *f, const char *name, const void *bytes, size_t size)
{
    char *path = f->files[f->file_count++];
    assert_true(f->file_count <= 32);
    snprintf(path, sizeof f->files[0], "%s/%s", f->folder.path, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void put_text(fixture *f, const char *name, const char *text)
{
    put(f, name, text, strlen(text));
}

/* Bytes of so many rows of 2x2, or of labels. */
static void put_idx(fixture *f, const char *name, uint8_t rows, bool labels)
{
    uint8_t bytes[16 + 64] = {0, 0, 8, labels ? 1 : 3, 0, 0, 0, rows, 0, 0, 0, 2, 0, 0, 0, 2};
    put(f, name, bytes, labels ? 8u + rows : 16u + 4u * rows);
}

static void put_copy(fixture *f, const char *name, const char *from)
{
    uint8_t bytes[4096];
    FILE *file = fopen(from, "rb");
    assert_non_null(file);
    const size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    put(f, name, bytes, size);
}

static void forget_files(fixture *f)
{
    while (f->file_count > 0) {
        assert_int_equal(remove(f->files[--f->file_count]), 0);
    }
}

static sy_status serve(fixture *f, const sy_serve_options *options, size_t *served)
{
    return sy_worker_serve_directory(f->worker, f->folder.path, options, served, &f->local->err);
}

static bool is_served(fixture *f, const char *key, sy_dataset_info *info)
{
    const sy_shard shard = {f->worker, key};
    return sy_shard_get_info(&shard, info, NULL) == SY_OK;
}

static void put_all_kinds(fixture *f)
{
    put_text(f, "table.csv", "a,b,kind\n1,2,0\n3,4,1\n");
    put_copy(f, "archive.npz", NPZ "set.npz");
    put_idx(f, "train-images-idx3-ubyte", 5, false);
    put_idx(f, "train-labels-idx1-ubyte", 5, true);
    put_idx(f, "t10k-images.idx3-ubyte", 3, false);
    put_idx(f, "t10k-labels.idx1-ubyte", 3, true);
    put_idx(f, "small.idx", 2, false);
    put_text(f, "small.targets.csv", "0\n1\n");
    put_idx(f, "two.parts.idx", 1, false); /* a point in a key */
    put_idx(f, "two.parts.targets.idx", 1, true);
}

static void test_every_kind(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *key;
        int64_t rows;
        int ndim;
    } expected[] = {{"table", 2, 2}, {"archive", 6, 3}, {"train", 5, 3},
                    {"t10k", 3, 3},  {"small", 2, 3},   {"two.parts", 1, 3}};
    char hidden[300];
    size_t served = 0;
    sy_dataset_info info;
    sy_serve_options o = SY_SERVE_OPTIONS_INIT;
    o.release_rows = 2;
    put_all_kinds(f);
    put_text(f, "README", "rows");
    put_text(f, "notes.txt", "rows");
    put_text(f, "images.idx.gz", "packed");
    put_text(f, ".hidden.csv", "no rows");
    snprintf(hidden, sizeof hidden, "%s/folder.npy", f->folder.path);
    assert_int_equal(mkdir(hidden, 0700), 0);
    assert_ok(serve(f, &o, &served), &f->local->err);
    assert_int_equal(served, 6);
    for (size_t k = 0; k < 6; k++) {
        assert_true(is_served(f, expected[k].key, &info));
        assert_int_equal(info.rows, expected[k].rows);
        assert_int_equal(info.ndim, expected[k].ndim);
        assert_int_equal(info.release_rows, 2);
        sy_worker_withdraw_dataset(f->worker, expected[k].key);
    }
    forget_files(f);
    assert_ok(serve(f, &o, &served), &f->local->err);
    assert_int_equal(served, 0);
    assert_ok(serve(f, NULL, NULL), &f->local->err);
}

static void test_what_a_file_beside_overrides(void **state)
{
    fixture *f = *state;
    static const char *const tags[] = {"#all"}, *const transforms[] = {"flatten"},
                             *const allow[] = {"search=alice"};
    size_t served = 0;
    sy_dataset_info info;
    sy_tensor *object = NULL;
    sy_id id = SY_ID_INIT;
    sy_serve_options o = SY_SERVE_OPTIONS_INIT;
    o.tags = tags;
    o.transforms = transforms;
    o.allow = allow;
    o.tag_count = o.transform_count = o.allow_count = 1;
    put_idx(f, "a.idx", 4, false);
    put_idx(f, "a.targets.idx", 4, true);
    put_idx(f, "b.idx", 4, false);
    put_idx(f, "b.targets.idx", 4, true);
    put_text(f, "b.dataset",
             "tag #b\nrelease-rows 3\ntransform float32\ntransform scale 2\n"
             "target-transform one_hot 3\nallow search=bob\ndescribe small ones\n");
    assert_ok(serve(f, &o, &served), &f->local->err);
    assert_int_equal(served, 2);
    assert_true(is_served(f, "a", &info));
    assert_int_equal(info.ndim, 2);
    assert_int_equal(info.shape[1], 4);
    assert_int_equal(info.target_ndim, 1);
    assert_int_equal(info.release_rows, 0);
    assert_true(is_served(f, "b", &info));
    assert_int_equal(info.ndim, 3);
    assert_int_equal(info.dtype, SY_DTYPE_F32);
    assert_int_equal(info.target_ndim, 2);
    assert_int_equal(info.release_rows, 3);
    for (int k = 0; k < 2; k++) {
        assert_ok(sy_id_from_text(&id, k == 0 ? "a" : "b", NULL), &f->local->err);
        assert_ok(sy_worker_get_object(f->worker, &object, &id, &f->local->err), &f->local->err);
        assert_string_equal(sy_tensor_get_tag(object, 0), k == 0 ? "#all" : "#b");
        assert_int_equal(sy_tensor_permits(object, SY_PERMISSION_SEARCH, "alice"), k == 0);
        assert_int_equal(sy_tensor_permits(object, SY_PERMISSION_SEARCH, "bob"), k == 1);
        sy_tensor_unref(object);
        sy_worker_withdraw_dataset(f->worker, k == 0 ? "a" : "b");
    }
}

/* Behind a dataset that is good, so that there is something to take back. */
static void test_all_or_nothing(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *names[3], *text; /* of the first */
        sy_status status;
        const char *sentence;
    } cases[] = {
        {{"b.npy"}, "", SY_ENOTFOUND, "b.npy: the targets that belong to it, as b.targets.npy"},
        {{"b.idx", "b.dataset"}, "", SY_ENOTFOUND, "b.idx: the targets"},
        {{"b.targets.npy"}, "", SY_ENOTFOUND, "b.targets.npy: the rows that belong to it"},
        {{"b-labels-idx1-ubyte"}, "", SY_ENOTFOUND, "b-labels-idx1-ubyte: the rows"},
        {{"b.dataset"}, "tag x\n", SY_ENOTFOUND, "b.dataset: the rows"},
        {{"b.csv", "b.npz"}, "1,2\n", SY_EEXIST, "both b.csv and b.npz are the rows of b"},
        {{"b.csv", "b.targets.csv", "b.targets.npy"},
         "1,2\n",
         SY_EEXIST,
         "both b.targets.csv and b.targets.npy are the targets of b"},
        {{"b.csv"}, "1,2\n3\n", SY_EFORMAT, "b.csv"},
        {{"b.npz"}, "PK\3\4 and no more", SY_EFORMAT, "b.npz"},
        {{"b.dataset", "b.csv"}, "colour red\n", SY_EFORMAT, "b.dataset, line 1: colour"},
        {{"taken.csv"}, "1,2\n3,4\n", SY_EEXIST, "taken.csv"},
        {{"a23456789a123456789a123456789a123456789a123456789a123456789a123456789a12.csv"},
         "1,2\n",
         SY_EINVAL,
         "a key has 1 to 71 bytes"},
    };
    sy_dataset_info info;
    size_t served = 0;
    const float one = 1;
    sy_tensor *rows = local_hook_floats(f->local, 1, &one);
    assert_ok(sy_worker_serve_dataset(f->worker, "taken", rows, rows, NULL, &f->local->err),
              &f->local->err);
    sy_tensor_unref(rows);
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        put_text(f, "a.csv", "1,2\n3,4\n");
        put_text(f, "z.csv", "1,2\n3,4\n");
        for (size_t i = 0; i < 3 && cases[k].names[i] != NULL; i++) {
            put_text(f, cases[k].names[i], i == 0 ? cases[k].text : "1,2\n");
        }
        served = 77;
        assert_status(serve(f, NULL, &served), cases[k].status, &f->local->err);
        if (strstr(f->local->err.message, cases[k].sentence) == NULL ||
            strstr(f->local->err.message, f->folder.path) == NULL) {
            fail_msg("case %zu: %s", k, f->local->err.message);
        }
        assert_int_equal(served, 0);
        assert_false(is_served(f, "a", &info));
        assert_false(is_served(f, "b", &info));
        assert_false(is_served(f, "z", &info));
        assert_true(is_served(f, "taken", &info));
        forget_files(f);
    }
    sy_worker_withdraw_dataset(f->worker, "taken");
    assert_status(sy_worker_serve_directory(f->worker, "/nowhere", NULL, NULL, &f->local->err),
                  SY_ENOTFOUND, &f->local->err);
    put_text(f, "a.csv", "1,2\n");
    assert_status(sy_worker_serve_directory(f->worker, f->files[0], NULL, NULL, &f->local->err),
                  SY_EIO, &f->local->err);
}

/* Each allocation refused in turn: nothing is served, or all. */
static void test_memory(void **state)
{
    fixture *f = *state;
    sy_dataset_info info;
    sy_status status = SY_ENOMEM;
    size_t refusals = 0, served = 0;
    put_all_kinds(f);
    put_text(f, "table.dataset", "tag #t\nallow search=alice\n");
    while (status != SY_OK) {
        f->local->memory.fail_at = f->local->memory.calls + ++refusals;
        status = serve(f, NULL, &served);
        f->local->memory.fail_at = 0;
        assert_true(status == SY_OK || status == SY_ENOMEM);
        assert_int_equal(served, status == SY_OK ? 6 : 0);
        assert_int_equal(is_served(f, "archive", &info), status == SY_OK);
        assert_int_equal(is_served(f, "train", &info), status == SY_OK);
    }
    assert_true(refusals > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_kind, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_a_file_beside_overrides, setup, teardown),
        cmocka_unit_test_setup_teardown(test_all_or_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_memory, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
