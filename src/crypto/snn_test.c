/*
 * snn_test.c - SecureNN: the originals' answers; every number of Z_2^8 and Z_2^4, the boundaries of Z_2^64, Z_2^32 and Z_2^62; what
 * both holders know; what is refused. Programs that are made of it: snn_programs_test.c; what is seen of it, and what it costs:
 * snn_transcript_test.c. As a family of comparisons: comparison_test.c.
 */
#include "support/snn_scene.h"

/* Each x with each r, both ways. */
static void test_private_compare(void **state)
{
    (void)state;
    static const unsigned sizes[] = {1, 2, 3, SCENE_WATCHED ? 5 : 8};
    scene s;
    scene_open(&s, 2, NULL);
    for (size_t k = 0; k < 4; k++) {
        const unsigned bits = sizes[k];
        const size_t all = (size_t)1 << bits;
        comparing c;
        comparing_open(&s, &c, &rings[k % RINGS], bits, 2 * all * all);
        for (size_t e = 0; e < c.count; e++) {
            c.x[e] = e % all;
            c.r[e] = e / all % all;
            c.beta[e] = (uint8_t)(e / all / all);
        }
        check_comparing(&s, &c);
        comparing_close(&s, &c);
    }
    scene_close(&s);
}

/* All pairs of numbers about powers of 2, of as many bits as there are, answered in any field. */
static void test_wide_compare(void **state)
{
    (void)state;
    static const unsigned sizes[] = {64, 62, 32, 63};
    static const syi_field answers[] = {SYI_FIELD_64, {UINT64_MAX, 8}, SYI_FIELD_32, {1000003, 8}};
    uint64_t edges[3 * 64 + 2];
    scene s;
    scene_open(&s, 2, NULL);
    for (size_t k = 0; k < (SCENE_WATCHED ? 2 : 4); k++) {
        const unsigned bits = sizes[k];
        const uint64_t mask = bits == 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1;
        size_t found = 0;
        for (unsigned bit = 0; bit < bits; bit += SCENE_WATCHED ? 21 : 7) {
            edges[found++] = (UINT64_C(1) << bit) - 1;
            edges[found++] = UINT64_C(1) << bit;
            edges[found++] = ((UINT64_C(1) << bit) + 1) & mask;
        }
        edges[found++] = mask - 1;
        edges[found++] = mask;
        comparing c;
        comparing_open(&s, &c, &answers[k], bits, 2 * found * found);
        for (size_t e = 0; e < c.count; e++) {
            c.x[e] = edges[e % found];
            c.r[e] = edges[e / found % found];
            c.beta[e] = (uint8_t)(e / found / found);
        }
        check_comparing(&s, &c);
        comparing_close(&s, &c);
    }
    scene_close(&s);
}

/* --- the originals' answers -------------------------------------------------------------------- */

static void check_originals_compare(scene *s, size_t count, const uint64_t *x, const uint64_t *r,
                                    uint8_t beta, const int64_t *expected)
{
    const syi_field *ring = &rings[2];
    comparing c;
    comparing_open(s, &c, ring, 62, count);
    memcpy(c.x, x, count * sizeof *x);
    memcpy(c.r, r, count * sizeof *r);
    memset(c.beta, beta, count);
    check_comparing(s, &c);
    check_numbers(s, &c.z, count, expected);
    comparing_close(s, &c);
}

static void check_originals(scene *s, step what, const syi_field *ring, size_t count,
                            const int64_t *x, const int64_t *expected)
{
    job j;
    job_open(s, &j, what, ring, count);
    put(&j.x, count, x);
    run_job(s, &j);
    check_numbers(s, &j.z, count, expected);
    job_close(s, &j);
}

