/* fixed_keys_bench.c - nanoseconds per key to make and to walk keys of comparison and point functions, by every way to do AES. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/surroundings.h"
#include "crypto/fss/dcf.h"
#include "crypto/fss/dpf.h"

enum { TURNS = 15, GROUPS = 128 };

typedef struct job {
    sy_context *context;
    syi_fss_tree tree;
    syi_fixed_keys keys;
    uint8_t *groups, *roots[2];
    uint64_t numbers[SYI_FSS_GROUP];
} job;

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Makes all groups, or walks them. */
static bool turn(const job *j, bool point, bool walk)
{
    const size_t size = syi_fss_group(&j->tree);
    for (size_t g = 0; g < GROUPS; g++) {
        uint8_t *group = j->groups + g * size;
        const uint8_t *const roots[2] = {j->roots[0] + g * SYI_FSS_ROW,
                                         j->roots[1] + g * SYI_FSS_ROW};
        uint32_t bits = 0;
        sy_status status;
        if (walk) {
            status = (point ? syi_dpf_walk : syi_dcf_walk)(&j->keys, &j->tree, &bits, group,
                                                           roots[0], j->numbers, 0, NULL);
        } else {
            status = (point ? syi_dpf_make : syi_dcf_make)(&j->keys, &j->tree, group, roots,
                                                           j->numbers, NULL);
        }
        __asm__ volatile("" : : "r"(bits) : "memory");
        if (status != SY_OK) {
            return false;
        }
    }
    return true;
}

/* ns per key in the median turn. */
static double measure(const job *j, bool point, bool walk)
{
    double times[TURNS];
    for (int k = 0; k < TURNS; k++) {
        const uint64_t start = syi_clock_now(j->context);
        if (!turn(j, point, walk)) {
            return 0;
        }
        times[k] = (double)(syi_clock_now(j->context) - start) / (GROUPS * SYI_FSS_GROUP);
    }
    qsort(times, TURNS, sizeof *times, compare);
    return times[TURNS / 2];
}

int main(void)
{
    static const unsigned sizes[] = {63, 31};
    static const uint8_t keys[SYI_FIXED_KEYS_SIZE] = {1, 2, 3};
    job j = {.context = NULL};
    if (sy_context_new(&j.context, NULL, NULL) != SY_OK) {
        return 1;
    }
    const size_t most = GROUPS * 65 * (size_t)SYI_FSS_ROW, roots = GROUPS * (size_t)SYI_FSS_ROW;
    j.groups = aligned_alloc(64, most);
    memset(j.groups, 1, most);
    for (int h = 0; h < 2; h++) {
        j.roots[h] = aligned_alloc(64, roots);
        memset(j.roots[h], h + 5, roots);
    }
    bool good = true;
    for (size_t n = 0; n < sizeof sizes / sizeof sizes[0]; n++) {
        j.tree = syi_fss_tree_of(sizes[n]);
        for (unsigned k = 0; k < SYI_FSS_GROUP; k++) {
            j.numbers[k] = UINT64_C(0x123456789abcdef) * (k + 1) >> (64 - sizes[n]);
        }
        for (size_t way = 0; syi_fss_kernels_at(way) != NULL; way++) {
            const syi_fss_kernels *kernels = syi_fss_kernels_at(way);
            if (syi_fixed_keys_init_with(&j.keys, kernels, keys, NULL) != SY_OK) {
                return 1;
            }
            const double times[] = {measure(&j, false, false), measure(&j, false, true),
                                    measure(&j, true, false), measure(&j, true, true)};
            printf("%2u bits, %4zu B per key, %-8s dcf make %7.1f walk %7.1f ns   dpf make %7.1f "
                   "walk %7.1f ns\n",
                   sizes[n], syi_fss_key(&j.tree), kernels->name, times[0], times[1], times[2],
                   times[3]);
            for (size_t k = 0; k < sizeof times / sizeof times[0]; k++) {
                good = good && times[k] > 0;
            }
            syi_fixed_keys_fini(&j.keys);
        }
    }
    free(j.groups);
    free(j.roots[0]);
    free(j.roots[1]);
    sy_context_free(j.context);
    return good ? 0 : 1;
}
