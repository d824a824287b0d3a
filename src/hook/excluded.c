/*
 * excluded.c - the names that the originals never hook (spec: hook.md, exclude list; 003:
 * TorchAttributes). Test: hook_test.c.
 */
#include <string.h>

#include <csyft/hook.h>

static const char *const names[] = {
    "arange",
    "typename",
    "is_tensor",
    "manual_seed",
    "storage",
    "storage_offset",
    "size",
    "stride",
    "from_numpy",
    "set_",
    "get_default_dtype",
    "get_device",
    "get_file_path",
    "get_num_threads",
    "get_rng_state",
    "int",
    "int16",
    "int32",
    "int64",
    "int8",
    "is_anomaly_enabled",
    "is_complex",
    "is_distributed",
    "is_floating_point",
    "is_grad_enabled",
    "is_nonzero",
    "is_same_size",
    "is_signed",
    "is_storage",
    "isclose",
    "isfinite",
    "load",
    "ones",
    "rand",
    "randint",
    "randn_like",
    "randn",
    "range",
    "save",
    "short",
    "zeros",
    "tensor",
    "randperm",
    /* later additions */
    "as_tensor",
    "has_names",
    "set_num_threads",
};

bool sy_is_excluded(const char *name)
{
    const char *dot = strrchr(name, '.');
    const char *last = dot != NULL ? dot + 1 : name;
    /* native_add, native_batch_norm, ...: the natives of everything */
    if (strncmp(last, "native_", 7) == 0) {
        return true;
    }
    for (size_t k = 0; k < sizeof names / sizeof names[0]; k++) {
        if (strcmp(names[k], last) == 0) {
            return true;
        }
    }
    return false;
}