static void test_originals(void **state)
{
    (void)state;
    static const uint64_t x1[] = {13}, r1[] = {12}, x2[] = {UINT64_C(1) << 60},
                          r2[] = {UINT64_C(1) << 61}, x3[] = {13, 44, 1, 28},
                          r3[] = {12, 44, 12, 33};
    static const int64_t zero[] = {0}, one[] = {1}, odd[] = {0, 1, 1, 1}, even[] = {1, 0, 0, 0};
    scene s;
    scene_open(&s, 2, NULL);
    check_originals_compare(&s, 1, x1, r1, 1, zero);
    check_originals_compare(&s, 1, x1, r1, 0, one);
    check_originals_compare(&s, 1, x2, r2, 1, one);
    check_originals_compare(&s, 1, x2, r2, 0, zero);
    check_originals_compare(&s, 4, x3, r3, 1, odd);
    check_originals_compare(&s, 4, x3, r3, 0, even);
    for (size_t k = 0; k < LARGE_RINGS; k++) {
        const int64_t big = k == 1 ? INT64_C(1) << 30 : INT64_C(1) << 60;
        check_originals(&s, CONVERT, &rings[k], 3, (const int64_t[]){13, 3567, big},
                        (const int64_t[]){13, 3567, big});
        check_originals(&s, DERIV, &rings[k], 3, (const int64_t[]){10, 0, -3},
                        (const int64_t[]){1, 1, 0});
        check_originals(&s, RELU, &rings[k], 2, (const int64_t[]){1, -3}, (const int64_t[]){1, 0});
        check_originals(&s, RELU, &rings[k], 3, (const int64_t[]){1000, 3100, -2100},
                        (const int64_t[]){1000, 3100, 0});
        check_originals(&s, MAX_DERIV, &rings[k], 4, (const int64_t[]){10, 0, 15, 7},
                        (const int64_t[]){0, 0, 1, 0});
    }
    scene_close(&s);
}

static void test_originals_division(void **state)
{
    (void)state;
    scene s;
    scene_open(&s, 2, NULL);
    for (size_t k = 0; k < (TEST_SLOWNESS > 1 ? 1 : LARGE_RINGS); k++) {
        job j;
        job_open(&s, &j, DIVIDE, &rings[k], 1);
        put(&j.x, 1, (const int64_t[]){10});
        put(&j.y, 1, (const int64_t[]){2});
        j.bits = k == 1 ? 16 : 31;
        run_job(&s, &j);
        check_numbers(&s, &j.z, 1, (const int64_t[]){5});
        job_close(&s, &j);
        job_open(&s, &j, DIVIDE, &rings[k], 4);
        put(&j.x, 4, (const int64_t[]){25, 9, 10, 30});
        put(&j.y, 4, (const int64_t[]){5, 12, 2, 7});
        j.bits = 5;
        run_job(&s, &j);
        check_numbers(&s, &j.z, 4, (const int64_t[]){5, 0, 5, 4});
        j.step = DIVIDE_ONE;
        j.in_place = true;
        run_job(&s, &j);
        check_numbers(&s, &j.x, 4, (const int64_t[]){5, 1, 2, 6});
        job_close(&s, &j);
        job_open(&s, &j, MAX, &rings[k], 4);
        put(&j.x, 4, (const int64_t[]){10, 0, 15, 7});
        run_job(&s, &j);
        check_numbers(&s, &j.z, 1, (const int64_t[]){15});
        check_numbers(&s, &j.w, 1, (const int64_t[]){2});
        job_close(&s, &j);
    }
    scene_close(&s);
}

