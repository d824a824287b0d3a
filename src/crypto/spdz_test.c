/*
 * spdz_test.c - openings, squares, products, zeros and triples against arithmetic by definition, for 2, 3 and 5 holders and
 * all sorts of fields: values, rounds and bytes; that what is opened is hidden by the item's mask; memory.
 */
#include "crypto/spdz.h"
#include "support/party_scene.h"

static const syi_field fields[] = {SYI_FIELD_64,           SYI_FIELD_32,          {256, 8},
                                   {UINT64_C(1) << 62, 8}, {UINT64_C(0) - 59, 8}, {67, 8}};
static const int holders_of[] = {2, 3, 5};
/* Under sanitizers, half of it. */
enum {
    FIELDS = sizeof fields / sizeof *fields,
    STEP = SCENE_WATCHED ? 2 : 1,
    HOLDERS = SCENE_WATCHED ? 2 : 3,
    LARGE = 9 * SYI_TILE + 3, /* more tiles than are under way at once */
    LARGE_HOLDERS = TEST_SLOWNESS > 1 ? 1 : HOLDERS,
};

/* What every holder does. */
typedef struct job {
    scene_value x, y, z;
    syi_bilinear product;
    syi_mask masks[2][PARTY_THREADS_MAX]; /* of x and of y */
    bool masked[2];
    syi_array views[2][PARTY_THREADS_MAX];
    scene_value a, b;
} job;

static sy_status open_x(syi_party *party, void *user, sy_error *err)
{
    const job *j = user;
    const int h = party->channel->index;
    return syi_spdz_open(party, &j->x.field, scene_words(&j->z, h), scene_words(&j->x, h),
                         j->x.count, err);
}

static sy_status square_x(syi_party *party, void *user, sy_error *err)
{
    const job *j = user;
    const int h = party->channel->index;
    return syi_spdz_square(party, &j->x.field, scene_words(&j->z, h), scene_words(&j->x, h),
                           j->x.count, err);
}

static sy_status multiply(syi_party *party, void *user, sy_error *err)
{
    job *j = user;
    const int h = party->channel->index;
    const syi_factor x = {&j->views[0][h], j->masked[0] ? &j->masks[0][h] : NULL},
                     y = {&j->views[1][h], j->masked[1] ? &j->masks[1][h] : NULL};
    return syi_spdz_product(party, &j->x.field, &j->product, scene_words(&j->z, h), &x, &y, err);
}

static void view_all(scene *s, job *j)
{
    for (int h = 0; h < s->holders; h++) {
        j->views[0][h] = j->x.shares[h];
        j->views[1][h] = j->y.shares[h];
    }
}

static void job_free(scene *s, job *j)
{
    scene_value *values[] = {&j->x, &j->y, &j->z, &j->a, &j->b};
    for (int k = 0; k < 5; k++) {
        if (values[k]->secret != NULL) {
            scene_value_free(s, values[k]);
        }
    }
    for (int h = 0; h < s->holders; h++) {
        syi_mask_fini(s->context, &j->masks[0][h], &j->x.field);
        syi_mask_fini(s->context, &j->masks[1][h], &j->x.field);
    }
}

/* Bytes from the provider to all holders together. */
static uint64_t dealt(const scene *s)
{
    uint64_t sum = 0;
    for (int h = 0; h < s->holders; h++) {
        sum += party_threads_result(s->threads, h)->cost.dealt;
    }
    return sum;
}

/* Every holder's rounds and bytes, and the provider's, per element. */
static void check_cost(const scene *s, uint64_t rounds, uint64_t sent, uint64_t from_provider)
{
    for (int h = 0; h < s->holders; h++) {
        const syi_cost *cost = &party_threads_result(s->threads, h)->cost;
        assert_int_equal(cost->rounds, rounds);
        assert_int_equal(cost->sent, sent);
        assert_int_equal(cost->received, sent * (uint64_t)(s->holders - 1));
    }
    assert_int_equal(dealt(s), from_provider);
}

/* --- opening and squares ----------------------------------------------------------------------- */

