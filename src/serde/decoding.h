/* decoding.h - pieces that the two halves of decoding share: values (decode.c) and tensors (decode_tensor.c). */
#ifndef SYI_SERDE_DECODING_H
#define SYI_SERDE_DECODING_H

#include "serde/serde.h"

/* Opens [code, ...]; the body is next. The caller leaves the pair with syi_msgpack_leave. */
sy_status syi_decode_open_pair(syi_decoder *decoder, int64_t *code, sy_error *err);
sy_status syi_decode_bad_code(int64_t code, const char *expected, sy_error *err);
/* A bare list of integers. */
sy_status syi_decode_ints_body(syi_decoder *decoder, int64_t *values, int capacity, int *count,
                               sy_error *err);
/* One level deeper; who succeeds takes one from decoder->depth when it is through. */
sy_status syi_decode_enter(syi_decoder *decoder, sy_error *err);
/* The body of an object of that code, its pair already opened and left by the caller. */
sy_status syi_decode_tensor_of_code(syi_decoder *decoder, int64_t code, sy_tensor **tensor,
                                    sy_error *err);

#endif
