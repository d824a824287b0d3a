/* npz.c - hostile NPZ bytes: refused, or members that are described as they are loaded. */
#include <stdlib.h>
#include <string.h>

#include "formats/npz.h"

enum { LIMIT = 1 << 24 };

/* A broken promise stops the fuzzer. */
static void require(bool promise)
{
    if (!promise) {
        abort();
    }
}

static void check_member(const syi_zip *zip, const syi_zip_entry *member, const uint8_t *data,
                         size_t size, syi_account *account)
{
    syi_array shape, array;
    uint64_t at = 0;
    const sy_status described = syi_npz_describe(zip, member, &shape, &at, NULL);
    if (syi_npz_load(zip, member, &array, account, NULL) != SY_OK) {
        return;
    }
    require(described == SY_OK && shape.dtype == array.dtype);
    require(syi_array_same_shape(&shape, &array));
    if (at != 0) {
        const size_t bytes = syi_array_bytes(&array);
        require(at <= size && bytes <= size - at);
        require(array.dtype == SY_DTYPE_BOOL || bytes == 0 ||
                memcmp(array.storage->data, data + at, bytes) == 0);
    }
    syi_array_fini(&array);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sy_context *context;
    syi_account account;
    syi_zip zip;
    char text[64];
    const syi_source source = syi_source_from_bytes(data, size);
    if (sy_context_new(&context, NULL, NULL) != SY_OK) {
        return 0;
    }
    syi_account_init(&account, "fuzz", LIMIT, NULL);
    if (syi_zip_open(context, &zip, &source, NULL) == SY_OK) {
        require(strlen(syi_npz_list(&zip, text, sizeof text)) < sizeof text);
        for (size_t k = 0; k < zip.entry_count && k < 8; k++) {
            check_member(&zip, &zip.entries[k], data, size, &account);
        }
        syi_zip_close(&zip);
    }
    require(atomic_load(&account.used) == 0);
    sy_context_free(context);
    return 0;
}
