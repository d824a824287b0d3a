/* kernels_test.c - kernels against arithmetic written out, every instruction set against the generic one, and what a
 * holder's part of a truncation is good for: the sum of all parts. */
#include <string.h>

#include "ring/generator.h"
#include "ring/kernels.h"
#include "support/test.h"

enum { LONGEST = 77 };

/* Random words, with those at borders among them. */
static void fill(uint64_t place, void *bytes, size_t size)
{
    static const uint64_t borders[] = {
        0, 1, UINT64_MAX, 1ull << 63, (1ull << 63) - 1, 1ull << 32, UINT32_MAX, 0x8000000080000000};
    const uint8_t seed[SYI_SEED_SIZE] = {5};
    syi_generator g;
    sy_error err = SY_ERROR_INIT;
    assert_ok(syi_generator_init(&g, seed, "kernels", 7, &err), &err);
    assert_ok(syi_generator_fill(&g, place, bytes, size, &err), &err);
    syi_generator_fini(&g);
    uint8_t *at = bytes;
    for (size_t k = 0; 8 * (k + 1) <= size; k++) {
        if (at[8 * k] % 3 == 0) {
            memcpy(at + 8 * k, &borders[at[8 * k + 1] % 8], 8);
        }
    }
}

/* Every kernel of a set, one width; results of different kernels behind each other. */
#define DEFINE_ALL(T, N)                                                                         \
    static void all##N(const syi_ring##N##_kernels *k, const T(*in)[LONGEST], size_t n,          \
                       T(*out)[LONGEST])                                                         \
    {                                                                                            \
        const T *a = in[0], *b = in[1], *c = in[2], *d = in[3], *e = in[4];                      \
        k->add(out[0], a, b, n);                                                                 \
        k->sub(out[1], a, b, n);                                                                 \
        k->mul(out[2], a, b, n);                                                                 \
        k->neg(out[3], a, n);                                                                    \
        k->add_public(out[4], a, b[0], n);                                                       \
        k->mul_public(out[5], a, b[0], n);                                                       \
        memcpy(out[6], c, n * sizeof(T));                                                        \
        k->mul_add(out[6], a, b, n);                                                             \
        memcpy(out[7], c, n * sizeof(T));                                                        \
        k->mul_add_public(out[7], a, b[0], n);                                                   \
        k->beaver(out[8], a, b, c, d, e, n);                                                     \
        k->square(out[9], a, b, c, d, n);                                                        \
        k->truncate(out[10], a, b, c, 7, true, n);                                               \
        k->truncate(out[11], a, b, c, N - 2, false, n);                                          \
        memcpy(out[12], a, n * sizeof(T));                                                       \
        k->add(out[12], out[12], out[12], n); /* in place */                                     \
    }                                                                                            \
    static T written_out##N(const T(*in)[LONGEST], size_t i, int kernel)                         \
    {                                                                                            \
        const T a = in[0][i], b = in[1][i], c = in[2][i], d = in[3][i], e = in[4][i];            \
        const T s = in[1][0];                                                                    \
        const bool top = a >> (N - 1) != 0;                                                      \
        switch (kernel) {                                                                        \
        case 0:                                                                                  \
            return a + b;                                                                        \
        case 1:                                                                                  \
            return a - b;                                                                        \
        case 2:                                                                                  \
            return a * b;                                                                        \
        case 3:                                                                                  \
            return ~a + 1;                                                                       \
        case 4:                                                                                  \
            return a + s;                                                                        \
        case 5:                                                                                  \
            return a * s;                                                                        \
        case 6:                                                                                  \
            return c + a * b;                                                                    \
        case 7:                                                                                  \
            return c + a * s;                                                                    \
        case 8:                                                                                  \
            return a * b + c * d + e;                                                            \
        case 9:                                                                                  \
            return a * (b + c) + d;                                                              \
        case 10:                                                                                 \
            return (a >> 7) - ((T)1 << (N - 9)) - b + (top ? 0 : c << (N - 7));                  \
        case 11:                                                                                 \
            return (T)0 - b + (top ? 0 : c << 2);                                                \
        default:                                                                                 \
            return a + a;                                                                        \
        }                                                                                        \
    }                                                                                            \
    static void check##N(const syi_ring##N##_kernels *k, const char *name)                       \
    {                                                                                            \
        enum { KERNELS = 13 };                                                                   \
        T in[5][LONGEST], out[KERNELS][LONGEST];                                                 \
        for (size_t n = 0; n <= LONGEST; n++) {                                                  \
            fill(1000 * n, in, sizeof in);                                                       \
            memset(out, 0xaa, sizeof out);                                                       \
            all##N(k, (const T(*)[LONGEST])in, n, out);                                          \
            T sum = 0;                                                                           \
            for (size_t i = 0; i < n; i++) {                                                     \
                sum += in[0][i] * in[1][i];                                                      \
            }                                                                                    \
            assert_true(k->dot(in[0], in[1], n) == sum);                                         \
            for (int kernel = 0; kernel < KERNELS; kernel++) {                                   \
                for (size_t i = 0; i < n; i++) {                                                 \
                    if (out[kernel][i] != written_out##N((const T(*)[LONGEST])in, i, kernel)) {  \
                        fail_msg("%s, ring of " #N " bits, kernel %d, element %zu of %zu", name, \
                                 kernel, i, n);                                                  \
                    }                                                                            \
                }                                                                                \
                assert_true(n == LONGEST || out[kernel][n] == (T)0xaaaaaaaaaaaaaaaa);            \
            }                                                                                    \
        }                                                                                        \
    }
