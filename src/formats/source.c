/* source.c - bytes in memory or in a file. Test: model_file_test.c. */
#include "formats/source.h"

#include <inttypes.h>

#include "core/memory.h"

sy_status syi_source_read(const syi_source *source, uint64_t offset, void *data, size_t size,
                          sy_error *err)
{
    if (offset > source->size || size > source->size - offset) {
        return syi_fail(err, SY_EFORMAT,
                        "bytes %" PRIu64 " to %" PRIu64 " are needed, there are %" PRIu64, offset,
                        size > UINT64_MAX - offset ? UINT64_MAX : offset + size, source->size);
    }
    if (source->bytes == NULL) {
        return size == 0 ? SY_OK : syi_file_read_at(source->file, offset, data, size, err);
    }
    if (size > 0) {
        memcpy(data, source->bytes + offset, size);
    }
    return SY_OK;
}

sy_status syi_source_map(const syi_source *source, uint64_t offset, size_t size,
                         sy_context *context, const uint8_t **bytes, uint8_t **room, size_t *got,
                         sy_error *err)
{
    const uint64_t left = offset < source->size ? source->size - offset : 0;
    *got = size < left ? size : (size_t)left;
    *room = NULL;
    if (source->bytes != NULL) {
        *bytes = source->bytes + (source->size - left);
        return SY_OK;
    }
    uint8_t *made = syi_alloc_aligned(context, *got, 16);
    if (made == NULL) {
        return SYI_ENOMEM(err, source->file->path);
    }
    const sy_status status = syi_source_read(source, source->size - left, made, *got, err);
    if (status != SY_OK) {
        syi_free(context, made, *got);
        return status;
    }
    *bytes = *room = made;
    return SY_OK;
}