static const size_t counts[] = {1, 5, 1023, 1024, SYI_TILE - 1, SYI_TILE, SYI_TILE + 1};

static void check_open(scene *s, const syi_field *field, size_t count)
{
    job j = {0};
    scene_vector(s, &j.x, field, count);
    scene_value_blank(s, &j.z, field, 1, (const int64_t[]){(int64_t)count});
    scene_run(s, open_x, &j);
    for (int h = 0; h < s->holders; h++) {
        for (size_t k = 0; k < count; k++) {
            assert_int_equal(scene_get(field, scene_words(&j.z, h), k),
                             scene_get(field, j.x.secret, k));
        }
    }
    check_cost(s, 1, count * field->width, 0);
    job_free(s, &j);
}

static void test_open(void **state)
{
    (void)state;
    for (int n = 0; n < HOLDERS; n++) {
        scene s;
        scene_open(&s, holders_of[n], NULL);
        for (size_t f = 0; f < FIELDS; f += STEP) {
            check_open(&s, &fields[f], 5);
            check_open(&s, &fields[f], counts[f % 7]);
        }
        if (n < LARGE_HOLDERS) {
            check_open(&s, &fields[0], LARGE);
        }
        scene_close(&s);
    }
}

static void check_square(scene *s, const syi_field *field, size_t count, bool in_place)
{
    job j = {0};
    scene_vector(s, &j.x, field, count);
    scene_value_blank(s, &j.z, field, 1, (const int64_t[]){(int64_t)count});
    for (size_t k = 0; k < count; k++) {
        const uint64_t x = scene_get(field, j.x.secret, k);
        scene_set(field, j.z.secret, k, scene_mul(field, x, x));
    }
    for (int h = 0; in_place && h < s->holders; h++) {
        syi_array_fini(&j.z.shares[h]);
        syi_array_copy_view(&j.z.shares[h], &j.x.shares[h]);
    }
    scene_run(s, square_x, &j);
    scene_check(s, &j.z);
    check_cost(s, 1, count * field->width, count * field->width);
    job_free(s, &j);
}

static void test_square(void **state)
{
    (void)state;
    for (int n = 0; n < HOLDERS; n++) {
        scene s;
        scene_open(&s, holders_of[n], NULL);
        for (size_t f = 0; f < FIELDS; f += STEP) {
            check_square(&s, &fields[f], counts[(f + (size_t)n) % 7], f % 2 == 0);
        }
        if (n < LARGE_HOLDERS) {
            check_square(&s, &fields[0], LARGE, n == 1);
        }
        scene_close(&s);
    }
}

/* --- products ---------------------------------------------------------------------------------- */

/* The secrets' product, in a single piece: what bilinear_test compares with the operations. */
static void expect_product(scene *s, job *j)
{
    scene_value *values[] = {&j->x, &j->y};
    syi_array secrets[2];
    for (int k = 0; k < 2; k++) {
        secrets[k] = j->views[k][0];
        secrets[k].storage = NULL;
        assert_ok(syi_storage_wrap(s->context, &secrets[k].storage, values[k]->secret,
                                   values[k]->count * j->x.field.width, NULL, NULL, &s->err),
                  &s->err);
    }
    memset(j->z.secret, 0, j->z.count * j->z.field.width);
    assert_ok(syi_bilinear_add(s->context, &j->product, &j->x.field, j->z.secret, &secrets[0],
                               &secrets[1], &s->err),
              &s->err);
    syi_storage_unref(secrets[0].storage);
    syi_storage_unref(secrets[1].storage);
}

static void describe(scene *s, job *j, const char *name)
{
    assert_ok(syi_bilinear_of_name(&j->product, name, &j->x.field, j->views[0][0].ndim,
                                   j->views[0][0].shape, j->views[1][0].ndim, j->views[1][0].shape,
                                   &s->err),
              &s->err);
}

/* Factors and room for the result. */
static void job_open(scene *s, job *j, const syi_field *field, const char *name, int x_ndim,
                     const int64_t *x_shape, int y_ndim, const int64_t *y_shape)
{
    memset(j, 0, sizeof *j);
    scene_value_new(s, &j->x, field, x_ndim, x_shape);
    scene_value_new(s, &j->y, field, y_ndim, y_shape);
    view_all(s, j);
    describe(s, j, name);
    scene_value_blank(s, &j->z, field, j->product.z.ndim, j->product.z.shape);
}

