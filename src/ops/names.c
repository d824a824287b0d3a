/* names.c - from "torch.nn.functional.relu_" to the row relu, in place. Test: names_test.c. */
#include "ops/names.h"

#include <string.h>

enum { NAME_MAX_LENGTH = 48 }; /* longer ones are no operation's */

typedef struct text {
    const char *start;
    size_t length;
} text;

static uint32_t hash(text name)
{
    uint32_t value = 2166136261u; /* FNV-1a */
    for (size_t i = 0; i < name.length; i++) {
        value = (value ^ (uint8_t)name.start[i]) * 16777619u;
    }
    return value ^ value >> 15;
}

/* The slot of a name, or the free one where it belongs. The table always has free slots. */
static size_t find_slot(const syi_names *names, text name)
{
    size_t at = hash(name) % SYI_NAME_SLOTS;
    while (names->slots[at].length != 0 &&
           (names->slots[at].length != name.length ||
            memcmp(names->slots[at].text, name.start, name.length) != 0)) {
        at = (at + 1) % SYI_NAME_SLOTS;
    }
    return at;
}

static const syi_name *look_up(const syi_names *names, text name)
{
    if (name.length == 0 || name.length > NAME_MAX_LENGTH) {
        return NULL;
    }
    const syi_name *slot = &names->slots[find_slot(names, name)];
    return slot->length > 0 ? slot : NULL;
}

/* "__add__" -> "add"; false for others. */
static bool strip_dunder(text *name)
{
    if (name->length < 5 || memcmp(name->start, "__", 2) != 0 ||
        memcmp(name->start + name->length - 2, "__", 2) != 0) {
        return false;
    }
    name->start += 2;
    name->length -= 4;
    return true;
}

static sy_status add_name(syi_names *names, const syi_op *op, text name, sy_error *err)
{
    bool dunder = strip_dunder(&name);
    if (name.length == 0 || name.length > NAME_MAX_LENGTH || 2 * names->count >= SYI_NAME_SLOTS) {
        return syi_fail(err, SY_ELIMIT, "no room for the name %.*s", (int)name.length, name.start);
    }
    syi_name *slot = &names->slots[find_slot(names, name)];
    if (slot->length == 0) {
        *slot = (syi_name){name.start, (uint8_t)name.length, dunder, (uint16_t)op->id};
        names->count++;
        return SY_OK;
    }
    if (slot->id != op->id) {
        return syi_fail(err, SY_EEXIST, "%s already has the name %.*s",
                        syi_op_get((syi_op_id)slot->id)->name, (int)name.length, name.start);
    }
    slot->dunder = slot->dunder && dunder;
    return SY_OK;
}

sy_status syi_names_add_row(syi_names *names, const syi_op *op, sy_error *err)
{
    SY_TRY(add_name(names, op, (text){op->name, strlen(op->name)}, err));
    const char *at = op->aliases;
    while (*at != 0) {
        size_t length = strcspn(at, " ");
        SY_TRY(add_name(names, op, (text){at, length}, err));
        at += length;
        at += strspn(at, " ");
    }
    return SY_OK;
}

static text strip_module(text name)
{
    static const char *const modules[] = {"torch.nn.functional.", "torch.functional.", "torch."};
    for (size_t i = 0; i < sizeof modules / sizeof modules[0]; i++) {
        size_t length = strlen(modules[i]);
        if (name.length > length && memcmp(name.start, modules[i], length) == 0) {
            return (text){name.start + length, name.length - length};
        }
    }
    return name;
}

static bool found(const syi_name *entry, bool in_place, const syi_op **op, bool *inplace)
{
    const syi_op *row = syi_op_get((syi_op_id)entry->id);
    bool only = (row->flags & SYI_OP_ONLY_INPLACE) != 0;
    if (in_place && (row->flags & SYI_OP_INPLACE) == 0) {
        return false;
    }
    *op = row;
    *inplace = in_place || only;
    return true;
}

/* __add__, __radd__, and in place __iadd__. */
static bool find_operator(const syi_names *names, text inner, const syi_op **op, bool *inplace)
{
    const syi_name *entry = look_up(names, inner);
    if (entry != NULL) {
        /* __index__ is Python's conversion to int, not indexing; zero_ and the like have no __zero___ */
        bool foreign =
            !entry->dunder && (entry->id == SYI_OP_index || inner.start[inner.length - 1] == '_');
        /* x[i] = y writes into x, though it has no sign of that in its name */
        const bool assigns = entry->dunder && entry->id == SYI_OP_index_put;
        return !foreign && found(entry, assigns, op, inplace);
    }
    if (inner.start[0] != 'i') {
        return false;
    }
    inner.start++;
    inner.length--;
    entry = look_up(names, inner);
    bool reflected = entry != NULL && entry->dunder && inner.start[0] == 'r';
    return entry != NULL && !reflected && found(entry, true, op, inplace);
}

bool syi_names_find(const syi_names *names, const char *name, size_t length, const syi_op **op,
                    bool *inplace)
{
    text plain = strip_module((text){name, length});
    const syi_name *entry = look_up(names, plain);
    if (entry != NULL && !entry->dunder) {
        return found(entry, false, op, inplace);
    }
    text inner = plain;
    if (strip_dunder(&inner)) {
        return find_operator(names, inner, op, inplace);
    }
    if (plain.length < 2 || plain.start[plain.length - 1] != '_') {
        return false;
    }
    plain.length--;
    entry = look_up(names, plain);
    return entry != NULL && !entry->dunder && found(entry, true, op, inplace);
}
