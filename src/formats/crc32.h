/*
 * crc32.h - the checksum of zip files (CRC-32 of ISO 3309, reflected, as zlib's). Test: crc32_test.c.
 */
#ifndef SYI_FORMATS_CRC32_H
#define SYI_FORMATS_CRC32_H

#include <csyft/api.h>

/* Of what came before (`crc`, 0 at the start) and these bytes. With zlib, where the build has it. */
uint32_t syi_crc32(uint32_t crc, const void *data, size_t size);
/* Without; about a tenth of the speed. */
uint32_t syi_crc32_plain(uint32_t crc, const void *data, size_t size);

#endif