static void test_local(void **state)
{
    (void)state;
    const syi_field narrow = SYI_FIELD_32, ring = rings[2];
    const uint64_t words[] = {5, UINT64_C(1) << 61};
    const uint32_t half[] = {6, UINT32_C(1) << 31};
    uint8_t bits[2 * 62], reversed[2 * 62];
    syi_snn_decompose(&ring, bits, words, 62, 2);
    for (unsigned k = 0; k < 62; k++) {
        assert_int_equal(bits[k], k == 0 || k == 2);
        assert_int_equal(bits[62 + k], k == 61);
    }
    syi_snn_flip(reversed, bits, 2, 62, 1);
    for (unsigned k = 0; k < 62; k++) {
        assert_int_equal(reversed[k], bits[61 - k]);
        assert_int_equal(reversed[62 + k], bits[62 + 61 - k]);
    }
    syi_snn_flip(reversed, bits, 1, 2, 62);
    assert_memory_equal(reversed, bits + 62, 62);
    assert_memory_equal(reversed + 62, bits, 62);
    syi_snn_decompose(&narrow, bits, half, 32, 2);
    for (unsigned k = 0; k < 32; k++) {
        assert_int_equal(bits[k], k == 1 || k == 2);
        assert_int_equal(bits[32 + k], k == 31);
    }
}

/* --- every number ------------------------------------------------------------------------------ */

/* Each with many shares and masks: in Z_2^4 so many that every pair of a number and a mask has come. */
static void test_every_number(void **state)
{
    (void)state;
    const size_t times = SCENE_WATCHED ? 8 : 512;
    scene s;
    scene_open(&s, 2, NULL);
    for (size_t ring = LARGE_RINGS; ring < RINGS; ring++) {
        for (int what = CONVERT; what <= EQUAL; what++) {
            const size_t all = (size_t)rings[ring].modulus - (what == MSB ? 1 : 0),
                         count = all * times * (ring == LARGE_RINGS ? 1 : 2);
            job j;
            job_open(&s, &j, (step)what, &rings[ring], count);
            j.in_place = what == CONVERT || what == EQUAL;
            for (size_t k = 0; k < count; k++) {
                scene_set(&j.x.field, j.x.secret, k, k % all);
            }
            if (what == CONVERT) { /* in place its field changes */
                j.in_place = false;
            }
            check_step(&s, &j);
            job_close(&s, &j);
        }
    }
    scene_close(&s);
}

static void test_edges(void **state)
{
    (void)state;
    scene s;
    scene_open(&s, 2, NULL);
    for (size_t ring = 0; ring < LARGE_RINGS; ring++) {
        const unsigned bits = syi_field_bits(&rings[ring]);
        for (int what = CONVERT; what <= EQUAL; what++) {
            job j;
            size_t found = 0;
            job_open(&s, &j, (step)what, &rings[ring], 64 * 10 + 200);
            for (unsigned bit = 0; bit < bits; bit++) {
                for (int d = -2; d <= 2; d++) {
                    const scene_number number = ((scene_number)1 << bit) + d;
                    scene_set(&j.x.field, j.x.secret, found++, scene_of(&j.x.field, number));
                    scene_set(&j.x.field, j.x.secret, found++, scene_of(&j.x.field, -number));
                }
            }
            for (int number = -100; found < j.x.count; number++) {
                scene_set(&j.x.field, j.x.secret, found++, scene_of(&j.x.field, number));
            }
            check_step(&s, &j);
            job_close(&s, &j);
        }
    }
    scene_close(&s);
}

/* Sizes about tiles and windows of tiles, through links that hold a few of them. */
static void test_sizes(void **state)
{
    (void)state;
    enum { TILE = SYI_SNN_TILE };
    static const size_t sizes[] = {0,        1,        15,           TILE - 1, TILE,
                                   TILE + 1, 4 * TILE, 9 * TILE + 5, 30 * TILE};
    const party_threads_options options = {.ahead = 8 * 64 * TILE};
    scene s;
    scene_open(&s, 2, &options);
    for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
        job j;
        job_open(&s, &j, RELU, &rings[k % 2],
                 SCENE_WATCHED && sizes[k] > 9 * TILE + 5 ? 2 : sizes[k]);
        for (size_t e = 0; e < j.x.count; e++) {
            scene_set(&j.ring, j.x.secret, e, scene_mod(&j.ring, property_next(&s.random)));
        }
        check_step(&s, &j);
        job_close(&s, &j);
    }
    scene_close(&s);
}

