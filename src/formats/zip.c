/*
 * zip.c - reading zip archives. Sizes and places come from the central directory only; a local header is
 * asked just how long it is. Test: zip_test.c, model_file_test.c. Writing: zip_writer.c; entries by and by: zip_stream.c.
 */
#include "formats/zip.h"

#include <inttypes.h>
#include <stdlib.h>

#include "formats/crc32.h"

enum {
    END_SIZE = 22,
    END64_SIZE = 56,
    LOCATOR_SIZE = 20,
    CENTRAL_SIZE = 46,
    LOCAL_SIZE = 30,
    COMMENT_MAX = 65535,
    ENTRIES_MAX = 1 << 20,
    DIRECTORY_MAX = 256 << 20,
    BLOCK = 256 << 10, /* read and summed while it is in the cache */
};

static const uint32_t end_mark = 0x06054b50, end64_mark = 0x06064b50, locator_mark = 0x07064b50,
                      central_mark = 0x02014b50, local_mark = 0x04034b50;

typedef struct directory {
    uint64_t count, size, at;
} directory;

static bool is_end(const uint8_t *at, size_t left)
{
    return syi_get_u32le(at) == end_mark && (size_t)END_SIZE + syi_get_u16le(at + 20) == left;
}

/* The 64-bit record, for an archive whose 32-bit one has not the room. */
static sy_status read_end64(const syi_source *source, uint64_t end_at, directory *found,
                            sy_error *err)
{
    uint8_t locator[LOCATOR_SIZE], record[END64_SIZE];
    if (end_at < LOCATOR_SIZE) {
        return syi_fail(err, SY_EFORMAT, "zip: the 64-bit end record is missing");
    }
    SY_TRY(syi_source_read(source, end_at - LOCATOR_SIZE, locator, sizeof locator, err));
    if (syi_get_u32le(locator) != locator_mark) {
        return syi_fail(err, SY_EFORMAT, "zip: the 64-bit end record is missing");
    }
    SY_TRY(syi_source_read(source, syi_get_u64le(locator + 8), record, sizeof record, err));
    if (syi_get_u32le(record) != end64_mark) {
        return syi_fail(err, SY_EFORMAT, "zip: the 64-bit end record is malformed");
    }
    found->count = syi_get_u64le(record + 32);
    found->size = syi_get_u64le(record + 40);
    found->at = syi_get_u64le(record + 48);
    return SY_OK;
}

static sy_status read_end(const syi_source *source, const uint8_t *tail, size_t size,
                          directory *found, sy_error *err)
{
    size_t at = size < END_SIZE ? 0 : size - END_SIZE + 1;
    while (at > 0 && !is_end(tail + at - 1, size - (at - 1))) {
        at--;
    }
    if (at == 0) {
        return syi_fail(err, SY_EFORMAT, "zip: the end record is missing");
    }
    const uint8_t *end = tail + at - 1;
    if (syi_get_u16le(end + 4) != 0 || syi_get_u16le(end + 6) != 0) {
        return syi_fail(err, SY_ENOTSUP, "zip: archives on several disks");
    }
    found->count = syi_get_u16le(end + 10);
    found->size = syi_get_u32le(end + 12);
    found->at = syi_get_u32le(end + 16);
    if (found->count == UINT16_MAX || found->size == UINT32_MAX || found->at == UINT32_MAX) {
        return read_end64(source, source->size - size + at - 1, found, err);
    }
    return SY_OK;
}

static sy_status find_directory(const syi_zip *zip, directory *found, sy_error *err)
{
    const uint64_t file = zip->source->size;
    const uint8_t *tail = NULL;
    uint8_t *room = NULL;
    size_t size = 0;
    const uint64_t most = END_SIZE + COMMENT_MAX;
    SY_TRY(syi_source_map(zip->source, file < most ? 0 : file - most, (size_t)most, zip->context,
                          &tail, &room, &size, err));
    const sy_status status = read_end(zip->source, tail, size, found, err);
    syi_free(zip->context, room, size);
    SY_TRY(status);
    if (found->at > file || found->size > file - found->at) {
        return syi_fail(err, SY_EFORMAT,
                        "zip: a directory of %" PRIu64 " bytes at %" PRIu64
                        " in a file of %" PRIu64,
                        found->size, found->at, file);
    }
    if (found->count > ENTRIES_MAX || found->size > DIRECTORY_MAX) {
        return syi_fail(err, SY_ELIMIT, "zip: %" PRIu64 " entries, at most %d are taken",
                        found->count, ENTRIES_MAX);
    }
    if (found->count > found->size / CENTRAL_SIZE) {
        return syi_fail(err, SY_EFORMAT, "zip: %" PRIu64 " entries in %" PRIu64 " bytes",
                        found->count, found->size);
    }
    return SY_OK;
}

