/* pickle_scalars.c - the opcodes of a pickle that make constants, numbers and text. Test: pickle_test.c. */
#include <inttypes.h>

#include "core/utf8.h"
#include "formats/decimal.h"
#include "formats/pickle_machine.h"

typedef syi_pickle_machine machine;
typedef syi_pickle_value value;

enum { BIG_LIMIT = 1024 }; /* bytes of an integer */

/* --- constants and numbers -------------------------------------------------------------------- */

sy_status syi_pickle_op_none(machine *m, int argument, sy_error *err)
{
    value *made;
    (void)argument;
    return syi_pickle_push_new(m, &made, SYI_PICKLE_NONE, err);
}

sy_status syi_pickle_op_bool(machine *m, int argument, sy_error *err)
{
    value *made;
    SY_TRY(syi_pickle_push_new(m, &made, SYI_PICKLE_BOOL, err));
    made->as.boolean = argument != 0;
    return SY_OK;
}

static sy_status push_int(machine *m, int64_t integer, sy_error *err)
{
    value *made;
    SY_TRY(syi_pickle_push_new(m, &made, SYI_PICKLE_INT, err));
    made->as.integer = integer;
    return SY_OK;
}

/* `argument` bytes; only four of them have a sign. */
sy_status syi_pickle_op_int(machine *m, int argument, sy_error *err)
{
    uint64_t number;
    SY_TRY(syi_pickle_take_number(m, argument, &number, err));
    return push_int(m, argument == 4 ? (int64_t)(int32_t)(uint32_t)number : (int64_t)number, err);
}

/* Two's complement, little-endian, of any length. */
static sy_status push_long(machine *m, const uint8_t *bytes, size_t length, sy_error *err)
{
    const uint8_t fill = length > 0 && (bytes[length - 1] & 0x80) != 0 ? 0xff : 0;
    while (length > 8 && bytes[length - 1] == fill && (bytes[length - 2] & 0x80) == (fill & 0x80)) {
        length--;
    }
    if (length <= 8) {
        uint8_t wide[8];
        memset(wide, fill, sizeof wide);
        memcpy(wide, bytes, length);
        return push_int(m, (int64_t)syi_get_u64le(wide), err);
    }
    value *made;
    void *copy = NULL;
    SY_TRY(syi_pickle_push_new(m, &made, SYI_PICKLE_BIG, err));
    SY_TRY(syi_pickle_allocate(m, &copy, length + 1, err));
    memcpy(copy, bytes, length);
    made->as.text.data = copy;
    made->as.text.length = length;
    return SY_OK;
}

sy_status syi_pickle_op_long(machine *m, int argument, sy_error *err)
{
    uint64_t length;
    const uint8_t *bytes = NULL;
    SY_TRY(syi_pickle_take_number(m, argument, &length, err));
    if (length > BIG_LIMIT) {
        return syi_pickle_fail(m, SY_ELIMIT, err, "an integer of %" PRIu64 " bytes", length);
    }
    SY_TRY(syi_pickle_take(m, &bytes, length, err));
    return push_long(m, bytes, (size_t)length, err);
}

/* Decimal digits with an optional sign, as two's complement; false when they are none or too many. */
static bool parse_long(const uint8_t *text, size_t length, uint8_t *bytes, size_t size)
{
    const bool negative = length > 0 && text[0] == '-';
    memset(bytes, 0, size);
    if (length == (negative ? 1 : 0) || length > size * 2) {
        return false;
    }
    for (size_t k = negative ? 1 : 0; k < length; k++) {
        if (text[k] < '0' || text[k] > '9') {
            return false;
        }
        unsigned carry = text[k] - '0';
        for (size_t i = 0; i < size; i++) {
            carry += bytes[i] * 10U;
            bytes[i] = (uint8_t)carry;
            carry >>= 8;
        }
    }
    unsigned carry = 1;
    for (size_t i = 0; negative && i < size; i++) {
        carry += (uint8_t)~bytes[i];
        bytes[i] = (uint8_t)carry;
        carry >>= 8;
    }
    return true;
}