/* --- what both holders know --------------------------------------------------------------------- */

/* The same common numbers at both holders; others in each call, and each command. */
typedef struct drawing {
    uint8_t bits[2][2][500];
    uint64_t values[2][2][500];
    uint64_t zeros[2][500];
} drawing;

static sy_status draw(syi_party *party, void *user, sy_error *err)
{
    const syi_field ring = SYI_FIELD_64;
    drawing *d = user;
    const int h = party->channel->index;
    sy_status status = SY_OK;
    for (int turn = 0; turn < 2 && status == SY_OK; turn++) {
        status = syi_snn_common_bits(party, d->bits[h][turn], 500, err);
        if (status == SY_OK) {
            status = syi_snn_common_values(party, d->values[h][turn], 1000, 500, err);
        }
    }
    return status == SY_OK ? syi_snn_zeros(party, &ring, d->zeros[h], 500, err) : status;
}

static void test_common(void **state)
{
    (void)state;
    static drawing d, before;
    scene s;
    scene_open(&s, 2, NULL);
    for (int command = 0; command < 2; command++) {
        size_t ones = 0;
        scene_run(&s, draw, &d);
        assert_int_equal(party_threads_result(s.threads, 0)->cost.sent, SYI_SEED_SIZE);
        for (int turn = 0; turn < 2; turn++) {
            assert_memory_equal(d.bits[0][turn], d.bits[1][turn], sizeof d.bits[0][0]);
            assert_memory_equal(d.values[0][turn], d.values[1][turn], sizeof d.values[0][0]);
        }
        for (size_t k = 0; k < 500; k++) {
            assert_true(d.bits[0][0][k] <= 1 && d.values[0][0][k] < 1000);
            assert_int_equal(d.zeros[0][k] + d.zeros[1][k], 0);
            assert_int_not_equal(d.zeros[0][k], 0);
            ones += d.bits[0][0][k];
        }
        assert_true(ones > 150 && ones < 350);
        assert_memory_not_equal(d.bits[0][0], d.bits[0][1], sizeof d.bits[0][0]);
        assert_memory_not_equal(d.values[0][0], d.values[0][1], sizeof d.values[0][0]);
        assert_memory_not_equal(d.values[0][0], before.values[0][0], sizeof d.values[0][0]);
        before = d;
    }
    scene_close(&s);
}

/* --- refused ----------------------------------------------------------------------------------- */

static sy_status run_refused(syi_party *party, void *user, sy_error *err)
{
    const syi_field ring = SYI_FIELD_64, odd = {1000003, 8};
    const int holders = *(const int *)user;
    uint64_t words[4] = {0};
    uint8_t bits[4 * 64] = {0};
    sy_status status = syi_snn_relu(party, holders == 2 ? &odd : &ring, words, words, 4, err);
    if (status == SY_ENOTSUP && holders == 2) {
        status = syi_snn_private_compare(party, &ring, words, bits, words, bits, 65, 4, err);
        return status == SY_ERANGE ? SY_ENOTSUP : SY_OK;
    }
    return status;
}

static void test_refused(void **state)
{
    (void)state;
    for (int holders = 2; holders <= 3; holders++) {
        scene s;
        scene_open(&s, holders, NULL);
        assert_false(party_threads_run(s.threads, run_refused, &holders));
        for (int h = 0; h < holders; h++) {
            const party_result *result = party_threads_result(s.threads, h);
            assert_int_equal(result->status, SY_ENOTSUP);
        }
        scene_close(&s);
    }
    /* A provider that hears nobody. */
    scene s;
    scene_open(&s, 2, NULL);
    const syi_dealer deaf = {.context = s.context, .holders = 2};
    const syi_demand demand = {.kind = SYI_MATERIAL_SNN_MSB, .field = SYI_FIELD_64, .count = 1};
    assert_status(syi_deal(&deaf, &demand, NULL, NULL, &s.err), SY_ENOTSUP, &s.err);
    scene_close(&s);
}

