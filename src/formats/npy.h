/*
 * npy.h - NumPy's NPY format, versions 1.0 to 3.0 (numpy/lib/format.py documents it): bytes <-> arrays.
 * Test: npy_test.c, fuzz: tests/fuzz/npy.c.
 */
#ifndef SYI_FORMATS_NPY_H
#define SYI_FORMATS_NPY_H

#include "arrays/array.h"
#include "core/buffer.h"
#include "formats/file.h"

/* Little-endian dtypes of dtype.h, C or Fortran order. SY_EFORMAT names the field that is wrong
 * (magic, version, header, descr, shape, length); nothing is allocated before the size is checked
 * against the bytes there. An array in Fortran order comes as NumPy's does: transposed strides over the
 * file's order. Bools become 0 or 1. */
sy_status syi_npy_decode(sy_context *context, syi_array *array, const uint8_t *bytes, size_t size,
                         syi_account *account, sy_error *err);
/* Version 1.0, C order, header padded to 64 bytes. Appends to `out`. */
sy_status syi_npy_encode(const syi_array *array, syi_buffer *out, sy_error *err);

/* What is read from its beginning on: a file, or a member of an archive. */
typedef struct syi_npy_input {
    void *from;                                                            /* borrowed */
    sy_status (*read)(void *from, void *data, size_t size, sy_error *err); /* all `size` bytes */
    uint64_t size;
} syi_npy_input;

/* Reads up to the elements, which are the last bytes, and describes them (no storage; in Fortran order the transposed strides). Sentences as of
 * decode, without the path. */
sy_status syi_npy_read_header(sy_context *context, const syi_npy_input *input, syi_array *array,
                              sy_error *err);
/* All of it. */
sy_status syi_npy_read(sy_context *context, const syi_npy_input *input, syi_array *array,
                       syi_account *account, sy_error *err);
syi_npy_input syi_npy_input_of_file(syi_file *file);
/* SY_EIO with the system's text, SY_ENOTFOUND when there is no such file. The sentence names path. */
sy_status syi_npy_load(sy_context *context, syi_array *array, const char *path,
                       syi_account *account, sy_error *err);
/* Written beside the target and renamed, so that a failure leaves the old file. */
sy_status syi_npy_save(sy_context *context, const syi_array *array, const char *path,
                       sy_error *err);

#endif