/* INT and LONG, a line of text. "00" and "01" are how protocol 1 writes bools. */
sy_status syi_pickle_op_text_int(machine *m, int argument, sy_error *err)
{
    const uint8_t *line = NULL;
    size_t length;
    uint8_t bytes[64];
    SY_TRY(syi_pickle_take_line(m, &line, &length, err));
    if (length == 2 && line[0] == '0' && (line[1] == '0' || line[1] == '1')) {
        return syi_pickle_op_bool(m, line[1] == '1', err);
    }
    if (argument == 'L' && length > 0 && line[length - 1] == 'L') {
        length--;
    }
    if (!parse_long(line, length, bytes, sizeof bytes)) {
        return syi_pickle_fail(m, SY_EFORMAT, err, "'%.*s' is no integer",
                               length < 40 ? (int)length : 40, (const char *)line);
    }
    return push_long(m, bytes, sizeof bytes, err);
}

static sy_status push_float(machine *m, double real, sy_error *err)
{
    value *made;
    SY_TRY(syi_pickle_push_new(m, &made, SYI_PICKLE_FLOAT, err));
    made->as.real = real;
    return SY_OK;
}

sy_status syi_pickle_op_text_float(machine *m, int argument, sy_error *err)
{
    const uint8_t *line = NULL;
    size_t length;
    (void)argument;
    SY_TRY(syi_pickle_take_line(m, &line, &length, err));
    const syi_decimal parsed = syi_decimal_parse((const char *)line, length);
    if (parsed.kind == SYI_DECIMAL_NONE) {
        return syi_pickle_fail(m, SY_EFORMAT, err, "'%.*s' is no number",
                               length < 40 ? (int)length : 40, (const char *)line);
    }
    return push_float(m, parsed.real, err);
}

sy_status syi_pickle_op_float(machine *m, int argument, sy_error *err)
{
    const uint8_t *bytes = NULL;
    double real;
    (void)argument;
    SY_TRY(syi_pickle_take(m, &bytes, 8, err));
    const uint64_t bits = syi_get_u64be(bytes);
    memcpy(&real, &bits, sizeof real);
    return push_float(m, real, err);
}

/* --- text and bytes --------------------------------------------------------------------------- */

bool syi_pickle_is_utf8(const uint8_t *bytes, size_t length)
{
    for (size_t at = 0; at < length;) {
        const size_t n = syi_utf8_decode((const char *)bytes + at, length - at, NULL);
        if (n == 0) {
            return false;
        }
        at += n;
    }
    return true;
}

sy_status syi_pickle_push_text(machine *m, syi_pickle_kind kind, const uint8_t *bytes,
                               size_t length, sy_error *err)
{
    value *made;
    void *copy = NULL;
    SY_TRY(syi_pickle_allocate(m, &copy, length + 1, err));
    if (length > 0) {
        memcpy(copy, bytes, length);
    }
    SY_TRY(syi_pickle_push_new(m, &made, kind, err));
    made->as.text.data = copy;
    made->as.text.length = length;
    return SY_OK;
}

/* The length takes `argument` bytes. */
static sy_status take_counted(machine *m, int argument, const uint8_t **bytes, size_t *length,
                              sy_error *err)
{
    uint64_t size;
    SY_TRY(syi_pickle_take_number(m, argument, &size, err));
    SY_TRY(syi_pickle_take(m, bytes, size, err));
    *length = (size_t)size;
    return SY_OK;
}

sy_status syi_pickle_op_unicode(machine *m, int argument, sy_error *err)
{
    const uint8_t *bytes = NULL;
    size_t length;
    SY_TRY(take_counted(m, argument, &bytes, &length, err));
    if (!syi_pickle_is_utf8(bytes, length)) {
        return syi_pickle_fail(m, SY_EFORMAT, err, "the text is not UTF-8");
    }
    return syi_pickle_push_text(m, SYI_PICKLE_STRING, bytes, length, err);
}

sy_status syi_pickle_op_bytes(machine *m, int argument, sy_error *err)
{
    const uint8_t *bytes = NULL;
    size_t length;
    SY_TRY(take_counted(m, argument, &bytes, &length, err));
    return syi_pickle_push_text(m, SYI_PICKLE_BYTES, bytes, length, err);
}

