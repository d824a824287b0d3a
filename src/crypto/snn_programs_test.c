/*
 * snn_programs_test.c - what is made of SecureNN's comparisons: division, the greatest of rows and windows, its place, selection.
 */
#include "support/snn_scene.h"

/* --- programs ---------------------------------------------------------------------------------- */

static void test_division(void **state)
{
    (void)state;
    enum { COUNT = 300 };
    scene s;
    scene_open(&s, 2, NULL);
    for (size_t ring = 0; ring <= LARGE_RINGS; ring++) {
        const unsigned bits = syi_field_bits(&rings[ring]);
        job j;
        job_open(&s, &j, DIVIDE, &rings[ring], COUNT);
        j.bits = ring == LARGE_RINGS ? 4 : 6;
        for (size_t k = 0; k < COUNT; k++) {
            const uint64_t y = property_next(&s.random) % ((UINT64_C(1) << (bits - j.bits)) - 1) +
                               1,
                           most = (y << j.bits) - 1, half = (UINT64_C(1) << (bits - 1)) - 1;
            const uint64_t x = property_next(&s.random) % ((most < half ? most : half) + 1);
            scene_set(&j.ring, j.x.secret, k, k % 5 == 0 ? x / y * y : x);
            scene_set(&j.ring, j.y.secret, k, y);
        }
        run_job(&s, &j);
        for (size_t k = 0; k < COUNT; k++) {
            const uint64_t x = scene_get(&j.ring, j.x.secret, k),
                           y = scene_get(&j.ring, j.y.secret, k);
            assert_int_equal(scene_sum(&s, &j.z, k), x / y);
        }
        job_close(&s, &j);
    }
    scene_close(&s);
}

static void check_rows(scene *s, const syi_field *ring, uint64_t rows, uint64_t columns,
                       uint64_t range)
{
    job j;
    job_open(s, &j, MAX, ring, (size_t)(rows * columns));
    j.rows = rows;
    for (size_t k = 0; k < j.x.count; k++) {
        scene_set(ring, j.x.secret, k,
                  scene_of(ring, (scene_number)(property_next(&s->random) % range) -
                                     (scene_number)(range / 2)));
    }
    run_job(s, &j);
    for (size_t row = 0; row < rows; row++) {
        scene_number most = 0;
        size_t place = 0;
        for (size_t k = 0; k < columns; k++) {
            const scene_number number =
                scene_signed(ring, scene_get(ring, j.x.secret, row * columns + k));
            place = k == 0 || number >= most ? k : place;
            most = k == 0 || number > most ? number : most;
        }
        assert_true(scene_signed(ring, scene_sum(s, &j.z, row)) == most);
        assert_int_equal(scene_sum(s, &j.w, row), place);
    }
    job_close(s, &j);
}

/* Ranges with many equal ones, and as wide as differences may be. */
static void test_maxpool(void **state)
{
    (void)state;
    scene s;
    scene_open(&s, 2, NULL);
    for (uint64_t columns = 1; columns <= (SCENE_WATCHED ? 5 : 17); columns++) {
        check_rows(&s, &rings[columns % 2], 3, columns, 3);
        check_rows(&s, &rings[2 * (columns % 2)], 2, columns, UINT64_C(1) << 61);
    }
    check_rows(&s, &rings[1], 100, 9, UINT64_C(1) << 31);
    scene_close(&s);
}

static void test_maxpool_deriv(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 2, 3, 8, 9, 100, 2500};
    scene s;
    scene_open(&s, 2, NULL);
    for (size_t k = 0; k < sizeof sizes / sizeof sizes[0] - (SCENE_WATCHED ? 1 : 0); k++) {
        job j;
        const size_t place = (size_t)(property_next(&s.random) % sizes[k]);
        job_open(&s, &j, MAX_DERIV, &rings[k % 2], sizes[k]);
        for (size_t e = 0; e < sizes[k]; e++) {
            scene_set(&j.ring, j.x.secret, e, e == place ? 500 : property_next(&s.random) % 500);
        }
        run_job(&s, &j);
        for (size_t e = 0; e < sizes[k]; e++) {
            assert_int_equal(scene_sum(&s, &j.z, e), e == place ? 1 : 0);
        }
        job_close(&s, &j);
    }
    scene_close(&s);
}

