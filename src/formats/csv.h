/*
 * csv.h - numeric CSV: bytes <-> arrays (RFC 4180 rows of numbers, optional header row).
 * Test: csv_test.c, fuzz: tests/fuzz/csv.c.
 */
#ifndef SYI_FORMATS_CSV_H
#define SYI_FORMATS_CSV_H

#include "arrays/array.h"
#include "core/buffer.h"

/*
 * A matrix rows x columns: I64 when every field is an integer that fits, else F64. A first row with a
 * field that is no number is the header and is skipped (its names go to *header when asked, one
 * comma-separated line, context-allocated string). Empty lines are skipped; quotes around a number are
 * allowed; "nan"/"inf" are numbers. SY_EFORMAT names line and column ("line 3, column 5: 'x' is not a
 * number"; "line 7: 4 fields, 5 expected"; "no rows").
 */
sy_status syi_csv_decode(sy_context *context, syi_array *array, const char *bytes, size_t size,
                         syi_account *account, char **header, sy_error *err);
sy_status syi_csv_load(sy_context *context, syi_array *array, const char *path,
                       syi_account *account, char **header, sy_error *err);
/* 1-d arrays become one column; 2-d rows; floats in the shortest form that reads back equal. */
sy_status syi_csv_encode(const syi_array *array, syi_buffer *out, sy_error *err);

#endif
