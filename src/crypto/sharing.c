#include "crypto/sharing.h"

#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "core/surroundings.h"
#include "ring/kernels.h"

/* Words that are drawn at once: they stay in the first cache, and nobody needs as much memory as the secret has. */
enum { CHUNK_BYTES = 16384 };

static const char stream_name[] = "csyft/1|share";

static sy_status check_holders(size_t holders, sy_error *err)
{
    if (holders < 2 || holders > SYI_HOLDERS_MAX) {
        return syi_fail(err, SY_EINVAL, "share: %zu holders; 2 to %d are possible", holders,
                        SYI_HOLDERS_MAX);
    }
    return SY_OK;
}

static sy_status open_stream(syi_generator *g, const uint8_t seed[SYI_SEED_SIZE], sy_error *err)
{
    return syi_generator_init(g, seed, stream_name, sizeof stream_name - 1, err);
}

#define DEFINE_SHARING(T, N)                                                                   \
    /* last -= the stream of the seed */                                                       \
    static sy_status subtract##N(T *last, const uint8_t seed[SYI_SEED_SIZE], size_t count,     \
                                 T *chunk, sy_error *err)                                      \
    {                                                                                          \
        const size_t room = CHUNK_BYTES / sizeof(T);                                           \
        const syi_ring##N##_kernels *kernels = &syi_ring_kernels_get()->ring##N;               \
        syi_generator g;                                                                       \
        SY_TRY(open_stream(&g, seed, err));                                                    \
        sy_status status = SY_OK;                                                              \
        for (size_t at = 0; at < count && status == SY_OK; at += room) {                       \
            const size_t some = count - at < room ? count - at : room;                         \
            status = syi_generator_fill(&g, at * sizeof(T) / SYI_GENERATOR_BLOCK, chunk,       \
                                        some * sizeof(T), err);                                \
            if (status == SY_OK) {                                                             \
                kernels->sub(last + at, last + at, chunk, some);                               \
            }                                                                                  \
        }                                                                                      \
        syi_generator_fini(&g);                                                                \
        return status;                                                                         \
    }                                                                                          \
    sy_status syi_share##N(sy_context *context, T *last, uint8_t(*seeds)[SYI_SEED_SIZE],       \
                           const T *secret, size_t count, size_t holders, sy_error *err)       \
    {                                                                                          \
        SY_TRY(check_holders(holders, err));                                                   \
        const size_t seeds_size = (holders - 1) * SYI_SEED_SIZE;                               \
        T *chunk = syi_alloc_aligned(context, CHUNK_BYTES, 64);                                \
        sy_status status = chunk != NULL ? syi_random_bytes(context, seeds, seeds_size, err)   \
                                         : SYI_ENOMEM(err, "shares");                          \
        if (status == SY_OK && count > 0) {                                                    \
            memcpy(last, secret, count * sizeof *last);                                        \
        }                                                                                      \
        size_t done = 0;                                                                       \
        while (status == SY_OK && done < holders - 1) {                                        \
            status = subtract##N(last, seeds[done++], count, chunk, err);                      \
        }                                                                                      \
        if (status != SY_OK) {                                                                 \
            memset(seeds, 0, seeds_size);                                                      \
            memset(last, 0, count * sizeof *last);                                             \
        }                                                                                      \
        if (chunk != NULL) {                                                                   \
            syi_free_secret(context, chunk, CHUNK_BYTES);                                      \
        }                                                                                      \
        return status;                                                                         \
    }                                                                                          \
    sy_status syi_share##N##_expand(T *share, const uint8_t seed[SYI_SEED_SIZE], size_t count, \
                                    sy_error *err)                                             \
    {                                                                                          \
        syi_generator g;                                                                       \
        sy_status status = open_stream(&g, seed, err);                                         \
        if (status == SY_OK) {                                                                 \
            status = syi_generator_fill(&g, 0, share, count * sizeof *share, err);             \
            syi_generator_fini(&g);                                                            \
        } else {                                                                               \
            memset(share, 0, count * sizeof *share);                                           \
        }                                                                                      \
        return status;                                                                         \
    }                                                                                          \
    void syi_reconstruct##N(T *secret, const T *const *shares, size_t holders, size_t count)   \
    {                                                                                          \
        const syi_ring##N##_kernels *kernels = &syi_ring_kernels_get()->ring##N;               \
        if (secret != shares[0] && count > 0) {                                                \
            memcpy(secret, shares[0], count * sizeof *secret);                                 \
        }                                                                                      \
        for (size_t k = 1; k < holders; k++) {                                                 \
            kernels->add(secret, secret, shares[k], count);                                    \
        }                                                                                      \
    }

DEFINE_SHARING(uint64_t, 64)
DEFINE_SHARING(uint32_t, 32)
