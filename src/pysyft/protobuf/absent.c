/* absent.c - in place of everything here, in builds without protobuf-c. */
#include "pysyft/protobuf/protobuf.h"

static sy_status absent(sy_error *err)
{
    return syi_fail(err, SY_ENOTSUP, "protobuf: this build was made without protobuf-c");
}

sy_status syi_protobuf_encode(sy_context *context, const char **type, const uint8_t *bytes,
                              size_t size, const syi_pysyft_aside *aside, syi_account *account,
                              size_t lead, syi_protobuf_bytes *out, sy_error *err)
{
    (void)context;
    (void)type;
    (void)bytes;
    (void)size;
    (void)aside;
    (void)account;
    (void)lead;
    *out = (syi_protobuf_bytes){0};
    return absent(err);
}

sy_status syi_protobuf_decode(sy_context *context, const char *type, const uint8_t *bytes,
                              size_t size, syi_pysyft_aside *aside, syi_account *account,
                              syi_buffer *out, sy_error *err)
{
    (void)context;
    (void)type;
    (void)bytes;
    (void)size;
    (void)aside;
    (void)account;
    (void)out;
    return absent(err);
}

const char *syi_protobuf_type_name(size_t index)
{
    (void)index;
    return NULL;
}
