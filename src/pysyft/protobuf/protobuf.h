/*
 * protobuf.h - objects and messages of PySyft 0.2.9 in the encoding of syft-proto 0.5.3. Both are encodings of one set
 * of objects, so this is a translator between 0.2.9's MessagePack, which the rest of src/pysyft reads and writes, and
 * protobuf; what type has which fields stands in rows.c. docs/reference/protobuf.md, docs/decisions/0014-protobuf.md.
 * Tests: protobuf_test.c, tests/interop/protobuf.py; fuzz: tests/fuzz/protobuf.c.
 *
 * Without protobuf-c or its compiler everything here answers SY_ENOTSUP (absent.c).
 */
#ifndef SYI_PYSYFT_PROTOBUF_H
#define SYI_PYSYFT_PROTOBUF_H

#include "pysyft/contents.h"

/* Longest message that is read or written; protobuf's own limit. */
#define SYI_PROTOBUF_SIZE_MAX ((size_t)INT32_MAX)
/* Messages inside messages. */
#define SYI_PROTOBUF_DEPTH_MAX 64
/* Entries of one map; each key once. */
#define SYI_PROTOBUF_ENTRIES_MAX 1024
/* Fields that a sentence names, from the one that is wrong outwards. */
#define SYI_PROTOBUF_NAMED_MAX 3

/* Context memory, exactly as long as it says; freed with syi_free. */
typedef struct syi_protobuf_bytes {
    uint8_t *data;
    size_t size;
} syi_protobuf_bytes;

/*
 * One value of 0.2.9's MessagePack. *type: the full name of the message, "syft_proto.execution.v1.Plan"; NULL: the one
 * that the value's type has, and the name goes there. `aside` (nullable) holds the contents that `bytes` numbers. The message
 * lies behind `lead` bytes that are left as they are. A tensor
 * without elements of its own (a wrapper) is written as what it wraps. SY_ENOTSUP: no message of that type, or none that
 * the value has a place in; SY_ERANGE: a number that does not fit; SY_EFORMAT: no value of 0.2.9.
 */
sy_status syi_protobuf_encode(sy_context *context, const char **type, const uint8_t *bytes,
                              size_t size, const syi_pysyft_aside *aside, syi_account *account,
                              size_t lead, syi_protobuf_bytes *out, sy_error *err);
/*
 * The other way; the bytes may come from anybody. Appends one value to `out`. Contents of tensors go to `aside`, or, when
 * that is NULL and inside of plans but for their state, into the bytes. SY_EFORMAT, SY_ELIMIT, SY_ERANGE, SY_ENOTSUP: the sentence names message and field.
 */
sy_status syi_protobuf_decode(sy_context *context, const char *type, const uint8_t *bytes,
                              size_t size, syi_pysyft_aside *aside, syi_account *account,
                              syi_buffer *out, sy_error *err);

/* Names of the messages that can be asked for, in order; NULL beyond the last. */
const char *syi_protobuf_type_name(size_t index);

#endif
