/* csv.c - hostile CSV text: refused, or a matrix that comes back the same from what is written of it. */
#include <stdlib.h>
#include <string.h>

#include "formats/csv.h"

enum { LIMIT = 1 << 26 };

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
    syi_array back;
    syi_buffer_init(&out, context, LIMIT);
    require(syi_csv_encode(array, &out, NULL) == SY_OK);
    require(syi_csv_decode(context, &back, (const char *)out.data, out.length, NULL, NULL, NULL) ==
            SY_OK);
    require(back.dtype == array->dtype && syi_array_same_shape(&back, array));
    for (int64_t i = 0; i < syi_array_numel(array); i++) {
        if (array->dtype == SY_DTYPE_I64) {
            require(syi_array_get_int(&back, i) == syi_array_get_int(array, i));
        } else {
            double a = syi_array_get_double(array, i), b = syi_array_get_double(&back, i);
            require(a == b || (a != a && b != b));
        }
    }
    syi_array_fini(&back);
    syi_buffer_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sy_context *context;
    syi_account account;
    syi_array array;
    char *header;
    if (sy_context_new(&context, NULL, NULL) != SY_OK) {
        return 0;
    }
    syi_account_init(&account, "fuzz", LIMIT / 32, NULL);
    sy_status status =
        syi_csv_decode(context, &array, (const char *)data, size, &account, &header, NULL);
    require(status == SY_OK || header == NULL);
    if (status == SY_OK) {
        check_round_trip(context, &array);
    }
    syi_string_free(context, header);
    syi_array_fini(&array);
    require(atomic_load(&account.used) == 0);
    sy_context_free(context);
    return 0;
}
