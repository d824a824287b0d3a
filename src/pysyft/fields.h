/*
 * fields.h - what reading (read_objects.c) and writing (write_objects.c) share: PySyft's codes, the fields of a tensor in
 * both formats, and finding them. Test: pysyft_test.c.
 */
#ifndef SYI_PYSYFT_FIELDS_H
#define SYI_PYSYFT_FIELDS_H

#include "pysyft/objects.h"

enum {
    SYI_PYSYFT_CODE_PARAMETER = 13,
    SYI_PYSYFT_CODE_STRING = 44,
    SYI_PYSYFT_CODE_PRIVATE = 46,
    SYI_PYSYFT_CODE_ROLE = 58, /* a part of plans and protocols; PySyft stores none by itself */
    /* Fields of csyft.v1's tensor; from SYI_FIELD_EXTRA on they are ours. */
    SYI_FIELD_CONTENTS = 1,
    SYI_FIELD_CHAIN = 2,
    SYI_FIELD_GRADIENT = 3,
    SYI_FIELD_SERIALIZER = 6,
    SYI_FIELD_REQUIRES_GRAD = 9,
    SYI_FIELD_EXTRA = 10, /* native: the storage's key; wrapper: what it had for contents, a bin */
    SYI_FIELD_INNER = 11, /* a Parameter: id of the tensor in it */
    SYI_FIELDS = 12,
    SYI_PYSYFT_FIELDS = 9,
};

typedef struct syi_pysyft_fields {
    syi_msgpack_cursor at[SYI_FIELDS]; /* where each begins */
    size_t count;
} syi_pysyft_fields;

/* Opens the array and finds its fields, at most `room`; the cursor is behind them, the array left. */
sy_status syi_pysyft_find_fields(syi_msgpack_cursor *cursor, syi_pysyft_fields *f, size_t least,
                                 size_t room, const char *what, sy_error *err);
/* Absent, or nil. */
bool syi_pysyft_is_nil(const syi_pysyft_fields *f, size_t k);
/* As it is; nil when absent. */
sy_status syi_pysyft_copy_field(const syi_pysyft_fields *f, size_t k, syi_buffer *out,
                                sy_error *err);
/* One level of nesting more, or SY_ELIMIT. */
sy_status syi_pysyft_deeper(int *depth, sy_error *err);
/* Which field of a chain's link is its child; -1: it has none that would have to be translated. */
int syi_pysyft_child_field(int64_t code);
/* SY_ENOTSUP, named. */
sy_status syi_pysyft_unknown(int64_t code, sy_error *err);

#endif
