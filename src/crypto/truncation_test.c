/*
 * truncation_test.c - division of shared numbers by public ones: in small fields every number with every mask, in large ones
 * the boundaries; counts of roundings up, rounds and bytes; what the test mode of ranges says.
 */
#include "crypto/rounding.h"
#include "crypto/spdz.h"
#include "support/party_scene.h"

static const int holders_of[] = {2, 3, 5};

/* Divisions of one command; each has as many elements. */
typedef struct job {
    syi_field field;
    size_t divisions, count;
    const uint64_t *divisors;
    bool shifts; /* by the divisors' logarithms */
    scene_value x, z;
} job;

static sy_status divide_all(syi_party *party, void *user, sy_error *err)
{
    const job *j = user;
    const int h = party->channel->index;
    for (size_t k = 0; k < j->divisions; k++) {
        const size_t at = k * j->count * j->field.width;
        const uint8_t *x = (const uint8_t *)scene_words(&j->x, h) + at;
        uint8_t *z = (uint8_t *)scene_words(&j->z, h) + at;
        const unsigned shift = (unsigned)__builtin_ctzll(j->divisors[k]);
        const sy_status status =
            j->shifts ? syi_spdz_shift(party, &j->field, z, x, j->count, shift, err)
                      : syi_spdz_divide(party, &j->field, z, x, j->count, j->divisors[k], err);
        if (status != SY_OK) {
            return status;
        }
    }
    return SY_OK;
}

static void job_open(scene *s, job *j, const syi_field *field, size_t divisions, size_t count,
                     const uint64_t *divisors, bool shifts)
{
    *j = (job){.field = *field,
               .divisions = divisions,
               .count = count,
               .divisors = divisors,
               .shifts = shifts};
    const int64_t all = (int64_t)(divisions * count);
    scene_value_blank(s, &j->x, field, 1, &all);
    scene_value_blank(s, &j->z, field, 1, &all);
}

static void job_close(scene *s, job *j)
{
    scene_value_free(s, &j->x);
    scene_value_free(s, &j->z);
}

static uint64_t offset_of(const syi_field *field, uint64_t divisor)
{
    const uint64_t quarter = syi_rounding_quarter(field);
    return quarter - quarter % divisor;
}

static void check_cost(const scene *s, const job *j)
{
    size_t from_provider = 0;
    uint64_t dealt = 0;
    for (size_t k = 0; k < j->divisions; k++) {
        const size_t tops = ((size_t)__builtin_ctzll(j->divisors[k]) + 7) / 8;
        from_provider += j->count * (j->field.width + (j->shifts ? tops : j->field.width));
    }
    for (int h = 0; h < s->holders; h++) {
        const syi_cost *cost = &party_threads_result(s->threads, h)->cost;
        assert_int_equal(cost->rounds, j->divisions);
        assert_int_equal(cost->sent, j->divisions * j->count * j->field.width);
        dealt += cost->dealt;
    }
    assert_int_equal(dealt, from_provider);
}

/* --- every number with every mask -------------------------------------------------------------- */

enum { SMALL = 256 };
typedef struct pairs {
    bool seen[SMALL][SMALL]; /* number above the lowest one, mask */
    unsigned next[SMALL];    /* for a mask, the next number */
    unsigned up[SMALL];      /* masks with which a number was rounded up */
} pairs;

static void mask_of(scene *s, const job *j, size_t division, uint64_t *masks)
{
    const syi_item item = {s->options.sequence + 1, (uint32_t)division};
    assert_ok(party_threads_mask(s->threads, &j->field,
                                 j->shifts ? SYI_MATERIAL_SHIFT : SYI_MATERIAL_DIVIDE, &item,
                                 SYI_PART_A, masks, j->count, &s->err),
              &s->err);
}

/* The masks are known beforehand, so each gets the numbers it has not met. */
static void choose(scene *s, job *j)
{
    const uint64_t half = syi_rounding_half(&j->field);
    uint64_t *masks = calloc(j->count, sizeof *masks);
    for (size_t d = 0; d < j->divisions; d++) {
        unsigned next[SMALL] = {0};
        mask_of(s, j, d, masks);
        for (size_t k = 0; k < j->count; k++) {
            const uint64_t above = next[masks[k]]++ % half;
            scene_set(&j->field, j->x.secret, d * j->count + k,
                      scene_sub(&j->field, above, offset_of(&j->field, j->divisors[d])));
        }
    }
    free(masks);
    scene_share(s, &j->x);
}

