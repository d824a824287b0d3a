/* field_test.c - every function against arithmetic written out in 128 bits: all elements of small fields, borders and random
 * ones of large fields, every length around the kernels' vectors. */
#include <string.h>

#include "ring/field.h"
#include "support/memory_faults.h"
#include "support/property.h"

__extension__ typedef unsigned __int128 wide;
__extension__ typedef __int128 wide_signed;

enum { LONGEST = 70, MOST_WORDS = 3000 };

static const syi_field fields[] = {
    SYI_FIELD_64,
    SYI_FIELD_32,
    {4, 8},
    {5, 8},
    {251, 8},
    {256, 8},
    {257, 8},               /* draws need the second correction of a remainder */
    {(uint64_t)1 << 62, 8}, /* of the originals */
    {(uint64_t)1 << 63, 8},
    {4294967291, 8},
    {((uint64_t)1 << 61) - 1, 8},
    {((uint64_t)1 << 63) - 1, 8},
    {((uint64_t)1 << 63) + 29, 8},
    {UINT64_MAX - 58, 8}, /* the largest prime */
    {UINT64_MAX, 8},
};
enum { FIELDS = sizeof fields / sizeof *fields };

static wide modulus_of(const syi_field *field)
{
    return field->modulus != 0 ? field->modulus : (wide)1 << 8 * field->width;
}

static uint64_t get(const syi_field *field, const void *words, size_t at)
{
    uint32_t narrow;
    uint64_t word;
    if (field->width == 4) {
        memcpy(&narrow, (const char *)words + 4 * at, 4);
        return narrow;
    }
    memcpy(&word, (const char *)words + 8 * at, 8);
    return word;
}

static void set(const syi_field *field, void *words, size_t at, uint64_t value)
{
    const uint32_t narrow = (uint32_t)value;
    memcpy((char *)words + field->width * at, field->width == 4 ? (const void *)&narrow : &value,
           field->width);
}

/* An element: often one at a border. */
static uint64_t draw(const syi_field *field, property_random *random)
{
    const uint64_t last = (uint64_t)(modulus_of(field) - 1), r = property_next(random);
    const uint64_t borders[] = {0, 1, 2, last, last - 1, last / 2, last / 2 + 1, 3};
    return r % 3 == 0 ? borders[r / 3 % 8] : (uint64_t)(property_next(random) % ((wide)last + 1));
}

static wide_signed read_signed(const syi_field *field, uint64_t element)
{
    return element > (uint64_t)((modulus_of(field) - 1) / 2)
               ? (wide_signed)element - (wide_signed)modulus_of(field)
               : (wide_signed)element;
}

static uint64_t true_mod(const syi_field *field, wide_signed number)
{
    const wide_signed modulus = (wide_signed)modulus_of(field), r = number % modulus;
    return (uint64_t)(r < 0 ? r + modulus : r);
}

static wide_signed floor_of(wide_signed a, wide_signed b)
{
    return a / b - (a % b < 0);
}

enum { ADD, SUB, MUL, NEG, ADD_PUBLIC, MUL_PUBLIC, MUL_ADD, BEAVER, SQUARE, IN_PLACE, KINDS };
static const char *const kind_names[KINDS] = {"add",        "sub",        "mul",     "neg",
                                              "add_public", "mul_public", "mul_add", "beaver",
                                              "square",     "in place"};

static void compute(const syi_field *f, int kind, void *out, uint64_t (*in)[LONGEST], size_t n,
                    uint64_t number)
{
    switch (kind) {
    case ADD:
        syi_field_add(f, out, in[0], in[1], n);
        break;
    case SUB:
        syi_field_sub(f, out, in[0], in[1], n);
        break;
    case MUL:
        syi_field_mul(f, out, in[0], in[1], n);
        break;
    case NEG:
        syi_field_neg(f, out, in[0], n);
        break;
    case ADD_PUBLIC:
        syi_field_add_public(f, out, in[0], number, n);
        break;
    case MUL_PUBLIC:
        syi_field_mul_public(f, out, in[0], number, n);
        break;
    case MUL_ADD:
        memcpy(out, in[2], n * f->width);
        syi_field_mul_add(f, out, in[0], in[1], n);
        break;
    case BEAVER:
        syi_field_beaver(f, out, in[0], in[1], in[2], in[3], in[4], n);
        break;
    case SQUARE:
        syi_field_square(f, out, in[0], in[1], in[2], in[3], n);
        break;
    default:
        memcpy(out, in[0], n * f->width);
        syi_field_mul(f, out, out, out, n);
        break;
    }
}

