#include "ring/kernels.h"

extern const syi_ring_kernels syi_ring_kernels_generic;
#if CSYFT_HAVE_AVX2
extern const syi_ring_kernels syi_ring_kernels_avx2;
#endif
#if CSYFT_HAVE_AVX512
extern const syi_ring_kernels syi_ring_kernels_avx512;
#endif

const syi_ring_kernels *syi_ring_kernels_at(size_t index)
{
    const syi_ring_kernels *found[3];
    size_t count = 0;
#if CSYFT_HAVE_AVX512
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
        found[count++] = &syi_ring_kernels_avx512;
    }
#endif
#if CSYFT_HAVE_AVX2
    if (__builtin_cpu_supports("avx2")) {
        found[count++] = &syi_ring_kernels_avx2;
    }
#endif
    found[count++] = &syi_ring_kernels_generic;
    return index < count ? found[index] : (const syi_ring_kernels *)0;
}

const syi_ring_kernels *syi_ring_kernels_get(void)
{
    return syi_ring_kernels_at(0);
}
