/*
 * contents.h - a tensor's elements in PySyft 0.2.9's two forms: the stream of torch.save ("torch") and
 * (shape, dtype, list of values) ("all"). Tests: pysyft_test.c.
 */
#ifndef SYI_PYSYFT_CONTENTS_H
#define SYI_PYSYFT_CONTENTS_H

#include "arrays/array.h"
#include "serde/msgpack/msgpack.h"

typedef struct syi_pysyft_contents {
    bool all;           /* the form */
    bool requires_grad; /* only "torch" says so */
    uint64_t key;       /* of the storage in a stream: PyTorch's are addresses, any will do */
} syi_pysyft_contents;

/* One value of the cursor: bin or pair 6. The array is dense. SY_EFORMAT, SY_ELIMIT; SY_ENOTSUP for types that
 * csyft lacks; the stream's pickle runs nothing (formats/pickle.h). */
sy_status syi_pysyft_read_contents(sy_context *context, syi_msgpack_cursor *cursor,
                                   syi_array *array, syi_pysyft_contents *how, syi_account *account,
                                   sy_error *err);
/* `array` is dense. */
sy_status syi_pysyft_write_contents(sy_context *context, syi_buffer *out, const syi_array *array,
                                    const syi_pysyft_contents *how, sy_error *err);

#endif