static uint64_t written_out(const syi_field *f, int kind, uint64_t (*in)[LONGEST], size_t i,
                            uint64_t number)
{
    const wide m = modulus_of(f);
    const wide a = get(f, in[0], i), b = get(f, in[1], i), c = get(f, in[2], i);
    const wide d = get(f, in[3], i), e = get(f, in[4], i);
    switch (kind) {
    case ADD:
        return (uint64_t)((a + b) % m);
    case SUB:
        return (uint64_t)((a + m - b) % m);
    case MUL:
        return (uint64_t)(a * b % m);
    case NEG:
        return (uint64_t)((m - a) % m);
    case ADD_PUBLIC:
        return (uint64_t)((a + number) % m);
    case MUL_PUBLIC:
        return (uint64_t)(a * number % m);
    case MUL_ADD:
        return (uint64_t)((a * b % m + c) % m);
    case BEAVER:
        return (uint64_t)((a * b % m + c * d % m + e) % m);
    case SQUARE:
        return (uint64_t)((a * ((b + c) % m) % m + d) % m);
    default:
        return (uint64_t)(a * a % m);
    }
}

static void check(const syi_field *f, uint64_t (*in)[LONGEST], size_t n, uint64_t number)
{
    uint64_t out[LONGEST + 1];
    for (int kind = 0; kind < KINDS; kind++) {
        memset(out, 0x5a, sizeof out);
        compute(f, kind, out, in, n, number);
        for (size_t i = 0; i < n; i++) {
            if (get(f, out, i) != written_out(f, kind, in, i, number)) {
                fail_msg("%s modulo %" PRIu64 " (width %u), element %zu of %zu: %" PRIu64
                         ", expected %" PRIu64,
                         kind_names[kind], f->modulus, f->width, i, n, get(f, out, i),
                         written_out(f, kind, in, i, number));
            }
        }
        assert_int_equal(get(f, out, n), f->width == 4 ? 0x5a5a5a5a : 0x5a5a5a5a5a5a5a5a);
    }
}

static void test_arithmetic(void **state)
{
    (void)state;
    property_random random = property_start("arithmetic");
    uint64_t in[5][LONGEST];
    for (size_t k = 0; k < FIELDS; k++) {
        for (size_t n = 0; n < LONGEST; n++) {
            for (int turn = 0; turn < 3; turn++) {
                for (size_t i = 0; i < (size_t)5 * LONGEST; i++) {
                    set(&fields[k], in[i / LONGEST], i % LONGEST, draw(&fields[k], &random));
                }
                check(&fields[k], in, n,
                      turn == 0 ? property_next(&random) : draw(&fields[k], &random));
            }
        }
    }
}

/* All pairs, and with them three sums of products. */
static void test_every_element(void **state)
{
    (void)state;
    static const uint64_t moduli[] = {4, 5, 7, 64, 251, 256};
    uint64_t in[5][LONGEST] = {0};
    for (size_t k = 0; k < sizeof moduli / sizeof *moduli; k++) {
        const syi_field f = {moduli[k], 8};
        size_t n = 0;
        for (uint64_t pair = 0; pair < f.modulus * f.modulus; pair++) {
            in[0][n] = in[3][n] = pair / f.modulus;
            in[1][n] = in[2][n] = pair % f.modulus;
            in[4][n] = pair * 7 % f.modulus;
            if (++n == LONGEST || pair + 1 == f.modulus * f.modulus) {
                check(&f, in, n, pair);
                n = 0;
            }
        }
    }
}