static void check_mul(scene *s, const syi_field *field, size_t count)
{
    job j;
    job_open(s, &j, field, "mul", 1, (const int64_t[]){(int64_t)count}, 1,
             (const int64_t[]){(int64_t)count});
    for (size_t k = 0; k < count; k++) {
        scene_set(
            field, j.z.secret, k,
            scene_mul(field, scene_get(field, j.x.secret, k), scene_get(field, j.y.secret, k)));
    }
    scene_run(s, multiply, &j);
    scene_check(s, &j.z);
    check_cost(s, 1, 2 * count * field->width, count * field->width);
    job_free(s, &j);
}

static void test_mul(void **state)
{
    (void)state;
    for (int n = 0; n < HOLDERS; n++) {
        scene s;
        scene_open(&s, holders_of[n], NULL);
        for (size_t f = 0; f < FIELDS; f += STEP) {
            check_mul(&s, &fields[f], counts[(f + (size_t)n) % 7]);
        }
        if (n < LARGE_HOLDERS) {
            check_mul(&s, &fields[0], LARGE);
        }
        scene_close(&s);
    }
}

typedef struct kind {
    const char *name;
    int x_ndim, y_ndim;
    int64_t x[4], y[4];
} kind;

/* The bytes are those of both factors, and of the result from the provider. */
static void check_kind(scene *s, const syi_field *field, const kind *k)
{
    job j;
    job_open(s, &j, field, k->name, k->x_ndim, k->x, k->y_ndim, k->y);
    expect_product(s, &j);
    scene_run(s, multiply, &j);
    scene_check(s, &j.z);
    check_cost(s, j.z.count > 0 && j.x.count + j.y.count > 0 ? 1 : 0,
               j.z.count > 0 ? (j.x.count + j.y.count) * field->width : 0,
               j.z.count * field->width);
    job_free(s, &j);
}

static void test_kinds(void **state)
{
    (void)state;
    static const kind kinds[] = {
        {"mul", 2, 1, {3, 4}, {4}},
        {"mul", 3, 3, {2, 1, 3}, {1, 4, 3}},
        {"mul", 0, 0, {0}, {0}},
        {"mul", 2, 2, {0, 3}, {0, 3}},
        {"matmul", 2, 2, {5, 7}, {7, 3}},
        {"matmul", 2, 2, {200, 190}, {190, 3}}, /* more than a tile of x */
        {"matmul", 2, 2, {4, 0}, {0, 3}},
        {"matmul", 2, 2, {0, 4}, {4, 3}},
        {"matmul", 3, 2, {2, 3, 4}, {4, 5}},
        {"matmul", 1, 1, {6}, {6}},
        {"conv2d", 4, 4, {2, 3, 6, 5}, {4, 3, 3, 2}},
        {"ij,kj->ik", 2, 2, {3, 4}, {5, 4}},
        {"bij,bjk->bik", 3, 3, {2, 3, 4}, {2, 4, 2}},
    };
    for (int n = 0; n < HOLDERS; n++) {
        scene s;
        scene_open(&s, holders_of[n], NULL);
        for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k += STEP) {
            check_kind(&s, &fields[(k + (size_t)n) % FIELDS], &kinds[k]);
            check_kind(&s, &fields[0], &kinds[k]);
        }
        scene_close(&s);
    }
}

