/* pickle_opcodes.c - what each opcode of a pickle does. Lib/pickletools.py documents them; what makes
 * objects goes through the caller's list of globals and nothing else. Test: pickle_test.c. */
#include <inttypes.h>

#include "core/utf8.h"
#include "formats/decimal.h"
#include "formats/pickle_machine.h"

typedef syi_pickle_machine machine;
typedef syi_pickle_value value;

enum { BIG_LIMIT = 1024 }; /* bytes of an integer */

/* --- stack and stream ------------------------------------------------------------------------- */

static sy_status op_proto(machine *m, int argument, sy_error *err)
{
    uint64_t version;
    (void)argument;
    SY_TRY(syi_pickle_take_number(m, 1, &version, err));
    return version <= 5
               ? SY_OK
               : syi_pickle_fail(m, SY_ENOTSUP, err, "protocol %" PRIu64 " is not known", version);
}

/* A frame says how much to read at once; the bytes are here already. */
static sy_status op_frame(machine *m, int argument, sy_error *err)
{
    uint64_t size;
    (void)argument;
    SY_TRY(syi_pickle_take_number(m, 8, &size, err));
    if (size > (uint64_t)(m->end - m->at)) {
        m->pickle->cut = true;
        return syi_pickle_fail(m, SY_EFORMAT, err, "the frame of %" PRIu64 " bytes is cut off",
                               size);
    }
    return SY_OK;
}

static sy_status op_stop(machine *m, int argument, sy_error *err)
{
    value *root = NULL;
    (void)argument;
    SY_TRY(syi_pickle_pop(m, &root, err));
    m->pickle->root = root;
    m->stopped = true;
    return SY_OK;
}

static sy_status op_mark(machine *m, int argument, sy_error *err)
{
    (void)argument;
    return syi_pickle_mark(m, err);
}

static sy_status op_pop_mark(machine *m, int argument, sy_error *err)
{
    value **items;
    size_t count;
    (void)argument;
    return syi_pickle_unmark(m, &items, &count, err);
}

static sy_status op_pop(machine *m, int argument, sy_error *err)
{
    value *top = NULL;
    if (m->mark_count > 0 && m->marks[m->mark_count - 1] == m->count) {
        return op_pop_mark(m, argument, err);
    }
    return syi_pickle_pop(m, &top, err);
}

static sy_status op_dup(machine *m, int argument, sy_error *err)
{
    value *top = NULL;
    (void)argument;
    SY_TRY(syi_pickle_top(m, &top, err));
    return syi_pickle_push(m, top, err);
}

/* --- constants and numbers -------------------------------------------------------------------- */

static sy_status op_none(machine *m, int argument, sy_error *err)
{
    value *made;
    (void)argument;
    return syi_pickle_push_new(m, &made, SYI_PICKLE_NONE, err);
}

static sy_status op_bool(machine *m, int argument, sy_error *err)
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
static sy_status op_int(machine *m, int argument, sy_error *err)
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

