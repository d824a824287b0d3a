/*
 * product.c - products of shares as a peer writes them: byte 0 chooses the field, the rest is a product. What is read can be
 * written, to the same bytes, and what is small is computed: of zeros it is zero.
 */
#include <stdlib.h>
#include <string.h>

#include "crypto/bilinear.h"

enum { MOST = 4096, WORK_MOST = 1 << 16 };

static void require(bool promise)
{
    if (!promise) {
        abort();
    }
}

static void check_written(sy_context *context, const syi_bilinear *b, const uint8_t *bytes,
                          size_t size)
{
    syi_buffer buffer;
    syi_buffer_init(&buffer, context, SYI_BILINEAR_BYTES);
    syi_bilinear_write(b, &buffer);
    require(buffer.status == SY_OK && buffer.length == size);
    require(memcmp(buffer.data, bytes, size) == 0);
    syi_buffer_fini(&buffer);
}

static bool is_small(const syi_bilinear *b)
{
    return syi_array_numel(&b->x) <= MOST && syi_array_numel(&b->y) <= MOST &&
           syi_array_numel(&b->z) <= MOST && syi_bilinear_work(b) <= WORK_MOST;
}

static void compute(sy_context *context, const syi_bilinear *b, const syi_field *field)
{
    static const uint64_t zeros[MOST];
    static uint64_t z[MOST];
    syi_storage storage = {.data = (uint8_t *)(uintptr_t)zeros};
    syi_array x = b->x, y = b->y;
    x.storage = y.storage = &storage;
    require(syi_bilinear_add(context, b, field, z, &x, &y, NULL) == SY_OK);
    require(memcmp(z, zeros, sizeof z) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const syi_field fields[] = {SYI_FIELD_64, SYI_FIELD_32, {251, 8}, {256, 8}};
    static sy_context *context;
    sy_error err = SY_ERROR_INIT;
    syi_bilinear b;
    if (size == 0) {
        return 0;
    }
    if (context == NULL) {
        require(sy_context_new(&context, NULL, NULL) == SY_OK);
    }
    const syi_field *field = &fields[data[0] % 4];
    size_t used = size - 1;
    const sy_status status = syi_bilinear_read(&b, field, data + 1, &used, &err);
    if (status != SY_OK) {
        require((status == SY_EFORMAT || status == SY_ESHAPE) && err.message[0] != 0);
        return 0;
    }
    check_written(context, &b, data + 1, used);
    if (is_small(&b)) {
        compute(context, &b, field);
    }
    return 0;
}
