/*
 * pickle_writer.h - pickle streams of protocol 2, byte for byte as Python's own pickler writes them when
 * it is called in the same order. The caller says what is put into the memo. Test: model_file_test.c.
 */
#ifndef SYI_FORMATS_PICKLE_WRITER_H
#define SYI_FORMATS_PICKLE_WRITER_H

#include "core/buffer.h"

typedef struct syi_pickler {
    syi_buffer *out; /* failures latch there */
    uint32_t memo;   /* the next free entry */
} syi_pickler;

/* A memo entry of something that may come again; 0: not yet. */
typedef uint32_t syi_pickler_seen;

void syi_pickler_begin(syi_pickler *pickler, syi_buffer *out); /* PROTO */
void syi_pickler_end(syi_pickler *pickler);                    /* STOP */
/* A single opcode without argument: '(', 't', 'R', ')', ... */
void syi_pickler_opcode(syi_pickler *pickler, uint8_t opcode);
/* What was written last goes to the memo. */
syi_pickler_seen syi_pickler_put(syi_pickler *pickler);
/* true, with a reference written, when it was seen before. */
bool syi_pickler_again(syi_pickler *pickler, syi_pickler_seen seen);

void syi_pickler_bool(syi_pickler *pickler, bool value);
void syi_pickler_int(syi_pickler *pickler, int64_t value);
/* Both are put into the memo. */
syi_pickler_seen syi_pickler_text(syi_pickler *pickler, const char *text);
syi_pickler_seen syi_pickler_global(syi_pickler *pickler, const char *module, const char *name);
/* () or a tuple of ints, which is put into the memo. */
void syi_pickler_int_tuple(syi_pickler *pickler, const int64_t *values, int count);

/* Python adds items to a list or dict in batches of 1000, and a batch of one without a mark: call `next`
 * before each of `total` items, `done` behind the last. `one` and `many` are 's' and 'u', or 'a' and 'e'. */
typedef struct syi_pickler_items {
    size_t total, at;
    uint8_t one, many;
} syi_pickler_items;
void syi_pickler_next(syi_pickler *pickler, syi_pickler_items *items);
void syi_pickler_done(syi_pickler *pickler, syi_pickler_items *items);

#endif
