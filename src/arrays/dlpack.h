/* dlpack.h - arrays to and from DLPack without copying. Test: dlpack_test.c. */
#ifndef SYI_ARRAYS_DLPACK_H
#define SYI_ARRAYS_DLPACK_H

#include <csyft/dlpack.h>

#include "arrays/array.h"

/* Takes `managed` only on success; its deleter runs when the storage dies. SY_ENOTSUP (device, lanes,
 * dtype, negative strides), SY_ESHAPE. */
sy_status syi_dlpack_import(sy_context *context, syi_array *array, DLManagedTensor *managed,
                            sy_error *err);
/* *managed holds a reference to the storage until its deleter is called (any thread). */
sy_status syi_dlpack_export(sy_context *context, DLManagedTensor **managed, const syi_array *array,
                            sy_error *err);

#endif
