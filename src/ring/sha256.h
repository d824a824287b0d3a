/*
 * sha256.h - SHA-256 (FIPS 180-4) of a first block and what follows it: what HMAC is made of. OpenSSL's takes longer to find its
 * functions and to set up a digest than to compute one, and a relu of a few numbers opens a dozen streams at each holder
 * and twice as many at the provider. No branch and no address depends on the bytes. Test: sha256_test.c.
 */
#ifndef SYI_RING_SHA256_H
#define SYI_RING_SHA256_H

#include <stddef.h>
#include <stdint.h>

enum { SYI_SHA256_SIZE = 32, SYI_SHA256_BLOCK = 64 };

/* Whole blocks into the state. */
typedef void (*syi_sha256_compress)(uint32_t state[8], const uint8_t *blocks, size_t count);

/* The digest of `first` and `size` bytes behind it. The state is wiped. */
void syi_sha256(const uint8_t first[SYI_SHA256_BLOCK], const void *rest, size_t size,
                uint8_t digest[SYI_SHA256_SIZE]);

/* For tests: the ways that the processor has, best first; NULL beyond. */
syi_sha256_compress syi_sha256_way(size_t index);
void syi_sha256_with(syi_sha256_compress compress, const uint8_t first[SYI_SHA256_BLOCK],
                     const void *rest, size_t size, uint8_t digest[SYI_SHA256_SIZE]);

#endif
