#include "crypto/sharing.h"

#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "core/surroundings.h"

/* Elements that are drawn at once: they stay in the first cache, and nobody needs as much memory as the secret has. */
enum { CHUNK = 2048 };

static const char stream_name[] = "csyft/1|share";

static sy_status check_holders(size_t holders, sy_error *err)
{
    if (holders < 2 || holders > SYI_HOLDERS_MAX) {
        return syi_fail(err, SY_EINVAL, "share: %zu holders; 2 to %d are possible", holders,
                        SYI_HOLDERS_MAX);
    }
    return SY_OK;
}

/* last -= the stream of the seed */
static sy_status subtract(const syi_field *field, uint8_t *last, const uint8_t seed[SYI_SEED_SIZE],
                          size_t count, void *chunk, sy_error *err)
{
    syi_generator g;
    sy_status status = syi_generator_init(&g, seed, stream_name, sizeof stream_name - 1, err);
    for (size_t at = 0; at < count && status == SY_OK; at += CHUNK) {
        const size_t some = count - at < CHUNK ? count - at : CHUNK;
        uint8_t *words = last + at * field->width;
        status = syi_field_draw(field, &g, at, chunk, some, err);
        if (status == SY_OK) {
            syi_field_sub(field, words, words, chunk, some);
        }
    }
    syi_generator_fini(&g);
    return status;
}

sy_status syi_generate_shares(sy_context *context, const syi_field *field, void *last,
                              uint8_t (*seeds)[SYI_SEED_SIZE], const void *secret, size_t count,
                              size_t holders, sy_error *err)
{
    SY_TRY(check_holders(holders, err));
    const size_t seeds_size = (holders - 1) * SYI_SEED_SIZE;
    const size_t chunk_size = CHUNK * field->width;
    void *chunk = syi_alloc_aligned(context, chunk_size, 64);
    sy_status status = chunk != NULL ? syi_random_bytes(context, seeds, seeds_size, err)
                                     : SYI_ENOMEM(err, "shares");
    if (status == SY_OK) {
        syi_copy_bytes(last, secret, count * field->width);
    }
    size_t done = 0;
    while (status == SY_OK && done < holders - 1) {
        status = subtract(field, last, seeds[done++], count, chunk, err);
    }
    if (status != SY_OK) {
        memset(seeds, 0, seeds_size);
        if (count > 0) {
            memset(last, 0, count * field->width);
        }
    }
    if (chunk != NULL) {
        syi_free_secret(context, chunk, chunk_size);
    }
    return status;
}

sy_status syi_share_expand(const syi_field *field, void *share, const uint8_t seed[SYI_SEED_SIZE],
                           size_t count, sy_error *err)
{
    syi_generator g;
    sy_status status = syi_generator_init(&g, seed, stream_name, sizeof stream_name - 1, err);
    if (status == SY_OK) {
        status = syi_field_draw(field, &g, 0, share, count, err);
        syi_generator_fini(&g);
    } else if (count > 0) {
        memset(share, 0, count * field->width);
    }
    return status;
}

void syi_reconstruct(const syi_field *field, void *secret, const void *const *shares,
                     size_t holders, size_t count)
{
    if (secret != shares[0]) {
        syi_copy_bytes(secret, shares[0], count * field->width);
    }
    for (size_t k = 1; k < holders; k++) {
        syi_field_add(field, secret, secret, shares[k], count);
    }
}