/* Factors that are views: transposed, with steps and gaps, by tiles and at once. */
static void check_views(scene *s, const char *name, int64_t rows, int64_t columns)
{
    job j;
    job_open(s, &j, &fields[0], "mul", 2, (const int64_t[]){rows, 2 * columns}, 2,
             (const int64_t[]){rows, 2 * columns});
    for (int h = 0; h < s->holders; h++) {
        syi_array half;
        assert_ok(syi_array_slice(&half, &j.x.shares[h], 1, 1, 2 * columns, 2, &s->err), &s->err);
        assert_ok(syi_array_transpose(&j.views[0][h], &half, 0, 1, &s->err), &s->err);
        syi_array_fini(&half);
        assert_ok(syi_array_slice(&half, &j.y.shares[h], 1, columns, 2 * columns, 1, &s->err),
                  &s->err);
        assert_ok(syi_array_transpose(&j.views[1][h], &half, 0, 1, &s->err), &s->err);
        syi_array_fini(&half);
    }
    scene_value_free(s, &j.z);
    describe(s, &j, name);
    scene_value_new(s, &j.z, &fields[0], j.product.z.ndim, j.product.z.shape);
    expect_product(s, &j);
    scene_run(s, multiply, &j);
    scene_check(s, &j.z);
    check_cost(s, 1, 2 * (uint64_t)(rows * columns) * 8, j.z.count * 8);
    for (int h = 0; h < s->holders; h++) {
        syi_array_fini(&j.views[0][h]);
        syi_array_fini(&j.views[1][h]);
    }
    job_free(s, &j);
}

static void test_views(void **state)
{
    (void)state;
    scene s;
    scene_open(&s, 2, NULL);
    check_views(&s, "mul", 3, 5);
    check_views(&s, "mul", 700, 150); /* four tiles */
    check_views(&s, "matmul", 12, 12);
    scene_close(&s);
}

/* --- masks that stay --------------------------------------------------------------------------- */

/* The views borrow the values' storage. */
static void transpose(const scene *s, job *j, int factor)
{
    for (int h = 0; h < s->holders; h++) {
        const syi_array before = j->views[factor][h];
        syi_array *after = &j->views[factor][h];
        after->shape[0] = before.shape[1];
        after->shape[1] = before.shape[0];
        after->strides[0] = before.strides[1];
        after->strides[1] = before.strides[0];
    }
}

/* x W, then x W again, then x W^T with the same mask: W is opened once. Then W is x itself. */
static void check_masks(int holders, bool made_ahead, const syi_field *field)
{
    const party_threads_options options = {.made_ahead = made_ahead};
    const uint64_t words = 40 * 40;
    scene s;
    job j;
    scene_open(&s, holders, &options);
    job_open(&s, &j, field, "matmul", 2, (const int64_t[]){40, 40}, 2, (const int64_t[]){40, 40});
    j.masked[1] = true;
    for (int turn = 0; turn < 3; turn++) {
        if (turn == 2) {
            transpose(&s, &j, 1);
        }
        expect_product(&s, &j);
        scene_run(&s, multiply, &j);
        scene_check(&s, &j.z);
        check_cost(&s, 1, (turn == 0 ? 2 : 1) * words * field->width, words * field->width);
    }
    j.masked[0] = true; /* both opened: nothing left to open at the second time */
    for (int turn = 0; turn < 2; turn++) {
        scene_run(&s, multiply, &j);
        scene_check(&s, &j.z);
        check_cost(&s, turn == 0 ? 1 : 0, turn == 0 ? words * field->width : 0,
                   words * field->width);
    }
    job_free(&s, &j);
    scene_close(&s);
}

static sy_status multiply_itself(syi_party *party, void *user, sy_error *err)
{
    job *j = user;
    const int h = party->channel->index;
    const syi_factor x = {&j->views[0][h], &j->masks[0][h]}, y = {&j->views[1][h], x.mask};
    return syi_spdz_product(party, &j->x.field, &j->product, scene_words(&j->z, h), &x, &y, err);
}

/* x x^T: one opening, also at the first time. */
static void test_itself(void **state)
{
    (void)state;
    scene s;
    job j;
    scene_open(&s, 3, NULL);
    job_open(&s, &j, &fields[0], "matmul", 2, (const int64_t[]){9, 9}, 2, (const int64_t[]){9, 9});
    memcpy(j.y.secret, j.x.secret, 81 * 8);
    for (int h = 0; h < s.holders; h++) {
        j.views[1][h] = j.x.shares[h];
    }
    transpose(&s, &j, 1);
    expect_product(&s, &j);
    scene_run(&s, multiply_itself, &j);
    scene_check(&s, &j.z);
    check_cost(&s, 1, 81 * 8, 81 * 8);
    scene_run(&s, multiply_itself, &j);
    scene_check(&s, &j.z);
    check_cost(&s, 0, 0, 81 * 8);
    job_free(&s, &j);
    scene_close(&s);
}

