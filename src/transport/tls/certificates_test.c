/* certificates_test.c - what sy_tls_make_... writes, and refuses to write. openssl verifies it. */
#include <csyft/tls.h>

#include <stdio.h>
#include <sys/stat.h>

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "support/failing_allocator.h"
#include "support/folder.h"
#include "support/test.h"

typedef struct fixture {
    sy_context *context;
    test_folder folder;
    const char *ca, *ca_key, *cert, *key;
    sy_error err;
} fixture;

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    *state = f;
    if (!test_folder_make(&f->folder) || sy_context_new(&f->context, NULL, NULL) != SY_OK) {
        return -1;
    }
    f->ca = test_folder_path(&f->folder, "ca.pem");
    f->ca_key = test_folder_path(&f->folder, "ca.key");
    f->cert = test_folder_path(&f->folder, "bob.pem");
    f->key = test_folder_path(&f->folder, "bob.key");
    return sy_tls_make_authority(f->context, f->ca, f->ca_key, "tests", 10, NULL) == SY_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    sy_context_free(f->context);
    test_folder_remove(&f->folder);
    free(f);
    return 0;
}

static sy_status make(fixture *f, const char *name, const char *const *hosts, size_t count)
{
    return sy_tls_make_certificate(f->context, f->cert, f->key, f->ca, f->ca_key, name, hosts,
                                   count, 10, &f->err);
}

static X509 *read_certificate(const char *path)
{
    BIO *file = BIO_new_file(path, "r");
    assert_non_null(file);
    X509 *certificate = PEM_read_bio_X509(file, NULL, NULL, NULL);
    BIO_free(file);
    assert_non_null(certificate);
    return certificate;
}

static void test_a_certificate_is_good_for_its_hosts(void **state)
{
    fixture *f = *state;
    const char *const hosts[] = {"bob.example", "127.0.0.1", "::1"};
    assert_ok(make(f, "bob", hosts, 3), &f->err);
    X509 *ca = read_certificate(f->ca);
    X509 *bob = read_certificate(f->cert);
    X509_STORE *store = X509_STORE_new();
    X509_STORE_add_cert(store, ca);
    X509_STORE_CTX *check = X509_STORE_CTX_new();
    X509_STORE_CTX_init(check, store, bob, NULL);
    assert_int_equal(X509_verify_cert(check), 1);
    assert_int_equal(X509_check_ca(ca), 1);
    assert_int_equal(X509_check_ca(bob), 0);
    assert_int_equal(X509_check_host(bob, "bob.example", 0, 0, NULL), 1);
    assert_int_equal(X509_check_host(bob, "alice.example", 0, 0, NULL), 0);
    assert_int_equal(X509_check_ip_asc(bob, "127.0.0.1", 0), 1);
    assert_int_equal(X509_check_ip_asc(bob, "::1", 0), 1);
    assert_int_equal(X509_check_ip_asc(bob, "127.0.0.2", 0), 0);
    X509_STORE_CTX_free(check);
    X509_STORE_free(store);
    X509_free(bob);
    X509_free(ca);
    struct stat about;
    assert_int_equal(stat(f->key, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
}

static void test_nothing_is_overwritten(void **state)
{
    fixture *f = *state;
    assert_status(sy_tls_make_authority(f->context, f->ca, f->key, "x", 10, &f->err), SY_EEXIST,
                  &f->err);
    assert_int_equal(access(f->key, F_OK), -1); /* and no half of a pair stays */
    assert_ok(make(f, "bob", NULL, 0), &f->err);
    assert_status(make(f, "bob", NULL, 0), SY_EEXIST, &f->err);
    assert_non_null(strstr(f->err.message, "bob.key"));
}

static void test_names_and_hosts(void **state)
{
    fixture *f = *state;
    static const char *const bad[] = {"", "a,IP:1.2.3.4", "a b", "a:b", "a\nb", "user@host"};
    for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++) {
        assert_status(make(f, "bob", &bad[k], 1), SY_EINVAL, &f->err);
    }
    char name[100];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    assert_status(make(f, name, NULL, 0), SY_EINVAL, &f->err);
    assert_status(make(f, "", NULL, 0), SY_EINVAL, &f->err);
    assert_status(sy_tls_make_authority(f->context, f->cert, f->key, "a", 0, &f->err), SY_EINVAL,
                  &f->err);
    const char *many[64];
    for (size_t k = 0; k < 64; k++) {
        many[k] = "a-host-with-a-rather-long-name.in-some-department.example";
    }
    assert_status(make(f, "bob", many, 64), SY_ELIMIT, &f->err);
    assert_int_equal(access(f->cert, F_OK), -1);
}

static void test_authorities_that_are_none(void **state)
{
    fixture *f = *state;
    const char *none = test_folder_path(&f->folder, "none");
    assert_status(sy_tls_make_certificate(f->context, f->cert, f->key, none, f->ca_key, "b", NULL,
                                          0, 10, &f->err),
                  SY_EIO, &f->err);
    assert_status(sy_tls_make_certificate(f->context, f->cert, f->key, f->ca_key, f->ca_key, "b",
                                          NULL, 0, 10, &f->err),
                  SY_EFORMAT, &f->err);
    const char *other = test_folder_path(&f->folder, "other.pem");
    const char *other_key = test_folder_path(&f->folder, "other.key");
    assert_ok(sy_tls_make_authority(f->context, other, other_key, "other", 10, &f->err), &f->err);
    assert_status(sy_tls_make_certificate(f->context, f->cert, f->key, f->ca, other_key, "b", NULL,
                                          0, 10, &f->err),
                  SY_EFORMAT, &f->err);
    assert_non_null(strstr(f->err.message, "other.key"));
}

#define CERTIFICATE_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CERTIFICATE_TEST(test_a_certificate_is_good_for_its_hosts),
        CERTIFICATE_TEST(test_nothing_is_overwritten),
        CERTIFICATE_TEST(test_names_and_hosts),
        CERTIFICATE_TEST(test_authorities_that_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