/* The 64-bit numbers of an entry stand in its extra field, those that are needed, in this order. */
static bool read_wide(const uint8_t *extra, size_t size, bool needed[3], uint64_t *numbers[3])
{
    while (size >= 4) {
        const uint16_t id = syi_get_u16le(extra);
        const size_t length = syi_get_u16le(extra + 2);
        if (length > size - 4) {
            return false;
        }
        if (id != 1) {
            extra += 4 + length;
            size -= 4 + length;
            continue;
        }
        size_t at = 0;
        for (int k = 0; k < 3; k++) {
            if (needed[k]) {
                if (length - at < 8) {
                    return false;
                }
                *numbers[k] = syi_get_u64le(extra + 4 + at);
                at += 8;
            }
        }
        return true;
    }
    return !needed[0] && !needed[1] && !needed[2];
}

/* One record of the directory; *at moves on. */
static sy_status read_record(syi_zip_entry *entry, const uint8_t **at, const uint8_t *end,
                             sy_error *err)
{
    const uint8_t *record = *at;
    if (end - record < CENTRAL_SIZE || syi_get_u32le(record) != central_mark) {
        return syi_fail(err, SY_EFORMAT, "zip: the directory is malformed");
    }
    const size_t name = syi_get_u16le(record + 28), extra = syi_get_u16le(record + 30),
                 comment = syi_get_u16le(record + 32);
    if (name + extra + comment > (size_t)(end - record) - CENTRAL_SIZE) {
        return syi_fail(err, SY_EFORMAT, "zip: the directory is cut off");
    }
    *entry = (syi_zip_entry){
        .name = (const char *)record + CENTRAL_SIZE,
        .name_length = name,
        .method = syi_get_u16le(record + 10),
        .encrypted = (syi_get_u16le(record + 8) & 1) != 0,
        .crc = syi_get_u32le(record + 16),
        .size = syi_get_u32le(record + 24),
        .packed = syi_get_u32le(record + 20),
        .header_at = syi_get_u32le(record + 42),
    };
    bool needed[3] = {entry->size == UINT32_MAX, entry->packed == UINT32_MAX,
                      entry->header_at == UINT32_MAX};
    uint64_t *numbers[3] = {&entry->size, &entry->packed, &entry->header_at};
    if (!read_wide(record + CENTRAL_SIZE + name, extra, needed, numbers)) {
        return syi_fail(err, SY_EFORMAT, "zip: entry '%.*s' lacks its 64-bit sizes",
                        name < 100 ? (int)name : 100, entry->name);
    }
    if (entry->method == 0 && entry->packed != entry->size) {
        return syi_fail(err, SY_EFORMAT,
                        "zip: entry '%.*s' is stored, but %" PRIu64 " bytes became %" PRIu64,
                        name < 100 ? (int)name : 100, entry->name, entry->size, entry->packed);
    }
    *at = record + CENTRAL_SIZE + name + extra + comment;
    return SY_OK;
}

static int compare_names(const void *a, const void *b)
{
    const syi_zip_entry *x = a, *y = b;
    const size_t length = x->name_length < y->name_length ? x->name_length : y->name_length;
    const int order = length == 0 ? 0 : memcmp(x->name, y->name, length);
    return order != 0                        ? order
           : x->name_length < y->name_length ? -1
                                             : x->name_length > y->name_length;
}

static sy_status check_entries(const syi_zip *zip, sy_error *err)
{
    uint64_t total = 0;
    for (size_t k = 0; k < zip->entry_count; k++) {
        const syi_zip_entry *entry = &zip->entries[k];
        if (k > 0 && compare_names(entry - 1, entry) == 0) {
            return syi_fail(err, SY_EFORMAT, "zip: entry '%.*s' stands there twice",
                            entry->name_length < 100 ? (int)entry->name_length : 100, entry->name);
        }
        if (__builtin_add_overflow(total, entry->packed, &total)) {
            total = UINT64_MAX;
            break;
        }
    }
    if (total > zip->source->size) {
        return syi_fail(err, SY_EFORMAT,
                        "zip: the entries hold %" PRIu64 " bytes, the file has %" PRIu64, total,
                        zip->source->size);
    }
    return SY_OK;
}

