/*
 * descriptor.h - what a reply says about an object at a worker: [id, generation, dtype, [shape]]; dtype
 * and shape are nil when the worker itself would have to ask for them.
 */
#ifndef SYI_WORKERS_DESCRIPTOR_H
#define SYI_WORKERS_DESCRIPTOR_H

#include "serde/serde.h"

sy_status syi_encode_descriptor(syi_encoder *encoder, sy_tensor *tensor, const sy_id *id,
                                uint64_t generation, sy_error *err);
/* ndim -1: not known. `shape` has room for SY_DIM_MAX. */
sy_status syi_decode_descriptor(syi_decoder *decoder, sy_id *id, uint64_t *generation,
                                sy_dtype *dtype, int *ndim, int64_t *shape, sy_error *err);
/* The part "dtype, [shape]" alone. */
sy_status syi_decode_shape(syi_decoder *decoder, sy_dtype *dtype, int *ndim, int64_t *shape,
                           sy_error *err);

#endif