static void test_numbers(void **state)
{
    (void)state;
    property_random random = property_start("numbers");
    static const int64_t borders[] = {0, 1, -1, INT64_MIN, INT64_MAX, INT64_MIN + 1, 255, -256};
    assert_int_equal(syi_field_bits(&fields[0]), 64);
    assert_int_equal(syi_field_bits(&fields[1]), 32);
    assert_int_equal(syi_field_bits(&fields[7]), 62);
    assert_int_equal(syi_field_bits(&fields[3]), 0);
    assert_true(syi_field_most(&fields[0]) == INT64_MAX);
    assert_true(syi_field_most(&fields[1]) == INT32_MAX);
    assert_true(syi_field_most(&fields[3]) == 2);
    assert_true(syi_field_most(&fields[2]) == 1);
    for (size_t k = 0; k < FIELDS; k++) {
        const syi_field *f = &fields[k];
        uint64_t words[1200], out[1200];
        for (size_t i = 0; i < 1200; i++) {
            const int64_t number =
                i < 8 ? borders[i] : (int64_t)property_next(&random) >> property_next(&random) % 64;
            words[i] = (uint64_t)number;
            assert_true(syi_field_of(f, number) == true_mod(f, number));
            const uint64_t element = draw(f, &random);
            assert_true(syi_field_signed(f, element) == read_signed(f, element));
            assert_true(syi_field_of(f, syi_field_signed(f, element)) == element);
        }
        syi_field_reduce(f, out, words, 1200);
        for (size_t i = 0; i < 1200; i++) {
            assert_true(
                get(f, out, i) ==
                (f->width == 4 ? get(f, words, i) : true_mod(f, (wide_signed)(int64_t)words[i])));
        }
        syi_field_reduce(f, words, words, 1200);
        assert_memory_equal(words, out, (size_t)1200 * f->width);
        syi_field_reduce(f, NULL, NULL, 0);
    }
}

static void check_division(const syi_field *f, const void *words, uint64_t divisor, size_t n)
{
    uint64_t plain[LONGEST], rounded[LONGEST];
    syi_field_divide(f, plain, words, divisor, n);
    syi_field_divide_signed(f, rounded, words, divisor, n);
    for (size_t i = 0; i < n; i++) {
        const uint64_t a = get(f, words, i);
        const uint64_t down = true_mod(f, floor_of(read_signed(f, a), (wide_signed)divisor));
        if (get(f, plain, i) != a / divisor || get(f, rounded, i) != down) {
            fail_msg("%" PRIu64 " / %" PRIu64 " modulo %" PRIu64 " (width %u): %" PRIu64
                     ", signed %" PRIu64 "; expected %" PRIu64 ", %" PRIu64,
                     a, divisor, f->modulus, f->width, get(f, plain, i), get(f, rounded, i),
                     a / divisor, down);
        }
    }
}

/* All divisors near powers of 2, and of small fields all divisors of all elements. */
static void test_division(void **state)
{
    (void)state;
    property_random random = property_start("division");
    for (size_t k = 0; k < FIELDS; k++) {
        const syi_field *f = &fields[k];
        for (int turn = 0; turn < 64 * 5 + 400; turn++) {
            uint64_t words[LONGEST],
                divisor = turn % 2 ? draw(f, &random)
                                   : property_next(&random) >> property_next(&random) % 64;
            if (turn < 64 * 5) {
                divisor = ((uint64_t)1 << turn / 5) + (uint64_t)(turn % 5) - 2;
            }
            divisor += divisor == 0;
            for (size_t i = 0; i < LONGEST; i++) {
                uint64_t a = draw(f, &random);
                if (i % 2 == 0) { /* around a multiple */
                    a = (uint64_t)(((wide)a / divisor * divisor + i % 3) % modulus_of(f));
                }
                set(f, words, i, a);
            }
            check_division(f, words, divisor, LONGEST);
        }
    }
    static const uint64_t moduli[] = {4, 5, 251, 256};
    for (size_t k = 0; k < 4; k++) {
        const syi_field f = {moduli[k], 8};
        for (uint64_t divisor = 1; divisor <= 2 * f.modulus; divisor++) {
            for (uint64_t a = 0; a < f.modulus; a++) {
                check_division(&f, &a, divisor, 1);
            }
        }
    }
}

typedef struct shape {
    size_t m, n, k;
} shape;

