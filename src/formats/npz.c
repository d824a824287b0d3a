#include "formats/npz.h"

#include <stdio.h>
#include <string.h>

static const char ending[] = ".npy";
enum { ENDING = sizeof ending - 1 };

bool syi_npz_is_magic(const uint8_t *bytes, size_t size)
{
    /* The first entry, or the end of an archive that has none. */
    return size >= 4 && (memcmp(bytes, "PK\3\4", 4) == 0 || memcmp(bytes, "PK\5\6", 4) == 0);
}

static bool is_member(const syi_zip_entry *entry)
{
    return entry->name_length > ENDING &&
           memcmp(entry->name + entry->name_length - ENDING, ending, ENDING) == 0;
}

const syi_zip_entry *syi_npz_find(const syi_zip *zip, const char *name, size_t length)
{
    char full[256];
    if (length == 0 || length > sizeof full - ENDING) {
        return NULL;
    }
    memcpy(full, name, length);
    memcpy(full + length, ending, ENDING);
    return syi_zip_find(zip, full, length + ENDING);
}

const syi_zip_entry *syi_npz_get_only(const syi_zip *zip)
{
    const syi_zip_entry *only = NULL;
    for (size_t k = 0; k < zip->entry_count; k++) {
        if (is_member(&zip->entries[k])) {
            if (only != NULL) {
                return NULL;
            }
            only = &zip->entries[k];
        }
    }
    return only;
}

const char *syi_npz_list(const syi_zip *zip, char *text, size_t size)
{
    size_t length = 0;
    snprintf(text, size, "no arrays");
    for (size_t k = 0; k < zip->entry_count; k++) {
        const syi_zip_entry *entry = &zip->entries[k];
        const size_t name = entry->name_length - ENDING;
        if (!is_member(entry)) {
            continue;
        }
        if (name + 8 > size - length) { /* room for this one, and for saying that there are more */
            snprintf(text + length, size - length, "%s...", length > 0 ? ", " : "");
            break;
        }
        length += (size_t)snprintf(text + length, size - length, "%s%.*s", length > 0 ? ", " : "",
                                   (int)name, entry->name);
    }
    return text;
}

/* Reading */

static sy_status read_stream(void *stream, void *data, size_t size, sy_error *err)
{
    return syi_zip_stream_read(stream, data, size, err);
}

/* What is wrong inside of a member names it. */
static sy_status name_member(const syi_zip_entry *member, sy_status status, sy_error *err)
{
    return status != SY_EFORMAT || strncmp(err != NULL ? err->message : "zip:", "zip:", 4) == 0
               ? status
               : syi_error_prefix(err, status, "member '%.*s'",
                                  member->name_length < 100 ? (int)member->name_length - ENDING
                                                            : 100,
                                  member->name);
}

static sy_status open_member(const syi_zip *zip, const syi_zip_entry *member,
                             syi_zip_stream **stream, syi_npy_input *input, sy_error *err)
{
    SY_TRY(syi_zip_stream_open(zip, member, stream, err));
    *input = (syi_npy_input){.from = *stream, .read = read_stream, .size = member->size};
    return SY_OK;
}

sy_status syi_npz_describe(const syi_zip *zip, const syi_zip_entry *member, syi_array *array,
                           uint64_t *at, sy_error *err)
{
    syi_zip_stream *stream = NULL;
    syi_npy_input input;
    *at = 0;
    SY_TRY(open_member(zip, member, &stream, &input, err));
    sy_status status = syi_npy_read_header(zip->context, &input, array, err);
    if (status == SY_OK && member->method == 0) {
        status = syi_zip_locate(zip, member, at, err);
        *at += member->size - syi_array_bytes(array);
    }
    syi_zip_stream_close(stream);
    return name_member(member, status, err);
}

sy_status syi_npz_load(const syi_zip *zip, const syi_zip_entry *member, syi_array *array,
                       syi_account *account, sy_error *err)
{
    syi_zip_stream *stream = NULL;
    syi_npy_input input;
    memset(array, 0, sizeof *array);
    SY_TRY(open_member(zip, member, &stream, &input, err));
    const sy_status status = syi_npy_read(zip->context, &input, array, account, err);
    syi_zip_stream_close(stream);
    return name_member(member, status, err);
}
