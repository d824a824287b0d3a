/* pickle.c - hostile pickles: refused, or values that can be walked to a bounded depth. */
#include <stdlib.h>

#include "formats/torch_tensors.h"

static size_t walk(const syi_pickle_value *value, int depth, size_t budget)
{
    char text[64];
    if (depth == 0 || budget == 0) {
        return 0;
    }
    if (syi_pickle_describe(value, text, sizeof text)[0] == '\0') {
        abort();
    }
    switch (value->kind) {
    case SYI_PICKLE_STRING:
    case SYI_PICKLE_BYTES:
    case SYI_PICKLE_BIG:
        if (value->as.text.data[value->as.text.length] != '\0') {
            abort();
        }
        break;
    case SYI_PICKLE_LIST:
    case SYI_PICKLE_TUPLE:
    case SYI_PICKLE_DICT:
    case SYI_PICKLE_SET:
        for (size_t k = 0; k < value->as.list.count && budget > 0; k++) {
            budget = walk(value->as.list.items[k], depth - 1, budget - 1);
        }
        break;
    case SYI_PICKLE_OBJECT:
    case SYI_PICKLE_PERSISTENT:
        return walk(value->as.object.args, depth - 1, budget - 1);
    default:
        break;
    }
    return budget;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sy_context *context;
    syi_pickle pickle;
    syi_pickle_rules rules = syi_torch_rules;
    rules.limits.memory = 1 << 22;
    if (sy_context_new(&context, NULL, NULL) != SY_OK) {
        return 0;
    }
    if (syi_pickle_read(context, &pickle, data, size, &rules, NULL) == SY_OK) {
        (void)walk(pickle.root, 32, 10000);
        if (pickle.size > size || pickle.cut) {
            abort();
        }
    }
    syi_pickle_fini(&pickle);
    sy_context_free(context);
    return 0;
}
