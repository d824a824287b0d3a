/* matmul_test.c - products of matrices against sums written out, in every instruction set, shape and layout. */
#include <string.h>

#include "ring/generator.h"
#include "ring/matmul.h"
#include "support/memory_faults.h"

enum { BIGGEST = 300, ROOM = BIGGEST * BIGGEST };

static uint64_t a64[ROOM], b64[ROOM], c64[ROOM + 1], d64[ROOM + 1];
static uint32_t a32[ROOM], b32[ROOM], c32[ROOM + 1], d32[ROOM + 1];

static void fill(void *bytes, size_t size, uint64_t place)
{
    const uint8_t seed[SYI_SEED_SIZE] = {6};
    syi_generator g;
    sy_error err = SY_ERROR_INIT;
    assert_ok(syi_generator_init(&g, seed, "matmul", 6, &err), &err);
    assert_ok(syi_generator_fill(&g, place, bytes, size, &err), &err);
    syi_generator_fini(&g);
}

typedef struct shape {
    size_t m, n, k;
} shape;

/* `how`: bit 0 A is transposed, bit 1 B is, bit 2 adds, bit 3 C has gaps, bit 4 A is one row again and again. */
#define DEFINE_CHECK(T, N)                                                                        \
    static void check##N(sy_context *context, const syi_ring_kernels *set, shape s, unsigned how) \
    {                                                                                             \
        sy_error err = SY_ERROR_INIT;                                                             \
        syi_ring##N##_matrix a = {a##N, s.k, 1}, b = {b##N, s.n, 1};                              \
        const size_t c_row = how & 8 ? s.n + 3 : s.n;                                             \
        if (how & 1) {                                                                            \
            a = (syi_ring##N##_matrix){a##N, 1, s.m};                                             \
        }                                                                                         \
        if (how & 2) {                                                                            \
            b = (syi_ring##N##_matrix){b##N, 1, s.k};                                             \
        }                                                                                         \
        if (how & 16) {                                                                           \
            a.row = 0;                                                                            \
        }                                                                                         \
        for (size_t i = 0; i < s.m * c_row + 1; i++) {                                            \
            c##N[i] = d##N[i] = (T)(i * 0x9e3779b97f4a7c15);                                      \
        }                                                                                         \
        for (size_t i = 0; i < s.m; i++) {                                                        \
            for (size_t j = 0; j < s.n; j++) {                                                    \
                T sum = how & 4 ? d##N[i * c_row + j] : 0;                                        \
                for (size_t p = 0; p < s.k; p++) {                                                \
                    sum += a.data[i * a.row + p * a.column] * b.data[p * b.row + j * b.column];   \
                }                                                                                 \
                d##N[i * c_row + j] = sum;                                                        \
            }                                                                                     \
        }                                                                                         \
        assert_ok(syi_ring##N##_matmul(context, set, c##N, c_row, a, b, s.m, s.n, s.k,            \
                                       (how & 4) != 0, &err),                                     \
                  &err);                                                                          \
        for (size_t i = 0; i < s.m * c_row + 1; i++) {                                            \
            if (c##N[i] != d##N[i]) {                                                             \
                fail_msg("%s, ring of " #N " bits, %zux%zux%zu, how %u: element %zu", set->name,  \
                         s.m, s.n, s.k, how, i);                                                  \
            }                                                                                     \
        }                                                                                         \
    }
DEFINE_CHECK(uint64_t, 64)
DEFINE_CHECK(uint32_t, 32)

static void test_shapes(void **state)
{
    (void)state;
    static const shape shapes[] = {{0, 3, 2},     {3, 0, 2},    {3, 2, 0},     {1, 1, 1},
                                   {1, 70, 9},    {2, 5, 300},  {3, 8, 4},     {4, 4, 1},
                                   {5, 17, 7},    {65, 33, 40}, {67, 130, 30}, {9, 200, 257},
                                   {129, 129, 5}, {50, 1, 40},  {40, 2, 30},   {6, 3, 300},
                                   {1, 1, 257},   {5, 100, 4},  {8, 8, 33},    {5, 5, 290}};
    failing_allocator memory = {0};
    sy_context *context = memory_faults_context(&memory);
    fill(a64, sizeof a64, 0);
    fill(b64, sizeof b64, 1000000);
    fill(a32, sizeof a32, 2000000);
    fill(b32, sizeof b32, 3000000);
    for (size_t set = 0; syi_ring_kernels_at(set) != NULL; set++) {
        for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++) {
            for (unsigned how = 0; how < 32; how++) {
                check64(context, syi_ring_kernels_at(set), shapes[k], how);
                check32(context, syi_ring_kernels_at(set), shapes[k], how);
            }
        }
    }
    memory_faults_context_free(&memory, context);
}

static void test_no_memory(void **state)
{
    (void)state;
    failing_allocator memory = {0};
    sy_context *context = memory_faults_context(&memory);
    sy_error err = SY_ERROR_INIT;
    const syi_ring64_matrix a = {a64, 20, 1}, b = {b64, 20, 1};
    memset(c64, 0x33, sizeof c64);
    memory.calls = 0;
    memory.fail_at = 1;
    assert_status(
        syi_ring64_matmul(context, syi_ring_kernels_get(), c64, 20, a, b, 20, 20, 20, false, &err),
        SY_ENOMEM, &err);
    memory.fail_at = 0;
    assert_true(c64[0] == 0x3333333333333333);
    memory_faults_context_free(&memory, context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
