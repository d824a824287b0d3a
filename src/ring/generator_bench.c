/* generator_bench.c - bytes per second of the generator's ways to do AES, beside memcpy, at two sizes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/surroundings.h"
#include "ring/generator.h"

enum { TURNS = 15 };

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* GB/s in the median turn; `aes` NULL: memcpy. */
static double measure(sy_context *context, const syi_aes *aes, uint8_t *to, const uint8_t *from,
                      size_t size)
{
    const uint8_t seed[SYI_SEED_SIZE] = {1};
    const size_t times = ((size_t)32 << 20) / size;
    double speeds[TURNS];
    syi_generator g;
    if (aes != NULL && syi_generator_init_with(&g, aes, seed, "bench", 5, NULL) != SY_OK) {
        return 0;
    }
    for (int k = 0; k < TURNS; k++) {
        const uint64_t start = syi_clock_now(context);
        for (size_t i = 0; i < times; i++) {
            if (aes == NULL) {
                memcpy(to, from + i % 2, size);
            } else if (syi_generator_fill(&g, i * size / 16, to, size, NULL) != SY_OK) {
                return 0;
            }
            __asm__ volatile("" : : "r"(to) : "memory");
        }
        speeds[k] = (double)(times * size) / (double)(syi_clock_now(context) - start);
    }
    if (aes != NULL) {
        syi_generator_fini(&g);
    }
    qsort(speeds, TURNS, sizeof *speeds, compare);
    return speeds[TURNS / 2];
}

int main(void)
{
    static const size_t sizes[] = {64 << 10, 8 << 20};
    sy_context *context = NULL;
    uint8_t *to = aligned_alloc(64, sizes[1]), *from = aligned_alloc(64, sizes[1] + 64);
    if (to == NULL || from == NULL || sy_context_new(&context, NULL, NULL) != SY_OK) {
        return 1;
    }
    memset(to, 1, sizes[1]);
    memset(from, 1, sizes[1] + 64);
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        printf("%6zu KiB  memcpy %6.2f GB/s", sizes[k] >> 10,
               measure(context, NULL, to, from, sizes[k]));
        for (size_t way = 0; syi_aes_get(way) != NULL; way++) {
            printf("  %s %6.2f", syi_aes_get(way)->name,
                   measure(context, syi_aes_get(way), to, from, sizes[k]));
        }
        printf("\n");
    }
    sy_context_free(context);
    free(to);
    free(from);
    return 0;
}