static void test_masks(void **state)
{
    (void)state;
    for (int n = 0; n < HOLDERS; n++) {
        for (size_t f = 0; f < FIELDS; f += STEP) {
            check_masks(holders_of[n], false, &fields[f]);
        }
    }
}

/* Material of other items than the command's own. */
static void test_made_ahead(void **state)
{
    (void)state;
    const party_threads_options options = {.made_ahead = true};
    scene s;
    scene_open(&s, 3, &options);
    check_mul(&s, &fields[0], SYI_TILE + 1);
    check_square(&s, &fields[1], SYI_TILE + 1, true);
    check_kind(&s, &fields[0], &(kind){"matmul", 2, 2, {5, 7}, {7, 3}});
    scene_close(&s);
    check_masks(2, true, &fields[0]);
}

/* --- zeros and triples ------------------------------------------------------------------------- */

static sy_status zero_z(syi_party *party, void *user, sy_error *err)
{
    const job *j = user;
    return syi_spdz_zero(party, &j->z.field, scene_words(&j->z, party->channel->index), j->z.count,
                         err);
}

static sy_status make_triple(syi_party *party, void *user, sy_error *err)
{
    const job *j = user;
    const int h = party->channel->index;
    return syi_spdz_triple(party, &j->z.field, &j->product, scene_words(&j->a, h),
                           scene_words(&j->b, h), scene_words(&j->z, h), err);
}

static void test_zero(void **state)
{
    (void)state;
    for (int n = 0; n < HOLDERS; n++) {
        scene s;
        scene_open(&s, holders_of[n], NULL);
        for (size_t f = 0; f < FIELDS; f += STEP) {
            const size_t count = 2 * SYI_TILE + 9;
            job j = {0};
            scene_value_blank(&s, &j.z, &fields[f], 1, (const int64_t[]){(int64_t)count});
            scene_run(&s, zero_z, &j);
            scene_check(&s, &j.z);
            check_cost(&s, 0, 0, count * fields[f].width);
            /* Shares of zero are not zeros. */
            size_t zeros = 0;
            for (size_t k = 0; k < count; k++) {
                zeros += scene_get(&fields[f], scene_words(&j.z, 0), k) == 0 ? 1 : 0;
            }
            assert_true(zeros < count / 30);
            job_free(&s, &j);
        }
        scene_close(&s);
    }
}

static void test_triple(void **state)
{
    (void)state;
    for (int n = 0; n < HOLDERS; n++) {
        scene s;
        scene_open(&s, holders_of[n], NULL);
        for (size_t f = 0; f < FIELDS; f += STEP) {
            job j;
            job_open(&s, &j, &fields[f], "matmul", 2, (const int64_t[]){8, 6}, 2,
                     (const int64_t[]){6, 5});
            scene_value_new(&s, &j.a, &fields[f], 2, j.product.x.shape);
            scene_value_new(&s, &j.b, &fields[f], 2, j.product.y.shape);
            scene_run(&s, make_triple, &j);
            for (size_t k = 0; k < j.a.count; k++) {
                scene_set(&fields[f], j.x.secret, k, scene_sum(&s, &j.a, k));
            }
            for (size_t k = 0; k < j.b.count; k++) {
                scene_set(&fields[f], j.y.secret, k, scene_sum(&s, &j.b, k));
            }
            expect_product(&s, &j);
            scene_check(&s, &j.z);
            check_cost(&s, 0, 0, j.z.count * fields[f].width);
            job_free(&s, &j);
        }
        scene_close(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open),   cmocka_unit_test(test_square),
        cmocka_unit_test(test_mul),    cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_views),  cmocka_unit_test(test_masks),
        cmocka_unit_test(test_itself), cmocka_unit_test(test_made_ahead),
        cmocka_unit_test(test_zero),   cmocka_unit_test(test_triple),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
