#include "ring/generator.h"

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "core/error.h"
#include "core/memory.h"
#include "ring/aes/aes.h"
#include "ring/sha256.h"

static const syi_aes openssl_aes = {.name = "openssl"};

#if CSYFT_HAVE_AESNI
static bool has_vaes(void)
{
#if defined(__clang__) && __clang_major__ < 15
    return false; /* it does not know the name, and asking the processor itself is slow where that is virtual */
#else
    return __builtin_cpu_supports("vaes") && __builtin_cpu_supports("avx2");
#endif
}
#endif

const syi_aes *syi_aes_get(size_t index)
{
    const syi_aes *found[3];
    size_t count = 0;
#if CSYFT_HAVE_AESNI
    if (has_vaes()) {
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

enum { HASH = SYI_SHA256_SIZE, HASH_BLOCK = SYI_SHA256_BLOCK };

/* HMAC (RFC 2104) under a key of HASH bytes. */
static void authenticate(const uint8_t key[HASH], const void *text, size_t size, uint8_t out[HASH])
{
    uint8_t block[HASH_BLOCK], inner[HASH];
    for (int k = 0; k < HASH_BLOCK; k++) {
        block[k] = (uint8_t)((k < HASH ? key[k] : 0) ^ 0x36);
    }
    syi_sha256(block, text, size, inner);
    for (int k = 0; k < HASH_BLOCK; k++) {
        block[k] ^= 0x36 ^ 0x5c;
    }
    syi_sha256(block, inner, sizeof inner, out);
    syi_wipe(block, sizeof block);
    syi_wipe(inner, sizeof inner);
}

static void derive(uint8_t key[16], const uint8_t *seed, const void *name, size_t name_size)
{
    static const uint8_t no_salt[HASH];
    uint8_t extracted[HASH], expanded[HASH], info[SYI_GENERATOR_NAME_MAX + 1];
    if (name_size > 0) {
        memcpy(info, name, name_size);
    }
    info[name_size] = 1; /* the number of the expansion's block */
    authenticate(no_salt, seed, SYI_SEED_SIZE, extracted);
    authenticate(extracted, info, name_size + 1, expanded);
    memcpy(key, expanded, 16);
    syi_wipe(extracted, sizeof extracted);
    syi_wipe(expanded, sizeof expanded);
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
    sy_status status = SY_OK;
    derive(key, seed, name, name_size);
    if (aes->expand != NULL) {
        aes->expand(g->round_keys, key);
    } else {
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

void syi_generator_leave_thread(void)
{
    OPENSSL_thread_stop();
}
