/*
 * pickle.c - the pickle machine: memory, stack, marks, memo, the loop. Nothing here recurses, so a
 * stream can nest as it likes. The opcodes: pickle_opcodes.c. Test: pickle_test.c.
 */
#include "formats/pickle.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "core/memory.h"
#include "formats/pickle_machine.h"

enum {
    CHUNK_FIRST = 4096,
    CHUNK_MAX = 1 << 20,
    OPCODES = 4 << 20,
    MEMORY = 256 << 20,
    MEMO = 1 << 20,
    MARKS = 1000,
};

/* Values are never freed one by one: they come from chunks that go together. */
typedef struct syi_pickle_chunk {
    struct syi_pickle_chunk *next;
    size_t size, used; /* with this header */
} syi_pickle_chunk;

sy_status syi_pickle_fail(const syi_pickle_machine *m, sy_status status, sy_error *err,
                          const char *format, ...)
{
    char text[320];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return syi_fail(err, status, "pickle: %s at byte %zu: %s", m->opcode, m->opcode_at, text);
}

/* --- memory ----------------------------------------------------------------------------------- */

static sy_status charge(syi_pickle_machine *m, size_t size, sy_error *err)
{
    if (size > m->limits.memory - m->pickle->used) {
        return syi_pickle_fail(m, SY_ELIMIT, err, "the values need more than %zu bytes",
                               m->limits.memory);
    }
    m->pickle->used += size;
    return SY_OK;
}

static sy_status add_chunk(syi_pickle_machine *m, size_t size, sy_error *err)
{
    syi_pickle *p = m->pickle;
    size_t room = p->chunks == NULL ? CHUNK_FIRST : p->chunks->size * 2;
    room = room > CHUNK_MAX ? CHUNK_MAX : room;
    room = room < size + sizeof(syi_pickle_chunk) ? size + sizeof(syi_pickle_chunk) : room;
    syi_pickle_chunk *made = syi_alloc(p->context, room);
    if (made == NULL) {
        return SYI_ENOMEM(err, "pickle");
    }
    *made = (syi_pickle_chunk){.next = p->chunks, .size = room, .used = sizeof *made};
    p->chunks = made;
    return SY_OK;
}

sy_status syi_pickle_allocate(syi_pickle_machine *m, void **memory, size_t size, sy_error *err)
{
    if (size > m->limits.memory) {
        return charge(m, size, err); /* rounding up would wrap */
    }
    size = (size + 15) & ~(size_t)15;
    SY_TRY(charge(m, size, err));
    const syi_pickle_chunk *chunk = m->pickle->chunks;
    if (chunk == NULL || size > chunk->size - chunk->used) {
        SY_TRY(add_chunk(m, size, err));
    }
    *memory = (char *)m->pickle->chunks + m->pickle->chunks->used;
    m->pickle->chunks->used += size;
    return SY_OK;
}

void syi_pickle_fini(syi_pickle *pickle)
{
    while (pickle->chunks != NULL) {
        syi_pickle_chunk *next = pickle->chunks->next;
        syi_free(pickle->context, pickle->chunks, pickle->chunks->size);
        pickle->chunks = next;
    }
    pickle->root = NULL;
    pickle->used = 0;
}

sy_status syi_pickle_make(syi_pickle_machine *m, syi_pickle_value **value, syi_pickle_kind kind,
                          sy_error *err)
{
    void *made = NULL;
    SY_TRY(syi_pickle_allocate(m, &made, sizeof **value, err));
    *value = made;
    (*value)->kind = kind;
    return SY_OK;
}

/* Room for an item behind `count` in a list that dies with the machine. Charged, though. */
static sy_status grow(syi_pickle_machine *m, void **list, size_t count, size_t *capacity,
                      size_t item, sy_error *err)
{
    if (count < *capacity) {
        return SY_OK;
    }
    size_t more = *capacity == 0 ? 64 : *capacity * 2;
    more = more <= count ? count + 1 : more;
    SY_TRY(charge(m, (more - *capacity) * item, err));
    void *made = syi_alloc_array(m->pickle->context, more, item);
    if (made == NULL) {
        return SYI_ENOMEM(err, "pickle");
    }
    if (*capacity > 0) {
        memcpy(made, *list, *capacity * item);
    }
    syi_free(m->pickle->context, *list, *capacity * item);
    *list = made;
    *capacity = more;
    return SY_OK;
}

/* --- stack and marks -------------------------------------------------------------------------- */

sy_status syi_pickle_push(syi_pickle_machine *m, syi_pickle_value *value, sy_error *err)
{
    void *list = m->stack;
    SY_TRY(grow(m, &list, m->count, &m->capacity, sizeof *m->stack, err));
    m->stack = list;
    m->stack[m->count++] = value;
    return SY_OK;
}

