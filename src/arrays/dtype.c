/* dtype.c - names, sizes and promotion of element types. Rooms: arrays. Test: dtype_test.c. */
#include <string.h>

#include "arrays/array.h"

static const struct {
    const char *name;
    size_t length;
    size_t size;
} dtypes[] = {
#define DTYPE_ROW(id, ctype, torch_name, bytes, npy) \
    [SY_DTYPE_##id] = {torch_name, sizeof torch_name - 1, bytes},
    SY_DTYPE_MAP(DTYPE_ROW)
#undef DTYPE_ROW
};

#define DTYPE_SIZE_CHECK(id, ctype, torch_name, bytes, npy) \
    _Static_assert(sizeof(ctype) == (bytes), "size of " torch_name);
SY_DTYPE_MAP(DTYPE_SIZE_CHECK)
#undef DTYPE_SIZE_CHECK

/* PyTorch's second names (torch.long is torch.int64). */
static const struct {
    const char *name;
    sy_dtype dtype;
} aliases[] = {
    {"float", SY_DTYPE_F32}, {"double", SY_DTYPE_F64}, {"long", SY_DTYPE_I64},
    {"int", SY_DTYPE_I32},   {"short", SY_DTYPE_I16},
};

static bool dtype_is_known(sy_dtype dtype)
{
    return (unsigned)dtype < SY_DTYPE_COUNT;
}

size_t sy_dtype_size(sy_dtype dtype)
{
    return dtype_is_known(dtype) ? dtypes[dtype].size : 0;
}

const char *sy_dtype_name(sy_dtype dtype)
{
    return dtype_is_known(dtype) ? dtypes[dtype].name : "?";
}

bool syi_dtype_find(const char *name, size_t length, sy_dtype *dtype)
{
    for (size_t i = 0; i < SY_DTYPE_COUNT; i++) {
        if (length == dtypes[i].length && memcmp(name, dtypes[i].name, length) == 0) {
            *dtype = (sy_dtype)i;
            return true;
        }
    }
    return false;
}

bool sy_dtype_from_name(const char *name, sy_dtype *dtype)
{
    if (name == NULL) {
        return false;
    }
    if (strncmp(name, "torch.", 6) == 0) {
        name += 6;
    }
    if (syi_dtype_find(name, strlen(name), dtype)) {
        return true;
    }
    for (size_t i = 0; i < sizeof aliases / sizeof aliases[0]; i++) {
        if (strcmp(name, aliases[i].name) == 0) {
            *dtype = aliases[i].dtype;
            return true;
        }
    }
    return false;
}

bool sy_dtype_is_floating(sy_dtype dtype)
{
    return dtype == SY_DTYPE_F32 || dtype == SY_DTYPE_F64;
}

sy_dtype syi_dtype_promote(sy_dtype a, sy_dtype b)
{
    sy_dtype low = a < b ? a : b;
    sy_dtype high = a < b ? b : a;
    /* The list is in promotion order; only the two 8-bit integers hold neither each other's range. */
    return low == SY_DTYPE_U8 && high == SY_DTYPE_I8 ? SY_DTYPE_I16 : high;
}
