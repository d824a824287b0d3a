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

static sy_status run_comparisons(syi_party *party, words *w, syi_family family, size_t count,
                                 sy_error *err)
{
    const int h = party->channel->index;
    sy_status status = SY_OK;
    for (int outcome = SYI_OUTCOME_BIT; status == SY_OK && outcome <= SYI_OUTCOME_LAST; outcome++) {
        const syi_comparison comparison = {.family = family,
                                           .outcome = (syi_outcome)outcome,
                                           .shift = outcome == SYI_OUTCOME_RELU_SHIFT ? 3 : 0,
                                           .divisor =
                                               outcome == SYI_OUTCOME_RELU_DIVIDE ? 1000 : 0};
        status = syi_compare(party, &comparison, &w->field, w->z[h], w->x[h], count, err);
    }
    if (status == SY_OK) {
        status = syi_compare_zero(party, family, 0, &w->field, w->z[h], w->x[h], count, err);
    }
    const syi_comparison narrow = {.family = family, .outcome = SYI_OUTCOME_RELU, .range = 9};
    return status == SY_OK ? syi_compare(party, &narrow, &w->field, w->z[h], w->x[h], count, err)
                           : status;
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
    if (status == SY_OK && syi_field_bits(&w->field) != 0) {
        status = run_comparisons(party, w, SYI_FAMILY_AUTO, COUNT, err);
    }
    if (status == SY_OK && syi_field_bits(&w->field) != 0) {
        status = run_comparisons(party, w, SYI_FAMILY_CARRY, COUNT / 4, err);
    }
    if (status == SY_OK) {
        status = run_product(party, w, "mul", 50, 60, err);
    }
    return status == SY_OK ? run_product(party, w, "matmul", 21, 21, err) : status;
}

static sy_status run_fss(syi_party *party, void *user, sy_error *err)
{
    words *w = user;
    (void)VALGRIND_MAKE_MEM_UNDEFINED(w->x[party->channel->index], sizeof w->x[0]);
    return run_comparisons(party, w, SYI_FAMILY_FSS, COUNT / 30, err);
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

static void check(int holders, party_program program, const syi_field *fields, size_t count)
{
    const party_threads_options options = {.mark_secret = mark_secret, .mark_public = mark_public};
    words *w = calloc(1, sizeof *w);
    scene s;
    scene_open(&s, holders, &options);
    for (size_t f = 0; f < count; f++) {
        w->field = fields[f];
        scene_run(&s, program, w);
        for (int h = 0; h < holders; h++) {
            check_marked(w->z[h], 4);
        }
    }
    scene_close(&s);
    free(w);
    assert_int_equal(VALGRIND_COUNT_ERRORS, 0);
}

static const syi_field fields[] = {
    SYI_FIELD_64, SYI_FIELD_32, {UINT64_C(1) << 62, 8}, {UINT64_C(0) - 59, 8}};

static void test_constant_time(void **state)
{
    (void)state;
    check(3, run_all, fields, sizeof fields / sizeof *fields);
}

/* Comparisons by function secret sharing are for two, and for powers of 2. */
static void test_constant_time_of_two(void **state)
{
    (void)state;
    check(2, run_fss, fields, 3);
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
    check(2, run_snn, fields, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_constant_time),
        cmocka_unit_test(test_constant_time_of_two),
        cmocka_unit_test(test_snn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
