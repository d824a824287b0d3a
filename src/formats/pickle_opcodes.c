/* pickle_opcodes.c - what each opcode of a pickle does. Lib/pickletools.py documents them; what makes
 * objects goes through the caller's list of globals and nothing else. Numbers and text: pickle_scalars.c. Test:
 * pickle_test.c. */
#include <inttypes.h>

#include "formats/pickle_machine.h"

typedef syi_pickle_machine machine;
typedef syi_pickle_value value;

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
    if (!syi_pickle_is_utf8(line, length)) {
        return syi_pickle_fail(m, SY_EFORMAT, err, "the text is not UTF-8");
    }
    SY_TRY(syi_pickle_push_text(m, SYI_PICKLE_STRING, line, length, err));
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
    ['N'] = {"NONE", syi_pickle_op_none, 0},
    [0x88] = {"NEWTRUE", syi_pickle_op_bool, 1},
    [0x89] = {"NEWFALSE", syi_pickle_op_bool, 0},
    ['J'] = {"BININT", syi_pickle_op_int, 4},
    ['K'] = {"BININT1", syi_pickle_op_int, 1},
    ['M'] = {"BININT2", syi_pickle_op_int, 2},
    [0x8a] = {"LONG1", syi_pickle_op_long, 1},
    [0x8b] = {"LONG4", syi_pickle_op_long, 4},
    ['I'] = {"INT", syi_pickle_op_text_int, 'I'},
    ['L'] = {"LONG", syi_pickle_op_text_int, 'L'},
    ['F'] = {"FLOAT", syi_pickle_op_text_float, 0},
    ['G'] = {"BINFLOAT", syi_pickle_op_float, 0},
    ['X'] = {"BINUNICODE", syi_pickle_op_unicode, 4},
    [0x8c] = {"SHORT_BINUNICODE", syi_pickle_op_unicode, 1},
    [0x8d] = {"BINUNICODE8", syi_pickle_op_unicode, 8},
    ['V'] = {"UNICODE", syi_pickle_op_raw_unicode, 0},
    ['S'] = {"STRING", syi_pickle_op_quoted, 0},
    ['T'] = {"BINSTRING", syi_pickle_op_old_string, 4},
    ['U'] = {"SHORT_BINSTRING", syi_pickle_op_old_string, 1},
    ['B'] = {"BINBYTES", syi_pickle_op_bytes, 4},
    ['C'] = {"SHORT_BINBYTES", syi_pickle_op_bytes, 1},
    [0x8e] = {"BINBYTES8", syi_pickle_op_bytes, 8},
    [0x96] = {"BYTEARRAY8", syi_pickle_op_bytes, 8},
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