static void check_matmul(sy_context *context, const syi_field *f, shape s, bool transposed,
                         property_random *random)
{
    uint64_t a[MOST_WORDS], b[MOST_WORDS], c[MOST_WORDS], before[MOST_WORDS];
    sy_error err = SY_ERROR_INIT;
    for (size_t i = 0; i < MOST_WORDS; i++) {
        set(f, a, i, draw(f, random));
        set(f, b, i, draw(f, random));
        set(f, c, i, draw(f, random));
    }
    memcpy(before, c, sizeof c);
    const syi_field_matrix x = {a, transposed ? 1 : s.k, transposed ? s.m : 1};
    const syi_field_matrix y = {b, transposed ? 1 : s.n, transposed ? s.k : 1};
    assert_ok(syi_field_matmul(context, f, c, x, y, s.m, s.n, s.k, &err), &err);
    for (size_t i = 0; i < s.m * s.n; i++) {
        const wide modulus = modulus_of(f);
        wide sum = get(f, before, i);
        for (size_t p = 0; p < s.k; p++) {
            const wide left = get(f, a, i / s.n * x.row + p * x.column);
            sum = (sum + left * get(f, b, p * y.row + i % s.n * y.column) % modulus) % modulus;
        }
        if (get(f, c, i) != sum) {
            fail_msg("product %zux%zux%zu modulo %" PRIu64 " (width %u): element %zu", s.m, s.n,
                     s.k, f->modulus, f->width, i);
        }
    }
    assert_true(get(f, c, s.m * s.n) == get(f, before, s.m * s.n));
}

static void test_matmul(void **state)
{
    (void)state;
    static const shape shapes[] = {{0, 3, 2}, {3, 0, 2}, {3, 2, 0},    {1, 1, 1},
                                   {1, 9, 4}, {5, 4, 3}, {17, 33, 20}, {8, 8, 300}};
    property_random random = property_start("matmul");
    failing_allocator memory = {0};
    sy_context *context = memory_faults_context(&memory);
    for (size_t k = 0; k < FIELDS; k++) {
        for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
            check_matmul(context, &fields[k], shapes[s], false, &random);
            check_matmul(context, &fields[k], shapes[s], true, &random);
        }
    }
    memory_faults_context_free(&memory, context);
}

static void test_draw(void **state)
{
    (void)state;
    enum { N = 1000, LATER = 512, SHORT = 333 };
    const uint8_t seed[SYI_SEED_SIZE] = {7};
    uint64_t stream[2 * N], all[N + 1], part[N];
    syi_generator g;
    sy_error err = SY_ERROR_INIT;
    assert_ok(syi_generator_init(&g, seed, "field", 5, &err), &err);
    assert_ok(syi_generator_fill(&g, 0, stream, sizeof stream, &err), &err);
    for (size_t k = 0; k < FIELDS; k++) {
        const syi_field *f = &fields[k];
        const size_t words = syi_field_drawn(f) / f->width;
        assert_int_equal(words, syi_field_bits(f) != 0 ? 1 : 2);
        memset(all, 0x5a, sizeof all);
        assert_ok(syi_field_draw(f, &g, 0, all, N, &err), &err);
        assert_int_equal(get(f, all, N), f->width == 4 ? 0x5a5a5a5a : 0x5a5a5a5a5a5a5a5a);
        for (size_t i = 0; i < N; i++) {
            wide value = get(f, stream, words * i);
            value |= words == 2 ? (wide)stream[2 * i + 1] << 64 : 0;
            assert_true(get(f, all, i) == value % modulus_of(f));
        }
        assert_ok(syi_field_draw(f, &g, LATER, part, SHORT, &err), &err);
        assert_memory_equal(part, (char *)all + (size_t)LATER * f->width, (size_t)SHORT * f->width);
        assert_ok(syi_field_draw(f, &g, 0, NULL, 0, &err), &err);
    }
    syi_generator_fini(&g);
}

/* Modulo 5 every element comes as often as the others: chi square with 4 degrees of freedom, below 1e-6. */
static void test_uniform(void **state)
{
    (void)state;
    enum { N = 50000 };
    static uint64_t elements[N];
    const syi_field f = {5, 8};
    const uint8_t seed[SYI_SEED_SIZE] = {8};
    size_t counts[5] = {0};
    syi_generator g;
    sy_error err = SY_ERROR_INIT;
    assert_ok(syi_generator_init(&g, seed, "uniform", 7, &err), &err);
    assert_ok(syi_field_draw(&f, &g, 0, elements, N, &err), &err);
    syi_generator_fini(&g);
    double square = 0;
    for (size_t i = 0; i < N; i++) {
        counts[elements[i]]++;
    }
    for (size_t k = 0; k < 5; k++) {
        const double off = (double)counts[k] - N / 5.0;
        square += off * off / (N / 5.0);
    }
    assert_true(square < 33.4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arithmetic), cmocka_unit_test(test_every_element),
        cmocka_unit_test(test_numbers),    cmocka_unit_test(test_division),
        cmocka_unit_test(test_matmul),     cmocka_unit_test(test_draw),
        cmocka_unit_test(test_uniform),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
