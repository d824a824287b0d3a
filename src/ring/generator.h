/*
 * generator.h - the cryptographic generator: shares, masks and seeds-compressed material come from here, and from nowhere
 * else. A stream is AES-128 in counter mode (NIST SP 800-38A, 6.5; counter from 0, big-endian) under a key that
 * HKDF-SHA256 (RFC 5869, without salt) makes of a 32-byte seed and the stream's name, so that streams of different names
 * under one seed are independent, and any place in a stream is reached directly. Tests: generator_test.c. Bench:
 * generator_bench.c.
 *
 * Adversary: sees all of a stream but the part in question; the seed is 32 bytes of the system's generator that only those
 * have who may know the stream. No branch and no address depends on seed, key or stream.
 */
#ifndef SYI_RING_GENERATOR_H
#define SYI_RING_GENERATOR_H

#include <stddef.h>
#include <stdint.h>

#include <csyft/status.h>

#define SYI_SEED_SIZE 32
#define SYI_GENERATOR_BLOCK 16 /* bytes: a place in a stream is a number of blocks */
#define SYI_GENERATOR_NAME_MAX 1024

/* A way to do AES: "vaes", "aes", "openssl". */
typedef struct syi_aes {
    const char *name;
    void (*expand)(uint8_t round_keys[11][16], const uint8_t key[16]); /* NULL: OpenSSL does all */
    /* Whole blocks. */
    void (*stream)(const uint8_t round_keys[11][16], uint64_t place, uint8_t *out, size_t blocks);
} syi_aes;

typedef struct syi_generator {
    _Alignas(16) uint8_t round_keys[11][16];
    const syi_aes *aes;
    void *cipher; /* OpenSSL's */
} syi_generator;

/* The stream that `name` (any bytes, at most SYI_GENERATOR_NAME_MAX) has under the seed. SY_ENOMEM, SY_EIO when OpenSSL fails. */
sy_status syi_generator_init(syi_generator *generator, const uint8_t seed[SYI_SEED_SIZE],
                             const void *name, size_t name_size, sy_error *err);
/* Wipes the key. Twice, and after a failed init, is nothing. */
void syi_generator_fini(syi_generator *generator);

/*
 * `size` bytes of the stream from block `place` on, also where that is no whole number of blocks. A stream has 2^64
 * blocks; nobody gets that far. One thread at a time per generator. SY_EIO when OpenSSL fails; the bytes are then zeros.
 */
sy_status syi_generator_fill(const syi_generator *generator, uint64_t place, void *bytes,
                             size_t size, sy_error *err);

/*
 * What OpenSSL keeps for this thread is freed now, and not after the thread's end. For threads that nobody joins, before
 * they say that they are over: the process may end before they do, with that memory left.
 */
void syi_generator_leave_thread(void);

/* For tests and benches: those that the processor has, best first; NULL beyond. The last one is OpenSSL's. */
const syi_aes *syi_aes_get(size_t index);
sy_status syi_generator_init_with(syi_generator *generator, const syi_aes *aes,
                                  const uint8_t seed[SYI_SEED_SIZE], const void *name,
                                  size_t name_size, sy_error *err);

#endif
