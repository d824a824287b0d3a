/* mask.h - the masking of RFC 6455, section 5.3, eight bytes at a time. Test: websocket_test.c. */
#ifndef SYI_TRANSPORT_WEBSOCKET_MASK_H
#define SYI_TRANSPORT_WEBSOCKET_MASK_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Copies with the four key bytes laid over again and again; `*phase` (0..3) is where in the key the first
 * byte stands, and afterwards where the next one does. The ranges do not overlap. */
static inline void syi_mask_copy(uint8_t *restrict to, const uint8_t *restrict from, size_t size,
                                 const uint8_t key[4], unsigned *phase)
{
    uint8_t turned[64];
    for (size_t i = 0; i < sizeof turned; i++) {
        turned[i] = key[(*phase + i) & 3];
    }
    *phase = (unsigned)(*phase + size) & 3;
    while (size >= sizeof turned) {
        for (size_t i = 0; i < sizeof turned; i += 8) {
            uint64_t word;
            uint64_t mask;
            memcpy(&word, from + i, 8);
            memcpy(&mask, turned + i, 8);
            word ^= mask;
            memcpy(to + i, &word, 8);
        }
        to += sizeof turned;
        from += sizeof turned;
        size -= sizeof turned;
    }
    for (size_t i = 0; i < size; i++) {
        to[i] = from[i] ^ turned[i];
    }
}

#endif
