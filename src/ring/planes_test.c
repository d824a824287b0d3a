/* planes_test.c - planes against bits taken one by one, in every instruction set; and what leaves and nodes are for: shares of
 * theirs add up to the borrow that all the bits together give. */
#include <string.h>

#include "ring/planes.h"
#include "support/property.h"
#include "support/test.h"

enum { BITS = SYI_PLANE_BITS, WORDS = SYI_PLANE_WORDS };

static int bit_of(const uint64_t *plane, size_t number)
{
    return (int)(plane[number % 8] >> number / 8 & 1);
}

static void draw(property_random *random, uint64_t *words, size_t count)
{
    for (size_t k = 0; k < count; k++) {
        words[k] = property_next(random);
    }
}

static void test_there_and_back(void **state)
{
    static uint64_t words[BITS], planes[64 * WORDS], back[BITS];
    static uint32_t narrow[BITS], narrow_back[BITS];
    property_random random = property_start("planes");
    (void)state;
    for (size_t set = 0; syi_plane_kernels_at(set) != NULL; set++) {
        const syi_plane_kernels *k = syi_plane_kernels_at(set);
        draw(&random, words, BITS);
        k->split64(planes, words);
        for (size_t j = 0; j < 64; j++) {
            for (size_t e = 0; e < BITS; e++) {
                assert_int_equal(bit_of(planes + j * WORDS, e), words[e] >> j & 1);
            }
        }
        k->low64(back, words);
        assert_memory_equal(back, planes, SYI_PLANE_BYTES);
        k->spread64(back, planes);
        for (size_t e = 0; e < BITS; e++) {
            assert_int_equal(back[e], words[e] & 1);
            narrow[e] = (uint32_t)words[e];
        }
        uint64_t of_narrow[32 * WORDS];
        k->split32(of_narrow, narrow);
        assert_memory_equal(of_narrow, planes, sizeof of_narrow);
        k->low32(back, narrow);
        assert_memory_equal(back, planes, SYI_PLANE_BYTES);
        k->spread32(narrow_back, planes);
        for (size_t e = 0; e < BITS; e++) {
            assert_int_equal(narrow_back[e], words[e] & 1);
        }
        k->add(back, planes, 1);
        for (size_t i = 0; i < WORDS; i++) {
            assert_int_equal(back[i], 0);
        }
    }
}

static void test_packed(void **state)
{
    static const size_t counts[] = {1, 2, 7, 8, 9, 63, 64, 65, 100, 448, 511};
    uint64_t planes[3 * WORDS], back[3 * WORDS];
    uint8_t bytes[3 * 64 + 1];
    property_random random = property_start("packed");
    (void)state;
    for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
        const size_t n = counts[c], size = syi_planes_packed(3, n);
        draw(&random, planes, 3 * WORDS);
        memset(bytes, 0xee, sizeof bytes);
        assert_int_equal(size, 3 * ((n + 7) / 8));
        syi_planes_pack(bytes, planes, 3, n);
        assert_int_equal(bytes[size], 0xee);
        for (size_t p = 0; p < 3; p++) {
            for (size_t e = 0; e < n; e++) {
                assert_int_equal(bytes[p * size / 3 + e / 8] >> e % 8 & 1,
                                 bit_of(planes + p * WORDS, e));
            }
        }
        syi_planes_unpack(back, bytes, 3, n);
        for (size_t e = 0; e < BITS; e++) {
            assert_int_equal(bit_of(back, e), e < (n + 7) / 8 * 8 ? bit_of(planes, e) : 0);
        }
    }
    assert_int_equal(syi_planes_packed(3, BITS), 3 * SYI_PLANE_BYTES);
}

/* --- groups of four ---------------------------------------------------------------------------- */

/* Random shares of planes: the second is what the first lacks. */
static void share(property_random *random, const uint64_t *planes, uint64_t *a, uint64_t *b,
                  size_t count)
{
    draw(random, a, count * WORDS);
    for (size_t k = 0; k < count * WORDS; k++) {
        b[k] = planes[k] ^ a[k];
    }
}

typedef struct four {
    uint64_t h[4 * WORDS], l[4 * WORDS]; /* p = h ^ l */
    uint64_t hg[4 * WORDS], lg[4 * WORDS];
} four;

static uint64_t expected_g(const uint64_t p[4], const uint64_t g[4])
{
    return g[3] ^ (p[3] & g[2]) ^ (p[3] & p[2] & g[1]) ^ (p[3] & p[2] & p[1] & g[0]);
}

