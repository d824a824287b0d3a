/*
 * model_file_test.c - files written by PyTorch 1.13 and by hand (tests/vectors/models) are read to the values
 * that PyTorch has for them, are written again byte for byte, and the hostile ones among them are refused by
 * name. Files cut anywhere, memory refused anywhere, a full disk.
 */
#include <ctype.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "formats/decimal.h"
#include "formats/model_file.h"
#include "formats/safetensors.h"
#include "formats/torch_legacy.h"
#include "formats/torch_zip.h"
#include "support/folder.h"
#include "support/memory_faults.h"

#define VECTORS CSYFT_TEST_SOURCE_DIR "/tests/vectors/models/"

typedef struct fixture {
    failing_allocator memory;
    sy_context *context;
} fixture;

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    f->context = failing_allocator_context(&f->memory);
    *state = f;
    return f->context != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    fixture *f = *state;
    sy_context_free(f->context);
    const bool broken = f->memory.live != 0 || f->memory.broken;
    free(f);
    return broken;
}

static const char *path_of(const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, VECTORS "%s", name);
    return path;
}

static uint8_t *read_file(const char *name, size_t *size)
{
    FILE *file = fopen(path_of(name), "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    *size = (size_t)ftell(file);
    rewind(file);
    uint8_t *bytes = malloc(*size + 1);
    assert_int_equal(fread(bytes, 1, *size, file), *size);
    fclose(file);
    return bytes;
}

/* Calls `visit` with the words of each line whose first word is `kind`. Returns how many there were. */
static int each_line(const char *kind, void *argument,
                     void (*visit)(void *argument, char *words[8]))
{
    FILE *file = fopen(VECTORS "manifest.txt", "r");
    assert_non_null(file);
    char line[65536];
    int count = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        char *words[8] = {NULL}, *rest = NULL;
        int n = 0;
        for (char *w = strtok_r(line, " \n", &rest); w != NULL && n < 8;
             w = strtok_r(NULL, " \n", &rest)) {
            words[n++] = w;
        }
        if (n > 1 && strcmp(words[0], kind) == 0) {
            visit(argument, words);
            count++;
        }
    }
    fclose(file);
    return count;
}

/* --- what PyTorch says ------------------------------------------------------------------------ */

typedef struct loaded {
    fixture *f;
    char name[64];
    syi_model model;
    bool open;
    size_t seen;
} loaded;

static void shut(loaded *l)
{
    if (l->open) {
        assert_int_equal(l->seen, l->model.tensor_count);
        syi_model_fini(&l->model);
    }
    l->open = false;
}

static void check_file(void *argument, char *words[8])
{
    loaded *l = argument;
    sy_error err = SY_ERROR_INIT;
    syi_account account;
    shut(l);
    syi_account_init(&account, "test", 0, NULL);
    snprintf(l->name, sizeof l->name, "%s", words[1]);
    assert_ok(syi_model_load(l->f->context, &l->model, path_of(words[1]), NULL, NULL, &err), &err);
    assert_int_equal(l->model.tensor_count, atoi(words[3]));
    assert_int_equal(l->model.others, atoi(words[4]));
    l->open = true;
    l->seen = 0;
}

static void check_elements(const syi_array *array, const char *name, char *elements)
{
    int64_t at = 0;
    char *rest = NULL;
    for (char *e = strtok_r(elements, ",", &rest); e != NULL && strcmp(e, "-") != 0;
         e = strtok_r(NULL, ",", &rest), at++) {
        assert_true(at < syi_array_numel(array));
        const syi_decimal expected = syi_decimal_parse(e, strlen(e));
        const double real = syi_array_get_double(array, at);
        const bool same = sy_dtype_is_floating(array->dtype)
                              ? memcmp(&real, &expected.real, sizeof real) == 0
                              : syi_array_get_int(array, at) == expected.integer;
        if (!same) {
            print_error("%s, element %d: expected %s, actual %g\n", name, (int)at, e, real);
        }
        assert_true(same);
    }
    assert_int_equal(at, syi_array_numel(array));
}

