/* pickle_writer.c - pickle streams of protocol 2, as Python's pickler writes them. Test: model_file_test.c. */
#include "formats/pickle_writer.h"

enum { BATCH = 1000 };

void syi_pickler_opcode(syi_pickler *pickler, uint8_t opcode)
{
    syi_buffer_put(pickler->out, opcode);
}

static void put_number(syi_pickler *pickler, uint8_t opcode, uint64_t number, size_t size)
{
    uint8_t bytes[8];
    syi_put_u64le(bytes, number);
    syi_buffer_put(pickler->out, opcode);
    syi_buffer_append(pickler->out, bytes, size);
}

void syi_pickler_begin(syi_pickler *pickler, syi_buffer *out)
{
    *pickler = (syi_pickler){.out = out};
    put_number(pickler, 0x80, 2, 1);
}

void syi_pickler_end(syi_pickler *pickler)
{
    syi_pickler_opcode(pickler, '.');
}

syi_pickler_seen syi_pickler_put(syi_pickler *pickler)
{
    const uint32_t entry = pickler->memo++;
    if (entry < 256) {
        put_number(pickler, 'q', entry, 1);
    } else {
        put_number(pickler, 'r', entry, 4);
    }
    return entry + 1;
}

bool syi_pickler_again(syi_pickler *pickler, syi_pickler_seen seen)
{
    if (seen == 0) {
        return false;
    }
    if (seen - 1 < 256) {
        put_number(pickler, 'h', seen - 1, 1);
    } else {
        put_number(pickler, 'j', seen - 1, 4);
    }
    return true;
}

void syi_pickler_bool(syi_pickler *pickler, bool value)
{
    syi_pickler_opcode(pickler, value ? 0x88 : 0x89);
}

/* LONG1 with as few bytes as hold the sign. */
static void put_long(syi_pickler *pickler, int64_t value)
{
    uint8_t bytes[8];
    uint8_t length = 8;
    syi_put_u64le(bytes, (uint64_t)value);
    const uint8_t fill = value < 0 ? 0xff : 0;
    while (length > 1 && bytes[length - 1] == fill && (bytes[length - 2] & 0x80) == (fill & 0x80)) {
        length--;
    }
    syi_buffer_put(pickler->out, 0x8a);
    syi_buffer_put(pickler->out, length);
    syi_buffer_append(pickler->out, bytes, length);
}

void syi_pickler_int(syi_pickler *pickler, int64_t value)
{
    if (value >= 0 && value < 256) {
        put_number(pickler, 'K', (uint64_t)value, 1);
    } else if (value >= 0 && value < 65536) {
        put_number(pickler, 'M', (uint64_t)value, 2);
    } else if (value >= INT32_MIN && value <= INT32_MAX) {
        put_number(pickler, 'J', (uint64_t)value, 4);
    } else {
        put_long(pickler, value);
    }
}

syi_pickler_seen syi_pickler_text(syi_pickler *pickler, const char *text)
{
    const size_t length = strlen(text);
    put_number(pickler, 'X', length, 4);
    syi_buffer_append(pickler->out, text, length);
    return syi_pickler_put(pickler);
}

syi_pickler_seen syi_pickler_global(syi_pickler *pickler, const char *module, const char *name)
{
    syi_pickler_opcode(pickler, 'c');
    syi_buffer_append(pickler->out, module, strlen(module));
    syi_buffer_put(pickler->out, '\n');
    syi_buffer_append(pickler->out, name, strlen(name));
    syi_buffer_put(pickler->out, '\n');
    return syi_pickler_put(pickler);
}

void syi_pickler_int_tuple(syi_pickler *pickler, const int64_t *values, int count)
{
    if (count == 0) {
        syi_pickler_opcode(pickler, ')');
        return;
    }
    if (count > 3) {
        syi_pickler_opcode(pickler, '(');
    }
    for (int k = 0; k < count; k++) {
        syi_pickler_int(pickler, values[k]);
    }
    syi_pickler_opcode(pickler, count > 3 ? 't' : (uint8_t)(0x84 + count));
    (void)syi_pickler_put(pickler);
}

static bool is_alone(const syi_pickler_items *items)
{
    return items->at % BATCH == 0 && items->at + 1 == items->total;
}

void syi_pickler_next(syi_pickler *pickler, syi_pickler_items *items)
{
    if (items->at > 0 && items->at % BATCH == 0) {
        syi_pickler_opcode(pickler, items->many);
    }
    if (items->at % BATCH == 0 && !is_alone(items)) {
        syi_pickler_opcode(pickler, '(');
    }
    items->at++;
}

void syi_pickler_done(syi_pickler *pickler, syi_pickler_items *items)
{
    if (items->total > 0) {
        syi_pickler_opcode(pickler, items->total % BATCH == 1 ? items->one : items->many);
    }
}
