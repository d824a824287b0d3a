/*
 * zip.h - zip archives (PKWARE's APPNOTE.TXT) as far as torch.save and numpy.savez write them: entries stored
 * or deflated, zip64; written ones are stored, data aligned to 64 bytes. Test: zip_test.c, model_file_test.c, npz_test.c.
 */
#ifndef SYI_FORMATS_ZIP_H
#define SYI_FORMATS_ZIP_H

#include "formats/model.h"
#include "formats/source.h"

typedef struct syi_zip_entry {
    const char *name; /* not terminated; the archive's */
    size_t name_length;
    uint64_t header_at;    /* of its local header */
    uint64_t size, packed; /* of its data, and of what stands in the archive for it */
    uint32_t crc;
    uint16_t method; /* 0: stored; 8: deflated */
    bool encrypted;
} syi_zip_entry;

typedef struct syi_zip {
    sy_context *context;
    const syi_source *source; /* borrowed */
    uint8_t *directory;       /* nullable: memory of the central directory */
    size_t directory_size;
    uint64_t directory_at;
    syi_zip_entry *entries; /* by name */
    size_t entry_count, entry_capacity;
} syi_zip;

/*
 * Reads the central directory. SY_EFORMAT: malformed, or entries that together are larger than the file,
 * as they can be only when they overlap. SY_ENOTSUP: several disks. SY_ELIMIT: more than a million
 * entries.
 */
sy_status syi_zip_open(sy_context *context, syi_zip *zip, const syi_source *source, sy_error *err);
void syi_zip_close(syi_zip *zip);
/* NULL: there is none. */
const syi_zip_entry *syi_zip_find(const syi_zip *zip, const char *name, size_t length);
/* All of its bytes, entry->size of them; SY_EFORMAT when the checksum is wrong, SY_ENOTSUP when it is
 * compressed or encrypted. */
sy_status syi_zip_read(const syi_zip *zip, const syi_zip_entry *entry, void *data, sy_error *err);
/* Where what stands for it begins in the source; all of that lies before the directory. SY_EFORMAT. */
sy_status syi_zip_locate(const syi_zip *zip, const syi_zip_entry *entry, uint64_t *at,
                         sy_error *err);
/* `what` is wrong with it, as all sentences say it. */
sy_status syi_zip_refuse(const syi_zip_entry *entry, sy_status status, const char *what,
                         sy_error *err);

/* --- reading an entry from its beginning on, stored or deflated --- */

typedef struct syi_zip_stream syi_zip_stream;

/*
 * The archive and the entry are borrowed. SY_ENOTSUP: encrypted, packed in another way, or deflated where the build is
 * without zlib. SY_EFORMAT: it is said to be larger than deflate makes anything.
 */
sy_status syi_zip_stream_open(const syi_zip *zip, const syi_zip_entry *entry,
                              syi_zip_stream **stream, sy_error *err);
/*
 * The next `size` bytes, all of them. SY_EFORMAT: damaged, cut off, fewer than that are left; behind the last one: more than the
 * directory says, or a wrong checksum.
 */
sy_status syi_zip_stream_read(syi_zip_stream *stream, void *data, size_t size, sy_error *err);
void syi_zip_stream_close(syi_zip_stream *stream); /* NULL is nothing */

/* --- writing, into the plan of a file --- */

typedef struct syi_zip_writer {
    syi_model_plan *plan;
    syi_buffer directory;
    uint64_t at; /* bytes planned so far */
    uint64_t entry_count;
} syi_zip_writer;

void syi_zip_writer_init(syi_zip_writer *writer, syi_model_plan *plan);
void syi_zip_writer_fini(syi_zip_writer *writer);
/* The data, borrowed until the plan has ended, begins at a multiple of 64. SY_ELIMIT for 4 GiB and more in
 * one entry. */
sy_status syi_zip_writer_add(syi_zip_writer *writer, const char *name, const void *data,
                             size_t size, sy_error *err);
/* The central directory. */
sy_status syi_zip_writer_end(syi_zip_writer *writer, sy_error *err);

#endif
