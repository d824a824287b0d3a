#include "frameworks/cpu/blas.h"

#include <dlfcn.h>
#include <limits.h>
#include <stddef.h>
#include <string.h>

/* OpenBLAS built for one thread hands the same buffer to two callers and gives wrong products without a word (Debian's
 * libopenblas0-serial 0.3.21: 43 of 300 runs of four threads with 50 products of 48x48 each). Such a build is called by
 * one thread of the process at a time; its state belongs to the process, and so does the lock. */
static pthread_mutex_t one_caller = PTHREAD_MUTEX_INITIALIZER;

void syi_blas_init(syi_blas *blas)
{
    atomic_init(&blas->state, 0);
    pthread_mutex_init(&blas->lock, NULL);
}

void syi_blas_fini(syi_blas *blas)
{
    if (blas->library != NULL) {
        dlclose(blas->library);
    }
    pthread_mutex_destroy(&blas->lock);
}

/* A function's address through memory, as POSIX asks. */
static bool find_symbol(void *library, const char *name, void *function)
{
    void *address = dlsym(library, name);
    memcpy(function, &address, sizeof address);
    return address != NULL;
}

/* NODELETE: a library that may have started threads is never unmapped. */
static bool load_library(syi_blas *blas)
{
    static const char *const names[] = {"libopenblas.so.0", "libblas.so.3"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        void *library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
        if (library == NULL) {
            continue;
        }
        if (find_symbol(library, "sgemm_", &blas->sgemm) &&
            find_symbol(library, "dgemm_", &blas->dgemm)) {
            void (*set_threads)(int);
            int (*get_parallel)(void);
            blas->one_caller =
                find_symbol(library, "openblas_get_parallel", &get_parallel) && get_parallel() == 0;
            if (find_symbol(library, "openblas_set_num_threads", &set_threads)) {
                set_threads(1); /* csyft's own pool shares out the work */
            }
            blas->library = library;
            return true;
        }
        dlclose(library);
    }
    return false;
}

static bool is_ready(syi_blas *blas)
{
    int state = atomic_load_explicit(&blas->state, memory_order_acquire);
    if (state == 0) {
        pthread_mutex_lock(&blas->lock);
        state = atomic_load_explicit(&blas->state, memory_order_relaxed);
        if (state == 0) {
            state = load_library(blas) ? 1 : -1;
            atomic_store_explicit(&blas->state, state, memory_order_release);
        }
        pthread_mutex_unlock(&blas->lock);
    }
    return state == 1;
}

/* One operand as BLAS knows it: stored by columns, or that transposed. */
typedef struct operand {
    char transposed; /* 'N' or 'T', seen from the product that is computed */
    int leading;
} operand;

/* A row-major matrix is its transpose stored by columns. */
static bool describe_operand(operand *o, int64_t rows, int64_t columns, const int64_t strides[2])
{
    int64_t leading;
    if (strides[1] == 1 || columns == 1) {
        o->transposed = 'N';
        leading = rows == 1 ? columns : strides[0];
        if (leading < columns) {
            return false;
        }
    } else if (strides[0] == 1 || rows == 1) {
        o->transposed = 'T';
        leading = columns == 1 ? rows : strides[1];
        if (leading < rows) {
            return false;
        }
    } else {
        return false;
    }
    o->leading = (int)leading;
    return leading <= INT_MAX;
}

/* C' = B' A' in BLAS's order of storage. */
#define DEFINE_MULTIPLY(suffix, T, gemm)                                                          \
    bool syi_blas_multiply_##suffix(syi_blas *blas, int64_t m, int64_t n, int64_t k, const T *a,  \
                                    const int64_t a_strides[2], const T *b,                       \
                                    const int64_t b_strides[2], T *c, int64_t c_stride, bool add) \
    {                                                                                             \
        operand left, right;                                                                      \
        if (m > INT_MAX || n > INT_MAX || k > INT_MAX || c_stride > INT_MAX ||                    \
            !describe_operand(&left, m, k, a_strides) ||                                          \
            !describe_operand(&right, k, n, b_strides) || !is_ready(blas)) {                      \
            return false;                                                                         \
        }                                                                                         \
        const T one = 1, kept = add ? 1 : 0;                                                      \
        const int rows = (int)m, columns = (int)n, depth = (int)k, leading = (int)c_stride;       \
        if (blas->one_caller) {                                                                   \
            pthread_mutex_lock(&one_caller);                                                      \
        }                                                                                         \
        blas->gemm(&right.transposed, &left.transposed, &columns, &rows, &depth, &one, b,         \
                   &right.leading, a, &left.leading, &kept, c, &leading);                         \
        if (blas->one_caller) {                                                                   \
            pthread_mutex_unlock(&one_caller);                                                    \
        }                                                                                         \
        return true;                                                                              \
    }
DEFINE_MULTIPLY(f32, float, sgemm)
DEFINE_MULTIPLY(f64, double, dgemm)
