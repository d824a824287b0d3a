/* pickle_machine.h - the inside of the pickle machine, shared by pickle.c (stack, memo, memory, loop),
 * pickle_opcodes.c and pickle_scalars.c (what each opcode does). */
#ifndef SYI_FORMATS_PICKLE_MACHINE_H
#define SYI_FORMATS_PICKLE_MACHINE_H

#include "formats/pickle.h"

typedef struct syi_pickle_machine {
    syi_pickle *pickle;
    const syi_pickle_rules *rules;
    syi_pickle_limits limits;
    const uint8_t *start, *at, *end;
    size_t opcode_at;   /* where the opcode that runs starts */
    const char *opcode; /* its name */
    syi_pickle_value **stack;
    size_t count, capacity;
    size_t *marks; /* heights of the stack */
    size_t mark_count, mark_capacity;
    syi_pickle_value **memo; /* NULL: free */
    size_t memo_count, memo_capacity;
    bool stopped;
} syi_pickle_machine;

typedef struct syi_pickle_opcode {
    const char *name;                                                     /* NULL: no such opcode */
    sy_status (*run)(syi_pickle_machine *m, int argument, sy_error *err); /* NULL: refused */
    int argument;
} syi_pickle_opcode;

extern const syi_pickle_opcode syi_pickle_opcodes[256];

/* "pickle: SETITEMS at byte 17: <sentence>" */
sy_status syi_pickle_fail(const syi_pickle_machine *m, sy_status status, sy_error *err,
                          const char *format, ...) SY_PRINTF(4, 5);
/* Memory that lives with the values; zeroed. */
sy_status syi_pickle_allocate(syi_pickle_machine *m, void **memory, size_t size, sy_error *err);
sy_status syi_pickle_make(syi_pickle_machine *m, syi_pickle_value **value, syi_pickle_kind kind,
                          sy_error *err);
/* The same, pushed. */
sy_status syi_pickle_push_new(syi_pickle_machine *m, syi_pickle_value **value, syi_pickle_kind kind,
                              sy_error *err);
sy_status syi_pickle_push(syi_pickle_machine *m, syi_pickle_value *value, sy_error *err);
/* Not below the last mark. */
sy_status syi_pickle_pop(syi_pickle_machine *m, syi_pickle_value **value, sy_error *err);
sy_status syi_pickle_top(syi_pickle_machine *m, syi_pickle_value **value, sy_error *err);
sy_status syi_pickle_mark(syi_pickle_machine *m, sy_error *err);
/* Takes the last mark; what lies above it, borrowed until the next push, is off the stack. */
sy_status syi_pickle_unmark(syi_pickle_machine *m, syi_pickle_value ***items, size_t *count,
                            sy_error *err);
sy_status syi_pickle_extend(syi_pickle_machine *m, syi_pickle_value *list,
                            syi_pickle_value *const *items, size_t count, sy_error *err);
sy_status syi_pickle_memo_put(syi_pickle_machine *m, uint64_t index, syi_pickle_value *value,
                              sy_error *err);
sy_status syi_pickle_memo_get(syi_pickle_machine *m, uint64_t index, syi_pickle_value **value,
                              sy_error *err);
/* The next bytes of the stream. */
sy_status syi_pickle_take(syi_pickle_machine *m, const uint8_t **bytes, uint64_t size,
                          sy_error *err);
/* A little-endian number of 1 to 8 bytes. */
sy_status syi_pickle_take_number(syi_pickle_machine *m, int size, uint64_t *number, sy_error *err);
/* Up to the next newline, which is taken but not part of it. */
sy_status syi_pickle_take_line(syi_pickle_machine *m, const uint8_t **line, size_t *length,
                               sy_error *err);

/* pickle_scalars.c: opcodes for the table, and what others of them need. */
sy_status syi_pickle_op_none(syi_pickle_machine *m, int argument, sy_error *err);
sy_status syi_pickle_op_bool(syi_pickle_machine *m, int argument, sy_error *err);
sy_status syi_pickle_op_int(syi_pickle_machine *m, int argument, sy_error *err);
sy_status syi_pickle_op_long(syi_pickle_machine *m, int argument, sy_error *err);
sy_status syi_pickle_op_text_int(syi_pickle_machine *m, int argument, sy_error *err);
sy_status syi_pickle_op_text_float(syi_pickle_machine *m, int argument, sy_error *err);
sy_status syi_pickle_op_float(syi_pickle_machine *m, int argument, sy_error *err);
sy_status syi_pickle_op_unicode(syi_pickle_machine *m, int argument, sy_error *err);
sy_status syi_pickle_op_bytes(syi_pickle_machine *m, int argument, sy_error *err);
sy_status syi_pickle_op_old_string(syi_pickle_machine *m, int argument, sy_error *err);
sy_status syi_pickle_op_quoted(syi_pickle_machine *m, int argument, sy_error *err);
sy_status syi_pickle_op_raw_unicode(syi_pickle_machine *m, int argument, sy_error *err);
bool syi_pickle_is_utf8(const uint8_t *bytes, size_t length);
sy_status syi_pickle_push_text(syi_pickle_machine *m, syi_pickle_kind kind, const uint8_t *bytes,
                               size_t length, sy_error *err);

#endif
