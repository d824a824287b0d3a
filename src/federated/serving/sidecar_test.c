/* sidecar_test.c - words of a NAME.dataset: taken, overriding, and refused with file and line. */
#include "federated/serving/sidecar.h"

#include <stdio.h>
#include <string.h>

#include "support/folder.h"
#include "support/memory_faults.h"

typedef struct fixture {
    test_folder folder;
    const char *path;
    sy_context *context;
    sy_error err;
} fixture;

static int setup(void **state)
{
    static fixture f;
    memset(&f, 0, sizeof f);
    f.err = (sy_error)SY_ERROR_INIT;
    *state = &f;
    return test_folder_make(&f.folder) &&
                   (f.path = test_folder_path(&f.folder, "a.dataset")) != NULL &&
                   sy_context_new(&f.context, NULL, NULL) == SY_OK
               ? 0
               : -1;
}

static int teardown(void **state)
{
    fixture *f = *state;
    sy_context_free(f->context);
    return test_folder_remove(&f->folder) ? 0 : -1;
}

static void write_bytes(const fixture *f, const char *bytes, size_t size)
{
    FILE *file = fopen(f->path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void test_all_words(void **state)
{
    fixture *f = *state;
    static const char text[] = "# of the north\r\n"
                               "\n"
                               "tag #digits\r\n"
                               "  tag\t #small \n"
                               "describe  of the north,  small\n"
                               "release-rows 32\n"
                               "transform scale 255\n"
                               "transform flatten\n"
                               "target-transform int64\n"
                               "allow use,search=alice,bob\n"
                               "allow delete="; /* without an end of the line */
    syi_sidecar s;
    sy_serve_options o = SY_SERVE_OPTIONS_INIT;
    write_bytes(f, text, sizeof text - 1);
    assert_ok(syi_sidecar_read(f->context, &s, f->path, &f->err), &f->err);
    syi_sidecar_apply(&s, &o);
    assert_int_equal(o.tag_count, 2);
    assert_string_equal(o.tags[0], "#digits");
    assert_string_equal(o.tags[1], "#small");
    assert_string_equal(o.description, "of the north,  small");
    assert_int_equal(o.release_rows, 32);
    assert_int_equal(o.transform_count, 2);
    assert_string_equal(o.transforms[0], "scale 255");
    assert_string_equal(o.transforms[1], "flatten");
    assert_int_equal(o.target_transform_count, 1);
    assert_string_equal(o.target_transforms[0], "int64");
    assert_int_equal(o.allow_count, 2);
    assert_string_equal(o.allow[0], "use,search=alice,bob");
    assert_string_equal(o.allow[1], "delete=");
    syi_sidecar_fini(&s);
}

/* What it does not say stays; a word alone leaves none. */
static void test_overriding(void **state)
{
    fixture *f = *state;
    static const char *const tags[] = {"#all"}, *const transforms[] = {"flatten", "float32"};
    static const struct {
        const char *text;
        size_t tags, transforms;
        int64_t rows;
        const char *description;
    } cases[] = {
        {"", 1, 2, 8, "all"},
        {"tag #one\ntag #two\n", 2, 2, 8, "all"},
        {"transform\n", 1, 0, 8, "all"},
        {"tag\ntransform scale 2\nrelease-rows 4\n", 0, 1, 4, "all"},
        {"describe\n", 1, 2, 8, ""},
    };
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        syi_sidecar s;
        sy_serve_options o = SY_SERVE_OPTIONS_INIT;
        o.tags = tags;
        o.tag_count = 1;
        o.transforms = transforms;
        o.transform_count = 2;
        o.release_rows = 8;
        o.description = "all";
        write_bytes(f, cases[k].text, strlen(cases[k].text));
        assert_ok(syi_sidecar_read(f->context, &s, f->path, &f->err), &f->err);
        syi_sidecar_apply(&s, &o);
        assert_int_equal(o.tag_count, cases[k].tags);
        assert_int_equal(o.transform_count, cases[k].transforms);
        assert_int_equal(o.release_rows, cases[k].rows);
        assert_string_equal(o.description, cases[k].description);
        syi_sidecar_fini(&s);
    }
}

static void test_refused(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        {"tag a\ncolour red\n", "a.dataset, line 2: colour: no such word; there are tag"},
        {"Tag a\n", "line 1: Tag: no such word"},
        {"\n\n\nrelease-rows\n", "line 4: release-rows: \"\" is no number"},
        {"release-rows 0", "\"0\" is no number of rows"},
        {"release-rows -3", "\"-3\" is no"},
        {"release-rows 12x", "\"12x\" is no"},
        {"release-rows 99999999999999999999", "is no number"},
        {"release-rows 3\nrelease-rows 4\n", "line 2: release-rows: it is said twice"},
        {"budget 1\n", "line 1: budget: budget \"1\": expected EPSILON,DELTA"},
        {"budget 1,1e-6\nbudget 1,1e-6\n", "line 2: budget: it is said twice"},
        {"describe a\ndescribe b\n", "line 2: describe: it is said twice"},
        {"# a\ntransform shrink 2\n", "line 2: transform: \"shrink 2\" is no transform"},
        {"target-transform scale\n", "line 1: target-transform: \"scale\""},
        {"allow read=alice\n", "line 1: allow: \"read=alice\""},
    };
    syi_sidecar s;
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        write_bytes(f, cases[k].text, strlen(cases[k].text));
        assert_status(syi_sidecar_read(f->context, &s, f->path, &f->err), SY_EFORMAT, &f->err);
        if (strstr(f->err.message, cases[k].sentence) == NULL ||
            strstr(f->err.message, f->path) == NULL) {
            fail_msg("case %zu: %s", k, f->err.message);
        }
        assert_null(s.text);
    }
    write_bytes(f, "tag a\0b\n", 8);
    assert_status(syi_sidecar_read(f->context, &s, f->path, &f->err), SY_EFORMAT, &f->err);
    assert_non_null(strstr(f->err.message, "a zero byte"));
    char many[33 * 6 + 1];
    for (size_t k = 0; k < 33; k++) {
        memcpy(many + 6 * k, "tag a\n", 7);
    }
    write_bytes(f, many, 33 * 6);
    assert_status(syi_sidecar_read(f->context, &s, f->path, &f->err), SY_EFORMAT, &f->err);
    assert_non_null(strstr(f->err.message, "line 33: tag: more than 32"));
    static char large[(64 << 10) + 1];
    write_bytes(f, large, sizeof large);
    assert_status(syi_sidecar_read(f->context, &s, f->path, &f->err), SY_EFORMAT, &f->err);
    assert_non_null(strstr(f->err.message, "more than 64 KiB"));
    assert_status(syi_sidecar_read(f->context, &s, "/nowhere/a.dataset", &f->err), SY_ENOTFOUND,
                  &f->err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_all_words, setup, teardown),
        cmocka_unit_test_setup_teardown(test_overriding, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
