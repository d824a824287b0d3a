#include "ring/generator.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "core/error.h"
#include "core/memory.h"
#include "ring/aes/aes.h"

static const syi_aes openssl_aes = {.name = "openssl"};

const syi_aes *syi_aes_get(size_t index)
{
    const syi_aes *found[3];
    size_t count = 0;
#if CSYFT_HAVE_AESNI
    if (__builtin_cpu_supports("vaes") && __builtin_cpu_supports("avx2")) {
        found[count++] = &syi_aes_vaes;
    }
    if (__builtin_cpu_supports("aes") && __builtin_cpu_supports("sse4.1")) {
        found[count++] = &syi_aes_ni;
    }
#endif
    found[count++] = &openssl_aes;
    return index < count ? found[index] : NULL;
}

static sy_status failed(const char *what, sy_error *err)
{
    return syi_fail(err, SY_EIO, "generator: OpenSSL's %s failed", what);
}

static sy_status derive(uint8_t key[16], const uint8_t *seed, const void *name, size_t name_size,
                        sy_error *err)
{
    static char digest[] = "SHA256";
    uint8_t ikm[SYI_SEED_SIZE], info[SYI_GENERATOR_NAME_MAX];
    memcpy(ikm, seed, sizeof ikm); /* OpenSSL's parameters are not const */
    if (name_size > 0) {
        memcpy(info, name, name_size);
    }
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
                           OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, ikm, sizeof ikm),
                           OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info, name_size),
                           OSSL_PARAM_construct_end()};
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *context = kdf != NULL ? EVP_KDF_CTX_new(kdf) : NULL;
    const bool good = context != NULL && EVP_KDF_derive(context, key, 16, params) == 1;
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(kdf);
    syi_wipe(ikm, sizeof ikm);
    return good ? SY_OK : failed("HKDF", err);
}

static sy_status open_cipher(syi_generator *g, const uint8_t key[16], sy_error *err)
{
    static const uint8_t zero[16] = {0};
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    if (cipher == NULL) {
        return SYI_ENOMEM(err, "generator");
    }
    g->cipher = cipher;
    return EVP_EncryptInit_ex(cipher, EVP_aes_128_ctr(), NULL, key, zero) == 1
               ? SY_OK
               : failed("AES-128-CTR", err);
}

sy_status syi_generator_init_with(syi_generator *g, const syi_aes *aes,
                                  const uint8_t seed[SYI_SEED_SIZE], const void *name,
                                  size_t name_size, sy_error *err)
{
    uint8_t key[16];
    memset(g, 0, sizeof *g);
    g->aes = aes;
    if (name_size > SYI_GENERATOR_NAME_MAX) {
        return syi_fail(err, SY_EINVAL, "generator: a stream's name of %zu bytes, at most %d",
                        name_size, SYI_GENERATOR_NAME_MAX);
    }
    sy_status status = derive(key, seed, name, name_size, err);
    if (status == SY_OK && aes->expand != NULL) {
        aes->expand(g->round_keys, key);
    } else if (status == SY_OK) {
        status = open_cipher(g, key, err);
    }
    syi_wipe(key, sizeof key);
    if (status != SY_OK) {
        syi_generator_fini(g);
    }
    return status;
}

sy_status syi_generator_init(syi_generator *g, const uint8_t seed[SYI_SEED_SIZE], const void *name,
                             size_t name_size, sy_error *err)
{
    return syi_generator_init_with(g, syi_aes_get(0), seed, name, name_size, err);
}

void syi_generator_fini(syi_generator *g)
{
    EVP_CIPHER_CTX_free(g->cipher); /* wipes */
    g->cipher = NULL;
    syi_wipe(g->round_keys, sizeof g->round_keys);
}

/* OpenSSL adds the stream to what is there; its lengths are ints. */
static bool stream_openssl(EVP_CIPHER_CTX *cipher, uint64_t place, uint8_t *out, size_t size)
{
    enum { PIECE = 1 << 30 };
    uint8_t counter[16] = {0};
    for (int k = 0; k < 8; k++) {
        counter[15 - k] = (uint8_t)(place >> 8 * k);
    }
    memset(out, 0, size);
    if (EVP_EncryptInit_ex(cipher, NULL, NULL, NULL, counter) != 1) {
        return false;
    }
    while (size > 0) {
        const int piece = size < PIECE ? (int)size : PIECE;
        int made = 0;
        if (EVP_EncryptUpdate(cipher, out, &made, out, piece) != 1 || made != piece) {
            return false;
        }
        out += piece;
        size -= (size_t)piece;
    }
    return true;
}

sy_status syi_generator_fill(const syi_generator *g, uint64_t place, void *bytes, size_t size,
                             sy_error *err)
{
    uint8_t *out = bytes;
    if (g->aes->stream == NULL) {
        if (!stream_openssl(g->cipher, place, out, size)) {
            memset(out, 0, size);
            return failed("AES-128-CTR", err);
        }
        return SY_OK;
    }
    const size_t blocks = size / SYI_GENERATOR_BLOCK, rest = size % SYI_GENERATOR_BLOCK;
    g->aes->stream(g->round_keys, place, out, blocks);
    if (rest > 0) {
        uint8_t last[SYI_GENERATOR_BLOCK];
        g->aes->stream(g->round_keys, place + blocks, last, 1);
        memcpy(out + blocks * SYI_GENERATOR_BLOCK, last, rest);
        syi_wipe(last, sizeof last);
    }
    return SY_OK;
}