/* The lines of a file's tensors follow its own, in its order. */
static void check_tensor(void *argument, char *words[8])
{
    loaded *l = argument;
    char shape[128] = "-";
    assert_string_equal(l->name, words[1]);
    const syi_model_tensor *tensor = &l->model.tensors[l->seen++];
    assert_string_equal(tensor->name, strcmp(words[2], "-") == 0 ? "" : words[2]);
    assert_string_equal(sy_dtype_name(tensor->array.dtype), words[3]);
    for (int k = 0, n = 0; k < tensor->array.ndim; k++) {
        n += snprintf(shape + n, sizeof shape - (size_t)n, k > 0 ? ",%d" : "%d",
                      (int)tensor->array.shape[k]);
    }
    assert_string_equal(shape, words[4]);
    assert_int_equal(tensor->parameter, words[6][0] == '1');
    assert_int_equal(tensor->requires_grad, words[6][1] == '1');
    check_elements(&tensor->array, tensor->name, words[5]);
}

static void check_version(void *argument, char *words[8])
{
    loaded *l = argument;
    assert_string_equal(l->name, words[1]);
    for (size_t k = 0; k < l->model.version_count; k++) {
        if (strcmp(l->model.versions[k].prefix, strcmp(words[2], "-") == 0 ? "" : words[2]) == 0) {
            assert_int_equal(l->model.versions[k].version, atoi(words[3]));
            return;
        }
    }
    fail_msg("%s: no version of '%s'", words[1], words[2]);
}

static void check_shared(void *argument, char *words[8])
{
    loaded *l = argument;
    assert_string_equal(l->name, words[1]);
    assert_ptr_equal(syi_model_find(&l->model, words[2])->array.storage,
                     syi_model_find(&l->model, words[3])->array.storage);
}

static void check_line(void *argument, char *words[8])
{
    static const struct {
        const char *kind;
        void (*check)(void *argument, char *words[8]);
    } kinds[] = {{"file", check_file},
                 {"tensor", check_tensor},
                 {"version", check_version},
                 {"shared", check_shared}};
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        if (strcmp(words[0], kinds[k].kind) == 0) {
            kinds[k].check(argument, words);
        }
    }
}

static void test_contents(void **state)
{
    loaded l = {.f = *state};
    FILE *file = fopen(VECTORS "manifest.txt", "r");
    assert_non_null(file);
    char line[65536];
    int files = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        char *words[8] = {NULL}, *rest = NULL;
        int n = 0;
        for (char *w = strtok_r(line, " \n", &rest); w != NULL && n < 8;
             w = strtok_r(NULL, " \n", &rest)) {
            words[n++] = w;
        }
        files += strcmp(words[0], "file") == 0;
        check_line(&l, words);
    }
    fclose(file);
    shut(&l);
    assert_true(files >= 35);
}

/* --- written again ---------------------------------------------------------------------------- */

static bool ends_with(const char *name, const char *ending)
{
    const size_t length = strlen(name), size = strlen(ending);
    return length >= size && strcmp(name + length - size, ending) == 0;
}

/* PyTorch's keys are addresses: the digits behind the storage's type. */
static uint64_t key_of(const uint8_t *bytes, size_t size)
{
    const uint8_t *at = memmem(bytes, size, "Storage\nq", 9);
    assert_non_null(at);
    char digits[24] = {0};
    memcpy(digits, at + 9 + 1 + 1 + 4, at[9 + 1 + 1]);
    return strtoull(digits, NULL, 10);
}