static void test_select(void **state)
{
    (void)state;
    enum { COUNT = 100 };
    scene s;
    scene_open(&s, 2, NULL);
    for (size_t ring = 0; ring < RINGS; ring++) {
        job j;
        job_open(&s, &j, SELECT, &rings[ring], COUNT);
        for (size_t k = 0; k < COUNT; k++) {
            scene_set(&j.ring, j.x.secret, k, scene_mod(&j.ring, property_next(&s.random)));
            scene_set(&j.ring, j.y.secret, k, scene_mod(&j.ring, property_next(&s.random)));
            scene_set(&j.ring, j.w.secret, k, k % 2);
        }
        run_job(&s, &j);
        for (size_t k = 0; k < COUNT; k++) {
            const scene_value *chosen = k % 2 == 0 ? &j.x : &j.y;
            assert_int_equal(scene_sum(&s, &j.z, k), scene_get(&j.ring, chosen->secret, k));
        }
        job_close(&s, &j);
    }
    scene_close(&s);
}

/* --- windows ----------------------------------------------------------------------------------- */

typedef struct pooling {
    scene_value x, z;
    syi_snn_windows windows;
} pooling;

static sy_status run_pooling(syi_party *party, void *user, sy_error *err)
{
    const pooling *p = user;
    const int h = party->channel->index;
    return syi_snn_maxpool2d(party, &p->x.field, scene_words(&p->z, h), scene_words(&p->x, h),
                             &p->windows, err);
}

static scene_number window_of(const pooling *p, uint64_t image, uint64_t row, uint64_t column)
{
    const syi_snn_windows *w = &p->windows;
    scene_number most = 0;
    bool first = true;
    for (uint64_t k = 0; k < w->kernel[0] * w->kernel[1]; k++) {
        const int64_t y = (int64_t)(row * w->stride[0] + k / w->kernel[1]) - (int64_t)w->padding[0],
                      x = (int64_t)(column * w->stride[1] + k % w->kernel[1]) -
                          (int64_t)w->padding[1];
        const bool inside = y >= 0 && y < (int64_t)w->height && x >= 0 && x < (int64_t)w->width;
        const scene_number number =
            inside ? scene_signed(&p->x.field,
                                  scene_get(&p->x.field, p->x.secret,
                                            (size_t)((image * w->height + (uint64_t)y) * w->width +
                                                     (uint64_t)x)))
                   : 0;
        most = first || number > most ? number : most;
        first = false;
    }
    return most;
}

static void check_pooling(scene *s, const syi_field *ring, const syi_snn_windows *windows)
{
    uint64_t size[2];
    pooling p = {.windows = *windows};
    assert_ok(syi_snn_windows_size(windows, size, &s->err), &s->err);
    const int64_t in[] = {(int64_t)(windows->images * windows->height * windows->width)},
                  out[] = {(int64_t)(windows->images * size[0] * size[1])};
    scene_value_blank(s, &p.x, ring, 1, in);
    scene_value_blank(s, &p.z, ring, 1, out);
    for (size_t k = 0; k < p.x.count; k++) {
        scene_set(ring, p.x.secret, k,
                  scene_of(ring, (scene_number)(property_next(&s->random) % 200) - 150));
    }
    scene_share(s, &p.x);
    scene_run(s, run_pooling, &p);
    for (uint64_t k = 0; k < p.z.count; k++) {
        const uint64_t image = k / (size[0] * size[1]), place = k % (size[0] * size[1]);
        assert_true(scene_signed(ring, scene_sum(s, &p.z, (size_t)k)) ==
                    window_of(&p, image, place / size[1], place % size[1]));
    }
    scene_value_free(s, &p.x);
    scene_value_free(s, &p.z);
}

static void test_maxpool2d(void **state)
{
    (void)state;
    static const syi_snn_windows all[] = {{1, 1, 1, {1, 1}, {1, 1}, {0, 0}},
                                          {2, 4, 4, {2, 2}, {2, 2}, {0, 0}},
                                          {1, 5, 6, {3, 2}, {2, 1}, {1, 0}},
                                          {3, 3, 3, {3, 3}, {1, 1}, {1, 1}}};
    static const syi_snn_windows none[] = {{1, 2, 2, {3, 3}, {1, 1}, {0, 0}},
                                           {1, 2, 2, {0, 1}, {1, 1}, {0, 0}},
                                           {1, 2, 2, {1, 1}, {0, 1}, {0, 0}},
                                           {1, 2, 2, {2, 2}, {1, 1}, {2, 0}}};
    uint64_t size[2];
    scene s;
    scene_open(&s, 2, NULL);
    for (size_t k = 0; k < sizeof all / sizeof all[0]; k++) {
        check_pooling(&s, &rings[k % 2], &all[k]);
    }
    for (size_t k = 0; k < sizeof none / sizeof none[0]; k++) {
        assert_status(syi_snn_windows_size(&none[k], size, &s.err), SY_ESHAPE, &s.err);
    }
    scene_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_division),      cmocka_unit_test(test_maxpool),
        cmocka_unit_test(test_maxpool_deriv), cmocka_unit_test(test_select),
        cmocka_unit_test(test_maxpool2d),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
