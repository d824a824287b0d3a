/*
 * zip_writer.c - zip archives as PyTorch 1.13 writes them, byte for byte: sizes behind the data, padding
 * in an extra field called "FB", a 64-bit end record always. Declared in zip.h. Test: zip_test.c, model_file_test.c.
 */
#include <inttypes.h>

#include "formats/crc32.h"
#include "formats/zip.h"

enum { ALIGNMENT = 64, LOCAL_SIZE = 30, EXTRA_SIZE = 4, DESCRIPTOR_SIZE = 16, END64_SIZE = 56 };

/* Names in UTF-8; sizes behind the data, where there are any. */
static unsigned flags(size_t size)
{
    return size > 0 ? 0x0808 : 0x0800;
}

void syi_zip_writer_init(syi_zip_writer *writer, syi_model_plan *plan)
{
    *writer = (syi_zip_writer){.plan = plan};
    syi_buffer_init(&writer->directory, plan->context, 256 << 20);
}

void syi_zip_writer_fini(syi_zip_writer *writer)
{
    syi_buffer_fini(&writer->directory);
}

static void put_u16(syi_buffer *out, uint64_t number)
{
    uint8_t bytes[8];
    syi_put_u64le(bytes, number);
    syi_buffer_append(out, bytes, 2);
}

static void put_u32(syi_buffer *out, uint64_t number)
{
    uint8_t bytes[8];
    syi_put_u64le(bytes, number);
    syi_buffer_append(out, bytes, 4);
}

static void put_u64(syi_buffer *out, uint64_t number)
{
    uint8_t bytes[8];
    syi_put_u64le(bytes, number);
    syi_buffer_append(out, bytes, 8);
}

static void put_filler(syi_buffer *out, uint8_t byte, size_t size)
{
    uint8_t *room = syi_buffer_extend(out, size);
    if (room != NULL && size > 0) {
        memset(room, byte, size);
    }
}

static void put_local(syi_buffer *out, const char *name, size_t size, size_t padding)
{
    put_u32(out, 0x04034b50);
    put_u16(out, 0);
    put_u16(out, flags(size));
    put_filler(out, 0, 18); /* stored, no time, sizes later */
    put_u16(out, strlen(name));
    put_u16(out, EXTRA_SIZE + padding);
    syi_buffer_append(out, name, strlen(name));
    syi_buffer_append(out, "FB", 2);
    put_u16(out, padding);
    put_filler(out, 'Z', padding);
}

static void put_central(syi_buffer *out, const char *name, uint64_t at, size_t size, uint32_t crc)
{
    const bool far = at >= UINT32_MAX;
    put_u32(out, 0x02014b50);
    put_u32(out, 0); /* made by, needed */
    put_u16(out, flags(size));
    put_filler(out, 0, 6); /* stored, no time */
    put_u32(out, crc);
    put_u32(out, size);
    put_u32(out, size);
    put_u16(out, strlen(name));
    put_u16(out, far ? 12 : 0);
    put_filler(out, 0, 10); /* no comment, disk 0, no attributes */
    put_u32(out, far ? UINT32_MAX : at);
    syi_buffer_append(out, name, strlen(name));
    if (far) {
        put_u16(out, 1);
        put_u16(out, 8);
        put_u64(out, at);
    }
}

sy_status syi_zip_writer_add(syi_zip_writer *writer, const char *name, const void *data,
                             size_t size, sy_error *err)
{
    syi_buffer *text = &writer->plan->text;
    if (size >= UINT32_MAX || strlen(name) > UINT16_MAX) {
        return syi_fail(err, SY_ELIMIT,
                        "zip: entry '%.100s' of %zu bytes; safetensors takes more than 4 GiB", name,
                        size);
    }
    const uint64_t data_at = writer->at + LOCAL_SIZE + strlen(name) + EXTRA_SIZE;
    const size_t padding = (size_t)(-data_at % ALIGNMENT);
    const uint32_t crc = syi_crc32(0, data, size);
    put_local(text, name, size, padding);
    SY_TRY(syi_model_plan_add(writer->plan, data, size, err));
    if (size > 0) {
        put_u32(text, 0x08074b50);
        put_u32(text, crc);
        put_u32(text, size);
        put_u32(text, size);
    }
    put_central(&writer->directory, name, writer->at, size, crc);
    writer->at = data_at + padding + size + (size > 0 ? DESCRIPTOR_SIZE : 0);
    writer->entry_count++;
    return syi_buffer_check(&writer->directory, "zip", err);
}

static uint64_t capped(uint64_t number, uint64_t most)
{
    return number < most ? number : most;
}

sy_status syi_zip_writer_end(syi_zip_writer *writer, sy_error *err)
{
    syi_buffer *text = &writer->plan->text;
    const uint64_t size = writer->directory.length, count = writer->entry_count;
    SY_TRY(syi_buffer_check(&writer->directory, "zip", err));
    syi_buffer_append(text, writer->directory.data, (size_t)size);
    put_u32(text, 0x06064b50);
    put_u64(text, END64_SIZE - 12);
    put_u16(text, 0x031e); /* made by */
    put_u16(text, 45);     /* needed */
    put_u64(text, 0);      /* disks */
    put_u64(text, count);
    put_u64(text, count);
    put_u64(text, size);
    put_u64(text, writer->at);
    put_u32(text, 0x07064b50);
    put_u32(text, 0);
    put_u64(text, writer->at + size);
    put_u32(text, 1);
    put_u32(text, 0x06054b50);
    put_u32(text, 0); /* disks */
    put_u16(text, capped(count, UINT16_MAX));
    put_u16(text, capped(count, UINT16_MAX));
    put_u32(text, capped(size, UINT32_MAX));
    put_u32(text, capped(writer->at, UINT32_MAX));
    put_u16(text, 0);
    return syi_model_plan_add(writer->plan, NULL, 0, err);
}
