/* matmul_bench.c - products of square matrices over Z_2^64 in every instruction set, beside OpenBLAS' dgemm of the same size
 * where it is installed: one thread each, in turns, the best of nine. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/surroundings.h"
#include "ring/matmul.h"

enum { TURNS = 9, SMALLEST = 128, LARGEST = 1024, ROW_MAJOR = 101, AS_IT_IS = 111 };

typedef void (*dgemm_fn)(int order, int trans_a, int trans_b, int m, int n, int k, double alpha,
                         const double *a, int lda, const double *b, int ldb, double beta, double *c,
                         int ldc);

static dgemm_fn find_dgemm(void)
{
    dgemm_fn dgemm = NULL;
    void *library = dlopen("libopenblas.so.0", RTLD_NOW);
    void *symbol = library != NULL ? dlsym(library, "cblas_dgemm") : NULL;
    *(void **)&dgemm = symbol;
    return dgemm;
}

typedef struct matrices {
    uint64_t *a, *b, *c;
    double *x, *y, *z;
} matrices;

static bool compare(sy_context *context, const syi_ring_kernels *set, dgemm_fn dgemm,
                    const matrices *m, size_t n)
{
    uint64_t ours = UINT64_MAX, theirs = UINT64_MAX;
    for (int k = 0; k < TURNS; k++) {
        uint64_t start = syi_clock_now(context);
        if (syi_ring64_matmul(context, set, m->c, n, (syi_ring64_matrix){m->a, n, 1},
                              (syi_ring64_matrix){m->b, n, 1}, n, n, n, false, NULL) != SY_OK) {
            return false;
        }
        uint64_t taken = syi_clock_now(context) - start;
        ours = taken < ours ? taken : ours;
        if (dgemm != NULL) {
            start = syi_clock_now(context);
            dgemm(ROW_MAJOR, AS_IT_IS, AS_IT_IS, (int)n, (int)n, (int)n, 1, m->x, (int)n, m->y,
                  (int)n, 0, m->z, (int)n);
            taken = syi_clock_now(context) - start;
            theirs = taken < theirs ? taken : theirs;
        }
    }
    printf("%5zu  %-8s %9.3f ms %7.2f G/s", n, set->name, (double)ours * 1e-6,
           (double)(n * n * n) / (double)ours);
    if (dgemm != NULL) {
        printf("   dgemm %9.3f ms, speed %.2f of it", (double)theirs * 1e-6,
               (double)theirs / (double)ours);
    }
    printf("\n");
    return true;
}

int main(void)
{
    const size_t elements = (size_t)LARGEST * LARGEST;
    setenv("OPENBLAS_NUM_THREADS", "1", 1);
    const dgemm_fn dgemm = find_dgemm();
    sy_context *context = NULL;
    uint64_t *words = aligned_alloc(64, 3 * elements * sizeof *words);
    double *numbers = aligned_alloc(64, 3 * elements * sizeof *numbers);
    bool good = words != NULL && numbers != NULL && sy_context_new(&context, NULL, NULL) == SY_OK;
    for (size_t k = 0; good && k < 3 * elements; k++) {
        words[k] = k * 0x9e3779b97f4a7c15;
        numbers[k] = (double)(k % 1000);
    }
    const matrices m = {words,   words + elements,   words + 2 * elements,
                        numbers, numbers + elements, numbers + 2 * elements};
    for (size_t n = SMALLEST; good && n <= LARGEST; n *= 2) {
        for (size_t set = 0; good && syi_ring_kernels_at(set) != NULL; set++) {
            good = compare(context, syi_ring_kernels_at(set), dgemm, &m, n);
        }
    }
    sy_context_free(context);
    free(words);
    free(numbers);
    return good ? 0 : 1;
}