/* With y = x + offset = opened - mask, the mask read as signed where the opened word is below half, the quotient is rounded
 * up when the rests of y and of the mask together are the divisor or more. */
static void check_pair(const scene *s, const job *j, size_t division, size_t k, uint64_t mask,
                       pairs *p)
{
    const scene_number by = (scene_number)j->divisors[division];
    const uint64_t x = scene_get(&j->field, j->x.secret, k),
                   above = scene_add(&j->field, x, offset_of(&j->field, j->divisors[division])),
                   opened = scene_add(&j->field, above, mask);
    const scene_number r =
        opened >= syi_rounding_half(&j->field) ? (scene_number)mask : scene_signed(&j->field, mask);
    const scene_number rests = (scene_number)above % by + (r - scene_floor(r, by) * by);
    const scene_number down = scene_floor(scene_signed(&j->field, x), by);
    const scene_number got = scene_signed(&j->field, scene_sum(s, &j->z, k));
    if (got != down + (rests >= by ? 1 : 0)) {
        fail_msg("modulus %" PRIu64 ", %d holders: %" PRIu64 " by %" PRIu64 " with mask %" PRIu64
                 ": %lld, expected %lld",
                 j->field.modulus, s->holders, x, j->divisors[division], mask, (long long)got,
                 (long long)(down + (rests >= by ? 1 : 0)));
    }
    if (!p->seen[above][mask]) {
        p->seen[above][mask] = true;
        p->up[above] += got != down ? 1 : 0;
    }
}

static void check_pairs(scene *s, const job *j, size_t division, const uint64_t *masks)
{
    const uint64_t modulus = j->field.modulus, half = syi_rounding_half(&j->field);
    pairs *p = calloc(1, sizeof *p);
    for (size_t k = 0; k < j->count; k++) {
        check_pair(s, j, division, division * j->count + k, masks[k], p);
    }
    for (uint64_t above = 0; above < half; above++) {
        for (uint64_t mask = 0; mask < modulus; mask++) {
            assert_true(p->seen[above][mask]); /* nothing was left out */
        }
        const uint64_t divisor = j->divisors[division];
        if (modulus % divisor == 0) {
            assert_int_equal(p->up[above], above % divisor * (modulus / divisor));
        }
    }
    free(p);
}

static void check_all(scene *s, const syi_field *field, size_t divisions, const uint64_t *divisors,
                      bool shifts)
{
    const size_t half = syi_rounding_half(field);
    const size_t count = field->modulus * (half + 60); /* each mask often enough */
    job j;
    uint64_t *masks = calloc(count, sizeof *masks);
    job_open(s, &j, field, divisions, count, divisors, shifts);
    choose(s, &j);
    scene_run(s, divide_all, &j);
    check_cost(s, &j);
    for (size_t d = 0; d < divisions; d++) {
        s->options.sequence--;
        mask_of(s, &j, d, masks);
        s->options.sequence++;
        check_pairs(s, &j, d, masks);
    }
    job_close(s, &j);
    free(masks);
}

/* Modulo 256, by every shift and every divisor. */
static void test_exhaustive(void **state)
{
    (void)state;
    static const syi_field field = {256, 8};
    static const uint64_t powers[] = {2, 4, 8, 16, 32, 64};
    uint64_t divisors[64];
    for (size_t k = 0; k < 64; k++) {
        divisors[k] = k + 1;
    }
    for (int n = 0; n < (SCENE_WATCHED ? 1 : 3); n++) {
        scene s;
        scene_open(&s, holders_of[n], NULL);
        check_all(&s, &field, 6, powers, true);
        if (n == 0) {
            for (size_t k = 0; k<64; k += TEST_SLOWNESS> 1 ? 32 : 8) {
                check_all(&s, &field, SCENE_WATCHED ? 1 : 8, divisors + k, false);
            }
        } else {
            check_all(&s, &field, 3, (const uint64_t[]){3, 10, 64}, false);
        }
        scene_close(&s);
    }
}