sy_status syi_pickle_push_new(syi_pickle_machine *m, syi_pickle_value **value, syi_pickle_kind kind,
                              sy_error *err)
{
    SY_TRY(syi_pickle_make(m, value, kind, err));
    return syi_pickle_push(m, *value, err);
}

sy_status syi_pickle_top(syi_pickle_machine *m, syi_pickle_value **value, sy_error *err)
{
    if (m->count <= (m->mark_count > 0 ? m->marks[m->mark_count - 1] : 0)) {
        return syi_pickle_fail(m, SY_EFORMAT, err, "nothing is on the stack");
    }
    *value = m->stack[m->count - 1];
    return SY_OK;
}

sy_status syi_pickle_pop(syi_pickle_machine *m, syi_pickle_value **value, sy_error *err)
{
    SY_TRY(syi_pickle_top(m, value, err));
    m->count--;
    return SY_OK;
}

sy_status syi_pickle_mark(syi_pickle_machine *m, sy_error *err)
{
    void *list = m->marks;
    if (m->mark_count == m->limits.marks) {
        return syi_pickle_fail(m, SY_ELIMIT, err, "more than %zu marks are open", m->limits.marks);
    }
    SY_TRY(grow(m, &list, m->mark_count, &m->mark_capacity, sizeof *m->marks, err));
    m->marks = list;
    m->marks[m->mark_count++] = m->count;
    return SY_OK;
}

sy_status syi_pickle_unmark(syi_pickle_machine *m, syi_pickle_value ***items, size_t *count,
                            sy_error *err)
{
    if (m->mark_count == 0) {
        return syi_pickle_fail(m, SY_EFORMAT, err, "there is no mark");
    }
    const size_t height = m->marks[--m->mark_count];
    *items = m->stack == NULL ? NULL : m->stack + height;
    *count = m->count - height;
    m->count = height;
    return SY_OK;
}

sy_status syi_pickle_extend(syi_pickle_machine *m, syi_pickle_value *list,
                            syi_pickle_value *const *items, size_t count, sy_error *err)
{
    const size_t needed = list->as.list.count + count;
    if (needed > list->as.list.capacity) {
        void *made = NULL;
        size_t capacity = list->as.list.capacity * 2;
        capacity = capacity < needed ? needed : capacity;
        SY_TRY(syi_pickle_allocate(m, &made, capacity * sizeof *items, err));
        if (list->as.list.count > 0) {
            memcpy(made, list->as.list.items, list->as.list.count * sizeof *items);
        }
        list->as.list.items = made;
        list->as.list.capacity = capacity;
    }
    if (count > 0) {
        memcpy(list->as.list.items + list->as.list.count, items, count * sizeof *items);
    }
    list->as.list.count = needed;
    return SY_OK;
}

/* --- memo ------------------------------------------------------------------------------------- */

sy_status syi_pickle_memo_put(syi_pickle_machine *m, uint64_t index, syi_pickle_value *value,
                              sy_error *err)
{
    if (index >= m->limits.memo) {
        return syi_pickle_fail(m, SY_ELIMIT, err, "memo entry %" PRIu64 ", at most %zu are kept",
                               index, m->limits.memo);
    }
    void *list = m->memo;
    SY_TRY(grow(m, &list, (size_t)index, &m->memo_capacity, sizeof *m->memo, err));
    m->memo = list;
    m->memo_count += m->memo[index] == NULL ? 1 : 0;
    m->memo[index] = value;
    return SY_OK;
}

sy_status syi_pickle_memo_get(syi_pickle_machine *m, uint64_t index, syi_pickle_value **value,
                              sy_error *err)
{
    if (index >= m->memo_capacity || m->memo[index] == NULL) {
        return syi_pickle_fail(m, SY_EFORMAT, err, "memo entry %" PRIu64 " was never put there",
                               index);
    }
    *value = m->memo[index];
    return SY_OK;
}

/* --- the stream ------------------------------------------------------------------------------- */

sy_status syi_pickle_take(syi_pickle_machine *m, const uint8_t **bytes, uint64_t size,
                          sy_error *err)
{
    const size_t left = (size_t)(m->end - m->at);
    if (size > left) {
        m->pickle->cut = true;
        return syi_pickle_fail(m, SY_EFORMAT, err,
                               "the stream is cut off: %" PRIu64 " bytes are needed, %zu are there",
                               size, left);
    }
    *bytes = m->at;
    m->at += size;
    return SY_OK;
}

sy_status syi_pickle_take_number(syi_pickle_machine *m, int size, uint64_t *number, sy_error *err)
{
    const uint8_t *bytes = NULL;
    uint8_t wide[8] = {0};
    SY_TRY(syi_pickle_take(m, &bytes, (uint64_t)size, err));
    memcpy(wide, bytes, (size_t)size);
    *number = syi_get_u64le(wide);
    return SY_OK;
}

