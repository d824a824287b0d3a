/*
 * npz.h - NumPy's NPZ files (numpy.savez, numpy.savez_compressed): a zip archive whose entries NAME.npy are arrays in NPY format. Reading only;
 * sentences name the member, not the path. Test: npz_test.c, fuzz: tests/fuzz/npz.c.
 */
#ifndef SYI_FORMATS_NPZ_H
#define SYI_FORMATS_NPZ_H

#include "formats/npy.h"
#include "formats/zip.h"

/* Is this how such a file begins? */
bool syi_npz_is_magic(const uint8_t *bytes, size_t size);
/* NULL: there is none. `name` as numpy.load has it, without .npy. */
const syi_zip_entry *syi_npz_find(const syi_zip *zip, const char *name, size_t length);
/* The only one; NULL when there are more, or none. */
const syi_zip_entry *syi_npz_get_only(const syi_zip *zip);
/* "x, y", of as many as fit; for sentences. Returns text. */
const char *syi_npz_list(const syi_zip *zip, char *text, size_t size);

/*
 * Describes a member (no storage) and says where its elements lie in the source, in the order of the strides; compressed ones
 * lie nowhere: *at 0. Elements that stay where they are are not compared with the checksum. SY_EFORMAT; SY_ENOTSUP as of
 * syi_zip_stream_open.
 */
sy_status syi_npz_describe(const syi_zip *zip, const syi_zip_entry *member, syi_array *array,
                           uint64_t *at, sy_error *err);
/* All of it. SY_ENOMEM, SY_ELIMIT from the account. */
sy_status syi_npz_load(const syi_zip *zip, const syi_zip_entry *member, syi_array *array,
                       syi_account *account, sy_error *err);

#endif