/* Every divisor that is possible. */
static void test_odd(void **state)
{
    (void)state;
    static const uint64_t moduli[] = {4, 5, 7, 9, 11, 12, 31, 67, 100};
    const size_t some = sizeof moduli / sizeof *moduli - (SCENE_WATCHED ? 1 : 0);
    scene s;
    scene_open(&s, 3, NULL);
    for (size_t k = 0; k < some; k++) {
        const syi_field field = {moduli[k], 8};
        uint64_t divisors[32];
        for (uint64_t d = 0; d < moduli[k] / 4; d++) {
            divisors[d] = d + 1;
        }
        check_all(&s, &field, moduli[k] / 4, divisors, false);
    }
    const syi_field largest = {251, 8};
    check_all(&s, &largest, SCENE_WATCHED ? 2 : 4, (const uint64_t[]){1, 7, 61, 62}, false);
    scene_close(&s);
}

/* --- large fields ------------------------------------------------------------------------------ */

/* Numbers of all magnitudes up to the bounds, multiples, and the bounds themselves. */
static void draw_numbers(scene *s, job *j, size_t division)
{
    const uint64_t by = j->divisors[division], offset = offset_of(&j->field, by),
                   half = syi_rounding_half(&j->field);
    const scene_number low = -(scene_number)offset, high = (scene_number)half - 1 + low;
    const scene_number fixed[] = {0, 1, -1, low, low + 1, high, high - 1, -(scene_number)by};
    for (size_t k = 0; k < j->count; k++) {
        const uint64_t magnitude = property_next(&s->random) >> property_between(&s->random, 1, 63);
        scene_number number = k < 8        ? fixed[k]
                              : k % 2 == 0 ? (scene_number)magnitude
                                           : -(scene_number)magnitude;
        if (k % 3 == 2 && k >= 8) {
            number -= number % (scene_number)by;
        }
        number = number < low || number > high ? low / 2 : number;
        scene_set(&j->field, j->x.secret, division * j->count + k, scene_of(&j->field, number));
    }
}

static void check_large(scene *s, const syi_field *field, size_t divisions,
                        const uint64_t *divisors, bool shifts, size_t count)
{
    job j;
    size_t up = 0, between = 0;
    job_open(s, &j, field, divisions, count, divisors, shifts);
    for (size_t d = 0; d < divisions; d++) {
        draw_numbers(s, &j, d);
    }
    scene_share(s, &j.x);
    scene_run(s, divide_all, &j);
    check_cost(s, &j);
    for (size_t k = 0; k < divisions * count; k++) {
        const scene_number by = (scene_number)divisors[k / count];
        const scene_number x = scene_signed(field, scene_get(field, j.x.secret, k));
        const scene_number down = scene_floor(x, by);
        const scene_number got = scene_signed(field, scene_sum(s, &j.z, k));
        if (got != down && (got != down + 1 || x == down * by)) {
            fail_msg("element %zu: %lld by %lld: %lld", k, (long long)x, (long long)by,
                     (long long)got);
        }
        between += x != down * by ? 1 : 0;
        up += got != down ? 1 : 0;
    }
    /* Rounded up about as often as down. */
    assert_true(between < 1000 || (up > between / 10 && up < between - between / 10));
    job_close(s, &j);
}

static void check_powers(scene *s, const syi_field *field)
{
    enum { MOST = 62 };
    uint64_t powers[MOST];
    const unsigned most = syi_field_bits(field) - 2;
    for (unsigned k = 0; k < most; k++) {
        powers[k] = UINT64_C(1) << (k + 1);
    }
    check_large(s, field, most, powers, true, SCENE_WATCHED ? 60 : 300);
    check_large(s, field, most, powers, false, SCENE_WATCHED ? 60 : 300);
}