static sy_status plan_again(const char *name, const uint8_t *bytes, size_t size,
                            const syi_model *model, syi_model_plan *plan, sy_error *err)
{
    char stem[64];
    if (ends_with(name, ".safetensors")) {
        return syi_safetensors_plan(model, plan, err);
    }
    if (ends_with(name, ".legacy")) {
        return syi_torch_legacy_plan(model, plan, key_of(bytes, size), err);
    }
    snprintf(stem, sizeof stem, "%.*s", (int)strlen(name) - 3, name);
    return syi_torch_zip_plan(model, plan, stem, err);
}

static void check_same(void *argument, char *words[8])
{
    fixture *f = argument;
    syi_model model;
    syi_model_plan plan;
    syi_buffer out;
    sy_error err = SY_ERROR_INIT;
    size_t size;
    if (strcmp(words[2], "same") != 0) {
        return;
    }
    uint8_t *bytes = read_file(words[1], &size);
    assert_ok(syi_model_load(f->context, &model, path_of(words[1]), NULL, NULL, &err), &err);
    syi_model_plan_init(&plan, f->context);
    syi_buffer_init(&out, f->context, 1 << 24);
    assert_ok(plan_again(words[1], bytes, size, &model, &plan, &err), &err);
    assert_ok(syi_model_plan_append(&plan, &out, &err), &err);
    size_t at = 0;
    while (at < size && at < out.length && out.data[at] == bytes[at]) {
        at++;
    }
    if (at != size || size != out.length) {
        print_error("%s: %zu bytes, expected %zu; they differ at %zu\n", words[1], out.length, size,
                    at);
    }
    assert_true(at == size && size == out.length);
    syi_buffer_fini(&out);
    syi_model_plan_fini(&plan);
    syi_model_fini(&model);
    free(bytes);
}

static void test_written_as_pytorch_does(void **state)
{
    assert_true(each_line("file", *state, check_same) >= 35);
}

/* Through every format and back: names, dtypes, shapes and elements stay. */
static void check_converted(void *argument, char *words[8])
{
    fixture *f = argument;
    static const sy_model_format formats[] = {SY_MODEL_SAFETENSORS, SY_MODEL_TORCH,
                                              SY_MODEL_TORCH_LEGACY};
    sy_error err = SY_ERROR_INIT;
    test_folder folder = {.count = 0};
    assert_true(test_folder_make(&folder));
    const char *path = test_folder_path(&folder, "m");
    syi_model first, back;
    assert_ok(syi_model_load(f->context, &first, path_of(words[1]), NULL, NULL, &err), &err);
    for (size_t k = 0; k < 3; k++) {
        sy_model_format seen;
        assert_ok(syi_model_save(f->context, &first, path, formats[k], &err), &err);
        assert_ok(syi_model_load(f->context, &back, path, NULL, &seen, &err), &err);
        assert_int_equal(seen, formats[k]);
        assert_int_equal(back.tensor_count, first.tensor_count);
        for (size_t i = 0; i < first.tensor_count; i++) {
            const syi_array *a = &first.tensors[i].array, *b = &back.tensors[i].array;
            assert_string_equal(first.tensors[i].name, back.tensors[i].name);
            assert_true(syi_array_same_shape(a, b) && a->dtype == b->dtype);
            for (int64_t e = 0; e < syi_array_numel(a); e++) {
                assert_true(syi_array_get_double(a, e) == syi_array_get_double(b, e));
            }
        }
        syi_model_fini(&back);
    }
    syi_model_fini(&first);
    assert_true(test_folder_remove(&folder));
}

static void test_conversions(void **state)
{
    (void)each_line("file", *state, check_converted);
}

/* --- refused ---------------------------------------------------------------------------------- */

