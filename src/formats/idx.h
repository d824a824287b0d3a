/*
 * idx.h - the IDX format of MNIST and its relatives (yann.lecun.com/exdb/mnist, "the IDX file format"): two zero bytes, the kind of
 * elements, the number of dims, each dim as a big-endian 32-bit number, then the elements, big-endian, in C order.
 * Test: idx_test.c.
 */
#ifndef SYI_FORMATS_IDX_H
#define SYI_FORMATS_IDX_H

#include "arrays/array.h"
#include "formats/file.h"

/* Is this how such a file begins? Two zeros, a kind that there is, 1 to SY_DIM_MAX dims. */
bool syi_idx_is_magic(const uint8_t *bytes, size_t size);

/*
 * Reads a file up to its elements, and describes them (no storage): uint8, int8, int16, int32, float32, float64. SY_EFORMAT, without the path: the
 * magic, dims that are cut off, a length that is not that of the dims. SY_EIO.
 */
sy_status syi_idx_read_header(syi_file *file, syi_array *array, sy_error *err);
/* `count` elements as they lie in the file to this machine's order, in place. */
void syi_idx_to_host(void *elements, sy_dtype dtype, size_t count);

/* The whole file. SY_EIO, SY_ENOTFOUND, SY_EFORMAT name the path; SY_ENOMEM, SY_ELIMIT from the account. */
sy_status syi_idx_load(sy_context *context, syi_array *array, const char *path,
                       syi_account *account, sy_error *err);

#endif
