/* native.h (internal) - the behaviours of every tensor that need pointers. See native.c. */
#ifndef SYI_INTERPRETERS_NATIVE_H
#define SYI_INTERPRETERS_NATIVE_H

#include "hook/tensor.h"

/* rgetattr on a tensor that is no pointer; *attribute NULL: none. */
sy_status syi_tensor_attribute_here(sy_tensor *tensor, sy_tensor **attribute, const char *path,
                                    sy_error *err);
/* Worker commands: allowed_to_get. */
sy_status syi_native_register(sy_hook *hook, sy_error *err);

#endif