static void check_refused(void *argument, char *words[8])
{
    fixture *f = argument;
    syi_model model;
    sy_error err = SY_ERROR_INIT;
    f->memory.peak_bytes = (size_t)f->memory.live_bytes;
    const size_t before = f->memory.live_bytes;
    const sy_status status =
        syi_model_load(f->context, &model, path_of(words[1]), NULL, NULL, &err);
    if (strcmp(sy_status_name(status), words[2]) != 0 || strstr(err.message, words[3]) == NULL ||
        strstr(err.message, words[1]) == NULL) {
        print_error("%s: %s, expected %s: '%s' should hold '%s'\n", words[1],
                    sy_status_name(status), words[2], err.message, words[3]);
    }
    assert_string_equal(sy_status_name(status), words[2]);
    assert_non_null(strstr(err.message, words[3]));
    assert_non_null(strstr(err.message, words[1]));
    assert_int_equal(model.tensor_count, 0);
    assert_true(f->memory.live_bytes == before);
    /* Nothing large was allocated on the way; the megabyte of values of billion.pt is the most. */
    assert_true(f->memory.peak_bytes - before < (4 << 20));
}

static void test_refused_files(void **state)
{
    assert_true(each_line("refused", *state, check_refused) >= 70);
}

static void test_no_such_file(void **state)
{
    fixture *f = *state;
    syi_model model;
    sy_error err = SY_ERROR_INIT;
    assert_int_equal(syi_model_load(f->context, &model, "/nowhere/x.pt", NULL, NULL, &err),
                     SY_ENOTFOUND);
    assert_int_equal(syi_model_load(f->context, &model, "/tmp", NULL, NULL, &err), SY_EIO);
    syi_model_init(&model, f->context);
    assert_int_equal(syi_model_save(f->context, &model, "x.npy", SY_MODEL_BY_PATH, &err),
                     SY_EINVAL);
    assert_non_null(strstr(err.message, ".safetensors"));
}

static sy_status read_bytes(sy_context *context, syi_model *model, const char *name,
                            const uint8_t *bytes, size_t size, sy_error *err)
{
    const syi_source source = syi_source_from_bytes(bytes, size);
    return ends_with(name, ".safetensors")
               ? syi_safetensors_read(context, model, &source, NULL, err)
           : ends_with(name, ".legacy") ? syi_torch_legacy_read(context, model, &source, NULL, err)
                                        : syi_torch_zip_read(context, model, &source, NULL, err);
}

static const char *const some[] = {"linear.pt",          "linear.legacy", "shared.legacy",
                                   "dtypes.safetensors", "protocol4.pt",  "pysyft_parameter.legacy",
                                   "checkpoint.pt"};
enum { SOME = sizeof some / sizeof some[0] };

static void test_cut_anywhere(void **state)
{
    fixture *f = *state;
    for (int k = 0; k < SOME; k++) {
        size_t size;
        uint8_t *bytes = read_file(some[k], &size);
        for (size_t cut = 0; cut < size; cut++) {
            syi_model model;
            sy_error err = SY_ERROR_INIT;
            uint8_t *part = malloc(cut + 1); /* so that a sanitizer sees its end */
            memcpy(part, bytes, cut);
            const sy_status status = read_bytes(f->context, &model, some[k], part, cut, &err);
            assert_status(status, SY_EFORMAT, &err);
            assert_string_not_equal(err.message, "");
            free(part);
        }
        free(bytes);
    }
}

/* Each byte in turn becomes another: a status or a model, and nothing left behind. */
static void test_one_byte_changed(void **state)
{
    fixture *f = *state;
    for (int k = 0; k < SOME; k++) {
        size_t size;
        uint8_t *bytes = read_file(some[k], &size);
        for (size_t at = 0; at < size; at++) {
            syi_model model;
            bytes[at] ^= (uint8_t)(1U << at % 8);
            const size_t live = f->memory.live;
            if (read_bytes(f->context, &model, some[k], bytes, size, NULL) == SY_OK) {
                syi_model_fini(&model);
            }
            assert_int_equal(f->memory.live, live);
            bytes[at] ^= (uint8_t)(1U << at % 8);
        }
        free(bytes);
    }
}

/* --- faults ----------------------------------------------------------------------------------- */

