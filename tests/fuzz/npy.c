/* npy.c - hostile NPY bytes: refused, or an array that comes back the same from what is written of it. */
#include <stdlib.h>
#include <string.h>

#include "formats/npy.h"

enum { LIMIT = 1 << 24 };

/* A broken promise stops the fuzzer. */
static void require(bool promise)
{
    if (!promise) {
        abort();
    }
}

static void check_round_trip(sy_context *context, const syi_array *array)
{
    syi_buffer out;
    syi_array back, packed;
    syi_buffer_init(&out, context, LIMIT);
    require(syi_npy_encode(array, &out, NULL) == SY_OK);
    require(syi_npy_decode(context, &back, out.data, out.length, NULL, NULL) == SY_OK);
    require(syi_array_clone(context, &packed, array, NULL, NULL) == SY_OK);
    require(back.dtype == array->dtype && syi_array_same_shape(&back, array));
    if (syi_array_bytes(&back) > 0) {
        require(memcmp(syi_array_data(&back), syi_array_data(&packed), syi_array_bytes(&back)) ==
                0);
    }
    syi_array_fini(&packed);
    syi_array_fini(&back);
    syi_buffer_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sy_context *context;
    syi_account account;
    syi_array array;
    if (sy_context_new(&context, NULL, NULL) != SY_OK) {
        return 0;
    }
    syi_account_init(&account, "fuzz", LIMIT / 2, NULL);
    sy_status status = syi_npy_decode(context, &array, data, size, &account, NULL);
    if (status == SY_OK) {
        require(atomic_load(&account.used) == syi_array_bytes(&array));
        check_round_trip(context, &array);
    }
    syi_array_fini(&array);
    require(atomic_load(&account.used) == 0);
    sy_context_free(context);
    return 0;
}
