/*
 * constant_time_test.c - run under valgrind: the seeds and shares of holders and provider are marked as undefined, so that
 * memcheck reports every branch and every address that depends on them. What is sent is public, and defined again at its
 * receiver. By itself the program only sees that it can run.
 */
#include <stdlib.h>
#include <string.h>

#include <valgrind/memcheck.h>

#include "crypto/snn.h"
#include "support/party_scene.h"

enum { COUNT = 3000 };

typedef struct words {
    uint64_t x[PARTY_THREADS_MAX][COUNT], z[PARTY_THREADS_MAX][COUNT];
    syi_field field;
} words;

static sy_status run_simple(syi_party *party, void *user, sy_error *err)
{
    words *w = user;
    const int h = party->channel->index;
    uint64_t *x = w->x[h], *z = w->z[h];
    sy_status status = syi_spdz_square(party, &w->field, z, x, COUNT, err);
    if (status == SY_OK && syi_field_bits(&w->field) != 0) {
        status = syi_spdz_shift(party, &w->field, z, x, COUNT, 5, err);
    }
    if (status == SY_OK) {
        status = syi_spdz_divide(party, &w->field, z, x, COUNT, 10, err);
    }
    return status == SY_OK ? syi_spdz_zero(party, &w->field, z, COUNT, err) : status;
}

static sy_status run_product(syi_party *party, words *w, const char *name, int64_t rows,
                             int64_t columns, sy_error *err)
{
    const int h = party->channel->index;
    const int64_t shape[] = {rows, columns};
    syi_array share = SYI_ARRAY_INIT;
    syi_bilinear product;
    sy_status status = syi_bilinear_of_name(&product, name, &w->field, 2, shape, 2, shape, err);
    if (status == SY_OK) {
        status =
            syi_array_new(party->context, &share, w->field.width == 4 ? SY_DTYPE_I32 : SY_DTYPE_I64,
                          2, shape, NULL, err);
    }
    if (status == SY_OK) {
        const syi_factor x = {&share, NULL};
        memcpy(share.storage->data, w->x[h], (size_t)(rows * columns) * w->field.width);
        status = syi_spdz_product(party, &w->field, &product, w->z[h], &x, &x, err);
    }
    syi_array_fini(&share);
    return status;
}

static sy_status run_all(syi_party *party, void *user, sy_error *err)
{
    words *w = user;
    (void)VALGRIND_MAKE_MEM_UNDEFINED(w->x[party->channel->index], sizeof w->x[0]);
    sy_status status = run_simple(party, w, err);
    if (status == SY_OK) {
        status = run_product(party, w, "mul", 50, 60, err);
    }
    return status == SY_OK ? run_product(party, w, "matmul", 21, 21, err) : status;
}

static void mark_secret(void *bytes, size_t size)
{
    (void)VALGRIND_MAKE_MEM_UNDEFINED(bytes, size);
}

static void mark_public(void *bytes, size_t size)
{
    (void)VALGRIND_MAKE_MEM_DEFINED(bytes, size);
}

/* The marks went along: the results are marked. Otherwise nothing was tested. */
static void check_marked(const void *bytes, size_t size)
{
    uint8_t marks[64];
    assert_true(size <= sizeof marks);
    if (RUNNING_ON_VALGRIND) {
        assert_int_equal(VALGRIND_GET_VBITS(bytes, marks, size), 1);
        for (size_t k = 0; k < size; k++) {
            assert_int_not_equal(marks[k], 0);
        }
    }
}

static void test_constant_time(void **state)
{
    (void)state;
    static const syi_field fields[] = {
        SYI_FIELD_64, SYI_FIELD_32, {UINT64_C(1) << 62, 8}, {UINT64_C(0) - 59, 8}};
    const party_threads_options options = {.mark_secret = mark_secret, .mark_public = mark_public};
    words *w = calloc(1, sizeof *w);
    scene s;
    scene_open(&s, 3, &options);
    for (size_t f = 0; f < sizeof fields / sizeof *fields; f++) {
        w->field = fields[f];
        scene_run(&s, run_all, w);
        for (int h = 0; h < 3; h++) {
            check_marked(w->z[h], 4);
        }
    }
    scene_close(&s);
    free(w);
    assert_int_equal(VALGRIND_COUNT_ERRORS, 0);
}

/* SecureNN, with the seed of the holders marked, too, once it has been drawn. */
static sy_status run_snn(syi_party *party, void *user, sy_error *err)
{
    enum { SOME = SYI_SNN_TILE + 100 };
    words *w = user;
    const int h = party->channel->index;
    uint64_t *x = w->x[h], *z = w->z[h];
    uint8_t one = 0;
    sy_status status = syi_snn_common_bits(party, &one, 1, err);
    (void)VALGRIND_MAKE_MEM_UNDEFINED(party->common, sizeof party->common);
    (void)VALGRIND_MAKE_MEM_UNDEFINED(x, sizeof w->x[0]);
    if (status == SY_OK) {
        status = syi_snn_relu(party, &w->field, z, x, SOME, err);
    }
    if (status == SY_OK) {
        status = syi_snn_equal(party, &w->field, z, x, 20, err);
    }
    if (status == SY_OK) {
        status = syi_snn_division(party, &w->field, z, x, x + 20, false, 2, 20, err);
    }
    return status == SY_OK ? syi_snn_maxpool_deriv(party, &w->field, z, x, 13, err) : status;
}

static void test_snn(void **state)
{
    (void)state;
    static const syi_field fields[] = {SYI_FIELD_64, SYI_FIELD_32, {UINT64_C(1) << 62, 8}};
    const party_threads_options options = {.mark_secret = mark_secret, .mark_public = mark_public};
    words *w = calloc(1, sizeof *w);
    scene s;
    scene_open(&s, 2, &options);
    for (size_t f = 0; f < sizeof fields / sizeof *fields; f++) {
        w->field = fields[f];
        scene_run(&s, run_snn, w);
        for (int h = 0; h < 2; h++) {
            check_marked(w->z[h], 4);
        }
    }
    scene_close(&s);
    free(w);
    assert_int_equal(VALGRIND_COUNT_ERRORS, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_constant_time),
        cmocka_unit_test(test_snn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