static void test_large(void **state)
{
    (void)state;
    static const syi_field fields[] = {
        SYI_FIELD_64, SYI_FIELD_32, {UINT64_C(1) << 62, 8}, {UINT64_C(0) - 59, 8}};
    for (int n = 0; n < (TEST_SLOWNESS > 1 ? 2 : 3); n++) {
        scene s;
        scene_open(&s, holders_of[n], NULL);
        for (size_t f = 0; f < 4; f++) {
            const uint64_t quarter = syi_rounding_quarter(&fields[f]);
            const uint64_t divisors[] = {1,           2,       3,
                                         10,          1000003, 123456789,
                                         quarter - 1, quarter, quarter / 2 + 1,
                                         quarter / 3, 784,     65536};
            if (syi_field_bits(&fields[f]) != 0) {
                check_powers(&s, &fields[f]);
            }
            check_large(&s, &fields[f], 12, divisors, false, 300);
        }
        check_large(&s, &fields[0], 1, (const uint64_t[]){65536}, true, 9 * SYI_TILE + 11);
        check_large(&s, &fields[1], 1, (const uint64_t[]){256}, true, SYI_TILE + 1);
        check_large(&s, &fields[0], 1, (const uint64_t[]){1000}, false, 2 * SYI_TILE);
        scene_close(&s);
    }
}

/* --- ranges ------------------------------------------------------------------------------------ */

/* Runs one element as `number`; what the test mode makes of it. */
static void check_range(scene *s, job *j, scene_number number, sy_status expected)
{
    scene_set(&j->field, j->x.secret, 3, scene_of(&j->field, number));
    scene_share(s, &j->x);
    s->options.sequence++;
    party_threads_set(s->threads, &s->options);
    (void)party_threads_run(s->threads, divide_all, j);
    for (int h = 0; h < s->holders; h++) {
        const party_result *result = party_threads_result(s->threads, h);
        assert_status(result->status, expected, &result->err);
        if (expected != SY_OK) {
            assert_non_null(strstr(result->err.message, "element 3 of 5"));
        } else {
            assert_int_equal(result->cost.rounds, 2);
        }
    }
}

static void test_range(void **state)
{
    (void)state;
    static const syi_field fields[] = {SYI_FIELD_64, SYI_FIELD_32, {256, 8}, {67, 8}};
    const party_threads_options options = {.check_range = true};
    for (int n = 0; n < 3; n++) {
        scene s;
        scene_open(&s, holders_of[n], &options);
        for (size_t f = 0; f < 8; f++) {
            const syi_field *field = &fields[f % 4];
            const bool shifts = f < 3; /* 67 is no power of 2 */
            const uint64_t by = shifts ? 16 : 5, offset = offset_of(field, by);
            const scene_number low = -(scene_number)offset,
                               high = low + (scene_number)syi_rounding_half(field) - 1;
            job j;
            job_open(&s, &j, field, 1, 5, &by, shifts);
            memset(j.x.secret, 0, 5 * sizeof(uint64_t));
            check_range(&s, &j, 0, SY_OK);
            check_range(&s, &j, low, SY_OK);
            check_range(&s, &j, high, SY_OK);
            check_range(&s, &j, low - 1, SY_ERANGE);
            check_range(&s, &j, high + 1, SY_ERANGE);
            job_close(&s, &j);
        }
        scene_close(&s);
    }
}

/* What cannot be done is said before anything is sent. */
static sy_status refuse(syi_party *party, void *user, sy_error *err)
{
    const syi_field r64 = SYI_FIELD_64, odd = {67, 8};
    uint64_t x = 5, z = 0;
    const bool good =
        syi_spdz_shift(party, &odd, &z, &x, 1, 2, err) == SY_ENOTSUP &&
        syi_spdz_shift(party, &r64, &z, &x, 1, 63, err) == SY_ERANGE &&
        syi_spdz_divide(party, &r64, &z, &x, 1, 0, err) == SY_ERANGE &&
        syi_spdz_divide(party, &r64, &z, &x, 1, (UINT64_C(1) << 62) + 1, err) == SY_ERANGE &&
        syi_spdz_divide(party, &odd, &z, &x, 1, 17, err) == SY_ERANGE &&
        syi_spdz_shift(party, &r64, &z, &x, 1, 0, err) == SY_OK && z == 5 &&
        syi_spdz_shift(party, &r64, &z, &x, 0, 9, err) == SY_OK && z == 5 &&
        party->channel->cost.rounds == 0;
    (void)user;
    return good ? SY_OK : SY_EINVAL;
}

static void test_refused(void **state)
{
    (void)state;
    scene s;
    scene_open(&s, 2, NULL);
    scene_run(&s, refuse, NULL);
    scene_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exhaustive), cmocka_unit_test(test_odd),
        cmocka_unit_test(test_large),      cmocka_unit_test(test_range),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
