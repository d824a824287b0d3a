/* zip_stream.c - entries of zip archives from their beginning on, stored or deflated. Test: npz_test.c. */
#include "core/memory.h"
#include "formats/crc32.h"
#include "formats/zip.h"

#if CSYFT_HAVE_ZLIB
#include <zlib.h>
#endif

enum {
    STORED = 0,
    DEFLATED = 8,
    BLOCK = 64 << 10,
    RATIO_MAX = 1032, /* of deflate: zlib's manual, "maximum compression factor" */
};

struct syi_zip_stream {
    const syi_zip *zip;
    const syi_zip_entry *entry;
    uint64_t at, packed_left; /* in the source */
    uint64_t left;            /* of the data */
    uint32_t crc;
#if CSYFT_HAVE_ZLIB
    z_stream z;
    bool inflating, ended;
    uint8_t block[BLOCK];
#endif
};

static sy_status check_method(const syi_zip_entry *entry, sy_error *err)
{
    if (entry->encrypted) {
        return syi_zip_refuse(entry, SY_ENOTSUP, "is encrypted", err);
    }
    if (entry->method == STORED) {
        return SY_OK;
    }
    if (entry->method != DEFLATED || !CSYFT_HAVE_ZLIB) {
        return syi_zip_refuse(entry, SY_ENOTSUP,
                              entry->method != DEFLATED
                                  ? "is packed in a way that is not known here; deflate is"
                                  : "is compressed, and this build is without zlib",
                              err);
    }
    return entry->size / RATIO_MAX <= entry->packed
               ? SY_OK
               : syi_zip_refuse(entry, SY_EFORMAT,
                                "is said to be larger than its bytes can be unpacked to", err);
}

/* Stored */

static sy_status read_stored(syi_zip_stream *s, void *data, size_t size, sy_error *err)
{
    SY_TRY(syi_source_read(s->zip->source, s->at, data, size, err));
    s->at += size;
    return SY_OK;
}

/* Deflated */

#if CSYFT_HAVE_ZLIB
static sy_status begin(syi_zip_stream *s, sy_error *err)
{
    s->inflating = inflateInit2(&s->z, -MAX_WBITS) == Z_OK; /* without zlib's own header */
    return s->inflating ? SY_OK : SYI_ENOMEM(err, "zip");
}

/* One step: up to `size` bytes to `data`; how many came goes to *came. */
static sy_status step(syi_zip_stream *s, uint8_t *data, size_t size, size_t *came, sy_error *err)
{
    if (s->z.avail_in == 0 && s->packed_left > 0) {
        const size_t next = s->packed_left < BLOCK ? (size_t)s->packed_left : BLOCK;
        SY_TRY(syi_source_read(s->zip->source, s->at, s->block, next, err));
        s->at += next;
        s->packed_left -= next;
        s->z.next_in = s->block;
        s->z.avail_in = (uInt)next;
    }
    const uInt room = size < BLOCK ? (uInt)size : BLOCK; /* summed while it is in the cache */
    s->z.next_out = data;
    s->z.avail_out = room;
    const int code = inflate(&s->z, Z_NO_FLUSH);
    *came = room - s->z.avail_out;
    s->ended = code == Z_STREAM_END;
    if (code == Z_MEM_ERROR) {
        return SYI_ENOMEM(err, "zip");
    }
    if (code == Z_BUF_ERROR) {
        return syi_zip_refuse(s->entry, SY_EFORMAT, "is cut off", err);
    }
    return code == Z_OK || s->ended ? SY_OK
                                    : syi_zip_refuse(s->entry, SY_EFORMAT, "is damaged", err);
}

static sy_status read_deflated(syi_zip_stream *s, uint8_t *data, size_t size, sy_error *err)
{
    while (size > 0) {
        size_t came = 0;
        if (s->ended) {
            return syi_zip_refuse(s->entry, SY_EFORMAT, "is shorter than the directory says", err);
        }
        SY_TRY(step(s, data, size, &came, err));
        data += came;
        size -= came;
    }
    return SY_OK;
}

/* Nothing may follow the last byte. */
static sy_status end(syi_zip_stream *s, sy_error *err)
{
    while (!s->ended) {
        uint8_t byte;
        size_t came = 0;
        SY_TRY(step(s, &byte, 1, &came, err));
        if (came > 0) {
            return syi_zip_refuse(s->entry, SY_EFORMAT, "is longer than the directory says", err);
        }
    }
    return s->z.avail_in == 0 && s->packed_left == 0
               ? SY_OK
               : syi_zip_refuse(s->entry, SY_EFORMAT, "ends before its last byte", err);
}
#endif

/* Both */

sy_status syi_zip_stream_open(const syi_zip *zip, const syi_zip_entry *entry,
                              syi_zip_stream **stream, sy_error *err)
{
    uint64_t at = 0;
    *stream = NULL;
    SY_TRY(check_method(entry, err));
    SY_TRY(syi_zip_locate(zip, entry, &at, err));
    syi_zip_stream *made = syi_alloc(zip->context, sizeof *made);
    if (made == NULL) {
        return SYI_ENOMEM(err, "zip");
    }
    made->zip = zip;
    made->entry = entry;
    made->at = at;
    made->packed_left = entry->packed;
    made->left = entry->size;
#if CSYFT_HAVE_ZLIB
    if (entry->method == DEFLATED) {
        const sy_status status = begin(made, err);
        if (status != SY_OK) {
            syi_zip_stream_close(made);
            return status;
        }
    }
#endif
    *stream = made;
    return SY_OK;
}

sy_status syi_zip_stream_read(syi_zip_stream *s, void *data, size_t size, sy_error *err)
{
    if (size > s->left) {
        return syi_zip_refuse(s->entry, SY_EFORMAT, "is too short", err);
    }
    const bool last = size > 0 && size == s->left;
    for (size_t done = 0; done < size;) {
        const size_t next = size - done < BLOCK ? size - done : BLOCK;
        uint8_t *to = (uint8_t *)data + done;
#if CSYFT_HAVE_ZLIB
        SY_TRY(s->inflating ? read_deflated(s, to, next, err) : read_stored(s, to, next, err));
#else
        SY_TRY(read_stored(s, to, next, err));
#endif
        s->crc = syi_crc32(s->crc, to, next);
        s->left -= next;
        done += next;
    }
    if (!last) {
        return SY_OK;
    }
#if CSYFT_HAVE_ZLIB
    SY_TRY(s->inflating ? end(s, err) : SY_OK);
#endif
    return s->crc == s->entry->crc
               ? SY_OK
               : syi_zip_refuse(s->entry, SY_EFORMAT, "has a wrong checksum", err);
}

void syi_zip_stream_close(syi_zip_stream *stream)
{
    if (stream == NULL) {
        return;
    }
#if CSYFT_HAVE_ZLIB
    if (stream->inflating) {
        inflateEnd(&stream->z);
    }
#endif
    syi_free(stream->zip->context, stream, sizeof *stream);
}