static sy_status read_directory(syi_zip *zip, sy_error *err)
{
    directory found = {0};
    const uint8_t *bytes = NULL;
    size_t got = 0;
    SY_TRY(find_directory(zip, &found, err));
    SY_TRY(syi_source_map(zip->source, found.at, (size_t)found.size, zip->context, &bytes,
                          &zip->directory, &got, err));
    zip->directory_size = got;
    zip->directory_at = found.at;
    zip->entries = syi_alloc_array(zip->context, (size_t)found.count, sizeof *zip->entries);
    if (zip->entries == NULL) {
        return SYI_ENOMEM(err, "zip");
    }
    zip->entry_capacity = zip->entry_count = (size_t)found.count;
    const uint8_t *at = bytes;
    for (size_t k = 0; k < zip->entry_count; k++) {
        SY_TRY(read_record(&zip->entries[k], &at, bytes + got, err));
    }
    if (zip->entry_count > 0) {
        qsort(zip->entries, zip->entry_count, sizeof *zip->entries, compare_names);
    }
    return check_entries(zip, err);
}

sy_status syi_zip_open(sy_context *context, syi_zip *zip, const syi_source *source, sy_error *err)
{
    *zip = (syi_zip){.context = context, .source = source};
    const sy_status status = read_directory(zip, err);
    if (status != SY_OK) {
        syi_zip_close(zip);
    }
    return status;
}

void syi_zip_close(syi_zip *zip)
{
    syi_free(zip->context, zip->entries, zip->entry_capacity * sizeof *zip->entries);
    syi_free(zip->context, zip->directory, zip->directory_size);
    *zip = (syi_zip){.context = zip->context};
}

const syi_zip_entry *syi_zip_find(const syi_zip *zip, const char *name, size_t length)
{
    const syi_zip_entry wanted = {.name = name, .name_length = length};
    return zip->entry_count == 0
               ? NULL
               : bsearch(&wanted, zip->entries, zip->entry_count, sizeof wanted, compare_names);
}

sy_status syi_zip_refuse(const syi_zip_entry *entry, sy_status status, const char *what,
                         sy_error *err)
{
    return syi_fail(err, status, "zip: entry '%.*s' %s",
                    entry->name_length < 100 ? (int)entry->name_length : 100, entry->name, what);
}

sy_status syi_zip_locate(const syi_zip *zip, const syi_zip_entry *entry, uint64_t *at,
                         sy_error *err)
{
    uint8_t header[LOCAL_SIZE];
    if (entry->header_at > zip->directory_at || zip->directory_at - entry->header_at < LOCAL_SIZE) {
        return syi_zip_refuse(entry, SY_EFORMAT, "begins behind the directory", err);
    }
    SY_TRY(syi_source_read(zip->source, entry->header_at, header, sizeof header, err));
    *at = entry->header_at + LOCAL_SIZE + syi_get_u16le(header + 26) + syi_get_u16le(header + 28);
    if (syi_get_u32le(header) != local_mark || syi_get_u16le(header + 26) != entry->name_length) {
        return syi_zip_refuse(entry, SY_EFORMAT, "is not where the directory says", err);
    }
    if (*at > zip->directory_at || entry->packed > zip->directory_at - *at) {
        return syi_zip_refuse(entry, SY_EFORMAT, "goes on beyond the directory", err);
    }
    return SY_OK;
}

sy_status syi_zip_read(const syi_zip *zip, const syi_zip_entry *entry, void *data, sy_error *err)
{
    uint64_t at = 0;
    if (entry->encrypted || entry->method != 0) {
        return syi_zip_refuse(
            entry, SY_ENOTSUP,
            entry->encrypted ? "is encrypted" : "is compressed; torch.save stores", err);
    }
    SY_TRY(syi_zip_locate(zip, entry, &at, err));
    uint32_t crc = 0;
    for (uint64_t done = 0; done < entry->size;) {
        const uint64_t left = entry->size - done;
        const size_t size = left < BLOCK ? (size_t)left : BLOCK;
        uint8_t *to = (uint8_t *)data + done;
        SY_TRY(syi_source_read(zip->source, at + done, to, size, err));
        crc = syi_crc32(crc, to, size);
        done += size;
    }
    return crc == entry->crc ? SY_OK
                             : syi_zip_refuse(entry, SY_EFORMAT, "has a wrong checksum", err);
}
