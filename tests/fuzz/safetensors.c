/* safetensors.c - hostile model files: refused, or a model that comes back the same from what is written of it. */
#include "model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_one(data, size, syi_safetensors_read, 0);
}
