#include "crypto/fss/fixed_keys.h"

#include <string.h>

#include <openssl/evp.h>

#include "core/error.h"
#include "core/memory.h"
#include "crypto/fss/ways.h"

const syi_fss_kernels *syi_fss_kernels_at(size_t index)
{
    const syi_fss_kernels *found[4];
    size_t count = 0;
    for (size_t k = 0; syi_aes_get(k) != NULL; k++) {
        const char *name = syi_aes_get(k)->name;
#if CSYFT_HAVE_AVX512
        if (strcmp(name, "vaes") == 0 && __builtin_cpu_supports("avx512f") &&
            __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
            __builtin_cpu_supports("avx512vl")) {
            found[count++] = &syi_fss_kernels_vaes512;
        }
#endif
#if CSYFT_HAVE_AVX2
        if (strcmp(name, "vaes") == 0) {
            found[count++] = &syi_fss_kernels_vaes;
        } else if (strcmp(name, "aes") == 0) {
            found[count++] = &syi_fss_kernels_aes;
        }
#else
        (void)name;
#endif
    }
    found[count++] = &syi_fss_kernels_openssl;
    return index < count ? found[index] : NULL;
}

static sy_status failed(sy_error *err)
{
    return syi_fail(err, SY_EIO, "keys of comparisons: OpenSSL's AES-128-ECB failed");
}

static sy_status open_cipher(void **cipher, const uint8_t key[16], sy_error *err)
{
    EVP_CIPHER_CTX *opened = EVP_CIPHER_CTX_new();
    *cipher = opened;
    if (opened == NULL) {
        return SYI_ENOMEM(err, "keys of comparisons");
    }
    return EVP_EncryptInit_ex(opened, EVP_aes_128_ecb(), NULL, key, NULL) == 1 &&
                   EVP_CIPHER_CTX_set_padding(opened, 0) == 1
               ? SY_OK
               : failed(err);
}

/* The generator's way of this name expands keys. */
static const syi_aes *aes_of(const syi_fss_kernels *kernels)
{
    const char *name = kernels == &syi_fss_kernels_openssl ? "openssl" : "aes";
    size_t k = 0;
    while (strcmp(syi_aes_get(k)->name, name) != 0) {
        k++;
    }
    return syi_aes_get(k);
}

sy_status syi_fixed_keys_init_with(syi_fixed_keys *fixed, const syi_fss_kernels *kernels,
                                   const uint8_t keys[SYI_FIXED_KEYS_SIZE], sy_error *err)
{
    const syi_aes *aes = aes_of(kernels);
    memset(fixed, 0, sizeof *fixed);
    fixed->kernels = kernels;
    sy_status status = SY_OK;
    for (int k = 0; k < 2 && status == SY_OK; k++) {
        if (aes->expand != NULL) {
            aes->expand(fixed->round_keys[k], keys + 16 * k);
        } else {
            status = open_cipher(&fixed->ciphers[k], keys + 16 * k, err);
        }
    }
    if (status != SY_OK) {
        syi_fixed_keys_fini(fixed);
    }
    return status;
}

sy_status syi_fixed_keys_init(syi_fixed_keys *fixed, const uint8_t keys[SYI_FIXED_KEYS_SIZE],
                              sy_error *err)
{
    return syi_fixed_keys_init_with(fixed, syi_fss_kernels_at(0), keys, err);
}

void syi_fixed_keys_fini(syi_fixed_keys *fixed)
{
    for (int k = 0; k < 2; k++) {
        EVP_CIPHER_CTX_free(fixed->ciphers[k]);
        fixed->ciphers[k] = NULL;
    }
}

/* A group's numbers as rows. */
static void spread(uint64_t row[SYI_FSS_ROW_WORDS], const uint64_t *numbers)
{
    for (size_t k = 0; k < SYI_FSS_GROUP; k++) {
        row[2 * k] = numbers[k];
        row[2 * k + 1] = 0;
    }
}

static uint64_t place_of(const syi_fss_tree *tree, uint64_t number)
{
    return number & ((UINT64_C(1) << tree->leaf) - 1);
}

sy_status syi_fss_make(const syi_fixed_keys *keys, const syi_fss_tree *tree, syi_fss_make_fn make,
                       syi_fss_leaf_fn leaf, uint8_t *group, const uint8_t *const roots[2],
                       const uint64_t alphas[SYI_FSS_GROUP], sy_error *err)
{
    uint64_t row[SYI_FSS_ROW_WORDS];
    spread(row, alphas);
    const bool good = make(keys, tree, group, roots, row);
    syi_wipe(row, sizeof row);
    if (!good) {
        return failed(err);
    }
    uint64_t *leaves = (uint64_t *)(void *)(group + (size_t)syi_fss_levels(tree) * SYI_FSS_ROW);
    for (size_t k = 0; k < SYI_FSS_GROUP; k++) {
        uint64_t added[2];
        leaf(added, place_of(tree, alphas[k]));
        leaves[2 * k] ^= added[0];
        leaves[2 * k + 1] ^= added[1];
    }
    return SY_OK;
}

/* The bit of each leaf that its number says: bit k of the result is the group's key k's. */
static uint32_t pick(const syi_fss_tree *tree, const uint64_t leaves[SYI_FSS_ROW_WORDS],
                     const uint64_t *numbers)
{
    uint32_t picked = 0;
    for (unsigned k = 0; k < SYI_FSS_GROUP; k++) {
        const uint64_t place = place_of(tree, numbers[k]), upper = 0 - (place >> 6);
        const uint64_t word = leaves[2 * k] ^ ((leaves[2 * k] ^ leaves[2 * k + 1]) & upper);
        picked |= (uint32_t)(word >> (place & 63) & 1) << k;
    }
    return picked;
}

sy_status syi_fss_walk(const syi_fixed_keys *keys, const syi_fss_tree *tree, syi_fss_walk_fn walk,
                       uint32_t *bits, const uint8_t *group, const uint8_t *roots,
                       const uint64_t numbers[SYI_FSS_GROUP], int holder, sy_error *err)
{
    uint64_t row[SYI_FSS_ROW_WORDS], leaves[SYI_FSS_ROW_WORDS];
    spread(row, numbers);
    const bool good = walk(keys, tree, (uint8_t *)leaves, group, roots, row, holder);
    *bits = good ? pick(tree, leaves, numbers) : 0;
    syi_wipe(leaves, sizeof leaves);
    return good ? SY_OK : failed(err);
}
