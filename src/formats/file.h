/*
 * file.h - whole files, in and out: what the readers and writers of this room share. Formats room;
 * regular files only. Every sentence names the path and, for SY_EIO, the system's text.
 * Test: file_test.c.
 */
#ifndef SYI_FORMATS_FILE_H
#define SYI_FORMATS_FILE_H

#include "core/buffer.h"
#include "core/error.h"

typedef struct syi_file {
    int descriptor;
    uint64_t size;    /* when it was opened */
    const char *path; /* borrowed */
} syi_file;

/* For reading from the start. SY_ENOTFOUND, SY_EIO (also for a directory, a pipe or a device, which
 * could block). On SY_OK the caller closes it. */
sy_status syi_file_open(syi_file *file, const char *path, sy_error *err);
void syi_file_close(syi_file *file);
/* The next `size` bytes, all of them: SY_EIO when the file ends sooner. Blocks on the disk. */
sy_status syi_file_read(syi_file *file, void *data, size_t size, sy_error *err);
/* The same from `offset`; what comes next for syi_file_read stays where it was. */
sy_status syi_file_read_at(const syi_file *file, uint64_t offset, void *data, size_t size,
                           sy_error *err);

/* For appending: as it is, or new and empty, and then *created. Reading begins at its start. Errors as above. */
sy_status syi_file_open_to_append(syi_file *file, const char *path, bool *created, sy_error *err);
/* In one write where the system does it in one; `size` grows. SY_EIO: the file is as it was. */
sy_status syi_file_append(syi_file *file, const void *data, size_t size, sy_error *err);
/* Only its first bytes stay. */
sy_status syi_file_cut(syi_file *file, uint64_t size, sy_error *err);

typedef struct syi_bytes {
    const void *data;
    size_t size;
} syi_bytes;

/* Writes the parts one after the other to a new file beside `path`, flushes it to the disk and renames
 * it over `path`, keeping the permissions that `path` had. On failure the old file is as it was and
 * the new one is gone. */
sy_status syi_file_replace(sy_context *context, const char *path, const syi_bytes *parts,
                           size_t count, sy_error *err);

#endif
