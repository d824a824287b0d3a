/* file_test.c - whole files: what is read, what is refused, and that a failed write changes nothing. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <signal.h>

#include <cmocka.h>

#include "formats/file.h"
#include "support/failing_allocator.h"
#include "support/folder.h"

typedef struct fixture {
    failing_allocator memory;
    sy_context *context;
    test_folder folder;
} fixture;

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    f->context = failing_allocator_context(&f->memory);
    *state = f;
    return f->context != NULL && test_folder_make(&f->folder) ? 0 : -1;
}

static int teardown(void **state)
{
    fixture *f = *state;
    sy_context_free(f->context);
    int broken = f->memory.live != 0 || f->memory.broken || !test_folder_remove(&f->folder);
    free(f);
    return broken;
}

static void check_contents(const char *path, const char *expected)
{
    syi_file file;
    char text[64] = {0};
    assert_int_equal(syi_file_open(&file, path, NULL), SY_OK);
    assert_int_equal(file.size, strlen(expected));
    assert_int_equal(syi_file_read(&file, text, strlen(expected), NULL), SY_OK);
    assert_string_equal(text, expected);
    syi_file_close(&file);
    syi_file_close(&file);
}

static void test_replace_and_read(void **state)
{
    fixture *f = *state;
    const char *path = test_folder_path(&f->folder, "new");
    const syi_bytes first[] = {{"hello", 5}, {NULL, 0}, {" world", 6}};
    assert_int_equal(syi_file_replace(f->context, path, first, 3, NULL), SY_OK);
    check_contents(path, "hello world");
    assert_int_equal(chmod(path, 0640), 0);
    const syi_bytes second[] = {{"again", 5}};
    assert_int_equal(syi_file_replace(f->context, path, second, 1, NULL), SY_OK);
    check_contents(path, "again");
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0640);
    assert_int_equal(test_folder_count(&f->folder), 1);
}

static void test_early_end(void **state)
{
    fixture *f = *state;
    const char *path = test_folder_path(&f->folder, "short");
    const syi_bytes parts[] = {{"abc", 3}};
    assert_int_equal(syi_file_replace(f->context, path, parts, 1, NULL), SY_OK);
    syi_file file;
    char text[8];
    sy_error err = SY_ERROR_INIT;
    assert_int_equal(syi_file_open(&file, path, NULL), SY_OK);
    assert_int_equal(syi_file_read(&file, text, 5, &err), SY_EIO);
    assert_non_null(strstr(err.message, "2 bytes too early"));
    assert_non_null(strstr(err.message, path));
    syi_file_close(&file);
}

static void test_open_refuses(void **state)
{
    fixture *f = *state;
    syi_file file;
    sy_error err = SY_ERROR_INIT;
    const char *missing = test_folder_path(&f->folder, "missing");
    assert_int_equal(syi_file_open(&file, missing, &err), SY_ENOTFOUND);
    assert_non_null(strstr(err.message, missing));
    assert_non_null(strstr(err.message, "No such file"));
    assert_string_equal(err.object, missing);
    assert_int_equal(file.descriptor, -1);

    assert_int_equal(syi_file_open(&file, f->folder.path, &err), SY_EIO);
    assert_non_null(strstr(err.message, "not a regular file"));

    const char *fifo = test_folder_path(&f->folder, "fifo");
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_int_equal(syi_file_open(&file, fifo, &err), SY_EIO); /* and does not wait for a writer */

    const char *loop = test_folder_path(&f->folder, "loop");
    assert_int_equal(symlink(loop, loop), 0);
    assert_int_equal(syi_file_open(&file, loop, &err), SY_EIO);
    assert_non_null(strstr(err.message, "symbolic links"));
}

static void test_failed_replace_keeps_the_old_file(void **state)
{
    fixture *f = *state;
    const char *path = test_folder_path(&f->folder, "kept");
    const syi_bytes old[] = {{"old", 3}};
    assert_int_equal(syi_file_replace(f->context, path, old, 1, NULL), SY_OK);

    /* The disk is full after 1000 bytes, as far as this process can tell. */
    static const char big[5000];
    const syi_bytes parts[] = {{big, sizeof big}};
    struct rlimit before, small;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 1000;
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    sy_error err = SY_ERROR_INIT;
    sy_status status = syi_file_replace(f->context, path, parts, 1, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, handler);
    assert_int_equal(status, SY_EIO);
    assert_non_null(strstr(err.message, "File too large"));
    check_contents(path, "old");
    assert_int_equal(test_folder_count(&f->folder), 1);

    f->memory.calls = 0;
    f->memory.fail_at = 1;
    assert_int_equal(syi_file_replace(f->context, path, parts, 1, &err), SY_ENOMEM);
    f->memory.fail_at = 0;
    check_contents(path, "old");

    const char *nowhere = test_folder_path(&f->folder, "no/such/folder");
    assert_int_equal(syi_file_replace(f->context, nowhere, old, 1, &err), SY_ENOTFOUND);
    assert_non_null(strstr(err.message, "cannot create"));

    /* A folder cannot be replaced by a file. */
    const char *folder = test_folder_path(&f->folder, "folder");
    assert_int_equal(mkdir(folder, 0700), 0);
    assert_int_equal(syi_file_replace(f->context, folder, old, 1, &err), SY_EIO);
    assert_int_equal(test_folder_count(&f->folder), 2);
    assert_int_equal(rmdir(folder), 0);
}

/* It grows, is cut, and is as it was when the disk is full. */
static void test_append(void **state)
{
    fixture *f = *state;
    const char *path = test_folder_path(&f->folder, "log");
    static const char big[5000];
    bool created = false;
    syi_file file;
    sy_error err = SY_ERROR_INIT;
    assert_int_equal(syi_file_open_to_append(&file, path, &created, &err), SY_OK);
    assert_true(created && file.size == 0);
    assert_int_equal(syi_file_append(&file, "one\ntwo\n", 8, &err), SY_OK);
    syi_file_close(&file);
    assert_int_equal(syi_file_open_to_append(&file, path, &created, &err), SY_OK);
    assert_true(!created && file.size == 8);
    assert_int_equal(syi_file_cut(&file, 4, &err), SY_OK);
    assert_int_equal(syi_file_append(&file, "2\n", 2, &err), SY_OK);
    assert_int_equal(file.size, 6);
    struct rlimit before, small;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 1000;
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    const sy_status status = syi_file_append(&file, big, sizeof big, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, handler);
    assert_int_equal(status, SY_EIO);
    assert_non_null(strstr(err.message, "log: cannot write: File too large"));
    syi_file_close(&file);
    check_contents(path, "one\n2\n");
    assert_int_equal(syi_file_open_to_append(&file, f->folder.path, &created, &err), SY_EIO);
    assert_false(created);
    const char *nowhere = test_folder_path(&f->folder, "no/such/folder");
    assert_int_equal(syi_file_open_to_append(&file, nowhere, &created, &err), SY_ENOTFOUND);
}

#define FIXTURE_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_replace_and_read), FIXTURE_TEST(test_early_end),
        FIXTURE_TEST(test_open_refuses),     FIXTURE_TEST(test_failed_replace_keeps_the_old_file),
        FIXTURE_TEST(test_append),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