/* Python 2's str: text when it reads as UTF-8, as torch.load takes it. */
sy_status syi_pickle_op_old_string(machine *m, int argument, sy_error *err)
{
    const uint8_t *bytes = NULL;
    size_t length;
    SY_TRY(take_counted(m, argument, &bytes, &length, err));
    return syi_pickle_push_text(
        m, syi_pickle_is_utf8(bytes, length) ? SYI_PICKLE_STRING : SYI_PICKLE_BYTES, bytes, length,
        err);
}

static int hex_digit(uint8_t byte)
{
    const int letter = byte | 0x20;
    return byte >= '0' && byte <= '9'       ? byte - '0'
           : letter >= 'a' && letter <= 'f' ? letter - 'a' + 10
                                            : -1;
}

/* `digits` of them at *at; -1: they are none. */
static int64_t take_hex(const uint8_t **at, const uint8_t *end, int digits)
{
    int64_t code = 0;
    for (int k = 0; k < digits; k++) {
        const int digit = *at < end ? hex_digit(*(*at)++) : -1;
        if (digit < 0) {
            return -1;
        }
        code = code * 16 + digit;
    }
    return code;
}

/* STRING, protocol 0: the repr of a Python 2 str. */
sy_status syi_pickle_op_quoted(machine *m, int argument, sy_error *err)
{
    static const char letters[] = "\\'\"nrtabfv";
    static const char meanings[] = "\\'\"\n\r\t\a\b\f\v";
    const uint8_t *line = NULL;
    size_t length, used = 0;
    void *room = NULL;
    (void)argument;
    SY_TRY(syi_pickle_take_line(m, &line, &length, err));
    if (length < 2 || (line[0] != '\'' && line[0] != '"') || line[length - 1] != line[0]) {
        return syi_pickle_fail(m, SY_EFORMAT, err, "the string is not in quotes");
    }
    SY_TRY(syi_pickle_allocate(m, &room, length, err));
    uint8_t *text = room;
    const uint8_t *end = line + length - 1;
    for (const uint8_t *at = line + 1; at < end;) {
        const uint8_t byte = *at++;
        if (byte != '\\') {
            text[used++] = byte;
            continue;
        }
        const uint8_t letter = at < end ? *at++ : '\0';
        const char *found = letter == '\0' ? NULL : strchr(letters, letter);
        const int64_t code = letter == 'x' ? take_hex(&at, end, 2) : -1;
        if (found == NULL && code < 0) {
            return syi_pickle_fail(m, SY_EFORMAT, err, "an escape of the string is unknown");
        }
        text[used++] = found != NULL ? (uint8_t)meanings[found - letters] : (uint8_t)code;
    }
    return syi_pickle_push_text(
        m, syi_pickle_is_utf8(text, used) ? SYI_PICKLE_STRING : SYI_PICKLE_BYTES, text, used, err);
}

static size_t put_utf8(uint8_t *out, uint32_t code)
{
    static const uint8_t leads[] = {0, 0xc0, 0xe0, 0xf0};
    const unsigned more = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    out[0] = (uint8_t)(leads[more] | code >> (6 * more));
    for (unsigned k = 1; k <= more; k++) {
        out[k] = (uint8_t)(0x80 | (code >> (6 * (more - k)) & 0x3f));
    }
    return more + 1;
}

/* UNICODE, protocol 0: Latin-1 with \uXXXX and \UXXXXXXXX. */
sy_status syi_pickle_op_raw_unicode(machine *m, int argument, sy_error *err)
{
    const uint8_t *line = NULL;
    size_t length, used = 0;
    void *room = NULL;
    (void)argument;
    SY_TRY(syi_pickle_take_line(m, &line, &length, err));
    SY_TRY(syi_pickle_allocate(m, &room, length * 2 + 4, err));
    uint8_t *text = room;
    for (const uint8_t *at = line, *end = line + length; at < end;) {
        int64_t code = *at++;
        if (code == '\\' && at < end && (*at == 'u' || *at == 'U')) {
            const int digits = *at++ == 'u' ? 4 : 8;
            code = take_hex(&at, end, digits);
        }
        if (code < 0 || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) {
            return syi_pickle_fail(m, SY_EFORMAT, err, "an escape of the text is malformed");
        }
        used += put_utf8(text + used, (uint32_t)code);
    }
    return syi_pickle_push_text(m, SYI_PICKLE_STRING, text, used, err);
}