DEFINE_ALL(uint64_t, 64)
DEFINE_ALL(uint32_t, 32)

static void test_every_kernel(void **state)
{
    (void)state;
    size_t sets = 0;
    for (; syi_ring_kernels_at(sets) != NULL; sets++) {
        const syi_ring_kernels *set = syi_ring_kernels_at(sets);
        check64(&set->ring64, set->name);
        check32(&set->ring32, set->name);
    }
    assert_true(sets >= 1);
    assert_string_equal(syi_ring_kernels_at(sets - 1)->name, "generic");
    assert_ptr_equal(syi_ring_kernels_get(), syi_ring_kernels_at(0));
}

/* protocols.md, section 2: the parts of 2, 3 and 5 holders add up to floor(x / 2^f) or one more, and exactly to x / 2^f where
 * that is whole, for every |x| < 2^62. */
static void test_truncation(void **state)
{
    (void)state;
    enum { HOLDERS = 5, COUNT = 2000 };
    static uint64_t random[2 * HOLDERS + 1][COUNT];
    const syi_ring64_kernels *k = &syi_ring_kernels_get()->ring64;
    for (size_t holders = 2; holders <= HOLDERS; holders += holders) {
        for (unsigned shift = 1; shift <= 62; shift += shift < 20 ? 1 : 6) {
            fill(100000 * holders + 1000 * shift, random, sizeof random);
            for (size_t i = 0; i < COUNT; i++) {
                const unsigned magnitude = (unsigned)(random[0][i] % 63);
                const int64_t bound = (int64_t)1 << 62;
                int64_t x = magnitude == 62 ? (random[1][i] & 1 ? bound - 1 : -bound)
                                            : (int64_t)(random[1][i] >> (64 - magnitude - 1)) / 2;
                x = random[2][i] & 1 && x > -bound ? -x : x;
                if (random[2][i] & 2) {
                    x = (int64_t)((uint64_t)(x >> shift) << shift);
                }
                const uint64_t r = random[3][i];
                uint64_t u = r >> shift, v = r >> 63, total = 0;
                const uint64_t opened = (uint64_t)x + ((uint64_t)1 << 62) + r;
                for (size_t holder = 0; holder < holders; holder++) {
                    const bool last = holder + 1 == holders;
                    const uint64_t own_u = last ? u : random[4 + holder][i];
                    const uint64_t own_v = last ? v : random[4 + holder][COUNT - 1 - i];
                    uint64_t part = 0;
                    u -= own_u;
                    v -= own_v;
                    k->truncate(&part, &opened, &own_u, &own_v, shift, holder == 0, 1);
                    total += part;
                }
                const int64_t floor = x >> shift, found = (int64_t)total;
                const bool whole = (int64_t)((uint64_t)floor << shift) == x;
                if (found != floor && (whole || found != floor + 1)) {
                    fail_msg("%lld by 2^%u among %zu: %lld", (long long)x, shift, holders,
                             (long long)found);
                }
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_kernel),
        cmocka_unit_test(test_truncation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