static sy_status load_once(sy_context *context, void *argument, sy_error *err)
{
    syi_model model;
    SY_TRY(syi_model_load(context, &model, path_of(argument), NULL, NULL, err));
    syi_model_fini(&model);
    return SY_OK;
}

typedef struct saving {
    test_folder folder;
    const char *name;
    sy_model_format format;
} saving;

static sy_status save_once(sy_context *context, void *argument, sy_error *err)
{
    saving *s = argument;
    syi_model model;
    SY_TRY(syi_model_load(context, &model, path_of(s->name), NULL, NULL, err));
    const sy_status status = syi_model_save(context, &model, s->folder.names[0], s->format, err);
    syi_model_fini(&model);
    assert_int_equal(test_folder_count(&s->folder), status == SY_OK ? 1 : 0);
    return status;
}

static void test_refused_memory(void **state)
{
    static const sy_model_format formats[] = {SY_MODEL_SAFETENSORS, SY_MODEL_TORCH,
                                              SY_MODEL_TORCH_LEGACY};
    (void)state;
    for (int k = 0; k < SOME; k++) {
        char name[64];
        snprintf(name, sizeof name, "%s", some[k]);
        assert_true(memory_faults_sweep(load_once, name) > 5);
    }
    for (int k = 0; k < 3; k++) {
        saving s = {.name = "shared.legacy", .format = formats[k]};
        assert_true(test_folder_make(&s.folder));
        (void)test_folder_path(&s.folder, "m");
        assert_true(memory_faults_sweep(save_once, &s) > 10);
        assert_true(test_folder_remove(&s.folder));
    }
}

static void test_account_says_no(void **state)
{
    fixture *f = *state;
    for (int k = 0; k < SOME; k++) {
        syi_model model;
        syi_account account;
        sy_error err = SY_ERROR_INIT;
        syi_account_init(&account, "caller", 7, NULL);
        assert_int_equal(syi_model_load(f->context, &model, path_of(some[k]), &account, NULL, &err),
                         SY_ELIMIT);
        assert_int_equal(atomic_load(&account.used), 0);
    }
}

/* The old file stays as it was, and no part of the new one is left. */
static void test_full_disk(void **state)
{
    fixture *f = *state;
    test_folder folder = {.count = 0};
    struct rlimit usual, small;
    syi_model model;
    sy_error err = SY_ERROR_INIT;
    assert_true(test_folder_make(&folder));
    const char *path = test_folder_path(&folder, "m.pt");
    assert_ok(syi_model_load(f->context, &model, path_of("many.pt"), NULL, NULL, &err), &err);
    FILE *old = fopen(path, "w");
    assert_true(old != NULL && fputs("old", old) >= 0 && fclose(old) == 0);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &usual), 0);
    small = usual;
    for (rlim_t size = 0; size < 60000; size += 7919) {
        small.rlim_cur = size;
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
        const sy_status status = syi_model_save(f->context, &model, path, SY_MODEL_BY_PATH, &err);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &usual), 0);
        assert_status(status, SY_EIO, &err);
        assert_non_null(strstr(err.message, path));
        assert_int_equal(test_folder_count(&folder), 1);
        char text[8] = {0};
        old = fopen(path, "r");
        assert_true(old != NULL && fgets(text, sizeof text, old) != NULL && fclose(old) == 0);
        assert_string_equal(text, "old");
    }
    syi_model_fini(&model);
    assert_true(test_folder_remove(&folder));
}

#define FIXTURE_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_contents),         FIXTURE_TEST(test_written_as_pytorch_does),
        FIXTURE_TEST(test_conversions),      FIXTURE_TEST(test_refused_files),
        FIXTURE_TEST(test_no_such_file),     FIXTURE_TEST(test_cut_anywhere),
        FIXTURE_TEST(test_one_byte_changed), cmocka_unit_test(test_refused_memory),
        FIXTURE_TEST(test_account_says_no),  FIXTURE_TEST(test_full_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
