#include "formats/idx.h"

#include <inttypes.h>
#include <string.h>

#include "core/buffer.h"

enum { MAGIC_SIZE = 4 };

/* SY_DTYPE_COUNT: none. */
static sy_dtype dtype_of(uint8_t kind)
{
    switch (kind) {
    case 0x08:
        return SY_DTYPE_U8;
    case 0x09:
        return SY_DTYPE_I8;
    case 0x0b:
        return SY_DTYPE_I16;
    case 0x0c:
        return SY_DTYPE_I32;
    case 0x0d:
        return SY_DTYPE_F32;
    case 0x0e:
        return SY_DTYPE_F64;
    default:
        return SY_DTYPE_COUNT;
    }
}

bool syi_idx_is_magic(const uint8_t *bytes, size_t size)
{
    return size >= MAGIC_SIZE && bytes[0] == 0 && bytes[1] == 0 &&
           dtype_of(bytes[2]) != SY_DTYPE_COUNT && bytes[3] >= 1 && bytes[3] <= SY_DIM_MAX;
}

sy_status syi_idx_read_header(syi_file *file, syi_array *array, sy_error *err)
{
    uint8_t bytes[MAGIC_SIZE + 4 * SY_DIM_MAX] = {0};
    int64_t shape[SY_DIM_MAX];
    const size_t first = file->size < MAGIC_SIZE ? (size_t)file->size : MAGIC_SIZE;
    SY_TRY(syi_file_read(file, bytes, first, err));
    if (!syi_idx_is_magic(bytes, first)) {
        return syi_fail(err, SY_EFORMAT, "idx: the magic is missing");
    }
    const size_t dims = 4u * bytes[3];
    if (file->size < MAGIC_SIZE + dims) {
        return syi_fail(err, SY_EFORMAT, "idx: the dims are cut off");
    }
    SY_TRY(syi_file_read(file, bytes + MAGIC_SIZE, dims, err));
    for (int k = 0; k < bytes[3]; k++) {
        shape[k] = syi_get_u32be(bytes + MAGIC_SIZE + 4 * k);
    }
    char text[96];
    const sy_dtype dtype = dtype_of(bytes[2]);
    const uint64_t there = file->size - MAGIC_SIZE - dims;
    if (syi_array_describe(array, dtype, bytes[3], shape, NULL) != SY_OK ||
        syi_array_bytes(array) != there) {
        return syi_fail(err, SY_EFORMAT,
                        "idx: the length is wrong: %" PRIu64 " bytes are there for %s of %s", there,
                        syi_shape_format(bytes[3], shape, text, sizeof text), sy_dtype_name(dtype));
    }
    return SY_OK;
}

void syi_idx_to_host(void *elements, sy_dtype dtype, size_t count)
{
    const size_t size = sy_dtype_size(dtype);
    uint8_t *at = elements;
    for (size_t k = 0; k < count && size > 1; k++, at += size) {
        for (size_t i = 0; i < size / 2; i++) {
            const uint8_t byte = at[i];
            at[i] = at[size - 1 - i];
            at[size - 1 - i] = byte;
        }
    }
}

static sy_status load_file(sy_context *context, syi_array *array, syi_file *file,
                           syi_account *account, sy_error *err)
{
    syi_array made = SYI_ARRAY_INIT;
    SY_TRY(syi_idx_read_header(file, &made, err));
    sy_status status =
        syi_storage_new(context, &made.storage, syi_array_bytes(&made), account, err);
    if (status == SY_OK) {
        status = syi_file_read(file, made.storage->data, made.storage->size, err);
    }
    if (status == SY_OK) {
        syi_idx_to_host(made.storage->data, made.dtype, (size_t)syi_array_numel(&made));
        syi_array_copy_view(array, &made);
    }
    syi_array_fini(&made);
    return status;
}

sy_status syi_idx_load(sy_context *context, syi_array *array, const char *path,
                       syi_account *account, sy_error *err)
{
    syi_file file;
    memset(array, 0, sizeof *array);
    SY_TRY(syi_file_open(&file, path, err));
    const sy_status status = load_file(context, array, &file, account, err);
    syi_file_close(&file);
    return status == SY_EFORMAT ? syi_error_prefix(err, status, "%s", path) : status;
}
