/*
 * scan.h - is this a message of that type? Everything that protobuf-c's reader, which recurses and allocates, must not
 * meet is found here first: in one pass, without memory. Test: protobuf_test.c, fuzz: tests/fuzz/protobuf.c.
 */
#ifndef SYI_PYSYFT_PROTOBUF_SCAN_H
#define SYI_PYSYFT_PROTOBUF_SCAN_H

#include <protobuf-c/protobuf-c.h>

#include "core/error.h"

/*
 * SY_OK: tags and lengths are whole, known fields have their wire type, messages are nested at most SYI_PROTOBUF_DEPTH_MAX
 * deep, texts are UTF-8 without NUL. Unknown fields are skipped, groups are refused. SY_EFORMAT, SY_ELIMIT: the sentence
 * names message and field, or the byte.
 */
sy_status syi_protobuf_scan(const ProtobufCMessageDescriptor *type, const uint8_t *bytes,
                            size_t size, sy_error *err);

#endif
