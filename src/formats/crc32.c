/* crc32.c - the checksum of zip files. Test: crc32_test.c. */
#include "formats/crc32.h"

#if CSYFT_HAVE_ZLIB
#include <zlib.h>
#endif

uint32_t syi_crc32_plain(uint32_t crc, const void *data, size_t size)
{
    /* Of the sixteen values of four bits; 0xedb88320 is the polynomial. */
    static const uint32_t table[16] = {
        0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
        0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
        0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
    };
    const uint8_t *bytes = data;
    crc = ~crc;
    for (size_t k = 0; k < size; k++) {
        crc ^= bytes[k];
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return ~crc;
}

uint32_t syi_crc32(uint32_t crc, const void *data, size_t size)
{
#if CSYFT_HAVE_ZLIB
    return size == 0 ? crc : (uint32_t)crc32_z(crc, data, size);
#else
    return syi_crc32_plain(crc, data, size);
#endif
}