sy_status syi_pickle_take_line(syi_pickle_machine *m, const uint8_t **line, size_t *length,
                               sy_error *err)
{
    const uint8_t *newline = m->at == m->end ? NULL : memchr(m->at, '\n', (size_t)(m->end - m->at));
    if (newline == NULL) {
        m->pickle->cut = true;
        return syi_pickle_fail(m, SY_EFORMAT, err, "the stream is cut off in a line");
    }
    *line = m->at;
    *length = (size_t)(newline - m->at);
    m->at = newline + 1;
    return SY_OK;
}

static sy_status step(syi_pickle_machine *m, sy_error *err)
{
    m->opcode_at = (size_t)(m->at - m->start);
    m->opcode = "the end";
    const uint8_t *byte = NULL;
    SY_TRY(syi_pickle_take(m, &byte, 1, err));
    const syi_pickle_opcode *opcode = &syi_pickle_opcodes[*byte];
    if (opcode->name == NULL) {
        return syi_fail(err, SY_EFORMAT, "pickle: the byte 0x%02x at %zu is no opcode", *byte,
                        m->opcode_at);
    }
    m->opcode = opcode->name;
    if (opcode->run == NULL) {
        return syi_pickle_fail(m, SY_ENOTSUP, err, "this opcode is refused");
    }
    return opcode->run(m, opcode->argument, err);
}

static sy_status run(syi_pickle_machine *m, sy_error *err)
{
    for (size_t left = m->limits.opcodes; !m->stopped; left--) {
        if (left == 0) {
            return syi_fail(err, SY_ELIMIT, "pickle: more than %zu opcodes", m->limits.opcodes);
        }
        SY_TRY(step(m, err));
    }
    m->pickle->size = (size_t)(m->at - m->start);
    return SY_OK;
}

static size_t limit(size_t asked, size_t usual)
{
    return asked != 0 ? asked : usual;
}

sy_status syi_pickle_read(sy_context *context, syi_pickle *pickle, const uint8_t *bytes,
                          size_t size, const syi_pickle_rules *rules, sy_error *err)
{
    *pickle = (syi_pickle){.context = context};
    syi_pickle_machine m = {.pickle = pickle, .rules = rules, .start = bytes, .at = bytes};
    m.end = size == 0 ? bytes : bytes + size;
    m.limits.opcodes = limit(rules->limits.opcodes, OPCODES);
    m.limits.memory = limit(rules->limits.memory, MEMORY);
    m.limits.memo = limit(rules->limits.memo, MEMO);
    m.limits.marks = limit(rules->limits.marks, MARKS);
    const sy_status status = run(&m, err);
    syi_free(context, m.stack, m.capacity * sizeof *m.stack);
    syi_free(context, m.marks, m.mark_capacity * sizeof *m.marks);
    syi_free(context, m.memo, m.memo_capacity * sizeof *m.memo);
    if (status != SY_OK) {
        syi_pickle_fini(pickle);
    }
    return status;
}

/* --- looking at values ------------------------------------------------------------------------ */

bool syi_pickle_is_text(const syi_pickle_value *value, const char *text)
{
    return value != NULL && value->kind == SYI_PICKLE_STRING &&
           value->as.text.length == strlen(text) &&
           memcmp(value->as.text.data, text, value->as.text.length) == 0;
}

const syi_pickle_value *syi_pickle_get(const syi_pickle_value *dict, const char *key)
{
    if (dict == NULL || dict->kind != SYI_PICKLE_DICT) {
        return NULL;
    }
    for (size_t k = dict->as.list.count; k >= 2; k -= 2) {
        if (syi_pickle_is_text(dict->as.list.items[k - 2], key)) {
            return dict->as.list.items[k - 1];
        }
    }
    return NULL;
}

const char *syi_pickle_describe(const syi_pickle_value *value, char *buffer, size_t size)
{
    static const char *const names[] = {
        [SYI_PICKLE_NONE] = "None",     [SYI_PICKLE_BOOL] = "a bool",
        [SYI_PICKLE_INT] = "an int",    [SYI_PICKLE_BIG] = "an int beyond 64 bits",
        [SYI_PICKLE_FLOAT] = "a float", [SYI_PICKLE_STRING] = "a string",
        [SYI_PICKLE_BYTES] = "bytes",   [SYI_PICKLE_LIST] = "a list",
        [SYI_PICKLE_TUPLE] = "a tuple", [SYI_PICKLE_DICT] = "a dict",
        [SYI_PICKLE_SET] = "a set",     [SYI_PICKLE_PERSISTENT] = "a persistent id",
    };
    if (value->kind == SYI_PICKLE_GLOBAL) {
        snprintf(buffer, size, "the global %s.%s", value->as.global->module,
                 value->as.global->name);
    } else if (value->kind == SYI_PICKLE_OBJECT) {
        snprintf(buffer, size, "an object of %s.%s", value->as.object.global->module,
                 value->as.object.global->name);
    } else {
        snprintf(buffer, size, "%s", names[value->kind]);
    }
    return buffer;
}