static void check_set(const syi_plane_kernels *k, property_random *random)
{
    static four f;
    static uint64_t products[22 * WORDS], of[2][22 * WORDS], l[2][4 * WORDS], lg[2][4 * WORDS];
    uint64_t g[2][WORDS], p[2][WORDS], none[WORDS];
    draw(random, f.h, 4 * WORDS);
    draw(random, f.l, 4 * WORDS);
    draw(random, f.hg, 4 * WORDS);
    draw(random, f.lg, 4 * WORDS);
    share(random, f.l, l[0], l[1], 4);
    share(random, f.lg, lg[0], lg[1], 4);
    for (int kind = 0; kind < 4; kind++) { /* leaf, all, node, pair */
        if (kind < 2) {
            k->leaf_products(products, f.l);
        } else {
            k->node_products(products, f.lg, f.l, 1);
        }
        if (kind == 3) { /* p1g0, p1p0 */
            for (size_t i = 0; i < WORDS; i++) {
                products[i] = f.l[WORDS + i] & f.lg[i];
                products[WORDS + i] = f.l[WORDS + i] & f.l[i];
            }
        }
        share(random, products, of[0], of[1], 22);
        for (int h = 0; h < 2; h++) {
            const uint64_t lead = h == 0 ? UINT64_MAX : 0;
            memset(g[h], 0, sizeof g[h]);
            if (kind == 0) {
                k->leaf(none, NULL, f.h, l[h], of[h], lead);
                k->leaf(g[h], p[h], f.h, l[h], of[h], lead);
                assert_memory_equal(none, g[h], sizeof none);
            } else if (kind == 1) {
                k->all(p[h], f.h, l[h], of[h], lead);
            } else if (kind == 2) {
                k->node(none, NULL, f.hg, f.h, lg[h], l[h], of[h], lead);
                k->node(g[h], p[h], f.hg, f.h, lg[h], l[h], of[h], lead);
                assert_memory_equal(none, g[h], sizeof none);
            } else {
                k->pair(g[h], p[h], f.hg, f.h, lg[h], l[h], of[h], lead);
                k->pair(NULL, none, f.hg, f.h, lg[h], l[h], of[h] + WORDS, lead);
                assert_memory_equal(none, p[h], sizeof none);
            }
        }
        for (size_t i = 0; i < WORDS; i++) {
            uint64_t passes[4], makes[4];
            for (size_t c = 0; c < 4; c++) {
                passes[c] = f.h[c * WORDS + i] ^ f.l[c * WORDS + i];
                makes[c] = kind == 0 ? f.h[c * WORDS + i] & f.l[c * WORDS + i]
                                     : f.hg[c * WORDS + i] ^ f.lg[c * WORDS + i];
            }
            const uint64_t all = passes[3] & passes[2] & passes[1] & passes[0];
            assert_int_equal(p[0][i] ^ p[1][i], kind == 3 ? passes[1] & passes[0] : all);
            if (kind != 1) {
                assert_int_equal(g[0][i] ^ g[1][i], kind == 3 ? makes[1] ^ (passes[1] & makes[0])
                                                              : expected_g(passes, makes));
            }
        }
    }
}

static void test_groups(void **state)
{
    property_random random = property_start("groups");
    (void)state;
    for (size_t set = 0; syi_plane_kernels_at(set) != NULL; set++) {
        for (int turn = 0; turn < 20; turn++) {
            check_set(syi_plane_kernels_at(set), &random);
        }
    }
}

/* Shares of products of bits under masks. */
static void test_multiply(void **state)
{
    enum { PLANES = 5, SIZE = PLANES * WORDS };
    uint64_t x[SIZE], y[SIZE], masks[3][SIZE], e[SIZE], f[SIZE], of[3][2][SIZE], xy[2][SIZE];
    property_random random = property_start("multiply");
    (void)state;
    for (size_t set = 0; syi_plane_kernels_at(set) != NULL; set++) {
        draw(&random, x, SIZE);
        draw(&random, y, SIZE);
        draw(&random, masks[0], SIZE);
        draw(&random, masks[1], SIZE);
        for (size_t i = 0; i < SIZE; i++) {
            masks[2][i] = masks[0][i] & masks[1][i];
            e[i] = x[i] ^ masks[0][i];
            f[i] = y[i] ^ masks[1][i];
        }
        for (int k = 0; k < 3; k++) {
            share(&random, masks[k], of[k][0], of[k][1], PLANES);
        }
        for (int h = 0; h < 2; h++) {
            memset(xy[h], 0, sizeof xy[h]);
            syi_plane_kernels_at(set)->multiply(xy[h], e, f, of[0][h], of[1][h], of[2][h],
                                                PLANES - 1, h == 0 ? UINT64_MAX : 0);
        }
        for (size_t i = 0; i < SIZE; i++) { /* and nothing beyond */
            assert_int_equal(xy[0][i] ^ xy[1][i], i < SIZE - WORDS ? x[i] & y[i] : 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_packed),
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_multiply),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