static sy_status op_long(machine *m, int argument, sy_error *err)
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
static sy_status op_text_int(machine *m, int argument, sy_error *err)
{
    const uint8_t *line = NULL;
    size_t length;
    uint8_t bytes[64];
    SY_TRY(syi_pickle_take_line(m, &line, &length, err));
    if (length == 2 && line[0] == '0' && (line[1] == '0' || line[1] == '1')) {
        return op_bool(m, line[1] == '1', err);
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

static sy_status op_text_float(machine *m, int argument, sy_error *err)
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

static sy_status op_float(machine *m, int argument, sy_error *err)
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

static bool is_utf8(const uint8_t *bytes, size_t length)
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

static sy_status push_text(machine *m, syi_pickle_kind kind, const uint8_t *bytes, size_t length,
                           sy_error *err)
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

static sy_status op_unicode(machine *m, int argument, sy_error *err)
{
    const uint8_t *bytes = NULL;
    size_t length;
    SY_TRY(take_counted(m, argument, &bytes, &length, err));
    if (!is_utf8(bytes, length)) {
        return syi_pickle_fail(m, SY_EFORMAT, err, "the text is not UTF-8");
    }
    return push_text(m, SYI_PICKLE_STRING, bytes, length, err);
}

static sy_status op_bytes(machine *m, int argument, sy_error *err)
{
    const uint8_t *bytes = NULL;
    size_t length;
    SY_TRY(take_counted(m, argument, &bytes, &length, err));
    return push_text(m, SYI_PICKLE_BYTES, bytes, length, err);
}

/* Python 2's str: text when it reads as UTF-8, as torch.load takes it. */
static sy_status op_old_string(machine *m, int argument, sy_error *err)
{
    const uint8_t *bytes = NULL;
    size_t length;
    SY_TRY(take_counted(m, argument, &bytes, &length, err));
    return push_text(m, is_utf8(bytes, length) ? SYI_PICKLE_STRING : SYI_PICKLE_BYTES, bytes,
                     length, err);
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
static sy_status op_quoted(machine *m, int argument, sy_error *err)
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
    return push_text(m, is_utf8(text, used) ? SYI_PICKLE_STRING : SYI_PICKLE_BYTES, text, used,
                     err);
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
static sy_status op_raw_unicode(machine *m, int argument, sy_error *err)
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
    return push_text(m, SYI_PICKLE_STRING, text, used, err);
}

/* --- containers ------------------------------------------------------------------------------- */

static sy_status op_empty(machine *m, int argument, sy_error *err)
{
    value *made;
    return syi_pickle_push_new(m, &made, (syi_pickle_kind)argument, err);
}

/* What lies above the mark becomes a TUPLE, LIST, DICT or (frozen) SET. */
static sy_status op_collect(machine *m, int argument, sy_error *err)
{
    value *made, **items;
    size_t count;
    SY_TRY(syi_pickle_make(m, &made, (syi_pickle_kind)argument, err));
    SY_TRY(syi_pickle_unmark(m, &items, &count, err));
    if (made->kind == SYI_PICKLE_DICT && count % 2 != 0) {
        return syi_pickle_fail(m, SY_EFORMAT, err, "a key has no value");
    }
    SY_TRY(syi_pickle_extend(m, made, items, count, err));
    return syi_pickle_push(m, made, err);
}

/* The last `argument` values become a tuple. */
static sy_status op_tuple(machine *m, int argument, sy_error *err)
{
    value *made, *items[3];
    SY_TRY(syi_pickle_make(m, &made, SYI_PICKLE_TUPLE, err));
    for (int k = argument - 1; k >= 0; k--) {
        SY_TRY(syi_pickle_pop(m, &items[k], err));
    }
    SY_TRY(syi_pickle_extend(m, made, items, (size_t)argument, err));
    return syi_pickle_push(m, made, err);
}

/* The container below what is added to it. */
static sy_status container(machine *m, syi_pickle_kind kind, value **found, sy_error *err)
{
    char text[100];
    SY_TRY(syi_pickle_top(m, found, err));
    if ((*found)->kind != kind) {
        return syi_pickle_fail(m, SY_EFORMAT, err, "nothing can be added to %s",
                               syi_pickle_describe(*found, text, sizeof text));
    }
    return SY_OK;
}

/* APPEND adds one value to a list, SETITEM a key and a value to a dict. */
static sy_status op_add_one(machine *m, int argument, sy_error *err)
{
    value *to = NULL, *items[2];
    const size_t count = argument == SYI_PICKLE_DICT ? 2 : 1;
    for (size_t k = count; k > 0; k--) {
        SY_TRY(syi_pickle_pop(m, &items[k - 1], err));
    }
    SY_TRY(container(m, (syi_pickle_kind)argument, &to, err));
    return syi_pickle_extend(m, to, items, count, err);
}

/* APPENDS, SETITEMS, ADDITEMS: what lies above the mark. */
static sy_status op_add_all(machine *m, int argument, sy_error *err)
{
    value *to = NULL, **items;
    size_t count;
    SY_TRY(syi_pickle_unmark(m, &items, &count, err));
    SY_TRY(container(m, (syi_pickle_kind)argument, &to, err));
    if (argument == SYI_PICKLE_DICT && count % 2 != 0) {
        return syi_pickle_fail(m, SY_EFORMAT, err, "a key has no value");
    }
    return syi_pickle_extend(m, to, items, count, err);
}

/* --- memo ------------------------------------------------------------------------------------- */

static sy_status take_index(machine *m, int argument, uint64_t *index, sy_error *err)
{
    const uint8_t *line = NULL;
    size_t length;
    if (argument > 0) {
        return syi_pickle_take_number(m, argument, index, err);
    }
    SY_TRY(syi_pickle_take_line(m, &line, &length, err));
    *index = 0;
    for (size_t k = 0; k < length; k++) {
        if (line[k] < '0' || line[k] > '9' || length > 9) {
            return syi_pickle_fail(m, SY_EFORMAT, err, "'%.*s' is no memo entry",
                                   length < 40 ? (int)length : 40, (const char *)line);
        }
        *index = *index * 10 + (line[k] - '0');
    }
    return length > 0 ? SY_OK : syi_pickle_fail(m, SY_EFORMAT, err, "the memo entry is missing");
}

/* The index takes `argument` bytes; 0: a line. */
static sy_status op_put(machine *m, int argument, sy_error *err)
{
    uint64_t index;
    value *top = NULL;
    SY_TRY(take_index(m, argument, &index, err));
    SY_TRY(syi_pickle_top(m, &top, err));
    return syi_pickle_memo_put(m, index, top, err);
}

static sy_status op_memoize(machine *m, int argument, sy_error *err)
{
    value *top = NULL;
    (void)argument;
    SY_TRY(syi_pickle_top(m, &top, err));
    return syi_pickle_memo_put(m, m->memo_count, top, err);
}

static sy_status op_get(machine *m, int argument, sy_error *err)
{
    uint64_t index;
    value *found = NULL;
    SY_TRY(take_index(m, argument, &index, err));
    SY_TRY(syi_pickle_memo_get(m, index, &found, err));
    return syi_pickle_push(m, found, err);
}

/* --- globals and what is made of them --------------------------------------------------------- */

static bool same(const uint8_t *bytes, size_t length, const char *text)
{
    return length == strlen(text) && memcmp(bytes, text, length) == 0;
}

static sy_status push_global(machine *m, const uint8_t *module, size_t module_length,
                             const uint8_t *name, size_t name_length, sy_error *err)
{
    value *made;
    for (size_t k = 0; k < m->rules->global_count; k++) {
        const syi_pickle_global *allowed = &m->rules->globals[k];
        if (same(module, module_length, allowed->module) &&
            same(name, name_length, allowed->name)) {
            SY_TRY(syi_pickle_push_new(m, &made, SYI_PICKLE_GLOBAL, err));
            made->as.global = allowed;
            return SY_OK;
        }
    }
    return syi_pickle_fail(m, SY_EFORBIDDEN, err, "the global %.*s.%.*s is not allowed",
                           module_length < 100 ? (int)module_length : 100, (const char *)module,
                           name_length < 100 ? (int)name_length : 100, (const char *)name);
}

static sy_status op_global(machine *m, int argument, sy_error *err)
{
    const uint8_t *module = NULL, *name = NULL;
    size_t module_length, name_length;
    (void)argument;
    SY_TRY(syi_pickle_take_line(m, &module, &module_length, err));
    SY_TRY(syi_pickle_take_line(m, &name, &name_length, err));
    return push_global(m, module, module_length, name, name_length, err);
}

static sy_status op_stack_global(machine *m, int argument, sy_error *err)
{
    value *name = NULL, *module = NULL;
    (void)argument;
    SY_TRY(syi_pickle_pop(m, &name, err));
    SY_TRY(syi_pickle_pop(m, &module, err));
    if (name->kind != SYI_PICKLE_STRING || module->kind != SYI_PICKLE_STRING) {
        return syi_pickle_fail(m, SY_EFORMAT, err, "module and name are no strings");
    }
    return push_global(m, (const uint8_t *)module->as.text.data, module->as.text.length,
                       (const uint8_t *)name->as.text.data, name->as.text.length, err);
}

/* The pairs of Python 2's OrderedDict: one argument, a list of lists of two. */
static sy_status add_pairs(machine *m, value *dict, const value *args, sy_error *err)
{
    if (args->as.list.count == 0) {
        return SY_OK;
    }
    const value *pairs = args->as.list.items[0];
    if (args->as.list.count > 1 || pairs->kind != SYI_PICKLE_LIST) {
        return syi_pickle_fail(m, SY_EFORMAT, err, "the dict is not made from a list of pairs");
    }
    for (size_t k = 0; k < pairs->as.list.count; k++) {
        const value *pair = pairs->as.list.items[k];
        if ((pair->kind != SYI_PICKLE_LIST && pair->kind != SYI_PICKLE_TUPLE) ||
            pair->as.list.count != 2) {
            return syi_pickle_fail(m, SY_EFORMAT, err, "item %zu of the dict is no pair", k);
        }
        SY_TRY(syi_pickle_extend(m, dict, pair->as.list.items, 2, err));
    }
    return SY_OK;
}

/* REDUCE and NEWOBJ: callable and arguments are replaced by a note that the call was made. */
static sy_status op_call(machine *m, int argument, sy_error *err)
{
    value *args = NULL, *callable = NULL, *made;
    char text[100];
    (void)argument;
    SY_TRY(syi_pickle_pop(m, &args, err));
    SY_TRY(syi_pickle_pop(m, &callable, err));
    if (args->kind != SYI_PICKLE_TUPLE) {
        return syi_pickle_fail(m, SY_EFORMAT, err, "the arguments are no tuple");
    }
    if (callable->kind != SYI_PICKLE_GLOBAL ||
        callable->as.global->role == SYI_PICKLE_ROLE_CONSTANT) {
        return syi_pickle_fail(m, SY_EFORBIDDEN, err, "%s may not be called",
                               syi_pickle_describe(callable, text, sizeof text));
    }
    const syi_pickle_global *global = callable->as.global;
    const bool is_dict = global->role == SYI_PICKLE_ROLE_DICT;
    SY_TRY(syi_pickle_push_new(m, &made, is_dict ? SYI_PICKLE_DICT : SYI_PICKLE_OBJECT, err));
    if (is_dict) {
        made->made_by = global;
        return add_pairs(m, made, args, err);
    }
    made->as.object.global = global;
    made->as.object.args = args;
    return SY_OK;
}

static sy_status op_build(machine *m, int argument, sy_error *err)
{
    value *state = NULL, *to = NULL;
    char text[100];
    (void)argument;
    SY_TRY(syi_pickle_pop(m, &state, err));
    SY_TRY(syi_pickle_top(m, &to, err));
    if (to->kind != SYI_PICKLE_OBJECT && (to->kind != SYI_PICKLE_DICT || to->made_by == NULL)) {
        return syi_pickle_fail(m, SY_EFORMAT, err, "%s has no state",
                               syi_pickle_describe(to, text, sizeof text));
    }
    to->state = state;
    return SY_OK;
}

static sy_status push_persistent(machine *m, const value *id, sy_error *err)
{
    value *made;
    SY_TRY(syi_pickle_push_new(m, &made, SYI_PICKLE_PERSISTENT, err));
    made->as.object.args = id;
    return SY_OK;
}

static sy_status op_persistent(machine *m, int argument, sy_error *err)
{
    value *id = NULL;
    (void)argument;
    SY_TRY(syi_pickle_pop(m, &id, err));
    return push_persistent(m, id, err);
}

static sy_status op_persistent_line(machine *m, int argument, sy_error *err)
{
    const uint8_t *line = NULL;
    size_t length;
    value *id = NULL;
    (void)argument;
    SY_TRY(syi_pickle_take_line(m, &line, &length, err));
    if (!is_utf8(line, length)) {
        return syi_pickle_fail(m, SY_EFORMAT, err, "the text is not UTF-8");
    }
    SY_TRY(push_text(m, SYI_PICKLE_STRING, line, length, err));
    SY_TRY(syi_pickle_pop(m, &id, err));
    return push_persistent(m, id, err);
}

const syi_pickle_opcode syi_pickle_opcodes[256] = {
    [0x80] = {"PROTO", op_proto, 0},
    [0x95] = {"FRAME", op_frame, 0},
    ['.'] = {"STOP", op_stop, 0},
    ['('] = {"MARK", op_mark, 0},
    ['0'] = {"POP", op_pop, 0},
    ['1'] = {"POP_MARK", op_pop_mark, 0},
    ['2'] = {"DUP", op_dup, 0},
    ['N'] = {"NONE", op_none, 0},
    [0x88] = {"NEWTRUE", op_bool, 1},
    [0x89] = {"NEWFALSE", op_bool, 0},
    ['J'] = {"BININT", op_int, 4},
    ['K'] = {"BININT1", op_int, 1},
    ['M'] = {"BININT2", op_int, 2},
    [0x8a] = {"LONG1", op_long, 1},
    [0x8b] = {"LONG4", op_long, 4},
    ['I'] = {"INT", op_text_int, 'I'},
    ['L'] = {"LONG", op_text_int, 'L'},
    ['F'] = {"FLOAT", op_text_float, 0},
    ['G'] = {"BINFLOAT", op_float, 0},
    ['X'] = {"BINUNICODE", op_unicode, 4},
    [0x8c] = {"SHORT_BINUNICODE", op_unicode, 1},
    [0x8d] = {"BINUNICODE8", op_unicode, 8},
    ['V'] = {"UNICODE", op_raw_unicode, 0},
    ['S'] = {"STRING", op_quoted, 0},
    ['T'] = {"BINSTRING", op_old_string, 4},
    ['U'] = {"SHORT_BINSTRING", op_old_string, 1},
    ['B'] = {"BINBYTES", op_bytes, 4},
    ['C'] = {"SHORT_BINBYTES", op_bytes, 1},
    [0x8e] = {"BINBYTES8", op_bytes, 8},
    [0x96] = {"BYTEARRAY8", op_bytes, 8},
    [')'] = {"EMPTY_TUPLE", op_empty, SYI_PICKLE_TUPLE},
    [']'] = {"EMPTY_LIST", op_empty, SYI_PICKLE_LIST},
    ['}'] = {"EMPTY_DICT", op_empty, SYI_PICKLE_DICT},
    [0x8f] = {"EMPTY_SET", op_empty, SYI_PICKLE_SET},
    ['t'] = {"TUPLE", op_collect, SYI_PICKLE_TUPLE},
    ['l'] = {"LIST", op_collect, SYI_PICKLE_LIST},
    ['d'] = {"DICT", op_collect, SYI_PICKLE_DICT},
    [0x91] = {"FROZENSET", op_collect, SYI_PICKLE_SET},
    [0x85] = {"TUPLE1", op_tuple, 1},
    [0x86] = {"TUPLE2", op_tuple, 2},
    [0x87] = {"TUPLE3", op_tuple, 3},
    ['a'] = {"APPEND", op_add_one, SYI_PICKLE_LIST},
    ['s'] = {"SETITEM", op_add_one, SYI_PICKLE_DICT},
    ['e'] = {"APPENDS", op_add_all, SYI_PICKLE_LIST},
    ['u'] = {"SETITEMS", op_add_all, SYI_PICKLE_DICT},
    [0x90] = {"ADDITEMS", op_add_all, SYI_PICKLE_SET},
    ['p'] = {"PUT", op_put, 0},
    ['q'] = {"BINPUT", op_put, 1},
    ['r'] = {"LONG_BINPUT", op_put, 4},
    [0x94] = {"MEMOIZE", op_memoize, 0},
    ['g'] = {"GET", op_get, 0},
    ['h'] = {"BINGET", op_get, 1},
    ['j'] = {"LONG_BINGET", op_get, 4},
    ['c'] = {"GLOBAL", op_global, 0},
    [0x93] = {"STACK_GLOBAL", op_stack_global, 0},
    ['R'] = {"REDUCE", op_call, 0},
    [0x81] = {"NEWOBJ", op_call, 0},
    ['b'] = {"BUILD", op_build, 0},
    ['P'] = {"PERSID", op_persistent_line, 0},
    ['Q'] = {"BINPERSID", op_persistent, 0},
    /* Refused: they make objects in ways that no file of ours needs, or read outside of the stream. */
    [0x92] = {"NEWOBJ_EX", NULL, 0},
    ['i'] = {"INST", NULL, 0},
    ['o'] = {"OBJ", NULL, 0},
    [0x82] = {"EXT1", NULL, 0},
    [0x83] = {"EXT2", NULL, 0},
    [0x84] = {"EXT4", NULL, 0},
    [0x97] = {"NEXT_BUFFER", NULL, 0},
    [0x98] = {"READONLY_BUFFER", NULL, 0},
};
