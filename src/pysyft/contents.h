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

/* Elements that do not travel in the bytes: a tensor's contents are then the array's number (an int). Another codec
 * (protobuf/) hands them over so; bytes of a peer never do. */
typedef struct syi_pysyft_aside {
    sy_context *context;
    syi_array *arrays; /* dense; references of this list */
    size_t count, capacity;
} syi_pysyft_aside;
void syi_pysyft_aside_init(syi_pysyft_aside *aside, sy_context *context);
void syi_pysyft_aside_fini(syi_pysyft_aside *aside);
/* Takes the array when it succeeds. */
sy_status syi_pysyft_aside_add(syi_pysyft_aside *aside, syi_array *array, int64_t *number,
                               sy_error *err);
/* The next value, an int, as a view of the array of that number. SY_EFORMAT: there is none, or no list. */
sy_status syi_pysyft_aside_read(const syi_pysyft_aside *aside, syi_msgpack_cursor *cursor,
                                syi_array *array, sy_error *err);

/* One value of the cursor: bin or pair 6. The array is dense. SY_EFORMAT, SY_ELIMIT; SY_ENOTSUP for types that
 * csyft lacks; the stream's pickle runs nothing (formats/pickle.h). */
sy_status syi_pysyft_read_contents(sy_context *context, syi_msgpack_cursor *cursor,
                                   syi_array *array, syi_pysyft_contents *how, syi_account *account,
                                   sy_error *err);
/* `array` is dense. */
sy_status syi_pysyft_write_contents(sy_context *context, syi_buffer *out, const syi_array *array,
                                    const syi_pysyft_contents *how, sy_error *err);

#endif
