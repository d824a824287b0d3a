/*
 * source.h - where a model file is read from: bytes in memory, or an open file. The readers of this room
 * ask for what they need, so that the contents of a tensor go from the disk into its storage at once.
 * Test: model_file_test.c.
 */
#ifndef SYI_FORMATS_SOURCE_H
#define SYI_FORMATS_SOURCE_H

#include "formats/file.h"

typedef struct syi_source {
    const uint8_t *bytes; /* borrowed; NULL: `file` */
    const syi_file *file; /* borrowed */
    uint64_t size;
} syi_source;

static inline syi_source syi_source_from_bytes(const void *bytes, size_t size)
{
    return (syi_source){.bytes = bytes, .size = size};
}
static inline syi_source syi_source_from_file(const syi_file *file)
{
    return (syi_source){.file = file, .size = file->size};
}

/* All `size` bytes from `offset`. SY_EFORMAT when they lie beyond the end, SY_EIO. */
sy_status syi_source_read(const syi_source *source, uint64_t offset, void *data, size_t size,
                          sy_error *err);

/*
 * The bytes from `offset` on, `size` of them or as many as there are (*got), in memory: borrowed where
 * the source is memory, else read into `*room`, which the caller frees with its size *got. SY_ENOMEM.
 */
sy_status syi_source_map(const syi_source *source, uint64_t offset, size_t size,
                         sy_context *context, const uint8_t **bytes, uint8_t **room, size_t *got,
                         sy_error *err);

#endif