/* --- demands ----------------------------------------------------------------------------------- */

static sy_status read_back(scene *s, const syi_demand *demand)
{
    syi_buffer bytes;
    syi_demand back;
    syi_buffer_init(&bytes, s->context, SYI_DEMAND_BYTES);
    syi_demand_write(demand, &bytes);
    assert_ok(syi_buffer_check(&bytes, "demand", &s->err), &s->err);
    const sy_status status = syi_demand_read(&back, bytes.data, bytes.length, 1 << 20, &s->err);
    if (status == SY_OK) {
        assert_int_equal(back.kind, demand->kind);
        assert_int_equal(back.shift, demand->shift);
        assert_int_equal(back.count, demand->count);
        assert_true(syi_field_same(&back.field, &demand->field));
    }
    syi_buffer_fini(&bytes);
    return status;
}

static void test_demands(void **state)
{
    (void)state;
    static const struct {
        syi_demand demand;
        sy_status status;
    } tried[] = {
        {{.kind = SYI_MATERIAL_SNN_COMPARE, .field = {67, 8}, .count = 5, .shift = 64}, SY_OK},
        {{.kind = SYI_MATERIAL_SNN_COMPARE,
          .field = {0 - UINT64_C(59), 8},
          .count = 5,
          .shift = 64},
         SY_OK},
        {{.kind = SYI_MATERIAL_SNN_COMPARE, .field = SYI_FIELD_64, .shift = 1}, SY_OK},
        {{.kind = SYI_MATERIAL_SNN_COMPARE, .field = SYI_FIELD_64, .count = 5}, SY_ERANGE},
        {{.kind = SYI_MATERIAL_SNN_COMPARE, .field = SYI_FIELD_64, .shift = 65}, SY_ERANGE},
        {{.kind = SYI_MATERIAL_SNN_MSB, .field = SYI_FIELD_32, .count = 5}, SY_OK},
        {{.kind = SYI_MATERIAL_SNN_MSB, .field = {4, 8}, .count = 5}, SY_ERANGE},
        {{.kind = SYI_MATERIAL_SNN_CONVERT, .field = {8, 8}, .count = 5}, SY_OK},
        {{.kind = SYI_MATERIAL_SNN_CONVERT, .field = {1000003, 8}, .count = 5}, SY_ERANGE},
        {{.kind = SYI_MATERIAL_SNN_CONVERT, .field = SYI_FIELD_64, .count = (1 << 20) + 1},
         SY_ELIMIT},
        {{.kind = SYI_MATERIAL_SNN_ONE_HOT, .field = {256, 8}, .count = 256}, SY_OK},
        {{.kind = SYI_MATERIAL_SNN_ONE_HOT, .field = {256, 8}, .count = 512}, SY_ERANGE},
        {{.kind = SYI_MATERIAL_SNN_ONE_HOT, .field = SYI_FIELD_64, .count = 3}, SY_ERANGE},
        {{.kind = SYI_MATERIAL_SNN_ONE_HOT, .field = SYI_FIELD_64}, SY_ERANGE},
        {{.kind = (syi_material_kind)(SYI_MATERIAL_LAST + 1), .field = SYI_FIELD_64}, SY_EFORMAT},
    };
    scene s;
    scene_open(&s, 2, NULL);
    for (size_t k = 0; k < sizeof tried / sizeof tried[0]; k++) {
        const sy_status status = read_back(&s, &tried[k].demand);
        if (status != tried[k].status) {
            fail_msg("demand %zu: %s", k, s.err.message);
        }
    }
    scene_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_private_compare), cmocka_unit_test(test_wide_compare),
        cmocka_unit_test(test_originals),       cmocka_unit_test(test_originals_division),
        cmocka_unit_test(test_local),           cmocka_unit_test(test_every_number),
        cmocka_unit_test(test_edges),           cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_common),          cmocka_unit_test(test_refused),
        cmocka_unit_test(test_demands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
