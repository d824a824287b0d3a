#include "ring/planes.h"

#include <stdbool.h>
#include <string.h>

#include "core/buffer.h"

extern const syi_plane_kernels syi_plane_kernels_generic;
#if CSYFT_HAVE_AVX2
extern const syi_plane_kernels syi_plane_kernels_avx2;
#endif
#if CSYFT_HAVE_AVX512
extern const syi_plane_kernels syi_plane_kernels_avx512;
#endif

const syi_plane_kernels *syi_plane_kernels_at(size_t index)
{
    const syi_plane_kernels *found[3];
    size_t count = 0;
#if CSYFT_HAVE_AVX512
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
        found[count++] = &syi_plane_kernels_avx512;
    }
#endif
#if CSYFT_HAVE_AVX2
    if (__builtin_cpu_supports("avx2")) {
        found[count++] = &syi_plane_kernels_avx2;
    }
#endif
    found[count++] = &syi_plane_kernels_generic;
    return index < count ? found[index] : NULL;
}

const syi_plane_kernels *syi_plane_kernels_get(void)
{
    return syi_plane_kernels_at(0);
}

/* Bit c of byte r changes places with bit r of byte c. */
static uint64_t transpose8(uint64_t x)
{
    uint64_t t = (x ^ (x >> 7)) & 0x00aa00aa00aa00aa;
    x ^= t ^ (t << 7);
    t = (x ^ (x >> 14)) & 0x0000cccc0000cccc;
    x ^= t ^ (t << 14);
    t = (x ^ (x >> 28)) & 0x00000000f0f0f0f0;
    return x ^ t ^ (t << 28);
}

/* Eight numbers of each word at a time: byte b of the words is byte 8 b to 8 b + 7 of what is packed. */
void syi_planes_pack(uint8_t *bytes, const uint64_t *planes, size_t count, size_t numbers)
{
    const size_t size = (numbers + 7) / 8;
    for (size_t p = 0; p < count; p++, planes += SYI_PLANE_WORDS, bytes += size) {
        for (size_t b = 0; 8 * b < size; b++) {
            uint64_t eight = 0;
            for (size_t g = 0; g < SYI_PLANE_WORDS; g++) {
                eight |= (planes[g] >> 8 * b & 0xff) << 8 * g;
            }
            eight = transpose8(eight);
            if (size - 8 * b >= 8) {
                syi_put_u64le(bytes + 8 * b, eight);
                continue;
            }
            for (size_t k = 8 * b; k < size; k++) {
                bytes[k] = (uint8_t)(eight >> 8 * (k - 8 * b));
            }
        }
    }
}

void syi_planes_unpack(uint64_t *planes, const uint8_t *bytes, size_t count, size_t numbers)
{
    const size_t size = (numbers + 7) / 8;
    for (size_t p = 0; p < count; p++, planes += SYI_PLANE_WORDS, bytes += size) {
        memset(planes, 0, SYI_PLANE_BYTES);
        for (size_t b = 0; 8 * b < size; b++) {
            uint64_t eight = size - 8 * b >= 8 ? syi_get_u64le(bytes + 8 * b) : 0;
            for (size_t k = 8 * b; size - 8 * b < 8 && k < size; k++) {
                eight |= (uint64_t)bytes[k] << 8 * (k - 8 * b);
            }
            eight = transpose8(eight);
            for (size_t g = 0; g < SYI_PLANE_WORDS; g++) {
                planes[g] |= (eight >> 8 * g & 0xff) << 8 * b;
            }
        }
    }
}
