/*
 * rows.h - rows of one kind, in memory or in a file, of which any may be read: what a served dataset is made of. NPY files in C order, such
 * members of NPZ files that are not compressed, and IDX files are read row by row; others are loaded. Not changed once made: any thread may read. Test: rows_test.c.
 */
#ifndef SYI_FEDERATED_ROWS_H
#define SYI_FEDERATED_ROWS_H

#include <stdatomic.h>

#include "arrays/array.h"

typedef struct syi_rows syi_rows;

/* Of an array of one dim or more: a reference to its storage when it is contiguous, else a copy. SY_ESHAPE. */
sy_status syi_rows_of_array(sy_context *context, syi_rows **rows, const syi_array *array,
                            sy_error *err);
/*
 * NPY, NPZ, IDX or CSV, as the file begins. "PATH:NAME" is a member of an NPZ file, which may be left out where there is one only; a file whose own
 * name is that goes first. SY_ENOTFOUND, SY_EIO, SY_EFORMAT, SY_ENOTSUP name the path; SY_ESHAPE: no dims.
 */
sy_status syi_rows_open(sy_context *context, syi_rows **rows, const char *name, sy_error *err);
/*
 * Both from one file: of a matrix in a CSV file all columns but the last, and that one; of an NPZ file the two members whose names are one of
 * the pairs of sy_worker_serve_files. SY_ESHAPE: no such matrix; SY_ENOTFOUND: no such pair, or several.
 */
sy_status syi_rows_open_both(sy_context *context, syi_rows **data, syi_rows **targets,
                             const char *path, sy_error *err);
syi_rows *syi_rows_ref(syi_rows *rows);
void syi_rows_unref(syi_rows *rows); /* NULL is nothing */

int64_t syi_rows_get_count(const syi_rows *rows);
sy_dtype syi_rows_get_dtype(const syi_rows *rows);
/* All of them, without storage. */
void syi_rows_describe(const syi_rows *rows, syi_array *shape);
/* Is it read from its file each time? */
bool syi_rows_is_lazy(const syi_rows *rows);

/* The rows of these places, all of which are there, in this order: a fresh array. SY_EIO names the path; SY_ENOMEM, SY_ELIMIT. */
sy_status syi_rows_read(const syi_rows *rows, const int64_t *places, size_t count,
                        syi_account *account, syi_array *out, sy_error *err);

#endif
